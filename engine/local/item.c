/*
 * The record of an item, and what makes an item fit to be written. See item.h.
 */
#include "engine/local/item.h"

#include "engine/local/index/index.h"
#include "engine/record.h"
#include <string.h>

enum {
	ITEM_VERSION = 1,
	RECORD_MAX = 16 << 20, /* bytes of an encoded item: far above what 400 KB of item can need */
};

/* ---- Limits ---- */

static enum ddb_code check_value(const struct ddb_value *value, struct ddb_error *err);

static enum ddb_code check_attributes(const struct ddb_value *map, struct ddb_error *err)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct ddb_attribute *attribute = &map->attributes[i];
		if (attribute->name_length == 0)
			return ddb_fail(err, DDB_VALIDATION,
				"One or more parameter values were invalid: An attribute name must not be "
				"empty");
		if (attribute->name_length > DDB_ATTRIBUTE_NAME_MAX)
			return ddb_fail(err, DDB_VALIDATION,
				"One or more parameter values were invalid: "
				"An attribute name must not have more than 65535 bytes");
		enum ddb_code code = check_value(&attribute->value, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

/* The depth was checked before. */
static enum ddb_code check_value(const struct ddb_value *value, struct ddb_error *err)
{
	if (value->type == DDB_M)
		return check_attributes(value, err);
	if (value->type != DDB_L)
		return DDB_OK;
	for (uint32_t i = 0; i < value->count; i++) {
		enum ddb_code code = check_value(&value->elements[i], err);
		if (code)
			return code;
	}
	return DDB_OK;
}

enum ddb_code local_item_check(const struct ddb_value *item, struct ddb_error *err)
{
	if (item->type != DDB_M)
		return ddb_fail(
			err, DDB_VALIDATION, "One or more parameter values were invalid: An item is a map");
	if (!ddb_value_nesting_ok(item))
		return ddb_fail(err, DDB_VALIDATION,
			"Nesting Levels have exceeded supported limits: "
			"Attributes in the item have nested levels beyond supported limit");
	return check_attributes(item, err);
}

enum ddb_code local_too_large(enum local_limit limit, struct ddb_error *err)
{
	if (limit == LOCAL_LIMIT_UPDATE)
		return ddb_fail(
			err, DDB_ITEM_TOO_LARGE, "Item size to update has exceeded the maximum allowed size");
	return ddb_fail(err, DDB_ITEM_TOO_LARGE, "Item size has exceeded the maximum allowed size");
}

static size_t attribute_size(const struct ddb_value *item, const struct ddb_key_attribute *attribute)
{
	const struct ddb_value *value = ddb_map_get(item, attribute->name, attribute->name_length);
	return value ? attribute->name_length + ddb_value_size(value) : 0;
}

size_t local_item_size(const struct ddb_table *table, const struct ddb_value *item)
{
	size_t size = ddb_item_size(item);
	if (table->provisional == DDB_DEFINED || !table->definition)
		return size;
	size -= attribute_size(item, &table->definition->hash);
	if (table->definition->has_range)
		size -= attribute_size(item, &table->definition->range);
	return size;
}

void local_measure(struct local_engine *engine, const struct ddb_table *table, const struct ddb_value *item,
	uint32_t ret[2])
{
	ret[0] = ret[1] = 0;
	if (engine->hooks && engine->hooks->measure)
		engine->hooks->measure(table, item, ret);
}

/* ---- Preparing ---- */

static enum ddb_code encode(
	struct ddb_arena *arena, const struct ddb_value *item, struct local_item *ret, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer buffer = {0};
	ddb_buffer_init(&buffer, RECORD_MAX);
	ddb_record_write(item, &buffer);
	if (buffer.failed)
		return ddb_fail_memory(err);
	uint8_t *body = ddb_arena_copy(arena, buffer.bytes, buffer.length);
	if (!body)
		return ddb_fail_memory(err);
	ret->body = body;
	ret->length = buffer.length;
	return DDB_OK;
}

enum ddb_code local_item_prepare(struct local_engine *engine, const struct local_table *table,
	struct ddb_arena *arena, const struct ddb_value *item, enum local_limit limit, struct local_item *ret,
	struct ddb_error *err)
{
	enum ddb_code code = local_item_check(item, err);
	if (!code)
		code = local_key_of_item(engine->store, table->table, table->space, item, &ret->key, err);
	if (!code)
		code = local_indexes_check(table, item, err);
	if (code)
		return code;
	size_t size = local_item_size(table->table, item);
	if (size > DDB_ITEM_SIZE_MAX)
		return local_too_large(limit, err);
	ret->value = *item;
	ret->size = (uint32_t)size;
	local_measure(engine, table->table, item, ret->rendered);
	return encode(arena, item, ret, err);
}

/* ---- The record ---- */

size_t local_head_encode(
	const struct ddb_meta *meta, const struct local_key *key, uint8_t ret[LOCAL_ITEM_HEAD_MAX])
{
	bool copied = key->range.type == 0 && key->hash.count <= LOCAL_KEY_COPY_MAX;
	uint8_t *end = ret;
	*end++ = ITEM_VERSION;
	*end++ = copied ? (uint8_t)key->hash.count : 0;
	end = local_write_le(end, meta->serial, 8);
	end = local_write_le(end, meta->version, 8);
	end = local_write_le(end, (uint64_t)meta->mtime_ns, 8);
	end = local_write_le(end, meta->size, 4);
	end = local_write_le(end, meta->rendered[0], 4);
	end = local_write_le(end, meta->rendered[1], 4);
	if (!copied)
		return (size_t)(end - ret);
	memcpy(end, key->hash.bytes, key->hash.count);
	return (size_t)(end - ret) + key->hash.count;
}

enum ddb_code local_head_decode(const uint8_t *head, size_t length, struct ddb_meta *ret,
	const uint8_t **ret_copy, size_t *ret_copy_length, struct ddb_error *err)
{
	if (length < LOCAL_ITEM_HEAD_MIN || head[0] != ITEM_VERSION ||
		length != LOCAL_ITEM_HEAD_MIN + (size_t)head[1])
		return local_damaged(err, "head of an item");
	struct ddb_meta meta = {
		.serial = local_read_le(head + 2, 8),
		.version = local_read_le(head + 10, 8),
		.mtime_ns = (int64_t)local_read_le(head + 18, 8),
		.size = (uint32_t)local_read_le(head + 26, 4),
		.rendered = {(uint32_t)local_read_le(head + 30, 4), (uint32_t)local_read_le(head + 34, 4)},
	};
	*ret = meta;
	*ret_copy = head[1] ? head + LOCAL_ITEM_HEAD_MIN : NULL;
	*ret_copy_length = head[1];
	return DDB_OK;
}

enum ddb_code local_body_decode(struct ddb_arena *arena, const uint8_t *body, size_t length,
	struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value item;
	enum ddb_code code = ddb_record_read(arena, body, length, &item, err);
	if (code)
		return code;
	if (item.type != DDB_M)
		return local_damaged(err, "body of an item");
	*ret = item;
	return DDB_OK;
}

enum ddb_code local_item_find(struct store_txn *txn, struct ddb_arena *arena, const struct local_key *key,
	bool want_body, struct local_found *ret, struct ddb_error *err)
{
	struct store_value value;
	struct local_found result = {.found = false};
	enum ddb_code code =
		local_get(txn, arena, key->bytes, key->length, want_body, &value, &result.found, err);
	if (!code && result.found) {
		const uint8_t *copy;
		size_t copy_length;
		code = local_head_decode(
			value.head, value.head_length, &result.meta, &copy, &copy_length, err);
		result.body = want_body ? value.body : NULL;
		result.length = value.body_length;
	}
	if (code)
		return code;
	*ret = result;
	return DDB_OK;
}

enum ddb_code local_item_same(struct store_txn *txn, struct ddb_arena *arena, const struct local_item *item,
	const struct local_found *found, bool *ret, struct ddb_error *err)
{
	*ret = false;
	if (!found->found || found->length != item->length || found->meta.size != item->size ||
		memcmp(found->meta.rendered, item->rendered, sizeof item->rendered) != 0)
		return DDB_OK;
	struct local_found whole = *found;
	if (!whole.body) {
		enum ddb_code code = local_item_find(txn, arena, &item->key, true, &whole, err);
		if (code)
			return code;
	}
	*ret = whole.length == item->length && memcmp(whole.body, item->body, item->length) == 0;
	return DDB_OK;
}

enum ddb_code local_item_write(struct store_txn *txn, const struct local_key *key,
	const struct ddb_meta *meta, const uint8_t *body, size_t length, struct ddb_error *err)
{
	uint8_t head[LOCAL_ITEM_HEAD_MAX];
	size_t head_length = local_head_encode(meta, key, head);
	return store_put(txn, key->bytes, key->length, head, head_length, body, length, err);
}

/* ---- Under another key ---- */

static enum ddb_code rekey(struct ddb_arena *arena, const struct ddb_definition *definition,
	const struct local_key *key, struct ddb_value *item, struct ddb_error *err)
{
	struct ddb_value *moved =
		ddb_map_with(arena, item, definition->hash.name, definition->hash.name_length, &key->hash);
	if (moved && definition->has_range)
		moved = ddb_map_with(
			arena, moved, definition->range.name, definition->range.name_length, &key->range);
	if (!moved)
		return ddb_fail_memory(err);
	*item = *moved;
	return DDB_OK;
}

enum ddb_code local_item_moved(struct local_job *job, const struct local_found *found,
	const struct local_key *to, struct local_item *ret, struct ddb_error *err)
{
	struct ddb_value item;
	enum ddb_code code = local_body_decode(&job->arena, found->body, found->length, &item, err);
	if (!code)
		code = rekey(&job->arena, job->table->table->definition, to, &item, err);
	if (code)
		return code;
	return local_item_prepare(job->engine, job->table, &job->arena, &item, LOCAL_LIMIT_PUT, ret, err);
}
