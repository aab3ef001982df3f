/*
 * TransactGetItems: items of any tables as of one moment, by position.
 */
#include "engine/local/ttl/expiry.h"
#include "engine/local/item.h"
#include "engine/local/txn/part.h"
#include "engine/local/txn/reads.h"

#include <string.h>

struct reading {
	struct local_engine *engine;
	struct ddb_arena *arena;   /* the response's */
	struct ddb_arena *scratch; /* of one item */
	const struct ddb_transact_get *requests;
	size_t count;
	struct local_key *keys;
	size_t *positions; /* of each request's table */
	struct local_parts parts;
	uint64_t bytes;
	struct ddb_transact_get_result result;
};

/* ---- Before anything is read ---- */

/* Keys that are none: the first is told. */
static enum ddb_code make_keys(struct reading *reading, struct ddb_error *err)
{
	struct ddb_transact_get_result *result = &reading->result;
	for (size_t i = 0; i < reading->count; i++) {
		const struct local_table *table = reading->parts.list[reading->positions[i]].table;
		struct ddb_error refusal;
		enum ddb_code code = local_key_of_map(reading->engine->store, table->table, table->space,
			&reading->requests[i].key, &reading->keys[i], &refusal);
		if (!code)
			code = local_read_key(reading->engine, table, reading->keys[i].bytes,
				reading->keys[i].length, &refusal);
		if (!code)
			continue;
		if (code != DDB_VALIDATION)
			return ddb_fail(err, code, "%s", refusal.message);
		const char *message =
			ddb_arena_copy(reading->arena, refusal.message, strlen(refusal.message));
		if (!message)
			return ddb_fail_memory(err);
		result->reasons[i] = (struct ddb_reason){.code = code, .message = message};
		result->reason_count = reading->count;
		return ddb_reasons_fail(result->reasons, result->reason_count, err);
	}
	return DDB_OK;
}

static enum ddb_code check_distinct(const struct reading *reading, struct ddb_error *err)
{
	for (size_t i = 0; i < reading->count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct local_key *a = &reading->keys[i], *b = &reading->keys[k];
			if (a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0)
				return ddb_fail(err, DDB_VALIDATION,
					"Transaction request cannot include multiple operations on one item");
		}
	return DDB_OK;
}

static enum ddb_code prepare(struct reading *reading, struct ddb_error *err)
{
	struct ddb_transact_get_result *result = &reading->result;
	size_t count = reading->count;
	*result = (struct ddb_transact_get_result){.count = count};
	result->items = ddb_arena_array(reading->arena, count, sizeof *result->items);
	result->reasons = ddb_arena_array(reading->arena, count, sizeof *result->reasons);
	result->tables = ddb_arena_array(reading->arena, count, sizeof *result->tables);
	result->capacities = ddb_arena_array(reading->arena, count, sizeof *result->capacities);
	reading->keys = ddb_arena_array(reading->scratch, count, sizeof *reading->keys);
	reading->positions = ddb_arena_array(reading->scratch, count, sizeof *reading->positions);
	if (!result->items || !result->reasons || !result->tables || !result->capacities || !reading->keys ||
		!reading->positions)
		return ddb_fail_memory(err);
	memset(result->reasons, 0, count * sizeof *result->reasons);
	memset(result->items, 0, count * sizeof *result->items);
	reading->bytes = 0;
	enum ddb_code code = local_parts_init(&reading->parts, reading->scratch, count, err);
	for (size_t i = 0; !code && i < count; i++)
		code = local_parts_find(&reading->parts, reading->engine, reading->requests[i].table,
			&reading->positions[i], err);
	if (!code)
		code = make_keys(reading, err);
	return code ? code : check_distinct(reading, err);
}

/* ---- Reading ---- */

static enum ddb_code take_item(
	struct reading *reading, size_t position, const struct local_found *found, struct ddb_error *err)
{
	const struct ddb_selection *selection = reading->requests[position].selection;
	struct ddb_get_result *result = &reading->result.items[position];
	struct ddb_value item, parts;
	enum ddb_code code = local_body_decode(reading->arena, found->body, found->length, &item, err);
	if (!code && selection) {
		code = ddb_selection_apply(reading->arena, selection, &item, &parts, err);
		item = parts;
	}
	if (!code)
		*result =
			(struct ddb_get_result){.found = true, .entry = {.item = item, .meta = found->meta}};
	return code;
}

static enum ddb_code read_one(
	struct reading *reading, struct store_txn *view, size_t position, struct ddb_error *err)
{
	struct local_part *part = &reading->parts.list[reading->positions[position]];
	struct local_found found;
	enum ddb_code code = local_item_find_shown(reading->engine, view, part->table, reading->arena,
		&reading->keys[position], true, &found, err);
	if (code)
		return code;
	size_t size = found.found ? found.meta.size : 0;
	reading->bytes += size;
	part->consumed.table += local_read_half_units(size, true);
	if (reading->bytes > DDB_TRANSACT_BYTES_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"The aggregate size of the items in the transaction cannot exceed 4 MB");
	return found.found ? take_item(reading, position, &found, err) : DDB_OK;
}

static enum ddb_code read_all(struct reading *reading, struct store_txn *view, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < reading->parts.count; i++) {
		code = local_alive(view, reading->parts.list[i].table, err);
		if (code == LOCAL_STALE)
			local_table_forget(reading->engine, reading->parts.list[i].name);
	}
	for (size_t i = 0; !code && i < reading->count; i++)
		code = read_one(reading, view, i, err);
	return code;
}

static enum ddb_code report(struct reading *reading, struct ddb_error *err)
{
	struct ddb_transact_get_result *result = &reading->result;
	result->table_count = reading->parts.count;
	return local_parts_report(&reading->parts, reading->arena, result->tables, result->capacities, err);
}

/* ---- Attempts ---- */

static enum ddb_code attempt(struct reading *reading, struct ddb_error *err)
{
	struct store_txn *view;
	enum ddb_code code = prepare(reading, err);
	if (!code)
		code = store_view(reading->engine->store, &view, err);
	if (code)
		return code;
	code = read_all(reading, view, err);
	store_view_end(view);
	return code ? code : report(reading, err);
}

/* Until no table turns out to have changed meanwhile. */
static enum ddb_code read_now(struct reading *reading, struct ddb_error *err)
{
	enum ddb_code code = LOCAL_STALE;
	for (unsigned i = 0; code == LOCAL_STALE && i < LOCAL_ATTEMPTS_MAX; i++) {
		code = attempt(reading, err);
		local_parts_leave(&reading->parts);
		ddb_arena_reset(reading->scratch);
	}
	return code == LOCAL_STALE ? local_damaged(err, "the counters of a table") : code;
}

enum ddb_code local_transact_get(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_transact_get *requests, size_t count, struct ddb_transact_get_result *ret,
	struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena scratch = {0};
	struct reading reading = {.engine = local_of(engine),
		.arena = arena,
		.scratch = &scratch,
		.requests = requests,
		.count = count};
	*ret = (struct ddb_transact_get_result){0};
	enum ddb_code code = local_parts_allow(count, err);
	if (code)
		return code;
	ddb_arena_init(&scratch, LOCAL_ARENA_MAX);
	code = read_now(&reading, err);
	if (!code || code == DDB_TRANSACTION_CANCELED)
		*ret = reading.result;
	return code;
}
