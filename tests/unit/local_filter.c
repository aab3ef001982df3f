/*
 * The local engine's filters, selections and select modes over pages of Query and Scan: what is examined and
 * what is kept, what is read from where, what it costs, and how much memory a page takes.
 */
#include "local_fixture.h"

/* ---- Expressions ---- */

static struct ddb_scope scope(struct fixture *f)
{
	struct ddb_scope made;
	assert_ok(f, ddb_scope_init(&made, &f->arena, NULL, NULL, true, &f->err));
	return made;
}

static const struct ddb_predicate *filter(struct fixture *f, const char *text)
{
	struct ddb_scope names = scope(f);
	const struct ddb_predicate *made = NULL;
	assert_ok(f, ddb_predicate_parse(&names, DDB_FILTER_EXPRESSION, text, strlen(text), &made, &f->err));
	return made;
}

static const struct ddb_selection *selection(struct fixture *f, const char *text)
{
	struct ddb_scope names = scope(f);
	const struct ddb_selection *made = NULL;
	assert_ok(f, ddb_selection_parse(&names, text, strlen(text), &made, &f->err));
	return made;
}

/* ---- Tables ---- */

#define ATTRIBUTE(name, type) "{\"AttributeName\":\"" name "\",\"AttributeType\":\"" type "\"}"
#define KEY(name, type) "{\"AttributeName\":\"" name "\",\"KeyType\":\"" type "\"}"
#define INDEX(name, hash, range, projection)                                                                 \
	"{\"IndexName\":\"" name                                                                             \
	"\",\"KeySchema\":[" KEY(hash, "HASH") "," KEY(range, "RANGE") "],\"Projection\":{" projection "}}"

static const char definition[] = "{\"AttributeDefinitions\":[" ATTRIBUTE("pk", "S") "," ATTRIBUTE(
	"sk", "N") "," ATTRIBUTE("a", "S") "],\"KeySchema\":[" KEY("pk", "HASH") "," KEY("sk",
	"RANGE") "],"
		 "\"LocalSecondaryIndexes\":[" INDEX("local", "pk", "a",
			 "\"ProjectionType\":\"KEYS_ONLY\"") "],"
							     "\"GlobalSecondaryIndexes\":[" INDEX("global",
								     "a", "sk",
								     "\"ProjectionType\":\"INCLUDE\","
								     "\"NonKeyAttributes\":[\"x\"]") "]}";

enum { COUNT = 40 };

/* Partition p: sk 0…39, a "even" or "odd", x = sk / 4, t of 5,000 bytes. */
static void fill(struct fixture *f)
{
	struct ddb_definition *made = definition_read(f, definition);
	assert_ok(f, OP(f->engine, create_table, "Filtered", made, &f->err));
	ddb_definition_unref(made);
	for (int i = 0; i < COUNT; i++) {
		char sk[16], x[16];
		snprintf(sk, sizeof sk, "sk=N:%d", i);
		snprintf(x, sizeof x, "x=N:%d", i / 4);
		struct ddb_value item = MAP("pk=S:p", sk, x, i % 2 ? "a=S:odd" : "a=S:even");
		put(f, "Filtered", with(&f->arena, &item, "t", filled(&f->arena, 5000, 'x')));
	}
}

static int number(struct fixture *f, const struct ddb_page *page, size_t at, const char *name)
{
	return atoi(text_of(&f->arena, &page->entries[at].item, name));
}

#define IN_P PARTITION(ddb_string("p", 1))
#define EVEN PARTITION(ddb_string("even", 4))

/* ---- Filters ---- */

