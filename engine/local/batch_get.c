/*
 * BatchGetItem: many keys of several tables, read in one view. All keys are checked before anything is read.
 * What does not fit into the response is named, to be asked for again.
 */
#include "engine/local/consumed.h"
#include "engine/local/ttl/expiry.h"
#include "engine/local/item.h"
#include "engine/local/txn/reads.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_ATTEMPTS_MAX = 64 };

/* One of the tables. */
struct part {
	const struct ddb_batch_get *request;
	struct local_table *table;
	const struct local_key *keys;
	struct ddb_batch_get_result result;
	struct local_consumed consumed;
};

struct batch_get {
	struct local_engine *engine;
	struct ddb_arena *arena;  /* the response's */
	struct ddb_arena scratch; /* of one item */
	size_t count;
	struct part parts[DDB_BATCH_GETS_MAX];
	size_t key_count;
	struct local_key keys[DDB_BATCH_GETS_MAX];
	uint64_t bytes; /* in the response */
	bool full;
};

/* ---- Checks ---- */

static enum ddb_code check_count(const struct ddb_batch_get *requests, size_t count, struct ddb_error *err)
{
	size_t keys = 0;
	bool fits = count <= DDB_BATCH_GETS_MAX;
	for (size_t i = 0; fits && i < count; i++) {
		fits = requests[i].key_count <= DDB_BATCH_GETS_MAX - keys;
		keys += requests[i].key_count;
	}
	if (fits)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION, "Too many items requested for the BatchGetItem call");
}

static int compare_keys(const void *a, const void *b)
{
	const struct local_key *one = *(const struct local_key *const *)a,
			       *other = *(const struct local_key *const *)b;
	size_t shorter = one->length < other->length ? one->length : other->length;
	int order = memcmp(one->bytes, other->bytes, shorter);
	return order ? order : (one->length > other->length) - (one->length < other->length);
}

/* Store keys begin with their table's space. */
static enum ddb_code check_distinct(const struct batch_get *batch, struct ddb_error *err)
{
	const struct local_key *sorted[DDB_BATCH_GETS_MAX];
	for (size_t i = 0; i < batch->key_count; i++)
		sorted[i] = &batch->keys[i];
	qsort(sorted, batch->key_count, sizeof *sorted, compare_keys);
	for (size_t i = 1; i < batch->key_count; i++)
		if (compare_keys(&sorted[i - 1], &sorted[i]) == 0)
			return ddb_fail(
				err, DDB_VALIDATION, "Provided list of item keys contains duplicates");
	return DDB_OK;
}

