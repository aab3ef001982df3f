/*
 * Renaming: what each pair of kinds means. An item's name is its key, a scratch file that becomes an item is
 * put, an item that becomes a scratch file leaves its text there; each is one transaction of the engine.
 */
#include "mapping/document/document.h"
#include "mapping/file.h"
#include "mapping/holding.h"
#include "mapping/rename.h"
#include "mapping/view/route.h"
#include "mapping/scratch/scratches.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RENAME_MEMORY = 1 << 20 };

struct rename {
	struct map *map;
	const struct map_caller *caller;
	struct ddb_arena *arena;
	const struct map_place *from, *to;
	unsigned flags;
	bool no_replace, exchange;
	const struct map_consume *consume; /* the source, where a put takes it away */
};

static int refuse(struct ddb_error *err, int number, const char *why)
{
	ddb_fail(err, number == EINVAL ? DDB_VALIDATION : DDB_ACCESS_DENIED, "%s", why);
	return number;
}

static int no_replace_errno(enum ddb_code code)
{
	return code == DDB_CONDITIONAL_CHECK_FAILED ? EEXIST : map_errno(code);
}

/* EINVAL would make mv talk of subdirectories. */
static int text_errno(int number)
{
	return number == EINVAL ? EBADMSG : number;
}

static bool same_table(const struct rename *rename)
{
	return rename->from->table == rename->to->table ||
	       (rename->from->table && rename->to->table && rename->from->table->id == rename->to->table->id);
}

/* ---- Items ---- */

static void tell_moved(const struct rename *rename, const struct map_place *place)
{
	struct map_attr attr;
	struct ddb_error err;
	bool found = !map_place_stat(rename->map, rename->arena, place, &attr, &err);
	map_tell_item(rename->map, place, found ? attr.version : 0, NULL);
}

static int move_item(const struct rename *rename, struct ddb_error *err)
{
	struct ddb_engine *engine = rename->map->engine;
	const struct map_place *from = rename->from, *to = rename->to;
	struct ddb_move_item request = {
		.table = from->table->name, .exchange = rename->exchange, .no_replace = rename->no_replace};
	if (!same_table(rename) || from->rendering != to->rendering)
		return EXDEV;
	if (from->unnamed)
		return ENOENT;
	if (to->unnamed)
		return refuse(
			err, EINVAL, "The name does not tell the key: only a document that holds it can");
	map_linger_begin(rename->map, from);
	enum ddb_code code = map_place_key(from, rename->arena, &request.from, err);
	if (!code)
		code = map_place_key(to, rename->arena, &request.to, err);
	if (!code)
		code = engine->ops->move_item(engine, &request, err);
	if (code)
		return no_replace_errno(code);
	map_linger(rename->map, from);
	tell_moved(rename, from);
	tell_moved(rename, to);
	return 0;
}

/* The text becomes the scratch file in the transaction that deletes the item, if it is still that text. */
static int keep_version(const struct rename *rename, struct ddb_error *err)
{
	struct ddb_engine *engine = rename->map->engine;
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	struct ddb_delete_item request = {.table = rename->from->table->name, .keep = &rename->to->scratch};
	struct ddb_delete_result result;
	ddb_buffer_init(&text, MAP_DOCUMENT_MAX);
	struct ddb_meta meta;
	int number = map_item_text(rename->map, rename->from, &text, &meta, err);
	if (number)
		return number;
	request.if_version = meta.version;
	request.kept_text = text.bytes;
	request.kept_length = text.length;
	enum ddb_code code = map_place_key(rename->from, rename->arena, &request.key, err);
	if (!code)
		code = engine->ops->delete_item(engine, &request, &result, err);
	if (code)
		return map_errno(code);
	return result.existed ? 0 : ENOENT;
}

static int keep_item(void *context, const struct map_consume *consume, struct ddb_error *err)
{
	const struct rename *rename = context;
	int number;
	(void)consume;
	do
		number = keep_version(rename, err);
	while (number == ECANCELED); /* it was changed meanwhile: keep that */
	return number;
}

static int check_free(const struct rename *rename, struct ddb_error *err)
{
	struct ddb_scratch_meta meta;
	if (!rename->no_replace)
		return 0;
	enum ddb_code code =
		rename->map->engine->ops->scratch_stat(rename->map->engine, &rename->to->scratch, &meta, err);
	if (!code)
		return EEXIST;
	return code == DDB_RESOURCE_NOT_FOUND ? 0 : map_errno(code);
}

