/*
 * The local engine's Query and Scan over tables and indexes, against a naive model: ranges of every kind,
 * pages of random sizes in both directions, ties, segments, projections, start keys.
 */
#include "query_model.h"

#include "engine/local/local_private.h"

#define ATTRIBUTE(name, type) "{\"AttributeName\":\"" name "\",\"AttributeType\":\"" type "\"}"
#define HASH(name) "{\"AttributeName\":\"" name "\",\"KeyType\":\"HASH\"}"
#define RANGE(name) "{\"AttributeName\":\"" name "\",\"KeyType\":\"RANGE\"}"
#define INDEX(name, keys, projection)                                                                        \
	"{\"IndexName\":\"" name "\",\"KeySchema\":[" keys "],\"Projection\":{" projection "}}"
#define ALL "\"ProjectionType\":\"ALL\""
#define KEYS "\"ProjectionType\":\"KEYS_ONLY\""
#define INCLUDE "\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"x\"]"

static const char composite[] = "{\"AttributeDefinitions\":[" ATTRIBUTE("pk", "S") "," ATTRIBUTE(
	"sk", "N") "," ATTRIBUTE("a", "S") "," ATTRIBUTE("b", "B") "," ATTRIBUTE("n",
	"N") "],\"KeySchema\":[" HASH("pk") "," RANGE("sk") "],"
							    "\"LocalSecondaryIndexes\":[" INDEX("by-a",
								    HASH("pk") "," RANGE("a"),
								    KEYS) "," INDEX("by-n",
								    HASH("pk") "," RANGE("n"),
								    INCLUDE) "," INDEX("by-b",
								    HASH("pk") "," RANGE("b"),
								    ALL) "],"
									 "\"GlobalSecondaryIndexes\":[" INDEX(
										 "a-n",
										 HASH("a") "," RANGE("n"),
										 INCLUDE) "," INDEX("b-only",
										 HASH("b"),
										 KEYS) "," INDEX("an-b-sk",
										 HASH("a") "," HASH("n") "," RANGE(
											 "b") "," RANGE("sk"),
										 ALL) "," INDEX("sk-pk",
										 HASH("sk") "," RANGE("pk"),
										 KEYS) "," INDEX("a-bn",
										 HASH("a") "," RANGE(
											 "b") "," RANGE("n"),
										 ALL) "]}";
static const char simple[] =
	"{\"AttributeDefinitions\":[" ATTRIBUTE("pk", "N") "," ATTRIBUTE("a", "S") "," ATTRIBUTE("b",
		"B") "],\"KeySchema\":[" HASH("pk") "],"
						    "\"GlobalSecondaryIndexes\":[" INDEX(
							    "only-a", HASH("a"), ALL) "," INDEX("a-b",
							    HASH("a") "," RANGE("b"), KEYS) "," INDEX("a-pk",
							    HASH("a") "," RANGE("pk"), INCLUDE) "]}";
static const char *const composite_indexes[] = {
	NULL, "by-a", "by-n", "by-b", "a-n", "b-only", "an-b-sk", "sk-pk", "a-bn"};
static const char *const simple_indexes[] = {NULL, "only-a", "a-b", "a-pk"};

/* ---- Against the model ---- */

static void assert_sorted(
	struct model *model, const struct ddb_index_definition *index, const struct answer *answer)
{
	for (size_t i = 1; i < answer->count; i++) {
		const struct ddb_value *one = &model->items[answer->slots[i - 1]],
				       *next = &model->items[answer->slots[i]];
		int order = 0;
		for (unsigned k = 0; order == 0 && k < index->range_count; k++)
			order = ddb_scalar_compare(
				attribute_of(one, &index->range[k]), attribute_of(next, &index->range[k]));
		assert_true(order <= 0);
	}
}

static void assert_same_slots(const struct answer *got, const struct answer *wanted)
{
	bool seen[MODEL_SLOTS] = {false};
	assert_int_equal(got->count, wanted->count);
	for (size_t i = 0; i < got->count; i++)
		seen[got->slots[i]] = true;
	for (size_t i = 0; i < wanted->count; i++)
		assert_true(seen[wanted->slots[i]]);
}

