/*
 * Definitions: what is accepted has one canonical text, which is read as the same; a CloudFormation resource
 * around it changes nothing; every refusal says why.
 */
#include "engine/definition.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

enum { TEXT_MAX = 4 << 20 };

static void write_definition(const struct ddb_definition *definition, bool pretty, struct ddb_buffer *ret)
{
	struct ddb_json_out json;
	ddb_buffer_init(ret, TEXT_MAX);
	ddb_json_out_init(&json, ret, pretty);
	ddb_definition_write(definition, &json);
	FUZZ_CHECK(!ret->failed);
}

static void check_same(const struct ddb_definition *a, const struct ddb_definition *b)
{
	DDB_BUFFER_AUTO struct ddb_buffer text_a = {0}, text_b = {0};
	struct ddb_error err;
	write_definition(a, true, &text_a);
	write_definition(b, true, &text_b);
	FUZZ_CHECK(text_a.length == text_b.length && !memcmp(text_a.bytes, text_b.bytes, text_a.length));
	FUZZ_CHECK(ddb_definition_equal(a, b) && ddb_definition_same_key(a, b));
	FUZZ_CHECK(!ddb_definition_update_check(a, b, &err));
}

static void check_text(const struct ddb_definition *definition, bool pretty)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	struct ddb_definition *again;
	struct ddb_error err;
	write_definition(definition, pretty, &text);
	FUZZ_CHECK(!ddb_definition_read(text.bytes, text.length, &again, &err));
	FUZZ_CHECK(!again->table_name);
	check_same(definition, again);
	ddb_definition_unref(again);
}

/* The same as a resource of a template. One that is a resource already may be refused. */
static void check_resource(const struct ddb_definition *definition, const uint8_t *bytes, size_t size)
{
	static const char before[] = "{\"Type\":\"AWS::DynamoDB::Table\",\"Properties\":", after[] = "}";
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	struct ddb_definition *again;
	struct ddb_error err;
	ddb_buffer_init(&text, size + sizeof before + sizeof after);
	ddb_buffer_add_string(&text, before);
	ddb_buffer_add(&text, bytes, size);
	ddb_buffer_add_string(&text, after);
	enum ddb_code code = ddb_definition_read(text.bytes, text.length, &again, &err);
	if (code) {
		fuzz_check_error(code, &err);
		FUZZ_CHECK(strstr(err.message, "Nesting") || strstr(err.message, "too large") ||
			   memmem(bytes, size, "Properties", 10) || memchr(bytes, '\\', size));
		return;
	}
	check_same(definition, again);
	ddb_definition_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct ddb_definition *definition;
	struct ddb_error err = {0};
	enum ddb_code code = ddb_definition_read((const char *)bytes, size, &definition, &err);
	if (code) {
		fuzz_check_error(code, &err);
		FUZZ_CHECK(code == DDB_VALIDATION || code == DDB_SERIALIZATION);
		return 0;
	}
	FUZZ_CHECK(definition->hash.name_length == strlen(definition->hash.name));
	FUZZ_CHECK(definition->index_count <= DDB_LOCAL_INDEXES_MAX + DDB_GLOBAL_INDEXES_MAX);
	FUZZ_CHECK(definition->tag_count <= DDB_TAGS_MAX);
	check_same(definition, definition);
	check_text(definition, false);
	check_text(definition, true);
	check_resource(definition, bytes, size);
	ddb_definition_unref(definition);
	return 0;
}
