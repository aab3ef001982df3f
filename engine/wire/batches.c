/*
 * Batches. See batches.h.
 */
#include "engine/wire/batches.h"
#include "engine/wire/items.h"

#include "engine/typed.h"

#include <string.h>

/* ---- Requests ---- */

struct put_request {
	bool given;
	struct member_value item;
};
struct delete_request {
	bool given;
	struct member_value key;
};
struct write_request {
	bool given;
	struct put_request put;
	struct delete_request delete;
};
struct keys_and_attributes {
	bool given;
	struct member_list keys, attributes;
	struct member_text projection;
	struct member_value names;
	enum member_flag consistent;
};
struct batch_request {
	bool given;
	struct member_map tables;
	struct member_text capacity, metrics;
};

static const struct member_row put_rows[] = {
	{MEMBER_ROW(MEMBER_ITEM, put_request, "Item", item), .required = true},
};
static const struct member_type put_type = MEMBER_TYPE("PutRequest", put_request, put_rows);
static const struct member_row delete_rows[] = {
	{MEMBER_ROW(MEMBER_ITEM, delete_request, "Key", key), .required = true},
};
static const struct member_type delete_type = MEMBER_TYPE("DeleteRequest", delete_request, delete_rows);
static const struct member_row write_rows[] = {
	{MEMBER_ROW(MEMBER_OBJECT, write_request, "PutRequest", put), .type = &put_type},
	{MEMBER_ROW(MEMBER_OBJECT, write_request, "DeleteRequest", delete), .type = &delete_type},
};
static const struct member_type write_type = MEMBER_TYPE("WriteRequest", write_request, write_rows);

static const struct member_row one_key = {.kind = MEMBER_ITEM, .required = true};
static const struct member_row keys_rows[] = {
	{MEMBER_ROW(MEMBER_LIST, keys_and_attributes, "Keys", keys), .required = true, .least = 1,
		.most = DDB_BATCH_GETS_MAX, .element = &one_key},
	WIRE_ATTRIBUTES(keys_and_attributes, attributes),
	{MEMBER_ROW(MEMBER_TEXT, keys_and_attributes, "ProjectionExpression", projection)},
	WIRE_NAMES(keys_and_attributes, names),
	{MEMBER_ROW(MEMBER_FLAG, keys_and_attributes, "ConsistentRead", consistent)},
};
static const struct member_type keys_type = MEMBER_TYPE("KeysAndAttributes", keys_and_attributes, keys_rows);

static const struct member_row table_key = {
	.kind = MEMBER_TEXT, .least = 1, .most = DDB_TABLE_NAME_MAX, .pattern = MEMBER_TABLE};
static const struct member_row writes_of_table = {
	.kind = MEMBER_LIST, .required = true, .least = 1, .most = DDB_BATCH_WRITES_MAX, .type = &write_type};
static const struct member_row batch_write_rows[] = {
	{MEMBER_ROW(MEMBER_MAP, batch_request, "RequestItems", tables), .required = true, .least = 1,
		.most = DDB_BATCH_WRITES_MAX, .element = &writes_of_table, .key = &table_key},
	WIRE_RETURN_CAPACITY(batch_request, capacity),
	WIRE_RETURN_METRICS(batch_request, metrics),
};
static const struct member_row batch_get_rows[] = {
	{MEMBER_ROW(MEMBER_MAP, batch_request, "RequestItems", tables), .required = true, .least = 1,
		.most = DDB_BATCH_GETS_MAX, .type = &keys_type, .key = &table_key},
	WIRE_RETURN_CAPACITY(batch_request, capacity),
};
const struct member_type wire_batch_write_type =
	MEMBER_TYPE("BatchWriteItemInput", batch_request, batch_write_rows);
const struct member_type wire_batch_get_type =
	MEMBER_TYPE("BatchGetItemInput", batch_request, batch_get_rows);

static const struct member_list *writes_of(const struct batch_request *request, uint32_t table)
{
	return (const struct member_list *)request->tables.elements + table;
}

