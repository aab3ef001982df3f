/*
 * Keys as maps. See page_key.h.
 */
#include "engine/local/page_key.h"

#include "engine/local/partition.h"
#include <string.h>

enum ddb_code local_page_record_read(struct store_cursor *cursor, struct ddb_arena *arena, bool want_body,
	struct local_page_record *ret, struct ddb_error *err)
{
	struct local_page_record record = {.body = NULL};
	struct store_value value;
	store_cursor_key(cursor, &record.key, &record.key_length);
	enum ddb_code code = store_cursor_value(cursor, arena, want_body, &value, err);
	if (!code)
		code = local_head_decode(
			value.head, value.head_length, &record.meta, &record.copy, &record.copy_length, err);
	if (code)
		return code;
	record.body = want_body ? value.body : NULL;
	record.body_length = value.body_length;
	*ret = record;
	return DDB_OK;
}

/* ---- The partition ---- */

static enum ddb_code copy_name(struct local_page_keys *keys, unsigned at,
	const struct ddb_key_attribute *attribute, struct ddb_error *err)
{
	const char *name = ddb_arena_copy(keys->arena, attribute->name, attribute->name_length);
	keys->names[at].name = name;
	keys->names[at].name_length = attribute->name_length;
	return name ? DDB_OK : ddb_fail_memory(err);
}

enum ddb_code local_page_keys_init(struct local_page_keys *keys, struct ddb_arena *arena,
	const struct local_source *source, struct ddb_error *err)
{
	const struct ddb_definition *definition = source->definition;
	bool composite = definition->has_range;
	*keys = (struct local_page_keys){.arena = arena, .source = source};
	keys->hash_at = composite && strcmp(definition->range.name, definition->hash.name) < 0;
	enum ddb_code code = copy_name(keys, keys->hash_at, &definition->hash, err);
	if (!code && composite)
		code = copy_name(keys, !keys->hash_at, &definition->range, err);
	return code;
}

enum ddb_code local_page_keys_enter(struct local_page_keys *keys, const uint8_t *place,
	const struct ddb_value *partition, struct ddb_error *err)
{
	enum ddb_code code = ddb_value_copy(keys->arena, partition, &keys->partition, err);
	if (code)
		return code;
	memcpy(keys->place, place, LOCAL_PREFIX_BYTES);
	keys->known = true;
	return DDB_OK;
}

enum ddb_code local_page_keys_header(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, struct ddb_error *err)
{
	const struct local_source *source = keys->source;
	struct store_value record;
	struct ddb_value value;
	const uint8_t *place;
	size_t length;
	enum ddb_code code = store_cursor_value(cursor, scratch, true, &record, err);
	if (!code)
		code = source->index ? local_index_header_value(scratch, source->index, &record, &value, err)
				     : local_value_decode(
					       scratch, &record, source->definition->hash.type, &value, err);
	if (code)
		return code;
	store_cursor_key(cursor, &place, &length);
	return local_page_keys_enter(keys, place, &value, err);
}

bool local_page_keys_in(const struct local_page_keys *keys, const uint8_t *place)
{
	return keys->known && memcmp(place, keys->place, LOCAL_PREFIX_BYTES) == 0;
}

/* ---- Out of the body ---- */

static enum ddb_code body_item(struct store_cursor *cursor, struct ddb_arena *scratch,
	const struct local_page_record *record, struct ddb_value *ret, struct ddb_error *err)
{
	struct local_page_record whole = *record;
	enum ddb_code code = DDB_OK;
	if (!whole.body)
		code = local_page_record_read(cursor, scratch, true, &whole, err);
	return code ? code : local_body_decode(scratch, whole.body, whole.body_length, ret, err);
}

static enum ddb_code body_hash(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, const struct local_page_record *record, struct ddb_value *ret,
	struct ddb_error *err)
{
	const struct ddb_key_attribute *hash = &keys->source->definition->hash;
	struct ddb_value item;
	enum ddb_code code = body_item(cursor, scratch, record, &item, err);
	if (code)
		return code;
	const struct ddb_value *value = ddb_map_get(&item, hash->name, hash->name_length);
	if (!value || value->type != hash->type)
		return local_damaged(err, "an item without its key");
	*ret = *value;
	return DDB_OK;
}

