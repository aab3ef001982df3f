/*
 * Making and removing names, and setting their times: what each kind of place answers to mkdir, rmdir, unlink
 * and utimes.
 */
#include "mapping/directory.h"
#include "mapping/file.h"
#include "mapping/holding.h"
#include "mapping/name.h"
#include "mapping/scratch/scratches.h"
#include "mapping/view/committed.h"
#include "mapping/view/route.h"
#include "mapping/view/transaction.h"

#include <errno.h>
#include <string.h>

enum { CHANGE_MEMORY = 1 << 20 };

static int refuse(struct ddb_error *err, int number, const char *why)
{
	ddb_fail(err, number == EINVAL ? DDB_VALIDATION : DDB_ACCESS_DENIED, "%s", why);
	return number;
}

/* What names are, and that directories are not empty, is an answer; the rest is a refusal and recorded. */
static int answer(struct map *map, const struct map_caller *caller, const char *path, const char *operation,
	int number, const struct ddb_error *err)
{
	switch (number) {
	case 0:
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case EEXIST:
	case ENOTEMPTY:
	case ENAMETOOLONG:
		return number;
	default:
		return map_refused(map, caller, path, operation, number, err);
	}
}

/* Resolves `path` and does `change` with it. */
typedef int change_place(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err);

static int change(struct map *map, const struct map_caller *caller, const char *path, bool directory,
	const char *operation, change_place *change_it)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err;
	ddb_arena_init(&arena, CHANGE_MEMORY);
	int number = map_refuse_unwritable(map, &err);
	if (!number)
		number = directory ? map_resolve_directory(map, &arena, path, &place, &err)
				   : map_resolve(map, &arena, path, &place, &err);
	if (!number)
		number = change_it(map, &arena, &place, &err);
	return answer(map, caller, path, operation, number, &err);
}

/* ---- mkdir ---- */

static int make_table(struct map *map, const char *path, const char *name, struct ddb_error *err)
{
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	if (map_is_staged(map))
		return map->engine->ops->describe_table(map->engine, name, &table, err)
			       ? map_refuse_staged(map, err)
			       : EEXIST;
	enum ddb_code code = map->engine->ops->create_table(map->engine, name, NULL, err);
	if (code == DDB_RESOURCE_IN_USE)
		return EEXIST;
	if (!code)
		map_tell_path(map, path, UINT64_MAX, NULL);
	return map_errno(code);
}

/* The first partition decides what a provisional table becomes. */
static int settle(struct map *map, const struct ddb_table *table, struct ddb_error *err)
{
	if (table->provisional != DDB_PROVISIONAL)
		return 0;
	if (map_is_staged(map))
		return map_refuse_staged(map, err);
	return map_errno(
		map->engine->ops->settle_table(map->engine, table->name, DDB_PROVISIONAL_COMPOSITE, err));
}

int map_partition_beside(struct map *map, const struct map_place *place, struct ddb_error *err)
{
	struct map_place parent = *place;
	struct ddb_scratch_name scratch = {.name = place->name};
	struct ddb_scratch_meta meta;
	parent.kind = place->rendering == DDB_RENDER_TYPED ? MAP_TYPED : MAP_TABLE;
	parent.partition = NULL;
	map_scratch_directory(&parent, scratch.directory);
	enum ddb_code code = map->engine->ops->scratch_stat(map->engine, &scratch, &meta, err);
	if (code == DDB_RESOURCE_NOT_FOUND)
		return 0;
	return code ? map_errno(code) : EEXIST;
}

static int make_partition(struct map *map, const struct map_place *place, struct ddb_error *err)
{
	if (place->exists)
		return EEXIST;
	int number = map_partition_beside(map, place, err);
	if (!number)
		number = settle(map, place->table, err);
	if (number)
		return number;
	if (!map_partitions_add(map->partitions, place->table, place->partition, true, map_now_ns()))
		return map_errno(ddb_fail_memory(err));
	map_tell_item(map, place, MAP_VERSION_DIRECTORY, NULL);
	return 0;
}

