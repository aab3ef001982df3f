/*
 * The tables of one TransactWriteItems or TransactGetItems: each once, in the order in which the actions name
 * them first, with what was consumed of it. They belong to the request's thread.
 */
#ifndef LOCAL_PART_H
#define LOCAL_PART_H

#include "engine/local/consumed.h"
#include "engine/local/local_private.h"

struct local_part {
	const char *name; /* the request's */
	struct local_table *table;
	struct local_consumed consumed;
};
struct local_parts {
	size_t count;
	struct local_part *list;
};

/* How many actions there may be. DDB_VALIDATION. */
DDB_MUST_CHECK enum ddb_code local_parts_allow(size_t actions, struct ddb_error *err);
/* None yet, with room in the arena for a table of each action. */
DDB_MUST_CHECK enum ddb_code local_parts_init(
	struct local_parts *parts, struct ddb_arena *arena, size_t actions, struct ddb_error *err);
/* Lets go of the tables. */
void local_parts_leave(struct local_parts *parts);

/* The position of the table, which is looked up when it is named first. */
DDB_MUST_CHECK enum ddb_code local_parts_find(struct local_parts *parts, struct local_engine *engine,
	const char *name, size_t *ret, struct ddb_error *err);
/* As a response tells it, with room for each: a transaction costs twice, but for indexes. */
DDB_MUST_CHECK enum ddb_code local_parts_report(const struct local_parts *parts, struct ddb_arena *arena,
	const char **ret_names, struct ddb_capacity *ret, struct ddb_error *err);

#endif
