#include "engine/local/index/entry.h"

#include "engine/local/partition.h"
#include "engine/record.h"
#include <assert.h>
#include <string.h>

enum { PART_HEAD = 1 + 4 }; /* type and length, before each part of what is hashed */

/* ---- DynamoDB's rules ---- */

static enum ddb_code check_part(const struct ddb_index_definition *index,
	const struct ddb_key_attribute *attribute, const struct ddb_value *value, struct ddb_error *err)
{
	if (value->type != attribute->type)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: "
			"Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s",
			attribute->name, ddb_type_name(attribute->type),
			ddb_type_name((enum ddb_type)value->type), index->name);
	if (value->count == 0)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values are not valid. "
			"A value specified for a secondary index key is not supported. "
			"The AttributeValue for a key attribute cannot contain an empty %s value. "
			"IndexName: %s, IndexKey: %s",
			value->type == DDB_B ? "binary" : "string", index->name, attribute->name);
	return DDB_OK;
}

static enum ddb_code check_sizes(size_t hash_bytes, size_t range_bytes, struct ddb_error *err)
{
	if (hash_bytes > DDB_HASH_KEY_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: "
			"Size of hashkey has exceeded the maximum size limit of2048 bytes");
	if (range_bytes > DDB_RANGE_KEY_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: "
			"Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
	return DDB_OK;
}

/* The parts of one kind that an item has; *ret_bytes their size, *ret_indexed false when one is missing. */
static enum ddb_code take_parts(const struct ddb_index_definition *index,
	const struct ddb_key_attribute *attributes, unsigned count, const struct ddb_value *item,
	struct ddb_value *ret, size_t *ret_bytes, bool *ret_indexed, struct ddb_error *err)
{
	*ret_bytes = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct ddb_value *value =
			ddb_map_get(item, attributes[i].name, attributes[i].name_length);
		if (!value) {
			*ret_indexed = false;
			continue;
		}
		enum ddb_code code = check_part(index, &attributes[i], value, err);
		if (code)
			return code;
		*ret_bytes += value->count;
		ret[i] = *value;
	}
	return DDB_OK;
}

enum ddb_code local_index_values(const struct ddb_index_definition *index, const struct ddb_value *item,
	struct local_index_values *ret, bool *ret_indexed, struct ddb_error *err)
{
	size_t hash_bytes, range_bytes;
	*ret_indexed = true;
	enum ddb_code code = take_parts(
		index, index->hash, index->hash_count, item, ret->hash, &hash_bytes, ret_indexed, err);
	if (!code)
		code = take_parts(index, index->range, index->range_count, item, ret->range, &range_bytes,
			ret_indexed, err);
	return code ? code : check_sizes(hash_bytes, range_bytes, err);
}

struct ddb_value local_index_partition(
	const struct ddb_index_definition *index, struct local_index_values *values)
{
	if (index->hash_count == 1)
		return values->hash[0];
	return (struct ddb_value){.type = DDB_L, .count = index->hash_count, .elements = values->hash};
}

enum ddb_code local_index_partition_values(const struct ddb_index_definition *index,
	const struct ddb_value *partition, struct local_index_values *ret, struct ddb_error *err)
{
	const struct ddb_value *parts = index->hash_count == 1 ? partition : partition->elements;
	size_t bytes = 0;
	if (index->hash_count > 1 && (partition->type != DDB_L || partition->count != index->hash_count))
		return ddb_fail(err, DDB_VALIDATION, "The provided key element does not match the schema");
	for (unsigned i = 0; i < index->hash_count; i++) {
		enum ddb_code code = local_key_value_check(&index->hash[i], false, &parts[i], err);
		if (code)
			return code;
		bytes += parts[i].count;
		ret->hash[i] = parts[i];
	}
	return check_sizes(bytes, 0, err);
}

/* ---- Places ---- */

