/*
 * What a transaction has read, as ranges of store keys: records (each item, entry or alias that was looked
 * at, whether or not there was one, and the ranges that were walked) and headers (of which only it counts
 * which there are). A table's own record is among them as soon as anything of it is. Memory is bounded: when
 * a set is full, neighbours are merged, those first that have most in common; so a set may cover more than
 * was read, and never less. Threads: any, by a lock that is innermost.
 */
#ifndef LOCAL_READS_H
#define LOCAL_READS_H

#include "engine/local/keys.h"
#include "engine/local/local_private.h"

enum {
	LOCAL_SPANS_MAX = 4096,
	LOCAL_SPAN_BYTES_MAX = 1 << 19, /* of keys, in a set */
};

/* Keys from `from` (inclusive) to `to` (exclusive). */
struct local_span {
	uint8_t *bytes; /* `from`, and then `to`; of a point they share theirs */
	uint16_t from_length, to_at, to_length;
};
struct local_span_set {
	struct local_span *spans; /* in order; none touches another */
	size_t count, room, bytes;
};

struct local_reads {
	pthread_mutex_t lock;
	struct local_span_set records, headers;
};

DDB_MUST_CHECK enum ddb_code local_reads_init(struct local_reads *reads, struct ddb_error *err);
void local_reads_done(struct local_reads *reads);
size_t local_reads_bytes(struct local_reads *reads);

/* Adds a range to a set whose lock is held. */
DDB_MUST_CHECK enum ddb_code local_span_add(struct local_span_set *set, const uint8_t *from,
	size_t from_length, const uint8_t *to, size_t to_length, struct ddb_error *err);

/*
 * What an operation is about to tell its caller of. Nothing happens but in a transaction's view; to be called
 * before, or within, the view of the store that is read.
 */
DDB_MUST_CHECK enum ddb_code local_read_key(struct local_engine *engine, const struct local_table *table,
	const uint8_t *key, size_t length, struct ddb_error *err);
/* Nothing but that there is such a table. */
DDB_MUST_CHECK enum ddb_code local_read_table(
	struct local_engine *engine, const struct local_table *table, struct ddb_error *err);
/* Which tables there are behind `after` (or NULL: all), and what they are. */
DDB_MUST_CHECK enum ddb_code local_read_tables(
	struct local_engine *engine, const char *after, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_read_range(struct local_engine *engine, const struct local_table *table,
	const uint8_t *from, size_t from_length, const uint8_t *to, size_t to_length, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_read_headers(struct local_engine *engine, const struct local_table *table,
	const uint8_t *from, size_t from_length, const uint8_t *to, size_t to_length, struct ddb_error *err);

#endif
