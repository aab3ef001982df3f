/*
 * What store.c compares: the same items in LMDB, in a store, in an engine. Threads: put and get from any,
 * after open. What fails ends the process: a measurement of failures is none.
 */
#ifndef STORE_SUBJECTS_H
#define STORE_SUBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>

enum {
	PRELOADED = 20000, /* items that are there before anything is measured */
	PARTITIONS = 200,
	SUBJECTS = 4,
};

struct subject_ops {
	const char *name;
	void *(*open)(const char *directory);
	void (*close)(void *subject);
	/* All in one commit. `edition` makes their text another one than before. */
	void (*put)(void *subject, const uint32_t *items, size_t count, uint64_t edition, bool durable);
	void (*get)(void *subject, uint32_t item);
	/* All that was put is on the disk. */
	void (*sync)(void *subject);
};

extern const struct subject_ops subject_rows[SUBJECTS];

#endif
