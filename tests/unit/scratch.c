/*
 * Scratch directories, and scratch files that are open: what their names may become meanwhile, and what is
 * left when nobody has them open any more.
 */
#include "tree_fixture.h"
#include "engine/local/local_private.h"
#include "mapping/scratch/scratches.h"
#include <pthread.h>

static struct map_file *open_file(struct fixture *fixture, const char *path, int flags)
{
	struct map_file *file = NULL;
	struct map_attr attr;
	check_errno(map_open(fixture->map, &me, path, flags, &file, &attr), 0, path, __LINE__);
	return file;
}

static void write_at(struct map_file *file, uint64_t offset, const char *text)
{
	check_errno(map_file_write(file, &me, offset, text, strlen(text)), 0, text, __LINE__);
}

static void release(struct map_file *file)
{
	check_errno(map_file_flush(file, &me), 0, "flush", __LINE__);
	check_errno(map_file_release(file, &me), 0, "release", __LINE__);
}

static void check_reads(struct map_file *file, const char *wanted, int line)
{
	char text[1000];
	size_t length;
	check_errno(map_file_read(file, 0, text, sizeof(text) - 1, &length), 0, wanted, line);
	text[length] = '\0';
	if (strcmp(text, wanted))
		fail_msg("line %d: \"%s\", not \"%s\"", line, text, wanted);
}
#define assert_reads(file, wanted) check_reads((file), (wanted), __LINE__)

static void make_file(struct fixture *fixture, const char *path, const char *text)
{
	struct map_file *file;
	struct map_attr attr;
	check_errno(map_create(fixture->map, &me, path, O_WRONLY | O_TRUNC, 0644, &file, &attr), 0, path,
		__LINE__);
	if (*text)
		write_at(file, 0, text);
	release(file);
}

static int rename_to(struct fixture *fixture, const char *from, const char *to)
{
	return map_rename(fixture->map, &me, from, to, 0);
}

static size_t orphans(struct fixture *fixture)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct ddb_scratch_page page;
	uint8_t directory[DDB_DIRECTORY_ID_BYTES];
	ddb_arena_init(&arena, 1 << 20);
	map_scratch_hidden(MAP_SCRATCH_ORPHANS, 0, directory);
	OP(fixture, scratch_list, &arena, directory, NULL, 100, &page);
	return page.count;
}

static void reopen(struct fixture *fixture)
{
	close_map(fixture);
	open_map(fixture, false);
}

/* ---- Directories ---- */

static void make_tables(struct fixture *fixture)
{
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Both", 'S', 'S');
	put(fixture, "Simple", "{\"h\":\"a\",\"n\":1}");
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\"}");
}

