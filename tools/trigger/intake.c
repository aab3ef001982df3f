#include "tools/trigger/loop_private.h"

#include "tools/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RETRY_PAUSE = 200 /* milliseconds */, PIECES_AT_ONCE = 128 };

/* ---- The stream's file ---- */

/* Told once, whatever is tried until it is back. */
static void go_away(struct trigger *trigger)
{
	if (!trigger->away)
		command_failed(
			"%s: %s: waiting until it is back", trigger->options->mountpoint, strerror(errno));
	trigger->away = true;
	trigger->drained = false; /* nobody knows */
	trigger->open_at = trigger->now + RETRY_PAUSE;
	trigger_reader_close(&trigger->reader);
}

static void format_time(int64_t seconds, char ret[32])
{
	time_t time = (time_t)seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&time, &tm) || !strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		strcpy(ret, "an unknown time");
}

/* `position`: of the next record; NULL: there is none. */
static void tell_loss(struct trigger *trigger, const struct trigger_position *position)
{
	char from[32], to[32], next[120] = "nothing is behind them";

	format_time(trigger->lost_from.time, from);
	if (position) {
		format_time(position->time, to);
		snprintf(next, sizeof next, "going on with %s, of %s", position->sequence.digits, to);
	}
	command_failed("%s: lost: the records behind %s, of %s, are no longer kept; %s",
		trigger->options->table, trigger->lost_from.sequence.digits, from, next);
	trigger->trimmed = false;
}

/* `why` NULL: that was told. */
static void end_stream(struct trigger *trigger, const char *why)
{
	if (why)
		command_failed("%s: %s", trigger->options->table, why);
	if (trigger->trimmed)
		tell_loss(trigger, NULL);
	trigger->drained = true;
	trigger->away = false;
	trigger_reader_close(&trigger->reader);
}

static void start_over(struct trigger *trigger)
{
	trigger->last = (struct trigger_position){.sequence = {"0"}};
	trigger->open_at = trigger->now;
	trigger_reader_close(&trigger->reader);
}

/* The records behind the last one are no longer kept. */
static void lose(struct trigger *trigger)
{
	if (trigger->options->strict) {
		command_failed("%s: the records behind %s are no longer kept", trigger->options->table,
			trigger->last.sequence.digits);
		trigger_give_up(trigger);
		return;
	}
	trigger->trimmed = true;
	trigger->lost_from = trigger->last;
	start_over(trigger);
}

/* An older state of the store: what it will do differs from what was seen. */
static void go_back(struct trigger *trigger)
{
	command_failed("%s: its records do not reach %s: beginning with the oldest", trigger->options->table,
		trigger->last.sequence.digits);
	start_over(trigger);
	/* Not behind what there was: by the time of another start there may be as much. */
	trigger->moved |= trigger_backlog_pass(&trigger->backlog, &trigger->last);
}

static void end_quietly(struct trigger *trigger)
{
	end_stream(trigger, trigger->looked ? NULL : "its stream is off");
}

static void open_files(struct trigger *trigger)
{
	enum trigger_read read = trigger_reader_open(&trigger->reader, &trigger->last.sequence);

	if (read == TRIGGER_READ_TRIMMED)
		lose(trigger);
	else if (read == TRIGGER_READ_FAILED && errno == EINVAL)
		go_back(trigger);
	else if (read == TRIGGER_READ_FAILED && errno == ENOENT && trigger->quiet)
		end_quietly(trigger);
	else if (read == TRIGGER_READ_FAILED)
		go_away(trigger);
	else if (trigger->away) {
		command_failed("%s: back", trigger->options->mountpoint);
		trigger->away = false;
	}
}

/* A stream that was turned off is read to its end: its records are kept for a while. */
static void open_stream(struct trigger *trigger)
{
	struct trigger_table table;
	enum trigger_table_state state =
		trigger_table_read(trigger->options->mountpoint, trigger->options->table, &table);

	if (state == TRIGGER_TABLE_AWAY) {
		go_away(trigger);
	} else if (state == TRIGGER_TABLE_ABSENT) {
		end_stream(trigger, "the table is gone");
	} else if (strcmp(table.id, trigger->table.id) != 0) {
		end_stream(trigger, "this is another table by now");
	} else {
		trigger->table = table;
		trigger->quiet = state == TRIGGER_TABLE_QUIET;
		open_files(trigger);
	}
}

/* ---- Records ---- */

