/*
 * Documents: what an item looks like in both renderings, what a document may hold, and that each is the
 * other's inverse.
 */
#include "mapping/document/document.h"
#include "engine/jsonout.h"
#include "engine/typed.h"
#include "mapping/map.h"
#include "mapping/name.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { ARENA_MAX = 256 << 20 };

static struct ddb_definition simple_key = {.hash = {"id", 2, DDB_S}};
static struct ddb_definition composite_key = {
	.hash = {"user", 4, DDB_S}, .range = {"at", 2, DDB_N}, .has_range = true};
static const struct ddb_table simple = {.definition = &simple_key};
static const struct ddb_table composite = {.definition = &composite_key};
static const struct ddb_table filed = {.provisional = DDB_PROVISIONAL_SIMPLE};
static const struct ddb_table filed_twice = {.provisional = DDB_PROVISIONAL_COMPOSITE};

static struct ddb_arena arena;

static int begin(void **state)
{
	(void)state;
	ddb_arena_init(&arena, ARENA_MAX);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ddb_arena_done(&arena);
	return 0;
}

static enum ddb_code read_text(const char *text, size_t length, enum ddb_rendering rendering,
	struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value json;
	enum ddb_code code = ddb_json_read(&arena, map_document_limits(rendering), text, length, &json, err);
	return code ? code : map_document_read(&arena, &json, rendering, ret, err);
}

static struct ddb_value item_of(const char *text, enum ddb_rendering rendering)
{
	struct ddb_error err = {.message = ""};
	struct ddb_value item;
	if (read_text(text, strlen(text), rendering, &item, &err))
		fail_msg("%s: %s", text, err.message);
	return item;
}

static void assert_written(const struct ddb_table *table, const struct ddb_value *item,
	enum ddb_rendering rendering, bool pretty, const char *expected)
{
	DDB_BUFFER_AUTO struct ddb_buffer out;
	ddb_buffer_init(&out, MAP_DOCUMENT_MAX);
	map_document_write(table, item, rendering, pretty, &out);
	ddb_buffer_add_byte(&out, '\0');
	assert_false(out.failed);
	assert_string_equal(out.bytes, expected);
	if (!pretty)
		return;
	uint32_t lengths[2];
	map_document_measure(table, item, lengths);
	assert_int_equal(lengths[rendering], strlen(expected));
}

/* ---- Writing ---- */

static void writes_each_type(void **state)
{
	(void)state;
	struct ddb_value item = item_of(
		"{\"z\": {\"NULL\": true}, \"id\": {\"S\": \"a\\\"\\\\/\\u0000\\u001f\\u007f\\n😀\"},"
		"\"n\": {\"N\": \"-1.50e3\"}, \"b\": {\"B\": \"AAEC/w==\"}, \"t\": {\"BOOL\": true},"
		"\"f\": {\"BOOL\": false}, \"l\": {\"L\": [{\"N\": \"1\"}, {\"L\": []}, {\"M\": {}}]},"
		"\"m\": {\"M\": {\"y\": {\"S\": \"\"}, \"x\": {\"N\": \"0.10\"}}},"
		"\"ss\": {\"SS\": [\"b\", \"a\", \"\"]}, \"ns\": {\"NS\": [\"10\", \"9\", \"-1\"]},"
		"\"bs\": {\"BS\": [\"/w==\", \"AA==\"]}, \"e\": {\"B\": \"\"}}",
		DDB_RENDER_TYPED);
	assert_written(&simple, &item, DDB_RENDER_PLAIN, true,
		"{\n"
		"  \"id\": \"a\\\"\\\\/\\u0000\\u001f\\u007f\\n😀\",\n"
		"  \"b\": {\n    \"$binary\": \"AAEC/w==\"\n  },\n"
		"  \"bs\": {\n    \"$bs\": [\n      \"AA==\",\n      \"/w==\"\n    ]\n  },\n"
		"  \"e\": {\n    \"$binary\": \"\"\n  },\n"
		"  \"f\": false,\n"
		"  \"l\": [\n    1,\n    [],\n    {}\n  ],\n"
		"  \"m\": {\n    \"x\": 0.1,\n    \"y\": \"\"\n  },\n"
		"  \"n\": -1500,\n"
		"  \"ns\": {\n    \"$ns\": [\n      -1,\n      9,\n      10\n    ]\n  },\n"
		"  \"ss\": {\n    \"$ss\": [\n      \"\",\n      \"a\",\n      \"b\"\n    ]\n  },\n"
		"  \"t\": true,\n"
		"  \"z\": null\n"
		"}\n");
	assert_written(&simple, &item, DDB_RENDER_PLAIN, false,
		"{\"id\":\"a\\\"\\\\/\\u0000\\u001f\\u007f\\n😀\",\"b\":{\"$binary\":\"AAEC/w==\"},"
		"\"bs\":{\"$bs\":[\"AA==\",\"/w==\"]},\"e\":{\"$binary\":\"\"},\"f\":false,\"l\":[1,[],{}],"
		"\"m\":{\"x\":0.1,\"y\":\"\"},\"n\":-1500,\"ns\":{\"$ns\":[-1,9,10]},\"ss\":{\"$ss\":[\"\","
		"\"a\",\"b\"]},"
		"\"t\":true,\"z\":null}\n");
	assert_written(&simple, &item, DDB_RENDER_TYPED, false,
		"{\"id\":{\"S\":\"a\\\"\\\\/\\u0000\\u001f\\u007f\\n😀\"},\"b\":{\"B\":\"AAEC/w==\"},"
		"\"bs\":{\"BS\":[\"AA==\",\"/w==\"]},\"e\":{\"B\":\"\"},\"f\":{\"BOOL\":false},"
		"\"l\":{\"L\":[{\"N\":\"1\"},{\"L\":[]},{\"M\":{}}]},"
		"\"m\":{\"M\":{\"x\":{\"N\":\"0.1\"},\"y\":{\"S\":\"\"}}},\"n\":{\"N\":\"-1500\"},"
		"\"ns\":{\"NS\":[\"-1\",\"9\",\"10\"]},\"ss\":{\"SS\":[\"\",\"a\",\"b\"]},"
		"\"t\":{\"BOOL\":true},\"z\":{\"NULL\":true}}\n");
	item = item_of(
		"{\"id\": {\"S\": \"a\"}, \"l\": {\"L\": [{\"N\": \"1\"}, {\"L\": []}]}}", DDB_RENDER_TYPED);
	assert_written(&simple, &item, DDB_RENDER_TYPED, true,
		"{\n  \"id\": {\n    \"S\": \"a\"\n  },\n  \"l\": {\n    \"L\": [\n      {\n        \"N\": "
		"\"1\"\n      },\n"
		"      {\n        \"L\": []\n      }\n    ]\n  }\n}\n");
}

