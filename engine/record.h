/*
 * A canonical value tree as compact bytes, and back. The first byte is the format's version. Equal trees have
 * equal bytes. The bytes say nothing about keys, seals or sizes of renderings: those are the record head's
 * (engine/local/item.h).
 */
#ifndef DDB_RECORD_H
#define DDB_RECORD_H

#include "engine/buffer.h"
#include "engine/value.h"

/* Appends; failure sticks in the buffer. */
void ddb_record_write(const struct ddb_value *value, struct ddb_buffer *out);

/*
 * The tree points into `bytes`, which must outlive it. Anything not canonical, too deep, or of an unknown
 * version is DDB_DAMAGED: bytes from a disk or a fuzzer never make it crash or take memory beyond a small
 * multiple of `length`.
 */
DDB_MUST_CHECK enum ddb_code ddb_record_read(struct ddb_arena *arena, const uint8_t *bytes, size_t length,
	struct ddb_value *ret, struct ddb_error *err);

#endif
