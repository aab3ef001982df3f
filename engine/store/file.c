/*
 * Small helpers around read, write and rename that carry on after signals and short transfers.
 */
#include "engine/store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static int write_new(int directory, const char *name, int flags, const void *bytes, size_t length)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (fd < 0)
		return errno;
	int rc = store_file_write_at(fd, bytes, length, 0);
	if (!rc && fsync(fd))
		rc = errno;
	close(fd);
	if (rc)
		unlinkat(directory, name, 0);
	return rc;
}

int store_file_sync_parent(int directory, const char *path)
{
	char *copy = strdup(path);
	if (!copy)
		return ENOMEM;
	int parent = openat(directory, dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (parent < 0)
		return errno == EACCES ? 0 : errno; /* then it was not made by us */
	int rc = fsync(parent) ? errno : 0;
	close(parent);
	return rc;
}

int store_file_make(int directory, const char *path, const void *bytes, size_t length)
{
	int rc = write_new(directory, path, O_EXCL, bytes, length);
	return rc ? rc : store_file_sync_parent(directory, path);
}

int store_file_replace(
	int directory, const char *name, const char *temporary, const void *bytes, size_t length)
{
	int rc = write_new(directory, temporary, O_TRUNC, bytes, length);
	return rc ? rc : store_file_rename(directory, temporary, name);
}

int store_file_rename(int directory, const char *from, const char *to)
{
	if (renameat(directory, from, directory, to))
		return errno;
	return fsync(directory) ? errno : 0;
}
