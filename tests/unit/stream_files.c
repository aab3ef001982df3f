/* T/.stream by way of the map alone: when a read would wait, what wakes it, what is kept and what no longer
 * is. */
#include "tree_fixture.h"

#include "engine/local/local_private.h"
#include "mapping/stream/window.h"

enum { DAY = 24 * 3600 };

static atomic_int_fast64_t late_s; /* what the engine's clock is before ours */
static atomic_int stirs;

static int64_t shifted_clock(void)
{
	return map_now_ns() + late_s * 1000000000;
}

static void stirred(void *context)
{
	(void)context;
	atomic_fetch_add(&stirs, 1);
}

/* A map that is told of news, on an engine whose clock can be moved. */
static void listen(struct fixture *fixture)
{
	const struct map_options options = {.changed = changed, .stirred = stirred, .context = fixture};
	map_free(fixture->map);
	fixture->map = map_new(fixture->engine, &options);
	assert_non_null(fixture->map);
	late_s = 0;
	stirs = 0;
	((struct local_engine *)fixture->engine)->clock = shifted_clock;
}

static void define(struct fixture *fixture, const char *table, const char *stream)
{
	DDB_TABLE_AUTO struct ddb_table *now = NULL;
	struct ddb_definition *definition;
	char text[400];
	snprintf(text, sizeof text,
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"h\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"h\",\"KeyType\":\"HASH\"}]%s%s%s}",
		*stream ? ",\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"" : "",
		stream, *stream ? "\"}" : "");
	check_code(fixture, ddb_definition_read(text, strlen(text), &definition, &fixture->err), __LINE__);
	if (fixture->engine->ops->describe_table(fixture->engine, table, &now, &fixture->err))
		OP(fixture, create_table, table, definition);
	else
		OP(fixture, update_table, table, NULL, definition);
	ddb_definition_unref(definition);
}

static struct map_file *open_file(struct fixture *fixture, const char *path, int expected)
{
	struct map_file *file = NULL;
	struct map_attr attr;
	assert_int_equal(map_open(fixture->map, &me, path, O_RDONLY, &file, &attr), expected);
	if (file) {
		assert_true(attr.stream);
		assert_int_equal(attr.size, 0);
	}
	return file;
}

/* How many records are read from `*offset` on till there is no more, and how that is answered. */
static int count_records(struct map_file *file, uint64_t *offset, unsigned *ret)
{
	static char buffer[1 << 20];
	size_t length;
	int number;
	*ret = 0;
	while (!(number = map_file_read(file, *offset, buffer, sizeof buffer, &length)) && length) {
		for (size_t i = 0; i < length; i++)
			*ret += buffer[i] == '\n';
		*offset += length;
	}
	return number;
}

static void assert_records(struct map_file *file, uint64_t *offset, unsigned expected, int number)
{
	unsigned count;
	assert_int_equal(count_records(file, offset, &count), number);
	assert_int_equal(count, expected);
}

static void release(struct map_file *file)
{
	assert_int_equal(map_file_release(file, &me), 0);
}

