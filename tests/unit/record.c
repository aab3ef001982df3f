/*
 * Records: round trips, the exact bytes of the format, and damage of every kind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/json.h"
#include "engine/record.h"
#include "engine/typed.h"
#include <stdlib.h>
#include <string.h>

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

#define EVERYTHING                                                                                           \
	"{\"s\":{\"S\":\"t\xc3\xa9xt\"},\"n\":{\"N\":\"-1.5\"},\"b\":{\"B\":\"AP8C\"},\"t\":{\"BOOL\":true}" \
	","                                                                                                  \
	"\"f\":{\"BOOL\":false},\"z\":{\"NULL\":true},\"l\":{\"L\":[{\"S\":\"\"},{\"L\":[]},{\"M\":{}},{"    \
	"\"N\":\"0\"}]},"                                                                                    \
	"\"m\":{\"M\":{\"x\":{\"M\":{\"y\":{\"SS\":[\"b\",\"a\",\"\"]}}}}},\"ns\":{\"NS\":[\"3\",\"1\",\"-"  \
	"7\"]},"                                                                                             \
	"\"bs\":{\"BS\":[\"AQ==\",\"\"]}}"

static struct ddb_value item(const char *text)
{
	struct ddb_value json, ret = {0};
	assert_int_equal(ddb_json_read(&arena, &ddb_typed_limits, text, strlen(text), &json, NULL), DDB_OK);
	assert_int_equal(ddb_typed_read_item(&arena, &json, &ret, NULL), DDB_OK);
	return ret;
}

static void check_round_trip(const struct ddb_value *value)
{
	DDB_BUFFER_AUTO struct ddb_buffer out, again, counter;
	ddb_buffer_init(&out, 4 << 20);
	ddb_record_write(value, &out);
	assert_false(out.failed);
	ddb_buffer_init_counting(&counter);
	ddb_record_write(value, &counter);
	assert_int_equal(counter.length, out.length);
	struct ddb_value back;
	struct ddb_error err = {0};
	if (ddb_record_read(&arena, (const uint8_t *)out.bytes, out.length, &back, &err))
		fail_msg("%s", err.message);
	assert_true(ddb_value_equal(value, &back));
	ddb_buffer_init(&again, 4 << 20);
	ddb_record_write(&back, &again);
	assert_int_equal(again.length, out.length);
	assert_memory_equal(again.bytes, out.bytes, out.length);
}

static void test_round_trips(void **state)
{
	(void)state;
	struct ddb_value value = item(EVERYTHING);
	check_round_trip(&value);
	for (uint32_t i = 0; i < value.count; i++)
		check_round_trip(&value.attributes[i].value);
	/* Lengths around each further byte of a length. */
	static const size_t lengths[] = {0, 1, 127, 128, 129, 16383, 16384, 400000, 2097152};
	char *text = calloc(1, 2097152);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct ddb_value string = ddb_string(text, lengths[i]);
		check_round_trip(&string);
	}
	free(text);
}

/* The format is on disks: these bytes may never change their meaning. */
static void test_format(void **state)
{
	(void)state;
	static const char expected[] = "\x01\x07\x06"
				       "\x01"
				       "a"
				       "\x01\x02hi"
				       "\x01"
				       "b"
				       "\x02\x02\xc1\x08"
				       "\x01"
				       "c"
				       "\x06\x02\x04\x01\x05"
				       "\x01"
				       "d"
				       "\x08\x02\x01x\x01y"
				       "\x01"
				       "e"
				       "\x03\x01\xff"
				       "\x02"
				       "ee"
				       "\x07\x00";
	struct ddb_value value = item(
		"{\"b\":{\"N\":\"7\"},\"a\":{\"S\":\"hi\"},\"c\":{\"L\":[{\"BOOL\":true},{\"NULL\":true}]},"
		"\"d\":{\"SS\":[\"y\",\"x\"]},\"e\":{\"B\":\"/w==\"},\"ee\":{\"M\":{}}}");
	DDB_BUFFER_AUTO struct ddb_buffer out;
	ddb_buffer_init(&out, 4096);
	ddb_record_write(&value, &out);
	assert_int_equal(out.length, sizeof(expected) - 1);
	assert_memory_equal(out.bytes, expected, out.length);
	struct ddb_value back;
	assert_int_equal(
		ddb_record_read(&arena, (const uint8_t *)expected, sizeof(expected) - 1, &back, NULL),
		DDB_OK);
	assert_true(ddb_value_equal(&value, &back));
	/* No copy of strings is made. */
	assert_ptr_equal(back.attributes[0].name, expected + 4);
	assert_ptr_equal(back.attributes[0].value.bytes, expected + 7);
}

