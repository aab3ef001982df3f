/*
 * Requests that wait: reads that find nothing yet, and polls of such files. They are put aside and hold no
 * worker; when the map tells of news (fs_stirred) a thread of this file's own tries each of them again, once
 * for all that came meanwhile. It is started with the first of them and sleeps till there is news. A read
 * that is interrupted is answered at once. Threads: any. The lock is taken by who holds that of a request
 * (libfuse does while it tells of an interrupt); under it nothing is taken but libfuse's own.
 */
#ifndef FS_PARKED_H
#define FS_PARKED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fs;
struct fs_handle;
struct fuse_pollhandle;
struct fuse_req;

struct fs_waiting {
	struct fs_waiting *previous, *next; /* NULL while it is being tried */
	struct fs_handle *handle;           /* a reference */
	struct fuse_req *read;              /* the request; NULL: a poll */
	size_t size;
	uint64_t offset;
	struct fuse_pollhandle *poll;
};

struct fs_parked {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t thread;
	struct fs_waiting waiting, due;  /* heads of rings: who waits for news, and whom there is news for */
	size_t reads;                    /* that wait */
	atomic_uint_fast64_t news;       /* how often there was some; rises under the lock */
	uint64_t seen;                   /* as of when all were put among the due */
	bool overtaken, started, closed; /* overtaken: there was news while one was being tried */
};

void fs_parked_init(struct fs_parked *parked);
void fs_parked_done(struct fs_parked *parked);
/* To be asked before a file is read or looked at: what comes later is not missed. */
uint64_t fs_parked_news(const struct fs_parked *parked);
size_t fs_parked_count(struct fs_parked *parked);

/* The read will be answered. */
void fs_park_read(struct fs *fs, struct fuse_req *req, struct fs_handle *handle, size_t size, uint64_t offset,
	uint64_t news);
/* The kernel will be told once a read would be answered at once. 0 or an errno value. */
int fs_park_poll(
	struct fs *fs, struct fs_handle *handle, struct fuse_pollhandle *poll /* taken */, uint64_t news);
/* The handle is about to be released. */
void fs_parked_forget(struct fs *fs, struct fs_handle *handle);
/* All that waits is answered with ENOTCONN, and what would wait later. */
void fs_parked_close(struct fs *fs);

#endif
