/*
 * Reading directories: every kind of them, in pages, with changes between the calls, from any place, and with
 * entries that are hostile or damaged.
 */
#include "mapping/directory.h"
#include "tree_fixture.h"
#include <pthread.h>

enum { MANY = 20000 };

static void small_directories(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Both", 'S', 'N');
	make_table(fixture, ".dots.", 'N', '\0');
	make_scratch(fixture, ".note", "");
	put(fixture, "Both", "{\"h\":\"p\",\"r\":10}");
	put(fixture, "Both", "{\"h\":\"p\",\"r\":-9}");
	put(fixture, "Both", "{\"h\":\"p\",\"r\":2.5}");
	make_scratch(fixture, "Both/p/x~", "");
	make_scratch(fixture, "Both/.typed/p/y~", "");
	make_scratch(fixture, "Both/note", "");
	assert_errno(map_mkdir(fixture->map, &me, "Both/made"), 0);
	assert_list(fixture, "", "%2Edots.\nBoth\n.note\n");
	assert_list(fixture, "%2Edots.", ".table.json\n");
	assert_list(fixture, "Both", ".table.json\np\nmade\nnote\n");
	assert_list(fixture, "Both/.typed", "p\nmade\n");
	assert_list(fixture, "Both/p", "-9.json\n2.5.json\n10.json\nx~\n");
	assert_list(fixture, "Both/.typed/p", "-9.json\n2.5.json\n10.json\ny~\n");
	assert_list(fixture, "Both/made", "");
	assert_list(fixture, "Both/.scan", "items.jsonl\n");
	assert_list(fixture, "Both/.scan/3", "0.jsonl\n1.jsonl\n2.jsonl\n");
	struct map_dir *dir;
	assert_errno(map_dir_open(fixture->map, &me, "Nothing", &dir), ENOENT);
	assert_errno(map_dir_open(fixture->map, &me, "Both/q", &dir), ENOENT);
	assert_errno(map_dir_open(fixture->map, &me, "Both/.table.json", &dir), ENOTDIR);
	assert_errno(map_dir_open(fixture->map, &me, "Both/p/10.json", &dir), ENOTDIR);
	assert_errno(map_dir_open(fixture->map, &me, "Both/note", &dir), ENOTDIR);
	map_dir_free(NULL);
}

/* What a listing says of an entry is what stat says. */
static void check_attributes(struct fixture *fixture, const char *path)
{
	struct map_dir *dir = open_dir(fixture, path);
	uint64_t offset = 0;
	for (;;) {
		struct map_dirent entry = entry_at(dir, offset);
		struct map_attr attr;
		char name[1200];
		if (!entry.name)
			break;
		assert_int_equal(entry.next, offset + 1);
		offset = entry.next;
		snprintf(name, sizeof(name), "%s%s%s", path, *path ? "/" : "", entry.name);
		check_errno(stat_of(fixture, name, &attr), 0, name, __LINE__);
		if (attr.directory != entry.attr.directory || attr.ino != entry.attr.ino ||
			attr.size != entry.attr.size || attr.mtime_ns != entry.attr.mtime_ns ||
			attr.version != entry.attr.version || attr.stream != entry.attr.stream ||
			attr.writable != entry.attr.writable || attr.volatile_ != entry.attr.volatile_)
			fail_msg("%s: other attributes", name);
	}
	assert_true(offset > 0);
	map_dir_free(dir);
}

static void attributes(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Both", 'S', 'S');
	make_table(fixture, "Simple", 'S', '\0');
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\",\"x\":[1,2]}");
	put(fixture, "Simple", "{\"h\":\"a\",\"x\":{\"y\":null}}");
	make_scratch(fixture, "Both/note", "123");
	make_scratch(fixture, ".note", "123");
	assert_errno(map_mkdir(fixture->map, &me, "Both/made"), 0);
	static const char *const paths[] = {"", "Both", "Both/.typed", "Both/p", "Both/.typed/p", "Simple",
		"Simple/.typed", "Both/.scan", "Both/.scan/2"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		check_attributes(fixture, paths[i]);
}

/* ---- Long listings ---- */

/* Which of h0… (or r0…) were seen, and how often. */
struct tally {
	unsigned char seen[MANY + 16];
	size_t others;
};

