/*
 * For LD_PRELOAD: the protocol of a kernel that cannot be asked for nodes by number. The one request that
 * tells its version, the first, says 7.44.
 */
#include <linux/fuse.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OLDER_MINOR = 44 };

__attribute__((visibility("default"))) ssize_t read(int fd, void *buffer, size_t size)
{
	ssize_t length = syscall(SYS_read, fd, buffer, size);
	struct fuse_in_header header;
	struct fuse_init_in init;

	if (length < (ssize_t)(sizeof header + 2 * sizeof init.minor))
		return length;
	memcpy(&header, buffer, sizeof header);
	if (header.opcode == FUSE_INIT && header.len == (uint32_t)length) {
		char *minor = (char *)buffer + sizeof header + offsetof(struct fuse_init_in, minor);
		memcpy(&init.minor, minor, sizeof init.minor);
		if (init.minor > OLDER_MINOR)
			init.minor = OLDER_MINOR;
		memcpy(minor, &init.minor, sizeof init.minor);
	}
	return length;
}
