/*
 * Table definitions: reading, refusals, the canonical form (cases in data/definition.cases), limits,
 * comparisons, updates, and random damage to valid definitions.
 */
#include "engine/base64.h"
#include "engine/utf8.h"
#include "engine/definition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TEXT_MAX = 4 << 20 };

/* ---- Helpers ---- */

/* @A a:S b:N; and @K a:HASH b:RANGE; spelt out. */
static void expand(const char *text, struct ddb_buffer *out)
{
	for (; *text; text++) {
		if (text[0] != '@' || (text[1] != 'A' && text[1] != 'K')) {
			ddb_buffer_add_byte(out, *text);
			continue;
		}
		bool key = text[1] == 'K';
		ddb_buffer_add_string(out, key ? "\"KeySchema\":[" : "\"AttributeDefinitions\":[");
		const char *separator = "";
		for (text += 2; *text == ' ';) {
			size_t name = strcspn(++text, ":"), word = strcspn(text + name + 1, " ;");
			ddb_buffer_add_format(out, "%s{\"AttributeName\":\"%.*s\",\"%s\":\"%.*s\"}",
				separator, (int)name, text, key ? "KeyType" : "AttributeType", (int)word,
				text + name + 1);
			text += name + 1 + word;
			separator = ",";
		}
		assert_int_equal(*text, ';');
		ddb_buffer_add_byte(out, ']');
	}
	ddb_buffer_add_byte(out, '\0');
	out->length--;
	assert_false(out->failed);
}

static enum ddb_code read_definition(const char *text, struct ddb_definition **ret, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer expanded;
	ddb_buffer_init(&expanded, TEXT_MAX);
	expand(text, &expanded);
	return ddb_definition_read(expanded.bytes, expanded.length, ret, err);
}

static struct ddb_definition *must_read(const char *text)
{
	struct ddb_definition *definition = NULL;
	struct ddb_error err = {0};
	if (read_definition(text, &definition, &err))
		fail_msg("%s\n%s", err.message, text);
	return definition;
}

static void must_refuse(const char *text, enum ddb_code wanted, const char *message)
{
	struct ddb_definition *definition = NULL;
	struct ddb_error err = {0};
	assert_int_equal(read_definition(text, &definition, &err), wanted);
	assert_null(definition);
	assert_int_equal(err.code, wanted);
	assert_string_equal(err.message, message);
}

static void write_definition(const struct ddb_definition *definition, bool pretty, struct ddb_buffer *out)
{
	struct ddb_json_out json;
	ddb_json_out_init(&json, out, pretty);
	ddb_definition_write(definition, &json);
	ddb_buffer_add_byte(out, '\0');
	out->length--;
	assert_false(out->failed);
}

/* What is written reads back equal, and writes the same again. */
static void check_round_trip(const struct ddb_definition *definition)
{
	for (int pretty = 0; pretty < 2; pretty++) {
		DDB_BUFFER_AUTO struct ddb_buffer first, second;
		ddb_buffer_init(&first, TEXT_MAX);
		ddb_buffer_init(&second, TEXT_MAX);
		write_definition(definition, pretty, &first);
		struct ddb_definition *again = NULL;
		struct ddb_error err = {0};
		if (ddb_definition_read(first.bytes, first.length, &again, &err))
			fail_msg("%s\n%s", first.bytes, err.message);
		assert_true(ddb_definition_equal(definition, again));
		assert_true(ddb_definition_same_key(definition, again));
		assert_int_equal(ddb_definition_update_check(definition, again, NULL), DDB_OK);
		write_definition(again, pretty, &second);
		assert_string_equal(first.bytes, second.bytes);
		ddb_definition_unref(again);
	}
}

/* ---- The cases ---- */

static void check_accepted(const char *text, const char *wanted)
{
	struct ddb_definition *definition = must_read(text);
	DDB_BUFFER_AUTO struct ddb_buffer expected, found;
	ddb_buffer_init(&expected, TEXT_MAX);
	ddb_buffer_init(&found, TEXT_MAX);
	expand(wanted, &expected);
	write_definition(definition, false, &found);
	assert_string_equal(found.bytes, expected.bytes);
	check_round_trip(definition);
	ddb_definition_unref(definition);
}

/* `wanted`: an error's name, and perhaps ": " and its whole message. */
static void check_refused(const char *text, const char *wanted)
{
	struct ddb_definition *definition = NULL;
	struct ddb_error err = {0};
	enum ddb_code code = read_definition(text, &definition, &err);
	if (!code)
		fail_msg("accepted: %s", text);
	assert_null(definition);
	assert_int_equal(code, err.code);
	char found[DDB_MESSAGE_MAX + 64];
	const char *name = ddb_error_row(code)->name;
	snprintf(found, sizeof found, "%s: %s", name, err.message);
	if (strcmp(found, wanted) && strcmp(name, wanted))
		fail_msg("found:  %s\nwanted: %s\n%s", found, wanted, text);
	/* Without an error to fill, too. */
	assert_int_equal(read_definition(text, &definition, NULL), code);
}

