/*
 * All items of a partition under another partition key, in one transaction. What refuses the items comes
 * before the first change, so that those who share the commit need not run again, and memory does not grow
 * with the partition: each step takes one item, from a cursor that is sought anew.
 */
#include "engine/local/ttl/expiry.h"
#include "engine/local/index/index.h"
#include "engine/local/partition.h"
#include "engine/local/txn/reads.h"
#include "engine/local/scratch/scratch.h"
#include "engine/local/txn/staged.h"
#include "engine/local/stream/stream.h"

#include <string.h>

struct partition_move {
	const struct ddb_move_partition *request;
	struct local_key from, to; /* of the partitions */
};

/* A walk over the items of the old partition. */
struct walk {
	struct local_job *job;
	const struct partition_move *move;
	struct store_cursor *cursor;
	const uint8_t *key; /* of the item, until the next change */
	size_t length;
	struct local_header header;
	bool headed;
	uint64_t version; /* of all items, without a stream: each changes once */
	uint64_t items;
};

static bool in_partition(const struct walk *walk)
{
	return walk->length > LOCAL_PREFIX_BYTES &&
	       memcmp(walk->key, walk->move->from.bytes, LOCAL_PREFIX_BYTES) == 0;
}

/* To the first item. *ret_found false: there is none. */
static enum ddb_code walk_first(struct walk *walk, bool *ret_found, struct ddb_error *err)
{
	uint8_t first[LOCAL_PREFIX_BYTES + 1] = {0};
	memcpy(first, walk->move->from.bytes, LOCAL_PREFIX_BYTES);
	enum ddb_code code = store_cursor_seek(walk->cursor, first, sizeof first, ret_found, err);
	if (code || !*ret_found)
		return code;
	store_cursor_key(walk->cursor, &walk->key, &walk->length);
	*ret_found = in_partition(walk);
	return DDB_OK;
}

static enum ddb_code walk_next(struct walk *walk, bool *ret_found, struct ddb_error *err)
{
	enum ddb_code code = store_cursor_next(walk->cursor, ret_found, err);
	if (code || !*ret_found)
		return code;
	store_cursor_key(walk->cursor, &walk->key, &walk->length);
	*ret_found = in_partition(walk);
	return DDB_OK;
}

static enum ddb_code read_item(
	struct walk *walk, bool want_body, struct local_found *ret, struct ddb_error *err)
{
	struct store_value value;
	const uint8_t *copy;
	size_t copy_length;
	ddb_arena_reset(&walk->job->arena);
	enum ddb_code code = store_cursor_value(walk->cursor, &walk->job->arena, want_body, &value, err);
	if (code)
		return code;
	*ret = (struct local_found){.found = true, .body = value.body, .length = value.body_length};
	return local_head_decode(value.head, value.head_length, &ret->meta, &copy, &copy_length, err);
}

/* ---- Before anything changes ---- */

/* Bytes that each item grows by. The stand-in keys of a provisional table are not counted. */
static size_t growth(const struct walk *walk)
{
	const struct partition_move *move = walk->move;
	if (walk->job->table->table->provisional != DDB_DEFINED)
		return 0;
	size_t old = ddb_value_size(&move->from.hash), new = ddb_value_size(&move->to.hash);
	return new > old ? new - old : 0;
}

static enum ddb_code check_item(struct walk *walk, size_t grown, struct ddb_error *err)
{
	struct local_found found;
	if (++walk->items > walk->job->engine->move_items_max)
		return ddb_fail(err, DDB_ITEM_TOO_LARGE,
			"More than %u items cannot be given another partition key at once",
			walk->job->engine->move_items_max);
	if (grown == 0)
		return DDB_OK;
	enum ddb_code code = read_item(walk, false, &found, err);
	if (code || found.meta.size + grown <= DDB_ITEM_SIZE_MAX)
		return code;
	return local_too_large(LOCAL_LIMIT_PUT, err);
}

static enum ddb_code check_items(struct walk *walk, struct ddb_error *err)
{
	bool more;
	size_t grown = growth(walk);
	enum ddb_code code = walk_first(walk, &more, err);
	while (!code && more) {
		code = check_item(walk, grown, err);
		if (!code)
			code = walk_next(walk, &more, err);
	}
	return code;
}

