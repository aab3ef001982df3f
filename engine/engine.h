/*
 * The one interface to a database: typed requests in, typed responses out. The local engine, the remote one,
 * and engines that wrap another (trace, cache, access, capacity, faults) implement it; callers cannot tell
 * which answers. Every call may come from any thread. Requests are borrowed for the call; what a response
 * points to lives in the arena that the caller gave. On failure outputs are untouched, *err says why, and
 * nothing was changed. DDB_RESOURCE_NOT_FOUND, DDB_DAMAGED, DDB_STORE_FULL, DDB_NO_MEMORY can come from any
 * call and are not repeated below.
 */
#ifndef DDB_ENGINE_H
#define DDB_ENGINE_H

#include "engine/arena.h"
#include "engine/buffer.h"
#include "engine/definition.h"
#include "engine/error.h"
#include "engine/expr/changes.h"
#include "engine/expr/keycondition.h"
#include "engine/expr/predicate.h"
#include "engine/expr/selection.h"
#include "engine/value.h"

/* ---- Tables ---- */

/*
 * A provisional table (made by mkdir, no definition yet) files items under names of type S. Its key
 * attributes have names that no document can hold, so that any attribute may turn out to be the key later.
 */
enum ddb_provisional {
	DDB_DEFINED,
	DDB_PROVISIONAL, /* neither kind yet: holds no items */
	DDB_PROVISIONAL_SIMPLE,
	DDB_PROVISIONAL_COMPOSITE,
};
#define DDB_PROVISIONAL_HASH "\xffpk"
#define DDB_PROVISIONAL_RANGE "\xffsk"

/* What a table is, as of one moment: immutable, reference-counted. */
struct ddb_table {
	int references; /* atomic */
	char name[DDB_TABLE_NAME_MAX + 1];
	uint32_t id; /* never given to another table of this engine */
	enum ddb_provisional provisional;
	struct ddb_definition *definition; /* of a provisional table: its stand-in with the keys above (NULL
					      while kindless) */
	int64_t created_ns;                /* since the epoch */
	int64_t changed_ns;                /* of the definition */
	int64_t stream_ns; /* when its latest stream was turned on, as in its label; 0: none */
	char uuid[37];     /* TableId */
};

enum ddb_index_state {
	DDB_INDEX_ACTIVE,
	DDB_INDEX_CREATING, /* its backfill is under way: written to, not read */
};
struct ddb_index_counts {
	enum ddb_index_state state;
	uint64_t entries, bytes;
	uint64_t examined; /* items that the backfill has seen */
};

struct ddb_table_counts {
	uint64_t items;
	uint64_t bytes; /* in DynamoDB's counting */
	/* By the position of the index in the definition that the table has now. */
	unsigned index_count;
	struct ddb_index_counts indexes[DDB_LOCAL_INDEXES_MAX + DDB_GLOBAL_INDEXES_MAX];
};

struct ddb_table *ddb_table_ref(struct ddb_table *table);
void ddb_table_unref(struct ddb_table *table); /* NULL is fine */
#define DDB_TABLE_AUTO __attribute__((cleanup(ddb_table_unrefp)))
static inline void ddb_table_unrefp(struct ddb_table **table)
{
	ddb_table_unref(*table);
}

struct ddb_table_names {
	size_t count;
	const char **names; /* in byte order */
	bool more;
};

/* ---- Items ---- */

/* What an engine knows about an item beside its attributes. */
struct ddb_meta {
	uint64_t serial;      /* of the item in its table, from 1; stays when it is overwritten or re-keyed */
	uint64_t version;     /* rises with every change of the item, over all items of the engine; never 0 */
	int64_t mtime_ns;     /* last change (or as set), since the epoch */
	uint32_t size;        /* in DynamoDB's counting */
	uint32_t rendered[2]; /* bytes of its documents: enum ddb_rendering */
	/* Seconds since the epoch at which an engine that hides what has expired will no longer show it; 0:
	 * it does not. */
	int64_t expires;
};
enum ddb_rendering { DDB_RENDER_PLAIN, DDB_RENDER_TYPED };

struct ddb_entry {             /* an item as a response holds it */
	struct ddb_value item; /* the whole item, or only its key where the request said so */
	struct ddb_meta meta;
};

/* What a request consumed. A half unit is an eventually consistent read of 4 KB; a write of 1 KB takes two.
 */
struct ddb_capacity_arm {
	const char *index; /* NULL: the table itself */
	bool local;
	uint64_t half_units;
};
struct ddb_capacity { /* the table first, then indexes as in its definition; only what was touched */
	size_t count;
	struct ddb_capacity_arm *arms;
};

