/*
 * The tree's names: what each is, and what changing it does, on a real store.
 */
#include "tree_fixture.h"

static const int64_t second = 1000000000;

/* ---- What names are ---- */

static void fixed_names(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr;
	make_table(fixture, "Simple", 'S', '\0');
	static const struct row {
		const char *path;
		int number;
		bool directory, stream, writable, is_volatile;
	} rows[] = {
		{"", 0, true, false, true, false},
		{".status", 0, false, false, false, true},
		{".errors", 0, false, false, false, true},
		{"Simple", 0, true, false, true, false},
		{"Simple/.table.json", 0, false, false, true, false},
		{"Simple/.status.json", 0, false, false, false, true},
		{"Simple/.items.jsonl", 0, false, true, true, false},
		{"Simple/.typed", 0, true, false, true, false},
		{"Simple/.typed/.items.jsonl", 0, false, true, true, false},
		{"Simple/.typed/.scan", 0, true, false, false, false},
		{"Simple/.query", 0, true, false, false, false},
		{"Simple/.typed/.query", 0, true, false, false, false},
		{"Simple/.index", 0, true, false, false, false},
		{"Simple/.scan", 0, true, false, false, false},
		{"Simple/.scan/items.jsonl", 0, false, true, false, false},
		{"Simple/.scan/1", 0, true, false, false, false},
		{"Simple/.scan/1000000/999999.jsonl", 0, false, true, false, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		check_errno(stat_of(fixture, rows[i].path, &attr), rows[i].number, rows[i].path, __LINE__);
		assert_int_equal(attr.directory, rows[i].directory);
		assert_int_equal(attr.stream, rows[i].stream);
		assert_int_equal(attr.writable, rows[i].writable);
		assert_int_equal(attr.volatile_, rows[i].is_volatile);
		assert_true(attr.ino > (rows[i].path[0] ? 1 : 0));
	}
	static const char *const absent[] = {"Nothing", "Simple/.typed/.table.json",
		"Simple/.typed/.status.json", "Simple/.scan/0", "Simple/.scan/01", "Simple/.scan/1000001",
		"Simple/.scan/4294967297", "Simple/.scan/-1", "Simple/.scan/+1", "Simple/.scan/1x",
		"Simple/.scan/2/2.jsonl", "Simple/.scan/2/00.jsonl", "Simple/.scan/2/0.json",
		"Simple/.scan/2/0.jsonlx", "Simple/.scan/2/.jsonl", "Simple/.scan/x", "simple", "Simple/",
		"/Simple", "Simple//.status.json", ".", "..", "Simple/..", "Simple/.", "a/b/c/d",
		"Simple/.queries", "Nothing/.table.json"};
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		assert_stat(fixture, absent[i], ENOENT);
	assert_stat(fixture, ".status/x", ENOTDIR);
	assert_stat(fixture, "Simple/.table.json/x", ENOTDIR);
	assert_stat(fixture, "Simple/.items.jsonl/x/y", ENOTDIR);
	char name[400], *path = malloc(MAP_PATH_MAX + 10);
	memset(name, 'a', sizeof(name));
	name[256] = '\0';
	assert_stat(fixture, name, ENAMETOOLONG);
	name[255] = '\0';
	assert_stat(fixture, name, ENOENT);
	memset(path, 'a', MAP_PATH_MAX);
	path[MAP_PATH_MAX] = '\0';
	assert_stat(fixture, path, ENAMETOOLONG);
	free(path);
}

static void simple_names(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr, typed;
	make_table(fixture, "Text", 'S', '\0');
	make_table(fixture, "Numbers", 'N', '\0');
	make_table(fixture, "Bytes", 'B', '\0');
	put(fixture, "Text", "{\"h\":\"a/b\",\"x\":1}");
	put(fixture, "Numbers", "{\"h\":42.5}");
	put(fixture, "Numbers", "{\"h\":-1e3}");
	put(fixture, "Bytes", "{\"h\":{\"$binary\":\"/+8=\"}}");
	assert_stat(fixture, "Text/a%2Fb.json", 0);
	assert_stat(fixture, "Numbers/42.5.json", 0);
	assert_stat(fixture, "Numbers/-1000.json", 0);
	assert_stat(fixture, "Bytes/_-8.json", 0);
	static const char *const absent[] = {"Text/a%2fb.json", "Text/a%2Fb", "Text/a%2Fb.JSON",
		"Text/%61.json", "Text/.json", "Numbers/042.5.json", "Numbers/42.50.json",
		"Numbers/-1e3.json", "Numbers/x.json", "Numbers/NaN.json", "Bytes/_-8=.json",
		"Bytes/_-9.json", "Bytes/.json", "Text/~.json", "Text/\xff.json", "Text/a%2Fb.json.json",
		"Numbers/42.5"};
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		assert_stat(fixture, absent[i], ENOENT);
	assert_errno(stat_of(fixture, "Text/a%2Fb.json", &attr), 0);
	assert_errno(stat_of(fixture, "Text/.typed/a%2Fb.json", &typed), 0);
	assert_int_equal(attr.size, strlen("{\n  \"h\": \"a/b\",\n  \"x\": 1\n}\n"));
	assert_true(typed.size > attr.size);
	assert_true(attr.ino != typed.ino);
	assert_int_equal(attr.version, typed.version);
	assert_true(attr.version != 0 && attr.mtime_ns > 0 && attr.writable && !attr.directory);
	assert_stat(fixture, "Text/a%2Fb.json/x", ENOTDIR);
	assert_stat(fixture, "Text/nobody.json/x", ENOENT);
	assert_stat(fixture, "Text/dir/x.json", ENOENT);
}

static void composite_names(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr;
	make_table(fixture, "Orders", 'S', 'N');
	put(fixture, "Orders", "{\"h\":\"alice\",\"r\":7}");
	put(fixture, "Orders", "{\"h\":\"x.json\",\"r\":8}");
	assert_errno(stat_of(fixture, "Orders/alice", &attr), 0);
	assert_true(attr.directory && attr.writable);
	assert_stat(fixture, "Orders/alice/7.json", 0);
	assert_stat(fixture, "Orders/.typed/alice", 0);
	assert_stat(fixture, "Orders/.typed/alice/7.json", 0);
	assert_errno(stat_of(fixture, "Orders/x.json", &attr), 0);
	assert_true(attr.directory);
	assert_stat(fixture, "Orders/x.json/8.json", 0);
	static const char *const absent[] = {"Orders/bob", "Orders/alice.json", "Orders/alice/07.json",
		"Orders/alice/8.json", "Orders/alice/7", "Orders/bob/7.json", "Orders/alice/.table.json",
		"Orders/.typed/bob", "Orders/alice/.typed"};
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		assert_stat(fixture, absent[i], ENOENT);
}

static void inodes(void **state)
{
	struct fixture *fixture = *state;
	static const char *const paths[] = {"", ".status", ".errors", "One", "One/.table.json",
		"One/.status.json", "One/.items.jsonl", "One/.typed", "One/.typed/.items.jsonl", "One/.scan",
		"One/.scan/items.jsonl", "One/.scan/2", "One/.scan/2/0.jsonl", "One/.scan/2/1.jsonl",
		"One/.scan/21", "One/p", "One/.typed/p", "One/p/a.json", "One/.typed/p/a.json",
		"One/p/b.json", "Two", "Two/.table.json", "Two/a.json", "Two/.typed/a.json", ".note",
		"One/.note", "One/p/note"};
	enum { COUNT = sizeof(paths) / sizeof(*paths) };
	struct map_attr attrs[COUNT];
	make_table(fixture, "One", 'S', 'S');
	make_table(fixture, "Two", 'S', '\0');
	put(fixture, "One", "{\"h\":\"p\",\"r\":\"a\"}");
	put(fixture, "One", "{\"h\":\"p\",\"r\":\"b\"}");
	put(fixture, "Two", "{\"h\":\"a\"}");
	make_scratch(fixture, ".note", "");
	make_scratch(fixture, "One/.note", "");
	make_scratch(fixture, "One/p/note", "");
	for (size_t i = 0; i < COUNT; i++) {
		check_errno(stat_of(fixture, paths[i], &attrs[i]), 0, paths[i], __LINE__);
		assert_true(attrs[i].ino >= 1 && (i == 0) == (attrs[i].ino == 1));
		for (size_t k = 0; k < i; k++) {
			if (attrs[i].ino == attrs[k].ino)
				fail_msg("%s and %s have the same number", paths[i], paths[k]);
		}
	}
	/* The lowest of its table's own names. */
	for (size_t i = 3; i < 20; i++)
		assert_true(i == 4 || attrs[i].ino > attrs[4].ino);
	uint64_t partition = attrs[15].ino;
	assert_errno(map_unlink(fixture->map, &me, "One/p/a.json"), 0);
	assert_errno(map_unlink(fixture->map, &me, "One/p/b.json"), 0);
	assert_errno(stat_of(fixture, "One/p", &attrs[0]), 0);
	assert_int_equal(attrs[0].ino, partition);
}

static void definition_attributes(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr, later;
	make_table(fixture, "One", 'S', '\0');
	assert_errno(stat_of(fixture, "One/.table.json", &attr), 0);
	char *text = text_of(fixture, "One/.table.json");
	assert_int_equal(attr.size, strlen(text));
	assert_true(attr.version != 0 && attr.mtime_ns > 0);
	free(text);
	put(fixture, "One", "{\"h\":\"a\"}");
	assert_errno(stat_of(fixture, "One/.table.json", &later), 0);
	assert_memory_equal(&attr, &later, sizeof(attr));
}

/* ---- Long names ---- */

static void make_long(char text[1001], char last)
{
	memset(text, 'k', 1000);
	text[998] = '\xc3';
	text[999] = last;
	text[1000] = '\0';
}

static void long_names(void **state)
{
	struct fixture *fixture = *state;
	char one[1001], two[1001], item[256], partition[256], path[1024];
	struct map_attr attr;
	make_long(one, '\xa4');
	make_long(two, '\xa5');
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Both", 'S', 'S');
	put_key(fixture, "Simple", one, 1000, NULL, 0);
	put_key(fixture, "Both", one, 1000, two, 1000);
	struct ddb_value key = ddb_string(one, 1000), other = ddb_string(two, 1000);
	map_name_of_key(&key, true, item);
	snprintf(path, sizeof(path), "Simple/%s", item);
	assert_stat(fixture, path, 0);
	map_name_of_key(&other, true, item);
	snprintf(path, sizeof(path), "Simple/%s", item);
	assert_stat(fixture, path, ENOENT);
	map_name_of_key(&key, false, partition);
	snprintf(path, sizeof(path), "Both/%s", partition);
	assert_errno(stat_of(fixture, path, &attr), 0);
	assert_true(attr.directory);
	snprintf(path, sizeof(path), "Both/%s/%s", partition, item);
	assert_stat(fixture, path, 0);
	snprintf(path, sizeof(path), "Both/.typed/%s/%s", partition, item);
	assert_stat(fixture, path, 0);
	/* Another spelling of the cut part is another name. */
	partition[0] = 'j';
	snprintf(path, sizeof(path), "Both/%s", partition);
	assert_stat(fixture, path, ENOENT);
	snprintf(path, sizeof(path), "Both/%s/%s", partition, item);
	assert_stat(fixture, path, ENOENT);
}

/* The place of a long name that nobody has can be made by the document that has the key, and by no other. */
static void unnamed_places(void **state)
{
	struct fixture *fixture = *state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct map_place place;
	struct ddb_value ret;
	char one[1001], two[1001], item[256], partition[256], path[1024];
	ddb_arena_init(&arena, 1 << 20);
	make_long(one, '\xa4');
	make_long(two, '\xa5');
	make_table(fixture, "Both", 'S', 'S');
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\"}");
	struct ddb_value key = ddb_string(one, 1000), other = ddb_string(two, 1000), p = ddb_string("p", 1);
	map_name_of_key(&key, false, partition);
	map_name_of_key(&other, true, item);
	snprintf(path, sizeof(path), "Both/%s/%s", partition, item);
	assert_errno(map_resolve(fixture->map, &arena, path, &place, &fixture->err), 0);
	assert_true(place.unnamed && place.kind == MAP_ITEM && !place.has_hash && !place.has_range);
	assert_int_equal(map_place_key(&place, &arena, &ret, &fixture->err), DDB_VALIDATION);
	assert_true(map_place_names(&place, &key, &other));
	assert_false(map_place_names(&place, &other, &other));
	assert_false(map_place_names(&place, &key, &key));
	assert_false(map_place_names(&place, &key, NULL));
	map_place_done(&place);
	snprintf(path, sizeof(path), "Both/p/%s", item);
	assert_errno(map_resolve(fixture->map, &arena, path, &place, &fixture->err), 0);
	assert_true(place.unnamed && place.has_hash && !place.has_range);
	assert_true(map_place_names(&place, &p, &other));
	map_place_done(&place);
	snprintf(path, sizeof(path), "Both/%s/b.json", partition);
	assert_errno(map_resolve(fixture->map, &arena, path, &place, &fixture->err), 0);
	assert_true(place.unnamed && !place.has_hash && place.has_range);
	map_place_done(&place);
	/* A directory of that name can be made all the same: a restore makes it before it has the documents.
	 */
	snprintf(path, sizeof(path), "Both/%s", partition);
	assert_stat(fixture, path, ENOENT);
	assert_errno(map_mkdir(fixture->map, &me, path), 0);
	assert_stat(fixture, path, 0);
	assert_list(fixture, path, "");
	assert_errno(map_rmdir(fixture->map, &me, path), 0);
	assert_stat(fixture, path, ENOENT);
}

