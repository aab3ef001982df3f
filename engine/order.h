/*
 * The order of bytes, which is that of names, keys and strings: one by one, unsigned, and a prefix comes
 * before what it begins. Pure functions; any thread.
 */
#ifndef DDB_ORDER_H
#define DDB_ORDER_H

#include <stddef.h>
#include <string.h>

/* Below, at or above 0, as memcmp. Without length a pointer may be NULL. */
static inline int ddb_bytes_order(const void *a, size_t a_length, const void *b, size_t b_length)
{
	size_t common = a_length < b_length ? a_length : b_length;
	int order = common ? memcmp(a, b, common) : 0;
	return order ? order : (a_length > b_length) - (a_length < b_length);
}

#endif
