/*
 * Paths to places: the table of all that the tree has, and the walk down a path through it. A name is looked
 * for among the rows under its parent's kind, in the order of the table: fixed names, then what a name's form
 * tells.
 */
#include "mapping/directory.h"
#include "mapping/view/committed.h"
#include "mapping/query/entry.h"
#include "mapping/file.h"
#include "mapping/match.h"
#include "mapping/name.h"
#include "mapping/view/route.h"
#include "mapping/view/transaction.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- What stat answers ---- */

static int stat_row(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	(void)arena, (void)err;
	map_attr_of_place(map, place, ret);
	return 0;
}

static int stat_partition(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	(void)arena, (void)err;
	if (!place->exists)
		return ENOENT;
	map_attr_of_place(map, place, ret);
	ret->mtime_ns = place->mtime_ns;
	return 0;
}

static int stat_item(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	struct ddb_get_item request = {.table = place->table->name, .meta_only = true};
	struct ddb_get_result result;
	if (place->unnamed || place->table->provisional == DDB_PROVISIONAL)
		return ENOENT;
	enum ddb_code code = map_place_key(place, arena, &request.key, err);
	if (!code)
		code = map->engine->ops->get_item(map->engine, arena, &request, &result, err);
	if (code)
		return map_errno(code);
	if (!result.found)
		return ENOENT;
	map_attr_of_item(place, &result.entry.meta, ret);
	return 0;
}

static int stat_entry(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	struct ddb_entry entry;
	int number = map_entry_get(map, arena, place, true, &entry, err);
	if (!number)
		map_attr_of_entry(place, &entry.meta, ret);
	return number;
}

static int stat_scratch(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	struct ddb_scratch_meta meta;
	(void)arena;
	enum ddb_code code = map->engine->ops->scratch_stat(map->engine, &place->scratch, &meta, err);
	if (code)
		return map_errno(code);
	map_attr_of_scratch(&meta, ret);
	return 0;
}

static int stat_definition(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	(void)arena;
	if (place->table->provisional != DDB_DEFINED || map_definition_hidden(map, place->table))
		return ENOENT;
	ddb_buffer_init(&text, DDB_DEFINITION_TEXT_MAX);
	int number = map_definition_text(place->table, &text);
	if (number) {
		ddb_fail_memory(err);
		return number;
	}
	map_attr_of_definition(place, text.bytes, text.length, ret);
	return 0;
}

static enum ddb_view_kind kind_of(const struct map_place *place)
{
	return place->kind == MAP_SNAPSHOT ? DDB_SNAPSHOT : DDB_TRANSACTION;
}

static int stat_view(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	MAP_VIEW_AUTO struct map_view *view =
		map_view_find(map, kind_of(place), place->name, strlen(place->name));
	(void)arena, (void)err;
	if (!view)
		return ENOENT;
	map_view_own_attr(view, ret);
	return 0;
}

static int stat_committed(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	int64_t since_ns;
	(void)arena, (void)err;
	if (!map_committed_find(map->committed, place->name, &since_ns))
		return ENOENT;
	map_attr_of_place(map, place, ret);
	ret->mtime_ns = since_ns;
	return 0;
}

static int stat_reasons(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	struct ddb_buffer text;
	(void)arena, (void)err;
	ddb_buffer_init_counting(&text);
	if (!map_reasons_get(map, &text))
		return ENOENT;
	map_attr_of_place(map, place, ret);
	ret->size = text.length;
	return 0;
}

/* ---- The table ---- */

#define DIRECTORY .directory = true, .stat = stat_row
#define STREAM .stream = true, .stat = stat_row
#define TEXT .volatile_ = true, .stat = stat_row, .open = map_text_open
#define ITEM .writable = true, .listed = true, .stat = stat_item, .open = map_item_open
#define SCRATCH                                                                                              \
	.writable = true, .listed = true, .match = map_match_scratch, .stat = stat_scratch,                  \
	.open = map_scratch_open
