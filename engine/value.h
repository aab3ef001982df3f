/*
 * The value model: DynamoDB's ten types as a tree, and an item as a value of type M.
 * A tree is canonical: map attributes sorted by name in byte order, set elements sorted (S and B by bytes, N
 * by value) and distinct, numbers in their sortable form. Equal values thus have equal trees and equal
 * records. A tree owns nothing: names, bytes and arrays live in an arena (or in constants) that the tree's
 * user keeps alive.
 */
#ifndef DDB_VALUE_H
#define DDB_VALUE_H

#include "engine/arena.h"
#include "engine/error.h"
#include "engine/number.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ddb_type {
	DDB_S = 1,
	DDB_N,
	DDB_B,
	DDB_BOOL,
	DDB_NULL,
	DDB_L,
	DDB_M,
	DDB_SS,
	DDB_NS,
	DDB_BS,
};

enum {
	DDB_ITEM_SIZE_MAX = 409600, /* bytes, in DynamoDB's counting, inclusive */
	DDB_NESTING_MAX = 32,       /* levels of value: a scalar attribute is level 1 */
	DDB_HASH_KEY_MAX = 2048,    /* bytes of an S or B partition key */
	DDB_RANGE_KEY_MAX = 1024,
	DDB_ATTRIBUTE_NAME_MAX = 65535,
	DDB_KEY_NAME_MAX = 255,
};

struct ddb_attribute;

struct ddb_value {
	uint8_t type;   /* enum ddb_type */
	bool boolean;   /* BOOL */
	uint32_t count; /* bytes of S, N, B; elements of L, SS, NS, BS; attributes of M */
	union {
		const uint8_t *bytes;             /* S, B; N in sortable form */
		struct ddb_value *elements;       /* L, SS, NS, BS */
		struct ddb_attribute *attributes; /* M */
	};
};

struct ddb_attribute {
	const char *name; /* not NUL-terminated */
	uint32_t name_length;
	struct ddb_value value;
};

/* "S", "N", … as the API writes types. */
const char *ddb_type_name(enum ddb_type type);

struct ddb_value ddb_string(const char *bytes, size_t length);
struct ddb_value ddb_binary(const void *bytes, size_t length);
struct ddb_value ddb_number_value(const struct ddb_number *number /* borrowed */);
struct ddb_value ddb_bool(bool value);
struct ddb_value ddb_null(void);

/* The attribute of that name of a canonical map, or NULL: a binary search. */
const struct ddb_value *ddb_map_get(const struct ddb_value *map, const char *name, size_t length);

/*
 * Brings one map (not its children) into canonical order. DDB_VALIDATION when a name occurs twice.
 */
DDB_MUST_CHECK enum ddb_code ddb_map_sort(struct ddb_value *map, struct ddb_error *err);
/*
 * The same for a set. DDB_VALIDATION, in the service's words, for an empty set and for duplicates.
 */
DDB_MUST_CHECK enum ddb_code ddb_set_sort(struct ddb_value *set, struct ddb_error *err);

/* A copy of `map` with attribute `name` set to `value` (or dropped, when value is NULL); shares everything
 * else. NULL: no memory. */
struct ddb_value *ddb_map_with(struct ddb_arena *arena, const struct ddb_value *map, const char *name,
	size_t length, const struct ddb_value *value);

/* A copy that shares nothing with its source. */
DDB_MUST_CHECK enum ddb_code ddb_value_copy(
	struct ddb_arena *arena, const struct ddb_value *value, struct ddb_value *ret, struct ddb_error *err);

/* Total order within one type for S, N, B (values of different types order by type). Equality for all: both
 * canonical. */
int ddb_scalar_compare(const struct ddb_value *a, const struct ddb_value *b);
bool ddb_value_equal(const struct ddb_value *a, const struct ddb_value *b);

/* Bytes in DynamoDB's counting; of an item: names and values of its top level. */
size_t ddb_value_size(const struct ddb_value *value);
size_t ddb_item_size(const struct ddb_value *item);

/* Whether no value of the item is deeper than DDB_NESTING_MAX; an attribute of its top level is level 1. */
bool ddb_value_nesting_ok(const struct ddb_value *item);

#endif
