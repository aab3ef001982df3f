/*
 * The thread of an engine that removes what has expired (expiry.h). It starts with the first table that has
 * TTL, looks twice in each interval, and ends with the engine. Some items go in one transaction, with their
 * index entries and the stream's record of a service; then it rests for a multiple of the time that took, so
 * that writers hardly notice. Who watches is told after each commit. Never on a read-only engine.
 */
#ifndef LOCAL_SWEEPER_H
#define LOCAL_SWEEPER_H

#include "engine/engine.h"
#include <pthread.h>

struct local_engine;

struct local_sweeper {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool started, wanted, stopping;
	unsigned interval_ms;
	pthread_mutex_t watch_lock; /* held while the watcher is told; taken without the other */
	void (*expired)(void *context, const struct ddb_table *table, const struct ddb_value *key);
	void *context;
};

DDB_MUST_CHECK enum ddb_code local_sweeper_init(struct local_sweeper *sweeper, struct ddb_error *err);
/* Stopped before. */
void local_sweeper_done(struct local_sweeper *sweeper);

/* Of an engine that was just opened: starts the thread if a table has TTL. */
void local_sweeper_begin(struct local_engine *engine);
/* A table may have got TTL. */
void local_sweeper_wake(struct local_engine *engine);
/* Ends the thread after its transaction; local_sweeper_begin starts it again. */
void local_sweeper_stop(struct local_engine *engine);

/* Removes what is due in all tables, and says whether there is a table with TTL. The thread's work. */
bool local_sweep(struct local_engine *engine);

void local_watch_expired(struct ddb_engine *engine,
	void (*expired)(void *context, const struct ddb_table *table, const struct ddb_value *key),
	void *context);

#endif
