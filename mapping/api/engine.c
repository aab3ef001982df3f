/*
 * The engine of the API's requests: each function that changes something does so and then tells. See
 * api/engine.h.
 */
#include "mapping/api/engine.h"
#include "mapping/file.h"
#include "mapping/holding.h"
#include "mapping/name.h"

#include <stdio.h>
#include <string.h>

enum { TELL_MEMORY = 1 << 20 };

static struct map_api_engine *api_of(struct ddb_engine *engine)
{
	return (struct map_api_engine *)engine;
}
#define INNER(engine) (api_of(engine)->inner)
#define FORWARD(engine, method, ...) INNER(engine)->ops->method(INNER(engine), __VA_ARGS__)

/* ---- Tables ---- */

static void tell_table(struct map *map, const char *table)
{
	char name[MAP_NAME_MAX + 3];
	if (!map)
		return;
	map_table_to_name(table, name);
	map_tell_path(map, name, UINT64_MAX, NULL);
}

static void tell_definition(struct map *map, const char *table)
{
	char name[MAP_NAME_MAX + 3], path[MAP_NAME_MAX + 3 + sizeof "/.table.json"];
	if (!map)
		return;
	map_table_to_name(table, name);
	snprintf(path, sizeof path, "%s/.table.json", name);
	map_tell_path(map, path, UINT64_MAX, NULL);
	map_tell_stream(map, table);
}

static enum ddb_code create_table(
	struct ddb_engine *e, const char *name, struct ddb_definition *definition, struct ddb_error *err)
{
	enum ddb_code code = FORWARD(e, create_table, name, definition, err);
	if (!code)
		tell_table(api_of(e)->map, name);
	return code;
}

static enum ddb_code describe_table(
	struct ddb_engine *e, const char *name, struct ddb_table **ret, struct ddb_error *err)
{
	return FORWARD(e, describe_table, name, ret, err);
}

static enum ddb_code count_table(
	struct ddb_engine *e, const char *name, struct ddb_table_counts *ret, struct ddb_error *err)
{
	return FORWARD(e, count_table, name, ret, err);
}

static enum ddb_code list_tables(struct ddb_engine *e, struct ddb_arena *arena, const char *after,
	uint32_t limit, struct ddb_table_names *ret, struct ddb_error *err)
{
	return FORWARD(e, list_tables, arena, after, limit, ret, err);
}

static enum ddb_code update_table(struct ddb_engine *e, const char *name, const struct ddb_definition *from,
	struct ddb_definition *definition, struct ddb_error *err)
{
	enum ddb_code code = FORWARD(e, update_table, name, from, definition, err);
	if (!code)
		tell_definition(api_of(e)->map, name);
	return code;
}

/* Scratch files are no part of the table, and would be lost with its directory: rmdir refuses as well. */
static enum ddb_code check_scratch(struct map *map, const char *name, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	char path[MAP_NAME_MAX + 3];
	ddb_arena_init(&arena, TELL_MEMORY);
	map_table_to_name(name, path);
	if (map_resolve(map, &arena, path, &place, err) || !map_holds_scratch(map, &arena, &place))
		return DDB_OK;
	return ddb_fail(err, DDB_RESOURCE_IN_USE,
		"The table's directory holds files that are no items: remove them first");
}

static enum ddb_code delete_table(
	struct ddb_engine *e, const char *name, bool only_empty, struct ddb_error *err)
{
	struct map *map = api_of(e)->map;
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	enum ddb_code code = FORWARD(e, describe_table, name, &table, err);
	if (!code && map)
		code = check_scratch(map, name, err);
	if (!code)
		code = FORWARD(e, delete_table, name, only_empty, err);
	if (code || !map)
		return code;
	map_partitions_remove_table(map->partitions, table->id);
	map_hold_end_table(map, table->id);
	tell_table(map, name);
	return DDB_OK;
}

/* Requests do not know what files are called, and leave the conversion to this one. */
static enum ddb_code define_table(
	struct ddb_engine *e, const struct ddb_define_table *request, struct ddb_error *err)
{
	struct map_api_engine *api = api_of(e);
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	enum ddb_code code = FORWARD(e, describe_table, request->table, &table, err);
	if (!code)
		code = map_definition_define(
			api->inner, api->map, &api->caller, table, request->definition, err);
	if (code || !api->map)
		return code;
	map_definition_show(api->map, table);
	tell_definition(api->map, request->table);
	tell_table(api->map, request->table);
	return DDB_OK;
}

