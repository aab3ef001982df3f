/*
 * A skip list with a way back at its lowest level. A job's first touch of a key sets aside what it found
 * there, in the entry itself: so a job takes no more than what it found and what it leaves, however often it
 * puts the same key.
 */
#include "engine/store/changes.h"

#include "engine/order.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum { HEAP_BYTES = 16 }; /* what the C library takes for itself with every piece */

/* The last before a key at each level; NULL: the beginning. */
struct path {
	struct store_change *before[STORE_CHANGE_LEVELS];
};

void store_changes_init(struct store_changes *changes, size_t bytes_max, struct store_memory *shared)
{
	*changes = (struct store_changes){
		.bytes_max = bytes_max, .shared = shared, .dice = randombytes_random() | 1};
}

const uint8_t *store_change_key(const struct store_change *change)
{
	return (const uint8_t *)(change->next + change->levels);
}

static size_t entry_bytes(unsigned levels, size_t key_length)
{
	return sizeof(struct store_change) + levels * sizeof(struct store_change *) + key_length + HEAP_BYTES;
}

static size_t value_bytes(const struct store_change_value *value)
{
	return value->bytes ? value->length + HEAP_BYTES : 0;
}

/* Before memory is taken. */
static enum ddb_code take_bytes(struct store_changes *changes, size_t bytes, struct ddb_error *err)
{
	struct store_memory *shared = changes->shared;
	if (bytes > changes->bytes_max || changes->bytes > changes->bytes_max - bytes)
		return ddb_fail(err, DDB_STORE_FULL,
			"The changes of one transaction cannot take more than %zu bytes of memory",
			changes->bytes_max);
	if (atomic_fetch_add(&shared->bytes, bytes) + bytes > shared->bytes_max) {
		atomic_fetch_sub(&shared->bytes, bytes);
		return ddb_fail(err, DDB_STORE_FULL,
			"The changes of all open transactions cannot take more than %zu bytes of memory",
			shared->bytes_max);
	}
	changes->bytes += bytes;
	return DDB_OK;
}

static void give_bytes(struct store_changes *changes, size_t bytes)
{
	changes->bytes -= bytes;
	atomic_fetch_sub(&changes->shared->bytes, bytes);
}

static void value_drop(struct store_changes *changes, struct store_change_value *value)
{
	give_bytes(changes, value_bytes(value));
	free(value->bytes);
	*value = (struct store_change_value){NULL, 0};
}

void store_changes_clear(struct store_changes *changes)
{
	for (struct store_change *change = changes->first[0], *next; change; change = next) {
		next = change->next[0];
		free(change->now.bytes);
		free(change->before.bytes);
		free(change);
	}
	memset(changes->first, 0, sizeof changes->first);
	changes->undo = NULL;
	give_bytes(changes, changes->bytes);
}

/* ---- Places ---- */

static struct store_change **link_of(
	const struct store_changes *changes, struct store_change *before, unsigned level)
{
	/* The caller of a search only reads through it. */
	return before ? &before->next[level] : (struct store_change **)(uintptr_t)&changes->first[level];
}

static void search(const struct store_changes *changes, const void *key, size_t length, struct path *ret)
{
	struct store_change *at = NULL;
	for (unsigned level = STORE_CHANGE_LEVELS; level--;) {
		struct store_change *next;
		while ((next = *link_of(changes, at, level)) &&
			ddb_bytes_order(store_change_key(next), next->key_length, key, length) < 0)
			at = next;
		ret->before[level] = at;
	}
}

struct store_change *store_changes_before(const struct store_changes *changes, const void *key, size_t length)
{
	struct path path;
	search(changes, key, length, &path);
	return path.before[0];
}

struct store_change *store_changes_seek(const struct store_changes *changes, const void *key, size_t length)
{
	return *link_of(changes, store_changes_before(changes, key, length), 0);
}

static bool is_at(const struct store_change *change, const void *key, size_t length)
{
	return change && change->key_length == length && !memcmp(store_change_key(change), key, length);
}

struct store_change *store_changes_find(const struct store_changes *changes, const void *key, size_t length)
{
	struct store_change *change = store_changes_seek(changes, key, length);
	return is_at(change, key, length) ? change : NULL;
}

