/*
 * What a store's functions do when the store is a branch, for the files of this directory only: each has one
 * row here. `view` and `txn` are the branch's.
 */
#ifndef STORE_BRANCHES_H
#define STORE_BRANCHES_H

#include "engine/store/changes.h"
#include "engine/store/inside.h"

/* ---- branch.c ---- */

void store_branch_close(struct store_branch *branch);
void store_branch_status(struct store_branch *branch, struct store_status *ret);
DDB_MUST_CHECK enum ddb_code store_branch_view(
	struct store_branch *branch, struct store_txn **ret, struct ddb_error *err);
void store_branch_view_end(struct store_txn *view);
DDB_MUST_CHECK enum ddb_code store_branch_write(
	struct store_branch *branch, store_job *job, void *context, struct ddb_error *err);
uint64_t store_branch_txn_number(const struct store_txn *view);
void store_branch_take_numbers(struct store_txn *txn, unsigned count);
/* As store_keyspace_get, _reserve and _delete. */
DDB_MUST_CHECK enum ddb_code store_branch_find(
	struct store_txn *view, const void *key, size_t length, MDB_val *ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_branch_reserve(struct store_txn *txn, const void *key, size_t length,
	size_t value_length, uint8_t **ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_branch_delete(
	struct store_txn *txn, const void *key, size_t length, bool *ret_existed, struct ddb_error *err);

/* A view of the base. */
struct store_txn *store_branch_moment(const struct store_txn *view);
const struct store_changes *store_branch_map(const struct store_txn *view);
/* LMDB's number of the oldest moment that is kept; UINT64_MAX: there is none. */
uint64_t store_branches_oldest(struct store_environment *environment);
/* All branches, before LMDB is closed. No lock is held. */
void store_branches_drop(struct store_environment *environment, const char *why);

/* ---- merge.c: a cursor over the moment and the changes ---- */

struct store_merge;

DDB_MUST_CHECK enum ddb_code store_merge_open(
	struct store_txn *txn, struct store_merge **ret, struct ddb_error *err);
void store_merge_close(struct store_merge *merge);
DDB_MUST_CHECK enum ddb_code store_merge_seek(struct store_merge *merge, const void *key, size_t length,
	bool forward, bool *ret_found, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_merge_step(
	struct store_merge *merge, bool forward, bool *ret_found, struct ddb_error *err);
void store_merge_key(const struct store_merge *merge, const uint8_t **ret, size_t *ret_length);
void store_merge_raw(const struct store_merge *merge, MDB_val *ret);

#endif
