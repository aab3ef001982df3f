/*
 * Telling the kernel what it must forget. Attributes are dropped at once, from any thread: that takes no lock
 * in the kernel. Names need their directory's lock, which a request under way may hold, so a thread of its
 * own drops those; a request whose answer must come after is answered by that thread too.
 */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

#include "fs/node.h"
#include <pthread.h>
#include <stdbool.h>

struct fs;
struct fs_notice;
struct fuse_req;

struct fs_notifier {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct fs_notice *first, **last;
	bool started, stop;
};

bool fs_notifier_start(struct fs *fs);
void fs_notifier_stop(struct fs *fs); /* answers and tells what is queued, then ends the thread */

/* The kernel's attributes of a node are no longer true. With or without the nodes' lock. */
void fs_notify_attributes(struct fs *fs, const struct fs_node *node);
/* The kernel's entry for a name in `parent` is no longer true. With the nodes' lock held. */
void fs_notify_entry(struct fs *fs, struct fs_node *parent, const char *name);
/* Answers a write after every notice that is queued now. Answers it at once when there is no memory. */
void fs_notify_then_reply(struct fs *fs, struct fuse_req *req, int error, size_t count);

/* With the nodes' lock held: detaches the node and makes the kernel ask again. */
void fs_notify_stale(struct fs *fs, struct fs_node *node);
/* Above the limit: gives the oldest unopened nodes back. Takes the nodes' lock. */
void fs_notify_surplus(struct fs *fs);

#endif
