#include "tools/trigger/sequence.h"

#include <string.h>

bool trigger_sequence_read(const char *text, size_t length, struct trigger_sequence *ret)
{
	if (!length || length > TRIGGER_SEQUENCE_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	memcpy(ret->digits, text, length);
	ret->digits[length] = 0;
	return true;
}

static const char *without_zeros(const struct trigger_sequence *sequence)
{
	return sequence->digits + strspn(sequence->digits, "0");
}

int trigger_sequence_compare(const struct trigger_sequence *a, const struct trigger_sequence *b)
{
	const char *left = without_zeros(a), *right = without_zeros(b);
	size_t left_length = strlen(left), right_length = strlen(right);

	if (left_length != right_length)
		return left_length < right_length ? -1 : 1;
	return strcmp(left, right);
}

bool trigger_sequence_is_zero(const struct trigger_sequence *sequence)
{
	return !*without_zeros(sequence);
}
