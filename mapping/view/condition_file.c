/*
 * .txn/NAME/.conditions.jsonl: each complete line that is written is one condition of an item, which need not
 * exist; read, the conditions that hold at the opening. A bad line is that write's error: lines before it are
 * taken, it and all later ones are not.
 */
#include "mapping/file.h"
#include "mapping/view/transaction.h"

#include "engine/json.h"
#include "engine/value.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_MAX_BYTES = 64 << 10, /* a path and an expression, with escapes */
	LINE_MEMORY = 4 << 20,
	TEXT_MAX_BYTES = 256 << 20,
};

struct conditions_part {
	struct ddb_buffer text; /* as it was opened */
	struct ddb_buffer rest; /* the beginning of a line */
	size_t lines;           /* complete ones so far */
	int refused;
};

static int conditions_read(
	struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	const struct conditions_part *part = file->part;
	return map_file_read_text(&part->text, offset, buffer, size, ret_length);
}

/* ---- Lines ---- */

static const struct ddb_value *string_member(const struct ddb_value *line, const char *name)
{
	for (uint32_t i = 0; i < line->count; i++) {
		const struct ddb_attribute *member = &line->attributes[i];
		if (member->name_length == strlen(name) && !memcmp(member->name, name, strlen(name)))
			return member->value.type == DDB_S ? &member->value : NULL;
	}
	return NULL;
}

static enum ddb_code set_condition(struct map *map, struct ddb_arena *arena, const char *path,
	const struct ddb_value *condition, struct ddb_error *err)
{
	MAP_PLACE_AUTO struct map_place place = {0};
	int number = map_resolve(map, arena, path, &place, err);
	if (number && number != ENOENT && number != ENOTDIR)
		return err->code ? err->code : DDB_VALIDATION;
	if (number || place.kind != MAP_ITEM)
		return ddb_fail(err, DDB_VALIDATION, "The path is not that of an item: %s", path);
	return map_condition_set(map, &place, (const char *)condition->bytes, condition->count, true, err);
}

static enum ddb_code take_line(struct map *map, const char *text, size_t length, struct ddb_error *err)
{
	static const struct ddb_json_limits limits = {.nesting = 4, .nodes = 16, .object_only = true};
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_value line;
	ddb_arena_init(&arena, LINE_MEMORY);
	enum ddb_code code = ddb_json_read(&arena, &limits, text, length, &line, err);
	if (code)
		return code;
	const struct ddb_value *path = string_member(&line, "path");
	const struct ddb_value *condition = string_member(&line, "condition");
	if (!path || !condition || line.count != 2)
		return ddb_fail(err, DDB_VALIDATION,
			"A condition is an object with the members \"path\" and \"condition\", both strings");
	const char *name = ddb_arena_copy(&arena, path->bytes, path->count);
	if (!name)
		return ddb_fail_memory(err);
	if (strlen(name) != path->count)
		return ddb_fail(err, DDB_VALIDATION, "A path holds no NUL");
	return set_condition(map, &arena, name, condition, err);
}

static bool is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!memchr(" \t\r", text[i], 3))
			return false;
	return true;
}

static int end_line(struct map_file *file, const struct map_caller *caller, const char *operation,
	const char *text, size_t length)
{
	struct conditions_part *part = file->part;
	struct ddb_error why = {0}, err;
	part->lines++;
	if (is_blank(text, length) || !take_line(file->map, text, length, &why))
		return 0;
	ddb_fail(&err, why.code, "line %zu: %s", part->lines, why.message);
	part->refused = map_errno(why.code);
	return map_file_refuse(file, caller, operation, part->refused, &err);
}

static int keep_rest(struct map_file *file, const struct map_caller *caller, const char *bytes, size_t size)
{
	struct conditions_part *part = file->part;
	struct ddb_error err;
	ddb_buffer_add(&part->rest, bytes, size);
	if (!part->rest.failed)
		return 0;
	ddb_fail(&err, DDB_ITEM_TOO_LARGE, "line %zu: The line is longer than %d bytes", part->lines + 1,
		LINE_MAX_BYTES);
	part->refused = EFBIG;
	return map_file_refuse(file, caller, "write", EFBIG, &err);
}

static int conditions_write(struct map_file *file, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size)
{
	struct conditions_part *part = file->part;
	const char *end = bytes + size, *newline;
	(void)offset;
	if (part->refused)
		return part->refused;
	for (; (newline = memchr(bytes, '\n', (size_t)(end - bytes))); bytes = newline + 1) {
		int number = keep_rest(file, caller, bytes, (size_t)(newline - bytes));
		if (!number)
			number = end_line(file, caller, "write", part->rest.bytes, part->rest.length);
		ddb_buffer_clear(&part->rest);
		if (number)
			return number;
	}
	return keep_rest(file, caller, bytes, (size_t)(end - bytes));
}

static int conditions_truncate(struct map_file *file, const struct map_caller *caller, uint64_t size)
{
	(void)file, (void)caller, (void)size;
	return 0;
}

/* A last line without a newline. */
static int settle(struct map_file *file, const struct map_caller *caller, const char *operation)
{
	struct conditions_part *part = file->part;
	if (part->refused || !part->rest.length)
		return 0;
	int number = end_line(file, caller, operation, part->rest.bytes, part->rest.length);
	ddb_buffer_clear(&part->rest);
	return number;
}

static int conditions_flush(struct map_file *file, const struct map_caller *caller)
{
	return settle(file, caller, "close");
}

static int conditions_sync(struct map_file *file, const struct map_caller *caller)
{
	return settle(file, caller, "fsync");
}

static void conditions_done(struct map_file *file)
{
	struct conditions_part *part = file->part;
	ddb_buffer_done(&part->text);
	ddb_buffer_done(&part->rest);
	free(part);
}

static const struct map_file_ops conditions_ops = {
	.read = conditions_read,
	.write = conditions_write,
	.truncate = conditions_truncate,
	.flush = conditions_flush,
	.sync = conditions_sync,
	.release = conditions_flush,
	.done = conditions_done,
};

int map_conditions_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	struct conditions_part *part = calloc(1, sizeof(*part));
	if (!part)
		return map_errno(ddb_fail_memory(err));
	ddb_buffer_init(&part->text, TEXT_MAX_BYTES);
	ddb_buffer_init(&part->rest, LINE_MAX_BYTES);
	file->part = part;
	file->ops = &conditions_ops;
	if (map_file_reads(file))
		map_conditions_write(map, &part->text);
	if (part->text.failed)
		return map_errno(ddb_fail_memory(err));
	map_attr_of_place(map, place, ret);
	return 0;
}
