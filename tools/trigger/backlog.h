/*
 * The records that a trigger has read and not yet done with, in the order of the stream, and the position
 * behind which nothing is left to do. Records are done in any order; the position passes only those that all
 * before are done. Bounded: whoever adds asks first. One thread.
 */
#ifndef TOOLS_TRIGGER_BACKLOG_H
#define TOOLS_TRIGGER_BACKLOG_H

#include "tools/trigger/sequence.h"

enum { TRIGGER_BACKLOG_BYTES = 64 << 20, TRIGGER_BACKLOG_RECORDS = 100000 };

struct trigger_record {
	struct trigger_record *next, *next_of_lane;
	struct trigger_position position;
	struct trigger_position through; /* the last of the records behind it that nobody wants */
	int64_t came;                    /* milliseconds */
	size_t length;
	char *text; /* as an event shows it; NULL: done */
};

struct trigger_backlog {
	struct trigger_record *first, *last;
	size_t count, bytes;
	struct trigger_position reached;
};

void trigger_backlog_init(struct trigger_backlog *backlog, const struct trigger_position *reached);
void trigger_backlog_done(struct trigger_backlog *backlog);

bool trigger_backlog_has_room(const struct trigger_backlog *backlog);
/* NULL: no memory. The text is copied. */
struct trigger_record *trigger_backlog_add(struct trigger_backlog *backlog,
	const struct trigger_position *position, int64_t came, const char *text, size_t length);
/* A record that nobody wants. True: `reached` has moved. */
bool trigger_backlog_pass(struct trigger_backlog *backlog, const struct trigger_position *position);
/* The record is done, and the backlog's to free. True: `reached` has moved. */
bool trigger_backlog_finish(struct trigger_backlog *backlog, struct trigger_record *record);

#endif
