/*
 * The local engine's Query and Scan: order, bounds, pages of every size in both directions, keys alone,
 * segments.
 */
#include "local_fixture.h"

static const struct ddb_value *key_of(struct fixture *f, const char *name, const struct ddb_value *item)
{
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	assert_ok(f, OP(f->engine, describe_table, name, &table, &f->err));
	struct ddb_value key = {.type = DDB_M};
	key = with(&f->arena, &key, "pk", *ddb_map_get(item, "pk", 2));
	if (table->definition->has_range)
		key = with(&f->arena, &key, "sk", *ddb_map_get(item, "sk", 2));
	return ddb_arena_copy(&f->arena, &key, sizeof key);
}

/* All entries, page by page. */
static struct ddb_page collect(struct fixture *f, struct ddb_query request)
{
	struct ddb_page all = {.entries = ddb_arena_array(&f->arena, 4000, sizeof *all.entries)}, page;
	do {
		page = query(f, request);
		assert_true(page.count > 0 || !page.more);
		assert_true(request.limit == 0 || page.count <= request.limit);
		for (size_t i = 0; i < page.count; i++)
			all.entries[all.count++] = page.entries[i];
		if (page.more)
			request.start = ddb_arena_copy(
				&f->arena, &page.entries[page.count - 1].item, sizeof(struct ddb_value));
		if (page.more && !request.keys_only)
			request.start = key_of(f, request.table, request.start);
	} while (page.more);
	return all;
}

static const char *sort_text(struct fixture *f, const struct ddb_page *page, size_t at)
{
	return text_of(&f->arena, &page->entries[at].item, "sk");
}

static const char *const numbers[] = {"-9.9e125", "-1000", "-999.5", "-12", "-1.5", "-1", "-0.001", "-1e-130",
	"0", "1e-130", "0.5", "1", "2", "9", "10", "10.5", "11", "99", "100", "1e10", "9.9e125"};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static void fill_numbers(struct fixture *f)
{
	create(f, "Numbers", "pk:S,sk:N");
	for (unsigned i = 0; i < NUMBERS; i++) {
		char text[32];
		snprintf(text, sizeof text, "sk=N:%s", numbers[i * 8 % NUMBERS]);
		put(f, "Numbers", MAP("pk=S:p", text, "i=S:x"));
		put(f, "Numbers", MAP("pk=S:before", text));
		put(f, "Numbers", MAP("pk=S:q", text));
	}
}

static void assert_numbers(const struct ddb_page *page, int first, int last, bool backward)
{
	assert_int_equal(page->count, last - first + 1);
	for (int i = first; i <= last; i++) {
		struct ddb_number wanted;
		size_t at = (size_t)(backward ? last - i : i - first);
		const struct ddb_value *sk = ddb_map_get(&page->entries[at].item, "sk", 2);
		assert_int_equal(ddb_number_read(numbers[i], strlen(numbers[i]), &wanted, NULL), DDB_OK);
		assert_int_equal(sk->count, wanted.length);
		assert_memory_equal(sk->bytes, wanted.bytes, wanted.length);
	}
}

static void orders_numbers_and_obeys_bounds(void **state)
{
	F;
	fill_numbers(f);
	struct ddb_value partition = ddb_string("p", 1);
	for (int first = -1; first < NUMBERS; first++) {
		for (int last = -1; last < NUMBERS; last++) {
			for (unsigned options = 0; options < 8; options++) {
				bool backward = options & 1;
				struct ddb_key_range range = {.partition = partition};
				struct ddb_query request = {
					.table = "Numbers", .range = &range, .backward = backward};
				int low = 0, high = NUMBERS - 1;
				char text[32];
				if (first >= 0) {
					snprintf(text, sizeof text, "N:%s", numbers[first]);
					range.lower = (struct ddb_bound){.given = true,
						.inclusive = options & 2,
						.value = text_value(&f->arena, text)};
					low = options & 2 ? first : first + 1;
				}
				if (last >= 0) {
					snprintf(text, sizeof text, "N:%s", numbers[last]);
					range.upper = (struct ddb_bound){.given = true,
						.inclusive = options & 4,
						.value = text_value(&f->arena, text)};
					high = options & 4 ? last : last - 1;
				}
				struct ddb_page page = query(f, request);
				assert_false(page.more);
				if (high >= low)
					assert_numbers(&page, low, high, backward);
				else
					assert_int_equal(page.count, 0);
			}
		}
		ddb_arena_reset(&f->arena);
		partition = ddb_string("p", 1);
	}
}

