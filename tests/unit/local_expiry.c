/*
 * Expiry in the local engine: which items have a record of their time, through every kind of write; what is
 * removed at which time, and that all that belongs to it goes; TTL turned on, off and to another attribute
 * for a table with items, across kill -9; the check.
 */
#include "local_expiry_fixture.h"

#include <signal.h>
#include <sys/wait.h>

static int set_up_expiry(void **state)
{
	int failed = set_up(state);
	if (!failed)
		open_hiding(*state, false);
	return failed;
}

/* ---- Records ---- */

static void a_number_of_any_spelling_is_a_time(void **state)
{
	F;
	create_from(f, "Table", with_ttl);
	LOCAL_TABLE_AUTO struct local_table *table = find_table(f, "Table");
	for (unsigned i = 0; i < FORMS; i++) {
		char text[100];
		int64_t time = -1;
		snprintf(text, sizeof text, "ttl=N:%s", forms[i].text);
		struct ddb_value item = MAP("pk=S:a", text);
		if (!local_expiry_time(table, &item, &time))
			time = -1;
		if (time != forms[i].time)
			fail_msg("%s is %lld", forms[i].text, (long long)time);
	}
	struct ddb_value others[] = {MAP("ttl=S:1700000000"), MAP("ttl=B:1700000000"), MAP("at=N:1700000000"),
		with(&f->arena, &others[2], "ttl", ddb_null()),
		with(&f->arena, &others[2], "ttl", ddb_bool(true))};
	for (unsigned i = 0; i < 5; i++) {
		int64_t time;
		assert_false(local_expiry_time(table, &others[i], &time));
	}
}

/* A small generator, so that a seed gives the same run everywhere. */
static unsigned draw(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % below;
}

static void write_one(struct fixture *f, unsigned *seed)
{
	enum { ITEMS = 300 };
	unsigned number = draw(seed, ITEMS), version = draw(seed, 1000);
	struct ddb_put_many_result many;
	struct ddb_value items[5];
	char partition[16];
	switch (draw(seed, 12)) {
	case 0:
	case 1:
		delete (f, "Table", expiring_key(f, number));
		break;
	case 2: {
		struct ddb_move_item move = {.table = "Table",
			.from = expiring_key(f, number),
			.to = expiring_key(f, draw(seed, ITEMS)),
			.exchange = draw(seed, 2)};
		enum ddb_code code = OP(f->engine, move_item, &move, &f->err);
		assert_true(!code || code == DDB_RESOURCE_NOT_FOUND);
		break;
	}
	case 3: {
		snprintf(partition, sizeof partition, "S:%03u", draw(seed, PARTITIONS));
		struct ddb_move_partition move = {.table = "Table",
			.from = text_value(&f->arena, partition),
			.to = text_value(&f->arena, draw(seed, 2) ? "S:001" : "S:002")};
		enum ddb_code code = OP(f->engine, move_partition, &move, &f->err);
		assert_true(!code || code == DDB_RESOURCE_NOT_FOUND || code == DDB_CONDITIONAL_CHECK_FAILED);
		break;
	}
	case 4:
		for (unsigned i = 0; i < 5; i++)
			items[i] = expiring_item(f, (number + i * 60) % ITEMS, version + i);
		struct ddb_put_many request = {.table = "Table", .items = items, .count = 5};
		assert_ok(f, OP(f->engine, put_many, &request, &many, &f->err));
		break;
	case 5: {
		struct ddb_value item = expiring_item(f, number, version), key = expiring_key(f, number);
		struct ddb_put_result result;
		struct ddb_value rest = {.type = DDB_M};
		for (uint32_t i = 0; i < item.count; i++)
			if (item.attributes[i].name_length > 2)
				rest = with(&f->arena, &rest,
					ddb_arena_copy(&f->arena, item.attributes[i].name,
						item.attributes[i].name_length),
					item.attributes[i].value);
		if (rest.count != 2)
			break;
		struct ddb_update_item update = {
			.table = "Table", .key = key, .changes = setting(&f->arena, rest)};
		assert_ok(f, OP(f->engine, update_item, &update, &result, &f->err));
		break;
	}
	case 6: {
		struct ddb_batch_write_result result;
		struct ddb_batch_write writes[2] = {
			{.table = "Table", .value = expiring_item(f, number, version)},
			{.table = "Table", .deletes = true, .value = expiring_key(f, (number + 1) % ITEMS)}};
		assert_ok(f, OP(f->engine, batch_write, &f->arena, writes, 2, &result, &f->err));
		break;
	}
	default:
		put(f, "Table", expiring_item(f, number, version));
	}
}