void local_entry_prefix(struct store *store, const struct ddb_index_definition *index, uint32_t space,
	const struct local_index_values *values, uint8_t ret[LOCAL_PREFIX_BYTES])
{
	uint8_t input[4 + DDB_INDEX_KEY_PARTS_MAX * PART_HEAD + DDB_HASH_KEY_MAX];
	uint8_t *end = local_write_be(input, space, 4);
	for (unsigned i = 0; i < index->hash_count; i++) {
		const struct ddb_value *value = &values->hash[i];
		assert(value->count <= (size_t)(input + sizeof input - end) - PART_HEAD);
		*end++ = value->type;
		end = local_write_be(end, value->count, 4);
		memcpy(end, value->bytes, value->count);
		end += value->count;
	}
	local_space_key(LOCAL_ENTRY, space, ret);
	store_hash(store, input, (size_t)(end - input), ret + LOCAL_SPACE_BYTES);
}

uint8_t *local_sort_encode(uint8_t *to, const struct ddb_value *value, bool ended)
{
	for (uint32_t i = 0; i < value->count; i++) {
		*to++ = value->bytes[i];
		if (value->bytes[i] == 0)
			*to++ = 0xff;
	}
	if (ended) {
		*to++ = 0;
		*to++ = 0;
	}
	return to;
}

void local_entry_key_make(struct store *store, const struct ddb_index_definition *index, uint32_t space,
	const struct local_index_values *values, const struct local_key *item, struct local_entry_key *ret)
{
	size_t tail = item->length - LOCAL_SPACE_BYTES;
	local_entry_prefix(store, index, space, values, ret->bytes);
	uint8_t *end = ret->bytes + LOCAL_PREFIX_BYTES;
	for (unsigned i = 0; i < index->range_count; i++)
		end = local_sort_encode(end, &values->range[i], true);
	memcpy(end, item->bytes + LOCAL_SPACE_BYTES, tail);
	ret->length = (size_t)(end - ret->bytes) + tail;
}

/* ---- Ranges ---- */

static enum ddb_code check_sort(const struct ddb_index_definition *index, unsigned position,
	const struct ddb_value *value, size_t *bytes, struct ddb_error *err)
{
	if (position >= index->range_count)
		return ddb_fail(err, DDB_VALIDATION, "Query key condition not supported");
	*bytes += value->count;
	return local_key_value_check(&index->range[position], true, value, err);
}

static enum ddb_code check_range(
	const struct ddb_index_definition *index, const struct ddb_key_range *range, struct ddb_error *err)
{
	size_t prefix = 0, lower = 0, upper = 0, begin = 0;
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; !code && i < range->prefix_count; i++)
		code = check_sort(index, i, &range->prefix[i], &prefix, err);
	if (!code && range->lower.given)
		code = check_sort(index, range->prefix_count, &range->lower.value, &lower, err);
	if (!code && range->upper.given)
		code = check_sort(index, range->prefix_count, &range->upper.value, &upper, err);
	if (!code && range->has_begins_with)
		code = check_sort(index, range->prefix_count, &range->begins_with, &begin, err);
	size_t most = lower > upper ? lower : upper;
	return code ? code : check_sizes(0, prefix + (most > begin ? most : begin), err);
}

static void key_behind_prefix(const uint8_t *prefix, size_t length, struct local_entry_key *ret)
{
	ret->length = local_key_after_prefix(prefix, length, ret->bytes);
}

/* The bound's place behind `base`: before what has its value, or behind it. */
static void bound_key(const struct local_entry_key *base, const struct ddb_value *value, bool behind,
	struct local_entry_key *ret)
{
	struct local_entry_key place = *base;
	place.length = (size_t)(local_sort_encode(place.bytes + place.length, value, true) - place.bytes);
	if (behind)
		key_behind_prefix(place.bytes, place.length, ret);
	else
		*ret = place;
}

static void later(struct local_entry_key *from, const struct local_entry_key *other)
{
	size_t shorter = from->length < other->length ? from->length : other->length;
	int order = memcmp(from->bytes, other->bytes, shorter);
	if (order < 0 || (order == 0 && from->length < other->length))
		*from = *other;
}

