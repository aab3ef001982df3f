#include "fs/clash.h"

enum { RETRY_SECONDS = 2 }; /* long against the time between two tries of the kernel's */

static size_t slot_of(pid_t thread)
{
	return (size_t)(uint32_t)thread % FS_CLASHES;
}

bool fs_clash_begins(struct fs_clashes *clashes, const struct fs_node *node, bool writes, pid_t thread)
{
	size_t slot = slot_of(thread);
	uint32_t now = fs_now_seconds();

	if (clashes->slots[slot].until >= now)
		return false;
	clashes->slots[slot].name = node->hash;
	clashes->slots[slot].writes = writes;
	clashes->slots[slot].thread = thread;
	clashes->slots[slot].looked = false;
	clashes->slots[slot].until = now + RETRY_SECONDS;
	return true;
}

bool fs_clash_of_reader(const struct fs_clashes *clashes, const struct fs_node *node, pid_t thread)
{
	size_t slot = slot_of(thread);

	return clashes->slots[slot].thread == thread && !clashes->slots[slot].writes &&
	       clashes->slots[slot].name == node->hash && clashes->slots[slot].until >= fs_now_seconds();
}

void fs_clash_looks(struct fs_clashes *clashes, pid_t thread)
{
	if (clashes->slots[slot_of(thread)].thread == thread)
		clashes->slots[slot_of(thread)].looked = true;
}

bool fs_clash_ends(struct fs_clashes *clashes, pid_t thread)
{
	size_t slot = slot_of(thread);

	if (clashes->slots[slot].thread != thread || clashes->slots[slot].until < fs_now_seconds())
		return false;
	clashes->slots[slot].until = 0;
	return clashes->slots[slot].looked;
}
