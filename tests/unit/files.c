/*
 * Open items and scratch files on a real engine: what the contract says of writing, sentence by sentence.
 */
#include "files_world.h"

#define OLD "{\n  \"id\": \"alice\",\n  \"v\": 1\n}\n"

static void put_old(struct world *world)
{
	assert_echo(world, "Users/alice.json", "{\"v\": 1}");
	assert_cat(world, "Users/alice.json", OLD);
}

/* ---- Put ---- */

static void test_echo(void **state)
{
	struct world *world = *state;
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY | O_CREAT | O_TRUNC);
	struct map_attr attr;
	map_file_attr(file, &attr);
	assert_int_equal(attr.size, 0);
	assert_true(attr.ino > 1);
	assert_true(attr.writable);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_gone(world, "Users/alice.json");
	assert_int_equal(write_at(file, 0, "{\"v\": 1}\n"), 0);
	assert_cat(world, "Users/alice.json", OLD); /* put by the write, before any close */
	map_file_attr(file, &attr);
	assert_int_equal(attr.size, strlen(OLD));
	assert_int_equal(attr.version, version_of(world, "Users/alice.json"));
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", OLD);
	assert_int_equal(error_count(world), 0);
}

static void test_every_piece_size(void **state)
{
	static const char text[] =
		"{\"v\": {\"a\": [1, 2, {\"$ss\": [\"x\"]}]},\n\"n\": -1.50e3, \"t\": \"\\u00e4\"}\n";
	struct world *world = *state;
	put_old(world);
	for (size_t piece = 1; piece <= sizeof(text); piece += piece < 20 ? 1 : 13) {
		assert_echo(world, "Users/alice.json", "{\"v\":1}");
		assert_int_equal(write_pieces(world, "Users/alice.json", O_WRONLY | O_TRUNC, text,
					 sizeof(text) - 1, piece),
			0);
		assert_cat(world, "Users/alice.json",
			"{\n  \"id\": \"alice\",\n  \"n\": -1500,\n  \"t\": \"ä\",\n  \"v\": {\n    \"a\": "
			"[\n      1,\n      2,\n"
			"      {\n        \"$ss\": [\n          \"x\"\n        ]\n      }\n    ]\n  }\n}\n");
	}
	assert_int_equal(error_count(world), 0);
}

static void test_old_until_complete(void **state)
{
	static const char text[] = "{\"v\":22}";
	struct world *world = *state;
	put_old(world);
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY | O_TRUNC);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_cat(world, "Users/alice.json", OLD);
		assert_int_equal(map_file_write(file, &alice, i, text + i, 1), 0);
	}
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 22\n}\n");
	assert_int_equal(map_file_release(file, &alice), 0);
}

static void test_two_objects(void **state)
{
	struct world *world = *state;
	put_old(world);
	assert_int_equal(echo_to(world, "Users/alice.json", "{\"v\":2} {\"v\":3}"), EINVAL);
	assert_cat(world, "Users/alice.json", OLD);
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY | O_TRUNC);
	assert_int_equal(write_at(file, 0, "{\"v\":2}\n"), 0);
	assert_int_equal(write_at(file, 8, "{\"v\":3}\n"), EINVAL);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 2\n}\n");
	assert_int_equal(error_count(world), 2);
}

/* Many programs ignore EINVAL from fsync. */
static void test_close_repeats_fsync(void **state)
{
	struct world *world = *state;
	put_old(world);
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY);
	assert_int_equal(write_at(file, 0, "garbage"), 0);
	assert_int_equal(map_file_sync(file, &alice), EINVAL);
	assert_int_equal(map_file_sync(file, &alice), EINVAL);
	assert_int_equal(map_file_flush(file, &alice), EINVAL);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(error_count(world), 1);
	/* What is written in between counts, not what was. */
	assert_int_equal(write_at(file, 0, "[]"), 0);
	assert_int_equal(map_file_sync(file, &alice), EINVAL);
	assert_int_equal(map_file_truncate(file, &alice, 0), 0);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(write_at(file, 0, "{\"v\":"), 0);
	assert_int_equal(map_file_sync(file, &alice), EINVAL);
	assert_int_equal(write_at(file, 5, "8}"), 0);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 8\n}\n");
	assert_int_equal(error_count(world), 3);
}

static void test_unfinished(void **state)
{
	struct world *world = *state;
	put_old(world);
	assert_int_equal(echo_to(world, "Users/alice.json", "{\"v\":"), EINVAL);
	assert_refusal(world, "Users/alice.json", "close", "EINVAL", "line 1, column 6");
	assert_int_equal(error_count(world), 1);
	assert_cat(world, "Users/alice.json", OLD);
	/* Only the release has said nothing yet. */
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY | O_TRUNC);
	assert_int_equal(write_at(file, 0, "{"), 0);
	assert_int_equal(map_file_release(file, &alice), EINVAL);
	assert_int_equal(error_count(world), 2);
	/* The flush of a duplicate: the handle goes on. */
	file = must_open(world, "Users/alice.json", O_WRONLY | O_TRUNC);
	assert_int_equal(write_at(file, 0, "{\"v\":"), 0);
	assert_int_equal(map_file_flush(file, &alice), EINVAL);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(write_at(file, 5, "7}"), 0);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 7\n}\n");
	/* A new name is gone. */
	assert_int_equal(echo_to(world, "Users/new.json", "{\"v\":"), EINVAL);
	assert_gone(world, "Users/new.json");
	assert_int_equal(error_count(world), 4);
}

