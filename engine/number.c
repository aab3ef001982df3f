/*
 * Exact decimals. A number passes through two shapes: significant decimal digits with the exponent of the
 * first one (what text is), and base-100 digits with theirs (what the sortable form is). Addition works on
 * one cell for every base-100 position that any number in range can have, so that no rounding or shifting is
 * ever needed.
 */
#include "engine/number.h"
#include <assert.h>
#include <string.h>

enum {
	DIGITS_MAX = 38,
	PAIRS_MAX = 20, /* 38 decimal digits that begin and end in the middle of a pair */
	EXPONENT_MAX = 125,
	EXPONENT_MIN = -130,
	EXPONENT100_MAX = 62,
	EXPONENT100_MIN = -65,
	ZERO = 0x80,
	TERMINATOR = 102,
	TEXT_SHOWN_MAX = 200, /* of a text that is no number */
};

#define OVERFLOW_TEXT                                                                                        \
	"Number overflow. Attempting to store a number with magnitude larger than supported range"
#define UNDERFLOW_TEXT                                                                                       \
	"Number underflow. Attempting to store a number with magnitude smaller than supported range"
#define DIGITS_TEXT "Attempting to store more than 38 significant digits in a Number"
#define SYNTAX_TEXT "The parameter cannot be converted to a numeric value"

/* Significant decimal digits; the first and the last are not 0. Zero has none. */
struct decimal {
	bool negative;
	int count;
	int exponent; /* of the first digit */
	uint8_t digits[2 * PAIRS_MAX];
};

static int floor_half(int n)
{
	return n >= 0 ? n / 2 : -((1 - n) / 2);
}

/* ---- Sortable form ---- */

/* `pairs`: base-100 digits, the first and last of them not 0. */
static void encode(const uint8_t *pairs, int count, int exponent100, bool negative, struct ddb_number *ret)
{
	assert(count > 0 && count <= PAIRS_MAX);
	assert(exponent100 >= EXPONENT100_MIN && exponent100 <= EXPONENT100_MAX);
	int biased = exponent100 - EXPONENT100_MIN;
	memset(ret, 0, sizeof(*ret));
	ret->bytes[0] = (uint8_t)(negative ? 0x7f - biased : ZERO + biased);
	for (int i = 0; i < count; i++)
		ret->bytes[1 + i] = (uint8_t)(negative ? 101 - pairs[i] : pairs[i] + 1);
	if (negative)
		ret->bytes[1 + count] = TERMINATOR;
	ret->length = (uint8_t)(1 + count + negative);
}

static void encode_zero(struct ddb_number *ret)
{
	*ret = (struct ddb_number){.bytes = {ZERO}, .length = 1};
}

static void encode_decimal(const struct decimal *decimal, struct ddb_number *ret)
{
	if (!decimal->count) {
		encode_zero(ret);
		return;
	}
	/* A pair begins at an odd exponent: an even one leaves the first pair's tens empty. */
	uint8_t pairs[PAIRS_MAX] = {0};
	int at = decimal->exponent & 1 ? 0 : 1;
	for (int i = 0; i < decimal->count; i++, at++)
		pairs[at / 2] = (uint8_t)(pairs[at / 2] + (at & 1 ? 1 : 10) * decimal->digits[i]);
	encode(pairs, (at + 1) / 2, floor_half(decimal->exponent), decimal->negative, ret);
}

struct pairs {
	bool negative;
	int count;
	int exponent100;
	uint8_t pairs[PAIRS_MAX];
};

static void decode_pairs(const uint8_t *bytes, size_t length, struct pairs *ret)
{
	assert(length >= 1 && length <= DDB_NUMBER_BYTES);
	ret->negative = bytes[0] < ZERO;
	ret->count = (int)length - 1 - ret->negative;
	ret->exponent100 = (ret->negative ? 0x7f - bytes[0] : bytes[0] - ZERO) + EXPONENT100_MIN;
	for (int i = 0; i < ret->count; i++)
		ret->pairs[i] = (uint8_t)(ret->negative ? 101 - bytes[1 + i] : bytes[1 + i] - 1);
}

