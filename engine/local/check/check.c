/*
 * The check of a store as a whole: seals, catalog, what belongs to no table, totals. Tables and scratch files
 * are items.c's and scratch.c's. Nothing that was read is trusted; a damaged record costs that
 * record only.
 */
#include "engine/local/check/check.h"

#include "engine/local/stream/stream.h"
#include "engine/local/txn/token.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_MAX_BYTES = 2048,
	DAMAGED_MAX = 4096, /* keys that are remembered for repair; more take another round */
	DAMAGED_ROUNDS = 256,
	SHOWN_KEY_BYTES = 200, /* of a key in a line */
};

/* ---- Telling and repairing ---- */

void check_problem(struct check *check, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	check->result.problems++;
	if (check->options->report)
		check->options->report(check->options->context, line);
}

enum ddb_code check_unreadable(struct check *check, enum ddb_code code, const struct ddb_error *reason,
	const char *what, struct ddb_error *err)
{
	if (code == DDB_DAMAGED) {
		check_problem(check, "%s cannot be read: %s", what, reason->message);
		return DDB_OK;
	}
	if (code && err)
		*err = *reason;
	return code;
}

enum ddb_code check_progress(
	enum ddb_code code, const struct ddb_error *reason, bool *ret, struct ddb_error *err)
{
	if (code == DDB_DAMAGED) {
		*ret = false;
		return DDB_OK;
	}
	if (code && err)
		*err = *reason;
	return code;
}

enum ddb_code check_repair(struct check *check, store_job *job, void *context, struct ddb_error *err)
{
	struct ddb_error reason;
	if (!check->options->repair)
		return DDB_OK;
	enum ddb_code code = local_write(check->engine, job, context, &reason);
	if (code == DDB_DAMAGED)
		return DDB_OK;
	if (code && err)
		*err = reason;
	check->result.repaired += !code;
	return code;
}

static enum ddb_code record_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct check_record *record = context;
	if (!record->head)
		return store_delete(txn, record->key, record->key_length, NULL, err);
	return store_put(txn, record->key, record->key_length, record->head, record->head_length,
		record->body, record->body_length, err);
}

enum ddb_code check_repair_record(
	struct check *check, const struct check_record *record, struct ddb_error *err)
{
	struct check_record copy = *record;
	return check_repair(check, record_job, &copy, err);
}

enum ddb_code check_delete(struct check *check, const uint8_t *key, size_t length, struct ddb_error *err)
{
	return check_repair_record(check, &(struct check_record){.key = key, .key_length = length}, err);
}

enum ddb_code check_refresh(struct check *check, struct ddb_error *err)
{
	store_view_end(check->view);
	check->view = NULL;
	return store_view(check->engine->store, &check->view, err);
}

/* ---- Walking ---- */

static enum ddb_code walk_step(struct check_walk *walk, bool *ret_found, struct ddb_error *err)
{
	if (walk->skip_to_length == 0)
		return store_cursor_next(walk->cursor, ret_found, err);
	size_t length = walk->skip_to_length;
	walk->skip_to_length = 0;
	return store_cursor_seek(walk->cursor, walk->skip_to, length, ret_found, err);
}

static enum ddb_code walk_all(struct check *check, struct check_walk *walk, const uint8_t *prefix,
	size_t length, check_visit *visit, void *context, struct ddb_error *err)
{
	bool found;
	struct ddb_error reason;
	enum ddb_code code = store_cursor_seek(walk->cursor, prefix, length, &found, &reason);
	while (!code && found) {
		store_cursor_key(walk->cursor, &walk->key, &walk->length);
		if (walk->length < length || memcmp(walk->key, prefix, length) != 0)
			return DDB_OK;
		ddb_arena_reset(&check->arena);
		code = visit(check, walk, context, err);
		if (code)
			return code;
		code = walk_step(walk, &found, &reason);
	}
	return check_unreadable(check, code, &reason, "A part of the store", err);
}