static int make_scratch(struct map *map, const struct map_place *place, struct ddb_error *err)
{
	struct ddb_scratch_meta meta;
	if (place->exists)
		return EEXIST;
	int number = map_hold(map, place, err);
	if (number)
		return number;
	enum ddb_code code = map->engine->ops->scratch_mkdir(map->engine, &place->scratch, 0755, &meta, err);
	if (code)
		return code == DDB_CONDITIONAL_CHECK_FAILED ? EEXIST : map_errno(code);
	map_tell_path(map, place->path, MAP_VERSION_DIRECTORY, NULL);
	return 0;
}

static int make_directory(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	struct map_attr attr;
	if (place->kind == MAP_PARTITION)
		return make_partition(map, place, err);
	if (place->kind == MAP_SCRATCH_DIRECTORY)
		return make_scratch(map, place, err);
	int number = map_place_stat(map, arena, place, &attr, err);
	if (!number)
		return EEXIST;
	if (number != ENOENT)
		return number;
	return refuse(err, EINVAL,
		"A directory is a table, in a table with a sort key a partition key, or its name begins with "
		"a "
		"dot");
}

static int make_path(
	struct map *map, const struct map_caller *caller, const char *path, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	char table[DDB_TABLE_NAME_MAX + 1];
	int number = map_refuse_unwritable(map, err);
	if (number)
		return number;
	if (map_name_to_table(path, table))
		return make_table(map, path, table, err);
	ddb_arena_init(&arena, CHANGE_MEMORY);
	number = map_resolve_directory(map, &arena, path, &place, err);
	if (!number && (place.kind == MAP_TRANSACTION || place.kind == MAP_SNAPSHOT))
		return map_view_begin(map, caller,
			place.kind == MAP_SNAPSHOT ? DDB_SNAPSHOT : DDB_TRANSACTION, place.name, err);
	if (!number)
		return make_directory(map, &arena, &place, err);
	if (number != ENOENT)
		return number;
	/* The resolution knows why nothing can be made there. */
	return err->code == DDB_ACCESS_DENIED ? EPERM : map_errno(err->code);
}

int map_tree_mkdir(struct map *map, const struct map_caller *caller, const char *path)
{
	struct ddb_error err;
	return answer(map, caller, path, "mkdir", make_path(map, caller, path, &err), &err);
}

/* ---- rmdir ---- */

static int list_first(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	enum ddb_rendering rendering, struct ddb_scratch_page *ret, struct ddb_scratch_name *ret_name,
	struct ddb_error *err)
{
	struct map_place view = *place;
	view.rendering = rendering;
	map_scratch_directory(&view, ret_name->directory);
	return map_errno(
		map->engine->ops->scratch_list(map->engine, arena, ret_name->directory, NULL, 1, ret, err));
}

static int check_no_scratch(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	enum ddb_rendering rendering, struct ddb_error *err)
{
	struct ddb_scratch_page page;
	struct ddb_scratch_name name;
	int number = list_first(map, arena, place, rendering, &page, &name, err);
	return number ? number : page.count ? ENOTEMPTY : 0;
}

/* Removes something below `name`, a directory's first entry, that has nothing below it. */
static int remove_leaf(struct map *map, struct ddb_arena *arena, const struct ddb_scratch_entry *entry,
	struct ddb_scratch_name *name, struct ddb_error *err)
{
	struct ddb_engine *engine = map->engine;
	struct ddb_scratch_page page;
	bool directory = entry->meta.directory;
	name->name = entry->name;
	while (directory) {
		uint8_t inside[DDB_DIRECTORY_ID_BYTES];
		ddb_scratch_inside(&entry->meta, inside);
		int number = map_errno(engine->ops->scratch_list(engine, arena, inside, NULL, 1, &page, err));
		if (number)
			return number;
		if (!page.count)
			break;
		entry = page.entries;
		directory = entry->meta.directory;
		name->name = entry->name;
		memcpy(name->directory, inside, sizeof(inside));
	}
	int number = map_scratch_remove(map, name, directory, err);
	return number == ENOENT || number == ENOTEMPTY ? 0 : number;
}

