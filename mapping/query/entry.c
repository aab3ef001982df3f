/*
 * Entries of queries and indexes: from an item to its entry and from an entry's name to its item. See
 * entry.h.
 */
#include "mapping/query/entry.h"

#include "mapping/document/document.h"
#include "mapping/name.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- Keys ---- */

static unsigned keys_of(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_key_attribute *ret[MAP_ENTRY_PARTS_MAX])
{
	const struct ddb_definition *definition = table->definition;
	unsigned count = 0;
	for (unsigned i = 0; index && i < index->range_count; i++)
		ret[count++] = &index->range[i];
	ret[count++] = &definition->hash;
	if (definition->has_range)
		ret[count++] = &definition->range;
	return count;
}

unsigned map_entry_types(const struct ddb_table *table, const struct ddb_index_definition *index,
	enum ddb_type ret[MAP_ENTRY_PARTS_MAX])
{
	const struct ddb_key_attribute *keys[MAP_ENTRY_PARTS_MAX];
	unsigned count = keys_of(table, index, keys);
	for (unsigned i = 0; i < count; i++)
		ret[i] = keys[i]->type;
	return count;
}

bool map_entry_values(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_value *item, struct ddb_value ret[MAP_ENTRY_PARTS_MAX], unsigned *ret_count)
{
	const struct ddb_key_attribute *keys[MAP_ENTRY_PARTS_MAX];
	unsigned count = keys_of(table, index, keys);
	for (unsigned i = 0; i < count; i++) {
		const struct ddb_value *value = ddb_map_get(item, keys[i]->name, keys[i]->name_length);
		if (!value || value->type != keys[i]->type)
			return false;
		ret[i] = *value;
	}
	*ret_count = count;
	return true;
}

bool map_entry_name(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_value *item, char ret[256])
{
	struct ddb_value values[MAP_ENTRY_PARTS_MAX];
	unsigned count;
	if (!map_entry_values(table, index, item, values, &count))
		return false;
	map_name_of_keys(values, count, true, ret);
	return true;
}

static void take(const struct ddb_value *item, const struct ddb_key_attribute *key,
	struct ddb_attribute *attributes, uint32_t *count)
{
	const struct ddb_value *value = ddb_map_get(item, key->name, key->name_length);
	for (uint32_t i = 0; i < *count; i++)
		if (attributes[i].name_length == key->name_length &&
			!memcmp(attributes[i].name, key->name, key->name_length))
			return;
	if (value)
		attributes[(*count)++] = (struct ddb_attribute){key->name, key->name_length, *value};
}

enum ddb_code map_entry_key(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_value *item, struct ddb_arena *arena, struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_key_attribute *keys[MAP_ENTRY_PARTS_MAX];
	unsigned count = keys_of(table, index, keys);
	struct ddb_value map = {.type = DDB_M};
	map.attributes = ddb_arena_array(
		arena, MAP_ENTRY_PARTS_MAX + DDB_INDEX_KEY_PARTS_MAX, sizeof(*map.attributes));
	if (!map.attributes)
		return ddb_fail_memory(err);
	for (unsigned i = 0; i < count; i++)
		take(item, keys[i], map.attributes, &map.count);
	for (unsigned i = 0; index && i < index->hash_count; i++)
		take(item, &index->hash[i], map.attributes, &map.count);
	enum ddb_code code = ddb_map_sort(&map, err);
	if (!code)
		*ret = map;
	return code;
}

/* ---- Indexes ---- */

/* A value of the wrong type, an empty or an oversized one is not indexed: what was there before the index. */
static bool is_indexable(
	const struct ddb_value *item, const struct ddb_key_attribute *keys, unsigned count, uint32_t max)
{
	size_t size = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct ddb_value *value = ddb_map_get(item, keys[i].name, keys[i].name_length);
		if (!value || value->type != keys[i].type || !value->count)
			return false;
		size += value->count;
	}
	return size <= max;
}

static bool is_in_index(const struct ddb_index_definition *index, const struct ddb_value *item)
{
	return is_indexable(item, index->hash, index->hash_count, DDB_HASH_KEY_MAX) &&
	       is_indexable(item, index->range, index->range_count, DDB_RANGE_KEY_MAX);
}

static bool is_included(const struct ddb_index_definition *index, const struct ddb_attribute *attribute)
{
	for (unsigned i = 0; index->projection == DDB_PROJECT_INCLUDE && i < index->include_count; i++)
		if (strlen(index->include[i]) == attribute->name_length &&
			!memcmp(index->include[i], attribute->name, attribute->name_length))
			return true;
	return false;
}