static void pages_of_every_size(void **state)
{
	F;
	fill_numbers(f);
	struct ddb_value partition = ddb_string("p", 1);
	for (uint32_t limit = 0; limit <= NUMBERS + 1; limit++) {
		for (unsigned options = 0; options < 4; options++) {
			struct ddb_query request = {.table = "Numbers",
				.range = PARTITION(partition),
				.limit = limit,
				.backward = options & 1,
				.keys_only = options & 2};
			struct ddb_page all = collect(f, request);
			assert_numbers(&all, 0, NUMBERS - 1, options & 1);
			assert_int_equal(all.entries[0].item.count, options & 2 ? 2 : 3);
		}
	}
	struct ddb_page exact = query(
		f, (struct ddb_query){.table = "Numbers", .range = PARTITION(partition), .limit = NUMBERS});
	assert_false(exact.more);
}

static void starts_anywhere(void **state)
{
	F;
	fill_numbers(f);
	struct ddb_value partition = ddb_string("p", 1), start = MAP("pk=S:p", "sk=N:10.2");
	struct ddb_query request = {.table = "Numbers", .range = PARTITION(partition), .start = &start};
	struct ddb_page page = query(f, request);
	assert_numbers(&page, 15, NUMBERS - 1, false); /* from 10.5 on */
}

static void orders_long_strings(void **state)
{
	F;
	enum { COUNT = 3000, SHARED = 1000 };
	struct ddb_value *items = ddb_arena_array(&f->arena, COUNT, sizeof *items);
	struct ddb_value base = MAP("pk=S:p"), partition = ddb_string("p", 1);
	struct ddb_put_many_result done;
	create(f, "Long", "pk:S,sk:S");
	for (unsigned i = 0; i < COUNT; i++) {
		char *text = ddb_arena_alloc(&f->arena, DDB_RANGE_KEY_MAX);
		memset(text, 'x', SHARED);
		int length = snprintf(text + SHARED, DDB_RANGE_KEY_MAX - SHARED, "%u", i * 1009 % COUNT);
		items[i] = with(&f->arena, &base, "sk", ddb_string(text, SHARED + (size_t)length));
	}
	struct ddb_put_many request = {.table = "Long", .items = items, .count = COUNT};
	assert_ok(f, OP(f->engine, put_many, &request, &done, &f->err));
	for (unsigned options = 0; options < 4; options++) {
		struct ddb_page all = collect(f, (struct ddb_query){.table = "Long",
							 .range = PARTITION(partition),
							 .backward = options & 1,
							 .keys_only = options & 2,
							 .limit = 700});
		assert_int_equal(all.count, COUNT);
		for (size_t i = 1; i < all.count; i++) {
			int order = strcmp(sort_text(f, &all, i - 1), sort_text(f, &all, i));
			assert_true(options & 1 ? order > 0 : order < 0);
		}
	}
	struct ddb_value bound = *ddb_map_get(&items[1], "sk", 2); /* …1009 */
	struct ddb_page page =
		query(f, (struct ddb_query){.table = "Long",
				 .range = PARTITION(partition, .lower = {.given = true, .value = bound}),
				 .limit = 1});
	assert_string_equal(sort_text(f, &page, 0) + SHARED, "101");
	assert_true(page.more);
}

static void orders_bytes_raw(void **state)
{
	F;
	static const char *const keys[] = {"\x01", "\x01\x01", "\x01\xff", "a", "a\x01", "aa", "b", "\xfe",
		"\xff", "\xff\x01", "\xff\xff", "\xff\xff\xff"};
	size_t count = sizeof keys / sizeof *keys;
	struct ddb_value partition = ddb_string("p", 1);
	create(f, "Bytes", "pk:S,sk:B");
	for (size_t i = 0; i < count; i++) {
		char text[16];
		snprintf(text, sizeof text, "sk=B:%s", keys[i * 5 % count]);
		put(f, "Bytes", MAP("pk=S:p", text));
	}
	struct ddb_value zero = MAP("pk=S:p");
	zero = with(&f->arena, &zero, "sk", ddb_binary("\0", 1));
	put(f, "Bytes", zero);
	struct ddb_page page = query(f, (struct ddb_query){.table = "Bytes", .range = PARTITION(partition)});
	assert_int_equal(page.count, count + 1);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(sort_text(f, &page, i + 1), keys[i]);
	struct ddb_bound upper = {.given = true, .value = ddb_binary("\xff\xff", 2)};
	page = query(f, (struct ddb_query){.table = "Bytes",
				.range = PARTITION(partition, .upper = upper),
				.backward = true,
				.limit = 1});
	assert_string_equal(sort_text(f, &page, 0), "\xff\x01");
}

