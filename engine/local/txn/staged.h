/*
 * Which items a transaction has written, by store key, and whether each differs from what it was. A job
 * notes what it writes; what it noted counts when the job has succeeded. Refuses a job that would change more
 * than a transaction can have. Only under the view's lock.
 */
#ifndef LOCAL_STAGED_H
#define LOCAL_STAGED_H

#include "engine/local/keys.h"
#include "engine/local/local_private.h"

struct local_staged_item {
	uint8_t *key;
	uint16_t length;
	unsigned table; /* position of its name */
	bool changed;   /* from what it was at the view's moment */
	uint32_t bytes; /* of the item as it is, in DynamoDB's counting, when it is changed */
};
struct local_staged_list { /* by key, each once */
	struct local_staged_item *items;
	size_t count, room;
};
struct local_staged {
	struct local_staged_list items, noted;
	char **tables;
	unsigned table_count;
	size_t changed; /* items */
	uint64_t bytes;
	bool moving; /* the job is the move of a partition */
};

void local_staged_done(struct local_staged *staged);

/* A job of the engine is about to write the item; nothing happens where that is no view. */
DDB_MUST_CHECK enum ddb_code local_stage_item(
	struct local_job *job, const struct local_key *key, struct ddb_error *err);
DDB_MUST_CHECK static inline enum ddb_code local_stage(
	struct local_job *job, const struct local_key *key, struct ddb_error *err)
{
	return job->engine->view ? local_stage_item(job, key, err) : DDB_OK;
}
/* The job moves a partition: too much of it is DDB_ITEM_TOO_LARGE. */
void local_stage_move(struct local_job *job);

/* Runs a job of a view. Takes its lock. */
DDB_MUST_CHECK enum ddb_code local_stage_write(
	struct local_engine *engine, store_job *job, void *context, struct ddb_error *err);

/* More than `count` items and conditions. */
enum ddb_code local_stage_too_many(enum ddb_code code, unsigned most, struct ddb_error *err);

#endif