static void puts_keys_first(void **state)
{
	(void)state;
	struct ddb_value item = item_of("{\"a\": 1, \"at\": 5, \"user\": \"u\", \"z\": 2}", DDB_RENDER_PLAIN);
	assert_written(
		&composite, &item, DDB_RENDER_PLAIN, false, "{\"user\":\"u\",\"at\":5,\"a\":1,\"z\":2}\n");
	assert_written(&composite, &item, DDB_RENDER_TYPED, false,
		"{\"user\":{\"S\":\"u\"},\"at\":{\"N\":\"5\"},\"a\":{\"N\":\"1\"},\"z\":{\"N\":\"2\"}}\n");
	assert_written(
		&simple, &item, DDB_RENDER_PLAIN, false, "{\"a\":1,\"at\":5,\"user\":\"u\",\"z\":2}\n");
	/* A key's name within a map is an ordinary one. */
	item = item_of("{\"m\": {\"a\": 1, \"id\": 2}, \"id\": \"x\"}", DDB_RENDER_PLAIN);
	assert_written(&simple, &item, DDB_RENDER_PLAIN, false, "{\"id\":\"x\",\"m\":{\"a\":1,\"id\":2}}\n");
	item = item_of("{}", DDB_RENDER_PLAIN);
	assert_written(&simple, &item, DDB_RENDER_PLAIN, true, "{}\n");
	item = item_of("{\"b\": 1, \"B\": 2, \"é\": 3, \"a0\": 4, \"a\": 5}", DDB_RENDER_PLAIN);
	assert_written(
		&simple, &item, DDB_RENDER_PLAIN, false, "{\"B\":2,\"a\":5,\"a0\":4,\"b\":1,\"é\":3}\n");
}

/* Typed in, the plain form out, and back. */
static void wraps_maps_that_look_like_wrappers(void **state)
{
	static const char *const cases[][2] = {
		{"{\"M\": {\"$ss\": {\"S\": \"x\"}}}", "{\"$map\":{\"$ss\":\"x\"}}"},
		{"{\"M\": {\"$\": {\"S\": \"x\"}}}", "{\"$map\":{\"$\":\"x\"}}"},
		{"{\"M\": {\"$map\": {\"M\": {\"$map\": {\"M\": {}}}}}}",
			"{\"$map\":{\"$map\":{\"$map\":{\"$map\":{}}}}}"},
		{"{\"M\": {\"$map\": {\"M\": {}}}}", "{\"$map\":{\"$map\":{}}}"},
		{"{\"M\": {\"$a\": {\"N\": \"1\"}, \"b\": {\"N\": \"2\"}}}", "{\"$a\":1,\"b\":2}"},
		{"{\"M\": {\"$ss\": {\"L\": []}, \"$ns\": {\"L\": []}}}", "{\"$ns\":[],\"$ss\":[]}"},
		{"{\"M\": {\"a$\": {\"N\": \"1\"}}}", "{\"a$\":1}"},
		{"{\"M\": {}}", "{}"},
		{"{\"L\": [{\"M\": {\"$binary\": {\"S\": \"AA==\"}}}]}",
			"[{\"$map\":{\"$binary\":\"AA==\"}}]"},
	};
	char typed[512], plain[512];
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(typed, sizeof(typed), "{\"a\": %s}", cases[i][0]);
		snprintf(plain, sizeof(plain), "{\"a\":%s}\n", cases[i][1]);
		struct ddb_value item = item_of(typed, DDB_RENDER_TYPED),
				 same = item_of(plain, DDB_RENDER_PLAIN);
		assert_written(&simple, &item, DDB_RENDER_PLAIN, false, plain);
		assert_true(ddb_value_equal(&item, &same));
	}
	/* The top level is a plain map. */
	static const char *const tops[] = {
		"{\"$ss\":[\"a\"]}\n", "{\"$map\":{}}\n", "{\"$foo\":1}\n", "{\"$binary\":5}\n"};
	for (size_t i = 0; i < COUNT(tops); i++) {
		struct ddb_value item = item_of(tops[i], DDB_RENDER_PLAIN);
		assert_written(&simple, &item, DDB_RENDER_PLAIN, false, tops[i]);
	}
	/* Any object may be wrapped. */
	struct ddb_value item =
		item_of("{\"a\":{\"$map\":{\"x\":1,\"$y\":2}},\"b\":{\"$map\":{\"z\":1}}}", DDB_RENDER_PLAIN);
	assert_written(
		&simple, &item, DDB_RENDER_PLAIN, false, "{\"a\":{\"$y\":2,\"x\":1},\"b\":{\"z\":1}}\n");
}

static void fails_in_a_full_buffer(void **state)
{
	DDB_BUFFER_AUTO struct ddb_buffer out;
	(void)state;
	ddb_buffer_init(&out, 10);
	struct ddb_value item = item_of("{\"id\": \"a long enough string\"}", DDB_RENDER_PLAIN);
	map_document_write(&simple, &item, DDB_RENDER_PLAIN, true, &out);
	assert_true(out.failed);
}

/* ---- Reading ---- */

struct refused {
	const char *text;
	enum ddb_code code;
	const char *message; /* a part of it */
};

static void assert_refused(const struct refused *cases, size_t count, enum ddb_rendering rendering)
{
	for (size_t i = 0; i < count; i++) {
		struct ddb_value untouched = ddb_bool(true), item = untouched;
		struct ddb_error err = {.message = ""};
		enum ddb_code code = read_text(cases[i].text, strlen(cases[i].text), rendering, &item, &err);
		if (code != cases[i].code || !strstr(err.message, cases[i].message))
			fail_msg("%s: %d %s", cases[i].text, code, err.message);
		assert_int_equal(err.code, code);
		assert_memory_equal(&item, &untouched, sizeof(item));
	}
}

