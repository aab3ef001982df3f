/*
 * Memory that is freed all at once: one arena per request. Not for threads; allocations are aligned for any
 * type. Every arena is born with its maximum, in bytes; beyond it, as when the heap is exhausted, alloc
 * answers NULL.
 */
#ifndef DDB_ARENA_H
#define DDB_ARENA_H

#include <stddef.h>

struct ddb_arena_chunk;

struct ddb_arena {
	struct ddb_arena_chunk *chunk; /* the newest */
	size_t used;                   /* of the newest chunk */
	size_t taken;                  /* from the heap, in all */
	size_t max;
};

void ddb_arena_init(struct ddb_arena *arena, size_t max);
void ddb_arena_done(struct ddb_arena *arena);
/* Forgets every allocation but keeps one ordinary chunk for the next ones. */
void ddb_arena_reset(struct ddb_arena *arena);

void *ddb_arena_alloc(struct ddb_arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));
/* count * size without overflow. */
void *ddb_arena_array(struct ddb_arena *arena, size_t count, size_t size) __attribute__((malloc));
/* A copy of `size` bytes with a NUL behind them. */
void *ddb_arena_copy(struct ddb_arena *arena, const void *bytes, size_t size);
/*
 * Grows the newest allocation in place where it can, else copies it; `bytes` may be NULL.
 */
void *ddb_arena_grow(struct ddb_arena *arena, void *bytes, size_t old_size, size_t new_size);

#define DDB_ARENA_AUTO __attribute__((cleanup(ddb_arena_done)))

#endif
