#include "engine/expr/used.h"
#include "engine/buffer.h"

#include <string.h>

static const struct part {
	char prefix;
	const char *parameter;
} parts[] = {
	[EXPR_SCOPE_NAMES] = {'#', "ExpressionAttributeNames"},
	[EXPR_SCOPE_VALUES] = {':', "ExpressionAttributeValues"},
};

/* ---- The names and values themselves ---- */

static bool is_part(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool well_formed(char prefix, const struct ddb_attribute *attribute)
{
	if (attribute->name_length < 2 || attribute->name[0] != prefix)
		return false;
	for (uint32_t i = 1; i < attribute->name_length; i++) {
		if (!is_part(attribute->name[i]))
			return false;
	}
	return true;
}

static enum ddb_code check_key(
	const struct part *part, const struct ddb_attribute *attribute, struct ddb_error *err)
{
	if (attribute->name_length > DDB_PLACEHOLDER_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"%s contains invalid key: The size of the key has exceeded the maximum allowed size; "
			"key size: %u",
			part->parameter, attribute->name_length);
	if (!well_formed(part->prefix, attribute))
		return ddb_fail(err, DDB_VALIDATION, "%s contains invalid key: Syntax error; key: \"%.*s\"",
			part->parameter, (int)attribute->name_length, attribute->name);
	return DDB_OK;
}

static enum ddb_code check_name(
	const struct part *part, const struct ddb_attribute *attribute, struct ddb_error *err)
{
	const char *what = NULL;
	if (!attribute->value.count)
		what = "Attribute name must not be empty";
	else if (attribute->value.count > DDB_ATTRIBUTE_NAME_MAX)
		what = "Attribute name is too large, must be less than 65536 bytes";
	return what ? ddb_fail(err, DDB_VALIDATION, "%s contains invalid value: %s for key %.*s",
			      part->parameter, what, (int)attribute->name_length, attribute->name)
		    : DDB_OK;
}

static enum ddb_code check_part(
	enum expr_scope_part which, const struct ddb_value *map, size_t *bytes, struct ddb_error *err)
{
	const struct part *part = &parts[which];
	enum ddb_code code = DDB_OK;
	if (!map->count)
		return ddb_fail(err, DDB_VALIDATION, "%s must not be empty", part->parameter);
	for (uint32_t i = 0; i < map->count && !code; i++)
		code = check_key(part, &map->attributes[i], err);
	for (uint32_t i = 0; i < map->count && !code && which == EXPR_SCOPE_NAMES; i++)
		code = check_name(part, &map->attributes[i], err);
	if (code)
		return code;
	*bytes += ddb_item_size(map);
	if (*bytes > DDB_PLACEHOLDER_BYTES_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"%s exceeds the maximum allowed size of all names and values; size: %zu",
			part->parameter, *bytes);
	return DDB_OK;
}

static enum ddb_code make_flags(
	struct ddb_arena *arena, const struct ddb_value *map, bool **ret, struct ddb_error *err)
{
	*ret = NULL;
	if (!map)
		return DDB_OK;
	*ret = ddb_arena_array(arena, map->count, sizeof(**ret));
	if (!*ret)
		return ddb_fail_memory(err);
	memset(*ret, 0, map->count * sizeof(**ret));
	return DDB_OK;
}

enum ddb_code ddb_scope_init(struct ddb_scope *scope, struct ddb_arena *arena, const struct ddb_value *names,
	const struct ddb_value *values, bool literals, struct ddb_error *err)
{
	struct ddb_scope made = {.arena = arena, .names = names, .values = values, .literals = literals};
	size_t bytes = 0;
	enum ddb_code code = names ? check_part(EXPR_SCOPE_NAMES, names, &bytes, err) : DDB_OK;
	if (!code && values)
		code = check_part(EXPR_SCOPE_VALUES, values, &bytes, err);
	if (!code)
		code = make_flags(arena, names, &made.names_used, err);
	if (!code)
		code = make_flags(arena, values, &made.values_used, err);
	if (!code)
		*scope = made;
	return code;
}

/* ---- Use ---- */

const struct ddb_value *expr_scope_use(
	struct ddb_scope *scope, enum expr_scope_part part, const char *name, size_t length)
{
	const struct ddb_value *map = part == EXPR_SCOPE_NAMES ? scope->names : scope->values;
	bool *used = part == EXPR_SCOPE_NAMES ? scope->names_used : scope->values_used;
	const struct ddb_value *value = map ? ddb_map_get(map, name, length) : NULL;
	if (!value)
		return NULL;
	const char *attribute = (const char *)value - offsetof(struct ddb_attribute, value);
	used[(const struct ddb_attribute *)(const void *)attribute - map->attributes] = true;
	return value;
}

static enum ddb_code check_used(
	enum expr_scope_part part, const struct ddb_value *map, const bool *used, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer keys = {0};
	ddb_buffer_init(&keys, DDB_MESSAGE_MAX);
	for (uint32_t i = 0; map && i < map->count; i++) {
		if (used[i])
			continue;
		if (keys.length)
			ddb_buffer_add_string(&keys, ", ");
		ddb_buffer_add(&keys, map->attributes[i].name, map->attributes[i].name_length);
	}
	if (!keys.length && !keys.failed)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION, "Value provided in %s unused in expressions: keys: {%.*s}",
		parts[part].parameter, (int)keys.length, keys.bytes);
}

enum ddb_code ddb_scope_finish(const struct ddb_scope *scope, struct ddb_error *err)
{
	if (!scope->expressions && (scope->names || scope->values))
		return ddb_fail(err, DDB_VALIDATION, "%s can only be specified when using expressions",
			parts[scope->names ? EXPR_SCOPE_NAMES : EXPR_SCOPE_VALUES].parameter);
	enum ddb_code code = check_used(EXPR_SCOPE_NAMES, scope->names, scope->names_used, err);
	return code ? code : check_used(EXPR_SCOPE_VALUES, scope->values, scope->values_used, err);
}