enum ddb_return_values {
	DDB_RETURN_NONE,
	DDB_RETURN_ALL_OLD,
	DDB_RETURN_UPDATED_OLD,
	DDB_RETURN_ALL_NEW,
	DDB_RETURN_UPDATED_NEW,
};

/* What a write answers beside its result, or with the condition that failed. In the terms' arena. */
struct ddb_write_answer {
	bool has_attributes;
	struct ddb_value attributes; /* by return_values */
	bool has_item;               /* also of a call that failed: the item that the condition refused */
	struct ddb_value item;
	struct ddb_capacity capacity; /* also of a condition that failed */
	bool has_collection;          /* the table has local indexes: bytes of the item's collection */
	uint64_t collection_bytes;
};

/* The terms of a put, delete or update that the API makes. */
struct ddb_write_terms {
	const struct ddb_predicate *condition; /* or NULL; asked of the item as it is before */
	enum ddb_return_values return_values;
	bool return_on_failure; /* ReturnValuesOnConditionCheckFailure: ALL_OLD */
	struct ddb_arena *arena;
	struct ddb_write_answer *answer; /* or NULL: nothing of it is wanted */
};

/* The conditions that the tree itself needs. */
enum ddb_condition {
	DDB_ALWAYS,
	DDB_IF_ABSENT,
	DDB_IF_PRESENT,
};

/* A scratch file: its directory's opaque id and its name. */
enum { DDB_DIRECTORY_ID_BYTES = 16 };
struct ddb_scratch_name {
	uint8_t directory[DDB_DIRECTORY_ID_BYTES];
	const char *name; /* NUL-terminated, at most 255 bytes */
};

struct ddb_put_item {
	const char *table;
	struct ddb_value item;
	enum ddb_condition condition;
	int64_t mtime_ns; /* 0: now */
	/* When not NULL: this scratch file is removed in the same transaction (the rename of a temporary), or
	 * gets the name `consume_as`, in place of what has it (one that is still open). */
	const struct ddb_scratch_name *consume, *consume_as;
	const struct ddb_write_terms *terms; /* or NULL */
};

struct ddb_put_result {
	/* Of the item as it is now; version 0: there is still none, an update's changes only remove. */
	struct ddb_meta meta;
	bool replaced;  /* there was one before */
	bool unchanged; /* it was equal: nothing was written but mtime */
};

struct ddb_get_item {
	const char *table;
	struct ddb_value key;                  /* a map of the key attributes */
	bool meta_only;                        /* entry.item is left alone: O(1), whatever the item's size */
	const struct ddb_selection *selection; /* or NULL: the whole item */
	bool consistent;
};

struct ddb_get_result {
	bool found;
	struct ddb_entry entry;
	struct ddb_capacity capacity; /* also when nothing was found; not with meta_only */
};

struct ddb_delete_item {
	const char *table;
	struct ddb_value key;
	/* When not NULL: becomes a scratch file of this name with `kept_text` in the same transaction. */
	const struct ddb_scratch_name *keep;
	const char *kept_text;
	size_t kept_length;
	uint64_t if_version; /* 0: any; otherwise DDB_CONDITIONAL_CHECK_FAILED unless the item has this
				version */
	const struct ddb_write_terms *terms; /* or NULL */
};

struct ddb_delete_result {
	bool existed;
};

struct ddb_update_item {
	const char *table;
	struct ddb_value key;
	const struct ddb_changes *changes; /* or NULL: nothing but the key */
	/* Key attributes that are SET to the key's own values are passed over (appending to an item's file).
	 */
	bool lenient_keys;
	enum ddb_condition condition;
	const struct ddb_write_terms *terms; /* or NULL */
};

/* Atomically gives the item `from` the key `to`. Its document changes with that, so mtime is now. */
struct ddb_move_item {
	const char *table;
	struct ddb_value from, to;
	bool exchange;   /* swap: both must exist */
	bool no_replace; /* DDB_CONDITIONAL_CHECK_FAILED when `to` exists */
};

struct ddb_set_mtime {
	const char *table;
	struct ddb_value key; /* a map without attributes: the table's definition (changed_ns) */
	int64_t mtime_ns;
	uint64_t if_version; /* 0: any; otherwise nothing happens, without error, unless the item has this
				version */
};

/* Many puts in one transaction, stopping before the first that is refused. */
struct ddb_put_many {
	const char *table;
	const struct ddb_value *items;
	size_t count;
};
struct ddb_put_many_result {
	size_t done; /* items[0..done) are put; when done < count, the call failed with items[done]'s error */
};

