/*
 * DynamoDB's typed JSON ({"total": {"N": "12"}}) to values and back. The reader works on the tree of the JSON
 * reader, the writer straight into a buffer. Used by the API, by T/.typed/ and by import and export.
 */
#ifndef DDB_TYPED_H
#define DDB_TYPED_H

#include "engine/buffer.h"
#include "engine/value.h"

/* Limits that let every item through that DynamoDB lets through. */
struct ddb_json_limits;
extern const struct ddb_json_limits ddb_typed_limits;

/*
 * `json`: the object of an item's attributes, as the JSON reader gave it. The result is canonical and lives
 * in `arena`, sharing strings with `json`. DDB_SERIALIZATION for wrong JSON types, DDB_VALIDATION in the
 * service's words for what breaks the model's rules.
 */
DDB_MUST_CHECK enum ddb_code ddb_typed_read_item(
	struct ddb_arena *arena, const struct ddb_value *json, struct ddb_value *ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code ddb_typed_read_value(
	struct ddb_arena *arena, const struct ddb_value *json, struct ddb_value *ret, struct ddb_error *err);

/* {"S": "x"}; attributes in the tree's order. */
struct ddb_json_out;
void ddb_typed_write_value(struct ddb_json_out *json, const struct ddb_value *value);
void ddb_typed_write_item(struct ddb_json_out *json, const struct ddb_value *item);

#endif
