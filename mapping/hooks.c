/*
 * What a local engine must ask the tree about: how long an item's documents are, and which key values have
 * names that do not fit into a directory entry. No state; called from the engine's threads.
 */
#include "mapping/document.h"
#include "mapping/map.h"
#include "mapping/name.h"

/* The key attribute that names the files is an item's, the other one a directory's. A stand-in key is a name
 * already and thus fits. */
static bool alias(const struct ddb_table *table, const struct ddb_value *key_value, bool is_range,
	uint8_t ret[DDB_ALIAS_BYTES])
{
	if (table->provisional != DDB_DEFINED)
		return false;
	return map_name_is_long(key_value, is_range || !table->definition->has_range, ret);
}

const struct ddb_rendering_hooks map_rendering_hooks = {
	.measure = map_document_measure,
	.alias = alias,
};