/* begins_with is a range of bytes, and may come with bounds; all of it against every key asked. */
static void obeys_begins_with(void **state)
{
	F;
	static const char *const keys[] = {"\x01", "a", "a\x01", "a\x01\xff", "aa", "ab", "a\xff",
		"a\xff\xff", "a\xff\xff\x01", "b", "\xff", "\xff\xff", "\xff\xff\xff"};
	size_t count = sizeof keys / sizeof *keys;
	create(f, "Begins", "pk:S,sk:B");
	for (size_t i = 0; i < count; i++) {
		char text[16];
		snprintf(text, sizeof text, "sk=B:%s", keys[i]);
		put(f, "Begins", MAP("pk=S:p", text));
		put(f, "Begins", MAP("pk=S:q", text));
	}
	for (size_t i = 0; i < count * (count + 1) * (count + 1); i++) {
		const char *begin = keys[i % count];
		size_t low = i / count % (count + 1), high = i / count / (count + 1), wanted = 0;
		struct ddb_key_range range = {.partition = ddb_string("p", 1),
			.has_begins_with = true,
			.begins_with = ddb_binary(begin, strlen(begin))};
		if (low < count)
			range.lower =
				(struct ddb_bound){true, i & 1, ddb_binary(keys[low], strlen(keys[low]))};
		if (high < count)
			range.upper =
				(struct ddb_bound){true, i & 2, ddb_binary(keys[high], strlen(keys[high]))};
		struct ddb_page page =
			query(f, (struct ddb_query){.table = "Begins", .range = &range, .backward = i & 4});
		for (size_t k = 0; k < count; k++) {
			if (strncmp(keys[k], begin, strlen(begin)) != 0 ||
				(low < count && (k < low || (k == low && !(i & 1)))) ||
				(high < count && (k > high || (k == high && !(i & 2)))))
				continue;
			assert_true(wanted < page.count);
			size_t at = i & 4 ? page.count - 1 - wanted : wanted;
			assert_string_equal(sort_text(f, &page, at), keys[k]);
			wanted++;
		}
		assert_int_equal(page.count, wanted);
	}
}

static void pages_of_a_mebibyte(void **state)
{
	F;
	struct ddb_value partition = ddb_string("p", 1), text = filled(&f->arena, 299990, 'x');
	create(f, "Large", "pk:S,sk:N");
	for (int i = 0; i < 8; i++) {
		char key[32];
		snprintf(key, sizeof key, "sk=N:%d", i);
		struct ddb_value item = MAP("pk=S:p", key);
		put(f, "Large", with(&f->arena, &item, "t", text));
	}
	struct ddb_query request = {.table = "Large", .range = PARTITION(partition)};
	struct ddb_page page = query(f, request);
	assert_int_equal(page.count, 3); /* four are above 1,048,576 bytes */
	assert_true(page.more);
	request.keys_only = true;
	page = query(f, request);
	assert_int_equal(page.count, 3);
	assert_true(page.more);
	assert_int_equal(collect(f, request).count, 8);
	request.page_bytes = 1; /* the first always comes */
	page = query(f, request);
	assert_int_equal(page.count, 1);
	assert_true(page.more);
	request.keys_only = false;
	size_t size = query(f, request).entries[0].meta.size;
	request.page_bytes = (uint32_t)size * 2 - 1;
	assert_int_equal(query(f, request).count, 1);
	request.page_bytes = (uint32_t)size * 2 + 1;
	assert_int_equal(query(f, request).count, 2);
}

static void queries_simple_tables(void **state)
{
	F;
	struct ddb_value key = ddb_string("a", 1), none = ddb_string("b", 1), start = MAP("pk=S:a");
	struct ddb_page page;
	create(f, "Simple", "pk:S");
	put(f, "Simple", MAP("pk=S:a", "x=S:y"));
	assert_int_equal(query(f, (struct ddb_query){.table = "Simple", .range = PARTITION(key)}).count, 1);
	assert_int_equal(
		query(f, (struct ddb_query){.table = "Simple", .range = PARTITION(key), .backward = true})
			.count,
		1);
	page = query(f, (struct ddb_query){.table = "Simple", .range = PARTITION(key), .keys_only = true});
	assert_true(page.count == 1 && ddb_value_equal(&page.entries[0].item, &start));
	assert_int_equal(query(f, (struct ddb_query){.table = "Simple", .range = PARTITION(none)}).count, 0);
	struct ddb_query request = {.table = "Simple", .range = PARTITION(key), .start = &start};
	assert_refused(f, OP(f->engine, query, &f->arena, &request, &page, &f->err), DDB_VALIDATION,
		"The query can return at most one row and cannot be restarted");
	request = (struct ddb_query){
		.table = "Simple", .range = PARTITION(key, .lower = {.given = true, .value = none})};
	assert_code(f, OP(f->engine, query, &f->arena, &request, &page, &f->err), DDB_VALIDATION);
}

