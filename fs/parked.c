#include "fs/session.h"

#include "fs/thread.h"
#include <errno.h>
#include <stdlib.h>

/* ---- Rings ---- */

static void ring_init(struct fs_waiting *head)
{
	head->previous = head->next = head;
}

static bool ring_is_empty(const struct fs_waiting *head)
{
	return head->next == head;
}

static void ring_append(struct fs_waiting *head, struct fs_waiting *waiting)
{
	waiting->previous = head->previous;
	waiting->next = head;
	head->previous->next = waiting;
	head->previous = waiting;
}

static void ring_remove(struct fs_waiting *waiting)
{
	waiting->previous->next = waiting->next;
	waiting->next->previous = waiting->previous;
	waiting->previous = waiting->next = NULL;
}

static void ring_move(struct fs_waiting *to, struct fs_waiting *from)
{
	while (!ring_is_empty(from)) {
		struct fs_waiting *first = from->next;
		ring_remove(first);
		ring_append(to, first);
	}
}

/* ---- What waits ---- */

void fs_parked_init(struct fs_parked *parked)
{
	pthread_mutex_init(&parked->lock, NULL);
	pthread_cond_init(&parked->more, NULL);
	ring_init(&parked->waiting);
	ring_init(&parked->due);
}

void fs_parked_done(struct fs_parked *parked)
{
	pthread_cond_destroy(&parked->more);
	pthread_mutex_destroy(&parked->lock);
}

uint64_t fs_parked_news(const struct fs_parked *parked)
{
	return parked->news;
}

size_t fs_parked_count(struct fs_parked *parked)
{
	size_t count;

	pthread_mutex_lock(&parked->lock);
	count = parked->reads;
	pthread_mutex_unlock(&parked->lock);
	return count;
}

static struct fs_waiting *waiting_new(struct fs *fs, struct fs_handle *handle)
{
	struct fs_waiting *waiting = calloc(1, sizeof *waiting);

	if (!waiting)
		return NULL;
	waiting->handle = handle;
	pthread_mutex_lock(&fs->nodes.lock);
	handle->references++;
	pthread_mutex_unlock(&fs->nodes.lock);
	return waiting;
}

/* What is not in a ring any more, and was answered or is a poll. */
static void waiting_free(struct fs *fs, struct fs_waiting *waiting)
{
	const struct map_caller nobody = {0};

	if (waiting->poll)
		fuse_pollhandle_destroy(waiting->poll);
	fs_handle_put(fs, waiting->handle, &nobody);
	free(waiting);
}

static void fail(struct fs *fs, struct fs_waiting *waiting, int error)
{
	if (waiting->read)
		fuse_reply_err(waiting->read, error);
	waiting_free(fs, waiting);
}

/* With the lock held, as the next three. */
static void leave(struct fs_parked *parked, struct fs_waiting *waiting)
{
	ring_remove(waiting);
	parked->reads -= waiting->read != NULL;
}

/* Who polls from here on waits anew. */
static void unpoll(const struct fs_waiting *waiting)
{
	if (waiting->handle->polled == waiting)
		waiting->handle->polled = NULL;
}

static void *serve(void *context);

static bool has_thread(struct fs *fs)
{
	struct fs_parked *parked = &fs->parked;

	if (!parked->started)
		parked->started = fs_thread_start(&parked->thread, "parked", serve, fs);
	return parked->started;
}

/*
 * Why it cannot wait. An interrupt that was told of before it was in a ring found nothing to answer: libfuse
 * remembers that there was one.
 */
static int refusal(struct fs *fs, const struct fs_waiting *waiting)
{
	if (fs->parked.closed)
		return ENOTCONN;
	if (waiting->read ? fuse_req_interrupted(waiting->read) : waiting->handle->polled != waiting)
		return EINTR;
	return has_thread(fs) ? 0 : ENOMEM;
}

/* `news`: as of before it was tried. What cannot wait is answered. */
static int park(struct fs *fs, struct fs_waiting *waiting, uint64_t news)
{
	struct fs_parked *parked = &fs->parked;
	int error;

	pthread_mutex_lock(&parked->lock);
	error = refusal(fs, waiting);
	if (!error) {
		ring_append(&parked->waiting, waiting);
		parked->reads += waiting->read != NULL;
		if (news != parked->news) {
			parked->overtaken = true;
			pthread_cond_signal(&parked->more);
		}
	} else {
		unpoll(waiting);
	}
	pthread_mutex_unlock(&parked->lock);
	if (error)
		fail(fs, waiting, error);
	return error;
}

/*
 * The request may have been answered just now, and what waited for it be freed; but the request itself is
 * not while libfuse tells of it. So it is looked for by its address.
 */
static void on_interrupt(fuse_req_t req, void *context)
{
	struct fs *fs = context;
	struct fs_parked *parked = &fs->parked;
	struct fs_waiting *heads[] = {&parked->waiting, &parked->due}, *found = NULL;

	pthread_mutex_lock(&parked->lock);
	for (size_t i = 0; i < sizeof heads / sizeof *heads && !found; i++)
		for (struct fs_waiting *waiting = heads[i]->next; waiting != heads[i] && !found;
			waiting = waiting->next)
			if (waiting->read == req)
				found = waiting;
	if (found)
		leave(parked, found);
	pthread_mutex_unlock(&parked->lock);
	if (found)
		fail(fs, found, EINTR);
}

