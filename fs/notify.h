/*
 * Telling the kernel what it must forget. Attributes are dropped at once, from any thread: that takes no lock
 * in the kernel. Names need their directory's lock, so a thread drops those that no request waits for: who
 * holds that lock may wait for a file's lock (rename and unlink do), and who holds the file's lock may be a
 * write whose answer is still ours to give.
 */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

#include "fs/node.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct fs;
struct fs_notice;

struct fs_notifier {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct fs_notice *first, **last;
	bool started, stop;
	atomic_bool ended;
};

bool fs_notifier_start(struct fs *fs);
void fs_notifier_stop(struct fs *fs); /* when the session's loop is over; requests may be served meanwhile */

/* The kernel's attributes of a node are no longer true. With the nodes' lock held. */
void fs_notify_attributes(struct fs *fs, struct fs_node *node);
/* The kernel's entry for a name in `parent` is no longer true. With the nodes' lock held. */
void fs_notify_entry(struct fs *fs, struct fs_node *parent, const char *name);
/* With the nodes' lock held: detaches the node and makes the kernel ask again. */
void fs_notify_stale(struct fs *fs, struct fs_node *node);

#endif