static void records_are_what_the_items_say(void **state)
{
	F;
	unsigned seed = 7;
	create_from(f, "Table", with_ttl);
	for (unsigned i = 0; i < 1500; i++) {
		write_one(f, &seed);
		if (i % 50 == 49)
			assert_expiries(f, "Table");
		if (i % 300 == 299) {
			local_sweep(local_of(f->engine));
			assert_sound(f);
		}
		if (i % 50 == 49)
			ddb_arena_reset(&f->arena);
	}
	assert_true(dump_expiries(f)->count > 30);
	assert_indexes(f, "Table");
}

static void an_equal_time_is_not_written_again(void **state)
{
	F;
	create_from(f, "Table", with_ttl);
	put(f, "Table", MAP("pk=S:a", "sk=N:1", "ttl=N:1800000000", "time=N:1800000000"));
	put(f, "Table", MAP("pk=S:a", "sk=N:1", "ttl=N:18e8", "time=N:1800000000", "x=N:1"));
	put(f, "Table", MAP("pk=S:a", "sk=N:1", "ttl=N:1800000000.7", "time=N:1800000000", "x=N:2"));
	assert_expiries(f, "Table");
	put(f, "Table", MAP("pk=S:a", "sk=N:1", "ttl=N:1800000001", "time=N:1800000001"));
	assert_expiries(f, "Table");
	put(f, "Table", MAP("pk=S:a", "sk=N:1", "ttl=S:1800000001"));
	assert_int_equal(dump_expiries(f)->count, 0);
}

/* ---- Removing ---- */

struct watched {
	struct fixture *f;
	size_t count;
	char names[400][32];
};

static void on_expired(void *context, const struct ddb_table *table, const struct ddb_value *key)
{
	struct watched *watched = context;
	struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	assert_string_equal(table->name, "Table");
	assert_int_equal(key->count, 2);
	snprintf(watched->names[watched->count++], 32, "%s", text_of(&arena, key, "sk"));
	/* Whoever is told may ask. */
	struct ddb_get_item request = {.table = "Table", .key = *key, .meta_only = true};
	struct ddb_get_result result = {.found = true};
	assert_ok(watched->f, OP(watched->f->engine, get_item, &arena, &request, &result, &watched->f->err));
	assert_false(result.found);
	ddb_arena_done(&arena);
}

