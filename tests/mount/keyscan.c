/*
 * Looks for a store's keys, in all forms, where they must not be: in the memory of its process as a core dump
 * would have it, and in files.
 * Usage: keyscan STORE KEYFILE PID|- FILE…
 * Prints what was found where. Status 0: nothing; 1: something; 2: it could not look.
 */
#include "tests/unit/keyscan.h"

#include <lmdb.h>

enum { TREE_NAME = 504 }; /* bytes of 0xff before "meta", see environment.c */

static int get_sealed(MDB_env *env, const char *store, uint8_t ret[KEYSCAN_SEALED])
{
	char tree[TREE_NAME + 5];
	MDB_txn *txn;
	MDB_dbi meta;
	MDB_val name = {3, (void *)(uintptr_t) "key"}, value;
	memset(tree, 0xff, TREE_NAME);
	strcpy(tree + TREE_NAME, "meta");
	int rc = mdb_env_set_maxdbs(env, 4);
	if (!rc)
		rc = mdb_env_open(env, store, MDB_RDONLY | MDB_NOLOCK, 0);
	if (!rc)
		rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return rc;
	rc = mdb_dbi_open(txn, tree, 0, &meta);
	if (!rc)
		rc = mdb_get(txn, meta, &name, &value);
	if (!rc && value.mv_size == KEYSCAN_SEALED)
		memcpy(ret, value.mv_data, KEYSCAN_SEALED);
	else
		rc = rc ? rc : MDB_CORRUPTED;
	mdb_txn_abort(txn);
	return rc;
}

static bool learn(struct keyscan *scan, const char *store, const char *keyfile)
{
	uint8_t sealed[KEYSCAN_SEALED], *master = sodium_malloc(KEYSCAN_KEY);
	MDB_env *env;
	if (!master || mdb_env_create(&env))
		return false;
	int rc = get_sealed(env, store, sealed);
	mdb_env_close(env);
	bool known = !rc && keyscan_read_master(keyfile, master) && keyscan_add_keys(scan, master, sealed);
	sodium_free(master);
	return known;
}

static int look(struct keyscan *scan, bool done, const char *where)
{
	if (!done) {
		fprintf(stderr, "keyscan: %s cannot be read\n", where);
		return 2;
	}
	if (!keyscan_found(scan))
		return 0;
	printf("the %s is in %s\n", keyscan_found(scan), where);
	return 1;
}

int main(int argc, char **argv)
{
	static struct keyscan scan;
	int status = 0;
	if (argc < 4 || sodium_init() < 0 || !learn(&scan, argv[1], argv[2])) {
		fprintf(stderr, "keyscan: the keys cannot be had\n");
		return 2;
	}
	if (strcmp(argv[3], "-") != 0)
		status = look(&scan, keyscan_process(&scan, argv[3], true), "the process");
	for (int i = 4; i < argc; i++) {
		int found = look(&scan, keyscan_file(&scan, argv[i]), argv[i]);
		status = found > status ? found : status;
	}
	return status;
}
