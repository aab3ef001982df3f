/*
 * Pages of a Query or Scan. See page.h.
 */
#include "engine/local/page.h"

#include "engine/local/ttl/expiry.h"
#include "engine/local/txn/reads.h"

#include <string.h>

/* An item while it is judged: the record's body, or that of the item fetched for it. */
struct looked_at {
	struct local_page_record record;
	struct ddb_value item; /* when items are read */
	struct ddb_meta meta;  /* of what the entry shows */
};

/* ---- Reading ---- */

/* What is not projected is read from the table, item by item, each at its own charge. */
static enum ddb_code fetch_item(struct local_page *page, struct looked_at *at, struct ddb_error *err)
{
	const struct local_source *source = page->source;
	struct local_found found = {.found = false};
	struct local_key key;
	enum ddb_code code = local_entry_item(
		source->table, source->position, at->record.key, at->record.key_length, &key, err);
	if (!code)
		code = local_read_key(page->engine, source->table, key.bytes, key.length, err);
	if (!code)
		code = local_item_find(page->view, &page->scratch, &key, true, &found, err);
	if (!code && !found.found)
		code = local_damaged(err, "an index entry without its item");
	if (code)
		return code;
	at->record.body = found.body;
	at->record.body_length = found.length;
	at->meta = found.meta;
	page->fetched += local_read_half_units(found.meta.size, page->query->consistent);
	return DDB_OK;
}

static enum ddb_code read_item(struct local_page *page, struct looked_at *at, struct ddb_error *err)
{
	struct ddb_arena *arena = page->direct ? page->arena : &page->scratch;
	enum ddb_code code = page->source->fetches ? fetch_item(page, at, err) : DDB_OK;
	if (code)
		return code;
	return local_body_decode(arena, at->record.body, at->record.body_length, &at->item, err);
}

/* ---- Keeping ---- */

static enum ddb_code keep_whole(
	struct local_page *page, const struct looked_at *at, struct ddb_value *ret, struct ddb_error *err)
{
	if (page->direct) {
		*ret = at->item;
		return DDB_OK;
	}
	const uint8_t *body = ddb_arena_copy(page->arena, at->record.body, at->record.body_length);
	if (!body)
		return ddb_fail_memory(err);
	return local_body_decode(page->arena, body, at->record.body_length, ret, err);
}

static enum ddb_code keep_parts(
	struct local_page *page, const struct looked_at *at, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value parts;
	enum ddb_code code =
		ddb_selection_apply(&page->scratch, page->query->selection, &at->item, &parts, err);
	return code ? code : ddb_value_copy(page->arena, &parts, ret, err);
}

static enum ddb_code keep_item(
	struct local_page *page, const struct looked_at *at, struct ddb_value *ret, struct ddb_error *err)
{
	switch (page->form) {
	case LOCAL_PAGE_KEYS:
		return local_page_keys_read(&page->keys, page->cursor, &page->scratch, &at->record, ret, err);
	case LOCAL_PAGE_WHOLE:
		return keep_whole(page, at, ret, err);
	case LOCAL_PAGE_PARTS:
		return keep_parts(page, at, ret, err);
	case LOCAL_PAGE_COUNT:
	default:
		return DDB_OK;
	}
}

static enum ddb_code page_slot(struct local_page *page, struct ddb_entry **ret, struct ddb_error *err)
{
	struct ddb_page *made = &page->page;
	if (made->count == page->room) {
		size_t room = page->room ? page->room * 2 : 8;
		struct ddb_entry *grown = ddb_arena_grow(
			page->arena, made->entries, page->room * sizeof *grown, room * sizeof *grown);
		if (!grown)
			return ddb_fail_memory(err);
		made->entries = grown;
		page->room = room;
	}
	*ret = &made->entries[made->count];
	return DDB_OK;
}

static enum ddb_code keep(struct local_page *page, const struct looked_at *at, struct ddb_error *err)
{
	struct ddb_entry *entry = NULL;
	if (page->form == LOCAL_PAGE_COUNT)
		return DDB_OK;
	enum ddb_code code = page_slot(page, &entry, err);
	if (!code)
		code = keep_item(page, at, &entry->item, err);
	if (!code)
		entry->meta = at->meta;
	return code;
}

