/*
 * The owner file and what a directory is taken for. Whatever the file's text, who has the lock has the store,
 * and a second one is told so in words that can be shown.
 */
#include "engine/store/owner.h"
#include "engine/store/layout.h"
#include "tests/fuzz/fuzz.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool begins(const uint8_t *bytes, size_t size, const char *text)
{
	return size >= strlen(text) && !memcmp(bytes, text, strlen(text));
}

static void check_owner(const uint8_t *bytes, size_t size)
{
	struct ddb_error err = {0};
	int taken;
	int fd = fuzz_file(STORE_OWNER_NAME, bytes, size);
	FUZZ_CHECK(store_owner_is_ours(fuzz_directory_fd()) == (!size || begins(bytes, size, "{\"pid\": ")));
	FUZZ_CHECK(!flock(fd, LOCK_EX | LOCK_NB));
	enum ddb_code code = store_owner_take(fuzz_directory_fd(), "S", NULL, "boot", false, &taken, &err);
	FUZZ_CHECK(code == DDB_RESOURCE_IN_USE);
	fuzz_check_error(code, &err);
	struct stat st;
	FUZZ_CHECK(!fstat(fd, &st) && st.st_size == (off_t)size);
	close(fd);
}

/* The text that we write for any mountpoint is one that we read. */
static void check_mountpoint(const uint8_t *bytes, size_t size)
{
	struct ddb_error err = {0};
	int first, second;
	char *mountpoint = malloc(size + 1);
	FUZZ_CHECK(mountpoint);
	memcpy(mountpoint, bytes, size);
	mountpoint[size] = '\0';
	FUZZ_CHECK(!store_owner_take(fuzz_directory_fd(), "S", mountpoint, "boot", true, &first, &err));
	FUZZ_CHECK(store_owner_is_ours(fuzz_directory_fd()));
	FUZZ_CHECK(store_owner_take(fuzz_directory_fd(), "S", NULL, "boot", false, &second, &err) ==
		   DDB_RESOURCE_IN_USE);
	char pid[32];
	snprintf(pid, sizeof pid, "process %ld", (long)getpid());
	FUZZ_CHECK(strstr(err.message, pid));
	struct ddb_error wanted;
	ddb_fail(&wanted, DDB_RESOURCE_IN_USE, "store S is in use by %s, mounted at %s", pid, mountpoint);
	FUZZ_CHECK(size >= 4096 || !strcmp(wanted.message, err.message));
	store_owner_release(first);
	free(mountpoint);
}

static void check_layout(const uint8_t *bytes, size_t size)
{
	enum store_layout layout;
	uint64_t format = 0;
	struct ddb_error err;
	close(fuzz_file("format", bytes, size));
	FUZZ_CHECK(!store_layout_find(fuzz_directory(), &layout, &format, &err));
	FUZZ_CHECK(layout == STORE_MADE || layout == STORE_FOREIGN);
	if (layout == STORE_MADE) {
		/* The one spelling of a number. */
		char text[64];
		snprintf(text, sizeof text, "dynamount store %llu\n", (unsigned long long)format);
		FUZZ_CHECK(strlen(text) == size && !memcmp(text, bytes, size));
	}
	FUZZ_CHECK(!unlinkat(fuzz_directory_fd(), "format", 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (!size)
		return 0;
	switch (bytes[0] % 3) {
	case 0: {
		/* Without a newline at its end a text is waited for. */
		uint8_t *line = malloc(size);
		FUZZ_CHECK(line);
		memcpy(line, bytes + 1, size - 1);
		line[size - 1] = '\n';
		check_owner(line, size);
		free(line);
		break;
	}
	case 1:
		check_mountpoint(bytes + 1, size - 1);
		break;
	default:
		check_layout(bytes + 1, size - 1);
		break;
	}
	return 0;
}
