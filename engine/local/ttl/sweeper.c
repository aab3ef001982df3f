#include "engine/local/ttl/sweeper.h"

#include "engine/local/ttl/expiry.h"
#include "engine/local/partition.h"
#include "engine/local/writing.h"
#include <string.h>

enum {
	STEP_ITEMS = 50, /* of one transaction: a writer that comes meanwhile waits for it */
	STEP_BYTES = 256 << 10,
	REST_TIMES = 10, /* as long as a transaction took, so that few writers come meanwhile */
	REST_LEAST_MS = 2,
	REST_MOST_MS = 20,
};

/* ---- A transaction's worth ---- */

struct sweep {
	int64_t now;
	uint32_t space; /* that the place is in */
	/* The first key that the next record may have, before the step and after it: those before it are
	 * gone, or their items cannot be read. */
	struct sweep_place {
		size_t length;
		uint8_t bytes[LOCAL_EXPIRY_KEY_MAX + 1];
	} from, to;
	bool more;
	struct ddb_arena arena; /* of what follows: the keys of what is gone */
	size_t count, bytes;
	struct ddb_value keys[STEP_ITEMS];
};

static enum ddb_code remove_item(
	struct sweep *sweep, struct local_job *job, const struct local_key *key, struct ddb_error *err)
{
	struct local_key_map map;
	struct local_writing writing;
	enum ddb_code code = local_writing_begin(&writing, job, key, NULL, true, err);
	if (!code)
		code = local_writing_remove(&writing, err);
	if (code)
		return code;
	local_key_map_make(job->table->table->definition, key, &map);
	sweep->bytes += writing.old.length;
	return ddb_value_copy(&sweep->arena, &map.value, &sweep->keys[sweep->count++], err);
}

/* The item that the record stands for, if it is to be read; *ret_sound: there is none, or it can be read. */
static enum ddb_code find_item(struct local_job *job, const uint8_t *key, size_t length,
	struct ddb_value *ret, bool *ret_found, bool *ret_sound, struct ddb_error *err)
{
	struct store_value value;
	struct ddb_error reason;
	enum ddb_code code = local_get(job->txn, &job->arena, key, length, true, &value, ret_found, &reason);
	if (!code && *ret_found)
		code = local_body_decode(&job->arena, value.body, value.body_length, ret, &reason);
	*ret_sound = code == DDB_OK;
	if (code == DDB_OK || code == DDB_DAMAGED)
		return DDB_OK;
	if (err)
		*err = reason;
	return code;
}

/* The item goes if that is still its time; a record of nothing goes alone. What is damaged is for `check`. */
static enum ddb_code sweep_one(struct sweep *sweep, struct local_job *job, int64_t time,
	const uint8_t *item_key, size_t length, struct ddb_error *err)
{
	struct ddb_value item;
	struct local_key key;
	int64_t now_time;
	bool found = false, sound;
	ddb_arena_reset(&job->arena);
	enum ddb_code code = find_item(job, item_key, length, &item, &found, &sound, err);
	if (code || !sound)
		return code;
	if (!found || !local_expiry_time(job->table, &item, &now_time) || now_time != time)
		return store_delete(job->txn, sweep->to.bytes, sweep->to.length - 1, NULL, err);
	if (local_key_of_item(job->engine->store, job->table->table, job->table->space, &item, &key, NULL))
		return DDB_OK;
	return remove_item(sweep, job, &key, err);
}

/* Each write ends what a cursor knows, so every record is sought anew. */
static enum ddb_code sweep_next(
	struct sweep *sweep, struct local_job *job, struct store_cursor *cursor, struct ddb_error *err)
{
	uint8_t item_key[LOCAL_KEY_MAX];
	const uint8_t *key;
	size_t length, item_length;
	int64_t time;
	enum ddb_code code = store_cursor_seek(cursor, sweep->to.bytes, sweep->to.length, &sweep->more, err);
	if (code || !sweep->more)
		return code;
	store_cursor_key(cursor, &key, &length);
	sweep->more = local_expiry_item(job->table, key, length, &time, item_key, &item_length) &&
		      local_expiry_due(time, sweep->now);
	if (!sweep->more)
		return DDB_OK;
	memcpy(sweep->to.bytes, key, length);
	sweep->to.bytes[length] = 0;
	sweep->to.length = length + 1;
	return sweep_one(sweep, job, time, item_key, item_length, err);
}

static enum ddb_code sweep_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct sweep *sweep = context;
	struct store_cursor *cursor;
	enum ddb_code code = store_cursor_open(job->txn, &cursor, err);
	if (code)
		return code;
	job->service = true;
	ddb_arena_reset(&sweep->arena);
	sweep->to = sweep->from;
	sweep->count = sweep->bytes = 0;
	sweep->more = true;
	for (unsigned seen = 0; !code && sweep->more && seen < STEP_ITEMS && sweep->bytes < STEP_BYTES;
		seen++)
		code = sweep_next(sweep, job, cursor, err);
	store_cursor_close(cursor);
	return code;
}

