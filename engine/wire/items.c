/*
 * PutItem, GetItem, UpdateItem and DeleteItem. See items.h.
 */
#include "engine/wire/items.h"

#include <string.h>

#define ROW(kind, name, field) MEMBER_ROW(kind, wire_item_request, name, field)

/* ---- Rows ---- */

const struct member_word wire_capacity_words[] = {{"INDEXES", WIRE_CAPACITY_INDEXES},
	{"TOTAL", WIRE_CAPACITY_TOTAL}, {"NONE", WIRE_CAPACITY_NONE}, {NULL, 0}};
const struct member_word wire_metrics_words[] = {{"SIZE", true}, {"NONE", false}, {NULL, 0}};
static const struct member_word operator_words[] = {{"OR", 0}, {"AND", 1}, {NULL, 0}};
const struct member_word wire_failure_words[] = {{"ALL_OLD", true}, {"NONE", false}, {NULL, 0}};
static const struct member_word return_words[] = {{"ALL_NEW", DDB_RETURN_ALL_NEW},
	{"UPDATED_OLD", DDB_RETURN_UPDATED_OLD}, {"ALL_OLD", DDB_RETURN_ALL_OLD}, {"NONE", DDB_RETURN_NONE},
	{"UPDATED_NEW", DDB_RETURN_UPDATED_NEW}, {NULL, 0}};

/* What the three writes have in common. */
#define WRITE_ROWS                                                                                           \
	WIRE_TABLE_NAME(wire_item_request, table),                                                           \
		{ROW(MEMBER_TEXT, "ReturnValues", return_values), .words = return_words},                    \
		WIRE_RETURN_CAPACITY(wire_item_request, capacity),                                           \
		WIRE_RETURN_METRICS(wire_item_request, metrics),                                             \
		{ROW(MEMBER_TEXT, "ConditionalOperator", operator_), .words = operator_words},               \
		{ROW(MEMBER_TEXT, "ReturnValuesOnConditionCheckFailure", return_on_failure),                 \
			.words = wire_failure_words},                                                        \
		{ROW(MEMBER_TEXT, "ConditionExpression", condition)},                                        \
		{ROW(MEMBER_JSON, "Expected", expected)}, WIRE_NAMES(wire_item_request, names),              \
		WIRE_VALUES(wire_item_request, values)
#define KEY_ROW                                                                                              \
	{                                                                                                    \
		ROW(MEMBER_ITEM, "Key", key), .required = true                                               \
	}

static const struct member_row put_rows[] = {
	WRITE_ROWS,
	{ROW(MEMBER_ITEM, "Item", item), .required = true},
};
static const struct member_row delete_rows[] = {WRITE_ROWS, KEY_ROW};
static const struct member_row update_rows[] = {
	WRITE_ROWS,
	KEY_ROW,
	{ROW(MEMBER_TEXT, "UpdateExpression", update)},
	{ROW(MEMBER_JSON, "AttributeUpdates", updates)},
};
static const struct member_row get_rows[] = {
	WIRE_TABLE_NAME(wire_item_request, table),
	KEY_ROW,
	WIRE_ATTRIBUTES(wire_item_request, attributes),
	{ROW(MEMBER_TEXT, "ProjectionExpression", projection)},
	WIRE_NAMES(wire_item_request, names),
	WIRE_RETURN_CAPACITY(wire_item_request, capacity),
	{ROW(MEMBER_FLAG, "ConsistentRead", consistent)},
};
const struct member_type wire_put_item_type = MEMBER_TYPE("PutItemInput", wire_item_request, put_rows);
const struct member_type wire_delete_item_type =
	MEMBER_TYPE("DeleteItemInput", wire_item_request, delete_rows);
const struct member_type wire_update_item_type =
	MEMBER_TYPE("UpdateItemInput", wire_item_request, update_rows);
const struct member_type wire_get_item_type = MEMBER_TYPE("GetItemInput", wire_item_request, get_rows);

/* ---- Writes ---- */

/* A write, ready to be handed to the engine. */
struct writing {
	const char *table;
	struct wire_expressions expressions;
	struct ddb_write_terms terms;
};

static enum ddb_code check_return_values(
	struct wire_call *call, const struct member_type *type, enum ddb_return_values values)
{
	if (type == &wire_update_item_type || values == DDB_RETURN_NONE || values == DDB_RETURN_ALL_OLD)
		return DDB_OK;
	return ddb_fail(call->err, DDB_VALIDATION, "ReturnValues can only be ALL_OLD or NONE");
}

static enum ddb_code prepare(struct wire_call *call, const struct member_type *type,
	const struct wire_item_request *request, struct wire_written *answer, struct writing *ret)
{
	*ret = (struct writing){0};
	enum ddb_code code = wire_expressions_check(call, type, request);
	if (code)
		return code;
	ret->terms.return_values =
		(enum ddb_return_values)wire_word(return_words, &request->return_values, DDB_RETURN_NONE);
	ret->terms.return_on_failure = wire_word(wire_failure_words, &request->return_on_failure, false);
	code = check_return_values(call, type, ret->terms.return_values);
	if (!code)
		code = wire_expressions_read(call, request, &ret->expressions);
	ret->table = wire_name(call, &request->table);
	if (!code && !ret->table)
		return ddb_fail_memory(call->err);
	if (!code)
		code = wire_table(call, ret->table, WIRE_WRITE);
	ret->terms.condition = ret->expressions.condition;
	ret->terms.arena = call->arena;
	ret->terms.answer = &answer->answer;
	answer->table = ret->table;
	call->answer = &answer->answer;
	return code;
}

