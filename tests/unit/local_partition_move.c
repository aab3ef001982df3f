/*
 * The local engine's move of a whole partition: what goes along, what stays, and what refuses it and then
 * changes nothing.
 */
#include "local_fixture.h"

#include "engine/local/local_private.h"

static enum ddb_code move(struct fixture *f, const char *table, const char *from, const char *to)
{
	struct ddb_move_partition request = {
		.table = table, .from = text_value(&f->arena, from), .to = text_value(&f->arena, to)};
	return OP(f->engine, move_partition, &request, &f->err);
}

static enum ddb_code find(struct fixture *f, const char *table, const char *key, struct ddb_partition *ret)
{
	struct ddb_value value = text_value(&f->arena, key);
	return OP(f->engine, get_partition, table, NULL, &value, ret, &f->err);
}

static struct ddb_page all_of(struct fixture *f, const char *table, const char *key)
{
	struct ddb_value value = text_value(&f->arena, key);
	return query(f, (struct ddb_query){.table = table, .range = PARTITION(value)});
}

static void moves_items_and_header(void **state)
{
	F;
	struct ddb_partition before, after;
	create(f, "Orders", "customer:S,at:N");
	put(f, "Orders", MAP("customer=S:alice", "at=N:-5", "n=S:x"));
	put(f, "Orders", MAP("customer=S:alice", "at=N:3.5"));
	put(f, "Orders", MAP("customer=S:carol", "at=N:7"));
	put(f, "Orders", MAP("customer=S:alice", "at=N:1E100"));
	struct ddb_page old = all_of(f, "Orders", "S:alice"), new;
	struct ddb_table_counts bytes = counts(f, "Orders"), moved;
	assert_ok(f, find(f, "Orders", "S:alice", &before));
	uint64_t version = get(f, "Orders", MAP("customer=S:alice", "at=N:1E100")).entry.meta.version;
	assert_ok(f, move(f, "Orders", "S:alice", "S:robert"));
	assert_code(f, find(f, "Orders", "S:alice", &after), DDB_RESOURCE_NOT_FOUND);
	assert_ok(f, find(f, "Orders", "S:robert", &after));
	assert_true(after.serial == before.serial && after.mtime_ns == before.mtime_ns);
	assert_int_equal(all_of(f, "Orders", "S:alice").count, 0);
	engine_reopen(f);
	new = all_of(f, "Orders", "S:robert");
	assert_int_equal(new.count, 3);
	for (size_t i = 0; i < new.count; i++) {
		const struct ddb_meta *was = &old.entries[i].meta, *is = &new.entries[i].meta;
		assert_true(is->serial == was->serial && is->mtime_ns > was->mtime_ns);
		assert_true(is->version > version);
		assert_int_equal(is->size, was->size + 1);
		assert_int_equal(is->rendered[0], was->rendered[0] + 1);
		assert_string_equal(text_of(&f->arena, &new.entries[i].item, "customer"), "robert");
		assert_string_equal(text_of(&f->arena, &new.entries[i].item, "at"),
			text_of(&f->arena, &old.entries[i].item, "at"));
	}
	assert_string_equal(text_of(&f->arena, &new.entries[0].item, "n"), "x");
	moved = counts(f, "Orders");
	assert_true(moved.items == bytes.items && moved.bytes == bytes.bytes + 3);
	assert_int_equal(all_of(f, "Orders", "S:carol").count, 1);
	put(f, "Orders", MAP("customer=S:alice", "at=N:1")); /* a new one under the old name */
	assert_ok(f, find(f, "Orders", "S:alice", &after));
	assert_true(after.serial > before.serial);
}

static struct ddb_value alias_found(struct fixture *f, const char *table, const struct ddb_value *partition,
	const struct ddb_value *value, enum ddb_code wanted)
{
	struct ddb_find_alias request = {.table = table, .partition = partition};
	struct ddb_value found = {0};
	assert_true(alias(NULL, value, partition != NULL, request.alias));
	assert_code(f, OP(f->engine, find_alias, &f->arena, &request, &found, &f->err), wanted);
	return found;
}

