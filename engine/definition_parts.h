/*
 * Parts of a definition that its canonical form and DescribeTable write alike. Private to definition*.c,
 * table.c and wire/streams.c.
 */
#ifndef DDB_DEFINITION_PARTS_H
#define DDB_DEFINITION_PARTS_H

#include "engine/definition.h"

/* The key attributes of a table and its indexes: distinct, by name. They point into the definition. */
struct ddb_key_attributes {
	unsigned count;
	const struct ddb_key_attribute *attributes[2 + (DDB_LOCAL_INDEXES_MAX + DDB_GLOBAL_INDEXES_MAX) * 2 *
							       DDB_INDEX_KEY_PARTS_MAX];
};
void ddb_definition_key_attributes(const struct ddb_definition *definition, struct ddb_key_attributes *ret);

/* Whole members, with their names, into an open object. */
void ddb_definition_write_attributes(const struct ddb_definition *definition, struct ddb_json_out *json);
void ddb_definition_write_key(const struct ddb_definition *definition, struct ddb_json_out *json);
void ddb_index_write_key(const struct ddb_index_definition *index, struct ddb_json_out *json);
void ddb_index_write_projection(const struct ddb_index_definition *index, struct ddb_json_out *json);
/* Nothing when there is no stream. */
void ddb_definition_write_stream(const struct ddb_definition *definition, struct ddb_json_out *json);

#endif
