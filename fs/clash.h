/*
 * Threads that were sent back (ESTALE) to look a name up again, because its node is one of readers or of
 * writers and they want to do the other, or its name is gone. The kernel tries once more only, so nobody is
 * sent back twice. Bounded: for whom there is no room is not sent back. Under the nodes' lock.
 */
#ifndef FS_CLASH_H
#define FS_CLASH_H

#include "fs/node.h"
#include <sys/types.h>

enum { FS_CLASHES = 64 };

struct fs_clashes {
	struct {
		const struct fs_node *node; /* never followed */
		pid_t thread;
		uint32_t until; /* CLOCK_MONOTONIC seconds */
	} slots[FS_CLASHES];
};

/* True: the thread is to be sent back. */
bool fs_clash_begins(struct fs_clashes *clashes, const struct fs_node *node, pid_t thread);
/* Whether it was sent back from this node. */
bool fs_clash_with(const struct fs_clashes *clashes, const struct fs_node *node, pid_t thread);
/* It goes on; whether it was sent back before. */
bool fs_clash_ends(struct fs_clashes *clashes, pid_t thread);

#endif
