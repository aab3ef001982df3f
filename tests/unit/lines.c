/*
 * Lines: T/.items.jsonl written and read, and the streams of T/.scan, up to ten thousand items.
 */
#include "files_world.h"

enum { MANY = 10000 };

static int write_lines(struct world *world, const char *path, const char *text)
{
	return write_pieces(world, path, O_WRONLY | O_TRUNC, text, strlen(text), strlen(text) + 1);
}

static uint64_t count(struct world *world, const char *table)
{
	struct ddb_table_counts counts;
	struct ddb_error err;
	assert_int_equal(world->engine->ops->count_table(world->engine, table, &counts, &err), 0);
	return counts.items;
}

static void test_lines(void **state)
{
	static const char text[] =
		"{\"id\":\"a\",\"v\":1}\n\n  \r\n{\"v\":[1,{}],\"id\":\"b\"}\r\n{\"id\":\"a\",\"v\":2}\n";
	struct world *world = *state;
	assert_echo(world, "Users/kept.json", "{}");
	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		assert_int_equal(write_pieces(world, "Users/.items.jsonl", O_WRONLY | O_TRUNC, text,
					 sizeof(text) - 1, piece),
			0);
		assert_cat(world, "Users/a.json", "{\n  \"id\": \"a\",\n  \"v\": 2\n}\n");
		assert_cat(
			world, "Users/b.json", "{\n  \"id\": \"b\",\n  \"v\": [\n    1,\n    {}\n  ]\n}\n");
	}
	assert_cat(world, "Users/kept.json", "{\n  \"id\": \"kept\"\n}\n");
	assert_int_equal(count(world, "Users"), 3);
	assert_int_equal(error_count(world), 0);
}

