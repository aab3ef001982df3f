#include "engine/expr/function.h"
#include "engine/expr/reserved.h"
#include "engine/expr/used.h"
#include "engine/utf8.h"

#include <assert.h>
#include <string.h>

/* ---- Paths ---- */

/* The name of the placeholder, or the placeholder itself, which is noted as undefined. */
static struct expr_step placeholder_step(struct expr_parser *parser)
{
	const struct expr_token *token = &parser->token;
	const struct ddb_value *name =
		expr_scope_use(parser->scope, EXPR_SCOPE_NAMES, token->text, token->length);
	if (name)
		return (struct expr_step){.name = (const char *)name->bytes, .length = name->count};
	expr_note(parser, EXPR_UNDEFINED,
		"An expression attribute name used in the document path is not defined; "
		"attribute name: %.*s",
		(int)token->length, token->text);
	return (struct expr_step){.name = token->text, .length = (uint32_t)token->length};
}

/* Without the quotes; a doubled one inside is one. NULL: no memory. */
static const char *unquote(struct expr_parser *parser, size_t *ret_length)
{
	const struct expr_token *token = &parser->token;
	char *bytes = ddb_arena_alloc(parser->arena, token->length);
	size_t length = 0;
	if (!bytes)
		return expr_no_memory(parser);
	for (size_t i = 1; i < token->length - 1; i++) {
		bytes[length++] = token->text[i];
		i += token->text[i] == token->text[0];
	}
	*ret_length = length;
	return bytes;
}

static bool quoted_step(struct expr_parser *parser, struct expr_step *ret)
{
	size_t length;
	const char *name = unquote(parser, &length);
	if (name && !length)
		expr_syntax_error(parser);
	*ret = (struct expr_step){.name = name, .length = (uint32_t)length};
	return name && length;
}

static bool parse_name(struct expr_parser *parser, struct expr_step *ret)
{
	const struct expr_token *token = &parser->token;
	if (token->kind == EXPR_NAME) {
		*ret = placeholder_step(parser);
	} else if (token->kind == EXPR_QUOTED) {
		if (!quoted_step(parser, ret))
			return false;
	} else if (token->kind == EXPR_WORD) {
		*ret = (struct expr_step){.name = token->text, .length = (uint32_t)token->length};
		if (!parser->scope->literals && expr_reserved(token->text, token->length))
			expr_note(parser, EXPR_RESERVED,
				"Attribute name is a reserved keyword; reserved keyword: %.*s",
				(int)token->length, token->text);
	} else {
		expr_syntax_error(parser);
		return false;
	}
	expr_advance(parser);
	return true;
}

/* Behind the `[`. */
static bool parse_index(struct expr_parser *parser, struct expr_step *ret)
{
	const struct expr_token *token = &parser->token;
	uint64_t index = 0;
	if (token->kind != EXPR_NUMBER || memchr(token->text, '.', token->length) ||
		memchr(token->text, 'e', token->length) || memchr(token->text, 'E', token->length)) {
		expr_syntax_error(parser);
		return false;
	}
	for (size_t i = 0; i < token->length && index <= EXPR_INDEX_MAX; i++)
		index = 10 * index + (uint64_t)(token->text[i] - '0');
	if (index > EXPR_INDEX_MAX) {
		expr_refuse(parser, "List index is not within the allowable range; index: [%.*s]",
			(int)token->length, token->text);
		return false;
	}
	*ret = (struct expr_step){.index = (uint32_t)index};
	expr_advance(parser);
	return expr_expect(parser, ']');
}

struct expr_path *expr_parse_path(struct expr_parser *parser)
{
	struct expr_step steps[EXPR_PATH_STEPS_MAX];
	unsigned count = 1;
	if (!parse_name(parser, &steps[0]))
		return NULL;
	for (;;) {
		bool name = expr_skip(parser, '.');
		if (!name && !expr_skip(parser, '['))
			break;
		if (count == EXPR_PATH_STEPS_MAX)
			return expr_refuse(parser,
				"The document path has too many nesting elements; nesting levels: %u",
				count + 1);
		if (name ? !parse_name(parser, &steps[count]) : !parse_index(parser, &steps[count]))
			return NULL;
		count++;
	}
	struct expr_path *path = expr_made(parser, expr_path_new(parser->arena, steps, count));
	if (path)
		path->position = parser->paths++;
	return path;
}

/* ---- Values ---- */

static struct ddb_value undefined = {.type = DDB_NULL};

