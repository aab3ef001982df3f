/*
 * What an update makes of an item, for UpdateItem and for updates within a transaction: the rules that need
 * no store, and within a job the item as it will be. Nothing here writes.
 */
#ifndef LOCAL_UPDATE_H
#define LOCAL_UPDATE_H

#include "engine/local/writing.h"

struct local_update {
	const struct ddb_update_item *request;
	bool flat; /* only the finished item's size counts, not what is written */
	struct local_key key;
	size_t key_written; /* of what the changes write: the key's own values, which do not count */
	struct ddb_put_result result;
};

/* The key, and whether the changes leave it alone: before the transaction. Sets `key`. DDB_VALIDATION. */
DDB_MUST_CHECK enum ddb_code local_update_check(struct local_engine *engine, const struct local_table *table,
	struct local_update *update, struct ddb_error *err);
/* Whether there is an item afterwards: changes that only remove make none. */
bool local_update_makes(const struct local_writing *writing, const struct local_update *update);
/* That item, in the job's arena, of a writing that began with `want_old`. */
DDB_MUST_CHECK enum ddb_code local_update_make(const struct local_writing *writing,
	const struct local_update *update, struct local_item *ret, struct ddb_error *err);

#endif
