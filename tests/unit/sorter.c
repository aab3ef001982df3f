/*
 * The sorter of export, with so little memory that lines go through files and levels of merges.
 */
#include "tools/sorter.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

struct taken {
	char last[4096];
	size_t last_length, lines, bytes, stop_at;
	uint64_t sum; /* of all lines, whatever their order */
};

static uint64_t hash_of(const char *line, size_t length)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)line[i]) * 1099511628211u;
	return hash;
}

static bool take(void *context, const char *line, size_t length)
{
	struct taken *taken = context;
	if (taken->lines)
		assert_true(ddb_bytes_order(taken->last, taken->last_length, line, length) <= 0);
	assert_true(length <= sizeof taken->last);
	memcpy(taken->last, line, length);
	taken->last_length = length;
	taken->lines++;
	taken->bytes += length;
	taken->sum += hash_of(line, length);
	return taken->lines != taken->stop_at;
}

/* Sorts `count` lines of random length and bytes in `memory` bytes. Returns how many runs were left. */
static unsigned sorts(size_t memory, size_t count, size_t longest)
{
	struct sorter *sorter = sorter_new(memory, "/tmp");
	struct taken taken = {.lines = 0};
	struct ddb_error err;
	size_t bytes = 0;
	uint64_t sum = 0;
	unsigned random = 4711, runs;
	assert_non_null(sorter);
	for (size_t i = 0; i < count; i++) {
		char line[4096];
		random = random * 1103515245 + 12345;
		size_t length = (random >> 8) % (longest + 1);
		for (size_t k = 0; k < length; k++) {
			random = random * 1103515245 + 12345;
			line[k] = (char)(random >> 16);
			line[k] = (char)(line[k] == '\n' ? 'n' : line[k]);
		}
		bytes += length;
		sum += hash_of(line, length);
		assert_int_equal(sorter_add(sorter, line, length, &err), DDB_OK);
		assert_true(
			sorter->used + sorter->count * sizeof *sorter->lines <= memory || sorter->count == 1);
	}
	assert_int_equal(sorter_finish(sorter, take, &taken, &err), DDB_OK);
	assert_int_equal(taken.lines, count);
	assert_int_equal(taken.bytes, bytes);
	assert_true(taken.sum == sum);
	runs = sorter->run_count;
	sorter_free(sorter);
	return runs;
}

static void sorts_in_memory(void **state)
{
	(void)state;
	assert_int_equal(sorts(1 << 20, 0, 10), 0);
	assert_int_equal(sorts(1 << 20, 1, 10), 0);
	assert_int_equal(sorts(1 << 20, 5000, 3), 0); /* equal lines, too */
}

static void sorts_in_files(void **state)
{
	(void)state;
	assert_true(sorts(10000, 1000, 100) > 1);
	assert_true(sorts(1000, 20000, 30) < 3 * MERGED); /* some 700 runs: merged, and merged again */
	assert_true(sorts(1, 300, 4000) > 1);             /* a line a run */
}

static void ends_when_told(void **state)
{
	(void)state;
	for (size_t memory = 10; memory < 10000; memory += 9000) {
		struct sorter *sorter = sorter_new(memory, "/tmp");
		struct taken taken = {.stop_at = 2};
		struct ddb_error err;
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(sorter_add(sorter, "line", 4, &err), DDB_OK);
		assert_int_equal(sorter_finish(sorter, take, &taken, &err), DDB_OK);
		assert_int_equal(taken.lines, 2);
		sorter_free(sorter);
	}
}

static void tells_that_there_is_no_file(void **state)
{
	(void)state;
	struct sorter *sorter = sorter_new(1, "/nonexistent");
	struct ddb_error err;
	assert_int_equal(sorter_add(sorter, "a", 1, &err), DDB_OK);
	assert_int_equal(sorter_add(sorter, "b", 1, &err), DDB_STORE_FULL);
	assert_string_equal(err.message, "a temporary file in /nonexistent: No such file or directory");
	sorter_free(sorter);
	sorter_free(NULL);
}

static void leaves_no_file(void **state)
{
	(void)state;
	char directory[] = "/tmp/ddb-sorter-XXXXXX";
	struct ddb_error err;
	assert_non_null(mkdtemp(directory));
	struct sorter *sorter = sorter_new(1, directory);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(sorter_add(sorter, "line", 4, &err), DDB_OK);
	assert_int_equal(rmdir(directory), 0); /* empty all the time */
	sorter_free(sorter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_in_memory),
		cmocka_unit_test(sorts_in_files),
		cmocka_unit_test(ends_when_told),
		cmocka_unit_test(tells_that_there_is_no_file),
		cmocka_unit_test(leaves_no_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