struct cases {
	char *text;
	unsigned count;
	const char *input[512], *wanted[512];
};

static int load_cases(void **state)
{
	static struct cases cases;
	const char *root = getenv("MESON_SOURCE_ROOT");
	char path[4096];
	snprintf(path, sizeof path, "%s/tests/unit/data/definition.cases", root ? root : ".");
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	cases.text = calloc(1, 1 << 20);
	assert_non_null(cases.text);
	size_t length = fread(cases.text, 1, (1 << 20) - 1, file);
	assert_in_range(length, 1, (1 << 20) - 2);
	fclose(file);
	char *rest = NULL, *input = NULL;
	for (char *line = strtok_r(cases.text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (*line == '#')
			continue;
		if (!input) {
			input = line;
			continue;
		}
		assert_in_range(cases.count, 0, 511);
		cases.input[cases.count] = input;
		cases.wanted[cases.count++] = line;
		input = NULL;
	}
	assert_null(input);
	assert_in_range(cases.count, 90, 512);
	*state = &cases;
	return 0;
}

static int free_cases(void **state)
{
	free(((struct cases *)*state)->text);
	return 0;
}

static void test_cases(void **state)
{
	const struct cases *cases = *state;
	for (unsigned i = 0; i < cases->count; i++) {
		if (*cases->wanted[i] == '!')
			check_refused(cases->input[i], cases->wanted[i] + 1);
		else
			check_accepted(cases->input[i], cases->wanted[i]);
	}
}

static void test_pretty(void **state)
{
	(void)state;
	static const char wanted[] = "{\n"
				     "  \"AttributeDefinitions\": [\n"
				     "    {\n"
				     "      \"AttributeName\": \"a\",\n"
				     "      \"AttributeType\": \"S\"\n"
				     "    }\n"
				     "  ],\n"
				     "  \"KeySchema\": [\n"
				     "    {\n"
				     "      \"AttributeName\": \"a\",\n"
				     "      \"KeyType\": \"HASH\"\n"
				     "    }\n"
				     "  ]\n"
				     "}";
	struct ddb_definition *definition = must_read("{@A a:S;,@K a:HASH;}");
	DDB_BUFFER_AUTO struct ddb_buffer found;
	ddb_buffer_init(&found, TEXT_MAX);
	write_definition(definition, true, &found);
	assert_string_equal(found.bytes, wanted);
	ddb_definition_unref(definition);
}

static void test_members(void **state)
{
	(void)state;
	struct ddb_definition *definition = must_read(
		"{\"TableName\":\"a/b\",@A a:S b:N c:B;,@K a:HASH b:RANGE;,"
		"\"GlobalSecondaryIndexes\":[{\"IndexName\":\"ggg\",@K c:HASH b:HASH a:RANGE;,"
		"\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"y\",\"x\"]}}],"
		"\"LocalSecondaryIndexes\":[{\"IndexName\":\"lll\",@K a:HASH c:RANGE;,"
		"\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}],"
		"\"TimeToLiveSpecification\":{\"AttributeName\":\"t\",\"Enabled\":true},"
		"\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"OLD_IMAGE\"}}");
	assert_string_equal(definition->table_name, "a/b");
	assert_string_equal(definition->hash.name, "a");
	assert_int_equal(definition->hash.name_length, 1);
	assert_int_equal(definition->hash.type, DDB_S);
	assert_true(definition->has_range);
	assert_int_equal(definition->range.type, DDB_N);
	assert_false(definition->provisioned);
	assert_int_equal(definition->stream, DDB_STREAM_OLD);
	assert_string_equal(definition->ttl_attribute, "t");
	assert_int_equal(definition->index_count, 2);
	const struct ddb_index_definition *local = &definition->indexes[0], *global = &definition->indexes[1];
	assert_true(local->local);
	assert_string_equal(local->name, "lll");
	assert_int_equal(local->projection, DDB_PROJECT_KEYS_ONLY);
	assert_string_equal(local->range[0].name, "c");
	assert_int_equal(local->range[0].type, DDB_B);
	assert_false(global->local);
	assert_int_equal(global->hash_count, 2);
	assert_int_equal(global->range_count, 1);
	assert_string_equal(global->hash[0].name, "c");
	assert_string_equal(global->hash[1].name, "b");
	assert_int_equal(global->include_count, 2);
	assert_string_equal(global->include[0], "x");
	ddb_definition_unref(definition);
}

/* ---- Limits ---- */

static void repeat(struct ddb_buffer *out, const char *piece, size_t count)
{
	while (count--)
		ddb_buffer_add_string(out, piece);
}

static void add_index(struct ddb_buffer *out, unsigned i, const char *key, const char *projection)
{
	ddb_buffer_add_format(out, "%s{\"IndexName\":\"index%u\",%s,\"Projection\":{%s}}", i ? "," : "", i,
		key, projection);
}

static void check_indexes(unsigned locals, unsigned globals, const char *message)
{
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, TEXT_MAX);
	ddb_buffer_add_string(&text, "{@A a:S b:S;,@K a:HASH b:RANGE;");
	if (locals)
		ddb_buffer_add_string(&text, ",\"LocalSecondaryIndexes\":[");
	for (unsigned i = 0; i < locals; i++)
		add_index(&text, i, "@K a:HASH b:RANGE;", "\"ProjectionType\":\"ALL\"");
	repeat(&text, "]", locals > 0);
	if (globals)
		ddb_buffer_add_string(&text, ",\"GlobalSecondaryIndexes\":[");
	for (unsigned i = 0; i < globals; i++)
		add_index(&text, i, "@K b:HASH;", "\"ProjectionType\":\"ALL\"");
	repeat(&text, "]", globals > 0);
	ddb_buffer_add(&text, "}", 2);
	if (message) {
		must_refuse(text.bytes, DDB_VALIDATION, message);
		return;
	}
	struct ddb_definition *definition = must_read(text.bytes);
	assert_int_equal(definition->index_count, locals + globals);
	check_round_trip(definition);
	ddb_definition_unref(definition);
}

