/*
 * The operations that change items. What needs no store is checked and made before the write transaction;
 * inside it the old record is read, the refusals come, and only then is anything written. An item's version
 * changes with its document, so setting an mtime (or writing what is there already) keeps it.
 */
#include "engine/local/index.h"
#include "engine/local/partition.h"
#include "engine/local/scratch.h"

#include <string.h>

enum {
	BATCH_ITEMS = 1024,
	BATCH_BYTES = 4 << 20, /* of one transaction of put_many */
	BATCH_ARENA_MAX = LOCAL_ARENA_MAX + BATCH_BYTES,
	UPDATE_OVERHEAD = 3, /* bytes that DynamoDB adds to what an update writes */
	UPDATE_SET_OVERHEAD = 19,
};

static enum ddb_code condition_failed(struct ddb_error *err)
{
	return ddb_fail(err, DDB_CONDITIONAL_CHECK_FAILED, "The conditional request failed");
}

static enum ddb_code check_condition(enum ddb_condition condition, bool found, struct ddb_error *err)
{
	if ((condition == DDB_IF_ABSENT && found) || (condition == DDB_IF_PRESENT && !found))
		return condition_failed(err);
	return DDB_OK;
}

/* Tells the indexes what becomes of an item; `old` may be without its body. */
static enum ddb_code change_indexes(struct local_job *job, const struct local_key *key,
	const struct local_found *old, const struct ddb_value *new_, const struct ddb_meta *new_meta,
	struct ddb_error *err)
{
	struct local_found whole = *old;
	struct ddb_value item;
	enum ddb_code code = DDB_OK;
	if (!local_has_indexes(job->table))
		return DDB_OK;
	if (old->found && !old->body)
		code = local_item_find(job->txn, &job->arena, key, true, &whole, err);
	if (!code && old->found)
		code = local_body_decode(&job->arena, whole.body, whole.length, &item, err);
	if (code)
		return code;
	return local_indexes_change(
		job, key, old->found ? &item : NULL, &whole.meta, new_, new_meta, NULL, err);
}

/* ---- Put ---- */

/* Writes an item that is not equal to what was found under its key. */
static enum ddb_code store_item(struct local_job *job, const struct local_item *item,
	const struct local_found *old, struct ddb_meta *meta, struct ddb_error *err)
{
	struct local_counters *counters = &job->counters;
	meta->version = local_next_version(job->engine, job->txn);
	meta->size = item->size;
	memcpy(meta->rendered, item->rendered, sizeof meta->rendered);
	enum ddb_code code = change_indexes(job, &item->key, old, &item->value, meta, err);
	if (code)
		return code;
	counters->items += !old->found;
	counters->bytes += meta->size - (uint64_t)(old->found ? old->meta.size : 0);
	job->counted = true;
	code = local_item_write(job->txn, &item->key, meta, item->body, item->length, err);
	if (code || old->found)
		return code;
	return local_place_enter(job, &item->key, NULL, err);
}

/* Puts the item over what was found there; an equal one only gets the new mtime. */
static enum ddb_code put_over(struct local_job *job, const struct local_item *item,
	const struct local_found *old, int64_t mtime_ns, struct ddb_put_result *ret, struct ddb_error *err)
{
	struct ddb_put_result result = {.replaced = old->found};
	enum ddb_code code = local_item_same(job->txn, &job->arena, item, old, &result.unchanged, err);
	if (code)
		return code;
	if (old->found)
		result.meta = old->meta;
	else
		result.meta.serial = job->counters.next_serial++;
	result.meta.mtime_ns = mtime_ns;
	if (!result.unchanged)
		code = store_item(job, item, old, &result.meta, err);
	else if (mtime_ns != old->meta.mtime_ns)
		code = local_item_write(job->txn, &item->key, &result.meta, item->body, item->length, err);
	if (!code)
		*ret = result;
	return code;
}

struct put {
	const struct ddb_put_item *request;
	struct local_item item;
	struct ddb_put_result result;
};

