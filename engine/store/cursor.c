/*
 * Cursors over the keyspace: a stack of LMDB cursors, one for each sub-space on the way to the current key. A
 * cursor at its end stays there until it is sought again. One thread at a time; ends before its transaction.
 */
#include "engine/store/branches.h"
#include "engine/store/fault.h"
#include "engine/store/inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct level {
	MDB_cursor *mdb;
	uint8_t id[STORE_ID_BYTES]; /* of the sub-space; the top's at level 0 */
	size_t before;              /* bytes of key that lead here */
};

struct store_cursor {
	struct store_txn *txn;
	struct store_merge *merge; /* a branch's; nothing below is used then */
	unsigned depth;            /* levels in use; 0: at no key */
	unsigned opened;           /* levels that have an LMDB cursor */
	size_t length;             /* of the current key */
	MDB_val value;             /* the current record */
	struct level levels[STORE_LEVELS];
	uint8_t key[STORE_LEVELS * STORE_CHUNK];
};

enum direction { FORWARD, BACKWARD };

static const char doing_read[] = "the store cannot be read";

enum ddb_code store_cursor_open(struct store_txn *txn, struct store_cursor **ret, struct ddb_error *err)
{
	struct store_cursor *cursor = malloc(sizeof *cursor);
	if (!cursor)
		return ddb_fail_memory(err);
	cursor->txn = txn;
	cursor->merge = NULL;
	cursor->depth = 0;
	cursor->opened = 0;
	enum ddb_code code = txn->store->branch ? store_merge_open(txn, &cursor->merge, err) : DDB_OK;
	if (code) {
		free(cursor);
		return code;
	}
	*ret = cursor;
	return DDB_OK;
}

void store_cursor_close(struct store_cursor *cursor)
{
	if (!cursor)
		return;
	if (cursor->merge)
		store_merge_close(cursor->merge);
	for (unsigned i = 0; i < cursor->opened; i++)
		mdb_cursor_close(cursor->levels[i].mdb);
	free(cursor);
}

/* Enters the sub-space `id`, which begins behind `before` bytes of key. */
static enum ddb_code push(
	struct store_cursor *cursor, const uint8_t id[STORE_ID_BYTES], size_t before, struct ddb_error *err)
{
	const struct store_environment *environment = &cursor->txn->store->environment;
	if (cursor->depth == STORE_LEVELS) /* no key is that long */
		return store_damaged(cursor->key, before, err);
	struct level *level = &cursor->levels[cursor->depth];
	if (cursor->depth == cursor->opened) {
		MDB_dbi tree = cursor->depth ? environment->longs : environment->data;
		int rc = mdb_cursor_open(cursor->txn->mdb, tree, &level->mdb);
		if (rc)
			return store_fault(err, rc, doing_read);
		cursor->opened++;
	}
	memcpy(level->id, id, STORE_ID_BYTES);
	level->before = before;
	cursor->depth++;
	return DDB_OK;
}

static struct level *top(struct store_cursor *cursor)
{
	assert(cursor->depth);
	return &cursor->levels[cursor->depth - 1];
}

static size_t id_bytes(const struct store_cursor *cursor)
{
	return cursor->depth > 1 ? STORE_ID_BYTES : 0;
}

/* Moves the top LMDB cursor; MDB_NOTFOUND also when that leaves the sub-space. */
static int move(struct store_cursor *cursor, MDB_val *key, MDB_cursor_op operation)
{
	int rc = mdb_cursor_get(top(cursor)->mdb, key, &cursor->value, operation);
	if (rc)
		return rc;
	if (cursor->depth == 1)
		return store_environment_is_name(key) ? MDB_NOTFOUND : 0;
	bool inside =
		key->mv_size >= STORE_ID_BYTES && !memcmp(key->mv_data, top(cursor)->id, STORE_ID_BYTES);
	return inside ? 0 : MDB_NOTFOUND;
}

/* To the sub-space's first entry. */
static int move_first(struct store_cursor *cursor, MDB_val *key)
{
	if (cursor->depth == 1)
		return move(cursor, key, MDB_FIRST);
	*key = (MDB_val){STORE_ID_BYTES, top(cursor)->id};
	return move(cursor, key, MDB_SET_RANGE);
}

/* To the last entry before `key`, which is in the sub-space or just behind it. At the top there is always a
 * tree's name behind it. */