static void test_index_count(void **state)
{
	(void)state;
	check_indexes(5, 0, NULL);
	check_indexes(0, 20, NULL);
	check_indexes(6, 0,
		"One or more parameter values were invalid: Number of LocalSecondaryIndexes exceeds "
		"per-table limit of 5");
	check_indexes(0, 21,
		"One or more parameter values were invalid: GlobalSecondaryIndex count exceeds the per-table "
		"limit of 20");
}

static void check_projected(unsigned indexes, unsigned each, const char *message)
{
	DDB_BUFFER_AUTO struct ddb_buffer text, projection;
	ddb_buffer_init(&text, TEXT_MAX);
	ddb_buffer_init(&projection, TEXT_MAX);
	ddb_buffer_add_string(&projection, "\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[");
	for (unsigned i = 0; i < each; i++)
		ddb_buffer_add_format(&projection, "%s\"n%u\"", i ? "," : "", i);
	ddb_buffer_add(&projection, "]", 2);
	ddb_buffer_add_string(&text, "{@A a:S;,@K a:HASH;,\"GlobalSecondaryIndexes\":[");
	for (unsigned i = 0; i < indexes; i++)
		add_index(&text, i, "@K a:HASH;", projection.bytes);
	ddb_buffer_add(&text, "]}", 3);
	if (message) {
		must_refuse(text.bytes, DDB_VALIDATION, message);
		return;
	}
	struct ddb_definition *definition = must_read(text.bytes);
	check_round_trip(definition);
	ddb_definition_unref(definition);
}

static void test_projected_count(void **state)
{
	(void)state;
	check_projected(1, 100, NULL);
	check_projected(5, 20, NULL);
	check_projected(1, 101,
		"One or more parameter values were invalid: Number of NonKeyAttributes exceeds the limit of "
		"100 for index: index0");
	check_projected(2, 51,
		"One or more parameter values were invalid: Number of NonKeyAttributes over all indexes "
		"exceeds the per-table limit of 100");
	check_projected(1, 1001,
		"One or more parameter values were invalid: too many elements in "
		"globalSecondaryIndexes.1.member.projection.nonKeyAttributes");
}

/* A text of `count` times `piece` in the place of %s. */
static void check_length(const char *format, const char *piece, size_t count, const char *message)
{
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, TEXT_MAX);
	for (const char *next; (next = strchr(format, '%')); format = next + 1) {
		ddb_buffer_add(&text, format, (size_t)(next - format));
		repeat(&text, piece, count);
	}
	ddb_buffer_add(&text, format, strlen(format) + 1);
	struct ddb_definition *definition = NULL;
	struct ddb_error err = {0};
	enum ddb_code code = read_definition(text.bytes, &definition, &err);
	if (message) {
		assert_int_equal(code, DDB_VALIDATION);
		if (!strstr(err.message, message))
			fail_msg("%s\nwanted: %s", err.message, message);
		return;
	}
	assert_int_equal(code, DDB_OK);
	check_round_trip(definition);
	ddb_definition_unref(definition);
}

