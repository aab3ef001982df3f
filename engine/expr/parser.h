/*
 * The one parser: tokens, names, values, paths, operands and function calls of every expression; the grammars
 * above them are in condition.c, changes.c and selection.c. Recursive descent without going back: time is
 * linear in the text, depth is bounded. A part that cannot be parsed is NULL (or false), and the parser has
 * the code and the message.
 *
 * What is wrong beside syntax is noted while parsing and told at the end, in the order in which the service
 * looks for it, not in that of the text. One parser an expression, one thread, on the stack.
 */
#ifndef DDB_EXPR_PARSER_H
#define DDB_EXPR_PARSER_H

#include "engine/expr/node.h"
#include "engine/expr/scope.h"
#include "engine/expr/token.h"

enum expr_grammar { EXPR_CONDITIONS, EXPR_UPDATES, EXPR_PROJECTIONS };

enum expr_complaint {
	EXPR_PARENTHESES, /* redundant ones */
	EXPR_BAD_FUNCTION,
	EXPR_MISUSE, /* of a function that exists */
	EXPR_RESERVED,
	EXPR_SECTION,
	EXPR_UNDEFINED,
	EXPR_OPERANDS, /* too few or too many */
	EXPR_DISTINCT, /* operands that must be, and are not */
	EXPR_PATHS,    /* that overlap or conflict */
	EXPR_TYPES,
	EXPR_CONDITION, /* the first of the kinds from EXPR_UNDEFINED on, of the first condition with any */
	EXPR_COMPLAINTS,
};

enum { EXPR_DEPTH_MAX = 400 }; /* of parentheses and calls: more than 300 operators can need */

struct expr_parser {
	struct ddb_scope *scope;
	struct ddb_arena *arena; /* the scope's */
	const char *parameter;   /* "ConditionExpression" */
	enum expr_grammar grammar;
	struct expr_text text; /* what is behind `token` */
	struct expr_token before, token;
	unsigned depth, operators, paths;
	bool noted[EXPR_COMPLAINTS];
	char notes[EXPR_COMPLAINTS][DDB_MESSAGE_MAX];
	enum ddb_code code; /* DDB_OK: no trouble so far */
	struct ddb_error *err;
};

/* Size and emptiness are checked; the text is copied. */
DDB_MUST_CHECK enum ddb_code expr_parser_init(struct expr_parser *parser, struct ddb_scope *scope,
	enum expr_grammar grammar, const char *parameter, const char *text, size_t length,
	struct ddb_error *err);
/* The text must end here; then the complaints are told. */
DDB_MUST_CHECK enum ddb_code expr_parser_finish(struct expr_parser *parser);

/* The first of these counts; they return NULL. */
void *expr_syntax_error(struct expr_parser *parser); /* of the current token */
void *expr_refuse(struct expr_parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *expr_no_memory(struct expr_parser *parser);
/* What was made, or no memory. */
void *expr_made(struct expr_parser *parser, void *made);
void expr_note(struct expr_parser *parser, enum expr_complaint complaint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A condition ends here: what was noted of it beside grammar becomes EXPR_CONDITION, if it is the first. */
void expr_settle(struct expr_parser *parser);

bool expr_at_symbol(const struct expr_parser *parser, char symbol);
bool expr_at_word(const struct expr_parser *parser, const char *word);
/* Whether the current token is followed by that. */
bool expr_before_symbol(const struct expr_parser *parser, char symbol);
void expr_advance(struct expr_parser *parser);
/* Over that symbol, or a syntax error. */
bool expr_expect(struct expr_parser *parser, char symbol);
/* Over it, if it is there. */
bool expr_skip(struct expr_parser *parser, char symbol);
/* Before and after what can hold itself. */
bool expr_enter(struct expr_parser *parser);
void expr_leave(struct expr_parser *parser);
/* What was in parentheses: a second pair around it is redundant. */
struct expr_node *expr_parenthesised(struct expr_parser *parser, struct expr_node *node);

/* ---- operand.c ---- */

struct expr_path *expr_parse_path(struct expr_parser *parser);
bool expr_at_value(const struct expr_parser *parser);
struct expr_node *expr_parse_value(struct expr_parser *parser);
/* A path, a value, a function with its operands, or that in parentheses. In update expressions these may hold
 * a sum. */
struct expr_node *expr_parse_operand(struct expr_parser *parser);
/* Of update expressions: operands with + and - between them. */
struct expr_node *expr_parse_sum(struct expr_parser *parser);
bool expr_at_keyword(const struct expr_parser *parser); /* of conditions */

/* ---- What is noted of operands; `name`: the operator's or function's ---- */

void expr_note_type(struct expr_parser *parser, const char *name, enum ddb_type type);
/* When its type is known and none of `types` (a bit each: 1 << DDB_S). */
void expr_note_type_unless(
	struct expr_parser *parser, const char *name, unsigned types, const struct expr_node *operand);
/* A function that is a condition is no operand. */
void expr_note_misuse(struct expr_parser *parser, const struct expr_node *operand);
void expr_note_same(
	struct expr_parser *parser, const char *name, const struct expr_node *a, const struct expr_node *b);

#endif