static int move_before(struct store_cursor *cursor, MDB_val *key)
{
	MDB_val value;
	int rc = mdb_cursor_get(top(cursor)->mdb, key, &value, MDB_SET_RANGE);
	if (rc && rc != MDB_NOTFOUND)
		return rc;
	return move(cursor, key, rc ? MDB_LAST : MDB_PREV);
}

/* To the last entry of a sub-space that is not the top. */
static int move_last(struct store_cursor *cursor, MDB_val *key)
{
	uint8_t next[STORE_ID_BYTES];
	memcpy(next, top(cursor)->id, STORE_ID_BYTES);
	size_t i = STORE_ID_BYTES;
	while (i && !++next[i - 1])
		i--;
	if (!i) /* the highest id of all */
		return move(cursor, key, MDB_LAST);
	*key = (MDB_val){STORE_ID_BYTES, next};
	return move_before(cursor, key);
}

/* Takes the entry's part of the key; *ret_pointer when it is a pointer and not a record. */
static bool take_key(struct store_cursor *cursor, const MDB_val *entry, bool *ret_pointer)
{
	size_t prefix = id_bytes(cursor), before = top(cursor)->before;
	if (entry->mv_size <= prefix)
		return false;
	const uint8_t *bytes = (const uint8_t *)entry->mv_data + prefix;
	size_t length = entry->mv_size - prefix;
	*ret_pointer = false;
	if (length > STORE_CHUNK) {
		if (length != STORE_CHUNK + 1 || bytes[STORE_CHUNK] > STORE_MARK_MORE)
			return false;
		*ret_pointer = bytes[STORE_CHUNK] == STORE_MARK_MORE;
		length = STORE_CHUNK;
	} else if (length == STORE_CHUNK) {
		return false;
	}
	memcpy(cursor->key + before, bytes, length);
	cursor->length = before + length;
	return cursor->length <= STORE_KEY_MAX;
}

static enum ddb_code enter(struct store_cursor *cursor, struct ddb_error *err)
{
	uint8_t id[STORE_ID_BYTES];
	const uint8_t *chunk = cursor->key + top(cursor)->before;
	if (!store_sealed_pointer(cursor->txn->store->keys, top(cursor)->id, chunk, STORE_CHUNK,
		    cursor->value.mv_data, cursor->value.mv_size, id))
		return store_damaged(cursor->key, cursor->length, err);
	return push(cursor, id, cursor->length, err);
}

/*
 * From what the last move came to (`rc`, `entry`) on to a record: out of a sub-space that has ended, into
 * those that pointers lead to. `entered`: the move was one to the end of a sub-space, which therefore cannot
 * be empty.
 */
static enum ddb_code settle(struct store_cursor *cursor, int rc, MDB_val *entry, enum direction direction,
	bool entered, bool *ret_found, struct ddb_error *err)
{
	for (;;) {
		if (rc && rc != MDB_NOTFOUND)
			return store_fault(err, rc, doing_read);
		if (rc && entered && cursor->depth > 1)
			return store_damaged(cursor->key, cursor->length, err);
		if (rc && cursor->depth == 1) {
			cursor->depth = 0;
			*ret_found = false;
			return DDB_OK;
		}
		if (rc) {
			cursor->depth--;
			rc = move(cursor, entry, direction == FORWARD ? MDB_NEXT : MDB_PREV);
			continue;
		}
		bool pointer;
		if (!take_key(cursor, entry, &pointer))
			return store_damaged(entry->mv_data, entry->mv_size, err);
		if (!pointer) {
			*ret_found = true;
			return DDB_OK;
		}
		enum ddb_code code = enter(cursor, err);
		if (code)
			return code;
		rc = direction == FORWARD ? move_first(cursor, entry) : move_last(cursor, entry);
		entered = true;
	}
}

/* A cursor that failed is at no key. */
static enum ddb_code finish(struct store_cursor *cursor, enum ddb_code code)
{
	if (code)
		cursor->depth = 0;
	return code;
}

/*
 * To the place of `rest` in the top sub-space. *ret_deeper: there is a pointer for its first chunk, and the
 * way goes on there; else the last move was made.
 */
