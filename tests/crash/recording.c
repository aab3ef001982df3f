#include "tests/crash/recording.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const words[] = {
	[RECORD_DIR] = "dir",
	[RECORD_NEW] = "new",
	[RECORD_DROP] = "drop",
	[RECORD_MOVE] = "move",
	[RECORD_PUT] = "put",
	[RECORD_CUT] = "cut",
	[RECORD_SYNC] = "sync",
	[RECORD_SYNCED] = "synced",
	[RECORD_BEGIN] = "begin",
	[RECORD_DONE] = "done",
	[RECORD_DURABLE] = "durable",
};
enum { WORDS = sizeof words / sizeof *words };

/* The next word of the line, ended by a NUL. */
static const char *take_word(char **line)
{
	const char *word = *line;
	size_t length = strcspn(*line, " ");
	*line += length;
	if (**line)
		*(*line)++ = '\0';
	return word;
}

static uint64_t take_number(char **line)
{
	return strtoull(take_word(line), NULL, 10);
}

static void parse(char *line, struct record *ret)
{
	const char *whole = line;
	memset(ret, 0, sizeof *ret);
	ret->time_ns = (int64_t)take_number(&line);
	const char *word = take_word(&line);
	unsigned kind = 0;
	while (kind < WORDS && strcmp(words[kind], word))
		kind++;
	ret->kind = kind;
	switch (kind) {
	case RECORD_DIR:
	case RECORD_NEW:
		ret->ino = take_number(&line);
		ret->parent = take_number(&line);
		ret->name = take_word(&line);
		break;
	case RECORD_DROP:
	case RECORD_MOVE:
		ret->parent = take_number(&line);
		ret->name = take_word(&line);
		ret->new_name = take_word(&line);
		break;
	case RECORD_PUT:
		ret->ino = take_number(&line);
		ret->offset = take_number(&line);
		ret->length = take_number(&line);
		break;
	case RECORD_CUT:
		ret->ino = take_number(&line);
		ret->length = take_number(&line);
		break;
	case RECORD_SYNC:
	case RECORD_SYNCED:
		ret->name = take_word(&line);
		ret->ino = take_number(&line);
		break;
	case RECORD_BEGIN:
	case RECORD_DONE:
	case RECORD_DURABLE:
		ret->lane = *take_word(&line);
		ret->step = (unsigned)take_number(&line);
		ret->effects = line;
		break;
	default:
		errx(2, "not a record: %s %s", whole, word);
	}
}

static char *read_file(const char *path, size_t *ret_size)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status))
		err(2, "%s", path);
	size_t size = (size_t)status.st_size, done = 0;
	char *text = malloc(size + 1);
	while (text && done < size) {
		ssize_t length = read(fd, text + done, size - done);
		if (length <= 0)
			err(2, "%s", path);
		done += (size_t)length;
	}
	if (!text)
		err(2, "%s", path);
	text[size] = '\0';
	close(fd);
	*ret_size = size;
	return text;
}

void recording_read(struct recording *ret, const char *path)
{
	size_t size, room = 0;
	char *text = read_file(path, &size), *end = text + size;
	memset(ret, 0, sizeof *ret);
	for (char *line = text; line < end;) {
		char *next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			errx(2, "%s: the last line has no end", path);
		*next++ = '\0';
		if (ret->count == room) {
			room = room ? 2 * room : 4096;
			ret->records = reallocarray(ret->records, room, sizeof *ret->records);
			if (!ret->records)
				err(2, "%s", path);
		}
		struct record *record = &ret->records[ret->count++];
		parse(line, record);
		if (record->kind == RECORD_PUT) {
			record->bytes = (const uint8_t *)next;
			if (record->length >= (size_t)(end - next))
				errx(2, "%s: a write ends early", path);
			next += record->length + 1;
		}
		line = next;
	}
}
