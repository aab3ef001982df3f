/*
 * The master key's file: 64 hex digits (white space around them is fine) or 32 raw bytes. Made only inside a
 * store, with mode 0600 and in one step; a key file that the user named is only ever read. The caller wipes
 * the key.
 */
#ifndef DDB_STORE_MASTERKEY_H
#define DDB_STORE_MASTERKEY_H

#include "engine/store/seal.h"

#define STORE_MASTERKEY_NAME "master.key"
#define STORE_MASTERKEY_NEW STORE_MASTERKEY_NAME ".new"

/* `path` is relative to `directory` (AT_FDCWD for the user's own). Every failure is DDB_ACCESS_DENIED and
 * says why. */
DDB_MUST_CHECK enum ddb_code store_masterkey_read(
	int directory, const char *path, uint8_t ret[STORE_SECRET_BYTES], struct ddb_error *err);
/* Writes a new random key as master.key of `directory`. */
DDB_MUST_CHECK enum ddb_code store_masterkey_make(
	int directory, uint8_t ret[STORE_SECRET_BYTES], struct ddb_error *err);

#endif
