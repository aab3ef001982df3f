/*
 * Reads a definition: from text or a JSON tree into a draft, by the rows of definition_rows.c, then through
 * the constraints and the rules into a definition. Nothing is kept: any thread.
 */
#include "engine/definition_draft.h"

#include "engine/json.h"

enum {
	READING_MEMORY_MAX = 16 << 20,
	READING_NODES_MAX = 1 << 16,
	READING_NESTING_MAX = 64,
};

/* A whole CloudFormation resource. No member of CreateTable is called Properties. */
static enum ddb_code read_resource(
	struct member_reading *reading, const struct ddb_value *json, struct draft_table *ret)
{
	struct draft_resource resource = {0};
	reading->cloudformation = true;
	enum ddb_code code = members_read(reading, &draft_resource_type, json, &resource);
	if (code)
		return code;
	const struct member_text *type = &resource.type;
	if (!type->bytes || !member_word_find(draft_resource_type.members[0].words, type))
		return ddb_fail(reading->err, DDB_VALIDATION,
			"One or more parameter values were invalid: Type of the resource must be %s",
			draft_resource_type.members[0].words->name);
	*ret = resource.properties;
	return DDB_OK;
}

static enum ddb_code read_table(
	struct member_reading *reading, const struct ddb_value *json, struct draft_table *ret)
{
	static const char properties[] = "Properties";
	if (json->type == DDB_M && ddb_map_get(json, properties, sizeof properties - 1))
		return read_resource(reading, json, ret);
	return members_read(reading, &draft_table_type, json, ret);
}

static enum ddb_code definition_from_draft(
	const struct draft_table *draft, struct ddb_definition **ret, struct ddb_error *err)
{
	enum ddb_code code = members_check(&draft_table_type, draft, err);
	if (code)
		return code;
	struct ddb_definition *definition = ddb_definition_new();
	if (!definition)
		return ddb_fail_memory(err);
	code = draft_accept(draft, definition, err);
	if (code) {
		ddb_definition_unref(definition);
		return code;
	}
	*ret = definition;
	return DDB_OK;
}

static enum ddb_code from_json(
	const struct ddb_value *json, bool service, struct ddb_definition **ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, READING_MEMORY_MAX);
	struct member_reading reading = {.arena = &arena, .service = service, .strings = true, .err = err};
	struct draft_table draft = {0};
	enum ddb_code code = service ? members_read(&reading, &draft_table_type, json, &draft)
				     : read_table(&reading, json, &draft);
	if (code)
		return code;
	return definition_from_draft(&draft, ret, err);
}

enum ddb_code ddb_definition_from_json(
	const struct ddb_value *json, struct ddb_definition **ret, struct ddb_error *err)
{
	return from_json(json, false, ret, err);
}

enum ddb_code ddb_definition_from_request(
	const struct ddb_value *json, struct ddb_definition **ret, struct ddb_error *err)
{
	return from_json(json, true, ret, err);
}

enum ddb_code ddb_definition_read(
	const char *text, size_t length, struct ddb_definition **ret, struct ddb_error *err)
{
	static const struct ddb_json_limits limits = {
		.nesting = READING_NESTING_MAX, .nodes = READING_NODES_MAX, .object_only = true};
	static const char too_large[] =
		"One or more parameter values were invalid: the definition is too large";
	if (length > DDB_DEFINITION_TEXT_MAX)
		return ddb_fail(err, DDB_VALIDATION, too_large);
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, READING_MEMORY_MAX);
	struct ddb_value json;
	enum ddb_code code = ddb_json_read(&arena, &limits, text, length, &json, err);
	if (code == DDB_ITEM_TOO_LARGE)
		return ddb_fail(err, DDB_VALIDATION, too_large);
	if (code)
		return code;
	return ddb_definition_from_json(&json, ret, err);
}
