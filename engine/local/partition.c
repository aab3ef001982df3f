/*
 * Partition headers and aliases, and the requests that read them. See partition.h.
 */
#include "engine/local/partition.h"

#include "engine/local/index/index.h"
#include "engine/local/txn/reads.h"
#include "engine/record.h"
#include <string.h>

enum {
	HEADER_VERSION = 1,
	HEADER_HEAD = 1 + 8 + 8,
	VALUE_RECORD_MAX =
		32 << 10, /* bytes: of a value, or of the key attributes of table and index by name */
};

bool local_is_composite(const struct ddb_table *table)
{
	return table->definition && table->definition->has_range;
}

/* ---- Records ---- */

static enum ddb_code put_value(struct store_txn *txn, const uint8_t *key, size_t key_length,
	const uint8_t *head, size_t head_length, const struct ddb_value *value, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer body = {0};
	ddb_buffer_init(&body, VALUE_RECORD_MAX);
	ddb_record_write(value, &body);
	if (body.failed)
		return ddb_fail_memory(err);
	return store_put(txn, key, key_length, head, head_length, body.bytes, body.length, err);
}

enum ddb_code local_header_write(struct store_txn *txn, const uint8_t *prefix, const struct ddb_value *value,
	const struct local_header *header, struct ddb_error *err)
{
	uint8_t head[HEADER_HEAD] = {HEADER_VERSION};
	local_write_le(head + 1, header->serial, 8);
	local_write_le(head + 9, (uint64_t)header->mtime_ns, 8);
	return put_value(txn, prefix, LOCAL_PREFIX_BYTES, head, sizeof head, value, err);
}

enum ddb_code local_header_decode(
	const struct store_value *value, struct local_header *ret, struct ddb_error *err)
{
	if (value->head_length != HEADER_HEAD || value->head[0] != HEADER_VERSION)
		return local_damaged(err, "head of a partition");
	ret->serial = local_read_le(value->head + 1, 8);
	ret->mtime_ns = (int64_t)local_read_le(value->head + 9, 8);
	return DDB_OK;
}

enum ddb_code local_value_decode(struct ddb_arena *arena, const struct store_value *value, enum ddb_type type,
	struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value decoded;
	enum ddb_code code = ddb_record_read(arena, value->body, value->body_length, &decoded, err);
	if (code)
		return code;
	if (decoded.type != type)
		return local_damaged(err, "value of a key");
	return local_key_value(type, decoded.bytes, decoded.count, ret, err);
}

size_t local_alias_key(struct local_engine *engine, const struct local_table *table,
	const struct local_key *key, bool range, uint8_t ret[LOCAL_ALIAS_KEY_MAX])
{
	uint8_t alias[DDB_ALIAS_BYTES];
	const struct ddb_value *value = range ? &key->range : &key->hash;
	if (!engine->hooks || !engine->hooks->alias ||
		!engine->hooks->alias(table->table, value, range, alias))
		return 0;
	size_t length = range ? LOCAL_PREFIX_BYTES : LOCAL_SPACE_BYTES;
	memcpy(ret, key->bytes, length);
	ret[0] = LOCAL_ALIAS;
	store_hash(engine->store, alias, sizeof alias, ret + length);
	return length + STORE_HASH_BYTES;
}

enum ddb_code local_alias_write(struct store_txn *txn, const uint8_t *key, size_t key_length,
	const struct ddb_value *value, struct ddb_error *err)
{
	const uint8_t head[1] = {HEADER_VERSION};
	return put_value(txn, key, key_length, head, sizeof head, value, err);
}

/* ---- Coming and going ---- */

static enum ddb_code enter_alias(
	struct local_job *job, const struct local_key *key, bool range, struct ddb_error *err)
{
	uint8_t alias[LOCAL_ALIAS_KEY_MAX];
	size_t length = local_alias_key(job->engine, job->table, key, range, alias);
	if (length == 0)
		return DDB_OK;
	return local_alias_write(job->txn, alias, length, range ? &key->range : &key->hash, err);
}

