/*
 * The tracing engine. Each operation names what its line shows and forwards. Nothing here decides anything:
 * results and errors pass through as they are. The only state is the file and the number of lines lost.
 */
#include "engine/trace/trace.h"

#include "engine/jsonout.h"
#include "engine/trace/call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct trace {
	struct ddb_engine engine; /* first: callers know this one */
	struct ddb_engine *inner;
	int file;
	unsigned long lost; /* lines; atomic */
};

/* One write, so that lines of several threads and processes do not mix. */
static void append(struct trace *trace, const struct ddb_buffer *line)
{
	ssize_t written = -1;
	while (!line->failed) {
		written = write(trace->file, line->bytes, line->length);
		if (written >= 0 || errno != EINTR)
			break;
	}
	if (written < 0 || (size_t)written != line->length)
		__atomic_add_fetch(&trace->lost, 1, __ATOMIC_RELAXED);
}

/* The key attributes of a whole item: *ret and `attributes` point into item and definition. False when they
 * are not there. */
static bool item_key(const struct ddb_definition *definition, const struct ddb_value *item,
	struct ddb_attribute attributes[2], struct ddb_value *ret)
{
	const struct ddb_key_attribute *const keys[] = {&definition->hash, &definition->range};
	uint32_t count = definition->has_range ? 2 : 1;
	for (uint32_t i = 0; i < count; i++) {
		const struct ddb_value *value = ddb_map_get(item, keys[i]->name, keys[i]->name_length);
		if (!value)
			return false;
		attributes[i] = (struct ddb_attribute){keys[i]->name, keys[i]->name_length, *value};
	}
	*ret = (struct ddb_value){.type = DDB_M, .count = count, .attributes = attributes};
	return true;
}

static enum ddb_code record(struct ddb_engine *engine, struct trace_call call, enum ddb_code code)
{
	struct trace *trace = (struct trace *)engine;
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	struct ddb_attribute attributes[2];
	struct ddb_value key;
	struct ddb_error ignored;
	if (call.item && !trace->inner->ops->describe_table(trace->inner, call.table, &table, &ignored) &&
		table->definition && item_key(table->definition, call.item, attributes, &key))
		call.key = &key;

	DDB_BUFFER_AUTO struct ddb_buffer line = {0};
	ddb_buffer_init(&line, TRACE_LINE_MAX);
	trace_call_write(&call, code, &line);
	append(trace, &line);
	return code;
}

/* ---- The operations ---- */

#define INNER(engine) (((struct trace *)(engine))->inner)
/* Forwards `arguments` to the inner engine's `method`, then records it with the details that follow. */
#define FORWARD(engine, method, arguments, ...)                                                              \
	record(engine, (struct trace_call){__VA_ARGS__}, INNER(engine)->ops->method arguments)

/* A flag worth showing. */
static const bool *when(const bool *flag)
{
	return *flag ? flag : NULL;
}

static const enum ddb_condition *when_conditional(const enum ddb_condition *condition)
{
	return *condition == DDB_ALWAYS ? NULL : condition;
}

static const enum ddb_return_values *when_returning(const struct ddb_write_terms *terms)
{
	return terms && terms->return_values != DDB_RETURN_NONE ? &terms->return_values : NULL;
}

static const bool *when_given(const void *part)
{
	static const bool given = true;
	return part ? &given : NULL;
}

static const bool *when_asked(const struct ddb_write_terms *terms)
{
	return when_given(terms ? terms->condition : NULL);
}

static enum ddb_code create_table(
	struct ddb_engine *e, const char *name, struct ddb_definition *definition, struct ddb_error *err)
{
	const bool provisional = !definition;
	return FORWARD(e, create_table, (INNER(e), name, definition, err), .operation = "CreateTable",
		.table = name, .provisional = when(&provisional));
}

static enum ddb_code describe_table(
	struct ddb_engine *e, const char *name, struct ddb_table **ret, struct ddb_error *err)
{
	return FORWARD(
		e, describe_table, (INNER(e), name, ret, err), .operation = "DescribeTable", .table = name);
}

static enum ddb_code count_table(
	struct ddb_engine *e, const char *name, struct ddb_table_counts *ret, struct ddb_error *err)
{
	return FORWARD(e, count_table, (INNER(e), name, ret, err), .operation = "CountTable", .table = name,
		.items = &ret->items);
}

static enum ddb_code update_table(struct ddb_engine *e, const char *name, const struct ddb_definition *from,
	struct ddb_definition *definition, struct ddb_error *err)
{
	return FORWARD(e, update_table, (INNER(e), name, from, definition, err), .operation = "UpdateTable",
		.table = name);
}

