/*
 * Indexes made on tables that have items: step by step with writers between the steps, by the engine's thread
 * beside other threads, across closing and kill -9; what is passed over; indexes dropped; stores from before
 * there were entries.
 */
#include "local_index_fixture.h"
#include "local_records.h"

#include <signal.h>
#include <sys/wait.h>

#define ATTRIBUTE(name, type) "{\"AttributeName\":\"" name "\",\"AttributeType\":\"" type "\"}"
#define KEY(name, type) "{\"AttributeName\":\"" name "\",\"KeyType\":\"" type "\"}"
#define TABLE_KEY "\"KeySchema\":[" KEY("pk", "HASH") "," KEY("sk", "RANGE") "]"
#define INDEX(name, keys, projection)                                                                        \
	"{\"IndexName\":\"" name "\",\"KeySchema\":[" keys                                                   \
	"],\"Projection\":{\"ProjectionType\":\"" projection "\"}}"
#define BY_S INDEX("by-s", KEY("s", "HASH") "," KEY("n", "RANGE"), "ALL")
#define BY_N INDEX("by-n", KEY("n", "HASH"), "KEYS_ONLY")
#define LOCALS                                                                                               \
	"\"LocalSecondaryIndexes\":[" INDEX("local-n", KEY("pk", "HASH") "," KEY("n", "RANGE"), "ALL") "],"
#define ATTRIBUTES                                                                                           \
	"\"AttributeDefinitions\":[" ATTRIBUTE("pk", "S") "," ATTRIBUTE("sk", "N") "," ATTRIBUTE(            \
		"s", "S") "," ATTRIBUTE("n", "N") "],"

static const char plain[] = "{\"AttributeDefinitions\":[" ATTRIBUTE("pk", "S") "," ATTRIBUTE(
	"sk", "N") "]," TABLE_KEY ",\"BillingMode\":\"PAY_PER_REQUEST\"}";
static const char indexed[] =
	"{" ATTRIBUTES TABLE_KEY ",\"BillingMode\":\"PAY_PER_REQUEST\",\"GlobalSecondaryIndexes\":[" BY_S
	"," BY_N "]}";
static const char with_locals[] = "{" ATTRIBUTES TABLE_KEY ",\"BillingMode\":\"PAY_PER_REQUEST\"," LOCALS
				  "\"GlobalSecondaryIndexes\":[" BY_S "]}";

enum { ITEMS = 1100, PARTITIONS = 40 };

/* ---- Tables ---- */

static void create_from(struct fixture *f, const char *text)
{
	struct ddb_definition *definition = definition_read(f, text);
	assert_ok(f, OP(f->engine, create_table, "Fill", definition, &f->err));
	ddb_definition_unref(definition);
}

static enum ddb_code update(struct fixture *f, const char *from, const char *to)
{
	struct ddb_definition *old = from ? definition_read(f, from) : NULL, *new = definition_read(f, to);
	enum ddb_code code = OP(f->engine, update_table, "Fill", old, new, &f->err);
	ddb_definition_unref(old);
	ddb_definition_unref(new);
	return code;
}

static struct ddb_value numbered_key(struct fixture *f, unsigned number)
{
	char pk[200], sk[32];
	snprintf(pk, sizeof pk, "pk=S:%0*u", number % 7 ? 3 : 110, number % PARTITIONS);
	snprintf(sk, sizeof sk, "sk=N:%u", number);
	return MAP(pk, sk);
}

/* What no key of an index can be is among them. */
static struct ddb_value numbered_item(struct fixture *f, unsigned number, unsigned version)
{
	struct ddb_value item = numbered_key(f, number);
	char s[200];
	snprintf(s, sizeof s, "S:%0*u", number % 5 ? 1 : 120, (number + version) % 23);
	if (number % 11 != 3)
		item = with(&f->arena, &item, "s", text_value(&f->arena, s));
	if (number % 13 != 4)
		item = with(&f->arena, &item, "n", int_value(&f->arena, (number * 7 + version) % 31));
	return with(&f->arena, &item, "x", int_value(&f->arena, version));
}

static struct ddb_value odd_item(struct fixture *f, unsigned number)
{
	struct ddb_value item = numbered_item(f, number, 0);
	switch (number % 4) {
	case 0:
		return with(&f->arena, &item, "s", int_value(&f->arena, 1));
	case 1:
		return with(&f->arena, &item, "s", ddb_string("", 0));
	case 2:
		return with(&f->arena, &item, "s", filled(&f->arena, 2049, 's'));
	default:
		return with(&f->arena, &item, "n", ddb_null());
	}
}

