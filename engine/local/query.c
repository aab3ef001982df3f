/*
 * Reading items: one by its key, or a page of those in a range of keys. Partition, bounds, segment and start
 * key become one half-open range of store keys, which a cursor walks; where only keys are wanted, bodies stay
 * unread.
 */
#include "engine/local/item.h"
#include "engine/local/partition.h"

#include <string.h>

enum { PAGE_BYTES = 1 << 20 };

/* ---- One item ---- */

struct get {
	struct ddb_arena *arena;
	const struct ddb_get_item *request;
	struct ddb_get_result result;
};

static enum ddb_code get_in(struct store_txn *view, const struct local_table *table,
	const struct local_key *key, struct get *get, struct ddb_error *err)
{
	struct local_found found;
	bool whole = !get->request->meta_only;
	enum ddb_code code = local_item_find(view, get->arena, key, whole, &found, err);
	if (!code && !found.found)
		code = local_alive(view, table, err);
	if (code)
		return code;
	get->result.found = found.found;
	get->result.entry.meta = found.meta;
	if (!found.found || !whole)
		return DDB_OK;
	return local_body_decode(get->arena, found.body, found.length, &get->result.entry.item, err);
}

static enum ddb_code get_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct get *get = context;
	struct local_key key;
	struct store_txn *view;
	enum ddb_code code =
		local_key_of_map(engine->store, table->table, table->space, &get->request->key, &key, err);
	if (!code)
		code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = get_in(view, table, &key, get, err);
	store_view_end(view);
	return code;
}

enum ddb_code local_get_item(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_get_item *request, struct ddb_get_result *ret, struct ddb_error *err)
{
	struct get get = {.arena = arena, .request = request};
	enum ddb_code code =
		local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, get_attempt, &get, err);
	if (code)
		return code;
	ret->found = get.result.found;
	if (get.result.found)
		ret->entry.meta = get.result.entry.meta;
	if (get.result.found && !request->meta_only)
		ret->entry.item = get.result.entry.item;
	return DDB_OK;
}

/* ---- The range ---- */

struct place {
	size_t length;
	uint8_t bytes[LOCAL_KEY_MAX + 1];
};

/* Store keys from `from` (inclusive) to `to` (exclusive). */
struct range {
	struct place from, to;
};

static void place_set(struct place *place, const uint8_t *bytes, size_t length)
{
	memcpy(place->bytes, bytes, length);
	place->length = length;
}

/* Behind a key is the key with a zero byte: nothing lies between. */
static void place_behind(struct place *place, const uint8_t *bytes, size_t length)
{
	place_set(place, bytes, length);
	place->bytes[place->length++] = 0;
}

static int place_compare(const struct place *place, const uint8_t *bytes, size_t length)
{
	int order = memcmp(place->bytes, bytes, place->length < length ? place->length : length);
	return order ? order : (place->length > length) - (place->length < length);
}

static enum ddb_code invalid_start(struct ddb_error *err, const char *why)
{
	return ddb_fail(err, DDB_VALIDATION, "The provided starting key is %s", why);
}

static enum ddb_code start_key(struct local_engine *engine, const struct local_table *table,
	const struct ddb_query *query, struct local_key *ret, struct ddb_error *err)
{
	struct ddb_error reason;
	enum ddb_code code =
		local_key_of_map(engine->store, table->table, table->space, query->start, ret, &reason);
	if (!code)
		return DDB_OK;
	return ddb_fail(err, code, "The provided starting key is invalid: %s", reason.message);
}

/* ---- The range of a Query ---- */

static enum ddb_code unsupported(struct ddb_error *err)
{
	return ddb_fail(err, DDB_VALIDATION, "Query key condition not supported");
}

