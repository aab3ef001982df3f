#include "tests/fuzz/world.h"

#include "engine/json.h"
#include "engine/local/local.h"
#include "mapping/document/document.h"
#include "tests/fuzz/fuzz.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct map_caller fuzz_caller = {.uid = 1000, .gid = 1000, .pid = 42};

static struct fuzz_world world;

static void make_table(const char *name, enum ddb_type hash, enum ddb_type range)
{
	const struct ddb_key_attribute id = {.name = "id", .name_length = 2, .type = hash},
				       at = {.name = "at", .name_length = 2, .type = range};
	struct ddb_definition *definition;
	FUZZ_CHECK(!ddb_definition_simple(&id, range ? &at : NULL, &definition, NULL));
	FUZZ_CHECK(!world.engine->ops->create_table(world.engine, name, definition, NULL));
	ddb_definition_unref(definition);
}

static void make_indexed(void)
{
	static const char text[] =
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"},"
		"{\"AttributeName\":\"at\",\"AttributeType\":\"N\"},{\"AttributeName\":\"a\","
		"\"AttributeType\":\"S\"},"
		"{\"AttributeName\":\"b\",\"AttributeType\":\"B\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"at\","
		"\"KeyType\":\"RANGE\"}],"
		"\"GlobalSecondaryIndexes\":["
		"{\"IndexName\":\"one\",\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"HASH\"}],"
		"\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}},"
		"{\"IndexName\":\"two\",\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"at\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"b\",\"KeyType\":"
		"\"RANGE\"},"
		"{\"AttributeName\":\"id\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":"
		"\"ALL\"}}],"
		"\"LocalSecondaryIndexes\":[{\"IndexName\":\"near\",\"KeySchema\":[{\"AttributeName\":\"id\","
		"\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"a\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"KEYS_"
		"ONLY\"}}]}";
	struct ddb_definition *definition;
	FUZZ_CHECK(!ddb_definition_read(text, strlen(text), &definition, NULL));
	FUZZ_CHECK(!world.engine->ops->create_table(world.engine, "Indexed", definition, NULL));
	ddb_definition_unref(definition);
}

/* Its items expire in the year 2096 or never: the world stays as it is. */
static void make_expiring(void)
{
	static const char text[] =
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],"
		"\"TimeToLiveSpecification\":{\"AttributeName\":\"ttl\",\"Enabled\":true}}";
	struct ddb_definition *definition;
	FUZZ_CHECK(!ddb_definition_read(text, strlen(text), &definition, NULL));
	FUZZ_CHECK(!world.engine->ops->create_table(world.engine, "Expiring", definition, NULL));
	ddb_definition_unref(definition);
}

void fuzz_world_write(const char *path, const char *text)
{
	struct map_file *file;
	struct map_attr attr;
	FUZZ_CHECK(!map_create(world.map, &fuzz_caller, path, O_WRONLY | O_CREAT, 0644, &file, &attr));
	FUZZ_CHECK(!map_file_write(file, &fuzz_caller, 0, text, strlen(text)));
	FUZZ_CHECK(!map_file_flush(file, &fuzz_caller));
	FUZZ_CHECK(!map_file_release(file, &fuzz_caller));
}

/* A line whose key is too long for a file name. */
static void write_long(const char *path, const char *id, const char *rest)
{
	char line[1024], text[400];
	struct map_file *file;
	struct map_attr attr;
	memset(text, 'x', 300);
	text[300] = '\0';
	snprintf(line, sizeof line, "{\"id\":\"%s%s\"%s}\n", id, text, rest);
	FUZZ_CHECK(!map_open(world.map, &fuzz_caller, path, O_WRONLY, &file, &attr));
	FUZZ_CHECK(!map_file_write(file, &fuzz_caller, 0, line, strlen(line)));
	FUZZ_CHECK(!map_file_release(file, &fuzz_caller));
}

