/*
 * An item's record: a head that can be read alone (who the item is, how large, since when) and the item
 * itself as body. Also what makes an item fit to be written: DynamoDB's limits, its place, its encoding.
 * Nothing here writes.
 *
 * The head, little-endian: format 1, length of the key's copy 1, serial 8, version 8, mtime 8, size 4,
 * rendered 2 * 4; then, in a simple table, a copy of the key's bytes if short, so that a listing reads no
 * bodies.
 */
#ifndef LOCAL_ITEM_H
#define LOCAL_ITEM_H

#include "engine/local/keys.h"
#include "engine/local/local_private.h"

enum {
	LOCAL_ITEM_HEAD_MIN = 1 + 1 + 3 * 8 + 3 * 4,
	LOCAL_KEY_COPY_MAX = 64,
	LOCAL_ITEM_HEAD_MAX = LOCAL_ITEM_HEAD_MIN + LOCAL_KEY_COPY_MAX,
};

/* An item ready to be written. */
struct local_item {
	struct local_key key;
	struct ddb_value value; /* shared with what it was made of */
	const uint8_t *body;    /* in the arena */
	size_t length;
	uint32_t size, rendered[2];
};

/* What was found under a key. */
struct local_found {
	bool found;
	struct ddb_meta meta;
	const uint8_t *body; /* in the arena, if it was asked for */
	size_t length;
};

enum local_limit { LOCAL_LIMIT_PUT, LOCAL_LIMIT_UPDATE }; /* which operation's words */

/* All checks that need no store, then place, sizes and encoding. DDB_VALIDATION, DDB_ITEM_TOO_LARGE. */
DDB_MUST_CHECK enum ddb_code local_item_prepare(struct local_engine *engine, const struct local_table *table,
	struct ddb_arena *arena, const struct ddb_value *item, enum local_limit limit, struct local_item *ret,
	struct ddb_error *err);
/* Names and nesting of attributes, wherever they will be put. */
DDB_MUST_CHECK enum ddb_code local_item_check(const struct ddb_value *item, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_too_large(enum local_limit limit, struct ddb_error *err);
/* DynamoDB's counting, without the stand-in keys of a provisional table. */
size_t local_item_size(const struct ddb_table *table, const struct ddb_value *item);
void local_measure(struct local_engine *engine, const struct ddb_table *table, const struct ddb_value *item,
	uint32_t ret[2]);

/* Reads what is stored under the key. *ret is set in any case but failure. */
DDB_MUST_CHECK enum ddb_code local_item_find(struct store_txn *txn, struct ddb_arena *arena,
	const struct local_key *key, bool want_body, struct local_found *ret, struct ddb_error *err);
/* Whether the item is the one that was found, byte for byte. Reads the body only when it may be. */
DDB_MUST_CHECK enum ddb_code local_item_same(struct store_txn *txn, struct ddb_arena *arena,
	const struct local_item *item, const struct local_found *found, bool *ret, struct ddb_error *err);
/* The item that was found (with its body), under another key, ready to be written. In the job's arena. */
DDB_MUST_CHECK enum ddb_code local_item_moved(struct local_job *job, const struct local_found *found,
	const struct local_key *to, struct local_item *ret, struct ddb_error *err);
/* Writes the record and nothing else. */
DDB_MUST_CHECK enum ddb_code local_item_write(struct store_txn *txn, const struct local_key *key,
	const struct ddb_meta *meta, const uint8_t *body, size_t length, struct ddb_error *err);

size_t local_head_encode(
	const struct ddb_meta *meta, const struct local_key *key, uint8_t ret[LOCAL_ITEM_HEAD_MAX]);
/* *ret_copy NULL when the head holds no copy of the key. DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_head_decode(const uint8_t *head, size_t length, struct ddb_meta *ret,
	const uint8_t **ret_copy, size_t *ret_copy_length, struct ddb_error *err);
/* The item of a record's body, which is borrowed. DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_body_decode(struct ddb_arena *arena, const uint8_t *body, size_t length,
	struct ddb_value *ret, struct ddb_error *err);

#endif
