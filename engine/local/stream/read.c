/*
 * Which streams there are, and their records. A page is of one view, and bounded: in what it holds, and in
 * how many records it passes over.
 */
#include "engine/local/stream/stream.h"
#include "engine/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	LIST_DEFAULT = 100,
	LIST_LIMIT_MAX = 1000,
	READ_LIMIT = 1000,
	READ_BYTES = 1 << 20,
	PASSED_MAX = 4096, /* records too old to be shown, of one page */
};

/* ---- Streams ---- */

static enum ddb_code copy_attribute(struct ddb_arena *arena, const struct ddb_key_attribute *attribute,
	struct ddb_key_attribute *ret, struct ddb_error *err)
{
	*ret = *attribute;
	ret->name = attribute->type ? ddb_arena_copy(arena, attribute->name, attribute->name_length) : "";
	return ret->name ? DDB_OK : ddb_fail_memory(err);
}

/* As a response holds it; all of its texts are copies. */
static enum ddb_code show_stream(struct ddb_arena *arena, const struct local_stream_note *note,
	struct ddb_stream *ret, struct ddb_error *err)
{
	struct ddb_stream stream = {.table = ddb_arena_copy(arena, note->table, strlen(note->table)),
		.table_id = note->table_id,
		.view = note->view,
		.since_ns = note->since_ns,
		.until_ns = note->until_ns,
		.first = note->first,
		.last = note->last};
	if (!stream.table)
		return ddb_fail_memory(err);
	ddb_stream_label(note->since_ns, stream.label);
	snprintf(stream.shard, sizeof stream.shard, "shardId-%020" PRIu64 "-%08" PRIx32,
		(uint64_t)note->since_ns / 1000000, note->space);
	enum ddb_code code = copy_attribute(arena, &note->hash, &stream.hash, err);
	if (!code)
		code = copy_attribute(arena, &note->range, &stream.range, err);
	if (!code)
		*ret = stream;
	return code;
}

/* ---- Listing ---- */

/* By table and label: the smallest that come behind `after`, at most one more than wanted. */
struct listing {
	const struct ddb_list_streams *request;
	struct ddb_arena *arena;
	int64_t now;
	size_t room, count;
	struct ddb_stream *streams;
};

static int compare(const char *table, const char *label, const struct ddb_stream *other)
{
	int order = strcmp(table, other->table);
	return order ? order : strcmp(label, other->label);
}

static enum ddb_code list_note(const struct local_stream_note *note, void *context, struct ddb_error *err)
{
	struct listing *listing = context;
	const struct ddb_list_streams *request = listing->request;
	char label[DDB_STREAM_LABEL_MAX];
	if ((request->table && strcmp(request->table, note->table) != 0) ||
		local_stream_over(note, listing->now))
		return DDB_OK;
	ddb_stream_label(note->since_ns, label);
	if (request->after && compare(note->table, label, request->after) <= 0)
		return DDB_OK;
	size_t at = listing->count;
	while (at > 0 && compare(note->table, label, &listing->streams[at - 1]) < 0)
		at--;
	if (at == listing->room)
		return DDB_OK;
	struct ddb_stream shown;
	enum ddb_code code = show_stream(listing->arena, note, &shown, err);
	if (code)
		return code;
	listing->count += listing->count < listing->room;
	memmove(&listing->streams[at + 1], &listing->streams[at],
		(listing->count - 1 - at) * sizeof *listing->streams);
	listing->streams[at] = shown;
	return DDB_OK;
}

enum ddb_code local_list_streams(struct ddb_engine *base, struct ddb_arena *arena,
	const struct ddb_list_streams *request, struct ddb_streams *ret, struct ddb_error *err)
{
	struct local_engine *engine = local_of(base);
	size_t limit = request->limit ? request->limit : LIST_DEFAULT;
	if (limit > LIST_LIMIT_MAX)
		limit = LIST_LIMIT_MAX;
	struct listing listing = {.request = request, .arena = arena, .now = local_clock(engine)};
	struct store_txn *view;
	listing.room = limit + 1;
	listing.streams = ddb_arena_array(arena, listing.room, sizeof *listing.streams);
	if (!listing.streams)
		return ddb_fail_memory(err);
	enum ddb_code code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = local_stream_notes(view, list_note, &listing, err);
	store_view_end(view);
	if (code)
		return code;
	*ret = (struct ddb_streams){.count = listing.count > limit ? limit : listing.count,
		.streams = listing.streams,
		.more = listing.count > limit};
	return DDB_OK;
}

