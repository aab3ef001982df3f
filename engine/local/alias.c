/*
 * What finds a key whose file name is a digest: the aliases of index entries, of items in a query's listing,
 * and the request that looks all aliases up. Those of key values are partition.c's. See partition.h.
 */
#include "engine/local/index/index.h"
#include "engine/local/partition.h"
#include "engine/local/txn/reads.h"
#include "engine/record.h"

#include <string.h>

/* ---- Places ---- */

size_t local_entry_alias_key(struct local_engine *engine, const struct local_table *table,
	const struct ddb_index_definition *index, uint32_t space, const struct ddb_value *map,
	uint8_t ret[LOCAL_SPACE_ALIAS_BYTES])
{
	uint8_t alias[DDB_ALIAS_BYTES];
	const struct ddb_rendering_hooks *hooks = engine->hooks;
	if (!hooks || !hooks->entry_alias || !hooks->entry_alias(table->table, index, map, alias))
		return 0;
	local_space_key(LOCAL_ENTRY_ALIAS, space, ret);
	store_hash(engine->store, alias, sizeof alias, ret + LOCAL_SPACE_BYTES);
	return LOCAL_SPACE_ALIAS_BYTES;
}

size_t local_index_alias_key(struct local_engine *engine, const struct local_table *table, unsigned position,
	const struct ddb_value *partition, uint8_t ret[LOCAL_SPACE_ALIAS_BYTES])
{
	uint8_t alias[DDB_ALIAS_BYTES];
	const struct ddb_rendering_hooks *hooks = engine->hooks;
	const struct ddb_index_definition *index = &table->table->definition->indexes[position];
	if (!hooks || !hooks->index_alias || !hooks->index_alias(table->table, index, partition, alias))
		return 0;
	local_space_key(LOCAL_ALIAS, table->indexes[position].space, ret);
	store_hash(engine->store, alias, sizeof alias, ret + LOCAL_SPACE_BYTES);
	return LOCAL_SPACE_ALIAS_BYTES;
}

/* ---- Of items ---- */

void local_key_map_make(
	const struct ddb_definition *definition, const struct local_key *key, struct local_key_map *map)
{
	bool composite = key->range.type != 0;
	bool behind = composite && strcmp(definition->range.name, definition->hash.name) < 0;
	map->attributes[behind] = (struct ddb_attribute){.name = definition->hash.name,
		.name_length = definition->hash.name_length,
		.value = key->hash};
	if (composite)
		map->attributes[!behind] = (struct ddb_attribute){.name = definition->range.name,
			.name_length = definition->range.name_length,
			.value = key->range};
	map->value =
		(struct ddb_value){.type = DDB_M, .count = composite ? 2 : 1, .attributes = map->attributes};
}

size_t local_item_alias_key(struct local_engine *engine, const struct local_table *table,
	const struct local_key *key, struct local_key_map *map, uint8_t ret[LOCAL_SPACE_ALIAS_BYTES])
{
	local_key_map_make(table->table->definition, key, map);
	return local_entry_alias_key(engine, table, NULL, table->space, &map->value, ret);
}

enum ddb_code local_item_alias_enter(
	struct local_job *job, const struct local_key *key, struct ddb_error *err)
{
	uint8_t place[LOCAL_SPACE_ALIAS_BYTES];
	struct local_key_map map;
	size_t length = local_item_alias_key(job->engine, job->table, key, &map, place);
	return length == 0 ? DDB_OK : local_alias_write(job->txn, place, length, &map.value, err);
}

enum ddb_code local_item_alias_leave(
	struct local_job *job, const struct local_key *key, struct ddb_error *err)
{
	uint8_t place[LOCAL_SPACE_ALIAS_BYTES];
	struct local_key_map map;
	size_t length = local_item_alias_key(job->engine, job->table, key, &map, place);
	return length == 0 ? DDB_OK : store_delete(job->txn, place, length, NULL, err);
}

/* ---- Looking up ---- */

