/*
 * Group commit without a thread of its own. Who finds no writer at work becomes it, runs the jobs that are
 * queued, commits once, and hands the work to the first who came meanwhile; a lone caller never waits for
 * another thread. A job that fails after it has changed something, or a commit that fails, spoils the
 * transaction: then each job runs again in one of its own.
 */
#include "engine/store/branches.h"
#include "engine/store/fault.h"
#include "engine/store/file.h"
#include "engine/store/inside.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	REMOVAL_BYTES = 2 << 10, /* a job that removes records and writes no more is a removal */
	BATCH_BYTES = 16 << 20,  /* changed in one commit, before further jobs wait for the next */
	LARGE_BYTES = 32 << 20,  /* changed by a transaction that takes uncommonly much memory */
};

static const char doing[] = "the store cannot be written";

struct store_request {
	store_job *job; /* NULL: wants to be alone */
	void *context;
	enum ddb_code code;
	struct ddb_error error;
	bool removes; /* more than it writes */
	bool leads, done;
	pthread_cond_t woken;
	struct store_request *next;
};

void store_writer_init(struct store_writer *writer)
{
	memset(writer, 0, sizeof *writer);
	writer->end = &writer->first;
	pthread_mutex_init(&writer->lock, NULL);
}

void store_writer_done(struct store_writer *writer)
{
	assert(!writer->busy && !writer->first);
	pthread_mutex_destroy(&writer->lock);
}

/* ---- The queue ---- */

static void queue_add(struct store_writer *writer, struct store_request *request)
{
	request->next = NULL;
	*writer->end = request;
	writer->end = &request->next;
}

static struct store_request *queue_take(struct store_writer *writer)
{
	struct store_request *request = writer->first;
	writer->first = request->next;
	if (!writer->first)
		writer->end = &writer->first;
	return request;
}

/* Returns when the request leads, being still in the queue, or is done. */
static bool queue_lead(struct store_writer *writer, struct store_request *request)
{
	pthread_mutex_lock(&writer->lock);
	queue_add(writer, request);
	if (!writer->busy) {
		writer->busy = true;
		request->leads = true;
	}
	while (!request->leads && !request->done)
		pthread_cond_wait(&request->woken, &writer->lock);
	pthread_mutex_unlock(&writer->lock);
	return request->leads;
}

/* The lock is held. */
static void queue_hand_over(struct store_writer *writer)
{
	if (!writer->first) {
		writer->busy = false;
		return;
	}
	writer->first->leads = true;
	pthread_cond_signal(&writer->first->woken);
}

static void request_init(struct store_request *request, store_job *job, void *context)
{
	request->job = job;
	request->context = context;
	request->code = DDB_OK;
	request->removes = false;
	request->leads = false;
	request->done = false;
	pthread_cond_init(&request->woken, NULL);
}

void store_writer_enter(struct store_writer *writer)
{
	struct store_request request;
	request_init(&request, NULL, NULL);
	queue_lead(writer, &request);
	pthread_mutex_lock(&writer->lock);
	queue_take(writer);
	pthread_mutex_unlock(&writer->lock);
	pthread_cond_destroy(&request.woken);
}

void store_writer_leave(struct store_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	queue_hand_over(writer);
	pthread_mutex_unlock(&writer->lock);
}

/* ---- One commit ---- */

struct batch {
	struct store_request *first, **end;
	unsigned count;
};

static struct store_request *batch_next(struct store_writer *writer, struct batch *batch)
{
	pthread_mutex_lock(&writer->lock);
	struct store_request *request = NULL;
	if (writer->first && writer->first->job) {
		request = queue_take(writer);
		request->next = NULL;
		*batch->end = request;
		batch->end = &request->next;
		batch->count++;
	}
	pthread_mutex_unlock(&writer->lock);
	return request;
}

static void writer_panic(struct store *store)
{
	store->environment.panicked = true;
	store->writer.dead = true;
}

static enum ddb_code txn_open(struct store *store, struct store_txn *txn, struct ddb_error *err)
{
	*txn = (struct store_txn){.store = store, .writes = true, .only_removes = true};
	int rc = store->environment.mdb ? mdb_txn_begin(store->environment.mdb, NULL, 0, &txn->mdb)
					: MDB_PANIC;
	if (rc == MDB_PANIC)
		writer_panic(store);
	return rc ? store_fault(err, rc, doing) : DDB_OK;
}

static enum ddb_code txn_begin(struct store *store, struct store_txn *txn, struct ddb_error *err)
{
	enum ddb_code code = store_health_glance(store, err);
	if (!code)
		code = txn_open(store, txn, err);
	if (code)
		store_health_note(store, STORE_WRITING, code, err);
	return code;
}

