/*
 * Whole paths. What a path leads to answers by the same name again, is listed where it is said to be, and
 * reads as long as its size says; what is refused leaves a line in /.errors that can be read.
 */
#include "engine/json.h"
#include "mapping/name.h"
#include "mapping/query/query.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 1 << 20 };

/* Whether the directory has the name, and what it says of it. */
static bool find_entry(const char *directory, const char *name, struct map_attr *ret)
{
	struct map_dir *dir;
	struct map_dirent entry = {0};
	uint64_t offset = 0;
	bool found = false;
	int number = map_dir_open(fuzz_world()->map, &fuzz_caller, directory, &dir);
	FUZZ_CHECK(!number);
	for (;; offset = entry.next) {
		FUZZ_CHECK(!map_dir_entry(dir, offset, &entry));
		if (!entry.name)
			break;
		if (strcmp(entry.name, name) != 0)
			continue;
		FUZZ_CHECK(!found); /* once */
		found = true;
		*ret = entry.attr;
	}
	map_dir_free(dir);
	return found;
}

/* A scan backward is a path that waits for its pk=. */
static bool is_half(const struct map_place *place)
{
	struct ddb_error err;
	return place->query && map_query_check_whole(place->query, &err);
}

/* A limit may end the list before it, and a component is none of what its directory lists. */
static bool may_be_missing(const struct map_place *place)
{
	return place->kind == MAP_ENTRY && place->query->limit;
}

static void check_listed(const struct map_place *place, const char *path, const struct map_attr *attr)
{
	struct map_attr listed;
	const char *slash = strrchr(path, '/');
	char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	FUZZ_CHECK(parent);
	/* A million segments are as well looked for one by one. */
	if (place->kind != MAP_SEGMENT && place->kind != MAP_QUERY && !is_half(place)) {
		bool found = find_entry(parent, place->name, &listed);
		FUZZ_CHECK(found == place->row->listed || may_be_missing(place));
		if (found)
			FUZZ_CHECK(listed.ino == attr->ino && listed.directory == attr->directory &&
				   listed.size == attr->size);
	}
	free(parent);
}

static void check_present(const struct map_place *place, const char *path, const struct map_attr *attr)
{
	struct map_dir *dir;
	size_t length;
	FUZZ_CHECK(attr->ino > 1 || !*path);
	FUZZ_CHECK(attr->directory == place->row->directory);
	if (*path)
		check_listed(place, path, attr);
	if (attr->directory) {
		FUZZ_CHECK(!map_dir_open(fuzz_world()->map, &fuzz_caller, path, &dir));
		map_dir_free(dir);
		FUZZ_CHECK(!fuzz_world_text(path, &length) && length == EISDIR);
		return;
	}
	char *text = fuzz_world_text(path, &length);
	if (is_half(place) && place->kind != MAP_ENTRY) {
		FUZZ_CHECK(!text && length == EINVAL);
		return;
	}
	FUZZ_CHECK(text);
	FUZZ_CHECK(attr->stream || attr->volatile_ || attr->size == length);
	free(text);
	FUZZ_CHECK(map_dir_open(fuzz_world()->map, &fuzz_caller, path, &dir) == ENOTDIR);
}

/* A name that is not there can be made, or is refused for good; undone it is as if nothing had been. */
static void check_absent(const struct map_place *place, const char *path)
{
	struct map *map = fuzz_world()->map;
	struct map_file *file;
	struct map_attr attr;
	if (place && place->kind == MAP_PARTITION)
		return;
	int number = map_create(map, &fuzz_caller, path, O_WRONLY | O_CREAT | O_EXCL, 0644, &file, &attr);
	if (number) {
		FUZZ_CHECK(number == EINVAL || number == EACCES || number == ENOENT || number == ENOTDIR ||
			   number == ENAMETOOLONG || number == EPERM);
		return;
	}
	FUZZ_CHECK(place &&
		   (place->kind == MAP_ITEM || place->kind == MAP_SCRATCH || place->kind == MAP_DEFINITION));
	bool scratch = place->kind == MAP_SCRATCH;
	map_file_forgo(file);
	map_file_release(file, &fuzz_caller);
	if (scratch)
		FUZZ_CHECK(!map_unlink(map, &fuzz_caller, path));
	FUZZ_CHECK(map_stat(map, &fuzz_caller, path, &attr) == ENOENT);
}

