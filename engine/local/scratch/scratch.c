/*
 * What is done with scratch files and directories. A file is an entry and blocks under the entry's id, so
 * that a rename moves one record. A block that is absent, or shorter than the file, reads as zeros there. All
 * sizes count as they show, holes included.
 */
#include "engine/local/scratch/scratch.h"

#include <string.h>

enum {
	BLOCK_VERSION = 1,
	PERMISSION_BITS = 07777,
};

/* ---- Counting ---- */

/* The total of all files, for one that goes from `old` to `new_` bytes. */
static enum ddb_code count_bytes(struct local_engine *engine, struct store_txn *txn, uint64_t old,
	uint64_t new_, struct ddb_error *err)
{
	struct local_totals totals;
	if (old == new_)
		return DDB_OK;
	enum ddb_code code = local_totals_read(txn, &totals, err);
	if (code)
		return code;
	totals.scratch_bytes -= old < totals.scratch_bytes ? old : totals.scratch_bytes;
	totals.scratch_bytes += new_;
	if (new_ > old && totals.scratch_bytes > engine->scratch_max)
		return ddb_fail(err, DDB_STORE_FULL, "The scratch files would have more than %llu bytes",
			(unsigned long long)engine->scratch_max);
	return local_totals_write(txn, &totals, err);
}

static enum ddb_code take_scratch_id(struct store_txn *txn, uint64_t *ret, struct ddb_error *err)
{
	struct local_totals totals;
	enum ddb_code code = local_totals_read(txn, &totals, err);
	if (code)
		return code;
	*ret = totals.next_scratch++;
	return local_totals_write(txn, &totals, err);
}

/* ---- Blocks ---- */

static void block_key(uint64_t id, uint64_t number, uint8_t ret[LOCAL_BLOCK_KEY_BYTES])
{
	ret[0] = LOCAL_BLOCK;
	local_write_be(local_write_be(ret + 1, id, 8), number, 4);
}

/* *ret NULL: all zeros. */
static enum ddb_code block_read(const struct local_scratch *file, uint64_t number, const uint8_t **ret,
	size_t *ret_length, struct ddb_error *err)
{
	uint8_t key[LOCAL_BLOCK_KEY_BYTES];
	struct store_value value;
	bool found;
	block_key(file->meta.id, number, key);
	ddb_arena_reset(file->arena);
	enum ddb_code code = local_get(file->txn, file->arena, key, sizeof key, true, &value, &found, err);
	if (code)
		return code;
	if (found && value.body_length > LOCAL_SCRATCH_BLOCK)
		return local_damaged(err, "block of a scratch file");
	*ret = found ? value.body : NULL;
	*ret_length = found ? value.body_length : 0;
	return DDB_OK;
}

static enum ddb_code block_write(const struct local_scratch *file, uint64_t number, const uint8_t *bytes,
	size_t length, struct ddb_error *err)
{
	const uint8_t head[1] = {BLOCK_VERSION};
	uint8_t key[LOCAL_BLOCK_KEY_BYTES];
	block_key(file->meta.id, number, key);
	return store_put(file->txn, key, sizeof key, head, sizeof head, bytes, length, err);
}

/* Writes a part of a block over what is there. */
static enum ddb_code block_patch(const struct local_scratch *file, uint64_t number, size_t offset,
	const uint8_t *bytes, size_t length, struct ddb_error *err)
{
	const uint8_t *old;
	size_t old_length;
	if (length == LOCAL_SCRATCH_BLOCK)
		return block_write(file, number, bytes, length, err);
	enum ddb_code code = block_read(file, number, &old, &old_length, err);
	if (code)
		return code;
	size_t new_length = old_length > offset + length ? old_length : offset + length;
	uint8_t *block = ddb_arena_alloc(file->arena, new_length);
	if (!block)
		return ddb_fail_memory(err);
	if (old_length)
		memcpy(block, old, old_length);
	memset(block + old_length, 0, new_length - old_length);
	memcpy(block + offset, bytes, length);
	return block_write(file, number, block, new_length, err);
}

