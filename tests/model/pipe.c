/*
 * An engine on a pipe, for the model test: each line of standard input is an operation's name, a space and its request;
 * each line of standard output is the response or the error's body.
 */
#include "engine/local/local.h"
#include "engine/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESPONSE_MAX = 64 << 20 };

static void answer(struct ddb_engine *engine, char *line, size_t length)
{
	DDB_BUFFER_AUTO struct ddb_buffer response = {0};
	struct ddb_error err;
	char *space = memchr(line, ' ', length);

	ddb_buffer_init(&response, RESPONSE_MAX);
	if (!space)
		exit(2);
	*space = 0;
	(void)!ddb_wire_call(engine, line, space + 1, length - (size_t)(space + 1 - line), &response, &err);
	fwrite(response.bytes, 1, response.length, stdout);
	putchar('\n');
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct ddb_local_options options = {0};
	struct ddb_engine *engine;
	struct ddb_error err;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	if (argc != 2 || ddb_local_open(argv[1], &options, &engine, &err)) {
		fprintf(stderr, "%s: %s\n", argv[0], argc != 2 ? "STORE" : err.message);
		return 1;
	}
	while ((length = getline(&line, &room, stdin)) > 0)
		answer(engine, line, (size_t)length - (line[length - 1] == '\n'));
	free(line);
	engine->ops->close(engine);
	return 0;
}
