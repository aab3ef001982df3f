#include "engine/local/local_private.h"

#include "engine/local/keys.h"
#include <stdlib.h>
#include <string.h>

/*
 * A table's head, little-endian: version 1, kind 1, id 4, space 4, generation 8, two times 8 each, uuid; from
 * version 2 on also whether it is unfiled 1, number of indexes 1, and of each its space 4 and state 1; from
 * version 3 on behind those the stream's space 4 and time 8 and the expiries' space 4. What is unfiled is a
 * sum of UNFILED_… A record of version 1 is from before there were entries: nothing of its indexes is made
 * yet.
 */
enum {
	CATALOG_VERSION = 1, /* of counters and totals */
	TABLE_VERSION = 3,
	TABLE_VERSION_INDEXED = 2,
	TABLE_VERSION_UNFILED = 1,
	UUID_BYTES = 36,
	TABLE_UNFILED_AT = 1 + 1 + 4 + 4 + 8 + 8 + 8 + UUID_BYTES,
	TABLE_INDEXES_AT = TABLE_UNFILED_AT + 2,
	TABLE_INDEX_BYTES = 4 + 1,
	TABLE_STREAM_BYTES = 4 + 8 + 4,
	TABLE_HEAD_MAX = TABLE_INDEXES_AT + LOCAL_INDEXES_MAX * TABLE_INDEX_BYTES + TABLE_STREAM_BYTES,
	UNFILED_BESIDE = 1,
	UNFILED_EXPIRIES = 2, /* from version 3 on */
	COUNTERS_HEAD = 1 + 4 * 8,
	COUNTERS_INDEX_BYTES = 2 * 8, /* in the body, up to the last index that has entries */
	TOTALS_HEAD = 1 + 4 + 3 * 8,
};

/* ---- Tables ---- */

struct local_table *local_table_new(struct ddb_table *table, uint32_t space, uint64_t generation)
{
	struct local_table *new_table = malloc(sizeof *new_table);
	if (!new_table) {
		ddb_table_unref(table);
		return NULL;
	}
	*new_table = (struct local_table){
		.references = 1, .table = table, .space = space, .generation = generation};
	return new_table;
}

struct local_table *local_table_next(const struct local_table *table, struct ddb_table *shown)
{
	struct local_table *next = local_table_new(shown, table->space, table->generation + 1);
	if (!next)
		return NULL;
	next->unfiled = table->unfiled;
	next->stream = table->stream;
	next->expiry_space = table->expiry_space;
	next->expiry_unfiled = table->expiry_unfiled;
	memcpy(next->indexes, table->indexes, sizeof next->indexes);
	return next;
}

bool local_table_lacks_stream(const struct local_table *table)
{
	const struct ddb_table *shown = table->table;
	return table->stream.space == 0 && shown->provisional == DDB_DEFINED &&
	       shown->definition->stream != DDB_STREAM_NONE;
}

bool local_table_pending(const struct local_table *table)
{
	bool pending = table->unfiled || table->expiry_unfiled || local_table_lacks_stream(table);
	for (unsigned i = 0; i < local_index_count(table); i++)
		pending |= table->indexes[i].state == DDB_INDEX_CREATING;
	return pending;
}

struct local_table *local_table_ref(struct local_table *table)
{
	__atomic_add_fetch(&table->references, 1, __ATOMIC_RELAXED);
	return table;
}

