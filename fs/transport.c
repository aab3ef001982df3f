#include "fs/session.h"

#include "engine/jsonout.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *const opcode_names[FS_OPCODES] = {
	[FUSE_LOOKUP] = "LOOKUP",
	[FUSE_FORGET] = "FORGET",
	[FUSE_GETATTR] = "GETATTR",
	[FUSE_SETATTR] = "SETATTR",
	[FUSE_SYMLINK] = "SYMLINK",
	[FUSE_MKNOD] = "MKNOD",
	[FUSE_MKDIR] = "MKDIR",
	[FUSE_UNLINK] = "UNLINK",
	[FUSE_RMDIR] = "RMDIR",
	[FUSE_RENAME] = "RENAME",
	[FUSE_LINK] = "LINK",
	[FUSE_OPEN] = "OPEN",
	[FUSE_READ] = "READ",
	[FUSE_WRITE] = "WRITE",
	[FUSE_STATFS] = "STATFS",
	[FUSE_RELEASE] = "RELEASE",
	[FUSE_FSYNC] = "FSYNC",
	[FUSE_SETXATTR] = "SETXATTR",
	[FUSE_GETXATTR] = "GETXATTR",
	[FUSE_LISTXATTR] = "LISTXATTR",
	[FUSE_REMOVEXATTR] = "REMOVEXATTR",
	[FUSE_FLUSH] = "FLUSH",
	[FUSE_INIT] = "INIT",
	[FUSE_OPENDIR] = "OPENDIR",
	[FUSE_READDIR] = "READDIR",
	[FUSE_RELEASEDIR] = "RELEASEDIR",
	[FUSE_FSYNCDIR] = "FSYNCDIR",
	[FUSE_ACCESS] = "ACCESS",
	[FUSE_CREATE] = "CREATE",
	[FUSE_INTERRUPT] = "INTERRUPT",
	[FUSE_POLL] = "POLL",
	[FUSE_FALLOCATE] = "FALLOCATE",
	[FUSE_BATCH_FORGET] = "BATCH_FORGET",
	[FUSE_READDIRPLUS] = "READDIRPLUS",
	[FUSE_RENAME2] = "RENAME2",
	[FUSE_LSEEK] = "LSEEK",
	[FUSE_COPY_FILE_RANGE] = "COPY_FILE_RANGE",
};

/*
 * Lookups of one directory side by side, no extra round trips for setuid bits that we do not have, and shared
 * mappings of files that are otherwise read and written past the page cache. The last is newer than our
 * headers.
 */
#define DIRECT_IO_ALLOW_MMAP (UINT64_C(1) << 36)
static const uint64_t wanted = FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV_V2 | DIRECT_IO_ALLOW_MMAP;
#define INIT_EXT (UINT64_C(1) << 30)

/* struct fuse_init_in and _out as of protocol 7.36; our headers may have shorter ones. */
struct init_in {
	uint32_t major, minor, max_readahead, flags, flags2;
};
enum { INIT_OUT_FLAGS = 12, INIT_OUT_FLAGS2 = 32 }; /* offsets */

static ssize_t read_request(int fd, void *buffer, size_t size, void *userdata)
{
	struct fs *fs = userdata;
	struct fs_counts *counts = &fs->counts;
	ssize_t length = read(fd, buffer, size);
	struct fuse_in_header header;
	struct init_in init = {0};

	/* The last unmount came while a request was on its way to us: an end like any other (ENODEV). */
	if (length < 0 && errno == ECONNABORTED)
		errno = ENODEV;
	if (length < (ssize_t)sizeof header)
		return length;
	memcpy(&header, buffer, sizeof header);
	atomic_fetch_add_explicit(&counts->requests[header.opcode % FS_OPCODES], 1, memory_order_relaxed);
	if (header.opcode == FUSE_INIT) {
		size_t rest = (size_t)length - sizeof header;
		memcpy(&init, (char *)buffer + sizeof header, rest < sizeof init ? rest : sizeof init);
		counts->offered = init.flags | (init.flags & INIT_EXT ? (uint64_t)init.flags2 << 32 : 0);
		counts->init_unique = header.unique;
	}
	return length;
}

static void add_flags(const struct fs_counts *counts, struct iovec *body)
{
	uint64_t flags = wanted & counts->offered;
	uint32_t low, high = (uint32_t)(flags >> 32);

	if (body->iov_len < INIT_OUT_FLAGS2 + sizeof high)
		return;
	memcpy(&low, (char *)body->iov_base + INIT_OUT_FLAGS, sizeof low);
	low |= (uint32_t)flags | (high ? (uint32_t)INIT_EXT : 0);
	memcpy((char *)body->iov_base + INIT_OUT_FLAGS, &low, sizeof low);
	if (high)
		memcpy((char *)body->iov_base + INIT_OUT_FLAGS2, &high, sizeof high);
}

static ssize_t write_reply(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fs *fs = userdata;
	struct fs_counts *counts = &fs->counts;
	struct fuse_out_header header;

	if (counts->init_unique && count == 2 && iov[0].iov_len == sizeof header) {
		memcpy(&header, iov[0].iov_base, sizeof header);
		if (header.unique == counts->init_unique) {
			counts->init_unique = 0;
			if (!header.error)
				add_flags(counts, &iov[1]);
		}
	}
	return writev(fd, iov, count);
}

bool fs_transport_install(struct fs *fs)
{
	static const struct fuse_custom_io io = {.read = read_request, .writev = write_reply};
	int error = fuse_session_custom_io(fs->session, &io, fuse_session_fd(fs->session));

	if (error)
		fprintf(stderr, "dynamount: libfuse: %s\n", strerror(-error));
	return !error;
}

bool fs_transport_notify(struct fs *fs, int code, void *body, size_t body_size, void *data, size_t size)
{
	struct fuse_out_header header = {.error = code, .len = (uint32_t)(sizeof header + body_size + size)};
	struct iovec parts[] = {{&header, sizeof header}, {body, body_size}, {data, size}};

	return writev(fuse_session_fd(fs->session), parts, sizeof parts / sizeof *parts) ==
	       (ssize_t)header.len;
}

void fs_transport_status(const struct fs_counts *counts, struct ddb_json_out *json)
{
	ddb_json_name(json, "requests", strlen("requests"));
	ddb_json_open(json, '{');
	for (size_t i = 0; i < FS_OPCODES; i++) {
		uint64_t n = atomic_load_explicit(&counts->requests[i], memory_order_relaxed);
		if (n && opcode_names[i])
			ddb_json_member_int(json, opcode_names[i], (int64_t)n);
	}
	ddb_json_close(json, '}');
}
