/*
 * Inside mapping/: what .txn/committed lists: the names of transactions that were committed, for ten minutes
 * and at most a hundred thousand of them. Only a list: what a token stands for is the engine's to know.
 * Threads: any.
 */
#ifndef MAP_COMMITTED_H
#define MAP_COMMITTED_H

#include "mapping/name.h"

enum { MAP_COMMITTED_SECONDS = 600, MAP_COMMITTED_MAX = 100000 };

struct map_committed;
struct map_committed *map_committed_new(void);
void map_committed_free(struct map_committed *committed);

/* The name is listed from now on; one that is already begins anew. Without memory for it it is not listed. */
void map_committed_add(struct map_committed *committed, const char *name, int64_t now_ns);
bool map_committed_find(struct map_committed *committed, const char *name, int64_t *ret_since_ns);
bool map_committed_remove(struct map_committed *committed, const char *name);
/* Up to `max` in the order in which they were added, behind the number `after` (0: from the first). */
struct map_committed_name {
	uint64_t number;
	char name[MAP_NAME_MAX + 1];
};
size_t map_committed_list(
	struct map_committed *committed, uint64_t after, size_t max, struct map_committed_name *ret);
/* Takes the oldest out if its time is over; its name. */
bool map_committed_expire(struct map_committed *committed, int64_t now_ns, char ret[256]);

#endif
