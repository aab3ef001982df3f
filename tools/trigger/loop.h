/*
 * A trigger at work: one loop of one thread that reads the stream, starts and reaps commands, moves the
 * checkpoint, and waits for whatever comes first of records, ended commands, signals and time.
 */
#ifndef TOOLS_TRIGGER_LOOP_H
#define TOOLS_TRIGGER_LOOP_H

#include "tools/trigger/checkpoint.h"
#include "tools/trigger/options.h"

/*
 * From here on signals that ask for an end wait on a descriptor; -1, with errno. What was ignored from the
 * start, as under nohup(1), stays so.
 */
int trigger_loop_signals(void);
/* Until the stream is off and all its records are done, or a signal asks for an end. The exit status. */
int trigger_loop_run(
	const struct trigger_options *options, struct trigger_checkpoint *checkpoint, int signals);

#endif
