/*
 * What stands in the way of a commit: what was read or written and has changed since the view's moment, and
 * conditions that do not hold. Only a bounded number is told, each item once. Within the commit's job;
 * nothing here writes.
 */
#ifndef LOCAL_CONFLICT_H
#define LOCAL_CONFLICT_H

#include "engine/local/txn/view.h"

enum { LOCAL_REASONS_MAX = 100 };

struct local_conflicts {
	struct local_view *view;
	struct store_txn *moment; /* a view of the branch */
	struct store_txn *txn;    /* the job of the base */
	struct ddb_arena *arena;  /* of what is told */
	size_t count;
	struct ddb_reason *reasons; /* room for LOCAL_REASONS_MAX */
};

/* Makes the room. */
DDB_MUST_CHECK enum ddb_code local_conflicts_init(struct local_conflicts *conflicts, struct local_view *view,
	struct store_txn *moment, struct ddb_arena *arena, struct ddb_error *err);
/* Adds a reason, which points into the arena. Beyond the room nothing happens. */
void local_conflict_add(struct local_conflicts *conflicts, const struct ddb_reason *reason);
bool local_conflict_has_table(const struct local_conflicts *conflicts, const char *name);
/* Everything that was written, then everything that was read. */
DDB_MUST_CHECK enum ddb_code local_conflicts_find(struct local_conflicts *conflicts, struct ddb_error *err);
/* The table is no longer what it was. */
DDB_MUST_CHECK enum ddb_code local_conflict_table(
	struct local_conflicts *conflicts, const char *name, struct ddb_error *err);

/* The key of an item that has one, as a map in the arena. */
DDB_MUST_CHECK enum ddb_code local_key_copy(struct ddb_arena *arena, const struct ddb_table *table,
	const struct ddb_value *item, struct ddb_value *ret, struct ddb_error *err);

#endif