/* ---- Telling of items ---- */

/* The table as it is now, and the key values of an item or key; false when there is nothing to tell. */
struct told {
	struct ddb_table *table;
	const struct ddb_value *hash, *range;
};

static bool begin_told(
	struct ddb_engine *e, const char *table, const struct ddb_value *item, struct told *ret)
{
	struct ddb_error err;
	*ret = (struct told){0};
	if (!api_of(e)->map || FORWARD(e, describe_table, table, &ret->table, &err))
		return false;
	ret->hash = map_key_value(ret->table, item, false);
	ret->range = map_key_value(ret->table, item, true);
	bool simple = ret->table->definition && !ret->table->definition->has_range;
	return ret->hash && (ret->range || simple);
}

static void tell_put(struct ddb_engine *e, const char *table, const struct ddb_value *item)
{
	struct told told;
	struct map *map = api_of(e)->map;
	if (begin_told(e, table, item, &told)) {
		if (told.range)
			map_tell_key(map, told.table, told.hash, NULL, true, MAP_VERSION_DIRECTORY, NULL);
		map_tell_key(map, told.table, told.hash, told.range, false, UINT64_MAX, NULL);
	}
	ddb_table_unref(told.table);
}

/* An item that is about to go: its partition lingers, as after an unlink. */
struct going {
	struct ddb_arena arena;
	struct told told;
	bool tells;   /* what is below is filled */
	bool lingers; /* the partition has items */
	struct map_place place;
};

static int resolve_item(struct map *map, struct going *going, struct ddb_error *err)
{
	char path[MAP_PATH_MAX], item[MAP_NAME_MAX + 1];
	const struct told *told = &going->told;
	if (told->range)
		map_name_of_key(told->hash, false, item);
	map_partition_path(told->table, false, told->range ? item : NULL, path);
	map_name_of_key(told->range ? told->range : told->hash, true, item);
	strcat(strcat(path, "/"), item);
	return map_resolve(map, &going->arena, path, &going->place, err);
}

static void begin_going(
	struct ddb_engine *e, const char *table, const struct ddb_value *key, struct going *ret)
{
	struct map *map = api_of(e)->map;
	struct ddb_partition partition;
	struct ddb_error err;
	*ret = (struct going){0};
	ddb_arena_init(&ret->arena, TELL_MEMORY);
	ret->tells = begin_told(e, table, key, &ret->told) && ret->told.table->provisional == DDB_DEFINED &&
		     !resolve_item(map, ret, &err);
	ret->lingers = ret->tells && ret->told.range &&
		       !FORWARD(e, get_partition, table, NULL, ret->told.hash, &partition, &err);
	if (ret->lingers)
		map_linger_begin(map, &ret->place);
}

static void end_going(struct ddb_engine *e, struct going *going, bool gone)
{
	if (going->tells && gone)
		map_tell_item(api_of(e)->map, &going->place, 0, NULL);
	if (going->lingers && gone)
		map_linger(api_of(e)->map, &going->place);
	if (going->tells)
		map_place_done(&going->place);
	ddb_table_unref(going->told.table);
	ddb_arena_done(&going->arena);
}

/* ---- Items ---- */

static enum ddb_code put_item(struct ddb_engine *e, const struct ddb_put_item *request,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	enum ddb_code code = FORWARD(e, put_item, request, ret, err);
	if (!code)
		tell_put(e, request->table, &request->item);
	return code;
}

static enum ddb_code get_item(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_get_item *request, struct ddb_get_result *ret, struct ddb_error *err)
{
	return FORWARD(e, get_item, arena, request, ret, err);
}

static enum ddb_code delete_item(struct ddb_engine *e, const struct ddb_delete_item *request,
	struct ddb_delete_result *ret, struct ddb_error *err)
{
	struct going going;
	begin_going(e, request->table, &request->key, &going);
	enum ddb_code code = FORWARD(e, delete_item, request, ret, err);
	end_going(e, &going, !code && ret->existed);
	return code;
}

