/*
 * Inside mapping/: the scratch files that are open, and the changes of scratch names that they must hear of.
 * A handle follows its file, not its name: it goes on when the file is renamed, and when the name is removed
 * or given to another file. Then the file lives on as an orphan in a hidden directory until its last handle
 * is released, or else until the next map of the store is made. Threads: any; locks of its own, held while
 * the engine is asked.
 */
#ifndef MAP_SCRATCHES_H
#define MAP_SCRATCHES_H

#include "mapping/tree.h"

struct map_scratches *map_scratches_new(void);
void map_scratches_free(struct map_scratches *scratches); /* no file is open any more */
/* Removes what the last mount left of files that were open when it died. */
void map_scratches_clear(struct map *map);

/* ---- Names ---- */

/* Removes a file, or with `directory` a directory that is empty: ENOTEMPTY, ENOENT, ENOTDIR, EISDIR. */
int map_scratch_remove(
	struct map *map, const struct ddb_scratch_name *name, bool directory, struct ddb_error *err);
/* As the engine's scratch_rename: ENOTEMPTY, EEXIST, ENOENT. */
int map_scratch_rename(struct map *map, const struct ddb_scratch_name *from,
	const struct ddb_scratch_name *to, bool no_replace, struct ddb_error *err);
/* What a put makes of the file that it takes its text from, in its own transaction. */
struct map_consume {
	const struct ddb_scratch_name *name;
	const struct ddb_scratch_name *as; /* what it is called then; NULL: it is removed */
};
/*
 * Runs `change`, an operation of the engine that does `consume` in its own transaction. A file that is open
 * becomes an orphan by that, from which is only read.
 */
typedef int map_scratch_change(void *context, const struct map_consume *consume, struct ddb_error *err);
int map_scratch_consume(struct map *map, const struct ddb_scratch_name *name, map_scratch_change *change,
	void *context, struct ddb_error *err);
/* The same for a `change` that leaves the file alone (`consume` is NULL): it is removed afterwards, or left
 * over when that cannot be. */
int map_scratch_spend(struct map *map, const struct ddb_scratch_name *name, map_scratch_change *change,
	void *context, struct ddb_error *err);
/* Runs `change`, an operation of the engine that gives the name to a new file; `consume` is NULL. */
int map_scratch_replace(struct map *map, const struct ddb_scratch_name *name, map_scratch_change *change,
	void *context, struct ddb_error *err);

/* Around an operation of the engine that files the contents of directories under other ids, and what it did
 * to one of them. */
void map_scratches_lock(struct map *map);
void map_scratches_refile(struct map *map, const struct ddb_scratch_move *move);
void map_scratches_unlock(struct map *map);

/* ---- Open files ---- */

struct map_scratch; /* a file, shared by its handles */

struct map_scratch_request {
	bool create, exclusive, truncate;
	mode_t mode;
};
/* EEXIST, ENOENT, EISDIR. map_scratch_close must follow. */
int map_scratch_take(struct map *map, const struct ddb_scratch_name *name,
	const struct map_scratch_request *request, struct map_scratch **ret, struct map_attr *ret_attr,
	struct ddb_error *err);
/* One more handle of the same file. */
void map_scratch_share(struct map *map, struct map_scratch *scratch);
void map_scratch_close(struct map *map, struct map_scratch *scratch);

int map_scratch_stat(
	struct map *map, struct map_scratch *scratch, struct map_attr *ret, struct ddb_error *err);
/* Short only at the end. */
int map_scratch_read(struct map *map, struct map_scratch *scratch, uint64_t offset, char *buffer, size_t size,
	size_t *ret_length, struct ddb_error *err);
/*
 * Changes answer the attributes that follow. `append`: at the end as it is then. ESTALE: the file was put as
 * an item, which what is written here would not reach.
 */
int map_scratch_write(struct map *map, struct map_scratch *scratch, bool append, uint64_t offset,
	const char *bytes, size_t size, struct map_attr *ret, struct ddb_error *err);
int map_scratch_truncate(struct map *map, struct map_scratch *scratch, uint64_t size, struct map_attr *ret,
	struct ddb_error *err);
int map_scratch_set_mtime(struct map *map, struct map_scratch *scratch, int64_t mtime_ns,
	struct map_attr *ret, struct ddb_error *err);
/* False: no name leads to the file any more. */
bool map_scratch_named(struct map *map, const struct map_scratch *scratch);

#endif
