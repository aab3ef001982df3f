#include "engine/utf8.h"

#include "engine/word.h"
#include <stdbool.h>
#include <stdint.h>

static size_t ascii_prefix(const char *bytes, size_t length)
{
	size_t done = 0;
	while (length - done >= sizeof(uint64_t) && !(ddb_word_load(bytes + done) & DDB_WORD_HIGH))
		done += sizeof(uint64_t);
	while (done < length && (unsigned char)bytes[done] < 0x80)
		done++;
	return done;
}

static bool is_trail(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the character of two to four bytes at the beginning, or 0. */
static size_t character_length(const unsigned char *bytes, size_t left)
{
	unsigned char lead = bytes[0];
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (left < length)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (!is_trail(bytes[i]))
			return 0;
	}
	/* Overlong forms, surrogates, and what is beyond U+10FFFF show in the second byte. */
	if ((lead == 0xe0 && bytes[1] < 0xa0) || (lead == 0xed && bytes[1] > 0x9f))
		return 0;
	if ((lead == 0xf0 && bytes[1] < 0x90) || (lead == 0xf4 && bytes[1] > 0x8f))
		return 0;
	return length;
}

size_t ddb_utf8_prefix(const char *bytes, size_t length)
{
	size_t done = 0;
	while (done < length) {
		done += ascii_prefix(bytes + done, length - done);
		if (done == length)
			break;
		size_t character = character_length((const unsigned char *)bytes + done, length - done);
		if (!character)
			break;
		done += character;
	}
	return done;
}
