/*
 * For LD_PRELOAD: one reply that is on its way for long. The file $LATE is mapped, two numbers: the opcode of
 * the request whose reply is held next (0: none), and what became of it; the test lets it go.
 */
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FREE, HELD, GO };
enum { POLL_NS = 1000000, POLLS = 20000 };

struct lateness {
	_Atomic uint32_t opcode, state;
};

#define SHOWN __attribute__((visibility("default")))

static struct lateness *lateness;
static _Atomic uint64_t late; /* the request */

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("LATE");
	int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (file < 0)
		_exit(99);
	lateness = mmap(NULL, sizeof *lateness, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (lateness == MAP_FAILED)
		_exit(99);
	close(file);
}

SHOWN ssize_t read(int fd, void *buffer, size_t size)
{
	ssize_t length = syscall(SYS_read, fd, buffer, size);
	struct fuse_in_header header;

	if (!lateness || !lateness->opcode || length < (ssize_t)sizeof header)
		return length;
	memcpy(&header, buffer, sizeof header);
	uint32_t wanted = header.opcode;
	if (header.len == (uint32_t)length && atomic_compare_exchange_strong(&lateness->opcode, &wanted, 0))
		late = header.unique;
	return length;
}

static void hold(void)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};

	lateness->state = HELD;
	for (int polls = 0; lateness->state == HELD && polls < POLLS; polls++)
		nanosleep(&pause, NULL);
	lateness->state = FREE;
}

SHOWN ssize_t writev(int fd, const struct iovec *parts, int count)
{
	struct fuse_out_header header;

	if (late && count > 0 && parts[0].iov_len == sizeof header) {
		memcpy(&header, parts[0].iov_base, sizeof header);
		uint64_t unique = header.unique;
		if (unique && atomic_compare_exchange_strong(&late, &unique, 0))
			hold();
	}
	return syscall(SYS_writev, fd, parts, count);
}
