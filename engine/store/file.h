/*
 * Whole reads and writes of small files, and the one way a file of a store is made or replaced: written
 * beside, synced, renamed. Failures are errno values. Stateless, any thread.
 */
#ifndef DDB_STORE_FILE_H
#define DDB_STORE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads until the end or until the buffer is full; the bytes read, or -1 and errno. */
ssize_t store_file_read(int fd, void *buffer, size_t size);
ssize_t store_file_read_at(int fd, void *buffer, size_t size, off_t offset);
/* 0 or an errno; a write that ends early is followed up, so the errno is the true one. */
int store_file_write_at(int fd, const void *bytes, size_t length, off_t offset);
/* `name` of `directory` durably has these bytes, or its old ones. 0 or an errno. */
int store_file_replace(
	int directory, const char *name, const char *temporary, const void *bytes, size_t length);
/* The same of a name that must not be there yet (EEXIST); `path` is relative to `directory`. */
int store_file_make(int directory, const char *path, const void *bytes, size_t length);
/* Durably; what was called `to` is gone. */
int store_file_rename(int directory, const char *from, const char *to);
/* Makes a new name durable, which is its directory's matter. */
int store_file_sync_parent(int directory, const char *path);

#endif
