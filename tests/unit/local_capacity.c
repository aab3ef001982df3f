/*
 * What writes consume: on the table by the larger of the item before and after, on each index by what
 * happens to its entry. And the bytes of an item collection. Figures are units, of 1 KB.
 */
#include "local_expressions.h"

enum { ARMS = 4 };

/* Units of the table and of indexes by name, of one write. */
struct measured {
	struct ddb_write_answer answer;
	struct ddb_write_terms terms;
};

static void measure_with(struct fixture *f, struct measured *measured, const struct ddb_predicate *asked)
{
	memset(&measured->answer, 0x55, sizeof measured->answer);
	measured->terms =
		(struct ddb_write_terms){.condition = asked, .arena = &f->arena, .answer = &measured->answer};
}

static uint64_t units(const struct measured *measured, const char *index)
{
	const struct ddb_capacity *capacity = &measured->answer.capacity;
	for (size_t i = 0; i < capacity->count; i++) {
		const char *name = capacity->arms[i].index;
		if (index ? name && !strcmp(name, index) : !name) {
			assert_int_equal(capacity->arms[i].half_units % 2, 0);
			assert_true(capacity->arms[i].half_units > 0);
			return capacity->arms[i].half_units / 2;
		}
	}
	return 0;
}

/* {id: …} and a text that makes the item that large. */
static struct ddb_value sized(struct fixture *f, const char *id, size_t size)
{
	struct ddb_value none = {.type = DDB_M},
			 key = with(&f->arena, &none, "id", ddb_string(id, strlen(id)));
	size_t used = ddb_item_size(&key) + 1;
	return size > used ? with(&f->arena, &key, "t", filled(&f->arena, size - used, 'x')) : key;
}

static struct measured put_measured(
	struct fixture *f, struct ddb_value item, const struct ddb_predicate *asked, enum ddb_code wanted)
{
	struct measured measured;
	struct ddb_put_result result;
	measure_with(f, &measured, asked);
	const struct ddb_put_item request = {.table = "Users", .item = item, .terms = &measured.terms};
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), wanted);
	return measured;
}

static struct measured delete_measured(
	struct fixture *f, struct ddb_value key, const struct ddb_predicate *asked, enum ddb_code wanted)
{
	struct measured measured;
	struct ddb_delete_result result;
	measure_with(f, &measured, asked);
	const struct ddb_delete_item request = {.table = "Users", .key = key, .terms = &measured.terms};
	assert_code(f, OP(f->engine, delete_item, &request, &result, &f->err), wanted);
	return measured;
}

static struct measured update_measured(struct fixture *f, struct ddb_value key,
	const struct ddb_changes *made, const struct ddb_predicate *asked, enum ddb_code wanted)
{
	struct measured measured;
	struct ddb_put_result result;
	measure_with(f, &measured, asked);
	const struct ddb_update_item request = {
		.table = "Users", .key = key, .changes = made, .terms = &measured.terms};
	assert_code(f, OP(f->engine, update_item, &request, &result, &f->err), wanted);
	return measured;
}

/* ---- The table ---- */

static void of_sizes(void **state)
{
	F;
	static const struct {
		size_t old, new;
		unsigned units;
	} rows[] = {{0, 10, 1}, {0, 1024, 1}, {0, 1025, 2}, {0, 2048, 2}, {0, 409600, 400}, {5000, 10, 5},
		{10, 5000, 5}, {1024, 1024, 1}, {1025, 1025, 2}, {4096, 4097, 5}};
	create(f, "Users", "id:S");
	struct ddb_value key = DOC("{'id':'a'}");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		delete (f, "Users", key);
		if (rows[i].old)
			put(f, "Users", sized(f, "a", rows[i].old));
		struct measured measured = put_measured(f, sized(f, "a", rows[i].new), NULL, DDB_OK);
		assert_int_equal(units(&measured, NULL), rows[i].units);
		assert_int_equal(measured.answer.capacity.count, 1);
		measured = delete_measured(f, key, NULL, DDB_OK);
		assert_int_equal(units(&measured, NULL), (rows[i].new + 1023) / 1024);
	}
	struct measured nothing = delete_measured(f, key, NULL, DDB_OK);
	assert_int_equal(units(&nothing, NULL), 1);
}

static void of_updates(void **state)
{
	F;
	struct ddb_value key = DOC("{'id':'a'}"), none = {.type = DDB_M};
	create(f, "Users", "id:S");
	put(f, "Users", sized(f, "a", 2000));
	/* 2 KB, and 3,001 bytes more. */
	struct ddb_value set = with(&f->arena, &none, "u", filled(&f->arena, 3000, 'x'));
	struct measured measured = update_measured(f, key, setting(&f->arena, set), NULL, DDB_OK);
	assert_int_equal(units(&measured, NULL), 5);
	/* The same again, and with less: what was there counts. */
	measured = update_measured(f, key, setting(&f->arena, set), NULL, DDB_OK);
	assert_int_equal(units(&measured, NULL), 5);
	measured = update_measured(f, key, changes(f, "REMOVE u, t", NULL), NULL, DDB_OK);
	assert_int_equal(units(&measured, NULL), 5);
	measured = update_measured(f, key, changes(f, "REMOVE u, t", NULL), NULL, DDB_OK);
	assert_int_equal(units(&measured, NULL), 1);
	measured = update_measured(f, DOC("{'id':'b'}"), changes(f, "REMOVE u", NULL), NULL, DDB_OK);
	assert_int_equal(units(&measured, NULL), 1);
}

