/*
 * When items expire. In a table with TTL each item whose attribute is a number of seconds has a record ('V')
 * under that time, so that what is due comes first; it is kept in the transaction of its item. Which items
 * have one does not depend on the clock: what is over five years past has it, and is passed over when things
 * are removed (sweeper.h). Items that were there before TTL was turned on are filed by index/fill.h.
 */
#ifndef LOCAL_EXPIRY_H
#define LOCAL_EXPIRY_H

#include "engine/local/item.h"
#include "engine/local/keys.h"
#include "engine/local/local_private.h"

enum {
	LOCAL_EXPIRY_PREFIX_BYTES = LOCAL_SPACE_BYTES + 8, /* with the time */
	LOCAL_EXPIRY_KEY_MAX = LOCAL_KEY_MAX + 8,
	LOCAL_EXPIRY_PAST = 5 * 365 * 24 * 3600, /* seconds: what expired longer ago never does */
};

/* Whether changes of items must be told, so that an item's old body must be read before it changes. */
static inline bool local_expires(const struct local_table *table)
{
	return table->expiry_space != 0;
}

/* Seconds since the epoch: the TTL attribute, rounded down. False: the item has none that means a time. */
bool local_expiry_time(const struct local_table *table, const struct ddb_value *item, int64_t *ret);
/* The time by which items expire. */
int64_t local_expiry_now(const struct local_engine *engine);
static inline bool local_expiry_due(int64_t time, int64_t now)
{
	return time <= now && time >= now - LOCAL_EXPIRY_PAST;
}

/* The item under `key` goes from `old` to `new_` (NULL: nothing), both whole. */
DDB_MUST_CHECK enum ddb_code local_expiry_change(struct local_job *job, const struct local_key *key,
	const struct ddb_value *old, const struct ddb_value *new_, struct ddb_error *err);
/* A record for an item that has none yet. */
DDB_MUST_CHECK enum ddb_code local_expiry_enter(struct local_job *job, const struct local_key *key,
	const struct ddb_value *item, struct ddb_error *err);

/* The record's key; and back, to time and item. The second is false for what is no such key of the table's.
 */
size_t local_expiry_key(const struct local_table *table, int64_t time, const uint8_t *item_key,
	size_t item_length, uint8_t ret[LOCAL_EXPIRY_KEY_MAX]);
bool local_expiry_item(const struct local_table *table, const uint8_t *key, size_t length, int64_t *ret_time,
	uint8_t ret_item[LOCAL_KEY_MAX], size_t *ret_length);
DDB_MUST_CHECK enum ddb_code local_expiry_write(
	struct store_txn *txn, const uint8_t *key, size_t length, struct ddb_error *err);

/* ---- Definitions ---- */

/* Of a table that has no items yet. */
DDB_MUST_CHECK enum ddb_code local_expiry_number(
	struct local_totals *totals, struct local_table *draft, struct ddb_error *err);
/* The job's table becomes `draft`. *ret_dropped is set when something is left to be purged, else as it was.
 */
DDB_MUST_CHECK enum ddb_code local_expiry_redefine(
	struct local_job *job, struct local_table *draft, bool *ret_dropped, struct ddb_error *err);
/* The table goes; *ret_rest as above. */
DDB_MUST_CHECK enum ddb_code local_expiry_drop(
	struct store_txn *txn, const struct local_table *table, bool *ret_rest, struct ddb_error *err);

/* ---- Hiding ---- */

/* Whether reads of the table leave out what has expired. */
bool local_expiry_hides(const struct local_engine *engine, const struct local_table *table);
/* Of such a table: whether the item is hidden; if not, meta->expires is set. */
bool local_expiry_hidden(const struct local_engine *engine, const struct local_table *table,
	const struct ddb_value *item, struct ddb_meta *meta);
/* local_item_find for who reads: what is hidden is not found. */
DDB_MUST_CHECK enum ddb_code local_item_find_shown(struct local_engine *engine, struct store_txn *view,
	const struct local_table *table, struct ddb_arena *arena, const struct local_key *key, bool want_body,
	struct local_found *ret, struct ddb_error *err);

#endif
