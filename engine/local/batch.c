/*
 * BatchWriteItem: puts and deletes, each by itself. All are checked before any is done, and then all are done
 * in one transaction. Only when that is refused for want of room, which may come back, is each tried in a
 * transaction of its own; what is refused then can be sent again.
 */
#include "engine/local/writing.h"

#include <string.h>

enum { BATCH_ARENA_MAX = LOCAL_ARENA_MAX + DDB_BATCH_BYTES_MAX };

/* One table of a batch. */
struct batch_table {
	const char *name; /* the request's */
	struct local_table *table;
	struct local_consumed consumed; /* committed */
	struct local_consumed running;  /* with what is under way */
	struct ddb_capacity reported;   /* the same, as it will be told */
};

struct member {
	const struct ddb_batch_write *request;
	size_t table;           /* position of its table */
	struct local_item item; /* of a delete only the key */
};

struct batch {
	struct local_engine *engine;
	struct ddb_arena *arena; /* of the attempt */
	struct member *members;
	size_t count;
	struct batch_table *tables;
	size_t table_count;
	/* Of one transaction. */
	size_t first, end, table_now;
	int64_t now;
	bool stale;
	struct ddb_arena *result_arena;
	struct ddb_batch_write_result result;
};

/* ---- Before the transaction ---- */

static enum ddb_code check_count(size_t count, struct ddb_error *err)
{
	if (count >= 1 && count <= DDB_BATCH_WRITES_MAX)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION,
		"1 validation error detected: Value at 'requestItems' failed to satisfy constraint: "
		"Map value must satisfy constraint: [Member must have length less than or equal to %d, "
		"Member must have length greater than or equal to 1]",
		DDB_BATCH_WRITES_MAX);
}

/* The position of the table, which is taken in when it is new. */
static enum ddb_code find_table(struct batch *batch, const char *name, size_t *ret, struct ddb_error *err)
{
	size_t i = 0;
	while (i < batch->table_count && strcmp(batch->tables[i].name, name) != 0)
		i++;
	*ret = i;
	if (i < batch->table_count)
		return DDB_OK;
	struct batch_table *table = &batch->tables[i];
	*table = (struct batch_table){.name = name};
	enum ddb_code code = local_find_table(batch->engine, name, LOCAL_OF_ITEM, &table->table, err);
	batch->table_count += !code;
	return code;
}

static enum ddb_code prepare_member(struct batch *batch, struct member *member, struct ddb_error *err)
{
	const struct ddb_batch_write *request = member->request;
	enum ddb_code code = find_table(batch, request->table, &member->table, err);
	if (code)
		return code;
	const struct local_table *table = batch->tables[member->table].table;
	if (!request->deletes)
		return local_item_prepare(batch->engine, table, batch->arena, &request->value,
			LOCAL_LIMIT_PUT, &member->item, err);
	return local_key_of_map(
		batch->engine->store, table->table, table->space, &request->value, &member->item.key, err);
}

/* Items of other tables have other keys: a table's space is in them. */
static bool same_item(const struct member *a, const struct member *b)
{
	const struct local_key *x = &a->item.key, *y = &b->item.key;
	return x->length == y->length && memcmp(x->bytes, y->bytes, x->length) == 0;
}

static enum ddb_code check_distinct(const struct batch *batch, struct ddb_error *err)
{
	for (size_t i = 0; i < batch->count; i++)
		for (size_t k = 0; k < i; k++)
			if (same_item(&batch->members[i], &batch->members[k]))
				return ddb_fail(err, DDB_VALIDATION,
					"Provided list of item keys contains duplicates");
	return DDB_OK;
}

static enum ddb_code prepare(
	struct batch *batch, const struct ddb_batch_write *requests, struct ddb_error *err)
{
	batch->members = ddb_arena_array(batch->arena, batch->count, sizeof *batch->members);
	batch->tables = ddb_arena_array(batch->arena, batch->count, sizeof *batch->tables);
	if (!batch->members || !batch->tables)
		return ddb_fail_memory(err);
	for (size_t i = 0; i < batch->count; i++) {
		batch->members[i].request = &requests[i];
		enum ddb_code code = prepare_member(batch, &batch->members[i], err);
		if (code)
			return code;
	}
	return check_distinct(batch, err);
}

/* Room for what is answered, before anything is done. */
static enum ddb_code prepare_result(struct batch *batch, struct ddb_error *err)
{
	struct ddb_batch_write_result *result = &batch->result;
	*result = (struct ddb_batch_write_result){.table_count = batch->table_count};
	result->unprocessed = ddb_arena_array(batch->result_arena, batch->count, sizeof *result->unprocessed);
	result->tables = ddb_arena_array(batch->result_arena, batch->table_count, sizeof *result->tables);
	result->capacities =
		ddb_arena_array(batch->result_arena, batch->table_count, sizeof *result->capacities);
	if (!result->unprocessed || !result->tables || !result->capacities)
		return ddb_fail_memory(err);
	for (size_t i = 0; i < batch->table_count; i++) {
		const char *name = batch->tables[i].name;
		result->tables[i] = ddb_arena_copy(batch->result_arena, name, strlen(name));
		result->capacities[i] = (struct ddb_capacity){.count = 0};
		if (!result->tables[i])
			return ddb_fail_memory(err);
	}
	return DDB_OK;
}

