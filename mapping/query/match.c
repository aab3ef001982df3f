/*
 * The names below .index and .query: indexes, their partitions, components of queries, entries. See match.h.
 */
#include "mapping/query/entry.h"
#include "mapping/match.h"
#include "mapping/name.h"

#include <errno.h>
#include <string.h>

static const char suffix[] = ".json";

static int begin_query(struct ddb_arena *arena, const struct ddb_index_definition *index,
	struct map_place *ret, struct ddb_error *err)
{
	ret->query = map_query_new(arena, index);
	return ret->query ? 0 : map_errno(ddb_fail_memory(err));
}

int map_match_queries(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	(void)map, (void)step;
	return ret->query ? 0 : begin_query(arena, NULL, ret, err);
}

int map_match_component(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	return map_query_add(map, arena, ret->table, ret->query, step->name, &ret->query, err);
}

/* ---- Indexes ---- */

int map_match_index(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	char name[DDB_TABLE_NAME_MAX + 1]; /* the rule for indexes is the one for tables */
	const struct ddb_definition *definition = ret->table->definition;
	(void)map;
	if (ret->table->provisional != DDB_DEFINED || !map_name_to_table(step->name, name))
		return MAP_NOT_MINE;
	const struct ddb_index_definition *index = ddb_definition_index(definition, name);
	return index ? begin_query(arena, index, ret, err) : MAP_NOT_MINE;
}

int map_match_key(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	const struct ddb_index_definition *index = ret->query->index;
	struct map_query *query = map_query_new(arena, index);
	struct ddb_partition partition;
	if (!query)
		return map_errno(ddb_fail_memory(err));
	int number = map_query_read_partition(map, arena, ret->table, index, step->name, true,
		&query->range.partition, &query->has_partition, err);
	if (number == EINVAL || (!number && !query->has_partition))
		return MAP_NOT_MINE;
	if (number)
		return number;
	enum ddb_code code = map->engine->ops->get_partition(
		map->engine, ret->table->name, index->name, &query->range.partition, &partition, err);
	if (code)
		return code == DDB_RESOURCE_NOT_FOUND ? MAP_NOT_MINE : map_errno(code);
	ret->query = query;
	ret->exists = true;
	ret->mtime_ns = partition.mtime_ns;
	return 0;
}

/* ---- Entries ---- */

static int find_long(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	const struct map_place *place, struct ddb_find_alias *request,
	struct ddb_value values[MAP_ENTRY_PARTS_MAX], struct ddb_error *err)
{
	const struct ddb_table *table = place->table;
	const struct ddb_index_definition *index = place->query->index;
	char name[MAP_NAME_MAX + 1];
	struct ddb_value key;
	unsigned count;
	request->table = table->name;
	request->index = index ? index->name : NULL;
	request->entry = true;
	request->partition = place->query->has_partition ? &place->query->range.partition : NULL;
	enum ddb_code code = map->engine->ops->find_alias(map->engine, arena, request, &key, err);
	if (code)
		return code == DDB_RESOURCE_NOT_FOUND ? MAP_NOT_MINE : map_errno(code);
	if (!map_entry_values(table, index, &key, values, &count))
		return MAP_NOT_MINE;
	map_name_of_keys(values, count, true, name);
	return strcmp(name, step->name) ? MAP_NOT_MINE : 0;
}

/* What looks like a component is an entry only where there is one of that name. */
static int check_entry(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	const struct map_place *place, struct ddb_error *err)
{
	struct map_place entry = *place;
	struct ddb_entry found;
	if (!map_query_is_component(step->name))
		return 0;
	if (!step->last)
		return MAP_NOT_MINE;
	entry.name = step->name;
	int number = map_entry_get(map, arena, &entry, true, &found, err);
	return number == ENOENT ? MAP_NOT_MINE : number;
}

int map_match_entry(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	const struct ddb_index_definition *index = ret->query->index;
	size_t length = strlen(suffix);
	if (step->length > MAP_NAME_MAX || step->length <= length ||
		memcmp(step->name + step->length - length, suffix, length))
		return MAP_NOT_MINE;
	enum ddb_type types[MAP_ENTRY_PARTS_MAX];
	struct ddb_value values[MAP_ENTRY_PARTS_MAX];
	struct ddb_find_alias request = {.partition = NULL};
	unsigned count = map_entry_types(ret->table, index, types);
	enum map_name_kind kind =
		map_name_decode_keys(step->name, true, types, count, arena, values, request.alias);
	int number = kind == MAP_NAME_NONE   ? MAP_NOT_MINE
		     : kind == MAP_NAME_LONG ? find_long(map, arena, step, ret, &request, values, err)
					     : 0;
	if (number)
		return number;
	struct map_place place = *ret;
	place.has_range = ret->table->definition->has_range;
	place.range = values[count - 1];
	place.has_hash = true;
	place.hash = values[count - 1 - place.has_range];
	number = check_entry(map, arena, step, &place, err);
	if (!number)
		*ret = place;
	return number;
}
