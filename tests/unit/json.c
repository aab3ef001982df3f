/*
 * The JSON reader and writer. Every accepted and refused text is fed whole and byte by byte, which must make
 * no difference; a refusal must come at the very byte that the table says.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/json.h"
#include "engine/jsonout.h"
#include <stdlib.h>
#include <string.h>

static const struct ddb_json_limits limits = {.nesting = 128, .nodes = 100000};
static const struct ddb_json_limits document = {.nesting = 8, .nodes = 20, .object_only = true};

/* The tree in the writer's compact form; maps and lists only. */
static void write_tree(struct ddb_json_out *json, const struct ddb_value *value)
{
	if (value->type == DDB_S) {
		ddb_json_string(json, (const char *)value->bytes, value->count);
	} else if (value->type == DDB_N) {
		ddb_json_number(json, value->bytes, value->count);
	} else if (value->type == DDB_BOOL) {
		ddb_json_raw(json, value->boolean ? "true" : "false");
	} else if (value->type == DDB_NULL) {
		ddb_json_raw(json, "null");
	} else if (value->type == DDB_L) {
		ddb_json_open(json, '[');
		for (uint32_t i = 0; i < value->count; i++)
			write_tree(json, &value->elements[i]);
		ddb_json_close(json, ']');
	} else {
		assert_int_equal(value->type, DDB_M);
		ddb_json_open(json, '{');
		for (uint32_t i = 0; i < value->count; i++) {
			ddb_json_name(json, value->attributes[i].name, value->attributes[i].name_length);
			write_tree(json, &value->attributes[i].value);
		}
		ddb_json_close(json, '}');
	}
}

static void assert_written(const struct ddb_value *value, bool pretty, const char *expected)
{
	DDB_BUFFER_AUTO struct ddb_buffer buffer, counter;
	struct ddb_json_out json;
	ddb_buffer_init(&buffer, 1 << 20);
	ddb_json_out_init(&json, &buffer, pretty);
	write_tree(&json, value);
	ddb_buffer_init_counting(&counter);
	ddb_json_out_init(&json, &counter, pretty);
	write_tree(&json, value);
	assert_int_equal(buffer.length, counter.length);
	ddb_buffer_add_byte(&buffer, '\0');
	assert_false(buffer.failed);
	assert_string_equal(buffer.bytes, expected);
}

static enum ddb_json_state feed_pieces(struct ddb_json *json, const char *text, size_t length, size_t piece,
	size_t *ret_used, struct ddb_error *err)
{
	enum ddb_json_state state = DDB_JSON_MORE;
	*ret_used = 0;
	while (*ret_used < length && state == DDB_JSON_MORE) {
		size_t used, size = length - *ret_used < piece ? length - *ret_used : piece;
		/* A copy, so that a sanitizer sees a look beyond the piece. */
		char *copy = malloc(size);
		memcpy(copy, text + *ret_used, size);
		state = ddb_json_feed(json, copy, size, &used, err);
		free(copy);
		*ret_used += used;
		assert_true(state != DDB_JSON_MORE || used == size);
	}
	return state;
}

