/*
 * Brings commits to the disk. A cycle pins the current state with a read transaction, so that LMDB does not
 * reuse its pages, captures its meta pages, syncs the data file, writes the state into the anchor, and lets
 * go of the state before. A thread begins one 50 ms after the first commit that is not synced, and sleeps
 * while there is none; who needs durability at once runs it in its own thread. One cycle at a time; a cycle
 * has the writer only while it pins.
 */
#include "engine/store/fault.h"
#include "engine/store/file.h"
#include "engine/store/inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	DELAY_MS = 50,   /* leaves as much for the disk until a commit is 100 ms old */
	RETRY_MS = 1000, /* after a failure */
	REWRITE_BYTES = 1 << 20,
	COMMIT_BYTES = 32 << 10, /* the pages that even the smallest commit writes */
	VOLUME_SOON = 8 << 20,   /* written since the last cycle began: the next begins at once */
	VOLUME_MAX = 48 << 20,   /* writers wait */
	THROTTLE_MS = 1000,      /* for so long */
};

static const char doing[] = "the store cannot be synced";

static void deadline_in(struct timespec *ret, long ms)
{
	clock_gettime(CLOCK_MONOTONIC, ret);
	ret->tv_nsec += ms % 1000 * 1000000;
	ret->tv_sec += ms / 1000 + ret->tv_nsec / 1000000000;
	ret->tv_nsec %= 1000000000;
}

/* ---- A cycle; the caller has `cycling` ---- */

static int pin(struct store *store)
{
	struct store_sync_state *sync = &store->sync;
	if (sync->spare)
		return mdb_txn_renew(sync->spare);
	return mdb_txn_begin(store->environment.mdb, NULL, MDB_RDONLY, &sync->spare);
}

static void unpin(struct store_sync_state *sync, MDB_txn *txn)
{
	if (!txn)
		return;
	if (sync->spare) {
		mdb_txn_abort(txn);
		return;
	}
	mdb_txn_reset(txn);
	sync->spare = txn;
}

/* The state is in the anchor: the one before may be overwritten. */
static void promote(struct store_sync_state *sync, MDB_txn *txn, uint64_t commits)
{
	MDB_txn *before = sync->pinned;
	sync->pinned = txn;
	unpin(sync, before);
	pthread_mutex_lock(&sync->lock);
	if (commits > sync->synced)
		sync->synced = commits;
	pthread_mutex_unlock(&sync->lock);
}

/* Pins and captures the current state. The caller has the writer. */
static enum ddb_code take_state(
	struct store *store, struct store_state *ret, MDB_txn **ret_txn, struct ddb_error *err)
{
	struct store_sync_state *sync = &store->sync;
	int rc = store->environment.mdb ? pin(store) : MDB_PANIC;
	if (rc)
		return store_fault(err, rc, doing);
	MDB_txn *txn = sync->spare;
	sync->spare = NULL;
	enum ddb_code code = store_state_capture(store->data, mdb_txn_id(txn), ret, err);
	if (code) {
		unpin(sync, txn);
		return code;
	}
	*ret_txn = txn;
	return DDB_OK;
}

/* The file as it is now, once more: so that the kernel knows it has to be written. */
static int rewrite(struct store *store)
{
	struct stat now;
	uint8_t *bytes = malloc(REWRITE_BYTES);
	if (!bytes)
		return ENOMEM;
	int rc = fstat(store->data, &now) ? errno : 0;
	for (off_t offset = 0; !rc && offset < now.st_size; offset += REWRITE_BYTES) {
		store_writer_enter(&store->writer);
		ssize_t length = store_file_read_at(store->data, bytes, REWRITE_BYTES, offset);
		rc = length < 0 ? errno : store_file_write_at(store->data, bytes, (size_t)length, offset);
		store_writer_leave(&store->writer);
	}
	free(bytes);
	return rc;
}

/*
 * After a sync that failed the kernel holds the pages for clean, and a second one succeeds without having
 * written them.
 */
static enum ddb_code settle_doubt(struct store *store, struct ddb_error *err)
{
	struct store_sync_state *sync = &store->sync;
	if (!sync->doubtful)
		return DDB_OK;
	int rc = rewrite(store);
	if (rc)
		return store_fault(err, rc, doing);
	sync->doubtful = false;
	return DDB_OK;
}

static enum ddb_code sync_data(struct store *store, struct ddb_error *err)
{
	if (!fdatasync(store->data))
		return DDB_OK;
	int rc = errno;
	store->sync.doubtful = true;
	return store_fault(err, rc, doing);
}

/*
 * The data file and then the anchor. Takes the transaction. When the anchor fails the state may be in it all
 * the same; LMDB reuses no page that the older state or any later one has, so keeping that pinned is enough.
 */