static void assert_entries(struct model *model, const struct ddb_query *asked, const struct answer *answer)
{
	const struct ddb_index_definition *index = model_index(model, asked->index);
	for (size_t i = 0; i < answer->count; i++) {
		const struct ddb_value *item = &model->items[answer->slots[i]];
		struct ddb_value wanted = model_part(model, index, item, !asked->keys_only);
		if (asked->select == DDB_SELECT_ALL && !asked->keys_only)
			wanted = *item;
		assert_true(ddb_value_equal(&answer->entries[i].item, &wanted));
	}
}

static bool may_have_all(const struct ddb_index_definition *index)
{
	return index->local || index->projection == DDB_PROJECT_ALL;
}

static void compare_query(struct model *model, const char *name)
{
	const struct ddb_index_definition *index = model_index(model, name);
	struct ddb_key_range range = model_range(model, index);
	struct ddb_query asked = {.table = model->table, .index = name, .range = &range};
	asked.keys_only = model_random(model, 2);
	if (name && may_have_all(index) && model_random(model, 2))
		asked.select = DDB_SELECT_ALL;
	struct answer wanted = model_answer(model, &asked), whole = paged(model, asked, 1000);
	assert_same_slots(&whole, &wanted);
	assert_sorted(model, index, &whole);
	assert_entries(model, &asked, &whole);
	struct answer pages = paged(model, asked, 0);
	assert_int_equal(pages.count, whole.count);
	assert_memory_equal(pages.slots, whole.slots, whole.count * sizeof *whole.slots);
	asked.backward = true;
	pages = paged(model, asked, 0);
	assert_int_equal(pages.count, whole.count);
	for (size_t i = 0; i < whole.count; i++)
		assert_int_equal(pages.slots[i], whole.slots[whole.count - 1 - i]);
	asked.select = DDB_SELECT_COUNT;
	struct ddb_page counted = query(model->f, asked);
	assert_true(counted.count == whole.count && !counted.entries && !counted.stopped);
}

static void compare_scan(struct model *model, const char *name)
{
	struct ddb_query asked = {.table = model->table, .index = name, .keys_only = model_random(model, 2)};
	struct answer wanted = model_answer(model, &asked), all = {.count = 0};
	asked.segments = model_random(model, 2) ? 0 : 1 + model_random(model, 9);
	for (asked.segment = 0; asked.segment < (asked.segments ? asked.segments : 1); asked.segment++) {
		struct answer part = paged(model, asked, 0);
		assert_entries(model, &asked, &part);
		for (size_t i = 0; i < part.count; i++) {
			assert_true(all.count < MODEL_SLOTS);
			all.slots[all.count++] = part.slots[i];
		}
	}
	assert_same_slots(&all, &wanted);
}

enum { ROUNDS = 30, CHANGES = 12, ASKS = 3 };

static void compare(struct fixture *f, const char *definition, const char *const *names, size_t count)
{
	struct model model;
	model_init(&model, f, "Model", definition, 88172645463325252u);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < CHANGES; i++) {
			unsigned slot = model_random(&model, MODEL_SLOTS);
			if (model_random(&model, 4) == 0)
				model_delete(&model, slot);
			else
				model_put(&model, slot);
		}
		for (size_t i = 0; i < count; i++) {
			for (unsigned ask = 0; ask < ASKS; ask++)
				compare_query(&model, names[i]);
			compare_scan(&model, names[i]);
		}
	}
	model_done(&model);
}

static void composite_tables_as_the_model(void **state)
{
	F;
	compare(f, composite, composite_indexes, sizeof composite_indexes / sizeof *composite_indexes);
}

static void simple_tables_as_the_model(void **state)
{
	F;
	compare(f, simple, simple_indexes, sizeof simple_indexes / sizeof *simple_indexes);
}

/* ---- Ties ---- */

