/*
 * Typed JSON: what DynamoDB takes and what it refuses, in its words; and base64.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/base64.h"
#include "engine/utf8.h"
#include "engine/json.h"
#include "engine/jsonout.h"
#include "engine/typed.h"
#include <stdlib.h>
#include <string.h>

#define INVALID "One or more parameter values were invalid: "
#define EMPTY "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
#define SEVERAL                                                                                              \
	"Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "          \
	"supported datatypes"
#define NESTING "Nesting Levels have exceeded supported limits"

static struct ddb_arena arena;

static int set_up(void **state)
{
	(void)state;
	ddb_arena_init(&arena, 64 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ddb_arena_done(&arena);
	return 0;
}

/* JSON in which ' stands for ". */
static struct ddb_value json_of(const char *text)
{
	static const struct ddb_json_limits any = {.nesting = 128, .nodes = 100000};
	char *quoted = ddb_arena_copy(&arena, text, strlen(text));
	for (char *at = quoted; *at; at++) {
		if (*at == '\'')
			*at = '"';
	}
	struct ddb_value ret = {0};
	struct ddb_error err;
	if (ddb_json_read(&arena, &any, quoted, strlen(quoted), &ret, &err))
		fail_msg("%s: %s", text, err.message);
	return ret;
}

static void assert_item_written(const struct ddb_value *item, const char *expected)
{
	DDB_BUFFER_AUTO struct ddb_buffer out, counter;
	struct ddb_json_out json;
	ddb_buffer_init(&out, 1 << 20);
	ddb_json_out_init(&json, &out, false);
	ddb_typed_write_item(&json, item);
	ddb_buffer_init_counting(&counter);
	ddb_json_out_init(&json, &counter, false);
	ddb_typed_write_item(&json, item);
	assert_int_equal(counter.length, out.length);
	for (size_t i = 0; i < out.length; i++) {
		if (out.bytes[i] == '"')
			out.bytes[i] = '\'';
	}
	ddb_buffer_add_byte(&out, '\0');
	assert_string_equal(out.bytes, expected);
}

