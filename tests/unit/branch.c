/*
 * Branches as their users see them: what they show and hide, their bounds, how they end, and what they do
 * without memory. Their order is the model test's matter, threads are threads_branch's.
 */
#include "engine/store/branch.h"
#include "engine/store/branches.h"
#include "tests/unit/storedir.h"

#include <pthread.h>

static struct storedir dir;
static struct store *base;

static int setup(void **state)
{
	(void)state;
	storedir_make(&dir);
	base = storedir_open(dir.store);
	storedir_put(base, "a", "h", "one");
	storedir_put(base, "b", "h", "two");
	storedir_put(base, "c", "h", "three");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_null(base->environment.branches);
	assert_int_equal(base->environment.branch_count, 0);
	assert_int_equal(base->environment.branch_memory.bytes, 0);
	assert_int_equal(storedir_verify(base)->count, 0);
	store_close(base);
	storedir_done(&dir);
	return 0;
}

static struct store *branch_open(bool read_only, size_t memory_max)
{
	struct store_branch_options options = {read_only, memory_max};
	struct store *branch;
	struct ddb_error err = {0};
	if (store_branch_open(base, &options, &branch, &err))
		fail_msg("store_branch_open: %s", err.message);
	return branch;
}

static struct store_txn *view_of(struct store *store)
{
	struct store_txn *view;
	struct ddb_error err = {0};
	if (store_view(store, &view, &err))
		fail_msg("store_view: %s", err.message);
	return view;
}

static unsigned readers(void)
{
	struct store_status status;
	store_status(base, &status);
	return status.readers;
}

/* ---- What is seen ---- */

static void test_own_changes(void **state)
{
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	storedir_put(branch, "a", "h", "mine");
	storedir_put(branch, "d", "h", "new");
	assert_true(storedir_delete(branch, "b"));
	assert_false(storedir_delete(branch, "b"));
	assert_false(storedir_delete(branch, "x"));
	storedir_put(base, "c", "h", "later");
	storedir_put(base, "e", "h", "later");

	assert_string_equal(storedir_get(branch, "a"), "h|mine");
	assert_null(storedir_get(branch, "b"));
	assert_string_equal(storedir_get(branch, "c"), "h|three");
	assert_string_equal(storedir_get(branch, "d"), "h|new");
	assert_null(storedir_get(branch, "e"));
	assert_string_equal(storedir_get(base, "a"), "h|one");
	assert_string_equal(storedir_get(base, "b"), "h|two");
	assert_string_equal(storedir_get(base, "c"), "h|later");
	assert_null(storedir_get(base, "d"));

	struct store_txn *view = view_of(branch);
	struct ddb_arena arena;
	struct store_value value;
	ddb_arena_init(&arena, 1 << 20);
	assert_int_equal(store_branch_get(view, &arena, "a", 1, true, &value, NULL), DDB_OK);
	assert_memory_equal(value.body, "one", 3);
	assert_int_equal(store_branch_get(view, &arena, "b", 1, true, &value, NULL), DDB_OK);
	assert_int_equal(store_branch_get(view, &arena, "d", 1, true, &value, NULL), DDB_RESOURCE_NOT_FOUND);
	ddb_arena_done(&arena);
	store_view_end(view);
	store_close(branch);
	assert_string_equal(storedir_get(base, "a"), "h|one");
}

static void test_two_branches(void **state)
{
	(void)state;
	struct store *first = branch_open(false, 1 << 20);
	storedir_put(base, "a", "h", "between");
	struct store *second = branch_open(false, 1 << 20);
	storedir_put(first, "b", "h", "first's");
	storedir_put(second, "b", "h", "second's");
	assert_true(store_branch_number(second) > store_branch_number(first));
	assert_string_equal(storedir_get(first, "a"), "h|one");
	assert_string_equal(storedir_get(second, "a"), "h|between");
	assert_string_equal(storedir_get(first, "b"), "h|first's");
	assert_string_equal(storedir_get(second, "b"), "h|second's");
	store_close(first);
	assert_string_equal(storedir_get(second, "b"), "h|second's");
	store_close(second);
}