/* What nobody who lists the directory can see goes with it: the scratch beside its typed documents. */
static int drop_typed_scratch(struct map *map, const struct map_place *place, struct ddb_error *err)
{
	struct ddb_scratch_page page;
	struct ddb_scratch_name name;
	for (;;) {
		DDB_ARENA_AUTO struct ddb_arena arena = {0};
		ddb_arena_init(&arena, CHANGE_MEMORY);
		int number = list_first(map, &arena, place, DDB_RENDER_TYPED, &page, &name, err);
		if (!number && page.count)
			number = remove_leaf(map, &arena, page.entries, &name, err);
		if (number || !page.count)
			return number;
	}
}

/* Partitions that were made or emptied here are entries until they are removed. */
static bool has_remembered(struct map *map, const struct ddb_table *table)
{
	char entry[256] = "";
	bool found;
	do
		found = map_partitions_next(map->partitions, table->id, *entry ? entry : NULL, entry);
	while (found && entry[0] == '.');
	return found;
}

static int check_table(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	struct ddb_table *table = place->table;
	struct ddb_table_counts counts;
	if (table->definition && table->definition->deletion_protection)
		return refuse(err, EPERM,
			"Resource cannot be deleted as it is currently protected against deletion. Disable "
			"deletion protection first.");
	enum ddb_code code = map->engine->ops->count_table(map->engine, table->name, &counts, err);
	if (code)
		return map_errno(code);
	if (counts.items || has_remembered(map, table))
		return ENOTEMPTY;
	return check_no_scratch(map, arena, place, DDB_RENDER_PLAIN, err);
}

int map_table_clear(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	int number = check_table(map, arena, place, err);
	return number ? number : drop_typed_scratch(map, place, err);
}

/* One without a definition that would have been removed before it: see view/transaction.h. */
static int remove_staged_table(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	if (place->table->provisional == DDB_DEFINED)
		return map_refuse_staged(map, err);
	int number = check_table(map, arena, place, err);
	if (!number)
		map_take_down(map, place->path);
	return number;
}

static int remove_table(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	if (map_is_staged(map))
		return remove_staged_table(map, arena, place, err);
	int number = map_table_clear(map, arena, place, err);
	if (number)
		return number;
	enum ddb_code code = map->engine->ops->delete_table(map->engine, place->table->name, true, err);
	if (code == DDB_VALIDATION)
		return EPERM; /* it was protected meanwhile */
	if (code == DDB_RESOURCE_IN_USE)
		return ENOTEMPTY; /* it got an item meanwhile */
	if (code)
		return map_errno(code);
	map_partitions_remove_table(map->partitions, place->table->id);
	map_hold_end_table(map, place->table->id);
	map_tell_path(map, place->path, UINT64_MAX, NULL);
	return 0;
}

static int check_no_items(struct map *map, const struct map_place *place, struct ddb_error *err)
{
	struct ddb_partition partition;
	if (!place->has_hash || !place->table->definition)
		return 0;
	enum ddb_code code = map->engine->ops->get_partition(
		map->engine, place->table->name, NULL, &place->hash, &partition, err);
	if (code == DDB_RESOURCE_NOT_FOUND)
		return 0;
	return code ? map_errno(code) : ENOTEMPTY;
}

int map_partition_clear(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	bool typed = place->rendering == DDB_RENDER_TYPED;
	int number = check_no_items(map, place, err);
	if (!number)
		number = check_no_scratch(map, arena, place, DDB_RENDER_PLAIN, err);
	if (number)
		return number;
	return typed ? check_no_scratch(map, arena, place, DDB_RENDER_TYPED, err)
		     : drop_typed_scratch(map, place, err);
}

