/*
 * Sets of ranges. See reads.h.
 */
#include "engine/local/txn/reads.h"

#include "engine/local/txn/view.h"
#include "engine/order.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	SPAN_OVERHEAD = 16,        /* bytes that the heap takes for one, about */
	SHARED_BITS_MAX = 8 * 1200 /* that two neighbours have in common; more is as good */
};

static const uint8_t *span_to(const struct local_span *span)
{
	return span->bytes + span->to_at;
}

static size_t span_cost(const struct local_span *span)
{
	return (size_t)span->to_at + span->to_length + SPAN_OVERHEAD + sizeof *span;
}

static bool is_behind(const uint8_t *from, size_t from_length, const uint8_t *to, size_t to_length)
{
	return to_length == from_length + 1 && to[from_length] == 0 && memcmp(from, to, from_length) == 0;
}

static bool span_make(
	struct local_span *ret, const uint8_t *from, size_t from_length, const uint8_t *to, size_t to_length)
{
	bool point = is_behind(from, from_length, to, to_length);
	size_t to_at = point ? 0 : from_length;
	uint8_t *bytes = malloc(to_at + to_length);
	if (!bytes)
		return false;
	memcpy(bytes, from, from_length);
	memcpy(bytes + to_at, to, to_length);
	*ret = (struct local_span){bytes, (uint16_t)from_length, (uint16_t)to_at, (uint16_t)to_length};
	return true;
}

/* ---- A set ---- */