/* Texts that can no longer become the document of Users/alice.json, and what is said of them. */
static const struct {
	const char *text;
	int number;
	const char *message;
} refused[] = {
	{"[1]", EINVAL, "line 1, column 1"},
	{"{\"v\": tru3}", EINVAL, "line 1, column"},
	{"{\"v\": 1,}", EINVAL, "line 1, column"},
	{"{\"v\": 1, \"v\": 2}", EINVAL, ""},
	{"{\"v\": \"\\ud800\"}", EINVAL, ""},
	{"{\"v\": \"\xff\"}", EINVAL, ""},
	{"{\"v\": 1} }", EINVAL, ""},
	{"{\"v\": 123456789012345678901234567890123456789}", EINVAL,
		"Attempting to store more than 38 significant digits in a Number"},
	{"{\"v\": 1e126}", EINVAL, "Number overflow"},
	{"{\"v\": 1e-131}", EINVAL, "Number underflow"},
	{"{\"v\": {\"$ss\": []}}", EINVAL, "set  may not be empty"},
	{"{\"v\": {\"$odd\": 1}}", EINVAL, ""},
	{"{\"v\": {\"$binary\": \"*\"}}", EINVAL, ""},
	{"{\"id\": \"bob\"}", EINVAL, "The document's key attribute id does not agree with its path"},
	{"{\"id\": 5}", EINVAL, "The document's key attribute id does not agree with its path"},
	{"\xef\xbb\xbf{}", EINVAL, ""},
};

static void test_refused(void **state)
{
	struct world *world = *state;
	put_old(world);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(echo_to(world, "Users/alice.json", refused[i].text), refused[i].number);
		assert_refusal(world, "Users/alice.json", "write", "EINVAL", refused[i].message);
		assert_int_equal(error_count(world), (int)i + 1);
	}
	assert_cat(world, "Users/alice.json", OLD);
}

