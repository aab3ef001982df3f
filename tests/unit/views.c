/* Transactions and snapshots in the tree: their names, whose they are, how paths lead into them, what ends
 * them. */
#include "tree_fixture.h"

#include "mapping/view/committed.h"
#include "mapping/view/views.h"
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct map_caller other = {.uid = 1001, .gid = 1001, .pid = 43};
static const struct map_caller root = {.uid = 0};

static int write_text(struct fixture *fixture, const char *path, int flags, const char *text)
{
	struct map_file *file;
	struct map_attr attr;
	int number = map_open(fixture->map, &me, path, O_WRONLY | flags, &file, &attr);
	if (number == ENOENT)
		number = map_create(fixture->map, &me, path, O_WRONLY | flags, 0644, &file, &attr);
	if (number)
		return number;
	number = map_file_write(file, &me, 0, text, strlen(text));
	int later = map_file_flush(file, &me);
	map_file_release(file, &me);
	return number ? number : later;
}

static void assert_refused(struct fixture *fixture, const char *what)
{
	if (!is_recorded(fixture, what))
		fail_msg("/.errors says nothing of %s", what);
}

static void make_tables(struct fixture *fixture)
{
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Both", 'S', 'S');
	put(fixture, "Simple", "{\"h\":\"a\",\"n\":1}");
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"1\",\"n\":1}");
}

#define A(n) "{\n  \"h\": \"a\",\n  \"n\": " #n "\n}\n"

/* ---- Names ---- */

static void test_names(void **state)
{
	struct fixture *fixture = *state;
	char name[300] = ".txn/";
	assert_stat(fixture, ".txn", 0);
	assert_stat(fixture, ".snapshot", 0);
	assert_stat(fixture, ".txn/committed", 0);
	assert_stat(fixture, ".txn/x", ENOENT);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_told(fixture, ".txn/x", MAP_VERSION_DIRECTORY);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), EEXIST);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/committed"), EEXIST);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/committed/x"), EPERM);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/.x"), EINVAL);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/a\nb"), EINVAL);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/\xff"), EINVAL);
	assert_errno(map_mkdir(fixture->map, &me, ".snapshot/.x"), EINVAL);
	assert_errno(map_mkdir(fixture->map, &me, ".snapshot/x"), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".snapshot/committed"), 0);
	memset(name + 5, 'n', 256);
	assert_errno(map_mkdir(fixture->map, &me, name), ENAMETOOLONG);
	name[5 + 255] = '\0';
	assert_errno(map_mkdir(fixture->map, &me, name), 0);
	assert_errno(map_rmdir(fixture->map, &me, name), 0);
	assert_stat(fixture, name, ENOENT);
	assert_errno(map_rmdir(fixture->map, &me, ".txn/committed"), EPERM);
	assert_errno(map_rmdir(fixture->map, &me, ".txn"), EPERM);
	assert_errno(map_unlink(fixture->map, &me, ".txn/x"), EISDIR);
	char *names = names_of(fixture, ".txn");
	assert_string_equal(names, "committed\nx\n");
	free(names);
	names = names_of(fixture, ".snapshot");
	assert_string_equal(names, "x\ncommitted\n");
	free(names);
	assert_errno(map_rmdir(fixture->map, &me, ".txn/x"), 0);
	assert_told(fixture, ".txn/x", MAP_VERSION_DIRECTORY);
	assert_errno(map_rmdir(fixture->map, &me, ".txn/x"), ENOENT);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
}

/* What is outside is not inside, and the other way round. */
static void test_places(void **state)
{
	static const char *const outside[] = {".status", ".errors", ".api", ".txn", ".snapshot"};
	struct fixture *fixture = *state;
	char path[100];
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".snapshot/x"), 0);
	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		snprintf(path, sizeof(path), ".txn/x/%s", outside[i]);
		assert_stat(fixture, path, ENOENT);
		assert_errno(map_mkdir(fixture->map, &me, path), EPERM);
		snprintf(path, sizeof(path), ".snapshot/x/%s", outside[i]);
		assert_stat(fixture, path, ENOENT);
	}
	assert_stat(fixture, ".txn/x/.conditions.jsonl", 0);
	assert_stat(fixture, ".txn/x/.reasons.json", ENOENT);
	assert_stat(fixture, ".snapshot/x/.conditions.jsonl", ENOENT);
	assert_stat(fixture, ".conditions.jsonl", ENOENT);
	assert_errno(write_text(fixture, ".conditions.jsonl", O_TRUNC, "a scratch file"), 0);
	assert_stat(fixture, ".txn/x/Simple/a.json", 0);
	assert_stat(fixture, ".txn/x/Simple/.typed/a.json", 0);
	assert_stat(fixture, ".txn/x/Both/p/1.json", 0);
	assert_stat(fixture, ".txn/x/Both/.query/pk=p/count", 0);
	assert_stat(fixture, ".txn/x/Nothing", ENOENT);
	assert_stat(fixture, ".txn/y/Simple", ENOENT);
	assert_stat(fixture, ".txn/committed/x/Simple", ENOENT);
	assert_errno(write_text(fixture, ".txn/file", O_TRUNC, "x"), EACCES);
	char *names = names_of(fixture, ".txn/x");
	assert_string_equal(names, "Both\nSimple\n");
	free(names);
}