void fs_park_read(struct fs *fs, struct fuse_req *req, struct fs_handle *handle, size_t size, uint64_t offset,
	uint64_t news)
{
	struct fs_waiting *waiting = waiting_new(fs, handle);

	if (!waiting) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	waiting->read = req;
	waiting->size = size;
	waiting->offset = offset;
	/* Not under our lock: this one takes the request's. */
	fuse_req_interrupt_func(req, on_interrupt, fs);
	(void)park(fs, waiting, news);
}

int fs_park_poll(struct fs *fs, struct fs_handle *handle, struct fuse_pollhandle *poll, uint64_t news)
{
	struct fs_parked *parked = &fs->parked;
	struct fs_waiting *waiting = waiting_new(fs, handle);
	bool already;

	if (!waiting) {
		fuse_pollhandle_destroy(poll);
		return ENOMEM;
	}
	waiting->poll = poll;
	pthread_mutex_lock(&parked->lock);
	already = handle->polled != NULL;
	if (!already)
		handle->polled = waiting;
	pthread_mutex_unlock(&parked->lock);
	if (!already)
		return park(fs, waiting, news);
	/* Of one handle the kernel has to be told but once, whoever polls. */
	waiting_free(fs, waiting);
	return 0;
}

void fs_parked_forget(struct fs *fs, struct fs_handle *handle)
{
	struct fs_parked *parked = &fs->parked;
	struct fs_waiting *waiting;

	pthread_mutex_lock(&parked->lock);
	waiting = handle->polled;
	handle->polled = NULL;
	if (waiting && waiting->next)
		leave(parked, waiting);
	else
		waiting = NULL; /* who is trying it will see */
	pthread_mutex_unlock(&parked->lock);
	if (waiting)
		waiting_free(fs, waiting);
}

/* ---- News ---- */

void fs_stirred(void *context)
{
	struct fs_parked *parked = &((struct fs *)context)->parked;

	pthread_mutex_lock(&parked->lock);
	parked->news++;
	if (!ring_is_empty(&parked->waiting))
		pthread_cond_signal(&parked->more);
	pthread_mutex_unlock(&parked->lock);
}

/* Waits for one to try. Each is tried once before any is tried again. NULL: the end. */
static struct fs_waiting *take(struct fs_parked *parked)
{
	struct fs_waiting *waiting = NULL;

	pthread_mutex_lock(&parked->lock);
	while (!parked->closed && ring_is_empty(&parked->due)) {
		if (ring_is_empty(&parked->waiting) || (parked->seen == parked->news && !parked->overtaken)) {
			pthread_cond_wait(&parked->more, &parked->lock);
			continue;
		}
		parked->seen = parked->news;
		parked->overtaken = false;
		ring_move(&parked->due, &parked->waiting);
	}
	if (!parked->closed) {
		waiting = parked->due.next;
		leave(parked, waiting);
	}
	pthread_mutex_unlock(&parked->lock);
	return waiting;
}

/* Whether the poll is over. */
static bool notify(struct fs *fs, const struct fs_waiting *waiting)
{
	if (!map_file_ready(waiting->handle->file))
		return false;
	pthread_mutex_lock(&fs->parked.lock);
	unpoll(waiting);
	pthread_mutex_unlock(&fs->parked.lock);
	(void)fuse_lowlevel_notify_poll(waiting->poll);
	return true;
}

static void *serve(void *context)
{
	struct fs *fs = context;
	struct fs_waiting *waiting;

	while ((waiting = take(&fs->parked))) {
		uint64_t news = fs->parked.news;
		bool over;

		pthread_rwlock_rdlock(&fs->paths);
		over = waiting->read
			       ? fs_read_now(waiting->read, waiting->handle, waiting->size, waiting->offset)
			       : notify(fs, waiting);
		pthread_rwlock_unlock(&fs->paths);
		if (over)
			waiting_free(fs, waiting);
		else
			(void)park(fs, waiting, news);
	}
	return NULL;
}

void fs_parked_close(struct fs *fs)
{
	struct fs_parked *parked = &fs->parked;
	struct fs_waiting *waiting;

	pthread_mutex_lock(&parked->lock);
	parked->closed = true;
	pthread_cond_signal(&parked->more);
	pthread_mutex_unlock(&parked->lock);
	if (parked->started)
		pthread_join(parked->thread, NULL);
	for (;;) {
		pthread_mutex_lock(&parked->lock);
		ring_move(&parked->due, &parked->waiting);
		waiting = ring_is_empty(&parked->due) ? NULL : parked->due.next;
		if (waiting) {
			leave(parked, waiting);
			unpoll(waiting);
		}
		pthread_mutex_unlock(&parked->lock);
		if (!waiting)
			return;
		fail(fs, waiting, ENOTCONN);
	}
}
