/*
 * Inside mapping/: partitions that scratch alone holds. The engine knows the partitions that have items, this
 * mount remembers those that were made or emptied in it; of a partition with nothing but scratch files and
 * directories there is a record in the store, so that the next mount lists it too. Threads: any.
 */
#ifndef MAP_HOLDING_H
#define MAP_HOLDING_H

#include "mapping/tree.h"

/* Before scratch comes to be at `place`, which may be in a partition: that is recorded unless it has items.
 */
DDB_MUST_CHECK int map_hold(struct map *map, const struct map_place *place, struct ddb_error *err);
/* Before the partition of `place` may lose its last item: it is recorded if it has scratch. Best effort. */
void map_hold_emptied(struct map *map, const struct map_place *place);
/* Before a partition is renamed: what is recorded of it is so under the new name too. */
DDB_MUST_CHECK int map_hold_rename(
	struct map *map, const struct map_place *from, const struct map_place *to, struct ddb_error *err);
/* The partition of `place` is gone, or all of a table are. */
void map_hold_end(struct map *map, const struct map_place *place);
void map_hold_end_table(struct map *map, uint32_t table);
/* Remembers what the last mounts recorded. False: no memory. */
bool map_hold_load(struct map *map);

/* Whether the directory has scratch of its own, in either rendering; what cannot be read counts as some. */
bool map_holds_scratch(struct map *map, struct ddb_arena *arena, const struct map_place *place);

#endif
