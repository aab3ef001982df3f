/*
 * Numbers: syntax, range, canonical text, order, size, exact sums. The random cases are checked against plain
 * decimal strings of fixed length, on which comparing and adding are what one learns at school.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/number.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_38 "12345678901234567890123456789012345678"
#define NINES_38 "99999999999999999999999999999999999999"
#define OVERFLOW "Number overflow. Attempting to store a number with magnitude larger than supported range"
#define UNDERFLOW "Number underflow. Attempting to store a number with magnitude smaller than supported range"
#define DIGITS "Attempting to store more than 38 significant digits in a Number"
#define SYNTAX "The parameter cannot be converted to a numeric value"

static struct ddb_number number(const char *text)
{
	struct ddb_number ret = {0};
	struct ddb_error err = {0};
	if (ddb_number_read(text, strlen(text), &ret, &err))
		fail_msg("%s: %s", text, err.message);
	assert_true(ddb_number_valid(ret.bytes, ret.length));
	return ret;
}

static const char *text_of(const struct ddb_number *number, char ret[DDB_NUMBER_TEXT_MAX])
{
	size_t length = ddb_number_write(number->bytes, number->length, ret);
	assert_int_equal(length, strlen(ret));
	assert_int_equal(length, ddb_number_text_length(number->bytes, number->length));
	assert_true(length < DDB_NUMBER_TEXT_MAX);
	return ret;
}

static int order(const struct ddb_number *a, const struct ddb_number *b)
{
	size_t common = a->length < b->length ? a->length : b->length;
	int ret = memcmp(a->bytes, b->bytes, common);
	return ret ? (ret > 0) - (ret < 0) : (a->length > b->length) - (a->length < b->length);
}

static void test_canonical_text(void **state)
{
	static const char *const cases[][2] = {
		{"0", "0"},
		{"-0", "0"},
		{"+0", "0"},
		{"0.000", "0"},
		{"000", "0"},
		{"-0.0e5", "0"},
		{"0.0e126", "0"},
		{"0e125", "0"},
		{"0e-130", "0"},
		{"1", "1"},
		{"-1", "-1"},
		{"+3", "3"},
		{".123", "0.123"},
		{".5", "0.5"},
		{"1.", "1"},
		{"0001.23", "1.23"},
		{"1e+5", "100000"},
		{"1E5", "100000"},
		{"1e3", "1000"},
		{"1.10", "1.1"},
		{"100", "100"},
		{"-0.001", "-0.001"},
		{"12e-1", "1.2"},
		{"1e-1", "0.1"},
		{"10e-1", "1"},
		{"99", "99"},
		{"123456789.987654321", "123456789.987654321"},
		{"1.00000000000000000000000000000000000000000", "1"},
		{DIGITS_38, DIGITS_38},
		{"-" DIGITS_38, "-" DIGITS_38},
		{DIGITS_38 "000", DIGITS_38 "000"},
		{"0." DIGITS_38, "0." DIGITS_38},
		{"1e0000000000000000000000000000000000002", "100"},
		{"000000000000000000000000000000000000000000000000001", "1"},
		{"10000000000000000000000000000000000000000", "10000000000000000000000000000000000000000"},
		{"1.2345678901234567890123456789012345678", "1.2345678901234567890123456789012345678"},
		{"12.345678901234567890123456789012345678", "12.345678901234567890123456789012345678"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ddb_number value = number(cases[i][0]);
		char text[DDB_NUMBER_TEXT_MAX];
		assert_string_equal(text_of(&value, text), cases[i][1]);
		struct ddb_number again = number(text);
		assert_int_equal(order(&value, &again), 0);
	}
}

static void test_extremes(void **state)
{
	(void)state;
	char text[DDB_NUMBER_TEXT_MAX];
	struct ddb_number value = number("1e125");
	assert_int_equal(strlen(text_of(&value, text)), 126);
	value = number("-9.9999999999999999999999999999999999999E+125");
	assert_int_equal(strlen(text_of(&value, text)), 127);
	assert_memory_equal(text, "-" NINES_38 "0", 40);
	value = number("1e-130");
	assert_int_equal(strlen(text_of(&value, text)), 132);
	assert_memory_equal(text, "0.000", 5);
	assert_int_equal(text[131], '1');
	value = number("-1.2345678901234567890123456789012345678e-130");
	assert_int_equal(strlen(text_of(&value, text)), 1 + 2 + 129 + 38);
	assert_int_equal(value.length, DDB_NUMBER_BYTES);
}

static void test_refusals(void **state)
{
	static const char *const cases[][2] = {
		{"", SYNTAX},
		{"NaN", SYNTAX ": NaN"},
		{"Infinity", SYNTAX ": Infinity"},
		{" 1", SYNTAX ":  1"},
		{"1 ", SYNTAX ": 1 "},
		{".", SYNTAX ": ."},
		{"-", SYNTAX ": -"},
		{"+", SYNTAX ": +"},
		{"--1", SYNTAX ": --1"},
		{"e5", SYNTAX ": e5"},
		{".e5", SYNTAX ": .e5"},
		{"1e", SYNTAX ": 1e"},
		{"1e+", SYNTAX ": 1e+"},
		{"1e1.5", SYNTAX ": 1e1.5"},
		{"1.2.3", SYNTAX ": 1.2.3"},
		{"0x10", SYNTAX ": 0x10"},
		{"1,5", SYNTAX ": 1,5"},
		{"1e126", OVERFLOW},
		{"-1e126", OVERFLOW},
		{"10e125", OVERFLOW},
		{"0e126", OVERFLOW},
		{"1e-131", UNDERFLOW},
		{"0.1e-130", UNDERFLOW},
		{"-9e-131", UNDERFLOW},
		{"0e-131", UNDERFLOW},
		{"1e100000000", OVERFLOW},
		{"1e-100000000", UNDERFLOW},
		{"1e99999999999999999999999999", OVERFLOW},
		{"1e-99999999999999999999999999", UNDERFLOW},
		{DIGITS_38 "9", DIGITS},
		{DIGITS_38 ".1", DIGITS},
		{"1." DIGITS_38, DIGITS},
		{"1.000000000000000000000000000000000000001", DIGITS},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ddb_number ret = {.length = 77};
		struct ddb_error err = {0};
		assert_int_equal(
			ddb_number_read(cases[i][0], strlen(cases[i][0]), &ret, &err), DDB_VALIDATION);
		assert_int_equal(err.code, DDB_VALIDATION);
		assert_string_equal(err.message, cases[i][1]);
		assert_int_equal(ret.length, 77);
	}
	struct ddb_number ret;
	assert_int_equal(ddb_number_read("x", 1, &ret, NULL), DDB_VALIDATION);
}

/* Texts of a megabyte: linear, and judged right whichever part is long. */
static void test_long_texts(void **state)
{
	(void)state;
	enum { LENGTH = 1 << 20 };
	char *text = malloc(LENGTH + 64);
	struct ddb_error err;
	struct ddb_number ret;
	memset(text, '9', LENGTH);
	text[1] = 'e';
	assert_int_equal(ddb_number_read(text, LENGTH, &ret, &err), DDB_VALIDATION);
	assert_string_equal(err.message, OVERFLOW);
	text[2] = '-';
	assert_int_equal(ddb_number_read(text, LENGTH, &ret, &err), DDB_VALIDATION);
	assert_string_equal(err.message, UNDERFLOW);
	memset(text, '0', LENGTH);
	text[0] = '.';
	int length = LENGTH + sprintf(text + LENGTH, "7e%d", LENGTH);
	assert_int_equal(ddb_number_read(text, (size_t)length, &ret, &err), DDB_OK);
	char plain[DDB_NUMBER_TEXT_MAX];
	assert_string_equal(text_of(&ret, plain), "7");
	memset(text, 'x', LENGTH);
	assert_int_equal(ddb_number_read(text, LENGTH, &ret, &err), DDB_VALIDATION);
	assert_true(strlen(err.message) < 400);
	free(text);
}