static enum ddb_code check_target(struct walk *walk, struct ddb_error *err)
{
	struct local_job *job = walk->job;
	bool empty;
	enum ddb_code code = local_partition_empty(job->txn, walk->move->to.bytes, &empty, err);
	if (code || empty)
		return code;
	return ddb_fail(err, DDB_CONDITIONAL_CHECK_FAILED, "The conditional request failed");
}

/* ---- The move ---- */

static enum ddb_code read_header(struct walk *walk, struct ddb_error *err)
{
	struct local_job *job = walk->job;
	struct store_value value;
	enum ddb_code code = local_get(job->txn, &job->arena, walk->move->from.bytes, LOCAL_PREFIX_BYTES,
		false, &value, &walk->headed, err);
	return code || !walk->headed ? code : local_header_decode(&value, &walk->header, err);
}

/* The item's key in the old partition; its sort key is in the job's arena. */
static enum ddb_code old_key(const struct walk *walk, struct local_key *ret, struct ddb_error *err)
{
	struct local_job *job = walk->job;
	size_t length = walk->length - LOCAL_PREFIX_BYTES;
	struct ddb_value range;
	const uint8_t *bytes = ddb_arena_copy(&job->arena, walk->key + LOCAL_PREFIX_BYTES, length);
	if (!bytes)
		return ddb_fail_memory(err);
	enum ddb_code code =
		local_key_value(job->table->table->definition->range.type, bytes, length, &range, err);
	if (!code && length > DDB_RANGE_KEY_MAX)
		code = local_damaged(err, "key of an item");
	if (!code)
		local_key_make(job->engine->store, job->table->space, &walk->move->from.hash, &range, ret);
	return code;
}

static enum ddb_code write_moved(
	struct walk *walk, const struct local_item *item, const struct ddb_meta *old, struct ddb_error *err)
{
	struct local_job *job = walk->job;
	struct ddb_meta meta = {
		.serial = old->serial,
		.version = walk->version,
		.mtime_ns = job->now, /* the document has changed: its key is in it */
		.size = item->size,
		.rendered = {item->rendered[0], item->rendered[1]},
	};
	job->counters.bytes += meta.size - (uint64_t)old->size;
	job->counted = true;
	enum ddb_code code = local_stage(job, &item->key, err);
	if (!code)
		code = local_indexes_change(job, &item->key, NULL, NULL, &item->value, &meta, NULL, err);
	if (!code)
		code = local_expiry_change(job, &item->key, NULL, &item->value, err);
	if (!code)
		code = local_item_write(job->txn, &item->key, &meta, item->body, item->length, err);
	return code ? code : local_place_enter(job, &item->key, walk->headed ? &walk->header : NULL, err);
}

static enum ddb_code leave_indexes(struct walk *walk, const struct local_key *key,
	const struct local_found *found, struct ddb_error *err)
{
	struct local_job *job = walk->job;
	struct ddb_value item;
	if (!local_has_indexes(job->table) && !local_expires(job->table))
		return DDB_OK;
	enum ddb_code code = local_body_decode(&job->arena, found->body, found->length, &item, err);
	if (!code)
		code = local_indexes_change(job, key, &item, &found->meta, NULL, NULL, NULL, err);
	return code ? code : local_expiry_change(job, key, &item, NULL, err);
}

/* In a stream each item goes and comes. Its version is that of its coming. */
static enum ddb_code tell_stream(struct walk *walk, const struct local_key *old,
	const struct local_found *found, const struct local_item *moved, struct ddb_error *err)
{
	static const struct local_found none = {.found = false};
	struct local_job *job = walk->job;
	if (!local_has_stream(job->engine, job->table))
		return DDB_OK;
	uint64_t gone = local_next_version(job->engine, job->txn);
	walk->version = local_next_version(job->engine, job->txn);
	enum ddb_code code = local_stream_tell(job, old, found, NULL, gone, err);
	return code ? code : local_stream_tell(job, &moved->key, &none, moved, walk->version, err);
}

