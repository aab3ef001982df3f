/*
 * The bytes of notes and records. See stream.h.
 *
 * A note's head, little-endian: version 1, view 1, table's id 4, since 8, until 8, first 8, last 8,
 * trimmed 8. Its body: name, hash, range, each a length 1 and bytes; those of the key have their type before
 * them.
 *
 * A record's head: version 1, event 1 (and 0x80: the service's), time 8, size 4. Its body: lengths of key,
 * old and new image, 4 each (0: none), and these as item records.
 */
#include "engine/local/stream/stream.h"

#include "engine/record.h"
#include <string.h>

enum {
	NOTE_VERSION = 1,
	NOTE_HEAD = 1 + 1 + 4 + 5 * 8,
	NOTE_BODY_MAX = 1 + DDB_TABLE_NAME_MAX + 2 * (2 + DDB_KEY_NAME_MAX),
	RECORD_VERSION = 1,
	RECORD_HEAD = 1 + 1 + 8 + 4,
	RECORD_LENGTHS = 3 * 4,
	RECORD_SERVICE = 0x80,
	KEY_RECORD_MAX = 8192, /* bytes: two names, two values */
	NOTE_ARENA_MAX = 1 << 20,
};

/* ---- Notes: writing ---- */

static uint8_t *add_text(uint8_t *to, const char *text, size_t length)
{
	*to++ = (uint8_t)length;
	memcpy(to, text, length);
	return to + length;
}

static uint8_t *add_attribute(uint8_t *to, const struct ddb_key_attribute *attribute)
{
	*to++ = (uint8_t)attribute->type;
	return attribute->type ? add_text(to, attribute->name, attribute->name_length) : add_text(to, "", 0);
}

enum ddb_code local_stream_note_write(
	struct store_txn *txn, const struct local_stream_note *note, struct ddb_error *err)
{
	uint8_t key[LOCAL_SPACE_BYTES], head[NOTE_HEAD] = {NOTE_VERSION, (uint8_t)note->view};
	uint8_t body[NOTE_BODY_MAX];
	local_space_key(LOCAL_STREAM, note->space, key);
	uint8_t *end = local_write_le(head + 2, note->table_id, 4);
	end = local_write_le(end, (uint64_t)note->since_ns, 8);
	end = local_write_le(end, (uint64_t)note->until_ns, 8);
	end = local_write_le(end, note->first, 8);
	end = local_write_le(end, note->last, 8);
	local_write_le(end, note->trimmed, 8);
	end = add_text(body, note->table, strlen(note->table));
	end = add_attribute(end, &note->hash);
	end = add_attribute(end, &note->range);
	return store_put(txn, key, sizeof key, head, sizeof head, body, (size_t)(end - body), err);
}

/* ---- Notes: reading ---- */

struct note_reading {
	struct ddb_arena *arena;
	const uint8_t *at, *end;
	bool broken, no_memory;
};

static unsigned take_byte(struct note_reading *reading)
{
	reading->broken |= reading->at == reading->end;
	return reading->broken ? 0 : *reading->at++;
}

static const char *take_text(struct note_reading *reading, uint32_t *ret_length)
{
	unsigned length = take_byte(reading);
	reading->broken |= (size_t)(reading->end - reading->at) < length;
	if (reading->broken)
		return NULL;
	const char *text = ddb_arena_copy(reading->arena, reading->at, length);
	reading->no_memory |= !text;
	reading->broken |= memchr(reading->at, 0, length) != NULL;
	reading->at += length;
	*ret_length = length;
	return text;
}

static void take_attribute(struct note_reading *reading, bool optional, struct ddb_key_attribute *ret)
{
	unsigned type = take_byte(reading);
	ret->type = (enum ddb_type)type;
	ret->name = take_text(reading, &ret->name_length);
	reading->broken |= type > DDB_B || (!type && !optional) || (!type != !ret->name_length);
}

static bool note_head_sound(const struct store_value *value)
{
	return value->head_length == NOTE_HEAD && value->head[0] == NOTE_VERSION &&
	       value->head[1] > DDB_STREAM_NONE && value->head[1] <= DDB_STREAM_BOTH;
}

enum ddb_code local_stream_note_decode(struct ddb_arena *arena, uint32_t space,
	const struct store_value *value, struct local_stream_note *ret, struct ddb_error *err)
{
	struct note_reading reading = {
		.arena = arena, .at = value->body, .end = value->body + value->body_length};
	const uint8_t *head = value->head;
	uint32_t length = 0;
	if (!note_head_sound(value))
		return local_damaged(err, "note of a stream");
	struct local_stream_note note = {.space = space,
		.view = (enum ddb_stream_view)head[1],
		.table_id = (uint32_t)local_read_le(head + 2, 4),
		.since_ns = (int64_t)local_read_le(head + 6, 8),
		.until_ns = (int64_t)local_read_le(head + 14, 8),
		.first = local_read_le(head + 22, 8),
		.last = local_read_le(head + 30, 8),
		.trimmed = local_read_le(head + 38, 8)};
	note.table = take_text(&reading, &length);
	reading.broken |= !length;
	take_attribute(&reading, false, &note.hash);
	take_attribute(&reading, true, &note.range);
	if (reading.no_memory)
		return ddb_fail_memory(err);
	if (reading.broken || reading.at != reading.end || (note.until_ns != 0) != (note.last != 0))
		return local_damaged(err, "note of a stream");
	*ret = note;
	return DDB_OK;
}

