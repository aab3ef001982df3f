/*
 * For the tests of open files: a map on a real local engine in a temporary directory, and what a shell does
 * with files, as functions. One per test program; everything fails the running test.
 */
#ifndef FILES_WORLD_H
#define FILES_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/json.h"
#include "engine/local/local.h"
#include "mapping/document/document.h"
#include "mapping/file.h"
#include "mapping/name.h"
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

struct told { /* a call of options.changed */
	char path[300];
	uint64_t version;
	const struct map_file *by;
};

struct world {
	char directory[64];
	struct ddb_engine *engine;
	struct map *map;
	struct told *told;
	size_t told_count, told_room;
};

static const struct map_caller root = {.uid = 0, .gid = 0, .pid = 7};
static const struct map_caller alice = {.uid = 1000, .gid = 1000, .pid = 8};

UNUSED static void note_change(void *context, const char *path, uint64_t version, const struct map_file *by)
{
	struct world *world = context;
	if (world->told_count == world->told_room) {
		world->told_room = world->told_room ? 2 * world->told_room : 64;
		world->told = realloc(world->told, world->told_room * sizeof(*world->told));
		assert_non_null(world->told);
	}
	struct told *told = &world->told[world->told_count++];
	*told = (struct told){.version = version, .by = by};
	snprintf(told->path, sizeof(told->path), "%s", path);
	/* What a front end does at once: it must not meet a lock. */
	struct map_attr attr;
	(void)map_stat(world->map, &root, path, &attr);
}

UNUSED static void make_table(struct world *world, const char *name, const char *hash,
	enum ddb_type hash_type, const char *range, enum ddb_type range_type)
{
	struct ddb_key_attribute hash_key = {hash, (uint32_t)strlen(hash), hash_type};
	struct ddb_key_attribute range_key = {range, range ? (uint32_t)strlen(range) : 0, range_type};
	struct ddb_definition *definition;
	struct ddb_error err;
	assert_int_equal(
		ddb_definition_simple(&hash_key, range ? &range_key : NULL, &definition, &err), DDB_OK);
	assert_int_equal(world->engine->ops->create_table(world->engine, name, definition, &err), DDB_OK);
	ddb_definition_unref(definition);
}

/* A table as mkdir makes it. */
UNUSED static void make_provisional(struct world *world, const char *name)
{
	struct ddb_error err;
	assert_int_equal(world->engine->ops->create_table(world->engine, name, NULL, &err), DDB_OK);
}

