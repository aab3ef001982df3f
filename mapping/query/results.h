/*
 * Inside mapping/: what a query, an index or a table gives, page after page: a directory's listing, the lines
 * of a stream, a count. One page is in memory at a time. For one caller at a time.
 */
#ifndef MAP_RESULTS_H
#define MAP_RESULTS_H

#include "mapping/query/query.h"

enum map_results_want {
	MAP_RESULTS_ENTRIES,   /* for a listing, with keys; what cannot be read is left out and counted */
	MAP_RESULTS_DOCUMENTS, /* what the files show: select= is applied */
	MAP_RESULTS_COUNT,     /* no entries; page.count only */
};

struct map_results {
	struct ddb_arena arenas[2]; /* the page's, and the one of the key that it begins behind */
	unsigned turn;
	bool begun, ended;
	struct ddb_value start; /* the key to go on behind */
	uint64_t returned, examined, half_units;
};

void map_results_init(struct map_results *results);
void map_results_done(struct map_results *results);
void map_results_rewind(struct map_results *results);
/* To where it was before the last page; its key is still there. */
void map_results_return(struct map_results *results, const struct map_results *before);
/*
 * The next page of what `place` asks; `room`: at most so many entries (0: no matter); `page_bytes` as in
 * struct ddb_query. The entries live until the second next call. A page may be empty though more follow.
 */
int map_results_next(struct map_results *results, struct map *map, const struct map_place *place,
	enum map_results_want want, uint32_t room, uint32_t page_bytes, struct ddb_page *ret,
	struct ddb_error *err);

#endif
