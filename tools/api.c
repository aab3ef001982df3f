/*
 * dynamount api: one request of the API, to a store or, through /.api, to a mount. The response goes to
 * standard output, an error's body too.
 */
#include "tools/command.h"

#include "engine/wire/wire.h"
#include "mapping/api/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { API_KEYFILE };

const struct option_row api_rows[] = {
	[API_KEYFILE] = {0, "keyfile", "FILE",
		"the master key of a local STORE, if it is not STORE/master.key"},
	{0},
};

void api_details(void)
{
	puts("\nJSON is the request; without it, it is read from standard input. Operations:");
	for (size_t i = 0; ddb_wire_operation(i); i++)
		printf("  %s\n", ddb_wire_operation(i));
}

/* Everything that can be read; errno on failure. */
static bool read_all(int file, struct ddb_buffer *out)
{
	ssize_t length = 1;

	while (length > 0 && !out->failed) {
		char *room = ddb_buffer_reserve(out, 65536);
		if (!room)
			break;
		length = read(file, room, 65536);
		if (length > 0)
			out->length += (size_t)length;
		else if (length < 0 && errno == EINTR)
			length = 1;
	}
	if (out->failed)
		errno = EFBIG;
	return !length && !out->failed;
}

static bool write_all(int file, const char *bytes, size_t size)
{
	while (size) {
		ssize_t length = write(file, bytes, size);
		if (length < 0 && errno != EINTR)
			return false;
		bytes += length > 0 ? length : 0;
		size -= length > 0 ? (size_t)length : 0;
	}
	return true;
}

static int print(const struct ddb_buffer *response, bool failed)
{
	bool line = response->length > 0;

	if (fwrite(response->bytes, 1, response->length, stdout) != response->length ||
		(line && putchar('\n') == EOF) || fflush(stdout))
		return command_failed("writing the output: %s", strerror(errno));
	return failed ? EXIT_FAILED : EXIT_OK;
}

static int call_store(
	const char *store, const char *keyfile, const char *operation, const struct ddb_buffer *request)
{
	DDB_BUFFER_AUTO struct ddb_buffer response = {0};
	struct map_api_engine api;
	struct ddb_error error;
	/* Only what makes a table makes a store. */
	bool must_exist = strcmp(operation, "CreateTable") != 0;
	struct ddb_engine *engine = open_store(store, keyfile, must_exist, false);

	if (!engine)
		return EXIT_FAILED;
	ddb_buffer_init(&response, DDB_WIRE_RESPONSE_MAX);
	map_api_engine_init(&api, engine, NULL, NULL);
	enum ddb_code code =
		ddb_wire_call(&api.engine, operation, request->bytes, request->length, &response, &error);
	engine->ops->close(engine);
	return print(&response, code);
}

/* The body of a refusal begins with its type, that of a response never does. */
static bool is_refusal(const struct ddb_buffer *response)
{
	static const char start[] = "{\"__type\":";

	return response->length >= sizeof start - 1 && !memcmp(response->bytes, start, sizeof start - 1);
}

static int call_mount(const char *mountpoint, const char *operation, const struct ddb_buffer *request)
{
	DDB_BUFFER_AUTO struct ddb_buffer response = {0};
	char path[4096];

	if ((size_t)snprintf(path, sizeof path, "%s/.api/%s", mountpoint, operation) >= sizeof path)
		return command_failed("%s: %s", mountpoint, strerror(ENAMETOOLONG));
	ddb_buffer_init(&response, DDB_WIRE_RESPONSE_MAX);
	int file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return command_failed("%s: %s", path, strerror(errno));
	bool done = write_all(file, request->bytes, request->length) && read_all(file, &response);
	int number = errno;
	close(file);
	return done ? print(&response, is_refusal(&response))
		    : command_failed("%s: %s", path, strerror(number));
}

/* What is no operation, or no request, is answered as the service does, whatever the store: to a mount's file
 * white space alone is no request, and nothing would answer. */
static int call_nothing(const char *operation, const struct ddb_buffer *request)
{
	DDB_BUFFER_AUTO struct ddb_buffer response = {0};
	struct ddb_error error;

	ddb_buffer_init(&response, DDB_WIRE_RESPONSE_MAX);
	enum ddb_code code =
		ddb_wire_call(NULL, operation, request->bytes, request->length, &response, &error);
	return print(&response, code);
}

static bool read_request(const char *argument, struct ddb_buffer *out)
{
	if (!argument)
		return read_all(STDIN_FILENO, out);
	ddb_buffer_add_string(out, argument);
	return !out->failed;
}

static bool is_blank(const struct ddb_buffer *request)
{
	for (size_t i = 0; i < request->length; i++)
		if (!memchr(" \t\r\n", request->bytes[i], 4))
			return false;
	return true;
}

int api_run(const struct command *command, int argc, char **argv)
{
	DDB_BUFFER_AUTO struct ddb_buffer request = {0};
	const char *argument, *keyfile = NULL;

	while (command_option(command, argc, argv, &argument) >= 0)
		keyfile = argument;
	if (argc - optind != 2 && argc - optind != 3)
		return command_usage(command, "expected STORE-or-MOUNT, OPERATION and perhaps JSON");
	ddb_buffer_init(&request, DDB_WIRE_REQUEST_MAX + 1);
	if (!read_request(argc - optind == 3 ? argv[optind + 2] : NULL, &request))
		return command_failed("reading the request: %s", strerror(errno));
	if (!ddb_wire_knows(argv[optind + 1]) || is_blank(&request))
		return call_nothing(argv[optind + 1], &request);
	if (is_mount(argv[optind]))
		return call_mount(argv[optind], argv[optind + 1], &request);
	return call_store(argv[optind], keyfile, argv[optind + 1], &request);
}
