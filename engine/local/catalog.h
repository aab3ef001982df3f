/*
 * The tables that there are: their records and counters in the store, and a cache of described tables by
 * name, which is on the path of every request. The cache is bounded and never shows a table as it was before
 * a change that was acknowledged. Records are read and written in the caller's transaction; the cache takes
 * calls from any thread.
 */
#ifndef LOCAL_CATALOG_H
#define LOCAL_CATALOG_H

#include "engine/engine.h"
#include "engine/store/store.h"
#include <pthread.h>

struct local_engine;

enum { LOCAL_INDEXES_MAX = DDB_LOCAL_INDEXES_MAX + DDB_GLOBAL_INDEXES_MAX };

struct local_index {
	uint32_t space; /* where its entries are filed; 0: nowhere yet, in a store that is older than indexes
			 */
	enum ddb_index_state state;
};

/* A table as the local engine knows it: immutable, reference-counted. */
struct local_table {
	int references; /* atomic */
	struct ddb_table *table;
	uint32_t space;      /* where its records are filed: another one after define_table */
	uint64_t generation; /* rises with every change of the definition; in its counters, too */
	/* What stands beside items (aliases of entries, sums of collections) is still being made for those
	 * that an older version left. */
	bool unfiled;
	struct local_index indexes[LOCAL_INDEXES_MAX]; /* by position in the definition */
	struct local_stream {
		uint32_t space;   /* where its records are filed; 0: the table has none */
		int64_t since_ns; /* when the latest one was turned on: its label */
	} stream;
	/* Where the times are filed at which items expire; 0: nowhere, since TTL is off, or
	 * (`expiry_unfiled`) in a store that is older than expiry. */
	uint32_t expiry_space;
	bool expiry_unfiled; /* those of items that were there before are still being filed */
};

static inline unsigned local_index_count(const struct local_table *table)
{
	return table->table->definition ? table->table->definition->index_count : 0;
}

/* `table` is taken. NULL: no memory (and `table` is given back). */
struct local_table *local_table_new(struct ddb_table *table /* taken */, uint32_t space, uint64_t generation);
struct local_table *local_table_ref(struct local_table *table);
void local_table_unref(struct local_table *table); /* NULL is fine */
#define LOCAL_TABLE_AUTO __attribute__((cleanup(local_table_unrefp)))
static inline void local_table_unrefp(struct local_table **table)
{
	local_table_unref(*table);
}

/* What the table becomes as `shown` (taken): the same place and indexes, a generation later. NULL: no memory.
 */
struct local_table *local_table_next(const struct local_table *table, struct ddb_table *shown);
/* Whether it should have a stream, and has none: so an older version of this program left it. */
bool local_table_lacks_stream(const struct local_table *table);
/* Whether something of the table is still being made, by the filler (index/fill.h). */
bool local_table_pending(const struct local_table *table);

/* A copy of `table` (or of nothing, when NULL) to be changed before anybody else sees it. NULL: no memory. */
struct ddb_table *local_table_draft(const struct ddb_table *table);
/* The definition that stands in while a provisional table has none; *ret NULL for a kindless one. */
DDB_MUST_CHECK enum ddb_code local_stand_in(
	enum ddb_provisional kind, struct ddb_definition **ret, struct ddb_error *err);

/* ---- The cache ---- */

enum { LOCAL_CACHE_SETS = 256, LOCAL_CACHE_WAYS = 4 };

struct local_cache_set {
	struct local_table *ways[LOCAL_CACHE_WAYS];
	unsigned next; /* to be replaced */
};

struct local_cache {
	pthread_rwlock_t lock;
	uint64_t epoch; /* changes whenever a table is forgotten */
	struct local_cache_set sets[LOCAL_CACHE_SETS];
};

DDB_MUST_CHECK enum ddb_code local_cache_init(struct local_cache *cache, struct ddb_error *err);
void local_cache_done(struct local_cache *cache);

/* *ret is the caller's reference. DDB_RESOURCE_NOT_FOUND in the words of table operations. */
DDB_MUST_CHECK enum ddb_code local_table_find(
	struct local_engine *engine, const char *name, struct local_table **ret, struct ddb_error *err);
/* To be called after every commit that changed the table of that name, before it is acknowledged. */
void local_table_forget(struct local_engine *engine, const char *name);

/* ---- Records ---- */

enum ddb_code local_no_table(struct ddb_error *err, const char *name);

