/*
 * What LMDB and the system report, in the engine's terms. One place knows which failures mean a full store,
 * which damage.
 */
#ifndef DDB_STORE_FAULT_H
#define DDB_STORE_FAULT_H

#include "engine/error.h"
#include <stdbool.h>

/* `rc` is LMDB's or an errno; the message is "DOING: what rc means". */
enum ddb_code store_fault(struct ddb_error *err, int rc, const char *doing) __attribute__((cold));

/* Whether `rc` says that there is no room, which goes away when there is. */
bool store_fault_is_full(int rc);

/* DDB_RESOURCE_NOT_FOUND with an empty message: an answer, not a failure, so it costs no formatting. */
static inline enum ddb_code store_absent(struct ddb_error *err)
{
	if (err) {
		err->code = DDB_RESOURCE_NOT_FOUND;
		err->message[0] = '\0';
	}
	return DDB_RESOURCE_NOT_FOUND;
}

#endif
