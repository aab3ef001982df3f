/*
 * The map as a whole: its making and end, its clock, what it tells the front end of changes, and the
 * directories that it remembers for a while.
 */
#include "mapping/view/committed.h"
#include "mapping/directory.h"
#include "mapping/holding.h"
#include "mapping/name.h"
#include "mapping/scratch/scratches.h"
#include "mapping/view/views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t map_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- Making ---- */

static bool fill_map(struct map *map)
{
	const char *mountpoint = map->options.mountpoint;
	bool outer = !map->view;
	map->refusals = outer ? map_refusals_new() : NULL;
	map->views = outer ? map_views_new() : NULL;
	map->committed = outer ? map_committed_new() : NULL;
	map->partitions = map_partitions_new();
	map->scratches = map_scratches_new();
	map->options.mountpoint = mountpoint ? strdup(mountpoint) : NULL;
	return (!outer || (map->refusals && map->views && map->committed)) && map->partitions &&
	       map->scratches && (!mountpoint || map->options.mountpoint);
}

static void drop_parts(struct map *map)
{
	map_views_free(map->views);
	map_committed_free(map->committed);
	map_refusals_free(map->refusals);
	map_partitions_free(map->partitions);
	map_scratches_free(map->scratches);
	free((char *)map->options.mountpoint);
	free(map);
}

static bool make_locks(struct map *map)
{
	pthread_mutex_t *locks[] = {&map->tick_lock, &map->dirs_lock, &map->files_lock};
	size_t count = sizeof(locks) / sizeof(*locks), made = 0;
	while (made < count && !pthread_mutex_init(locks[made], NULL))
		made++;
	for (size_t i = 0; made < count && i < made; i++)
		pthread_mutex_destroy(locks[i]);
	return made == count;
}

struct map *map_new_inside(
	struct ddb_engine *engine, const struct map_options *options, struct map_view *view)
{
	struct map *map = calloc(1, sizeof(*map));
	if (!map)
		return NULL;
	map->engine = engine;
	map->view = view;
	map->options = *options;
	map->started_ns = map_now_ns();
	if (!fill_map(map) || !make_locks(map)) {
		drop_parts(map);
		return NULL;
	}
	if (!options->read_only && !view)
		map_scratches_clear(map);
	if (!map_hold_load(map)) {
		map_free(map);
		return NULL;
	}
	if (options->stirred)
		engine->ops->watch_streams(engine, options->stirred, options->context);
	return map;
}

struct map *map_new(struct ddb_engine *engine, const struct map_options *options)
{
	return map_new_inside(engine, options, NULL);
}

void map_free(struct map *map)
{
	if (!map)
		return;
	if (map->options.stirred)
		map->engine->ops->watch_streams(map->engine, NULL, NULL);
	pthread_mutex_destroy(&map->tick_lock);
	pthread_mutex_destroy(&map->dirs_lock);
	pthread_mutex_destroy(&map->files_lock);
	drop_parts(map);
}

int map_refused(struct map *map, const struct map_caller *caller, const char *path, const char *operation,
	int number, const struct ddb_error *err)
{
	if (!number)
		number = map_errno(err->code);
	if (map->view)
		return map_view_refused(map->view, caller, path, operation, number, err);
	return map_refuse(map->refusals, caller, path, operation, number, err);
}

int map_sync(struct map *map, const struct map_caller *caller)
{
	struct ddb_error err;
	if (map->engine->ops->sync(map->engine, &err))
		return map_refused(map, caller, "", "sync", 0, &err);
	return 0;
}

/* ---- Telling ---- */

void map_tell_path(struct map *map, const char *path, uint64_t version, const struct map_file *by)
{
	map_dirs_tell(map, path, version);
	if (map->options.changed)
		map->options.changed(map->options.context, path, version, by);
}

/* By a name in the directory: who is in that directory stays there. */
void map_tell_stream(struct map *map, const char *table)
{
	char name[MAP_NAME_MAX + 3], path[MAP_NAME_MAX + 3 + sizeof("/.stream/records.jsonl")];
	map_table_to_name(table, name);
	snprintf(path, sizeof(path), "%s/.stream/records.jsonl", name);
	map_tell_path(map, path, UINT64_MAX, NULL);
}

/* A table's name, "/.typed", and two entries. */
enum { TELL_PATH = (MAP_NAME_MAX + 3) + 7 + 2 * (MAP_NAME_MAX + 1) + 1 };