static void test_lengths(void **state)
{
	(void)state;
	static const char key[] =
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"%\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"%\",\"KeyType\":\"HASH\"}]}";
	static const char ttl[] =
		"{@A a:S;,@K a:HASH;,\"TimeToLiveSpecification\":{\"AttributeName\":\"%\",\"Enabled\":true}}";
	static const char index[] =
		"{@A a:S;,@K a:HASH;,\"GlobalSecondaryIndexes\":[{\"IndexName\":\"%\",@K a:HASH;,"
		"\"Projection\":{\"ProjectionType\":\"ALL\"}}]}";
	static const char include[] =
		"{@A a:S;,@K a:HASH;,\"GlobalSecondaryIndexes\":[{\"IndexName\":\"ggg\",@K a:HASH;,"
		"\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"%\"]}}]}";
	static const char tag_key[] = "{@A a:S;,@K a:HASH;,\"Tags\":[{\"Key\":\"%\",\"Value\":\"\"}]}";
	static const char tag_value[] = "{@A a:S;,@K a:HASH;,\"Tags\":[{\"Key\":\"k\",\"Value\":\"%\"}]}";
	static const char kms[] =
		"{@A a:S;,@K a:HASH;,\"SSESpecification\":{\"Enabled\":true,\"KMSMasterKeyId\":\"%\"}}";
	static const char less[] =
		"failed to satisfy constraint: Member must have length less than or equal to ";
	check_length(key, "x", 255, NULL);
	check_length(key, "x", 256, less);
	check_length(key, "\xC3\xBC", 127, NULL);
	check_length(key, "\xC3\xBC", 128, less);
	check_length(ttl, "x", 255, NULL);
	check_length(ttl, "x", 256, less);
	check_length(index, "x", 3, NULL);
	check_length(index, "x", 255, NULL);
	check_length(index, "x", 256, less);
	check_length(index, "x", 2, "Member must have length greater than or equal to 3");
	check_length(include, "x", 255, NULL);
	check_length(include, "x", 256, less);
	/* Tags count in characters. */
	check_length(tag_key, "\xC3\xBC", 128, NULL);
	check_length(tag_key, "\xC3\xBC", 129, less);
	check_length(tag_value, "\xC3\xBC", 256, NULL);
	check_length(tag_value, "\xC3\xBC", 257, less);
	check_length(kms, "x", 2048, NULL);
	check_length(kms, "x", 2049, less);
	check_length(ttl, "\\\"\\u0001", 127, NULL);
}

static void check_tags(unsigned count, const char *message)
{
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, TEXT_MAX);
	ddb_buffer_add_string(&text, "{@A a:S;,@K a:HASH;,\"Tags\":[");
	for (unsigned i = 0; i < count; i++)
		ddb_buffer_add_format(&text, "%s{\"Key\":\"k%u\",\"Value\":\"v\"}", i ? "," : "", i);
	ddb_buffer_add(&text, "]}", 3);
	if (message) {
		must_refuse(text.bytes, DDB_VALIDATION, message);
		return;
	}
	struct ddb_definition *definition = must_read(text.bytes);
	assert_int_equal(definition->tag_count, count);
	check_round_trip(definition);
	ddb_definition_unref(definition);
}

static void test_tag_count(void **state)
{
	(void)state;
	check_tags(50, NULL);
	check_tags(51, "One or more parameter values were invalid: Number of Tags exceeds the per-table "
		       "limit of 50");
}

/* The largest definition that there is, and texts larger than any. */
static void test_large(void **state)
{
	(void)state;
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, TEXT_MAX);
	ddb_buffer_add_string(&text, "{@A a:S b:S");
	for (unsigned i = 0; i < 160; i++)
		ddb_buffer_add_format(&text, " g%u:N", i);
	ddb_buffer_add_string(&text, ";,@K a:HASH b:RANGE;,\"GlobalSecondaryIndexes\":[");
	for (unsigned i = 0; i < 20; i++) {
		char key[256];
		unsigned k = 8 * i;
		snprintf(key, sizeof key,
			"@K g%u:HASH g%u:HASH g%u:HASH g%u:HASH g%u:RANGE g%u:RANGE g%u:RANGE g%u:RANGE;", k,
			k + 1, k + 2, k + 3, k + 4, k + 5, k + 6, k + 7);
		add_index(&text, i, key, "\"ProjectionType\":\"ALL\"");
	}
	ddb_buffer_add(&text, "]}", 3);
	struct ddb_definition *definition = must_read(text.bytes);
	check_round_trip(definition);
	ddb_definition_unref(definition);

	static const char too_large[] =
		"One or more parameter values were invalid: the definition is too large";
	ddb_buffer_clear(&text);
	repeat(&text, " ", DDB_DEFINITION_TEXT_MAX);
	ddb_buffer_add(&text, "{}", 3);
	must_refuse(text.bytes, DDB_VALIDATION, too_large);
	ddb_buffer_clear(&text);
	ddb_buffer_add_string(&text, "{\"KeySchema\":[1");
	repeat(&text, ",1", 100000);
	ddb_buffer_add(&text, "]}", 3);
	must_refuse(text.bytes, DDB_VALIDATION, too_large);
	ddb_buffer_clear(&text);
	ddb_buffer_add_string(&text, "{\"WarmThroughput\":");
	repeat(&text, "[", 100000);
	ddb_buffer_add(&text, "", 1);
	struct ddb_error err = {0};
	definition = NULL;
	assert_int_equal(read_definition(text.bytes, &definition, &err), DDB_VALIDATION);
	assert_null(definition);
}

