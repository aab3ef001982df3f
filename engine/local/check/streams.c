/*
 * The check of streams: that each table's stream has its note and each note its table, and that each record
 * is one that its stream can have had, for the key that its images have. A note that is lost or wrong is made
 * again from its table; that of a stream which was turned off cannot be, and its records go with it. See
 * check.h.
 */
#include "engine/local/check/check.h"
#include "engine/local/stream/stream.h"

#include <string.h>

enum { NOTE_ARENA_MAX = 1 << 20 };

struct stream_check {
	struct ddb_arena arena;        /* of the note */
	struct local_stream_note note; /* of the records that are visited now; space 0: none */
	bool known;
	uint32_t space;  /* that was looked for last */
	uint64_t newest; /* version that any record can have */
};

static enum ddb_code note_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	return local_stream_note_write(txn, context, err);
}

/* ---- Notes ---- */

/* The number of the first record in the space; `otherwise` when there is none. */
static enum ddb_code first_number(
	struct check *check, uint32_t space, uint64_t otherwise, uint64_t *ret, struct ddb_error *err)
{
	uint8_t prefix[LOCAL_SPACE_BYTES];
	const uint8_t *key;
	size_t length;
	bool found;
	struct store_cursor *cursor;
	*ret = otherwise;
	local_space_key(LOCAL_STREAM_RECORD, space, prefix);
	enum ddb_code code = store_cursor_open(check->view, &cursor, err);
	if (code)
		return code;
	code = store_cursor_seek(cursor, prefix, sizeof prefix, &found, err);
	if (!code && found) {
		store_cursor_key(cursor, &key, &length);
		if (length == LOCAL_STREAM_KEY_BYTES && memcmp(key, prefix, sizeof prefix) == 0)
			*ret = local_read_be(key + LOCAL_SPACE_BYTES, 8);
	}
	store_cursor_close(cursor);
	return code;
}

/* What the note of a table's stream says, as far as the table can tell. */
static void note_of(const struct local_table *table, struct local_stream_note *ret)
{
	const struct ddb_definition *definition = table->table->definition;
	*ret = (struct local_stream_note){.space = table->stream.space,
		.table_id = table->table->id,
		.view = definition->stream,
		.since_ns = table->stream.since_ns,
		.table = table->table->name,
		.hash = definition->hash};
	if (definition->has_range)
		ret->range = definition->range;
}

static bool same_attribute(const struct ddb_key_attribute *a, const struct ddb_key_attribute *b)
{
	return a->type == b->type && a->name_length == b->name_length &&
	       (!a->type || memcmp(a->name, b->name, a->name_length) == 0);
}

static bool note_fits(const struct stream_check *state, const struct local_stream_note *note,
	const struct local_stream_note *wanted)
{
	return note->table_id == wanted->table_id && note->view == wanted->view &&
	       note->since_ns == wanted->since_ns && note->until_ns == 0 &&
	       strcmp(note->table, wanted->table) == 0 && same_attribute(&note->hash, &wanted->hash) &&
	       same_attribute(&note->range, &wanted->range) && note->first <= state->newest &&
	       note->trimmed <= state->newest;
}

/* The stream that the table says it has. */
static enum ddb_code check_table_stream(struct check *check, struct stream_check *state,
	const struct local_table *table, struct ddb_error *err)
{
	struct local_stream_note note, wanted;
	struct ddb_error reason;
	bool found;
	note_of(table, &wanted);
	enum ddb_code code =
		local_stream_note_read(check->view, &check->arena, wanted.space, &note, &found, &reason);
	if (code && code != DDB_DAMAGED) {
		if (err)
			*err = reason;
		return code;
	}
	if (!code && found && note_fits(state, &note, &wanted))
		return DDB_OK;
	check_problem(check, "table %s: the note of its stream is %s", wanted.table,
		code || found ? "wrong" : "missing");
	code = first_number(check, wanted.space, state->newest, &wanted.first, err);
	return code ? code : check_repair(check, note_job, &wanted, err);
}

static enum ddb_code check_table(
	struct check *check, struct stream_check *state, const char *name, struct ddb_error *err)
{
	LOCAL_TABLE_AUTO struct local_table *table = NULL;
	ddb_arena_reset(&check->arena);
	enum ddb_code code = local_catalog_read(check->view, name, &table, err);
	if (code)
		return code;
	bool defined = table->table->provisional == DDB_DEFINED;
	bool wanted = defined && table->table->definition->stream != DDB_STREAM_NONE;
	if (table->stream.space && !wanted)
		check_problem(check, "table %s: it has a stream that its definition has not", name);
	return table->stream.space && wanted ? check_table_stream(check, state, table, err) : DDB_OK;
}

/* Of a stream that no table has. */
static bool closed_right(
	struct check *check, const struct stream_check *state, const struct local_stream_note *note)
{
	const struct check_table *row = check_find_space(check, note->space);
	return note->until_ns && note->first <= note->last && note->last <= state->newest &&
	       note->trimmed <= note->last && row && strcmp(row->kinds, CHECK_OF_STREAM) == 0;
}

