/*
 * Bytes in order on LMDB: keys of any length up to STORE_KEY_MAX in exact byte order, values sealed with
 * their key as associated data (a changed, swapped, truncated or moved record is an error, never data), one
 * writer with group commit. Knows nothing of tables. Threads: any; a read view or a write transaction belongs
 * to one thread at a time.
 *
 * Durability: a committed write survives the death of the process at once. It survives power loss after
 * store_sync, or 100 ms later; a power loss costs a suffix of the commits, never more (see anchor.c).
 */
#ifndef DDB_STORE_H
#define DDB_STORE_H

#include "engine/arena.h"
#include "engine/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STORE_FORMAT = 1,
	STORE_KEY_MAX = 4400, /* bytes */
	STORE_HEAD_MAX = 256, /* bytes */
	STORE_HASH_BYTES = 16,
	STORE_NUMBERS_MAX = 255,
};

struct store;

/* Another master key for the store that is opened. */
struct store_rekey {
	const char *keyfile; /* the new one; NULL: a new STORE/master.key is made */
	bool make;           /* the file, which must not be there yet */
};

struct store_options {
	const char *keyfile;
	const char *mountpoint;
	bool sync;
	bool read_only;
	bool must_exist;
	const struct store_rekey *rekey; /* or NULL; with must_exist. After a failure the key is either one,
					    and both files are there. */
	void (*notice)(void *context, const char *text); /* the store is gone, or back; any thread; or NULL */
	void *notice_context;
};

/* Errors as ddb_local_open's. */
DDB_MUST_CHECK enum ddb_code store_open(
	const char *path, const struct store_options *options, struct store **ret, struct ddb_error *err);
/* Everything durable; all views must be closed. */
void store_close(struct store *store);

/* A keyed hash: equal input, equal hash; says nothing to one without the key. */
void store_hash(struct store *store, const void *bytes, size_t length, uint8_t ret[STORE_HASH_BYTES]);

/* ---- Reading ---- */

struct store_txn; /* a read view or a write transaction */

/* A consistent view. Short-lived: no longer than one request. */
DDB_MUST_CHECK enum ddb_code store_view(struct store *store, struct store_txn **ret, struct ddb_error *err);
void store_view_end(struct store_txn *view); /* NULL is fine */

/*
 * A value has two sealed parts: a small head that can be read alone (at O(1), whatever the body's size) and a
 * body. Both are copied into the arena. The body is read only when `want_body`.
 */
struct store_value {
	const uint8_t *head, *body;
	size_t head_length, body_length; /* body_length is the true one also when the body was not read */
};
/* DDB_RESOURCE_NOT_FOUND (with an empty message) when there is none; DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code store_get(struct store_txn *txn, struct ddb_arena *arena, const void *key,
	size_t key_length, bool want_body, struct store_value *ret, struct ddb_error *err);

/*
 * A place in the order of keys. After any write in the same transaction a cursor must be sought again. A
 * cursor ends before its transaction. seek: the first key >= the given one; seek_before: the last key < the
 * given one. False in *ret_found at the end.
 */
struct store_cursor;
DDB_MUST_CHECK enum ddb_code store_cursor_open(
	struct store_txn *txn, struct store_cursor **ret, struct ddb_error *err);
void store_cursor_close(struct store_cursor *cursor); /* NULL is fine */
DDB_MUST_CHECK enum ddb_code store_cursor_seek(
	struct store_cursor *cursor, const void *key, size_t length, bool *ret_found, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_cursor_seek_before(
	struct store_cursor *cursor, const void *key, size_t length, bool *ret_found, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_cursor_next(
	struct store_cursor *cursor, bool *ret_found, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_cursor_previous(
	struct store_cursor *cursor, bool *ret_found, struct ddb_error *err);
/* The whole key, valid until the cursor moves. */
void store_cursor_key(const struct store_cursor *cursor, const uint8_t **ret, size_t *ret_length);
DDB_MUST_CHECK enum ddb_code store_cursor_value(struct store_cursor *cursor, struct ddb_arena *arena,
	bool want_body, struct store_value *ret, struct ddb_error *err);

/* ---- Writing ---- */

/*
 * Runs `job` in a write transaction and returns when that is committed (and, with `sync`, safe from power
 * loss). Jobs of several threads are grouped into one commit. A job may be run again from its start when a
 * commit fails or a neighbour has spoiled the transaction, so it must depend on nothing but its input and set
 * its outputs afresh. When a job returns an error, none of its writes stay, and the error is store_write's. A
 * job must not call store_write.
 */
typedef enum ddb_code store_job(struct store_txn *txn, void *context, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_write(
	struct store *store, store_job *job, void *context, bool sync, struct ddb_error *err);

/* In a write transaction. Head at most STORE_HEAD_MAX bytes. */
DDB_MUST_CHECK enum ddb_code store_put(struct store_txn *txn, const void *key, size_t key_length,
	const void *head, size_t head_length, const void *body, size_t body_length, struct ddb_error *err);
/* *ret_existed may be NULL. */
DDB_MUST_CHECK enum ddb_code store_delete(
	struct store_txn *txn, const void *key, size_t key_length, bool *ret_existed, struct ddb_error *err);

/*
 * A job's own number: no other job of this store, before or later, has it, and it rises in the order of
 * commits. A view has the highest that a job in its state can have. It never goes back, also not when a power
 * loss takes commits back, and is never 0.
 */
uint64_t store_txn_number(const struct store_txn *txn);
/*
 * In a job, once: the `count` numbers behind its own are its, too. At most STORE_NUMBERS_MAX. A job that
 * comes too late in a shared commit fails here and runs again alone, so it must pass the error on.
 */
DDB_MUST_CHECK enum ddb_code store_txn_take_numbers(
	struct store_txn *txn, unsigned count, struct ddb_error *err);

/* Everything that was committed before the call survives power loss. */
DDB_MUST_CHECK enum ddb_code store_sync(struct store *store, struct ddb_error *err);

struct store_status {
	uint64_t commits, synced_commits, jobs; /* since the store was opened */
	uint64_t file_bytes;                    /* of the data file */
	uint64_t pages_free;                    /* reusable, now or when no branch needs them */
	uint64_t pages_kept;                    /* of those, the ones that a branch needs */
	uint32_t page_bytes, readers;
	bool keys_locked; /* the keys stay out of the swap */
	/* Why the last commit, or the last sync, has failed; empty: it has not. */
	char write_error[DDB_MESSAGE_MAX], sync_error[DDB_MESSAGE_MAX];
};
void store_status(struct store *store, struct store_status *ret);

/* Visits every record, also those that only a broken structure leads to; `key` is NULL when not even the key
 * can be told. For check. */
DDB_MUST_CHECK enum ddb_code store_verify(struct store_txn *txn,
	void (*damaged)(void *context, const uint8_t *key, size_t key_length, const char *what),
	void *context, struct ddb_error *err);

#endif
