/*
 * Renaming directories: a table, or a partition of one, gets another name where it is. A partition's items
 * get another key by it, all in one transaction of the engine. Nothing here ever answers what would make mv
 * copy and delete.
 */
#include "mapping/rename.h"

#include "mapping/file.h"
#include "mapping/holding.h"
#include "mapping/name.h"
#include "mapping/scratch/scratches.h"
#include "mapping/view/views.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct move {
	struct map *map;
	struct ddb_arena *arena;
	const struct map_place *from;
	const char *to;
	bool no_replace;
};

static int refuse(struct ddb_error *err, int number, const char *why)
{
	ddb_fail(err, number == EPERM ? DDB_ACCESS_DENIED : DDB_VALIDATION, "%s", why);
	return number;
}

/* What the engine thinks of the request itself. */
static int request_errno(enum ddb_code code)
{
	return code == DDB_VALIDATION ? EBADMSG : map_errno(code);
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool same_parent(const char *a, const char *b)
{
	size_t length = (size_t)(name_of(a) - a);
	return length == (size_t)(name_of(b) - b) && !memcmp(a, b, length);
}

/* ---- Who follows ---- */

bool map_path_follows(const char *path, const char *from, const char *to, char **ret)
{
	size_t length = strlen(from), size = strlen(path) - length + strlen(to) + 1;
	if (strncmp(path, from, length) || (path[length] && path[length] != '/'))
		return false;
	*ret = malloc(size);
	if (*ret)
		snprintf(*ret, size, "%s%s", to, path + length);
	return true;
}

static void follow(struct map *map, const char *from, const char *to)
{
	map_files_follow(map, from, to);
	map_dirs_follow(map, from, to);
}

/* ---- Partitions ---- */

/* The directory ids of both renderings' scratch files. */
static void list_moves(
	const struct map_place *from, const struct map_place *to, struct ddb_scratch_move ret[2])
{
	struct map_place old = *from, new = *to;
	for (int typed = 0; typed <= 1; typed++) {
		old.rendering = new.rendering = typed ? DDB_RENDER_TYPED : DDB_RENDER_PLAIN;
		map_scratch_directory(&old, ret[typed].from);
		map_scratch_directory(&new, ret[typed].to);
	}
}

static int move_scratch(const struct move *move, const struct ddb_scratch_move *ids, struct ddb_error *err)
{
	enum { PAGE = 100 };
	struct ddb_engine *engine = move->map->engine;
	struct ddb_scratch_page page;
	do {
		enum ddb_code code =
			engine->ops->scratch_list(engine, move->arena, ids->from, NULL, PAGE, &page, err);
		for (size_t i = 0; !code && i < page.count; i++) {
			struct ddb_scratch_name from = {.name = page.entries[i].name}, to = from;
			memcpy(from.directory, ids->from, sizeof(from.directory));
			memcpy(to.directory, ids->to, sizeof(to.directory));
			code = engine->ops->scratch_rename(engine, &from, &to, true, err);
		}
		if (code)
			return map_errno(code);
	} while (page.count);
	return 0;
}

/* A partition without items is what is remembered of it, and its scratch files, each of which stays in one
 * place or the other whatever happens. */
static int move_empty(const struct move *move, const struct map_place *to,
	const struct ddb_scratch_move moves[2], struct ddb_error *err)
{
	const struct map_place *from = move->from;
	if (!map_partitions_rename(move->map->partitions, from->table, from->partition, to->partition))
		return map_errno(ddb_fail_memory(err));
	int number = move_scratch(move, &moves[0], err);
	return number ? number : move_scratch(move, &moves[1], err);
}

static int move_all(const struct move *move, const struct map_place *to,
	const struct ddb_scratch_move moves[2], struct ddb_error *err)
{
	struct ddb_engine *engine = move->map->engine;
	const struct map_place *from = move->from;
	struct ddb_move_partition request = {
		.table = from->table->name,
		.from = from->hash,
		.to = to->hash,
		.move_count = 2,
		.moves = moves,
	};
	enum ddb_code code = DDB_RESOURCE_NOT_FOUND;
	if (from->has_hash)
		code = engine->ops->move_partition(engine, &request, err);
	if (code == DDB_RESOURCE_NOT_FOUND)
		return move_empty(move, to, moves, err);
	if (code == DDB_CONDITIONAL_CHECK_FAILED)
		return move->no_replace ? EEXIST : ENOTEMPTY;
	if (code)
		return request_errno(code);
	/* Without memory for it nothing is lost: the engine knows the partition. */
	(void)map_partitions_rename(move->map->partitions, from->table, from->partition, to->partition);
	return 0;
}

/* Open scratch files go on under their directory's new id. */
static int move_items(const struct move *move, const struct map_place *to, struct ddb_error *err)
{
	struct ddb_scratch_move moves[2];
	list_moves(move->from, to, moves);
	map_scratches_lock(move->map);
	int number = map_hold_rename(move->map, move->from, to, err);
	if (!number)
		number = move_all(move, to, moves, err);
	for (int typed = 0; !number && typed <= 1; typed++)
		map_scratches_refile(move->map, &moves[typed]);
	map_scratches_unlock(move->map);
	return number;
}

static int find_target(const struct move *move, struct map_place *ret, struct ddb_error *err)
{
	int number = map_resolve_directory(move->map, move->arena, move->to, ret, err);
	if (number == ENOENT)
		return EBADMSG; /* it said why */
	if (number)
		return number;
	if (ret->name[0] == '.')
		return refuse(err, EPERM, "A name that begins with a dot is no partition's");
	if (ret->kind != MAP_PARTITION)
		return refuse(err, EBADMSG, "The name is not that of a partition key of this table");
	if (ret->unnamed)
		return refuse(
			err, EBADMSG, "The name does not tell the key: only a document that holds it can");
	return 0;
}

static int make_room(const struct move *move, const struct map_place *to, struct ddb_error *err)
{
	if (to->exists && move->no_replace)
		return EEXIST;
	if (to->exists)
		return map_partition_clear(move->map, move->arena, to, err);
	int number = map_partition_beside(move->map, to, err);
	return number == EEXIST && !move->no_replace ? ENOTDIR : number;
}

static void partition_moved(const struct move *move, const struct map_place *to)
{
	const struct map_place *from = move->from;
	char old[MAP_PATH_MAX], new[MAP_PATH_MAX];
	map_hold_end(move->map, from);
	for (int typed = 0; typed <= 1; typed++) {
		map_partition_path(from->table, typed, from->partition, old);
		map_partition_path(to->table, typed, to->partition, new);
		follow(move->map, old, new);
	}
	map_tell_item(move->map, from, UINT64_MAX, NULL);
	map_tell_item(move->map, from, 0, NULL);
	map_tell_item(move->map, to, UINT64_MAX, NULL);
}

static int move_partition(const struct move *move, struct ddb_error *err)
{
	MAP_PLACE_AUTO struct map_place to = {0};
	int number = find_target(move, &to, err);
	if (!number)
		number = make_room(move, &to, err);
	if (!number)
		number = move_items(move, &to, err);
	if (!number)
		partition_moved(move, &to);
	return number;
}

/* ---- Tables ---- */

/* An empty table in the way goes, as rmdir would have it. */
static int clear_table(const struct move *move, uint32_t *ret_id, struct ddb_error *err)
{
	MAP_PLACE_AUTO struct map_place to = {0};
	int number = map_resolve_directory(move->map, move->arena, move->to, &to, err);
	*ret_id = 0;
	if (number == ENOENT)
		return 0;
	if (number)
		return number;
	if (move->no_replace)
		return EEXIST;
	*ret_id = to.table->id;
	return map_table_clear(move->map, move->arena, &to, err);
}

static int rename_table(const struct move *move, const char *name, uint32_t replaced, struct ddb_error *err)
{
	struct map *map = move->map;
	const struct ddb_table *table = move->from->table;
	map_tick_pause(map); /* it would find what is remembered under neither name */
	enum ddb_code code = map->engine->ops->rename_table(map->engine, table->name, name, err);
	if (!code)
		map_partitions_rename_table(map->partitions, table->id, name);
	if (!code && replaced) {
		map_hold_end_table(map, replaced);
		map_partitions_remove_table(map->partitions, replaced);
	}
	map_tick_resume(map);
	if (code == DDB_RESOURCE_IN_USE)
		return ENOTEMPTY; /* it got an item meanwhile */
	return code == DDB_VALIDATION ? EPERM : map_errno(code);
}

static int move_table(const struct move *move, struct ddb_error *err)
{
	const char *from = move->from->path;
	char name[DDB_TABLE_NAME_MAX + 1];
	uint32_t replaced;
	if (map_is_staged(move->map))
		return map_refuse_staged(move->map, err);
	if (move->to[0] == '.')
		return refuse(err, EPERM, "A name that begins with a dot is no table's");
	if (!map_name_to_table(move->to, name))
		return refuse(err, EBADMSG,
			"A table's name has 3 to 255 characters: letters, digits, '_', '-' and '.'");
	int number = clear_table(move, &replaced, err);
	if (!number)
		number = rename_table(move, name, replaced, err);
	if (number)
		return number;
	follow(move->map, from, move->to);
	map_tell_path(move->map, from, UINT64_MAX, NULL);
	map_tell_path(move->map, from, 0, NULL);
	map_tell_path(move->map, move->to, UINT64_MAX, NULL);
	return 0;
}

int map_rename_directory(struct map *map, struct ddb_arena *arena, const struct map_place *from,
	const char *to, unsigned flags, struct ddb_error *err)
{
	const struct move move = {
		.map = map,
		.arena = arena,
		.from = from,
		.to = to,
		.no_replace = flags & RENAME_NOREPLACE,
	};
	if (flags & RENAME_EXCHANGE)
		return refuse(err, EINVAL, "Tables and partitions cannot be exchanged");
	if (!same_parent(from->path, to))
		return refuse(err, EPERM, "Tables and partitions cannot be moved into another directory");
	return from->kind == MAP_TABLE ? move_table(&move, err) : move_partition(&move, err);
}