static enum ddb_code delete_table(
	struct ddb_engine *e, const char *name, bool only_empty, struct ddb_error *err)
{
	return FORWARD(e, delete_table, (INNER(e), name, only_empty, err), .operation = "DeleteTable",
		.table = name);
}

static enum ddb_code rename_table(
	struct ddb_engine *e, const char *from, const char *to, struct ddb_error *err)
{
	return FORWARD(e, rename_table, (INNER(e), from, to, err), .operation = "RenameTable", .table = from,
		.table_to = to);
}

static enum ddb_code list_tables(struct ddb_engine *e, struct ddb_arena *arena, const char *after,
	uint32_t limit, struct ddb_table_names *ret, struct ddb_error *err)
{
	return FORWARD(e, list_tables, (INNER(e), arena, after, limit, ret, err), .operation = "ListTables",
		.returned = &ret->count, .more = &ret->more);
}

static enum ddb_code settle_table(
	struct ddb_engine *e, const char *name, enum ddb_provisional kind, struct ddb_error *err)
{
	return FORWARD(e, settle_table, (INNER(e), name, kind, err), .operation = "SettleTable",
		.table = name, .kind = &kind);
}

static enum ddb_code define_table(
	struct ddb_engine *e, const struct ddb_define_table *request, struct ddb_error *err)
{
	return FORWARD(e, define_table, (INNER(e), request, err), .operation = "DefineTable",
		.table = request->table);
}

static enum ddb_code put_item(struct ddb_engine *e, const struct ddb_put_item *request,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	return FORWARD(e, put_item, (INNER(e), request, ret, err), .operation = "PutItem",
		.table = request->table, .item = &request->item, .consume = request->consume,
		.consume_as = request->consume_as, .condition = when_conditional(&request->condition),
		.conditional = when_asked(request->terms), .return_values = when_returning(request->terms),
		.replaced = &ret->replaced, .unchanged = &ret->unchanged);
}

static enum ddb_code put_many(struct ddb_engine *e, const struct ddb_put_many *request,
	struct ddb_put_many_result *ret, struct ddb_error *err)
{
	ret->done = 0; /* what a call that fails early has done */
	return FORWARD(e, put_many, (INNER(e), request, ret, err), .operation = "BatchWriteItem",
		.table = request->table, .count = &request->count, .done = &ret->done);
}

static enum ddb_code get_item(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_get_item *request, struct ddb_get_result *ret, struct ddb_error *err)
{
	return FORWARD(e, get_item, (INNER(e), arena, request, ret, err), .operation = "GetItem",
		.table = request->table, .key = &request->key, .meta_only = when(&request->meta_only),
		.projected = when_given(request->selection), .consistent = when(&request->consistent),
		.found = &ret->found);
}

static enum ddb_code delete_item(struct ddb_engine *e, const struct ddb_delete_item *request,
	struct ddb_delete_result *ret, struct ddb_error *err)
{
	return FORWARD(e, delete_item, (INNER(e), request, ret, err), .operation = "DeleteItem",
		.table = request->table, .key = &request->key, .keep = request->keep,
		.conditional = when_asked(request->terms), .return_values = when_returning(request->terms),
		.existed = &ret->existed);
}

static enum ddb_code update_item(struct ddb_engine *e, const struct ddb_update_item *request,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	return FORWARD(e, update_item, (INNER(e), request, ret, err), .operation = "UpdateItem",
		.table = request->table, .key = &request->key,
		.condition = when_conditional(&request->condition), .conditional = when_asked(request->terms),
		.return_values = when_returning(request->terms), .replaced = &ret->replaced,
		.unchanged = &ret->unchanged);
}

static enum ddb_code move_item(
	struct ddb_engine *e, const struct ddb_move_item *request, struct ddb_error *err)
{
	return FORWARD(e, move_item, (INNER(e), request, err), .operation = "MoveItem",
		.table = request->table, .key = &request->from, .to = &request->to,
		.exchange = when(&request->exchange), .no_replace = when(&request->no_replace));
}

static enum ddb_code move_partition(
	struct ddb_engine *e, const struct ddb_move_partition *request, struct ddb_error *err)
{
	return FORWARD(e, move_partition, (INNER(e), request, err), .operation = "MovePartition",
		.table = request->table, .partition = &request->from, .partition_to = &request->to);
}

static enum ddb_code set_mtime(
	struct ddb_engine *e, const struct ddb_set_mtime *request, struct ddb_error *err)
{
	return FORWARD(e, set_mtime, (INNER(e), request, err), .operation = "SetTimes",
		.table = request->table, .key = &request->key);
}

