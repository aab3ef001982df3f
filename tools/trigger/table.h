/*
 * What a trigger has to know of its table: whether it has a stream, which, and the name of its partition key.
 * Asked through the mount's files, whenever it comes back. One thread.
 */
#ifndef TOOLS_TRIGGER_TABLE_H
#define TOOLS_TRIGGER_TABLE_H

#include "tools/trigger/checkpoint.h"

#include "engine/value.h"

enum { TRIGGER_STREAM_MAX = 512 /* bytes */ };

enum trigger_table_state {
	TRIGGER_TABLE_STREAMS,
	TRIGGER_TABLE_QUIET,  /* its stream is off, or it never had one */
	TRIGGER_TABLE_ABSENT, /* the mount has no such table */
	TRIGGER_TABLE_AWAY,   /* the mount does not answer: errno */
};

struct trigger_table {
	char id[TRIGGER_TABLE_ID_MAX + 1];   /* another table of the same name has another one */
	char stream[TRIGGER_STREAM_MAX + 1]; /* the ARN of its latest stream */
	char hash[DDB_KEY_NAME_MAX + 1];
};

/* `ret` is filled with STREAMS and QUIET. */
enum trigger_table_state trigger_table_read(
	const char *mountpoint, const char *name, struct trigger_table *ret);

#endif