static void make_path(const struct ddb_table *table, bool typed, const char *partition, const char *item,
	char ret[TELL_PATH])
{
	char name[MAP_NAME_MAX + 3];
	map_table_to_name(table->name, name);
	snprintf(ret, TELL_PATH, "%s%s%s%s%s%s", name, typed ? "/.typed" : "", partition ? "/" : "",
		partition ? partition : "", item ? "/" : "", item ? item : "");
}

void map_partition_path(
	const struct ddb_table *table, bool typed, const char *partition, char ret[MAP_PATH_MAX])
{
	_Static_assert((int)TELL_PATH <= (int)MAP_PATH_MAX, "a path that is told is one that can be asked");
	make_path(table, typed, partition, NULL, ret);
}

static void tell_both(struct map *map, const struct ddb_table *table, const char *partition, const char *item,
	uint64_t version, const struct map_file *by)
{
	char path[TELL_PATH];
	for (int typed = 0; typed <= 1; typed++) {
		make_path(table, typed, partition, item, path);
		map_tell_path(map, path, version, by);
	}
}

void map_tell_item(
	struct map *map, const struct map_place *place, uint64_t version, const struct map_file *by)
{
	tell_both(map, place->table, place->partition, place->kind == MAP_ITEM ? place->name : NULL, version,
		by);
}

static void name_of(const struct ddb_table *table, const struct ddb_value *value, bool item, char ret[256])
{
	if (table->provisional == DDB_DEFINED)
		map_name_of_key(value, item, ret);
	else
		snprintf(ret, MAP_NAME_MAX + 1, "%.*s%s", (int)value->count, (const char *)value->bytes,
			item ? ".json" : "");
}

void map_partition_name(const struct ddb_table *table, const struct ddb_value *hash, char ret[256])
{
	name_of(table, hash, false, ret);
}

void map_key_path(const struct ddb_table *table, const struct ddb_value *hash, const struct ddb_value *range,
	char ret[MAP_PATH_MAX])
{
	char directory[MAP_NAME_MAX + 1], item[MAP_NAME_MAX + 1];
	name_of(table, hash, !range, range ? directory : item);
	if (range)
		name_of(table, range, true, item);
	make_path(table, false, range ? directory : NULL, item, ret);
}

void map_tell_key(struct map *map, const struct ddb_table *table, const struct ddb_value *hash,
	const struct ddb_value *range, bool partition, uint64_t version, const struct map_file *by)
{
	char directory[MAP_NAME_MAX + 1], item[MAP_NAME_MAX + 1], path[TELL_PATH];
	if (!partition && !range) {
		name_of(table, hash, true, item);
		tell_both(map, table, NULL, item, version, by);
		return;
	}
	name_of(table, hash, false, directory);
	if (range)
		name_of(table, range, true, item);
	if (range || version != MAP_VERSION_DIRECTORY) {
		tell_both(map, table, directory, range ? item : NULL, version, by);
		return;
	}
	for (int typed = 0; typed <= 1; typed++) {
		make_path(table, typed, directory, NULL, path);
		map_dirs_tell(map, path, version);
	}
}

/* ---- What is remembered ---- */

static const char definition_entry[] = ".table.json";

bool map_definition_hidden(struct map *map, const struct ddb_table *table)
{
	return map_partitions_find(map->partitions, table->id, definition_entry, NULL, NULL);
}

bool map_definition_hide(struct map *map, const struct ddb_table *table)
{
	return map_partitions_add(map->partitions, table, definition_entry, true, map_now_ns());
}

void map_definition_show(struct map *map, const struct ddb_table *table)
{
	map_partitions_remove(map->partitions, table->id, definition_entry);
}

/* Long enough for a change under way: no tick forgets it meanwhile. */
static bool is_just_remembered(struct map *map, const struct map_place *place)
{
	int64_t since_ns;
	return map_partitions_find(map->partitions, place->table->id, place->partition, &since_ns, NULL) &&
	       map_now_ns() - since_ns < (int64_t)MAP_FRESH_SECONDS * 1000000000 / 2;
}

