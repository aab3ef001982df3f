/* dynamount export: a table's items as JSON lines, plain or as DynamoDB's S3 export writes them. */
#include "tools/command.h"

#include "mapping/document.h"
#include "mapping/name.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { EXPORT_FORMAT, EXPORT_KEYFILE };

const struct option_row export_rows[] = {
	[EXPORT_FORMAT] = {0, "format", "FORMAT",
		"json (default): plain documents; dynamodb: {\"Item\":{…}} in typed JSON"},
	[EXPORT_KEYFILE] = {0, "keyfile", "FILE",
		"the master key of a local STORE, if it is not STORE/master.key"},
	{0},
};

static bool print_line(enum ddb_rendering format, const char *text, size_t length)
{
	if (format == DDB_RENDER_PLAIN)
		return fwrite(text, 1, length, stdout) == length;
	/* The text ends with a newline, which goes behind the closing brace. */
	return fputs("{\"Item\":", stdout) >= 0 && fwrite(text, 1, length - 1, stdout) == length - 1 &&
	       fputs("}\n", stdout) >= 0;
}

static int output_failed(void)
{
	return command_failed("writing the output: %s", strerror(errno));
}

static int export_page(const struct ddb_table *table, const struct ddb_page *page, enum ddb_rendering format)
{
	struct ddb_buffer line DDB_BUFFER_AUTO = {0};

	ddb_buffer_init(&line, 2 * (size_t)MAP_DOCUMENT_MAX);
	for (size_t i = 0; i < page->count; i++) {
		ddb_buffer_clear(&line);
		map_document_write(table, &page->entries[i].item, format, false, &line);
		if (line.failed)
			return command_failed("no memory");
		if (!print_line(format, line.bytes, line.length))
			return output_failed();
	}
	return EXIT_OK;
}

static enum ddb_code key_of(const struct ddb_table *table, const struct ddb_value *item,
	struct ddb_attribute room[2], struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition = table->definition;
	const struct ddb_key_attribute *parts[2] = {&definition->hash, &definition->range};
	unsigned count = definition->has_range ? 2 : 1;

	for (unsigned i = 0; i < count; i++) {
		const struct ddb_value *value = ddb_map_get(item, parts[i]->name, parts[i]->name_length);
		if (!value)
			return ddb_fail(err, DDB_DAMAGED, "an item of table %s lacks its key", table->name);
		room[i] = (struct ddb_attribute){parts[i]->name, parts[i]->name_length, *value};
	}
	*ret = (struct ddb_value){.type = DDB_M, .count = count, .attributes = room};
	return ddb_map_sort(ret, err);
}

static int export_table(struct ddb_engine *engine, const struct ddb_table *table, enum ddb_rendering format)
{
	struct ddb_attribute room[2];
	struct ddb_arena arenas[2];
	struct ddb_value start;
	struct ddb_query query = {.table = table->name};
	struct ddb_page page = {.more = table->provisional != DDB_PROVISIONAL};
	struct ddb_error error;
	int status = EXIT_OK;

	/* Two arenas in turn: the start key of a page lives in the page before. */
	for (int i = 0; i < 2; i++)
		ddb_arena_init(&arenas[i], 1 << 28);
	for (unsigned turn = 0; page.more && !status; turn = !turn) {
		ddb_arena_reset(&arenas[turn]);
		if (engine->ops->query(engine, &arenas[turn], &query, &page, &error)) {
			status = command_failed("%s", error.message);
			break;
		}
		status = export_page(table, &page, format);
		if (!page.count || !page.more)
			break;
		if (key_of(table, &page.entries[page.count - 1].item, room, &start, &error))
			status = command_failed("%s", error.message);
		query.start = &start;
	}
	for (int i = 0; i < 2; i++)
		ddb_arena_done(&arenas[i]);
	return status;
}

static int export_store(const char *store, const char *keyfile, const char *name, enum ddb_rendering format)
{
	struct ddb_engine *engine = open_store(store, keyfile, true, true);
	struct ddb_table *table DDB_TABLE_AUTO = NULL;
	struct ddb_error error;
	int status;

	if (!engine)
		return EXIT_FAILED;
	if (engine->ops->describe_table(engine, name, &table, &error))
		status = command_failed("%s", error.message);
	else
		status = export_table(engine, table, format);
	ddb_table_unref(table);
	table = NULL;
	engine->ops->close(engine);
	return status;
}

static int export_mount(const char *mountpoint, const char *name, enum ddb_rendering format)
{
	char path[4096], entry[MAP_NAME_MAX + 3], *line = NULL;
	size_t room = 0;
	ssize_t length;
	FILE *lines;
	int status = EXIT_OK;

	map_table_to_name(name, entry);
	if ((size_t)snprintf(path, sizeof path, "%s/%s/%s.items.jsonl", mountpoint, entry,
		    format == DDB_RENDER_TYPED ? ".typed/" : "") >= sizeof path)
		return command_failed("%s: %s", mountpoint, strerror(ENAMETOOLONG));
	lines = fopen(path, "re");
	if (!lines)
		return command_failed("%s: %s", path, strerror(errno));
	while (!status && (length = getline(&line, &room, lines)) > 0)
		if (!print_line(format, line, (size_t)length))
			status = output_failed();
	if (!status && ferror(lines))
		status = command_failed("%s: %s", path, strerror(errno));
	free(line);
	fclose(lines);
	return status;
}

int export_run(const struct command *command, int argc, char **argv)
{
	enum ddb_rendering format = DDB_RENDER_PLAIN;
	const char *argument, *keyfile = NULL;
	struct ddb_error error;
	int option, status;

	while ((option = command_option(command, argc, argv, &argument)) >= 0) {
		if (option == EXPORT_KEYFILE)
			keyfile = argument;
		else if (!strcmp(argument, "dynamodb"))
			format = DDB_RENDER_TYPED;
		else if (strcmp(argument, "json") != 0)
			return command_usage(command, "unknown format '%s'", argument);
	}
	if (argc - optind != 2)
		return command_usage(command, "expected STORE-or-MOUNT and TABLE");
	if (ddb_table_name_check(argv[optind + 1], strlen(argv[optind + 1]), &error))
		return command_failed("%s", error.message);
	if (is_mount(argv[optind]))
		status = export_mount(argv[optind], argv[optind + 1], format);
	else
		status = export_store(argv[optind], keyfile, argv[optind + 1], format);
	if (!status && fflush(stdout))
		status = output_failed();
	return status;
}
