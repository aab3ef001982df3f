/*
 * The local engine's scratch directories: what is in them and goes with them, what they refuse, and what a
 * check makes of a damaged one.
 */
#include "local_fixture.h"

#include "engine/local/scratch/scratch.h"

static struct ddb_scratch_meta stat_at(struct fixture *f, const struct ddb_scratch_name *name)
{
	struct ddb_scratch_meta meta = {.id = 0};
	assert_ok(f, OP(f->engine, scratch_stat, name, &meta, &f->err));
	return meta;
}

static bool there(struct fixture *f, const struct ddb_scratch_name *name)
{
	struct ddb_scratch_meta meta;
	enum ddb_code code = OP(f->engine, scratch_stat, name, &meta, &f->err);
	assert_true(code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND);
	return code == DDB_OK;
}

static struct ddb_scratch_meta make_at(struct fixture *f, const struct ddb_scratch_name *name)
{
	struct ddb_scratch_meta meta;
	assert_ok(f, OP(f->engine, scratch_mkdir, name, 0750, &meta, &f->err));
	return meta;
}

static struct ddb_scratch_name within(const struct ddb_scratch_meta *directory, const char *name)
{
	struct ddb_scratch_name made = {.name = name};
	ddb_scratch_inside(directory, made.directory);
	return made;
}

/* A file whose text is its name. */
static void fill_at(struct fixture *f, const struct ddb_scratch_name *name)
{
	struct ddb_scratch_meta meta;
	assert_ok(f, OP(f->engine, scratch_create, name, 0644, true, &meta, &f->err));
	assert_ok(f, OP(f->engine, scratch_write, name, 0, name->name, strlen(name->name), &f->err));
}

static void assert_filled(struct fixture *f, const struct ddb_scratch_name *name)
{
	char text[256];
	size_t length;
	assert_ok(f, OP(f->engine, scratch_read, name, 0, text, sizeof text, &length, &f->err));
	assert_int_equal(length, strlen(name->name));
	assert_memory_equal(text, name->name, length);
}

static size_t count_in(struct fixture *f, const uint8_t directory[DDB_DIRECTORY_ID_BYTES])
{
	struct ddb_scratch_page page;
	assert_ok(f, OP(f->engine, scratch_list, &f->arena, directory, NULL, 0, &page, &f->err));
	return page.count;
}

static void inside_and_back(void **state)
{
	(void)state;
	const uint64_t ids[] = {1, 255, 256, 0x0102030405060708, UINT64_MAX};
	uint8_t inside[DDB_DIRECTORY_ID_BYTES], other[DDB_DIRECTORY_ID_BYTES] = {0};
	for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
		ddb_scratch_inside(&(struct ddb_scratch_meta){.id = ids[i], .size = i}, inside);
		assert_memory_not_equal(inside, other, sizeof inside);
		assert_true(ddb_scratch_number(inside) == ids[i]);
		memcpy(other, inside, sizeof other);
	}
	for (unsigned i = 0; i < 8; i++) {
		inside[i] ^= 1;
		assert_true(ddb_scratch_number(inside) == 0);
		inside[i] ^= 1;
	}
}

