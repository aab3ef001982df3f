/*
 * A table under another name. Everything of it is filed under its numbers, so that only the record in the
 * catalog moves. The generation rises with it: who still knows the table by the old name finds it stale.
 */
#include "engine/local/stream/stream.h"

#include <string.h>

struct table_rename {
	const char *to;
	bool rest; /* the table that was there has left records */
};

/* What has the name now, if anything; *ret NULL: nothing. */
static enum ddb_code find_target(
	struct store_txn *txn, const char *name, struct local_table **ret, struct ddb_error *err)
{
	struct ddb_error reason;
	enum ddb_code code = local_catalog_read(txn, name, ret, &reason);
	if (code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND)
		return DDB_OK;
	if (err)
		*err = reason;
	return code;
}

static enum ddb_code replace_target(
	struct local_job *job, const struct local_table *target, bool *ret_rest, struct ddb_error *err)
{
	struct local_counters counters;
	bool found;
	enum ddb_code code = local_table_guarded(target->table, err);
	if (!code)
		code = local_counters_read(job->txn, target->space, &counters, &found, err);
	if (!code && !found)
		code = local_damaged(err, "the counters of a table");
	if (!code && counters.items > 0)
		code = local_table_has_items(err, target->table->name);
	return code ? code : local_table_drop(job, target, ret_rest, err);
}

static enum ddb_code write_renamed(struct local_job *job, const char *name, struct ddb_error *err)
{
	struct ddb_table *table = local_table_draft(job->table->table);
	if (!table)
		return ddb_fail_memory(err);
	strcpy(table->name, name);
	LOCAL_TABLE_AUTO struct local_table *renamed = local_table_next(job->table, table);
	if (!renamed)
		return ddb_fail_memory(err);
	job->counters.generation = renamed->generation;
	job->counted = true;
	enum ddb_code code = local_stream_rename(job->txn, table, name, err);
	if (!code)
		code = local_catalog_delete(job->txn, job->table->table->name, err);
	return code ? code : local_catalog_write(job->txn, renamed, err);
}

static enum ddb_code rename_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct table_rename *rename = context;
	LOCAL_TABLE_AUTO struct local_table *target = NULL;
	rename->rest = false;
	enum ddb_code code = find_target(job->txn, rename->to, &target, err);
	if (!code && target)
		code = replace_target(job, target, &rename->rest, err);
	return code ? code : write_renamed(job, rename->to, err);
}

static enum ddb_code rename_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct table_rename *rename = context;
	if (strcmp(table->table->name, rename->to) == 0)
		return DDB_OK;
	enum ddb_code code = local_change_table(engine, table, rename_change, rename, err);
	if (code)
		return code;
	local_table_forget(engine, table->table->name);
	local_table_forget(engine, rename->to);
	return DDB_OK;
}

enum ddb_code local_rename_table(
	struct ddb_engine *base, const char *from, const char *to, struct ddb_error *err)
{
	struct local_engine *engine = local_of(base);
	struct table_rename rename = {.to = to};
	enum ddb_code code = ddb_table_name_check(to, strlen(to), err);
	if (!code)
		code = local_on_table(engine, from, LOCAL_OF_TABLE, rename_attempt, &rename, err);
	if (!code && rename.rest)
		local_purge(engine, UINT32_MAX);
	return code;
}