/* cp and mv compare inode numbers. */
static void test_inodes(void **state)
{
	static const char *const paths[] = {"Simple", "Simple/.table.json", "Simple/a.json", "Both/p",
		"Both/p/1.json", "Simple/.typed/a.json", ".note"};
	enum { PATHS = sizeof(paths) / sizeof(*paths), VIEWS = 20 };
	uint64_t numbers[PATHS * (VIEWS + 1)];
	struct fixture *fixture = *state;
	struct map_attr attr;
	size_t count = 0;
	make_tables(fixture);
	make_scratch(fixture, ".note", "text");
	for (unsigned view = 0; view <= VIEWS; view++) {
		char directory[20] = "", path[100];
		if (view) {
			snprintf(directory, sizeof(directory), ".snapshot/%u", view);
			assert_errno(map_mkdir(fixture->map, &me, directory), 0);
			strcat(directory, "/");
		}
		for (unsigned i = 0; i < PATHS; i++) {
			snprintf(path, sizeof(path), "%s%s", directory, paths[i]);
			assert_errno(stat_of(fixture, path, &attr), 0);
			assert_true(attr.ino > 1);
			for (size_t j = 0; j < count; j++)
				assert_true(numbers[j] != attr.ino);
			numbers[count++] = attr.ino;
		}
	}
	/* The lowest of a table is its definition, in a view as well. */
	assert_true(numbers[PATHS + 1] < numbers[PATHS] && numbers[PATHS + 1] < numbers[PATHS + 2]);
}

/* The listing says what stat says. */
static void test_listed_attributes(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	struct map_dir *dir = open_dir(fixture, ".txn/x/Simple");
	struct map_dirent entry = entry_at(dir, 1);
	assert_string_equal(entry.name, "a.json");
	assert_errno(stat_of(fixture, ".txn/x/Simple/a.json", &attr), 0);
	assert_true(entry.attr.ino == attr.ino && entry.attr.version == attr.version);
	map_dir_free(dir);
	dir = open_dir(fixture, ".txn");
	entry = entry_at(dir, 1);
	assert_string_equal(entry.name, "x");
	assert_true(entry.attr.whole && entry.attr.owned && entry.attr.owner == me.uid);
	map_dir_free(dir);
}

/* ---- Whose it is ---- */

static void test_owner(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr;
	struct map_dir *dir;
	struct map_file *file;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/mine"), 0);
	assert_errno(map_mkdir(fixture->map, &other, ".txn/other"), 0);
	assert_errno(map_mkdir(fixture->map, &other, ".snapshot/other"), 0);
	assert_stat(fixture, ".txn/other", 0);
	assert_stat(fixture, ".txn/other/Simple", EACCES);
	assert_errno(map_dir_open(fixture->map, &me, ".txn/other", &dir), EACCES);
	assert_errno(map_open(fixture->map, &me, ".txn/other/Simple/a.json", O_RDONLY, &file, &attr), EACCES);
	assert_errno(map_unlink(fixture->map, &me, ".txn/other/Simple/a.json"), EACCES);
	assert_errno(map_rmdir(fixture->map, &me, ".txn/other"), EACCES);
	assert_errno(map_rename(fixture->map, &me, ".txn/other", ".txn/committed/other", 0), EACCES);
	assert_refused(fixture, "EACCES");
	assert_stat(fixture, ".snapshot/other/Simple/a.json", 0);
	assert_errno(map_stat(fixture->map, &other, ".txn/other/Simple/a.json", &attr), 0);
	assert_errno(map_stat(fixture->map, &root, ".txn/other/Simple/a.json", &attr), 0);
	assert_errno(map_stat(fixture->map, &root, ".txn/other", &attr), 0);
	assert_true(attr.owned && attr.owner == other.uid);
	char *names = names_of(fixture, ".txn");
	assert_string_equal(names, "committed\nmine\n");
	free(names);
	assert_errno(map_rmdir(fixture->map, &root, ".txn/other"), 0);
}

/* ---- Inside ---- */