static void earlier(struct local_entry_key *to, const struct local_entry_key *other)
{
	size_t shorter = to->length < other->length ? to->length : other->length;
	int order = memcmp(to->bytes, other->bytes, shorter);
	if (order > 0 || (order == 0 && to->length > other->length))
		*to = *other;
}

/* Bounds and begins_with, within what has the same prefix. */
static void narrow(
	const struct ddb_key_range *range, const struct local_entry_key *base, struct local_entry_range *ret)
{
	struct local_entry_key place;
	if (range->lower.given) {
		bound_key(base, &range->lower.value, !range->lower.inclusive, &place);
		later(&ret->from, &place);
	}
	if (range->upper.given) {
		bound_key(base, &range->upper.value, range->upper.inclusive, &place);
		earlier(&ret->to, &place);
	}
	if (range->has_begins_with) {
		struct local_entry_key begin = *base;
		begin.length =
			(size_t)(local_sort_encode(begin.bytes + begin.length, &range->begins_with, false) -
				 begin.bytes);
		later(&ret->from, &begin);
		key_behind_prefix(begin.bytes, begin.length, &place);
		earlier(&ret->to, &place);
	}
}

enum ddb_code local_entry_range(struct store *store, const struct ddb_index_definition *index, uint32_t space,
	const struct ddb_key_range *range, struct local_entry_range *ret, struct ddb_error *err)
{
	struct local_index_values values;
	struct local_entry_key base;
	enum ddb_code code = local_index_partition_values(index, &range->partition, &values, err);
	if (!code)
		code = check_range(index, range, err);
	if (code)
		return code;
	local_entry_prefix(store, index, space, &values, base.bytes);
	uint8_t *end = base.bytes + LOCAL_PREFIX_BYTES;
	for (unsigned i = 0; i < range->prefix_count; i++)
		end = local_sort_encode(end, &range->prefix[i], true);
	base.length = (size_t)(end - base.bytes);
	ret->from = base;
	if (base.length == LOCAL_PREFIX_BYTES)
		ret->from.bytes[ret->from.length++] = 0; /* behind the header */
	key_behind_prefix(base.bytes, base.length, &ret->to);
	narrow(range, &base, ret);
	return DDB_OK;
}

void local_entry_segment(uint32_t space, uint32_t segment, uint32_t segments, struct local_entry_range *ret)
{
	ret->from.length = local_segment_key(space, segment, segments, ret->from.bytes);
	ret->to.length = local_segment_key(space, segment + 1, segments, ret->to.bytes);
	ret->from.bytes[0] = ret->to.bytes[0] = LOCAL_ENTRY;
}

/* ---- Keys as maps ---- */

struct key_names {
	unsigned count;
	const struct ddb_key_attribute *attributes[2 + 2 * DDB_INDEX_KEY_PARTS_MAX];
};

static void add_name(struct key_names *names, const struct ddb_key_attribute *attribute)
{
	for (unsigned i = 0; i < names->count; i++)
		if (strcmp(names->attributes[i]->name, attribute->name) == 0)
			return;
	names->attributes[names->count++] = attribute;
}

/* The distinct key attributes of table and index (or NULL). */
static void collect_names(const struct ddb_definition *definition, const struct ddb_index_definition *index,
	struct key_names *ret)
{
	ret->count = 0;
	add_name(ret, &definition->hash);
	if (definition->has_range)
		add_name(ret, &definition->range);
	if (!index)
		return;
	for (unsigned i = 0; i < index->hash_count; i++)
		add_name(ret, &index->hash[i]);
	for (unsigned i = 0; i < index->range_count; i++)
		add_name(ret, &index->range[i]);
}

static enum ddb_code mismatch(struct ddb_error *err)
{
	return ddb_fail(err, DDB_VALIDATION, "The provided key element does not match the schema");
}

