/*
 * Names that the kernel was told do not exist, and may remember for a second: kept so that it can be told
 * when one comes to exist other than by a request of its own. Bounded: a name that finds no room is simply
 * not to be remembered. Under the nodes' lock.
 */
#ifndef FS_ABSENCE_H
#define FS_ABSENCE_H

#include "fs/node.h"

enum { FS_ABSENCES = 4096 };
#define FS_ABSENCE_TIMEOUT 1.0 /* seconds */

struct fs_absences {
	struct {
		uint64_t name;  /* a digest of directory and name */
		uint32_t until; /* CLOCK_MONOTONIC seconds */
	} slots[FS_ABSENCES];
};

/* True: the kernel may be told so, and may remember it. */
bool fs_absence_begins(struct fs_absences *absences, const struct fs_node *parent, const char *name);
/* The name exists now. True: the kernel may remember the contrary. */
bool fs_absence_ends(struct fs_absences *absences, const struct fs_node *parent, const char *name);

#endif
