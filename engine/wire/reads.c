/*
 * Query and Scan. What only the request can get wrong is refused here; what needs the table or the index, by
 * the engine. See items.h.
 */
#include "engine/wire/items.h"

#include "engine/typed.h"

#include <string.h>

#define ROW(kind, name, field) MEMBER_ROW(kind, wire_item_request, name, field)

/* ---- Rows ---- */

enum { SEGMENTS_MAX = 1000000 };

/* SPECIFIC_ATTRIBUTES asks for no more than the projection does. */
enum { SELECT_SPECIFIC = DDB_SELECT_COUNT + 1 };
static const struct member_word select_words[] = {{"SPECIFIC_ATTRIBUTES", SELECT_SPECIFIC},
	{"COUNT", DDB_SELECT_COUNT}, {"ALL_ATTRIBUTES", DDB_SELECT_ALL},
	{"ALL_PROJECTED_ATTRIBUTES", DDB_SELECT_PROJECTED}, {NULL, 0}};
static const struct member_word operator_words[] = {{"OR", 0}, {"AND", 1}, {NULL, 0}};

#define READ_ROWS                                                                                            \
	WIRE_TABLE_NAME(wire_item_request, table),                                                           \
		{ROW(MEMBER_TEXT, "IndexName", index), .least = 3, .most = 255, .pattern = MEMBER_NAME},     \
		{ROW(MEMBER_TEXT, "Select", select), .words = select_words},                                 \
		WIRE_ATTRIBUTES(wire_item_request, attributes),                                              \
		{ROW(MEMBER_INTEGER, "Limit", limit), .least = 1},                                           \
		{ROW(MEMBER_TEXT, "ConditionalOperator", operator_), .words = operator_words},               \
		{ROW(MEMBER_ITEM, "ExclusiveStartKey", start),                                               \
			.refusal = "The provided starting key is invalid: "},                                \
		WIRE_RETURN_CAPACITY(wire_item_request, capacity),                                           \
		{ROW(MEMBER_TEXT, "ProjectionExpression", projection)},                                      \
		{ROW(MEMBER_TEXT, "FilterExpression", filter)}, WIRE_NAMES(wire_item_request, names),        \
		WIRE_VALUES(wire_item_request, values),                                                      \
	{                                                                                                    \
		ROW(MEMBER_FLAG, "ConsistentRead", consistent)                                               \
	}

static const struct member_row query_rows[] = {
	READ_ROWS,
	{ROW(MEMBER_FLAG, "ScanIndexForward", forward)},
	{ROW(MEMBER_TEXT, "KeyConditionExpression", key_condition)},
	{ROW(MEMBER_JSON, "KeyConditions", key_conditions)},
	{ROW(MEMBER_JSON, "QueryFilter", query_filter)},
};
static const struct member_row scan_rows[] = {
	READ_ROWS,
	{ROW(MEMBER_INTEGER, "TotalSegments", segments), .least = 1, .most = SEGMENTS_MAX},
	{ROW(MEMBER_INTEGER, "Segment", segment), .most = SEGMENTS_MAX - 1},
	{ROW(MEMBER_JSON, "ScanFilter", scan_filter)},
};
const struct member_type wire_query_type = MEMBER_TYPE("QueryInput", wire_item_request, query_rows);
const struct member_type wire_scan_type = MEMBER_TYPE("ScanInput", wire_item_request, scan_rows);

/* ---- What the request alone tells ---- */

static enum ddb_code check_select(
	struct wire_call *call, const struct wire_item_request *request, const char *doing)
{
	int select = wire_word(select_words, &request->select, DDB_SELECT_DEFAULT);
	const char *given = request->attributes.given   ? "AttributesToGet"
			    : request->projection.bytes ? "ProjectionExpression"
							: NULL;
	if (select == DDB_SELECT_PROJECTED && !request->index.bytes)
		return ddb_fail(call->err, DDB_VALIDATION,
			"ALL_PROJECTED_ATTRIBUTES can be used only when %s using an IndexName", doing);
	if (select == SELECT_SPECIFIC && !given)
		return ddb_fail(call->err, DDB_VALIDATION,
			"Must specify the AttributesToGet or ProjectionExpression when choosing to get "
			"SPECIFIC_ATTRIBUTES");
	if (given && select != DDB_SELECT_DEFAULT && select != SELECT_SPECIFIC)
		return ddb_fail(call->err, DDB_VALIDATION, "Cannot specify the %s when choosing to get %.*s",
			given, select == DDB_SELECT_COUNT ? 14 : (int)request->select.length,
			select == DDB_SELECT_COUNT ? "only the Count" : request->select.bytes);
	return DDB_OK;
}

