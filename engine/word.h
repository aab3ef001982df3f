/*
 * Looking at eight bytes of text at once. Private to the value model. The tests answer 0x80 in bytes where
 * they hold; above the first such byte they may answer it falsely, so the answer is only good for "none at
 * all".
 */
#ifndef DDB_WORD_H
#define DDB_WORD_H

#include <stdint.h>
#include <string.h>

#define DDB_WORD_EACH UINT64_C(0x0101010101010101)
#define DDB_WORD_HIGH (DDB_WORD_EACH * 0x80)

static inline uint64_t ddb_word_load(const char *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

static inline uint64_t ddb_word_equal(uint64_t word, unsigned char byte)
{
	uint64_t difference = word ^ (DDB_WORD_EACH * byte);
	return (difference - DDB_WORD_EACH) & ~difference & DDB_WORD_HIGH;
}

/* `limit` at most 0x80. */
static inline uint64_t ddb_word_below(uint64_t word, unsigned char limit)
{
	return (word - DDB_WORD_EACH * limit) & ~word & DDB_WORD_HIGH;
}

#endif
