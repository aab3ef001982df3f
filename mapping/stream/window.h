/*
 * Inside mapping/: the newest part of a text that is made as it is read: what comes next is added at its end,
 * and when there is much of it the oldest is forgotten. Who reads lines seeks back a little after each, so
 * the last 1 MiB stays. Threads: the open file's lock covers it.
 */
#ifndef MAP_WINDOW_H
#define MAP_WINDOW_H

#include "engine/buffer.h"
#include <stdbool.h>

enum { MAP_WINDOW_KEPT = 1 << 20 }; /* bytes that stay */

struct map_window {
	struct ddb_buffer text;
	uint64_t start; /* the offset of the first of its bytes */
};

void map_window_init(struct map_window *window);
void map_window_done(struct map_window *window);
/* As if nothing had been made yet. */
void map_window_rewind(struct map_window *window);
/* Before more is added. */
void map_window_forget(struct map_window *window);
/* The offset behind its end. */
uint64_t map_window_end(const struct map_window *window);
/* Copies what is there from `offset` on, which must not lie before it; gives its length. With `line` no more
 * than to the end of the line. */
size_t map_window_copy(
	const struct map_window *window, uint64_t offset, bool line, char *buffer, size_t size);

#endif
