/*
 * Inside mapping/: what is written under O_APPEND, cut into objects. Each complete one is handed on at once;
 * offsets do not matter. Knows no items. Threads: none of its own, the open file's lock covers it.
 */
#ifndef MAP_APPENDER_H
#define MAP_APPENDER_H

#include "mapping/document/document.h"
#include "mapping/file.h"

/* One whole object; the arena is the caller's, for anything that the call needs. */
typedef int map_append(struct map_file *file, const struct map_caller *caller, struct ddb_arena *arena,
	const struct ddb_value *object, struct ddb_error *err);

struct map_appender {
	struct map_file *file; /* borrowed */
	map_append *append;
	const struct ddb_json_limits *limits;
	struct ddb_arena arena;
	struct ddb_json *json; /* made by the first write */
	size_t fed;            /* bytes of the object that is not whole yet */
	bool lost; /* after a refusal: where the next object begins cannot be told before the next flush */
	bool unfinished_told;
};

void map_appender_init(struct map_appender *appender, struct map_file *file, map_append *append,
	const struct ddb_json_limits *limits);
void map_appender_done(struct map_appender *appender);

/* These record what they refuse. Objects before a refused one stand. */
int map_appender_write(
	struct map_appender *appender, const struct map_caller *caller, const char *bytes, size_t size);
/* At flush, fsync and release: an unfinished object is refused, once for what was written since; more of it
 * may still come. */
int map_appender_settle(
	struct map_appender *appender, const struct map_caller *caller, const char *operation);

#endif
