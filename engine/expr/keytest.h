/*
 * How key conditions are kept: one test of an attribute each. Private to engine/expr.
 */
#ifndef DDB_EXPR_KEYTEST_H
#define DDB_EXPR_KEYTEST_H

#include "engine/expr/keycondition.h"
#include "engine/expr/node.h"

enum { EXPR_KEY_TESTS_MAX = 2 * DDB_INDEX_KEY_PARTS_MAX };

struct expr_key_test {
	const char *name;
	uint32_t length;
	enum expr_kind kind; /* EXPR_FUNCTION: begins_with */
	const struct ddb_value *values[2];
};

struct ddb_key_condition {
	unsigned count;
	struct expr_key_test tests[EXPR_KEY_TESTS_MAX];
};

#endif
