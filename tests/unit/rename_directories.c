/*
 * Renaming tables and partitions: which names can be given to what, what goes along, and who hears of it, on
 * a real store.
 */
#include "tree_fixture.h"

#define RENAME(from, to) assert_errno(map_rename(fixture->map, &me, (from), (to), 0), 0)

struct row {
	const char *from, *to;
	unsigned flags;
	int number;
};

static void check_rows(struct fixture *fixture, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_errno(map_rename(fixture->map, &me, rows[i].from, rows[i].to, rows[i].flags),
			rows[i].number, rows[i].to, (int)i);
	assert_int_equal(fixture->told_count, 0);
}

static void write_file(struct fixture *fixture, const char *path, const char *text)
{
	struct map_file *file;
	struct map_attr attr;
	check_errno(map_create(fixture->map, &me, path, O_WRONLY | O_CREAT, 0644, &file, &attr), 0, path,
		__LINE__);
	check_errno(map_file_write(file, &me, 0, text, strlen(text)), 0, path, __LINE__);
	check_errno(map_file_release(file, &me), 0, path, __LINE__);
}

static void make_directory(struct fixture *fixture, const char *path)
{
	check_errno(map_mkdir(fixture->map, &me, path), 0, path, __LINE__);
	fixture->told_count = 0;
}

/* ---- Partitions ---- */

static void partition_refusals(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Both", 'S', 'S');
	make_table(fixture, "Other", 'S', 'S');
	make_table(fixture, "Numbers", 'N', 'N');
	make_table(fixture, "Bytes", 'B', 'S');
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\",\"x\":1}");
	put(fixture, "Both", "{\"h\":\"q\",\"r\":\"a\",\"x\":2}");
	put(fixture, "Numbers", "{\"h\":1,\"r\":1}");
	put(fixture, "Bytes", "{\"h\":{\"$binary\":\"AAA=\"},\"r\":\"a\"}");
	make_directory(fixture, "Both/empty");
	make_directory(fixture, "Both/noted");
	make_scratch(fixture, "Both/noted/.note", "x");
	make_scratch(fixture, "Both/file", "x");
	char path[256] = "Both/";
	memset(path + 5, 'a', 200);
	strcpy(path + 205, "~~aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	const struct row rows[] = {
		{"Both/none", "Both/r", 0, ENOENT},
		{"Both/p", "Both/p", 0, 0},
		{"Both/p", "Both/q", 0, ENOTEMPTY},
		{"Both/p", "Both/q", RENAME_NOREPLACE, EEXIST},
		{"Both/p", "Both/empty", RENAME_NOREPLACE, EEXIST},
		{"Both/p", "Both/q", RENAME_EXCHANGE, EINVAL},
		{"Both/p", "Both/noted", 0, ENOTEMPTY},
		{"Both/p", "Both/file", 0, ENOTDIR},
		{"Both/p", "Both/file", RENAME_NOREPLACE, EEXIST},
		{"Both/empty", "Both/q", 0, ENOTEMPTY},
		{"Both/p", "Both/~", 0, EBADMSG},
		{"Both/p", "Both/%61", 0, EBADMSG},
		{"Both/p", path, 0, EBADMSG},
		{"Both/p", "Both/.hidden", 0, EPERM},
		{"Both/p", "Both/.typed", 0, EPERM},
		{"Both/p", "Both/.typed/p", 0, EPERM},
		{"Both/p", "Both/q/p", 0, EPERM},
		{"Both/p", "Other/p", 0, EPERM},
		{"Both/p", "Other", 0, EPERM},
		{"Both/p", "Third", 0, EPERM},
		{"Both/p", ".hidden", 0, EPERM},
		{"Both/.typed", "Both/x", 0, EPERM},
		{"Both/.scan", "Both/x", 0, EPERM},
		{"Both/.scan/2", "Both/x", 0, EPERM},
		{"Numbers/1", "Numbers/01", 0, EBADMSG},
		{"Numbers/1", "Numbers/x", 0, EBADMSG},
		{"Bytes/AAA", "Bytes/A", 0, EBADMSG},
	};
	check_rows(fixture, rows, sizeof(rows) / sizeof(*rows));
	assert_list(fixture, "Both/p", "a.json\n");
	assert_true(is_recorded(fixture, "\"operation\":\"rename\",\"errno\":\"EPERM\""));
	assert_true(is_recorded(fixture, "\"operation\":\"rename\",\"errno\":\"EBADMSG\""));
	assert_false(is_recorded(fixture, "ENOTEMPTY"));
	RENAME("Numbers/1", "Numbers/-1.5");
	assert_text(fixture, "Numbers/-1.5/1.json", "{\n  \"h\": -1.5,\n  \"r\": 1\n}\n");
	RENAME("Bytes/AAA", "Bytes/_-8");
	assert_stat(fixture, "Bytes/_-8/a.json", 0);
	assert_stat(fixture, "Bytes/AAA", ENOENT);
}