static void count_entry(struct tally *tally, const char *name)
{
	unsigned number;
	char end[16];
	if (sscanf(name + 1, "%u%15s", &number, end) >= 1 && (name[0] == 'h' || name[0] == 'r') &&
		number < MANY + 16)
		tally->seen[number]++;
	else
		tally->others++;
}

static uint64_t read_some(struct map_dir *dir, uint64_t offset, size_t count, struct tally *tally)
{
	for (size_t i = 0; i < count; i++) {
		struct map_dirent entry = entry_at(dir, offset);
		if (!entry.name)
			break;
		count_entry(tally, entry.name);
		offset = entry.next;
	}
	return offset;
}

static void check_tally(const struct tally *tally, unsigned from, unsigned to, unsigned wanted)
{
	for (unsigned i = from; i < to; i++) {
		if (tally->seen[i] != wanted)
			fail_msg("entry %u was seen %u times", i, tally->seen[i]);
	}
}

static void long_listing(struct fixture *fixture, const char *path, size_t others)
{
	struct tally *tally = calloc(1, sizeof(*tally));
	struct map_dir *dir = open_dir(fixture, path);
	uint64_t end = read_some(dir, 0, SIZE_MAX, tally);
	assert_int_equal(end, MANY + others);
	assert_int_equal(tally->others, others);
	check_tally(tally, 0, MANY, 1);
	assert_null(entry_at(dir, end).name);
	assert_null(entry_at(dir, end + 7).name);
	assert_null(entry_at(dir, UINT64_MAX).name);
	/* Any place before, near and far, backwards. */
	static const uint64_t back[] = {19999, 19500, 19001, 19000, 12345, 501, 500, 499, 12, 19999, 1};
	for (size_t i = 0; i < sizeof(back) / sizeof(*back); i++) {
		struct tally *part = calloc(1, sizeof(*part));
		char first[256];
		struct map_dirent entry = entry_at(dir, back[i]);
		assert_non_null(entry.name);
		assert_int_equal(entry.next, back[i] + 1);
		strcpy(first, entry.name);
		assert_int_equal(read_some(dir, back[i], SIZE_MAX, part), end);
		size_t seen = part->others;
		for (unsigned k = 0; k < MANY; k++) {
			assert_true(part->seen[k] <= 1);
			seen += part->seen[k];
		}
		assert_int_equal(seen, end - back[i]);
		assert_string_equal(entry_at(dir, back[i]).name, first);
		free(part);
	}
	/* A rewind shows all again. */
	memset(tally, 0, sizeof(*tally));
	assert_int_equal(read_some(dir, 0, SIZE_MAX, tally), end);
	check_tally(tally, 0, MANY, 1);
	map_dir_free(dir);
	free(tally);
}

static void many_items(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Simple", 'S', '\0');
	put_many(fixture, "Simple", MANY, false);
	long_listing(fixture, "Simple", 1);
	long_listing(fixture, "Simple/.typed", 0);
}

static void many_sort_keys(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Both", 'S', 'S');
	put_many(fixture, "Both", MANY, true);
	long_listing(fixture, "Both/p", 0);
}

static void many_segments(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Simple", 'S', '\0');
	struct map_dir *dir = open_dir(fixture, "Simple/.scan/20000");
	uint64_t offset = 0;
	char wanted[32];
	for (unsigned i = 0; i < MANY; i++) {
		struct map_dirent entry = entry_at(dir, offset);
		snprintf(wanted, sizeof(wanted), "%u.jsonl", i);
		assert_string_equal(entry.name, wanted);
		offset = entry.next;
	}
	assert_null(entry_at(dir, offset).name);
	assert_string_equal(entry_at(dir, 777).name, "777.jsonl");
	map_dir_free(dir);
}

