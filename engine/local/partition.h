/*
 * What stands beside the items of a table: the header of each partition that has items, and the aliases of
 * keys whose file names must be found by digest. Headers and aliases of partition keys come with a
 * partition's first item and go with its last; aliases of other keys come and go with their item. Within the
 * caller's write transaction.
 */
#ifndef LOCAL_PARTITION_H
#define LOCAL_PARTITION_H

#include "engine/local/keys.h"
#include "engine/local/local_private.h"

struct local_header {
	uint64_t serial;
	int64_t mtime_ns;
};

/* A new item is under that key: header and aliases. A new header takes over `inherit`, or (NULL) a serial of
 * the job's. */
DDB_MUST_CHECK enum ddb_code local_place_enter(struct local_job *job, const struct local_key *key,
	const struct local_header *inherit, struct ddb_error *err);
/* The item under that key is gone. */
DDB_MUST_CHECK enum ddb_code local_place_leave(
	struct local_job *job, const struct local_key *key, struct ddb_error *err);

bool local_is_composite(const struct ddb_table *table);
/* The key of a partition: `range` is not set. DDB_VALIDATION when the table has no sort key or the value
 * cannot be a partition key. */
DDB_MUST_CHECK enum ddb_code local_partition_key(struct local_engine *engine, const struct local_table *table,
	const struct ddb_value *value, struct local_key *ret, struct ddb_error *err);
/* Whether there is nothing, in the order of keys, behind the header at that prefix: of a table or an index.
 */
DDB_MUST_CHECK enum ddb_code local_partition_empty(
	struct store_txn *txn, const uint8_t *prefix, bool *ret, struct ddb_error *err);

/* The header's record and the value in its body, which points into the record. DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_header_write(struct store_txn *txn, const uint8_t *prefix,
	const struct ddb_value *value, const struct local_header *header, struct ddb_error *err);
/* Makes the header unless there is one: it takes over `inherit`, or (NULL) a serial of the job's. */
DDB_MUST_CHECK enum ddb_code local_header_enter(struct local_job *job, const uint8_t *prefix,
	const struct ddb_value *value, const struct local_header *inherit, bool *ret_new,
	struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_header_decode(
	const struct store_value *value, struct local_header *ret, struct ddb_error *err);
/* A key's value as a record of its own, in headers and aliases. */
DDB_MUST_CHECK enum ddb_code local_value_decode(struct ddb_arena *arena, const struct store_value *value,
	enum ddb_type type, struct ddb_value *ret, struct ddb_error *err);

/* The store key of a value's alias; 0 when it has none. `range`: of the sort key, else of the other. */
size_t local_alias_key(struct local_engine *engine, const struct local_table *table,
	const struct local_key *key, bool range, uint8_t ret[LOCAL_ALIAS_KEY_MAX]);
DDB_MUST_CHECK enum ddb_code local_alias_write(struct store_txn *txn, const uint8_t *key, size_t key_length,
	const struct ddb_value *value, struct ddb_error *err);

/* ---- Names of a listing's entries (alias.c) ---- */

/* The store keys of the aliases of an entry (of an index, or with NULL of the table's items), and of an
 * index's partition; 0 when there is none. */
enum { LOCAL_SPACE_ALIAS_BYTES = LOCAL_SPACE_BYTES + STORE_HASH_BYTES };
size_t local_entry_alias_key(struct local_engine *engine, const struct local_table *table,
	const struct ddb_index_definition *index, uint32_t space, const struct ddb_value *map,
	uint8_t ret[LOCAL_SPACE_ALIAS_BYTES]);
size_t local_index_alias_key(struct local_engine *engine, const struct local_table *table, unsigned position,
	const struct ddb_value *partition, uint8_t ret[LOCAL_SPACE_ALIAS_BYTES]);
/* The map of an alias's record. DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_map_decode(struct ddb_arena *arena, const struct store_value *value,
	struct ddb_value *ret, struct ddb_error *err);

/* An item's key as a map, pointing into the key and the definition. */
struct local_key_map {
	struct ddb_value value;
	struct ddb_attribute attributes[2];
};
void local_key_map_make(
	const struct ddb_definition *definition, const struct local_key *key, struct local_key_map *ret);
size_t local_item_alias_key(struct local_engine *engine, const struct local_table *table,
	const struct local_key *key, struct local_key_map *map, uint8_t ret[LOCAL_SPACE_ALIAS_BYTES]);
DDB_MUST_CHECK enum ddb_code local_item_alias_enter(
	struct local_job *job, const struct local_key *key, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_item_alias_leave(
	struct local_job *job, const struct local_key *key, struct ddb_error *err);

#endif