static void test_staged(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/y"), 0);
	assert_errno(write_text(fixture, ".txn/x/Simple/a.json", O_APPEND, "{\"n\":2}"), 0);
	assert_told(
		fixture, ".txn/x/Simple/.typed/a.json", find_told(fixture, ".txn/x/Simple/a.json")->version);
	assert_null(find_told(fixture, "Simple/a.json"));
	assert_text(fixture, ".txn/x/Simple/a.json", A(2));
	assert_text(fixture, ".txn/y/Simple/a.json", A(1));
	assert_text(fixture, "Simple/a.json", A(1));
	assert_errno(write_text(fixture, "Simple/a.json", O_APPEND, "{\"n\":3}"), 0);
	assert_text(fixture, ".txn/x/Simple/a.json", A(2));
	assert_text(fixture, ".txn/y/Simple/a.json", A(1));
	assert_errno(map_unlink(fixture->map, &me, ".txn/x/Simple/a.json"), 0);
	assert_stat(fixture, ".txn/x/Simple/a.json", ENOENT);
	assert_errno(map_rename(fixture->map, &me, ".txn/x/Both/p/1.json", ".txn/x/Both/p/2.json", 0), 0);
	assert_stat(fixture, ".txn/x/Both/p/1.json", ENOENT);
	assert_stat(fixture, "Both/p/1.json", 0);
	assert_errno(map_rename(fixture->map, &me, ".txn/x/Both/p", ".txn/x/Both/q", 0), 0);
	assert_stat(fixture, ".txn/x/Both/q/2.json", 0);
	assert_errno(write_text(fixture, ".txn/x/Simple/.note", O_TRUNC, "text"), 0);
	assert_stat(fixture, "Simple/.note", ENOENT);
	assert_errno(map_rename(fixture->map, &me, ".txn/x/Both/q/2.json", "Both/p/2.json", 0), EXDEV);
	assert_errno(map_rename(fixture->map, &me, "Both/p/1.json", ".txn/y/Both/p/2.json", 0), EXDEV);
	assert_errno(map_rename(fixture->map, &me, ".txn/x/Both/q/2.json", ".txn/y/Both/p/2.json", 0), EXDEV);
	assert_errno(map_rename(fixture->map, &me, ".txn/x/Both/q", "Both/q", 0), EPERM);
	assert_text(fixture, "Simple/a.json", A(3));
}

static void test_tables(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, "New"), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x/Another"), EPERM);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x/Simple"), EEXIST);
	assert_errno(map_rmdir(fixture->map, &me, ".txn/x/Simple"), EPERM);
	assert_errno(map_rename(fixture->map, &me, ".txn/x/Simple", ".txn/x/Other", 0), EPERM);
	assert_errno(write_text(fixture, ".txn/x/Simple/.table.json", O_TRUNC, "{}"), EPERM);
	assert_errno(write_text(fixture, ".txn/x/New/.table.json", O_TRUNC, "{}"), EPERM);
	assert_errno(map_set_mtime(fixture->map, &me, ".txn/x/Simple/.table.json", 1, 0), EPERM);
	assert_errno(write_text(fixture, ".txn/x/Simple/.new", O_TRUNC, "{}"), 0);
	assert_errno(
		map_rename(fixture->map, &me, ".txn/x/Simple/.new", ".txn/x/Simple/.table.json", 0), EPERM);
	assert_errno(
		map_rename(fixture->map, &me, ".txn/x/Simple/.table.json", ".txn/x/Simple/.old", 0), EPERM);
	assert_errno(write_text(fixture, ".txn/x/New/a.json", O_TRUNC, "{}"), EPERM);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x/New/p"), EPERM);
	assert_refused(fixture, "cannot be changed in a transaction");
	assert_stat(fixture, ".txn/x/Simple/a.json", 0);
}