static void fill(struct fixture *f)
{
	create_from(f, plain);
	for (unsigned i = 0; i < ITEMS; i += 100) {
		struct ddb_value items[100];
		struct ddb_put_many_result result;
		for (unsigned k = 0; k < 100; k++)
			items[k] = (i + k) % 37 ? numbered_item(f, i + k, 0) : odd_item(f, i + k);
		struct ddb_put_many request = {.table = "Fill", .items = items, .count = 100};
		assert_ok(f, OP(f->engine, put_many, &request, &result, &f->err));
		ddb_arena_reset(&f->arena);
	}
}

/* ---- The thread's work, by hand ---- */

static void hold(struct fixture *f)
{
	local_worker_stop(&local_of(f->engine)->filler);
	local_of(f->engine)->filler.stopping = true; /* so that nothing starts it */
}

static void let_go(struct fixture *f)
{
	local_of(f->engine)->filler.stopping = false;
	local_worker_wake(&local_of(f->engine)->filler);
}

static bool step(struct fixture *f)
{
	LOCAL_TABLE_AUTO struct local_table *table = find_table(f, "Fill");
	bool more;
	assert_ok(f, local_fill_step(local_of(f->engine), table, &more, &f->err));
	return more;
}

static void write_one(struct fixture *f, unsigned number)
{
	struct ddb_move_item move = {.table = "Fill",
		.from = numbered_key(f, number),
		.to = numbered_key(f, (number * 31 + 7) % ITEMS)};
	switch (number % 3) {
	case 0:
		put(f, "Fill", numbered_item(f, number, number));
		break;
	case 1:
		delete (f, "Fill", numbered_key(f, number));
		break;
	default: {
		enum ddb_code code = OP(f->engine, move_item, &move, &f->err);
		assert_true(code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND || code == DDB_VALIDATION);
	}
	}
}

static void a_new_index_comes_step_by_step(void **state)
{
	F;
	unsigned steps = 0, number = 0;
	fill(f);
	hold(f);
	assert_ok(f, update(f, plain, indexed));
	struct ddb_partitions page;
	struct ddb_list_partitions request = {.table = "Fill", .index = "by-s"};
	assert_refused(f, OP(f->engine, list_partitions, &f->arena, &request, &page, &f->err), DDB_VALIDATION,
		"Cannot read from backfilling global secondary index: by-s");
	request.index = "by-x";
	assert_refused(f, OP(f->engine, list_partitions, &f->arena, &request, &page, &f->err), DDB_VALIDATION,
		"The table does not have the specified index: by-x");
	while (step(f)) {
		struct ddb_table_counts told = counts(f, "Fill");
		if (++steps == 1) {
			assert_int_equal(told.index_count, 2);
			assert_int_equal(told.indexes[0].state, DDB_INDEX_CREATING);
			assert_true(told.indexes[0].examined > 0 && told.indexes[0].examined < ITEMS);
			assert_true(told.indexes[0].entries > 0);
		}
		for (unsigned i = 0; i < 60; i++)
			write_one(f, (number += 17) % ITEMS);
		assert_sound(f);
		hold(f); /* the check has let it go */
	}
	assert_true(steps > 0); /* the thread has made the others in between */
	assert_int_equal(counts(f, "Fill").indexes[0].state, DDB_INDEX_ACTIVE);
	assert_indexes(f, "Fill");
}

/* ---- The thread itself ---- */

struct writer {
	struct fixture *f;
	unsigned seed;
};

static void *write_much(void *context)
{
	struct writer *writer = context;
	struct fixture own = {.engine = writer->f->engine};
	ddb_arena_init(&own.arena, ARENA_MAX);
	for (unsigned i = 0; i < 600; i++) {
		write_one(&own, (writer->seed + i * 13) % ITEMS);
		ddb_arena_reset(&own.arena);
	}
	ddb_arena_done(&own.arena);
	return NULL;
}

static void writers_go_on_beside_it(void **state)
{
	F;
	enum { WRITERS = 3 };
	pthread_t threads[WRITERS];
	struct writer writers[WRITERS];
	fill(f);
	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.f = f, .seed = i * 100};
		assert_int_equal(pthread_create(&threads[i], NULL, write_much, &writers[i]), 0);
	}
	assert_ok(f, update(f, NULL, indexed));
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	wait_active(f, "Fill");
	assert_indexes(f, "Fill");
}