/* Ten violations are told of at most, long values cut, and the message stays text. */
static void test_many_violations(void **state)
{
	(void)state;
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, TEXT_MAX);
	ddb_buffer_add_string(&text, "{@A a:S;,@K a:HASH;,\"Tags\":[");
	for (unsigned i = 0; i < 50; i++) {
		ddb_buffer_add_format(&text, "%s{\"Key\":\"", i ? "," : "");
		repeat(&text, "\xE2\x82\xAC", 1000 + i);
		ddb_buffer_add_string(&text, "\"}");
	}
	ddb_buffer_add(&text, "]}", 3);
	struct ddb_definition *definition = NULL;
	struct ddb_error err = {0};
	assert_int_equal(read_definition(text.bytes, &definition, &err), DDB_VALIDATION);
	assert_memory_equal(err.message, "10 validation errors detected: Value '", 38);
	assert_int_equal(ddb_utf8_prefix(err.message, strlen(err.message)), strlen(err.message));
}

/* ---- Comparisons and updates ---- */

#define TABLE "@A a:S b:N c:S;,@K a:HASH b:RANGE;"
#define LOCAL(name, projection)                                                                              \
	"\"LocalSecondaryIndexes\":[{\"IndexName\":\"" name                                                  \
	"\",@K a:HASH c:RANGE;,\"Projection\":{" projection "}}]"
#define GLOBAL(name, key, projection)                                                                        \
	"\"GlobalSecondaryIndexes\":[{\"IndexName\":\"" name "\"," key ",\"Projection\":{" projection "}}]"
#define ALL "\"ProjectionType\":\"ALL\""
#define INCLUDE(names) "\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[" names "]"
#define KEY_C "@K c:HASH;"

static const char *const different[] = {
	"{@A a:S;,@K a:HASH;}",
	"{@A a:N;,@K a:HASH;}",
	"{@A aa:S;,@K aa:HASH;}",
	"{@A a:S b:S;,@K a:HASH b:RANGE;}",
	"{@A a:S b:N;,@K a:HASH b:RANGE;}",
	"{@A a:S c:S;,@K a:HASH c:RANGE;}",
	"{" TABLE "," LOCAL("lll", ALL) "}",
	"{" TABLE "," LOCAL("mmm", ALL) "}",
	"{" TABLE "," LOCAL("lll", "\"ProjectionType\":\"KEYS_ONLY\"") "}",
	"{" TABLE "," GLOBAL("lll", KEY_C, ALL) "}",
	"{" TABLE "," GLOBAL("lll", "@K c:HASH a:RANGE;", ALL) "}",
	"{" TABLE "," GLOBAL("lll", "@K c:HASH b:RANGE;", ALL) "}",
	"{" TABLE "," GLOBAL("lll", "@K c:HASH a:HASH;", ALL) "}",
	"{" TABLE "," GLOBAL("lll", KEY_C, INCLUDE("\"x\"")) "}",
	"{" TABLE "," GLOBAL("lll", KEY_C, INCLUDE("\"y\"")) "}",
	"{" TABLE "," GLOBAL("lll", KEY_C, INCLUDE("\"x\",\"y\"")) "}",
	"{@A a:S;,@K a:HASH;,\"ProvisionedThroughput\":{\"ReadCapacityUnits\":1,\"WriteCapacityUnits\":1}}",
	"{@A a:S;,@K a:HASH;,\"ProvisionedThroughput\":{\"ReadCapacityUnits\":1,\"WriteCapacityUnits\":2}}",
	"{@A a:S;,@K a:HASH;,\"ProvisionedThroughput\":{\"ReadCapacityUnits\":2,\"WriteCapacityUnits\":1}}",
	"{@A a:S;,@K a:HASH;,\"ProvisionedThroughput\":{\"ReadCapacityUnits\":1,\"WriteCapacityUnits\":1},"
	"\"GlobalSecondaryIndexes\":[{\"IndexName\":\"ggg\",@K a:HASH;,\"Projection\":{" ALL "},"
	"\"ProvisionedThroughput\":{\"ReadCapacityUnits\":1,\"WriteCapacityUnits\":1}}]}",
	"{@A a:S;,@K a:HASH;,\"ProvisionedThroughput\":{\"ReadCapacityUnits\":1,\"WriteCapacityUnits\":1},"
	"\"GlobalSecondaryIndexes\":[{\"IndexName\":\"ggg\",@K a:HASH;,\"Projection\":{" ALL "},"
	"\"ProvisionedThroughput\":{\"ReadCapacityUnits\":1,\"WriteCapacityUnits\":2}}]}",
	"{@A a:S;,@K a:HASH;,\"StreamSpecification\":{\"StreamViewType\":\"KEYS_ONLY\"}}",
	"{@A a:S;,@K a:HASH;,\"StreamSpecification\":{\"StreamViewType\":\"NEW_IMAGE\"}}",
	"{@A a:S;,@K a:HASH;,\"SSESpecification\":{\"Enabled\":true}}",
	"{@A a:S;,@K a:HASH;,\"SSESpecification\":{\"Enabled\":true,\"SSEType\":\"AES256\"}}",
	"{@A a:S;,@K a:HASH;,\"SSESpecification\":{\"Enabled\":true,\"KMSMasterKeyId\":\"k\"}}",
	"{@A a:S;,@K a:HASH;,\"SSESpecification\":{\"Enabled\":true,\"KMSMasterKeyId\":\"l\"}}",
	"{@A a:S;,@K a:HASH;,\"TableClass\":\"STANDARD_INFREQUENT_ACCESS\"}",
	"{@A a:S;,@K a:HASH;,\"DeletionProtectionEnabled\":true}",
	"{@A a:S;,@K a:HASH;,\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}",
	"{@A a:S;,@K a:HASH;,\"Tags\":[{\"Key\":\"k\",\"Value\":\"w\"}]}",
	"{@A a:S;,@K a:HASH;,\"Tags\":[{\"Key\":\"l\",\"Value\":\"v\"}]}",
	"{@A a:S;,@K a:HASH;,\"TimeToLiveSpecification\":{\"AttributeName\":\"t\",\"Enabled\":true}}",
	"{@A a:S;,@K a:HASH;,\"TimeToLiveSpecification\":{\"AttributeName\":\"u\",\"Enabled\":true}}",
};
enum { DIFFERENT = sizeof different / sizeof *different };