/* Spares a table in which nothing is due an empty commit. */
static enum ddb_code is_due(struct local_engine *engine, const struct local_table *table, struct sweep *sweep,
	bool *ret, struct ddb_error *err)
{
	struct store_txn *view;
	struct store_cursor *cursor;
	uint8_t item[LOCAL_KEY_MAX];
	const uint8_t *key;
	size_t length;
	int64_t time;
	enum ddb_code code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = store_cursor_open(view, &cursor, err);
	if (!code) {
		code = store_cursor_seek(cursor, sweep->from.bytes, sweep->from.length, ret, err);
		if (!code && *ret)
			store_cursor_key(cursor, &key, &length);
		*ret = !code && *ret && local_expiry_item(table, key, length, &time, item, &length) &&
		       local_expiry_due(time, sweep->now);
		store_cursor_close(cursor);
	}
	store_view_end(view);
	return code;
}

static void tell(struct local_engine *engine, const struct ddb_table *table, const struct sweep *sweep)
{
	struct local_sweeper *sweeper = &engine->sweeper;
	pthread_mutex_lock(&sweeper->watch_lock);
	for (size_t i = 0; sweeper->expired && i < sweep->count; i++)
		sweeper->expired(sweeper->context, table, &sweep->keys[i]);
	pthread_mutex_unlock(&sweeper->watch_lock);
}

static void begin_place(const struct local_table *table, struct sweep *sweep)
{
	int64_t first = sweep->now > LOCAL_EXPIRY_PAST ? sweep->now - LOCAL_EXPIRY_PAST : 0;
	sweep->space = table->expiry_space;
	local_space_key(LOCAL_EXPIRY, table->expiry_space, sweep->from.bytes);
	local_write_be(sweep->from.bytes + LOCAL_SPACE_BYTES, (uint64_t)first, 8);
	sweep->from.length = LOCAL_EXPIRY_PREFIX_BYTES;
}

static enum ddb_code sweep_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct sweep *sweep = context;
	bool due = false;
	sweep->count = 0;
	sweep->more = false;
	if (!local_expires(table))
		return DDB_OK;
	if (sweep->space != table->expiry_space)
		begin_place(table, sweep);
	enum ddb_code code = is_due(engine, table, sweep, &due, err);
	if (code || !due)
		return code;
	code = local_change_table(engine, table, sweep_change, sweep, err);
	if (code)
		return code;
	sweep->from = sweep->to;
	tell(engine, table->table, sweep);
	return DDB_OK;
}

/* ---- The thread ---- */

static void rest(struct local_worker *worker, int64_t since)
{
	const int64_t least = REST_LEAST_MS * LOCAL_TICKS_MS, most = REST_MOST_MS * LOCAL_TICKS_MS;
	int64_t now = local_ticks(), pause = (now - since) * REST_TIMES;
	pause = pause < least ? least : pause < most ? pause : most;
	(void)local_worker_rest(worker, now + pause); /* its end is seen between the steps */
}

/* What fails is left for the next round. */
static void sweep_table(struct local_engine *engine, const char *name, struct sweep *sweep)
{
	enum ddb_code code = DDB_OK;
	sweep->space = 0;
	do {
		int64_t since = local_ticks();
		code = local_on_table(engine, name, LOCAL_OF_TABLE, sweep_attempt, sweep, NULL);
		if (!code && sweep->more)
			rest(&engine->sweeper.worker, since);
	} while (!code && sweep->more && !local_worker_stopping(&engine->sweeper.worker));
}

bool local_sweep(struct local_engine *engine)
{
	char name[DDB_TABLE_NAME_MAX + 1] = "";
	bool found = true, any = false;
	struct sweep sweep = {.now = local_expiry_now(engine)};
	ddb_arena_init(&sweep.arena, LOCAL_ARENA_MAX);
	while (!local_worker_stopping(&engine->sweeper.worker)) {
		if (local_catalog_next(engine, name, local_catalog_expires, &found, NULL)) {
			any = true; /* who knows */
			break;
		}
		if (!found)
			break;
		any = true;
		sweep_table(engine, name, &sweep);
	}
	ddb_arena_done(&sweep.arena);
	return any;
}

static void work(struct local_engine *engine)
{
	struct local_sweeper *sweeper = &engine->sweeper;
	const int64_t half = (int64_t)sweeper->interval_ms * LOCAL_TICKS_MS / 2;
	while (local_worker_rest(&sweeper->worker, local_ticks() + half))
		if (!local_sweep(engine) && !local_worker_sleep(&sweeper->worker, INT64_MAX))
			return;
}

void local_sweeper_init(struct local_engine *engine)
{
	local_worker_init(&engine->sweeper.worker, engine, work);
	pthread_mutex_init(&engine->sweeper.watch_lock, NULL);
}

void local_sweeper_done(struct local_engine *engine)
{
	local_worker_done(&engine->sweeper.worker);
	pthread_mutex_destroy(&engine->sweeper.watch_lock);
}

void local_sweeper_begin(struct local_engine *engine)
{
	if (!engine->read_only && local_catalog_any(engine, local_catalog_expires))
		local_worker_wake(&engine->sweeper.worker);
}

void local_watch_expired(struct ddb_engine *engine,
	void (*expired)(void *context, const struct ddb_table *table, const struct ddb_value *key),
	void *context)
{
	struct local_sweeper *sweeper = &local_of(engine)->sweeper;
	pthread_mutex_lock(&sweeper->watch_lock);
	sweeper->expired = expired;
	sweeper->context = context;
	pthread_mutex_unlock(&sweeper->watch_lock);
}
