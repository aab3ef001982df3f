/*
 * What the operations share: tables by name, and the parts that many responses have. See call.h.
 */
#include "engine/wire/call.h"
#include "engine/typed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Tables ---- */

const char *wire_name(struct wire_call *call, const struct member_text *text)
{
	const struct member_text name = member_table_name(text);
	return ddb_arena_copy(call->arena, name.bytes, name.length);
}

static bool is_about_items(enum wire_intent intent)
{
	return intent == WIRE_READ || intent == WIRE_WRITE;
}

static enum ddb_code no_table(struct wire_call *call, const char *name, enum wire_intent intent)
{
	if (is_about_items(intent))
		return ddb_fail(call->err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	return ddb_fail(
		call->err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found: Table: %s not found", name);
}

enum ddb_code wire_of_items(struct wire_call *call, enum ddb_code code)
{
	return code == DDB_RESOURCE_NOT_FOUND ? no_table(call, "", WIRE_WRITE) : code;
}

static enum ddb_code find(struct wire_call *call, const char *name, enum wire_intent intent)
{
	ddb_table_unref(call->table);
	call->table = NULL;
	enum ddb_code code = call->engine->ops->describe_table(call->engine, name, &call->table, call->err);
	return code == DDB_RESOURCE_NOT_FOUND ? no_table(call, name, intent) : code;
}

/* The key that the items of a provisional table show until it is defined. */
static enum ddb_code define(struct wire_call *call, const char *name, enum wire_intent intent)
{
	static const struct ddb_key_attribute hash = {"pk", 2, DDB_S}, range = {"sk", 2, DDB_S};
	bool composite = call->table->provisional == DDB_PROVISIONAL_COMPOSITE;
	struct ddb_define_table request = {.table = name};
	enum ddb_code code =
		ddb_definition_simple(&hash, composite ? &range : NULL, &request.definition, call->err);
	if (code)
		return code;
	code = call->engine->ops->define_table(call->engine, &request, call->err);
	ddb_definition_unref(request.definition);
	return code ? code : find(call, name, intent);
}

enum ddb_code wire_table(struct wire_call *call, const char *name, enum wire_intent intent)
{
	enum ddb_code code = find(call, name, intent);
	if (code || call->table->provisional == DDB_DEFINED || intent == WIRE_DESCRIBE)
		return code;
	if (intent == WIRE_READ || call->table->provisional == DDB_PROVISIONAL)
		return no_table(call, name, intent);
	return define(call, name, intent);
}

/* ---- Parts of responses ---- */

int wire_word(const struct member_word *words, const struct member_text *text, int otherwise)
{
	return text->bytes ? member_word_value(words, text) : otherwise;
}

void wire_open(struct ddb_json_out *json, const char *name, char bracket)
{
	ddb_json_name(json, name, strlen(name));
	ddb_json_open(json, bracket);
}

void wire_write_item(struct ddb_json_out *json, const char *name, const struct ddb_value *item)
{
	ddb_json_name(json, name, strlen(name));
	ddb_typed_write_item(json, item);
}

static void write_units(uint64_t half_units, const char *split, struct ddb_json_out *json)
{
	char text[32];
	snprintf(text, sizeof text, "%" PRIu64 ".%d", half_units / 2, half_units % 2 ? 5 : 0);
	ddb_json_name(json, "CapacityUnits", strlen("CapacityUnits"));
	ddb_json_raw(json, text);
	if (!split)
		return;
	ddb_json_name(json, split, strlen(split));
	ddb_json_raw(json, text);
}

static void write_arm(const char *name, uint64_t half_units, const char *split, struct ddb_json_out *json)
{
	wire_open(json, name, '{');
	write_units(half_units, split, json);
	ddb_json_close(json, '}');
}

static void write_index_arms(const struct ddb_capacity *capacity, bool local, const char *member,
	const char *split, struct ddb_json_out *json)
{
	bool any = false;
	for (size_t i = 0; i < capacity->count; i++) {
		const struct ddb_capacity_arm *arm = &capacity->arms[i];
		if (!arm->index || arm->local != local)
			continue;
		if (!any)
			wire_open(json, member, '{');
		any = true;
		write_arm(arm->index, arm->half_units, split, json);
	}
	if (any)
		ddb_json_close(json, '}');
}

void wire_write_consumed(const struct ddb_capacity *capacity, const char *table, bool indexes,
	const char *split, struct ddb_json_out *json)
{
	uint64_t total = 0;
	for (size_t i = 0; i < capacity->count; i++)
		total += capacity->arms[i].half_units;
	ddb_json_open(json, '{');
	ddb_json_member_string(json, "TableName", table);
	write_units(total, split, json);
	for (size_t i = 0; indexes && i < capacity->count; i++)
		if (!capacity->arms[i].index)
			write_arm("Table", capacity->arms[i].half_units, split, json);
	if (indexes) {
		write_index_arms(capacity, false, "GlobalSecondaryIndexes", split, json);
		write_index_arms(capacity, true, "LocalSecondaryIndexes", split, json);
	}
	ddb_json_close(json, '}');
}

void wire_write_capacity(
	const struct ddb_capacity *capacity, const char *table, bool indexes, struct ddb_json_out *json)
{
	ddb_json_name(json, "ConsumedCapacity", strlen("ConsumedCapacity"));
	wire_write_consumed(capacity, table, indexes, NULL, json);
}

void wire_write_collected(const struct ddb_value *key, uint64_t bytes, struct ddb_json_out *json)
{
	int64_t low = (int64_t)(bytes >> 30);
	ddb_json_open(json, '{');
	wire_write_item(json, "ItemCollectionKey", key);
	wire_open(json, "SizeEstimateRangeGB", '[');
	ddb_json_int(json, low);
	ddb_json_int(json, low + 1);
	ddb_json_close(json, ']');
	ddb_json_close(json, '}');
}

void wire_write_collection(const struct ddb_value *key, uint64_t bytes, struct ddb_json_out *json)
{
	ddb_json_name(json, "ItemCollectionMetrics", strlen("ItemCollectionMetrics"));
	wire_write_collected(key, bytes, json);
}
