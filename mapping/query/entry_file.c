/*
 * Files below .query and .index: an entry's document, the number of results, and how they come about. A text
 * is one moment's, however slowly it is read; that of an entry has its exact size when it is looked up.
 */
#include "mapping/document/document.h"
#include "mapping/query/entry.h"
#include "mapping/file.h"
#include "mapping/query/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 256 << 20 };

struct text_part {
	bool made;
	struct ddb_buffer text;
};

static void text_done(struct map_file *file)
{
	struct text_part *part = file->part;
	ddb_buffer_done(&part->text);
	free(part);
}

static struct text_part *begin(struct map_file *file, const struct map_file_ops *ops)
{
	struct text_part *part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	ddb_buffer_init(&part->text, TEXT_MAX);
	file->part = part;
	file->ops = ops;
	return part;
}

/* ---- Entries ---- */

static int entry_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct text_part *part = file->part;
	return map_file_read_text(&part->text, offset, buffer, size, ret_length);
}

static const struct map_file_ops entry_ops = {.read = entry_read, .done = text_done};

int map_entry_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct text_part *part = begin(file, &entry_ops);
	struct ddb_entry entry;
	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	if (!part)
		return map_errno(ddb_fail_memory(err));
	int number = map_entry_get(map, &arena, place, false, &entry, err);
	if (number)
		return number;
	map_document_write(place->table, &entry.item, place->rendering, true, &part->text);
	if (part->text.failed)
		return map_errno(ddb_fail_memory(err));
	map_attr_of_entry(place, &entry.meta, ret);
	return 0;
}

/* ---- count and explain ---- */

static void write_count(
	const struct map_place *place, const struct map_results *results, struct ddb_buffer *out)
{
	(void)place;
	ddb_buffer_add_format(out, "%llu\n", (unsigned long long)results->returned);
}

static void write_explain(
	const struct map_place *place, const struct map_results *results, struct ddb_buffer *out)
{
	const struct map_query *query = place->query;
	struct ddb_json_out json;
	char capacity[32];
	snprintf(capacity, sizeof(capacity), "%llu%s", (unsigned long long)results->half_units / 2,
		results->half_units % 2 ? ".5" : "");
	ddb_json_out_init(&json, out, true);
	ddb_json_open(&json, '{');
	ddb_json_member_string(&json, "operation", query->has_partition || query->nobody ? "Query" : "Scan");
	ddb_json_name(&json, "index", strlen("index"));
	if (query->index)
		ddb_json_string(&json, query->index->name, strlen(query->index->name));
	else
		ddb_json_raw(&json, "null");
	ddb_json_member_int(&json, "examined", (int64_t)results->examined);
	ddb_json_member_int(&json, "returned", (int64_t)results->returned);
	ddb_json_name(&json, "capacity", strlen("capacity"));
	ddb_json_raw(&json, capacity);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(out, '\n');
}

static int run(
	struct map *map, const struct map_place *place, struct map_results *results, struct ddb_error *err)
{
	struct ddb_page page;
	int number = 0;
	while (!number && !results->ended)
		number = map_results_next(results, map, place, MAP_RESULTS_COUNT, 0, 0, &page, err);
	return number;
}

/* The path is resolved now: the table may have another name than when the file was opened. */
static int make_text(struct map_file *file, struct ddb_buffer *out, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct map_results results;
	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_resolve(file->map, &arena, file->path, &place, err);
	if (!number && place.kind != MAP_COUNT && place.kind != MAP_EXPLAIN)
		number = ENOENT;
	if (number)
		return number;
	map_results_init(&results);
	number = run(file->map, &place, &results, err);
	if (!number && place.kind == MAP_COUNT)
		write_count(&place, &results, out);
	else if (!number)
		write_explain(&place, &results, out);
	map_results_done(&results);
	if (!number && out->failed)
		number = map_errno(ddb_fail_memory(err));
	return number;
}

static int tally_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct text_part *part = file->part;
	struct ddb_error err = {0};
	int number = part->made ? 0 : make_text(file, &part->text, &err);
	if (number)
		return map_file_refuse(file, &file->opener, "read", number, &err);
	part->made = true;
	return map_file_read_text(&part->text, offset, buffer, size, ret_length);
}

static const struct map_file_ops tally_ops = {.read = tally_read, .done = text_done};

int map_tally_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	if (!begin(file, &tally_ops))
		return map_errno(ddb_fail_memory(err));
	int number = map_query_check_whole(place->query, err);
	if (!number)
		map_attr_of_place(map, place, ret);
	return number;
}
