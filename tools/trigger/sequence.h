/*
 * The sequence number of a stream record: a decimal of up to 40 digits, which no integer holds. Its text is
 * kept as it came, since files are named by it. Pure.
 */
#ifndef TOOLS_TRIGGER_SEQUENCE_H
#define TOOLS_TRIGGER_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRIGGER_SEQUENCE_DIGITS_MAX = 40 };

struct trigger_sequence {
	char digits[TRIGGER_SEQUENCE_DIGITS_MAX + 1];
};

/* Where a reader stands: behind this record. */
struct trigger_position {
	struct trigger_sequence sequence; /* zero: before the first */
	int64_t time;                     /* of the change, in seconds since the epoch; 0: not known */
};

/* False: that is none. */
bool trigger_sequence_read(const char *text, size_t length, struct trigger_sequence *ret);
int trigger_sequence_compare(const struct trigger_sequence *a, const struct trigger_sequence *b);
bool trigger_sequence_is_zero(const struct trigger_sequence *sequence);

#endif
