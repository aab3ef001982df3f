/*
 * The value model: order, sets, sizes, copies, nesting, UTF-8.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/base64.h"
#include "engine/utf8.h"
#include "engine/json.h"
#include "engine/typed.h"
#include "engine/value.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INVALID "One or more parameter values were invalid: "

static struct ddb_arena arena;

static int set_up(void **state)
{
	(void)state;
	ddb_arena_init(&arena, 16 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ddb_arena_done(&arena);
	return 0;
}

/* An item of typed JSON in which ' stands for ". */
static struct ddb_value item(const char *text)
{
	char *quoted = ddb_arena_copy(&arena, text, strlen(text));
	for (char *at = quoted; *at; at++) {
		if (*at == '\'')
			*at = '"';
	}
	struct ddb_value json, ret = {0};
	struct ddb_error err;
	if (ddb_json_read(&arena, &ddb_typed_limits, quoted, strlen(quoted), &json, &err) ||
		ddb_typed_read_item(&arena, &json, &ret, &err))
		fail_msg("%s: %s", text, err.message);
	return ret;
}

static struct ddb_value text_value(const char *text)
{
	return ddb_string(text, strlen(text));
}

static struct ddb_value decimal(const char *text)
{
	struct ddb_number *number = ddb_arena_alloc(&arena, sizeof(*number));
	assert_int_equal(ddb_number_read(text, strlen(text), number, NULL), DDB_OK);
	return ddb_number_value(number);
}

static void test_scalars(void **state)
{
	(void)state;
	struct ddb_value value = ddb_string("ab", 2);
	assert_true(value.type == DDB_S && value.count == 2 && !memcmp(value.bytes, "ab", 2));
	value = ddb_binary("\0\1", 2);
	assert_true(value.type == DDB_B && value.count == 2);
	assert_true(ddb_bool(true).boolean && !ddb_bool(false).boolean && ddb_bool(false).type == DDB_BOOL);
	assert_int_equal(ddb_null().type, DDB_NULL);
	static const char *const names[] = {"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"};
	for (int type = DDB_S; type <= DDB_BS; type++)
		assert_string_equal(ddb_type_name((enum ddb_type)type), names[type - 1]);
}

static void test_scalar_order(void **state)
{
	(void)state;
	const struct ddb_value rising[] = {text_value(""), ddb_string("\0", 1), text_value("B"),
		text_value("a"), text_value("aa"), text_value("b"), text_value("\xc3\xa9"),
		text_value("\xf0\x9f\x98\x80"), decimal("-10"), decimal("-9"), decimal("0"), decimal("0.5"),
		decimal("9"), decimal("10"), ddb_binary("", 0), ddb_binary("\x7f", 1), ddb_binary("\x80", 1)};
	for (size_t i = 0; i < sizeof(rising) / sizeof(rising[0]); i++) {
		for (size_t j = 0; j < sizeof(rising) / sizeof(rising[0]); j++) {
			int order = ddb_scalar_compare(&rising[i], &rising[j]);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(ddb_value_equal(&rising[i], &rising[j]), i == j);
		}
	}
}

static void test_map_sort_and_get(void **state)
{
	(void)state;
	struct ddb_attribute attributes[] = {{.name = "b", .name_length = 1, .value = ddb_bool(true)},
		{.name = "ab", .name_length = 2, .value = ddb_null()},
		{.name = "\xc3\xa9", .name_length = 2, .value = text_value("e")},
		{.name = "a", .name_length = 1, .value = text_value("x")},
		{.name = "", .name_length = 0, .value = text_value("none")}};
	struct ddb_value map = {.type = DDB_M, .count = 5, .attributes = attributes};
	assert_int_equal(ddb_map_sort(&map, NULL), DDB_OK);
	static const char *const sorted[] = {"", "a", "ab", "b", "\xc3\xa9"};
	for (size_t i = 0; i < 5; i++) {
		assert_memory_equal(map.attributes[i].name, sorted[i], strlen(sorted[i]));
		assert_ptr_equal(ddb_map_get(&map, sorted[i], strlen(sorted[i])), &map.attributes[i].value);
	}
	assert_null(ddb_map_get(&map, "abc", 3));
	assert_null(ddb_map_get(&map, "A", 1));
	assert_null(ddb_map_get(&map, "\xff", 1));
	struct ddb_value empty = {.type = DDB_M};
	assert_int_equal(ddb_map_sort(&empty, NULL), DDB_OK);
	assert_null(ddb_map_get(&empty, "a", 1));

	attributes[4].name = "ab";
	struct ddb_error err;
	assert_int_equal(ddb_map_sort(&map, &err), DDB_VALIDATION);
	assert_string_equal(err.message, "Duplicate attribute name: ab");
}

