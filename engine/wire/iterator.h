/*
 * Shard iterators: where in a stream the next GetRecords begins, as text that says it all. What is no
 * iterator is refused, and one that is older than a quarter of an hour. A text is bound to its stream by a
 * checksum against mistakes; whoever makes one up gets to read what he could read anyway. Pure functions: any
 * thread.
 */
#ifndef DDB_WIRE_ITERATOR_H
#define DDB_WIRE_ITERATOR_H

#include "engine/stream.h"

enum {
	WIRE_ITERATOR_MAX = 2048, /* bytes */
	WIRE_ITERATOR_SECONDS = 15 * 60,
};

struct wire_stream_name {
	char table[DDB_TABLE_NAME_MAX + 1];
	char label[DDB_STREAM_LABEL_MAX];
};
/* Of arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL. False: it is none. */
bool wire_stream_arn_read(const char *text, size_t length, struct wire_stream_name *ret);

struct wire_iterator {
	struct wire_stream_name stream;
	uint64_t after; /* as in struct ddb_read_stream */
	bool kept;
	int64_t made_s; /* since the epoch */
};
void wire_iterator_write(
	const struct wire_iterator *iterator, const char *region, char ret[WIRE_ITERATOR_MAX + 1]);
/* DDB_VALIDATION, DDB_EXPIRED_ITERATOR. */
DDB_MUST_CHECK enum ddb_code wire_iterator_read(
	const char *text, size_t length, int64_t now_s, struct wire_iterator *ret, struct ddb_error *err);

#endif
