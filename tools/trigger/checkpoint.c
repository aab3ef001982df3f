#include "tools/trigger/checkpoint.h"

#include "tools/command.h"

#include "engine/json.h"
#include "engine/jsonout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 4096, MEMORY_MAX = 1 << 18 };

struct trigger_checkpoint {
	char *path, *lock_path, *new_path;
	int directory;
	int lock;
};

/* Bytes of the lock file. */
enum { OF_TRIGGER, OF_COMMANDS };

static bool lock_byte(int file, short type, off_t byte)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return !fcntl(file, F_OFD_SETLK, &lock);
}

/* ---- Where it is ---- */

/* As mkdir -p does, for all but the last component. */
static bool make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		bool made = !mkdir(path, 0700) || errno == EEXIST;
		if (!made)
			command_failed("%s: %s", path, strerror(errno));
		*slash = '/';
		if (!made)
			return false;
	}
	return true;
}

static char *default_path(const char *mountpoint, const char *table)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int length = -1;

	if (state && *state == '/') /* another path is to be ignored, its specification says */
		length = asprintf(&path, "%s/dynamount/trigger%s/%s.json", state, mountpoint, table);
	else if (home && *home == '/')
		length = asprintf(
			&path, "%s/.local/state/dynamount/trigger%s/%s.json", home, mountpoint, table);
	else {
		command_failed("neither XDG_STATE_HOME nor HOME is set: --checkpoint tells where it is kept");
		return NULL;
	}
	if (length < 0) {
		command_failed("no memory");
		return NULL;
	}
	if (make_parents(path))
		return path;
	free(path);
	return NULL;
}

static int open_parent(const char *path)
{
	char *copy = strdup(path), *slash = copy ? strrchr(copy, '/') : NULL;
	int directory;

	if (slash)
		slash[slash == copy] = 0;
	directory = copy ? open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	free(copy);
	return directory;
}

/* Who has the lock, for the others' message. */
static bool write_owner(int lock)
{
	char owner[32];
	int length = snprintf(owner, sizeof owner, "%ld\n", (long)getpid());

	errno = ENOSPC; /* a short write says nothing itself */
	return !ftruncate(lock, 0) && pwrite(lock, owner, (size_t)length, 0) == length;
}

/* A trigger that was killed leaves its lock to the child that was just becoming its command. */
static bool lock_for_trigger(int lock)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	for (int tries = 50; tries--; nanosleep(&pause, NULL))
		if (lock_byte(lock, F_WRLCK, OF_TRIGGER))
			return true;
		else if (errno != EAGAIN && errno != EACCES)
			return false;
	errno = EAGAIN;
	return false;
}

static bool take_lock(struct trigger_checkpoint *checkpoint)
{
	char owner[32] = "";
	bool taken;

	checkpoint->lock = open(checkpoint->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	taken = checkpoint->lock >= 0 && lock_for_trigger(checkpoint->lock);
	if (taken && write_owner(checkpoint->lock))
		return true;
	if (taken || checkpoint->lock < 0 || errno != EAGAIN) {
		command_failed("%s: %s", checkpoint->lock_path, strerror(errno));
		return false;
	}
	if (pread(checkpoint->lock, owner, sizeof owner - 1, 0) < 0)
		*owner = 0;
	owner[strspn(owner, "0123456789")] = 0;
	command_failed("%s: in use by another trigger%s%s: --checkpoint gives this one its own",
		checkpoint->path, *owner ? ", process " : "", owner);
	return false;
}

static char *beside(const char *path, const char *suffix)
{
	char *result;

	return asprintf(&result, "%s%s", path, suffix) < 0 ? NULL : result;
}

static bool find_files(
	struct trigger_checkpoint *checkpoint, const char *path, const char *mountpoint, const char *table)
{
	checkpoint->path = path ? strdup(path) : default_path(mountpoint, table);
	if (!checkpoint->path)
		return false;
	checkpoint->lock_path = beside(checkpoint->path, ".lock");
	checkpoint->new_path = beside(checkpoint->path, ".new");
	if (!checkpoint->lock_path || !checkpoint->new_path) {
		command_failed("no memory");
		return false;
	}
	checkpoint->directory = open_parent(checkpoint->path);
	if (checkpoint->directory < 0)
		command_failed("%s: %s", checkpoint->path, strerror(errno));
	return checkpoint->directory >= 0;
}

struct trigger_checkpoint *trigger_checkpoint_open(
	const char *path, const char *mountpoint, const char *table)
{
	struct trigger_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);

	if (!checkpoint)
		return NULL;
	checkpoint->directory = checkpoint->lock = -1;
	if (find_files(checkpoint, path, mountpoint, table) && take_lock(checkpoint))
		return checkpoint;
	trigger_checkpoint_close(checkpoint);
	return NULL;
}

