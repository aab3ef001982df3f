/* The local engine's operations from several threads at once: on the same items, and on tables that change.
 */
#include "tests/unit/local_fixture.h"

#include <stdatomic.h>

enum {
	WRITERS = 2,
	ROUNDS = 100,
	PARTITIONS = 4,
	TABLES = 500,
	LOOKS = 500, /* at most, by who goes on until the writers are done: a slow machine has other work */
};

struct shared {
	struct fixture *f;
	atomic_uint writing; /* writers that are not done */
	struct ddb_value definition_key;
};

struct worker {
	struct shared *shared;
	unsigned number;
	struct ddb_arena arena;
	struct ddb_error err;
	const char *failure;
	pthread_t thread;
};

static struct ddb_engine *engine_of(const struct worker *worker)
{
	return worker->shared->f->engine;
}

static bool went(struct worker *worker, enum ddb_code code, const char *what)
{
	if (code)
		worker->failure = what;
	return !code;
}

/* An item of the writer's own; the key alone without `round`. */
static struct ddb_value item_of(struct worker *worker, unsigned place, const unsigned *round)
{
	char hash[32], range[32], number[32] = "";
	snprintf(hash, sizeof hash, "pk=S:%u", place % PARTITIONS);
	snprintf(range, sizeof range, "sk=N:%u", worker->number * 100 + place);
	if (round)
		snprintf(number, sizeof number, "round=N:%u", *round);
	return map_of(&worker->arena, hash, range, round ? number : NULL, NULL);
}

/* ---- What the threads do ---- */

/* Twice PARTITIONS items always change together, then half of them go, one by one. */
static void *write_items(void *context)
{
	struct worker *worker = context;
	struct ddb_engine *engine = engine_of(worker);
	for (unsigned round = 0; round < ROUNDS && !worker->failure; round++) {
		struct ddb_value items[2 * PARTITIONS];
		struct ddb_put_many many = {.table = "Busy", .items = items, .count = 2 * PARTITIONS};
		struct ddb_put_many_result done;
		struct ddb_delete_result deleted;
		ddb_arena_reset(&worker->arena);
		for (unsigned i = 0; i < 2 * PARTITIONS; i++)
			items[i] = item_of(worker, i, &round);
		if (!went(worker, OP(engine, put_many, &many, &done, &worker->err), "put"))
			break;
		for (unsigned i = PARTITIONS; i < 2 * PARTITIONS && !worker->failure; i++) {
			struct ddb_delete_item gone = {.table = "Busy", .key = item_of(worker, i, NULL)};
			if (went(worker, OP(engine, delete_item, &gone, &deleted, &worker->err), "delete") &&
				!deleted.existed)
				worker->failure = "what was put is not there";
		}
	}
	worker->shared->writing--;
	return NULL;
}

/* A page is of one instant: what was put together has the same number. */
static const char *check_page(struct worker *worker, const struct ddb_page *page)
{
	const char *rounds[WRITERS] = {NULL};
	for (size_t i = 0; i < page->count; i++) {
		const struct ddb_value *item = &page->entries[i].item;
		unsigned key = (unsigned)strtoul(text_of(&worker->arena, item, "sk"), NULL, 10);
		const char *round = text_of(&worker->arena, item, "round");
		if (key / 100 >= WRITERS)
			return "a key that nobody put";
		if (rounds[key / 100] && strcmp(rounds[key / 100], round) != 0)
			return "half of a batch is visible";
		rounds[key / 100] = round;
	}
	return NULL;
}

static void *read_items(void *context)
{
	struct worker *worker = context;
	struct ddb_engine *engine = engine_of(worker);
	for (unsigned i = 0; i < LOOKS && !worker->failure && worker->shared->writing; i++) {
		struct ddb_key_range range = {.partition = ddb_string("1", 1)};
		struct ddb_query query = {.table = "Busy", .range = &range}, scan = {.table = "Busy"};
		struct ddb_list_partitions list = {.table = "Busy", .limit = 100};
		struct ddb_partitions partitions;
		struct ddb_table *table;
		struct ddb_page page;
		ddb_arena_reset(&worker->arena);
		if (!went(worker, OP(engine, describe_table, "Busy", &table, &worker->err), "describe"))
			break;
		if (went(worker, OP(engine, query, &worker->arena, &query, &page, &worker->err), "query"))
			worker->failure = check_page(worker, &page);
		if (!worker->failure &&
			went(worker, OP(engine, query, &worker->arena, &scan, &page, &worker->err), "scan"))
			worker->failure = check_page(worker, &page);
		if (!worker->failure &&
			went(worker,
				OP(engine, list_partitions, &worker->arena, &list, &partitions, &worker->err),
				"partitions") &&
			partitions.count > PARTITIONS)
			worker->failure = "a partition that nobody put";
		ddb_table_unref(table);
	}
	return NULL;
}