static void test_numbers(void **state)
{
	struct storedir_change put = {"n", 1, "h", "b", 1, 1, false, 0};
	(void)state;
	struct store_txn *view = view_of(base);
	uint64_t moment = store_txn_number(view);
	store_view_end(view);
	struct store *branch = branch_open(false, 1 << 20);
	assert_int_equal(store_branch_number(branch), moment);
	uint64_t last = moment;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(store_write(branch, storedir_change_job, &put, i % 2, NULL), DDB_OK);
		assert_true(put.number > last);
		last = put.number;
		view = view_of(branch);
		assert_true(store_txn_number(view) >= last);
		store_view_end(view);
	}
	storedir_put(base, "m", "h", "b"); /* goes its own way */
	assert_int_equal(store_branch_number(branch), moment);
	store_close(branch);
}

static enum ddb_code numbers_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	uint64_t *ret = context;
	enum ddb_code code = store_txn_take_numbers(txn, STORE_NUMBERS_MAX, err);
	*ret = store_txn_number(txn);
	return code;
}

static void test_more_numbers(void **state)
{
	uint64_t last = 0, number = 0;
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	for (unsigned i = 0; i < 10; i++, last = number) {
		assert_int_equal(store_write(branch, numbers_job, &number, false, NULL), DDB_OK);
		assert_true(number > last + (i ? STORE_NUMBERS_MAX : 0));
		struct store_txn *view = view_of(branch);
		assert_true(store_txn_number(view) >= number + STORE_NUMBERS_MAX);
		store_view_end(view);
	}
	store_close(branch);
}

static void ignore(void *context, const uint8_t *key, size_t length, const char *what)
{
	(void)context, (void)key, (void)length, (void)what;
}

static void test_store_functions(void **state)
{
	uint8_t ours[STORE_HASH_BYTES], theirs[STORE_HASH_BYTES];
	struct store_status status, base_status;
	(void)state;
	struct store *branch = branch_open(true, 0);
	store_hash(branch, "x", 1, ours);
	store_hash(base, "x", 1, theirs);
	assert_memory_equal(ours, theirs, sizeof ours);
	assert_int_equal(store_sync(branch, NULL), DDB_OK);
	store_status(branch, &status);
	store_status(base, &base_status);
	assert_int_equal(status.commits, base_status.commits);
	assert_int_equal(status.readers, 1); /* the branch */
	struct store_txn *view = view_of(branch);
	assert_int_equal(store_verify(view, ignore, NULL, NULL), DDB_INTERNAL);
	store_view_end(view);
	store_close(branch);
	assert_int_equal(readers(), 0);
}

static void test_read_only(void **state)
{
	struct ddb_error err = {0};
	(void)state;
	struct store *branch = branch_open(true, 1 << 20);
	assert_int_equal(storedir_try_put(branch, "a", "h", "x", 1, &err), DDB_STORE_READ_ONLY);
	assert_string_equal(err.message, "A snapshot cannot be written to");
	assert_string_equal(storedir_get(branch, "a"), "h|one");
	store_close(branch);
}

/* What is in memory is what would be on the disk. */
static void test_sealed(void **state)
{
	static const char secret[] = "a text that nobody is to find";
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	storedir_put(branch, "a", secret, secret);
	struct store_txn *view = view_of(branch);
	struct store_change *change = store_changes_find(store_branch_map(view), "a", 1);
	assert_non_null(change);
	assert_int_equal(change->now.length, store_seal_size(sizeof secret - 1, sizeof secret - 1));
	assert_null(memmem(change->now.bytes, change->now.length, secret, 8));
	change->now.bytes[change->now.length - 1] ^= 1;
	struct ddb_arena arena;
	struct store_value value;
	ddb_arena_init(&arena, 1 << 20);
	assert_int_equal(store_get(view, &arena, "a", 1, true, &value, NULL), DDB_DAMAGED);
	ddb_arena_done(&arena);
	store_view_end(view);
	store_close(branch);
}

/* ---- Jobs ---- */

struct puts {
	unsigned count;
	size_t body_length;
	bool same_key, goes_on; /* after a put has failed */
	enum ddb_code failed;
};

static enum ddb_code puts_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct puts *puts = context;
	static const char body[100000];
	for (unsigned i = 0; i < puts->count; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%u", puts->same_key ? 0 : i);
		enum ddb_code code = store_put(txn, key, strlen(key), "h", 1, body, puts->body_length, err);
		if (code)
			puts->failed = code;
		if (code && !puts->goes_on)
			return code;
	}
	return DDB_OK;
}