static void what_is_due_goes_with_all_that_belongs_to_it(void **state)
{
	F;
	enum { ITEMS = 350 };
	struct watched watched = {.f = f};
	size_t due = 0;
	create_from(f, "Table", with_ttl);
	f->engine->ops->watch_expired(f->engine, on_expired, &watched);
	for (unsigned i = 0; i < ITEMS; i++) {
		struct ddb_value item = expiring_item(f, i, 0);
		int64_t time;
		put(f, "Table", item);
		due += told_time(&item, &time) && time <= NOW && time >= NOW - YEARS;
	}
	assert_true(due > 60);
	assert_true(local_sweep(local_of(f->engine)));
	assert_int_equal(watched.count, due);
	assert_int_equal(counts(f, "Table").items, ITEMS - due);
	struct items left = all_items(f, "Table");
	assert_int_equal(left.count, ITEMS - due);
	for (size_t i = 0; i < left.count; i++) {
		int64_t time;
		if (told_time(&left.entries[i].item, &time))
			assert_true(time > NOW || time < NOW - YEARS);
	}
	for (size_t i = 0; i < watched.count; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(watched.names[i], watched.names[k]);
	assert_expiries(f, "Table");
	assert_indexes(f, "Table");
	assert_sound(f);
	local_sweep(local_of(f->engine)); /* nothing is left that is due */
	assert_int_equal(watched.count, due);
	local_of(f->engine)->expiry_now = NOW + 1;
	f->engine->ops->watch_expired(f->engine, NULL, NULL);
	local_sweep(local_of(f->engine));
	assert_true(counts(f, "Table").items < ITEMS - due);
	assert_int_equal(watched.count, due);
}

static void the_stream_says_who_did_it(void **state)
{
	F;
	enum { ITEMS = 120 };
	struct ddb_stream_page page;
	struct ddb_read_stream request = {.table = "Table"};
	unsigned removed = 0, by_service = 0;
	create_from(f, "Table", TABLE(TTL("ttl") STREAM));
	for (unsigned i = 0; i < ITEMS; i++) {
		char sk[32];
		snprintf(sk, sizeof sk, "sk=N:%u", i);
		put(f, "Table", MAP("pk=S:a", sk, "ttl=N:1700000000"));
	}
	delete (f, "Table", MAP("pk=S:a", "sk=N:7"));
	local_sweep(local_of(f->engine));
	local_sweep(local_of(f->engine));
	assert_ok(f, OP(f->engine, read_stream, &f->arena, &request, &page, &f->err));
	for (size_t i = 0; i < page.count; i++) {
		const struct ddb_stream_record *record = &page.records[i];
		if (record->event != DDB_EVENT_REMOVE)
			continue;
		assert_int_equal(record->service, strcmp(text_of(&f->arena, &record->key, "sk"), "7") != 0);
		assert_true(record->has_old && !record->has_new);
		by_service += record->service;
		removed++;
	}
	assert_int_equal(removed, ITEMS);
	assert_int_equal(by_service, ITEMS - 1);
}

/* What is over five years past stays, and comes into the window when the clock goes back. */
static void five_years_past_is_never(void **state)
{
	F;
	create_from(f, "Table", with_ttl);
	put(f, "Table", MAP("pk=S:a", "sk=N:1", "ttl=N:1542319999"));
	put(f, "Table", MAP("pk=S:a", "sk=N:2", "ttl=N:0"));
	put(f, "Table", MAP("pk=S:a", "sk=N:3", "ttl=N:1542320000"));
	local_sweep(local_of(f->engine));
	assert_int_equal(counts(f, "Table").items, 2);
	local_of(f->engine)->expiry_now = NOW - 1;
	local_sweep(local_of(f->engine));
	assert_int_equal(counts(f, "Table").items, 1);
	local_of(f->engine)->expiry_now = 1000;
	local_sweep(local_of(f->engine));
	assert_int_equal(counts(f, "Table").items, 0);
	struct ddb_partition partition;
	struct ddb_value a = ddb_string("a", 1);
	assert_code(f, OP(f->engine, get_partition, "Table", NULL, &a, &partition, &f->err),
		DDB_RESOURCE_NOT_FOUND);
}

static void a_longer_life_saves(void **state)
{
	F;
	create_from(f, "Table", with_ttl);
	put(f, "Table", MAP("pk=S:a", "sk=N:1", "ttl=N:1699999990"));
	put(f, "Table", MAP("pk=S:a", "sk=N:2", "ttl=N:1699999990"));
	put(f, "Table", MAP("pk=S:a", "sk=N:1", "ttl=N:1700000010"));
	local_sweep(local_of(f->engine));
	assert_int_equal(counts(f, "Table").items, 1);
	assert_true(get(f, "Table", MAP("pk=S:a", "sk=N:1")).found);
}

static void the_thread_does_it(void **state)
{
	F;
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.ttl_interval = 1});
	assert_false(local_of(f->engine)->sweeper.worker.started); /* nothing has TTL */
	create(f, "Plain", "pk:S");
	assert_false(local_of(f->engine)->sweeper.worker.started);
	create_from(f, "Table", with_ttl);
	assert_true(local_of(f->engine)->sweeper.worker.started);
	char due[64];
	snprintf(due, sizeof due, "ttl=N:%lld", (long long)(local_now() / 1000000000 - 5));
	put(f, "Table", MAP("pk=S:a", "sk=N:1", due));
	put(f, "Table", MAP("pk=S:a", "sk=N:2", "ttl=N:99999999999"));
	while (counts(f, "Table").items > 1)
		usleep(1000);
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.ttl_interval = 1, .read_only = true});
	assert_false(local_of(f->engine)->sweeper.worker.started);
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.ttl_interval = 1});
	assert_true(local_of(f->engine)->sweeper.worker.started);
	put(f, "Table", MAP("pk=S:a", "sk=N:1", due));
	while (counts(f, "Table").items > 1)
		usleep(1000);
}

/* ---- TTL turned on and off ---- */

static void hold(struct fixture *f)
{
	local_worker_stop(&local_of(f->engine)->filler);
	local_of(f->engine)->filler.stopping = true; /* so that nothing starts it */
}

