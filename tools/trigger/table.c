#include "tools/trigger/table.h"

#include "engine/json.h"
#include "mapping/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 8 << 20, PIECE = 64 << 10, MEMORY_MAX = 64 << 20 };

static bool read_file(int root, const char *path, struct ddb_buffer *text)
{
	int file = openat(root, path, O_RDONLY | O_CLOEXEC), number;
	ssize_t length = file < 0 ? -1 : 1;

	while (length > 0) {
		char *room = ddb_buffer_reserve(text, PIECE);
		errno = ENOMEM;
		length = room ? read(file, room, PIECE) : -1;
		if (length > 0)
			text->length += (size_t)length;
	}
	number = errno;
	if (file >= 0)
		close(file);
	errno = number;
	return !length;
}

static const struct ddb_value *member(const struct ddb_value *object, const char *name, enum ddb_type type)
{
	const struct ddb_value *value =
		object && object->type == DDB_M ? ddb_map_get(object, name, strlen(name)) : NULL;

	return value && value->type == type ? value : NULL;
}

static bool copy_text(const struct ddb_value *text, char *to, size_t room)
{
	if (!text || !text->count || text->count >= room)
		return false;
	memcpy(to, text->bytes, text->count);
	to[text->count] = 0;
	return true;
}

/* The description is DescribeTable's. */
static enum trigger_table_state judge(const struct ddb_value *description, struct trigger_table *ret)
{
	const struct ddb_value *keys = member(description, "KeySchema", DDB_L),
			       *hash = keys && keys->count ? &keys->elements[0] : NULL,
			       *stream = member(description, "LatestStreamArn", DDB_S),
			       *arn = stream ? stream : member(description, "TableArn", DDB_S),
			       *rules = member(description, "StreamSpecification", DDB_M),
			       *enabled = member(rules, "StreamEnabled", DDB_BOOL);

	if (!copy_text(member(hash, "AttributeName", DDB_S), ret->hash, sizeof ret->hash) ||
		!copy_text(member(description, "TableId", DDB_S), ret->id, sizeof ret->id) ||
		!copy_text(arn, ret->stream, sizeof ret->stream)) {
		errno = EPROTO;
		return TRIGGER_TABLE_AWAY;
	}
	return enabled && enabled->boolean ? TRIGGER_TABLE_STREAMS : TRIGGER_TABLE_QUIET;
}

/* ABSENT; AWAY, with errno; or its text. */
static enum trigger_table_state read_description(
	const char *mountpoint, const char *table, struct ddb_buffer *text)
{
	int root = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC), number;
	enum trigger_table_state state = TRIGGER_TABLE_STREAMS;
	char entry[MAP_NAME_MAX + 3], path[MAP_NAME_MAX + 32];

	if (root < 0)
		return TRIGGER_TABLE_AWAY;
	map_table_to_name(table, entry);
	snprintf(path, sizeof path, "%s/.status.json", entry);
	if (!read_file(root, path, text)) {
		number = errno;
		/* One and the same mount says both, whatever is mounted meanwhile. */
		state = number == ENOENT && !faccessat(root, ".status", F_OK, 0) ? TRIGGER_TABLE_ABSENT
										 : TRIGGER_TABLE_AWAY;
		errno = number;
	}
	close(root);
	return state;
}

enum trigger_table_state trigger_table_read(
	const char *mountpoint, const char *name, struct trigger_table *ret)
{
	static const struct ddb_json_limits limits = {.nesting = 32, .nodes = 1 << 20, .object_only = true};
	struct ddb_buffer text DDB_BUFFER_AUTO = {0};
	struct ddb_arena arena DDB_ARENA_AUTO = {0};
	enum trigger_table_state state;
	struct ddb_value description;

	ddb_buffer_init(&text, TEXT_MAX);
	ddb_arena_init(&arena, MEMORY_MAX);
	state = read_description(mountpoint, name, &text);
	if (state != TRIGGER_TABLE_STREAMS)
		return state;
	if (!ddb_json_read(&arena, &limits, text.bytes, text.length, &description, NULL))
		return judge(&description, ret);
	errno = EPROTO;
	return TRIGGER_TABLE_AWAY;
}