/* ---- Scan ---- */

static void fill_for_scan(struct fixture *f, const char *table, const char *key, unsigned count)
{
	create(f, table, key);
	for (unsigned i = 0; i < count; i++) {
		char pk[128], sk[32];
		snprintf(pk, sizeof pk, "pk=S:%0*u", i % 4 == 0 ? 90 : 1, strchr(key, ',') ? i / 3 : i);
		snprintf(sk, sizeof sk, "sk=N:%u", i);
		put(f, table, MAP(pk, sk, "x=S:y"));
	}
}

/* Each item once: they are told apart by sk. */
static void assert_all(struct fixture *f, const struct ddb_page *all, unsigned count, unsigned *seen)
{
	for (size_t i = 0; i < all->count; i++) {
		unsigned number = (unsigned)atoi(text_of(&f->arena, &all->entries[i].item, "sk"));
		assert_true(number < count);
		seen[number]++;
	}
}

static void scans_in_pages(void **state)
{
	F;
	enum { COUNT = 60 };
	static const char *const keys[] = {"pk:S", "pk:S,sk:N"};
	for (unsigned k = 0; k < 2; k++) {
		const char *table = k ? "Both" : "Simple";
		fill_for_scan(f, table, keys[k], COUNT);
		for (uint32_t limit = 0; limit <= COUNT + 1; limit++) {
			unsigned seen[COUNT] = {0};
			struct ddb_page all = collect(f, (struct ddb_query){.table = table, .limit = limit});
			assert_int_equal(all.count, COUNT);
			assert_all(f, &all, COUNT, seen);
			struct ddb_page keyed = collect(
				f, (struct ddb_query){.table = table, .limit = limit, .keys_only = true});
			assert_int_equal(keyed.count, COUNT);
			for (unsigned i = 0; i < COUNT; i++) {
				assert_int_equal(seen[i], 1);
				assert_int_equal(keyed.entries[i].item.count, k ? 2 : 1);
				const struct ddb_value *pk = ddb_map_get(&keyed.entries[i].item, "pk", 2);
				assert_true(ddb_value_equal(pk, ddb_map_get(&all.entries[i].item, "pk", 2)));
				if (k)
					assert_true(
						ddb_value_equal(ddb_map_get(&keyed.entries[i].item, "sk", 2),
							ddb_map_get(&all.entries[i].item, "sk", 2)));
				assert_same_meta(&keyed.entries[i].meta, &all.entries[i].meta);
			}
		}
	}
}

static bool accepts(struct fixture *f, const struct ddb_value *start, uint32_t segment, uint32_t segments)
{
	struct ddb_page page;
	struct ddb_query request = {
		.table = "Both", .segment = segment, .segments = segments, .start = start};
	return segment < segments && OP(f->engine, query, &f->arena, &request, &page, &f->err) == DDB_OK;
}

static void scans_in_segments(void **state)
{
	F;
	enum { COUNT = 120 };
	static const uint32_t segments[] = {1, 2, 3, 4, 5, 7, 8, 13, 64, 100};
	fill_for_scan(f, "Both", "pk:S,sk:N", COUNT);
	for (size_t k = 0; k < sizeof segments / sizeof *segments; k++) {
		unsigned seen[COUNT] = {0};
		for (uint32_t segment = 0; segment < segments[k]; segment++) {
			struct ddb_page all = collect(f, (struct ddb_query){.table = "Both",
								 .segment = segment,
								 .segments = segments[k],
								 .limit = 7,
								 .keys_only = segment % 2});
			assert_all(f, &all, COUNT, seen);
		}
		for (unsigned i = 0; i < COUNT; i++)
			assert_int_equal(seen[i], 1);
	}
	/* Of a million segments an item is in the one that its start key is accepted in: found by halving. */
	struct ddb_value key =
		query(f, (struct ddb_query){.table = "Both", .limit = 1, .keys_only = true}).entries[0].item;
	uint32_t first = 0, count = 1;
	while (count < 1000000) {
		uint32_t next = count * 2 > 1000000 ? 1000000 : count * 2;
		first = (uint32_t)((uint64_t)first * next / count);
		while (!accepts(f, &key, first, next))
			first++;
		count = next;
	}
	struct ddb_page page =
		query(f, (struct ddb_query){.table = "Both", .segment = first, .segments = count});
	assert_true(page.count > 0);
	assert_true(ddb_value_equal(ddb_map_get(&page.entries[0].item, "pk", 2), ddb_map_get(&key, "pk", 2)));
	assert_false(accepts(f, &key, first + 1, count) || (first > 0 && accepts(f, &key, first - 1, count)));
}