/* ---- Provisional tables ---- */

static void kindless_tables(void **state)
{
	struct fixture *fixture = *state;
	assert_errno(map_mkdir(fixture->map, &me, "New"), 0);
	assert_told(fixture, "New", UINT64_MAX);
	assert_stat(fixture, "New", 0);
	assert_stat(fixture, "New/.table.json", ENOENT);
	assert_stat(fixture, "New/.status.json", 0);
	assert_stat(fixture, "New/a.json", ENOENT);
	assert_stat(fixture, "New/p", ENOENT);
	assert_stat(fixture, "New/p/a.json", ENOENT);
	assert_list(fixture, "New", "");
	assert_errno(map_mkdir(fixture->map, &me, "New/%41"), EINVAL);
	assert_errno(map_mkdir(fixture->map, &me, "New/p"), 0);
	assert_stat(fixture, "New/p", 0);
	assert_list(fixture, "New", "p\n");
	struct ddb_table *table;
	OP(fixture, describe_table, "New", &table);
	assert_int_equal(table->provisional, DDB_PROVISIONAL_COMPOSITE);
	ddb_table_unref(table);
	assert_errno(map_rmdir(fixture->map, &me, "New"), ENOTEMPTY);
	assert_errno(map_rmdir(fixture->map, &me, "New/p"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "New"), 0);
	assert_stat(fixture, "New", ENOENT);
}

