/*
 * What a document may leave out because its path says it: the key attributes. In a provisional table the
 * path's own text is the key, under a stand-in's name. Nothing is copied but the item's list of attributes.
 * No state; any thread.
 */
#include "mapping/document/document.h"

#include "mapping/name.h"
#include <string.h>

/* Adds an attribute to *item. */
static enum ddb_code add_attribute(struct ddb_arena *arena, const char *name, size_t length,
	const struct ddb_value *value, const struct ddb_value **item, struct ddb_error *err)
{
	const struct ddb_value *with = ddb_map_with(arena, *item, name, length, value);
	if (!with)
		return ddb_fail_memory(err);
	*item = with;
	return DDB_OK;
}

static enum ddb_code fail_missing(const char *name, struct ddb_error *err)
{
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: Missing the key %s in the item", name);
}

static enum ddb_code complete_defined(struct ddb_arena *arena, const struct ddb_key_attribute *key,
	const struct ddb_value *given, const struct ddb_value **item, struct ddb_error *err)
{
	const struct ddb_value *present = ddb_map_get(*item, key->name, key->name_length);
	if (!present && !given)
		return fail_missing(key->name, err);
	if (!present)
		return add_attribute(arena, key->name, key->name_length, given, item, err);
	if (given && !ddb_value_equal(present, given))
		return ddb_fail(err, DDB_VALIDATION,
			"The document's key attribute %s does not agree with its path", key->name);
	return DDB_OK;
}

/* The stand-in that a document's own "pk" or "sk" makes: the name of the file that it would have. */
static enum ddb_code make_stand_in(struct ddb_arena *arena, const struct ddb_value *item,
	const char *shown_name, bool is_file, struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_value *shown = ddb_map_get(item, shown_name, strlen(shown_name));
	char name[MAP_NAME_MAX + 1], text[MAP_NAME_MAX + 1];
	if (!shown)
		return fail_missing(shown_name, err);
	if (shown->type != DDB_S)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: Type mismatch for key %s expected: S "
			"actual: %s",
			shown_name, ddb_type_name((enum ddb_type)shown->type));
	if (!shown->count)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values are not valid. The AttributeValue for a key attribute "
			"cannot contain "
			"an empty string value. Key: %s",
			shown_name);
	map_name_of_key(shown, is_file, name);
	map_name_strip(name, is_file, text);
	const char *copy = ddb_arena_copy(arena, text, strlen(text));
	if (!copy)
		return ddb_fail_memory(err);
	*ret = ddb_string(copy, strlen(text));
	return DDB_OK;
}

struct stand_in {
	const char *name, *shown_name;
	bool is_file; /* names the file, not its directory */
};

static enum ddb_code complete_provisional(struct ddb_arena *arena, const struct stand_in *stand_in,
	const struct ddb_value *given, const struct ddb_value **item, struct ddb_error *err)
{
	struct ddb_value made;
	enum ddb_code code;
	if (!given) {
		code = make_stand_in(arena, *item, stand_in->shown_name, stand_in->is_file, &made, err);
		if (code)
			return code;
	}
	return add_attribute(arena, stand_in->name, strlen(stand_in->name), given ? given : &made, item, err);
}

static enum ddb_code complete_both(struct ddb_arena *arena, const struct ddb_table *table,
	const struct ddb_value *hash, const struct ddb_value *range, const struct ddb_value **item,
	struct ddb_error *err)
{
	enum ddb_code code;
	if (table->provisional == DDB_DEFINED) {
		code = complete_defined(arena, &table->definition->hash, hash, item, err);
		if (code || !table->definition->has_range)
			return code;
		return complete_defined(arena, &table->definition->range, range, item, err);
	}
	bool composite = table->provisional == DDB_PROVISIONAL_COMPOSITE;
	code = complete_provisional(
		arena, &(struct stand_in){DDB_PROVISIONAL_HASH, MAP_SHOWN_HASH, !composite}, hash, item, err);
	if (code || !composite)
		return code;
	return complete_provisional(
		arena, &(struct stand_in){DDB_PROVISIONAL_RANGE, MAP_SHOWN_RANGE, true}, range, item, err);
}

enum ddb_code map_document_complete(struct ddb_arena *arena, const struct ddb_table *table,
	const struct ddb_value *item, const struct ddb_value *hash, const struct ddb_value *range,
	struct ddb_value *ret, struct ddb_error *err)
{
	enum ddb_code code = complete_both(arena, table, hash, range, &item, err);
	if (code)
		return code;
	*ret = *item;
	return DDB_OK;
}