static void partition_contents(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr before, after;
	make_table(fixture, "Both", 'S', 'S');
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\",\"x\":1}");
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"b\",\"x\":2}");
	make_directory(fixture, "Both/empty");
	make_scratch(fixture, "Both/p/.note", "one");
	make_scratch(fixture, "Both/.typed/p/.note", "two");
	assert_errno(stat_of(fixture, "Both/p/a.json", &before), 0);
	fixture->told_count = 0;
	RENAME("Both/p", "Both/empty");
	assert_told(fixture, "Both/p", UINT64_MAX);
	assert_told(fixture, "Both/.typed/p", UINT64_MAX);
	assert_told(fixture, "Both/empty", UINT64_MAX);
	assert_told(fixture, "Both/.typed/empty", UINT64_MAX);
	assert_stat(fixture, "Both/p", ENOENT);
	assert_stat(fixture, "Both/.typed/p", ENOENT);
	assert_list(fixture, "Both", ".table.json\nempty\n");
	assert_list(fixture, "Both/empty", "a.json\nb.json\n.note\n");
	assert_text(fixture, "Both/empty/a.json", "{\n  \"h\": \"empty\",\n  \"r\": \"a\",\n  \"x\": 1\n}\n");
	assert_text(fixture, "Both/empty/.note", "one");
	assert_text(fixture, "Both/.typed/empty/.note", "two");
	assert_errno(stat_of(fixture, "Both/empty/a.json", &after), 0);
	assert_int_equal(after.ino, before.ino);
	assert_true(after.mtime_ns > before.mtime_ns);
	assert_true(after.version > before.version);
	/* In the other view, and back over what the first one left. */
	RENAME("Both/.typed/empty", "Both/.typed/p");
	assert_list(fixture, "Both/p", "a.json\nb.json\n.note\n");
	assert_stat(fixture, "Both/empty", ENOENT);
	assert_text(fixture, "Both/.typed/p/.note", "two");
}

/* What is only remembered, with and without scratch files. */
static void empty_partitions(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Both", 'S', 'S');
	make_directory(fixture, "Both/made");
	RENAME("Both/made", "Both/again");
	assert_list(fixture, "Both", ".table.json\nagain\n");
	make_scratch(fixture, "Both/again/.note", "one");
	make_scratch(fixture, "Both/.typed/again/.note", "two");
	put(fixture, "Both", "{\"h\":\"left\",\"r\":\"a\"}");
	assert_errno(map_unlink(fixture->map, &me, "Both/left/a.json"), 0);
	RENAME("Both/again", "Both/left");
	assert_list(fixture, "Both", ".table.json\nleft\n");
	assert_text(fixture, "Both/left/.note", "one");
	assert_text(fixture, "Both/.typed/left/.note", "two");
	/* One that mkdir made stays, whatever it is called. */
	map_tick_at(fixture->map, map_now_ns() + (MAP_LINGER_SECONDS + 1) * (int64_t)1000000000);
	assert_errno(map_unlink(fixture->map, &me, "Both/left/.note"), 0);
	assert_errno(map_unlink(fixture->map, &me, "Both/.typed/left/.note"), 0);
	map_tick_at(fixture->map, map_now_ns() + (MAP_LINGER_SECONDS + 1) * (int64_t)1000000000);
	assert_stat(fixture, "Both/left", 0);
	/* Scratch files alone, as after a remount. */
	make_scratch(fixture, "Both/left/.note", "three");
	close_map(fixture);
	open_map(fixture, false);
	RENAME("Both/left", "Both/right");
	assert_list(fixture, "Both", ".table.json\n");
	assert_stat(fixture, "Both/left", ENOENT);
	assert_text(fixture, "Both/right/.note", "three");
}

