/*
 * The local engine as a whole: opening, closing, its row of operations, and how an operation gets at a table
 * and a transaction. See local_private.h.
 */
#include "engine/local/local_private.h"

#include "engine/jsonout.h"
#include "engine/local/txn/commit.h"
#include "engine/local/keys.h"
#include "engine/local/txn/staged.h"
#include "engine/local/txn/view.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PURGE_ROUNDS_AT_OPEN = 64, /* some 250,000 records: a second or so */
};
enum { VIEW_SECONDS = 3600, VIEW_FREE_PERCENT = 5 };

static unsigned ttl_interval_ms(uint64_t seconds)
{
	enum { DEFAULT = 60, MOST = 24 * 3600 };
	uint64_t bounded = !seconds ? DEFAULT : seconds < MOST ? seconds : MOST;
	return (unsigned)bounded * 1000;
}

static const uint64_t COLLECTION_MAX = (uint64_t)10 << 30;

int64_t local_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

enum ddb_code local_damaged(struct ddb_error *err, const char *what)
{
	return ddb_fail(err, DDB_DAMAGED, "A record of the store is damaged: %s", what);
}

struct write_run {
	struct local_engine *engine;
	store_job *job;
	void *context;
	bool stirred; /* a stream */
};

/* What the engine keeps of a job begins with each run. */
static enum ddb_code run_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct write_run *run = context;
	struct local_engine *engine = run->engine;
	engine->job_number = 0;
	engine->streams.stirring = false;
	enum ddb_code code = run->job(txn, run->context, err);
	run->stirred = engine->streams.stirring;
	return code;
}

static enum ddb_code write_synced(
	struct local_engine *engine, store_job *job, void *context, bool sync, struct ddb_error *err)
{
	struct write_run run = {.engine = engine, .job = job, .context = context};
	if (engine->view)
		return local_stage_write(engine, run_job, &run, err);
	if (engine->read_only)
		return ddb_fail(err, DDB_ACCESS_DENIED, "The store was opened read-only: %s", engine->path);
	enum ddb_code code = store_write(engine->store, run_job, &run, sync, err);
	if (run.stirred) /* also when only the sync has failed: the records are there */
		local_streams_stir(engine);
	return code;
}

enum ddb_code local_write(struct local_engine *engine, store_job *job, void *context, struct ddb_error *err)
{
	return write_synced(engine, job, context, engine->sync, err);
}

enum ddb_code local_write_durably(
	struct local_engine *engine, store_job *job, void *context, struct ddb_error *err)
{
	return write_synced(engine, job, context, true, err);
}

enum ddb_code local_get(struct store_txn *txn, struct ddb_arena *arena, const void *key, size_t key_length,
	bool want_body, struct store_value *ret, bool *ret_found, struct ddb_error *err)
{
	struct ddb_error reason;
	enum ddb_code code = store_get(txn, arena, key, key_length, want_body, ret, &reason);
	*ret_found = code == DDB_OK;
	if (code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND)
		return DDB_OK;
	if (err)
		*err = reason;
	return code;
}

/* ---- Attempts ---- */

enum ddb_code local_find_table(struct local_engine *engine, const char *name, enum local_wording wording,
	struct local_table **ret, struct ddb_error *err)
{
	enum ddb_code code = local_table_find(engine, name, ret, err);
	if (code == DDB_RESOURCE_NOT_FOUND && wording == LOCAL_OF_ITEM)
		return ddb_fail(err, code, "Requested resource not found");
	return code;
}

enum ddb_code local_on_table(struct local_engine *engine, const char *name, enum local_wording wording,
	local_attempt *attempt, void *context, struct ddb_error *err)
{
	for (unsigned i = 0; i < LOCAL_ATTEMPTS_MAX; i++) {
		LOCAL_TABLE_AUTO struct local_table *table = NULL;
		enum ddb_code code = local_find_table(engine, name, wording, &table, err);
		if (!code)
			code = attempt(engine, table, context, err);
		if (code != LOCAL_STALE)
			return code;
		local_table_forget(engine, name);
	}
	return local_damaged(err, "the counters of a table");
}

enum ddb_code local_alive(struct store_txn *view, const struct local_table *table, struct ddb_error *err)
{
	struct local_counters counters;
	bool found;
	enum ddb_code code = local_counters_read(view, table->space, &counters, &found, err);
	if (code)
		return code;
	return found ? DDB_OK : LOCAL_STALE;
}

struct change_run {
	struct local_engine *engine;
	const struct local_table *table;
	local_change *change;
	void *context;
	int64_t now;
	bool stale;
};

