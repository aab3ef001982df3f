/*
 * The steps of an item's write. See writing.h.
 */
#include "engine/local/writing.h"

#include "engine/local/ttl/expiry.h"
#include "engine/local/index/index.h"
#include "engine/local/partition.h"
#include "engine/local/txn/reads.h"
#include "engine/local/txn/staged.h"
#include "engine/local/stream/stream.h"
#include <string.h>

enum ddb_code local_condition_failed(struct ddb_error *err)
{
	return ddb_fail(err, DDB_CONDITIONAL_CHECK_FAILED, "The conditional request failed");
}

enum ddb_code local_terms_check(const struct ddb_write_terms *terms, struct ddb_error *err)
{
	if (!terms || terms->return_values == DDB_RETURN_NONE || terms->return_values == DDB_RETURN_ALL_OLD)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION, "ReturnValues can only be ALL_OLD or NONE");
}

/* ---- What is there ---- */

static bool terms_need_old(const struct ddb_write_terms *terms)
{
	return terms && (terms->condition || terms->return_on_failure || terms->return_values);
}

enum ddb_code local_writing_begin(struct local_writing *writing, struct local_job *job,
	const struct local_key *key, const struct ddb_write_terms *terms, bool want_old,
	struct ddb_error *err)
{
	*writing = (struct local_writing){.job = job, .key = key, .terms = terms};
	if (terms && terms->answer)
		memset(terms->answer, 0, sizeof *terms->answer);
	bool whole = want_old || terms_need_old(terms) || local_has_indexes(job->table) ||
		     local_expires(job->table);
	bool body = whole || local_has_stream(job->engine, job->table);
	struct local_found *old = &writing->old;
	enum ddb_code code = local_read_key(job->engine, job->table, key->bytes, key->length, err);
	if (!code)
		code = local_item_find(job->txn, &job->arena, key, body, old, err);
	if (!code && old->found && whole)
		code = local_body_decode(&job->arena, old->body, old->length, &writing->old_item, err);
	if (!code)
		writing->consumed.table = local_write_half_units(old->found ? old->meta.size : 0, 0);
	return code;
}

static bool holds(const struct local_writing *writing, enum ddb_condition condition)
{
	const struct ddb_write_terms *terms = writing->terms;
	bool found = writing->old.found;
	if ((condition == DDB_IF_ABSENT && found) || (condition == DDB_IF_PRESENT && !found))
		return false;
	return !terms || !terms->condition ||
	       ddb_predicate_holds(terms->condition, local_writing_before(writing));
}

enum ddb_code local_writing_allow(
	struct local_writing *writing, enum ddb_condition condition, size_t new_size, struct ddb_error *err)
{
	const struct ddb_write_terms *terms = writing->terms;
	const struct local_found *old = &writing->old;
	if (holds(writing, condition))
		return DDB_OK;
	writing->consumed.table = local_write_half_units(old->found ? old->meta.size : 0, new_size);
	enum ddb_code code = local_writing_answer(writing, NULL, err);
	if (!code && terms && terms->answer && terms->return_on_failure && old->found) {
		code = ddb_value_copy(terms->arena, &writing->old_item, &terms->answer->item, err);
		terms->answer->has_item = !code;
	}
	return code ? code : local_condition_failed(err);
}

/* ---- What will be there ---- */

/* The entries of the table's indexes, and when the item expires: the old one was read only if that is needed.
 */
static enum ddb_code change_entries(struct local_writing *writing, const struct ddb_value *item,
	const struct ddb_meta *meta, struct ddb_error *err)
{
	struct local_job *job = writing->job;
	enum ddb_code code = DDB_OK;
	if (local_has_indexes(job->table))
		code = local_indexes_change(job, writing->key, local_writing_before(writing),
			&writing->old.meta, item, meta, &writing->consumed, err);
	if (code || !local_expires(job->table))
		return code;
	return local_expiry_change(job, writing->key, local_writing_before(writing), item, err);
}

