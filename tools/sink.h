/*
 * Where imported items go: a table of a local store, or of a mounted one through its files. One thread.
 */
#ifndef TOOLS_SINK_H
#define TOOLS_SINK_H

#include "engine/engine.h"

struct sink;

struct sink_target {
	const char *place; /* STORE or MOUNT */
	const char *keyfile;
	const char *table;
	struct ddb_definition *definition; /* of a table to be made; NULL: it must exist */
};

/* Opens, and makes the table when it does not exist. NULL: failed, and the reason is printed. */
struct sink *sink_open(const struct sink_target *target);
/* *ret_done: how many were put. False: items[*ret_done] was refused, with the reason in *err. */
bool sink_put(struct sink *sink, const struct ddb_value *items, size_t count, size_t *ret_done,
	struct ddb_error *err);
/* Makes everything durable. */
bool sink_close(struct sink *sink, struct ddb_error *err);

#endif
