/*
 * An open item. A reader holds the version that it opened; a writer's bytes become puts (writer.c), or
 * updates under O_APPEND (appender.c). A new name that is never written becomes an item of its key alone.
 * Every commit resolves the path anew: the table may have got its definition since the file was opened, and
 * then the name stands for another key.
 */
#include "mapping/appender.h"
#include "mapping/item_put.h"
#include "mapping/writer.h"

#include <errno.h>
#include <stdlib.h>

enum {
	RENDER_AT_OPEN = 65536, /* bytes of a document that is not worth keeping the item for */
	RENDERED_MAX = 256 << 20,
};

/* The version that was opened, for readers. */
enum snapshot {
	SNAPSHOT_NONE,
	SNAPSHOT_ITEM, /* not rendered yet */
	SNAPSHOT_TEXT,
};

struct item_part {
	struct map_writer writer;
	struct map_appender appender;
	bool appends;
	bool named; /* the name was there when the file was opened, or is by this file's doing */
	enum snapshot snapshot;
	struct ddb_arena arena; /* SNAPSHOT_ITEM's */
	struct ddb_table *table;
	struct ddb_entry entry;
	struct ddb_buffer text; /* SNAPSHOT_TEXT's */
	enum ddb_rendering rendering;
};

/* ---- The version that was opened ---- */

static void drop_snapshot(struct item_part *part)
{
	ddb_arena_done(&part->arena);
	ddb_table_unref(part->table);
	part->table = NULL;
	ddb_buffer_done(&part->text);
	part->snapshot = SNAPSHOT_NONE;
}

static int render_snapshot(struct item_part *part, struct ddb_error *err)
{
	ddb_buffer_init(&part->text, RENDERED_MAX);
	int number = map_item_render(part->table, &part->entry, part->rendering, &part->text, err);
	if (number) {
		ddb_buffer_done(&part->text);
		return number;
	}
	part->snapshot = SNAPSHOT_TEXT;
	ddb_arena_done(&part->arena);
	ddb_table_unref(part->table);
	part->table = NULL;
	return 0;
}

static int take_snapshot(struct map *map, struct item_part *part, const struct map_place *place,
	struct map_attr *ret, struct ddb_error *err)
{
	int number = map_item_get(map, &part->arena, place, &part->entry, err);

	if (number)
		return number;
	map_attr_of_item(place, &part->entry.meta, ret);
	part->table = ddb_table_ref(place->table);
	part->snapshot = SNAPSHOT_ITEM;
	return ret->size <= RENDER_AT_OPEN ? render_snapshot(part, err) : 0;
}

/* After an append: reads show the item as it is now. */
static int retake_snapshot(struct map_file *file, struct item_part *part, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct map_attr attr;

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_resolve(file->map, &arena, file->path, &place, err);
	if (!number && place.kind != MAP_ITEM)
		number = ENOENT;
	return number ? number : take_snapshot(file->map, part, &place, &attr, err);
}

static int need_snapshot_text(struct map_file *file, struct item_part *part, struct ddb_error *err)
{
	int number = 0;

	if (part->snapshot == SNAPSHOT_NONE && part->named)
		number = retake_snapshot(file, part, err);
	if (!number && part->snapshot == SNAPSHOT_ITEM)
		number = render_snapshot(part, err);
	return number;
}

static int item_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct item_part *part = file->part;
	struct ddb_error err = {0};

	if (map_writer_holds_text(&part->writer))
		return map_file_read_text(&part->writer.text, offset, buffer, size, ret_length);
	int number = need_snapshot_text(file, part, &err);
	if (number)
		return map_file_refuse(file, &file->opener, "read", number, &err);
	return map_file_read_text(&part->text, offset, buffer, size, ret_length);
}

/* ---- Writing ---- */

static void committed(struct map_file *file, const struct map_place *place, const struct ddb_meta *meta)
{
	struct item_part *part = file->part;

	part->named = true;
	map_attr_of_item(place, meta, &file->attr);
	map_tell_item(file->map, place, meta->version, file);
}

static enum ddb_condition condition(const struct map_file *file, const struct item_part *part)
{
	return file->exclusive && !part->named ? DDB_IF_ABSENT : DDB_ALWAYS;
}