/* The place of a sort key; `behind`: of the first one after it. */
static enum ddb_code sort_place(struct local_engine *engine, const struct local_table *table,
	const struct ddb_key_range *range, const struct ddb_value *value, bool behind, struct place *ret,
	struct ddb_error *err)
{
	struct local_key key;
	enum ddb_code code = local_key_value_check(&table->table->definition->range, true, value, err);
	if (code)
		return code;
	local_key_make(engine->store, table->space, &range->partition, value, &key);
	if (behind)
		place_behind(ret, key.bytes, key.length);
	else
		place_set(ret, key.bytes, key.length);
	return DDB_OK;
}

static void raise_start(struct range *range, const struct place *place)
{
	if (place_compare(&range->from, place->bytes, place->length) < 0)
		range->from = *place;
}

static void lower_end(struct range *range, const struct place *place)
{
	if (place_compare(&range->to, place->bytes, place->length) > 0)
		range->to = *place;
}

static enum ddb_code narrow_to_begin(struct local_engine *engine, const struct local_table *table,
	const struct ddb_key_range *asked, struct range *range, struct ddb_error *err)
{
	struct place first, end;
	enum ddb_code code = asked->begins_with.type == DDB_N ? unsupported(err) : DDB_OK;
	if (!code)
		code = sort_place(engine, table, asked, &asked->begins_with, false, &first, err);
	if (code)
		return code;
	end.length = local_key_after_prefix(first.bytes, first.length, end.bytes);
	raise_start(range, &first);
	lower_end(range, &end);
	return DDB_OK;
}

/* Both ends; `inclusive` of both. */
static enum ddb_code narrow(struct local_engine *engine, const struct local_table *table,
	const struct ddb_key_range *asked, const struct ddb_bound *lower, const struct ddb_bound *upper,
	struct range *range, struct ddb_error *err)
{
	struct place place;
	enum ddb_code code = DDB_OK;
	if (lower->given) {
		code = sort_place(engine, table, asked, &lower->value, !lower->inclusive, &place, err);
		if (!code)
			raise_start(range, &place);
	}
	if (!code && upper->given) {
		code = sort_place(engine, table, asked, &upper->value, upper->inclusive, &place, err);
		if (!code)
			lower_end(range, &place);
	}
	return code;
}

static enum ddb_code narrow_range(struct local_engine *engine, const struct local_table *table,
	const struct ddb_key_range *asked, struct range *range, struct ddb_error *err)
{
	bool bounded = asked->lower.given || asked->upper.given || asked->has_begins_with;
	if (asked->prefix_count > 1 || (asked->prefix_count && bounded))
		return unsupported(err);
	if (asked->prefix_count) {
		const struct ddb_bound only = {true, true, asked->prefix[0]};
		return narrow(engine, table, asked, &only, &only, range, err);
	}
	enum ddb_code code = narrow(engine, table, asked, &asked->lower, &asked->upper, range, err);
	if (!code && asked->has_begins_with)
		code = narrow_to_begin(engine, table, asked, range, err);
	return code;
}

static enum ddb_code query_bounds(struct local_engine *engine, const struct local_table *table,
	const struct ddb_key_range *asked, struct range *ret, struct ddb_error *err)
{
	struct local_key whole;
	local_key_make(engine->store, table->space, &asked->partition, NULL, &whole);
	if (!local_is_composite(table->table)) {
		if (asked->lower.given || asked->upper.given || asked->has_begins_with || asked->prefix_count)
			return unsupported(err);
		place_set(&ret->from, whole.bytes, whole.length);
		place_behind(&ret->to, whole.bytes, whole.length);
		return DDB_OK;
	}
	place_behind(&ret->from, whole.bytes, whole.length); /* behind the header */
	ret->to.length = local_key_after_prefix(whole.bytes, whole.length, ret->to.bytes);
	return narrow_range(engine, table, asked, ret, err);
}

