/*
 * Appending: objects one after another, white space between them. A flush is where a writer that does not
 * check its writes may begin again: every echo of a shell that holds the file open ends with one.
 */
#include "mapping/appender.h"

#include <errno.h>
#include <string.h>

void map_appender_init(struct map_appender *appender, struct map_file *file, map_append *append,
	const struct ddb_json_limits *limits)
{
	*appender = (struct map_appender){.file = file, .append = append, .limits = limits};
	ddb_arena_init(&appender->arena, MAP_DOCUMENT_MEMORY);
}

void map_appender_done(struct map_appender *appender)
{
	ddb_json_free(appender->json);
	ddb_arena_done(&appender->arena);
}

static void begin_object(struct map_appender *appender)
{
	ddb_json_restart(appender->json);
	ddb_arena_reset(&appender->arena);
	appender->fed = 0;
}

static bool only_space(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!memchr(" \t\r\n", bytes[i], 4))
			return false;
	return true;
}

static int refuse(struct map_appender *appender, const struct map_caller *caller, int number,
	const struct ddb_error *err)
{
	begin_object(appender);
	return map_file_refuse(appender->file, caller, "write", number, err);
}

static int refuse_lost(struct map_appender *appender, const struct map_caller *caller, int number,
	const struct ddb_error *err)
{
	appender->lost = true;
	return refuse(appender, caller, number, err);
}

/* Counts what belongs to an object that is not whole; white space before it belongs to none. */
static int count(struct map_appender *appender, const struct map_caller *caller, size_t used)
{
	struct ddb_error err;

	appender->fed = ddb_json_started(appender->json) ? appender->fed + used : 0;
	if (appender->fed <= MAP_DOCUMENT_MAX)
		return 0;
	ddb_fail(&err, DDB_ITEM_TOO_LARGE, "The text is longer than %d bytes", MAP_DOCUMENT_MAX);
	return refuse_lost(appender, caller, EFBIG, &err);
}

static int hand_on(
	struct map_appender *appender, const struct map_caller *caller, const char *rest, size_t size)
{
	struct ddb_error err = {0};
	int number = appender->append(
		appender->file, caller, &appender->arena, ddb_json_value(appender->json), &err);

	if (!number) {
		begin_object(appender);
		return 0;
	}
	appender->lost = !only_space(rest, size);
	return refuse(appender, caller, number, &err);
}

/* Feeds up to the end of one object; *ret_used says how far. */
static int feed(struct map_appender *appender, const struct map_caller *caller, const char *bytes,
	size_t size, size_t *ret_used)
{
	struct ddb_error err = {0};
	enum ddb_json_state state = ddb_json_feed(appender->json, bytes, size, ret_used, &err);

	if (state == DDB_JSON_REFUSED)
		return refuse_lost(appender, caller, map_errno(err.code), &err);
	int number = count(appender, caller, *ret_used);
	if (number || state == DDB_JSON_MORE)
		return number;
	return hand_on(appender, caller, bytes + *ret_used, size - *ret_used);
}

int map_appender_write(
	struct map_appender *appender, const struct map_caller *caller, const char *bytes, size_t size)
{
	if (appender->lost)
		return EINVAL;
	if (!appender->json)
		appender->json = ddb_json_new(&appender->arena, appender->limits);
	if (!appender->json)
		return ENOMEM;
	appender->unfinished_told = false;
	for (size_t done = 0, used; done < size; done += used) {
		int number = feed(appender, caller, bytes + done, size - done, &used);
		if (number)
			return number;
	}
	return 0;
}

int map_appender_settle(struct map_appender *appender, const struct map_caller *caller, const char *operation)
{
	struct ddb_error err;
	size_t line, column;

	appender->lost = false;
	if (!appender->json || !ddb_json_started(appender->json) || appender->unfinished_told)
		return 0;
	appender->unfinished_told = true;
	ddb_json_position(appender->json, &line, &column);
	ddb_fail(&err, DDB_VALIDATION, "The object is unfinished: the text ends at line %zu, column %zu",
		line, column);
	return map_file_refuse(appender->file, caller, operation, EINVAL, &err);
}
