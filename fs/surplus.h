/*
 * The bound on what the kernel may hold: above `-o nodes=` it is asked to give the oldest unopened nodes
 * back. It does so soon, not at once, and not with those that it uses in ways we cannot see (a working
 * directory): so the count may pass the limit by a little, but a listing does not drive it further.
 */
#ifndef FS_SURPLUS_H
#define FS_SURPLUS_H

#include <stdbool.h>

struct fs;

enum { FS_PRUNE_MINOR = 45 }; /* the first protocol version 7.x in which the kernel can be asked by number */

/* Asks for what is too much: before a request that adds to it, for what an answer on its way brings cannot be
 * given back yet. False: so much is held that a listing must not add to it. Takes the nodes' lock. */
bool fs_surplus_return(struct fs *fs);

#endif
