/*
 * A store as its users see it: opening and refusing, records, group commit, damage, a full disk, death at any
 * moment.
 */
#include "engine/store/masterkey.h"
#include "tests/unit/storedir.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static const struct store_options plain;

static struct storedir dir;

static int setup(void **state)
{
	(void)state;
	storedir_make(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	storedir_done(&dir);
	return 0;
}

/* Asserts that opening fails, and with which message ("%s" is the store's path). */
static void refuse(
	const char *path, const struct store_options *options, enum ddb_code code, const char *format)
{
	struct store *store = NULL;
	struct ddb_error err = {0};
	char expected[DDB_MESSAGE_MAX];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(expected, sizeof expected, format, path);
#pragma GCC diagnostic pop
	assert_int_equal(store_open(path, options, &store, &err), code);
	assert_null(store);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, expected))
		fail_msg("message \"%s\" without \"%s\"", err.message, expected);
}

/* All names in a directory, sorted, with sizes and times. */
static void list(const char *path, char *ret, size_t size)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	size_t length = 0;
	ret[0] = '\0';
	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		char name[600];
		struct stat status;
		snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
		if (strcmp(entries[i]->d_name, "..") && !lstat(name, &status))
			length += (size_t)snprintf(ret + length, size - length, "%s:%lld:%lld.%ld ",
				entries[i]->d_name, (long long)status.st_size,
				(long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
		free(entries[i]);
	}
	free(entries);
}

/* ---- Opening ---- */

static void test_make(void **state)
{
	struct stat status;
	char path[200];
	(void)state;
	struct store *store = storedir_open(dir.store);
	storedir_put(store, "a", "head", "body");
	assert_string_equal(storedir_get(store, "a"), "head|body");
	store_close(store);
	assert_int_equal(stat(dir.store, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	static const char *const names[] = {"data.mdb", "owner", "master.key", "anchor", "format"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", dir.store, names[i]);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 07777, 0600);
	}
	store = storedir_open(dir.store);
	assert_string_equal(storedir_get(store, "a"), "head|body");
	assert_null(storedir_get(store, "b"));
	store_close(store);

	assert_int_equal(mkdir(dir.other, 0755), 0); /* an empty directory becomes a store, too */
	store = storedir_open(dir.other);
	store_close(store);
}

static void test_refused(void **state)
{
	struct store_options must = {.must_exist = true}, reading = {.read_only = true};
	char nested[200], before[2000], after[2000];
	(void)state;
	refuse(dir.store, &must, DDB_VALIDATION, "there is no store at %s");
	refuse(dir.store, &reading, DDB_VALIDATION, "there is no store at %s");
	assert_false(storedir_has(dir.root, "store"));
	snprintf(nested, sizeof nested, "%s/deeper", dir.store);
	refuse(nested, &plain, DDB_VALIDATION, "store %s cannot be made");

	storedir_write(dir.root, "store", "text", 4);
	refuse(dir.store, &plain, DDB_VALIDATION, "%s is not a directory");

	static const char *const foreign[][3] = {
		{"notes.txt", "x", NULL},
		{"data.mdb", "x", NULL},   /* somebody's LMDB environment */
		{"owner", "root\n", NULL}, /* a file of that name */
		{"format", "qcow2\n", NULL},
		{"master.key", "x", NULL},
		{"lost+found", "", NULL},
	};
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		assert_int_equal(mkdir(dir.other, 0755), 0);
		storedir_write(dir.other, foreign[i][0], foreign[i][1], strlen(foreign[i][1]));
		list(dir.other, before, sizeof before);
		refuse(dir.other, &plain, DDB_VALIDATION, "%s is not empty and not a store");
		list(dir.other, after, sizeof after);
		assert_string_equal(before, after);
		storedir_remove_tree(dir.other);
	}
}

static void test_format(void **state)
{
	char before[2000], after[2000];
	(void)state;
	store_close(storedir_open(dir.store));
	storedir_write(dir.store, "format", "dynamount store 7\n", 18);
	list(dir.store, before, sizeof before);
	refuse(dir.store, &plain, DDB_VALIDATION,
		"store %s has format 7, which this dynamount does not know");
	list(dir.store, after, sizeof after);
	assert_string_equal(before, after);
	storedir_write(dir.store, "format", "dynamount store 1\n", 18);
	store_close(storedir_open(dir.store));
}

static void test_keys(void **state)
{
	static const char right[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	char path[200], text[100];
	(void)state;
	snprintf(path, sizeof path, "%s/key", dir.root);
	struct store_options with_key = {.keyfile = path};
	refuse(dir.store, &with_key, DDB_ACCESS_DENIED, "the master key");
	assert_false(storedir_has(dir.root, "store"));
	assert_false(storedir_has(dir.root, "key"));

	storedir_write(dir.root, "key", right, sizeof right - 1);
	struct store *store;
	assert_int_equal(store_open(dir.store, &with_key, &store, NULL), DDB_OK);
	storedir_put(store, "a", "h", "b");
	store_close(store);
	assert_false(storedir_has(dir.store, "master.key"));
	refuse(dir.store, &plain, DDB_ACCESS_DENIED, "name the file of its master key");

	memcpy(text, right, sizeof right);
	text[0] = '1';
	storedir_write(dir.root, "key", text, sizeof right - 1);
	refuse(dir.store, &with_key, DDB_ACCESS_DENIED, "the master key is not that of store %s");
	storedir_write(dir.root, "key", text, 10);
	refuse(dir.store, &with_key, DDB_VALIDATION, "neither 64 hexadecimal digits nor 32 bytes");
	storedir_write(dir.root, "key", right, sizeof right - 1);
	assert_int_equal(store_open(dir.store, &with_key, &store, NULL), DDB_OK);
	assert_string_equal(storedir_get(store, "a"), "h|b");
	store_close(store);

	store_close(storedir_open(dir.other));
	snprintf(path, sizeof path, "%s/master.key", dir.other);
	unlink(path);
	refuse(dir.other, &plain, DDB_ACCESS_DENIED, "name the file of its master key");
	assert_false(storedir_has(dir.other, "master.key"));
}

static void test_read_only(void **state)
{
	struct store_options reading = {.read_only = true};
	struct store *store = storedir_open(dir.store);
	struct ddb_error err = {0};
	struct store_status status;
	char path[200];
	(void)state;
	storedir_put(store, "a", "h", "b");
	store_close(store);
	snprintf(path, sizeof path, "%s/lock.mdb", dir.store);
	unlink(path);
	assert_int_equal(store_open(dir.store, &reading, &store, &err), DDB_OK);
	assert_string_equal(storedir_get(store, "a"), "h|b");
	assert_int_equal(storedir_try_put(store, "a", "x", "y", 1, &err), DDB_ACCESS_DENIED);
	assert_string_equal(storedir_get(store, "a"), "h|b");
	assert_int_equal(store_sync(store, &err), DDB_OK);
	store_status(store, &status);
	assert_int_equal(status.commits, 0);
	assert_int_equal(storedir_verify(store)->count, 0);
	refuse(dir.store, &plain, DDB_RESOURCE_IN_USE, "store %s is in use by process");
	store_close(store);
	assert_false(storedir_has(dir.store, "lock.mdb"));
}

/* Runs `function` in a child that leaves at once; its exit status. */
static int in_child(void (*function)(void))
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		function();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char owner_expected[400];

static void second_owner(void)
{
	struct store *store;
	struct ddb_error err = {0};
	if (store_open(dir.store, &plain, &store, &err) != DDB_RESOURCE_IN_USE)
		_exit(1);
	if (strcmp(err.message, owner_expected) != 0) {
		fprintf(stderr, "%s\n", err.message);
		_exit(2);
	}
	struct store_options reading = {.read_only = true};
	if (store_open(dir.store, &reading, &store, &err) != DDB_RESOURCE_IN_USE)
		_exit(3);
}

static void test_second_owner(void **state)
{
	static const char *const mountpoints[] = {"/mnt/my \"data\"\\x\n", "/mnt", NULL};
	char before[2000], after[2000];
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct store_options options = {.mountpoint = mountpoints[i]};
		struct store *store;
		assert_int_equal(store_open(dir.store, &options, &store, NULL), DDB_OK);
		snprintf(owner_expected, sizeof owner_expected, "store %s is in use by process %ld%s%s",
			dir.store, (long)getpid(), mountpoints[i] ? ", mounted at " : "",
			mountpoints[i] ? mountpoints[i] : "");
		list(dir.store, before, sizeof before);
		assert_int_equal(in_child(second_owner), 0);
		list(dir.store, after, sizeof after);
		assert_string_equal(before, after);
		/* Somebody takes the owner file for a stale lock. */
		char path[200];
		snprintf(path, sizeof path, "%s/owner", dir.store);
		unlink(path);
		refuse(dir.store, &plain, DDB_RESOURCE_IN_USE, "store %s is in use by another process");
		store_close(store);
	}
}

/* ---- A making that is cut short ---- */

static void make_here(void)
{
	struct store *store;
	if (store_open(dir.store, &plain, &store, NULL))
		_exit(1);
	pause();
}

static void test_killed_while_made(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (!child) {
			make_here();
			_exit(0);
		}
		usleep(i * i * 20);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		struct store *store = storedir_open(dir.store);
		storedir_put(store, "a", "h", "b");
		store_close(store);
		storedir_remove_tree(dir.store);
	}
}