/* ---- Finding one ---- */

static bool is_wanted(
	const struct local_stream_note *note, const struct ddb_read_stream *request, int64_t now)
{
	char label[DDB_STREAM_LABEL_MAX];
	ddb_stream_label(note->since_ns, label);
	if (strcmp(note->table, request->table) != 0 || local_stream_over(note, now))
		return false;
	return request->label ? !strcmp(label, request->label) : note->until_ns == 0;
}

struct finding {
	const struct ddb_read_stream *request;
	int64_t now;
	uint32_t space; /* 0: none */
	bool on;
};

/* The one that is on comes first, should a renamed table bring the same label. */
static enum ddb_code find_note(const struct local_stream_note *note, void *context, struct ddb_error *err)
{
	struct finding *finding = context;
	(void)err;
	if (finding->on || !is_wanted(note, finding->request, finding->now))
		return DDB_OK;
	finding->space = note->space;
	finding->on = note->until_ns == 0;
	return DDB_OK;
}

static enum ddb_code no_stream(struct ddb_error *err)
{
	return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found: Stream not found");
}

/* ---- A page ---- */

struct reading {
	struct local_engine *engine;
	struct store_txn *view;
	struct ddb_arena *arena;
	const struct ddb_read_stream *request;
	const struct local_table *table; /* as it was before the view; or NULL */
	struct local_stream_note note;
	struct store_cursor *cursor;
	int64_t now;
	uint32_t limit, max_bytes;
	unsigned passed; /* too old */
	size_t bytes, room;
	bool full;
	struct ddb_stream_page page;
};

/* The note by which the table is known here, or, when that is another stream's, by a search. */
static enum ddb_code find_stream(struct reading *reading, struct ddb_error *err)
{
	const struct ddb_read_stream *request = reading->request;
	const struct local_table *table = reading->table;
	bool found = false;
	if (table && table->stream.space) {
		enum ddb_code code = local_stream_note_read(
			reading->view, reading->arena, table->stream.space, &reading->note, &found, err);
		if (code || (found && is_wanted(&reading->note, request, reading->now)))
			return code;
	}
	struct finding finding = {.request = request, .now = reading->now};
	enum ddb_code code = local_stream_notes(reading->view, find_note, &finding, err);
	if (code)
		return code;
	if (finding.space == 0)
		return no_stream(err);
	return local_stream_note_read(
		reading->view, reading->arena, finding.space, &reading->note, &found, err);
}

static enum ddb_code trimmed(struct ddb_error *err)
{
	return ddb_fail(err, DDB_TRIMMED_DATA,
		"The operation attempted to read past the oldest stream record in a shard");
}

static enum ddb_code add_record(
	struct reading *reading, const struct ddb_stream_record *record, struct ddb_error *err)
{
	struct ddb_stream_page *page = &reading->page;
	if (page->count == reading->room) {
		size_t room = reading->room ? reading->room * 2 : 16;
		struct ddb_stream_record *grown = ddb_arena_grow(
			reading->arena, page->records, reading->room * sizeof *grown, room * sizeof *grown);
		if (!grown)
			return ddb_fail_memory(err);
		page->records = grown;
		reading->room = room;
	}
	page->records[page->count++] = *record;
	reading->bytes += record->size;
	return DDB_OK;
}