/* Every member counts; two definitions are equal exactly when their canonical texts are. */
static void test_equal(void **state)
{
	(void)state;
	struct ddb_definition *all[DIFFERENT];
	struct ddb_buffer texts[DIFFERENT];
	for (unsigned i = 0; i < DIFFERENT; i++) {
		all[i] = must_read(different[i]);
		ddb_buffer_init(&texts[i], TEXT_MAX);
		write_definition(all[i], false, &texts[i]);
		check_round_trip(all[i]);
	}
	for (unsigned i = 0; i < DIFFERENT; i++)
		for (unsigned j = 0; j < DIFFERENT; j++) {
			if (ddb_definition_equal(all[i], all[j]) != (i == j) ||
				!strcmp(texts[i].bytes, texts[j].bytes) != (i == j))
				fail_msg("%s\n%s", different[i], different[j]);
		}
	for (unsigned i = 0; i < DIFFERENT; i++) {
		ddb_definition_unref(all[i]);
		ddb_buffer_done(&texts[i]);
	}
	struct ddb_definition *named = must_read("{\"TableName\":\"x\",@A a:S;,@K a:HASH;}"),
			      *plain = must_read(different[0]);
	assert_true(ddb_definition_equal(named, plain));
	ddb_definition_unref(named);
	ddb_definition_unref(plain);
}

static void test_same_key(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"{@A a:S;,@K a:HASH;}", "{@A a:S;,@K a:HASH;,\"DeletionProtectionEnabled\":true}", true},
		{"{@A a:S b:N;,@K a:HASH b:RANGE;}", "{@A a:S b:N;,@K a:HASH b:RANGE;}", true},
		{"{@A a:S;,@K a:HASH;}", "{@A a:N;,@K a:HASH;}", false},
		{"{@A a:S;,@K a:HASH;}", "{@A b:S;,@K b:HASH;}", false},
		{"{@A a:S;,@K a:HASH;}", "{@A a:S b:N;,@K a:HASH b:RANGE;}", false},
		{"{@A a:S b:N;,@K a:HASH b:RANGE;}", "{@A a:S b:S;,@K a:HASH b:RANGE;}", false},
		{"{@A a:S b:S;,@K a:HASH b:RANGE;}", "{@A a:S c:S;,@K a:HASH c:RANGE;}", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ddb_definition *a = must_read(rows[i].a), *b = must_read(rows[i].b);
		assert_int_equal(ddb_definition_same_key(a, b), rows[i].same);
		assert_int_equal(ddb_definition_same_key(b, a), rows[i].same);
		ddb_definition_unref(a);
		ddb_definition_unref(b);
	}
}

