/*
 * What the store's files hold beside what was written into them: LMDB writes whole pages that it has from the
 * heap, and the heap has had items and keys in it. None of that may reach the disk.
 */
#include "tests/unit/storedir.h"

enum { BLOCKS = 64, PAGES_MAX = 24, ROUNDS = 10, KEYS = 30 };

static const char secret[] = "WHAT-THE-HEAP-HELD-BEFORE!";

/* Leaves blocks full of it to whoever asks malloc next. */
static void soil(void)
{
	static void *blocks[BLOCKS];
	for (size_t i = 0; i < BLOCKS; i++) {
		size_t size = (i % PAGES_MAX + 1) * 4096 - i % 3 * 8;
		char *block = malloc(size);
		assert_non_null(block);
		for (size_t at = 0; at + sizeof secret <= size; at += sizeof secret)
			memcpy(block + at, secret, sizeof secret);
		blocks[i] = block;
		__asm__ volatile("" ::"r"(block) : "memory"); /* or the compiler drops what is freed unread */
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
}

static bool holds_secret(const char *directory, const char *name)
{
	char path[200];
	struct stat status;
	snprintf(path, sizeof path, "%s/%s", directory, name);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	size_t size = (size_t)status.st_size;
	char *bytes = malloc(size + 1);
	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, size, 0), size);
	close(fd);
	/* Half of it is enough: something else may lie over its ends. */
	bool held = memmem(bytes, size, secret + 4, sizeof secret / 2) != NULL;
	memset(bytes, 0, size);
	free(bytes);
	return held;
}

static void test_heap_stays_off_the_disk(void **state)
{
	static const char *const files[] = {"data.mdb", "anchor"};
	struct storedir dir;
	static uint8_t body[PAGES_MAX * 4096];
	char key[64];
	(void)state;
	storedir_make(&dir);
	soil();
	struct store *store = storedir_open(dir.store);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct ddb_error err = {0};
		for (unsigned i = 0; i < KEYS; i++) {
			size_t length = (round * 31 + i * 4099) % sizeof body;
			soil();
			snprintf(key, sizeof key, "key %u", (round * 7 + i) % (2 * KEYS));
			if ((round + i) % 5 == 0)
				storedir_delete(store, key);
			else if (storedir_try_put(
					 store, key, "head", body, i % 3 ? length % 900 : length, &err))
				fail_msg("put: %s", err.message);
		}
	}
	assert_int_equal(store_sync(store, NULL), DDB_OK);
	store_close(store);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (holds_secret(dir.store, files[i]))
			fail_msg("%s holds what the heap held", files[i]);
	storedir_done(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_heap_stays_off_the_disk)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
