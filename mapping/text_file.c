/*
 * Small texts that are made when they are opened and then only read: .status, .errors, T/.status.json. A text
 * is one moment's, however slowly it is read.
 */
#include "engine/table.h"
#include "mapping/file.h"
#include "mapping/view/transaction.h"
#include "mapping/view/views.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 64 << 20 }; /* bytes: a thousand refusals of the longest kind have room */

static void write_started(const struct map *map, struct ddb_json_out *json)
{
	char text[32] = "";
	time_t seconds = (time_t)(map->started_ns / 1000000000);
	struct tm parts;

	if (gmtime_r(&seconds, &parts))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	ddb_json_member_string(json, "started", text);
}

static enum ddb_code write_status(struct map *map, const struct map_place *place, const struct map_file *file,
	struct ddb_buffer *out, struct ddb_error *err)
{
	struct ddb_json_out json;

	(void)place, (void)file, (void)err;
	ddb_json_out_init(&json, out, true);
	ddb_json_open(&json, '{');
	ddb_json_member_string(&json, "version", DYNAMOUNT_VERSION);
	if (map->options.mountpoint)
		ddb_json_member_string(&json, "mountpoint", map->options.mountpoint);
	ddb_json_member_int(&json, "pid", getpid());
	write_started(map, &json);
	map->engine->ops->status(map->engine, &json);
	map_views_status(map, &json);
	if (map->options.status)
		map->options.status(map->options.context, &json);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(out, '\n');
	return DDB_OK;
}

static enum ddb_code write_errors(struct map *map, const struct map_place *place, const struct map_file *file,
	struct ddb_buffer *out, struct ddb_error *err)
{
	(void)place, (void)err;
	map_refusals_write(map->refusals, file->opener.uid, out);
	return DDB_OK;
}

static enum ddb_code write_table_status(struct map *map, const struct map_place *place,
	const struct map_file *file, struct ddb_buffer *out, struct ddb_error *err)
{
	struct ddb_table_counts counts;
	struct ddb_json_out json;
	enum ddb_code code = map->engine->ops->count_table(map->engine, place->table->name, &counts, err);

	(void)file;
	if (code)
		return code;
	ddb_json_out_init(&json, out, true);
	ddb_table_describe(place->table, &counts, DDB_REGION, &json);
	ddb_buffer_add_byte(out, '\n');
	return DDB_OK;
}

static enum ddb_code write_reasons(struct map *map, const struct map_place *place,
	const struct map_file *file, struct ddb_buffer *out, struct ddb_error *err)
{
	(void)place, (void)file;
	if (!map_reasons_get(map, out))
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "No commit has failed");
	return DDB_OK;
}

typedef enum ddb_code text_writer(struct map *map, const struct map_place *place, const struct map_file *file,
	struct ddb_buffer *out, struct ddb_error *err);

static const struct {
	enum map_kind kind;
	text_writer *write;
} texts[] = {
	{MAP_STATUS, write_status},
	{MAP_ERRORS, write_errors},
	{MAP_TABLE_STATUS, write_table_status},
	{MAP_REASONS, write_reasons},
};

static enum ddb_code write_text(struct map *map, const struct map_place *place, const struct map_file *file,
	struct ddb_buffer *out, struct ddb_error *err)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].kind == place->kind)
			return texts[i].write(map, place, file, out, err);
	return ddb_fail(err, DDB_INTERNAL, "There is no text of this kind");
}

static int text_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	return map_file_read_text(file->part, offset, buffer, size, ret_length);
}

static void text_done(struct map_file *file)
{
	ddb_buffer_done(file->part);
	free(file->part);
}

static const struct map_file_ops text_ops = {.read = text_read, .done = text_done};

int map_text_open(struct map *map, const struct map_place *place, struct map_file *file, struct map_attr *ret,
	struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_buffer *text = malloc(sizeof(*text));

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	if (!text)
		return map_errno(ddb_fail_memory(err));
	ddb_buffer_init(text, TEXT_MAX);
	file->part = text;
	file->ops = &text_ops;
	enum ddb_code code = write_text(map, place, file, text, err);
	if (!code && text->failed)
		code = ddb_fail_memory(err);
	if (code)
		return map_errno(code);
	int number = map_place_stat(map, &arena, place, ret, err);
	if (!number)
		ret->size = text->length;
	return number;
}
