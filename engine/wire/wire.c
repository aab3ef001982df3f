/*
 * The table of operations, and the way of a call: text to tree, tree to request, constraints, handler,
 * response. See call.h.
 */
#include "engine/wire/wire.h"
#include "engine/wire/batches.h"
#include "engine/wire/items.h"
#include "engine/wire/streams.h"
#include "engine/wire/tables.h"
#include "engine/wire/transactions.h"

#include "engine/json.h"
#include "engine/typed.h"

#include <string.h>

enum {
	/* A request of 16 MiB has room for this many values: each takes two bytes of text at least. */
	NODES_MAX = DDB_WIRE_REQUEST_MAX / 2,
	NESTING_MAX = 128,
	MEMORY_MAX = 1 << 30, /* bytes: the tree of such a request, and a response of 16 MB in it */
};

/* ---- The table ---- */

enum { READS, CHANGES };
enum { TABLES, STREAMS }; /* the service's two names */

/* In byte order of their names. */
/* clang-format off */
static const struct wire_operation operations[] = {
	{"BatchGetItem", &wire_batch_get_type, sizeof(struct wire_batch_got), wire_batch_get, wire_write_batch_got, READS, TABLES},
	{"BatchWriteItem", &wire_batch_write_type, sizeof(struct wire_batch_written), wire_batch_write, wire_write_batch_written, CHANGES, TABLES},
	{"CreateTable", &wire_create_table_type, sizeof(struct wire_description), wire_create_table, wire_write_table_description, CHANGES, TABLES},
	{"DeleteItem", &wire_delete_item_type, sizeof(struct wire_written), wire_delete_item, wire_write_written, CHANGES, TABLES},
	{"DeleteTable", &wire_table_name_type, sizeof(struct wire_description), wire_delete_table, wire_write_deleted_table, CHANGES, TABLES},
	{"DescribeContinuousBackups", &wire_table_name_type, 0, wire_describe_backups, wire_write_backups, READS, TABLES},
	{"DescribeEndpoints", &wire_nothing_type, 0, wire_nothing, wire_write_endpoints, READS, TABLES},
	{"DescribeLimits", &wire_nothing_type, 0, wire_nothing, wire_write_limits, READS, TABLES},
	{"DescribeStream", &wire_describe_stream_type, sizeof(struct wire_stream_described), wire_describe_stream, wire_write_stream, READS, STREAMS},
	{"DescribeTable", &wire_table_name_type, sizeof(struct wire_description), wire_describe_table, wire_write_table, READS, TABLES},
	{"DescribeTimeToLive", &wire_table_name_type, sizeof(struct wire_ttl), wire_describe_ttl, wire_write_ttl, READS, TABLES},
	{"GetItem", &wire_get_item_type, sizeof(struct wire_got), wire_get_item, wire_write_got, READS, TABLES},
	{"GetRecords", &wire_get_records_type, sizeof(struct wire_stream_records), wire_get_records, wire_write_records, READS, STREAMS},
	{"GetShardIterator", &wire_shard_iterator_type, sizeof(struct wire_stream_place), wire_shard_iterator, wire_write_shard_iterator, READS, STREAMS},
	{"ListStreams", &wire_list_streams_type, sizeof(struct wire_streams_listed), wire_list_streams, wire_write_streams, READS, STREAMS},
	{"ListTables", &wire_list_tables_type, sizeof(struct ddb_table_names), wire_list_tables, wire_write_tables, READS, TABLES},
	{"ListTagsOfResource", &wire_resource_type, sizeof(struct wire_tags), wire_list_tags, wire_write_tags, READS, TABLES},
	{"PutItem", &wire_put_item_type, sizeof(struct wire_written), wire_put_item, wire_write_written, CHANGES, TABLES},
	{"Query", &wire_query_type, sizeof(struct wire_found), wire_query, wire_write_found, READS, TABLES},
	{"Scan", &wire_scan_type, sizeof(struct wire_found), wire_scan, wire_write_found, READS, TABLES},
	{"TagResource", &wire_resource_type, 0, wire_tag, NULL, CHANGES, TABLES},
	{"TransactGetItems", &wire_transact_get_type, sizeof(struct wire_transact_got), wire_transact_get, wire_write_transact_got, READS, TABLES},
	{"TransactWriteItems", &wire_transact_write_type, sizeof(struct wire_transact_written), wire_transact_write, wire_write_transact_written, CHANGES, TABLES},
	{"UntagResource", &wire_untag_type, 0, wire_untag, NULL, CHANGES, TABLES},
	{"UpdateItem", &wire_update_item_type, sizeof(struct wire_written), wire_update_item, wire_write_written, CHANGES, TABLES},
	{"UpdateTable", &wire_update_table_type, sizeof(struct wire_description), wire_update_table, wire_write_table_description, CHANGES, TABLES},
	{"UpdateTimeToLive", &wire_update_ttl_type, sizeof(struct wire_ttl), wire_update_ttl, wire_write_updated_ttl, CHANGES, TABLES},
};
/* clang-format on */
enum { OPERATIONS = sizeof operations / sizeof *operations };