static void test_half_made(void **state)
{
	static const char *const rest[] = {"data.mdb", "lock.mdb", "anchor", "master.key.new", "format.new"};
	static const char owners[3][40] = {"", "{\"pid\": 12, \"boot_id\": \"x\"}\n", ""};
	/* The last has lost its text with the power. */
	const size_t lengths[] = {0, strlen(owners[1]), sizeof owners[2]};
	struct store_options must = {.must_exist = true};
	(void)state;
	for (unsigned set = 0; set < 1 << 5; set++) {
		assert_int_equal(mkdir(dir.store, 0700), 0);
		storedir_write(dir.store, "owner", owners[set % 3], lengths[set % 3]);
		for (unsigned i = 0; i < 5; i++)
			if (set & 1 << i)
				storedir_write(dir.store, rest[i], "garbage", 7);
		refuse(dir.store, &must, DDB_VALIDATION, "there is no store at %s");
		store_close(storedir_open(dir.store));
		struct store *store = storedir_open(dir.store);
		assert_int_equal(storedir_verify(store)->count, 0);
		store_close(store);
		storedir_remove_tree(dir.store);
	}
	/* With a key that was finished it is the store's. */
	assert_int_equal(mkdir(dir.store, 0700), 0);
	storedir_write(dir.store, "owner", "", 0);
	storedir_write(dir.store, "master.key", "0123456789abcdef0123456789abcdef", 32);
	store_close(storedir_open(dir.store));
	char text[100];
	assert_int_equal(storedir_read(dir.store, "master.key", text, sizeof text), 32);
}

/* ---- Records ---- */

