/*
 * The names that are keys, tables, segments and scratch files. See match.h.
 */
#include "mapping/match.h"

#include "engine/wire/wire.h"

#include "mapping/name.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_MAX = 1000000 };

static const char suffix[] = ".json";
static const char behind[] = ".scratch";

static bool ends_with(const char *name, size_t length, const char *end)
{
	size_t end_length = strlen(end);
	return length >= end_length && !memcmp(name + length - end_length, end, end_length);
}

static bool has_sort_key(const struct ddb_table *table)
{
	return table->definition && table->definition->has_range;
}

/* Neither kind yet. */
static bool is_kindless(const struct ddb_table *table)
{
	return table->provisional == DDB_PROVISIONAL;
}

/* ---- Tables ---- */

int map_match_table(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	char name[DDB_TABLE_NAME_MAX + 1];
	(void)arena;
	if (!map_name_to_table(step->name, name))
		return MAP_NOT_MINE;
	enum ddb_code code = map->engine->ops->describe_table(map->engine, name, &ret->table, err);
	if (code == DDB_RESOURCE_NOT_FOUND)
		return MAP_NOT_MINE;
	return map_errno(code);
}

int map_match_typed(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	(void)map, (void)arena, (void)step, (void)err;
	ret->rendering = DDB_RENDER_TYPED;
	return 0;
}

/* ---- Keys ---- */

/* A key value that a name was decoded to; `found` is false for a long name that nobody has. */
struct decoded {
	struct ddb_value value;
	bool found;
};

static int decode_stand_in(const struct map_step *step, bool item, struct ddb_arena *arena,
	struct decoded *ret, struct ddb_error *err)
{
	char text[MAP_NAME_MAX + 1];
	if (!map_name_plausible(step->name, item))
		return MAP_NOT_MINE;
	map_name_strip(step->name, item, text);
	size_t length = strlen(text);
	const char *copy = ddb_arena_copy(arena, text, length);
	if (!copy)
		return map_errno(ddb_fail_memory(err));
	*ret = (struct decoded){.value = ddb_string(copy, length), .found = true};
	return 0;
}

static int find_long(struct map *map, const struct map_step *step, bool item, const struct map_place *place,
	struct ddb_find_alias *request, struct ddb_arena *arena, struct decoded *ret, struct ddb_error *err)
{
	struct ddb_engine *engine = map->engine;
	char name[MAP_NAME_MAX + 1];
	struct decoded decoded = {.found = false};
	if (request->partition && !place->has_hash) {
		*ret = decoded; /* of a partition that nobody has */
		return 0;
	}
	request->table = place->table->name;
	enum ddb_code code = engine->ops->find_alias(engine, arena, request, &decoded.value, err);
	if (code && code != DDB_RESOURCE_NOT_FOUND)
		return map_errno(code);
	decoded.found = !code;
	if (decoded.found) {
		map_name_of_key(&decoded.value, item, name);
		if (strcmp(name, step->name))
			return MAP_NOT_MINE;
	}
	*ret = decoded;
	return 0;
}

/* `range`: the name is a sort key's, of the partition that `place` is. */
static int decode(struct map *map, const struct map_step *step, bool item, bool range,
	const struct map_place *place, struct ddb_arena *arena, struct decoded *ret, struct ddb_error *err)
{
	const struct ddb_table *table = place->table;
	struct ddb_find_alias request = {.partition = range ? &place->hash : NULL};
	if (table->provisional != DDB_DEFINED)
		return decode_stand_in(step, item, arena, ret, err);
	enum ddb_type type = range ? table->definition->range.type : table->definition->hash.type;
	struct decoded decoded = {.found = true};
	switch (map_name_decode(step->name, item, type, arena, &decoded.value, request.alias)) {
	case MAP_NAME_NONE:
		return MAP_NOT_MINE;
	case MAP_NAME_KEY:
		*ret = decoded;
		return 0;
	case MAP_NAME_LONG:
		break;
	}
	return find_long(map, step, item, place, &request, arena, ret, err);
}

static bool looks_like_item(const struct map_step *step)
{
	return step->name[0] != '.' && ends_with(step->name, step->length, suffix);
}

int map_match_item(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	struct decoded decoded = {.found = false};
	if (!looks_like_item(step) || has_sort_key(ret->table))
		return MAP_NOT_MINE;
	if (is_kindless(ret->table) && step->directory)
		return MAP_NOT_MINE;
	int number = decode(map, step, true, false, ret, arena, &decoded, err);
	if (number)
		return number;
	ret->has_hash = decoded.found;
	ret->hash = decoded.value;
	ret->unnamed = !decoded.found;
	return 0;
}

