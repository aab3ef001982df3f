/*
 * Ranges of store keys. See range.h. How an index orders its entries is index/entry.h's; a table's items lie
 * behind their partition's header in the order of their sort keys' bytes.
 */
#include "engine/local/range.h"

#include "engine/local/partition.h"
#include "engine/order.h"
#include <string.h>

/* ---- Places ---- */

void local_place_set(struct local_place *place, const uint8_t *bytes, size_t length)
{
	memcpy(place->bytes, bytes, length);
	place->length = length;
}

/* Behind a key is the key with a zero byte: nothing lies between. */
static void place_behind(struct local_place *place, const uint8_t *bytes, size_t length)
{
	local_place_set(place, bytes, length);
	place->bytes[place->length++] = 0;
}

int local_place_compare(const struct local_place *place, const uint8_t *bytes, size_t length)
{
	return ddb_bytes_order(place->bytes, place->length, bytes, length);
}

static void raise_start(struct local_range *range, const struct local_place *place)
{
	if (local_place_compare(&range->from, place->bytes, place->length) < 0)
		range->from = *place;
}

static void lower_end(struct local_range *range, const struct local_place *place)
{
	if (local_place_compare(&range->to, place->bytes, place->length) > 0)
		range->to = *place;
}

static enum ddb_code unsupported(struct ddb_error *err)
{
	return ddb_fail(err, DDB_VALIDATION, "Query key condition not supported");
}

/* ---- A table's partition ---- */

/* What is asked of a table, while its range is being narrowed. */
struct asking {
	struct local_engine *engine;
	const struct local_source *source;
	const struct ddb_key_range *asked;
	struct local_range *range;
};

/* The place of a sort key; `behind`: of the first one after it. */
static enum ddb_code sort_place(const struct asking *asking, const struct ddb_value *value, bool behind,
	struct local_place *ret, struct ddb_error *err)
{
	struct local_key key;
	enum ddb_code code = local_key_value_check(&asking->source->definition->range, true, value, err);
	if (code)
		return code;
	local_key_make(
		asking->engine->store, asking->source->table->space, &asking->asked->partition, value, &key);
	if (behind)
		place_behind(ret, key.bytes, key.length);
	else
		local_place_set(ret, key.bytes, key.length);
	return DDB_OK;
}

static enum ddb_code narrow_to_bounds(const struct asking *asking, const struct ddb_bound *lower,
	const struct ddb_bound *upper, struct ddb_error *err)
{
	struct local_place place;
	enum ddb_code code = DDB_OK;
	if (lower->given) {
		code = sort_place(asking, &lower->value, !lower->inclusive, &place, err);
		if (!code)
			raise_start(asking->range, &place);
	}
	if (!code && upper->given) {
		code = sort_place(asking, &upper->value, upper->inclusive, &place, err);
		if (!code)
			lower_end(asking->range, &place);
	}
	return code;
}

static enum ddb_code narrow_to_begin(
	const struct asking *asking, const struct ddb_value *begin, struct ddb_error *err)
{
	struct local_place first, end;
	enum ddb_code code = sort_place(asking, begin, false, &first, err);
	if (code)
		return code;
	end.length = local_key_after_prefix(first.bytes, first.length, end.bytes);
	raise_start(asking->range, &first);
	lower_end(asking->range, &end);
	return DDB_OK;
}

static enum ddb_code narrow(const struct asking *asking, struct ddb_error *err)
{
	const struct ddb_key_range *asked = asking->asked;
	bool bounded = asked->lower.given || asked->upper.given || asked->has_begins_with;
	if (asked->prefix_count > 1 || (asked->prefix_count > 0 && bounded))
		return unsupported(err);
	if (asked->prefix_count > 0) {
		const struct ddb_bound only = {true, true, asked->prefix[0]};
		return narrow_to_bounds(asking, &only, &only, err);
	}
	enum ddb_code code = narrow_to_bounds(asking, &asked->lower, &asked->upper, err);
	if (!code && asked->has_begins_with)
		code = narrow_to_begin(asking, &asked->begins_with, err);
	return code;
}

static enum ddb_code table_partition(struct local_engine *engine, const struct local_source *source,
	const struct ddb_key_range *asked, struct local_range *ret, struct ddb_error *err)
{
	const struct asking asking = {engine, source, asked, ret};
	struct local_key whole;
	enum ddb_code code = local_key_value_check(&source->definition->hash, false, &asked->partition, err);
	if (code)
		return code;
	local_key_make(engine->store, source->table->space, &asked->partition, NULL, &whole);
	if (source->single) {
		if (asked->prefix_count || asked->lower.given || asked->upper.given || asked->has_begins_with)
			return unsupported(err);
		local_place_set(&ret->from, whole.bytes, whole.length);
		place_behind(&ret->to, whole.bytes, whole.length);
		return DDB_OK;
	}
	place_behind(&ret->from, whole.bytes, whole.length); /* behind the header */
	ret->to.length = local_key_after_prefix(whole.bytes, whole.length, ret->to.bytes);
	return narrow(&asking, err);
}