static void refuses_starts_and_segments(void **state)
{
	F;
	struct ddb_page page;
	struct ddb_value partition = ddb_string("p", 1);
	struct ddb_value inside = MAP("pk=S:p", "sk=N:5"), outside = MAP("pk=S:q", "sk=N:5"),
			 bad = MAP("pk=S:p");
	create(f, "Both", "pk:S,sk:N");
	put(f, "Both", inside);
	struct {
		struct ddb_query request;
		const char *text;
	} cases[] = {
		{{.range = PARTITION(partition), .start = &bad},
			"The provided starting key is invalid: The "
			"provided key element does not match the schema"},
		{{.start = &bad}, "The provided starting key is invalid: The provided key element does not "
				  "match the schema"},
		{{.range = PARTITION(partition), .start = &outside},
			"The provided starting key is outside query boundaries based on provided conditions"},
		{{.range = PARTITION(partition,
			  .lower = {.given = true, .inclusive = true, .value = int_value(&f->arena, 6)}),
			 .start = &inside},
			"The provided starting key does not match the range key predicate"},
		{{.range = PARTITION(partition, .upper = {.given = true, .value = int_value(&f->arena, 5)}),
			 .start = &inside,
			 .backward = true},
			"The provided starting key does not match the range key predicate"},
		{{.range = PARTITION(partition, .lower = {.given = true, .value = ddb_string("x", 1)})},
			"One or more parameter values were invalid: Condition parameter type does not match "
			"schema "
			"type"},
		{{.range = PARTITION(inside)},
			"One or more parameter values were invalid: Condition parameter "
			"type does not match schema "
			"type"},
		{{.segment = 2, .segments = 2},
			"The Segment parameter is zero-based and must be less than parameter TotalSegments: "
			"Segment: 2 is not less than TotalSegments: 2"},
		{{.segments = 1000001},
			"1 validation error detected: Value '1000001' at 'totalSegments' failed to satisfy "
			"constraint: Member must have value less than or equal to 1000000"},
		{{.segment = 1}, "The TotalSegments parameter is required but was not present in the request "
				 "when Segment "
				 "parameter is present"},
		{{.backward = true}, "Query key condition not supported"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cases[i].request.table = "Both";
		assert_refused(f, OP(f->engine, query, &f->arena, &cases[i].request, &page, &f->err),
			DDB_VALIDATION, cases[i].text);
	}
	/* A key is in one of two segments: the other refuses it. */
	unsigned refused = 0;
	for (uint32_t segment = 0; segment < 2; segment++) {
		struct ddb_query request = {
			.table = "Both", .segment = segment, .segments = 2, .start = &inside};
		enum ddb_code code = OP(f->engine, query, &f->arena, &request, &page, &f->err);
		refused += code == DDB_VALIDATION;
		if (code)
			assert_non_null(
				strstr(f->err.message, "Please use ExclusiveStartKey with correct Segment. "
						       "TotalSegments: 2 Segment: "));
	}
	assert_int_equal(refused, 1);
	struct ddb_query nobody = {.table = "Nobody"};
	assert_refused(f, OP(f->engine, query, &f->arena, &nobody, &page, &f->err), DDB_RESOURCE_NOT_FOUND,
		"Requested resource not found");
}

static void scans_past_what_was_deleted(void **state)
{
	F;
	struct ddb_value start;
	fill_for_scan(f, "Both", "pk:S,sk:N", 30);
	struct ddb_page all = query(f, (struct ddb_query){.table = "Both", .keys_only = true});
	start = all.entries[9].item;
	for (size_t i = 5; i < 10; i++)
		assert_true(delete (f, "Both", all.entries[i].item));
	struct ddb_page page =
		query(f, (struct ddb_query){.table = "Both", .keys_only = true, .start = &start});
	assert_int_equal(page.count, 20);
	for (size_t i = 0; i < 20; i++)
		assert_true(ddb_value_equal(&page.entries[i].item, &all.entries[10 + i].item));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(orders_numbers_and_obeys_bounds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pages_of_every_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(starts_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(orders_long_strings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(orders_bytes_raw, set_up, tear_down),
		cmocka_unit_test_setup_teardown(obeys_begins_with, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pages_of_a_mebibyte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(queries_simple_tables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scans_in_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scans_in_segments, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_starts_and_segments, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scans_past_what_was_deleted, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
