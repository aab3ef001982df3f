/*
 * The reader: a JSON tree into structs, by rows. Also what rows' users share: words and places. Constraints
 * are members_check.c's.
 */
#include "engine/members.h"
#include "engine/typed.h"
#include "engine/utf8.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { READING_LIST_MAX = 1000 /* elements of any list: far over every limit of the service */ };

#define MODEL "com.amazonaws.dynamodb.v20120810."

/* ---- Words ---- */

const struct member_word *member_word_find(const struct member_word *words, const struct member_text *text)
{
	for (; words->name; words++)
		if (strlen(words->name) == text->length && !memcmp(words->name, text->bytes, text->length))
			return words;
	return NULL;
}

int member_word_value(const struct member_word *words, const struct member_text *text)
{
	return member_word_find(words, text)->value;
}

const char *member_word_name(const struct member_word *words, int value)
{
	while (words->value != value)
		words++;
	return words->name;
}

/* ---- Tables by name or ARN ---- */

struct member_text member_table_name(const struct member_text *text)
{
	/* arn:aws:dynamodb:REGION:ACCOUNT:table/NAME */
	static const char kind[] = "table/";
	const char *at = text->bytes, *end = at + text->length;
	if (text->length < 4 || memcmp(at, "arn:", 4) != 0)
		return *text;
	for (int colons = 0; colons < 5; colons++) {
		at = memchr(at, ':', (size_t)(end - at));
		if (!at)
			return *text;
		at++;
	}
	size_t left = (size_t)(end - at), prefix = sizeof kind - 1;
	if (left < prefix || memcmp(at, kind, prefix) != 0)
		return *text;
	return (struct member_text){at + prefix, (uint32_t)(left - prefix)};
}

/* ---- Places ---- */

static size_t path_add(struct member_path *path, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static size_t path_add(struct member_path *path, const char *format, ...)
{
	size_t before = path->length, room = sizeof path->text - before;
	va_list arguments;
	va_start(arguments, format);
	int added = vsnprintf(path->text + before, room, format, arguments);
	va_end(arguments);
	if (added > 0)
		path->length += (size_t)added < room ? (size_t)added : room - 1;
	return before;
}

/* KMSMasterKeyId is kMSMasterKeyId there. */
size_t member_path_push(struct member_path *path, const char *member)
{
	return path_add(path, "%s%c%s", path->length ? "." : "", tolower((unsigned char)*member), member + 1);
}

size_t member_path_push_element(struct member_path *path, uint32_t index)
{
	return path_add(path, ".%u.member", (unsigned)index + 1);
}

size_t member_path_push_key(struct member_path *path, const struct member_text *key)
{
	return path_add(path, ".%.*s.member", (int)key->length, key->bytes);
}

void member_path_pop(struct member_path *path, size_t length)
{
	path->length = length;
	path->text[length] = '\0';
}

/* ---- Wrong types ---- */

/* A refusal with the place that it is about, where the service would not rather say nothing of that. */
static enum ddb_code fail_here(
	struct member_reading *reading, enum ddb_code code, const char *before, const char *after)
{
	bool placed = !reading->service && reading->path.length;
	return ddb_fail(reading->err, code, "%s%s%s%s%s", before, after, placed ? " (" : "",
		placed ? reading->path.text : "", placed ? ")" : "");
}

static enum ddb_code not_scalar(
	struct member_reading *reading, const struct ddb_value *json, const char *wanted)
{
	const char *found = json->type == DDB_N      ? "NUMBER_VALUE cannot be converted to "
			    : json->type == DDB_S    ? "STRING_VALUE cannot be converted to "
			    : json->type == DDB_NULL ? "NULL_VALUE cannot be converted to "
			    : json->boolean          ? "TRUE_VALUE cannot be converted to "
						     : "FALSE_VALUE cannot be converted to ";
	if (json->type == DDB_M)
		return fail_here(
			reading, DDB_SERIALIZATION, "Start of structure or map found where not expected", "");
	if (json->type == DDB_L)
		return fail_here(
			reading, DDB_SERIALIZATION, "Unrecognized collection type class java.lang.", wanted);
	return fail_here(reading, DDB_SERIALIZATION, found, wanted);
}

/* Where a list, an object or (with NULL) another map was wanted. */
static enum ddb_code not_collection(
	struct member_reading *reading, const struct ddb_value *json, const char *wanted)
{
	if (json->type == DDB_M)
		return not_scalar(reading, json, "");
	if (json->type == DDB_L && wanted)
		return fail_here(
			reading, DDB_SERIALIZATION, "Unrecognized collection type class " MODEL, wanted);
	if (json->type == DDB_L)
		return fail_here(reading, DDB_SERIALIZATION,
			"Unrecognized collection type java.util.Map<java.lang.String, " MODEL
			"AttributeValue>",
			"");
	return fail_here(reading, DDB_SERIALIZATION, "Unexpected field type", "");
}

/* ---- Scalars ---- */

static enum ddb_code read_text(
	struct member_reading *reading, const struct ddb_value *json, struct member_text *ret)
{
	if (json->type != DDB_S)
		return not_scalar(reading, json, "String");
	if (reading->strings && json->count && memchr(json->bytes, 0, json->count))
		return ddb_fail(reading->err, DDB_VALIDATION,
			"One or more parameter values were invalid: U+0000 is not allowed in %s",
			reading->path.text);
	*ret = (struct member_text){json->count ? (const char *)json->bytes : "", json->count};
	return DDB_OK;
}

static enum ddb_code read_integer(struct member_reading *reading, const struct ddb_value *json,
	const char *wanted, int64_t most, struct member_integer *ret)
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
		return not_scalar(reading, json, wanted);
	}
	if (!ddb_number_to_int(bytes, length, &ret->value) || ret->value > most || ret->value < -most)
		return not_scalar(reading, &(struct ddb_value){.type = DDB_N}, wanted);
	ret->given = true;
	return DDB_OK;
}

