/*
 * What the tests of the local engine share: an engine on a store in a temporary directory, hooks with simple
 * rules, and items written as text. Every test ends with a check of its store, which must be sound.
 */
#ifndef LOCAL_FIXTURE_H
#define LOCAL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/json.h"
#include "engine/jsonout.h"
#include "engine/local/local.h"
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELPER static __attribute__((unused))
#define OP(engine, operation, ...) ((engine)->ops->operation((engine), __VA_ARGS__))

enum { ARENA_MAX = 256 << 20, ALIASED_FROM = 100 /* bytes of a key value */ };

struct fixture {
	char path[64];
	struct ddb_engine *engine;
	struct ddb_arena arena;
	struct ddb_error err;
};

/* ---- Hooks ---- */

HELPER void measure(const struct ddb_table *table, const struct ddb_value *item, uint32_t ret[2])
{
	(void)table;
	ret[0] = (uint32_t)(ddb_item_size(item) + 4 * item->count + 4);
	ret[1] = (uint32_t)(ddb_item_size(item) + 9 * item->count + 4);
}

HELPER bool alias(const struct ddb_table *table, const struct ddb_value *value, bool is_range,
	uint8_t ret[DDB_ALIAS_BYTES])
{
	(void)table;
	uint64_t hash = is_range ? 7 : 5;
	if (value->count < ALIASED_FROM)
		return false;
	for (unsigned i = 0; i < DDB_ALIAS_BYTES; i++) {
		for (uint32_t k = 0; k < value->count; k++)
			hash = (hash ^ value->bytes[k]) * 1099511628211u + i;
		ret[i] = (uint8_t)(hash >> 32);
	}
	return true;
}

HELPER void digest_add(uint64_t *hash, const struct ddb_value *value, size_t *bytes)
{
	*hash = (*hash ^ value->type) * 1099511628211u;
	for (uint32_t i = 0; value->type < DDB_BOOL && i < value->count; i++)
		*hash = (*hash ^ value->bytes[i]) * 1099511628211u;
	*bytes += value->type < DDB_BOOL ? value->count : 0;
}

HELPER bool digest_end(uint64_t hash, size_t bytes, uint8_t ret[DDB_ALIAS_BYTES])
{
	for (unsigned i = 0; i < DDB_ALIAS_BYTES; i++) {
		hash = (hash ^ i) * 1099511628211u;
		ret[i] = (uint8_t)(hash >> 32);
	}
	return bytes >= ALIASED_FROM;
}

HELPER bool index_alias(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_value *partition, uint8_t ret[DDB_ALIAS_BYTES])
{
	uint64_t hash = 11;
	size_t bytes = 0;
	(void)table;
	(void)index;
	digest_add(&hash, partition, &bytes);
	for (uint32_t i = 0; partition->type == DDB_L && i < partition->count; i++)
		digest_add(&hash, &partition->elements[i], &bytes);
	return digest_end(hash, bytes, ret);
}

HELPER bool entry_alias(const struct ddb_table *table, const struct ddb_index_definition *index,
	const struct ddb_value *key, uint8_t ret[DDB_ALIAS_BYTES])
{
	uint64_t hash = 13;
	size_t bytes = 0;
	(void)table;
	(void)index;
	for (uint32_t i = 0; i < key->count; i++)
		digest_add(&hash, &key->attributes[i].value, &bytes);
	return digest_end(hash, bytes, ret);
}

static const struct ddb_rendering_hooks hooks = {
	.measure = measure, .alias = alias, .index_alias = index_alias, .entry_alias = entry_alias};

/* ---- Codes ---- */

#define assert_code(fixture, call, wanted) check_code((fixture), (call), (wanted), #call, __LINE__)
#define assert_ok(fixture, call) assert_code(fixture, call, DDB_OK)

HELPER void check_code(
	struct fixture *fixture, enum ddb_code code, enum ddb_code wanted, const char *call, int line)
{
	if (code == wanted)
		return;
	fail_msg("line %d: %s: code %d, not %d: %s", line, call, code, wanted,
		code ? fixture->err.message : "");
}

#define assert_refused(fixture, call, code, text)                                                            \
	do {                                                                                                 \
		assert_code(fixture, call, code);                                                            \
		assert_string_equal((fixture)->err.message, text);                                           \
	} while (0)

/* ---- Values ---- */

