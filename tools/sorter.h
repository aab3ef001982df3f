/*
 * Lines in byte order, however many, in bounded memory: what does not fit lies, sorted, in files without a
 * name, which are merged at the end. Not for threads.
 */
#ifndef TOOLS_SORTER_H
#define TOOLS_SORTER_H

#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sorter;

/* `memory` bytes, but room for one line at least, and `directory` for the files, borrowed. NULL: no memory.
 */
struct sorter *sorter_new(size_t memory, const char *directory);
void sorter_free(struct sorter *sorter); /* NULL is fine */

/* A line without its newline, and with none in it. DDB_STORE_FULL when a file cannot be written. */
DDB_MUST_CHECK enum ddb_code sorter_add(
	struct sorter *sorter, const char *line, size_t length, struct ddb_error *err);

/* Gives all lines to `take`, in order, once; false from it ends that without an error here. */
typedef bool sorter_take(void *context, const char *line, size_t length);
DDB_MUST_CHECK enum ddb_code sorter_finish(
	struct sorter *sorter, sorter_take *take, void *context, struct ddb_error *err);

#endif
