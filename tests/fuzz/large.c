/*
 * Texts of many megabytes that are as bad as can be for a reader that looks twice: all are judged in time
 * linear in their length, or the test's time is over. No fuzz target.
 */
#include "engine/definition.h"
#include "engine/json.h"
#include "engine/number.h"
#include "engine/record.h"
#include "engine/utf8.h"
#include "mapping/document/document.h"
#include "mapping/name.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_SHORT = 4 << 20, SIZE_LONG = 16 << 20, MEMORY = 128 << 20, PIECE = 4096 };

static size_t text_size = SIZE_SHORT;

struct shape {
	const char *begin, *repeated, *end;
	bool accepted;
};

/* `repeated` fills the text; four megabytes of any are too large an item. */
static const struct shape shapes[] = {
	{"", "[", "", false},
	{"", "{\"a\":", "", false},
	{"{\"a\":", "[", "}", false},
	{"{\"a\":[", "[],", "[]]}", false},
	{"{\"a\":[", "1,", "1]}", false},
	{"{\"a\":", "1", "}", false},
	{"{\"a\":0.", "0", "1}", false},
	{"{\"a\":1e", "9", "}", false},
	{"{\"a\":\"", "\\", "\"}", false},
	{"{\"a\":\"", "\\\\", "\"}", false},
	{"{\"a\":\"", "\\u0000", "\"}", false},
	{"{\"a\":\"", "\\ud83d\\ude00", "\"}", false},
	{"{\"a\":\"", "\xc3\xa9", "\"}", false},
	{"{\"", "x", "\":1}", false},
	{"{", "\"\":1,", "\"\":1}", false},
	{"{\"a\":\"", "\x80", "\"}", false},
	{"", " ", "{}", true},
	{"{", "\n", "}", true},
	{"{}", "\n", "", true},
	{"{}", " ", "x", false},
	{"", "\"", "", false},
	{"", "\x01", "", false},
	{"{\"a\":{\"$ss\":[", "\"\",", "\"\"]}}", false},
	{"{\"a\":{\"$binary\":\"", "A", "\"}}", false},
	{"{\"a\":{\"B\":\"", "A", "\"}}", false},
	{"{\"a\":{\"L\":[", "{\"S\":\"\"},", "{\"S\":\"\"}]}}", false},
	{"{\"KeySchema\":[", "{},", "{}]}", false},
};

static char *fill(const struct shape *shape, size_t *ret_length)
{
	size_t begin = strlen(shape->begin), repeated = strlen(shape->repeated), end = strlen(shape->end);
	size_t times = text_size / repeated, length = begin;
	char *text = malloc(begin + times * repeated + end);
	FUZZ_CHECK(text);
	memcpy(text, shape->begin, begin);
	for (size_t i = 0; i < times; i++, length += repeated)
		memcpy(text + length, shape->repeated, repeated);
	memcpy(text + length, shape->end, end);
	*ret_length = length + end;
	return text;
}

static bool accepts(enum ddb_rendering rendering, const char *text, size_t length, size_t piece)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_error err = {0};
	struct ddb_value item;
	enum ddb_json_state state = DDB_JSON_MORE;
	ddb_arena_init(&arena, MEMORY);
	struct ddb_json *json = ddb_json_new(&arena, map_document_limits(rendering));
	FUZZ_CHECK(json);
	size_t done = 0;
	while (state == DDB_JSON_MORE && done < length) {
		size_t used, size = length - done < piece ? length - done : piece;
		state = ddb_json_feed(json, text + done, size, &used, &err);
		done += used;
	}
	if (state == DDB_JSON_MORE)
		state = ddb_json_end(json, &err);
	bool accepted = state == DDB_JSON_DONE && strspn(text + done, " \n") >= length - done &&
			!map_document_read(&arena, ddb_json_value(json), rendering, &item, &err);
	ddb_json_free(json);
	return accepted;
}

