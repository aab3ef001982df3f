/*
 * A log of file operations and of what the programs that caused them know, in one order. One record a line:
 * nanoseconds of the monotonic clock, a word, and
 *   dir INO PARENT NAME    new INO PARENT NAME    drop PARENT NAME    move PARENT OLD NEW
 *   put INO OFFSET LENGTH (the bytes and a newline follow)    cut INO SIZE
 *   sync MARK INO (begins)    synced MARK INO (ends, without error)
 * where INO is the inode's number until a `new` or `dir` gives the number to another; the directory that was
 * given to the recorder is nobody's child. Marks of the programs: a lane is a sequence of steps, numbered
 * from 1, each begun before it is done and after the one before is; a step makes the files at these paths
 * show these values (see tree.h), all at once. begin LANE STEP [PATH=VALUE]...    done LANE STEP    durable
 * LANE STEP (and all before)
 */
#ifndef CRASH_RECORDING_H
#define CRASH_RECORDING_H

#include <stddef.h>
#include <stdint.h>

enum record_kind {
	RECORD_DIR,
	RECORD_NEW,
	RECORD_DROP,
	RECORD_MOVE,
	RECORD_PUT,
	RECORD_CUT,
	RECORD_SYNC,
	RECORD_SYNCED,
	RECORD_BEGIN,
	RECORD_DONE,
	RECORD_DURABLE,
};

struct record {
	int64_t time_ns;
	enum record_kind kind;
	uint64_t ino, parent, offset, length;
	const char *name, *new_name; /* and the mark of a sync */
	const uint8_t *bytes;
	char lane;
	unsigned step;
	const char *effects; /* of a begin: the rest of the line */
};

struct recording {
	size_t count;
	struct record *records;
};

/* Ends the program when the log cannot be read. Nothing is freed: it lives as long as the program. */
void recording_read(struct recording *ret, const char *path);

#endif
