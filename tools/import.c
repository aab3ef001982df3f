/* dynamount import: bulk load of a table. */
#include "tools/command.h"
#include "tools/sink.h"
#include "tools/source.h"

#include "engine/definition.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IMPORT_KEY, IMPORT_TABLE, IMPORT_KEYFILE };

const struct option_row import_rows[] = {
	[IMPORT_KEY] = {'k', "key", "PK[:T][,SK[:T]]",
		"make the table, with this key (T: S, the default, N or B)"},
	[IMPORT_TABLE] = {'t', "table", "FILE", "make the table, as this .table.json says"},
	[IMPORT_KEYFILE] = {0, "keyfile", "FILE",
		"the master key of a local STORE, if it is not STORE/master.key"},
	{0},
};

enum {
	BATCH_ITEMS = 1000,
	BATCH_BYTES = 4 << 20,
	ARENA_BYTES = 1 << 29,
	BAR_WIDTH = 40,
};

struct import {
	struct sink *sink;
	struct source *source;
	const char *file;
	struct ddb_arena arena;
	struct ddb_value items[BATCH_ITEMS];
	uint64_t lines[BATCH_ITEMS]; /* that they begin at */
	size_t count, bytes;
	uint64_t put;           /* in all */
	bool terminal, drawing; /* drawing: the cursor is behind a bar */
	time_t drawn;
};

/* NAME[:TYPE]; a name with a colon in it needs its type behind it. */
static bool read_key_part(char *text, struct ddb_key_attribute *ret)
{
	static const enum ddb_type types[] = {DDB_S, DDB_N, DDB_B};
	static const char letters[] = "SNB";
	char *colon = strrchr(text, ':');
	const char *letter = letters;

	if (colon) {
		letter = colon[1] && !colon[2] ? strchr(letters, colon[1]) : NULL;
		*colon = 0;
	}
	if (!letter)
		return false;
	ret->type = types[letter - letters];
	ret->name = text;
	ret->name_length = (uint32_t)strlen(text);
	return ret->name_length > 0;
}

static enum ddb_code definition_of_key(const char *key, struct ddb_definition **ret, struct ddb_error *err)
{
	struct ddb_key_attribute parts[2];
	char *copy = strdup(key), *comma = copy ? strchr(copy, ',') : NULL;
	enum ddb_code code;

	if (comma)
		*comma++ = 0;
	if (!copy)
		code = ddb_fail_memory(err);
	else if (!read_key_part(copy, &parts[0]) || (comma && !read_key_part(comma, &parts[1])))
		code = ddb_fail(err, DDB_VALIDATION,
			"--key %s: expected PK[:T][,SK[:T]], each T one of S, N, B", key);
	else
		code = ddb_definition_simple(&parts[0], comma ? &parts[1] : NULL, ret, err);
	free(copy);
	return code;
}

static enum ddb_code definition_of_file(const char *path, struct ddb_definition **ret, struct ddb_error *err)
{
	char *text = malloc(DDB_DEFINITION_TEXT_MAX);
	FILE *file = fopen(path, "re");
	size_t length;
	enum ddb_code code;

	if (!text || !file) {
		code = ddb_fail(err, DDB_VALIDATION, "%s: %s", path, strerror(errno));
	} else {
		length = fread(text, 1, DDB_DEFINITION_TEXT_MAX, file);
		code = ferror(file) ? ddb_fail(err, DDB_VALIDATION, "%s: %s", path, strerror(errno))
				    : ddb_definition_read(text, length, ret, err);
	}
	if (file)
		fclose(file);
	free(text);
	return code;
}

static void draw(struct import *import, bool last)
{
	double part = source_progress(import->source);
	char bar[BAR_WIDTH + 1];
	int full;

	if (!import->terminal || (!last && time(NULL) == import->drawn))
		return;
	import->drawn = time(NULL);
	full = (int)((last || part > 1 ? 1 : part < 0 ? 0 : part) * BAR_WIDTH);
	memset(bar, '#', (size_t)full);
	memset(bar + full, '.', (size_t)(BAR_WIDTH - full));
	bar[BAR_WIDTH] = 0;
	fprintf(stderr, "\r%s [%s] %" PRIu64 " items%s", import->file, bar, import->put, last ? "\n" : "");
	import->drawing = !last;
}