/* The definition's time changes, and with it the description that every other request has in hand. */
static void *date_table(void *context)
{
	struct worker *worker = context;
	struct ddb_engine *engine = engine_of(worker);
	for (int64_t time = 1; time <= LOOKS && !worker->failure && worker->shared->writing; time++) {
		struct ddb_set_mtime date = {
			.table = "Busy", .key = worker->shared->definition_key, .mtime_ns = time};
		struct ddb_table *table;
		if (!went(worker, OP(engine, set_mtime, &date, &worker->err), "date") ||
			!went(worker, OP(engine, describe_table, "Busy", &table, &worker->err), "describe"))
			break;
		if (table->changed_ns != time)
			worker->failure = "the date is another one's";
		ddb_table_unref(table);
	}
	return NULL;
}

/* Another table comes, is defined by its first item, and goes. */
static void *change_tables(void *context)
{
	struct worker *worker = context;
	struct ddb_engine *engine = engine_of(worker);
	for (unsigned i = 0; i < LOOKS && !worker->failure && worker->shared->writing; i++) {
		struct ddb_put_result result;
		ddb_arena_reset(&worker->arena);
		struct ddb_put_item put = {
			.table = "Side", .item = map_of(&worker->arena, "\xffpk=S:1", NULL)};
		if (went(worker, OP(engine, create_table, "Side", NULL, &worker->err), "create") &&
			went(worker, OP(engine, settle_table, "Side", DDB_PROVISIONAL_SIMPLE, &worker->err),
				"settle") &&
			went(worker, OP(engine, put_item, &put, &result, &worker->err), "put aside"))
			went(worker, OP(engine, delete_table, "Side", false, &worker->err), "drop");
	}
	return NULL;
}

static void *watch_tables(void *context)
{
	struct worker *worker = context;
	struct ddb_engine *engine = engine_of(worker);
	for (unsigned i = 0; i < LOOKS && !worker->failure && worker->shared->writing; i++) {
		struct ddb_table_names names;
		struct ddb_table_counts counts;
		ddb_arena_reset(&worker->arena);
		if (!went(worker, OP(engine, list_tables, &worker->arena, NULL, 10, &names, &worker->err),
			    "list") ||
			!went(worker, OP(engine, count_table, "Busy", &counts, &worker->err), "count") ||
			!went(worker, OP(engine, sync, &worker->err), "sync"))
			break;
		if (names.count < 1 || names.count > 2 || strcmp(names.names[0], "Busy") != 0)
			worker->failure = "tables that are not";
		if (counts.items > (uint64_t)WRITERS * 2 * PARTITIONS)
			worker->failure = "more items than there can be";
	}
	return NULL;
}

static void all_at_once(void **state)
{
	F;
	static void *(*const runs[])(void *) = {
		write_items, write_items, read_items, read_items, date_table, change_tables, watch_tables};
	enum { THREADS = sizeof runs / sizeof *runs };
	static struct worker workers[THREADS];
	struct shared shared = {.f = f, .writing = WRITERS, .definition_key = {.type = DDB_M}};
	create(f, "Busy", "pk:S,sk:N");
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.shared = &shared, .number = i};
		ddb_arena_init(&workers[i].arena, 1 << 24);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, runs[i], &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		ddb_arena_done(&workers[i].arena);
	}
	for (unsigned i = 0; i < THREADS; i++)
		if (workers[i].failure)
			fail_msg("thread %u: %s: %s", i, workers[i].failure, workers[i].err.message);
	assert_int_equal(counts(f, "Busy").items, WRITERS * PARTITIONS);
	assert_int_equal(query(f, (struct ddb_query){.table = "Busy"}).count, WRITERS * PARTITIONS);
}

/* What the cache of tables gives up while others have it: more tables than some of its sets have places. */
static void *visit_tables(void *context)
{
	struct worker *worker = context;
	struct ddb_engine *engine = engine_of(worker);
	for (unsigned round = 0; round < 400 && !worker->failure; round++) {
		char name[16];
		struct ddb_table *table;
		snprintf(name, sizeof name, "T%03u", (round * 7 + worker->number * 3) % TABLES);
		if (!went(worker, OP(engine, describe_table, name, &table, &worker->err), "describe"))
			break;
		if (strcmp(table->name, name) != 0)
			worker->failure = "another table";
		ddb_table_unref(table);
	}
	return NULL;
}

static void many_tables(void **state)
{
	F;
	struct worker workers[3];
	struct shared shared = {.f = f};
	for (unsigned i = 0; i < TABLES; i++) {
		char name[16];
		snprintf(name, sizeof name, "T%03u", i);
		create(f, name, "id:S");
	}
	for (unsigned i = 0; i < 3; i++) {
		workers[i] = (struct worker){.shared = &shared, .number = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, visit_tables, &workers[i]), 0);
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < 3; i++)
		if (workers[i].failure)
			fail_msg("thread %u: %s: %s", i, workers[i].failure, workers[i].err.message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_tables, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