static enum ddb_code put_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct put *put = context;
	const struct ddb_put_item *request = put->request;
	struct local_found old;
	enum ddb_code code = local_item_find(job->txn, &job->arena, &put->item.key, false, &old, err);
	if (!code)
		code = check_condition(request->condition, old.found, err);
	if (!code && request->consume)
		code = local_scratch_consume(job->engine, job->txn, request->consume, err);
	if (code)
		return code;
	return put_over(
		job, &put->item, &old, request->mtime_ns ? request->mtime_ns : job->now, &put->result, err);
}

static enum ddb_code put_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct put *put = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	enum ddb_code code = local_item_prepare(
		engine, table, &arena, &put->request->item, LOCAL_LIMIT_PUT, &put->item, err);
	return code ? code : local_change_table(engine, table, put_change, put, err);
}

enum ddb_code local_put_item(struct ddb_engine *engine, const struct ddb_put_item *request,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	struct put put = {.request = request};
	enum ddb_code code =
		local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, put_attempt, &put, err);
	if (!code)
		*ret = put.result;
	return code;
}

/* ---- Many puts ---- */

struct batch {
	const struct ddb_put_many *request;
	size_t done;              /* committed */
	struct local_item *items; /* of one transaction */
	size_t count, written;
	struct ddb_error
		unprepared; /* why the item after these could not be prepared; DDB_OK when it was not tried */
	struct ddb_error unwritten; /* why the job stopped before its end */
};

/*
 * A refusal that is found before its item is written ends the job but not its transaction: what came before
 * stays.
 */
static enum ddb_code batch_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct batch *batch = context;
	batch->written = 0;
	batch->unwritten.code = DDB_OK;
	while (batch->written < batch->count) {
		const struct local_item *item = &batch->items[batch->written];
		struct local_found old;
		struct ddb_put_result result;
		ddb_arena_reset(&job->arena);
		if (local_item_find(job->txn, &job->arena, &item->key, false, &old, &batch->unwritten))
			return DDB_OK;
		enum ddb_code code = put_over(job, item, &old, job->now, &result, &batch->unwritten);
		if (code == DDB_ITEM_COLLECTION_TOO_LARGE) /* nothing of it is written */
			return DDB_OK;
		if (code && err)
			*err = batch->unwritten;
		if (code)
			return code;
		batch->written++;
	}
	return DDB_OK;
}

/* As many of the next items as one transaction should take, or up to the first that is refused. */
static enum ddb_code batch_prepare(struct local_engine *engine, const struct local_table *table,
	struct ddb_arena *arena, struct batch *batch, struct ddb_error *err)
{
	const struct ddb_put_many *request = batch->request;
	size_t left = request->count - batch->done, bytes = 0;
	size_t most = left < BATCH_ITEMS ? left : BATCH_ITEMS;
	batch->count = 0;
	batch->items = ddb_arena_array(arena, most, sizeof *batch->items);
	if (!batch->items && most > 0)
		return ddb_fail_memory(err);
	for (; batch->count < most && bytes < BATCH_BYTES; batch->count++) {
		struct local_item *item = &batch->items[batch->count];
		if (local_item_prepare(engine, table, arena, &request->items[batch->done + batch->count],
			    LOCAL_LIMIT_PUT, item, &batch->unprepared))
			return DDB_OK;
		bytes += item->length;
	}
	return DDB_OK;
}

static enum ddb_code batch_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct batch *batch = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, BATCH_ARENA_MAX);
	batch->unprepared.code = DDB_OK;
	enum ddb_code code = batch_prepare(engine, table, &arena, batch, err);
	if (!code && batch->count > 0)
		code = local_change_table(engine, table, batch_change, batch, err);
	if (!code && batch->count > 0)
		batch->done += batch->written;
	return code;
}

