/*
 * T/.stream/follow.jsonl: the records that come after its opening. A read finds what has come, else EAGAIN:
 * who reads may wait until the map is told that streams were stirred. It ends with the stream, or at once
 * where there is none, or where nobody is told of more, as in a snapshot.
 *
 * A read gives one line at most, and so nobody reads more than he uses: whoever reads on from where the last
 * read ended, be it a program that was started between two lines, finds the next record, and whether there is
 * one can be said without knowing where a handle is. What is further back than the window is EINVAL.
 */
#include "mapping/stream/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES = 64 << 10 }; /* of records, as their sizes are counted */

struct part {
	struct map_records records;
	uint64_t place; /* where the last read ended */
};

/* The next records, if there are any by now. */
static int fetch(struct map_records *records, struct ddb_error *err)
{
	bool more, closed;
	uint64_t end = map_window_end(&records->window);
	int number = map_records_fetch(records, PAGE_BYTES, &more, &closed, err);

	if (number)
		return number;
	records->ended = closed || !records->file->map->options.stirred;
	return records->ended || map_window_end(&records->window) > end ? 0 : EAGAIN;
}

/* Makes what is at `offset`. 0: it is there, or the end; EAGAIN: it is not there yet. */
static int reach(struct map_records *records, uint64_t offset, struct ddb_error *err)
{
	if (offset < records->window.start) {
		ddb_fail(err, DDB_VALIDATION, "What was read can be had again for %d bytes only",
			MAP_WINDOW_KEPT);
		return EINVAL;
	}
	int number = 0;
	while (!number && !records->ended && offset >= map_window_end(&records->window))
		number = fetch(records, err);
	return number;
}

static int follow_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct part *part = file->part;
	struct ddb_error err;
	int number = reach(&part->records, offset, &err);

	if (number == EAGAIN)
		return number;
	if (number)
		return map_file_refuse(file, &file->opener, "read", number, &err);
	*ret_length = map_window_copy(&part->records.window, offset, true, buffer, size);
	part->place = offset + *ret_length;
	return 0;
}

/* An error is an answer, which the read will give. */
static bool follow_ready(struct map_file *file)
{
	struct part *part = file->part;
	struct ddb_error err;

	return reach(&part->records, part->place, &err) != EAGAIN;
}

static void follow_done(struct map_file *file)
{
	struct part *part = file->part;

	map_records_done(&part->records);
	free(part);
}

static const struct map_file_ops follow_ops = {
	.read = follow_read, .ready = follow_ready, .done = follow_done};

int map_follow_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	struct part *part = calloc(1, sizeof(*part));
	bool on;

	if (!part)
		return map_errno(ddb_fail_memory(err));
	map_records_init(&part->records, file, place, 0, true);
	file->part = part;
	file->ops = &follow_ops;
	map_attr_of_place(map, place, ret);
	struct map_records *records = &part->records;
	int number = map_records_latest(records, records->label, &records->after, &on, err);
	if (!number)
		records->ended = !on;
	return number;
}