/* All entries tie on the index's key; each of them, as start, gives what is behind it and no more. */
static void ties_page_exactly(void **state)
{
	F;
	enum { COUNT = 30 };
	static const char *const indexes[] = {"a-n", "b-only", "a-bn"};
	struct ddb_value partitions[] = {ddb_string("same", 4), ddb_binary("\0", 1), ddb_string("same", 4)};
	struct ddb_definition *definition = definition_read(f, composite);
	assert_ok(f, OP(f->engine, create_table, "Ties", definition, &f->err));
	ddb_definition_unref(definition);
	for (int i = 0; i < COUNT; i++) {
		char pk[16], sk[16];
		snprintf(pk, sizeof pk, "pk=S:%d", i / 4);
		snprintf(sk, sizeof sk, "sk=N:%d", i % 4);
		struct ddb_value item = MAP(pk, sk, "a=S:same", "n=N:7");
		put(f, "Ties", with(&f->arena, &item, "b", ddb_binary("\0", 1)));
	}
	for (unsigned k = 0; k < 3; k++) {
		struct ddb_query asked = {
			.table = "Ties", .index = indexes[k], .range = PARTITION(partitions[k])};
		struct ddb_page all = query(f, asked);
		assert_int_equal(all.count, COUNT);
		for (unsigned options = 0; options < 4; options++) {
			asked.backward = options & 1;
			asked.keys_only = options & 2;
			for (size_t i = 0; i < COUNT; i++) {
				asked.keys_only = true;
				struct ddb_value start = query(f, (struct ddb_query){.table = "Ties",
									  .index = indexes[k],
									  .keys_only = true,
									  .range = PARTITION(partitions[k])})
								 .entries[i]
								 .item;
				asked.start = &start;
				asked.keys_only = options & 2;
				struct ddb_page rest = query(f, asked);
				size_t wanted = asked.backward ? i : COUNT - 1 - i;
				assert_int_equal(rest.count, wanted);
				if (wanted)
					assert_int_equal(rest.entries[0].meta.serial,
						all.entries[asked.backward ? i - 1 : i + 1].meta.serial);
			}
			asked.start = NULL;
		}
	}
}

/* ---- Start keys ---- */

static struct ddb_page refused_page;
#define REFUSED(asked, text)                                                                                 \
	assert_refused(                                                                                      \
		f, OP(f->engine, query, &f->arena, &(asked), &refused_page, &f->err), DDB_VALIDATION, text)

#define MISMATCH "The provided starting key is invalid: The provided key element does not match the schema"

