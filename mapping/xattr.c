/*
 * Extended attributes: one row for each that is ours, one for each family that tools try. A name that is not
 * ours costs a few comparisons and never the store: tools ask for some on every file.
 */
#include "mapping/tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { XATTR_MEMORY = 1 << 20 };

/* Writes the value as text; ENODATA where the file has none. */
typedef int get_value(struct map *map, struct ddb_arena *arena, const struct map_place *place, char ret[64],
	struct ddb_error *err);

static int get_size(struct map *map, struct ddb_arena *arena, const struct map_place *place, char ret[64],
	struct ddb_error *err)
{
	struct ddb_get_item request = {.meta_only = true};
	struct ddb_get_result result;
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
	snprintf(ret, 64, "%u", result.entry.meta.size);
	return 0;
}

static const struct row {
	const char *name;
	bool family;     /* all names that begin so */
	get_value *get;  /* NULL: nobody has one */
	int set, remove; /* what changing it is answered with */
	bool quiet;      /* not worth a line in /.errors: tools try it on every file */
} rows[] = {
	{"user.size", false, get_size, EACCES, EACCES, false},
	{"system.posix_acl_", true, NULL, EOPNOTSUPP, EOPNOTSUPP, true},
	{"security.", true, NULL, EOPNOTSUPP, EOPNOTSUPP, true},
	{"user.", true, NULL, EOPNOTSUPP, ENODATA, false},
	{"", true, NULL, EOPNOTSUPP, EOPNOTSUPP, true},
};

static const struct row *find(const char *name)
{
	const struct row *row = rows;
	while (row->family ? strncmp(name, row->name, strlen(row->name)) != 0 : strcmp(name, row->name) != 0)
		row++;
	return row;
}

static int give(const char *text, char *value, size_t size, size_t *ret_length)
{
	size_t length = strlen(text);
	if (size && length > size)
		return ERANGE;
	if (size)
		memcpy(value, text, length);
	*ret_length = length;
	return 0;
}

int map_getxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	char *value, size_t size, size_t *ret_length)
{
	const struct row *row = find(name);
	if (!row->get)
		return ENODATA;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err;
	char text[64];
	ddb_arena_init(&arena, XATTR_MEMORY);
	int number = map_resolve(map, &arena, path, &place, &err);
	if (!number)
		number = row->get(map, &arena, &place, text, &err);
	if (!number)
		return give(text, value, size, ret_length);
	if (number == ENOENT || number == ENODATA || number == ENOTDIR || number == ENAMETOOLONG)
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

int map_setxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	const char *value, size_t size, int flags)
{
	const struct row *row = find(name);
	(void)value, (void)size, (void)flags;
	if (map->options.read_only)
		return EROFS;
	return refuse_change(map, caller, path, row, name, "setxattr", row->set);
}

/* Ours answer when they are asked for and are not listed. */
int map_listxattr(struct map *map, const struct map_caller *caller, const char *path, char *list, size_t size,
	size_t *ret_length)
{
	(void)map, (void)caller, (void)path, (void)list, (void)size;
	*ret_length = 0;
	return 0;
}

int map_removexattr(struct map *map, const struct map_caller *caller, const char *path, const char *name)
{
	const struct row *row = find(name);
	if (map->options.read_only)
		return EROFS;
	return refuse_change(map, caller, path, row, name, "removexattr", row->remove);
}
