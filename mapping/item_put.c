/*
 * Items from and to the engine. What a document must hold is decided by its place: keys that the path tells
 * may be left out, those of a name in the long form may not.
 */
#include "mapping/item_put.h"

#include "mapping/view/views.h"

#include <errno.h>

int map_item_get(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	struct ddb_entry *ret, struct ddb_error *err)
{
	struct ddb_get_item get = {.table = place->table->name};
	struct ddb_get_result result = {0};

	if (place->unnamed || !place->table->definition)
		return ENOENT;
	enum ddb_code code = map_place_key(place, arena, &get.key, err);
	if (!code)
		code = map->engine->ops->get_item(map->engine, arena, &get, &result, err);
	if (code)
		return map_errno(code);
	if (!result.found)
		return ENOENT;
	*ret = result.entry;
	return 0;
}

int map_item_render(const struct ddb_table *table, const struct ddb_entry *entry,
	enum ddb_rendering rendering, struct ddb_buffer *out, struct ddb_error *err)
{
	if (!ddb_buffer_reserve(out, entry->meta.rendered[rendering])) {
		ddb_fail_memory(err);
		return ENOMEM;
	}
	map_document_write(table, &entry->item, rendering, true, out);
	if (!out->failed)
		return 0;
	ddb_fail_memory(err);
	return ENOMEM;
}

int map_item_text(struct map *map, const struct map_place *place, struct ddb_buffer *out,
	struct ddb_meta *ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_entry entry;

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_item_get(map, &arena, place, &entry, err);
	if (!number)
		number = map_item_render(place->table, &entry, place->rendering, out, err);
	if (!number && ret)
		*ret = entry.meta;
	return number;
}

int map_item_settle(struct map *map, const struct map_place *place, struct ddb_error *err)
{
	enum ddb_provisional kind = place->partition ? DDB_PROVISIONAL_COMPOSITE : DDB_PROVISIONAL_SIMPLE;

	if (place->table->provisional != DDB_PROVISIONAL)
		return 0;
	if (map_is_staged(map))
		return map_refuse_staged(map, err);
	return map_errno(map->engine->ops->settle_table(map->engine, place->table->name, kind, err));
}

int map_item_resolve(struct map *map, struct ddb_arena *arena, const char *path, struct map_place *ret,
	struct ddb_error *err)
{
	for (;;) {
		struct map_place place;
		int number = map_resolve(map, arena, path, &place, err);
		if (number)
			return map_file_new_errno(number, err);
		if (place.kind == MAP_ITEM && place.table->provisional != DDB_PROVISIONAL) {
			*ret = place;
			return 0;
		}
		if (place.kind == MAP_ITEM)
			number = map_item_settle(map, &place, err);
		else
			number = map_errno(
				ddb_fail(err, DDB_VALIDATION, "The name is no key's in this directory"));
		map_place_done(&place);
		if (number)
			return number;
	}
}

enum ddb_code map_item_read(const struct map_place *place, struct ddb_arena *arena,
	const struct ddb_value *document, struct ddb_value *ret_given, struct ddb_value *ret_item,
	struct ddb_error *err)
{
	struct ddb_value given = {.type = DDB_M};
	enum ddb_code code = DDB_OK;

	if (document)
		code = map_document_read(arena, document, place->rendering, &given, err);
	if (!code)
		code = map_document_complete(arena, place->table, &given,
			place->has_hash ? &place->hash : NULL, place->has_range ? &place->range : NULL,
			ret_item, err);
	if (code)
		return code;
	*ret_given = given;
	if (!place->unnamed || map_place_names(place, map_key_value(place->table, ret_item, false),
				       map_key_value(place->table, ret_item, true)))
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION, "The document's key does not agree with its path");
}

int map_item_errno(enum ddb_code code)
{
	return code == DDB_CONDITIONAL_CHECK_FAILED ? EEXIST : map_errno(code);
}

int map_item_put(struct map *map, struct ddb_arena *arena, const struct map_place *place,
	const struct map_item_put *request, struct ddb_meta *ret, struct ddb_error *err)
{
	struct ddb_put_item put = {
		.table = place->table->name,
		.condition = request->condition,
		.mtime_ns = request->mtime_ns,
		.consume = request->consume ? request->consume->name : NULL,
		.consume_as = request->consume ? request->consume->as : NULL,
	};
	struct ddb_put_result result;
	struct ddb_value given;
	enum ddb_code code = map_item_read(place, arena, request->document, &given, &put.item, err);

	if (!code)
		code = map->engine->ops->put_item(map->engine, &put, &result, err);
	if (code)
		return map_item_errno(code);
	*ret = result.meta;
	return 0;
}

int map_item_put_text(struct map *map, const struct map_caller *caller, const struct map_place *place,
	const char *text, size_t length, int64_t mtime_ns, bool no_replace, const struct map_consume *consume,
	struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place settled = {0};
	struct ddb_value document;
	struct map_item_put put = {
		.document = &document,
		.condition = no_replace ? DDB_IF_ABSENT : DDB_ALWAYS,
		.mtime_ns = mtime_ns,
		.consume = consume,
	};
	struct ddb_meta meta;

	ddb_arena_init(&arena, MAP_DOCUMENT_MEMORY);
	(void)caller;
	if (length > MAP_DOCUMENT_MAX)
		return map_errno(ddb_fail(
			err, DDB_ITEM_TOO_LARGE, "The text is longer than %d bytes", MAP_DOCUMENT_MAX));
	enum ddb_code code =
		ddb_json_read(&arena, map_document_limits(place->rendering), text, length, &document, err);
	if (code)
		return map_errno(code);
	int number = map_item_resolve(map, &arena, place->path, &settled, err);
	if (!number)
		number = map_item_put(map, &arena, &settled, &put, &meta, err);
	if (!number)
		map_tell_item(map, &settled, meta.version, NULL);
	return number;
}