/* ---- Batches ---- */

enum { DDB_BATCH_WRITES_MAX = 25, DDB_BATCH_GETS_MAX = 100, DDB_BATCH_BYTES_MAX = 16 << 20 };

/* Puts and deletes, each by itself: all are checked before any is done. What is unprocessed was refused by
 * something that goes away, and others were not. */
struct ddb_batch_write {
	const char *table;
	bool deletes;
	struct ddb_value value; /* the item, or the key */
};
struct ddb_batch_write_result {
	size_t unprocessed_count;
	size_t *unprocessed; /* positions of requests that can be sent again */
	/* One for each table, in the order in which the tables first occur. */
	size_t table_count;
	const char **tables;
	struct ddb_capacity *capacities;
};

struct ddb_batch_get { /* of one table */
	const char *table;
	size_t key_count;
	const struct ddb_value *keys;
	const struct ddb_selection *selection; /* or NULL */
	bool consistent;
};
struct ddb_batch_get_result { /* of one table */
	size_t count;
	struct ddb_value *items; /* those that exist, in the order of the keys */
	size_t unprocessed_count;
	size_t *unprocessed; /* positions of keys for which the response had no room */
	struct ddb_capacity capacity;
};

/* ---- Query and Scan ---- */

enum ddb_select {
	DDB_SELECT_DEFAULT, /* all attributes of a table, the projected ones of an index; or the selection's
			     */
	DDB_SELECT_ALL,     /* of a local index also those that must be fetched from the table */
	DDB_SELECT_PROJECTED,
	DDB_SELECT_COUNT, /* no entries */
};

struct ddb_query {
	const char *table;
	const char *index;                     /* or NULL */
	const struct ddb_key_range *range;     /* of the table's or the index's key; NULL: Scan */
	const struct ddb_predicate *filter;    /* or NULL */
	const struct ddb_selection *selection; /* or NULL */
	enum ddb_select select;
	bool consistent;
	bool backward; /* only with a range */
	/* Entries hold key attributes (of an index: its own and the table's) and meta; the bounds below count
	 * them as whole items all the same. Not with a selection. */
	bool keys_only;
	uint32_t limit;      /* items examined; 0: only the page bounds it */
	uint32_t page_bytes; /* examined, in DynamoDB's counting; 0: 1 MiB. The first item always comes */
	/* ExclusiveStartKey: a map of the table's key attributes and the index's, need not exist; or NULL. */
	const struct ddb_value *start;
	bool skip_damaged;          /* leave out what cannot be read, and count it, instead of failing */
	uint32_t segment, segments; /* of a parallel Scan; segments 0: the whole */
};

struct ddb_page {
	size_t count;              /* that passed the filter */
	struct ddb_entry *entries; /* NULL for DDB_SELECT_COUNT */
	size_t examined;           /* before the filter */
	size_t damaged;            /* left out, with skip_damaged */
	bool more;                 /* something is behind: go on with start = last */
	/* The limit or the page's size ended it, whether or not there is more: LastEvaluatedKey is shown. */
	bool stopped;
	/* Of the last item examined, when `stopped`: its key; of an index that and the index's key. */
	struct ddb_value last;
	struct ddb_capacity capacity;
};

/* ---- What only directories need ---- */

/* The distinct partition keys of a table with a sort key, in an order of the engine's own that stays the
 * same. */
struct ddb_list_partitions {
	const char *table;
	const char *index; /* or NULL */
	const struct ddb_value
		*after; /* a partition key's value (see ddb_key_range), need not exist; or NULL */
	uint32_t limit;
};
struct ddb_partition {
	struct ddb_value key;
	uint64_t serial;  /* from the counter of the items' serials */
	int64_t mtime_ns; /* when it came to be */
};
struct ddb_partitions {
	size_t count;
	struct ddb_partition *partitions;
	size_t damaged; /* left out: their keys cannot be read */
	bool more;
};

/*
 * Finds the key whose alias (a digest, see struct ddb_rendering_hooks) this is: a partition key when
 * `partition` is NULL, else a sort key within it. DDB_RESOURCE_NOT_FOUND when there is none.
 */
enum { DDB_ALIAS_BYTES = 20 };
struct ddb_find_alias {
	const char *table;
	const char *index; /* or NULL */
	/* The name of an entry of an index or a query's listing: its whole key is found, a map. `partition`:
	 * of the index or table that the listing is of, or NULL when that is not known. */
	bool entry;
	const struct ddb_value *partition;
	uint8_t alias[DDB_ALIAS_BYTES];
};