enum ddb_code local_put_many(struct ddb_engine *engine, const struct ddb_put_many *request,
	struct ddb_put_many_result *ret, struct ddb_error *err)
{
	struct batch batch = {.request = request};
	const struct ddb_error *refusal;
	enum ddb_code code;
	do {
		code = local_on_table(
			local_of(engine), request->table, LOCAL_OF_ITEM, batch_attempt, &batch, err);
		refusal = batch.unwritten.code ? &batch.unwritten : &batch.unprepared;
	} while (!code && !refusal->code && batch.done < request->count);
	ret->done = batch.done;
	if (code || !refusal->code)
		return code;
	if (err)
		*err = *refusal;
	return refusal->code;
}

/* ---- Delete ---- */

/* Takes the record away, and what stood beside it. */
static enum ddb_code remove_item(struct local_job *job, const struct local_key *key,
	const struct ddb_meta *meta, struct ddb_error *err)
{
	const struct local_found old = {.found = true, .meta = *meta};
	enum ddb_code code = change_indexes(job, key, &old, NULL, NULL, err);
	if (code)
		return code;
	job->counters.items--;
	job->counters.bytes -= meta->size;
	job->counted = true;
	code = store_delete(job->txn, key->bytes, key->length, NULL, err);
	return code ? code : local_place_leave(job, key, err);
}

struct deletion {
	const struct ddb_delete_item *request;
	struct local_key key;
	bool existed;
};

static enum ddb_code delete_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct deletion *deletion = context;
	const struct ddb_delete_item *request = deletion->request;
	struct local_found old;
	enum ddb_code code = local_item_find(job->txn, &job->arena, &deletion->key, false, &old, err);
	if (code)
		return code;
	deletion->existed = old.found;
	if (!old.found)
		return DDB_OK;
	if (request->if_version != 0 && old.meta.version != request->if_version)
		return ddb_fail(err, DDB_CONDITIONAL_CHECK_FAILED, "The conditional request failed");
	if (request->keep)
		code = local_scratch_keep(job->engine, job->txn, request->keep, request->kept_text,
			request->kept_length, old.meta.mtime_ns, err);
	return code ? code : remove_item(job, &deletion->key, &old.meta, err);
}

static enum ddb_code delete_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct deletion *deletion = context;
	enum ddb_code code = local_key_of_map(
		engine->store, table->table, table->space, &deletion->request->key, &deletion->key, err);
	return code ? code : local_change_table(engine, table, delete_change, deletion, err);
}

enum ddb_code local_delete_item(struct ddb_engine *engine, const struct ddb_delete_item *request,
	struct ddb_delete_result *ret, struct ddb_error *err)
{
	struct deletion deletion = {.request = request};
	enum ddb_code code = local_on_table(
		local_of(engine), request->table, LOCAL_OF_ITEM, delete_attempt, &deletion, err);
	if (!code)
		ret->existed = deletion.existed;
	return code;
}

/* ---- Update ---- */

struct update {
	const struct ddb_update_item *request;
	struct local_key key;
	struct ddb_put_result result;
};

static enum ddb_code check_key_kept(const struct ddb_key_attribute *attribute, const struct ddb_value *own,
	const struct ddb_value *set, struct ddb_error *err)
{
	const struct ddb_value *value = ddb_map_get(set, attribute->name, attribute->name_length);
	if (!value || ddb_value_equal(value, own))
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION, "Cannot update attribute %s. This attribute is part of the key",
		local_attribute_label(attribute));
}

