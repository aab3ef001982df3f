#include "fs/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	TICK_SECONDS = 10,
	SURPLUS_BATCH = 1000, /* nodes given back in one go */
};

struct fs_notice {
	struct fs_notice *next;
	struct fs_node *parent; /* a reference */
	char name[];
};

static void deliver(struct fs *fs, struct fs_notice *notice)
{
	/* ENOENT says that the kernel does not know the name: good. */
	(void)fuse_lowlevel_notify_inval_entry(
		fs->session, fs_number_of(fs, notice->parent), notice->name, strlen(notice->name));
	pthread_mutex_lock(&fs->nodes.lock);
	fs_node_unref(&fs->nodes, notice->parent);
	pthread_mutex_unlock(&fs->nodes.lock);
	free(notice);
}

/* The next notice, or NULL at a tick or at the end. */
static struct fs_notice *take(struct fs_notifier *notifier)
{
	struct timespec until;
	struct fs_notice *notice;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TICK_SECONDS;
	pthread_mutex_lock(&notifier->lock);
	while (!notifier->first && !notifier->stop)
		if (pthread_cond_timedwait(&notifier->more, &notifier->lock, &until) == ETIMEDOUT)
			break;
	notice = notifier->first;
	if (notice) {
		notifier->first = notice->next;
		if (!notifier->first)
			notifier->last = &notifier->first;
	}
	pthread_mutex_unlock(&notifier->lock);
	return notice;
}

static void *run(void *context)
{
	struct fs *fs = context;
	struct fs_notice *notice;
	time_t ticked = time(NULL);

	while ((notice = take(&fs->notifier)) || !fs->notifier.stop) {
		if (notice)
			deliver(fs, notice);
		if (time(NULL) - ticked >= TICK_SECONDS) {
			map_tick(fs->map);
			ticked = time(NULL);
		}
	}
	return NULL;
}

bool fs_notifier_start(struct fs *fs)
{
	struct fs_notifier *notifier = &fs->notifier;

	pthread_mutex_init(&notifier->lock, NULL);
	pthread_cond_init(&notifier->more, NULL);
	notifier->first = NULL;
	notifier->last = &notifier->first;
	notifier->stop = false;
	notifier->started = pthread_create(&notifier->thread, NULL, run, fs) == 0;
	return notifier->started;
}

void fs_notifier_stop(struct fs *fs)
{
	struct fs_notifier *notifier = &fs->notifier;

	if (!notifier->started)
		return;
	pthread_mutex_lock(&notifier->lock);
	notifier->stop = true;
	pthread_cond_signal(&notifier->more);
	pthread_mutex_unlock(&notifier->lock);
	pthread_join(notifier->thread, NULL);
	notifier->started = false;
	pthread_cond_destroy(&notifier->more);
	pthread_mutex_destroy(&notifier->lock);
}

static void queue(struct fs *fs, struct fs_notice *notice)
{
	struct fs_notifier *notifier = &fs->notifier;

	pthread_mutex_lock(&notifier->lock);
	*notifier->last = notice;
	notifier->last = &notice->next;
	pthread_cond_signal(&notifier->more);
	pthread_mutex_unlock(&notifier->lock);
}

void fs_notify_attributes(struct fs *fs, const struct fs_node *node)
{
	if (fs->mounted)
		(void)fuse_lowlevel_notify_inval_inode(fs->session, fs_number_of(fs, node), -1, 0);
}

void fs_notify_entry(struct fs *fs, struct fs_node *parent, const char *name)
{
	size_t length = strlen(name);
	struct fs_notice *notice = calloc(1, sizeof *notice + length + 1);

	if (!notice)
		return; /* the node is detached all the same: the next open asks again */
	memcpy(notice->name, name, length);
	notice->parent = parent;
	fs_node_ref(parent);
	queue(fs, notice);
}

void fs_notify_stale(struct fs *fs, struct fs_node *node)
{
	if (!node->parent)
		return;
	fs_node_detach(&fs->nodes, node);
	fs_notify_attributes(fs, node);
	/* Without handles a detached node answers ESTALE, and the kernel asks again by itself. */
	if (node->handles)
		fs_notify_entry(fs, node->parent, node->name);
}

void fs_notify_surplus(struct fs *fs)
{
	struct fs_nodes *nodes = &fs->nodes;
	unsigned given = 0;

	pthread_mutex_lock(&nodes->lock);
	if (nodes->count > fs->options.nodes) {
		struct fs_node *newer;
		for (struct fs_node *node = nodes->oldest; node && given < SURPLUS_BATCH; node = newer) {
			newer = node->newer;
			if (node->references)
				continue;
			/* Off the list, so that it is asked for once; used again, it comes back to it. */
			fs_notify_entry(fs, node->parent, node->name);
			fs_node_unlist(nodes, node);
			given++;
		}
	}
	pthread_mutex_unlock(&nodes->lock);
}
