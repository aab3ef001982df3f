/*
 * The tracing engine around a fake one: what it forwards, and the lines that it writes.
 */
#include "engine/trace/trace.h"

#include "engine/jsonout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- The fake: answers what it is told to, and remembers what it was asked ---- */

static struct fake {
	struct ddb_engine engine;
	enum ddb_code answer;
	const void *asked; /* the request, or its first argument */
	const void *ret;
	const char *method;
	unsigned calls, closed;
	struct ddb_table *table;
} fake;

static enum ddb_code answer(struct ddb_engine *engine, const char *method, const void *asked, const void *ret,
	struct ddb_error *err)
{
	assert_ptr_equal(engine, &fake.engine);
	__atomic_add_fetch(&fake.calls, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&fake.method, method, __ATOMIC_RELAXED);
	__atomic_store_n(&fake.asked, asked, __ATOMIC_RELAXED);
	__atomic_store_n(&fake.ret, ret, __ATOMIC_RELAXED);
	return fake.answer ? ddb_fail(err, fake.answer, "as told") : DDB_OK;
}

static void fake_close(struct ddb_engine *e)
{
	assert_ptr_equal(e, &fake.engine);
	fake.closed++;
}

static enum ddb_code fake_create(
	struct ddb_engine *e, const char *name, struct ddb_definition *d, struct ddb_error *err)
{
	(void)d;
	return answer(e, "create_table", name, NULL, err);
}

static enum ddb_code fake_describe(
	struct ddb_engine *e, const char *name, struct ddb_table **ret, struct ddb_error *err)
{
	(void)e;
	(void)name;
	if (!fake.table)
		return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "no table");
	*ret = ddb_table_ref(fake.table);
	return DDB_OK;
}

static enum ddb_code fake_count(
	struct ddb_engine *e, const char *name, struct ddb_table_counts *ret, struct ddb_error *err)
{
	enum ddb_code code = answer(e, "count_table", name, ret, err);
	if (!code)
		*ret = (struct ddb_table_counts){.items = 5};
	return code;
}

static enum ddb_code fake_update(struct ddb_engine *e, const char *name, const struct ddb_definition *from,
	struct ddb_definition *d, struct ddb_error *err)
{
	(void)from, (void)d;
	return answer(e, "update_table", name, NULL, err);
}

static enum ddb_code fake_delete_table(
	struct ddb_engine *e, const char *name, bool only_empty, struct ddb_error *err)
{
	(void)only_empty;
	return answer(e, "delete_table", name, NULL, err);
}

static enum ddb_code fake_rename(
	struct ddb_engine *e, const char *from, const char *to, struct ddb_error *err)
{
	return answer(e, "rename_table", from, to, err);
}

static enum ddb_code fake_list(struct ddb_engine *e, struct ddb_arena *arena, const char *after,
	uint32_t limit, struct ddb_table_names *ret, struct ddb_error *err)
{
	(void)arena;
	assert_int_equal(limit, 9);
	*ret = (struct ddb_table_names){.count = 3, .more = true};
	return answer(e, "list_tables", after, ret, err);
}

static enum ddb_code fake_settle(
	struct ddb_engine *e, const char *name, enum ddb_provisional kind, struct ddb_error *err)
{
	assert_int_equal(kind, DDB_PROVISIONAL_COMPOSITE);
	return answer(e, "settle_table", name, NULL, err);
}

static enum ddb_code fake_define(
	struct ddb_engine *e, const struct ddb_define_table *r, struct ddb_error *err)
{
	return answer(e, "define_table", r, NULL, err);
}

static enum ddb_code fake_put(
	struct ddb_engine *e, const struct ddb_put_item *r, struct ddb_put_result *ret, struct ddb_error *err)
{
	enum ddb_code code = answer(e, "put_item", r, ret, err);
	if (!code)
		*ret = (struct ddb_put_result){.replaced = true};
	return code;
}

static enum ddb_code fake_put_many(struct ddb_engine *e, const struct ddb_put_many *r,
	struct ddb_put_many_result *ret, struct ddb_error *err)
{
	enum ddb_code code = answer(e, "put_many", r, ret, err);
	if (code != DDB_RESOURCE_NOT_FOUND)
		ret->done = code ? 1 : r->count;
	return code;
}

static enum ddb_code fake_get(struct ddb_engine *e, struct ddb_arena *arena, const struct ddb_get_item *r,
	struct ddb_get_result *ret, struct ddb_error *err)
{
	(void)arena;
	enum ddb_code code = answer(e, "get_item", r, ret, err);
	if (!code)
		ret->found = false;
	return code;
}

static enum ddb_code fake_delete(struct ddb_engine *e, const struct ddb_delete_item *r,
	struct ddb_delete_result *ret, struct ddb_error *err)
{
	enum ddb_code code = answer(e, "delete_item", r, ret, err);
	if (!code)
		ret->existed = true;
	return code;
}

static enum ddb_code fake_update_item(struct ddb_engine *e, const struct ddb_update_item *r,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	enum ddb_code code = answer(e, "update_item", r, ret, err);
	if (!code)
		*ret = (struct ddb_put_result){.replaced = false};
	return code;
}

static enum ddb_code fake_move(struct ddb_engine *e, const struct ddb_move_item *r, struct ddb_error *err)
{
	return answer(e, "move_item", r, NULL, err);
}

static enum ddb_code fake_move_partition(
	struct ddb_engine *e, const struct ddb_move_partition *r, struct ddb_error *err)
{
	return answer(e, "move_partition", r, NULL, err);
}

static enum ddb_code fake_mtime(struct ddb_engine *e, const struct ddb_set_mtime *r, struct ddb_error *err)
{
	return answer(e, "set_mtime", r, NULL, err);
}

static enum ddb_code fake_query(struct ddb_engine *e, struct ddb_arena *arena, const struct ddb_query *r,
	struct ddb_page *ret, struct ddb_error *err)
{
	(void)arena;
	enum ddb_code code = answer(e, "query", r, ret, err);
	if (!code)
		*ret = (struct ddb_page){.count = 2, .examined = 3};
	return code;
}

