/*
 * Scratch files within another operation's write transaction: what renames between items and scratch files
 * need. The operations on scratch files themselves are the engine's.
 */
#ifndef LOCAL_SCRATCH_H
#define LOCAL_SCRATCH_H

#include "engine/local/local_private.h"

enum {
	LOCAL_SCRATCH_BLOCK = 64 << 10, /* bytes */
	LOCAL_SCRATCH_KEY_BYTES = 1 + 2 * STORE_HASH_BYTES,
	LOCAL_BLOCK_KEY_BYTES = 1 + 8 + 4,
	LOCAL_SCRATCH_NAME_MAX = 255,
};

/* Removes the file. DDB_RESOURCE_NOT_FOUND. */
DDB_MUST_CHECK enum ddb_code local_scratch_consume(struct local_engine *engine, struct store_txn *txn,
	const struct ddb_scratch_name *name, struct ddb_error *err);
/* Makes a file of that text, in place of one that is there. DDB_ITEM_TOO_LARGE, DDB_STORE_FULL. */
DDB_MUST_CHECK enum ddb_code local_scratch_keep(struct local_engine *engine, struct store_txn *txn,
	const struct ddb_scratch_name *name, const char *text, size_t length, int64_t mtime_ns,
	struct ddb_error *err);

/* For check: where a file's entry is, and what is in one. The name is the record's body. DDB_DAMAGED. */
void local_scratch_key(struct store *store, const uint8_t directory[DDB_DIRECTORY_ID_BYTES], const char *name,
	size_t length, uint8_t ret[LOCAL_SCRATCH_KEY_BYTES]);
DDB_MUST_CHECK enum ddb_code local_scratch_decode(
	const struct store_value *value, struct ddb_scratch_meta *ret, struct ddb_error *err);

#endif
