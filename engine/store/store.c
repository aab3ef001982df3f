/*
 * Opening, making and closing a store, and reading records. The making ends with the file `format`, so one
 * that was cut short is begun again; a directory that is not a store is left as it is. What is locked, opened
 * or taken back is so before LMDB starts.
 */
#include "engine/store/branches.h"
#include "engine/store/fault.h"
#include "engine/store/file.h"
#include "engine/store/inside.h"
#include "engine/store/layout.h"
#include "engine/store/masterkey.h"
#include "engine/store/owner.h"
#include "engine/store/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char doing_make[] = "the store cannot be made";

/* ---- The directory ---- */

struct opening { /* what is only needed until the store is open */
	const char *path;
	const struct store_options *options;
	const char *boot_id;
	int directory;
	uint8_t *master; /* secret memory */
};

static enum ddb_code fail_path(struct ddb_error *err, int rc, const char *doing, const char *path)
{
	char text[DDB_MESSAGE_MAX / 2];
	snprintf(text, sizeof text, "%s %s", doing, path);
	return store_fault(err, rc, text);
}

static enum ddb_code make_directory(const char *path, struct ddb_error *err)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return errno == ENOENT || errno == ENOTDIR
			       ? ddb_fail(err, DDB_VALIDATION, "store %s cannot be made: %s", path,
					 strerror(errno))
			       : fail_path(err, errno, "cannot make store", path);
	int rc = store_file_sync_parent(AT_FDCWD, path);
	return rc ? fail_path(err, rc, "cannot make store", path) : DDB_OK;
}

static enum ddb_code check_layout(
	const struct opening *opening, enum store_layout *ret, struct ddb_error *err)
{
	uint64_t format = 0;
	enum ddb_code code = store_layout_find(opening->path, ret, &format, err);
	if (code)
		return code;
	if (*ret == STORE_FOREIGN)
		return ddb_fail(err, DDB_VALIDATION, "%s is not empty and not a store", opening->path);
	if (*ret == STORE_MADE && format != STORE_FORMAT)
		return ddb_fail(err, DDB_VALIDATION,
			"store %s has format %" PRIu64 ", which this dynamount does not know", opening->path,
			format);
	if (*ret != STORE_MADE && (opening->options->must_exist || opening->options->read_only))
		return ddb_fail(err, DDB_VALIDATION, "there is no store at %s", opening->path);
	return DDB_OK;
}