static enum ddb_code make_durable(struct store *store, MDB_txn *txn, const struct store_state *state,
	uint64_t commits, struct ddb_error *err)
{
	struct store_sync_state *sync = &store->sync;
	enum ddb_code code = sync_data(store, err);
	if (code) {
		unpin(sync, txn);
		return code;
	}
	code = store_anchor_write(&sync->anchor, state, err);
	if (code) {
		unpin(sync, txn);
		return code;
	}
	promote(sync, txn, commits);
	return DDB_OK;
}

static enum ddb_code cycle(struct store *store, bool clean, struct ddb_error *err)
{
	struct store_sync_state *sync = &store->sync;
	struct store_state state;
	MDB_txn *txn = NULL;
	enum ddb_code code = settle_doubt(store, err);
	if (code)
		return code;
	store_writer_enter(&store->writer);
	sync->dirty = false;
	uint64_t volume = sync->volume;
	uint64_t commits = store->writer.commits;
	code = take_state(store, &state, &txn, err);
	store_writer_leave(&store->writer);
	if (!code) {
		state.clean = clean;
		code = make_durable(store, txn, &state, commits, err);
	}
	if (!code)
		store_reserve_fill(store);
	if (code)
		sync->dirty = true;
	else
		sync->volume -= volume;
	return code;
}

/* LMDB as new, if need be; what was pinned is pinned no more. The caller has the writer. */
static enum ddb_code reopen(struct store *store, struct ddb_error *err)
{
	struct store_sync_state *sync = &store->sync;
	MDB_txn **txns[] = {&sync->pinned, &sync->spare};
	for (size_t i = 0; i < sizeof txns / sizeof *txns; i++) {
		if (*txns[i])
			mdb_txn_abort(*txns[i]);
		*txns[i] = NULL;
	}
	if (!store->environment.panicked)
		return DDB_OK;
	enum ddb_code code = store_health_look(store, err); /* LMDB would make a new file */
	return code ? code : store_environment_reopen(&store->environment, err);
}

/* The cycle of a dead writer, during which nobody else can write. */
static enum ddb_code first_cycle(struct store *store, struct ddb_error *err)
{
	struct store_sync_state *sync = &store->sync;
	struct store_state state;
	MDB_txn *txn = NULL;
	uint64_t commits = store->writer.commits;
	enum ddb_code code = take_state(store, &state, &txn, err);
	if (!code)
		code = make_durable(store, txn, &state, commits, err);
	if (code)
		return code;
	sync->dirty = false;
	sync->volume = 0;
	store->writer.dead = false;
	return DDB_OK;
}

/*
 * The writer stays dead until a cycle has succeeded, since while LMDB was closed nothing kept the pages of
 * the anchor's state. Reading does not have to wait for that.
 */
static enum ddb_code revive(struct store *store, struct ddb_error *err)
{
	enum ddb_code doubt = settle_doubt(store, err);
	store_writer_enter(&store->writer);
	enum ddb_code code = reopen(store, err);
	if (!code && !doubt)
		code = first_cycle(store, err);
	store_writer_leave(&store->writer);
	return code ? code : doubt;
}

/* ---- Who may run a cycle ---- */

static void cycle_enter(struct store_sync_state *sync)
{
	pthread_mutex_lock(&sync->lock);
	while (sync->cycling)
		pthread_cond_wait(&sync->done, &sync->lock);
	sync->cycling = true;
	pthread_mutex_unlock(&sync->lock);
}

static void cycle_leave(struct store *store, enum ddb_code code, const struct ddb_error *error)
{
	struct store_sync_state *sync = &store->sync;
	store_health_note(store, STORE_SYNCING, code, error);
	pthread_mutex_lock(&sync->lock);
	sync->cycling = false;
	sync->failed = code != DDB_OK;
	pthread_cond_broadcast(&sync->done);
	pthread_mutex_unlock(&sync->lock);
}

/* Waits for the cycle that is running, then runs one if that began too early for `commits`. */
static enum ddb_code sync_to(struct store *store, uint64_t commits, struct ddb_error *err)
{
	struct store_sync_state *sync = &store->sync;
	pthread_mutex_lock(&sync->lock);
	while (sync->cycling && sync->synced < commits)
		pthread_cond_wait(&sync->done, &sync->lock);
	if (sync->synced >= commits) {
		pthread_mutex_unlock(&sync->lock);
		return DDB_OK;
	}
	sync->cycling = true;
	pthread_mutex_unlock(&sync->lock);
	struct ddb_error error;
	enum ddb_code code = store->writer.dead ? revive(store, &error) : cycle(store, false, &error);
	cycle_leave(store, code, &error);
	if (code && err)
		*err = error;
	return code;
}

enum ddb_code store_sync_revive(struct store *store, struct ddb_error *err)
{
	struct ddb_error error;
	enum ddb_code code = DDB_OK;
	cycle_enter(&store->sync);
	if (store->writer.dead)
		code = revive(store, &error);
	cycle_leave(store, code, &error);
	if (code && err)
		*err = error;
	return code;
}

