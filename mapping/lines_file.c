/*
 * T/.items.jsonl: read, the stream of all items; written, one put per line, in batches. A write answers when
 * its complete lines are put; what a line's beginning leaves over waits for its end. After a refused line
 * nothing more is taken: what follows might depend on it.
 */
#include "mapping/document/document.h"
#include "mapping/file.h"
#include "mapping/name.h"
#include "mapping/stream/stream_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BATCH_LINES = 1000,
	BATCH_MEMORY = 8 << 20, /* a batch is put when its items have taken so much */
};

struct batch {
	struct ddb_table *table; /* only while a write runs */
	struct ddb_arena arena;
	size_t count;
	struct ddb_value items[BATCH_LINES];
	size_t lines[BATCH_LINES]; /* their numbers */
};

struct lines_part {
	struct map_stream stream;
	enum ddb_rendering rendering;
	struct batch *batch;    /* made by the first write */
	struct ddb_buffer rest; /* the beginning of a line */
	size_t lines;           /* complete ones so far */
	int refused;
};

static int lines_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct lines_part *part = file->part;
	struct ddb_error err;
	int number = map_stream_read(&part->stream, offset, buffer, size, ret_length, &err);

	return number ? map_file_refuse(file, &file->opener, "read", number, &err) : 0;
}

/* ---- Putting ---- */

static void tell(struct map_file *file, const struct batch *batch, size_t count)
{
	const struct ddb_table *table = batch->table;
	const struct ddb_value *partition = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct ddb_value *hash = map_key_value(table, &batch->items[i], false);
		const struct ddb_value *range = map_key_value(table, &batch->items[i], true);
		if (range && !(partition && ddb_value_equal(partition, hash)))
			map_tell_key(file->map, table, hash, NULL, true, MAP_VERSION_DIRECTORY, file);
		partition = hash;
		map_tell_key(file->map, table, hash, range, false, UINT64_MAX, file);
	}
}

/* Nothing more is taken, and why is said once. */
static int refuse_line(struct map_file *file, const struct map_caller *caller, const char *operation,
	size_t line, const struct ddb_error *why)
{
	struct lines_part *part = file->part;
	struct ddb_error err;

	ddb_fail(&err, why->code, "line %zu: %s", line, why->message);
	part->refused = map_errno(why->code);
	return map_file_refuse(file, caller, operation, part->refused, &err);
}

static int put_batch(struct map_file *file, const struct map_caller *caller, const char *operation)
{
	struct lines_part *part = file->part;
	struct batch *batch = part->batch;
	struct ddb_engine *engine = file->map->engine;
	struct ddb_put_many put = {.table = batch->table->name, .items = batch->items, .count = batch->count};
	struct ddb_put_many_result result = {0};
	struct ddb_error err;

	if (!batch->count)
		return 0;
	enum ddb_code code = engine->ops->put_many(engine, &put, &result, &err);
	size_t done = code ? result.done : 0;
	tell(file, batch, code ? done : batch->count);
	size_t line = batch->lines[done < batch->count ? done : 0];
	batch->count = 0;
	ddb_arena_reset(&batch->arena);
	return code ? refuse_line(file, caller, operation, line, &err) : 0;
}

/* ---- Lines ---- */

static enum ddb_code read_line(struct batch *batch, enum ddb_rendering rendering, const char *text,
	size_t length, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value document, item;

	if (batch->table->provisional != DDB_DEFINED)
		return ddb_fail(err, DDB_VALIDATION,
			"The table has no definition yet, so that a line cannot tell the key of its item: "
			"write "
			".table.json first");
	if (length > MAP_DOCUMENT_MAX)
		return ddb_fail(
			err, DDB_ITEM_TOO_LARGE, "The line is longer than %d bytes", MAP_DOCUMENT_MAX);
	enum ddb_code code =
		ddb_json_read(&batch->arena, map_document_limits(rendering), text, length, &document, err);
	if (!code)
		code = map_document_read(&batch->arena, &document, rendering, &item, err);
	if (!code)
		code = map_document_complete(&batch->arena, batch->table, &item, NULL, NULL, ret, err);
	return code;
}

static bool is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!memchr(" \t\r", text[i], 3))
			return false;
	return true;
}

/* Lines before a bad one are put first, and if that fails it is theirs to be told of. */
static int add_line(struct map_file *file, const struct map_caller *caller, const char *operation,
	const char *text, size_t length)
{
	struct lines_part *part = file->part;
	struct batch *batch = part->batch;
	struct ddb_error err;

	part->lines++;
	if (is_blank(text, length))
		return 0;
	if (read_line(batch, part->rendering, text, length, &batch->items[batch->count], &err)) {
		int number = put_batch(file, caller, operation);
		return number ? number : refuse_line(file, caller, operation, part->lines, &err);
	}
	batch->lines[batch->count++] = part->lines;
	if (batch->count < BATCH_LINES && batch->arena.taken < BATCH_MEMORY)
		return 0;
	return put_batch(file, caller, operation);
}

