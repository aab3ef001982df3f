/*
 * A handle of an open scratch file: bytes that the engine keeps as they are. Nothing is held here but which
 * file it is (scratches.h); each call goes to the engine, so that all handles see the same bytes.
 */
#include "mapping/file.h"
#include "mapping/holding.h"
#include "mapping/scratch/scratches.h"

#include <errno.h>

static int refuse(struct map_file *file, const struct map_caller *caller, const char *operation, int number,
	const struct ddb_error *err)
{
	return map_file_refuse(file, caller, operation, number, err);
}

/* Who shows the file must hear of a change; a file without a name nobody else shows. */
static void tell(struct map_file *file)
{
	if (map_scratch_named(file->map, file->part))
		map_tell_path(file->map, file->path, MAP_VERSION_SCRATCH, file);
}

static int changed(struct map_file *file, const struct map_caller *caller, const char *operation, int number,
	const struct map_attr *attr, const struct ddb_error *err)
{
	if (number)
		return refuse(file, caller, operation, number, err);
	file->attr = *attr;
	tell(file);
	return 0;
}

static int scratch_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct ddb_error err;
	int number = map_scratch_read(file->map, file->part, offset, buffer, size, ret_length, &err);

	return number ? refuse(file, &file->opener, "read", number, &err) : 0;
}

static int scratch_write(struct map_file *file, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size)
{
	struct map_attr attr;
	struct ddb_error err;
	int number = map_scratch_write(
		file->map, file->part, file->flags & O_APPEND, offset, bytes, size, &attr, &err);

	return changed(file, caller, "write", number, &attr, &err);
}

static int scratch_truncate(struct map_file *file, const struct map_caller *caller, uint64_t size)
{
	struct map_attr attr;
	struct ddb_error err;
	int number = map_scratch_truncate(file->map, file->part, size, &attr, &err);

	return changed(file, caller, "truncate", number, &attr, &err);
}

static int scratch_set_mtime(struct map_file *file, const struct map_caller *caller, int64_t mtime_ns)
{
	struct map_attr attr;
	struct ddb_error err;
	int number = map_scratch_set_mtime(file->map, file->part, mtime_ns, &attr, &err);

	return changed(file, caller, "utimes", number, &attr, &err);
}

static int scratch_stat(struct map_file *file, struct map_attr *ret)
{
	struct ddb_error err;
	int number = map_scratch_stat(file->map, file->part, ret, &err);

	return number ? refuse(file, &file->opener, "stat", number, &err) : 0;
}

static void scratch_done(struct map_file *file)
{
	if (file->part)
		map_scratch_close(file->map, file->part);
}

static int scratch_again(struct map_file *file, struct map_file *ret);

static const struct map_file_ops scratch_ops = {
	.read = scratch_read,
	.write = scratch_write,
	.truncate = scratch_truncate,
	.stat = scratch_stat,
	.set_mtime = scratch_set_mtime,
	.again = scratch_again,
	.done = scratch_done,
};

static int scratch_again(struct map_file *file, struct map_file *ret)
{
	map_scratch_share(file->map, file->part);
	ret->ops = &scratch_ops;
	ret->part = file->part;
	return map_file_writes(ret) && ret->flags & O_TRUNC ? scratch_truncate(ret, &ret->opener, 0)
							    : scratch_stat(ret, &ret->attr);
}

int map_scratch_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	struct map_scratch *scratch;
	const struct map_scratch_request request = {
		.create = file->created,
		.exclusive = file->exclusive,
		.truncate = map_file_writes(file) && file->flags & O_TRUNC,
		.mode = file->mode & 07777,
	};

	file->ops = &scratch_ops;
	int number = file->created ? map_hold(map, place, err) : 0;
	if (!number)
		number = map_scratch_take(map, &place->scratch, &request, &scratch, ret, err);
	if (number)
		return number;
	file->part = scratch;
	if (file->created || request.truncate)
		map_tell_path(map, file->path, MAP_VERSION_SCRATCH, file);
	return 0;
}
