/*
 * Inside mapping/: one item between its place in the tree and the engine. No open file is needed: a rename
 * puts the text of a scratch file in the same way as a write puts a document. No state of its own; any
 * thread.
 */
#ifndef MAP_ITEM_PUT_H
#define MAP_ITEM_PUT_H

#include "mapping/document/document.h"
#include "mapping/file.h"
#include "mapping/scratch/scratches.h"

/* The whole item of `place`; it lives in `arena`. ENOENT, also for a place that no key can have yet. */
int map_item_get(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct ddb_entry *ret, struct ddb_error *err);
/* Appends the document of a whole item. */
int map_item_render(const struct ddb_table *table, const struct ddb_entry *entry,
	enum ddb_rendering rendering, struct ddb_buffer *out, struct ddb_error *err);

/* The first item decides what kind of table a provisional one is. */
int map_item_settle(struct map *map, const struct map_place *place, struct ddb_error *err);
/* The place of an item that is to be written, in a table of settled kind. EINVAL for a name that is no key's.
 * map_place_done must follow. */
int map_item_resolve(struct map *map, struct ddb_arena *arena, const char *path, struct map_place *ret,
	struct ddb_error *err);
/* The item that a document of `place` stands for: as given, and with its key. `document` NULL: only the key.
 */
DDB_MUST_CHECK enum ddb_code map_item_read(const struct map_place *place, struct ddb_arena *arena,
	const struct ddb_value *document, struct ddb_value *ret_given, struct ddb_value *ret_item,
	struct ddb_error *err);

struct map_item_put {
	const struct ddb_value *document; /* as the JSON reader gave it; or NULL */
	enum ddb_condition condition;
	int64_t mtime_ns;
	const struct map_consume *consume; /* or NULL */
};
int map_item_put(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	const struct map_item_put *request, struct ddb_meta *ret, struct ddb_error *err);
/* A write's errno: its only condition is that the name is new. */
int map_item_errno(enum ddb_code code);

#endif
