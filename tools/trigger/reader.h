/*
 * The lines of a table's stream behind a position, without gap or repetition: the file that blocks for new
 * records is opened first, then the one that has all that is behind the position; when that one is at its end
 * the first goes on, and what both have shown is left out. Never blocks for long: whoever waits polls. Memory
 * is bounded by a line's length. One thread.
 */
#ifndef TOOLS_TRIGGER_READER_H
#define TOOLS_TRIGGER_READER_H

#include "tools/trigger/sequence.h"

#include "engine/buffer.h"

enum trigger_read {
	TRIGGER_READ_SOME,    /* there may be lines now */
	TRIGGER_READ_NOTHING, /* just now; to be polled */
	TRIGGER_READ_ENDED,   /* nothing will come: the stream is off, or the mount was ended in order */
	TRIGGER_READ_TRIMMED, /* what is behind the position is no longer kept */
	TRIGGER_READ_FAILED,  /* errno: the mount is gone */
};

struct trigger_reader {
	char *directory;  /* T/.stream */
	int follow, past; /* -1: not open */
	struct ddb_buffer text;
	size_t used; /* of the text */
};

/* False: no memory. */
bool trigger_reader_init(struct trigger_reader *reader, const char *mountpoint, const char *table);
void trigger_reader_done(struct trigger_reader *reader);

/* SOME, TRIMMED or FAILED. A position of zero is behind nothing: all that is kept comes. */
enum trigger_read trigger_reader_open(struct trigger_reader *reader, const struct trigger_sequence *after);
void trigger_reader_close(struct trigger_reader *reader);
/* Whether there is anything to be opened. */
bool trigger_reader_is_there(const struct trigger_reader *reader);
bool trigger_reader_is_open(const struct trigger_reader *reader);

/* Whether the mount is gone that was opened. */
bool trigger_reader_is_lost(const struct trigger_reader *reader);

/* The descriptor to be polled, or -1: what is there already is still being read. */
int trigger_reader_waits(const struct trigger_reader *reader);
enum trigger_read trigger_reader_read(struct trigger_reader *reader);
/* The next whole line, without its end; NULL: read on. Valid until the next read. */
const char *trigger_reader_line(struct trigger_reader *reader, size_t *ret_length);

#endif
