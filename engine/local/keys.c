#include "engine/local/keys.h"

#include <assert.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

const char *local_attribute_label(const struct ddb_key_attribute *attribute)
{
	return attribute->name[0] == '\xff' ? attribute->name + 1 : attribute->name;
}

enum ddb_code local_definition(
	const struct ddb_table *table, const struct ddb_definition **ret, struct ddb_error *err)
{
	if (!table->definition)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: The table has no key yet: %s",
			table->name);
	*ret = table->definition;
	return DDB_OK;
}

/* ---- DynamoDB's rules ---- */

static enum ddb_code check_filled(
	const struct ddb_key_attribute *attribute, const struct ddb_value *value, struct ddb_error *err)
{
	if (value->count > 0)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
		"contain an "
		"empty %s value. Key: %s",
		value->type == DDB_B ? "binary" : "string", local_attribute_label(attribute));
}

static enum ddb_code check_size(bool is_range, const struct ddb_value *value, struct ddb_error *err)
{
	if (value->count <= (is_range ? DDB_RANGE_KEY_MAX : DDB_HASH_KEY_MAX))
		return DDB_OK;
	if (is_range)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: "
			"Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: "
		"Size of hashkey has exceeded the maximum size limit of2048 bytes");
}

static enum ddb_code check_content(const struct ddb_key_attribute *attribute, bool is_range,
	const struct ddb_value *value, struct ddb_error *err)
{
	enum ddb_code code = check_filled(attribute, value, err);
	return code ? code : check_size(is_range, value, err);
}

enum ddb_code local_key_value_check(const struct ddb_key_attribute *attribute, bool is_range,
	const struct ddb_value *value, struct ddb_error *err)
{
	if (value->type != attribute->type)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: Condition parameter type does not match "
			"schema "
			"type");
	return check_content(attribute, is_range, value, err);
}

static enum ddb_code item_attribute(const struct ddb_value *item, const struct ddb_key_attribute *attribute,
	struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_value *value = ddb_map_get(item, attribute->name, attribute->name_length);
	if (!value)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: Missing the key %s in the item",
			local_attribute_label(attribute));
	if (value->type != attribute->type)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: Type mismatch for key %s expected: %s "
			"actual: %s",
			local_attribute_label(attribute), ddb_type_name(attribute->type),
			ddb_type_name((enum ddb_type)value->type));
	*ret = *value;
	return DDB_OK;
}

static enum ddb_code map_attribute(const struct ddb_value *map, const struct ddb_key_attribute *attribute,
	struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_value *value = ddb_map_get(map, attribute->name, attribute->name_length);
	if (!value || value->type != attribute->type)
		return ddb_fail(err, DDB_VALIDATION, "The provided key element does not match the schema");
	*ret = *value;
	return DDB_OK;
}

typedef enum ddb_code pick_attribute(const struct ddb_value *map, const struct ddb_key_attribute *attribute,
	struct ddb_value *ret, struct ddb_error *err);

static enum ddb_code key_of(struct store *store, const struct ddb_definition *definition, uint32_t space,
	const struct ddb_value *map, pick_attribute *pick, struct local_key *ret, struct ddb_error *err)
{
	struct ddb_value hash, range = {0};
	enum ddb_code code = pick(map, &definition->hash, &hash, err);
	if (!code && definition->has_range)
		code = pick(map, &definition->range, &range, err);
	if (!code)
		code = check_content(&definition->hash, false, &hash, err);
	if (!code && definition->has_range)
		code = check_content(&definition->range, true, &range, err);
	if (code)
		return code;
	local_key_make(store, space, &hash, definition->has_range ? &range : NULL, ret);
	return DDB_OK;
}

enum ddb_code local_key_of_item(struct store *store, const struct ddb_table *table, uint32_t space,
	const struct ddb_value *item, struct local_key *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition = NULL;
	enum ddb_code code = local_definition(table, &definition, err);
	return code ? code : key_of(store, definition, space, item, item_attribute, ret, err);
}

enum ddb_code local_key_of_map(struct store *store, const struct ddb_table *table, uint32_t space,
	const struct ddb_value *map, struct local_key *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition = NULL;
	enum ddb_code code = local_definition(table, &definition, err);
	if (code)
		return code;
	if (map->type != DDB_M || map->count != (definition->has_range ? 2u : 1u))
		return ddb_fail(err, DDB_VALIDATION, "The provided key element does not match the schema");
	return key_of(store, definition, space, map, map_attribute, ret, err);
}

/* ---- Places ---- */

void local_space_key(enum local_kind kind, uint32_t space, uint8_t ret[LOCAL_SPACE_BYTES])
{
	ret[0] = (uint8_t)kind;
	local_write_be(ret + 1, space, 4);
}

void local_key_make(struct store *store, uint32_t space, const struct ddb_value *hash,
	const struct ddb_value *range, struct local_key *ret)
{
	uint8_t input[4 + 1 + DDB_HASH_KEY_MAX];
	assert(hash->count <= DDB_HASH_KEY_MAX && (!range || range->count <= DDB_RANGE_KEY_MAX));
	local_write_be(input, space, 4);
	input[4] = hash->type;
	memcpy(input + 5, hash->bytes, hash->count);
	local_space_key(LOCAL_ITEM, space, ret->bytes);
	store_hash(store, input, 5 + hash->count, ret->bytes + LOCAL_SPACE_BYTES);
	ret->length = LOCAL_PREFIX_BYTES;
	ret->hash = *hash;
	ret->range = (struct ddb_value){0};
	if (!range)
		return;
	ret->range = *range;
	memcpy(ret->bytes + LOCAL_PREFIX_BYTES, range->bytes, range->count);
	ret->length += range->count;
}

enum ddb_code local_key_value(
	enum ddb_type type, const uint8_t *bytes, size_t length, struct ddb_value *ret, struct ddb_error *err)
{
	if (length == 0 || length > DDB_HASH_KEY_MAX || (type == DDB_N && !ddb_number_valid(bytes, length)))
		return ddb_fail(err, DDB_DAMAGED, "A record's key is damaged");
	*ret = (struct ddb_value){.type = (uint8_t)type, .count = (uint32_t)length, .bytes = bytes};
	return DDB_OK;
}

size_t local_key_after_prefix(const uint8_t *prefix, size_t length, uint8_t *ret)
{
	while (length > 0 && prefix[length - 1] == 0xff)
		length--;
	assert(length > 0);
	memcpy(ret, prefix, length);
	ret[length - 1]++;
	return length;
}

/*
 * The first hash of segment k of n is ceil(k * 2^64 / n): every hash is in exactly one segment, for every n.
 */
size_t local_segment_key(
	uint32_t space, uint32_t segment, uint32_t segments, uint8_t ret[LOCAL_SEGMENT_KEY_BYTES])
{
	uint8_t prefix[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_ITEM, space, prefix);
	if (segment == segments)
		return local_key_after_prefix(prefix, sizeof prefix, ret);
	wide first = (((wide)segment << 64) + segments - 1) / segments;
	memcpy(ret, prefix, sizeof prefix);
	local_write_be(ret + sizeof prefix, (uint64_t)first, 8);
	return LOCAL_SEGMENT_KEY_BYTES;
}