/* The record at the cursor: taken, passed over, or the first of the next page. */
static enum ddb_code read_record(struct reading *reading, uint64_t number, struct ddb_error *err)
{
	struct store_value value;
	struct local_stream_head head;
	struct ddb_stream_record record;
	enum ddb_code code = store_cursor_value(reading->cursor, reading->arena, false, &value, err);
	if (!code)
		code = local_stream_head_decode(&value, &head, err);
	if (code)
		return code;
	bool old = reading->page.count == 0 && head.time_ns < reading->now - LOCAL_STREAM_KEPT_NS;
	if (old && reading->request->kept)
		return trimmed(err);
	reading->full =
		old ? reading->passed == PASSED_MAX
		    : reading->page.count == reading->limit ||
				(reading->page.count > 0 && reading->bytes + head.size > reading->max_bytes);
	if (reading->full)
		return DDB_OK;
	reading->page.next = number;
	reading->passed += old;
	if (old)
		return DDB_OK;
	code = store_cursor_value(reading->cursor, reading->arena, true, &value, err);
	if (!code)
		code = local_stream_record_decode(reading->arena, &value, &record, err);
	record.sequence = number;
	return code ? code : add_record(reading, &record, err);
}

static enum ddb_code read_records(struct reading *reading, struct ddb_error *err)
{
	uint8_t place[LOCAL_STREAM_KEY_BYTES];
	bool found;
	if (reading->request->after == UINT64_MAX)
		return DDB_OK;
	local_stream_key(reading->note.space, reading->request->after + 1, place);
	enum ddb_code code = store_cursor_seek(reading->cursor, place, sizeof place, &found, err);
	while (!code && found) {
		const uint8_t *key;
		size_t length;
		store_cursor_key(reading->cursor, &key, &length);
		bool ours = length >= LOCAL_SPACE_BYTES && !memcmp(key, place, LOCAL_SPACE_BYTES);
		if (ours && length != sizeof place) /* it must not hide those behind it */
			return local_damaged(err, "a stream's record");
		if (!ours)
			return DDB_OK;
		code = read_record(reading, local_read_be(key + LOCAL_SPACE_BYTES, 8), err);
		if (code || reading->full)
			return code;
		code = store_cursor_next(reading->cursor, &found, err);
	}
	return code;
}

/* At the end the place moves on to the moment of the view, so that who waits there is never trimmed. */
static void end_page(struct reading *reading)
{
	struct ddb_stream_page *page = &reading->page;
	uint64_t newest = (store_txn_number(reading->view) << LOCAL_VERSION_BITS) + LOCAL_VERSIONS - 1;
	page->more = reading->full;
	page->closed = !reading->full && reading->note.until_ns != 0;
	if (!page->more && !page->closed && page->next < newest)
		page->next = newest;
}

static enum ddb_code read_page(struct reading *reading, struct ddb_error *err)
{
	const struct ddb_read_stream *request = reading->request;
	enum ddb_code code = find_stream(reading, err);
	if (code)
		return code;
	if (request->kept && request->after < reading->note.trimmed)
		return trimmed(err);
	/* Behind UINT64_MAX nothing comes: where the end is now is all that is asked. */
	reading->page.next = request->after == UINT64_MAX ? reading->note.last : request->after;
	code = show_stream(reading->arena, &reading->note, &reading->page.stream, err);
	if (!code)
		code = store_cursor_open(reading->view, &reading->cursor, err);
	if (code)
		return code;
	code = read_records(reading, err);
	store_cursor_close(reading->cursor);
	if (!code)
		end_page(reading);
	return code;
}

enum ddb_code local_read_stream(struct ddb_engine *base, struct ddb_arena *arena,
	const struct ddb_read_stream *request, struct ddb_stream_page *ret, struct ddb_error *err)
{
	struct local_engine *engine = local_of(base);
	struct reading reading = {.engine = engine,
		.arena = arena,
		.request = request,
		.now = local_clock(engine),
		.limit = request->limit && request->limit < READ_LIMIT ? request->limit : READ_LIMIT,
		.max_bytes = request->max_bytes ? request->max_bytes : READ_BYTES};
	LOCAL_TABLE_AUTO struct local_table *table = NULL;
	if (!local_table_find(engine, request->table, &table, NULL))
		reading.table = table;
	enum ddb_code code = store_view(engine->store, &reading.view, err);
	if (code)
		return code;
	code = read_page(&reading, err);
	store_view_end(reading.view);
	if (!code)
		*ret = reading.page;
	return code;
}
