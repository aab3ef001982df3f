/*
 * An item's file written in pieces: put whole or left alone, as the text's first object is accepted or not,
 * and an append is an update for each object. The first byte says which, and the rendering.
 */
#include "engine/json.h"
#include "mapping/document/document.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 128 << 20, TYPED = 1, APPEND = 2, FRESH = 4 };

static const char before[] = "{\"old\":true,\"x\":[1]}";

struct outcome {
	bool refused, exists;
	struct ddb_value item;
};

static bool only_space(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!memchr(" \t\r\n", text[i], 4))
			return false;
	return true;
}

static const struct ddb_value *key(void)
{
	static struct ddb_value value;
	value = ddb_string("w", 1);
	return &value;
}

/* The item of a whole object: with the key, or refused. */
static bool complete(struct ddb_arena *arena, const struct ddb_value *json, enum ddb_rendering rendering,
	const struct ddb_table *table, struct ddb_value *ret)
{
	struct ddb_value item;
	return !map_document_read(arena, json, rendering, &item, NULL) &&
	       !map_document_complete(arena, table, &item, key(), NULL, ret, NULL) &&
	       ddb_item_size(ret) <= DDB_ITEM_SIZE_MAX;
}

static void merge(struct ddb_arena *arena, const struct ddb_value *set, struct outcome *outcome)
{
	struct ddb_value item = outcome->exists ? outcome->item : *set;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct ddb_attribute *attribute = &set->attributes[i];
		const struct ddb_value *with = ddb_map_with(
			arena, &item, attribute->name, attribute->name_length, &attribute->value);
		FUZZ_CHECK(with);
		item = *with;
	}
	outcome->refused = ddb_item_size(&item) > DDB_ITEM_SIZE_MAX;
	if (outcome->refused)
		return;
	outcome->item = item;
	outcome->exists = true;
}

/* What should come of it: `pieces` are where each piece ends. */
static void judge_put(struct ddb_arena *arena, enum ddb_rendering rendering, const struct ddb_table *table,
	const char *text, size_t size, const size_t *ends, struct outcome *outcome)
{
	struct ddb_json *json = ddb_json_new(arena, map_document_limits(rendering));
	struct ddb_value item;
	size_t used = 0;
	FUZZ_CHECK(json);
	enum ddb_json_state state = ddb_json_feed(json, text, size, &used, NULL);
	outcome->refused =
		state != DDB_JSON_DONE || !complete(arena, ddb_json_value(json), rendering, table, &item);
	ddb_json_free(json);
	if (outcome->refused)
		return;
	while (*ends < used)
		ends++;
	outcome->refused = !only_space(text + used, size - used);
	if (!only_space(text + used, *ends - used))
		return; /* garbage in the write that completes it */
	outcome->exists = true;
	outcome->item = item;
}

static void judge_append(struct ddb_arena *arena, enum ddb_rendering rendering, const struct ddb_table *table,
	const char *text, size_t size, struct outcome *outcome)
{
	struct ddb_json *json = ddb_json_new(arena, map_document_limits(rendering));
	FUZZ_CHECK(json);
	for (size_t at = 0, used; !outcome->refused; at += used) {
		struct ddb_value item;
		enum ddb_json_state state = ddb_json_feed(json, text + at, size - at, &used, NULL);
		if (state == DDB_JSON_MORE && !ddb_json_started(json))
			break;
		outcome->refused = state != DDB_JSON_DONE ||
				   !complete(arena, ddb_json_value(json), rendering, table, &item);
		if (!outcome->refused)
			merge(arena, &item, outcome);
		ddb_json_restart(json);
	}
	ddb_json_free(json);
}

/* ---- Doing it ---- */

static size_t *cut(const char *text, size_t size)
{
	struct fuzz_dice dice;
	size_t *ends = calloc(size + 2, sizeof *ends), count = 0;
	FUZZ_CHECK(ends);
	fuzz_dice_init(&dice, text, size);
	for (size_t done = 0; done < size;) {
		done += fuzz_dice_piece(&dice, size - done);
		ends[count++] = done;
	}
	ends[count] = size;
	return ends;
}

static int write_pieces(const char *path, int flags, const char *text, size_t size, const size_t *ends)
{
	struct map *map = fuzz_world()->map;
	struct map_file *file;
	struct map_attr attr;
	int number = map_open(map, &fuzz_caller, path, flags, &file, &attr);
	if (number == ENOENT)
		number = map_create(map, &fuzz_caller, path, flags | O_CREAT, 0644, &file, &attr);
	FUZZ_CHECK(!number);
	for (size_t done = 0; done < size && !number; done = *ends++) {
		char *piece = fuzz_copy(text + done, *ends - done);
		number = map_file_write(file, &fuzz_caller, done, piece, *ends - done);
		free(piece);
	}
	if (!number)
		number = map_file_flush(file, &fuzz_caller);
	int released = map_file_release(file, &fuzz_caller);
	return number ? number : released;
}

static void check_item(const char *path, enum ddb_rendering rendering, const struct outcome *outcome)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_value item, whole;
	size_t length;
	char *text = fuzz_world_text(path, &length);
	FUZZ_CHECK((text != NULL) == outcome->exists);
	if (!text)
		return;
	ddb_arena_init(&arena, MEMORY);
	FUZZ_CHECK(fuzz_world_item(&arena, rendering, text, length, &item));
	whole = item;
	FUZZ_CHECK(ddb_value_equal(&whole, &outcome->item));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const paths[] = {"Simple/w.json", "Simple/.typed/w.json"};
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct map *map = fuzz_world()->map;
	struct ddb_engine *engine = fuzz_world()->engine;
	struct outcome outcome = {0};
	struct ddb_table *table;
	struct ddb_value old;
	if (size < 2)
		return 0;
	enum ddb_rendering rendering = bytes[0] & TYPED ? DDB_RENDER_TYPED : DDB_RENDER_PLAIN;
	const char *path = paths[rendering], *text = (const char *)bytes + 1;
	ddb_arena_init(&arena, MEMORY);
	FUZZ_CHECK(!engine->ops->describe_table(engine, "Simple", &table, NULL));
	if (only_space(text, --size)) {
		ddb_table_unref(table);
		return 0; /* white space alone is for other tests */
	}
	if (!(bytes[0] & FRESH)) {
		fuzz_world_write(paths[0], before);
		FUZZ_CHECK(fuzz_world_item(&arena, DDB_RENDER_PLAIN, before, strlen(before), &old));
		FUZZ_CHECK(!map_document_complete(&arena, table, &old, key(), NULL, &outcome.item, NULL));
		outcome.exists = true;
	}
	size_t *ends = cut(text, size);
	if (bytes[0] & APPEND)
		judge_append(&arena, rendering, table, text, size, &outcome);
	else
		judge_put(&arena, rendering, table, text, size, ends, &outcome);
	int flags = O_WRONLY | (bytes[0] & APPEND ? O_APPEND : O_TRUNC);
	int number = write_pieces(path, flags, text, size, ends);
	FUZZ_CHECK((number != 0) == outcome.refused);
	FUZZ_CHECK(!number || number == EINVAL || number == EFBIG);
	check_item(path, rendering, &outcome);
	number = map_unlink(map, &fuzz_caller, path);
	FUZZ_CHECK(number == (outcome.exists ? 0 : ENOENT));
	free(ends);
	ddb_table_unref(table);
	return 0;
}
