#include "engine/expr/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Beginning and end ---- */

static enum ddb_code fail(struct expr_parser *parser, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

static enum ddb_code fail(struct expr_parser *parser, const char *format, ...)
{
	char text[DDB_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	parser->code = ddb_fail(parser->err, DDB_VALIDATION, "Invalid %s: %s", parser->parameter, text);
	return parser->code;
}

enum ddb_code expr_parser_init(struct expr_parser *parser, struct ddb_scope *scope, enum expr_grammar grammar,
	const char *parameter, const char *text, size_t length, struct ddb_error *err)
{
	parser->scope = scope;
	parser->arena = scope->arena;
	parser->parameter = parameter;
	parser->grammar = grammar;
	parser->depth = parser->operators = parser->paths = 0;
	parser->code = DDB_OK;
	parser->err = err;
	memset(parser->noted, 0, sizeof(parser->noted));
	if (length > DDB_EXPRESSION_MAX)
		return fail(parser,
			"Expression size has exceeded the maximum allowed size; expression size: %zu",
			length);
	const char *copy = ddb_arena_copy(scope->arena, text, length);
	if (!copy)
		return ddb_fail_memory(err);
	scope->expressions++;
	parser->text = (struct expr_text){copy, copy + length, scope->literals};
	parser->before = (struct expr_token){EXPR_END, 0, copy, 0};
	parser->token = expr_token_next(&parser->text);
	return parser->token.kind == EXPR_END ? fail(parser, "The expression can not be empty;") : DDB_OK;
}

/* What the service looks for first is told first. */
static const enum expr_complaint orders[][EXPR_COMPLAINTS] = {
	[EXPR_CONDITIONS] = {EXPR_PARENTHESES, EXPR_BAD_FUNCTION, EXPR_MISUSE, EXPR_RESERVED, EXPR_CONDITION,
		EXPR_COMPLAINTS},
	[EXPR_UPDATES] = {EXPR_PARENTHESES, EXPR_RESERVED, EXPR_BAD_FUNCTION, EXPR_SECTION, EXPR_UNDEFINED,
		EXPR_PATHS, EXPR_OPERANDS, EXPR_TYPES, EXPR_COMPLAINTS},
	[EXPR_PROJECTIONS] = {EXPR_RESERVED, EXPR_UNDEFINED, EXPR_PATHS, EXPR_COMPLAINTS},
};

enum ddb_code expr_parser_finish(struct expr_parser *parser)
{
	if (parser->code)
		return parser->code;
	if (parser->token.kind != EXPR_END)
		expr_syntax_error(parser);
	else if (parser->operators > DDB_OPERATORS_MAX)
		fail(parser, "The expression contains too many operators; operator count: %u",
			parser->operators);
	for (const enum expr_complaint *at = orders[parser->grammar]; !parser->code && *at != EXPR_COMPLAINTS;
		at++) {
		if (parser->noted[*at])
			fail(parser, "%s", parser->notes[*at]);
	}
	return parser->code;
}

/* ---- What is wrong ---- */

/* `near`: from the token before to the one behind. */
void *expr_syntax_error(struct expr_parser *parser)
{
	const struct expr_token *token = &parser->token;
	bool end = token->kind == EXPR_END;
	struct expr_text rest = parser->text;
	struct expr_token behind = expr_token_next(&rest);
	const char *near = parser->before.text;
	if (parser->code)
		return NULL;
	fail(parser, "Syntax error; token: \"%.*s\", near: \"%.*s\"", end ? 5 : (int)token->length,
		end ? "<EOF>" : token->text, (int)(behind.text + behind.length - near), near);
	return NULL;
}

void *expr_refuse(struct expr_parser *parser, const char *format, ...)
{
	char text[DDB_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!parser->code)
		fail(parser, "%s", text);
	return NULL;
}

void *expr_no_memory(struct expr_parser *parser)
{
	if (!parser->code)
		parser->code = ddb_fail_memory(parser->err);
	return NULL;
}

void *expr_made(struct expr_parser *parser, void *made)
{
	return made ? made : expr_no_memory(parser);
}

void expr_note(struct expr_parser *parser, enum expr_complaint complaint, const char *format, ...)
{
	if (parser->noted[complaint])
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(parser->notes[complaint], sizeof(parser->notes[complaint]), format, args);
	va_end(args);
	parser->noted[complaint] = true;
}

void expr_settle(struct expr_parser *parser)
{
	static const enum expr_complaint order[] = {
		EXPR_UNDEFINED, EXPR_OPERANDS, EXPR_DISTINCT, EXPR_PATHS, EXPR_TYPES};
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		if (parser->noted[order[i]])
			expr_note(parser, EXPR_CONDITION, "%s", parser->notes[order[i]]);
		parser->noted[order[i]] = false;
	}
}

/* ---- Tokens ---- */

bool expr_at_symbol(const struct expr_parser *parser, char symbol)
{
	return parser->token.kind == EXPR_SYMBOL && parser->token.symbol == symbol;
}

bool expr_at_word(const struct expr_parser *parser, const char *word)
{
	return expr_token_is(&parser->token, word);
}

void expr_advance(struct expr_parser *parser)
{
	parser->before = parser->token;
	parser->token = expr_token_next(&parser->text);
}

bool expr_skip(struct expr_parser *parser, char symbol)
{
	if (!expr_at_symbol(parser, symbol))
		return false;
	expr_advance(parser);
	return true;
}

bool expr_expect(struct expr_parser *parser, char symbol)
{
	if (expr_skip(parser, symbol))
		return true;
	expr_syntax_error(parser);
	return false;
}

bool expr_before_symbol(const struct expr_parser *parser, char symbol)
{
	struct expr_text rest = parser->text;
	struct expr_token behind = expr_token_next(&rest);
	return behind.kind == EXPR_SYMBOL && behind.symbol == symbol;
}

/* ---- Nesting ---- */

bool expr_enter(struct expr_parser *parser)
{
	if (parser->depth++ < EXPR_DEPTH_MAX)
		return true;
	expr_refuse(parser, "The expression has too many nested parentheses or functions; nesting levels: %u",
		parser->depth);
	return false;
}

void expr_leave(struct expr_parser *parser)
{
	parser->depth--;
}

struct expr_node *expr_parenthesised(struct expr_parser *parser, struct expr_node *node)
{
	if (!node || !expr_expect(parser, ')'))
		return NULL;
	if (node->parenthesised)
		expr_note(parser, EXPR_PARENTHESES, "The expression has redundant parentheses;");
	node->parenthesised = true;
	return node;
}