enum ddb_code local_entry_key_of_map(struct store *store, const struct local_table *table, unsigned position,
	const struct ddb_value *map, struct local_entry_key *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition = table->table->definition;
	const struct ddb_index_definition *index = &definition->indexes[position];
	struct local_index_values values;
	struct local_key item;
	struct key_names names;
	bool indexed;
	collect_names(definition, index, &names);
	if (map->type != DDB_M || map->count != names.count)
		return mismatch(err);
	for (unsigned i = 0; i < names.count; i++) {
		const struct ddb_value *value =
			ddb_map_get(map, names.attributes[i]->name, names.attributes[i]->name_length);
		if (!value || value->type != names.attributes[i]->type)
			return mismatch(err);
	}
	enum ddb_code code = local_key_of_item(store, table->table, table->space, map, &item, err);
	if (!code)
		code = local_index_values(index, map, &values, &indexed, err);
	if (!code)
		local_entry_key_make(store, index, table->indexes[position].space, &values, &item, ret);
	return code;
}

static enum ddb_code sorted_map(
	struct ddb_attribute *attributes, unsigned count, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value map = {.type = DDB_M, .count = count, .attributes = attributes};
	enum ddb_code code = ddb_map_sort(&map, err);
	if (!code)
		*ret = map;
	return code;
}

enum ddb_code local_entry_key_map(struct ddb_arena *arena, const struct local_table *table,
	const struct ddb_index_definition *index, const struct ddb_value *item, struct ddb_value *ret,
	struct ddb_error *err)
{
	struct key_names names;
	collect_names(table->table->definition, index, &names);
	struct ddb_attribute *attributes = ddb_arena_array(arena, names.count, sizeof *attributes);
	if (!attributes)
		return ddb_fail_memory(err);
	for (unsigned i = 0; i < names.count; i++) {
		const struct ddb_key_attribute *attribute = names.attributes[i];
		const struct ddb_value *value = ddb_map_get(item, attribute->name, attribute->name_length);
		char *name = ddb_arena_copy(arena, attribute->name, attribute->name_length);
		if (!name)
			return ddb_fail_memory(err);
		if (!value)
			return local_damaged(err, "body of an index entry");
		attributes[i] = (struct ddb_attribute){
			.name = name, .name_length = attribute->name_length, .value = *value};
	}
	return sorted_map(attributes, names.count, ret, err);
}

/* ---- Back from records ---- */

/* Passes over one part. `ret` (or NULL) gets its bytes, decoded; NULL comes back for what is no part. */
static const uint8_t *sort_decode(const uint8_t *from, const uint8_t *end, uint8_t *ret, size_t *ret_length)
{
	size_t length = 0;
	for (; from + 1 < end; from++) {
		if (from[0] == 0 && from[1] == 0) {
			*ret_length = length;
			return from + 2;
		}
		if (from[0] == 0 && from[1] != 0xff)
			return NULL;
		if (length == DDB_RANGE_KEY_MAX)
			return NULL;
		if (ret)
			ret[length] = *from;
		length++;
		from += from[0] == 0;
	}
	return NULL;
}

/* The tail: behind all sort parts. */
static enum ddb_code find_tail(const struct local_table *table, const struct ddb_index_definition *index,
	const uint8_t *key, size_t length, const uint8_t **ret, size_t *ret_length, struct ddb_error *err)
{
	const uint8_t *end = key + length,
		      *at = length > LOCAL_PREFIX_BYTES ? key + LOCAL_PREFIX_BYTES : NULL;
	size_t part;
	for (unsigned i = 0; at && i < index->range_count; i++)
		at = sort_decode(at, end, NULL, &part);
	size_t tail = at ? (size_t)(end - at) : 0;
	bool composite = local_is_composite(table->table);
	if (tail < STORE_HASH_BYTES || tail > LOCAL_TAIL_MAX || composite == (tail == STORE_HASH_BYTES))
		return local_damaged(err, "key of an index entry");
	*ret = at;
	*ret_length = tail;
	return DDB_OK;
}

