/*
 * A branch and many threads: jobs that count, views that look on, the base that goes on, and the branch
 * dropped, closed, or ended by a store that is opened anew, in the midst of that.
 */
#include "engine/store/branch.h"
#include "tests/unit/storedir.h"

enum {
	WRITERS = 2,
	READERS = 2,
	THREADS = WRITERS + READERS,
	JOBS = 200, /* of a writer */
	ROUNDS = 12,
};

static struct storedir dir;

struct shared {
	struct store *base, *branch;
	atomic_uint begun, done; /* jobs of the branch */
	atomic_bool ended;       /* it may have ended */
};

struct worker {
	struct shared *shared;
	const char *failure;
	pthread_t thread;
};

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

/* ---- Two counters that are always equal ---- */

static const char *const counters[] = {"left", "right"};

static enum ddb_code read_counter(struct store_txn *txn, const char *key, unsigned *ret)
{
	struct ddb_arena arena;
	struct store_value value;
	ddb_arena_init(&arena, 1 << 16);
	enum ddb_code code = store_get(txn, &arena, key, strlen(key), false, &value, NULL);
	*ret = 0;
	if (!code)
		memcpy(ret, value.head, sizeof *ret);
	ddb_arena_done(&arena);
	return code == DDB_RESOURCE_NOT_FOUND ? DDB_OK : code;
}

static enum ddb_code count_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	unsigned *next = context;
	for (unsigned i = 0; i < 2; i++) {
		enum ddb_code code = read_counter(txn, counters[i], next);
		++*next;
		if (!code)
			code = store_put(
				txn, counters[i], strlen(counters[i]), next, sizeof *next, NULL, 0, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

/* A code that the branch may have in place of DDB_OK. */
static bool is_end(const struct worker *worker, enum ddb_code code)
{
	return code == DDB_VIEW_ENDED && worker->shared->ended;
}

static void *write_branch(void *context)
{
	struct worker *worker = context;
	struct shared *shared = worker->shared;
	for (unsigned i = 0; i < JOBS && !worker->failure; i++) {
		unsigned counter;
		shared->begun++;
		enum ddb_code code = store_write(shared->branch, count_job, &counter, false, NULL);
		if (is_end(worker, code))
			return NULL;
		if (code)
			worker->failure = "a job of the branch failed";
		shared->done++;
		unsigned other;
		code = store_write(shared->base, count_job, &other, false, NULL);
		if (code)
			worker->failure = "a job of the base failed";
	}
	return NULL;
}

static const char *look(struct shared *shared, struct store_txn *view, unsigned least)
{
	unsigned values[2], walked = 0;
	struct store_cursor *cursor;
	bool found;
	if (read_counter(view, counters[0], &values[0]) || read_counter(view, counters[1], &values[1]))
		return "a counter cannot be read";
	if (values[0] != values[1])
		return "half of a job is visible";
	if (values[0] < least || values[0] > shared->begun)
		return "jobs are missing, or too many";
	if (store_cursor_open(view, &cursor, NULL))
		return "no cursor";
	enum ddb_code code = store_cursor_seek(cursor, "", 0, &found, NULL);
	for (; !code && found; code = store_cursor_next(cursor, &found, NULL))
		walked++;
	store_cursor_close(cursor);
	return code || walked != (values[0] ? 2 : 0) ? "a walk failed" : NULL;
}

static void *read_branch(void *context)
{
	struct worker *worker = context;
	struct shared *shared = worker->shared;
	while (!worker->failure && shared->done < WRITERS * JOBS) {
		struct store_txn *view;
		unsigned least = shared->done;
		enum ddb_code code = store_view(shared->branch, &view, NULL);
		if (is_end(worker, code))
			return NULL;
		if (code) {
			worker->failure = "no view";
			return NULL;
		}
		worker->failure = look(shared, view, least);
		store_view_end(view);
	}
	return NULL;
}

static void start(struct shared *shared, struct worker workers[THREADS])
{
	static const struct store_branch_options options = {.memory_max = 1 << 20};
	*shared = (struct shared){.base = storedir_open(dir.store)};
	assert_int_equal(store_branch_open(shared->base, &options, &shared->branch, NULL), DDB_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.shared = shared};
		assert_int_equal(pthread_create(&workers[i].thread, NULL,
					 i < WRITERS ? write_branch : read_branch, &workers[i]),
			0);
	}
}

static void join(struct worker workers[THREADS])
{
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		if (workers[i].failure)
			fail_msg("thread %u: %s", i, workers[i].failure);
}

static void wait_for(const atomic_uint *number, unsigned least)
{
	while (*number < least)
		sched_yield();
}

static void test_all_at_once(void **state)
{
	struct shared shared;
	struct worker workers[THREADS];
	struct store_txn *view;
	unsigned value;
	(void)state;
	start(&shared, workers);
	join(workers);
	assert_int_equal(store_view(shared.branch, &view, NULL), DDB_OK);
	assert_int_equal(read_counter(view, counters[0], &value), DDB_OK);
	assert_int_equal(value, WRITERS * JOBS);
	store_view_end(view);
	store_close(shared.branch);
	assert_int_equal(storedir_verify(shared.base)->count, 0);
	store_close(shared.base);
}

static void drop(struct shared *shared)
{
	store_branch_drop(shared->branch, "enough");
}

/* As after a commit that failed in its midst. */
static void reopen(struct shared *shared)
{
	shared->base->environment.panicked = true;
	shared->base->writer.dead = true;
	unsigned counter;
	assert_int_equal(store_write(shared->base, count_job, &counter, false, NULL), DDB_OK);
}

static void test_ends(void **state)
{
	static void (*const ends[])(struct shared *) = {drop, reopen};
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct shared shared;
		struct worker workers[THREADS];
		start(&shared, workers);
		wait_for(&shared.done, round * 3);
		shared.ended = true;
		ends[round % 2](&shared);
		join(workers);
		assert_true(store_branch_dropped(shared.branch) || shared.done == WRITERS * JOBS);
		store_close(shared.branch);
		assert_null(shared.base->environment.branches);
		store_close(shared.base);
		storedir_remove_tree(dir.store);
	}
}