#define SCRATCH_DIRECTORY                                                                                    \
	.directory = true, .writable = true, .listed = true, .match = map_match_scratch_directory,           \
	.stat = stat_scratch, .listing = &map_listing_scratch
#define QUERY                                                                                                \
	.match = map_match_component, .untold = true, .directory = true, .stat = stat_row,                   \
	.listing = &map_listing_entries
#define ENTRY .listed = true, .match = map_match_entry, .stat = stat_entry, .open = map_entry_open
#define LINES .name = "items.jsonl", .stream = true, .stat = stat_row, .open = map_scan_open
#define RECORDS .stream = true, .stat = stat_row, .open = map_records_open
#define TALLY .stream = true, .stat = stat_row, .open = map_tally_open
#define VIEW .match = map_match_view, .directory = true, .writable = true, .stat = stat_view
#define PARTITION                                                                                            \
	.directory = true, .writable = true, .listed = true, .match = map_match_partition,                   \
	.stat = stat_partition, .listing = &map_listing_partition

/* clang-format off */
const struct map_row map_rows[] = {
	{MAP_STATUS, MAP_ROOT, .name = ".status", .where = MAP_OUTSIDE, TEXT},
	{MAP_ERRORS, MAP_ROOT, .name = ".errors", .where = MAP_OUTSIDE, TEXT},
	{MAP_TRANSACTIONS, MAP_ROOT, .name = ".txn", .where = MAP_OUTSIDE, .writable = true, .listing = &map_listing_transactions, DIRECTORY},
	{MAP_COMMITTED, MAP_TRANSACTIONS, .name = "committed", .writable = true, .listed = true, .listing = &map_listing_committed, DIRECTORY},
	{MAP_COMMITTED_ENTRY, MAP_COMMITTED, .match = map_match_committed, .directory = true, .writable = true, .stat = stat_committed},
	{MAP_TRANSACTION, MAP_TRANSACTIONS, VIEW},
	{MAP_SNAPSHOTS, MAP_ROOT, .name = ".snapshot", .where = MAP_OUTSIDE, .writable = true, .listing = &map_listing_snapshots, DIRECTORY},
	{MAP_SNAPSHOT, MAP_SNAPSHOTS, VIEW},
	{MAP_CONDITIONS, MAP_ROOT, .name = ".conditions.jsonl", .where = MAP_STAGED, .writable = true, .open = map_conditions_open, STREAM},
	{MAP_REASONS, MAP_ROOT, .name = ".reasons.json", .where = MAP_STAGED, .volatile_ = true, .stat = stat_reasons, .open = map_text_open},
	{MAP_API, MAP_ROOT, .name = ".api", .where = MAP_OUTSIDE, .listing = &map_listing_operations, DIRECTORY},
	{MAP_OPERATION, MAP_API, .match = map_match_operation, .writable = true, .listed = true, .open = map_api_open, STREAM},
	{MAP_TABLE, MAP_ROOT, .match = map_match_table, .writable = true, .listed = true, .listing = &map_listing_table, DIRECTORY},
	{MAP_SCRATCH_DIRECTORY, MAP_ROOT, SCRATCH_DIRECTORY},
	{MAP_SCRATCH, MAP_ROOT, SCRATCH},

	{MAP_DEFINITION, MAP_TABLE, .name = ".table.json", .writable = true, .listed = true, .stat = stat_definition, .open = map_definition_open},
	{MAP_TABLE_STATUS, MAP_TABLE, .name = ".status.json", TEXT},
	{MAP_LINES, MAP_TABLE, .name = ".items.jsonl", .writable = true, .open = map_lines_open, STREAM},
	{MAP_TYPED, MAP_TABLE, .name = ".typed", .match = map_match_typed, .writable = true, .listing = &map_listing_table, DIRECTORY},
	{MAP_SCAN, MAP_TABLE, .name = ".scan", .listing = &map_listing_fixed, DIRECTORY},
	{MAP_QUERIES, MAP_TABLE, .name = ".query", .match = map_match_queries, .untold = true, DIRECTORY},
	{MAP_INDEXES, MAP_TABLE, .name = ".index", .untold = true, .listing = &map_listing_indexes, DIRECTORY},
	{MAP_STREAM, MAP_TABLE, .name = ".stream", .match = map_match_stream, .untold = true, .listing = &map_listing_fixed, DIRECTORY},
	{MAP_ITEM, MAP_TABLE, .match = map_match_item, ITEM},
	{MAP_PARTITION, MAP_TABLE, PARTITION},
	{MAP_SCRATCH_DIRECTORY, MAP_TABLE, SCRATCH_DIRECTORY},
	{MAP_SCRATCH, MAP_TABLE, SCRATCH},

	{MAP_LINES, MAP_TYPED, .name = ".items.jsonl", .writable = true, .open = map_lines_open, STREAM},
	{MAP_SCAN, MAP_TYPED, .name = ".scan", .listing = &map_listing_fixed, DIRECTORY},
	{MAP_QUERIES, MAP_TYPED, .name = ".query", .match = map_match_queries, .untold = true, DIRECTORY},
	{MAP_INDEXES, MAP_TYPED, .name = ".index", .untold = true, .listing = &map_listing_indexes, DIRECTORY},
	{MAP_ITEM, MAP_TYPED, .match = map_match_item, ITEM},
	{MAP_PARTITION, MAP_TYPED, PARTITION},
	{MAP_SCRATCH_DIRECTORY, MAP_TYPED, SCRATCH_DIRECTORY},
	{MAP_SCRATCH, MAP_TYPED, SCRATCH},

	{MAP_ITEM, MAP_PARTITION, .match = map_match_sort_item, ITEM},
	{MAP_SCRATCH_DIRECTORY, MAP_PARTITION, SCRATCH_DIRECTORY},
	{MAP_SCRATCH, MAP_PARTITION, SCRATCH},

	{MAP_SCRATCH_DIRECTORY, MAP_SCRATCH_DIRECTORY, SCRATCH_DIRECTORY},
	{MAP_SCRATCH, MAP_SCRATCH_DIRECTORY, SCRATCH},

	{MAP_SCAN_ALL, MAP_SCAN, .name = "items.jsonl", .listed = true, .open = map_scan_open, STREAM},
	{MAP_SEGMENTS, MAP_SCAN, .match = map_match_segments, .listing = &map_listing_segments, DIRECTORY},
	{MAP_SEGMENT, MAP_SEGMENTS, .match = map_match_segment, .listed = true, .open = map_scan_open, STREAM},

	{MAP_INDEX, MAP_INDEXES, .match = map_match_index, .untold = true, .listed = true, .listing = &map_listing_index, DIRECTORY},
	{MAP_SCAN, MAP_INDEX, .name = ".scan", .listing = &map_listing_fixed, DIRECTORY},
	{MAP_QUERIES, MAP_INDEX, .name = ".query", .match = map_match_queries, .untold = true, DIRECTORY},
	{MAP_KEY, MAP_INDEX, .match = map_match_key, .untold = true, .listed = true, .directory = true, .stat = stat_partition, .listing = &map_listing_entries},
	{MAP_RESULTS, MAP_KEY, LINES},
	{MAP_COUNT, MAP_KEY, .name = "count", TALLY},
	{MAP_EXPLAIN, MAP_KEY, .name = "explain", TALLY},
	{MAP_ENTRY, MAP_KEY, ENTRY},

	{MAP_RECORDS, MAP_STREAM, .name = "records.jsonl", .listed = true, RECORDS},
	{MAP_FOLLOW, MAP_STREAM, .name = "follow.jsonl", .listed = true, .open = map_follow_open, STREAM},
	{MAP_RECORDS_FROM, MAP_STREAM, .match = map_match_beginning, RECORDS},

	{MAP_QUERY, MAP_QUERIES, QUERY},
	{MAP_RESULTS, MAP_QUERY, LINES},
	{MAP_COUNT, MAP_QUERY, .name = "count", TALLY},
	{MAP_EXPLAIN, MAP_QUERY, .name = "explain", TALLY},
	{MAP_ENTRY, MAP_QUERY, ENTRY},
	{MAP_QUERY, MAP_QUERY, QUERY},
};
/* clang-format on */
const size_t map_row_count = sizeof(map_rows) / sizeof(*map_rows);