enum ddb_code check_each(struct check *check, const uint8_t *prefix, size_t length, check_visit *visit,
	void *context, struct ddb_error *err)
{
	struct check_walk walk = {.skip_to_length = 0};
	enum ddb_code code = store_cursor_open(check->view, &walk.cursor, err);
	if (code)
		return code;
	code = walk_all(check, &walk, prefix, length, visit, context, err);
	store_cursor_close(walk.cursor);
	return code;
}

static enum ddb_code told_by_seal(
	enum ddb_code code, const struct ddb_error *reason, bool *ret_sound, struct ddb_error *err)
{
	*ret_sound = code != DDB_DAMAGED;
	if (code == DDB_OK || code == DDB_DAMAGED)
		return DDB_OK;
	if (err)
		*err = *reason;
	return code;
}

enum ddb_code check_value(struct check *check, struct check_walk *walk, struct store_value *ret,
	bool *ret_sound, struct ddb_error *err)
{
	struct ddb_error reason;
	enum ddb_code code = store_cursor_value(walk->cursor, &check->arena, true, ret, &reason);
	return told_by_seal(code, &reason, ret_sound, err);
}

enum ddb_code check_look(struct check *check, const uint8_t *key, size_t length, struct store_value *ret,
	bool *ret_found, bool *ret_sound, struct ddb_error *err)
{
	struct ddb_error reason;
	enum ddb_code code =
		local_get(check->view, &check->arena, key, length, true, ret, ret_found, &reason);
	return told_by_seal(code, &reason, ret_sound, err);
}

/* ---- The catalog ---- */

static int compare_spaces(const void *a, const void *b)
{
	const struct check_table *left = a, *right = b;
	return (left->space > right->space) - (left->space < right->space);
}

const struct check_table *check_find_space(const struct check *check, uint32_t space)
{
	const struct check_table wanted = {.space = space};
	if (check->table_count == 0)
		return NULL;
	return bsearch(&wanted, check->tables, check->table_count, sizeof wanted, compare_spaces);
}

static void raise_id(struct check *check, uint32_t id)
{
	if (id > check->highest_id)
		check->highest_id = id;
}

static enum ddb_code add_space(struct check *check, uint32_t id, const char *table, uint32_t space,
	const char *kinds, struct ddb_error *err)
{
	if (check->table_count == check->table_room) {
		size_t room = check->table_room ? check->table_room * 2 : 64;
		struct check_table *grown = realloc(check->tables, room * sizeof *grown);
		if (!grown)
			return ddb_fail_memory(err);
		check->tables = grown;
		check->table_room = room;
	}
	char *name = strdup(table);
	if (!name)
		return ddb_fail_memory(err);
	check->tables[check->table_count++] =
		(struct check_table){.id = id, .space = space, .kinds = kinds, .name = name};
	raise_id(check, id);
	raise_id(check, space);
	return DDB_OK;
}

static enum ddb_code add_own(struct check *check, const struct local_table *table, uint32_t space,
	const char *kinds, struct ddb_error *err)
{
	if (space == 0)
		return DDB_OK;
	enum ddb_code code = add_space(check, table->table->id, table->table->name, space, kinds, err);
	if (!code)
		check->tables[check->table_count - 1].of_table = true;
	return code;
}

static enum ddb_code add_table(struct check *check, const struct local_table *table, struct ddb_error *err)
{
	enum ddb_code code = add_own(check, table, table->space, CHECK_OF_ITEMS, err);
	for (unsigned i = 0; !code && i < local_index_count(table); i++)
		code = add_own(check, table, table->indexes[i].space, CHECK_OF_INDEX, err);
	if (!code)
		code = add_own(check, table, table->expiry_space, CHECK_OF_EXPIRIES, err);
	return code ? code : add_own(check, table, table->stream.space, CHECK_OF_STREAM, err);
}

/* The name within a catalog key, or NULL. */
static const char *catalog_name(struct check *check, const struct check_walk *walk)
{
	if (walk->length < 2 || walk->length > LOCAL_TABLE_KEY_MAX || memchr(walk->key, 0, walk->length))
		return NULL;
	return ddb_arena_copy(&check->arena, walk->key + 1, walk->length - 1);
}

