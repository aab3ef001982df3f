/*
 * Keys of up to STORE_KEY_MAX bytes on a tree that takes 511: a trie of chunks. Within a sub-space (the top
 * one is the tree `data`; the others lie in `long`, each behind its id of 8 bytes) what is left of a key is
 *     shorter than a chunk: stored as it is;  exactly a chunk: chunk + 0x00;  longer: chunk + 0x01, a pointer
 * to the sub-space of the rest. So bytewise order holds: a shorter key is a prefix and comes first, 0x00
 * comes before 0x01, and what shares a chunk is together. A sub-space that becomes empty goes, with its
 * pointer. This file finds places; cursor.c goes from place to place.
 */
#include "engine/store/fault.h"
#include "engine/store/inside.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char doing_read[] = "the store cannot be read";
static const char doing_write[] = "the store cannot be written";
const uint8_t store_keyspace_top[STORE_ID_BYTES];

/* Where a key lies, and the sub-spaces on the way. */
struct place {
	unsigned level;
	uint8_t ids[STORE_LEVELS][STORE_ID_BYTES]; /* [0] is the top's */
	uint8_t bytes[STORE_PLACE_MAX];
	MDB_val key; /* in `bytes`, or the caller's own */
};

static MDB_dbi place_tree(const struct store_txn *txn, unsigned level)
{
	return level ? txn->store->environment.longs : txn->store->environment.data;
}

/* The LMDB key of `length` bytes of key in the sub-space of this level; mark < 0: none. */
static void place_set(struct place *place, unsigned level, const uint8_t *key, size_t length, int mark)
{
	size_t used = 0;
	place->level = level;
	if (level) {
		memcpy(place->bytes, place->ids[level], STORE_ID_BYTES);
		used = STORE_ID_BYTES;
	}
	memcpy(place->bytes + used, key, length);
	used += length;
	if (mark >= 0)
		place->bytes[used++] = (uint8_t)mark;
	place->key = (MDB_val){used, place->bytes};
}

static void place_set_rest(struct place *place, unsigned level, const uint8_t *rest, size_t length)
{
	if (!level && length < STORE_CHUNK) {
		place->level = 0;
		place->key = (MDB_val){length, (void *)(uintptr_t)rest};
		return;
	}
	place_set(place, level, rest, length, length == STORE_CHUNK ? STORE_MARK_END : -1);
}

static int change_put(struct store_txn *txn, MDB_dbi tree, MDB_val *key, MDB_val *value, unsigned flags)
{
	txn->changes++;
	txn->bytes += key->mv_size + value->mv_size;
	return mdb_put(txn->mdb, tree, key, value, flags);
}

/* A transaction in which a change has failed can only be aborted, whatever the job makes of it. */
static enum ddb_code change_fail(struct store_txn *txn, int rc, struct ddb_error *err)
{
	if (!txn->broken)
		txn->broken = store_fault(txn->broken_error, rc, doing_write);
	return store_fault(err, rc, doing_write);
}

/* An id that no sub-space has. */
static enum ddb_code new_id(struct store_txn *txn, uint8_t ret[STORE_ID_BYTES], struct ddb_error *err)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(txn->mdb, txn->store->environment.longs, &cursor);
	if (rc)
		return store_fault(err, rc, doing_read);
	do {
		randombytes_buf(ret, STORE_ID_BYTES);
		key = (MDB_val){STORE_ID_BYTES, ret};
		rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	} while (sodium_is_zero(ret, STORE_ID_BYTES) ||
		 (!rc && key.mv_size >= STORE_ID_BYTES && !memcmp(key.mv_data, ret, STORE_ID_BYTES)));
	mdb_cursor_close(cursor);
	return rc && rc != MDB_NOTFOUND ? store_fault(err, rc, doing_read) : DDB_OK;
}

static enum ddb_code make_pointer(
	struct store_txn *txn, struct place *place, const uint8_t *chunk, struct ddb_error *err)
{
	uint8_t bytes[STORE_POINTER_BYTES];
	unsigned level = place->level;
	enum ddb_code code = new_id(txn, place->ids[level + 1], err);
	if (code)
		return code;
	store_seal_pointer(
		txn->store->keys, place->ids[level], chunk, STORE_CHUNK, place->ids[level + 1], bytes);
	MDB_val value = {sizeof bytes, bytes};
	int rc = change_put(txn, place_tree(txn, level), &place->key, &value, 0);
	return rc ? change_fail(txn, rc, err) : DDB_OK;
}

