/*
 * The keys of the local engine's records in the store: which kinds there are, how an item's key attributes
 * become a place in the order of keys, and DynamoDB's rules for key attributes. Pure functions of their input
 * (and of the store's hash key); any thread.
 *
 *   'I' space hash        an item of a simple table; the header of a partition of one with a sort key
 *   'I' space hash sort   an item: its sort key raw (S, B) or sortable (N), never empty
 *   'A' space alias       finds a partition key (or a simple table's key) by a keyed hash of its digest
 *   'A' space hash alias  finds a sort key within a partition
 *   'C' space             counters
 *   'D' space             a table's remains, to be purged
 *   'T' name              the catalog
 *   'N'                   what is counted over all tables
 *   'F' directory hash    a scratch file or directory: keyed hashes of its directory's id and of its name
 *   'F' directory         a scratch directory again, at the head of what is in it
 *   'B' id n              its 64 KiB blocks
 *   'X' space hash …      an index's entries and the headers of its partitions (index/entry.h)
 *   'E' space alias       finds the key of an entry of an index, or of an item in a query's listing
 *   'G' space hash        the bytes of an item collection, in tables with local indexes
 *   'J' space             how far the making of an index, or of what stands beside items, has come
 *   'Q' space             a stream: of which table, since when, until when; its space is no table's
 *   'S' space number      its records, by the version of the change
 *   'V' space time hash … when an item expires, in order of time
 *   'Y' hash              the token of a transaction that was committed
 *
 * `space` is the number under which a table's or an index's records are filed, big-endian: a new one for each
 * definition of a key.
 */
#ifndef LOCAL_KEYS_H
#define LOCAL_KEYS_H

#include "engine/engine.h"
#include "engine/store/store.h"

enum local_kind {
	LOCAL_ALIAS = 'A',
	LOCAL_BLOCK = 'B',
	LOCAL_COUNTERS = 'C',
	LOCAL_TOMBSTONE = 'D',
	LOCAL_ENTRY_ALIAS = 'E',
	LOCAL_SCRATCH = 'F',
	LOCAL_COLLECTION = 'G',
	LOCAL_ITEM = 'I',
	LOCAL_PROGRESS = 'J',
	LOCAL_TOTALS = 'N',
	LOCAL_STREAM = 'Q',
	LOCAL_STREAM_RECORD = 'S',
	LOCAL_TABLE = 'T',
	LOCAL_EXPIRY = 'V',
	LOCAL_ENTRY = 'X',
	LOCAL_TOKEN = 'Y',
};

enum {
	LOCAL_SPACE_BYTES = 1 + 4,
	LOCAL_PREFIX_BYTES = LOCAL_SPACE_BYTES + STORE_HASH_BYTES,
	LOCAL_KEY_MAX = LOCAL_PREFIX_BYTES + DDB_RANGE_KEY_MAX,
	LOCAL_ALIAS_KEY_MAX = LOCAL_PREFIX_BYTES + STORE_HASH_BYTES,
	LOCAL_SEGMENTS_MAX = 1000000,
};

/* The key of an item, checked, and where the item is stored. Values are borrowed from what it was made of. */
struct local_key {
	struct ddb_value hash, range; /* range.type 0: a simple table */
	size_t length;
	uint8_t bytes[LOCAL_KEY_MAX];
};

/* The table's definition, or DDB_VALIDATION while the table has no key. */
DDB_MUST_CHECK enum ddb_code local_definition(
	const struct ddb_table *table, const struct ddb_definition **ret, struct ddb_error *err);

/* The key within a whole item; the refusals are PutItem's. */
DDB_MUST_CHECK enum ddb_code local_key_of_item(struct store *store, const struct ddb_table *table,
	uint32_t space, const struct ddb_value *item, struct local_key *ret, struct ddb_error *err);
/* From a map of exactly the key attributes; the refusals are GetItem's. */
DDB_MUST_CHECK enum ddb_code local_key_of_map(struct store *store, const struct ddb_table *table,
	uint32_t space, const struct ddb_value *map, struct local_key *ret, struct ddb_error *err);
/* Whether the value may be that attribute's in a key: type, size, not empty. */
DDB_MUST_CHECK enum ddb_code local_key_value_check(const struct ddb_key_attribute *attribute, bool is_range,
	const struct ddb_value *value, struct ddb_error *err);
/* From values that were checked. `range` NULL: of a simple table or a partition. */
void local_key_make(struct store *store, uint32_t space, const struct ddb_value *hash,
	const struct ddb_value *range, struct local_key *ret);
/* A value of a key from the bytes that a record's key holds; DDB_DAMAGED. The bytes are borrowed. */
DDB_MUST_CHECK enum ddb_code local_key_value(enum ddb_type type, const uint8_t *bytes, size_t length,
	struct ddb_value *ret, struct ddb_error *err);

/* How an attribute is called in a message: stand-in names lose the byte that no text can hold. */
const char *local_attribute_label(const struct ddb_key_attribute *attribute);

/* kind + space; the length is LOCAL_SPACE_BYTES. */
void local_space_key(enum local_kind kind, uint32_t space, uint8_t ret[LOCAL_SPACE_BYTES]);
/* The smallest key above all that begin with `prefix`, whose last byte must not be 0xFF throughout. Returns
 * its length. */
size_t local_key_after_prefix(const uint8_t *prefix, size_t length, uint8_t *ret);
/* Where a segment of a parallel Scan begins: 'I', space and the first 8 bytes of a hash. `segment` may be
 * `segments`: its end. */
enum { LOCAL_SEGMENT_KEY_BYTES = LOCAL_SPACE_BYTES + 8 };
size_t local_segment_key(
	uint32_t space, uint32_t segment, uint32_t segments, uint8_t ret[LOCAL_SEGMENT_KEY_BYTES]);

/* Numbers in records (little-endian) and in keys (big-endian). */
static inline uint8_t *local_write_le(uint8_t *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> (8 * i));
	return to + bytes;
}

static inline uint64_t local_read_le(const uint8_t *from, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)from[i] << (8 * i);
	return value;
}

static inline uint8_t *local_write_be(uint8_t *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
	return to + bytes;
}

static inline uint64_t local_read_be(const uint8_t *from, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | from[i];
	return value;
}

#endif
