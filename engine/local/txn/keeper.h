/*
 * Who looks after the views of an engine: a thread that ends those that are open for too long, and the oldest
 * while the disk is nearly full, since the pages of a view's moment cannot be used again. It also removes
 * tokens that are over. It starts with the first view or token. The lock is taken before a branch's, and
 * without the thread's.
 */
#ifndef LOCAL_KEEPER_H
#define LOCAL_KEEPER_H

#include "engine/error.h"
#include "engine/jsonout.h"
#include "engine/local/worker.h"

struct local_engine;
struct local_view;

struct local_keeper {
	struct local_worker worker;
	pthread_mutex_t lock; /* of what follows */
	struct local_view *oldest, *newest;
	int64_t view_ns;       /* that a view may be open */
	unsigned free_percent; /* of the file system, below which views end */
	int64_t sweep_ns;      /* when tokens are to be looked at; 0: there are none */
	uint64_t ended;        /* views, before they were closed */
	char why[256];         /* the last of them was */
};

void local_keeper_init(struct local_engine *engine);
/* Stops it first. */
void local_keeper_done(struct local_engine *engine);

/* Of an engine that was just opened: starts the thread if there are tokens. */
void local_keeper_begin(struct local_engine *engine);

/* A view that was just opened, or is about to be closed. DDB_NO_MEMORY: there is no thread for it. */
DDB_MUST_CHECK enum ddb_code local_keeper_add(
	struct local_engine *engine, struct local_view *view, struct ddb_error *err);
void local_keeper_remove(struct local_engine *engine, struct local_view *view);
/* A token was written. */
void local_keeper_sweeps(struct local_engine *engine);

/* The member `moments`: how many of them are kept for views, and what that costs. */
void local_keeper_status(struct local_engine *engine, uint64_t kept_bytes, struct ddb_json_out *json);

#endif
