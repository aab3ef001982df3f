/*
 * Operations on tables as wholes, and the purging of what deleted ones leave behind: a table is gone with one
 * small commit; its records follow in bounded steps that a crash may interrupt anywhere.
 */
#include "engine/local/ttl/expiry.h"
#include "engine/local/index/set.h"
#include "engine/local/stream/stream.h"

#include <string.h>
#include <sys/random.h>

/* ---- Creating ---- */

static enum ddb_code make_uuid(char ret[37], struct ddb_error *err)
{
	uint8_t bytes[16];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return ddb_fail(err, DDB_INTERNAL, "No random numbers are to be had");
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4, variant 1 */
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	char *end = ret;
	for (unsigned i = 0; i < sizeof bytes; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*end++ = '-';
		*end++ = "0123456789abcdef"[bytes[i] >> 4];
		*end++ = "0123456789abcdef"[bytes[i] & 15];
	}
	*end = '\0';
	return DDB_OK;
}

static enum ddb_code refuse_existing(struct store_txn *txn, const char *name, struct ddb_error *err)
{
	uint8_t key[LOCAL_TABLE_KEY_MAX];
	size_t length;
	struct store_value value;
	bool found;
	if (!local_catalog_key(name, key, &length))
		return local_no_table(err, name);
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	enum ddb_code code = local_get(txn, &arena, key, length, false, &value, &found, err);
	if (code)
		return code;
	return found ? ddb_fail(err, DDB_RESOURCE_IN_USE, "Table already exists: %s", name) : DDB_OK;
}

struct creation {
	struct local_engine *engine;
	struct local_table *draft; /* this call's own; its numbers are given anew in every run */
};

static enum ddb_code create_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct creation *creation = context;
	struct local_table *draft = creation->draft;
	struct local_totals totals;
	const struct local_counters counters = {.next_serial = 1, .generation = draft->generation};
	enum ddb_code code = refuse_existing(txn, draft->table->name, err);
	if (!code)
		code = local_totals_read(txn, &totals, err);
	if (!code)
		code = local_take_id(&totals, &draft->table->id, err);
	if (!code)
		code = local_take_id(&totals, &draft->space, err);
	if (!code)
		code = local_indexes_number(&totals, draft, err);
	if (!code)
		code = local_expiry_number(&totals, draft, err);
	if (code)
		return code;
	totals.tables++;
	code = local_totals_write(txn, &totals, err);
	if (!code)
		code = local_counters_write(txn, draft->space, &counters, err);
	if (!code)
		code = local_stream_redefine(creation->engine, txn, NULL, draft, err);
	return code ? code : local_catalog_write(txn, draft, err);
}

enum ddb_code local_create_table(
	struct ddb_engine *base, const char *name, struct ddb_definition *definition, struct ddb_error *err)
{
	struct local_engine *engine = local_of(base);
	char uuid[37];
	enum ddb_code code = ddb_table_name_check(name, strlen(name), err);
	if (!code)
		code = make_uuid(uuid, err);
	if (code)
		return code;
	struct ddb_table *table = local_table_draft(NULL);
	if (!table)
		return ddb_fail_memory(err);
	strcpy(table->name, name);
	strcpy(table->uuid, uuid);
	table->provisional = definition ? DDB_DEFINED : DDB_PROVISIONAL;
	table->definition = definition ? ddb_definition_ref(definition) : NULL;
	table->created_ns = table->changed_ns = local_clock(engine);
	LOCAL_TABLE_AUTO struct local_table *draft = local_table_new(table, 0, 1);
	if (!draft)
		return ddb_fail_memory(err);
	struct creation creation = {.engine = engine, .draft = draft};
	code = local_write(engine, create_job, &creation, err);
	if (code)
		return code;
	local_table_forget(engine, name);
	if (draft->stream.space)
		local_worker_wake(&engine->streams.worker);
	if (local_expires(draft))
		local_worker_wake(&engine->sweeper.worker);
	return DDB_OK;
}

/* ---- Describing ---- */

