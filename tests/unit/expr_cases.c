/*
 * Every expression of the cases in data/expr: parsed, asked of the case's item, and compared with the answer
 * or the refusal that stands there.
 */
#include "engine/expr/changes.h"
#include "engine/expr/keycondition.h"
#include "engine/expr/legacy.h"
#include "engine/expr/predicate.h"
#include "engine/expr/selection.h"
#include "engine/typed.h"
#include "mapping/document/document.h"

#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "expr_case_file.h"

enum { MEMORY = 64 << 20, ANSWER_MAX = 8 << 20, CASES_MIN = 400 };

/* What a case is judged with. */
struct run {
	struct ddb_arena arena;
	struct ddb_scope scope;
	const struct ddb_value *item; /* NULL: there is none */
	struct ddb_definition *definition;
	struct ddb_table table;
	const char *path;
	const struct expr_case *one;
	bool failed;
	struct ddb_buffer answer;
	struct ddb_error err;
};

/* ---- JSON ---- */

static const struct ddb_value *read_json(struct run *run, const char *text)
{
	static const struct ddb_json_limits limits = {.nesting = 128, .nodes = 1 << 20};
	struct ddb_value *json = ddb_arena_alloc(&run->arena, sizeof *json);
	struct ddb_error err = {0};
	assert_non_null(json);
	if (ddb_json_read(&run->arena, &limits, text, strlen(text), json, &err))
		fail_msg("%s\n%s", err.message, text);
	return json;
}

static const struct ddb_value *read_document(struct run *run, const char *text)
{
	struct ddb_value *value = ddb_arena_alloc(&run->arena, sizeof *value);
	struct ddb_error err = {0};
	assert_non_null(value);
	if (map_document_read(&run->arena, read_json(run, text), DDB_RENDER_PLAIN, value, &err))
		fail_msg("%s\n%s", err.message, text);
	return value;
}

/* In DynamoDB's JSON: values that are larger than an item. */
static const struct ddb_value *read_typed(struct run *run, const char *text)
{
	struct ddb_value *value = ddb_arena_alloc(&run->arena, sizeof *value);
	assert_non_null(value);
	assert_int_equal(ddb_typed_read_item(&run->arena, read_json(run, text), value, NULL), DDB_OK);
	return value;
}

static void show(struct run *run, const struct ddb_value *item)
{
	map_document_write(&run->table, item, DDB_RENDER_PLAIN, false, &run->answer);
	assert_true(run->answer.length && !run->answer.failed);
	run->answer.length--; /* the newline */
}

static void show_value(struct run *run, const char *name, const struct ddb_value *value)
{
	struct ddb_attribute attribute = {name, (uint32_t)strlen(name), *value};
	const struct ddb_value map = {.type = DDB_M, .count = 1, .attributes = &attribute};
	size_t from = run->answer.length;
	show(run, &map);
	run->answer.bytes[from] = ' ';
	run->answer.length--;
}

static void check_text(struct run *run, const char *what, const char *wanted /* NULL: nothing */)
{
	ddb_buffer_add_byte(&run->answer, '\0');
	assert_false(run->answer.failed);
	if (!wanted || strcmp(run->answer.bytes, wanted)) {
		print_error("%s:%u: %s is\n%s\nand not\n%s\n", run->path, run->one->line, what,
			run->answer.bytes, wanted ? wanted : "(nothing of the kind)");
		run->failed = true;
	}
	ddb_buffer_clear(&run->answer);
}

static void expect(struct run *run, const char *what, bool held)
{
	if (held)
		return;
	print_error("%s:%u: %s does not hold\n", run->path, run->one->line, what);
	run->failed = true;
}

/* ---- What is asked ---- */

typedef enum ddb_code asking(struct run *run, const char *text);

static enum ddb_code answer_bool(struct run *run, enum ddb_code code, const struct ddb_predicate *predicate)
{
	if (code)
		return code;
	ddb_buffer_add_string(&run->answer, ddb_predicate_holds(predicate, run->item) ? "true" : "false");
	const char *names = case_text(run->one, "mentions");
	for (size_t length; names && *names; names += length + (names[length] == ' ')) {
		length = strcspn(names, " ");
		bool absent = *names == '-';
		expect(run, "mentions",
			ddb_predicate_mentions(predicate, names + absent, length - absent) == !absent);
	}
	return DDB_OK;
}

static enum ddb_code ask_condition(struct run *run, const char *text)
{
	const struct ddb_predicate *predicate = NULL;
	enum ddb_code code = ddb_predicate_parse(
		&run->scope, DDB_CONDITION_EXPRESSION, text, strlen(text), &predicate, &run->err);
	return answer_bool(run, code, predicate);
}