static enum ddb_code leave_alias(
	struct local_job *job, const struct local_key *key, bool range, struct ddb_error *err)
{
	uint8_t alias[LOCAL_ALIAS_KEY_MAX];
	size_t length = local_alias_key(job->engine, job->table, key, range, alias);
	return length == 0 ? DDB_OK : store_delete(job->txn, alias, length, NULL, err);
}

enum ddb_code local_header_enter(struct local_job *job, const uint8_t *prefix, const struct ddb_value *value,
	const struct local_header *inherit, bool *ret_new, struct ddb_error *err)
{
	struct store_value record;
	bool found;
	enum ddb_code code =
		local_get(job->txn, &job->arena, prefix, LOCAL_PREFIX_BYTES, false, &record, &found, err);
	*ret_new = !code && !found;
	if (!*ret_new)
		return code;
	struct local_header header = {0};
	if (inherit)
		header = *inherit;
	else
		header = (struct local_header){.serial = job->counters.next_serial++, .mtime_ns = job->now};
	job->counted = true;
	return local_header_write(job->txn, prefix, value, &header, err);
}

static enum ddb_code enter_partition(struct local_job *job, const struct local_key *key,
	const struct local_header *inherit, struct ddb_error *err)
{
	bool new;
	enum ddb_code code = local_header_enter(job, key->bytes, &key->hash, inherit, &new, err);
	return code || !new ? code : enter_alias(job, key, false, err);
}

enum ddb_code local_place_enter(struct local_job *job, const struct local_key *key,
	const struct local_header *inherit, struct ddb_error *err)
{
	enum ddb_code code = local_item_alias_enter(job, key, err);
	if (code)
		return code;
	if (key->range.type == 0)
		return enter_alias(job, key, false, err);
	code = enter_partition(job, key, inherit, err);
	return code ? code : enter_alias(job, key, true, err);
}

enum ddb_code local_partition_empty(
	struct store_txn *txn, const uint8_t *prefix, bool *ret, struct ddb_error *err)
{
	uint8_t first[LOCAL_PREFIX_BYTES + 1];
	struct store_cursor *cursor;
	bool found;
	enum ddb_code code = store_cursor_open(txn, &cursor, err);
	if (code)
		return code;
	memcpy(first, prefix, LOCAL_PREFIX_BYTES);
	first[LOCAL_PREFIX_BYTES] = 0;
	code = store_cursor_seek(cursor, first, sizeof first, &found, err);
	if (!code && found) {
		const uint8_t *next;
		size_t length;
		store_cursor_key(cursor, &next, &length);
		found = length > LOCAL_PREFIX_BYTES && memcmp(next, first, LOCAL_PREFIX_BYTES) == 0;
	}
	store_cursor_close(cursor);
	if (!code)
		*ret = !found;
	return code;
}

enum ddb_code local_place_leave(struct local_job *job, const struct local_key *key, struct ddb_error *err)
{
	bool empty;
	enum ddb_code code = local_item_alias_leave(job, key, err);
	if (!code)
		code = leave_alias(job, key, key->range.type != 0, err);
	if (code || key->range.type == 0)
		return code;
	code = local_partition_empty(job->txn, key->bytes, &empty, err);
	if (code || !empty)
		return code;
	code = store_delete(job->txn, key->bytes, LOCAL_PREFIX_BYTES, NULL, err);
	return code ? code : leave_alias(job, key, false, err);
}

/* ---- Listing ---- */

static enum ddb_code no_sort_key(const struct ddb_table *table, struct ddb_error *err)
{
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: The table has no sort key: %s", table->name);
}

/* Where partitions are listed: a table's, or an index's. */
struct ground {
	const struct local_table *table;
	const struct ddb_index_definition *index; /* or NULL */
	enum local_kind kind;
	uint32_t space;
};