/* Half are listed; then some of both halves go, come, and change. */
static void changes_meanwhile(void **state)
{
	enum { COUNT = 5000 };
	struct fixture *fixture = *state;
	char path[64], text[64];
	struct tally *tally = calloc(1, sizeof(*tally));
	make_table(fixture, "Simple", 'S', '\0');
	put_many(fixture, "Simple", COUNT, false);
	struct map_dir *dir = open_dir(fixture, "Simple");
	uint64_t offset = read_some(dir, 0, COUNT / 2 + 100, tally);
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(path, sizeof(path), "Simple/h%u.json", i);
		snprintf(text, sizeof(text), "{\"h\":\"h%u\",\"x\":1}", i);
		if (i % 3 == 0) {
			assert_errno(map_unlink(fixture->map, &me, path), 0);
			tally->seen[i] |= 0x80;
		} else if (i % 3 == 1) {
			put(fixture, "Simple", text);
		}
	}
	for (unsigned i = COUNT; i < COUNT + 10; i++) {
		snprintf(text, sizeof(text), "{\"h\":\"h%u\"}", i);
		put(fixture, "Simple", text);
	}
	/* Nothing that is gone is listed any more, though it had been read in the same page. */
	for (;;) {
		struct map_dirent entry = entry_at(dir, offset);
		struct map_attr attr;
		if (!entry.name)
			break;
		snprintf(path, sizeof(path), "Simple/%s", entry.name);
		check_errno(stat_of(fixture, path, &attr), 0, path, __LINE__);
		assert_int_equal(attr.version, entry.attr.version);
		count_entry(tally, entry.name);
		offset = entry.next;
	}
	for (unsigned i = 0; i < COUNT; i++)
		assert_true(i % 3 == 0 ? tally->seen[i] & 0x80 : tally->seen[i] == 1);
	for (unsigned i = COUNT; i < COUNT + 10; i++)
		assert_true(tally->seen[i] <= 1);
	/* The rewind shows what is there now. */
	memset(tally, 0, sizeof(*tally));
	read_some(dir, 0, SIZE_MAX, tally);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(tally->seen[i], i % 3 ? 1 : 0);
	check_tally(tally, COUNT, COUNT + 10, 1);
	map_dir_free(dir);
	free(tally);
}

/* As rm -r does it: all that is listed is removed between the calls. */
static void remove_while_listing(void **state)
{
	enum { COUNT = 3000, STEP = 37 };
	struct fixture *fixture = *state;
	char paths[STEP][300];
	make_table(fixture, "Both", 'S', 'S');
	put_many(fixture, "Both", COUNT, true);
	struct map_dir *dir = open_dir(fixture, "Both/p");
	uint64_t offset = 0;
	size_t removed = 0, got;
	do {
		for (got = 0; got < STEP; got++) {
			struct map_dirent entry = entry_at(dir, offset);
			if (!entry.name)
				break;
			snprintf(paths[got], sizeof(paths[got]), "Both/p/%s", entry.name);
			offset = entry.next;
		}
		for (size_t i = 0; i < got; i++)
			check_errno(map_unlink(fixture->map, &me, paths[i]), 0, paths[i], __LINE__);
		removed += got;
	} while (got);
	assert_int_equal(removed, COUNT);
	assert_errno(map_rmdir(fixture->map, &me, "Both/p"), 0);
	assert_null(entry_at(dir, offset).name);
	assert_null(entry_at(dir, 0).name);
	map_dir_free(dir);
}

/* ---- Partitions ---- */

static const int64_t fresh_ns = (int64_t)MAP_FRESH_SECONDS * 1000000000;