static void makes_and_lists(void **state)
{
	F;
	struct ddb_scratch_name git = scratch(".git"), head, objects;
	struct ddb_scratch_meta made = make_at(f, &git), meta, other;
	struct ddb_scratch_page page;
	assert_true(made.directory && made.id > 0 && made.size == 0 && made.mtime_ns > 0);
	assert_int_equal(made.mode, 0750);
	meta = stat_at(f, &git);
	assert_memory_equal(&meta, &made, sizeof meta);
	head = within(&made, "HEAD");
	fill_at(f, &head);
	objects = within(&made, "objects");
	other = make_at(f, &objects);
	assert_true(other.id != made.id && stat_at(f, &head).id != made.id);
	head = within(&other, "HEAD");
	fill_at(f, &head);
	assert_int_equal(count_in(f, git.directory), 1);
	assert_int_equal(count_in(f, head.directory), 1);
	assert_ok(f, OP(f->engine, scratch_list, &f->arena, objects.directory, NULL, 0, &page, &f->err));
	assert_int_equal(page.count, 2);
	bool first = strcmp(page.entries[0].name, "HEAD") != 0;
	assert_string_equal(page.entries[!first].name, "objects");
	assert_true(page.entries[!first].meta.directory && page.entries[!first].meta.id == other.id);
	assert_false(page.entries[first].meta.directory);
	assert_ok(f, OP(f->engine, scratch_list, &f->arena, objects.directory, NULL, 1, &page, &f->err));
	assert_true(page.count == 1 && page.more);
	assert_ok(f, OP(f->engine, scratch_list, &f->arena, objects.directory, page.entries[0].name, 1, &page,
			     &f->err));
	assert_true(page.count == 1 && !page.more);
	assert_ok(f, OP(f->engine, scratch_set, &git, 55, 0700, &f->err));
	engine_reopen(f);
	meta = stat_at(f, &git);
	assert_true(meta.directory && meta.id == made.id && meta.mtime_ns == 55 && meta.mode == 0700);
	assert_filled(f, &head);
	assert_int_equal(run_check(f, false).scratch_files, 2);
}