DDB_MUST_CHECK enum ddb_code local_catalog_read(
	struct store_txn *txn, const char *name, struct local_table **ret, struct ddb_error *err);
/* The same from a record's parts. */
DDB_MUST_CHECK enum ddb_code local_catalog_decode(
	const char *name, const struct store_value *value, struct local_table **ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_catalog_write(
	struct store_txn *txn, const struct local_table *table, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_catalog_delete(
	struct store_txn *txn, const char *name, struct ddb_error *err);
/* The key of a table's record; false when no table can have that name. */
enum { LOCAL_TABLE_KEY_MAX = 1 + DDB_TABLE_NAME_MAX };
bool local_catalog_key(const char *name, uint8_t ret[LOCAL_TABLE_KEY_MAX], size_t *ret_length);
/* local_table_pending, from a record's head alone; of one that is older than expiry only the body tells:
 * true.
 */
bool local_catalog_pending(const struct store_value *value);
/* Whether the table has TTL, and its times are filed. */
bool local_catalog_expires(const struct store_value *value);
/*
 * The first table behind `name` ("": of all) whose record's head `wanted` accepts, into `name`; *ret_found
 * false: none.
 */
DDB_MUST_CHECK enum ddb_code local_catalog_next(struct local_engine *engine,
	char name[DDB_TABLE_NAME_MAX + 1], bool (*wanted)(const struct store_value *value), bool *ret_found,
	struct ddb_error *err);
/* Whether there is such a table; true when that cannot be told. */
bool local_catalog_any(struct local_engine *engine, bool (*wanted)(const struct store_value *value));

struct local_counters { /* of a table */
	uint64_t items, bytes;
	uint64_t next_serial;
	uint64_t generation;
	struct local_index_counters {
		uint64_t entries, bytes;
	} indexes[LOCAL_INDEXES_MAX]; /* by position in the definition */
};
DDB_MUST_CHECK enum ddb_code local_counters_read(struct store_txn *txn, uint32_t space,
	struct local_counters *ret, bool *ret_found, struct ddb_error *err);
/* The same from a record's parts. */
DDB_MUST_CHECK enum ddb_code local_counters_decode(
	const struct store_value *value, struct local_counters *ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_counters_write(
	struct store_txn *txn, uint32_t space, const struct local_counters *counters, struct ddb_error *err);

struct local_totals {     /* over all tables */
	uint32_t next_id; /* of tables and of spaces */
	uint64_t tables;
	uint64_t next_scratch;
	uint64_t scratch_bytes;
};
/* A new store's, when there is no record yet. */
DDB_MUST_CHECK enum ddb_code local_totals_read(
	struct store_txn *txn, struct local_totals *ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code local_totals_write(
	struct store_txn *txn, const struct local_totals *totals, struct ddb_error *err);
/* A number for a table or space. DDB_LIMIT_EXCEEDED after four thousand million. */
DDB_MUST_CHECK enum ddb_code local_take_id(struct local_totals *totals, uint32_t *ret, struct ddb_error *err);
/* The same where nothing else of the totals changes. */
DDB_MUST_CHECK enum ddb_code local_take_space(struct store_txn *txn, uint32_t *ret, struct ddb_error *err);

/* ---- What a deleted or redefined table leaves behind (tables.c) ---- */

/* DDB_VALIDATION when deletion protection is on. */
DDB_MUST_CHECK enum ddb_code local_table_guarded(const struct ddb_table *table, struct ddb_error *err);
enum ddb_code local_table_has_items(struct ddb_error *err, const char *name);
struct local_job;
/* Takes the table, which need not be the job's, away; *ret_rest tells whether records are left to be purged.
 */
DDB_MUST_CHECK enum ddb_code local_table_drop(
	struct local_job *job, const struct local_table *table, bool *ret_rest, struct ddb_error *err);

/*
 * In a write transaction: removes at most `budget` of the space's items and aliases; *ret_rest tells whether
 * some are left.
 */
DDB_MUST_CHECK enum ddb_code local_purge_some(
	struct store_txn *txn, uint32_t space, unsigned budget, bool *ret_rest, struct ddb_error *err);
/* Files the space for purging. */
DDB_MUST_CHECK enum ddb_code local_tombstone_write(
	struct store_txn *txn, uint32_t space, struct ddb_error *err);
/* Purges what is filed, at most `rounds` transactions of it. What fails stays filed. */
void local_purge(struct local_engine *engine, unsigned rounds);

#endif