static void test_values(void **state)
{
	static char large[3 << 20];
	struct store *store = storedir_open(dir.store);
	struct store_txn *view;
	struct ddb_arena arena;
	struct store_value value;
	struct ddb_error err = {0};
	char head[STORE_HEAD_MAX + 2];
	(void)state;
	memset(head, 'h', sizeof head - 1);
	head[sizeof head - 1] = '\0';
	assert_int_equal(storedir_try_put(store, "long head", head, "", 0, &err), DDB_INTERNAL);
	head[STORE_HEAD_MAX] = '\0';
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)(i * 31 >> 3);
	assert_int_equal(storedir_try_put(store, "large", head, large, sizeof large, &err), DDB_OK);
	assert_int_equal(storedir_try_put(store, "empty", "", "", 0, &err), DDB_OK);

	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	ddb_arena_init(&arena, 8 << 20);
	assert_int_equal(store_get(view, &arena, "large", 5, false, &value, &err), DDB_OK);
	assert_int_equal(value.body_length, sizeof large);
	assert_null(value.body);
	assert_int_equal(value.head_length, STORE_HEAD_MAX);
	assert_memory_equal(value.head, head, STORE_HEAD_MAX);
	assert_int_equal(store_get(view, &arena, "large", 5, true, &value, &err), DDB_OK);
	assert_memory_equal(value.body, large, sizeof large);
	assert_int_equal(store_get(view, &arena, "empty", 5, true, &value, &err), DDB_OK);
	assert_int_equal(value.head_length + value.body_length, 0);
	assert_non_null(value.head);
	assert_non_null(value.body);
	ddb_arena_done(&arena);
	ddb_arena_init(&arena, 1 << 20);
	assert_int_equal(store_get(view, &arena, "large", 5, true, &value, &err), DDB_NO_MEMORY);
	assert_int_equal(store_get(view, &arena, "none", 4, true, &value, &err), DDB_RESOURCE_NOT_FOUND);
	assert_string_equal(err.message, "");
	assert_int_equal(err.code, DDB_RESOURCE_NOT_FOUND);
	ddb_arena_done(&arena);
	store_view_end(view);

	storedir_put(store, "large", "small", "now");
	assert_string_equal(storedir_get(store, "large"), "small|now");
	assert_true(storedir_delete(store, "large"));
	assert_false(storedir_delete(store, "large"));
	store_close(store);
}

static void test_views(void **state)
{
	struct store *store = storedir_open(dir.store);
	struct store_txn *old, *new;
	(void)state;
	storedir_put(store, "a", "1", "");
	assert_int_equal(store_view(store, &old, NULL), DDB_OK);
	storedir_put(store, "a", "2", "");
	storedir_put(store, "b", "2", "");
	assert_string_equal(storedir_get_in(old, "a"), "1|");
	assert_null(storedir_get_in(old, "b"));
	assert_int_equal(store_view(store, &new, NULL), DDB_OK);
	assert_string_equal(storedir_get_in(new, "a"), "2|");
	assert_true(store_txn_number(old) < store_txn_number(new));
	struct store_status status;
	store_status(store, &status);
	assert_int_equal(status.readers, 2);
	store_view_end(old);
	store_view_end(new);
	store_status(store, &status);
	assert_int_equal(status.readers, 0);
	store_close(store);
}

static void test_too_many_views(void **state)
{
	struct store *store = storedir_open(dir.store);
	struct store_txn *views[600];
	unsigned count = 0;
	(void)state;
	while (count < 600 && !store_view(store, &views[count], NULL))
		count++;
	assert_in_range(count, 400, 599);
	storedir_put(store, "a", "1", "");
	while (count)
		store_view_end(views[--count]);
	assert_string_equal(storedir_get(store, "a"), "1|");
	store_close(store);
}

static void test_numbers(void **state)
{
	struct store *store = storedir_open(dir.store);
	uint64_t last = 0;
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct storedir_change change = {"a", 1, i % 3 ? "h" : NULL, "", 1, 0, false, 0};
		struct store_txn *view;
		assert_int_equal(store_write(store, storedir_change_job, &change, false, NULL), DDB_OK);
		assert_true(change.number > last || !change.existed);
		assert_int_equal(store_view(store, &view, NULL), DDB_OK);
		assert_true(store_txn_number(view) >= change.number || i == 0);
		assert_true(store_txn_number(view) >= last);
		last = store_txn_number(view);
		store_view_end(view);
		if (i == 10) {
			store_close(store);
			store = storedir_open(dir.store);
		}
	}
	store_close(store);
}

static void test_hash(void **state)
{
	struct store *store = storedir_open(dir.store);
	uint8_t one[STORE_HASH_BYTES], two[STORE_HASH_BYTES];
	(void)state;
	store_hash(store, "alice", 5, one);
	store_close(store);
	store = storedir_open(dir.store);
	store_hash(store, "alice", 5, two);
	assert_memory_equal(one, two, sizeof one);
	store_close(store);
	store = storedir_open(dir.other);
	store_hash(store, "alice", 5, two);
	assert_memory_not_equal(one, two, sizeof one);
	store_close(store);
}

