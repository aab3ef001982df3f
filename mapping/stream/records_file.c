/*
 * T/.stream/records.jsonl, after=SEQ.jsonl and at=SEQ.jsonl: what is kept of the table's streams, or what of
 * it comes after a record. Read in order, it ends where there was nothing more when it was asked for. What is
 * further back than the window is had again from the beginning.
 */
#include "mapping/stream/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct part {
	struct map_records records;
	uint64_t after; /* where it begins */
	bool whole;
};

static void begin(struct part *part)
{
	struct map_records *records = &part->records;

	map_window_rewind(&records->window);
	records->label[0] = '\0';
	records->after = part->after;
	records->whole = part->whole;
	records->ended = false;
}

static int read_lines(struct part *part, uint64_t offset, char *buffer, size_t size, size_t *ret_length,
	struct ddb_error *err)
{
	struct map_records *records = &part->records;
	size_t done = 0;

	if (offset < records->window.start)
		begin(part);
	for (;;) {
		done += map_window_copy(&records->window, offset + done, false, buffer + done, size - done);
		if (done == size || records->ended)
			break;
		int number = map_records_continue(records, err);
		if (number && !done)
			return number;
		if (number)
			break;
	}
	*ret_length = done;
	return 0;
}

static int records_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	struct ddb_error err;
	int number = read_lines(file->part, offset, buffer, size, ret_length, &err);

	return number ? map_file_refuse(file, &file->opener, "read", number, &err) : 0;
}

static void records_done(struct map_file *file)
{
	struct part *part = file->part;

	map_records_done(&part->records);
	free(part);
}

static const struct map_file_ops records_ops = {.read = records_read, .done = records_done};

/* What begins at a record is looked at when it is opened: the record may be too old, or none at all. */
static int check_beginning(struct part *part, struct ddb_error *err)
{
	struct map_records *records = &part->records;
	char label[DDB_STREAM_LABEL_MAX];
	uint64_t latest;
	bool on;
	int number = map_records_latest(records, label, &latest, &on, err);

	if (number)
		return number;
	if (on && part->after > latest) {
		ddb_fail(err, DDB_VALIDATION, "There is no record yet of that SequenceNumber");
		return EINVAL;
	}
	return map_records_continue(records, err);
}

int map_records_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err)
{
	struct part *part = malloc(sizeof(*part));

	if (!part)
		return map_errno(ddb_fail_memory(err));
	part->after = place->after;
	part->whole = place->kind == MAP_RECORDS_FROM;
	map_records_init(&part->records, file, place, part->after, part->whole);
	file->part = part;
	file->ops = &records_ops;
	map_attr_of_place(map, place, ret);
	return part->whole ? check_beginning(part, err) : 0;
}
