#include "tools/command.h"

#include "engine/local/local.h"

#include <stdio.h>

enum { REKEY_KEYFILE, REKEY_NEW_KEYFILE, REKEY_MAKE, REKEY_IN_STORE };

const struct option_row rekey_rows[] = {
	[REKEY_KEYFILE] = {0, "keyfile", "FILE", "the present master key, if it is not STORE/master.key"},
	[REKEY_NEW_KEYFILE] = {0, "new-keyfile", "FILE", "the new one; else a new STORE/master.key is made"},
	[REKEY_MAKE] = {0, "make", NULL, "make the new one's FILE, which must not be there yet"},
	[REKEY_IN_STORE] = {0, "in-store", NULL, "make STORE/master.key though the present key is elsewhere"},
	{0},
};

void rekey_details(void)
{
	puts("\nThe old master key no longer opens the store. Items are not sealed anew: who had the old key "
	     "and\n"
	     "a copy of the store can still read what is in the copy, and knows the data key.");
}

static enum ddb_code try_rekey(const char *path, void *context, struct ddb_error *err)
{
	return ddb_local_rekey(path, context, err);
}

int rekey_run(const struct command *command, int argc, char **argv)
{
	struct ddb_rekey_options options = {0};
	const char *argument;
	struct ddb_error error;
	bool in_store = false;
	int option;

	while ((option = command_option(command, argc, argv, &argument)) >= 0) {
		if (option == REKEY_KEYFILE)
			options.keyfile = argument;
		else if (option == REKEY_NEW_KEYFILE)
			options.new_keyfile = argument;
		else if (option == REKEY_MAKE)
			options.make = true;
		else
			in_store = true;
	}
	if (argc - optind != 1)
		return command_usage(command, "expected one STORE");
	if (options.make && !options.new_keyfile)
		return command_usage(command, "--make is for the file of --new-keyfile");
	if (in_store && options.new_keyfile)
		return command_usage(command, "--in-store and --new-keyfile exclude each other");
	/* A key that was kept elsewhere is not put beside what it protects by an omission. */
	if (options.keyfile && !options.new_keyfile && !in_store)
		return command_usage(command, "with --keyfile, say --new-keyfile FILE or --in-store");
	if (is_endpoint(argv[optind]))
		return command_failed("%s: this version opens local stores only", argv[optind]);
	if (try_patiently(argv[optind], try_rekey, &options, &error))
		return command_failed("%s", error.message);
	return EXIT_OK;
}