/* The writer's: what in-place editing begins with is what this handle has shown, if it has shown anything. */
static int load_text(struct map_file *file, struct ddb_buffer *out, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct item_part *part = file->part;

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	if (map_file_reads(file) || !part->named) {
		int number = need_snapshot_text(file, part, err);
		if (!number)
			ddb_buffer_add(out, part->text.bytes, part->text.length);
		return number;
	}
	int number = map_resolve(file->map, &arena, file->path, &place, err);
	if (!number && place.kind != MAP_ITEM)
		number = ENOENT;
	return number ? number : map_item_text(file->map, &place, out, NULL, err);
}

static int put_document(struct map_file *file, const struct map_caller *caller, struct ddb_arena *arena,
	const struct ddb_value *document, struct ddb_error *err)
{
	MAP_PLACE_AUTO struct map_place place = {0};
	struct item_part *part = file->part;
	struct map_item_put put = {
		.document = document, .condition = condition(file, part), .mtime_ns = part->writer.mtime_ns};
	struct ddb_meta meta;

	(void)caller;
	int number = map_item_resolve(file->map, arena, file->path, &place, err);
	if (!number)
		number = map_item_put(file->map, arena, &place, &put, &meta, err);
	if (!number)
		committed(file, &place, &meta);
	return number;
}

static const struct map_writer_user writer_user = {.load = load_text, .put = put_document};

static int update_item(struct map_file *file, struct ddb_arena *arena, const struct map_place *place,
	const struct ddb_value *object, struct ddb_error *err)
{
	struct ddb_engine *engine = file->map->engine;
	const struct ddb_table *table = place->table;
	struct ddb_update_item update = {
		.table = table->name, .lenient_keys = true, .condition = condition(file, file->part)};
	struct ddb_put_result result;
	struct ddb_value set, item;
	enum ddb_code code = map_item_read(place, arena, object, &set, &item, err);

	if (!code)
		code = map_key_of_values(table, map_key_value(table, &item, false),
			map_key_value(table, &item, true), arena, &update.key, err);
	if (!code && set.count > 0)
		code = ddb_changes_of_map(arena, &set, &update.changes, err);
	if (!code)
		code = engine->ops->update_item(engine, &update, &result, err);
	if (code)
		return map_item_errno(code);
	committed(file, place, &result.meta);
	return 0;
}

/* {} sets nothing; it can only make a missing item. */
static bool sets_nothing(struct map_file *file, struct ddb_arena *arena, const struct map_place *place,
	const struct ddb_value *object)
{
	struct item_part *part = file->part;
	struct map_attr attr;
	struct ddb_error err;

	if (object->count || condition(file, part) != DDB_ALWAYS)
		return false;
	return !map_place_stat(file->map, arena, place, &attr, &err);
}

static int append_object(struct map_file *file, const struct map_caller *caller, struct ddb_arena *arena,
	const struct ddb_value *object, struct ddb_error *err)
{
	MAP_PLACE_AUTO struct map_place place = {0};
	struct item_part *part = file->part;

	(void)caller;
	int number = map_item_resolve(file->map, arena, file->path, &place, err);
	if (number || sets_nothing(file, arena, &place, object))
		return number;
	number = update_item(file, arena, &place, object, err);
	if (!number)
		drop_snapshot(part);
	return number;
}

static bool is_appending(const struct item_part *part)
{
	return part->appends && !map_writer_holds_text(&part->writer);
}

static int item_write(struct map_file *file, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size)
{
	struct item_part *part = file->part;

	if (!is_appending(part))
		return map_writer_write(&part->writer, caller, offset, bytes, size);
	if (file->refused)
		return EINVAL;
	int number = map_appender_write(&part->appender, caller, bytes, size);
	file->refused = number && !part->named;
	return number;
}

static int item_truncate(struct map_file *file, const struct map_caller *caller, uint64_t size)
{
	struct item_part *part = file->part;

	if (is_appending(part) && file->refused)
		return EINVAL;
	return map_writer_truncate(&part->writer, caller, size);
}

/* ---- Closing ---- */

static int settle(struct map_file *file, const struct map_caller *caller, const char *operation)
{
	struct item_part *part = file->part;

	if (is_appending(part))
		return map_appender_settle(&part->appender, caller, operation);
	return map_writer_settle(&part->writer, caller, operation);
}

static int item_flush(struct map_file *file, const struct map_caller *caller)
{
	return settle(file, caller, "close");
}

