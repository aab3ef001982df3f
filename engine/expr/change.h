/*
 * How changes are kept. Private to engine/expr.
 */
#ifndef DDB_EXPR_CHANGE_H
#define DDB_EXPR_CHANGE_H

#include "engine/expr/changes.h"
#include "engine/expr/function.h"

enum expr_action { EXPR_SET, EXPR_REMOVE, EXPR_ADD, EXPR_DELETE, EXPR_ACTIONS };

struct expr_change {
	enum expr_action action;
	const struct expr_path *path;  /* its position is the change's */
	const struct expr_node *value; /* NULL: REMOVE */
};

struct ddb_changes {
	bool legacy; /* AttributeUpdates: other messages, and ADD takes lists */
	size_t count;
	struct expr_change *changes;
	const struct expr_path **sorted;
};

/* Takes `changes`, numbers their paths and sorts them. NULL: no memory. */
struct ddb_changes *expr_changes_new(struct ddb_arena *arena, struct expr_change *changes, size_t count);

#endif