static void long_partitions(void **state)
{
	struct fixture *fixture = *state;
	char hash[301] = "", name[MAP_NAME_MAX + 1], path[300], text[400];
	make_table(fixture, "Both", 'S', 'S');
	memset(hash, 'k', 300);
	put_key(fixture, "Both", hash, 300, "a", 1);
	const struct ddb_value value = ddb_string(hash, 300);
	map_name_of_key(&value, false, name);
	snprintf(path, sizeof(path), "Both/%s", name);
	assert_stat(fixture, path, 0);
	RENAME(path, "Both/short");
	assert_text(fixture, "Both/short/a.json", "{\n  \"h\": \"short\",\n  \"r\": \"a\"\n}\n");
	assert_stat(fixture, path, ENOENT);
	assert_errno(map_rename(fixture->map, &me, "Both/short", path, 0), EBADMSG);
	/* A long name that mkdir made knows no key either. */
	make_directory(fixture, path);
	RENAME(path, "Both/made");
	assert_list(fixture, "Both", ".table.json\nshort\nmade\n");
	snprintf(text, sizeof(text), "{\"h\":\"made\",\"r\":\"b\"}");
	write_file(fixture, "Both/made/b.json", text);
}

/* What is too much is refused before anything is changed. */
static void too_large(void **state)
{
	struct fixture *fixture = *state;
	enum { FULL = 409600 };
	make_table(fixture, "Both", 'S', 'S');
	size_t room = FULL + 100, fill = FULL - strlen("hprbv");
	char *text = malloc(room), *value = malloc(fill);
	assert_true(text && value);
	memset(value, 'v', fill);
	snprintf(text, room, "{\"h\":\"p\",\"r\":\"b\",\"v\":\"%.*s\"}", (int)fill, value);
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\"}");
	put(fixture, "Both", text);
	free(value);
	free(text);
	assert_errno(map_rename(fixture->map, &me, "Both/p", "Both/pp", 0), EFBIG);
	assert_list(fixture, "Both", ".table.json\np\n");
	assert_list(fixture, "Both/p", "a.json\nb.json\n");
	RENAME("Both/p", "Both/q");
	assert_list(fixture, "Both/q", "a.json\nb.json\n");
}

static void provisional(void **state)
{
	struct fixture *fixture = *state;
	make_directory(fixture, "Draft");
	make_directory(fixture, "Draft/one");
	write_file(fixture, "Draft/one/a.json", "{\"x\":1}");
	RENAME("Draft/one", "Draft/two");
	assert_list(fixture, "Draft", "two\n");
	assert_text(fixture, "Draft/two/a.json", "{\n  \"pk\": \"two\",\n  \"sk\": \"a\",\n  \"x\": 1\n}\n");
	RENAME("Draft", "Paper");
	assert_stat(fixture, "Draft", ENOENT);
	assert_list(fixture, "Paper", "two\n");
	write_file(fixture, "Paper/.table.json",
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"h\",\"AttributeType\":\"S\"},"
		"{\"AttributeName\":\"r\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"h\",\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"r\",\"KeyType\":\"RANGE\"}]}");
	assert_text(fixture, "Paper/two/a.json", "{\n  \"h\": \"two\",\n  \"r\": \"a\",\n  \"x\": 1\n}\n");
}

/* ---- Tables ---- */

