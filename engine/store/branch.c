/*
 * A branch's life, its views and jobs. A view of the base holds the moment; what the branch changes is kept
 * beside it. Whoever has entered the branch has its moment and its changes until he leaves, also when it is
 * dropped meanwhile: then he lets go of them. So nobody ever waits for a branch to be dropped.
 */
#include "engine/store/branch.h"
#include "engine/order.h"
#include "engine/store/branches.h"
#include "engine/store/fault.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BRANCHES_MAX = 128, /* of the readers that LMDB has, some have to be left to short views */
	WHY_MAX = 256,
};

struct store_branch {
	struct store self; /* what its users have; most of it is unused */
	struct store *base;
	uint64_t number; /* of the moment */
	bool read_only;
	pthread_mutex_t lock;
	pthread_cond_t left;
	bool busy; /* somebody has entered; the moment, the changes and `txn` are his */
	unsigned waiting;
	bool dropped;
	char why[WHY_MAX];
	size_t bytes;             /* of the changes when it was left last */
	struct store_txn *moment; /* NULL: let go of */
	struct store_changes changes;
	uint64_t taken; /* numbers behind the moment's, by jobs */
	uint64_t own;   /* of them, the running job's */
	struct store_txn txn;
	struct store_branch *next, **link; /* in the environment's list; its lock is held */
};

static struct store_branch *branch_of(const struct store_txn *view)
{
	assert(view->store->branch);
	return view->store->branch;
}

struct store_txn *store_branch_moment(const struct store_txn *view)
{
	return branch_of(view)->moment;
}

const struct store_changes *store_branch_map(const struct store_txn *view)
{
	return &branch_of(view)->changes;
}

/* ---- Entering and leaving ---- */

/* The moment, if it is to be ended now, which is done without the lock. The lock is held. */
static struct store_txn *let_go(struct store_branch *branch)
{
	if (branch->busy || !branch->dropped)
		return NULL;
	struct store_txn *moment = branch->moment;
	branch->moment = NULL;
	store_changes_clear(&branch->changes);
	branch->bytes = 0;
	return moment;
}

static enum ddb_code branch_enter(struct store_branch *branch, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	pthread_mutex_lock(&branch->lock);
	branch->waiting++;
	while (branch->busy && !branch->dropped)
		pthread_cond_wait(&branch->left, &branch->lock);
	branch->waiting--;
	if (branch->dropped)
		code = ddb_fail(err, DDB_VIEW_ENDED, "%s", branch->why);
	else
		branch->busy = true;
	if (code)
		pthread_cond_broadcast(&branch->left); /* who closes it waits for those who wait */
	pthread_mutex_unlock(&branch->lock);
	return code;
}

static void branch_leave(struct store_branch *branch)
{
	pthread_mutex_lock(&branch->lock);
	branch->busy = false;
	branch->bytes = branch->changes.bytes;
	struct store_txn *moment = let_go(branch);
	pthread_cond_broadcast(&branch->left);
	pthread_mutex_unlock(&branch->lock);
	store_view_end(moment);
}

/* Returns the moment, if it is to be ended. */
static struct store_txn *branch_drop(struct store_branch *branch, const char *why)
{
	pthread_mutex_lock(&branch->lock);
	if (!branch->dropped)
		snprintf(branch->why, sizeof branch->why, "%s", why);
	branch->dropped = true;
	struct store_txn *moment = let_go(branch);
	pthread_cond_broadcast(&branch->left);
	pthread_mutex_unlock(&branch->lock);
	return moment;
}

void store_branch_drop(struct store *branch, const char *why)
{
	store_view_end(branch_drop(branch->branch, why));
}

bool store_branch_dropped(struct store *branch)
{
	pthread_mutex_lock(&branch->branch->lock);
	bool dropped = branch->branch->dropped;
	pthread_mutex_unlock(&branch->branch->lock);
	return dropped;
}

uint64_t store_branch_number(const struct store *branch)
{
	return branch->branch->number;
}

size_t store_branch_bytes(struct store *branch)
{
	pthread_mutex_lock(&branch->branch->lock);
	size_t bytes = branch->branch->bytes;
	pthread_mutex_unlock(&branch->branch->lock);
	return bytes;
}

/* ---- The environment's list ---- */

static enum ddb_code take_place(struct store_environment *environment, struct ddb_error *err)
{
	pthread_mutex_lock(&environment->lock);
	bool room = environment->branch_count < BRANCHES_MAX;
	environment->branch_count += room;
	pthread_mutex_unlock(&environment->lock);
	return room ? DDB_OK
		    : ddb_fail(err, DDB_LIMIT_EXCEEDED,
			      "No more than %d transactions and snapshots can be open at a time",
			      BRANCHES_MAX);
}