static void directories_wherever_scratch_may_be(void **state)
{
	static const char *const paths[] = {
		".d", "Simple/.d", "Simple/.typed/.d", "Both/.d", "Both/p/.d", "Both/.typed/p/.d"};
	struct fixture *fixture = *state;
	char path[100], other[110];
	struct map_attr attr;
	make_tables(fixture);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		check_errno(map_mkdir(fixture->map, &me, paths[i]), 0, paths[i], __LINE__);
		check_errno(map_mkdir(fixture->map, &me, paths[i]), EEXIST, paths[i], __LINE__);
		assert_list(fixture, paths[i], "");
		snprintf(path, sizeof(path), "%s/deep.json", paths[i]);
		assert_stat(fixture, path, ENOENT);
		check_errno(map_mkdir(fixture->map, &me, path), 0, path, __LINE__);
		check_errno(stat_of(fixture, path, &attr), 0, path, __LINE__);
		assert_true(attr.directory && attr.writable && !attr.size);
		snprintf(path, sizeof(path), "%s/deep.json/{a", paths[i]);
		make_file(fixture, path, paths[i]);
		assert_text(fixture, path, paths[i]);
		check_errno(stat_of(fixture, path, &attr), 0, path, __LINE__);
		assert_false(attr.directory);
		assert_int_equal(attr.size, strlen(paths[i]));
		snprintf(other, sizeof(other), "%s/b", path);
		assert_stat(fixture, other, ENOTDIR);
		check_errno(map_mkdir(fixture->map, &me, path), EEXIST, path, __LINE__);
		check_errno(map_rmdir(fixture->map, &me, path), ENOTDIR, path, __LINE__);
		snprintf(path, sizeof(path), "%s/deep.json", paths[i]);
		assert_list(fixture, path, "{a\n");
		check_errno(map_unlink(fixture->map, &me, path), EISDIR, path, __LINE__);
		check_errno(map_rmdir(fixture->map, &me, path), ENOTEMPTY, path, __LINE__);
	}
	assert_list(fixture, "", "Both\nSimple\n.d\n");
	assert_list(fixture, "Both/p", "a.json\n.d\n");
	reopen(fixture);
	assert_text(fixture, "Both/p/.d/deep.json/{a", "Both/p/.d");
	assert_errno(map_unlink(fixture->map, &me, "Both/p/.d/deep.json/{a"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/p/.d/deep.json"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/p/.d"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/p/.d"), ENOENT);
	assert_list(fixture, "Both/p", "a.json\n");
}

static void directories_that_cannot_be(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	static const struct row {
		const char *path;
		int number;
	} rows[] = {
		{"d~", EINVAL},
		{"Simple/d", EINVAL},
		{"Simple/.typed/d~", EINVAL},
		{"Both/p/d", EINVAL},
		{"Both/%zz", EINVAL},
		{"Both/.typed", EEXIST},
		{".nothing/d", ENOENT},
		{"Simple/.scan/.d", EPERM},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_errno(
			map_mkdir(fixture->map, &me, rows[i].path), rows[i].number, rows[i].path, __LINE__);
	/* The name that a file behind a partition shows is taken. */
	make_scratch(fixture, "Both/q", "behind");
	put(fixture, "Both", "{\"h\":\"q\",\"r\":\"a\"}");
	assert_text(fixture, "Both/.q.scratch", "behind");
	assert_errno(map_mkdir(fixture->map, &me, "Both/.q.scratch"), EEXIST);
	assert_errno(map_mkdir(fixture->map, &me, "Both/.z.scratch"), 0);
}

static void a_table_goes_without_scratch_only(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Gone", 'S', '\0');
	assert_errno(map_mkdir(fixture->map, &me, "Gone/.d"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Gone"), ENOTEMPTY);
	assert_errno(map_rmdir(fixture->map, &me, "Gone/.d"), 0);
	/* What nobody sees who lists it is in nobody's way. */
	assert_errno(map_mkdir(fixture->map, &me, "Gone/.typed/.d"), 0);
	assert_errno(map_mkdir(fixture->map, &me, "Gone/.typed/.d/e"), 0);
	make_file(fixture, "Gone/.typed/.d/e/f", "f");
	make_file(fixture, "Gone/.typed/.d/g", "g");
	make_file(fixture, "Gone/.typed/h", "h");
	assert_errno(map_rmdir(fixture->map, &me, "Gone"), 0);
	assert_stat(fixture, "Gone", ENOENT);
}

/* ---- Renaming ---- */

static void renames_within_scratch(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".a"), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".a/x"), 0);
	assert_errno(map_mkdir(fixture->map, &me, "Both/p/.b"), 0);
	make_file(fixture, ".a/x/f", "one");
	make_file(fixture, ".a/g", "two");
	/* From anywhere to anywhere, with all that is below. */
	assert_errno(rename_to(fixture, ".a/x", "Both/p/.b/x"), 0);
	assert_text(fixture, "Both/p/.b/x/f", "one");
	assert_stat(fixture, ".a/x", ENOENT);
	assert_stat(fixture, ".a/x/f", ENOENT);
	assert_errno(rename_to(fixture, ".a/g", "Both/p/.b/x/f"), 0);
	assert_text(fixture, "Both/p/.b/x/f", "two");
	assert_list(fixture, ".a", "");
	/* A directory takes the place of an empty one only. */
	assert_errno(rename_to(fixture, ".a", "Both/p/.b/x"), ENOTEMPTY);
	assert_errno(rename_to(fixture, "Both/p/.b/x", ".a"), 0);
	assert_text(fixture, ".a/f", "two");
	assert_errno(rename_to(fixture, ".a/f", "Both/p/.b"), EISDIR);
	make_file(fixture, "Simple/.f", "");
	assert_errno(rename_to(fixture, ".a", "Simple/.f"), ENOTDIR);
	assert_errno(rename_to(fixture, ".a", ".a/f/g"), ENOTDIR);
	assert_errno(rename_to(fixture, ".a", ".a/new"), EINVAL);
	assert_errno(rename_to(fixture, ".a", ".a"), 0);
	assert_errno(map_rename(fixture->map, &me, ".a", "Both/p/.b", RENAME_NOREPLACE), EEXIST);
	assert_errno(map_rename(fixture->map, &me, ".a", "Both/p/.b", RENAME_EXCHANGE), EINVAL);
	/* Never what would make mv copy and delete. */
	assert_errno(rename_to(fixture, ".a", "Table"), EPERM);
	assert_errno(rename_to(fixture, ".a", "Both/q"), EPERM);
	assert_errno(rename_to(fixture, ".a", "Simple/q"), EPERM);
	assert_text(fixture, ".a/f", "two");
}

static void renames_between_scratch_and_items(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, "Simple/.d"), 0);
	make_file(fixture, "Simple/.d/good.json", "{\"n\":7}");
	make_file(fixture, "Simple/.d/bad.json", "[]");
	assert_errno(rename_to(fixture, "Simple/.d/bad.json", "Simple/b.json"), EBADMSG);
	assert_text(fixture, "Simple/.d/bad.json", "[]");
	assert_stat(fixture, "Simple/b.json", ENOENT);
	assert_errno(rename_to(fixture, "Simple/.d/good.json", "Simple/b.json"), 0);
	assert_text(fixture, "Simple/b.json", "{\n  \"h\": \"b\",\n  \"n\": 7\n}\n");
	assert_stat(fixture, "Simple/.d/good.json", ENOENT);
	assert_errno(rename_to(fixture, "Simple/b.json", "Simple/.d/good.json"), 0);
	assert_text(fixture, "Simple/.d/good.json", "{\n  \"h\": \"b\",\n  \"n\": 7\n}\n");
	assert_stat(fixture, "Simple/b.json", ENOENT);
	assert_errno(rename_to(fixture, "Simple/a.json", "Simple/.d"), EISDIR);
	assert_stat(fixture, "Simple/a.json", 0);
}

