/*
 * Query and Scan: what is read (source.h), which range of it (range.h), and a cursor that walks the range and
 * fills a page (page.h).
 */
#include "engine/local/page.h"
#include "engine/local/txn/reads.h"

struct request {
	struct ddb_arena *arena;
	const struct ddb_query *query;
	struct ddb_page *ret;
};

/* ---- The walk ---- */

static enum ddb_code walk_first(
	struct local_page *page, const struct local_range *range, bool *ret_found, struct ddb_error *err)
{
	if (page->query->backward)
		return store_cursor_seek_before(
			page->cursor, range->to.bytes, range->to.length, ret_found, err);
	return store_cursor_seek(page->cursor, range->from.bytes, range->from.length, ret_found, err);
}

static enum ddb_code walk_on(struct local_page *page, bool *ret_found, struct ddb_error *err)
{
	if (page->query->backward)
		return store_cursor_previous(page->cursor, ret_found, err);
	return store_cursor_next(page->cursor, ret_found, err);
}

static enum ddb_code walk(struct local_page *page, const struct local_range *range, struct ddb_error *err)
{
	bool found;
	enum ddb_code code = walk_first(page, range, &found, err);
	while (!code && found) {
		const uint8_t *key;
		size_t length;
		store_cursor_key(page->cursor, &key, &length);
		if (!local_range_has(range, key, length))
			return DDB_OK;
		code = local_page_visit(page, err);
		if (code || page->page.more)
			return code;
		code = walk_on(page, &found, err);
	}
	return code;
}

/* What was walked: the range up to its end, or to the record behind the page's, which showed that there is
 * more. */
static enum ddb_code remember(struct local_engine *engine, const struct local_page *page,
	const struct local_range *range, struct ddb_error *err)
{
	const struct local_table *table = page->source->table;
	const struct local_place *from = &range->from, *to = &range->to;
	struct local_place end;
	if (!engine->view)
		return DDB_OK;
	if (!page->page.more)
		return local_read_range(engine, table, from->bytes, from->length, to->bytes, to->length, err);
	const uint8_t *key;
	size_t length;
	store_cursor_key(page->cursor, &key, &length);
	local_place_set(&end, key, length);
	end.bytes[end.length++] = 0;
	if (page->query->backward)
		return local_read_range(engine, table, key, length, to->bytes, to->length, err);
	return local_read_range(engine, table, from->bytes, from->length, end.bytes, end.length, err);
}

static enum ddb_code fill(struct local_engine *engine, struct local_page *page,
	const struct local_range *range, struct store_txn *view, struct ddb_error *err)
{
	enum ddb_code code = local_source_alive(view, page->source, err);
	if (!code)
		code = store_cursor_open(view, &page->cursor, err);
	if (code)
		return code;
	page->view = view;
	code = walk(page, range, err);
	if (!code)
		code = remember(engine, page, range, err);
	if (!code)
		code = local_page_finish(page, err);
	store_cursor_close(page->cursor);
	return code;
}

static enum ddb_code fill_in_view(struct local_engine *engine, struct local_page *page,
	const struct local_range *range, struct ddb_error *err)
{
	struct store_txn *view;
	enum ddb_code code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = fill(engine, page, range, view, err);
	store_view_end(view);
	return code;
}

/* ---- The operation ---- */

static enum ddb_code read_page(struct local_engine *engine, const struct local_source *source,
	struct request *request, struct ddb_error *err)
{
	struct local_range range;
	struct local_page page;
	enum ddb_code code = local_range_of(engine, source, request->query, &range, err);
	if (!code)
		code = local_page_init(&page, engine, request->arena, source, request->query, &range, err);
	if (code)
		return code;
	code = fill_in_view(engine, &page, &range, err);
	local_page_done(&page);
	if (!code)
		*request->ret = page.page;
	return code;
}

static enum ddb_code query_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct request *request = context;
	const struct ddb_query *query = request->query;
	struct local_source source;
	if (!query->range && !query->index && table->table->provisional == DDB_PROVISIONAL) {
		*request->ret = (struct ddb_page){0}; /* no key yet, so no items */
		return local_read_table(engine, table, err);
	}
	enum ddb_code code = local_source_of(table, query, &source, err);
	return code ? code : read_page(engine, &source, request, err);
}

enum ddb_code local_query(struct ddb_engine *engine, struct ddb_arena *arena, const struct ddb_query *request,
	struct ddb_page *ret, struct ddb_error *err)
{
	struct request page = {.arena = arena, .query = request, .ret = ret};
	return local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, query_attempt, &page, err);
}