int map_match_sort_item(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	struct decoded decoded = {.found = false};
	if (!looks_like_item(step))
		return MAP_NOT_MINE;
	int number = decode(map, step, true, true, ret, arena, &decoded, err);
	if (number)
		return number;
	ret->has_range = decoded.found;
	ret->range = decoded.value;
	ret->unnamed |= !decoded.found;
	return 0;
}

/* ---- Partitions ---- */

/* Scratch files keep a directory alive that has nothing else: also after a remount nobody shall have lost
 * them. */
static int find_by_scratch(
	struct map *map, struct ddb_arena *arena, struct map_place *ret, struct ddb_error *err)
{
	struct ddb_engine *engine = map->engine;
	uint8_t directory[DDB_DIRECTORY_ID_BYTES];
	struct ddb_scratch_page page = {0};
	map_scratch_directory(ret, directory);
	enum ddb_code code = engine->ops->scratch_list(engine, arena, directory, NULL, 1, &page, err);
	if (code)
		return map_errno(code);
	ret->exists = page.count > 0;
	ret->mtime_ns = ret->exists ? page.entries[0].meta.mtime_ns : 0;
	return 0;
}

/* Fills exists and mtime_ns of a partition that is the last component. */
static int find_partition(
	struct map *map, struct ddb_arena *arena, struct map_place *ret, struct ddb_error *err)
{
	struct ddb_engine *engine = map->engine;
	const struct ddb_table *table = ret->table;
	struct ddb_partition partition;
	if (ret->has_hash && !is_kindless(table)) {
		enum ddb_code code =
			engine->ops->get_partition(engine, table->name, NULL, &ret->hash, &partition, err);
		if (code && code != DDB_RESOURCE_NOT_FOUND)
			return map_errno(code);
		ret->exists = !code;
		ret->mtime_ns = code ? 0 : partition.mtime_ns;
		if (ret->exists)
			return 0;
	}
	ret->exists = map_partitions_find(map->partitions, table->id, ret->partition, &ret->mtime_ns, NULL);
	return ret->exists ? 0 : find_by_scratch(map, arena, ret, err);
}

static bool takes_partitions(const struct ddb_table *table, const struct map_step *step)
{
	if (is_kindless(table))
		return step->directory;
	return has_sort_key(table);
}

int map_match_partition(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	struct decoded decoded = {.found = false};
	if (step->name[0] == '.' || !takes_partitions(ret->table, step))
		return MAP_NOT_MINE;
	int number = decode(map, step, false, false, ret, arena, &decoded, err);
	if (number)
		return number;
	struct map_place place = *ret;
	place.kind = MAP_PARTITION;
	place.partition = step->name;
	place.has_hash = decoded.found;
	place.hash = decoded.value;
	place.unnamed = !decoded.found;
	if (step->last)
		number = find_partition(map, arena, &place, err);
	if (number)
		return number;
	if (step->last && !step->directory && !place.exists)
		return MAP_NOT_MINE;
	*ret = place;
	return 0;
}

/* ---- Scratch files and directories ---- */

static bool may_be_scratch(const struct map_place *parent, const struct map_step *step)
{
	if (step->name[0] == '.' || parent->kind == MAP_SCRATCH_DIRECTORY)
		return true;
	return parent->kind != MAP_ROOT && !ends_with(step->name, step->length, suffix);
}

static int find_scratch(struct map *map, const struct ddb_scratch_name *name, struct ddb_scratch_meta *ret,
	bool *ret_found, struct ddb_error *err)
{
	enum ddb_code code = map->engine->ops->scratch_stat(map->engine, name, ret, err);
	*ret_found = !code;
	return code == DDB_RESOURCE_NOT_FOUND ? 0 : map_errno(code);
}

static int stat_scratch(
	struct map *map, const struct ddb_scratch_name *name, bool *ret_found, struct ddb_error *err)
{
	struct ddb_scratch_meta meta;
	return find_scratch(map, name, &meta, ret_found, err);
}

/* Looks through a directory's scratch files for the one that is shown as `shown`: only for names that had to
 * be cut. */
static int find_shown(struct map *map, struct ddb_arena *arena, const char *shown,
	struct ddb_scratch_name *name, bool *ret_found, struct ddb_error *err)
{
	enum { PAGE = 100 };
	struct ddb_engine *engine = map->engine;
	struct ddb_scratch_page page = {.more = true};
	char text[256];
	*ret_found = false;
	for (const char *after = NULL; page.more; after = page.entries[page.count - 1].name) {
		enum ddb_code code =
			engine->ops->scratch_list(engine, arena, name->directory, after, PAGE, &page, err);
		if (code)
			return map_errno(code);
		for (size_t i = 0; i < page.count; i++) {
			map_scratch_shown(page.entries[i].name, text);
			*ret_found = !strcmp(text, shown);
			name->name = page.entries[i].name;
			if (*ret_found)
				return 0;
		}
		if (!page.count)
			return 0;
	}
	return 0;
}

