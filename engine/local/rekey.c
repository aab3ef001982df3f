/*
 * Changing the master key. Items are not touched, so of the engine nothing is needed but its store.
 */
#include "engine/local/local.h"
#include "engine/store/store.h"

enum ddb_code ddb_local_rekey(
	const char *path, const struct ddb_rekey_options *options, struct ddb_error *err)
{
	const struct store_rekey rekey = {.keyfile = options->new_keyfile, .make = options->make};
	const struct store_options store_options = {
		.keyfile = options->keyfile, .must_exist = true, .rekey = &rekey};
	struct store *store;
	enum ddb_code code = store_open(path, &store_options, &store, err);
	if (!code)
		store_close(store);
	return code;
}
