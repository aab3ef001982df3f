/*
 * Requests of the API: the operation's name, a newline, and the request. Each is answered with one JSON
 * object, a refusal with a type and a message; and what is refused has changed nothing.
 */
#include "engine/wire/wire.h"
#include "engine/json.h"
#include "engine/local/local.h"
#include "mapping/api/engine.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESPONSE_MAX = 4 << 20, MEMORY = 64 << 20, RENEWED_AFTER = 500 };

static const char *const tables[] = {
	"{\"TableName\":\"Simple\",\"BillingMode\":\"PAY_PER_REQUEST\",\"KeySchema\":[{\"AttributeName\":"
	"\"p\","
	"\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"}]"
	"}",
	"{\"TableName\":\"Both\",\"BillingMode\":\"PAY_PER_REQUEST\",\"KeySchema\":[{\"AttributeName\":\"p\","
	"\"KeyType\":\"HASH\"},{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{"
	"\"AttributeName\":\"p\",\"AttributeType\":\"S\"},{\"AttributeName\":\"s\",\"AttributeType\":\"N\"},{"
	"\"AttributeName\":\"g\",\"AttributeType\":\"S\"}],\"GlobalSecondaryIndexes\":[{\"IndexName\":"
	"\"glo\","
	"\"KeySchema\":[{\"AttributeName\":\"g\",\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":"
	"\"ALL\"}}],\"LocalSecondaryIndexes\":[{\"IndexName\":\"loc\",\"KeySchema\":[{\"AttributeName\":"
	"\"p\","
	"\"KeyType\":\"HASH\"},{\"AttributeName\":\"g\",\"KeyType\":\"RANGE\"}],\"Projection\":{"
	"\"ProjectionType\":\"KEYS_ONLY\"}}]}",
};
static const char item[] = "{\"TableName\":\"Both\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"},\"g\":{"
			   "\"S\":\"x\"},\"v\":{\"L\":[{\"N\":\"1\"}]}}}";

static struct ddb_engine *store;
static struct map_api_engine api;
static unsigned calls;

static enum ddb_code call(
	const char *operation, const char *text, size_t length, struct ddb_buffer *out, struct ddb_error *err)
{
	return ddb_wire_call(&api.engine, operation, text, length, out, err);
}

/* Whatever is there goes first: inputs make and drop tables. */
static void drop_all(void)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_table_names names;
	struct ddb_error err;
	ddb_arena_init(&arena, MEMORY);
	FUZZ_CHECK(!store->ops->list_tables(store, &arena, NULL, 100000, &names, &err));
	for (size_t i = 0; i < names.count; i++)
		if (store->ops->delete_table(store, names.names[i], false, &err)) {
			char text[512];
			DDB_BUFFER_AUTO struct ddb_buffer out = {0};
			ddb_buffer_init(&out, RESPONSE_MAX);
			snprintf(text, sizeof text,
				"{\"TableName\":\"%s\",\"DeletionProtectionEnabled\":false}", names.names[i]);
			FUZZ_CHECK(!call("UpdateTable", text, strlen(text), &out, &err));
			FUZZ_CHECK(!store->ops->delete_table(store, names.names[i], false, &err));
		}
}

static void make_store(void)
{
	const struct ddb_local_options options = {.hooks = &map_rendering_hooks};
	DDB_BUFFER_AUTO struct ddb_buffer out = {0};
	struct ddb_error err;
	ddb_buffer_init(&out, RESPONSE_MAX);
	if (!store) {
		FUZZ_CHECK(!ddb_local_open(fuzz_directory(), &options, &store, &err));
		map_api_engine_init(&api, store, NULL, NULL);
	}
	drop_all();
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		FUZZ_CHECK(!call("CreateTable", tables[i], strlen(tables[i]), &out, &err));
	FUZZ_CHECK(!call("PutItem", item, strlen(item), &out, &err));
}

/* Definitions and items; not what an index's making changes meanwhile. */
static void add_table(const char *name, struct ddb_buffer *out)
{
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	struct ddb_json_out json;
	struct ddb_error err;
	char text[512];
	FUZZ_CHECK(!store->ops->describe_table(store, name, &table, &err));
	ddb_json_out_init(&json, out, false);
	ddb_definition_write(table->definition, &json);
	snprintf(text, sizeof text, "{\"TableName\":\"%s\"}", name);
	FUZZ_CHECK(!call("Scan", text, strlen(text), out, &err));
}

static void read_state(struct ddb_buffer *out)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_table_names names;
	struct ddb_error err;
	ddb_arena_init(&arena, MEMORY);
	ddb_buffer_init(out, 4 * RESPONSE_MAX);
	FUZZ_CHECK(!store->ops->list_tables(store, &arena, NULL, 1000, &names, &err));
	for (size_t i = 0; i < names.count; i++)
		add_table(names.names[i], out);
}

/* An input may have dropped them. */
static bool has_tables(void)
{
	static const char *const names[] = {"Simple", "Both"};
	struct ddb_error err;
	for (size_t i = 0; store && i < sizeof names / sizeof *names; i++) {
		DDB_TABLE_AUTO struct ddb_table *table = NULL;
		if (store->ops->describe_table(store, names[i], &table, &err))
			return false;
	}
	return store;
}

static const struct ddb_value *check_object(
	struct ddb_arena *arena, const struct ddb_buffer *response, struct ddb_value *ret)
{
	static const struct ddb_json_limits limits = {.nesting = 128, .nodes = 1 << 20, .object_only = true};
	struct ddb_error err;
	FUZZ_CHECK(!ddb_json_read(arena, &limits, response->bytes, response->length, ret, &err));
	return ddb_map_get(ret, "__type", 6);
}

static void check_answer(enum ddb_code code, const struct ddb_error *err, const struct ddb_buffer *response)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_value json;
	ddb_arena_init(&arena, MEMORY);
	if (!code && !response->length)
		return;
	const struct ddb_value *type = check_object(&arena, response, &json);
	FUZZ_CHECK(!type == !code);
	if (!code)
		return;
	fuzz_check_error(code, err);
	const char *name = ddb_error_row(code)->name;
	FUZZ_CHECK(code != DDB_INTERNAL && code != DDB_DAMAGED && code != DDB_NO_MEMORY);
	FUZZ_CHECK(type->count > strlen(name) &&
		   !memcmp(type->bytes + type->count - strlen(name), name, strlen(name)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	DDB_BUFFER_AUTO struct ddb_buffer before = {0}, after = {0}, response = {0};
	const uint8_t *newline = size ? memchr(bytes, '\n', size) : NULL;
	struct ddb_error err = {0};
	char operation[64] = "";
	if (calls++ % RENEWED_AFTER == 0 || !has_tables())
		make_store();
	if (!newline || newline - bytes >= (ptrdiff_t)sizeof operation)
		return 0;
	memcpy(operation, bytes, (size_t)(newline - bytes));
	size_t length = size - (size_t)(newline + 1 - bytes);
	char *text = fuzz_copy(newline + 1, length);
	ddb_buffer_init(&response, RESPONSE_MAX);
	read_state(&before);
	enum ddb_code code = call(operation, text, length, &response, &err);
	check_answer(code, &err, &response);
	if (code) {
		read_state(&after);
		FUZZ_CHECK(before.length == after.length && !memcmp(before.bytes, after.bytes, after.length));
	}
	free(text);
	return 0;
}
