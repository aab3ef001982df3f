#include "tools/trigger/reader.h"

#include "tools/trigger/event.h"

#include "mapping/name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

bool trigger_reader_init(struct trigger_reader *reader, const char *mountpoint, const char *table)
{
	char entry[MAP_NAME_MAX + 3];

	map_table_to_name(table, entry);
	*reader = (struct trigger_reader){.follow = -1, .past = -1};
	if (asprintf(&reader->directory, "%s/%s/.stream", mountpoint, entry) < 0)
		return false;
	ddb_buffer_init(&reader->text, TRIGGER_LINE_MAX);
	return true;
}

void trigger_reader_done(struct trigger_reader *reader)
{
	trigger_reader_close(reader);
	ddb_buffer_done(&reader->text);
	free(reader->directory);
}

static int open_file(const struct trigger_reader *reader, const char *name, int flags)
{
	char path[PATH_MAX + 2 * MAP_NAME_MAX];

	snprintf(path, sizeof path, "%s/%s", reader->directory, name);
	return open(path, O_RDONLY | O_CLOEXEC | flags);
}

static enum trigger_read failure(void)
{
	return errno == ENODATA ? TRIGGER_READ_TRIMMED : TRIGGER_READ_FAILED;
}

enum trigger_read trigger_reader_open(struct trigger_reader *reader, const struct trigger_sequence *after)
{
	char name[TRIGGER_SEQUENCE_DIGITS_MAX + 16] = "records.jsonl";

	if (!trigger_sequence_is_zero(after))
		snprintf(name, sizeof name, "after=%s.jsonl", after->digits);
	reader->follow = open_file(reader, "follow.jsonl", O_NONBLOCK);
	if (reader->follow >= 0)
		reader->past = open_file(reader, name, 0);
	if (reader->past >= 0)
		return TRIGGER_READ_SOME;
	enum trigger_read read = failure();
	int number = errno;
	trigger_reader_close(reader);
	errno = number;
	return read;
}

void trigger_reader_close(struct trigger_reader *reader)
{
	if (reader->follow >= 0)
		close(reader->follow);
	if (reader->past >= 0)
		close(reader->past);
	reader->follow = reader->past = -1;
	reader->used = 0;
	ddb_buffer_clear(&reader->text);
}

bool trigger_reader_is_there(const struct trigger_reader *reader)
{
	return !access(reader->directory, F_OK);
}

bool trigger_reader_is_open(const struct trigger_reader *reader)
{
	return reader->follow >= 0;
}

bool trigger_reader_is_lost(const struct trigger_reader *reader)
{
	struct pollfd file = {.fd = reader->follow}; /* -1 is passed over */

	return poll(&file, 1, 0) > 0 && file.revents & POLLERR;
}

int trigger_reader_waits(const struct trigger_reader *reader)
{
	return reader->past >= 0 ? -1 : reader->follow;
}

/* What was taken makes room for what comes. */
static void drop_used(struct trigger_reader *reader)
{
	struct ddb_buffer *text = &reader->text;

	memmove(text->bytes, text->bytes + reader->used, text->length - reader->used);
	text->length -= reader->used;
	reader->used = 0;
}

/* An end within a line is none that the stream would make. */
static enum trigger_read end_file(struct trigger_reader *reader)
{
	if (reader->text.length) {
		errno = EIO;
		return TRIGGER_READ_FAILED;
	}
	if (reader->past < 0)
		return TRIGGER_READ_ENDED;
	close(reader->past);
	reader->past = -1;
	return TRIGGER_READ_SOME;
}

enum trigger_read trigger_reader_read(struct trigger_reader *reader)
{
	char *room;
	ssize_t length;

	if (reader->used)
		drop_used(reader);
	room = ddb_buffer_reserve(&reader->text, PIECE);
	if (!room) {
		errno = EFBIG;
		return TRIGGER_READ_FAILED;
	}
	length = read(reader->past >= 0 ? reader->past : reader->follow, room, PIECE);
	if (!length)
		return end_file(reader);
	if (length < 0)
		return errno == EAGAIN || errno == EINTR ? TRIGGER_READ_NOTHING : failure();
	reader->text.length += (size_t)length;
	return TRIGGER_READ_SOME;
}

const char *trigger_reader_line(struct trigger_reader *reader, size_t *ret_length)
{
	size_t left = reader->text.length - reader->used;
	const char *line, *end;

	if (!left)
		return NULL;
	line = reader->text.bytes + reader->used;
	end = memchr(line, '\n', left);
	if (!end)
		return NULL;
	*ret_length = (size_t)(end - line);
	reader->used += *ret_length + 1;
	return line;
}