static enum ddb_code fake_batch_write(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_batch_write *r, size_t count, struct ddb_batch_write_result *ret,
	struct ddb_error *err)
{
	(void)arena;
	enum ddb_code code = answer(e, "batch_write", r, ret, err);
	if (!code)
		*ret = (struct ddb_batch_write_result){.unprocessed_count = count - 1};
	return code;
}

static enum ddb_code fake_batch_get(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_batch_get *r, size_t count, struct ddb_batch_get_result *ret, struct ddb_error *err)
{
	(void)arena;
	enum ddb_code code = answer(e, "batch_get", r, ret, err);
	for (size_t i = 0; !code && i < count; i++)
		ret[i] = (struct ddb_batch_get_result){.count = 5, .unprocessed_count = 1};
	return code;
}

static enum ddb_code fake_partitions(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_list_partitions *r, struct ddb_partitions *ret, struct ddb_error *err)
{
	(void)arena;
	enum ddb_code code = answer(e, "list_partitions", r, ret, err);
	if (!code)
		*ret = (struct ddb_partitions){.count = 4};
	return code;
}

static enum ddb_code fake_partition(struct ddb_engine *e, const char *table, const char *index,
	const struct ddb_value *key, struct ddb_partition *ret, struct ddb_error *err)
{
	(void)table, (void)index;
	return answer(e, "get_partition", key, ret, err);
}

static enum ddb_code fake_alias(struct ddb_engine *e, struct ddb_arena *arena, const struct ddb_find_alias *r,
	struct ddb_value *ret, struct ddb_error *err)
{
	(void)arena;
	return answer(e, "find_alias", r, ret, err);
}

static enum ddb_code fake_scratch_create(struct ddb_engine *e, const struct ddb_scratch_name *name,
	uint32_t mode, bool exclusive, struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	assert_int_equal(mode, 0644);
	assert_true(exclusive);
	return answer(e, "scratch_create", name, ret, err);
}

static enum ddb_code fake_scratch_mkdir(struct ddb_engine *e, const struct ddb_scratch_name *name,
	uint32_t mode, struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	assert_int_equal(mode, 0755);
	return answer(e, "scratch_mkdir", name, ret, err);
}

static enum ddb_code fake_scratch_stat(struct ddb_engine *e, const struct ddb_scratch_name *name,
	struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	return answer(e, "scratch_stat", name, ret, err);
}

static enum ddb_code fake_scratch_read(struct ddb_engine *e, const struct ddb_scratch_name *name,
	uint64_t offset, void *buffer, size_t length, size_t *ret_length, struct ddb_error *err)
{
	(void)buffer;
	assert_int_equal(offset, 10);
	assert_int_equal(length, 20);
	enum ddb_code code = answer(e, "scratch_read", name, ret_length, err);
	if (!code)
		*ret_length = 7;
	return code;
}

static enum ddb_code fake_scratch_write(struct ddb_engine *e, const struct ddb_scratch_name *name,
	uint64_t offset, const void *bytes, size_t length, struct ddb_error *err)
{
	assert_int_equal(offset, 1);
	assert_memory_equal(bytes, "abc", length);
	return answer(e, "scratch_write", name, NULL, err);
}

static enum ddb_code fake_scratch_truncate(
	struct ddb_engine *e, const struct ddb_scratch_name *name, uint64_t size, struct ddb_error *err)
{
	assert_int_equal(size, 11);
	return answer(e, "scratch_truncate", name, NULL, err);
}

static enum ddb_code fake_scratch_set(struct ddb_engine *e, const struct ddb_scratch_name *name,
	int64_t mtime_ns, uint32_t mode, struct ddb_error *err)
{
	assert_int_equal(mtime_ns, 12);
	assert_int_equal(mode, UINT32_MAX);
	return answer(e, "scratch_set", name, NULL, err);
}

static enum ddb_code fake_scratch_remove(
	struct ddb_engine *e, const struct ddb_scratch_name *name, struct ddb_error *err)
{
	return answer(e, "scratch_remove", name, NULL, err);
}

static enum ddb_code fake_scratch_rename(struct ddb_engine *e, const struct ddb_scratch_name *from,
	const struct ddb_scratch_name *to, bool no_replace, struct ddb_error *err)
{
	assert_true(no_replace);
	return answer(e, "scratch_rename", from, to, err);
}

static enum ddb_code fake_scratch_list(struct ddb_engine *e, struct ddb_arena *arena,
	const uint8_t directory[DDB_DIRECTORY_ID_BYTES], const char *after, uint32_t limit,
	struct ddb_scratch_page *ret, struct ddb_error *err)
{
	(void)arena;
	(void)after;
	assert_int_equal(limit, 8);
	enum ddb_code code = answer(e, "scratch_list", directory, ret, err);
	if (!code)
		*ret = (struct ddb_scratch_page){.count = 1, .more = true};
	return code;
}

static enum ddb_code fake_list_streams(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_list_streams *r, struct ddb_streams *ret, struct ddb_error *err)
{
	(void)arena;
	enum ddb_code code = answer(e, "list_streams", r, ret, err);
	if (!code)
		*ret = (struct ddb_streams){.count = 2, .more = true};
	return code;
}

static enum ddb_code fake_read_stream(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_read_stream *r, struct ddb_stream_page *ret, struct ddb_error *err)
{
	(void)arena;
	enum ddb_code code = answer(e, "read_stream", r, ret, err);
	if (!code)
		*ret = (struct ddb_stream_page){.count = 3};
	return code;
}

static void fake_watch_streams(struct ddb_engine *e, void (*stirred)(void *context), void *context)
{
	(void)answer(e, "watch_streams", context, NULL, NULL);
	stirred(context);
}

static enum ddb_code fake_transact_write(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_transact_write *request, struct ddb_transact_result *ret, struct ddb_error *err)
{
	(void)arena;
	ret->repeated = request->token != NULL;
	return answer(e, "transact_write", request, ret, err);
}