/* DDB_VALIDATION for a table without sort key, and for an index that cannot be read. */
static enum ddb_code find_ground(
	const struct local_table *table, const char *index, struct ground *ret, struct ddb_error *err)
{
	unsigned position = 0;
	*ret = (struct ground){.table = table, .kind = LOCAL_ITEM, .space = table->space};
	if (!index)
		return local_is_composite(table->table) ? DDB_OK : no_sort_key(table->table, err);
	enum ddb_code code = local_index_find(table, index, &position, err);
	if (code)
		return code;
	ret->index = &table->table->definition->indexes[position];
	ret->kind = LOCAL_ENTRY;
	ret->space = table->indexes[position].space;
	return DDB_OK;
}

/* The first LOCAL_PREFIX_BYTES of what is in the partition of that value. */
static enum ddb_code ground_prefix(struct local_engine *engine, const struct ground *ground,
	const struct ddb_value *value, uint8_t ret[LOCAL_PREFIX_BYTES], struct ddb_error *err)
{
	struct local_index_values values;
	struct local_key key;
	enum ddb_code code;
	if (ground->index) {
		code = local_index_partition_values(ground->index, value, &values, err);
		if (!code)
			local_entry_prefix(engine->store, ground->index, ground->space, &values, ret);
		return code;
	}
	code = local_key_value_check(&ground->table->table->definition->hash, false, value, err);
	if (code)
		return code;
	local_key_make(engine->store, ground->space, value, NULL, &key);
	memcpy(ret, key.bytes, LOCAL_PREFIX_BYTES);
	return DDB_OK;
}

static enum ddb_code ground_value(const struct ground *ground, struct ddb_arena *arena,
	const struct store_value *record, struct ddb_value *ret, struct ddb_error *err)
{
	if (ground->index)
		return local_index_header_value(arena, ground->index, record, ret, err);
	return local_value_decode(arena, record, ground->table->table->definition->hash.type, ret, err);
}

static enum ddb_code ground_alive(struct store_txn *view, const struct ground *ground, struct ddb_error *err)
{
	return ground->index ? local_index_alive(view, ground->table, err)
			     : local_alive(view, ground->table, err);
}

struct listing {
	struct local_engine *engine;
	struct ddb_arena *arena;
	const struct ddb_list_partitions *request;
	struct ddb_partitions *ret;
};

struct partition_list {
	struct ddb_partitions page;
	size_t room, limit;
};

static struct ddb_partition *list_slot(struct partition_list *list, struct ddb_arena *arena)
{
	if (list->page.count == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct ddb_partition *grown = ddb_arena_grow(
			arena, list->page.partitions, list->room * sizeof *grown, room * sizeof *grown);
		if (!grown)
			return NULL;
		list->page.partitions = grown;
		list->room = room;
	}
	return &list->page.partitions[list->page.count++];
}

static enum ddb_code list_one(struct store_cursor *cursor, struct ddb_arena *arena,
	const struct ground *ground, struct partition_list *list, struct ddb_error *err)
{
	struct store_value value;
	struct local_header header = {0};
	struct ddb_value key;
	enum ddb_code code = store_cursor_value(cursor, arena, true, &value, err);
	if (!code)
		code = local_header_decode(&value, &header, err);
	if (!code)
		code = ground_value(ground, arena, &value, &key, err);
	if (code)
		return code;
	struct ddb_partition *partition = list_slot(list, arena);
	if (!partition)
		return ddb_fail_memory(err);
	*partition = (struct ddb_partition){.key = key, .serial = header.serial, .mtime_ns = header.mtime_ns};
	return DDB_OK;
}

/* From header to header: `place` is the first key that the next one may have. */
/* The key that comes next to one that no partition has: it must not hide those behind it. */
static size_t key_after(const uint8_t *key, size_t length, uint8_t *ret)
{
	memcpy(ret, key, length);
	ret[length] = 0;
	return length + 1;
}