static int find_behind(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct ddb_scratch_name *name, bool *ret_found, struct ddb_error *err)
{
	size_t length = step->length - strlen(behind) - 1;
	name->name = ddb_arena_copy(arena, step->name + 1, length);
	if (!name->name)
		return map_errno(ddb_fail_memory(err));
	int number = stat_scratch(map, name, ret_found, err);
	if (number || *ret_found || !strstr(step->name, "~~"))
		return number;
	return find_shown(map, arena, step->name, name, ret_found, err);
}

/* Whether `name`, a scratch file's in the directory `parent`, is also that of a partition, which then has the
 * name. */
static int is_partition(struct map *map, struct ddb_arena *arena, const char *name,
	const struct map_place *parent, bool *ret, struct ddb_error *err)
{
	const struct map_step step = {.name = name, .length = strlen(name), .last = true};
	struct map_place place = *parent;
	int number = map_match_partition(map, arena, &step, &place, err);
	*ret = !number;
	return number == MAP_NOT_MINE ? 0 : number;
}

/* ".NAME.scratch" is the scratch file NAME while a partition NAME stands before it. */
static int look_behind(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	struct ddb_scratch_name name = ret->scratch;
	bool found, hidden = false;
	int number = stat_scratch(map, &ret->scratch, &found, err);
	if (number || found)
		return number;
	number = find_behind(map, arena, step, &name, &found, err);
	if (!number && found)
		number = is_partition(map, arena, name.name, ret, &hidden, err);
	if (!number && hidden)
		ret->scratch = name;
	return number;
}

static bool may_be_behind(const struct map_place *parent, const struct map_step *step)
{
	bool in_table = parent->kind == MAP_TABLE || parent->kind == MAP_TYPED;
	return in_table && has_sort_key(parent->table) && step->name[0] == '.' &&
	       step->length >= strlen(behind) + 2 && ends_with(step->name, step->length, behind);
}

int map_match_scratch(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	if (!may_be_scratch(ret, step))
		return MAP_NOT_MINE;
	map_scratch_directory(ret, ret->scratch.directory);
	ret->scratch.name = step->name;
	return may_be_behind(ret, step) ? look_behind(map, arena, step, ret, err) : 0;
}

/* A new one may have any name that scratch can have and nothing has yet. */
static int check_new_directory(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	const struct map_place *parent, struct ddb_error *err)
{
	struct map_place place = *parent;
	if (!step->directory)
		return MAP_NOT_MINE;
	int number = map_match_scratch(map, arena, step, &place, err);
	return number || place.scratch.name == step->name ? number : MAP_NOT_MINE;
}

int map_match_scratch_directory(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	struct ddb_scratch_name name = {.name = step->name};
	struct ddb_scratch_meta meta;
	bool found;
	if (step->name[0] != '.' && ret->kind != MAP_SCRATCH_DIRECTORY)
		return MAP_NOT_MINE;
	map_scratch_directory(ret, name.directory);
	int number = find_scratch(map, &name, &meta, &found, err);
	if (!number && !found)
		number = check_new_directory(map, arena, step, ret, err);
	if (!number && found && !meta.directory)
		return MAP_NOT_MINE;
	if (number)
		return number;
	ret->scratch = name;
	ret->exists = found;
	memset(ret->inside, 0, sizeof(ret->inside));
	if (found)
		ddb_scratch_inside(&meta, ret->inside);
	return 0;
}

/* ---- Operations ---- */

int map_match_operation(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	(void)map, (void)arena, (void)ret, (void)err;
	return ddb_wire_knows(step->name) ? 0 : MAP_NOT_MINE;
}

/* ---- Segments ---- */

/* A decimal without leading zeros that is at most `max`, and what follows it. */
static bool read_decimal(const char *text, uint32_t max, uint32_t *ret, const char **ret_rest)
{
	uint64_t value = 0;
	const char *digit = text;
	if (*text == '0' && text[1] >= '0' && text[1] <= '9')
		return false;
	for (; *digit >= '0' && *digit <= '9'; digit++) {
		value = value * 10 + (uint64_t)(*digit - '0');
		if (value > max)
			return false;
	}
	*ret = (uint32_t)value;
	*ret_rest = digit;
	return digit != text;
}

int map_match_segments(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	uint32_t segments;
	const char *rest;
	(void)map, (void)arena, (void)err;
	if (!read_decimal(step->name, SEGMENTS_MAX, &segments, &rest) || *rest || !segments)
		return MAP_NOT_MINE;
	ret->segments = segments;
	return 0;
}

int map_match_segment(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	uint32_t segment;
	const char *rest;
	(void)map, (void)arena, (void)err;
	if (!read_decimal(step->name, ret->segments - 1, &segment, &rest) || strcmp(rest, ".jsonl"))
		return MAP_NOT_MINE;
	ret->segment = segment;
	return 0;
}
