/*
 * The attribute user.ttl: when an item expires. It is the table's TTL attribute and no copy of it, so that
 * what programs copy with a file's text is there already. Also the telling of items that TTL has removed.
 */
#ifndef MAP_TTL_H
#define MAP_TTL_H

#include "mapping/tree.h"

/* The value as text; ENODATA: the item has no such number. EOPNOTSUPP: the table has no TTL. */
int map_ttl_get(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	char ret[MAP_PATH_MAX], struct ddb_error *err);
/* N, +N, +Ns, +Nm, +Nh, +Nd. What the item has already changes nothing. `flags` as setxattr(2)'s. */
int map_ttl_set(struct map *map, struct ddb_arena *arena, const struct map_place *place, const char *value,
	size_t size, int flags, struct ddb_error *err);
int map_ttl_remove(
	struct map *map, struct ddb_arena *arena, const struct map_place *place, struct ddb_error *err);

#endif
