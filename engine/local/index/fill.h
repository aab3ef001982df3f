/*
 * The making of indexes on tables that have items already: new global indexes, and what an older version of
 * this program left unmade; and the filing of expiries, when TTL is turned on. A thread of the engine walks
 * each table in the order of store keys, some items to a transaction, and files in the same transaction how
 * far it has come: so it goes on there after a crash. Items up to that place have their entries, and who
 * changes them keeps those; items behind it have none.
 */
#ifndef LOCAL_INDEX_FILL_H
#define LOCAL_INDEX_FILL_H

#include "engine/local/index/index.h"

/* How far a walk has come: over all items up to and with this store key; length 0: over none. */
struct local_progress {
	uint64_t examined;
	size_t length;
	uint8_t key[LOCAL_KEY_MAX];
};
/* Of an index's space, or of a table's own. What is not there has not begun. */
DDB_MUST_CHECK enum ddb_code local_progress_read(
	struct store_txn *txn, uint32_t space, struct local_progress *ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_progress_write(
	struct store_txn *txn, uint32_t space, const struct local_progress *progress, struct ddb_error *err);

/* Whether the index has (and keeps) the entry of the item under that key. */
DDB_MUST_CHECK enum ddb_code local_fill_passed(struct store_txn *txn, const struct local_table *table,
	unsigned position, const struct local_key *key, bool *ret, struct ddb_error *err);
/* Whether the item under that key has (and keeps) its expiry's record. */
DDB_MUST_CHECK enum ddb_code local_fill_filed(struct store_txn *txn, const struct local_table *table,
	const struct local_key *key, bool *ret, struct ddb_error *err);
/* Whether the item under that key counts in the sum of its collection. */
DDB_MUST_CHECK enum ddb_code local_fill_collected(struct store_txn *txn, const struct local_table *table,
	const struct local_key *key, bool *ret, struct ddb_error *err);

/*
 * One step of whatever is to be made of the table: a transaction's worth. *ret_more false: nothing is left.
 * LOCAL_STALE when the table is no longer as it was.
 */
DDB_MUST_CHECK enum ddb_code local_fill_step(
	struct local_engine *engine, const struct local_table *table, bool *ret_more, struct ddb_error *err);

#endif
