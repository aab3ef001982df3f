/*
 * Reading one item by its key.
 */
#include "engine/local/consumed.h"
#include "engine/local/ttl/expiry.h"
#include "engine/local/item.h"
#include "engine/local/txn/reads.h"

struct get {
	struct ddb_arena *arena;
	const struct ddb_get_item *request;
	struct ddb_get_result result;
};

static enum ddb_code get_item(struct get *get, const struct local_found *found, struct ddb_error *err)
{
	const struct ddb_selection *selection = get->request->selection;
	struct ddb_value item, *ret = &get->result.entry.item;
	enum ddb_code code = local_body_decode(get->arena, found->body, found->length, &item, err);
	if (code)
		return code;
	if (selection)
		return ddb_selection_apply(get->arena, selection, &item, ret, err);
	*ret = item;
	return DDB_OK;
}

/* Nothing found is charged as the smallest item. */
static enum ddb_code get_capacity(struct get *get, const struct local_table *table, struct ddb_error *err)
{
	size_t size = get->result.found ? get->result.entry.meta.size : 0;
	struct local_consumed consumed = {.table = local_read_half_units(size, get->request->consistent)};
	return local_consumed_report(
		get->arena, table->table->definition, &consumed, &get->result.capacity, err);
}

static enum ddb_code get_in(struct local_engine *engine, struct store_txn *view,
	const struct local_table *table, const struct local_key *key, struct get *get, struct ddb_error *err)
{
	struct local_found found;
	bool whole = !get->request->meta_only;
	enum ddb_code code = local_item_find_shown(engine, view, table, get->arena, key, whole, &found, err);
	if (!code && !found.found)
		code = local_alive(view, table, err);
	if (code)
		return code;
	get->result = (struct ddb_get_result){.found = found.found, .entry.meta = found.meta};
	if (!whole)
		return DDB_OK;
	if (found.found)
		code = get_item(get, &found, err);
	return code ? code : get_capacity(get, table, err);
}

static enum ddb_code get_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct get *get = context;
	struct local_key key;
	struct store_txn *view;
	enum ddb_code code =
		local_key_of_map(engine->store, table->table, table->space, &get->request->key, &key, err);
	if (!code)
		code = local_read_key(engine, table, key.bytes, key.length, err);
	if (!code)
		code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = get_in(engine, view, table, &key, get, err);
	store_view_end(view);
	return code;
}

enum ddb_code local_get_item(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_get_item *request, struct ddb_get_result *ret, struct ddb_error *err)
{
	struct get get = {.arena = arena, .request = request};
	enum ddb_code code =
		local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, get_attempt, &get, err);
	if (code)
		return code;
	ret->found = get.result.found;
	ret->capacity = get.result.capacity;
	if (get.result.found)
		ret->entry.meta = get.result.entry.meta;
	if (get.result.found && !request->meta_only)
		ret->entry.item = get.result.entry.item;
	return DDB_OK;
}