static void test_accepts(void **state)
{
	static const char *const cases[][2] = {
		{"{}", "{}"},
		{"[]", "[]"},
		{" \t\r\n[ ]", "[]"},
		{"{\"a\":1}", "{\"a\":1}"},
		{"\"\"", "\"\""},
		{"[true,false,null]", "[true,false,null]"},
		{"{ \"b\" : [ ] , \"a\" : { } }", "{\"a\":{},\"b\":[]}"},
		{"[0,-0,1,-1,1.5,1e3,1E+3,1e-3,0.10,10]", "[0,0,1,-1,1.5,1000,1000,0.001,0.1,10]"},
		{"[12345678901234567890123456789012345678]", "[12345678901234567890123456789012345678]"},
		{"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\tz\""},
		{"\"\\u0000\\u001F\\u007f\"", "\"\\u0000\\u001f\\u007f\""},
		{"\"\x7f\"", "\"\\u007f\""},
		{"\"\\u00e9\\u20AC\\ud83d\\uDE00\\uffff\\ue000\"",
			"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf\xee\x80\x80\""},
		{"\"\\ud800\\udc00\\udbff\\udfff\"", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
		{"\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf \xe0\xa0\x80\"",
			"\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf "
			"\xe0\xa0\x80\""},
		{"{\"\":{\"\":\"\"}}", "{\"\":{\"\":\"\"}}"},
		{"{\"b\":1,\"a\":2,\"ab\":3,\"\xc3\xa9\":4,\"B\":5}",
			"{\"B\":5,\"a\":2,\"ab\":3,\"b\":1,\"\xc3\xa9\":4}"},
		{"[[[[1],2],3],{\"x\":[{\"y\":[]}]},\"a long string of more than sixteen bytes, \\n escaped "
		 "once\"]",
			"[[[[1],2],3],{\"x\":[{\"y\":[]}]},\"a long string of more than sixteen bytes, \\n "
			"escaped once\"]"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i][0];
		for (size_t piece = 1; piece <= strlen(text); piece++) {
			DDB_ARENA_AUTO struct ddb_arena arena;
			ddb_arena_init(&arena, 1 << 20);
			struct ddb_json *json = ddb_json_new(&arena, &limits);
			struct ddb_error err = {0};
			size_t used;
			assert_false(ddb_json_started(json));
			if (feed_pieces(json, text, strlen(text), piece, &used, &err) != DDB_JSON_DONE)
				fail_msg("%s: %s", text, err.message);
			assert_int_equal(used, strlen(text));
			assert_true(ddb_json_started(json));
			assert_written(ddb_json_value(json), false, cases[i][1]);
			assert_int_equal(ddb_json_end(json, &err), DDB_JSON_DONE);
			assert_int_equal(ddb_json_feed(json, " x", 2, &used, &err), DDB_JSON_DONE);
			assert_int_equal(used, 0);
			ddb_json_free(json);
		}
	}
}

struct refusal {
	const char *text;
	size_t used; /* bytes before the one that is refused */
	const char *message;
};

static void check_refusal(
	const struct refusal *refusal, const struct ddb_json_limits *with, enum ddb_code code)
{
	for (size_t piece = 1; piece <= strlen(refusal->text); piece++) {
		DDB_ARENA_AUTO struct ddb_arena arena;
		ddb_arena_init(&arena, 1 << 20);
		struct ddb_json *json = ddb_json_new(&arena, with);
		struct ddb_error err = {0};
		size_t used, line, column, length = strlen(refusal->text);
		enum ddb_json_state got = feed_pieces(json, refusal->text, length, piece, &used, &err);
		if (got == DDB_JSON_MORE)
			got = ddb_json_end(json, &err);
		assert_int_equal(got, DDB_JSON_REFUSED);
		assert_string_equal(err.message, refusal->message);
		assert_int_equal(err.code, code);
		assert_int_equal(used, refusal->used);
		ddb_json_position(json, &line, &column);
		if (!strchr(refusal->text, '\n'))
			assert_true(line == 1 && column == refusal->used + 1);
		/* It stays so, and says the same again. */
		err.message[0] = '\0';
		assert_int_equal(ddb_json_feed(json, "1", 1, &used, &err), DDB_JSON_REFUSED);
		assert_int_equal(used, 0);
		assert_string_equal(err.message, refusal->message);
		assert_int_equal(ddb_json_feed(json, "1", 1, NULL, NULL), DDB_JSON_REFUSED);
		assert_int_equal(ddb_json_end(json, NULL), DDB_JSON_REFUSED);
		ddb_json_free(json);
	}
}

#define AT(line, column) " at line " #line ", column " #column

static void test_refuses(void **state)
{
	static const struct refusal cases[] = {
		{"x", 0, "Unexpected character 'x'" AT(1, 1)},
		{"\xef\xbb\xbf{}", 0, "Unexpected byte 0xef" AT(1, 1)},
		{"[1,]", 3, "Unexpected character ']'" AT(1, 4)},
		{"[,1]", 1, "Unexpected character ','" AT(1, 2)},
		{"[1 2]", 3, "Unexpected character '2'" AT(1, 4)},
		{"[1}", 2, "Unexpected character '}'" AT(1, 3)},
		{"{\"a\":1]", 6, "Unexpected character ']'" AT(1, 7)},
		{"{\"a\" 1}", 5, "Unexpected character '1'" AT(1, 6)},
		{"{\"a\":}", 5, "Unexpected character '}'" AT(1, 6)},
		{"{\"a\":1,}", 7, "Unexpected character '}'" AT(1, 8)},
		{"{a:1}", 1, "Unexpected character 'a'" AT(1, 2)},
		{"{1:1}", 1, "Unexpected character '1'" AT(1, 2)},
		{"{\n \"a\":\n  tru }", 13, "Unexpected byte 0x20" AT(3, 6)},
		{"[nul1]", 4, "Unexpected character '1'" AT(1, 5)},
		{"[falze]", 4, "Unexpected character 'z'" AT(1, 5)},
		{"[True]", 1, "Unexpected character 'T'" AT(1, 2)},
		{"[NaN]", 1, "Unexpected character 'N'" AT(1, 2)},
		{"['a']", 1, "Unexpected character '''" AT(1, 2)},
		{"[042]", 2, "Unexpected character '4'" AT(1, 3)},
		{"[-042]", 3, "Unexpected character '4'" AT(1, 4)},
		{"042", 1, "Unexpected character '4'" AT(1, 2)},
		{"[+1]", 1, "Unexpected character '+'" AT(1, 2)},
		{"[.5]", 1, "Unexpected character '.'" AT(1, 2)},
		{"[1.]", 3, "Unexpected character ']'" AT(1, 4)},
		{"[1.e1]", 3, "Unexpected character 'e'" AT(1, 4)},
		{"[-]", 2, "Unexpected character ']'" AT(1, 3)},
		{"[1e]", 3, "Unexpected character ']'" AT(1, 4)},
		{"[1e+]", 4, "Unexpected character ']'" AT(1, 5)},
		{"[1.2.3]", 4, "Unexpected character '.'" AT(1, 5)},
		{"[0x10]", 2, "Unexpected character 'x'" AT(1, 3)},
		{"[1e126 ]", 6,
			"Number overflow. Attempting to store a number with magnitude larger than supported "
			"range" AT(1, 2)},
		{"[1e-131]", 7,
			"Number underflow. Attempting to store a number with magnitude smaller than "
			"supported range" AT(1, 2)},
		{"[123456789012345678901234567890123456789,1]", 40,
			"Attempting to store more than 38 significant digits in a Number" AT(1, 2)},
		{"[\"a\nb\"]", 3, "Control character in a string" AT(1, 4)},
		{"[\"\x1f\"]", 2, "Control character in a string" AT(1, 3)},
		{"\"\\x41\"", 2, "Invalid escape in a string" AT(1, 3)},
		{"\"\\u12g4\"", 5, "Invalid escape in a string" AT(1, 6)},
		{"\"\\\xc3\xa9\"", 2, "Invalid escape in a string" AT(1, 3)},
		{"\"\\udc00\"", 4, "Lone surrogate in a string" AT(1, 5)},
		{"\"\\ud800\"", 7, "Lone surrogate in a string" AT(1, 8)},
		{"\"\\ud800x\"", 7, "Lone surrogate in a string" AT(1, 8)},
		{"\"\\ud800\\n\"", 8, "Lone surrogate in a string" AT(1, 9)},
		{"\"\\ud800\\u0041\"", 9, "Lone surrogate in a string" AT(1, 10)},
		{"\"\\ud800\\ud800\"", 10, "Lone surrogate in a string" AT(1, 11)},
		{"\"\x80\"", 1, "Invalid UTF-8 in a string" AT(1, 2)},
		{"\"\xc1\x81\"", 1, "Invalid UTF-8 in a string" AT(1, 2)},
		{"\"\xc3(\"", 2, "Invalid UTF-8 in a string" AT(1, 3)},
		{"\"\xc3\"", 2, "Invalid UTF-8 in a string" AT(1, 3)},
		{"\"\xe0\x9f\xbf\"", 2, "Invalid UTF-8 in a string" AT(1, 3)},
		{"\"\xed\xa0\x80\"", 2, "Invalid UTF-8 in a string" AT(1, 3)},
		{"\"\xe2\x82(\"", 3, "Invalid UTF-8 in a string" AT(1, 4)},
		{"\"\xf0\x8f\xbf\xbf\"", 2, "Invalid UTF-8 in a string" AT(1, 3)},
		{"\"\xf4\x90\x80\x80\"", 2, "Invalid UTF-8 in a string" AT(1, 3)},
		{"\"\xf5\"", 1, "Invalid UTF-8 in a string" AT(1, 2)},
		{"{\"\xff\":1}", 2, "Invalid UTF-8 in a string" AT(1, 3)},
		{"{\"a\":1,\n\"b\":2,\"a\":3}", 19, "Duplicate attribute name: a" AT(2, 12)},
		{"{\"a\":1,\"\\u0061\":3}", 17, "Duplicate attribute name: a" AT(1, 18)},
		{"[{\"x\":{\"b\":1,\"b\":1}}]", 18, "Duplicate attribute name: b" AT(1, 19)},
		{"", 0, "Unexpected end of the text" AT(1, 1)},
		{"\n\n ", 3, "Unexpected end of the text" AT(3, 2)},
		{"{\"a\":1", 6, "Unexpected end of the text" AT(1, 7)},
		{"[", 1, "Unexpected end of the text" AT(1, 2)},
		{"\"ab", 3, "Unexpected end of the text" AT(1, 4)},
		{"\"a\xc3", 3, "Unexpected end of the text" AT(1, 4)},
		{"tru", 3, "Unexpected end of the text" AT(1, 4)},
		{"-", 1, "Unexpected end of the text" AT(1, 2)},
		{"1e", 2, "Unexpected end of the text" AT(1, 3)},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_refusal(&cases[i], &limits, DDB_VALIDATION);
	struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	struct ddb_json *json = ddb_json_new(&arena, &limits);
	struct ddb_error err;
	assert_int_equal(ddb_json_end(json, &err), DDB_JSON_REFUSED);
	assert_false(ddb_json_started(json));
	ddb_json_free(json);
	ddb_arena_done(&arena);
}

static void test_limits(void **state)
{
	(void)state;
	static const struct refusal objects[] = {
		{"[1]", 0, "The text must be a JSON object" AT(1, 1)},
		{" 42", 1, "The text must be a JSON object" AT(1, 2)},
		{"\"{}\"", 0, "The text must be a JSON object" AT(1, 1)},
		{"{\"a\":[[[[[[[[]]]]]]]]}", 12, "Nesting Levels have exceeded supported limits" AT(1, 13)},
		{"{\"a\":[[[[[[[{}]]]]]]]}", 12, "Nesting Levels have exceeded supported limits" AT(1, 13)},
	};
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		check_refusal(&objects[i], &document, DDB_VALIDATION);
	static const struct refusal nodes = {"{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]}", 51,
		"Item size has exceeded the maximum allowed size" AT(1, 52)};
	check_refusal(&nodes, &document, DDB_ITEM_TOO_LARGE);

	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	struct ddb_value value;
	const char *deep = "{\"a\":[[[[[[[]]]]]]]}";
	assert_int_equal(ddb_json_read(&arena, &document, deep, strlen(deep), &value, NULL), DDB_OK);
	const char *many = "{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]}";
	assert_int_equal(ddb_json_read(&arena, &document, many, strlen(many), &value, NULL), DDB_OK);
	assert_int_equal(value.attributes[0].value.count, 18);

	char brackets[200];
	memset(brackets, '[', 129);
	struct ddb_error err;
	assert_int_equal(ddb_json_read(&arena, &limits, brackets, 129, &value, &err), DDB_VALIDATION);
	assert_string_equal(err.message, "Nesting Levels have exceeded supported limits" AT(1, 129));
	assert_int_equal(ddb_json_read(&arena, &limits, brackets, 128, &value, &err), DDB_VALIDATION);
	assert_string_equal(err.message, "Unexpected end of the text" AT(1, 129));
}

static void test_top_level_numbers(void **state)
{
	static const struct {
		const char *text;
		size_t used;
	} cases[] = {{"42 ", 2}, {"42\n", 2}, {"-1.5e3,", 6}, {"0]", 1}, {"7x", 1}};
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	struct ddb_json *json = ddb_json_new(&arena, &limits);
	struct ddb_error err;
	size_t used;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece < 8; piece++) {
			ddb_json_restart(json);
			assert_int_equal(
				feed_pieces(json, cases[i].text, strlen(cases[i].text), piece, &used, &err),
				DDB_JSON_DONE);
			assert_int_equal(used, cases[i].used);
		}
	}
	ddb_json_restart(json);
	assert_int_equal(ddb_json_feed(json, "12", 2, &used, &err), DDB_JSON_MORE);
	assert_int_equal(ddb_json_feed(json, "5e1", 3, &used, &err), DDB_JSON_MORE);
	assert_int_equal(ddb_json_end(json, &err), DDB_JSON_DONE);
	assert_written(ddb_json_value(json), false, "1250");
	ddb_json_restart(json);
	assert_int_equal(ddb_json_feed(json, "1e999", 5, &used, &err), DDB_JSON_MORE);
	assert_int_equal(ddb_json_end(json, &err), DDB_JSON_REFUSED);
	ddb_json_free(json);
}

