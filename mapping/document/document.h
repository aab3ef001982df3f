/*
 * Items to documents and back: plain JSON (sets and binaries wrapped as {"$ss": […]}, {"$binary": "…"}) and
 * DynamoDB's typed JSON, each pretty for files (the layout of jq --indent 2, a newline at the end) or compact
 * for lines (a newline at the end). Key attributes come first. The same item always gives the same bytes.
 * Pure functions; any thread.
 */
#ifndef MAP_DOCUMENT_H
#define MAP_DOCUMENT_H

#include "engine/buffer.h"
#include "engine/engine.h"
#include "engine/json.h"
#include "engine/jsonout.h"

enum {
	MAP_DOCUMENT_MAX = 32 << 20,     /* bytes of text */
	MAP_DOCUMENT_MEMORY = 128 << 20, /* an arena of so many bytes holds the tree and the item of any
					    document that DynamoDB would take */
};

/* How a provisional table's documents show the keys of their items. */
#define MAP_SHOWN_HASH "pk"
#define MAP_SHOWN_RANGE "sk"

/*
 * Appends the document. In a provisional table the stand-in keys are not shown under their own names but as
 * "pk" and "sk" where the item itself has no such attribute (their values are decoded from the file name they
 * hold; one in the long form is shown as it is). Few items need more than MAP_DOCUMENT_MAX, but deep nesting
 * can: the length is known from map_document_measure.
 */
void map_document_write(const struct ddb_table *table, const struct ddb_value *item,
	enum ddb_rendering rendering, bool pretty, struct ddb_buffer *out);
/* The plain document as a part of another text, without a newline. */
void map_document_write_object(
	const struct ddb_table *table, const struct ddb_value *item, struct ddb_json_out *json);
/* The bytes of both pretty documents. */
void map_document_measure(const struct ddb_table *table, const struct ddb_value *item, uint32_t ret[2]);

/* What the JSON reader must be told for a document of that rendering. */
const struct ddb_json_limits *map_document_limits(enum ddb_rendering rendering);

/*
 * `json`: the object that the JSON reader gave. *ret is the item it stands for, canonical, in `arena` (it may
 * share strings with `json`). DDB_VALIDATION, DDB_SERIALIZATION, DDB_ITEM_TOO_LARGE in the service's words.
 * Keys are not judged.
 */
DDB_MUST_CHECK enum ddb_code map_document_read(struct ddb_arena *arena, const struct ddb_value *json,
	enum ddb_rendering rendering, struct ddb_value *ret, struct ddb_error *err);

/*
 * Completes an item with the key of its file: key attributes that are missing are added, those present must
 * agree with `hash` and `range`, else DDB_VALIDATION "The document's key attribute NAME does not agree with
 * its path". What is NULL and of the key the document must hold itself (a line, a long name). *ret shares
 * with `item`, `hash` and `range`. In a provisional table `hash` and `range` are stand-in keys and are added
 * as such; "pk" and "sk" of the document are attributes like others, but where no stand-in is given it is
 * made of them.
 */
DDB_MUST_CHECK enum ddb_code map_document_complete(struct ddb_arena *arena, const struct ddb_table *table,
	const struct ddb_value *item, const struct ddb_value *hash, const struct ddb_value *range,
	struct ddb_value *ret, struct ddb_error *err);

#endif
