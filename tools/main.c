#include "tools/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct command commands[] = {
	{"mount", "STORE MOUNTPOINT", "show the tables of STORE as directories under MOUNTPOINT",
		mount_details, mount_rows, mount_run},
	{"import", "STORE-or-MOUNT TABLE FILE…", "put the items of files into a table", NULL, import_rows,
		import_run},
	{"export", "STORE-or-MOUNT TABLE", "print a table's items, one JSON line each", NULL, export_rows,
		export_run},
	{"api", "STORE-or-MOUNT OPERATION [JSON]", "make one call of the API and print the response",
		api_details, api_rows, api_run},
	{"check", "STORE", "verify every record, key and count of an unmounted store", NULL, check_rows,
		check_run},
	{"rekey", "STORE", "change the master key of an unmounted store", rekey_details, rekey_rows,
		rekey_run},
	{"trigger", "MOUNT TABLE -- COMMAND…", "run a command for each batch of changes of a table",
		trigger_details, trigger_rows, trigger_run},
};
const size_t command_count = sizeof commands / sizeof *commands;

static void print_option(const struct option_row *row)
{
	char text[64], letter[4] = "";
	const char *name = row->name ? row->name : "";
	int width = 26;

	if (row->letter)
		snprintf(letter, sizeof letter, "-%c", row->letter);
	snprintf(text, sizeof text, "%s%s%s%s%s%s", letter, row->letter && row->name ? ", " : "",
		row->name ? "--" : "", name, row->argument ? " " : "", row->argument ? row->argument : "");
	for (const char *c = text; *c; c++)
		width += (*c & 0xc0) == 0x80; /* printf counts bytes, a terminal characters */
	printf("  %-*s %s\n", width, text, row->help);
}

static void print_help(const struct command *command)
{
	printf("Usage: dynamount %s%s %s\n\n%c%s.\n\n", command->name, command->options ? " [OPTION…]" : "",
		command->arguments, command->summary[0] - 'a' + 'A', command->summary + 1);
	for (const struct option_row *row = command->options; row && (row->letter || row->name); row++)
		print_option(row);
	printf("  %-26s %s\n", "-h, --help", "print this and exit");
	if (command->details)
		command->details();
}

static void print_overview(FILE *to)
{
	fprintf(to, "Usage: dynamount [mount] STORE MOUNTPOINT [-o OPT,…] [-f] [-d]\n"
		    "       dynamount COMMAND …\n\n"
		    "A DynamoDB-compatible database as a filesystem: tables are directories, items are JSON "
		    "files.\n\n"
		    "Commands:\n");
	for (size_t i = 0; i < command_count; i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fprintf(to, "\n`dynamount COMMAND --help` tells more; so does `man dynamount`.\n");
}

static int option_value(size_t index)
{
	return 256 + (int)index;
}

int command_option(const struct command *command, int argc, char **argv, const char **ret_argument)
{
	struct option options[32] = {0};
	char letters[64] = "h";
	size_t count = 0, length = 1, row;
	int got;

	for (; command->options && (command->options[count].letter || command->options[count].name);
		count++) {
		const struct option_row *option = &command->options[count];
		/* A row without a long name gets one that nobody can type. */
		options[count] = (struct option){option->name ? option->name : "\x01",
			option->argument ? required_argument : no_argument, NULL, option_value(count)};
		if (option->letter) {
			letters[length++] = option->letter;
			if (option->argument)
				letters[length++] = ':';
		}
	}
	options[count] = (struct option){"help", no_argument, NULL, 'h'};
	letters[length] = 0;

	got = getopt_long(argc, argv, letters, options, NULL);
	*ret_argument = optarg;
	if (got == -1)
		return -1;
	if (got == 'h') {
		print_help(command);
		exit(EXIT_OK);
	}
	if (got == '?') {
		fprintf(stderr, "Try `dynamount %s --help`.\n", command->name);
		exit(EXIT_USAGE);
	}
	for (row = 0; row < count; row++)
		if (got == option_value(row) || got == command->options[row].letter)
			break;
	return (int)row;
}

__attribute__((format(printf, 2, 0))) static void print_message(
	const char *prefix, const char *format, va_list arguments)
{
	fprintf(stderr, "%s: ", prefix);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

int command_usage(const struct command *command, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message("dynamount", format, arguments);
	va_end(arguments);
	fprintf(stderr, "Usage: dynamount %s %s\nTry `dynamount %s --help`.\n", command->name,
		command->arguments, command->name);
	return EXIT_USAGE;
}

int command_failed(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message("dynamount", format, arguments);
	va_end(arguments);
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	char program[] = "dynamount"; /* what getopt's messages begin with */

	if (argc < 2) {
		print_overview(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_overview(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("dynamount " DYNAMOUNT_VERSION);
		return EXIT_OK;
	}
	for (size_t i = 0; i < command_count; i++)
		if (!strcmp(argv[1], commands[i].name)) {
			argv[1] = program;
			return commands[i].run(&commands[i], argc - 1, argv + 1);
		}
	/* `dynamount STORE MOUNTPOINT`, as mount(8) calls it too. */
	argv[0] = program;
	return mount_run(&commands[0], argc, argv);
}
