/*
 * Room that only removing may use. A removal writes pages, too, before any are free, and what it frees can be
 * used by the next but one only; on a disk that is full to the last byte it would be refused, and the store
 * could never be emptied. The file `reserve` holds nothing but its room. It is given up when a removal finds
 * none, and taken again as soon as the disk has it. As long as the disk has not, everything but removals
 * leaves as much of the data file free as removing needs to go on.
 */
#include "engine/store/fault.h"
#include "engine/store/inside.h"
#include "engine/store/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	RESERVE_BYTES = 256 << 10, /* what a few removals write */
	LEFT_BYTES = RESERVE_BYTES / 2,
	PAGES_PER_CHANGE = 4, /* at most, about, besides what it puts */
};

/* Without it, as on a filesystem that cannot promise room, removing is as everything else. */
void store_reserve_open(struct store *store, int directory)
{
	int file = openat(directory, STORE_RESERVE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	store->reserve.file = file; /* syncs may be under way */
	store_reserve_fill(store);
}

void store_reserve_init(struct store_reserve *reserve)
{
	reserve->file = -1;
	pthread_mutex_init(&reserve->lock, NULL);
}

void store_reserve_done(struct store_reserve *reserve)
{
	if (reserve->file >= 0)
		close(reserve->file);
	pthread_mutex_destroy(&reserve->lock);
}

static void fill(struct store_reserve *reserve)
{
	if (!fallocate(reserve->file, 0, 0, RESERVE_BYTES)) {
		reserve->held = true;
		reserve->lacking = false;
		return;
	}
	reserve->lacking = store_fault_is_full(errno);
	if (ftruncate(reserve->file, 0))
		return; /* what a part of it keeps is of no use, and does no harm */
}

void store_reserve_fill(struct store *store)
{
	struct store_reserve *reserve = &store->reserve;
	if (reserve->file < 0 || reserve->held)
		return;
	pthread_mutex_lock(&reserve->lock);
	if (!reserve->held && !reserve->removals)
		fill(reserve);
	pthread_mutex_unlock(&reserve->lock);
}

/* The room goes to the end of the data file, where nobody else on the disk can take it. */
static void give_up(struct store *store)
{
	struct stat now;
	store->reserve.held = false;
	store->reserve.lacking = true;
	if (ftruncate(store->reserve.file, 0) || fstat(store->data, &now))
		return;
	(void)fallocate(store->data, 0, now.st_size, RESERVE_BYTES); /* else it is on the disk */
}

void store_reserve_begin(struct store *store)
{
	struct store_reserve *reserve = &store->reserve;
	store_writer_enter(&store->writer);
	pthread_mutex_lock(&reserve->lock);
	reserve->removals++;
	if (reserve->held)
		give_up(store);
	pthread_mutex_unlock(&reserve->lock);
	store_writer_leave(&store->writer);
}

void store_reserve_end(struct store *store)
{
	pthread_mutex_lock(&store->reserve.lock);
	store->reserve.removals--;
	pthread_mutex_unlock(&store->reserve.lock);
}

/* Whether LMDB's list of the pages that were freed before the running transaction has so many. */
static int list_has(MDB_txn *txn, uint64_t pages, bool *ret)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t count = 0;
	int rc = mdb_cursor_open(txn, 0, &cursor);
	if (rc)
		return rc;
	while (count < pages && !(rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)))
		count += *(const size_t *)value.mv_data; /* each begins with its length */
	mdb_cursor_close(cursor);
	*ret = count >= pages;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Whether the data file has so many pages, within it or at its end, that hold nothing. */
static int file_has(struct store *store, uint64_t bytes, bool *ret)
{
	MDB_env *mdb = store->environment.mdb;
	MDB_txn *view;
	MDB_envinfo info;
	MDB_stat stat;
	struct stat now;
	int rc = mdb_env_info(mdb, &info);
	if (!rc)
		rc = mdb_env_stat(mdb, &stat);
	if (!rc && fstat(store->data, &now))
		rc = errno;
	if (rc)
		return rc;
	uint64_t used = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize, size = (uint64_t)now.st_size;
	uint64_t end = size > used ? size - used : 0;
	*ret = end >= bytes;
	/* LMDB shows its list to readers only. */
	if (*ret || (rc = mdb_txn_begin(mdb, NULL, MDB_RDONLY, &view)))
		return rc;
	rc = list_has(view, (bytes - end) / stat.ms_psize + 1, ret);
	mdb_txn_abort(view);
	return rc;
}

int store_reserve_check(const struct store_txn *txn)
{
	struct store *store = txn->store;
	MDB_stat stat;
	bool enough = false;
	if (store->reserve.lacking)
		store_reserve_fill(store); /* the disk may have room by now */
	if (!store->reserve.lacking)
		return 0;
	int rc = mdb_env_stat(store->environment.mdb, &stat);
	if (!rc)
		rc = file_has(store,
			LEFT_BYTES + txn->bytes +
				(uint64_t)txn->all_changes * PAGES_PER_CHANGE * stat.ms_psize,
			&enough);
	return !rc && !enough ? ENOSPC : rc;
}
