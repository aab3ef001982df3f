/*
 * What the files of the local engine share: the engine itself, and how an operation finds its table and
 * changes it. Every operation is an attempt on a table as it was just described; should the table turn out,
 * inside the transaction, to have been deleted or redefined since, the attempt is stale and is made again
 * with the table of now. Nothing in memory is changed by a job before its commit, so that jobs may be run
 * again.
 */
#ifndef LOCAL_PRIVATE_H
#define LOCAL_PRIVATE_H

#include "engine/local/catalog.h"
#include "engine/local/index/filler.h"
#include "engine/local/txn/keeper.h"
#include "engine/local/local.h"
#include "engine/local/stream/keeper.h"
#include "engine/local/ttl/sweeper.h"
#include "engine/store/store.h"

enum {
	LOCAL_ARENA_MAX = 64 << 20, /* of one item's work: its tree is at most some 13 MiB */
	LOCAL_ATTEMPTS_MAX = 64,    /* each stale one is another thread's change of the table */
	LOCAL_LIST_MAX = 10000,     /* entries of one listing, whatever the caller's limit */
	LOCAL_PURGE_RECORDS = 4000, /* removed in one transaction */
	LOCAL_VERSION_BITS = 13,    /* of an item's version: the change's number within its job */
	LOCAL_DEFAULT_MODE = 0644,  /* of a scratch file that was an item */
};

struct local_view;

struct local_engine {
	struct ddb_engine base; /* first */
	struct store *store;
	const struct ddb_rendering_hooks *hooks; /* or NULL */
	char *path;
	bool sync, read_only;
	uint64_t scratch_max;
	unsigned move_items_max; /* DDB_MOVE_ITEMS_MAX */
	uint64_t collection_max; /* bytes */
	struct local_cache cache;
	struct local_worker filler;
	struct local_streams streams;
	struct local_sweeper sweeper;
	struct local_keeper keeper;
	bool hide_expired;
	int64_t expiry_now;     /* seconds: the time by which items expire; 0: the clock's */
	int64_t (*clock)(void); /* NULL: local_now; tests have their own */
	/* Under the writer: what the running job was given. */
	uint64_t job_number, job_versions;
	struct local_view *view; /* what this engine is one of (txn/view.h); or NULL */
};

static inline struct local_engine *local_of(struct ddb_engine *engine)
{
	return (struct local_engine *)engine;
}

int64_t local_now(void);
/* The engine's time, which tests can set. */
static inline int64_t local_clock(const struct local_engine *engine)
{
	return engine->clock ? engine->clock() : local_now();
}

/* store_write with the engine's options: refused on a read-only engine, durable with `sync`; and who watches
 * streams is told. */
DDB_MUST_CHECK enum ddb_code local_write(
	struct local_engine *engine, store_job *job, void *context, struct ddb_error *err);
/* The same, and safe from power loss when it returns. */
DDB_MUST_CHECK enum ddb_code local_write_durably(
	struct local_engine *engine, store_job *job, void *context, struct ddb_error *err);

/* store_get, with absence as an answer: *ret is untouched when *ret_found is false. */
DDB_MUST_CHECK enum ddb_code local_get(struct store_txn *txn, struct ddb_arena *arena, const void *key,
	size_t key_length, bool want_body, struct store_value *ret, bool *ret_found, struct ddb_error *err);

enum ddb_code local_damaged(struct ddb_error *err, const char *what);

/* ---- Attempts ---- */

/* An attempt's answer only, never a caller's: the table is no longer what it was. */
#define LOCAL_STALE DDB_CODES

typedef enum ddb_code local_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err);

/* An item operation words a missing table differently. */
enum local_wording { LOCAL_OF_TABLE, LOCAL_OF_ITEM };
DDB_MUST_CHECK enum ddb_code local_find_table(struct local_engine *engine, const char *name,
	enum local_wording wording, struct local_table **ret, struct ddb_error *err);
