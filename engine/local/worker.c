#include "engine/local/worker.h"

#include <signal.h>
#include <time.h>

int64_t local_ticks(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * LOCAL_TICKS_SECOND + now.tv_nsec;
}

void local_worker_init(struct local_worker *worker, struct local_engine *engine, local_work *work)
{
	pthread_condattr_t monotonic;
	*worker = (struct local_worker){.work = work, .engine = engine};
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void local_worker_done(struct local_worker *worker)
{
	local_worker_stop(worker);
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->lock);
}

/* ---- The thread ---- */

static void *run(void *context)
{
	struct local_worker *worker = context;
	pthread_mutex_lock(&worker->lock);
	worker->wanted = false;
	pthread_mutex_unlock(&worker->lock);
	worker->work(worker->engine);
	return NULL;
}

static bool start(struct local_worker *worker)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = !pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

bool local_worker_wake(struct local_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->wanted = true;
	if (!worker->started && !worker->stopping)
		worker->started = start(worker);
	else
		pthread_cond_signal(&worker->changed);
	bool started = worker->started;
	pthread_mutex_unlock(&worker->lock);
	return started;
}

void local_worker_stop(struct local_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	bool started = worker->started;
	worker->stopping = true;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	if (started)
		pthread_join(worker->thread, NULL);
	pthread_mutex_lock(&worker->lock);
	worker->started = worker->stopping = false;
	pthread_mutex_unlock(&worker->lock);
}

/* ---- Waiting ---- */

bool local_worker_stopping(struct local_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	bool stopping = worker->stopping;
	pthread_mutex_unlock(&worker->lock);
	return stopping;
}

/* Under the lock. */
static void wait_until(struct local_worker *worker, int64_t until, bool wakes)
{
	const struct timespec time = {
		.tv_sec = until / LOCAL_TICKS_SECOND, .tv_nsec = (long)(until % LOCAL_TICKS_SECOND)};
	int ended = 0;
	while (!worker->stopping && !(wakes && worker->wanted) && !ended)
		ended = pthread_cond_timedwait(&worker->changed, &worker->lock, &time);
}

bool local_worker_sleep(struct local_worker *worker, int64_t until)
{
	pthread_mutex_lock(&worker->lock);
	wait_until(worker, until, true);
	worker->wanted = false;
	bool stopping = worker->stopping;
	pthread_mutex_unlock(&worker->lock);
	return !stopping;
}

bool local_worker_rest(struct local_worker *worker, int64_t until)
{
	pthread_mutex_lock(&worker->lock);
	wait_until(worker, until, false);
	bool stopping = worker->stopping;
	pthread_mutex_unlock(&worker->lock);
	return !stopping;
}
