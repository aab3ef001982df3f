/*
 * What the lanes of the engine's load do: each step follows from its number and from what the steps before
 * have left, so a lane can go on in another process, or after a power loss, wherever it stands. Lane e makes
 * and removes tables; the others share one table and have a partition each.
 */
#ifndef CRASH_STEPS_H
#define CRASH_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STEPS_ITEMS = 12, STEPS_SCRATCH = 2, STEPS_TABLE_ITEMS = 3, STEPS_MANY = 4 };
#define STEPS_TABLE_LANE 'e'

enum step_kind {
	STEP_PUT,
	STEP_DELETE,
	STEP_MANY, /* all at once */
	STEP_UPDATE,
	STEP_MOVE,  /* item 0 becomes item 1 */
	STEP_MAKE,  /* an empty scratch file */
	STEP_WRITE, /* the same, of one page or several */
	STEP_REMOVE,
	STEP_RENAME,  /* it replaces the other */
	STEP_CONSUME, /* it becomes the item */
	STEP_KEEP,    /* the item becomes it */
	STEP_CREATE,  /* a provisional table */
	STEP_SETTLE,
	STEP_FILE, /* an item in the table */
	STEP_DEFINE,
	STEP_DROP,
};

struct step_plan {
	enum step_kind kind;
	unsigned items[STEPS_MANY], item_count, scratch;
	uint64_t value; /* what is written */
};

struct lane_state {
	char name;
	unsigned step; /* the last that was done */
	uint64_t items[STEPS_ITEMS], scratch[STEPS_SCRATCH];
	bool made, settled, defined; /* the table */
};

struct step_plan steps_next(const struct lane_state *lane);
/* The state after the step. */
void steps_apply(struct lane_state *lane, const struct step_plan *plan);
/* The effects as a recording has them: where the states differ. */
void steps_effects(const struct lane_state *before, const struct lane_state *after, char *ret, size_t size);

#endif