/* What DynamoDB counts beside the finished item: the bytes that the update itself writes. */
static enum ddb_code check_written(
	const struct ddb_definition *definition, const struct ddb_value *set, struct ddb_error *err)
{
	size_t bytes = UPDATE_OVERHEAD;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct ddb_attribute *attribute = &set->attributes[i];
		bytes += attribute->name_length + ddb_value_size(&attribute->value) + UPDATE_SET_OVERHEAD;
	}
	if (ddb_map_get(set, definition->hash.name, definition->hash.name_length))
		bytes -=
			definition->hash.name_length + UPDATE_SET_OVERHEAD +
			ddb_value_size(ddb_map_get(set, definition->hash.name, definition->hash.name_length));
	if (definition->has_range && ddb_map_get(set, definition->range.name, definition->range.name_length))
		bytes -= definition->range.name_length + UPDATE_SET_OVERHEAD +
			 ddb_value_size(
				 ddb_map_get(set, definition->range.name, definition->range.name_length));
	return bytes > DDB_ITEM_SIZE_MAX ? local_too_large(LOCAL_LIMIT_UPDATE, err) : DDB_OK;
}

static enum ddb_code update_check(struct local_engine *engine, const struct local_table *table,
	const struct ddb_update_item *request, struct local_key *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition = table->table->definition;
	enum ddb_code code =
		local_key_of_map(engine->store, table->table, table->space, &request->key, ret, err);
	if (!code)
		code = local_item_check(&request->set, err);
	if (!code)
		code = check_key_kept(&definition->hash, &ret->hash, &request->set, err);
	if (!code && definition->has_range)
		code = check_key_kept(&definition->range, &ret->range, &request->set, err);
	return code ? code : check_written(definition, &request->set, err);
}

static int compare_names(const struct ddb_attribute *a, const struct ddb_attribute *b)
{
	uint32_t shorter = a->name_length < b->name_length ? a->name_length : b->name_length;
	int order = memcmp(a->name, b->name, shorter);
	if (order != 0)
		return order;
	return (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

/* Two canonical maps as one, shared with both; where both have a name, `over` wins. */
static enum ddb_code merge(struct ddb_arena *arena, const struct ddb_value *base,
	const struct ddb_value *over, struct ddb_value *ret, struct ddb_error *err)
{
	size_t most = (size_t)base->count + over->count;
	struct ddb_attribute *merged = ddb_arena_array(arena, most ? most : 1, sizeof *merged);
	if (!merged)
		return ddb_fail_memory(err);
	uint32_t i = 0, k = 0, count = 0;
	while (i < base->count || k < over->count) {
		int order = i == base->count   ? 1
			    : k == over->count ? -1
					       : compare_names(&base->attributes[i], &over->attributes[k]);
		merged[count++] = order < 0 ? base->attributes[i] : over->attributes[k];
		i += order <= 0;
		k += order >= 0;
	}
	*ret = (struct ddb_value){.type = DDB_M, .count = count, .attributes = merged};
	return DDB_OK;
}

static enum ddb_code update_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct update *update = context;
	const struct ddb_update_item *request = update->request;
	struct ddb_value item = request->key;
	struct local_item merged;
	struct local_found old;
	enum ddb_code code = local_item_find(job->txn, &job->arena, &update->key, true, &old, err);
	if (!code)
		code = check_condition(request->condition, old.found, err);
	if (!code && old.found)
		code = local_body_decode(&job->arena, old.body, old.length, &item, err);
	if (!code)
		code = merge(&job->arena, &item, &request->set, &item, err);
	if (!code)
		code = local_item_prepare(
			job->engine, job->table, &job->arena, &item, LOCAL_LIMIT_UPDATE, &merged, err);
	return code ? code : put_over(job, &merged, &old, job->now, &update->result, err);
}

static enum ddb_code update_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct update *update = context;
	enum ddb_code code = update_check(engine, table, update->request, &update->key, err);
	return code ? code : local_change_table(engine, table, update_change, update, err);
}

enum ddb_code local_update_item(struct ddb_engine *engine, const struct ddb_update_item *request,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	struct update update = {.request = request};
	enum ddb_code code =
		local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, update_attempt, &update, err);
	if (!code)
		*ret = update.result;
	return code;
}

/* ---- Move ---- */

struct move {
	const struct ddb_move_item *request;
	struct local_key from, to;
};

