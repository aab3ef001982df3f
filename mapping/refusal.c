/*
 * Errors to errno, one row each, and a ring of the last refusals. An entry is one allocation made outside the
 * lock, so that a busy ring costs a caller little; when memory is short the entry is lost, never the refusal.
 */
#include "mapping/refusal.h"

#include "engine/utf8.h"
#include "engine/jsonout.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PATH_KEPT = 4096, /* bytes of a path, with the NUL */
	OPERATION_KEPT = 64,
};

static const int errnos[DDB_CODES] = {
	[DDB_OK] = 0,
	[DDB_VALIDATION] = EINVAL,
	[DDB_ITEM_TOO_LARGE] = EFBIG,
	[DDB_SERIALIZATION] = EINVAL,
	[DDB_CONDITIONAL_CHECK_FAILED] = ECANCELED,
	[DDB_TRANSACTION_CANCELED] = ECANCELED,
	[DDB_TRANSACTION_CONFLICT] = EBUSY,
	[DDB_RESOURCE_IN_USE] = EBUSY,
	[DDB_RESOURCE_NOT_FOUND] = ENOENT,
	[DDB_THROUGHPUT_EXCEEDED] = EAGAIN,
	[DDB_THROTTLING] = EAGAIN,
	[DDB_REQUEST_LIMIT_EXCEEDED] = EAGAIN,
	[DDB_ACCESS_DENIED] = EACCES,
	[DDB_LIMIT_EXCEEDED] = EDQUOT,
	[DDB_ITEM_COLLECTION_TOO_LARGE] = EDQUOT,
	[DDB_UNKNOWN_OPERATION] = EOPNOTSUPP,
	[DDB_REQUEST_TOO_LARGE] = EFBIG,
	[DDB_IDEMPOTENT_MISMATCH] = EEXIST,
	[DDB_EXPIRED_ITERATOR] = EINVAL,
	[DDB_TRIMMED_DATA] = ENODATA,
	[DDB_INTERNAL] = EIO,
	[DDB_DAMAGED] = EIO,
	[DDB_STORE_FULL] = ENOSPC,
	[DDB_STORE_READ_ONLY] = EROFS,
	[DDB_NO_MEMORY] = ENOMEM,
	[DDB_UNREACHABLE] = EHOSTUNREACH,
	[DDB_TIMED_OUT] = ETIMEDOUT,
	[DDB_VIEW_ENDED] = ESTALE,
};

int map_errno(enum ddb_code code)
{
	assert((unsigned)code < DDB_CODES);
	return errnos[code];
}

const char *map_errno_name(int number)
{
	const char *name = strerrorname_np(number);
	return name ? name : "EUNKNOWN";
}

/* ---- The ring ---- */

struct refusal {
	struct timespec time;
	uid_t uid;
	pid_t pid;
	int number;
	enum ddb_code code;
	const char *path, *operation, *message; /* behind the struct */
	char text[];
};

struct map_refusals {
	pthread_mutex_t lock;
	unsigned next; /* the slot of the next one: the oldest, once the ring is full */
	struct refusal *ring[MAP_REFUSALS_KEPT];
};

struct map_refusals *map_refusals_new(void)
{
	struct map_refusals *refusals = calloc(1, sizeof(*refusals));
	if (!refusals)
		return NULL;
	if (pthread_mutex_init(&refusals->lock, NULL)) {
		free(refusals);
		return NULL;
	}
	return refusals;
}

void map_refusals_free(struct map_refusals *refusals)
{
	if (!refusals)
		return;
	for (unsigned i = 0; i < MAP_REFUSALS_KEPT; i++)
		free(refusals->ring[i]);
	pthread_mutex_destroy(&refusals->lock);
	free(refusals);
}

/* Copies text as UTF-8, at most `max` bytes with the NUL; a stray byte becomes '?'. Returns the end, behind
 * the NUL. */
static char *keep(char *to, const char *text, size_t max)
{
	size_t length = strnlen(text, max), done = 0;
	if (length == max) {
		length = max - 1;
		/* Not in the midst of a character. */
		for (size_t i = 0; i < 3 && length && ((unsigned char)text[length] & 0xc0) == 0x80; i++)
			length--;
	}
	while (done < length) {
		size_t valid = ddb_utf8_prefix(text + done, length - done);
		memcpy(to + done, text + done, valid);
		done += valid;
		if (done < length)
			to[done++] = '?';
	}
	to[done] = '\0';
	return to + done + 1;
}

