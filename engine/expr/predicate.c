#include "engine/expr/predicate.h"
#include "engine/expr/condition.h"

#include <assert.h>

/* ---- What conditions say of an item ---- */

/* An operand's value; what size() says has its place here. */
struct operand {
	struct ddb_number number;
	struct ddb_value size;
};

static const struct ddb_value *evaluate(
	const struct expr_node *node, const struct ddb_value *item, struct operand *place)
{
	if (node->kind == EXPR_VALUE)
		return node->value;
	if (node->kind == EXPR_PATH)
		return expr_path_find(node->path, item);
	assert(node->kind == EXPR_FUNCTION && node->function == &expr_function_size);
	const struct ddb_value *value = evaluate(node->first, item, place);
	if (!value || !expr_size(value, &place->number))
		return NULL;
	place->size = ddb_number_value(&place->number);
	return &place->size;
}

static bool is_equal(const struct ddb_value *a, const struct ddb_value *b)
{
	return a && b && ddb_value_equal(a, b);
}

/* False when the two have no order: something is missing, or they are not both S, N or B. */
static bool compare(const struct ddb_value *a, const struct ddb_value *b, int *ret)
{
	if (!a || !b || a->type != b->type || (a->type != DDB_S && a->type != DDB_N && a->type != DDB_B))
		return false;
	*ret = ddb_scalar_compare(a, b);
	return true;
}

static bool ordered(enum expr_kind kind, const struct ddb_value *a, const struct ddb_value *b)
{
	int order;
	if (!compare(a, b, &order))
		return false;
	if (kind == EXPR_LT || kind == EXPR_LE)
		return order < 0 || (kind == EXPR_LE && !order);
	return order > 0 || (kind == EXPR_GE && !order);
}

static bool compared(const struct expr_node *node, const struct ddb_value *item)
{
	struct operand places[2];
	const struct ddb_value *a = evaluate(node->first, item, &places[0]),
			       *b = evaluate(node->last, item, &places[1]);
	if (node->kind == EXPR_EQ || node->kind == EXPR_NE)
		return is_equal(a, b) == (node->kind == EXPR_EQ);
	return ordered(node->kind, a, b);
}

static bool between(const struct expr_node *node, const struct ddb_value *item)
{
	struct operand places[3];
	const struct ddb_value *value = evaluate(node->first, item, &places[0]);
	return ordered(EXPR_GE, value, evaluate(node->first->next, item, &places[1])) &&
	       ordered(EXPR_LE, value, evaluate(node->last, item, &places[2]));
}

static bool is_in(const struct expr_node *node, const struct ddb_value *item)
{
	struct operand places[2];
	const struct ddb_value *value = evaluate(node->first, item, &places[0]);
	for (const struct expr_node *operand = node->first->next; value && operand; operand = operand->next) {
		if (is_equal(value, evaluate(operand, item, &places[1])))
			return true;
	}
	return false;
}

static bool called(const struct expr_node *node, const struct ddb_value *item)
{
	struct operand places[2];
	return node->function->holds(evaluate(node->first, item, &places[0]),
		node->count > 1 ? evaluate(node->last, item, &places[1]) : NULL);
}

/* Of AND and OR: whether all operands, or none, hold as `wanted` says. */
static bool all_are(const struct expr_node *node, const struct ddb_value *item, bool wanted)
{
	for (const struct expr_node *operand = node->first; operand; operand = operand->next) {
		if (expr_holds(operand, item) != wanted)
			return false;
	}
	return true;
}

bool expr_holds(const struct expr_node *node, const struct ddb_value *item)
{
	switch (node->kind) {
	case EXPR_AND:
		return all_are(node, item, true);
	case EXPR_OR:
		return !all_are(node, item, false);
	case EXPR_NOT:
		return !expr_holds(node->first, item);
	case EXPR_BETWEEN:
		return between(node, item);
	case EXPR_IN:
		return is_in(node, item);
	case EXPR_FUNCTION:
		return called(node, item);
	case EXPR_EQ:
	case EXPR_NE:
	case EXPR_LT:
	case EXPR_LE:
	case EXPR_GT:
	case EXPR_GE:
		return compared(node, item);
	case EXPR_PATH:
	case EXPR_VALUE:
	case EXPR_PLUS:
	case EXPR_MINUS:
	case EXPR_KINDS:
		break;
	}
	assert(!"no condition");
	return false;
}

/* ---- The interface ---- */

enum ddb_code ddb_predicate_parse(struct ddb_scope *scope, enum ddb_predicate_use use, const char *text,
	size_t length, const struct ddb_predicate **ret, struct ddb_error *err)
{
	struct expr_parser parser;
	enum ddb_code code = expr_parser_init(&parser, scope, EXPR_CONDITIONS,
		use == DDB_CONDITION_EXPRESSION ? "ConditionExpression" : "FilterExpression", text, length,
		err);
	if (code)
		return code;
	const struct expr_node *condition = expr_parse_condition(&parser);
	code = expr_parser_finish(&parser);
	if (code)
		return code;
	struct ddb_predicate *predicate = ddb_arena_alloc(scope->arena, sizeof(*predicate));
	if (!predicate)
		return ddb_fail_memory(err);
	predicate->condition = condition;
	*ret = predicate;
	return DDB_OK;
}

bool ddb_predicate_holds(const struct ddb_predicate *predicate, const struct ddb_value *item)
{
	return expr_holds(predicate->condition, item);
}

bool ddb_predicate_enclosed(const struct ddb_predicate *predicate)
{
	return predicate->condition->parenthesised;
}

static bool mentions(const struct expr_node *node, const char *name, size_t length)
{
	if (node->kind == EXPR_PATH)
		return expr_path_begins(node->path, name, length);
	for (const struct expr_node *operand = node->first; operand; operand = operand->next) {
		if (mentions(operand, name, length))
			return true;
	}
	return false;
}

bool ddb_predicate_mentions(const struct ddb_predicate *predicate, const char *name, size_t length)
{
	return mentions(predicate->condition, name, length);
}
