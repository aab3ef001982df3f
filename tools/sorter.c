/*
 * A merge sort: lines in memory, then sorted runs in files. MERGED runs of a level become one of the next, so
 * that each line is written once a level, and there are never many files. See sorter.h.
 */
#include "tools/sorter.h"

#include "engine/order.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MERGED = 16,
	LEVELS = 8, /* 16^8 times the memory: more than there is disk */
	RUNS_MAX = MERGED * LEVELS,
	FIRST_ROOM = 1 << 16,
	FILE_BUFFER = 1 << 16,
};

struct line {
	size_t start, length; /* in the text */
};

struct run {
	FILE *file;
	unsigned level;
	char *line; /* the next one; with its newline, which `length` does not count */
	size_t length, room;
};

struct sorter {
	const char *directory;
	size_t memory;
	char *text;
	struct line *lines;
	size_t used, text_room, count, line_room;
	struct run runs[RUNS_MAX];
	unsigned run_count;
};

struct sorter *sorter_new(size_t memory, const char *directory)
{
	struct sorter *sorter = calloc(1, sizeof *sorter);

	if (!sorter)
		return NULL;
	sorter->memory = memory;
	sorter->directory = directory;
	return sorter;
}

static void run_done(struct run *run)
{
	if (run->file)
		fclose(run->file);
	free(run->line);
	*run = (struct run){.file = NULL};
}

void sorter_free(struct sorter *sorter)
{
	if (!sorter)
		return;
	for (unsigned i = 0; i < sorter->run_count; i++)
		run_done(&sorter->runs[i]);
	free(sorter->text);
	free(sorter->lines);
	free(sorter);
}

/* ---- Files ---- */

static enum ddb_code file_failed(const struct sorter *sorter, struct ddb_error *err)
{
	return ddb_fail(
		err, DDB_STORE_FULL, "a temporary file in %s: %s", sorter->directory, strerror(errno));
}

static FILE *open_unnamed(const char *directory)
{
	char path[4096];
	int fd;
	FILE *file;

	if ((size_t)snprintf(path, sizeof path, "%s/dynamount-XXXXXX", directory) >= sizeof path) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return NULL;
	unlink(path);
	file = fdopen(fd, "w+");
	if (!file)
		close(fd);
	else
		setvbuf(file, NULL, _IOFBF, FILE_BUFFER);
	return file;
}

static enum ddb_code run_open(
	const struct sorter *sorter, struct run *run, unsigned level, struct ddb_error *err)
{
	*run = (struct run){.file = open_unnamed(sorter->directory), .level = level};
	return run->file ? DDB_OK : file_failed(sorter, err);
}

static bool write_line(void *context, const char *line, size_t length)
{
	FILE *file = context;

	return fwrite(line, 1, length, file) == length && putc('\n', file) != EOF;
}

/* From writing to reading. */
static enum ddb_code run_rewind(const struct sorter *sorter, struct run *run, struct ddb_error *err)
{
	if (ferror(run->file) || fflush(run->file) || fseeko(run->file, 0, SEEK_SET))
		return file_failed(sorter, err);
	return DDB_OK;
}

/* *ret_more false: the run has ended. */
static enum ddb_code run_next(
	const struct sorter *sorter, struct run *run, bool *ret_more, struct ddb_error *err)
{
	ssize_t length;

	errno = 0;
	length = getline(&run->line, &run->room, run->file);
	if (length < 0 && !feof(run->file))
		return file_failed(sorter, err);
	*ret_more = length > 0;
	run->length = length > 0 ? (size_t)length - 1 : 0;
	return DDB_OK;
}

/* ---- Merging ---- */

/* Runs by their next lines, the first at the top. */
struct heap {
	struct run *runs[RUNS_MAX];
	unsigned count;
};

static bool comes_before(const struct run *a, const struct run *b)
{
	return ddb_bytes_order(a->line, a->length, b->line, b->length) < 0;
}

static void sift_down(struct heap *heap, unsigned at)
{
	for (;;) {
		unsigned first = at;

		for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < heap->count; child++)
			if (comes_before(heap->runs[child], heap->runs[first]))
				first = child;
		if (first == at)
			return;
		struct run *moved = heap->runs[at];
		heap->runs[at] = heap->runs[first];
		heap->runs[first] = moved;
		at = first;
	}
}

static enum ddb_code heap_init(const struct sorter *sorter, struct heap *heap, struct run *runs,
	unsigned count, struct ddb_error *err)
{
	bool more;

	heap->count = 0;
	for (unsigned i = 0; i < count; i++) {
		enum ddb_code code = run_rewind(sorter, &runs[i], err);
		if (!code)
			code = run_next(sorter, &runs[i], &more, err);
		if (code)
			return code;
		if (more)
			heap->runs[heap->count++] = &runs[i];
	}
	for (unsigned i = heap->count / 2; i-- > 0;)
		sift_down(heap, i);
	return DDB_OK;
}