/* ---- Hiding ---- */

/* The item in the record, or (an index need not project the time) the one that an entry is of. */
static enum ddb_code look_behind(
	struct local_page *page, const struct looked_at *at, struct ddb_value *ret, struct ddb_error *err)
{
	const struct local_source *source = page->source;
	struct local_found found = {.body = at->record.body, .length = at->record.body_length};
	struct local_key key;
	enum ddb_code code = DDB_OK;
	if (source->index) {
		code = local_entry_item(
			source->table, source->position, at->record.key, at->record.key_length, &key, err);
		if (!code)
			code = local_item_find(page->view, &page->scratch, &key, true, &found, err);
		if (!code && !found.found)
			code = local_damaged(err, "an index entry without its item");
	}
	return code ? code : local_body_decode(&page->scratch, found.body, found.length, ret, err);
}

static enum ddb_code judge(
	struct local_page *page, struct looked_at *at, bool *ret_hidden, struct ddb_error *err)
{
	struct ddb_value item;
	*ret_hidden = false;
	if (!page->hides)
		return DDB_OK;
	enum ddb_code code = look_behind(page, at, &item, err);
	if (!code)
		*ret_hidden = local_expiry_hidden(page->engine, page->source->table, &item, &at->meta);
	return code;
}

/* ---- Examining ---- */

static bool is_full(const struct local_page *page, const struct ddb_meta *next)
{
	return page->page.examined > 0 && page->bytes + next->size > page->page_bytes;
}

static enum ddb_code examine(struct local_page *page, struct ddb_error *err)
{
	const struct ddb_predicate *filter = page->query->filter;
	struct looked_at at;
	bool hidden;
	enum ddb_code code = local_page_record_read(page->cursor, page->direct ? page->arena : &page->scratch,
		(page->reads_items && !page->source->fetches) || (page->hides && !page->source->index),
		&at.record, err);
	if (code)
		return code;
	page->page.more = is_full(page, &at.record.meta);
	if (page->page.more)
		return DDB_OK;
	at.meta = at.record.meta;
	if (page->reads_items)
		code = read_item(page, &at, err);
	if (!code)
		code = judge(page, &at, &hidden, err);
	bool kept = !code && !hidden && (!filter || ddb_predicate_holds(filter, &at.item));
	if (kept)
		code = keep(page, &at, err);
	if (code)
		return code;
	page->page.count += kept;
	page->page.examined++;
	page->bytes += at.record.meta.size;
	local_place_set(&page->last, at.record.key, at.record.key_length);
	return DDB_OK;
}

static enum ddb_code pass_header(struct local_page *page, struct ddb_error *err)
{
	if (page->form != LOCAL_PAGE_KEYS || page->reads_items)
		return DDB_OK;
	return local_page_keys_header(&page->keys, page->cursor, &page->scratch, err);
}

enum ddb_code local_page_visit(struct local_page *page, struct ddb_error *err)
{
	uint32_t limit = page->query->limit;
	const uint8_t *key;
	size_t length;
	page->page.more =
		limit > 0 && page->page.examined == limit; /* a header, too, has an item behind it */
	if (page->page.more)
		return DDB_OK;
	ddb_arena_reset(&page->scratch);
	store_cursor_key(page->cursor, &key, &length);
	bool header = page->source->headers && length == LOCAL_PREFIX_BYTES;
	enum ddb_code code = header ? pass_header(page, err) : examine(page, err);
	if (code != DDB_DAMAGED || !page->query->skip_damaged)
		return code;
	page->page.damaged++;
	return DDB_OK;
}

/* ---- The end ---- */