/* Names that are too long for a directory entry, and keys that take several of the store's. */
static void moves_aliases(void **state)
{
	F;
	struct ddb_value from = filled(&f->arena, 2000, 'f'), to = filled(&f->arena, 1500, 't'), item, found;
	struct ddb_value ranges[] = {filled(&f->arena, 150, 'r'), filled(&f->arena, 1024, 'r'),
		filled(&f->arena, 1024, 's'), filled(&f->arena, 3, 'a')};
	struct ddb_move_partition request = {.table = "Long", .from = from, .to = to};
	create(f, "Long", "a:S,b:S");
	for (unsigned i = 0; i < 4; i++) {
		item = MAP("n=N:1");
		item = with(&f->arena, &item, "a", from);
		put(f, "Long", with(&f->arena, &item, "b", ranges[i]));
	}
	assert_ok(f, OP(f->engine, move_partition, &request, &f->err));
	assert_sound(f);
	alias_found(f, "Long", NULL, &from, DDB_RESOURCE_NOT_FOUND);
	found = alias_found(f, "Long", NULL, &to, DDB_OK);
	assert_true(ddb_value_equal(&found, &to));
	for (unsigned i = 0; i < 3; i++) {
		alias_found(f, "Long", &from, &ranges[i], DDB_RESOURCE_NOT_FOUND);
		found = alias_found(f, "Long", &to, &ranges[i], DDB_OK);
		assert_true(ddb_value_equal(&found, &ranges[i]));
	}
	request = (struct ddb_move_partition){
		.table = "Long", .from = to, .to = text_value(&f->arena, "S:short")};
	assert_ok(f, OP(f->engine, move_partition, &request, &f->err));
	alias_found(f, "Long", NULL, &to, DDB_RESOURCE_NOT_FOUND);
	assert_int_equal(all_of(f, "Long", "S:short").count, 4);
}

static void refuses(void **state)
{
	F;
	struct ddb_partition found;
	create(f, "Users", "id:S");
	create(f, "Orders", "customer:S,at:N");
	create(f, "Kindless", NULL);
	assert_refused(
		f, move(f, "None", "S:a", "S:b"), DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	assert_code(f, move(f, "Users", "S:a", "S:b"), DDB_VALIDATION);
	assert_code(f, move(f, "Kindless", "S:a", "S:b"), DDB_VALIDATION);
	assert_code(f, move(f, "Orders", "N:1", "S:b"), DDB_VALIDATION);
	assert_code(f, move(f, "Orders", "S:a", "N:1"), DDB_VALIDATION);
	assert_code(f, move(f, "Orders", "S:a", "S:"), DDB_VALIDATION);
	assert_refused(
		f, move(f, "Orders", "S:a", "S:b"), DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	assert_code(f, move(f, "Orders", "S:a", "S:a"), DDB_RESOURCE_NOT_FOUND);
	put(f, "Orders", MAP("customer=S:a", "at=N:1"));
	uint64_t version = put(f, "Orders", MAP("customer=S:a", "at=N:2")).meta.version;
	put(f, "Orders", MAP("customer=S:b", "at=N:9"));
	assert_refused(f, move(f, "Orders", "S:a", "S:b"), DDB_CONDITIONAL_CHECK_FAILED,
		"The conditional request failed");
	assert_ok(f, move(f, "Orders", "S:a", "S:a"));
	assert_true(get(f, "Orders", MAP("customer=S:a", "at=N:2")).entry.meta.version == version);
	((struct local_engine *)f->engine)->move_items_max = 1;
	assert_refused(f, move(f, "Orders", "S:a", "S:c"), DDB_ITEM_TOO_LARGE,
		"More than 1 items cannot be given another partition key at once");
	((struct local_engine *)f->engine)->move_items_max = 2;
	assert_int_equal(all_of(f, "Orders", "S:a").count, 2);
	assert_code(f, find(f, "Orders", "S:c", &found), DDB_RESOURCE_NOT_FOUND);
	assert_ok(f, move(f, "Orders", "S:a", "S:c"));
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.read_only = true});
	assert_code(f, move(f, "Orders", "S:c", "S:d"), DDB_ACCESS_DENIED);
}

/* The last of the items would be too large with the longer key. */
static void refuses_an_item_too_large(void **state)
{
	F;
	struct ddb_value item = MAP("a=S:k", "b=N:3");
	create(f, "Wide", "a:S,b:N");
	put(f, "Wide", MAP("a=S:k", "b=N:1"));
	put(f, "Wide", MAP("a=S:k", "b=N:2"));
	item = with(&f->arena, &item, "text", filled(&f->arena, 0, 'x'));
	size_t left = DDB_ITEM_SIZE_MAX - ddb_item_size(&item) - 3;
	put(f, "Wide", with(&f->arena, &item, "text", filled(&f->arena, left, 'x')));
	struct ddb_table_counts before = counts(f, "Wide"), after;
	assert_refused(f, move(f, "Wide", "S:k", "S:kkkkk"), DDB_ITEM_TOO_LARGE,
		"Item size has exceeded the maximum allowed size");
	after = counts(f, "Wide");
	assert_true(before.items == after.items && before.bytes == after.bytes);
	assert_int_equal(all_of(f, "Wide", "S:kkkkk").count, 0);
	assert_ok(f, move(f, "Wide", "S:k", "S:kkkk"));
	assert_int_equal(get(f, "Wide", MAP("a=S:kkkk", "b=N:3")).entry.meta.size, DDB_ITEM_SIZE_MAX);
}

