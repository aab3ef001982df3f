/*
 * What the tests of the tree share: a map on a local engine in a temporary directory, items written as text,
 * and what the map tells of changes. The store must be sound when a test ends.
 */
#ifndef TREE_FIXTURE_H
#define TREE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/json.h"
#include "engine/local/local.h"
#include "mapping/document/document.h"
#include "mapping/file.h"
#include "mapping/name.h"
#include "mapping/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELPER static __attribute__((unused))

enum { TOLD_MAX = 64 };

struct told {
	char path[1200];
	uint64_t version;
	const struct map_file *by;
};

struct fixture {
	char path[64];
	struct ddb_engine *engine;
	struct map *map;
	struct ddb_error err;
	atomic_size_t told_count; /* changes may be told from several threads */
	struct told told[TOLD_MAX];
};

static const struct map_caller me = {.uid = 1000, .gid = 1000, .pid = 42};

/* The callback may look at the tree. */
HELPER void changed(void *context, const char *path, uint64_t version, const struct map_file *by)
{
	struct fixture *fixture = context;
	struct map_attr attr;
	map_stat(fixture->map, &me, path, &attr);
	size_t place = atomic_fetch_add(&fixture->told_count, 1);
	if (place >= TOLD_MAX) {
		atomic_store(&fixture->told_count, TOLD_MAX);
		return;
	}
	struct told *told = &fixture->told[place];
	snprintf(told->path, sizeof(told->path), "%s", path);
	told->version = version;
	told->by = by;
}

HELPER const struct told *find_told(const struct fixture *fixture, const char *path)
{
	for (size_t i = 0; i < fixture->told_count; i++) {
		if (!strcmp(fixture->told[i].path, path))
			return &fixture->told[i];
	}
	return NULL;
}

HELPER void assert_told(struct fixture *fixture, const char *path, uint64_t version)
{
	const struct told *told = find_told(fixture, path);
	if (!told)
		fail_msg("nothing was told of %s", path);
	assert_int_equal(told->version, version);
}

/* ---- Set up and end ---- */

HELPER void open_map(struct fixture *fixture, bool read_only)
{
	const struct ddb_local_options local = {.hooks = &map_rendering_hooks};
	const struct map_options options = {
		.read_only = read_only, .mountpoint = "/mnt", .changed = changed, .context = fixture};
	if (ddb_local_open(fixture->path, &local, &fixture->engine, &fixture->err))
		fail_msg("open: %s", fixture->err.message);
	fixture->map = map_new(fixture->engine, &options);
	assert_non_null(fixture->map);
}

HELPER void close_map(struct fixture *fixture)
{
	map_free(fixture->map);
	fixture->engine->ops->close(fixture->engine);
}

HELPER int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	strcpy(fixture->path, "/tmp/tree-XXXXXX");
	assert_non_null(mkdtemp(fixture->path));
	open_map(fixture, false);
	*state = fixture;
	return 0;
}

HELPER void report(void *context, const char *line)
{
	(void)context;
	print_message("check: %s\n", line);
}

HELPER int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