static void provisional_items(void **state)
{
	struct fixture *fixture = *state;
	const struct ddb_value hash = ddb_string("a%2Fb", 5), range = ddb_string("7", 1);
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct ddb_table *table;
	struct ddb_value key;
	ddb_arena_init(&arena, 1 << 20);
	assert_errno(map_mkdir(fixture->map, &me, "Flat"), 0);
	OP(fixture, settle_table, "Flat", DDB_PROVISIONAL_SIMPLE);
	OP(fixture, describe_table, "Flat", &table);
	check_code(fixture, map_key_of_values(table, &hash, NULL, &arena, &key, &fixture->err), __LINE__);
	put_item(fixture, "Flat", &key);
	ddb_table_unref(table);
	assert_stat(fixture, "Flat/a%2Fb.json", 0);
	assert_stat(fixture, "Flat/a%2fb.json", ENOENT);
	assert_list(fixture, "Flat", "a%2Fb.json\n");
	assert_errno(map_mkdir(fixture->map, &me, "Flat/p"), EINVAL);
	assert_errno(map_mkdir(fixture->map, &me, "Flat/a%2Fb.json"), EEXIST);
	assert_errno(map_mkdir(fixture->map, &me, "Flat/c.json"), EINVAL);
	assert_errno(map_mkdir(fixture->map, &me, "Deep"), 0);
	OP(fixture, settle_table, "Deep", DDB_PROVISIONAL_COMPOSITE);
	OP(fixture, describe_table, "Deep", &table);
	check_code(fixture, map_key_of_values(table, &hash, &range, &arena, &key, &fixture->err), __LINE__);
	put_item(fixture, "Deep", &key);
	ddb_table_unref(table);
	assert_stat(fixture, "Deep/a%2Fb", 0);
	assert_stat(fixture, "Deep/a%2Fb/7.json", 0);
	assert_stat(fixture, "Deep/a%2Fb.json", ENOENT);
	assert_list(fixture, "Deep", "a%2Fb\n");
	assert_list(fixture, "Deep/.typed/a%2Fb", "7.json\n");
	assert_errno(map_unlink(fixture->map, &me, "Deep/a%2Fb/7.json"), 0);
	assert_list(fixture, "Deep", "a%2Fb\n"); /* it lingers */
	assert_errno(map_unlink(fixture->map, &me, "Flat/a%2Fb.json"), 0);
	assert_told(fixture, "Flat/a%2Fb.json", 0);
	assert_told(fixture, "Flat/.typed/a%2Fb.json", 0);
	assert_list(fixture, "Flat", "");
}

/* ---- mkdir and rmdir ---- */

