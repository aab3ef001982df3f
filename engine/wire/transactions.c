/*
 * Transactions. See transactions.h.
 */
#include "engine/wire/transactions.h"
#include "engine/wire/items.h"

#include "engine/record.h"
#include <string.h>

#define ROW(kind, name, field) MEMBER_ROW(kind, wire_item_request, name, field)

enum { IDENTITY_MAX = 64 << 20 /* bytes: of a request, encoded */ };

/* ---- Rows ---- */

/* Exactly one is given. */
struct transact_item {
	bool given;
	struct wire_item_request check, put, delete, update;
};
struct transact_get_item {
	bool given;
	struct wire_item_request get;
};
struct transact_request {
	bool given;
	struct member_list items;
	struct member_text token, capacity, metrics;
};

#define ACTION_ROWS                                                                                          \
	WIRE_TABLE_NAME(wire_item_request, table), WIRE_NAMES(wire_item_request, names),                     \
		WIRE_VALUES(wire_item_request, values),                                                      \
	{                                                                                                    \
		ROW(MEMBER_TEXT, "ReturnValuesOnConditionCheckFailure", return_on_failure),                  \
			.words = wire_failure_words                                                          \
	}
#define KEY_ROW                                                                                              \
	{                                                                                                    \
		ROW(MEMBER_ITEM, "Key", key), .required = true                                               \
	}
#define CONDITION_ROW                                                                                        \
	{                                                                                                    \
		ROW(MEMBER_TEXT, "ConditionExpression", condition)                                           \
	}

static const struct member_row check_rows[] = {
	KEY_ROW, ACTION_ROWS, {ROW(MEMBER_TEXT, "ConditionExpression", condition), .required = true}};
static const struct member_row put_rows[] = {
	{ROW(MEMBER_ITEM, "Item", item), .required = true}, ACTION_ROWS, CONDITION_ROW};
static const struct member_row delete_rows[] = {KEY_ROW, ACTION_ROWS, CONDITION_ROW};
static const struct member_row update_rows[] = {KEY_ROW, ACTION_ROWS, CONDITION_ROW,
	{ROW(MEMBER_TEXT, "UpdateExpression", update), .required = true}};
static const struct member_row get_rows[] = {
	KEY_ROW,
	WIRE_TABLE_NAME(wire_item_request, table),
	{ROW(MEMBER_TEXT, "ProjectionExpression", projection)},
	WIRE_NAMES(wire_item_request, names),
};
static const struct member_type check_type = MEMBER_TYPE("ConditionCheck", wire_item_request, check_rows);
static const struct member_type put_type = MEMBER_TYPE("Put", wire_item_request, put_rows);
static const struct member_type delete_type = MEMBER_TYPE("Delete", wire_item_request, delete_rows);
static const struct member_type update_type = MEMBER_TYPE("Update", wire_item_request, update_rows);
static const struct member_type get_type = MEMBER_TYPE("Get", wire_item_request, get_rows);

static const struct member_row item_rows[] = {
	{MEMBER_ROW(MEMBER_OBJECT, transact_item, "ConditionCheck", check), .type = &check_type},
	{MEMBER_ROW(MEMBER_OBJECT, transact_item, "Put", put), .type = &put_type},
	{MEMBER_ROW(MEMBER_OBJECT, transact_item, "Delete", delete), .type = &delete_type},
	{MEMBER_ROW(MEMBER_OBJECT, transact_item, "Update", update), .type = &update_type},
};
static const struct member_row get_item_rows[] = {
	{MEMBER_ROW(MEMBER_OBJECT, transact_get_item, "Get", get), .required = true, .type = &get_type},
};
static const struct member_type item_type = MEMBER_TYPE("TransactWriteItem", transact_item, item_rows);
static const struct member_type get_item_type =
	MEMBER_TYPE("TransactGetItem", transact_get_item, get_item_rows);

static const struct member_row write_rows[] = {
	{MEMBER_ROW(MEMBER_LIST, transact_request, "TransactItems", items), .required = true, .least = 1,
		.most = DDB_TRANSACT_MAX, .type = &item_type},
	{MEMBER_ROW(MEMBER_TEXT, transact_request, "ClientRequestToken", token), .least = 1,
		.most = DDB_TOKEN_MAX},
	WIRE_RETURN_CAPACITY(transact_request, capacity),
	WIRE_RETURN_METRICS(transact_request, metrics),
};
static const struct member_row read_rows[] = {
	{MEMBER_ROW(MEMBER_LIST, transact_request, "TransactItems", items), .required = true, .least = 1,
		.most = DDB_TRANSACT_MAX, .type = &get_item_type},
	WIRE_RETURN_CAPACITY(transact_request, capacity),
};
const struct member_type wire_transact_write_type =
	MEMBER_TYPE("TransactWriteItemsInput", transact_request, write_rows);