enum ddb_code local_writing_store(struct local_writing *writing, const struct local_item *item,
	struct ddb_meta *meta, struct ddb_error *err)
{
	struct local_job *job = writing->job;
	const struct local_found *old = &writing->old;
	size_t old_size = old->found ? old->meta.size : 0;
	meta->version = local_next_version(job->engine, job->txn);
	meta->size = item->size;
	memcpy(meta->rendered, item->rendered, sizeof meta->rendered);
	enum ddb_code code = local_stage(job, writing->key, err);
	if (!code)
		code = change_entries(writing, &item->value, meta, err); /* first: it may refuse */
	if (code)
		return code;
	job->counters.items += !old->found;
	job->counters.bytes += meta->size - (uint64_t)old_size;
	job->counted = true;
	code = local_item_write(job->txn, writing->key, meta, item->body, item->length, err);
	if (!code && !old->found)
		code = local_place_enter(job, writing->key, NULL, err);
	return code ? code : local_stream_tell(job, writing->key, old, item, meta->version, err);
}

enum ddb_code local_writing_put(struct local_writing *writing, const struct local_item *item,
	int64_t mtime_ns, struct ddb_put_result *ret, struct ddb_error *err)
{
	struct local_job *job = writing->job;
	const struct local_found *old = &writing->old;
	struct ddb_put_result result = {.replaced = old->found};
	writing->consumed.table = local_write_half_units(old->found ? old->meta.size : 0, item->size);
	enum ddb_code code = local_item_same(job->txn, &job->arena, item, old, &result.unchanged, err);
	if (code)
		return code;
	if (old->found)
		result.meta = old->meta;
	else
		result.meta.serial = job->counters.next_serial++;
	result.meta.mtime_ns = mtime_ns;
	if (!result.unchanged)
		code = local_writing_store(writing, item, &result.meta, err);
	else
		code = local_stage(job, writing->key, err);
	if (!code && result.unchanged && mtime_ns != old->meta.mtime_ns)
		code = local_item_write(job->txn, writing->key, &result.meta, item->body, item->length, err);
	if (code)
		return code;
	if (local_expiry_hides(job->engine, job->table))
		(void)local_expiry_hidden(job->engine, job->table, &item->value, &result.meta);
	*ret = result;
	return DDB_OK;
}

enum ddb_code local_writing_remove(struct local_writing *writing, struct ddb_error *err)
{
	struct local_job *job = writing->job;
	const struct local_key *key = writing->key;
	job->counters.items--;
	job->counters.bytes -= writing->old.meta.size;
	job->counted = true;
	enum ddb_code code = local_stage(job, key, err);
	if (!code)
		code = store_delete(job->txn, key->bytes, key->length, NULL, err);
	if (!code)
		code = local_place_leave(job, key, err);
	if (!code)
		code = change_entries(writing, NULL, NULL, err);
	if (code || !local_has_stream(job->engine, job->table))
		return code;
	uint64_t version = writing->gone ? writing->gone : local_next_version(job->engine, job->txn);
	return local_stream_tell(job, key, &writing->old, NULL, version, err);
}

/* ---- What is answered ---- */

static enum ddb_code answer_collection(
	const struct local_writing *writing, struct ddb_write_answer *answer, struct ddb_error *err)
{
	const struct local_table *table = writing->job->table;
	const struct ddb_definition *definition = table->table->definition;
	answer->has_collection = local_has_indexes(table) && definition->indexes[0].local;
	if (!answer->has_collection)
		return DDB_OK;
	return local_collection_bytes(writing->job->txn, table, writing->key, &answer->collection_bytes, err);
}

enum ddb_code local_writing_answer(
	struct local_writing *writing, const struct ddb_value *attributes, struct ddb_error *err)
{
	const struct ddb_write_terms *terms = writing->terms;
	if (!terms || !terms->answer)
		return DDB_OK;
	struct ddb_write_answer answer = {.has_attributes = attributes && attributes->count > 0};
	enum ddb_code code = local_consumed_report(terms->arena, writing->job->table->table->definition,
		&writing->consumed, &answer.capacity, err);
	if (!code)
		code = answer_collection(writing, &answer, err);
	if (!code && answer.has_attributes)
		code = ddb_value_copy(terms->arena, attributes, &answer.attributes, err);
	if (!code)
		*terms->answer = answer;
	return code;
}
