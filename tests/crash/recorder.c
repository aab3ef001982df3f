/*
 * Preloaded into a program: writes down, in the order in which they happen, the file operations beneath the
 * directory CRASH_ROOT, with their bytes, at the end of the file CRASH_LOG (recording.h tells its form).
 * Files are named by their inode numbers, so that nothing has to be remembered and several processes, one
 * after the other, may go on with one log. An operation and its record are one step for the threads of the
 * process; a sync has two records, and others write meanwhile. What cannot be recorded ends the process, and
 * what goes unseen (a library's own system call) shows in the end, when the replayed directory is not as the
 * real one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_MAX = 256 + NAME_MAX, PARTS_MAX = 1024 };

static struct {
	pthread_mutex_t lock;
	int log; /* -1: nothing is recorded */
	char root[PATH_MAX];
	size_t root_length;
	uint64_t syncs;
} recorder = {.lock = PTHREAD_MUTEX_INITIALIZER, .log = -1};

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "recorder: %s cannot be recorded\n", what);
	abort();
}

static void __attribute__((constructor)) recorder_start(void)
{
	const char *root = getenv("CRASH_ROOT"), *log = getenv("CRASH_LOG");
	if (!root || !log)
		return;
	if (!realpath(root, recorder.root))
		give_up("a directory that is not there");
	recorder.root_length = strlen(recorder.root);
	recorder.log = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (recorder.log < 0)
		give_up("anything without a log");
}

/* ---- What is beneath the root ---- */

static bool is_beneath(int fd, char path[PATH_MAX])
{
	char link[40];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, PATH_MAX - 1);
	if (length < 0)
		return false;
	path[length] = '\0';
	return !strncmp(path, recorder.root, recorder.root_length) &&
	       (!path[recorder.root_length] || path[recorder.root_length] == '/');
}

/* Our number for what is open there, 0 if it is none of ours. */
static uint64_t number_of(int fd)
{
	char path[PATH_MAX];
	struct stat status;
	if (recorder.log < 0 || fd < 0 || fstat(fd, &status) ||
		(!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) || !is_beneath(fd, path))
		return 0;
	return status.st_ino;
}

struct entry {
	uint64_t directory; /* 0: none of ours */
	char name[NAME_MAX + 1];
};

static struct entry entry_of(int directory, const char *path)
{
	struct entry entry = {.directory = 0};
	char parent[PATH_MAX];
	int saved = errno;
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) + 1 : 0;
	if (recorder.log < 0 || length >= sizeof parent)
		return entry;
	memcpy(parent, path, length);
	strcpy(parent + length, ".");
	int fd = (int)syscall(SYS_openat, directory, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		entry.directory = number_of(fd);
		syscall(SYS_close, fd);
	}
	snprintf(entry.name, sizeof entry.name, "%s", path + length);
	if (entry.directory && (!*entry.name || strpbrk(entry.name, " \n")))
		give_up("such a name");
	errno = saved;
	return entry;
}

/* ---- The log ---- */

