/*
 * The order of keys, against a sorted array: lengths around every boundary of the trie, long common prefixes,
 * both directions.
 */
#include "tests/unit/key_model.h"

static struct model model;

struct changes {
	unsigned count;
	bool with_reads;
};

static enum ddb_code random_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct changes *changes = context;
	(void)err;
	change_randomly(&model, txn, changes->count);
	if (changes->with_reads)
		check_seeks(&model, txn, 20);
	return DDB_OK;
}

static enum ddb_code clear_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	(void)context, (void)err;
	while (model.count) {
		const struct model_key *key = &model.keys[random_number(model.count)];
		assert_int_equal(store_delete(txn, key->bytes, key->length, NULL, NULL), DDB_OK);
		model_delete(&model, key->bytes, key->length);
	}
	return DDB_OK;
}

static size_t long_entries(struct store *store)
{
	struct store_txn *view;
	MDB_stat stat;
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	assert_int_equal(mdb_stat(view->mdb, store->environment.longs, &stat), 0);
	store_view_end(view);
	return stat.ms_entries;
}

static void test_random(void **state)
{
	struct storedir dir;
	(void)state;
	storedir_make(&dir);
	struct store *store = storedir_open(dir.store);
	for (unsigned round = 0; round < 60; round++) {
		struct changes changes = {1 + (unsigned)random_number(round % 6 ? 20 : 100), round % 3 == 0};
		struct store_txn *view;
		assert_int_equal(store_write(store, random_job, &changes, false, NULL), DDB_OK);
		assert_int_equal(store_view(store, &view, NULL), DDB_OK);
		check_seeks(&model, view, 60);
		check_gets(&model, view, 30);
		check_walks(&model, view);
		store_view_end(view);
	}
	assert_true(model.count > 100);
	assert_true(long_entries(store) > 100);
	assert_int_equal(storedir_verify(store)->count, 0);
	assert_int_equal(store_write(store, clear_job, NULL, false, NULL), DDB_OK);
	assert_int_equal(long_entries(store), 0); /* no sub-space outlives its keys */
	assert_int_equal(storedir_verify(store)->count, 0);
	store_close(store);
	storedir_done(&dir);
}

static enum ddb_code common_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	size_t shared = *(size_t *)context;
	uint8_t key[STORE_KEY_MAX + 1];
	(void)err;
	memset(key, 'p', sizeof key);
	for (unsigned i = 0; i < 2000; i++) {
		unsigned number = i * 7919 % 2000; /* all of them, in no order */
		int digits = sprintf((char *)key + shared, "%u", number);
		put_value(&model, txn, key, shared + (size_t)digits, number);
	}
	return DDB_OK;
}

static void test_common_prefix(void **state)
{
	static size_t shared[] = {1200, STORE_CHUNK, 2 * STORE_CHUNK - 1, STORE_KEY_MAX - 4};
	(void)state;
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
		struct storedir dir;
		struct store_txn *view;
		storedir_make(&dir);
		struct store *store = storedir_open(dir.store);
		assert_int_equal(store_write(store, common_job, &shared[i], false, NULL), DDB_OK);
		assert_int_equal(model.count, 2000);
		assert_int_equal(store_view(store, &view, NULL), DDB_OK);
		check_walks(&model, view);
		check_seeks(&model, view, 300);
		store_view_end(view);
		store_close(store);
		storedir_done(&dir);
		model_clear(&model);
	}
}

static void test_empty(void **state)
{
	struct storedir dir;
	struct store_txn *view;
	(void)state;
	storedir_make(&dir);
	struct store *store = storedir_open(dir.store);
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	check_walks(&model, view);
	check_seeks(&model, view, 20);
	store_view_end(view);
	store_cursor_close(NULL);
	store_view_end(NULL);
	store_close(store);
	storedir_done(&dir);
}

static enum ddb_code bad_key_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	static const uint8_t key[STORE_KEY_MAX + 1];
	size_t length = *(size_t *)context;
	bool existed;
	struct ddb_arena arena;
	struct store_value value;
	ddb_arena_init(&arena, 1 << 16);
	assert_int_equal(store_delete(txn, key, length, &existed, NULL), DDB_INTERNAL);
	assert_int_equal(store_get(txn, &arena, key, length, true, &value, NULL), DDB_INTERNAL);
	ddb_arena_done(&arena);
	return store_put(txn, key, length, "", 0, "", 0, err);
}

static void test_key_lengths(void **state)
{
	static size_t lengths[] = {0, STORE_KEY_MAX + 1};
	struct storedir dir;
	(void)state;
	storedir_make(&dir);
	struct store *store = storedir_open(dir.store);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(store_write(store, bad_key_job, &lengths[i], false, NULL), DDB_INTERNAL);
	store_close(store);
	storedir_done(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_common_prefix),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_key_lengths),
	};
	model_start(UINT64_C(0x9e3779b97f4a7c15));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
