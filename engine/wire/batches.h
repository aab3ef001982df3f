/*
 * Inside wire/: BatchWriteItem and BatchGetItem. Requests are listed by table; the engine takes them as one
 * list, and what it leaves undone goes back in the form that it came in.
 */
#ifndef DDB_WIRE_BATCHES_H
#define DDB_WIRE_BATCHES_H

#include "engine/wire/call.h"

struct wire_batch_written {
	size_t count;
	const struct wire_batch_part *parts; /* one for each request */
	struct ddb_batch_write_result result;
};
struct wire_batch_got {
	struct ddb_batch_get_result *results; /* one for each table of the request */
	const char **tables;
};

extern const struct member_type wire_batch_write_type, wire_batch_get_type;
WIRE_HANDLER(wire_batch_write);
WIRE_HANDLER(wire_batch_get);
WIRE_WRITER(wire_write_batch_written);
WIRE_WRITER(wire_write_batch_got);

#endif
