/*
 * The life of a view, and its row of operations. See view.h.
 */
#include "engine/local/txn/view.h"

#include "engine/jsonout.h"
#include "engine/local/txn/commit.h"
#include "engine/local/ttl/expiry.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MEMORY_MAX = 64 << 20, /* bytes of what a transaction changes */
};

struct local_view *local_view_of(struct ddb_engine *engine)
{
	return local_of(engine)->view;
}

/* ---- What there is not in a view ---- */

static enum ddb_code refuse(struct ddb_engine *engine, struct ddb_error *err)
{
	if (local_view_of(engine)->kind == DDB_SNAPSHOT)
		return ddb_fail(err, DDB_STORE_READ_ONLY, "A snapshot cannot be written to");
	return ddb_fail(err, DDB_VALIDATION,
		"Tables and their definitions cannot be changed in a transaction: do it outside");
}

static enum ddb_code create_table(
	struct ddb_engine *e, const char *name, struct ddb_definition *definition, struct ddb_error *err)
{
	(void)name, (void)definition;
	return refuse(e, err);
}

static enum ddb_code update_table(struct ddb_engine *e, const char *name, const struct ddb_definition *from,
	struct ddb_definition *definition, struct ddb_error *err)
{
	(void)name, (void)from, (void)definition;
	return refuse(e, err);
}

static enum ddb_code delete_table(
	struct ddb_engine *e, const char *name, bool only_empty, struct ddb_error *err)
{
	(void)name, (void)only_empty;
	return refuse(e, err);
}

static enum ddb_code rename_table(
	struct ddb_engine *e, const char *from, const char *to, struct ddb_error *err)
{
	(void)from, (void)to;
	return refuse(e, err);
}

static enum ddb_code settle_table(
	struct ddb_engine *e, const char *name, enum ddb_provisional kind, struct ddb_error *err)
{
	(void)name, (void)kind;
	return refuse(e, err);
}

static enum ddb_code define_table(
	struct ddb_engine *e, const struct ddb_define_table *request, struct ddb_error *err)
{
	(void)request;
	return refuse(e, err);
}

static enum ddb_code set_mtime(
	struct ddb_engine *e, const struct ddb_set_mtime *request, struct ddb_error *err)
{
	return request->key.count == 0 ? refuse(e, err) : local_set_mtime(e, request, err);
}

static enum ddb_code transact_write(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_transact_write *request, struct ddb_transact_result *ret, struct ddb_error *err)
{
	(void)arena, (void)request, (void)ret;
	if (local_view_of(e)->kind == DDB_SNAPSHOT)
		return refuse(e, err);
	return ddb_fail(err, DDB_VALIDATION, "A transaction cannot be made of others");
}

static enum ddb_code open_view(struct ddb_engine *e, const struct ddb_open_view *request,
	struct ddb_engine **ret, struct ddb_error *err)
{
	(void)e, (void)request, (void)ret;
	return ddb_fail(err, DDB_VALIDATION, "A view cannot be made of a view");
}

/* ---- What may be answered from memory, also when the view has ended ---- */

static enum ddb_code check_ended(struct ddb_engine *e, struct ddb_error *err)
{
	struct store *branch = local_of(e)->store;
	struct store_txn *view;
	if (!store_branch_dropped(branch))
		return DDB_OK;
	enum ddb_code code = store_view(branch, &view, err);
	if (!code)
		store_view_end(view);
	return code;
}

static enum ddb_code describe_table(
	struct ddb_engine *e, const char *name, struct ddb_table **ret, struct ddb_error *err)
{
	enum ddb_code code = check_ended(e, err);
	return code ? code : local_describe_table(e, name, ret, err);
}

static enum ddb_code query(struct ddb_engine *e, struct ddb_arena *arena, const struct ddb_query *request,
	struct ddb_page *ret, struct ddb_error *err)
{
	enum ddb_code code = check_ended(e, err);
	return code ? code : local_query(e, arena, request, ret, err);
}

static enum ddb_code list_partitions(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_list_partitions *request, struct ddb_partitions *ret, struct ddb_error *err)
{
	enum ddb_code code = check_ended(e, err);
	return code ? code : local_list_partitions(e, arena, request, ret, err);
}

static enum ddb_code list_tables(struct ddb_engine *e, struct ddb_arena *arena, const char *after,
	uint32_t limit, struct ddb_table_names *ret, struct ddb_error *err)
{
	enum ddb_code code = local_read_tables(local_of(e), after, err);
	return code ? code : local_list_tables(e, arena, after, limit, ret, err);
}

/* What is staged shows in no stream, and nothing expires. */
static void watch_streams(struct ddb_engine *e, void (*stirred)(void *context), void *context)
{
	(void)e, (void)stirred, (void)context;
}

static void watch_expired(struct ddb_engine *e,
	void (*expired)(void *context, const struct ddb_table *table, const struct ddb_value *key),
	void *context)
{
	(void)e, (void)expired, (void)context;
}

/* Nothing of a view is on the disk. */
static enum ddb_code sync_view(struct ddb_engine *e, struct ddb_error *err)
{
	return check_ended(e, err);
}

static void status(struct ddb_engine *e, struct ddb_json_out *json)
{
	struct ddb_view_status status;
	local_view_status(e, &status);
	ddb_json_member_string(json, "engine", "local");
	ddb_json_member_string(json, "view", status.kind == DDB_SNAPSHOT ? "snapshot" : "transaction");
	ddb_json_member_bool(json, "ended", status.ended);
}

