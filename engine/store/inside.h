/*
 * What a store is made of, for the files of this directory only. An environment (LMDB, its views), one
 * writer, and the thread that brings commits to the disk. Locks are taken in this order: the sync cycle, the
 * writer, the environment's own, a branch's. A view or job of a branch comes before all of them.
 */
#ifndef DDB_STORE_INSIDE_H
#define DDB_STORE_INSIDE_H

#include "engine/store/anchor.h"
#include "engine/store/changes.h"
#include "engine/store/seal.h"
#include "engine/store/store.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- environment.c ---- */

enum {
	STORE_JOBS_MAX = STORE_NUMBERS_MAX + 1, /* in one commit */
	STORE_BODY_MAX = 1 << 30,               /* bytes */
};

struct store_verify_guard;
struct store_branch;

struct store_txn {
	struct store *store;
	MDB_txn *mdb;
	bool writes;
	struct store_txn *next; /* in the pool of views */
	/* Of a write transaction: */
	unsigned job;              /* the running one's place in the commit */
	unsigned more_jobs;        /* places behind it that it has taken */
	bool crowded;              /* the running job needs a transaction of its own */
	size_t changes;            /* attempted by the running job */
	size_t removed, put_bytes; /* records, and what was written, by the running job */
	size_t all_changes, bytes;
	bool only_removes;
	enum ddb_code broken; /* LMDB refused a change: the transaction can only be aborted */
	struct ddb_error *broken_error;
};

struct store_environment {
	MDB_env *mdb;         /* NULL only after a reopening has failed */
	atomic_bool panicked; /* LMDB begins no more transactions until it is reopened */
	MDB_dbi meta, data, longs;
	bool read_only;
	pthread_mutex_t lock;
	pthread_cond_t drained, opened;
	struct store_txn *idle;
	unsigned active;                          /* views */
	struct store_branch *branches;            /* each of which has a view */
	unsigned branch_count;                    /* with those that are being opened */
	struct store_memory branch_memory;        /* of the changes of all */
	bool closed;                              /* no new views until it is reopened */
	char *path;                               /* of the store's directory */
	pthread_mutex_t verifying;                /* one store_verify at a time */
	struct store_verify_guard *_Atomic guard; /* of that one */
};

DDB_MUST_CHECK enum ddb_code store_environment_open(
	struct store_environment *environment, const char *path, bool read_only, struct ddb_error *err);
void store_environment_close(struct store_environment *environment);
/*
 * Closes LMDB and opens it again, for after an error that it never recovers from. The caller has the writer
 * and keeps no transaction. DDB_INTERNAL when views are open and stay so.
 */
DDB_MUST_CHECK enum ddb_code store_environment_reopen(
	struct store_environment *environment, struct ddb_error *err);

/*
 * What a failed commit's `rc` means. LMDB calls a write that ended early an I/O error, as it does with a bad
 * disk; what the disk has to say to more of the same tells them apart. The caller has the writer.
 */
int store_environment_failure(struct store_environment *environment, int rc);

/* Whether a key of the tree `data` is not a record's but LMDB's name of another tree. All such come last. */
bool store_environment_is_name(const MDB_val *key);
/* Open ones. */
unsigned store_environment_views(struct store_environment *environment);

/* ---- keyspace.c: keys of any length, in order, to bytes; what the bytes are is the callers' ---- */

enum {
	/* Of key in one LMDB key: with a sub-space's id and a mark the 511 that LMDB takes. */
	STORE_CHUNK = 502,
	STORE_LEVELS = (STORE_KEY_MAX - 1) / STORE_CHUNK + 1,
	STORE_MARK_END = 0,  /* behind a whole chunk: the key ends here */
	STORE_MARK_MORE = 1, /* the value is a pointer to the sub-space of what follows */
	STORE_PLACE_MAX = STORE_ID_BYTES + STORE_CHUNK + 1,
};

