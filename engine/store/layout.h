/*
 * What a directory is before anything in it is touched: no store, a store, one whose making was cut short, or
 * somebody else's. The file `format` is written last, in one step: a store has it, a half-made one does not.
 */
#ifndef DDB_STORE_LAYOUT_H
#define DDB_STORE_LAYOUT_H

#include "engine/error.h"
#include <stdint.h>

#define STORE_DATA_NAME "data.mdb"
#define STORE_LOCK_NAME "lock.mdb"
#define STORE_RESERVE_NAME "reserve"

enum store_layout {
	STORE_ABSENT,  /* nothing of that name */
	STORE_EMPTY,   /* an empty directory */
	STORE_HALF,    /* the making was cut short: nothing was ever acknowledged in it */
	STORE_MADE,    /* a store, of whatever format */
	STORE_FOREIGN, /* not empty and no store */
};

/* Changes nothing. *ret_format is set when MADE. DDB_VALIDATION when the path is no directory. */
DDB_MUST_CHECK enum ddb_code store_layout_find(
	const char *path, enum store_layout *ret, uint64_t *ret_format, struct ddb_error *err);
/* Removes what a cut-short making left, but the key and the owner file. */
DDB_MUST_CHECK enum ddb_code store_layout_clear(int directory, struct ddb_error *err);
/* Makes it a store. */
DDB_MUST_CHECK enum ddb_code store_layout_finish(int directory, struct ddb_error *err);

#endif