HELPER int tear_down(void **state)
{
	struct fixture *fixture = *state;
	const struct ddb_check_options options = {.report = report};
	struct ddb_check_result result = {0};
	map_free(fixture->map);
	enum ddb_code code = ddb_local_check(fixture->engine, &options, &result, &fixture->err);
	fixture->engine->ops->close(fixture->engine);
	nftw(fixture->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return code || result.problems;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- Tables and items, past the tree ---- */

#define OP(fixture, operation, ...)                                                                          \
	check_code((fixture),                                                                                \
		(fixture)->engine->ops->operation((fixture)->engine, __VA_ARGS__, &(fixture)->err),          \
		__LINE__)

HELPER void check_code(struct fixture *fixture, enum ddb_code code, int line)
{
	if (code)
		fail_msg("line %d: %s", line, fixture->err.message);
}

/* Types as letters; '\0': no sort key. */
HELPER void make_table(struct fixture *fixture, const char *name, char hash, char range)
{
	char text[400], sort[120] = "", schema[80] = "";
	struct ddb_definition *definition;
	if (range) {
		snprintf(sort, sizeof(sort), ",{\"AttributeName\":\"r\",\"AttributeType\":\"%c\"}", range);
		strcpy(schema, ",{\"AttributeName\":\"r\",\"KeyType\":\"RANGE\"}");
	}
	snprintf(text, sizeof(text),
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"h\",\"AttributeType\":\"%c\"}%s],"
		"\"KeySchema\":[{\"AttributeName\":\"h\",\"KeyType\":\"HASH\"}%s]}",
		hash, sort, schema);
	check_code(fixture, ddb_definition_read(text, strlen(text), &definition, &fixture->err), __LINE__);
	OP(fixture, create_table, name, definition);
	ddb_definition_unref(definition);
}

HELPER void put_item(struct fixture *fixture, const char *table, const struct ddb_value *item)
{
	const struct ddb_put_item put = {.table = table, .item = *item};
	struct ddb_put_result result;
	OP(fixture, put_item, &put, &result);
}

HELPER void put(struct fixture *fixture, const char *table, const char *json)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct ddb_value document, item;
	ddb_arena_init(&arena, 64 << 20);
	check_code(fixture,
		ddb_json_read(&arena, map_document_limits(DDB_RENDER_PLAIN), json, strlen(json), &document,
			&fixture->err),
		__LINE__);
	check_code(fixture, map_document_read(&arena, &document, DDB_RENDER_PLAIN, &item, &fixture->err),
		__LINE__);
	put_item(fixture, table, &item);
}

/* An item of key attributes of bytes; `range` NULL: none. */
HELPER void put_key(struct fixture *fixture, const char *table, const char *hash, size_t hash_length,
	const char *range, size_t range_length)
{
	struct ddb_attribute attributes[2] = {
		{.name = "h", .name_length = 1, .value = ddb_string(hash, hash_length)},
		{.name = "r", .name_length = 1},
	};
	struct ddb_value item = {.type = DDB_M, .count = range ? 2 : 1, .attributes = attributes};
	if (range)
		attributes[1].value = ddb_string(range, range_length);
	put_item(fixture, table, &item);
}

/* h: h1, h2, … or (with `range`) one partition "p" of r1, r2, … */
HELPER void put_many(struct fixture *fixture, const char *table, unsigned count, bool range)
{
	enum { BATCH = 500 };
	struct ddb_attribute(*attributes)[2] = calloc(BATCH, sizeof(*attributes));
	struct ddb_value *items = calloc(BATCH, sizeof(*items));
	char(*text)[16] = calloc(BATCH, sizeof(*text));
	for (unsigned done = 0; done < count;) {
		size_t n = 0;
		for (; n < BATCH && done < count; n++, done++) {
			int length = snprintf(text[n], sizeof(*text), "%c%u", range ? 'r' : 'h', done);
			struct ddb_value value = ddb_string(text[n], (size_t)length);
			attributes[n][0] = (struct ddb_attribute){"h", 1, range ? ddb_string("p", 1) : value};
			attributes[n][1] = (struct ddb_attribute){"r", 1, value};
			items[n] = (struct ddb_value){
				.type = DDB_M, .count = range ? 2 : 1, .attributes = attributes[n]};
		}
		const struct ddb_put_many request = {.table = table, .items = items, .count = n};
		struct ddb_put_many_result result;
		OP(fixture, put_many, &request, &result);
	}
	free(attributes);
	free(items);
	free(text);
}

/* ---- The tree ---- */

HELPER int stat_of(struct fixture *fixture, const char *path, struct map_attr *ret)
{
	memset(ret, 0, sizeof(*ret));
	return map_stat(fixture->map, &me, path, ret);
}

HELPER void check_stat(struct fixture *fixture, const char *path, int wanted, int line)
{
	struct map_attr attr;
	int number = stat_of(fixture, path, &attr);
	if (number != wanted)
		fail_msg("line %d: stat %s: %s, not %s", line, path, number ? map_errno_name(number) : "0",
			wanted ? map_errno_name(wanted) : "0");
	if (!number)
		assert_true(attr.ino > 1 || !*path);
}
#define assert_stat(fixture, path, wanted) check_stat((fixture), (path), (wanted), __LINE__)

HELPER void check_errno(int number, int wanted, const char *call, int line)
{
	if (number != wanted)
		fail_msg("line %d: %s: %s, not %s", line, call, number ? map_errno_name(number) : "0",
			wanted ? map_errno_name(wanted) : "0");
}
#define assert_errno(call, wanted) check_errno((call), (wanted), #call, __LINE__)

/* Makes (or overwrites) a scratch file, past open files. */
HELPER void make_scratch(struct fixture *fixture, const char *path, const char *text)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct map_place place;
	struct ddb_scratch_meta meta;
	ddb_arena_init(&arena, 1 << 20);
	assert_int_equal(map_resolve(fixture->map, &arena, path, &place, &fixture->err), 0);
	assert_int_equal(place.kind, MAP_SCRATCH);
	OP(fixture, scratch_create, &place.scratch, 0644, false, &meta);
	OP(fixture, scratch_truncate, &place.scratch, 0);
	if (*text)
		OP(fixture, scratch_write, &place.scratch, 0, text, strlen(text));
	map_place_done(&place);
}

