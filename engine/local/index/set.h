/*
 * The indexes of a table as its definition comes and changes: their spaces, states and counters. Within the
 * caller's write transaction, as part of the change of the table's record.
 */
#ifndef LOCAL_INDEX_SET_H
#define LOCAL_INDEX_SET_H

#include "engine/local/index/index.h"

/* Of a table that has no items yet: all of its indexes are ACTIVE. */
DDB_MUST_CHECK enum ddb_code local_indexes_number(
	struct local_totals *totals, struct local_table *draft, struct ddb_error *err);
/*
 * The job's table becomes `draft`, which has another definition: its indexes and the job's counters follow by
 * name. New ones are CREATING. *ret_dropped: some are gone, and to be purged.
 */
DDB_MUST_CHECK enum ddb_code local_indexes_redefine(
	struct local_job *job, struct local_table *draft, bool *ret_dropped, struct ddb_error *err);
/* The index goes; *ret_rest is set when it leaves something to be purged, else as it was. */
DDB_MUST_CHECK enum ddb_code local_index_drop(
	struct store_txn *txn, const struct local_index *index, bool *ret_rest, struct ddb_error *err);

/* Fills in what is told of indexes. */
DDB_MUST_CHECK enum ddb_code local_indexes_count(struct store_txn *view, const struct local_table *table,
	const struct local_counters *counters, struct ddb_table_counts *ret, struct ddb_error *err);

#endif