static int remove_partition(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	if (!place->exists) {
		int found = map_partition_beside(map, place, err);
		return found == EEXIST ? ENOTDIR : found ? found : ENOENT;
	}
	int number = map_partition_clear(map, arena, place, err);
	if (number)
		return number;
	map_partitions_remove(map->partitions, place->table->id, place->partition);
	map_hold_end(map, place);
	map_tell_item(map, place, 0, NULL);
	return 0;
}

static int remove_scratch(
	struct map *map, const struct map_place *place, bool directory, struct ddb_error *err)
{
	int number = map_scratch_remove(map, &place->scratch, directory, err);
	if (number)
		return number;
	map_linger(map, place);
	map_tell_path(map, place->path, 0, NULL);
	return 0;
}

static int remove_view(struct map *map, const struct map_place *place)
{
	enum ddb_view_kind kind = place->kind == MAP_SNAPSHOT ? DDB_SNAPSHOT : DDB_TRANSACTION;
	MAP_VIEW_AUTO struct map_view *view = map_view_find(map, kind, place->name, strlen(place->name));
	if (!view)
		return ENOENT;
	map_view_remove(view, "It was removed");
	return 0;
}

static int remove_committed(struct map *map, const struct map_place *place)
{
	if (!map_committed_remove(map->committed, place->name))
		return ENOENT;
	map_tell_path(map, place->path, 0, NULL);
	return 0;
}

static int remove_directory(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	struct map_attr attr;
	if (place->kind == MAP_TABLE)
		return remove_table(map, arena, place, err);
	if (place->kind == MAP_PARTITION)
		return remove_partition(map, arena, place, err);
	if (place->kind == MAP_SCRATCH_DIRECTORY)
		return remove_scratch(map, place, true, err);
	if (place->kind == MAP_TRANSACTION || place->kind == MAP_SNAPSHOT)
		return remove_view(map, place);
	if (place->kind == MAP_COMMITTED_ENTRY)
		return remove_committed(map, place);
	if (place->row->directory)
		return refuse(err, EPERM, "This directory is always there");
	int number = map_place_stat(map, arena, place, &attr, err);
	return number ? number : ENOTDIR;
}

int map_tree_rmdir(struct map *map, const struct map_caller *caller, const char *path)
{
	if (map_is_down(map))
		return 0;
	return change(map, caller, path, true, "rmdir", remove_directory);
}

/* ---- unlink ---- */

static int remove_item(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	struct ddb_delete_item request = {.table = place->table->name};
	struct ddb_delete_result result;
	if (place->unnamed || place->table->provisional == DDB_PROVISIONAL)
		return ENOENT;
	map_linger_begin(map, place);
	enum ddb_code code = map_place_key(place, arena, &request.key, err);
	if (!code)
		code = map->engine->ops->delete_item(map->engine, &request, &result, err);
	if (code == DDB_VALIDATION && map_is_staged(map) && place->table->provisional != DDB_DEFINED) {
		map_take_down(map, place->path);
		return 0;
	}
	if (code)
		return map_errno(code);
	if (!result.existed)
		return ENOENT;
	map_linger(map, place);
	map_tell_item(map, place, 0, NULL);
	return 0;
}

static int hide_definition(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	struct map_attr attr;
	int number = map_place_stat(map, arena, place, &attr, err);
	if (number)
		return number;
	if (map_is_staged(map)) {
		map_take_down(map, place->path);
		return 0;
	}
	if (!map_definition_hide(map, place->table))
		return map_errno(ddb_fail_memory(err));
	map_tell_path(map, place->path, 0, NULL);
	return 0;
}

static int remove_file(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	if (place->kind == MAP_ITEM)
		return remove_item(map, arena, place, err);
	if (place->kind == MAP_SCRATCH)
		return remove_scratch(map, place, false, err);
	if (place->kind == MAP_DEFINITION)
		return hide_definition(map, arena, place, err);
	if (place->kind == MAP_ENTRY)
		return refuse(err, EPERM, "The file is only an item's entry here: remove the item");
	return place->row->directory ? EISDIR : refuse(err, EPERM, "This file is always there");
}

