#include "engine/local/ttl/expiry.h"

#include "engine/local/index/fill.h"
#include <string.h>

enum {
	EXPIRY_VERSION = 1,
	TIME_DIGITS_MAX = 18, /* more than that is never; less fits an int64_t */
	TIME_BYTES = 8,
};

static const char *attribute_of(const struct local_table *table)
{
	const struct ddb_definition *definition = table->table->definition;
	return definition ? definition->ttl_attribute : NULL;
}

bool local_expiry_time(const struct local_table *table, const struct ddb_value *item, int64_t *ret)
{
	char text[DDB_NUMBER_TEXT_MAX];
	int64_t time = 0;
	const char *name = attribute_of(table);
	const struct ddb_value *value = name ? ddb_map_get(item, name, strlen(name)) : NULL;
	if (!value || value->type != DDB_N)
		return false;
	ddb_number_write(value->bytes, value->count, text);
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > TIME_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < digits; i++)
		time = time * 10 + (text[i] - '0');
	*ret = time;
	return true;
}

int64_t local_expiry_now(const struct local_engine *engine)
{
	int64_t now = __atomic_load_n(&engine->expiry_now, __ATOMIC_RELAXED);
	return now ? now : local_now() / 1000000000;
}

/* ---- Records ---- */

size_t local_expiry_key(const struct local_table *table, int64_t time, const uint8_t *item_key,
	size_t item_length, uint8_t ret[LOCAL_EXPIRY_KEY_MAX])
{
	size_t rest = item_length - LOCAL_SPACE_BYTES;
	local_space_key(LOCAL_EXPIRY, table->expiry_space, ret);
	local_write_be(ret + LOCAL_SPACE_BYTES, (uint64_t)time, TIME_BYTES);
	memcpy(ret + LOCAL_EXPIRY_PREFIX_BYTES, item_key + LOCAL_SPACE_BYTES, rest);
	return LOCAL_EXPIRY_PREFIX_BYTES + rest;
}

bool local_expiry_item(const struct local_table *table, const uint8_t *key, size_t length, int64_t *ret_time,
	uint8_t ret_item[LOCAL_KEY_MAX], size_t *ret_length)
{
	uint8_t space[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_EXPIRY, table->expiry_space, space);
	if (length < LOCAL_EXPIRY_PREFIX_BYTES + STORE_HASH_BYTES || length > LOCAL_EXPIRY_KEY_MAX ||
		memcmp(key, space, sizeof space) != 0)
		return false;
	*ret_time = (int64_t)local_read_be(key + LOCAL_SPACE_BYTES, TIME_BYTES);
	local_space_key(LOCAL_ITEM, table->space, ret_item);
	*ret_length = length - TIME_BYTES;
	memcpy(ret_item + LOCAL_SPACE_BYTES, key + LOCAL_EXPIRY_PREFIX_BYTES,
		*ret_length - LOCAL_SPACE_BYTES);
	return true;
}

enum ddb_code local_expiry_write(
	struct store_txn *txn, const uint8_t *key, size_t length, struct ddb_error *err)
{
	const uint8_t head[1] = {EXPIRY_VERSION};
	return store_put(txn, key, length, head, sizeof head, NULL, 0, err);
}

static enum ddb_code enter(
	struct local_job *job, const struct local_key *key, int64_t time, struct ddb_error *err)
{
	uint8_t place[LOCAL_EXPIRY_KEY_MAX];
	size_t length = local_expiry_key(job->table, time, key->bytes, key->length, place);
	return local_expiry_write(job->txn, place, length, err);
}

static enum ddb_code leave(
	struct local_job *job, const struct local_key *key, int64_t time, struct ddb_error *err)
{
	uint8_t place[LOCAL_EXPIRY_KEY_MAX];
	size_t length = local_expiry_key(job->table, time, key->bytes, key->length, place);
	return store_delete(job->txn, place, length, NULL, err);
}

