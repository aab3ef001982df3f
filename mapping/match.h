/*
 * Inside path.c's table: how the names that are no fixed ones are recognised. Each function is a row's
 * `match` (tree.h); it fills the place of the parent with what the name adds. They ask the engine for what a
 * name alone does not tell: whether a table is there, whether a partition is, whose key a name in the long
 * form is.
 */
#ifndef MAP_MATCH_H
#define MAP_MATCH_H

#include "mapping/tree.h"

typedef int map_match(struct map *map, struct ddb_arena *arena, const struct map_step *step,
	struct map_place *ret, struct ddb_error *err);

map_match map_match_operation;
map_match map_match_table;
map_match map_match_typed;
map_match map_match_item; /* under a table */
map_match map_match_partition;
map_match map_match_sort_item; /* under a partition */
map_match map_match_scratch_directory;
map_match map_match_scratch;
map_match map_match_segments;
map_match map_match_segment;
/* stream/match.c */
map_match map_match_stream;
map_match map_match_beginning;
/* query/match.c */
map_match map_match_queries;
map_match map_match_component;
map_match map_match_entry;
map_match map_match_index;
map_match map_match_key;

/* view/match.c */
map_match map_match_view;
map_match map_match_committed;

#endif