static bool step(struct fixture *f)
{
	LOCAL_TABLE_AUTO struct local_table *table = find_table(f, "Table");
	bool more;
	assert_ok(f, local_fill_step(local_of(f->engine), table, &more, &f->err));
	return more;
}

static void fill(struct fixture *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		put(f, "Table", expiring_item(f, i, 3));
	ddb_arena_reset(&f->arena);
}

static void items_that_are_there_are_filed(void **state)
{
	F;
	unsigned seed = 3, steps = 0;
	create_from(f, "Table", without);
	fill(f, 900);
	assert_int_equal(dump_expiries(f)->count, 0);
	hold(f);
	redefine(f, with_ttl);
	assert_int_equal(dump_expiries(f)->count, 0);
	while (step(f)) {
		steps++;
		for (unsigned i = 0; i < 60; i++)
			write_one(f, &seed);
		local_sweep(local_of(f->engine));      /* what is filed may go */
		local_of(f->engine)->read_only = true; /* so that the check does not start the thread */
		assert_sound(f);
		local_of(f->engine)->read_only = false;
		hold(f);
		ddb_arena_reset(&f->arena);
	}
	assert_true(steps > 2);
	assert_expiries(f, "Table");
	local_of(f->engine)->filler.stopping = false;
}

static void another_attribute_is_another_space(void **state)
{
	F;
	create_from(f, "Table", with_ttl);
	fill(f, 300);
	put(f, "Table", MAP("pk=S:a", "sk=N:5000", "at=N:5"));
	assert_expiries(f, "Table");
	redefine(f, with_other);
	wait_filed(f, "Table");
	assert_int_equal(dump_expiries(f)->count, 1);
	redefine(f, without);
	assert_int_equal(dump_expiries(f)->count, 0);
	assert_false(local_sweep(local_of(f->engine)));
	redefine(f, with_ttl);
	redefine(f, without); /* half filed, perhaps */
	assert_int_equal(dump_expiries(f)->count, 0);
	redefine(f, with_ttl);
	wait_filed(f, "Table");
	ddb_arena_reset(&f->arena);
	assert_expiries(f, "Table");
	assert_ok(f, OP(f->engine, rename_table, "Table", "Renamed", &f->err));
	assert_expiries(f, "Renamed");
	assert_true(dump_expiries(f)->count > 0);
	assert_ok(f, OP(f->engine, delete_table, "Renamed", false, &f->err));
	assert_int_equal(dump_expiries(f)->count, 0);
}

/* The child turns TTL on, and writes meanwhile, until it is killed: after so many writes. */
static void child(struct fixture *f, int told)
{
	unsigned seed = 5;
	engine_open(f);
	redefine(f, with_ttl);
	if (write(told, "u", 1) != 1)
		_exit(1);
	for (;;) {
		write_one(f, &seed);
		ddb_arena_reset(&f->arena);
		if (write(told, "w", 1) != 1)
			_exit(1);
	}
}

static void filing_goes_on_after_a_kill(void **state)
{
	F;
	create_from(f, "Table", without);
	fill(f, 900);
	for (unsigned round = 0; round < 6; round++) {
		int pipes[2];
		redefine(f, without);
		engine_close(f);
		assert_int_equal(pipe(pipes), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			child(f, pipes[1]);
		close(pipes[1]);
		for (unsigned i = 0; i <= round * 4; i++) {
			char byte;
			assert_int_equal(read(pipes[0], &byte, 1), 1);
		}
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(pipes[0]);
		engine_open_with(f, (struct ddb_local_options){.read_only = true});
		assert_sound(f);
		open_hiding(f, false);
		wait_filed(f, "Table");
		assert_expiries(f, "Table");
		ddb_arena_reset(&f->arena);
	}
}

/* As the version before expiry left a table with TTL: a head without spaces for it, and no records. */
static enum ddb_code age_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	enum { STREAM_BYTES = 16, UNFILED_AT = 70 };
	struct fixture *f = context;
	struct store_value value;
	uint8_t key[LOCAL_TABLE_KEY_MAX];
	size_t length;
	struct expiries *all = dump_expiries(f);
	assert_true(local_catalog_key("Table", key, &length));
	assert_ok(f, store_get(txn, &f->arena, key, length, true, &value, err));
	uint8_t *head = ddb_arena_copy(&f->arena, value.head, value.head_length);
	head[0] = 2;
	assert_int_equal(head[UNFILED_AT], 0);
	assert_ok(f, store_put(txn, key, length, head, value.head_length - STREAM_BYTES, value.body,
			     value.body_length, err));
	for (size_t i = 0; i < all->count; i++)
		assert_ok(f, store_delete(txn, all->keys[i].key, all->keys[i].length, NULL, err));
	return DDB_OK;
}