static void test_number_text_limit(void **state)
{
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	char text[5000];
	struct ddb_value value;
	struct ddb_error err;
	memset(text, '0', sizeof(text));
	text[0] = '1';
	text[1] = '.';
	assert_int_equal(ddb_json_read(&arena, &limits, text, 4096, &value, &err), DDB_OK);
	assert_int_equal(ddb_json_read(&arena, &limits, text, 4097, &value, &err), DDB_VALIDATION);
	assert_string_equal(err.message, "A number's text has exceeded 4096 bytes" AT(1, 4097));
}

static void test_several_values(void **state)
{
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	struct ddb_json *json = ddb_json_new(&arena, &document);
	const char *text = "{\"a\":\"x\"}\n{\"a\":\"y\"} {\"a\" : [1]}";
	size_t length = strlen(text), done = 0, used, line, column;
	struct ddb_error err;
	const char *expected[] = {"{\"a\":\"x\"}", "{\"a\":\"y\"}", "{\"a\":[1]}"};
	for (int i = 0; i < 3; i++) {
		ddb_json_restart(json);
		ddb_arena_reset(&arena);
		assert_false(ddb_json_started(json));
		assert_int_equal(ddb_json_feed(json, text + done, length - done, &used, &err), DDB_JSON_DONE);
		assert_written(ddb_json_value(json), false, expected[i]);
		done += used;
	}
	assert_int_equal(done, length);
	/* After a refusal too, in whatever state it came. */
	static const char *const broken[] = {
		"{\"a\":\"\xc3(", "{\"\\ud800x", "{\"a\":[[1}", "{\"a\":trx", "{\"a\":1.x"};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		ddb_json_restart(json);
		assert_int_equal(
			ddb_json_feed(json, broken[i], strlen(broken[i]), NULL, &err), DDB_JSON_REFUSED);
		ddb_json_restart(json);
		ddb_json_position(json, &line, &column);
		assert_true(line == 1 && column == 1);
		assert_int_equal(ddb_json_feed(json, "{\"b\":\"\\u0041\"}", 14, &used, &err), DDB_JSON_DONE);
		assert_written(ddb_json_value(json), false, "{\"b\":\"A\"}");
	}
	ddb_json_free(json);
}