HELPER struct ddb_value text_value(struct ddb_arena *arena, const char *text)
{
	const char *value = text + 2;
	struct ddb_number number;
	if (text[0] == 'N') {
		assert_int_equal(ddb_number_read(value, strlen(value), &number, NULL), DDB_OK);
		struct ddb_number *kept = ddb_arena_copy(arena, &number, sizeof number);
		return ddb_number_value(kept);
	}
	const char *copy = ddb_arena_copy(arena, value, strlen(value));
	return text[0] == 'B' ? ddb_binary(copy, strlen(value)) : ddb_string(copy, strlen(value));
}

/* A map of "name=S:text" members (S, N or B), ended by NULL. */
HELPER struct ddb_value map_of(struct ddb_arena *arena, ...)
{
	struct ddb_attribute attributes[32];
	uint32_t count = 0;
	va_list list;
	va_start(list, arena);
	for (const char *text; (text = va_arg(list, const char *)); count++) {
		const char *equals = strchr(text, '=');
		assert_true(count < 32 && equals);
		attributes[count].name = ddb_arena_copy(arena, text, (size_t)(equals - text));
		attributes[count].name_length = (uint32_t)(equals - text);
		attributes[count].value = text_value(arena, equals + 1);
	}
	va_end(list);
	struct ddb_value map = {.type = DDB_M,
		.count = count,
		.attributes = ddb_arena_copy(arena, attributes, count * sizeof *attributes)};
	assert_int_equal(ddb_map_sort(&map, NULL), DDB_OK);
	return map;
}

/* SET of each member; an empty map makes no changes. Any thread. */
HELPER const struct ddb_changes *setting(struct ddb_arena *arena, struct ddb_value map)
{
	const struct ddb_changes *changes = NULL;
	if (map.count > 0 && ddb_changes_of_map(arena, &map, &changes, NULL))
		abort();
	return changes;
}

/* The map with one attribute more (or another value for it). */
HELPER struct ddb_value with(
	struct ddb_arena *arena, const struct ddb_value *map, const char *name, struct ddb_value value)
{
	struct ddb_value *made = ddb_map_with(arena, map, name, strlen(name), &value);
	assert_non_null(made);
	return *made;
}

HELPER struct ddb_value filled(struct ddb_arena *arena, size_t length, char fill)
{
	char *bytes = ddb_arena_alloc(arena, length ? length : 1);
	assert_non_null(bytes);
	memset(bytes, fill, length);
	return ddb_string(bytes, length);
}

HELPER struct ddb_value int_value(struct ddb_arena *arena, int64_t number)
{
	struct ddb_number made;
	ddb_number_from_int(number, &made);
	return ddb_number_value(ddb_arena_copy(arena, &made, sizeof made));
}

/* The text of a value of a map's attribute, for comparing. */
HELPER const char *text_of(struct ddb_arena *arena, const struct ddb_value *map, const char *name)
{
	const struct ddb_value *value = ddb_map_get(map, name, strlen(name));
	char text[DDB_NUMBER_TEXT_MAX];
	if (!value)
		return "(none)";
	if (value->type != DDB_N)
		return ddb_arena_copy(arena, value->bytes, value->count);
	size_t length = ddb_number_write(value->bytes, value->count, text);
	return ddb_arena_copy(arena, text, length);
}

HELPER void assert_same_meta(const struct ddb_meta *a, const struct ddb_meta *b)
{
	assert_true(a->serial == b->serial && a->version == b->version && a->mtime_ns == b->mtime_ns);
	assert_int_equal(a->size, b->size);
	assert_memory_equal(a->rendered, b->rendered, sizeof a->rendered);
}

/* ---- Engine ---- */

HELPER void engine_open_with(struct fixture *fixture, struct ddb_local_options options)
{
	options.hooks = &hooks;
	assert_ok(fixture, ddb_local_open(fixture->path, &options, &fixture->engine, &fixture->err));
}

HELPER void engine_open(struct fixture *fixture)
{
	engine_open_with(fixture, (struct ddb_local_options){.scratch_max = 0});
}

HELPER void engine_close(struct fixture *fixture)
{
	if (fixture->engine)
		fixture->engine->ops->close(fixture->engine);
	fixture->engine = NULL;
}

HELPER void engine_reopen(struct fixture *fixture)
{
	engine_close(fixture);
	engine_open(fixture);
}

HELPER void report_line(void *context, const char *line)
{
	(void)context;
	print_message("check: %s\n", line);
}

HELPER struct ddb_check_result run_check(struct fixture *fixture, bool repair)
{
	struct ddb_check_options options = {.repair = repair, .report = report_line};
	struct ddb_check_result result;
	assert_ok(fixture, ddb_local_check(fixture->engine, &options, &result, &fixture->err));
	return result;
}

