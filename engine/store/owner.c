/*
 * The owner file. The text is one JSON object on a line: {"pid": 1, "mountpoint": "/mnt", "boot_id": "…"}.
 */
#include "engine/store/owner.h"
#include "engine/store/fault.h"
#include "engine/store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	MOUNTPOINT_MAX = PATH_MAX,
	TEXT_MAX = 6 * MOUNTPOINT_MAX + 256, /* every byte of the mountpoint as an escape */
	PATIENCE = 20,                       /* ms that a new owner may need to write its text */
};

static const char opening[] = "{\"pid\": ";
static const char mount_member[] = ", \"mountpoint\": \"";

void store_boot_id(char ret[STORE_BOOT_ID_MAX])
{
	memset(ret, 0, STORE_BOOT_ID_MAX);
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t length = store_file_read(fd, ret, STORE_BOOT_ID_MAX - 1);
	close(fd);
	ret[length > 0 ? strcspn(ret, "\n") : 0] = '\0';
}

static size_t escape(char *ret, const char *text)
{
	size_t length = 0;
	for (size_t i = 0; text[i] && i < MOUNTPOINT_MAX; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (byte == '"' || byte == '\\')
			ret[length++] = '\\';
		if (byte < 0x20 || byte == 0x7f)
			length += (size_t)sprintf(ret + length, "\\u%04x", byte);
		else
			ret[length++] = (char)byte;
	}
	ret[length] = '\0';
	return length;
}

static void clear_text(int owner)
{
	if (ftruncate(owner, 0))
		return; /* it may only be read */
}

/* The text is for people: a full disk must not keep a store from being opened. */
static void write_text(int owner, const char *mountpoint, const char *boot_id)
{
	char *text = malloc(TEXT_MAX);
	if (ftruncate(owner, 0) || !text) {
		free(text);
		return;
	}
	size_t length = (size_t)sprintf(text, "%s%ld", opening, (long)getpid());
	if (mountpoint) {
		length += (size_t)sprintf(text + length, "%s", mount_member);
		length += escape(text + length, mountpoint);
		text[length++] = '"';
	}
	length += (size_t)sprintf(text + length, ", \"boot_id\": \"%s\"}\n", boot_id);
	if (store_file_write_at(owner, text, length, 0))
		clear_text(owner);
	free(text);
}

/* The member's text, unescaped, in place; NULL when there is none. */
static char *find_mountpoint(char *text)
{
	char *from = strstr(text, mount_member);
	if (!from)
		return NULL;
	from += strlen(mount_member);
	char *start = from, *to = from;
	for (; *from && *from != '"'; from++) {
		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		from++;
		unsigned code;
		if (*from == 'u' && strnlen(from + 1, 4) == 4 && sscanf(from + 1, "%4x", &code) == 1) {
			*to++ = (char)code;
			from += 4;
		} else if (*from) {
			*to++ = *from;
		} else {
			break;
		}
	}
	*to = '\0';
	return start;
}

static bool read_text(int owner, char *text)
{
	for (int i = 0; i < PATIENCE; i++) {
		ssize_t length = store_file_read_at(owner, text, TEXT_MAX - 1, 0);
		if (length < 0)
			return false;
		text[length] = '\0';
		if (length && text[length - 1] == '\n')
			return !strncmp(text, opening, strlen(opening));
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return false;
}

static enum ddb_code fail_in_use(int owner, const char *path, struct ddb_error *err)
{
	char *text = malloc(TEXT_MAX);
	if (!text || !read_text(owner, text)) {
		free(text);
		return ddb_fail(err, DDB_RESOURCE_IN_USE, "store %s is in use by another process", path);
	}
	long pid = strtol(text + strlen(opening), NULL, 10);
	const char *mountpoint = find_mountpoint(text);
	ddb_fail(err, DDB_RESOURCE_IN_USE, "store %s is in use by process %ld%s%s", path, pid,
		mountpoint ? ", mounted at " : "", mountpoint ? mountpoint : "");
	free(text);
	return DDB_RESOURCE_IN_USE;
}

/* A lock on a file that somebody has removed meanwhile excludes nobody. */
static bool is_current(int directory, int owner)
{
	struct stat locked, named;
	return !fstat(owner, &locked) && !fstatat(directory, STORE_OWNER_NAME, &named, AT_SYMLINK_NOFOLLOW) &&
	       locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

static int open_owner(int directory, bool create)
{
	int flags = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	int owner = openat(directory, STORE_OWNER_NAME, O_RDWR | flags | (create ? O_CREAT : 0), 0600);
	if (owner < 0 && !create && (errno == EROFS || errno == EACCES))
		owner = openat(
			directory, STORE_OWNER_NAME, O_RDONLY | flags); /* may be locked all the same */
	return owner;
}

enum ddb_code store_owner_take(int directory, const char *path, const char *mountpoint, const char *boot_id,
	bool create, int *ret, struct ddb_error *err)
{
	for (;;) {
		int owner = open_owner(directory, create);
		if (owner < 0 && errno == EROFS)
			return ddb_fail(err, DDB_STORE_READ_ONLY,
				"store %s is on a read-only filesystem: it can only be opened for reading",
				path);
		if (owner < 0)
			return store_fault(err, errno, "the store's owner file cannot be opened");
		if (flock(owner, LOCK_EX | LOCK_NB)) {
			int rc = errno;
			enum ddb_code code = rc == EWOULDBLOCK
						     ? fail_in_use(owner, path, err)
						     : store_fault(err, rc, "the store cannot be locked");
			close(owner);
			return code;
		}
		if (!is_current(directory, owner)) {
			close(owner);
			continue;
		}
		write_text(owner, mountpoint, boot_id);
		*ret = owner;
		return DDB_OK;
	}
}

void store_owner_release(int owner)
{
	if (owner < 0)
		return;
	clear_text(owner); /* so that nobody reads the name of a process that is gone */
	close(owner);
}

/* After a power loss a file may have its length and not its text: zeros are as good as an empty one. */
bool store_owner_is_ours(int directory)
{
	static const char nothing[sizeof opening];
	char text[sizeof opening] = {0};
	int owner = openat(directory, STORE_OWNER_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (owner < 0)
		return false;
	ssize_t length = store_file_read(owner, text, sizeof opening - 1);
	close(owner);
	return length >= 0 && (!memcmp(text, nothing, (size_t)length) || !strcmp(text, opening));
}