static const struct keys_and_attributes *keys_of(const struct batch_request *request, uint32_t table)
{
	return (const struct keys_and_attributes *)request->tables.elements + table;
}

static enum ddb_code check_broken(struct wire_call *call)
{
	return call->broken->code ? ddb_fail(call->err, call->broken->code, "%s", call->broken->message)
				  : DDB_OK;
}

static enum ddb_code too_many(struct wire_call *call, const char *operation)
{
	return ddb_fail(call->err, DDB_VALIDATION, "Too many items requested for the %s call", operation);
}

/* ---- BatchWriteItem ---- */

/* Where a write came from. */
struct wire_batch_part {
	uint32_t table;
	const struct write_request *request;
};

static enum ddb_code check_writes(struct wire_call *call, const struct member_list *writes)
{
	const struct write_request *requests = writes->elements;
	for (uint32_t i = 0; i < writes->count; i++) {
		if (requests[i].put.given && requests[i].delete.given)
			return ddb_fail(call->err, DDB_VALIDATION,
				"Supplied AttributeValue has more than one datatypes set, "
				"must contain exactly one of the supported datatypes");
		if (!requests[i].put.given && !requests[i].delete.given)
			return ddb_fail(call->err, DDB_VALIDATION,
				"Supplied AttributeValue is empty, must contain exactly one of the supported "
				"datatypes");
	}
	return DDB_OK;
}

static enum ddb_code count_writes(
	struct wire_call *call, const struct batch_request *request, size_t *ret_count)
{
	size_t count = 0;
	for (uint32_t i = 0; i < request->tables.count; i++) {
		enum ddb_code code = check_writes(call, writes_of(request, i));
		if (code)
			return code;
		count += writes_of(request, i)->count;
	}
	*ret_count = count;
	return count > DDB_BATCH_WRITES_MAX ? too_many(call, "BatchWriteItem") : check_broken(call);
}

/* All tables must be there before anything is written: a provisional one is defined by that. */
static enum ddb_code list_writes(struct wire_call *call, const struct batch_request *request,
	struct ddb_batch_write *writes, struct wire_batch_part *parts)
{
	for (uint32_t i = 0; i < request->tables.count; i++) {
		const struct member_list *list = writes_of(request, i);
		const struct write_request *requests = list->elements;
		const char *table = wire_name(call, &request->tables.keys[i]);
		if (!table)
			return ddb_fail_memory(call->err);
		enum ddb_code code = wire_table(call, table, WIRE_WRITE);
		if (code)
			return code;
		for (uint32_t j = 0; j < list->count; j++) {
			bool deletes = requests[j].delete.given;
			*writes++ = (struct ddb_batch_write){.table = table,
				.deletes = deletes,
				.value = deletes ? requests[j].delete.key.value : requests[j].put.item.value};
			*parts++ = (struct wire_batch_part){i, &requests[j]};
		}
	}
	return DDB_OK;
}

WIRE_HANDLER(wire_batch_write)
{
	struct wire_batch_written *written = response;
	enum ddb_code code = count_writes(call, request, &written->count);
	if (code)
		return code;
	struct ddb_batch_write *writes = ddb_arena_array(call->arena, written->count, sizeof *writes);
	struct wire_batch_part *parts = ddb_arena_array(call->arena, written->count, sizeof *parts);
	if (!writes || !parts)
		return ddb_fail_memory(call->err);
	written->parts = parts;
	code = list_writes(call, request, writes, parts);
	if (code)
		return code;
	code = call->engine->ops->batch_write(
		call->engine, call->arena, writes, written->count, &written->result, call->err);
	return wire_of_items(call, code);
}

static void write_request_again(const struct write_request *request, struct ddb_json_out *json)
{
	bool deletes = request->delete.given;
	ddb_json_open(json, '{');
	wire_open(json, deletes ? "DeleteRequest" : "PutRequest", '{');
	wire_write_item(json, deletes ? "Key" : "Item",
		deletes ? &request->delete.key.value : &request->put.item.value);
	ddb_json_close(json, '}');
	ddb_json_close(json, '}');
}