/* False: the transaction has to be aborted. */
static bool job_run(struct store_txn *txn, struct store_request *request)
{
	struct ddb_error broken;
	txn->broken = DDB_OK;
	txn->broken_error = &broken;
	txn->changes = 0;
	txn->removed = 0;
	txn->put_bytes = 0;
	txn->crowded = false;
	request->error.code = DDB_INTERNAL;
	request->error.message[0] = '\0';
	request->code = request->job(txn, request->context, &request->error);
	if (txn->broken) {
		request->code = txn->broken;
		request->error = broken;
		store_health_note(txn->store, STORE_WRITING, txn->broken, &broken);
	}
	txn->all_changes += txn->changes;
	request->removes = txn->removed && txn->put_bytes <= REMOVAL_BYTES;
	txn->only_removes &= request->removes || !txn->changes;
	if (txn->crowded)
		return false;
	if (request->code == DDB_DAMAGED) /* LMDB gives up a transaction that has met a bad page */
		return false;
	return !request->code || !txn->changes;
}

/* LMDB shows only to the next transaction that it has given up. */
static void find_dead(struct store *store)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->environment.mdb, NULL, 0, &txn);
	if (rc == MDB_PANIC)
		writer_panic(store);
	if (!rc)
		mdb_txn_abort(txn);
}

static enum ddb_code txn_commit(struct store_txn *txn, struct ddb_error *err)
{
	struct store *store = txn->store;
	int rc = txn->only_removes ? 0 : store_reserve_check(txn);
	if (rc) {
		mdb_txn_abort(txn->mdb);
	} else if ((rc = mdb_txn_commit(txn->mdb))) {
		find_dead(store);
		rc = store_environment_failure(&store->environment, rc);
	}
	if (rc) {
		enum ddb_code code = store_fault(err, rc, doing);
		store_health_note(store, STORE_WRITING, code, err);
		return code;
	}
	store_health_note(store, STORE_WRITING, DDB_OK, NULL);
	if (txn->all_changes)
		store_sync_committed(store, txn->bytes);
	return DDB_OK;
}

/* What one large transaction has freed the C library keeps for another, which may never come. */
static void give_back(const struct store_txn *txn)
{
	if (txn->bytes > LARGE_BYTES)
		(void)malloc_trim(0);
}

static void run_alone(struct store *store, struct store_request *request)
{
	struct store_txn txn;
	request->code = txn_begin(store, &txn, &request->error);
	if (request->code)
		return;
	job_run(&txn, request);
	if (request->code)
		mdb_txn_abort(txn.mdb);
	else
		request->code = txn_commit(&txn, &request->error);
	give_back(&txn);
}

/* Runs what is queued; false: the transaction has to be aborted. */
static bool batch_drain(struct store_txn *txn, struct batch *batch)
{
	while (txn->job + txn->more_jobs + 1 < STORE_JOBS_MAX && txn->bytes < BATCH_BYTES) {
		struct store_request *request = batch_next(&txn->store->writer, batch);
		if (!request)
			return true;
		txn->job += 1 + txn->more_jobs;
		txn->more_jobs = 0;
		if (!job_run(txn, request))
			return false;
	}
	return true;
}

/*
 * Where commits were shared lately, those who shared the last one are about to come again: letting them run
 * first saves most commits, and with each its pages. A lone caller never gets here.
 */
static bool batch_fill(struct store_txn *txn, struct batch *batch)
{
	struct store_writer *writer = &txn->store->writer;
	if (!batch_drain(txn, batch))
		return false;
	if (batch->count < writer->crowd) {
		sched_yield();
		if (!batch_drain(txn, batch))
			return false;
	}
	unsigned faded = (writer->crowd + batch->count) / 2;
	writer->crowd = batch->count > faded ? batch->count : faded;
	return true;
}

/* The jobs that have been queued until now, and those that come while they run, in one commit. */
static void batch_run(struct store *store, struct batch *batch)
{
	struct store_txn txn;
	struct ddb_error error;
	struct store_request *request = batch_next(&store->writer, batch);
	request->code = txn_begin(store, &txn, &request->error);
	if (request->code)
		return;
	bool sound = job_run(&txn, request);
	if (sound)
		sound = batch_fill(&txn, batch);
	enum ddb_code code = DDB_OK;
	if (!sound || !txn.all_changes) /* where nothing was changed there is nothing to commit */
		mdb_txn_abort(txn.mdb);
	else
		code = txn_commit(&txn, &error);
	give_back(&txn);
	if (sound && !code)
		return;
	if (batch->count > 1) {
		for (request = batch->first; request; request = request->next)
			run_alone(store, request);
	} else if (code && !batch->first->code) {
		batch->first->code = code;
		batch->first->error = error;
	}
}

