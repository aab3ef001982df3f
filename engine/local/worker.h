/*
 * A thread of an engine that works beside its writers. It starts with the first work, sleeps until it is
 * woken or a time has come, and ends with the engine; it can be stopped at any time between two steps, and
 * started again. No signal is its own. What it does is the owner's (index/filler.h, ttl/sweeper.h, stream/keeper.h,
 * txn/keeper.h).
 */
#ifndef LOCAL_WORKER_H
#define LOCAL_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct local_engine;

/* The thread's whole work: it returns when a wait below tells it to. */
typedef void local_work(struct local_engine *engine);

struct local_worker {
	local_work *work;
	struct local_engine *engine;
	pthread_mutex_t lock; /* of what follows; no other is taken under it */
	pthread_cond_t changed;
	pthread_t thread;
	bool started, wanted, stopping;
};

void local_worker_init(struct local_worker *worker, struct local_engine *engine, local_work *work);
/* Stops it first. */
void local_worker_done(struct local_worker *worker);

/* There may be work: starts the thread, or ends its sleep. False: there is no thread. */
bool local_worker_wake(struct local_worker *worker);
/* Ends the thread after its step. */
void local_worker_stop(struct local_worker *worker);

/* ---- For the work ---- */

enum { LOCAL_TICKS_MS = 1000000, LOCAL_TICKS_SECOND = 1000000000 };
/* The clock of the waits, which nobody sets. */
int64_t local_ticks(void);

bool local_worker_stopping(struct local_worker *worker);
/* Waits until that time, INT64_MAX being none, or until it is woken, be it before this call. False: the work
 * is to end. */
bool local_worker_sleep(struct local_worker *worker, int64_t until);
/* The same, but what wakes it is left for the next sleep. */
bool local_worker_rest(struct local_worker *worker, int64_t until);

#endif
