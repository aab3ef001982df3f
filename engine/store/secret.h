/*
 * Memory for key material: wiped when it is freed, left out of core dumps, and not swapped out as far as the
 * limit of locked memory (RLIMIT_MEMLOCK) allows. Any thread.
 */
#ifndef DDB_STORE_SECRET_H
#define DDB_STORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* NULL: no memory. *ret_locked, which may be NULL: whether it stays out of the swap. Not aligned for more
 * than its size is a multiple of. */
void *store_secret_new(size_t size, bool *ret_locked);
void store_secret_free(void *secret); /* NULL is fine */

static inline void store_secret_free_at(void *pointer)
{
	store_secret_free(*(void **)pointer);
}
#define STORE_SECRET_AUTO __attribute__((cleanup(store_secret_free_at)))

#endif
