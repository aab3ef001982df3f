/*
 * The sections of directories: fixed names, tables, items, partitions, remembered partitions, scratch files
 * and directories, segments. Each asks the engine for what follows its mark and adds it to the page. See
 * directory.h.
 */
#include "mapping/directory.h"

#include "engine/record.h"
#include "engine/wire/wire.h"
#include "mapping/name.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

void map_mark_done(struct map_mark *mark)
{
	free(mark->bytes);
	*mark = (struct map_mark){.section = mark->section};
}

/* ---- What sections share ---- */

uint32_t map_fill_room(const struct map_fill *fill)
{
	return (uint32_t)(MAP_PAGE_ENTRIES - fill->page->count);
}

static int no_memory(struct ddb_error *err)
{
	return map_errno(ddb_fail_memory(err));
}

/* What no directory can hold is left out rather than spoil the reply that it would be in. */
static bool is_entry(const char *name)
{
	size_t length = strlen(name);
	return length && length <= MAP_NAME_MAX && !strchr(name, '/') && strcmp(name, ".") &&
	       strcmp(name, "..");
}

int map_fill_add(struct map_fill *fill, const char *name, const struct map_attr *attr, struct ddb_error *err)
{
	struct map_page *page = fill->page;
	if (!is_entry(name))
		return 0;
	const char *copy = ddb_arena_copy(&page->arena, name, strlen(name));
	if (!copy)
		return no_memory(err);
	page->entries[page->count++] = (struct map_listed){.name = copy, .attr = *attr};
	return 0;
}

/* The section has come to here and goes on. */
int map_fill_mark(struct map_fill *fill, const void *bytes, size_t length, struct ddb_error *err)
{
	uint8_t *copy = malloc(length ? length : 1);
	if (!copy)
		return no_memory(err);
	memcpy(copy, bytes, length);
	free(fill->mark.bytes);
	fill->mark.bytes = copy;
	fill->mark.length = length;
	fill->more = true;
	return 0;
}

/* A mark that is a name; NULL at the section's beginning. Marks of names hold their NUL. */
static const char *marked_name(const struct map_fill *fill)
{
	return (const char *)fill->mark.bytes;
}

static int mark_name(struct map_fill *fill, const char *name, struct ddb_error *err)
{
	return map_fill_mark(fill, name, strlen(name) + 1, err);
}

const char *map_fill_path(struct map_fill *fill, const char *name)
{
	size_t size = strlen(fill->path) + strlen(name) + 2;
	char *path = ddb_arena_alloc(fill->arena, size);
	if (path)
		snprintf(path, size, "%s%s%s", fill->path, *fill->path ? "/" : "", name);
	return path;
}

/* Whether a problem with one entry must not hide the others: that it is not there any more, or unreadable. */
static bool is_left_out(struct map_fill *fill, const char *name, int number, const struct ddb_error *err)
{
	if (number == EIO)
		map_refused(fill->map, &fill->caller, name, "readdir", number, err);
	return number == EIO || number == ENOENT;
}

/* What is left out because it cannot be read has no name to be reported under: the directory stands for it.
 */
void map_fill_damaged(struct map_fill *fill, size_t count)
{
	struct ddb_error err;
	if (!count)
		return;
	ddb_fail(&err, DDB_DAMAGED, "%zu entries cannot be read and are not listed", count);
	map_refused(fill->map, &fill->caller, fill->path, "readdir", EIO, &err);
}

/* Adds what stands under that name, if anything does. */
static int add_by_name(struct map_fill *fill, const char *name, struct ddb_error *err)
{
	struct map_place place;
	struct map_attr attr;
	const char *path = map_fill_path(fill, name);
	if (!path)
		return no_memory(err);
	int number = map_resolve(fill->map, fill->arena, path, &place, err);
	if (!number) {
		number = map_place_stat(fill->map, fill->arena, &place, &attr, err);
		map_place_done(&place);
	}
	if (number)
		return is_left_out(fill, path, number, err) ? 0 : number;
	return map_fill_add(fill, name, &attr, err);
}

/* ---- Fixed names ---- */

int map_section_fixed(struct map_fill *fill, struct ddb_error *err)
{
	int number = 0;
	for (size_t i = 0; i < map_row_count && !number; i++) {
		const struct map_row *row = &map_rows[i];
		if (row->parent == fill->place.kind && row->name && row->listed)
			number = add_by_name(fill, row->name, err);
	}
	return number;
}

/* ---- Tables ---- */

