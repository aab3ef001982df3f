/*
 * The sealed data key, an entry of the tree `meta`. Beside it lies, after the first change of the master key,
 * where it was before: the page that held it is free, but stays as it is until LMDB has a use for it, and who
 * has the old master key could still open what it holds. That entry is kept: once overwritten, nothing is
 * found there any more.
 */
#include "engine/store/file.h"
#include "engine/store/inside.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char key_name[] = "key", retired_name[] = "old";

enum { /* flags, offset, nonce */
	AT_OFFSET = 1,
	AT_NONCE = AT_OFFSET + 8,
	RETIRED_BYTES = AT_NONCE + STORE_NONCE_BYTES,
	FLAG_OWN = 1,
};

static MDB_val name_of(const char *name)
{
	return (MDB_val){strlen(name), (void *)(uintptr_t)name};
}

/* ---- The entries ---- */

static int put_entries(struct store *store, MDB_txn *txn, const struct store_datakey *key)
{
	uint8_t retired[RETIRED_BYTES] = {key->own_retired ? FLAG_OWN : 0};
	MDB_val name = name_of(key_name), value = {STORE_SEALED_KEY_BYTES, (void *)(uintptr_t)key->sealed};
	int rc = mdb_put(txn, store->environment.meta, &name, &value, 0);
	if (rc || !key->retired)
		return rc;
	for (unsigned i = 0; i < 8; i++)
		retired[AT_OFFSET + i] = (uint8_t)(key->retired_offset >> 8 * i);
	memcpy(retired + AT_NONCE, key->retired_nonce, STORE_NONCE_BYTES);
	name = name_of(retired_name);
	value = (MDB_val){sizeof retired, retired};
	return mdb_put(txn, store->environment.meta, &name, &value, 0);
}

int store_datakey_write(struct store *store, const struct store_datakey *key)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->environment.mdb, NULL, 0, &txn);
	if (rc)
		return rc;
	rc = put_entries(store, txn, key);
	if (!rc)
		return store_environment_failure(&store->environment, mdb_txn_commit(txn));
	mdb_txn_abort(txn);
	return rc;
}

static int get_sealed(struct store *store, MDB_txn *txn, MDB_val *ret)
{
	MDB_val name = name_of(key_name);
	int rc = mdb_get(txn, store->environment.meta, &name, ret);
	return !rc && ret->mv_size != STORE_SEALED_KEY_BYTES ? MDB_CORRUPTED : rc;
}

/* None, and one of another length, is no reason not to open the store. */
static void get_retired(struct store *store, MDB_txn *txn, struct store_datakey *ret)
{
	MDB_val name = name_of(retired_name), value;
	ret->retired =
		!mdb_get(txn, store->environment.meta, &name, &value) && value.mv_size == RETIRED_BYTES;
	ret->own_retired = false;
	if (!ret->retired)
		return;
	const uint8_t *bytes = value.mv_data;
	ret->own_retired = bytes[0] & FLAG_OWN;
	ret->retired_offset = 0;
	for (unsigned i = 0; i < 8; i++)
		ret->retired_offset |= (uint64_t)bytes[AT_OFFSET + i] << 8 * i;
	memcpy(ret->retired_nonce, bytes + AT_NONCE, STORE_NONCE_BYTES);
}

int store_datakey_read(struct store *store, struct store_datakey *ret)
{
	MDB_txn *txn;
	MDB_val value;
	int rc = mdb_txn_begin(store->environment.mdb, NULL, MDB_RDONLY, &txn);
	if (rc)
		return rc;
	rc = get_sealed(store, txn, &value);
	if (!rc) {
		memcpy(ret->sealed, value.mv_data, STORE_SEALED_KEY_BYTES);
		get_retired(store, txn, ret);
	}
	mdb_txn_abort(txn);
	return rc;
}

/* ---- Where it lies ---- */

/*
 * LMDB does not say where its map begins, but each page begins with its number. The map begins at a page of
 * the system's, which may be smaller than LMDB's; before the data there are always the two meta pages.
 */
static int place_of(struct store *store, const MDB_val *value, size_t page_bytes, uint64_t *ret)
{
	size_t step = (size_t)sysconf(_SC_PAGESIZE);
	if (step > page_bytes)
		step = page_bytes;
	const uint8_t *bytes = value->mv_data;
	size_t ahead = (uintptr_t)bytes & (step - 1);
	for (; ahead < page_bytes; ahead += step) {
		uint8_t found[STORE_SEALED_KEY_BYTES];
		size_t number;
		memcpy(&number, bytes - ahead, sizeof number);
		if (number > STORE_MAP_BYTES / page_bytes)
			continue;
		off_t offset = (off_t)(number * page_bytes + ahead);
		if (store_file_read_at(store->data, found, sizeof found, offset) == sizeof found &&
			!memcmp(found, bytes, sizeof found)) {
			*ret = (uint64_t)offset;
			return 0;
		}
	}
	return EIO;
}

int store_datakey_place(struct store *store, uint64_t *ret)
{
	MDB_txn *txn;
	MDB_stat stat;
	MDB_val value;
	int rc = mdb_txn_begin(store->environment.mdb, NULL, MDB_RDONLY, &txn);
	if (rc)
		return rc;
	rc = mdb_stat(txn, store->environment.meta, &stat);
	if (!rc)
		rc = get_sealed(store, txn, &value);
	if (!rc)
		rc = place_of(store, &value, stat.ms_psize, ret);
	mdb_txn_abort(txn);
	return rc;
}

/* Whoever has changed the entry could have changed the file: it only must not lead us to what is in use. */
int store_datakey_wipe(struct store *store, const struct store_datakey *key)
{
	static const uint8_t zeros[STORE_SEALED_KEY_BYTES];
	uint8_t found[STORE_NONCE_BYTES];
	off_t offset = (off_t)key->retired_offset;
	if (!key->retired || key->retired_offset > STORE_MAP_BYTES ||
		!memcmp(key->retired_nonce, key->sealed, STORE_NONCE_BYTES))
		return 0;
	ssize_t length = store_file_read_at(store->data, found, sizeof found, offset);
	if (length < 0)
		return errno;
	if (length < (ssize_t)sizeof found || memcmp(found, key->retired_nonce, sizeof found) != 0)
		return 0;
	return store_file_write_at(store->data, zeros, sizeof zeros, offset);
}