static enum ddb_code move_one(struct walk *walk, struct ddb_error *err)
{
	struct local_job *job = walk->job;
	struct local_found found;
	struct local_item moved;
	struct local_key old, new;
	enum ddb_code code = read_item(walk, true, &found, err);
	if (!code)
		code = old_key(walk, &old, err);
	if (code)
		return code;
	local_key_make(job->engine->store, job->table->space, &walk->move->to.hash, &old.range, &new);
	code = local_item_moved(job, &found, &new, &moved, err);
	if (!code)
		code = tell_stream(walk, &old, &found, &moved, err);
	if (!code)
		code = write_moved(walk, &moved, &found.meta, err);
	if (!code)
		code = local_stage(job, &old, err);
	if (!code)
		code = leave_indexes(walk, &old, &found, err);
	if (!code)
		code = store_delete(job->txn, old.bytes, old.length, NULL, err);
	return code ? code : local_place_leave(job, &old, err);
}

static enum ddb_code move_items(struct walk *walk, struct ddb_error *err)
{
	bool more = walk->items > 0;
	enum ddb_code code = read_header(walk, err);
	if (!code && local_has_stream(walk->job->engine, walk->job->table))
		code = local_take_versions(walk->job->txn, 2 * walk->items + 1, err);
	walk->version = local_next_version(walk->job->engine, walk->job->txn);
	while (!code && more) {
		code = walk_first(walk, &more, err); /* those before it are gone */
		if (!code && more)
			code = move_one(walk, err);
	}
	return code;
}

static enum ddb_code not_found(struct ddb_error *err)
{
	return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
}

/* Items, scratch files, or both: to where there are no items. */
static enum ddb_code move_all(struct walk *walk, struct ddb_error *err)
{
	struct local_job *job = walk->job;
	const struct ddb_move_partition *request = walk->move->request;
	bool any = walk->items > 0;
	enum ddb_code code = any ? check_target(walk, err) : DDB_OK;
	for (size_t i = 0; !code && i < request->move_count; i++)
		code = local_scratch_refile(job->engine, job->txn, &request->moves[i], &any, err);
	if (code)
		return code;
	if (!any)
		return not_found(err);
	return walk->items > 0 ? move_items(walk, err) : check_target(walk, err);
}

static enum ddb_code move_walked(struct walk *walk, struct ddb_error *err)
{
	const struct partition_move *move = walk->move;
	bool same = memcmp(move->from.bytes, move->to.bytes, LOCAL_PREFIX_BYTES) == 0;
	enum ddb_code code = check_items(walk, err);
	if (code)
		return code;
	if (same)
		return walk->items > 0 ? DDB_OK : not_found(err);
	return move_all(walk, err);
}

/* Both are looked through. */
static enum ddb_code read_partition(
	struct local_job *job, const struct local_key *partition, struct ddb_error *err)
{
	uint8_t end[LOCAL_PREFIX_BYTES];
	size_t length = local_key_after_prefix(partition->bytes, LOCAL_PREFIX_BYTES, end);
	return local_read_range(
		job->engine, job->table, partition->bytes, LOCAL_PREFIX_BYTES, end, length, err);
}

static enum ddb_code move_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct walk walk = {.job = job, .move = context};
	enum ddb_code code = read_partition(job, &walk.move->from, err);
	if (!code)
		code = read_partition(job, &walk.move->to, err);
	if (!code)
		code = store_cursor_open(job->txn, &walk.cursor, err);
	if (code)
		return code;
	local_stage_move(job);
	code = move_walked(&walk, err);
	store_cursor_close(walk.cursor);
	return code;
}

static enum ddb_code move_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct partition_move *move = context;
	enum ddb_code code = local_partition_key(engine, table, &move->request->from, &move->from, err);
	if (!code)
		code = local_partition_key(engine, table, &move->request->to, &move->to, err);
	return code ? code : local_change_table(engine, table, move_change, move, err);
}

enum ddb_code local_move_partition(
	struct ddb_engine *engine, const struct ddb_move_partition *request, struct ddb_error *err)
{
	struct partition_move move = {.request = request};
	return local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, move_attempt, &move, err);
}
