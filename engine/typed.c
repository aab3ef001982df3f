/*
 * Typed JSON. One row of a table for every type member: what reads it, so that the rules of a type
 * stand in one function. The JSON reader has bounded the tree's nesting, and 32 levels bound the recursion
 * here.
 */
#include "engine/typed.h"
#include "engine/base64.h"
#include "engine/json.h"
#include "engine/jsonout.h"
#include <assert.h>
#include <string.h>

/* An attribute value takes two containers a level, {"L": [, within the outermost object. */
const struct ddb_json_limits ddb_typed_limits = {
	.nesting = 2 * DDB_NESTING_MAX + 1,
	.nodes = 3 * (size_t)DDB_ITEM_SIZE_MAX,
	.object_only = true,
};

#define INVALID "One or more parameter values were invalid: "

struct reading {
	struct ddb_arena *arena;
	struct ddb_error *err;
};

/* ---- Wrong JSON types ---- */

/* How the service names the JSON token that it found. */
static const char *token_name(const struct ddb_value *json)
{
	int64_t integer;
	if (json->type == DDB_S)
		return "STRING_VALUE";
	if (json->type == DDB_BOOL)
		return json->boolean ? "TRUE_VALUE" : "FALSE_VALUE";
	if (json->type == DDB_NULL)
		return "NULL_VALUE";
	return ddb_number_to_int(json->bytes, json->count, &integer) ? "NUMBER_VALUE" : "DECIMAL_VALUE";
}

static enum ddb_code fail_kind(const struct ddb_value *json, const char *wanted, struct ddb_error *err)
{
	if (json->type == DDB_M)
		return ddb_fail(err, DDB_SERIALIZATION, "Start of structure or map found where not expected");
	if (json->type == DDB_L)
		return ddb_fail(err, DDB_SERIALIZATION, "Start of list found where not expected");
	return ddb_fail(err, DDB_SERIALIZATION, "%s cannot be converted to %s", token_name(json), wanted);
}

/* ---- Scalars ---- */

typedef enum ddb_code reader_function(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret);

static enum ddb_code read_string(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	(void)levels;
	if (json->type != DDB_S)
		return fail_kind(json, "String", reading->err);
	*ret = *json;
	return DDB_OK;
}

static enum ddb_code read_number(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	(void)levels;
	if (json->type != DDB_S)
		return fail_kind(json, "String", reading->err);
	struct ddb_number number;
	enum ddb_code code = ddb_number_read((const char *)json->bytes, json->count, &number, reading->err);
	if (code)
		return code;
	struct ddb_value value = ddb_number_value(&number);
	value.bytes = ddb_arena_copy(reading->arena, number.bytes, number.length);
	if (!value.bytes)
		return ddb_fail_memory(reading->err);
	*ret = value;
	return DDB_OK;
}

static enum ddb_code read_binary(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	(void)levels;
	if (json->type != DDB_S)
		return fail_kind(json, "Blob", reading->err);
	uint8_t *bytes = ddb_arena_alloc(reading->arena, json->count / 4 * 3 + 3);
	if (!bytes)
		return ddb_fail_memory(reading->err);
	size_t length;
	if (!ddb_base64_decode((const char *)json->bytes, json->count, false, bytes, &length))
		return ddb_fail(reading->err, DDB_SERIALIZATION, "Invalid base64 content");
	*ret = ddb_binary(bytes, length);
	return DDB_OK;
}

static enum ddb_code read_bool(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	(void)levels;
	if (json->type != DDB_BOOL)
		return fail_kind(json, "Boolean", reading->err);
	*ret = *json;
	return DDB_OK;
}

static enum ddb_code read_null(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	(void)levels;
	if (json->type != DDB_BOOL)
		return fail_kind(json, "Boolean", reading->err);
	if (!json->boolean)
		return ddb_fail(reading->err, DDB_VALIDATION,
			INVALID "Null attribute value types must have the value of true");
	*ret = ddb_null();
	return DDB_OK;
}

/* ---- Containers ---- */