const char *ddb_wire_operation(size_t index)
{
	return index < OPERATIONS ? operations[index].name : NULL;
}

static const struct wire_operation *find_operation(const char *name)
{
	for (size_t i = 0; i < OPERATIONS; i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	return NULL;
}

const char *ddb_wire_target(const char *operation)
{
	static const char *const targets[] = {
		[TABLES] = "DynamoDB_20120810", [STREAMS] = "DynamoDBStreams_20120810"};
	const struct wire_operation *found = find_operation(operation);
	return found ? targets[found->target] : NULL;
}

bool ddb_wire_knows(const char *operation)
{
	return find_operation(operation) != NULL;
}

/* ---- A call ---- */

static enum ddb_code read_tree(struct wire_call *call, const char *text, size_t length, struct ddb_value *ret)
{
	static const struct ddb_json_limits limits = {
		.nesting = NESTING_MAX, .nodes = NODES_MAX, .object_only = true};
	if (length > DDB_WIRE_REQUEST_MAX)
		return ddb_fail(call->err, DDB_REQUEST_TOO_LARGE,
			"Request size exceeded %d bytes, the maximum allowed size", DDB_WIRE_REQUEST_MAX);
	struct ddb_error err;
	enum ddb_code code = ddb_json_read(call->arena, &limits, text, length, ret, &err);
	if (code && code != DDB_NO_MEMORY)
		code = DDB_SERIALIZATION;
	return code ? ddb_fail(call->err, code, "%s", err.message) : DDB_OK;
}

static enum ddb_code read_request(struct wire_call *call, struct ddb_error *ret_broken, const void **ret)
{
	const struct member_type *type = call->operation->request;
	struct member_reading reading = {.arena = call->arena, .service = true, .err = call->err};
	void *request = ddb_arena_alloc(call->arena, type->size);
	if (!request)
		return ddb_fail_memory(call->err);
	memset(request, 0, type->size);
	enum ddb_code code = members_read(&reading, type, call->json, request);
	if (!code)
		code = members_check(type, request, call->err);
	if (code)
		return code;
	*ret_broken = reading.broken;
	*ret = request;
	return DDB_OK;
}

static enum ddb_code handle(struct wire_call *call, struct ddb_buffer *out)
{
	const struct wire_operation *operation = call->operation;
	struct ddb_error broken;
	struct ddb_json_out json;
	const void *request = NULL;
	enum ddb_code code = read_request(call, &broken, &request);
	if (code)
		return code;
	call->broken = &broken;
	void *response = ddb_arena_alloc(call->arena, operation->response_size + 1);
	if (!response)
		return ddb_fail_memory(call->err);
	memset(response, 0, operation->response_size + 1);
	code = operation->handle(call, request, response);
	/* What is answered survives the loss of power. */
	if (!code && operation->changes)
		code = call->engine->ops->sync(call->engine, call->err);
	if (code)
		return code;
	if (!operation->write)
		return DDB_OK;
	ddb_json_out_init(&json, out, false);
	ddb_json_open(&json, '{');
	operation->write(request, response, &json);
	ddb_json_close(&json, '}');
	return out->failed ? ddb_fail_memory(call->err) : DDB_OK;
}

static enum ddb_code perform(
	struct wire_call *call, const char *name, const char *text, size_t length, struct ddb_buffer *out)
{
	struct ddb_value tree;
	call->operation = find_operation(name);
	if (!call->operation)
		return ddb_fail(call->err, DDB_UNKNOWN_OPERATION, "There is no operation of that name");
	call->json = &tree;
	enum ddb_code code = read_tree(call, text, length, &tree);
	return code ? code : handle(call, out);
}

/* ---- Errors ---- */

static void write_error(const struct wire_call *call, struct ddb_buffer *out)
{
	const struct ddb_error_row *row = ddb_error_row(call->err->code);
	const struct ddb_write_answer *answer = call->answer;
	struct ddb_json_out json;
	char type[128];
	strcat(strcpy(type, row->space), row->name);
	ddb_json_out_init(&json, out, false);
	ddb_json_open(&json, '{');
	ddb_json_member_string(&json, "__type", type);
	if (call->err->code == DDB_TRANSACTION_CANCELED && call->reasons)
		wire_write_reasons(call, row->message, &json);
	else
		ddb_json_member_string(&json, row->message, call->err->message);
	if (call->err->code == DDB_CONDITIONAL_CHECK_FAILED && answer && answer->has_item)
		wire_write_item(&json, "Item", &answer->item);
	ddb_json_close(&json, '}');
}

enum ddb_code ddb_wire_call(struct ddb_engine *engine, const char *operation, const char *text, size_t length,
	struct ddb_buffer *response, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct wire_call call = {.engine = engine, .arena = &arena, .err = err};
	size_t before = response->length;
	ddb_arena_init(&arena, MEMORY_MAX);
	enum ddb_code code = perform(&call, operation, text, length, response);
	ddb_table_unref(call.table);
	if (code) {
		response->length = before;
		response->failed = false;
		write_error(&call, response);
	}
	return code;
}