const struct member_type wire_transact_get_type =
	MEMBER_TYPE("TransactGetItemsInput", transact_request, read_rows);

/* ---- What both have ---- */

static enum ddb_code too_large(struct wire_call *call)
{
	return ddb_fail(call->err, DDB_VALIDATION,
		"The aggregate size of the items in the transaction cannot exceed 4 MB");
}

static enum ddb_code take_reasons(
	struct wire_call *call, enum ddb_code code, const struct ddb_reason *reasons, size_t count)
{
	call->reasons = reasons;
	call->reason_count = count;
	return wire_of_items(call, code);
}

void wire_write_reasons(const struct wire_call *call, const char *message, struct ddb_json_out *json)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	ddb_buffer_init(&text, DDB_REASONS_MESSAGE_MAX);
	ddb_reasons_message(call->reasons, call->reason_count, &text);
	ddb_json_name(json, message, strlen(message));
	ddb_json_string(json, text.failed ? "" : text.bytes, text.failed ? 0 : text.length);
	wire_open(json, "CancellationReasons", '[');
	for (size_t i = 0; i < call->reason_count; i++) {
		const struct ddb_reason *reason = &call->reasons[i];
		ddb_json_open(json, '{');
		ddb_json_member_string(json, "Code", ddb_reason_name(reason->code));
		if (reason->message)
			ddb_json_member_string(json, "Message", reason->message);
		if (reason->has_item)
			wire_write_item(json, "Item", &reason->item);
		ddb_json_close(json, '}');
	}
	ddb_json_close(json, ']');
}

static void write_capacities(const struct member_text *asked, size_t count, const char *const *tables,
	const struct ddb_capacity *capacities, const char *split, struct ddb_json_out *json)
{
	int capacity = wire_word(wire_capacity_words, asked, WIRE_CAPACITY_NONE);
	if (!capacity)
		return;
	wire_open(json, "ConsumedCapacity", '[');
	for (size_t i = 0; i < count; i++)
		wire_write_consumed(
			&capacities[i], tables[i], capacity == WIRE_CAPACITY_INDEXES, split, json);
	ddb_json_close(json, ']');
}

/* ---- TransactWriteItems ---- */

/* What a member of the list is. */
struct choice {
	const struct wire_item_request *request;
	const struct member_type *type;
	enum ddb_transact_kind kind;
};

static enum ddb_code choose(struct wire_call *call, const struct transact_item *item, struct choice *ret)
{
	const struct choice choices[] = {
		{&item->check, &check_type, DDB_TRANSACT_CHECK},
		{&item->put, &put_type, DDB_TRANSACT_PUT},
		{&item->delete, &delete_type, DDB_TRANSACT_DELETE},
		{&item->update, &update_type, DDB_TRANSACT_UPDATE},
	};
	unsigned given = 0;
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
		if (!choices[i].request->given)
			continue;
		given++;
		*ret = choices[i];
	}
	if (given == 1)
		return DDB_OK;
	return ddb_fail(call->err, DDB_VALIDATION,
		"TransactItems can only contain one of Check, Put, Update or Delete");
}

static enum ddb_code read_action(
	struct wire_call *call, const struct transact_item *item, struct ddb_transact_action *ret)
{
	struct choice choice = {0};
	struct wire_expressions expressions;
	enum ddb_code code = choose(call, item, &choice);
	if (!code)
		code = wire_expressions_check(call, choice.type, choice.request);
	if (!code)
		code = wire_expressions_read(call, choice.request, &expressions);
	if (code)
		return code;
	bool puts = choice.kind == DDB_TRANSACT_PUT;
	*ret = (struct ddb_transact_action){.kind = choice.kind,
		.table = wire_name(call, &choice.request->table),
		.value = puts ? choice.request->item.value : choice.request->key.value,
		.changes = expressions.changes,
		.condition = expressions.condition,
		.return_on_failure =
			wire_word(wire_failure_words, &choice.request->return_on_failure, false)};
	return ret->table ? DDB_OK : ddb_fail_memory(call->err);
}

