/*
 * Looking for what has changed. A range is compared up to the first difference, which names an item; if it is
 * none, it is gone on a little. See conflict.h.
 */
#include "engine/local/txn/conflict.h"

#include "engine/local/item.h"
#include "engine/local/partition.h"
#include <string.h>

enum { LOOKED_AT_MAX = 100 /* differences of a range, to find one that is an item's */ };

static const char item_changed[] = "The item has changed since the transaction began";
static const char table_changed[] = "The table has changed since the transaction began";

enum ddb_code local_conflicts_init(struct local_conflicts *conflicts, struct local_view *view,
	struct store_txn *moment, struct ddb_arena *arena, struct ddb_error *err)
{
	*conflicts = (struct local_conflicts){.view = view, .moment = moment, .arena = arena};
	conflicts->reasons = ddb_arena_array(arena, LOCAL_REASONS_MAX, sizeof *conflicts->reasons);
	return conflicts->reasons ? DDB_OK : ddb_fail_memory(err);
}

static bool is_full(const struct local_conflicts *conflicts)
{
	return conflicts->count == LOCAL_REASONS_MAX;
}

void local_conflict_add(struct local_conflicts *conflicts, const struct ddb_reason *reason)
{
	if (!is_full(conflicts))
		conflicts->reasons[conflicts->count++] = *reason;
}

static bool is_told(const struct local_conflicts *conflicts, const char *table, const struct ddb_value *key)
{
	for (size_t i = 0; i < conflicts->count; i++) {
		const struct ddb_reason *told = &conflicts->reasons[i];
		if (told->key.type && strcmp(told->table, table) == 0 && ddb_value_equal(&told->key, key))
			return true;
	}
	return false;
}

bool local_conflict_has_table(const struct local_conflicts *conflicts, const char *name)
{
	for (size_t i = 0; i < conflicts->count; i++)
		if (conflicts->reasons[i].key.type == 0 && strcmp(conflicts->reasons[i].table, name) == 0)
			return true;
	return false;
}

enum ddb_code local_conflict_table(struct local_conflicts *conflicts, const char *name, struct ddb_error *err)
{
	if (is_full(conflicts) || local_conflict_has_table(conflicts, name))
		return DDB_OK;
	const struct ddb_reason reason = {.code = DDB_TRANSACTION_CONFLICT,
		.message = table_changed,
		.table = ddb_arena_copy(conflicts->arena, name, strlen(name))};
	if (!reason.table)
		return ddb_fail_memory(err);
	local_conflict_add(conflicts, &reason);
	return DDB_OK;
}

/* ---- Items ---- */

enum ddb_code local_key_copy(struct ddb_arena *arena, const struct ddb_table *table,
	const struct ddb_value *item, struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition = table->definition;
	const struct ddb_key_attribute *parts[] = {&definition->hash, &definition->range};
	struct ddb_attribute attributes[2];
	struct ddb_value map = {.type = DDB_M, .attributes = attributes};
	for (unsigned i = 0; i < (definition->has_range ? 2 : 1); i++) {
		const struct ddb_value *value = ddb_map_get(item, parts[i]->name, parts[i]->name_length);
		if (!value)
			return local_damaged(err, "an item without its key");
		attributes[map.count++] =
			(struct ddb_attribute){parts[i]->name, parts[i]->name_length, *value};
	}
	enum ddb_code code = ddb_map_sort(&map, err);
	return code ? code : ddb_value_copy(arena, &map, ret, err);
}

/* A store key. */
struct place {
	const uint8_t *bytes;
	size_t length;
};

/* The record as it is now or, if it is gone, as it was. */
static enum ddb_code read_either(struct local_conflicts *conflicts, struct ddb_arena *arena,
	const struct place *key, struct store_value *ret, struct ddb_error *err)
{
	bool found;
	enum ddb_code code =
		local_get(conflicts->txn, arena, key->bytes, key->length, true, ret, &found, err);
	if (code || found)
		return code;
	return store_branch_get(conflicts->moment, arena, key->bytes, key->length, true, ret, err);
}

/* The item under that key of the table, or that an entry of one of its indexes is of. */
static enum ddb_code tell_item(struct local_conflicts *conflicts, const struct local_table *table,
	const struct place *key, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct store_value value;
	struct ddb_value item;
	struct ddb_reason reason = {.code = DDB_TRANSACTION_CONFLICT, .message = item_changed};
	if (is_full(conflicts))
		return DDB_OK;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	enum ddb_code code = read_either(conflicts, &arena, key, &value, err);
	if (!code)
		code = local_body_decode(&arena, value.body, value.body_length, &item, err);
	if (!code)
		code = local_key_copy(conflicts->arena, table->table, &item, &reason.key, err);
	if (code)
		return code;
	const char *name = table->table->name;
	if (is_told(conflicts, name, &reason.key))
		return DDB_OK;
	reason.table = ddb_arena_copy(conflicts->arena, name, strlen(name));
	if (!reason.table)
		return ddb_fail_memory(err);
	local_conflict_add(conflicts, &reason);
	return DDB_OK;
}

