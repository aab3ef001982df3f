/*
 * The entries of scratch files and directories. See scratch.h.
 *
 * The head, little-endian: version 1, id 8, size 8, mtime 8, mode 4; since version 2 flags 1 and the id of
 * the directory 16, from which check can tell what is in a directory that is lost.
 */
#include "engine/local/scratch/scratch.h"

#include <string.h>

enum {
	ENTRY_VERSION = 2,
	HEAD_UNPLACED = 1 + 8 + 8 + 8 + 4, /* version 1 */
	HEAD = HEAD_UNPLACED + 1 + DDB_DIRECTORY_ID_BYTES,
	FLAG_DIRECTORY = 1,
	DEPTH_MAX = 1 << 16, /* of directories: far beyond what any path can name */
};

/* ---- Records ---- */

void local_scratch_prefix(struct store *store, const uint8_t directory[DDB_DIRECTORY_ID_BYTES],
	uint8_t ret[LOCAL_SCRATCH_PREFIX_BYTES])
{
	ret[0] = LOCAL_SCRATCH;
	store_hash(store, directory, DDB_DIRECTORY_ID_BYTES, ret + 1);
}

void local_scratch_key(struct store *store, const uint8_t directory[DDB_DIRECTORY_ID_BYTES], const char *name,
	size_t length, uint8_t ret[LOCAL_SCRATCH_KEY_BYTES])
{
	local_scratch_prefix(store, directory, ret);
	store_hash(store, name, length, ret + LOCAL_SCRATCH_PREFIX_BYTES);
}

static enum ddb_code decode_place(
	const uint8_t *place, struct local_scratch_record *ret, struct ddb_error *err)
{
	if (place[0] > FLAG_DIRECTORY)
		return local_damaged(err, "head of a scratch file");
	ret->placed = true;
	ret->meta.directory = place[0] == FLAG_DIRECTORY;
	memcpy(ret->directory, place + 1, sizeof ret->directory);
	return DDB_OK;
}

enum ddb_code local_scratch_decode(
	const struct store_value *value, struct local_scratch_record *ret, struct ddb_error *err)
{
	const uint8_t *head = value->head;
	bool placed = value->head_length == HEAD && head[0] == ENTRY_VERSION;
	if (!placed && (value->head_length != HEAD_UNPLACED || head[0] != 1))
		return local_damaged(err, "head of a scratch file");
	struct local_scratch_record record = {.meta = {
						      .id = local_read_le(head + 1, 8),
						      .size = local_read_le(head + 9, 8),
						      .mtime_ns = (int64_t)local_read_le(head + 17, 8),
						      .mode = (uint32_t)local_read_le(head + 25, 4),
					      }};
	enum ddb_code code = placed ? decode_place(head + HEAD_UNPLACED, &record, err) : DDB_OK;
	if (code)
		return code;
	if (record.meta.size > (record.meta.directory ? 0 : DDB_SCRATCH_FILE_MAX))
		return local_damaged(err, "size of a scratch file");
	*ret = record;
	return DDB_OK;
}

static void encode(const struct local_scratch *entry, uint8_t ret[HEAD])
{
	const struct ddb_scratch_meta *meta = &entry->meta;
	*ret++ = ENTRY_VERSION;
	ret = local_write_le(ret, meta->id, 8);
	ret = local_write_le(ret, meta->size, 8);
	ret = local_write_le(ret, (uint64_t)meta->mtime_ns, 8);
	ret = local_write_le(ret, meta->mode, 4);
	*ret++ = meta->directory ? FLAG_DIRECTORY : 0;
	memcpy(ret, entry->name.directory, DDB_DIRECTORY_ID_BYTES);
}

/* Where a directory's second record is. */
static void inside_key(const struct local_scratch *entry, uint8_t ret[LOCAL_SCRATCH_PREFIX_BYTES])
{
	uint8_t inside[DDB_DIRECTORY_ID_BYTES];
	ddb_scratch_inside(&entry->meta, inside);
	local_scratch_prefix(entry->engine->store, inside, ret);
}

enum ddb_code local_entry_write(const struct local_scratch *entry, struct ddb_error *err)
{
	uint8_t head[HEAD], inside[LOCAL_SCRATCH_PREFIX_BYTES];
	const char *name = entry->name.name;
	encode(entry, head);
	enum ddb_code code = store_put(
		entry->txn, entry->key, sizeof entry->key, head, sizeof head, name, strlen(name), err);
	if (code || !entry->meta.directory)
		return code;
	inside_key(entry, inside);
	return store_put(entry->txn, inside, sizeof inside, head, sizeof head, name, strlen(name), err);
}

