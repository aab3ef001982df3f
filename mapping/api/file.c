/*
 * /.api/OPERATION: what is written is a request, what is read its response. A request ends where its JSON
 * object does; the write that brings its end answers when it is done. Offsets mean nothing here.
 */
#include "engine/wire/wire.h"
#include "mapping/api/engine.h"
#include "mapping/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where an object's text has come to. Only its end is looked for: what is wrong in it, the call says. */
struct extent {
	unsigned depth; /* open brackets of either kind */
	bool string, escaped, ended;
};

struct api_part {
	char operation[64];
	struct ddb_buffer request, response;
	struct extent extent;
	size_t read; /* of the response */
};

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static bool is_blank(const char *bytes, size_t size)
{
	while (size && is_space(bytes[size - 1]))
		size--;
	return !size;
}

static void step(struct extent *extent, char byte)
{
	if (extent->escaped) {
		extent->escaped = false;
	} else if (extent->string) {
		extent->escaped = byte == '\\';
		extent->string = byte != '"';
	} else if (byte == '"') {
		extent->string = true;
	} else if (byte == '{' || byte == '[') {
		extent->depth++;
	} else if (byte == '}' || byte == ']') {
		extent->depth -= extent->depth > 0;
	}
	/* What does not begin as an object ends at once. */
	extent->ended = !extent->depth && !is_space(byte);
}

/* Moves on, and returns the bytes that belong to this request: all, unless it has ended. */
static size_t move(struct extent *extent, const char *bytes, size_t size)
{
	size_t used = 0;
	while (used < size && !extent->ended)
		step(extent, bytes[used++]);
	return used;
}

/* ---- Calls ---- */

static bool is_begun(const struct api_part *part)
{
	return part->request.length > 0;
}

static void begin_request(struct api_part *part)
{
	ddb_buffer_clear(&part->request);
	ddb_buffer_clear(&part->response);
	part->extent = (struct extent){0};
	part->read = 0;
}

/* The response, or the refusal's body, is what is read from here on. */
static enum ddb_code answer(struct map_file *file, const struct map_caller *caller, struct ddb_error *err)
{
	struct api_part *part = file->part;
	struct map_api_engine engine;

	map_api_engine_init(&engine, file->map->engine, file->map, caller);
	part->extent.ended = true;
	enum ddb_code code = ddb_wire_call(&engine.engine, part->operation, part->request.bytes,
		part->request.length, &part->response, err);
	ddb_buffer_done(&part->request);
	ddb_buffer_init(&part->request, DDB_WIRE_REQUEST_MAX + 1);
	return code;
}

/* Who can read is told there. */
static int answer_write(struct map_file *file, const struct map_caller *caller)
{
	struct ddb_error err;
	enum ddb_code code = answer(file, caller, &err);

	if (!code || map_file_reads(file))
		return 0;
	return map_file_refuse(file, caller, "write", map_errno(code), &err);
}

static int api_write(struct map_file *file, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size)
{
	struct api_part *part = file->part;

	(void)offset;
	if (is_blank(bytes, size) && !is_begun(part))
		return 0; /* the newline behind a request */
	if (part->extent.ended)
		begin_request(part);
	size_t used = move(&part->extent, bytes, size);
	/* What stands behind the object is the call's to refuse, so it is not cut off. */
	if (is_blank(bytes + used, size - used))
		size = used;
	ddb_buffer_add(&part->request, bytes, size);
	if (part->request.failed && part->request.length + size <= part->request.max)
		return ENOMEM;
	if (part->request.failed) { /* too long: as long as it is, it is refused as that */
		part->request.failed = false;
		size_t room = part->request.max - part->request.length;
		ddb_buffer_add(&part->request, bytes, room);
		return answer_write(file, caller);
	}
	return part->extent.ended ? answer_write(file, caller) : 0;
}

static int api_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct api_part *part = file->part;
	struct ddb_error err;

	(void)offset;
	if (is_begun(part))
		(void)answer(file, &file->opener, &err); /* an unfinished one: that is what is read */
	int number = map_file_read_text(&part->response, part->read, buffer, size, ret_length);
	part->read += number ? 0 : *ret_length;
	return number;
}

static int api_truncate(struct map_file *file, const struct map_caller *caller, uint64_t size)
{
	(void)file, (void)caller, (void)size;
	return 0;
}

/* A shell closes copies of the handle between two pieces of a request: it stays. */
static int api_flush(struct map_file *file, const struct map_caller *caller)
{
	(void)caller;
	return is_begun(file->part) ? EINVAL : 0;
}

static int api_release(struct map_file *file, const struct map_caller *caller)
{
	struct ddb_error err;

	if (!is_begun(file->part))
		return 0;
	ddb_fail(&err, DDB_SERIALIZATION, "The request has not ended");
	return map_file_refuse(file, caller, "close", EINVAL, &err);
}

static void api_done(struct map_file *file)
{
	struct api_part *part = file->part;

	ddb_buffer_done(&part->request);
	ddb_buffer_done(&part->response);
	free(part);
}

static const struct map_file_ops api_ops = {
	.read = api_read,
	.write = api_write,
	.truncate = api_truncate,
	.flush = api_flush,
	.release = api_release,
	.done = api_done,
};

int map_api_open(struct map *map, const struct map_place *place, struct map_file *file, struct map_attr *ret,
	struct ddb_error *err)
{
	struct api_part *part = calloc(1, sizeof(*part));

	if (!part)
		return map_errno(ddb_fail_memory(err));
	strncpy(part->operation, place->name, sizeof(part->operation) - 1);
	ddb_buffer_init(&part->request, DDB_WIRE_REQUEST_MAX + 1);
	ddb_buffer_init(&part->response, DDB_WIRE_RESPONSE_MAX);
	file->part = part;
	file->ops = &api_ops;
	map_attr_of_place(map, place, ret);
	return 0;
}
