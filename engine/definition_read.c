/*
 * Reads a definition: from text or a JSON tree into a draft, by the rows of definition_rows.c, then through
 * the constraints and the rules into a definition. Only the JSON's shape is judged here: types
 * (DDB_SERIALIZATION, with the service's texts and the place) and unknown members. A null stands for an
 * absent member, as in the service. Nothing is kept: any thread.
 */
#include "engine/definition_draft.h"
#include "engine/utf8.h"

#include "engine/json.h"

#include <string.h>

enum {
	READING_LIST_MAX = 1000, /* elements of any list: far over every limit of the service */
	READING_MEMORY_MAX = 16 << 20,
	READING_NODES_MAX = 1 << 16,
	READING_NESTING_MAX = 64,
};

struct reading {
	struct ddb_arena *arena;
	struct draft_path path;
	bool cloudformation; /* whose numbers and booleans may be strings */
	struct ddb_error *err;
};

static enum ddb_code wrong_type(
	struct reading *reading, const struct ddb_value *json, const char *wanted, bool scalar)
{
	if (json->type == DDB_M)
		return ddb_fail(reading->err, DDB_SERIALIZATION,
			"Start of structure or map found where not expected (%s)", reading->path.text);
	if (json->type == DDB_L)
		return ddb_fail(reading->err, DDB_SERIALIZATION,
			"Unrecognized collection type class %s%s (%s)",
			scalar ? "java.lang." : "com.amazonaws.dynamodb.v20120810.", wanted,
			reading->path.text);
	if (!scalar)
		return ddb_fail(
			reading->err, DDB_SERIALIZATION, "Unexpected field type (%s)", reading->path.text);
	const char *found = json->type == DDB_N   ? "NUMBER_VALUE"
			    : json->type == DDB_S ? "STRING_VALUE"
			    : json->boolean       ? "TRUE_VALUE"
						  : "FALSE_VALUE";
	return ddb_fail(reading->err, DDB_SERIALIZATION, "%s cannot be converted to %s (%s)", found, wanted,
		reading->path.text);
}

static enum ddb_code read_text(struct reading *reading, const struct ddb_value *json, struct draft_text *ret)
{
	if (json->type != DDB_S)
		return wrong_type(reading, json, "String", true);
	/* Names are C strings from here on. */
	if (json->count && memchr(json->bytes, 0, json->count))
		return ddb_fail(reading->err, DDB_VALIDATION,
			"One or more parameter values were invalid: U+0000 is not allowed in %s",
			reading->path.text);
	*ret = (struct draft_text){json->count ? (const char *)json->bytes : "", json->count};
	return DDB_OK;
}

static enum ddb_code read_integer(
	struct reading *reading, const struct ddb_value *json, struct draft_integer *ret)
{
	struct ddb_number number;
	const uint8_t *bytes = json->bytes;
	size_t length = json->count;
	if (json->type == DDB_S && reading->cloudformation) {
		enum ddb_code code =
			ddb_number_read((const char *)json->bytes, json->count, &number, reading->err);
		if (code)
			return code;
		bytes = number.bytes;
		length = number.length;
	} else if (json->type != DDB_N) {
		return wrong_type(reading, json, "Long", true);
	}
	if (!ddb_number_to_int(bytes, length, &ret->value))
		return ddb_fail(reading->err, DDB_SERIALIZATION,
			"NUMBER_VALUE cannot be converted to Long (%s)", reading->path.text);
	ret->given = true;
	return DDB_OK;
}

static enum ddb_code read_flag(struct reading *reading, const struct ddb_value *json, enum draft_flag *ret)
{
	static const struct draft_word words[] = {{"true", DRAFT_TRUE}, {"false", DRAFT_FALSE}, {NULL, 0}};
	if (json->type == DDB_BOOL) {
		*ret = json->boolean ? DRAFT_TRUE : DRAFT_FALSE;
		return DDB_OK;
	}
	const struct draft_text text = {(const char *)json->bytes, json->count};
	const struct draft_word *word =
		json->type == DDB_S && reading->cloudformation ? draft_word_find(words, &text) : NULL;
	if (!word)
		return wrong_type(reading, json, "Boolean", true);
	*ret = (enum draft_flag)word->value;
	return DDB_OK;
}

static enum ddb_code read_object(
	struct reading *reading, const struct draft_type *type, const struct ddb_value *json, void *ret);

static enum ddb_code read_elements(struct reading *reading, const struct draft_member *row,
	const struct ddb_value *json, char *elements, size_t size)
{
	for (uint32_t i = 0; i < json->count; i++) {
		const struct ddb_value *element = &json->elements[i];
		if (element->type == DDB_NULL)
			continue;
		size_t length = draft_path_push_element(&reading->path, i);
		void *place = elements + i * size;
		enum ddb_code code = row->type ? read_object(reading, row->type, element, place)
					       : read_text(reading, element, place);
		if (code)
			return code;
		draft_path_pop(&reading->path, length);
	}
	return DDB_OK;
}

