/*
 * What a resolved place is made of: its key as engines take it, its inode number, its attributes, and the ids
 * of directories with scratch files. Knows nothing of how paths are resolved. No state; any thread.
 */
#include "mapping/file.h"
#include "mapping/name.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* ---- Keys ---- */

static struct ddb_attribute attribute_of(
	const struct ddb_table *table, bool range, const struct ddb_value *value)
{
	static const char *const stand_ins[2] = {DDB_PROVISIONAL_HASH, DDB_PROVISIONAL_RANGE};
	const struct ddb_definition *definition = table->definition;
	struct ddb_attribute attribute = {.name = stand_ins[range], .value = *value};
	if (definition)
		attribute.name = range ? definition->range.name : definition->hash.name;
	attribute.name_length = (uint32_t)strlen(attribute.name);
	return attribute;
}

static bool is_before(const struct ddb_attribute *a, const struct ddb_attribute *b)
{
	uint32_t common = a->name_length < b->name_length ? a->name_length : b->name_length;
	int order = memcmp(a->name, b->name, common);
	return order ? order < 0 : a->name_length < b->name_length;
}

enum ddb_code map_key_of_values(const struct ddb_table *table, const struct ddb_value *hash,
	const struct ddb_value *range, struct ddb_arena *arena, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_attribute *attributes = ddb_arena_array(arena, 2, sizeof(*attributes));
	if (!attributes)
		return ddb_fail_memory(err);
	struct ddb_attribute first = attribute_of(table, false, hash);
	attributes[0] = first;
	if (range) {
		struct ddb_attribute second = attribute_of(table, true, range);
		bool swapped = is_before(&second, &first);
		attributes[swapped ? 1 : 0] = first;
		attributes[swapped ? 0 : 1] = second;
	}
	*ret = (struct ddb_value){.type = DDB_M, .count = range ? 2 : 1, .attributes = attributes};
	return DDB_OK;
}

enum ddb_code map_place_key(
	const struct map_place *place, struct ddb_arena *arena, struct ddb_value *ret, struct ddb_error *err)
{
	if (!place->has_hash)
		return ddb_fail(err, DDB_VALIDATION, "The name does not tell the key: %s", place->name);
	return map_key_of_values(
		place->table, &place->hash, place->has_range ? &place->range : NULL, arena, ret, err);
}

const struct ddb_value *map_key_value(const struct ddb_table *table, const struct ddb_value *item, bool range)
{
	const struct ddb_definition *definition = table->definition;
	if (!definition || (range && !definition->has_range))
		return NULL;
	const struct ddb_key_attribute *key = range ? &definition->range : &definition->hash;
	return ddb_map_get(item, key->name, key->name_length);
}

static bool has_name(
	const struct ddb_table *table, const struct ddb_value *value, bool item, const char *name)
{
	char entry[MAP_NAME_MAX + 1];
	if (table->provisional == DDB_DEFINED) {
		map_name_of_key(value, item, entry);
		return !strcmp(entry, name);
	}
	size_t length = strlen(name), suffix = item ? strlen(".json") : 0;
	return value->count + suffix == length && !memcmp(value->bytes, name, value->count);
}

bool map_place_names(
	const struct map_place *place, const struct ddb_value *hash, const struct ddb_value *range)
{
	if (!range)
		return has_name(place->table, hash, true, place->name);
	return place->partition && has_name(place->table, hash, false, place->partition) &&
	       has_name(place->table, range, true, place->name);
}

/* ---- Inode numbers ---- */

/*
 * The table above, what it is of the table below: first the definition, then the table and what it has of
 * fixed names, then items by serial, and, with the highest bit, what is numbered by a digest of its name. A
 * partition is: its number is the same whether the engine has items of it or it is remembered. Where the
 * table would be is nothing for what is in the root; scratch files have their numbers there, wherever they
 * are.
 */
enum {
	TABLE_SHIFT = 40,
	TABLES = 0xfffffe,
	FIXED_MAX = 64,
};
static const uint64_t digested = (uint64_t)1 << (TABLE_SHIFT - 1);