/* Keeps the beginning of a line; those before it are put whatever becomes of it. */
static int keep_rest(struct map_file *file, const struct map_caller *caller, const char *bytes, size_t size)
{
	struct lines_part *part = file->part;
	struct ddb_error err;

	ddb_buffer_add(&part->rest, bytes, size);
	if (!part->rest.failed)
		return put_batch(file, caller, "write");
	bool too_long = size > part->rest.max - part->rest.length;
	if (too_long)
		ddb_fail(&err, DDB_ITEM_TOO_LARGE, "The line is longer than %d bytes", MAP_DOCUMENT_MAX);
	else
		ddb_fail_memory(&err);
	int number = put_batch(file, caller, "write");
	return number ? number : refuse_line(file, caller, "write", part->lines + 1, &err);
}

/* One line whose end is at hand; its beginning may have waited. */
static int end_line(struct map_file *file, const struct map_caller *caller, const char *bytes, size_t size)
{
	struct lines_part *part = file->part;

	if (!part->rest.length)
		return add_line(file, caller, "write", bytes, size);
	ddb_buffer_add(&part->rest, bytes, size);
	if (part->rest.failed)
		return keep_rest(file, caller, bytes, size);
	int number = add_line(file, caller, "write", part->rest.bytes, part->rest.length);
	ddb_buffer_clear(&part->rest);
	return number;
}

static int write_lines(struct map_file *file, const struct map_caller *caller, const char *bytes, size_t size)
{
	const char *end = bytes + size;

	for (const char *newline; (newline = memchr(bytes, '\n', (size_t)(end - bytes)));
		bytes = newline + 1) {
		int number = end_line(file, caller, bytes, (size_t)(newline - bytes));
		if (number)
			return number;
	}
	return keep_rest(file, caller, bytes, (size_t)(end - bytes));
}

/* ---- Calls ---- */

/* The table as it is now, and room for a batch. */
/* The one that the path names now: it may have been renamed. */
static enum ddb_code describe_table(struct map_file *file, struct ddb_table **ret, struct ddb_error *err)
{
	struct ddb_engine *engine = file->map->engine;
	char entry[MAP_NAME_MAX + 1], name[DDB_TABLE_NAME_MAX + 1];
	size_t length = strcspn(file->path, "/");

	snprintf(entry, sizeof(entry), "%.*s", (int)length, file->path);
	if (length > MAP_NAME_MAX || !map_name_to_table(entry, name))
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	return engine->ops->describe_table(engine, name, ret, err);
}

static int begin_batch(struct map_file *file, const struct map_caller *caller, const char *operation)
{
	struct lines_part *part = file->part;
	struct ddb_error err;

	if (!part->batch)
		part->batch = calloc(1, sizeof(*part->batch));
	if (!part->batch)
		return ENOMEM;
	ddb_arena_init(&part->batch->arena, MAP_DOCUMENT_MEMORY);
	if (describe_table(file, &part->batch->table, &err))
		return map_file_refuse(file, caller, operation, map_errno(err.code), &err);
	return 0;
}

static void end_batch(struct lines_part *part)
{
	ddb_table_unref(part->batch->table);
	part->batch->table = NULL;
	part->batch->count = 0;
	ddb_arena_done(&part->batch->arena);
}

static int lines_write(struct map_file *file, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size)
{
	struct lines_part *part = file->part;

	(void)offset;
	if (part->refused)
		return part->refused;
	int number = begin_batch(file, caller, "write");
	if (number)
		return number;
	number = write_lines(file, caller, bytes, size);
	end_batch(part);
	return number;
}

static int lines_truncate(struct map_file *file, const struct map_caller *caller, uint64_t size)
{
	(void)file, (void)caller, (void)size;
	return 0;
}

/* A last line without a newline. */
static int settle(struct map_file *file, const struct map_caller *caller, const char *operation)
{
	struct lines_part *part = file->part;

	if (part->refused || is_blank(part->rest.bytes, part->rest.length))
		return 0;
	int number = begin_batch(file, caller, operation);
	if (number)
		return number;
	number = add_line(file, caller, operation, part->rest.bytes, part->rest.length);
	if (!number)
		number = put_batch(file, caller, operation);
	ddb_buffer_clear(&part->rest);
	end_batch(part);
	return number;
}

static int lines_flush(struct map_file *file, const struct map_caller *caller)
{
	return settle(file, caller, "close");
}

static int lines_sync(struct map_file *file, const struct map_caller *caller)
{
	return settle(file, caller, "fsync");
}

static void lines_done(struct map_file *file)
{
	struct lines_part *part = file->part;

	map_stream_done(&part->stream);
	ddb_buffer_done(&part->rest);
	free(part->batch);
	free(part);
}

static const struct map_file_ops lines_ops = {
	.read = lines_read,
	.write = lines_write,
	.truncate = lines_truncate,
	.flush = lines_flush,
	.sync = lines_sync,
	.release = lines_flush,
	.done = lines_done,
};

int map_lines_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct lines_part *part = calloc(1, sizeof(*part));

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	if (!part)
		return map_errno(ddb_fail_memory(err));
	map_stream_init(&part->stream, file);
	part->rendering = place->rendering;
	ddb_buffer_init(&part->rest, MAP_DOCUMENT_MAX);
	file->part = part;
	file->ops = &lines_ops;
	return map_place_stat(map, &arena, place, ret, err);
}