enum ddb_code local_describe_table(
	struct ddb_engine *base, const char *name, struct ddb_table **ret, struct ddb_error *err)
{
	LOCAL_TABLE_AUTO struct local_table *table = NULL;
	enum ddb_code code = local_table_find(local_of(base), name, &table, err);
	if (code)
		return code;
	*ret = ddb_table_ref(table->table);
	return DDB_OK;
}

static enum ddb_code count_in(struct store_txn *view, const struct local_table *table,
	struct ddb_table_counts *ret, struct ddb_error *err)
{
	struct local_counters counters;
	bool found;
	enum ddb_code code = local_counters_read(view, table->space, &counters, &found, err);
	if (code)
		return code;
	if (!found || counters.generation != table->generation)
		return LOCAL_STALE;
	struct ddb_table_counts counts = {.items = counters.items, .bytes = counters.bytes};
	code = local_indexes_count(view, table, &counters, &counts, err);
	if (!code)
		*ret = counts;
	return code;
}

static enum ddb_code count_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct store_txn *view;
	enum ddb_code code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = count_in(view, table, context, err);
	store_view_end(view);
	return code;
}

enum ddb_code local_count_table(
	struct ddb_engine *base, const char *name, struct ddb_table_counts *ret, struct ddb_error *err)
{
	return local_on_table(local_of(base), name, LOCAL_OF_TABLE, count_attempt, ret, err);
}

struct name_list {
	struct ddb_arena *arena;
	const char *after;
	size_t limit, room;
	struct ddb_table_names names;
};

static enum ddb_code list_name(
	struct name_list *list, const uint8_t *name, size_t length, struct ddb_error *err)
{
	struct ddb_table_names *names = &list->names;
	if (names->count == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		const char **grown = ddb_arena_grow(
			list->arena, names->names, list->room * sizeof *grown, room * sizeof *grown);
		if (!grown)
			return ddb_fail_memory(err);
		names->names = grown;
		list->room = room;
	}
	const char *copy = ddb_arena_copy(list->arena, name, length);
	if (!copy)
		return ddb_fail_memory(err);
	names->names[names->count++] = copy;
	return DDB_OK;
}

static enum ddb_code list_names(struct store_cursor *cursor, struct name_list *list, struct ddb_error *err)
{
	uint8_t place[LOCAL_TABLE_KEY_MAX + 1] = {LOCAL_TABLE};
	size_t length = 1;
	bool found;
	if (list->after) { /* the first name that can follow it */
		size_t after = strnlen(list->after, DDB_TABLE_NAME_MAX);
		memcpy(place + 1, list->after, after);
		place[1 + after] = 0;
		length = 2 + after;
	}
	enum ddb_code code = store_cursor_seek(cursor, place, length, &found, err);
	while (!code && found) {
		const uint8_t *key;
		store_cursor_key(cursor, &key, &length);
		if (key[0] != LOCAL_TABLE)
			return DDB_OK;
		list->names.more = list->names.count == list->limit;
		if (list->names.more)
			return DDB_OK;
		code = list_name(list, key + 1, length - 1, err);
		if (!code)
			code = store_cursor_next(cursor, &found, err);
	}
	return code;
}

enum ddb_code local_list_tables(struct ddb_engine *base, struct ddb_arena *arena, const char *after,
	uint32_t limit, struct ddb_table_names *ret, struct ddb_error *err)
{
	struct name_list list = {.arena = arena,
		.after = after,
		.limit = limit > 0 && limit < LOCAL_LIST_MAX ? limit : LOCAL_LIST_MAX};
	struct store_txn *view;
	struct store_cursor *cursor;
	enum ddb_code code = store_view(local_of(base)->store, &view, err);
	if (code)
		return code;
	code = store_cursor_open(view, &cursor, err);
	if (!code) {
		code = list_names(cursor, &list, err);
		store_cursor_close(cursor);
	}
	store_view_end(view);
	if (!code)
		*ret = list.names;
	return code;
}

/* ---- Changing the definition ---- */

