/*
 * What must be there after a power loss, from the marks of a recording. Each lane must show the state after
 * one of its steps: one that was begun, and none before what is known to be durable. Over all lanes the
 * steps that are there must be the first ones: none may be missing that was done before one that is there was
 * begun.
 */
#ifndef CRASH_JUDGE_H
#define CRASH_JUDGE_H

#include "tests/crash/disk.h"
#include "tests/crash/tree.h"

enum { JUDGE_LANES = 16 };

struct judge;

struct judge *judge_new(const struct recording *recording);
/*
 * A cycle that brings commits to the disk has ended with this record. What was done before the one before
 * ended is in it: its state was taken later.
 */
void judge_cycle(struct judge *judge, size_t record);

struct verdict {
	bool right;
	bool judged[JUDGE_LANES];
	unsigned steps[JUDGE_LANES]; /* the last that is there, at least; by lane */
	int64_t lost_ns;             /* how long the first step that is lost had been done; 0: none */
};

/*
 * The store as it was opened after the first `count` records. `all`: nothing that was done may be missing, as
 * when only the process died. Prints what is wrong.
 */
void judge_tree(const struct judge *judge, size_t count, bool all, struct ddb_engine *engine, struct map *map,
	struct verdict *ret);

/* Marks for another recording: these steps, as one each, are durable. */
void judge_carry(const struct judge *judge, const struct verdict *verdict, const char *log);

#endif