/* Some come to be, are emptied and are removed while the table is listed. */
static void partitions_meanwhile(void **state)
{
	enum { COUNT = 3000 };
	struct fixture *fixture = *state;
	struct tally *tally = calloc(1, sizeof(*tally));
	char text[64], path[64];
	make_table(fixture, "Both", 'S', 'S');
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(text, sizeof(text), "{\"h\":\"h%u\",\"r\":\"a\"}", i);
		put(fixture, "Both", text);
	}
	for (unsigned i = COUNT; i < COUNT + 700; i++) {
		snprintf(path, sizeof(path), "Both/h%u", i);
		assert_errno(map_mkdir(fixture->map, &me, path), 0);
	}
	struct map_dir *dir = open_dir(fixture, "Both");
	uint64_t offset = read_some(dir, 0, 1200, tally);
	for (unsigned i = 0; i < COUNT + 700; i += 5) {
		snprintf(text, sizeof(text), "{\"h\":\"h%u\",\"r\":\"a\"}", i);
		snprintf(path, sizeof(path), "Both/h%u/a.json", i);
		if (i < COUNT)
			assert_errno(map_unlink(fixture->map, &me, path), 0); /* lingers */
		else
			put(fixture, "Both", text); /* was remembered, has items */
	}
	for (unsigned i = 1; i < COUNT; i += 50) { /* gone */
		snprintf(path, sizeof(path), "Both/h%u/a.json", i);
		assert_errno(map_unlink(fixture->map, &me, path), 0);
		snprintf(path, sizeof(path), "Both/h%u", i);
		assert_errno(map_rmdir(fixture->map, &me, path), 0);
	}
	map_tick_at(fixture->map, map_now_ns() + fresh_ns);
	read_some(dir, offset, SIZE_MAX, tally);
	for (unsigned i = 0; i < COUNT + 700; i++) {
		bool gone = i < COUNT && i % 50 == 1;
		if (gone ? tally->seen[i] > 1 : tally->seen[i] != 1)
			fail_msg("partition %u was seen %u times", i, tally->seen[i]);
	}
	assert_int_equal(tally->others, 1);
	memset(tally, 0, sizeof(*tally));
	read_some(dir, 0, SIZE_MAX, tally);
	for (unsigned i = 0; i < COUNT + 700; i++)
		assert_int_equal(tally->seen[i], i < COUNT && i % 50 == 1 ? 0 : 1);
	map_dir_free(dir);
	/* Memory of what has items again ends when nobody lists. */
	map_tick_at(fixture->map, map_now_ns() + fresh_ns);
	assert_false(map_partitions_find(fixture->map->partitions, 1, "h3000", NULL, NULL));
	memset(tally, 0, sizeof(*tally));
	dir = open_dir(fixture, "Both");
	read_some(dir, 0, SIZE_MAX, tally);
	for (unsigned i = 0; i < COUNT + 700; i++)
		assert_int_equal(tally->seen[i], i < COUNT && i % 50 == 1 ? 0 : 1);
	map_dir_free(dir);
	free(tally);
}

static void defined_meanwhile(void **state)
{
	struct fixture *fixture = *state;
	static const char text[] =
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"h\",\"AttributeType\":\"N\"},{"
		"\"AttributeName\":\"r\","
		"\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"h\",\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"r\",\"KeyType\":\"RANGE\"}]}";
	struct tally *tally = calloc(1, sizeof(*tally));
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct ddb_table *table;
	ddb_arena_init(&arena, 16 << 20);
	assert_errno(map_mkdir(fixture->map, &me, "New"), 0);
	OP(fixture, settle_table, "New", DDB_PROVISIONAL_COMPOSITE);
	OP(fixture, describe_table, "New", &table);
	for (unsigned i = 0; i < 1200; i++) {
		char name[16];
		int length = snprintf(name, sizeof(name), "r%u", i);
		const struct ddb_value hash = ddb_string("7", 1), range = ddb_string(name, (size_t)length);
		struct ddb_value item;
		check_code(fixture, map_key_of_values(table, &hash, &range, &arena, &item, &fixture->err),
			__LINE__);
		put_item(fixture, "New", &item);
	}
	ddb_table_unref(table);
	struct map_dir *dir = open_dir(fixture, "New/7"), *other = open_dir(fixture, "New");
	uint64_t offset = read_some(dir, 0, 600, tally);
	assert_string_equal(entry_at(other, 0).name, "7");
	make_scratch(fixture, "New/.new", text);
	assert_errno(map_rename(fixture->map, &me, "New/.new", "New/.table.json", 0), 0);
	read_some(dir, offset, SIZE_MAX, tally);
	check_tally(tally, 0, 1200, 1);
	assert_int_equal(tally->others, 0);
	assert_null(entry_at(other, 1).name);
	assert_list(fixture, "New", ".table.json\n7\n");
	map_dir_free(dir);
	map_dir_free(other);
	free(tally);
}

static void deleted_meanwhile(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Simple", 'S', '\0');
	put_many(fixture, "Simple", 1500, false);
	struct map_dir *dir = open_dir(fixture, "Simple"), *root = open_dir(fixture, "");
	assert_string_equal(entry_at(dir, 0).name, ".table.json");
	assert_non_null(entry_at(dir, 400).name);
	assert_string_equal(entry_at(root, 0).name, "Simple");
	check_code(fixture,
		fixture->engine->ops->delete_table(fixture->engine, "Simple", false, &fixture->err),
		__LINE__);
	map_tell_path(fixture->map, "Simple", UINT64_MAX, NULL);
	assert_null(entry_at(dir, 401).name);
	assert_null(entry_at(dir, 0).name);
	assert_null(entry_at(root, 0).name);
	map_dir_free(dir);
	map_dir_free(root);
}

