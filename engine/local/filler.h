/*
 * The thread of an engine that makes indexes and files expiries (index_fill.h), one step after the other,
 * while there is something to be made. It starts with the first work and ends with the engine; between two
 * steps it can be stopped at any time, and nothing is lost. Writers are never held up for longer than a step.
 */
#ifndef LOCAL_FILLER_H
#define LOCAL_FILLER_H

#include "engine/error.h"
#include <pthread.h>
#include <stdbool.h>

struct local_engine;

struct local_filler {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool started, wanted, stopping;
};

DDB_MUST_CHECK enum ddb_code local_filler_init(struct local_filler *filler, struct ddb_error *err);
/* Stopped before. */
void local_filler_done(struct local_filler *filler);

/* Of an engine that was just opened: starts the thread if something was left to be made. */
void local_filler_begin(struct local_engine *engine);
/* There may be something to be made. Never on a read-only engine, where everything stays as it is. */
void local_filler_wake(struct local_engine *engine);
/* Ends the thread after its step; local_filler_wake starts it again. */
void local_filler_stop(struct local_engine *engine);

#endif