static enum ddb_code open_data(
	struct store *store, const struct opening *opening, bool make, struct ddb_error *err)
{
	int flags = (store->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW;
	store->data = openat(opening->directory, STORE_DATA_NAME, make ? flags | O_CREAT : flags, 0600);
	if (store->data < 0 && errno == ENOENT)
		return ddb_fail(err, DDB_DAMAGED, "store %s has lost its data file", opening->path);
	if (store->data < 0)
		return fail_path(err, errno, "cannot open the data file of store", opening->path);
	/* A second lock, should somebody remove the owner file of a live store. */
	if (flock(store->data, LOCK_EX | LOCK_NB))
		return ddb_fail(
			err, DDB_RESOURCE_IN_USE, "store %s is in use by another process", opening->path);
	return DDB_OK;
}

/* ---- Keys ---- */

static enum ddb_code make_data_key(struct store *store, const struct opening *opening, struct ddb_error *err)
{
	struct store_datakey key = {.retired = false};
	enum ddb_code code = store_keys_make(opening->master, key.sealed, &store->keys, err);
	if (code)
		return code;
	int rc = store_datakey_write(store, &key);
	return rc ? store_fault(err, rc, doing_make) : DDB_OK;
}

/* A change of the master key that was cut short may have left the new one beside the old. */
static bool is_new_master(const struct opening *opening, const struct store_datakey *key)
{
	return !opening->options->keyfile &&
	       !store_masterkey_read(opening->directory, STORE_MASTERKEY_NEW, opening->master, NULL) &&
	       store_keys_fit(opening->master, key->sealed);
}

static enum ddb_code open_data_key(struct store *store, const struct opening *opening, struct ddb_error *err)
{
	struct store_datakey key;
	int rc = store_datakey_read(store, &key);
	if (rc)
		return store_fault(err, rc, "the store's data key cannot be read");
	if (!store_keys_fit(opening->master, key.sealed) && !is_new_master(opening, &key))
		return ddb_fail(
			err, DDB_ACCESS_DENIED, "the master key is not that of store %s", opening->path);
	return store_keys_open(opening->master, key.sealed, &store->keys, err);
}

/* ---- Making and opening ---- */

/* A key file that the user names is never made; one in the store is, with the store. */
static enum ddb_code find_master(
	const struct opening *opening, enum store_layout layout, struct ddb_error *err)
{
	const char *keyfile = opening->options->keyfile;
	if (keyfile)
		return store_masterkey_read(AT_FDCWD, keyfile, opening->master, err);
	bool own = !faccessat(opening->directory, STORE_MASTERKEY_NAME, F_OK, 0);
	if (own)
		return store_masterkey_read(opening->directory, STORE_MASTERKEY_NAME, opening->master, err);
	if (layout == STORE_MADE && !faccessat(opening->directory, STORE_MASTERKEY_NEW, F_OK, 0))
		return store_masterkey_read(opening->directory, STORE_MASTERKEY_NEW, opening->master, err);
	if (layout == STORE_MADE)
		return ddb_fail(err, DDB_ACCESS_DENIED,
			"there is no master.key in store %s: name the file of its master key", opening->path);
	enum ddb_code code =
		store_masterkey_make(opening->directory, STORE_MASTERKEY_NEW, opening->master, err);
	int rc = code ? 0 : store_file_rename(opening->directory, STORE_MASTERKEY_NEW, STORE_MASTERKEY_NAME);
	return rc ? store_fault(err, rc, doing_make) : code;
}

static enum ddb_code make(
	struct store *store, const struct opening *opening, enum store_layout layout, struct ddb_error *err)
{
	/* The owner's file is what makes a directory ours: it must be there before the rest. */
	if (fsync(store->owner) || fsync(opening->directory))
		return store_fault(err, errno, doing_make);
	enum ddb_code code = store_layout_clear(opening->directory, err);
	if (!code)
		code = find_master(opening, layout, err);
	if (!code)
		code = open_data(store, opening, true, err);
	if (!code)
		code = store_environment_open(&store->environment, opening->path, false, err);
	if (!code)
		code = make_data_key(store, opening, err);
	if (!code)
		code = store_anchor_make(opening->directory, opening->boot_id, &store->sync.anchor, err);
	if (!code)
		code = store_sync_start(store, err);
	return code ? code : store_layout_finish(opening->directory, err);
}

static enum ddb_code open_made(struct store *store, const struct opening *opening, struct ddb_error *err)
{
	enum ddb_code code = find_master(opening, STORE_MADE, err);
	if (!code)
		code = open_data(store, opening, false, err);
	if (!code)
		code = store_anchor_open(opening->directory, store->data, opening->boot_id, store->read_only,
			&store->sync.anchor, err);
	if (!code)
		code = store_state_extend(store->data, store->read_only, err);
	if (!code)
		code = store_environment_open(&store->environment, opening->path, store->read_only, err);
	if (!code)
		code = open_data_key(store, opening, err);
	if (code || store->read_only)
		return code;
	code = store_sync_start(store, err);
	if (!code && opening->options->rekey)
		return store_rekey_run(
			store, opening->directory, opening->master, opening->options->rekey, err);
	if (!code && store_rekey_finish(store, opening->directory, NULL))
		return DDB_OK; /* which the next opening will try again */
	return code;
}

static enum ddb_code take_directory(struct store *store, struct opening *opening, struct ddb_error *err)
{
	opening->directory = open(opening->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opening->directory < 0)
		return fail_path(err, errno, "cannot open store", opening->path);
	return store_owner_take(opening->directory, opening->path, opening->options->mountpoint,
		opening->boot_id, !store->read_only, &store->owner, err);
}

static enum ddb_code open_stages(struct store *store, struct opening *opening, struct ddb_error *err)
{
	enum store_layout layout;
	enum ddb_code code = check_layout(opening, &layout, err);
	/* Before anything is made: a wrong path to the key must not leave half a store behind. */
	if (!code && layout != STORE_MADE && opening->options->keyfile)
		code = find_master(opening, layout, err);
	if (!code && layout == STORE_ABSENT)
		code = make_directory(opening->path, err);
	if (!code)
		code = take_directory(store, opening, err);
	if (!code) /* again, now that nobody else can change it */
		code = check_layout(opening, &layout, err);
	if (code)
		return code;
	store->path = realpath(opening->path, NULL);
	if (!store->path)
		return fail_path(err, errno, "cannot open store", opening->path);
	opening->path = store->path;
	code = layout == STORE_MADE ? open_made(store, opening, err) : make(store, opening, layout, err);
	if (!code && !store->read_only)
		store_reserve_open(store, opening->directory);
	return code;
}

static void store_free(struct store *store, bool clean)
{
	store_sync_stop(store, clean);
	store_anchor_close(&store->sync.anchor);
	if (store->environment.path)
		store_environment_close(&store->environment);
	store_writer_done(&store->writer);
	store_health_done(&store->health);
	store_keys_free(store->keys);
	if (store->data >= 0)
		close(store->data);
	store_reserve_done(&store->reserve);
	store_owner_release(store->owner);
	free(store->path);
	free(store);
}

enum ddb_code store_open_in_boot(const char *path, const struct store_options *options, const char *boot_id,
	struct store **ret, struct ddb_error *err)
{
	struct opening opening = {path, options, boot_id, -1, NULL};
	enum ddb_code code = store_seal_init(err);
	if (code)
		return code;
	struct store *store = calloc(1, sizeof *store);
	opening.master = store_secret_new(STORE_SECRET_BYTES, NULL);
	if (!store || !opening.master) {
		store_secret_free(opening.master);
		free(store);
		return ddb_fail_memory(err);
	}
	store->owner = store->data = store->sync.anchor.file = -1;
	store->read_only = options->read_only;
	store->always_sync = options->sync;
	store_writer_init(&store->writer);
	store_reserve_init(&store->reserve);
	store_health_init(&store->health, options);
	code = open_stages(store, &opening, err);
	store_secret_free(opening.master);
	if (opening.directory >= 0)
		close(opening.directory);
	if (code) {
		store_free(store, false);
		return code;
	}
	if (!store_keys_locked(store->keys))
		store_health_tell(
			store, "cannot lock memory for its keys (RLIMIT_MEMLOCK): they may be swapped out");
	*ret = store;
	return DDB_OK;
}

enum ddb_code store_open(
	const char *path, const struct store_options *options, struct store **ret, struct ddb_error *err)
{
	char boot_id[STORE_BOOT_ID_MAX];
	store_boot_id(boot_id);
	return store_open_in_boot(path, options, boot_id, ret, err);
}

void store_close(struct store *store)
{
	if (store->branch)
		store_branch_close(store->branch);
	else
		store_free(store, true);
}

void store_abandon(struct store *store)
{
	store_free(store, false);
}

/* ---- Reading ---- */

void store_hash(struct store *store, const void *bytes, size_t length, uint8_t ret[STORE_HASH_BYTES])
{
	store_keyed_hash(store->keys, bytes, length, ret);
}

enum ddb_code store_damaged(const void *key, size_t length, struct ddb_error *err)
{
	enum { SHOWN = 48 };
	char text[2 * SHOWN + 1];
	sodium_bin2hex(text, sizeof text, key, length < SHOWN ? length : SHOWN);
	return ddb_fail(err, DDB_DAMAGED, "record damaged (key %s%s)", text, length > SHOWN ? "…" : "");
}

static enum ddb_code value_open(struct store_txn *txn, struct ddb_arena *arena, const void *key,
	size_t key_length, const MDB_val *value, bool want_body, struct store_value *ret,
	struct ddb_error *err)
{
	const struct store_keys *keys = txn->store->keys;
	struct store_sealed sealed;
	if (!store_sealed_parse(value->mv_data, value->mv_size, &sealed))
		return store_damaged(key, key_length, err);
	size_t body_room = want_body ? sealed.body_length : 0;
	uint8_t *bytes =
		ddb_arena_alloc(arena, sealed.head_length + body_room + 1); /* empty parts are not NULL */
	if (!bytes)
		return ddb_fail_memory(err);
	uint8_t *body = want_body ? bytes + sealed.head_length : NULL;
	if (!store_sealed_head(keys, key, key_length, &sealed, bytes) ||
		(want_body && !store_sealed_body(keys, key, key_length, &sealed, body)))
		return store_damaged(key, key_length, err);
	*ret = (struct store_value){bytes, body, sealed.head_length, sealed.body_length};
	return DDB_OK;
}

enum ddb_code store_get(struct store_txn *txn, struct ddb_arena *arena, const void *key, size_t key_length,
	bool want_body, struct store_value *ret, struct ddb_error *err)
{
	MDB_val value;
	enum ddb_code code = txn->store->branch ? store_branch_find(txn, key, key_length, &value, err)
						: store_keyspace_get(txn, key, key_length, &value, err);
	if (code)
		return code;
	return value_open(txn, arena, key, key_length, &value, want_body, ret, err);
}

enum ddb_code store_cursor_value(struct store_cursor *cursor, struct ddb_arena *arena, bool want_body,
	struct store_value *ret, struct ddb_error *err)
{
	const uint8_t *key;
	size_t key_length;
	MDB_val value;
	store_cursor_key(cursor, &key, &key_length);
	store_cursor_raw(cursor, &value);
	return value_open(store_cursor_txn(cursor), arena, key, key_length, &value, want_body, ret, err);
}

/* ---- Status ---- */

/* LMDB reuses only what was freed before the oldest state that is read. */
static void count_free(struct store_txn *view, uint64_t oldest, struct store_status *ret)
{
	enum { FREE_TREE = 0 }; /* LMDB's own: lists of page numbers behind their counts */
	MDB_cursor *cursor;
	MDB_val key, value;
	if (mdb_cursor_open(view->mdb, FREE_TREE, &cursor))
		return;
	while (!mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		size_t listed = 0;
		if (value.mv_size >= sizeof listed)
			memcpy(&listed, value.mv_data, sizeof listed);
		size_t by = 0;
		if (key.mv_size == sizeof by)
			memcpy(&by, key.mv_data, sizeof by);
		ret->pages_free += listed;
		ret->pages_kept += by >= oldest ? listed : 0;
	}
	mdb_cursor_close(cursor);
}

void store_status(struct store *store, struct store_status *ret)
{
	struct stat file;
	MDB_stat stat;
	struct store_txn *view;
	if (store->branch) {
		store_branch_status(store->branch, ret);
		return;
	}
	memset(ret, 0, sizeof *ret);
	ret->commits = store->writer.commits;
	ret->jobs = store->writer.jobs;
	ret->synced_commits = store_sync_count(store);
	ret->keys_locked = store_keys_locked(store->keys);
	store_health_read(store, STORE_WRITING, ret->write_error);
	store_health_read(store, STORE_SYNCING, ret->sync_error);
	if (!fstat(store->data, &file))
		ret->file_bytes = (uint64_t)file.st_size;
	if (store_view(store, &view, NULL))
		return;
	count_free(view, store_branches_oldest(&store->environment), ret);
	ret->readers = store_environment_views(&store->environment) - 1;
	if (!mdb_stat(view->mdb, store->environment.data, &stat))
		ret->page_bytes = stat.ms_psize;
	store_view_end(view);
}