static int seek_level(struct store_cursor *cursor, const uint8_t *rest, size_t length,
	enum direction direction, MDB_val *entry, bool *ret_deeper)
{
	uint8_t bytes[STORE_PLACE_MAX];
	size_t used = id_bytes(cursor), taken = length < STORE_CHUNK ? length : STORE_CHUNK;
	*ret_deeper = false;
	if (!used && !length) {
		if (direction == BACKWARD)
			return MDB_NOTFOUND;
		return move_first(cursor, entry);
	}
	memcpy(bytes, top(cursor)->id, used);
	memcpy(bytes + used, rest, taken);
	used += taken;
	if (taken == STORE_CHUNK)
		bytes[used++] = length > STORE_CHUNK ? STORE_MARK_MORE : STORE_MARK_END;
	*entry = (MDB_val){used, bytes};
	if (length <= STORE_CHUNK)
		return direction == FORWARD ? move(cursor, entry, MDB_SET_RANGE) : move_before(cursor, entry);
	int rc = move(cursor, entry, MDB_SET_RANGE);
	*ret_deeper = !rc && entry->mv_size == used && !memcmp(entry->mv_data, bytes, used);
	if (*ret_deeper || direction == FORWARD || (rc && rc != MDB_NOTFOUND))
		return rc;
	*entry = (MDB_val){used, bytes};
	return move_before(cursor, entry);
}

static enum ddb_code seek(struct store_cursor *cursor, const uint8_t *key, size_t length,
	enum direction direction, bool *ret_found, struct ddb_error *err)
{
	MDB_val entry;
	bool deeper, pointer;
	if (cursor->merge)
		return store_merge_seek(cursor->merge, key, length, direction == FORWARD, ret_found, err);
	cursor->depth = 0;
	cursor->length = 0;
	if (length > STORE_KEY_MAX) /* its first bytes, one more than any key has, are in the same place */
		length = STORE_KEY_MAX + 1;
	enum ddb_code code = push(cursor, store_keyspace_top, 0, err);
	if (code)
		return code;
	for (;;) {
		int rc = seek_level(cursor, key, length, direction, &entry, &deeper);
		if (!deeper)
			return finish(cursor, settle(cursor, rc, &entry, direction, false, ret_found, err));
		if (!take_key(cursor, &entry, &pointer))
			return finish(cursor, store_damaged(entry.mv_data, entry.mv_size, err));
		code = enter(cursor, err);
		if (code)
			return finish(cursor, code);
		key += STORE_CHUNK;
		length -= STORE_CHUNK;
	}
}

enum ddb_code store_cursor_seek(
	struct store_cursor *cursor, const void *key, size_t length, bool *ret_found, struct ddb_error *err)
{
	return seek(cursor, key, length, FORWARD, ret_found, err);
}

enum ddb_code store_cursor_seek_before(
	struct store_cursor *cursor, const void *key, size_t length, bool *ret_found, struct ddb_error *err)
{
	return seek(cursor, key, length, BACKWARD, ret_found, err);
}

static enum ddb_code step(
	struct store_cursor *cursor, enum direction direction, bool *ret_found, struct ddb_error *err)
{
	MDB_val entry;
	if (cursor->merge)
		return store_merge_step(cursor->merge, direction == FORWARD, ret_found, err);
	if (!cursor->depth) {
		*ret_found = false;
		return DDB_OK;
	}
	int rc = move(cursor, &entry, direction == FORWARD ? MDB_NEXT : MDB_PREV);
	return finish(cursor, settle(cursor, rc, &entry, direction, false, ret_found, err));
}

enum ddb_code store_cursor_next(struct store_cursor *cursor, bool *ret_found, struct ddb_error *err)
{
	return step(cursor, FORWARD, ret_found, err);
}

enum ddb_code store_cursor_previous(struct store_cursor *cursor, bool *ret_found, struct ddb_error *err)
{
	return step(cursor, BACKWARD, ret_found, err);
}

void store_cursor_key(const struct store_cursor *cursor, const uint8_t **ret, size_t *ret_length)
{
	if (cursor->merge) {
		store_merge_key(cursor->merge, ret, ret_length);
		return;
	}
	assert(cursor->depth);
	*ret = cursor->key;
	*ret_length = cursor->length;
}

void store_cursor_raw(const struct store_cursor *cursor, MDB_val *ret)
{
	if (cursor->merge) {
		store_merge_raw(cursor->merge, ret);
		return;
	}
	assert(cursor->depth);
	*ret = cursor->value;
}

struct store_txn *store_cursor_txn(const struct store_cursor *cursor)
{
	return cursor->txn;
}
