/*
 * Inside mapping/: a table's items, or a query's or an index's results, as lines, read page after page.
 * Memory is one page and a little of what was read before it, whatever the table's size. Threads: none of its
 * own, the open file's lock covers it.
 */
#ifndef MAP_STREAM_FILE_H
#define MAP_STREAM_FILE_H

#include "mapping/file.h"
#include "mapping/query/results.h"
#include "mapping/stream/window.h"

struct map_stream {
	struct map_file *file;    /* whose path says what is read */
	struct map_window window; /* the lines at hand */
	struct map_results results;
};

void map_stream_init(struct map_stream *stream, struct map_file *file /* borrowed */);
void map_stream_done(struct map_stream *stream);
/* Short only at the end, or before bytes that cannot be had: the read at these answers why. */
int map_stream_read(struct map_stream *stream, uint64_t offset, char *buffer, size_t size, size_t *ret_length,
	struct ddb_error *err);

#endif