static void make_directories(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Both", 'N', 'S');
	put(fixture, "Both", "{\"h\":1,\"r\":\"a\"}");
	put(fixture, "Simple", "{\"h\":\"a\"}");
	make_scratch(fixture, "Both/9~", "");
	static const struct row {
		const char *path;
		int number;
	} rows[] = {
		{"Simple", EEXIST},
		{"ab", EINVAL},
		{"a b", EINVAL},
		{".git", 0},
		{".git", EEXIST},
		{".status", EEXIST},
		{"%2Eab", 0},
		{"%2Eab", EEXIST},
		{"", EEXIST},
		{"Nothing/p", ENOENT},
		{"Simple/p", EINVAL},
		{"Simple/a.json", EEXIST},
		{"Simple/b.json", EINVAL},
		{"Simple/.typed", EEXIST},
		{"Simple/.typed/p", EINVAL},
		{"Simple/.git", 0},
		{"Simple/.git/a.json", 0},
		{"Simple/.git/a.json", EEXIST},
		{"Simple/.git/x/y", ENOENT},
		{"Simple/.scan/x", EPERM},
		{"Simple/.scan/7", EEXIST},
		{"Simple/a.json/x", ENOTDIR},
		{"Both/1", EEXIST},
		{"Both/2", 0},
		{"Both/2", EEXIST},
		{"Both/.typed/2", EEXIST},
		{"Both/.typed/3", 0},
		{"Both/3", EEXIST},
		{"Both/02", EINVAL},
		{"Both/x", EINVAL},
		{"Both/x.json", EINVAL},
		{"Both/9~", EEXIST},
		{"Both/1/x", EINVAL},
		{"Both/1/a.json", EEXIST},
		{"Both/1/.x", 0},
		{"Both/.table.json", EEXIST},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_errno(
			map_mkdir(fixture->map, &me, rows[i].path), rows[i].number, rows[i].path, __LINE__);
	assert_told(fixture, "Both/2", MAP_VERSION_DIRECTORY);
	assert_told(fixture, "Both/.typed/2", MAP_VERSION_DIRECTORY);
	assert_told(fixture, "Both/3", MAP_VERSION_DIRECTORY);
	assert_stat(fixture, "Both/2", 0);
	assert_list(fixture, "Both/.typed/2", "");
	assert_list(fixture, "", "%2Eab\nBoth\nSimple\n.git\n");
	assert_true(is_recorded(fixture, "\"path\":\"Both/x\",\"operation\":\"mkdir\",\"errno\":\"EINVAL\""));
	assert_false(is_recorded(fixture, "EEXIST"));
}

static void remove_directories(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Both", 'S', 'S');
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\"}");
	make_scratch(fixture, "Both/note", "");
	assert_errno(map_rmdir(fixture->map, &me, ""), EPERM);
	assert_errno(map_rmdir(fixture->map, &me, "Nothing"), ENOENT);
	assert_errno(map_rmdir(fixture->map, &me, "Both/.typed"), EPERM);
	assert_errno(map_rmdir(fixture->map, &me, "Both/.scan"), EPERM);
	assert_errno(map_rmdir(fixture->map, &me, "Both/.scan/3"), EPERM);
	assert_errno(map_rmdir(fixture->map, &me, "Both/.table.json"), ENOTDIR);
	assert_errno(map_rmdir(fixture->map, &me, "Both/note"), ENOTDIR);
	assert_errno(map_rmdir(fixture->map, &me, "Both/q"), ENOENT);
	assert_errno(map_rmdir(fixture->map, &me, "Both/p"), ENOTEMPTY);
	assert_errno(map_rmdir(fixture->map, &me, "Both"), ENOTEMPTY);
	make_scratch(fixture, "Both/p/.swp", "");
	assert_errno(map_unlink(fixture->map, &me, "Both/p/a.json"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/p"), ENOTEMPTY);
	assert_errno(map_rmdir(fixture->map, &me, "Both/.typed/p"), ENOTEMPTY);
	assert_errno(map_unlink(fixture->map, &me, "Both/p/.swp"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both"), ENOTEMPTY);
	make_scratch(fixture, "Both/.typed/p/.swp", "");
	assert_errno(map_rmdir(fixture->map, &me, "Both/.typed/p"), ENOTEMPTY);
	assert_errno(map_rmdir(fixture->map, &me, "Both/p"), 0); /* what no listing of it shows goes along */
	assert_told(fixture, "Both/p", 0);
	assert_told(fixture, "Both/.typed/p", 0);
	assert_stat(fixture, "Both/p", ENOENT);
	assert_stat(fixture, "Both/.typed/p/.swp", ENOENT);
	assert_errno(map_rmdir(fixture->map, &me, "Both"), ENOTEMPTY); /* the note */
	assert_errno(map_unlink(fixture->map, &me, "Both/note"), 0);
	make_scratch(fixture, "Both/.typed/.swp", "");
	assert_errno(map_rmdir(fixture->map, &me, "Both"), 0); /* with its definition, too */
	assert_told(fixture, "Both", UINT64_MAX);
	assert_stat(fixture, "Both", ENOENT);
	assert_false(is_recorded(fixture, "ENOTEMPTY"));
	assert_true(is_recorded(fixture, "\"operation\":\"rmdir\",\"errno\":\"EPERM\""));
}

static void protected_tables(void **state)
{
	struct fixture *fixture = *state;
	static const char text[] =
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"h\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"h\",\"KeyType\":\"HASH\"}],"
		"\"DeletionProtectionEnabled\":true}";
	struct ddb_definition *definition;
	check_code(fixture, ddb_definition_read(text, strlen(text), &definition, &fixture->err), __LINE__);
	OP(fixture, create_table, "Safe", definition);
	ddb_definition_unref(definition);
	put(fixture, "Safe", "{\"h\":\"a\"}");
	assert_errno(map_rmdir(fixture->map, &me, "Safe"), EPERM);
	assert_errno(map_unlink(fixture->map, &me, "Safe/a.json"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Safe"), EPERM);
	assert_true(is_recorded(fixture,
		"Resource cannot be deleted as it is currently protected against deletion. "
		"Disable deletion protection first."));
	assert_stat(fixture, "Safe", 0);
}

/* ---- unlink ---- */

static void remove_files(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "Simple", 'S', '\0');
	put(fixture, "Simple", "{\"h\":\"a\"}");
	put(fixture, "Simple", "{\"h\":\"b\"}");
	make_scratch(fixture, "Simple/.a.swp", "x");
	make_scratch(fixture, ".note", "x");
	static const struct row {
		const char *path;
		int number;
	} rows[] = {
		{"Simple/a.json", 0},
		{"Simple/a.json", ENOENT},
		{"Simple/.typed/b.json", 0},
		{"Simple/b.json", ENOENT},
		{"Simple/.a.swp", 0},
		{"Simple/.a.swp", ENOENT},
		{".note", 0},
		{"Simple", EISDIR},
		{"Nothing", ENOENT},
		{"Simple/.typed", EISDIR},
		{".status", EPERM},
		{".errors", EPERM},
		{"Simple/.items.jsonl", EPERM},
		{"Simple/.status.json", EPERM},
		{"Simple/.scan/items.jsonl", EPERM},
		{"Simple/x.json", ENOENT},
		{"Simple/%61.json", ENOENT},
		{"Simple/x.json/y", ENOENT},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_errno(
			map_unlink(fixture->map, &me, rows[i].path), rows[i].number, rows[i].path, __LINE__);
	assert_told(fixture, "Simple/a.json", 0);
	assert_told(fixture, "Simple/.typed/a.json", 0);
	assert_told(fixture, "Simple/b.json", 0);
	assert_told(fixture, "Simple/.a.swp", 0);
	assert_null(find_told(fixture, "Simple/.typed/.a.swp"));
	assert_false(is_recorded(fixture, "ENOENT"));
	assert_true(
		is_recorded(fixture, "\"path\":\".status\",\"operation\":\"unlink\",\"errno\":\"EPERM\""));
}

static void hidden_definition(void **state)
{
	struct fixture *fixture = *state;
	make_table(fixture, "One", 'S', '\0');
	put(fixture, "One", "{\"h\":\"a\"}");
	char *text = text_of(fixture, "One/.table.json");
	assert_list(fixture, "One", ".table.json\na.json\n");
	assert_errno(map_unlink(fixture->map, &me, "One/.table.json"), 0);
	assert_told(fixture, "One/.table.json", 0);
	assert_stat(fixture, "One/.table.json", ENOENT);
	assert_errno(map_unlink(fixture->map, &me, "One/.table.json"), ENOENT);
	assert_list(fixture, "One", "a.json\n");
	assert_stat(fixture, "One/a.json", 0);
	map_tick_at(fixture->map, map_now_ns() + 3600 * second);
	assert_stat(fixture, "One/.table.json", ENOENT);
	/* Renaming its text onto it shows it again. */
	make_scratch(fixture, "One/.new", text);
	assert_errno(map_rename(fixture->map, &me, "One/.new", "One/.table.json", 0), 0);
	assert_stat(fixture, "One/.table.json", 0);
	assert_stat(fixture, "One/.new", ENOENT);
	/* And away: the text is there, the definition stays. */
	assert_errno(map_rename(fixture->map, &me, "One/.table.json", "One/.old", 0), 0);
	assert_stat(fixture, "One/.table.json", ENOENT);
	assert_text(fixture, "One/.old", text);
	assert_errno(map_rename(fixture->map, &me, "One/.table.json", "One/.older", 0), ENOENT);
	assert_errno(map_unlink(fixture->map, &me, "One/.old"), 0);
	assert_errno(map_unlink(fixture->map, &me, "One/a.json"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "One"), 0);
	/* A table of that name is another table. */
	make_table(fixture, "One", 'S', '\0');
	assert_stat(fixture, "One/.table.json", 0);
	free(text);
}

/* ---- Lingering ---- */

static void lingering_partitions(void **state)
{
	struct fixture *fixture = *state;
	int64_t now = map_now_ns();
	make_table(fixture, "Both", 'S', 'S');
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\"}");
	put(fixture, "Both", "{\"h\":\"q\",\"r\":\"a\"}");
	assert_errno(map_unlink(fixture->map, &me, "Both/p/a.json"), 0);
	assert_null(find_told(fixture, "Both/p"));
	assert_stat(fixture, "Both/p", 0);
	assert_stat(fixture, "Both/.typed/p", 0);
	assert_list(fixture, "Both", ".table.json\nq\np\n");
	assert_list(fixture, "Both/p", "");
	map_tick_at(fixture->map, now + 599 * second);
	assert_stat(fixture, "Both/p", 0);
	map_tick_at(fixture->map, now + 601 * second);
	assert_stat(fixture, "Both/p", ENOENT);
	assert_told(fixture, "Both/p", 0);
	assert_told(fixture, "Both/.typed/p", 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/p"), ENOENT);
	/* With items again, nothing is told when the memory of it ends. */
	assert_errno(map_unlink(fixture->map, &me, "Both/q/a.json"), 0);
	put(fixture, "Both", "{\"h\":\"q\",\"r\":\"b\"}");
	fixture->told_count = 0;
	map_tick_at(fixture->map, now + 9999 * second);
	assert_int_equal(fixture->told_count, 0);
	assert_stat(fixture, "Both/q", 0);
	assert_list(fixture, "Both", ".table.json\nq\n");
	/* mkdir is for as long as the mount is. */
	assert_errno(map_mkdir(fixture->map, &me, "Both/made"), 0);
	map_tick_at(fixture->map, now + 99999 * second);
	assert_stat(fixture, "Both/made", 0);
	/* A scratch file keeps its directory, over a remount even. */
	make_scratch(fixture, "Both/q/.swp", "x");
	assert_errno(map_unlink(fixture->map, &me, "Both/q/b.json"), 0);
	map_tick_at(fixture->map, now + 99999 * second);
	assert_stat(fixture, "Both/q/.swp", 0);
	assert_stat(fixture, "Both/q", 0);
	close_map(fixture);
	open_map(fixture, false);
	assert_stat(fixture, "Both/made", ENOENT);
	assert_stat(fixture, "Both/q", 0);
	assert_list(fixture, "Both/q", ".swp\n");
	assert_errno(map_rmdir(fixture->map, &me, "Both/q"), ENOTEMPTY);
	assert_errno(map_unlink(fixture->map, &me, "Both/q/.swp"), 0);
	assert_errno(map_rmdir(fixture->map, &me, "Both/q"), 0);
}

static enum map_verdict judge_lingered(void *context, const struct map_remembered *remembered)
{
	(*(unsigned *)context)++;
	return remembered->lingered ? MAP_FORGET_AND_TELL : MAP_KEEP;
}

static void count_gone(void *context, const struct map_remembered *remembered)
{
	assert_string_equal(remembered->table_name, "Table");
	*(unsigned *)context += 1000000;
}

/* The set by itself, large. */
static void remembered_set(void **state)
{
	enum { COUNT = 3000 };
	(void)state;
	struct map_partitions *set = map_partitions_new();
	struct ddb_table table = {.id = 7, .name = "Table"}, next = {.id = 8, .name = "Other"};
	char entry[256], last[256] = "";
	unsigned seen = 0, asked = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(entry, sizeof(entry), "e%u", i * 7919 % COUNT);
		assert_true(map_partitions_add(set, &table, entry, i % 2, 1000 * second));
	}
	assert_true(map_partitions_add(set, &next, "z", true, 1));
	assert_true(map_partitions_find(set, 7, "e17", NULL, NULL));
	assert_false(map_partitions_find(set, 8, "e17", NULL, NULL));
	for (bool more = map_partitions_next(set, 7, NULL, entry); more;
		more = map_partitions_next(set, 7, last, entry)) {
		assert_true(strcmp(last, entry) < 0);
		strcpy(last, entry);
		seen++;
	}
	assert_int_equal(seen, COUNT);
	assert_true(map_partitions_next(set, 7, "e1", entry));
	assert_string_equal(entry, "e10");
	assert_true(map_partitions_next(set, 7, "e1x", entry));
	assert_string_equal(entry, "e2");
	assert_false(map_partitions_next(set, 9, NULL, entry));
	for (unsigned i = 0; i < 4; i++)
		map_partitions_tick(set, 1599 * second, judge_lingered, count_gone, &asked);
	assert_true(asked >= COUNT && asked < 1000000);
	for (unsigned i = 0, gone = asked = 0; i < 4; i++, gone = asked / 1000000)
		map_partitions_tick(set, 1600 * second, judge_lingered, count_gone, &asked), (void)gone;
	assert_int_equal(asked / 1000000, COUNT / 2);
	assert_true(map_partitions_remove(set, 8, "z"));
	assert_false(map_partitions_remove(set, 8, "z"));
	map_partitions_remove_table(set, 7);
	assert_false(map_partitions_next(set, 7, NULL, entry));
	memset(entry, 'x', 255);
	entry[255] = '\0';
	assert_true(map_partitions_add(set, &table, entry, false, 1));
	map_partitions_free(set);
}

/* ---- Renaming ---- */

static void rename_items(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr before, after;
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Other", 'S', '\0');
	make_table(fixture, "Both", 'S', 'N');
	put(fixture, "Simple", "{\"h\":\"a\",\"x\":1}");
	put(fixture, "Simple", "{\"h\":\"b\",\"x\":2}");
	put(fixture, "Both", "{\"h\":\"p\",\"r\":1}");
	put(fixture, "Both", "{\"h\":\"q\",\"r\":2}");
	assert_errno(stat_of(fixture, "Simple/a.json", &before), 0);
	static const struct row {
		const char *from, *to;
		unsigned flags;
		int number;
	} rows[] = {
		{"Simple/none.json", "Simple/c.json", 0, ENOENT},
		{"Simple/a.json", "Simple/b.json", RENAME_NOREPLACE, EEXIST},
		{"Simple/a.json", "Simple/a.json", RENAME_NOREPLACE, EEXIST},
		{"Simple/a.json", "Simple/a.json", 0, 0},
		{"Simple/a.json", "Simple/%61.json", 0, EINVAL},
		{"Simple/a.json", "Other/a.json", 0, EXDEV},
		{"Simple/a.json", "Other/.tmp", 0, EXDEV},
		{"Simple/a.json", ".tmp", 0, EXDEV},
		{"Simple/a.json", "Simple/.typed/a.json", 0, EXDEV},
		{"Simple/a.json", "Simple/.typed/c.json", 0, EXDEV},
		{"Simple/a.json", "Both/a.json", 0, EINVAL},
		{"Simple/a.json", "Nothing/a.json", 0, ENOENT},
		{"Simple/a.json", "Simple/.table.json", 0, EXDEV},
		{"Simple/a.json", "Simple/.items.jsonl", 0, EPERM},
		{"Simple/a.json", "Simple/.typed", 0, EISDIR},
		{"Simple/.table.json", "Simple/c.json", 0, EXDEV},
		{"Simple/.table.json", "Other/.table.json", 0, EXDEV},
		{"Simple/.table.json", "Other/.old", 0, EXDEV},
		{"Simple/.status.json", "Simple/.old", 0, EPERM},
		{".status", ".old", 0, EPERM},
		{"Simple/.typed", "Simple/x", 0, EPERM},
		{"Simple/a.json", "Simple/none.json", RENAME_EXCHANGE, ENOENT},
		{"Simple/a.json", "Simple/.tmp", RENAME_EXCHANGE, EINVAL},
		{"Simple/a.json", "Simple/b.json", RENAME_EXCHANGE | RENAME_NOREPLACE, EINVAL},
		{"Simple/a.json", "Simple/b.json", RENAME_WHITEOUT, EINVAL},
		{"Both/p/1.json", "Both/p/01.json", 0, EINVAL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_errno(map_rename(fixture->map, &me, rows[i].from, rows[i].to, rows[i].flags),
			rows[i].number, rows[i].to, (int)i);
	assert_int_equal(fixture->told_count, 0);
	assert_errno(map_rename(fixture->map, &me, "Simple/a.json", "Simple/c.json", RENAME_NOREPLACE), 0);
	assert_stat(fixture, "Simple/a.json", ENOENT);
	assert_errno(stat_of(fixture, "Simple/c.json", &after), 0);
	assert_int_equal(after.ino, before.ino);
	assert_true(after.mtime_ns > before.mtime_ns);
	assert_told(fixture, "Simple/a.json", 0);
	assert_told(fixture, "Simple/.typed/a.json", 0);
	assert_told(fixture, "Simple/c.json", after.version);
	assert_told(fixture, "Simple/.typed/c.json", after.version);
	assert_text(fixture, "Simple/c.json", "{\n  \"h\": \"c\",\n  \"x\": 1\n}\n");
	assert_errno(map_rename(fixture->map, &me, "Simple/c.json", "Simple/b.json", RENAME_EXCHANGE), 0);
	assert_text(fixture, "Simple/c.json", "{\n  \"h\": \"c\",\n  \"x\": 2\n}\n");
	assert_text(fixture, "Simple/b.json", "{\n  \"h\": \"b\",\n  \"x\": 1\n}\n");
	assert_errno(map_rename(fixture->map, &me, "Simple/b.json", "Simple/c.json", 0), 0);
	assert_text(fixture, "Simple/c.json", "{\n  \"h\": \"c\",\n  \"x\": 1\n}\n");
	assert_list(fixture, "Simple", ".table.json\nc.json\n");
	/* Between partitions; the one that was left lingers. */
	assert_errno(map_rename(fixture->map, &me, "Both/.typed/p/1.json", "Both/.typed/q/5.json", 0), 0);
	assert_stat(fixture, "Both/q/5.json", 0);
	assert_stat(fixture, "Both/p", 0);
	assert_list(fixture, "Both/p", "");
	assert_true(is_recorded(fixture, "\"operation\":\"rename\",\"errno\":\"EINVAL\""));
	assert_false(is_recorded(fixture, "EXDEV"));
}

static void rename_long(void **state)
{
	struct fixture *fixture = *state;
	char one[1001], item[256], path[1024];
	make_long(one, '\xa4');
	make_table(fixture, "Simple", 'S', '\0');
	put(fixture, "Simple", "{\"h\":\"a\"}");
	struct ddb_value key = ddb_string(one, 1000);
	map_name_of_key(&key, true, item);
	snprintf(path, sizeof(path), "Simple/%s", item);
	assert_errno(map_rename(fixture->map, &me, "Simple/a.json", path, 0), EINVAL);
	put_key(fixture, "Simple", one, 1000, NULL, 0);
	assert_errno(map_rename(fixture->map, &me, path, "Simple/b.json", 0), 0);
	assert_stat(fixture, path, ENOENT);
	assert_text(fixture, "Simple/b.json", "{\n  \"h\": \"b\"\n}\n");
	assert_errno(map_rename(fixture->map, &me, path, "Simple/b.json", 0), ENOENT);
	/* By its document it can be made. */
	char text[1100];
	snprintf(text, sizeof(text), "{\"h\":\"%s\"}", one);
	make_scratch(fixture, "Simple/.new", "{}");
	assert_errno(map_rename(fixture->map, &me, "Simple/.new", path, 0), EBADMSG);
	make_scratch(fixture, "Simple/.new", text);
	assert_errno(map_rename(fixture->map, &me, "Simple/.new", path, 0), 0);
	assert_stat(fixture, path, 0);
	assert_stat(fixture, "Simple/.new", ENOENT);
}

static void rename_scratch(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr attr;
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Both", 'S', 'N');
	put(fixture, "Simple", "{\"h\":\"a\",\"x\":1}");
	make_scratch(fixture, ".one", "1");
	make_scratch(fixture, ".two", "2");
	assert_errno(map_rename(fixture->map, &me, ".one", ".two", RENAME_NOREPLACE), EEXIST);
	assert_errno(map_rename(fixture->map, &me, ".one", ".two", RENAME_EXCHANGE), EINVAL);
	assert_errno(map_rename(fixture->map, &me, ".one", ".two", 0), 0);
	assert_told(fixture, ".one", 0);
	assert_told(fixture, ".two", MAP_VERSION_SCRATCH);
	assert_text(fixture, ".two", "1");
	assert_errno(map_rename(fixture->map, &me, ".two", "Simple/note", 0), 0);
	assert_errno(map_rename(fixture->map, &me, "Simple/note", "Both/.typed/.x", 0), 0);
	assert_text(fixture, "Both/.typed/.x", "1");
	assert_errno(map_rename(fixture->map, &me, "Both/.typed/.x", "Both/x.json", 0), EBADMSG);
	assert_errno(map_rename(fixture->map, &me, "Both/.typed/.x", "x", 0), EBADMSG);
	assert_errno(map_rename(fixture->map, &me, "Both/.none", "Both/.some", 0), ENOENT);

	make_scratch(fixture, "Simple/.new", "{\"x\": 2} ");
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/.new", 1234567890123456789, 0), 0);
	assert_errno(map_rename(fixture->map, &me, "Simple/.new", "Simple/a.json", RENAME_NOREPLACE), EEXIST);
	assert_stat(fixture, "Simple/.new", 0);
	fixture->told_count = 0;
	assert_errno(map_rename(fixture->map, &me, "Simple/.new", "Simple/a.json", 0), 0);
	assert_stat(fixture, "Simple/.new", ENOENT);
	assert_errno(stat_of(fixture, "Simple/a.json", &attr), 0);
	assert_int_equal(attr.mtime_ns, 1234567890123456789);
	assert_told(fixture, "Simple/a.json", attr.version);
	assert_told(fixture, "Simple/.typed/a.json", attr.version);
	assert_told(fixture, "Simple/.new", 0);
	assert_text(fixture, "Simple/a.json", "{\n  \"h\": \"a\",\n  \"x\": 2\n}\n");
	static const char *const refused[] = {
		"", "{", "[]", "{\"x\":}", "{} x", "{\"h\":\"b\"}", "{\"h\":1}"};
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		make_scratch(fixture, "Simple/.new", refused[i]);
		check_errno(map_rename(fixture->map, &me, "Simple/.new", "Simple/a.json", 0), EBADMSG,
			refused[i], __LINE__);
		assert_text(fixture, "Simple/.new", refused[i]);
	}
	assert_text(fixture, "Simple/a.json", "{\n  \"h\": \"a\",\n  \"x\": 2\n}\n");
	assert_true(is_recorded(
		fixture, "\"path\":\"Simple/a.json\",\"operation\":\"rename\",\"errno\":\"EBADMSG\""));
	assert_true(is_recorded(fixture, "does not agree with its path"));
	/* A typed document of another table's scratch. */
	make_scratch(fixture, ".note", "{\"x\":{\"N\":\"5\"}}");
	assert_errno(map_rename(fixture->map, &me, ".note", "Simple/.typed/t.json", 0), 0);
	assert_text(fixture, "Simple/t.json", "{\n  \"h\": \"t\",\n  \"x\": 5\n}\n");
	/* Too large an item, too large a text. */
	char *large = malloc(500001);
	memset(large, 'x', 500000);
	memcpy(large, "{\"x\":\"", 6);
	strcpy(large + 499998, "\"}");
	make_scratch(fixture, "Simple/.new", large);
	assert_errno(map_rename(fixture->map, &me, "Simple/.new", "Simple/l.json", 0), EFBIG);
	free(large);
	assert_stat(fixture, "Simple/.new", 0);
	/* What is no definition. */
	make_scratch(fixture, "Simple/.new", "{}");
	assert_errno(map_rename(fixture->map, &me, "Simple/.new", "Simple/.table.json", 0), EBADMSG);
	assert_errno(
		map_rename(fixture->map, &me, "Simple/.new", "Simple/.table.json", RENAME_NOREPLACE), EEXIST);
	assert_stat(fixture, "Simple/.new", 0);
}

static void rename_away(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr before, after;
	make_table(fixture, "Both", 'S', 'N');
	put(fixture, "Both", "{\"h\":\"p\",\"r\":1,\"x\":true}");
	make_scratch(fixture, "Both/p/1.json~", "old");
	assert_errno(stat_of(fixture, "Both/p/1.json", &before), 0);
	assert_errno(
		map_rename(fixture->map, &me, "Both/p/1.json", "Both/p/1.json~", RENAME_NOREPLACE), EEXIST);
	assert_errno(map_rename(fixture->map, &me, "Both/p/1.json", "Both/p/1.json~", 0), 0);
	assert_stat(fixture, "Both/p/1.json", ENOENT);
	assert_text(fixture, "Both/p/1.json~", "{\n  \"h\": \"p\",\n  \"r\": 1,\n  \"x\": true\n}\n");
	assert_errno(stat_of(fixture, "Both/p/1.json~", &after), 0);
	assert_int_equal(after.mtime_ns, before.mtime_ns);
	assert_int_equal(after.size, before.size);
	assert_told(fixture, "Both/p/1.json", 0);
	assert_told(fixture, "Both/.typed/p/1.json", 0);
	assert_told(fixture, "Both/p/1.json~", MAP_VERSION_SCRATCH);
	assert_stat(fixture, "Both/p", 0);
	assert_errno(map_rename(fixture->map, &me, "Both/p/1.json~", "Both/p/2.json", 0),
		EBADMSG); /* its key is 1 */
	assert_errno(map_rename(fixture->map, &me, "Both/p/1.json~", "Both/p/1.json", 0), 0);
	assert_stat(fixture, "Both/p/1.json", 0);
}

/* ---- Scratch files behind partitions ---- */

static void scratch_behind(void **state)
{
	struct fixture *fixture = *state;
	char name[256], shown[256], path[600];
	struct map_attr attr;
	make_table(fixture, "Both", 'S', 'S');
	make_scratch(fixture, "Both/note", "text");
	assert_errno(stat_of(fixture, "Both/note", &attr), 0);
	assert_false(attr.directory);
	assert_stat(fixture, "Both/.note.scratch", ENOENT);
	put(fixture, "Both", "{\"h\":\"note\",\"r\":\"a\"}");
	assert_errno(stat_of(fixture, "Both/note", &attr), 0);
	assert_true(attr.directory);
	assert_text(fixture, "Both/.note.scratch", "text");
	assert_list(fixture, "Both", ".table.json\nnote\n.note.scratch\n");
	assert_errno(map_rename(fixture->map, &me, "Both/.note.scratch", "Both/.plain", 0), 0);
	assert_stat(fixture, "Both/.note.scratch", ENOENT);
	assert_text(fixture, "Both/.plain", "text");
	assert_errno(map_unlink(fixture->map, &me, "Both/.plain"), 0);
	/* A name too long for that is cut. */
	memset(name, 'n', 250);
	name[250] = '\0';
	snprintf(path, sizeof(path), "Both/%s", name);
	make_scratch(fixture, path, "long");
	make_scratch(fixture, "Both/a", "other");
	put_key(fixture, "Both", name, 250, "a", 1);
	map_scratch_shown(name, shown);
	assert_true(strlen(shown) <= 255 && shown[0] == '.');
	snprintf(path, sizeof(path), "Both/%s", shown);
	assert_text(fixture, path, "long");
	char *names = names_of(fixture, "Both");
	assert_non_null(strstr(names, shown));
	free(names);
	assert_errno(map_unlink(fixture->map, &me, path), 0);
	assert_stat(fixture, path, ENOENT);
}

/* ---- Times, attributes, read-only ---- */

static void times(void **state)
{
	struct fixture *fixture = *state;
	struct map_attr before, after;
	make_table(fixture, "Simple", 'S', '\0');
	put(fixture, "Simple", "{\"h\":\"a\"}");
	make_scratch(fixture, "Simple/.tmp", "");
	assert_errno(stat_of(fixture, "Simple/a.json", &before), 0);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/a.json", 123456789, 0), 0);
	assert_errno(stat_of(fixture, "Simple/a.json", &after), 0);
	assert_int_equal(after.mtime_ns, 123456789);
	assert_int_equal(after.version, before.version);
	assert_null(find_told(fixture, "Simple/a.json"));
	assert_told(fixture, "Simple/.typed/a.json", after.version);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/.typed/a.json", 77, after.version), 0);
	assert_told(fixture, "Simple/a.json", after.version);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/a.json", 88, after.version + 1), 0);
	assert_errno(stat_of(fixture, "Simple/a.json", &after), 0);
	assert_int_equal(after.mtime_ns, 77);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/.tmp", -5, 0), 0);
	assert_errno(stat_of(fixture, "Simple/.tmp", &after), 0);
	assert_int_equal(after.mtime_ns, -5);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/.tmp", 0, 0), 0);
	assert_errno(stat_of(fixture, "Simple/.tmp", &after), 0);
	assert_int_equal(after.mtime_ns, 0);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple", 1, 0), 0);
	assert_errno(map_set_mtime(fixture->map, &me, "", 1, 0), 0);
	assert_errno(map_set_mtime(fixture->map, &me, ".status", 1, 0), 0);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/.table.json", 1, 0), 0);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/b.json", 1, 0), ENOENT);
	assert_errno(map_set_mtime(fixture->map, &me, "Simple/.none", 1, 0), ENOENT);
	assert_errno(map_set_mtime(fixture->map, &me, "Nothing", 1, 0), ENOENT);
	assert_errno(map_sync(fixture->map, &me), 0);
}

static void extended_attributes(void **state)
{
	struct fixture *fixture = *state;
	char value[64];
	size_t length = 99;
	make_table(fixture, "Simple", 'S', '\0');
	put(fixture, "Simple", "{\"h\":\"a\",\"xy\":\"12345\"}");
	assert_errno(map_getxattr(fixture->map, &me, "Simple/a.json", "user.size", value, 64, &length), 0);
	assert_int_equal(length, 1);
	assert_memory_equal(value, "9", 1);
	assert_errno(map_getxattr(fixture->map, &me, "Simple/a.json", "user.size", NULL, 0, &length), 0);
	assert_int_equal(length, 1);
	put(fixture, "Simple", "{\"h\":\"a\",\"xy\":\"1234567\"}");
	assert_errno(map_getxattr(fixture->map, &me, "Simple/.typed/a.json", "user.size", value, 1, &length),
		ERANGE);
	static const struct row {
		const char *path, *name;
		int get, set, remove;
	} rows[] = {
		{"Simple/a.json", "user.size", 0, EACCES, EACCES},
		{"Simple/b.json", "user.size", ENOENT, EACCES, EACCES},
		{"Simple", "user.size", ENODATA, EACCES, EACCES},
		{"Simple/.table.json", "user.size", ENODATA, EACCES, EACCES},
		{"Simple/a.json", "user.sizes", ENODATA, EOPNOTSUPP, ENODATA},
		{"Simple/a.json", "user.ttl", EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP},
		{"no/such/path", "security.selinux", ENODATA, EOPNOTSUPP, EOPNOTSUPP},
		{"Simple/a.json", "system.posix_acl_access", ENODATA, EOPNOTSUPP, EOPNOTSUPP},
		{"Simple/a.json", "system.posix_acl_default", ENODATA, EOPNOTSUPP, EOPNOTSUPP},
		{"Simple/a.json", "trusted.x", ENODATA, EOPNOTSUPP, EOPNOTSUPP},
		{"Simple/a.json", "", ENODATA, EOPNOTSUPP, EOPNOTSUPP},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		check_errno(map_getxattr(fixture->map, &me, rows[i].path, rows[i].name, value, 64, &length),
			rows[i].get, rows[i].name, __LINE__);
		check_errno(map_setxattr(fixture->map, &me, rows[i].path, rows[i].name, "1", 1, 0),
			rows[i].set, rows[i].name, __LINE__);
		check_errno(map_removexattr(fixture->map, &me, rows[i].path, rows[i].name), rows[i].remove,
			rows[i].name, __LINE__);
	}
	assert_errno(map_listxattr(fixture->map, &me, "Simple/a.json", NULL, 0, &length), 0);
	assert_int_equal(length, 0);
	assert_true(is_recorded(fixture, "\"operation\":\"setxattr\",\"errno\":\"EACCES\""));
	assert_false(is_recorded(fixture, "posix_acl"));
}

static void read_only(void **state)
{
	struct fixture *fixture = *state;
	char value[8];
	size_t length;
	make_table(fixture, "Both", 'S', 'S');
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\"}");
	close_map(fixture);
	open_map(fixture, true);
	struct map *map = fixture->map;
	assert_errno(map_mkdir(map, &me, "New"), EROFS);
	assert_errno(map_mkdir(map, &me, "Both/q"), EROFS);
	assert_errno(map_rmdir(map, &me, "Both/p"), EROFS);
	assert_errno(map_unlink(map, &me, "Both/p/a.json"), EROFS);
	assert_errno(map_unlink(map, &me, "Both/.table.json"), EROFS);
	assert_errno(map_rename(map, &me, "Both/p/a.json", "Both/p/b.json", 0), EROFS);
	assert_errno(map_set_mtime(map, &me, "Both/p/a.json", 1, 0), EROFS);
	assert_errno(map_setxattr(map, &me, "Both/p/a.json", "user.size", "1", 1, 0), EROFS);
	assert_errno(map_removexattr(map, &me, "Both/p/a.json", "user.size"), EROFS);
	assert_errno(map_getxattr(map, &me, "Both/p/a.json", "user.size", value, 8, &length), 0);
	assert_stat(fixture, "Both/p/a.json", 0);
	assert_list(fixture, "Both", ".table.json\np\n");
	assert_int_equal(fixture->told_count, 0);
}

/* Every operation on names that somebody might try. */
static void hostile_paths(void **state)
{
	struct fixture *fixture = *state;
	static const char *const names[] = {"..", ".", "%", "%2", "%2E", "%2E%2E", "%00", "%00.json", "~~",
		"~~.json", "a~b.json", "\n", "\n.json", "a\nb", "\xff\xfe", "\xed\xa0\x80.json", ".json",
		".json.json", "..json", ".table.json.", ".scratch", "..scratch", ".x.scratch", ".scan",
		"%25.json", "%7F.json", " ", " .json", "*.json", "-rf", "--help.json", "con.json"};
	make_table(fixture, "Simple", 'S', '\0');
	make_table(fixture, "Both", 'S', 'S');
	put(fixture, "Both", "{\"h\":\"p\",\"r\":\"a\"}");
	static const char *const directories[] = {"", "Simple/", "Both/", "Both/p/", "Both/.typed/",
		"Both/.scan/", "Both/.scan/3/", "Nope/", "Both/q/"};
	for (size_t d = 0; d < sizeof(directories) / sizeof(*directories); d++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			char path[400], to[400];
			struct map_attr attr;
			snprintf(path, sizeof(path), "%s%s", directories[d], names[i]);
			snprintf(to, sizeof(to), "%s%s.x", directories[d], names[i]);
			stat_of(fixture, path, &attr);
			map_rename(fixture->map, &me, path, to, 0);
			map_rename(fixture->map, &me, "Both/p/a.json", path, RENAME_NOREPLACE);
			map_rename(fixture->map, &me, path, "Both/p/a.json", RENAME_NOREPLACE);
			map_unlink(fixture->map, &me, path);
			map_mkdir(fixture->map, &me, path);
			map_rmdir(fixture->map, &me, path);
			map_set_mtime(fixture->map, &me, path, 1, 0);
		}
	}
	free(names_of(fixture, ""));
	free(names_of(fixture, "Simple"));
	free(names_of(fixture, "Both"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fixed_names),
		TEST(simple_names),
		TEST(composite_names),
		TEST(inodes),
		TEST(definition_attributes),
		TEST(long_names),
		TEST(unnamed_places),
		TEST(kindless_tables),
		TEST(provisional_items),
		TEST(make_directories),
		TEST(remove_directories),
		TEST(protected_tables),
		TEST(remove_files),
		TEST(hidden_definition),
		TEST(lingering_partitions),
		cmocka_unit_test(remembered_set),
		TEST(rename_items),
		TEST(rename_long),
		TEST(rename_scratch),
		TEST(rename_away),
		TEST(scratch_behind),
		TEST(times),
		TEST(extended_attributes),
		TEST(read_only),
		TEST(hostile_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
