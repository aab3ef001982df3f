/*
 * How far a trigger has come: a file of one JSON object, replaced durably and at once, and beside it a lock.
 * One trigger at a time has the lock; so have, in another way, the commands that it runs, so that after its
 * sudden death the next one can wait until they have ended and nothing overtakes them. One thread. What fails
 * is printed.
 */
#ifndef TOOLS_TRIGGER_CHECKPOINT_H
#define TOOLS_TRIGGER_CHECKPOINT_H

#include "tools/trigger/sequence.h"

enum { TRIGGER_TABLE_ID_MAX = 64 };

struct trigger_checkpoint;

/* `path` NULL: a file below the user's state directory, by mountpoint (absolute) and table. NULL: failed, or
 * another trigger has the lock. */
struct trigger_checkpoint *trigger_checkpoint_open(
	const char *path, const char *mountpoint, const char *table);
void trigger_checkpoint_close(struct trigger_checkpoint *checkpoint); /* NULL is fine */
const char *trigger_checkpoint_path(const struct trigger_checkpoint *checkpoint);

/* *ret_there: there is one. `table`: the id of the table whose position it is. */
bool trigger_checkpoint_read(struct trigger_checkpoint *checkpoint, bool *ret_there,
	char table[TRIGGER_TABLE_ID_MAX + 1], struct trigger_position *ret);
bool trigger_checkpoint_write(
	struct trigger_checkpoint *checkpoint, const char *table, const struct trigger_position *position);

/* Whether commands of an earlier trigger still run. */
bool trigger_checkpoint_is_guarded(const struct trigger_checkpoint *checkpoint);
/*
 * A descriptor that a command inherits: as long as one of its processes has it, and it was not released, the
 * checkpoint is guarded. -1, with errno: failed.
 */
int trigger_checkpoint_guard(const struct trigger_checkpoint *checkpoint);
/* The command has ended, whatever it left in the background. */
void trigger_checkpoint_release(int guard);

#endif