static void test_sync(void **state)
{
	struct store *store = storedir_open(dir.store);
	struct store_status status;
	struct storedir_change change = {"a", 1, "h", "", 1, 0, false, 0};
	(void)state;
	assert_int_equal(store_write(store, storedir_change_job, &change, true, NULL), DDB_OK);
	store_status(store, &status);
	assert_int_equal(status.commits, 1);
	assert_int_equal(status.synced_commits, 1);
	assert_int_equal(status.jobs, 1);
	assert_true(status.page_bytes >= 512);
	assert_true(status.file_bytes >= 4 * status.page_bytes);
	storedir_put(store, "a", "2", "");
	assert_int_equal(store_sync(store, NULL), DDB_OK);
	store_status(store, &status);
	assert_int_equal(status.synced_commits, 2);
	storedir_put(store, "a", "3", "");
	for (unsigned i = 0; i < 12000 && status.synced_commits < 3; i++) { /* by itself */
		usleep(5000);
		store_status(store, &status);
	}
	assert_int_equal(status.synced_commits, 3);
	store_close(store);

	struct store_options options = {.sync = true};
	assert_int_equal(store_open(dir.store, &options, &store, NULL), DDB_OK);
	storedir_put(store, "a", "4", "");
	store_status(store, &status);
	assert_int_equal(status.synced_commits, 1);
	assert_true(status.pages_free > 0);
	store_close(store);
}

/* ---- Jobs that fail, jobs of many threads ---- */

enum failure { SOUND, FAIL_FIRST, FAIL_LATE, FAIL_PUT, FAIL_HIDDEN, FAILURES };

struct counting {
	unsigned thread, round;
	enum failure failure;
	uint64_t number;
	unsigned runs;
};

static uint64_t read_count(struct store_txn *txn, const char *key)
{
	struct ddb_arena arena;
	struct store_value value;
	uint64_t count = 0;
	ddb_arena_init(&arena, 1 << 16);
	if (!store_get(txn, &arena, key, strlen(key), false, &value, NULL))
		memcpy(&count, value.head, sizeof count);
	ddb_arena_done(&arena);
	return count;
}

static enum ddb_code add_one(struct store_txn *txn, const char *key, struct ddb_error *err)
{
	uint64_t count = read_count(txn, key) + 1;
	return store_put(txn, key, strlen(key), &count, sizeof count, "", 0, err);
}

static enum ddb_code count_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct counting *counting = context;
	char key[40];
	counting->runs++;
	counting->number = store_txn_number(txn);
	if (counting->failure == FAIL_FIRST)
		return ddb_fail(err, DDB_CONDITIONAL_CHECK_FAILED, "first %u", counting->thread);
	snprintf(key, sizeof key, "thread %u", counting->thread);
	enum ddb_code code = add_one(txn, key, err);
	if (!code)
		code = add_one(txn, "total", err);
	if (code)
		return code;
	if (counting->failure == FAIL_LATE)
		return ddb_fail(err, DDB_VALIDATION, "late %u", counting->thread);
	if (counting->failure == FAIL_PUT)
		return store_put(txn, key, 0, "", 0, "", 0, err);
	if (counting->failure == FAIL_HIDDEN) { /* a change that LMDB refuses, and a job that does not care */
		txn->broken = DDB_STORE_FULL;
		txn->broken_error->code = DDB_STORE_FULL;
		strcpy(txn->broken_error->message, "hidden");
	}
	return DDB_OK;
}

enum { THREADS = 8, ROUNDS = 150 };

struct counter {
	struct store *store;
	unsigned thread;
	uint64_t done, last;
	uint64_t numbers[ROUNDS];
};

static void *count_thread(void *context)
{
	static const enum ddb_code codes[FAILURES] = {
		DDB_OK, DDB_CONDITIONAL_CHECK_FAILED, DDB_VALIDATION, DDB_INTERNAL, DDB_STORE_FULL};
	struct counter *counter = context;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct counting counting = {counter->thread, i, SOUND, 0, 0};
		struct ddb_error err = {0};
		if ((i + counter->thread) % 5 == 0)
			counting.failure = (enum failure)(1 + (i / 5 + counter->thread) % (FAILURES - 1));
		enum ddb_code code = store_write(counter->store, count_job, &counting, i % 32 == 0, &err);
		if (code != codes[counting.failure] || err.code != code || !counting.runs)
			return "wrong code";
		if (code)
			continue;
		if (counting.number <= counter->last)
			return "number does not rise";
		counter->last = counting.number;
		counter->numbers[counter->done++] = counting.number;
	}
	return NULL;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;
	return (one > two) - (one < two);
}

static void check_counts(struct store *store, const struct counter counters[THREADS])
{
	uint64_t total = 0, numbers[THREADS * ROUNDS];
	struct store_txn *view;
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		char key[40];
		snprintf(key, sizeof key, "thread %u", i);
		assert_int_equal(read_count(view, key), counters[i].done);
		memcpy(numbers + total, counters[i].numbers, counters[i].done * sizeof *numbers);
		total += counters[i].done;
	}
	assert_int_equal(read_count(view, "total"), total);
	store_view_end(view);
	qsort(numbers, total, sizeof *numbers, compare_numbers);
	for (size_t i = 1; i < total; i++)
		assert_true(numbers[i - 1] < numbers[i]); /* each job has its own */
}