static enum ddb_code read_elements(struct reading *reading, const struct ddb_value *json, enum ddb_type type,
	reader_function *read, unsigned levels, struct ddb_value *ret)
{
	if (json->type != DDB_L)
		return fail_kind(json, "List", reading->err);
	struct ddb_value value = {.type = (uint8_t)type, .count = json->count};
	if (json->count)
		value.elements = ddb_arena_array(reading->arena, json->count, sizeof(*value.elements));
	if (json->count && !value.elements)
		return ddb_fail_memory(reading->err);
	for (uint32_t i = 0; i < json->count; i++) {
		enum ddb_code code = read(reading, &json->elements[i], levels, &value.elements[i]);
		if (code)
			return code;
	}
	*ret = value;
	return DDB_OK;
}

static enum ddb_code read_set(struct reading *reading, const struct ddb_value *json, enum ddb_type type,
	reader_function *read, struct ddb_value *ret)
{
	struct ddb_value set;
	enum ddb_code code = read_elements(reading, json, type, read, 0, &set);
	if (code)
		return code;
	code = ddb_set_sort(&set, reading->err);
	if (code)
		return code;
	*ret = set;
	return DDB_OK;
}

static enum ddb_code read_strings(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	(void)levels;
	return read_set(reading, json, DDB_SS, read_string, ret);
}

static enum ddb_code read_numbers(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	(void)levels;
	return read_set(reading, json, DDB_NS, read_number, ret);
}

static enum ddb_code read_binaries(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	(void)levels;
	return read_set(reading, json, DDB_BS, read_binary, ret);
}

static reader_function read_attribute_value;

static enum ddb_code read_list(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	return read_elements(reading, json, DDB_L, read_attribute_value, levels - 1, ret);
}

static enum ddb_code check_name(const struct ddb_attribute *attribute, struct ddb_error *err)
{
	if (!attribute->name_length)
		return ddb_fail(err, DDB_VALIDATION, INVALID "Attribute name must not be empty");
	if (attribute->name_length > DDB_ATTRIBUTE_NAME_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			INVALID "Attribute name is too large, must be less than 65536 bytes");
	return DDB_OK;
}

/* The JSON reader has sorted the members, and names stay as they are. */
static enum ddb_code read_attributes(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	if (json->type != DDB_M)
		return fail_kind(json, "Map", reading->err);
	struct ddb_value value = {.type = DDB_M, .count = json->count};
	if (json->count)
		value.attributes = ddb_arena_array(reading->arena, json->count, sizeof(*value.attributes));
	if (json->count && !value.attributes)
		return ddb_fail_memory(reading->err);
	for (uint32_t i = 0; i < json->count; i++) {
		const struct ddb_attribute *member = &json->attributes[i];
		value.attributes[i] = *member;
		enum ddb_code code = check_name(member, reading->err);
		if (!code)
			code = read_attribute_value(
				reading, &member->value, levels, &value.attributes[i].value);
		if (code)
			return code;
	}
	*ret = value;
	return DDB_OK;
}

static enum ddb_code read_map(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	return read_attributes(reading, json, levels - 1, ret);
}

/* ---- Attribute values ---- */

static reader_function *const readers[] = {
	[DDB_S] = read_string,
	[DDB_N] = read_number,
	[DDB_B] = read_binary,
	[DDB_BOOL] = read_bool,
	[DDB_NULL] = read_null,
	[DDB_L] = read_list,
	[DDB_M] = read_map,
	[DDB_SS] = read_strings,
	[DDB_NS] = read_numbers,
	[DDB_BS] = read_binaries,
};

/* NULL for a member that names no type. */
static reader_function *find_reader(const struct ddb_attribute *member)
{
	for (enum ddb_type type = DDB_S; type <= DDB_BS; type++) {
		const char *name = ddb_type_name(type);
		if (strlen(name) == member->name_length && !memcmp(name, member->name, member->name_length))
			return readers[type];
	}
	return NULL;
}

/* To the service a member whose value is null is not there. */
static unsigned members_set(const struct ddb_value *json, const struct ddb_attribute **ret)
{
	unsigned count = 0;
	for (uint32_t i = 0; i < json->count; i++) {
		if (json->attributes[i].value.type == DDB_NULL)
			continue;
		*ret = &json->attributes[i];
		count++;
	}
	return count;
}