static int tables(struct map_fill *fill, struct ddb_error *err)
{
	struct ddb_engine *engine = fill->map->engine;
	struct ddb_table_names names;
	char name[MAP_NAME_MAX + 3];
	enum ddb_code code = engine->ops->list_tables(
		engine, fill->arena, marked_name(fill), map_fill_room(fill), &names, err);
	if (code)
		return map_errno(code);
	for (size_t i = 0; i < names.count; i++) {
		map_table_to_name(names.names[i], name);
		int number = add_by_name(fill, name, err);
		if (number)
			return number;
	}
	return names.more && names.count ? mark_name(fill, names.names[names.count - 1], err) : 0;
}

/* ---- Marks that are keys ---- */

/* One key value is enough: the other one, if any, is the directory's. A table may be defined between two
 * pages. */
static int mark_value(struct map_fill *fill, const struct ddb_value *value, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer bytes = {0};
	ddb_buffer_init(&bytes, DDB_HASH_KEY_MAX + 64);
	ddb_buffer_add_byte(&bytes, fill->place.table->provisional == DDB_DEFINED);
	ddb_record_write(value, &bytes);
	return bytes.failed ? no_memory(err) : map_fill_mark(fill, bytes.bytes, bytes.length, err);
}

/* Under which key the item or partition is found that was filed under a stand-in. */
static bool convert_stand_in(
	struct map_fill *fill, const struct ddb_value *stand_in, bool item, bool range, struct ddb_value *ret)
{
	const struct ddb_definition *definition = fill->place.table->definition;
	uint8_t digest[DDB_ALIAS_BYTES];
	char name[MAP_NAME_MAX + 1];
	int length = snprintf(name, sizeof(name), "%.*s%s", (int)stand_in->count,
		(const char *)stand_in->bytes, item ? ".json" : "");
	enum ddb_type type = range ? definition->range.type : definition->hash.type;
	return length <= MAP_NAME_MAX &&
	       map_name_decode(name, item, type, fill->arena, ret, digest) == MAP_NAME_KEY;
}

/* The value at the mark, as the table's keys are now; false when the section cannot go on from it. */
static bool marked_value(struct map_fill *fill, bool item, bool range, struct ddb_value *ret)
{
	const struct ddb_table *table = fill->place.table;
	const struct ddb_key_attribute *key = range ? &table->definition->range : &table->definition->hash;
	struct ddb_value value;
	if (ddb_record_read(fill->arena, fill->mark.bytes + 1, fill->mark.length - 1, &value, NULL))
		return false;
	bool was_defined = fill->mark.bytes[0], is_defined = table->provisional == DDB_DEFINED;
	if (!was_defined && is_defined)
		return convert_stand_in(fill, &value, item, range, ret);
	*ret = value;
	return was_defined == is_defined && value.type == key->type;
}

/* ---- Items ---- */

static void item_name(const struct ddb_table *table, const struct ddb_value *value, bool item, char ret[256])
{
	if (table->provisional == DDB_DEFINED)
		map_name_of_key(value, item, ret);
	else
		snprintf(ret, MAP_NAME_MAX + 1, "%.*s%s", (int)value->count, (const char *)value->bytes,
			item ? ".json" : "");
}

static int add_items(struct map_fill *fill, const struct ddb_page *page, bool range, struct ddb_error *err)
{
	const struct ddb_table *table = fill->place.table;
	const struct ddb_value *value = NULL;
	char name[MAP_NAME_MAX + 1];
	struct map_attr attr;
	for (size_t i = 0; i < page->count; i++) {
		value = map_key_value(table, &page->entries[i].item, range);
		if (!value) {
			ddb_fail(err, DDB_INTERNAL, "An item without its key");
			return EIO;
		}
		item_name(table, value, true, name);
		map_attr_of_item(&fill->place, &page->entries[i].meta, &attr);
		int number = map_fill_add(fill, name, &attr, err);
		if (number)
			return number;
	}
	/* The last one may be hidden, and not among the entries. */
	value = page->more ? map_key_value(table, &page->last, range) : NULL;
	return value ? mark_value(fill, value, err) : 0;
}