static void test_group_commit(void **state)
{
	static struct counter counters[THREADS];
	struct store *store = storedir_open(dir.store);
	pthread_t threads[THREADS];
	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		counters[i] = (struct counter){.store = store, .thread = i};
		assert_int_equal(pthread_create(&threads[i], NULL, count_thread, &counters[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *problem;
		pthread_join(threads[i], &problem);
		if (problem)
			fail_msg("%s", (const char *)problem);
	}
	check_counts(store, counters);
	store_close(store);
	store = storedir_open(dir.store);
	check_counts(store, counters);
	assert_int_equal(storedir_verify(store)->count, 0);
	store_close(store);
}

static void test_failing_jobs(void **state)
{
	static const char *const messages[FAILURES] = {
		"", "first 3", "late 3", "a key of the store", "hidden"};
	struct store *store = storedir_open(dir.store);
	(void)state;
	for (enum failure failure = FAIL_FIRST; failure < FAILURES; failure++) {
		struct counting counting = {3, 0, failure, 0, 0};
		struct ddb_error err = {0};
		assert_int_not_equal(store_write(store, count_job, &counting, false, &err), DDB_OK);
		assert_non_null(strstr(err.message, messages[failure]));
		assert_null(storedir_get(store, "total"));
	}
	struct store_status status;
	store_status(store, &status);
	assert_int_equal(status.commits, 0);
	assert_int_equal(status.jobs, 0);
	struct ddb_error untouched = {DDB_OK, "untouched"};
	struct counting counting = {3, 0, SOUND, 0, 0};
	assert_int_equal(store_write(store, count_job, &counting, false, &untouched), DDB_OK);
	assert_string_equal(untouched.message, "untouched");
	assert_int_equal(counting.runs, 1);
	store_close(store);
}

/* ---- Death ---- */

static int report_to;

static void write_until_killed(void)
{
	struct store *store;
	if (store_open(dir.store, &plain, &store, NULL))
		_exit(1);
	for (uint64_t i = 1;; i++) {
		struct counting counting = {0, 0, SOUND, 0, 0};
		if (store_write(store, count_job, &counting, i % 16 == 0, NULL))
			_exit(2);
		if (write(report_to, &i, sizeof i) != sizeof i)
			_exit(3);
	}
}

static void test_killed_while_writing(void **state)
{
	uint64_t total = 0;
	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		int ends[2];
		uint64_t acknowledged = 0, count;
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (!child) {
			close(ends[0]);
			report_to = ends[1];
			write_until_killed();
		}
		close(ends[1]);
		assert_int_equal(read(ends[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
		usleep(1000 + round * 1700);
		kill(child, SIGKILL);
		while (read(ends[0], &count, sizeof count) == sizeof count)
			acknowledged = count;
		close(ends[0]);
		waitpid(child, NULL, 0);

		struct store *store = storedir_open(dir.store);
		struct store_txn *view;
		assert_int_equal(store_view(store, &view, NULL), DDB_OK);
		count = read_count(view, "total");
		assert_int_equal(read_count(view, "thread 0"), count);
		store_view_end(view);
		assert_in_range(count, total + acknowledged, total + acknowledged + 1);
		total = count;
		assert_int_equal(storedir_verify(store)->count, 0);
		store_close(store);
	}
}

/* ---- Damage ---- */

struct tampering {
	const char *key; /* of `data` or, with long_tree, of `long` */
	size_t key_length;
	bool long_tree, remove, cut;
	size_t byte; /* to be changed; SIZE_MAX: none */
	size_t length;
	const void *value; /* to be put */
	size_t value_length;
};

/* Past the seals, straight into LMDB. */
static enum ddb_code tamper_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct tampering *tampering = context;
	MDB_dbi tree = tampering->long_tree ? txn->store->environment.longs : txn->store->environment.data;
	MDB_val key = {tampering->key_length, (void *)(uintptr_t)tampering->key}, value;
	uint8_t bytes[4096];
	(void)err;
	txn->changes++;
	if (tampering->value) {
		value = (MDB_val){tampering->value_length, (void *)(uintptr_t)tampering->value};
		assert_int_equal(mdb_put(txn->mdb, tree, &key, &value, 0), 0);
		return DDB_OK;
	}
	assert_int_equal(mdb_get(txn->mdb, tree, &key, &value), 0);
	assert_true(value.mv_size <= sizeof bytes);
	memcpy(bytes, value.mv_data, value.mv_size);
	tampering->length = value.mv_size;
	if (tampering->remove) {
		assert_int_equal(mdb_del(txn->mdb, tree, &key, NULL), 0);
		return DDB_OK;
	}
	if (tampering->byte != SIZE_MAX)
		bytes[tampering->byte] ^= 0x20;
	value = (MDB_val){value.mv_size - tampering->cut, bytes};
	assert_int_equal(mdb_put(txn->mdb, tree, &key, &value, 0), 0);
	return DDB_OK;
}

static void tamper(struct store *store, struct tampering *tampering)
{
	assert_int_equal(store_write(store, tamper_job, tampering, false, NULL), DDB_OK);
}

static enum ddb_code get_code(
	struct store *store, const void *key, size_t length, bool body, struct ddb_error *err)
{
	struct store_txn *view;
	struct ddb_arena arena;
	struct store_value value;
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	ddb_arena_init(&arena, 1 << 20);
	enum ddb_code code = store_get(view, &arena, key, length, body, &value, err);
	ddb_arena_done(&arena);
	store_view_end(view);
	return code;
}

static void test_tampering(void **state)
{
	struct store *store = storedir_open(dir.store);
	struct ddb_error err = {0};
	struct tampering tampering = {.key = "a", .key_length = 1, .byte = SIZE_MAX};
	(void)state;
	storedir_put(store, "a", "head", "a body of some length");
	storedir_put(store, "b", "head", "a body of some length");
	tamper(store, &tampering);
	for (tampering.byte = 0; tampering.byte < tampering.length; tampering.byte++) {
		tamper(store, &tampering);
		assert_int_equal(get_code(store, "a", 1, true, &err), DDB_DAMAGED);
		assert_non_null(strstr(err.message, "record damaged"));
		const struct storedir_findings *findings = storedir_verify(store);
		assert_int_equal(findings->count, 1);
		assert_int_equal(findings->key_length, 1);
		assert_int_equal(findings->key[0], 'a');
		assert_string_equal(findings->last, "record damaged");
		assert_string_equal(storedir_get(store, "b"), "head|a body of some length");
		tamper(store, &tampering);
	}
	assert_int_equal(get_code(store, "a", 1, true, &err), DDB_OK);
	/* Cut, and moved to another key. */
	struct tampering cut = {.key = "a", .key_length = 1, .byte = SIZE_MAX, .cut = true};
	tamper(store, &cut);
	assert_int_equal(get_code(store, "a", 1, true, &err), DDB_DAMAGED);
	assert_int_equal(get_code(store, "a", 1, false, &err), DDB_DAMAGED);
	storedir_put(store, "a", "head", "a body of some length"); /* a damaged record can be replaced */
	assert_int_equal(storedir_verify(store)->count, 0);

	struct store_txn *view;
	MDB_val key = {1, "a"}, value;
	uint8_t bytes[200];
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	assert_int_equal(mdb_get(view->mdb, store->environment.data, &key, &value), 0);
	memcpy(bytes, value.mv_data, value.mv_size);
	struct tampering moved = {.key = "b", .key_length = 1, .value = bytes, .value_length = value.mv_size};
	store_view_end(view);
	tamper(store, &moved);
	assert_int_equal(get_code(store, "b", 1, false, &err), DDB_DAMAGED);
	assert_true(storedir_delete(store, "b")); /* and removed */
	store_close(store);
}

enum { LONG_KEY = 3 * STORE_CHUNK + 7 };

static void test_broken_structure(void **state)
{
	struct store *store = storedir_open(dir.store);
	struct ddb_error err = {0};
	char key[LONG_KEY + 1], place[STORE_CHUNK + 1];
	const struct storedir_findings *findings;
	struct store_txn *view;
	struct store_cursor *cursor;
	bool found;
	(void)state;
	memset(key, 'k', LONG_KEY);
	key[LONG_KEY] = '\0';
	memcpy(place, key, STORE_CHUNK);
	place[STORE_CHUNK] = STORE_MARK_MORE;
	storedir_put(store, key, "1", "");
	key[LONG_KEY - 1] = 'l';
	storedir_put(store, key, "2", "");
	storedir_put(store, "a", "3", "");
	storedir_put(store, "z", "4", "");
	assert_int_equal(storedir_verify(store)->count, 0);

	/* The pointer is changed: it is told, and so is each record that it led to. */
	struct tampering pointer = {.key = place, .key_length = sizeof place, .byte = 0};
	for (; pointer.byte < STORE_POINTER_BYTES; pointer.byte += 5) {
		tamper(store, &pointer);
		assert_int_equal(get_code(store, key, LONG_KEY, false, &err), DDB_DAMAGED);
		assert_int_equal(store_view(store, &view, NULL), DDB_OK);
		assert_int_equal(store_cursor_open(view, &cursor, NULL), DDB_OK);
		assert_int_equal(store_cursor_seek(cursor, "a", 1, &found, NULL), DDB_OK);
		assert_true(found);
		assert_int_equal(store_cursor_next(cursor, &found, &err), DDB_DAMAGED);
		assert_int_equal(store_cursor_seek(cursor, "z", 1, &found, NULL), DDB_OK);
		assert_true(found);
		store_cursor_close(cursor);
		store_view_end(view);
		findings = storedir_verify(store);
		assert_int_equal(findings->count, 3);
		assert_int_equal(findings->keyless, 2);
		tamper(store, &pointer);
	}
	assert_int_equal(storedir_verify(store)->count, 0);

	struct tampering gone = {.key = place, .key_length = sizeof place, .remove = true};
	tamper(store, &gone);
	assert_int_equal(get_code(store, key, LONG_KEY, false, &err), DDB_RESOURCE_NOT_FOUND);
	findings = storedir_verify(store);
	assert_int_equal(findings->count, 2);
	assert_int_equal(findings->keyless, 2);

	/* A new way to the same keys; the old sub-spaces stay lost. */
	storedir_put(store, key, "5", "");
	assert_string_equal(storedir_get(store, key), "5|");
	assert_int_equal(storedir_verify(store)->count, 2);

	struct tampering odd = {.key = place, .key_length = STORE_CHUNK, .value = "x", .value_length = 1};
	tamper(store, &odd);
	assert_int_equal(storedir_verify(store)->count, 3);
	odd.remove = true;
	odd.value = NULL;
	tamper(store, &odd);
	struct tampering short_key = {
		.key = "12345678", .key_length = 8, .long_tree = true, .value = "x", .value_length = 1};
	tamper(store, &short_key);
	assert_int_equal(storedir_verify(store)->count, 3);
	store_close(store);
}

static void test_empty_sub_space(void **state)
{
	struct store *store = storedir_open(dir.store);
	char key[STORE_CHUNK + 2], place[STORE_ID_BYTES + 1];
	struct store_txn *view;
	struct ddb_error err = {0};
	MDB_val found, value;
	MDB_cursor *cursor;
	(void)state;
	memset(key, 'k', STORE_CHUNK + 1);
	key[STORE_CHUNK + 1] = '\0';
	storedir_put(store, key, "1", "");
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	assert_int_equal(mdb_cursor_open(view->mdb, store->environment.longs, &cursor), 0);
	assert_int_equal(mdb_cursor_get(cursor, &found, &value, MDB_FIRST), 0);
	assert_int_equal(found.mv_size, sizeof place);
	memcpy(place, found.mv_data, sizeof place);
	mdb_cursor_close(cursor);
	store_view_end(view);
	struct tampering gone = {.key = place, .key_length = sizeof place, .long_tree = true, .remove = true};
	tamper(store, &gone);
	const struct storedir_findings *findings = storedir_verify(store);
	assert_int_equal(findings->count, 1);
	assert_int_equal(findings->key_length, STORE_CHUNK);
	bool any;
	struct store_cursor *keys;
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	assert_int_equal(store_cursor_open(view, &keys, NULL), DDB_OK);
	assert_int_equal(store_cursor_seek(keys, "a", 1, &any, &err), DDB_DAMAGED);
	store_cursor_close(keys);
	store_view_end(view);
	storedir_put(store, key, "2", ""); /* the pointer is good, the space behind it usable */
	assert_int_equal(storedir_verify(store)->count, 0);
	store_close(store);
}

static enum ddb_code many_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	char key[20], body[300] = "body";
	enum ddb_code code = DDB_OK;
	(void)context;
	for (unsigned i = 0; i < 300 && !code; i++) {
		int length = snprintf(key, sizeof key, "key %03u", i);
		code = store_put(txn, key, (size_t)length, "head", 4, body, sizeof body, err);
	}
	return code;
}

/* Pages of the data file turn to zeros or noise while the store is closed: nothing of that is taken for data.
 */
static void test_damaged_pages(void **state)
{
	static char file[4 << 20], broken[4 << 20];
	struct store *store = storedir_open(dir.store);
	unsigned found_damage = 0;
	(void)state;
	assert_int_equal(store_write(store, many_job, NULL, false, NULL), DDB_OK);
	store_close(store);
	size_t length = storedir_read(dir.store, "data.mdb", file, sizeof file);
	for (size_t page = 2 * 4096; page < length; page += 4096) {
		memcpy(broken, file, length);
		memset(broken + page, 0, 4096);
		storedir_write(dir.store, "data.mdb", broken, length);
		struct ddb_error err = {0};
		enum ddb_code code = store_open(dir.store, &plain, &store, &err);
		assert_true(code == DDB_OK || code == DDB_DAMAGED);
		if (code)
			continue;
		struct storedir_findings findings = {0};
		struct store_txn *view;
		assert_int_equal(store_view(store, &view, NULL), DDB_OK);
		code = store_verify(view, storedir_finding, &findings, &err);
		assert_true(code == DDB_OK || code == DDB_DAMAGED);
		store_view_end(view);
		found_damage += findings.count > 0;
		store_abandon(store);
	}
	assert_true(found_damage > 5);
}

static void test_damaged_files(void **state)
{
	char bytes[20000], path[200];
	(void)state;
	struct store *store = storedir_open(dir.store);
	storedir_put(store, "a", "h", "b");
	store_close(store);
	size_t length = storedir_read(dir.store, "anchor", bytes, sizeof bytes);
	assert_int_equal(length, 8192);
	bytes[30] ^= 1;
	bytes[4126] ^= 1;
	storedir_write(dir.store, "anchor", bytes, length);
	refuse(dir.store, &plain, DDB_DAMAGED, "the store's anchor is damaged");
	snprintf(path, sizeof path, "%s/anchor", dir.store);
	unlink(path);
	store = storedir_open(dir.store); /* without one the data is taken as it is */
	assert_string_equal(storedir_get(store, "a"), "h|b");
	store_close(store);

	storedir_write(dir.store, "data.mdb", bytes, 100);
	refuse(dir.store, &plain, DDB_DAMAGED, "the store's data file is damaged");
	storedir_write(dir.store, "data.mdb", "", 0);
	refuse(dir.store, &plain, DDB_DAMAGED, "the store's data file is damaged");
	snprintf(path, sizeof path, "%s/data.mdb", dir.store);
	unlink(path);
	refuse(dir.store, &plain, DDB_DAMAGED, "store %s has lost its data file");
	assert_false(storedir_has(dir.store, "data.mdb"));
}

/* ---- A full disk ---- */

static void fill_and_recover(struct store *store, void (*make_room)(void))
{
	static char body[20000];
	struct ddb_error err = {0};
	unsigned count = 0;
	enum ddb_code code = DDB_OK;
	char key[20], expected[20];
	for (; count < 5000 && !code; count++) {
		snprintf(key, sizeof key, "key %u", count);
		snprintf(expected, sizeof expected, "%u", count);
		code = storedir_try_put(store, key, expected, body, sizeof body, &err);
	}
	if (code != DDB_STORE_FULL)
		fail_msg("put %u: %d %s", count, code, err.message);
	count--;
	assert_true(count > 5);
	assert_int_equal(get_code(store, key, strlen(key), true, &err), DDB_RESOURCE_NOT_FOUND);
	assert_int_equal(storedir_try_put(store, key, "h", body, sizeof body, &err), DDB_STORE_FULL);
	for (unsigned i = 0; i < count; i++) {
		snprintf(key, sizeof key, "key %u", i);
		assert_int_equal(get_code(store, key, strlen(key), true, &err), DDB_OK);
	}
	/* What is deleted makes room. */
	for (unsigned i = 0; i < 4; i++) {
		snprintf(key, sizeof key, "key %u", i);
		assert_true(storedir_delete(store, key));
	}
	assert_int_equal(storedir_try_put(store, "after", "h", body, sizeof body, &err), DDB_OK);
	assert_int_equal(store_sync(store, &err), DDB_OK);
	assert_int_equal(storedir_verify(store)->count, 0);
	while (!storedir_try_put(store, key, "h", body, sizeof body, &err))
		snprintf(key, sizeof key, "key %u", ++count);
	make_room();
	assert_int_equal(storedir_try_put(store, key, "h", body, sizeof body, &err), DDB_OK);
	assert_int_equal(storedir_verify(store)->count, 0);
}

static struct rlimit no_limit;

static void lift_limit(void)
{
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &no_limit), 0);
}