static void refuses_what_is_a_files(void **state)
{
	F;
	struct ddb_scratch_name directory = scratch(".d"), file = scratch(".f"), empty = scratch("");
	struct ddb_scratch_meta meta;
	struct ddb_put_result result;
	struct ddb_delete_result deleted;
	size_t length;
	char byte;
	static const char words[] =
		"One or more parameter values were invalid: The scratch file is a directory";
	make_at(f, &directory);
	fill_at(f, &file);
	assert_code(f, OP(f->engine, scratch_mkdir, &empty, 0, &meta, &f->err), DDB_VALIDATION);
	assert_refused(f, OP(f->engine, scratch_mkdir, &directory, 0, &meta, &f->err),
		DDB_CONDITIONAL_CHECK_FAILED, "The conditional request failed");
	assert_code(f, OP(f->engine, scratch_mkdir, &file, 0, &meta, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_code(f, OP(f->engine, scratch_create, &directory, 0, true, &meta, &f->err),
		DDB_CONDITIONAL_CHECK_FAILED);
	assert_refused(f, OP(f->engine, scratch_create, &directory, 0, false, &meta, &f->err), DDB_VALIDATION,
		words);
	assert_refused(f, OP(f->engine, scratch_read, &directory, 0, &byte, 1, &length, &f->err),
		DDB_VALIDATION, words);
	assert_refused(
		f, OP(f->engine, scratch_write, &directory, 0, "x", 1, &f->err), DDB_VALIDATION, words);
	assert_refused(f, OP(f->engine, scratch_truncate, &directory, 0, &f->err), DDB_VALIDATION, words);
	create(f, "Users", "id:S");
	struct ddb_put_item put_item = {.table = "Users", .item = MAP("id=S:a"), .consume = &directory};
	assert_refused(f, OP(f->engine, put_item, &put_item, &result, &f->err), DDB_VALIDATION, words);
	assert_false(get(f, "Users", MAP("id=S:a")).found);
	put(f, "Users", MAP("id=S:a"));
	struct ddb_delete_item delete_item = {.table = "Users",
		.key = MAP("id=S:a"),
		.keep = &directory,
		.kept_text = "x",
		.kept_length = 1};
	assert_refused(f, OP(f->engine, delete_item, &delete_item, &deleted, &f->err), DDB_VALIDATION, words);
	assert_true(get(f, "Users", MAP("id=S:a")).found);
	assert_true(stat_at(f, &directory).directory);
}

static void removes_when_empty(void **state)
{
	F;
	struct ddb_scratch_name outer = scratch(".d"), inner, file;
	struct ddb_scratch_meta meta = make_at(f, &outer);
	inner = within(&meta, "inner");
	meta = make_at(f, &inner);
	file = within(&meta, "file");
	fill_at(f, &file);
	assert_refused(f, OP(f->engine, scratch_remove, &inner, &f->err), DDB_RESOURCE_IN_USE,
		"The scratch directory is not empty");
	assert_ok(f, OP(f->engine, scratch_remove, &file, &f->err));
	assert_code(f, OP(f->engine, scratch_remove, &outer, &f->err), DDB_RESOURCE_IN_USE);
	assert_ok(f, OP(f->engine, scratch_remove, &inner, &f->err));
	assert_ok(f, OP(f->engine, scratch_remove, &outer, &f->err));
	assert_code(f, OP(f->engine, scratch_remove, &outer, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_true(make_at(f, &outer).id > meta.id); /* ids are not used again */
}

/* Nothing is made in a directory that is gone: nobody would ever find it. */
static void refuses_a_directory_that_is_gone(void **state)
{
	F;
	struct ddb_scratch_name directory = scratch(".d"), file = scratch(".f"), other = scratch(".o"), gone;
	struct ddb_scratch_meta meta = make_at(f, &directory);
	struct ddb_delete_result deleted;
	gone = within(&meta, "file");
	assert_ok(f, OP(f->engine, scratch_remove, &directory, &f->err));
	assert_refused(f, OP(f->engine, scratch_create, &gone, 0, false, &meta, &f->err),
		DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	assert_code(f, OP(f->engine, scratch_mkdir, &gone, 0, &meta, &f->err), DDB_RESOURCE_NOT_FOUND);
	fill_at(f, &file);
	make_at(f, &other);
	assert_code(f, OP(f->engine, scratch_rename, &file, &gone, false, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, OP(f->engine, scratch_rename, &other, &gone, false, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_filled(f, &file);
	assert_true(there(f, &other));
	create(f, "Users", "id:S");
	put(f, "Users", MAP("id=S:a"));
	struct ddb_delete_item delete_item = {
		.table = "Users", .key = MAP("id=S:a"), .keep = &gone, .kept_text = "x", .kept_length = 1};
	assert_code(f, OP(f->engine, delete_item, &delete_item, &deleted, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_true(get(f, "Users", MAP("id=S:a")).found);
}

static void passes_to_and_from_items(void **state)
{
	F;
	struct ddb_scratch_name directory = scratch(".d"), file;
	struct ddb_scratch_meta meta = make_at(f, &directory);
	struct ddb_put_result result;
	struct ddb_delete_result deleted;
	create(f, "Users", "id:S");
	file = within(&meta, "kept");
	put(f, "Users", MAP("id=S:a"));
	struct ddb_delete_item delete_item = {
		.table = "Users", .key = MAP("id=S:a"), .keep = &file, .kept_text = "kept", .kept_length = 4};
	assert_ok(f, OP(f->engine, delete_item, &delete_item, &deleted, &f->err));
	assert_filled(f, &file);
	struct ddb_put_item put_item = {.table = "Users", .item = MAP("id=S:a"), .consume = &file};
	assert_ok(f, OP(f->engine, put_item, &put_item, &result, &f->err));
	assert_false(there(f, &file));
}

static void renames_with_what_is_inside(void **state)
{
	F;
	struct ddb_scratch_name from = scratch(".from"), to = scratch(".to"), file, old;
	struct ddb_scratch_meta meta = make_at(f, &from), outer, inner;
	old = from;
	old.directory[0] = 77;
	file = within(&meta, "file");
	fill_at(f, &file);
	assert_ok(f, OP(f->engine, scratch_rename, &from, &from, false, &f->err));
	assert_ok(f, OP(f->engine, scratch_rename, &from, &to, true, &f->err));
	assert_false(there(f, &from));
	assert_int_equal(stat_at(f, &to).id, meta.id);
	assert_ok(f, OP(f->engine, scratch_rename, &to, &old, false, &f->err)); /* to another directory */
	outer = make_at(f, &from);
	to = within(&outer, "in");
	assert_ok(f, OP(f->engine, scratch_rename, &old, &to, false, &f->err));
	inner = stat_at(f, &to);
	assert_true(inner.directory && inner.id == meta.id);
	assert_filled(f, &file);
	assert_sound(f);
	/* Into itself, and into what is below. */
	struct ddb_scratch_name self = within(&outer, "self"), below = within(&inner, "below");
	assert_refused(f, OP(f->engine, scratch_rename, &from, &self, false, &f->err), DDB_VALIDATION,
		"One or more parameter values were invalid: A scratch directory cannot be moved into itself");
	assert_code(f, OP(f->engine, scratch_rename, &from, &below, false, &f->err), DDB_VALIDATION);
	assert_filled(f, &file);
}

static void replaces_only_what_is_alike(void **state)
{
	F;
	struct ddb_scratch_name directory = scratch(".d"), file = scratch(".f"), empty = scratch(".e"),
				full = scratch(".full"), inner;
	struct ddb_scratch_meta made = make_at(f, &directory), meta;
	static const char words[] = "One or more parameter values were invalid: "
				    "A scratch file and a scratch directory cannot replace each other";
	make_at(f, &empty);
	meta = make_at(f, &full);
	inner = within(&meta, "inner");
	fill_at(f, &inner);
	fill_at(f, &file);
	assert_refused(
		f, OP(f->engine, scratch_rename, &file, &empty, false, &f->err), DDB_VALIDATION, words);
	assert_refused(
		f, OP(f->engine, scratch_rename, &directory, &file, false, &f->err), DDB_VALIDATION, words);
	assert_code(f, OP(f->engine, scratch_rename, &directory, &empty, true, &f->err),
		DDB_CONDITIONAL_CHECK_FAILED);
	assert_refused(f, OP(f->engine, scratch_rename, &directory, &full, false, &f->err),
		DDB_RESOURCE_IN_USE, "The scratch directory is not empty");
	assert_filled(f, &inner);
	assert_filled(f, &file);
	assert_ok(f, OP(f->engine, scratch_rename, &directory, &empty, false, &f->err));
	assert_int_equal(stat_at(f, &empty).id, made.id);
	assert_false(there(f, &directory));
	assert_ok(f, OP(f->engine, scratch_rename, &full, &empty, false, &f->err));
	assert_filled(f, &inner);
}

/* ---- Records ---- */

struct edit { /* head NULL: a deletion */
	const uint8_t *key, *head;
	size_t length, head_length;
	const char *name;
};

static enum ddb_code run_edit(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct edit *edit = context;
	if (!edit->head)
		return store_delete(txn, edit->key, edit->length, NULL, err);
	return store_put(txn, edit->key, edit->length, edit->head, edit->head_length, edit->name,
		strlen(edit->name), err);
}

static void write_record(struct fixture *f, const uint8_t *key, size_t length, const uint8_t *head,
	size_t head_length, const char *name)
{
	struct edit edit = {
		.key = key, .length = length, .head = head, .head_length = head_length, .name = name};
	assert_ok(f, store_write(((struct local_engine *)f->engine)->store, run_edit, &edit, false, &f->err));
}

static void delete_entry(struct fixture *f, const struct ddb_scratch_name *name)
{
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES];
	local_scratch_key(((struct local_engine *)f->engine)->store, name->directory, name->name,
		strlen(name->name), key);
	write_record(f, key, sizeof key, NULL, 0, NULL);
}

static void delete_second(struct fixture *f, const struct ddb_scratch_meta *meta)
{
	uint8_t key[LOCAL_SCRATCH_PREFIX_BYTES], inside[DDB_DIRECTORY_ID_BYTES];
	ddb_scratch_inside(meta, inside);
	local_scratch_prefix(((struct local_engine *)f->engine)->store, inside, key);
	write_record(f, key, sizeof key, NULL, 0, NULL);
}

/* Entries as they were before there were directories. */
static void reads_old_records(void **state)
{
	F;
	struct ddb_scratch_name old = scratch(".old"), to = scratch(".to");
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES], head[29] = {1};
	struct ddb_scratch_meta meta;
	struct ddb_scratch_page page;
	fill_at(f, &old);
	meta = stat_at(f, &old);
	local_write_le(head + 1, meta.id, 8);
	local_write_le(head + 9, 4, 8);
	local_write_le(head + 17, 55, 8);
	local_write_le(head + 25, 0640, 4);
	local_scratch_key(((struct local_engine *)f->engine)->store, old.directory, ".old", 4, key);
	write_record(f, key, sizeof key, head, sizeof head, ".old");
	meta = stat_at(f, &old);
	assert_true(!meta.directory && meta.size == 4 && meta.mtime_ns == 55 && meta.mode == 0640);
	assert_filled(f, &old);
	assert_ok(f, OP(f->engine, scratch_list, &f->arena, old.directory, NULL, 0, &page, &f->err));
	assert_true(page.count == 1 && page.entries[0].meta.id == meta.id);
	assert_sound(f);
	assert_ok(f, OP(f->engine, scratch_rename, &old, &to, false, &f->err));
	assert_int_equal(stat_at(f, &to).mtime_ns, 55);
	head[0] = 3;
	write_record(f, key, sizeof key, head, sizeof head, ".old");
	assert_code(f, OP(f->engine, scratch_stat, &old, &meta, &f->err), DDB_DAMAGED);
	write_record(f, key, sizeof key, NULL, 0, NULL);
}

static void check_makes_a_lost_record_again(void **state)
{
	F;
	struct ddb_scratch_name directory = scratch(".d"), inner, file, away = scratch(".away");
	struct ddb_scratch_meta outer = make_at(f, &directory), meta;
	inner = within(&outer, "inner");
	meta = make_at(f, &inner);
	file = within(&meta, "file");
	fill_at(f, &file);
	delete_entry(f, &inner);
	assert_false(there(f, &inner));
	assert_int_equal(run_check(f, false).problems, 1);
	assert_int_equal(run_check(f, true).repaired, 1);
	assert_sound(f);
	assert_int_equal(stat_at(f, &inner).id, meta.id);
	assert_filled(f, &file);
	delete_second(f, &outer);
	assert_int_equal(run_check(f, false).problems, 1);
	assert_int_equal(run_check(f, true).repaired, 1);
	assert_sound(f);
	assert_ok(f, OP(f->engine, scratch_rename, &directory, &away, false, &f->err));
	assert_filled(f, &file);
}

/* Both records are lost, and with them what is inside: its blocks, its directories, its share of the total.
 */
static void check_clears_a_lost_directory(void **state)
{
	F;
	struct ddb_scratch_name directory = scratch(".d"), inner, file, other = scratch(".other");
	struct ddb_scratch_meta outer = make_at(f, &directory), meta;
	inner = within(&outer, "inner");
	meta = make_at(f, &inner);
	file = within(&meta, "file");
	fill_at(f, &file);
	fill_at(f, &other);
	delete_entry(f, &directory);
	delete_second(f, &outer);
	struct ddb_check_result result = run_check(f, false);
	assert_true(result.problems == 2 && result.scratch_files == 2);
	result = run_check(f, true);
	assert_true(result.repaired >= 2 && result.scratch_files == 1);
	result = run_check(f, false);
	assert_true(result.problems == 0 && result.scratch_files == 1);
	assert_false(there(f, &file));
	assert_false(there(f, &inner));
	assert_filled(f, &other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inside_and_back),
		cmocka_unit_test_setup_teardown(makes_and_lists, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_is_a_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_when_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_a_directory_that_is_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(passes_to_and_from_items, set_up, tear_down),
		cmocka_unit_test_setup_teardown(renames_with_what_is_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaces_only_what_is_alike, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reads_old_records, set_up, tear_down),
		cmocka_unit_test_setup_teardown(check_makes_a_lost_record_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(check_clears_a_lost_directory, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