/*
 * Gives a provisional table its definition and re-files every item in one transaction. `convert` makes the
 * new item, in `arena`, of one filed under its stand-in key. NULL: whoever knows how files are named supplies
 * it (mapping's engine for the API); to others the table is not there. When it refuses (returns an error),
 * the others are still asked, nothing is changed and the first error is the call's.
 */
struct ddb_define_table {
	const char *table;
	struct ddb_definition *definition;
	enum ddb_code (*convert)(void *context, struct ddb_arena *arena,
		const struct ddb_definition *definition, const struct ddb_value *item, struct ddb_value *ret,
		struct ddb_error *err);
	void *context;
};

/*
 * Gives all items of a partition another partition key, in one transaction, and with them what is filed under
 * directories of scratch files. Versions and times are new, serials stay.
 */
enum { DDB_MOVE_ITEMS_MAX = 1000000 };
struct ddb_scratch_move {
	uint8_t from[DDB_DIRECTORY_ID_BYTES], to[DDB_DIRECTORY_ID_BYTES];
};
struct ddb_move_partition {
	const char *table;
	struct ddb_value from, to; /* values of the partition key */
	size_t move_count;
	const struct ddb_scratch_move *moves;
};

/* ---- Transactions of the API ---- */

enum {
	DDB_TRANSACT_MAX = 100,           /* actions */
	DDB_TRANSACT_BYTES_MAX = 4 << 20, /* of the request */
	DDB_REASONS_ITEMS_MAX = 8 << 20,  /* bytes of the items that are told with reasons */
	DDB_TOKEN_MAX = 36,               /* bytes */
	DDB_TOKEN_SECONDS = 600,
};

/* Why an action stood in the way, by its position. */
struct ddb_reason {
	enum ddb_code code;  /* DDB_OK: None */
	const char *message; /* NULL: none */
	bool has_item;
	struct ddb_value item; /* that a condition refused, if it was asked for and there is room for it */
	/* Of a commit: which item (or, key.type 0, which table). */
	const char *table;
	struct ddb_value key;
};
/* "ConditionalCheckFailed", "TransactionConflict", "ValidationError", … "None". */
const char *ddb_reason_name(enum ddb_code code);
/* The service's message, which lists them all; and the error with as much of it as it has room for. */
enum { DDB_REASONS_MESSAGE_MAX = 1 << 20 };
void ddb_reasons_message(const struct ddb_reason *reasons, size_t count, struct ddb_buffer *out);
enum ddb_code ddb_reasons_fail(const struct ddb_reason *reasons, size_t count, struct ddb_error *err);

enum ddb_transact_kind {
	DDB_TRANSACT_PUT,
	DDB_TRANSACT_UPDATE,
	DDB_TRANSACT_DELETE,
	DDB_TRANSACT_CHECK,
};
struct ddb_transact_action {
	enum ddb_transact_kind kind;
	const char *table;
	struct ddb_value value;                /* of a put the item, else the key */
	const struct ddb_changes *changes;     /* of an update */
	const struct ddb_predicate *condition; /* or NULL */
	bool return_on_failure;
};
struct ddb_transact_write {
	size_t count;
	const struct ddb_transact_action *actions;
	/* NULL: none. The same request, as its identity tells, succeeds again without effect for ten minutes;
	 * another one is DDB_IDEMPOTENT_MISMATCH. */
	const char *token;
	const void *identity; /* bytes that equal requests have in common, and others do not */
	size_t identity_length;
};
struct ddb_transact_result {
	/* With DDB_TRANSACTION_CANCELED: as many as there are actions. */
	size_t reason_count;
	struct ddb_reason *reasons;
	bool repeated; /* by its token; billed as reading */
	/* One for each table, in the order in which the tables first occur; also of a cancelled one. */
	size_t table_count;
	const char **tables;
	struct ddb_capacity *capacities;
	/* By action: bytes of the item's collection, where the table has local indexes; else UINT64_MAX. */
	uint64_t *collection_bytes;
};

struct ddb_transact_get {
	const char *table;
	struct ddb_value key;
	const struct ddb_selection *selection; /* or NULL */
};
struct ddb_transact_get_result {
	size_t count;
	struct ddb_get_result *items; /* by position; their capacity is not filled */
	size_t reason_count;          /* as above */
	struct ddb_reason *reasons;
	size_t table_count;
	const char **tables;
	struct ddb_capacity *capacities;
};

/* ---- Views ---- */