static void test_whole_texts(void **state)
{
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	struct ddb_value value;
	struct ddb_error err;
	assert_int_equal(ddb_json_read(&arena, &limits, " 5 \n", 4, &value, &err), DDB_OK);
	assert_written(&value, false, "5");
	assert_int_equal(ddb_json_read(&arena, &limits, "5", 1, &value, &err), DDB_OK);
	assert_int_equal(ddb_json_read(&arena, &limits, "{}\n\n  ", 6, &value, &err), DDB_OK);
	assert_int_equal(ddb_json_read(&arena, &limits, "{}\n\n x", 6, &value, &err), DDB_VALIDATION);
	assert_string_equal(err.message, "Unexpected text after the value" AT(3, 2));
	assert_int_equal(ddb_json_read(&arena, &limits, "{}\0", 3, &value, &err), DDB_VALIDATION);
	assert_string_equal(err.message, "Unexpected text after the value" AT(1, 3));
	assert_int_equal(ddb_json_read(&arena, &limits, "5 5", 3, &value, NULL), DDB_VALIDATION);
	assert_int_equal(ddb_json_read(&arena, &limits, "", 0, &value, &err), DDB_VALIDATION);
}

/* Whatever the arena's maximum, reading ends in a tree or in a refusal for want of memory. */
static void test_memory(void **state)
{
	(void)state;
	char text[4000] = "{\"list\":[";
	for (int i = 0; i < 200; i++)
		strcat(text, "{\"k\":[1]},");
	strcat(text, "2],\"string\":\"");
	for (int i = 0; i < 40; i++)
		strcat(text, "0123456789\\n");
	strcat(text, "\"}");
	bool done = false;
	for (size_t max = 0; max < 60000; max += 97) {
		DDB_ARENA_AUTO struct ddb_arena arena;
		ddb_arena_init(&arena, max);
		struct ddb_value value;
		struct ddb_error err;
		enum ddb_code code = ddb_json_read(&arena, &limits, text, strlen(text), &value, &err);
		assert_true(code == DDB_OK || code == DDB_NO_MEMORY);
		done = code == DDB_OK;
	}
	assert_true(done);
}