void trigger_checkpoint_close(struct trigger_checkpoint *checkpoint)
{
	if (!checkpoint)
		return;
	if (checkpoint->directory >= 0)
		close(checkpoint->directory);
	if (checkpoint->lock >= 0)
		close(checkpoint->lock);
	free(checkpoint->path);
	free(checkpoint->lock_path);
	free(checkpoint->new_path);
	free(checkpoint);
}

const char *trigger_checkpoint_path(const struct trigger_checkpoint *checkpoint)
{
	return checkpoint->path;
}

/* ---- What is in it ---- */

static const struct ddb_value *text_member(const struct ddb_value *object, const char *name)
{
	const struct ddb_value *value = ddb_map_get(object, name, strlen(name));

	return value && value->type == DDB_S ? value : NULL;
}

static bool read_text(
	const char *text, size_t length, char table[TRIGGER_TABLE_ID_MAX + 1], struct trigger_position *ret)
{
	static const struct ddb_json_limits limits = {.nesting = 2, .nodes = 16, .object_only = true};
	struct ddb_arena arena DDB_ARENA_AUTO = {0};
	const struct ddb_value *id, *sequence, *time;
	struct trigger_position position = {0};
	struct ddb_value json;

	ddb_arena_init(&arena, MEMORY_MAX);
	if (ddb_json_read(&arena, &limits, text, length, &json, NULL))
		return false;
	id = text_member(&json, "table");
	sequence = text_member(&json, "sequence");
	time = ddb_map_get(&json, "time", strlen("time"));
	if (!id || id->count > TRIGGER_TABLE_ID_MAX || !sequence || !time || time->type != DDB_N)
		return false;
	if (!trigger_sequence_read((const char *)sequence->bytes, sequence->count, &position.sequence) ||
		!ddb_number_to_int(time->bytes, time->count, &position.time))
		return false;
	memcpy(table, id->bytes, id->count);
	table[id->count] = 0;
	*ret = position;
	return true;
}

bool trigger_checkpoint_read(struct trigger_checkpoint *checkpoint, bool *ret_there,
	char table[TRIGGER_TABLE_ID_MAX + 1], struct trigger_position *ret)
{
	int file = open(checkpoint->path, O_RDONLY | O_CLOEXEC);
	char text[TEXT_MAX];
	ssize_t length;

	*ret_there = file >= 0;
	if (file < 0) {
		if (errno == ENOENT)
			return true;
		command_failed("%s: %s", checkpoint->path, strerror(errno));
		return false;
	}
	length = read(file, text, sizeof text);
	if (length < 0)
		command_failed("%s: %s", checkpoint->path, strerror(errno));
	close(file);
	if (length < 0)
		return false;
	if (read_text(text, (size_t)length, table, ret))
		return true;
	command_failed("%s: this is no checkpoint", checkpoint->path);
	return false;
}

static bool write_file(const char *path, const struct ddb_buffer *text)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), number;
	bool good;

	if (file < 0)
		return false;
	errno = ENOSPC; /* a short write says nothing itself */
	good = write(file, text->bytes, text->length) == (ssize_t)text->length && !fsync(file);
	number = errno;
	close(file);
	errno = number;
	return good;
}

bool trigger_checkpoint_write(
	struct trigger_checkpoint *checkpoint, const char *table, const struct trigger_position *position)
{
	struct ddb_buffer text DDB_BUFFER_AUTO = {0};
	struct ddb_json_out json;

	ddb_buffer_init(&text, TEXT_MAX);
	ddb_json_out_init(&json, &text, false);
	ddb_json_open(&json, '{');
	ddb_json_member_string(&json, "table", table);
	ddb_json_member_string(&json, "sequence", position->sequence.digits);
	ddb_json_member_int(&json, "time", position->time);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(&text, '\n');
	errno = ENOMEM;
	if (!text.failed && write_file(checkpoint->new_path, &text) &&
		!rename(checkpoint->new_path, checkpoint->path) && !fsync(checkpoint->directory))
		return true;
	command_failed("%s: %s", checkpoint->path, strerror(errno));
	return false;
}

/* ---- Commands ---- */

bool trigger_checkpoint_is_guarded(const struct trigger_checkpoint *checkpoint)
{
	if (!lock_byte(checkpoint->lock, F_WRLCK, OF_COMMANDS))
		return true;
	lock_byte(checkpoint->lock, F_UNLCK, OF_COMMANDS);
	return false;
}

int trigger_checkpoint_guard(const struct trigger_checkpoint *checkpoint)
{
	/* A lock is its open file's: this one is the command's own. */
	int guard = open(checkpoint->lock_path, O_RDONLY | O_CLOEXEC);

	if (guard < 0 || lock_byte(guard, F_RDLCK, OF_COMMANDS))
		return guard;
	int number = errno;
	close(guard);
	errno = number;
	return -1;
}

void trigger_checkpoint_release(int guard)
{
	lock_byte(guard, F_UNLCK, OF_COMMANDS);
	close(guard);
}
