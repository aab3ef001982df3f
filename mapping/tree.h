/*
 * Inside mapping/: what the names of the tree mean. A path is resolved, component by component, through one
 * table of rows (path.c): a row says under which kind of directory a name is looked for, how it is
 * recognised, and what the thing can do. A virtual file or directory more is a row more. Not for fs/.
 */
#ifndef MAP_TREE_H
#define MAP_TREE_H

#include "mapping/map.h"
#include "mapping/refusal.h"
#include <pthread.h>

enum map_kind {
	MAP_ROOT,
	MAP_STATUS,       /* .status */
	MAP_ERRORS,       /* .errors */
	MAP_API,          /* .api */
	MAP_OPERATION,    /* .api/OPERATION */
	MAP_TABLE,        /* T */
	MAP_DEFINITION,   /* T/.table.json */
	MAP_TABLE_STATUS, /* T/.status.json */
	MAP_LINES,        /* T/.items.jsonl */
	MAP_TYPED,        /* T/.typed: the table once more, in the typed rendering */
	MAP_SCAN,         /* T/.scan */
	MAP_SCAN_ALL,     /* T/.scan/items.jsonl */
	MAP_SEGMENTS,     /* T/.scan/N */
	MAP_SEGMENT,      /* T/.scan/N/K.jsonl */
	MAP_INDEXES,      /* T/.index */
	MAP_INDEX,        /* T/.index/NAME */
	MAP_KEY,          /* T/.index/NAME/KEY: a partition of the index */
	MAP_QUERIES,      /* T/.query, T/.index/NAME/.query */
	MAP_QUERY,        /* below it: a component, and those before it */
	MAP_ENTRY,        /* an item, in a query's or an index's listing */
	MAP_RESULTS,      /* items.jsonl there */
	MAP_COUNT,        /* count */
	MAP_EXPLAIN,      /* explain */
	MAP_STREAM,       /* T/.stream */
	MAP_RECORDS,      /* T/.stream/records.jsonl */
	MAP_RECORDS_FROM, /* T/.stream/after=SEQ.jsonl, at=SEQ.jsonl */
	MAP_FOLLOW,       /* T/.stream/follow.jsonl */
	MAP_PARTITION,    /* T/d */
	MAP_ITEM,         /* T/a.json, T/d/b.json */
	MAP_SCRATCH,
	MAP_SCRATCH_DIRECTORY, /* .d where scratch may be, and any name within one */
	MAP_TRANSACTIONS,      /* .txn */
	MAP_TRANSACTION,       /* .txn/NAME; what is below is in a map of its own: view/views.h */
	MAP_COMMITTED,         /* .txn/committed */
	MAP_COMMITTED_ENTRY,   /* .txn/committed/NAME */
	MAP_SNAPSHOTS,         /* .snapshot */
	MAP_SNAPSHOT,          /* .snapshot/NAME */
	MAP_CONDITIONS,        /* .txn/NAME/.conditions.jsonl */
	MAP_REASONS,           /* .txn/NAME/.reasons.json */
};

struct map_row;
struct map_query; /* query/query.h */

/* A resolved path. The names are well-formed; whether item, partition or scratch file exists is for the
 * engine to say. */
struct map_place {
	enum map_kind kind;
	const struct map_row *row;
	const char *path; /* in the arena */
	const char *name; /* its last component */
	enum ddb_rendering rendering;
	struct ddb_table *table; /* a reference, from MAP_TABLE down; else NULL */
	const char *partition;   /* the entry of the partition on the way or at the end; else NULL */
	bool has_hash, has_range;
	struct ddb_value hash, range; /* key values, or a provisional table's stand-ins */
	/*
	 * A name in the long form (the item's or its partition's) whose key nobody has yet: only a document
	 * that holds the key can create it, and map_place_names tells whether it does.
	 */
	bool unnamed;
	/* MAP_PARTITION as the last component: it is there (in the engine, remembered, or holding scratch
	 * files), and since when. MAP_SCRATCH_DIRECTORY: it is there. */
	bool exists;
	int64_t mtime_ns;
	const struct map_query *query; /* from MAP_INDEX and MAP_QUERIES down; else NULL */
	uint32_t segment, segments;
	uint64_t after;                         /* MAP_RECORDS_FROM: it begins behind this record */
	struct ddb_scratch_name scratch;        /* MAP_SCRATCH and MAP_SCRATCH_DIRECTORY: the entry */
	uint8_t inside[DDB_DIRECTORY_ID_BYTES]; /* MAP_SCRATCH_DIRECTORY that exists: the id of what is in it
						 */
};

