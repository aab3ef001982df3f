/*
 * Extended attributes: path, name and value, each ended by a NUL. What a name answers fits into what it said
 * it would need; what cannot be changed is not. An update leaves an item that can be read, or nothing
 * changed.
 */
#include "engine/local/item.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_known(int number)
{
	return number == ENODATA || number == ENOENT || number == ENOTDIR || number == ENAMETOOLONG ||
	       number == EOPNOTSUPP || number == EACCES || number == EINVAL || number == EEXIST;
}

static void check_digits(const char *value)
{
	char digits[64];
	snprintf(digits, sizeof digits, "%ld", strtol(value, NULL, 10));
	FUZZ_CHECK(!strcmp(digits, value));
}

/* The path of a file that is there. */
static void check_item(const char *value)
{
	struct map_attr attr;
	FUZZ_CHECK(
		!map_stat(fuzz_world()->map, &fuzz_caller, value, &attr) && !attr.directory && attr.writable);
}

static void check_value(const char *path, const char *name, size_t length)
{
	struct map *map = fuzz_world()->map;
	char exact[MAP_PATH_MAX];
	bool item = !strcmp(name, "user.item");
	size_t got;
	bool expiry = !strcmp(name, "user.ttl");
	FUZZ_CHECK((item || expiry || !strcmp(name, "user.size")) && length > 0 && length < sizeof exact);
	char *value = malloc(length);
	FUZZ_CHECK(value);
	FUZZ_CHECK(length == 1 ||
		   map_getxattr(map, &fuzz_caller, path, name, value, length - 1, &got) == ERANGE);
	FUZZ_CHECK(!map_getxattr(map, &fuzz_caller, path, name, value, length, &got) && got == length);
	memcpy(exact, value, length);
	exact[length] = '\0';
	if (item)
		check_item(exact);
	else if (!expiry)
		check_digits(exact);
	free(value);
}

static void check_update(const char *path, const char *value, size_t size)
{
	struct map *map = fuzz_world()->map;
	struct map_attr before, after;
	size_t length;
	int stat = map_stat(map, &fuzz_caller, path, &before);
	int number = map_setxattr(map, &fuzz_caller, path, "user.update", value, size, 0);
	FUZZ_CHECK(!number || is_known(number) || number == EFBIG);
	FUZZ_CHECK(map_stat(map, &fuzz_caller, path, &after) == stat);
	FUZZ_CHECK(!stat || number);
	if (number && !stat)
		FUZZ_CHECK(before.version == after.version && before.size == after.size);
	if (!number)
		free(fuzz_world_text(path, &length)); /* as long as its size says */
}

/* What is set is there, what it has already changes nothing, and removed it is gone. */
static void check_expiry(const char *path, const char *value, size_t size)
{
	struct map *map = fuzz_world()->map;
	struct map_attr before, after;
	char text[MAP_PATH_MAX], list[64];
	size_t length;
	int number = map_setxattr(map, &fuzz_caller, path, "user.ttl", value, size, 0);
	FUZZ_CHECK(!number || is_known(number));
	int got = map_getxattr(map, &fuzz_caller, path, "user.ttl", text, sizeof text, &length);
	if (got)
		return;
	FUZZ_CHECK(!map_stat(map, &fuzz_caller, path, &before));
	FUZZ_CHECK(number || value[0] == '+' || (length == size && !memcmp(text, value, size)));
	FUZZ_CHECK(!map_setxattr(map, &fuzz_caller, path, "user.ttl", text, length, 0));
	FUZZ_CHECK(!map_stat(map, &fuzz_caller, path, &after));
	FUZZ_CHECK(before.version == after.version && before.mtime_ns == after.mtime_ns);
	FUZZ_CHECK(!map_listxattr(map, &fuzz_caller, path, list, sizeof list, &length) && length == 9);
	FUZZ_CHECK(!map_removexattr(map, &fuzz_caller, path, "user.ttl"));
	FUZZ_CHECK(map_getxattr(map, &fuzz_caller, path, "user.ttl", text, sizeof text, &length) == ENODATA);
	FUZZ_CHECK(!map_setxattr(map, &fuzz_caller, path, "user.ttl", "4000000000", 10, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct map *map = fuzz_world()->map;
	struct map_attr attr;
	size_t length = 0, left = size;
	char *text = malloc(size + 2);
	FUZZ_CHECK(text);
	memcpy(text, bytes, size);
	text[size] = text[size + 1] = '\0';
	const char *path = text, *name = text + strlen(path) + 1;
	left -= strlen(path);
	const char *value = left ? name + strlen(name) + 1 : name;
	size_t value_size = (size_t)(text + size - value);
	if (!left || value > text + size)
		value_size = 0;
	int number = map_getxattr(map, &fuzz_caller, path, name, NULL, 0, &length);
	if (!number)
		check_value(path, name, length);
	else
		FUZZ_CHECK(is_known(number));
	bool there = !map_stat(map, &fuzz_caller, path, &attr);
	FUZZ_CHECK(there || number);
	if (!strcmp(name, "user.ttl")) {
		check_expiry(path, value, value_size);
		free(text);
		return 0;
	}
	if (!strcmp(name, "user.update"))
		check_update(path, value, value_size);
	else
		FUZZ_CHECK(is_known(map_setxattr(map, &fuzz_caller, path, name, value, value_size, 0)));
	FUZZ_CHECK(is_known(map_removexattr(map, &fuzz_caller, path, name)));
	FUZZ_CHECK(map_getxattr(map, &fuzz_caller, path, name, NULL, 0, &left) == number);
	FUZZ_CHECK(number || left == length);
	free(text);
	return 0;
}
