/*
 * Scratch files and directories within a write transaction: what renames between items and scratch files
 * need, and the entries by which files are found. The operations on scratch files themselves are the
 * engine's.
 */
#ifndef LOCAL_SCRATCH_H
#define LOCAL_SCRATCH_H

#include "engine/local/keys.h"
#include "engine/local/local_private.h"

enum {
	LOCAL_SCRATCH_BLOCK = 64 << 10, /* bytes */
	LOCAL_SCRATCH_PREFIX_BYTES = 1 + STORE_HASH_BYTES,
	LOCAL_SCRATCH_KEY_BYTES = 1 + 2 * STORE_HASH_BYTES,
	LOCAL_BLOCK_KEY_BYTES = 1 + 8 + 4,
	LOCAL_SCRATCH_NAME_MAX = 255,
};

/* Removes the file, or gives it the name `as` (or NULL) in place of what has it. DDB_RESOURCE_NOT_FOUND;
 * DDB_VALIDATION for a directory. */
DDB_MUST_CHECK enum ddb_code local_scratch_consume(struct local_engine *engine, struct store_txn *txn,
	const struct ddb_scratch_name *name, const struct ddb_scratch_name *as, struct ddb_error *err);
/* Makes a file of that text, in place of one that is there. DDB_ITEM_TOO_LARGE, DDB_STORE_FULL;
 * DDB_VALIDATION when a directory is there. */
DDB_MUST_CHECK enum ddb_code local_scratch_keep(struct local_engine *engine, struct store_txn *txn,
	const struct ddb_scratch_name *name, const char *text, size_t length, int64_t mtime_ns,
	struct ddb_error *err);

/*
 * Files under `move->to` all that is under `move->from`, and tells (*ret_any, else untouched) whether there
 * was anything. DDB_CONDITIONAL_CHECK_FAILED when a name is taken there; DDB_VALIDATION for scratch
 * directories, which are renamed.
 */
DDB_MUST_CHECK enum ddb_code local_scratch_refile(struct local_engine *engine, struct store_txn *txn,
	const struct ddb_scratch_move *move, bool *ret_any, struct ddb_error *err);

/* ---- Entries ---- */

/*
 * A file or directory in a transaction: where it is, and what is known of it. A directory has its record
 * twice: as an entry, and at the head of what is filed in it. So a directory is known to exist by its number
 * alone, and either record can be made again from the other.
 */
struct local_scratch {
	struct local_engine *engine;
	struct store_txn *txn;
	struct ddb_arena *arena; /* reset at will */
	struct ddb_scratch_name name;
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES];
	bool found;
	struct ddb_scratch_meta meta;
};

DDB_MUST_CHECK enum ddb_code local_entry_check_name(
	const struct ddb_scratch_name *name, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_entry_find(struct local_engine *engine, struct store_txn *txn,
	struct ddb_arena *arena, const struct ddb_scratch_name *name, struct local_scratch *ret,
	struct ddb_error *err);
/* DDB_RESOURCE_NOT_FOUND. */
DDB_MUST_CHECK enum ddb_code local_entry_require(const struct local_scratch *entry, struct ddb_error *err);
/* DDB_VALIDATION, too, when it is a directory. */
DDB_MUST_CHECK enum ddb_code local_entry_require_file(
	const struct local_scratch *entry, struct ddb_error *err);
/* Whether there can be an entry: DDB_RESOURCE_NOT_FOUND when its directory is a scratch directory that is
 * gone. */
DDB_MUST_CHECK enum ddb_code local_entry_placed(const struct local_scratch *entry, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_entry_write(const struct local_scratch *entry, struct ddb_error *err);
/* The entry alone: not blocks, nor what is in a directory. */
DDB_MUST_CHECK enum ddb_code local_entry_delete(const struct local_scratch *entry, struct ddb_error *err);
/* Of a directory: DDB_RESOURCE_IN_USE. */
DDB_MUST_CHECK enum ddb_code local_entry_require_empty(
	const struct local_scratch *entry, struct ddb_error *err);
/* DDB_VALIDATION when `directory` is the entry's own inside, or anywhere below. */
DDB_MUST_CHECK enum ddb_code local_entry_require_outside(const struct local_scratch *entry,
	const uint8_t directory[DDB_DIRECTORY_ID_BYTES], struct ddb_error *err);

/* ---- Records, for check, too ---- */

/* What is in an entry's record; the name is its body. */
struct local_scratch_record {
	struct ddb_scratch_meta meta;
	bool placed; /* the directory is known: not in records of a store's first days */
	uint8_t directory[DDB_DIRECTORY_ID_BYTES];
};

void local_scratch_key(struct store *store, const uint8_t directory[DDB_DIRECTORY_ID_BYTES], const char *name,
	size_t length, uint8_t ret[LOCAL_SCRATCH_KEY_BYTES]);
/* Of a directory's second record; all entries in it have keys that begin so. */
void local_scratch_prefix(struct store *store, const uint8_t directory[DDB_DIRECTORY_ID_BYTES],
	uint8_t ret[LOCAL_SCRATCH_PREFIX_BYTES]);
/* DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_scratch_decode(
	const struct store_value *value, struct local_scratch_record *ret, struct ddb_error *err);

#endif