/* The new place is entered before the old one is left, so that a partition that has both keeps its header. */
static enum ddb_code move_over(struct local_job *job, const struct move *move, const struct local_found *from,
	const struct local_found *to, struct ddb_error *err)
{
	struct local_item moved;
	struct ddb_meta meta = from->meta;
	meta.mtime_ns = job->now; /* the document has changed: its key is in it */
	enum ddb_code code = local_item_moved(job, from, &move->to, &moved, err);
	if (!code)
		code = store_item(job, &moved, to, &meta, err);
	return code ? code : remove_item(job, &move->from, &from->meta, err);
}

static enum ddb_code exchange(struct local_job *job, const struct move *move, const struct local_found *from,
	const struct local_found *to, struct ddb_error *err)
{
	struct local_item forth, back;
	struct ddb_meta meta = from->meta, other = to->meta;
	meta.mtime_ns = other.mtime_ns = job->now;
	enum ddb_code code = local_item_moved(job, from, &move->to, &forth, err);
	if (!code)
		code = local_item_moved(job, to, &move->from, &back, err);
	if (!code)
		code = store_item(job, &forth, to, &meta, err);
	return code ? code : store_item(job, &back, from, &other, err);
}

static enum ddb_code move_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct move *move = context;
	const struct ddb_move_item *request = move->request;
	struct local_found from, to;
	enum ddb_code code = local_item_find(job->txn, &job->arena, &move->from, true, &from, err);
	if (!code)
		code = local_item_find(job->txn, &job->arena, &move->to, request->exchange, &to, err);
	if (code)
		return code;
	if (!from.found || (request->exchange && !to.found))
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	if (request->no_replace && to.found)
		return condition_failed(err);
	if (move->from.length == move->to.length &&
		memcmp(move->from.bytes, move->to.bytes, move->from.length) == 0)
		return DDB_OK;
	return request->exchange ? exchange(job, move, &from, &to, err)
				 : move_over(job, move, &from, &to, err);
}

static enum ddb_code move_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct move *move = context;
	enum ddb_code code = local_key_of_map(
		engine->store, table->table, table->space, &move->request->from, &move->from, err);
	if (!code)
		code = local_key_of_map(
			engine->store, table->table, table->space, &move->request->to, &move->to, err);
	return code ? code : local_change_table(engine, table, move_change, move, err);
}

enum ddb_code local_move_item(
	struct ddb_engine *engine, const struct ddb_move_item *request, struct ddb_error *err)
{
	struct move move = {.request = request};
	return local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, move_attempt, &move, err);
}

/* ---- Times ---- */

struct touch {
	const struct ddb_set_mtime *request;
	struct local_key key;
};

static enum ddb_code touch_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct touch *touch = context;
	const struct ddb_set_mtime *request = touch->request;
	struct local_found found;
	enum ddb_code code = local_item_find(job->txn, &job->arena, &touch->key, true, &found, err);
	if (code)
		return code;
	if (request->if_version != 0 && (!found.found || found.meta.version != request->if_version))
		return DDB_OK;
	if (!found.found)
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	if (found.meta.mtime_ns == request->mtime_ns)
		return DDB_OK;
	found.meta.mtime_ns = request->mtime_ns;
	return local_item_write(job->txn, &touch->key, &found.meta, found.body, found.length, err);
}

static enum ddb_code touch_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct touch *touch = context;
	enum ddb_code code = local_key_of_map(
		engine->store, table->table, table->space, &touch->request->key, &touch->key, err);
	return code ? code : local_change_table(engine, table, touch_change, touch, err);
}

enum ddb_code local_set_mtime(
	struct ddb_engine *engine, const struct ddb_set_mtime *request, struct ddb_error *err)
{
	struct touch touch = {.request = request};
	int64_t mtime_ns = request->mtime_ns;
	if (request->key.count == 0)
		return local_on_table(
			local_of(engine), request->table, LOCAL_OF_TABLE, local_table_date, &mtime_ns, err);
	return local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, touch_attempt, &touch, err);
}
