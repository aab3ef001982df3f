/*
 * Growing bytes. Capacity doubles up to the maximum, so that appending is linear in what is appended.
 */
#include "engine/buffer.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 256 };

void ddb_buffer_init(struct ddb_buffer *buffer, size_t max)
{
	*buffer = (struct ddb_buffer){.max = max};
}

void ddb_buffer_init_counting(struct ddb_buffer *buffer)
{
	*buffer = (struct ddb_buffer){.max = SIZE_MAX, .counting = true};
}

void ddb_buffer_done(struct ddb_buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct ddb_buffer){.max = buffer->max, .counting = buffer->counting};
}

void ddb_buffer_clear(struct ddb_buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = false;
}

void ddb_buffer_shrink(struct ddb_buffer *buffer)
{
	if (buffer->failed || buffer->length == buffer->capacity)
		return;
	char *shrunk = realloc(buffer->bytes, buffer->length ? buffer->length : 1);
	if (!shrunk)
		return;
	buffer->bytes = shrunk;
	buffer->capacity = buffer->length;
}

/* Without spare capacity even ddb_buffer_add_byte comes to ddb_buffer_add, which then sees the failure. */
static void fail(struct ddb_buffer *buffer)
{
	buffer->failed = true;
	buffer->capacity = buffer->length;
}

static size_t next_capacity(const struct ddb_buffer *buffer, size_t wanted)
{
	size_t doubled = buffer->capacity < buffer->max / 2 ? buffer->capacity * 2 : buffer->max;
	if (doubled < CAPACITY_MIN)
		doubled = CAPACITY_MIN < buffer->max ? CAPACITY_MIN : buffer->max;
	return doubled < wanted ? wanted : doubled;
}

char *ddb_buffer_reserve(struct ddb_buffer *buffer, size_t size)
{
	assert(!buffer->counting);
	if (buffer->failed)
		return NULL;
	if (size <= buffer->capacity - buffer->length && buffer->bytes)
		return buffer->bytes + buffer->length;
	if (size > buffer->max - buffer->length) {
		fail(buffer);
		return NULL;
	}
	size_t capacity = next_capacity(buffer, buffer->length + size);
	char *grown = realloc(buffer->bytes, capacity ? capacity : 1);
	if (!grown) {
		fail(buffer);
		return NULL;
	}
	buffer->bytes = grown;
	buffer->capacity = capacity;
	return grown + buffer->length;
}

void ddb_buffer_add(struct ddb_buffer *buffer, const void *bytes, size_t size)
{
	if (buffer->counting) {
		buffer->length += size;
		return;
	}
	if (!size)
		return;
	char *room = ddb_buffer_reserve(buffer, size);
	if (!room)
		return;
	memcpy(room, bytes, size);
	buffer->length += size;
}

void ddb_buffer_add_string(struct ddb_buffer *buffer, const char *string)
{
	ddb_buffer_add(buffer, string, strlen(string));
}

__attribute__((format(printf, 2, 0))) static void add_long_format(
	struct ddb_buffer *buffer, const char *format, va_list args)
{
	char *text;
	int length = vasprintf(&text, format, args);
	if (length < 0) {
		fail(buffer);
		return;
	}
	ddb_buffer_add(buffer, text, (size_t)length);
	free(text);
}

void ddb_buffer_add_format(struct ddb_buffer *buffer, const char *format, ...)
{
	char text[512];
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(text, sizeof(text), format, args);
	if (length >= 0 && (size_t)length < sizeof(text))
		ddb_buffer_add(buffer, text, (size_t)length);
	else
		add_long_format(buffer, format, again);
	va_end(again);
	va_end(args);
}