void local_table_unref(struct local_table *table)
{
	if (!table || __atomic_sub_fetch(&table->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	ddb_table_unref(table->table);
	free(table);
}

struct ddb_table *local_table_draft(const struct ddb_table *table)
{
	struct ddb_table *draft = calloc(1, sizeof *draft);
	if (!draft)
		return NULL;
	draft->references = 1;
	if (!table)
		return draft;
	/* Not the whole of it: others count their references meanwhile. */
	memcpy(draft->name, table->name, sizeof draft->name);
	draft->id = table->id;
	draft->provisional = table->provisional;
	draft->definition = table->definition ? ddb_definition_ref(table->definition) : NULL;
	draft->created_ns = table->created_ns;
	draft->changed_ns = table->changed_ns;
	draft->stream_ns = table->stream_ns;
	memcpy(draft->uuid, table->uuid, sizeof draft->uuid);
	return draft;
}

enum ddb_code local_stand_in(enum ddb_provisional kind, struct ddb_definition **ret, struct ddb_error *err)
{
	const struct ddb_key_attribute hash = {
		.name = DDB_PROVISIONAL_HASH, .name_length = sizeof DDB_PROVISIONAL_HASH - 1, .type = DDB_S};
	const struct ddb_key_attribute range = {.name = DDB_PROVISIONAL_RANGE,
		.name_length = sizeof DDB_PROVISIONAL_RANGE - 1,
		.type = DDB_S};
	if (kind == DDB_PROVISIONAL) {
		*ret = NULL;
		return DDB_OK;
	}
	return ddb_definition_simple(&hash, kind == DDB_PROVISIONAL_COMPOSITE ? &range : NULL, ret, err);
}

/* ---- The cache ---- */

enum ddb_code local_cache_init(struct local_cache *cache, struct ddb_error *err)
{
	memset(cache, 0, sizeof *cache);
	if (pthread_rwlock_init(&cache->lock, NULL))
		return ddb_fail_memory(err);
	return DDB_OK;
}

void local_cache_done(struct local_cache *cache)
{
	for (unsigned i = 0; i < LOCAL_CACHE_SETS; i++)
		for (unsigned way = 0; way < LOCAL_CACHE_WAYS; way++)
			local_table_unref(cache->sets[i].ways[way]);
	pthread_rwlock_destroy(&cache->lock);
}

static struct local_cache_set *cache_set(struct local_cache *cache, const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return &cache->sets[(hash ^ hash >> 16) % LOCAL_CACHE_SETS];
}

static struct local_table **cache_way(struct local_cache *cache, const char *name)
{
	struct local_cache_set *set = cache_set(cache, name);
	for (unsigned way = 0; way < LOCAL_CACHE_WAYS; way++)
		if (set->ways[way] && strcmp(set->ways[way]->table->name, name) == 0)
			return &set->ways[way];
	return NULL;
}

static struct local_table *cache_get(struct local_cache *cache, const char *name, uint64_t *ret_epoch)
{
	pthread_rwlock_rdlock(&cache->lock);
	struct local_table **way = cache_way(cache, name);
	struct local_table *table = way ? local_table_ref(*way) : NULL;
	*ret_epoch = cache->epoch;
	pthread_rwlock_unlock(&cache->lock);
	return table;
}

/* Not when a table was changed since `epoch`: what was read may be older than that. */
static void cache_add(struct local_cache *cache, struct local_table *table, uint64_t epoch)
{
	pthread_rwlock_wrlock(&cache->lock);
	if (cache->epoch == epoch && !cache_way(cache, table->table->name)) {
		struct local_cache_set *set = cache_set(cache, table->table->name);
		struct local_table **way = &set->ways[set->next++ % LOCAL_CACHE_WAYS];
		local_table_unref(*way);
		*way = local_table_ref(table);
	}
	pthread_rwlock_unlock(&cache->lock);
}

void local_table_forget(struct local_engine *engine, const char *name)
{
	struct local_cache *cache = &engine->cache;
	pthread_rwlock_wrlock(&cache->lock);
	cache->epoch++;
	struct local_table **way = cache_way(cache, name);
	if (way) {
		local_table_unref(*way);
		*way = NULL;
	}
	pthread_rwlock_unlock(&cache->lock);
}

enum ddb_code local_table_find(
	struct local_engine *engine, const char *name, struct local_table **ret, struct ddb_error *err)
{
	uint64_t epoch;
	struct local_table *table = cache_get(&engine->cache, name, &epoch);
	if (table) {
		*ret = table;
		return DDB_OK;
	}
	struct store_txn *view;
	enum ddb_code code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = local_catalog_read(view, name, &table, err);
	store_view_end(view);
	if (code)
		return code;
	cache_add(&engine->cache, table, epoch);
	*ret = table;
	return DDB_OK;
}

/* ---- Catalog records ---- */

enum ddb_code local_no_table(struct ddb_error *err, const char *name)
{
	return ddb_fail(
		err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found: Table: %s not found", name);
}

bool local_catalog_key(const char *name, uint8_t ret[LOCAL_TABLE_KEY_MAX], size_t *ret_length)
{
	size_t length = strnlen(name, DDB_TABLE_NAME_MAX + 1);
	if (length == 0 || length > DDB_TABLE_NAME_MAX)
		return false;
	ret[0] = LOCAL_TABLE;
	memcpy(ret + 1, name, length);
	*ret_length = 1 + length;
	return true;
}

static enum ddb_code decode_definition(
	const struct store_value *value, struct ddb_table *table, struct ddb_error *err)
{
	if (table->provisional != DDB_DEFINED)
		return local_stand_in(table->provisional, &table->definition, err);
	enum ddb_code code =
		ddb_definition_read((const char *)value->body, value->body_length, &table->definition, err);
	if (code == DDB_OK || code == DDB_NO_MEMORY)
		return code;
	return ddb_fail(err, DDB_DAMAGED, "The definition of table %s is damaged", table->name);
}

/* Of a head that is not of version 1. */
static size_t indexes_end(const uint8_t *head)
{
	return TABLE_INDEXES_AT + head[TABLE_UNFILED_AT + 1] * (size_t)TABLE_INDEX_BYTES;
}

static bool head_sound(const struct store_value *value)
{
	const uint8_t *head = value->head;
	size_t length = value->head_length;
	if (length < TABLE_UNFILED_AT || head[1] > DDB_PROVISIONAL_COMPOSITE)
		return false;
	if (head[0] == TABLE_VERSION_UNFILED)
		return length == TABLE_UNFILED_AT;
	if (head[0] != TABLE_VERSION && head[0] != TABLE_VERSION_INDEXED)
		return false;
	return length >= TABLE_INDEXES_AT && head[TABLE_UNFILED_AT] <= (UNFILED_BESIDE | UNFILED_EXPIRIES) &&
	       head[TABLE_UNFILED_AT + 1] <= LOCAL_INDEXES_MAX &&
	       length == indexes_end(head) + (head[0] == TABLE_VERSION ? TABLE_STREAM_BYTES : 0);
}

static void decode_stream(const uint8_t *head, struct local_table *table)
{
	if (head[0] != TABLE_VERSION) { /* TTL could be defined, without effect */
		const struct ddb_definition *definition = table->table->definition;
		table->expiry_unfiled = definition && definition->ttl_attribute;
		return;
	}
	const uint8_t *record = head + indexes_end(head);
	table->stream.space = (uint32_t)local_read_le(record, 4);
	table->stream.since_ns = (int64_t)local_read_le(record + 4, 8);
	table->expiry_space = (uint32_t)local_read_le(record + 12, 4);
	table->expiry_unfiled = head[TABLE_UNFILED_AT] & UNFILED_EXPIRIES;
}

/* Of a sound head: false when it does not fit the definition. */
static bool decode_indexes(const uint8_t *head, struct local_table *table)
{
	bool old = head[0] == TABLE_VERSION_UNFILED;
	unsigned count = local_index_count(table);
	table->unfiled = old || head[TABLE_UNFILED_AT] & UNFILED_BESIDE;
	if (!old && head[TABLE_UNFILED_AT + 1] != count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *record = head + TABLE_INDEXES_AT + i * TABLE_INDEX_BYTES;
		table->indexes[i] = (struct local_index){.state = DDB_INDEX_CREATING};
		if (old)
			continue;
		table->indexes[i].space = (uint32_t)local_read_le(record, 4);
		table->indexes[i].state = (enum ddb_index_state)record[4];
		if (record[4] > DDB_INDEX_CREATING ||
			(table->indexes[i].space == 0 && record[4] != DDB_INDEX_CREATING))
			return false;
	}
	return true;
}

static enum ddb_code damaged_table(const char *name, struct ddb_error *err)
{
	return ddb_fail(err, DDB_DAMAGED, "The record of table %s is damaged", name);
}

static enum ddb_code decode_table(
	const char *name, const struct store_value *value, struct ddb_table *table, struct ddb_error *err)
{
	const uint8_t *head = value->head;
	strcpy(table->name, name);
	table->provisional = (enum ddb_provisional)head[1];
	table->id = (uint32_t)local_read_le(head + 2, 4);
	table->created_ns = (int64_t)local_read_le(head + 18, 8);
	table->changed_ns = (int64_t)local_read_le(head + 26, 8);
	memcpy(table->uuid, head + 34, UUID_BYTES);
	return decode_definition(value, table, err);
}

enum ddb_code local_catalog_decode(
	const char *name, const struct store_value *value, struct local_table **ret, struct ddb_error *err)
{
	const uint8_t *head = value->head;
	if (strlen(name) > DDB_TABLE_NAME_MAX || !head_sound(value))
		return damaged_table(name, err);
	struct ddb_table *table = local_table_draft(NULL);
	if (!table)
		return ddb_fail_memory(err);
	enum ddb_code code = decode_table(name, value, table, err);
	if (code) {
		ddb_table_unref(table);
		return code;
	}
	struct local_table *decoded =
		local_table_new(table, (uint32_t)local_read_le(head + 6, 4), local_read_le(head + 10, 8));
	if (!decoded)
		return ddb_fail_memory(err);
	if (!decode_indexes(head, decoded)) {
		local_table_unref(decoded);
		return damaged_table(name, err);
	}
	decode_stream(head, decoded);
	table->stream_ns = decoded->stream.since_ns;
	*ret = decoded;
	return DDB_OK;
}

bool local_catalog_pending(const struct store_value *value)
{
	const uint8_t *head = value->head;
	if (!head_sound(value))
		return false;
	if (head[0] != TABLE_VERSION || head[TABLE_UNFILED_AT])
		return true;
	bool pending = false;
	for (size_t at = TABLE_INDEXES_AT; at < indexes_end(head); at += TABLE_INDEX_BYTES)
		pending |= head[at + 4] == DDB_INDEX_CREATING;
	return pending;
}

bool local_catalog_expires(const struct store_value *value)
{
	const uint8_t *head = value->head;
	return head_sound(value) && head[0] == TABLE_VERSION &&
	       local_read_le(head + indexes_end(head) + 12, 4) != 0;
}

/* From the first table behind `name` on. */
static enum ddb_code seek_wanted(struct store_cursor *cursor, char name[DDB_TABLE_NAME_MAX + 1],
	bool (*wanted)(const struct store_value *value), bool *ret_found, struct ddb_error *err)
{
	uint8_t place[LOCAL_TABLE_KEY_MAX + 1] = {LOCAL_TABLE};
	size_t length = strlen(name);
	memcpy(place + 1, name, length);
	place[1 + length] = 0;
	enum ddb_code code = store_cursor_seek(cursor, place, length ? 2 + length : 1, ret_found, err);
	while (!code && *ret_found) {
		DDB_ARENA_AUTO struct ddb_arena arena = {0};
		const uint8_t *key;
		struct store_value value;
		ddb_arena_init(&arena, LOCAL_ARENA_MAX);
		store_cursor_key(cursor, &key, &length);
		*ret_found = key[0] == LOCAL_TABLE && length <= LOCAL_TABLE_KEY_MAX;
		if (!*ret_found)
			return DDB_OK;
		memcpy(name, key + 1, length - 1);
		name[length - 1] = '\0';
		code = store_cursor_value(cursor, &arena, false, &value, err);
		if (!code && wanted(&value))
			return DDB_OK;
		if (!code || code == DDB_DAMAGED)
			code = store_cursor_next(cursor, ret_found, err);
	}
	return code;
}

enum ddb_code local_catalog_next(struct local_engine *engine, char name[DDB_TABLE_NAME_MAX + 1],
	bool (*wanted)(const struct store_value *value), bool *ret_found, struct ddb_error *err)
{
	struct store_txn *view;
	struct store_cursor *cursor;
	enum ddb_code code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = store_cursor_open(view, &cursor, err);
	if (!code) {
		code = seek_wanted(cursor, name, wanted, ret_found, err);
		store_cursor_close(cursor);
	}
	store_view_end(view);
	return code;
}

bool local_catalog_any(struct local_engine *engine, bool (*wanted)(const struct store_value *value))
{
	char name[DDB_TABLE_NAME_MAX + 1] = "";
	bool found = false;
	return local_catalog_next(engine, name, wanted, &found, NULL) || found;
}

enum ddb_code local_catalog_read(
	struct store_txn *txn, const char *name, struct local_table **ret, struct ddb_error *err)
{
	uint8_t key[LOCAL_TABLE_KEY_MAX];
	size_t length;
	if (!local_catalog_key(name, key, &length))
		return local_no_table(err, name);
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	struct store_value value;
	bool found;
	enum ddb_code code = local_get(txn, &arena, key, length, true, &value, &found, err);
	if (code)
		return code;
	if (!found)
		return local_no_table(err, name);
	return local_catalog_decode(name, &value, ret, err);
}

static size_t encode_table(const struct local_table *table, uint8_t ret[TABLE_HEAD_MAX])
{
	const struct ddb_table *shown = table->table;
	unsigned count = local_index_count(table);
	ret[0] = TABLE_VERSION;
	ret[1] = (uint8_t)shown->provisional;
	local_write_le(ret + 2, shown->id, 4);
	local_write_le(ret + 6, table->space, 4);
	local_write_le(ret + 10, table->generation, 8);
	local_write_le(ret + 18, (uint64_t)shown->created_ns, 8);
	local_write_le(ret + 26, (uint64_t)shown->changed_ns, 8);
	memcpy(ret + 34, shown->uuid, UUID_BYTES);
	ret[TABLE_UNFILED_AT] = (uint8_t)((table->unfiled ? UNFILED_BESIDE : 0) |
					  (table->expiry_unfiled ? UNFILED_EXPIRIES : 0));
	ret[TABLE_UNFILED_AT + 1] = (uint8_t)count;
	uint8_t *end = ret + TABLE_INDEXES_AT;
	for (unsigned i = 0; i < count; i++) {
		end = local_write_le(end, table->indexes[i].space, 4);
		*end++ = (uint8_t)table->indexes[i].state;
	}
	end = local_write_le(end, table->stream.space, 4);
	end = local_write_le(end, (uint64_t)table->stream.since_ns, 8);
	end = local_write_le(end, table->expiry_space, 4);
	return (size_t)(end - ret);
}

enum ddb_code local_catalog_write(
	struct store_txn *txn, const struct local_table *table, struct ddb_error *err)
{
	uint8_t key[LOCAL_TABLE_KEY_MAX], head[TABLE_HEAD_MAX];
	size_t length;
	if (!local_catalog_key(table->table->name, key, &length))
		return local_no_table(err, table->table->name);
	DDB_BUFFER_AUTO struct ddb_buffer body = {0};
	ddb_buffer_init(&body, DDB_DEFINITION_TEXT_MAX);
	if (table->table->provisional == DDB_DEFINED) {
		struct ddb_json_out json;
		ddb_json_out_init(&json, &body, false);
		ddb_definition_write(table->table->definition, &json);
	}
	if (body.failed)
		return ddb_fail_memory(err);
	size_t head_length = encode_table(table, head);
	return store_put(txn, key, length, head, head_length, body.bytes, body.length, err);
}

enum ddb_code local_catalog_delete(struct store_txn *txn, const char *name, struct ddb_error *err)
{
	uint8_t key[LOCAL_TABLE_KEY_MAX];
	size_t length;
	if (!local_catalog_key(name, key, &length))
		return local_no_table(err, name);
	return store_delete(txn, key, length, NULL, err);
}

/* ---- Counters ---- */

/* A record whose head is of fixed length; the value is in the arena. */
static enum ddb_code read_record(struct store_txn *txn, struct ddb_arena *arena, const uint8_t *key,
	size_t key_length, size_t head_length, struct store_value *ret, bool *ret_found,
	struct ddb_error *err)
{
	enum ddb_code code = local_get(txn, arena, key, key_length, true, ret, ret_found, err);
	if (code || !*ret_found)
		return code;
	if (ret->head_length != head_length || ret->head[0] != CATALOG_VERSION)
		return local_damaged(err, "counters");
	return DDB_OK;
}

enum ddb_code local_counters_decode(
	const struct store_value *value, struct local_counters *ret, struct ddb_error *err)
{
	size_t count = value->body_length / COUNTERS_INDEX_BYTES;
	if (value->body_length % COUNTERS_INDEX_BYTES || count > LOCAL_INDEXES_MAX)
		return local_damaged(err, "counters");
	*ret = (struct local_counters){.items = local_read_le(value->head + 1, 8),
		.bytes = local_read_le(value->head + 9, 8),
		.next_serial = local_read_le(value->head + 17, 8),
		.generation = local_read_le(value->head + 25, 8)};
	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = value->body + i * COUNTERS_INDEX_BYTES;
		ret->indexes[i].entries = local_read_le(at, 8);
		ret->indexes[i].bytes = local_read_le(at + 8, 8);
	}
	return DDB_OK;
}

enum ddb_code local_counters_read(struct store_txn *txn, uint32_t space, struct local_counters *ret,
	bool *ret_found, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	uint8_t key[LOCAL_SPACE_BYTES];
	struct store_value value;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	local_space_key(LOCAL_COUNTERS, space, key);
	enum ddb_code code = read_record(txn, &arena, key, sizeof key, COUNTERS_HEAD, &value, ret_found, err);
	return code || !*ret_found ? code : local_counters_decode(&value, ret, err);
}

enum ddb_code local_counters_write(
	struct store_txn *txn, uint32_t space, const struct local_counters *counters, struct ddb_error *err)
{
	uint8_t key[LOCAL_SPACE_BYTES], head[COUNTERS_HEAD] = {CATALOG_VERSION};
	uint8_t body[LOCAL_INDEXES_MAX * COUNTERS_INDEX_BYTES], *end = body;
	unsigned count = LOCAL_INDEXES_MAX;
	local_space_key(LOCAL_COUNTERS, space, key);
	local_write_le(head + 1, counters->items, 8);
	local_write_le(head + 9, counters->bytes, 8);
	local_write_le(head + 17, counters->next_serial, 8);
	local_write_le(head + 25, counters->generation, 8);
	while (count > 0 && !counters->indexes[count - 1].entries && !counters->indexes[count - 1].bytes)
		count--;
	for (unsigned i = 0; i < count; i++) {
		end = local_write_le(end, counters->indexes[i].entries, 8);
		end = local_write_le(end, counters->indexes[i].bytes, 8);
	}
	return store_put(txn, key, sizeof key, head, sizeof head, body, (size_t)(end - body), err);
}

enum ddb_code local_totals_read(struct store_txn *txn, struct local_totals *ret, struct ddb_error *err)
{
	const uint8_t key[1] = {LOCAL_TOTALS};
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct store_value value;
	bool found;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	enum ddb_code code = read_record(txn, &arena, key, sizeof key, TOTALS_HEAD, &value, &found, err);
	if (code)
		return code;
	*ret = (struct local_totals){.next_id = 1, .next_scratch = 1};
	if (!found)
		return DDB_OK;
	const uint8_t *head = value.head;
	ret->next_id = (uint32_t)local_read_le(head + 1, 4);
	ret->tables = local_read_le(head + 5, 8);
	ret->next_scratch = local_read_le(head + 13, 8);
	ret->scratch_bytes = local_read_le(head + 21, 8);
	return DDB_OK;
}

enum ddb_code local_totals_write(
	struct store_txn *txn, const struct local_totals *totals, struct ddb_error *err)
{
	const uint8_t key[1] = {LOCAL_TOTALS};
	uint8_t head[TOTALS_HEAD] = {CATALOG_VERSION};
	local_write_le(head + 1, totals->next_id, 4);
	local_write_le(head + 5, totals->tables, 8);
	local_write_le(head + 13, totals->next_scratch, 8);
	local_write_le(head + 21, totals->scratch_bytes, 8);
	return store_put(txn, key, sizeof key, head, sizeof head, NULL, 0, err);
}

enum ddb_code local_take_id(struct local_totals *totals, uint32_t *ret, struct ddb_error *err)
{
	if (totals->next_id == UINT32_MAX)
		return ddb_fail(err, DDB_LIMIT_EXCEEDED, "The store has no numbers left for tables");
	*ret = totals->next_id++;
	return DDB_OK;
}

enum ddb_code local_take_space(struct store_txn *txn, uint32_t *ret, struct ddb_error *err)
{
	struct local_totals totals;
	enum ddb_code code = local_totals_read(txn, &totals, err);
	if (!code)
		code = local_take_id(&totals, ret, err);
	return code ? code : local_totals_write(txn, &totals, err);
}