static void test_accepts(void **state)
{
	static const char *const cases[][2] = {
		{"{}", "{}"},
		{"{'a':{'S':''}}", "{'a':{'S':''}}"},
		{"{'b':{'S':'x'},'a':{'N':'1e3'}}", "{'a':{'N':'1000'},'b':{'S':'x'}}"},
		{"{'a':{'N':'+00.50'}}", "{'a':{'N':'0.5'}}"},
		{"{'a':{'B':''},'b':{'B':'AA=='},'c':{'B':'AAE='},'d':{'B':'+/8A'}}",
			"{'a':{'B':''},'b':{'B':'AA=='},'c':{'B':'AAE='},'d':{'B':'+/8A'}}"},
		{"{'a':{'BOOL':true},'b':{'BOOL':false},'c':{'NULL':true}}",
			"{'a':{'BOOL':true},'b':{'BOOL':false},'c':{'NULL':true}}"},
		{"{'a':{'L':[]},'b':{'M':{}}}", "{'a':{'L':[]},'b':{'M':{}}}"},
		{"{'a':{'L':[{'S':'1'},{'N':'2'},{'L':[{'NULL':true}]}]}}",
			"{'a':{'L':[{'S':'1'},{'N':'2'},{'L':[{'NULL':true}]}]}}"},
		{"{'a':{'M':{'y':{'S':'1'},'x':{'M':{'S':{'S':'S'}}}}}}",
			"{'a':{'M':{'x':{'M':{'S':{'S':'S'}}},'y':{'S':'1'}}}}"},
		{"{'a':{'SS':['b','','a']}}", "{'a':{'SS':['','a','b']}}"},
		{"{'a':{'NS':['10','9.0','-1']}}", "{'a':{'NS':['-1','9','10']}}"},
		{"{'a':{'BS':['/w==','AA==','']}}", "{'a':{'BS':['','AA==','/w==']}}"},
		{"{'a':{'S':'x','N':null}}", "{'a':{'S':'x'}}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ddb_value json = json_of(cases[i][0]), item, again;
		struct ddb_error err;
		if (ddb_typed_read_item(&arena, &json, &item, &err))
			fail_msg("%s: %s", cases[i][0], err.message);
		assert_item_written(&item, cases[i][1]);
		json = json_of(cases[i][1]);
		assert_int_equal(ddb_typed_read_item(&arena, &json, &again, &err), DDB_OK);
		assert_true(ddb_value_equal(&item, &again));
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		enum ddb_code code;
		const char *message;
	} cases[] = {
		{"[]", DDB_SERIALIZATION, "Start of list found where not expected"},
		{"'x'", DDB_SERIALIZATION, "STRING_VALUE cannot be converted to Map"},
		{"{'a':'x'}", DDB_SERIALIZATION, "STRING_VALUE cannot be converted to AttributeValue"},
		{"{'a':null}", DDB_SERIALIZATION, "NULL_VALUE cannot be converted to AttributeValue"},
		{"{'a':[]}", DDB_SERIALIZATION, "Start of list found where not expected"},
		{"{'a':{'S':1}}", DDB_SERIALIZATION, "NUMBER_VALUE cannot be converted to String"},
		{"{'a':{'S':1.5}}", DDB_SERIALIZATION, "DECIMAL_VALUE cannot be converted to String"},
		{"{'a':{'S':true}}", DDB_SERIALIZATION, "TRUE_VALUE cannot be converted to String"},
		{"{'a':{'S':{}}}", DDB_SERIALIZATION, "Start of structure or map found where not expected"},
		{"{'a':{'S':[]}}", DDB_SERIALIZATION, "Start of list found where not expected"},
		{"{'a':{'N':123}}", DDB_SERIALIZATION, "NUMBER_VALUE cannot be converted to String"},
		{"{'a':{'B':7}}", DDB_SERIALIZATION, "NUMBER_VALUE cannot be converted to Blob"},
		{"{'a':{'B':'A'}}", DDB_SERIALIZATION, "Invalid base64 content"},
		{"{'a':{'B':'-_8A'}}", DDB_SERIALIZATION, "Invalid base64 content"},
		{"{'a':{'BOOL':'true'}}", DDB_SERIALIZATION, "STRING_VALUE cannot be converted to Boolean"},
		{"{'a':{'BOOL':1}}", DDB_SERIALIZATION, "NUMBER_VALUE cannot be converted to Boolean"},
		{"{'a':{'NULL':'true'}}", DDB_SERIALIZATION, "STRING_VALUE cannot be converted to Boolean"},
		{"{'a':{'NULL':false}}", DDB_VALIDATION,
			INVALID "Null attribute value types must have the value of true"},
		{"{'a':{'L':{}}}", DDB_SERIALIZATION, "Start of structure or map found where not expected"},
		{"{'a':{'L':'x'}}", DDB_SERIALIZATION, "STRING_VALUE cannot be converted to List"},
		{"{'a':{'L':['x']}}", DDB_SERIALIZATION,
			"STRING_VALUE cannot be converted to AttributeValue"},
		{"{'a':{'L':[{'L':[{}]}]}}", DDB_VALIDATION, EMPTY},
		{"{'a':{'M':[]}}", DDB_SERIALIZATION, "Start of list found where not expected"},
		{"{'a':{'M':{'x':1}}}", DDB_SERIALIZATION,
			"NUMBER_VALUE cannot be converted to AttributeValue"},
		{"{'a':{'SS':'x'}}", DDB_SERIALIZATION, "STRING_VALUE cannot be converted to List"},
		{"{'a':{'SS':[1]}}", DDB_SERIALIZATION, "NUMBER_VALUE cannot be converted to String"},
		{"{'a':{'SS':[{'S':'x'}]}}", DDB_SERIALIZATION,
			"Start of structure or map found where not expected"},
		{"{'a':{'NS':[1]}}", DDB_SERIALIZATION, "NUMBER_VALUE cannot be converted to String"},
		{"{'a':{'SS':[]}}", DDB_VALIDATION, INVALID "An string set  may not be empty"},
		{"{'a':{'NS':[]}}", DDB_VALIDATION, INVALID "An number set  may not be empty"},
		{"{'a':{'BS':[]}}", DDB_VALIDATION, INVALID "An binary set  may not be empty"},
		{"{'a':{'M':{'x':{'L':[{'SS':[]}]}}}}", DDB_VALIDATION,
			INVALID "An string set  may not be empty"},
		{"{'a':{'SS':['a','a']}}", DDB_VALIDATION,
			INVALID "Input collection [a, a] contains duplicates."},
		{"{'a':{'NS':['1','1.0']}}", DDB_VALIDATION,
			INVALID "Input collection [1, 1] contains duplicates."},
		{"{'a':{'BS':['AA==','AA==']}}", DDB_VALIDATION,
			INVALID "Input collection [AA==, AA==] contains duplicates."},
		{"{'a':{'L':[{'SS':['b','a','b']}]}}", DDB_VALIDATION,
			INVALID "Input collection [b, a, b] contains duplicates."},
		{"{'a':{'N':''}}", DDB_VALIDATION, "The parameter cannot be converted to a numeric value"},
		{"{'a':{'N':'x'}}", DDB_VALIDATION,
			"The parameter cannot be converted to a numeric value: x"},
		{"{'a':{'NS':['1','1 ']}}", DDB_VALIDATION,
			"The parameter cannot be converted to a numeric value: 1 "},
		{"{'a':{'N':'1e126'}}", DDB_VALIDATION,
			"Number overflow. Attempting to store a number with magnitude larger than supported "
			"range"},
		{"{'a':{}}", DDB_VALIDATION, EMPTY},
		{"{'a':{'S':null}}", DDB_VALIDATION, EMPTY},
		{"{'a':{'X':'x'}}", DDB_VALIDATION, EMPTY},
		{"{'a':{'s':'x'}}", DDB_VALIDATION, EMPTY},
		{"{'a':{'':'x'}}", DDB_VALIDATION, EMPTY},
		{"{'a':{'S':'x','N':'1'}}", DDB_VALIDATION, SEVERAL},
		{"{'a':{'S':'x','X':'1'}}", DDB_VALIDATION, SEVERAL},
		{"{'':{'S':'x'}}", DDB_VALIDATION, INVALID "Attribute name must not be empty"},
		{"{'a':{'M':{'':{'S':'x'}}}}", DDB_VALIDATION, INVALID "Attribute name must not be empty"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ddb_value json = json_of(cases[i].text), item = {.type = 99};
		struct ddb_error err = {0};
		enum ddb_code code = ddb_typed_read_item(&arena, &json, &item, &err);
		assert_string_equal(err.message, cases[i].message);
		assert_int_equal(code, cases[i].code);
		assert_int_equal(err.code, code);
		assert_int_equal(item.type, 99);
	}
}

static void test_long_names(void **state)
{
	(void)state;
	char *name = malloc(65536);
	memset(name, 'n', 65536);
	struct ddb_attribute member = {.name = name, .name_length = 65535, .value = json_of("{'S':'x'}")};
	struct ddb_value json = {.type = DDB_M, .count = 1, .attributes = &member}, item;
	struct ddb_error err;
	assert_int_equal(ddb_typed_read_item(&arena, &json, &item, &err), DDB_OK);
	member.name_length++;
	assert_int_equal(ddb_typed_read_item(&arena, &json, &item, &err), DDB_VALIDATION);
	assert_string_equal(
		err.message, INVALID "Attribute name is too large, must be less than 65536 bytes");
	free(name);
}

/* `value` in so many lists or maps. */
static char *wrapped(const char *value, int wraps, bool maps)
{
	char *text = calloc(1, 4096);
	for (int i = 0; i < wraps; i++)
		strcat(text, maps ? "{\"M\":{\"m\":" : "{\"L\":[");
	strcat(text, value);
	for (int i = 0; i < wraps; i++)
		strcat(text, maps ? "}}" : "]}");
	return text;
}

static void test_nesting(void **state)
{
	(void)state;
	static const char *const leaves[] = {
		"{\"NULL\":true}", "{\"SS\":[\"x\"]}", "{\"L\":[]}", "{\"M\":{}}"};
	for (size_t i = 0; i < 2 * sizeof(leaves) / sizeof(leaves[0]); i++) {
		for (int wraps = 31; wraps <= 33; wraps++) {
			char *value = wrapped(leaves[i / 2], wraps, i & 1);
			DDB_BUFFER_AUTO struct ddb_buffer text;
			ddb_buffer_init(&text, 8192);
			ddb_buffer_add_format(&text, "{\"a\":%s}", value);
			struct ddb_value json, item;
			struct ddb_error err = {0};
			/* One of the two readers refuses it, with the same words. */
			enum ddb_code code = ddb_json_read(
				&arena, &ddb_typed_limits, text.bytes, text.length, &json, &err);
			if (!code)
				code = ddb_typed_read_item(&arena, &json, &item, &err);
			assert_int_equal(code, wraps == 31 ? DDB_OK : DDB_VALIDATION);
			if (code)
				assert_memory_equal(err.message, NESTING, sizeof(NESTING) - 1);
			else
				assert_true(ddb_value_nesting_ok(&item));

			json = json_of(value);
			code = ddb_typed_read_value(&arena, &json, &item, &err);
			assert_int_equal(code, wraps == 31 ? DDB_OK : DDB_VALIDATION);
			if (code)
				assert_string_equal(err.message, NESTING);
			free(value);
		}
	}
}

static void test_values(void **state)
{
	(void)state;
	struct ddb_value json = json_of("{'N':'1.50'}"), value;
	assert_int_equal(ddb_typed_read_value(&arena, &json, &value, NULL), DDB_OK);
	DDB_BUFFER_AUTO struct ddb_buffer out;
	ddb_buffer_init(&out, 100);
	struct ddb_json_out writer;
	ddb_json_out_init(&writer, &out, true);
	ddb_typed_write_value(&writer, &value);
	assert_int_equal(out.length, strlen("{\n  \"N\": \"1.5\"\n}"));
	assert_memory_equal(out.bytes, "{\n  \"N\": \"1.5\"\n}", out.length);
	json = json_of("[]");
	assert_int_equal(ddb_typed_read_value(&arena, &json, &value, NULL), DDB_SERIALIZATION);
}

/* The node limit lets the item with the most nodes through that 400 KB can hold. */
static void test_most_nodes(void **state)
{
	(void)state;
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, 32 << 20);
	ddb_buffer_add_string(&text, "{\"a\":{\"L\":[");
	for (int i = 0; i < DDB_ITEM_SIZE_MAX - 4; i++)
		ddb_buffer_add_string(&text, i ? ",{\"S\":\"\"}" : "{\"S\":\"\"}");
	ddb_buffer_add_string(&text, "]}}");
	assert_false(text.failed);
	struct ddb_value json, item;
	assert_int_equal(
		ddb_json_read(&arena, &ddb_typed_limits, text.bytes, text.length, &json, NULL), DDB_OK);
	assert_int_equal(ddb_typed_read_item(&arena, &json, &item, NULL), DDB_OK);
	assert_int_equal(ddb_item_size(&item), DDB_ITEM_SIZE_MAX);
	ddb_arena_reset(&arena);
}

static void test_memory(void **state)
{
	(void)state;
	struct ddb_value json = json_of(
		"{'a':{'N':'1'},'b':{'B':'AAAA'},'c':{'L':[{'NS':['1','2']}]},'d':{'M':{'x':{'S':'y'}}}}");
	size_t refused = 0;
	for (size_t max = 0; max < 2000; max += 16) {
		DDB_ARENA_AUTO struct ddb_arena small;
		ddb_arena_init(&small, max);
		struct ddb_value item;
		enum ddb_code code = ddb_typed_read_item(&small, &json, &item, NULL);
		assert_true(code == DDB_OK || code == DDB_NO_MEMORY);
		refused += code != DDB_OK;
	}
	assert_true(refused > 0 && refused < 125);
}

/* ---- Base64 ---- */

static bool decodes(const char *text, bool url, const char *expected, size_t expected_length)
{
	const uint8_t *bytes = NULL;
	size_t length = 0, text_length = strlen(text);
	char *copy = malloc(text_length ? text_length : 1);
	memcpy(copy, text, text_length);
	bool ok = ddb_base64_read(&arena, copy, text_length, url, &bytes, &length);
	free(copy);
	if (!ok)
		return false;
	assert_int_equal(length, expected_length);
	assert_memory_equal(bytes, expected, expected_length);
	return true;
}

static void test_base64_cases(void **state)
{
	static const char *const refused[] = {"A", "AA", "AAA", "AA=", "A===", "====", "=",
		"AAAA=", "AAAA====", "AA==AAAA", "A=AA", "AB==", "AAB=", "AA A", "AAA\n", "AA-_",
		"\xc3\xa9\xc3\xa9", "AA=A"};
	static const char *const refused_url[] = {
		"A", "AA==", "AAA=", "AB", "AAB", "AAAAA", "+/AA", "A A", "="};
	(void)state;
	assert_true(decodes("", false, "", 0));
	assert_true(decodes("", true, "", 0));
	assert_true(decodes("Zg==", false, "f", 1));
	assert_true(decodes("Zm8=", false, "fo", 2));
	assert_true(decodes("Zm9v", false, "foo", 3));
	assert_true(decodes("Zm9vYg==", false, "foob", 4));
	assert_true(decodes("Zg", true, "f", 1));
	assert_true(decodes("Zm8", true, "fo", 2));
	assert_true(decodes("++//", false, "\xfb\xef\xff", 3));
	assert_true(decodes("--__", true, "\xfb\xef\xff", 3));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(decodes(refused[i], false, "", 0));
	for (size_t i = 0; i < sizeof(refused_url) / sizeof(refused_url[0]); i++)
		assert_false(decodes(refused_url[i], true, "", 0));
}

static void test_base64_round_trips(void **state)
{
	(void)state;
	srand(11);
	for (size_t length = 0; length < 200; length++) {
		uint8_t bytes[200];
		for (size_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)rand();
		for (int url = 0; url < 2; url++) {
			DDB_BUFFER_AUTO struct ddb_buffer text, counter;
			ddb_buffer_init(&text, 1000);
			ddb_base64_add(&text, bytes, length, url);
			ddb_buffer_init_counting(&counter);
			ddb_base64_add(&counter, bytes, length, url);
			assert_int_equal(counter.length, text.length);
			ddb_buffer_add_byte(&text, '\0');
			assert_true(decodes(text.bytes, url, (const char *)bytes, length));
		}
	}
	DDB_BUFFER_AUTO struct ddb_buffer small;
	ddb_buffer_init(&small, 7);
	ddb_base64_add(&small, (const uint8_t *)"four", 4, false);
	assert_true(small.failed);
	assert_int_equal(small.length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_most_nodes),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_base64_cases),
		cmocka_unit_test(test_base64_round_trips),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