static struct trigger_lane *lane_of(struct trigger *trigger, uint64_t key)
{
	return &trigger->lanes[(key ^ key >> 32) % trigger->options->parallel];
}

static bool take_line(struct trigger *trigger, const char *line, size_t length)
{
	const struct trigger_event_rules rules = {.stream = trigger->table.stream,
		.hash = trigger->table.hash,
		.patterns = trigger->options->patterns,
		.pattern_count = trigger->options->pattern_count};
	struct trigger_record *record;
	struct trigger_event event;
	struct ddb_error error;

	ddb_buffer_clear(&trigger->text);
	if (trigger_event_read(&rules, line, length, &event, &trigger->text, &error)) {
		command_failed("%s: %s", trigger->options->table, error.message);
		return false;
	}
	/* Shown by both files. */
	if (trigger_sequence_compare(&event.position.sequence, &trigger->last.sequence) <= 0)
		return true;
	trigger->last = event.position;
	trigger->looked = false;
	if (trigger->trimmed)
		tell_loss(trigger, &event.position);
	if (!event.wanted) {
		trigger->moved |= trigger_backlog_pass(&trigger->backlog, &event.position);
		return true;
	}
	record = trigger_backlog_add(
		&trigger->backlog, &event.position, trigger->now, trigger->text.bytes, trigger->text.length);
	if (record)
		trigger_lane_add(lane_of(trigger, event.key), record);
	else
		command_failed("no memory");
	return record;
}

static bool take_lines(struct trigger *trigger)
{
	const char *line;
	size_t length;

	while (trigger_backlog_has_room(&trigger->backlog) &&
		(line = trigger_reader_line(&trigger->reader, &length)))
		if (!take_line(trigger, line, length)) {
			trigger_give_up(trigger);
			return false;
		}
	return true;
}

/* To know that the mount is back needs no room. */
static bool wants(const struct trigger *trigger)
{
	return !trigger->stopping && !trigger->drained &&
	       (trigger->away || trigger_backlog_has_room(&trigger->backlog));
}

/* Whether the stream is off is known only of a file that was opened since. */
static void end_file(struct trigger *trigger)
{
	if (trigger->quiet) {
		end_quietly(trigger);
		return;
	}
	trigger_reader_close(&trigger->reader);
	trigger->open_at = trigger->now + RETRY_PAUSE;
}

/* False: that is all for now. */
static bool read_piece(struct trigger *trigger)
{
	switch (trigger_reader_read(&trigger->reader)) {
	case TRIGGER_READ_SOME:
		return take_lines(trigger);
	case TRIGGER_READ_NOTHING:
		return false;
	case TRIGGER_READ_ENDED:
		end_file(trigger);
		return false;
	case TRIGGER_READ_TRIMMED:
		/* Perhaps only what both files show: opened anew behind the last one it is told for good. */
		trigger_reader_close(&trigger->reader);
		trigger->open_at = trigger->now;
		return false;
	case TRIGGER_READ_FAILED:
		go_away(trigger);
		return false;
	}
	return false;
}

void trigger_intake_read(struct trigger *trigger)
{
	if (!wants(trigger))
		return;
	if (!trigger_reader_is_open(&trigger->reader) && trigger->now >= trigger->open_at)
		open_stream(trigger);
	if (!trigger_reader_is_open(&trigger->reader) || !take_lines(trigger))
		return;
	for (unsigned i = 0; i < PIECES_AT_ONCE && wants(trigger); i++)
		if (!read_piece(trigger))
			break;
}

int trigger_intake_waits(const struct trigger *trigger)
{
	return wants(trigger) ? trigger_reader_waits(&trigger->reader) : -1;
}

int64_t trigger_intake_due(const struct trigger *trigger)
{
	if (!wants(trigger))
		return INT64_MAX;
	if (!trigger_reader_is_open(&trigger->reader))
		return trigger->open_at;
	return trigger_reader_waits(&trigger->reader) < 0 ? trigger->now : INT64_MAX;
}

bool trigger_intake_is_there(struct trigger *trigger)
{
	struct trigger_table table;

	if (trigger->away)
		return false;
	/* What was opened before knows of an end that was short. */
	if (trigger_reader_is_lost(&trigger->reader))
		errno = ENOTCONN;
	else if (trigger_table_read(trigger->options->mountpoint, trigger->options->table, &table) !=
		 TRIGGER_TABLE_AWAY)
		return true;
	if (!trigger->stopping)
		go_away(trigger);
	return false;
}