static void test_snapshot(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, "Both/made"), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".snapshot/x"), 0);
	assert_errno(write_text(fixture, "Simple/a.json", O_APPEND, "{\"n\":2}"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/made"), 0);
	assert_text(fixture, ".snapshot/x/Simple/a.json", A(1));
	assert_stat(fixture, ".snapshot/x/Both/made", 0);
	assert_errno(write_text(fixture, ".snapshot/x/Simple/a.json", O_APPEND, "{\"n\":3}"), EROFS);
	assert_errno(write_text(fixture, ".snapshot/x/Simple/b.json", O_TRUNC, "{\"n\":3}"), EROFS);
	assert_errno(write_text(fixture, ".snapshot/x/Simple/.items.jsonl", 0, "{\"h\":\"b\"}\n"), EROFS);
	assert_errno(write_text(fixture, ".snapshot/x/Simple/.note", O_TRUNC, "text"), EROFS);
	assert_errno(map_unlink(fixture->map, &me, ".snapshot/x/Simple/a.json"), EROFS);
	assert_errno(map_unlink(fixture->map, &me, ".snapshot/x/Simple/.table.json"), EROFS);
	assert_errno(map_rmdir(fixture->map, &me, ".snapshot/x/Simple"), EROFS);
	assert_errno(map_mkdir(fixture->map, &me, ".snapshot/x/Another"), EROFS);
	assert_errno(
		map_rename(fixture->map, &me, ".snapshot/x/Simple/a.json", ".snapshot/x/Simple/b.json", 0),
		EROFS);
	assert_errno(map_set_mtime(fixture->map, &me, ".snapshot/x/Simple/a.json", 1, 0), EROFS);
	assert_errno(
		map_setxattr(fixture->map, &me, ".snapshot/x/Simple/a.json", "user.condition", "n = 1", 5, 0),
		EROFS);
	assert_refused(fixture, "A snapshot cannot be changed");
	assert_errno(map_rename(fixture->map, &me, ".snapshot/x", ".snapshot/y", 0), EPERM);
	assert_errno(map_rename(fixture->map, &me, ".snapshot/x", ".txn/committed/x", 0), EPERM);
	assert_errno(map_rmdir(fixture->map, &me, ".snapshot/x"), 0);
	assert_stat(fixture, ".snapshot/x/Simple/a.json", ENOENT);
}

/* ---- Conditions ---- */

static int set_condition(struct fixture *fixture, const char *path, const char *text)
{
	return map_setxattr(fixture->map, &me, path, "user.condition", text, strlen(text), 0);
}

static void assert_condition(struct fixture *fixture, const char *path, const char *wanted)
{
	char value[500] = "";
	size_t length;
	assert_errno(
		map_getxattr(fixture->map, &me, path, "user.condition", value, sizeof(value), &length), 0);
	assert_int_equal(length, strlen(wanted));
	assert_memory_equal(value, wanted, length);
}

static void test_conditions(void **state)
{
	static const char lines[] = ".txn/x/.conditions.jsonl";
	struct fixture *fixture = *state;
	char value[100];
	size_t length;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(map_getxattr(fixture->map, &me, ".txn/x/Simple/a.json", "user.condition", value,
			     sizeof(value), &length),
		ENODATA);
	assert_errno(set_condition(fixture, ".txn/x/Simple/a.json", "n = 1"), 0);
	assert_condition(fixture, ".txn/x/Simple/a.json", "n = 1");
	assert_condition(fixture, ".txn/x/Simple/.typed/a.json", "n = 1");
	assert_errno(set_condition(fixture, ".txn/x/Simple/.typed/a.json", "n = 2"), 0);
	assert_condition(fixture, ".txn/x/Simple/a.json", "n = 2");
	assert_errno(set_condition(fixture, ".txn/x/Simple/a.json", "n = ("), EINVAL);
	assert_errno(set_condition(fixture, ".txn/x/Simple/b.json", "n = 1"), ENOENT);
	assert_errno(set_condition(fixture, ".txn/x/Simple", "n = 1"), EOPNOTSUPP);
	assert_errno(set_condition(fixture, "Simple/a.json", "n = 1"), EOPNOTSUPP);
	assert_errno(write_text(fixture, lines, O_TRUNC,
			     "{\"path\":\"Simple/a.json\",\"condition\":\"n < 5\"}\n"
			     "{\"path\":\"Both/.typed/p/9.json\",\"condition\":\"attribute_not_exists(h)\"}"),
		0);
	assert_condition(fixture, ".txn/x/Simple/a.json", "(n = 2) AND (n < 5)");
	assert_text(fixture, lines,
		"{\"path\":\"Simple/a.json\",\"condition\":\"(n = 2) AND (n < 5)\"}\n"
		"{\"path\":\"Both/p/9.json\",\"condition\":\"attribute_not_exists(h)\"}\n");
	assert_errno(map_removexattr(fixture->map, &me, ".txn/x/Simple/a.json", "user.condition"), 0);
	assert_errno(map_removexattr(fixture->map, &me, ".txn/x/Simple/a.json", "user.condition"), ENODATA);
	assert_text(
		fixture, lines, "{\"path\":\"Both/p/9.json\",\"condition\":\"attribute_not_exists(h)\"}\n");
}

/* They are told in the order in which they came, whatever went in between. */
static void test_order_of_conditions(void **state)
{
	static const char lines[] = ".txn/x/.conditions.jsonl";
	struct fixture *fixture = *state;
	char path[40], line[120];
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	for (char name = 'e'; name >= 'a'; name--) {
		snprintf(path, sizeof(path), ".txn/x/Simple/%c.json", name);
		assert_errno(write_text(fixture, path, O_TRUNC, "{}"), 0);
		assert_errno(set_condition(fixture, path, "n = 1"), 0);
	}
	for (const char *name = "ace"; *name; name++) {
		snprintf(path, sizeof(path), ".txn/x/Simple/%c.json", *name);
		assert_errno(map_removexattr(fixture->map, &me, path, "user.condition"), 0);
	}
	snprintf(line, sizeof(line), "{\"path\":\"%s\",\"condition\":\"n = 2\"}\n", "Simple/c.json");
	assert_errno(write_text(fixture, lines, O_TRUNC, line), 0);
	assert_text(fixture, lines,
		"{\"path\":\"Simple/d.json\",\"condition\":\"n = 1\"}\n"
		"{\"path\":\"Simple/b.json\",\"condition\":\"n = 1\"}\n"
		"{\"path\":\"Simple/c.json\",\"condition\":\"n = 2\"}\n");
}

/* What is asked together is put in parentheses; what stands in some already, and in two pairs would be
 * refused, is not. */
static void test_joined_conditions(void **state)
{
	static const char lines[] = ".txn/x/.conditions.jsonl";
	static const struct {
		const char *first, *second, *both;
	} cases[] = {
		{"n = 1", "n = 1", "n = 1"},
		{"(n = 1)", "n = 2", "(n = 1) AND (n = 2)"},
		{"n = 1", " ( n = 2 ) ", "(n = 1) AND  ( n = 2 ) "},
		{"(n = 1)", "(n = 2)", "(n = 1) AND (n = 2)"},
		{"(n = 1) OR (n = 2)", "n = 3", "((n = 1) OR (n = 2)) AND (n = 3)"},
		{"NOT (n = 1)", "(n = 2) AND n = 3", "(NOT (n = 1)) AND ((n = 2) AND n = 3)"},
		{"n = '(' OR n = ')'", "(n = ')')", "(n = '(' OR n = ')') AND (n = ')')"},
	};
	struct fixture *fixture = *state;
	char line[200], long_line[5000];
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_errno(set_condition(fixture, ".txn/x/Simple/a.json", cases[i].first), 0);
		snprintf(line, sizeof(line), "{\"path\":\"Simple/a.json\",\"condition\":\"%s\"}\n",
			cases[i].second);
		assert_errno(write_text(fixture, lines, O_TRUNC, line), 0);
		assert_condition(fixture, ".txn/x/Simple/a.json", cases[i].both);
	}
	snprintf(long_line, sizeof(long_line),
		"{\"path\":\"Simple/a.json\",\"condition\":\"n = '%04080d'\"}\n", 0);
	assert_errno(write_text(fixture, lines, O_TRUNC, long_line), EINVAL);
	assert_refused(fixture,
		"Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; "
		"expression size: 4129");
	assert_condition(fixture, ".txn/x/Simple/a.json", cases[6].both);
}

