/*
 * Which mounting of a filesystem a directory is found through. A filesystem that was unmounted and mounted
 * again, in one boot of the machine, has kept nothing that had not reached its disk. Stateless, any thread.
 */
#ifndef DDB_STORE_MOUNTID_H
#define DDB_STORE_MOUNTID_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers that no other mount has in the same boot; 0: the kernel does not tell. */
struct store_mountid {
	uint64_t root; /* of /: another one in another mount namespace, as each container has */
	uint64_t own;
};

void store_mountid_read(int directory, struct store_mountid *ret);
/* Whether it was mounted again. Seen from different namespaces that cannot be told, and is not assumed. */
bool store_mountid_again(const struct store_mountid *before, const struct store_mountid *now);

#endif