static void table_refusals(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "One", 'S', '\0');
	make_table(fixture, "Two", 'S', '\0');
	make_table(fixture, "Parts", 'S', 'S');
	make_table(fixture, "Notes", 'S', '\0');
	put(fixture, "One", "{\"h\":\"a\"}");
	put(fixture, "Two", "{\"h\":\"b\"}");
	make_directory(fixture, "Parts/made");
	make_scratch(fixture, "Notes/.note", "x");
	make_directory(fixture, "Guarded");
	write_file(fixture, "Guarded/.table.json",
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"h\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"h\",\"KeyType\":\"HASH\"}],"
		"\"DeletionProtectionEnabled\":true}");
	fixture->told_count = 0;
	static const struct row rows[] = {
		{"Nothing", "Some", 0, ENOENT},
		{"One", "One", 0, 0},
		{"One", "Two", 0, ENOTEMPTY},
		{"One", "Two", RENAME_NOREPLACE, EEXIST},
		{"One", "Two", RENAME_EXCHANGE, EINVAL},
		{"One", "Parts", 0, ENOTEMPTY},
		{"One", "Notes", 0, ENOTEMPTY},
		{"One", "Guarded", 0, EPERM},
		{"One", "ab", 0, EBADMSG},
		{"One", "a b c", 0, EBADMSG},
		{"One", ".hidden", 0, EPERM},
		{"One", ".status", 0, EPERM},
		{"One", "Two/One", 0, EPERM},
		{"One", "Parts/made", 0, EPERM},
		{"One", "One/x", 0, EPERM},
	};
	check_rows(fixture, rows, sizeof(rows) / sizeof(*rows));
	assert_list(fixture, "One", ".table.json\na.json\n");
	RENAME("Guarded", "Other");
	assert_errno(map_rmdir(fixture->map, &me, "Other"), EPERM);
	assert_stat(fixture, "Guarded", ENOENT);
}

static void table_contents(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr before, after;
	make_table(fixture, "One", 'S', 'S');
	make_table(fixture, "Two", 'S', '\0');
	put(fixture, "One", "{\"h\":\"p\",\"r\":\"a\"}");
	make_directory(fixture, "One/made");
	make_directory(fixture, "One/more");
	make_scratch(fixture, "One/.note", "one");
	make_scratch(fixture, "One/p/.note", "two");
	make_scratch(fixture, "Two/.typed/.note", "unseen");
	assert_errno(map_unlink(fixture->map, &me, "One/.table.json"), 0);
	assert_errno(stat_of(fixture, "One/p/a.json", &before), 0);
	fixture->told_count = 0;
	RENAME("One", "Two");
	assert_told(fixture, "One", UINT64_MAX);
	assert_told(fixture, "Two", UINT64_MAX);
	assert_stat(fixture, "One", ENOENT);
	assert_list(fixture, "", "Two\n");
	assert_list(fixture, "Two", "p\nmade\nmore\n.note\n");
	assert_stat(fixture, "Two/.table.json", ENOENT);
	assert_text(fixture, "Two/.note", "one");
	assert_text(fixture, "Two/p/.note", "two");
	assert_stat(fixture, "Two/.typed/.note", ENOENT);
	assert_errno(stat_of(fixture, "Two/p/a.json", &after), 0);
	assert_int_equal(after.ino, before.ino);
	assert_int_equal(after.version, before.version);
	/* What is remembered is so under the new name; what is hidden stays so. */
	map_tick_at(fixture->map, map_now_ns() + (MAP_LINGER_SECONDS + 1) * (int64_t)1000000000);
	assert_list(fixture, "Two", "p\nmade\nmore\n.note\n");
	RENAME("Two", "%2Edot");
	assert_list(fixture, "", "%2Edot\n");
	assert_stat(fixture, "%2Edot/p/a.json", 0);
	make_directory(fixture, "Two");
	assert_list(fixture, "Two", "");
}

/* ---- What is open ---- */

static struct map_file *open_file(struct fixture *fixture, const char *path, int flags)
{
	struct map_file *file;
	struct map_attr attr;
	check_errno(map_open(fixture->map, &me, path, flags, &file, &attr), 0, path, __LINE__);
	return file;
}

static void write_to(struct map_file *file, const char *text)
{
	assert_errno(map_file_write(file, &me, 0, text, strlen(text)), 0);
}