static void an_older_store_is_filed(void **state)
{
	F;
	create_from(f, "Table", with_ttl);
	fill(f, 500);
	hold(f);
	assert_ok(f, store_write(local_of(f->engine)->store, age_job, f, false, &f->err));
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.read_only = true});
	assert_sound(f);
	assert_int_equal(dump_expiries(f)->count, 0);
	open_hiding(f, false);
	wait_filed(f, "Table");
	assert_expiries(f, "Table");
	assert_true(dump_expiries(f)->count > 100);
	assert_true(local_of(f->engine)->sweeper.worker.started);
}

/* ---- The check ---- */

static enum ddb_code break_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct fixture *f = context;
	struct expiries *all = dump_expiries(f);
	uint8_t wrong[LOCAL_EXPIRY_KEY_MAX];
	memcpy(wrong, all->keys[3].key, all->keys[3].length);
	assert_ok(f, store_delete(txn, all->keys[3].key, all->keys[3].length, NULL, err));
	wrong[LOCAL_SPACE_BYTES + 7] ^= 1; /* another time */
	assert_ok(f, local_expiry_write(txn, wrong, all->keys[3].length, err));
	memcpy(wrong, all->keys[5].key, all->keys[5].length);
	wrong[LOCAL_EXPIRY_PREFIX_BYTES] ^= 1; /* of no item */
	assert_ok(f, local_expiry_write(txn, wrong, all->keys[5].length, err));
	assert_ok(f, local_expiry_write(txn, wrong, LOCAL_SPACE_BYTES + 3, err));
	memcpy(wrong, all->keys[7].key, all->keys[7].length);
	wrong[LOCAL_SPACE_BYTES - 1] ^= 0x40; /* of no table */
	return local_expiry_write(txn, wrong, all->keys[7].length, err);
}

static void check_finds_and_repairs(void **state)
{
	F;
	create_from(f, "Table", with_ttl);
	fill(f, 200);
	size_t count = dump_expiries(f)->count;
	assert_ok(f, store_write(local_of(f->engine)->store, break_job, f, false, &f->err));
	assert_int_equal(run_check(f, false).problems, 6); /* the space of no table is above the totals' */
	assert_int_equal(run_check(f, true).problems, 6);
	assert_sound(f);
	assert_int_equal(dump_expiries(f)->count, count);
	assert_expiries(f, "Table");
}

static enum ddb_code misfile_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct fixture *f = context;
	struct expiries *all = dump_expiries(f);
	uint8_t wrong[LOCAL_EXPIRY_KEY_MAX];
	memcpy(wrong, all->keys[0].key, all->keys[0].length);
	local_write_be(wrong + LOCAL_SPACE_BYTES, NOW - 5, 8);
	assert_ok(f, local_expiry_write(txn, wrong, all->keys[0].length, err));
	wrong[LOCAL_EXPIRY_PREFIX_BYTES] ^= 1;
	return local_expiry_write(txn, wrong, all->keys[0].length, err);
}

static void only_the_item_itself_says_when(void **state)
{
	F;
	create_from(f, "Table", with_ttl);
	put(f, "Table", MAP("pk=S:a", "sk=N:1", "ttl=N:1800000000", "time=N:1800000000"));
	assert_ok(f, store_write(local_of(f->engine)->store, misfile_job, f, false, &f->err));
	assert_int_equal(dump_expiries(f)->count, 3);
	local_sweep(local_of(f->engine));
	assert_int_equal(counts(f, "Table").items, 1);
	assert_expiries(f, "Table");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_number_of_any_spelling_is_a_time, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(records_are_what_the_items_say, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(an_equal_time_is_not_written_again, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_due_goes_with_all_that_belongs_to_it, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(the_stream_says_who_did_it, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(five_years_past_is_never, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(a_longer_life_saves, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(the_thread_does_it, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(items_that_are_there_are_filed, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(another_attribute_is_another_space, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(filing_goes_on_after_a_kill, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(an_older_store_is_filed, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(check_finds_and_repairs, set_up_expiry, tear_down),
		cmocka_unit_test_setup_teardown(only_the_item_itself_says_when, set_up_expiry, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
