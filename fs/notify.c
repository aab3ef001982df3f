#include "fs/session.h"

#include "fs/thread.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	TICK_SECONDS = 10,
	SERVE_MS = 10,    /* between two looks whether the thread has ended */
	SERVE_IDLE = 100, /* so many looks without a request: the one that it waits for is lost */
};

struct fs_notice {
	struct fs_notice *next;
	struct fs_node *parent; /* a reference */
	char name[];
};

static void discard(struct fs *fs, struct fs_notice *notice)
{
	pthread_mutex_lock(&fs->nodes.lock);
	fs_node_unref(&fs->nodes, notice->parent);
	pthread_mutex_unlock(&fs->nodes.lock);
	free(notice);
}

static void deliver(struct fs *fs, struct fs_notice *notice)
{
	/* ENOENT says that the kernel does not know the name: good. */
	(void)fuse_lowlevel_notify_inval_entry(
		fs->session, fs_number_of(fs, notice->parent), notice->name, strlen(notice->name));
	discard(fs, notice);
}

/* Waits for the next notice or tick; *ret is NULL at a tick. False: the end. */
static bool take(struct fs_notifier *notifier, struct fs_notice **ret)
{
	struct timespec until;
	struct fs_notice *notice;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TICK_SECONDS;
	pthread_mutex_lock(&notifier->lock);
	while (!notifier->first && !notifier->stop)
		if (pthread_cond_timedwait(&notifier->more, &notifier->lock, &until) == ETIMEDOUT)
			break;
	stop = notifier->stop;
	notice = stop ? NULL : notifier->first;
	if (notice) {
		notifier->first = notice->next;
		if (!notifier->first)
			notifier->last = &notifier->first;
	}
	pthread_mutex_unlock(&notifier->lock);
	*ret = notice;
	return !stop;
}

static void *run(void *context)
{
	struct fs *fs = context;
	struct fs_notice *notice;
	uint32_t ticked = fs_now_seconds();

	while (take(&fs->notifier, &notice)) {
		if (notice)
			deliver(fs, notice);
		if (fs_now_seconds() - ticked >= TICK_SECONDS) {
			map_tick(fs->map);
			ticked = fs_now_seconds();
		}
	}
	fs->notifier.ended = true;
	return NULL;
}

bool fs_notifier_start(struct fs *fs)
{
	struct fs_notifier *notifier = &fs->notifier;
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&notifier->lock, NULL);
	pthread_cond_init(&notifier->more, &monotonic);
	pthread_condattr_destroy(&monotonic);
	notifier->first = NULL;
	notifier->last = &notifier->first;
	notifier->stop = false;
	notifier->ended = false;
	notifier->started = fs_thread_start(&notifier->thread, "notify", run, fs);
	return notifier->started;
}

/*
 * A notice under way may wait for a directory that a request holds which nobody has read yet, for the
 * session's loop is over: so requests are served until the thread has ended. A worker that was cancelled
 * while it received one may even have lost it: then only the connection's end helps.
 */
static void serve_the_rest(struct fs *fs)
{
	struct pollfd fd = {.fd = fuse_session_fd(fs->session), .events = POLLIN};
	struct fuse_buf request = {0};
	int length = 1, idle = 0;

	fuse_session_reset(fs->session);
	(void)fcntl(fd.fd, F_SETFL, fcntl(fd.fd, F_GETFL) | O_NONBLOCK);
	while (!fs->notifier.ended && (length > 0 || length == -EINTR || length == -EAGAIN)) {
		length = -EAGAIN;
		if (++idle == SERVE_IDLE)
			fs_guard_abort(fs->guard);
		if (poll(&fd, 1, SERVE_MS) > 0)
			length = fuse_session_receive_buf(fs->session, &request);
		if (length > 0) {
			idle = 0;
			fuse_session_process_buf(fs->session, &request);
		}
	}
	free(request.mem);
}

/* What is not told yet need not be: the kernel is about to forget all. */
static void drop(struct fs *fs)
{
	struct fs_notice *next;

	for (struct fs_notice *notice = fs->notifier.first; notice; notice = next) {
		next = notice->next;
		discard(fs, notice);
	}
	fs->notifier.first = NULL;
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
	serve_the_rest(fs);
	pthread_join(notifier->thread, NULL);
	notifier->started = false;
	drop(fs);
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

void fs_notify_entry(struct fs *fs, struct fs_node *parent, const char *name)
{
	size_t length = strlen(name);
	struct fs_notice *notice = fs->notifier.started ? calloc(1, sizeof *notice + length + 1) : NULL;

	if (!notice)
		return; /* the node is detached all the same: the next open asks again */
	memcpy(notice->name, name, length);
	notice->parent = parent;
	fs_node_ref(&fs->nodes, parent);
	queue(fs, notice);
}

/* False: the kernel has no such node, though it was told of one. */
static bool drop_attributes(struct fs *fs, const struct fs_node *node)
{
	return !fs->mounted || !node->lookups ||
	       fuse_lowlevel_notify_inval_inode(fs->session, fs_number_of(fs, node), -1, 0) != -ENOENT;
}

/*
 * Where the kernel has no node yet, an answer that brings it, and what it was by then, is on its way. Who
 * waits for that answer holds the directory's lock: so the name is dropped behind it, and until the kernel
 * has asked again nobody reads by its size. A directory's name is not, for it would be taken from those who
 * are in it by then; of a directory nothing changes that matters.
 */
void fs_notify_attributes(struct fs *fs, struct fs_node *node)
{
	if (drop_attributes(fs, node) || node->directory)
		return;
	node->unsized = true;
	fs_notify_entry(fs, node->parent, node->name);
}

void fs_notify_stale(struct fs *fs, struct fs_node *node)
{
	if (!node->parent)
		return;
	fs_node_detach(&fs->nodes, node);
	/* Without handles a detached node answers ESTALE, and the kernel asks again by itself. */
	if (!drop_attributes(fs, node) || node->handles)
		fs_notify_entry(fs, node->parent, node->name);
}