static int item_to_scratch(const struct rename *rename, struct ddb_error *err)
{
	if (!same_table(rename))
		return EXDEV;
	if (rename->from->unnamed)
		return ENOENT;
	map_linger_begin(rename->map, rename->from);
	int number = check_free(rename, err);
	if (!number)
		number = map_hold(rename->map, rename->to, err);
	if (!number)
		number = map_scratch_replace(
			rename->map, &rename->to->scratch, keep_item, (void *)rename, err);
	if (number)
		return number;
	map_linger(rename->map, rename->from);
	map_tell_item(rename->map, rename->from, 0, NULL);
	map_tell_path(rename->map, rename->to->path, MAP_VERSION_SCRATCH, NULL);
	return 0;
}

/* ---- Scratch files ---- */

static void scratch_left(const struct rename *rename)
{
	map_linger(rename->map, rename->from);
	map_tell_path(rename->map, rename->from->path, 0, NULL);
}

static int move_scratch(const struct rename *rename, struct ddb_error *err)
{
	int number = map_hold(rename->map, rename->to, err);
	if (!number)
		number = map_scratch_rename(
			rename->map, &rename->from->scratch, &rename->to->scratch, rename->no_replace, err);
	if (number)
		return number;
	map_files_follow(rename->map, rename->from->path, rename->to->path);
	map_dirs_follow(rename->map, rename->from->path, rename->to->path);
	scratch_left(rename);
	map_tell_path(rename->map, rename->to->path, MAP_VERSION_SCRATCH, NULL);
	return 0;
}

/* Into itself it cannot go. */
static int move_scratch_directory(const struct rename *rename, struct ddb_error *err)
{
	size_t length = strlen(rename->from->path);
	if (!strncmp(rename->to->path, rename->from->path, length) && rename->to->path[length] == '/')
		return refuse(err, EINVAL, "A directory cannot be moved into itself");
	return move_scratch(rename, err);
}

/* What a put does with a scratch file's text. */
typedef int put_text(const struct rename *rename, const char *text, size_t length, int64_t mtime_ns,
	struct ddb_error *err);

static int read_all(const struct rename *rename, char *text, size_t size, struct ddb_error *err)
{
	struct ddb_engine *engine = rename->map->engine;
	size_t done = 0, length = 1;
	while (done < size && length) {
		enum ddb_code code = engine->ops->scratch_read(
			engine, &rename->from->scratch, done, text + done, size - done, &length, err);
		if (code)
			return map_errno(code);
		done += length;
	}
	return done == size ? 0 : refuse(err, EBUSY, "The file is being truncated");
}

static int with_text(const struct rename *rename, put_text *put, struct ddb_error *err)
{
	struct ddb_engine *engine = rename->map->engine;
	struct ddb_scratch_meta meta;
	enum ddb_code code = engine->ops->scratch_stat(engine, &rename->from->scratch, &meta, err);
	if (code)
		return map_errno(code);
	if (meta.size > MAP_DOCUMENT_MAX)
		return map_errno(ddb_fail(
			err, DDB_ITEM_TOO_LARGE, "The text is longer than %d bytes", MAP_DOCUMENT_MAX));
	char *text = malloc(meta.size + 1);
	if (!text)
		return map_errno(ddb_fail_memory(err));
	int number = read_all(rename, text, meta.size, err);
	if (!number)
		number = put(rename, text, meta.size, meta.mtime_ns, err);
	free(text);
	return number;
}

static int put_item(
	const struct rename *rename, const char *text, size_t length, int64_t mtime_ns, struct ddb_error *err)
{
	return text_errno(map_item_put_text(rename->map, rename->caller, rename->to, text, length, mtime_ns,
		rename->no_replace, rename->consume, err));
}

static int consume_item(void *context, const struct map_consume *consume, struct ddb_error *err)
{
	struct rename rename = *(const struct rename *)context;
	rename.consume = consume;
	return with_text(&rename, put_item, err);
}

static int scratch_to_item(const struct rename *rename, struct ddb_error *err)
{
	int number =
		map_scratch_consume(rename->map, &rename->from->scratch, consume_item, (void *)rename, err);
	if (!number)
		scratch_left(rename);
	return number;
}

