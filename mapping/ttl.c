#include "mapping/ttl.h"

#include "mapping/file.h"
#include "mapping/holding.h"
#include "mapping/name.h"
#include "mapping/view/views.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

/* ---- The value ---- */

/* A plain decimal in its only spelling; *end is behind it. */
static bool read_digits(const char **text, const char *end, int64_t *ret)
{
	const char *at = *text;
	int64_t value = 0;
	if (at == end || (*at == '0' && at + 1 < end && at[1] >= '0' && at[1] <= '9'))
		return false;
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *at - '0', &value))
			return false;
	if (at == *text)
		return false;
	*text = at;
	*ret = value;
	return true;
}

static bool read_unit(const char **text, const char *end, int64_t *ret)
{
	static const struct {
		char letter;
		int seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	*ret = 1;
	if (*text == end)
		return true;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (**text == units[i].letter) {
			*ret = units[i].seconds;
			++*text;
			return *text == end;
		}
	return false;
}

static bool read_time(const char *text, size_t size, int64_t now, int64_t *ret)
{
	const char *end = text + size;
	int64_t unit;
	if (!size || *text != '+')
		return read_digits(&text, end, ret) && text == end;
	text++;
	return read_digits(&text, end, ret) && read_unit(&text, end, &unit) &&
	       !__builtin_mul_overflow(*ret, unit, ret) && !__builtin_add_overflow(*ret, now, ret);
}

static int check_time(const char *value, size_t size, struct ddb_value *ret, struct ddb_number *number,
	struct ddb_error *err)
{
	int64_t time;
	if (!read_time(value, size, map_now_ns() / 1000000000, &time)) {
		ddb_fail(err, DDB_VALIDATION,
			"An expiry is N seconds since 1970, or +N, +Ns, +Nm, +Nh, +Nd from now on");
		return EINVAL;
	}
	ddb_number_from_int(time, number);
	*ret = ddb_number_value(number);
	return 0;
}

/* ---- The item ---- */

static const char *attribute_of(const struct map_place *place)
{
	return place->table && place->table->definition ? place->table->definition->ttl_attribute : NULL;
}

static int unsupported(struct ddb_error *err)
{
	ddb_fail(err, DDB_VALIDATION, "TimeToLive is disabled");
	return EOPNOTSUPP;
}

static struct ddb_value name_value(const struct map_place *place)
{
	const char *name = attribute_of(place);
	return ddb_string(name, strlen(name));
}

/* The attribute of the item, a number, into `ret`; count 0: it has none. ENOENT: there is no such item. */
static int read_attribute(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_get_item get = {.table = place->table->name, .consistent = true};
	struct ddb_get_result result = {.found = false};
	struct ddb_value name = name_value(place);
	const struct ddb_value names = {.type = DDB_L, .count = 1, .elements = &name};
	if (place->unnamed)
		return ENOENT;
	enum ddb_code code = map_place_key(place, arena, &get.key, err);
	if (!code)
		code = ddb_selection_of_names(arena, &names, &get.selection, err);
	if (!code)
		code = map->engine->ops->get_item(map->engine, arena, &get, &result, err);
	if (code)
		return map_errno(code);
	if (!result.found)
		return ENOENT;
	const struct ddb_value *value = ddb_map_get(&result.entry.item, (const char *)name.bytes, name.count);
	*ret = value && value->type == DDB_N ? *value : (struct ddb_value){.type = DDB_N};
	return 0;
}

int map_ttl_get(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	char ret[MAP_PATH_MAX], struct ddb_error *err)
{
	struct ddb_value value;
	if (place->kind != MAP_ITEM)
		return ENODATA;
	if (!attribute_of(place))
		return unsupported(err);
	int number = read_attribute(map, arena, place, &value, err);
	if (number || value.count == 0)
		return number ? number : ENODATA;
	ddb_number_write(value.bytes, value.count, ret);
	return 0;
}

/* ---- Changing it ---- */

/* Whether the file is of a kind that has the attribute; 0. A scratch file has it in its text. */
static int check_place(const struct map_place *place, struct ddb_error *err)
{
	if (place->kind == MAP_ENTRY) {
		ddb_fail(err, DDB_ACCESS_DENIED, "The file is read-only");
		return EACCES;
	}
	if (place->kind != MAP_ITEM && place->kind != MAP_SCRATCH) {
		ddb_fail(err, DDB_VALIDATION, "Only an item expires");
		return EOPNOTSUPP;
	}
	return attribute_of(place) ? 0 : unsupported(err);
}

static int update(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	const struct ddb_changes *changes, struct ddb_error *err)
{
	struct ddb_update_item request = {
		.table = place->table->name, .changes = changes, .condition = DDB_IF_PRESENT};
	struct ddb_put_result result;
	enum ddb_code code = map_place_key(place, arena, &request.key, err);
	if (!code)
		code = map->engine->ops->update_item(map->engine, &request, &result, err);
	if (code == DDB_CONDITIONAL_CHECK_FAILED)
		return ENOENT;
	if (!code)
		map_tell_item(map, place, result.meta.version, NULL);
	return map_errno(code);
}

static int set_attribute(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	const struct ddb_value *value, struct ddb_error *err)
{
	const char *name = attribute_of(place);
	struct ddb_attribute attribute = {
		.name = name, .name_length = (uint32_t)strlen(name), .value = *value};
	const struct ddb_value map_value = {.type = DDB_M, .count = 1, .attributes = &attribute};
	const struct ddb_changes *changes = NULL;
	enum ddb_code code = ddb_changes_of_map(arena, &map_value, &changes, err);
	return code ? map_errno(code) : update(map, arena, place, changes, err);
}

/* As it is shown: whoever copies a file's attributes sets that. */
static bool is_same(const struct ddb_value *old, const char *value, size_t size)
{
	char text[DDB_NUMBER_TEXT_MAX];
	return old->count > 0 && ddb_number_write(old->bytes, old->count, text) == size &&
	       memcmp(text, value, size) == 0;
}

int map_ttl_set(struct map *map, struct ddb_arena *arena, const struct map_place *place, const char *value,
	size_t size, int flags, struct ddb_error *err)
{
	struct ddb_value old = {.type = DDB_N}, new = old;
	struct ddb_number time;
	int number = check_place(place, err);
	if (!number && place->kind == MAP_ITEM)
		number = read_attribute(map, arena, place, &old, err);
	if (number)
		return number;
	if (place->kind == MAP_ITEM && flags & XATTR_CREATE && old.count > 0)
		return EEXIST;
	if (place->kind == MAP_ITEM && flags & XATTR_REPLACE && old.count == 0)
		return ENODATA;
	if (is_same(&old, value, size))
		return 0;
	number = check_time(value, size, &new, &time, err);
	if (number || place->kind != MAP_ITEM)
		return number;
	return ddb_value_equal(&old, &new) ? 0 : set_attribute(map, arena, place, &new, err);
}

int map_ttl_remove(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	static const char expression[] = "REMOVE #t";
	const struct ddb_changes *changes = NULL;
	struct ddb_scope scope;
	struct ddb_value old;
	int number = place->kind == MAP_SCRATCH ? ENODATA : check_place(place, err);
	if (!number)
		number = read_attribute(map, arena, place, &old, err);
	if (number || old.count == 0)
		return number ? number : ENODATA;
	struct ddb_attribute name = {.name = "#t", .name_length = 2, .value = name_value(place)};
	const struct ddb_value names = {.type = DDB_M, .count = 1, .attributes = &name};
	enum ddb_code code = ddb_scope_init(&scope, arena, &names, NULL, false, err);
	if (!code)
		code = ddb_changes_parse(&scope, expression, strlen(expression), &changes, err);
	return code ? map_errno(code) : update(map, arena, place, changes, err);
}

/* ---- A file whose attributes come first ---- */

static int check_make(struct map *map, const char *path, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_resolve(map, &arena, path, &place, err);
	if (!number && place.kind == MAP_ITEM && attribute_of(&place))
		return 0;
	ddb_fail(err, DDB_ACCESS_DENIED, "Files are made by writing them");
	return EPERM;
}

int map_make(struct map *map, const struct map_caller *caller, const char *path)
{
	struct map_file *file;
	struct map_attr attr;
	struct ddb_error err;
	int number = map_refuse_unwritable(map, &err);
	if (!number)
		number = check_make(map, path, &err);
	if (number)
		return map_refused(map, caller, path, "mknod", number, &err);
	number = map_create(map, caller, path, O_WRONLY | O_EXCL, 0644, &file, &attr);
	if (number)
		return number;
	number = map_file_settle(file, caller);
	int released = map_file_release(file, caller);
	return number ? number : released;
}

/* ---- What TTL has removed ---- */

/* The directory lingers as after an unlink, for whoever is in it. */
static void tell_of_partition(struct map *map, const struct map_place *place)
{
	struct ddb_partition partition;
	struct ddb_error err;
	if (map->engine->ops->get_partition(map->engine, place->table->name, NULL, &place->hash, &partition,
		    &err) != DDB_RESOURCE_NOT_FOUND)
		return;
	map_hold_emptied(map, place);
	map_linger(map, place);
}

static void tell(struct map *map, const struct ddb_table *table, const struct ddb_value *key)
{
	const struct ddb_value *hash = map_key_value(table, key, false);
	const struct ddb_value *range = map_key_value(table, key, true);
	struct map_place place = {.kind = MAP_PARTITION, .has_hash = true};
	char partition[MAP_NAME_MAX + 1];
	if (!hash)
		return;
	map_tell_key(map, table, hash, range, false, 0, NULL);
	if (!range)
		return;
	map_name_of_key(hash, false, partition);
	place.table = (struct ddb_table *)(uintptr_t)table;
	place.partition = place.name = partition;
	place.hash = *hash;
	tell_of_partition(map, &place);
}

static void on_expired(void *context, const struct ddb_table *table, const struct ddb_value *key)
{
	struct map *map = context;
	if (map->options.enter)
		map->options.enter(map->options.context);
	tell(map, table, key);
	if (map->options.leave)
		map->options.leave(map->options.context);
}

void map_watch(struct map *map, bool watch)
{
	if (map->engine->ops->watch_expired)
		map->engine->ops->watch_expired(map->engine, watch ? on_expired : NULL, map);
}
