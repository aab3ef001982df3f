#include "tests/fuzz/fuzz.h"

#include "engine/utf8.h"
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

void fuzz_check_error(enum ddb_code code, const struct ddb_error *err)
{
	size_t length = strnlen(err->message, DDB_MESSAGE_MAX);
	FUZZ_CHECK(code != DDB_OK && code < DDB_CODES);
	FUZZ_CHECK(err->code == code);
	FUZZ_CHECK(length > 0 && length < DDB_MESSAGE_MAX);
	FUZZ_CHECK(ddb_utf8_prefix(err->message, length) == length);
}

void *fuzz_copy(const void *bytes, size_t size)
{
	void *copy = malloc(size ? size : 1);
	FUZZ_CHECK(copy);
	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

/* ---- Dice ---- */

static uint64_t next(struct fuzz_dice *dice)
{
	/* splitmix64 */
	uint64_t value = dice->state += 0x9e3779b97f4a7c15u;
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

void fuzz_dice_init(struct fuzz_dice *dice, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;
	dice->state = 0xcbf29ce484222325u;
	for (size_t i = 0; i < size; i++)
		dice->state = (dice->state ^ from[i]) * 0x100000001b3u;
}

size_t fuzz_dice_below(struct fuzz_dice *dice, size_t limit)
{
	return (size_t)(next(dice) % limit);
}

size_t fuzz_dice_piece(struct fuzz_dice *dice, size_t left)
{
	static const size_t limits[] = {1, 2, 7, 64, 1000, SIZE_MAX};
	size_t limit = limits[fuzz_dice_below(dice, sizeof limits / sizeof *limits)];
	if (!left)
		return 0;
	return 1 + fuzz_dice_below(dice, left < limit ? left : limit);
}

/* ---- A directory ---- */

static char directory[PATH_MAX];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_directory(void)
{
	nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void)
{
	const char *parent = getenv("TMPDIR");
	if (*directory)
		return directory;
	if (!parent)
		parent = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	snprintf(directory, sizeof directory, "%s/dynamount-fuzz-XXXXXX", parent);
	FUZZ_CHECK(mkdtemp(directory));
	atexit(remove_directory);
	return directory;
}

int fuzz_directory_fd(void)
{
	static int fd = -1;
	if (fd < 0)
		fd = open(fuzz_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_CHECK(fd >= 0);
	return fd;
}

int fuzz_file(const char *name, const void *bytes, size_t size)
{
	int fd = openat(fuzz_directory_fd(), name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	return fd;
}
