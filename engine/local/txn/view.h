/*
 * A view: an engine of its own on a branch of another engine's store. All operations on items work there
 * unchanged; those on tables are refused. A transaction's writes are staged: which items they were to is kept
 * (staged.h), and what was read (reads.h), until a commit (commit.h) brings them to the tables. It has no
 * filler, removes no remains, and files nothing for streams: a view's `engine->view` is not NULL. Threads:
 * any.
 */
#ifndef LOCAL_VIEW_H
#define LOCAL_VIEW_H

#include "engine/local/local_private.h"
#include "engine/local/txn/reads.h"
#include "engine/local/txn/staged.h"
#include "engine/store/branch.h"

struct local_view {
	struct local_engine engine; /* first; its store is the branch */
	struct local_engine *base;
	enum ddb_view_kind kind;
	unsigned max_items;
	uint64_t max_bytes; /* of changed items */
	int64_t since_ns;
	/* The keeper's: */
	int64_t opened_ns; /* on the clock that nobody sets */
	struct local_view *older, *newer;
	/* Of a transaction. The lock is taken before the branch, and by who writes or commits. */
	pthread_mutex_t lock;
	struct local_staged staged;
	struct local_reads reads;
};

enum ddb_code local_open_view(
	struct ddb_engine *, const struct ddb_open_view *, struct ddb_engine **, struct ddb_error *);
/* Of an engine that is a view; or NULL. */
struct local_view *local_view_of(struct ddb_engine *engine);
void local_view_status(struct ddb_engine *, struct ddb_view_status *);
void local_end_view(struct ddb_engine *, const char *why);

#endif