static void test_waiting(void **state)
{
	struct fixture *fixture = *state;
	uint64_t offset = 0;
	char buffer[100];
	size_t length;
	listen(fixture);
	define(fixture, "Table", "NEW_IMAGE");
	put(fixture, "Table", "{\"h\":\"before\"}");
	struct map_file *file = open_file(fixture, "Table/.stream/follow.jsonl", 0);
	assert_true(map_file_waits(file));
	assert_false(map_file_ready(file));
	assert_records(file, &offset, 0, EAGAIN);
	int before = stirs;
	put(fixture, "Table", "{\"h\":\"a\"}");
	put(fixture, "Table", "{\"h\":\"b\"}");
	assert_true(stirs >= before + 2);
	assert_true(map_file_ready(file));
	/* A line at a time, in pieces if need be. */
	assert_int_equal(map_file_read(file, 0, buffer, sizeof buffer, &length), 0);
	assert_int_equal(length, sizeof buffer);
	assert_true(map_file_ready(file));
	assert_records(file, &offset, 2, EAGAIN);
	assert_false(map_file_ready(file));
	before = stirs;
	put(fixture, "Table", "{\"h\":\"b\"}");
	assert_int_equal(stirs, before);
	assert_false(map_file_ready(file));
	/* What is further on than there is anything may come to be. */
	assert_int_equal(map_file_read(file, offset + 300, buffer, sizeof buffer, &length), EAGAIN);
	put(fixture, "Table", "{\"h\":\"c\"}");
	assert_int_equal(map_file_read(file, offset + 200, buffer, sizeof buffer, &length), 0);
	before = stirs;
	define(fixture, "Table", "");
	assert_true(stirs > before);
	assert_true(map_file_ready(file));
	assert_records(file, &offset, 1, 0);
	release(file);
	file = open_file(fixture, "Table/.stream/records.jsonl", 0);
	assert_false(map_file_waits(file));
	assert_true(map_file_ready(file));
	release(file);
}

/* Nobody would be told: it ends where it would wait. */
static void test_without_news(void **state)
{
	struct fixture *fixture = *state;
	uint64_t offset = 0;
	define(fixture, "Table", "KEYS_ONLY");
	struct map_file *file = open_file(fixture, "Table/.stream/follow.jsonl", 0);
	put(fixture, "Table", "{\"h\":\"a\"}");
	assert_records(file, &offset, 1, 0);
	assert_true(map_file_ready(file));
	put(fixture, "Table", "{\"h\":\"b\"}");
	assert_records(file, &offset, 0, 0);
	release(file);
}

static void position(char ret[100], const char *form, const char *record)
{
	const char *number = strstr(record, "\"SequenceNumber\":\"");
	assert_non_null(number);
	snprintf(ret, 100, "Table/.stream/%s=%.21s.jsonl", form, number + strlen("\"SequenceNumber\":\""));
}

static void test_trimmed(void **state)
{
	struct fixture *fixture = *state;
	char line[1000], after[100], at[100];
	uint64_t offset = 0, late = 0, kept = 0;
	size_t length;
	listen(fixture);
	define(fixture, "Table", "KEYS_ONLY");
	struct map_file *slow = open_file(fixture, "Table/.stream/follow.jsonl", 0);
	put(fixture, "Table", "{\"h\":\"a\"}");
	put(fixture, "Table", "{\"h\":\"b\"}");
	struct map_file *file = open_file(fixture, "Table/.stream/records.jsonl", 0);
	assert_int_equal(map_file_read(file, 0, line, sizeof line, &length), 0);
	release(file);
	position(at, "at", line);
	position(after, "after", line);
	release(open_file(fixture, at, 0));
	release(open_file(fixture, after, 0));
	late_s = DAY + 60;
	put(fixture, "Table", "{\"h\":\"c\"}");
	struct map_file *quick = open_file(fixture, "Table/.stream/follow.jsonl", 0);
	put(fixture, "Table", "{\"h\":\"d\"}");
	file = open_file(fixture, "Table/.stream/records.jsonl", 0);
	assert_records(file, &offset, 2, 0);
	release(file);
	assert_null(open_file(fixture, at, ENODATA));
	assert_null(open_file(fixture, after, ENODATA));
	/* Who follows misses nothing without hearing of it. */
	assert_true(map_file_ready(slow));
	assert_records(slow, &late, 0, ENODATA);
	release(slow);
	/* Who waits is never too late. */
	assert_records(quick, &kept, 1, EAGAIN);
	late_s = 3 * DAY;
	assert_records(quick, &kept, 0, EAGAIN);
	put(fixture, "Table", "{\"h\":\"e\"}");
	assert_records(quick, &kept, 1, EAGAIN);
	release(quick);
}