/* DDB_INTERNAL when no key can be that long. */
DDB_MUST_CHECK enum ddb_code store_keyspace_check(size_t length, struct ddb_error *err);
/* DDB_RESOURCE_NOT_FOUND. *ret points into the transaction. */
DDB_MUST_CHECK enum ddb_code store_keyspace_get(
	struct store_txn *txn, const void *key, size_t length, MDB_val *ret, struct ddb_error *err);
/* Makes room for a value; *ret is to be filled before anything else is done in the transaction. */
DDB_MUST_CHECK enum ddb_code store_keyspace_reserve(struct store_txn *txn, const void *key, size_t length,
	size_t value_length, uint8_t **ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code store_keyspace_delete(
	struct store_txn *txn, const void *key, size_t length, bool *ret_existed, struct ddb_error *err);

extern const uint8_t store_keyspace_top[STORE_ID_BYTES]; /* stands for `data` where a parent's id is wanted */

/* The current record of a cursor, as it lies in LMDB. */
void store_cursor_raw(const struct store_cursor *cursor, MDB_val *ret);
struct store_txn *store_cursor_txn(const struct store_cursor *cursor);

/* ---- verify.c ---- */

/* LMDB has found a page that cannot be. Returns, and then LMDB ends the process, unless store_verify can go
 * on in this thread. */
void store_verify_assertion(struct store_verify_guard *guard);

/* ---- writer.c ---- */

struct store_request;

struct store_writer {
	pthread_mutex_t lock;
	struct store_request *first, **end;
	bool busy;
	unsigned crowd;   /* the jobs that shared the last commits; the writer's own */
	atomic_bool dead; /* nothing may be written until the store is revived */
	_Atomic uint64_t commits, jobs;
};

void store_writer_init(struct store_writer *writer);
void store_writer_done(struct store_writer *writer);
/* Keeps every other writer out, in order of arrival. Pairs with store_writer_leave. */
void store_writer_enter(struct store_writer *writer);
void store_writer_leave(struct store_writer *writer);

/* ---- sync.c ---- */

struct store_sync_state {
	pthread_mutex_t lock;
	pthread_cond_t wake, done; /* for the thread; for those who wait for a cycle */
	pthread_t thread;
	bool running, stop, cycling;
	atomic_bool dirty;       /* there are commits that no cycle has begun to sync */
	_Atomic uint64_t volume; /* bytes, about, that commits have written since the last cycle that
				    succeeded began */
	atomic_bool failed;      /* the last cycle */
	uint64_t synced;         /* commits, counted as the writer does */
	/* Of whoever has the cycle: */
	struct store_anchor anchor;
	MDB_txn *pinned; /* keeps the pages of the anchor's state */
	MDB_txn *spare;
	bool doubtful; /* a sync has failed: what the kernel calls clean may not be on the disk */
};

/* The anchor is open already. Begins with a whole cycle. */
DDB_MUST_CHECK enum ddb_code store_sync_start(struct store *store, struct ddb_error *err);
/* Ends the thread; `clean`: with a last cycle that marks the store as cleanly closed. Does nothing before a
 * start. */
void store_sync_stop(struct store *store, bool clean);
/* After a commit that changed so many bytes. */
void store_sync_committed(struct store *store, size_t bytes);
/* Before a write: waits while far more is written than the disk has taken. The caller does not have the
 * writer. */
void store_sync_throttle(struct store *store);
/* Commits that are durable. */
uint64_t store_sync_count(struct store *store);
/* Brings a dead writer back to life, and LMDB when it has panicked. Unless views stay open, reading is
 * possible again in any case. */
DDB_MUST_CHECK enum ddb_code store_sync_revive(struct store *store, struct ddb_error *err);

/* ---- reserve.c ---- */

struct store_reserve {
	_Atomic int file;
	atomic_bool held;     /* it has its room */
	atomic_bool lacking;  /* the disk had none for it */
	pthread_mutex_t lock; /* innermost */
	unsigned removals;    /* that need the room just now */
};

void store_reserve_init(struct store_reserve *reserve);
void store_reserve_done(struct store_reserve *reserve);
void store_reserve_open(struct store *store, int directory);
/* Takes the room if there is some. */
void store_reserve_fill(struct store *store);
/* Gives it up for a removal, until whose end it is not taken again. The caller does not have the writer. */
void store_reserve_begin(struct store *store);
void store_reserve_end(struct store *store);
/* ENOSPC: the transaction, which does not only remove, would take what removing needs. The caller has the
 * writer. */
DDB_MUST_CHECK int store_reserve_check(const struct store_txn *txn);

/* ---- health.c ---- */

enum store_health_kind { STORE_WRITING, STORE_SYNCING, STORE_HEALTH_KINDS };

struct store_health {
	pthread_mutex_t lock; /* innermost */
	atomic_bool failing[STORE_HEALTH_KINDS];
	struct ddb_error errors[STORE_HEALTH_KINDS];
	atomic_bool gone;
	_Atomic int64_t looked_ms; /* when the file was last looked for */
	void (*notice)(void *context, const char *text);
	void *notice_context;
};

void store_health_init(struct store_health *health, const struct store_options *options);
void store_health_done(struct store_health *health);
/* How it went; costs nothing while all is well. */
void store_health_note(
	struct store *store, enum store_health_kind kind, enum ddb_code code, const struct ddb_error *err);
/* A line about the store for whoever runs it. */
void store_health_tell(struct store *store, const char *what);
/* The last error's message, or nothing. */
void store_health_read(struct store *store, enum store_health_kind kind, char ret[DDB_MESSAGE_MAX]);
/* DDB_INTERNAL when the data file is no longer in the store's directory. */
DDB_MUST_CHECK enum ddb_code store_health_look(struct store *store, struct ddb_error *err);
/* The same, looking only if that was not done just now. */
DDB_MUST_CHECK enum ddb_code store_health_glance(struct store *store, struct ddb_error *err);

/* ---- datakey.c: the sealed data key, in the tree `meta` ---- */

struct store_datakey {
	uint8_t sealed[STORE_SEALED_KEY_BYTES];
	bool retired; /* the master key was changed: where the data file had what the key before had sealed */
	bool own_retired; /* and master.key is of no use any more */
	uint64_t retired_offset;
	uint8_t retired_nonce[STORE_NONCE_BYTES];
};

/* 0, or an error of LMDB's or the system's. The caller has the writer, or nobody writes. */
DDB_MUST_CHECK int store_datakey_read(struct store *store, struct store_datakey *ret);
DDB_MUST_CHECK int store_datakey_write(struct store *store, const struct store_datakey *key);
/* Where in the data file the current one lies; EIO when that cannot be told. */
DDB_MUST_CHECK int store_datakey_place(struct store *store, uint64_t *ret);
/* Overwrites what was retired, unless that was done. The next sync brings it to the disk. */
DDB_MUST_CHECK int store_datakey_wipe(struct store *store, const struct store_datakey *key);

/* ---- rekey.c ---- */

/* Changes the master key of an open store. */
DDB_MUST_CHECK enum ddb_code store_rekey_run(struct store *store, int directory,
	const uint8_t master[STORE_SECRET_BYTES], const struct store_rekey *rekey, struct ddb_error *err);
/*
 * Ends a change that was cut short, or was just made: the state of now is durable. Until this has succeeded
 * master.key.new may be the only key.
 */
DDB_MUST_CHECK enum ddb_code store_rekey_finish(struct store *store, int directory, struct ddb_error *err);

/* ---- store.c ---- */

struct store {
	struct store_branch *branch; /* NULL: this is no branch */
	char *path;
	struct store_keys *keys;
	struct store_environment environment;
	struct store_writer writer;
	struct store_sync_state sync;
	struct store_health health;
	struct store_reserve reserve;
	int owner, data; /* files */
	bool read_only, always_sync;
};

/* store_open as if in the boot `boot_id` of the machine. */
DDB_MUST_CHECK enum ddb_code store_open_in_boot(const char *path, const struct store_options *options,
	const char *boot_id, struct store **ret, struct ddb_error *err);
/* As if the process had died: nothing is synced, the anchor is not marked clean. */
void store_abandon(struct store *store);

DDB_MUST_CHECK enum ddb_code store_damaged(const void *key, size_t length, struct ddb_error *err);

#endif