static enum ddb_code list_all(struct store_cursor *cursor, struct ddb_arena *arena,
	const struct ground *ground, uint8_t *place, size_t place_length, struct partition_list *list,
	struct ddb_error *err)
{
	uint8_t space[LOCAL_SPACE_BYTES];
	local_space_key(ground->kind, ground->space, space);
	for (;;) {
		const uint8_t *key;
		size_t length;
		bool found;
		enum ddb_code code = store_cursor_seek(cursor, place, place_length, &found, err);
		if (code || !found)
			return code;
		store_cursor_key(cursor, &key, &length);
		if (length < sizeof space || memcmp(key, space, sizeof space) != 0)
			return DDB_OK;
		list->page.more = list->page.count == list->limit;
		if (list->page.more)
			return DDB_OK;
		/* A partition whose header is lost or cannot be read has no name. */
		bool headed = length == LOCAL_PREFIX_BYTES;
		place_length = length < LOCAL_PREFIX_BYTES
				       ? key_after(key, length, place)
				       : local_key_after_prefix(key, LOCAL_PREFIX_BYTES, place);
		code = headed ? list_one(cursor, arena, ground, list, err) : DDB_DAMAGED;
		if (code == DDB_DAMAGED)
			list->page.damaged++;
		else if (code)
			return code;
	}
}

static enum ddb_code list_start(struct local_engine *engine, const struct ground *ground,
	const struct ddb_value *after, uint8_t *ret, size_t *ret_length, struct ddb_error *err)
{
	uint8_t prefix[LOCAL_PREFIX_BYTES];
	if (!after) {
		local_space_key(ground->kind, ground->space, ret);
		*ret_length = LOCAL_SPACE_BYTES;
		return DDB_OK;
	}
	enum ddb_code code = ground_prefix(engine, ground, after, prefix, err);
	if (!code)
		*ret_length = local_key_after_prefix(prefix, sizeof prefix, ret);
	return code;
}

/* From `first` on: all, or with `more` up to the partition that the cursor is in. */
static enum ddb_code read_headers(struct local_engine *engine, const struct ground *ground,
	const uint8_t *first, size_t first_length, struct store_cursor *cursor, bool more,
	struct ddb_error *err)
{
	uint8_t end[LOCAL_PREFIX_BYTES];
	const uint8_t *key = end;
	size_t length = LOCAL_SPACE_BYTES;
	local_space_key(ground->kind, ground->space, end);
	if (more) {
		store_cursor_key(cursor, &key, &length);
		length = LOCAL_PREFIX_BYTES;
	}
	size_t end_length = local_key_after_prefix(key, length, end);
	return local_read_headers(engine, ground->table, first, first_length, end, end_length, err);
}

static enum ddb_code list_in(struct store_txn *view, struct listing *listing, const struct ground *ground,
	uint8_t *place, size_t place_length, struct ddb_error *err)
{
	uint32_t limit = listing->request->limit;
	struct partition_list list = {.limit = limit > 0 && limit < LOCAL_LIST_MAX ? limit : LOCAL_LIST_MAX};
	enum ddb_code code = ground_alive(view, ground, err);
	struct store_cursor *cursor;
	if (!code)
		code = store_cursor_open(view, &cursor, err);
	if (code)
		return code;
	uint8_t first[LOCAL_PREFIX_BYTES];
	size_t first_length = place_length;
	memcpy(first, place, place_length);
	code = list_all(cursor, listing->arena, ground, place, place_length, &list, err);
	if (!code)
		code = read_headers(
			listing->engine, ground, first, first_length, cursor, list.page.more, err);
	store_cursor_close(cursor);
	if (!code)
		*listing->ret = list.page;
	return code;
}

