/*
 * A second opinion on JSON: the grammar of RFC 8259, UTF-8 and whole surrogate pairs, by recursive descent.
 * It knows no numbers' values, no limits, and does not compare names.
 */
#ifndef FUZZ_REFERENCE_JSON_H
#define FUZZ_REFERENCE_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum { REFERENCE_DEEP = 200 }; /* containers; beyond them nothing is said */

enum reference_verdict { REFERENCE_NO, REFERENCE_YES, REFERENCE_DEEPER };
enum reference_verdict reference_json(const char *text, size_t length);
/* From the first byte that is not as UTF-8 demands; `length` if there is none. */
size_t reference_utf8(const unsigned char *bytes, size_t length);

#endif