static struct expr_node *parse_parameter(struct expr_parser *parser)
{
	const struct expr_token *token = &parser->token;
	const struct ddb_value *value =
		expr_scope_use(parser->scope, EXPR_SCOPE_VALUES, token->text, token->length);
	if (!value)
		expr_note(parser, EXPR_UNDEFINED,
			"An expression attribute value used in expression is not defined; "
			"attribute value: %.*s",
			(int)token->length, token->text);
	struct expr_node *node =
		expr_made(parser, expr_node_value(parser->arena, value ? value : &undefined));
	if (node && !value)
		node->type = 0;
	expr_advance(parser);
	return node;
}

static const struct {
	const char *text;
	struct ddb_value value;
} literal_words[] = {
	{"true", {.type = DDB_BOOL, .boolean = true}},
	{"false", {.type = DDB_BOOL}},
	{"null", {.type = DDB_NULL}},
};

static const struct ddb_value *literal_word(const struct expr_parser *parser)
{
	const struct expr_token *token = &parser->token;
	if (!parser->scope->literals || token->kind != EXPR_WORD)
		return NULL;
	for (size_t i = 0; i < sizeof(literal_words) / sizeof(*literal_words); i++) {
		if (strlen(literal_words[i].text) == token->length &&
			!memcmp(literal_words[i].text, token->text, token->length))
			return &literal_words[i].value;
	}
	return NULL;
}

static bool at_number(const struct expr_parser *parser)
{
	return parser->scope->literals && (parser->token.kind == EXPR_NUMBER || expr_at_symbol(parser, '-'));
}

bool expr_at_value(const struct expr_parser *parser)
{
	return parser->token.kind == EXPR_PARAMETER || parser->token.kind == EXPR_STRING ||
	       at_number(parser) || literal_word(parser);
}

static bool literal_number(struct expr_parser *parser, struct ddb_value *ret)
{
	static const struct ddb_number zero = {{0x80}, 1};
	struct ddb_number number;
	struct ddb_error err;
	bool negative = expr_skip(parser, '-');
	if (parser->token.kind != EXPR_NUMBER)
		return expr_syntax_error(parser);
	if (ddb_number_read(parser->token.text, parser->token.length, &number, &err) ||
		(negative && ddb_number_subtract(&zero, &number, &number, &err)))
		return expr_refuse(parser, "%s", err.message);
	*ret = ddb_number_value(&number);
	ret->bytes = expr_made(parser, ddb_arena_copy(parser->arena, number.bytes, number.length));
	return ret->bytes;
}

static bool literal_string(struct expr_parser *parser, struct ddb_value *ret)
{
	size_t length;
	const char *bytes = unquote(parser, &length);
	if (bytes && ddb_utf8_prefix(bytes, length) != length)
		return expr_refuse(parser, "A string literal must be UTF-8");
	if (bytes)
		*ret = ddb_string(bytes, length);
	return bytes;
}

struct expr_node *expr_parse_value(struct expr_parser *parser)
{
	if (parser->token.kind == EXPR_PARAMETER)
		return parse_parameter(parser);
	const struct ddb_value *word = literal_word(parser);
	struct ddb_value *value = expr_made(parser, ddb_arena_alloc(parser->arena, sizeof(*value)));
	if (!value)
		return NULL;
	if (word)
		*value = *word;
	else if (at_number(parser) ? !literal_number(parser, value)
				   : parser->token.kind != EXPR_STRING || !literal_string(parser, value))
		return expr_syntax_error(parser);
	expr_advance(parser);
	return expr_made(parser, expr_node_value(parser->arena, value));
}

/* ---- Functions ---- */

static const struct expr_function *find_function(struct expr_parser *parser)
{
	const struct expr_token *token = &parser->token;
	const struct expr_function *function = expr_function_find(token->text, token->length);
	if (!function)
		expr_note(parser, EXPR_BAD_FUNCTION, "Invalid function name; function: %.*s",
			(int)token->length, token->text);
	else if (function->grammar != parser->grammar)
		expr_note(parser, EXPR_BAD_FUNCTION,
			"The function is not allowed in %s expression; function: %s",
			parser->grammar == EXPR_UPDATES ? "an update" : "a condition", function->name);
	return function;
}

static bool parse_operands(struct expr_parser *parser, struct expr_node *call)
{
	if (!expr_expect(parser, '(') || !expr_enter(parser))
		return false;
	do {
		struct expr_node *operand = expr_parse_operand(parser);
		if (!operand)
			return false;
		if (parser->grammar == EXPR_CONDITIONS)
			expr_note_misuse(parser, operand);
		expr_node_add(call, operand);
	} while (expr_skip(parser, ','));
	expr_leave(parser);
	return expr_expect(parser, ')');
}

