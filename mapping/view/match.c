/*
 * The names of transactions and snapshots, and of transactions that were committed. See match.h.
 */
#include "mapping/view/committed.h"
#include "mapping/match.h"
#include "mapping/view/views.h"

static bool exists(struct map *map, const struct map_place *parent, const struct map_step *step)
{
	enum ddb_view_kind kind = parent->kind == MAP_SNAPSHOTS ? DDB_SNAPSHOT : DDB_TRANSACTION;
	MAP_VIEW_AUTO struct map_view *view = map_view_find(map, kind, step->name, step->length);
	return view;
}

/* What is below is in the view's own map: a path that still comes here comes too late. */
int map_match_view(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	(void)arena, (void)err;
	if (!step->last)
		return MAP_NOT_MINE;
	ret->exists = exists(map, ret, step);
	return ret->exists || step->directory ? 0 : MAP_NOT_MINE;
}

int map_match_committed(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err)
{
	(void)ret, (void)arena, (void)err;
	return map_committed_find(map->committed, step->name, NULL) ? 0 : MAP_NOT_MINE;
}