/* What the table is to become; `check` lets it, or refuses, or (*ret_same) leaves it. */
struct redefinition {
	enum ddb_code (*check)(const struct ddb_table *table, const struct redefinition *what, bool *ret_same,
		struct ddb_error *err);
	const struct ddb_definition *from; /* or NULL */
	struct ddb_definition *definition;
	enum ddb_provisional kind;
	bool dropped;  /* an index, whose records are to be purged */
	bool streamed; /* it has a stream */
	bool expires;  /* it has TTL */
};

static enum ddb_code redefine_job(struct local_job *job, void *context, struct ddb_error *err)
{
	struct redefinition *what = context;
	struct ddb_table *table = local_table_draft(job->table->table);
	if (!table)
		return ddb_fail_memory(err);
	ddb_definition_unref(table->definition);
	table->definition = ddb_definition_ref(what->definition);
	table->provisional = what->kind;
	table->changed_ns = job->now > table->changed_ns ? job->now : table->changed_ns + 1;
	LOCAL_TABLE_AUTO struct local_table *draft = local_table_next(job->table, table);
	if (!draft)
		return ddb_fail_memory(err);
	job->counters.generation = draft->generation;
	job->counted = true;
	enum ddb_code code = local_indexes_redefine(job, draft, &what->dropped, err);
	if (!code)
		code = local_expiry_redefine(job, draft, &what->dropped, err);
	if (!code)
		code = local_stream_redefine(job->engine, job->txn, job->table, draft, err);
	what->streamed = draft->stream.space;
	what->expires = local_expires(draft);
	return code ? code : local_catalog_write(job->txn, draft, err);
}

static enum ddb_code redefine_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct redefinition *what = context;
	bool same = false;
	enum ddb_code code = what->check(table->table, what, &same, err);
	if (code || same)
		return code;
	code = local_change_table(engine, table, redefine_job, what, err);
	if (code)
		return code;
	local_table_forget(engine, table->table->name);
	if (what->dropped)
		local_purge(engine, UINT32_MAX);
	local_worker_wake(&engine->filler);
	if (what->streamed)
		local_worker_wake(&engine->streams.worker);
	if (what->expires)
		local_worker_wake(&engine->sweeper.worker);
	return DDB_OK;
}

static enum ddb_code update_check(
	const struct ddb_table *table, const struct redefinition *what, bool *ret_same, struct ddb_error *err)
{
	if (table->provisional != DDB_DEFINED)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: The table has no definition yet: %s",
			table->name);
	if (what->from && !ddb_definition_equal(table->definition, what->from))
		return ddb_fail(err, DDB_RESOURCE_IN_USE,
			"Attempt to change a resource which is still in use: Table is being updated: %s",
			table->name);
	*ret_same = ddb_definition_equal(table->definition, what->definition);
	return *ret_same ? DDB_OK : ddb_definition_update_check(table->definition, what->definition, err);
}

enum ddb_code local_update_table(struct ddb_engine *base, const char *name, const struct ddb_definition *from,
	struct ddb_definition *definition, struct ddb_error *err)
{
	struct redefinition what = {
		.check = update_check, .from = from, .definition = definition, .kind = DDB_DEFINED};
	return local_on_table(local_of(base), name, LOCAL_OF_TABLE, redefine_attempt, &what, err);
}

static enum ddb_code settle_check(
	const struct ddb_table *table, const struct redefinition *what, bool *ret_same, struct ddb_error *err)
{
	if (table->provisional == DDB_PROVISIONAL)
		return DDB_OK;
	*ret_same = table->definition->has_range == (what->kind == DDB_PROVISIONAL_COMPOSITE);
	if (*ret_same)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION, "One or more parameter values were invalid: The table %s: %s",
		table->definition->has_range ? "has a sort key" : "has no sort key", table->name);
}

enum ddb_code local_settle_table(
	struct ddb_engine *base, const char *name, enum ddb_provisional kind, struct ddb_error *err)
{
	if (kind != DDB_PROVISIONAL_SIMPLE && kind != DDB_PROVISIONAL_COMPOSITE)
		return ddb_fail(
			err, DDB_VALIDATION, "One or more parameter values were invalid: No kind of table");
	struct redefinition what = {.check = settle_check, .kind = kind};
	enum ddb_code code = local_stand_in(kind, &what.definition, err);
	if (code)
		return code;
	code = local_on_table(local_of(base), name, LOCAL_OF_TABLE, redefine_attempt, &what, err);
	ddb_definition_unref(what.definition);
	return code;
}

