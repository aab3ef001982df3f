/*
 * What has changed in the base since a branch's moment: two cursors side by side over a range. LMDB never
 * writes a page again that a state still has, so a value at the same address in both is the same one, and is
 * not read. One key alone is looked up.
 */
#include "engine/store/branch.h"
#include "engine/order.h"
#include "engine/store/branches.h"

#include <assert.h>
#include <string.h>

struct side {
	struct store_cursor *cursor;
	bool found; /* a key of the range */
	const uint8_t *key;
	size_t length;
};

struct range {
	const void *from, *to; /* `to` NULL: to the end */
	size_t from_length, to_length;
	size_t key_length; /* keys of another length do not count; 0: all do */
};

/* On to a key that counts, or to the end of the range. */
static enum ddb_code side_settle(struct side *side, const struct range *range, struct ddb_error *err)
{
	while (side->found) {
		store_cursor_key(side->cursor, &side->key, &side->length);
		if (range->to && ddb_bytes_order(side->key, side->length, range->to, range->to_length) >= 0)
			side->found = false;
		else if (!range->key_length || side->length == range->key_length)
			return DDB_OK;
		else {
			enum ddb_code code = store_cursor_next(side->cursor, &side->found, err);
			if (code)
				return code;
		}
	}
	return DDB_OK;
}

static enum ddb_code side_start(struct side *side, const struct range *range, struct ddb_error *err)
{
	enum ddb_code code =
		store_cursor_seek(side->cursor, range->from, range->from_length, &side->found, err);
	return code ? code : side_settle(side, range, err);
}

static enum ddb_code side_next(struct side *side, const struct range *range, struct ddb_error *err)
{
	enum ddb_code code = store_cursor_next(side->cursor, &side->found, err);
	return code ? code : side_settle(side, range, err);
}

static bool same_key(const struct side *a, const struct side *b)
{
	return !ddb_bytes_order(a->key, a->length, b->key, b->length);
}

static bool same_bytes(const MDB_val *a, const MDB_val *b)
{
	return a->mv_size == b->mv_size &&
	       (a->mv_data == b->mv_data || !memcmp(a->mv_data, b->mv_data, a->mv_size));
}

static bool same_value(const struct side *a, const struct side *b)
{
	MDB_val left, right;
	store_cursor_raw(a->cursor, &left);
	store_cursor_raw(b->cursor, &right);
	return same_bytes(&left, &right);
}

/* Of two keys that are not the same, or of one with different values, the one that comes first. */
static void tell_first(const struct side sides[2], struct store_difference *ret)
{
	const struct side *first = &sides[0], *other = &sides[1];
	if (!first->found ||
		(other->found && ddb_bytes_order(other->key, other->length, first->key, first->length) < 0))
		first = other;
	memcpy(ret->key, first->key, first->length);
	ret->length = first->length;
}

static enum ddb_code compare(struct side sides[2], const struct range *range, bool values, bool *ret,
	struct store_difference *ret_first, struct ddb_error *err)
{
	enum ddb_code code = side_start(&sides[0], range, err);
	if (!code)
		code = side_start(&sides[1], range, err);
	bool same = true;
	while (!code && sides[0].found && sides[1].found) {
		same = same_key(&sides[0], &sides[1]) && (!values || same_value(&sides[0], &sides[1]));
		if (!same)
			break;
		code = side_next(&sides[0], range, err);
		if (!code)
			code = side_next(&sides[1], range, err);
	}
	if (code)
		return code;
	*ret = same && sides[0].found == sides[1].found;
	if (!*ret && ret_first)
		tell_first(sides, ret_first);
	return DDB_OK;
}

/* ---- One key, without cursors ---- */

/* Behind a key is the key with a zero byte: nothing lies between. */
static bool is_point(const struct range *range)
{
	return range->from_length && range->to && range->to_length == range->from_length + 1 &&
	       !((const uint8_t *)range->to)[range->from_length] &&
	       !memcmp(range->from, range->to, range->from_length);
}

static enum ddb_code find(struct store_txn *txn, const struct range *range, MDB_val *ret, bool *ret_found,
	struct ddb_error *err)
{
	struct ddb_error error;
	enum ddb_code code = store_keyspace_get(txn, range->from, range->from_length, ret, &error);
	*ret_found = !code;
	if (!code || code == DDB_RESOURCE_NOT_FOUND)
		return DDB_OK;
	if (err)
		*err = error;
	return code;
}

static enum ddb_code compare_point(struct store_txn *moment, struct store_txn *txn, const struct range *range,
	bool *ret, struct store_difference *ret_first, struct ddb_error *err)
{
	MDB_val was, is;
	bool was_found = false, is_found = false;
	enum ddb_code code = find(moment, range, &was, &was_found, err);
	if (!code)
		code = find(txn, range, &is, &is_found, err);
	if (code)
		return code;
	*ret = was_found == is_found && (!is_found || same_bytes(&was, &is));
	if (!*ret && ret_first) {
		memcpy(ret_first->key, range->from, range->from_length);
		ret_first->length = range->from_length;
	}
	return DDB_OK;
}

/* ---- Either ---- */

/* Whether nothing at all has been written since. A job of the base has the number of the commit to come. */
static bool same_state(const struct store_txn *moment, const struct store_txn *txn)
{
	size_t then = mdb_txn_id(moment->mdb), now = mdb_txn_id(txn->mdb);
	return txn->writes ? now == then + 1 && !txn->changes && !txn->all_changes : now == then;
}

static enum ddb_code differ(struct store_txn *view, struct store_txn *txn, const struct range *range,
	bool values, bool *ret, struct store_difference *ret_first, struct ddb_error *err)
{
	struct store_txn *moment = store_branch_moment(view);
	struct side sides[2] = {{0}, {0}};
	assert(txn->store == moment->store && !txn->store->branch);
	if (same_state(moment, txn)) {
		*ret = true;
		return DDB_OK;
	}
	if (values && is_point(range))
		return compare_point(moment, txn, range, ret, ret_first, err);
	enum ddb_code code = store_cursor_open(moment, &sides[0].cursor, err);
	if (!code)
		code = store_cursor_open(txn, &sides[1].cursor, err);
	if (!code)
		code = compare(sides, range, values, ret, ret_first, err);
	store_cursor_close(sides[1].cursor);
	store_cursor_close(sides[0].cursor);
	return code;
}

enum ddb_code store_branch_unchanged(struct store_txn *view, struct store_txn *txn, const void *from,
	size_t from_length, const void *to, size_t to_length, bool *ret, struct store_difference *ret_first,
	struct ddb_error *err)
{
	struct range range = {from, to, from_length, to_length, 0};
	return differ(view, txn, &range, true, ret, ret_first, err);
}

enum ddb_code store_branch_same_keys(struct store_txn *view, struct store_txn *txn, const void *from,
	size_t from_length, const void *to, size_t to_length, size_t length, bool *ret, struct ddb_error *err)
{
	struct range range = {from, to, from_length, to_length, length};
	return differ(view, txn, &range, false, ret, NULL, err);
}