/* ---- Hostile keys ---- */

static void hostile_keys(void **state)
{
	struct fixture *fixture = *state;
	static const char *const keys[] = {".", "..", "/", "//", "a/b", "%", "%2F", "~", "~~", "a~b",
		".table.json", ".hidden", ".items.jsonl", ".typed", "a.json", ".json", "\n", "a\nb", "\x7f",
		"\x01", " ", "-rf", "*", "$(reboot)", "\\", "\"", "'", "\xc3\xa4", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "con", "x.scratch"};
	enum { COUNT = sizeof(keys) / sizeof(*keys) };
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Both", 'S', 'S');
	put_key(fixture, "Simple", "\0", 1, NULL, 0);
	put_key(fixture, "Both", "a\0b", 3, "\0\0", 2);
	for (size_t i = 0; i < COUNT; i++) {
		put_key(fixture, "Simple", keys[i], strlen(keys[i]), NULL, 0);
		put_key(fixture, "Both", keys[i], strlen(keys[i]), keys[COUNT - 1 - i],
			strlen(keys[COUNT - 1 - i]));
	}
	/* Around the longest name, with and without suffix, plain and escaped. */
	for (size_t length = 80; length <= 260; length++) {
		char key[261];
		memset(key, length % 2 ? 'x' : '/', length);
		put_key(fixture, "Simple", key, length, NULL, 0);
		put_key(fixture, "Both", key, length, key, length);
	}
	static const char *const directories[] = {"Simple", "Both", "Simple/.typed", "Both/.typed"};
	for (size_t d = 0; d < 4; d++) {
		struct map_dir *dir = open_dir(fixture, directories[d]);
		size_t count = 0;
		for (uint64_t offset = 0;; count++) {
			struct map_dirent entry = entry_at(dir, offset);
			struct map_attr attr;
			char path[600];
			if (!entry.name)
				break;
			offset = entry.next;
			assert_true(strlen(entry.name) <= 255 && !strchr(entry.name, '/') &&
				    !strchr(entry.name, '\n'));
			snprintf(path, sizeof(path), "%s/%s", directories[d], entry.name);
			check_errno(stat_of(fixture, path, &attr), 0, path, __LINE__);
			assert_int_equal(attr.ino, entry.attr.ino);
			if (!attr.directory)
				continue;
			char *names = names_of(fixture, path);
			assert_true(strlen(names) > strlen(".json\n") &&
				    strchr(names, '\n') == names + strlen(names) - 1);
			names[strlen(names) - 1] = '\0';
			snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", names);
			check_errno(stat_of(fixture, path, &attr), 0, path, __LINE__);
			free(names);
		}
		assert_int_equal(count, COUNT + 1 + 181 + (d < 2));
		map_dir_free(dir);
	}
	/* And all can be removed by their names. */
	struct map_dir *dir = open_dir(fixture, "Simple");
	for (uint64_t offset = 0;;) {
		struct map_dirent entry = entry_at(dir, offset);
		char path[600];
		if (!entry.name)
			break;
		offset = entry.next;
		snprintf(path, sizeof(path), "Simple/%s", entry.name);
		check_errno(map_unlink(fixture->map, &me, path), 0, path, __LINE__);
	}
	map_dir_free(dir);
	assert_errno(map_rmdir(fixture->map, &me, "Simple"), 0);
}

/* ---- Several at once ---- */

struct reader {
	struct fixture *fixture;
	struct map_dir *dir;
	bool stop; /* atomic */
};

static void *remove_all(void *context)
{
	struct reader *reader = context;
	char path[64];
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), "Simple/h%u.json", i);
		if (map_unlink(reader->fixture->map, &me, path))
			break;
	}
	__atomic_store_n(&reader->stop, true, __ATOMIC_RELEASE);
	return NULL;
}

static void concurrent_changes(void **state)
{
	struct fixture *fixture = *state;
	struct reader reader = {.fixture = fixture};
	pthread_t thread;
	make_table(fixture, "Simple", 'S', '\0');
	put_many(fixture, "Simple", 2500, false);
	assert_int_equal(pthread_create(&thread, NULL, remove_all, &reader), 0);
	struct tally *tally = calloc(1, sizeof(*tally));
	do {
		struct map_dir *dir = open_dir(fixture, "Simple");
		memset(tally, 0, sizeof(*tally));
		read_some(dir, 0, SIZE_MAX, tally);
		check_tally(tally, 2000, 2500, 1);
		for (unsigned i = 0; i < 2000; i++)
			assert_true(tally->seen[i] <= 1);
		map_dir_free(dir);
	} while (!__atomic_load_n(&reader.stop, __ATOMIC_ACQUIRE));
	pthread_join(thread, NULL);
	free(tally);
}