/* ---- The definition's time ---- */

static enum ddb_code date_job(struct local_job *job, void *context, struct ddb_error *err)
{
	const int64_t *changed_ns = context;
	struct ddb_table *table = local_table_draft(job->table->table);
	if (!table)
		return ddb_fail_memory(err);
	table->changed_ns = *changed_ns;
	LOCAL_TABLE_AUTO struct local_table *draft = local_table_next(job->table, table);
	if (!draft)
		return ddb_fail_memory(err);
	job->counters.generation = draft->generation;
	job->counted = true;
	return local_catalog_write(job->txn, draft, err);
}

enum ddb_code local_table_date(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	const int64_t *changed_ns = context;
	if (table->table->changed_ns == *changed_ns)
		return DDB_OK;
	enum ddb_code code = local_change_table(engine, table, date_job, context, err);
	if (!code)
		local_table_forget(engine, table->table->name);
	return code;
}

/* ---- Deleting ---- */

enum ddb_code local_table_guarded(const struct ddb_table *table, struct ddb_error *err)
{
	if (table->provisional != DDB_DEFINED || !table->definition->deletion_protection)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION,
		"Resource cannot be deleted as it is currently protected against deletion. "
		"Disable deletion protection first.");
}

static enum ddb_code count_down(struct store_txn *txn, struct ddb_error *err)
{
	struct local_totals totals;
	enum ddb_code code = local_totals_read(txn, &totals, err);
	if (code)
		return code;
	totals.tables -= totals.tables > 0;
	return local_totals_write(txn, &totals, err);
}

enum ddb_code local_table_drop(
	struct local_job *job, const struct local_table *table, bool *ret_rest, struct ddb_error *err)
{
	struct store_txn *txn = job->txn;
	uint8_t key[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_COUNTERS, table->space, key);
	*ret_rest = false;
	enum ddb_code code = count_down(txn, err);
	if (!code)
		code = local_stream_close(job->engine, txn, table, err);
	if (!code)
		code = local_catalog_delete(txn, table->table->name, err);
	if (!code)
		code = store_delete(txn, key, sizeof key, NULL, err);
	if (!code)
		code = local_purge_some(txn, table->space, LOCAL_PURGE_RECORDS, ret_rest, err);
	if (!code && *ret_rest)
		code = local_tombstone_write(txn, table->space, err);
	for (unsigned i = 0; !code && i < local_index_count(table); i++)
		code = local_index_drop(txn, &table->indexes[i], ret_rest, err);
	return code ? code : local_expiry_drop(txn, table, ret_rest, err);
}

enum ddb_code local_table_has_items(struct ddb_error *err, const char *name)
{
	return ddb_fail(err, DDB_RESOURCE_IN_USE, "Table has items: %s", name);
}

struct table_deletion {
	bool only_empty;
	bool rest; /* records are left to be purged */
};

static enum ddb_code delete_job(struct local_job *job, void *context, struct ddb_error *err)
{
	struct table_deletion *deletion = context;
	if (deletion->only_empty && job->counters.items > 0)
		return local_table_has_items(err, job->table->table->name);
	return local_table_drop(job, job->table, &deletion->rest, err);
}

static enum ddb_code delete_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	enum ddb_code code = local_table_guarded(table->table, err);
	if (!code)
		code = local_change_table(engine, table, delete_job, context, err);
	if (!code)
		local_table_forget(engine, table->table->name);
	return code;
}

enum ddb_code local_delete_table(
	struct ddb_engine *base, const char *name, bool only_empty, struct ddb_error *err)
{
	struct table_deletion deletion = {.only_empty = only_empty};
	enum ddb_code code =
		local_on_table(local_of(base), name, LOCAL_OF_TABLE, delete_attempt, &deletion, err);
	if (!code && deletion.rest)
		local_purge(local_of(base), UINT32_MAX);
	return code;
}