/* A condition that fails consumes what the write would have been measured by. */
static void of_refusals(void **state)
{
	F;
	const struct ddb_predicate *never = condition(f, "id = :v", "{':v':'other'}");
	const enum ddb_code failed = DDB_CONDITIONAL_CHECK_FAILED;
	struct ddb_value key = DOC("{'id':'a'}"), missing = DOC("{'id':'b'}");
	const struct ddb_changes *changed = changes(f, "SET n = :v", "{':v':1}");
	create(f, "Users", "id:S");
	put(f, "Users", sized(f, "a", 3000));
	struct measured measured = put_measured(f, sized(f, "a", 5000), never, failed);
	assert_int_equal(units(&measured, NULL), 5);
	measured = put_measured(f, key, never, failed);
	assert_int_equal(units(&measured, NULL), 3);
	measured = put_measured(f, sized(f, "b", 5000), never, failed);
	assert_int_equal(units(&measured, NULL), 5);
	measured = delete_measured(f, key, never, failed);
	assert_int_equal(units(&measured, NULL), 3);
	measured = delete_measured(f, missing, never, failed);
	assert_int_equal(units(&measured, NULL), 1);
	measured = update_measured(f, key, changed, never, failed);
	assert_int_equal(units(&measured, NULL), 3);
	measured = update_measured(f, missing, changed, never, failed);
	assert_int_equal(units(&measured, NULL), 1);
}

/* ---- Indexes ---- */

static void create_indexed(struct fixture *f)
{
	static const char text[] =
		"{\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],"
		"\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"},"
		"{\"AttributeName\":\"sk\",\"AttributeType\":\"N\"},{\"AttributeName\":\"g\","
		"\"AttributeType\":"
		"\"S\"},{\"AttributeName\":\"l\",\"AttributeType\":\"N\"}],"
		"\"GlobalSecondaryIndexes\":["
		"{\"IndexName\":\"whole\",\"KeySchema\":[{\"AttributeName\":\"g\",\"KeyType\":\"HASH\"}],"
		"\"Projection\":{\"ProjectionType\":\"ALL\"}},"
		"{\"IndexName\":\"keys\",\"KeySchema\":[{\"AttributeName\":\"g\",\"KeyType\":\"HASH\"}],"
		"\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}],"
		"\"LocalSecondaryIndexes\":["
		"{\"IndexName\":\"local\",\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"l\",\"KeyType\":\"RANGE\"}],"
		"\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"u\"]}}]}";
	struct ddb_definition *definition = definition_read(f, text);
	assert_ok(f, OP(f->engine, create_table, "Users", definition, &f->err));
	ddb_definition_unref(definition);
}

/* `text`, with attributes t and u of that many bytes (0: none). */
static struct ddb_value member(struct fixture *f, const char *text, size_t t, size_t u)
{
	struct ddb_value item = DOC(text);
	if (t)
		item = with(&f->arena, &item, "t", filled(&f->arena, t, 'x'));
	return u ? with(&f->arena, &item, "u", filled(&f->arena, u, 'x')) : item;
}

static void of_indexes(void **state)
{
	F;
	/* Puts, one over the other; units of the table and of each index. */
	static const struct {
		const char *item; /* NULL: deleted */
		size_t t, u;
		unsigned table, whole, keys, local;
	} rows[] = {
		/* Sparse: not in any index. */
		{"{'id':'a','sk':1}", 1500, 0, 2, 0, 0, 0},
		/* Entered: each by its own image. */
		{"{'id':'a','sk':1,'g':'x'}", 1500, 0, 2, 2, 1, 0},
		{"{'id':'a','sk':1,'g':'x','l':1}", 1500, 0, 2, 2, 0, 1},
		/* In place: the larger of the two; what does not change in it is free. */
		{"{'id':'a','sk':1,'g':'x','l':1}", 3500, 0, 4, 4, 0, 0},
		{"{'id':'a','sk':1,'g':'x','l':1}", 10, 2500, 4, 4, 0, 3},
		{"{'id':'a','sk':1,'g':'x','l':1}", 10, 2500, 3, 0, 0, 0},
		/* To another key: out of one place and into the other, each rounded. */
		{"{'id':'a','sk':1,'g':'y','l':1}", 10, 2500, 3, 3 + 3, 1 + 1, 0},
		{"{'id':'a','sk':1,'g':'y','l':2}", 10, 100, 3, 3, 0, 3 + 1},
		/* Out of the local one alone, then out of all. */
		{"{'id':'a','sk':1,'g':'y'}", 10, 1100, 2, 2, 0, 1},
		{NULL, 0, 0, 2, 2, 1, 0},
		{NULL, 0, 0, 1, 0, 0, 0},
	};
	create_indexed(f);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct measured measured =
			rows[i].item
				? put_measured(f, member(f, rows[i].item, rows[i].t, rows[i].u), NULL, DDB_OK)
				: delete_measured(f, DOC("{'id':'a','sk':1}"), NULL, DDB_OK);
		const unsigned found[ARMS] = {(unsigned)units(&measured, NULL),
			(unsigned)units(&measured, "whole"), (unsigned)units(&measured, "keys"),
			(unsigned)units(&measured, "local")};
		const unsigned wanted[ARMS] = {rows[i].table, rows[i].whole, rows[i].keys, rows[i].local};
		if (memcmp(found, wanted, sizeof found) != 0)
			fail_msg("row %zu: %u, %u, %u, %u", i, found[0], found[1], found[2], found[3]);
	}
}