static enum ddb_code change_counted(
	struct local_job *job, local_change *change, void *context, bool *ret_stale, struct ddb_error *err)
{
	bool found;
	enum ddb_code code = local_counters_read(job->txn, job->table->space, &job->counters, &found, err);
	if (code)
		return code;
	*ret_stale = !found || job->counters.generation != job->table->generation;
	if (*ret_stale)
		return ddb_fail(err, DDB_TRANSACTION_CONFLICT, "The table has changed");
	code = change(job, context, err);
	if (code || !job->counted)
		return code;
	return local_counters_write(job->txn, job->table->space, &job->counters, err);
}

enum ddb_code local_job_run(
	struct local_job *job, local_change *change, void *context, bool *ret_stale, struct ddb_error *err)
{
	*ret_stale = false;
	ddb_arena_init(&job->arena, LOCAL_ARENA_MAX);
	enum ddb_code code = change_counted(job, change, context, ret_stale, err);
	ddb_arena_done(&job->arena);
	return code;
}

static enum ddb_code change_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct change_run *run = context;
	struct local_job job = {.engine = run->engine, .txn = txn, .table = run->table, .now = run->now};
	return local_job_run(&job, run->change, run->context, &run->stale, err);
}

enum ddb_code local_change_table(struct local_engine *engine, const struct local_table *table,
	local_change *change, void *context, struct ddb_error *err)
{
	struct change_run run = {.engine = engine,
		.table = table,
		.change = change,
		.context = context,
		.now = local_clock(engine)};
	struct ddb_error reason;
	enum ddb_code code = local_write(engine, change_job, &run, &reason);
	if (code && run.stale)
		return LOCAL_STALE;
	if (code && err)
		*err = reason;
	return code;
}

/*
 * The number of commit and job above, the change's within the job below. A run that did not come to a commit
 * has shown its versions to nobody, so the next one begins with the same.
 */
uint64_t local_next_version(struct local_engine *engine, const struct store_txn *txn)
{
	uint64_t number = store_txn_number(txn);
	if (engine->job_number != number) {
		engine->job_number = number;
		engine->job_versions = 0;
	}
	return (number << LOCAL_VERSION_BITS) + engine->job_versions++;
}

enum ddb_code local_take_versions(struct store_txn *txn, uint64_t count, struct ddb_error *err)
{
	uint64_t more = (count - 1) >> LOCAL_VERSION_BITS;
	if (count <= LOCAL_VERSIONS)
		return DDB_OK;
	if (more > STORE_NUMBERS_MAX)
		return ddb_fail(err, DDB_ITEM_TOO_LARGE, "Too many changes for one transaction");
	return store_txn_take_numbers(txn, (unsigned)more, err);
}

/* ---- The engine ---- */

static void local_free(struct local_engine *engine)
{
	free(engine->path);
	free(engine);
}

static void init_parts(struct local_engine *engine)
{
	local_worker_init(&engine->filler, engine, local_fill);
	local_sweeper_init(engine);
	local_streams_init(engine);
	local_keeper_init(engine);
}

/* Each thread ends before what it may use: the filler may start the sweeper and the keeper of streams, and
 * all of them write to streams, whose watchers are told. */
static void done_parts(struct local_engine *engine)
{
	local_keeper_done(engine);
	local_worker_done(&engine->filler);
	local_sweeper_done(engine);
	local_streams_done(engine);
	local_cache_done(&engine->cache);
}

static void local_close(struct ddb_engine *base)
{
	struct local_engine *engine = local_of(base);
	done_parts(engine);
	store_close(engine->store);
	local_free(engine);
}

static enum ddb_code local_sync(struct ddb_engine *engine, struct ddb_error *err)
{
	return store_sync(local_of(engine)->store, err);
}

static void write_totals(struct local_engine *engine, struct ddb_json_out *json)
{
	struct store_txn *view;
	struct local_totals totals;
	if (store_view(engine->store, &view, NULL))
		return;
	enum ddb_code code = local_totals_read(view, &totals, NULL);
	store_view_end(view);
	if (code)
		return;
	ddb_json_member_int(json, "tables", (int64_t)totals.tables);
	ddb_json_member_int(json, "scratch_bytes", (int64_t)totals.scratch_bytes);
}

static void write_error(struct ddb_json_out *json, const char *name, const char *message)
{
	ddb_json_name(json, name, strlen(name));
	if (*message)
		ddb_json_string(json, message, strlen(message));
	else
		ddb_json_raw(json, "null");
}

