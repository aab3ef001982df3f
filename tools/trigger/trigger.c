/*
 * dynamount trigger: runs a command for each batch of records of a table's stream, and keeps in a file how
 * far it has come. It needs nothing of a mount but its files.
 */
#include "tools/trigger/letter.h"
#include "tools/trigger/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void trigger_details(void)
{
	printf("\nCOMMAND gets an event as the functions of Lambda do, {\"Records\":[…]}, as its standard "
	       "input. Exit\nstatus 0 says that all of it is done; else it gets half of it again, at last "
	       "each record by itself.\nEvery record is delivered at least once, those of an item in their "
	       "order.\n");
}

/* What is opened later is none of the standard files. */
static void fill_standard_files(void)
{
	int file;

	do
		file = open("/dev/null", O_RDWR);
	while (file >= 0 && file <= STDERR_FILENO);
	if (file >= 0)
		close(file);
}

static int run_at(struct trigger_options *options)
{
	char *mountpoint = realpath(options->mountpoint, NULL);
	int signals = trigger_loop_signals(), status;
	struct trigger_checkpoint *checkpoint;

	if (!mountpoint)
		return command_failed("%s: %s", options->mountpoint, strerror(errno));
	if (signals < 0)
		return command_failed("signals: %s", strerror(errno));
	options->mountpoint = mountpoint;
	checkpoint = trigger_checkpoint_open(options->checkpoint, mountpoint, options->table);
	status = checkpoint ? trigger_loop_run(options, checkpoint, signals) : EXIT_FAILED;
	trigger_checkpoint_close(checkpoint);
	close(signals);
	free(mountpoint);
	return status;
}

int trigger_run(const struct command *command, int argc, char **argv)
{
	struct trigger_options options = {0};
	int status = trigger_options_read(command, argc, argv, &options);

	fill_standard_files();
	if (!status && options.dead_letter && !trigger_letter_check(options.dead_letter))
		status = EXIT_FAILED;
	if (!status)
		status = run_at(&options);
	trigger_options_done(&options);
	return status;
}