/*
 * A view is an engine of its own: all tables as of one moment. A snapshot is read-only (DDB_STORE_READ_ONLY).
 * In a transaction puts, updates, deletes, moves and scratch files are staged and seen there only; what was
 * read is remembered, in bounded memory; nothing reaches the tables before `commit`. Operations on tables are
 * DDB_VALIDATION there. A view that was let go (for time or room) answers everything with DDB_VIEW_ENDED.
 * Views are closed (ops->close) before the engine that they are of.
 */
enum ddb_view_kind { DDB_SNAPSHOT, DDB_TRANSACTION };
struct ddb_open_view {
	enum ddb_view_kind kind;
	unsigned max_items; /* of a transaction: changed items and conditions; 0: DDB_TRANSACT_MAX */
};

struct ddb_condition_check {
	const char *table;
	struct ddb_value key;
	const struct ddb_predicate *condition;
	const char *text; /* what the condition was made of: part of what a token stands for */
	size_t length;
};
struct ddb_commit {
	const char *token; /* or NULL; as in struct ddb_transact_write, and of the same names */
	size_t check_count;
	/* Asked of the items as they are before the transaction. */
	const struct ddb_condition_check *checks;
};
struct ddb_committed { /* an item that a commit changed */
	const char *table;
	struct ddb_value key;
	uint64_t version; /* 0: it is gone */
};
struct ddb_commit_result {
	/* After a failure other than those below: what may have changed, for the sync may have failed alone.
	 */
	size_t change_count;
	struct ddb_committed *changes;
	bool repeated; /* by its token: nothing was done */
	/* With DDB_TRANSACTION_CANCELED: only what stood in the way; with DDB_VALIDATION: what is refused. */
	size_t reason_count;
	struct ddb_reason *reasons;
};

struct ddb_view_status {
	enum ddb_view_kind kind;
	int64_t since_ns;
	size_t changed_items; /* of a transaction */
	uint64_t bytes;       /* of memory */
	bool ended;
	char why[DDB_MESSAGE_MAX];
};

/* ---- Streams ---- */

enum {
	DDB_STREAM_LABEL_MAX = 32,
	DDB_STREAM_SECONDS = 24 * 3600, /* that a record, and a stream that was turned off, is kept */
	DDB_SEQUENCE_DIGITS = 21,
	DDB_SHARD_ID_MAX = 65,
};
enum ddb_stream_event { DDB_EVENT_INSERT, DDB_EVENT_MODIFY, DDB_EVENT_REMOVE };

/* A stream has one shard; it is closed when the stream is turned off. */
struct ddb_stream {
	const char *table;                /* the name that the table has, or had when it was deleted */
	uint32_t table_id;                /* as in struct ddb_table: an older table may have had the name */
	char label[DDB_STREAM_LABEL_MAX]; /* YYYY-MM-DDThh:mm:ss.fff */
	char shard[DDB_SHARD_ID_MAX + 1];
	enum ddb_stream_view view;
	struct ddb_key_attribute hash, range; /* names in the arena; range.type 0: a simple table */
	int64_t since_ns;
	int64_t until_ns; /* 0: it is on */
	uint64_t first,
		last; /* sequence numbers: the first that can be there; the last, or 0 while it is on */
};
struct ddb_list_streams {
	const char *table;              /* or NULL: of all tables */
	const struct ddb_stream *after; /* table and label are looked at; or NULL */
	uint32_t limit;                 /* 0: 100 */
};
struct ddb_streams {
	size_t count;
	struct ddb_stream *streams; /* by table and label */
	bool more;
};
/* A record's sequence number is a number that rises in the order of commits; written with
 * DDB_SEQUENCE_DIGITS. */
struct ddb_stream_record {
	uint64_t sequence;
	enum ddb_stream_event event;
	int64_t time_ns;
	bool service; /* TTL did it */
	struct ddb_value key;
	bool has_old, has_new; /* by the stream's view */
	struct ddb_value old_image, new_image;
	uint32_t size; /* SizeBytes */
};
struct ddb_read_stream {
	const char *table;
	const char *label;  /* NULL: the one that is on */
	uint64_t after;     /* records with a higher sequence number; UINT64_MAX: none, and `next` is where
			       the stream ends just now */
	bool kept;          /* DDB_TRIMMED_DATA when the record of `after` + 1 … may have been trimmed */
	uint32_t limit;     /* 0: 1,000 */
	uint32_t max_bytes; /* of records, as in `size`; 0: 1 MiB. The first always comes */
};
struct ddb_stream_page {
	struct ddb_stream stream; /* that was read */
	size_t count;
	struct ddb_stream_record *records;
	uint64_t next; /* `after` for the page behind it: also when no record came */
	bool more;     /* there are more just now */
	bool closed;   /* and never will be: the stream is off */
};

/* ---- Scratch files ---- */

