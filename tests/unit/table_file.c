/*
 * T/.table.json, the definition of provisional tables, restores in any order, and the small texts.
 */
#include "files_world.h"

#define TABLE(hash, hash_type)                                                                               \
	"{\n  \"AttributeDefinitions\": [\n    {\n      \"AttributeName\": \"" hash                          \
	"\",\n      \"AttributeType\": \"" hash_type                                                         \
	"\"\n    }\n  ],\n  \"KeySchema\": [\n    {\n      \"AttributeName\": \"" hash                       \
	"\",\n      \"KeyType\": \"HASH\"\n    }\n  ]"
#define USERS TABLE("id", "S") "\n}\n"

static uint64_t count(struct world *world, const char *table)
{
	struct ddb_table_counts counts;
	struct ddb_error err;
	assert_int_equal(world->engine->ops->count_table(world->engine, table, &counts, &err), 0);
	return counts.items;
}

static enum ddb_provisional provisional(struct world *world, const char *name)
{
	struct ddb_table *table;
	struct ddb_error err;
	assert_int_equal(world->engine->ops->describe_table(world->engine, name, &table, &err), 0);
	enum ddb_provisional kind = table->provisional;
	ddb_table_unref(table);
	return kind;
}

static bool was_told(struct world *world, const char *path, uint64_t version)
{
	for (size_t i = 0; i < world->told_count; i++)
		if (!strcmp(world->told[i].path, path) && world->told[i].version == version)
			return true;
	return false;
}

/* ---- A table with a definition ---- */

static void test_text(void **state)
{
	struct world *world = *state;
	assert_cat(world, "Users/.table.json", USERS);
	struct map_attr attr, item;
	assert_int_equal(map_stat(world->map, &alice, "Users/.table.json", &attr), 0);
	assert_int_equal(attr.size, strlen(USERS));
	assert_false(attr.volatile_);
	assert_true(attr.writable);
	assert_echo(world, "Users/a.json", "{}");
	assert_int_equal(map_stat(world->map, &alice, "Users/a.json", &item), 0);
	assert_true(attr.ino < item.ino);
}

static void test_equal(void **state)
{
	struct world *world = *state;
	struct map_attr before, after;
	assert_int_equal(map_stat(world->map, &alice, "Users/.table.json", &before), 0);
	assert_echo(world, "Users/.table.json", USERS);
	assert_echo(world, "Users/.table.json",
		"{\"TableName\":\"Other\",\"BillingMode\":\"PAY_PER_REQUEST\",\"KeySchema\":[{\"KeyType\":"
		"\"HASH\","
		"\"AttributeName\":\"id\"}],\"AttributeDefinitions\":[{\"AttributeType\":\"S\","
		"\"AttributeName\":\"id\"}]}");
	assert_int_equal(map_stat(world->map, &alice, "Users/.table.json", &after), 0);
	assert_int_equal(after.mtime_ns, before.mtime_ns);
	assert_int_equal(after.version, before.version);
	assert_cat(world, "Users/.table.json", USERS);
}