static void test_bad_conditions(void **state)
{
	static const char lines[] = ".txn/x/.conditions.jsonl";
	static const char *const bad[] = {"nonsense", "[]", "{}", "{\"path\":\"Simple/a.json\"}",
		"{\"path\":\"Simple/a.json\",\"condition\":1}",
		"{\"path\":\"Simple/a.json\",\"condition\":\"n =\"}",
		"{\"path\":\"Simple/a.json\",\"condition\":\"n = 1) AND (n = 1\"}",
		"{\"path\":\"Simple/a.json\",\"condition\":\"n = 1\",\"more\":\"\"}",
		"{\"path\":\"Simple/a.json\",\"condition\":\"#n = 1\",\"names\":{\"#n\":\"n\"}}",
		"{\"path\":\"Simple\",\"condition\":\"n = 1\"}",
		"{\"path\":\"Simple/note\",\"condition\":\"n = 1\"}",
		"{\"path\":\"None/a.json\",\"condition\":\"n = 1\"}",
		"{\"path\":\"../a.json\",\"condition\":\"n = 1\"}",
		"{\"path\":\"Simple/a.json\\u0000\",\"condition\":\"n = 1\"}",
		"{\"path\":\".txn/x/Simple/a.json\",\"condition\":\"n = 1\"}"};
	struct fixture *fixture = *state;
	char text[300];
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "%s\n", bad[i]);
		check_errno(write_text(fixture, lines, O_TRUNC, text), EINVAL, bad[i], __LINE__);
		check_errno(write_text(fixture, lines, O_TRUNC, bad[i]), EINVAL, bad[i], __LINE__);
	}
	assert_text(fixture, lines, "");
	/* Of a member too many it says that, not how deep the member is. */
	assert_false(is_recorded(fixture, "Nesting"));
	/* Those before a bad line are taken. */
	assert_errno(write_text(fixture, lines, O_TRUNC,
			     "{\"path\":\"Simple/a.json\",\"condition\":\"n = 1\"}\n\nbad\n"
			     "{\"path\":\"Simple/b.json\",\"condition\":\"n = 1\"}\n"),
		EINVAL);
	assert_refused(fixture, "line 3: ");
	assert_text(fixture, lines, "{\"path\":\"Simple/a.json\",\"condition\":\"n = 1\"}\n");
}

static void test_condition_limit(void **state)
{
	struct fixture *fixture = *state;
	char text[100];
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	for (int i = 0; i <= DDB_TRANSACT_MAX; i++) {
		snprintf(text, sizeof(text),
			"{\"path\":\"Simple/%d.json\",\"condition\":\"attribute_not_exists(h)\"}\n", i);
		assert_errno(write_text(fixture, ".txn/x/.conditions.jsonl", O_APPEND, text),
			i < DDB_TRANSACT_MAX ? 0 : EINVAL);
	}
}

/* ---- Ends ---- */

