/*
 * The check of scratch files: entries, blocks, and that each has the other. A file with a damaged block is
 * lost as a whole: without the block it would read as zeros. See check.h.
 */
#include "engine/local/check.h"
#include "engine/local/scratch.h"

#include <stdlib.h>
#include <string.h>

struct file {
	uint64_t id, size;
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES];
};

struct scratch_check {
	struct file *files; /* by id, once they are all known */
	size_t count, room;
};

/* ---- Entries ---- */

static enum ddb_code add_file(struct scratch_check *state, const struct ddb_scratch_meta *meta,
	const uint8_t *key, struct ddb_error *err)
{
	if (state->count == state->room) {
		size_t room = state->room ? state->room * 2 : 64;
		struct file *grown = realloc(state->files, room * sizeof *grown);
		if (!grown)
			return ddb_fail_memory(err);
		state->files = grown;
		state->room = room;
	}
	struct file *file = &state->files[state->count++];
	*file = (struct file){.id = meta->id, .size = meta->size};
	memcpy(file->key, key, sizeof file->key);
	return DDB_OK;
}

static bool entry_right(struct check *check, const struct check_walk *walk, const struct store_value *value,
	struct ddb_scratch_meta *ret)
{
	uint8_t name[STORE_HASH_BYTES];
	if (walk->length != LOCAL_SCRATCH_KEY_BYTES || local_scratch_decode(value, ret, NULL) ||
		ret->id == 0 || value->body_length == 0 || value->body_length > LOCAL_SCRATCH_NAME_MAX ||
		memchr(value->body, 0, value->body_length))
		return false;
	store_hash(check->engine->store, value->body, value->body_length, name);
	return memcmp(name, walk->key + LOCAL_SCRATCH_KEY_BYTES - sizeof name, sizeof name) == 0;
}

static enum ddb_code visit_entry(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct store_value value;
	struct ddb_scratch_meta meta;
	bool sound;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code || !sound)
		return code;
	if (!entry_right(check, walk, &value, &meta)) {
		check_problem(check, "store: a scratch file's entry is wrong");
		return check_delete(check, walk->key, walk->length, err);
	}
	check->result.scratch_files++;
	check->scratch_bytes += meta.size;
	if (meta.id > check->highest_scratch)
		check->highest_scratch = meta.id;
	return add_file(context, &meta, walk->key, err);
}

static int compare_files(const void *a, const void *b)
{
	const struct file *left = a, *right = b;
	return (left->id > right->id) - (left->id < right->id);
}

/* ---- Blocks ---- */

struct lost_file {
	uint64_t id;
	const uint8_t *key; /* of the entry, or NULL */
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
	return lost->key ? store_delete(txn, lost->key, LOCAL_SCRATCH_KEY_BYTES, NULL, err) : DDB_OK;
}

/* All blocks of the walk's file are passed over. */
static void skip_file(struct check_walk *walk)
{
	uint8_t prefix[1 + 8];
	memcpy(prefix, walk->key, sizeof prefix);
	walk->skip_to_length = local_key_after_prefix(prefix, sizeof prefix, walk->skip_to);
}

static enum ddb_code lose_file(
	struct check *check, struct check_walk *walk, struct file *file, uint64_t id, struct ddb_error *err)
{
	struct lost_file lost = {.id = id, .key = file ? file->key : NULL};
	uint64_t repaired = check->result.repaired;
	skip_file(walk);
	enum ddb_code code = check_repair(check, lost_job, &lost, err);
	if (code || !file || check->result.repaired == repaired)
		return code;
	check->scratch_bytes -= file->size;
	check->result.scratch_files--;
	return DDB_OK;
}

static enum ddb_code check_block(struct check *check, struct check_walk *walk, struct file *file,
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
	struct file wanted = {.id = local_read_be(walk->key + 1, 8)};
	struct file *file = state->count == 0 ? NULL
					      : bsearch(&wanted, state->files, state->count, sizeof wanted,
							compare_files);
	if (wanted.id > check->highest_scratch)
		check->highest_scratch = wanted.id;
	if (!file) {
		check_problem(check, "store: blocks of no scratch file");
		return lose_file(check, walk, NULL, wanted.id, err);
	}
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code)
		return code;
	return sound ? check_block(check, walk, file, &value, err)
		     : lose_file(check, walk, file, wanted.id, err);
}

/* ---- All ---- */

static enum ddb_code check_files(struct check *check, struct scratch_check *state, struct ddb_error *err)
{
	const uint8_t entries[1] = {LOCAL_SCRATCH}, blocks[1] = {LOCAL_BLOCK};
	enum ddb_code code = check_each(check, entries, sizeof entries, visit_entry, state, err);
	if (code)
		return code;
	if (state->count > 0)
		qsort(state->files, state->count, sizeof *state->files, compare_files);
	for (size_t i = 1; i < state->count; i++)
		if (state->files[i].id == state->files[i - 1].id)
			check_problem(check, "store: two scratch files have the number %llu",
				(unsigned long long)state->files[i].id);
	return check_each(check, blocks, sizeof blocks, visit_block, state, err);
}

enum ddb_code check_scratch(struct check *check, struct ddb_error *err)
{
	struct scratch_check state = {.count = 0};
	enum ddb_code code = check_files(check, &state, err);
	free(state.files);
	return code;
}
