/*
 * What is in parentheses may be a condition or an operand, and only what follows tells: so one function reads
 * both, and whoever needs a condition asks for one (require_condition).
 */
#include "engine/expr/condition.h"
#include "engine/base64.h"
#include "engine/buffer.h"

#include <stdio.h>

enum { ORDERED_TYPES = 1 << DDB_S | 1 << DDB_N | 1 << DDB_B };

/* ---- What is wrong with operands, whatever the item ---- */

static void note_ordered(struct expr_parser *parser, const struct expr_node *node)
{
	for (const struct expr_node *operand = node->first; operand; operand = operand->next)
		expr_note_type_unless(parser, expr_kind_text(node->kind), ORDERED_TYPES, operand);
}

static void check_comparison(struct expr_parser *parser, const struct expr_node *node)
{
	if (node->kind != EXPR_EQ && node->kind != EXPR_NE)
		note_ordered(parser, node);
	expr_note_same(parser, expr_kind_text(node->kind), node->first, node->last);
}

enum { VALUE_TEXT_MAX = 300 };

static void value_text(const struct ddb_value *value, char ret[VALUE_TEXT_MAX])
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	char number[DDB_NUMBER_TEXT_MAX];
	ddb_buffer_init(&text, VALUE_TEXT_MAX);
	ddb_buffer_add_format(&text, "{%s:", ddb_type_name((enum ddb_type)value->type));
	if (value->type == DDB_N)
		ddb_buffer_add(&text, number, ddb_number_write(value->bytes, value->count, number));
	else if (value->type == DDB_B)
		ddb_base64_add(&text, value->bytes, value->count < 100 ? value->count : 100, false);
	else
		ddb_buffer_add(&text, value->bytes, value->count < 200 ? value->count : 200);
	ddb_buffer_add_byte(&text, '}');
	snprintf(ret, VALUE_TEXT_MAX, "%.*s", (int)text.length, text.length ? text.bytes : "");
}

static void note_bounds(struct expr_parser *parser, const char *what, const struct expr_node *lower,
	const struct expr_node *upper)
{
	char lower_text[VALUE_TEXT_MAX], upper_text[VALUE_TEXT_MAX];
	value_text(lower->value, lower_text);
	value_text(upper->value, upper_text);
	expr_note(parser, EXPR_TYPES,
		"The BETWEEN operator requires %s; lower bound operand: AttributeValue: %s, "
		"upper bound operand: AttributeValue: %s",
		what, lower_text, upper_text);
}

static void check_between(struct expr_parser *parser, const struct expr_node *node)
{
	const struct expr_node *lower = node->first->next, *upper = node->last;
	note_ordered(parser, node);
	if (lower->kind != EXPR_VALUE || upper->kind != EXPR_VALUE || !lower->type || !upper->type)
		return;
	if (lower->type != upper->type)
		note_bounds(parser, "same data type for lower and upper bounds", lower, upper);
	else if (ddb_scalar_compare(lower->value, upper->value) > 0)
		note_bounds(parser, "upper bound to be greater than or equal to lower bound", lower, upper);
}

static void check_in(struct expr_parser *parser, const struct expr_node *node)
{
	if (node->count - 1 > DDB_IN_OPERANDS_MAX)
		expr_note(parser, EXPR_OPERANDS,
			"Incorrect number of operands for operator or function; "
			"operator or function: IN, number of operands: %u",
			node->count - 1);
}

/* ---- Comparisons ---- */

static struct expr_node *finish_comparison(struct expr_parser *parser, struct expr_node *node)
{
	for (const struct expr_node *operand = node->first; operand; operand = operand->next)
		expr_note_misuse(parser, operand);
	if (node->kind == EXPR_BETWEEN)
		check_between(parser, node);
	else if (node->kind == EXPR_IN)
		check_in(parser, node);
	else
		check_comparison(parser, node);
	expr_settle(parser);
	return node;
}

static bool add_operand(struct expr_parser *parser, struct expr_node *node)
{
	struct expr_node *operand = expr_parse_operand(parser);
	if (operand)
		expr_node_add(node, operand);
	return operand;
}

static bool parse_bounds(struct expr_parser *parser, struct expr_node *node)
{
	if (!add_operand(parser, node))
		return false;
	if (!expr_at_word(parser, "AND"))
		return expr_syntax_error(parser);
	expr_advance(parser);
	return add_operand(parser, node);
}

static bool parse_list(struct expr_parser *parser, struct expr_node *node)
{
	if (!expr_expect(parser, '('))
		return false;
	do {
		if (!add_operand(parser, node))
			return false;
	} while (expr_skip(parser, ','));
	return expr_expect(parser, ')');
}