enum ddb_code local_expiry_enter(struct local_job *job, const struct local_key *key,
	const struct ddb_value *item, struct ddb_error *err)
{
	int64_t time;
	return local_expiry_time(job->table, item, &time) ? enter(job, key, time, err) : DDB_OK;
}

enum ddb_code local_expiry_change(struct local_job *job, const struct local_key *key,
	const struct ddb_value *old, const struct ddb_value *new_, struct ddb_error *err)
{
	int64_t before = 0, after = 0;
	bool filed;
	if (!local_expires(job->table))
		return DDB_OK;
	bool had = old && local_expiry_time(job->table, old, &before);
	bool has = new_ && local_expiry_time(job->table, new_, &after);
	if ((!had && !has) || (had && has && before == after))
		return DDB_OK;
	enum ddb_code code = local_fill_filed(job->txn, job->table, key, &filed, err);
	if (code || !filed)
		return code;
	if (had)
		code = leave(job, key, before, err);
	return code || !has ? code : enter(job, key, after, err);
}

/* ---- Definitions ---- */

enum ddb_code local_expiry_number(
	struct local_totals *totals, struct local_table *draft, struct ddb_error *err)
{
	return attribute_of(draft) ? local_take_id(totals, &draft->expiry_space, err) : DDB_OK;
}

enum ddb_code local_expiry_drop(
	struct store_txn *txn, const struct local_table *table, bool *ret_rest, struct ddb_error *err)
{
	if (table->expiry_space == 0)
		return DDB_OK;
	*ret_rest = true;
	return local_tombstone_write(txn, table->expiry_space, err);
}

static bool same_attribute(const struct local_table *a, const struct local_table *b)
{
	const char *left = attribute_of(a), *right = attribute_of(b);
	return left && right ? strcmp(left, right) == 0 : left == right;
}

enum ddb_code local_expiry_redefine(
	struct local_job *job, struct local_table *draft, bool *ret_dropped, struct ddb_error *err)
{
	struct local_totals totals;
	if (same_attribute(job->table, draft))
		return DDB_OK;
	enum ddb_code code = local_expiry_drop(job->txn, job->table, ret_dropped, err);
	draft->expiry_space = 0;
	draft->expiry_unfiled = attribute_of(draft) && job->counters.items > 0;
	if (!code)
		code = local_totals_read(job->txn, &totals, err);
	if (!code)
		code = local_expiry_number(&totals, draft, err);
	return code ? code : local_totals_write(job->txn, &totals, err);
}

/* ---- Hiding ---- */

bool local_expiry_hides(const struct local_engine *engine, const struct local_table *table)
{
	return engine->hide_expired && attribute_of(table);
}

bool local_expiry_hidden(const struct local_engine *engine, const struct local_table *table,
	const struct ddb_value *item, struct ddb_meta *meta)
{
	int64_t time, now = local_expiry_now(engine);
	meta->expires = 0;
	if (!local_expiry_time(table, item, &time) || time < now - LOCAL_EXPIRY_PAST)
		return false;
	meta->expires = time;
	return local_expiry_due(time, now);
}

enum ddb_code local_item_find_shown(struct local_engine *engine, struct store_txn *view,
	const struct local_table *table, struct ddb_arena *arena, const struct local_key *key, bool want_body,
	struct local_found *ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena scratch = {0};
	bool hides = local_expiry_hides(engine, table);
	struct ddb_value item;
	struct local_found found;
	enum ddb_code code = local_item_find(view, arena, key, want_body || hides, &found, err);
	if (!code && found.found && hides) {
		ddb_arena_init(&scratch, LOCAL_ARENA_MAX);
		code = local_body_decode(&scratch, found.body, found.length, &item, err);
		if (!code && local_expiry_hidden(engine, table, &item, &found.meta))
			found = (struct local_found){.found = false};
	}
	if (!code)
		*ret = found;
	return code;
}
