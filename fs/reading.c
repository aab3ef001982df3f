/* Reading open files, and waiting until there is something to read. */
#include "fs/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

bool fs_read_now(fuse_req_t req, struct fs_handle *handle, size_t size, uint64_t offset)
{
	char *buffer = malloc(size);
	size_t length = 0;
	int error = buffer ? map_file_read(handle->file, offset, buffer, size, &length) : ENOMEM;
	bool answers = error != EAGAIN || !map_file_waits(handle->file);

	if (answers && error)
		fuse_reply_err(req, error);
	else if (answers)
		fuse_reply_buf(req, buffer, length);
	free(buffer);
	return answers;
}

void fs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct fs_handle *handle = fs_handle_of(fi);
	uint64_t news = fs_parked_news(&fs->parked);

	(void)ino;
	if (fs_read_now(req, handle, size, (uint64_t)offset))
		return;
	/* The flags are the file's of now: fcntl(2) may have set it. */
	if (fi->flags & O_NONBLOCK)
		fuse_reply_err(req, EAGAIN);
	else
		fs_park_read(fs, req, handle, size, (uint64_t)offset, news);
}

/* What the kernel itself says of files that are never waited for. */
enum { ALWAYS = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM };

void fs_op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *told)
{
	struct fs *fs = fs_of(req);
	struct fs_handle *handle = fs_handle_of(fi);
	uint64_t news = fs_parked_news(&fs->parked);
	unsigned events = ALWAYS;
	int error = 0;

	(void)ino;
	if (map_file_waits(handle->file))
		events = map_file_ready(handle->file) ? POLLIN | POLLRDNORM : 0;
	if (told && !events)
		error = fs_park_poll(fs, handle, told, news);
	else if (told)
		fuse_pollhandle_destroy(told);
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_poll(req, events);
}
