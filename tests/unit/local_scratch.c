/*
 * The local engine's scratch files: bytes, holes, limits, names, renames, and the passage between scratch
 * files and items.
 */
#include "local_fixture.h"

enum { BLOCK = 64 << 10 };

static struct ddb_scratch_meta make(struct fixture *f, const char *name)
{
	struct ddb_scratch_meta meta;
	struct ddb_scratch_name where = scratch(name);
	assert_ok(f, OP(f->engine, scratch_create, &where, 0600, true, &meta, &f->err));
	return meta;
}

static struct ddb_scratch_meta look(struct fixture *f, const char *name)
{
	struct ddb_scratch_meta meta;
	struct ddb_scratch_name where = scratch(name);
	assert_ok(f, OP(f->engine, scratch_stat, &where, &meta, &f->err));
	return meta;
}

static bool exists(struct fixture *f, const char *name)
{
	struct ddb_scratch_meta meta;
	struct ddb_scratch_name where = scratch(name);
	enum ddb_code code = OP(f->engine, scratch_stat, &where, &meta, &f->err);
	assert_true(code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND);
	return code == DDB_OK;
}

static void write_at(struct fixture *f, const char *name, uint64_t offset, const void *bytes, size_t length)
{
	struct ddb_scratch_name where = scratch(name);
	assert_ok(f, OP(f->engine, scratch_write, &where, offset, bytes, length, &f->err));
}

static size_t read_at(struct fixture *f, const char *name, uint64_t offset, void *buffer, size_t length)
{
	struct ddb_scratch_name where = scratch(name);
	size_t got;
	assert_ok(f, OP(f->engine, scratch_read, &where, offset, buffer, length, &got, &f->err));
	return got;
}

static void assert_text(struct fixture *f, const char *name, const char *text)
{
	char buffer[256];
	size_t length = read_at(f, name, 0, buffer, sizeof buffer);
	assert_int_equal(length, strlen(text));
	assert_memory_equal(buffer, text, length);
}

