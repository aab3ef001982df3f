#include "engine/local/sweeper.h"

#include "engine/local/expiry.h"
#include "engine/local/partition.h"
#include "engine/local/writing.h"
#include <signal.h>
#include <string.h>
#include <time.h>

enum {
	STEP_ITEMS = 50, /* of one transaction: a writer that comes meanwhile waits for it */
	STEP_BYTES = 256 << 10,
	REST_TIMES = 10, /* as long as a transaction took, so that few writers come meanwhile */
	REST_LEAST_US = 2000,
	REST_MOST_US = 20000,
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

/* ---- Waiting ---- */

static int64_t clock_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool is_stopping(struct local_sweeper *sweeper)
{
	pthread_mutex_lock(&sweeper->lock);
	bool stopping = sweeper->stopping;
	pthread_mutex_unlock(&sweeper->lock);
	return stopping;
}

/* Under the lock; until the end if that comes earlier. */
static void wait_until(struct local_sweeper *sweeper, int64_t us)
{
	const struct timespec until = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};
	int ended = 0;
	while (!sweeper->stopping && !ended)
		ended = pthread_cond_timedwait(&sweeper->changed, &sweeper->lock, &until);
}

static void rest(struct local_sweeper *sweeper, int64_t since)
{
	int64_t now = clock_us(), us = (now - since) * REST_TIMES;
	us = us < REST_LEAST_US ? REST_LEAST_US : us < REST_MOST_US ? us : REST_MOST_US;
	pthread_mutex_lock(&sweeper->lock);
	wait_until(sweeper, now + us);
	pthread_mutex_unlock(&sweeper->lock);
}

/* ---- The thread ---- */

/* What fails is left for the next round. */
static void sweep_table(struct local_engine *engine, const char *name, struct sweep *sweep)
{
	enum ddb_code code = DDB_OK;
	sweep->space = 0;
	do {
		int64_t since = clock_us();
		code = local_on_table(engine, name, LOCAL_OF_TABLE, sweep_attempt, sweep, NULL);
		if (!code && sweep->more)
			rest(&engine->sweeper, since);
	} while (!code && sweep->more && !is_stopping(&engine->sweeper));
}

bool local_sweep(struct local_engine *engine)
{
	char name[DDB_TABLE_NAME_MAX + 1] = "";
	bool found = true, any = false;
	struct sweep sweep = {.now = local_expiry_now(engine)};
	ddb_arena_init(&sweep.arena, LOCAL_ARENA_MAX);
	while (!is_stopping(&engine->sweeper)) {
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

static void *run(void *context)
{
	struct local_engine *engine = context;
	struct local_sweeper *sweeper = &engine->sweeper;
	pthread_mutex_lock(&sweeper->lock);
	while (!sweeper->stopping) {
		sweeper->wanted = false;
		wait_until(sweeper, clock_us() + (int64_t)sweeper->interval_ms * 1000 / 2);
		pthread_mutex_unlock(&sweeper->lock);
		bool any = local_sweep(engine);
		pthread_mutex_lock(&sweeper->lock);
		while (!any && !sweeper->stopping && !sweeper->wanted)
			pthread_cond_wait(&sweeper->changed, &sweeper->lock);
	}
	pthread_mutex_unlock(&sweeper->lock);
	return NULL;
}

/* No signal is this thread's. */
static bool start(struct local_engine *engine)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = !pthread_create(&engine->sweeper.thread, NULL, run, engine);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

void local_sweeper_wake(struct local_engine *engine)
{
	struct local_sweeper *sweeper = &engine->sweeper;
	if (engine->read_only)
		return;
	pthread_mutex_lock(&sweeper->lock);
	sweeper->wanted = true;
	if (!sweeper->started && !sweeper->stopping)
		sweeper->started = start(engine);
	else
		pthread_cond_signal(&sweeper->changed);
	pthread_mutex_unlock(&sweeper->lock);
}

void local_sweeper_begin(struct local_engine *engine)
{
	char name[DDB_TABLE_NAME_MAX + 1] = "";
	bool found = false;
	if (!engine->read_only &&
		(local_catalog_next(engine, name, local_catalog_expires, &found, NULL) || found))
		local_sweeper_wake(engine);
}

void local_sweeper_stop(struct local_engine *engine)
{
	struct local_sweeper *sweeper = &engine->sweeper;
	pthread_mutex_lock(&sweeper->lock);
	bool started = sweeper->started;
	sweeper->stopping = true;
	pthread_cond_signal(&sweeper->changed);
	pthread_mutex_unlock(&sweeper->lock);
	if (started)
		pthread_join(sweeper->thread, NULL);
	pthread_mutex_lock(&sweeper->lock);
	sweeper->started = sweeper->stopping = false;
	pthread_mutex_unlock(&sweeper->lock);
}

/* ---- Making ---- */

static bool make_condition(pthread_cond_t *ret)
{
	pthread_condattr_t clock;
	if (pthread_condattr_init(&clock))
		return false;
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	bool made = !pthread_cond_init(ret, &clock);
	pthread_condattr_destroy(&clock);
	return made;
}

enum ddb_code local_sweeper_init(struct local_sweeper *sweeper, struct ddb_error *err)
{
	*sweeper = (struct local_sweeper){.started = false};
	if (!make_condition(&sweeper->changed))
		return ddb_fail_memory(err);
	if (pthread_mutex_init(&sweeper->lock, NULL))
		goto no_lock;
	if (!pthread_mutex_init(&sweeper->watch_lock, NULL))
		return DDB_OK;
	pthread_mutex_destroy(&sweeper->lock);
no_lock:
	pthread_cond_destroy(&sweeper->changed);
	return ddb_fail_memory(err);
}

void local_sweeper_done(struct local_sweeper *sweeper)
{
	pthread_cond_destroy(&sweeper->changed);
	pthread_mutex_destroy(&sweeper->lock);
	pthread_mutex_destroy(&sweeper->watch_lock);
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
