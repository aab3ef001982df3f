/*
 * Conditions and filters: parsed once, checked for everything that needs no item, then asked of any number of
 * items. Immutable; any thread, as long as its scope's arena lives.
 */
#ifndef DDB_EXPR_PREDICATE_H
#define DDB_EXPR_PREDICATE_H

#include "engine/expr/scope.h"

struct ddb_predicate;

/* Which parameter it is: messages begin with "Invalid ConditionExpression: " and so on. */
enum ddb_predicate_use { DDB_CONDITION_EXPRESSION, DDB_FILTER_EXPRESSION };

/* DDB_VALIDATION; time and stack are bounded, whatever the text. */
DDB_MUST_CHECK enum ddb_code ddb_predicate_parse(struct ddb_scope *scope, enum ddb_predicate_use use,
	const char *text, size_t length, const struct ddb_predicate **ret, struct ddb_error *err);

/* `item` NULL: there is none. */
bool ddb_predicate_holds(const struct ddb_predicate *predicate, const struct ddb_value *item);
/* Whether all of it stands in parentheses. */
bool ddb_predicate_enclosed(const struct ddb_predicate *predicate);
/* Whether a document path in it begins with that attribute. */
bool ddb_predicate_mentions(const struct ddb_predicate *predicate, const char *name, size_t length);

#endif