static const enum ddb_select *when_selecting(const enum ddb_select *select)
{
	return *select == DDB_SELECT_DEFAULT ? NULL : select;
}

static enum ddb_code query(struct ddb_engine *e, struct ddb_arena *arena, const struct ddb_query *request,
	struct ddb_page *ret, struct ddb_error *err)
{
	const struct ddb_value *partition = request->range ? &request->range->partition : NULL;
	return FORWARD(e, query, (INNER(e), arena, request, ret, err),
		.operation = partition ? "Query" : "Scan", .table = request->table, .index = request->index,
		.partition = partition, .keys_only = when(&request->keys_only),
		.backward = when(&request->backward), .filtered = when_given(request->filter),
		.projected = when_given(request->selection), .select = when_selecting(&request->select),
		.consistent = when(&request->consistent), .examined = &ret->examined, .returned = &ret->count,
		.more = &ret->more);
}

/* The table, when a batch has no other. */
static const char *only_table(const struct ddb_batch_write *requests, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (strcmp(requests[i].table, requests[0].table) != 0)
			return NULL;
	return count ? requests[0].table : NULL;
}

static enum ddb_code batch_write(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_batch_write *requests, size_t count, struct ddb_batch_write_result *ret,
	struct ddb_error *err)
{
	return FORWARD(e, batch_write, (INNER(e), arena, requests, count, ret, err),
		.operation = "BatchWriteItem", .table = only_table(requests, count), .count = &count,
		.unprocessed = &ret->unprocessed_count);
}

static enum ddb_code batch_get(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_batch_get *requests, size_t count, struct ddb_batch_get_result *ret,
	struct ddb_error *err)
{
	size_t keys = 0, returned = 0, unprocessed = 0;
	enum ddb_code code = INNER(e)->ops->batch_get(INNER(e), arena, requests, count, ret, err);
	for (size_t i = 0; i < count; i++)
		keys += requests[i].key_count;
	for (size_t i = 0; !code && i < count; i++) {
		returned += ret[i].count;
		unprocessed += ret[i].unprocessed_count;
	}
	return record(e,
		(struct trace_call){.operation = "BatchGetItem",
			.table = count == 1 ? requests[0].table : NULL,
			.count = &keys,
			.returned = &returned,
			.unprocessed = &unprocessed},
		code);
}

static enum ddb_code list_partitions(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_list_partitions *request, struct ddb_partitions *ret, struct ddb_error *err)
{
	return FORWARD(e, list_partitions, (INNER(e), arena, request, ret, err),
		.operation = "ListPartitions", .table = request->table, .index = request->index,
		.returned = &ret->count, .more = &ret->more);
}

static enum ddb_code get_partition(struct ddb_engine *e, const char *table, const char *index,
	const struct ddb_value *key, struct ddb_partition *ret, struct ddb_error *err)
{
	return FORWARD(e, get_partition, (INNER(e), table, index, key, ret, err), .operation = "GetPartition",
		.table = table, .index = index, .partition = key);
}

static enum ddb_code find_alias(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_find_alias *request, struct ddb_value *ret, struct ddb_error *err)
{
	return FORWARD(e, find_alias, (INNER(e), arena, request, ret, err), .operation = "FindAlias",
		.table = request->table, .index = request->index, .partition = request->partition);
}

static enum ddb_code scratch_create(struct ddb_engine *e, const struct ddb_scratch_name *name, uint32_t mode,
	bool exclusive, struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	return FORWARD(e, scratch_create, (INNER(e), name, mode, exclusive, ret, err),
		.operation = "ScratchCreate", .directory = name->directory, .scratch = name,
		.exclusive = when(&exclusive));
}

static enum ddb_code scratch_mkdir(struct ddb_engine *e, const struct ddb_scratch_name *name, uint32_t mode,
	struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	return FORWARD(e, scratch_mkdir, (INNER(e), name, mode, ret, err), .operation = "ScratchMkdir",
		.directory = name->directory, .scratch = name);
}

static enum ddb_code scratch_stat(struct ddb_engine *e, const struct ddb_scratch_name *name,
	struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	return FORWARD(e, scratch_stat, (INNER(e), name, ret, err), .operation = "ScratchStat",
		.directory = name->directory, .scratch = name);
}