static void test_bound(void **state)
{
	struct ddb_error err = {0};
	struct puts most = {9, 100000, false, false, DDB_OK}, more = {1, 100000, false, false, DDB_OK};
	(void)state;
	struct store *branch = branch_open(false, 1000000);
	storedir_put(branch, "k0", "h", "small");
	size_t bytes = store_branch_bytes(branch);
	assert_true(bytes > 0 && bytes < 1000);

	for (unsigned goes_on = 0; goes_on < 2; goes_on++) { /* also who hides it from us has failed */
		struct puts many = {20, 100000, false, goes_on, DDB_OK};
		assert_int_equal(store_write(branch, puts_job, &many, false, &err), DDB_STORE_FULL);
		assert_int_equal(many.failed, DDB_STORE_FULL);
		assert_string_equal(err.message,
			"The changes of one transaction cannot take more than 1000000 bytes of memory");
		assert_int_equal(store_branch_bytes(branch), bytes);
		assert_string_equal(storedir_get(branch, "k0"), "h|small");
		assert_null(storedir_get(branch, "k1"));
	}
	struct puts over = {1000, 100000, true, false, DDB_OK}; /* one key, again and again */
	assert_int_equal(store_write(branch, puts_job, &over, false, NULL), DDB_OK);
	assert_true(store_branch_bytes(branch) < 101000);
	assert_true(storedir_delete(branch, "k0"));

	assert_int_equal(store_write(branch, puts_job, &most, false, NULL), DDB_OK);
	assert_true(store_branch_bytes(branch) > 900000 && store_branch_bytes(branch) <= 1000000);
	/* What a job replaces it holds until its end. */
	assert_int_equal(store_write(branch, puts_job, &more, false, &err), DDB_STORE_FULL);
	for (unsigned i = 0; i < 9; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%u", i);
		assert_true(storedir_delete(branch, key));
	}
	assert_true(store_branch_bytes(branch) < 2000);
	assert_int_equal(store_write(branch, puts_job, &most, false, NULL), DDB_OK);
	store_close(branch);

	branch = branch_open(false, 0);
	assert_int_equal(storedir_try_put(branch, "a", "h", "x", 1, &err), DDB_STORE_FULL);
	assert_string_equal(storedir_get(branch, "a"), "h|one");
	store_close(branch);
}

static void test_bound_of_all(void **state)
{
	struct ddb_error err = {0};
	struct puts puts = {6, 100000, false, false, DDB_OK};
	(void)state;
	base->environment.branch_memory.bytes_max = 1000000;
	struct store *first = branch_open(false, 10000000), *second = branch_open(false, 10000000);
	assert_int_equal(store_write(first, puts_job, &puts, false, NULL), DDB_OK);
	assert_int_equal(store_write(second, puts_job, &puts, false, &err), DDB_STORE_FULL);
	assert_string_equal(err.message,
		"The changes of all open transactions cannot take more than 1000000 bytes of memory");
	assert_int_equal(store_branch_bytes(second), 0);
	assert_int_equal(base->environment.branch_memory.bytes, store_branch_bytes(first));
	store_branch_drop(first, "enough");
	assert_int_equal(base->environment.branch_memory.bytes, 0);
	assert_int_equal(store_write(second, puts_job, &puts, false, NULL), DDB_OK);
	store_close(first);
	store_close(second);
}

static enum ddb_code bad_key_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	static const uint8_t key[STORE_KEY_MAX + 1];
	size_t length = *(size_t *)context;
	bool existed;
	assert_int_equal(store_delete(txn, key, length, &existed, NULL), DDB_INTERNAL);
	return store_put(txn, key, length, "", 0, "", 0, err);
}

static void test_key_lengths(void **state)
{
	static size_t lengths[] = {0, STORE_KEY_MAX + 1};
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(store_write(branch, bad_key_job, &lengths[i], false, NULL), DDB_INTERNAL);
	assert_int_equal(store_branch_bytes(branch), 0);
	store_close(branch);
}

/* ---- What has changed ---- */

static bool range_unchanged(struct store *branch, const char *from, const char *to, size_t to_length)
{
	struct store_txn *view = view_of(branch), *now = view_of(base);
	bool ret = false;
	struct ddb_error err = {0};
	if (store_branch_unchanged(view, now, from, strlen(from), to, to_length, &ret, NULL, &err))
		fail_msg("store_branch_unchanged: %s", err.message);
	store_view_end(now);
	store_view_end(view);
	return ret;
}

