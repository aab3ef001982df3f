/*
 * The files of a store by name, and its format number. A directory counts as a half-made store only when all
 * that is in it has names of ours and the owner file, which is made first, is one that we wrote: an LMDB
 * environment of somebody else's is foreign.
 */
#include "engine/store/layout.h"
#include "engine/store/anchor.h"
#include "engine/store/fault.h"
#include "engine/store/file.h"
#include "engine/store/masterkey.h"
#include "engine/store/owner.h"
#include "engine/store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT_NAME "format"
#define FORMAT_NEW FORMAT_NAME ".new"
static const char format_text[] = "dynamount store ";

static const struct {
	const char *name;
	bool cleared; /* when a half-made store is made again */
} files[] = {
	{STORE_OWNER_NAME, false},
	{STORE_MASTERKEY_NAME, false},
	{STORE_MASTERKEY_NEW, true},
	{STORE_DATA_NAME, true},
	{STORE_LOCK_NAME, true},
	{STORE_RESERVE_NAME, true},
	{STORE_ANCHOR_NAME, true},
	{FORMAT_NEW, true},
};

static bool is_ours(const char *name)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (!strcmp(files[i].name, name))
			return true;
	return false;
}

/* False when there is no format file of ours. */
static bool read_format(int directory, uint64_t *ret)
{
	char text[64];
	int fd = openat(directory, FORMAT_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	ssize_t length = store_file_read(fd, text, sizeof text - 1);
	close(fd);
	if (length < 0)
		return false;
	text[length] = '\0';
	/* Only as it is written, so that a number is named to people as it stands there. */
	char canonical[64];
	if (strncmp(text, format_text, strlen(format_text)))
		return false;
	uint64_t format = strtoull(text + strlen(format_text), NULL, 10);
	int written = snprintf(canonical, sizeof canonical, "%s%" PRIu64 "\n", format_text, format);
	if (written != length || memcmp(text, canonical, (size_t)length))
		return false;
	*ret = format;
	return true;
}

static enum store_layout classify(DIR *entries)
{
	bool any = false, ours = true, owned = false;
	for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		any = true;
		ours = ours && is_ours(entry->d_name);
		owned = owned || !strcmp(entry->d_name, STORE_OWNER_NAME);
	}
	if (!any)
		return STORE_EMPTY;
	return ours && owned && store_owner_is_ours(dirfd(entries)) ? STORE_HALF : STORE_FOREIGN;
}

enum ddb_code store_layout_find(
	const char *path, enum store_layout *ret, uint64_t *ret_format, struct ddb_error *err)
{
	DIR *entries = opendir(path);
	if (!entries && errno == ENOENT) {
		*ret = STORE_ABSENT;
		return DDB_OK;
	}
	if (!entries && errno == ENOTDIR)
		return ddb_fail(err, DDB_VALIDATION, "%s is not a directory", path);
	if (!entries) {
		int rc = errno;
		char doing[DDB_MESSAGE_MAX / 2];
		snprintf(doing, sizeof doing, "the directory %s cannot be read", path);
		return store_fault(err, rc, doing);
	}
	*ret = read_format(dirfd(entries), ret_format) ? STORE_MADE : classify(entries);
	closedir(entries);
	return DDB_OK;
}

enum ddb_code store_layout_clear(int directory, struct ddb_error *err)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (files[i].cleared && unlinkat(directory, files[i].name, 0) && errno != ENOENT)
			return store_fault(err, errno, "a half-made store cannot be cleared");
	return DDB_OK;
}

enum ddb_code store_layout_finish(int directory, struct ddb_error *err)
{
	char text[64];
	int length = snprintf(text, sizeof text, "%s%d\n", format_text, STORE_FORMAT);
	/* Names reach the disk in any order: all others before the one that says that they are there. */
	int rc = fsync(directory) ? errno : 0;
	if (!rc)
		rc = store_file_replace(directory, FORMAT_NAME, FORMAT_NEW, text, (size_t)length);
	return rc ? store_fault(err, rc, "the store cannot be made") : DDB_OK;
}