/* ---- An index ---- */

static void take_entries(const struct local_entry_range *entries, struct local_range *ret)
{
	local_place_set(&ret->from, entries->from.bytes, entries->from.length);
	local_place_set(&ret->to, entries->to.bytes, entries->to.length);
}

static uint32_t index_space(const struct local_source *source)
{
	return source->table->indexes[source->position].space;
}

static enum ddb_code index_partition(struct local_engine *engine, const struct local_source *source,
	const struct ddb_key_range *asked, struct local_range *ret, struct ddb_error *err)
{
	struct local_entry_range entries;
	enum ddb_code code =
		local_entry_range(engine->store, source->index, index_space(source), asked, &entries, err);
	if (!code)
		take_entries(&entries, ret);
	return code;
}

/* ---- Segments ---- */

static enum ddb_code check_segment(const struct ddb_query *query, struct ddb_error *err)
{
	if (query->segments > LOCAL_SEGMENTS_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"1 validation error detected: Value '%u' at 'totalSegments' failed to satisfy "
			"constraint: Member must have value less than or equal to %d",
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
	return query->backward ? unsupported(err) : DDB_OK;
}

static enum ddb_code segment_range(const struct local_source *source, const struct ddb_query *query,
	struct local_range *ret, struct ddb_error *err)
{
	uint32_t segments = query->segments ? query->segments : 1, space = source->table->space;
	struct local_entry_range entries;
	enum ddb_code code = check_segment(query, err);
	if (code)
		return code;
	if (source->index) {
		local_entry_segment(index_space(source), query->segment, segments, &entries);
		take_entries(&entries, ret);
		return DDB_OK;
	}
	ret->from.length = local_segment_key(space, query->segment, segments, ret->from.bytes);
	ret->to.length = local_segment_key(space, query->segment + 1, segments, ret->to.bytes);
	return DDB_OK;
}

/* ---- The start key ---- */

static enum ddb_code start_place(struct local_engine *engine, const struct local_source *source,
	const struct ddb_value *start, struct local_place *ret, struct ddb_error *err)
{
	const struct local_table *table = source->table;
	struct local_entry_key entry;
	struct local_key key;
	struct ddb_error reason;
	enum ddb_code code = source->index ? local_entry_key_of_map(engine->store, table, source->position,
						     start, &entry, &reason)
					   : local_key_of_map(engine->store, table->table, table->space,
						     start, &key, &reason);
	if (code)
		return ddb_fail(err, code, "The provided starting key is invalid: %s", reason.message);
	if (source->index)
		local_place_set(ret, entry.bytes, entry.length);
	else
		local_place_set(ret, key.bytes, key.length);
	return DDB_OK;
}

/* Every place of a Query's range has its partition's prefix at the start. */
static enum ddb_code check_query_start(
	const struct local_range *range, const struct local_place *start, struct ddb_error *err)
{
	if (memcmp(start->bytes, range->from.bytes, LOCAL_PREFIX_BYTES) != 0)
		return ddb_fail(err, DDB_VALIDATION,
			"The provided starting key is outside query boundaries based on provided conditions");
	if (!local_range_has(range, start->bytes, start->length))
		return ddb_fail(err, DDB_VALIDATION,
			"The provided starting key does not match the range key predicate");
	return DDB_OK;
}

static enum ddb_code check_scan_start(const struct ddb_query *query, const struct local_range *range,
	const struct local_place *start, struct ddb_error *err)
{
	if (local_range_has(range, start->bytes, start->length))
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION,
		"The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
		"ExclusiveStartKey with correct Segment. TotalSegments: %u Segment: %u",
		query->segments, query->segment);
}

static enum ddb_code start_range(struct local_engine *engine, const struct local_source *source,
	const struct ddb_query *query, struct local_range *range, struct ddb_error *err)
{
	struct local_place start;
	if (query->range && source->single)
		return ddb_fail(
			err, DDB_VALIDATION, "The query can return at most one row and cannot be restarted");
	enum ddb_code code = start_place(engine, source, query->start, &start, err);
	if (!code)
		code = query->range ? check_query_start(range, &start, err)
				    : check_scan_start(query, range, &start, err);
	if (code)
		return code;
	if (query->backward)
		range->to = start;
	else
		place_behind(&range->from, start.bytes, start.length);
	return DDB_OK;
}

enum ddb_code local_range_of(struct local_engine *engine, const struct local_source *source,
	const struct ddb_query *query, struct local_range *ret, struct ddb_error *err)
{
	enum ddb_code code;
	if (query->range && query->range->has_begins_with && query->range->begins_with.type == DDB_N)
		return unsupported(err);
	if (!query->range)
		code = segment_range(source, query, ret, err);
	else if (source->index)
		code = index_partition(engine, source, query->range, ret, err);
	else
		code = table_partition(engine, source, query->range, ret, err);
	return !code && query->start ? start_range(engine, source, query, ret, err) : code;
}