enum ddb_code local_stream_note_read(struct store_txn *txn, struct ddb_arena *arena, uint32_t space,
	struct local_stream_note *ret, bool *ret_found, struct ddb_error *err)
{
	uint8_t key[LOCAL_SPACE_BYTES];
	struct store_value value;
	local_space_key(LOCAL_STREAM, space, key);
	enum ddb_code code = local_get(txn, arena, key, sizeof key, true, &value, ret_found, err);
	return code || !*ret_found ? code : local_stream_note_decode(arena, space, &value, ret, err);
}

static enum ddb_code visit_note(struct store_cursor *cursor, uint32_t space, local_note_visit *visit,
	void *context, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct store_value value;
	struct local_stream_note note;
	ddb_arena_init(&arena, NOTE_ARENA_MAX);
	enum ddb_code code = store_cursor_value(cursor, &arena, true, &value, err);
	if (!code)
		code = local_stream_note_decode(&arena, space, &value, &note, err);
	if (code == DDB_DAMAGED) /* costs that stream alone; `check` tells of it */
		return DDB_OK;
	return code ? code : visit(&note, context, err);
}

static enum ddb_code visit_notes(
	struct store_cursor *cursor, local_note_visit *visit, void *context, struct ddb_error *err)
{
	const uint8_t first[1] = {LOCAL_STREAM};
	bool found;
	enum ddb_code code = store_cursor_seek(cursor, first, sizeof first, &found, err);
	while (!code && found) {
		const uint8_t *key;
		size_t length;
		store_cursor_key(cursor, &key, &length);
		if (key[0] != LOCAL_STREAM)
			return DDB_OK;
		if (length == LOCAL_SPACE_BYTES)
			code = visit_note(cursor, (uint32_t)local_read_be(key + 1, 4), visit, context, err);
		if (!code)
			code = store_cursor_next(cursor, &found, err);
	}
	return code;
}

enum ddb_code local_stream_notes(
	struct store_txn *txn, local_note_visit *visit, void *context, struct ddb_error *err)
{
	struct store_cursor *cursor;
	enum ddb_code code = store_cursor_open(txn, &cursor, err);
	if (code)
		return code;
	code = visit_notes(cursor, visit, context, err);
	store_cursor_close(cursor);
	return code;
}

bool local_stream_over(const struct local_stream_note *note, int64_t now)
{
	return note->until_ns && note->until_ns < now - LOCAL_STREAM_KEPT_NS;
}

/* ---- Records: reading ---- */

void local_stream_key(uint32_t space, uint64_t number, uint8_t ret[LOCAL_STREAM_KEY_BYTES])
{
	local_space_key(LOCAL_STREAM_RECORD, space, ret);
	local_write_be(ret + LOCAL_SPACE_BYTES, number, 8);
}

enum ddb_code local_stream_head_decode(
	const struct store_value *value, struct local_stream_head *ret, struct ddb_error *err)
{
	const uint8_t *head = value->head;
	if (value->head_length != RECORD_HEAD || head[0] != RECORD_VERSION ||
		(head[1] & ~RECORD_SERVICE) > DDB_EVENT_REMOVE)
		return local_damaged(err, "head of a stream record");
	*ret = (struct local_stream_head){.event = (enum ddb_stream_event)(head[1] & ~RECORD_SERVICE),
		.service = head[1] & RECORD_SERVICE,
		.time_ns = (int64_t)local_read_le(head + 2, 8),
		.size = (uint32_t)local_read_le(head + 10, 4)};
	return DDB_OK;
}

static enum ddb_code decode_part(struct ddb_arena *arena, const uint8_t *bytes, size_t length, bool *ret_has,
	struct ddb_value *ret, struct ddb_error *err)
{
	*ret_has = length > 0;
	return length ? local_body_decode(arena, bytes, length, ret, err) : DDB_OK;
}

