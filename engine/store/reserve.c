/*
 * Room on the disk that only removing may use. A removal writes pages, too, before any are free; on a disk
 * that is full to the last byte it would be refused, and the store could never be emptied. The file `reserve`
 * holds nothing but its room. It is given up when a removal finds none, and taken again by the next sync that
 * can.
 */
#include "engine/store/inside.h"
#include "engine/store/layout.h"

#include <fcntl.h>
#include <unistd.h>

enum { RESERVE_BYTES = 256 << 10 }; /* what a few removals write */

/* Without it, as on a filesystem that cannot promise room, removing is as everything else. */
void store_reserve_open(struct store *store, int directory)
{
	int file = openat(directory, STORE_RESERVE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	store->reserve = file; /* syncs may be under way */
	store_reserve_fill(store);
}

void store_reserve_close(struct store *store)
{
	if (store->reserve >= 0)
		close(store->reserve);
}

void store_reserve_fill(struct store *store)
{
	if (store->reserve < 0 || store->reserved || store->removals)
		return;
	if (!fallocate(store->reserve, 0, 0, RESERVE_BYTES))
		store->reserved = true;
	else if (ftruncate(store->reserve, 0))
		return; /* what a part of it keeps is of no use, and does no harm */
}

bool store_reserve_release(struct store *store)
{
	return store->reserve >= 0 && atomic_exchange(&store->reserved, false) &&
	       !ftruncate(store->reserve, 0);
}