/* Several processes write to the log, so a record is one write. */
static void __attribute__((format(printf, 3, 0)))
write_record(const struct iovec *payload, int parts, const char *format, va_list arguments)
{
	char header[HEADER_MAX];
	struct iovec all[PARTS_MAX + 2];
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int length = snprintf(
		header, sizeof header, "%" PRId64 " ", (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
	length += vsnprintf(header + length, sizeof header - (size_t)length, format, arguments);
	header[length++] = '\n';
	if (parts > PARTS_MAX)
		give_up("a write of so many parts");
	all[0] = (struct iovec){header, (size_t)length};
	size_t total = (size_t)length;
	int count = 1;
	for (int i = 0; i < parts; i++) {
		all[count++] = payload[i];
		total += payload[i].iov_len;
	}
	if (parts) {
		all[count++] = (struct iovec){(void *)(uintptr_t) "\n", 1};
		total++;
	}
	if (syscall(SYS_writev, recorder.log, all, count) != (long)total)
		give_up("what the log has no room for");
}

static void __attribute__((format(printf, 1, 2))) record(const char *format, ...)
{
	va_list arguments;
	int saved = errno;
	va_start(arguments, format);
	write_record(NULL, 0, format, arguments);
	va_end(arguments);
	errno = saved;
}

static void __attribute__((format(printf, 3, 4)))
record_bytes(const struct iovec *payload, int parts, const char *format, ...)
{
	va_list arguments;
	int saved = errno;
	va_start(arguments, format);
	write_record(payload, parts, format, arguments);
	va_end(arguments);
	errno = saved;
}

static void enter(void)
{
	pthread_mutex_lock(&recorder.lock);
}

static void leave(void)
{
	pthread_mutex_unlock(&recorder.lock);
}

/* ---- Opening ---- */

static int do_open(int directory, const char *path, int flags, mode_t mode)
{
	struct entry entry = {.directory = 0};
	struct stat status;
	if (flags & (O_CREAT | O_TRUNC))
		entry = entry_of(directory, path);
	if (!entry.directory)
		return (int)syscall(SYS_openat, directory, path, flags, mode);
	enter();
	int saved = errno;
	bool existed = !fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW);
	errno = saved;
	int fd = (int)syscall(SYS_openat, directory, path, flags, mode);
	if (fd >= 0 && !existed && !fstat(fd, &status))
		record("new %" PRIu64 " %" PRIu64 " %s", (uint64_t)status.st_ino, entry.directory,
			entry.name);
	else if (fd >= 0 && flags & O_TRUNC)
		record("cut %" PRIu64 " 0", number_of(fd));
	leave();
	return fd;
}

#define IN_PLACE_OF(name) __asm__(name) __attribute__((visibility("default")))
#define WITH_MODE(flags)                                                                                     \
	mode_t mode = 0;                                                                                     \
	if ((flags) & (O_CREAT | O_TMPFILE)) {                                                               \
		va_list arguments;                                                                           \
		va_start(arguments, flags);                                                                  \
		mode = va_arg(arguments, mode_t);                                                            \
		va_end(arguments);                                                                           \
	}

int record_open(const char *path, int flags, ...) IN_PLACE_OF("open");
int record_open64(const char *path, int flags, ...) IN_PLACE_OF("open64");
int record_openat(int directory, const char *path, int flags, ...) IN_PLACE_OF("openat");
int record_openat64(int directory, const char *path, int flags, ...) IN_PLACE_OF("openat64");
int record_creat(const char *path, mode_t mode) IN_PLACE_OF("creat");
int record_creat64(const char *path, mode_t mode) IN_PLACE_OF("creat64");

int record_open(const char *path, int flags, ...)
{
	WITH_MODE(flags)
	return do_open(AT_FDCWD, path, flags, mode);
}

int record_open64(const char *path, int flags, ...)
{
	WITH_MODE(flags)
	return do_open(AT_FDCWD, path, flags, mode);
}

int record_openat(int directory, const char *path, int flags, ...)
{
	WITH_MODE(flags)
	return do_open(directory, path, flags, mode);
}

int record_openat64(int directory, const char *path, int flags, ...)
{
	WITH_MODE(flags)
	return do_open(directory, path, flags, mode);
}

int record_creat(const char *path, mode_t mode)
{
	return do_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int record_creat64(const char *path, mode_t mode)
{
	return do_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* ---- Writing ---- */

static void record_put(
	uint64_t number, int fd, off_t offset, const struct iovec *parts, int count, size_t done)
{
	struct iovec written[PARTS_MAX];
	size_t left = done;
	int used = 0;
	if (fcntl(fd, F_GETFL) & (O_DSYNC | O_APPEND))
		give_up("a file opened with O_DSYNC or O_APPEND");
	for (int i = 0; i < count && left; i++) {
		if (used == PARTS_MAX)
			give_up("a write of so many parts");
		written[used] = parts[i];
		if (written[used].iov_len > left)
			written[used].iov_len = left;
		left -= written[used++].iov_len;
	}
	record_bytes(written, used, "put %" PRIu64 " %" PRId64 " %zu", number, (int64_t)offset, done);
}

/* offset -1: where the file stands. */
static ssize_t do_write(int fd, const struct iovec *parts, int count, off_t offset)
{
	int saved = errno;
	uint64_t number = number_of(fd);
	errno = saved;
	if (!number)
		return offset < 0 ? syscall(SYS_writev, fd, parts, count)
				  : syscall(SYS_pwritev, fd, parts, count, offset, 0L);
	enter();
	off_t at = offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset;
	ssize_t done = offset < 0 ? syscall(SYS_writev, fd, parts, count)
				  : syscall(SYS_pwritev, fd, parts, count, offset, 0L);
	if (done > 0)
		record_put(number, fd, at, parts, count, (size_t)done);
	leave();
	return done;
}

ssize_t record_write(int fd, const void *bytes, size_t length) IN_PLACE_OF("write");
ssize_t record_pwrite(int fd, const void *bytes, size_t length, off_t offset) IN_PLACE_OF("pwrite");
ssize_t record_pwrite64(int fd, const void *bytes, size_t length, off_t offset) IN_PLACE_OF("pwrite64");
ssize_t record_writev(int fd, const struct iovec *parts, int count) IN_PLACE_OF("writev");
ssize_t record_pwritev(int fd, const struct iovec *parts, int count, off_t offset) IN_PLACE_OF("pwritev");
ssize_t record_pwritev64(int fd, const struct iovec *parts, int count, off_t offset) IN_PLACE_OF("pwritev64");
int record_ftruncate(int fd, off_t size) IN_PLACE_OF("ftruncate");
int record_ftruncate64(int fd, off_t size) IN_PLACE_OF("ftruncate64");
int record_fallocate(int fd, int mode, off_t at, off_t length) IN_PLACE_OF("fallocate");
int record_fallocate64(int fd, int mode, off_t at, off_t length) IN_PLACE_OF("fallocate64");

ssize_t record_write(int fd, const void *bytes, size_t length)
{
	return do_write(fd, &(struct iovec){(void *)(uintptr_t)bytes, length}, 1, -1);
}

ssize_t record_pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	return do_write(fd, &(struct iovec){(void *)(uintptr_t)bytes, length}, 1, offset);
}

ssize_t record_pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
	return do_write(fd, &(struct iovec){(void *)(uintptr_t)bytes, length}, 1, offset);
}

ssize_t record_writev(int fd, const struct iovec *parts, int count)
{
	return do_write(fd, parts, count, -1);
}

ssize_t record_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	return do_write(fd, parts, count, offset);
}