static int put_definition(
	const struct rename *rename, const char *text, size_t length, int64_t mtime_ns, struct ddb_error *err)
{
	struct ddb_engine *engine = rename->map->engine;
	const struct ddb_set_mtime date = {
		.table = rename->to->table->name, .key = {.type = DDB_M}, .mtime_ns = mtime_ns};
	int number = text_errno(
		map_definition_put_text(rename->map, rename->caller, rename->to, text, length, err));
	if (number)
		return number;
	enum ddb_code code = engine->ops->set_mtime(engine, &date, err);
	return code ? map_errno(code) : 0;
}

static int spend_on_definition(void *context, const struct map_consume *consume, struct ddb_error *err)
{
	(void)consume;
	return with_text(context, put_definition, err);
}

static int scratch_to_definition(const struct rename *rename, struct ddb_error *err)
{
	struct map_attr attr;
	if (rename->no_replace && !map_place_stat(rename->map, rename->arena, rename->to, &attr, err))
		return EEXIST;
	int number = map_scratch_spend(
		rename->map, &rename->from->scratch, spend_on_definition, (void *)rename, err);
	if (!number)
		scratch_left(rename);
	return number;
}

/* ---- Definitions ---- */

static int write_scratch(const struct rename *rename, const struct ddb_buffer *text, struct ddb_error *err)
{
	struct ddb_engine *engine = rename->map->engine;
	const struct ddb_scratch_name *name = &rename->to->scratch;
	struct ddb_scratch_meta meta;
	enum ddb_code code = engine->ops->scratch_create(engine, name, 0644, rename->no_replace, &meta, err);
	if (!code && meta.size)
		code = engine->ops->scratch_truncate(engine, name, 0, err);
	if (!code)
		code = engine->ops->scratch_write(engine, name, 0, text->bytes, text->length, err);
	if (!code)
		code = engine->ops->scratch_set(
			engine, name, rename->from->table->changed_ns, UINT32_MAX, err);
	return no_replace_errno(code);
}

static int definition_to_scratch(const struct rename *rename, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	struct map_attr attr;
	if (!same_table(rename))
		return EXDEV;
	int number = map_place_stat(rename->map, rename->arena, rename->from, &attr, err);
	if (number)
		return number;
	ddb_buffer_init(&text, DDB_DEFINITION_TEXT_MAX);
	number = map_definition_text(rename->from->table, &text);
	if (!number)
		number = write_scratch(rename, &text, err);
	if (number)
		return number;
	if (!map_definition_hide(rename->map, rename->from->table))
		return map_errno(ddb_fail_memory(err));
	map_tell_path(rename->map, rename->from->path, 0, NULL);
	map_tell_path(rename->map, rename->to->path, MAP_VERSION_SCRATCH, NULL);
	return 0;
}

static int definition_elsewhere(const struct rename *rename, struct ddb_error *err)
{
	(void)rename, (void)err;
	return EXDEV;
}

/* ---- The pairs ---- */

static const struct pair {
	enum map_kind from, to;
	int (*run)(const struct rename *rename, struct ddb_error *err);
} pairs[] = {
	{MAP_ITEM, MAP_ITEM, move_item},
	{MAP_ITEM, MAP_SCRATCH, item_to_scratch},
	{MAP_ITEM, MAP_DEFINITION, definition_elsewhere},
	{MAP_SCRATCH, MAP_ITEM, scratch_to_item},
	{MAP_SCRATCH, MAP_SCRATCH, move_scratch},
	{MAP_SCRATCH, MAP_DEFINITION, scratch_to_definition},
	{MAP_SCRATCH_DIRECTORY, MAP_SCRATCH_DIRECTORY, move_scratch_directory},
	{MAP_DEFINITION, MAP_SCRATCH, definition_to_scratch},
	{MAP_DEFINITION, MAP_ITEM, definition_elsewhere},
	{MAP_DEFINITION, MAP_DEFINITION, definition_elsewhere},
};

/* A scratch directory, where none can be. */
static int directory_onto(const struct rename *rename, struct ddb_error *err)
{
	struct map_attr attr;
	int number = map_place_stat(rename->map, rename->arena, rename->to, &attr, err);
	if (!number && !attr.directory)
		return ENOTDIR;
	if (number && number != ENOENT)
		return number;
	return refuse(err, EPERM, "This is no name of a scratch directory");
}

