/*
 * The local engine: engine.h on a store of this machine. One process owns a store at a time.
 */
#ifndef DDB_LOCAL_H
#define DDB_LOCAL_H

#include "engine/engine.h"

struct ddb_local_options {
	const char *keyfile;    /* master key; NULL: STORE/master.key, made with mode 0600 when the store is
				   created */
	const char *mountpoint; /* for the message to a second owner; NULL: none */
	bool sync;              /* every write survives power loss before it is acknowledged */
	bool read_only;         /* nothing is written; writes are refused with DDB_ACCESS_DENIED */
	bool must_exist;        /* do not create a store */
	void (*notice)(void *context, const char *text); /* the store is gone, or back; any thread; or NULL */
	void *notice_context;
	uint64_t scratch_max;    /* bytes of all scratch files; 0: 1 GiB */
	uint64_t collection_max; /* bytes of an item collection, in tables with local indexes; 0: 10 GiB */
	uint64_t ttl_interval;   /* seconds within which an item that has expired is removed; 0: 60 */
	/* What has expired is not shown by reads, though it is there until it is removed; to writes and their
	 * conditions it is there. */
	bool hide_expired;
	unsigned view_seconds;      /* that a snapshot or transaction may be open; 0: 3600 */
	unsigned view_free_percent; /* of the file system, below which the oldest of them end; 0: 5 */
	const struct ddb_rendering_hooks *hooks; /* borrowed for the engine's life */
};

/*
 * Opens (or creates) the store in the directory `path`.
 * DDB_RESOURCE_IN_USE: another process owns it; the message names its pid and mountpoint.
 * DDB_ACCESS_DENIED: a wrong or missing master key. DDB_VALIDATION: no store, or a format that this program
 * does not know (named).
 */
DDB_MUST_CHECK enum ddb_code ddb_local_open(const char *path, const struct ddb_local_options *options,
	struct ddb_engine **ret, struct ddb_error *err);

struct ddb_rekey_options {
	const char *keyfile;     /* the present master key; NULL: STORE/master.key */
	const char *new_keyfile; /* NULL: a new STORE/master.key is made */
	bool make;               /* the file, which must not be there yet; else it is only read */
};
/*
 * Another master key for a store that nobody else uses: the old one no longer opens it. Whenever it is
 * interrupted, the store opens with the old one or the new one, and the file of that is there. Errors as
 * ddb_local_open's; DDB_VALIDATION: the new key is the old one, or its file is there and must not be.
 */
DDB_MUST_CHECK enum ddb_code ddb_local_rekey(
	const char *path, const struct ddb_rekey_options *options, struct ddb_error *err);

struct ddb_check_options {
	bool repair;
	void (*report)(void *context, const char *line); /* one per finding */
	void *context;
};
struct ddb_check_result {
	uint64_t tables, items, scratch_files; /* read and found sound */
	uint64_t problems, repaired;
};
/* Verifies every record, partition, alias and count of an engine that nobody else uses. */
DDB_MUST_CHECK enum ddb_code ddb_local_check(struct ddb_engine *engine,
	const struct ddb_check_options *options, struct ddb_check_result *ret, struct ddb_error *err);

#endif