static void moves_in_a_provisional_table(void **state)
{
	F;
	struct ddb_value item = MAP(DDB_PROVISIONAL_HASH "=S:d", DDB_PROVISIONAL_RANGE "=S:x", "v=N:1");
	create(f, "Draft", NULL);
	assert_ok(f, OP(f->engine, settle_table, "Draft", DDB_PROVISIONAL_COMPOSITE, &f->err));
	uint32_t size = put(f, "Draft", item).meta.size;
	assert_ok(f, move(f, "Draft", "S:d", "S:dddddd"));
	struct ddb_get_result found =
		get(f, "Draft", MAP(DDB_PROVISIONAL_HASH "=S:dddddd", DDB_PROVISIONAL_RANGE "=S:x"));
	assert_true(found.found && found.entry.meta.size == size);
}

/* ---- Scratch files ---- */

static const struct ddb_scratch_move moves[] = {
	{.from = {1, 2, 3}, .to = {4, 5, 6}}, /* that of scratch() */
	{.from = {7}, .to = {8}},
};

static void fill(struct fixture *f, struct ddb_scratch_name name, const uint8_t *directory)
{
	struct ddb_scratch_meta meta;
	memcpy(name.directory, directory, sizeof name.directory);
	assert_ok(f, OP(f->engine, scratch_create, &name, 0600, true, &meta, &f->err));
	assert_ok(f, OP(f->engine, scratch_write, &name, 0, name.name, strlen(name.name), &f->err));
}

static bool filled_in(struct fixture *f, struct ddb_scratch_name name, const uint8_t *directory)
{
	char text[64];
	size_t length;
	memcpy(name.directory, directory, sizeof name.directory);
	enum ddb_code code = OP(f->engine, scratch_read, &name, 0, text, sizeof text, &length, &f->err);
	if (code == DDB_RESOURCE_NOT_FOUND)
		return false;
	assert_ok(f, code);
	assert_int_equal(length, strlen(name.name));
	assert_memory_equal(text, name.name, length);
	return true;
}