static enum ddb_code read_flag(
	struct member_reading *reading, const struct ddb_value *json, enum member_flag *ret)
{
	static const struct member_word words[] = {{"true", MEMBER_TRUE}, {"false", MEMBER_FALSE}, {NULL, 0}};
	if (json->type == DDB_BOOL) {
		*ret = json->boolean ? MEMBER_TRUE : MEMBER_FALSE;
		return DDB_OK;
	}
	const struct member_text text = {(const char *)json->bytes, json->count};
	const struct member_word *word =
		json->type == DDB_S && reading->cloudformation ? member_word_find(words, &text) : NULL;
	if (!word)
		return not_scalar(reading, json, "Boolean");
	*ret = (enum member_flag)word->value;
	return DDB_OK;
}

/* ---- Typed values ---- */

/* A rule of the model is broken; other refusals are the reading's. */
static enum ddb_code note_broken(struct member_reading *reading, const struct ddb_error *err,
	const char *before, const struct ddb_attribute *of)
{
	if (err->code == DDB_SERIALIZATION || err->code == DDB_NO_MEMORY)
		return fail_here(reading, err->code, err->message, "");
	if (reading->broken.code)
		return DDB_OK;
	ddb_fail(&reading->broken, err->code, "%s%s%s%.*s", before ? before : "", err->message,
		of ? " for key " : "", of ? (int)of->name_length : 0, of ? of->name : "");
	return DDB_OK;
}

static enum ddb_code read_item(struct member_reading *reading, const struct member_row *row,
	const struct ddb_value *json, struct member_value *ret)
{
	struct ddb_error err;
	if (json->type != DDB_M)
		return not_collection(reading, json, NULL);
	*ret = (struct member_value){.given = true, .value = {.type = DDB_M}};
	if (!ddb_typed_read_item(reading->arena, json, &ret->value, &err))
		return DDB_OK;
	return note_broken(reading, &err, row->refusal, NULL);
}