enum ddb_code local_entry_item(const struct local_table *table, unsigned position, const uint8_t *key,
	size_t length, struct local_key *ret, struct ddb_error *err)
{
	const uint8_t *tail = NULL;
	size_t tail_length = 0;
	enum ddb_code code = find_tail(
		table, &table->table->definition->indexes[position], key, length, &tail, &tail_length, err);
	if (code)
		return code;
	local_space_key(LOCAL_ITEM, table->space, ret->bytes);
	memcpy(ret->bytes + LOCAL_SPACE_BYTES, tail, tail_length);
	ret->length = LOCAL_SPACE_BYTES + tail_length;
	return DDB_OK;
}

/* Names and values of a key as they come together. */
struct key_reading {
	struct ddb_arena *arena;
	unsigned count;
	struct ddb_attribute attributes[2 + 2 * DDB_INDEX_KEY_PARTS_MAX];
};

/* An attribute that is already there stays: table and index may share some. */
static enum ddb_code read_value(struct key_reading *reading, const struct ddb_key_attribute *attribute,
	const uint8_t *bytes, size_t length, struct ddb_error *err)
{
	struct ddb_attribute *to = &reading->attributes[reading->count];
	for (unsigned i = 0; i < reading->count; i++)
		if (reading->attributes[i].name_length == attribute->name_length &&
			memcmp(reading->attributes[i].name, attribute->name, attribute->name_length) == 0)
			return DDB_OK;
	enum ddb_code code = local_key_value(attribute->type, bytes, length, &to->value, err);
	if (code)
		return code;
	to->name = ddb_arena_copy(reading->arena, attribute->name, attribute->name_length);
	to->name_length = attribute->name_length;
	to->value.bytes = ddb_arena_copy(reading->arena, bytes, length);
	if (!to->name || !to->value.bytes)
		return ddb_fail_memory(err);
	reading->count++;
	return DDB_OK;
}

static enum ddb_code read_partition(struct key_reading *reading, const struct ddb_index_definition *index,
	const struct ddb_value *partition, struct ddb_error *err)
{
	const struct ddb_value *parts = index->hash_count == 1 ? partition : partition->elements;
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; !code && i < index->hash_count; i++)
		code = read_value(reading, &index->hash[i], parts[i].bytes, parts[i].count, err);
	return code;
}

static enum ddb_code read_sort_parts(struct key_reading *reading, const struct ddb_index_definition *index,
	const uint8_t *from, const uint8_t *end, struct ddb_error *err)
{
	uint8_t bytes[DDB_RANGE_KEY_MAX];
	size_t length = 0;
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; !code && i < index->range_count; i++) {
		from = sort_decode(from, end, bytes, &length); /* the tail was found behind all parts */
		code = read_value(reading, &index->range[i], bytes, length, err);
	}
	return code;
}

/* The item's partition key: in the partition's values (of a local index), or the copy. */
static bool hash_known(const struct ddb_definition *definition, const struct ddb_index_definition *index,
	const uint8_t *copy)
{
	for (unsigned i = 0; i < index->hash_count; i++)
		if (strcmp(index->hash[i].name, definition->hash.name) == 0)
			return true;
	for (unsigned i = 0; i < index->range_count; i++)
		if (strcmp(index->range[i].name, definition->hash.name) == 0)
			return true;
	return copy != NULL;
}

