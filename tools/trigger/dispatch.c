#include "tools/trigger/loop_private.h"

#include "tools/trigger/letter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define EACH_LANE(trigger, lane)                                                                             \
	for (struct trigger_lane *lane = (trigger)->lanes;                                                   \
		lane < (trigger)->lanes + (trigger)->options->parallel; lane++)

/* ---- How commands end ---- */

static void succeed(struct trigger *trigger, struct trigger_lane *lane)
{
	if (!trigger_lane_succeed(lane, &trigger->backlog))
		return;
	trigger->moved = true;
	trigger->save_at = trigger->now;
}

/* Without a file that takes it, it is tried again: nothing is passed over in silence. */
static void give_up(struct trigger *trigger, struct trigger_lane *lane, const char *reason)
{
	const struct trigger_record *record = lane->first;

	if (!trigger_letter_write(
		    trigger->options->dead_letter, reason, lane->failures, record->text, record->length)) {
		trigger_lane_rest(lane, &trigger->lane_rules, trigger->now);
		return;
	}
	command_failed("%s: %s: record %s is a dead letter", trigger->options->command[0], reason,
		record->position.sequence.digits);
	succeed(trigger, lane);
}

/* Commands may need the mount: without it a failure says nothing about the records. */
static void fail(struct trigger *trigger, struct trigger_lane *lane, int status)
{
	size_t count = trigger_lane_current(lane), half;
	char reason[80], next[80];

	trigger_command_describe(status, reason, sizeof reason);
	if (!trigger_intake_is_there(trigger)) {
		command_failed("%s: %s: from %s on, all is tried again when the mount is back",
			trigger->options->command[0], reason, lane->first->position.sequence.digits);
		trigger_lane_rest(lane, &trigger->lane_rules, trigger->now);
		return;
	}
	switch (trigger_lane_fail(lane, &trigger->lane_rules, trigger->now)) {
	case TRIGGER_GIVE_UP:
		give_up(trigger, lane, reason);
		return;
	case TRIGGER_HALVE:
		half = trigger_lane_current(lane);
		snprintf(next, sizeof next, "%zu of %zu records %s", half, count, half == 1 ? "is" : "are");
		break;
	case TRIGGER_RETRY:
		snprintf(next, sizeof next, "a record is");
		break;
	}
	command_failed("%s: %s: from %s on, %s tried again in %.1f s", trigger->options->command[0], reason,
		lane->first->position.sequence.digits, next,
		(double)(lane->pause_until - trigger->now) / TRIGGER_SECOND);
}

void trigger_dispatch_reap(struct trigger *trigger)
{
	int status;

	EACH_LANE(trigger, lane)
	{
		if (!lane->command.pid || !trigger_command_ended(&lane->command, &status))
			continue;
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			succeed(trigger, lane);
		else if (!trigger->killed) /* else it was us */
			fail(trigger, lane, status);
	}
}

/* ---- How they begin ---- */

static void write_event(struct ddb_buffer *text, const struct trigger_lane *lane, size_t count)
{
	const struct trigger_record *record = lane->first;

	ddb_buffer_clear(text);
	ddb_buffer_add_string(text, "{\"Records\":[");
	for (size_t i = 0; i < count; i++, record = record->next_of_lane) {
		if (i)
			ddb_buffer_add_byte(text, ',');
		ddb_buffer_add(text, record->text, record->length);
	}
	ddb_buffer_add_string(text, "]}\n");
}

/* What cannot be started says nothing about the records: it is tried again, unless it never could be. */
static void start(struct trigger *trigger, struct trigger_lane *lane)
{
	char *const *words = trigger->options->command;
	int guard, error;

	write_event(&trigger->text, lane, trigger_lane_begin(lane, &trigger->lane_rules));
	guard = trigger->text.failed ? -1 : trigger_checkpoint_guard(trigger->checkpoint);
	error = trigger->text.failed ? ENOMEM
		: guard < 0          ? errno
			    : trigger_command_start(&lane->command, words, guard, trigger->text.bytes,
				      trigger->text.length);
	if (!error) {
		trigger->ran = true;
		return;
	}
	command_failed("%s: %s", words[0], strerror(error));
	if (!trigger->ran)
		trigger_give_up(trigger);
	trigger_lane_rest(lane, &trigger->lane_rules, trigger->now);
}

/* While the mount is away none is begun. */
static bool may_start(const struct trigger *trigger)
{
	return !trigger->stopping && !trigger->away && !trigger->unsaved;
}

static int64_t due(const struct trigger *trigger, const struct trigger_lane *lane)
{
	bool hurry = trigger->drained || !trigger_backlog_has_room(&trigger->backlog);

	return trigger_lane_due(lane, &trigger->lane_rules, hurry);
}

void trigger_dispatch_start(struct trigger *trigger)
{
	EACH_LANE(trigger, lane)
	if (may_start(trigger) && due(trigger, lane) <= trigger->now)
		start(trigger, lane);
}

int64_t trigger_dispatch_due(const struct trigger *trigger)
{
	int64_t first = INT64_MAX;

	if (!may_start(trigger))
		return first;
	EACH_LANE(trigger, lane)
	{
		int64_t one = due(trigger, lane);
		first = one < first ? one : first;
	}
	return first;
}

unsigned trigger_dispatch_running(const struct trigger *trigger)
{
	unsigned count = 0;

	EACH_LANE(trigger, lane)
	count += lane->command.pid != 0;
	return count;
}

void trigger_dispatch_kill(struct trigger *trigger)
{
	trigger->killed = true;
	EACH_LANE(trigger, lane)
	if (lane->command.pid)
		trigger_command_kill(&lane->command);
}