static enum ddb_code read_values(struct member_reading *reading, const struct member_row *row,
	const struct ddb_value *json, struct member_value *ret)
{
	struct ddb_error err;
	if (json->type != DDB_M)
		return not_collection(reading, json, NULL);
	struct ddb_attribute *values =
		ddb_arena_array(reading->arena, (size_t)json->count + 1, sizeof *values);
	if (!values)
		return ddb_fail_memory(reading->err);
	enum ddb_code code = DDB_OK;
	for (uint32_t i = 0; !code && i < json->count; i++) {
		const struct ddb_value *value = &json->attributes[i].value;
		values[i] = json->attributes[i];
		values[i].value = ddb_null();
		if (ddb_typed_read_value(reading->arena, value, &values[i].value, &err))
			code = note_broken(reading, &err, row->refusal, &json->attributes[i]);
	}
	*ret = (struct member_value){
		.given = true, .value = {.type = DDB_M, .count = json->count, .attributes = values}};
	return code;
}

static enum ddb_code read_names(
	struct member_reading *reading, const struct ddb_value *json, struct member_value *ret)
{
	if (json->type != DDB_M)
		return not_collection(reading, json, NULL);
	for (uint32_t i = 0; i < json->count; i++)
		if (json->attributes[i].value.type != DDB_S)
			return not_scalar(reading, &json->attributes[i].value, "String");
	*ret = (struct member_value){.given = true, .value = *json};
	return DDB_OK;
}

/* ---- Collections ---- */

static enum ddb_code read_row(struct member_reading *reading, const struct member_row *row,
	const struct ddb_value *json, void *place);

static size_t row_size(const struct member_row *row)
{
	switch (row->kind) {
	case MEMBER_OBJECT:
		return row->type->size;
	case MEMBER_LIST:
		return sizeof(struct member_list);
	case MEMBER_MAP:
		return sizeof(struct member_map);
	case MEMBER_ITEM:
	case MEMBER_VALUES:
	case MEMBER_NAMES:
		return sizeof(struct member_value);
	case MEMBER_INTEGER:
	case MEMBER_LONG:
		return sizeof(struct member_integer);
	case MEMBER_FLAG:
		return sizeof(enum member_flag);
	case MEMBER_TEXT:
	case MEMBER_REFERENCE:
	case MEMBER_JSON:
	case MEMBER_IGNORED:
	case MEMBER_UNSUPPORTED:
		break;
	}
	return sizeof(struct member_text);
}

static size_t element_size(const struct member_row *row)
{
	return row->type ? row->type->size : row_size(row->element);
}

static enum ddb_code read_element(struct member_reading *reading, const struct member_row *row,
	const struct ddb_value *json, void *place)
{
	if (json->type == DDB_NULL)
		return DDB_OK;
	return row->type ? members_read(reading, row->type, json, place)
			 : read_row(reading, row->element, json, place);
}

/* Zeroed room for the elements; NULL: no memory, or none. */
static enum ddb_code make_room(
	struct member_reading *reading, const struct member_row *row, uint32_t count, void **ret)
{
	if (!count)
		return DDB_OK;
	if (count > READING_LIST_MAX)
		return ddb_fail(reading->err, DDB_VALIDATION,
			"One or more parameter values were invalid: too many elements in %s",
			reading->path.text);
	void *room = ddb_arena_array(reading->arena, count, element_size(row));
	if (!room)
		return ddb_fail_memory(reading->err);
	memset(room, 0, count * element_size(row));
	*ret = room;
	return DDB_OK;
}

static enum ddb_code read_list(struct member_reading *reading, const struct member_row *row,
	const struct ddb_value *json, struct member_list *ret)
{
	if (json->type != DDB_L)
		return not_collection(reading, json, NULL);
	if (row->refusal && json->count > row->most)
		return ddb_fail(reading->err, DDB_VALIDATION, "One or more parameter values were invalid: %s",
			row->refusal);
	enum ddb_code code = make_room(reading, row, json->count, &ret->elements);
	for (uint32_t i = 0; !code && i < json->count; i++) {
		size_t length = member_path_push_element(&reading->path, i);
		code = read_element(
			reading, row, &json->elements[i], (char *)ret->elements + i * element_size(row));
		member_path_pop(&reading->path, length);
	}
	ret->given = true;
	ret->count = json->count;
	return code;
}

