/*
 * Records of a stream as the functions of Lambda know them: a line of a stream's file, which has GetRecords'
 * form, becomes an element of an event's Records. Needs no more than the line, and which stream it is of. One
 * thread.
 */
#ifndef TOOLS_TRIGGER_EVENT_H
#define TOOLS_TRIGGER_EVENT_H

#include "tools/trigger/pattern.h"
#include "tools/trigger/sequence.h"

#include "engine/buffer.h"

/* The longest line: two images whose documents are as long as can be, and what is around them. */
enum { TRIGGER_LINE_MAX = 96 << 20 };

struct trigger_event_rules {
	const char *stream; /* its ARN */
	const char *hash;   /* the partition key's name */
	struct pattern *const *patterns;
	size_t pattern_count; /* 0: every record is wanted */
};

struct trigger_event {
	struct trigger_position position;
	bool wanted;
	uint64_t key; /* a hash of the partition key: equal keys have equal ones */
};

/* `text` gets the element, if it is wanted. DDB_VALIDATION: the line is no record. */
DDB_MUST_CHECK enum ddb_code trigger_event_read(const struct trigger_event_rules *rules, const char *line,
	size_t length, struct trigger_event *ret, struct ddb_buffer *text, struct ddb_error *err);

#endif