struct ddb_scratch_meta {
	uint64_t id;   /* stable; distinct from all other scratch files and directories */
	uint64_t size; /* 0: of directories */
	int64_t mtime_ns;
	uint32_t mode; /* permission bits as set; no effect */
	bool directory;
};
/* What is in a scratch directory is filed under an id that goes with the directory wherever it is renamed to.
 */
void ddb_scratch_inside(const struct ddb_scratch_meta *directory, uint8_t ret[DDB_DIRECTORY_ID_BYTES]);
/* And back: the directory's meta.id, or 0 when that is no scratch directory's. */
uint64_t ddb_scratch_number(const uint8_t directory[DDB_DIRECTORY_ID_BYTES]);

struct ddb_scratch_entry {
	const char *name;
	struct ddb_scratch_meta meta;
};
struct ddb_scratch_page {
	size_t count;
	struct ddb_scratch_entry *entries;
	bool more;
};
#define DDB_SCRATCH_KEEP INT64_MIN        /* no time that anything has */
enum { DDB_SCRATCH_FILE_MAX = 64 << 20 }; /* bytes */

/* ---- The engine ---- */

struct ddb_engine;

struct ddb_engine_ops {
	const char *name;
	void (*close)(struct ddb_engine *engine);

	/* DDB_RESOURCE_IN_USE: "Table already exists: NAME". With definition NULL: a provisional table. */
	enum ddb_code (*create_table)(
		struct ddb_engine *, const char *name, struct ddb_definition *definition, struct ddb_error *);
	/* *ret is the caller's reference. */
	enum ddb_code (*describe_table)(
		struct ddb_engine *, const char *name, struct ddb_table **ret, struct ddb_error *);
	enum ddb_code (*count_table)(
		struct ddb_engine *, const char *name, struct ddb_table_counts *ret, struct ddb_error *);
	/*
	 * DDB_VALIDATION for another key schema and for what DynamoDB does not let change. `from` (or NULL):
	 * the definition that this one was made from; DDB_RESOURCE_IN_USE when the table has another one by
	 * now. Global indexes that are new are CREATING when it returns.
	 */
	enum ddb_code (*update_table)(struct ddb_engine *, const char *name,
		const struct ddb_definition *from, struct ddb_definition *definition, struct ddb_error *);
	/* Items go with it; with `only_empty` DDB_RESOURCE_IN_USE when there are any. DDB_VALIDATION when
	 * deletion protection is on. */
	enum ddb_code (*delete_table)(
		struct ddb_engine *, const char *name, bool only_empty, struct ddb_error *);
	/* Replaces `to` if that is a table without items, in the same transaction; DDB_RESOURCE_IN_USE when
	 * it has some, DDB_VALIDATION when deletion protection guards it or the name is none. */
	enum ddb_code (*rename_table)(
		struct ddb_engine *, const char *from, const char *to, struct ddb_error *);
	/* Names after `after` (or NULL), at most `limit`. */
	enum ddb_code (*list_tables)(struct ddb_engine *, struct ddb_arena *, const char *after,
		uint32_t limit, struct ddb_table_names *ret, struct ddb_error *);
	/* Fixes the kind of a kindless provisional table; DDB_VALIDATION when it has the other one. */
	enum ddb_code (*settle_table)(
		struct ddb_engine *, const char *name, enum ddb_provisional kind, struct ddb_error *);
	enum ddb_code (*define_table)(
		struct ddb_engine *, const struct ddb_define_table *, struct ddb_error *);