/*
 * Resolves; what `ret` points to lives in `arena`. ENOENT for what no row knows, ENOTDIR, ENAMETOOLONG. A
 * partition directory on the way need not exist. The last component may be a name that does not exist yet; in
 * a table with a sort key it is a partition if that exists, else a scratch file. On success map_place_done
 * must follow. On failure map_errno(err->code) is what creating a file of that name is answered with: EINVAL
 * where a lookup finds nothing because the name is no key's, EACCES in directories that hold no files of the
 * user's. EINVAL of itself is a query that is none: *err says why, and ret->kind is of the directory above.
 */
int map_resolve(struct map *map, struct ddb_arena *arena, const char *path, struct map_place *ret,
	struct ddb_error *err);
/* The same for a name that shall be a directory: in a table with a sort key the last component is a partition
 * even if that does not exist. */
int map_resolve_directory(struct map *map, struct ddb_arena *arena, const char *path, struct map_place *ret,
	struct ddb_error *err);
/* What map_stat answers about a resolved place. */
int map_place_stat(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err);
/* Whether the key with these values (range NULL: of a simple table) has the name of `place`, an item. */
bool map_place_names(
	const struct map_place *place, const struct ddb_value *hash, const struct ddb_value *range);
void map_place_done(struct map_place *place);
#define MAP_PLACE_AUTO __attribute__((cleanup(map_place_done)))

/* The key of an item (or partition) as the map that engine requests take. The attributes live in `arena`. */
DDB_MUST_CHECK enum ddb_code map_place_key(
	const struct map_place *place, struct ddb_arena *arena, struct ddb_value *ret, struct ddb_error *err);

/* The key values as such a map; range NULL: only the partition key. The names are the table's (or those of
 * its stand-ins), the values are shared. */
DDB_MUST_CHECK enum ddb_code map_key_of_values(const struct ddb_table *table, const struct ddb_value *hash,
	const struct ddb_value *range, struct ddb_arena *arena, struct ddb_value *ret, struct ddb_error *err);
/* The value of one key attribute of an item or key; NULL when it has none. */
const struct ddb_value *map_key_value(
	const struct ddb_table *table, const struct ddb_value *item, bool range);

/* The attributes of an item and of a scratch file from what the engine knows. Every open and stat answers
 * these. */
void map_attr_of_item(const struct map_place *place, const struct ddb_meta *meta, struct map_attr *ret);
void map_attr_of_scratch(const struct ddb_scratch_meta *meta, struct map_attr *ret);
/* Of a definition's text: the version is a digest of it. */
void map_attr_of_definition(
	const struct map_place *place, const char *text, size_t length, struct map_attr *ret);
/* Of anything: what its row says, no size. */
void map_attr_of_place(struct map *map, const struct map_place *place, struct map_attr *ret);

/* The id that scratch files of this directory have (root, table, typed table, partition, scratch directory).
 */
void map_scratch_directory(const struct map_place *place, uint8_t ret[DDB_DIRECTORY_ID_BYTES]);
/* The ids of directories that no path leads to. */
enum map_scratch_hidden {
	MAP_SCRATCH_HELD = 2, /* of a table: its partitions that scratch files alone may keep (holding.c) */
	MAP_SCRATCH_ORPHANS,  /* files that are open and have no name any more (scratch/scratches.c) */
};
void map_scratch_hidden(enum map_scratch_hidden which, uint32_t table, uint8_t ret[DDB_DIRECTORY_ID_BYTES]);
/* The name of a scratch file that stands behind a partition of its own name: ".NAME.scratch", cut when that
 * is too long. */
void map_scratch_shown(const char *name, char ret[256]);

/* Inode numbers: the lowest of a table is its .table.json's. */
uint64_t map_ino_of_item(const struct ddb_table *table, uint64_t serial, enum ddb_rendering rendering);
uint64_t map_ino_of_place(const struct map_place *place); /* of what has no serial */

struct map_partitions; /* partitions that mkdir made or unlink emptied: partitions.c */
struct map_scratches;  /* open scratch files: scratch/scratches.h */
struct map_view;       /* a transaction or snapshot: view/views.h */
struct map_views;
struct map_committed; /* view/committed.h */