static enum ddb_code update_item(struct ddb_engine *e, const struct ddb_update_item *request,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	enum ddb_code code = FORWARD(e, update_item, request, ret, err);
	if (!code)
		tell_put(e, request->table, &request->key);
	return code;
}

static enum ddb_code query(struct ddb_engine *e, struct ddb_arena *arena, const struct ddb_query *request,
	struct ddb_page *ret, struct ddb_error *err)
{
	return FORWARD(e, query, arena, request, ret, err);
}

static bool was_done(const struct ddb_batch_write_result *result, size_t position)
{
	for (size_t i = 0; i < result->unprocessed_count; i++)
		if (result->unprocessed[i] == position)
			return false;
	return true;
}

static enum ddb_code batch_write(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_batch_write *requests, size_t count, struct ddb_batch_write_result *ret,
	struct ddb_error *err)
{
	struct going *going = ddb_arena_array(arena, count, sizeof *going);
	if (!going)
		return ddb_fail_memory(err);
	for (size_t i = 0; i < count; i++)
		if (requests[i].deletes)
			begin_going(e, requests[i].table, &requests[i].value, &going[i]);
	enum ddb_code code = FORWARD(e, batch_write, arena, requests, count, ret, err);
	for (size_t i = 0; i < count; i++) {
		bool done = !code && was_done(ret, i);
		if (requests[i].deletes)
			end_going(e, &going[i], done);
		else if (done)
			tell_put(e, requests[i].table, &requests[i].value);
	}
	return code;
}

static enum ddb_code batch_get(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_batch_get *requests, size_t count, struct ddb_batch_get_result *ret,
	struct ddb_error *err)
{
	return FORWARD(e, batch_get, arena, requests, count, ret, err);
}

static enum ddb_code list_streams(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_list_streams *request, struct ddb_streams *ret, struct ddb_error *err)
{
	return FORWARD(e, list_streams, arena, request, ret, err);
}

static enum ddb_code read_stream(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_read_stream *request, struct ddb_stream_page *ret, struct ddb_error *err)
{
	return FORWARD(e, read_stream, arena, request, ret, err);
}

static enum ddb_code transact_write(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_transact_write *request, struct ddb_transact_result *ret, struct ddb_error *err)
{
	struct going *going = ddb_arena_array(arena, request->count, sizeof *going);
	if (!going)
		return ddb_fail_memory(err);
	for (size_t i = 0; i < request->count; i++)
		if (request->actions[i].kind == DDB_TRANSACT_DELETE)
			begin_going(e, request->actions[i].table, &request->actions[i].value, &going[i]);
	enum ddb_code code = FORWARD(e, transact_write, arena, request, ret, err);
	bool done = !code && !ret->repeated;
	for (size_t i = 0; i < request->count; i++) {
		const struct ddb_transact_action *action = &request->actions[i];
		if (action->kind == DDB_TRANSACT_DELETE)
			end_going(e, &going[i], done);
		else if (done && action->kind != DDB_TRANSACT_CHECK)
			tell_put(e, action->table, &action->value);
	}
	return code;
}

static enum ddb_code transact_get(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_transact_get *requests, size_t count, struct ddb_transact_get_result *ret,
	struct ddb_error *err)
{
	return FORWARD(e, transact_get, arena, requests, count, ret, err);
}

static enum ddb_code sync_all(struct ddb_engine *e, struct ddb_error *err)
{
	return INNER(e)->ops->sync(INNER(e), err);
}

static const struct ddb_engine_ops ops = {
	.name = "api",
	.create_table = create_table,
	.describe_table = describe_table,
	.count_table = count_table,
	.update_table = update_table,
	.delete_table = delete_table,
	.list_tables = list_tables,
	.define_table = define_table,
	.put_item = put_item,
	.get_item = get_item,
	.delete_item = delete_item,
	.update_item = update_item,
	.query = query,
	.batch_write = batch_write,
	.batch_get = batch_get,
	.list_streams = list_streams,
	.read_stream = read_stream,
	.transact_write = transact_write,
	.transact_get = transact_get,
	.sync = sync_all,
};

void map_api_engine_init(struct map_api_engine *ret, struct ddb_engine *inner, struct map *map,
	const struct map_caller *caller)
{
	*ret = (struct map_api_engine){.engine = {.ops = &ops}, .inner = inner, .map = map};
	if (caller)
		ret->caller = *caller;
}