static void refuses_forged_starts(void **state)
{
	F;
	struct ddb_definition *definition = definition_read(f, composite);
	assert_ok(f, OP(f->engine, create_table, "Things", definition, &f->err));
	ddb_definition_unref(definition);
	struct ddb_value a = ddb_string("a", 1);
	put(f, "Things", MAP("pk=S:p", "sk=N:1", "a=S:a", "n=N:1"));
	struct ddb_bound five = {true, true, int_value(&f->arena, 5)};
	struct {
		const char *index;
		const struct ddb_key_range *range;
		struct ddb_value start;
		const char *text;
	} cases[] = {
		{"a-n", PARTITION(a), MAP("a=S:a", "n=N:1"), MISMATCH},
		{"a-n", PARTITION(a), MAP("pk=S:p", "sk=N:1"), MISMATCH},
		{"a-n", PARTITION(a), MAP("pk=S:p", "sk=N:1", "a=S:a"), MISMATCH},
		{"a-n", PARTITION(a), MAP("pk=S:p", "sk=N:1", "a=S:a", "n=N:1", "x=S:1"), MISMATCH},
		{"a-n", PARTITION(a), MAP("pk=S:p", "sk=N:1", "a=S:a", "x=N:1"), MISMATCH},
		{"a-n", PARTITION(a), MAP("pk=S:p", "sk=N:1", "a=S:a", "n=S:1"), MISMATCH},
		{"a-n", PARTITION(a), MAP("pk=S:p", "sk=S:1", "a=S:a", "n=N:1"), MISMATCH},
		{"a-n", PARTITION(a), MAP("pk=N:1", "sk=N:1", "a=S:a", "n=N:1"), MISMATCH},
		{"a-n", PARTITION(a), ddb_string("a", 1), MISMATCH},
		{"a-n", PARTITION(a), MAP("pk=S:p", "sk=N:1", "a=S:b", "n=N:1"),
			"The provided starting key is outside query boundaries based on provided conditions"},
		{"a-n", PARTITION(a, .lower = five), MAP("pk=S:p", "sk=N:1", "a=S:a", "n=N:4.9"),
			"The provided starting key does not match the range key predicate"},
		{"a-n", PARTITION(a, .upper = five), MAP("pk=S:p", "sk=N:1", "a=S:a", "n=N:5.1"),
			"The provided starting key does not match the range key predicate"},
		{"a-n", PARTITION(a, .prefix_count = 1, .prefix = {five.value}),
			MAP("pk=S:p", "sk=N:1", "a=S:a", "n=N:6"),
			"The provided starting key does not match the range key predicate"},
		{"by-a", PARTITION(ddb_string("p", 1), .has_begins_with = true, .begins_with = a),
			MAP("pk=S:p", "sk=N:1", "a=S:b"),
			"The provided starting key does not match the range key predicate"},
		{"by-a", PARTITION(ddb_string("p", 1)), MAP("pk=S:p", "a=S:b"), MISMATCH},
		{"by-a", PARTITION(ddb_string("p", 1)), MAP("pk=S:p", "sk=N:1"), MISMATCH},
		{"b-only", NULL, MAP("pk=S:p", "sk=N:1", "b=S:b"), MISMATCH},
		{"b-only", NULL, MAP("pk=S:p", "sk=N:1"), MISMATCH},
		{NULL, PARTITION(ddb_string("p", 1)), MAP("pk=S:p", "sk=N:1", "a=S:a"), MISMATCH},
		{NULL, NULL, MAP("pk=S:p", "sk=N:1", "a=S:a"), MISMATCH},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ddb_query asked = {.table = "Things",
			.index = cases[i].index,
			.range = cases[i].range,
			.start = &cases[i].start};
		REFUSED(asked, cases[i].text);
	}
	/* Empty and too large values of keys. */
	struct ddb_value whole = MAP("pk=S:p", "sk=N:1", "a=S:a", "n=N:1");
	const struct ddb_value odd[] = {with(&f->arena, &whole, "pk", ddb_string("", 0)),
		with(&f->arena, &whole, "a", ddb_string("", 0)),
		with(&f->arena, &whole, "pk", filled(&f->arena, DDB_HASH_KEY_MAX + 1, 'x'))};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct ddb_query asked = {
			.table = "Things", .index = "a-n", .range = PARTITION(a), .start = &odd[i]};
		assert_code(
			f, OP(f->engine, query, &f->arena, &asked, &refused_page, &f->err), DDB_VALIDATION);
		assert_int_equal(strncmp(f->err.message, "The provided starting key is invalid: One", 41), 0);
	}
	/* It need not exist. */
	struct ddb_value nowhere = MAP("pk=S:q", "sk=N:77", "a=S:a", "n=N:0.5");
	struct ddb_query asked = {
		.table = "Things", .index = "a-n", .range = PARTITION(a), .start = &nowhere};
	assert_int_equal(query(f, asked).count, 1);
	asked.backward = true;
	assert_int_equal(query(f, asked).count, 0);
}

/* A start key of an index is in one segment of its Scan: all others refuse it. */
static void refuses_starts_of_other_segments(void **state)
{
	F;
	struct ddb_definition *definition = definition_read(f, composite);
	assert_ok(f, OP(f->engine, create_table, "Things", definition, &f->err));
	ddb_definition_unref(definition);
	struct ddb_value start = MAP("pk=S:p", "sk=N:1", "a=S:a", "n=N:1");
	unsigned refused = 0;
	for (uint32_t segment = 0; segment < 7; segment++) {
		struct ddb_query asked = {.table = "Things",
			.index = "a-n",
			.start = &start,
			.segment = segment,
			.segments = 7};
		char text[256];
		snprintf(text, sizeof text,
			"The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
			"ExclusiveStartKey with correct Segment. TotalSegments: 7 Segment: %u",
			segment);
		if (OP(f->engine, query, &f->arena, &asked, &refused_page, &f->err) == DDB_OK)
			continue;
		assert_string_equal(f->err.message, text);
		refused++;
	}
	assert_int_equal(refused, 6);
}