/* The items of a simple table, or of a partition. */
static int items(struct map_fill *fill, struct ddb_error *err)
{
	struct ddb_engine *engine = fill->map->engine;
	const struct map_place *place = &fill->place;
	bool range = place->kind == MAP_PARTITION;
	struct ddb_query query = {.table = place->table->name, .keys_only = true, .skip_damaged = true};
	struct ddb_key_range whole = {.partition = place->hash};
	struct ddb_value value, start;
	struct ddb_page page;
	query.limit = map_fill_room(fill);
	query.page_bytes = UINT32_MAX;
	query.range = range ? &whole : NULL;
	if (fill->mark.bytes) {
		if (!marked_value(fill, true, range, &value))
			return 0;
		const struct ddb_value *hash = range ? &place->hash : &value;
		if (map_key_of_values(place->table, hash, range ? &value : NULL, fill->arena, &start, err))
			return ENOMEM;
		query.start = &start;
	}
	enum ddb_code code = engine->ops->query(engine, fill->arena, &query, &page, err);
	if (code)
		return map_errno(code);
	map_fill_damaged(fill, page.damaged);
	return add_items(fill, &page, range, err);
}

/* ---- Partitions ---- */

static uint64_t hash_name(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
	return hash ^ hash >> 32;
}

enum { SEEN_PROBES = 3, SEEN_BITS = MAP_SEEN_BYTES * 8 };
_Static_assert((SEEN_BITS & (SEEN_BITS - 1)) == 0, "a mask");

static void see(struct map_seen *seen, const char *name)
{
	uint64_t hash = hash_name(name);
	for (unsigned i = 0; i < SEEN_PROBES; i++, hash >>= 20)
		seen->bits[(hash & (SEEN_BITS - 1)) / 8] |= (uint8_t)(1 << (hash & 7));
}

static bool is_seen(const struct map_seen *seen, const char *name)
{
	uint64_t hash = hash_name(name);
	for (unsigned i = 0; i < SEEN_PROBES; i++, hash >>= 20) {
		if (!(seen->bits[(hash & (SEEN_BITS - 1)) / 8] & 1 << (hash & 7)))
			return false;
	}
	return true;
}

/* What was remembered when the listing began comes later, whether it got items meanwhile or not. */
static bool comes_later(struct map_fill *fill, const char *name)
{
	uint64_t order;
	return map_partitions_find(fill->map->partitions, fill->place.table->id, name, NULL, &order) &&
	       order < fill->order;
}

static int add_partition(struct map_fill *fill, const struct ddb_partition *partition, struct ddb_error *err)
{
	char name[MAP_NAME_MAX + 1];
	struct map_place place = fill->place;
	struct map_attr attr;
	item_name(place.table, &partition->key, false, name);
	if (comes_later(fill, name))
		return 0;
	see(fill->seen, name);
	place.kind = MAP_PARTITION;
	place.partition = name;
	map_attr_of_place(fill->map, &place, &attr);
	attr.mtime_ns = partition->mtime_ns;
	return map_fill_add(fill, name, &attr, err);
}

static int partitions(struct map_fill *fill, struct ddb_error *err)
{
	struct ddb_engine *engine = fill->map->engine;
	struct ddb_list_partitions request = {.table = fill->place.table->name, .limit = map_fill_room(fill)};
	struct ddb_partitions page;
	struct ddb_value after;
	if (fill->mark.bytes) {
		if (!marked_value(fill, false, false, &after))
			return 0;
		request.after = &after;
	}
	enum ddb_code code = engine->ops->list_partitions(engine, fill->arena, &request, &page, err);
	if (code)
		return map_errno(code);
	map_fill_damaged(fill, page.damaged);
	for (size_t i = 0; i < page.count; i++) {
		int number = add_partition(fill, &page.partitions[i], err);
		if (number)
			return number;
	}
	return page.more && page.count ? mark_value(fill, &page.partitions[page.count - 1].key, err) : 0;
}

static bool has_sort_key(const struct ddb_table *table)
{
	return table->definition && table->definition->has_range;
}

/* A table's own entries: those of a kindless one are none. */
static int contents(struct map_fill *fill, struct ddb_error *err)
{
	if (!fill->place.table->definition)
		return 0;
	return has_sort_key(fill->place.table) ? partitions(fill, err) : items(fill, err);
}

/* A partition's items; nobody has any under a long name that nobody has. */
static int partition_items(struct map_fill *fill, struct ddb_error *err)
{
	if (!fill->place.table->definition || !fill->place.has_hash)
		return 0;
	return items(fill, err);
}

static bool is_due(struct map_fill *fill, const char *name)
{
	return comes_later(fill, name) || !is_seen(fill->seen, name);
}