static void fill(void)
{
	make_table("Simple", DDB_S, 0);
	make_table("Both", DDB_S, DDB_N);
	make_table("Bytes", DDB_B, DDB_B);
	make_table(".dot", DDB_N, 0);
	fuzz_world_write("Simple/alice.json", "{\"a\":1}");
	fuzz_world_write("Simple/%2Fb%25.json", "{\"b\":{\"$ss\":[\"x\"]}}");
	write_long("Simple/.items.jsonl", "", "");
	fuzz_world_write("Both/alice/1.json", "{\"n\":1}");
	fuzz_world_write("Both/alice/-2.5.json", "{}");
	write_long("Both/.items.jsonl", "p", ",\"at\":7");
	fuzz_world_write("Bytes/QUJD/AA.json", "{\"n\":1}");
	fuzz_world_write("%2Edot/42.json", "{}");
	make_indexed();
	fuzz_world_write(
		"Indexed/alice/1.json", "{\"a\":\"x\",\"b\":{\"$binary\":\"QQ==\"},\"n\":{\"m\":[1,2]}}");
	fuzz_world_write("Indexed/alice/2.json", "{\"a\":\"x\",\"text\":\"some\"}");
	fuzz_world_write("Indexed/pk=b/2.json", "{\"a\":\"%7E\"}");
	write_long("Indexed/.items.jsonl", "q", ",\"at\":7,\"a\":\"x\"");
	make_expiring();
	fuzz_world_write("Expiring/a.json", "{\"ttl\":4000000000}");
	fuzz_world_write("Expiring/b.json", "{\"ttl\":\"never\"}");
	FUZZ_CHECK(!map_mkdir(world.map, &fuzz_caller, "New"));
	FUZZ_CHECK(!map_mkdir(world.map, &fuzz_caller, "Loose"));
	FUZZ_CHECK(!map_mkdir(world.map, &fuzz_caller, "Pairs"));
	FUZZ_CHECK(!map_mkdir(world.map, &fuzz_caller, "Pairs/left"));
	fuzz_world_write("Loose/a%2Fb.json", "{\"x\":null}");
	fuzz_world_write("Pairs/left/right.json", "{}");
	fuzz_world_write(".hidden", "root");
	fuzz_world_write("Simple/notes", "text");
	fuzz_world_write("Both/bob", "behind");
	fuzz_world_write("Both/bob.swp", "x");
	FUZZ_CHECK(!map_mkdir(world.map, &fuzz_caller, "Both/empty"));
}

static void close_world(void)
{
	map_free(world.map);
	world.engine->ops->close(world.engine);
	world.map = NULL;
}

const struct fuzz_world *fuzz_world(void)
{
	static struct map_options options;
	static const struct ddb_local_options local = {.hooks = &map_rendering_hooks};
	char path[4096];
	if (world.map)
		return &world;
	snprintf(path, sizeof path, "%s/store", fuzz_directory());
	options.mountpoint = "/mnt";
	FUZZ_CHECK(!ddb_local_open(path, &local, &world.engine, NULL));
	world.map = map_new(world.engine, &options);
	FUZZ_CHECK(world.map);
	fill();
	atexit(close_world); /* before the directory goes */
	return &world;
}

bool fuzz_world_item(struct ddb_arena *arena, enum ddb_rendering rendering, const char *text, size_t length,
	struct ddb_value *ret)
{
	struct ddb_value json;
	return !ddb_json_read(arena, map_document_limits(rendering), text, length, &json, NULL) &&
	       !map_document_read(arena, &json, rendering, ret, NULL);
}

char *fuzz_world_text(const char *path, size_t *ret_length)
{
	enum { TEXT_MAX = 1 << 20 };
	struct map_file *file;
	struct map_attr attr;
	size_t length = 0, piece;
	int number = map_open(world.map, &fuzz_caller, path, O_RDONLY, &file, &attr);
	if (number) {
		*ret_length = (size_t)number;
		return NULL;
	}
	size_t room = attr.stream ? TEXT_MAX : attr.size + 1;
	char *text = malloc(room);
	FUZZ_CHECK(text);
	do {
		FUZZ_CHECK(!map_file_read(file, length, text + length, room - length, &piece));
		length += piece;
	} while (piece && length < room);
	FUZZ_CHECK(attr.stream || attr.size == length);
	FUZZ_CHECK(!map_file_release(file, &fuzz_caller));
	*ret_length = length;
	return text;
}
