/*
 * What a request consumes, while it is being counted: half units for the table and for each of its indexes,
 * by their position in the table's definition. A half unit is an eventually consistent read of 4 KB; a write
 * of 1 KB takes two. What was touched has some: no request on a table or an index is free of charge. The
 * counting itself decides nothing. A struct belongs to one thread.
 */
#ifndef LOCAL_CONSUMED_H
#define LOCAL_CONSUMED_H

#include "engine/engine.h"

struct local_consumed {
	uint64_t table;
	uint64_t indexes[DDB_LOCAL_INDEXES_MAX + DDB_GLOBAL_INDEXES_MAX];
};

/* Half units of writing an item or an index entry; sizes are DynamoDB's, 0: nothing was, or is, there. */
static inline uint64_t local_write_half_units(size_t old_size, size_t new_size)
{
	size_t larger = old_size > new_size ? old_size : new_size;
	return larger > 1024 ? 2 * (((uint64_t)larger + 1023) / 1024) : 2;
}

/* Half units of reading that many bytes at once: one item, or the sum over a page. 0: nothing was found. */
static inline uint64_t local_read_half_units(uint64_t bytes, bool consistent)
{
	uint64_t units = bytes > 4096 ? (bytes + 4095) / 4096 : 1;
	return consistent ? 2 * units : units;
}

void local_consumed_add(struct local_consumed *sum, const struct local_consumed *more);

/* As a response tells it: the table, then indexes in the definition's order, without those that were not
 * touched. Copies what it needs into the arena. */
DDB_MUST_CHECK enum ddb_code local_consumed_report(struct ddb_arena *arena,
	const struct ddb_definition *definition, const struct local_consumed *consumed,
	struct ddb_capacity *ret, struct ddb_error *err);

#endif