static enum ddb_code read_map(struct member_reading *reading, const struct member_row *row,
	const struct ddb_value *json, struct member_map *ret)
{
	if (json->type != DDB_M)
		return not_collection(reading, json, NULL);
	struct member_text *keys = ddb_arena_array(reading->arena, (size_t)json->count + 1, sizeof *keys);
	if (!keys)
		return ddb_fail_memory(reading->err);
	enum ddb_code code = make_room(reading, row, json->count, &ret->elements);
	for (uint32_t i = 0; !code && i < json->count; i++) {
		const struct ddb_attribute *member = &json->attributes[i];
		keys[i] = (struct member_text){member->name_length ? member->name : "", member->name_length};
		size_t length = member_path_push_key(&reading->path, &keys[i]);
		code = read_element(
			reading, row, &member->value, (char *)ret->elements + i * element_size(row));
		member_path_pop(&reading->path, length);
	}
	ret->given = true;
	ret->count = json->count;
	ret->keys = keys;
	return code;
}

/* ---- Objects ---- */

static enum ddb_code read_row(struct member_reading *reading, const struct member_row *row,
	const struct ddb_value *json, void *place)
{
	switch (row->kind) {
	case MEMBER_REFERENCE:
		if (reading->cloudformation && json->type == DDB_M)
			return DDB_OK;
		return read_text(reading, json, place);
	case MEMBER_TEXT:
		return read_text(reading, json, place);
	case MEMBER_INTEGER:
		return read_integer(reading, json, "Integer", INT32_MAX, place);
	case MEMBER_LONG:
		return read_integer(reading, json, "Long", INT64_MAX, place);
	case MEMBER_FLAG:
		return read_flag(reading, json, place);
	case MEMBER_OBJECT:
		return members_read(reading, row->type, json, place);
	case MEMBER_LIST:
		return read_list(reading, row, json, place);
	case MEMBER_MAP:
		return read_map(reading, row, json, place);
	case MEMBER_ITEM:
		return read_item(reading, row, json, place);
	case MEMBER_VALUES:
		return read_values(reading, row, json, place);
	case MEMBER_NAMES:
		return read_names(reading, json, place);
	case MEMBER_JSON:
		if (json->type != DDB_M)
			return not_collection(reading, json, NULL);
		*(const struct ddb_value **)place = json;
		return DDB_OK;
	case MEMBER_IGNORED:
		return DDB_OK;
	case MEMBER_UNSUPPORTED:
		break;
	}
	return ddb_fail(reading->err, DDB_VALIDATION,
		"One or more parameter values were invalid: %s is not supported: %s", row->name,
		row->refusal);
}

static const struct member_row *find_row(
	const struct member_type *type, const struct ddb_attribute *attribute)
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
	struct member_reading *reading, const struct member_type *type, const struct ddb_attribute *attribute)
{
	int length = attribute->name_length < 255 ? (int)attribute->name_length : 255;
	length = (int)ddb_utf8_prefix(attribute->name, (size_t)length);
	const char *path = reading->path.text;
	return ddb_fail(reading->err, DDB_VALIDATION,
		"One or more parameter values were invalid: Unknown member in %s: %.*s%s%s%s", type->name,
		length, attribute->name, *path ? " (" : "", path, *path ? ")" : "");
}

enum ddb_code members_read(struct member_reading *reading, const struct member_type *type,
	const struct ddb_value *json, void *ret)
{
	if (json->type != DDB_M)
		return not_collection(reading, json, type->name);
	*(bool *)ret = true;
	for (uint32_t i = 0; i < json->count; i++) {
		const struct ddb_attribute *attribute = &json->attributes[i];
		const struct member_row *row = find_row(type, attribute);
		if (!row && reading->service)
			continue;
		if (!row)
			return unknown_member(reading, type, attribute);
		if (attribute->value.type == DDB_NULL)
			continue;
		size_t length = member_path_push(&reading->path, row->name);
		enum ddb_code code = read_row(reading, row, &attribute->value, (char *)ret + row->offset);
		if (code)
			return code;
		member_path_pop(&reading->path, length);
	}
	return DDB_OK;
}