/* ---- Random trees, fed in random pieces ---- */

static void add_random(struct ddb_buffer *out, int depth)
{
	static const char *const scalars[] = {"true", "false", "null", "0", "-12.5e3",
		"123456789012345678901234567890", "\"\"", "\"plain text of some length\"",
		"\"\\u00e9\\n\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\""};
	int kind = rand() % (depth > 5 ? 1 : 3), count = rand() % 6;
	if (kind == 0) {
		ddb_buffer_add_string(out, scalars[(size_t)rand() % (sizeof(scalars) / sizeof(scalars[0]))]);
		return;
	}
	ddb_buffer_add_byte(out, kind == 1 ? '[' : '{');
	for (int i = 0; i < count; i++) {
		ddb_buffer_add_string(out, i ? ",\n " : "");
		if (kind == 2)
			ddb_buffer_add_format(out, "\"%c%d\": ", 'a' + rand() % 26, i);
		add_random(out, depth + 1);
	}
	ddb_buffer_add_byte(out, kind == 1 ? ']' : '}');
}

static void check_pieces(const struct ddb_buffer *text)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 24);
	struct ddb_json *whole = ddb_json_new(&arena, &limits), *pieces = ddb_json_new(&arena, &limits);
	struct ddb_error a = {0}, b = {0};
	size_t used, total = 0;
	enum ddb_json_state first = ddb_json_feed(whole, text->bytes, text->length, &used, &a);
	enum ddb_json_state second = DDB_JSON_MORE;
	while (second == DDB_JSON_MORE && total < text->length) {
		size_t got, piece = 1 + (size_t)rand() % 12;
		if (piece > text->length - total)
			piece = text->length - total;
		second = ddb_json_feed(pieces, text->bytes + total, piece, &got, &b);
		total += got;
	}
	assert_int_equal(total, used);
	assert_int_equal(first, second);
	first = ddb_json_end(whole, &a);
	assert_int_equal(first, ddb_json_end(pieces, &b));
	assert_string_equal(a.message, b.message);
	if (first == DDB_JSON_DONE)
		assert_true(ddb_value_equal(ddb_json_value(whole), ddb_json_value(pieces)));
	ddb_json_free(whole);
	ddb_json_free(pieces);
}

