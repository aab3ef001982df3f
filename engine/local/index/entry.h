/*
 * An entry of a secondary index: where it is stored, what it holds, and back. An index has a space of its
 * own; its records are
 *
 *   'X' space hash                   the header of a partition, as of a table's (see partition.h)
 *   'X' space hash sort… item        an entry
 *
 * `hash` is the keyed hash of the values of all HASH attributes. Each RANGE attribute's bytes (N in sortable
 * form) have 00 as 00 FF and end with 00 00, so that they keep their order and none is a prefix of another.
 * `item` is the rest of the item's own key in its table, hash and sort key raw: entries that tie on the
 * index's key are in its order, and no two are one. An entry is thus always longer than LOCAL_PREFIX_BYTES.
 *
 * An entry's record is an item's (item.h): a head with sizes of the projected attributes, and those as body,
 * keys always among them. Serial is the item's; version and mtime are those of the change that made the entry
 * what it is, since an item may change without its entry. Nothing here reads or writes the store.
 */
#ifndef LOCAL_INDEX_ENTRY_H
#define LOCAL_INDEX_ENTRY_H

#include "engine/local/item.h"

enum {
	LOCAL_SORT_MAX = 2 * DDB_RANGE_KEY_MAX + 2 * DDB_INDEX_KEY_PARTS_MAX, /* all parts, encoded */
	LOCAL_TAIL_MAX = STORE_HASH_BYTES + DDB_RANGE_KEY_MAX,                /* the item's own */
	LOCAL_ENTRY_KEY_MAX = LOCAL_PREFIX_BYTES + LOCAL_SORT_MAX + LOCAL_TAIL_MAX,
	LOCAL_ENTRY_COPY_MAX = 160, /* of the item's partition key in an entry's head */
};

struct local_entry_key {
	size_t length;
	uint8_t bytes[LOCAL_ENTRY_KEY_MAX];
};

/* The key attributes of an index, in its schema's order. */
struct local_index_values {
	struct ddb_value hash[DDB_INDEX_KEY_PARTS_MAX], range[DDB_INDEX_KEY_PARTS_MAX];
};

/*
 * An item's values for the index. *ret_indexed false (and DDB_OK): an attribute is missing. DDB_VALIDATION,
 * in the service's words: one cannot be in a key of the index (type, empty, size).
 */
DDB_MUST_CHECK enum ddb_code local_index_values(const struct ddb_index_definition *index,
	const struct ddb_value *item, struct local_index_values *ret, bool *ret_indexed,
	struct ddb_error *err);

/* The values of a partition as one: of several an L, whose elements are `values`' own. */
struct ddb_value local_index_partition(
	const struct ddb_index_definition *index, struct local_index_values *values);
/* And back: the parts of a partition's value, checked. DDB_VALIDATION. */
DDB_MUST_CHECK enum ddb_code local_index_partition_values(const struct ddb_index_definition *index,
	const struct ddb_value *partition, struct local_index_values *ret, struct ddb_error *err);

/* Where the partition's header is: the first LOCAL_PREFIX_BYTES of each of its entries' keys. */
void local_entry_prefix(struct store *store, const struct ddb_index_definition *index, uint32_t space,
	const struct local_index_values *values, uint8_t ret[LOCAL_PREFIX_BYTES]);
/* From values that were checked; `item`: the item's own key. */
void local_entry_key_make(struct store *store, const struct ddb_index_definition *index, uint32_t space,
	const struct local_index_values *values, const struct local_key *item, struct local_entry_key *ret);
/* One part in the form that it has in a key. Returns its end. `ended`: with the mark of its end; without,
 * what begins with the bytes has this as a prefix. */
uint8_t *local_sort_encode(uint8_t *to, const struct ddb_value *value, bool ended);

/* ---- Ranges: for Query and Scan ---- */

/* Store keys from `from` (inclusive) to `to` (exclusive). */
struct local_entry_range {
	struct local_entry_key from, to;
};
/* What a Query asks. DDB_VALIDATION for values that no key of the index can have. */
DDB_MUST_CHECK enum ddb_code local_entry_range(struct store *store, const struct ddb_index_definition *index,
	uint32_t space, const struct ddb_key_range *range, struct local_entry_range *ret,
	struct ddb_error *err);
/* A segment of a Scan; 0 of 1 is the whole index. Headers lie in it, too. */
void local_entry_segment(uint32_t space, uint32_t segment, uint32_t segments, struct local_entry_range *ret);
/*
 * The place of an entry from a map of exactly the key attributes of the index and of the table (the
 * ExclusiveStartKey), which need not exist. DDB_VALIDATION in GetItem's words.
 */
DDB_MUST_CHECK enum ddb_code local_entry_key_of_map(struct store *store, const struct local_table *table,
	unsigned position, const struct ddb_value *map, struct local_entry_key *ret, struct ddb_error *err);

/* ---- Back from records ---- */

/* The item's own key in its table, for fetching what is not projected: `ret` gets bytes and length only.
 * DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_entry_item(const struct local_table *table, unsigned position,
	const uint8_t *key, size_t length, struct local_key *ret, struct ddb_error *err);

/*
 * The map of the key attributes of index and table (what ExclusiveStartKey and a listing have), from an
 * entry's projected attributes, with which it shares its values.
 */
DDB_MUST_CHECK enum ddb_code local_entry_key_map(struct ddb_arena *arena, const struct local_table *table,
	const struct ddb_index_definition *index, const struct ddb_value *item, struct ddb_value *ret,
	struct ddb_error *err);
/*
 * The same without the body: from the partition's value, the entry's key and the copy in its head. *ret_known
 * false (and DDB_OK): the item's partition key is too long for a copy, so that the body must be read. Copies
 * what it takes from `key` and `copy` into the arena; the partition's values are shared.
 */
DDB_MUST_CHECK enum ddb_code local_entry_key_read(struct ddb_arena *arena, const struct local_table *table,
	unsigned position, const struct ddb_value *partition, const uint8_t *key, size_t key_length,
	const uint8_t *copy, size_t copy_length, struct ddb_value *ret, bool *ret_known,
	struct ddb_error *err);

/* The part of an item that an index has, shared with it. */
DDB_MUST_CHECK enum ddb_code local_entry_project(struct ddb_arena *arena,
	const struct ddb_definition *definition, const struct ddb_index_definition *index,
	const struct ddb_value *item, struct ddb_value *ret, struct ddb_error *err);

/* A record's head, decoded by local_head_decode; `hash`: the item's partition key. */
enum { LOCAL_ENTRY_HEAD_MAX = LOCAL_ITEM_HEAD_MIN + LOCAL_ENTRY_COPY_MAX };
size_t local_entry_head(
	const struct ddb_meta *meta, const struct ddb_value *hash, uint8_t ret[LOCAL_ENTRY_HEAD_MAX]);

/* A partition's header: local_header_decode for its head, this for the value in its body. DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_index_header_value(struct ddb_arena *arena,
	const struct ddb_index_definition *index, const struct store_value *value, struct ddb_value *ret,
	struct ddb_error *err);

#endif
