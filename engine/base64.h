/*
 * Standard base64 with padding, and base64url without (`url`). Decoding is strict: only the one canonical
 * text of some bytes is accepted. Pure functions.
 */
#ifndef DDB_BASE64_H
#define DDB_BASE64_H

#include "engine/arena.h"
#include "engine/buffer.h"

void ddb_base64_add(struct ddb_buffer *out, const uint8_t *bytes, size_t length, bool url);
/* `to` has room for three bytes of every four begun. False: not canonical. */
bool ddb_base64_decode(const char *text, size_t length, bool url, uint8_t *to, size_t *ret_length);
/* The same into the arena; false also without memory. */
bool ddb_base64_read(struct ddb_arena *arena, const char *text, size_t length, bool url, const uint8_t **ret,
	size_t *ret_length);

#endif
