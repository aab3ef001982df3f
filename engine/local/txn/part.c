/*
 * The tables of a transaction of the API. See part.h.
 */
#include "engine/local/txn/part.h"

#include <string.h>

enum ddb_code local_parts_allow(size_t actions, struct ddb_error *err)
{
	if (actions >= 1 && actions <= DDB_TRANSACT_MAX)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION,
		"1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
		"Member must have length %s",
		actions ? "less than or equal to 100" : "greater than or equal to 1");
}

enum ddb_code local_parts_init(
	struct local_parts *parts, struct ddb_arena *arena, size_t actions, struct ddb_error *err)
{
	*parts = (struct local_parts){.list = ddb_arena_array(arena, actions, sizeof *parts->list)};
	return parts->list ? DDB_OK : ddb_fail_memory(err);
}

void local_parts_leave(struct local_parts *parts)
{
	while (parts->count)
		local_table_unref(parts->list[--parts->count].table);
}

enum ddb_code local_parts_find(struct local_parts *parts, struct local_engine *engine, const char *name,
	size_t *ret, struct ddb_error *err)
{
	size_t i = 0;
	while (i < parts->count && strcmp(parts->list[i].name, name) != 0)
		i++;
	*ret = i;
	if (i < parts->count)
		return DDB_OK;
	parts->list[i] = (struct local_part){.name = name};
	enum ddb_code code = local_find_table(engine, name, LOCAL_OF_ITEM, &parts->list[i].table, err);
	parts->count += !code;
	return code;
}

enum ddb_code local_parts_report(const struct local_parts *parts, struct ddb_arena *arena,
	const char **ret_names, struct ddb_capacity *ret, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < parts->count; i++) {
		const struct local_part *part = &parts->list[i];
		struct local_consumed consumed = part->consumed;
		consumed.table *= 2;
		code = local_consumed_report(arena, part->table->table->definition, &consumed, &ret[i], err);
		ret_names[i] = ddb_arena_copy(arena, part->name, strlen(part->name));
		if (!code && !ret_names[i])
			code = ddb_fail_memory(err);
	}
	return code;
}