static int run(const struct rename *rename, struct ddb_error *err)
{
	enum map_kind from = rename->from->kind, to = rename->to->kind;
	if (from == MAP_DEFINITION || to == MAP_DEFINITION) {
		int number = map_refuse_staged(rename->map, err);
		if (number)
			return number;
	}
	if (rename->exchange && (from != MAP_ITEM || to != MAP_ITEM))
		return refuse(err, EINVAL, "Only two items can be exchanged");
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		if (pairs[i].from == from && pairs[i].to == to)
			return pairs[i].run(rename, err);
	}
	if (from == MAP_SCRATCH_DIRECTORY)
		return directory_onto(rename, err);
	if (rename->to->row->directory)
		return EISDIR;
	return refuse(err, EPERM, "This file is always there");
}

/* A name on itself: nothing to do, if it is there. */
static int stay(const struct rename *rename, struct ddb_error *err)
{
	struct map_attr attr;
	int number = map_place_stat(rename->map, rename->arena, rename->from, &attr, err);
	return number ? number : rename->no_replace ? EEXIST : 0;
}

/* Of a target that is no name. */
static int target_errno(const struct map_place *from, int number, const struct ddb_error *err)
{
	if (number != ENOENT)
		return number;
	number = err->code == DDB_ACCESS_DENIED || from->row->directory ? EPERM : map_errno(err->code);
	return from->kind == MAP_SCRATCH ? text_errno(number) : number;
}

static int run_to(struct rename *rename, const char *to, struct ddb_error *err)
{
	MAP_PLACE_AUTO struct map_place target = {0};
	int number = (rename->from->row->directory ? map_resolve_directory : map_resolve)(
		rename->map, rename->arena, to, &target, err);
	if (number)
		return target_errno(rename->from, number, err);
	rename->to = &target;
	return strcmp(rename->from->path, target.path) ? run(rename, err) : stay(rename, err);
}

static int run_from(struct rename *rename, const char *from, const char *to, struct ddb_error *err)
{
	MAP_PLACE_AUTO struct map_place source = {0};
	struct map_attr attr;
	int number = map_resolve(rename->map, rename->arena, from, &source, err);
	if (number)
		return number;
	if (source.kind == MAP_TRANSACTION || source.kind == MAP_SNAPSHOT)
		return map_rename_view(rename->map, rename->caller, &source, to, rename->flags, err);
	if (source.kind == MAP_TABLE || source.kind == MAP_PARTITION)
		return strcmp(source.path, to) ? map_rename_directory(rename->map, rename->arena, &source, to,
							 rename->flags, err)
					       : 0;
	if (source.kind == MAP_COMMITTED_ENTRY)
		return refuse(err, EPERM, "What was committed keeps its name");
	if (source.row->directory && source.kind != MAP_SCRATCH_DIRECTORY)
		return refuse(err, EPERM, "This directory is always there");
	number = map_place_stat(rename->map, rename->arena, &source, &attr, err);
	if (number)
		return number;
	rename->from = &source;
	return run_to(rename, to, err);
}

int map_tree_rename(
	struct map *map, const struct map_caller *caller, const char *from, const char *to, unsigned flags)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct rename rename = {
		.map = map,
		.caller = caller,
		.arena = &arena,
		.flags = flags,
		.no_replace = flags & RENAME_NOREPLACE,
		.exchange = flags & RENAME_EXCHANGE,
	};
	struct ddb_error err;
	err.code = DDB_OK;
	err.message[0] = '\0';
	ddb_arena_init(&arena, RENAME_MEMORY);
	int number = map_refuse_unwritable(map, &err);
	bool known = !(flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) &&
		     !(rename.no_replace && rename.exchange);
	if (!number && !known)
		number = refuse(&err, EINVAL, "The flags are not known");
	if (!number)
		number = run_from(&rename, from, to, &err);
	switch (number) {
	case 0:
	case ENOENT:
	case EEXIST:
	case EXDEV:
	case EISDIR:
	case ENOTDIR:
	case ENOTEMPTY:
		return number;
	default:
		return map_refused(map, caller, to, "rename", number, &err);
	}
}