static enum ddb_code same_key(
	struct local_conflicts *conflicts, const struct place *key, bool *ret, struct ddb_error *err)
{
	uint8_t behind[STORE_KEY_MAX + 1];
	memcpy(behind, key->bytes, key->length);
	behind[key->length] = 0;
	return store_branch_unchanged(conflicts->moment, conflicts->txn, key->bytes, key->length, behind,
		key->length + 1, ret, NULL, err);
}

static enum ddb_code find_written(struct local_conflicts *conflicts, struct ddb_error *err)
{
	const struct local_staged *staged = &conflicts->view->staged;
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < staged->items.count && !is_full(conflicts); i++) {
		const struct local_staged_item *item = &staged->items.items[i];
		const struct place key = {item->key, item->length};
		LOCAL_TABLE_AUTO struct local_table *table = NULL;
		bool same = true;
		code = same_key(conflicts, &key, &same, err);
		if (code || same)
			continue;
		code = local_catalog_read(conflicts->moment, staged->tables[item->table], &table, err);
		if (!code)
			code = tell_item(conflicts, table, &key, err);
	}
	return code;
}

/* ---- Whose a key is ---- */

static bool has_space(const struct local_table *table, uint32_t space)
{
	bool has = table->space == space;
	for (unsigned i = 0; i < local_index_count(table); i++)
		has |= table->indexes[i].space == space;
	return has;
}

static enum ddb_code table_at(struct store_cursor *cursor, struct local_table **ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	char name[DDB_TABLE_NAME_MAX + 1] = "";
	const uint8_t *key;
	size_t length;
	struct store_value value;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	store_cursor_key(cursor, &key, &length);
	if (length - 1 > DDB_TABLE_NAME_MAX)
		return local_damaged(err, "the name of a table");
	memcpy(name, key + 1, length - 1);
	enum ddb_code code = store_cursor_value(cursor, &arena, true, &value, err);
	return code ? code : local_catalog_decode(name, &value, ret, err);
}

/* The table of a space, as of the moment; *ret NULL: none. */
static enum ddb_code find_table(
	struct local_conflicts *conflicts, uint32_t space, struct local_table **ret, struct ddb_error *err)
{
	static const uint8_t first[1] = {LOCAL_TABLE};
	struct store_cursor *cursor;
	bool found = false;
	*ret = NULL;
	enum ddb_code code = store_cursor_open(conflicts->moment, &cursor, err);
	if (code)
		return code;
	code = store_cursor_seek(cursor, first, sizeof first, &found, err);
	while (!code && found && !*ret) {
		struct local_table *table = NULL;
		const uint8_t *key;
		size_t length;
		store_cursor_key(cursor, &key, &length);
		if (key[0] != LOCAL_TABLE)
			break;
		code = table_at(cursor, &table, err);
		if (!code && has_space(table, space))
			*ret = table;
		else
			local_table_unref(table);
		if (!code)
			code = store_cursor_next(cursor, &found, err);
	}
	store_cursor_close(cursor);
	return code;
}

/* ---- Ranges ---- */

/* Partitions begin with a header, which is no item. */
static bool is_record(const struct local_table *table, const uint8_t *key, size_t length)
{
	if (key[0] == LOCAL_TABLE)
		return true;
	if (key[0] == LOCAL_ENTRY)
		return length > LOCAL_PREFIX_BYTES;
	return key[0] == LOCAL_ITEM && (length > LOCAL_PREFIX_BYTES || !local_is_composite(table->table));
}

static enum ddb_code tell_place(struct local_conflicts *conflicts, const struct local_table *table,
	const struct place *key, struct ddb_error *err)
{
	char name[DDB_TABLE_NAME_MAX + 1] = "";
	if (key->bytes[0] != LOCAL_TABLE)
		return tell_item(conflicts, table, key, err);
	size_t length = key->length - 1;
	memcpy(name, key->bytes + 1, length < DDB_TABLE_NAME_MAX ? length : DDB_TABLE_NAME_MAX);
	return local_conflict_table(conflicts, name, err);
}

