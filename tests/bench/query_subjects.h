/*
 * What query.c compares: the same orders in LMDB (keys and values of the engine's lengths, read by cursors
 * and not decoded), in SQLite, in an engine. One thread. What fails ends the process: a measurement of
 * failures is none.
 *
 * Order i is number i % ORDERS_EACH of customer i / ORDERS_EACH and has one of KINDS kinds. An index leads
 * from a kind to its orders by date; the other indexes lead from attributes of the same form. With a stream
 * each put also keeps, in its transaction, the order as it was and as it is.
 */
#ifndef QUERY_SUBJECTS_H
#define QUERY_SUBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ORDERS_EACH = 100,
	KINDS = 1000,
	INDEXES_MAX = 5,
	QUERY_SUBJECTS = 3,
};

struct query_ops {
	const char *name;
	void *(*open)(const char *directory, unsigned indexes, bool stream);
	void (*close)(void *subject);
	/* Orders from..to, in large transactions. */
	void (*fill)(void *subject, uint32_t from, uint32_t to);
	/* One order in a transaction of its own, over what is there: `edition` gives it other kinds. */
	void (*put)(void *subject, uint32_t order, uint32_t edition);
	/* Each answers how many orders it has seen whole, or has counted. */
	size_t (*point)(void *subject, uint32_t order);
	size_t (*range)(void *subject, uint32_t customer, uint32_t first, uint32_t last);
	size_t (*kind)(void *subject, uint32_t kind);
	size_t (*scan)(void *subject, uint32_t amount); /* those of that amount: a filter */
};

extern const struct query_ops query_rows[QUERY_SUBJECTS];

#endif
