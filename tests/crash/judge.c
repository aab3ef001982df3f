#include "tests/crash/judge.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATHS_MAX = 1024 };

struct effect {
	unsigned path;
	uint64_t value;
};

struct step {
	unsigned number;
	size_t begun;         /* records before which it was */
	size_t done, durable; /* the same; SIZE_MAX: never */
	int64_t done_ns;
	size_t effect_count;
	struct effect *effects;
	unsigned before[JUDGE_LANES]; /* steps of the lanes, as indexes, that were done when it began */
};

struct lane {
	size_t count, room;
	struct step *steps; /* the first stands for the beginning, without a number */
};

struct judge {
	const struct recording *recording;
	struct lane lanes[JUDGE_LANES];
	unsigned path_count;
	struct path {
		char *text;
		unsigned lane;
	} paths[PATHS_MAX];
	size_t cycle_count, cycle_room;
	size_t *cycles;
};

/* ---- Marks ---- */

static unsigned lane_of(const struct record *record)
{
	unsigned lane = (unsigned char)record->lane - 'a';
	if (lane >= JUDGE_LANES)
		errx(2, "there is no lane '%c'", record->lane);
	return lane;
}

static unsigned path_number(struct judge *judge, unsigned lane, const char *text, size_t length)
{
	for (unsigned i = 0; i < judge->path_count; i++)
		if (strlen(judge->paths[i].text) == length && !memcmp(judge->paths[i].text, text, length)) {
			if (judge->paths[i].lane != lane)
				errx(2, "%s is in two lanes", judge->paths[i].text);
			return i;
		}
	if (judge->path_count == PATHS_MAX)
		errx(2, "too many paths");
	judge->paths[judge->path_count] = (struct path){strndup(text, length), lane};
	return judge->path_count++;
}

static struct step *add_step(struct lane *lane)
{
	if (lane->count == lane->room) {
		lane->room = lane->room ? 2 * lane->room : 256;
		lane->steps = reallocarray(lane->steps, lane->room, sizeof *lane->steps);
		if (!lane->steps)
			err(2, "steps");
	}
	struct step *step = &lane->steps[lane->count++];
	*step = (struct step){.done = SIZE_MAX, .durable = SIZE_MAX};
	return step;
}

/* The last step of the lane that was done with the first `count` records. */
static unsigned last_done(const struct lane *lane, size_t count)
{
	size_t step = lane->count;
	while (step > 1 && lane->steps[step - 1].done >= count)
		step--;
	return (unsigned)step - 1;
}

static void read_effects(struct judge *judge, unsigned lane, struct step *step, const char *text)
{
	while (*text) {
		const char *equals = strchr(text, '=');
		char *end;
		if (!equals)
			errx(2, "no effect: %s", text);
		step->effects = reallocarray(step->effects, step->effect_count + 1, sizeof *step->effects);
		if (!step->effects)
			err(2, "effects");
		step->effects[step->effect_count++] =
			(struct effect){path_number(judge, lane, text, (size_t)(equals - text)),
				strtoull(equals + 1, &end, 10)};
		text = end + strspn(end, " ");
	}
}

static void begin_step(struct judge *judge, size_t at, const struct record *record)
{
	unsigned number = lane_of(record);
	struct lane *lane = &judge->lanes[number];
	struct step *step = add_step(lane);
	if (record->step <= step[-1].number)
		errx(2, "lane %c: step %u comes too late", record->lane, record->step);
	step->number = record->step;
	step->begun = at;
	for (unsigned i = 0; i < JUDGE_LANES; i++)
		step->before[i] = last_done(&judge->lanes[i], SIZE_MAX);
	read_effects(judge, number, step, record->effects);
}

static void end_steps(struct judge *judge, size_t at, const struct record *record)
{
	struct lane *lane = &judge->lanes[lane_of(record)];
	bool durable = record->kind == RECORD_DURABLE;
	for (size_t i = lane->count; i-- > 1;) {
		struct step *step = &lane->steps[i];
		if (step->number > record->step)
			continue;
		if ((durable ? step->durable : step->done) != SIZE_MAX)
			break;
		if (step->done == SIZE_MAX) {
			step->done = at;
			step->done_ns = record->time_ns;
		}
		if (durable)
			step->durable = at;
	}
}

struct judge *judge_new(const struct recording *recording)
{
	struct judge *judge = calloc(1, sizeof *judge);
	if (!judge)
		err(2, "judge");
	judge->recording = recording;
	for (unsigned i = 0; i < JUDGE_LANES; i++) {
		struct step *start = add_step(&judge->lanes[i]);
		start->done = start->durable = 0;
	}
	for (size_t i = 0; i < recording->count; i++) {
		const struct record *record = &recording->records[i];
		if (record->kind == RECORD_BEGIN)
			begin_step(judge, i, record);
		else if (record->kind == RECORD_DONE || record->kind == RECORD_DURABLE)
			end_steps(judge, i, record);
	}
	return judge;
}

void judge_cycle(struct judge *judge, size_t record)
{
	if (judge->cycle_count == judge->cycle_room) {
		judge->cycle_room = judge->cycle_room ? 2 * judge->cycle_room : 256;
		judge->cycles = reallocarray(judge->cycles, judge->cycle_room, sizeof *judge->cycles);
		if (!judge->cycles)
			err(2, "cycles");
	}
	judge->cycles[judge->cycle_count++] = record;
}

/* ---- Judging ---- */

