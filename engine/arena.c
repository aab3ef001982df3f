/*
 * The arena: a list of chunks, the newest first, each filled from its beginning. Chunks double in size so
 * that a large tree costs few of them; an allocation that is large beside a chunk gets one of its own, behind
 * the newest, so that what is left of the newest is not lost.
 */
#include "engine/arena.h"
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ddb_arena_chunk {
	struct ddb_arena_chunk *older;
	size_t size; /* of data */
	alignas(max_align_t) unsigned char data[];
};

enum {
	ALIGNMENT = alignof(max_align_t),
	CHUNK_MIN = 16384 - sizeof(struct ddb_arena_chunk),
	CHUNK_MAX = (1 << 20) - sizeof(struct ddb_arena_chunk),
};

static size_t round_up(size_t size)
{
	return size ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
}

void ddb_arena_init(struct ddb_arena *arena, size_t max)
{
	*arena = (struct ddb_arena){.max = max};
}

static void free_chunks(struct ddb_arena_chunk *chunk)
{
	while (chunk) {
		struct ddb_arena_chunk *older = chunk->older;
		free(chunk);
		chunk = older;
	}
}

void ddb_arena_done(struct ddb_arena *arena)
{
	free_chunks(arena->chunk);
	*arena = (struct ddb_arena){.max = arena->max};
}

void ddb_arena_reset(struct ddb_arena *arena)
{
	struct ddb_arena_chunk *kept = NULL, *next;
	for (struct ddb_arena_chunk *chunk = arena->chunk; chunk; chunk = next) {
		next = chunk->older;
		if (!kept && chunk->size == CHUNK_MIN)
			kept = chunk;
		else
			free(chunk);
	}
	if (kept)
		kept->older = NULL;
	arena->chunk = kept;
	arena->used = 0;
	arena->taken = kept ? sizeof(*kept) + kept->size : 0;
}

static size_t left(const struct ddb_arena *arena)
{
	size_t bytes = arena->max - arena->taken;
	return bytes > sizeof(struct ddb_arena_chunk) ? bytes - sizeof(struct ddb_arena_chunk) : 0;
}

static struct ddb_arena_chunk *take_chunk(struct ddb_arena *arena, size_t size)
{
	if (left(arena) < size)
		return NULL;
	struct ddb_arena_chunk *chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	chunk->size = size;
	arena->taken += sizeof(*chunk) + size;
	return chunk;
}

/* The size of the next chunk when nothing larger is asked for. */
static size_t usual_size(const struct ddb_arena *arena)
{
	size_t size = arena->taken;
	if (size < CHUNK_MIN)
		size = CHUNK_MIN;
	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	return size < left(arena) ? size : left(arena);
}

static void *alloc_behind(struct ddb_arena *arena, size_t size)
{
	struct ddb_arena_chunk *chunk = take_chunk(arena, size);
	if (!chunk)
		return NULL;
	chunk->older = arena->chunk->older;
	arena->chunk->older = chunk;
	return chunk->data;
}

static void *alloc_in_new_chunk(struct ddb_arena *arena, size_t size)
{
	size_t usual = usual_size(arena);
	if (arena->chunk && size > usual / 4)
		return alloc_behind(arena, size);
	struct ddb_arena_chunk *chunk = take_chunk(arena, size > usual ? size : usual);
	if (!chunk)
		return NULL;
	chunk->older = arena->chunk;
	arena->chunk = chunk;
	arena->used = size;
	return chunk->data;
}

void *ddb_arena_alloc(struct ddb_arena *arena, size_t size)
{
	if (size > PTRDIFF_MAX)
		return NULL;
	size = round_up(size);
	if (!arena->chunk || arena->chunk->size - arena->used < size)
		return alloc_in_new_chunk(arena, size);
	void *bytes = arena->chunk->data + arena->used;
	arena->used += size;
	return bytes;
}

void *ddb_arena_array(struct ddb_arena *arena, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return ddb_arena_alloc(arena, total);
}

void *ddb_arena_copy(struct ddb_arena *arena, const void *bytes, size_t size)
{
	if (size >= PTRDIFF_MAX)
		return NULL;
	char *copy = ddb_arena_alloc(arena, size + 1);
	if (!copy)
		return NULL;
	if (size)
		memcpy(copy, bytes, size);
	copy[size] = '\0';
	return copy;
}

static bool is_newest(const struct ddb_arena *arena, const void *bytes, size_t rounded)
{
	return arena->chunk && arena->used >= rounded &&
	       (const unsigned char *)bytes == arena->chunk->data + arena->used - rounded;
}

void *ddb_arena_grow(struct ddb_arena *arena, void *bytes, size_t old_size, size_t new_size)
{
	if (!bytes)
		return ddb_arena_alloc(arena, new_size);
	if (new_size > PTRDIFF_MAX)
		return NULL;
	size_t old_rounded = round_up(old_size), new_rounded = round_up(new_size);
	if (is_newest(arena, bytes, old_rounded) &&
		arena->chunk->size - (arena->used - old_rounded) >= new_rounded) {
		arena->used = arena->used - old_rounded + new_rounded;
		return bytes;
	}
	if (new_rounded <= old_rounded)
		return bytes;
	void *grown = ddb_arena_alloc(arena, new_size);
	if (grown && old_size)
		memcpy(grown, bytes, old_size);
	return grown;
}