UNUSED static int world_open(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct ddb_local_options local = {.hooks = &map_rendering_hooks};
	struct map_options options = {.mountpoint = "/mnt/test", .changed = note_change, .context = world};
	struct ddb_error err;
	strcpy(world->directory, "/tmp/dynamount-files-XXXXXX");
	if (!mkdtemp(world->directory))
		return -1;
	if (ddb_local_open(world->directory, &local, &world->engine, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return -1;
	}
	world->map = map_new(world->engine, &options);
	if (!world->map)
		return -1;
	make_table(world, "Users", "id", DDB_S, NULL, 0);
	make_table(world, "Orders", "user", DDB_S, "date", DDB_S);
	*state = world;
	return 0;
}

UNUSED static int remove_entry(const char *path, const struct stat *attributes, int type, struct FTW *walk)
{
	(void)attributes, (void)type, (void)walk;
	return remove(path);
}

UNUSED static int world_close(void **state)
{
	struct world *world = *state;
	map_free(world->map);
	world->engine->ops->close(world->engine);
	nftw(world->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(world->told);
	free(world);
	return 0;
}

/* ---- What a shell does ---- */

UNUSED static int open_file(struct world *world, const char *path, int flags, struct map_file **ret)
{
	struct map_attr attr;
	int number = map_open(world->map, &alice, path, flags & ~(O_CREAT | O_EXCL), ret, &attr);
	if (flags & O_CREAT && flags & O_EXCL && !number) {
		map_file_release(*ret, &alice);
		return EEXIST;
	}
	if (number != ENOENT || !(flags & O_CREAT))
		return number;
	return map_create(world->map, &alice, path, flags, 0644, ret, &attr);
}

UNUSED static struct map_file *must_open(struct world *world, const char *path, int flags)
{
	struct map_file *file;
	int number = open_file(world, path, flags, &file);
	if (number)
		fail_msg("open %s: %s", path, strerror(number));
	return file;
}

UNUSED static int write_at(struct map_file *file, uint64_t offset, const char *text)
{
	return map_file_write(file, &alice, offset, text, strlen(text));
}

/* As bash: open, flush, write, flush, release; in pieces. The first error. */
UNUSED static int write_pieces(
	struct world *world, const char *path, int flags, const char *text, size_t length, size_t piece)
{
	struct map_file *file;
	int number = open_file(world, path, flags, &file);
	if (number)
		return number;
	number = map_file_flush(file, &alice);
	for (size_t done = 0; !number && done < length; done += piece)
		number = map_file_write(
			file, &alice, done, text + done, length - done < piece ? length - done : piece);
	int flushed = map_file_flush(file, &alice);
	int released = map_file_release(file, &alice);
	if (!number)
		number = flushed;
	return number ? number : released;
}

UNUSED static int echo_to(struct world *world, const char *path, const char *text)
{
	return write_pieces(world, path, O_WRONLY | O_CREAT | O_TRUNC, text, strlen(text), strlen(text) + 1);
}

UNUSED static int append_to(struct world *world, const char *path, const char *text)
{
	return write_pieces(world, path, O_WRONLY | O_CREAT | O_APPEND, text, strlen(text), strlen(text) + 1);
}

/* The whole text of an open file, read in pieces. The caller frees. */
UNUSED static char *read_file(struct map_file *file, size_t piece, size_t *ret_length)
{
	size_t length = 0, room = piece + 1, got;
	char *text = malloc(room);
	for (;; length += got) {
		if (room < length + piece + 1)
			text = realloc(text, room = 2 * (length + piece + 1));
		assert_non_null(text);
		assert_int_equal(map_file_read(file, length, text + length, piece, &got), 0);
		assert_true(got <= piece);
		if (!got)
			break;
	}
	text[length] = '\0';
	if (ret_length)
		*ret_length = length;
	return text;
}

/* cat; NULL when there is no such file. The size of stat must be right where it is exact. */
UNUSED static char *cat(struct world *world, const char *path)
{
	struct map_file *file;
	struct map_attr attr;
	int number = map_open(world->map, &alice, path, O_RDONLY, &file, &attr);
	if (number == ENOENT)
		return NULL;
	if (number)
		fail_msg("cat %s: %s", path, strerror(number));
	size_t length;
	char *text = read_file(file, 65536, &length);
	if (!attr.stream)
		assert_int_equal(attr.size, length);
	struct map_attr again;
	if (!attr.stream && !attr.volatile_ && !map_stat(world->map, &alice, path, &again)) {
		assert_int_equal(again.size, length);
		assert_int_equal(again.ino, attr.ino);
		assert_int_equal(again.version, attr.version);
	}
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	return text;
}

UNUSED static void assert_cat(struct world *world, const char *path, const char *expected)
{
	char *text = cat(world, path);
	if (!text)
		fail_msg("%s does not exist", path);
	assert_string_equal(text, expected);
	free(text);
}

UNUSED static void assert_echo(struct world *world, const char *path, const char *text)
{
	int number = echo_to(world, path, text);
	if (number)
		fail_msg("echo > %s: %s", path, strerror(number));
}

UNUSED static void assert_gone(struct world *world, const char *path)
{
	struct map_attr attr;
	assert_int_equal(map_stat(world->map, &alice, path, &attr), ENOENT);
}

UNUSED static uint64_t version_of(struct world *world, const char *path)
{
	struct map_attr attr;
	assert_int_equal(map_stat(world->map, &alice, path, &attr), 0);
	return attr.version;
}

/* ---- /.errors ---- */

UNUSED static char *errors(struct world *world)
{
	struct map_file *file;
	struct map_attr attr;
	assert_int_equal(map_open(world->map, &alice, ".errors", O_RDONLY, &file, &attr), 0);
	assert_true(attr.volatile_);
	char *text = read_file(file, 4096, NULL);
	assert_int_equal(map_file_release(file, &alice), 0);
	return text;
}

UNUSED static int error_count(struct world *world)
{
	char *text = errors(world);
	int count = 0;
	for (char *at = text; (at = strchr(at, '\n')); at++)
		count++;
	free(text);
	return count;
}

/* The newest refusal has all of these parts. */
UNUSED static void assert_refusal(
	struct world *world, const char *path, const char *operation, const char *number, const char *message)
{
	char *text = errors(world), *last = text, quoted[400];
	for (char *next; (next = strchr(last, '\n')) && next[1];)
		last = next + 1;
	const char *parts[][2] = {{"path", path}, {"operation", operation}, {"errno", number}};
	for (size_t i = 0; i < 3; i++) {
		snprintf(quoted, sizeof(quoted), "\"%s\":\"%s%s\"", parts[i][0], i ? "" : "", parts[i][1]);
		char rooted[500];
		snprintf(rooted, sizeof(rooted), "\"path\":\"/%s\"", path);
		if (!strstr(last, quoted) && (i || !strstr(last, rooted)))
			fail_msg("%s is not in %s", quoted, last);
	}
	if (!strstr(last, message))
		fail_msg("%s is not in %s", message, last);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, world_open, world_close)

#endif
