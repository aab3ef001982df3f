/*
 * What everyday tools do with a table, call by call: copying it in whatever order, editors, rsync, sed,
 * removing recursively; names and open files together.
 */
#include "tree_fixture.h"
#include <pthread.h>

/* ---- As tools do it ---- */

static struct map_file *create(struct fixture *fixture, const char *path, int flags)
{
	struct map_file *file = NULL;
	struct map_attr attr;
	check_errno(
		map_create(fixture->map, &me, path, O_WRONLY | flags, 0644, &file, &attr), 0, path, __LINE__);
	return file;
}

static struct map_file *open_file(struct fixture *fixture, const char *path, int flags)
{
	struct map_file *file = NULL;
	struct map_attr attr;
	check_errno(map_open(fixture->map, &me, path, flags, &file, &attr), 0, path, __LINE__);
	return file;
}

static void write_all(struct map_file *file, const char *text, size_t length)
{
	for (size_t done = 0; done < length;) {
		size_t piece = length - done < 100 ? length - done : 100;
		check_errno(map_file_write(file, &me, done, text + done, piece), 0, text, __LINE__);
		done += piece;
	}
}

static void close_file(struct map_file *file)
{
	check_errno(map_file_flush(file, &me), 0, "flush", __LINE__);
	check_errno(map_file_release(file, &me), 0, "release", __LINE__);
}

/* cp -a, tar: a new file, its text, its time. */
static void copy_file(struct fixture *fixture, const char *to, const char *text, int64_t mtime_ns)
{
	struct map_file *file = create(fixture, to, O_EXCL);
	write_all(file, text, strlen(text));
	close_file(file);
	check_errno(map_set_mtime(fixture->map, &me, to, mtime_ns, 0), 0, to, __LINE__);
}

enum { ENTRIES_MAX = 200 };

struct entries {
	size_t count;
	struct {
		char path[800]; /* below the table */
		bool directory;
		int64_t mtime_ns;
		char *text;
	} all[ENTRIES_MAX];
};