static enum ddb_code check_segments(struct wire_call *call, const struct wire_item_request *request)
{
	const struct member_integer *segment = &request->segment, *segments = &request->segments;
	if (segments->given && !segment->given)
		return ddb_fail(call->err, DDB_VALIDATION,
			"The Segment parameter is required but was not present in the request when parameter "
			"TotalSegments is present");
	if (segment->given && !segments->given)
		return ddb_fail(call->err, DDB_VALIDATION,
			"The TotalSegments parameter is required but was not present in the request when "
			"Segment parameter is present");
	if (segment->given && segment->value >= segments->value)
		return ddb_fail(call->err, DDB_VALIDATION,
			"The Segment parameter is zero-based and must be less than parameter TotalSegments: "
			"Segment: %lld is not less than TotalSegments: %lld",
			(long long)segment->value, (long long)segments->value);
	return DDB_OK;
}

static enum ddb_code check_key_condition(struct wire_call *call, const struct wire_item_request *request)
{
	if (request->key_condition.bytes || request->key_conditions)
		return DDB_OK;
	return ddb_fail(call->err, DDB_VALIDATION,
		"Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
		"request.");
}

/* ---- The engine's part ---- */

static enum ddb_code find_index(struct wire_call *call, const struct wire_item_request *request,
	const struct ddb_index_definition **ret, const char **ret_name)
{
	*ret = NULL;
	*ret_name = NULL;
	if (!request->index.bytes)
		return DDB_OK;
	const char *name = ddb_arena_copy(call->arena, request->index.bytes, request->index.length);
	if (!name)
		return ddb_fail_memory(call->err);
	*ret = ddb_definition_index(call->table->definition, name);
	if (!*ret)
		return ddb_fail(
			call->err, DDB_VALIDATION, "The table does not have the specified index: %s", name);
	*ret_name = name;
	return DDB_OK;
}

static enum ddb_code ask(struct wire_call *call, const struct wire_item_request *request,
	const struct wire_expressions *expressions, struct wire_found *found)
{
	const struct ddb_index_definition *index;
	struct ddb_key_range range;
	struct ddb_query query = {.table = found->table,
		.filter = expressions->filter,
		.selection = expressions->selection,
		.consistent = request->consistent == MEMBER_TRUE,
		.backward = request->forward == MEMBER_FALSE,
		.limit = (uint32_t)request->limit.value,
		.start = request->start.given ? &request->start.value : NULL,
		.segment = (uint32_t)request->segment.value,
		.segments = (uint32_t)request->segments.value};
	int select = wire_word(select_words, &request->select, DDB_SELECT_DEFAULT);
	query.select = select == SELECT_SPECIFIC ? DDB_SELECT_DEFAULT : (enum ddb_select)select;
	enum ddb_code code = find_index(call, request, &index, &query.index);
	if (code)
		return code;
	if (expressions->key_condition) {
		struct ddb_key_schema schema = ddb_key_schema_of(call->table->definition, index);
		code = ddb_key_condition_resolve(
			call->arena, expressions->key_condition, &schema, &range, call->err);
		query.range = &range;
	}
	if (code)
		return code;
	code = call->engine->ops->query(call->engine, call->arena, &query, &found->page, call->err);
	return wire_of_items(call, code);
}

/* Syntax and use are judged before the table is looked for. */
static enum ddb_code find(
	struct wire_call *call, const struct wire_item_request *request, struct wire_found *found)
{
	struct wire_expressions expressions;
	enum ddb_code code = wire_expressions_read(call, request, &expressions);
	if (code)
		return code;
	found->table = wire_name(call, &request->table);
	if (!found->table)
		return ddb_fail_memory(call->err);
	code = wire_table(call, found->table, WIRE_READ);
	return code ? code : ask(call, request, &expressions, found);
}

WIRE_HANDLER(wire_query)
{
	enum ddb_code code = wire_expressions_check(call, &wire_query_type, request);
	if (!code)
		code = check_select(call, request, "Querying");
	if (!code)
		code = check_key_condition(call, request);
	return code ? code : find(call, request, response);
}

WIRE_HANDLER(wire_scan)
{
	enum ddb_code code = wire_expressions_check(call, &wire_scan_type, request);
	if (!code)
		code = check_select(call, request, "Scanning");
	if (!code)
		code = check_segments(call, request);
	return code ? code : find(call, request, response);
}

WIRE_WRITER(wire_write_found)
{
	const struct wire_item_request *asked = request;
	const struct wire_found *found = response;
	const struct ddb_page *page = &found->page;
	int capacity = wire_word(wire_capacity_words, &asked->capacity, WIRE_CAPACITY_NONE);
	if (wire_word(select_words, &asked->select, DDB_SELECT_DEFAULT) != DDB_SELECT_COUNT) {
		wire_open(json, "Items", '[');
		for (size_t i = 0; page->entries && i < page->count; i++)
			ddb_typed_write_item(json, &page->entries[i].item);
		ddb_json_close(json, ']');
	}
	ddb_json_member_int(json, "Count", (int64_t)page->count);
	ddb_json_member_int(json, "ScannedCount", (int64_t)page->examined);
	if (page->stopped)
		wire_write_item(json, "LastEvaluatedKey", &page->last);
	if (capacity)
		wire_write_capacity(&page->capacity, found->table, capacity == WIRE_CAPACITY_INDEXES, json);
}
