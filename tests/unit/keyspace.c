/*
 * The order of keys, against a sorted array: lengths around every boundary of the trie, long common prefixes,
 * both directions.
 */
#include "tests/unit/storedir.h"

enum { MODEL_MAX = 4000 };

struct model_key {
	uint8_t *bytes;
	size_t length;
	uint64_t value;
};

static struct model {
	struct model_key keys[MODEL_MAX];
	size_t count;
} model;

static uint64_t seed;

static uint64_t random_number(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed * UINT64_C(2685821657736338717) >> 16) % below;
}

static int compare(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
	return order ? order : (a_length > b_length) - (a_length < b_length);
}

/* The first at or behind the key. */
static size_t model_find(const uint8_t *key, size_t length)
{
	size_t low = 0, high = model.count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (compare(model.keys[middle].bytes, model.keys[middle].length, key, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool model_has(size_t at, const uint8_t *key, size_t length)
{
	return at < model.count && !compare(model.keys[at].bytes, model.keys[at].length, key, length);
}

static void model_put(const uint8_t *key, size_t length, uint64_t value)
{
	size_t at = model_find(key, length);
	if (!model_has(at, key, length)) {
		assert_true(model.count < MODEL_MAX);
		memmove(model.keys + at + 1, model.keys + at, (model.count - at) * sizeof *model.keys);
		model.keys[at] = (struct model_key){malloc(length), length, 0};
		memcpy(model.keys[at].bytes, key, length);
		model.count++;
	}
	model.keys[at].value = value;
}

static bool model_delete(const uint8_t *key, size_t length)
{
	size_t at = model_find(key, length);
	if (!model_has(at, key, length))
		return false;
	free(model.keys[at].bytes);
	model.count--;
	memmove(model.keys + at, model.keys + at + 1, (model.count - at) * sizeof *model.keys);
	return true;
}

static void model_clear(void)
{
	while (model.count)
		free(model.keys[--model.count].bytes);
}

/* Few letters and lengths that cluster around the boundaries of chunks, so that prefixes are shared and
 * chunks are full. */
static size_t random_key(uint8_t ret[STORE_KEY_MAX])
{
	static const uint8_t letters[] = {0x00, 0x01, 'a', 0xff};
	size_t length = 0;
	switch (random_number(4)) {
	case 0:
		length = 1 + random_number(12);
		break;
	case 1:
		length = (1 + random_number(8)) * STORE_CHUNK - 2 + random_number(5);
		break;
	case 2:
		length = 1 + random_number(STORE_KEY_MAX);
		break;
	default:
		length = STORE_KEY_MAX - random_number(3);
		break;
	}
	memset(ret, letters[random_number(4)], length);
	for (uint64_t i = random_number(4); i; i--)
		ret[random_number(length)] = letters[random_number(4)];
	if (random_number(2))
		for (size_t i = 0; i < 4 && i < length; i++)
			ret[length - 1 - i] = letters[random_number(4)];
	return length;
}

/* A key of the model, sometimes with its end changed. */
static size_t near_key(uint8_t ret[STORE_KEY_MAX + 100])
{
	if (!model.count || !random_number(3))
		return random_key(ret);
	const struct model_key *key = &model.keys[random_number(model.count)];
	size_t length = key->length;
	memcpy(ret, key->bytes, length);
	switch (random_number(5)) {
	case 0:
		length = 1 + random_number(length);
		break;
	case 1:
		ret[length - 1]++;
		break;
	case 2:
		ret[length - 1]--;
		break;
	case 3:
		ret[length++] = (uint8_t)random_number(256);
		break;
	default:
		break;
	}
	return length;
}

struct changes {
	unsigned count;
	bool with_reads;
};

static void check_at(struct store_cursor *cursor, bool found, size_t at)
{
	const uint8_t *key;
	size_t length;
	struct ddb_arena arena;
	struct store_value value;
	assert_int_equal(found, at < model.count);
	if (!found)
		return;
	store_cursor_key(cursor, &key, &length);
	assert_int_equal(length, model.keys[at].length);
	assert_memory_equal(key, model.keys[at].bytes, length);
	ddb_arena_init(&arena, 1 << 16);
	assert_int_equal(store_cursor_value(cursor, &arena, true, &value, NULL), DDB_OK);
	assert_int_equal(value.head_length, 8);
	assert_memory_equal(value.head, &model.keys[at].value, 8);
	assert_int_equal(value.body_length, model.keys[at].value % 50);
	ddb_arena_done(&arena);
}

static void check_seeks(struct store_txn *txn, unsigned count)
{
	struct store_cursor *cursor;
	uint8_t key[STORE_KEY_MAX + 100];
	bool found;
	assert_int_equal(store_cursor_open(txn, &cursor, NULL), DDB_OK);
	while (count--) {
		size_t length = near_key(key), at = model_find(key, length);
		assert_int_equal(store_cursor_seek(cursor, key, length, &found, NULL), DDB_OK);
		check_at(cursor, found, at);
		for (unsigned i = 0; i < 3 && found; i++) {
			if (random_number(2)) {
				assert_int_equal(store_cursor_next(cursor, &found, NULL), DDB_OK);
				at++;
			} else {
				assert_int_equal(store_cursor_previous(cursor, &found, NULL), DDB_OK);
				at = at ? at - 1 : SIZE_MAX;
			}
			check_at(cursor, found, at);
		}
		at = model_find(key, length);
		assert_int_equal(store_cursor_seek_before(cursor, key, length, &found, NULL), DDB_OK);
		check_at(cursor, found, at ? at - 1 : SIZE_MAX);
		if (found && random_number(2)) {
			assert_int_equal(store_cursor_next(cursor, &found, NULL), DDB_OK);
			check_at(cursor, found, at);
		}
	}
	store_cursor_close(cursor);
}

static void check_walks(struct store_txn *txn)
{
	struct store_cursor *cursor;
	bool found;
	size_t at = 0;
	uint8_t high[STORE_KEY_MAX + 500];
	memset(high, 0xff, sizeof high);
	assert_int_equal(store_cursor_open(txn, &cursor, NULL), DDB_OK);
	assert_int_equal(store_cursor_seek(cursor, "", 0, &found, NULL), DDB_OK);
	for (; found; at++) {
		check_at(cursor, found, at);
		assert_int_equal(store_cursor_next(cursor, &found, NULL), DDB_OK);
	}
	assert_int_equal(at, model.count);
	assert_int_equal(store_cursor_next(cursor, &found, NULL), DDB_OK);
	assert_false(found);
	assert_int_equal(store_cursor_previous(cursor, &found, NULL), DDB_OK);
	assert_false(found);
	assert_int_equal(store_cursor_seek_before(cursor, high, sizeof high, &found, NULL), DDB_OK);
	for (; found; at--) {
		check_at(cursor, found, at - 1);
		assert_int_equal(store_cursor_previous(cursor, &found, NULL), DDB_OK);
	}
	assert_int_equal(at, 0);
	assert_int_equal(store_cursor_seek_before(cursor, "", 0, &found, NULL), DDB_OK);
	assert_false(found);
	store_cursor_close(cursor);
}

static void put_value(struct store_txn *txn, const uint8_t *key, size_t length, uint64_t value)
{
	static const char body[50] = "some body";
	assert_int_equal(store_put(txn, key, length, &value, 8, body, value % 50, NULL), DDB_OK);
	model_put(key, length, value);
}

static enum ddb_code random_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct changes *changes = context;
	uint8_t key[STORE_KEY_MAX + 100];
	(void)err;
	for (unsigned i = 0; i < changes->count; i++) {
		bool existed;
		size_t length = near_key(key);
		if (length > STORE_KEY_MAX)
			length = STORE_KEY_MAX;
		if (random_number(5) < 3) {
			put_value(txn, key, length, random_number(UINT64_MAX));
		} else {
			bool had = model_delete(key, length);
			assert_int_equal(store_delete(txn, key, length, &existed, NULL), DDB_OK);
			assert_int_equal(existed, had);
		}
	}
	if (changes->with_reads)
		check_seeks(txn, 20);
	return DDB_OK;
}

static enum ddb_code clear_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	(void)context, (void)err;
	while (model.count) {
		const struct model_key *key = &model.keys[random_number(model.count)];
		assert_int_equal(store_delete(txn, key->bytes, key->length, NULL, NULL), DDB_OK);
		model_delete(key->bytes, key->length);
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

static void check_gets(struct store_txn *txn, unsigned count)
{
	while (count--) {
		uint8_t key[STORE_KEY_MAX + 100];
		struct ddb_arena arena;
		struct store_value value;
		struct ddb_error err;
		size_t length = near_key(key), at;
		if (length > STORE_KEY_MAX)
			continue;
		at = model_find(key, length);
		ddb_arena_init(&arena, 1 << 16);
		enum ddb_code code = store_get(txn, &arena, key, length, false, &value, &err);
		assert_int_equal(code, model_has(at, key, length) ? DDB_OK : DDB_RESOURCE_NOT_FOUND);
		if (code)
			assert_string_equal(err.message, "");
		else
			assert_memory_equal(value.head, &model.keys[at].value, 8);
		ddb_arena_done(&arena);
	}
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
		check_seeks(view, 60);
		check_gets(view, 30);
		check_walks(view);
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
		put_value(txn, key, shared + (size_t)digits, number);
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
		check_walks(view);
		check_seeks(view, 300);
		store_view_end(view);
		store_close(store);
		storedir_done(&dir);
		model_clear();
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
	check_walks(view);
	check_seeks(view, 20);
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
	const char *chosen = getenv("DDB_TEST_SEED");
	seed = chosen ? strtoull(chosen, NULL, 0) : UINT64_C(0x9e3779b97f4a7c15);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