static void test_update(void **state)
{
	static const char guarded[] = TABLE("id", "S") ",\n  \"DeletionProtectionEnabled\": true\n}\n";
	struct world *world = *state;
	struct map_attr attr;
	struct map_file *reader = must_open(world, "Users/.table.json", O_RDONLY);
	struct map_file *file = must_open(world, "Users/.table.json", O_WRONLY | O_TRUNC);
	uint64_t version = version_of(world, "Users/.table.json");
	assert_int_equal(write_at(file, 0, guarded), 0);
	map_file_attr(file, &attr);
	assert_int_equal(attr.size, strlen(guarded));
	assert_true(attr.version != version);
	assert_true(was_told(world, "Users/.table.json", attr.version));
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/.table.json", guarded);
	char *text = read_file(reader, 100, NULL);
	assert_string_equal(text, USERS);
	free(text);
	assert_int_equal(map_file_release(reader, &alice), 0);
	/* In place, as an editor without truncation, and refused. */
	file = must_open(world, "Users/.table.json", O_RDWR);
	char *value = strstr(guarded, "true");
	assert_int_equal(write_at(file, (uint64_t)(value - guarded), "maybe"), 0);
	assert_int_equal(map_file_sync(file, &alice), EINVAL);
	assert_int_equal(write_at(file, (uint64_t)(value - guarded), "false\n}"), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/.table.json", USERS);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *operation;
	} refused[] = {
		{"{\"KeySchema\": x", "write"},
		{"{\"KeySchema\":", "close"},
		{"{}", "write"},
		{TABLE("id", "N") "}", "write"},
		{TABLE("name", "S") "}", "write"},
		{TABLE("id", "S") ", \"Odd\": 1}", "write"},
		{USERS "x", "write"},
		{"[]", "write"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(echo_to(world, "Users/.table.json", refused[i].text), EINVAL);
		assert_refusal(world, "Users/.table.json", refused[i].operation, "EINVAL", "");
		assert_int_equal(error_count(world), (int)i + 1);
		assert_cat(world, "Users/.table.json", USERS);
	}
	struct map_file *file;
	struct map_attr attr;
	assert_int_equal(
		map_open(world->map, &alice, "Users/.table.json", O_WRONLY | O_APPEND, &file, &attr), EACCES);
	assert_refusal(world, "Users/.table.json", "open", "EACCES", "");
	file = must_open(world, "Users/.table.json", O_WRONLY | O_TRUNC);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_cat(world, "Users/.table.json", USERS);
	/* Longer than any definition. */
	char *space = malloc(DDB_DEFINITION_TEXT_MAX + 2);
	memset(space, ' ', DDB_DEFINITION_TEXT_MAX + 1);
	space[DDB_DEFINITION_TEXT_MAX + 1] = '\0';
	assert_int_equal(echo_to(world, "Users/.table.json", space), EFBIG);
	free(space);
}

static void test_hidden(void **state)
{
	struct world *world = *state;
	struct map_file *file;
	struct map_attr attr;
	assert_int_equal(map_unlink(world->map, &alice, "Users/.table.json"), 0);
	assert_gone(world, "Users/.table.json");
	assert_int_equal(map_open(world->map, &alice, "Users/.table.json", O_RDONLY, &file, &attr), ENOENT);
	assert_echo(world, "Users/a.json", "{}"); /* the table lives on */
	/* Never written, or refused: it stays hidden. */
	assert_int_equal(
		map_create(world->map, &alice, "Users/.table.json", O_WRONLY | O_CREAT, 0644, &file, &attr),
		0);
	assert_int_equal(attr.size, 0);
	assert_int_equal(map_file_flush(file, &alice), 0);
	assert_int_equal(map_file_sync(file, &alice), 0);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_gone(world, "Users/.table.json");
	assert_int_equal(
		map_create(world->map, &alice, "Users/.table.json", O_WRONLY | O_CREAT, 0644, &file, &attr),
		0);
	assert_int_equal(write_at(file, 0, TABLE("id", "N") "}"), EINVAL);
	assert_true(map_file_refused(file));
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_gone(world, "Users/.table.json");
	assert_int_equal(map_create(world->map, &alice, "Users/.table.json", O_WRONLY | O_CREAT | O_APPEND,
				 0644, &file, &attr),
		EACCES);
	/* Two at once, exclusively. */
	struct map_file *other;
	assert_int_equal(map_create(world->map, &alice, "Users/.table.json", O_WRONLY | O_CREAT | O_EXCL,
				 0644, &file, &attr),
		0);
	assert_int_equal(map_create(world->map, &alice, "Users/.table.json", O_WRONLY | O_CREAT | O_EXCL,
				 0644, &other, &attr),
		0);
	assert_int_equal(write_at(file, 0, USERS), 0);
	assert_int_equal(write_at(other, 0, USERS), EEXIST);
	assert_int_equal(map_file_release(other, &alice), 0);
	assert_cat(world, "Users/.table.json", USERS);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_int_equal(map_create(world->map, &alice, "Users/.table.json", O_WRONLY | O_CREAT | O_EXCL,
				 0644, &file, &attr),
		EEXIST);
}

/* ---- Provisional tables ---- */

static void test_define_empty(void **state)
{
	struct world *world = *state;
	make_provisional(world, "Fresh");
	assert_gone(world, "Fresh/.table.json");
	struct map_file *file = must_open(world, "Fresh/.table.json", O_WRONLY | O_CREAT);
	assert_int_equal(map_file_release(file, &alice), 0);
	assert_gone(world, "Fresh/.table.json");
	assert_int_equal(echo_to(world, "Fresh/.table.json", "{}"), EINVAL);
	assert_int_equal(provisional(world, "Fresh"), DDB_PROVISIONAL);
	world->told_count = 0;
	assert_echo(world, "Fresh/.table.json", USERS);
	assert_int_equal(provisional(world, "Fresh"), DDB_DEFINED);
	assert_true(was_told(world, "Fresh", UINT64_MAX));
	assert_cat(world, "Fresh/.table.json", USERS);
}

static void test_kind(void **state)
{
	struct world *world = *state;
	struct map_attr attr;
	struct map_file *file;
	make_provisional(world, "Simple");
	make_provisional(world, "Nested");
	assert_echo(world, "Simple/a.json", "{\"v\":1}");
	assert_int_equal(provisional(world, "Simple"), DDB_PROVISIONAL_SIMPLE);
	assert_cat(world, "Simple/a.json", "{\n  \"pk\": \"a\",\n  \"v\": 1\n}\n");
	assert_int_equal(map_mkdir(world->map, &alice, "Nested/d"), 0);
	assert_int_equal(
		map_create(world->map, &alice, "Nested/a.json", O_WRONLY | O_CREAT, 0644, &file, &attr),
		EINVAL);
	assert_echo(world, "Nested/d/b.json", "{}");
	assert_cat(world, "Nested/d/b.json", "{\n  \"pk\": \"d\",\n  \"sk\": \"b\"\n}\n");
	assert_int_equal(echo_to(world, "Nested/.table.json", USERS), EINVAL);
	assert_refusal(world, "Nested/.table.json", "write", "EINVAL", "must have a sort key");
	char *orders = cat(world, "Orders/.table.json");
	assert_int_equal(echo_to(world, "Simple/.table.json", orders), EINVAL);
	assert_refusal(world, "Simple/.table.json", "write", "EINVAL", "cannot have a sort key");
	assert_echo(world, "Nested/.table.json", orders);
	assert_cat(world, "Nested/d/b.json", "{\n  \"user\": \"d\",\n  \"date\": \"b\"\n}\n");
	assert_echo(world, "Simple/.table.json", USERS);
	assert_cat(world, "Simple/a.json", "{\n  \"id\": \"a\",\n  \"v\": 1\n}\n");
	free(orders);
}

static int refusals_of(struct world *world, const char *path, const char *message)
{
	char *text = errors(world), *rest = text, *line, quoted[512];
	int found = 0;
	snprintf(quoted, sizeof(quoted), "%s\"", path);
	while ((line = strsep(&rest, "\n")))
		found += strstr(line, quoted) && strstr(line, message);
	free(text);
	return found;
}

static void test_offenders(void **state)
{
	static const char numbers[] = TABLE("n", "N") "}";
	struct world *world = *state;
	make_provisional(world, "Fresh");
	assert_echo(world, "Fresh/7.json", "{\"n\": 7.0}");
	assert_echo(world, "Fresh/8.json", "{}");
	assert_echo(world, "Fresh/a.json", "{\"v\":1}");
	assert_echo(world, "Fresh/9.json", "{\"n\": 10}");
	assert_echo(world, "Fresh/10.json", "{\"n\": \"10\"}");
	assert_echo(world, "Fresh/042.json", "{}");
	assert_int_equal(echo_to(world, "Fresh/.table.json", numbers), EINVAL);
	assert_int_equal(refusals_of(world, "Fresh/a.json", "The name is that of no key of type N"), 1);
	assert_int_equal(refusals_of(world, "Fresh/042.json", "The name is that of no key of type N"), 1);
	assert_int_equal(refusals_of(world, "Fresh/9.json", "does not agree with its path"), 1);
	assert_int_equal(
		refusals_of(world, "Fresh/10.json", "Type mismatch for key n expected: N actual: S"), 1);
	assert_int_equal(refusals_of(world, "Fresh/.table.json", ""), 1);
	assert_int_equal(error_count(world), 5);
	assert_gone(world, "Fresh/.table.json");
	assert_int_equal(provisional(world, "Fresh"), DDB_PROVISIONAL_SIMPLE);
	assert_cat(world, "Fresh/8.json", "{\n  \"pk\": \"8\"\n}\n");
	assert_cat(world, "Fresh/9.json", "{\n  \"pk\": \"9\",\n  \"n\": 10\n}\n");
	assert_int_equal(map_unlink(world->map, &alice, "Fresh/a.json"), 0);
	assert_int_equal(map_unlink(world->map, &alice, "Fresh/042.json"), 0);
	assert_echo(world, "Fresh/9.json", "{}");
	assert_echo(world, "Fresh/10.json", "{\"n\": 1e1}");
	assert_echo(world, "Fresh/.table.json", numbers);
	assert_cat(world, "Fresh/7.json", "{\n  \"n\": 7\n}\n");
	assert_cat(world, "Fresh/8.json", "{\n  \"n\": 8\n}\n");
	assert_cat(world, "Fresh/9.json", "{\n  \"n\": 9\n}\n");
	assert_cat(world, "Fresh/10.json", "{\n  \"n\": 10\n}\n");
	assert_int_equal(count(world, "Fresh"), 4);
}

static void test_nested_offenders(void **state)
{
	struct world *world = *state;
	struct map_file *file;
	char *orders = cat(world, "Orders/.table.json"), path[100];
	make_provisional(world, "Fresh");
	assert_int_equal(map_mkdir(world->map, &alice, "Fresh/d"), 0);
	for (int i = 0; i < 1200; i++) {
		snprintf(path, sizeof(path), "Fresh/d/%d.json", i);
		assert_int_equal(open_file(world, path, O_WRONLY | O_CREAT, &file), 0);
		assert_int_equal(write_at(file, 0,
					 i == 600 ? "{}"
					 : i % 2  ? "{\"user\":\"e\"}"
						  : "{\"date\":1}"),
			0);
		assert_int_equal(map_file_release(file, &alice), 0);
	}
	assert_int_equal(echo_to(world, "Fresh/.table.json", orders), EINVAL);
	assert_refusal(world, "Fresh/.table.json", "write", "EINVAL", "");
	assert_int_equal(error_count(world), MAP_REFUSALS_KEPT);
	assert_int_equal(refusals_of(world, "Fresh/d/600.json", ""), 0);
	assert_int_equal(refusals_of(world, "Fresh/d/3.json", "key attribute user does not agree"), 1);
	assert_int_equal(count(world, "Fresh"), 1200);
	free(orders);
}

/* ---- Restores ---- */

struct shape {
	enum ddb_type hash, range; /* range 0: none */
	bool long_keys, keys_left_out;
};

static const struct shape shapes[] = {
	{DDB_S, 0, false, false},
	{DDB_S, 0, true, false},
	{DDB_N, 0, false, true},
	{DDB_B, 0, true, false},
	{DDB_S, DDB_S, false, true},
	{DDB_S, DDB_N, true, false},
	{DDB_N, DDB_B, true, false},
	{DDB_B, DDB_S, false, false},
};

/* The i-th key value of a type; some need the long form. */
static struct ddb_value make_key(struct ddb_arena *arena, enum ddb_type type, int i, bool may_be_long)
{
	char text[700];
	struct ddb_number number;
	struct ddb_error err;
	if (type == DDB_N) {
		snprintf(text, sizeof(text), "%s%d.%d", i % 2 ? "-" : "", i, i % 3 ? 25 : 0);
		assert_int_equal(ddb_number_read(text, strlen(text), &number, &err), 0);
		struct ddb_number *copy = ddb_arena_copy(arena, &number, sizeof(number));
		return ddb_number_value(copy);
	}
	int length = snprintf(text, sizeof(text), "%skey/%d~%%ä", i % 4 ? "" : ".", i);
	if (may_be_long && i % 3 == 0) {
		memset(text + length, 'l', 400);
		length += 400;
	}
	char *copy = ddb_arena_copy(arena, text, (size_t)length);
	return type == DDB_S ? ddb_string(copy, (size_t)length) : ddb_binary(copy, (size_t)length);
}

struct document {
	char partition[MAP_NAME_MAX + 1], entry[MAP_NAME_MAX + 1];
	char *text, *given; /* as it must read in the end; as it is written */
};

enum { DOCUMENTS = 24 };

static void path_of(const char *table, const struct document *document, bool whole, char ret[800])
{
	snprintf(ret, 800, "%s/%.255s%s%.255s", table, document->partition,
		whole && *document->partition ? "/" : "", whole ? document->entry : "");
}

/* Makes the table "Model" of that shape, with items, and takes down its files. */
static void make_model(struct world *world, const struct shape *shape, struct document documents[DOCUMENTS])
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct ddb_error err;
	ddb_arena_init(&arena, 1 << 20);
	make_table(world, "Model", "the-id", shape->hash, shape->range ? "sort" : NULL, shape->range);
	for (int i = 0; i < DOCUMENTS; i++) {
		struct document *document = &documents[i];
		struct ddb_value hash = make_key(
					 &arena, shape->hash, shape->range ? i % 5 : i, shape->long_keys),
				 range;
		struct ddb_attribute attributes[3] = {{"n", 1, ddb_string("text", 4)}};
		unsigned used = 1;
		attributes[used++] = (struct ddb_attribute){"the-id", 6, hash};
		*document = (struct document){.text = NULL};
		if (shape->range) {
			range = make_key(&arena, shape->range, i, shape->long_keys);
			attributes[used++] = (struct ddb_attribute){"sort", 4, range};
			map_name_of_key(&hash, false, document->partition);
		}
		map_name_of_key(shape->range ? &range : &hash, true, document->entry);
		struct ddb_put_item put = {
			.table = "Model", .item = {.type = DDB_M, .count = used, .attributes = attributes}};
		struct ddb_put_result result;
		assert_int_equal(ddb_map_sort(&put.item, &err), 0);
		if (world->engine->ops->put_item(world->engine, &put, &result, &err))
			fail_msg("%s", err.message);
		char path[800];
		path_of("Model", document, true, path);
		document->text = cat(world, path);
		if (!document->text)
			fail_msg("%s does not exist", path);
		document->given = strdup(shape->keys_left_out ? "{\"n\": \"text\"}" : document->text);
	}
}

