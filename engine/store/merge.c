/*
 * The cursor of a branch: the moment's cursor and a place in the changes, both at the next key in the
 * direction of the way, of which the nearer one counts. A key that both have is the changes', and one that
 * they have as deleted is stepped over.
 */
#include "engine/store/branches.h"
#include "engine/order.h"

#include <assert.h>
#include <stdlib.h>

struct store_merge {
	struct store_cursor *below; /* of the moment */
	const struct store_changes *changes;
	struct store_change *change; /* NULL: no more in this direction */
	bool has_below;              /* false: no more in this direction */
	bool forward;
	enum { AT_NOTHING, AT_BELOW, AT_CHANGE, AT_BOTH } at;
};

enum ddb_code store_merge_open(struct store_txn *txn, struct store_merge **ret, struct ddb_error *err)
{
	struct store_merge *merge = calloc(1, sizeof *merge);
	if (!merge)
		return ddb_fail_memory(err);
	enum ddb_code code = store_cursor_open(store_branch_moment(txn), &merge->below, err);
	if (code) {
		free(merge);
		return code;
	}
	merge->changes = store_branch_map(txn);
	*ret = merge;
	return DDB_OK;
}

void store_merge_close(struct store_merge *merge)
{
	store_cursor_close(merge->below);
	free(merge);
}

/* ---- Either side ---- */

static enum ddb_code advance_below(struct store_merge *merge, struct ddb_error *err)
{
	return merge->forward ? store_cursor_next(merge->below, &merge->has_below, err)
			      : store_cursor_previous(merge->below, &merge->has_below, err);
}

static void advance_change(struct store_merge *merge)
{
	merge->change = merge->forward ? merge->change->next[0] : merge->change->previous;
}

static enum ddb_code seek_below(
	struct store_merge *merge, const void *key, size_t length, struct ddb_error *err)
{
	return merge->forward ? store_cursor_seek(merge->below, key, length, &merge->has_below, err)
			      : store_cursor_seek_before(merge->below, key, length, &merge->has_below, err);
}

static void seek_change(struct store_merge *merge, const void *key, size_t length)
{
	merge->change = merge->forward ? store_changes_seek(merge->changes, key, length)
				       : store_changes_before(merge->changes, key, length);
}

/* ---- Both ---- */

/* Which side is nearer in the direction of the way. */
static int nearer(const struct store_merge *merge)
{
	const uint8_t *key;
	size_t length;
	if (!merge->has_below || !merge->change)
		return merge->has_below ? AT_BELOW : merge->change ? AT_CHANGE : AT_NOTHING;
	store_cursor_key(merge->below, &key, &length);
	int order = ddb_bytes_order(key, length, store_change_key(merge->change), merge->change->key_length);
	if (!order)
		return AT_BOTH;
	return (order < 0) == merge->forward ? AT_BELOW : AT_CHANGE;
}

/* From the key that the merge is at to the next of each side that has it. */
static enum ddb_code advance(struct store_merge *merge, struct ddb_error *err)
{
	if (merge->at == AT_CHANGE || merge->at == AT_BOTH)
		advance_change(merge);
	return merge->at == AT_CHANGE ? DDB_OK : advance_below(merge, err);
}

/* On to a key that is not deleted. `code` is what moving has come to; who failed is at no key. */
static enum ddb_code settle(
	struct store_merge *merge, enum ddb_code code, bool *ret_found, struct ddb_error *err)
{
	while (!code) {
		merge->at = nearer(merge);
		if (merge->at == AT_NOTHING || merge->at == AT_BELOW || merge->change->now.bytes) {
			*ret_found = merge->at != AT_NOTHING;
			return DDB_OK;
		}
		code = advance(merge, err);
	}
	merge->at = AT_NOTHING;
	return code;
}

enum ddb_code store_merge_seek(struct store_merge *merge, const void *key, size_t length, bool forward,
	bool *ret_found, struct ddb_error *err)
{
	merge->forward = forward;
	seek_change(merge, key, length);
	return settle(merge, seek_below(merge, key, length, err), ret_found, err);
}

/* To the next key the other way than before: only one side is sure to be at the key that is left. */
static enum ddb_code turn(struct store_merge *merge, bool *ret_found, struct ddb_error *err)
{
	uint8_t here[STORE_KEY_MAX];
	const uint8_t *key;
	size_t length;
	store_merge_key(merge, &key, &length);
	memcpy(here, key, length);
	enum ddb_code code = store_merge_seek(merge, here, length, !merge->forward, ret_found, err);
	if (code || !merge->forward)
		return code;
	return settle(merge, advance(merge, err), ret_found, err); /* a key is at or behind itself */
}

enum ddb_code store_merge_step(
	struct store_merge *merge, bool forward, bool *ret_found, struct ddb_error *err)
{
	if (merge->at == AT_NOTHING) {
		*ret_found = false;
		return DDB_OK;
	}
	if (forward != merge->forward)
		return turn(merge, ret_found, err);
	return settle(merge, advance(merge, err), ret_found, err);
}

void store_merge_key(const struct store_merge *merge, const uint8_t **ret, size_t *ret_length)
{
	assert(merge->at != AT_NOTHING);
	if (merge->at == AT_BELOW) {
		store_cursor_key(merge->below, ret, ret_length);
		return;
	}
	*ret = store_change_key(merge->change);
	*ret_length = merge->change->key_length;
}

void store_merge_raw(const struct store_merge *merge, MDB_val *ret)
{
	assert(merge->at != AT_NOTHING);
	if (merge->at == AT_BELOW)
		store_cursor_raw(merge->below, ret);
	else
		*ret = (MDB_val){merge->change->now.length, merge->change->now.bytes};
}