/* What an action brings along; what it finds does not count. */
static size_t payload(const struct transact_item *item)
{
	const struct wire_item_request *parts[] = {&item->check, &item->put, &item->delete, &item->update};
	size_t bytes = 0;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const struct wire_item_request *part = parts[i];
		if (part->key.given)
			bytes += ddb_item_size(&part->key.value);
		if (part->item.given)
			bytes += ddb_item_size(&part->item.value);
		if (part->values.given)
			bytes += ddb_item_size(&part->values.value);
		bytes += part->condition.length + part->update.length;
	}
	return bytes;
}

/* An item that is too large by itself is told of as such. */
static enum ddb_code check_payload(struct wire_call *call, const struct transact_request *request)
{
	const struct transact_item *items = request->items.elements;
	size_t bytes = 0;
	for (uint32_t i = 0; i < request->items.count; i++) {
		const struct member_value *item = &items[i].put.item;
		if (item->given && ddb_item_size(&item->value) > DDB_ITEM_SIZE_MAX)
			return DDB_OK;
		bytes += payload(&items[i]);
	}
	return bytes > DDB_TRANSACT_BYTES_MAX ? too_large(call) : DDB_OK;
}

/* ItemCollectionKey, of the table that call->table is. */
static enum ddb_code collection_key(
	struct wire_call *call, const struct ddb_value *item, struct ddb_value *ret)
{
	const struct ddb_key_attribute *hash = &call->table->definition->hash;
	const struct ddb_value *value = ddb_map_get(item, hash->name, hash->name_length);
	struct ddb_attribute *attribute = ddb_arena_alloc(call->arena, sizeof *attribute);
	const char *name = ddb_arena_copy(call->arena, hash->name, hash->name_length);
	if (!attribute || !name)
		return ddb_fail_memory(call->err);
	if (value)
		*attribute = (struct ddb_attribute){name, hash->name_length, *value};
	*ret = (struct ddb_value){.type = DDB_M, .count = value != NULL, .attributes = attribute};
	return DDB_OK;
}

/* All tables must be there before anything is written: a provisional one is defined by that. */
static enum ddb_code find_tables(
	struct wire_call *call, const struct ddb_transact_write *request, struct ddb_value *collections)
{
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < request->count; i++) {
		const struct ddb_transact_action *action = &request->actions[i];
		code = wire_table(call, action->table, WIRE_WRITE);
		if (!code)
			code = collection_key(call, &action->value, &collections[i]);
	}
	return code;
}

/* The list as it was sent, whatever the order of its members' names. */
static enum ddb_code read_token(
	struct wire_call *call, const struct member_text *token, struct ddb_transact_write *request)
{
	static const char name[] = "TransactItems";
	DDB_BUFFER_AUTO struct ddb_buffer identity = {0};
	if (!token->bytes)
		return DDB_OK;
	ddb_buffer_init(&identity, IDENTITY_MAX);
	ddb_record_write(ddb_map_get(call->json, name, sizeof name - 1), &identity);
	if (identity.failed)
		return ddb_fail_memory(call->err);
	request->token = ddb_arena_copy(call->arena, token->bytes, token->length);
	request->identity = ddb_arena_copy(call->arena, identity.bytes, identity.length);
	request->identity_length = identity.length;
	return request->token && request->identity ? DDB_OK : ddb_fail_memory(call->err);
}

WIRE_HANDLER(wire_transact_write)
{
	const struct transact_request *asked = request;
	const struct transact_item *items = asked->items.elements;
	struct wire_transact_written *written = response;
	uint32_t count = asked->items.count;
	struct ddb_transact_action *actions = ddb_arena_array(call->arena, count, sizeof *actions);
	struct ddb_value *collections = ddb_arena_array(call->arena, count, sizeof *collections);
	if (!actions || !collections)
		return ddb_fail_memory(call->err);
	written->request = (struct ddb_transact_write){.count = count, .actions = actions};
	written->collections = collections;
	enum ddb_code code = DDB_OK;
	for (uint32_t i = 0; !code && i < count; i++)
		code = read_action(call, &items[i], &actions[i]);
	if (!code)
		code = check_payload(call, asked);
	if (!code)
		code = read_token(call, &asked->token, &written->request);
	if (!code)
		code = find_tables(call, &written->request, collections);
	if (code)
		return code;
	code = call->engine->ops->transact_write(
		call->engine, call->arena, &written->request, &written->result, call->err);
	return take_reasons(call, code, written->result.reasons, written->result.reason_count);
}

