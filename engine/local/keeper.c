/*
 * The thread that ends views. See keeper.h.
 */
#include "engine/local/keeper.h"

#include "engine/local/token.h"
#include "engine/local/view.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

enum { SECOND = 1000000000, LOOK_EVERY_NS = SECOND };

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

enum ddb_code local_keeper_init(struct local_keeper *keeper, struct ddb_error *err)
{
	pthread_condattr_t clock;
	*keeper = (struct local_keeper){.started = false};
	if (pthread_condattr_init(&clock))
		return ddb_fail_memory(err);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	bool made = !pthread_cond_init(&keeper->changed, &clock);
	pthread_condattr_destroy(&clock);
	if (made && !pthread_mutex_init(&keeper->lock, NULL))
		return DDB_OK;
	if (made)
		pthread_cond_destroy(&keeper->changed);
	return ddb_fail_memory(err);
}

void local_keeper_done(struct local_keeper *keeper)
{
	pthread_cond_destroy(&keeper->changed);
	pthread_mutex_destroy(&keeper->lock);
}

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

/* Until the next look at views or tokens, or a change. */
static void wait_for_next(struct local_keeper *keeper, int64_t now)
{
	int64_t next = oldest_open(keeper) ? now + LOOK_EVERY_NS : INT64_MAX;
	if (keeper->sweep_ns && keeper->sweep_ns < next)
		next = keeper->sweep_ns;
	if (next == INT64_MAX) {
		pthread_cond_wait(&keeper->changed, &keeper->lock);
		return;
	}
	struct timespec until = {.tv_sec = next / SECOND, .tv_nsec = next % SECOND};
	pthread_cond_timedwait(&keeper->changed, &keeper->lock, &until);
}

/* Without the lock. Those that are left are looked at again. */
static void sweep(struct local_engine *engine)
{
	struct local_keeper *keeper = &engine->keeper;
	keeper->sweep_ns = 0;
	pthread_mutex_unlock(&keeper->lock);
	local_tokens_sweep(engine, local_now());
	bool left = local_tokens_any(engine);
	pthread_mutex_lock(&keeper->lock);
	if (left && !keeper->sweep_ns)
		keeper->sweep_ns = now_ns() + (int64_t)DDB_TOKEN_SECONDS * SECOND;
}

static void *run(void *context)
{
	struct local_engine *engine = context;
	struct local_keeper *keeper = &engine->keeper;
	pthread_mutex_lock(&keeper->lock);
	while (!keeper->stopping) {
		int64_t now = now_ns();
		end_old(keeper, now);
		end_oldest(engine);
		if (keeper->sweep_ns && keeper->sweep_ns <= now)
			sweep(engine);
		else
			wait_for_next(keeper, now);
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

/* No signal is this thread's. Under the lock. */
static bool start(struct local_engine *engine)
{
	struct local_keeper *keeper = &engine->keeper;
	sigset_t all, before;
	if (keeper->started) {
		pthread_cond_signal(&keeper->changed);
		return true;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	keeper->started = !pthread_create(&keeper->thread, NULL, run, engine);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return keeper->started;
}

void local_keeper_sweeps(struct local_engine *engine)
{
	struct local_keeper *keeper = &engine->keeper;
	pthread_mutex_lock(&keeper->lock);
	if (!keeper->sweep_ns && !engine->read_only) {
		keeper->sweep_ns = now_ns() + (int64_t)DDB_TOKEN_SECONDS * SECOND;
		start(engine);
	}
	pthread_mutex_unlock(&keeper->lock);
}

void local_keeper_begin(struct local_engine *engine)
{
	if (!engine->read_only && local_tokens_any(engine))
		local_keeper_sweeps(engine);
}

void local_keeper_stop(struct local_engine *engine)
{
	struct local_keeper *keeper = &engine->keeper;
	pthread_mutex_lock(&keeper->lock);
	bool started = keeper->started;
	keeper->stopping = true;
	pthread_cond_signal(&keeper->changed);
	pthread_mutex_unlock(&keeper->lock);
	if (started)
		pthread_join(keeper->thread, NULL);
}

/* ---- Views ---- */

enum ddb_code local_keeper_add(struct local_engine *engine, struct local_view *view, struct ddb_error *err)
{
	struct local_keeper *keeper = &engine->keeper;
	pthread_mutex_lock(&keeper->lock);
	view->opened_ns = now_ns();
	view->older = keeper->newest;
	view->newer = NULL;
	if (keeper->newest)
		keeper->newest->newer = view;
	else
		keeper->oldest = view;
	keeper->newest = view;
	bool started = start(engine);
	pthread_mutex_unlock(&keeper->lock);
	if (started)
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
		seconds = (now_ns() - oldest->opened_ns) / SECOND;
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