static void makes_and_finds(void **state)
{
	F;
	struct ddb_scratch_meta meta = make(f, ".swp"), again;
	struct ddb_scratch_name where = scratch(".swp"), other = scratch(".swp");
	other.directory[15] = 9;
	assert_true(meta.id > 0 && meta.mtime_ns > 0);
	assert_int_equal(meta.size, 0);
	assert_int_equal(meta.mode, 0600);
	assert_refused(f, OP(f->engine, scratch_create, &where, 0644, true, &again, &f->err),
		DDB_CONDITIONAL_CHECK_FAILED, "The conditional request failed");
	assert_ok(f, OP(f->engine, scratch_create, &where, 0644, false, &again, &f->err));
	assert_int_equal(again.id, meta.id);
	assert_int_equal(again.mode, 0600);
	assert_code(f, OP(f->engine, scratch_stat, &other, &again, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_ok(f, OP(f->engine, scratch_create, &other, 0644, true, &again, &f->err));
	assert_true(again.id != meta.id);
	assert_ok(f, OP(f->engine, scratch_remove, &where, &f->err));
	assert_code(f, OP(f->engine, scratch_remove, &where, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_true(make(f, ".swp").id > again.id); /* ids are not used again */
}

static void refuses_names_and_absence(void **state)
{
	F;
	char longest[300], byte;
	struct ddb_scratch_meta meta;
	size_t length;
	memset(longest, 'x', sizeof longest);
	longest[255] = '\0';
	make(f, longest);
	longest[255] = 'x';
	longest[256] = '\0';
	struct ddb_scratch_name names[] = {scratch(longest), scratch("")}, none = scratch("none");
	for (unsigned i = 0; i < 2; i++) {
		assert_code(f, OP(f->engine, scratch_create, &names[i], 0, false, &meta, &f->err),
			DDB_VALIDATION);
		assert_code(f, OP(f->engine, scratch_stat, &names[i], &meta, &f->err), DDB_VALIDATION);
		assert_code(
			f, OP(f->engine, scratch_rename, &none, &names[i], false, &f->err), DDB_VALIDATION);
	}
	assert_code(
		f, OP(f->engine, scratch_read, &none, 0, &byte, 1, &length, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, OP(f->engine, scratch_write, &none, 0, "x", 1, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, OP(f->engine, scratch_truncate, &none, 0, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, OP(f->engine, scratch_set, &none, 1, 1, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, OP(f->engine, scratch_rename, &none, &none, false, &f->err), DDB_RESOURCE_NOT_FOUND);
}

static void reads_and_writes(void **state)
{
	F;
	char buffer[64];
	make(f, "a~");
	write_at(f, "a~", 0, "hello", 5);
	write_at(f, "a~", 5, " world", 6);
	write_at(f, "a~", 0, "H", 1);
	write_at(f, "a~", 100, "", 0);
	assert_text(f, "a~", "Hello world");
	assert_int_equal(look(f, "a~").size, 11);
	assert_int_equal(read_at(f, "a~", 6, buffer, 3), 3);
	assert_memory_equal(buffer, "wor", 3);
	assert_int_equal(read_at(f, "a~", 11, buffer, 3), 0);
	assert_int_equal(read_at(f, "a~", 1ull << 40, buffer, 3), 0);
	engine_reopen(f);
	assert_text(f, "a~", "Hello world");
}

/* Random writes and truncations against an array. */
static void agrees_with_an_array(void **state)
{
	F;
	enum { SIZE = 5 * BLOCK };
	uint8_t *model = calloc(1, SIZE), *buffer = malloc(SIZE), *bytes = malloc(SIZE);
	size_t size = 0;
	unsigned random = 4711;
	struct ddb_scratch_name where = scratch("model");
	make(f, "model");
	for (unsigned step = 0; step < 300; step++) {
		random = random * 1103515245 + 12345;
		size_t offset = (random >> 8) % SIZE, length;
		random = random * 1103515245 + 12345;
		length = (random >> 8) % (step % 3 ? 3000 : SIZE);
		if (length > SIZE - offset)
			length = SIZE - offset;
		if (step % 10 == 9) { /* cut or grow; at times at the edge of a block */
			if (step % 20 == 9)
				offset = offset / BLOCK * BLOCK;
			assert_ok(f, OP(f->engine, scratch_truncate, &where, offset, &f->err));
			if (offset < size)
				memset(model + offset, 0, SIZE - offset);
			size = offset;
		} else {
			memset(bytes, (int)step + 1, length);
			write_at(f, "model", offset, bytes, length);
			memcpy(model + offset, bytes, length);
			if (length && offset + length > size)
				size = offset + length;
		}
		assert_int_equal(look(f, "model").size, size);
		memset(buffer, 0xee, SIZE);
		assert_int_equal(read_at(f, "model", 0, buffer, SIZE), size);
		assert_memory_equal(buffer, model, size);
	}
	free(model);
	free(buffer);
	free(bytes);
}

static void limits(void **state)
{
	F;
	struct ddb_scratch_name where = scratch("big");
	char buffer[4];
	make(f, "big");
	assert_code(f, OP(f->engine, scratch_write, &where, DDB_SCRATCH_FILE_MAX, "x", 1, &f->err),
		DDB_ITEM_TOO_LARGE);
	assert_code(f, OP(f->engine, scratch_write, &where, UINT64_MAX, "x", 1, &f->err), DDB_ITEM_TOO_LARGE);
	assert_code(f, OP(f->engine, scratch_truncate, &where, DDB_SCRATCH_FILE_MAX + 1, &f->err),
		DDB_ITEM_TOO_LARGE);
	write_at(f, "big", DDB_SCRATCH_FILE_MAX - 1, "x", 1); /* a hole of 64 MiB costs a block */
	assert_int_equal(look(f, "big").size, DDB_SCRATCH_FILE_MAX);
	assert_int_equal(read_at(f, "big", DDB_SCRATCH_FILE_MAX - 3, buffer, 4), 3);
	assert_memory_equal(buffer, "\0\0x", 3);
	assert_ok(f, OP(f->engine, scratch_remove, &where, &f->err));
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.scratch_max = 1000});
	make(f, "small");
	where = scratch("small");
	assert_ok(f, OP(f->engine, scratch_truncate, &where, 1000, &f->err));
	assert_code(f, OP(f->engine, scratch_truncate, &where, 1001, &f->err), DDB_STORE_FULL);
	assert_code(f, OP(f->engine, scratch_write, &where, 999, "xy", 2, &f->err), DDB_STORE_FULL);
	make(f, "other");
	struct ddb_scratch_name other = scratch("other");
	assert_code(f, OP(f->engine, scratch_write, &other, 0, "x", 1, &f->err), DDB_STORE_FULL);
	assert_int_equal(look(f, "other").size, 0);
	assert_ok(f, OP(f->engine, scratch_truncate, &where, 400, &f->err));
	write_at(f, "other", 599, "x", 1);
	assert_code(f, OP(f->engine, scratch_write, &other, 600, "x", 1, &f->err), DDB_STORE_FULL);
	assert_ok(f, OP(f->engine, scratch_remove, &where, &f->err));
	write_at(f, "other", 999, "x", 1);
}

static void sets(void **state)
{
	F;
	struct ddb_scratch_name where = scratch("a");
	struct ddb_scratch_meta before = make(f, "a"), meta;
	assert_ok(f, OP(f->engine, scratch_set, &where, 55, UINT32_MAX, &f->err));
	meta = look(f, "a");
	assert_true(meta.mtime_ns == 55 && meta.mode == before.mode && meta.id == before.id);
	assert_ok(f, OP(f->engine, scratch_set, &where, DDB_SCRATCH_KEEP, 0755, &f->err));
	meta = look(f, "a");
	assert_true(meta.mtime_ns == 55 && meta.mode == 0755);
	write_at(f, "a", 0, "x", 1);
	assert_true(look(f, "a").mtime_ns > 55);
}

static void renames(void **state)
{
	F;
	struct ddb_scratch_name from = scratch("from"), to = scratch("to"), away = scratch("away");
	struct ddb_scratch_meta meta;
	away.directory[0] = 77;
	uint64_t id = make(f, "from").id;
	make(f, "to");
	write_at(f, "from", 0, "text", 4);
	write_at(f, "to", 100000, "longer", 6);
	assert_code(
		f, OP(f->engine, scratch_rename, &from, &to, true, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_code(
		f, OP(f->engine, scratch_rename, &from, &from, true, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_ok(f, OP(f->engine, scratch_rename, &from, &from, false, &f->err));
	assert_ok(f, OP(f->engine, scratch_rename, &from, &to, false, &f->err));
	assert_false(exists(f, "from"));
	assert_int_equal(look(f, "to").id, id);
	assert_text(f, "to", "text");
	assert_ok(f, OP(f->engine, scratch_rename, &to, &away, true, &f->err));
	assert_ok(f, OP(f->engine, scratch_stat, &away, &meta, &f->err));
	assert_true(meta.id == id && meta.size == 4 && !exists(f, "to"));
	assert_sound(f);
}

static void lists(void **state)
{
	F;
	char name[32];
	struct ddb_scratch_page all, page;
	static const uint8_t nowhere[DDB_DIRECTORY_ID_BYTES] = {1, 2, 4};
	struct ddb_scratch_name where = scratch("x");
	for (unsigned i = 0; i < 25; i++) {
		snprintf(name, sizeof name, ".file%u", i);
		make(f, name);
	}
	assert_ok(f, OP(f->engine, scratch_list, &f->arena, nowhere, NULL, 0, &all, &f->err));
	assert_int_equal(all.count, 0);
	assert_ok(f, OP(f->engine, scratch_list, &f->arena, where.directory, NULL, 0, &all, &f->err));
	assert_int_equal(all.count, 25);
	for (uint32_t limit = 1; limit < 27; limit++) {
		const char *after = NULL;
		size_t at = 0;
		do {
			assert_ok(f, OP(f->engine, scratch_list, &f->arena, where.directory, after, limit,
					     &page, &f->err));
			for (size_t i = 0; i < page.count; i++, at++) {
				assert_string_equal(page.entries[i].name, all.entries[at].name);
				assert_int_equal(page.entries[i].meta.id, all.entries[at].meta.id);
			}
			assert_true(page.more == (at < 25));
			after = page.entries[page.count - 1].name;
		} while (page.more);
		assert_int_equal(at, 25);
	}
	where = scratch(all.entries[9].name); /* that after which to go on may be gone */
	assert_ok(f, OP(f->engine, scratch_remove, &where, &f->err));
	assert_ok(f, OP(f->engine, scratch_list, &f->arena, where.directory, where.name, 3, &page, &f->err));
	assert_string_equal(page.entries[0].name, all.entries[10].name);
}

static void becomes_an_item(void **state)
{
	F;
	struct ddb_scratch_name temporary = scratch(".tmp");
	struct ddb_put_result result;
	struct ddb_put_item request = {.table = "Users",
		.item = MAP("id=S:a", "n=N:1"),
		.consume = &temporary,
		.condition = DDB_IF_PRESENT};
	create(f, "Users", "id:S");
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	request.condition = DDB_ALWAYS;
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_false(get(f, "Users", MAP("id=S:a")).found);
	make(f, ".tmp");
	write_at(f, ".tmp", 0, "text", 4);
	request.condition = DDB_IF_PRESENT;
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_text(f, ".tmp", "text");
	request.condition = DDB_ALWAYS;
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	assert_true(get(f, "Users", MAP("id=S:a")).found && !exists(f, ".tmp"));
	make(f, ".tmp"); /* also when the item is equal to what is there */
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	assert_true(result.unchanged && !exists(f, ".tmp"));
}

/* The file of an item may live on under another name. */
static void becomes_an_item_and_stays(void **state)
{
	F;
	struct ddb_scratch_name temporary = scratch(".tmp"), aside = scratch("aside"), none = scratch("");
	struct ddb_put_result result;
	struct ddb_put_item request = {.table = "Users",
		.item = MAP("id=S:a"),
		.consume = &temporary,
		.consume_as = &none,
		.condition = DDB_IF_ABSENT};
	create(f, "Users", "id:S");
	struct ddb_scratch_meta before = make(f, ".tmp");
	write_at(f, ".tmp", 0, "text", 4);
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_VALIDATION);
	assert_false(get(f, "Users", MAP("id=S:a")).found);
	request.consume_as = &aside;
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	assert_true(get(f, "Users", MAP("id=S:a")).found && !exists(f, ".tmp"));
	assert_text(f, "aside", "text");
	assert_true(look(f, "aside").id == before.id);
	/* A refusal leaves all as it was. */
	make(f, ".tmp");
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_true(exists(f, ".tmp"));
	assert_text(f, "aside", "text");
	/* What has the name makes room, also when the item is equal to what is there. */
	request.condition = DDB_ALWAYS;
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	assert_true(result.unchanged && !exists(f, ".tmp"));
	assert_text(f, "aside", "");
}

static void keeps_an_item(void **state)
{
	F;
	struct ddb_scratch_name kept = scratch("a.json~");
	struct ddb_delete_result result;
	struct ddb_delete_item request = {.table = "Users",
		.key = MAP("id=S:a"),
		.keep = &kept,
		.kept_text = "{\"id\": \"a\"}\n",
		.kept_length = 12};
	struct ddb_put_result item;
	create(f, "Users", "id:S");
	assert_ok(f, OP(f->engine, delete_item, &request, &result, &f->err));
	assert_true(!result.existed && !exists(f, "a.json~"));
	item = put(f, "Users", MAP("id=S:a"));
	assert_ok(f, OP(f->engine, delete_item, &request, &result, &f->err));
	assert_true(result.existed && !get(f, "Users", MAP("id=S:a")).found);
	assert_text(f, "a.json~", "{\"id\": \"a\"}\n");
	assert_true(look(f, "a.json~").mtime_ns == item.meta.mtime_ns);
	put(f, "Users", MAP("id=S:a"));
	request.kept_length = 3; /* in place of the old one */
	assert_ok(f, OP(f->engine, delete_item, &request, &result, &f->err));
	assert_text(f, "a.json~", "{\"i");
	put(f, "Users", MAP("id=S:a"));
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.scratch_max = 5});
	request.kept_length = 6;
	assert_code(f, OP(f->engine, delete_item, &request, &result, &f->err), DDB_STORE_FULL);
	assert_true(get(f, "Users", MAP("id=S:a")).found);
	assert_text(f, "a.json~", "{\"i");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(makes_and_finds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_names_and_absence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reads_and_writes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(agrees_with_an_array, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(renames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lists, set_up, tear_down),
		cmocka_unit_test_setup_teardown(becomes_an_item, set_up, tear_down),
		cmocka_unit_test_setup_teardown(becomes_an_item_and_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_an_item, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