static enum ddb_code load_table(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	bool sound, *quiet = context;
	struct store_value value;
	struct ddb_error reason;
	LOCAL_TABLE_AUTO struct local_table *table = NULL;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code)
		return code;
	const char *name = catalog_name(check, walk);
	code = !sound || !name ? DDB_DAMAGED : local_catalog_decode(name, &value, &table, &reason);
	if (code == DDB_OK)
		return add_table(check, table, err);
	if (code != DDB_DAMAGED) {
		if (err)
			*err = reason;
		return code;
	}
	check->catalog_damaged = true;
	if (sound && !*quiet)
		check_problem(check, "table %s: its record is damaged", name ? name : "(of no name)");
	return DDB_OK;
}

/* The space of a stream that is off: its table need not be there. */
static enum ddb_code load_note(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct store_value value;
	struct local_stream_note note;
	bool sound;
	(void)context;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code || !sound || walk->length != LOCAL_SPACE_BYTES)
		return code;
	uint32_t space = (uint32_t)local_read_be(walk->key + 1, 4);
	if (local_stream_note_decode(&check->arena, space, &value, &note, NULL) || !note.until_ns)
		return DDB_OK;
	for (size_t i = 0; i < check->table_count; i++)
		if (check->tables[i].space == space) /* check_streams will tell */
			return DDB_OK;
	return add_space(check, note.table_id, note.table, space, CHECK_OF_STREAM, err);
}

static void forget_tables(struct check *check)
{
	for (size_t i = 0; i < check->table_count; i++)
		free(check->tables[i].name);
	free(check->tables);
	check->tables = NULL;
	check->table_count = check->table_room = 0;
}

static enum ddb_code load_catalog(struct check *check, bool quiet, struct ddb_error *err)
{
	const uint8_t prefix[1] = {LOCAL_TABLE}, notes[1] = {LOCAL_STREAM};
	forget_tables(check);
	enum ddb_code code = check_each(check, prefix, sizeof prefix, load_table, &quiet, err);
	if (!code)
		code = check_each(check, notes, sizeof notes, load_note, NULL, err);
	if (code)
		return code;
	if (check->table_count > 0)
		qsort(check->tables, check->table_count, sizeof *check->tables, compare_spaces);
	for (size_t i = 1; !quiet && i < check->table_count; i++)
		if (check->tables[i].space == check->tables[i - 1].space)
			check_problem(check, "tables %s and %s: both have the space %u",
				check->tables[i - 1].name, check->tables[i].name, check->tables[i].space);
	return DDB_OK;
}

/* ---- Seals ---- */

struct damaged_keys {
	struct check *check;
	size_t count;
	struct damaged_key {
		uint8_t *bytes;
		size_t length;
	} keys[DAMAGED_MAX];
	bool more, quiet;
	struct ddb_error failed;
};

/* Bytes as one can print them: what is no ASCII is %XX. */
static void show_bytes(const uint8_t *bytes, size_t length, char *ret, size_t size)
{
	size_t used = 0;
	for (size_t i = 0; i < length && i < SHOWN_KEY_BYTES && used + 4 < size; i++)
		used += (size_t)snprintf(ret + used, size - used,
			bytes[i] > 0x20 && bytes[i] < 0x7f && bytes[i] != '%' ? "%c" : "%%%02X", bytes[i]);
	ret[used] = '\0';
}

static const char *kind_of(const uint8_t *key, size_t length)
{
	return check_kind_of(key, length)->name;
}

static void tell_damaged(struct check *check, const uint8_t *key, size_t length, const char *what)
{
	char shown[4 * SHOWN_KEY_BYTES];
	const struct check_kind *kind = check_kind_of(key, length);
	const struct check_table *table = NULL;
	if (kind->spaced && length >= LOCAL_SPACE_BYTES)
		table = check_find_space(check, (uint32_t)local_read_be(key + 1, 4));
	size_t known = kind->shown_from < length ? kind->shown_from : length;
	show_bytes(key + known, length - known, shown, sizeof shown);
	check_problem(check, "%s%s: %s%s%s is damaged: %s", table ? "table " : "store",
		table ? table->name : "", kind->name, length > known ? " at " : "", shown, what);
}

