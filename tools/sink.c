#include "tools/sink.h"

#include "tools/command.h"

#include "engine/json.h"
#include "mapping/document/document.h"
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
	int lines;        /* the mount's T/.items.jsonl */
	uint64_t written; /* lines that were taken */
};

enum { WRITE_BYTES = 512 << 10 };

static const char no_table[] = "table %s does not exist: --key or --table tells how to make it";

/* ---- A store ---- */

static bool prepare_table(struct ddb_engine *engine, const struct sink_target *target)
{
	struct ddb_table *table DDB_TABLE_AUTO = NULL;
	struct ddb_error error;
	enum ddb_code code = engine->ops->describe_table(engine, target->table, &table, &error);

	if (code == DDB_RESOURCE_NOT_FOUND && target->definition)
		code = engine->ops->create_table(engine, target->table, target->definition, &error);
	else if (code == DDB_RESOURCE_NOT_FOUND)
		ddb_fail(&error, code, no_table, target->table);
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

/*
 * What the mount has recorded of this process's last refusal; without that, what errno says.
 */
static void last_refusal(const char *mount, int number, struct ddb_error *err)
{
	const struct ddb_json_limits limits = {.nesting = 4, .nodes = 64, .object_only = true};
	char path[4096], own[32], *line = NULL, *last = NULL;
	const struct ddb_value *message = NULL;
	struct ddb_arena arena DDB_ARENA_AUTO = {0};
	struct ddb_value json;
	size_t room = 0;
	FILE *lines;

	ddb_arena_init(&arena, 1 << 20);
	snprintf(path, sizeof path, "%s/.errors", mount);
	snprintf(own, sizeof own, "\"pid\":%ld,", (long)getpid());
	lines = fopen(path, "re");
	while (lines && getline(&line, &room, lines) > 0) {
		if (!strstr(line, own))
			continue;
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

static bool write_text(const char *path, const struct ddb_buffer *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), number;
	bool good = fd >= 0 && write_all(fd, text->bytes, text->length);

	number = errno;
	if (fd >= 0 && close(fd) && good) {
		good = false;
		number = errno;
	}
	errno = number;
	return good;
}

static bool write_definition(const char *mount, const char *path, const struct ddb_definition *definition)
{
	struct ddb_buffer text DDB_BUFFER_AUTO = {0};
	struct ddb_json_out json;
	struct ddb_error error;

	ddb_buffer_init(&text, DDB_DEFINITION_TEXT_MAX);
	ddb_json_out_init(&json, &text, true);
	ddb_definition_write(definition, &json);
	ddb_buffer_add_byte(&text, '\n');
	if (text.failed)
		ddb_fail_memory(&error);
	else if (write_text(path, &text))
		return true;
	else
		last_refusal(mount, errno, &error);
	command_failed("%s: %s", path, error.message);
	return false;
}

static bool same_key(const char *path, const struct ddb_definition *definition)
{
	char *text = malloc(DDB_DEFINITION_TEXT_MAX);
	struct ddb_definition *present = NULL;
	FILE *file = text ? fopen(path, "re") : NULL;
	size_t length = file ? fread(text, 1, DDB_DEFINITION_TEXT_MAX, file) : 0;
	bool same = file && !ddb_definition_read(text, length, &present, NULL) &&
		    ddb_definition_same_key(present, definition);

	ddb_definition_unref(present);
	if (file)
		fclose(file);
	free(text);
	return same;
}

/* The table is there, with a definition that fits. */
static bool prepare_directory(const struct sink_target *target, const char *directory)
{
	const struct ddb_definition *definition = target->definition;
	char path[4096];
	struct stat st;
	bool made = false;

	snprintf(path, sizeof path, "%s/.table.json", directory);
	if (stat(directory, &st)) {
		if (!definition)
			command_failed(no_table, target->table);
		made = definition && !mkdir(directory, 0777);
		if (definition && !made)
			command_failed("%s: %s", directory, strerror(errno));
		if (!made)
			return false;
	}
	if (stat(path, &st)) {
		if (!definition)
			command_failed("table %s has no definition yet", target->table);
		if (definition && write_definition(target->place, path, definition))
			return true;
		if (made)
			rmdir(directory);
		return false;
	}
	if (!definition || same_key(path, definition))
		return true;
	command_failed("table %s exists, with another key", target->table);
	return false;
}

static bool open_for_mount(struct sink *sink, const struct sink_target *target)
{
	char entry[MAP_NAME_MAX + 3], directory[3900], path[4096];

	map_table_to_name(target->table, entry);
	if ((size_t)snprintf(directory, sizeof directory, "%s/%s", target->place, entry) >=
		sizeof directory) {
		command_failed("%s: %s", target->place, strerror(ENAMETOOLONG));
		return false;
	}
	if (!prepare_directory(target, directory))
		return false;
	snprintf(path, sizeof path, "%s/.items.jsonl", directory);
	sink->mount = target->place;
	sink->lines = open(path, O_WRONLY | O_CLOEXEC);
	if (sink->lines < 0)
		command_failed("%s: %s", path, strerror(errno));
	return sink->lines >= 0;
}

/* Which of the lines that were written at once was refused: the mount's "line N: " counts all of ours. */
static size_t take_line_number(const struct sink *sink, size_t count, struct ddb_error *err)
{
	unsigned long long number;
	int length = 0;

	if (sscanf(err->message, "line %llu: %n", &number, &length) != 1 || !length ||
		number <= sink->written || number > sink->written + count)
		return 0;
	memmove(err->message, err->message + length, strlen(err->message + length) + 1);
	return (size_t)(number - sink->written - 1);
}

static bool write_lines(struct sink *sink, const struct ddb_buffer *text, size_t count, size_t *ret_done,
	struct ddb_error *err)
{
	*ret_done = count;
	if (text->failed)
		ddb_fail_memory(err);
	else if (write_all(sink->lines, text->bytes, text->length)) {
		sink->written += count;
		return true;
	} else
		last_refusal(sink->mount, errno, err);
	*ret_done = take_line_number(sink, count, err);
	return false;
}

static bool put_lines(struct sink *sink, const struct ddb_value *items, size_t count, size_t *ret_done,
	struct ddb_error *err)
{
	/* Which attributes are the key only matters for their place in the line. */
	struct ddb_definition no_key = {.hash = {.name = ""}};
	const struct ddb_table table = {.definition = &no_key};
	struct ddb_buffer text DDB_BUFFER_AUTO = {0};
	size_t done, at_once = 0;
	bool good = true;

	*ret_done = 0;
	ddb_buffer_init(&text, 2 * (size_t)MAP_DOCUMENT_MAX);
	for (size_t i = 0; i < count && good; i++) {
		map_document_write(&table, &items[i], DDB_RENDER_PLAIN, false, &text);
		at_once++;
		if (i + 1 < count && text.length < WRITE_BYTES)
			continue;
		good = write_lines(sink, &text, at_once, &done, err);
		*ret_done += done;
		at_once = 0;
		ddb_buffer_clear(&text);
	}
	return good;
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