static struct expr_node *parse_call(struct expr_parser *parser)
{
	struct expr_node *call = expr_made(parser, expr_node_new(parser->arena, EXPR_FUNCTION));
	if (!call)
		return NULL;
	call->function = find_function(parser);
	expr_advance(parser);
	if (!parse_operands(parser, call))
		return NULL;
	const struct expr_function *function = call->function;
	if (!function || function->grammar != parser->grammar)
		return call;
	if (call->count != function->operands)
		expr_note(parser, EXPR_OPERANDS,
			"Incorrect number of operands for operator or function; "
			"operator or function: %s, number of operands: %u",
			function->name, call->count);
	else
		call->type = function->check(parser, call);
	return call;
}

/* ---- Operands ---- */

bool expr_at_keyword(const struct expr_parser *parser)
{
	static const char *const words[] = {"AND", "BETWEEN", "IN", "NOT", "OR"};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (expr_at_word(parser, words[i]))
			return true;
	}
	return false;
}

static struct expr_node *parse_simple(struct expr_parser *parser)
{
	if (parser->grammar == EXPR_CONDITIONS && expr_at_keyword(parser))
		return expr_syntax_error(parser);
	if (parser->token.kind == EXPR_WORD && expr_before_symbol(parser, '('))
		return parse_call(parser);
	if (expr_at_value(parser))
		return expr_parse_value(parser);
	struct expr_path *path = expr_parse_path(parser);
	return path ? expr_made(parser, expr_node_path(parser->arena, path)) : NULL;
}

struct expr_node *expr_parse_operand(struct expr_parser *parser)
{
	if (!expr_skip(parser, '('))
		return parse_simple(parser);
	if (!expr_enter(parser))
		return NULL;
	struct expr_node *node =
		parser->grammar == EXPR_UPDATES ? expr_parse_sum(parser) : expr_parse_operand(parser);
	expr_leave(parser);
	return expr_parenthesised(parser, node);
}

struct expr_node *expr_parse_sum(struct expr_parser *parser)
{
	struct expr_node *sum = expr_parse_operand(parser);
	while (sum && (expr_at_symbol(parser, '+') || expr_at_symbol(parser, '-'))) {
		enum expr_kind kind = expr_at_symbol(parser, '+') ? EXPR_PLUS : EXPR_MINUS;
		expr_advance(parser);
		parser->operators++;
		struct expr_node *operand = expr_parse_operand(parser);
		if (!operand)
			return NULL;
		expr_note_type_unless(parser, expr_kind_text(kind), 1 << DDB_N, sum);
		expr_note_type_unless(parser, expr_kind_text(kind), 1 << DDB_N, operand);
		sum = expr_made(parser, expr_node_of(parser->arena, kind, sum, operand));
		if (sum)
			sum->type = DDB_N;
	}
	return sum;
}

/* ---- What is noted ---- */

void expr_note_type(struct expr_parser *parser, const char *name, enum ddb_type type)
{
	expr_note(parser, EXPR_TYPES,
		"Incorrect operand type for operator or function; operator or function: %s, operand type: %s",
		name, ddb_type_name(type));
}

void expr_note_type_unless(
	struct expr_parser *parser, const char *name, unsigned types, const struct expr_node *operand)
{
	if (operand->type && !(types >> operand->type & 1))
		expr_note_type(parser, name, (enum ddb_type)operand->type);
}

void expr_note_same(
	struct expr_parser *parser, const char *name, const struct expr_node *a, const struct expr_node *b)
{
	if (a->kind != EXPR_PATH || b->kind != EXPR_PATH || !expr_path_equal(a->path, b->path))
		return;
	char path[EXPR_PATH_TEXT_MAX];
	expr_path_text(a->path, path);
	expr_note(parser, EXPR_DISTINCT,
		"The first operand must be distinct from the remaining operands for this operator or "
		"function; operator: %s, first operand: %s",
		name, path);
}

void expr_note_misuse(struct expr_parser *parser, const struct expr_node *operand)
{
	if (operand->kind == EXPR_FUNCTION && operand->function && operand->function->condition)
		expr_note(parser, EXPR_MISUSE,
			"The function is not allowed to be used this way in an expression; function: %s",
			operand->function->name);
}