static enum ddb_code read_attribute_value(
	struct reading *reading, const struct ddb_value *json, unsigned levels, struct ddb_value *ret)
{
	if (!levels)
		return ddb_fail(
			reading->err, DDB_VALIDATION, "Nesting Levels have exceeded supported limits");
	if (json->type != DDB_M)
		return fail_kind(json, "AttributeValue", reading->err);
	const struct ddb_attribute *member = NULL;
	unsigned count = members_set(json, &member);
	if (count > 1)
		return ddb_fail(reading->err, DDB_VALIDATION,
			"Supplied AttributeValue has more than one datatypes set, "
			"must contain exactly one of the supported datatypes");
	reader_function *read = member ? find_reader(member) : NULL;
	if (!read)
		return ddb_fail(reading->err, DDB_VALIDATION,
			"Supplied AttributeValue is empty, must contain exactly one of the supported "
			"datatypes");
	return read(reading, &member->value, levels, ret);
}

enum ddb_code ddb_typed_read_item(
	struct ddb_arena *arena, const struct ddb_value *json, struct ddb_value *ret, struct ddb_error *err)
{
	struct reading reading = {.arena = arena, .err = err};
	return read_attributes(&reading, json, DDB_NESTING_MAX, ret);
}

enum ddb_code ddb_typed_read_value(
	struct ddb_arena *arena, const struct ddb_value *json, struct ddb_value *ret, struct ddb_error *err)
{
	struct reading reading = {.arena = arena, .err = err};
	return read_attribute_value(&reading, json, DDB_NESTING_MAX, ret);
}

/* ---- Writing ---- */

static void write_number(struct ddb_json_out *json, const struct ddb_value *value)
{
	char text[DDB_NUMBER_TEXT_MAX];
	size_t length = ddb_number_write(value->bytes, value->count, text);
	ddb_json_string(json, text, length);
}

static void write_scalar(struct ddb_json_out *json, const struct ddb_value *value)
{
	if (value->type == DDB_N)
		write_number(json, value);
	else if (value->type == DDB_B)
		ddb_json_base64(json, value->bytes, value->count);
	else
		ddb_json_string(json, (const char *)value->bytes, value->count);
}

static void write_elements(struct ddb_json_out *json, const struct ddb_value *value,
	void (*write)(struct ddb_json_out *json, const struct ddb_value *element))
{
	ddb_json_open(json, '[');
	for (uint32_t i = 0; i < value->count; i++)
		write(json, &value->elements[i]);
	ddb_json_close(json, ']');
}

static void write_content(struct ddb_json_out *json, const struct ddb_value *value)
{
	switch ((enum ddb_type)value->type) {
	case DDB_S:
	case DDB_N:
	case DDB_B:
		write_scalar(json, value);
		return;
	case DDB_BOOL:
		ddb_json_raw(json, value->boolean ? "true" : "false");
		return;
	case DDB_NULL:
		ddb_json_raw(json, "true");
		return;
	case DDB_L:
		write_elements(json, value, ddb_typed_write_value);
		return;
	case DDB_M:
		ddb_typed_write_item(json, value);
		return;
	case DDB_SS:
	case DDB_NS:
	case DDB_BS:
		write_elements(json, value, write_scalar);
		return;
	}
}

void ddb_typed_write_value(struct ddb_json_out *json, const struct ddb_value *value)
{
	const char *name = ddb_type_name((enum ddb_type)value->type);
	ddb_json_open(json, '{');
	ddb_json_name(json, name, strlen(name));
	write_content(json, value);
	ddb_json_close(json, '}');
}

void ddb_typed_write_item(struct ddb_json_out *json, const struct ddb_value *item)
{
	ddb_json_open(json, '{');
	for (uint32_t i = 0; i < item->count; i++) {
		ddb_json_name(json, item->attributes[i].name, item->attributes[i].name_length);
		ddb_typed_write_value(json, &item->attributes[i].value);
	}
	ddb_json_close(json, '}');
}