ssize_t record_pwritev64(int fd, const struct iovec *parts, int count, off_t offset)
{
	return do_write(fd, parts, count, offset);
}

int record_ftruncate(int fd, off_t size)
{
	uint64_t number = number_of(fd);
	if (!number)
		return (int)syscall(SYS_ftruncate, fd, size);
	enter();
	int rc = (int)syscall(SYS_ftruncate, fd, size);
	if (!rc)
		record("cut %" PRIu64 " %" PRId64, number, (int64_t)size);
	leave();
	return rc;
}

int record_ftruncate64(int fd, off_t size)
{
	return record_ftruncate(fd, size);
}

/* What it does to a file that is read is what growing it does. */
int record_fallocate(int fd, int mode, off_t at, off_t length)
{
	uint64_t number = number_of(fd);
	struct stat st;
	if (!number)
		return (int)syscall(SYS_fallocate, fd, mode, at, length);
	if (mode || fstat(fd, &st))
		give_up("fallocate with a mode");
	enter();
	int rc = (int)syscall(SYS_fallocate, fd, mode, at, length);
	if (!rc && at + length > st.st_size)
		record("cut %" PRIu64 " %" PRId64, number, (int64_t)(at + length));
	leave();
	return rc;
}

int record_fallocate64(int fd, int mode, off_t at, off_t length)
{
	return record_fallocate(fd, mode, at, length);
}

/* ---- Syncing ---- */

static int do_sync(long call, int fd)
{
	uint64_t number = number_of(fd);
	if (!number)
		return (int)syscall(call, fd);
	enter();
	uint64_t sync = ++recorder.syncs;
	record("sync %ld.%" PRIu64 " %" PRIu64, (long)getpid(), sync, number);
	leave();
	int rc = (int)syscall(call, fd);
	if (!rc)
		record("synced %ld.%" PRIu64 " %" PRIu64, (long)getpid(), sync, number);
	return rc;
}

int record_fsync(int fd) IN_PLACE_OF("fsync");
int record_fdatasync(int fd) IN_PLACE_OF("fdatasync");

int record_fsync(int fd)
{
	return do_sync(SYS_fsync, fd);
}

int record_fdatasync(int fd)
{
	return do_sync(SYS_fdatasync, fd);
}

/* ---- Names ---- */

int record_mkdir(const char *path, mode_t mode) IN_PLACE_OF("mkdir");
int record_mkdirat(int directory, const char *path, mode_t mode) IN_PLACE_OF("mkdirat");
int record_unlink(const char *path) IN_PLACE_OF("unlink");
int record_unlinkat(int directory, const char *path, int flags) IN_PLACE_OF("unlinkat");
int record_rename(const char *from, const char *to) IN_PLACE_OF("rename");
int record_renameat(int from_directory, const char *from, int to_directory, const char *to)
	IN_PLACE_OF("renameat");