#define WRAPPER "An object whose only name begins with $ must be $binary, $ss, $ns, $bs or $map, not "

static void refuses_plain_documents(void **state)
{
	static const struct refused cases[] = {
		{"[]", DDB_VALIDATION, "object"},
		{"{\"a\": 1, \"a\": 2}", DDB_VALIDATION, "at line 1"},
		{"{\"a\": 1} x", DDB_VALIDATION, "at line 1"},
		{"{\"a\": 1e126}", DDB_VALIDATION, "Number overflow"},
		{"{\"a\": \"\\ud800\"}", DDB_VALIDATION, "at line 1"},
		{"{\"a\": {\"$foo\": 1}}", DDB_VALIDATION, WRAPPER "$foo;"},
		{"{\"a\": {\"$foo\": 1}}", DDB_VALIDATION, "(at a)"},
		{"{\"a\": {\"$\": 1}}", DDB_VALIDATION, WRAPPER "$;"},
		{"{\"a\": {\"$SS\": [\"x\"]}}", DDB_VALIDATION, WRAPPER},
		{"{\"a\": {\"$ssx\": [\"x\"]}}", DDB_VALIDATION, WRAPPER},
		{"{\"a\": [1, {\"b\": [{\"$s\": 1}]}]}", DDB_VALIDATION, "(at a[1].b[0])"},
		{"{\"a\": {\"$map\": {\"x\": {\"$y\": 1}}}}", DDB_VALIDATION, "(at a.x)"},
		{"{\"a\": {\"$map\": {\"$x\": {\"$y\": 1}}}}", DDB_VALIDATION, "(at a.$x)"},
		{"{\"a\": {\"$binary\": 5}}", DDB_VALIDATION, "$binary must hold a string in base64 (at a)"},
		{"{\"a\": {\"$binary\": null}}", DDB_VALIDATION, "$binary must hold a string in base64"},
		{"{\"a\": {\"$binary\": [\"AA==\"]}}", DDB_VALIDATION,
			"$binary must hold a string in base64"},
		{"{\"a\": {\"$binary\": \"AA\"}}", DDB_VALIDATION, "$binary must hold a string in base64"},
		{"{\"a\": {\"$binary\": \"AB==\"}}", DDB_VALIDATION, "$binary must hold a string in base64"},
		{"{\"a\": {\"$binary\": \"A_==\"}}", DDB_VALIDATION, "$binary must hold a string in base64"},
		{"{\"a\": {\"$binary\": \" AA==\"}}", DDB_VALIDATION, "$binary must hold a string in base64"},
		{"{\"a\": {\"$ss\": \"x\"}}", DDB_VALIDATION, "$ss must hold an array of strings"},
		{"{\"a\": {\"$ss\": {}}}", DDB_VALIDATION, "$ss must hold an array of strings"},
		{"{\"a\": {\"$ss\": [\"x\", 1]}}", DDB_VALIDATION, "$ss must hold an array of strings"},
		{"{\"a\": {\"$ss\": [null]}}", DDB_VALIDATION, "$ss must hold an array of strings"},
		{"{\"a\": {\"$ss\": [[\"x\"]]}}", DDB_VALIDATION, "$ss must hold an array of strings"},
		{"{\"a\": {\"$ns\": [\"1\"]}}", DDB_VALIDATION, "$ns must hold an array of numbers"},
		{"{\"a\": {\"$ns\": [true]}}", DDB_VALIDATION, "$ns must hold an array of numbers"},
		{"{\"a\": {\"$ns\": 1}}", DDB_VALIDATION, "$ns must hold an array of numbers"},
		{"{\"a\": {\"$bs\": [1]}}", DDB_VALIDATION, "$bs must hold an array of strings in base64"},
		{"{\"a\": {\"$bs\": [\"AA==\", \"?\"]}}", DDB_VALIDATION,
			"$bs must hold an array of strings in base64"},
		{"{\"a\": {\"$map\": 1}}", DDB_VALIDATION, "$map must hold an object"},
		{"{\"a\": {\"$map\": []}}", DDB_VALIDATION, "$map must hold an object"},
		{"{\"a\": {\"$map\": null}}", DDB_VALIDATION, "$map must hold an object"},
		{"{\"a\": {\"$ss\": []}}", DDB_VALIDATION, "An string set  may not be empty (at a)"},
		{"{\"a\": {\"$ns\": []}}", DDB_VALIDATION, "An number set  may not be empty"},
		{"{\"a\": {\"$bs\": []}}", DDB_VALIDATION, "An binary set  may not be empty"},
		{"{\"a\": {\"$ss\": [\"a\", \"a\"]}}", DDB_VALIDATION,
			"Input collection [a, a] contains duplicates. (at a)"},
		{"{\"a\": {\"$ns\": [1, 1.0]}}", DDB_VALIDATION,
			"Input collection [1, 1] contains duplicates."},
		{"{\"a\": {\"$bs\": [\"AA==\", \"AA==\"]}}", DDB_VALIDATION, "contains duplicates."},
		{"{\"\": 1}", DDB_VALIDATION, "Attribute name must not be empty"},
		{"{\"a\": {\"\": 1}}", DDB_VALIDATION, "Attribute name must not be empty (at a)"},
		{"{\"a\": {\"$map\": {\"\": 1}}}", DDB_VALIDATION, "Attribute name must not be empty"},
	};
	(void)state;
	assert_refused(cases, COUNT(cases), DDB_RENDER_PLAIN);
}