/* What is open when a view goes knows nothing any more, and may be closed when it likes. */
static void test_open_files(void **state)
{
	struct fixture *fixture = *state;
	struct map_file *reader, *writer, *draft;
	struct map_attr attr;
	struct map_dirent entry;
	char text[100];
	size_t length;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(map_open(fixture->map, &me, ".txn/x/Simple/a.json", O_RDONLY, &reader, &attr), 0);
	assert_errno(
		map_open(fixture->map, &me, ".txn/x/Simple/a.json", O_WRONLY | O_TRUNC, &writer, &attr), 0);
	assert_errno(map_create(fixture->map, &me, ".txn/x/Simple/b.json", O_WRONLY, 0644, &draft, &attr), 0);
	assert_errno(map_file_write(draft, &me, 0, "{\"n\":", 5), 0);
	struct map_dir *dir = open_dir(fixture, ".txn/x/Simple");
	struct map_dir *top = open_dir(fixture, ".txn/x");
	assert_errno(map_rmdir(fixture->map, &me, ".txn/x"), 0);
	/* Another one of the name has nothing to do with them. */
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(map_file_read(reader, 0, text, sizeof(text), &length), ESTALE);
	assert_errno(map_file_write(writer, &me, 0, "{}", 2), ESTALE);
	assert_errno(map_file_write(draft, &me, 5, "1}", 2), ESTALE);
	assert_errno(map_dir_entry(dir, 0, &entry), ESTALE);
	assert_errno(map_dir_entry(top, 0, &entry), ESTALE);
	assert_refused(fixture, "ESTALE");
	map_file_release(reader, &me);
	map_file_release(writer, &me);
	map_file_release(draft, &me);
	map_dir_free(dir);
	map_dir_free(top);
	assert_text(fixture, ".txn/x/Simple/a.json", A(1));
	assert_stat(fixture, ".txn/x/Simple/b.json", ENOENT);
}

static void test_idle(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr;
	const int64_t minute = INT64_C(60) * 1000000000;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".snapshot/x"), 0);
	int64_t before = map_now_ns();
	assert_stat(fixture, ".txn/x/Simple", 0);
	map_tick_at(fixture->map, before + 10 * minute);
	assert_stat(fixture, ".txn/x", 0); /* the name alone is no use of it */
	fixture->told_count = 0;
	map_tick_at(fixture->map, map_now_ns() + 10 * minute);
	assert_stat(fixture, ".txn/x", ENOENT);
	assert_stat(fixture, ".txn/x/Simple", ENOENT);
	assert_told(fixture, ".txn/x", 0);
	assert_stat(fixture, ".snapshot/x/Simple/a.json", 0);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(stat_of(fixture, ".txn/x/Simple/a.json", &attr), 0);
}

/* The engine lets go of a view: its name stays, with nothing below. */
static void test_ended(void **state)
{
	struct fixture *fixture = *state;
	struct map_dir *dir;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".snapshot/x"), 0);
	struct map_view *view = map_view_find(fixture->map, DDB_SNAPSHOT, "x", 1);
	view->engine->ops->end_view(view->engine, "its hour is over");
	map_view_unref(view);
	fixture->told_count = 0;
	map_tick(fixture->map);
	assert_told(fixture, ".snapshot/x", UINT64_MAX);
	assert_stat(fixture, ".snapshot/x", 0);
	assert_stat(fixture, ".snapshot/x/Simple", ESTALE);
	assert_stat(fixture, ".snapshot/x/Simple/a.json", ESTALE);
	assert_errno(map_dir_open(fixture->map, &me, ".snapshot/x", &dir), ESTALE);
	assert_refused(fixture, "its hour is over");
	char *status = text_of(fixture, ".status");
	assert_non_null(strstr(status, "\"why\": \"its hour is over\""));
	free(status);
	assert_errno(map_mkdir(fixture->map, &me, ".snapshot/x"), EEXIST);
	assert_errno(map_rmdir(fixture->map, &me, ".snapshot/x"), 0);
	assert_stat(fixture, ".snapshot/x", ENOENT);
}

/* ---- Commits ---- */

static void test_commit(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(write_text(fixture, ".txn/x/Simple/a.json", O_APPEND, "{\"n\":2}"), 0);
	assert_errno(map_unlink(fixture->map, &me, ".txn/x/Both/p/1.json"), 0);
	fixture->told_count = 0;
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/other", 0), EPERM);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/x/y", 0), EPERM);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/.x", 0), EBADMSG);
	assert_int_equal(fixture->told_count, 0);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/token", 0), 0);
	assert_told(fixture, "Both/p/1.json", 0);
	assert_told(fixture, "Both/.typed/p/1.json", 0);
	assert_told(fixture, ".txn/x", 0);
	assert_told(fixture, ".txn/committed/token", MAP_VERSION_DIRECTORY);
	const struct told *told = find_told(fixture, "Simple/a.json");
	assert_true(told && told->version && told->version != UINT64_MAX);
	assert_text(fixture, "Simple/a.json", A(2));
	assert_stat(fixture, "Both/p/1.json", ENOENT);
	assert_stat(fixture, "Both/p", 0); /* it lingers */
	assert_stat(fixture, ".txn/x", ENOENT);
	assert_stat(fixture, ".txn/committed/token", 0);
	assert_stat(fixture, ".txn/committed/token/Simple", ENOENT);
	map_tick_at(fixture->map, map_now_ns() + INT64_C(601) * 1000000000);
	assert_stat(fixture, ".txn/committed/token", ENOENT);
}