#define DAMAGED(literal)                                                                                     \
	{                                                                                                    \
		literal, sizeof(literal) - 1                                                                 \
	}

static void test_damage(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		DAMAGED(""),
		DAMAGED("\x00\x05"), /* versions */
		DAMAGED("\x02\x05"),
		DAMAGED("\x01"),
		DAMAGED("\x01\x00"), /* types */
		DAMAGED("\x01\x0b"),
		DAMAGED("\x01\xff"),
		DAMAGED("\x01\x05\x05"), /* more behind the value */
		DAMAGED("\x01\x01\x02"
			"a"), /* cut */
		DAMAGED("\x01\x01"),
		DAMAGED("\x01\x01\xff"),
		DAMAGED("\x01\x01\x81\x00"
			"a"), /* a length not in its shortest form */
		DAMAGED("\x01\x01\x80\x00"),
		DAMAGED("\x01\x01\xff\xff\xff\xff\x1f"), /* above 32 bits */
		DAMAGED("\x01\x01\x80\x80\x80\x80\x80\x01"),
		DAMAGED("\x01\x01\xff\xff\xff\xff\x0f"), /* longer than the record */
		DAMAGED("\x01\x01\x01\xff"),             /* UTF-8 */
		DAMAGED("\x01\x01\x02\xc3("),
		DAMAGED("\x01\x02\x00"), /* numbers */
		DAMAGED("\x01\x02\x02\xc1\x01"),
		DAMAGED("\x01\x02\x17\xc1\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02"
			"\x02\x02\x02\x02\x02"),
		DAMAGED("\x01\x04"), /* booleans */
		DAMAGED("\x01\x04\x02"),
		DAMAGED("\x01\x06\x02\x05"), /* fewer elements than said */
		DAMAGED("\x01\x06\xff\xff\xff\xff\x0f\x05"),
		DAMAGED("\x01\x07\x02\x01"
			"b\x05\x01"
			"a\x05"), /* disorder */
		DAMAGED("\x01\x07\x02\x01"
			"a\x05\x01"
			"a\x05"), /* twice */
		DAMAGED("\x01\x07\x02\x02"
			"ab\x05\x01"
			"a\x05"),
		DAMAGED("\x01\x07\x01\x01\x80\x05"),          /* UTF-8 of a name */
		DAMAGED("\x01\x06\x01\x07\x01\x02\xffp\x05"), /* a stand-in's name in a nested map */
		DAMAGED("\x01\x08\x00"),                      /* empty sets */
		DAMAGED("\x01\x09\x00"),
		DAMAGED("\x01\x0a\x00"),
		DAMAGED("\x01\x08\x02\x01"
			"b\x01"
			"a"),
		DAMAGED("\x01\x08\x02\x01"
			"a\x01"
			"a"),
		DAMAGED("\x01\x08\x01\x01\xff"),
		DAMAGED("\x01\x09\x02\x02\xc1\x03\x02\xc1\x02"), /* 2, 1 */
		DAMAGED("\x01\x09\x01\x01"
			"1"),
		DAMAGED("\x01\x0a\x02\x01\x80\x01\x7f"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *copy = malloc(cases[i].length ? cases[i].length : 1);
		memcpy(copy, cases[i].bytes, cases[i].length);
		struct ddb_value value = {.type = 99};
		struct ddb_error err = {0};
		if (ddb_record_read(&arena, copy, cases[i].length, &value, &err) != DDB_DAMAGED)
			fail_msg("case %zu was not refused", i);
		assert_int_equal(err.code, DDB_DAMAGED);
		assert_true(*err.message);
		assert_int_equal(value.type, 99);
		free(copy);
	}
}

