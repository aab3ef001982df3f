/*
 * The check of a table's expiries: every item that has a time has its record, once it is filed, and every
 * record its item. See check.h.
 */
#include "engine/local/check/check.h"
#include "engine/local/ttl/expiry.h"
#include "engine/local/index/fill.h"

#include <string.h>

struct expiry_repair {
	const uint8_t *key;
	size_t length;
};

static enum ddb_code expiry_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct expiry_repair *repair = context;
	return local_expiry_write(txn, repair->key, repair->length, err);
}

/* Whether the item has that key in the table, and what its time is; what is no item was told by check_items.
 */
static bool read_item(struct check *check, const struct local_table *table, const struct store_value *value,
	struct local_key *ret_key, int64_t *ret_time)
{
	struct ddb_value item;
	return local_body_decode(&check->arena, value->body, value->body_length, &item, NULL) == DDB_OK &&
	       local_key_of_item(check->engine->store, table->table, table->space, &item, ret_key, NULL) ==
		       DDB_OK &&
	       local_expiry_time(table, &item, ret_time);
}

static enum ddb_code visit_item(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	const struct local_table *table = context;
	struct store_value value;
	struct local_key key;
	uint8_t place[LOCAL_EXPIRY_KEY_MAX];
	struct ddb_error reason;
	bool sound, found = false, filed;
	int64_t time;
	if (walk->length < LOCAL_PREFIX_BYTES ||
		(table->table->definition->has_range && walk->length == LOCAL_PREFIX_BYTES))
		return DDB_OK;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code || !sound || !read_item(check, table, &value, &key, &time))
		return code;
	code = local_fill_filed(check->view, table, &key, &filed, &reason);
	code = check_progress(code, &reason, &filed, err);
	if (code || !filed)
		return code;
	size_t length = local_expiry_key(table, time, key.bytes, key.length, place);
	code = check_look(check, place, length, &value, &found, &sound, err);
	if (code || found || !sound)
		return code;
	check_problem(check, "table %s: the expiry of an item is not filed", table->table->name);
	return check_repair(check, expiry_job, &(struct expiry_repair){place, length}, err);
}

/* Whether there is an item with that time, and it is filed. */
static enum ddb_code is_right(struct check *check, const struct local_table *table,
	const struct check_walk *walk, bool *ret, struct ddb_error *err)
{
	uint8_t item_key[LOCAL_KEY_MAX];
	struct store_value value;
	struct ddb_error reason;
	struct local_key key;
	size_t length;
	int64_t filed_time, time;
	bool found = false, sound;
	*ret = false;
	if (!local_expiry_item(table, walk->key, walk->length, &filed_time, item_key, &length))
		return DDB_OK;
	enum ddb_code code = check_look(check, item_key, length, &value, &found, &sound, err);
	*ret = !code && !sound; /* of a damaged item nobody knows */
	if (code || !found || !sound)
		return code;
	if (!read_item(check, table, &value, &key, &time) || time != filed_time || key.length != length ||
		memcmp(key.bytes, item_key, length) != 0)
		return DDB_OK;
	code = local_fill_filed(check->view, table, &key, ret, &reason);
	return check_progress(code, &reason, ret, err);
}

static enum ddb_code visit_expiry(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	const struct local_table *table = context;
	bool right;
	enum ddb_code code = is_right(check, table, walk, &right, err);
	if (code || right)
		return code;
	check_problem(check, "table %s: an expiry is filed that no item has", table->table->name);
	return check_delete(check, walk->key, walk->length, err);
}

enum ddb_code check_expiries(struct check *check, const struct local_table *table, struct ddb_error *err)
{
	void *context = (void *)(uintptr_t)table;
	uint8_t prefix[LOCAL_SPACE_BYTES];
	if (!local_expires(table))
		return DDB_OK;
	local_space_key(LOCAL_ITEM, table->space, prefix);
	enum ddb_code code = check_each(check, prefix, sizeof prefix, visit_item, context, err);
	if (!code)
		code = check_refresh(check, err);
	local_space_key(LOCAL_EXPIRY, table->expiry_space, prefix);
	return code ? code : check_each(check, prefix, sizeof prefix, visit_expiry, context, err);
}
