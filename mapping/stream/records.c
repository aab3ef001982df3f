#include "mapping/stream/records.h"

#include "engine/stream.h"
#include "engine/table.h"
#include "mapping/name.h"
#include <errno.h>
#include <string.h>

enum {
	PAGE_BYTES = 256 << 10, /* of records, as their sizes are counted */
	PAGE_MEMORY = 128 << 20,
	STREAM_MEMORY = 64 << 10, /* a stream's names */
};

void map_records_init(struct map_records *records, struct map_file *file, const struct map_place *place,
	uint64_t after, bool whole)
{
	*records = (struct map_records){
		.file = file, .table_id = place->table->id, .after = after, .whole = whole};
	map_window_init(&records->window);
}

void map_records_done(struct map_records *records)
{
	map_window_done(&records->window);
}

void map_records_table(const struct map_file *file, char ret[DDB_TABLE_NAME_MAX + 1])
{
	char name[MAP_PATH_MAX];
	size_t length = strcspn(file->path, "/");

	memcpy(name, file->path, length);
	name[length] = '\0';
	if (!map_name_to_table(name, ret))
		ret[0] = '\0'; /* no table has that name */
}

/* ---- Which stream ---- */

/* The table's next stream behind the one that `label` names (empty: its first). */
static enum ddb_code next_stream(struct map *map, struct ddb_arena *arena, const char *table,
	uint32_t table_id, const char *label, struct ddb_stream *ret, bool *ret_found, struct ddb_error *err)
{
	struct ddb_stream before = {.table = table};
	struct ddb_list_streams request = {.table = table, .limit = 1, .after = *label ? &before : NULL};
	struct ddb_streams page;

	memcpy(before.label, label, strlen(label) + 1);
	do {
		enum ddb_code code = map->engine->ops->list_streams(map->engine, arena, &request, &page, err);
		if (code)
			return code;
		*ret_found = page.count;
		if (!page.count)
			return DDB_OK;
		*ret = page.streams[0];
		memcpy(before.label, ret->label, sizeof(before.label));
		request.after = &before;
	} while (ret->table_id != table_id);
	return DDB_OK;
}

int map_records_exist(struct map *map, struct ddb_arena *arena, const struct ddb_table *table, bool *ret,
	struct ddb_error *err)
{
	struct ddb_stream stream;

	return map_errno(next_stream(map, arena, table->name, table->id, "", &stream, ret, err));
}

int map_records_latest(const struct map_records *records, char ret_label[DDB_STREAM_LABEL_MAX],
	uint64_t *ret_number, bool *ret_on, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	char table[DDB_TABLE_NAME_MAX + 1];
	struct ddb_engine *engine = records->file->map->engine;
	struct ddb_read_stream request = {.table = table, .after = UINT64_MAX};
	struct ddb_stream_page page;

	ddb_arena_init(&arena, STREAM_MEMORY);
	map_records_table(records->file, table);
	enum ddb_code code = engine->ops->read_stream(engine, &arena, &request, &page, err);
	if (code && code != DDB_RESOURCE_NOT_FOUND)
		return map_errno(code);
	*ret_on = !code;
	if (code)
		return 0;
	memcpy(ret_label, page.stream.label, DDB_STREAM_LABEL_MAX);
	*ret_number = page.next;
	return 0;
}

static int missing(struct ddb_error *err)
{
	return map_errno(
		ddb_fail(err, DDB_TRIMMED_DATA, "The stream that had the next records is no longer kept"));
}

/* A stream that ended before the record that is wanted has nothing. What comes first must reach back to the
 * place: the stream that the place was in may be forgotten, and with it what came behind. */
static int go_on(struct map_records *records, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	char table[DDB_TABLE_NAME_MAX + 1], label[DDB_STREAM_LABEL_MAX];
	struct ddb_stream stream;
	bool found, first = !records->label[0] && records->whole && records->after;

	ddb_arena_init(&arena, STREAM_MEMORY);
	map_records_table(records->file, table);
	memcpy(label, records->label, sizeof(label));
	do {
		enum ddb_code code = next_stream(
			records->file->map, &arena, table, records->table_id, label, &stream, &found, err);
		if (code)
			return map_errno(code);
		if (first && (!found || stream.first > records->after + 1))
			return missing(err);
		first = false;
		if (found)
			memcpy(label, stream.label, sizeof(label));
		ddb_arena_reset(&arena);
	} while (found && stream.until_ns && stream.last <= records->after);
	if (found)
		memcpy(records->label, label, sizeof(label));
	else
		records->ended = true;
	return 0;
}

/* ---- Its records ---- */

static int render(struct map_records *records, const struct ddb_stream_page *page, struct ddb_error *err)
{
	struct ddb_buffer *text = &records->window.text;
	size_t length = text->length;
	struct ddb_json_out json;

	for (size_t i = 0; i < page->count; i++) {
		ddb_json_out_init(&json, text, false);
		ddb_stream_write_record(&page->stream, &page->records[i], DDB_REGION, &json);
		ddb_buffer_add_byte(text, '\n');
	}
	if (!text->failed)
		return 0;
	text->failed = false;
	text->length = length;
	return map_errno(ddb_fail_memory(err));
}

int map_records_fetch(struct map_records *records, uint32_t max_bytes, bool *ret_more, bool *ret_closed,
	struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	char table[DDB_TABLE_NAME_MAX + 1];
	struct ddb_engine *engine = records->file->map->engine;
	struct ddb_read_stream request = {.table = table,
		.label = records->label,
		.after = records->after,
		.kept = records->whole,
		.max_bytes = max_bytes};
	struct ddb_stream_page page = {0};

	ddb_arena_init(&arena, PAGE_MEMORY);
	map_records_table(records->file, table);
	enum ddb_code code = engine->ops->read_stream(engine, &arena, &request, &page, err);
	if (code && code != DDB_RESOURCE_NOT_FOUND)
		return map_errno(code);
	if (code && records->whole)
		return missing(err);
	if (code)
		page.closed = true; /* it ended so long ago that it is forgotten */
	map_window_forget(&records->window);
	int number = render(records, &page, err);
	if (number)
		return number;
	if (!code) {
		records->after = page.next;
		/* What is too old before the first is none of it. */
		records->whole |= page.count > 0 || !page.more;
	}
	*ret_more = page.more;
	*ret_closed = page.closed && !page.more;
	return 0;
}

int map_records_continue(struct map_records *records, struct ddb_error *err)
{
	bool more, closed;

	if (!records->label[0]) {
		int number = go_on(records, err);
		if (number || records->ended)
			return number;
	}
	int number = map_records_fetch(records, PAGE_BYTES, &more, &closed, err);
	if (number || more)
		return number;
	return go_on(records, err);
}