static void test_put_at_the_write(void **state)
{
	struct world *world = *state;
	struct map_file *file = must_open(world, "Users/.items.jsonl", O_WRONLY | O_APPEND);
	assert_int_equal(write_at(file, 0, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":"), 0);
	assert_cat(world, "Users/a.json", "{\n  \"id\": \"a\"\n}\n");
	assert_cat(world, "Users/b.json", "{\n  \"id\": \"b\"\n}\n");
	assert_int_equal(map_file_truncate(file, &alice, 0), 0);
	assert_int_equal(write_at(file, 7, "\"c\"}"), 0);
	assert_gone(world, "Users/c.json");
	/* A last line without newline, and its newline after all. */
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_cat(world, "Users/c.json", "{\n  \"id\": \"c\"\n}\n");
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(write_at(file, 0, "\n{\"id\":\"d\"}"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/d.json", "{\n  \"id\": \"d\"\n}\n");
	assert_int_equal(error_count(world), 0);
}

static const struct {
	const char *line;
	int number;
	const char *name, *message;
} bad[] = {
	{"{\"id\":\"x\",}", EINVAL, "EINVAL", "line 3: "},
	{"[]", EINVAL, "EINVAL", "line 3: "},
	{"{\"v\":1}", EINVAL, "EINVAL",
		"line 3: One or more parameter values were invalid: Missing the key id in the item"},
	{"{\"id\":5}", EINVAL, "EINVAL", "line 3: "},
	{"{\"id\":\"\"}", EINVAL, "EINVAL", "line 3: "},
	{"{\"id\":\"x\"} {}", EINVAL, "EINVAL", "line 3: "},
	{"{\"id\":\"x\",\"v\":{\"$ss\":[]}}", EINVAL, "EINVAL", "line 3: "},
};

static void test_bad_line(void **state)
{
	struct world *world = *state;
	char text[300];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct map_file *file = must_open(world, "Users/.items.jsonl", O_WRONLY);
		snprintf(text, sizeof(text), "{\"id\":\"a\",\"v\":%zu}\n\n%s\n{\"id\":\"after\"}\n", i,
			bad[i].line);
		assert_int_equal(write_at(file, 0, text), bad[i].number);
		assert_refusal(world, "Users/.items.jsonl", "write", bad[i].name, bad[i].message);
		assert_int_equal(write_at(file, 0, "{\"id\":\"after\"}\n"), bad[i].number);
		assert_int_equal(map_file_flush(file, &alice), 0);
		assert_int_equal(map_file_release(file, &alice), 0);
		assert_int_equal(error_count(world), (int)i + 1);
		snprintf(text, sizeof(text), "{\n  \"id\": \"a\",\n  \"v\": %zu\n}\n", i);
		assert_cat(world, "Users/a.json", text);
		assert_gone(world, "Users/after.json");
	}
	assert_int_equal(write_lines(world, "Users/.items.jsonl", "{\"id\":\"b\"}\n{\"id\":"), EINVAL);
	assert_refusal(world, "Users/.items.jsonl", "close", "EINVAL", "line 2: ");
	assert_cat(world, "Users/b.json", "{\n  \"id\": \"b\"\n}\n");
}

static void test_line_too_long(void **state)
{
	struct world *world = *state;
	struct map_file *file = must_open(world, "Users/.items.jsonl", O_WRONLY);
	char *space = malloc(1 << 20);
	memset(space, ' ', 1 << 20);
	assert_int_equal(write_at(file, 0, "{\"id\":\"a\"}\n{"), 0);
	int number = 0, writes = 0;
	for (; !number && writes < 100; writes++)
		number = map_file_write(file, &alice, 0, space, 1 << 20);
	assert_int_equal(number, EFBIG);
	assert_int_equal(writes, 32);
	assert_refusal(world, "Users/.items.jsonl", "write", "EFBIG", "line 2: ");
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/a.json", "{\n  \"id\": \"a\"\n}\n");
	/* An item that is too large is its line's refusal as well. */
	char *line = malloc(500000);
	size_t length = (size_t)sprintf(line, "{\"id\":\"b\"}\n{\"id\":\"big\",\"v\":\"");
	memset(line + length, 'x', 410000);
	strcpy(line + length + 410000, "\"}\n");
	assert_int_equal(write_lines(world, "Users/.items.jsonl", line), EFBIG);
	assert_refusal(world, "Users/.items.jsonl", "write", "EFBIG", "line 2: Item size has exceeded");
	assert_cat(world, "Users/b.json", "{\n  \"id\": \"b\"\n}\n");
	free(line);
	free(space);
}

static void test_typed_lines(void **state)
{
	struct world *world = *state;
	assert_int_equal(write_lines(world, "Orders/.typed/.items.jsonl",
				 "{\"user\":{\"S\":\"a\"},\"date\":{\"S\":\"1\"},\"n\":{\"N\":\"1e2\"}}\n"),
		0);
	assert_cat(world, "Orders/.items.jsonl", "{\"user\":\"a\",\"date\":\"1\",\"n\":100}\n");
	assert_cat(world, "Orders/.typed/.items.jsonl",
		"{\"user\":{\"S\":\"a\"},\"date\":{\"S\":\"1\"},\"n\":{\"N\":\"100\"}}\n");
	assert_int_equal(
		write_lines(world, "Orders/.typed/.items.jsonl", "{\"user\":\"a\",\"date\":\"2\"}\n"),
		EINVAL);
	assert_int_equal(write_lines(world, "Orders/.items.jsonl", "{\"user\":\"a\"}\n"), EINVAL);
	assert_refusal(world, "Orders/.items.jsonl", "write", "EINVAL", "Missing the key date");
	assert_int_equal(count(world, "Orders"), 1);
}

static void test_told(void **state)
{
	struct world *world = *state;
	assert_int_equal(write_lines(world, "Orders/.items.jsonl",
				 "{\"user\":\"a/b\",\"date\":\"1\"}\n{\"user\":\"c\",\"date\":\"2\"}\n"),
		0);
	bool first = false, typed = false, second = false;
	for (size_t i = 0; i < world->told_count; i++) {
		first |= !strcmp(world->told[i].path, "Orders/a%2Fb/1.json") && world->told[i].version;
		typed |= !strcmp(world->told[i].path, "Orders/.typed/a%2Fb/1.json");
		second |= !strcmp(world->told[i].path, "Orders/c/2.json");
		assert_non_null(world->told[i].by);
	}
	assert_true(first && typed && second);
}

static void test_provisional(void **state)
{
	struct world *world = *state;
	make_provisional(world, "Fresh");
	assert_cat(world, "Fresh/.items.jsonl", "");
	assert_int_equal(write_lines(world, "Fresh/.items.jsonl", "{\"pk\":\"a\"}\n"), EINVAL);
	assert_refusal(
		world, "Fresh/.items.jsonl", "write", "EINVAL", "line 1: The table has no definition yet");
	assert_int_equal(write_lines(world, "Fresh/.items.jsonl", "\n"), 0);
	assert_echo(world, "Fresh/a.json", "{\"v\":1}");
	assert_cat(world, "Fresh/.items.jsonl", "{\"pk\":\"a\",\"v\":1}\n");
	assert_cat(world, "Fresh/.scan/items.jsonl", "{\"pk\":\"a\",\"v\":1}\n");
}

/* ---- Ten thousand ---- */

static void put_many(struct world *world)
{
	char *text = malloc(MANY * 400), *end = text;
	char filling[301];
	memset(filling, 'x', 300);
	filling[300] = '\0';
	for (int i = 0; i < MANY; i++)
		end += sprintf(
			end, "{\"user\":\"u%d\",\"date\":\"%d\",\"text\":\"%s\"}\n", i % 137, i, filling);
	assert_int_equal(
		write_pieces(world, "Orders/.items.jsonl", O_WRONLY, text, (size_t)(end - text), 131072), 0);
	free(text);
	assert_int_equal(count(world, "Orders"), MANY);
}

/* Marks the items of a text of lines; no item may have been there before. */
static int mark(const char *text, bool seen[MANY])
{
	int lines = 0;
	for (const char *line = text; *line; line = strchr(line, '\n') + 1, lines++) {
		int user, date;
		assert_int_equal(sscanf(line, "{\"user\":\"u%d\",\"date\":\"%d\"", &user, &date), 2);
		assert_true(date >= 0 && date < MANY && user == date % 137);
		assert_false(seen[date]);
		seen[date] = true;
	}
	return lines;
}

static void test_many(void **state)
{
	static const unsigned parts[] = {1, 2, 3, 7, 16};
	struct world *world = *state;
	put_many(world);
	char *whole = cat(world, "Orders/.items.jsonl");
	bool seen[MANY] = {false};
	assert_int_equal(mark(whole, seen), MANY);
	assert_cat(world, "Orders/.scan/items.jsonl", whole);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		bool part[MANY] = {false};
		int lines = 0;
		for (unsigned k = 0; k < parts[i]; k++) {
			char path[64];
			snprintf(path, sizeof(path), "Orders/.scan/%u/%u.jsonl", parts[i], k);
			char *text = cat(world, path);
			lines += mark(text, part);
			free(text);
		}
		assert_int_equal(lines, MANY);
	}
	char *last = cat(world, "Orders/.scan/1000000/999999.jsonl");
	assert_non_null(last);
	free(last);
	free(whole);
}

