/*
 * For LD_PRELOAD: memory that runs short. The file $SCARCE is mapped, two numbers: the countdown to the
 * allocation that fails (0: none does), and whether all after it fail, too.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct scarcity {
	_Atomic int64_t countdown, lasting;
};

#define SHOWN __attribute__((visibility("default")))

static struct scarcity *scarcity;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("SCARCE");
	int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (file < 0)
		_exit(99);
	scarcity = mmap(NULL, sizeof *scarcity, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (scarcity == MAP_FAILED)
		_exit(99);
	close(file);
}

/* libfuse's own: without a buffer it gives up, and a request that it drops never reaches us. */
static bool is_spared(void *caller)
{
	Dl_info info;
	return dladdr(caller, &info) && strstr(info.dli_fname, "libfuse");
}

static bool is_refused(void *caller)
{
	if (!scarcity || scarcity->countdown <= 0 || is_spared(caller))
		return false;
	int64_t left = atomic_fetch_sub(&scarcity->countdown, 1);
	if (left > 1)
		return false;
	if (left == 1 || scarcity->lasting) {
		scarcity->countdown = scarcity->lasting ? 1 : 0;
		errno = ENOMEM;
		return true;
	}
	return false;
}

SHOWN void *malloc(size_t size)
{
	return is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

SHOWN void *calloc(size_t count, size_t size)
{
	return is_refused(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

SHOWN void *realloc(void *memory, size_t size)
{
	return is_refused(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}