static const struct map_row root_row = {
	.kind = MAP_ROOT, .writable = true, .listing = &map_listing_root, DIRECTORY};

/* ---- The walk ---- */

/* Where no row knows a name: what making a file of it would be answered with, and why. */
static int not_found(const struct map_place *parent, const struct map_step *step, struct ddb_error *err)
{
	if (!step->last)
		ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "There is no such directory: %s", step->name);
	else if (parent->kind == MAP_API)
		ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "There is no such operation: %s", step->name);
	else if (parent->kind == MAP_TRANSACTIONS || parent->kind == MAP_SNAPSHOTS ||
		 parent->kind == MAP_COMMITTED || parent->kind == MAP_COMMITTED_ENTRY)
		ddb_fail(err, DDB_ACCESS_DENIED, "Transactions and snapshots are made by mkdir");
	else if (parent->kind == MAP_ROOT)
		ddb_fail(err, DDB_VALIDATION,
			"The root directory holds tables and files whose names begin with a dot: %s",
			step->name);
	else if (!parent->row->writable)
		ddb_fail(err, DDB_ACCESS_DENIED, "Nothing can be made in this directory");
	else
		ddb_fail(err, DDB_VALIDATION, "The file name is not that of a key of this table: %s",
			step->name);
	return ENOENT;
}