enum ddb_code local_stream_record_decode(struct ddb_arena *arena, const struct store_value *value,
	struct ddb_stream_record *ret, struct ddb_error *err)
{
	struct local_stream_head head;
	bool keyed;
	enum ddb_code code = local_stream_head_decode(value, &head, err);
	if (code)
		return code;
	if (value->body_length < RECORD_LENGTHS)
		return local_damaged(err, "body of a stream record");
	size_t key = (size_t)local_read_le(value->body, 4), old = (size_t)local_read_le(value->body + 4, 4),
	       new_ = (size_t)local_read_le(value->body + 8, 4);
	const uint8_t *at = value->body + RECORD_LENGTHS;
	if (key == 0 || key + old + new_ != value->body_length - RECORD_LENGTHS)
		return local_damaged(err, "body of a stream record");
	struct ddb_stream_record record = {
		.event = head.event, .service = head.service, .time_ns = head.time_ns, .size = head.size};
	code = decode_part(arena, at, key, &keyed, &record.key, err);
	if (!code)
		code = decode_part(arena, at + key, old, &record.has_old, &record.old_image, err);
	if (!code)
		code = decode_part(arena, at + key + old, new_, &record.has_new, &record.new_image, err);
	if (!code)
		*ret = record;
	return code;
}

/* ---- Records: writing ---- */

/* The bytes of the key; its size in DynamoDB's counting. */
static enum ddb_code add_key(const struct ddb_definition *definition, const struct local_key *key,
	struct ddb_buffer *out, size_t *ret_size, struct ddb_error *err)
{
	struct ddb_attribute attributes[2] = {
		{definition->hash.name, definition->hash.name_length, key->hash}};
	struct ddb_value map = {
		.type = DDB_M, .count = definition->has_range ? 2 : 1, .attributes = attributes};
	if (definition->has_range)
		attributes[1] = (struct ddb_attribute){
			definition->range.name, definition->range.name_length, key->range};
	enum ddb_code code = ddb_map_sort(&map, err);
	if (code)
		return code;
	ddb_record_write(&map, out);
	*ret_size = ddb_item_size(&map);
	return DDB_OK;
}

/* What the stream shows of a change. */
struct told {
	enum ddb_stream_event event;
	bool shows_old, shows_new;
};

static struct told told_of(
	enum ddb_stream_view view, const struct local_found *old, const struct local_item *item)
{
	return (struct told){.event = !item        ? DDB_EVENT_REMOVE
				      : old->found ? DDB_EVENT_MODIFY
						   : DDB_EVENT_INSERT,
		.shows_old = old->found && (view == DDB_STREAM_OLD || view == DDB_STREAM_BOTH),
		.shows_new = item && (view == DDB_STREAM_NEW || view == DDB_STREAM_BOTH)};
}

static enum ddb_code write_record(struct local_job *job, uint64_t version, const struct told *told,
	size_t size, const struct ddb_buffer *body, struct ddb_error *err)
{
	uint8_t place[LOCAL_STREAM_KEY_BYTES], head[RECORD_HEAD] = {RECORD_VERSION};
	head[1] = (uint8_t)((unsigned)told->event | (job->service ? RECORD_SERVICE : 0));
	local_write_le(head + 2, (uint64_t)job->now, 8);
	local_write_le(head + 10, size, 4);
	local_stream_key(job->table->stream.space, version, place);
	job->engine->streams.stirring = true;
	return store_put(job->txn, place, sizeof place, head, sizeof head, body->bytes, body->length, err);
}

static enum ddb_code tell(struct local_job *job, const struct local_key *key, const struct local_found *old,
	const struct local_item *item, uint64_t version, struct ddb_error *err)
{
	const struct ddb_definition *definition = job->table->table->definition;
	const struct told told = told_of(definition->stream, old, item);
	size_t old_length = told.shows_old ? old->length : 0, new_length = told.shows_new ? item->length : 0;
	const uint8_t lengths[RECORD_LENGTHS] = {0};
	size_t size;
	DDB_BUFFER_AUTO struct ddb_buffer body = {0};
	ddb_buffer_init(&body, RECORD_LENGTHS + KEY_RECORD_MAX + old_length + new_length);
	if (!ddb_buffer_reserve(&body, RECORD_LENGTHS + KEY_RECORD_MAX + old_length + new_length))
		return ddb_fail_memory(err);
	ddb_buffer_add(&body, lengths, sizeof lengths); /* set below */
	enum ddb_code code = add_key(definition, key, &body, &size, err);
	if (code)
		return code;
	uint8_t *end = local_write_le((uint8_t *)body.bytes, body.length - RECORD_LENGTHS, 4);
	end = local_write_le(end, old_length, 4);
	local_write_le(end, new_length, 4);
	if (old_length)
		ddb_buffer_add(&body, old->body, old_length);
	if (new_length)
		ddb_buffer_add(&body, item->body, new_length);
	size += told.shows_old ? old->meta.size : 0;
	size += told.shows_new ? item->size : 0;
	return body.failed ? ddb_fail_memory(err) : write_record(job, version, &told, size, &body, err);
}

enum ddb_code local_stream_tell(struct local_job *job, const struct local_key *key,
	const struct local_found *old, const struct local_item *item, uint64_t version, struct ddb_error *err)
{
	if (!local_has_stream(job->engine, job->table))
		return DDB_OK;
	if (item && old->found && old->length == item->length &&
		memcmp(old->body, item->body, item->length) == 0)
		return DDB_OK;
	return tell(job, key, old, item, version, err);
}
