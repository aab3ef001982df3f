/*
 * Streams of items: T/.items.jsonl for reading, T/.scan, and the results of queries. Reads are expected in
 * order; a page is fetched when the one before it is used up. What is further back than the window is had
 * again from the beginning.
 */
#include "mapping/stream/stream_file.h"

#include "mapping/document/document.h"
#include <errno.h>
#include <stdlib.h>

enum { PAGE_BYTES = 256 << 10 }; /* of items, in DynamoDB's counting */

void map_stream_init(struct map_stream *stream, struct map_file *file)
{
	*stream = (struct map_stream){.file = file};
	map_window_init(&stream->window);
	map_results_init(&stream->results);
}

void map_stream_done(struct map_stream *stream)
{
	map_window_done(&stream->window);
	map_results_done(&stream->results);
}

static void rewind_stream(struct map_stream *stream)
{
	map_window_rewind(&stream->window);
	map_results_rewind(&stream->results);
}

static int render_page(struct map_stream *stream, const struct map_place *place, const struct ddb_page *page,
	struct ddb_error *err)
{
	for (size_t i = 0; i < page->count; i++)
		map_document_write(
			place->table, &page->entries[i].item, place->rendering, false, &stream->window.text);
	return stream->window.text.failed ? map_errno(ddb_fail_memory(err)) : 0;
}

/* What fails leaves the stream where it was: the next read tries again. */
static int fetch(struct map_stream *stream, const struct map_place *place, struct ddb_error *err)
{
	struct map_results before = stream->results;
	size_t length = stream->window.text.length;
	struct ddb_page page;
	int number = map_results_next(
		&stream->results, stream->file->map, place, MAP_RESULTS_DOCUMENTS, 0, PAGE_BYTES, &page, err);

	if (!number)
		number = render_page(stream, place, &page, err);
	if (number) {
		stream->window.text.failed = false;
		stream->window.text.length = length;
		map_results_return(&stream->results, &before);
	}
	return number;
}

/* The path is resolved for each page: the table may have got another name, or its definition. */
static int next_page(struct map_stream *stream, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_resolve(stream->file->map, &arena, stream->file->path, &place, err);
	if (number || !place.row->stream)
		return number ? number : ENOENT;
	map_window_forget(&stream->window);
	return fetch(stream, &place, err);
}

int map_stream_read(struct map_stream *stream, uint64_t offset, char *buffer, size_t size, size_t *ret_length,
	struct ddb_error *err)
{
	size_t done = 0;

	if (offset < stream->window.start)
		rewind_stream(stream);
	for (;;) {
		done += map_window_copy(&stream->window, offset + done, false, buffer + done, size - done);
		if (done == size || stream->results.ended)
			break;
		int number = next_page(stream, err);
		if (number && !done)
			return number;
		if (number)
			break;
	}
	*ret_length = done;
	return 0;
}

/* ---- T/.scan, items.jsonl of queries ---- */

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

static const struct map_file_ops scan_ops = {.read = scan_read, .done = scan_done};

int map_scan_open(struct map *map, const struct map_place *place, struct map_file *file, struct map_attr *ret,
	struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct map_stream *stream = malloc(sizeof(*stream));

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	if (!stream)
		return map_errno(ddb_fail_memory(err));
	map_stream_init(stream, file);
	file->part = stream;
	file->ops = &scan_ops;
	int number = place->query ? map_query_check_whole(place->query, err) : 0;
	return number ? number : map_place_stat(map, &arena, place, ret, err);
}
