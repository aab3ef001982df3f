/*
 * Inside mapping/: the entries of a query's or an index's listing. An entry's name is made of keys; whether
 * it is there is decided by its item and by what is asked, so that opening one costs a read of one item.
 * Read-only. Any thread.
 */
#ifndef MAP_ENTRY_H
#define MAP_ENTRY_H

#include "mapping/query/query.h"

enum { MAP_ENTRY_PARTS_MAX = DDB_INDEX_KEY_PARTS_MAX + 2 };

/* The types of a name's parts: the index's sort key, the table's partition and sort key. Returns how many. */
unsigned map_entry_types(const struct ddb_table *table, const struct ddb_index_definition *index,
	enum ddb_type ret[MAP_ENTRY_PARTS_MAX]);
/* Their values in an item or key; false when it lacks one. */
bool map_entry_values(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_value *item, struct ddb_value ret[MAP_ENTRY_PARTS_MAX], unsigned *ret_count);
/* False: the item cannot be an entry there. */
bool map_entry_name(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_value *item, char ret[256]);
/* The key by which a query goes on behind it: the table's and the index's key attributes. */
DDB_MUST_CHECK enum ddb_code map_entry_key(const struct ddb_table *table,
	const struct ddb_index_definition *index, const struct ddb_value *item, struct ddb_arena *arena,
	struct ddb_value *ret, struct ddb_error *err);

/* The item that an entry's file shows, and its meta; ENOENT when there is no such entry. With `meta_only` the
 * item may be left alone. */
int map_entry_get(struct map *map, struct ddb_arena *arena, const struct map_place *place, bool meta_only,
	struct ddb_entry *ret, struct ddb_error *err);
/* Makes of an entry as the table or index has it what its file shows: select= applied. `measured`: its meta
 * is that of the entry as it comes, not of the item behind it. */
int map_entry_select(struct ddb_arena *arena, const struct map_place *place, bool measured,
	struct ddb_entry *entry, struct ddb_error *err);
void map_attr_of_entry(const struct map_place *place, const struct ddb_meta *meta, struct map_attr *ret);
/* The path of the item itself. */
int map_entry_item_path(const struct map_place *place, char ret[MAP_PATH_MAX]);

#endif
