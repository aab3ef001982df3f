/*
 * What the targets of expressions share: names, values and items to parse and ask them with, made out of the
 * input, and what must hold of every answer. The memory that a parser gets is linear in its text, so that one
 * that went back over it would run out.
 */
#ifndef FUZZ_EXPRESSIONS_H
#define FUZZ_EXPRESSIONS_H

#include "engine/expr/scope.h"
#include "tests/fuzz/fuzz.h"

enum { FUZZ_EXPRESSION_MAX = DDB_EXPRESSION_MAX + 100 };

struct fuzz_expression {
	const char *text; /* on the heap, of exactly that length */
	size_t length;
	struct ddb_arena arena;  /* of the parser */
	struct ddb_arena making; /* of names, values, items, answers */
	struct fuzz_dice dice;
	struct ddb_scope scope;
};

/* Names #a … #e stand for a … e, and #p for "a.b"; values :s, :n, :b, … have each type. */
void fuzz_expression_init(
	struct fuzz_expression *expression, const uint8_t *bytes, size_t size, bool literals);
void fuzz_expression_done(struct fuzz_expression *expression);
/* The same names and values for another text, with an arena of its size. */
void fuzz_expression_again(struct fuzz_expression *expression, size_t length);
/* A refusal may be any but that memory was short. */
void fuzz_expression_refused(enum ddb_code code, const struct ddb_error *err);

/* An item of attributes a … e, some of them. */
struct ddb_value fuzz_item(struct fuzz_expression *expression);
/* Canonical, without empty sets, with numbers in range. */
void fuzz_check_canonical(const struct ddb_value *value);

#endif
