/*
 * The records of some partition keys, which go to one command after the other: what makes a batch, what
 * becomes of a batch that has failed, and when the next attempt is due. A failed batch is divided and its
 * first half tried, until a single record is left that fails; that one is tried again and again, with pauses
 * that grow, and perhaps given up. Starts nothing by itself. One thread; times are milliseconds of a clock
 * that does not jump.
 */
#ifndef TOOLS_TRIGGER_LANE_H
#define TOOLS_TRIGGER_LANE_H

#include "tools/trigger/backlog.h"
#include "tools/trigger/command.h"

enum {
	TRIGGER_EVENT_MAX = 6 << 20, /* bytes, as Lambda's; one record always fits */
	TRIGGER_PIECES_MAX = 16,     /* halvings of the largest batch, and one */
	TRIGGER_PAUSE_MAX = 60000,   /* unless the first pause is longer */
	TRIGGER_REST_MIN = 100,      /* the first rest */
	TRIGGER_NEVER_GIVE_UP = INT32_MAX,
};

struct trigger_lane_rules {
	unsigned batch;
	int64_t window, backoff;
	unsigned retries; /* TRIGGER_NEVER_GIVE_UP */
};

struct trigger_lane {
	struct trigger_record *first, *last;
	size_t count, bytes;
	/* What a batch was divided into; the last one is of the first records, and next. */
	size_t pieces[TRIGGER_PIECES_MAX];
	unsigned piece_count;
	unsigned failures; /* in a row, of what is next */
	unsigned rests;    /* in a row, of a lane that could not even try */
	int64_t pause_until;
	struct trigger_command command;
};

void trigger_lane_add(struct trigger_lane *lane, struct trigger_record *record);

/* When the next attempt may begin; INT64_MAX: there is nothing for one. `hurry`: no more is coming soon. */
int64_t trigger_lane_due(const struct trigger_lane *lane, const struct trigger_lane_rules *rules, bool hurry);
/* The records of the attempt that begins: so many of the first. */
size_t trigger_lane_begin(struct trigger_lane *lane, const struct trigger_lane_rules *rules);
size_t trigger_lane_current(const struct trigger_lane *lane);
/* They are done with. True: the backlog's position has moved. */
bool trigger_lane_succeed(struct trigger_lane *lane, struct trigger_backlog *backlog);

enum trigger_verdict { TRIGGER_RETRY, TRIGGER_HALVE, TRIGGER_GIVE_UP };
/* Without GIVE_UP the pause is set. */
enum trigger_verdict trigger_lane_fail(
	struct trigger_lane *lane, const struct trigger_lane_rules *rules, int64_t now);
/* A pause that says nothing about the records: there always is one, and it grows like others. */
void trigger_lane_rest(struct trigger_lane *lane, const struct trigger_lane_rules *rules, int64_t now);

#endif