static void test_reasons(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(write_text(fixture, ".txn/x/Both/p/1.json", O_APPEND, "{\"n\":2}"), 0);
	assert_errno(write_text(fixture, "Both/p/1.json", O_APPEND, "{\"n\":3}"), 0);
	fixture->told_count = 0;
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/x", 0), ECANCELED);
	assert_refused(fixture, "ECANCELED");
	assert_true(find_told(fixture, ".txn/x/.reasons.json"));
	char *reasons = text_of(fixture, ".txn/x/.reasons.json");
	assert_non_null(strstr(reasons, "\"path\": \"Both/p/1.json\""));
	assert_non_null(strstr(reasons, "\"Code\": \"TransactionConflict\""));
	free(reasons);
	assert_stat(fixture, ".txn/committed/x", ENOENT);
	assert_stat(fixture, ".txn/x/Both/p/1.json", 0);
}

/* What is deep in an item takes many bytes of indentation: reasons that would be too long have no items. */
static void test_long_reasons(void **state)
{
	enum { ITEMS = 8, DEPTH = 30, NULLS = 195000, EACH = sizeof("null,") - 1 };
	struct fixture *fixture = *state;
	char path[40], line[120], *text = malloc(100 + 2 * DEPTH + NULLS * EACH), *end = text;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	end = stpcpy(end, "{\"l\":");
	end = (char *)memset(end, '[', DEPTH) + DEPTH;
	for (int i = 0; i < NULLS; i++)
		end = stpcpy(end, "null,");
	end = (char *)memset(end - 1, ']', DEPTH) + DEPTH;
	strcpy(end, "}");
	for (int i = 0; i < ITEMS; i++) {
		snprintf(path, sizeof(path), "Simple/long%d.json", i);
		assert_errno(write_text(fixture, path, O_TRUNC, text), 0);
		snprintf(line, sizeof(line), "{\"path\":\"%s\",\"condition\":\"attribute_not_exists(h)\"}",
			path);
		assert_errno(write_text(fixture, ".txn/x/.conditions.jsonl", O_TRUNC, line), 0);
	}
	free(text);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/x", 0), ECANCELED);
	char *reasons = text_of(fixture, ".txn/x/.reasons.json");
	assert_non_null(strstr(reasons, "\"path\": \"Simple/long7.json\""));
	assert_non_null(strstr(reasons, "\"Code\": \"ConditionalCheckFailed\""));
	assert_null(strstr(reasons, "Item"));
	free(reasons);
}

