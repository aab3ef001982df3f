#include "engine/local/index/fill.h"

#include "engine/local/ttl/expiry.h"
#include "engine/local/partition.h"
#include "engine/local/stream/stream.h"
#include <string.h>

enum {
	PROGRESS_VERSION = 1,
	PROGRESS_HEAD = 1 + 8,
	STEP_ITEMS = 200, /* of one transaction, so that no writer waits for long */
	STEP_BYTES = 256 << 10,
};

/* ---- How far a walk has come ---- */

enum ddb_code local_progress_read(
	struct store_txn *txn, uint32_t space, struct local_progress *ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	uint8_t place[LOCAL_SPACE_BYTES];
	struct store_value value;
	bool found;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	local_space_key(LOCAL_PROGRESS, space, place);
	enum ddb_code code = local_get(txn, &arena, place, sizeof place, true, &value, &found, err);
	if (code)
		return code;
	ret->examined = 0;
	ret->length = 0;
	if (!found)
		return DDB_OK;
	if (value.head_length != PROGRESS_HEAD || value.head[0] != PROGRESS_VERSION ||
		value.body_length > sizeof ret->key)
		return local_damaged(err, "progress of an index");
	ret->examined = local_read_le(value.head + 1, 8);
	ret->length = value.body_length;
	memcpy(ret->key, value.body, value.body_length);
	return DDB_OK;
}

enum ddb_code local_progress_write(
	struct store_txn *txn, uint32_t space, const struct local_progress *progress, struct ddb_error *err)
{
	uint8_t place[LOCAL_SPACE_BYTES], head[PROGRESS_HEAD] = {PROGRESS_VERSION};
	local_space_key(LOCAL_PROGRESS, space, place);
	local_write_le(head + 1, progress->examined, 8);
	return store_put(txn, place, sizeof place, head, sizeof head, progress->key, progress->length, err);
}

static bool behind(const struct local_progress *progress, const uint8_t *key, size_t length)
{
	int order = memcmp(key, progress->key, length < progress->length ? length : progress->length);
	return order ? order > 0 : length > progress->length;
}

static enum ddb_code passed(
	struct store_txn *txn, uint32_t space, const struct local_key *key, bool *ret, struct ddb_error *err)
{
	struct local_progress progress;
	enum ddb_code code = local_progress_read(txn, space, &progress, err);
	if (!code)
		*ret = !behind(&progress, key->bytes, key->length);
	return code;
}

enum ddb_code local_fill_passed(struct store_txn *txn, const struct local_table *table, unsigned position,
	const struct local_key *key, bool *ret, struct ddb_error *err)
{
	const struct local_index *index = &table->indexes[position];
	*ret = index->state == DDB_INDEX_ACTIVE;
	if (*ret || index->space == 0)
		return DDB_OK;
	return passed(txn, index->space, key, ret, err);
}

enum ddb_code local_fill_filed(struct store_txn *txn, const struct local_table *table,
	const struct local_key *key, bool *ret, struct ddb_error *err)
{
	*ret = !table->expiry_unfiled;
	return *ret ? DDB_OK : passed(txn, table->expiry_space, key, ret, err);
}

enum ddb_code local_fill_collected(struct store_txn *txn, const struct local_table *table,
	const struct local_key *key, bool *ret, struct ddb_error *err)
{
	*ret = true;
	return table->unfiled ? passed(txn, table->space, key, ret, err) : DDB_OK;
}

/* ---- A step ---- */

/* What is being made. */
enum fill_kind {
	FILL_STREAM, /* nothing but that there is one */
	FILL_BESIDE, /* what stands beside items */
	FILL_EXPIRIES,
	FILL_INDEX,
};
struct fill {
	struct local_job *job;
	enum fill_kind kind;
	unsigned position; /* of the index */
	uint32_t space;    /* of the progress */
	struct local_progress progress;
	struct store_cursor *cursor;
	size_t items, bytes; /* of this step */
};

