/*
 * The check of scratch files and directories: entries, blocks, that each has the other, and that each
 * directory has both its records and is itself in one. A file with a damaged block is lost as a whole:
 * without the block it would read as zeros. A directory is lost, with what is in it, when both its records
 * are. Directories that are not scratch directories are digests here: nothing can be told about them.
 * See check.h.
 */
#include "engine/local/check/check.h"
#include "engine/local/scratch/scratch.h"

#include <stdlib.h>
#include <string.h>

struct file {
	uint64_t id, size;
	uint64_t parent; /* the scratch directory that it is in; 0: another */
	bool directory;
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES]; /* of the entry */
};

struct files {
	struct file *files; /* by id, once they are all known */
	size_t count, room;
};

struct scratch_check {
	struct files files;
	struct files seconds; /* directories, as their second records tell */
};

/* ---- Entries ---- */

static enum ddb_code add_file(struct files *files, const struct local_scratch_record *record,
	const uint8_t *key, struct ddb_error *err)
{
	if (files->count == files->room) {
		size_t room = files->room ? files->room * 2 : 64;
		struct file *grown = realloc(files->files, room * sizeof *grown);
		if (!grown)
			return ddb_fail_memory(err);
		files->files = grown;
		files->room = room;
	}
	struct file *file = &files->files[files->count++];
	*file = (struct file){.id = record->meta.id,
		.size = record->meta.size,
		.parent = record->placed ? ddb_scratch_number(record->directory) : 0,
		.directory = record->meta.directory};
	memcpy(file->key, key, sizeof file->key);
	return DDB_OK;
}

static bool name_right(const struct store_value *value)
{
	return value->body_length > 0 && value->body_length <= LOCAL_SCRATCH_NAME_MAX &&
	       !memchr(value->body, 0, value->body_length);
}

/* Where the record says that its entry is. */
static void told_key(struct check *check, const struct local_scratch_record *record,
	const struct store_value *value, uint8_t ret[LOCAL_SCRATCH_KEY_BYTES])
{
	local_scratch_key(
		check->engine->store, record->directory, (const char *)value->body, value->body_length, ret);
}

static bool entry_right(struct check *check, const struct check_walk *walk, const struct store_value *value,
	struct local_scratch_record *ret)
{
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES];
	if (walk->length != LOCAL_SCRATCH_KEY_BYTES || local_scratch_decode(value, ret, NULL) ||
		ret->meta.id == 0 || !name_right(value))
		return false;
	told_key(check, ret, value, key);
	size_t known = ret->placed ? 0 : LOCAL_SCRATCH_PREFIX_BYTES;
	return memcmp(key + known, walk->key + known, sizeof key - known) == 0;
}

static bool second_right(struct check *check, const struct check_walk *walk, const struct store_value *value,
	struct local_scratch_record *ret)
{
	uint8_t inside[DDB_DIRECTORY_ID_BYTES], key[LOCAL_SCRATCH_PREFIX_BYTES];
	if (local_scratch_decode(value, ret, NULL) || ret->meta.id == 0 || !ret->meta.directory ||
		!name_right(value))
		return false;
	ddb_scratch_inside(&ret->meta, inside);
	local_scratch_prefix(check->engine->store, inside, key);
	return memcmp(key, walk->key, sizeof key) == 0;
}

static enum ddb_code visit_record(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct scratch_check *state = context;
	bool sound, second = walk->length == LOCAL_SCRATCH_PREFIX_BYTES;
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES];
	struct store_value value;
	struct local_scratch_record record;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code || !sound)
		return code;
	if (!(second ? second_right : entry_right)(check, walk, &value, &record)) {
		check_problem(check, "store: a scratch file's entry is wrong");
		return check_delete(check, walk->key, walk->length, err);
	}
	if (record.meta.id > check->highest_scratch)
		check->highest_scratch = record.meta.id;
	if (second) {
		told_key(check, &record, &value, key);
		return add_file(&state->seconds, &record, key, err);
	}
	check->result.scratch_files += !record.meta.directory;
	check->scratch_bytes += record.meta.size;
	return add_file(&state->files, &record, walk->key, err);
}

static int compare_files(const void *a, const void *b)
{
	const struct file *left = a, *right = b;
	return (left->id > right->id) - (left->id < right->id);
}

static void sort_files(struct files *files)
{
	if (files->count > 0)
		qsort(files->files, files->count, sizeof *files->files, compare_files);
}

static struct file *find_file(const struct files *files, uint64_t id)
{
	const struct file wanted = {.id = id};
	if (files->count == 0)
		return NULL;
	return bsearch(&wanted, files->files, files->count, sizeof wanted, compare_files);
}

