/*
 * T/.table.json. Reading shows the definition in its canonical text; a document that is written updates the
 * table, or gives a provisional one its definition: then every item is filed anew under the key that its name
 * or its document gives, all or none. Every file that would not keep its name gets a line of its own in
 * /.errors.
 */
#include "mapping/match.h"
#include "mapping/name.h"
#include "mapping/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OFFENDERS_MEMORY = 2 << 20 };

int map_definition_text(const struct ddb_table *table, struct ddb_buffer *out)
{
	struct ddb_json_out json;

	ddb_json_out_init(&json, out, true);
	ddb_definition_write(table->definition, &json);
	ddb_buffer_add_byte(out, '\n');
	return out->failed ? ENOMEM : 0;
}

/* ---- Filing anew ---- */

struct offender {
	struct offender *next;
	const char *path;
	struct ddb_error err;
};

struct conversion {
	const struct ddb_table *table;
	struct ddb_arena arena; /* the offenders' */
	struct offender *first, **end;
	size_t count;
};

/* One of the two names that an item is filed under. */
struct filing {
	const char *stand_in;
	const struct ddb_key_attribute *key;
	bool file; /* names the file, not its directory */
};

/* The entry that a stand-in key is the stem of. */
static enum ddb_code entry_of(const struct ddb_value *item, const struct filing *filing,
	char ret[MAP_NAME_MAX + 1], struct ddb_error *err)
{
	static const char suffix[] = ".json";
	const struct ddb_value *stem = ddb_map_get(item, filing->stand_in, strlen(filing->stand_in));

	if (!stem || stem->type != DDB_S ||
		stem->count + (filing->file ? sizeof(suffix) - 1 : 0) > MAP_NAME_MAX)
		return ddb_fail(err, DDB_DAMAGED, "An item of the table is filed under no file's name");
	memcpy(ret, stem->bytes, stem->count);
	memcpy(ret + stem->count, filing->file ? suffix : "", filing->file ? sizeof(suffix) : 1);
	return DDB_OK;
}

static enum ddb_code check_present(
	const struct ddb_value *value, const struct filing *filing, const char *entry, struct ddb_error *err)
{
	char name[MAP_NAME_MAX + 1];

	if (value->type != filing->key->type)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: Type mismatch for key %s expected: %s "
			"actual: %s",
			filing->key->name, ddb_type_name(filing->key->type),
			ddb_type_name((enum ddb_type)value->type));
	map_name_of_key(value, filing->file, name);
	if (strcmp(name, entry))
		return ddb_fail(err, DDB_VALIDATION,
			"The document's key attribute %s does not agree with its path", filing->key->name);
	return DDB_OK;
}

static enum ddb_code decode(struct ddb_arena *arena, const struct filing *filing, const char *entry,
	struct ddb_value *ret, struct ddb_error *err)
{
	uint8_t digest[DDB_ALIAS_BYTES];

	switch (map_name_decode(entry, filing->file, filing->key->type, arena, ret, digest)) {
	case MAP_NAME_KEY:
		return DDB_OK;
	case MAP_NAME_LONG:
		return ddb_fail(err, DDB_VALIDATION,
			"The name is too long to tell the key attribute %s, and the document does not hold "
			"it",
			filing->key->name);
	case MAP_NAME_NONE:
		break;
	}
	return ddb_fail(err, DDB_VALIDATION, "The name is that of no key of type %s, the type of %s",
		ddb_type_name(filing->key->type), filing->key->name);
}

