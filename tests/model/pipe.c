/*
 * An engine on a pipe, for the model test: each line of standard input is an operation's name, a space and
 * its request; each line of standard output is the response or the error's body. Views of the engine have
 * numbers: .begin transaction|snapshot    -> {"view":N} N/OPERATION REQUEST            in that view .commit
 * N/TOKEN                -> {"changes":COUNT,"repeated":BOOL}; without a token N/ .end N/ -> {}
 */
#include "engine/jsonout.h"
#include "engine/local/local.h"
#include "engine/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RESPONSE_MAX = 64 << 20,
	ARENA_MAX = 64 << 20,
	VIEWS_MAX = 8,
};

static struct ddb_engine *engine, *views[VIEWS_MAX];

/* The view that the text begins with the number of; *text moves behind it and its slash. */
static struct ddb_engine **view_at(const char **text)
{
	char *end;
	unsigned long number = strtoul(*text, &end, 10);
	if (end == *text || *end != '/' || number >= VIEWS_MAX || !views[number])
		exit(2);
	*text = end + 1;
	return &views[number];
}

static enum ddb_code begin(const char *text, struct ddb_json_out *json, struct ddb_error *err)
{
	struct ddb_open_view request = {strcmp(text, "snapshot") ? DDB_TRANSACTION : DDB_SNAPSHOT, 0};
	unsigned number = 0;
	while (number < VIEWS_MAX && views[number])
		number++;
	if (number == VIEWS_MAX)
		exit(2);
	enum ddb_code code = engine->ops->open_view(engine, &request, &views[number], err);
	if (!code)
		ddb_json_member_int(json, "view", number);
	return code;
}

static enum ddb_code commit(const char *text, struct ddb_json_out *json, struct ddb_error *err)
{
	struct ddb_engine *view = *view_at(&text);
	struct ddb_commit request = {.token = *text ? text : NULL};
	struct ddb_commit_result result;
	struct ddb_arena arena;
	ddb_arena_init(&arena, ARENA_MAX);
	enum ddb_code code = view->ops->commit(view, &arena, &request, &result, err);
	if (!code) {
		ddb_json_member_int(json, "changes", (int64_t)result.change_count);
		ddb_json_member_bool(json, "repeated", result.repeated);
	}
	ddb_arena_done(&arena);
	return code;
}

static enum ddb_code end(const char *text, struct ddb_json_out *json, struct ddb_error *err)
{
	struct ddb_engine **view = view_at(&text);
	(void)json, (void)err;
	(*view)->ops->close(*view);
	*view = NULL;
	return DDB_OK;
}

static const struct {
	const char *name;
	enum ddb_code (*act)(const char *text, struct ddb_json_out *json, struct ddb_error *err);
} acts[] = {{".begin", begin}, {".commit", commit}, {".end", end}};

/* False: the name is none of these. */
static bool act_on_views(const char *name, const char *text, struct ddb_buffer *response)
{
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		struct ddb_json_out json;
		struct ddb_error err;
		if (strcmp(acts[i].name, name))
			continue;
		ddb_json_out_init(&json, response, false);
		ddb_json_open(&json, '{');
		if (acts[i].act(text, &json, &err)) {
			ddb_json_member_string(&json, "__type", ddb_error_row(err.code)->name);
			ddb_json_member_string(&json, "message", err.message);
		}
		ddb_json_close(&json, '}');
		return true;
	}
	return false;
}

static void answer(char *line, size_t length)
{
	DDB_BUFFER_AUTO struct ddb_buffer response = {0};
	struct ddb_error err;
	struct ddb_engine *asked = engine;
	const char *name = line;
	char *space = memchr(line, ' ', length);

	ddb_buffer_init(&response, RESPONSE_MAX);
	if (!space)
		exit(2);
	*space = 0;
	line[length] = 0;
	if (strchr(name, '/'))
		asked = *view_at(&name);
	if (!act_on_views(name, space + 1, &response))
		(void)!ddb_wire_call(
			asked, name, space + 1, length - (size_t)(space + 1 - line), &response, &err);
	fwrite(response.bytes, 1, response.length, stdout);
	putchar('\n');
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct ddb_local_options options = {0};
	struct ddb_error err;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	if (argc != 2 || ddb_local_open(argv[1], &options, &engine, &err)) {
		fprintf(stderr, "%s: %s\n", argv[0], argc != 2 ? "STORE" : err.message);
		return 1;
	}
	while ((length = getline(&line, &room, stdin)) > 0)
		answer(line, (size_t)length - (line[length - 1] == '\n'));
	free(line);
	for (unsigned i = 0; i < VIEWS_MAX; i++)
		if (views[i])
			views[i]->ops->close(views[i]);
	engine->ops->close(engine);
	return 0;
}
