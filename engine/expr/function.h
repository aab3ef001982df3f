/*
 * The functions of expressions: one row each. Constant data: any thread.
 */
#ifndef DDB_EXPR_FUNCTION_H
#define DDB_EXPR_FUNCTION_H

#include "engine/expr/parser.h"

struct expr_function {
	const char *name; /* the case of its letters counts */
	enum expr_grammar grammar;
	unsigned operands;
	/* Of conditions: whether it is one (all but size). */
	bool condition;
	/* Notes what is wrong whatever the item, and returns the type that it has then, or 0. */
	uint8_t (*check)(struct expr_parser *parser, const struct expr_node *call);
	/* Of a condition: of its operands' values, which may be NULL when the item has none. */
	bool (*holds)(const struct ddb_value *first, const struct ddb_value *second);
};

extern const struct expr_function expr_function_size, expr_function_if_not_exists, expr_function_list_append;

/* NULL: there is none of that name. */
const struct expr_function *expr_function_find(const char *name, size_t length);
/* Of conditions that are made without a parser. */
const struct expr_function *expr_function_named(const char *name);

/* What size() says of a value; false: it has none. */
bool expr_size(const struct ddb_value *value, struct ddb_number *ret);

#endif
