/*
 * The grammar of conditions, filters and key conditions, and what they say of an item. Any thread.
 */
#ifndef DDB_EXPR_CONDITION_H
#define DDB_EXPR_CONDITION_H

#include "engine/expr/function.h"

/* A whole expression; the caller finishes the parser. */
struct expr_node *expr_parse_condition(struct expr_parser *parser);
/* `item` NULL: there is none. Depth as the tree's, which the number of operators bounds. */
bool expr_holds(const struct expr_node *condition, const struct ddb_value *item);

struct ddb_predicate {
	const struct expr_node *condition;
};

#endif