static void restore_one(struct world *world, const struct document *document, bool nested)
{
	char path[800];
	if (nested) {
		path_of("Copy", document, false, path);
		int number = map_mkdir(world->map, &alice, path);
		if (number != 0 && number != EEXIST)
			fail_msg("mkdir %s: %s", path, strerror(number));
	}
	path_of("Copy", document, true, path);
	assert_echo(world, path, document->given);
	/* Until then it reads as the item it is going to be, with its names. */
	char *text = cat(world, path);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"n\": \"text\""));
	free(text);
}

static void restore(struct world *world, const struct shape *shape,
	const struct document documents[DOCUMENTS], const char *definition, unsigned seed)
{
	int order[DOCUMENTS];
	struct ddb_error err;
	make_provisional(world, "Copy");
	for (int i = 0; i < DOCUMENTS; i++) {
		int j = rand_r(&seed) % (i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	int turn = rand_r(&seed) % (DOCUMENTS + 1);
	for (int i = 0; i <= DOCUMENTS; i++) {
		if (i == turn)
			assert_echo(world, "Copy/.table.json", definition);
		if (i < DOCUMENTS)
			restore_one(world, &documents[order[i]], shape->range);
	}
	for (int i = 0; i < DOCUMENTS; i++) {
		char path[800];
		path_of("Copy", &documents[i], true, path);
		assert_cat(world, path, documents[i].text);
	}
	assert_cat(world, "Copy/.table.json", definition);
	char *lines = cat(world, "Copy/.items.jsonl"), *model = cat(world, "Model/.items.jsonl");
	assert_int_equal(strlen(lines), strlen(model));
	assert_int_equal(count(world, "Copy"), DOCUMENTS);
	free(lines);
	free(model);
	assert_int_equal(world->engine->ops->delete_table(world->engine, "Copy", false, &err), 0);
}

static void test_restore(void **state)
{
	struct world *world = *state;
	struct document documents[DOCUMENTS];
	struct ddb_error err;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		make_model(world, &shapes[i], documents);
		char *definition = cat(world, "Model/.table.json");
		for (unsigned seed = 1; seed <= 6; seed++)
			restore(world, &shapes[i], documents, definition, seed + 100 * (unsigned)i);
		free(definition);
		for (int j = 0; j < DOCUMENTS; j++) {
			free(documents[j].text);
			free(documents[j].given);
		}
		assert_int_equal(world->engine->ops->delete_table(world->engine, "Model", false, &err), 0);
	}
	assert_int_equal(error_count(world), 0);
}

/* A name in the long form cannot tell its key: then the document must. */
static void test_long_name_without_key(void **state)
{
	struct world *world = *state;
	char key[401], name[MAP_NAME_MAX + 1], path[400], document[600];
	memset(key, 'k', 400);
	key[400] = '\0';
	struct ddb_value value = ddb_string(key, 400);
	map_name_of_key(&value, true, name);
	make_provisional(world, "Fresh");
	snprintf(path, sizeof(path), "Fresh/%s", name);
	assert_echo(world, path, "{}");
	assert_int_equal(echo_to(world, "Fresh/.table.json", USERS), EINVAL);
	assert_int_equal(refusals_of(world, path, "does not hold it"), 1);
	snprintf(document, sizeof(document), "{\"id\":\"%sx\"}", key);
	assert_echo(world, path, document);
	assert_int_equal(echo_to(world, "Fresh/.table.json", USERS), EINVAL);
	snprintf(document, sizeof(document), "{\"id\":\"%s\"}", key);
	assert_echo(world, path, document);
	assert_echo(world, "Fresh/.table.json", USERS);
	snprintf(document, sizeof(document), "{\n  \"id\": \"%s\"\n}\n", key);
	assert_cat(world, path, document);
}

static void test_put_text(void **state)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	MAP_PLACE_AUTO struct map_place place = {0};
	struct world *world = *state;
	struct ddb_error err;
	ddb_arena_init(&arena, 1 << 20);
	make_provisional(world, "Fresh");
	assert_int_equal(map_resolve(world->map, &arena, "Fresh/.table.json", &place, &err), 0);
	assert_int_equal(map_definition_put_text(world->map, &alice, &place, "{}", 2, &err), EINVAL);
	assert_int_equal(
		map_definition_put_text(world->map, &alice, &place, USERS "x", strlen(USERS) + 1, &err),
		EINVAL);
	assert_gone(world, "Fresh/.table.json");
	assert_int_equal(map_definition_put_text(world->map, &alice, &place, USERS, strlen(USERS), &err), 0);
	assert_cat(world, "Fresh/.table.json", USERS);
}