void local_view_status(struct ddb_engine *engine, struct ddb_view_status *ret)
{
	struct local_view *view = local_view_of(engine);
	struct ddb_error why;
	memset(ret, 0, sizeof *ret);
	if (!view)
		return;
	ret->kind = view->kind;
	ret->since_ns = view->since_ns;
	ret->bytes = store_branch_bytes(view->engine.store) + local_reads_bytes(&view->reads);
	pthread_mutex_lock(&view->lock);
	ret->changed_items = view->staged.changed;
	pthread_mutex_unlock(&view->lock);
	ret->ended = check_ended(engine, &why) != DDB_OK;
	if (ret->ended)
		snprintf(ret->why, sizeof ret->why, "%s", why.message);
}

void local_end_view(struct ddb_engine *engine, const char *why)
{
	struct local_view *view = local_view_of(engine);
	if (view)
		store_branch_drop(view->engine.store, why);
}

/* ---- Opening and closing ---- */

static enum ddb_code view_new(struct local_view **ret, struct ddb_error *err)
{
	struct local_view *view = calloc(1, sizeof *view);
	if (!view)
		return ddb_fail_memory(err);
	enum ddb_code code = local_cache_init(&view->engine.cache, err);
	if (code) {
		free(view);
		return code;
	}
	code = local_reads_init(&view->reads, err);
	if (!code && pthread_mutex_init(&view->lock, NULL)) {
		local_reads_done(&view->reads);
		code = ddb_fail_memory(err);
	}
	if (code) {
		local_cache_done(&view->engine.cache);
		free(view);
		return code;
	}
	*ret = view;
	return DDB_OK;
}

static void view_free(struct local_view *view)
{
	local_staged_done(&view->staged);
	local_reads_done(&view->reads);
	pthread_mutex_destroy(&view->lock);
	local_cache_done(&view->engine.cache);
	free(view);
}

static void close_view(struct ddb_engine *e)
{
	struct local_view *view = local_view_of(e);
	local_keeper_remove(view->base, view);
	store_close(view->engine.store);
	view_free(view);
}

static const struct ddb_engine_ops view_ops = {
	.name = "local view",
	.close = close_view,
	.create_table = create_table,
	.describe_table = describe_table,
	.count_table = local_count_table,
	.update_table = update_table,
	.delete_table = delete_table,
	.rename_table = rename_table,
	.list_tables = list_tables,
	.settle_table = settle_table,
	.define_table = define_table,
	.put_item = local_put_item,
	.put_many = local_put_many,
	.get_item = local_get_item,
	.delete_item = local_delete_item,
	.update_item = local_update_item,
	.move_item = local_move_item,
	.move_partition = local_move_partition,
	.set_mtime = set_mtime,
	.query = query,
	.batch_write = local_batch_write,
	.batch_get = local_batch_get,
	.list_partitions = list_partitions,
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
	.transact_write = transact_write,
	.transact_get = local_transact_get,
	.list_streams = local_list_streams,
	.read_stream = local_read_stream,
	.watch_streams = watch_streams,
	.watch_expired = watch_expired,
	.open_view = open_view,
	.commit = local_commit,
	.view_status = local_view_status,
	.end_view = local_end_view,
	.sync = sync_view,
	.status = status,
};

/* The engine of the view is the other's, as of the branch's moment. */
static void take_over(struct local_view *view, struct local_engine *base)
{
	struct local_engine *engine = &view->engine;
	engine->base.ops = &view_ops;
	engine->view = view;
	engine->hooks = base->hooks;
	engine->path = base->path;
	engine->scratch_max = base->scratch_max;
	engine->collection_max = base->collection_max;
	engine->move_items_max = view->max_items / 2; /* each leaves a place and takes another */
	engine->hide_expired = base->hide_expired;
	engine->expiry_now = local_expiry_now(base); /* as all else, of this moment */
	engine->clock = base->clock;
}

static void begin_view(struct local_view *view, const struct ddb_open_view *request)
{
	view->kind = request->kind;
	view->max_items = request->max_items ? request->max_items : DDB_TRANSACT_MAX;
	view->max_bytes = DDB_TRANSACT_BYTES_MAX;
	if (view->max_items > DDB_TRANSACT_MAX) /* in proportion */
		view->max_bytes = view->max_bytes * view->max_items / DDB_TRANSACT_MAX;
	view->since_ns = local_now();
}

enum ddb_code local_open_view(struct ddb_engine *engine, const struct ddb_open_view *request,
	struct ddb_engine **ret, struct ddb_error *err)
{
	struct local_engine *base = local_of(engine);
	struct local_view *view = NULL;
	const struct store_branch_options options = {
		.read_only = request->kind == DDB_SNAPSHOT, .memory_max = MEMORY_MAX};
	if (base->read_only && request->kind == DDB_TRANSACTION)
		return ddb_fail(err, DDB_ACCESS_DENIED, "The store was opened read-only: %s", base->path);
	enum ddb_code code = view_new(&view, err);
	if (code)
		return code;
	view->base = base;
	begin_view(view, request);
	code = store_branch_open(base->store, &options, &view->engine.store, err);
	if (code) {
		view_free(view);
		return code;
	}
	take_over(view, base);
	code = local_keeper_add(base, view, err);
	if (code) {
		store_close(view->engine.store);
		view_free(view);
		return code;
	}
	*ret = &view->engine.base;
	return DDB_OK;
}