struct map {
	struct ddb_engine *engine;
	struct map_options options; /* mountpoint is the map's own copy */
	struct map_refusals *refusals;
	struct map_partitions *partitions;
	struct map_scratches *scratches;
	struct map_view *view;   /* whose map this is; NULL: the one that fs/ knows, */
	struct map_views *views; /* which alone has these */
	struct map_committed *committed;
	int64_t started_ns;
	pthread_mutex_t tick_lock;
	pthread_mutex_t dirs_lock;
	struct map_dir *dirs; /* the open ones (directory.c), which must hear of changes */
	pthread_mutex_t files_lock;
	struct map_file *files; /* the open ones (file.c), whose paths follow renamed directories */
};

/* One component on the way down. */
struct map_step {
	const char *name; /* NUL-terminated, in the arena; 1 to 255 bytes (of a query's component 1,024),
			     neither "." nor ".." */
	size_t length;
	bool last;
	bool directory; /* the last one shall be a directory */
};

/* In which maps a row is. */
enum map_where {
	MAP_EVERYWHERE,
	MAP_OUTSIDE, /* not in a transaction or snapshot, where nothing else can have the name */
	MAP_STAGED,  /* only in a transaction */
};

/* The row's functions. All take the place that they are asked about. */
struct map_row {
	enum map_kind kind;
	enum map_kind parent;
	/*
	 * Recognises a component under `parent`, whose place *ret holds; fills *ret on success. MAP_NOT_MINE:
	 * ask the next row. With a `name`, it is asked only when that is the component's.
	 */
	int (*match)(struct map *map, struct ddb_arena *arena, const struct map_step *step,
		struct map_place *ret, struct ddb_error *err);
	const char *name; /* for rows that are one fixed name */
	enum map_where where;
	bool directory, writable, stream, volatile_;
	bool untold; /* as in struct map_attr */
	bool listed;
	int (*stat)(struct map *map, struct ddb_arena *arena, const struct map_place *place,
		struct map_attr *ret, struct ddb_error *err);
	int (*open)(struct map *map, const struct map_place *place, struct map_file *file,
		struct map_attr *ret, struct ddb_error *err);
	/* Fills the next page of a directory; directory.c says how. */
	const struct map_listing *listing;
};
enum { MAP_NOT_MINE = -1 };
extern const struct map_row map_rows[];
extern const size_t map_row_count;

/* Time now, since the epoch. */
int64_t map_now_ns(void);

/*
 * Partitions that exist in this mount though the engine has no item of them: by table id and encoded entry.
 * Threads: any. Times are map_now_ns's, or a test's.
 */
enum { MAP_LINGER_SECONDS = 600, MAP_FRESH_SECONDS = 5 };
struct map_partitions *map_partitions_new(void);
void map_partitions_free(struct map_partitions *partitions);
/* forever: until rmdir (mkdir); else it lingers. An entry that is there keeps its place, and stays forever if
 * it was. False: no memory. */
bool map_partitions_add(struct map_partitions *partitions, const struct ddb_table *table, const char *entry,
	bool forever, int64_t now_ns);
/* What there is to know of an entry; `since_ns` and `order` (rises with every entry added) may be NULL. */
bool map_partitions_find(struct map_partitions *partitions, uint32_t table, const char *entry,
	int64_t *since_ns, uint64_t *order);
bool map_partitions_remove(struct map_partitions *partitions, uint32_t table, const char *entry);
void map_partitions_remove_table(struct map_partitions *partitions, uint32_t table);
/* The entry after `after` (NULL: the first) of a table, in byte order, copied into ret; false at the end. */
bool map_partitions_next(struct map_partitions *partitions, uint32_t table, const char *after, char ret[256]);
/* `to` is from now on what `from` was, if it was anything; false: no memory, nothing changed. */
bool map_partitions_rename(
	struct map_partitions *partitions, const struct ddb_table *table, const char *from, const char *to);
