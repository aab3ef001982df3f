/*
 * The entries of secondary indexes: kept in the same transaction as their items. Every change of an item goes
 * through local_indexes_change. An index that is CREATING has entries of the items up to where its backfill
 * has come, and writers keep those; the rest is the backfill's (fill.c). Its layout is entry.h's.
 */
#ifndef LOCAL_INDEX_H
#define LOCAL_INDEX_H

#include "engine/local/consumed.h"
#include "engine/local/index/entry.h"
#include "engine/local/local_private.h"

/* Whether changes of items must be told, so that an item's old body must be read before it changes. */
bool local_has_indexes(const struct local_table *table);

/*
 * The rules for key attributes of all indexes, before the transaction: DDB_VALIDATION. An index key that is
 * missing is fine.
 */
DDB_MUST_CHECK enum ddb_code local_indexes_check(
	const struct local_table *table, const struct ddb_value *item, struct ddb_error *err);

/*
 * The item under `key` goes from `old` to `new_` (NULL: nothing), both whole; to be called once for each
 * change. A refusal (DDB_ITEM_COLLECTION_TOO_LARGE) comes before anything is written, so it is to be called
 * before the item's own record is. An item that gets another key leaves one place
 * and enters the other: two calls. `consumed` (may be NULL) adds up half units per index. Also keeps the
 * bytes of the item's collection: DDB_ITEM_COLLECTION_TOO_LARGE.
 */
DDB_MUST_CHECK enum ddb_code local_indexes_change(struct local_job *job, const struct local_key *key,
	const struct ddb_value *old, const struct ddb_meta *old_meta, const struct ddb_value *new_,
	const struct ddb_meta *new_meta, struct local_consumed *consumed, struct ddb_error *err);

/* A new entry in one index, of an item that has none there; whatever the size of its collection. */
DDB_MUST_CHECK enum ddb_code local_index_enter(struct local_job *job, unsigned position,
	const struct local_key *key, const struct ddb_value *item, const struct ddb_meta *meta,
	struct ddb_error *err);

/* Bytes of the key's item collection, as the job sees it; 0 for a table without local indexes. */
DDB_MUST_CHECK enum ddb_code local_collection_bytes(struct store_txn *txn, const struct local_table *table,
	const struct local_key *key, uint64_t *ret, struct ddb_error *err);

DDB_MUST_CHECK enum ddb_code local_collection_write(
	struct store_txn *txn, const struct local_key *key, uint64_t bytes, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_collection_add(struct local_job *job, const struct local_key *key,
	int64_t bytes, uint64_t most, struct ddb_error *err);

/*
 * The position in the table's definition of an index that may be read. DDB_VALIDATION: "The table does not
 * have the specified index: x", or its backfill is not at its end.
 */
DDB_MUST_CHECK enum ddb_code local_index_find(
	const struct local_table *table, const char *name, unsigned *ret, struct ddb_error *err);
/* As local_alive, for who reads an index: LOCAL_STALE also when the table was redefined, since an index that
 * was dropped is emptied piece by piece. */
DDB_MUST_CHECK enum ddb_code local_index_alive(
	struct store_txn *view, const struct local_table *table, struct ddb_error *err);

#endif