static enum ddb_code ask_filter(struct run *run, const char *text)
{
	const struct ddb_predicate *predicate = NULL;
	enum ddb_code code = ddb_predicate_parse(
		&run->scope, DDB_FILTER_EXPRESSION, text, strlen(text), &predicate, &run->err);
	return answer_bool(run, code, predicate);
}

static enum ddb_code ask_legacy(struct run *run, enum ddb_legacy_use use, const char *text)
{
	const struct ddb_predicate *predicate = NULL;
	const char *operator_ = case_text(run->one, "operator");
	enum ddb_code code = ddb_legacy_predicate(&run->arena, use, *text ? read_json(run, text) : NULL,
		operator_ ? read_json(run, operator_) : NULL, &predicate, &run->err);
	return answer_bool(run, code, predicate);
}

static enum ddb_code ask_expected(struct run *run, const char *text)
{
	return ask_legacy(run, DDB_LEGACY_EXPECTED, text);
}

static enum ddb_code ask_query_filter(struct run *run, const char *text)
{
	return ask_legacy(run, DDB_LEGACY_QUERY_FILTER, text);
}

static enum ddb_code ask_scan_filter(struct run *run, const char *text)
{
	return ask_legacy(run, DDB_LEGACY_SCAN_FILTER, text);
}

static enum ddb_code answer_selection(
	struct run *run, enum ddb_code code, const struct ddb_selection *selection)
{
	struct ddb_value part;
	if (!code)
		code = ddb_selection_apply(&run->arena, selection, run->item, &part, &run->err);
	if (code)
		return code;
	const char *wanted = case_text(run->one, "names-of");
	if (wanted) {
		const struct ddb_value *names;
		size_t count = ddb_selection_names(selection, &names);
		for (size_t i = 0; i < count; i++)
			ddb_buffer_add_format(&run->answer, "%s%.*s", i ? " " : "", (int)names[i].count,
				(const char *)names[i].bytes);
		check_text(run, "names-of", wanted);
	}
	show(run, &part);
	return DDB_OK;
}

static enum ddb_code ask_select(struct run *run, const char *text)
{
	const struct ddb_selection *selection = NULL;
	enum ddb_code code = ddb_selection_parse(&run->scope, text, strlen(text), &selection, &run->err);
	return answer_selection(run, code, selection);
}

static enum ddb_code ask_attributes_to_get(struct run *run, const char *text)
{
	const struct ddb_selection *selection = NULL;
	enum ddb_code code = ddb_selection_of_names(&run->arena, read_json(run, text), &selection, &run->err);
	return answer_selection(run, code, selection);
}

static void check_number(struct run *run, const char *keyword, size_t number)
{
	const char *wanted = case_text(run->one, keyword);
	if (!wanted)
		return;
	ddb_buffer_add_format(&run->answer, "%zu", number);
	check_text(run, keyword, wanted);
}

static void check_touched(struct run *run, const char *keyword, const struct ddb_changes *changes,
	const struct ddb_value *image, enum ddb_image which)
{
	const char *wanted = case_text(run->one, keyword);
	struct ddb_value part;
	if (!wanted)
		return;
	assert_int_equal(ddb_changes_touched(&run->arena, changes, image, which, &part, &run->err), DDB_OK);
	show(run, &part);
	check_text(run, keyword, wanted);
}

/* "a -b c=1": writes a, not b, and sets c to that. */
static void check_writes(struct run *run, const struct ddb_changes *changes)
{
	const char *names = case_text(run->one, "writes");
	for (size_t length; names && *names; names += length + (names[length] == ' ')) {
		const struct ddb_value *value = NULL;
		bool absent = *names == '-';
		length = strcspn(names, " ");
		size_t name = strcspn(names, " =");
		expect(run, "writes",
			ddb_changes_write(changes, names + absent, name - absent, &value) == !absent);
		expect(run, "writes",
			ddb_changes_write(changes, names + absent, name - absent, NULL) == !absent);
		expect(run, "the value written", (names[name] == '=') == (value != NULL));
		if (names[name] != '=' || !value)
			continue;
		show_value(run, "", value);
		char wanted[100];
		snprintf(wanted, sizeof wanted, " \"\":%.*s", (int)(length - name - 1), names + name + 1);
		check_text(run, "writes", wanted);
	}
}

static enum ddb_code answer_changes(struct run *run, enum ddb_code code, const struct ddb_changes *changes)
{
	static const struct ddb_value none = {.type = DDB_M};
	struct ddb_value made;
	size_t written = 0;
	if (!code)
		code = ddb_changes_apply(&run->arena, changes, run->item, &made, &written, &run->err);
	if (code)
		return code;
	check_number(run, "written", written);
	check_number(run, "creates", ddb_changes_create(changes));
	check_touched(run, "old", changes, run->item ? run->item : &none, DDB_IMAGE_OLD);
	check_touched(run, "new", changes, &made, DDB_IMAGE_NEW);
	check_writes(run, changes);
	show(run, &made);
	return DDB_OK;
}