/* A row of other maps; where the tables themselves are it is just a name. */
static bool is_elsewhere(const struct map *map, const struct map_row *row)
{
	return row->where == (map->view ? MAP_OUTSIDE : MAP_STAGED) ||
	       (row->where == MAP_STAGED && !map_is_staged(map));
}

static bool is_candidate(
	const struct map_row *row, const struct map_place *parent, const struct map_step *step)
{
	return row->parent == parent->kind && (!row->name || !strcmp(row->name, step->name));
}

static int descend(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *place, struct ddb_error *err)
{
	for (size_t i = 0; i < map_row_count; i++) {
		const struct map_row *row = &map_rows[i];
		if (!is_candidate(row, place, step))
			continue;
		if (is_elsewhere(map, row)) {
			if (row->where == MAP_STAGED)
				continue;
			ddb_fail(err, DDB_ACCESS_DENIED, "There is no %s in a transaction or snapshot",
				row->name);
			return ENOENT;
		}
		int number = row->match ? row->match(map, arena, step, place, err) : 0;
		if (number == MAP_NOT_MINE)
			continue;
		if (number)
			return number;
		place->kind = row->kind;
		place->row = row;
		place->name = step->name;
		return 0;
	}
	return not_found(place, step, err);
}

/* A path goes on below something that is no directory. */
static int not_a_directory(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err)
{
	struct map_attr attr;
	int number = map_place_stat(map, arena, place, &attr, err);
	if (number && number != ENOENT)
		return number;
	ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "There is no such directory: %s", place->name);
	return number ? number : ENOTDIR;
}

static size_t longest(const struct map_place *parent)
{
	return parent->kind == MAP_QUERIES || parent->kind == MAP_QUERY ? MAP_COMPONENT_MAX : MAP_NAME_MAX;
}