static void lead(struct store *store, struct store_request *own)
{
	struct store_writer *writer = &store->writer;
	struct batch batch = {NULL, &batch.first, 0};
	batch_run(store, &batch);
	uint64_t jobs = 0;
	pthread_mutex_lock(&writer->lock);
	for (struct store_request *request = batch.first, *next; request; request = next) {
		next = request->next;
		jobs += !request->code;
		request->done = true;
		if (request != own)
			pthread_cond_signal(&request->woken);
	}
	queue_hand_over(writer);
	pthread_mutex_unlock(&writer->lock);
	writer->jobs += jobs;
}

static enum ddb_code submit(struct store *store, struct store_request *request)
{
	enum ddb_code code = DDB_OK;
	if (store->writer.dead)
		code = store_sync_revive(store, &request->error);
	if (code)
		return request->code = code;
	store_sync_throttle(store);
	request->leads = false;
	request->done = false;
	if (queue_lead(&store->writer, request))
		lead(store, request);
	return request->code;
}

/* Once more, with the room that only removing may use. */
static enum ddb_code submit_removal(struct store *store, struct store_request *request)
{
	store_reserve_begin(store);
	enum ddb_code code = submit(store, request);
	store_reserve_end(store);
	return code;
}

enum ddb_code store_write(
	struct store *store, store_job *job, void *context, bool sync, struct ddb_error *err)
{
	if (store->branch)
		return store_branch_write(store->branch, job, context, err);
	if (store->read_only)
		return ddb_fail(err, DDB_ACCESS_DENIED, "store %s is open for reading only", store->path);
	struct store_request request;
	request_init(&request, job, context);
	enum ddb_code code = submit(store, &request);
	/* Pages that were freed lately are kept for the state that a power loss goes back to; a newer state
	 * sets them free. */
	if (code == DDB_STORE_FULL && !store_sync(store, NULL))
		code = submit(store, &request);
	if (code == DDB_STORE_FULL && request.removes)
		code = submit_removal(store, &request);
	pthread_cond_destroy(&request.woken);
	if (code && err)
		*err = request.error;
	if (code)
		return code;
	return sync || store->always_sync ? store_sync(store, err) : DDB_OK;
}

/* ---- What jobs do ---- */

enum ddb_code store_put(struct store_txn *txn, const void *key, size_t key_length, const void *head,
	size_t head_length, const void *body, size_t body_length, struct ddb_error *err)
{
	uint8_t *value;
	assert(txn->writes);
	if (head_length > STORE_HEAD_MAX)
		return ddb_fail(err, DDB_INTERNAL, "a record's head cannot have %zu bytes", head_length);
	if (body_length > STORE_BODY_MAX)
		return ddb_fail(err, DDB_ITEM_TOO_LARGE, "a record cannot have %zu bytes", body_length);
	size_t size = store_seal_size(head_length, body_length);
	enum ddb_code code = txn->store->branch
				     ? store_branch_reserve(txn, key, key_length, size, &value, err)
				     : store_keyspace_reserve(txn, key, key_length, size, &value, err);
	if (code)
		return code;
	txn->put_bytes += key_length + head_length + body_length;
	store_seal(txn->store->keys, key, key_length, head, head_length, body, body_length, value);
	return DDB_OK;
}

enum ddb_code store_delete(
	struct store_txn *txn, const void *key, size_t key_length, bool *ret_existed, struct ddb_error *err)
{
	bool existed;
	assert(txn->writes);
	enum ddb_code code = txn->store->branch ? store_branch_delete(txn, key, key_length, &existed, err)
						: store_keyspace_delete(txn, key, key_length, &existed, err);
	txn->removed += !code && existed;
	if (!code && ret_existed)
		*ret_existed = existed;
	return code;
}

uint64_t store_txn_number(const struct store_txn *txn)
{
	if (txn->store->branch)
		return store_branch_txn_number(txn);
	return (uint64_t)mdb_txn_id(txn->mdb) * STORE_JOBS_MAX +
	       (txn->writes ? txn->job : STORE_JOBS_MAX - 1);
}

enum ddb_code store_txn_take_numbers(struct store_txn *txn, unsigned count, struct ddb_error *err)
{
	assert(txn->writes && !txn->more_jobs && count <= STORE_NUMBERS_MAX);
	if (txn->store->branch) {
		store_branch_take_numbers(txn, count);
		return DDB_OK;
	}
	txn->crowded = txn->job + count >= STORE_JOBS_MAX;
	if (txn->crowded)
		return ddb_fail(err, DDB_TRANSACTION_CONFLICT, "%s: too many changes in one commit", doing);
	txn->more_jobs = count;
	return DDB_OK;
}
