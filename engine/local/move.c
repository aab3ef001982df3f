/*
 * An item under another key, and an item at another time: changes that only the tree asks for.
 */
#include "engine/local/txn/reads.h"
#include "engine/local/txn/staged.h"
#include "engine/local/writing.h"

#include <string.h>

/* ---- Move ---- */

struct move {
	const struct ddb_move_item *request;
	struct local_key from, to;
};

/* The new place is entered before the old one is left, so that a partition that has both keeps its header. To
 * a stream the item goes, and then comes. */
static enum ddb_code move_over(struct local_writing *from, struct local_writing *to, struct ddb_error *err)
{
	struct local_item moved;
	struct ddb_meta meta = from->old.meta;
	meta.mtime_ns = from->job->now; /* the document has changed: its key is in it */
	enum ddb_code code = local_item_moved(from->job, &from->old, to->key, &moved, err);
	from->gone = local_next_version(from->job->engine, from->job->txn);
	if (!code)
		code = local_writing_store(to, &moved, &meta, err);
	return code ? code : local_writing_remove(from, err);
}

static enum ddb_code exchange(struct local_writing *from, struct local_writing *to, struct ddb_error *err)
{
	struct local_job *job = from->job;
	struct local_item forth, back;
	struct ddb_meta meta = from->old.meta, other = to->old.meta;
	meta.mtime_ns = other.mtime_ns = job->now;
	enum ddb_code code = local_item_moved(job, &from->old, to->key, &forth, err);
	if (!code)
		code = local_item_moved(job, &to->old, from->key, &back, err);
	if (!code)
		code = local_writing_store(to, &forth, &meta, err);
	return code ? code : local_writing_store(from, &back, &other, err);
}

static bool same_key(const struct local_key *a, const struct local_key *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static enum ddb_code move_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct move *move = context;
	const struct ddb_move_item *request = move->request;
	struct local_writing from, to;
	enum ddb_code code = local_writing_begin(&from, job, &move->from, NULL, true, err);
	if (!code)
		code = local_writing_begin(&to, job, &move->to, NULL, request->exchange, err);
	if (code)
		return code;
	if (!from.old.found || (request->exchange && !to.old.found))
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	if (request->no_replace && to.old.found)
		return local_condition_failed(err);
	if (same_key(&move->from, &move->to))
		return DDB_OK;
	return request->exchange ? exchange(&from, &to, err) : move_over(&from, &to, err);
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
	const struct local_key *key = &touch->key;
	enum ddb_code code = local_read_key(job->engine, job->table, key->bytes, key->length, err);
	if (!code)
		code = local_item_find(job->txn, &job->arena, key, true, &found, err);
	if (code)
		return code;
	if (request->if_version != 0 && (!found.found || found.meta.version != request->if_version))
		return DDB_OK;
	if (!found.found)
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	if (found.meta.mtime_ns == request->mtime_ns)
		return DDB_OK;
	found.meta.mtime_ns = request->mtime_ns;
	code = local_stage(job, key, err);
	return code ? code : local_item_write(job->txn, key, &found.meta, found.body, found.length, err);
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