/* ---- Within it ---- */

static enum ddb_code write_member(
	struct local_job *job, struct batch_table *table, const struct member *member, struct ddb_error *err)
{
	struct local_writing writing;
	struct ddb_put_result ignored;
	ddb_arena_reset(&job->arena);
	enum ddb_code code = local_writing_begin(&writing, job, &member->item.key, NULL, false, err);
	if (!code && !member->request->deletes)
		code = local_writing_put(&writing, &member->item, job->now, &ignored, err);
	else if (!code && writing.old.found)
		code = local_writing_remove(&writing, err);
	if (!code)
		local_consumed_add(&table->running, &writing.consumed);
	return code;
}

/* The part of one table. What it has consumed is told here, where a refusal still undoes everything. */
static enum ddb_code table_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct batch *batch = context;
	struct batch_table *table = &batch->tables[batch->table_now];
	table->running = table->consumed;
	for (size_t i = batch->first; i < batch->end; i++) {
		const struct member *member = &batch->members[i];
		if (member->table != batch->table_now)
			continue;
		enum ddb_code code = write_member(job, table, member, err);
		if (code)
			return code;
	}
	return local_consumed_report(
		batch->result_arena, table->table->table->definition, &table->running, &table->reported, err);
}

static bool concerns(const struct batch *batch, size_t table)
{
	for (size_t i = batch->first; i < batch->end; i++)
		if (batch->members[i].table == table)
			return true;
	return false;
}

static enum ddb_code batch_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct batch *batch = context;
	for (size_t i = 0; i < batch->table_count; i++) {
		struct local_job job = {.engine = batch->engine,
			.txn = txn,
			.table = batch->tables[i].table,
			.now = batch->now};
		if (!concerns(batch, i))
			continue;
		batch->table_now = i;
		enum ddb_code code = local_job_run(&job, table_change, batch, &batch->stale, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

/* Members first to end in one transaction. */
static enum ddb_code write_members(struct batch *batch, size_t first, size_t end, struct ddb_error *err)
{
	batch->first = first;
	batch->end = end;
	batch->now = local_clock(batch->engine);
	enum ddb_code code = local_write(batch->engine, batch_job, batch, err);
	if (code)
		return code;
	for (size_t i = 0; i < batch->table_count; i++) {
		if (!concerns(batch, i))
			continue;
		batch->tables[i].consumed = batch->tables[i].running;
		batch->result.capacities[i] = batch->tables[i].reported;
	}
	return DDB_OK;
}

/* A table that has changed meanwhile is no reason to begin again: what was done stays done. */
static enum ddb_code write_one_by_one(struct batch *batch, struct ddb_error *err)
{
	struct ddb_batch_write_result *result = &batch->result;
	struct ddb_error refusal = {.code = DDB_OK}, latest;
	for (size_t i = 0; i < batch->count; i++) {
		if (!write_members(batch, i, i + 1, &latest))
			continue;
		result->unprocessed[result->unprocessed_count++] = i;
		if (!refusal.code)
			refusal = latest;
	}
	batch->stale = false;
	if (result->unprocessed_count < batch->count)
		return DDB_OK;
	if (err)
		*err = refusal;
	return refusal.code;
}

/* ---- Attempts ---- */

static enum ddb_code attempt(
	struct batch *batch, const struct ddb_batch_write *requests, struct ddb_error *err)
{
	batch->stale = false;
	enum ddb_code code = prepare(batch, requests, err);
	if (!code)
		code = prepare_result(batch, err);
	if (!code)
		code = write_members(batch, 0, batch->count, err);
	return code == DDB_STORE_FULL ? write_one_by_one(batch, err) : code;
}

static void leave_tables(struct batch *batch)
{
	for (size_t i = 0; i < batch->table_count; i++) {
		if (batch->stale)
			local_table_forget(batch->engine, batch->tables[i].name);
		local_table_unref(batch->tables[i].table);
	}
	batch->table_count = 0;
}

enum ddb_code local_batch_write(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_batch_write *requests, size_t count, struct ddb_batch_write_result *ret,
	struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena own = {0};
	struct batch batch = {
		.engine = local_of(engine), .arena = &own, .count = count, .result_arena = arena};
	enum ddb_code code = check_count(count, err);
	if (code)
		return code;
	ddb_arena_init(&own, BATCH_ARENA_MAX);
	for (unsigned i = 0; i < LOCAL_ATTEMPTS_MAX; i++) {
		code = attempt(&batch, requests, err);
		leave_tables(&batch);
		ddb_arena_reset(&own);
		if (!batch.stale)
			break;
	}
	if (batch.stale)
		return local_damaged(err, "the counters of a table");
	if (!code)
		*ret = batch.result;
	return code;
}
