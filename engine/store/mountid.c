/*
 * The kernel's unique mount numbers, since Linux 6.8; our headers may be older.
 */
#include "engine/store/mountid.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { MOUNT_ID_UNIQUE = 0x4000 }; /* STATX_MNT_ID_UNIQUE */

static uint64_t read_one(int directory, const char *path, int flags)
{
	struct statx st;
	if (statx(directory, path, flags | AT_STATX_DONT_SYNC, MOUNT_ID_UNIQUE, &st) ||
		!(st.stx_mask & MOUNT_ID_UNIQUE))
		return 0;
	return st.stx_mnt_id;
}

void store_mountid_read(int directory, struct store_mountid *ret)
{
	ret->root = read_one(AT_FDCWD, "/", 0);
	ret->own = read_one(directory, "", AT_EMPTY_PATH);
}

bool store_mountid_again(const struct store_mountid *before, const struct store_mountid *now)
{
	return before->root && before->root == now->root && before->own && now->own &&
	       before->own != now->own;
}
