/*
 * The names below .stream. See match.h.
 */
#include "engine/stream.h"
#include "mapping/match.h"
#include "mapping/stream/records.h"

#include <errno.h>
#include <string.h>

int map_match_stream(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	bool exists;
	int number = map_records_exist(map, arena, ret->table, &exists, err);
	(void)step;
	if (number || exists)
		return number;
	ddb_fail(err, DDB_ACCESS_DENIED, "The table has no stream: %s", ret->table->name);
	return ENOENT;
}

/* How a name says where to begin. */
static const struct {
	const char *before;
	bool itself; /* with the record of that number */
} beginnings[] = {{"after=", false}, {"at=", true}};

static const char suffix[] = ".jsonl";

static int read_number(
	const char *digits, size_t length, bool itself, struct map_place *ret, struct ddb_error *err)
{
	uint64_t number;
	if (!ddb_sequence_read(digits, length, &number)) {
		ddb_fail(err, DDB_VALIDATION, "Invalid SequenceNumber: %.*s", (int)length, digits);
		return EINVAL;
	}
	ret->after = itself && number ? number - 1 : number;
	return 0;
}

int map_match_beginning(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	size_t end = strlen(suffix);
	(void)map, (void)arena;
	if (step->length < end || strcmp(step->name + step->length - end, suffix) != 0)
		return MAP_NOT_MINE;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
		size_t begin = strlen(beginnings[i].before);
		if (step->length >= begin + end && !memcmp(step->name, beginnings[i].before, begin))
			return read_number(step->name + begin, step->length - begin - end,
				beginnings[i].itself, ret, err);
	}
	return MAP_NOT_MINE;
}