/* ---- Directories ---- */

static void second_key(struct check *check, uint64_t id, uint8_t ret[LOCAL_SCRATCH_PREFIX_BYTES])
{
	const struct ddb_scratch_meta meta = {.id = id};
	uint8_t inside[DDB_DIRECTORY_ID_BYTES];
	ddb_scratch_inside(&meta, inside);
	local_scratch_prefix(check->engine->store, inside, ret);
}

/* Both records of a directory hold the same. */
struct twin {
	const uint8_t *from, *to;
	size_t from_length, to_length;
};

static enum ddb_code twin_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct twin *twin = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	struct store_value value;
	enum ddb_code code = store_get(txn, &arena, twin->from, twin->from_length, true, &value, err);
	if (code)
		return code;
	return store_put(txn, twin->to, twin->to_length, value.head, value.head_length, value.body,
		value.body_length, err);
}

/* The entry counts where the two differ. */
static enum ddb_code check_second(struct check *check, const struct scratch_check *state,
	const struct file *directory, struct ddb_error *err)
{
	const struct file *second = find_file(&state->seconds, directory->id);
	uint8_t key[LOCAL_SCRATCH_PREFIX_BYTES];
	if (second && memcmp(second->key, directory->key, sizeof second->key) == 0)
		return DDB_OK;
	check_problem(check, "store: a scratch directory's second record is %s", second ? "wrong" : "lost");
	second_key(check, directory->id, key);
	struct twin twin = {.from = directory->key,
		.from_length = sizeof directory->key,
		.to = key,
		.to_length = sizeof key};
	return check_repair(check, twin_job, &twin, err);
}

/* A directory whose entry is lost. */
static enum ddb_code restore_entry(
	struct check *check, struct files *files, const struct file *second, struct ddb_error *err)
{
	uint8_t key[LOCAL_SCRATCH_PREFIX_BYTES];
	const struct local_scratch_record record = {.meta = {.id = second->id, .directory = true}};
	check_problem(check, "store: a scratch directory's entry is lost");
	second_key(check, second->id, key);
	struct twin twin = {
		.from = key, .from_length = sizeof key, .to = second->key, .to_length = sizeof second->key};
	enum ddb_code code = check_repair(check, twin_job, &twin, err);
	if (!code)
		code = add_file(files, &record, second->key, err);
	if (!code)
		files->files[files->count - 1].parent = second->parent;
	return code;
}

/* The place of a lost entry may have been given to another. */
static enum ddb_code check_entry_of(
	struct check *check, struct scratch_check *state, const struct file *second, struct ddb_error *err)
{
	uint8_t key[LOCAL_SCRATCH_PREFIX_BYTES];
	for (size_t i = 0; i < state->files.count; i++)
		if (memcmp(state->files.files[i].key, second->key, sizeof second->key) == 0) {
			check_problem(check, "store: a scratch directory's place is another's");
			second_key(check, second->id, key);
			return check_delete(check, key, sizeof key, err);
		}
	return restore_entry(check, &state->files, second, err);
}

static enum ddb_code check_directories(
	struct check *check, struct scratch_check *state, struct ddb_error *err)
{
	size_t count = state->files.count;
	for (size_t i = 0; i < count; i++) {
		const struct file *file = &state->files.files[i];
		enum ddb_code code = file->directory ? check_second(check, state, file, err) : DDB_OK;
		if (code)
			return code;
	}
	for (size_t i = 0; i < state->seconds.count; i++) {
		const struct file *second = &state->seconds.files[i];
		const struct files known = {.files = state->files.files, .count = count};
		const struct file *file = find_file(&known, second->id);
		enum ddb_code code =
			file && file->directory ? DDB_OK : check_entry_of(check, state, second, err);
		if (code)
			return code;
	}
	sort_files(&state->files);
	return DDB_OK;
}

/* Whether the way up ends; in a circle it does not. */
static bool is_placed(const struct files *files, const struct file *file)
{
	for (size_t steps = 0; steps <= files->count; steps++) {
		if (file->parent == 0)
			return true;
		file = find_file(files, file->parent);
		if (!file || !file->directory)
			return false;
	}
	return false;
}

/* ---- Blocks ---- */

struct lost_file {
	uint64_t id;
	const uint8_t *key;    /* of the entry, or NULL */
	const uint8_t *second; /* of a directory */
};