static void refuses_typed_documents(void **state)
{
	static const struct refused cases[] = {
		{"[]", DDB_VALIDATION, "object"},
		{"{\"a\": 1}", DDB_SERIALIZATION, "(at a)"},
		{"{\"a\": {\"N\": 123}}", DDB_SERIALIZATION, "cannot be converted"},
		{"{\"ok\": {\"S\": \"\"}, \"b\": {\"SS\": []}}", DDB_VALIDATION,
			"An string set  may not be empty (at b)"},
		{"{\"a\": {\"N\": \"x\"}}", DDB_VALIDATION, "numeric value"},
		{"{\"a\": {\"NULL\": false}}", DDB_VALIDATION,
			"Null attribute value types must have the value of true"},
		{"{\"a\": {\"S\": \"x\", \"N\": \"1\"}}", DDB_VALIDATION, "more than one datatypes set"},
		{"{\"a\": {\"X\": \"x\"}}", DDB_VALIDATION,
			"must contain exactly one of the supported datatypes"},
		{"{\"\": {\"S\": \"x\"}}", DDB_VALIDATION, "Attribute name must not be empty"},
	};
	(void)state;
	assert_refused(cases, COUNT(cases), DDB_RENDER_TYPED);
	struct ddb_error err;
	struct ddb_value string = ddb_string("x", 1), item;
	assert_int_equal(
		map_document_read(&arena, &string, DDB_RENDER_PLAIN, &item, &err), DDB_SERIALIZATION);
}

/* `levels` values within each other, innermost a number; each level is opened by `open` and closed by
 * `close`. */
static char *nested(const char *open, const char *innermost, const char *close, int levels)
{
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, 1 << 20);
	ddb_buffer_add_string(&text, "{\"a\":");
	for (int i = 1; i < levels; i++)
		ddb_buffer_add_string(&text, open);
	ddb_buffer_add_string(&text, innermost);
	for (int i = 1; i < levels; i++)
		ddb_buffer_add_string(&text, close);
	ddb_buffer_add(&text, "}\n", 3);
	return ddb_arena_copy(&arena, text.bytes, text.length);
}

