/*
 * Event patterns: what is refused says why; what is accepted means the same as the only alternative, and as
 * one of two, and does so twice. The first line is the pattern, the rest the record.
 */
#include "tools/trigger/pattern.h"

#include "engine/json.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 16 << 20 };

/* The text with something around it; NULL: refused, because it is too long or too deep by that. */
static struct pattern *read_within(const char *before, const char *text, size_t length, const char *after)
{
	size_t begin = strlen(before), end = strlen(after);
	char *whole = malloc(begin + length + end);
	struct pattern *pattern = NULL;
	struct ddb_error err = {0};
	FUZZ_CHECK(whole);
	memcpy(whole, before, begin);
	memcpy(whole + begin, text, length);
	memcpy(whole + begin + length, after, end);
	enum ddb_code code = pattern_new(whole, begin + length + end, &pattern, &err);
	free(whole);
	if (!code)
		return pattern;
	fuzz_check_error(code, &err);
	FUZZ_CHECK(strstr(err.message, "at most") || strstr(err.message, "Nesting") ||
		   code == DDB_ITEM_TOO_LARGE);
	return NULL;
}

/* What nothing can be is the first alternative. */
#define NOTHING "{\"$or\":[{\"eventID\":[{\"exists\":false}],\"$or\":[{\"eventID\":[{\"exists\":true}]}]},"

static void check_alternatives(
	const struct pattern *pattern, const char *text, size_t length, const struct ddb_value *record)
{
	bool matches = pattern_matches(pattern, record);
	struct pattern *one = read_within("{\"$or\":[", text, length, "]}");
	struct pattern *two = read_within(NOTHING, text, length, "]}");
	FUZZ_CHECK(pattern_matches(pattern, record) == matches);
	FUZZ_CHECK(!one || pattern_matches(one, record) == matches);
	FUZZ_CHECK(!two || pattern_matches(two, record) == matches);
	pattern_free(one);
	pattern_free(two);
}

static void run(const char *text, size_t length, const char *rest, size_t rest_length)
{
	static const struct ddb_json_limits limits = {.nesting = 128, .nodes = 100000, .object_only = true};
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct pattern *pattern = NULL;
	struct ddb_error err = {0};
	struct ddb_value record;
	enum ddb_code code = pattern_new(text, length, &pattern, &err);
	if (code) {
		fuzz_check_error(code, &err);
		FUZZ_CHECK(!pattern);
		return;
	}
	ddb_arena_init(&arena, MEMORY);
	if (ddb_json_read(&arena, &limits, rest, rest_length, &record, NULL))
		record = (struct ddb_value){.type = DDB_M};
	check_alternatives(pattern, text, length, &record);
	pattern_free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const uint8_t *line = size ? memchr(bytes, '\n', size) : NULL;
	size_t length = line ? (size_t)(line - bytes) : size, rest = line ? size - length - 1 : 0;
	char *text = fuzz_copy(bytes, length), *record = fuzz_copy(bytes + size - rest, rest);
	run(text, length, record, rest);
	free(text);
	free(record);
	return 0;
}
