/*
 * What a local engine must ask the tree about: how long an item's documents are, and which key values have
 * names that do not fit into a directory entry. No state; called from the engine's threads.
 */
#include "mapping/document/document.h"
#include "mapping/query/entry.h"
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

static bool index_alias(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_value *partition, uint8_t ret[DDB_ALIAS_BYTES])
{
	(void)table, (void)index;
	if (partition->type == DDB_L)
		return map_name_are_long(partition->elements, partition->count, false, ret);
	return map_name_is_long(partition, false, ret);
}

static bool entry_alias(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_value *key, uint8_t ret[DDB_ALIAS_BYTES])
{
	struct ddb_value values[MAP_ENTRY_PARTS_MAX];
	unsigned count;
	if (table->provisional != DDB_DEFINED || !map_entry_values(table, index, key, values, &count))
		return false;
	return map_name_are_long(values, count, true, ret);
}

const struct ddb_rendering_hooks map_rendering_hooks = {
	.measure = map_document_measure,
	.alias = alias,
	.index_alias = index_alias,
	.entry_alias = entry_alias,
};
