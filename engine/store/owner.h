/*
 * Who has the store: the file `owner`, locked (flock) for as long as the store is open, so that the lock ends
 * with the process however it dies. Its text names the process for people and for the message to a second
 * one; it decides nothing.
 */
#ifndef DDB_STORE_OWNER_H
#define DDB_STORE_OWNER_H

#include "engine/error.h"
#include <stdbool.h>

#define STORE_OWNER_NAME "owner"

enum { STORE_BOOT_ID_MAX = 40 };
/* The id of this boot of the machine; empty, which equals no other, when the system does not tell. */
void store_boot_id(char ret[STORE_BOOT_ID_MAX]);

/*
 * Takes the store in `directory` (`path` is for messages). *ret is the locked file. Not `create`: the file
 * must be there. DDB_RESOURCE_IN_USE: another process has it; nothing was changed.
 */
DDB_MUST_CHECK enum ddb_code store_owner_take(int directory, const char *path, const char *mountpoint,
	const char *boot_id, bool create, int *ret, struct ddb_error *err);
void store_owner_release(int owner); /* -1 is fine */

/* Whether the file's text is one that this program writes, or it is empty. */
bool store_owner_is_ours(int directory);

#endif
