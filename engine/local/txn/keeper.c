/*
 * The thread that ends views. See keeper.h.
 */
#include "engine/local/txn/keeper.h"

#include "engine/local/txn/token.h"
#include "engine/local/txn/view.h"
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

enum { SECOND = LOCAL_TICKS_SECOND, LOOK_EVERY = SECOND };

/* ---- Ending ---- */

/* All that follows is under the lock. */
static struct local_view *oldest_open(const struct local_keeper *keeper)
{
	struct local_view *view = keeper->oldest;
	while (view && store_branch_dropped(view->engine.store))
		view = view->newer;
	return view;
}

static void end_view(struct local_keeper *keeper, struct local_view *view, const char *why)
{
	store_branch_drop(view->engine.store, why);
	snprintf(keeper->why, sizeof keeper->why, "%s", why);
	keeper->ended++;
}

static void end_old(struct local_keeper *keeper, int64_t now)
{
	char why[sizeof keeper->why];
	for (struct local_view *view = keeper->oldest; view; view = view->newer) {
		if (now - view->opened_ns < keeper->view_ns)
			return;
		if (store_branch_dropped(view->engine.store))
			continue;
		snprintf(why, sizeof why, "The %s was open for more than %lld seconds, and has ended",
			view->kind == DDB_SNAPSHOT ? "snapshot" : "transaction",
			(long long)(keeper->view_ns / SECOND));
		end_view(keeper, view, why);
	}
}

static bool lacks_room(const struct local_engine *engine)
{
	struct statvfs disk;
	if (statvfs(engine->path, &disk) || disk.f_blocks == 0)
		return false;
	return (double)disk.f_bavail * 100 < (double)disk.f_blocks * engine->keeper.free_percent;
}

/* One at a time: what its end sets free is used before the next one has to go. */
static void end_oldest(struct local_engine *engine)
{
	struct local_keeper *keeper = &engine->keeper;
	char why[sizeof keeper->why];
	struct local_view *view = oldest_open(keeper);
	if (!view || !lacks_room(engine))
		return;
	snprintf(why, sizeof why, "Less than %u %% of the disk is free: the %s has ended",
		keeper->free_percent, view->kind == DDB_SNAPSHOT ? "snapshot" : "transaction");
	end_view(keeper, view, why);
}

/* ---- The thread ---- */

/* Ends what is to end; when to look again at views or tokens. */
static int64_t look(struct local_engine *engine, int64_t now)
{
	struct local_keeper *keeper = &engine->keeper;
	pthread_mutex_lock(&keeper->lock);
	end_old(keeper, now);
	end_oldest(engine);
	int64_t next = oldest_open(keeper) ? now + LOOK_EVERY : INT64_MAX;
	if (keeper->sweep_ns && keeper->sweep_ns < next)
		next = keeper->sweep_ns;
	pthread_mutex_unlock(&keeper->lock);
	return next;
}

static bool plan_sweep(struct local_keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	bool first = !keeper->sweep_ns;
	if (first)
		keeper->sweep_ns = local_ticks() + (int64_t)DDB_TOKEN_SECONDS * SECOND;
	pthread_mutex_unlock(&keeper->lock);
	return first;
}

/* Those that are left are looked at again. */
static void sweep(struct local_engine *engine)
{
	struct local_keeper *keeper = &engine->keeper;
	pthread_mutex_lock(&keeper->lock);
	keeper->sweep_ns = 0;
	pthread_mutex_unlock(&keeper->lock);
	local_tokens_sweep(engine, local_now());
	if (local_tokens_any(engine))
		(void)plan_sweep(keeper);
}

static void work(struct local_engine *engine)
{
	int64_t now, next;
	do {
		now = local_ticks();
		next = look(engine, now);
		if (next <= now)
			sweep(engine);
	} while (local_worker_sleep(&engine->keeper.worker, next));
}

void local_keeper_init(struct local_engine *engine)
{
	local_worker_init(&engine->keeper.worker, engine, work);
	pthread_mutex_init(&engine->keeper.lock, NULL);
}

void local_keeper_done(struct local_engine *engine)
{
	local_worker_done(&engine->keeper.worker);
	pthread_mutex_destroy(&engine->keeper.lock);
}

void local_keeper_sweeps(struct local_engine *engine)
{
	if (!engine->read_only && plan_sweep(&engine->keeper))
		local_worker_wake(&engine->keeper.worker);
}

void local_keeper_begin(struct local_engine *engine)
{
	if (!engine->read_only && local_tokens_any(engine))
		local_keeper_sweeps(engine);
}

/* ---- Views ---- */

enum ddb_code local_keeper_add(struct local_engine *engine, struct local_view *view, struct ddb_error *err)
{
	struct local_keeper *keeper = &engine->keeper;
	pthread_mutex_lock(&keeper->lock);
	view->opened_ns = local_ticks();
	view->older = keeper->newest;
	view->newer = NULL;
	if (keeper->newest)
		keeper->newest->newer = view;
	else
		keeper->oldest = view;
	keeper->newest = view;
	pthread_mutex_unlock(&keeper->lock);
	if (local_worker_wake(&keeper->worker))
		return DDB_OK;
	local_keeper_remove(engine, view);
	return ddb_fail_memory(err);
}

void local_keeper_remove(struct local_engine *engine, struct local_view *view)
{
	struct local_keeper *keeper = &engine->keeper;
	pthread_mutex_lock(&keeper->lock);
	if (view->older)
		view->older->newer = view->newer;
	else
		keeper->oldest = view->newer;
	if (view->newer)
		view->newer->older = view->older;
	else
		keeper->newest = view->older;
	pthread_mutex_unlock(&keeper->lock);
}

void local_keeper_status(struct local_engine *engine, uint64_t kept_bytes, struct ddb_json_out *json)
{
	struct local_keeper *keeper = &engine->keeper;
	int64_t snapshots = 0, transactions = 0, seconds = 0;
	pthread_mutex_lock(&keeper->lock);
	const struct local_view *oldest = oldest_open(keeper);
	if (oldest)
		seconds = (local_ticks() - oldest->opened_ns) / SECOND;
	for (const struct local_view *view = oldest; view; view = view->newer) {
		if (store_branch_dropped(view->engine.store))
			continue;
		snapshots += view->kind == DDB_SNAPSHOT;
		transactions += view->kind == DDB_TRANSACTION;
	}
	ddb_json_name(json, "moments", strlen("moments"));
	ddb_json_open(json, '{');
	ddb_json_member_int(json, "snapshots", snapshots);
	ddb_json_member_int(json, "transactions", transactions);
	ddb_json_member_int(json, "oldest_seconds", seconds);
	ddb_json_member_int(json, "kept_bytes", (int64_t)kept_bytes);
	ddb_json_member_int(json, "ended", (int64_t)keeper->ended);
	ddb_json_name(json, "last_ended", strlen("last_ended"));
	if (*keeper->why)
		ddb_json_string(json, keeper->why, strlen(keeper->why));
	else
		ddb_json_raw(json, "null");
	ddb_json_close(json, '}');
	pthread_mutex_unlock(&keeper->lock);
}