static bool unchanged(struct store *branch, const char *from, const char *to)
{
	return range_unchanged(branch, from, to, strlen(to));
}

/* Up to the key with a zero byte. */
static bool key_unchanged(struct store *branch, const char *key)
{
	return range_unchanged(branch, key, key, strlen(key) + 1);
}

static void test_one_key(void **state)
{
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	storedir_put(base, "b", "h", "two");
	storedir_put(base, "c", "h", "other");
	storedir_put(base, "d", "h", "new");
	storedir_put(base, "x\x01", "h", "new");
	storedir_delete(base, "a");
	assert_false(key_unchanged(branch, "a"));
	assert_false(key_unchanged(branch, "b"));
	assert_false(key_unchanged(branch, "c"));
	assert_false(key_unchanged(branch, "d"));
	assert_true(key_unchanged(branch, "e"));
	assert_true(key_unchanged(branch, "x"));
	assert_false(unchanged(branch, "x", "x\x02"));
	storedir_delete(base, "d");
	assert_true(key_unchanged(branch, "d"));
	store_close(branch);
}

static void test_written_again(void **state)
{
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	assert_true(unchanged(branch, "a", "z"));
	storedir_put(branch, "a", "h", "mine"); /* the branch's own do not count */
	storedir_delete(branch, "b");
	assert_true(unchanged(branch, "a", "z"));
	storedir_put(base, "b", "h", "two"); /* the same again */
	assert_false(unchanged(branch, "a", "z"));
	assert_false(unchanged(branch, "b", "b\x01"));
	assert_true(unchanged(branch, "a", "b"));
	assert_true(unchanged(branch, "c", "z"));
	storedir_delete(base, "c");
	assert_false(unchanged(branch, "c", "z"));
	storedir_put(base, "c", "h", "three");
	assert_false(unchanged(branch, "c", "z"));
	storedir_put(base, "y", "h", "b");
	storedir_delete(base, "y");
	assert_true(unchanged(branch, "x", "z"));
	assert_true(unchanged(branch, "z", "a")); /* nothing is there */
	store_close(branch);
}

static enum ddb_code stop_at_b(void *context, struct store_txn *view, const uint8_t *key, size_t length,
	bool deleted, struct ddb_error *err)
{
	(void)view, (void)length, (void)deleted;
	++*(unsigned *)context;
	return *key == 'b' ? ddb_fail(err, DDB_LIMIT_EXCEEDED, "enough") : DDB_OK;
}

static void test_visit_ends(void **state)
{
	struct ddb_error err = {0};
	unsigned visited = 0;
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	storedir_put(branch, "c", "h", "x");
	storedir_put(branch, "b", "h", "x");
	storedir_put(branch, "a", "h", "x");
	struct store_txn *view = view_of(branch);
	assert_int_equal(
		store_branch_changes(view, "", 0, NULL, 0, stop_at_b, &visited, &err), DDB_LIMIT_EXCEEDED);
	assert_string_equal(err.message, "enough");
	assert_int_equal(visited, 2);
	store_view_end(view);
	store_close(branch);
}

/* ---- What a branch costs the disk ---- */

static void overwrite(unsigned rounds)
{
	static const char body[50000];
	while (rounds--)
		assert_int_equal(storedir_try_put(base, "big", "h", body, sizeof body, NULL), DDB_OK);
	assert_int_equal(store_sync(base, NULL), DDB_OK); /* which pins states, too */
}

static void test_held(void **state)
{
	struct store_status before, during, after;
	(void)state;
	overwrite(20);
	store_status(base, &before);
	assert_int_equal(before.pages_kept, 0);
	assert_true(before.pages_free > 0);
	struct store *branch = branch_open(true, 0);
	overwrite(20);
	store_status(base, &during);
	assert_true(during.pages_kept >= 20 * 50000 / during.page_bytes);
	store_branch_drop(branch, "too much");
	store_status(base, &after);
	assert_int_equal(after.pages_kept, 0);
	assert_int_equal(after.pages_free, during.pages_free);
	store_close(branch);
	overwrite(20); /* reuses them */
	store_status(base, &before);
	assert_int_equal(before.file_bytes, after.file_bytes);
}