/* Down all chunks but the last. DDB_RESOURCE_NOT_FOUND when a pointer is absent and none is to be made. */
static enum ddb_code place_find(struct store_txn *txn, const uint8_t *key, size_t length, bool make,
	struct place *place, struct ddb_error *err)
{
	unsigned level = 0;
	const uint8_t *chunk = key;
	assert(length && length <= STORE_KEY_MAX);
	if (length > STORE_CHUNK)
		memset(place->ids[0], 0, STORE_ID_BYTES);
	for (; length > STORE_CHUNK; chunk += STORE_CHUNK, length -= STORE_CHUNK, level++) {
		MDB_val value;
		place_set(place, level, chunk, STORE_CHUNK, STORE_MARK_MORE);
		int rc = mdb_get(txn->mdb, place_tree(txn, level), &place->key, &value);
		if (rc == MDB_NOTFOUND && !make)
			return store_absent(err);
		if (rc && rc != MDB_NOTFOUND)
			return store_fault(err, rc, doing_read);
		enum ddb_code code = DDB_OK;
		if (rc == MDB_NOTFOUND)
			code = make_pointer(txn, place, chunk, err);
		else if (!store_sealed_pointer(txn->store->keys, place->ids[level], chunk, STORE_CHUNK,
				 value.mv_data, value.mv_size, place->ids[level + 1]))
			code = store_damaged(key, (size_t)(chunk - key) + STORE_CHUNK, err);
		if (code)
			return code;
	}
	place_set_rest(place, level, chunk, length);
	return DDB_OK;
}

enum ddb_code store_keyspace_check(size_t length, struct ddb_error *err)
{
	if (length && length <= STORE_KEY_MAX)
		return DDB_OK;
	return ddb_fail(err, DDB_INTERNAL, "a key of the store cannot have %zu bytes", length);
}

enum ddb_code store_keyspace_get(
	struct store_txn *txn, const void *key, size_t length, MDB_val *ret, struct ddb_error *err)
{
	struct place place;
	enum ddb_code code = store_keyspace_check(length, err);
	if (code || (code = place_find(txn, key, length, false, &place, err)))
		return code;
	int rc = mdb_get(txn->mdb, place_tree(txn, place.level), &place.key, ret);
	if (rc == MDB_NOTFOUND)
		return store_absent(err);
	return rc ? store_fault(err, rc, doing_read) : DDB_OK;
}

enum ddb_code store_keyspace_reserve(struct store_txn *txn, const void *key, size_t length,
	size_t value_length, uint8_t **ret, struct ddb_error *err)
{
	struct place place;
	enum ddb_code code = store_keyspace_check(length, err);
	if (code || (code = place_find(txn, key, length, true, &place, err)))
		return code;
	MDB_val value = {value_length, NULL};
	int rc = change_put(txn, place_tree(txn, place.level), &place.key, &value, MDB_RESERVE);
	if (rc)
		return change_fail(txn, rc, err);
	*ret = value.mv_data;
	return DDB_OK;
}

static enum ddb_code is_empty(
	struct store_txn *txn, const uint8_t id[STORE_ID_BYTES], bool *ret, struct ddb_error *err)
{
	MDB_cursor *cursor;
	MDB_val key = {STORE_ID_BYTES, (void *)(uintptr_t)id}, value;
	int rc = mdb_cursor_open(txn->mdb, txn->store->environment.longs, &cursor);
	if (rc)
		return store_fault(err, rc, doing_read);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	*ret = rc == MDB_NOTFOUND ||
	       (!rc && (key.mv_size < STORE_ID_BYTES || memcmp(key.mv_data, id, STORE_ID_BYTES) != 0));
	mdb_cursor_close(cursor);
	return rc && rc != MDB_NOTFOUND ? store_fault(err, rc, doing_read) : DDB_OK;
}

/* Removes the sub-spaces that lost their last key, from the lowest up. */
static enum ddb_code prune(
	struct store_txn *txn, struct place *place, const uint8_t *key, struct ddb_error *err)
{
	for (unsigned level = place->level; level; level--) {
		bool empty = false;
		enum ddb_code code = is_empty(txn, place->ids[level], &empty, err);
		if (code || !empty)
			return code;
		place_set(place, level - 1, key + (size_t)(level - 1) * STORE_CHUNK, STORE_CHUNK,
			STORE_MARK_MORE);
		int rc = mdb_del(txn->mdb, place_tree(txn, level - 1), &place->key, NULL);
		if (rc)
			return change_fail(txn, rc, err);
	}
	return DDB_OK;
}

enum ddb_code store_keyspace_delete(
	struct store_txn *txn, const void *key, size_t length, bool *ret_existed, struct ddb_error *err)
{
	struct place place;
	enum ddb_code code = store_keyspace_check(length, err);
	if (!code)
		code = place_find(txn, key, length, false, &place, err);
	if (code == DDB_RESOURCE_NOT_FOUND) {
		*ret_existed = false;
		return DDB_OK;
	}
	if (code)
		return code;
	/* Looked up first, so that deleting nothing changes nothing. */
	MDB_val value;
	MDB_dbi tree = place_tree(txn, place.level);
	int rc = mdb_get(txn->mdb, tree, &place.key, &value);
	if (rc == MDB_NOTFOUND) {
		*ret_existed = false;
		return DDB_OK;
	}
	if (rc)
		return store_fault(err, rc, doing_read);
	txn->changes++;
	txn->bytes += place.key.mv_size;
	rc = mdb_del(txn->mdb, tree, &place.key, NULL);
	if (rc)
		return change_fail(txn, rc, err);
	*ret_existed = true;
	return prune(txn, &place, key, err);
}