static void moves_scratch_files(void **state)
{
	F;
	struct ddb_scratch_name directory = scratch(".git"), inner = {.name = "HEAD"};
	struct ddb_scratch_meta made, meta;
	char name[32];
	struct ddb_move_partition request = {.table = "Wide",
		.from = text_value(&f->arena, "S:a"),
		.to = text_value(&f->arena, "S:b"),
		.move_count = 2,
		.moves = moves};
	create(f, "Wide", "a:S,b:S");
	assert_code(f, OP(f->engine, move_partition, &request, &f->err), DDB_RESOURCE_NOT_FOUND);
	for (unsigned i = 0; i < 30; i++) {
		snprintf(name, sizeof name, ".f%u", i);
		fill(f, scratch(name), moves[i % 2].from);
	}
	assert_ok(f, OP(f->engine, scratch_mkdir, &directory, 0700, &made, &f->err));
	ddb_scratch_inside(&made, inner.directory);
	fill(f, inner, inner.directory);
	put(f, "Wide", MAP("a=S:a", "b=S:1"));
	/* A name that is taken, found when others were moved: nothing is. */
	fill(f, scratch(".f7"), moves[1].to);
	assert_refused(f, OP(f->engine, move_partition, &request, &f->err), DDB_CONDITIONAL_CHECK_FAILED,
		"The conditional request failed");
	assert_int_equal(all_of(f, "Wide", "S:a").count, 1);
	assert_true(filled_in(f, scratch(".f0"), moves[0].from) && filled_in(f, scratch(".f7"), moves[1].to));
	struct ddb_scratch_name taken = scratch(".f7");
	memcpy(taken.directory, moves[1].to, sizeof taken.directory);
	assert_ok(f, OP(f->engine, scratch_remove, &taken, &f->err));
	assert_ok(f, OP(f->engine, move_partition, &request, &f->err));
	assert_int_equal(all_of(f, "Wide", "S:b").count, 1);
	for (unsigned i = 0; i < 30; i++) {
		snprintf(name, sizeof name, ".f%u", i);
		assert_false(filled_in(f, scratch(name), moves[i % 2].from));
		assert_true(filled_in(f, scratch(name), moves[i % 2].to));
	}
	assert_true(filled_in(f, inner, inner.directory));
	assert_code(f, OP(f->engine, scratch_stat, &directory, &meta, &f->err), DDB_RESOURCE_NOT_FOUND);
	memcpy(directory.directory, moves[0].to, sizeof directory.directory);
	assert_ok(f, OP(f->engine, scratch_stat, &directory, &meta, &f->err));
	assert_true(meta.directory && meta.id == made.id && meta.mtime_ns == made.mtime_ns);
	assert_sound(f);
	/* Without items. */
	assert_code(f, OP(f->engine, move_partition, &request, &f->err), DDB_RESOURCE_NOT_FOUND);
	request.from = text_value(&f->arena, "S:x");
	request.to = text_value(&f->arena, "S:y");
	request.moves = (struct ddb_scratch_move[]){{.from = {4, 5, 6}, .to = {9}}};
	request.move_count = 1;
	put(f, "Wide", MAP("a=S:y", "b=S:1"));
	assert_code(f, OP(f->engine, move_partition, &request, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_true(filled_in(f, scratch(".f0"), moves[0].to));
	delete (f, "Wide", MAP("a=S:y", "b=S:1"));
	assert_ok(f, OP(f->engine, move_partition, &request, &f->err));
	assert_true(filled_in(f, scratch(".f0"), (uint8_t[DDB_DIRECTORY_ID_BYTES]){9}));
	struct ddb_scratch_move inside = {.to = {10}};
	memcpy(inside.from, inner.directory, sizeof inside.from);
	request.moves = &inside;
	assert_code(f, OP(f->engine, move_partition, &request, &f->err), DDB_VALIDATION);
}

/* ---- Many ---- */

enum { MANY = 100000, BATCH = 1000, WRITERS = 2 };

static void fill_partition(struct fixture *f, const char *table, const char *customer)
{
	struct ddb_value *items = calloc(BATCH, sizeof *items);
	char text[32], key[64];
	snprintf(key, sizeof key, "a=S:%s", customer);
	for (unsigned i = 0; i < MANY / BATCH; i++) {
		struct ddb_put_many_result result;
		ddb_arena_reset(&f->arena);
		for (unsigned k = 0; k < BATCH; k++) {
			snprintf(text, sizeof text, "b=N:%u", i * BATCH + k);
			items[k] = MAP(key, text, "v=S:some text that makes the item a little longer");
		}
		assert_ok(f, OP(f->engine, put_many,
				     &(struct ddb_put_many){.table = table, .items = items, .count = BATCH},
				     &result, &f->err));
	}
	free(items);
}

struct writer {
	struct ddb_engine *engine;
	const bool *stop;
	unsigned number, done, failed;
};

static void *write_on(void *context)
{
	struct writer *writer = context;
	struct ddb_error err;
	while (!__atomic_load_n(writer->stop, __ATOMIC_RELAXED)) {
		struct ddb_put_result result;
		struct ddb_number number;
		ddb_number_from_int(writer->done * WRITERS + writer->number, &number);
		struct ddb_attribute attribute = {"id", 2, ddb_number_value(&number)};
		struct ddb_put_item request = {.table = "Other",
			.item = {.type = DDB_M, .count = 1, .attributes = &attribute},
			.condition = DDB_IF_ABSENT};
		writer->failed += OP(writer->engine, put_item, &request, &result, &err) != DDB_OK;
		writer->done++;
	}
	return NULL;
}

/* A hundred thousand items, while others write: in the same commits, some of them. */
static void moves_many(void **state)
{
	F;
	pthread_t threads[WRITERS];
	struct writer writers[WRITERS];
	struct ddb_partition before, after;
	bool stop = false;
	unsigned done = 0;
	create(f, "Many", "a:S,b:N");
	create(f, "Other", "id:N");
	fill_partition(f, "Many", "from");
	assert_ok(f, find(f, "Many", "S:from", &before));
	struct ddb_table_counts was = counts(f, "Many"), is;
	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.engine = f->engine, .stop = &stop, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, write_on, &writers[i]), 0);
	}
	enum ddb_code code = move(f, "Many", "S:from", "S:to");
	enum ddb_code refused = move(f, "Many", "S:from", "S:to");
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(writers[i].failed, 0);
		done += writers[i].done;
	}
	assert_ok(f, code);
	assert_int_equal(refused, DDB_RESOURCE_NOT_FOUND);
	assert_int_equal(counts(f, "Other").items, done);
	is = counts(f, "Many");
	assert_true(is.items == MANY && is.bytes == was.bytes - 2 * MANY);
	assert_ok(f, find(f, "Many", "S:to", &after));
	assert_true(after.serial == before.serial);
	assert_int_equal(all_of(f, "Many", "S:from").count, 0);
	assert_int_equal(run_check(f, false).items, MANY + done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(moves_items_and_header, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moves_aliases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_an_item_too_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moves_in_a_provisional_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moves_scratch_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moves_many, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
