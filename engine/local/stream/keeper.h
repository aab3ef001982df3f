/*
 * What goes on beside the streams: who watches them is called, and a thread of the engine removes what is
 * older than a day, some records to a transaction, while there are streams. Nothing is lost when it is
 * stopped between two steps. Writers are never held up for longer than a step.
 */
#ifndef LOCAL_STREAM_KEEPER_H
#define LOCAL_STREAM_KEEPER_H

#include "engine/local/worker.h"

struct local_engine;

struct local_streams {
	bool stirring; /* under the writer: the running job has written a record or turned a stream off */

	pthread_rwlock_t watching; /* of these two */
	void (*stirred)(void *context);
	void *context;

	struct local_worker worker; /* to be woken when a stream was turned on */
};

void local_streams_init(struct local_engine *engine);
/* Stops it first. */
void local_streams_done(struct local_engine *engine);

/* Of an engine that was just opened: starts the thread if there are streams. */
void local_streams_begin(struct local_engine *engine);

/* A job has stirred a stream and is committed. */
void local_streams_stir(struct local_engine *engine);

/* What the thread does once a minute: removes all that is too old by the engine's clock. False when
 * something has failed, and stays. */
bool local_streams_tend(struct local_engine *engine);

#endif