static void check_shape(const struct shape *shape)
{
	static const size_t pieces[] = {SIZE_MAX, 61};
	struct ddb_definition *definition;
	size_t length;
	char *text = fill(shape, &length);
	text = realloc(text, length + 1);
	FUZZ_CHECK(text);
	text[length] = '\0';
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		FUZZ_CHECK(accepts(DDB_RENDER_PLAIN, text, length, pieces[i]) == shape->accepted);
		FUZZ_CHECK(accepts(DDB_RENDER_TYPED, text, length, pieces[i]) == shape->accepted);
	}
	size_t cut = length < DDB_DEFINITION_TEXT_MAX ? length : DDB_DEFINITION_TEXT_MAX;
	FUZZ_CHECK(ddb_definition_read(text, cut, &definition, NULL));
	ddb_utf8_prefix(text, length);
	free(text);
}

/* Many names, in the order that is worst for a sort, one of them twice at the end. */
static void check_names(bool twice)
{
	enum { NAMES = 40000 };
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	ddb_buffer_init(&text, MEMORY);
	ddb_buffer_add_byte(&text, '{');
	for (int i = NAMES; i > 0; i--)
		ddb_buffer_add_format(&text, "\"%05d\":1,", i % 2 ? i : NAMES - i);
	ddb_buffer_add_format(&text, "\"%s\":1}", twice ? "00001" : "x");
	ddb_buffer_add_byte(&text, '\0');
	FUZZ_CHECK(accepts(DDB_RENDER_PLAIN, text.bytes, text.length - 1, PIECE) == !twice);
}

/* A set of as many elements as an item can have of three bytes each, falling. */
static void check_set(void)
{
	enum { ELEMENTS = 130000 };
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	ddb_buffer_init(&text, MEMORY);
	ddb_buffer_add_string(&text, "{\"a\":{\"$ns\":[0");
	for (int i = ELEMENTS; i > 0; i--)
		ddb_buffer_add_format(&text, ",%d", i);
	ddb_buffer_add_string(&text, "]}}");
	ddb_buffer_add_byte(&text, '\0');
	FUZZ_CHECK(!accepts(DDB_RENDER_PLAIN, text.bytes, text.length - 1, SIZE_MAX)); /* over 400 KB */
}

static void check_number(const struct shape *shape)
{
	struct ddb_number number;
	size_t length;
	char *text = fill(shape, &length);
	FUZZ_CHECK(!ddb_number_read(text, length, &number, NULL) == shape->accepted);
	free(text);
}

/* Counts that promise more than there is, and containers in containers. */
static void check_record(uint8_t byte)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_value value;
	uint8_t *bytes = malloc(text_size);
	FUZZ_CHECK(bytes);
	memset(bytes, byte, text_size);
	bytes[0] = 1;
	bytes[1] = 6;
	ddb_arena_init(&arena, (size_t)1 << 31);
	FUZZ_CHECK(ddb_record_read(&arena, bytes, text_size, &value, NULL) == DDB_DAMAGED);
	free(bytes);
}

int main(void)
{
	static const uint8_t record_bytes[] = {0, 1, 2, 5, 6, 7, 8, 9, 10, 0x7f, 0x80, 0xff};
	static const struct shape numbers[] = {
		{"", "0", "", true},
		{"", "0", "1", true},
		{"1", "0", "", false},
		{"1.", "0", "", true},
		{"0.", "0", "1", false},
		{"1e", "9", "", false},
		{"1e-", "9", "", false},
		{"1e", "0", "", true},
		{"", "9", "", false},
		{"", "-", "", false},
		{"", "\x80", "", false},
	};
	const char *whole = getenv("DYNAMOUNT_LONG");
	if (whole && *whole)
		text_size = SIZE_LONG;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		check_shape(&shapes[i]);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		check_number(&numbers[i]);
	check_names(false);
	check_names(true);
	check_set();
	for (size_t i = 0; i < sizeof record_bytes; i++)
		check_record(record_bytes[i]);
	return 0;
}