static enum ddb_code lost_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct lost_file *lost = context;
	uint8_t key[LOCAL_BLOCK_KEY_BYTES] = {LOCAL_BLOCK};
	local_write_be(key + 1, lost->id, 8);
	for (uint32_t number = 0; number < DDB_SCRATCH_FILE_MAX / LOCAL_SCRATCH_BLOCK; number++) {
		local_write_be(key + 9, number, 4);
		enum ddb_code code = store_delete(txn, key, sizeof key, NULL, err);
		if (code)
			return code;
	}
	enum ddb_code code = DDB_OK;
	if (lost->key)
		code = store_delete(txn, lost->key, LOCAL_SCRATCH_KEY_BYTES, NULL, err);
	if (!code && lost->second)
		code = store_delete(txn, lost->second, LOCAL_SCRATCH_PREFIX_BYTES, NULL, err);
	return code;
}

/* All blocks of the walk's file are passed over. */
static void skip_file(struct check_walk *walk)
{
	uint8_t prefix[1 + 8];
	memcpy(prefix, walk->key, sizeof prefix);
	walk->skip_to_length = local_key_after_prefix(prefix, sizeof prefix, walk->skip_to);
}

static enum ddb_code lose_file(
	struct check *check, const struct file *file, uint64_t id, struct ddb_error *err)
{
	uint8_t second[LOCAL_SCRATCH_PREFIX_BYTES];
	struct lost_file lost = {.id = id, .key = file ? file->key : NULL};
	uint64_t repaired = check->result.repaired;
	if (file && file->directory) {
		second_key(check, id, second);
		lost.second = second;
	}
	enum ddb_code code = check_repair(check, lost_job, &lost, err);
	if (code || !file || check->result.repaired == repaired)
		return code;
	check->scratch_bytes -= file->size;
	check->result.scratch_files -= !file->directory;
	return DDB_OK;
}

static enum ddb_code check_block(struct check *check, struct check_walk *walk, const struct file *file,
	const struct store_value *value, struct ddb_error *err)
{
	uint64_t start = local_read_be(walk->key + 9, 4) * LOCAL_SCRATCH_BLOCK;
	uint64_t most = file->size > start ? file->size - start : 0;
	if (most > LOCAL_SCRATCH_BLOCK)
		most = LOCAL_SCRATCH_BLOCK;
	if (value->body_length <= most && value->body_length > 0)
		return DDB_OK;
	check_problem(check, "store: a scratch file has a block behind its end, or an empty one");
	struct check_record record = {.key = walk->key, .key_length = walk->length};
	if (most > 0 && value->body_length > 0) {
		record.head = value->head;
		record.head_length = value->head_length;
		record.body = value->body;
		record.body_length = (size_t)most;
	}
	return check_repair_record(check, &record, err);
}

static enum ddb_code visit_block(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct scratch_check *state = context;
	struct store_value value;
	bool sound;
	if (walk->length != LOCAL_BLOCK_KEY_BYTES) {
		check_problem(check, "store: a record that cannot be a scratch file's block");
		return check_delete(check, walk->key, walk->length, err);
	}
	uint64_t id = local_read_be(walk->key + 1, 8);
	const struct file *file = find_file(&state->files, id);
	if (id > check->highest_scratch)
		check->highest_scratch = id;
	if (!file) {
		check_problem(check, "store: blocks of no scratch file");
		skip_file(walk);
		return lose_file(check, NULL, id, err);
	}
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code)
		return code;
	if (sound)
		return check_block(check, walk, file, &value, err);
	skip_file(walk);
	return lose_file(check, file, id, err);
}

/* ---- All ---- */

static enum ddb_code check_places(struct check *check, const struct files *files, struct ddb_error *err)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct file *file = &files->files[i];
		if (i > 0 && file->id == file[-1].id)
			check_problem(check, "store: two scratch files have the number %llu",
				(unsigned long long)file->id);
		if (is_placed(files, file))
			continue;
		check_problem(check, "store: a scratch file's directory is lost");
		enum ddb_code code = lose_file(check, file, file->id, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

static enum ddb_code check_files(struct check *check, struct scratch_check *state, struct ddb_error *err)
{
	const uint8_t entries[1] = {LOCAL_SCRATCH}, blocks[1] = {LOCAL_BLOCK};
	enum ddb_code code = check_each(check, entries, sizeof entries, visit_record, state, err);
	if (code)
		return code;
	sort_files(&state->files);
	sort_files(&state->seconds);
	code = check_directories(check, state, err);
	if (!code)
		code = check_places(check, &state->files, err);
	return code ? code : check_each(check, blocks, sizeof blocks, visit_block, state, err);
}

enum ddb_code check_scratch(struct check *check, struct ddb_error *err)
{
	struct scratch_check state = {.files = {.count = 0}};
	enum ddb_code code = check_files(check, &state, err);
	free(state.files.files);
	free(state.seconds.files);
	return code;
}