/* ---- Refusals ---- */

static void refuses_what_no_index_has(void **state)
{
	F;
	struct ddb_definition *definition = definition_read(f, composite);
	assert_ok(f, OP(f->engine, create_table, "Things", definition, &f->err));
	ddb_definition_unref(definition);
	struct ddb_value a = ddb_string("a", 1), one = int_value(&f->arena, 1), pair[] = {a, one};
	struct ddb_value list = {.type = DDB_L, .count = 2, .elements = pair};
	struct ddb_bound text = {true, true, a};
#define TYPES "One or more parameter values were invalid: Condition parameter type does not match schema type"
	struct {
		struct ddb_query query;
		const char *text;
	} cases[] = {
		{{.index = "none"}, "The table does not have the specified index: none"},
		{{.index = "none", .range = PARTITION(a)},
			"The table does not have the specified index: none"},
		{{.index = "a-n", .consistent = true},
			"Consistent reads are not supported on global secondary indexes"},
		{{.index = "a-n", .select = DDB_SELECT_ALL},
			"One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not "
			"supported for global secondary index a-n because its projection type is not ALL"},
		{{.select = DDB_SELECT_PROJECTED},
			"ALL_PROJECTED_ATTRIBUTES can be used only when Scanning using an IndexName"},
		{{.select = DDB_SELECT_PROJECTED, .range = PARTITION(a)},
			"ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"},
		{{.index = "a-n", .range = PARTITION(one)}, TYPES},
		{{.index = "a-n", .range = PARTITION(a, .lower = text)}, TYPES},
		{{.index = "an-b-sk", .range = PARTITION(list, .prefix_count = 1, .prefix = {a})}, TYPES},
		{{.index = "b-only", .range = PARTITION(ddb_binary("x", 1), .lower = text)},
			"Query key condition not supported"},
		{{.index = "a-n", .range = PARTITION(a, .prefix_count = 1, .prefix = {one}, .lower = text)},
			"Query key condition not supported"},
		{{.index = "a-n", .range = PARTITION(a, .has_begins_with = true, .begins_with = one)},
			"Query key condition not supported"},
		{{.range = PARTITION(a, .has_begins_with = true, .begins_with = one)},
			"Query key condition not supported"},
		{{.range = PARTITION(a, .prefix_count = 2, .prefix = {one, one})},
			"Query key condition not supported"},
		{{.index = "a-n", .backward = true}, "Query key condition not supported"},
		{{.index = "a-n", .segment = 3, .segments = 3},
			"The Segment parameter is zero-based and must be less than parameter TotalSegments: "
			"Segment: 3 is not less than TotalSegments: 3"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cases[i].query.table = "Things";
		REFUSED(cases[i].query, cases[i].text);
	}
	struct ddb_query consistent = {.table = "Things", .index = "by-a", .consistent = true};
	assert_int_equal(query(f, consistent).count, 0);
}

/* ---- While indexes come and go ---- */

enum { GROWN = 300, TURNS = 12, LOOKS_MAX = 1000000 };
#define GROWING "{\"AttributeDefinitions\":[" ATTRIBUTE("pk", "S") "%s],\"KeySchema\":[" HASH("pk") "]%s}"
#define GROWN_INDEX ",\"GlobalSecondaryIndexes\":[" INDEX("late", HASH("a"), ALL) "]"

static struct ddb_definition *growing(struct fixture *f, bool with_index)
{
	char text[1024];
	snprintf(text, sizeof text, GROWING, with_index ? "," ATTRIBUTE("a", "S") : "",
		with_index ? GROWN_INDEX : "");
	return definition_read(f, text);
}

static void create_growing(struct fixture *f)
{
	struct ddb_definition *definition = growing(f, false);
	assert_ok(f, OP(f->engine, create_table, "Growing", definition, &f->err));
	ddb_definition_unref(definition);
	for (int i = 0; i < GROWN; i++) {
		char pk[16];
		snprintf(pk, sizeof pk, "pk=S:%d", i);
		put(f, "Growing", MAP(pk, "a=S:same"));
	}
}

/* Whether the index can be read: then it has every item, and else it says why. */
static const char *look(struct fixture *f, bool *ret_readable)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_query asked = {.table = "Growing",
		.index = "late",
		.range = PARTITION(ddb_string("same", 4)),
		.keys_only = true};
	struct ddb_page page;
	ddb_arena_init(&arena, 16 << 20);
	*ret_readable = OP(f->engine, query, &arena, &asked, &page, &f->err) == DDB_OK;
	if (*ret_readable)
		return page.count == GROWN ? NULL : "an index without all of its entries";
	if (strcmp(f->err.message, "The table does not have the specified index: late") == 0 ||
		strcmp(f->err.message, "Cannot read from backfilling global secondary index: late") == 0)
		return NULL;
	return f->err.message;
}

