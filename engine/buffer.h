/*
 * Bytes that grow, up to a maximum given at birth. The first failure (maximum or memory) sticks in `failed`
 * and later appends do nothing, so that a long rendering checks once, at its end. The memory is the owner's
 * until done.
 */
#ifndef DDB_BUFFER_H
#define DDB_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ddb_buffer {
	char *bytes;
	size_t length;
	size_t capacity;
	size_t max;
	bool failed;
	bool counting; /* only `length` grows; there are no bytes */
};

void ddb_buffer_init(struct ddb_buffer *buffer, size_t max);
/* A buffer that counts what is added and keeps nothing: how long would it be? Not for ddb_buffer_reserve. */
void ddb_buffer_init_counting(struct ddb_buffer *buffer);
void ddb_buffer_done(struct ddb_buffer *buffer);
void ddb_buffer_clear(struct ddb_buffer *buffer); /* keeps the memory, forgets contents and failure */

/* Gives back what is not used. Contents stay, elsewhere perhaps. */
void ddb_buffer_shrink(struct ddb_buffer *buffer);

/* Room for `size` more bytes at bytes + length, or NULL (and failed). Does not change length. */
char *ddb_buffer_reserve(struct ddb_buffer *buffer, size_t size);
void ddb_buffer_add(struct ddb_buffer *buffer, const void *bytes, size_t size);
void ddb_buffer_add_string(struct ddb_buffer *buffer, const char *string);
void ddb_buffer_add_format(struct ddb_buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static inline void ddb_buffer_add_byte(struct ddb_buffer *buffer, char byte)
{
	if (buffer->length < buffer->capacity)
		buffer->bytes[buffer->length++] = byte;
	else
		ddb_buffer_add(buffer, &byte, 1);
}

#define DDB_BUFFER_AUTO __attribute__((cleanup(ddb_buffer_done)))

#endif