/* Replaces the stand-in by the key attribute. */
static enum ddb_code refile(struct ddb_arena *arena, const struct filing *filing,
	const struct ddb_value **item, struct ddb_error *err)
{
	const struct ddb_key_attribute *key = filing->key;
	char entry[MAP_NAME_MAX + 1];
	struct ddb_value value;
	enum ddb_code code = entry_of(*item, filing, entry, err);

	if (code)
		return code;
	const struct ddb_value *present = ddb_map_get(*item, key->name, key->name_length);
	code = present ? check_present(present, filing, entry, err)
		       : decode(arena, filing, entry, &value, err);
	if (code)
		return code;
	const struct ddb_value *next =
		ddb_map_with(arena, *item, filing->stand_in, strlen(filing->stand_in), NULL);
	if (next && !present)
		next = ddb_map_with(arena, next, key->name, key->name_length, &value);
	if (!next)
		return ddb_fail_memory(err);
	*item = next;
	return DDB_OK;
}

static const char *offender_path(struct conversion *conversion, const struct ddb_value *item)
{
	const struct filing hash = {
		DDB_PROVISIONAL_HASH, NULL, conversion->table->provisional != DDB_PROVISIONAL_COMPOSITE};
	const struct filing range = {DDB_PROVISIONAL_RANGE, NULL, true};
	char path[3 * MAP_NAME_MAX + 8], entry[MAP_NAME_MAX + 1];
	struct ddb_error err;

	map_table_to_name(conversion->table->name, path);
	strcat(path, "/");
	if (entry_of(item, &hash, entry, &err))
		return NULL;
	strcat(path, entry);
	if (!hash.file && entry_of(item, &range, entry, &err))
		return NULL;
	if (!hash.file)
		strcat(strcat(path, "/"), entry);
	return ddb_arena_copy(&conversion->arena, path, strlen(path));
}

/* The engine may begin again with the first item; then so does the list. */
static void note_offender(
	struct conversion *conversion, const struct ddb_value *item, const struct ddb_error *err)
{
	const char *path = offender_path(conversion, item);
	struct offender *offender = ddb_arena_alloc(&conversion->arena, sizeof(*offender));

	if (path && conversion->first && !strcmp(path, conversion->first->path)) {
		conversion->end = &conversion->first;
		conversion->count = 0;
	}
	if (!path || !offender || conversion->count + 1 >= MAP_REFUSALS_KEPT)
		return;
	*offender = (struct offender){.path = path, .err = *err};
	*conversion->end = offender;
	conversion->end = &offender->next;
	conversion->count++;
}

static enum ddb_code convert(void *context, struct ddb_arena *arena, const struct ddb_definition *definition,
	const struct ddb_value *item, struct ddb_value *ret, struct ddb_error *err)
{
	const struct filing hash = {DDB_PROVISIONAL_HASH, &definition->hash, !definition->has_range};
	const struct filing range = {DDB_PROVISIONAL_RANGE, &definition->range, true};
	const struct ddb_value *filed = item;
	struct ddb_error why;
	enum ddb_code code = refile(arena, &hash, &filed, &why);

	if (!code && definition->has_range)
		code = refile(arena, &range, &filed, &why);
	if (!code) {
		*ret = *filed;
		return DDB_OK;
	}
	note_offender(context, item, &why);
	return ddb_fail(err, code, "%s", why.message);
}

static void refuse_offenders(
	struct map *map, const struct map_caller *caller, const struct conversion *conversion)
{
	for (const struct offender *offender = conversion->first; offender; offender = offender->next)
		map_refused(
			map, caller, offender->path, "write", map_errno(offender->err.code), &offender->err);
}

static enum ddb_code check_kind(
	const struct ddb_table *table, const struct ddb_definition *definition, struct ddb_error *err)
{
	if (table->provisional == DDB_PROVISIONAL_SIMPLE && definition->has_range)
		return ddb_fail(err, DDB_VALIDATION,
			"The table's items are filed in its own directory: its definition cannot have a sort "
			"key");
	if (table->provisional == DDB_PROVISIONAL_COMPOSITE && !definition->has_range)
		return ddb_fail(err, DDB_VALIDATION,
			"The table's items are filed in partition directories: its definition must have a "
			"sort key");
	return DDB_OK;
}

