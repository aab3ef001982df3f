/*
 * The records are empty scratch files in a hidden directory of the table, named as the partitions' entries.
 */
#include "mapping/holding.h"

#include "mapping/name.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { HOLD_MEMORY = 1 << 20, HOLD_PAGE = 100 };

static bool has_items(struct map *map, const struct map_place *place)
{
	struct ddb_partition partition;
	struct ddb_error err;
	return place->has_hash && !map->engine->ops->get_partition(map->engine, place->table->name, NULL,
					  &place->hash, &partition, &err);
}

bool map_holds_scratch(struct map *map, struct ddb_arena *arena, const struct map_place *place)
{
	struct map_place view = *place;
	struct ddb_scratch_page page;
	struct ddb_error err;
	uint8_t directory[DDB_DIRECTORY_ID_BYTES];
	for (int typed = 0; typed <= 1; typed++) {
		view.rendering = typed ? DDB_RENDER_TYPED : DDB_RENDER_PLAIN;
		map_scratch_directory(&view, directory);
		if (map->engine->ops->scratch_list(map->engine, arena, directory, NULL, 1, &page, &err) ||
			page.count)
			return true;
	}
	return false;
}

static struct ddb_scratch_name record_of(const struct map_place *place)
{
	struct ddb_scratch_name name = {.name = place->partition};
	map_scratch_hidden(MAP_SCRATCH_HELD, place->table->id, name.directory);
	return name;
}

static int record(struct map *map, const struct map_place *place, struct ddb_error *err)
{
	struct ddb_scratch_name name = record_of(place);
	struct ddb_scratch_meta meta;
	enum ddb_code code = map->engine->ops->scratch_stat(map->engine, &name, &meta, err);
	if (code == DDB_RESOURCE_NOT_FOUND)
		code = map->engine->ops->scratch_create(map->engine, &name, 0, false, &meta, err);
	return map_errno(code);
}

/* One that is remembered is perhaps just being emptied, which asks for no record again. */
int map_hold(struct map *map, const struct map_place *place, struct ddb_error *err)
{
	if (!place->partition)
		return 0;
	if (has_items(map, place) &&
		!map_partitions_find(map->partitions, place->table->id, place->partition, NULL, NULL))
		return 0;
	return record(map, place, err);
}

int map_hold_rename(
	struct map *map, const struct map_place *from, const struct map_place *to, struct ddb_error *err)
{
	struct ddb_scratch_name name = record_of(from);
	struct ddb_scratch_meta meta;
	enum ddb_code code = map->engine->ops->scratch_stat(map->engine, &name, &meta, err);
	if (code)
		return code == DDB_RESOURCE_NOT_FOUND ? 0 : map_errno(code);
	return record(map, to, err);
}

void map_hold_emptied(struct map *map, const struct map_place *place)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct map_place partition = *place;
	struct ddb_error err;
	partition.kind = MAP_PARTITION;
	ddb_arena_init(&arena, HOLD_MEMORY);
	if (place->partition && map_holds_scratch(map, &arena, &partition))
		(void)record(map, place, &err);
}

void map_hold_end(struct map *map, const struct map_place *place)
{
	struct ddb_scratch_name name = record_of(place);
	struct ddb_scratch_meta meta;
	struct ddb_error err;
	if (!map->engine->ops->scratch_stat(map->engine, &name, &meta, &err))
		(void)map->engine->ops->scratch_remove(map->engine, &name, &err);
}

/* Calls `act` with each record of a table, by its id, until it answers false. */
typedef bool act_on(struct map *map, const struct ddb_table *table, const struct ddb_scratch_name *name);

static bool each(struct map *map, uint32_t id, const struct ddb_table *table, act_on *act)
{
	struct ddb_scratch_page page = {.more = true};
	struct ddb_scratch_name name;
	char after[MAP_NAME_MAX + 1] = "";
	struct ddb_error err;
	bool going = true;
	map_scratch_hidden(MAP_SCRATCH_HELD, id, name.directory);
	while (going && page.more) {
		DDB_ARENA_AUTO struct ddb_arena arena = {0};
		ddb_arena_init(&arena, HOLD_MEMORY);
		if (map->engine->ops->scratch_list(map->engine, &arena, name.directory, *after ? after : NULL,
			    HOLD_PAGE, &page, &err))
			return true; /* what is damaged is not listed */
		for (size_t i = 0; i < page.count && going; i++) {
			snprintf(after, sizeof(after), "%s", page.entries[i].name);
			name.name = after;
			going = act(map, table, &name);
		}
	}
	return going;
}

static bool forget(struct map *map, const struct ddb_table *table, const struct ddb_scratch_name *name)
{
	struct ddb_error err;
	(void)table;
	return !map->engine->ops->scratch_remove(map->engine, name, &err);
}

void map_hold_end_table(struct map *map, uint32_t table)
{
	(void)each(map, table, NULL, forget);
}

/* A record may be older than the scratch that it was made for: then it goes. */
static bool remember(struct map *map, const struct ddb_table *table, const struct ddb_scratch_name *name)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct map_place place = {
		.kind = MAP_PARTITION, .table = (struct ddb_table *)table, .partition = name->name};
	ddb_arena_init(&arena, HOLD_MEMORY);
	if (map_holds_scratch(map, &arena, &place))
		return map_partitions_add(map->partitions, table, name->name, false, map_now_ns());
	if (!map->options.read_only)
		(void)forget(map, table, name);
	return true;
}

static bool load_table(struct map *map, const char *name)
{
	struct ddb_table *table;
	struct ddb_error err;
	if (map->engine->ops->describe_table(map->engine, name, &table, &err))
		return true;
	bool loaded = each(map, table->id, table, remember);
	ddb_table_unref(table);
	return loaded;
}

bool map_hold_load(struct map *map)
{
	struct ddb_table_names names = {.more = true};
	char after[DDB_TABLE_NAME_MAX + 1] = "";
	struct ddb_error err;
	bool loaded = true;
	while (loaded && names.more) {
		DDB_ARENA_AUTO struct ddb_arena arena = {0};
		ddb_arena_init(&arena, HOLD_MEMORY);
		if (map->engine->ops->list_tables(
			    map->engine, &arena, *after ? after : NULL, HOLD_PAGE, &names, &err))
			return true;
		for (size_t i = 0; i < names.count && loaded; i++) {
			snprintf(after, sizeof(after), "%s", names.names[i]);
			loaded = load_table(map, after);
		}
	}
	return loaded;
}