static enum ddb_code list_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct listing *listing = context;
	const struct ddb_list_partitions *request = listing->request;
	struct ground ground;
	uint8_t place[LOCAL_PREFIX_BYTES];
	size_t place_length;
	struct store_txn *view;
	if (table->table->provisional == DDB_PROVISIONAL && !request->index) {
		*listing->ret = (struct ddb_partitions){0};
		return local_read_table(engine, table, err);
	}
	enum ddb_code code = find_ground(table, request->index, &ground, err);
	if (!code)
		code = list_start(engine, &ground, request->after, place, &place_length, err);
	if (!code)
		code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = list_in(view, listing, &ground, place, place_length, err);
	store_view_end(view);
	return code;
}

enum ddb_code local_list_partitions(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_list_partitions *request, struct ddb_partitions *ret, struct ddb_error *err)
{
	struct listing listing = {.engine = local_of(engine), .arena = arena, .request = request, .ret = ret};
	return local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, list_attempt, &listing, err);
}

/* ---- One partition ---- */

struct lookup {
	const char *index;
	const struct ddb_value *key;
	struct ddb_partition *ret;
};

static enum ddb_code lookup_in(struct store_txn *view, const struct ground *ground, const uint8_t *prefix,
	struct lookup *lookup, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	struct store_value value;
	struct local_header header = {0};
	bool found;
	enum ddb_code code = local_get(view, &arena, prefix, LOCAL_PREFIX_BYTES, false, &value, &found, err);
	if (!code && !found)
		code = ground_alive(view, ground, err);
	if (code)
		return code;
	if (!found)
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	code = local_header_decode(&value, &header, err);
	if (code)
		return code;
	*lookup->ret = (struct ddb_partition){
		.key = *lookup->key, .serial = header.serial, .mtime_ns = header.mtime_ns};
	return DDB_OK;
}

enum ddb_code local_partition_key(struct local_engine *engine, const struct local_table *table,
	const struct ddb_value *value, struct local_key *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition = NULL;
	enum ddb_code code = local_definition(table->table, &definition, err);
	if (code)
		return code;
	if (!definition->has_range)
		return no_sort_key(table->table, err);
	code = local_key_value_check(&definition->hash, false, value, err);
	if (code)
		return code;
	local_key_make(engine->store, table->space, value, NULL, ret);
	return DDB_OK;
}

/* Who finds one is on the way to what is in it; who finds none has seen that nothing is. In a transaction
 * that took out what there was, the header alone would not tell of what others put in. */
static enum ddb_code read_absence(struct local_engine *engine, const struct ground *ground,
	const uint8_t prefix[LOCAL_PREFIX_BYTES], struct ddb_error *err)
{
	uint8_t behind[LOCAL_PREFIX_BYTES];
	size_t length = local_key_after_prefix(prefix, LOCAL_PREFIX_BYTES, behind);
	enum ddb_code code =
		local_read_range(engine, ground->table, prefix, LOCAL_PREFIX_BYTES, behind, length, err);
	return code ? code : DDB_RESOURCE_NOT_FOUND;
}

static enum ddb_code lookup_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct lookup *lookup = context;
	const struct ddb_definition *definition = NULL;
	struct ground ground;
	uint8_t prefix[LOCAL_PREFIX_BYTES];
	struct store_txn *view;
	enum ddb_code code = local_definition(table->table, &definition, err);
	if (!code)
		code = find_ground(table, lookup->index, &ground, err);
	if (!code)
		code = ground_prefix(engine, &ground, lookup->key, prefix, err);
	if (!code)
		code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = lookup_in(view, &ground, prefix, lookup, err);
	store_view_end(view);
	return code == DDB_RESOURCE_NOT_FOUND ? read_absence(engine, &ground, prefix, err) : code;
}

enum ddb_code local_get_partition(struct ddb_engine *engine, const char *table, const char *index,
	const struct ddb_value *key, struct ddb_partition *ret, struct ddb_error *err)
{
	struct lookup lookup = {.index = index, .key = key, .ret = ret};
	return local_on_table(local_of(engine), table, LOCAL_OF_ITEM, lookup_attempt, &lookup, err);
}