/* The attributes that an index has of the item. */
static enum ddb_code project(const struct ddb_table *table, const struct ddb_index_definition *index,
	struct ddb_arena *arena, struct ddb_value *item, struct ddb_error *err)
{
	struct ddb_value key, projected = {.type = DDB_M};
	if (index->projection == DDB_PROJECT_ALL)
		return DDB_OK;
	enum ddb_code code = map_entry_key(table, index, item, arena, &key, err);
	if (code)
		return code;
	projected.attributes = ddb_arena_array(arena, item->count, sizeof(*projected.attributes));
	if (!projected.attributes)
		return ddb_fail_memory(err);
	for (uint32_t i = 0; i < item->count; i++) {
		const struct ddb_attribute *attribute = &item->attributes[i];
		if (is_included(index, attribute) ||
			ddb_map_get(&key, attribute->name, attribute->name_length))
			projected.attributes[projected.count++] = *attribute;
	}
	*item = projected;
	return DDB_OK;
}

/* ---- From a name to its item ---- */

/* Another text of the same name has another version: what an index has of an item may also change with the
 * table's definition. */
static uint64_t version_of(const struct ddb_table *table, uint64_t version)
{
	uint64_t mixed = (version ^ (uint64_t)table->changed_ns * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
	return (mixed ^ mixed >> 32) | 1;
}

int map_entry_select(struct ddb_arena *arena, const struct map_place *place, bool measured,
	struct ddb_entry *entry, struct ddb_error *err)
{
	const struct map_query *query = place->query;
	if (query->selection) {
		struct ddb_value item;
		enum ddb_code code = ddb_selection_apply(arena, query->selection, &entry->item, &item, err);
		if (code)
			return map_errno(code);
		entry->item = item;
	}
	if (query->selection || !measured) {
		entry->meta.size = (uint32_t)ddb_item_size(&entry->item);
		map_document_measure(place->table, &entry->item, entry->meta.rendered);
	}
	entry->meta.version = version_of(place->table, entry->meta.version);
	return 0;
}

/* What the index does not have, a filter does not see, unless whole items are fetched. */
static int view(
	const struct map_place *place, struct ddb_arena *arena, struct ddb_value *item, struct ddb_error *err)
{
	const struct map_query *query = place->query;
	const struct ddb_index_definition *index = query->index;
	char name[MAP_NAME_MAX + 1];
	if (!index)
		return 0;
	if (!is_in_index(index, item) || !map_entry_name(place->table, index, item, name) ||
		strcmp(name, place->name))
		return ENOENT;
	if (query->fetches)
		return 0;
	return map_errno(project(place->table, index, arena, item, err));
}

int map_entry_get(struct map *map, struct ddb_arena *arena, const struct map_place *place, bool meta_only,
	struct ddb_entry *ret, struct ddb_error *err)
{
	const struct map_query *query = place->query;
	struct ddb_get_item get = {.table = place->table->name, .consistent = true};
	struct ddb_get_result result = {0};
	enum ddb_code code = map_place_key(place, arena, &get.key, err);
	bool by_key = !query->index && !query->filter && !query->selection;
	if (!code && !query->index && !map_query_holds_key(query, place->table, &get.key))
		return ENOENT;
	get.meta_only = meta_only && by_key;
	if (!code)
		code = map->engine->ops->get_item(map->engine, arena, &get, &result, err);
	if (code)
		return map_errno(code);
	if (!result.found)
		return ENOENT;
	int number = view(place, arena, &result.entry.item, err);
	if (number)
		return number;
	if ((query->index && !map_query_holds_key(query, place->table, &result.entry.item)) ||
		(query->filter && !ddb_predicate_holds(query->filter, &result.entry.item)))
		return ENOENT;
	number = map_entry_select(arena, place, !query->index, &result.entry, err);
	if (!number)
		*ret = result.entry;
	return number;
}

void map_attr_of_entry(const struct map_place *place, const struct ddb_meta *meta, struct map_attr *ret)
{
	*ret = (struct map_attr){
		.ino = map_ino_of_place(place),
		.size = meta->rendered[place->rendering],
		.mtime_ns = meta->mtime_ns,
		.version = meta->version,
	};
}

int map_entry_item_path(const struct map_place *place, char ret[MAP_PATH_MAX])
{
	char table[MAP_NAME_MAX + 3], partition[MAP_NAME_MAX + 1], item[MAP_NAME_MAX + 1];
	map_table_to_name(place->table->name, table);
	map_name_of_key(&place->hash, !place->has_range, place->has_range ? partition : item);
	if (place->has_range)
		map_name_of_key(&place->range, true, item);
	int length = snprintf(ret, MAP_PATH_MAX, "%s/%s%s%s", table, place->has_range ? partition : "",
		place->has_range ? "/" : "", item);
	return length < MAP_PATH_MAX ? 0 : ENAMETOOLONG;
}