static enum ddb_code write_bytes(const struct local_scratch *file, uint64_t offset, const uint8_t *bytes,
	size_t length, struct ddb_error *err)
{
	while (length > 0) {
		size_t within = offset % LOCAL_SCRATCH_BLOCK;
		size_t part = LOCAL_SCRATCH_BLOCK - within < length ? LOCAL_SCRATCH_BLOCK - within : length;
		enum ddb_code code =
			block_patch(file, offset / LOCAL_SCRATCH_BLOCK, within, bytes, part, err);
		if (code)
			return code;
		offset += part;
		bytes += part;
		length -= part;
	}
	return DDB_OK;
}

/* Nothing is left at and behind `size`, so that a file that grows again shows zeros. */
static enum ddb_code cut_blocks(const struct local_scratch *file, uint64_t size, struct ddb_error *err)
{
	uint64_t number = size / LOCAL_SCRATCH_BLOCK;
	size_t kept = size % LOCAL_SCRATCH_BLOCK, length;
	const uint8_t *old;
	if (kept > 0) {
		enum ddb_code code = block_read(file, number, &old, &length, err);
		if (!code && length > kept)
			code = block_write(file, number, old, kept, err);
		if (code)
			return code;
		number++;
	}
	for (; number * LOCAL_SCRATCH_BLOCK < file->meta.size; number++) {
		uint8_t key[LOCAL_BLOCK_KEY_BYTES];
		block_key(file->meta.id, number, key);
		enum ddb_code code = store_delete(file->txn, key, sizeof key, NULL, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

static enum ddb_code read_bytes(const struct local_scratch *file, uint64_t offset, uint8_t *buffer,
	size_t length, struct ddb_error *err)
{
	while (length > 0) {
		const uint8_t *block = NULL;
		size_t within = offset % LOCAL_SCRATCH_BLOCK, stored = 0;
		size_t part = LOCAL_SCRATCH_BLOCK - within < length ? LOCAL_SCRATCH_BLOCK - within : length;
		enum ddb_code code = block_read(file, offset / LOCAL_SCRATCH_BLOCK, &block, &stored, err);
		if (code)
			return code;
		size_t there = stored > within ? stored - within : 0;
		if (there > part)
			there = part;
		if (there)
			memcpy(buffer, block + within, there);
		memset(buffer + there, 0, part - there);
		offset += part;
		buffer += part;
		length -= part;
	}
	return DDB_OK;
}

/* ---- Within other operations ---- */

/* The file's blocks and its share of the total; the entry stays. */
static enum ddb_code drop_contents(const struct local_scratch *file, struct ddb_error *err)
{
	enum ddb_code code = cut_blocks(file, 0, err);
	return code ? code : count_bytes(file->engine, file->txn, file->meta.size, 0, err);
}

static enum ddb_code drop_file(const struct local_scratch *file, struct ddb_error *err)
{
	enum ddb_code code = drop_contents(file, err);
	return code ? code : local_entry_delete(file, err);
}

static enum ddb_code drop_entry(const struct local_scratch *entry, struct ddb_error *err)
{
	if (!entry->meta.directory)
		return drop_file(entry, err);
	enum ddb_code code = local_entry_require_empty(entry, err);
	return code ? code : local_entry_delete(entry, err);
}

static enum ddb_code exists(struct ddb_error *err)
{
	return ddb_fail(err, DDB_CONDITIONAL_CHECK_FAILED, "The conditional request failed");
}

/* Whether the one may take the other's place. */
static enum ddb_code check_rename(
	const struct local_scratch *from, const struct local_scratch *to, struct ddb_error *err)
{
	if (to->found && from->meta.directory != to->meta.directory)
		return ddb_fail(err, DDB_VALIDATION,
			"One or more parameter values were invalid: "
			"A scratch file and a scratch directory cannot replace each other");
	enum ddb_code code =
		from->meta.directory ? local_entry_require_outside(from, to->name.directory, err) : DDB_OK;
	return code ? code : local_entry_placed(to, err);
}

static enum ddb_code rename_entry(const struct local_scratch *from, const struct ddb_scratch_name *name,
	bool no_replace, struct ddb_error *err)
{
	struct local_scratch to;
	enum ddb_code code = local_entry_find(from->engine, from->txn, from->arena, name, &to, err);
	if (code)
		return code;
	if (to.found && no_replace)
		return exists(err);
	if (memcmp(to.key, from->key, sizeof to.key) == 0)
		return DDB_OK;
	code = check_rename(from, &to, err);
	if (!code && to.found)
		code = drop_entry(&to, err);
	if (!code)
		code = local_entry_delete(from, err);
	if (code)
		return code;
	to.meta = from->meta;
	return local_entry_write(&to, err);
}

enum ddb_code local_scratch_consume(struct local_engine *engine, struct store_txn *txn,
	const struct ddb_scratch_name *name, const struct ddb_scratch_name *as, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	struct local_scratch file;
	enum ddb_code code = local_entry_check_name(name, err);
	if (!code && as)
		code = local_entry_check_name(as, err);
	if (!code)
		code = local_entry_find(engine, txn, &arena, name, &file, err);
	if (!code)
		code = local_entry_require_file(&file, err);
	if (code)
		return code;
	return as ? rename_entry(&file, as, false, err) : drop_file(&file, err);
}

static enum ddb_code too_long(struct ddb_error *err)
{
	return ddb_fail(
		err, DDB_ITEM_TOO_LARGE, "A scratch file may have at most %d bytes", DDB_SCRATCH_FILE_MAX);
}

enum ddb_code local_scratch_keep(struct local_engine *engine, struct store_txn *txn,
	const struct ddb_scratch_name *name, const char *text, size_t length, int64_t mtime_ns,
	struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	struct local_scratch file;
	enum ddb_code code = local_entry_check_name(name, err);
	if (!code && length > DDB_SCRATCH_FILE_MAX)
		code = too_long(err);
	if (!code)
		code = local_entry_find(engine, txn, &arena, name, &file, err);
	if (!code)
		code = file.found ? local_entry_require_file(&file, err) : local_entry_placed(&file, err);
	if (!code && file.found)
		code = drop_contents(&file, err);
	if (!code)
		code = count_bytes(engine, txn, 0, length, err);
	if (!code)
		code = take_scratch_id(txn, &file.meta.id, err);
	if (code)
		return code;
	file.meta.size = length;
	file.meta.mtime_ns = mtime_ns;
	file.meta.mode = LOCAL_DEFAULT_MODE;
	code = write_bytes(&file, 0, (const uint8_t *)text, length, err);
	return code ? code : local_entry_write(&file, err);
}

/* ---- Operations ---- */

/* One change of one file. */
struct scratch_change {
	struct local_engine *engine;
	const struct ddb_scratch_name *name;
	enum ddb_code (*change)(
		struct local_scratch *file, struct scratch_change *what, struct ddb_error *err);
	int64_t now;
	uint64_t offset; /* or size */
	const void *bytes;
	size_t length;
	int64_t mtime_ns;
	uint32_t mode;
	bool exclusive; /* or no_replace */
	const struct ddb_scratch_name *to;
	struct ddb_scratch_meta meta; /* of the file, afterwards */
};

static enum ddb_code scratch_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct scratch_change *what = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	struct local_scratch file;
	enum ddb_code code = local_entry_find(what->engine, txn, &arena, what->name, &file, err);
	if (!code)
		code = what->change(&file, what, err);
	if (!code)
		what->meta = file.meta;
	return code;
}

static enum ddb_code change_scratch(
	struct ddb_engine *base, struct scratch_change *what, struct ddb_error *err)
{
	enum ddb_code code = local_entry_check_name(what->name, err);
	if (!code && what->to)
		code = local_entry_check_name(what->to, err);
	if (code)
		return code;
	what->engine = local_of(base);
	what->now = local_now();
	return local_write(what->engine, scratch_job, what, err);
}

static enum ddb_code make_entry(
	struct local_scratch *entry, struct scratch_change *what, bool directory, struct ddb_error *err)
{
	entry->meta = (struct ddb_scratch_meta){
		.mtime_ns = what->now, .mode = what->mode & PERMISSION_BITS, .directory = directory};
	enum ddb_code code = local_entry_placed(entry, err);
	if (!code)
		code = take_scratch_id(entry->txn, &entry->meta.id, err);
	return code ? code : local_entry_write(entry, err);
}

static enum ddb_code create_change(
	struct local_scratch *file, struct scratch_change *what, struct ddb_error *err)
{
	if (file->found && what->exclusive)
		return exists(err);
	return file->found ? local_entry_require_file(file, err) : make_entry(file, what, false, err);
}

enum ddb_code local_scratch_create(struct ddb_engine *engine, const struct ddb_scratch_name *name,
	uint32_t mode, bool exclusive, struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	struct scratch_change what = {
		.name = name, .change = create_change, .mode = mode, .exclusive = exclusive};
	enum ddb_code code = change_scratch(engine, &what, err);
	if (!code)
		*ret = what.meta;
	return code;
}

static enum ddb_code mkdir_change(
	struct local_scratch *directory, struct scratch_change *what, struct ddb_error *err)
{
	return directory->found ? exists(err) : make_entry(directory, what, true, err);
}

enum ddb_code local_scratch_mkdir(struct ddb_engine *engine, const struct ddb_scratch_name *name,
	uint32_t mode, struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	struct scratch_change what = {.name = name, .change = mkdir_change, .mode = mode};
	enum ddb_code code = change_scratch(engine, &what, err);
	if (!code)
		*ret = what.meta;
	return code;
}

static enum ddb_code write_change(
	struct local_scratch *file, struct scratch_change *what, struct ddb_error *err)
{
	enum ddb_code code = local_entry_require_file(file, err);
	if (code || what->length == 0)
		return code;
	uint64_t end = what->offset + what->length;
	uint64_t size = end > file->meta.size ? end : file->meta.size;
	code = count_bytes(file->engine, file->txn, file->meta.size, size, err);
	if (!code)
		code = write_bytes(file, what->offset, what->bytes, what->length, err);
	if (code)
		return code;
	file->meta.size = size;
	file->meta.mtime_ns = what->now;
	return local_entry_write(file, err);
}

enum ddb_code local_scratch_write(struct ddb_engine *engine, const struct ddb_scratch_name *name,
	uint64_t offset, const void *bytes, size_t length, struct ddb_error *err)
{
	if (offset > DDB_SCRATCH_FILE_MAX || length > DDB_SCRATCH_FILE_MAX - offset)
		return too_long(err);
	struct scratch_change what = {
		.name = name, .change = write_change, .offset = offset, .bytes = bytes, .length = length};
	return change_scratch(engine, &what, err);
}

static enum ddb_code truncate_change(
	struct local_scratch *file, struct scratch_change *what, struct ddb_error *err)
{
	enum ddb_code code = local_entry_require_file(file, err);
	if (!code)
		code = count_bytes(file->engine, file->txn, file->meta.size, what->offset, err);
	if (!code && what->offset < file->meta.size)
		code = cut_blocks(file, what->offset, err);
	if (code)
		return code;
	file->meta.size = what->offset;
	file->meta.mtime_ns = what->now;
	return local_entry_write(file, err);
}

enum ddb_code local_scratch_truncate(
	struct ddb_engine *engine, const struct ddb_scratch_name *name, uint64_t size, struct ddb_error *err)
{
	if (size > DDB_SCRATCH_FILE_MAX)
		return too_long(err);
	struct scratch_change what = {.name = name, .change = truncate_change, .offset = size};
	return change_scratch(engine, &what, err);
}

static enum ddb_code set_change(
	struct local_scratch *file, struct scratch_change *what, struct ddb_error *err)
{
	enum ddb_code code = local_entry_require(file, err);
	if (code)
		return code;
	if (what->mtime_ns != DDB_SCRATCH_KEEP)
		file->meta.mtime_ns = what->mtime_ns;
	if (what->mode != UINT32_MAX)
		file->meta.mode = what->mode & PERMISSION_BITS;
	return local_entry_write(file, err);
}

enum ddb_code local_scratch_set(struct ddb_engine *engine, const struct ddb_scratch_name *name,
	int64_t mtime_ns, uint32_t mode, struct ddb_error *err)
{
	struct scratch_change what = {.name = name, .change = set_change, .mtime_ns = mtime_ns, .mode = mode};
	return change_scratch(engine, &what, err);
}

static enum ddb_code remove_change(
	struct local_scratch *entry, struct scratch_change *what, struct ddb_error *err)
{
	(void)what;
	enum ddb_code code = local_entry_require(entry, err);
	return code ? code : drop_entry(entry, err);
}

enum ddb_code local_scratch_remove(
	struct ddb_engine *engine, const struct ddb_scratch_name *name, struct ddb_error *err)
{
	struct scratch_change what = {.name = name, .change = remove_change};
	return change_scratch(engine, &what, err);
}

static enum ddb_code rename_change(
	struct local_scratch *from, struct scratch_change *what, struct ddb_error *err)
{
	enum ddb_code code = local_entry_require(from, err);
	return code ? code : rename_entry(from, what->to, what->exclusive, err);
}

enum ddb_code local_scratch_rename(struct ddb_engine *engine, const struct ddb_scratch_name *from,
	const struct ddb_scratch_name *to, bool no_replace, struct ddb_error *err)
{
	struct scratch_change what = {
		.name = from, .change = rename_change, .to = to, .exclusive = no_replace};
	return change_scratch(engine, &what, err);
}

/* ---- Reading ---- */

typedef enum ddb_code scratch_look(const struct local_scratch *file, void *context, struct ddb_error *err);

static enum ddb_code look(struct ddb_engine *base, const struct ddb_scratch_name *name, scratch_look *act,
	void *context, struct ddb_error *err)
{
	struct local_engine *engine = local_of(base);
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	struct store_txn *view;
	struct local_scratch file;
	enum ddb_code code = local_entry_check_name(name, err);
	if (!code)
		code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = local_entry_find(engine, view, &arena, name, &file, err);
	if (!code)
		code = local_entry_require(&file, err);
	if (!code)
		code = act(&file, context, err);
	store_view_end(view);
	return code;
}

static enum ddb_code look_meta(const struct local_scratch *file, void *context, struct ddb_error *err)
{
	(void)err;
	*(struct ddb_scratch_meta *)context = file->meta;
	return DDB_OK;
}

enum ddb_code local_scratch_stat(struct ddb_engine *engine, const struct ddb_scratch_name *name,
	struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	return look(engine, name, look_meta, ret, err);
}

struct scratch_read {
	uint64_t offset;
	uint8_t *buffer;
	size_t length;
};

static enum ddb_code look_bytes(const struct local_scratch *file, void *context, struct ddb_error *err)
{
	struct scratch_read *read = context;
	enum ddb_code code = local_entry_require_file(file, err);
	if (code)
		return code;
	uint64_t left = read->offset < file->meta.size ? file->meta.size - read->offset : 0;
	if (read->length > left)
		read->length = (size_t)left;
	return read_bytes(file, read->offset, read->buffer, read->length, err);
}

enum ddb_code local_scratch_read(struct ddb_engine *engine, const struct ddb_scratch_name *name,
	uint64_t offset, void *buffer, size_t length, size_t *ret_length, struct ddb_error *err)
{
	struct scratch_read read = {.offset = offset, .buffer = buffer, .length = length};
	enum ddb_code code = look(engine, name, look_bytes, &read, err);
	if (!code)
		*ret_length = read.length;
	return code;
}

/* ---- Listing ---- */

struct scratch_list {
	struct ddb_arena *arena;
	size_t limit, room;
	struct ddb_scratch_page page;
};

static enum ddb_code list_entry(struct store_cursor *cursor, struct scratch_list *list, struct ddb_error *err)
{
	struct ddb_scratch_page *page = &list->page;
	struct store_value value;
	struct local_scratch_record record;
	enum ddb_code code = store_cursor_value(cursor, list->arena, true, &value, err);
	if (!code)
		code = local_scratch_decode(&value, &record, err);
	if (code)
		return code;
	const char *name = ddb_arena_copy(list->arena, value.body, value.body_length);
	if (page->count == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct ddb_scratch_entry *grown = ddb_arena_grow(
			list->arena, page->entries, list->room * sizeof *grown, room * sizeof *grown);
		if (!grown)
			return ddb_fail_memory(err);
		page->entries = grown;
		list->room = room;
	}
	if (!name)
		return ddb_fail_memory(err);
	page->entries[page->count++] = (struct ddb_scratch_entry){.name = name, .meta = record.meta};
	return DDB_OK;
}

static enum ddb_code list_entries(struct store_cursor *cursor, const uint8_t *place, size_t length,
	struct scratch_list *list, struct ddb_error *err)
{
	bool found;
	enum ddb_code code = store_cursor_seek(cursor, place, length, &found, err);
	while (!code && found) {
		const uint8_t *key;
		store_cursor_key(cursor, &key, &length);
		if (length < LOCAL_SCRATCH_PREFIX_BYTES ||
			memcmp(key, place, LOCAL_SCRATCH_PREFIX_BYTES) != 0)
			return DDB_OK;
		if (length != LOCAL_SCRATCH_KEY_BYTES) /* it must not hide those behind it */
			return local_damaged(err, "a scratch file");
		list->page.more = list->page.count == list->limit;
		if (list->page.more)
			return DDB_OK;
		code = list_entry(cursor, list, err);
		if (!code)
			code = store_cursor_next(cursor, &found, err);
	}
	return code;
}

enum ddb_code local_scratch_list(struct ddb_engine *base, struct ddb_arena *arena,
	const uint8_t directory[DDB_DIRECTORY_ID_BYTES], const char *after, uint32_t limit,
	struct ddb_scratch_page *ret, struct ddb_error *err)
{
	struct local_engine *engine = local_of(base);
	struct scratch_list list = {
		.arena = arena, .limit = limit > 0 && limit < LOCAL_LIST_MAX ? limit : LOCAL_LIST_MAX};
	uint8_t place[LOCAL_SCRATCH_KEY_BYTES + 1] = {0};
	size_t length = LOCAL_SCRATCH_PREFIX_BYTES + 1; /* behind the directory's own record */
	local_scratch_prefix(engine->store, directory, place);
	if (after) { /* the first key that can follow it */
		local_scratch_key(engine->store, directory, after, strlen(after), place);
		place[LOCAL_SCRATCH_KEY_BYTES] = 0;
		length = sizeof place;
	}
	struct store_txn *view;
	struct store_cursor *cursor;
	enum ddb_code code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = store_cursor_open(view, &cursor, err);
	if (!code) {
		code = list_entries(cursor, place, length, &list, err);
		store_cursor_close(cursor);
	}
	store_view_end(view);
	if (!code)
		*ret = list.page;
	return code;
}
