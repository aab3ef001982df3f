/*
 * Partition headers and aliases, and the requests that read them. See partition.h.
 */
#include "engine/local/partition.h"

#include "engine/local/item.h"
#include "engine/record.h"
#include <string.h>

enum {
	HEADER_VERSION = 1,
	HEADER_HEAD = 1 + 8 + 8,
	VALUE_RECORD_MAX = DDB_HASH_KEY_MAX + 64, /* bytes of a key value's record */
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

enum ddb_code local_header_write(struct store_txn *txn, const struct local_key *key,
	const struct local_header *header, struct ddb_error *err)
{
	uint8_t head[HEADER_HEAD] = {HEADER_VERSION};
	local_write_le(head + 1, header->serial, 8);
	local_write_le(head + 9, (uint64_t)header->mtime_ns, 8);
	return put_value(txn, key->bytes, LOCAL_PREFIX_BYTES, head, sizeof head, &key->hash, err);
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

static enum ddb_code enter_partition(struct local_job *job, const struct local_key *key,
	const struct local_header *inherit, struct ddb_error *err)
{
	struct store_value value;
	bool found;
	enum ddb_code code =
		local_get(job->txn, &job->arena, key->bytes, LOCAL_PREFIX_BYTES, false, &value, &found, err);
	if (code || found)
		return code;
	struct local_header header = {0};
	if (inherit)
		header = *inherit;
	else
		header = (struct local_header){.serial = job->counters.next_serial++, .mtime_ns = job->now};
	job->counted = true;
	code = local_header_write(job->txn, key, &header, err);
	return code ? code : enter_alias(job, key, false, err);
}

enum ddb_code local_place_enter(struct local_job *job, const struct local_key *key,
	const struct local_header *inherit, struct ddb_error *err)
{
	if (key->range.type == 0)
		return enter_alias(job, key, false, err);
	enum ddb_code code = enter_partition(job, key, inherit, err);
	return code ? code : enter_alias(job, key, true, err);
}

enum ddb_code local_partition_empty(
	struct store_txn *txn, const struct local_key *key, bool *ret, struct ddb_error *err)
{
	uint8_t first[LOCAL_PREFIX_BYTES + 1];
	struct store_cursor *cursor;
	bool found;
	enum ddb_code code = store_cursor_open(txn, &cursor, err);
	if (code)
		return code;
	memcpy(first, key->bytes, LOCAL_PREFIX_BYTES);
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
	if (key->range.type == 0)
		return leave_alias(job, key, false, err);
	bool empty;
	enum ddb_code code = leave_alias(job, key, true, err);
	if (!code)
		code = local_partition_empty(job->txn, key, &empty, err);
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

struct listing {
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

static enum ddb_code list_one(struct store_cursor *cursor, struct ddb_arena *arena, enum ddb_type type,
	struct partition_list *list, struct ddb_error *err)
{
	struct store_value value;
	struct local_header header = {0};
	struct ddb_value key;
	enum ddb_code code = store_cursor_value(cursor, arena, true, &value, err);
	if (!code)
		code = local_header_decode(&value, &header, err);
	if (!code)
		code = local_value_decode(arena, &value, type, &key, err);
	if (code)
		return code;
	struct ddb_partition *partition = list_slot(list, arena);
	if (!partition)
		return ddb_fail_memory(err);
	*partition = (struct ddb_partition){.key = key, .serial = header.serial, .mtime_ns = header.mtime_ns};
	return DDB_OK;
}

/* From header to header: `place` is the first key that the next one may have. */
static enum ddb_code list_all(struct store_cursor *cursor, struct ddb_arena *arena,
	const struct local_table *table, uint8_t *place, size_t place_length, struct partition_list *list,
	struct ddb_error *err)
{
	uint8_t space[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_ITEM, table->space, space);
	for (;;) {
		const uint8_t *key;
		size_t length;
		bool found;
		enum ddb_code code = store_cursor_seek(cursor, place, place_length, &found, err);
		if (code || !found)
			return code;
		store_cursor_key(cursor, &key, &length);
		if (length < LOCAL_PREFIX_BYTES || memcmp(key, space, sizeof space) != 0)
			return DDB_OK;
		list->page.more = list->page.count == list->limit;
		if (list->page.more)
			return DDB_OK;
		/* A partition whose header is lost or cannot be read has no name. */
		bool headed = length == LOCAL_PREFIX_BYTES;
		place_length = local_key_after_prefix(key, LOCAL_PREFIX_BYTES, place);
		code = headed ? list_one(cursor, arena, table->table->definition->hash.type, list, err)
			      : DDB_DAMAGED;
		if (code == DDB_DAMAGED)
			list->page.damaged++;
		else if (code)
			return code;
	}
}

static enum ddb_code list_start(struct local_engine *engine, const struct local_table *table,
	const struct ddb_value *after, uint8_t *ret, size_t *ret_length, struct ddb_error *err)
{
	if (!after) {
		local_space_key(LOCAL_ITEM, table->space, ret);
		*ret_length = LOCAL_SPACE_BYTES;
		return DDB_OK;
	}
	struct local_key key;
	enum ddb_code code = local_key_value_check(&table->table->definition->hash, false, after, err);
	if (code)
		return code;
	local_key_make(engine->store, table->space, after, NULL, &key);
	*ret_length = local_key_after_prefix(key.bytes, LOCAL_PREFIX_BYTES, ret);
	return DDB_OK;
}

static enum ddb_code list_in(struct store_txn *view, struct listing *listing, const struct local_table *table,
	uint8_t *place, size_t place_length, struct ddb_error *err)
{
	uint32_t limit = listing->request->limit;
	struct partition_list list = {.limit = limit > 0 && limit < LOCAL_LIST_MAX ? limit : LOCAL_LIST_MAX};
	enum ddb_code code = local_alive(view, table, err);
	struct store_cursor *cursor;
	if (!code)
		code = store_cursor_open(view, &cursor, err);
	if (code)
		return code;
	code = list_all(cursor, listing->arena, table, place, place_length, &list, err);
	store_cursor_close(cursor);
	if (!code)
		*listing->ret = list.page;
	return code;
}

static enum ddb_code list_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct listing *listing = context;
	uint8_t place[LOCAL_PREFIX_BYTES];
	size_t place_length;
	if (table->table->provisional == DDB_PROVISIONAL) {
		*listing->ret = (struct ddb_partitions){0};
		return DDB_OK;
	}
	if (!local_is_composite(table->table))
		return no_sort_key(table->table, err);
	enum ddb_code code = list_start(engine, table, listing->request->after, place, &place_length, err);
	struct store_txn *view;
	if (!code)
		code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = list_in(view, listing, table, place, place_length, err);
	store_view_end(view);
	return code;
}

enum ddb_code local_list_partitions(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_list_partitions *request, struct ddb_partitions *ret, struct ddb_error *err)
{
	struct listing listing = {.arena = arena, .request = request, .ret = ret};
	return local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, list_attempt, &listing, err);
}

/* ---- One partition ---- */

struct lookup {
	const struct ddb_value *key;
	struct ddb_partition *ret;
};

static enum ddb_code lookup_in(struct store_txn *view, const struct local_table *table,
	const struct local_key *key, struct lookup *lookup, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	struct store_value value;
	struct local_header header = {0};
	bool found;
	enum ddb_code code =
		local_get(view, &arena, key->bytes, LOCAL_PREFIX_BYTES, false, &value, &found, err);
	if (!code && !found)
		code = local_alive(view, table, err);
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

static enum ddb_code lookup_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct lookup *lookup = context;
	struct local_key key;
	struct store_txn *view;
	enum ddb_code code = local_partition_key(engine, table, lookup->key, &key, err);
	if (!code)
		code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = lookup_in(view, table, &key, lookup, err);
	store_view_end(view);
	return code;
}

enum ddb_code local_get_partition(struct ddb_engine *engine, const char *table, const char *index,
	const struct ddb_value *key, struct ddb_partition *ret, struct ddb_error *err)
{
	(void)index;
	struct lookup lookup = {.key = key, .ret = ret};
	return local_on_table(local_of(engine), table, LOCAL_OF_ITEM, lookup_attempt, &lookup, err);
}

/* ---- Aliases ---- */

struct alias_search {
	struct ddb_arena *arena;
	const struct ddb_find_alias *request;
	struct ddb_value *ret;
};

static enum ddb_code alias_place(struct local_engine *engine, const struct local_table *table,
	const struct ddb_find_alias *request, uint8_t *ret, size_t *ret_length, struct ddb_error *err)
{
	struct local_key key;
	enum ddb_code code;
	size_t length = LOCAL_SPACE_BYTES;
	local_space_key(LOCAL_ALIAS, table->space, ret);
	if (request->partition) {
		code = local_partition_key(engine, table, request->partition, &key, err);
		if (code)
			return code;
		memcpy(ret + 1, key.bytes + 1, LOCAL_PREFIX_BYTES - 1);
		length = LOCAL_PREFIX_BYTES;
	}
	store_hash(engine->store, request->alias, DDB_ALIAS_BYTES, ret + length);
	*ret_length = length + STORE_HASH_BYTES;
	return DDB_OK;
}

static enum ddb_code alias_in(struct store_txn *view, const struct local_table *table,
	struct alias_search *search, const uint8_t *place, size_t length, struct ddb_error *err)
{
	const struct ddb_definition *definition = table->table->definition;
	enum ddb_type type = search->request->partition ? definition->range.type : definition->hash.type;
	struct store_value value;
	bool found;
	enum ddb_code code = local_get(view, search->arena, place, length, true, &value, &found, err);
	if (!code && !found)
		code = local_alive(view, table, err);
	if (code)
		return code;
	if (!found)
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	return local_value_decode(search->arena, &value, type, search->ret, err);
}

static enum ddb_code alias_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct alias_search *search = context;
	const struct ddb_definition *definition = NULL;
	uint8_t place[LOCAL_ALIAS_KEY_MAX];
	size_t length;
	struct store_txn *view;
	enum ddb_code code = local_definition(table->table, &definition, err);
	if (!code)
		code = alias_place(engine, table, search->request, place, &length, err);
	if (!code)
		code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = alias_in(view, table, search, place, length, err);
	store_view_end(view);
	return code;
}

enum ddb_code local_find_alias(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_find_alias *request, struct ddb_value *ret, struct ddb_error *err)
{
	struct alias_search search = {.arena = arena, .request = request, .ret = ret};
	return local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, alias_attempt, &search, err);
}