/* ---- Failing engines ---- */

static struct ddb_engine_ops failing;
static const struct ddb_engine_ops *sound;
static unsigned failures;

static enum ddb_code failing_query(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_query *query, struct ddb_page *ret, struct ddb_error *err)
{
	if (failures && query->start) {
		failures--;
		return ddb_fail(err, DDB_TIMED_OUT, "It took too long");
	}
	return sound->query(engine, arena, query, ret, err);
}

/* Each page of several has lost its first entry. */
static enum ddb_code damaged_query(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_query *query, struct ddb_page *ret, struct ddb_error *err)
{
	assert_true(query->skip_damaged);
	enum ddb_code code = sound->query(engine, arena, query, ret, err);
	if (code || ret->count < 2)
		return code;
	ret->entries++;
	ret->count--;
	ret->damaged = 1;
	return DDB_OK;
}

static enum ddb_code damaged_table(
	struct ddb_engine *engine, const char *name, struct ddb_table **ret, struct ddb_error *err)
{
	if (!strcmp(name, "Broken"))
		return ddb_fail(err, DDB_DAMAGED, "The definition of table %s is damaged", name);
	return sound->describe_table(engine, name, ret, err);
}

static void failing_engine(void **state)
{
	struct fixture *fixture = *state;
	struct map_dirent entry;
	struct tally *tally = calloc(1, sizeof(*tally));
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Broken", 'S', '\0');
	put_many(fixture, "Simple", 2000, false);
	sound = fixture->engine->ops;
	failing = *sound;
	failing.query = failing_query;
	failing.describe_table = damaged_table;
	fixture->engine->ops = &failing;
	/* What was read stays, and the rest is there once the engine answers again. */
	struct map_dir *dir = open_dir(fixture, "Simple");
	failures = 2;
	uint64_t offset = 0;
	int number = 0;
	while (!(number = map_dir_entry(dir, offset, &entry))) {
		count_entry(tally, entry.name);
		offset = entry.next;
	}
	assert_int_equal(number, ETIMEDOUT);
	assert_int_equal(offset, MAP_PAGE_ENTRIES);
	assert_errno(map_dir_entry(dir, offset, &entry), ETIMEDOUT);
	assert_true(is_recorded(fixture, "\"operation\":\"readdir\",\"errno\":\"ETIMEDOUT\""));
	read_some(dir, offset, SIZE_MAX, tally);
	check_tally(tally, 0, 2000, 1);
	map_dir_free(dir);
	/* A damaged table answers by name, and hides no other. */
	assert_list(fixture, "", "Simple\n");
	assert_stat(fixture, "Broken", EIO);
	assert_stat(fixture, "Broken/a.json", EIO);
	assert_true(is_recorded(fixture, "\"path\":\"Broken\",\"operation\":\"readdir\",\"errno\":\"EIO\""));
	/* Damaged items are left out, and said so. */
	failing.query = damaged_query;
	memset(tally, 0, sizeof(*tally));
	dir = open_dir(fixture, "Simple");
	offset = read_some(dir, 0, SIZE_MAX, tally);
	assert_in_range(offset, 1990, 1999);
	for (unsigned i = 0; i < 2000; i++)
		assert_true(tally->seen[i] <= 1);
	assert_true(is_recorded(fixture, "\"path\":\"Simple\",\"operation\":\"readdir\",\"errno\":\"EIO\""));
	map_dir_free(dir);
	fixture->engine->ops = sound;
	free(tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(small_directories),
		TEST(attributes),
		TEST(many_items),
		TEST(many_sort_keys),
		TEST(many_segments),
		TEST(changes_meanwhile),
		TEST(remove_while_listing),
		TEST(partitions_meanwhile),
		TEST(defined_meanwhile),
		TEST(deleted_meanwhile),
		TEST(hostile_keys),
		TEST(concurrent_changes),
		TEST(failing_engine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