static bool is_untouched(const struct map_file *file)
{
	const struct item_part *part = file->part;

	if (!file->created || file->forgone || part->named || file->refused)
		return false;
	if (is_appending(part))
		return !part->appender.json || !ddb_json_started(part->appender.json);
	return map_writer_untouched(&part->writer);
}

static int put_name(
	struct map_file *file, struct ddb_arena *arena, struct map_place *place, struct ddb_error *err)
{
	struct item_part *part = file->part;
	struct map_item_put put = {.condition = DDB_IF_ABSENT};
	struct ddb_meta meta;
	int number = map_item_resolve(file->map, arena, file->path, place, err);

	if (!number)
		number = map_item_put(file->map, arena, place, &put, &meta, err);
	if (!number)
		committed(file, place, &meta);
	if (number != EEXIST || file->exclusive)
		return number;
	part->named = true; /* somebody else's by now: as if it had been opened */
	return map_place_stat(file->map, arena, place, &file->attr, err);
}

/* A new name that nothing was written to becomes an item of its key. */
static int put_untouched(struct map_file *file, const struct map_caller *caller, const char *operation)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_error err = {0};

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	if (!is_untouched(file))
		return 0;
	int number = put_name(file, &arena, &place, &err);
	if (!number)
		return 0;
	file->refused = true;
	return map_file_refuse(file, caller, operation, number, &err);
}

static int item_sync(struct map_file *file, const struct map_caller *caller)
{
	int number = settle(file, caller, "fsync");

	return number ? number : put_untouched(file, caller, "fsync");
}

static int item_release(struct map_file *file, const struct map_caller *caller)
{
	int number = settle(file, caller, "close");

	return number ? number : put_untouched(file, caller, "close");
}

static int item_settle(struct map_file *file, const struct map_caller *caller)
{
	return put_untouched(file, caller, "close");
}

static void item_done(struct map_file *file)
{
	struct item_part *part = file->part;

	map_appender_done(&part->appender);
	map_writer_done(&part->writer);
	drop_snapshot(part);
	free(part);
}

static bool item_draft(const struct map_file *file, uint64_t *ret)
{
	const struct item_part *part = file->part;

	return map_writer_draft(&part->writer, ret);
}

static void item_set_draft_mtime(struct map_file *file, int64_t mtime_ns)
{
	struct item_part *part = file->part;

	if (!is_appending(part))
		map_writer_set_mtime(&part->writer, mtime_ns);
}

static const struct map_file_ops item_ops = {
	.read = item_read,
	.write = item_write,
	.truncate = item_truncate,
	.draft = item_draft,
	.flush = item_flush,
	.sync = item_sync,
	.settle = item_settle,
	.set_draft_mtime = item_set_draft_mtime,
	.release = item_release,
	.done = item_done,
};

/* ---- Opening ---- */

static int open_new(
	struct map *map, const struct map_place *place, struct map_attr *ret, struct ddb_error *err)
{
	int number = map_item_settle(map, place, err);

	if (number)
		return number;
	*ret = (struct map_attr){
		.writable = true,
		.ino = map_ino_of_place(place),
		.mtime_ns = map_now_ns(),
	};
	return 0;
}

static int open_part(struct map *map, const struct map_place *place, struct map_file *file,
	struct item_part *part, struct map_attr *ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	bool anew = map_file_writes(file) && file->flags & O_TRUNC;

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	if (file->created)
		return open_new(map, place, ret, err);
	if (map_file_reads(file) && !anew)
		return take_snapshot(map, part, place, ret, err);
	return map_place_stat(map, &arena, place, ret, err);
}

int map_item_open(struct map *map, const struct map_place *place, struct map_file *file, struct map_attr *ret,
	struct ddb_error *err)
{
	const struct ddb_json_limits *limits = map_document_limits(place->rendering);
	bool anew = file->flags & O_TRUNC;
	struct item_part *part = calloc(1, sizeof(*part));

	if (!part)
		return map_errno(ddb_fail_memory(err));
	part->rendering = place->rendering;
	part->named = !file->created;
	part->appends = file->flags & O_APPEND && !anew;
	ddb_arena_init(&part->arena, MAP_REQUEST_MEMORY);
	map_writer_init(&part->writer, file, &writer_user, limits, MAP_DOCUMENT_MAX,
		map_file_writes(file) && !part->appends && (anew || file->created));
	map_appender_init(&part->appender, file, append_object, limits);
	file->part = part;
	file->ops = &item_ops;
	return open_part(map, place, file, part, ret, err);
}