enum ddb_code local_entry_key_read(struct ddb_arena *arena, const struct local_table *table,
	unsigned position, const struct ddb_value *partition, const uint8_t *key, size_t key_length,
	const uint8_t *copy, size_t copy_length, struct ddb_value *ret, bool *ret_known,
	struct ddb_error *err)
{
	const struct ddb_definition *definition = table->table->definition;
	const struct ddb_index_definition *index = &definition->indexes[position];
	struct key_reading reading = {.arena = arena};
	const uint8_t *tail = NULL;
	size_t tail_length = 0;
	enum ddb_code code = find_tail(table, index, key, key_length, &tail, &tail_length, err);
	*ret_known = !code && hash_known(definition, index, copy);
	if (code || !*ret_known)
		return code;
	code = read_partition(&reading, index, partition, err);
	if (!code)
		code = read_sort_parts(&reading, index, key + LOCAL_PREFIX_BYTES, tail, err);
	if (!code && copy)
		code = read_value(&reading, &definition->hash, copy, copy_length, err);
	if (!code && definition->has_range)
		code = read_value(&reading, &definition->range, tail + STORE_HASH_BYTES,
			tail_length - STORE_HASH_BYTES, err);
	struct ddb_attribute *attributes =
		code ? NULL : ddb_arena_array(arena, reading.count, sizeof *attributes);
	if (code || !attributes)
		return code ? code : ddb_fail_memory(err);
	memcpy(attributes, reading.attributes, reading.count * sizeof *attributes);
	return sorted_map(attributes, reading.count, ret, err);
}

/* ---- Records ---- */

static bool is_projected(const struct key_names *keys, const struct ddb_index_definition *index,
	const struct ddb_attribute *attribute)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (keys->attributes[i]->name_length == attribute->name_length &&
			memcmp(keys->attributes[i]->name, attribute->name, attribute->name_length) == 0)
			return true;
	for (unsigned i = 0; i < index->include_count; i++)
		if (strlen(index->include[i]) == attribute->name_length &&
			memcmp(index->include[i], attribute->name, attribute->name_length) == 0)
			return true;
	return false;
}

enum ddb_code local_entry_project(struct ddb_arena *arena, const struct ddb_definition *definition,
	const struct ddb_index_definition *index, const struct ddb_value *item, struct ddb_value *ret,
	struct ddb_error *err)
{
	struct key_names keys;
	uint32_t count = 0;
	if (index->projection == DDB_PROJECT_ALL) {
		*ret = *item;
		return DDB_OK;
	}
	collect_names(definition, index, &keys);
	size_t most = keys.count + index->include_count;
	if (most > item->count)
		most = item->count;
	struct ddb_attribute *attributes = ddb_arena_array(arena, most ? most : 1, sizeof *attributes);
	if (!attributes)
		return ddb_fail_memory(err);
	for (uint32_t i = 0; i < item->count && count < most; i++)
		if (is_projected(&keys, index, &item->attributes[i]))
			attributes[count++] = item->attributes[i];
	*ret = (struct ddb_value){.type = DDB_M, .count = count, .attributes = attributes};
	return DDB_OK;
}

size_t local_entry_head(
	const struct ddb_meta *meta, const struct ddb_value *hash, uint8_t ret[LOCAL_ENTRY_HEAD_MAX])
{
	struct local_key none = {.range = {.type = DDB_S}}; /* of a table with a sort key: no copy */
	size_t length = local_head_encode(meta, &none, ret);
	if (hash->count > LOCAL_ENTRY_COPY_MAX)
		return length;
	ret[1] = (uint8_t)hash->count;
	memcpy(ret + length, hash->bytes, hash->count);
	return length + hash->count;
}

static enum ddb_code decode_part(const struct ddb_key_attribute *attribute, const struct ddb_value *value,
	struct ddb_value *ret, struct ddb_error *err)
{
	if (value->type != attribute->type)
		return local_damaged(err, "value of a key");
	return local_key_value(attribute->type, value->bytes, value->count, ret, err);
}

enum ddb_code local_index_header_value(struct ddb_arena *arena, const struct ddb_index_definition *index,
	const struct store_value *value, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value decoded;
	enum ddb_code code = ddb_record_read(arena, value->body, value->body_length, &decoded, err);
	if (!code && index->hash_count > 1 && (decoded.type != DDB_L || decoded.count != index->hash_count))
		code = local_damaged(err, "value of a key");
	struct ddb_value *parts = index->hash_count > 1 ? decoded.elements : &decoded;
	for (unsigned i = 0; !code && i < index->hash_count; i++)
		code = decode_part(&index->hash[i], &parts[i], &parts[i], err);
	if (!code)
		*ret = decoded;
	return code;
}