enum ddb_code local_entry_delete(const struct local_scratch *entry, struct ddb_error *err)
{
	uint8_t inside[LOCAL_SCRATCH_PREFIX_BYTES];
	enum ddb_code code = store_delete(entry->txn, entry->key, sizeof entry->key, NULL, err);
	if (code || !entry->meta.directory)
		return code;
	inside_key(entry, inside);
	return store_delete(entry->txn, inside, sizeof inside, NULL, err);
}

/* ---- Finding ---- */

enum ddb_code local_entry_check_name(const struct ddb_scratch_name *name, struct ddb_error *err)
{
	size_t length = strnlen(name->name, LOCAL_SCRATCH_NAME_MAX + 1);
	if (length > 0 && length <= LOCAL_SCRATCH_NAME_MAX)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: "
		"The name of a scratch file must have 1 to 255 bytes");
}

enum ddb_code local_entry_find(struct local_engine *engine, struct store_txn *txn, struct ddb_arena *arena,
	const struct ddb_scratch_name *name, struct local_scratch *ret, struct ddb_error *err)
{
	struct store_value value;
	struct local_scratch_record record;
	*ret = (struct local_scratch){.engine = engine, .txn = txn, .arena = arena, .name = *name};
	local_scratch_key(engine->store, name->directory, name->name, strlen(name->name), ret->key);
	enum ddb_code code =
		local_get(txn, arena, ret->key, sizeof ret->key, false, &value, &ret->found, err);
	if (code || !ret->found)
		return code;
	code = local_scratch_decode(&value, &record, err);
	if (!code)
		ret->meta = record.meta;
	return code;
}

static enum ddb_code not_found(struct ddb_error *err)
{
	return ddb_fail(err, DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
}

enum ddb_code local_entry_require(const struct local_scratch *entry, struct ddb_error *err)
{
	return entry->found ? DDB_OK : not_found(err);
}

enum ddb_code local_entry_require_file(const struct local_scratch *entry, struct ddb_error *err)
{
	enum ddb_code code = local_entry_require(entry, err);
	if (code || !entry->meta.directory)
		return code;
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: The scratch file is a directory");
}

/* ---- Directories ---- */

/* A directory's own record, by what is its inside. */
static enum ddb_code find_inside(const struct local_scratch *entry,
	const uint8_t inside[DDB_DIRECTORY_ID_BYTES], struct local_scratch_record *ret, bool *ret_found,
	struct ddb_error *err)
{
	uint8_t key[LOCAL_SCRATCH_PREFIX_BYTES];
	struct store_value value;
	local_scratch_prefix(entry->engine->store, inside, key);
	ddb_arena_reset(entry->arena);
	enum ddb_code code =
		local_get(entry->txn, entry->arena, key, sizeof key, false, &value, ret_found, err);
	return code || !*ret_found ? code : local_scratch_decode(&value, ret, err);
}

enum ddb_code local_entry_placed(const struct local_scratch *entry, struct ddb_error *err)
{
	struct local_scratch_record record;
	bool found;
	if (!ddb_scratch_number(entry->name.directory))
		return DDB_OK;
	enum ddb_code code = find_inside(entry, entry->name.directory, &record, &found, err);
	return code || found ? code : not_found(err);
}

enum ddb_code local_entry_require_empty(const struct local_scratch *entry, struct ddb_error *err)
{
	uint8_t first[LOCAL_SCRATCH_PREFIX_BYTES + 1] = {0};
	struct store_cursor *cursor;
	bool found;
	enum ddb_code code = store_cursor_open(entry->txn, &cursor, err);
	if (code)
		return code;
	inside_key(entry, first);
	code = store_cursor_seek(cursor, first, sizeof first, &found, err);
	if (!code && found) {
		const uint8_t *key;
		size_t length;
		store_cursor_key(cursor, &key, &length);
		found = length > LOCAL_SCRATCH_PREFIX_BYTES &&
			memcmp(key, first, LOCAL_SCRATCH_PREFIX_BYTES) == 0;
	}
	store_cursor_close(cursor);
	if (code || !found)
		return code;
	return ddb_fail(err, DDB_RESOURCE_IN_USE, "The scratch directory is not empty");
}

enum ddb_code local_entry_require_outside(const struct local_scratch *entry,
	const uint8_t directory[DDB_DIRECTORY_ID_BYTES], struct ddb_error *err)
{
	struct local_scratch_record record;
	memcpy(record.directory, directory, sizeof record.directory);
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		bool found;
		uint64_t number = ddb_scratch_number(record.directory);
		if (number == 0)
			return DDB_OK;
		if (number == entry->meta.id)
			return ddb_fail(err, DDB_VALIDATION,
				"One or more parameter values were invalid: "
				"A scratch directory cannot be moved into itself");
		enum ddb_code code = find_inside(entry, record.directory, &record, &found, err);
		if (code)
			return code;
		if (!found)
			return not_found(err);
	}
	return local_damaged(err, "place of a scratch directory");
}