/* ItemCollectionKey: the partition key's attribute of the item or key that was sent. */
static enum ddb_code finish(
	struct wire_call *call, const struct ddb_value *key, enum ddb_code code, struct wire_written *answer)
{
	const struct ddb_key_attribute *hash = &call->table->definition->hash;
	if (code || !answer->answer.has_collection)
		return wire_of_items(call, code);
	const struct ddb_value *value = ddb_map_get(key, hash->name, hash->name_length);
	struct ddb_attribute *attribute = ddb_arena_alloc(call->arena, sizeof *attribute);
	if (!attribute || !value)
		return ddb_fail_memory(call->err);
	*attribute = (struct ddb_attribute){hash->name, hash->name_length, *value};
	answer->collection = (struct ddb_value){.type = DDB_M, .count = 1, .attributes = attribute};
	return DDB_OK;
}

WIRE_HANDLER(wire_put_item)
{
	const struct wire_item_request *asked = request;
	struct wire_written *answer = response;
	struct writing writing;
	struct ddb_put_result result;
	enum ddb_code code = prepare(call, &wire_put_item_type, asked, answer, &writing);
	if (code)
		return code;
	const struct ddb_put_item put = {
		.table = writing.table, .item = asked->item.value, .terms = &writing.terms};
	code = call->engine->ops->put_item(call->engine, &put, &result, call->err);
	return finish(call, &asked->item.value, code, answer);
}

WIRE_HANDLER(wire_update_item)
{
	const struct wire_item_request *asked = request;
	struct wire_written *answer = response;
	struct writing writing;
	struct ddb_put_result result;
	enum ddb_code code = prepare(call, &wire_update_item_type, asked, answer, &writing);
	if (code)
		return code;
	const struct ddb_update_item update = {.table = writing.table,
		.key = asked->key.value,
		.changes = writing.expressions.changes,
		.terms = &writing.terms};
	code = call->engine->ops->update_item(call->engine, &update, &result, call->err);
	return finish(call, &asked->key.value, code, answer);
}

WIRE_HANDLER(wire_delete_item)
{
	const struct wire_item_request *asked = request;
	struct wire_written *answer = response;
	struct writing writing;
	struct ddb_delete_result result;
	enum ddb_code code = prepare(call, &wire_delete_item_type, asked, answer, &writing);
	if (code)
		return code;
	const struct ddb_delete_item delete = {
		.table = writing.table, .key = asked->key.value, .terms = &writing.terms};
	code = call->engine->ops->delete_item(call->engine, &delete, &result, call->err);
	return finish(call, &asked->key.value, code, answer);
}

WIRE_WRITER(wire_write_written)
{
	const struct wire_item_request *asked = request;
	const struct wire_written *written = response;
	const struct ddb_write_answer *answer = &written->answer;
	int capacity = wire_word(wire_capacity_words, &asked->capacity, WIRE_CAPACITY_NONE);
	if (answer->has_attributes)
		wire_write_item(json, "Attributes", &answer->attributes);
	if (capacity)
		wire_write_capacity(
			&answer->capacity, written->table, capacity == WIRE_CAPACITY_INDEXES, json);
	if (answer->has_collection && wire_word(wire_metrics_words, &asked->metrics, false))
		wire_write_collection(&written->collection, answer->collection_bytes, json);
}

/* ---- GetItem ---- */

WIRE_HANDLER(wire_get_item)
{
	const struct wire_item_request *asked = request;
	struct wire_got *got = response;
	struct wire_expressions expressions;
	struct ddb_get_result result = {0};
	enum ddb_code code = wire_expressions_check(call, &wire_get_item_type, asked);
	if (!code)
		code = wire_expressions_read(call, asked, &expressions);
	if (code)
		return code;
	got->table = wire_name(call, &asked->table);
	if (!got->table)
		return ddb_fail_memory(call->err);
	code = wire_table(call, got->table, WIRE_READ);
	if (code)
		return code;
	const struct ddb_get_item get = {.table = got->table,
		.key = asked->key.value,
		.selection = expressions.selection,
		.consistent = asked->consistent == MEMBER_TRUE};
	code = call->engine->ops->get_item(call->engine, call->arena, &get, &result, call->err);
	got->found = result.found;
	got->item = result.entry.item;
	got->capacity = result.capacity;
	return wire_of_items(call, code);
}

WIRE_WRITER(wire_write_got)
{
	const struct wire_item_request *asked = request;
	const struct wire_got *got = response;
	int capacity = wire_word(wire_capacity_words, &asked->capacity, WIRE_CAPACITY_NONE);
	if (got->found)
		wire_write_item(json, "Item", &got->item);
	if (capacity)
		wire_write_capacity(&got->capacity, got->table, capacity == WIRE_CAPACITY_INDEXES, json);
}
