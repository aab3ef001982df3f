#include "engine/local/index/set.h"

#include "engine/local/index/fill.h"
#include <string.h>

enum ddb_code local_indexes_number(
	struct local_totals *totals, struct local_table *draft, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; !code && i < local_index_count(draft); i++) {
		draft->indexes[i].state = DDB_INDEX_ACTIVE;
		code = local_take_id(totals, &draft->indexes[i].space, err);
	}
	return code;
}

enum ddb_code local_index_drop(
	struct store_txn *txn, const struct local_index *index, bool *ret_rest, struct ddb_error *err)
{
	if (index->space == 0)
		return DDB_OK;
	*ret_rest = true;
	return local_tombstone_write(txn, index->space, err);
}

/* ---- Another definition ---- */

/* The position of the index of that name and kind; false: there is none. */
static bool find_index(
	const struct local_table *table, const struct ddb_index_definition *wanted, unsigned *ret)
{
	for (unsigned i = 0; i < local_index_count(table); i++) {
		const struct ddb_index_definition *index = &table->table->definition->indexes[i];
		*ret = i;
		if (index->local == wanted->local && strcmp(index->name, wanted->name) == 0)
			return true;
	}
	return false;
}

static enum ddb_code drop_missing(
	struct local_job *job, const struct local_table *draft, bool *ret_dropped, struct ddb_error *err)
{
	const struct local_table *table = job->table;
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; !code && i < local_index_count(table); i++) {
		unsigned position;
		if (!find_index(draft, &table->table->definition->indexes[i], &position))
			code = local_index_drop(job->txn, &table->indexes[i], ret_dropped, err);
	}
	return code;
}

/* Those that stay take along what they have; the others are to be made. */
static enum ddb_code follow(
	struct local_job *job, struct local_totals *totals, struct local_table *draft, struct ddb_error *err)
{
	const struct local_table *table = job->table;
	const struct local_counters old = job->counters;
	memset(draft->indexes, 0, sizeof draft->indexes);
	memset(job->counters.indexes, 0, sizeof job->counters.indexes);
	for (unsigned i = 0; i < local_index_count(draft); i++) {
		unsigned position;
		if (find_index(table, &draft->table->definition->indexes[i], &position)) {
			draft->indexes[i] = table->indexes[position];
			job->counters.indexes[i] = old.indexes[position];
			continue;
		}
		draft->indexes[i].state = DDB_INDEX_CREATING;
		enum ddb_code code = local_take_id(totals, &draft->indexes[i].space, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

enum ddb_code local_indexes_redefine(
	struct local_job *job, struct local_table *draft, bool *ret_dropped, struct ddb_error *err)
{
	struct local_totals totals;
	*ret_dropped = false;
	if (!local_has_indexes(job->table) && !local_has_indexes(draft))
		return DDB_OK;
	enum ddb_code code = local_totals_read(job->txn, &totals, err);
	if (!code)
		code = drop_missing(job, draft, ret_dropped, err);
	if (!code)
		code = follow(job, &totals, draft, err);
	return code ? code : local_totals_write(job->txn, &totals, err);
}

/* ---- Telling ---- */

enum ddb_code local_indexes_count(struct store_txn *view, const struct local_table *table,
	const struct local_counters *counters, struct ddb_table_counts *ret, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	ret->index_count = local_index_count(table);
	for (unsigned i = 0; !code && i < ret->index_count; i++) {
		struct local_progress progress = {.examined = 0};
		if (table->indexes[i].state == DDB_INDEX_CREATING && table->indexes[i].space)
			code = local_progress_read(view, table->indexes[i].space, &progress, err);
		ret->indexes[i] = (struct ddb_index_counts){.state = table->indexes[i].state,
			.entries = counters->indexes[i].entries,
			.bytes = counters->indexes[i].bytes,
			.examined = progress.examined};
	}
	return code;
}