static enum ddb_code query_start(struct local_engine *engine, const struct local_table *table,
	const struct ddb_query *query, struct range *range, struct ddb_error *err)
{
	struct local_key start;
	if (!local_is_composite(table->table))
		return invalid_start(err, "invalid");
	enum ddb_code code = start_key(engine, table, query, &start, err);
	if (code)
		return code;
	if (!ddb_value_equal(&start.hash, &query->range->partition))
		return invalid_start(err, "outside query boundaries based on provided conditions");
	if (place_compare(&range->from, start.bytes, start.length) > 0 ||
		place_compare(&range->to, start.bytes, start.length) <= 0)
		return ddb_fail(err, DDB_VALIDATION,
			"The provided starting key does not match the range key predicate");
	if (query->backward)
		place_set(&range->to, start.bytes, start.length);
	else
		place_behind(&range->from, start.bytes, start.length);
	return DDB_OK;
}

static enum ddb_code query_range(struct local_engine *engine, const struct local_table *table,
	const struct ddb_query *query, struct range *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition;
	enum ddb_code code = local_definition(table->table, &definition, err);
	if (!code)
		code = local_key_value_check(&definition->hash, false, &query->range->partition, err);
	if (!code)
		code = query_bounds(engine, table, query->range, ret, err);
	if (!code && query->start)
		code = query_start(engine, table, query, ret, err);
	return code;
}

/* ---- The range of a Scan ---- */

static enum ddb_code check_segment(const struct ddb_query *query, struct ddb_error *err)
{
	if (query->segments > LOCAL_SEGMENTS_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"1 validation error detected: Value '%u' at 'totalSegments' failed to satisfy "
			"constraint: "
			"Member must have value less than or equal to %d",
			query->segments, LOCAL_SEGMENTS_MAX);
	if (query->segments > 0 && query->segment >= query->segments)
		return ddb_fail(err, DDB_VALIDATION,
			"The Segment parameter is zero-based and must be less than parameter TotalSegments: "
			"Segment: %u is not less than TotalSegments: %u",
			query->segment, query->segments);
	if (query->segments == 0 && query->segment > 0)
		return ddb_fail(err, DDB_VALIDATION,
			"The TotalSegments parameter is required but was not present in the request when "
			"Segment parameter is present");
	if (query->backward)
		return ddb_fail(err, DDB_VALIDATION, "Query key condition not supported");
	return DDB_OK;
}

static enum ddb_code scan_start(struct local_engine *engine, const struct local_table *table,
	const struct ddb_query *query, struct range *range, struct ddb_error *err)
{
	struct local_key start;
	enum ddb_code code = start_key(engine, table, query, &start, err);
	if (code)
		return code;
	if (place_compare(&range->from, start.bytes, start.length) > 0 ||
		place_compare(&range->to, start.bytes, start.length) <= 0)
		return ddb_fail(err, DDB_VALIDATION,
			"The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
			"ExclusiveStartKey with correct Segment. TotalSegments: %u Segment: %u",
			query->segments, query->segment);
	place_behind(&range->from, start.bytes, start.length);
	return DDB_OK;
}

static enum ddb_code scan_range(struct local_engine *engine, const struct local_table *table,
	const struct ddb_query *query, struct range *ret, struct ddb_error *err)
{
	uint32_t segments = query->segments ? query->segments : 1;
	enum ddb_code code = check_segment(query, err);
	if (code)
		return code;
	ret->from.length = local_segment_key(table->space, query->segment, segments, ret->from.bytes);
	ret->to.length = local_segment_key(table->space, query->segment + 1, segments, ret->to.bytes);
	return query->start ? scan_start(engine, table, query, ret, err) : DDB_OK;
}

/* ---- The page ---- */

/* A walk over a range. */
struct walk {
	struct ddb_arena *arena;  /* the response's */
	struct ddb_arena scratch; /* of one record */
	const struct local_table *table;
	const struct ddb_query *query;
	const struct range *range;
	struct store_cursor *cursor;
	bool composite;
	size_t page_bytes, bytes, room;
	struct ddb_page page;
	struct ddb_attribute
		names[2]; /* keys_only: the key attributes in canonical order, names in the arena */
	unsigned hash_at; /* which of them is the partition key */
	/* keys_only: the partition that the walk is in, whose value is not in its items' store keys */
	bool partition_known;
	uint8_t partition_place[LOCAL_PREFIX_BYTES];
	struct ddb_value partition; /* in the arena */
};