HELPER void assert_sound(struct fixture *fixture)
{
	assert_int_equal(run_check(fixture, false).problems, 0);
}

HELPER int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
	(void)stat;
	(void)type;
	(void)ftw;
	return remove(path);
}

HELPER int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	strcpy(fixture->path, "/tmp/ddb-local-XXXXXX");
	if (!fixture || !mkdtemp(fixture->path))
		return -1;
	ddb_arena_init(&fixture->arena, ARENA_MAX);
	engine_open(fixture);
	*state = fixture;
	return 0;
}

HELPER int tear_down(void **state)
{
	struct fixture *fixture = *state;
	if (fixture->engine)
		assert_sound(fixture);
	engine_close(fixture);
	ddb_arena_done(&fixture->arena);
	nftw(fixture->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return 0;
}

/* ---- Tables and items ---- */

/* `key` is "pk:S" or "pk:S,sk:N". */
HELPER struct ddb_definition *definition_of(struct fixture *fixture, const char *key)
{
	struct ddb_key_attribute parts[2] = {{.name = NULL}};
	struct ddb_definition *definition = NULL;
	static const char letters[] = "?SNB";
	unsigned count = 0;
	for (const char *part = key; part; count++) {
		const char *colon = strchr(part, ':');
		parts[count].name = ddb_arena_copy(&fixture->arena, part, (size_t)(colon - part));
		parts[count].name_length = (uint32_t)(colon - part);
		parts[count].type = (enum ddb_type)(strchr(letters, colon[1]) - letters);
		part = strchr(part, ',');
		if (part)
			part++;
	}
	assert_ok(fixture,
		ddb_definition_simple(&parts[0], count > 1 ? &parts[1] : NULL, &definition, &fixture->err));
	return definition;
}

HELPER struct ddb_definition *definition_read(struct fixture *fixture, const char *text)
{
	struct ddb_definition *definition = NULL;
	assert_ok(fixture, ddb_definition_read(text, strlen(text), &definition, &fixture->err));
	return definition;
}

HELPER void create(struct fixture *fixture, const char *name, const char *key)
{
	struct ddb_definition *definition = key ? definition_of(fixture, key) : NULL;
	assert_ok(fixture, OP(fixture->engine, create_table, name, definition, &fixture->err));
	ddb_definition_unref(definition);
}

HELPER struct ddb_put_result put(struct fixture *fixture, const char *table, struct ddb_value item)
{
	struct ddb_put_result result;
	struct ddb_put_item request = {.table = table, .item = item};
	assert_ok(fixture, OP(fixture->engine, put_item, &request, &result, &fixture->err));
	return result;
}

HELPER struct ddb_get_result get(struct fixture *fixture, const char *table, struct ddb_value key)
{
	struct ddb_get_result result = {.found = false};
	struct ddb_get_item request = {.table = table, .key = key};
	assert_ok(fixture, OP(fixture->engine, get_item, &fixture->arena, &request, &result, &fixture->err));
	return result;
}

/* The item under a key that has one. */
HELPER const struct ddb_value *item_at(struct fixture *fixture, const char *table, struct ddb_value key)
{
	struct ddb_get_result result = get(fixture, table, key);
	assert_true(result.found);
	return ddb_arena_copy(&fixture->arena, &result.entry.item, sizeof result.entry.item);
}

HELPER bool delete (struct fixture *fixture, const char *table, struct ddb_value key)
{
	struct ddb_delete_result result;
	struct ddb_delete_item request = {.table = table, .key = key};
	assert_ok(fixture, OP(fixture->engine, delete_item, &request, &result, &fixture->err));
	return result.existed;
}

HELPER struct ddb_page query(struct fixture *fixture, struct ddb_query request)
{
	struct ddb_page page;
	assert_ok(fixture, OP(fixture->engine, query, &fixture->arena, &request, &page, &fixture->err));
	return page;
}

/* The range that is a whole partition, or with more members (.lower = …) a part of it. */
#define PARTITION(...) (&(struct ddb_key_range){.partition = __VA_ARGS__})

HELPER struct ddb_table_counts counts(struct fixture *fixture, const char *table)
{
	struct ddb_table_counts result;
	assert_ok(fixture, OP(fixture->engine, count_table, table, &result, &fixture->err));
	return result;
}

HELPER struct ddb_scratch_name scratch(const char *name)
{
	return (struct ddb_scratch_name){.directory = {1, 2, 3}, .name = name};
}

#define F struct fixture *f = *state
#define MAP(...) map_of(&f->arena, __VA_ARGS__, NULL)
#define SET(...) setting(&f->arena, MAP(__VA_ARGS__))

#endif