/* Makes attempts on the table of that name until one is not stale. */
DDB_MUST_CHECK enum ddb_code local_on_table(struct local_engine *engine, const char *name,
	enum local_wording wording, local_attempt *attempt, void *context, struct ddb_error *err);

/* In a view: DDB_OK, or LOCAL_STALE when the table's records are no longer (all) there. */
DDB_MUST_CHECK enum ddb_code local_alive(
	struct store_txn *view, const struct local_table *table, struct ddb_error *err);

/* One run of a write transaction on a table. */
struct local_job {
	struct local_engine *engine;
	struct store_txn *txn;
	const struct local_table *table;
	struct ddb_arena arena; /* ends with the run */
	struct local_counters counters;
	bool counted; /* the counters have changed and will be written at the end */
	int64_t now;  /* when the change was asked for */
	bool service; /* TTL asked for it */
};
typedef enum ddb_code local_change(struct local_job *job, void *context, struct ddb_error *err);
/* Runs `change` in a write transaction, with the table's counters around it. LOCAL_STALE. */
DDB_MUST_CHECK enum ddb_code local_change_table(struct local_engine *engine, const struct local_table *table,
	local_change *change, void *context, struct ddb_error *err);
/* The same as one of several tables' parts of a transaction; the caller made `job` of engine, txn, table and
 * now. *ret_stale: the table has changed, and the call failed. */
DDB_MUST_CHECK enum ddb_code local_job_run(
	struct local_job *job, local_change *change, void *context, bool *ret_stale, struct ddb_error *err);

/* Sets when the definition changed; the context is an int64_t of nanoseconds. */
local_attempt local_table_date;

/* A version above all that were given before. Only in a job of local_write, which can have
 * LOCAL_VERSIONS of them unless it takes more. */
enum { LOCAL_VERSIONS = 1 << LOCAL_VERSION_BITS };
uint64_t local_next_version(struct local_engine *engine, const struct store_txn *txn);
/* In a job, once: it can have `count` versions in all; passes on what store_txn_take_numbers refuses. */
DDB_MUST_CHECK enum ddb_code local_take_versions(
	struct store_txn *txn, uint64_t count, struct ddb_error *err);

/* ---- Operations, as in engine.h ---- */

enum ddb_code local_create_table(
	struct ddb_engine *, const char *, struct ddb_definition *, struct ddb_error *);
enum ddb_code local_describe_table(
	struct ddb_engine *, const char *, struct ddb_table **, struct ddb_error *);
enum ddb_code local_count_table(
	struct ddb_engine *, const char *, struct ddb_table_counts *, struct ddb_error *);
enum ddb_code local_update_table(struct ddb_engine *, const char *, const struct ddb_definition *,
	struct ddb_definition *, struct ddb_error *);
enum ddb_code local_delete_table(struct ddb_engine *, const char *, bool, struct ddb_error *);
enum ddb_code local_rename_table(struct ddb_engine *, const char *, const char *, struct ddb_error *);
enum ddb_code local_list_tables(struct ddb_engine *, struct ddb_arena *, const char *, uint32_t,
	struct ddb_table_names *, struct ddb_error *);
enum ddb_code local_settle_table(struct ddb_engine *, const char *, enum ddb_provisional, struct ddb_error *);
enum ddb_code local_define_table(struct ddb_engine *, const struct ddb_define_table *, struct ddb_error *);

enum ddb_code local_put_item(
	struct ddb_engine *, const struct ddb_put_item *, struct ddb_put_result *, struct ddb_error *);
enum ddb_code local_put_many(
	struct ddb_engine *, const struct ddb_put_many *, struct ddb_put_many_result *, struct ddb_error *);
enum ddb_code local_get_item(struct ddb_engine *, struct ddb_arena *, const struct ddb_get_item *,
	struct ddb_get_result *, struct ddb_error *);
enum ddb_code local_delete_item(
	struct ddb_engine *, const struct ddb_delete_item *, struct ddb_delete_result *, struct ddb_error *);
enum ddb_code local_update_item(
	struct ddb_engine *, const struct ddb_update_item *, struct ddb_put_result *, struct ddb_error *);
