/*
 * What a branch has put and deleted: keys in exact byte order, each with sealed bytes or as deleted, in
 * memory that is bounded. What was done since the last keep can be taken back, whatever happens, without
 * memory. Knows nothing of LMDB or of what the bytes mean. One thread at a time.
 */
#ifndef STORE_CHANGES_H
#define STORE_CHANGES_H

#include "engine/error.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STORE_CHANGE_LEVELS = 12 }; /* of a skip list in which each has a fourth of the one below */

struct store_change_value {
	uint8_t *bytes; /* NULL: deleted */
	size_t length;
};

struct store_change {
	struct store_change_value now, before; /* `before`: what the running job found */
	struct store_change *undo;             /* the one that the running job touched before this one */
	bool touched, made;                    /* by the running job */
	uint8_t levels;
	uint16_t key_length;
	struct store_change *previous;
	struct store_change *next[]; /* of each level; the key lies behind */
};

struct store_memory { /* that several share */
	_Atomic size_t bytes;
	size_t bytes_max;
};

struct store_changes {
	struct store_change *first[STORE_CHANGE_LEVELS];
	struct store_change *undo; /* what the running job has touched, the latest first */
	size_t bytes, bytes_max;
	struct store_memory *shared; /* all of `bytes` are there, too */
	uint32_t dice;
};

void store_changes_init(struct store_changes *changes, size_t bytes_max, struct store_memory *shared);
/* Frees all; it is then empty. */
void store_changes_clear(struct store_changes *changes);

static inline bool store_changes_empty(const struct store_changes *changes)
{
	return !changes->first[0];
}

const uint8_t *store_change_key(const struct store_change *change);
/* NULL when there is none. */
struct store_change *store_changes_find(const struct store_changes *changes, const void *key, size_t length);
/* The first at or behind the key; the last before it. */
struct store_change *store_changes_seek(const struct store_changes *changes, const void *key, size_t length);
struct store_change *store_changes_before(
	const struct store_changes *changes, const void *key, size_t length);

/* *ret is to be filled with `value_length` bytes. DDB_STORE_FULL beyond a bound, before anything is taken;
 * DDB_NO_MEMORY. */
DDB_MUST_CHECK enum ddb_code store_changes_put(struct store_changes *changes, const void *key, size_t length,
	size_t value_length, uint8_t **ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_changes_delete(
	struct store_changes *changes, const void *key, size_t length, struct ddb_error *err);

/* What was done since the last of these stays; is as if it had not been. */
void store_changes_keep(struct store_changes *changes);
void store_changes_undo(struct store_changes *changes);

#endif
