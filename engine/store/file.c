/*
 * Small helpers around read, write and rename that carry on after signals and short transfers.
 */
#include "engine/store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t store_file_read(int fd, void *buffer, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t length = read(fd, (char *)buffer + done, size - done);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -1;
		if (!length)
			break;
		done += (size_t)length;
	}
	return (ssize_t)done;
}

ssize_t store_file_read_at(int fd, void *buffer, size_t size, off_t offset)
{
	size_t done = 0;
	while (done < size) {
		ssize_t length = pread(fd, (char *)buffer + done, size - done, offset + (off_t)done);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -1;
		if (!length)
			break;
		done += (size_t)length;
	}
	return (ssize_t)done;
}

int store_file_write_at(int fd, const void *bytes, size_t length, off_t offset)
{
	size_t done = 0;
	while (done < length) {
		ssize_t written = pwrite(fd, (const char *)bytes + done, length - done, offset + (off_t)done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written ? errno : ENOSPC;
		done += (size_t)written;
	}
	return 0;
}

static int write_new(int directory, const char *name, const void *bytes, size_t length)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	int rc = store_file_write_at(fd, bytes, length, 0);
	if (!rc && fsync(fd))
		rc = errno;
	close(fd);
	return rc;
}

int store_file_replace(
	int directory, const char *name, const char *temporary, const void *bytes, size_t length)
{
	int rc = write_new(directory, temporary, bytes, length);
	if (rc) {
		unlinkat(directory, temporary, 0);
		return rc;
	}
	if (renameat(directory, temporary, directory, name))
		return errno;
	return fsync(directory) ? errno : 0;
}