static void test_order(void **state)
{
	static const char *const rising[] = {"-9e125", "-1e125", "-1000", "-100.5", "-100", "-99", "-10",
		"-9.99", "-2", "-1.5", "-1.05", "-1.005", "-1", "-0.5", "-0.1", "-0.01", "-1e-129",
		"-1.5e-130", "-1e-130", "0", "1e-130", "1.5e-130", "1e-129", "0.01", "0.1", "0.5", "1",
		"1.005", "1.05", "1.5", "2", "9.99", "10", "99", "100", "100.5", "1000", "1e125", "9e125"};
	(void)state;
	for (size_t i = 0; i < sizeof(rising) / sizeof(rising[0]); i++) {
		for (size_t j = 0; j < sizeof(rising) / sizeof(rising[0]); j++) {
			struct ddb_number a = number(rising[i]), b = number(rising[j]);
			assert_int_equal(order(&a, &b), (i > j) - (i < j));
		}
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} cases[] = {{"0", 1}, {"1", 2}, {"-1", 3}, {"1E125", 2}, {"3.14159", 5}, {"123456", 4},
		{"0.0000001", 2}, {"100.5", 4}, {"0.00123", 3}, {"-0.00123", 4}, {"100", 2}, {"120", 2},
		{"1.001", 4}, {"99", 2}, {DIGITS_38, 20}, {"-" DIGITS_38, 21},
		{"1.2345678901234567890123456789012345678", 21}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ddb_number value = number(cases[i].text);
		assert_int_equal(ddb_number_size(value.bytes, value.length), cases[i].size);
	}
}

