/*
 * Key conditions: `pk = :p AND begins_with(sk, :s)`, over a table's key or an index's, which may have several
 * attributes of each kind.
 */
#ifndef DDB_EXPR_KEYCONDITION_H
#define DDB_EXPR_KEYCONDITION_H

#include "engine/definition.h"
#include "engine/expr/scope.h"

struct ddb_key_condition;

/* Parses; DDB_VALIDATION for syntax and for what no key condition may have. */
DDB_MUST_CHECK enum ddb_code ddb_key_condition_parse(struct ddb_scope *scope, const char *text, size_t length,
	const struct ddb_key_condition **ret, struct ddb_error *err);

/* The key that is asked, of a table or an index. */
struct ddb_key_schema {
	unsigned hash_count, range_count;
	const struct ddb_key_attribute *hash, *range;
};

struct ddb_bound {
	bool given;
	bool inclusive;
	struct ddb_value value; /* of the sort key's type */
};

/* `index` NULL: of the table. Points into the definition. */
struct ddb_key_schema ddb_key_schema_of(
	const struct ddb_definition *definition, const struct ddb_index_definition *index);

/* What a key condition says, or a Query asks: the bounds apply to the sort key attribute behind `prefix`. */
struct ddb_key_range {
	struct ddb_value partition; /* the value; with several HASH attributes an L of them */
	unsigned prefix_count;      /* leading sort key attributes that are given by `=` */
	struct ddb_value prefix[DDB_INDEX_KEY_PARTS_MAX];
	struct ddb_bound lower, upper;
	bool has_begins_with;
	struct ddb_value begins_with; /* S or B */
};

/*
 * A single sort key with `=` is prefix_count 1. DDB_VALIDATION: "Query condition missed key schema element:
 * pk", "Query key condition not supported", wrong types, BETWEEN with its bounds the wrong way round.
 */
DDB_MUST_CHECK enum ddb_code ddb_key_condition_resolve(struct ddb_arena *arena,
	const struct ddb_key_condition *condition, const struct ddb_key_schema *schema,
	struct ddb_key_range *ret, struct ddb_error *err);

#endif