static void give_place_back(struct store_environment *environment)
{
	pthread_mutex_lock(&environment->lock);
	environment->branch_count--;
	pthread_mutex_unlock(&environment->lock);
}

/* False: LMDB is about to be reopened, and the moment must not stay. */
static bool list_add(struct store_environment *environment, struct store_branch *branch)
{
	pthread_mutex_lock(&environment->lock);
	bool open = !environment->closed;
	if (open) {
		branch->next = environment->branches;
		branch->link = &environment->branches;
		if (branch->next)
			branch->next->link = &branch->next;
		environment->branches = branch;
	}
	pthread_mutex_unlock(&environment->lock);
	return open;
}

static void list_remove(struct store_environment *environment, struct store_branch *branch)
{
	pthread_mutex_lock(&environment->lock);
	*branch->link = branch->next;
	if (branch->next)
		branch->next->link = branch->link;
	environment->branch_count--;
	pthread_mutex_unlock(&environment->lock);
}

uint64_t store_branches_oldest(struct store_environment *environment)
{
	uint64_t oldest = UINT64_MAX;
	pthread_mutex_lock(&environment->lock);
	for (struct store_branch *branch = environment->branches; branch; branch = branch->next) {
		uint64_t number = branch->number / STORE_JOBS_MAX;
		pthread_mutex_lock(&branch->lock);
		if (branch->moment && number < oldest)
			oldest = number;
		pthread_mutex_unlock(&branch->lock);
	}
	pthread_mutex_unlock(&environment->lock);
	return oldest;
}

void store_branches_drop(struct store_environment *environment, const char *why)
{
	struct store_txn *moments = NULL;
	pthread_mutex_lock(&environment->lock);
	for (struct store_branch *branch = environment->branches; branch; branch = branch->next) {
		struct store_txn *moment = branch_drop(branch, why);
		if (!moment)
			continue;
		moment->next = moments;
		moments = moment;
	}
	pthread_mutex_unlock(&environment->lock);
	for (struct store_txn *next; moments; moments = next) {
		next = moments->next;
		store_view_end(moments);
	}
}

/* ---- Opening and closing ---- */

static enum ddb_code take_moment(struct store_branch *branch, struct ddb_error *err)
{
	for (;;) {
		enum ddb_code code = store_view(branch->base, &branch->moment, err);
		if (code)
			return code;
		branch->number = store_txn_number(branch->moment);
		if (list_add(&branch->base->environment, branch))
			return DDB_OK;
		store_view_end(branch->moment);
	}
}

static void branch_free(struct store_branch *branch)
{
	pthread_cond_destroy(&branch->left);
	pthread_mutex_destroy(&branch->lock);
	free(branch);
}

enum ddb_code store_branch_open(struct store *base, const struct store_branch_options *options,
	struct store **ret, struct ddb_error *err)
{
	assert(!base->branch);
	enum ddb_code code = take_place(&base->environment, err);
	if (code)
		return code;
	struct store_branch *branch = calloc(1, sizeof *branch);
	if (!branch) {
		give_place_back(&base->environment);
		return ddb_fail_memory(err);
	}
	branch->self.branch = branch;
	branch->self.keys = base->keys;
	branch->self.path = base->path;
	branch->base = base;
	branch->read_only = options->read_only;
	pthread_mutex_init(&branch->lock, NULL);
	pthread_cond_init(&branch->left, NULL);
	store_changes_init(&branch->changes, options->memory_max, &base->environment.branch_memory);
	code = take_moment(branch, err);
	if (code) {
		branch_free(branch);
		give_place_back(&base->environment);
		return code;
	}
	*ret = &branch->self;
	return DDB_OK;
}

void store_branch_close(struct store_branch *branch)
{
	store_view_end(branch_drop(branch, "The view is closed"));
	pthread_mutex_lock(&branch->lock);
	while (branch->busy || branch->waiting)
		pthread_cond_wait(&branch->left, &branch->lock);
	pthread_mutex_unlock(&branch->lock);
	list_remove(&branch->base->environment, branch);
	branch_free(branch);
}

void store_branch_status(struct store_branch *branch, struct store_status *ret)
{
	store_status(branch->base, ret);
}

/* ---- Views and jobs ---- */

enum ddb_code store_branch_view(struct store_branch *branch, struct store_txn **ret, struct ddb_error *err)
{
	enum ddb_code code = branch_enter(branch, err);
	if (code)
		return code;
	branch->txn = (struct store_txn){.store = &branch->self};
	*ret = &branch->txn;
	return DDB_OK;
}