static void test_random(void **state)
{
	static const char damage[] = "\"\\{}[],:0e.\xc3\x80u \n";
	(void)state;
	srand(3);
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, 1 << 22);
	for (int i = 0; i < 3000; i++) {
		ddb_buffer_clear(&text);
		add_random(&text, 0);
		check_pieces(&text);
		/* And damaged: changed, and cut. */
		if (text.length)
			text.bytes[(size_t)rand() % text.length] = damage[(size_t)rand() % sizeof(damage)];
		check_pieces(&text);
		text.length = (size_t)rand() % (text.length + 1);
		check_pieces(&text);
	}
}

/* ---- Writing ---- */

static void test_writes_pretty(void **state)
{
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	static const char text[] = "{\"a\":{},\"b\":[],\"c\":[1,{\"x\":true,\"y\":[null,\"s\"]},[[]]]}";
	static const char expected[] = "{\n"
				       "  \"a\": {},\n"
				       "  \"b\": [],\n"
				       "  \"c\": [\n"
				       "    1,\n"
				       "    {\n"
				       "      \"x\": true,\n"
				       "      \"y\": [\n"
				       "        null,\n"
				       "        \"s\"\n"
				       "      ]\n"
				       "    },\n"
				       "    [\n"
				       "      []\n"
				       "    ]\n"
				       "  ]\n"
				       "}";
	struct ddb_value value;
	assert_int_equal(ddb_json_read(&arena, &limits, text, sizeof(text) - 1, &value, NULL), DDB_OK);
	assert_written(&value, true, expected);
	assert_written(&value, false, text);
	assert_int_equal(ddb_json_read(&arena, &limits, "\"x\"", 3, &value, NULL), DDB_OK);
	assert_written(&value, true, "\"x\"");

	/* Deeper than the writer's own supply of spaces. */
	char brackets[240];
	memset(brackets, '[', 120);
	memset(brackets + 120, ']', 120);
	assert_int_equal(ddb_json_read(&arena, &limits, brackets, 240, &value, NULL), DDB_OK);
	DDB_BUFFER_AUTO struct ddb_buffer out;
	ddb_buffer_init(&out, 1 << 20);
	struct ddb_json_out json;
	ddb_json_out_init(&json, &out, true);
	write_tree(&json, &value);
	/* Brackets, a line for each but the first and the innermost closing one, and their indents: 2 * (1 +
	 * … + 119) + 2 * (0 + … + 118). */
	assert_int_equal(out.length, 240 + 2 * 119 + 119 * 120 + 118 * 119);
}

