/*
 * DynamoDB's numbers: exact decimals of up to 38 significant digits, 1E-130 to 9.99…E+125 in magnitude, or 0.
 * A number is kept in its sortable form: at most 22 bytes that memcmp orders by value (a proper prefix sorts
 * first), one form per value, so that keys, sets and comparisons need no arithmetic. Zero is the one byte
 * 0x80; else sign and base-100 exponent in the first byte, then base-100 digits, complemented and terminated
 * for negative numbers.
 */
#ifndef DDB_NUMBER_H
#define DDB_NUMBER_H

#include "engine/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DDB_NUMBER_BYTES = 22,     /* the longest sortable form */
	DDB_NUMBER_TEXT_MAX = 172, /* the longest plain text: sign, "0.", 129 zeros, 38 digits, NUL */
};

struct ddb_number {
	uint8_t bytes[DDB_NUMBER_BYTES];
	uint8_t length;
};

/*
 * Reads DynamoDB's number syntax ("+3", ".123", "0001.23", "1e+5" are fine). Fails in time linear in
 * `length`, whatever the exponent. DDB_VALIDATION with the service's texts: more than 38 significant digits,
 * overflow, underflow, not a number.
 */
DDB_MUST_CHECK enum ddb_code ddb_number_read(
	const char *text, size_t length, struct ddb_number *ret, struct ddb_error *err);

/* Canonical plain decimal, never an exponent. Returns the length; NUL-terminated. `bytes` must be a valid
 * form. */
size_t ddb_number_write(const uint8_t *bytes, size_t length, char ret[DDB_NUMBER_TEXT_MAX]);
/* The length that ddb_number_write would return. */
size_t ddb_number_text_length(const uint8_t *bytes, size_t length);

/* Whether the bytes are the sortable form of some number in range. */
bool ddb_number_valid(const uint8_t *bytes, size_t length);

/* Bytes in DynamoDB's counting: 1 + ceil(integer digits / 2) + ceil(fraction digits / 2), + 1 if negative. */
size_t ddb_number_size(const uint8_t *bytes, size_t length);

/* Exact; a result that needs more than 38 digits or leaves the range is an error, never rounded. */
DDB_MUST_CHECK enum ddb_code ddb_number_add(const struct ddb_number *a, const struct ddb_number *b,
	struct ddb_number *ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code ddb_number_subtract(const struct ddb_number *a, const struct ddb_number *b,
	struct ddb_number *ret, struct ddb_error *err);

void ddb_number_from_int(int64_t value, struct ddb_number *ret);
/* False when the number is no integer or does not fit. */
bool ddb_number_to_int(const uint8_t *bytes, size_t length, int64_t *ret);

#endif
