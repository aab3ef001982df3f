/*
 * What an expression is once it is parsed: a tree whose nodes live in the scope's arena. Immutable then; any
 * thread. Its depth is bounded by the parser.
 */
#ifndef DDB_EXPR_NODE_H
#define DDB_EXPR_NODE_H

#include "engine/expr/path.h"

enum expr_kind {
	EXPR_PATH,
	EXPR_VALUE,
	EXPR_FUNCTION,
	EXPR_EQ,
	EXPR_NE,
	EXPR_LT,
	EXPR_LE,
	EXPR_GT,
	EXPR_GE,
	EXPR_BETWEEN,
	EXPR_IN,
	EXPR_AND, /* of two or more */
	EXPR_OR,
	EXPR_NOT,
	EXPR_PLUS,
	EXPR_MINUS,
	EXPR_KINDS,
};

struct expr_function;

struct expr_node {
	enum expr_kind kind;
	bool parenthesised;
	uint8_t type; /* enum ddb_type that an operand has whatever the item; 0: that depends */
	unsigned count;
	struct expr_node *first, *last; /* its `count` operands, linked by `next` */
	struct expr_node *next;
	union {
		const struct expr_path *path;
		const struct ddb_value *value;
		const struct expr_function *function;
	};
};

/* "=", "BETWEEN": as messages show it. */
const char *expr_kind_text(enum expr_kind kind);
/* Paths, values and functions: what can stand on a side of a comparison. */
static inline bool expr_is_operand(const struct expr_node *node)
{
	return node->kind <= EXPR_FUNCTION;
}

/* NULL, as all below: no memory. */
struct expr_node *expr_node_new(struct ddb_arena *arena, enum expr_kind kind);
void expr_node_add(struct expr_node *node, struct expr_node *operand);
struct expr_node *expr_node_path(struct ddb_arena *arena, const struct expr_path *path);
struct expr_node *expr_node_value(struct ddb_arena *arena, const struct ddb_value *value);
/* One or two operands; `second` of a single one: NULL. */
struct expr_node *expr_node_of(
	struct ddb_arena *arena, enum expr_kind kind, struct expr_node *first, struct expr_node *second);

#endif
