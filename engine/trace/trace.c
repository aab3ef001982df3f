/*
 * The tracing engine. Each operation names what its line shows and forwards; rows say how each kind of detail
 * is written. Nothing here decides anything: results and errors pass through as they are. The only state is
 * the file and the number of lines lost.
 */
#include "engine/trace/trace.h"
#include "engine/utf8.h"

#include "engine/jsonout.h"
#include "engine/typed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRACE_LINE_MAX = 256 << 10 }; /* bytes: two keys with every byte escaped, and some more */

struct trace {
	struct ddb_engine engine; /* first: callers know this one */
	struct ddb_engine *inner;
	int file;
	unsigned long lost; /* lines; atomic */
};

/* What one call's line may show; NULL: not shown. Results are read after the call, and only when it
 * succeeded. */
struct call {
	const char *operation;
	const char *table, *table_to;
	const struct ddb_value *item; /* whole: shows as its key */
	const struct ddb_value *key, *to;
	const struct ddb_value *partition, *partition_to;
	const struct ddb_scratch_name *scratch, *scratch_to, *consume, *keep;
	const uint8_t *directory, *directory_to;
	const enum ddb_condition *condition;
	const enum ddb_provisional *kind;
	const size_t *count;
	const uint64_t *offset, *size;
	const bool *provisional, *exchange, *exclusive, *no_replace, *meta_only, *keys_only, *backward;
	const size_t *done; /* of a failed call, too */
	const bool *replaced, *unchanged, *found, *existed, *more;
	const size_t *returned;
	const uint64_t *items;
};

/* ---- Writing one detail ---- */

/* Names of files may be any bytes; JSON is UTF-8. */
static void write_bytes(struct ddb_json_out *json, const char *bytes, size_t length)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	ddb_buffer_init(&text, TRACE_LINE_MAX);
	while (length) {
		size_t valid = ddb_utf8_prefix(bytes, length);
		ddb_buffer_add(&text, bytes, valid);
		if (valid < length)
			ddb_buffer_add_string(&text, "\xEF\xBF\xBD");
		size_t taken = valid < length ? valid + 1 : valid;
		bytes += taken;
		length -= taken;
	}
	ddb_json_string(json, text.length ? text.bytes : "", text.length);
}

static void write_text(struct ddb_json_out *json, const void *detail)
{
	write_bytes(json, detail, strlen(detail));
}

static void write_value(struct ddb_json_out *json, const void *detail)
{
	ddb_typed_write_value(json, detail);
}

static void write_key(struct ddb_json_out *json, const void *detail)
{
	const struct ddb_value *key = detail;
	ddb_json_open(json, '{');
	for (uint32_t i = 0; key->type == DDB_M && i < key->count; i++) {
		const struct ddb_attribute *attribute = &key->attributes[i];
		/* The stand-ins of a provisional table begin with a byte that is no text. */
		bool stand_in = attribute->name_length && *attribute->name == *DDB_PROVISIONAL_HASH;
		ddb_json_name(json, attribute->name + stand_in, attribute->name_length - stand_in);
		ddb_typed_write_value(json, &attribute->value);
	}
	ddb_json_close(json, '}');
}

static void write_scratch(struct ddb_json_out *json, const void *detail)
{
	const struct ddb_scratch_name *scratch = detail;
	write_text(json, scratch->name);
}

static void write_directory(struct ddb_json_out *json, const void *detail)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *id = detail;
	char text[2 * DDB_DIRECTORY_ID_BYTES];
	for (size_t i = 0; i < DDB_DIRECTORY_ID_BYTES; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	ddb_json_string(json, text, sizeof text);
}

static void write_condition(struct ddb_json_out *json, const void *detail)
{
	static const char *const names[] = {
		[DDB_ALWAYS] = "always", [DDB_IF_ABSENT] = "if_absent", [DDB_IF_PRESENT] = "if_present"};
	write_text(json, names[*(const enum ddb_condition *)detail]);
}

static void write_kind(struct ddb_json_out *json, const void *detail)
{
	static const char *const names[] = {
		[DDB_DEFINED] = "defined",
		[DDB_PROVISIONAL] = "provisional",
		[DDB_PROVISIONAL_SIMPLE] = "simple",
		[DDB_PROVISIONAL_COMPOSITE] = "composite",
	};
	write_text(json, names[*(const enum ddb_provisional *)detail]);
}

static void write_size(struct ddb_json_out *json, const void *detail)
{
	ddb_json_int(json, (int64_t) * (const size_t *)detail);
}

static void write_uint64(struct ddb_json_out *json, const void *detail)
{
	ddb_json_int(json, (int64_t) * (const uint64_t *)detail);
}

static void write_bool(struct ddb_json_out *json, const void *detail)
{
	ddb_json_raw(json, *(const bool *)detail ? "true" : "false");
}

/* ---- Writing a line ---- */

struct detail {
	const char *name;
	size_t place; /* of the pointer, in struct call */
	void (*write)(struct ddb_json_out *json, const void *detail);
};

#define DETAIL(name_, write_)                                                                                \
	{                                                                                                    \
#name_, offsetof(struct call, name_), write_                                                 \
	}
