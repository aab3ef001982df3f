/*
 * The LMDB environment and its pool of read transactions. Commits never wait for the disk (sync.c does that);
 * the map is far larger than any disk, so what runs out is the disk. The lock file is nobody else's: the
 * store has one owner.
 */
#include "engine/store/branches.h"
#include "engine/store/fault.h"
#include "engine/store/file.h"
#include "engine/store/inside.h"
#include "engine/store/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

#ifdef UNDER_TSAN
static const size_t map_bytes = (size_t)64 << 30;
#else
static const size_t map_bytes = STORE_MAP_BYTES;
#endif
static const size_t map_bytes_min = (size_t)1 << 30;

enum {
	READERS_MAX = 500,
	LOCK_BYTES = 32 << 10, /* room for as many */
	TREES_MAX = 4,
	DRAIN_MS = 1000,
	PROBE_BYTES = 1 << 20,
	BRANCHES_BYTES_MAX = 256 << 20,
};

/*
 * `data` is LMDB's main tree, which also holds the names of the others: so a view finds its records without a
 * look-up of their tree, and a commit writes a page less. Names are longer than any record's key there, and
 * come last.
 */
#define FF_8 "\xff\xff\xff\xff\xff\xff\xff\xff"
#define FF_56 FF_8 FF_8 FF_8 FF_8 FF_8 FF_8 FF_8
#define FF_504 FF_56 FF_56 FF_56 FF_56 FF_56 FF_56 FF_56 FF_56 FF_56
_Static_assert(sizeof FF_504 - 1 > STORE_CHUNK + 1, "names of trees");

static const struct {
	const char *name;
	size_t offset; /* of its handle */
} trees[] = {
	{NULL, offsetof(struct store_environment, data)},
	{FF_504 "long", offsetof(struct store_environment, longs)},
	{FF_504 "meta", offsetof(struct store_environment, meta)},
};

bool store_environment_is_name(const MDB_val *key)
{
	return key->mv_size == sizeof FF_504 - 1 + 4 && !memcmp(key->mv_data, FF_504, sizeof FF_504 - 1);
}

/* Behind the last page of the file there is nothing to lose. */
int store_environment_failure(struct store_environment *environment, int rc)
{
	MDB_envinfo info;
	MDB_stat stat;
	int file;
	if (rc != EIO || mdb_env_info(environment->mdb, &info) || mdb_env_stat(environment->mdb, &stat) ||
		mdb_env_get_fd(environment->mdb, &file))
		return rc;
	void *zeros = calloc(1, PROBE_BYTES);
	if (!zeros)
		return rc;
	off_t end = (off_t)((info.me_last_pgno + 1) * stat.ms_psize);
	int probed = store_file_write_at(file, zeros, PROBE_BYTES, end);
	free(zeros);
	if (ftruncate(file, end))
		return rc;
	return store_fault_is_full(probed) ? probed : rc;
}

static int open_trees(struct store_environment *environment)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(environment->mdb, NULL, environment->read_only ? MDB_RDONLY : 0, &txn);
	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof trees / sizeof *trees && !rc; i++) {
		MDB_dbi *handle = (MDB_dbi *)((char *)environment + trees[i].offset);
		rc = mdb_dbi_open(txn, trees[i].name, environment->read_only ? 0 : MDB_CREATE, handle);
	}
	if (!rc) /* handles of an aborted transaction would be closed */
		return store_environment_failure(environment, mdb_txn_commit(txn));
	mdb_txn_abort(txn);
	return rc;
}

static void assertion(MDB_env *env, const char *text)
{
	struct store_environment *environment = mdb_env_get_userctx(env);
	(void)text; /* LMDB prints it before it aborts */
	store_verify_assertion(environment->guard);
}

/*
 * LMDB maps its lock file and writes to it through the map, where a full disk would be a SIGBUS: so the file
 * has its room before. LMDB makes its contents anew.
 */
static int make_lock_file(const struct store_environment *environment)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/%s", environment->path, STORE_LOCK_NAME) >= (int)sizeof path)
		return ENAMETOOLONG;
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0)
		return errno;
	int rc = ftruncate(file, LOCK_BYTES) ? errno : posix_fallocate(file, 0, LOCK_BYTES);
	close(file);
	return rc;
}

/* A limit of the address space may forbid the whole map: ENOMEM says so, EINVAL under valgrind. */
static int open_mapped(struct store_environment *environment)
{
	unsigned flags = MDB_NOTLS | (environment->read_only ? MDB_RDONLY | MDB_NOLOCK : MDB_NOSYNC);
	int rc = ENOMEM;
	for (size_t size = map_bytes; (rc == ENOMEM || rc == EINVAL) && size >= map_bytes_min; size /= 4) {
		rc = mdb_env_create(&environment->mdb);
		if (rc) {
			environment->mdb = NULL;
			return rc;
		}
		if (!(rc = mdb_env_set_maxreaders(environment->mdb, READERS_MAX)) &&
			!(rc = mdb_env_set_maxdbs(environment->mdb, TREES_MAX)) &&
			!(rc = mdb_env_set_userctx(environment->mdb, environment)) &&
			!(rc = mdb_env_set_assert(environment->mdb, assertion)) &&
			!(rc = mdb_env_set_mapsize(environment->mdb, size)))
			rc = mdb_env_open(environment->mdb, environment->path, flags, 0600);
		if (!rc)
			return 0;
		mdb_env_close(environment->mdb);
		environment->mdb = NULL;
	}
	return rc;
}

static enum ddb_code environment_start(struct store_environment *environment, struct ddb_error *err)
{
	int rc = environment->read_only ? 0 : make_lock_file(environment);
	if (!rc)
		rc = open_mapped(environment);
	if (!rc && (rc = open_trees(environment))) {
		mdb_env_close(environment->mdb);
		environment->mdb = NULL;
	}
	return rc ? store_fault(err, rc, "the store's data file cannot be opened") : DDB_OK;
}