/* ---- The beginning ---- */

/* The last of the lines at hand; *ret stays when there is none. */
static bool skip_lines(struct trigger *trigger, struct trigger_position *ret)
{
	const struct trigger_event_rules rules = {trigger->table.stream, trigger->table.hash, NULL, 0};
	const char *line, *last = NULL;
	size_t length, last_length = 0;
	struct trigger_event event;
	struct ddb_error error;

	while ((line = trigger_reader_line(&trigger->reader, &length))) {
		last = line;
		last_length = length;
	}
	if (!last)
		return true;
	ddb_buffer_clear(&trigger->text);
	if (trigger_event_read(&rules, last, last_length, &event, &trigger->text, &error)) {
		command_failed("%s: %s", trigger->options->table, error.message);
		return false;
	}
	*ret = event.position;
	return true;
}

/* From now on: behind the last record that there is. */
static bool skip_past(struct trigger *trigger)
{
	struct trigger_position last = {.sequence = {"0"}};
	struct trigger_reader *reader = &trigger->reader;
	enum trigger_read read = trigger_reader_open(reader, &last.sequence);

	while (read == TRIGGER_READ_SOME && trigger_reader_waits(reader) < 0) {
		if (!trigger_goes_on(trigger))
			return false;
		read = trigger_reader_read(reader);
		if (!skip_lines(trigger, &last))
			return false;
	}
	if (read != TRIGGER_READ_SOME)
		command_failed("%s: %s", reader->directory, strerror(errno));
	trigger_reader_close(reader);
	trigger->last = last;
	return read == TRIGGER_READ_SOME;
}

static bool begin_first(struct trigger *trigger)
{
	trigger->last = (struct trigger_position){.sequence = {"0"}};
	if (trigger->options->from_now && !skip_past(trigger))
		return false;
	/* What is behind this is delivered, whatever happens from here on. */
	return trigger_checkpoint_write(trigger->checkpoint, trigger->table.id, &trigger->last);
}

static bool read_checkpoint(struct trigger *trigger)
{
	char table[TRIGGER_TABLE_ID_MAX + 1];
	bool there;

	if (!trigger_checkpoint_read(trigger->checkpoint, &there, table, &trigger->last))
		return false;
	if (!there)
		return begin_first(trigger);
	if (!strcmp(table, trigger->table.id))
		return true;
	command_failed("%s: the checkpoint is of another table: beginning with the oldest record",
		trigger->options->table);
	trigger->last = (struct trigger_position){.sequence = {"0"}};
	return true;
}

bool trigger_intake_begin(struct trigger *trigger)
{
	const struct trigger_options *options = trigger->options;

	switch (trigger_table_read(options->mountpoint, options->table, &trigger->table)) {
	case TRIGGER_TABLE_STREAMS:
		break;
	case TRIGGER_TABLE_QUIET:
		if (trigger_reader_is_there(&trigger->reader))
			break;
		command_failed("%s: the table has no stream: StreamSpecification in its .table.json turns "
			       "one on",
			options->table);
		return false;
	case TRIGGER_TABLE_ABSENT:
		command_failed("%s: there is no such table", options->table);
		return false;
	case TRIGGER_TABLE_AWAY:
		command_failed("%s: %s", options->mountpoint,
			errno == ENOENT ? "nothing is mounted there" : strerror(errno));
		return false;
	}
	if (!read_checkpoint(trigger))
		return false;
	trigger_backlog_init(&trigger->backlog, &trigger->last);
	return true;
}

/* While the last of it was done more may have come, and the stream gone off again. */
bool trigger_intake_renew(struct trigger *trigger)
{
	struct trigger_table table;
	enum trigger_table_state state =
		trigger_table_read(trigger->options->mountpoint, trigger->options->table, &table);

	if (state == TRIGGER_TABLE_ABSENT)
		return false;
	if (state == TRIGGER_TABLE_AWAY) {
		go_away(trigger);
		return true;
	}
	bool same = !strcmp(table.id, trigger->table.id), quiet = state == TRIGGER_TABLE_QUIET;
	if (quiet && same && trigger->looked)
		return false;
	if (!quiet)
		command_failed("%s: it has a stream again", trigger->options->table);
	if (!same)
		start_over(trigger);
	trigger->table = table;
	trigger->drained = false;
	trigger->looked = quiet;
	trigger_backlog_init(&trigger->backlog, &trigger->last);
	return true;
}
