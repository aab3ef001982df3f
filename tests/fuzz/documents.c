/*
 * A text is judged the same in pieces as whole. What is accepted is one item, however it is written: pretty
 * or compact, plain or typed, with the key in front or not, and each of these writes itself again, byte for
 * byte.
 */
#include "tests/fuzz/documents.h"

#include "engine/record.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { RECORD_MAX = 64 << 20 };

/* ---- Reading ---- */

static enum ddb_code read_whole(struct ddb_arena *arena, enum ddb_rendering rendering, const char *text,
	size_t length, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value json;
	enum ddb_code code = ddb_json_read(arena, map_document_limits(rendering), text, length, &json, err);
	return code ? code : map_document_read(arena, &json, rendering, ret, err);
}

static bool only_space(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!memchr(" \t\r\n", text[i], 4))
			return false;
	return true;
}

/* What the reader says of the text in pieces; *ret_rest: text behind the value that is not white space. */
static enum ddb_json_state feed(struct ddb_json *json, struct fuzz_dice *dice, const char *text,
	size_t length, bool *ret_rest, struct ddb_error *err)
{
	enum ddb_json_state state = DDB_JSON_MORE;
	size_t done = 0, used;
	while (done < length && state == DDB_JSON_MORE) {
		size_t size = fuzz_dice_piece(dice, length - done);
		char *piece = fuzz_copy(text + done, size);
		state = ddb_json_feed(json, piece, size, &used, err);
		free(piece);
		FUZZ_CHECK(used <= size && (used == size || state != DDB_JSON_MORE));
		done += used;
		FUZZ_CHECK(ddb_json_started(json) || only_space(text, done));
	}
	if (state == DDB_JSON_MORE)
		state = ddb_json_end(json, err);
	FUZZ_CHECK(state != DDB_JSON_MORE);
	*ret_rest = state == DDB_JSON_DONE && !only_space(text + done, length - done);
	return state;
}

/* The same verdict as of the whole, and the same item. */
static void check_pieces(enum ddb_rendering rendering, const char *text, size_t length, enum ddb_code code,
	const struct ddb_error *err, const struct ddb_value *item)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct fuzz_dice dice;
	struct ddb_error error = {0};
	struct ddb_value value;
	bool rest;
	fuzz_dice_init(&dice, text, length);
	ddb_arena_init(&arena, MAP_DOCUMENT_MEMORY);
	struct ddb_json *json = ddb_json_new(&arena, map_document_limits(rendering));
	FUZZ_CHECK(json);
	enum ddb_json_state state = feed(json, &dice, text, length, &rest, &error);
	if (state == DDB_JSON_REFUSED) {
		FUZZ_CHECK(error.code == code);
		FUZZ_CHECK(!strcmp(error.message, err->message));
	} else if (rest) {
		FUZZ_CHECK(code == DDB_VALIDATION);
	} else if (map_document_read(&arena, ddb_json_value(json), rendering, &value, &error)) {
		FUZZ_CHECK(error.code == code);
		FUZZ_CHECK(!strcmp(error.message, err->message));
	} else {
		FUZZ_CHECK(code == DDB_OK && ddb_value_equal(&value, item));
	}
	ddb_json_free(json);
}

/* ---- Writing ---- */

static struct ddb_key_attribute id = {.name = "id", .name_length = 2, .type = DDB_S};
static struct ddb_key_attribute at = {.name = "at", .name_length = 2, .type = DDB_N};

static struct ddb_table *tables(size_t index)
{
	static struct ddb_table made[3];
	static bool done;
	if (!done) {
		FUZZ_CHECK(!ddb_definition_simple(&id, NULL, &made[0].definition, NULL));
		FUZZ_CHECK(!ddb_definition_simple(&id, &at, &made[1].definition, NULL));
		made[2].provisional = DDB_PROVISIONAL_COMPOSITE;
		done = true;
	}
	return &made[index];
}

static void record_of(const struct ddb_value *item, struct ddb_buffer *ret)
{
	ddb_buffer_init(ret, RECORD_MAX);
	ddb_record_write(item, ret);
	FUZZ_CHECK(!ret->failed);
}

static void check_same(const struct ddb_buffer *a, const struct ddb_buffer *b)
{
	FUZZ_CHECK(a->length == b->length && !memcmp(a->bytes, b->bytes, a->length));
}

