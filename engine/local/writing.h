/*
 * The write of one item within a job: what is found under its key, whether the request's terms let it pass,
 * the new state with all that stands beside an item (counters, partition, aliases, index entries), and what
 * is answered. The operations that change items are made of these steps, in this order: begin, allow, then
 * put or remove, answer. All that a writing points to lives in the job's arena; answers are copied into the
 * terms' arena. A job may be run again: each run begins its writings afresh.
 */
#ifndef LOCAL_WRITING_H
#define LOCAL_WRITING_H

#include "engine/local/consumed.h"
#include "engine/local/item.h"

struct local_writing {
	struct local_job *job;
	const struct local_key *key;         /* borrowed */
	const struct ddb_write_terms *terms; /* or NULL */
	struct local_found old;
	struct ddb_value old_item; /* when there is one and it was needed */
	struct local_consumed consumed;
	uint64_t gone; /* the version of its removal; 0: the next one */
};

/* The return values that a put or a delete can have. DDB_VALIDATION. */
DDB_MUST_CHECK enum ddb_code local_terms_check(const struct ddb_write_terms *terms, struct ddb_error *err);

/* Reads what is there; the item itself when the terms, the table's indexes or the caller (`want_old`) need
 * it. */
DDB_MUST_CHECK enum ddb_code local_writing_begin(struct local_writing *writing, struct local_job *job,
	const struct local_key *key, const struct ddb_write_terms *terms, bool want_old,
	struct ddb_error *err);
/* DDB_CONDITIONAL_CHECK_FAILED, with an answer, when a condition does not hold. `new_size`: of the item that
 * was to be written, where that is known. */
DDB_MUST_CHECK enum ddb_code local_writing_allow(
	struct local_writing *writing, enum ddb_condition condition, size_t new_size, struct ddb_error *err);
/* Puts the item over what was found; an equal one only gets the new mtime. */
DDB_MUST_CHECK enum ddb_code local_writing_put(struct local_writing *writing, const struct local_item *item,
	int64_t mtime_ns, struct ddb_put_result *ret, struct ddb_error *err);
/* Writes an item that is not equal to what was found. The version and sizes in *meta are set. */
DDB_MUST_CHECK enum ddb_code local_writing_store(struct local_writing *writing, const struct local_item *item,
	struct ddb_meta *meta, struct ddb_error *err);
/* Takes the item that was found away. */
DDB_MUST_CHECK enum ddb_code local_writing_remove(struct local_writing *writing, struct ddb_error *err);
/* What the terms ask for beside `attributes` (NULL: none, by their return values). */
DDB_MUST_CHECK enum ddb_code local_writing_answer(
	struct local_writing *writing, const struct ddb_value *attributes, struct ddb_error *err);

/* The item that was there, or NULL. */
static inline const struct ddb_value *local_writing_before(const struct local_writing *writing)
{
	return writing->old.found ? &writing->old_item : NULL;
}

enum ddb_code local_condition_failed(struct ddb_error *err);

#endif