/* The table has another name. What there is no memory for keeps the old one, and is forgotten. */
void map_partitions_rename_table(struct map_partitions *partitions, uint32_t table, const char *name);
/* The entry behind *entry, in the order of table ids and entries; all zero: the first. False: the end. */
struct map_partition_entry {
	uint32_t table;
	bool forever;
	int64_t since_ns;
	char entry[256], table_name[DDB_TABLE_NAME_MAX + 1];
};
bool map_partitions_after(struct map_partitions *partitions, struct map_partition_entry *entry);
/* Adds all that are in `from`, but for hidden definitions. False: no memory. */
bool map_partitions_copy(struct map_partitions *from, struct map_partitions *to);
/* The order that the next entry will have. */
uint64_t map_partitions_order(struct map_partitions *partitions);
/*
 * Looks at some of the entries, in turn from call to call, and forgets those that `judge` does not keep;
 * `gone` is then told of those that it wants told. Both are called without locks held.
 */
struct map_remembered {
	uint32_t table;
	const char *table_name, *entry;
	bool lingered; /* for longer than it may */
	bool fresh;    /* just added: whoever did that may be about to take its last item */
};
enum map_verdict { MAP_KEEP, MAP_FORGET, MAP_FORGET_AND_TELL };
void map_partitions_tick(struct map_partitions *partitions, int64_t now_ns,
	enum map_verdict (*judge)(void *context, const struct map_remembered *remembered),
	void (*gone)(void *context, const struct map_remembered *remembered), void *context);

/* Whether a table's .table.json was unlinked in this mount (the same set serves: entry ".table.json",
 * forever). */
bool map_definition_hidden(struct map *map, const struct ddb_table *table);
bool map_definition_hide(struct map *map, const struct ddb_table *table); /* false: no memory */
void map_definition_show(struct map *map, const struct ddb_table *table);

/* The map of a view. */
struct map *map_new_inside(
	struct ddb_engine *engine, const struct map_options *options, struct map_view *view);

/* map_tick at that time. */
void map_tick_at(struct map *map, int64_t now_ns);
/* Between these there is no tick. */
void map_tick_pause(struct map *map);
void map_tick_resume(struct map *map);

/*
 * Tells the front end, in both renderings, that the item or partition of `place` changed (version 0: is
 * gone).
 */
void map_tell_item(
	struct map *map, const struct map_place *place, uint64_t version, const struct map_file *by);
/*
 * The same for an item of which only the key is known (range NULL: of a simple table; of a partition with
 * `partition`). Of a partition that comes to be (MAP_VERSION_DIRECTORY) only open listings hear: it may have
 * been there all the while.
 */
void map_tell_key(struct map *map, const struct ddb_table *table, const struct ddb_value *hash,
	const struct ddb_value *range, bool partition, uint64_t version, const struct map_file *by);
/* The version that is told of what has none: directories that come to be, scratch files that are there. */
enum { MAP_VERSION_DIRECTORY = 1, MAP_VERSION_SCRATCH = 1 };
/* The path of a partition. */
void map_partition_path(
	const struct ddb_table *table, bool typed, const char *partition, char ret[MAP_PATH_MAX]);
/* The name of a partition, and the path of an item (range NULL: of a simple table), in the plain rendering.
 */
void map_partition_name(const struct ddb_table *table, const struct ddb_value *hash, char ret[256]);
void map_key_path(const struct ddb_table *table, const struct ddb_value *hash, const struct ddb_value *range,
	char ret[MAP_PATH_MAX]);
/* After a table's definition has changed: there may be a stream where none was. */
void map_tell_stream(struct map *map, const char *table);
/* One path only. */
void map_tell_path(struct map *map, const char *path, uint64_t version, const struct map_file *by);

/*
 * Before and after an item of `place` is deleted or moved away: its partition lingers, if that was its last
 * item, and at no moment is it not there. What is remembered too much a tick forgets.
 */
void map_linger_begin(struct map *map, const struct map_place *place);
void map_linger(struct map *map, const struct map_place *place);

/*
 * What is asked before a table or partition goes: ENOTEMPTY unless it is empty, EPERM for a protected table.
 * The scratch files of the typed rendering go with it, where the place is not of that rendering.
 */
int map_table_clear(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err);
int map_partition_clear(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err);
/* Before a partition comes to be: EEXIST if a scratch file has its name. */
int map_partition_beside(struct map *map, const struct map_place *place, struct ddb_error *err);

/* Records a refusal and returns its errno: map_errno(err->code) unless `number` is given (not 0). */
int map_refused(struct map *map, const struct map_caller *caller, const char *path, const char *operation,
	int number, const struct ddb_error *err);

#endif