static void test_read_only_base(void **state)
{
	const struct store_options reading = {.read_only = true};
	const struct store_branch_options options = {.memory_max = 1 << 20};
	struct store *read, *branch;
	(void)state;
	store_close(base);
	assert_int_equal(store_open(dir.store, &reading, &read, NULL), DDB_OK);
	assert_int_equal(store_branch_open(read, &options, &branch, NULL), DDB_OK);
	storedir_put(branch, "a", "h", "mine");
	assert_string_equal(storedir_get(branch, "a"), "h|mine");
	assert_string_equal(storedir_get(branch, "b"), "h|two");
	store_close(branch);
	assert_string_equal(storedir_get(read, "a"), "h|one");
	store_close(read);
	base = storedir_open(dir.store);
}

/* ---- How branches end ---- */

static void assert_ended(struct store *branch, const char *why)
{
	struct store_txn *view;
	struct ddb_error err = {0};
	assert_int_equal(store_view(branch, &view, &err), DDB_VIEW_ENDED);
	assert_string_equal(err.message, why);
	err.message[0] = '\0';
	assert_int_equal(storedir_try_put(branch, "a", "h", "x", 1, &err), DDB_VIEW_ENDED);
	assert_string_equal(err.message, why);
	assert_true(store_branch_dropped(branch));
	assert_int_equal(store_branch_bytes(branch), 0);
}

static void test_drop(void **state)
{
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	storedir_put(branch, "a", "h", "mine");
	assert_false(store_branch_dropped(branch));
	assert_int_equal(readers(), 1);
	store_branch_drop(branch, "enough is enough");
	assert_int_equal(readers(), 0);
	assert_ended(branch, "enough is enough");
	store_branch_drop(branch, "again");
	assert_ended(branch, "enough is enough");
	store_close(branch);
}

static void test_drop_under_way(void **state)
{
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	storedir_put(branch, "a", "h", "mine");
	struct store_txn *view = view_of(branch);
	store_branch_drop(branch, "enough");
	assert_true(store_branch_dropped(branch));
	storedir_put(base, "b", "h", "later");
	assert_string_equal(storedir_get_in(view, "a"), "h|mine");
	assert_string_equal(storedir_get_in(view, "b"), "h|two");
	assert_int_equal(readers(), 1);
	store_view_end(view);
	assert_int_equal(readers(), 0);
	assert_ended(branch, "enough");
	store_close(branch);
}

static enum ddb_code drop_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	store_branch_drop(context, "in the midst");
	return store_put(txn, "a", 1, "h", 1, "b", 1, err);
}

static void test_drop_in_job(void **state)
{
	(void)state;
	struct store *branch = branch_open(false, 1 << 20);
	assert_int_equal(store_write(branch, drop_job, branch, false, NULL), DDB_OK);
	assert_ended(branch, "in the midst");
	store_close(branch);
}

static void test_too_many(void **state)
{
	enum { MOST = 128 };
	struct store *branches[MOST], *more = NULL;
	const struct store_branch_options options = {.memory_max = 1 << 20};
	struct ddb_error err = {0};
	(void)state;
	for (unsigned i = 0; i < MOST; i++)
		branches[i] = branch_open(false, 1 << 20);
	assert_int_equal(store_branch_open(base, &options, &more, &err), DDB_LIMIT_EXCEEDED);
	assert_string_equal(err.message, "No more than 128 transactions and snapshots can be open at a time");
	assert_null(more);
	storedir_put(base, "a", "h", "still");
	assert_string_equal(storedir_get(base, "a"), "h|still");
	assert_string_equal(storedir_get(branches[MOST - 1], "a"), "h|one");
	store_close(branches[0]);
	branches[0] = branch_open(false, 1 << 20);
	assert_string_equal(storedir_get(branches[0], "a"), "h|still");
	for (unsigned i = MOST; i--;)
		store_close(branches[i]);
}

/* As LMDB does when a commit has failed in its midst. */
static void panic(void)
{
	base->environment.panicked = true;
	base->writer.dead = true;
}