static enum ddb_code ask_update(struct run *run, const char *text)
{
	const struct ddb_changes *changes = NULL;
	enum ddb_code code = ddb_changes_parse(&run->scope, text, strlen(text), &changes, &run->err);
	return answer_changes(run, code, changes);
}

static enum ddb_code ask_set_map(struct run *run, const char *text)
{
	const struct ddb_changes *changes = NULL;
	enum ddb_code code = ddb_changes_of_map(&run->arena, read_document(run, text), &changes, &run->err);
	return answer_changes(run, code, changes);
}

static enum ddb_code ask_attribute_updates(struct run *run, const char *text)
{
	const struct ddb_changes *changes = NULL;
	enum ddb_code code = ddb_legacy_changes(&run->arena, read_json(run, text), &changes, &run->err);
	return answer_changes(run, code, changes);
}

/* ---- Key conditions ---- */

static struct ddb_key_attribute read_attribute(const char *text, size_t length)
{
	static char names[2 * DDB_INDEX_KEY_PARTS_MAX][32];
	static unsigned next;
	char *name = names[next++ % (2 * DDB_INDEX_KEY_PARTS_MAX)];
	assert_true(length > 2 && length - 2 < sizeof names[0] && text[length - 2] == ':');
	memcpy(name, text, length - 2);
	name[length - 2] = '\0';
	char type = text[length - 1];
	return (struct ddb_key_attribute){name, (uint32_t)length - 2,
		type == 'S'   ? DDB_S
		: type == 'N' ? DDB_N
			      : DDB_B};
}

/* "p:S q:N | a:S b:N": HASH, then RANGE. */
static struct ddb_key_schema read_schema(struct run *run)
{
	static struct ddb_key_attribute hash[DDB_INDEX_KEY_PARTS_MAX], range[DDB_INDEX_KEY_PARTS_MAX];
	struct ddb_key_schema schema = {0, 0, hash, range};
	const char *text = case_text(run->one, "schema");
	bool behind = false;
	if (!text)
		text = "pk:S | sk:N";
	for (size_t length; *text; text += length + (text[length] == ' ')) {
		length = strcspn(text, " ");
		if (*text == '|')
			behind = true;
		else if (behind)
			range[schema.range_count++] = read_attribute(text, length);
		else
			hash[schema.hash_count++] = read_attribute(text, length);
	}
	return schema;
}

static void show_bound(struct run *run, const char *operator_, const struct ddb_bound *bound)
{
	if (!bound->given)
		return;
	char name[8];
	snprintf(name, sizeof name, "%s%s", operator_, bound->inclusive ? "=" : "");
	show_value(run, name, &bound->value);
}

static enum ddb_code answer_key(
	struct run *run, enum ddb_code code, const struct ddb_key_condition *condition)
{
	const struct ddb_key_schema schema = read_schema(run);
	struct ddb_key_range range;
	if (!code)
		code = ddb_key_condition_resolve(&run->arena, condition, &schema, &range, &run->err);
	if (code)
		return code;
	show_value(run, "partition", &range.partition);
	for (unsigned i = 0; i < range.prefix_count; i++)
		show_value(run, "=", &range.prefix[i]);
	show_bound(run, ">", &range.lower);
	show_bound(run, "<", &range.upper);
	if (range.has_begins_with)
		show_value(run, "begins_with", &range.begins_with);
	memmove(run->answer.bytes, run->answer.bytes + 1, --run->answer.length);
	return DDB_OK;
}

static enum ddb_code ask_key(struct run *run, const char *text)
{
	const struct ddb_key_condition *condition = NULL;
	enum ddb_code code = ddb_key_condition_parse(&run->scope, text, strlen(text), &condition, &run->err);
	return answer_key(run, code, condition);
}

static enum ddb_code ask_key_conditions(struct run *run, const char *text)
{
	const struct ddb_key_condition *condition = NULL;
	enum ddb_code code =
		ddb_legacy_key_condition(&run->arena, read_json(run, text), &condition, &run->err);
	return answer_key(run, code, condition);
}

/* Only the names and values. */
static enum ddb_code ask_nothing(struct run *run, const char *text)
{
	ddb_buffer_add_string(&run->answer, text);
	return DDB_OK;
}

/* ---- Cases ---- */

static const struct {
	const char *keyword;
	asking *ask;
} askers[] = {
	{"condition", ask_condition},
	{"filter", ask_filter},
	{"select", ask_select},
	{"update", ask_update},
	{"key", ask_key},
	{"nothing", ask_nothing},
	{"set", ask_set_map},
	{"expected", ask_expected},
	{"query-filter", ask_query_filter},
	{"scan-filter", ask_scan_filter},
	{"attributes-to-get", ask_attributes_to_get},
	{"attribute-updates", ask_attribute_updates},
	{"key-conditions", ask_key_conditions},
};