static void test_file_limit(void **state)
{
	struct store *store = storedir_open(dir.store);
	struct rlimit limit;
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &no_limit), 0);
	limit = no_limit;
	limit.rlim_cur = 1000000; /* within a page: writes end early */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fill_and_recover(store, lift_limit);
	store_close(store);
	lift_limit();
}

static void grow_disk(void)
{
	assert_int_equal(mount("none", dir.other, "tmpfs", MS_REMOUNT, "size=4m"), 0);
}

static void test_full_disk(void **state)
{
	char path[100];
	(void)state;
	assert_int_equal(mkdir(dir.other, 0700), 0);
	if (mount("none", dir.other, "tmpfs", 0, "size=2m")) {
		skip(); /* not allowed to mount */
		return;
	}
	snprintf(path, sizeof path, "%s/store", dir.other);
	struct store *store = storedir_open(path);
	fill_and_recover(store, grow_disk);
	store_close(store);
	/* A full disk does not keep a store from being opened and emptied. */
	assert_int_equal(mount("none", dir.other, "tmpfs", MS_REMOUNT, "size=5m"), 0);
	static char rest[8 << 20];
	char filler[120];
	snprintf(filler, sizeof filler, "%s/filler", dir.other);
	int fd = open(filler, O_WRONLY | O_CREAT, 0600);
	ssize_t written = write(fd, rest, sizeof rest);
	assert_true(written > 0 && written < (ssize_t)sizeof rest);
	close(fd);
	store = storedir_open(path);
	assert_string_not_equal(storedir_get(store, "key 9"), "");
	assert_true(storedir_delete(store, "key 9"));
	store_close(store);
	store = storedir_open(path);
	assert_null(storedir_get(store, "key 9"));
	store_close(store);
	assert_int_equal(umount(dir.other), 0);
}