/* Positions rise, and tables with them. */
static void write_unprocessed(const struct batch_request *request, const struct wire_batch_written *written,
	struct ddb_json_out *json)
{
	const struct ddb_batch_write_result *result = &written->result;
	uint32_t table = UINT32_MAX;
	wire_open(json, "UnprocessedItems", '{');
	for (size_t i = 0; i < result->unprocessed_count; i++) {
		const struct wire_batch_part *part = &written->parts[result->unprocessed[i]];
		const struct member_text *key = &request->tables.keys[part->table];
		if (part->table != table && table != UINT32_MAX)
			ddb_json_close(json, ']');
		if (part->table != table) {
			ddb_json_name(json, key->bytes, key->length);
			ddb_json_open(json, '[');
		}
		table = part->table;
		write_request_again(part->request, json);
	}
	if (result->unprocessed_count)
		ddb_json_close(json, ']');
	ddb_json_close(json, '}');
}

WIRE_WRITER(wire_write_batch_written)
{
	const struct batch_request *asked = request;
	const struct wire_batch_written *written = response;
	int capacity = wire_word(wire_capacity_words, &asked->capacity, WIRE_CAPACITY_NONE);
	write_unprocessed(asked, written, json);
	if (!capacity)
		return;
	wire_open(json, "ConsumedCapacity", '[');
	for (size_t i = 0; i < written->result.table_count; i++)
		wire_write_consumed(&written->result.capacities[i], written->result.tables[i],
			capacity == WIRE_CAPACITY_INDEXES, NULL, json);
	ddb_json_close(json, ']');
}

/* ---- BatchGetItem ---- */

static enum ddb_code read_selection(
	struct wire_call *call, const struct keys_and_attributes *keys, const struct ddb_selection **ret)
{
	const struct wire_item_request request = {
		.attributes = keys->attributes, .projection = keys->projection, .names = keys->names};
	struct wire_expressions expressions;
	enum ddb_code code = wire_expressions_check(call, &wire_get_item_type, &request);
	if (!code)
		code = wire_expressions_read(call, &request, &expressions);
	if (!code)
		*ret = expressions.selection;
	return code;
}

static enum ddb_code read_keys(
	struct wire_call *call, const struct keys_and_attributes *keys, struct ddb_batch_get *ret)
{
	const struct member_value *given = keys->keys.elements;
	struct ddb_value *values = ddb_arena_array(call->arena, keys->keys.count, sizeof *values);
	if (!values)
		return ddb_fail_memory(call->err);
	for (uint32_t i = 0; i < keys->keys.count; i++)
		values[i] = given[i].value;
	ret->keys = values;
	ret->key_count = keys->keys.count;
	ret->consistent = keys->consistent == MEMBER_TRUE;
	return read_selection(call, keys, &ret->selection);
}

/* Everything that the request alone can have wrong, before any table is looked for. */
static enum ddb_code list_gets(
	struct wire_call *call, const struct batch_request *request, struct ddb_batch_get *gets)
{
	size_t count = 0;
	enum ddb_code code = DDB_OK;
	for (uint32_t i = 0; !code && i < request->tables.count; i++) {
		gets[i] = (struct ddb_batch_get){.table = wire_name(call, &request->tables.keys[i])};
		if (!gets[i].table)
			return ddb_fail_memory(call->err);
		count += keys_of(request, i)->keys.count;
		code = read_keys(call, keys_of(request, i), &gets[i]);
	}
	if (!code && count > DDB_BATCH_GETS_MAX)
		return too_many(call, "BatchGetItem");
	for (uint32_t i = 0; !code && i < request->tables.count; i++)
		code = wire_table(call, gets[i].table, WIRE_READ);
	return code;
}

