/*
 * Another master key: the data key is sealed anew, by one commit, whatever the size of the store. A power
 * loss may take that commit back until it is durable, so the new key's file is durable before it and the old
 * one stays until after it; in between, both are there, and the store opens with the one that fits. What is
 * left to do then is done by store_rekey_finish, at the latest when the store is next opened.
 */
#include "engine/store/fault.h"
#include "engine/store/file.h"
#include "engine/store/inside.h"
#include "engine/store/masterkey.h"
#include "engine/store/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char doing[] = "the master key cannot be changed";

/* ---- The files of the store ---- */

static bool exists(int directory, const char *name)
{
	return !faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* Whether the file holds the store's key. One that just now cannot be read may be that: it is an error. */
static enum ddb_code file_fits(
	int directory, const char *name, const struct store_datakey *key, bool *ret, struct ddb_error *err)
{
	STORE_SECRET_AUTO uint8_t *master = store_secret_new(STORE_SECRET_BYTES, NULL);
	if (!master)
		return ddb_fail_memory(err);
	enum ddb_code code = store_masterkey_read(directory, name, master, err);
	*ret = !code && store_keys_fit(master, key->sealed);
	return code == DDB_VALIDATION ? DDB_OK : code;
}

/* The text of a key that is of no use any more, unless the file has another name somewhere. */
static void wipe_file(int file)
{
	static const uint8_t zeros[STORE_MASTERKEY_MAX];
	struct stat status;
	if (fstat(file, &status) || status.st_nlink || !S_ISREG(status.st_mode))
		return;
	size_t size = status.st_size < STORE_MASTERKEY_MAX ? (size_t)status.st_size : STORE_MASTERKEY_MAX;
	if (!store_file_write_at(file, zeros, size, 0) && fsync(file))
		return; /* it is gone as a file in any case */
}

static int remove_file(int directory, const char *name)
{
	int file = openat(directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int rc = unlinkat(directory, name, 0) ? errno : store_file_sync_parent(directory, name);
	if (!rc && file >= 0)
		wipe_file(file);
	if (file >= 0)
		close(file);
	return rc;
}

/* master.key.new becomes master.key. */
static int replace_own(int directory)
{
	int file = openat(
		directory, STORE_MASTERKEY_NAME, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); /* or -1 */
	int rc = store_file_rename(directory, STORE_MASTERKEY_NEW, STORE_MASTERKEY_NAME);
	if (!rc && file >= 0)
		wipe_file(file);
	if (file >= 0)
		close(file);
	return rc;
}

static enum ddb_code finish_files(
	int directory, const struct store_datakey *key, int *ret_rc, struct ddb_error *err)
{
	bool fits;
	enum ddb_code code = DDB_OK;
	*ret_rc = 0;
	if (exists(directory, STORE_MASTERKEY_NEW)) {
		code = file_fits(directory, STORE_MASTERKEY_NEW, key, &fits, err);
		if (code)
			return code;
		*ret_rc = fits ? replace_own(directory) : remove_file(directory, STORE_MASTERKEY_NEW);
	}
	if (*ret_rc || !key->own_retired || !exists(directory, STORE_MASTERKEY_NAME))
		return DDB_OK;
	code = file_fits(directory, STORE_MASTERKEY_NAME, key, &fits, err);
	if (!code && !fits)
		*ret_rc = remove_file(directory, STORE_MASTERKEY_NAME);
	return code;
}

enum ddb_code store_rekey_finish(struct store *store, int directory, struct ddb_error *err)
{
	struct store_datakey key;
	store_writer_enter(&store->writer);
	int rc = store_datakey_read(store, &key);
	enum ddb_code code = rc ? DDB_OK : finish_files(directory, &key, &rc, err);
	if (!code && !rc)
		rc = store_datakey_wipe(store, &key);
	store_writer_leave(&store->writer);
	return rc ? store_fault(err, rc, "the change of the master key cannot be finished") : code;
}

/* ---- The change ---- */

struct change {
	int directory;
	const struct store_rekey *rekey;
	const uint8_t *master;
	uint8_t *new_master; /* secret memory */
	bool made;           /* its file */
	struct store_datakey key, next;
};

/* What a master.key in the store is: of use until now, or somebody's. */
static enum ddb_code look_at_own(struct change *change, struct ddb_error *err)
{
	bool fits;
	if (!exists(change->directory, STORE_MASTERKEY_NAME))
		return DDB_OK;
	enum ddb_code code = file_fits(change->directory, STORE_MASTERKEY_NAME, &change->key, &fits, err);
	if (!code && !fits && !change->rekey->keyfile)
		return ddb_fail(err, DDB_VALIDATION,
			"the store has a " STORE_MASTERKEY_NAME
			" already that is not its key: it must be taken away first");
	change->next.own_retired = !code && fits && change->rekey->keyfile;
	return code;
}

/* It was perhaps written a moment ago; what is no file on a disk is its owner's matter. */
static int settle_keyfile(const char *path)
{
	struct stat status;
	if (stat(path, &status) || !S_ISREG(status.st_mode))
		return 0;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	int rc = file < 0 || fsync(file) ? errno : 0;
	if (file >= 0)
		close(file);
	if (!rc)
		rc = store_file_sync_parent(AT_FDCWD, path);
	return rc == EROFS || rc == EINVAL ? 0 : rc;
}

static enum ddb_code make_keyfile(
	struct change *change, int directory, const char *path, struct ddb_error *err)
{
	enum ddb_code code = store_masterkey_make(directory, path, change->new_master, err);
	change->made = !code;
	return code;
}

static enum ddb_code find_new_master(struct change *change, struct ddb_error *err)
{
	const char *keyfile = change->rekey->keyfile;
	if (!keyfile)
		return make_keyfile(change, change->directory, STORE_MASTERKEY_NEW, err);
	if (change->rekey->make && exists(AT_FDCWD, keyfile))
		return ddb_fail(err, DDB_VALIDATION, "the new master key %s is there already", keyfile);
	if (change->rekey->make)
		return make_keyfile(change, AT_FDCWD, keyfile, err);
	enum ddb_code code = store_masterkey_read(AT_FDCWD, keyfile, change->new_master, err);
	int rc = code ? 0 : settle_keyfile(keyfile);
	return rc ? store_fault(err, rc, "the new master key cannot be brought to the disk") : code;
}

static enum ddb_code prepare(struct store *store, struct change *change, struct ddb_error *err)
{
	struct store_datakey *next = &change->next;
	if (!sodium_memcmp(change->master, change->new_master, STORE_SECRET_BYTES))
		return ddb_fail(err, DDB_VALIDATION, "the new master key is the present one");
	next->retired = true;
	memcpy(next->retired_nonce, change->key.sealed, STORE_NONCE_BYTES);
	int rc = store_datakey_place(store, &next->retired_offset);
	if (rc)
		return store_fault(err, rc, doing);
	return store_keys_reseal(change->master, change->key.sealed, change->new_master, next->sealed, err);
}

/* What is made here is removed only if it cannot be the store's key: before the commit is tried. */
static enum ddb_code begin(struct store *store, struct change *change, struct ddb_error *err)
{
	int rc = store_datakey_read(store, &change->key);
	if (rc)
		return store_fault(err, rc, doing);
	enum ddb_code code = look_at_own(change, err);
	if (!code)
		code = find_new_master(change, err);
	if (!code)
		code = prepare(store, change, err);
	if (!code || !change->made)
		return code;
	rc = change->rekey->keyfile ? remove_file(AT_FDCWD, change->rekey->keyfile)
				    : remove_file(change->directory, STORE_MASTERKEY_NEW);
	return rc ? store_fault(err, rc, doing) : code;
}

static enum ddb_code commit(struct store *store, const struct change *change, struct ddb_error *err)
{
	store_writer_enter(&store->writer);
	int rc = store_datakey_write(store, &change->next);
	if (!rc)
		store_sync_committed(store, sizeof change->next);
	store_writer_leave(&store->writer);
	return rc ? store_fault(err, rc, doing) : store_sync(store, err);
}

enum ddb_code store_rekey_run(struct store *store, int directory, const uint8_t master[STORE_SECRET_BYTES],
	const struct store_rekey *rekey, struct ddb_error *err)
{
	struct change change = {.directory = directory, .rekey = rekey, .master = master};
	enum ddb_code code = store_rekey_finish(store, directory, err);
	if (code)
		return code;
	change.new_master = store_secret_new(STORE_SECRET_BYTES, NULL);
	if (!change.new_master)
		return ddb_fail_memory(err);
	code = begin(store, &change, err);
	if (!code)
		code = commit(store, &change, err);
	store_secret_free(change.new_master);
	return code ? code : store_rekey_finish(store, directory, err);
}
