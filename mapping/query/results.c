/* Pages of results. See results.h. */
#include "mapping/query/results.h"

#include "mapping/query/entry.h"
#include <errno.h>
#include <string.h>

enum { PAGE_MEMORY = 128 << 20 };

void map_results_init(struct map_results *results)
{
	*results = (struct map_results){.begun = false};
	ddb_arena_init(&results->arenas[0], PAGE_MEMORY);
	ddb_arena_init(&results->arenas[1], PAGE_MEMORY);
}

void map_results_done(struct map_results *results)
{
	ddb_arena_done(&results->arenas[0]);
	ddb_arena_done(&results->arenas[1]);
}

void map_results_rewind(struct map_results *results)
{
	results->begun = results->ended = false;
	results->returned = results->examined = results->half_units = 0;
}

void map_results_return(struct map_results *results, const struct map_results *before)
{
	results->turn = before->turn;
	results->begun = before->begun;
	results->ended = before->ended;
	results->start = before->start;
	results->returned = before->returned;
	results->examined = before->examined;
	results->half_units = before->half_units;
}

static uint32_t least(uint32_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b < UINT32_MAX ? (uint32_t)b : UINT32_MAX;
	return a < b ? a : (uint32_t)b;
}

/* How many items may be examined: as many as there may be results, where each item is one. */
static uint32_t limit_of(const struct map_results *results, const struct map_query *query, uint32_t room)
{
	if (query->filter || map_query_sifts(query))
		return query->page;
	uint32_t limit = least(query->page, room);
	return query->limit ? least(limit, query->limit - results->returned) : limit;
}

/* Of each item: nothing but that it counts, its key, or all that the source has of it. */
static void ask_for(const struct map_query *query, enum map_results_want want, struct ddb_query *request)
{
	bool counts = want == MAP_RESULTS_COUNT && !map_query_sifts(query);
	bool keys = want == MAP_RESULTS_COUNT || (want == MAP_RESULTS_ENTRIES && !query->selection);
	request->keys_only = keys && !counts && !query->fetches;
	request->select = counts ? DDB_SELECT_COUNT : query->fetches ? DDB_SELECT_ALL : DDB_SELECT_DEFAULT;
	request->selection =
		counts && query->fetches ? query->selection : NULL; /* its filter sees the same */
}

static void ask(const struct map_results *results, const struct map_place *place, enum map_results_want want,
	uint32_t room, struct ddb_query *request)
{
	static const struct map_query all = {.index = NULL};
	const struct map_query *query = place->query ? place->query : &all;
	ask_for(query, want, request);
	request->index = query->index ? query->index->name : NULL;
	request->range = query->has_partition ? &query->range : NULL;
	request->filter = query->filter;
	request->backward = query->backward;
	request->limit = limit_of(results, query, room);
	request->consistent = !query->index || query->index->local;
}

/* Leaves out what a scan could not be asked to. */
static void sift(const struct map_place *place, struct ddb_page *page)
{
	size_t kept = 0;
	for (size_t i = 0; i < page->count; i++)
		if (map_query_holds_key(place->query, place->table, &page->entries[i].item))
			page->entries[kept++] = page->entries[i];
	page->count = kept;
}

/* Ends the page behind its `count` first entries; the next one begins there. */
static int cut(const struct map_place *place, struct ddb_page *page, uint64_t count, struct ddb_arena *arena,
	struct ddb_error *err)
{
	const struct map_query *query = place->query;
	if (page->count <= count)
		return 0;
	enum ddb_code code = map_entry_key(place->table, query ? query->index : NULL,
		&page->entries[count - 1].item, arena, &page->last, err);
	if (code)
		return map_errno(code);
	page->count = count;
	page->more = true;
	return 0;
}

static int select_all(struct ddb_arena *arena, const struct map_place *place, const struct ddb_page *page,
	struct ddb_error *err)
{
	for (size_t i = 0; i < page->count; i++) {
		int number = map_entry_select(arena, place, true, &page->entries[i], err);
		if (number)
			return number;
	}
	return 0;
}

static int refine(const struct map_results *results, const struct map_place *place, uint32_t room,
	struct ddb_arena *arena, struct ddb_page *page, struct ddb_error *err)
{
	const struct map_query *query = place->query;
	bool has_entries = page->entries != NULL;
	if (!query)
		return 0;
	if (has_entries && map_query_sifts(query))
		sift(place, page);
	if (has_entries && room) {
		int number = cut(place, page, room, arena, err);
		if (number)
			return number;
	}
	if (query->limit && page->count >= query->limit - results->returned) {
		page->count = query->limit - results->returned;
		page->more = false;
	}
	return 0;
}

static void count_page(struct map_results *results, const struct ddb_page *page)
{
	results->returned += page->count;
	results->examined += page->examined;
	for (size_t i = 0; i < page->capacity.count; i++)
		results->half_units += page->capacity.arms[i].half_units;
	results->start = page->last;
	results->begun = true;
	results->ended = !page->more;
	results->turn = !results->turn;
}

static bool is_empty(const struct map_place *place)
{
	return !place->table->definition || (place->query && place->query->nobody);
}

int map_results_next(struct map_results *results, struct map *map, const struct map_place *place,
	enum map_results_want want, uint32_t room, uint32_t page_bytes, struct ddb_page *ret,
	struct ddb_error *err)
{
	struct ddb_arena *arena = &results->arenas[results->turn];
	struct ddb_query request = {
		.table = place->table->name,
		.page_bytes = page_bytes,
		.start = results->begun ? &results->start : NULL,
		.segment = place->segment,
		.segments = place->segments,
		.skip_damaged = want == MAP_RESULTS_ENTRIES,
	};
	struct ddb_page page = {0};
	int number = place->query ? map_query_check_whole(place->query, err) : 0;
	if (number)
		return number;
	ddb_arena_reset(arena);
	ask(results, place, want, room, &request);
	if (!is_empty(place))
		number = map_errno(map->engine->ops->query(map->engine, arena, &request, &page, err));
	if (!number)
		number = refine(results, place, room, arena, &page, err);
	if (!number && place->query && want == MAP_RESULTS_DOCUMENTS)
		number = select_all(arena, place, &page, err);
	if (number)
		return number;
	count_page(results, &page);
	*ret = page;
	return 0;
}