static void it_goes_on_after_closing(void **state)
{
	F;
	fill(f);
	hold(f);
	assert_ok(f, update(f, NULL, indexed));
	step(f);
	uint64_t examined = counts(f, "Fill").indexes[0].examined;
	assert_true(examined > 0);
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.read_only = true});
	assert_int_equal(counts(f, "Fill").indexes[0].state, DDB_INDEX_CREATING);
	assert_int_equal(counts(f, "Fill").indexes[0].examined, examined);
	assert_false(local_of(f->engine)->filler.started);
	engine_reopen(f);
	wait_active(f, "Fill");
	assert_indexes(f, "Fill");
	for (unsigned i = 0; i < 5; i++) { /* closing does not wait for its end */
		assert_ok(f, update(f, NULL, i % 2 ? indexed : plain));
		engine_reopen(f);
	}
	assert_ok(f, update(f, NULL, indexed));
	wait_active(f, "Fill");
	assert_indexes(f, "Fill");
}

/* ---- kill -9 ---- */

/* The child makes an index, and writes meanwhile, until it is killed: after so many writes. */
static void child(struct fixture *f, int told)
{
	engine_open(f);
	if (update(f, NULL, indexed) || write(told, "u", 1) != 1)
		_exit(1);
	for (unsigned i = 0;; i++) {
		write_one(f, i * 19 % ITEMS);
		ddb_arena_reset(&f->arena);
		if (write(told, "w", 1) != 1)
			_exit(1);
	}
}

static void it_goes_on_after_a_kill(void **state)
{
	F;
	fill(f);
	for (unsigned round = 0; round < 6; round++) {
		int pipes[2];
		assert_ok(f, update(f, NULL, plain));
		engine_close(f);
		assert_int_equal(pipe(pipes), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			child(f, pipes[1]);
		close(pipes[1]);
		for (unsigned i = 0; i <= round * 5; i++) {
			char byte;
			assert_int_equal(read(pipes[0], &byte, 1), 1);
		}
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(pipes[0]);
		engine_open_with(f, (struct ddb_local_options){.read_only = true});
		assert_sound(f);
		engine_reopen(f);
		wait_active(f, "Fill");
		assert_int_equal(counts(f, "Fill").index_count, 2);
		assert_indexes(f, "Fill");
	}
}

/* ---- Dropping ---- */

static void indexes_can_be_dropped(void **state)
{
	F;
	static const char only_n[] =
		"{\"AttributeDefinitions\":[" ATTRIBUTE("pk", "S") "," ATTRIBUTE("sk", "N") "," ATTRIBUTE("n",
			"N") "]," TABLE_KEY
			     ",\"BillingMode\":\"PAY_PER_REQUEST\",\"GlobalSecondaryIndexes\":[" BY_N "]}";
	fill(f);
	assert_ok(f, update(f, plain, indexed));
	wait_active(f, "Fill");
	uint64_t entries = counts(f, "Fill").indexes[0].entries;
	assert_code(f, update(f, plain, only_n), DDB_RESOURCE_IN_USE);
	assert_ok(f, update(f, indexed, only_n));
	assert_int_equal(counts(f, "Fill").index_count, 1);
	assert_int_equal(counts(f, "Fill").indexes[0].entries, entries); /* by-n was the first */
	assert_indexes(f, "Fill");
	hold(f);
	assert_ok(f, update(f, NULL, indexed));
	step(f);
	assert_ok(f, update(f, NULL, plain)); /* one of them half made */
	assert_int_equal(count_records(f, LOCAL_ENTRY), 0);
	assert_int_equal(count_records(f, LOCAL_PROGRESS), 0);
	assert_int_equal(count_records(f, LOCAL_TOMBSTONE), 0);
	let_go(f);
}

/* ---- Older stores ---- */

/* All records of that kind, but those of one space. */
static void remove_kind(struct fixture *f, struct store_txn *txn, enum local_kind kind, uint32_t kept)
{
	uint8_t place[STORE_KEY_MAX + 1] = {(uint8_t)kind};
	size_t length = 1;
	struct store_cursor *cursor;
	bool found = true;
	assert_ok(f, store_cursor_open(txn, &cursor, &f->err));
	for (;;) {
		const uint8_t *key;
		assert_ok(f, store_cursor_seek(cursor, place, length, &found, &f->err));
		if (!found)
			break;
		store_cursor_key(cursor, &key, &length);
		if (key[0] != kind)
			break;
		memcpy(place, key, length);
		if (local_read_be(place + 1, 4) != kept)
			assert_ok(f, store_delete(txn, place, length, NULL, &f->err));
		place[length++] = 0;
	}
	store_cursor_close(cursor);
}

/* As the version before entries left it: the table's record ends with its uuid, its counters with the
 * generation, and there are no other records. */
static enum ddb_code age_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	enum { OLD_HEAD = 70, SPACE_AT = 6 };
	static const enum local_kind kinds[] = {LOCAL_ENTRY, LOCAL_ENTRY_ALIAS, LOCAL_COLLECTION,
		LOCAL_PROGRESS, LOCAL_STREAM, LOCAL_STREAM_RECORD};
	struct fixture *f = context;
	struct store_value value;
	struct local_counters counters;
	uint8_t key[LOCAL_TABLE_KEY_MAX];
	size_t length;
	bool found;
	assert_true(local_catalog_key("Fill", key, &length));
	assert_ok(f, store_get(txn, &f->arena, key, length, true, &value, err));
	uint8_t *head = ddb_arena_copy(&f->arena, value.head, OLD_HEAD);
	head[0] = 1;
	assert_ok(f, store_put(txn, key, length, head, OLD_HEAD, value.body, value.body_length, err));
	uint32_t space = (uint32_t)local_read_le(head + SPACE_AT, 4);
	assert_ok(f, local_counters_read(txn, space, &counters, &found, err));
	memset(counters.indexes, 0, sizeof counters.indexes);
	assert_ok(f, local_counters_write(txn, space, &counters, err));
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		remove_kind(f, txn, kinds[i], 0);
	remove_kind(f, txn, LOCAL_ALIAS, space);
	return DDB_OK;
}

