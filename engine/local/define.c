/*
 * A provisional table gets its definition: every item is converted and filed anew under a new space, in one
 * transaction, and the old space goes the way of deleted tables. Serials, mtimes and the table's id stay.
 */
#include "engine/local/ttl/expiry.h"
#include "engine/local/index/set.h"
#include "engine/local/partition.h"
#include "engine/local/stream/stream.h"

#include <string.h>

struct define {
	const struct ddb_define_table *request;
	bool rest; /* the old space has records left */
};

/* The re-filing of one table, in a run of the job. */
struct refiling {
	struct local_job *job;     /* on the old table, for its counters */
	struct local_job new_job;  /* on the new one, with its own */
	struct local_table *table; /* the new one */
	const struct ddb_define_table *request;
	uint64_t version;           /* of all items: each changes once */
	struct local_header header; /* of the partition that the walk is in */
	bool header_known;
	struct ddb_error first; /* refusal; DDB_OK: none so far */
};

static void refuse(struct refiling *refiling, const struct ddb_error *reason)
{
	if (!refiling->first.code)
		refiling->first = *reason;
}

static enum ddb_code write_refiled(struct refiling *refiling, const struct local_item *item,
	const struct ddb_meta *old, struct ddb_error *err)
{
	struct local_job *job = &refiling->new_job;
	struct ddb_meta meta = {
		.serial = old->serial,
		.version = refiling->version,
		.mtime_ns = old->mtime_ns,
		.size = item->size,
		.rendered = {item->rendered[0], item->rendered[1]},
	};
	job->counters.items++;
	job->counters.bytes += item->size;
	enum ddb_code code =
		local_indexes_change(job, &item->key, NULL, NULL, &item->value, &meta, NULL, err);
	if (!code)
		code = local_expiry_change(job, &item->key, NULL, &item->value, err);
	if (!code)
		code = local_item_write(job->txn, &item->key, &meta, item->body, item->length, err);
	if (code)
		return code;
	return local_place_enter(job, &item->key, refiling->header_known ? &refiling->header : NULL, err);
}

/* What the item becomes. The reason of a refusal is *err's, as everywhere. */
static enum ddb_code convert(struct refiling *refiling, const struct store_value *record,
	struct local_item *ret, struct ddb_error *err)
{
	const struct ddb_define_table *request = refiling->request;
	struct ddb_arena *arena = &refiling->new_job.arena;
	struct local_found twin;
	struct ddb_value item, converted;
	enum ddb_code code = local_body_decode(arena, record->body, record->body_length, &item, err);
	if (!code)
		code = request->convert(request->context, arena, request->definition, &item, &converted, err);
	if (!code)
		code = local_item_prepare(
			refiling->job->engine, refiling->table, arena, &converted, LOCAL_LIMIT_PUT, ret, err);
	if (!code)
		code = local_item_find(refiling->job->txn, arena, &ret->key, false, &twin, err);
	if (!code && twin.found)
		code = ddb_fail(err, DDB_VALIDATION, "Provided list of item keys contains duplicates");
	return code;
}

/* A refusal ends nothing: the others are asked, too; but nothing is written any more. */
static enum ddb_code refile_item(
	struct refiling *refiling, const struct store_value *record, struct ddb_error *err)
{
	struct ddb_meta old;
	struct local_item item;
	struct ddb_error reason;
	const uint8_t *copy;
	size_t copy_length;
	enum ddb_code code =
		local_head_decode(record->head, record->head_length, &old, &copy, &copy_length, err);
	if (code)
		return code;
	reason.message[0] = '\0';
	reason.code = convert(refiling, record, &item, &reason);
	if (reason.code) {
		refuse(refiling, &reason);
		return DDB_OK;
	}
	return refiling->first.code ? DDB_OK : write_refiled(refiling, &item, &old, err);
}

/* Each write ends what a cursor knows, so every step seeks: `place` is the first key that the next record may
 * have. */
static enum ddb_code refile_next(struct refiling *refiling, struct store_cursor *cursor, uint8_t *place,
	size_t *place_length, bool *ret_more, struct ddb_error *err)
{
	struct store_value record;
	const uint8_t *key;
	size_t length;
	enum ddb_code code = store_cursor_seek(cursor, place, *place_length, ret_more, err);
	if (code || !*ret_more)
		return code;
	store_cursor_key(cursor, &key, &length);
	*ret_more = length >= LOCAL_SPACE_BYTES && memcmp(key, place, LOCAL_SPACE_BYTES) == 0;
	if (!*ret_more)
		return DDB_OK;
	ddb_arena_reset(&refiling->new_job.arena);
	memcpy(place, key, length);
	place[length] = 0;
	*place_length = length + 1;
	code = store_cursor_value(cursor, &refiling->new_job.arena, true, &record, err);
	if (code)
		return code;
	if (!local_is_composite(refiling->job->table->table) || length > LOCAL_PREFIX_BYTES)
		return refile_item(refiling, &record, err);
	refiling->header_known = true;
	return local_header_decode(&record, &refiling->header, err);
}

