/*
 * Counted half units as a response's capacity. See consumed.h.
 */
#include "engine/local/consumed.h"

#include <string.h>

enum { ARMS_MAX = 1 + DDB_LOCAL_INDEXES_MAX + DDB_GLOBAL_INDEXES_MAX };

void local_consumed_add(struct local_consumed *sum, const struct local_consumed *more)
{
	sum->table += more->table;
	for (unsigned i = 0; i < DDB_LOCAL_INDEXES_MAX + DDB_GLOBAL_INDEXES_MAX; i++)
		sum->indexes[i] += more->indexes[i];
}

enum ddb_code local_consumed_report(struct ddb_arena *arena, const struct ddb_definition *definition,
	const struct local_consumed *consumed, struct ddb_capacity *ret, struct ddb_error *err)
{
	struct ddb_capacity_arm *arms = ddb_arena_array(arena, ARMS_MAX, sizeof *arms);
	if (!arms)
		return ddb_fail_memory(err);
	size_t count = 0;
	if (consumed->table > 0)
		arms[count++] = (struct ddb_capacity_arm){.half_units = consumed->table};
	for (unsigned i = 0; definition && i < definition->index_count; i++) {
		const struct ddb_index_definition *index = &definition->indexes[i];
		if (consumed->indexes[i] == 0)
			continue;
		const char *name = ddb_arena_copy(arena, index->name, strlen(index->name));
		if (!name)
			return ddb_fail_memory(err);
		arms[count++] = (struct ddb_capacity_arm){
			.index = name, .local = index->local, .half_units = consumed->indexes[i]};
	}
	*ret = (struct ddb_capacity){.count = count, .arms = arms};
	return DDB_OK;
}