/* ---- The small texts ---- */

static struct ddb_value read_json(struct ddb_arena *arena, struct world *world, const char *path)
{
	static const struct ddb_json_limits limits = {.nesting = 20, .nodes = 10000, .object_only = true};
	struct ddb_value value;
	struct ddb_error err;
	char *text = cat(world, path);
	assert_non_null(text);
	if (ddb_json_read(arena, &limits, text, strlen(text), &value, &err))
		fail_msg("%s: %s", err.message, text);
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	return value;
}

static void assert_member(const struct ddb_value *object, const char *name, const char *expected)
{
	const struct ddb_value *value = ddb_map_get(object, name, strlen(name));
	if (!value)
		fail_msg("there is no %s", name);
	char text[DDB_NUMBER_TEXT_MAX];
	if (value->type == DDB_N)
		ddb_number_write(value->bytes, value->count, text);
	else
		snprintf(text, sizeof(text), "%.*s", (int)value->count, (const char *)value->bytes);
	if (expected)
		assert_string_equal(text, expected);
}

static void test_status(void **state)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct world *world = *state;
	char pid[20];
	ddb_arena_init(&arena, 1 << 20);
	struct ddb_value status = read_json(&arena, world, ".status");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_member(&status, "version", DYNAMOUNT_VERSION);
	assert_member(&status, "mountpoint", "/mnt/test");
	assert_member(&status, "pid", pid);
	assert_member(&status, "started", NULL);
	assert_echo(world, "Users/a.json", "{}");
	status = read_json(&arena, world, "Users/.status.json");
	assert_member(&status, "TableName", "Users");
	assert_member(&status, "TableStatus", "ACTIVE");
	assert_member(&status, "ItemCount", "1");
	make_provisional(world, "Fresh");
	status = read_json(&arena, world, "Fresh/.status.json");
	assert_member(&status, "ItemCount", "0");
}

