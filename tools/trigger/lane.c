#include "tools/trigger/lane.h"

#include <assert.h>
#include <sys/random.h>

void trigger_lane_add(struct trigger_lane *lane, struct trigger_record *record)
{
	if (lane->last)
		lane->last->next_of_lane = record;
	else
		lane->first = record;
	lane->last = record;
	lane->count++;
	lane->bytes += record->length;
}

int64_t trigger_lane_due(const struct trigger_lane *lane, const struct trigger_lane_rules *rules, bool hurry)
{
	int64_t due;

	if (!lane->count || lane->command.pid)
		return INT64_MAX;
	if (lane->piece_count || hurry || lane->count >= rules->batch || lane->bytes >= TRIGGER_EVENT_MAX)
		return lane->pause_until;
	due = lane->first->came + rules->window;
	return due > lane->pause_until ? due : lane->pause_until;
}

size_t trigger_lane_begin(struct trigger_lane *lane, const struct trigger_lane_rules *rules)
{
	size_t count = 0, bytes = 0;

	if (lane->piece_count)
		return trigger_lane_current(lane);
	for (const struct trigger_record *record = lane->first; record && count < rules->batch;
		record = record->next_of_lane, count++) {
		bytes += record->length;
		if (count && bytes > TRIGGER_EVENT_MAX)
			break;
	}
	lane->pieces[lane->piece_count++] = count;
	return count;
}

size_t trigger_lane_current(const struct trigger_lane *lane)
{
	return lane->piece_count ? lane->pieces[lane->piece_count - 1] : 0;
}

bool trigger_lane_succeed(struct trigger_lane *lane, struct trigger_backlog *backlog)
{
	bool moved = false;

	for (size_t left = trigger_lane_current(lane); left; left--) {
		struct trigger_record *record = lane->first;
		lane->first = record->next_of_lane;
		lane->count--;
		lane->bytes -= record->length;
		moved |= trigger_backlog_finish(backlog, record);
	}
	if (!lane->first)
		lane->last = NULL;
	lane->piece_count--;
	lane->failures = lane->rests = 0;
	lane->pause_until = 0;
	return moved;
}

/* Between the half and the whole of what it would be without chance. */
static int64_t pause_after(int64_t first, unsigned failures)
{
	int64_t most = first > TRIGGER_PAUSE_MAX ? first : TRIGGER_PAUSE_MAX, pause = first;
	uint32_t chance = 0;

	for (unsigned i = 1; i < failures && pause && pause < most; i++)
		pause *= 2;
	if (pause > most)
		pause = most;
	if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) < 0)
		chance = UINT32_MAX; /* no chance, then */
	return pause / 2 + (int64_t)((uint64_t)(pause - pause / 2) * chance / UINT32_MAX);
}

enum trigger_verdict trigger_lane_fail(
	struct trigger_lane *lane, const struct trigger_lane_rules *rules, int64_t now)
{
	size_t count = trigger_lane_current(lane);

	lane->pause_until = now + pause_after(rules->backoff, lane->failures + 1);
	lane->rests = 0;
	if (count > 1) {
		assert(lane->piece_count < TRIGGER_PIECES_MAX);
		lane->pieces[lane->piece_count - 1] = count - count / 2;
		lane->pieces[lane->piece_count++] = count / 2;
		return TRIGGER_HALVE;
	}
	lane->failures++;
	if (rules->retries != TRIGGER_NEVER_GIVE_UP && lane->failures > rules->retries)
		return TRIGGER_GIVE_UP;
	return TRIGGER_RETRY;
}

void trigger_lane_rest(struct trigger_lane *lane, const struct trigger_lane_rules *rules, int64_t now)
{
	int64_t first = rules->backoff > TRIGGER_REST_MIN ? rules->backoff : TRIGGER_REST_MIN;

	lane->rests++;
	lane->pause_until = now + pause_after(first, lane->failures + lane->rests);
}
