/*
 * Streams of items: T/.items.jsonl for reading, and T/.scan. Reads are expected in order; a page is fetched
 * when the one before it is used up. A shell that reads lines seeks back a little after each, so some text
 * before the page is kept; what is further back is had again from the beginning.
 */
#include "mapping/stream_file.h"

#include "mapping/document.h"
#include "mapping/name.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE_BYTES = 256 << 10, /* of items, in DynamoDB's counting */
	KEPT_BYTES = 1 << 20,   /* of text that was read already */
	TEXT_MAX = 512 << 20,   /* a page's text: an item may be 400 KB, its line many times that */
	PAGE_MEMORY = 64 << 20,
};

void map_stream_init(struct map_stream *stream, const struct map_place *place, struct ddb_engine *engine)
{
	*stream = (struct map_stream){
		.engine = engine,
		.rendering = place->rendering,
		.segment = place->segment,
		.segments = place->segments,
	};
	memcpy(stream->table, place->table->name, sizeof(stream->table));
	ddb_buffer_init(&stream->text, TEXT_MAX);
	ddb_arena_init(&stream->arenas[0], PAGE_MEMORY);
	ddb_arena_init(&stream->arenas[1], PAGE_MEMORY);
}

void map_stream_done(struct map_stream *stream)
{
	ddb_buffer_done(&stream->text);
	ddb_arena_done(&stream->arenas[0]);
	ddb_arena_done(&stream->arenas[1]);
}

void map_stream_follow(struct map_stream *stream, const char *path)
{
	char name[MAP_NAME_MAX + 3];
	size_t length = strcspn(path, "/");

	if (length >= sizeof(name))
		length = 0;
	memcpy(name, path, length);
	name[length] = '\0';
	if (!map_name_to_table(name, stream->table))
		stream->table[0] = '\0'; /* none has that name */
}

static void rewind_stream(struct map_stream *stream)
{
	ddb_buffer_clear(&stream->text);
	stream->start = 0;
	stream->begun = stream->ended = false;
}

/* Before the next page: keeps only the newest of the text. */
static void forget(struct map_stream *stream)
{
	struct ddb_buffer *text = &stream->text;

	if (text->length <= KEPT_BYTES)
		return;
	size_t old = text->length - KEPT_BYTES;
	memmove(text->bytes, text->bytes + old, KEPT_BYTES);
	text->length = KEPT_BYTES;
	stream->start += old;
}

static enum ddb_code render_page(struct map_stream *stream, const struct ddb_table *table,
	const struct ddb_page *page, struct ddb_error *err)
{
	size_t before = stream->text.length;

	for (size_t i = 0; i < page->count; i++)
		map_document_write(table, &page->entries[i].item, stream->rendering, false, &stream->text);
	if (!stream->text.failed)
		return DDB_OK;
	stream->text.failed = false;
	stream->text.length = before;
	return ddb_fail_memory(err);
}

/* The key to go on behind: shares its values with the page's last item. */
static enum ddb_code last_key(const struct ddb_table *table, const struct ddb_page *page,
	struct ddb_arena *arena, struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_value *item = &page->entries[page->count - 1].item;

	return map_key_of_values(
		table, map_key_value(table, item, false), map_key_value(table, item, true), arena, ret, err);
}

static enum ddb_code fetch(struct map_stream *stream, const struct ddb_table *table, struct ddb_error *err)
{
	struct ddb_arena *arena = &stream->arenas[stream->turn];
	struct ddb_query scan = {
		.table = stream->table,
		.page_bytes = PAGE_BYTES,
		.start = stream->begun ? &stream->last : NULL,
		.segment = stream->segment,
		.segments = stream->segments,
	};
	struct ddb_value last = {0};
	struct ddb_page page;

	ddb_arena_reset(arena);
	enum ddb_code code = stream->engine->ops->query(stream->engine, arena, &scan, &page, err);
	if (!code && page.count)
		code = last_key(table, &page, arena, &last, err);
	if (!code)
		code = render_page(stream, table, &page, err);
	if (code)
		return code;
	stream->ended = !page.more || !page.count;
	stream->last = last;
	stream->begun = true;
	stream->turn = !stream->turn;
	return DDB_OK;
}

static enum ddb_code next_page(struct map_stream *stream, struct ddb_error *err)
{
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	enum ddb_code code = stream->engine->ops->describe_table(stream->engine, stream->table, &table, err);

	if (code)
		return code;
	forget(stream);
	if (table->definition)
		return fetch(stream, table, err);
	stream->ended = true; /* a provisional table without a kind has no items */
	return DDB_OK;
}

/* Copies what is at hand. */
static size_t copy(const struct map_stream *stream, uint64_t offset, char *buffer, size_t size)
{
	size_t length;

	map_file_read_text(&stream->text, offset - stream->start, buffer, size, &length);
	return length;
}

int map_stream_read(struct map_stream *stream, uint64_t offset, char *buffer, size_t size, size_t *ret_length,
	struct ddb_error *err)
{
	size_t done = 0;

	if (offset < stream->start)
		rewind_stream(stream);
	for (;;) {
		done += copy(stream, offset + done, buffer + done, size - done);
		if (done == size || stream->ended)
			break;
		enum ddb_code code = next_page(stream, err);
		if (code && !done)
			return map_errno(code);
		if (code)
			break;
	}
	*ret_length = done;
	return 0;
}

/* ---- T/.scan ---- */

static int scan_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct ddb_error err;
	int number = map_stream_read(file->part, offset, buffer, size, ret_length, &err);

	return number ? map_file_refuse(file, &file->opener, "read", number, &err) : 0;
}

static void scan_done(struct map_file *file)
{
	map_stream_done(file->part);
	free(file->part);
}

static void scan_renamed(struct map_file *file)
{
	map_stream_follow(file->part, file->path);
}

static const struct map_file_ops scan_ops = {.read = scan_read, .renamed = scan_renamed, .done = scan_done};

int map_scan_open(struct map *map, const struct map_place *place, struct map_file *file, struct map_attr *ret,
	struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct map_stream *stream = malloc(sizeof(*stream));

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	if (!stream)
		return map_errno(ddb_fail_memory(err));
	map_stream_init(stream, place, map->engine);
	file->part = stream;
	file->ops = &scan_ops;
	return map_place_stat(map, &arena, place, ret, err);
}