static enum ddb_code visit_note(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct stream_check *state = context;
	struct local_stream_note note;
	struct store_value value;
	bool sound;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code || !sound)
		return code;
	uint32_t space = walk->length == LOCAL_SPACE_BYTES ? (uint32_t)local_read_be(walk->key + 1, 4) : 0;
	const struct check_table *row = check_find_space(check, space);
	if (row && row->of_table && strcmp(row->kinds, CHECK_OF_STREAM) == 0) /* looked at already */
		return DDB_OK;
	if (space && !local_stream_note_decode(&check->arena, space, &value, &note, NULL) &&
		closed_right(check, state, &note))
		return DDB_OK;
	check_problem(
		check, "store: the note of a stream is wrong, or its table is not there (space %u)", space);
	return check->catalog_damaged ? DDB_OK : check_delete(check, walk->key, walk->length, err);
}

/* ---- Records ---- */

/* The note of the record's stream. */
static enum ddb_code know_stream(
	struct check *check, struct stream_check *state, uint32_t space, struct ddb_error *err)
{
	struct ddb_error reason;
	if (state->space == space)
		return DDB_OK;
	state->space = space;
	ddb_arena_reset(&state->arena);
	enum ddb_code code = local_stream_note_read(
		check->view, &state->arena, space, &state->note, &state->known, &reason);
	if (!code)
		return DDB_OK;
	state->known = false;
	if (code != DDB_DAMAGED && err)
		*err = reason;
	return code == DDB_DAMAGED ? DDB_OK : code;
}

static const struct ddb_value *attribute_of(
	const struct ddb_value *map, const struct ddb_key_attribute *attribute)
{
	return ddb_map_get(map, attribute->name, attribute->name_length);
}

static bool has_key(const struct ddb_value *map, const struct ddb_key_attribute *attribute, bool is_range)
{
	const struct ddb_value *value = attribute_of(map, attribute);
	return value && !local_key_value_check(attribute, is_range, value, NULL);
}

/* A map of the stream's key and nothing else. */
static bool key_right(const struct local_stream_note *note, const struct ddb_value *key)
{
	bool composite = note->range.type != 0;
	return key->count == (composite ? 2 : 1) && has_key(key, &note->hash, false) &&
	       (!composite || has_key(key, &note->range, true));
}

static bool image_right(const struct local_stream_note *note, const struct ddb_value *key, bool has,
	bool wanted, const struct ddb_value *image)
{
	if (!has || !wanted)
		return has == wanted;
	const struct ddb_value *hash = attribute_of(image, &note->hash);
	const struct ddb_value *range = note->range.type ? attribute_of(image, &note->range) : NULL;
	return hash && ddb_value_equal(hash, attribute_of(key, &note->hash)) &&
	       (!note->range.type || (range && ddb_value_equal(range, attribute_of(key, &note->range))));
}

static bool record_right(const struct local_stream_note *note, const struct ddb_stream_record *record)
{
	bool olds = note->view == DDB_STREAM_OLD || note->view == DDB_STREAM_BOTH;
	bool news = note->view == DDB_STREAM_NEW || note->view == DDB_STREAM_BOTH;
	size_t size = ddb_item_size(&record->key);
	if (record->has_old)
		size += ddb_item_size(&record->old_image);
	if (record->has_new)
		size += ddb_item_size(&record->new_image);
	return key_right(note, &record->key) &&
	       image_right(note, &record->key, record->has_old, olds && record->event != DDB_EVENT_INSERT,
		       &record->old_image) &&
	       image_right(note, &record->key, record->has_new, news && record->event != DDB_EVENT_REMOVE,
		       &record->new_image) &&
	       record->size == size;
}

static bool number_right(const struct stream_check *state, uint64_t number)
{
	const struct local_stream_note *note = &state->note;
	return number >= note->first && number > note->trimmed &&
	       number <= (note->last ? note->last : state->newest);
}

static enum ddb_code visit_record(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct stream_check *state = context;
	struct ddb_stream_record record;
	struct store_value value;
	bool sound;
	if (walk->length < LOCAL_SPACE_BYTES) /* check_orphans will tell */
		return DDB_OK;
	enum ddb_code code = know_stream(check, state, (uint32_t)local_read_be(walk->key + 1, 4), err);
	if (code || !state->known)
		return code;
	code = check_value(check, walk, &value, &sound, err);
	if (code || !sound)
		return code;
	if (walk->length == LOCAL_STREAM_KEY_BYTES &&
		number_right(state, local_read_be(walk->key + LOCAL_SPACE_BYTES, 8)) &&
		!local_stream_record_decode(&check->arena, &value, &record, NULL) &&
		record_right(&state->note, &record))
		return DDB_OK;
	check_problem(check, "table %s: a stream record is wrong", state->note.table);
	return check_delete(check, walk->key, walk->length, err);
}

/* ---- All ---- */

static enum ddb_code check_parts(struct check *check, struct stream_check *state, struct ddb_error *err)
{
	const uint8_t notes[1] = {LOCAL_STREAM}, records[1] = {LOCAL_STREAM_RECORD};
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < check->table_count; i++)
		if (check_is_table(&check->tables[i]))
			code = check_table(check, state, check->tables[i].name, err);
	if (!code)
		code = check_each(check, notes, sizeof notes, visit_note, state, err);
	if (!code)
		code = check_refresh(check, err);
	return code ? code : check_each(check, records, sizeof records, visit_record, state, err);
}

enum ddb_code check_streams(struct check *check, struct ddb_error *err)
{
	struct stream_check state = {.known = false};
	uint64_t number = store_txn_number(check->view);
	state.newest = (number << LOCAL_VERSION_BITS) + LOCAL_VERSIONS - 1;
	ddb_arena_init(&state.arena, NOTE_ARENA_MAX);
	enum ddb_code code = check_parts(check, &state, err);
	ddb_arena_done(&state.arena);
	return code;
}
