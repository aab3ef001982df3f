/*
 * The sections of directories below .index and .query: indexes, their partitions, and results in the order of
 * their keys. See directory.h.
 */
#include "mapping/directory.h"
#include "mapping/query/entry.h"
#include "mapping/name.h"
#include "mapping/query/results.h"

#include "engine/record.h"
#include <errno.h>
#include <string.h>

static const struct map_row *row_of(enum map_kind kind)
{
	const struct map_row *row = map_rows;
	while (row->kind != kind)
		row++;
	return row;
}

/* The place of a name in the directory. */
static int place_below(struct map_fill *fill, enum map_kind kind, const char *name, struct map_place *ret,
	struct ddb_error *err)
{
	*ret = fill->place;
	ret->kind = kind;
	ret->row = row_of(kind);
	ret->path = map_fill_path(fill, name);
	return ret->path ? 0 : map_errno(ddb_fail_memory(err));
}

/* ---- Marks that are keys ---- */

enum { MARK_MAX = 64 << 10 };

/* `returned`: results so far, for limit=. */
static int mark_key(
	struct map_fill *fill, const struct ddb_value *key, uint64_t returned, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer bytes = {0};
	ddb_buffer_init(&bytes, MARK_MAX);
	ddb_buffer_add(&bytes, &returned, sizeof(returned));
	ddb_record_write(key, &bytes);
	return bytes.failed ? map_errno(ddb_fail_memory(err))
			    : map_fill_mark(fill, bytes.bytes, bytes.length, err);
}

static int marked_key(
	struct map_fill *fill, struct ddb_value *ret, uint64_t *ret_returned, struct ddb_error *err)
{
	memcpy(ret_returned, fill->mark.bytes, sizeof(*ret_returned));
	return map_errno(ddb_record_read(fill->arena, fill->mark.bytes + sizeof(*ret_returned),
		fill->mark.length - sizeof(*ret_returned), ret, err));
}

/* ---- Indexes ---- */

/* There are few enough for one page. */
_Static_assert(MAP_PAGE_ENTRIES >= DDB_LOCAL_INDEXES_MAX + DDB_GLOBAL_INDEXES_MAX, "no mark is needed");

static int indexes(struct map_fill *fill, struct ddb_error *err)
{
	const struct ddb_table *table = fill->place.table;
	unsigned count = table->provisional == DDB_DEFINED ? table->definition->index_count : 0;
	for (unsigned i = 0; i < count; i++) {
		const struct ddb_index_definition *index = &table->definition->indexes[i];
		char name[MAP_NAME_MAX + 3];
		struct map_place place;
		struct map_attr attr;
		map_table_to_name(index->name, name);
		int number = place_below(fill, MAP_INDEX, name, &place, err);
		if (number)
			return number;
		place.query = map_query_new(fill->arena, index);
		if (!place.query)
			return map_errno(ddb_fail_memory(err));
		map_attr_of_place(fill->map, &place, &attr);
		number = map_fill_add(fill, name, &attr, err);
		if (number)
			return number;
	}
	return 0;
}

static int add_key(struct map_fill *fill, const struct ddb_partition *partition, struct ddb_error *err)
{
	char name[MAP_NAME_MAX + 1];
	struct map_place place;
	struct map_attr attr;
	map_query_partition_name(&partition->key, name);
	int number = place_below(fill, MAP_KEY, name, &place, err);
	if (number)
		return number;
	map_attr_of_place(fill->map, &place, &attr);
	attr.mtime_ns = partition->mtime_ns;
	return map_fill_add(fill, name, &attr, err);
}

static int keys(struct map_fill *fill, struct ddb_error *err)
{
	struct ddb_engine *engine = fill->map->engine;
	struct ddb_list_partitions request = {
		.table = fill->place.table->name,
		.index = fill->place.query->index->name,
		.limit = map_fill_room(fill),
	};
	struct ddb_partitions page;
	struct ddb_value after;
	uint64_t returned;
	if (fill->mark.bytes) {
		int number = marked_key(fill, &after, &returned, err);
		if (number)
			return number;
		request.after = &after;
	}
	enum ddb_code code = engine->ops->list_partitions(engine, fill->arena, &request, &page, err);
	if (code)
		return map_errno(code);
	map_fill_damaged(fill, page.damaged);
	for (size_t i = 0; i < page.count; i++) {
		int number = add_key(fill, &page.partitions[i], err);
		if (number)
			return number;
	}
	return page.more && page.count ? mark_key(fill, &page.partitions[page.count - 1].key, 0, err) : 0;
}

/* ---- Results ---- */

static int add_entry(struct map_fill *fill, struct ddb_entry *entry, struct ddb_error *err)
{
	char name[MAP_NAME_MAX + 1];
	struct map_place place;
	struct map_attr attr;
	if (!map_entry_name(fill->place.table, fill->place.query->index, &entry->item, name)) {
		ddb_fail(err, DDB_INTERNAL, "A result without its key");
		return EIO;
	}
	int number = place_below(fill, MAP_ENTRY, name, &place, err);
	if (!number)
		number = map_entry_select(fill->arena, &place, true, entry, err);
	if (number)
		return number;
	map_attr_of_entry(&place, &entry->meta, &attr);
	return map_fill_add(fill, name, &attr, err);
}

static int add_page(struct map_fill *fill, struct map_results *results, struct ddb_error *err)
{
	enum { PAGE_BYTES = 256 << 10 }; /* examined in one call */
	struct ddb_page page;
	int number = map_results_next(results, fill->map, &fill->place, MAP_RESULTS_ENTRIES,
		map_fill_room(fill), PAGE_BYTES, &page, err);
	if (number)
		return number;
	map_fill_damaged(fill, page.damaged);
	for (size_t i = 0; i < page.count; i++) {
		number = add_entry(fill, &page.entries[i], err);
		if (number)
			return number;
	}
	return page.more ? mark_key(fill, &results->start, results->returned, err) : 0;
}

static int entries(struct map_fill *fill, struct ddb_error *err)
{
	struct map_results results;
	int number = 0;
	map_results_init(&results);
	if (fill->mark.bytes) {
		number = marked_key(fill, &results.start, &results.returned, err);
		results.begun = true;
	}
	if (!number)
		number = add_page(fill, &results, err);
	map_results_done(&results);
	return number;
}

/* ---- Listings ---- */

const struct map_listing map_listing_indexes = {{indexes}};
const struct map_listing map_listing_index = {{keys}};
const struct map_listing map_listing_entries = {{entries}};
