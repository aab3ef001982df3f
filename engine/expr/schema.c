#include "engine/expr/keycondition.h"

struct ddb_key_schema ddb_key_schema_of(
	const struct ddb_definition *definition, const struct ddb_index_definition *index)
{
	if (index)
		return (struct ddb_key_schema){
			index->hash_count, index->range_count, index->hash, index->range};
	return (struct ddb_key_schema){1, definition->has_range, &definition->hash, &definition->range};
}
