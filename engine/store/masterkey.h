/*
 * The master key's file: 64 hex digits (white space around them is fine) or 32 raw bytes. A file that is
 * there is only ever read. What is returned belongs in secret memory (secret.h).
 */
#ifndef DDB_STORE_MASTERKEY_H
#define DDB_STORE_MASTERKEY_H

#include "engine/store/seal.h"

#define STORE_MASTERKEY_NAME "master.key"
#define STORE_MASTERKEY_NEW STORE_MASTERKEY_NAME ".new"

enum { STORE_MASTERKEY_MAX = 1024 }; /* bytes of the file: digits and a generous margin of white space */

/* `path` is relative to `directory` (AT_FDCWD for the user's own). DDB_ACCESS_DENIED: it cannot be read, or is
 * not there; DDB_VALIDATION: it is no key; DDB_NO_MEMORY. */
DDB_MUST_CHECK enum ddb_code store_masterkey_read(
	int directory, const char *path, uint8_t ret[STORE_SECRET_BYTES], struct ddb_error *err);
/* Writes a new random key into a file that was not there, durably, with mode 0600. */
DDB_MUST_CHECK enum ddb_code store_masterkey_make(
	int directory, const char *path, uint8_t ret[STORE_SECRET_BYTES], struct ddb_error *err);

#endif
