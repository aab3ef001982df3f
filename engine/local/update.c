/*
 * UpdateItem: what an item becomes by an expression's changes. A missing item begins as its key alone, after
 * the condition has been asked; changes that only remove leave it missing.
 */
#include "engine/local/update.h"

enum { SET_OVERHEAD = 19 /* bytes that DynamoDB counts for a SET beside name and value */ };

/* ---- Before the transaction ---- */

static enum ddb_code check_key_kept(struct local_update *update, const struct ddb_key_attribute *attribute,
	const struct ddb_value *own, struct ddb_error *err)
{
	const struct ddb_update_item *request = update->request;
	const struct ddb_value *value;
	if (!ddb_changes_write(request->changes, attribute->name, attribute->name_length, &value))
		return DDB_OK;
	if (!request->lenient_keys || !value || !ddb_value_equal(value, own))
		return ddb_fail(err, DDB_VALIDATION,
			"Cannot update attribute %s. This attribute is part of the key",
			local_attribute_label(attribute));
	update->key_written += attribute->name_length + ddb_value_size(value) + SET_OVERHEAD;
	return DDB_OK;
}

static enum ddb_code check_scalar(const struct ddb_changes *changes,
	const struct ddb_key_attribute *attributes, unsigned count, struct ddb_error *err)
{
	for (unsigned i = 0; i < count; i++)
		if (ddb_changes_enter(changes, attributes[i].name, attributes[i].name_length))
			return ddb_fail(err, DDB_VALIDATION,
				"Key attributes must be scalars; list random access '[]' and map lookup '.' "
				"are not allowed: IndexKey: %s",
				attributes[i].name);
	return DDB_OK;
}

/* An index key is nothing that a path could go into, whatever the item has there. */
static enum ddb_code check_index_keys(
	const struct ddb_definition *definition, const struct ddb_changes *changes, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; !code && i < definition->index_count; i++) {
		const struct ddb_index_definition *index = &definition->indexes[i];
		code = check_scalar(changes, index->hash, index->hash_count, err);
		if (!code)
			code = check_scalar(changes, index->range, index->range_count, err);
	}
	return code;
}

enum ddb_code local_update_check(struct local_engine *engine, const struct local_table *table,
	struct local_update *update, struct ddb_error *err)
{
	const struct ddb_definition *definition = table->table->definition;
	struct local_key *key = &update->key;
	enum ddb_code code =
		local_key_of_map(engine->store, table->table, table->space, &update->request->key, key, err);
	update->key_written = 0;
	if (code || !update->request->changes)
		return code;
	code = check_key_kept(update, &definition->hash, &key->hash, err);
	if (!code && definition->has_range)
		code = check_key_kept(update, &definition->range, &key->range, err);
	return code ? code : check_index_keys(definition, update->request->changes, err);
}

/* ---- Within it ---- */

/* The item as it will be. */
static enum ddb_code apply(const struct local_writing *writing, const struct local_update *update,
	struct ddb_value *ret, struct ddb_error *err)
{
	const struct ddb_update_item *request = update->request;
	const struct ddb_value *base = writing->old.found ? &writing->old_item : &request->key;
	size_t written;
	if (!request->changes) {
		*ret = *base;
		return DDB_OK;
	}
	enum ddb_code code =
		ddb_changes_apply(&writing->job->arena, request->changes, base, ret, &written, err);
	if (!code && !update->flat && written - update->key_written > DDB_ITEM_SIZE_MAX)
		code = local_too_large(LOCAL_LIMIT_UPDATE, err);
	return code;
}

static enum ddb_code drop_keys(struct local_job *job, struct ddb_value *attributes, struct ddb_error *err)
{
	const struct ddb_definition *definition = job->table->table->definition;
	const struct ddb_value *kept = ddb_map_with(
		&job->arena, attributes, definition->hash.name, definition->hash.name_length, NULL);
	if (kept && definition->has_range)
		kept = ddb_map_with(
			&job->arena, kept, definition->range.name, definition->range.name_length, NULL);
	if (!kept)
		return ddb_fail_memory(err);
	*attributes = *kept;
	return DDB_OK;
}