static void open_files(void **state)
{
	struct fixture *fixture = *state;
	char text[1000] = "";
	size_t length;
	struct map_attr attr;
	struct map_file *created;
	make_table(fixture, "One", 'S', 'S');
	put(fixture, "One", "{\"h\":\"p\",\"r\":\"a\"}");
	put(fixture, "One", "{\"h\":\"p\",\"r\":\"b\"}");
	put(fixture, "One", "{\"h\":\"p\",\"r\":\"c\"}");
	put(fixture, "One", "{\"h\":\"pp\",\"r\":\"a\"}");
	make_scratch(fixture, "One/p/.note", "one");
	struct map_file *reader = open_file(fixture, "One/p/a.json", O_RDONLY);
	struct map_file *writer = open_file(fixture, "One/p/a.json", O_WRONLY | O_TRUNC);
	struct map_file *appender = open_file(fixture, "One/.typed/p/b.json", O_WRONLY | O_APPEND);
	struct map_file *editor = open_file(fixture, "One/p/c.json", O_RDWR);
	struct map_file *note = open_file(fixture, "One/p/.note", O_RDWR);
	struct map_file *lines = open_file(fixture, "One/.items.jsonl", O_WRONLY);
	struct map_file *beside = open_file(fixture, "One/pp/a.json", O_WRONLY | O_TRUNC);
	assert_errno(
		map_create(fixture->map, &me, "One/p/new.json", O_WRONLY | O_CREAT, 0644, &created, &attr),
		0);
	assert_errno(map_file_read(editor, 0, text, sizeof(text), &length), 0);
	assert_errno(map_file_write(editor, &me, length - 2, ",\"x\":1}", 7), 0);
	RENAME("One/p", "One/q");
	RENAME("One", "Two");
	assert_errno(map_file_read(reader, 0, text, sizeof(text), &length), 0);
	assert_int_equal(length, strlen("{\n  \"h\": \"p\",\n  \"r\": \"a\"\n}\n"));
	write_to(writer, "{\"x\":1}");
	write_to(appender, "{\"x\":{\"N\":\"2\"}}");
	write_to(note, "two");
	write_to(lines, "{\"h\":\"line\",\"r\":\"a\"}\n");
	write_to(beside, "{\"x\":3}");
	write_to(created, "{\"x\":4}");
	/* Its text says that it is of the old partition: nothing is lost without a word. */
	assert_errno(map_file_flush(editor, &me), EINVAL);
	struct map_file *all[] = {reader, writer, appender, editor, note, lines, beside, created};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		map_file_release(all[i], &me);
	assert_list(fixture, "Two/q", "a.json\nb.json\nc.json\nnew.json\n.note\n");
	assert_text(fixture, "Two/q/a.json", "{\n  \"h\": \"q\",\n  \"r\": \"a\",\n  \"x\": 1\n}\n");
	assert_text(fixture, "Two/q/b.json", "{\n  \"h\": \"q\",\n  \"r\": \"b\",\n  \"x\": 2\n}\n");
	assert_text(fixture, "Two/q/c.json", "{\n  \"h\": \"q\",\n  \"r\": \"c\"\n}\n");
	assert_text(fixture, "Two/q/new.json", "{\n  \"h\": \"q\",\n  \"r\": \"new\",\n  \"x\": 4\n}\n");
	assert_text(fixture, "Two/q/.note", "two");
	assert_text(fixture, "Two/pp/a.json", "{\n  \"h\": \"pp\",\n  \"r\": \"a\",\n  \"x\": 3\n}\n");
	assert_stat(fixture, "Two/line/a.json", 0);
	assert_stat(fixture, "Two/p", ENOENT);
	assert_stat(fixture, "One", ENOENT);
}

/* A listing goes on where it was, under whatever name. */
static void open_directories(void **state)
{
	struct fixture *fixture = *state;
	enum { ITEMS = 1200 };
	make_table(fixture, "One", 'S', 'S');
	put_many(fixture, "One", ITEMS, true);
	struct map_dir *dir = open_dir(fixture, "One/p"), *table = open_dir(fixture, "One");
	unsigned count = 0;
	for (uint64_t offset = 0;; count++) {
		struct map_dirent entry = entry_at(dir, offset);
		if (!entry.name)
			break;
		assert_true(entry.attr.size > 0);
		offset = entry.next;
		if (count == 10)
			RENAME("One/p", "One/partition");
		if (count == 700)
			RENAME("One", "Two");
	}
	assert_int_equal(count, ITEMS);
	assert_string_equal(entry_at(table, 1).name, "partition");
	map_dir_free(dir);
	map_dir_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(partition_refusals),
		TEST(partition_contents),
		TEST(empty_partitions),
		TEST(long_partitions),
		TEST(too_large),
		TEST(provisional),
		TEST(table_refusals),
		TEST(table_contents),
		TEST(open_files),
		TEST(open_directories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
