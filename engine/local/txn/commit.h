/*
 * The commit of a transaction: all that it has staged becomes part of the tables in one job of the base,
 * which first looks whether anything stands in the way. Threads: any; one commit of a view at a time.
 */
#ifndef LOCAL_COMMIT_H
#define LOCAL_COMMIT_H

#include "engine/local/txn/view.h"

enum ddb_code local_commit(struct ddb_engine *, struct ddb_arena *, const struct ddb_commit *,
	struct ddb_commit_result *, struct ddb_error *);

#endif