static void test_reopening(void **state)
{
	(void)state;
	struct store *idle = branch_open(false, 1 << 20), *busy = branch_open(false, 1 << 20);
	storedir_put(idle, "a", "h", "mine");
	struct store_txn *view = view_of(busy);
	struct ddb_error err = {0};
	panic();
	assert_int_equal(storedir_try_put(base, "a", "h", "x", 1, &err), DDB_INTERNAL);
	assert_string_equal(err.message, "the store cannot recover from a failed write: views are open");
	assert_string_equal(storedir_get_in(view, "a"), "h|one");
	store_view_end(view);
	storedir_put(base, "a", "h", "on");
	assert_string_equal(storedir_get(base, "a"), "h|on");
	assert_ended(idle, "The view has ended: the store had to be opened anew");
	assert_ended(busy, "The view has ended: the store had to be opened anew");
	struct store *after = branch_open(false, 1 << 20);
	assert_string_equal(storedir_get(after, "a"), "h|on");
	store_close(after);
	store_close(idle);
	store_close(busy);
}

/* ---- Without memory ---- */

/* Allocations until the one that fails; 0: none does. The linker leads those of the whole program here. */
static unsigned countdown;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool refused(void)
{
	return countdown && !--countdown;
}

void *__wrap_malloc(size_t size)
{
	return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return refused() ? NULL : __real_calloc(count, size);
}

static enum ddb_code mixed_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	enum ddb_code code = store_put(txn, "a", 1, "h", 1, "x", 1, err);
	if (!code)
		code = store_put(txn, "a", 1, "h", 1, "y", 1, err);
	if (!code)
		code = store_delete(txn, "b", 1, NULL, err);
	if (!code)
		code = store_put(txn, "e", 1, "h", 1, "x", 1, err);
	if (!code)
		code = store_delete(txn, "e", 1, NULL, err);
	return code && *(bool *)context ? DDB_OK : code;
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned hides = 0; hides < 2; hides++) {
		struct store *branch = branch_open(false, 1 << 20);
		bool hidden = hides;
		unsigned failures = 0;
		storedir_put(branch, "a", "h", "mine");
		size_t bytes = store_branch_bytes(branch);
		for (;; failures++) {
			struct ddb_error err = {0};
			countdown = failures + 1;
			enum ddb_code code = store_write(branch, mixed_job, &hidden, false, &err);
			bool enough = countdown > 0;
			countdown = 0;
			if (enough)
				break;
			assert_int_equal(code, DDB_NO_MEMORY);
			assert_int_equal(err.code, DDB_NO_MEMORY);
			assert_int_equal(store_branch_bytes(branch), bytes);
			assert_string_equal(storedir_get(branch, "a"), "h|mine");
			assert_string_equal(storedir_get(branch, "b"), "h|two");
			assert_null(storedir_get(branch, "e"));
		}
		assert_int_equal(failures, 5);
		assert_string_equal(storedir_get(branch, "a"), "h|y");
		assert_null(storedir_get(branch, "b"));
		store_close(branch);
	}
}

static void test_no_memory_to_open(void **state)
{
	const struct store_branch_options options = {.memory_max = 1 << 20};
	struct store *branch;
	(void)state;
	unsigned failures = 0;
	for (;; failures++) {
		countdown = failures + 1;
		enum ddb_code code = store_branch_open(base, &options, &branch, NULL);
		struct store_txn *view = NULL;
		struct store_cursor *cursor = NULL;
		if (!code) {
			view = view_of(branch);
			code = store_cursor_open(view, &cursor, NULL);
		}
		bool enough = countdown > 0;
		countdown = 0;
		store_cursor_close(cursor);
		store_view_end(view);
		if (view)
			store_close(branch);
		if (enough)
			break;
		assert_int_equal(code, DDB_NO_MEMORY);
		assert_int_equal(base->environment.branch_count, 0);
	}
	assert_true(failures >= 4);
	assert_int_equal(readers(), 0);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_own_changes),
		CASE(test_two_branches),
		CASE(test_numbers),
		CASE(test_more_numbers),
		CASE(test_store_functions),
		CASE(test_read_only),
		CASE(test_sealed),
		CASE(test_bound),
		CASE(test_bound_of_all),
		CASE(test_key_lengths),
		CASE(test_one_key),
		CASE(test_written_again),
		CASE(test_visit_ends),
		CASE(test_held),
		CASE(test_read_only_base),
		CASE(test_drop),
		CASE(test_drop_under_way),
		CASE(test_drop_in_job),
		CASE(test_too_many),
		CASE(test_reopening),
		CASE(test_no_memory),
		CASE(test_no_memory_to_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