static void check_set(enum ddb_type type, struct ddb_value *elements, uint32_t count, const char *message)
{
	struct ddb_value set = {.type = (uint8_t)type, .count = count, .elements = elements};
	struct ddb_error err = {0};
	enum ddb_code code = ddb_set_sort(&set, &err);
	assert_string_equal(err.message, message ? message : "");
	assert_int_equal(code, message ? DDB_VALIDATION : DDB_OK);
	for (uint32_t i = 1; !message && i < count; i++)
		assert_true(ddb_scalar_compare(&elements[i - 1], &elements[i]) < 0);
}

#define SET(type, message, ...)                                                                              \
	check_set(type, (struct ddb_value[]){__VA_ARGS__},                                                   \
		sizeof((struct ddb_value[]){__VA_ARGS__}) / sizeof(struct ddb_value), message)

static void test_set_sort(void **state)
{
	(void)state;
	SET(DDB_SS, NULL, text_value("b"), text_value("a"), text_value(""), text_value("ab"));
	SET(DDB_NS, NULL, decimal("10"), decimal("9"), decimal("-1"), decimal("0"), decimal("-2"));
	SET(DDB_BS, NULL, ddb_binary("\x80", 1), ddb_binary("\x7f", 1));
	SET(DDB_SS, NULL, text_value("one"));
	SET(DDB_SS, INVALID "Input collection [a, a] contains duplicates.", text_value("a"), text_value("a"));
	SET(DDB_SS, INVALID "Input collection [b, a, c, b] contains duplicates.", text_value("b"),
		text_value("a"), text_value("c"), text_value("b"));
	SET(DDB_NS, INVALID "Input collection [1, 2, 1] contains duplicates.", decimal("1"), decimal("2"),
		decimal("1.0"));
	SET(DDB_BS, INVALID "Input collection [AQ==, AQ==] contains duplicates.", ddb_binary("\1", 1),
		ddb_binary("\1", 1));
	check_set(DDB_SS, NULL, 0, INVALID "An string set  may not be empty");
	check_set(DDB_NS, NULL, 0, INVALID "An number set  may not be empty");
	check_set(DDB_BS, NULL, 0, INVALID "An binary set  may not be empty");
}

/* The refusal of a large set still names its beginning and ends as the service's. */
static void test_large_duplicates(void **state)
{
	(void)state;
	struct ddb_value elements[1000];
	for (int i = 0; i < 1000; i++)
		elements[i] = text_value("element");
	struct ddb_value set = {.type = DDB_SS, .count = 1000, .elements = elements};
	struct ddb_error err;
	assert_int_equal(ddb_set_sort(&set, &err), DDB_VALIDATION);
	assert_memory_equal(err.message, INVALID "Input collection [element, element, ",
		sizeof(INVALID "Input collection [element, element, ") - 1);
	assert_non_null(strstr(err.message, "...] contains duplicates."));
}

static void test_map_with(void **state)
{
	(void)state;
	struct ddb_value map = item("{'b':{'N':'1'},'d':{'N':'2'}}");
	struct ddb_value value = text_value("new");
	const struct {
		const char *name;
		bool drop;
		struct ddb_value expected;
	} cases[] = {
		{"a", false, item("{'a':{'S':'new'},'b':{'N':'1'},'d':{'N':'2'}}")},
		{"b", false, item("{'b':{'S':'new'},'d':{'N':'2'}}")},
		{"c", false, item("{'b':{'N':'1'},'c':{'S':'new'},'d':{'N':'2'}}")},
		{"d", false, item("{'b':{'N':'1'},'d':{'S':'new'}}")},
		{"e", false, item("{'b':{'N':'1'},'d':{'N':'2'},'e':{'S':'new'}}")},
		{"b", true, item("{'d':{'N':'2'}}")},
		{"d", true, item("{'b':{'N':'1'}}")},
		{"x", true, map},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[] = {cases[i].name[0], '\0'};
		struct ddb_value *with = ddb_map_with(&arena, &map, name, 1, cases[i].drop ? NULL : &value);
		name[0] = '!'; /* the name is the copy's own */
		assert_true(ddb_value_equal(with, &cases[i].expected));
	}
	assert_int_equal(map.count, 2);
	struct ddb_value empty = {.type = DDB_M};
	assert_int_equal(ddb_map_with(&arena, &empty, "a", 1, NULL)->count, 0);
	assert_int_equal(ddb_map_with(&arena, &empty, "a", 1, &value)->count, 1);
	struct ddb_arena none;
	ddb_arena_init(&none, 0);
	assert_null(ddb_map_with(&none, &map, "a", 1, &value));
}