static int remembered(struct map_fill *fill, struct ddb_error *err)
{
	struct map_partitions *set = fill->map->partitions;
	uint32_t table = fill->place.table->id;
	char name[256];
	const char *after = marked_name(fill);
	while (map_partitions_next(set, table, after, name)) {
		if (!map_fill_room(fill))
			return after ? mark_name(fill, after, err) : mark_name(fill, "", err);
		int number = name[0] != '.' && is_due(fill, name) ? add_by_name(fill, name, err) : 0;
		if (number)
			return number;
		after = ddb_arena_copy(fill->arena, name, strlen(name));
		if (!after)
			return no_memory(err);
	}
	return 0;
}

/* ---- Scratch files ---- */

/* Whether a partition has the scratch file's name. */
static int is_behind(struct map_fill *fill, const char *name, bool *ret, struct ddb_error *err)
{
	struct map_place place;
	*ret = false;
	if ((fill->place.kind != MAP_TABLE && fill->place.kind != MAP_TYPED) ||
		!has_sort_key(fill->place.table) || name[0] == '.')
		return 0;
	const char *path = map_fill_path(fill, name);
	if (!path)
		return no_memory(err);
	int number = map_resolve(fill->map, fill->arena, path, &place, err);
	if (number)
		return number == ENOENT ? 0 : number;
	*ret = place.kind == MAP_PARTITION;
	map_place_done(&place);
	return 0;
}

static int add_scratch(struct map_fill *fill, const struct ddb_scratch_entry *entry, struct ddb_error *err)
{
	char shown[256];
	struct map_attr attr;
	bool behind;
	int number = is_behind(fill, entry->name, &behind, err);
	if (number)
		return number;
	if (behind)
		map_scratch_shown(entry->name, shown);
	map_attr_of_scratch(&entry->meta, &attr);
	return map_fill_add(fill, behind ? shown : entry->name, &attr, err);
}

static int scratch(struct map_fill *fill, struct ddb_error *err)
{
	struct ddb_engine *engine = fill->map->engine;
	struct ddb_scratch_page page;
	uint8_t directory[DDB_DIRECTORY_ID_BYTES];
	map_scratch_directory(&fill->place, directory);
	enum ddb_code code = engine->ops->scratch_list(
		engine, fill->arena, directory, marked_name(fill), map_fill_room(fill), &page, err);
	if (code)
		return map_errno(code);
	for (size_t i = 0; i < page.count; i++) {
		int number = add_scratch(fill, &page.entries[i], err);
		if (number)
			return number;
	}
	return page.more && page.count ? mark_name(fill, page.entries[page.count - 1].name, err) : 0;
}

/* ---- Segments ---- */

static const struct map_row *segment_row(void)
{
	const struct map_row *row = map_rows;
	while (row->kind != MAP_SEGMENT)
		row++;
	return row;
}

static int segments(struct map_fill *fill, struct ddb_error *err)
{
	struct map_place place = fill->place;
	char name[32];
	struct map_attr attr;
	uint32_t next = fill->mark.bytes ? (uint32_t)strtoul(marked_name(fill), NULL, 10) : 0;
	place.kind = MAP_SEGMENT;
	place.row = segment_row();
	for (; next < place.segments && map_fill_room(fill); next++) {
		place.segment = next;
		snprintf(name, sizeof(name), "%u.jsonl", next);
		place.path = map_fill_path(fill, name);
		if (!place.path)
			return no_memory(err);
		map_attr_of_place(fill->map, &place, &attr);
		int number = map_fill_add(fill, name, &attr, err);
		if (number)
			return number;
	}
	snprintf(name, sizeof(name), "%u", next);
	return next < place.segments ? mark_name(fill, name, err) : 0;
}

/* ---- Operations ---- */

/* They have room on one page. */
static int operations(struct map_fill *fill, struct ddb_error *err)
{
	int number = 0;
	for (size_t i = 0; ddb_wire_operation(i) && !number; i++)
		number = add_by_name(fill, ddb_wire_operation(i), err);
	return number;
}

/* ---- Listings ---- */

const struct map_listing map_listing_root = {{tables, scratch}};
const struct map_listing map_listing_table = {{map_section_fixed, contents, remembered, scratch}};
const struct map_listing map_listing_partition = {{partition_items, scratch}};
const struct map_listing map_listing_scratch = {{scratch}};
const struct map_listing map_listing_fixed = {{map_section_fixed}};
const struct map_listing map_listing_segments = {{segments}};
const struct map_listing map_listing_operations = {{operations}};