enum ddb_code map_definition_define(struct ddb_engine *engine, struct map *map,
	const struct map_caller *caller, const struct ddb_table *table, struct ddb_definition *definition,
	struct ddb_error *err)
{
	struct conversion conversion = {.table = table};
	struct ddb_define_table request = {
		.table = table->name, .definition = definition, .convert = convert, .context = &conversion};
	enum ddb_code code = check_kind(table, definition, err);

	if (code)
		return code;
	conversion.end = &conversion.first;
	ddb_arena_init(&conversion.arena, OFFENDERS_MEMORY);
	code = engine->ops->define_table(engine, &request, err);
	if (code && map)
		refuse_offenders(map, caller, &conversion);
	ddb_arena_done(&conversion.arena);
	return code;
}

/* ---- A definition that was written ---- */

/* What the file shows now. */
static int present_text(struct map *map, const struct map_place *place, struct ddb_buffer *out,
	struct map_attr *ret, struct ddb_error *err)
{
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	struct map_place now = *place;
	enum ddb_code code = map->engine->ops->describe_table(map->engine, place->table->name, &table, err);

	if (code)
		return map_errno(code);
	if (!table->definition || table->provisional != DDB_DEFINED)
		return ENOENT;
	if (map_definition_text(table, out))
		return map_errno(ddb_fail_memory(err));
	now.table = table;
	map_attr_of_definition(&now, out->bytes, out->length, ret);
	return 0;
}

static void tell_definition(struct map *map, const struct map_place *place, struct map_file *by)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	struct map_attr attr;
	struct ddb_error err;

	ddb_buffer_init(&text, DDB_DEFINITION_TEXT_MAX);
	uint64_t version = UINT64_MAX;
	if (!present_text(map, place, &text, &attr, &err)) {
		version = attr.version;
		if (by)
			by->attr = attr;
	}
	map_tell_path(map, place->path, version, by);
}

static void tell_table(struct map *map, const struct ddb_table *table, const struct map_file *by)
{
	char name[MAP_NAME_MAX + 3];

	map_table_to_name(table->name, name);
	map_tell_path(map, name, UINT64_MAX, by);
}

static int apply(struct map *map, const struct map_caller *caller, const struct map_place *place,
	struct ddb_definition *definition, struct map_file *by, struct ddb_error *err)
{
	struct ddb_table *table = place->table;
	bool defined = table->provisional == DDB_DEFINED;
	enum ddb_code code = DDB_OK;

	if (!defined)
		code = map_definition_define(map->engine, map, caller, table, definition, err);
	else if (!ddb_definition_equal(table->definition, definition))
		code = map->engine->ops->update_table(map->engine, table->name, NULL, definition, err);
	if (code)
		return map_errno(code);
	map_definition_show(map, table);
	tell_definition(map, place, by);
	map_tell_stream(map, table->name);
	if (!defined)
		tell_table(map, table, by);
	return 0;
}

int map_definition_put_text(struct map *map, const struct map_caller *caller, const struct map_place *place,
	const char *text, size_t length, struct ddb_error *err)
{
	struct ddb_definition *definition;
	enum ddb_code code;

	if (length > DDB_DEFINITION_TEXT_MAX)
		code = ddb_fail(
			err, DDB_ITEM_TOO_LARGE, "The text is longer than %d bytes", DDB_DEFINITION_TEXT_MAX);
	else
		code = ddb_definition_read(text, length, &definition, err);
	if (code)
		return map_errno(code);
	int number = apply(map, caller, place, definition, NULL, err);
	ddb_definition_unref(definition);
	return number;
}

/* ---- The open file ---- */

struct definition_part {
	struct map_writer writer;
	struct ddb_buffer text; /* as opened */
};

static int definition_load(struct map_file *file, struct ddb_buffer *out, struct ddb_error *err)
{
	struct definition_part *part = file->part;

	(void)err;
	ddb_buffer_add(out, part->text.bytes, part->text.length);
	return 0;
}

