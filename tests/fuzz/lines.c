/*
 * Lines written to T/.items.jsonl in pieces: those before the first bad one are put, it and all later ones
 * are not. The first byte chooses the rendering and the table.
 */
#include "engine/local/item.h"
#include "mapping/document/document.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 400, MEMORY = 64 << 20 };

struct model {
	struct ddb_value items[LINES_MAX];
	size_t count;
	bool refused;
};

static bool is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!memchr(" \t\r", text[i], 3))
			return false;
	return true;
}

static bool fits(const struct ddb_table *table, const struct ddb_value *item)
{
	const struct ddb_definition *definition = table->definition;
	const struct ddb_value *hash = map_key_value(table, item, false),
			       *range = map_key_value(table, item, true);
	return !local_item_check(item, NULL) && hash &&
	       !local_key_value_check(&definition->hash, false, hash, NULL) &&
	       (!definition->has_range ||
		       (range && !local_key_value_check(&definition->range, true, range, NULL)));
}

static void read_lines(struct ddb_arena *arena, const struct ddb_table *table, enum ddb_rendering rendering,
	const char *text, size_t size, struct model *ret)
{
	const char *end = text + size;
	ret->count = 0;
	ret->refused = false;
	while (text < end && !ret->refused) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((newline ? newline : end) - text);
		struct ddb_value item;
		if (!is_blank(text, length)) {
			ret->refused = !fuzz_world_item(arena, rendering, text, length, &item) ||
				       !fits(table, &item);
			if (!ret->refused)
				ret->items[ret->count++] = item;
		}
		text += length + (newline != NULL);
	}
}

/* A writer that looks at its errors: 0, or the first of them. */
static int write_pieces(const char *path, const char *text, size_t size)
{
	struct map *map = fuzz_world()->map;
	struct map_file *file;
	struct map_attr attr;
	struct fuzz_dice dice;
	int number = 0;
	fuzz_dice_init(&dice, text, size);
	FUZZ_CHECK(!map_open(map, &fuzz_caller, path, O_WRONLY | O_APPEND, &file, &attr));
	for (size_t done = 0; done < size && !number;) {
		size_t length = fuzz_dice_piece(&dice, size - done);
		char *piece = fuzz_copy(text + done, length);
		number = map_file_write(file, &fuzz_caller, done, piece, length);
		free(piece);
		done += length;
	}
	if (!number)
		number = map_file_flush(file, &fuzz_caller);
	map_file_release(file, &fuzz_caller);
	return number;
}

/* The later of two lines with a key counts. Deletes what it finds. */
static void check_items(struct ddb_arena *arena, const struct ddb_table *table, const struct model *model)
{
	struct ddb_engine *engine = fuzz_world()->engine;
	for (size_t i = model->count; i-- > 0;) {
		const struct ddb_value *hash = map_key_value(table, &model->items[i], false),
				       *range = map_key_value(table, &model->items[i], true);
		bool later = false;
		for (size_t j = i + 1; j < model->count && !later; j++)
			later = ddb_value_equal(hash, map_key_value(table, &model->items[j], false)) &&
				(!range ||
					ddb_value_equal(range, map_key_value(table, &model->items[j], true)));
		if (later)
			continue;
		struct ddb_get_item get = {.table = table->name};
		struct ddb_get_result got;
		FUZZ_CHECK(!map_key_of_values(table, hash, range, arena, &get.key, NULL));
		FUZZ_CHECK(!engine->ops->get_item(engine, arena, &get, &got, NULL) && got.found);
		FUZZ_CHECK(ddb_value_equal(&got.entry.item, &model->items[i]));
		const struct ddb_delete_item delete = {.table = table->name, .key = get.key};
		struct ddb_delete_result deleted;
		FUZZ_CHECK(!engine->ops->delete_item(engine, &delete, &deleted, NULL) && deleted.existed);
	}
	struct ddb_table_counts counts;
	FUZZ_CHECK(!engine->ops->count_table(engine, table->name, &counts, NULL) && !counts.items);
}

static void make_tables(void)
{
	static bool made;
	const struct ddb_key_attribute id = {.name = "id", .name_length = 2, .type = DDB_S},
				       at = {.name = "at", .name_length = 2, .type = DDB_N};
	struct ddb_engine *engine = fuzz_world()->engine;
	struct ddb_definition *definition;
	for (int range = 0; range < 2 && !made; range++) {
		FUZZ_CHECK(!ddb_definition_simple(&id, range ? &at : NULL, &definition, NULL));
		FUZZ_CHECK(!engine->ops->create_table(
			engine, range ? "LinesPairs" : "LinesSimple", definition, NULL));
		ddb_definition_unref(definition);
	}
	made = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct model model;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_engine *engine = fuzz_world()->engine;
	struct ddb_table *table;
	char path[64];
	make_tables();
	if (!size)
		return 0;
	enum ddb_rendering rendering = bytes[0] & 1 ? DDB_RENDER_TYPED : DDB_RENDER_PLAIN;
	const char *name = bytes[0] & 2 ? "LinesPairs" : "LinesSimple", *text = (const char *)bytes + 1;
	size_t lines = 0;
	for (size_t i = 1; i < size; i++)
		lines += bytes[i] == '\n';
	if (lines >= LINES_MAX)
		return 0;
	ddb_arena_init(&arena, MEMORY);
	FUZZ_CHECK(!engine->ops->describe_table(engine, name, &table, NULL));
	read_lines(&arena, table, rendering, text, size - 1, &model);
	snprintf(path, sizeof path, "%s/%s.items.jsonl", name, rendering ? ".typed/" : "");
	int number = write_pieces(path, text, size - 1);
	FUZZ_CHECK((number != 0) == model.refused);
	FUZZ_CHECK(!number || number == EINVAL || number == EFBIG);
	check_items(&arena, table, &model);
	ddb_table_unref(table);
	return 0;
}