static bool copy_name(struct walk *walk, unsigned at, const struct ddb_key_attribute *attribute)
{
	walk->names[at].name = ddb_arena_copy(walk->arena, attribute->name, attribute->name_length);
	walk->names[at].name_length = attribute->name_length;
	return walk->names[at].name != NULL;
}

static enum ddb_code name_keys(struct walk *walk, struct ddb_error *err)
{
	const struct ddb_definition *definition = walk->table->table->definition;
	if (!walk->query->keys_only)
		return DDB_OK;
	walk->hash_at = walk->composite && strcmp(definition->range.name, definition->hash.name) < 0;
	if (!copy_name(walk, walk->hash_at, &definition->hash) ||
		(walk->composite && !copy_name(walk, !walk->hash_at, &definition->range)))
		return ddb_fail_memory(err);
	return DDB_OK;
}

/* The value, in the response's arena. */
static enum ddb_code keep_value(
	struct walk *walk, const struct ddb_value *value, struct ddb_value *ret, struct ddb_error *err)
{
	*ret = *value;
	ret->bytes = ddb_arena_copy(walk->arena, value->bytes, value->count);
	return ret->bytes ? DDB_OK : ddb_fail_memory(err);
}

static enum ddb_code enter_partition(
	struct walk *walk, const uint8_t *place, const struct ddb_value *value, struct ddb_error *err)
{
	enum ddb_code code = keep_value(walk, value, &walk->partition, err);
	if (code)
		return code;
	memcpy(walk->partition_place, place, LOCAL_PREFIX_BYTES);
	walk->partition_known = true;
	return DDB_OK;
}

/* The walk of a Scan has come to a partition's header. */
static enum ddb_code pass_header(struct walk *walk, const uint8_t *place, struct ddb_error *err)
{
	enum ddb_type type = walk->table->table->definition->hash.type;
	struct store_value record;
	struct ddb_value value;
	if (!walk->query->keys_only)
		return DDB_OK;
	ddb_arena_reset(&walk->scratch);
	enum ddb_code code = store_cursor_value(walk->cursor, &walk->scratch, true, &record, err);
	if (!code)
		code = local_value_decode(&walk->scratch, &record, type, &value, err);
	return code ? code : enter_partition(walk, place, &value, err);
}

/* The partition key's value out of the item's body: where no header was passed and no head has it. */
static enum ddb_code value_from_body(struct walk *walk, struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_key_attribute *hash = &walk->table->table->definition->hash;
	struct store_value record;
	struct ddb_value item;
	enum ddb_code code = store_cursor_value(walk->cursor, &walk->scratch, true, &record, err);
	if (!code)
		code = local_body_decode(&walk->scratch, record.body, record.body_length, &item, err);
	if (code)
		return code;
	const struct ddb_value *value = ddb_map_get(&item, hash->name, hash->name_length);
	if (!value || value->type != hash->type)
		return local_damaged(err, "an item without its key");
	*ret = *value;
	return DDB_OK;
}

static enum ddb_code partition_value(
	struct walk *walk, const uint8_t *key, struct ddb_value *ret, struct ddb_error *err)
{
	if (!walk->partition_known || memcmp(key, walk->partition_place, LOCAL_PREFIX_BYTES) != 0) {
		struct ddb_value value;
		enum ddb_code code = value_from_body(walk, &value, err);
		if (!code)
			code = enter_partition(walk, key, &value, err);
		if (code)
			return code;
	}
	*ret = walk->partition;
	return DDB_OK;
}

static enum ddb_code simple_value(struct walk *walk, const uint8_t *copy, size_t copy_length,
	struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value value;
	enum ddb_code code;
	if (copy)
		code = local_key_value(
			walk->table->table->definition->hash.type, copy, copy_length, &value, err);
	else
		code = value_from_body(walk, &value, err);
	return code ? code : keep_value(walk, &value, ret, err);
}