static enum ddb_code make_keys(struct batch_get *batch, struct part *part, struct ddb_error *err)
{
	const struct local_table *table = part->table;
	part->keys = &batch->keys[batch->key_count];
	for (size_t i = 0; i < part->request->key_count; i++) {
		struct local_key *key = &batch->keys[batch->key_count++];
		enum ddb_code code = local_key_of_map(
			batch->engine->store, table->table, table->space, &part->request->keys[i], key, err);
		if (!code)
			code = local_read_key(batch->engine, table, key->bytes, key->length, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

/* ---- Reading ---- */

static enum ddb_code add_item(
	struct batch_get *batch, struct part *part, const struct local_found *found, struct ddb_error *err)
{
	const struct ddb_selection *selection = part->request->selection;
	struct ddb_value item, parts, *ret = &part->result.items[part->result.count];
	struct ddb_arena *arena = selection ? &batch->scratch : batch->arena;
	enum ddb_code code = local_body_decode(arena, found->body, found->length, &item, err);
	if (!code && selection)
		code = ddb_selection_apply(arena, selection, &item, &parts, err);
	if (!code && selection)
		code = ddb_value_copy(batch->arena, &parts, ret, err);
	if (code)
		return code;
	if (!selection)
		*ret = item;
	part->result.count++;
	return DDB_OK;
}

/* The key at that position: into the response, or among those for which it has no room. */
static enum ddb_code get_one(struct batch_get *batch, struct part *part, size_t position,
	struct store_txn *view, struct ddb_error *err)
{
	struct local_found found = {.found = false};
	enum ddb_code code = DDB_OK;
	ddb_arena_reset(&batch->scratch);
	if (!batch->full)
		code = local_item_find_shown(batch->engine, view, part->table,
			part->request->selection ? &batch->scratch : batch->arena, &part->keys[position],
			true, &found, err);
	if (code)
		return code;
	size_t size = found.found ? found.meta.size : 0;
	batch->full = batch->full || batch->bytes + size > DDB_BATCH_BYTES_MAX;
	if (batch->full) {
		part->result.unprocessed[part->result.unprocessed_count++] = position;
		return DDB_OK;
	}
	batch->bytes += size;
	part->consumed.table += local_read_half_units(size, part->request->consistent);
	return found.found ? add_item(batch, part, &found, err) : DDB_OK;
}

static enum ddb_code get_part(
	struct batch_get *batch, struct part *part, struct store_txn *view, struct ddb_error *err)
{
	size_t count = part->request->key_count;
	part->result.items = ddb_arena_array(batch->arena, count, sizeof *part->result.items);
	part->result.unprocessed = ddb_arena_array(batch->arena, count, sizeof *part->result.unprocessed);
	if (!part->result.items || !part->result.unprocessed)
		return ddb_fail_memory(err);
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < count; i++)
		code = get_one(batch, part, i, view, err);
	if (code)
		return code;
	return local_consumed_report(
		batch->arena, part->table->table->definition, &part->consumed, &part->result.capacity, err);
}

static enum ddb_code get_parts(struct batch_get *batch, struct store_txn *view, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < batch->count; i++) {
		code = local_alive(view, batch->parts[i].table, err);
		if (code == LOCAL_STALE)
			local_table_forget(batch->engine, batch->parts[i].request->table);
	}
	for (size_t i = 0; !code && i < batch->count; i++)
		code = get_part(batch, &batch->parts[i], view, err);
	return code;
}

/* ---- Attempts ---- */

static enum ddb_code find_tables(
	struct batch_get *batch, const struct ddb_batch_get *requests, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < batch->count; i++) {
		struct part *part = &batch->parts[i];
		*part = (struct part){.request = &requests[i]};
		code = local_table_find(batch->engine, requests[i].table, &part->table, err);
		if (code == DDB_RESOURCE_NOT_FOUND)
			return ddb_fail(err, code, "Requested resource not found");
	}
	return code;
}

static enum ddb_code attempt(
	struct batch_get *batch, const struct ddb_batch_get *requests, struct ddb_error *err)
{
	struct store_txn *view;
	batch->key_count = 0;
	batch->bytes = 0;
	batch->full = false;
	enum ddb_code code = find_tables(batch, requests, err);
	for (size_t i = 0; !code && i < batch->count; i++)
		code = make_keys(batch, &batch->parts[i], err);
	if (!code)
		code = check_distinct(batch, err);
	if (!code)
		code = store_view(batch->engine->store, &view, err);
	if (code)
		return code;
	code = get_parts(batch, view, err);
	store_view_end(view);
	return code;
}

/* Until no table turns out to have changed meanwhile. */
static enum ddb_code get_batch(
	struct batch_get *batch, const struct ddb_batch_get *requests, struct ddb_error *err)
{
	enum ddb_code code = LOCAL_STALE;
	for (unsigned i = 0; code == LOCAL_STALE && i < BATCH_ATTEMPTS_MAX; i++) {
		code = attempt(batch, requests, err);
		for (size_t k = 0; k < batch->count; k++) {
			local_table_unref(batch->parts[k].table);
			batch->parts[k].table = NULL;
		}
	}
	return code == LOCAL_STALE ? local_damaged(err, "the counters of a table") : code;
}

enum ddb_code local_batch_get(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_batch_get *requests, size_t count, struct ddb_batch_get_result *ret,
	struct ddb_error *err)
{
	enum ddb_code code = check_count(requests, count, err);
	if (code)
		return code;
	struct batch_get *batch = calloc(1, sizeof *batch);
	if (!batch)
		return ddb_fail_memory(err);
	batch->engine = local_of(engine);
	batch->arena = arena;
	batch->count = count;
	ddb_arena_init(&batch->scratch, LOCAL_ARENA_MAX);
	code = get_batch(batch, requests, err);
	for (size_t i = 0; !code && i < count; i++)
		ret[i] = batch->parts[i].result;
	ddb_arena_done(&batch->scratch);
	free(batch);
	return code;
}
