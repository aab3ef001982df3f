/*
 * An open scratch file: bytes that the engine keeps as they are. Nothing is held here; each call goes to the
 * engine by name, so that all handles see the same bytes. A file that was removed or renamed meanwhile is not
 * found any more.
 */
#include "mapping/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct scratch_part {
	struct ddb_scratch_name name;
	char text[]; /* what name.name points to */
};

static int refuse(struct map_file *file, const struct map_caller *caller, const char *operation,
	const struct ddb_error *err)
{
	return map_file_refuse(file, caller, operation, map_errno(err->code), err);
}

/* After a change: the attributes as they are now, and who shows the file must hear of it. */
static int changed(struct map_file *file, const struct map_caller *caller, const char *operation)
{
	struct ddb_engine *engine = file->map->engine;
	struct scratch_part *part = file->part;
	struct ddb_scratch_meta meta;
	struct ddb_error err;

	if (engine->ops->scratch_stat(engine, &part->name, &meta, &err))
		return refuse(file, caller, operation, &err);
	map_attr_of_scratch(&meta, &file->attr);
	map_tell_path(file->map, file->path, file->attr.version, file);
	return 0;
}

static int scratch_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct ddb_engine *engine = file->map->engine;
	struct scratch_part *part = file->part;
	struct ddb_error err;
	size_t done = 0, length;

	while (done < size) {
		if (engine->ops->scratch_read(
			    engine, &part->name, offset + done, buffer + done, size - done, &length, &err))
			return refuse(file, &file->opener, "read", &err);
		if (!length)
			break;
		done += length;
	}
	*ret_length = done;
	return 0;
}

static int append_offset(struct map_file *file, const struct map_caller *caller, uint64_t *ret)
{
	struct ddb_engine *engine = file->map->engine;
	struct scratch_part *part = file->part;
	struct ddb_scratch_meta meta;
	struct ddb_error err;

	if (engine->ops->scratch_stat(engine, &part->name, &meta, &err))
		return refuse(file, caller, "write", &err);
	*ret = meta.size;
	return 0;
}

static int scratch_write(struct map_file *file, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size)
{
	struct ddb_engine *engine = file->map->engine;
	struct scratch_part *part = file->part;
	struct ddb_error err;
	int number = file->flags & O_APPEND ? append_offset(file, caller, &offset) : 0;

	if (number)
		return number;
	if (engine->ops->scratch_write(engine, &part->name, offset, bytes, size, &err))
		return refuse(file, caller, "write", &err);
	return changed(file, caller, "write");
}

static int scratch_truncate(struct map_file *file, const struct map_caller *caller, uint64_t size)
{
	struct ddb_engine *engine = file->map->engine;
	struct scratch_part *part = file->part;
	struct ddb_error err;

	if (engine->ops->scratch_truncate(engine, &part->name, size, &err))
		return refuse(file, caller, "truncate", &err);
	return changed(file, caller, "truncate");
}

/* Its directory's id is of the names above. */
static void scratch_renamed(struct map_file *file)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct scratch_part *part = file->part;
	struct ddb_error err;

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	if (!map_resolve(file->map, &arena, file->path, &place, &err) && place.kind == MAP_SCRATCH)
		memcpy(part->name.directory, place.scratch.directory, sizeof(part->name.directory));
}

static void scratch_done(struct map_file *file)
{
	free(file->part);
}

static const struct map_file_ops scratch_ops = {
	.read = scratch_read,
	.write = scratch_write,
	.truncate = scratch_truncate,
	.renamed = scratch_renamed,
	.done = scratch_done,
};

static struct scratch_part *new_part(const struct ddb_scratch_name *name)
{
	size_t size = strlen(name->name) + 1;
	struct scratch_part *part = malloc(sizeof(*part) + size);

	if (!part)
		return NULL;
	memcpy(part->text, name->name, size);
	part->name = *name;
	part->name.name = part->text;
	return part;
}

static int create(struct map *map, struct map_file *file, const struct ddb_scratch_name *name,
	struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	enum ddb_code code = map->engine->ops->scratch_create(
		map->engine, name, file->mode & 07777, file->exclusive, ret, err);

	if (code == DDB_CONDITIONAL_CHECK_FAILED)
		return EEXIST;
	return map_errno(code);
}

static int truncate_at_open(struct map *map, const struct ddb_scratch_name *name,
	struct ddb_scratch_meta *meta, struct ddb_error *err)
{
	if (!meta->size)
		return 0;
	enum ddb_code code = map->engine->ops->scratch_truncate(map->engine, name, 0, err);
	if (!code)
		code = map->engine->ops->scratch_stat(map->engine, name, meta, err);
	return map_errno(code);
}

static int open_named(struct map *map, struct map_file *file, const struct ddb_scratch_name *name,
	struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	int number;

	if (file->created)
		number = create(map, file, name, ret, err);
	else
		number = map_errno(map->engine->ops->scratch_stat(map->engine, name, ret, err));
	if (number || !map_file_writes(file) || !(file->flags & O_TRUNC))
		return number;
	return truncate_at_open(map, name, ret, err);
}

int map_scratch_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	struct scratch_part *part = new_part(&place->scratch);
	struct ddb_scratch_meta meta;

	if (!part)
		return map_errno(ddb_fail_memory(err));
	file->part = part;
	file->ops = &scratch_ops;
	int number = open_named(map, file, &part->name, &meta, err);
	if (number)
		return number;
	map_attr_of_scratch(&meta, ret);
	if (file->created || (map_file_writes(file) && file->flags & O_TRUNC))
		map_tell_path(map, file->path, ret->version, file);
	return 0;
}