static enum ddb_code scratch_read(struct ddb_engine *e, const struct ddb_scratch_name *name, uint64_t offset,
	void *buffer, size_t length, size_t *ret_length, struct ddb_error *err)
{
	return FORWARD(e, scratch_read, (INNER(e), name, offset, buffer, length, ret_length, err),
		.operation = "ScratchRead", .directory = name->directory, .scratch = name, .offset = &offset,
		.count = &length, .returned = ret_length);
}

static enum ddb_code scratch_write(struct ddb_engine *e, const struct ddb_scratch_name *name, uint64_t offset,
	const void *bytes, size_t length, struct ddb_error *err)
{
	return FORWARD(e, scratch_write, (INNER(e), name, offset, bytes, length, err),
		.operation = "ScratchWrite", .directory = name->directory, .scratch = name, .offset = &offset,
		.count = &length);
}

static enum ddb_code scratch_truncate(
	struct ddb_engine *e, const struct ddb_scratch_name *name, uint64_t size, struct ddb_error *err)
{
	return FORWARD(e, scratch_truncate, (INNER(e), name, size, err), .operation = "ScratchTruncate",
		.directory = name->directory, .scratch = name, .size = &size);
}

static enum ddb_code scratch_set(struct ddb_engine *e, const struct ddb_scratch_name *name, int64_t mtime_ns,
	uint32_t mode, struct ddb_error *err)
{
	return FORWARD(e, scratch_set, (INNER(e), name, mtime_ns, mode, err), .operation = "ScratchSet",
		.directory = name->directory, .scratch = name);
}

static enum ddb_code scratch_remove(
	struct ddb_engine *e, const struct ddb_scratch_name *name, struct ddb_error *err)
{
	return FORWARD(e, scratch_remove, (INNER(e), name, err), .operation = "ScratchRemove",
		.directory = name->directory, .scratch = name);
}

static enum ddb_code scratch_rename(struct ddb_engine *e, const struct ddb_scratch_name *from,
	const struct ddb_scratch_name *to, bool no_replace, struct ddb_error *err)
{
	return FORWARD(e, scratch_rename, (INNER(e), from, to, no_replace, err), .operation = "ScratchRename",
		.directory = from->directory, .scratch = from, .directory_to = to->directory,
		.scratch_to = to, .no_replace = when(&no_replace));
}

static enum ddb_code scratch_list(struct ddb_engine *e, struct ddb_arena *arena,
	const uint8_t directory[DDB_DIRECTORY_ID_BYTES], const char *after, uint32_t limit,
	struct ddb_scratch_page *ret, struct ddb_error *err)
{
	return FORWARD(e, scratch_list, (INNER(e), arena, directory, after, limit, ret, err),
		.operation = "ScratchList", .directory = directory, .returned = &ret->count,
		.more = &ret->more);
}

static enum ddb_code list_streams(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_list_streams *request, struct ddb_streams *ret, struct ddb_error *err)
{
	return FORWARD(e, list_streams, (INNER(e), arena, request, ret, err), .operation = "ListStreams",
		.table = request->table, .returned = &ret->count, .more = &ret->more);
}

static enum ddb_code read_stream(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_read_stream *request, struct ddb_stream_page *ret, struct ddb_error *err)
{
	return FORWARD(e, read_stream, (INNER(e), arena, request, ret, err), .operation = "GetRecords",
		.table = request->table, .offset = &request->after, .returned = &ret->count,
		.more = &ret->more);
}

static void watch_streams(struct ddb_engine *e, void (*stirred)(void *context), void *context)
{
	INNER(e)->ops->watch_streams(INNER(e), stirred, context);
	record(e, (struct trace_call){.operation = "WatchStreams"}, DDB_OK);
}

/* What is told is nobody's request: there is no line for it. */
static void watch_expired(struct ddb_engine *e,
	void (*expired)(void *context, const struct ddb_table *table, const struct ddb_value *key),
	void *context)
{
	INNER(e)->ops->watch_expired(INNER(e), expired, context);
}

static enum ddb_code transact_write(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_transact_write *request, struct ddb_transact_result *ret, struct ddb_error *err)
{
	return FORWARD(e, transact_write, (INNER(e), arena, request, ret, err),
		.operation = "TransactWriteItems", .count = &request->count,
		.token = when_given(request->token), .repeated = &ret->repeated);
}

static enum ddb_code transact_get(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_transact_get *requests, size_t count, struct ddb_transact_get_result *ret,
	struct ddb_error *err)
{
	return FORWARD(e, transact_get, (INNER(e), arena, requests, count, ret, err),
		.operation = "TransactGetItems", .count = &count);
}

/* ---- Views ---- */