static void nests_to_32_levels(void **state)
{
	static const struct {
		enum ddb_rendering rendering;
		const char *open, *innermost, *close;
	} cases[] = {
		{DDB_RENDER_PLAIN, "[", "1", "]"},
		{DDB_RENDER_PLAIN, "{\"m\":", "{\"$ss\":[\"\"]}", "}"},
		{DDB_RENDER_PLAIN, "[", "{}", "]"},
		{DDB_RENDER_PLAIN, "{\"$map\":{\"$x\":", "{\"$bs\":[\"AA==\"]}", "}}"},
		{DDB_RENDER_TYPED, "{\"L\":[", "{\"N\":\"1\"}", "]}"},
		{DDB_RENDER_TYPED, "{\"M\":{\"m\":", "{\"NS\":[\"1\"]}", "}}"},
		{DDB_RENDER_TYPED, "{\"L\":[", "{\"L\":[]}", "]}"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = nested(cases[i].open, cases[i].innermost, cases[i].close, 32);
		struct ddb_value item = item_of(text, cases[i].rendering);
		assert_true(ddb_value_nesting_ok(&item));
		assert_written(&simple, &item, cases[i].rendering, false, text);
		struct refused deep = {nested(cases[i].open, cases[i].innermost, cases[i].close, 33),
			DDB_VALIDATION, "Nesting Levels have exceeded supported limits"};
		assert_refused(&deep, 1, cases[i].rendering);
		deep.text = nested(cases[i].open, cases[i].innermost, cases[i].close, 5000);
		assert_refused(&deep, 1, cases[i].rendering);
	}
}

static char *repeated(
	const char *before, const char *first, const char *rest, size_t count, const char *after)
{
	size_t size = strlen(rest), length = strlen(before) + strlen(first) + count * size + strlen(after);
	char *text = test_malloc(length + 1), *at = text;
	at = stpcpy(stpcpy(at, before), first);
	for (size_t i = 0; i < count; i++, at += size)
		memcpy(at, rest, size);
	strcpy(at, after);
	return text;
}

static void limits_sizes(void **state)
{
	(void)state;
	for (size_t size = DDB_ITEM_SIZE_MAX - 1; size <= DDB_ITEM_SIZE_MAX + 1; size++) {
		char *text = repeated("{\"abc\":\"", "", "x", size - 3, "\"}");
		char *typed = repeated("{\"abc\":{\"S\":\"", "", "x", size - 3, "\"}}");
		struct ddb_error err = {.message = ""};
		struct ddb_value item;
		enum ddb_code expected = size > DDB_ITEM_SIZE_MAX ? DDB_ITEM_TOO_LARGE : DDB_OK;
		assert_int_equal(read_text(text, strlen(text), DDB_RENDER_PLAIN, &item, &err), expected);
		assert_int_equal(read_text(typed, strlen(typed), DDB_RENDER_TYPED, &item, &err), expected);
		if (expected)
			assert_string_equal(err.message, "Item size has exceeded the maximum allowed size");
		test_free(text);
		test_free(typed);
	}
	for (size_t length = DDB_ATTRIBUTE_NAME_MAX; length <= DDB_ATTRIBUTE_NAME_MAX + 1; length++) {
		char *text = repeated("{\"a\":{\"", "", "x", length, "\":1}}");
		struct ddb_error err = {.message = ""};
		struct ddb_value item;
		enum ddb_code code = read_text(text, strlen(text), DDB_RENDER_PLAIN, &item, &err);
		assert_int_equal(code, length > DDB_ATTRIBUTE_NAME_MAX ? DDB_VALIDATION : DDB_OK);
		if (code)
			assert_non_null(strstr(err.message, "Attribute name is too large"));
		test_free(text);
	}
}

/* The most values that an item can have: more of them are refused without taking memory for them. */
static void bounds_memory(void **state)
{
	static const char each[] = ",{\"$ss\":[\"\"]}";
	(void)state;
	for (size_t count = DDB_ITEM_SIZE_MAX - 4; count <= DDB_ITEM_SIZE_MAX - 3; count++) {
		char *text = repeated("{\"l\":[", each + 1, each, count - 1, "]}");
		struct ddb_error err = {.message = ""};
		struct ddb_value item;
		uint32_t lengths[2];
		enum ddb_code code = read_text(text, strlen(text), DDB_RENDER_PLAIN, &item, &err);
		assert_int_equal(code, count > DDB_ITEM_SIZE_MAX - 4 ? DDB_ITEM_TOO_LARGE : DDB_OK);
		if (!code) {
			assert_int_equal(ddb_item_size(&item), DDB_ITEM_SIZE_MAX);
			map_document_measure(&simple, &item, lengths);
			assert_true(lengths[DDB_RENDER_PLAIN] < MAP_DOCUMENT_MAX);
		}
		assert_true(arena.taken < MAP_DOCUMENT_MEMORY);
		test_free(text);
		ddb_arena_reset(&arena);
	}
	struct refused hostile = {
		repeated("{\"l\":[", "1", ",1", 4000000, "]}"), DDB_ITEM_TOO_LARGE, "Item size"};
	assert_refused(&hostile, 1, DDB_RENDER_PLAIN);
	assert_true(arena.taken < MAP_DOCUMENT_MEMORY);
	test_free((char *)hostile.text);
}

static void survives_a_full_arena(void **state)
{
	static const char text[] = "{\"id\":\"a\",\"l\":[1,{\"x\":[{\"$binary\":\"AA==\"}]}],\"s\":{\"$bs\":["
				   "\"AA==\",\"AQ==\"]}}";
	struct ddb_value json, item;
	struct ddb_error err = {.message = ""};
	(void)state;
	assert_int_equal(
		ddb_json_read(&arena, map_document_limits(DDB_RENDER_PLAIN), text, strlen(text), &json, &err),
		DDB_OK);
	unsigned failed = 0;
	enum ddb_code code = DDB_NO_MEMORY;
	for (size_t max = 0; code && max < 4096; max += 16) {
		struct ddb_arena small;
		ddb_arena_init(&small, max);
		code = map_document_read(&small, &json, DDB_RENDER_PLAIN, &item, &err);
		if (code) {
			assert_int_equal(code, DDB_NO_MEMORY);
			failed++;
		}
		ddb_arena_done(&small);
	}
	assert_int_equal(code, DDB_OK);
	assert_true(failed > 5);
}

/* ---- Large items ---- */

static void assert_round_trip(const struct ddb_table *table, const struct ddb_value *item)
{
	uint32_t lengths[2];
	map_document_measure(table, item, lengths);
	for (int rendering = DDB_RENDER_PLAIN; rendering <= DDB_RENDER_TYPED; rendering++) {
		for (int pretty = 0; pretty <= 1; pretty++) {
			DDB_BUFFER_AUTO struct ddb_buffer out, again;
			struct ddb_error err = {.message = ""};
			struct ddb_value back;
			ddb_buffer_init(&out, MAP_DOCUMENT_MAX);
			ddb_buffer_init(&again, MAP_DOCUMENT_MAX);
			map_document_write(table, item, (enum ddb_rendering)rendering, pretty, &out);
			assert_false(out.failed);
			if (pretty)
				assert_int_equal(out.length, lengths[rendering]);
			assert_int_equal(out.bytes[out.length - 1], '\n');
			if (read_text(out.bytes, out.length, (enum ddb_rendering)rendering, &back, &err))
				fail_msg("%.*s: %s", (int)(out.length < 2000 ? out.length : 2000), out.bytes,
					err.message);
			assert_true(ddb_value_equal(&back, item));
			map_document_write(table, &back, (enum ddb_rendering)rendering, pretty, &again);
			assert_int_equal(out.length, again.length);
			assert_memory_equal(out.bytes, again.bytes, out.length);
		}
	}
}

static void renders_the_largest_numbers(void **state)
{
	(void)state;
	/* Two bytes each, one more in a list. */
	size_t count = (DDB_ITEM_SIZE_MAX - 4) / 3;
	char *text = repeated("{\"l\":[", "1E125", ",1E125", count - 1, "]}");
	struct ddb_value item = item_of(text, DDB_RENDER_PLAIN);
	uint32_t lengths[2];
	test_free(text);
	assert_true(ddb_item_size(&item) > DDB_ITEM_SIZE_MAX - 3);
	map_document_measure(&simple, &item, lengths);
	assert_true(lengths[DDB_RENDER_PLAIN] > 17 << 20);
	assert_true(lengths[DDB_RENDER_TYPED] > 20 << 20);
	assert_true(lengths[DDB_RENDER_TYPED] < MAP_DOCUMENT_MAX);
	assert_round_trip(&simple, &item);
}

static void measures_what_no_document_can_be(void **state)
{
	(void)state;
	/* A million short lines, far to the right. */
	char *open = repeated("{\"a\":", "", "[", 30, ""), *close = repeated("", "", "]", 30, "}");
	char *middle = repeated("", "{\"$ss\":[\"\"]}", ",{\"$ss\":[\"\"]}", 300000, "");
	char *text = repeated(open, middle, close, 1, "");
	struct ddb_value item = item_of(text, DDB_RENDER_PLAIN);
	uint32_t lengths[2];
	test_free(text);
	test_free(open);
	test_free(middle);
	test_free(close);
	map_document_measure(&simple, &item, lengths);
	assert_true(lengths[DDB_RENDER_PLAIN] > MAP_DOCUMENT_MAX);
	assert_true(lengths[DDB_RENDER_TYPED] > lengths[DDB_RENDER_PLAIN]);
	DDB_BUFFER_AUTO struct ddb_buffer out;
	ddb_buffer_init(&out, lengths[DDB_RENDER_PLAIN]);
	map_document_write(&simple, &item, DDB_RENDER_PLAIN, true, &out);
	assert_false(out.failed);
	assert_int_equal(out.length, lengths[DDB_RENDER_PLAIN]);
}

/* ---- Random items ---- */

static uint64_t random_state = 7;

static uint32_t random_number(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % below;
}

static size_t add_character(char *to, unsigned code)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = size - 1; i > 0; i--, code >>= 6)
		to[i] = (char)(0x80 | (code & 0x3f));
	to[0] = (char)((0xf00 >> size) | code);
	return size;
}

static struct ddb_value random_string(void)
{
	static const unsigned below[] = {0x20, 0x80, 0x80, 0x800, 0xd800, 0x110000};
	char text[128];
	size_t length = 0, count = random_number(12);
	for (size_t i = 0; i < count; i++) {
		unsigned code = random_number(below[random_number(COUNT(below))]);
		if (code < 0xd800 || code > 0xdfff)
			length += add_character(text + length, code);
	}
	return ddb_string(ddb_arena_copy(&arena, text, length), length);
}

static struct ddb_value random_binary(void)
{
	char bytes[32];
	size_t length = random_number(sizeof(bytes));
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)random_number(256);
	return ddb_binary(ddb_arena_copy(&arena, bytes, length), length);
}

