/*
 * Streams turned on and off, as tables come, change and go. See stream.h.
 */
#include "engine/local/stream/stream.h"

#include <string.h>

enum { MS = 1000000, NOTES_ARENA_MAX = 4 << 20 };

/* ---- On ---- */

/* The note of the newest stream, the one with the highest space; *ret_found false: there is none. */
static enum ddb_code newest_note(struct store_txn *txn, struct ddb_arena *arena,
	struct local_stream_note *ret, bool *ret_found, struct ddb_error *err)
{
	const uint8_t behind[1] = {LOCAL_STREAM + 1};
	struct store_cursor *cursor;
	enum ddb_code code = store_cursor_open(txn, &cursor, err);
	if (code)
		return code;
	code = store_cursor_seek_before(cursor, behind, sizeof behind, ret_found, err);
	if (!code && *ret_found) {
		const uint8_t *key;
		size_t length;
		store_cursor_key(cursor, &key, &length);
		*ret_found = key[0] == LOCAL_STREAM && length == LOCAL_SPACE_BYTES;
		uint32_t space = *ret_found ? (uint32_t)local_read_be(key + 1, 4) : 0;
		if (*ret_found)
			code = local_stream_note_read(txn, arena, space, ret, ret_found, err);
	}
	store_cursor_close(cursor);
	return code;
}

/* The time in the label: no two streams of the engine have the same, whatever the clock does. */
static enum ddb_code take_time(
	struct local_engine *engine, struct store_txn *txn, int64_t *ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct local_stream_note newest;
	bool found;
	ddb_arena_init(&arena, NOTES_ARENA_MAX);
	int64_t now = local_clock(engine);
	enum ddb_code code = newest_note(txn, &arena, &newest, &found, err);
	if (code)
		return code;
	now -= now % MS;
	*ret = found && now <= newest.since_ns ? newest.since_ns + MS : now;
	return DDB_OK;
}

static enum ddb_code turn_on(
	struct local_engine *engine, struct store_txn *txn, struct local_table *draft, struct ddb_error *err)
{
	const struct ddb_definition *definition = draft->table->definition;
	struct local_stream_note note = {.table_id = draft->table->id,
		.view = definition->stream,
		.first = local_next_version(engine, txn),
		.table = draft->table->name,
		.hash = definition->hash};
	if (definition->has_range)
		note.range = definition->range;
	enum ddb_code code = local_take_space(txn, &note.space, err);
	if (!code)
		code = take_time(engine, txn, &note.since_ns, err);
	if (!code)
		code = local_stream_note_write(txn, &note, err);
	if (!code)
		draft->stream = (struct local_stream){.space = note.space, .since_ns = note.since_ns};
	return code;
}

/* ---- Off ---- */

/* A stream without a note, or with one that is damaged, cannot be read; `check` tells of it. */
enum ddb_code local_stream_close(struct local_engine *engine, struct store_txn *txn,
	const struct local_table *table, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct local_stream_note note;
	bool found;
	if (!local_has_stream(engine, table))
		return DDB_OK;
	ddb_arena_init(&arena, NOTES_ARENA_MAX);
	enum ddb_code code = local_stream_note_read(txn, &arena, table->stream.space, &note, &found, err);
	if (code || !found)
		return code == DDB_DAMAGED ? DDB_OK : code;
	note.until_ns = local_clock(engine);
	note.last = local_next_version(engine, txn);
	engine->streams.stirring = true;
	return local_stream_note_write(txn, &note, err);
}

static enum ddb_stream_view wanted_view(const struct local_table *draft)
{
	const struct ddb_table *table = draft->table;
	return table->provisional == DDB_DEFINED ? table->definition->stream : DDB_STREAM_NONE;
}

/* Another view is another stream, as if it had been turned off and on. */
enum ddb_code local_stream_redefine(struct local_engine *engine, struct store_txn *txn,
	const struct local_table *old, struct local_table *draft, struct ddb_error *err)
{
	bool has = old && old->stream.space;
	enum ddb_stream_view view = has ? old->table->definition->stream : DDB_STREAM_NONE;
	enum ddb_stream_view wanted = wanted_view(draft);
	if (view == wanted)
		return DDB_OK;
	enum ddb_code code = has ? local_stream_close(engine, txn, old, err) : DDB_OK;
	draft->stream.space = 0;
	return code || wanted == DDB_STREAM_NONE ? code : turn_on(engine, txn, draft, err);
}

/* ---- Another name ---- */

enum { NOTES_MAX = 64 }; /* renamed in one walk */

struct renaming {
	const struct ddb_table *table;
	const char *name;
	unsigned count;
	uint32_t spaces[NOTES_MAX];
};

static enum ddb_code find_named(const struct local_stream_note *note, void *context, struct ddb_error *err)
{
	struct renaming *renaming = context;
	(void)err;
	if (note->table_id == renaming->table->id && strcmp(note->table, renaming->name) != 0 &&
		renaming->count < NOTES_MAX)
		renaming->spaces[renaming->count++] = note->space;
	return DDB_OK;
}

static enum ddb_code rename_one(
	struct store_txn *txn, uint32_t space, const char *name, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct local_stream_note note;
	bool found;
	ddb_arena_init(&arena, NOTES_ARENA_MAX);
	enum ddb_code code = local_stream_note_read(txn, &arena, space, &note, &found, err);
	if (code || !found)
		return code;
	note.table = name;
	return local_stream_note_write(txn, &note, err);
}

/* Also of those that are off by now: they are the table's, whatever it is called. */
enum ddb_code local_stream_rename(
	struct store_txn *txn, const struct ddb_table *table, const char *name, struct ddb_error *err)
{
	struct renaming renaming = {.table = table, .name = name, .count = NOTES_MAX};
	enum ddb_code code = DDB_OK;
	while (!code && renaming.count == NOTES_MAX) {
		renaming.count = 0;
		code = local_stream_notes(txn, find_named, &renaming, err);
		for (unsigned i = 0; !code && i < renaming.count; i++)
			code = rename_one(txn, renaming.spaces[i], name, err);
	}
	return code;
}