static void age(struct fixture *f)
{
	hold(f);
	assert_ok(f, store_write(local_of(f->engine)->store, age_job, f, false, &f->err));
	engine_close(f);
}

static void fill_locals(struct fixture *f)
{
	create_from(f, with_locals);
	for (unsigned i = 0; i < 700; i++)
		put(f, "Fill", numbered_item(f, i, 0));
	assert_true(count_records(f, LOCAL_COLLECTION) > 0 && count_records(f, LOCAL_ENTRY_ALIAS) > 0);
	age(f);
}

static void an_older_store_gets_its_entries(void **state)
{
	F;
	fill_locals(f);
	engine_open_with(f, (struct ddb_local_options){.read_only = true});
	assert_sound(f);
	assert_int_equal(counts(f, "Fill").indexes[0].state, DDB_INDEX_CREATING);
	assert_int_equal(count_records(f, LOCAL_ENTRY), 0);
	engine_reopen(f);
	wait_active(f, "Fill");
	assert_indexes(f, "Fill");
	assert_true(count_records(f, LOCAL_COLLECTION) > 0 && count_records(f, LOCAL_ENTRY_ALIAS) > 0);
}

static const char with_stream[] =
	"{\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
	"\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\","
	"\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"KEYS_ONLY\"}}";

static void an_older_store_gets_its_streams(void **state)
{
	F;
	struct ddb_streams streams = {.count = 0};
	const struct ddb_list_streams list = {.table = "Fill"};
	struct ddb_stream_page page;
	const struct ddb_read_stream read = {.table = "Fill"};
	create_from(f, with_stream);
	put(f, "Fill", MAP("pk=S:unseen"));
	age(f);
	engine_open_with(f, (struct ddb_local_options){.read_only = true});
	assert_code(f, OP(f->engine, read_stream, &f->arena, &read, &page, &f->err), DDB_RESOURCE_NOT_FOUND);
	engine_reopen(f);
	while (streams.count == 0)
		assert_ok(f, OP(f->engine, list_streams, &f->arena, &list, &streams, &f->err));
	put(f, "Fill", MAP("pk=S:seen"));
	assert_ok(f, OP(f->engine, read_stream, &f->arena, &read, &page, &f->err));
	assert_int_equal(page.count, 1);
	assert_string_equal(text_of(&f->arena, &page.records[0].key, "pk"), "seen");
}

static void an_older_store_is_written_to_meanwhile(void **state)
{
	F;
	unsigned number = 0;
	fill_locals(f);
	engine_open(f);
	hold(f);
	struct ddb_set_mtime touch = {.table = "Fill", .key = {.type = DDB_M}, .mtime_ns = 12345};
	assert_ok(f, OP(f->engine, set_mtime, &touch, &f->err)); /* the record is written anew */
	do {
		for (unsigned i = 0; i < 40; i++)
			write_one(f, (number += 23) % ITEMS);
		assert_sound(f);
		hold(f);
	} while (step(f));
	assert_indexes(f, "Fill");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_index_comes_step_by_step, set_up, tear_down),
		cmocka_unit_test_setup_teardown(writers_go_on_beside_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_goes_on_after_closing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_goes_on_after_a_kill, set_up, tear_down),
		cmocka_unit_test_setup_teardown(indexes_can_be_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_older_store_gets_its_entries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_older_store_gets_its_streams, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_older_store_is_written_to_meanwhile, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