#define EVERYTHING                                                                                           \
	"{'s':{'S':'text'},'n':{'N':'-1.5'},'b':{'B':'AAEC'},'t':{'BOOL':true},'z':{'NULL':true},"           \
	"'l':{'L':[{'S':''},{'L':[]},{'M':{}}]},'m':{'M':{'x':{'M':{'y':{'SS':['b','a']}}}}},"               \
	"'ns':{'NS':['3','1']},'bs':{'BS':['AQ==','']}}"

static void scribble(struct ddb_value *value);

static void test_copy(void **state)
{
	(void)state;
	struct ddb_value original = item(EVERYTHING), same = item(EVERYTHING), copy;
	assert_int_equal(ddb_value_copy(&arena, &original, &copy, NULL), DDB_OK);
	assert_true(ddb_value_equal(&original, &copy));
	scribble(&original);
	assert_false(ddb_value_equal(&original, &copy));
	assert_true(ddb_value_equal(&same, &copy));

	size_t refused = 0;
	for (size_t max = 0; max < 4000; max += 16) {
		DDB_ARENA_AUTO struct ddb_arena small;
		ddb_arena_init(&small, max);
		struct ddb_value untouched = ddb_null();
		enum ddb_code code = ddb_value_copy(&small, &same, &untouched, NULL);
		assert_true(code == DDB_OK || (code == DDB_NO_MEMORY && untouched.type == DDB_NULL));
		refused += code != DDB_OK;
	}
	assert_true(refused > 0 && refused < 250);
}

/* Overwrites everything that the value leads to. */
static void scribble(struct ddb_value *value)
{
	if (value->type == DDB_M) {
		for (uint32_t i = 0; i < value->count; i++) {
			scribble(&value->attributes[i].value);
			memset((char *)(uintptr_t)value->attributes[i].name, '!',
				value->attributes[i].name_length);
		}
	} else if (value->type >= DDB_L) {
		for (uint32_t i = 0; i < value->count; i++)
			scribble(&value->elements[i]);
	} else if (value->count) {
		memset((uint8_t *)(uintptr_t)value->bytes, '!', value->count);
	}
}

static void test_equality(void **state)
{
	static const char *const different[] = {"{}", "{'a':{'S':'1'}}", "{'a':{'N':'1'}}",
		"{'a':{'B':'MQ=='}}", "{'b':{'N':'1'}}", "{'a':{'N':'2'}}", "{'a':{'BOOL':true}}",
		"{'a':{'BOOL':false}}", "{'a':{'NULL':true}}", "{'a':{'L':[]}}", "{'a':{'M':{}}}",
		"{'a':{'L':[{'N':'1'},{'N':'2'}]}}", "{'a':{'L':[{'N':'2'},{'N':'1'}]}}",
		"{'a':{'NS':['1','2']}}", "{'a':{'SS':['1','2']}}", "{'a':{'SS':['1','3']}}",
		"{'a':{'M':{'x':{'N':'1'}}}}", "{'a':{'M':{'y':{'N':'1'}}}}", "{'a':{'N':'1'},'b':{'N':'1'}}",
		EVERYTHING};
	static const char *const equal[][2] = {{"{'a':{'NS':['1','2.0']}}", "{'a':{'NS':['2','1e0']}}"},
		{"{'a':{'SS':['x','y']}}", "{'a':{'SS':['y','x']}}"},
		{"{'a':{'N':'1000'},'b':{'N':'0'}}", "{'b':{'N':'-0.00'},'a':{'N':'1e3'}}"}};
	(void)state;
	enum { COUNT = sizeof(different) / sizeof(different[0]) };
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t j = 0; j < COUNT; j++) {
			struct ddb_value a = item(different[i]), b = item(different[j]);
			assert_int_equal(ddb_value_equal(&a, &b), i == j);
		}
	}
	for (size_t i = 0; i < sizeof(equal) / sizeof(equal[0]); i++) {
		struct ddb_value a = item(equal[i][0]), b = item(equal[i][1]);
		assert_true(ddb_value_equal(&a, &b));
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *item;
		size_t size;
	} cases[] = {
		{"{}", 0},
		{"{'a':{'S':''}}", 1},
		{"{'name':{'S':'h\xc3\xa9'}}", 4 + 3},
		{"{'a':{'B':'AAECAw=='}}", 1 + 4},
		{"{'a':{'N':'123456'}}", 1 + 4},
		{"{'a':{'N':'-1'}}", 1 + 3},
		{"{'a':{'BOOL':true}}", 2},
		{"{'a':{'NULL':true}}", 2},
		{"{'a':{'L':[]}}", 1 + 3},
		{"{'a':{'M':{}}}", 1 + 3},
		{"{'a':{'L':[{'S':'xy'},{'N':'1'}]}}", 1 + 3 + (2 + 1) + (2 + 1)},
		{"{'a':{'M':{'xy':{'S':'z'},'b':{'NULL':true}}}}", 1 + 3 + (2 + 1 + 1) + (1 + 1 + 1)},
		{"{'a':{'SS':['x','yz']}}", 1 + 3},
		{"{'a':{'NS':['1','100','0.5']}}", 1 + 2 + 2 + 2},
		{"{'a':{'BS':['AA==','AAEC']}}", 1 + 1 + 3},
		{"{'a':{'S':'1'},'b':{'L':[{'L':[]}]}}", 2 + 1 + 3 + (3 + 1)},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ddb_value value = item(cases[i].item);
		assert_int_equal(ddb_item_size(&value), cases[i].size);
	}
}