/* A collection is told once. */
static bool is_first(const struct wire_transact_written *written, size_t position)
{
	const struct ddb_transact_action *actions = written->request.actions;
	for (size_t i = 0; i < position; i++)
		if (written->result.collection_bytes[i] != UINT64_MAX &&
			strcmp(actions[i].table, actions[position].table) == 0 &&
			ddb_value_equal(&written->collections[i], &written->collections[position]))
			return false;
	return true;
}

static void write_collections_of(
	const struct wire_transact_written *written, const char *table, struct ddb_json_out *json)
{
	const struct ddb_transact_result *result = &written->result;
	bool any = false;
	for (size_t i = 0; i < written->request.count; i++) {
		if (strcmp(written->request.actions[i].table, table) != 0 ||
			result->collection_bytes[i] == UINT64_MAX || !is_first(written, i))
			continue;
		if (!any)
			wire_open(json, table, '[');
		any = true;
		wire_write_collected(&written->collections[i], result->collection_bytes[i], json);
	}
	if (any)
		ddb_json_close(json, ']');
}

static void write_collections(const struct wire_transact_written *written, struct ddb_json_out *json)
{
	const struct ddb_transact_result *result = &written->result;
	bool any = false;
	for (size_t i = 0; i < written->request.count; i++)
		any |= result->collection_bytes[i] != UINT64_MAX;
	if (!any)
		return;
	wire_open(json, "ItemCollectionMetrics", '{');
	for (size_t i = 0; i < result->table_count; i++)
		write_collections_of(written, result->tables[i], json);
	ddb_json_close(json, '}');
}

/* The same again is billed as reading. */
WIRE_WRITER(wire_write_transact_written)
{
	const struct transact_request *asked = request;
	const struct wire_transact_written *written = response;
	const struct ddb_transact_result *result = &written->result;
	write_capacities(&asked->capacity, result->table_count, result->tables, result->capacities,
		result->repeated ? "ReadCapacityUnits" : "WriteCapacityUnits", json);
	if (wire_word(wire_metrics_words, &asked->metrics, false))
		write_collections(written, json);
}

/* ---- TransactGetItems ---- */

static enum ddb_code read_get(
	struct wire_call *call, const struct wire_item_request *request, struct ddb_transact_get *ret)
{
	struct wire_expressions expressions;
	enum ddb_code code = wire_expressions_check(call, &get_type, request);
	if (!code)
		code = wire_expressions_read(call, request, &expressions);
	if (code)
		return code;
	*ret = (struct ddb_transact_get){.table = wire_name(call, &request->table),
		.key = request->key.value,
		.selection = expressions.selection};
	return ret->table ? DDB_OK : ddb_fail_memory(call->err);
}

WIRE_HANDLER(wire_transact_get)
{
	const struct transact_request *asked = request;
	const struct transact_get_item *items = asked->items.elements;
	struct wire_transact_got *got = response;
	uint32_t count = asked->items.count;
	struct ddb_transact_get *gets = ddb_arena_array(call->arena, count, sizeof *gets);
	if (!gets)
		return ddb_fail_memory(call->err);
	enum ddb_code code = DDB_OK;
	for (uint32_t i = 0; !code && i < count; i++)
		code = read_get(call, &items[i].get, &gets[i]);
	for (uint32_t i = 0; !code && i < count; i++)
		code = wire_table(call, gets[i].table, WIRE_READ);
	if (code)
		return code;
	code = call->engine->ops->transact_get(
		call->engine, call->arena, gets, count, &got->result, call->err);
	return take_reasons(call, code, got->result.reasons, got->result.reason_count);
}

/* What nothing was found of, or nothing was selected from, has no member Item. */
WIRE_WRITER(wire_write_transact_got)
{
	const struct transact_request *asked = request;
	const struct wire_transact_got *got = response;
	const struct ddb_transact_get_result *result = &got->result;
	wire_open(json, "Responses", '[');
	for (size_t i = 0; i < result->count; i++) {
		const struct ddb_get_result *item = &result->items[i];
		ddb_json_open(json, '{');
		if (item->found && item->entry.item.count > 0)
			wire_write_item(json, "Item", &item->entry.item);
		ddb_json_close(json, '}');
	}
	ddb_json_close(json, ']');
	write_capacities(&asked->capacity, result->table_count, result->tables, result->capacities,
		"ReadCapacityUnits", json);
}