static void local_status(struct ddb_engine *base, struct ddb_json_out *json)
{
	struct local_engine *engine = local_of(base);
	struct store_status status;
	store_status(engine->store, &status);
	ddb_json_member_string(json, "engine", "local");
	ddb_json_member_string(json, "store", engine->path);
	ddb_json_member_int(json, "format", STORE_FORMAT);
	ddb_json_member_bool(json, "sync", engine->sync);
	ddb_json_member_bool(json, "read_only", engine->read_only);
	ddb_json_member_bool(json, "keys_locked", status.keys_locked);
	write_totals(engine, json);
	ddb_json_member_int(json, "commits", (int64_t)status.commits);
	ddb_json_member_int(json, "synced_commits", (int64_t)status.synced_commits);
	ddb_json_member_int(json, "jobs", (int64_t)status.jobs);
	ddb_json_member_int(json, "file_bytes", (int64_t)status.file_bytes);
	ddb_json_member_int(json, "free_bytes", (int64_t)(status.pages_free * status.page_bytes));
	local_keeper_status(engine, status.pages_kept * status.page_bytes, json);
	write_error(json, "write_error", status.write_error);
	write_error(json, "sync_error", status.sync_error);
}

static const struct ddb_engine_ops local_ops = {
	.name = "local",
	.close = local_close,
	.create_table = local_create_table,
	.describe_table = local_describe_table,
	.count_table = local_count_table,
	.update_table = local_update_table,
	.delete_table = local_delete_table,
	.rename_table = local_rename_table,
	.list_tables = local_list_tables,
	.settle_table = local_settle_table,
	.define_table = local_define_table,
	.put_item = local_put_item,
	.put_many = local_put_many,
	.get_item = local_get_item,
	.delete_item = local_delete_item,
	.update_item = local_update_item,
	.move_item = local_move_item,
	.move_partition = local_move_partition,
	.set_mtime = local_set_mtime,
	.query = local_query,
	.batch_write = local_batch_write,
	.batch_get = local_batch_get,
	.list_partitions = local_list_partitions,
	.get_partition = local_get_partition,
	.find_alias = local_find_alias,
	.scratch_create = local_scratch_create,
	.scratch_mkdir = local_scratch_mkdir,
	.scratch_stat = local_scratch_stat,
	.scratch_read = local_scratch_read,
	.scratch_write = local_scratch_write,
	.scratch_truncate = local_scratch_truncate,
	.scratch_set = local_scratch_set,
	.scratch_remove = local_scratch_remove,
	.scratch_rename = local_scratch_rename,
	.scratch_list = local_scratch_list,
	.list_streams = local_list_streams,
	.read_stream = local_read_stream,
	.watch_streams = local_watch_streams,
	.watch_expired = local_watch_expired,
	.transact_write = local_transact_write,
	.transact_get = local_transact_get,
	.open_view = local_open_view,
	.commit = local_commit,
	.view_status = local_view_status,
	.end_view = local_end_view,
	.sync = local_sync,
	.status = local_status,
};

static enum ddb_code open_parts(struct local_engine *engine, const char *path,
	const struct ddb_local_options *options, struct ddb_error *err)
{
	const struct store_options store_options = {
		.keyfile = options->keyfile,
		.mountpoint = options->mountpoint,
		.sync = options->sync,
		.read_only = options->read_only,
		.must_exist = options->must_exist,
		.notice = options->notice,
		.notice_context = options->notice_context,
	};
	engine->path = strdup(path);
	if (!engine->path)
		return ddb_fail_memory(err);
	enum ddb_code code = local_cache_init(&engine->cache, err);
	if (code)
		return code;
	init_parts(engine);
	code = store_open(path, &store_options, &engine->store, err);
	if (code)
		done_parts(engine);
	return code;
}

enum ddb_code ddb_local_open(const char *path, const struct ddb_local_options *options,
	struct ddb_engine **ret, struct ddb_error *err)
{
	struct local_engine *engine = calloc(1, sizeof *engine);
	if (!engine)
		return ddb_fail_memory(err);
	engine->base.ops = &local_ops;
	engine->hooks = options->hooks;
	engine->sync = options->sync;
	engine->read_only = options->read_only;
	engine->move_items_max = DDB_MOVE_ITEMS_MAX;
	engine->scratch_max = options->scratch_max ? options->scratch_max : (uint64_t)1 << 30;
	engine->collection_max = options->collection_max ? options->collection_max : COLLECTION_MAX;
	engine->hide_expired = options->hide_expired;
	enum ddb_code code = open_parts(engine, path, options, err);
	if (code) {
		local_free(engine);
		return code;
	}
	local_purge(engine, PURGE_ROUNDS_AT_OPEN);
	engine->sweeper.interval_ms = ttl_interval_ms(options->ttl_interval);
	local_streams_begin(engine);
	local_sweeper_begin(engine);
	engine->keeper.view_ns =
		(int64_t)(options->view_seconds ? options->view_seconds : VIEW_SECONDS) * 1000000000;
	engine->keeper.free_percent =
		options->view_free_percent ? options->view_free_percent : VIEW_FREE_PERCENT;
	local_filler_begin(engine);
	local_keeper_begin(engine);
	*ret = &engine->base;
	return DDB_OK;
}