/* A value in `wraps` containers of one kind each. */
static struct ddb_value wrapped(struct ddb_value value, int wraps, bool maps)
{
	for (int i = 0; i < wraps; i++) {
		struct ddb_value *element = ddb_arena_alloc(&arena, sizeof(*element));
		struct ddb_attribute *attribute = ddb_arena_alloc(&arena, sizeof(*attribute));
		*element = value;
		*attribute = (struct ddb_attribute){.name = "m", .name_length = 1, .value = value};
		value = maps ? (struct ddb_value){.type = DDB_M, .count = 1, .attributes = attribute}
			     : (struct ddb_value){.type = DDB_L, .count = 1, .elements = element};
	}
	return value;
}

static void test_nesting(void **state)
{
	(void)state;
	for (int maps = 0; maps < 2; maps++) {
		struct ddb_value fits = wrapped(wrapped(ddb_null(), 31, maps), 1, true);
		struct ddb_value deep = wrapped(wrapped(ddb_null(), 32, maps), 1, true);
		assert_true(ddb_value_nesting_ok(&fits));
		assert_false(ddb_value_nesting_ok(&deep));
	}
	/* The elements of a set are no level of their own. */
	struct ddb_value set = item("{'a':{'SS':['x']}}").attributes[0].value;
	struct ddb_value fits = wrapped(wrapped(set, 31, false), 1, true);
	assert_true(ddb_value_nesting_ok(&fits));
}

static void test_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t valid;
	} cases[] = {
		{"", 0},
		{"plain", 5},
		{"more than eight bytes of it", 27},
		{"\xc2\x80\xdf\xbf", 4},
		{"\xe0\xa0\x80\xef\xbf\xbf", 6},
		{"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8},
		{"\xed\x9f\xbf\xee\x80\x80", 6},
		{"a\x80", 1},
		{"a\xbf", 1},
		{"12345678\xff", 8},
		{"1234567\xff", 7},
		{"\xc0\x80", 0},
		{"\xc1\xbf", 0},
		{"\xe0\x9f\xbf", 0},
		{"\xed\xa0\x80", 0},
		{"\xed\xbf\xbf", 0},
		{"\xf0\x8f\xbf\xbf", 0},
		{"\xf4\x90\x80\x80", 0},
		{"\xf5\x80\x80\x80", 0},
		{"\xc3", 0},
		{"\xe2\x82", 0},
		{"\xf0\x9f\x98", 0},
		{"a\xc3\xa9\xe2\x82", 3},
		{"\xe2(\xa1", 0},
		{"\xe2\x82(", 0},
		{"\xf0\x9f(\x80", 0},
		{"\xf0\x9f\x98(", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* A copy of the exact size, so that a sanitizer sees a look beyond it. */
		size_t length = strlen(cases[i].text);
		char *copy = malloc(length ? length : 1);
		memcpy(copy, cases[i].text, length);
		assert_int_equal(ddb_utf8_prefix(copy, length), cases[i].valid);
		free(copy);
	}
	assert_int_equal(ddb_utf8_prefix("a\0b", 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_scalar_order),
		cmocka_unit_test(test_map_sort_and_get),
		cmocka_unit_test(test_set_sort),
		cmocka_unit_test(test_large_duplicates),
		cmocka_unit_test(test_map_with),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_utf8),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