static void test_valid(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		bool valid;
	} cases[] = {
		{"", 0, false},
		{"\x80", 1, true},
		{"\x81", 1, false},
		{"\x7f", 1, false},
		{"\xc1\x02", 2, true},
		{"\xc1\x01", 2, false},         /* first digit 0 */
		{"\xc1\x00", 2, false},         /* no digit */
		{"\xc1\x65", 2, false},         /* 100 */
		{"\xc1\x02\x01", 3, false},     /* trailing 0 */
		{"\xc1\x02\x01\x02", 4, true},  /* 1.0001 */
		{"\x3e\x64\x66", 3, true},      /* -1 */
		{"\x3e\x64", 2, false},         /* without terminator */
		{"\x3e\x66", 2, false},         /* only the terminator */
		{"\x3e\x65\x66", 3, false},     /* -0 */
		{"\x3e\x01\x66", 3, false},     /* -100 as a digit */
		{"\x3e\x64\x66\x66", 4, false}, /* terminator as a digit */
		{"\x80\x02", 2, true},          /* 1e-130 */
		{"\x7f\x64\x66", 3, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			ddb_number_valid((const uint8_t *)cases[i].bytes, cases[i].length), cases[i].valid);
	uint8_t bytes[32];
	memset(bytes, 12, sizeof(bytes));
	bytes[0] = 0xc1;
	assert_true(ddb_number_valid(bytes, 20));  /* 19 pairs: 38 digits */
	assert_false(ddb_number_valid(bytes, 21)); /* 40 */
	bytes[1] = 2;
	assert_false(ddb_number_valid(bytes, 21)); /* 39 */
	bytes[20] = 11;
	assert_true(ddb_number_valid(bytes, 21)); /* 38, ending in 10 */
	assert_false(ddb_number_valid(bytes, 23));
}

/* Whatever valid says yes to can be written and read back to the same bytes. */
static void test_valid_bytes_round_trip(void **state)
{
	(void)state;
	srand(7);
	unsigned valid = 0;
	for (int i = 0; i < 200000; i++) {
		uint8_t bytes[DDB_NUMBER_BYTES + 1];
		size_t length = 1 + (size_t)rand() % (i & 1 ? 4 : DDB_NUMBER_BYTES + 1);
		for (size_t j = 0; j < length; j++)
			bytes[j] = (uint8_t)(j ? rand() % 104 : rand());
		if (rand() & 1)
			bytes[length - 1] = 102;
		if (!ddb_number_valid(bytes, length))
			continue;
		valid++;
		char text[DDB_NUMBER_TEXT_MAX];
		ddb_number_write(bytes, length, text);
		struct ddb_number again = number(text);
		assert_int_equal(again.length, length);
		assert_memory_equal(again.bytes, bytes, length);
	}
	assert_true(valid > 10000);
}

