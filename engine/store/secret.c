/*
 * libsodium's guarded allocations. They are locked if that is possible, without a word if not: asking once
 * more tells.
 */
#include "engine/store/secret.h"

#include <sodium.h>

void *store_secret_new(size_t size, bool *ret_locked)
{
	void *secret = sodium_malloc(size);
	if (secret && ret_locked)
		*ret_locked = !sodium_mlock(secret, size);
	return secret;
}

void store_secret_free(void *secret)
{
	sodium_free(secret);
}
