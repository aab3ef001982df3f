/*
 * CreateTable, DescribeTable, DeleteTable and ListTables. See tables.h.
 */
#include "engine/wire/tables.h"

#include "engine/table.h"

#include <string.h>

struct list_request {
	bool given;
	struct member_text start;
	struct member_integer limit;
};

enum { LIST_MAX = 100 };

/* Whether there is a name, the functions say. */
static const struct member_row name_rows[] = {
	{MEMBER_ROW(MEMBER_TEXT, wire_table_request, "TableName", table), .least = 1,
		.most = DDB_TABLE_NAME_MAX, .pattern = MEMBER_TABLE},
};
static const struct member_row create_rows[] = {
	{MEMBER_ROW(MEMBER_TEXT, wire_table_request, "TableName", table)},
};
static const struct member_row list_rows[] = {
	{MEMBER_ROW(MEMBER_TEXT, list_request, "ExclusiveStartTableName", start), .least = DDB_TABLE_NAME_MIN,
		.most = DDB_TABLE_NAME_MAX, .pattern = MEMBER_TABLE},
	{MEMBER_ROW(MEMBER_INTEGER, list_request, "Limit", limit), .least = 1, .most = LIST_MAX},
};
const struct member_type wire_table_name_type =
	MEMBER_TYPE("DescribeTableInput", wire_table_request, name_rows);
const struct member_type wire_create_table_type =
	MEMBER_TYPE("CreateTableInput", wire_table_request, create_rows);
const struct member_type wire_list_tables_type = MEMBER_TYPE("ListTablesInput", list_request, list_rows);

const char *wire_table_name(struct wire_call *call, const struct member_text *text)
{
	if (!text->bytes) {
		ddb_fail(call->err, DDB_VALIDATION,
			"The parameter 'TableName' is required but was not present in the request");
		return NULL;
	}
	const char *name = wire_name(call, text);
	if (!name)
		ddb_fail_memory(call->err);
	return name;
}

enum ddb_code wire_describe(struct wire_call *call, const char *name, struct wire_description *ret)
{
	ret->table = call->table;
	return call->engine->ops->count_table(call->engine, name, &ret->counts, call->err);
}

WIRE_HANDLER(wire_create_table)
{
	const struct wire_table_request *asked = request;
	struct ddb_definition *definition;
	const char *name = wire_table_name(call, &asked->table);
	if (!name)
		return call->err->code;
	enum ddb_code code = ddb_table_name_check(name, member_table_name(&asked->table).length, call->err);
	if (!code)
		code = ddb_definition_from_request(call->json, &definition, call->err);
	if (code)
		return code;
	code = call->engine->ops->create_table(call->engine, name, definition, call->err);
	ddb_definition_unref(definition);
	if (!code)
		code = wire_table(call, name, WIRE_DESCRIBE);
	return code ? code : wire_describe(call, name, response);
}

WIRE_HANDLER(wire_describe_table)
{
	const struct wire_table_request *asked = request;
	const char *name = wire_table_name(call, &asked->table);
	if (!name)
		return call->err->code;
	enum ddb_code code = wire_table(call, name, WIRE_DESCRIBE);
	return code ? code : wire_describe(call, name, response);
}

WIRE_HANDLER(wire_delete_table)
{
	const struct wire_table_request *asked = request;
	const char *name = wire_table_name(call, &asked->table);
	if (!name)
		return call->err->code;
	enum ddb_code code = wire_table(call, name, WIRE_DESCRIBE);
	if (!code)
		code = wire_describe(call, name, response);
	return code ? code : call->engine->ops->delete_table(call->engine, name, false, call->err);
}

WIRE_HANDLER(wire_list_tables)
{
	const struct list_request *asked = request;
	uint32_t limit = asked->limit.given ? (uint32_t)asked->limit.value : LIST_MAX;
	const char *after = asked->start.bytes ? wire_name(call, &asked->start) : NULL;
	if (asked->start.bytes && !after)
		return ddb_fail_memory(call->err);
	return call->engine->ops->list_tables(call->engine, call->arena, after, limit, response, call->err);
}

WIRE_WRITER(wire_write_table)
{
	const struct wire_description *description = response;
	(void)request;
	ddb_json_name(json, "Table", strlen("Table"));
	ddb_table_describe(description->table, &description->counts, DDB_REGION, json);
}

WIRE_WRITER(wire_write_table_description)
{
	const struct wire_description *description = response;
	(void)request;
	ddb_json_name(json, "TableDescription", strlen("TableDescription"));
	ddb_table_describe(description->table, &description->counts, DDB_REGION, json);
}

WIRE_WRITER(wire_write_deleted_table)
{
	const struct wire_description *description = response;
	(void)request;
	ddb_json_name(json, "TableDescription", strlen("TableDescription"));
	ddb_table_describe_deleted(description->table, &description->counts, DDB_REGION, json);
}

WIRE_WRITER(wire_write_tables)
{
	const struct ddb_table_names *names = response;
	(void)request;
	wire_open(json, "TableNames", '[');
	for (size_t i = 0; i < names->count; i++)
		ddb_json_string(json, names->names[i], strlen(names->names[i]));
	ddb_json_close(json, ']');
	if (names->more && names->count)
		ddb_json_member_string(json, "LastEvaluatedTableName", names->names[names->count - 1]);
}
