#include "tools/trigger/options.h"

#include "engine/definition.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH, BACKOFF, CHECKPOINT, DEAD_LETTER, FILTER, FROM_NOW, GRACE, PARALLEL, RETRIES, STRICT, WINDOW };

const struct option_row trigger_rows[] = {
	[BATCH] = {'n', "batch-size", "N", "records in an event, at most (100)"},
	[BACKOFF] = {0, "backoff", "SECONDS", "first pause after a failure; doubles up to a minute (0.5)"},
	[CHECKPOINT] = {0, "checkpoint", "FILE", "keep there how far it has come"},
	[DEAD_LETTER] = {0, "dead-letter", "FILE", "append records that cannot be delivered to FILE"},
	[FILTER] = {0, "filter", "PATTERN",
		"only records of this event pattern; may be repeated: any of them"},
	[FROM_NOW] = {0, "from-now", NULL, "a first run begins with what comes, not with what is kept"},
	[GRACE] = {0, "grace", "SECONDS", "how long running commands may take when it is to stop (30)"},
	[PARALLEL] = {0, "parallel", "N", "commands at a time; a partition key's records stay in order (1)"},
	[RETRIES] = {0, "retries", "N", "retries of a record before it is a dead letter (10)"},
	[STRICT] = {0, "strict", NULL, "end when records were not kept long enough to be delivered"},
	[WINDOW] = {'w', "window", "SECONDS", "how long to wait for an event to be full (0)"},
	{0},
};

struct number_row {
	int option;
	double least, most;
	bool whole;
	size_t offset; /* of an unsigned, or of an int64_t in milliseconds */
};

#define NUMBER(option, least, most, field)                                                                   \
	{                                                                                                    \
		option, least, most, true, offsetof(struct trigger_options, field)                           \
	}
#define SECONDS(option, most, field)                                                                         \
	{                                                                                                    \
		option, 0, most, false, offsetof(struct trigger_options, field)                              \
	}
static const struct number_row numbers[] = {
	NUMBER(BATCH, 1, 10000, batch),
	NUMBER(PARALLEL, 1, 64, parallel),
	NUMBER(RETRIES, 0, 10000, retries),
	SECONDS(BACKOFF, 3600, backoff),
	SECONDS(GRACE, 86400, grace),
	SECONDS(WINDOW, 300, window),
};

static const struct number_row *find_number(int option)
{
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (numbers[i].option == option)
			return &numbers[i];
	return NULL;
}

/* Digits with perhaps a point among them: nothing else that strtod reads. */
static bool read_number(const struct number_row *row, const char *text, struct trigger_options *ret)
{
	size_t digits = strspn(text, "0123456789");
	char *field = (char *)ret + row->offset, *end;
	double value;

	if (!digits || text[strspn(text, row->whole ? "0123456789" : "0123456789.")])
		return false;
	value = strtod(text, &end);
	if (*end || value < row->least || value > row->most)
		return false;
	if (row->whole)
		*(unsigned *)(void *)field = (unsigned)value;
	else
		*(int64_t *)(void *)field = (int64_t)(value * 1000 + 0.5);
	return true;
}

static int add_filter(const char *text, struct trigger_options *ret)
{
	struct ddb_error error;

	if (ret->pattern_count == TRIGGER_FILTERS_MAX) {
		command_failed("at most %d filters", TRIGGER_FILTERS_MAX);
		return EXIT_USAGE;
	}
	if (!pattern_new(text, strlen(text), &ret->patterns[ret->pattern_count], &error)) {
		ret->pattern_count++;
		return EXIT_OK;
	}
	command_failed("filter %s: %s", text, error.message);
	return EXIT_USAGE;
}

static int read_option(
	const struct command *command, int option, const char *argument, struct trigger_options *ret)
{
	const struct number_row *row = find_number(option);

	if (row) {
		if (read_number(row, argument, ret))
			return EXIT_OK;
		return command_usage(command, "--%s: '%s' is not between %g and %g%s",
			trigger_rows[option].name, argument, row->least, row->most,
			row->whole ? "" : " seconds");
	}
	if (option == FILTER)
		return add_filter(argument, ret);
	if (option == CHECKPOINT)
		ret->checkpoint = argument;
	else if (option == DEAD_LETTER)
		ret->dead_letter = argument;
	else if (option == FROM_NOW)
		ret->from_now = true;
	else
		ret->strict = true;
	return EXIT_OK;
}

int trigger_options_read(const struct command *command, int argc, char **argv, struct trigger_options *ret)
{
	bool retries = false;
	struct ddb_error error;
	const char *argument;
	int option;

	*ret = (struct trigger_options){
		.batch = 100, .parallel = 1, .retries = 10, .backoff = 500, .grace = 30000};
	while ((option = command_option(command, argc, argv, &argument)) >= 0) {
		int status = read_option(command, option, argument, ret);
		if (status)
			return status;
		retries |= option == RETRIES;
	}
	if (argc - optind < 3)
		return command_usage(command, "expected MOUNT, TABLE and, behind --, a COMMAND");
	if (retries && !ret->dead_letter)
		return command_usage(command, "--retries needs --dead-letter: else nothing is ever given up");
	ret->mountpoint = argv[optind];
	ret->table = argv[optind + 1];
	ret->command = argv + optind + 2;
	if (ddb_table_name_check(ret->table, strlen(ret->table), &error))
		return command_failed("%s", error.message);
	return EXIT_OK;
}

void trigger_options_done(struct trigger_options *options)
{
	for (size_t i = 0; i < options->pattern_count; i++)
		pattern_free(options->patterns[i]);
}