static void decode(const uint8_t *bytes, size_t length, struct decimal *ret)
{
	struct pairs pairs;
	decode_pairs(bytes, length, &pairs);
	ret->negative = pairs.negative;
	ret->count = 0;
	ret->exponent = 0;
	if (!pairs.count)
		return;
	ret->exponent = 2 * pairs.exponent100 + 1;
	if (pairs.pairs[0] < 10)
		ret->exponent--;
	else
		ret->digits[ret->count++] = pairs.pairs[0] / 10;
	ret->digits[ret->count++] = pairs.pairs[0] % 10;
	for (int i = 1; i < pairs.count; i++) {
		ret->digits[ret->count++] = pairs.pairs[i] / 10;
		ret->digits[ret->count++] = pairs.pairs[i] % 10;
	}
	if (!ret->digits[ret->count - 1])
		ret->count--;
}

static bool valid_pairs(const uint8_t *bytes, int count, bool negative)
{
	for (int i = 0; i < count; i++) {
		int pair = negative ? 101 - bytes[i] : bytes[i] - 1;
		if (pair < 0 || pair > 99)
			return false;
		if (pair == 0 && (i == 0 || i == count - 1))
			return false;
	}
	int first = negative ? 101 - bytes[0] : bytes[0] - 1;
	int last = negative ? 101 - bytes[count - 1] : bytes[count - 1] - 1;
	return 2 * count - (first < 10) - (last % 10 == 0) <= DIGITS_MAX;
}

bool ddb_number_valid(const uint8_t *bytes, size_t length)
{
	if (length == 0 || length > DDB_NUMBER_BYTES)
		return false;
	if (length == 1)
		return bytes[0] == ZERO;
	bool negative = bytes[0] < ZERO;
	if (negative && bytes[length - 1] != TERMINATOR)
		return false;
	int count = (int)length - 1 - negative;
	return count > 0 && count <= PAIRS_MAX && valid_pairs(bytes + 1, count, negative);
}

/* ---- Text to number ---- */

/* What a pass over the text finds. Positions count the mantissa's digits, wherever the point is. */
struct scan {
	struct decimal decimal; /* at most DIGITS_MAX digits kept */
	int64_t digits;         /* written */
	int64_t integers;       /* of them, before the point */
	int64_t first, last;    /* positions of the first and last digit that is not 0; first -1: none */
	int64_t exponent;       /* as written, saturated */
};