static struct ddb_value random_decimal(bool exact)
{
	char text[64];
	size_t length = 0, digits = 1 + random_number(exact ? 9 : 38);
	struct ddb_number *number = ddb_arena_alloc(&arena, sizeof(*number));
	if (random_number(2))
		text[length++] = '-';
	for (size_t i = 0; i < digits; i++)
		text[length++] = (char)('0' + random_number(10));
	if (exact)
		text[length] = '\0';
	else
		sprintf(text + length, "e%d", (int)random_number(150) - 75);
	assert_int_equal(ddb_number_read(text, strlen(text), number, NULL), DDB_OK);
	return ddb_number_value(number);
}

/* Values that the item at hand may still branch into. */
static unsigned budget;

/* `exact`: numbers that survive a double. */
static struct ddb_value random_value(unsigned depth, bool exact);

static struct ddb_value random_element(enum ddb_type type, unsigned depth, bool exact)
{
	if (type == DDB_L)
		return random_value(depth + 1, exact);
	return type == DDB_SS ? random_string() : type == DDB_NS ? random_decimal(exact) : random_binary();
}

static struct ddb_value random_elements(enum ddb_type type, unsigned depth, bool exact)
{
	struct ddb_value value = {.type = (uint8_t)type, .count = random_number(5) + (type != DDB_L)};
	value.elements = ddb_arena_array(&arena, value.count, sizeof(*value.elements));
	for (uint32_t i = 0; i < value.count; i++)
		value.elements[i] = random_element(type, depth, exact);
	if (type != DDB_L && ddb_set_sort(&value, NULL)) {
		value.count = 1;
		assert_int_equal(ddb_set_sort(&value, NULL), DDB_OK);
	}
	return value;
}

static struct ddb_value random_map(unsigned depth, bool exact)
{
	static const char *const names[] = {"$ss", "$map", "$binary", "$x", "$", "a", "id", "pk"};
	struct ddb_value map = {.type = DDB_M, .count = random_number(4)};
	map.attributes = ddb_arena_array(&arena, map.count, sizeof(*map.attributes));
	for (uint32_t i = 0; i < map.count; i++) {
		struct ddb_value name = random_string();
		if (!name.count || random_number(2)) {
			const char *given = names[random_number(COUNT(names))];
			name = ddb_string(given, strlen(given));
		}
		map.attributes[i] = (struct ddb_attribute){
			(const char *)name.bytes, name.count, random_value(depth + 1, exact)};
	}
	if (ddb_map_sort(&map, NULL))
		map.count = 1;
	return map;
}

static struct ddb_value random_value(unsigned depth, bool exact)
{
	enum ddb_type type = (enum ddb_type)(DDB_S + random_number(DDB_BS));
	bool scalar = type != DDB_L && type != DDB_M;
	if (!scalar && (depth == DDB_NESTING_MAX || !budget))
		return ddb_null();
	/* Some branches go to the bottom. */
	if (scalar && depth > 3 && depth < DDB_NESTING_MAX && budget && random_number(8))
		type = random_number(2) ? DDB_L : DDB_M;
	if (budget)
		budget--;
	switch (type) {
	case DDB_S:
		return random_string();
	case DDB_N:
		return random_decimal(exact);
	case DDB_B:
		return random_binary();
	case DDB_BOOL:
		return ddb_bool(random_number(2));
	case DDB_NULL:
		return ddb_null();
	case DDB_L:
	case DDB_SS:
	case DDB_NS:
	case DDB_BS:
		return random_elements(type, depth, exact);
	case DDB_M:
		return random_map(depth, exact);
	}
	return ddb_null();
}

static struct ddb_value random_item(bool exact)
{
	budget = 200;
	return random_map(0, exact);
}

static void random_items_come_back(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct ddb_value item = random_item(false);
		assert_round_trip(&simple, &item);
		assert_round_trip(&composite, &item);
		ddb_arena_reset(&arena);
	}
}

/* ---- The layout is jq's ---- */

static void run_jq(const char *text, size_t length, struct ddb_buffer *ret)
{
	char path[] = "/tmp/document-test-XXXXXX", command[128], piece[65536];
	int file = mkstemp(path);
	assert_true(file >= 0);
	assert_int_equal(write(file, text, length), (ssize_t)length);
	close(file);
	snprintf(command, sizeof(command), "jq --indent 2 . %s", path);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	size_t got;
	while ((got = fread(piece, 1, sizeof(piece), pipe)) > 0)
		ddb_buffer_add(ret, piece, got);
	assert_int_equal(pclose(pipe), 0);
	unlink(path);
}

static void looks_like_jq(void **state)
{
	(void)state;
	if (system("jq --version >/dev/null 2>&1"))
		skip();
	DDB_BUFFER_AUTO struct ddb_buffer out, jq;
	ddb_buffer_init(&out, MAP_DOCUMENT_MAX);
	ddb_buffer_init(&jq, MAP_DOCUMENT_MAX);
	for (int round = 0; round < 200; round++) {
		struct ddb_value item = random_item(true);
		map_document_write(&simple, &item, DDB_RENDER_PLAIN, true, &out);
		map_document_write(&simple, &item, DDB_RENDER_TYPED, true, &out);
		ddb_arena_reset(&arena);
	}
	assert_false(out.failed);
	run_jq(out.bytes, out.length, &jq);
	assert_int_equal(out.length, jq.length);
	assert_memory_equal(out.bytes, jq.bytes, out.length);
}

/* ---- Keys ---- */

