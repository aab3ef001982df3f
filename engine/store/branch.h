/*
 * A branch: a store as of one moment, with changes of its own that only it sees, in memory. It is a struct
 * store like any other: store_view, cursors, store_write, store_hash and store_close work on it, so that what
 * is written against a store works on a branch unchanged. What it changes is sealed as in the store, is
 * bounded, and never reaches the disk. While it is open the pages of its moment are not reused: it must not
 * be kept for long, and can be dropped at any time. Threads: any; a branch serves one view or job at a time,
 * others wait: who has a view of it must not begin another, and who is in a job of the base must not begin
 * one.
 */
#ifndef STORE_BRANCH_H
#define STORE_BRANCH_H

#include "engine/store/store.h"

struct store_branch_options {
	bool read_only;    /* store_write answers DDB_STORE_READ_ONLY */
	size_t memory_max; /* bytes of changes; beyond it store_write fails with DDB_STORE_FULL and changes
			      nothing. So it does when the changes of all branches take 256 MiB */
};

/* The state of now. `base` outlives it. store_close ends it. DDB_LIMIT_EXCEEDED: too many are open. */
DDB_MUST_CHECK enum ddb_code store_branch_open(struct store *base, const struct store_branch_options *options,
	struct store **ret, struct ddb_error *err);

/*
 * Lets go of the moment and of all changes, after the view or job that is under way: from then on every view
 * and job fails with DDB_VIEW_ENDED and `why`. The branch is still to be closed.
 */
void store_branch_drop(struct store *branch, const char *why);
bool store_branch_dropped(struct store *branch);

/* The store_txn_number of the moment. */
uint64_t store_branch_number(const struct store *branch);
/* Bytes that its changes take. */
size_t store_branch_bytes(struct store *branch);

/*
 * In order, the keys in [from, to) that the branch has put or deleted, also those that are again as they
 * were; `visit` may end the walk with an error. It may read the branch through `view`, and nothing else of
 * it. `to` NULL: to the end.
 */
typedef enum ddb_code store_branch_visit(void *context, struct store_txn *view, const uint8_t *key,
	size_t length, bool deleted, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_branch_changes(struct store_txn *view, const void *from,
	size_t from_length, const void *to, size_t to_length, store_branch_visit *visit, void *context,
	struct ddb_error *err);

/* store_get as of the branch's moment, without its changes. */
DDB_MUST_CHECK enum ddb_code store_branch_get(struct store_txn *view, struct ddb_arena *arena,
	const void *key, size_t key_length, bool want_body, struct store_value *ret, struct ddb_error *err);

struct store_difference { /* the first key that differs */
	size_t length;
	uint8_t key[STORE_KEY_MAX];
};
/*
 * Whether the records in [from, to) are in `txn`, a job or view of the base, what they were at the branch's
 * moment: no key came or went, and none was written again, be it with the same value. Compares sealed bytes,
 * opens nothing, and costs as much as a walk over both, to the first difference (*ret_first, or NULL). `to`
 * NULL: to the end.
 */
DDB_MUST_CHECK enum ddb_code store_branch_unchanged(struct store_txn *view, struct store_txn *txn,
	const void *from, size_t from_length, const void *to, size_t to_length, bool *ret,
	struct store_difference *ret_first, struct ddb_error *err);
/* The same of the keys alone that are `length` bytes long: which there are, not what their records hold. */
DDB_MUST_CHECK enum ddb_code store_branch_same_keys(struct store_txn *view, struct store_txn *txn,
	const void *from, size_t from_length, const void *to, size_t to_length, size_t length, bool *ret,
	struct ddb_error *err);

#endif