/* The table comes first, then local indexes, then global ones by name; what was not touched is not told. */
static void in_order(void **state)
{
	F;
	static const char *const names[ARMS] = {NULL, "local", "keys", "whole"};
	create_indexed(f);
	struct measured measured = put_measured(f, DOC("{'id':'a','sk':1,'g':'x','l':1}"), NULL, DDB_OK);
	const struct ddb_capacity *capacity = &measured.answer.capacity;
	assert_int_equal(capacity->count, ARMS);
	for (unsigned i = 0; i < ARMS; i++) {
		assert_true(!capacity->arms[i].index == !names[i]);
		if (names[i])
			assert_string_equal(capacity->arms[i].index, names[i]);
		assert_true(capacity->arms[i].local == (i == 1));
	}
}

static void of_failed_conditions_on_indexes(void **state)
{
	F;
	create_indexed(f);
	put(f, "Users", DOC("{'id':'a','sk':1,'g':'x','l':1}"));
	struct measured measured = put_measured(f, DOC("{'id':'a','sk':1,'g':'y'}"),
		condition(f, "g = :v", "{':v':'z'}"), DDB_CONDITIONAL_CHECK_FAILED);
	assert_int_equal(measured.answer.capacity.count, 1);
	assert_int_equal(units(&measured, NULL), 1);
}

static void of_batches(void **state)
{
	F;
	struct ddb_batch_write_result result;
	create_indexed(f);
	const struct ddb_batch_write requests[] = {
		{.table = "Users", .value = member(f, "{'id':'a','sk':1,'g':'x'}", 1500, 0)},
		{.table = "Users", .value = member(f, "{'id':'a','sk':2,'g':'x','l':1}", 0, 0)},
	};
	assert_ok(f, OP(f->engine, batch_write, &f->arena, requests, 2, &result, &f->err));
	struct measured measured = {.answer.capacity = result.capacities[0]};
	assert_int_equal(units(&measured, NULL), 2 + 1);
	assert_int_equal(units(&measured, "whole"), 2 + 1);
	assert_int_equal(units(&measured, "keys"), 1 + 1);
	assert_int_equal(units(&measured, "local"), 1);
}

/* ---- Item collections ---- */

static void of_collections(void **state)
{
	F;
	create_indexed(f);
	struct ddb_value first = DOC("{'id':'a','sk':1,'l':1}"), second = DOC("{'id':'a','sk':2}");
	size_t item = ddb_item_size(&first), other = ddb_item_size(&second);
	/* The item and its entry, which is the same here. */
	struct measured measured = put_measured(f, first, NULL, DDB_OK);
	assert_true(measured.answer.has_collection);
	assert_int_equal(measured.answer.collection_bytes, 2 * item);
	measured = put_measured(f, second, NULL, DDB_OK);
	assert_int_equal(measured.answer.collection_bytes, 2 * item + other);
	measured = put_measured(f, DOC("{'id':'b','sk':2}"), NULL, DDB_OK);
	assert_int_equal(measured.answer.collection_bytes, other);
	measured = update_measured(f, DOC("{'id':'a','sk':1}"), changes(f, "REMOVE l", NULL), NULL, DDB_OK);
	assert_int_equal(measured.answer.collection_bytes, item - 3 + other); /* "l" and 1: three bytes */
	measured = delete_measured(f, DOC("{'id':'a','sk':1}"), NULL, DDB_OK);
	assert_int_equal(measured.answer.collection_bytes, other);
	measured = delete_measured(f, DOC("{'id':'a','sk':2}"), NULL, DDB_OK);
	assert_true(measured.answer.has_collection);
	assert_int_equal(measured.answer.collection_bytes, 0);
}

static void of_no_collection(void **state)
{
	F;
	create(f, "Users", "id:S,sk:N");
	struct measured measured = put_measured(f, DOC("{'id':'a','sk':1}"), NULL, DDB_OK);
	assert_false(measured.answer.has_collection);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(of_sizes),
		CASE(of_updates),
		CASE(of_refusals),
		CASE(of_indexes),
		CASE(in_order),
		CASE(of_failed_conditions_on_indexes),
		CASE(of_batches),
		CASE(of_collections),
		CASE(of_no_collection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