	enum ddb_code (*put_item)(struct ddb_engine *, const struct ddb_put_item *, struct ddb_put_result *,
		struct ddb_error *);
	enum ddb_code (*put_many)(struct ddb_engine *, const struct ddb_put_many *,
		struct ddb_put_many_result *, struct ddb_error *);
	enum ddb_code (*get_item)(struct ddb_engine *, struct ddb_arena *, const struct ddb_get_item *,
		struct ddb_get_result *, struct ddb_error *);
	enum ddb_code (*delete_item)(struct ddb_engine *, const struct ddb_delete_item *,
		struct ddb_delete_result *, struct ddb_error *);
	enum ddb_code (*update_item)(struct ddb_engine *, const struct ddb_update_item *,
		struct ddb_put_result *, struct ddb_error *);
	enum ddb_code (*move_item)(struct ddb_engine *, const struct ddb_move_item *, struct ddb_error *);
	/*
	 * DDB_RESOURCE_NOT_FOUND when there are neither items nor scratch files under `moves`;
	 * DDB_CONDITIONAL_CHECK_FAILED when the other partition has items, or a scratch file's name is taken;
	 * DDB_ITEM_TOO_LARGE for more than DDB_MOVE_ITEMS_MAX items, or when one would be too large with its
	 * new key. Nothing is changed then. To the same key: nothing happens.
	 */
	enum ddb_code (*move_partition)(
		struct ddb_engine *, const struct ddb_move_partition *, struct ddb_error *);
	enum ddb_code (*set_mtime)(struct ddb_engine *, const struct ddb_set_mtime *, struct ddb_error *);
	/* DDB_VALIDATION for an index that there is not, or that is CREATING. */
	enum ddb_code (*query)(struct ddb_engine *, struct ddb_arena *, const struct ddb_query *,
		struct ddb_page *, struct ddb_error *);
	enum ddb_code (*batch_write)(struct ddb_engine *, struct ddb_arena *, const struct ddb_batch_write *,
		size_t count, struct ddb_batch_write_result *, struct ddb_error *);
	/* `ret`: as many as there are requests. */
	enum ddb_code (*batch_get)(struct ddb_engine *, struct ddb_arena *, const struct ddb_batch_get *,
		size_t count, struct ddb_batch_get_result *ret, struct ddb_error *);

	enum ddb_code (*list_partitions)(struct ddb_engine *, struct ddb_arena *,
		const struct ddb_list_partitions *, struct ddb_partitions *, struct ddb_error *);
	/* One partition by key; DDB_RESOURCE_NOT_FOUND when it has no items (which a transaction remembers). */
	enum ddb_code (*get_partition)(struct ddb_engine *, const char *table, const char *index,
		const struct ddb_value *key, struct ddb_partition *ret, struct ddb_error *);
	enum ddb_code (*find_alias)(struct ddb_engine *, struct ddb_arena *, const struct ddb_find_alias *,
		struct ddb_value *ret, struct ddb_error *);

	/*
	 * What makes a name in a scratch directory that is gone (these two, a rename, delete_item's `keep`)
	 * is DDB_RESOURCE_NOT_FOUND; what wants a file, of a directory, DDB_VALIDATION.
	 * With `exclusive` DDB_CONDITIONAL_CHECK_FAILED when the file exists; without, it is opened as it is.
	 */
	enum ddb_code (*scratch_create)(struct ddb_engine *, const struct ddb_scratch_name *, uint32_t mode,
		bool exclusive, struct ddb_scratch_meta *ret, struct ddb_error *);
	/* DDB_CONDITIONAL_CHECK_FAILED when there is a file or directory of that name. */
	enum ddb_code (*scratch_mkdir)(struct ddb_engine *, const struct ddb_scratch_name *, uint32_t mode,
		struct ddb_scratch_meta *ret, struct ddb_error *);
	enum ddb_code (*scratch_stat)(struct ddb_engine *, const struct ddb_scratch_name *,
		struct ddb_scratch_meta *ret, struct ddb_error *);
	/* *ret_length: bytes read, 0 at the end. */
	enum ddb_code (*scratch_read)(struct ddb_engine *, const struct ddb_scratch_name *, uint64_t offset,
		void *buffer, size_t length, size_t *ret_length, struct ddb_error *);
	/* DDB_ITEM_TOO_LARGE beyond DDB_SCRATCH_FILE_MAX; DDB_STORE_FULL beyond the total that the engine was
	 * opened with. Sets mtime to now. */
	enum ddb_code (*scratch_write)(struct ddb_engine *, const struct ddb_scratch_name *, uint64_t offset,
		const void *bytes, size_t length, struct ddb_error *);
	enum ddb_code (*scratch_truncate)(
		struct ddb_engine *, const struct ddb_scratch_name *, uint64_t size, struct ddb_error *);
	/* mtime_ns DDB_SCRATCH_KEEP and mode UINT32_MAX: as they are. */
	enum ddb_code (*scratch_set)(struct ddb_engine *, const struct ddb_scratch_name *, int64_t mtime_ns,
		uint32_t mode, struct ddb_error *);
	/* A directory must be empty: DDB_RESOURCE_IN_USE. */
	enum ddb_code (*scratch_remove)(
		struct ddb_engine *, const struct ddb_scratch_name *, struct ddb_error *);
	/* Replaces `to`, unless no_replace (DDB_CONDITIONAL_CHECK_FAILED): a file only a file, a directory
	 * only a directory (else DDB_VALIDATION) that is empty (else DDB_RESOURCE_IN_USE). A directory cannot
	 * go into itself: DDB_VALIDATION. */
	enum ddb_code (*scratch_rename)(struct ddb_engine *, const struct ddb_scratch_name *from,
		const struct ddb_scratch_name *to, bool no_replace, struct ddb_error *);
	/* In an order of the engine's own that stays the same; after `after` (a name, need not exist; or
	 * NULL). */
	enum ddb_code (*scratch_list)(struct ddb_engine *, struct ddb_arena *,
		const uint8_t directory[DDB_DIRECTORY_ID_BYTES], const char *after, uint32_t limit,
		struct ddb_scratch_page *ret, struct ddb_error *);

