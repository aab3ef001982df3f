/*
 * Extended attributes: one row for each that is ours, one for each family that tools try. A name that is not
 * ours costs a few comparisons and never the store: tools ask for some on every file.
 */
#include "engine/utf8.h"
#include "mapping/query/entry.h"
#include "mapping/file.h"
#include "mapping/view/route.h"
#include "mapping/view/transaction.h"
#include "mapping/ttl.h"
#include "mapping/view/views.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Writes the value as text; ENODATA where the file has none. */
typedef int get_value(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	char ret[MAP_PATH_MAX], struct ddb_error *err);
/* Does what the value says; EOPNOTSUPP where a file has no such attribute. */
typedef int set_value(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	const char *value, size_t size, int flags, struct ddb_error *err);
/* ENODATA where there is none. */
typedef int remove_value(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err);

/* ---- user.size, user.item ---- */

static int get_entry_size(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	char ret[MAP_PATH_MAX], struct ddb_error *err)
{
	struct ddb_entry entry;
	int number = map_entry_get(map, arena, place, true, &entry, err);
	if (!number)
		snprintf(ret, MAP_PATH_MAX, "%u", entry.meta.size);
	return number;
}

static int get_size(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	char ret[MAP_PATH_MAX], struct ddb_error *err)
{
	struct ddb_get_item request = {.meta_only = true};
	struct ddb_get_result result;
	if (place->kind == MAP_ENTRY)
		return get_entry_size(map, arena, place, ret, err);
	if (place->kind != MAP_ITEM)
		return ENODATA;
	if (place->unnamed || place->table->provisional == DDB_PROVISIONAL)
		return ENOENT;
	request.table = place->table->name;
	enum ddb_code code = map_place_key(place, arena, &request.key, err);
	if (!code)
		code = map->engine->ops->get_item(map->engine, arena, &request, &result, err);
	if (code)
		return map_errno(code);
	if (!result.found)
		return ENOENT;
	snprintf(ret, MAP_PATH_MAX, "%u", result.entry.meta.size);
	return 0;
}

static int get_item_path(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	char ret[MAP_PATH_MAX], struct ddb_error *err)
{
	struct ddb_entry entry;
	if (place->kind != MAP_ENTRY)
		return ENODATA;
	int number = map_entry_get(map, arena, place, true, &entry, err);
	return number ? number : map_entry_item_path(place, ret);
}

/* ---- user.update ---- */

static int get_nothing(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	char ret[MAP_PATH_MAX], struct ddb_error *err)
{
	(void)map, (void)arena, (void)ret;
	if (place->kind != MAP_ITEM)
		return ENODATA;
	ddb_fail(err, DDB_ACCESS_DENIED, "The attribute can only be set: user.update");
	return EACCES;
}

static enum ddb_code run_update(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	const char *expression, size_t length, struct ddb_put_result *ret, struct ddb_error *err)
{
	struct ddb_update_item update = {.table = place->table->name, .condition = DDB_IF_PRESENT};
	struct ddb_scope scope;
	if (ddb_utf8_prefix(expression, length) != length)
		return ddb_fail(err, DDB_VALIDATION, "An expression is UTF-8 text");
	enum ddb_code code = ddb_scope_init(&scope, arena, NULL, NULL, true, err);
	if (!code)
		code = ddb_changes_parse(&scope, expression, length, &update.changes, err);
	if (!code)
		code = map_place_key(place, arena, &update.key, err);
	return code ? code : map->engine->ops->update_item(map->engine, &update, ret, err);
}