static const struct detail asked[] = {
	DETAIL(table, write_text),
	DETAIL(table_to, write_text),
	DETAIL(key, write_key),
	DETAIL(to, write_key),
	DETAIL(partition, write_value),
	DETAIL(partition_to, write_value),
	DETAIL(directory, write_directory),
	DETAIL(scratch, write_scratch),
	DETAIL(directory_to, write_directory),
	DETAIL(scratch_to, write_scratch),
	DETAIL(consume, write_scratch),
	DETAIL(keep, write_scratch),
	DETAIL(condition, write_condition),
	DETAIL(kind, write_kind),
	DETAIL(provisional, write_bool),
	DETAIL(offset, write_uint64),
	DETAIL(size, write_uint64),
	DETAIL(count, write_size),
	DETAIL(exchange, write_bool),
	DETAIL(exclusive, write_bool),
	DETAIL(no_replace, write_bool),
	DETAIL(meta_only, write_bool),
	DETAIL(keys_only, write_bool),
	DETAIL(backward, write_bool),
};
static const struct detail reported[] = {DETAIL(done, write_size)};
static const struct detail answered[] = {
	DETAIL(replaced, write_bool),
	DETAIL(unchanged, write_bool),
	DETAIL(found, write_bool),
	DETAIL(existed, write_bool),
	DETAIL(returned, write_size),
	DETAIL(items, write_uint64),
	DETAIL(more, write_bool),
};
#define WRITE_DETAILS(json, call, rows) write_details(json, call, rows, sizeof(rows) / sizeof *(rows))

static void write_details(
	struct ddb_json_out *json, const struct call *call, const struct detail *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const void *detail;
		memcpy(&detail, (const char *)call + rows[i].place, sizeof detail);
		if (!detail)
			continue;
		ddb_json_name(json, rows[i].name, strlen(rows[i].name));
		rows[i].write(json, detail);
	}
}

static void write_line(const struct call *call, enum ddb_code code, struct ddb_buffer *out)
{
	struct ddb_json_out json;
	ddb_json_out_init(&json, out, false);
	ddb_json_open(&json, '{');
	ddb_json_member_string(&json, "operation", call->operation);
	WRITE_DETAILS(&json, call, asked);
	ddb_json_member_string(&json, "result", code ? ddb_error_row(code)->name : "ok");
	WRITE_DETAILS(&json, call, reported);
	if (!code)
		WRITE_DETAILS(&json, call, answered);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(out, '\n');
}

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

static enum ddb_code record(struct ddb_engine *engine, struct call call, enum ddb_code code)
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
	write_line(&call, code, &line);
	append(trace, &line);
	return code;
}

/* ---- The operations ---- */

#define INNER(engine) (((struct trace *)(engine))->inner)
/* Forwards `arguments` to the inner engine's `method`, then records it with the details that follow. */
#define FORWARD(engine, method, arguments, ...)                                                              \
	record(engine, (struct call){__VA_ARGS__}, INNER(engine)->ops->method arguments)

/* A flag worth showing. */
static const bool *when(const bool *flag)
{
	return *flag ? flag : NULL;
}

static const enum ddb_condition *when_conditional(const enum ddb_condition *condition)
{
	return *condition == DDB_ALWAYS ? NULL : condition;
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
		.condition = when_conditional(&request->condition), .replaced = &ret->replaced,
		.unchanged = &ret->unchanged);
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
		.found = &ret->found);
}

static enum ddb_code delete_item(struct ddb_engine *e, const struct ddb_delete_item *request,
	struct ddb_delete_result *ret, struct ddb_error *err)
{
	return FORWARD(e, delete_item, (INNER(e), request, ret, err), .operation = "DeleteItem",
		.table = request->table, .key = &request->key, .keep = request->keep,
		.existed = &ret->existed);
}

static enum ddb_code update_item(struct ddb_engine *e, const struct ddb_update_item *request,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	return FORWARD(e, update_item, (INNER(e), request, ret, err), .operation = "UpdateItem",
		.table = request->table, .key = &request->key,
		.condition = when_conditional(&request->condition), .replaced = &ret->replaced,
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

static enum ddb_code query(struct ddb_engine *e, struct ddb_arena *arena, const struct ddb_query *request,
	struct ddb_page *ret, struct ddb_error *err)
{
	return FORWARD(e, query, (INNER(e), arena, request, ret, err),
		.operation = request->partition ? "Query" : "Scan", .table = request->table,
		.partition = request->partition, .keys_only = when(&request->keys_only),
		.backward = when(&request->backward), .returned = &ret->count, .more = &ret->more);
}

static enum ddb_code list_partitions(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_list_partitions *request, struct ddb_partitions *ret, struct ddb_error *err)
{
	return FORWARD(e, list_partitions, (INNER(e), arena, request, ret, err),
		.operation = "ListPartitions", .table = request->table, .returned = &ret->count,
		.more = &ret->more);
}

static enum ddb_code get_partition(struct ddb_engine *e, const char *table, const char *index,
	const struct ddb_value *key, struct ddb_partition *ret, struct ddb_error *err)
{
	return FORWARD(e, get_partition, (INNER(e), table, index, key, ret, err), .operation = "GetPartition",
		.table = table, .partition = key);
}

static enum ddb_code find_alias(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_find_alias *request, struct ddb_value *ret, struct ddb_error *err)
{
	return FORWARD(e, find_alias, (INNER(e), arena, request, ret, err), .operation = "FindAlias",
		.table = request->table, .partition = request->partition);
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

static enum ddb_code sync_engine(struct ddb_engine *e, struct ddb_error *err)
{
	return FORWARD(e, sync, (INNER(e), err), .operation = "Sync");
}

static void status(struct ddb_engine *e, struct ddb_json_out *json)
{
	struct trace *trace = (struct trace *)e;
	trace->inner->ops->status(trace->inner, json);
	record(e, (struct call){.operation = "Status"}, DDB_OK);
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