enum ddb_code local_batch_write(struct ddb_engine *, struct ddb_arena *, const struct ddb_batch_write *,
	size_t, struct ddb_batch_write_result *, struct ddb_error *);
enum ddb_code local_move_item(struct ddb_engine *, const struct ddb_move_item *, struct ddb_error *);
enum ddb_code local_move_partition(
	struct ddb_engine *, const struct ddb_move_partition *, struct ddb_error *);
enum ddb_code local_set_mtime(struct ddb_engine *, const struct ddb_set_mtime *, struct ddb_error *);
enum ddb_code local_query(struct ddb_engine *, struct ddb_arena *, const struct ddb_query *,
	struct ddb_page *, struct ddb_error *);
enum ddb_code local_batch_get(struct ddb_engine *, struct ddb_arena *, const struct ddb_batch_get *, size_t,
	struct ddb_batch_get_result *, struct ddb_error *);

enum ddb_code local_list_partitions(struct ddb_engine *, struct ddb_arena *,
	const struct ddb_list_partitions *, struct ddb_partitions *, struct ddb_error *);
enum ddb_code local_get_partition(struct ddb_engine *, const char *, const char *, const struct ddb_value *,
	struct ddb_partition *, struct ddb_error *);
enum ddb_code local_find_alias(struct ddb_engine *, struct ddb_arena *, const struct ddb_find_alias *,
	struct ddb_value *, struct ddb_error *);

enum ddb_code local_list_streams(struct ddb_engine *, struct ddb_arena *, const struct ddb_list_streams *,
	struct ddb_streams *, struct ddb_error *);
enum ddb_code local_read_stream(struct ddb_engine *, struct ddb_arena *, const struct ddb_read_stream *,
	struct ddb_stream_page *, struct ddb_error *);
void local_watch_streams(struct ddb_engine *, void (*)(void *), void *);

enum ddb_code local_scratch_create(struct ddb_engine *, const struct ddb_scratch_name *, uint32_t, bool,
	struct ddb_scratch_meta *, struct ddb_error *);
enum ddb_code local_scratch_mkdir(struct ddb_engine *, const struct ddb_scratch_name *, uint32_t,
	struct ddb_scratch_meta *, struct ddb_error *);
enum ddb_code local_scratch_stat(
	struct ddb_engine *, const struct ddb_scratch_name *, struct ddb_scratch_meta *, struct ddb_error *);
enum ddb_code local_scratch_read(struct ddb_engine *, const struct ddb_scratch_name *, uint64_t, void *,
	size_t, size_t *, struct ddb_error *);
enum ddb_code local_scratch_write(struct ddb_engine *, const struct ddb_scratch_name *, uint64_t,
	const void *, size_t, struct ddb_error *);
enum ddb_code local_scratch_truncate(
	struct ddb_engine *, const struct ddb_scratch_name *, uint64_t, struct ddb_error *);
enum ddb_code local_scratch_set(
	struct ddb_engine *, const struct ddb_scratch_name *, int64_t, uint32_t, struct ddb_error *);
enum ddb_code local_scratch_remove(struct ddb_engine *, const struct ddb_scratch_name *, struct ddb_error *);
enum ddb_code local_scratch_rename(struct ddb_engine *, const struct ddb_scratch_name *,
	const struct ddb_scratch_name *, bool, struct ddb_error *);
enum ddb_code local_transact_write(struct ddb_engine *, struct ddb_arena *, const struct ddb_transact_write *,
	struct ddb_transact_result *, struct ddb_error *);
enum ddb_code local_transact_get(struct ddb_engine *, struct ddb_arena *, const struct ddb_transact_get *,
	size_t, struct ddb_transact_get_result *, struct ddb_error *);

enum ddb_code local_scratch_list(struct ddb_engine *, struct ddb_arena *,
	const uint8_t[DDB_DIRECTORY_ID_BYTES], const char *, uint32_t, struct ddb_scratch_page *,
	struct ddb_error *);

#endif