static enum ddb_code refile_all(struct refiling *refiling, struct ddb_error *err)
{
	uint8_t place[STORE_KEY_MAX + 1];
	size_t length = LOCAL_SPACE_BYTES;
	bool more = true;
	struct store_cursor *cursor;
	local_space_key(LOCAL_ITEM, refiling->job->table->space, place);
	enum ddb_code code = store_cursor_open(refiling->job->txn, &cursor, err);
	if (code)
		return code;
	while (!code && more)
		code = refile_next(refiling, cursor, place, &length, &more, err);
	store_cursor_close(cursor);
	if (code || !refiling->first.code)
		return code;
	if (err)
		*err = refiling->first;
	return refiling->first.code;
}

/* ---- The tables ---- */

/* The old space goes: its counters at once, so that nobody takes it for a table, the rest as it comes. */
static enum ddb_code leave_space(struct local_job *job, bool *ret_rest, struct ddb_error *err)
{
	uint8_t key[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_COUNTERS, job->table->space, key);
	enum ddb_code code = store_delete(job->txn, key, sizeof key, NULL, err);
	if (!code)
		code = local_purge_some(job->txn, job->table->space, LOCAL_PURGE_RECORDS, ret_rest, err);
	if (!code && *ret_rest)
		code = local_tombstone_write(job->txn, job->table->space, err);
	job->counted = false;
	return code;
}

static enum ddb_code number_spaces(struct store_txn *txn, struct local_table *table, struct ddb_error *err)
{
	struct local_totals totals;
	enum ddb_code code = local_totals_read(txn, &totals, err);
	if (!code)
		code = local_indexes_number(&totals, table, err);
	if (!code)
		code = local_expiry_number(&totals, table, err);
	return code ? code : local_totals_write(txn, &totals, err);
}

static enum ddb_code defined_table(struct local_job *job, struct ddb_definition *definition,
	struct local_table **ret, struct ddb_error *err)
{
	uint32_t space;
	enum ddb_code code = local_take_space(job->txn, &space, err);
	if (code)
		return code;
	struct ddb_table *table = local_table_draft(job->table->table);
	if (!table)
		return ddb_fail_memory(err);
	ddb_definition_unref(table->definition);
	table->definition = ddb_definition_ref(definition);
	table->provisional = DDB_DEFINED;
	table->changed_ns = job->now > table->changed_ns ? job->now : table->changed_ns + 1;
	*ret = local_table_new(table, space, job->table->generation + 1);
	if (!*ret)
		return ddb_fail_memory(err);
	code = number_spaces(job->txn, *ret, err);
	return code ? code : local_stream_redefine(job->engine, job->txn, NULL, *ret, err);
}

static enum ddb_code refile(struct refiling *refiling, bool *ret_rest, struct ddb_error *err)
{
	struct local_job *job = refiling->job, *new_job = &refiling->new_job;
	*new_job = (struct local_job){.engine = job->engine,
		.txn = job->txn,
		.table = refiling->table,
		.now = job->now,
		.counters = {
			.next_serial = job->counters.next_serial, .generation = refiling->table->generation}};
	ddb_arena_init(&new_job->arena, LOCAL_ARENA_MAX);
	refiling->version = local_next_version(job->engine, job->txn);
	enum ddb_code code = refile_all(refiling, err);
	ddb_arena_done(&new_job->arena);
	if (!code)
		code = local_counters_write(job->txn, refiling->table->space, &new_job->counters, err);
	if (!code)
		code = local_catalog_write(job->txn, refiling->table, err);
	return code ? code : leave_space(job, ret_rest, err);
}

static enum ddb_code define_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct define *define = context;
	LOCAL_TABLE_AUTO struct local_table *table = NULL;
	define->rest = false;
	enum ddb_code code = defined_table(job, define->request->definition, &table, err);
	if (code)
		return code;
	struct refiling refiling = {.job = job, .table = table, .request = define->request};
	return refile(&refiling, &define->rest, err);
}

static enum ddb_code define_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	if (table->table->provisional == DDB_DEFINED)
		return ddb_fail(err, DDB_RESOURCE_IN_USE, "Table already exists: %s", table->table->name);
	enum ddb_code code = local_change_table(engine, table, define_change, context, err);
	if (code)
		return code;
	local_table_forget(engine, table->table->name);
	if (((const struct define *)context)->request->definition->stream)
		local_worker_wake(&engine->streams.worker);
	if (((const struct define *)context)->request->definition->ttl_attribute)
		local_worker_wake(&engine->sweeper.worker);
	return DDB_OK;
}

enum ddb_code local_define_table(
	struct ddb_engine *engine, const struct ddb_define_table *request, struct ddb_error *err)
{
	struct define define = {.request = request};
	if (!request->convert)
		return local_no_table(err, request->table);
	enum ddb_code code = local_on_table(
		local_of(engine), request->table, LOCAL_OF_TABLE, define_attempt, &define, err);
	if (!code && define.rest)
		local_purge(local_of(engine), UINT32_MAX);
	return code;
}