static void test_update(void **state)
{
	(void)state;
	static const char simple[] = "{@A a:S;,@K a:HASH;}", composite[] = "{@A a:S b:N;,@K a:HASH b:RANGE;}";
	static const char local[] = "{" TABLE "," LOCAL("lll", ALL) "}",
			  global[] = "{" TABLE "," GLOBAL("ggg", KEY_C, ALL) "}";
	static const struct {
		const char *old, *new_, *message; /* after the service's introduction; NULL: allowed */
	} rows[] = {
		{simple, simple, NULL},
		{simple,
			"{@A a:S;,@K "
			"a:HASH;,\"ProvisionedThroughput\":{\"ReadCapacityUnits\":1,\"WriteCapacityUnits\":1}"
			","
			"\"DeletionProtectionEnabled\":true,\"TableClass\":\"STANDARD_INFREQUENT_ACCESS\","
			"\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}],\"SSESpecification\":{\"Enabled\":true},"
			"\"StreamSpecification\":{\"StreamViewType\":\"KEYS_ONLY\"},"
			"\"TimeToLiveSpecification\":{\"AttributeName\":\"t\",\"Enabled\":true}}",
			NULL},
		{simple, "{@A b:S;,@K b:HASH;}", "KeySchema cannot be changed"},
		{simple, composite, "KeySchema cannot be changed"},
		{composite, simple, "KeySchema cannot be changed"},
		{composite, "{@A a:S c:N;,@K a:HASH c:RANGE;}", "KeySchema cannot be changed"},
		{composite, "{@A b:N a:S;,@K b:HASH a:RANGE;}", "KeySchema cannot be changed"},
		{simple, "{@A a:N;,@K a:HASH;}", "AttributeType of the key attribute a cannot be changed"},
		{composite, "{@A a:S b:B;,@K a:HASH b:RANGE;}",
			"AttributeType of the key attribute b cannot be changed"},
		{composite, local, "A local secondary index can only be made with its table: lll"},
		{local, composite, "A local secondary index cannot be dropped: lll"},
		{local, "{" TABLE "," LOCAL("mmm", ALL) "}",
			"A local secondary index cannot be dropped: lll"},
		{local, "{" TABLE "," LOCAL("lll", "\"ProjectionType\":\"KEYS_ONLY\"") "}",
			"Projection of a local secondary index cannot be changed: lll"},
		{local, "{@A a:S b:N c:N;,@K a:HASH b:RANGE;," LOCAL("lll", ALL) "}",
			"KeySchema of a local secondary index cannot be changed: lll"},
		{local, "{" TABLE "," LOCAL("lll", ALL) "," GLOBAL("ggg", KEY_C, ALL) "}", NULL},
		{local, "{" TABLE "," GLOBAL("lll", KEY_C, ALL) "}",
			"A local secondary index cannot be dropped: lll"},
		{composite, global, NULL},
		{global, composite, NULL},
		{global, "{" TABLE "," GLOBAL("hhh", KEY_C, ALL) "}", NULL},
		{global, "{" TABLE "," GLOBAL("ggg", "@K c:HASH a:RANGE;", ALL) "}",
			"KeySchema of a global secondary index cannot be changed: ggg"},
		{global, "{@A a:S b:N c:B;,@K a:HASH b:RANGE;," GLOBAL("ggg", KEY_C, ALL) "}",
			"KeySchema of a global secondary index cannot be changed: ggg"},
		{global, "{" TABLE "," GLOBAL("ggg", KEY_C, INCLUDE("\"x\"")) "}",
			"Projection of a global secondary index cannot be changed: ggg"},
		{"{" TABLE "," GLOBAL("ggg", KEY_C, INCLUDE("\"x\",\"y\"")) "}",
			"{" TABLE "," GLOBAL("ggg", KEY_C, INCLUDE("\"y\",\"x\"")) "}", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ddb_definition *old = must_read(rows[i].old), *new_ = must_read(rows[i].new_);
		struct ddb_error err = {0};
		enum ddb_code code = ddb_definition_update_check(old, new_, &err);
		char wanted[256];
		snprintf(wanted, sizeof wanted, "%s%s",
			rows[i].message ? "One or more parameter values were invalid: " : "",
			rows[i].message ? rows[i].message : "");
		assert_string_equal(err.message, wanted);
		assert_int_equal(code, rows[i].message ? DDB_VALIDATION : DDB_OK);
		ddb_definition_unref(old);
		ddb_definition_unref(new_);
	}
}

static void test_simple(void **state)
{
	(void)state;
	char name[] = "\xffpk";
	const struct ddb_key_attribute odd = {name, 3, DDB_S}, a = {"a", 1, DDB_S}, b = {"b", 1, DDB_N};
	struct ddb_definition *definition = NULL, *same = NULL;
	struct ddb_error err;
	assert_int_equal(ddb_definition_simple(&odd, NULL, &definition, &err), DDB_OK);
	name[0] = 'x'; /* it was copied */
	assert_string_equal(definition->hash.name, "\xffpk");
	assert_false(definition->has_range);
	assert_false(definition->provisioned);
	assert_ptr_equal(ddb_definition_ref(definition), definition);
	ddb_definition_unref(definition);
	assert_string_equal(definition->hash.name, "\xffpk");
	ddb_definition_unref(definition);
	assert_int_equal(ddb_definition_simple(&a, &b, &definition, &err), DDB_OK);
	same = must_read("{@A a:S b:N;,@K a:HASH b:RANGE;}");
	assert_true(ddb_definition_equal(definition, same));
	check_round_trip(definition);
	ddb_definition_unref(same);
	ddb_definition_unref(definition);
	ddb_definition_unref(NULL);
}

static void test_table_name(void **state)
{
	(void)state;
	static const char length[] =
		"TableName must be at least 3 characters long and at most 255 characters long";
	char name[256];
	memset(name, 'x', sizeof name);
	struct ddb_error err = {0};
	assert_int_equal(ddb_table_name_check(name, 3, NULL), DDB_OK);
	assert_int_equal(ddb_table_name_check(name, 255, NULL), DDB_OK);
	assert_int_equal(ddb_table_name_check("aZ0_.-", 6, NULL), DDB_OK);
	assert_int_equal(ddb_table_name_check("...", 3, NULL), DDB_OK);
	for (size_t bad = 0; bad <= 256; bad += bad == 2 ? 254 : 1) {
		assert_int_equal(ddb_table_name_check(name, bad, &err), DDB_VALIDATION);
		assert_string_equal(err.message, length);
	}
	assert_int_equal(ddb_table_name_check("a b", 3, &err), DDB_VALIDATION);
	assert_string_equal(err.message, "1 validation error detected: Value 'a b' at 'tableName' failed to "
					 "satisfy constraint: Member must "
					 "satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
	static const char *const bad[] = {"abc/", "abc\n", "ab\xC3\xBC", "ab\xff", "abc~", "abc%", "abc\x7f"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(ddb_table_name_check(bad[i], strlen(bad[i]), &err), DDB_VALIDATION);
		assert_int_equal(ddb_utf8_prefix(err.message, strlen(err.message)), strlen(err.message));
	}
	assert_int_equal(ddb_table_name_check("ab\0c", 4, &err), DDB_VALIDATION);
}

/* ---- Damage ---- */

static uint32_t random_next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	return *seed ^= *seed << 5;
}

/* Pieces that bring a text nearer to other definitions than single bytes do. */
static const char *const pieces[] = {"null", "{}", "[]", "\"\"", "0", "-1", "1e99", "true", "\"HASH\"",
	"\"RANGE\"", "\"a\"", "\"b\"", ",", "{", "}", "[", "]",
	"\"Key\":", "\"KeySchema\":", "\"Projection\":", "\"Enabled\":", "\\u0000", "\xff", "\"ALL\"",
	"\"INCLUDE\"", "\"NonKeyAttributes\":[\"x\"],"};

static void mutate(struct ddb_buffer *text, uint32_t *seed)
{
	size_t at = random_next(seed) % text->length, rest = text->length - at;
	size_t cut = random_next(seed) % 3 ? random_next(seed) % 12 : random_next(seed) % 120;
	if (cut > rest)
		cut = rest;
	const char *piece = pieces[random_next(seed) % (sizeof pieces / sizeof *pieces)];
	char byte[2] = {(char)random_next(seed), 0};
	if (random_next(seed) % 2)
		piece = random_next(seed) % 2 ? byte : "";
	DDB_BUFFER_AUTO struct ddb_buffer tail;
	ddb_buffer_init(&tail, TEXT_MAX);
	ddb_buffer_add(&tail, text->bytes + at + cut, rest - cut);
	text->length = at;
	ddb_buffer_add_string(text, piece);
	if (random_next(seed) % 4 == 0)
		ddb_buffer_add(text, tail.length ? tail.bytes : "", tail.length / 2);
	ddb_buffer_add(text, tail.length ? tail.bytes : "", tail.length);
	ddb_buffer_add_byte(text, ' ');
}

static void check_damaged(const char *text, size_t length, unsigned *accepted)
{
	struct ddb_definition *definition = NULL;
	struct ddb_error err = {0};
	enum ddb_code code = ddb_definition_read(text, length, &definition, &err);
	if (!code) {
		++*accepted;
		check_round_trip(definition);
		ddb_definition_unref(definition);
		return;
	}
	assert_null(definition);
	assert_true(code == DDB_VALIDATION || code == DDB_SERIALIZATION);
	assert_int_equal(err.code, code);
	assert_true(*err.message);
	assert_int_equal(ddb_utf8_prefix(err.message, strlen(err.message)), strlen(err.message));
}

static void test_damage(void **state)
{
	const struct cases *cases = *state;
	const char *rounds = getenv("DDB_DAMAGE_ROUNDS");
	uint32_t seed = 20120810;
	unsigned accepted = 0, left = rounds ? (unsigned)atoi(rounds) : 4000;
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, TEXT_MAX);
	while (left--) {
		ddb_buffer_clear(&text);
		expand(cases->input[random_next(&seed) % cases->count], &text);
		for (unsigned i = random_next(&seed) % 4; i-- && text.length;)
			mutate(&text, &seed);
		assert_false(text.failed);
		check_damaged(text.bytes, text.length, &accepted);
	}
	assert_true(accepted > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_pretty),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_index_count),
		cmocka_unit_test(test_projected_count),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_tag_count),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_many_violations),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_same_key),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_table_name),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, load_cases, free_cases);
}