static bool failed(struct import *import, const char *message)
{
	if (import->drawing)
		fputc('\n', stderr);
	import->drawing = false;
	command_failed("%s: %s", import->file, message);
	return false;
}

static bool failed_item(struct import *import, uint64_t line, const struct ddb_error *error)
{
	struct ddb_error whole;

	ddb_fail(&whole, error->code, "in the item at line %" PRIu64 ": %s", line, error->message);
	return failed(import, whole.message);
}

/* Puts what is gathered. */
static bool flush_batch(struct import *import)
{
	struct ddb_error error;
	size_t done = 0;
	bool good = !import->count || sink_put(import->sink, import->items, import->count, &done, &error);

	import->put += done;
	import->count = import->bytes = 0;
	ddb_arena_reset(&import->arena);
	if (!good)
		return failed_item(import, import->lines[done], &error);
	draw(import, false);
	return true;
}

static bool import_batch(struct import *import, bool *ret_end)
{
	struct ddb_error error;

	*ret_end = false;
	while (!*ret_end && import->count < BATCH_ITEMS && import->bytes < BATCH_BYTES) {
		struct ddb_value *item = &import->items[import->count];
		/* What came before a refused one is good. */
		if (source_next(import->source, &import->arena, item, ret_end, &error))
			return flush_batch(import) && failed(import, error.message);
		if (*ret_end)
			break;
		import->lines[import->count++] = source_line(import->source);
		import->bytes += ddb_item_size(item);
	}
	return flush_batch(import);
}

static bool import_file(struct import *import)
{
	bool good = true, end = false;

	import->source = source_open(import->file);
	if (!import->source)
		return failed(import, strerror(errno));
	while (good && !end)
		good = import_batch(import, &end);
	if (good)
		draw(import, true);
	source_close(import->source);
	return good;
}

static bool import_all(struct import *import, char **files)
{
	struct ddb_error error;
	bool good = true;

	for (; *files && good; files++) {
		import->file = *files;
		good = import_file(import);
	}
	if (!sink_close(import->sink, &error)) {
		command_failed("%s", error.message);
		good = false;
	}
	printf("%" PRIu64 " items imported\n", import->put);
	return good;
}

static int import_files(const struct sink_target *target, char **files)
{
	struct import *import = calloc(1, sizeof *import);
	bool good;

	if (!import)
		return command_failed("no memory");
	import->terminal = isatty(STDERR_FILENO);
	import->sink = sink_open(target);
	ddb_arena_init(&import->arena, ARENA_BYTES);
	good = import->sink && import_all(import, files);
	ddb_arena_done(&import->arena);
	free(import);
	return good ? EXIT_OK : EXIT_FAILED;
}

int import_run(const struct command *command, int argc, char **argv)
{
	struct sink_target target = {0};
	const char *argument, *key = NULL, *file = NULL;
	struct ddb_error error;
	enum ddb_code code = DDB_OK;
	int option, status;

	while ((option = command_option(command, argc, argv, &argument)) >= 0)
		*(option == IMPORT_KEY ? &key : option == IMPORT_TABLE ? &file : &target.keyfile) = argument;
	if (argc - optind < 3)
		return command_usage(command, "expected STORE-or-MOUNT, TABLE and files");
	if (key && file)
		return command_usage(command, "--key and --table exclude each other");
	target.place = argv[optind];
	target.table = argv[optind + 1];
	if (key && definition_of_key(key, &target.definition, &error))
		return command_usage(command, "%s", error.message);
	code = ddb_table_name_check(target.table, strlen(target.table), &error);
	if (!code && file)
		code = definition_of_file(file, &target.definition, &error);
	status = code ? command_failed("%s", error.message) : import_files(&target, argv + optind + 2);
	ddb_definition_unref(target.definition);
	return status;
}