static void test_segment_names(void **state)
{
	static const char *const none[] = {"Orders/.scan/0", "Orders/.scan/01", "Orders/.scan/1000001",
		"Orders/.scan/x", "Orders/.scan/3/3.jsonl", "Orders/.scan/3/00.jsonl",
		"Orders/.scan/3/-1.jsonl", "Orders/.scan/3/1", "Orders/.scan/99999999999999999999"};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_gone(world, none[i]);
	struct map_attr attr;
	assert_int_equal(map_stat(world->map, &alice, "Orders/.scan/3/2.jsonl", &attr), 0);
	assert_true(attr.stream);
	assert_int_equal(attr.size, 0);
	assert_cat(world, "Orders/.scan/3/2.jsonl", "");
}

static void test_any_offset(void **state)
{
	struct world *world = *state;
	put_many(world);
	char *whole = cat(world, "Orders/.items.jsonl"), buffer[5000];
	size_t length = strlen(whole), got;
	struct map_file *file = must_open(world, "Orders/.items.jsonl", O_RDONLY);
	static const size_t at[] = {0, 100, 300000, 299000, 650000, 5, 2400000, 2399999, 1300000, 1, 3300000};
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		size_t offset = at[i] < length ? at[i] : length / 2;
		assert_int_equal(map_file_read(file, offset, buffer, sizeof(buffer), &got), 0);
		assert_int_equal(got, length - offset < sizeof(buffer) ? length - offset : sizeof(buffer));
		assert_memory_equal(buffer, whole + offset, got);
	}
	assert_int_equal(map_file_read(file, length, buffer, sizeof(buffer), &got), 0);
	assert_int_equal(got, 0);
	assert_int_equal(map_file_read(file, length + 10, buffer, sizeof(buffer), &got), 0);
	assert_int_equal(got, 0);
	assert_int_equal(map_file_read(file, length - 10, buffer, sizeof(buffer), &got), 0);
	assert_int_equal(got, 10);
	assert_int_equal(map_file_release(file, &alice), 0);
	/* A shell that reads lines: a block, and back to behind the line. */
	file = must_open(world, "Orders/.scan/items.jsonl", O_RDONLY);
	for (size_t offset = 0; offset < length;) {
		assert_int_equal(map_file_read(file, offset, buffer, 512, &got), 0);
		char *newline = memchr(buffer, '\n', got);
		assert_non_null(newline);
		assert_memory_equal(buffer, whole + offset, (size_t)(newline - buffer));
		offset += (size_t)(newline - buffer) + 1;
	}
	assert_int_equal(map_file_release(file, &alice), 0);
	/* In one piece. */
	char *again = malloc(length + 100);
	file = must_open(world, "Orders/.items.jsonl", O_RDONLY);
	assert_int_equal(map_file_read(file, 0, again, length + 100, &got), 0);
	assert_int_equal(got, length);
	assert_memory_equal(again, whole, length);
	assert_int_equal(map_file_release(file, &alice), 0);
	free(again);
	free(whole);
}