/* EXPR_KINDS: the current token is none. */
static enum expr_kind operator_kind(const struct expr_parser *parser)
{
	static const struct {
		char symbol;
		enum expr_kind kind;
	} symbols[] = {
		{'=', EXPR_EQ},
		{'<', EXPR_LT},
		{'>', EXPR_GT},
		{EXPR_SYMBOL_LE, EXPR_LE},
		{EXPR_SYMBOL_GE, EXPR_GE},
		{EXPR_SYMBOL_NE, EXPR_NE},
	};
	for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
		if (expr_at_symbol(parser, symbols[i].symbol))
			return symbols[i].kind;
	}
	if (expr_at_word(parser, "BETWEEN"))
		return EXPR_BETWEEN;
	return expr_at_word(parser, "IN") ? EXPR_IN : EXPR_KINDS;
}

static struct expr_node *parse_comparison(struct expr_parser *parser, struct expr_node *left)
{
	enum expr_kind kind = operator_kind(parser);
	if (kind == EXPR_KINDS)
		return left;
	struct expr_node *node = expr_made(parser, expr_node_of(parser->arena, kind, left, NULL));
	if (!node)
		return NULL;
	parser->operators++;
	expr_advance(parser);
	bool parsed = kind == EXPR_BETWEEN ? parse_bounds(parser, node)
		      : kind == EXPR_IN    ? parse_list(parser, node)
					   : add_operand(parser, node);
	return parsed ? finish_comparison(parser, node) : NULL;
}

/* ---- AND, OR, NOT, parentheses ---- */

static struct expr_node *parse_or(struct expr_parser *parser);

static struct expr_node *parse_parenthesised(struct expr_parser *parser)
{
	if (!expr_enter(parser))
		return NULL;
	struct expr_node *node = parse_or(parser);
	expr_leave(parser);
	return expr_parenthesised(parser, node);
}

/* A condition, or an operand that nothing is said of: yet, or at all. */
static struct expr_node *parse_primary(struct expr_parser *parser)
{
	struct expr_node *node =
		expr_skip(parser, '(') ? parse_parenthesised(parser) : expr_parse_operand(parser);
	return node && expr_is_operand(node) ? parse_comparison(parser, node) : node;
}

static struct expr_node *require_condition(struct expr_parser *parser, struct expr_node *node)
{
	if (!node || !expr_is_operand(node))
		return node;
	if (node->kind != EXPR_FUNCTION)
		return expr_syntax_error(parser);
	if (node->function == &expr_function_size)
		expr_note(parser, EXPR_MISUSE,
			"The function is not allowed to be used this way in an expression; function: size");
	expr_settle(parser);
	return node;
}

static struct expr_node *parse_not(struct expr_parser *parser)
{
	unsigned count = 0;
	for (; expr_at_word(parser, "NOT"); count++)
		expr_advance(parser);
	parser->operators += count;
	struct expr_node *node = parse_primary(parser);
	if (!count)
		return node;
	node = require_condition(parser, node);
	/* More than that are refused when the parser is finished. */
	for (unsigned i = 0; node && i < count && i <= DDB_OPERATORS_MAX; i++)
		node = expr_made(parser, expr_node_of(parser->arena, EXPR_NOT, node, NULL));
	return node;
}

static struct expr_node *parse_chain(struct expr_parser *parser, enum expr_kind kind,
	struct expr_node *(*parse)(struct expr_parser *parser))
{
	struct expr_node *first = parse(parser), *chain = NULL;
	while (first && expr_at_word(parser, expr_kind_text(kind))) {
		if (!chain) {
			first = require_condition(parser, first);
			chain = first ? expr_made(parser, expr_node_of(parser->arena, kind, first, NULL))
				      : NULL;
			if (!chain)
				return NULL;
		}
		parser->operators++;
		expr_advance(parser);
		struct expr_node *operand = require_condition(parser, parse(parser));
		if (!operand)
			return NULL;
		expr_node_add(chain, operand);
	}
	return chain ? chain : first;
}

static struct expr_node *parse_and(struct expr_parser *parser)
{
	return parse_chain(parser, EXPR_AND, parse_not);
}

static struct expr_node *parse_or(struct expr_parser *parser)
{
	return parse_chain(parser, EXPR_OR, parse_and);
}

struct expr_node *expr_parse_condition(struct expr_parser *parser)
{
	return require_condition(parser, parse_or(parser));
}