int map_tree_unlink(struct map *map, const struct map_caller *caller, const char *path)
{
	if (map_is_down(map)) {
		map_pass_over(map, path);
		return 0;
	}
	return change(map, caller, path, false, "unlink", remove_file);
}

/* ---- Times ---- */

static const char *other_path(struct ddb_arena *arena, const struct map_place *place)
{
	const char *behind = strchr(place->path, '/'), *typed = "/.typed";
	size_t table = (size_t)(behind - place->path), size = strlen(place->path) + strlen(typed) + 1;
	char *path = ddb_arena_alloc(arena, size);
	if (!path)
		return NULL;
	memcpy(path, place->path, table);
	if (place->rendering == DDB_RENDER_TYPED) {
		strcpy(path + table, behind + strlen(typed));
	} else {
		strcpy(path + table, typed);
		strcat(path + table, behind);
	}
	return path;
}

/* The caller knows what it has set; who shows the item's other document does not. */
static void tell_other(struct map *map, struct ddb_arena *arena, const struct map_place *place)
{
	struct ddb_error err;
	struct map_attr attr;
	const char *path = other_path(arena, place);
	if (path && !map_place_stat(map, arena, place, &attr, &err))
		map_tell_path(map, path, attr.version, NULL);
}

/* Those that have read the old time. */
static void tell_listings(struct map *map, const struct map_place *place)
{
	map_dirs_tell(map, place->path, 0);
}

static int set_item(struct map *map, struct ddb_arena *arena, const struct map_place *place, int64_t mtime_ns,
	uint64_t version, struct ddb_error *err)
{
	struct ddb_set_mtime request = {
		.table = place->table->name, .mtime_ns = mtime_ns, .if_version = version};
	if (place->unnamed || place->table->provisional == DDB_PROVISIONAL)
		return ENOENT;
	enum ddb_code code = map_place_key(place, arena, &request.key, err);
	if (!code)
		code = map->engine->ops->set_mtime(map->engine, &request, err);
	if (code)
		return map_errno(code);
	tell_listings(map, place);
	tell_other(map, arena, place);
	return 0;
}

static int set_definition(
	struct map *map, const struct map_place *place, int64_t mtime_ns, struct ddb_error *err)
{
	if (map_is_staged(map))
		return map_refuse_staged(map, err);
	const struct ddb_set_mtime request = {
		.table = place->table->name, .key = {.type = DDB_M}, .mtime_ns = mtime_ns};
	if (place->table->provisional != DDB_DEFINED)
		return ENOENT;
	enum ddb_code code = map->engine->ops->set_mtime(map->engine, &request, err);
	if (code)
		return map_errno(code);
	tell_listings(map, place);
	return 0;
}

/* Of directories and of what is virtual the times are what they are. */
static int set_place(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	int64_t mtime_ns, uint64_t version, struct ddb_error *err)
{
	struct map_attr attr;
	if (place->kind == MAP_ITEM)
		return set_item(map, arena, place, mtime_ns, version, err);
	if (place->kind == MAP_DEFINITION)
		return set_definition(map, place, mtime_ns, err);
	if (place->kind == MAP_SCRATCH || place->kind == MAP_SCRATCH_DIRECTORY)
		return map_errno(map->engine->ops->scratch_set(
			map->engine, &place->scratch, mtime_ns, UINT32_MAX, err));
	return map_place_stat(map, arena, place, &attr, err);
}

int map_tree_set_mtime(struct map *map, const struct map_caller *caller, const char *path, int64_t mtime_ns,
	uint64_t version)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err;
	ddb_arena_init(&arena, CHANGE_MEMORY);
	int number = map_refuse_unwritable(map, &err);
	if (!number)
		number = map_resolve(map, &arena, path, &place, &err);
	if (!number)
		number = set_place(map, &arena, &place, mtime_ns, version, &err);
	return answer(map, caller, path, "utimes", number, &err);
}
