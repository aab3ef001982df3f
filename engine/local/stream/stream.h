/*
 * The streams of tables: a record ('S') for each change of an item, in the transaction of the change, under
 * the version that the change was given; and for each stream a note ('Q') of whose it is and since when,
 * which outlives the table and goes with the last of its records, a day after the stream was turned off. Who
 * writes records is local_writing (and what moves whole partitions); reading is read.c's, and what
 * becomes too old is keeper.c's. A view's engine writes none: its commit does.
 */
#ifndef LOCAL_STREAM_H
#define LOCAL_STREAM_H

#include "engine/local/item.h"

enum { LOCAL_STREAM_KEY_BYTES = LOCAL_SPACE_BYTES + 8 };
#define LOCAL_STREAM_KEPT_NS ((int64_t)DDB_STREAM_SECONDS * 1000000000)

/* ---- Notes ---- */

struct local_stream_note {
	uint32_t space, table_id;
	enum ddb_stream_view view;
	int64_t since_ns, until_ns;           /* until_ns 0: it is on */
	uint64_t first, last;                 /* versions: of the turning on, and of the turning off, or 0 */
	uint64_t trimmed;                     /* the last record that is no longer kept, or 0 */
	const char *table;                    /* its name; this and the names of the key in the arena */
	struct ddb_key_attribute hash, range; /* range.type 0: none */
};

/* *ret_found false: there is none. DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_stream_note_read(struct store_txn *txn, struct ddb_arena *arena,
	uint32_t space, struct local_stream_note *ret, bool *ret_found, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_stream_note_decode(struct ddb_arena *arena, uint32_t space,
	const struct store_value *value, struct local_stream_note *ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_stream_note_write(
	struct store_txn *txn, const struct local_stream_note *note, struct ddb_error *err);
/* Calls `visit` for each note that can be read, by space; it may end the walk with an error, and must not
 * write. */
typedef enum ddb_code local_note_visit(
	const struct local_stream_note *note, void *context, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_stream_notes(
	struct store_txn *txn, local_note_visit *visit, void *context, struct ddb_error *err);
/* Turned off so long ago that nothing of it is shown any more. */
bool local_stream_over(const struct local_stream_note *note, int64_t now);

/* ---- Records ---- */

void local_stream_key(uint32_t space, uint64_t number, uint8_t ret[LOCAL_STREAM_KEY_BYTES]);
struct local_stream_head {
	enum ddb_stream_event event;
	bool service;
	int64_t time_ns;
	uint32_t size; /* SizeBytes */
};
DDB_MUST_CHECK enum ddb_code local_stream_head_decode(
	const struct store_value *value, struct local_stream_head *ret, struct ddb_error *err);
/* The whole record but its number; what it points to is in the arena and in the value. DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_stream_record_decode(struct ddb_arena *arena,
	const struct store_value *value, struct ddb_stream_record *ret, struct ddb_error *err);

/* Whether changes must be told, so that an item's old body must be read before it changes. What a view stages
 * is told when it is committed. */
static inline bool local_has_stream(const struct local_engine *engine, const struct local_table *table)
{
	return table->stream.space != 0 && !engine->view;
}
/*
 * The item under `key`, which was `old` (found or not, with its body), becomes `item` (NULL: it goes) by the
 * change of that version. Nothing is written where nothing changes, nor for a table without a stream.
 */
DDB_MUST_CHECK enum ddb_code local_stream_tell(struct local_job *job, const struct local_key *key,
	const struct local_found *old, const struct local_item *item, uint64_t version,
	struct ddb_error *err);

/* ---- Turning on and off ---- */

/* The table's record is about to be written as `draft`, with another definition than `old` (NULL: it is new):
 * its stream is turned on, off, or both, as the definition says. */
DDB_MUST_CHECK enum ddb_code local_stream_redefine(struct local_engine *engine, struct store_txn *txn,
	const struct local_table *old, struct local_table *draft, struct ddb_error *err);
/* The table is deleted. */
DDB_MUST_CHECK enum ddb_code local_stream_close(struct local_engine *engine, struct store_txn *txn,
	const struct local_table *table, struct ddb_error *err);
/* The table gets another name. */
DDB_MUST_CHECK enum ddb_code local_stream_rename(
	struct store_txn *txn, const struct ddb_table *table, const char *name, struct ddb_error *err);

#endif