/* ---- Purging ---- */

enum ddb_code local_tombstone_write(struct store_txn *txn, uint32_t space, struct ddb_error *err)
{
	const uint8_t head[1] = {1};
	uint8_t key[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_TOMBSTONE, space, key);
	return store_put(txn, key, sizeof key, head, sizeof head, NULL, 0, err);
}

/* The first key with that prefix; *ret_length 0 when there is none. */
static enum ddb_code first_key(struct store_txn *txn, const uint8_t *prefix, size_t prefix_length,
	uint8_t *ret, size_t *ret_length, struct ddb_error *err)
{
	struct store_cursor *cursor;
	bool found;
	enum ddb_code code = store_cursor_open(txn, &cursor, err);
	if (code)
		return code;
	code = store_cursor_seek(cursor, prefix, prefix_length, &found, err);
	*ret_length = 0;
	if (!code && found) {
		const uint8_t *key;
		size_t length;
		store_cursor_key(cursor, &key, &length);
		if (length >= prefix_length && memcmp(key, prefix, prefix_length) == 0) {
			memcpy(ret, key, length);
			*ret_length = length;
		}
	}
	store_cursor_close(cursor);
	return code;
}

static enum ddb_code purge_kind(
	struct store_txn *txn, enum local_kind kind, uint32_t space, unsigned *budget, struct ddb_error *err)
{
	uint8_t prefix[LOCAL_SPACE_BYTES], key[STORE_KEY_MAX];
	local_space_key(kind, space, prefix);
	for (; *budget > 0; --*budget) {
		size_t length;
		enum ddb_code code = first_key(txn, prefix, sizeof prefix, key, &length, err);
		if (!code && length > 0)
			code = store_delete(txn, key, length, NULL, err);
		if (code || length == 0)
			return code;
	}
	return DDB_OK;
}

enum ddb_code local_purge_some(
	struct store_txn *txn, uint32_t space, unsigned budget, bool *ret_rest, struct ddb_error *err)
{
	static const enum local_kind kinds[] = {LOCAL_ITEM, LOCAL_ENTRY, LOCAL_ALIAS, LOCAL_ENTRY_ALIAS,
		LOCAL_COLLECTION, LOCAL_PROGRESS, LOCAL_STREAM_RECORD, LOCAL_EXPIRY};
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < sizeof kinds / sizeof *kinds; i++)
		code = purge_kind(txn, kinds[i], space, &budget, err);
	if (!code)
		*ret_rest = budget == 0; /* perhaps none: the next round will tell */
	return code;
}

/* Some of the first tombstone's space; the tombstone with the last of it. *context: whether there was one. */
static enum ddb_code purge_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	bool *ret_busy = context, rest;
	const uint8_t prefix[1] = {LOCAL_TOMBSTONE};
	uint8_t key[STORE_KEY_MAX];
	size_t length;
	*ret_busy = false;
	enum ddb_code code = first_key(txn, prefix, sizeof prefix, key, &length, err);
	if (code || length != LOCAL_SPACE_BYTES)
		return code;
	*ret_busy = true;
	code = local_purge_some(txn, (uint32_t)local_read_be(key + 1, 4), LOCAL_PURGE_RECORDS, &rest, err);
	if (code || rest)
		return code;
	return store_delete(txn, key, length, NULL, err);
}

/* Spares an engine with nothing to purge, above all one just opened, an empty commit. */
static bool purge_wanted(struct local_engine *engine)
{
	const uint8_t prefix[1] = {LOCAL_TOMBSTONE};
	uint8_t key[STORE_KEY_MAX];
	size_t length = 0;
	struct store_txn *view;
	if (engine->read_only || store_view(engine->store, &view, NULL))
		return false;
	enum ddb_code code = first_key(view, prefix, sizeof prefix, key, &length, NULL);
	store_view_end(view);
	return !code && length > 0;
}

void local_purge(struct local_engine *engine, unsigned rounds)
{
	bool busy = purge_wanted(engine);
	while (busy && rounds-- > 0)
		if (store_write(engine->store, purge_job, &busy, false, NULL))
			return;
}