/* ---- Refiling ---- */

struct refiling {
	struct local_engine *engine;
	struct store_txn *txn;
	struct ddb_arena arena, entry_arena;
	const struct ddb_scratch_move *move;
};

static enum ddb_code refile_entry(
	struct refiling *refiling, const struct store_value *value, struct ddb_error *err)
{
	struct local_scratch_record record;
	struct local_scratch from, to;
	struct ddb_scratch_name name = {
		.name = ddb_arena_copy(&refiling->arena, value->body, value->body_length)};
	if (!name.name)
		return ddb_fail_memory(err);
	enum ddb_code code = local_scratch_decode(value, &record, err);
	if (code)
		return code;
	memcpy(name.directory, refiling->move->from, sizeof name.directory);
	code = local_entry_find(refiling->engine, refiling->txn, &refiling->entry_arena, &name, &from, err);
	memcpy(name.directory, refiling->move->to, sizeof name.directory);
	if (!code)
		code = local_entry_find(
			refiling->engine, refiling->txn, &refiling->entry_arena, &name, &to, err);
	if (!code && !from.found)
		code = local_damaged(err, "name of a scratch file");
	if (!code && to.found)
		code = ddb_fail(err, DDB_CONDITIONAL_CHECK_FAILED, "The conditional request failed");
	if (!code)
		code = local_entry_delete(&from, err);
	to.meta = record.meta;
	return code ? code : local_entry_write(&to, err);
}

/* What is filed anew is no longer found there: each step begins at the same place. */
static enum ddb_code refile_next(
	struct refiling *refiling, struct store_cursor *cursor, bool *ret_more, struct ddb_error *err)
{
	uint8_t place[LOCAL_SCRATCH_PREFIX_BYTES];
	const uint8_t *key;
	size_t length;
	struct store_value value;
	ddb_arena_reset(&refiling->arena);
	ddb_arena_reset(&refiling->entry_arena);
	local_scratch_prefix(refiling->engine->store, refiling->move->from, place);
	enum ddb_code code = store_cursor_seek(cursor, place, sizeof place, ret_more, err);
	if (code || !*ret_more)
		return code;
	store_cursor_key(cursor, &key, &length);
	*ret_more = length >= sizeof place && memcmp(key, place, sizeof place) == 0;
	if (*ret_more)
		code = store_cursor_value(cursor, &refiling->arena, true, &value, err);
	return code || !*ret_more ? code : refile_entry(refiling, &value, err);
}

enum ddb_code local_scratch_refile(struct local_engine *engine, struct store_txn *txn,
	const struct ddb_scratch_move *move, bool *ret_any, struct ddb_error *err)
{
	struct refiling refiling = {.engine = engine, .txn = txn, .move = move};
	struct store_cursor *cursor;
	bool more = true;
	if (ddb_scratch_number(move->from) || ddb_scratch_number(move->to))
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: "
			"What is in a scratch directory goes with it");
	if (memcmp(move->from, move->to, sizeof move->from) == 0)
		return DDB_OK;
	enum ddb_code code = store_cursor_open(txn, &cursor, err);
	if (code)
		return code;
	ddb_arena_init(&refiling.arena, LOCAL_ARENA_MAX);
	ddb_arena_init(&refiling.entry_arena, LOCAL_ARENA_MAX);
	while (!code && more) {
		code = refile_next(&refiling, cursor, &more, err);
		*ret_any |= !code && more;
	}
	ddb_arena_done(&refiling.arena);
	ddb_arena_done(&refiling.entry_arena);
	store_cursor_close(cursor);
	return code;
}