static void on_damaged(void *context, const uint8_t *key, size_t length, const char *what)
{
	struct damaged_keys *damaged = context;
	struct check *check = damaged->check;
	if (!key) {
		if (!damaged->quiet)
			check_problem(check, "store: a part of it is damaged: %s", what);
		return;
	}
	if (!damaged->quiet)
		tell_damaged(check, key, length, what);
	if (damaged->count == DAMAGED_MAX) {
		damaged->more = true;
		return;
	}
	uint8_t *copy = malloc(length ? length : 1);
	if (!copy) {
		damaged->failed.code = DDB_NO_MEMORY;
		return;
	}
	memcpy(copy, key, length);
	damaged->keys[damaged->count++] = (struct damaged_key){.bytes = copy, .length = length};
}

/* What can be told from the rest is made again by the later parts. */
static enum ddb_code remove_damaged(
	struct check *check, const struct damaged_keys *damaged, struct ddb_error *err)
{
	for (size_t i = 0; i < damaged->count; i++) {
		const struct damaged_key *key = &damaged->keys[i];
		if (!check_kind_of(key->bytes, key->length)->removed)
			continue;
		enum ddb_code code = check_delete(check, key->bytes, key->length, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

static enum ddb_code check_seals_once(struct check *check, bool quiet, bool *ret_more, struct ddb_error *err)
{
	struct damaged_keys *damaged = calloc(1, sizeof *damaged);
	if (!damaged)
		return ddb_fail_memory(err);
	damaged->check = check;
	damaged->quiet = quiet;
	enum ddb_code code = store_verify(check->view, on_damaged, damaged, err);
	if (!code && damaged->failed.code)
		code = ddb_fail_memory(err);
	if (!code)
		code = remove_damaged(check, damaged, err);
	*ret_more = check->options->repair && damaged->more;
	for (size_t i = 0; i < damaged->count; i++)
		free(damaged->keys[i].bytes);
	free(damaged);
	if (!code && check->options->repair)
		code = check_refresh(check, err);
	return code;
}

static enum ddb_code check_seals(struct check *check, struct ddb_error *err)
{
	bool more = true;
	for (unsigned round = 0; more && round < DAMAGED_ROUNDS; round++) {
		enum ddb_code code = check_seals_once(check, round > 0, &more, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

/* ---- What belongs to no table ---- */

static enum ddb_code tombstone_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	return local_tombstone_write(txn, *(const uint32_t *)context, err);
}

static enum ddb_code has_tombstone(struct check *check, uint32_t space, bool *ret, struct ddb_error *err)
{
	uint8_t key[LOCAL_SPACE_BYTES];
	struct store_value value;
	struct ddb_error reason;
	local_space_key(LOCAL_TOMBSTONE, space, key);
	enum ddb_code code =
		local_get(check->view, &check->arena, key, sizeof key, false, &value, ret, &reason);
	if (code == DDB_DAMAGED)
		*ret = true;
	else if (code && err)
		*err = reason;
	return code == DDB_DAMAGED ? DDB_OK : code;
}

/* An index has entries and no items. */
static bool kind_fits(uint8_t kind, const struct check_table *table)
{
	return strchr(table->kinds, kind) != NULL;
}

/*
 * The first record of a space. One without a table and not being purged is filed for purging, unless its
 * table may be one of those whose records are damaged.
 */
static enum ddb_code visit_space(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	(void)context;
	uint8_t prefix[LOCAL_SPACE_BYTES];
	if (walk->length < LOCAL_SPACE_BYTES) {
		check_problem(check, "store: %s has no table", kind_of(walk->key, walk->length));
		return check_delete(check, walk->key, walk->length, err);
	}
	memcpy(prefix, walk->key, sizeof prefix);
	uint32_t space = (uint32_t)local_read_be(prefix + 1, 4);
	raise_id(check, space);
	const struct check_table *table = check_find_space(check, space);
	if (table && !kind_fits(prefix[0], table)) { /* the space is in use: only this record goes */
		check_problem(check, "table %s: %s where it cannot be", table->name,
			kind_of(prefix, sizeof prefix));
		return check_delete(check, walk->key, walk->length, err);
	}
	walk->skip_to_length = local_key_after_prefix(prefix, sizeof prefix, walk->skip_to);
	if (table)
		return DDB_OK;
	bool purged = false; /* counters go with the table, before the rest */
	enum ddb_code code = prefix[0] == LOCAL_COUNTERS ? DDB_OK : has_tombstone(check, space, &purged, err);
	if (code || purged)
		return code;
	check_problem(check, "store: %s of no table (space %u)", kind_of(prefix, sizeof prefix), space);
	if (check->catalog_damaged)
		return DDB_OK;
	if (prefix[0] == LOCAL_COUNTERS)
		return check_delete(check, prefix, sizeof prefix, err);
	return check_repair(check, tombstone_job, &space, err);
}

static enum ddb_code visit_tombstone(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	(void)context;
	if (walk->length != LOCAL_SPACE_BYTES) {
		check_problem(check, "store: %s is of no use", kind_of(walk->key, walk->length));
		return check_delete(check, walk->key, walk->length, err);
	}
	uint32_t space = (uint32_t)local_read_be(walk->key + 1, 4);
	raise_id(check, space);
	const struct check_table *table = check_find_space(check, space);
	if (!table)
		return DDB_OK;
	check_problem(check, "table %s: it is noted as to be purged", table->name);
	return check_delete(check, walk->key, walk->length, err);
}

static enum ddb_code visit_kind(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	(void)context;
	const uint8_t kind[1] = {walk->key[0]};
	if (!check_kind_known(kind[0]))
		check_problem(check, "store: a record of no known kind (%02X)", kind[0]);
	if (kind[0] == 0xff) {
		walk->skip_to_length = sizeof walk->skip_to;
		memset(walk->skip_to, 0xff, sizeof walk->skip_to);
		return DDB_OK;
	}
	walk->skip_to_length = local_key_after_prefix(kind, 1, walk->skip_to);
	(void)err;
	return DDB_OK;
}

static enum ddb_code check_orphans(struct check *check, struct ddb_error *err)
{
	static const struct {
		char kind;
		check_visit *visit;
	} parts[] = {
		{LOCAL_TOMBSTONE, visit_tombstone},
		{LOCAL_ITEM, visit_space},
		{LOCAL_ALIAS, visit_space},
		{LOCAL_COUNTERS, visit_space},
		{LOCAL_ENTRY, visit_space},
		{LOCAL_ENTRY_ALIAS, visit_space},
		{LOCAL_COLLECTION, visit_space},
		{LOCAL_PROGRESS, visit_space},
		{LOCAL_STREAM_RECORD, visit_space},
		{LOCAL_EXPIRY, visit_space},
	};
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < sizeof parts / sizeof *parts; i++) {
		const uint8_t prefix[1] = {(uint8_t)parts[i].kind};
		code = check_each(check, prefix, sizeof prefix, parts[i].visit, NULL, err);
		if (!code)
			code = check_refresh(check, err); /* to see the tombstones that were just written */
	}
	return code ? code : check_each(check, (const uint8_t *)"", 0, visit_kind, NULL, err);
}

/* ---- Tokens ---- */

static enum ddb_code visit_token(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct store_value value;
	bool sound = false;
	int64_t time_ns;
	(void)context;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code)
		return code;
	if (sound && walk->length == LOCAL_TOKEN_KEY_BYTES && !local_token_time(&value, &time_ns, NULL))
		return DDB_OK;
	if (sound)
		check_problem(check, "store: the token of a transaction cannot be read");
	return check_delete(check, walk->key, walk->length, err);
}

static enum ddb_code check_tokens(struct check *check, struct ddb_error *err)
{
	static const uint8_t prefix[1] = {LOCAL_TOKEN};
	return check_each(check, prefix, sizeof prefix, visit_token, NULL, err);
}

/* ---- Totals ---- */

static enum ddb_code totals_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	return local_totals_write(txn, context, err);
}

static enum ddb_code check_totals(struct check *check, struct ddb_error *err)
{
	struct local_totals totals, right;
	struct ddb_error reason;
	enum ddb_code code = local_totals_read(check->view, &totals, &reason);
	bool lost = code == DDB_DAMAGED; /* told already */
	if (code && !lost) {
		if (err)
			*err = reason;
		return code;
	}
	if (lost)
		totals = (struct local_totals){.next_id = 1, .next_scratch = 1};
	right = totals;
	if (!check->catalog_damaged)
		right.tables = check->result.tables;
	if (right.next_id <= check->highest_id)
		right.next_id = check->highest_id + 1;
	if (right.next_scratch <= check->highest_scratch)
		right.next_scratch = check->highest_scratch + 1;
	right.scratch_bytes = check->scratch_bytes;
	bool same = right.next_id == totals.next_id && right.tables == totals.tables &&
		    right.next_scratch == totals.next_scratch && right.scratch_bytes == totals.scratch_bytes;
	if (same)
		return DDB_OK;
	if (!lost)
		check_problem(check,
			"store: the totals are wrong: %llu tables (%llu counted), %llu bytes of scratch "
			"files (%llu "
			"counted), next numbers %u (%u) and %llu (%llu)",
			(unsigned long long)totals.tables, (unsigned long long)right.tables,
			(unsigned long long)totals.scratch_bytes, (unsigned long long)right.scratch_bytes,
			totals.next_id, right.next_id, (unsigned long long)totals.next_scratch,
			(unsigned long long)right.next_scratch);
	return check_repair(check, totals_job, &right, err);
}

/* ---- The check ---- */

static enum ddb_code check_tables(struct check *check, struct ddb_error *err)
{
	for (size_t i = 0; i < check->table_count; i++) {
		if (!check_is_table(&check->tables[i]))
			continue;
		enum ddb_code code = check_items(check, check->tables[i].name, err);
		if (code)
			return code;
		check->result.tables++;
	}
	return DDB_OK;
}

static enum ddb_code check_all(struct check *check, struct ddb_error *err)
{
	enum ddb_code code = store_view(check->engine->store, &check->view, err);
	if (!code)
		code = load_catalog(check, true, err); /* for the names of the tables */
	if (!code)
		code = check_seals(check, err);
	if (!code)
		code = load_catalog(check, false, err);
	if (!code)
		code = check_tables(check, err);
	if (!code)
		code = check_streams(check, err);
	if (!code && check->options->repair)
		code = load_catalog(check, true, err); /* without the streams whose notes are gone */
	if (!code)
		code = check_orphans(check, err);
	if (!code)
		code = check_scratch(check, err);
	if (!code)
		code = check_tokens(check, err);
	return code ? code : check_totals(check, err);
}

enum ddb_code ddb_local_check(struct ddb_engine *engine, const struct ddb_check_options *options,
	struct ddb_check_result *ret, struct ddb_error *err)
{
	struct check check = {.engine = local_of(engine), .options = options};
	local_worker_stop(&check.engine->filler); /* what is half made is checked as such */
	local_worker_stop(&check.engine->sweeper.worker);
	local_worker_stop(&check.engine->streams.worker);
	ddb_arena_init(&check.arena, LOCAL_ARENA_MAX);
	enum ddb_code code = check_all(&check, err);
	store_view_end(check.view);
	ddb_arena_done(&check.arena);
	forget_tables(&check);
	local_filler_begin(check.engine);
	local_streams_begin(check.engine);
	local_sweeper_begin(check.engine);
	if (code)
		return code;
	if (options->repair)
		local_purge(check.engine, UINT32_MAX);
	*ret = check.result;
	return DDB_OK;
}