static size_t room(const char *text, size_t max)
{
	size_t length = strnlen(text, max);
	return length < max ? length + 1 : max;
}

/* An errno of the tree's own has the type of the first error that it stands for; EEXIST is rarely a token's.
 */
static enum ddb_code code_of(int number)
{
	if (number == EEXIST)
		return DDB_VALIDATION;
	for (int code = DDB_OK + 1; code < DDB_CODES; code++) {
		if (errnos[code] == number)
			return (enum ddb_code)code;
	}
	return DDB_VALIDATION;
}

static const char *describe(int number)
{
	const char *description = strerrordesc_np(number);
	return description ? description : "Unknown error";
}

static struct refusal *make_refusal(const struct map_caller *caller, const char *path, const char *operation,
	int number, const struct ddb_error *error)
{
	const char *message = error && error->message[0] ? error->message : describe(number);
	struct refusal *refusal = malloc(sizeof(*refusal) + room(path, PATH_KEPT) +
					 room(operation, OPERATION_KEPT) + room(message, DDB_MESSAGE_MAX));
	if (!refusal)
		return NULL;
	*refusal = (struct refusal){.uid = caller->uid, .pid = caller->pid, .number = number};
	refusal->code = error && error->code ? error->code : code_of(number);
	refusal->path = refusal->text;
	refusal->operation = keep(refusal->text, path, PATH_KEPT);
	refusal->message = keep((char *)refusal->operation, operation, OPERATION_KEPT);
	keep((char *)refusal->message, message, DDB_MESSAGE_MAX);
	return refusal;
}

int map_refuse(struct map_refusals *refusals, const struct map_caller *caller, const char *path,
	const char *operation, int number, const struct ddb_error *error)
{
	struct refusal *refusal = make_refusal(caller, path, operation, number, error), *oldest;
	if (!refusal)
		return number;
	pthread_mutex_lock(&refusals->lock);
	clock_gettime(CLOCK_REALTIME, &refusal->time);
	oldest = refusals->ring[refusals->next];
	refusals->ring[refusals->next] = refusal;
	refusals->next = (refusals->next + 1) % MAP_REFUSALS_KEPT;
	pthread_mutex_unlock(&refusals->lock);
	free(oldest);
	return number;
}

/* ---- Lines ---- */

enum { TIME_TEXT = 64 };

static void write_time(const struct timespec *time, char ret[TIME_TEXT])
{
	struct tm parts;
	gmtime_r(&time->tv_sec, &parts);
	size_t length = strftime(ret, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(ret + length, TIME_TEXT - length, ".%09ldZ", time->tv_nsec);
}

static void write_line(const struct refusal *refusal, struct ddb_buffer *out)
{
	struct ddb_json_out json;
	char time[TIME_TEXT];
	write_time(&refusal->time, time);
	ddb_json_out_init(&json, out, false);
	ddb_json_open(&json, '{');
	ddb_json_member_string(&json, "time", time);
	ddb_json_member_int(&json, "uid", refusal->uid);
	ddb_json_member_int(&json, "pid", refusal->pid);
	ddb_json_member_string(&json, "path", refusal->path);
	ddb_json_member_string(&json, "operation", refusal->operation);
	ddb_json_member_string(&json, "errno", map_errno_name(refusal->number));
	ddb_json_member_string(&json, "type", ddb_error_row(refusal->code)->name);
	ddb_json_member_string(&json, "message", refusal->message);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(out, '\n');
}

void map_refusals_write(struct map_refusals *refusals, uid_t uid, struct ddb_buffer *out)
{
	pthread_mutex_lock(&refusals->lock);
	for (unsigned i = 0; i < MAP_REFUSALS_KEPT; i++) {
		const struct refusal *refusal = refusals->ring[(refusals->next + i) % MAP_REFUSALS_KEPT];
		if (refusal && (uid == 0 || refusal->uid == uid))
			write_line(refusal, out);
	}
	pthread_mutex_unlock(&refusals->lock);
}