/* O_EXCL: somebody else has given the table its definition meanwhile. */
static bool is_taken(const struct map_file *file, const struct map_place *place)
{
	const struct definition_part *part = file->part;

	return file->exclusive && !part->writer.put && place->table->provisional == DDB_DEFINED &&
	       !map_definition_hidden(file->map, place->table);
}

static int definition_put(struct map_file *file, const struct map_caller *caller, struct ddb_arena *arena,
	const struct ddb_value *document, struct ddb_error *err)
{
	MAP_PLACE_AUTO struct map_place place = {0};
	struct ddb_definition *definition;
	int number = map_resolve(file->map, arena, file->path, &place, err);

	if (number)
		return number;
	if (is_taken(file, &place)) {
		ddb_fail(err, DDB_CONDITIONAL_CHECK_FAILED, "The conditional request failed");
		return EEXIST;
	}
	enum ddb_code code = ddb_definition_from_json(document, &definition, err);
	if (code)
		return map_errno(code);
	number = apply(file->map, caller, &place, definition, file, err);
	ddb_definition_unref(definition);
	return number;
}

static const struct map_writer_user writer_user = {.load = definition_load, .put = definition_put};

static int definition_read(
	struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct definition_part *part = file->part;
	const struct ddb_buffer *text =
		map_writer_holds_text(&part->writer) ? &part->writer.text : &part->text;

	return map_file_read_text(text, offset, buffer, size, ret_length);
}

static int definition_write(struct map_file *file, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size)
{
	struct definition_part *part = file->part;

	return map_writer_write(&part->writer, caller, offset, bytes, size);
}

static int definition_truncate(struct map_file *file, const struct map_caller *caller, uint64_t size)
{
	struct definition_part *part = file->part;

	return map_writer_truncate(&part->writer, caller, size);
}

static int definition_flush(struct map_file *file, const struct map_caller *caller)
{
	struct definition_part *part = file->part;

	return map_writer_settle(&part->writer, caller, "close");
}

static int definition_sync(struct map_file *file, const struct map_caller *caller)
{
	struct definition_part *part = file->part;

	return map_writer_settle(&part->writer, caller, "fsync");
}

static void definition_done(struct map_file *file)
{
	struct definition_part *part = file->part;

	map_writer_done(&part->writer);
	ddb_buffer_done(&part->text);
	free(part);
}

static bool definition_draft(const struct map_file *file, uint64_t *ret)
{
	const struct definition_part *part = file->part;

	return map_writer_draft(&part->writer, ret);
}

static const struct map_file_ops definition_ops = {
	.read = definition_read,
	.write = definition_write,
	.truncate = definition_truncate,
	.draft = definition_draft,
	.flush = definition_flush,
	.sync = definition_sync,
	.release = definition_flush,
	.done = definition_done,
};

static int open_text(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	struct definition_part *part = file->part;

	if (file->created) {
		*ret = (struct map_attr){
			.writable = true, .ino = map_ino_of_place(place), .mtime_ns = map_now_ns()};
		return 0;
	}
	if (map_definition_hidden(map, place->table))
		return ENOENT;
	return present_text(map, place, &part->text, ret, err);
}

int map_definition_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	static const struct ddb_json_limits limits = {.nesting = 64, .nodes = 1 << 16, .object_only = true};
	bool anew = file->flags & O_TRUNC || file->created;

	if (map_file_writes(file) && file->flags & O_APPEND) {
		ddb_fail(err, DDB_ACCESS_DENIED, "A definition cannot be appended to");
		return EACCES;
	}
	struct definition_part *part = calloc(1, sizeof(*part));
	if (!part)
		return map_errno(ddb_fail_memory(err));
	map_writer_init(&part->writer, file, &writer_user, &limits, DDB_DEFINITION_TEXT_MAX,
		map_file_writes(file) && anew);
	ddb_buffer_init(&part->text, DDB_DEFINITION_TEXT_MAX);
	file->part = part;
	file->ops = &definition_ops;
	return open_text(map, place, file, ret, err);
}