static void completes_defined_tables(void **state)
{
	(void)state;
	struct ddb_number five, six;
	assert_int_equal(ddb_number_read("5", 1, &five, NULL), DDB_OK);
	assert_int_equal(ddb_number_read("6", 1, &six, NULL), DDB_OK);
	const struct ddb_value user = ddb_string("u", 1), at = ddb_number_value(&five),
			       other = ddb_number_value(&six);
	const struct ddb_value at_text = ddb_string("5", 1);
	const struct {
		const char *text;
		const struct ddb_value *hash, *range;
		const char *expected; /* NULL: refused */
		const char *message;
	} cases[] = {
		{"{\"a\":1}", &user, &at, "{\"user\":\"u\",\"at\":5,\"a\":1}\n", NULL},
		{"{}", &user, &at, "{\"user\":\"u\",\"at\":5}\n", NULL},
		{"{\"at\":5.0}", &user, &at, "{\"user\":\"u\",\"at\":5}\n", NULL},
		{"{\"at\":5,\"user\":\"u\",\"x\":1}", &user, &at, "{\"user\":\"u\",\"at\":5,\"x\":1}\n",
			NULL},
		{"{\"at\":5,\"user\":\"u\"}", NULL, NULL, "{\"user\":\"u\",\"at\":5}\n", NULL},
		{"{\"at\":5}", &user, NULL, "{\"user\":\"u\",\"at\":5}\n", NULL},
		{"{\"user\":\"v\"}", NULL, &at, "{\"user\":\"v\",\"at\":5}\n", NULL},
		{"{\"user\":\"v\"}", &user, &at, NULL,
			"The document's key attribute user does not agree with its path"},
		{"{\"at\":5}", &user, &other, NULL,
			"The document's key attribute at does not agree with its path"},
		{"{\"at\":\"5\"}", &user, &at, NULL,
			"The document's key attribute at does not agree with its path"},
		{"{\"at\":5}", &user, &at_text, NULL,
			"The document's key attribute at does not agree with its path"},
		{"{\"user\":null}", &user, &at, NULL,
			"The document's key attribute user does not agree with its path"},
		{"{\"user\":\"u\"}", NULL, NULL, NULL,
			"One or more parameter values were invalid: Missing the key at in the item"},
		{"{\"at\":5}", NULL, NULL, NULL,
			"One or more parameter values were invalid: Missing the key user in the item"},
		{"{\"a\":5}", &user, NULL, NULL,
			"One or more parameter values were invalid: Missing the key at in the item"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ddb_value item = item_of(cases[i].text, DDB_RENDER_PLAIN), before = item,
				 completed = item;
		struct ddb_error err = {.message = ""};
		enum ddb_code code = map_document_complete(
			&arena, &composite, &item, cases[i].hash, cases[i].range, &completed, &err);
		assert_memory_equal(&item, &before, sizeof(item));
		if (!cases[i].expected) {
			assert_int_equal(code, DDB_VALIDATION);
			assert_string_equal(err.message, cases[i].message);
			assert_memory_equal(&completed, &before, sizeof(item));
			continue;
		}
		assert_int_equal(code, DDB_OK);
		assert_written(&composite, &completed, DDB_RENDER_PLAIN, false, cases[i].expected);
	}
	/* A table without a sort key knows none. */
	struct ddb_value item = item_of("{\"at\":1}", DDB_RENDER_PLAIN);
	assert_int_equal(map_document_complete(&arena, &simple, &item, &user, NULL, &item, NULL), DDB_OK);
	assert_written(&simple, &item, DDB_RENDER_PLAIN, false, "{\"id\":\"u\",\"at\":1}\n");
}

/* The document of a file in a provisional table, and what it shows. */
static void assert_filed(const struct ddb_table *table, const char *text, const char *hash, const char *range,
	const char *expected)
{
	struct ddb_value item = item_of(text, DDB_RENDER_PLAIN), completed;
	struct ddb_value hash_value = {0}, range_value = {0};
	struct ddb_error err = {.message = ""};
	uint32_t lengths[2];
	if (hash)
		hash_value = ddb_string(hash, strlen(hash));
	if (range)
		range_value = ddb_string(range, strlen(range));
	if (map_document_complete(&arena, table, &item, hash ? &hash_value : NULL,
		    range ? &range_value : NULL, &completed, &err))
		fail_msg("%s: %s", text, err.message);
	assert_written(table, &completed, DDB_RENDER_PLAIN, false, expected);
	map_document_measure(table, &completed, lengths);
	DDB_BUFFER_AUTO struct ddb_buffer typed;
	ddb_buffer_init(&typed, MAP_DOCUMENT_MAX);
	map_document_write(table, &completed, DDB_RENDER_TYPED, true, &typed);
	assert_int_equal(typed.length, lengths[DDB_RENDER_TYPED]);
	if (!hash)
		return;
	const struct ddb_value *filed_as =
		ddb_map_get(&completed, DDB_PROVISIONAL_HASH, strlen(DDB_PROVISIONAL_HASH));
	assert_true(ddb_value_equal(filed_as, &hash_value));
}

static void files_provisional_items(void **state)
{
	static const char digits[] = "~~abcdefghijklmnopqrstuvwxyz234567";
	char cut[256], expected[512];
	(void)state;
	assert_filed(&filed, "{\"x\":1}", "a", NULL, "{\"pk\":\"a\",\"x\":1}\n");
	assert_filed(
		&filed, "{\"a\":1,\"x\":1}", "%2Fa%2Eb", NULL, "{\"pk\":\"%2Fa%2Eb\",\"a\":1,\"x\":1}\n");
	assert_filed(&filed, "{\"a\":1}", "%2Fa.b", NULL, "{\"pk\":\"/a.b\",\"a\":1}\n");
	assert_filed(&filed, "{\"a\":1,\"pk\":\"a\"}", "a", NULL, "{\"pk\":\"a\",\"a\":1}\n");
	assert_filed(&filed, "{\"a\":1,\"pk\":7}", "7", NULL, "{\"pk\":7,\"a\":1}\n");
	assert_filed(&filed, "{\"a\":1,\"sk\":7}", "7", NULL, "{\"pk\":\"7\",\"a\":1,\"sk\":7}\n");
	assert_filed(&filed, "{\"pk\":null}", "%01", NULL, "{\"pk\":null}\n");
	assert_filed(&filed_twice, "{\"x\":1}", "%7E", "%25", "{\"pk\":\"~\",\"sk\":\"%\",\"x\":1}\n");
	assert_filed(&filed_twice, "{\"x\":1,\"sk\":2}", "p", "s", "{\"pk\":\"p\",\"sk\":2,\"x\":1}\n");
	snprintf(cut, sizeof(cut), "%0200d%s", 0, digits);
	snprintf(expected, sizeof(expected), "{\"pk\":\"%s\",\"x\":1}\n", cut);
	assert_filed(&filed, "{\"x\":1}", cut, NULL, expected);
	/* Lines hold their keys themselves. */
	assert_filed(&filed, "{\"pk\":\".a/b\",\"x\":1}", NULL, NULL, "{\"pk\":\".a/b\",\"x\":1}\n");
	assert_filed(
		&filed_twice, "{\"sk\":\"s\",\"pk\":\"p\"}", NULL, NULL, "{\"pk\":\"p\",\"sk\":\"s\"}\n");
	/* What the engine never holds is shown all the same. */
	struct ddb_attribute odd[] = {{DDB_PROVISIONAL_HASH, 3, ddb_bool(true)}};
	struct ddb_value item = {.type = DDB_M, .count = 1, .attributes = odd};
	assert_written(&filed, &item, DDB_RENDER_PLAIN, false, "{\"pk\":true}\n");
}

static void makes_stand_ins_of_lines(void **state)
{
	char key[1025] = "", name[MAP_NAME_MAX + 1], text[1200];
	struct ddb_value completed;
	struct ddb_error err = {.message = ""};
	(void)state;
	memset(key, '/', 1024);
	snprintf(text, sizeof(text), "{\"pk\":\"%s\"}", key);
	struct ddb_value item = item_of(text, DDB_RENDER_PLAIN), string = ddb_string(key, 1024);
	assert_int_equal(map_document_complete(&arena, &filed, &item, NULL, NULL, &completed, &err), DDB_OK);
	const struct ddb_value *stand_in = ddb_map_get(&completed, DDB_PROVISIONAL_HASH, 3);
	assert_non_null(stand_in);
	map_name_of_key(&string, true, name);
	assert_int_equal(stand_in->count, strlen(name) - 5);
	assert_memory_equal(stand_in->bytes, name, stand_in->count);
	static const struct {
		const char *text, *message;
	} refused[] = {
		{"{\"x\":1}", "One or more parameter values were invalid: Missing the key pk in the item"},
		{"{\"pk\":1}", "One or more parameter values were invalid: Type mismatch for key pk "
			       "expected: S actual: N"},
		{"{\"pk\":\"\"}", "One or more parameter values are not valid. The AttributeValue for a key "
				  "attribute cannot "
				  "contain an empty string value. Key: pk"},
		{"{\"pk\":\"a\"}",
			"One or more parameter values were invalid: Missing the key sk in the item"},
		{"{\"pk\":\"a\",\"sk\":{\"$binary\":\"AA==\"}}",
			"One or more parameter values were invalid: Type mismatch for key sk expected: S "
			"actual: B"},
	};
	for (size_t i = 0; i < COUNT(refused); i++) {
		item = item_of(refused[i].text, DDB_RENDER_PLAIN);
		assert_int_equal(
			map_document_complete(&arena, &filed_twice, &item, NULL, NULL, &completed, &err),
			DDB_VALIDATION);
		assert_string_equal(err.message, refused[i].message);
	}
	struct ddb_arena none;
	ddb_arena_init(&none, 8);
	item = item_of("{\"pk\":\"a\"}", DDB_RENDER_PLAIN);
	assert_int_equal(
		map_document_complete(&none, &filed, &item, NULL, NULL, &completed, &err), DDB_NO_MEMORY);
	assert_int_equal(
		map_document_complete(&none, &filed, &item, &string, NULL, &completed, &err), DDB_NO_MEMORY);
	assert_int_equal(
		map_document_complete(&none, &simple, &item, &string, NULL, &completed, &err), DDB_NO_MEMORY);
	ddb_arena_done(&none);
}

static void hooks_agree(void **state)
{
	char text[255];
	uint8_t digest[DDB_ALIAS_BYTES] = {0}, expected[DDB_ALIAS_BYTES];
	uint32_t lengths[2], hooked[2];
	(void)state;
	memset(text, 'a', sizeof(text));
	struct ddb_value fits = ddb_string(text, 250), item_only = ddb_string(text, 251);
	const struct ddb_rendering_hooks *hooks = &map_rendering_hooks;
	assert_false(hooks->alias(&simple, &fits, false, digest));
	assert_true(hooks->alias(&simple, &item_only, false, digest));
	assert_true(map_name_is_long(&item_only, true, expected));
	assert_memory_equal(digest, expected, sizeof(digest));
	assert_false(hooks->alias(&composite, &item_only, false, digest));
	assert_true(hooks->alias(&composite, &item_only, true, digest));
	assert_false(hooks->alias(&filed, &item_only, false, digest));
	assert_false(hooks->alias(&filed_twice, &item_only, true, digest));
	struct ddb_value item = item_of("{\"id\":\"x\",\"l\":[1,2]}", DDB_RENDER_PLAIN);
	map_document_measure(&simple, &item, lengths);
	hooks->measure(&simple, &item, hooked);
	assert_memory_equal(lengths, hooked, sizeof(lengths));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_each_type, begin, end),
		cmocka_unit_test_setup_teardown(puts_keys_first, begin, end),
		cmocka_unit_test_setup_teardown(wraps_maps_that_look_like_wrappers, begin, end),
		cmocka_unit_test_setup_teardown(fails_in_a_full_buffer, begin, end),
		cmocka_unit_test_setup_teardown(refuses_plain_documents, begin, end),
		cmocka_unit_test_setup_teardown(refuses_typed_documents, begin, end),
		cmocka_unit_test_setup_teardown(nests_to_32_levels, begin, end),
		cmocka_unit_test_setup_teardown(limits_sizes, begin, end),
		cmocka_unit_test_setup_teardown(bounds_memory, begin, end),
		cmocka_unit_test_setup_teardown(survives_a_full_arena, begin, end),
		cmocka_unit_test_setup_teardown(renders_the_largest_numbers, begin, end),
		cmocka_unit_test_setup_teardown(measures_what_no_document_can_be, begin, end),
		cmocka_unit_test_setup_teardown(random_items_come_back, begin, end),
		cmocka_unit_test_setup_teardown(looks_like_jq, begin, end),
		cmocka_unit_test_setup_teardown(completes_defined_tables, begin, end),
		cmocka_unit_test_setup_teardown(files_provisional_items, begin, end),
		cmocka_unit_test_setup_teardown(makes_stand_ins_of_lines, begin, end),
		cmocka_unit_test_setup_teardown(hooks_agree, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
