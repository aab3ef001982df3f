/*
 * A plain sorted array as the model of a store's records, and looks at a store (any view, any job) against
 * it. A record's head is its value, eight bytes; its body is as long as that says. Keys have lengths around
 * every boundary of the trie, and share prefixes.
 */
#ifndef DDB_TEST_KEY_MODEL_H
#define DDB_TEST_KEY_MODEL_H

#include "tests/unit/storedir.h"

enum { MODEL_MAX = 4000 };

struct model_key {
	uint8_t *bytes;
	size_t length;
	uint64_t value;
};

struct model {
	struct model_key keys[MODEL_MAX];
	size_t count;
};

static uint64_t model_seed;

static inline uint64_t random_number(uint64_t below)
{
	model_seed ^= model_seed << 13;
	model_seed ^= model_seed >> 7;
	model_seed ^= model_seed << 17;
	return (model_seed * UINT64_C(2685821657736338717) >> 16) % below;
}

static inline int compare(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
	return order ? order : (a_length > b_length) - (a_length < b_length);
}

/* The first at or behind the key. */
static inline size_t model_find(const struct model *model, const uint8_t *key, size_t length)
{
	size_t low = 0, high = model->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (compare(model->keys[middle].bytes, model->keys[middle].length, key, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static inline bool model_has(const struct model *model, size_t at, const uint8_t *key, size_t length)
{
	return at < model->count && !compare(model->keys[at].bytes, model->keys[at].length, key, length);
}

static inline void model_put(struct model *model, const uint8_t *key, size_t length, uint64_t value)
{
	size_t at = model_find(model, key, length);
	if (!model_has(model, at, key, length)) {
		assert_true(model->count < MODEL_MAX);
		memmove(model->keys + at + 1, model->keys + at, (model->count - at) * sizeof *model->keys);
		model->keys[at] = (struct model_key){malloc(length), length, 0};
		memcpy(model->keys[at].bytes, key, length);
		model->count++;
	}
	model->keys[at].value = value;
}

static inline bool model_delete(struct model *model, const uint8_t *key, size_t length)
{
	size_t at = model_find(model, key, length);
	if (!model_has(model, at, key, length))
		return false;
	free(model->keys[at].bytes);
	model->count--;
	memmove(model->keys + at, model->keys + at + 1, (model->count - at) * sizeof *model->keys);
	return true;
}

static inline void model_clear(struct model *model)
{
	while (model->count)
		free(model->keys[--model->count].bytes);
}

static inline void model_copy(struct model *model, const struct model *from)
{
	model_clear(model);
	for (size_t i = 0; i < from->count; i++) {
		const struct model_key *key = &from->keys[i];
		model->keys[i] = (struct model_key){malloc(key->length), key->length, key->value};
		memcpy(model->keys[i].bytes, key->bytes, key->length);
	}
	model->count = from->count;
}

static inline void model_start(uint64_t fixed)
{
	const char *chosen = getenv("DDB_TEST_SEED");
	model_seed = chosen ? strtoull(chosen, NULL, 0) : fixed;
}

/* Few letters and lengths that cluster around the boundaries of chunks, so that prefixes are shared and
 * chunks are full. */
static inline size_t random_key(uint8_t ret[STORE_KEY_MAX])
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
static inline size_t near_key(const struct model *model, uint8_t ret[STORE_KEY_MAX + 100])
{
	if (!model->count || !random_number(3))
		return random_key(ret);
	const struct model_key *key = &model->keys[random_number(model->count)];
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

static inline void check_at(const struct model *model, struct store_cursor *cursor, bool found, size_t at)
{
	const uint8_t *key;
	size_t length;
	struct ddb_arena arena;
	struct store_value value;
	assert_int_equal(found, at < model->count);
	if (!found)
		return;
	store_cursor_key(cursor, &key, &length);
	assert_int_equal(length, model->keys[at].length);
	assert_memory_equal(key, model->keys[at].bytes, length);
	ddb_arena_init(&arena, 1 << 16);
	assert_int_equal(store_cursor_value(cursor, &arena, true, &value, NULL), DDB_OK);
	assert_int_equal(value.head_length, 8);
	assert_memory_equal(value.head, &model->keys[at].value, 8);
	assert_int_equal(value.body_length, model->keys[at].value % 50);
	ddb_arena_done(&arena);
}

static inline void check_seeks(const struct model *model, struct store_txn *txn, unsigned count)
{
	struct store_cursor *cursor;
	uint8_t key[STORE_KEY_MAX + 100];
	bool found;
	assert_int_equal(store_cursor_open(txn, &cursor, NULL), DDB_OK);
	while (count--) {
		size_t length = near_key(model, key), at = model_find(model, key, length);
		assert_int_equal(store_cursor_seek(cursor, key, length, &found, NULL), DDB_OK);
		check_at(model, cursor, found, at);
		for (unsigned i = 0; i < 3 && found; i++) {
			if (random_number(2)) {
				assert_int_equal(store_cursor_next(cursor, &found, NULL), DDB_OK);
				at++;
			} else {
				assert_int_equal(store_cursor_previous(cursor, &found, NULL), DDB_OK);
				at = at ? at - 1 : SIZE_MAX;
			}
			check_at(model, cursor, found, at);
		}
		at = model_find(model, key, length);
		assert_int_equal(store_cursor_seek_before(cursor, key, length, &found, NULL), DDB_OK);
		check_at(model, cursor, found, at ? at - 1 : SIZE_MAX);
		if (found && random_number(2)) {
			assert_int_equal(store_cursor_next(cursor, &found, NULL), DDB_OK);
			check_at(model, cursor, found, at);
		}
	}
	store_cursor_close(cursor);
}

static inline void check_walks(const struct model *model, struct store_txn *txn)
{
	struct store_cursor *cursor;
	bool found;
	size_t at = 0;
	uint8_t high[STORE_KEY_MAX + 500];
	memset(high, 0xff, sizeof high);
	assert_int_equal(store_cursor_open(txn, &cursor, NULL), DDB_OK);
	assert_int_equal(store_cursor_seek(cursor, "", 0, &found, NULL), DDB_OK);
	for (; found; at++) {
		check_at(model, cursor, found, at);
		assert_int_equal(store_cursor_next(cursor, &found, NULL), DDB_OK);
	}
	assert_int_equal(at, model->count);
	assert_int_equal(store_cursor_next(cursor, &found, NULL), DDB_OK);
	assert_false(found);
	assert_int_equal(store_cursor_previous(cursor, &found, NULL), DDB_OK);
	assert_false(found);
	assert_int_equal(store_cursor_seek_before(cursor, high, sizeof high, &found, NULL), DDB_OK);
	for (; found; at--) {
		check_at(model, cursor, found, at - 1);
		assert_int_equal(store_cursor_previous(cursor, &found, NULL), DDB_OK);
	}
	assert_int_equal(at, 0);
	assert_int_equal(store_cursor_seek_before(cursor, "", 0, &found, NULL), DDB_OK);
	assert_false(found);
	store_cursor_close(cursor);
}

static inline void check_gets(const struct model *model, struct store_txn *txn, unsigned count)
{
	while (count--) {
		uint8_t key[STORE_KEY_MAX + 100];
		struct ddb_arena arena;
		struct store_value value;
		struct ddb_error err;
		size_t length = near_key(model, key), at;
		if (length > STORE_KEY_MAX)
			continue;
		at = model_find(model, key, length);
		ddb_arena_init(&arena, 1 << 16);
		enum ddb_code code = store_get(txn, &arena, key, length, false, &value, &err);
		assert_int_equal(code, model_has(model, at, key, length) ? DDB_OK : DDB_RESOURCE_NOT_FOUND);
		if (code)
			assert_string_equal(err.message, "");
		else
			assert_memory_equal(value.head, &model->keys[at].value, 8);
		ddb_arena_done(&arena);
	}
}

/* The same in the store and in the model. */
static inline void put_value(
	struct model *model, struct store_txn *txn, const uint8_t *key, size_t length, uint64_t value)
{
	static const char body[50] = "some body";
	assert_int_equal(store_put(txn, key, length, &value, 8, body, value % 50, NULL), DDB_OK);
	model_put(model, key, length, value);
}

static inline void change_randomly(struct model *model, struct store_txn *txn, unsigned count)
{
	uint8_t key[STORE_KEY_MAX + 100];
	while (count--) {
		bool existed;
		size_t length = near_key(model, key);
		if (length > STORE_KEY_MAX)
			length = STORE_KEY_MAX;
		if (random_number(5) < 3) {
			put_value(model, txn, key, length, random_number(UINT64_MAX));
		} else {
			bool had = model_delete(model, key, length);
			assert_int_equal(store_delete(txn, key, length, &existed, NULL), DDB_OK);
			assert_int_equal(existed, had);
		}
	}
}

#endif