	/*
	 * DDB_TRANSACTION_CANCELED: some action cannot be done, and none was; *ret says which. Also when
	 * it fails with another code *ret may be filled.
	 */
	enum ddb_code (*transact_write)(struct ddb_engine *, struct ddb_arena *,
		const struct ddb_transact_write *, struct ddb_transact_result *ret, struct ddb_error *);
	/* All of one moment. */
	enum ddb_code (*transact_get)(struct ddb_engine *, struct ddb_arena *,
		const struct ddb_transact_get *, size_t count, struct ddb_transact_get_result *ret,
		struct ddb_error *);

	/* *ret is the caller's, to be closed. DDB_LIMIT_EXCEEDED: too many are open. */
	enum ddb_code (*open_view)(struct ddb_engine *, const struct ddb_open_view *, struct ddb_engine **ret,
		struct ddb_error *);
	/*
	 * Of a transaction: all that is staged becomes part of the tables at once, and durable, if every
	 * condition holds and nothing that was read or written there has changed since it began; else
	 * DDB_TRANSACTION_CANCELED. Whatever happens, the view stays as it is and can be tried again.
	 * DDB_IDEMPOTENT_MISMATCH.
	 */
	enum ddb_code (*commit)(struct ddb_engine *, struct ddb_arena *, const struct ddb_commit *,
		struct ddb_commit_result *ret, struct ddb_error *);
	/* Of any view. */
	void (*view_status)(struct ddb_engine *, struct ddb_view_status *ret);
	/* Lets go of a view's moment at once, as if its time were over. */
	void (*end_view)(struct ddb_engine *, const char *why);

	enum ddb_code (*list_streams)(struct ddb_engine *, struct ddb_arena *,
		const struct ddb_list_streams *, struct ddb_streams *ret, struct ddb_error *);
	/* DDB_RESOURCE_NOT_FOUND: the table has no such stream. */
	enum ddb_code (*read_stream)(struct ddb_engine *, struct ddb_arena *, const struct ddb_read_stream *,
		struct ddb_stream_page *ret, struct ddb_error *);
	/* `stirred` is called after each commit that added records or turned a stream off, from any thread,
	 * with no locks held that a read would need; it must be quick. NULL ends that. One watcher at a time.
	 */
	void (*watch_streams)(struct ddb_engine *, void (*stirred)(void *context), void *context);

	/* `expired` is called for each item that TTL has removed, after the commit, from another thread and
	 * with no locks held that an operation would need. NULL ends that: no call is under way when it
	 * returns. One watcher at a time. */
	void (*watch_expired)(struct ddb_engine *,
		void (*expired)(void *context, const struct ddb_table *table, const struct ddb_value *key),
		void *context);

	/* All that was acknowledged before the call survives power loss when it returns. */
	enum ddb_code (*sync)(struct ddb_engine *, struct ddb_error *);
	/* Members for /.status: the engine's own part, into an open object. */
	void (*status)(struct ddb_engine *, struct ddb_json_out *);
};

struct ddb_engine {
	const struct ddb_engine_ops *ops;
};

/*
 * What the local engine is told about renderings, which it stores but does not understand.
 * `measure` gives the bytes of both documents of an item. `alias` answers true and a digest when a key
 * value's file name does not fit in a directory entry and must be found by digest.
 */
struct ddb_rendering_hooks {
	void (*measure)(const struct ddb_table *table, const struct ddb_value *item, uint32_t ret[2]);
	bool (*alias)(const struct ddb_table *table, const struct ddb_value *key_value, bool is_range,
		uint8_t ret[DDB_ALIAS_BYTES]);
	/* The same for a partition of an index, and for an entry of an index or (index NULL) of a table's
	 * query, whose key is a map of the table's and the index's key attributes. */
	bool (*index_alias)(const struct ddb_table *table, const struct ddb_index_definition *index,
		const struct ddb_value *partition, uint8_t ret[DDB_ALIAS_BYTES]);
	bool (*entry_alias)(const struct ddb_table *table, const struct ddb_index_definition *index,
		const struct ddb_value *key, uint8_t ret[DDB_ALIAS_BYTES]);
};

#endif
