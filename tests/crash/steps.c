#include "tests/crash/steps.h"

#include "tests/crash/disk.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct step_plan plan_table(const struct lane_state *lane, struct step_plan plan, uint64_t seed)
{
	plan.items[0] = (unsigned)disk_draw(&seed, STEPS_TABLE_ITEMS);
	plan.item_count = 1;
	plan.kind = STEP_FILE;
	if (!lane->made)
		plan.kind = STEP_CREATE;
	else if (!lane->settled)
		plan.kind = STEP_SETTLE;
	else if (!disk_draw(&seed, 4))
		plan.kind = lane->defined ? STEP_DROP : STEP_DEFINE;
	return plan;
}

static struct step_plan plan_scratch(const struct lane_state *lane, struct step_plan plan, uint64_t seed)
{
	static const enum step_kind uses[] = {STEP_REMOVE, STEP_RENAME, STEP_CONSUME, STEP_CONSUME};
	uint64_t value = lane->scratch[plan.scratch];
	if (!value)
		plan.kind = STEP_MAKE;
	else if (value == 1)
		plan.kind = STEP_WRITE;
	else
		plan.kind = uses[disk_draw(&seed, 4)];
	return plan;
}

struct step_plan steps_next(const struct lane_state *lane)
{
	struct step_plan plan = {.kind = STEP_PUT, .item_count = 1, .value = lane->step + 2};
	uint64_t seed = (uint64_t)lane->name << 32 | (lane->step + 1);
	if (lane->name == STEPS_TABLE_LANE)
		return plan_table(lane, plan, seed);
	unsigned first = (unsigned)disk_draw(&seed, STEPS_ITEMS);
	for (unsigned i = 0; i < STEPS_MANY; i++)
		plan.items[i] = (first + i) % STEPS_ITEMS;
	plan.scratch = (unsigned)disk_draw(&seed, STEPS_SCRATCH);
	bool present = lane->items[first];
	switch (disk_draw(&seed, 16)) {
	case 0:
	case 1:
		plan.kind = present ? STEP_DELETE : STEP_PUT;
		break;
	case 2:
		plan.kind = STEP_MANY;
		plan.item_count = STEPS_MANY;
		break;
	case 3:
	case 4:
		plan.kind = STEP_UPDATE;
		break;
	case 5:
		plan.kind = present ? STEP_MOVE : STEP_PUT;
		break;
	case 6:
		plan.kind = present && !lane->scratch[plan.scratch] ? STEP_KEEP : STEP_PUT;
		break;
	case 7:
	case 8:
	case 9:
		return plan_scratch(lane, plan, seed);
	default:
		break;
	}
	return plan;
}

void steps_apply(struct lane_state *lane, const struct step_plan *plan)
{
	uint64_t *item = &lane->items[plan->items[0]], *scratch = &lane->scratch[plan->scratch];
	lane->step++;
	switch (plan->kind) {
	case STEP_PUT:
	case STEP_MANY:
	case STEP_UPDATE:
	case STEP_FILE:
		for (unsigned i = 0; i < plan->item_count; i++)
			lane->items[plan->items[i]] = plan->value;
		break;
	case STEP_DELETE:
		*item = 0;
		break;
	case STEP_MOVE:
		lane->items[plan->items[1]] = *item;
		*item = 0;
		break;
	case STEP_MAKE:
		*scratch = 1;
		break;
	case STEP_WRITE:
		*scratch = plan->value;
		break;
	case STEP_REMOVE:
		*scratch = 0;
		break;
	case STEP_RENAME:
		lane->scratch[(plan->scratch + 1) % STEPS_SCRATCH] = *scratch;
		*scratch = 0;
		break;
	case STEP_CONSUME:
		*item = plan->value;
		*scratch = 0;
		break;
	case STEP_KEEP:
		*item = 0;
		*scratch = plan->value;
		break;
	case STEP_CREATE:
		lane->made = true;
		break;
	case STEP_SETTLE:
		lane->settled = true;
		break;
	case STEP_DEFINE:
		lane->defined = true;
		break;
	case STEP_DROP:
	default:
		lane->made = lane->settled = lane->defined = false;
		memset(lane->items, 0, sizeof lane->items);
	}
}

void steps_effects(const struct lane_state *before, const struct lane_state *after, char *ret, size_t size)
{
	size_t length = 0;
	char name = after->name;
	char directory[] = "Lanes/a";
	if (name == STEPS_TABLE_LANE)
		strcpy(directory, "Table");
	else
		directory[strlen(directory) - 1] = name;
	*ret = '\0';
	for (unsigned i = 0; i < STEPS_ITEMS; i++)
		if (before->items[i] != after->items[i])
			length += (size_t)snprintf(ret + length, size - length, " %s/k%02u.json=%" PRIu64,
				directory, i, after->items[i]);
	for (unsigned i = 0; i < STEPS_SCRATCH; i++)
		if (before->scratch[i] != after->scratch[i])
			length += (size_t)snprintf(
				ret + length, size - length, " ~%c%u=%" PRIu64, name, i, after->scratch[i]);
	if (before->made != after->made)
		length += (size_t)snprintf(ret + length, size - length, " Table=%d", after->made);
	if (before->defined != after->defined)
		snprintf(ret + length, size - length, " Table/.table.json=%d", after->defined);
}
