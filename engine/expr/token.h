/*
 * The words of an expression. A token points into the text, which must outlive it; reading one costs time in
 * its length. No error here: what is no token is one of kind EXPR_OTHER, which no grammar takes. One thread.
 */
#ifndef DDB_EXPR_TOKEN_H
#define DDB_EXPR_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum expr_token_kind {
	EXPR_END,
	EXPR_WORD,      /* a bare name, a keyword, a function's name */
	EXPR_NAME,      /* #name */
	EXPR_PARAMETER, /* :value */
	EXPR_NUMBER,    /* digits; with literals a whole number without its sign */
	EXPR_STRING,    /* literals: 'text' or "text", with its quotes */
	EXPR_QUOTED,    /* literals: `name`, with its quotes */
	EXPR_SYMBOL,    /* its first byte is in `symbol`, but for the three below */
	EXPR_OTHER,
};
enum { EXPR_SYMBOL_LE = 'l', EXPR_SYMBOL_GE = 'g', EXPR_SYMBOL_NE = 'n' };

struct expr_token {
	enum expr_token_kind kind;
	char symbol;
	const char *text;
	size_t length;
};

struct expr_text {
	const char *at, *end;
	bool literals;
};

struct expr_token expr_token_next(struct expr_text *text);
/* Whether it is that word, whatever the case of its letters. `word` in capitals. */
bool expr_token_is(const struct expr_token *token, const char *word);

#endif