static void collect(struct fixture *fixture, const char *table, const char *below, struct entries *entries)
{
	char path[1000];
	snprintf(path, sizeof(path), "%s%s%s", table, *below ? "/" : "", below);
	struct map_dir *dir = open_dir(fixture, path);
	for (uint64_t offset = 0;;) {
		struct map_dirent entry = entry_at(dir, offset);
		if (!entry.name)
			break;
		assert_true(entries->count < ENTRIES_MAX);
		size_t at = entries->count++;
		char *name = entries->all[at].path;
		offset = entry.next;
		snprintf(name, sizeof(entries->all[at].path), "%s%s%s", below, *below ? "/" : "", entry.name);
		entries->all[at].directory = entry.attr.directory;
		entries->all[at].mtime_ns = entry.attr.mtime_ns;
		if (entry.attr.directory) {
			collect(fixture, table, name, entries);
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", table, name);
		entries->all[at].text = text_of(fixture, path);
		assert_int_equal(strlen(entries->all[at].text), entry.attr.size);
	}
	map_dir_free(dir);
}

static void drop_entries(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free(entries->all[i].text);
	free(entries);
}

static void copy_entry(struct fixture *fixture, const struct entries *entries, size_t at, const char *table)
{
	char path[1000];
	struct map_attr attr;
	snprintf(path, sizeof(path), "%s/%s", table, entries->all[at].path);
	if (!entries->all[at].directory) {
		copy_file(fixture, path, entries->all[at].text, entries->all[at].mtime_ns);
		return;
	}
	check_errno(map_mkdir(fixture->map, &me, path), 0, path, __LINE__);
	check_errno(stat_of(fixture, path, &attr), 0, path, __LINE__);
	assert_true(attr.directory);
}

static size_t find_entry(const struct entries *entries, const char *path)
{
	size_t at = 0;
	while (at < entries->count && strcmp(entries->all[at].path, path))
		at++;
	if (at == entries->count)
		fail_msg("%s is missing", path);
	return at;
}

static void assert_same_tree(struct fixture *fixture, const struct entries *wanted, const char *table)
{
	struct entries *copy = calloc(1, sizeof(*copy));
	collect(fixture, table, "", copy);
	assert_int_equal(copy->count, wanted->count);
	for (size_t i = 0; i < wanted->count; i++) {
		size_t at = find_entry(copy, wanted->all[i].path);
		assert_int_equal(copy->all[at].directory, wanted->all[i].directory);
		if (wanted->all[i].directory)
			continue;
		assert_string_equal(copy->all[at].text, wanted->all[i].text);
		assert_int_equal(copy->all[at].mtime_ns, wanted->all[i].mtime_ns);
	}
	drop_entries(copy);
}

/* rm -r */
static void remove_tree(struct fixture *fixture, const char *path)
{
	struct map_dir *dir = open_dir(fixture, path);
	for (uint64_t offset = 0;;) {
		struct map_dirent entry = entry_at(dir, offset);
		char below[1200];
		if (!entry.name)
			break;
		offset = entry.next;
		snprintf(below, sizeof(below), "%s/%s", path, entry.name);
		if (entry.attr.directory)
			remove_tree(fixture, below);
		else
			check_errno(map_unlink(fixture->map, &me, below), 0, below, __LINE__);
	}
	map_dir_free(dir);
	check_errno(map_rmdir(fixture->map, &me, path), 0, path, __LINE__);
}

/* ---- Copying ---- */

static void make_long(char text[901], char fill)
{
	memset(text, fill, 900);
	text[900] = '\0';
}

static void fill_table(struct fixture *fixture, char hash, char range)
{
	char long_key[901], other[901], text[2000];
	make_long(long_key, 'k');
	make_long(other, '/');
	make_table(fixture, "From", hash, range);
	for (int i = 0; i < 12; i++) {
		char key[40], sort[40];
		if (hash == 'B')
			snprintf(key, sizeof(key), "{\"$binary\":\"AAA%c\"}", "AB+/"[i / 3]);
		else
			snprintf(key, sizeof(key), hash == 'N' ? "%d.5" : "\"k %%%d\"", i / 3);
		snprintf(sort, sizeof(sort), range == 'N' ? "-%d" : "\"/%d~\"", i);
		if (range)
			snprintf(text, sizeof(text),
				"{\"h\":%s,\"r\":%s,\"n\":%d,\"pk\":[true,null,{\"$ss\":[\"x\"]}]}", key,
				sort, i);
		else
			snprintf(text, sizeof(text), "{\"h\":%s,\"n\":%d,\"sk\":{}}", key, i);
		put(fixture, "From", text);
	}
	if (hash != 'S')
		return;
	if (range == 'S')
		put_key(fixture, "From", long_key, 900, other, 900);
	else if (!range)
		put_key(fixture, "From", other, 900, NULL, 0);
}

/* The definition is copied as the `when`th of all, the rest in the order of the listing or backwards. */
static void copy_table(struct fixture *fixture, const struct entries *entries, size_t when, bool backward)
{
	size_t definition = find_entry(entries, ".table.json"), done = 0;
	assert_errno(map_mkdir(fixture->map, &me, "Into"), 0);
	/* Directories come before what they hold. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < entries->count; i++) {
			size_t at = backward ? entries->count - 1 - i : i;
			if (at == definition || entries->all[at].directory != !pass)
				continue;
			if (done++ == when)
				copy_entry(fixture, entries, definition, "Into");
			copy_entry(fixture, entries, at, "Into");
		}
	}
	if (when >= done)
		copy_entry(fixture, entries, definition, "Into");
	assert_same_tree(fixture, entries, "Into");
	remove_tree(fixture, "Into");
	assert_stat(fixture, "Into", ENOENT);
}

static void copy_tables(void **state)
{
	struct fixture *fixture = *state;
	static const char *const kinds[] = {"S", "N", "B", "SS", "SN", "NS", "BN"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct entries *entries = calloc(1, sizeof(*entries));
		fill_table(fixture, kinds[i][0], kinds[i][1]);
		collect(fixture, "From", "", entries);
		assert_true(entries->count > 4);
		for (size_t when = 0; when <= entries->count; when += 3) {
			copy_table(fixture, entries, when, false);
			copy_table(fixture, entries, when, true);
		}
		copy_table(fixture, entries, SIZE_MAX, false);
		drop_entries(entries);
		remove_tree(fixture, "From");
	}
}

/* A listing of the typed tree is the same names with other texts, and can be copied into a typed tree. */
static void copy_typed(void **state)
{
	struct fixture *fixture = *state;
	struct entries *plain = calloc(1, sizeof(*plain)), *typed = calloc(1, sizeof(*typed));
	fill_table(fixture, 'S', 'S');
	collect(fixture, "From", "", plain);
	collect(fixture, "From/.typed", "", typed);
	assert_int_equal(typed->count + 1, plain->count);
	assert_errno(map_mkdir(fixture->map, &me, "Into"), 0);
	copy_entry(fixture, plain, find_entry(plain, ".table.json"), "Into");
	for (size_t i = 0; i < typed->count; i++)
		copy_entry(fixture, typed, i, "Into/.typed");
	assert_same_tree(fixture, typed, "Into/.typed");
	struct entries *copy = calloc(1, sizeof(*copy));
	collect(fixture, "Into", "", copy);
	for (size_t i = 0; i < copy->count; i++) {
		size_t at = find_entry(plain, copy->all[i].path);
		if (!copy->all[i].directory)
			assert_string_equal(copy->all[i].text, plain->all[at].text);
	}
	drop_entries(copy);
	drop_entries(plain);
	drop_entries(typed);
}

/* ---- Editors and friends ---- */

static const char before[] = "{\n  \"h\": \"a\",\n  \"x\": 1\n}\n",
		  after[] = "{\n  \"h\": \"a\",\n  \"x\": 2\n}\n";

static void one_item(struct fixture *fixture)
{
	make_table(fixture, "Simple", 'S', '\0');
	put(fixture, "Simple", "{\"h\":\"a\",\"x\":1}");
}

static void vim(void **state)
{
	struct fixture *fixture = *state;
	one_item(fixture);
	struct map_file *swap = create(fixture, "Simple/.a.json.swp", O_EXCL);
	char block[4096] = "b0VIM";
	for (uint64_t i = 0; i < 3; i++)
		assert_errno(map_file_write(swap, &me, i * sizeof(block), block, sizeof(block)), 0);
	assert_errno(map_file_sync(swap, &me), 0);
	/* In place. */
	struct map_file *file = open_file(fixture, "Simple/a.json", O_WRONLY);
	assert_errno(map_file_truncate(file, &me, 0), 0);
	assert_text(fixture, "Simple/a.json", before);
	write_all(file, after, strlen(after));
	assert_errno(map_file_sync(file, &me), 0);
	close_file(file);
	assert_text(fixture, "Simple/a.json", after);
	/* backupcopy=no: away, anew, and the backup goes. */
	copy_file(fixture, "Simple/4913", "", 1);
	assert_errno(map_unlink(fixture->map, &me, "Simple/4913"), 0);
	assert_errno(map_rename(fixture->map, &me, "Simple/a.json", "Simple/a.json~", 0), 0);
	assert_stat(fixture, "Simple/a.json", ENOENT);
	file = create(fixture, "Simple/a.json", 0);
	write_all(file, before, strlen(before));
	assert_errno(map_file_sync(file, &me), 0);
	close_file(file);
	assert_text(fixture, "Simple/a.json~", after);
	assert_errno(map_unlink(fixture->map, &me, "Simple/a.json~"), 0);
	close_file(swap);
	assert_errno(map_unlink(fixture->map, &me, "Simple/.a.json.swp"), 0);
	assert_text(fixture, "Simple/a.json", before);
	assert_list(fixture, "Simple", ".table.json\na.json\n");
}

/* A save that is refused leaves the item, and the backup can be brought back. */
static void failed_save(void **state)
{
	struct fixture *fixture = *state;
	one_item(fixture);
	assert_errno(map_rename(fixture->map, &me, "Simple/a.json", "Simple/a.json~", 0), 0);
	struct map_file *file = create(fixture, "Simple/a.json", 0);
	assert_errno(map_file_write(file, &me, 0, "{\"x\":,", 6), EINVAL);
	map_file_flush(file, &me);
	map_file_release(file, &me);
	assert_stat(fixture, "Simple/a.json", ENOENT);
	assert_errno(map_rename(fixture->map, &me, "Simple/a.json~", "Simple/a.json", 0), 0);
	assert_text(fixture, "Simple/a.json", before);
}

static void sed_in_place(void **state)
{
	struct fixture *fixture = *state;
	one_item(fixture);
	copy_file(fixture, "Simple/sedAbCdEf", after, 1);
	assert_errno(
		map_setxattr(fixture->map, &me, "Simple/sedAbCdEf", "system.posix_acl_access", "x", 1, 0),
		EOPNOTSUPP);
	assert_list(fixture, "Simple", ".table.json\na.json\nsedAbCdEf\n");
	assert_errno(map_rename(fixture->map, &me, "Simple/sedAbCdEf", "Simple/a.json", 0), 0);
	assert_text(fixture, "Simple/a.json", after);
	assert_list(fixture, "Simple", ".table.json\na.json\n");
	/* Of the definition, too. */
	char *definition = text_of(fixture, "Simple/.table.json");
	copy_file(fixture, "Simple/sedAbCdEf", definition, 1);
	assert_errno(map_rename(fixture->map, &me, "Simple/sedAbCdEf", "Simple/.table.json", 0), 0);
	assert_text(fixture, "Simple/.table.json", definition);
	free(definition);
}

/* A reader of the old text keeps it whatever becomes of the name. */
static void old_readers(void **state)
{
	struct fixture *fixture = *state;
	char text[100];
	size_t length;
	one_item(fixture);
	struct map_file *first = open_file(fixture, "Simple/a.json", O_RDONLY);
	copy_file(fixture, "Simple/.new", after, 1);
	assert_errno(map_rename(fixture->map, &me, "Simple/.new", "Simple/a.json", 0), 0);
	struct map_file *second = open_file(fixture, "Simple/.typed/a.json", O_RDONLY);
	assert_errno(map_rename(fixture->map, &me, "Simple/a.json", "Simple/b.json", 0), 0);
	assert_errno(map_unlink(fixture->map, &me, "Simple/b.json"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Simple"), 0);
	assert_errno(map_file_read(first, 0, text, sizeof(text), &length), 0);
	assert_int_equal(length, strlen(before));
	assert_memory_equal(text, before, length);
	assert_errno(map_file_read(second, 0, text, sizeof(text), &length), 0);
	assert_memory_equal(text, "{\n  \"h\": {\n    \"S\": \"a\"", 22);
	assert_errno(map_file_release(first, &me), 0);
	assert_errno(map_file_release(second, &me), 0);
}

static void rsync(void **state)
{
	struct fixture *fixture = *state;
	const int64_t mtime = 1700000000123456789;
	struct map_attr attr;
	make_table(fixture, "Both", 'S', 'S');
	assert_errno(map_mkdir(fixture->map, &me, "Both/p"), 0);
	struct map_file *file = create(fixture, "Both/p/.a.json.Xy12Zz", O_EXCL);
	write_all(file, "{\"x\":1}", 7);
	close_file(file);
	assert_errno(map_set_mtime(fixture->map, &me, "Both/p/.a.json.Xy12Zz", mtime, 0), 0);
	assert_text(fixture, "Both/p/.a.json.Xy12Zz", "{\"x\":1}");
	assert_errno(map_rename(fixture->map, &me, "Both/p/.a.json.Xy12Zz", "Both/p/a.json", 0), 0);
	assert_errno(stat_of(fixture, "Both/p/a.json", &attr), 0);
	assert_int_equal(attr.mtime_ns, mtime);
	/* Into the first partition of a table without definition. */
	assert_errno(map_mkdir(fixture->map, &me, "New"), 0);
	file = create(fixture, "New/.a.json.Xy12Zz", O_EXCL);
	write_all(file, "{\"x\":1}", 7);
	close_file(file);
	assert_errno(map_rename(fixture->map, &me, "New/.a.json.Xy12Zz", "New/a.json", 0), 0);
	assert_list(fixture, "New", "a.json\n");
	assert_errno(map_mkdir(fixture->map, &me, "New/p"), EINVAL);
	remove_tree(fixture, "Both");
	remove_tree(fixture, "New");
}

/* A name that is created and never put does not keep its directory; lines make partitions. */
static void lines_and_listings(void **state)
{
	struct fixture *fixture = *state;
	static const char lines[] = "{\"h\":\"p\",\"r\":\"a\"}\n{\"h\":\"q\",\"r\":\"b\"}\n";
	make_table(fixture, "Both", 'S', 'S');
	struct map_dir *dir = open_dir(fixture, "Both");
	assert_string_equal(entry_at(dir, 0).name, ".table.json");
	struct map_file *file = open_file(fixture, "Both/.items.jsonl", O_WRONLY | O_TRUNC);
	write_all(file, lines, strlen(lines));
	close_file(file);
	assert_stat(fixture, "Both/p/a.json", 0);
	assert_list(fixture, "Both/q", "b.json\n");
	assert_string_equal(entry_at(dir, 0).name, ".table.json");
	assert_non_null(entry_at(dir, 1).name);
	assert_non_null(entry_at(dir, 2).name);
	assert_null(entry_at(dir, 3).name);
	map_dir_free(dir);
	remove_tree(fixture, "Both/p");
	remove_tree(fixture, "Both");
}

/* ---- At once ---- */

enum { WORKERS = 3, ROUNDS = 150 };

struct worker {
	struct fixture *fixture;
	unsigned number;
	const char *failure;
};

static int put_text(struct map *map, const char *path, const char *text)
{
	struct map_file *file;
	struct map_attr attr;
	int number = map_open(map, &me, path, O_WRONLY | O_TRUNC, &file, &attr);
	if (number == ENOENT)
		number = map_create(map, &me, path, O_WRONLY, 0644, &file, &attr);
	if (number)
		return number;
	number = map_file_write(file, &me, 0, text, strlen(text));
	map_file_flush(file, &me);
	map_file_release(file, &me);
	return number;
}

/* One name each, in a partition that all share; it comes and goes. */
static void *work(void *context)
{
	struct worker *worker = context;
	struct map *map = worker->fixture->map;
	char path[64], other[64];
	struct map_attr attr;
	snprintf(path, sizeof(path), "Both/p/%u.json", worker->number);
	snprintf(other, sizeof(other), "Both/p/%u~", worker->number);
	for (unsigned i = 0; i < ROUNDS && !worker->failure; i++) {
		if (put_text(map, path, "{\"x\":1}"))
			worker->failure = "put";
		else if (map_stat(map, &me, "Both/p", &attr))
			worker->failure = "the partition";
		else if (map_rename(map, &me, path, other, 0))
			worker->failure = "rename away";
		else if (map_rename(map, &me, other, path, RENAME_NOREPLACE))
			worker->failure = "rename back";
		else if (map_unlink(map, &me, path))
			worker->failure = "unlink";
		else if (map_stat(map, &me, "Both/p", &attr))
			worker->failure = "the empty partition";
		else if (map_stat(map, &me, path, &attr) != ENOENT)
			worker->failure = "it is still there";
	}
	return NULL;
}

static void *list(void *context)
{
	struct worker *worker = context;
	struct map *map = worker->fixture->map;
	struct map_dirent entry;
	struct map_dir *dir;
	for (unsigned i = 0; i < ROUNDS && !worker->failure; i++) {
		const char *path = i % 2 ? "Both" : "Both/p";
		if (map_dir_open(map, &me, path, &dir)) {
			worker->failure = "open the directory";
			break;
		}
		uint64_t offset = 0;
		while (!map_dir_entry(dir, offset, &entry) && entry.name)
			offset = entry.next;
		if (entry.name || offset > 2 * WORKERS)
			worker->failure = "list";
		map_dir_free(dir);
		map_tick(map);
	}
	return NULL;
}

static void at_once(void **state)
{
	struct fixture *fixture = *state;
	struct worker workers[WORKERS + 1];
	pthread_t threads[WORKERS + 1];
	make_table(fixture, "Both", 'S', 'S');
	assert_errno(map_mkdir(fixture->map, &me, "Both/p"), 0);
	for (unsigned i = 0; i <= WORKERS; i++) {
		workers[i] = (struct worker){.fixture = fixture, .number = i};
		assert_int_equal(
			pthread_create(&threads[i], NULL, i < WORKERS ? work : list, &workers[i]), 0);
	}
	for (unsigned i = 0; i <= WORKERS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i <= WORKERS; i++) {
		if (workers[i].failure)
			fail_msg("worker %u: %s", i, workers[i].failure);
	}
	assert_list(fixture, "Both/p", "");
	assert_errno(map_rmdir(fixture->map, &me, "Both/p"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copy_tables),
		TEST(copy_typed),
		TEST(vim),
		TEST(failed_save),
		TEST(sed_in_place),
		TEST(old_readers),
		TEST(rsync),
		TEST(lines_and_listings),
		TEST(at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
