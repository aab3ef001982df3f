/*
 * For LD_PRELOAD: a clock that is ahead. The file $LATER is mapped, one number: by how many seconds the time
 * of day is to be later than it is.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t *seconds;

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("LATER");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (file < 0)
		_exit(99);
	void *bytes = mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
	if (bytes == MAP_FAILED)
		_exit(99);
	seconds = bytes;
	close(file);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ret);

	if (!result && seconds && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret->tv_sec += *seconds;
	return result;
}