/* Cuts the first component off `rest`; the path behind it follows in *ret_rest. */
static int cut_step(const struct map_place *parent, char *rest, bool directory, struct map_step *ret,
	char **ret_rest, struct ddb_error *err)
{
	size_t length = strcspn(rest, "/");
	bool last = !rest[length];
	rest[length] = '\0';
	if (length > longest(parent)) {
		ddb_fail(err, DDB_VALIDATION, "A name has at most %zu bytes here", longest(parent));
		return ENAMETOOLONG;
	}
	if (!length || !strcmp(rest, ".") || !strcmp(rest, "..")) {
		ddb_fail(err, DDB_VALIDATION, "The path has an empty, \".\" or \"..\" component");
		return ENOENT;
	}
	*ret = (struct map_step){
		.name = rest, .length = length, .last = last, .directory = last && directory};
	*ret_rest = rest + length + !last;
	return 0;
}

static int walk(struct map *map, struct ddb_arena *arena, char *rest, bool directory, struct map_place *place,
	struct ddb_error *err)
{
	struct map_step step = {.last = !*rest};
	while (!step.last) {
		int number = place->row->directory ? cut_step(place, rest, directory, &step, &rest, err)
						   : not_a_directory(map, arena, place, err);
		if (!number)
			number = descend(map, arena, &step, place, err);
		if (number)
			return number;
	}
	return 0;
}

static int resolve(struct map *map, struct ddb_arena *arena, const char *path, bool directory,
	struct map_place *ret, struct ddb_error *err)
{
	size_t length = strnlen(path, MAP_PATH_MAX);
	if (length == MAP_PATH_MAX) {
		ddb_fail(err, DDB_VALIDATION, "A path has less than %d bytes", MAP_PATH_MAX);
		return ENAMETOOLONG;
	}
	char *whole = ddb_arena_copy(arena, path, length), *parts = ddb_arena_copy(arena, path, length);
	if (!whole || !parts)
		return map_errno(ddb_fail_memory(err));
	struct map_place place = {.kind = MAP_ROOT, .row = &root_row, .path = whole, .name = whole + length};
	int number = walk(map, arena, parts, directory, &place, err);
	if (number) {
		map_place_done(&place);
		ret->kind = place.kind;
		return number;
	}
	*ret = place;
	return 0;
}

int map_resolve(struct map *map, struct ddb_arena *arena, const char *path, struct map_place *ret,
	struct ddb_error *err)
{
	return resolve(map, arena, path, false, ret, err);
}

int map_resolve_directory(struct map *map, struct ddb_arena *arena, const char *path, struct map_place *ret,
	struct ddb_error *err)
{
	return resolve(map, arena, path, true, ret, err);
}

void map_place_done(struct map_place *place)
{
	ddb_table_unref(place->table);
	place->table = NULL;
}

int map_place_stat(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	return place->row->stat(map, arena, place, ret, err);
}

/* The memory is for a whole item: an entry of a query is judged by what it holds. */
static int stat_path(
	struct map *map, const char *path, struct map_attr *ret, bool *ret_query, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct map_place place = {.kind = MAP_ROOT};
	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_resolve(map, &arena, path, &place, err);
	*ret_query = place.kind == MAP_QUERIES || place.kind == MAP_QUERY || place.kind == MAP_STREAM;
	if (number)
		return number;
	number = map_place_stat(map, &arena, &place, ret, err);
	map_place_done(&place);
	return number;
}

/* A key is refused only when its table was given another one since the path was resolved; a query is for what
 * it says, as a record's number is. */
int map_tree_stat(struct map *map, const struct map_caller *caller, const char *path, struct map_attr *ret)
{
	enum { ATTEMPTS = 3 };
	struct ddb_error err;
	int number = EINVAL;
	bool query = false;
	if (map_is_passed_over(map, path))
		return ENOENT;
	for (unsigned i = 0; i < ATTEMPTS && number == EINVAL && !query; i++)
		number = stat_path(map, path, ret, &query, &err);
	switch (number) {
	case 0:
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
		return number;
	case EINVAL:
		if (!query)
			return ENOENT;
		__attribute__((fallthrough));
	default:
		return map_refused(map, caller, path, "stat", number, &err);
	}
}
