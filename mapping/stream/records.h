/*
 * Inside mapping/: the records of a table's streams as lines, page after page. A table that was without a
 * stream for a while has had several: they follow one another, as their records' numbers do. What is read
 * goes by the table's name, as the open file's path has it, and is the same stream whatever becomes of the
 * table. Memory is one page and the window. Threads: none of its own, the open file's lock covers it.
 */
#ifndef MAP_RECORDS_H
#define MAP_RECORDS_H

#include "mapping/file.h"
#include "mapping/stream/window.h"

struct map_records {
	struct map_file *file;
	struct map_window window;         /* the lines at hand */
	uint32_t table_id;                /* an older table of the same name had streams of its own */
	char label[DDB_STREAM_LABEL_MAX]; /* of the stream that is read; empty: the first one comes next */
	uint64_t after;                   /* what comes next has a higher number */
	bool whole;                       /* and nothing is missing in between, or it is ENODATA */
	bool ended;
};

void map_records_init(struct map_records *records, struct map_file *file /* borrowed */,
	const struct map_place *place, uint64_t after, bool whole);
void map_records_done(struct map_records *records);

/* The name of the table that the path of an open file leads through. */
void map_records_table(const struct map_file *file, char ret[DDB_TABLE_NAME_MAX + 1]);
/* Whether the table has or had a stream that anything can be read of. */
int map_records_exist(struct map *map, struct ddb_arena *arena, const struct ddb_table *table, bool *ret,
	struct ddb_error *err);

/*
 * The stream that is on, and a number that all later records of it exceed, and none of now. *ret_on false:
 * there is none, and nothing else comes back.
 */
int map_records_latest(const struct map_records *records, char ret_label[DDB_STREAM_LABEL_MAX],
	uint64_t *ret_number, bool *ret_on, struct ddb_error *err);
/*
 * Adds the next page of the stream that is read to the window. *ret_more false: there was nothing behind it;
 * *ret_closed: and there never will be. What fails leaves all as it was.
 */
int map_records_fetch(struct map_records *records, uint32_t max_bytes, bool *ret_more, bool *ret_closed,
	struct ddb_error *err);
/* The same, of one stream after the other: `ended` is set behind the last. */
int map_records_continue(struct map_records *records, struct ddb_error *err);

#endif
