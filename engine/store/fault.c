/*
 * LMDB's return codes and errno values as the engine's errors: one table. Stateless, any thread.
 */
#include "engine/store/fault.h"

#include <errno.h>
#include <lmdb.h>
#include <stddef.h>
#include <string.h>

static const struct {
	int rc;
	enum ddb_code code;
} faults[] = {
	{ENOSPC, DDB_STORE_FULL},
	{EDQUOT, DDB_STORE_FULL},
	{EFBIG, DDB_STORE_FULL},
	{MDB_MAP_FULL, DDB_STORE_FULL},
	{ENOMEM, DDB_NO_MEMORY},
	{MDB_CORRUPTED, DDB_DAMAGED},
	{MDB_PAGE_NOTFOUND, DDB_DAMAGED},
	{MDB_INVALID, DDB_DAMAGED},
	{MDB_VERSION_MISMATCH, DDB_DAMAGED},
	{MDB_INCOMPATIBLE, DDB_DAMAGED},
	{MDB_CURSOR_FULL, DDB_DAMAGED},
	{MDB_NOTFOUND, DDB_DAMAGED}, /* where absence is an answer it is no fault */
	{MDB_TXN_FULL, DDB_LIMIT_EXCEEDED},
	{MDB_READERS_FULL, DDB_REQUEST_LIMIT_EXCEEDED},
	{EACCES, DDB_ACCESS_DENIED},
	{EPERM, DDB_ACCESS_DENIED},
	{EROFS, DDB_STORE_READ_ONLY},
};

static enum ddb_code fault_code(int rc)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (faults[i].rc == rc)
			return faults[i].code;
	return DDB_INTERNAL;
}

bool store_fault_is_full(int rc)
{
	return fault_code(rc) == DDB_STORE_FULL;
}

enum ddb_code store_fault(struct ddb_error *err, int rc, const char *doing)
{
	char text[128];
	const char *what = rc > 0 ? strerror_r(rc, text, sizeof text) : mdb_strerror(rc);
	return ddb_fail(err, fault_code(rc), "%s: %s", doing, what);
}