HELPER char *text_of(struct fixture *fixture, const char *path)
{
	struct map_file *file;
	struct map_attr attr;
	size_t length;
	char *text = calloc(1, 1 << 16);
	check_errno(map_open(fixture->map, &me, path, O_RDONLY, &file, &attr), 0, path, __LINE__);
	check_errno(map_file_read(file, 0, text, (1 << 16) - 1, &length), 0, path, __LINE__);
	map_file_release(file, &me);
	return text;
}

HELPER void assert_text(struct fixture *fixture, const char *path, const char *wanted)
{
	char *text = text_of(fixture, path);
	assert_string_equal(text, wanted);
	free(text);
}

/* The whole of /.errors as the caller sees it. */
HELPER bool is_recorded(struct fixture *fixture, const char *what)
{
	struct ddb_buffer text;
	ddb_buffer_init(&text, 16 << 20);
	map_refusals_write(fixture->map->refusals, me.uid, &text);
	ddb_buffer_add_byte(&text, '\0');
	bool found = strstr(text.bytes, what);
	ddb_buffer_done(&text);
	return found;
}

/* ---- Listing ---- */

HELPER struct map_dir *open_dir(struct fixture *fixture, const char *path)
{
	struct map_dir *dir;
	check_errno(map_dir_open(fixture->map, &me, path, &dir), 0, path, __LINE__);
	return dir;
}

HELPER struct map_dirent entry_at(struct map_dir *dir, uint64_t offset)
{
	struct map_dirent entry;
	check_errno(map_dir_entry(dir, offset, &entry), 0, "map_dir_entry", __LINE__);
	return entry;
}

/* All names, each with a newline behind it. To be freed. */
HELPER char *names_of(struct fixture *fixture, const char *path)
{
	struct map_dir *dir = open_dir(fixture, path);
	size_t length = 0, room = 1 << 20;
	char *names = calloc(1, room);
	uint64_t offset = 0;
	for (;;) {
		struct map_dirent entry = entry_at(dir, offset);
		if (!entry.name)
			break;
		length += (size_t)snprintf(names + length, room - length, "%s\n", entry.name);
		assert_true(length < room);
		offset = entry.next;
	}
	map_dir_free(dir);
	return names;
}

HELPER void check_list(struct fixture *fixture, const char *path, const char *wanted, int line)
{
	char *names = names_of(fixture, path);
	if (strcmp(names, wanted))
		fail_msg("line %d: %s lists\n%s and not\n%s", line, path, names, wanted);
	free(names);
}
#define assert_list(fixture, path, wanted) check_list((fixture), (path), (wanted), __LINE__)

#endif