/* Why the commit before has failed is not why this one has. */
static void test_old_reasons(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/first"), 0);
	assert_errno(map_rename(fixture->map, &me, ".txn/first", ".txn/committed/token", 0), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(set_condition(fixture, ".txn/x/Simple/a.json", "n = 2"), 0);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/x", 0), ECANCELED);
	assert_stat(fixture, ".txn/x/.reasons.json", 0);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/token", 0), EEXIST);
	assert_stat(fixture, ".txn/x/.reasons.json", ENOENT);
}

static bool fail_syncs; /* of data files */
int test_fdatasync(int fd) __asm__("fdatasync") __attribute__((visibility("default")));
int test_fdatasync(int fd)
{
	if (!__atomic_load_n(&fail_syncs, __ATOMIC_ACQUIRE))
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

/* A commit whose sync has failed is refused, and stands: others see it, and so are told of it. */
static void test_failed_sync(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(write_text(fixture, ".txn/x/Simple/a.json", O_APPEND, "{\"n\":2}"), 0);
	assert_errno(map_unlink(fixture->map, &me, ".txn/x/Both/p/1.json"), 0);
	fixture->told_count = 0;
	__atomic_store_n(&fail_syncs, true, __ATOMIC_RELEASE);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/token", 0), EIO);
	__atomic_store_n(&fail_syncs, false, __ATOMIC_RELEASE);
	assert_text(fixture, "Simple/a.json", A(2));
	assert_true(find_told(fixture, "Simple/a.json"));
	assert_stat(fixture, "Both/p/1.json", ENOENT);
	assert_told(fixture, "Both/p/1.json", 0);
	assert_stat(fixture, ".txn/x/Simple/a.json", 0);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/token", 0), 0);
	assert_stat(fixture, ".txn/committed/token", 0);
}

/* The kernel tells of the last close of a file when it likes: a name that was made and closed is committed,
 * one that is still in the making is not, and its maker hears of that. */
static void test_pending(void **state)
{
	struct fixture *fixture = *state;
	struct map_file *closed, *open;
	struct map_attr attr;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(
		map_create(fixture->map, &me, ".txn/x/Simple/b.json", O_WRONLY, 0644, &closed, &attr), 0);
	assert_errno(map_create(fixture->map, &me, ".txn/x/Simple/c.json", O_WRONLY, 0644, &open, &attr), 0);
	assert_errno(map_file_flush(closed, &me), 0);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/x", 0), 0);
	assert_stat(fixture, "Simple/b.json", 0);
	assert_stat(fixture, "Simple/c.json", ENOENT);
	assert_errno(map_file_write(open, &me, 0, "{}", 2), ESTALE);
	map_file_release(closed, &me);
	map_file_release(open, &me);
	assert_stat(fixture, "Simple/c.json", ENOENT);
}

/* ---- Removal ---- */

/* As rm -r does it: what a directory lists, one after the other, then the directory. */
static unsigned remove_below(struct fixture *fixture, const char *path)
{
	char *names = names_of(fixture, path), *rest = names, *name, below[600];
	unsigned count = 0;
	while ((name = strsep(&rest, "\n")) && *name) {
		struct map_attr attr;
		snprintf(below, sizeof(below), "%s/%s", path, name);
		if (!stat_of(fixture, below, &attr) && attr.directory)
			count += remove_below(fixture, below);
		else
			check_errno(map_unlink(fixture->map, &me, below), 0, below, __LINE__);
		count++;
	}
	free(names);
	check_errno(map_rmdir(fixture->map, &me, path), 0, path, __LINE__);
	return count;
}

static void test_removal(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	put_many(fixture, "Both", 300, true);
	put_many(fixture, "Simple", 300, false);
	assert_errno(map_mkdir(fixture->map, &me, "New"), 0);
	for (int i = 0; i < 150; i++) {
		char path[20];
		snprintf(path, sizeof(path), "New/%d.json", i);
		assert_errno(write_text(fixture, path, O_TRUNC, "{}"), 0);
	}
	assert_errno(write_text(fixture, ".note", O_TRUNC, "text"), 0);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	(void)remove_below(fixture, ".txn/x");
	assert_stat(fixture, ".txn/x", ENOENT);
	assert_stat(fixture, "Simple/h299.json", 0);
	assert_stat(fixture, "Both/p/r299.json", 0);
	assert_stat(fixture, "New/149.json", 0);
	assert_stat(fixture, ".note", 0);
}

/* One that was begun to be removed cannot be committed any more. */
static void test_taken_down(void **state)
{
	struct fixture *fixture = *state;
	make_tables(fixture);
	assert_errno(map_mkdir(fixture->map, &me, ".txn/x"), 0);
	assert_errno(map_unlink(fixture->map, &me, ".txn/x/Simple/.table.json"), 0);
	assert_errno(map_unlink(fixture->map, &me, ".txn/x/Simple/a.json"), 0);
	assert_errno(map_rmdir(fixture->map, &me, ".txn/x/Simple"), 0);
	char *names = names_of(fixture, ".txn/x");
	assert_string_equal(names, "");
	free(names);
	assert_errno(map_rename(fixture->map, &me, ".txn/x", ".txn/committed/x", 0), ECANCELED);
	char *reasons = text_of(fixture, ".txn/x/.reasons.json");
	assert_non_null(strstr(reasons, "Simple/.table.json"));
	free(reasons);
	assert_stat(fixture, "Simple/a.json", 0);
	assert_errno(map_rmdir(fixture->map, &me, ".txn/x"), 0);
}

/* ---- Committed names ---- */

static void test_committed(void **state)
{
	struct map_committed *committed = map_committed_new();
	struct map_committed_name names[3];
	const int64_t second = 1000000000;
	char name[256];
	(void)state;
	map_committed_add(committed, "a", 1 * second);
	map_committed_add(committed, "b", 2 * second);
	map_committed_add(committed, "c", 3 * second);
	map_committed_add(committed, "a", 4 * second); /* anew: the last */
	assert_int_equal(map_committed_list(committed, 0, 2, names), 2);
	assert_string_equal(names[0].name, "b");
	assert_int_equal(map_committed_list(committed, names[1].number, 3, names), 1);
	assert_string_equal(names[0].name, "a");
	assert_false(map_committed_expire(committed, 2 * second, name));
	assert_true(map_committed_expire(committed, 602 * second, name));
	assert_string_equal(name, "b");
	assert_false(map_committed_expire(committed, 602 * second, name));
	assert_true(map_committed_find(committed, "a", NULL));
	assert_true(map_committed_remove(committed, "a"));
	assert_false(map_committed_remove(committed, "a"));
	for (int i = 0; i <= MAP_COMMITTED_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		map_committed_add(committed, name, 5 * second);
	}
	assert_false(map_committed_find(committed, "c", NULL));
	assert_false(map_committed_find(committed, "0", NULL));
	assert_true(map_committed_find(committed, "1", NULL));
	map_committed_free(committed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_places),
		TEST(test_inodes),
		TEST(test_listed_attributes),
		TEST(test_owner),
		TEST(test_staged),
		TEST(test_tables),
		TEST(test_snapshot),
		TEST(test_conditions),
		TEST(test_order_of_conditions),
		TEST(test_joined_conditions),
		TEST(test_bad_conditions),
		TEST(test_condition_limit),
		TEST(test_open_files),
		TEST(test_idle),
		TEST(test_ended),
		TEST(test_commit),
		TEST(test_reasons),
		TEST(test_long_reasons),
		TEST(test_old_reasons),
		TEST(test_failed_sync),
		TEST(test_pending),
		TEST(test_removal),
		TEST(test_taken_down),
		cmocka_unit_test(test_committed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