/* ---- Open files ---- */

static void a_file_without_a_name(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr before, attr;
	make_tables(fixture);
	make_file(fixture, "Simple/f~", "abc");
	struct map_file *file = open_file(fixture, "Simple/f~", O_RDWR);
	struct map_file *other = open_file(fixture, "Simple/f~", O_WRONLY | O_APPEND);
	assert_errno(stat_of(fixture, "Simple/f~", &before), 0);
	assert_errno(map_unlink(fixture->map, &me, "Simple/f~"), 0);
	assert_stat(fixture, "Simple/f~", ENOENT);
	assert_list(fixture, "Simple", ".table.json\na.json\n");
	make_file(fixture, "Simple/f~", "another");
	fixture->told_count = 0;
	write_at(other, 0, "def");
	assert_null(find_told(fixture, "Simple/f~"));
	assert_reads(file, "abcdef");
	assert_errno(map_file_truncate(file, &me, 4), 0);
	assert_errno(map_file_stat(other, &attr), 0);
	assert_int_equal(attr.size, 4);
	assert_int_equal(attr.ino, before.ino);
	assert_errno(map_file_set_mtime(other, &me, 77), 0);
	assert_errno(map_file_stat(file, &attr), 0);
	assert_int_equal(attr.mtime_ns, 77);
	assert_errno(map_file_set_mtime(other, &me, 0), 0);
	assert_errno(map_file_stat(file, &attr), 0);
	assert_int_equal(attr.mtime_ns, 0);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/f~", 0, 0), 0);
	assert_errno(stat_of(fixture, "Simple/f~", &attr), 0);
	assert_int_equal(attr.mtime_ns, 0);
	assert_errno(map_file_sync(file, &me), 0);
	/* One more handle, past the name. */
	struct map_file *again;
	assert_errno(map_file_again(file, &me, O_RDONLY, &again, &attr), 0);
	release(file);
	assert_reads(again, "abcd");
	assert_text(fixture, "Simple/f~", "another");
	release(other);
	assert_int_equal(orphans(fixture), 1);
	release(again);
	assert_int_equal(orphans(fixture), 0);
	assert_text(fixture, "Simple/f~", "another");
}

