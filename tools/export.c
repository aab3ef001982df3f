/*
 * dynamount export: a table's items as JSON lines, plain or as DynamoDB's S3 export writes them, in byte
 * order of the documents: a store's own order follows keyed hashes, and equal tables are to give equal text.
 */
#include "tools/command.h"
#include "tools/sorter.h"

#include "mapping/document/document.h"
#include "mapping/name.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { EXPORT_FORMAT, EXPORT_KEYFILE };
enum { SORT_MEMORY = 64 << 20 /* bytes */ };

/* What the lines come from and go to. */
struct exporter {
	enum ddb_rendering format;
	struct sorter *sorter;
	bool failed; /* the output */
};

const struct option_row export_rows[] = {
	[EXPORT_FORMAT] = {0, "format", "FORMAT",
		"json (default): plain documents; dynamodb: {\"Item\":{…}} in typed JSON"},
	[EXPORT_KEYFILE] = {0, "keyfile", "FILE",
		"the master key of a local STORE, if it is not STORE/master.key"},
	{0},
};

static int output_failed(void)
{
	return command_failed("writing the output: %s", strerror(errno));
}

static bool print_line(void *context, const char *text, size_t length)
{
	struct exporter *exporter = context;
	bool typed = exporter->format == DDB_RENDER_TYPED;

	exporter->failed = (typed && fputs("{\"Item\":", stdout) < 0) ||
			   fwrite(text, 1, length, stdout) != length ||
			   fputs(typed ? "}\n" : "\n", stdout) < 0;
	return !exporter->failed;
}

static int print_sorted(struct exporter *exporter)
{
	struct ddb_error error;

	if (sorter_finish(exporter->sorter, print_line, exporter, &error))
		return command_failed("%s", error.message);
	return exporter->failed || fflush(stdout) ? output_failed() : EXIT_OK;
}

/* The text ends with a newline. */
static int add_line(struct exporter *exporter, const char *text, size_t length)
{
	struct ddb_error error;

	if (length > 0 && text[length - 1] == '\n')
		length--;
	if (sorter_add(exporter->sorter, text, length, &error))
		return command_failed("%s", error.message);
	return EXIT_OK;
}

static int export_page(struct exporter *exporter, const struct ddb_table *table, const struct ddb_page *page)
{
	struct ddb_buffer line DDB_BUFFER_AUTO = {0};
	int status = EXIT_OK;

	ddb_buffer_init(&line, 2 * (size_t)MAP_DOCUMENT_MAX);
	for (size_t i = 0; i < page->count && !status; i++) {
		ddb_buffer_clear(&line);
		map_document_write(table, &page->entries[i].item, exporter->format, false, &line);
		if (line.failed)
			return command_failed("no memory");
		status = add_line(exporter, line.bytes, line.length);
	}
	return status;
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

static int export_table(struct exporter *exporter, struct ddb_engine *engine, const struct ddb_table *table)
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
		status = export_page(exporter, table, &page);
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

static int export_store(struct exporter *exporter, const char *store, const char *keyfile, const char *name)
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
		status = export_table(exporter, engine, table);
	ddb_table_unref(table);
	table = NULL;
	engine->ops->close(engine);
	return status;
}

static int export_mount(struct exporter *exporter, const char *mountpoint, const char *name)
{
	char path[4096], entry[MAP_NAME_MAX + 3], *line = NULL;
	size_t room = 0;
	ssize_t length;
	FILE *lines;
	int status = EXIT_OK;

	map_table_to_name(name, entry);
	if ((size_t)snprintf(path, sizeof path, "%s/%s/%s.items.jsonl", mountpoint, entry,
		    exporter->format == DDB_RENDER_TYPED ? ".typed/" : "") >= sizeof path)
		return command_failed("%s: %s", mountpoint, strerror(ENAMETOOLONG));
	lines = fopen(path, "re");
	if (!lines)
		return command_failed("%s: %s", path, strerror(errno));
	while (!status && (length = getline(&line, &room, lines)) > 0)
		status = add_line(exporter, line, (size_t)length);
	if (!status && ferror(lines))
		status = command_failed("%s: %s", path, strerror(errno));
	free(line);
	fclose(lines);
	return status;
}

int export_run(const struct command *command, int argc, char **argv)
{
	struct exporter exporter = {.format = DDB_RENDER_PLAIN};
	const char *directory = getenv("TMPDIR");
	const char *argument, *keyfile = NULL;
	struct ddb_error error;
	int option, status;

	while ((option = command_option(command, argc, argv, &argument)) >= 0) {
		if (option == EXPORT_KEYFILE)
			keyfile = argument;
		else if (!strcmp(argument, "dynamodb"))
			exporter.format = DDB_RENDER_TYPED;
		else if (strcmp(argument, "json") != 0)
			return command_usage(command, "unknown format '%s'", argument);
	}
	if (argc - optind != 2)
		return command_usage(command, "expected STORE-or-MOUNT and TABLE");
	if (ddb_table_name_check(argv[optind + 1], strlen(argv[optind + 1]), &error))
		return command_failed("%s", error.message);
	exporter.sorter = sorter_new(SORT_MEMORY, directory && *directory ? directory : P_tmpdir);
	if (!exporter.sorter)
		return command_failed("no memory");
	if (is_mount(argv[optind]) || is_view(argv[optind]))
		status = export_mount(&exporter, argv[optind], argv[optind + 1]);
	else
		status = export_store(&exporter, argv[optind], keyfile, argv[optind + 1]);
	if (!status)
		status = print_sorted(&exporter);
	sorter_free(exporter.sorter);
	return status;
}
