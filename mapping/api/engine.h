/*
 * Inside mapping/, and for tools: an engine around another, as requests of the API see it. It knows how files
 * are named, so that a provisional table gets its definition from a request; with a map, it tells the tree of
 * every change, as the tree's own changes are told. It has the functions that requests call, no others.
 * Threads: any. Lives in its user's memory; nothing to be freed.
 */
#ifndef MAP_API_ENGINE_H
#define MAP_API_ENGINE_H

#include "mapping/map.h"

struct map_api_engine {
	struct ddb_engine engine; /* first: callers know this one */
	struct ddb_engine *inner;
	struct map *map; /* or NULL: nobody has to be told */
	struct map_caller caller;
};

/* All are borrowed. `map` and `caller` may be NULL. */
void map_api_engine_init(struct map_api_engine *ret, struct ddb_engine *inner, struct map *map,
	const struct map_caller *caller);

#endif