static enum ddb_code merge(const struct sorter *sorter, struct run *runs, unsigned count, sorter_take *take,
	void *context, struct ddb_error *err)
{
	struct heap heap;
	bool more;
	enum ddb_code code = heap_init(sorter, &heap, runs, count, err);

	while (!code && heap.count > 0) {
		struct run *first = heap.runs[0];
		if (!take(context, first->line, first->length))
			return DDB_OK;
		code = run_next(sorter, first, &more, err);
		if (!more)
			heap.runs[0] = heap.runs[--heap.count];
		sift_down(&heap, 0);
	}
	return code;
}

/* The last runs, if they are MERGED ones of the same level, into one. */
static enum ddb_code merge_level(struct sorter *sorter, bool *ret_merged, struct ddb_error *err)
{
	unsigned level = sorter->runs[sorter->run_count - 1].level;
	struct run merged, *first;

	*ret_merged = sorter->run_count >= MERGED && level + 1 < LEVELS &&
		      sorter->runs[sorter->run_count - MERGED].level == level;
	if (!*ret_merged)
		return DDB_OK;
	first = &sorter->runs[sorter->run_count - MERGED];
	enum ddb_code code = run_open(sorter, &merged, level + 1, err);
	if (code)
		return code;
	code = merge(sorter, first, MERGED, write_line, merged.file, err);
	if (!code && ferror(merged.file))
		code = file_failed(sorter, err);
	if (code) {
		run_done(&merged);
		return code;
	}
	for (unsigned i = 0; i < MERGED; i++)
		run_done(&first[i]);
	*first = merged;
	sorter->run_count -= MERGED - 1;
	return DDB_OK;
}

/* ---- Lines in memory ---- */

static int compare_lines(const void *a, const void *b, void *context)
{
	const struct line *left = a, *right = b;
	const char *text = context;

	return ddb_bytes_order(text + left->start, left->length, text + right->start, right->length);
}

static void sort_lines(struct sorter *sorter)
{
	if (sorter->count > 1)
		qsort_r(sorter->lines, sorter->count, sizeof *sorter->lines, compare_lines, sorter->text);
}

static void take_lines(const struct sorter *sorter, sorter_take *take, void *context)
{
	for (size_t i = 0; i < sorter->count; i++)
		if (!take(context, sorter->text + sorter->lines[i].start, sorter->lines[i].length))
			return;
}

/* The lines in memory become a run. */
static enum ddb_code spill(struct sorter *sorter, struct ddb_error *err)
{
	struct run *run = &sorter->runs[sorter->run_count];
	bool merged = true;

	if (sorter->run_count == RUNS_MAX)
		return ddb_fail(err, DDB_STORE_FULL, "too many lines");
	enum ddb_code code = run_open(sorter, run, 0, err);
	if (code)
		return code;
	sorter->run_count++;
	sort_lines(sorter);
	take_lines(sorter, write_line, run->file);
	if (ferror(run->file))
		return file_failed(sorter, err);
	sorter->count = 0;
	sorter->used = 0;
	while (!code && merged)
		code = merge_level(sorter, &merged, err);
	return code;
}

static bool grow(void **array, size_t *room, size_t needed, size_t bytes)
{
	size_t more = *room ? *room : FIRST_ROOM / bytes;
	void *grown;

	if (needed <= *room)
		return true;
	while (more < needed)
		more *= 2;
	grown = realloc(*array, more * bytes);
	if (!grown)
		return false;
	*array = grown;
	*room = more;
	return true;
}

enum ddb_code sorter_add(struct sorter *sorter, const char *line, size_t length, struct ddb_error *err)
{
	void *text, *lines;
	size_t bytes = sorter->used + length + (sorter->count + 1) * sizeof *sorter->lines;

	if (bytes > sorter->memory && sorter->count > 0) {
		enum ddb_code code = spill(sorter, err);
		if (code)
			return code;
	}
	text = sorter->text;
	lines = sorter->lines;
	bool grown = grow(&text, &sorter->text_room, sorter->used + length, 1);
	sorter->text = text;
	grown = grown && grow(&lines, &sorter->line_room, sorter->count + 1, sizeof *sorter->lines);
	sorter->lines = lines;
	if (!grown)
		return ddb_fail_memory(err);
	if (length)
		memcpy(sorter->text + sorter->used, line, length);
	sorter->lines[sorter->count++] = (struct line){.start = sorter->used, .length = length};
	sorter->used += length;
	return DDB_OK;
}

enum ddb_code sorter_finish(struct sorter *sorter, sorter_take *take, void *context, struct ddb_error *err)
{
	if (sorter->run_count == 0) {
		sort_lines(sorter);
		take_lines(sorter, take, context);
		return DDB_OK;
	}
	enum ddb_code code = sorter->count > 0 ? spill(sorter, err) : DDB_OK;
	return code ? code : merge(sorter, sorter->runs, sorter->run_count, take, context, err);
}