static void check_place(struct ddb_arena *arena, const struct map_place *place, const char *path)
{
	const char *slash = strrchr(path, '/');
	FUZZ_CHECK(!strcmp(place->path, path) && !strcmp(place->name, slash ? slash + 1 : path));
	FUZZ_CHECK(!place->row->name || !strcmp(place->name, place->row->name));
	FUZZ_CHECK((place->table == NULL) ==
		   (place->kind == MAP_ROOT || place->kind == MAP_STATUS || place->kind == MAP_ERRORS ||
			   (place->kind == MAP_SCRATCH && !slash)));
	if (place->kind == MAP_ITEM && place->has_hash && !place->unnamed) {
		struct ddb_value key;
		struct ddb_error err;
		FUZZ_CHECK(place->has_range == (place->partition != NULL));
		FUZZ_CHECK(map_place_names(place, &place->hash, place->has_range ? &place->range : NULL));
		FUZZ_CHECK(!map_place_key(place, arena, &key, &err));
	}
	if (place->kind == MAP_SEGMENT)
		FUZZ_CHECK(place->segment < place->segments);
}

static void check_errors(void)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	static const struct ddb_json_limits limits = {.nesting = 3, .nodes = 100, .object_only = true};
	ddb_buffer_init(&text, 64 << 20);
	map_refusals_write(fuzz_world()->map->refusals, fuzz_caller.uid, &text);
	FUZZ_CHECK(!text.failed);
	if (!text.length)
		return;
	/* The last one will do. */
	FUZZ_CHECK(text.bytes[--text.length] == '\n');
	const char *last = memrchr(text.bytes, '\n', text.length);
	last = last ? last + 1 : text.bytes;
	struct ddb_value line;
	ddb_arena_init(&arena, MEMORY);
	FUZZ_CHECK(!ddb_json_read(
		&arena, &limits, last, (size_t)(text.bytes + text.length - last), &line, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct map *map = fuzz_world()->map;
	struct map_place place = {0};
	struct map_attr attr = {0}, again = {0};
	struct ddb_error err = {0};
	if (size > MAP_PATH_MAX || memchr(bytes, 0, size))
		return 0;
	char *path = malloc(size + 1);
	FUZZ_CHECK(path);
	memcpy(path, bytes, size);
	path[size] = '\0';
	ddb_arena_init(&arena, MEMORY);
	int stat = map_stat(map, &fuzz_caller, path, &attr);
	FUZZ_CHECK(!stat || stat == ENOENT || stat == ENOTDIR || stat == ENAMETOOLONG ||
		   (stat == EINVAL && strstr(path, "/.query/")));
	int number = map_resolve(map, &arena, path, &place, &err);
	if (number) {
		FUZZ_CHECK(stat == number);
		fuzz_check_error(err.code, &err);
	} else {
		check_place(&arena, &place, path);
	}
	if (!stat)
		check_present(&place, path, &attr);
	else
		check_absent(number ? NULL : &place, path);
	FUZZ_CHECK(map_stat(map, &fuzz_caller, path, &again) == stat);
	FUZZ_CHECK(stat || (attr.ino == again.ino && attr.version == again.version));
	struct fuzz_dice dice;
	fuzz_dice_init(&dice, bytes, size);
	if (!fuzz_dice_below(&dice, 16))
		check_errors();
	if (!number)
		map_place_done(&place);
	free(path);
	return 0;
}