static void a_file_under_another_name(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, "Simple/.d"), 0);
	make_file(fixture, "Simple/.d/f", "abc");
	struct map_file *file = open_file(fixture, "Simple/.d/f", O_RDWR);
	assert_errno(rename_to(fixture, "Simple/.d/f", ".g"), 0);
	write_at(file, 3, "d");
	assert_told(fixture, ".g", MAP_VERSION_SCRATCH);
	assert_text(fixture, ".g", "abcd");
	/* Also when it is a directory above that is renamed. */
	assert_errno(rename_to(fixture, ".g", "Simple/.d/f"), 0);
	assert_errno(rename_to(fixture, "Simple/.d", "Simple/.e"), 0);
	write_at(file, 4, "e");
	assert_told(fixture, "Simple/.e/f", MAP_VERSION_SCRATCH);
	assert_text(fixture, "Simple/.e/f", "abcde");
	assert_errno(rename_to(fixture, "Simple/.e/f", "Simple/.e/f"), 0);
	assert_reads(file, "abcde");
	assert_errno(map_unlink(fixture->map, &me, "Simple/.e/f"), 0);
	assert_reads(file, "abcde");
	release(file);
	assert_int_equal(orphans(fixture), 0);
}

static void a_name_that_gets_another_file(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	make_file(fixture, "Simple/old~", "old");
	make_file(fixture, "Simple/new~", "new");
	struct map_file *old = open_file(fixture, "Simple/old~", O_RDWR);
	struct map_file *new = open_file(fixture, "Simple/new~", O_RDWR);
	assert_errno(rename_to(fixture, "Simple/new~", "Simple/old~"), 0);
	assert_int_equal(orphans(fixture), 1);
	write_at(old, 3, "er");
	write_at(new, 3, "er");
	assert_reads(old, "older");
	assert_text(fixture, "Simple/old~", "newer");
	release(old);
	/* A rename that fails leaves all as it was. */
	assert_errno(map_mkdir(fixture->map, &me, "Simple/.d"), 0);
	assert_errno(rename_to(fixture, "Simple/.d", "Simple/old~"), ENOTDIR);
	assert_errno(map_rename(fixture->map, &me, "Simple/a.json", "Simple/old~", RENAME_NOREPLACE), EEXIST);
	assert_int_equal(orphans(fixture), 0);
	assert_errno(rename_to(fixture, "Simple/a.json", "Simple/old~"), 0);
	assert_reads(new, "newer");
	assert_text(fixture, "Simple/old~", "{\n  \"h\": \"a\",\n  \"n\": 1\n}\n");
	release(new);
	assert_int_equal(orphans(fixture), 0);
}

static void a_file_that_was_put(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	make_file(fixture, "Simple/t~", "{\"n\":2}");
	struct map_file *file = open_file(fixture, "Simple/t~", O_RDWR);
	assert_errno(rename_to(fixture, "Simple/t~", "Simple/a.json"), 0);
	assert_text(fixture, "Simple/a.json", "{\n  \"h\": \"a\",\n  \"n\": 2\n}\n");
	assert_stat(fixture, "Simple/t~", ENOENT);
	assert_reads(file, "{\"n\":2}");
	/* It would not be in the item: better said than lost. */
	assert_errno(map_file_write(file, &me, 7, " ", 1), ESTALE);
	assert_errno(map_file_truncate(file, &me, 0), ESTALE);
	assert_reads(file, "{\"n\":2}");
	release(file);
	assert_int_equal(orphans(fixture), 0);
	/* A refusal is none of the handle's. */
	make_file(fixture, "Simple/t~", "{");
	file = open_file(fixture, "Simple/t~", O_RDWR);
	assert_errno(rename_to(fixture, "Simple/t~", "Simple/a.json"), EBADMSG);
	write_at(file, 1, "}");
	assert_errno(rename_to(fixture, "Simple/t~", "Simple/a.json"), 0);
	release(file);
	assert_text(fixture, "Simple/a.json", "{\n  \"h\": \"a\"\n}\n");
}

static uint64_t jobs(struct fixture *fixture)
{
	struct store_status status;
	store_status(local_of(fixture->engine)->store, &status);
	return status.jobs;
}

