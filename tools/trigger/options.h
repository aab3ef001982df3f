/*
 * What the command line of `dynamount trigger` says.
 */
#ifndef TOOLS_TRIGGER_OPTIONS_H
#define TOOLS_TRIGGER_OPTIONS_H

#include "tools/command.h"
#include "tools/trigger/pattern.h"

enum { TRIGGER_FILTERS_MAX = 32 };

struct trigger_options {
	const char *mountpoint, *table;
	char *const *command; /* ended by NULL */
	unsigned batch;       /* records */
	unsigned parallel;
	unsigned retries;                     /* of a record, before it is given up */
	int64_t window, backoff, grace;       /* milliseconds */
	const char *checkpoint, *dead_letter; /* or NULL */
	bool from_now, strict;
	struct pattern *patterns[TRIGGER_FILTERS_MAX];
	size_t pattern_count;
};

/* EXIT_OK, or what the program ends with, a message being printed. */
int trigger_options_read(const struct command *command, int argc, char **argv, struct trigger_options *ret);
void trigger_options_done(struct trigger_options *options);

#endif