static enum ddb_code seek_exactly(
	struct local_page *page, const uint8_t *key, size_t length, struct ddb_error *err)
{
	const uint8_t *there = NULL;
	size_t there_length = 0;
	bool found = false;
	enum ddb_code code = store_cursor_seek(page->cursor, key, length, &found, err);
	if (!code && found)
		store_cursor_key(page->cursor, &there, &there_length);
	if (!code && (there_length != length || memcmp(there, key, length) != 0))
		return local_damaged(err, "a partition without its header");
	return code;
}

/* The partition's value is in its header, which is smaller than any body. */
static enum ddb_code enter_last(struct local_page *page, struct ddb_error *err)
{
	if (!page->source->headers || local_page_keys_in(&page->keys, page->last.bytes))
		return DDB_OK;
	enum ddb_code code = seek_exactly(page, page->last.bytes, LOCAL_PREFIX_BYTES, err);
	return code ? code : local_page_keys_header(&page->keys, page->cursor, &page->scratch, err);
}

static enum ddb_code last_key(struct local_page *page, struct ddb_error *err)
{
	struct local_page_record record;
	ddb_arena_reset(&page->scratch);
	enum ddb_code code = enter_last(page, err);
	if (!code)
		code = seek_exactly(page, page->last.bytes, page->last.length, err);
	if (!code)
		code = local_page_record_read(page->cursor, &page->scratch, false, &record, err);
	if (code)
		return code;
	return local_page_keys_read(
		&page->keys, page->cursor, &page->scratch, &record, &page->page.last, err);
}

static enum ddb_code count_capacity(struct local_page *page, struct ddb_error *err)
{
	const struct local_source *source = page->source;
	uint64_t half_units = local_read_half_units(page->bytes, page->query->consistent);
	struct local_consumed consumed = {.table = page->fetched};
	if (source->index)
		consumed.indexes[source->position] = half_units;
	else
		consumed.table = half_units;
	return local_consumed_report(page->arena, source->definition, &consumed, &page->page.capacity, err);
}

enum ddb_code local_page_finish(struct local_page *page, struct ddb_error *err)
{
	struct ddb_page *made = &page->page;
	uint32_t limit = page->query->limit;
	bool at_limit = limit > 0 && made->examined == limit;
	/* What cannot be restarted shows no key to restart from. */
	made->stopped = made->more || (at_limit && !(page->query->range && page->source->single));
	enum ddb_code code = DDB_OK;
	if (made->stopped && page->form == LOCAL_PAGE_KEYS && !page->query->filter && !page->hides)
		made->last = made->entries[made->count - 1].item;
	else if (made->stopped)
		code = last_key(page, err);
	return code ? code : count_capacity(page, err);
}

/* ---- The beginning ---- */

static enum local_page_form form_of(const struct ddb_query *query)
{
	if (query->select == DDB_SELECT_COUNT)
		return LOCAL_PAGE_COUNT;
	if (query->keys_only)
		return LOCAL_PAGE_KEYS;
	return query->selection ? LOCAL_PAGE_PARTS : LOCAL_PAGE_WHOLE;
}

enum ddb_code local_page_init(struct local_page *page, struct local_engine *engine, struct ddb_arena *arena,
	const struct local_source *source, const struct ddb_query *query, const struct local_range *range,
	struct ddb_error *err)
{
	enum local_page_form form = form_of(query);
	*page = (struct local_page){
		.engine = engine, .arena = arena, .source = source, .query = query, .form = form};
	page->reads_items = query->filter || form == LOCAL_PAGE_WHOLE || form == LOCAL_PAGE_PARTS;
	page->hides = local_expiry_hides(engine, source->table);
	page->direct = form == LOCAL_PAGE_WHOLE && !query->filter && !source->fetches && !page->hides;
	page->page_bytes = query->page_bytes ? query->page_bytes : LOCAL_PAGE_BYTES;
	enum ddb_code code = local_page_keys_init(&page->keys, arena, source, err);
	if (!code && query->range)
		code = local_page_keys_enter(&page->keys, range->from.bytes, &query->range->partition, err);
	if (!code)
		ddb_arena_init(&page->scratch, LOCAL_ARENA_MAX);
	return code;
}

void local_page_done(struct local_page *page)
{
	ddb_arena_done(&page->scratch);
}
