#include "tools/command.h"

#include "engine/local/local.h"

#include <inttypes.h>
#include <stdio.h>

enum { CHECK_REPAIR, CHECK_KEYFILE };

const struct option_row check_rows[] = {
	[CHECK_REPAIR] = {0, "repair", NULL, "mend what can be mended and remove what cannot be read"},
	[CHECK_KEYFILE] = {0, "keyfile", "FILE", "the master key, if it is not STORE/master.key"},
	{0},
};

static void report(void *context, const char *line)
{
	(void)context;
	puts(line);
}

int check_run(const struct command *command, int argc, char **argv)
{
	struct ddb_check_options options = {.report = report};
	struct ddb_check_result result = {0};
	const char *argument, *keyfile = NULL;
	struct ddb_engine *engine;
	struct ddb_error error;
	enum ddb_code code;
	int option;

	while ((option = command_option(command, argc, argv, &argument)) >= 0) {
		if (option == CHECK_REPAIR)
			options.repair = true;
		else
			keyfile = argument;
	}
	if (argc - optind != 1)
		return command_usage(command, "expected one STORE");
	engine = open_store(argv[optind], keyfile, true, !options.repair);
	if (!engine)
		return EXIT_FAILED;
	code = ddb_local_check(engine, &options, &result, &error);
	engine->ops->close(engine);
	if (code)
		return command_failed("%s", error.message);
	if (result.problems)
		printf("%" PRIu64 " tables, %" PRIu64 " items, %" PRIu64 " scratch files; %" PRIu64
		       " problems, %" PRIu64 " repaired\n",
			result.tables, result.items, result.scratch_files, result.problems, result.repaired);
	return result.problems > result.repaired ? EXIT_FAILED : EXIT_OK;
}
