#include "engine/expr/node.h"

#include <assert.h>

const char *expr_kind_text(enum expr_kind kind)
{
	static const char texts[EXPR_KINDS][8] = {
		[EXPR_EQ] = "=",
		[EXPR_NE] = "<>",
		[EXPR_LT] = "<",
		[EXPR_LE] = "<=",
		[EXPR_GT] = ">",
		[EXPR_GE] = ">=",
		[EXPR_BETWEEN] = "BETWEEN",
		[EXPR_IN] = "IN",
		[EXPR_AND] = "AND",
		[EXPR_OR] = "OR",
		[EXPR_NOT] = "NOT",
		[EXPR_PLUS] = "+",
		[EXPR_MINUS] = "-",
	};
	assert((unsigned)kind < EXPR_KINDS);
	return texts[kind];
}

struct expr_node *expr_node_new(struct ddb_arena *arena, enum expr_kind kind)
{
	struct expr_node *node = ddb_arena_alloc(arena, sizeof(*node));
	if (node)
		*node = (struct expr_node){.kind = kind};
	return node;
}

void expr_node_add(struct expr_node *node, struct expr_node *operand)
{
	assert(!operand->next);
	if (node->last)
		node->last->next = operand;
	else
		node->first = operand;
	node->last = operand;
	node->count++;
}

struct expr_node *expr_node_path(struct ddb_arena *arena, const struct expr_path *path)
{
	struct expr_node *node = expr_node_new(arena, EXPR_PATH);
	if (node)
		node->path = path;
	return node;
}

struct expr_node *expr_node_value(struct ddb_arena *arena, const struct ddb_value *value)
{
	struct expr_node *node = expr_node_new(arena, EXPR_VALUE);
	if (!node)
		return NULL;
	node->value = value;
	node->type = value->type;
	return node;
}

struct expr_node *expr_node_of(
	struct ddb_arena *arena, enum expr_kind kind, struct expr_node *first, struct expr_node *second)
{
	struct expr_node *node = expr_node_new(arena, kind);
	if (!node)
		return NULL;
	expr_node_add(node, first);
	if (second)
		expr_node_add(node, second);
	return node;
}
