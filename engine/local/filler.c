#include "engine/local/filler.h"

#include "engine/local/index_fill.h"
#include <signal.h>
#include <string.h>
#include <time.h>

enum {
	RETRY_FIRST_MS = 250, /* after a failure, such as a full disk; twice as long after each further one */
	RETRY_LAST_MS = 30000,
};

enum ddb_code local_filler_init(struct local_filler *filler, struct ddb_error *err)
{
	pthread_condattr_t clock;
	*filler = (struct local_filler){.started = false};
	if (pthread_condattr_init(&clock))
		return ddb_fail_memory(err);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	bool made = !pthread_cond_init(&filler->changed, &clock);
	pthread_condattr_destroy(&clock);
	if (made && !pthread_mutex_init(&filler->lock, NULL))
		return DDB_OK;
	if (made)
		pthread_cond_destroy(&filler->changed);
	return ddb_fail_memory(err);
}

void local_filler_done(struct local_filler *filler)
{
	pthread_cond_destroy(&filler->changed);
	pthread_mutex_destroy(&filler->lock);
}

static bool is_stopping(struct local_filler *filler)
{
	pthread_mutex_lock(&filler->lock);
	bool stopping = filler->stopping;
	pthread_mutex_unlock(&filler->lock);
	return stopping;
}

/* ---- The tables ---- */

static enum ddb_code step_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	return local_fill_step(engine, table, context, err);
}

/* Everything of one table; one that is gone meanwhile needs nothing. */
static enum ddb_code fill_table(struct local_engine *engine, const char *name)
{
	bool more = true;
	enum ddb_code code = DDB_OK;
	while (!code && more && !is_stopping(&engine->filler))
		code = local_on_table(engine, name, LOCAL_OF_TABLE, step_attempt, &more, NULL);
	return code == DDB_RESOURCE_NOT_FOUND ? DDB_OK : code;
}

/* All tables once. False: something has failed. */
static bool fill_all(struct local_engine *engine)
{
	char name[DDB_TABLE_NAME_MAX + 1] = "";
	bool found = true, sound = true;
	while (!is_stopping(&engine->filler)) {
		if (local_catalog_next(engine, name, local_catalog_pending, &found, NULL))
			return false;
		if (!found)
			return sound;
		if (fill_table(engine, name))
			sound = false;
	}
	return sound;
}

/* ---- The thread ---- */

static void wait_for(struct local_filler *filler, unsigned ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	int ended = 0;
	while (!filler->stopping && !filler->wanted && !ended)
		ended = pthread_cond_timedwait(&filler->changed, &filler->lock, &until);
}

/* Until there is work. Under the lock. */
static void wait_for_work(struct local_filler *filler)
{
	while (!filler->stopping && !filler->wanted)
		pthread_cond_wait(&filler->changed, &filler->lock);
}

static void *run(void *context)
{
	struct local_engine *engine = context;
	struct local_filler *filler = &engine->filler;
	unsigned pause = RETRY_FIRST_MS;
	pthread_mutex_lock(&filler->lock);
	while (!filler->stopping) {
		filler->wanted = false;
		pthread_mutex_unlock(&filler->lock);
		bool sound = fill_all(engine);
		pthread_mutex_lock(&filler->lock);
		if (sound) {
			pause = RETRY_FIRST_MS;
			wait_for_work(filler);
			continue;
		}
		wait_for(filler, pause);
		pause = pause * 2 < RETRY_LAST_MS ? pause * 2 : RETRY_LAST_MS;
	}
	pthread_mutex_unlock(&filler->lock);
	return NULL;
}

/* No signal is this thread's. */
static bool start(struct local_engine *engine)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = !pthread_create(&engine->filler.thread, NULL, run, engine);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

void local_filler_wake(struct local_engine *engine)
{
	struct local_filler *filler = &engine->filler;
	if (engine->read_only)
		return;
	pthread_mutex_lock(&filler->lock);
	filler->wanted = true;
	if (!filler->started && !filler->stopping)
		filler->started = start(engine);
	else
		pthread_cond_signal(&filler->changed);
	pthread_mutex_unlock(&filler->lock);
}

void local_filler_begin(struct local_engine *engine)
{
	char name[DDB_TABLE_NAME_MAX + 1] = "";
	bool found = false;
	if (!engine->read_only &&
		(local_catalog_next(engine, name, local_catalog_pending, &found, NULL) || found))
		local_filler_wake(engine);
}

void local_filler_stop(struct local_engine *engine)
{
	struct local_filler *filler = &engine->filler;
	pthread_mutex_lock(&filler->lock);
	bool started = filler->started;
	filler->stopping = true;
	pthread_cond_signal(&filler->changed);
	pthread_mutex_unlock(&filler->lock);
	if (started)
		pthread_join(filler->thread, NULL);
	pthread_mutex_lock(&filler->lock);
	filler->started = filler->stopping = false;
	pthread_mutex_unlock(&filler->lock);
}
