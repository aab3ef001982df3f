/*
 * Putting items: one, or many in as few transactions as it takes.
 */
#include "engine/local/scratch/scratch.h"
#include "engine/local/writing.h"

enum {
	MANY_ITEMS = 1024,
	MANY_BYTES = 4 << 20, /* of one transaction of put_many */
	MANY_ARENA_MAX = LOCAL_ARENA_MAX + MANY_BYTES,
};

/* ---- One ---- */

struct put {
	const struct ddb_put_item *request;
	struct local_item item;
	struct ddb_put_result result;
};

static const struct ddb_value *returned(const struct local_writing *writing)
{
	const struct ddb_write_terms *terms = writing->terms;
	return terms && terms->return_values == DDB_RETURN_ALL_OLD ? local_writing_before(writing) : NULL;
}

static enum ddb_code put_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct put *put = context;
	const struct ddb_put_item *request = put->request;
	int64_t mtime_ns = request->mtime_ns ? request->mtime_ns : job->now;
	struct local_writing writing;
	enum ddb_code code = local_writing_begin(&writing, job, &put->item.key, request->terms, false, err);
	if (!code)
		code = local_writing_allow(&writing, request->condition, put->item.size, err);
	if (!code && request->consume)
		code = local_scratch_consume(
			job->engine, job->txn, request->consume, request->consume_as, err);
	if (!code)
		code = local_writing_put(&writing, &put->item, mtime_ns, &put->result, err);
	return code ? code : local_writing_answer(&writing, returned(&writing), err);
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
	enum ddb_code code = local_terms_check(request->terms, err);
	if (!code)
		code = local_on_table(
			local_of(engine), request->table, LOCAL_OF_ITEM, put_attempt, &put, err);
	if (!code)
		*ret = put.result;
	return code;
}

/* ---- Many ---- */

struct many {
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
static enum ddb_code many_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct many *many = context;
	many->written = 0;
	many->unwritten.code = DDB_OK;
	while (many->written < many->count) {
		const struct local_item *item = &many->items[many->written];
		struct local_writing writing;
		struct ddb_put_result result;
		ddb_arena_reset(&job->arena);
		if (local_writing_begin(&writing, job, &item->key, NULL, false, &many->unwritten))
			return DDB_OK;
		struct ddb_error reason;
		enum ddb_code code = local_writing_put(&writing, item, job->now, &result, &reason);
		if (code == DDB_ITEM_COLLECTION_TOO_LARGE) { /* nothing of this item is written */
			many->unwritten = reason;
			return DDB_OK;
		}
		if (code && err)
			*err = reason;
		if (code)
			return code;
		many->written++;
	}
	return DDB_OK;
}

/* As many of the next items as one transaction should take, or up to the first that is refused. */
static enum ddb_code many_prepare(struct local_engine *engine, const struct local_table *table,
	struct ddb_arena *arena, struct many *many, struct ddb_error *err)
{
	const struct ddb_put_many *request = many->request;
	size_t left = request->count - many->done, bytes = 0;
	size_t most = left < MANY_ITEMS ? left : MANY_ITEMS;
	many->count = 0;
	many->items = ddb_arena_array(arena, most, sizeof *many->items);
	if (!many->items && most > 0)
		return ddb_fail_memory(err);
	for (; many->count < most && bytes < MANY_BYTES; many->count++) {
		struct local_item *item = &many->items[many->count];
		if (local_item_prepare(engine, table, arena, &request->items[many->done + many->count],
			    LOCAL_LIMIT_PUT, item, &many->unprepared))
			return DDB_OK;
		bytes += item->length;
	}
	return DDB_OK;
}

static enum ddb_code many_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct many *many = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, MANY_ARENA_MAX);
	many->unprepared.code = DDB_OK;
	enum ddb_code code = many_prepare(engine, table, &arena, many, err);
	if (!code && many->count > 0)
		code = local_change_table(engine, table, many_change, many, err);
	if (!code && many->count > 0)
		many->done += many->written;
	return code;
}

enum ddb_code local_put_many(struct ddb_engine *engine, const struct ddb_put_many *request,
	struct ddb_put_many_result *ret, struct ddb_error *err)
{
	struct many many = {.request = request};
	const struct ddb_error *refusal;
	enum ddb_code code;
	do {
		code = local_on_table(
			local_of(engine), request->table, LOCAL_OF_ITEM, many_attempt, &many, err);
		refusal = many.unwritten.code ? &many.unwritten : &many.unprepared;
	} while (!code && !refusal->code && many.done < request->count);
	ret->done = many.done;
	if (code || !refusal->code)
		return code;
	if (err)
		*err = *refusal;
	return refusal->code;
}
