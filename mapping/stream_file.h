/*
 * Inside mapping/: a table's items as lines, read page after page. Memory is one page and a little of what
 * was read before it, whatever the table's size. Threads: none of its own, the open file's lock covers it.
 */
#ifndef MAP_STREAM_FILE_H
#define MAP_STREAM_FILE_H

#include "engine/buffer.h"
#include "mapping/file.h"

struct map_stream {
	struct ddb_engine *engine; /* borrowed */
	char table[DDB_TABLE_NAME_MAX + 1];
	enum ddb_rendering rendering;
	uint32_t segment, segments;
	struct ddb_buffer text; /* the lines at hand */
	uint64_t start;         /* the offset of the first of its bytes */
	bool begun, ended;
	struct ddb_arena arenas[2]; /* the page's, and the one of the key that it begins behind */
	unsigned turn;
	struct ddb_value last; /* the key of the page's last item */
};

void map_stream_init(struct map_stream *stream, const struct map_place *place, struct ddb_engine *engine);
void map_stream_done(struct map_stream *stream);
/* The table is that of this path now. */
void map_stream_follow(struct map_stream *stream, const char *path);
/* Short only at the end, or before bytes that cannot be had: the read at these answers why. */
int map_stream_read(struct map_stream *stream, uint64_t offset, char *buffer, size_t size, size_t *ret_length,
	struct ddb_error *err);

#endif
