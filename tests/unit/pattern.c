/*
 * Event patterns: what they match and how they are refused, by the cases of data/pattern.cases.
 */
#include "tools/trigger/pattern.h"

#include "engine/json.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/expr_case_file.h"

enum { MEMORY = 1 << 22, CASES_MIN = 130 };

/* What a pattern says of a record, or why it is refused. */
static void ask(const char *text, const char *record_text, char answer[DDB_MESSAGE_MAX])
{
	static const struct ddb_json_limits record_limits = {
		.nesting = 128, .nodes = 10000, .object_only = true};
	struct ddb_arena arena DDB_ARENA_AUTO = {0};
	struct pattern *pattern = NULL;
	struct ddb_value record;
	struct ddb_error err;
	enum ddb_code code = pattern_new(text, strlen(text), &pattern, &err);

	if (code) {
		assert_int_equal(code, DDB_VALIDATION);
		snprintf(answer, DDB_MESSAGE_MAX, "%s", err.message);
		return;
	}
	ddb_arena_init(&arena, MEMORY);
	assert_int_equal(
		ddb_json_read(&arena, &record_limits, record_text, strlen(record_text), &record, &err),
		DDB_OK);
	strcpy(answer, pattern_matches(pattern, &record) ? "yes" : "no");
	pattern_free(pattern);
}

static bool judge_case(const char *path, const struct expr_case *one, const char *record)
{
	const char *pattern = case_text(one, "pattern"), *answer = case_text(one, "="),
		   *refusal = case_text(one, "!"), *own = case_text(one, "record");
	char got[DDB_MESSAGE_MAX];

	assert_true(pattern && !answer != !refusal && one->count == 2U + !!own);
	ask(pattern, own ? own : record, got);
	bool refused = strcmp(got, "yes") != 0 && strcmp(got, "no") != 0;
	if (refused == !!refusal && !strcmp(got, answer ? answer : refusal))
		return true;
	fprintf(stderr, "%s:%u: %s: %s\n", path, one->line, pattern, got);
	return false;
}

static void test_cases(void **state)
{
	(void)state;
	const char *root = getenv("MESON_SOURCE_ROOT");
	unsigned cases = 0, failures = 0;
	const struct expr_case *one;
	char path[PATH_MAX], *record = NULL;
	snprintf(path, sizeof path, "%s/tests/unit/data/pattern.cases", root ? root : ".");
	struct case_file *file = case_file_open(path);
	while ((one = case_file_next(file))) {
		if (one->count == 1 && case_text(one, "record")) {
			free(record);
			record = strdup(case_text(one, "record"));
			continue;
		}
		cases++;
		failures += !judge_case(path, one, record);
	}
	case_file_close(file);
	free(record);
	printf("%u cases\n", cases);
	assert_int_equal(failures, 0);
	assert_true(cases >= CASES_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
