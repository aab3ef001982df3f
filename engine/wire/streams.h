/*
 * Inside wire/: the operations on streams, which have a service name of their own.
 */
#ifndef DDB_WIRE_STREAMS_H
#define DDB_WIRE_STREAMS_H

#include "engine/wire/call.h"
#include "engine/wire/iterator.h"

struct wire_streams_listed {
	struct ddb_streams streams;
};
struct wire_stream_described {
	const struct ddb_stream *stream;
	bool shard; /* it is in this page */
};
struct wire_stream_place {
	char iterator[WIRE_ITERATOR_MAX + 1];
};
struct wire_stream_records {
	struct ddb_stream_page page;
	char iterator[WIRE_ITERATOR_MAX + 1]; /* empty: the shard is at its end */
};

extern const struct member_type wire_list_streams_type, wire_describe_stream_type, wire_shard_iterator_type,
	wire_get_records_type;
WIRE_HANDLER(wire_list_streams);
WIRE_HANDLER(wire_describe_stream);
WIRE_HANDLER(wire_shard_iterator);
WIRE_HANDLER(wire_get_records);
WIRE_WRITER(wire_write_streams);
WIRE_WRITER(wire_write_stream);
WIRE_WRITER(wire_write_shard_iterator);
WIRE_WRITER(wire_write_records);

#endif