static void add(struct store_changes *changes, const struct path *path, struct store_change *change)
{
	change->previous = path->before[0];
	for (unsigned level = 0; level < change->levels; level++) {
		struct store_change **link = link_of(changes, path->before[level], level);
		change->next[level] = *link;
		*link = change;
	}
	if (change->next[0])
		change->next[0]->previous = change;
}

static void take_out(struct store_changes *changes, struct store_change *change)
{
	struct path path;
	search(changes, store_change_key(change), change->key_length, &path);
	for (unsigned level = 0; level < change->levels; level++)
		*link_of(changes, path.before[level], level) = change->next[level];
	if (change->next[0])
		change->next[0]->previous = change->previous;
	give_bytes(changes, entry_bytes(change->levels, change->key_length));
	free(change);
}

/* ---- Changing ---- */

static unsigned throw_levels(struct store_changes *changes)
{
	unsigned levels = 1;
	changes->dice ^= changes->dice << 13;
	changes->dice ^= changes->dice >> 17;
	changes->dice ^= changes->dice << 5;
	for (uint32_t dice = changes->dice; !(dice & 3) && levels < STORE_CHANGE_LEVELS; dice >>= 2)
		levels++;
	return levels;
}

/* Sets aside what the job found, once. */
static void touch(struct store_changes *changes, struct store_change *change)
{
	if (change->touched) {
		value_drop(changes, &change->now);
		return;
	}
	change->touched = true;
	change->before = change->now;
	change->now = (struct store_change_value){NULL, 0};
	change->undo = changes->undo;
	changes->undo = change;
}

static struct store_change *entry_make(unsigned levels, const void *key, size_t length)
{
	struct store_change *change = calloc(1, entry_bytes(levels, length) - HEAP_BYTES);
	if (!change)
		return NULL;
	change->made = true;
	change->levels = (uint8_t)levels;
	change->key_length = (uint16_t)length;
	memcpy(change->next + levels, key, length);
	return change;
}

/* Gives the key room for a value of so many bytes, or none; *ret is what it has now. */
static enum ddb_code change_key(struct store_changes *changes, const void *key, size_t length,
	size_t value_length, struct store_change_value *ret, struct ddb_error *err)
{
	struct path path;
	struct store_change_value value = {NULL, value_length};
	search(changes, key, length, &path);
	struct store_change *change = *link_of(changes, path.before[0], 0);
	bool make = !is_at(change, key, length);
	unsigned levels = make ? throw_levels(changes) : 0;
	size_t bytes = make ? entry_bytes(levels, length) : 0;
	bytes += value_length ? value_length + HEAP_BYTES : 0;
	enum ddb_code code = take_bytes(changes, bytes, err);
	if (code)
		return code;
	value.bytes = value_length ? malloc(value_length) : NULL;
	if (make)
		change = entry_make(levels, key, length);
	if ((value_length && !value.bytes) || !change) {
		free(value.bytes);
		free(make ? change : NULL);
		give_bytes(changes, bytes);
		return ddb_fail_memory(err);
	}
	if (make)
		add(changes, &path, change);
	touch(changes, change);
	change->now = *ret = value;
	return DDB_OK;
}

enum ddb_code store_changes_put(struct store_changes *changes, const void *key, size_t length,
	size_t value_length, uint8_t **ret, struct ddb_error *err)
{
	struct store_change_value value = {NULL, 0};
	assert(value_length);
	enum ddb_code code = change_key(changes, key, length, value_length, &value, err);
	if (!code)
		*ret = value.bytes;
	return code;
}

enum ddb_code store_changes_delete(
	struct store_changes *changes, const void *key, size_t length, struct ddb_error *err)
{
	struct store_change_value none;
	return change_key(changes, key, length, 0, &none, err);
}

/* ---- The end of a job ---- */

static struct store_change *next_touched(struct store_changes *changes)
{
	struct store_change *change = changes->undo;
	if (change)
		changes->undo = change->undo;
	return change;
}

void store_changes_keep(struct store_changes *changes)
{
	for (struct store_change *change; (change = next_touched(changes));) {
		value_drop(changes, &change->before);
		change->touched = change->made = false;
	}
}

void store_changes_undo(struct store_changes *changes)
{
	for (struct store_change *change; (change = next_touched(changes));) {
		value_drop(changes, &change->now);
		change->now = change->before;
		change->before = (struct store_change_value){NULL, 0};
		change->touched = false;
		if (change->made)
			take_out(changes, change);
	}
}