static asking *find_asker(const char *keyword)
{
	for (size_t i = 0; i < sizeof askers / sizeof *askers; i++) {
		if (!strcmp(askers[i].keyword, keyword))
			return askers[i].ask;
	}
	return NULL;
}

static enum ddb_code open_scope(struct run *run)
{
	const char *names = case_text(run->one, "names"), *values = case_text(run->one, "values"),
		   *typed = case_text(run->one, "typed-values");
	return ddb_scope_init(&run->scope, &run->arena, names ? read_json(run, names) : NULL,
		values  ? read_document(run, values)
		: typed ? read_typed(run, typed)
			: NULL,
		case_text(run->one, "literals") != NULL, &run->err);
}

/* All expressions of a case; the answer is the last one's. */
static enum ddb_code ask_all(struct run *run)
{
	enum ddb_code code = open_scope(run);
	for (size_t i = 0; i < run->one->count && !code; i++) {
		asking *ask = find_asker(run->one->lines[i].keyword);
		if (!ask)
			continue;
		ddb_buffer_clear(&run->answer);
		code = ask(run, run->one->lines[i].text);
	}
	return code ? code : ddb_scope_finish(&run->scope, &run->err);
}

static void check_keywords(struct run *run)
{
	static const char *const words[] = {"names", "values", "typed-values", "literals", "item", "schema",
		"operator", "mentions", "names-of", "written", "creates", "old", "new", "writes", "=", "!"};
	for (size_t i = 0; i < run->one->count; i++) {
		const char *keyword = run->one->lines[i].keyword;
		bool known = find_asker(keyword);
		for (size_t j = 0; j < sizeof words / sizeof *words; j++)
			known |= !strcmp(words[j], keyword);
		expect(run, keyword, known);
	}
}

static void judge(struct run *run)
{
	const char *answer = case_text(run->one, "="), *refusal = case_text(run->one, "!");
	check_keywords(run);
	expect(run, "one of = and !", !answer != !refusal);
	enum ddb_code code = ask_all(run);
	if (code) {
		expect(run, "a refusal", code == DDB_VALIDATION || code == DDB_SERIALIZATION);
		expect(run, "the error's code", run->err.code == code);
		ddb_buffer_clear(&run->answer);
		ddb_buffer_add_string(&run->answer, run->err.message);
	}
	check_text(run, code ? "the refusal" : "the answer", code ? refusal : answer);
}

static void set_item(struct run *run, const char *text)
{
	run->item = strcmp(text, "-") ? read_document(run, text) : NULL; /* - is none */
}

/* Counts a case, and a failure. */
struct tally {
	unsigned cases, failures;
};

static void run_case(const char *path, const struct expr_case *one, char **item, struct tally *tally)
{
	static const struct ddb_key_attribute hash = {"\xff", 1, DDB_S};
	struct run run = {.path = path, .one = one};
	if (one->count == 1 && case_text(one, "item")) {
		free(*item);
		*item = strdup(case_text(one, "item"));
		return;
	}
	ddb_arena_init(&run.arena, MEMORY);
	ddb_buffer_init(&run.answer, ANSWER_MAX);
	assert_int_equal(ddb_definition_simple(&hash, NULL, &run.definition, NULL), DDB_OK);
	run.table.definition = run.definition;
	set_item(&run, case_text(one, "item") ? case_text(one, "item") : *item);
	judge(&run);
	ddb_definition_unref(run.definition);
	ddb_buffer_done(&run.answer);
	ddb_arena_done(&run.arena);
	tally->cases++;
	tally->failures += run.failed;
}

static void run_file(const char *path, struct tally *tally)
{
	struct case_file *file = case_file_open(path);
	char *item = strdup("{}");
	const struct expr_case *one;
	while ((one = case_file_next(file)))
		run_case(path, one, &item, tally);
	free(item);
	case_file_close(file);
}

static void test_cases(void **state)
{
	(void)state;
	char directory[PATH_MAX], path[2 * PATH_MAX];
	const char *root = getenv("MESON_SOURCE_ROOT");
	struct dirent **files;
	struct tally tally = {0};
	snprintf(directory, sizeof directory, "%s/tests/unit/data/expr", root ? root : ".");
	int count = scandir(directory, &files, NULL, alphasort);
	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		if (files[i]->d_name[0] != '.') {
			snprintf(path, sizeof path, "%s/%s", directory, files[i]->d_name);
			unsigned before = tally.cases;
			run_file(path, &tally);
			assert_true(tally.cases > before);
		}
		free(files[i]);
	}
	free(files);
	printf("%u cases\n", tally.cases);
	assert_int_equal(tally.failures, 0);
	assert_true(tally.cases >= CASES_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
