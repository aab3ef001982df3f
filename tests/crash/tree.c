#include "tests/crash/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most are short; each seventh has several pages. */
size_t tree_text(uint64_t value, char ret[TREE_TEXT_MAX])
{
	size_t filling = (size_t)(value * 37 % 700 + (value % 7 ? 0 : value * 53 % 9000));
	int length = snprintf(ret, TREE_TEXT_MAX, "%" PRIu64 " ", value);
	memset(ret + length, 'a' + (int)(value % 26), filling);
	ret[(size_t)length + filling] = '\0';
	return (size_t)length + filling;
}

struct ddb_scratch_name tree_scratch(const char *name)
{
	return (struct ddb_scratch_name){.directory = "crash", .name = name};
}

static uint64_t value_of(const char *text, size_t length)
{
	char wanted[TREE_TEXT_MAX];
	static const char member[] = "\"v\": \"";
	const char *start = strstr(text, member);
	if (start) {
		start += strlen(member);
		length = strcspn(start, "\"");
	} else {
		start = text;
	}
	uint64_t value = strtoull(start, NULL, 10);
	if (!value)
		return *text == '{' || !length ? 1 : TREE_DAMAGED;
	size_t right = tree_text(value, wanted);
	return right == length && !memcmp(start, wanted, length) ? value : TREE_DAMAGED;
}

static uint64_t scratch_value(struct ddb_engine *engine, const char *name)
{
	char text[TREE_TEXT_MAX];
	size_t length;
	struct ddb_error err;
	struct ddb_scratch_name scratch = tree_scratch(name);
	enum ddb_code code =
		engine->ops->scratch_read(engine, &scratch, 0, text, sizeof text - 1, &length, &err);
	if (code)
		return code == DDB_RESOURCE_NOT_FOUND ? 0 : TREE_DAMAGED;
	text[length] = '\0';
	return value_of(text, length);
}

uint64_t tree_value(struct ddb_engine *engine, struct map *map, const char *path)
{
	static const struct map_caller caller;
	char text[TREE_TEXT_MAX];
	struct map_attr attr;
	struct map_file *file;
	size_t length;
	if (*path == '~')
		return scratch_value(engine, path);
	int rc = map_stat(map, &caller, path, &attr);
	if (rc)
		return rc == ENOENT ? 0 : TREE_DAMAGED;
	if (attr.directory)
		return 1;
	if (map_open(map, &caller, path, O_RDONLY, &file, &attr))
		return TREE_DAMAGED;
	rc = map_file_read(file, 0, text, sizeof text - 1, &length);
	if (map_file_release(file, &caller) || rc || attr.size != length)
		return TREE_DAMAGED;
	text[length] = '\0';
	return value_of(text, length);
}