/* Whatever dies when: there is the item or the file, whether somebody has it open or not. */
static void a_file_is_put_in_one_transaction(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	make_file(fixture, "Simple/t~", "{\"n\":2}");
	uint64_t before = jobs(fixture);
	assert_errno(rename_to(fixture, "Simple/t~", "Simple/a.json"), 0);
	assert_int_equal(jobs(fixture) - before, 1);
	make_file(fixture, "Simple/t~", "{\"n\":3}");
	struct map_file *file = open_file(fixture, "Simple/t~", O_RDONLY);
	before = jobs(fixture);
	assert_errno(rename_to(fixture, "Simple/t~", "Simple/a.json"), 0);
	assert_int_equal(jobs(fixture) - before, 1);
	assert_int_equal(orphans(fixture), 1);
	assert_reads(file, "{\"n\":3}");
	assert_text(fixture, "Simple/a.json", "{\n  \"h\": \"a\",\n  \"n\": 3\n}\n");
	/* The name is free, and another file's. */
	make_file(fixture, "Simple/t~", "another");
	assert_reads(file, "{\"n\":3}");
	release(file);
	assert_int_equal(orphans(fixture), 0);
	assert_text(fixture, "Simple/t~", "another");
}

/* The table has the text, and the file no name, whether somebody has it open or not. */
static void a_definition_that_was_put(void **state)
{
	static const char text[] =
		"{\"KeySchema\":[{\"AttributeName\":\"h\",\"KeyType\":\"HASH\"}],"
		"\"AttributeDefinitions\":[{\"AttributeName\":\"h\",\"AttributeType\":\"S\"}]}";
	struct fixture *fixture = *state;
	make_tables(fixture);
	for (int open = 0; open <= 1; open++) {
		make_file(fixture, "Simple/t~", text);
		struct map_file *file = open ? open_file(fixture, "Simple/t~", O_RDWR) : NULL;
		assert_errno(rename_to(fixture, "Simple/t~", "Simple/.table.json"), 0);
		assert_stat(fixture, "Simple/t~", ENOENT);
		assert_int_equal(orphans(fixture), open);
		if (!file)
			continue;
		assert_reads(file, text);
		assert_errno(map_file_write(file, &me, 0, " ", 1), ESTALE);
		release(file);
	}
	assert_int_equal(orphans(fixture), 0);
}

static void files_of_a_renamed_partition(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	make_file(fixture, "Both/p/f~", "abc");
	struct map_file *file = open_file(fixture, "Both/p/f~", O_RDWR);
	assert_errno(rename_to(fixture, "Both/p", "Both/q"), 0);
	write_at(file, 3, "d");
	assert_text(fixture, "Both/q/f~", "abcd");
	assert_errno(map_unlink(fixture->map, &me, "Both/q/f~"), 0);
	assert_reads(file, "abcd");
	release(file);
	assert_int_equal(orphans(fixture), 0);
}

/* What a process that died had open is gone with it. */
static void orphans_of_the_last_mount(void **state)
{
	struct fixture *fixture = *state;
	struct ddb_scratch_name name;
	struct ddb_scratch_meta meta;
	char text[16];
	map_scratch_hidden(MAP_SCRATCH_ORPHANS, 0, name.directory);
	name.name = text;
	for (unsigned i = 0; i < 250; i++) {
		snprintf(text, sizeof(text), "%u", i);
		OP(fixture, scratch_create, &name, 0600, false, &meta);
	}
	close_map(fixture);
	open_map(fixture, true); /* which changes nothing */
	assert_int_equal(orphans(fixture), 100);
	reopen(fixture);
	assert_int_equal(orphans(fixture), 0);
}

enum { APPENDS = 150, RECORD = 40 };

static void *append_many(void *context)
{
	struct map_file *file = context;
	char text[RECORD + 1];
	for (unsigned i = 0; i < APPENDS; i++) {
		snprintf(text, sizeof(text), "%p%*u\n", (void *)file,
			(int)(RECORD - 1 - (size_t)snprintf(NULL, 0, "%p", (void *)file)), i);
		write_at(file, 0, text);
	}
	return NULL;
}