static enum ddb_code fake_transact_get(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_transact_get *requests, size_t count, struct ddb_transact_get_result *ret,
	struct ddb_error *err)
{
	(void)arena, (void)count;
	return answer(e, "transact_get", requests, ret, err);
}

static enum ddb_code fake_open_view(struct ddb_engine *e, const struct ddb_open_view *request,
	struct ddb_engine **ret, struct ddb_error *err)
{
	*ret = &fake.engine;
	return answer(e, "open_view", request, ret, err);
}

static enum ddb_code fake_commit(struct ddb_engine *e, struct ddb_arena *arena,
	const struct ddb_commit *request, struct ddb_commit_result *ret, struct ddb_error *err)
{
	(void)arena;
	*ret = (struct ddb_commit_result){.change_count = 3};
	return answer(e, "commit", request, ret, err);
}

static void fake_view_status(struct ddb_engine *e, struct ddb_view_status *ret)
{
	(void)answer(e, "view_status", NULL, ret, NULL);
}

static void fake_end_view(struct ddb_engine *e, const char *why)
{
	(void)answer(e, "end_view", why, NULL, NULL);
}

static enum ddb_code fake_sync(struct ddb_engine *e, struct ddb_error *err)
{
	return answer(e, "sync", NULL, NULL, err);
}

static void fake_status(struct ddb_engine *e, struct ddb_json_out *json)
{
	assert_ptr_equal(e, &fake.engine);
	ddb_json_member_string(json, "engine", "fake");
}

static const struct ddb_engine_ops fake_ops = {
	.name = "fake",
	.close = fake_close,
	.create_table = fake_create,
	.describe_table = fake_describe,
	.count_table = fake_count,
	.update_table = fake_update,
	.delete_table = fake_delete_table,
	.rename_table = fake_rename,
	.list_tables = fake_list,
	.settle_table = fake_settle,
	.define_table = fake_define,
	.put_item = fake_put,
	.put_many = fake_put_many,
	.get_item = fake_get,
	.delete_item = fake_delete,
	.update_item = fake_update_item,
	.move_item = fake_move,
	.move_partition = fake_move_partition,
	.set_mtime = fake_mtime,
	.query = fake_query,
	.batch_write = fake_batch_write,
	.batch_get = fake_batch_get,
	.list_partitions = fake_partitions,
	.get_partition = fake_partition,
	.find_alias = fake_alias,
	.scratch_create = fake_scratch_create,
	.scratch_mkdir = fake_scratch_mkdir,
	.scratch_stat = fake_scratch_stat,
	.scratch_read = fake_scratch_read,
	.scratch_write = fake_scratch_write,
	.scratch_truncate = fake_scratch_truncate,
	.scratch_set = fake_scratch_set,
	.scratch_remove = fake_scratch_remove,
	.scratch_rename = fake_scratch_rename,
	.scratch_list = fake_scratch_list,
	.list_streams = fake_list_streams,
	.read_stream = fake_read_stream,
	.watch_streams = fake_watch_streams,
	.transact_write = fake_transact_write,
	.transact_get = fake_transact_get,
	.open_view = fake_open_view,
	.commit = fake_commit,
	.view_status = fake_view_status,
	.end_view = fake_end_view,
	.sync = fake_sync,
	.status = fake_status,
};

/* ---- One trace a test ---- */

static struct {
	char path[64];
	struct ddb_engine *engine;
	struct ddb_error err;
} traced;