static void scan_digit(struct scan *scan, int digit)
{
	int64_t position = scan->digits++;
	if (digit) {
		if (scan->first < 0)
			scan->first = position;
		scan->last = position;
	}
	if (scan->first >= 0 && position - scan->first < DIGITS_MAX)
		scan->decimal.digits[position - scan->first] = (uint8_t)digit;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *scan_mantissa(const char *at, const char *end, struct scan *scan)
{
	for (; at < end && is_digit(*at); at++)
		scan_digit(scan, *at - '0');
	scan->integers = scan->digits;
	if (at == end || *at != '.')
		return at;
	for (at++; at < end && is_digit(*at); at++)
		scan_digit(scan, *at - '0');
	return at;
}

/* Answers NULL when there is no exponent behind the e. */
static const char *scan_exponent(const char *at, const char *end, struct scan *scan)
{
	/* Beyond any length of mantissa that could bring it back into range, and far from overflow. */
	const int64_t saturated = INT64_C(1) << 60;
	bool negative = at < end && *at == '-';
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	if (at == end || !is_digit(*at))
		return NULL;
	for (; at < end && is_digit(*at); at++) {
		if (scan->exponent < saturated / 10)
			scan->exponent = scan->exponent * 10 + (*at - '0');
		else
			scan->exponent = saturated;
	}
	if (negative)
		scan->exponent = -scan->exponent;
	return at;
}

static bool scan_text(const char *text, size_t length, struct scan *scan)
{
	const char *at = text, *end = text + length;
	if (at < end && (*at == '+' || *at == '-'))
		scan->decimal.negative = *at++ == '-';
	at = scan_mantissa(at, end, scan);
	if (!scan->digits)
		return false;
	if (at < end && (*at == 'e' || *at == 'E'))
		at = scan_exponent(at + 1, end, scan);
	return at == end;
}

static enum ddb_code fail_syntax(const char *text, size_t length, struct ddb_error *err)
{
	if (!length)
		return ddb_fail(err, DDB_VALIDATION, SYNTAX_TEXT);
	bool cut = length > TEXT_SHOWN_MAX;
	return ddb_fail(err, DDB_VALIDATION, SYNTAX_TEXT ": %.*s%s", cut ? TEXT_SHOWN_MAX : (int)length, text,
		cut ? "..." : "");
}

enum ddb_code ddb_number_read(const char *text, size_t length, struct ddb_number *ret, struct ddb_error *err)
{
	struct scan scan = {.first = -1};
	if (!scan_text(text, length, &scan))
		return fail_syntax(text, length, err);
	/* The service judges a zero too, by the place of its last written digit: 0e126 is refused, 0.0e126 is
	 * not. */
	bool zero = scan.first < 0;
	int64_t exponent = scan.integers - 1 - (zero ? scan.digits - 1 : scan.first) + scan.exponent;
	if (exponent > EXPONENT_MAX)
		return ddb_fail(err, DDB_VALIDATION, OVERFLOW_TEXT);
	if (exponent < EXPONENT_MIN)
		return ddb_fail(err, DDB_VALIDATION, UNDERFLOW_TEXT);
	if (!zero && scan.last - scan.first >= DIGITS_MAX)
		return ddb_fail(err, DDB_VALIDATION, DIGITS_TEXT);
	scan.decimal.count = zero ? 0 : (int)(scan.last - scan.first + 1);
	scan.decimal.exponent = (int)exponent;
	encode_decimal(&scan.decimal, ret);
	return DDB_OK;
}

/* ---- Number to text ---- */

static char *put_zeros(char *at, int count)
{
	memset(at, '0', (size_t)count);
	return at + count;
}

static char *put_digits(char *at, const uint8_t *digits, int count)
{
	for (int i = 0; i < count; i++)
		*at++ = (char)('0' + digits[i]);
	return at;
}

static char *put_decimal(char *at, const struct decimal *decimal)
{
	int integers = decimal->exponent + 1;
	if (decimal->negative)
		*at++ = '-';
	if (integers <= 0) {
		*at++ = '0';
		*at++ = '.';
		at = put_zeros(at, -integers);
		return put_digits(at, decimal->digits, decimal->count);
	}
	if (integers >= decimal->count) {
		at = put_digits(at, decimal->digits, decimal->count);
		return put_zeros(at, integers - decimal->count);
	}
	at = put_digits(at, decimal->digits, integers);
	*at++ = '.';
	return put_digits(at, decimal->digits + integers, decimal->count - integers);
}

size_t ddb_number_write(const uint8_t *bytes, size_t length, char ret[DDB_NUMBER_TEXT_MAX])
{
	struct decimal decimal;
	decode(bytes, length, &decimal);
	char *end = decimal.count ? put_decimal(ret, &decimal) : put_zeros(ret, 1);
	*end = '\0';
	return (size_t)(end - ret);
}

size_t ddb_number_text_length(const uint8_t *bytes, size_t length)
{
	struct decimal decimal;
	decode(bytes, length, &decimal);
	if (!decimal.count)
		return 1;
	int integers = decimal.exponent + 1;
	int text = decimal.negative;
	if (integers <= 0)
		text += 2 - integers + decimal.count;
	else if (integers >= decimal.count)
		text += integers;
	else
		text += decimal.count + 1;
	return (size_t)text;
}

size_t ddb_number_size(const uint8_t *bytes, size_t length)
{
	struct decimal decimal;
	decode(bytes, length, &decimal);
	int integers = decimal.exponent + 1;
	if (integers < 0)
		integers = 0;
	if (integers > decimal.count)
		integers = decimal.count;
	int fraction = decimal.count - integers;
	return (size_t)(1 + (integers + 1) / 2 + (fraction + 1) / 2 + decimal.negative);
}

/* ---- Arithmetic ---- */

enum {
	TOP = EXPONENT100_MAX + 1, /* a carry out of the highest position */
	BOTTOM = EXPONENT100_MIN - PAIRS_MAX + 1,
	CELLS = TOP - BOTTOM + 1,
};

/* Cell i stands for 100^(TOP - i). */
static void add_into(int cells[CELLS], const struct ddb_number *number, int sign)
{
	struct pairs pairs;
	decode_pairs(number->bytes, number->length, &pairs);
	if (pairs.negative)
		sign = -sign;
	for (int i = 0; i < pairs.count; i++)
		cells[TOP - pairs.exponent100 + i] += sign * pairs.pairs[i];
}

/* Brings every cell into 0..99; the sign of the highest cell that is not 0 is that of the whole. */
static bool carry(int cells[CELLS], int first)
{
	bool negative = cells[first] < 0;
	int above = 0;
	for (int i = CELLS - 1; i >= 0; i--) {
		int cell = (negative ? -cells[i] : cells[i]) + above;
		above = cell < 0 ? -1 : cell / 100;
		cells[i] = cell - 100 * above;
	}
	return negative;
}

static int first_used(const int cells[CELLS])
{
	int first = 0;
	while (first < CELLS && !cells[first])
		first++;
	return first;
}

static enum ddb_code encode_cells(
	const int cells[CELLS], bool negative, struct ddb_number *ret, struct ddb_error *err)
{
	int first = first_used(cells), last = CELLS - 1;
	while (!cells[last])
		last--;
	int count = last - first + 1;
	if (first == 0 || 2 * count - (cells[first] < 10) - (cells[last] % 10 == 0) > DIGITS_MAX)
		return ddb_fail(err, DDB_VALIDATION, OVERFLOW_TEXT);
	if (TOP - first < EXPONENT100_MIN)
		return ddb_fail(err, DDB_VALIDATION, UNDERFLOW_TEXT);
	uint8_t pairs[PAIRS_MAX];
	for (int i = 0; i < count; i++)
		pairs[i] = (uint8_t)cells[first + i];
	encode(pairs, count, TOP - first, negative, ret);
	return DDB_OK;
}

static enum ddb_code sum(const struct ddb_number *a, const struct ddb_number *b, int sign,
	struct ddb_number *ret, struct ddb_error *err)
{
	int cells[CELLS] = {0};
	add_into(cells, a, 1);
	add_into(cells, b, sign);
	int first = first_used(cells);
	if (first == CELLS) {
		encode_zero(ret);
		return DDB_OK;
	}
	bool negative = carry(cells, first);
	return encode_cells(cells, negative, ret, err);
}

enum ddb_code ddb_number_add(
	const struct ddb_number *a, const struct ddb_number *b, struct ddb_number *ret, struct ddb_error *err)
{
	return sum(a, b, 1, ret, err);
}

enum ddb_code ddb_number_subtract(
	const struct ddb_number *a, const struct ddb_number *b, struct ddb_number *ret, struct ddb_error *err)
{
	return sum(a, b, -1, ret, err);
}

/* ---- Machine integers ---- */

void ddb_number_from_int(int64_t value, struct ddb_number *ret)
{
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	uint8_t pairs[PAIRS_MAX];
	int at = PAIRS_MAX, last = PAIRS_MAX;
	for (; magnitude; magnitude /= 100)
		pairs[--at] = (uint8_t)(magnitude % 100);
	if (at == PAIRS_MAX) {
		encode_zero(ret);
		return;
	}
	while (!pairs[last - 1])
		last--;
	encode(pairs + at, last - at, PAIRS_MAX - 1 - at, value < 0, ret);
}

bool ddb_number_to_int(const uint8_t *bytes, size_t length, int64_t *ret)
{
	struct decimal decimal;
	decode(bytes, length, &decimal);
	int integers = decimal.count ? decimal.exponent + 1 : 0;
	if (decimal.count > integers || integers > 19)
		return false;
	int64_t value = 0;
	for (int i = 0; i < integers; i++) {
		int digit = i < decimal.count ? decimal.digits[i] : 0;
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, decimal.negative ? -digit : digit, &value))
			return false;
	}
	*ret = value;
	return true;
}
