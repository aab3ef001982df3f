/*
 * What goes on beside the streams: who watches them is called, and a thread of the engine removes what is
 * older than a day, some records to a transaction, while there are streams. It starts with the first and ends
 * with the engine; between two steps it can be stopped at any time, and nothing is lost. Writers are never
 * held up for longer than a step.
 */
#ifndef LOCAL_STREAM_KEEPER_H
#define LOCAL_STREAM_KEEPER_H

#include "engine/error.h"
#include <pthread.h>
#include <stdbool.h>

struct local_engine;

struct local_streams {
	bool stirring; /* under the writer: the running job has written a record or turned a stream off */

	pthread_rwlock_t watching; /* of these two */
	void (*stirred)(void *context);
	void *context;

	pthread_mutex_t lock; /* of these */
	pthread_cond_t changed;
	pthread_t thread;
	bool started, stopping;
};

DDB_MUST_CHECK enum ddb_code local_streams_init(struct local_streams *streams, struct ddb_error *err);
void local_streams_done(struct local_streams *streams); /* stopped before */

/* Of an engine that was just opened: starts the thread if there are streams. */
void local_streams_begin(struct local_engine *engine);
/* A stream was turned on. Not on a read-only engine. */
void local_streams_wake(struct local_engine *engine);
void local_streams_stop(struct local_engine *engine);

/* A job has stirred a stream and is committed. */
void local_streams_stir(struct local_engine *engine);

/* What the thread does once a minute: removes all that is too old by the engine's clock. False when
 * something has failed, and stays. */
bool local_streams_tend(struct local_engine *engine);

#endif
