/*
 * Threads that were sent back (ESTALE) to look a name up again, because its node is one of readers or of
 * writers and they want to do the other, or its name is gone. The kernel tries once more only, so nobody is
 * sent back twice. Bounded: for whom there is no room is not sent back. Under the nodes' lock.
 */
#ifndef FS_CLASH_H
#define FS_CLASH_H

#include "fs/node.h"
#include <sys/types.h>

enum { FS_CLASHES = 4096 }; /* two threads of the same slot are rarely at work at once */

struct fs_clashes {
	struct {
		uint32_t name; /* the hash of the node's */
		pid_t thread;
		bool writes, looked;
		uint32_t until; /* CLOCK_MONOTONIC seconds */
	} slots[FS_CLASHES];
};

/* True: the thread is to be sent back. */
bool fs_clash_begins(struct fs_clashes *clashes, const struct fs_node *node, bool writes, pid_t thread);
/* Whether it was sent back, as a reader, from a node of this one's name. */
bool fs_clash_of_reader(const struct fs_clashes *clashes, const struct fs_node *node, pid_t thread);
/* It has looked a name up. */
void fs_clash_looks(struct fs_clashes *clashes, pid_t thread);
/* It goes on; whether it was sent back and has looked a name up since. Who opens by a file handle has not. */
bool fs_clash_ends(struct fs_clashes *clashes, pid_t thread);

#endif