/* ---- An engine that fails ---- */

static struct ddb_engine_ops failing;
static const struct ddb_engine_ops *sound;
static int queries_left;

static enum ddb_code query_until(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_query *query, struct ddb_page *ret, struct ddb_error *err)
{
	if (queries_left-- > 0)
		return sound->query(engine, arena, query, ret, err);
	return ddb_fail(err, DDB_DAMAGED, "A record is damaged");
}

static enum ddb_code put_many_of_two(struct ddb_engine *engine, const struct ddb_put_many *put,
	struct ddb_put_many_result *ret, struct ddb_error *err)
{
	struct ddb_put_many first = *put;
	first.count = put->count < 2 ? put->count : 2;
	enum ddb_code code = sound->put_many(engine, &first, ret, err);
	if (code || first.count == put->count)
		return code;
	return ddb_fail(err, DDB_STORE_FULL, "The disk is full");
}

static void test_damaged(void **state)
{
	struct world *world = *state;
	put_many(world);
	char *whole = cat(world, "Orders/.items.jsonl"), *text = malloc(4 << 20);
	sound = world->engine->ops;
	failing = *sound;
	failing.query = query_until;
	queries_left = 2;
	world->engine->ops = &failing;
	struct map_file *file = must_open(world, "Orders/.items.jsonl", O_RDONLY);
	size_t length, none;
	/* What can be had is given; the read behind it says why there is no more. */
	assert_int_equal(map_file_read(file, 0, text, 4 << 20, &length), 0);
	assert_in_range(length, 100, strlen(whole) - 1);
	assert_memory_equal(text, whole, length);
	assert_int_equal(map_file_read(file, length, text, 10, &none), EIO);
	assert_refusal(world, "Orders/.items.jsonl", "read", "EIO", "A record is damaged");
	assert_int_equal(map_file_read(file, length - 10, text, 10, &none), 0);
	assert_int_equal(none, 10);
	/* It goes on when the engine does. */
	queries_left = 100;
	assert_int_equal(map_file_read(file, length, text, 10, &none), 0);
	assert_memory_equal(text, whole + length, 10);
	assert_int_equal(map_file_release(file, &alice), 0);
	world->engine->ops = sound;
	free(text);
	free(whole);
}

static void test_store_full(void **state)
{
	struct world *world = *state;
	sound = world->engine->ops;
	failing = *sound;
	failing.put_many = put_many_of_two;
	world->engine->ops = &failing;
	assert_int_equal(write_lines(world, "Users/.items.jsonl",
				 "{\"id\":\"a\"}\n\n{\"id\":\"b\"}\n\n{\"id\":\"c\"}\n{\"id\":\"d\"}\n"),
		ENOSPC);
	assert_refusal(world, "Users/.items.jsonl", "write", "ENOSPC", "line 5: The disk is full");
	assert_int_equal(count(world, "Users"), 2);
	size_t told = 0;
	for (size_t i = 0; i < world->told_count; i++)
		told += !strncmp(world->told[i].path, "Users/", 6);
	assert_int_equal(told, 4);
	world->engine->ops = sound;
}

static void test_table_gone(void **state)
{
	struct world *world = *state;
	struct ddb_error err;
	struct map_file *reader = must_open(world, "Users/.items.jsonl", O_RDONLY);
	struct map_file *writer = must_open(world, "Users/.items.jsonl", O_WRONLY);
	assert_int_equal(world->engine->ops->delete_table(world->engine, "Users", false, &err), 0);
	char byte;
	size_t length;
	assert_int_equal(map_file_read(reader, 0, &byte, 1, &length), ENOENT);
	assert_int_equal(write_at(writer, 0, "{\"id\":\"a\"}\n"), ENOENT);
	assert_int_equal(map_file_release(reader, &alice), 0);
	assert_int_equal(map_file_release(writer, &alice), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines),
		TEST(put_at_the_write),
		TEST(bad_line),
		TEST(line_too_long),
		TEST(typed_lines),
		TEST(told),
		TEST(provisional),
		TEST(many),
		TEST(segment_names),
		TEST(any_offset),
		TEST(damaged),
		TEST(store_full),
		TEST(table_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