static void filters_after_the_limit(void **state)
{
	F;
	fill(f);
	for (uint32_t limit = 0; limit <= COUNT + 1; limit++) {
		for (unsigned options = 0; options < 8; options++) {
			struct ddb_query asked = {.table = "Filtered",
				.range = options & 1 ? IN_P : NULL,
				.filter = filter(f, "x = 3 OR x = 9"), /* 12…15, 36…39 */
				.backward = (options & 3) == 3,
				.keys_only = options & 4,
				.limit = limit};
			struct ddb_value start;
			size_t examined = 0, kept = 0;
			struct ddb_page page;
			do {
				page = query(f, asked);
				size_t first = examined, wanted = 0;
				examined += page.examined;
				for (size_t i = first; i < examined; i++) {
					size_t sk = asked.backward ? COUNT - 1 - i : i;
					wanted += sk / 4 == 3 || sk / 4 == 9;
				}
				assert_int_equal(page.count, wanted);
				kept += page.count;
				assert_true(limit == 0 || page.examined <= limit);
				assert_true(page.examined == limit || !page.stopped);
				for (size_t i = 0; i < page.count; i++) {
					int sk = number(f, &page, i, "sk");
					assert_true(sk / 4 == 3 || sk / 4 == 9);
					assert_int_equal(page.entries[i].item.count, options & 4 ? 2 : 5);
				}
				start = page.last;
				asked.start = &start;
			} while (page.more);
			assert_int_equal(examined, COUNT);
			assert_int_equal(kept, 8);
			assert_int_equal(page.stopped, limit > 0 && COUNT % limit == 0);
		}
		ddb_arena_reset(&f->arena);
	}
}

static void tells_the_last_examined(void **state)
{
	F;
	fill(f);
	struct ddb_value wanted = MAP("pk=S:p", "sk=N:9"), local = MAP("pk=S:p", "a=S:even", "sk=N:18"),
			 global = MAP("pk=S:p", "a=S:even", "sk=N:18");
	struct {
		struct ddb_query query;
		struct ddb_value *last;
	} cases[] = {
		{{.range = IN_P}, &wanted},
		{{.range = NULL}, &wanted},
		{{.index = "local", .range = IN_P}, &local},
		{{.index = "local"}, &local},
		{{.index = "global", .range = EVEN}, &global},
	};
	static const enum ddb_select selects[] = {DDB_SELECT_DEFAULT, DDB_SELECT_COUNT};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (unsigned options = 0; options < 12; options++) {
			struct ddb_query asked = cases[i].query;
			asked.table = "Filtered";
			asked.limit = 10;
			asked.filter = options & 1 ? filter(f, "attribute_exists(nothing)") : NULL;
			asked.keys_only = options & 2;
			asked.select = selects[options / 4 % 2];
			asked.selection = options / 4 == 2 ? selection(f, "a") : NULL;
			struct ddb_page page = query(f, asked);
			assert_int_equal(page.examined, 10);
			assert_int_equal(page.count, options & 1 ? 0 : 10);
			assert_true(page.more && page.stopped);
			assert_true(ddb_value_equal(&page.last, cases[i].last));
			if (asked.select == DDB_SELECT_COUNT)
				assert_null(page.entries);
		}
	}
}

/* Each key is its own item's, also where no header of a partition was looked at. */
static void keys_of_many_partitions(void **state)
{
	F;
	static const char *const indexes[] = {NULL, "local", "global"};
	fill(f);
	for (int i = 0; i < 60; i++) {
		char pk[16], sk[16], a[16];
		snprintf(pk, sizeof pk, "pk=S:%d", i / 3);
		snprintf(sk, sizeof sk, "sk=N:%d", i);
		snprintf(a, sizeof a, "a=S:%d", i / 2);
		put(f, "Filtered", MAP(pk, sk, a));
	}
	for (unsigned k = 0; k < 3; k++) {
		struct ddb_query asked = {.table = "Filtered",
			.index = indexes[k],
			.filter = filter(f, "a <> 'even'"),
			.selection = selection(f, "pk, sk, a")};
		struct ddb_page whole = query(f, asked);
		asked.keys_only = true;
		asked.selection = NULL;
		struct ddb_page keys = query(f, asked);
		assert_true(whole.count == 80 && keys.count == 80);
		for (size_t i = 0; i < keys.count; i++) {
			const struct ddb_value *wanted = &whole.entries[i].item, *got = &keys.entries[i].item;
			assert_true(ddb_value_equal(ddb_map_get(got, "pk", 2), ddb_map_get(wanted, "pk", 2)));
			assert_true(ddb_value_equal(ddb_map_get(got, "sk", 2), ddb_map_get(wanted, "sk", 2)));
		}
	}
}