static void test_stand_in_names(void **state)
{
	(void)state;
	struct ddb_attribute attributes[] = {{.name = "z", .name_length = 1, .value = ddb_null()},
		{.name = "\xffpk", .name_length = 3, .value = ddb_string("a", 1)},
		{.name = "\xffsk", .name_length = 3, .value = ddb_string("b", 1)}};
	struct ddb_value value = {.type = DDB_M, .count = 3, .attributes = attributes};
	check_round_trip(&value);
}

static void test_nesting(void **state)
{
	(void)state;
	for (size_t levels = 30; levels < 40; levels++) {
		/* A map whose attribute is a list in a list …, of so many levels in all. */
		uint8_t bytes[200] = {1, DDB_M, 1, 1, 'a'};
		size_t length = 5;
		for (size_t i = 1; i < levels; i++) {
			bytes[length++] = DDB_L;
			bytes[length++] = 1;
		}
		bytes[length++] = DDB_NULL;
		struct ddb_value value;
		enum ddb_code code = ddb_record_read(&arena, bytes, length, &value, NULL);
		assert_int_equal(code, levels <= DDB_NESTING_MAX ? DDB_OK : DDB_DAMAGED);
		if (!code)
			assert_true(ddb_value_nesting_ok(&value));
	}
}

/* Claims that the record cannot keep take no memory, at whatever depth they stand. */
static void test_memory(void **state)
{
	(void)state;
	enum { LENGTH = 100000 };
	uint8_t *bytes = calloc(1, LENGTH);
	size_t length = 0;
	bytes[length++] = 1;
	for (int i = 0; i < 31; i++) {
		bytes[length++] = DDB_L;
		uint32_t claim = LENGTH / 2;
		for (; claim >= 0x80; claim >>= 7)
			bytes[length++] = (uint8_t)(claim | 0x80);
		bytes[length++] = (uint8_t)claim;
	}
	DDB_ARENA_AUTO struct ddb_arena small;
	ddb_arena_init(&small, 16 * LENGTH + (2 << 20));
	struct ddb_value value;
	assert_int_equal(ddb_record_read(&small, bytes, LENGTH, &value, NULL), DDB_DAMAGED);
	assert_true(small.taken <= 16 * LENGTH + 100000);

	/* Without memory a sound record is not called damaged. */
	memset(bytes, DDB_NULL, LENGTH);
	bytes[0] = 1;
	bytes[1] = DDB_L;
	bytes[2] = 0x80 | 100;
	bytes[3] = 1;
	DDB_ARENA_AUTO struct ddb_arena none;
	ddb_arena_init(&none, 100);
	assert_int_equal(ddb_record_read(&none, bytes, 4 + 228, &value, NULL), DDB_NO_MEMORY);
	assert_int_equal(ddb_record_read(&small, bytes, 4 + 228, &value, NULL), DDB_OK);
	assert_int_equal(value.count, 228);
	free(bytes);
}

/* A record with any of its bytes changed is refused, or is the record of another canonical value; cut, it is
 * refused. */
static void test_changed_bytes(void **state)
{
	(void)state;
	struct ddb_value value = item(EVERYTHING);
	DDB_BUFFER_AUTO struct ddb_buffer out, again;
	ddb_buffer_init(&out, 4096);
	ddb_buffer_init(&again, 4096);
	ddb_record_write(&value, &out);
	for (size_t cut = 0; cut < out.length; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);
		memcpy(copy, out.bytes, cut);
		struct ddb_value back;
		assert_int_equal(ddb_record_read(&arena, copy, cut, &back, NULL), DDB_DAMAGED);
		free(copy);
	}
	uint8_t *copy = malloc(out.length);
	srand(5);
	for (size_t i = 0; i < out.length * 400; i++) {
		memcpy(copy, out.bytes, out.length);
		copy[i % out.length] = (uint8_t)(i / out.length);
		if (i / out.length >= 256)
			copy[(size_t)rand() % out.length] = (uint8_t)rand();
		struct ddb_value back;
		ddb_arena_reset(&arena);
		if (ddb_record_read(&arena, copy, out.length, &back, NULL))
			continue;
		ddb_buffer_clear(&again);
		ddb_record_write(&back, &again);
		assert_int_equal(again.length, out.length);
		assert_memory_equal(again.bytes, copy, out.length);
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_stand_in_names),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_changed_bytes),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