/* The part of an image that the changes' paths name, without the key. */
static enum ddb_code touched(struct local_job *job, const struct ddb_changes *changes,
	const struct ddb_value *image, enum ddb_image which, struct ddb_value *ret, struct ddb_error *err)
{
	*ret = (struct ddb_value){.type = DDB_M};
	if (!image || !changes)
		return DDB_OK;
	enum ddb_code code = ddb_changes_touched(&job->arena, changes, image, which, ret, err);
	return code ? code : drop_keys(job, ret, err);
}

/* `after` NULL: there is still no item. */
static enum ddb_code answer(struct local_writing *writing, const struct ddb_changes *changes,
	const struct ddb_value *after, struct ddb_error *err)
{
	enum ddb_return_values wanted = writing->terms ? writing->terms->return_values : DDB_RETURN_NONE;
	bool old = wanted == DDB_RETURN_ALL_OLD || wanted == DDB_RETURN_UPDATED_OLD;
	const struct ddb_value *image = old ? local_writing_before(writing) : after;
	struct ddb_value part;
	if (wanted == DDB_RETURN_NONE)
		return local_writing_answer(writing, NULL, err);
	if (wanted == DDB_RETURN_ALL_OLD || wanted == DDB_RETURN_ALL_NEW)
		return local_writing_answer(writing, image, err);
	enum ddb_code code =
		touched(writing->job, changes, image, old ? DDB_IMAGE_OLD : DDB_IMAGE_NEW, &part, err);
	return code ? code : local_writing_answer(writing, &part, err);
}

bool local_update_makes(const struct local_writing *writing, const struct local_update *update)
{
	const struct ddb_changes *changes = update->request->changes;
	return writing->old.found || !changes || ddb_changes_create(changes);
}

enum ddb_code local_update_make(const struct local_writing *writing, const struct local_update *update,
	struct local_item *ret, struct ddb_error *err)
{
	struct local_job *job = writing->job;
	struct ddb_value after;
	enum ddb_code code = apply(writing, update, &after, err);
	if (code)
		return code;
	return local_item_prepare(job->engine, job->table, &job->arena, &after, LOCAL_LIMIT_UPDATE, ret, err);
}

static enum ddb_code change_item(
	struct local_writing *writing, struct local_update *update, struct ddb_error *err)
{
	struct local_item item;
	enum ddb_code code = local_update_make(writing, update, &item, err);
	if (!code)
		code = local_writing_put(writing, &item, writing->job->now, &update->result, err);
	return code ? code : answer(writing, update->request->changes, &item.value, err);
}

static enum ddb_code update_change(struct local_job *job, void *context, struct ddb_error *err)
{
	struct local_update *update = context;
	const struct ddb_update_item *request = update->request;
	struct local_writing writing;
	enum ddb_code code = local_writing_begin(&writing, job, &update->key, request->terms, true, err);
	if (!code)
		code = local_writing_allow(&writing, request->condition, 0, err);
	if (code)
		return code;
	if (local_update_makes(&writing, update))
		return change_item(&writing, update, err);
	update->result = (struct ddb_put_result){.unchanged = true};
	return answer(&writing, request->changes, NULL, err);
}

static enum ddb_code update_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	struct local_update *update = context;
	enum ddb_code code = local_update_check(engine, table, update, err);
	return code ? code : local_change_table(engine, table, update_change, update, err);
}

enum ddb_code local_update_item(struct ddb_engine *engine, const struct ddb_update_item *request,
	struct ddb_put_result *ret, struct ddb_error *err)
{
	struct local_update update = {.request = request};
	enum ddb_code code =
		local_on_table(local_of(engine), request->table, LOCAL_OF_ITEM, update_attempt, &update, err);
	if (!code)
		*ret = update.result;
	return code;
}