int record_mkdirat(int directory, const char *path, mode_t mode)
{
	struct entry entry = entry_of(directory, path);
	struct stat status;
	enter();
	int rc = (int)syscall(SYS_mkdirat, directory, path, mode);
	if (!rc && entry.directory && !fstatat(directory, path, &status, 0))
		record("dir %" PRIu64 " %" PRIu64 " %s", (uint64_t)status.st_ino, entry.directory,
			entry.name);
	leave();
	return rc;
}

int record_mkdir(const char *path, mode_t mode)
{
	return record_mkdirat(AT_FDCWD, path, mode);
}

int record_unlinkat(int directory, const char *path, int flags)
{
	struct entry entry = entry_of(directory, path);
	enter();
	int rc = (int)syscall(SYS_unlinkat, directory, path, flags);
	if (!rc && entry.directory)
		record("drop %" PRIu64 " %s", entry.directory, entry.name);
	leave();
	return rc;
}

int record_unlink(const char *path)
{
	return record_unlinkat(AT_FDCWD, path, 0);
}

int record_renameat(int from_directory, const char *from, int to_directory, const char *to)
{
	struct entry old = entry_of(from_directory, from), new = entry_of(to_directory, to);
	if (old.directory != new.directory)
		give_up("a rename between directories");
	enter();
	int rc = (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
	if (!rc && old.directory)
		record("move %" PRIu64 " %s %s", old.directory, old.name, new.name);
	leave();
	return rc;
}

int record_rename(const char *from, const char *to)
{
	return record_renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* ---- Maps ---- */

void *record_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
	IN_PLACE_OF("mmap");
void *record_mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
	IN_PLACE_OF("mmap64");

/* What is written through a map goes unseen. That is for LMDB's lock file, which is no data, and for no
 * other. */
void *record_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	static const char lock_file[] = "/lock.mdb";
	char path[PATH_MAX];
	if (fd >= 0 && protection & PROT_WRITE && (flags & MAP_TYPE) != MAP_PRIVATE && recorder.log >= 0 &&
		is_beneath(fd, path)) {
		char *end = strstr(path, lock_file);
		if (!end || end[strlen(lock_file)])
			give_up("a file that is written through a map");
	}
	long result = syscall(SYS_mmap, address, length, protection, flags, fd, offset);
	return result == -1 ? MAP_FAILED : (void *)result;
}

void *record_mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	return record_mmap(address, length, protection, flags, fd, offset);
}

/* ---- What no store does; whoever begins to must teach it to the recorder ---- */

#define REFUSED(function, fd, parameters, call)                                                              \
	long refuse_##function parameters IN_PLACE_OF(#function);                                            \
	long refuse_##function parameters                                                                    \
	{                                                                                                    \
		if (number_of(fd))                                                                           \
			give_up(#function);                                                                  \
		return syscall call;                                                                         \
	}

REFUSED(pwritev2, fd, (int fd, const struct iovec *parts, int count, off_t at, int flags),
	(SYS_pwritev2, fd, parts, count, at, 0L, flags))
REFUSED(sendfile, to, (int to, int from, off_t *at, size_t length), (SYS_sendfile, to, from, at, length))
REFUSED(sendfile64, to, (int to, int from, off_t *at, size_t length), (SYS_sendfile, to, from, at, length))
REFUSED(copy_file_range, to, (int from, off_t *from_at, int to, off_t *to_at, size_t length, unsigned flags),
	(SYS_copy_file_range, from, from_at, to, to_at, length, flags))
REFUSED(splice, to, (int from, off_t *from_at, int to, off_t *to_at, size_t length, unsigned flags),
	(SYS_splice, from, from_at, to, to_at, length, flags))
REFUSED(sync_file_range, fd, (int fd, off_t at, off_t length, unsigned flags),
	(SYS_sync_file_range, fd, at, length, flags))
REFUSED(linkat, from, (int from, const char *old, int to, const char *new, int flags),
	(SYS_linkat, from, old, to, new, flags))
REFUSED(renameat2, from, (int from, const char *old, int to, const char *new, unsigned flags),
	(SYS_renameat2, from, old, to, new, flags))