/* What has to be there of the lane, as an index. */
static unsigned floor_of(const struct judge *judge, const struct lane *lane, size_t count, bool all)
{
	if (all)
		return last_done(lane, count);
	size_t cycles = judge->cycle_count;
	while (cycles && judge->cycles[cycles - 1] >= count)
		cycles--;
	unsigned least = cycles > 1 ? last_done(lane, judge->cycles[cycles - 2]) : 0;
	unsigned step = (unsigned)lane->count - 1;
	while (step > least && lane->steps[step].durable >= count)
		step--;
	return step;
}

struct match {
	bool any;
	unsigned least, most; /* steps, as indexes, after which the lane is in this state */
};

/* The steps that were begun, one after the other, against what was found. */
static struct match match_lane(
	const struct judge *judge, unsigned number, size_t count, const uint64_t found[PATHS_MAX])
{
	const struct lane *lane = &judge->lanes[number];
	struct match match = {.any = false};
	uint64_t values[PATHS_MAX] = {0};
	unsigned wrong = 0;
	for (unsigned i = 0; i < judge->path_count; i++)
		wrong += judge->paths[i].lane == number && found[i] != 0;
	for (unsigned i = 0; i < lane->count && (!i || lane->steps[i].begun < count); i++) {
		const struct step *step = &lane->steps[i];
		for (size_t k = 0; k < step->effect_count; k++) {
			const struct effect *effect = &step->effects[k];
			wrong -= values[effect->path] != found[effect->path];
			wrong += effect->value != found[effect->path];
			values[effect->path] = effect->value;
		}
		if (wrong)
			continue;
		if (!match.any)
			match.least = i;
		match.most = i;
		match.any = true;
	}
	return match;
}

static void say_state(const struct judge *judge, unsigned lane, size_t count, const uint64_t found[PATHS_MAX])
{
	const struct lane *steps = &judge->lanes[lane];
	printf("lane %c: no step (%u done, %u durable) leaves", 'a' + (int)lane, last_done(steps, count),
		floor_of(judge, steps, count, false));
	for (unsigned i = 0; i < judge->path_count; i++)
		if (judge->paths[i].lane == lane && found[i])
			printf(" %s=%" PRId64, judge->paths[i].text, (int64_t)found[i]);
	printf("\n");
}

static bool judge_lane(const struct judge *judge, unsigned number, size_t count, bool all,
	const struct match matches[JUDGE_LANES])
{
	const struct lane *lane = &judge->lanes[number];
	const struct match *match = &matches[number];
	bool right = true;
	unsigned least = floor_of(judge, lane, count, all);
	if (match->most < least) {
		printf("lane %c: step %u is there, %u must be\n", 'a' + (int)number,
			lane->steps[match->most].number, lane->steps[least].number);
		right = false;
	}
	for (unsigned i = 0; i < JUDGE_LANES; i++) {
		unsigned before = lane->steps[match->least].before[i];
		if (matches[i].any && matches[i].most < before) {
			printf("lane %c: step %u is there, but %u of lane %c, which was before, is not\n",
				'a' + (int)number, lane->steps[match->least].number,
				judge->lanes[i].steps[before].number, 'a' + (int)i);
			right = false;
		}
	}
	return right;
}

static int64_t lost_for(const struct judge *judge, const struct lane *lane, size_t count, unsigned there)
{
	unsigned done = last_done(lane, count);
	if (done <= there)
		return 0;
	int64_t lost = judge->recording->records[count - 1].time_ns - lane->steps[there + 1].done_ns;
	return lost > 0 ? lost : 0;
}

void judge_tree(const struct judge *judge, size_t count, bool all, struct ddb_engine *engine, struct map *map,
	struct verdict *ret)
{
	struct match matches[JUDGE_LANES];
	uint64_t found[PATHS_MAX];
	*ret = (struct verdict){.right = true};
	for (unsigned i = 0; i < judge->path_count; i++)
		found[i] = tree_value(engine, map, judge->paths[i].text);
	for (unsigned i = 0; i < JUDGE_LANES; i++) {
		matches[i] = match_lane(judge, i, count, found);
		if (matches[i].any)
			continue;
		say_state(judge, i, count, found);
		ret->right = false;
	}
	for (unsigned i = 0; i < JUDGE_LANES; i++) {
		const struct lane *lane = &judge->lanes[i];
		if (!matches[i].any || lane->count == 1)
			continue;
		ret->right = judge_lane(judge, i, count, all, matches) && ret->right;
		ret->judged[i] = true;
		ret->steps[i] = lane->steps[matches[i].most].number;
		int64_t lost = lost_for(judge, lane, count, matches[i].most);
		ret->lost_ns = lost > ret->lost_ns ? lost : ret->lost_ns;
	}
}

void judge_carry(const struct judge *judge, const struct verdict *verdict, const char *log)
{
	FILE *file = fopen(log, "ae");
	if (!file)
		err(2, "%s", log);
	for (unsigned lane = 0; lane < JUDGE_LANES; lane++) {
		uint64_t values[PATHS_MAX] = {0};
		if (!verdict->judged[lane] || !verdict->steps[lane])
			continue;
		const struct lane *steps = &judge->lanes[lane];
		for (size_t i = 1; i < steps->count && steps->steps[i].number <= verdict->steps[lane]; i++)
			for (size_t k = 0; k < steps->steps[i].effect_count; k++)
				values[steps->steps[i].effects[k].path] = steps->steps[i].effects[k].value;
		fprintf(file, "0 begin %c %u", 'a' + (int)lane, verdict->steps[lane]);
		for (unsigned i = 0; i < judge->path_count; i++)
			if (values[i])
				fprintf(file, " %s=%" PRIu64, judge->paths[i].text, values[i]);
		fprintf(file, "\n0 durable %c %u\n", 'a' + (int)lane, verdict->steps[lane]);
	}
	if (fclose(file))
		err(2, "%s", log);
}