/* The item at the cursor. What cannot be read, and what no key of the index can be, is passed over. */
static enum ddb_code read_item(struct fill *fill, struct local_key *ret_key, struct ddb_value *ret_item,
	struct ddb_meta *ret_meta, struct ddb_error *err)
{
	struct local_job *job = fill->job;
	struct store_value value;
	const uint8_t *copy;
	size_t copy_length;
	enum ddb_code code = store_cursor_value(fill->cursor, &job->arena, true, &value, err);
	if (!code)
		code = local_head_decode(value.head, value.head_length, ret_meta, &copy, &copy_length, err);
	if (!code)
		code = local_body_decode(&job->arena, value.body, value.body_length, ret_item, err);
	if (code)
		return code;
	fill->bytes += value.body_length;
	code = local_key_of_item(
		job->engine->store, job->table->table, job->table->space, ret_item, ret_key, err);
	return code == DDB_VALIDATION ? DDB_DAMAGED : code;
}

static enum ddb_code make_beside(
	struct fill *fill, const struct local_key *key, const struct ddb_meta *meta, struct ddb_error *err)
{
	enum ddb_code code = local_item_alias_enter(fill->job, key, err);
	return code ? code : local_collection_add(fill->job, key, meta->size, UINT64_MAX, err);
}

static enum ddb_code make(struct fill *fill, const struct local_key *key, const struct ddb_value *item,
	const struct ddb_meta *meta, struct ddb_error *err)
{
	switch (fill->kind) {
	case FILL_STREAM:
		return DDB_OK;
	case FILL_BESIDE:
		return make_beside(fill, key, meta, err);
	case FILL_EXPIRIES:
		return local_expiry_enter(fill->job, key, item, err);
	case FILL_INDEX:
	default:
		return local_index_enter(fill->job, fill->position, key, item, meta, err);
	}
}

static enum ddb_code make_one(struct fill *fill, struct ddb_error *err)
{
	struct local_key key;
	struct ddb_value item;
	struct ddb_meta meta;
	struct ddb_error reason;
	enum ddb_code code = read_item(fill, &key, &item, &meta, &reason);
	if (code == DDB_DAMAGED)
		return DDB_OK;
	if (code) {
		if (err)
			*err = reason;
		return code;
	}
	fill->progress.examined++;
	return make(fill, &key, &item, &meta, err);
}

/* Each write ends what a cursor knows, so every item is sought anew. */
static enum ddb_code fill_next(struct fill *fill, bool *ret_more, struct ddb_error *err)
{
	const struct local_table *table = fill->job->table;
	uint8_t place[LOCAL_KEY_MAX + 1];
	const uint8_t *key;
	size_t length = fill->progress.length;
	memcpy(place, fill->progress.key, length);
	place[length++] = 0;
	if (fill->progress.length == 0) {
		local_space_key(LOCAL_ITEM, table->space, place);
		length = LOCAL_SPACE_BYTES;
	}
	enum ddb_code code = store_cursor_seek(fill->cursor, place, length, ret_more, err);
	if (code || !*ret_more)
		return code;
	store_cursor_key(fill->cursor, &key, &length);
	local_space_key(LOCAL_ITEM, table->space, place);
	*ret_more = length >= LOCAL_PREFIX_BYTES && length <= LOCAL_KEY_MAX &&
		    memcmp(key, place, LOCAL_SPACE_BYTES) == 0;
	if (!*ret_more)
		return DDB_OK;
	memcpy(fill->progress.key, key, length);
	fill->progress.length = length;
	ddb_arena_reset(&fill->job->arena);
	fill->items++;
	bool header = local_is_composite(table->table) && length == LOCAL_PREFIX_BYTES;
	return header ? DDB_OK : make_one(fill, err);
}

static enum ddb_code fill_some(struct fill *fill, bool *ret_more, struct ddb_error *err)
{
	enum ddb_code code = store_cursor_open(fill->job->txn, &fill->cursor, err);
	if (code)
		return code;
	*ret_more = true;
	while (!code && *ret_more && fill->items < STEP_ITEMS && fill->bytes < STEP_BYTES)
		code = fill_next(fill, ret_more, err);
	store_cursor_close(fill->cursor);
	return code;
}