static void test_over(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr;
	uint64_t offset = 0;
	listen(fixture);
	define(fixture, "Table", "");
	assert_int_equal(map_stat(fixture->map, &me, "Table/.stream", &attr), ENOENT);
	define(fixture, "Table", "KEYS_ONLY");
	put(fixture, "Table", "{\"h\":\"a\"}");
	struct map_file *file = open_file(fixture, "Table/.stream/follow.jsonl", 0);
	define(fixture, "Table", "");
	assert_int_equal(map_stat(fixture->map, &me, "Table/.stream", &attr), 0);
	late_s = DAY + 60;
	assert_int_equal(map_stat(fixture->map, &me, "Table/.stream", &attr), ENOENT);
	assert_int_equal(map_stat(fixture->map, &me, "Table/.stream/records.jsonl", &attr), ENOENT);
	assert_records(file, &offset, 0, ENODATA);
	release(file);
}

/* What comes behind a record is of the next stream, unless the one that had it is forgotten. */
static void test_forgotten(void **state)
{
	struct fixture *fixture = *state;
	char line[1000], after[100], at[100];
	uint64_t offset = 0;
	size_t length;
	listen(fixture);
	define(fixture, "Table", "KEYS_ONLY");
	put(fixture, "Table", "{\"h\":\"a\"}");
	put(fixture, "Table", "{\"h\":\"b\"}");
	struct map_file *file = open_file(fixture, "Table/.stream/records.jsonl", 0);
	assert_int_equal(map_file_read(file, 0, line, sizeof line, &length), 0);
	release(file);
	position(at, "at", line);
	position(after, "after", line);
	define(fixture, "Table", "");
	late_s = DAY - 60;
	define(fixture, "Table", "KEYS_ONLY");
	put(fixture, "Table", "{\"h\":\"c\"}");
	file = open_file(fixture, after, 0);
	assert_records(file, &offset, 2, 0);
	release(file);
	late_s = DAY + 60;
	assert_null(open_file(fixture, at, ENODATA));
	assert_null(open_file(fixture, after, ENODATA));
	file = open_file(fixture, "Table/.stream/records.jsonl", 0);
	offset = 0;
	assert_records(file, &offset, 1, 0);
	release(file);
	release(open_file(fixture, "Table/.stream/after=000000000000000000000.jsonl", 0));
}

/* Whose records they are does not depend on what time it was. */
static void test_clock_back(void **state)
{
	struct fixture *fixture = *state;
	uint64_t offset = 0;
	listen(fixture);
	late_s = DAY / 2;
	define(fixture, "Table", "KEYS_ONLY");
	put(fixture, "Table", "{\"h\":\"another table's\"}");
	OP(fixture, delete_table, "Table", false);
	late_s = 0;
	define(fixture, "Table", "KEYS_ONLY");
	put(fixture, "Table", "{\"h\":\"a\"}");
	struct map_file *file = open_file(fixture, "Table/.stream/records.jsonl", 0);
	assert_records(file, &offset, 1, 0);
	release(file);
	late_s = DAY / 2;
	define(fixture, "Other", "");
	late_s = 0;
	define(fixture, "Other", "KEYS_ONLY");
	release(open_file(fixture, "Other/.stream/follow.jsonl", 0));
}

/* A long line is not paid for until the file is closed. */
static void test_window(void **state)
{
	(void)state;
	struct map_window window;
	char last[3];
	map_window_init(&window);
	for (size_t i = 0; i < 6 * MAP_WINDOW_KEPT; i++)
		ddb_buffer_add_byte(&window.text, 'x');
	ddb_buffer_add_string(&window.text, "end");
	uint64_t end = map_window_end(&window);
	map_window_forget(&window);
	assert_int_equal(map_window_end(&window), end);
	assert_int_equal(window.start, end - MAP_WINDOW_KEPT);
	assert_int_equal(window.text.capacity, MAP_WINDOW_KEPT);
	assert_int_equal(map_window_copy(&window, end - 3, false, last, sizeof last), 3);
	assert_memory_equal(last, "end", 3);
	map_window_done(&window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_waiting),
		TEST(test_without_news),
		TEST(test_trimmed),
		TEST(test_over),
		TEST(test_forgotten),
		TEST(test_clock_back),
		TEST(test_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