/* ---- A reference: sign, 126 integer digits, 168 fraction digits ---- */

enum { INTEGERS = 126, PLACES = 168, CELLS = 1 + INTEGERS + PLACES }; /* and one for a carry */

struct plain {
	bool negative;
	char digits[CELLS];
};

static int compare_magnitudes(const struct plain *a, const struct plain *b)
{
	int ret = memcmp(a->digits, b->digits, CELLS);
	return (ret > 0) - (ret < 0);
}

static bool is_zero(const struct plain *a)
{
	for (int i = 0; i < CELLS; i++) {
		if (a->digits[i])
			return false;
	}
	return true;
}

static int compare_plain(const struct plain *a, const struct plain *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? -compare_magnitudes(a, b) : compare_magnitudes(a, b);
}

static struct plain add_plain(const struct plain *a, const struct plain *b)
{
	struct plain ret = {.negative = a->negative};
	int sign = a->negative == b->negative ? 1 : -1, over = 0;
	if (sign < 0 && compare_magnitudes(a, b) < 0)
		return add_plain(b, a);
	for (int i = CELLS - 1; i >= 0; i--) {
		int sum = a->digits[i] + sign * b->digits[i] + over;
		over = sum < 0 ? -1 : sum / 10;
		ret.digits[i] = (char)(sum - 10 * over);
	}
	if (is_zero(&ret))
		ret.negative = false;
	return ret;
}

static void write_plain(const struct plain *value, char *to)
{
	int first = 0, last = CELLS - 1;
	while (first < INTEGERS && !value->digits[first])
		first++;
	while (last > INTEGERS && !value->digits[last])
		last--;
	if (value->negative)
		*to++ = '-';
	for (int i = first; i <= last; i++) {
		if (i == INTEGERS + 1)
			*to++ = '.';
		*to++ = (char)('0' + value->digits[i]);
	}
	*to = '\0';
}

/* What the engine must answer for the exact result: NULL when it is in range. */
static const char *refusal(const struct plain *value)
{
	int first = 0, last = CELLS - 1;
	if (is_zero(value))
		return NULL;
	while (!value->digits[first])
		first++;
	while (!value->digits[last])
		last--;
	if (first == 0 || last - first >= 38)
		return OVERFLOW;
	return INTEGERS - first < -130 ? UNDERFLOW : NULL;
}

/* A random number twice: as the reference holds it and as a text in one of many spellings. */
static void random_number(struct plain *ret, char *text)
{
	char digits[64] = {0};
	int count = 1 + rand() % 38, exponent = rand() % 4 ? rand() % 12 - 6 : rand() % 256 - 130;
	for (int i = 0; i < count; i++)
		digits[i] = (char)(rand() % 3 ? rand() % 10 : rand() & 1 ? 9 : 0);
	if (!digits[0])
		digits[0] = 1;
	*ret = (struct plain){.negative = rand() & 1};
	for (int i = 0; i < count; i++)
		ret->digits[INTEGERS - exponent + i] = digits[i];
	int point = rand() % (count + 1), zeros = rand() % 3;
	text += sprintf(text, "%s", ret->negative ? "-" : rand() & 1 ? "+" : "");
	for (int i = 0; i < zeros; i++)
		*text++ = '0';
	for (int i = 0; i < count; i++) {
		if (i == point)
			*text++ = '.';
		*text++ = (char)('0' + digits[i]);
	}
	sprintf(text, "%c%d", rand() & 1 ? 'e' : 'E', exponent - point + 1);
}