/* The attribute is a file's that was found: an item that went meanwhile is not made anew. */
static int set_update(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	const char *value, size_t size, int flags, struct ddb_error *err)
{
	struct ddb_put_result result;
	(void)flags;
	if (place->kind != MAP_ITEM) {
		bool entry = place->kind == MAP_ENTRY;
		ddb_fail(err, entry ? DDB_ACCESS_DENIED : DDB_VALIDATION,
			entry ? "The file is read-only" : "Only an item can be updated");
		return entry ? EACCES : EOPNOTSUPP;
	}
	if (place->unnamed || place->table->provisional == DDB_PROVISIONAL)
		return ENOENT;
	enum ddb_code code = run_update(map, arena, place, value, size, &result, err);
	if (code == DDB_CONDITIONAL_CHECK_FAILED)
		return ENOENT;
	if (!code)
		map_tell_item(map, place, result.meta.version, NULL);
	return map_errno(code);
}

/* ---- user.condition ---- */

/* Only in a transaction, and of an item that is there: for others there is .conditions.jsonl. */
static bool can_be_asked(const struct map *map, const struct map_place *place)
{
	return map_is_staged(map) && place->kind == MAP_ITEM && !place->unnamed &&
	       place->table->provisional != DDB_PROVISIONAL;
}

static int get_condition(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	char ret[MAP_PATH_MAX], struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	(void)arena, (void)err;
	ddb_buffer_init(&text, MAP_PATH_MAX - 1);
	if (!can_be_asked(map, place) || !map_condition_get(map, place, &text))
		return ENODATA;
	snprintf(ret, MAP_PATH_MAX, "%.*s", (int)text.length, text.bytes);
	return 0;
}

static int refuse_condition(const struct map_place *place, struct ddb_error *err)
{
	bool entry = place->kind == MAP_ENTRY;
	ddb_fail(err, entry ? DDB_ACCESS_DENIED : DDB_VALIDATION,
		entry ? "The file is read-only" : "Only an item in a transaction can have a condition");
	return entry ? EACCES : EOPNOTSUPP;
}

static int set_condition(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	const char *value, size_t size, int flags, struct ddb_error *err)
{
	struct map_attr attr;
	(void)flags;
	if (!can_be_asked(map, place))
		return refuse_condition(place, err);
	int number = map_place_stat(map, arena, place, &attr, err);
	return number ? number : map_errno(map_condition_set(map, place, value, size, false, err));
}

static int drop_condition(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	(void)arena;
	if (!can_be_asked(map, place))
		return refuse_condition(place, err);
	return map_condition_remove(map, place) ? 0 : ENODATA;
}

/* ---- The table ---- */

static const struct row {
	const char *name;
	bool family;          /* all names that begin so */
	get_value *get;       /* NULL: nobody has one */
	set_value *set;       /* NULL: `unset` */
	remove_value *remove; /* NULL: `kept` */
	int unset;            /* what setting it is answered with */
	int kept;             /* and removing it */
	bool quiet;           /* not worth a line in /.errors: tools try it on every file */
} rows[] = {
	{"user.ttl", false, map_ttl_get, map_ttl_set, map_ttl_remove, 0, 0, false},
	{"user.size", false, get_size, NULL, NULL, EACCES, EACCES, false},
	{"user.item", false, get_item_path, NULL, NULL, EACCES, EACCES, false},
	{"user.update", false, get_nothing, set_update, NULL, 0, EACCES, false},
	{"user.condition", false, get_condition, set_condition, drop_condition, 0, 0, false},
	{"system.posix_acl_", true, NULL, NULL, NULL, EOPNOTSUPP, EOPNOTSUPP, true},
	{"security.", true, NULL, NULL, NULL, EOPNOTSUPP, EOPNOTSUPP, true},
	{"user.", true, NULL, NULL, NULL, EOPNOTSUPP, ENODATA, false},
	{"", true, NULL, NULL, NULL, EOPNOTSUPP, EOPNOTSUPP, true},
};

static const struct row *find(const char *name)
{
	const struct row *row = rows;
	while (row->family ? strncmp(name, row->name, strlen(row->name)) != 0 : strcmp(name, row->name) != 0)
		row++;
	return row;
}

