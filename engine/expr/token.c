#include "engine/expr/token.h"

#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_part(char c)
{
	return is_letter(c) || is_digit(c) || c == '_';
}

static const char *skip(const char *at, const char *end, bool (*belongs)(char))
{
	while (at < end && belongs(*at))
		at++;
	return at;
}

/* Behind the fraction and the exponent; each counts only when it has a digit. */
static const char *skip_number(const char *at, const char *end)
{
	at = skip(at, end, is_digit);
	if (end - at >= 2 && *at == '.' && is_digit(at[1]))
		at = skip(at + 1, end, is_digit);
	if (at == end || (*at != 'e' && *at != 'E'))
		return at;
	const char *digits = at + 1;
	if (digits < end && (*digits == '+' || *digits == '-'))
		digits++;
	return digits < end && is_digit(*digits) ? skip(digits, end, is_digit) : at;
}

/* Behind the closing quote, of which two stand for one inside; NULL: there is none. */
static const char *skip_quoted(const char *at, const char *end)
{
	char quote = *at++;
	while (at < end) {
		at = memchr(at, quote, (size_t)(end - at));
		if (!at)
			return NULL;
		at++;
		if (at == end || *at != quote)
			return at;
		at++;
	}
	return NULL;
}

static struct expr_token take(struct expr_text *text, enum expr_token_kind kind, const char *end)
{
	struct expr_token token = {kind, 0, text->at, (size_t)(end - text->at)};
	text->at = end;
	return token;
}

static struct expr_token take_quoted(struct expr_text *text)
{
	const char *end = skip_quoted(text->at, text->end);
	if (!end)
		return take(text, EXPR_OTHER, text->end);
	return take(text, *text->at == '`' ? EXPR_QUOTED : EXPR_STRING, end);
}

static struct expr_token take_symbol(struct expr_text *text)
{
	static const struct {
		char text[3], symbol;
	} pairs[] = {{"<=", EXPR_SYMBOL_LE}, {">=", EXPR_SYMBOL_GE}, {"<>", EXPR_SYMBOL_NE}};
	char first = *text->at;
	struct expr_token token = {EXPR_SYMBOL, first, text->at, 1};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		if (text->end - text->at >= 2 && !memcmp(text->at, pairs[i].text, 2)) {
			token.symbol = pairs[i].symbol;
			token.length = 2;
		}
	}
	text->at += token.length;
	return token;
}

static bool is_beyond_ascii(char c)
{
	return (unsigned char)c >= 0x80;
}

struct expr_token expr_token_next(struct expr_text *text)
{
	text->at = skip(text->at, text->end, is_space);
	const char *at = text->at, *end = text->end;
	if (at == end)
		return take(text, EXPR_END, at);
	if (is_letter(*at))
		return take(text, EXPR_WORD, skip(at, end, is_part));
	if ((*at == '#' || *at == ':') && end - at >= 2 && is_part(at[1]))
		return take(text, *at == '#' ? EXPR_NAME : EXPR_PARAMETER, skip(at + 1, end, is_part));
	if (is_digit(*at))
		return take(
			text, EXPR_NUMBER, text->literals ? skip_number(at, end) : skip(at, end, is_digit));
	if (text->literals && strchr("'\"`", *at) && *at)
		return take_quoted(text);
	if (*at && strchr("()[].,=<>+-", *at))
		return take_symbol(text);
	/* Whole characters, so that a message can show them. */
	return take(text, EXPR_OTHER, is_beyond_ascii(*at) ? skip(at, end, is_beyond_ascii) : at + 1);
}

bool expr_token_is(const struct expr_token *token, const char *word)
{
	if (token->kind != EXPR_WORD || strlen(word) != token->length)
		return false;
	for (size_t i = 0; i < token->length; i++) {
		char c = token->text[i];
		if ((c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) != word[i])
			return false;
	}
	return true;
}