/* The key's map, out of what is cheapest to read. `key` is the item's store key. */
static enum ddb_code read_key(struct walk *walk, const uint8_t *key, size_t key_length, const uint8_t *copy,
	size_t copy_length, struct ddb_value *ret, struct ddb_error *err)
{
	unsigned count = walk->composite ? 2 : 1;
	struct ddb_attribute *attributes = ddb_arena_array(walk->arena, count, sizeof *attributes);
	if (!attributes)
		return ddb_fail_memory(err);
	memcpy(attributes, walk->names, count * sizeof *attributes);
	*ret = (struct ddb_value){.type = DDB_M, .count = count, .attributes = attributes};
	struct ddb_value *hash = &attributes[walk->hash_at].value;
	if (!walk->composite)
		return simple_value(walk, copy, copy_length, hash, err);
	struct ddb_value range;
	enum ddb_code code = local_key_value(walk->table->table->definition->range.type,
		key + LOCAL_PREFIX_BYTES, key_length - LOCAL_PREFIX_BYTES, &range, err);
	if (!code)
		code = keep_value(walk, &range, &attributes[!walk->hash_at].value, err);
	return code ? code : partition_value(walk, key, hash, err);
}

static enum ddb_code page_slot(struct walk *walk, struct ddb_entry **ret, struct ddb_error *err)
{
	struct ddb_page *page = &walk->page;
	if (page->count == walk->room) {
		size_t room = walk->room ? walk->room * 2 : 8;
		struct ddb_entry *grown = ddb_arena_grow(
			walk->arena, page->entries, walk->room * sizeof *grown, room * sizeof *grown);
		if (!grown)
			return ddb_fail_memory(err);
		page->entries = grown;
		walk->room = room;
	}
	*ret = &page->entries[page->count];
	return DDB_OK;
}

static bool page_full(const struct walk *walk, const struct ddb_meta *next)
{
	if (walk->page.count == 0)
		return false;
	return walk->bytes + next->size > walk->page_bytes;
}

/* The item at the cursor joins the page, or finds it full. */
static enum ddb_code read_entry(
	struct walk *walk, const uint8_t *key, size_t key_length, struct ddb_error *err)
{
	bool whole = !walk->query->keys_only;
	struct ddb_entry *entry = NULL;
	struct store_value record;
	const uint8_t *copy;
	size_t copy_length;
	enum ddb_code code = page_slot(walk, &entry, err);
	if (code)
		return code;
	ddb_arena_reset(&walk->scratch);
	code = store_cursor_value(walk->cursor, whole ? walk->arena : &walk->scratch, whole, &record, err);
	if (!code)
		code = local_head_decode(
			record.head, record.head_length, &entry->meta, &copy, &copy_length, err);
	if (code)
		return code;
	walk->page.more = page_full(walk, &entry->meta);
	if (walk->page.more)
		return DDB_OK;
	if (whole)
		code = local_body_decode(walk->arena, record.body, record.body_length, &entry->item, err);
	else
		code = read_key(walk, key, key_length, copy, copy_length, &entry->item, err);
	if (code)
		return code;
	walk->bytes += entry->meta.size;
	walk->page.count++;
	return DDB_OK;
}

/* An item, or the header of a partition. */
static enum ddb_code add_entry(struct walk *walk, const uint8_t *key, size_t length, struct ddb_error *err)
{
	bool header = walk->composite && length == LOCAL_PREFIX_BYTES;
	enum ddb_code code = header ? pass_header(walk, key, err) : read_entry(walk, key, length, err);
	if (code != DDB_DAMAGED || !walk->query->skip_damaged)
		return code;
	walk->page.damaged++;
	return DDB_OK;
}