static void test_errors(void **state)
{
	struct world *world = *state;
	struct map_file *file;
	struct map_attr attr;
	assert_int_equal(echo_to(world, "Users/a.json", "x"), EINVAL);
	assert_int_equal(map_open(world->map, &root, "Users/.status.json", O_WRONLY, &file, &attr), EACCES);
	assert_int_equal(error_count(world), 1); /* alice's own */
	assert_int_equal(map_open(world->map, &root, ".errors", O_RDONLY, &file, &attr), 0);
	char *text = read_file(file, 4096, NULL);
	assert_non_null(strstr(text, "Users/a.json"));
	assert_non_null(strstr(text, "Users/.status.json"));
	free(text);
	/* One moment's, whatever happens while it is read. */
	assert_int_equal(echo_to(world, "Users/b.json", "x"), EINVAL);
	text = read_file(file, 10, NULL);
	assert_null(strstr(text, "Users/b.json"));
	free(text);
	assert_int_equal(map_file_release(file, &root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text),
		TEST(equal),
		TEST(update),
		TEST(refused),
		TEST(hidden),
		TEST(define_empty),
		TEST(kind),
		TEST(offenders),
		TEST(nested_offenders),
		TEST(restore),
		TEST(long_name_without_key),
		TEST(put_text),
		TEST(status),
		TEST(errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