static enum ddb_code read_list(struct reading *reading, const struct draft_member *row,
	const struct ddb_value *json, struct draft_list *ret)
{
	if (json->type != DDB_L)
		return wrong_type(reading, json, "List", false);
	if (row->refusal && json->count > row->most)
		return ddb_fail(reading->err, DDB_VALIDATION, "One or more parameter values were invalid: %s",
			row->refusal);
	if (json->count > READING_LIST_MAX)
		return ddb_fail(reading->err, DDB_VALIDATION,
			"One or more parameter values were invalid: too many elements in %s",
			reading->path.text);
	ret->given = true;
	ret->count = json->count;
	if (!json->count)
		return DDB_OK;
	size_t size = row->type ? row->type->size : sizeof(struct draft_text);
	ret->elements = ddb_arena_array(reading->arena, json->count, size);
	if (!ret->elements)
		return ddb_fail_memory(reading->err);
	memset(ret->elements, 0, json->count * size);
	return read_elements(reading, row, json, ret->elements, size);
}

static enum ddb_code read_row(
	struct reading *reading, const struct draft_member *row, const struct ddb_value *json, void *place)
{
	switch (row->kind) {
	case DRAFT_TABLE_NAME:
		if (reading->cloudformation && json->type == DDB_M)
			return DDB_OK;
		return read_text(reading, json, place);
	case DRAFT_TEXT:
		return read_text(reading, json, place);
	case DRAFT_INTEGER:
		return read_integer(reading, json, place);
	case DRAFT_FLAG:
		return read_flag(reading, json, place);
	case DRAFT_OBJECT:
		return read_object(reading, row->type, json, place);
	case DRAFT_LIST:
		return read_list(reading, row, json, place);
	case DRAFT_IGNORED:
		return DDB_OK;
	case DRAFT_UNSUPPORTED:
		break;
	}
	return ddb_fail(reading->err, DDB_VALIDATION,
		"One or more parameter values were invalid: %s is not supported: %s", row->name,
		row->refusal);
}

static const struct draft_member *find_row(
	const struct draft_type *type, const struct ddb_attribute *attribute)
{
	for (size_t i = 0; i < type->count; i++) {
		const char *name = type->members[i].name;
		if (strlen(name) == attribute->name_length &&
			!memcmp(name, attribute->name, attribute->name_length))
			return &type->members[i];
	}
	return NULL;
}

static enum ddb_code unknown_member(
	struct reading *reading, const struct draft_type *type, const struct ddb_attribute *attribute)
{
	int length = attribute->name_length < 255 ? (int)attribute->name_length : 255;
	length = (int)ddb_utf8_prefix(attribute->name, (size_t)length);
	const char *path = reading->path.text;
	return ddb_fail(reading->err, DDB_VALIDATION,
		"One or more parameter values were invalid: Unknown member in %s: %.*s%s%s%s", type->name,
		length, attribute->name, *path ? " (" : "", path, *path ? ")" : "");
}

static enum ddb_code read_object(
	struct reading *reading, const struct draft_type *type, const struct ddb_value *json, void *ret)
{
	if (json->type != DDB_M)
		return wrong_type(reading, json, type->name, false);
	*(bool *)ret = true;
	for (uint32_t i = 0; i < json->count; i++) {
		const struct ddb_attribute *attribute = &json->attributes[i];
		const struct draft_member *row = find_row(type, attribute);
		if (!row)
			return unknown_member(reading, type, attribute);
		if (attribute->value.type == DDB_NULL)
			continue;
		size_t length = draft_path_push(&reading->path, row->name);
		enum ddb_code code = read_row(reading, row, &attribute->value, (char *)ret + row->offset);
		if (code)
			return code;
		draft_path_pop(&reading->path, length);
	}
	return DDB_OK;
}

/* A whole CloudFormation resource. No member of CreateTable is called Properties. */
static enum ddb_code read_resource(
	struct reading *reading, const struct ddb_value *json, struct draft_table *ret)
{
	struct draft_resource resource = {0};
	reading->cloudformation = true;
	enum ddb_code code = read_object(reading, &draft_resource_type, json, &resource);
	if (code)
		return code;
	const struct draft_text *type = &resource.type;
	if (!type->bytes || !draft_word_find(draft_resource_type.members[0].words, type))
		return ddb_fail(reading->err, DDB_VALIDATION,
			"One or more parameter values were invalid: Type of the resource must be %s",
			draft_resource_type.members[0].words->name);
	*ret = resource.properties;
	return DDB_OK;
}

static enum ddb_code read_table(
	struct reading *reading, const struct ddb_value *json, struct draft_table *ret)
{
	static const char properties[] = "Properties";
	if (json->type == DDB_M && ddb_map_get(json, properties, sizeof properties - 1))
		return read_resource(reading, json, ret);
	return read_object(reading, &draft_table_type, json, ret);
}

static enum ddb_code definition_from_draft(
	const struct draft_table *draft, struct ddb_definition **ret, struct ddb_error *err)
{
	enum ddb_code code = draft_check(draft, err);
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

enum ddb_code ddb_definition_from_json(
	const struct ddb_value *json, struct ddb_definition **ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, READING_MEMORY_MAX);
	struct reading reading = {.arena = &arena, .err = err};
	struct draft_table draft = {0};
	enum ddb_code code = read_table(&reading, json, &draft);
	if (code)
		return code;
	return definition_from_draft(&draft, ret, err);
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