static int give(const char *text, size_t length, char *value, size_t size, size_t *ret_length)
{
	if (size && length > size)
		return ERANGE;
	if (size)
		memcpy(value, text, length);
	*ret_length = length;
	return 0;
}

static bool is_answer(int number)
{
	return number == ENOENT || number == ENODATA || number == ENOTDIR || number == ENAMETOOLONG ||
	       number == EEXIST;
}

int map_tree_getxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	char *value, size_t size, size_t *ret_length)
{
	const struct row *row = find(name);
	if (!row->get)
		return ENODATA;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err;
	char text[MAP_PATH_MAX];
	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_resolve(map, &arena, path, &place, &err);
	if (!number)
		number = row->get(map, &arena, &place, text, &err);
	if (!number)
		return give(text, strlen(text), value, size, ret_length);
	if (is_answer(number))
		return number;
	return map_refused(map, caller, path, "getxattr", number, &err);
}

static int refuse_change(struct map *map, const struct map_caller *caller, const char *path,
	const struct row *row, const char *name, const char *operation, int number)
{
	struct ddb_error err;
	if (row->quiet || number == ENODATA)
		return number;
	ddb_fail(&err, number == EOPNOTSUPP ? DDB_VALIDATION : DDB_ACCESS_DENIED,
		row->get ? "The attribute cannot be changed: %s" : "There is no such attribute: %s", name);
	return map_refused(map, caller, path, operation, number, &err);
}

static int refuse_unwritable(
	struct map *map, const struct map_caller *caller, const char *path, const char *operation)
{
	struct ddb_error err;
	int number = map_refuse_unwritable(map, &err);
	return number ? map_refused(map, caller, path, operation, number, &err) : 0;
}

static int set(struct map *map, const struct map_caller *caller, const char *path, const struct row *row,
	const char *value, size_t size, int flags)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err;
	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_resolve(map, &arena, path, &place, &err);
	if (!number)
		number = row->set(map, &arena, &place, value, size, flags, &err);
	return !number || is_answer(number) ? number
					    : map_refused(map, caller, path, "setxattr", number, &err);
}

int map_tree_setxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	const char *value, size_t size, int flags)
{
	const struct row *row = find(name);
	int number = refuse_unwritable(map, caller, path, "setxattr");
	if (number)
		return number;
	if (row->set)
		return set(map, caller, path, row, value, size, flags);
	return refuse_change(map, caller, path, row, name, "setxattr", row->unset);
}

/*
 * Of ours only the expiry is listed, for it belongs to the file as its times do; the others answer when they
 * are asked for.
 */
int map_tree_listxattr(struct map *map, const struct map_caller *caller, const char *path, char *list,
	size_t size, size_t *ret_length)
{
	static const char name[] = "user.ttl";
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err;
	char text[MAP_PATH_MAX];
	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	*ret_length = 0;
	int number = map_resolve(map, &arena, path, &place, &err);
	if (!number)
		number = map_ttl_get(map, &arena, &place, text, &err);
	if (!number)
		return give(name, sizeof name, list, size, ret_length);
	if (number == ENODATA || number == EOPNOTSUPP || is_answer(number))
		return 0;
	return map_refused(map, caller, path, "listxattr", number, &err);
}

static int remove_one(
	struct map *map, const struct map_caller *caller, const char *path, const struct row *row)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err;
	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_resolve(map, &arena, path, &place, &err);
	if (!number)
		number = row->remove(map, &arena, &place, &err);
	return !number || is_answer(number) ? number
					    : map_refused(map, caller, path, "removexattr", number, &err);
}

int map_tree_removexattr(struct map *map, const struct map_caller *caller, const char *path, const char *name)
{
	const struct row *row = find(name);
	int number = refuse_unwritable(map, caller, path, "removexattr");
	if (number)
		return number;
	if (row->remove)
		return remove_one(map, caller, path, row);
	return refuse_change(map, caller, path, row, name, "removexattr", row->kept);
}
