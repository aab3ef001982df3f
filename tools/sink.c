#include "tools/sink.h"

#include "tools/command.h"

#include "engine/json.h"
#include "mapping/document.h"
#include "mapping/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sink {
	struct ddb_engine *engine; /* of a store; NULL: a mount */
	char table[DDB_TABLE_NAME_MAX + 1];
	const char *mount;
	int lines; /* the mount's T/.items.jsonl */
};

/* ---- A store ---- */

static bool prepare_table(struct ddb_engine *engine, const struct sink_target *target)
{
	struct ddb_table *table DDB_TABLE_AUTO = NULL;
	struct ddb_error error;
	enum ddb_code code = engine->ops->describe_table(engine, target->table, &table, &error);

	if (code == DDB_RESOURCE_NOT_FOUND && target->definition)
		code = engine->ops->create_table(engine, target->table, target->definition, &error);
	else if (code == DDB_RESOURCE_NOT_FOUND)
		ddb_fail(&error, code, "table %s does not exist: --key or --table tells how to make it",
			target->table);
	else if (!code && table->provisional != DDB_DEFINED)
		code = ddb_fail(&error, DDB_VALIDATION, "table %s has no definition yet", target->table);
	else if (!code && target->definition &&
		 !ddb_definition_same_key(table->definition, target->definition))
		code = ddb_fail(&error, DDB_VALIDATION, "table %s exists, with another key", target->table);
	if (code)
		command_failed("%s", error.message);
	return !code;
}

static bool open_for_store(struct sink *sink, const struct sink_target *target)
{
	sink->engine = open_store(target->place, target->keyfile, !target->definition, false);
	if (!sink->engine)
		return false;
	if (prepare_table(sink->engine, target))
		return true;
	sink->engine->ops->close(sink->engine);
	return false;
}

/* ---- A mount ---- */

static bool write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);
		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			bytes += written;
			length -= (size_t)written;
		}
	}
	return true;
}

static bool write_definition(const char *directory, const struct ddb_definition *definition)
{
	struct ddb_buffer text DDB_BUFFER_AUTO;
	struct ddb_json_out json;
	char path[4096];
	int fd;
	bool good;

	ddb_buffer_init(&text, DDB_DEFINITION_TEXT_MAX);
	ddb_json_out_init(&json, &text, true);
	ddb_definition_write(definition, &json);
	ddb_buffer_add_byte(&text, '\n');
	snprintf(path, sizeof path, "%s/.table.json", directory);
	if (mkdir(directory, 0777))
		return false;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	good = fd >= 0 && !text.failed && write_all(fd, text.bytes, text.length);
	return fd >= 0 && !close(fd) && good;
}

static bool open_for_mount(struct sink *sink, const struct sink_target *target)
{
	char entry[MAP_NAME_MAX + 3], directory[3900], path[4096];
	struct stat st;

	map_table_to_name(target->table, entry);
	if ((size_t)snprintf(directory, sizeof directory, "%s/%s", target->place, entry) >=
		sizeof directory) {
		command_failed("%s: %s", target->place, strerror(ENAMETOOLONG));
		return false;
	}
	if (stat(directory, &st) && !target->definition) {
		command_failed(
			"table %s does not exist: --key or --table tells how to make it", target->table);
		return false;
	}
	if (stat(directory, &st) && !write_definition(directory, target->definition)) {
		command_failed("%s: %s", directory, strerror(errno));
		return false;
	}
	snprintf(path, sizeof path, "%s/.items.jsonl", directory);
	sink->mount = target->place;
	sink->lines = open(path, O_WRONLY | O_CLOEXEC);
	if (sink->lines < 0)
		command_failed("%s: %s", path, strerror(errno));
	return sink->lines >= 0;
}

/* What the mount recorded of our last refusal, if it still has it. */
static void last_refusal(const char *mount, int number, struct ddb_error *err)
{
	char path[4096], *line = NULL, *last = NULL;
	const struct ddb_json_limits limits = {.nesting = 4, .nodes = 64, .object_only = true};
	const struct ddb_value *message = NULL;
	struct ddb_arena arena DDB_ARENA_AUTO;
	struct ddb_value json;
	size_t room = 0;
	FILE *lines;

	ddb_arena_init(&arena, 1 << 20);
	snprintf(path, sizeof path, "%s/.errors", mount);
	lines = fopen(path, "re");
	while (lines && getline(&line, &room, lines) > 0) {
		free(last);
		last = strdup(line);
	}
	if (last && !ddb_json_read(&arena, &limits, last, strlen(last), &json, NULL))
		message = ddb_map_get(&json, "message", strlen("message"));
	if (message && message->type == DDB_S)
		ddb_fail(err, DDB_VALIDATION, "%.*s", (int)message->count, (const char *)message->bytes);
	else
		ddb_fail(err, DDB_VALIDATION, "%s", strerror(number));
	if (lines)
		fclose(lines);
	free(line);
	free(last);
}

/* The table that lines are rendered for: all that matters is that it is no provisional one, and its key,
 * which comes first anyway. */
static bool put_lines(struct sink *sink, const struct ddb_value *items, size_t count, size_t *ret_done,
	struct ddb_error *err)
{
	const struct ddb_table table = {.provisional = DDB_DEFINED};
	struct ddb_buffer text DDB_BUFFER_AUTO;

	*ret_done = 0;
	ddb_buffer_init(&text, 2 * (size_t)MAP_DOCUMENT_MAX);
	for (size_t i = 0; i < count; i++) {
		ddb_buffer_clear(&text);
		map_document_write(&table, &items[i], DDB_RENDER_PLAIN, false, &text);
		if (text.failed) {
			ddb_fail_memory(err);
			return false;
		}
		if (!write_all(sink->lines, text.bytes, text.length)) {
			last_refusal(sink->mount, errno, err);
			return false;
		}
		++*ret_done;
	}
	return true;
}

/* ---- Either ---- */

struct sink *sink_open(const struct sink_target *target)
{
	struct sink *sink = calloc(1, sizeof *sink);

	if (!sink)
		return NULL;
	sink->lines = -1;
	snprintf(sink->table, sizeof sink->table, "%s", target->table);
	if (is_mount(target->place) ? open_for_mount(sink, target) : open_for_store(sink, target))
		return sink;
	free(sink);
	return NULL;
}

bool sink_put(struct sink *sink, const struct ddb_value *items, size_t count, size_t *ret_done,
	struct ddb_error *err)
{
	const struct ddb_put_many request = {.table = sink->table, .items = items, .count = count};
	struct ddb_put_many_result result = {0};
	enum ddb_code code;

	if (!sink->engine)
		return put_lines(sink, items, count, ret_done, err);
	code = sink->engine->ops->put_many(sink->engine, &request, &result, err);
	*ret_done = result.done;
	return !code;
}

bool sink_close(struct sink *sink, struct ddb_error *err)
{
	bool good = true;

	if (sink->engine) {
		good = !sink->engine->ops->sync(sink->engine, err);
		sink->engine->ops->close(sink->engine);
	} else if (fsync(sink->lines) || close(sink->lines)) {
		ddb_fail(err, DDB_INTERNAL, "%s", strerror(errno));
		good = false;
	}
	free(sink);
	return good;
}