void store_branch_view_end(struct store_txn *view)
{
	branch_leave(branch_of(view));
}

static enum ddb_code job_run(
	struct store_branch *branch, store_job *job, void *context, struct ddb_error *error)
{
	struct ddb_error broken;
	struct store_txn *txn = &branch->txn;
	*txn = (struct store_txn){.store = &branch->self, .writes = true, .broken_error = &broken};
	branch->own = ++branch->taken;
	enum ddb_code code = job(txn, context, error);
	if (txn->broken) {
		code = txn->broken;
		*error = broken;
	}
	if (code)
		store_changes_undo(&branch->changes);
	else
		store_changes_keep(&branch->changes);
	return code;
}

enum ddb_code store_branch_write(
	struct store_branch *branch, store_job *job, void *context, struct ddb_error *err)
{
	struct ddb_error error = {.code = DDB_INTERNAL};
	if (branch->read_only)
		return ddb_fail(err, DDB_STORE_READ_ONLY, "A snapshot cannot be written to");
	enum ddb_code code = branch_enter(branch, err);
	if (code)
		return code;
	code = job_run(branch, job, context, &error);
	branch_leave(branch);
	if (code && err)
		*err = error;
	return code;
}

uint64_t store_branch_txn_number(const struct store_txn *view)
{
	const struct store_branch *branch = branch_of(view);
	return branch->number + (view->writes ? branch->own : branch->taken);
}

void store_branch_take_numbers(struct store_txn *txn, unsigned count)
{
	branch_of(txn)->taken += count;
	txn->more_jobs = count;
}

/* ---- Records ---- */

enum ddb_code store_branch_find(
	struct store_txn *view, const void *key, size_t length, MDB_val *ret, struct ddb_error *err)
{
	const struct store_branch *branch = branch_of(view);
	const struct store_change *change = store_changes_find(&branch->changes, key, length);
	if (!change)
		return store_keyspace_get(branch->moment, key, length, ret, err);
	if (!change->now.bytes)
		return store_absent(err);
	*ret = (MDB_val){change->now.length, change->now.bytes};
	return DDB_OK;
}

/* As in the base: a job that a change has failed in cannot succeed, whatever it makes of that. */
static enum ddb_code broken(
	struct store_txn *txn, enum ddb_code code, const struct ddb_error *error, struct ddb_error *err)
{
	if (!txn->broken) {
		txn->broken = code;
		*txn->broken_error = *error;
	}
	if (err)
		*err = *error;
	return code;
}

enum ddb_code store_branch_reserve(struct store_txn *txn, const void *key, size_t length, size_t value_length,
	uint8_t **ret, struct ddb_error *err)
{
	struct ddb_error error;
	enum ddb_code code = store_keyspace_check(length, err);
	if (code)
		return code;
	code = store_changes_put(&branch_of(txn)->changes, key, length, value_length, ret, &error);
	return code ? broken(txn, code, &error, err) : DDB_OK;
}

enum ddb_code store_branch_delete(
	struct store_txn *txn, const void *key, size_t length, bool *ret_existed, struct ddb_error *err)
{
	struct ddb_error error;
	MDB_val value;
	enum ddb_code code = store_branch_find(txn, key, length, &value, err);
	*ret_existed = !code;
	if (code)
		return code == DDB_RESOURCE_NOT_FOUND ? DDB_OK : code;
	code = store_changes_delete(&branch_of(txn)->changes, key, length, &error);
	return code ? broken(txn, code, &error, err) : DDB_OK;
}

enum ddb_code store_branch_get(struct store_txn *view, struct ddb_arena *arena, const void *key,
	size_t key_length, bool want_body, struct store_value *ret, struct ddb_error *err)
{
	return store_get(store_branch_moment(view), arena, key, key_length, want_body, ret, err);
}

enum ddb_code store_branch_changes(struct store_txn *view, const void *from, size_t from_length,
	const void *to, size_t to_length, store_branch_visit *visit, void *context, struct ddb_error *err)
{
	const struct store_changes *changes = store_branch_map(view);
	struct store_change *change = store_changes_seek(changes, from, from_length);
	for (; change; change = change->next[0]) {
		const uint8_t *key = store_change_key(change);
		if (to && ddb_bytes_order(key, change->key_length, to, to_length) >= 0)
			return DDB_OK;
		enum ddb_code code = visit(context, view, key, change->key_length, !change->now.bytes, err);
		if (code)
			return code;
	}
	return DDB_OK;
}
