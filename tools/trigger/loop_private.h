/*
 * The state of a trigger at work, shared by what reads the stream (intake.c), what runs commands
 * (dispatch.c), and the loop (loop.c). Private to these three.
 */
#ifndef TOOLS_TRIGGER_LOOP_PRIVATE_H
#define TOOLS_TRIGGER_LOOP_PRIVATE_H

#include "tools/trigger/event.h"
#include "tools/trigger/lane.h"
#include "tools/trigger/loop.h"
#include "tools/trigger/reader.h"
#include "tools/trigger/table.h"

struct trigger {
	const struct trigger_options *options;
	struct trigger_checkpoint *checkpoint;
	struct trigger_table table; /* whose stream the backlog is of */
	struct trigger_lane_rules lane_rules;
	struct trigger_backlog backlog;
	struct trigger_lane *lanes; /* options->parallel */
	int signals;                /* a descriptor */
	int64_t now;

	/* Reading. */
	struct trigger_reader reader;
	struct trigger_position last; /* that was read */
	struct ddb_buffer text;
	int64_t open_at; /* when to try again */
	bool away;       /* the mount is, and it was told */
	bool quiet;      /* the stream was off when its files were opened */
	bool drained;    /* no more will come */
	bool looked;     /* all was done, and what the stream that is off has behind it is looked at again */
	bool trimmed;    /* the next record tells until when */
	struct trigger_position lost_from;

	/* The checkpoint. */
	bool moved; /* since it was written */
	int64_t save_at;
	bool unsaved; /* it could not be written: nothing new is begun */

	/* The end. */
	bool stopping, killed;
	int64_t kill_at;
	bool ran; /* a command could be started at least once */
	int status;
};

enum { TRIGGER_SECOND = 1000 };

/* An end by something that waiting does not mend; commands that run may end. */
void trigger_give_up(struct trigger *trigger);
/* False: a signal has asked for an end. */
bool trigger_goes_on(struct trigger *trigger);

/* ---- Reading ---- */

/* False: the table has no stream, or the mount does not answer, and it was told; or it is to stop. */
bool trigger_intake_begin(struct trigger *trigger);
void trigger_intake_read(struct trigger *trigger);
/* What wakes the loop: a descriptor to be polled (or -1), and the time to be there again. */
int trigger_intake_waits(const struct trigger *trigger);
int64_t trigger_intake_due(const struct trigger *trigger);
/* Whether the mount is; else it is waited for. */
bool trigger_intake_is_there(struct trigger *trigger);
/* No more was to come, and all is done: whether it goes on, since there may be more by now. */
bool trigger_intake_renew(struct trigger *trigger);

/* ---- Commands ---- */

void trigger_dispatch_reap(struct trigger *trigger);
void trigger_dispatch_start(struct trigger *trigger);
int64_t trigger_dispatch_due(const struct trigger *trigger);
unsigned trigger_dispatch_running(const struct trigger *trigger);
void trigger_dispatch_kill(struct trigger *trigger);

#endif