/* The first span that ends at or behind the key; with `begins`, that begins behind it. */
static size_t find(const struct local_span_set *set, const uint8_t *key, size_t length, bool begins)
{
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct local_span *span = &set->spans[middle];
		bool before = begins ? ddb_bytes_order(span->bytes, span->from_length, key, length) <= 0
				     : ddb_bytes_order(span_to(span), span->to_length, key, length) < 0;
		if (before)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool make_room(struct local_span_set *set)
{
	if (set->count < set->room)
		return true;
	size_t room = set->room ? set->room * 2 : 16;
	struct local_span *grown = realloc(set->spans, room * sizeof *grown);
	if (!grown)
		return false;
	set->spans = grown;
	set->room = room;
	return true;
}

/* Puts one span, which is taken, in the place of those from `first` to `end`. There is room. */
static void replace(struct local_span_set *set, size_t first, size_t end, struct local_span span)
{
	for (size_t i = first; i < end; i++) {
		set->bytes -= span_cost(&set->spans[i]);
		free(set->spans[i].bytes);
	}
	memmove(&set->spans[first + 1], &set->spans[end], (set->count - end) * sizeof *set->spans);
	set->spans[first] = span;
	set->bytes += span_cost(&span);
	set->count += 1 - (end - first);
}

/* ---- Widening ---- */

static unsigned shared_bits(const struct local_span *a, const struct local_span *b)
{
	size_t shorter = a->from_length < b->from_length ? a->from_length : b->from_length, i = 0;
	while (i < shorter && a->bytes[i] == b->bytes[i])
		i++;
	unsigned bits = (unsigned)(8 * i);
	if (i < shorter)
		bits += (unsigned)__builtin_clz((unsigned)(a->bytes[i] ^ b->bytes[i])) - 24;
	return bits < SHARED_BITS_MAX ? bits : SHARED_BITS_MAX - 1;
}

/* How much neighbours must have in common, so that about a fourth of them is merged. *ret_ties: how many of
 * those that have just that much. */
static unsigned least_shared(const struct local_span_set *set, size_t *ret_ties)
{
	uint16_t having[SHARED_BITS_MAX] = {0};
	size_t wanted = (set->count + 3) / 4, found = 0;
	unsigned bits = SHARED_BITS_MAX;
	for (size_t i = 1; i < set->count; i++)
		having[shared_bits(&set->spans[i - 1], &set->spans[i])]++;
	while (bits > 0 && found + having[bits - 1] < wanted)
		found += having[--bits];
	*ret_ties = wanted - found;
	return bits ? bits - 1 : 0;
}

static bool widen(struct local_span_set *set)
{
	size_t ties, kept = 0;
	unsigned least = least_shared(set, &ties);
	for (size_t i = 1; i < set->count; i++) {
		struct local_span *last = &set->spans[kept], *next = &set->spans[i], merged;
		unsigned bits = shared_bits(last, next);
		bool tie = bits == least && ties > 0;
		if (bits <= least && !tie) {
			set->spans[++kept] = *next;
			continue;
		}
		if (!span_make(&merged, last->bytes, last->from_length, span_to(next), next->to_length)) {
			memmove(&set->spans[kept + 1], next, (set->count - i) * sizeof *next);
			set->count -= i - kept - 1;
			return false;
		}
		ties -= tie;
		set->bytes -= span_cost(last) + span_cost(next);
		set->bytes += span_cost(&merged);
		free(last->bytes);
		free(next->bytes);
		*last = merged;
	}
	bool less = kept + 1 < set->count;
	set->count = kept + 1;
	return less;
}

static bool is_full(const struct local_span_set *set)
{
	return set->count > 1 && (set->count > LOCAL_SPANS_MAX || set->bytes > LOCAL_SPAN_BYTES_MAX);
}

enum ddb_code local_span_add(struct local_span_set *set, const uint8_t *from, size_t from_length,
	const uint8_t *to, size_t to_length, struct ddb_error *err)
{
	struct local_span span;
	if (ddb_bytes_order(from, from_length, to, to_length) >= 0)
		return DDB_OK;
	size_t first = find(set, from, from_length, false), end = find(set, to, to_length, true);
	if (first < end) { /* what touches becomes one */
		const struct local_span *a = &set->spans[first], *b = &set->spans[end - 1];
		bool begins = ddb_bytes_order(a->bytes, a->from_length, from, from_length) <= 0;
		bool ends = ddb_bytes_order(span_to(b), b->to_length, to, to_length) >= 0;
		if (begins && ends && end - first == 1)
			return DDB_OK;
		from_length = begins ? a->from_length : from_length;
		from = begins ? a->bytes : from;
		to_length = ends ? b->to_length : to_length;
		to = ends ? span_to(b) : to;
	}
	if (!make_room(set) || !span_make(&span, from, from_length, to, to_length))
		return ddb_fail_memory(err);
	replace(set, first, end, span);
	while (is_full(set))
		if (!widen(set))
			return ddb_fail_memory(err);
	return DDB_OK;
}

/* ---- Of a view ---- */

enum ddb_code local_reads_init(struct local_reads *reads, struct ddb_error *err)
{
	memset(reads, 0, sizeof *reads);
	return pthread_mutex_init(&reads->lock, NULL) ? ddb_fail_memory(err) : DDB_OK;
}

static void set_done(struct local_span_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		free(set->spans[i].bytes);
	free(set->spans);
}

void local_reads_done(struct local_reads *reads)
{
	set_done(&reads->records);
	set_done(&reads->headers);
	pthread_mutex_destroy(&reads->lock);
}

size_t local_reads_bytes(struct local_reads *reads)
{
	pthread_mutex_lock(&reads->lock);
	size_t bytes = reads->records.bytes + reads->headers.bytes;
	pthread_mutex_unlock(&reads->lock);
	return bytes;
}

static enum ddb_code add_table(
	struct local_reads *reads, const struct local_table *table, struct ddb_error *err)
{
	uint8_t key[LOCAL_TABLE_KEY_MAX + 1];
	size_t length;
	if (!local_catalog_key(table->table->name, key, &length))
		return DDB_OK;
	key[length] = 0;
	return local_span_add(&reads->records, key, length, key, length + 1, err);
}

static struct local_reads *reads_of(struct local_engine *engine)
{
	return engine->view && engine->view->kind == DDB_TRANSACTION ? &engine->view->reads : NULL;
}

static enum ddb_code add(struct local_engine *engine, const struct local_table *table, bool headers,
	const uint8_t *from, size_t from_length, const uint8_t *to, size_t to_length, struct ddb_error *err)
{
	struct local_reads *reads = reads_of(engine);
	if (!reads)
		return DDB_OK;
	pthread_mutex_lock(&reads->lock);
	enum ddb_code code = table ? add_table(reads, table, err) : DDB_OK;
	if (!code)
		code = local_span_add(
			headers ? &reads->headers : &reads->records, from, from_length, to, to_length, err);
	pthread_mutex_unlock(&reads->lock);
	return code;
}

enum ddb_code local_read_table(
	struct local_engine *engine, const struct local_table *table, struct ddb_error *err)
{
	static const uint8_t nowhere[1];
	return add(engine, table, false, nowhere, 0, nowhere, 0, err);
}

enum ddb_code local_read_tables(struct local_engine *engine, const char *after, struct ddb_error *err)
{
	static const uint8_t end[1] = {LOCAL_TABLE + 1};
	uint8_t from[LOCAL_TABLE_KEY_MAX + 1] = {LOCAL_TABLE};
	size_t length = 1;
	if (after && local_catalog_key(after, from, &length))
		from[length++] = 0;
	return add(engine, NULL, false, from, length, end, sizeof end, err);
}

enum ddb_code local_read_range(struct local_engine *engine, const struct local_table *table,
	const uint8_t *from, size_t from_length, const uint8_t *to, size_t to_length, struct ddb_error *err)
{
	return add(engine, table, false, from, from_length, to, to_length, err);
}

enum ddb_code local_read_headers(struct local_engine *engine, const struct local_table *table,
	const uint8_t *from, size_t from_length, const uint8_t *to, size_t to_length, struct ddb_error *err)
{
	return add(engine, table, true, from, from_length, to, to_length, err);
}

enum ddb_code local_read_key(struct local_engine *engine, const struct local_table *table, const uint8_t *key,
	size_t length, struct ddb_error *err)
{
	uint8_t behind[LOCAL_KEY_MAX + 1];
	if (!reads_of(engine))
		return DDB_OK;
	assert(length <= LOCAL_KEY_MAX);
	memcpy(behind, key, length);
	behind[length] = 0;
	return add(engine, table, false, key, length, behind, length + 1, err);
}