WIRE_HANDLER(wire_batch_get)
{
	const struct batch_request *asked = request;
	struct wire_batch_got *got = response;
	uint32_t count = asked->tables.count;
	struct ddb_batch_get *gets = ddb_arena_array(call->arena, count, sizeof *gets);
	got->results = ddb_arena_array(call->arena, count, sizeof *got->results);
	got->tables = ddb_arena_array(call->arena, count, sizeof *got->tables);
	if (!gets || !got->results || !got->tables)
		return ddb_fail_memory(call->err);
	memset(got->results, 0, count * sizeof *got->results);
	enum ddb_code code = list_gets(call, asked, gets);
	if (code)
		return code;
	for (uint32_t i = 0; i < count; i++)
		got->tables[i] = gets[i].table;
	code = call->engine->ops->batch_get(call->engine, call->arena, gets, count, got->results, call->err);
	return wire_of_items(call, code);
}

static void write_attribute_names(const struct member_list *names, struct ddb_json_out *json)
{
	const struct member_text *texts = names->elements;
	wire_open(json, "AttributesToGet", '[');
	for (uint32_t i = 0; i < names->count; i++)
		ddb_json_string(json, texts[i].bytes, texts[i].length);
	ddb_json_close(json, ']');
}

static void write_placeholders(const struct ddb_value *names, struct ddb_json_out *json)
{
	wire_open(json, "ExpressionAttributeNames", '{');
	for (uint32_t i = 0; i < names->count; i++) {
		const struct ddb_attribute *name = &names->attributes[i];
		ddb_json_name(json, name->name, name->name_length);
		ddb_json_string(json, (const char *)name->value.bytes, name->value.count);
	}
	ddb_json_close(json, '}');
}

/* The same again, with the keys that are left. */
static void write_keys_again(const struct keys_and_attributes *keys,
	const struct ddb_batch_get_result *result, struct ddb_json_out *json)
{
	const struct member_value *given = keys->keys.elements;
	ddb_json_open(json, '{');
	wire_open(json, "Keys", '[');
	for (size_t i = 0; i < result->unprocessed_count; i++)
		ddb_typed_write_item(json, &given[result->unprocessed[i]].value);
	ddb_json_close(json, ']');
	if (keys->attributes.given)
		write_attribute_names(&keys->attributes, json);
	if (keys->projection.bytes) {
		ddb_json_name(json, "ProjectionExpression", strlen("ProjectionExpression"));
		ddb_json_string(json, keys->projection.bytes, keys->projection.length);
	}
	if (keys->names.given)
		write_placeholders(&keys->names.value, json);
	if (keys->consistent != MEMBER_UNSAID)
		ddb_json_member_bool(json, "ConsistentRead", keys->consistent == MEMBER_TRUE);
	ddb_json_close(json, '}');
}

static void write_responses(
	const struct batch_request *request, const struct wire_batch_got *got, struct ddb_json_out *json)
{
	wire_open(json, "Responses", '{');
	for (uint32_t i = 0; i < request->tables.count; i++) {
		const struct member_text *key = &request->tables.keys[i];
		ddb_json_name(json, key->bytes, key->length);
		ddb_json_open(json, '[');
		for (size_t j = 0; j < got->results[i].count; j++)
			ddb_typed_write_item(json, &got->results[i].items[j]);
		ddb_json_close(json, ']');
	}
	ddb_json_close(json, '}');
}

WIRE_WRITER(wire_write_batch_got)
{
	const struct batch_request *asked = request;
	const struct wire_batch_got *got = response;
	int capacity = wire_word(wire_capacity_words, &asked->capacity, WIRE_CAPACITY_NONE);
	write_responses(asked, got, json);
	wire_open(json, "UnprocessedKeys", '{');
	for (uint32_t i = 0; i < asked->tables.count; i++) {
		if (!got->results[i].unprocessed_count)
			continue;
		ddb_json_name(json, asked->tables.keys[i].bytes, asked->tables.keys[i].length);
		write_keys_again(keys_of(asked, i), &got->results[i], json);
	}
	ddb_json_close(json, '}');
	if (!capacity)
		return;
	wire_open(json, "ConsumedCapacity", '[');
	for (uint32_t i = 0; i < asked->tables.count; i++)
		wire_write_consumed(&got->results[i].capacity, got->tables[i],
			capacity == WIRE_CAPACITY_INDEXES, NULL, json);
	ddb_json_close(json, ']');
}