static void test_random(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 50000; i++) {
		struct plain a, b;
		char a_text[256], b_text[256], expected[CELLS + 8], text[DDB_NUMBER_TEXT_MAX];
		random_number(&a, a_text);
		random_number(&b, b_text);
		if (rand() % 8 == 0)
			b = a, strcpy(b_text, a_text);
		struct ddb_number first = number(a_text), second = number(b_text), sum;
		write_plain(&a, expected);
		assert_string_equal(text_of(&first, text), expected);
		assert_int_equal(order(&first, &second), compare_plain(&a, &b));

		struct ddb_error err = {0};
		bool minus = rand() & 1;
		if (minus)
			b.negative = !b.negative;
		struct plain exact = add_plain(&a, &b);
		enum ddb_code code = minus ? ddb_number_subtract(&first, &second, &sum, &err)
					   : ddb_number_add(&first, &second, &sum, &err);
		if (refusal(&exact)) {
			assert_int_equal(code, DDB_VALIDATION);
			assert_string_equal(err.message, refusal(&exact));
			continue;
		}
		assert_int_equal(code, DDB_OK);
		assert_true(ddb_number_valid(sum.bytes, sum.length));
		write_plain(&exact, expected);
		assert_string_equal(text_of(&sum, text), expected);
	}
}

static void check_sum(const char *a_text, const char *b_text, const char *expected)
{
	struct ddb_number a = number(a_text), b = number(b_text), sum;
	struct ddb_error err = {0};
	char text[DDB_NUMBER_TEXT_MAX];
	if (ddb_number_add(&a, &b, &sum, &err))
		assert_string_equal(err.message, expected);
	else
		assert_string_equal(text_of(&sum, text), expected);
}

static void test_sums(void **state)
{
	(void)state;
	check_sum("1", "2", "3");
	check_sum("1", "-1", "0");
	check_sum("0", "0", "0");
	check_sum("0", "-5.5", "-5.5");
	check_sum("-0.1", "-0.2", "-0.3");
	check_sum("99.99", "0.01", "100");
	check_sum("100", "-0.01", "99.99");
	check_sum("1e37", "1", "10000000000000000000000000000000000001");
	check_sum("1e38", "1", OVERFLOW);
	check_sum("1e50", "1", OVERFLOW);
	check_sum("1e125", "1e-130", OVERFLOW);
	check_sum("9e125", "1e125", OVERFLOW);
	check_sum("-9e125", "-1e125", OVERFLOW);
	check_sum(NINES_38, "1", "100000000000000000000000000000000000000");
	check_sum("1.1e-130", "-1e-130", UNDERFLOW);
	check_sum("1e-130", "-1e-130", "0");

	/* The result may be one of the operands. */
	struct ddb_number a = number("40"), b = number("2");
	char text[DDB_NUMBER_TEXT_MAX];
	assert_int_equal(ddb_number_add(&a, &b, &a, NULL), DDB_OK);
	assert_string_equal(text_of(&a, text), "42");
	assert_int_equal(ddb_number_subtract(&a, &a, &a, NULL), DDB_OK);
	assert_string_equal(text_of(&a, text), "0");
}

static void test_integers(void **state)
{
	static const int64_t cases[] = {0, 1, -1, 9, 10, 99, 100, 101, -100, 12345, 1000000, INT64_MAX,
		INT64_MIN, INT64_MAX - 1, INT64_MIN + 1, 1000000000000000000, -1000000000000000000};
	static const char *const others[] = {"0.5", "-1.5", "9223372036854775808", "-9223372036854775809",
		"1e19", "-1e19", "1e125", "1e-130", "92233720368547758070"};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ddb_number value;
		char text[DDB_NUMBER_TEXT_MAX], expected[32];
		int64_t back = 7;
		ddb_number_from_int(cases[i], &value);
		assert_true(ddb_number_valid(value.bytes, value.length));
		snprintf(expected, sizeof(expected), "%lld", (long long)cases[i]);
		assert_string_equal(text_of(&value, text), expected);
		assert_true(ddb_number_to_int(value.bytes, value.length, &back));
		assert_true(back == cases[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct ddb_number value = number(others[i]);
		int64_t back = 7;
		assert_false(ddb_number_to_int(value.bytes, value.length, &back));
		assert_true(back == 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical_text),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_valid_bytes_round_trip),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_integers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