static void refuses_what_is_being_made(void **state)
{
	F;
	struct local_worker *filler = &local_of(f->engine)->filler;
	struct ddb_page page;
	bool readable = false;
	const char *failure = NULL;
	create_growing(f);
	local_worker_stop(filler);
	filler->stopping = true; /* so that nothing starts it */
	struct ddb_definition *definition = growing(f, true);
	assert_ok(f, OP(f->engine, update_table, "Growing", NULL, definition, &f->err));
	ddb_definition_unref(definition);
	struct ddb_query asked = {.table = "Growing", .index = "late"};
	REFUSED(asked, "Cannot read from backfilling global secondary index: late");
	asked.range = PARTITION(ddb_string("same", 4));
	REFUSED(asked, "Cannot read from backfilling global secondary index: late");
	filler->stopping = false;
	local_worker_wake(filler);
	for (unsigned i = 0; i < LOOKS_MAX && !readable && !failure; i++) {
		failure = look(f, &readable);
		usleep(100);
	}
	if (failure)
		fail_msg("%s", failure);
	assert_true(readable);
	assert_ok(f, OP(f->engine, query, &f->arena, &asked, &page, &f->err));
	assert_int_equal(page.count, GROWN);
}

struct watcher {
	struct fixture f; /* its own, but for the engine */
	bool stop;        /* atomic */
	const char *failure;
};

static void *watch(void *context)
{
	struct watcher *watcher = context;
	while (!watcher->failure && !__atomic_load_n(&watcher->stop, __ATOMIC_RELAXED)) {
		bool readable;
		watcher->failure = look(&watcher->f, &readable);
	}
	return NULL;
}

static void reads_while_indexes_come_and_go(void **state)
{
	F;
	pthread_t thread;
	bool readable = false;
	const char *failure = NULL;
	create_growing(f);
	struct watcher watcher = {.f = {.engine = f->engine}};
	assert_int_equal(pthread_create(&thread, NULL, watch, &watcher), 0);
	for (unsigned turn = 0; turn < TURNS && !failure; turn++) {
		struct ddb_definition *definition = growing(f, turn % 2 == 0);
		if (OP(f->engine, update_table, "Growing", NULL, definition, &f->err))
			failure = f->err.message;
		ddb_definition_unref(definition);
		readable = turn % 2;
		for (unsigned i = 0; i < LOOKS_MAX && !failure && readable != (turn % 2 == 0); i++) {
			failure = look(f, &readable);
			usleep(100);
		}
		if (readable != (turn % 2 == 0) && !failure)
			failure = "an index that does not come or go";
	}
	__atomic_store_n(&watcher.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (failure || watcher.failure)
		fail_msg("%s", failure ? failure : watcher.failure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(composite_tables_as_the_model, set_up, tear_down),
		cmocka_unit_test_setup_teardown(simple_tables_as_the_model, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ties_page_exactly, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_forged_starts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_starts_of_other_segments, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_no_index_has, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_is_being_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reads_while_indexes_come_and_go, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