static uint64_t table_part(const struct ddb_table *table)
{
	return ((uint64_t)(table->id % TABLES) + 1) << TABLE_SHIFT;
}

static uint64_t low_part(uint64_t value)
{
	return value & (digested - 1);
}

static uint64_t digest_of(const char *bytes, size_t length)
{
	uint64_t digest = 0xcbf29ce484222325u;
	for (size_t i = 0; i < length; i++)
		digest = (digest ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	digest ^= digest >> 33;
	digest *= 0xff51afd7ed558ccdu;
	return digest ^ digest >> 29;
}

uint64_t map_ino_of_item(const struct ddb_table *table, uint64_t serial, enum ddb_rendering rendering)
{
	return table_part(table) | low_part(FIXED_MAX + 2 * serial + (rendering == DDB_RENDER_TYPED));
}

static uint64_t ino_of_name(const struct map_place *place, const char *name)
{
	uint64_t typed = place->rendering == DDB_RENDER_TYPED;
	return table_part(place->table) | digested | low_part(digest_of(name, strlen(name)) << 1 | typed);
}

/* Of what is below .index, .query and .stream: by all that the path says. */
static uint64_t ino_of_path(const struct map_place *place)
{
	return ino_of_name(place, strchr(place->path, '/'));
}

static uint64_t ino_of_segment(const struct map_place *place)
{
	char name[40];
	if (place->kind == MAP_SEGMENTS)
		snprintf(name, sizeof(name), "/%u", place->segments);
	else
		snprintf(name, sizeof(name), "/%u/%u", place->segments, place->segment);
	return ino_of_name(place, name);
}

/* Kinds count from the root; the definition takes the place of the table's own files that is lowest. */
static uint64_t fixed_part(const struct map_place *place)
{
	uint64_t typed = place->rendering == DDB_RENDER_TYPED;
	return place->kind == MAP_DEFINITION ? 0 : 2 * (uint64_t)place->kind + typed;
}

uint64_t map_ino_of_place(const struct map_place *place)
{
	if (place->query)
		return ino_of_path(place);
	switch (place->kind) {
	case MAP_ROOT:
		return 1;
	case MAP_STATUS:
	case MAP_ERRORS:
	case MAP_API:
		return 1 + (uint64_t)place->kind;
	case MAP_OPERATION: /* where scratch files have none */
		return digested | low_part(digest_of(place->name, strlen(place->name)) << 1);
	case MAP_TRANSACTIONS:
	case MAP_TRANSACTION:
	case MAP_COMMITTED:
	case MAP_COMMITTED_ENTRY:
	case MAP_SNAPSHOTS:
	case MAP_SNAPSHOT:
	case MAP_CONDITIONS:
	case MAP_REASONS:
		return digested | low_part(digest_of(place->path, strlen(place->path)) << 1);
	case MAP_SEGMENTS:
	case MAP_SEGMENT:
		return ino_of_segment(place);
	case MAP_PARTITION:
		return ino_of_name(place, place->partition);
	case MAP_STREAM:
	case MAP_RECORDS:
	case MAP_RECORDS_FROM:
	case MAP_FOLLOW:
		return ino_of_path(place);
	case MAP_TABLE:
	case MAP_DEFINITION:
	case MAP_TABLE_STATUS:
	case MAP_LINES:
	case MAP_TYPED:
	case MAP_SCAN:
	case MAP_SCAN_ALL:
	case MAP_INDEXES:
		return table_part(place->table) | fixed_part(place);
	case MAP_INDEX:
	case MAP_KEY:
	case MAP_QUERIES:
	case MAP_QUERY:
	case MAP_ENTRY:
	case MAP_RESULTS:
	case MAP_COUNT:
	case MAP_EXPLAIN:
	case MAP_ITEM:
	case MAP_SCRATCH:
	case MAP_SCRATCH_DIRECTORY:
		break; /* theirs comes from the query or the engine */
	}
	return place->table ? ino_of_name(place, place->name) : FIXED_MAX - 1;
}

/* ---- Attributes ---- */

void map_attr_of_place(struct map *map, const struct map_place *place, struct map_attr *ret)
{
	const struct map_row *row = place->row;
	*ret = (struct map_attr){
		.directory = row->directory,
		.stream = row->stream,
		.writable = row->writable,
		.volatile_ = row->volatile_,
		.untold = row->untold,
		.ino = map_ino_of_place(place),
		.mtime_ns = place->table ? place->table->created_ns : map->started_ns,
	};
}

void map_attr_of_item(const struct map_place *place, const struct ddb_meta *meta, struct map_attr *ret)
{
	*ret = (struct map_attr){
		.writable = true,
		.ino = map_ino_of_item(place->table, meta->serial, place->rendering),
		.size = meta->rendered[place->rendering],
		.mtime_ns = meta->mtime_ns,
		.version = meta->version,
		.expires = meta->expires,
	};
}

void map_attr_of_scratch(const struct ddb_scratch_meta *meta, struct map_attr *ret)
{
	*ret = (struct map_attr){
		.directory = meta->directory,
		.writable = true,
		.ino = FIXED_MAX + low_part(meta->id),
		.size = meta->size,
		.mtime_ns = meta->mtime_ns,
	};
}

void map_attr_of_definition(
	const struct map_place *place, const char *text, size_t length, struct map_attr *ret)
{
	*ret = (struct map_attr){
		.writable = true,
		.ino = map_ino_of_place(place),
		.size = length,
		.mtime_ns = place->table->changed_ns,
		.version = digest_of(text, length) | 1,
	};
}

/* ---- Scratch files ---- */

static void directory_id(uint8_t kind, uint32_t table, enum ddb_rendering rendering, const char *partition,
	uint8_t ret[DDB_DIRECTORY_ID_BYTES])
{
	crypto_generichash_state state;
	uint8_t head[6] = {kind};
	for (unsigned i = 0; i < 4; i++)
		head[1 + i] = (uint8_t)(table >> (8 * i));
	head[5] = (uint8_t)rendering;
	crypto_generichash_init(&state, NULL, 0, DDB_DIRECTORY_ID_BYTES);
	crypto_generichash_update(&state, head, sizeof(head));
	if (partition)
		crypto_generichash_update(&state, (const unsigned char *)partition, strlen(partition));
	crypto_generichash_final(&state, ret, DDB_DIRECTORY_ID_BYTES);
}

void map_scratch_directory(const struct map_place *place, uint8_t ret[DDB_DIRECTORY_ID_BYTES])
{
	if (place->kind == MAP_SCRATCH_DIRECTORY)
		memcpy(ret, place->inside, DDB_DIRECTORY_ID_BYTES);
	else if (place->table)
		directory_id(1, place->table->id, place->rendering, place->partition, ret);
	else
		directory_id(place->kind != MAP_ROOT, 0, DDB_RENDER_PLAIN, NULL, ret);
}

void map_scratch_hidden(enum map_scratch_hidden which, uint32_t table, uint8_t ret[DDB_DIRECTORY_ID_BYTES])
{
	directory_id((uint8_t)which, table, DDB_RENDER_PLAIN, NULL, ret);
}

void map_scratch_shown(const char *name, char ret[256])
{
	enum { DIGEST = 16, CUT = 200 };
	uint8_t digest[DIGEST];
	char text[2 * DIGEST + 1];
	size_t length = strlen(name);
	if (length + strlen("..scratch") <= MAP_NAME_MAX) {
		snprintf(ret, MAP_NAME_MAX + 1, ".%s.scratch", name);
		return;
	}
	crypto_generichash(digest, DIGEST, (const unsigned char *)name, length, NULL, 0);
	sodium_bin2hex(text, sizeof(text), digest, DIGEST);
	length = CUT;
	while (length > CUT - 3 && ((unsigned char)name[length] & 0xc0) == 0x80)
		length--;
	snprintf(ret, MAP_NAME_MAX + 1, ".%.*s~~%s.scratch", (int)length, name, text);
}
