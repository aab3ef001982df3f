/*
 * What a Query or Scan reads, a table or one of its indexes, and whether the request may be made of it. No
 * store is asked. Points into the table, which the caller holds.
 */
#ifndef LOCAL_SOURCE_H
#define LOCAL_SOURCE_H

#include "engine/local/index/index.h"

struct local_source {
	const struct local_table *table;
	const struct ddb_definition *definition;
	const struct ddb_index_definition *index; /* or NULL: the table itself */
	unsigned position;                        /* of the index in the definition */
	bool headers;                             /* each partition begins with a header */
	bool single;  /* of a table without a sort key: a partition is one item at most */
	bool fetches; /* of a local index: items come from the table, since they are not all projected */
};

/*
 * Of a table that has a key. DDB_VALIDATION in the service's words: for an index that there is not or that
 * cannot be read yet, a consistent read of a global one, attributes that a global one does not have, and a
 * Query's filter on the key.
 */
DDB_MUST_CHECK enum ddb_code local_source_of(const struct local_table *table, const struct ddb_query *query,
	struct local_source *ret, struct ddb_error *err);
/* In a view: DDB_OK, or LOCAL_STALE. */
DDB_MUST_CHECK enum ddb_code local_source_alive(
	struct store_txn *view, const struct local_source *source, struct ddb_error *err);

#endif