static void test_refused_new_name(void **state)
{
	struct world *world = *state;
	struct map_file *file = must_open(world, "Users/new.json", O_WRONLY | O_CREAT | O_TRUNC);
	assert_false(map_file_refused(file));
	assert_int_equal(write_at(file, 0, "nonsense"), EINVAL);
	assert_true(map_file_refused(file));
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(map_file_sync(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_gone(world, "Users/new.json");
	assert_int_equal(error_count(world), 1);
}

static void test_truncation_alone(void **state)
{
	struct world *world = *state;
	put_old(world);
	uint64_t version = version_of(world, "Users/alice.json");
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY | O_TRUNC);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	file = must_open(world, "Users/alice.json", O_RDWR);
	assert_int_equal(map_file_truncate(file, &alice, 0), 0);
	assert_int_equal(map_file_sync(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", OLD);
	assert_int_equal(version_of(world, "Users/alice.json"), version);
	assert_int_equal(error_count(world), 0);
}

/* jq . f > f: the shell truncates, jq then reads. */
static void test_filter_onto_itself(void **state)
{
	struct world *world = *state;
	put_old(world);
	struct map_file *out = must_open(world, "Users/alice.json", O_WRONLY | O_TRUNC);
	char *text = cat(world, "Users/alice.json");
	assert_string_equal(text, OLD);
	text[strlen(text) - 4] = '9';
	assert_int_equal(write_at(out, 0, text), 0);
	assert_int_equal(map_file_release(out, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 9\n}\n");
	free(text);
}

static void test_reader_keeps_its_version(void **state)
{
	struct world *world = *state;
	struct ddb_error err;
	put_old(world);
	struct map_file *reader = must_open(world, "Users/alice.json", O_RDONLY);
	assert_echo(world, "Users/alice.json", "{\"v\": 12345}");
	struct map_file *second = must_open(world, "Users/alice.json", O_RDONLY);
	struct ddb_attribute key = {"id", 2, ddb_string("alice", 5)};
	struct ddb_delete_item gone = {
		.table = "Users", .key = {.type = DDB_M, .count = 1, .attributes = &key}};
	struct ddb_delete_result result;
	assert_int_equal(world->engine->ops->delete_item(world->engine, &gone, &result, &err), 0);
	char *text = read_file(reader, 3, NULL);
	assert_string_equal(text, OLD);
	free(text);
	text = read_file(second, 100, NULL);
	assert_string_equal(text, "{\n  \"id\": \"alice\",\n  \"v\": 12345\n}\n");
	free(text);
	size_t length = 1;
	char byte;
	assert_int_equal(map_file_read(reader, UINT64_MAX, &byte, 1, &length), 0);
	assert_int_equal(length, 0);
	assert_int_equal(map_file_write(reader, &alice, 0, "x", 1), EBADF);
	assert_int_equal(map_file_truncate(reader, &alice, 0), EBADF);
	assert_int_equal(map_file_release(reader, &alice), 0);
	assert_int_equal(map_file_release(second, &alice), 0);
	assert_gone(world, "Users/alice.json");
}

static void test_read_write_handle(void **state)
{
	struct world *world = *state;
	put_old(world);
	struct map_file *file = must_open(world, "Users/alice.json", O_RDWR);
	assert_echo(world, "Users/alice.json", "{\"v\": 2}");
	char *text = read_file(file, 100, NULL);
	assert_string_equal(text, OLD);
	free(text);
	/* Edits begin with what the handle has shown. */
	assert_int_equal(write_at(file, 25, "5"), 0);
	text = read_file(file, 100, NULL);
	assert_string_equal(text, "{\n  \"id\": \"alice\",\n  \"v\":51\n}\n");
	free(text);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 51\n}\n");
	assert_int_equal(map_file_truncate(file, &alice, 0), 0);
	assert_int_equal(write_at(file, 0, "{\"v\":\n3}"), 0);
	text = read_file(file, 2, NULL);
	assert_string_equal(text, "{\"v\":\n3}"); /* its own text */
	free(text);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 3\n}\n");
}

/* ---- New names ---- */

static void test_exclusive(void **state)
{
	struct world *world = *state;
	struct map_file *file, *other;
	struct map_attr attr;
	assert_int_equal(open_file(world, "Users/a.json", O_WRONLY | O_CREAT | O_EXCL, &file), 0);
	assert_int_equal(open_file(world, "Users/a.json", O_WRONLY | O_CREAT | O_EXCL, &other), 0);
	assert_int_equal(write_at(file, 0, "{\"by\":1}"), 0);
	assert_int_equal(write_at(other, 0, "{\"by\":2}"), EEXIST);
	assert_true(map_file_refused(other));
	assert_int_equal(map_file_release(other, &alice), 0);
	/* Only the first put has the condition. */
	assert_int_equal(map_file_truncate(file, &alice, 0), 0);
	assert_int_equal(write_at(file, 0, "{\"by\":3}"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/a.json", "{\n  \"id\": \"a\",\n  \"by\": 3\n}\n");
	assert_int_equal(map_create(world->map, &alice, "Users/a.json", O_WRONLY | O_CREAT | O_EXCL, 0644,
				 &file, &attr),
		EEXIST);
	/* Never written, and somebody got there: at release. */
	assert_int_equal(open_file(world, "Users/b.json", O_WRONLY | O_CREAT | O_EXCL, &file), 0);
	assert_echo(world, "Users/b.json", "{\"by\":1}");
	assert_int_equal(map_file_release(file, &alice), EEXIST);
	assert_cat(world, "Users/b.json", "{\n  \"id\": \"b\",\n  \"by\": 1\n}\n");
}

static void test_created_twice(void **state)
{
	struct world *world = *state;
	struct map_file *first = must_open(world, "Users/a.json", O_WRONLY | O_CREAT);
	struct map_file *second = must_open(world, "Users/a.json", O_WRONLY | O_CREAT);
	assert_int_equal(write_at(first, 0, "{\"by\":1}"), 0);
	assert_int_equal(write_at(second, 0, "{\"by\":2}"), 0);
	assert_int_equal(map_file_release(first, &alice), 0);
	assert_int_equal(map_file_release(second, &alice), 0);
	assert_cat(world, "Users/a.json", "{\n  \"id\": \"a\",\n  \"by\": 2\n}\n");
	/* A touch that comes second takes nothing away. */
	first = must_open(world, "Users/b.json", O_WRONLY | O_CREAT);
	second = must_open(world, "Users/b.json", O_WRONLY | O_CREAT);
	assert_int_equal(write_at(first, 0, "{\"by\":1}"), 0);
	assert_int_equal(map_file_release(second, &alice), 0);
	assert_int_equal(map_file_release(first, &alice), 0);
	assert_cat(world, "Users/b.json", "{\n  \"id\": \"b\",\n  \"by\": 1\n}\n");
	assert_int_equal(error_count(world), 0);
}

static void test_touch(void **state)
{
	struct world *world = *state;
	struct map_file *file = must_open(world, "Users/a.json", O_WRONLY | O_CREAT | O_TRUNC);
	struct map_attr attr;
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_gone(world, "Users/a.json");
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/a.json", "{\n  \"id\": \"a\"\n}\n");
	/* At once at fsync, and then it can still be written. */
	file = must_open(world, "Orders/alice/1.json", O_RDWR | O_CREAT);
	size_t length = 1;
	char byte;
	assert_int_equal(map_file_read(file, 0, &byte, 1, &length), 0);
	assert_int_equal(length, 0);
	assert_int_equal(write_at(file, 0, " \n"), 0);
	assert_int_equal(map_file_sync(file, &alice), 0);
	assert_cat(world, "Orders/alice/1.json", "{\n  \"user\": \"alice\",\n  \"date\": \"1\"\n}\n");
	map_file_attr(file, &attr);
	assert_int_equal(attr.version, version_of(world, "Orders/alice/1.json"));
	assert_int_equal(write_at(file, 2, "{\"v\":1}"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Orders/alice/1.json",
		"{\n  \"user\": \"alice\",\n  \"date\": \"1\",\n  \"v\": 1\n}\n");
	/* An item that is there already is not touched. */
	file = must_open(world, "Orders/alice/1.json", O_WRONLY | O_CREAT);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Orders/alice/1.json",
		"{\n  \"user\": \"alice\",\n  \"date\": \"1\",\n  \"v\": 1\n}\n");
	assert_int_equal(error_count(world), 0);
}

static void test_bad_names(void **state)
{
	static const struct {
		const char *path;
		int number;
	} names[] = {
		{"Users/%2f.json", EINVAL},
		{"Users/a%41.json", EINVAL},
		{"Users/.json", 0}, /* a scratch file */
		{"Orders/x.json", EINVAL},
		{"Nowhere/a.json", ENOENT},
		{"plain", EINVAL},
		{"Users/.scan/x", EACCES},
		{"Users/.scan/3/x", EACCES},
		{"Users/.scan/3/2.jsonl", EACCES},
		{"Users/.status.json", EACCES},
		{".errors", EACCES},
		{"Users", EISDIR},
		{"Users/.typed", EISDIR},
	};
	struct world *world = *state;
	struct map_file *file;
	struct map_attr attr;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int number =
			map_create(world->map, &alice, names[i].path, O_WRONLY | O_CREAT, 0644, &file, &attr);
		if (number != names[i].number)
			fail_msg("%s: %s", names[i].path, strerror(number));
		if (!number)
			map_file_release(file, &alice);
	}
	assert_int_equal(map_open(world->map, &alice, "Users/none.json", O_RDONLY, &file, &attr), ENOENT);
	assert_int_equal(map_open(world->map, &alice, "Users/%2f.json", O_RDONLY, &file, &attr), ENOENT);
	assert_int_equal(
		map_open(world->map, &alice, "Users/none.json", O_WRONLY | O_TRUNC, &file, &attr), ENOENT);
	assert_int_equal(map_open(world->map, &alice, "Users", O_RDONLY, &file, &attr), EISDIR);
	assert_int_equal(map_open(world->map, &alice, ".status", O_RDWR, &file, &attr), EACCES);
	assert_refusal(world, ".status", "open", "EACCES", "");
	assert_int_equal(
		map_open(world->map, &alice, "Users/.scan/items.jsonl", O_WRONLY, &file, &attr), EACCES);
}

static void test_read_only(void **state)
{
	struct world *world = *state;
	put_old(world);
	struct map_options options = {.read_only = true};
	struct map *map = map_new(world->engine, &options);
	struct map_file *file;
	struct map_attr attr;
	assert_int_equal(map_open(map, &alice, "Users/alice.json", O_WRONLY | O_TRUNC, &file, &attr), EROFS);
	assert_int_equal(
		map_create(map, &alice, "Users/b.json", O_WRONLY | O_CREAT, 0644, &file, &attr), EROFS);
	assert_int_equal(map_open(map, &alice, "Users/alice.json", O_RDONLY, &file, &attr), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	map_free(map);
}

/* ---- Keys ---- */

static void test_keys_and_partitions(void **state)
{
	struct world *world = *state;
	make_table(world, "Numbers", "n", DDB_N, "b", DDB_B);
	assert_echo(world, "Numbers/-1.5/AAEC.json", "{}");
	assert_cat(world, "Numbers/-1.5/AAEC.json",
		"{\n  \"n\": -1.5,\n  \"b\": {\n    \"$binary\": \"AAEC\"\n  }\n}\n");
	assert_int_equal(
		echo_to(world, "Numbers/-1.5/AAEC.json", "{\"n\": -1.50, \"b\": {\"$binary\": \"AAEC\"}}"),
		0);
	assert_int_equal(echo_to(world, "Numbers/-1.5/AAEC.json", "{\"n\": 2}"), EINVAL);
	assert_echo(world, "Orders/a%2Fb/%2E.json", "{\"user\": \"a/b\", \"date\": \".\"}");
	assert_cat(world, "Orders/a%2Fb/%2E.json", "{\n  \"user\": \"a/b\",\n  \"date\": \".\"\n}\n");
}

static void name_of(const char *text, bool item, char ret[MAP_NAME_MAX + 1])
{
	struct ddb_value key = ddb_string(text, strlen(text));
	map_name_of_key(&key, item, ret);
}

static void test_long_names(void **state)
{
	struct world *world = *state;
	char key[401], name[MAP_NAME_MAX + 1], path[600], document[1200], expected[1200];
	memset(key, 'k', 400);
	key[400] = '\0';
	name_of(key, true, name);
	snprintf(path, sizeof(path), "Users/%s", name);
	assert_gone(world, path);
	/* The path alone cannot tell the key. */
	assert_int_equal(echo_to(world, path, "{\"v\":1}"), EINVAL);
	struct map_file *file = must_open(world, path, O_WRONLY | O_CREAT);
	assert_int_equal(map_file_release(file, &alice), EINVAL);
	snprintf(document, sizeof(document), "{\"id\":\"%sx\"}", key);
	assert_int_equal(echo_to(world, path, document), EINVAL);
	snprintf(document, sizeof(document), "{\"id\":\"%s\",\"v\":1}", key);
	assert_echo(world, path, document);
	snprintf(expected, sizeof(expected), "{\n  \"id\": \"%s\",\n  \"v\": 1\n}\n", key);
	assert_cat(world, path, expected);
	/* Now that it is there, the path tells it. */
	assert_echo(world, path, "{\"v\":1}");
	assert_int_equal(append_to(world, path, "{\"v\":2}"), 0);
	snprintf(expected, sizeof(expected), "{\n  \"id\": \"%s\",\n  \"v\": 2\n}\n", key);
	assert_cat(world, path, expected);
	/* Both parts long, the item made by an append. */
	char other[MAP_NAME_MAX + 1];
	name_of(key, false, other);
	snprintf(path, sizeof(path), "Orders/%s/%s", other, name);
	assert_int_equal(append_to(world, path, "{\"v\":1}"), EINVAL);
	snprintf(document, sizeof(document), "{\"user\":\"%s\",\"date\":\"%s\"}", key, key);
	assert_int_equal(append_to(world, path, document), 0);
	snprintf(expected, sizeof(expected), "{\n  \"user\": \"%s\",\n  \"date\": \"%s\"\n}\n", key, key);
	assert_cat(world, path, expected);
}

static void test_too_large(void **state)
{
	struct world *world = *state;
	put_old(world);
	size_t room = DDB_ITEM_SIZE_MAX - strlen("idalice") - 1;
	char *text = malloc(room + 100);
	for (int extra = 0; extra <= 1; extra++) {
		size_t used = (size_t)sprintf(text, "{\"v\":\"");
		memset(text + used, 'x', room + (size_t)extra);
		strcpy(text + used + room + extra, "\"}");
		assert_int_equal(echo_to(world, "Users/alice.json", text), extra ? EFBIG : 0);
	}
	assert_refusal(world, "Users/alice.json", "write", "EFBIG",
		"Item size has exceeded the maximum allowed size");
	struct map_attr attr;
	assert_int_equal(map_stat(world->map, &alice, "Users/alice.json", &attr), 0);
	assert_int_equal(attr.size, strlen("{\n  \"id\": \"alice\",\n  \"v\": \"\"\n}\n") + room);
	char *back = cat(world, "Users/alice.json");
	assert_int_equal(strlen(back), attr.size);
	free(back);
	free(text);
}

/* 400 KB of item that need 26 MB of text, in the pieces of cp. */
static void test_much_text(void **state)
{
	struct world *world = *state;
	size_t count = (DDB_ITEM_SIZE_MAX - 40) / 3, length = 0;
	char *text = malloc(count * 200 + 100);
	length += (size_t)sprintf(text, "{\"v\":[");
	for (size_t i = 0; i < count; i++) {
		if (i)
			text[length++] = ',';
		memset(text + length, ' ', 60);
		length += 60;
		text[length++] = '1';
		memset(text + length, '0', 125);
		length += 125;
	}
	length += (size_t)sprintf(text + length, "]}");
	assert_true(length > 24 << 20 && length < MAP_DOCUMENT_MAX);
	assert_int_equal(
		write_pieces(world, "Users/alice.json", O_WRONLY | O_CREAT | O_TRUNC, text, length, 131072),
		0);
	char *back = cat(world, "Users/alice.json");
	assert_true(strlen(back) > 17 << 20);
	struct map_attr attr;
	assert_int_equal(map_stat(world->map, &alice, "Users/alice.json", &attr), 0);
	assert_int_equal(attr.size, strlen(back));
	/* And what was read can be written. */
	uint64_t version = attr.version;
	assert_int_equal(
		write_pieces(world, "Users/alice.json", O_WRONLY | O_TRUNC, back, strlen(back), 1 << 20), 0);
	assert_int_equal(map_stat(world->map, &alice, "Users/alice.json", &attr), 0);
	assert_int_equal(attr.size, strlen(back));
	assert_true(attr.version >= version);
	free(back);
	free(text);
}

static void test_too_much_text(void **state)
{
	struct world *world = *state;
	put_old(world);
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY | O_TRUNC);
	char *space = malloc(1 << 20);
	memset(space, ' ', 1 << 20);
	assert_int_equal(write_at(file, 0, "{"), 0);
	uint64_t offset = 1;
	int number = 0;
	while (!number && offset < 2u * MAP_DOCUMENT_MAX) {
		number = map_file_write(file, &alice, offset, space, 1 << 20);
		offset += 1 << 20;
	}
	assert_int_equal(number, EFBIG);
	assert_int_equal(offset, MAP_DOCUMENT_MAX + 1);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", OLD);
	free(space);
}

/* ---- Append ---- */

static void test_append(void **state)
{
	struct world *world = *state;
	put_old(world);
	assert_int_equal(append_to(world, "Users/alice.json", "{\"status\": \"sent\"}\n"), 0);
	assert_cat(world, "Users/alice.json",
		"{\n  \"id\": \"alice\",\n  \"status\": \"sent\",\n  \"v\": 1\n}\n");
	assert_int_equal(append_to(world, "Users/alice.json",
				 "{\"v\": null} {\"status\": [1]}\n{\"id\":\"alice\",\"w\":2}"),
		0);
	assert_cat(world, "Users/alice.json",
		"{\n  \"id\": \"alice\",\n  \"status\": [\n    1\n  ],\n  \"v\": null,\n  \"w\": 2\n}\n");
	uint64_t version = version_of(world, "Users/alice.json");
	struct map_attr before, after;
	assert_int_equal(map_stat(world->map, &alice, "Users/alice.json", &before), 0);
	assert_int_equal(append_to(world, "Users/alice.json", "{}"), 0);
	assert_int_equal(map_stat(world->map, &alice, "Users/alice.json", &after), 0);
	assert_int_equal(after.version, version);
	assert_int_equal(after.mtime_ns, before.mtime_ns);
	/* A missing item is made. */
	assert_int_equal(append_to(world, "Users/bob.json", "{\"v\": 1}"), 0);
	assert_cat(world, "Users/bob.json", "{\n  \"id\": \"bob\",\n  \"v\": 1\n}\n");
	assert_int_equal(append_to(world, "Users/carol.json", "{}"), 0);
	assert_cat(world, "Users/carol.json", "{\n  \"id\": \"carol\"\n}\n");
	assert_int_equal(append_to(world, "Users/dave.json", ""), 0);
	assert_cat(world, "Users/dave.json", "{\n  \"id\": \"dave\"\n}\n");
	assert_int_equal(error_count(world), 0);
}

static void test_append_in_pieces(void **state)
{
	static const char text[] = "{\"a\": {\"b\": [1, 2]}}\n {\"c\": \"}{\"}{\"d\":4}\n";
	struct world *world = *state;
	for (size_t piece = 1; piece <= sizeof(text); piece += 4) {
		put_old(world);
		assert_int_equal(write_pieces(world, "Users/alice.json", O_WRONLY | O_APPEND, text,
					 sizeof(text) - 1, piece),
			0);
		assert_cat(world, "Users/alice.json",
			"{\n  \"id\": \"alice\",\n  \"a\": {\n    \"b\": [\n      1,\n      2\n    ]\n  },\n "
			" \"c\": \"}{\",\n"
			"  \"d\": 4,\n  \"v\": 1\n}\n");
	}
}

static void test_append_refused(void **state)
{
	struct world *world = *state;
	put_old(world);
	struct map_file *file = must_open(world, "Users/alice.json", O_RDWR | O_APPEND);
	char *text = read_file(file, 100, NULL);
	assert_string_equal(text, OLD);
	free(text);
	/* Those before it stand. */
	assert_int_equal(write_at(file, 0, "{\"v\":2} {\"w\": x} {\"v\":4}"), EINVAL);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 2\n}\n");
	assert_refusal(world, "Users/alice.json", "write", "EINVAL", "line 1, column");
	text = read_file(file, 100, NULL);
	assert_string_equal(text, "{\n  \"id\": \"alice\",\n  \"v\": 2\n}\n");
	free(text);
	/* Where the next object begins is not known before a flush. */
	assert_int_equal(write_at(file, 0, "{\"v\":5}"), EINVAL);
	assert_int_equal(error_count(world), 1);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(write_at(file, 0, "{\"v\":6}"), 0);
	/* A whole object that is refused leaves no doubt. */
	assert_int_equal(write_at(file, 0, "{\"id\":\"bob\"}\n"), EINVAL);
	assert_refusal(world, "Users/alice.json", "write", "EINVAL", "does not agree with its path");
	assert_int_equal(write_at(file, 0, "{\"w\":7}"), 0);
	assert_int_equal(write_at(file, 0, "{\"w\":"), 0);
	assert_int_equal(map_file_flush(file, &alice), EINVAL);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_refusal(world, "Users/alice.json", "close", "EINVAL", "unfinished");
	assert_int_equal(write_at(file, 0, "8}"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 6,\n  \"w\": 8\n}\n");
	assert_int_equal(error_count(world), 3);
	/* A new name whose only object was refused is gone. */
	file = must_open(world, "Users/new.json", O_WRONLY | O_CREAT | O_APPEND);
	assert_int_equal(write_at(file, 0, "{\"v\": }"), EINVAL);
	assert_true(map_file_refused(file));
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(write_at(file, 0, "{}"), EINVAL);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_gone(world, "Users/new.json");
}

static void test_append_exclusive(void **state)
{
	struct world *world = *state;
	struct map_file *file = must_open(world, "Users/a.json", O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
	assert_echo(world, "Users/a.json", "{\"by\":1}");
	assert_int_equal(write_at(file, 0, "{\"by\":2}"), EEXIST);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/a.json", "{\n  \"id\": \"a\",\n  \"by\": 1\n}\n");
	file = must_open(world, "Users/b.json", O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
	assert_int_equal(write_at(file, 0, "{\"by\":2}{\"v\":1}"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/b.json", "{\n  \"id\": \"b\",\n  \"by\": 2,\n  \"v\": 1\n}\n");
}

static void test_append_then_truncate(void **state)
{
	struct world *world = *state;
	put_old(world);
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY | O_APPEND);
	assert_int_equal(write_at(file, 0, "{\"w\":1}"), 0);
	assert_int_equal(map_file_truncate(file, &alice, 0), 0);
	assert_int_equal(write_at(file, 99, "{\"x\""), 0);
	assert_int_equal(write_at(file, 99, ":1}"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"x\": 1\n}\n");
}

/* ---- In place ---- */

static void test_in_place(void **state)
{
	struct world *world = *state;
	put_old(world);
	uint64_t version = version_of(world, "Users/alice.json");
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY);
	assert_int_equal(write_at(file, 26, "2"), 0);
	assert_cat(world, "Users/alice.json", OLD);
	assert_int_equal(map_file_sync(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 2\n}\n");
	assert_int_equal(write_at(file, 26, "3"), 0);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 3\n}\n");
	assert_int_equal(write_at(file, 26, "4"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 4\n}\n");
	assert_true(version_of(world, "Users/alice.json") > version);
	/* Equal text: nothing. */
	version = version_of(world, "Users/alice.json");
	file = must_open(world, "Users/alice.json", O_WRONLY);
	assert_int_equal(write_at(file, 26, "4"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_int_equal(version_of(world, "Users/alice.json"), version);
	/* Refused: the item unchanged, said once. */
	file = must_open(world, "Users/alice.json", O_WRONLY);
	assert_int_equal(write_at(file, 26, "x"), 0);
	assert_int_equal(map_file_flush(file, &alice), EINVAL);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_refusal(world, "Users/alice.json", "close", "EINVAL", "line 3");
	assert_int_equal(error_count(world), 1);
	assert_int_equal(version_of(world, "Users/alice.json"), version);
	/* Shorter and longer. */
	file = must_open(world, "Users/alice.json", O_RDWR);
	assert_int_equal(map_file_truncate(file, &alice, 5), 0);
	assert_int_equal(map_file_flush(file, &alice), EINVAL);
	assert_int_equal(write_at(file, 0, "{}   "), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\"\n}\n");
	file = must_open(world, "Users/alice.json", O_RDWR);
	assert_int_equal(map_file_truncate(file, &alice, 100), 0);
	assert_int_equal(map_file_release(file, &alice), EINVAL);
	file = must_open(world, "Users/alice.json", O_WRONLY);
	assert_int_equal(map_file_read(file, 0, NULL, 0, NULL), EBADF);
	assert_int_equal(map_file_release(file, &alice), 0);
}

/* vim :w, once well and once refused. */
static void test_vim(void **state)
{
	static const char bad[] = "{\n  \"v\": 2,\n}\n", good[] = "{\n  \"v\": 2\n}\n";
	struct world *world = *state;
	put_old(world);
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY);
	assert_int_equal(map_file_truncate(file, &alice, 0), 0);
	assert_int_equal(write_at(file, 0, bad), EINVAL);
	assert_int_equal(map_file_sync(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", OLD);
	file = must_open(world, "Users/alice.json", O_WRONLY);
	assert_int_equal(map_file_truncate(file, &alice, 0), 0);
	assert_int_equal(write_at(file, 0, good), 0);
	assert_int_equal(map_file_sync(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 2\n}\n");
}

/* ---- An engine that fails ---- */

static const struct ddb_engine_ops *sound;
static struct ddb_engine_ops failing;
static enum ddb_code failure;

static enum ddb_code put_nothing(struct ddb_engine *engine, const struct ddb_put_item *put,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	if (!failure)
		return sound->put_item(engine, put, ret, err);
	return ddb_fail(err, failure, "as asked");
}

static void test_engine_refuses(void **state)
{
	static const struct {
		enum ddb_code code;
		int number;
	} failures[] = {{DDB_STORE_FULL, ENOSPC}, {DDB_THROUGHPUT_EXCEEDED, EAGAIN}, {DDB_DAMAGED, EIO},
		{DDB_NO_MEMORY, ENOMEM}, {DDB_ACCESS_DENIED, EACCES}, {DDB_TRANSACTION_CONFLICT, EBUSY}};
	struct world *world = *state;
	put_old(world);
	sound = world->engine->ops;
	failing = *sound;
	failing.put_item = put_nothing;
	world->engine->ops = &failing;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		failure = failures[i].code;
		assert_int_equal(echo_to(world, "Users/alice.json", "{\"v\":2}"), failures[i].number);
		assert_int_equal(echo_to(world, "Users/new.json", "{\"v\":2}"), failures[i].number);
		assert_int_equal(error_count(world), 2 * (int)i + 2);
		/* A touch that fails. */
		struct map_file *file = must_open(world, "Users/new.json", O_WRONLY | O_CREAT);
		world->engine->ops = &failing;
		assert_int_equal(map_file_sync(file, &root), failures[i].number);
		assert_int_equal(map_file_release(file, &root), 0);
	}
	assert_cat(world, "Users/alice.json", OLD);
	assert_gone(world, "Users/new.json");
	/* Edited in place, the text waits for better times. */
	struct map_file *file = must_open(world, "Users/alice.json", O_WRONLY);
	assert_int_equal(write_at(file, 26, "3"), 0);
	failure = DDB_STORE_FULL;
	assert_int_equal(map_file_sync(file, &alice), ENOSPC);
	failure = DDB_OK;
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/alice.json", "{\n  \"id\": \"alice\",\n  \"v\": 3\n}\n");
	world->engine->ops = sound;
}

/* ---- The other rendering, and who is told ---- */

static void test_typed(void **state)
{
	struct world *world = *state;
	assert_echo(world, "Users/.typed/a.json", "{\"n\": {\"N\": \"1.50\"}}");
	assert_cat(world, "Users/a.json", "{\n  \"id\": \"a\",\n  \"n\": 1.5\n}\n");
	assert_cat(world, "Users/.typed/a.json",
		"{\n  \"id\": {\n    \"S\": \"a\"\n  },\n  \"n\": {\n    \"N\": \"1.5\"\n  }\n}\n");
	assert_int_equal(echo_to(world, "Users/.typed/a.json", "{\"n\": 1}"), EINVAL);
	assert_refusal(world, "Users/.typed/a.json", "write", "EINVAL", "");
	assert_int_equal(append_to(world, "Users/.typed/a.json", "{\"m\": {\"SS\": [\"y\", \"x\"]}}"), 0);
	assert_cat(world, "Users/a.json",
		"{\n  \"id\": \"a\",\n  \"m\": {\n    \"$ss\": [\n      \"x\",\n      \"y\"\n    ]\n  },\n  "
		"\"n\": 1.5\n}\n");
}

static void test_told(void **state)
{
	struct world *world = *state;
	struct map_file *file = must_open(world, "Orders/.typed/alice/1.json", O_WRONLY | O_CREAT | O_TRUNC);
	world->told_count = 0;
	assert_int_equal(write_at(file, 0, "{"), 0);
	assert_int_equal(world->told_count, 0);
	assert_int_equal(write_at(file, 1, "}"), 0);
	assert_int_equal(world->told_count, 2);
	uint64_t version = version_of(world, "Orders/alice/1.json");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(world->told[i].version, version);
		assert_ptr_equal(world->told[i].by, file);
	}
	assert_true(!strcmp(world->told[0].path, "Orders/alice/1.json") ||
		    !strcmp(world->told[1].path, "Orders/alice/1.json"));
	assert_true(!strcmp(world->told[0].path, "Orders/.typed/alice/1.json") ||
		    !strcmp(world->told[1].path, "Orders/.typed/alice/1.json"));
	assert_int_equal(write_at(file, 2, "x"), EINVAL);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_int_equal(world->told_count, 2);
}

/* A table that gets its definition while a file of it is open. */
static void test_defined_meanwhile(void **state)
{
	struct world *world = *state;
	make_provisional(world, "Fresh");
	assert_echo(world, "Fresh/1.json", "{\"v\":1}");
	struct map_file *file = must_open(world, "Fresh/2.json", O_WRONLY | O_CREAT);
	struct map_file *bad = must_open(world, "Fresh/two.json", O_WRONLY | O_CREAT);
	assert_echo(world, "Fresh/.table.json",
		"{\"KeySchema\":[{\"AttributeName\":\"n\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"
		"[{\"AttributeName\":\"n\",\"AttributeType\":\"N\"}]}");
	assert_int_equal(write_at(file, 0, "{\"v\":2}"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_int_equal(write_at(bad, 0, "{\"v\":2}"), EINVAL);
	assert_int_equal(map_file_release(bad, &alice), 0);
	assert_cat(world, "Fresh/1.json", "{\n  \"n\": 1,\n  \"v\": 1\n}\n");
	assert_cat(world, "Fresh/2.json", "{\n  \"n\": 2,\n  \"v\": 2\n}\n");
}

/* ---- Several threads on one open file ---- */

enum { THREADS = 4, ROUNDS = 40 };

struct shared {
	struct world *world;
	struct map_file *file;
	int next; /* atomic */
};

/* Every append is a whole object, so all of them must be there in the end. */
static void *append_and_read(void *context)
{
	struct shared *shared = context;
	char text[64], path[64];
	size_t length;
	for (int i = 0; i < ROUNDS; i++) {
		int number = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED);
		snprintf(text, sizeof(text), "{\"n%d\": %d}", number, number);
		struct map_attr attr;
		struct map_file *own;
		snprintf(path, sizeof(path), "Users/%d.json", number % 7);
		if (map_file_write(shared->file, &alice, 0, text, strlen(text)) ||
			map_file_read(shared->file, 0, text, sizeof(text), &length) ||
			map_file_flush(shared->file, &alice))
			return "the shared file failed";
		map_file_attr(shared->file, &attr);
		if (map_file_refused(shared->file) || open_file(shared->world, path, O_RDWR | O_CREAT, &own))
			return "opening failed";
		if (map_file_truncate(own, &alice, 0) || write_at(own, 0, "{}") ||
			map_file_release(own, &alice))
			return "an own file failed";
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct world *world = *state;
	struct map_options options = {0};
	struct map *map = world->map;
	pthread_t threads[THREADS];
	void *failed;
	world->map = map_new(world->engine, &options); /* its changes are told to nobody */
	put_old(world);
	struct shared shared = {world, must_open(world, "Users/alice.json", O_RDWR | O_APPEND), 0};
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, append_and_read, &shared), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		if (failed)
			fail_msg("%s", (char *)failed);
	}
	assert_int_equal(map_file_release(shared.file, &alice), 0);
	char *text = cat(world, "Users/alice.json");
	int members = 0;
	for (char *at = text; (at = strstr(at, "\"n")); at++)
		members++;
	assert_int_equal(members, THREADS * ROUNDS);
	free(text);
	map_free(world->map);
	world->map = map;
}

/* ---- What a rename puts ---- */

static int put_text(struct world *world, const char *path, const char *text, bool no_replace)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err;
	ddb_arena_init(&arena, 1 << 20);
	assert_int_equal(map_resolve(world->map, &arena, path, &place, &err), 0);
	return map_item_put_text(
		world->map, &alice, &place, text, strlen(text), 1234567890123456789, no_replace, NULL, &err);
}

static void test_put_text(void **state)
{
	struct world *world = *state;
	struct map_attr attr;
	assert_int_equal(put_text(world, "Users/alice.json", "{\"v\":1}\n", true), 0);
	assert_cat(world, "Users/alice.json", OLD);
	assert_int_equal(map_stat(world->map, &alice, "Users/alice.json", &attr), 0);
	assert_int_equal(attr.mtime_ns, 1234567890123456789);
	assert_int_equal(put_text(world, "Users/alice.json", "{\"v\":2}", true), EEXIST);
	assert_int_equal(put_text(world, "Users/alice.json", "{\"v\":2} x", false), EINVAL);
	assert_int_equal(put_text(world, "Users/alice.json", "{\"id\":\"bob\"}", false), EINVAL);
	assert_cat(world, "Users/alice.json", OLD);
	make_provisional(world, "Fresh");
	assert_int_equal(put_text(world, "Fresh/a.json", "{}", false), 0);
	assert_cat(world, "Fresh/a.json", "{\n  \"pk\": \"a\"\n}\n");
}

/* ---- Scratch files ---- */

static void test_scratch(void **state)
{
	struct world *world = *state;
	struct map_attr attr, again;
	struct map_file *file = must_open(world, "Users/notes~", O_RDWR | O_CREAT | O_EXCL);
	map_file_attr(file, &attr);
	assert_int_equal(attr.size, 0);
	assert_true(attr.ino > 1);
	assert_int_equal(write_at(file, 0, "hello"), 0);
	assert_int_equal(write_at(file, 8, "world"), 0);
	size_t length;
	char buffer[32];
	assert_int_equal(map_file_read(file, 0, buffer, sizeof(buffer), &length), 0);
	assert_int_equal(length, 13);
	assert_memory_equal(buffer, "hello\0\0\0world", 13);
	assert_int_equal(map_file_truncate(file, &alice, 5), 0);
	assert_int_equal(map_file_sync(file, &alice), 0);
	assert_int_equal(map_file_flush(file, &alice), 0);
	map_file_attr(file, &again);
	assert_int_equal(again.size, 5);
	assert_int_equal(again.ino, attr.ino);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/notes~", "hello");
	assert_int_equal(append_to(world, "Users/notes~", " there"), 0);
	assert_cat(world, "Users/notes~", "hello there");
	assert_int_equal(open_file(world, "Users/notes~", O_WRONLY | O_CREAT | O_EXCL, &file), EEXIST);
	assert_echo(world, "Users/notes~", "new");
	assert_cat(world, "Users/notes~", "new");
	assert_gone(world, "Users/.typed/notes~");
	assert_echo(world, ".root-scratch", "x");
	assert_echo(world, "Orders/alice/.1.json.Xa3", "partial {");
	assert_cat(world, "Orders/alice/.1.json.Xa3", "partial {");
	file = must_open(world, "Users/notes~", O_WRONLY);
	assert_int_equal(map_file_truncate(file, &alice, DDB_SCRATCH_FILE_MAX + 1ull), EFBIG);
	assert_int_equal(map_file_write(file, &alice, DDB_SCRATCH_FILE_MAX, "x", 1), EFBIG);
	assert_refusal(world, "Users/notes~", "write", "EFBIG", "");
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/notes~", "new");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(echo),
		TEST(every_piece_size),
		TEST(old_until_complete),
		TEST(two_objects),
		TEST(close_repeats_fsync),
		TEST(unfinished),
		TEST(refused),
		TEST(refused_new_name),
		TEST(truncation_alone),
		TEST(filter_onto_itself),
		TEST(reader_keeps_its_version),
		TEST(read_write_handle),
		TEST(exclusive),
		TEST(created_twice),
		TEST(touch),
		TEST(bad_names),
		TEST(read_only),
		TEST(keys_and_partitions),
		TEST(long_names),
		TEST(too_large),
		TEST(much_text),
		TEST(too_much_text),
		TEST(append),
		TEST(append_in_pieces),
		TEST(append_refused),
		TEST(append_exclusive),
		TEST(append_then_truncate),
		TEST(in_place),
		TEST(vim),
		TEST(engine_refuses),
		TEST(typed),
		TEST(told),
		TEST(defined_meanwhile),
		TEST(threads),
		TEST(put_text),
		TEST(scratch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