void map_linger_begin(struct map *map, const struct map_place *place)
{
	struct ddb_partition partition;
	struct ddb_error err;
	if (!place->partition || !place->has_hash || is_just_remembered(map, place) ||
		map->engine->ops->get_partition(
			map->engine, place->table->name, NULL, &place->hash, &partition, &err))
		return;
	(void)map_partitions_add(map->partitions, place->table, place->partition, false, map_now_ns());
	map_hold_emptied(map, place);
}

void map_linger(struct map *map, const struct map_place *place)
{
	struct ddb_engine *engine = map->engine;
	struct ddb_partition partition;
	struct ddb_error err;
	if (!place->partition || is_just_remembered(map, place))
		return;
	if (place->has_hash && engine->ops->get_partition(engine, place->table->name, NULL, &place->hash,
				       &partition, &err) != DDB_RESOURCE_NOT_FOUND)
		return;
	if (!map_partitions_add(map->partitions, place->table, place->partition, false, map_now_ns()))
		tell_both(map, place->table, place->partition, NULL, 0, NULL);
}

/* A listing counts on what was remembered when it began. */
static bool is_listing(struct map *map)
{
	pthread_mutex_lock(&map->dirs_lock);
	bool listing = map->dirs;
	pthread_mutex_unlock(&map->dirs_lock);
	return listing;
}

static enum map_verdict judge_partition(struct map *map, struct ddb_arena *arena,
	const struct map_place *place, const struct map_remembered *remembered)
{
	struct ddb_engine *engine = map->engine;
	struct ddb_partition partition;
	struct ddb_error err;
	enum ddb_code code = DDB_RESOURCE_NOT_FOUND;
	if (place->has_hash)
		code = engine->ops->get_partition(
			engine, place->table->name, NULL, &place->hash, &partition, &err);
	if (!code)
		return remembered->fresh || is_listing(map) ? MAP_KEEP : MAP_FORGET; /* the engine knows it */
	if (code != DDB_RESOURCE_NOT_FOUND || !remembered->lingered || map_holds_scratch(map, arena, place))
		return MAP_KEEP;
	return MAP_FORGET_AND_TELL;
}

static enum map_verdict judge(void *context, const struct map_remembered *remembered)
{
	enum { JUDGE_MEMORY = 1 << 20 };
	struct map *map = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err;
	char name[MAP_NAME_MAX + 3], path[TELL_PATH];
	ddb_arena_init(&arena, JUDGE_MEMORY);
	map_table_to_name(remembered->table_name, name);
	snprintf(path, sizeof(path), "%s/%s", name, remembered->entry);
	int number = map_resolve_directory(map, &arena, path, &place, &err);
	if (number)
		return err.code == DDB_RESOURCE_NOT_FOUND || err.code == DDB_VALIDATION ? MAP_FORGET
											: MAP_KEEP;
	if (place.table->id != remembered->table)
		return MAP_FORGET;
	if (place.kind != MAP_PARTITION)
		return MAP_KEEP;
	return judge_partition(map, &arena, &place, remembered);
}

static void tell_gone(void *context, const struct map_remembered *remembered)
{
	char name[MAP_NAME_MAX + 3], path[TELL_PATH];
	struct map *map = context;
	map_table_to_name(remembered->table_name, name);
	for (int typed = 0; typed <= 1; typed++) {
		snprintf(path, sizeof(path), "%s%s/%s", name, typed ? "/.typed" : "", remembered->entry);
		map_tell_path(map, path, 0, NULL);
	}
}

static void forget_committed(struct map *map, int64_t now_ns)
{
	char name[MAP_NAME_MAX + 1], path[MAP_NAME_MAX + sizeof(".txn/committed/")];
	while (map->committed && map_committed_expire(map->committed, now_ns, name)) {
		snprintf(path, sizeof(path), ".txn/committed/%s", name);
		map_tell_path(map, path, 0, NULL);
	}
}

void map_tick_at(struct map *map, int64_t now_ns)
{
	map_tick_pause(map);
	map_partitions_tick(map->partitions, now_ns, judge, tell_gone, map);
	map_tick_resume(map);
	map_views_tick(map, now_ns);
	forget_committed(map, now_ns);
}

void map_tick_pause(struct map *map)
{
	pthread_mutex_lock(&map->tick_lock);
}

void map_tick_resume(struct map *map)
{
	pthread_mutex_unlock(&map->tick_lock);
}

void map_tick(struct map *map)
{
	map_tick_at(map, map_now_ns());
}