static enum ddb_code walk_first(struct walk *walk, bool *ret_found, struct ddb_error *err)
{
	const struct range *range = walk->range;
	if (walk->query->backward)
		return store_cursor_seek_before(
			walk->cursor, range->to.bytes, range->to.length, ret_found, err);
	return store_cursor_seek(walk->cursor, range->from.bytes, range->from.length, ret_found, err);
}

static enum ddb_code walk_on(struct walk *walk, bool *ret_found, struct ddb_error *err)
{
	if (walk->query->backward)
		return store_cursor_previous(walk->cursor, ret_found, err);
	return store_cursor_next(walk->cursor, ret_found, err);
}

static bool walk_within(const struct walk *walk, const uint8_t *key, size_t length)
{
	return place_compare(&walk->range->from, key, length) <= 0 &&
	       place_compare(&walk->range->to, key, length) > 0;
}

static enum ddb_code walk_range(struct walk *walk, struct ddb_error *err)
{
	uint32_t limit = walk->query->limit;
	bool found;
	enum ddb_code code = walk_first(walk, &found, err);
	while (!code && found) {
		const uint8_t *key;
		size_t length;
		store_cursor_key(walk->cursor, &key, &length);
		if (!walk_within(walk, key, length))
			return DDB_OK;
		walk->page.more =
			limit > 0 && walk->page.count == limit; /* a header, too, has an item behind it */
		if (walk->page.more)
			return DDB_OK;
		code = add_entry(walk, key, length, err);
		if (code || walk->page.more)
			return code;
		code = walk_on(walk, &found, err);
	}
	return code;
}

static enum ddb_code walk_view(struct walk *walk, struct store_txn *view, struct ddb_error *err)
{
	enum ddb_code code = local_alive(view, walk->table, err);
	if (!code)
		code = name_keys(walk, err);
	if (!code)
		code = store_cursor_open(view, &walk->cursor, err);
	if (code)
		return code;
	code = walk_range(walk, err);
	store_cursor_close(walk->cursor);
	return code;
}

static void walk_init(struct walk *walk, const struct local_table *table, const struct ddb_query *query,
	const struct range *range)
{
	walk->table = table;
	walk->query = query;
	walk->range = range;
	walk->composite = local_is_composite(table->table);
	walk->page_bytes = query->page_bytes ? query->page_bytes : PAGE_BYTES;
	ddb_arena_init(&walk->scratch, LOCAL_ARENA_MAX);
}

struct page_request {
	struct ddb_arena *arena;
	const struct ddb_query *query;
	struct ddb_page *ret;
};

static enum ddb_code walk_page(struct local_engine *engine, const struct local_table *table,
	const struct range *range, struct page_request *request, struct ddb_error *err)
{
	struct walk walk = {.arena = request->arena};
	struct store_txn *view;
	walk_init(&walk, table, request->query, range);
	enum ddb_code code = DDB_OK;
	if (request->query->keys_only && request->query->range) /* known from the start */
		code = enter_partition(&walk, range->from.bytes, &request->query->range->partition, err);
	if (!code)
		code = store_view(engine->store, &view, err);
	if (!code) {
		code = walk_view(&walk, view, err);
		store_view_end(view);
	}
	ddb_arena_done(&walk.scratch);
	if (!code)
		*request->ret = walk.page;
	return code;
}

static enum ddb_code query_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct page_request *request = context;
	const struct ddb_query *query = request->query;
	struct range range;
	if (!query->range && table->table->provisional == DDB_PROVISIONAL) {
		*request->ret = (struct ddb_page){0}; /* no key yet, so no items */
		return DDB_OK;
	}
	enum ddb_code code = query->range ? query_range(engine, table, query, &range, err)
					  : scan_range(engine, table, query, &range, err);
	return code ? code : walk_page(engine, table, &range, request, err);
}

enum ddb_code local_query(struct ddb_engine *engine, struct ddb_arena *arena, const struct ddb_query *request,
	struct ddb_page *ret, struct ddb_error *err)
{
	struct page_request page = {.arena = arena, .query = request, .ret = ret};
	return local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, query_attempt, &page, err);
}