/* What is done in a view is traced as well, in the same file. */
static enum ddb_code open_view(struct ddb_engine *e, const struct ddb_open_view *request,
	struct ddb_engine **ret, struct ddb_error *err)
{
	struct ddb_engine *inner = NULL;
	enum ddb_code code = FORWARD(e, open_view, (INNER(e), request, &inner, err), .operation = "OpenView",
		.view = &request->kind);
	if (code)
		return code;
	struct trace *trace = calloc(1, sizeof *trace);
	int file = trace ? fcntl(((struct trace *)e)->file, F_DUPFD_CLOEXEC, 0) : -1;
	if (file < 0) {
		free(trace);
		inner->ops->close(inner);
		return ddb_fail_memory(err);
	}
	*trace = (struct trace){.engine = *e, .inner = inner, .file = file};
	*ret = &trace->engine;
	return DDB_OK;
}

static enum ddb_code commit(struct ddb_engine *e, struct ddb_arena *arena, const struct ddb_commit *request,
	struct ddb_commit_result *ret, struct ddb_error *err)
{
	return FORWARD(e, commit, (INNER(e), arena, request, ret, err), .operation = "Commit",
		.count = &request->check_count, .token = when_given(request->token),
		.done = &ret->change_count, .repeated = &ret->repeated);
}

static void view_status(struct ddb_engine *e, struct ddb_view_status *ret)
{
	INNER(e)->ops->view_status(INNER(e), ret);
}

static void end_view(struct ddb_engine *e, const char *why)
{
	INNER(e)->ops->end_view(INNER(e), why);
	record(e, (struct trace_call){.operation = "EndView"}, DDB_OK);
}

static enum ddb_code sync_engine(struct ddb_engine *e, struct ddb_error *err)
{
	return FORWARD(e, sync, (INNER(e), err), .operation = "Sync");
}

static void status(struct ddb_engine *e, struct ddb_json_out *json)
{
	struct trace *trace = (struct trace *)e;
	trace->inner->ops->status(trace->inner, json);
	record(e, (struct trace_call){.operation = "Status"}, DDB_OK);
	unsigned long lost = __atomic_load_n(&trace->lost, __ATOMIC_RELAXED);
	if (lost)
		ddb_json_member_int(json, "trace_lines_lost", (int64_t)lost);
}

static void close_trace(struct ddb_engine *e)
{
	struct trace *trace = (struct trace *)e;
	trace->inner->ops->close(trace->inner);
	close(trace->file);
	free(trace);
}

static const struct ddb_engine_ops trace_ops = {
	.name = "trace",
	.close = close_trace,
	.create_table = create_table,
	.describe_table = describe_table,
	.count_table = count_table,
	.update_table = update_table,
	.delete_table = delete_table,
	.rename_table = rename_table,
	.list_tables = list_tables,
	.settle_table = settle_table,
	.define_table = define_table,
	.put_item = put_item,
	.put_many = put_many,
	.get_item = get_item,
	.delete_item = delete_item,
	.update_item = update_item,
	.move_item = move_item,
	.move_partition = move_partition,
	.set_mtime = set_mtime,
	.query = query,
	.batch_write = batch_write,
	.batch_get = batch_get,
	.list_partitions = list_partitions,
	.get_partition = get_partition,
	.find_alias = find_alias,
	.scratch_create = scratch_create,
	.scratch_mkdir = scratch_mkdir,
	.scratch_stat = scratch_stat,
	.scratch_read = scratch_read,
	.scratch_write = scratch_write,
	.scratch_truncate = scratch_truncate,
	.scratch_set = scratch_set,
	.scratch_remove = scratch_remove,
	.scratch_rename = scratch_rename,
	.scratch_list = scratch_list,
	.list_streams = list_streams,
	.read_stream = read_stream,
	.watch_streams = watch_streams,
	.watch_expired = watch_expired,
	.transact_write = transact_write,
	.transact_get = transact_get,
	.open_view = open_view,
	.commit = commit,
	.view_status = view_status,
	.end_view = end_view,
	.sync = sync_engine,
	.status = status,
};

enum ddb_code ddb_trace_open(
	struct ddb_engine *inner, const char *path, struct ddb_engine **ret, struct ddb_error *err)
{
	struct trace *trace = calloc(1, sizeof *trace);
	if (!trace)
		return ddb_fail_memory(err);
	trace->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (trace->file < 0) {
		enum ddb_code code =
			ddb_fail(err, DDB_VALIDATION, "cannot open %s: %s", path, strerror(errno));
		free(trace);
		return code;
	}
	trace->engine.ops = &trace_ops;
	trace->inner = inner;
	*ret = &trace->engine;
	return DDB_OK;
}
