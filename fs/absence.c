#include "fs/absence.h"

enum { KEPT_SECONDS = 3 }; /* longer than the kernel remembers, in whole seconds cut off at both ends */

/* FNV-1a over the name, begun with the directory's address. */
static uint64_t digest(const struct fs_node *parent, const char *name)
{
	uint64_t hash = 1469598103934665603u ^ (uintptr_t)parent;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 1099511628211u;
	return hash ^ hash >> 29;
}

bool fs_absence_begins(struct fs_absences *absences, const struct fs_node *parent, const char *name)
{
	uint64_t hash = digest(parent, name);
	uint32_t now = fs_now_seconds();

	if (absences->slots[hash % FS_ABSENCES].until >= now &&
		absences->slots[hash % FS_ABSENCES].name != hash)
		return false;
	absences->slots[hash % FS_ABSENCES].name = hash;
	absences->slots[hash % FS_ABSENCES].until = now + KEPT_SECONDS;
	return true;
}

bool fs_absence_ends(struct fs_absences *absences, const struct fs_node *parent, const char *name)
{
	uint64_t hash = digest(parent, name);

	if (absences->slots[hash % FS_ABSENCES].name != hash ||
		absences->slots[hash % FS_ABSENCES].until < fs_now_seconds())
		return false;
	absences->slots[hash % FS_ABSENCES].until = 0;
	return true;
}