/* *ret_named false: the key is of no item and no table. */
static enum ddb_code tell_difference(
	struct local_conflicts *conflicts, const struct place *key, bool *ret_named, struct ddb_error *err)
{
	LOCAL_TABLE_AUTO struct local_table *table = NULL;
	bool is_table = key->bytes[0] == LOCAL_TABLE;
	enum ddb_code code = DDB_OK;
	if (!is_table && key->length >= LOCAL_SPACE_BYTES)
		code = find_table(conflicts, (uint32_t)local_read_be(key->bytes + 1, 4), &table, err);
	*ret_named = !code && (is_table || (table && is_record(table, key->bytes, key->length)));
	return *ret_named ? tell_place(conflicts, table, key, err) : code;
}

/* The table that the span begins in. */
static enum ddb_code tell_span(
	struct local_conflicts *conflicts, const struct local_span *span, struct ddb_error *err)
{
	LOCAL_TABLE_AUTO struct local_table *table = NULL;
	enum ddb_code code = DDB_OK;
	if (span->bytes[0] != LOCAL_TABLE && span->from_length >= LOCAL_SPACE_BYTES)
		code = find_table(conflicts, (uint32_t)local_read_be(span->bytes + 1, 4), &table, err);
	return code ? code : local_conflict_table(conflicts, table ? table->table->name : "", err);
}

static enum ddb_code find_records(
	struct local_conflicts *conflicts, const struct local_span *span, struct ddb_error *err)
{
	struct place from = {span->bytes, span->from_length};
	uint8_t behind[STORE_KEY_MAX + 1];
	for (unsigned i = 0; i < LOOKED_AT_MAX; i++) {
		struct store_difference first;
		bool same = true, named;
		enum ddb_code code = store_branch_unchanged(conflicts->moment, conflicts->txn, from.bytes,
			from.length, span->bytes + span->to_at, span->to_length, &same, &first, err);
		if (code || (same && i == 0))
			return code;
		if (same)
			break;
		const struct place key = {first.key, first.length};
		code = tell_difference(conflicts, &key, &named, err);
		if (code || named)
			return code;
		memcpy(behind, first.key, first.length);
		behind[first.length] = 0;
		from = (struct place){behind, first.length + 1};
	}
	return tell_span(conflicts, span, err);
}

struct emptied {
	struct local_conflicts *conflicts;
	bool *same;
};

/*
 * Where the transaction has taken something out, it depends on what else is in the partition whether that is
 * listed: so nobody may have changed it, though its header was there and is.
 */
static enum ddb_code look_where_emptied(void *context, struct store_txn *view, const uint8_t *key,
	size_t length, bool deleted, struct ddb_error *err)
{
	struct emptied *emptied = context;
	uint8_t end[LOCAL_PREFIX_BYTES];
	if (!deleted || length < LOCAL_PREFIX_BYTES || !*emptied->same)
		return DDB_OK;
	size_t end_length = local_key_after_prefix(key, LOCAL_PREFIX_BYTES, end);
	return store_branch_unchanged(view, emptied->conflicts->txn, key, LOCAL_PREFIX_BYTES, end, end_length,
		emptied->same, NULL, err);
}

static enum ddb_code compare_headers(struct local_conflicts *conflicts, const struct local_span *span,
	bool *ret_same, struct ddb_error *err)
{
	struct emptied emptied = {conflicts, ret_same};
	const uint8_t *to = span->bytes + span->to_at;
	enum ddb_code code = store_branch_same_keys(conflicts->moment, conflicts->txn, span->bytes,
		span->from_length, to, span->to_length, LOCAL_PREFIX_BYTES, ret_same, err);
	if (code || !*ret_same)
		return code;
	return store_branch_changes(conflicts->moment, span->bytes, span->from_length, to, span->to_length,
		look_where_emptied, &emptied, err);
}

static enum ddb_code find_headers(
	struct local_conflicts *conflicts, const struct local_span *span, struct ddb_error *err)
{
	bool same = true;
	enum ddb_code code = compare_headers(conflicts, span, &same, err);
	return code || same ? code : tell_span(conflicts, span, err);
}

enum ddb_code local_conflicts_find(struct local_conflicts *conflicts, struct ddb_error *err)
{
	struct local_reads *reads = &conflicts->view->reads;
	enum ddb_code code = find_written(conflicts, err);
	if (code)
		return code;
	pthread_mutex_lock(&reads->lock);
	for (size_t i = 0; !code && i < reads->records.count && !is_full(conflicts); i++)
		code = find_records(conflicts, &reads->records.spans[i], err);
	for (size_t i = 0; !code && i < reads->headers.count && !is_full(conflicts); i++)
		code = find_headers(conflicts, &reads->headers.spans[i], err);
	pthread_mutex_unlock(&reads->lock);
	return code;
}
