/*
 * The keys of the records that a Query or Scan goes through, as maps, out of what is cheapest to read: the
 * record's own key and head, the partition that the walk is in; the body only where these do not have it.
 * One request, one thread; everything that comes back lives in the response's arena and points nowhere else.
 */
#ifndef LOCAL_PAGE_KEY_H
#define LOCAL_PAGE_KEY_H

#include "engine/local/source.h"

struct local_page_keys {
	struct ddb_arena *arena; /* the response's */
	const struct local_source *source;
	/* The partition that the walk is in, once it is known: its value is not in its records' keys. */
	bool known;
	uint8_t place[LOCAL_PREFIX_BYTES];
	struct ddb_value partition;
	/* Of a table: the key attributes in canonical order, names in the arena. */
	struct ddb_attribute names[2];
	unsigned hash_at; /* which of them is the partition key */
};

/* A record, as far as it was read. */
struct local_page_record {
	const uint8_t *key; /* the store's */
	size_t key_length;
	struct ddb_meta meta;
	const uint8_t *copy; /* the head's copy of a partition key, or NULL */
	size_t copy_length;
	const uint8_t *body; /* or NULL: it was not read */
	size_t body_length;
};

/* All of it, or (no `want_body`) without the body. DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_page_record_read(struct store_cursor *cursor, struct ddb_arena *arena,
	bool want_body, struct local_page_record *ret, struct ddb_error *err);

DDB_MUST_CHECK enum ddb_code local_page_keys_init(struct local_page_keys *keys, struct ddb_arena *arena,
	const struct local_source *source, struct ddb_error *err);
/* The walk is in the partition of that value, whose records' keys begin with `place`. */
DDB_MUST_CHECK enum ddb_code local_page_keys_enter(struct local_page_keys *keys, const uint8_t *place,
	const struct ddb_value *partition, struct ddb_error *err);
/* Whether the walk is known to be in the partition whose records' keys begin so. */
bool local_page_keys_in(const struct local_page_keys *keys, const uint8_t *place);
/* The cursor is at a partition's header. */
DDB_MUST_CHECK enum ddb_code local_page_keys_header(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, struct ddb_error *err);
/* The key of the record that the cursor is at. */
DDB_MUST_CHECK enum ddb_code local_page_keys_read(struct local_page_keys *keys, struct store_cursor *cursor,
	struct ddb_arena *scratch, const struct local_page_record *record, struct ddb_value *ret,
	struct ddb_error *err);

#endif