struct alias_search {
	struct ddb_arena *arena;
	const struct ddb_find_alias *request;
	struct ddb_value *ret;
	const struct ddb_index_definition *index; /* or NULL */
	uint32_t space;                           /* of it, or of the table */
};

static enum ddb_code find_space(
	const struct local_table *table, struct alias_search *search, struct ddb_error *err)
{
	unsigned position = 0;
	search->index = NULL;
	search->space = table->space;
	if (!search->request->index)
		return DDB_OK;
	enum ddb_code code = local_index_find(table, search->request->index, &position, err);
	if (code)
		return code;
	search->index = &table->table->definition->indexes[position];
	search->space = table->indexes[position].space;
	return DDB_OK;
}

static enum ddb_code alias_place(struct local_engine *engine, const struct local_table *table,
	const struct alias_search *search, uint8_t *ret, size_t *ret_length, struct ddb_error *err)
{
	const struct ddb_find_alias *request = search->request;
	struct local_key key;
	size_t length = LOCAL_SPACE_BYTES;
	local_space_key(request->entry ? LOCAL_ENTRY_ALIAS : LOCAL_ALIAS, search->space, ret);
	if (request->partition && !request->entry && !search->index) {
		enum ddb_code code = local_partition_key(engine, table, request->partition, &key, err);
		if (code)
			return code;
		memcpy(ret + 1, key.bytes + 1, LOCAL_PREFIX_BYTES - 1);
		length = LOCAL_PREFIX_BYTES;
	}
	store_hash(engine->store, request->alias, DDB_ALIAS_BYTES, ret + length);
	*ret_length = length + STORE_HASH_BYTES;
	return DDB_OK;
}

enum ddb_code local_map_decode(struct ddb_arena *arena, const struct store_value *value,
	struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value map = {0};
	enum ddb_code code = ddb_record_read(arena, value->body, value->body_length, &map, err);
	if (!code && map.type != DDB_M)
		code = local_damaged(err, "alias of a key");
	if (!code)
		*ret = map;
	return code;
}

static enum ddb_code alias_value(const struct local_table *table, struct alias_search *search,
	const struct store_value *value, struct ddb_error *err)
{
	const struct ddb_definition *definition = table->table->definition;
	const struct ddb_find_alias *request = search->request;
	if (request->entry)
		return local_map_decode(search->arena, value, search->ret, err);
	if (search->index)
		return local_index_header_value(search->arena, search->index, value, search->ret, err);
	return local_value_decode(search->arena, value,
		request->partition ? definition->range.type : definition->hash.type, search->ret, err);
}

static enum ddb_code alias_in(struct store_txn *view, const struct local_table *table,
	struct alias_search *search, const uint8_t *place, size_t length, struct ddb_error *err)
{
	struct store_value value;
	bool found;
	enum ddb_code code = local_get(view, search->arena, place, length, true, &value, &found, err);
	if (!code && !found)
		code = search->index ? local_index_alive(view, table, err) : local_alive(view, table, err);
	if (code)
		return code;
	if (!found)
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	return alias_value(table, search, &value, err);
}

static enum ddb_code alias_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct alias_search *search = context;
	const struct ddb_definition *definition = NULL;
	uint8_t place[LOCAL_ALIAS_KEY_MAX];
	size_t length;
	struct store_txn *view;
	enum ddb_code code = local_definition(table->table, &definition, err);
	if (!code)
		code = find_space(table, search, err);
	if (!code)
		code = alias_place(engine, table, search, place, &length, err);
	if (!code)
		code = local_read_key(engine, table, place, length, err);
	if (!code)
		code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = alias_in(view, table, search, place, length, err);
	store_view_end(view);
	return code;
}

enum ddb_code local_find_alias(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_find_alias *request, struct ddb_value *ret, struct ddb_error *err)
{
	struct alias_search search = {.arena = arena, .request = request, .ret = ret};
	return local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, alias_attempt, &search, err);
}