/* ---- Steps of a table ---- */

/* The table as it is after this step: `settle` says what has changed. */
static enum ddb_code redefine(struct local_job *job,
	enum ddb_code (*settle)(struct fill *fill, struct local_table *draft, struct ddb_error *err),
	struct fill *fill, struct ddb_error *err)
{
	struct ddb_table *shown = local_table_draft(job->table->table);
	if (!shown)
		return ddb_fail_memory(err);
	LOCAL_TABLE_AUTO struct local_table *draft = local_table_next(job->table, shown);
	if (!draft)
		return ddb_fail_memory(err);
	job->counters.generation = draft->generation;
	job->counted = true;
	enum ddb_code code = settle(fill, draft, err);
	return code ? code : local_catalog_write(job->txn, draft, err);
}

/* An index, TTL, or a stream that an older version of this program knew by its definition alone. */
static enum ddb_code settle_space(struct fill *fill, struct local_table *draft, struct ddb_error *err)
{
	struct local_job *job = fill->job;
	if (fill->kind == FILL_STREAM)
		return local_stream_redefine(job->engine, job->txn, NULL, draft, err);
	return local_take_space(job->txn,
		fill->kind == FILL_EXPIRIES ? &draft->expiry_space : &draft->indexes[fill->position].space,
		err);
}

static enum ddb_code settle_end(struct fill *fill, struct local_table *draft, struct ddb_error *err)
{
	uint8_t place[LOCAL_SPACE_BYTES];
	if (fill->kind == FILL_BESIDE)
		draft->unfiled = false;
	else if (fill->kind == FILL_EXPIRIES)
		draft->expiry_unfiled = false;
	else
		draft->indexes[fill->position].state = DDB_INDEX_ACTIVE;
	local_space_key(LOCAL_PROGRESS, fill->space, place);
	return store_delete(fill->job->txn, place, sizeof place, NULL, err);
}

/* What is to be made next; there is something. */
static void choose(const struct local_table *table, struct fill *ret)
{
	if (local_table_lacks_stream(table)) {
		ret->kind = FILL_STREAM;
		return;
	}
	ret->kind = table->unfiled ? FILL_BESIDE : table->expiry_unfiled ? FILL_EXPIRIES : FILL_INDEX;
	ret->space = table->unfiled ? table->space : table->expiry_space;
	if (ret->kind != FILL_INDEX)
		return;
	while (table->indexes[ret->position].state == DDB_INDEX_ACTIVE)
		ret->position++;
	ret->space = table->indexes[ret->position].space;
}

struct step {
	bool redefined;
};

static enum ddb_code step_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct step *step = context;
	struct fill fill = {.job = job};
	bool more = false;
	choose(job->table, &fill);
	step->redefined = fill.space == 0;
	if (step->redefined)
		return redefine(job, settle_space, &fill, err);
	enum ddb_code code = local_progress_read(job->txn, fill.space, &fill.progress, err);
	if (!code)
		code = fill_some(&fill, &more, err);
	if (code)
		return code;
	if (more)
		return local_progress_write(job->txn, fill.space, &fill.progress, err);
	step->redefined = true;
	return redefine(job, settle_end, &fill, err);
}

enum ddb_code local_fill_step(
	struct local_engine *engine, const struct local_table *table, bool *ret_more, struct ddb_error *err)
{
	struct step step;
	*ret_more = local_table_pending(table);
	if (!*ret_more)
		return DDB_OK;
	enum ddb_code code = local_change_table(engine, table, step_change, &step, err);
	if (!code && step.redefined) {
		local_table_forget(engine, table->table->name);
		if (table->expiry_unfiled)
			local_worker_wake(&engine->sweeper.worker);
		if (local_table_lacks_stream(table))
			local_worker_wake(&engine->streams.worker);
	}
	return code;
}