static void appends_of_many_handles(void **state)
{
	enum { THREADS = 4 };
	struct fixture *fixture = *state;
	pthread_t threads[THREADS];
	struct map_file *files[THREADS];
	static char text[THREADS * APPENDS * RECORD + 1];
	unsigned next[THREADS] = {0};
	size_t length;
	make_file(fixture, ".log", "");
	for (unsigned i = 0; i < THREADS; i++)
		files[i] = open_file(fixture, ".log", O_RDWR | O_APPEND);
	fixture->map->options.changed = NULL; /* it is for one thread */
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, append_many, files[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_errno(map_file_read(files[0], 0, text, sizeof(text), &length), 0);
	assert_int_equal(length, THREADS * APPENDS * RECORD);
	/* Each record whole, each handle's in order. */
	for (const char *line = text; *line; line += RECORD) {
		void *file;
		unsigned number, i = 0;
		assert_int_equal(sscanf(line, "%p%u", &file, &number), 2);
		while (files[i] != file)
			assert_true(++i < THREADS);
		assert_int_equal(number, next[i]++);
		assert_int_equal(line[RECORD - 1], '\n');
	}
	for (unsigned i = 0; i < THREADS; i++)
		release(files[i]);
}

/* ---- Partitions that scratch alone holds ---- */

static void held_partitions_are_listed(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, "Both/made"), 0);
	make_file(fixture, "Both/made/f~", "f");
	assert_errno(map_mkdir(fixture->map, &me, "Both/typed"), 0);
	assert_errno(map_mkdir(fixture->map, &me, "Both/.typed/typed/.d"), 0);
	make_file(fixture, "Both/p/f~", "f");
	assert_errno(map_unlink(fixture->map, &me, "Both/p/a.json"), 0);
	assert_errno(map_mkdir(fixture->map, &me, "Both/moved"), 0);
	make_file(fixture, ".f", "f");
	assert_errno(rename_to(fixture, ".f", "Both/moved/.f"), 0);
	put(fixture, "Both", "{\"h\":\"kept\",\"r\":\"a\"}");
	assert_errno(map_mkdir(fixture->map, &me, "Both/keeper"), 0);
	assert_errno(rename_to(fixture, "Both/kept/a.json", "Both/keeper/a~"), 0);
	reopen(fixture);
	assert_list(fixture, "Both", ".table.json\nkeeper\nmade\nmoved\np\ntyped\n");
	assert_list(fixture, "Both/p", "f~\n");
	assert_list(fixture, "Both/.typed/typed", ".d\n");
	assert_errno(map_rmdir(fixture->map, &me, "Both"), ENOTEMPTY);
	/* A new name of it is as good. */
	assert_errno(rename_to(fixture, "Both/made", "Both/named"), 0);
	/* And without scratch it is nothing. */
	assert_errno(map_unlink(fixture->map, &me, "Both/p/f~"), 0);
	assert_errno(map_unlink(fixture->map, &me, "Both/moved/.f"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/moved"), 0);
	reopen(fixture);
	assert_list(fixture, "Both", ".table.json\nkeeper\nnamed\ntyped\n");
	reopen(fixture);
	assert_errno(map_unlink(fixture->map, &me, "Both/named/f~"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/named"), 0);
	assert_errno(map_unlink(fixture->map, &me, "Both/keeper/a~"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/keeper"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/typed"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both"), 0);
}

/* A partition with items is listed once, whatever was recorded of it. */
static void held_partitions_with_items(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, "Both/q"), 0);
	make_file(fixture, "Both/q/f~", "f");
	put(fixture, "Both", "{\"h\":\"q\",\"r\":\"a\"}");
	reopen(fixture);
	assert_list(fixture, "Both", ".table.json\np\nq\n");
	assert_errno(map_unlink(fixture->map, &me, "Both/q/f~"), 0);
	assert_errno(map_unlink(fixture->map, &me, "Both/q/a.json"), 0);
	reopen(fixture);
	assert_list(fixture, "Both", ".table.json\np\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(directories_wherever_scratch_may_be),
		TEST(directories_that_cannot_be),
		TEST(a_table_goes_without_scratch_only),
		TEST(renames_within_scratch),
		TEST(renames_between_scratch_and_items),
		TEST(a_file_without_a_name),
		TEST(a_file_under_another_name),
		TEST(a_name_that_gets_another_file),
		TEST(a_file_that_was_put),
		TEST(a_file_is_put_in_one_transaction),
		TEST(a_definition_that_was_put),
		TEST(files_of_a_renamed_partition),
		TEST(orphans_of_the_last_mount),
		TEST(appends_of_many_handles),
		TEST(held_partitions_are_listed),
		TEST(held_partitions_with_items),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