enum ddb_code store_environment_open(
	struct store_environment *environment, const char *path, bool read_only, struct ddb_error *err)
{
	memset(environment, 0, sizeof *environment);
	environment->read_only = read_only;
	environment->branch_memory.bytes_max = BRANCHES_BYTES_MAX;
	environment->path = strdup(path);
	if (!environment->path)
		return ddb_fail_memory(err);
	enum ddb_code code = environment_start(environment, err);
	if (code) {
		free(environment->path);
		environment->path = NULL;
		return code;
	}
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&environment->lock, NULL);
	pthread_mutex_init(&environment->verifying, NULL);
	pthread_cond_init(&environment->drained, &monotonic);
	pthread_cond_init(&environment->opened, NULL);
	pthread_condattr_destroy(&monotonic);
	return DDB_OK;
}

static void free_idle(struct store_environment *environment)
{
	while (environment->idle) {
		struct store_txn *view = environment->idle;
		environment->idle = view->next;
		mdb_txn_abort(view->mdb);
		free(view);
	}
}

void store_environment_close(struct store_environment *environment)
{
	free_idle(environment);
	if (environment->mdb)
		mdb_env_close(environment->mdb);
	pthread_cond_destroy(&environment->opened);
	pthread_cond_destroy(&environment->drained);
	pthread_mutex_destroy(&environment->verifying);
	pthread_mutex_destroy(&environment->lock);
	free(environment->path);
}

/* Waits, for a while, until no view is open, and lets none be opened; false: some view stays. Branches, which
 * would stay, are dropped. */
static bool drain(struct store_environment *environment)
{
	struct timespec deadline;
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += DRAIN_MS / 1000;
	pthread_mutex_lock(&environment->lock);
	environment->closed = true;
	pthread_mutex_unlock(&environment->lock);
	store_branches_drop(environment, "The view has ended: the store had to be opened anew");
	pthread_mutex_lock(&environment->lock);
	while (environment->active &&
		pthread_cond_timedwait(&environment->drained, &environment->lock, &deadline) != ETIMEDOUT)
		;
	bool drained = !environment->active;
	pthread_mutex_unlock(&environment->lock);
	return drained;
}

static void admit(struct store_environment *environment)
{
	pthread_mutex_lock(&environment->lock);
	environment->closed = false;
	pthread_cond_broadcast(&environment->opened);
	pthread_mutex_unlock(&environment->lock);
}

enum ddb_code store_environment_reopen(struct store_environment *environment, struct ddb_error *err)
{
	enum ddb_code code;
	if (drain(environment)) {
		free_idle(environment);
		if (environment->mdb)
			mdb_env_close(environment->mdb);
		environment->mdb = NULL;
		code = environment_start(environment, err);
		environment->panicked = code != DDB_OK;
	} else {
		code = ddb_fail(
			err, DDB_INTERNAL, "the store cannot recover from a failed write: views are open");
	}
	admit(environment);
	return code;
}

/* ---- Views ---- */

unsigned store_environment_views(struct store_environment *environment)
{
	pthread_mutex_lock(&environment->lock);
	unsigned count = environment->active;
	pthread_mutex_unlock(&environment->lock);
	return count;
}

static struct store_txn *view_take(struct store_environment *environment)
{
	pthread_mutex_lock(&environment->lock);
	while (environment->closed)
		pthread_cond_wait(&environment->opened, &environment->lock);
	environment->active++;
	struct store_txn *view = environment->idle;
	if (view)
		environment->idle = view->next;
	pthread_mutex_unlock(&environment->lock);
	return view ? view : calloc(1, sizeof *view);
}

static void view_return(struct store_environment *environment, struct store_txn *view)
{
	pthread_mutex_lock(&environment->lock);
	if (view) {
		view->next = environment->idle;
		environment->idle = view;
	}
	if (!--environment->active && environment->closed)
		pthread_cond_signal(&environment->drained);
	pthread_mutex_unlock(&environment->lock);
}

static int view_begin(struct store_environment *environment, struct store_txn *view)
{
	if (view->mdb)
		return mdb_txn_renew(view->mdb);
	if (!environment->mdb)
		return MDB_PANIC;
	return mdb_txn_begin(environment->mdb, NULL, MDB_RDONLY, &view->mdb);
}

/* MDB_PANIC: LMDB has to be reopened first. */
static int view_open(struct store *store, struct store_txn **ret)
{
	struct store_environment *environment = &store->environment;
	struct store_txn *view = view_take(environment);
	int rc = ENOMEM;
	if (view) {
		view->store = store;
		rc = view_begin(environment, view);
	}
	if (!rc) {
		*ret = view;
		return 0;
	}
	if (view && view->mdb)
		mdb_txn_abort(view->mdb);
	free(view);
	view_return(environment, NULL);
	return rc;
}

enum ddb_code store_view(struct store *store, struct store_txn **ret, struct ddb_error *err)
{
	if (store->branch)
		return store_branch_view(store->branch, ret, err);
	int rc = view_open(store, ret);
	if (rc == MDB_PANIC) {
		store->environment.panicked = true;
		store->writer.dead = true;
		if (store_sync_revive(store, err) && store->environment.panicked)
			return DDB_INTERNAL;
		rc = view_open(store, ret);
	}
	return rc ? store_fault(err, rc, "the store cannot be read") : DDB_OK;
}

void store_view_end(struct store_txn *view)
{
	if (!view)
		return;
	if (view->store->branch) {
		store_branch_view_end(view);
		return;
	}
	mdb_txn_reset(view->mdb);
	view_return(&view->store->environment, view);
}
