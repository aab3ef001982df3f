/*
 * Numbers: lines of text, each also taken as bytes. The text is judged by schoolbook rules of its own; order,
 * sums and lengths must agree with what the texts say.
 */
#include "engine/number.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 3 };

/* ---- Schoolbook ---- */

struct plain {
	bool negative, zero;
	size_t digits;
	long long exponent; /* of the first digit */
	char text[4096];    /* the significant digits */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* False: no number at all. */
static bool read_plain(const char *text, size_t length, struct plain *ret)
{
	const long long huge = 1000000000000;
	size_t at = 0, written = 0, integers = 0, first = 0, last = 0;
	long long exponent = 0;
	bool point = false, any = false, less = false;
	*ret = (struct plain){.zero = true};
	if (at < length && (text[at] == '+' || text[at] == '-'))
		ret->negative = text[at++] == '-';
	for (; at < length && (is_digit(text[at]) || (text[at] == '.' && !point)); at++) {
		if (text[at] == '.') {
			point = true;
			continue;
		}
		if (text[at] != '0' && ret->zero) {
			ret->zero = false;
			first = written;
		}
		if (text[at] != '0')
			last = written;
		if (!ret->zero && written - first < sizeof ret->text)
			ret->text[written - first] = text[at];
		written++;
		integers += !point;
		any = true;
	}
	if (!any)
		return false;
	if (at < length && (text[at] == 'e' || text[at] == 'E')) {
		at++;
		if (at < length && (text[at] == '+' || text[at] == '-'))
			less = text[at++] == '-';
		if (at == length)
			return false;
		for (; at < length && is_digit(text[at]); at++)
			exponent = exponent > huge ? exponent : 10 * exponent + (text[at] - '0');
	}
	if (at < length)
		return false;
	ret->digits = ret->zero ? 0 : last - first + 1;
	/* A zero has the place of its last digit. */
	ret->exponent = (long long)integers - 1 - (long long)(ret->zero ? written - 1 : first) +
			(less ? -exponent : exponent);
	return true;
}

static bool in_range(const struct plain *plain)
{
	return plain->exponent <= 125 && plain->exponent >= -130 && plain->digits <= 38;
}

static void write_plain(const struct plain *plain, char ret[400])
{
	char *at = ret;
	if (plain->zero) {
		strcpy(ret, "0");
		return;
	}
	if (plain->negative)
		*at++ = '-';
	if (plain->exponent < 0)
		at += sprintf(at, "0.%0*d", (int)-plain->exponent - 1, 0);
	if (plain->exponent == -1)
		at--; /* that printed a zero too many */
	for (size_t i = 0; i < plain->digits || (long long)i <= plain->exponent; i++) {
		if (plain->exponent >= 0 && (long long)i == plain->exponent + 1)
			*at++ = '.';
		*at++ = i < plain->digits ? plain->text[i] : '0';
	}
	*at = '\0';
}

static int compare_plain(const struct plain *a, const struct plain *b)
{
	int sign_a = a->zero ? 0 : a->negative ? -1 : 1, sign_b = b->zero ? 0 : b->negative ? -1 : 1;
	if (sign_a != sign_b)
		return sign_a < sign_b ? -1 : 1;
	if (!sign_a)
		return 0;
	if (a->exponent != b->exponent)
		return a->exponent < b->exponent ? -sign_a : sign_a;
	for (size_t i = 0; i < a->digits || i < b->digits; i++) {
		int digit_a = i < a->digits ? a->text[i] : '0', digit_b = i < b->digits ? b->text[i] : '0';
		if (digit_a != digit_b)
			return digit_a < digit_b ? -sign_a : sign_a;
	}
	return 0;
}

/* ---- What must hold ---- */

static int compare(const struct ddb_number *a, const struct ddb_number *b)
{
	size_t common = a->length < b->length ? a->length : b->length;
	int order = memcmp(a->bytes, b->bytes, common);
	return order ? (order > 0) - (order < 0) : (a->length > b->length) - (a->length < b->length);
}

static void check_form(const struct ddb_number *number)
{
	char text[DDB_NUMBER_TEXT_MAX];
	struct ddb_number again;
	int64_t integer;
	FUZZ_CHECK(ddb_number_valid(number->bytes, number->length));
	size_t length = ddb_number_write(number->bytes, number->length, text);
	FUZZ_CHECK(length == strlen(text) && length < DDB_NUMBER_TEXT_MAX);
	FUZZ_CHECK(length == ddb_number_text_length(number->bytes, number->length));
	FUZZ_CHECK(!ddb_number_read(text, length, &again, NULL) && !compare(number, &again));
	size_t size = ddb_number_size(number->bytes, number->length);
	FUZZ_CHECK(size >= 1 && size <= 22);
	if (ddb_number_to_int(number->bytes, number->length, &integer)) {
		char digits[32];
		snprintf(digits, sizeof digits, "%lld", (long long)integer);
		FUZZ_CHECK(!strcmp(digits, text));
		ddb_number_from_int(integer, &again);
		FUZZ_CHECK(!compare(number, &again));
	}
}

static bool check_text(const char *text, size_t length, struct ddb_number *ret, struct plain *ret_plain)
{
	char wanted[400], canonical[DDB_NUMBER_TEXT_MAX];
	struct ddb_error err = {0};
	enum ddb_code code = ddb_number_read(text, length, ret, &err);
	bool number = read_plain(text, length, ret_plain);
	FUZZ_CHECK(!code == (number && in_range(ret_plain)));
	if (code) {
		fuzz_check_error(code, &err);
		FUZZ_CHECK(number == !strstr(err.message, "cannot be converted"));
		return false;
	}
	check_form(ret);
	write_plain(ret_plain, wanted);
	ddb_number_write(ret->bytes, ret->length, canonical);
	FUZZ_CHECK(!strcmp(wanted, canonical));
	return true;
}

static void check_sums(const struct ddb_number *a, const struct ddb_number *b)
{
	static const struct ddb_number zero = {.bytes = {0x80}, .length = 1};
	struct ddb_number sum, other, difference, back;
	enum ddb_code code = ddb_number_add(a, b, &sum, NULL);
	FUZZ_CHECK(code == ddb_number_add(b, a, &other, NULL));
	if (!code) {
		check_form(&sum);
		FUZZ_CHECK(!compare(&sum, &other));
		FUZZ_CHECK(!ddb_number_subtract(&sum, b, &back, NULL) && !compare(&back, a));
	}
	code = ddb_number_subtract(a, b, &difference, NULL);
	FUZZ_CHECK(code == ddb_number_subtract(b, a, &other, NULL));
	if (code)
		return;
	check_form(&difference);
	FUZZ_CHECK(compare(&difference, &zero) == compare(a, b));
	FUZZ_CHECK(!ddb_number_add(&difference, &other, &back, NULL) && !compare(&back, &zero));
}

static void check_bytes(const uint8_t *bytes, size_t size)
{
	struct ddb_number number = {.length = (uint8_t)size};
	int64_t integer;
	if (ddb_number_valid(bytes, size)) {
		memcpy(number.bytes, bytes, size);
		check_form(&number);
	}
	if (size < sizeof integer)
		return;
	memcpy(&integer, bytes, sizeof integer);
	ddb_number_from_int(integer, &number);
	check_form(&number);
	int64_t again;
	FUZZ_CHECK(ddb_number_to_int(number.bytes, number.length, &again) && again == integer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct ddb_number numbers[LINES_MAX];
	struct plain plains[LINES_MAX];
	size_t count = 0;
	const char *text = (const char *)bytes, *end = text + size;
	check_bytes(bytes, size);
	while (text < end && count < LINES_MAX) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((newline ? newline : end) - text);
		char *line = fuzz_copy(text, length);
		count += check_text(line, length, &numbers[count], &plains[count]);
		free(line);
		text += length + (newline != NULL);
	}
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			FUZZ_CHECK(
				compare(&numbers[i], &numbers[j]) == compare_plain(&plains[i], &plains[j]));
			check_sums(&numbers[i], &numbers[j]);
		}
	return 0;
}
