#include "tools/trigger/letter.h"

#include "tools/command.h"
#include "tools/trigger/event.h"

#include "engine/jsonout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *path, int file)
{
	int number = errno;

	command_failed("%s: %s", path, strerror(number));
	if (file >= 0)
		close(file);
	return -1;
}

/* The name of a new file is durable, too. */
static bool sync_parent(const char *path)
{
	char *copy = strdup(path), *slash = copy ? strrchr(copy, '/') : NULL;
	int directory;
	bool good;

	if (slash)
		slash[slash == copy] = 0;
	directory = copy ? open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	free(copy);
	good = directory >= 0 && !fsync(directory);
	if (directory >= 0)
		close(directory);
	return good;
}

static int open_letters(const char *path)
{
	int file = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	struct stat st;

	if (file < 0 && errno == ENOENT) {
		file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		if (file >= 0 && !sync_parent(path))
			return fail(path, file);
	}
	if (file < 0 || fstat(file, &st))
		return fail(path, file);
	if (S_ISREG(st.st_mode))
		return file;
	command_failed("%s: not a regular file", path);
	close(file);
	return -1;
}

bool trigger_letter_check(const char *path)
{
	int file = open_letters(path);

	if (file >= 0)
		close(file);
	return file >= 0;
}

/* With the lock. What cannot be written whole is taken back. */
static bool append(int file, const struct ddb_buffer *line)
{
	off_t size = lseek(file, 0, SEEK_END);
	ssize_t written;
	char last = '\n';
	int number;

	if (size < 0 || (size && pread(file, &last, 1, size - 1) != 1))
		return false;
	if (last != '\n' && write(file, "\n", 1) != 1)
		return false;
	errno = ENOSPC; /* a short write says nothing itself */
	written = write(file, line->bytes, line->length);
	if (written == (ssize_t)line->length)
		return !fsync(file);
	number = errno;
	if (written > 0 && ftruncate(file, size))
		command_failed("what was written of a dead letter stays: %s", strerror(errno));
	errno = number;
	return false;
}

static void write_line(
	struct ddb_buffer *line, const char *reason, unsigned attempts, const char *record, size_t length)
{
	struct ddb_json_out json;
	time_t now = time(NULL);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	ddb_json_out_init(&json, line, false);
	ddb_json_open(&json, '{');
	ddb_json_member_string(&json, "time", text);
	ddb_json_member_string(&json, "reason", reason);
	ddb_json_member_int(&json, "attempts", attempts);
	ddb_buffer_add_string(line, ",\"record\":");
	ddb_buffer_add(line, record, length);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(line, '\n');
}

/* Others have it for a line. Who has it for longer is not waited for: there are signals, and other lanes. */
static bool lock(int file)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	for (int tries = 50; tries--; nanosleep(&pause, NULL))
		if (!flock(file, LOCK_EX | LOCK_NB))
			return true;
		else if (errno != EWOULDBLOCK && errno != EINTR)
			return false;
	errno = EWOULDBLOCK;
	return false;
}

bool trigger_letter_write(
	const char *path, const char *reason, unsigned attempts, const char *record, size_t length)
{
	struct ddb_buffer line DDB_BUFFER_AUTO = {0};
	int file = open_letters(path);

	if (file < 0)
		return false;
	ddb_buffer_init(&line, TRIGGER_LINE_MAX + 4096);
	write_line(&line, reason, attempts, record, length);
	errno = ENOMEM;
	if (line.failed || !lock(file) || !append(file, &line))
		return fail(path, file) >= 0;
	close(file); /* and with it the lock */
	return true;
}