/* ---- An item's key ---- */

static enum ddb_code keep_value(struct local_page_keys *keys, const struct ddb_value *value,
	struct ddb_value *ret, struct ddb_error *err)
{
	*ret = *value;
	ret->bytes = ddb_arena_copy(keys->arena, value->bytes, value->count);
	return ret->bytes ? DDB_OK : ddb_fail_memory(err);
}

static enum ddb_code single_value(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, const struct local_page_record *record, struct ddb_value *ret,
	struct ddb_error *err)
{
	enum ddb_type type = keys->source->definition->hash.type;
	struct ddb_value value;
	enum ddb_code code = record->copy
				     ? local_key_value(type, record->copy, record->copy_length, &value, err)
				     : body_hash(keys, cursor, scratch, record, &value, err);
	return code ? code : keep_value(keys, &value, ret, err);
}

static enum ddb_code partition_value(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, const struct local_page_record *record, struct ddb_value *ret,
	struct ddb_error *err)
{
	struct ddb_value value;
	enum ddb_code code = DDB_OK;
	if (!local_page_keys_in(keys, record->key)) {
		code = body_hash(keys, cursor, scratch, record, &value, err);
		if (!code)
			code = local_page_keys_enter(keys, record->key, &value, err);
	}
	if (!code)
		*ret = keys->partition;
	return code;
}

static enum ddb_code item_key(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, const struct local_page_record *record, struct ddb_value *ret,
	struct ddb_error *err)
{
	const struct local_source *source = keys->source;
	unsigned count = source->single ? 1 : 2;
	struct ddb_attribute *attributes = ddb_arena_array(keys->arena, count, sizeof *attributes);
	if (!attributes)
		return ddb_fail_memory(err);
	memcpy(attributes, keys->names, count * sizeof *attributes);
	*ret = (struct ddb_value){.type = DDB_M, .count = count, .attributes = attributes};
	struct ddb_value *hash = &attributes[keys->hash_at].value;
	if (source->single)
		return single_value(keys, cursor, scratch, record, hash, err);
	struct ddb_value range;
	enum ddb_code code = local_key_value(source->definition->range.type, record->key + LOCAL_PREFIX_BYTES,
		record->key_length - LOCAL_PREFIX_BYTES, &range, err);
	if (!code)
		code = keep_value(keys, &range, &attributes[!keys->hash_at].value, err);
	return code ? code : partition_value(keys, cursor, scratch, record, hash, err);
}

/* ---- An entry's key ---- */

/* Out of the projected attributes; the partition is known then, too. */
static enum ddb_code entry_key_of_body(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, const struct local_page_record *record, struct ddb_value *ret,
	struct ddb_error *err)
{
	const struct local_source *source = keys->source;
	struct local_index_values values;
	struct ddb_value item, map;
	bool indexed = false;
	enum ddb_code code = body_item(cursor, scratch, record, &item, err);
	if (!code)
		code = local_entry_key_map(scratch, source->table, source->index, &item, &map, err);
	if (!code && (local_index_values(source->index, &item, &values, &indexed, NULL) || !indexed))
		code = local_damaged(err, "body of an index entry");
	if (code)
		return code;
	struct ddb_value partition = local_index_partition(source->index, &values);
	if (!local_page_keys_in(keys, record->key))
		code = local_page_keys_enter(keys, record->key, &partition, err);
	return code ? code : ddb_value_copy(keys->arena, &map, ret, err);
}

static enum ddb_code entry_key(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, const struct local_page_record *record, struct ddb_value *ret,
	struct ddb_error *err)
{
	bool known = local_page_keys_in(keys, record->key);
	enum ddb_code code = DDB_OK;
	if (known)
		code = local_entry_key_read(keys->arena, keys->source->table, keys->source->position,
			&keys->partition, record->key, record->key_length, record->copy, record->copy_length,
			ret, &known, err);
	if (code || known)
		return code;
	return entry_key_of_body(keys, cursor, scratch, record, ret, err);
}

enum ddb_code local_page_keys_read(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, const struct local_page_record *record, struct ddb_value *ret,
	struct ddb_error *err)
{
	return keys->source->index ? entry_key(keys, cursor, scratch, record, ret, err)
				   : item_key(keys, cursor, scratch, record, ret, err);
}
