/*
 * Deleting an item.
 */
#include "engine/local/scratch/scratch.h"
#include "engine/local/writing.h"

struct deletion {
	const struct ddb_delete_item *request;
	struct local_key key;
	bool existed;
};

static enum ddb_code remove_found(
	struct local_writing *writing, const struct ddb_delete_item *request, struct ddb_error *err)
{
	struct local_job *job = writing->job;
	const struct ddb_meta *meta = &writing->old.meta;
	enum ddb_code code = DDB_OK;
	if (request->if_version != 0 && meta->version != request->if_version)
		return local_condition_failed(err);
	if (request->keep)
		code = local_scratch_keep(job->engine, job->txn, request->keep, request->kept_text,
			request->kept_length, meta->mtime_ns, err);
	return code ? code : local_writing_remove(writing, err);
}

static enum ddb_code delete_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct deletion *deletion = context;
	const struct ddb_delete_item *request = deletion->request;
	const struct ddb_write_terms *terms = request->terms;
	struct local_writing writing;
	enum ddb_code code = local_writing_begin(&writing, job, &deletion->key, terms, false, err);
	if (!code)
		code = local_writing_allow(&writing, DDB_ALWAYS, 0, err);
	if (!code && writing.old.found)
		code = remove_found(&writing, request, err);
	if (code)
		return code;
	deletion->existed = writing.old.found;
	bool wanted = terms && terms->return_values == DDB_RETURN_ALL_OLD;
	return local_writing_answer(&writing, wanted ? local_writing_before(&writing) : NULL, err);
}

static enum ddb_code delete_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct deletion *deletion = context;
	enum ddb_code code = local_key_of_map(
		engine->store, table->table, table->space, &deletion->request->key, &deletion->key, err);
	return code ? code : local_change_table(engine, table, delete_change, deletion, err);
}

enum ddb_code local_delete_item(struct ddb_engine *engine, const struct ddb_delete_item *request,
	struct ddb_delete_result *ret, struct ddb_error *err)
{
	struct deletion deletion = {.request = request};
	enum ddb_code code = local_terms_check(request->terms, err);
	if (!code)
		code = local_on_table(
			local_of(engine), request->table, LOCAL_OF_ITEM, delete_attempt, &deletion, err);
	if (!code)
		ret->existed = deletion.existed;
	return code;
}
