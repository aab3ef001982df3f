/*
 * Inside mapping/: what a transaction has beside its view: conditions, the reasons why its last commit
 * failed, and whether it is being removed. Threads: any; a lock of its own, under which nothing is asked but
 * how much the engine has staged.
 *
 * `rm -r .txn/NAME` walks down and removes one thing after another before it comes to the directory itself.
 * It begins every table with .table.json, which is listed first. So that removal, which could not be
 * committed anyway, takes the transaction down: from then on everything in it can be removed, at once and
 * without being staged, nothing can be written, its directories list nothing, and all that is left to do with
 * it is to abort it. The same for what has no .table.json, a provisional table: its rmdir once it is empty,
 * and a removal in it beyond the limit.
 */
#ifndef MAP_TRANSACTION_H
#define MAP_TRANSACTION_H

#include "mapping/tree.h"
#include "engine/buffer.h"

struct map_transaction *map_transaction_new(void);
void map_transaction_free(struct map_transaction *transaction); /* NULL is fine */

/* ---- Conditions: one an item ---- */

/*
 * A condition of an item, as its text; `also`: what was asked of it before holds too, else it is replaced.
 * DDB_VALIDATION for what is no condition, and for more items and conditions than there may be.
 */
DDB_MUST_CHECK enum ddb_code map_condition_set(struct map *map, const struct map_place *place,
	const char *text, size_t length, bool also, struct ddb_error *err);
/* Appends the text; false: there is none. */
bool map_condition_get(struct map *map, const struct map_place *place, struct ddb_buffer *out);
bool map_condition_remove(struct map *map, const struct map_place *place);
/* A line {"path": …, "condition": …} for each. */
void map_conditions_write(struct map *map, struct ddb_buffer *out);

/* For the commit, with texts and keys in the arena. */
struct map_condition_list {
	size_t count;
	struct ddb_condition_check *checks;
};
DDB_MUST_CHECK enum ddb_code map_conditions_list(
	struct map *map, struct ddb_arena *arena, struct map_condition_list *ret, struct ddb_error *err);

/* ---- Reasons ---- */

/* Appends the text of .reasons.json; false: no commit has failed. */
bool map_reasons_get(struct map *map, struct ddb_buffer *out);
/* Takes the text, or forgets it (NULL). */
void map_reasons_set(struct map *map, struct ddb_buffer *text /* taken */);

/* ---- Removal ---- */

/* Whether the map is a transaction's that is being removed. */
bool map_is_down(const struct map *map);
/* `path`: what was removed first. */
void map_take_down(struct map *map, const char *path);
/* Where that was; NULL: nowhere. */
const char *map_taken_down(const struct map *map);
/*
 * A file in one that is down was removed: until the next one is, it is not there. Who removes what is in the
 * way of a file that he makes, as tar does, would find it again and again.
 */
void map_pass_over(struct map *map, const char *path);
bool map_is_passed_over(struct map *map, const char *path);

/* ---- Commit (commit.c) ---- */

/*
 * All that is staged becomes part of the outer map's tables, and is told there; the view is over then.
 * ECANCELED: see the reasons; EEXIST: the token stood for something else; ESTALE. Afterwards, in either case,
 * the view is still the caller's to remove.
 */
struct map_view;
int map_view_commit(
	struct map_view *view, const struct map_caller *caller, const char *token, struct ddb_error *err);

#endif