/* Puts of every size until there is no room for one, so that as little as can be is left. */
static unsigned put_crumbs(struct store *store, unsigned count)
{
	static const size_t sizes[] = {50000, 5000, 500, 1};
	static char body[50000];
	struct ddb_error err = {0};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (enum ddb_code code = DDB_OK; !code; count += !code) {
			char key[20];
			snprintf(key, sizeof key, "crumb %05u", count);
			code = storedir_try_put(store, key, "h", body, sizes[i], &err);
			assert_true(!code || code == DDB_STORE_FULL);
		}
	return count;
}

static void fill_disk(void)
{
	static const char zeros[4096];
	char path[120];
	snprintf(path, sizeof path, "%s/filler", dir.other);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof zeros) > 0)
		;
	close(fd);
}

/* However often what removing made free is taken again, by the store itself or by others on its disk. */
static void test_full_disk_empties(void **state)
{
	char path[100], key[20];
	(void)state;
	assert_int_equal(mkdir(dir.other, 0700), 0);
	if (mount("none", dir.other, "tmpfs", 0, "size=3m")) {
		skip(); /* not allowed to mount */
		return;
	}
	snprintf(path, sizeof path, "%s/store", dir.other);
	struct store *store = storedir_open(path);
	unsigned count = 0, removed = 0;
	for (; count < 100; count++) { /* removing these frees no page */
		snprintf(key, sizeof key, "crumb %05u", count);
		storedir_put(store, key, "h", "");
	}
	count = put_crumbs(store, count);
	assert_true(count > 140);
	/* Giving the reserve up is not giving it to others. */
	fill_disk();
	store_reserve_begin(store);
	fill_disk();
	store_reserve_end(store);
	static const char body[50000];
	assert_int_equal(storedir_try_put(store, "other", "h", body, sizeof body, NULL), DDB_OK);
	for (unsigned round = 0; round < 40; round++) {
		fill_disk();
		for (unsigned end = removed + 1 + round % 5; removed < end; removed++) {
			snprintf(key, sizeof key, "crumb %05u", removed);
			assert_true(storedir_delete(store, key));
		}
		if (round == 20) { /* a store that begins without its room */
			store_close(store);
			store = storedir_open(path);
		}
		fill_disk();
		count = put_crumbs(store, count);
	}
	for (; removed < count; removed++) {
		snprintf(key, sizeof key, "crumb %05u", removed);
		assert_true(storedir_delete(store, key));
	}
	assert_int_equal(storedir_verify(store)->count, 0);
	/* Room on the disk lets the whole of the store's be used again. */
	snprintf(path, sizeof path, "%s/filler", dir.other);
	assert_int_equal(unlink(path), 0);
	assert_true(put_crumbs(store, 0) > 40);
	store_close(store);
	assert_int_equal(umount(dir.other), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_make),
		CASE(test_refused),
		CASE(test_format),
		CASE(test_keys),
		CASE(test_read_only),
		CASE(test_second_owner),
		CASE(test_killed_while_made),
		CASE(test_half_made),
		CASE(test_values),
		CASE(test_views),
		CASE(test_too_many_views),
		CASE(test_numbers),
		CASE(test_hash),
		CASE(test_sync),
		CASE(test_group_commit),
		CASE(test_failing_jobs),
		CASE(test_killed_while_writing),
		CASE(test_tampering),
		CASE(test_broken_structure),
		CASE(test_empty_sub_space),
		CASE(test_damaged_pages),
		CASE(test_damaged_files),
		CASE(test_file_limit),
		CASE(test_full_disk),
		CASE(test_full_disk_empties),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