static int set_up(void **state)
{
	(void)state;
	fake = (struct fake){.engine = {&fake_ops}};
	strcpy(traced.path, "/tmp/ddb-trace-XXXXXX");
	int file = mkstemp(traced.path);
	assert_true(file >= 0);
	close(file);
	unlink(traced.path);
	assert_int_equal(ddb_trace_open(&fake.engine, traced.path, &traced.engine, &traced.err), DDB_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(fake.closed, 0);
	traced.engine->ops->close(traced.engine);
	assert_int_equal(fake.closed, 1);
	ddb_table_unref(fake.table);
	unlink(traced.path);
	return 0;
}

static void use_table(bool has_range, bool provisional)
{
	const struct ddb_key_attribute hash = {"id", 2, DDB_S}, range = {"at", 2, DDB_N},
				       stand_in = {DDB_PROVISIONAL_HASH, 3, DDB_S};
	fake.table = calloc(1, sizeof *fake.table);
	assert_non_null(fake.table);
	fake.table->references = 1;
	assert_int_equal(ddb_definition_simple(provisional ? &stand_in : &hash, has_range ? &range : NULL,
				 &fake.table->definition, NULL),
		DDB_OK);
}

/* The file's text is the wanted lines; the file is emptied. */
static void expect(const char *wanted)
{
	static char found[1 << 20];
	FILE *file = fopen(traced.path, "r+");
	assert_non_null(file);
	size_t length = fread(found, 1, sizeof found - 1, file);
	found[length] = '\0';
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	fclose(file);
	assert_string_equal(found, wanted);
}

static struct ddb_attribute attributes[] = {
	{"at", 2, {.type = DDB_N}},
	{"id", 2, {.type = DDB_S}},
	{"total", 5, {.type = DDB_S}},
};
static struct ddb_value item(uint32_t count)
{
	static struct ddb_number seven;
	ddb_number_from_int(7, &seven);
	attributes[0].value = ddb_number_value(&seven);
	attributes[1].value = ddb_string("a\n", 2);
	attributes[2].value = ddb_string("much", 4);
	return (struct ddb_value){.type = DDB_M, .count = count, .attributes = attributes};
}

static const struct ddb_scratch_name scratch = {.directory = {0x01, 0xab}, .name = "x.swp"};
static const struct ddb_scratch_name orphan = {.name = "7"};
#define DIRECTORY "\"directory\":\"01ab0000000000000000000000000000\""
#define KEY "{\"at\":{\"N\":\"7\"},\"id\":{\"S\":\"a\\n\"}}"
#define ENGINE traced.engine
#define CALL(method, ...) traced.engine->ops->method(ENGINE, __VA_ARGS__)

static void test_put(void **state)
{
	(void)state;
	use_table(true, false);
	const struct ddb_put_item put = {.table = "T",
		.item = item(3),
		.condition = DDB_IF_ABSENT,
		.consume = &scratch,
		.consume_as = &orphan};
	struct ddb_put_result result;
	assert_int_equal(CALL(put_item, &put, &result, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &put);
	assert_ptr_equal(fake.ret, &result);
	assert_true(result.replaced);
	expect("{\"operation\":\"PutItem\",\"table\":\"T\",\"key\":{\"id\":{\"S\":\"a\\n\"},\"at\":{\"N\":"
	       "\"7\"}},"
	       "\"consume\":\"x.swp\",\"consume_as\":\"7\",\"condition\":\"if_absent\",\"result\":\"ok\","
	       "\"replaced\":true,"
	       "\"unchanged\":false}\n");
}

static void test_put_refused(void **state)
{
	(void)state;
	use_table(false, false);
	fake.answer = DDB_CONDITIONAL_CHECK_FAILED;
	const struct ddb_put_item put = {.table = "T", .item = item(3)};
	struct ddb_put_result result;
	assert_int_equal(CALL(put_item, &put, &result, &traced.err), DDB_CONDITIONAL_CHECK_FAILED);
	assert_string_equal(traced.err.message, "as told");
	expect("{\"operation\":\"PutItem\",\"table\":\"T\",\"key\":{\"id\":{\"S\":\"a\\n\"}},"
	       "\"result\":\"ConditionalCheckFailedException\"}\n");
}

/* Without a table or without the key in the item there is no key to show. */
static void test_put_keyless(void **state)
{
	(void)state;
	const struct ddb_put_item put = {.table = "T", .item = item(1)};
	struct ddb_put_result result;
	static const char wanted[] =
		"{\"operation\":\"PutItem\",\"table\":\"T\",\"result\":\"ok\",\"replaced\":true,"
		"\"unchanged\":false}\n";
	assert_int_equal(CALL(put_item, &put, &result, &traced.err), DDB_OK);
	expect(wanted);
	use_table(true, false);
	assert_int_equal(CALL(put_item, &put, &result, &traced.err), DDB_OK);
	expect(wanted);
	ddb_definition_unref(fake.table->definition);
	fake.table->definition = NULL;
	assert_int_equal(CALL(put_item, &put, &result, &traced.err), DDB_OK);
	expect(wanted);
}

static void test_provisional_key(void **state)
{
	(void)state;
	use_table(false, true);
	struct ddb_attribute key = {DDB_PROVISIONAL_HASH, 3, ddb_string("a", 1)};
	const struct ddb_put_item put = {
		.table = "T", .item = {.type = DDB_M, .count = 1, .attributes = &key}};
	const struct ddb_get_item get = {.table = "T", .key = put.item, .meta_only = true};
	struct ddb_put_result result;
	struct ddb_get_result got;
	assert_int_equal(CALL(put_item, &put, &result, &traced.err), DDB_OK);
	assert_int_equal(CALL(get_item, NULL, &get, &got, &traced.err), DDB_OK);
	expect("{\"operation\":\"PutItem\",\"table\":\"T\",\"key\":{\"pk\":{\"S\":\"a\"}},\"result\":\"ok\","
	       "\"replaced\":true,\"unchanged\":false}\n"
	       "{\"operation\":\"GetItem\",\"table\":\"T\",\"key\":{\"pk\":{\"S\":\"a\"}},\"meta_only\":true,"
	       "\"result\":\"ok\",\"found\":false}\n");
}

static void test_put_many(void **state)
{
	(void)state;
	const struct ddb_put_many many = {.table = "T", .count = 3};
	struct ddb_put_many_result result;
	assert_int_equal(CALL(put_many, &many, &result, &traced.err), DDB_OK);
	fake.answer = DDB_VALIDATION;
	assert_int_equal(CALL(put_many, &many, &result, &traced.err), DDB_VALIDATION);
	assert_int_equal(result.done, 1);
	fake.answer = DDB_RESOURCE_NOT_FOUND;
	assert_int_equal(CALL(put_many, &many, &result, &traced.err), DDB_RESOURCE_NOT_FOUND);
	expect("{\"operation\":\"BatchWriteItem\",\"table\":\"T\",\"count\":3,\"result\":\"ok\",\"done\":3}\n"
	       "{\"operation\":\"BatchWriteItem\",\"table\":\"T\",\"count\":3,\"result\":"
	       "\"ValidationException\",\"done\":1}\n"
	       "{\"operation\":\"BatchWriteItem\",\"table\":\"T\",\"count\":3,\"result\":"
	       "\"ResourceNotFoundException\","
	       "\"done\":0}\n");
}

static void test_items(void **state)
{
	(void)state;
	const struct ddb_delete_item delete = {.table = "T", .key = item(2), .keep = &scratch};
	struct ddb_delete_result deleted;
	assert_int_equal(CALL(delete_item, &delete, &deleted, &traced.err), DDB_OK);
	assert_true(deleted.existed);
	const struct ddb_update_item update = {.table = "T", .key = item(2), .condition = DDB_IF_PRESENT};
	struct ddb_put_result updated;
	assert_int_equal(CALL(update_item, &update, &updated, &traced.err), DDB_OK);
	const struct ddb_move_item move = {.table = "T", .from = item(2), .to = item(1), .exchange = true};
	assert_int_equal(CALL(move_item, &move, &traced.err), DDB_OK);
	const struct ddb_move_partition all = {
		.table = "T", .from = ddb_string("a", 1), .to = ddb_string("b", 1)};
	assert_int_equal(CALL(move_partition, &all, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &all);
	const struct ddb_set_mtime times = {.table = "T", .key = item(2), .mtime_ns = 5};
	assert_int_equal(CALL(set_mtime, &times, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &times);
	expect("{\"operation\":\"DeleteItem\",\"table\":\"T\",\"key\":" KEY
	       ",\"keep\":\"x.swp\",\"result\":\"ok\","
	       "\"existed\":true}\n"
	       "{\"operation\":\"UpdateItem\",\"table\":\"T\",\"key\":" KEY ",\"condition\":\"if_present\","
	       "\"result\":\"ok\",\"replaced\":false,\"unchanged\":false}\n"
	       "{\"operation\":\"MoveItem\",\"table\":\"T\",\"key\":" KEY ",\"to\":{\"at\":{\"N\":\"7\"}},"
	       "\"exchange\":true,\"result\":\"ok\"}\n"
	       "{\"operation\":\"MovePartition\",\"table\":\"T\",\"partition\":{\"S\":\"a\"},"
	       "\"partition_to\":{\"S\":\"b\"},\"result\":\"ok\"}\n"
	       "{\"operation\":\"SetTimes\",\"table\":\"T\",\"key\":" KEY ",\"result\":\"ok\"}\n");
}

static void test_queries(void **state)
{
	(void)state;
	const struct ddb_value partition = ddb_string("a", 1);
	const struct ddb_key_range range = {.partition = partition};
	struct ddb_query query = {.table = "T", .range = &range, .backward = true, .keys_only = true};
	struct ddb_page page;
	assert_int_equal(CALL(query, NULL, &query, &page, &traced.err), DDB_OK);
	assert_int_equal(page.count, 2);
	query = (struct ddb_query){.table = "T"};
	assert_int_equal(CALL(query, NULL, &query, &page, &traced.err), DDB_OK);
	fake.answer = DDB_DAMAGED;
	assert_int_equal(CALL(query, NULL, &query, &page, &traced.err), DDB_DAMAGED);
	fake.answer = DDB_OK;
	const struct ddb_list_partitions list = {.table = "T"};
	struct ddb_partitions partitions;
	assert_int_equal(CALL(list_partitions, NULL, &list, &partitions, &traced.err), DDB_OK);
	struct ddb_partition found;
	assert_int_equal(CALL(get_partition, "T", NULL, &partition, &found, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &partition);
	const struct ddb_find_alias alias = {.table = "T", .partition = &partition};
	struct ddb_value value;
	assert_int_equal(CALL(find_alias, NULL, &alias, &value, &traced.err), DDB_OK);
	char wanted[2048];
	snprintf(wanted, sizeof wanted,
		"{\"operation\":\"Query\",\"table\":\"T\",\"partition\":{\"S\":\"a\"},\"keys_only\":true,"
		"\"backward\":true,"
		"\"result\":\"ok\",\"examined\":3,\"returned\":2,\"more\":false}\n"
		"{\"operation\":\"Scan\",\"table\":\"T\",\"result\":\"ok\",\"examined\":3,\"returned\":2,"
		"\"more\":false}\n"
		"{\"operation\":\"Scan\",\"table\":\"T\",\"result\":\"%s\"}\n"
		"{\"operation\":\"ListPartitions\",\"table\":\"T\",\"result\":\"ok\",\"returned\":4,\"more\":"
		"false}\n"
		"{\"operation\":\"GetPartition\",\"table\":\"T\",\"partition\":{\"S\":\"a\"},\"result\":"
		"\"ok\"}\n"
		"{\"operation\":\"FindAlias\",\"table\":\"T\",\"partition\":{\"S\":\"a\"},\"result\":\"ok\"}"
		"\n",
		ddb_error_row(DDB_DAMAGED)->name);
	expect(wanted);
}

/* Expressions show as being there; which they are is not the trace's to tell. */
static const struct ddb_predicate *const some_predicate = (const void *)&fake;
static const struct ddb_selection *const some_selection = (const void *)&fake;

static void test_terms(void **state)
{
	(void)state;
	const struct ddb_write_terms terms = {
		.condition = some_predicate, .return_values = DDB_RETURN_UPDATED_NEW};
	const struct ddb_write_terms all = {.return_values = DDB_RETURN_ALL_OLD}, plain = {.answer = NULL};
	const struct ddb_update_item update = {.table = "T", .key = item(2), .terms = &terms};
	const struct ddb_delete_item delete = {.table = "T", .key = item(2), .terms = &all};
	const struct ddb_put_item put = {.table = "T", .item = item(2), .terms = &plain};
	struct ddb_put_result updated;
	struct ddb_delete_result deleted;
	use_table(true, false);
	assert_int_equal(CALL(update_item, &update, &updated, &traced.err), DDB_OK);
	assert_int_equal(CALL(delete_item, &delete, &deleted, &traced.err), DDB_OK);
	assert_int_equal(CALL(put_item, &put, &updated, &traced.err), DDB_OK);
	expect("{\"operation\":\"UpdateItem\",\"table\":\"T\",\"key\":" KEY ",\"conditional\":true,"
	       "\"return_values\":\"UPDATED_NEW\",\"result\":\"ok\",\"replaced\":false,"
	       "\"unchanged\":false}\n"
	       "{\"operation\":\"DeleteItem\",\"table\":\"T\",\"key\":" KEY ",\"return_values\":\"ALL_OLD\","
	       "\"result\":\"ok\",\"existed\":true}\n"
	       "{\"operation\":\"PutItem\",\"table\":\"T\",\"key\":{\"id\":{\"S\":\"a\\n\"},\"at\":{\"N\":"
	       "\"7\"}},"
	       "\"result\":\"ok\",\"replaced\":true,\"unchanged\":false}\n");
}

static void test_indexes(void **state)
{
	(void)state;
	struct ddb_key_range range = {.partition = ddb_string("a", 1)};
	const struct ddb_query query = {.table = "T",
		.index = "I",
		.range = &range,
		.filter = some_predicate,
		.selection = some_selection,
		.select = DDB_SELECT_ALL,
		.consistent = true};
	const struct ddb_get_item get = {
		.table = "T", .key = item(2), .selection = some_selection, .consistent = true};
	const struct ddb_list_partitions list = {.table = "T", .index = "I"};
	const struct ddb_find_alias alias = {.table = "T", .index = "I"};
	struct ddb_page page;
	struct ddb_get_result got;
	struct ddb_partitions partitions;
	struct ddb_partition found;
	struct ddb_value value;
	assert_int_equal(CALL(query, NULL, &query, &page, &traced.err), DDB_OK);
	assert_int_equal(CALL(get_item, NULL, &get, &got, &traced.err), DDB_OK);
	assert_int_equal(CALL(list_partitions, NULL, &list, &partitions, &traced.err), DDB_OK);
	assert_int_equal(CALL(get_partition, "T", "I", &range.partition, &found, &traced.err), DDB_OK);
	assert_int_equal(CALL(find_alias, NULL, &alias, &value, &traced.err), DDB_OK);
#define OF_INDEX "\"table\":\"T\",\"index\":\"I\""
	expect("{\"operation\":\"Query\"," OF_INDEX ",\"partition\":{\"S\":\"a\"},\"filtered\":true,"
	       "\"projected\":true,\"select\":\"ALL_ATTRIBUTES\",\"consistent\":true,\"result\":\"ok\","
	       "\"examined\":3,\"returned\":2,\"more\":false}\n"
	       "{\"operation\":\"GetItem\",\"table\":\"T\",\"key\":" KEY
	       ",\"projected\":true,\"consistent\":true,\"result\":\"ok\",\"found\":false}\n"
	       "{\"operation\":\"ListPartitions\"," OF_INDEX
	       ",\"result\":\"ok\",\"returned\":4,\"more\":false}\n"
	       "{\"operation\":\"GetPartition\"," OF_INDEX ",\"partition\":{\"S\":\"a\"},\"result\":\"ok\"}\n"
	       "{\"operation\":\"FindAlias\"," OF_INDEX ",\"result\":\"ok\"}\n");
}

static void was_stirred(void *context)
{
	++*(unsigned *)context;
}

static void test_streams(void **state)
{
	(void)state;
	unsigned count = 0;
	const struct ddb_list_streams all = {.limit = 2}, list = {.table = "T"};
	const struct ddb_read_stream read = {.table = "T", .after = 77};
	struct ddb_streams streams;
	struct ddb_stream_page page;
	assert_int_equal(CALL(list_streams, NULL, &all, &streams, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &all);
	assert_int_equal(CALL(list_streams, NULL, &list, &streams, &traced.err), DDB_OK);
	assert_int_equal(CALL(read_stream, NULL, &read, &page, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &read);
	assert_ptr_equal(fake.ret, &page);
	fake.answer = DDB_TRIMMED_DATA;
	assert_int_equal(CALL(read_stream, NULL, &read, &page, &traced.err), DDB_TRIMMED_DATA);
	fake.answer = DDB_OK;
	CALL(watch_streams, was_stirred, &count);
	assert_int_equal(count, 1);
	expect("{\"operation\":\"ListStreams\",\"result\":\"ok\",\"returned\":2,\"more\":true}\n"
	       "{\"operation\":\"ListStreams\",\"table\":\"T\",\"result\":\"ok\",\"returned\":2,\"more\":"
	       "true}\n"
	       "{\"operation\":\"GetRecords\",\"table\":\"T\",\"offset\":77,\"result\":\"ok\",\"returned\":3,"
	       "\"more\":false}\n"
	       "{\"operation\":\"GetRecords\",\"table\":\"T\",\"offset\":77,\"result\":"
	       "\"TrimmedDataAccessException\"}\n"
	       "{\"operation\":\"WatchStreams\",\"result\":\"ok\"}\n");
}

static void test_batches(void **state)
{
	(void)state;
	const struct ddb_batch_write writes[] = {{.table = "T"}, {.table = "T"}, {.table = "U"}};
	const struct ddb_batch_get gets[] = {{.table = "T", .key_count = 3}, {.table = "U", .key_count = 4}};
	struct ddb_batch_write_result written;
	struct ddb_batch_get_result got[2];
	assert_int_equal(CALL(batch_write, NULL, writes, 2, &written, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, writes);
	assert_ptr_equal(fake.ret, &written);
	assert_int_equal(CALL(batch_write, NULL, writes, 3, &written, &traced.err), DDB_OK);
	assert_int_equal(CALL(batch_get, NULL, gets, 1, got, &traced.err), DDB_OK);
	assert_int_equal(CALL(batch_get, NULL, gets, 2, got, &traced.err), DDB_OK);
	assert_ptr_equal(fake.ret, got);
	fake.answer = DDB_VALIDATION;
	assert_int_equal(CALL(batch_write, NULL, writes, 0, &written, &traced.err), DDB_VALIDATION);
	assert_int_equal(CALL(batch_get, NULL, gets, 1, got, &traced.err), DDB_VALIDATION);
	expect("{\"operation\":\"BatchWriteItem\",\"table\":\"T\",\"count\":2,\"result\":\"ok\","
	       "\"unprocessed\":1}\n"
	       "{\"operation\":\"BatchWriteItem\",\"count\":3,\"result\":\"ok\",\"unprocessed\":2}\n"
	       "{\"operation\":\"BatchGetItem\",\"table\":\"T\",\"count\":3,\"result\":\"ok\",\"returned\":5,"
	       "\"unprocessed\":1}\n"
	       "{\"operation\":\"BatchGetItem\",\"count\":7,\"result\":\"ok\",\"returned\":10,"
	       "\"unprocessed\":2}\n"
	       "{\"operation\":\"BatchWriteItem\",\"count\":0,\"result\":\"ValidationException\"}\n"
	       "{\"operation\":\"BatchGetItem\",\"table\":\"T\",\"count\":3,\"result\":"
	       "\"ValidationException\"}\n");
}

static void test_transactions(void **state)
{
	(void)state;
	struct ddb_transact_write write = {.count = 2};
	const struct ddb_transact_get get = {.table = "T"};
	struct ddb_transact_result written;
	struct ddb_transact_get_result got;
	assert_int_equal(CALL(transact_write, NULL, &write, &written, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &write);
	assert_ptr_equal(fake.ret, &written);
	write.token = "t";
	assert_int_equal(CALL(transact_write, NULL, &write, &written, &traced.err), DDB_OK);
	assert_int_equal(CALL(transact_get, NULL, &get, 1, &got, &traced.err), DDB_OK);
	assert_ptr_equal(fake.ret, &got);
	fake.answer = DDB_TRANSACTION_CANCELED;
	assert_int_equal(CALL(transact_write, NULL, &write, &written, &traced.err), DDB_TRANSACTION_CANCELED);
	expect("{\"operation\":\"TransactWriteItems\",\"count\":2,\"result\":\"ok\",\"repeated\":false}\n"
	       "{\"operation\":\"TransactWriteItems\",\"count\":2,\"token\":true,\"result\":\"ok\","
	       "\"repeated\":true}\n"
	       "{\"operation\":\"TransactGetItems\",\"count\":1,\"result\":\"ok\"}\n"
	       "{\"operation\":\"TransactWriteItems\",\"count\":2,\"token\":true,"
	       "\"result\":\"TransactionCanceledException\"}\n");
}

/* What is done in a view is traced as well, and goes on when the view is closed. */
static void test_views(void **state)
{
	(void)state;
	struct ddb_engine *view = NULL;
	const struct ddb_open_view request = {.kind = DDB_TRANSACTION}, frozen = {.kind = DDB_SNAPSHOT};
	const struct ddb_commit commit = {.token = "t", .check_count = 2};
	struct ddb_commit_result result;
	struct ddb_view_status status;
	assert_int_equal(CALL(open_view, &request, &view, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &request);
	assert_ptr_not_equal(view, traced.engine);
	assert_int_equal(view->ops->sync(view, &traced.err), DDB_OK);
	assert_int_equal(view->ops->commit(view, NULL, &commit, &result, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &commit);
	view->ops->view_status(view, &status);
	assert_ptr_equal(fake.ret, &status);
	view->ops->end_view(view, "no more");
	assert_string_equal(fake.method, "end_view");
	view->ops->close(view);
	assert_int_equal(fake.closed, 1);
	fake.closed = 0;
	fake.answer = DDB_LIMIT_EXCEEDED;
	assert_int_equal(CALL(open_view, &frozen, &view, &traced.err), DDB_LIMIT_EXCEEDED);
	expect("{\"operation\":\"OpenView\",\"view\":\"transaction\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"Sync\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"Commit\",\"count\":2,\"token\":true,\"result\":\"ok\",\"done\":3,"
	       "\"repeated\":false}\n"
	       "{\"operation\":\"EndView\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"OpenView\",\"view\":\"snapshot\",\"result\":\"LimitExceededException\"}\n");
}

static void test_tables(void **state)
{
	(void)state;
	use_table(false, false);
	struct ddb_definition *definition = fake.table->definition;
	struct ddb_table *table = NULL;
	struct ddb_table_counts counts;
	struct ddb_table_names names;
	const struct ddb_define_table define = {.table = "T"};
	assert_int_equal(CALL(create_table, "T", NULL, &traced.err), DDB_OK);
	assert_int_equal(CALL(settle_table, "T", DDB_PROVISIONAL_COMPOSITE, &traced.err), DDB_OK);
	assert_int_equal(CALL(define_table, &define, &traced.err), DDB_OK);
	assert_ptr_equal(fake.asked, &define);
	fake.answer = DDB_RESOURCE_IN_USE;
	assert_int_equal(CALL(create_table, "T", definition, &traced.err), DDB_RESOURCE_IN_USE);
	fake.answer = DDB_OK;
	assert_int_equal(CALL(describe_table, "T", &table, &traced.err), DDB_OK);
	assert_ptr_equal(table, fake.table);
	ddb_table_unref(table);
	assert_int_equal(CALL(count_table, "T", &counts, &traced.err), DDB_OK);
	assert_int_equal(CALL(update_table, "T", NULL, definition, &traced.err), DDB_OK);
	assert_string_equal(fake.method, "update_table");
	assert_int_equal(CALL(rename_table, "T", "U", &traced.err), DDB_OK);
	assert_string_equal(fake.method, "rename_table");
	assert_string_equal(fake.ret, "U");
	assert_int_equal(CALL(list_tables, NULL, "after", 9, &names, &traced.err), DDB_OK);
	assert_int_equal(CALL(delete_table, "T", false, &traced.err), DDB_OK);
	assert_int_equal(traced.engine->ops->sync(traced.engine, &traced.err), DDB_OK);
	expect("{\"operation\":\"CreateTable\",\"table\":\"T\",\"provisional\":true,\"result\":\"ok\"}\n"
	       "{\"operation\":\"SettleTable\",\"table\":\"T\",\"kind\":\"composite\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"DefineTable\",\"table\":\"T\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"CreateTable\",\"table\":\"T\",\"result\":\"ResourceInUseException\"}\n"
	       "{\"operation\":\"DescribeTable\",\"table\":\"T\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"CountTable\",\"table\":\"T\",\"result\":\"ok\",\"items\":5}\n"
	       "{\"operation\":\"UpdateTable\",\"table\":\"T\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"RenameTable\",\"table\":\"T\",\"table_to\":\"U\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"ListTables\",\"result\":\"ok\",\"returned\":3,\"more\":true}\n"
	       "{\"operation\":\"DeleteTable\",\"table\":\"T\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"Sync\",\"result\":\"ok\"}\n");
}

static void test_scratch(void **state)
{
	(void)state;
	const struct ddb_scratch_name odd = {.directory = {0xff},
		.name = "\xff"
			"a\xc3\xbc\xc3"};
	struct ddb_scratch_meta meta;
	struct ddb_scratch_page page;
	size_t length = 0;
	assert_int_equal(CALL(scratch_create, &scratch, 0644, true, &meta, &traced.err), DDB_OK);
	assert_int_equal(CALL(scratch_mkdir, &scratch, 0755, &meta, &traced.err), DDB_OK);
	assert_ptr_equal(fake.ret, &meta);
	assert_int_equal(CALL(scratch_stat, &scratch, &meta, &traced.err), DDB_OK);
	assert_int_equal(CALL(scratch_read, &scratch, 10, NULL, 20, &length, &traced.err), DDB_OK);
	assert_int_equal(length, 7);
	assert_int_equal(CALL(scratch_write, &scratch, 1, "abc", 3, &traced.err), DDB_OK);
	assert_int_equal(CALL(scratch_truncate, &scratch, 11, &traced.err), DDB_OK);
	assert_int_equal(CALL(scratch_set, &scratch, 12, UINT32_MAX, &traced.err), DDB_OK);
	assert_int_equal(CALL(scratch_rename, &scratch, &odd, true, &traced.err), DDB_OK);
	assert_ptr_equal(fake.ret, &odd);
	assert_int_equal(CALL(scratch_list, NULL, scratch.directory, NULL, 8, &page, &traced.err), DDB_OK);
	assert_int_equal(CALL(scratch_remove, &scratch, &traced.err), DDB_OK);
#define FILE_ DIRECTORY ",\"scratch\":\"x.swp\""
	expect("{\"operation\":\"ScratchCreate\"," FILE_ ",\"exclusive\":true,\"result\":\"ok\"}\n"
	       "{\"operation\":\"ScratchMkdir\"," FILE_ ",\"result\":\"ok\"}\n"
	       "{\"operation\":\"ScratchStat\"," FILE_ ",\"result\":\"ok\"}\n"
	       "{\"operation\":\"ScratchRead\"," FILE_
	       ",\"offset\":10,\"count\":20,\"result\":\"ok\",\"returned\":7}\n"
	       "{\"operation\":\"ScratchWrite\"," FILE_ ",\"offset\":1,\"count\":3,\"result\":\"ok\"}\n"
	       "{\"operation\":\"ScratchTruncate\"," FILE_ ",\"size\":11,\"result\":\"ok\"}\n"
	       "{\"operation\":\"ScratchSet\"," FILE_ ",\"result\":\"ok\"}\n"
	       "{\"operation\":\"ScratchRename\"," FILE_
	       ",\"directory_to\":\"ff000000000000000000000000000000\","
	       "\"scratch_to\":\"\xEF\xBF\xBD"
	       "a\xC3\xBC\xEF\xBF\xBD\",\"no_replace\":true,\"result\":\"ok\"}\n"
	       "{\"operation\":\"ScratchList\"," DIRECTORY
	       ",\"result\":\"ok\",\"returned\":1,\"more\":true}\n"
	       "{\"operation\":\"ScratchRemove\"," FILE_ ",\"result\":\"ok\"}\n");
}

static void write_status(const char *wanted)
{
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, 4096);
	struct ddb_json_out json;
	ddb_json_out_init(&json, &text, false);
	ddb_json_open(&json, '{');
	traced.engine->ops->status(traced.engine, &json);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(&text, '\0');
	assert_string_equal(text.bytes, wanted);
}

static void test_status(void **state)
{
	(void)state;
	write_status("{\"engine\":\"fake\"}");
	expect("{\"operation\":\"Status\",\"result\":\"ok\"}\n");
	assert_string_equal(traced.engine->ops->name, "trace");
}

/* A line that the file does not take is counted; the call is none the worse. */
static void test_lost(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit before, none;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	enum ddb_code code = CALL(delete_table, "T", false, &traced.err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(code, DDB_OK);
	expect("");
	write_status("{\"engine\":\"fake\",\"trace_lines_lost\":1}");
}

static void test_open(void **state)
{
	(void)state;
	struct stat file;
	assert_int_equal(stat(traced.path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_int_equal(CALL(delete_table, "T", false, &traced.err), DDB_OK);

	/* A second trace appends, and one that cannot be opened leaves the inner engine alone. */
	struct ddb_engine *second = NULL;
	assert_int_equal(ddb_trace_open(&fake.engine, traced.path, &second, &traced.err), DDB_OK);
	assert_int_equal(second->ops->delete_table(second, "U", false, &traced.err), DDB_OK);
	second->ops->close(second);
	assert_int_equal(fake.closed, 1);
	fake.closed = 0;
	expect("{\"operation\":\"DeleteTable\",\"table\":\"T\",\"result\":\"ok\"}\n"
	       "{\"operation\":\"DeleteTable\",\"table\":\"U\",\"result\":\"ok\"}\n");
	second = NULL;
	assert_int_equal(
		ddb_trace_open(&fake.engine, "/nonexistent/trace", &second, &traced.err), DDB_VALIDATION);
	assert_string_equal(traced.err.message, "cannot open /nonexistent/trace: No such file or directory");
	assert_null(second);
}

enum { THREADS = 4, CALLS = 200 };

static void *many_calls(void *context)
{
	struct ddb_error err;
	for (int i = 0; i < CALLS; i++)
		if (CALL(delete_table, context, false, &err))
			return context;
	return NULL;
}

static void test_threads(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	static char name[301];
	memset(name, 'x', sizeof name - 1);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, many_calls, name), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed = NULL;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	char wanted[400], line[400];
	snprintf(wanted, sizeof wanted,
		"{\"operation\":\"DeleteTable\",\"table\":\"%s\",\"result\":\"ok\"}\n", name);
	FILE *file = fopen(traced.path, "r");
	assert_non_null(file);
	int lines = 0;
	for (; fgets(line, sizeof line, file); lines++)
		assert_string_equal(line, wanted);
	fclose(file);
	assert_int_equal(lines, THREADS * CALLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_put_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_put_keyless, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_provisional_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_put_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_items, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_queries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_terms, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_indexes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_batches, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_streams, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_transactions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_views, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_scratch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
