/*
 * The thread of an engine that removes what has expired (expiry.h). It starts with the first table that has
 * TTL and looks twice in each interval. Some items go in one transaction, with their
 * index entries and the stream's record of a service; then it rests for a multiple of the time that took, so
 * that writers hardly notice. Who watches is told after each commit. Never on a read-only engine.
 */
#ifndef LOCAL_SWEEPER_H
#define LOCAL_SWEEPER_H

#include "engine/engine.h"
#include "engine/local/worker.h"

struct local_engine;

struct local_sweeper {
	struct local_worker worker; /* to be woken when a table may have got TTL */
	unsigned interval_ms;
	pthread_mutex_t watch_lock; /* held while the watcher is told */
	void (*expired)(void *context, const struct ddb_table *table, const struct ddb_value *key);
	void *context;
};

void local_sweeper_init(struct local_engine *engine);
/* Stops it first. */
void local_sweeper_done(struct local_engine *engine);

/* Of an engine that was just opened: starts the thread if a table has TTL. */
void local_sweeper_begin(struct local_engine *engine);

/* Removes what is due in all tables, and says whether there is a table with TTL. The thread's work. */
bool local_sweep(struct local_engine *engine);

void local_watch_expired(struct ddb_engine *engine,
	void (*expired)(void *context, const struct ddb_table *table, const struct ddb_value *key),
	void *context);

#endif