static void refuses_filters_on_keys(void **state)
{
	F;
	fill(f);
	struct ddb_page page;
	static const struct {
		const char *index, *text, *refused;
	} cases[] = {
		{NULL, "pk = 'p'", "pk"},
		{NULL, "x = 1 AND NOT (sk < 3)", "sk"},
		{NULL, "a = 'even'", NULL},
		{"local", "a = 'even'", "a"},
		{"local", "sk < 5", NULL},
		{"global", "x = 1 OR a = 'even'", "a"},
		{"global", "sk < 5", "sk"},
		{"global", "pk = 'p'", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ddb_query asked = {
			.table = "Filtered", .index = cases[i].index, .filter = filter(f, cases[i].text)};
		const struct ddb_value partition = ddb_string(i > 4 ? "even" : "p", i > 4 ? 4 : 1);
		char text[128];
		assert_ok(f, OP(f->engine, query, &f->arena, &asked, &page, &f->err)); /* a Scan may */
		asked.range = PARTITION(partition);
		if (!cases[i].refused) {
			assert_true(query(f, asked).count > 0);
			continue;
		}
		snprintf(text, sizeof text,
			"Filter Expression can only contain non-primary key attributes: Primary key "
			"attribute: %s",
			cases[i].refused);
		assert_refused(
			f, OP(f->engine, query, &f->arena, &asked, &page, &f->err), DDB_VALIDATION, text);
	}
}

/* ---- Selections ---- */

static void selects_parts(void **state)
{
	F;
	fill(f);
	struct ddb_value one = MAP("x=N:0", "sk=N:0");
	struct ddb_page page = query(
		f, (struct ddb_query){
			   .table = "Filtered", .range = IN_P, .selection = selection(f, "x, sk, nothing")});
	assert_int_equal(page.count, COUNT);
	assert_true(ddb_value_equal(&page.entries[0].item, &one));
	page = query(f, (struct ddb_query){.table = "Filtered",
				.range = IN_P,
				.filter = filter(f, "size(t) = 5000 AND x = 9"),
				.selection = selection(f, "nothing")});
	assert_int_equal(page.count, 4); /* what the filter sees is the whole item */
	assert_int_equal(page.entries[0].item.count, 0);
	struct ddb_get_item request = {
		.table = "Filtered", .key = MAP("pk=S:p", "sk=N:0"), .selection = selection(f, "sk, x")};
	struct ddb_get_result result;
	assert_ok(f, OP(f->engine, get_item, &f->arena, &request, &result, &f->err));
	assert_true(ddb_value_equal(&result.entry.item, &one));
	assert_int_equal(result.capacity.arms[0].half_units, 2); /* 5,000 bytes, whatever is selected */
	struct ddb_batch_get batch = {
		.table = "Filtered", .key_count = 1, .keys = &request.key, .selection = request.selection};
	struct ddb_batch_get_result got;
	assert_ok(f, OP(f->engine, batch_get, &f->arena, &batch, 1, &got, &f->err));
	assert_int_equal(got.count, 1);
	assert_true(ddb_value_equal(&got.items[0], &one));
	assert_int_equal(got.capacity.arms[0].half_units, 2);
}

static void selects_from_indexes(void **state)
{
	F;
	fill(f);
	struct ddb_page page;
	struct ddb_query asked = {
		.table = "Filtered", .index = "global", .range = EVEN, .selection = selection(f, "x, a, pk")};
	page = query(f, asked);
	assert_true(page.count == COUNT / 2 && page.entries[0].item.count == 3);
	asked.selection = selection(f, "x, t, b.c[1]");
	assert_refused(f, OP(f->engine, query, &f->arena, &asked, &page, &f->err), DDB_VALIDATION,
		"One or more parameter values were invalid: Global secondary index global does not project "
		"[b, t]");
	/* A local one fetches, for a selection as for all. */
	asked = (struct ddb_query){
		.table = "Filtered", .index = "local", .range = IN_P, .selection = selection(f, "t")};
	page = query(f, asked);
	assert_int_equal(page.count, COUNT);
	assert_int_equal(page.entries[7].item.attributes[0].value.count, 5000);
	asked.selection = NULL;
	asked.filter = filter(f, "x = 9");
	assert_int_equal(query(f, asked).count, 0); /* it sees what is read */
	asked.select = DDB_SELECT_ALL;
	page = query(f, asked);
	assert_int_equal(page.count, 4);
	struct ddb_get_result whole = get(f, "Filtered", MAP("pk=S:p", "sk=N:36"));
	assert_true(ddb_value_equal(&page.entries[0].item, &whole.entry.item));
	assert_same_meta(&page.entries[0].meta, &whole.entry.meta);
}

/* ---- Capacity ---- */

static uint64_t units(const struct ddb_capacity *capacity, const char *index)
{
	for (size_t i = 0; i < capacity->count; i++) {
		const char *name = capacity->arms[i].index;
		if (index ? name && strcmp(name, index) == 0 : !name)
			return capacity->arms[i].half_units;
	}
	return 0;
}

static void charges_pages(void **state)
{
	F;
	fill(f);
	size_t size = get(f, "Filtered", MAP("pk=S:p", "sk=N:0")).entry.meta.size;
	struct ddb_query asked = {.table = "Filtered", .range = IN_P, .limit = 7};
	uint64_t table_units = (7 * size + 4095) / 4096; /* one sum, then rounded: 9, not 14 */
	assert_true(table_units < 14);
	static const char *const filters[] = {NULL, "x = 1", "x = 100"};
	for (unsigned options = 0; options < 24; options++) {
		asked.filter = filters[options / 8] ? filter(f, filters[options / 8]) : NULL;
		asked.consistent = options & 1;
		asked.keys_only = options & 2;
		asked.select = options & 4 ? DDB_SELECT_COUNT : DDB_SELECT_DEFAULT;
		struct ddb_page page = query(f, asked);
		assert_int_equal(page.capacity.count, 1);
		assert_int_equal(units(&page.capacity, NULL), table_units << (options & 1));
	}
	asked = (struct ddb_query){.table = "Filtered", .range = PARTITION(ddb_string("none", 4))};
	struct ddb_page none = query(f, asked);
	assert_int_equal(none.examined, 0);
	assert_int_equal(units(&none.capacity, NULL), 1);
}

static void charges_indexes(void **state)
{
	F;
	fill(f);
	struct ddb_query asked = {.table = "Filtered", .index = "global", .range = EVEN};
	struct ddb_page page = query(f, asked);
	assert_int_equal(page.capacity.count, 1); /* the index alone */
	assert_int_equal(units(&page.capacity, "global"), 1);
	assert_false(page.capacity.arms[0].local);
	asked = (struct ddb_query){
		.table = "Filtered", .index = "local", .range = IN_P, .select = DDB_SELECT_ALL, .limit = 7};
	for (unsigned options = 0; options < 4; options++) {
		asked.consistent = options & 1;
		asked.filter = options & 2 ? filter(f, "x = 100") : NULL;
		page = query(f, asked);
		assert_int_equal(page.capacity.count, 2);
		assert_int_equal(units(&page.capacity, "local"), 1 << (options & 1));
		assert_int_equal(units(&page.capacity, NULL), 7 * 2 << (options & 1)); /* item by item */
	}
}

/* ---- Memory ---- */

static size_t memory_of(struct fixture *f, struct ddb_query asked, size_t *examined)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_page page;
	ddb_arena_init(&arena, ARENA_MAX);
	assert_ok(f, OP(f->engine, query, &arena, &asked, &page, &f->err));
	*examined = page.examined;
	return arena.taken;
}