/* ---- Closing ---- */

struct holder {
	struct store *branch;
	struct store_txn *view;
	atomic_uint waiting;
	enum ddb_code code;
};

static void *wait_for_view(void *context)
{
	struct holder *holder = context;
	struct store_txn *view;
	holder->waiting++;
	holder->code = store_view(holder->branch, &view, NULL);
	if (!holder->code)
		store_view_end(view);
	return NULL;
}

static void *end_view(void *context)
{
	struct holder *holder = context;
	struct store_cursor *cursor;
	bool found;
	holder->code = store_cursor_open(holder->view, &cursor, NULL);
	for (unsigned i = 0; i < 100 && !holder->code; i++)
		holder->code = store_cursor_seek(cursor, "", 0, &found, NULL);
	store_cursor_close(cursor);
	store_view_end(holder->view);
	return NULL;
}

/* While another thread has a view, and a third one waits for it. */
static void test_closing(void **state)
{
	static const struct store_branch_options options = {.memory_max = 1 << 20};
	(void)state;
	struct store *base = storedir_open(dir.store);
	for (unsigned round = 0; round < ROUNDS * 4; round++) {
		struct holder user = {0}, waiter = {0};
		pthread_t threads[2];
		assert_int_equal(store_branch_open(base, &options, &user.branch, NULL), DDB_OK);
		waiter.branch = user.branch;
		assert_int_equal(store_view(user.branch, &user.view, NULL), DDB_OK);
		assert_int_equal(pthread_create(&threads[0], NULL, wait_for_view, &waiter), 0);
		wait_for(&waiter.waiting, 1);
		store_branch_drop(user.branch, "closing"); /* who has not come yet finds it dropped */
		assert_int_equal(pthread_create(&threads[1], NULL, end_view, &user), 0);
		pthread_join(threads[0], NULL);
		assert_int_equal(waiter.code, DDB_VIEW_ENDED);
		store_close(user.branch);
		pthread_join(threads[1], NULL);
		assert_int_equal(user.code, DDB_OK);
	}
	assert_int_equal(base->environment.branch_count, 0);
	store_close(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