/* One way to write the item: the text must be that long, and mean the same item. */
static void check_rendering(const struct ddb_table *table, const struct ddb_value *item,
	const struct ddb_buffer *record, enum ddb_rendering rendering, bool pretty)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	DDB_BUFFER_AUTO struct ddb_buffer text = {0}, again = {0}, counted = {0};
	DDB_BUFFER_AUTO struct ddb_buffer record_again = {0};
	struct ddb_value item_again;
	struct ddb_error err;
	uint32_t measured[2];
	ddb_arena_init(&arena, MAP_DOCUMENT_MEMORY);
	ddb_buffer_init(&text, RECORD_MAX);
	ddb_buffer_init(&again, RECORD_MAX);
	ddb_buffer_init_counting(&counted);
	map_document_write(table, item, rendering, pretty, &text);
	map_document_write(table, item, rendering, pretty, &counted);
	map_document_measure(table, item, measured);
	FUZZ_CHECK(!text.failed && text.length == counted.length);
	FUZZ_CHECK(!pretty || text.length == measured[rendering]);
	FUZZ_CHECK(text.bytes[text.length - 1] == '\n');
	FUZZ_CHECK(pretty || memchr(text.bytes, '\n', text.length) == text.bytes + text.length - 1);
	FUZZ_CHECK(!read_whole(&arena, rendering, text.bytes, text.length, &item_again, &err));
	FUZZ_CHECK(ddb_value_equal(item, &item_again));
	record_of(&item_again, &record_again);
	check_same(record, &record_again);
	map_document_write(table, &item_again, rendering, pretty, &again);
	check_same(&text, &again);
}

/* What stands in the path need not stand in the document. */
static void check_completion(const struct ddb_value *item)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_value whole, key;
	struct ddb_error err;
	ddb_arena_init(&arena, MAP_DOCUMENT_MEMORY);
	const struct ddb_value *own = ddb_map_get(item, id.name, id.name_length);
	if (own) {
		FUZZ_CHECK(!map_document_complete(&arena, tables(0), item, own, NULL, &whole, &err));
		FUZZ_CHECK(ddb_value_equal(item, &whole));
		const struct ddb_value *without = ddb_map_with(&arena, item, id.name, id.name_length, NULL);
		FUZZ_CHECK(without && without->count == item->count - 1);
		FUZZ_CHECK(!map_document_complete(&arena, tables(0), without, own, NULL, &whole, &err));
		FUZZ_CHECK(ddb_value_equal(item, &whole));
		return;
	}
	enum ddb_code code = map_document_complete(&arena, tables(0), item, NULL, NULL, &whole, &err);
	fuzz_check_error(code, &err);
	key = ddb_string("x", 1);
	FUZZ_CHECK(!map_document_complete(&arena, tables(0), item, &key, NULL, &whole, &err));
	FUZZ_CHECK(whole.count == item->count + 1);
}

static void check_item(const struct ddb_value *item)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	DDB_BUFFER_AUTO struct ddb_buffer record = {0};
	struct ddb_value copy;
	ddb_arena_init(&arena, MAP_DOCUMENT_MEMORY);
	FUZZ_CHECK(ddb_item_size(item) <= DDB_ITEM_SIZE_MAX && ddb_value_nesting_ok(item));
	FUZZ_CHECK(!ddb_value_copy(&arena, item, &copy, NULL) && ddb_value_equal(item, &copy));
	record_of(item, &record);
	for (size_t i = 0; i < 3; i++)
		for (int rendering = DDB_RENDER_PLAIN; rendering <= DDB_RENDER_TYPED; rendering++) {
			check_rendering(tables(i), item, &record, (enum ddb_rendering)rendering, true);
			check_rendering(tables(i), item, &record, (enum ddb_rendering)rendering, false);
		}
	check_completion(item);
}

void fuzz_document(enum ddb_rendering rendering, const char *text, size_t length)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_error err = {0};
	struct ddb_value item;
	ddb_arena_init(&arena, MAP_DOCUMENT_MEMORY);
	enum ddb_code code = read_whole(&arena, rendering, text, length, &item, &err);
	if (code)
		fuzz_check_error(code, &err);
	check_pieces(rendering, text, length, code, &err, &item);
	if (!code)
		check_item(&item);
}