enum ddb_code store_sync(struct store *store, struct ddb_error *err)
{
	if (store->read_only || store->branch)
		return DDB_OK;
	/* What is synced into a file that nobody will find is not durable. */
	enum ddb_code code = sync_to(store, store->writer.commits, err);
	return code ? code : store_health_look(store, err);
}

uint64_t store_sync_count(struct store *store)
{
	if (store->read_only)
		return 0;
	pthread_mutex_lock(&store->sync.lock);
	uint64_t count = store->sync.synced;
	pthread_mutex_unlock(&store->sync.lock);
	return count;
}

void store_sync_committed(struct store *store, size_t bytes)
{
	struct store_sync_state *sync = &store->sync;
	uint64_t before = atomic_fetch_add(&sync->volume, COMMIT_BYTES + bytes);
	bool soon = before < VOLUME_SOON && before + COMMIT_BYTES + bytes >= VOLUME_SOON;
	store->writer.commits++;
	if (atomic_exchange(&sync->dirty, true) && !soon)
		return;
	pthread_mutex_lock(&sync->lock);
	pthread_cond_signal(&sync->wake);
	pthread_mutex_unlock(&sync->lock);
}

/*
 * Every commit writes pages of its own until a cycle lets go of older ones, so without a bound the file would
 * grow, the next cycle would take longer, and a power loss would cost more than it may. A disk that fails
 * does not hold writers up: they are told when they ask.
 */
void store_sync_throttle(struct store *store)
{
	struct store_sync_state *sync = &store->sync;
	struct timespec deadline;
	if (sync->volume < VOLUME_MAX)
		return;
	deadline_in(&deadline, THROTTLE_MS);
	pthread_mutex_lock(&sync->lock);
	while (sync->volume >= VOLUME_MAX && !sync->failed &&
		pthread_cond_timedwait(&sync->done, &sync->lock, &deadline) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&sync->lock);
}

/* ---- The thread ---- */

/* Until there is something to sync and it is time for it. The lock is held. False: it is time to end. */
static bool wait_for_work(struct store_sync_state *sync)
{
	struct timespec deadline;
	while (!sync->stop && !sync->dirty)
		pthread_cond_wait(&sync->wake, &sync->lock);
	deadline_in(&deadline, sync->failed ? RETRY_MS : DELAY_MS);
	while (!sync->stop && (sync->failed || sync->volume < VOLUME_SOON) &&
		pthread_cond_timedwait(&sync->wake, &sync->lock, &deadline) != ETIMEDOUT)
		;
	return !sync->stop;
}

static void *sync_thread(void *context)
{
	struct store *store = context;
	struct store_sync_state *sync = &store->sync;
	pthread_mutex_lock(&sync->lock);
	while (wait_for_work(sync)) {
		pthread_mutex_unlock(&sync->lock);
		/* Who waits for a sync hears of a failure; the thread only tries again. */
		enum ddb_code code = store_sync(store, NULL);
		(void)code;
		pthread_mutex_lock(&sync->lock);
	}
	pthread_mutex_unlock(&sync->lock);
	return NULL;
}

static int start_thread(struct store *store)
{
	sigset_t all, before;
	sigfillset(&all); /* signals are for the program's own threads */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&store->sync.thread, NULL, sync_thread, store);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static void sync_done(struct store_sync_state *sync)
{
	if (sync->pinned)
		mdb_txn_abort(sync->pinned);
	if (sync->spare)
		mdb_txn_abort(sync->spare);
	pthread_cond_destroy(&sync->done);
	pthread_cond_destroy(&sync->wake);
	pthread_mutex_destroy(&sync->lock);
}

enum ddb_code store_sync_start(struct store *store, struct ddb_error *err)
{
	struct store_sync_state *sync = &store->sync;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&sync->lock, NULL);
	pthread_cond_init(&sync->wake, &monotonic);
	pthread_cond_init(&sync->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	enum ddb_code code = cycle(store, false, err);
	if (!code) {
		int rc = start_thread(store);
		if (rc)
			code = store_fault(err, rc, "the store's thread cannot be started");
	}
	if (code) {
		sync_done(sync);
		return code;
	}
	sync->running = true;
	return DDB_OK;
}

static void end_thread(struct store_sync_state *sync)
{
	pthread_mutex_lock(&sync->lock);
	sync->stop = true;
	pthread_cond_signal(&sync->wake);
	pthread_mutex_unlock(&sync->lock);
	pthread_join(sync->thread, NULL);
	sync->running = false;
}

/* Should this fail, the next start finds the store as after a crash, and that is what it is. */
static void mark_clean(struct store *store)
{
	if (store->writer.dead || store_state_extend(store->data, false, NULL))
		return;
	enum ddb_code code = cycle(store, true, NULL);
	(void)code;
}

void store_sync_stop(struct store *store, bool clean)
{
	struct store_sync_state *sync = &store->sync;
	if (!sync->running)
		return;
	end_thread(sync);
	if (clean)
		mark_clean(store);
	sync_done(sync);
}