static void test_writes_members(void **state)
{
	(void)state;
	DDB_BUFFER_AUTO struct ddb_buffer out;
	ddb_buffer_init(&out, 4096);
	struct ddb_json_out json;
	ddb_json_out_init(&json, &out, false);
	ddb_json_open(&json, '{');
	ddb_json_member_string(&json, "s", "a\"b");
	ddb_json_member_int(&json, "i", INT64_MIN);
	ddb_json_member_bool(&json, "t", true);
	ddb_json_member_bool(&json, "f", false);
	ddb_json_name(&json, "b", 1);
	ddb_json_base64(&json, (const uint8_t *)"\x00\xff\x10", 3);
	ddb_json_close(&json, '}');
	static const char expected[] =
		"{\"s\":\"a\\\"b\",\"i\":-9223372036854775808,\"t\":true,\"f\":false,\"b\":\"AP8Q\"}";
	assert_int_equal(out.length, sizeof(expected) - 1);
	assert_memory_equal(out.bytes, expected, out.length);
}

/* Every byte at every place of a word; the quick way must agree with the plain one. */
static void test_writes_strings(void **state)
{
	static const char specials[] = "\b\f\n\r\t\"\\";
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		for (size_t place = 0; place < 20; place++) {
			DDB_BUFFER_AUTO struct ddb_buffer out, expected;
			char text[20];
			memset(text, byte & 1 ? 'z' : '~', sizeof(text));
			text[place] = (char)byte;
			ddb_buffer_init(&out, 200);
			ddb_json_add_string(&out, text, sizeof(text));
			ddb_buffer_init(&expected, 200);
			ddb_buffer_add_format(&expected, "\"%.*s", (int)place, text);
			const char *special = byte ? strchr(specials, byte) : NULL;
			if (special)
				ddb_buffer_add_format(&expected, "\\%c", "bfnrt\"\\"[special - specials]);
			else if (byte < 0x20 || byte == 0x7f)
				ddb_buffer_add_format(&expected, "\\u%04x", byte);
			else
				ddb_buffer_add_byte(&expected, (char)byte);
			ddb_buffer_add(&expected, text + place + 1, sizeof(text) - place - 1);
			ddb_buffer_add_byte(&expected, '"');
			assert_int_equal(out.length, expected.length);
			assert_memory_equal(out.bytes, expected.bytes, out.length);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_top_level_numbers),
		cmocka_unit_test(test_number_text_limit),
		cmocka_unit_test(test_several_values),
		cmocka_unit_test(test_whole_texts),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_writes_pretty),
		cmocka_unit_test(test_writes_members),
		cmocka_unit_test(test_writes_strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