static void holds_only_what_it_keeps(void **state)
{
	F;
	size_t examined;
	struct ddb_value text = filled(&f->arena, 100000, 'x');
	create(f, "Large", "pk:S,sk:N");
	for (int i = 0; i < 20; i++) {
		char sk[16];
		snprintf(sk, sizeof sk, "sk=N:%d", i);
		struct ddb_value item = MAP("pk=S:p", sk);
		put(f, "Large", with(&f->arena, &item, "t", text));
	}
	struct ddb_query asked = {.table = "Large", .range = IN_P};
	assert_true(memory_of(f, asked, &examined) > 1000000);
	assert_int_equal(examined, 10);
	asked.filter = filter(f, "attribute_not_exists(t)");
	assert_true(memory_of(f, asked, &examined) < 32768);
	assert_int_equal(examined, 10);
	asked.filter = filter(f, "size(t) = 100000");
	asked.selection = selection(f, "nothing");
	assert_true(memory_of(f, asked, &examined) < 32768);
	asked.page_bytes = UINT32_MAX;
	asked.selection = NULL;
	asked.select = DDB_SELECT_COUNT;
	assert_true(memory_of(f, asked, &examined) < 32768);
	assert_int_equal(examined, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(filters_after_the_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_the_last_examined, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_of_many_partitions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_filters_on_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(selects_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(selects_from_indexes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(charges_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(charges_indexes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(holds_only_what_it_keeps, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
