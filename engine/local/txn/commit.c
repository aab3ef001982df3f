/*
 * Commits. The view's own branch is entered before the base's writer is waited for, and nobody who has that
 * waits for a branch. Only when nothing stands in the way is anything written, so that those who share the
 * commit need not run again. See commit.h.
 */
#include "engine/local/txn/commit.h"

#include "engine/local/txn/conflict.h"
#include "engine/local/txn/token.h"
#include "engine/local/writing.h"
#include "engine/order.h"
#include <stdlib.h>
#include <string.h>

struct check {
	const struct ddb_condition_check *request;
	struct local_table *table;
	struct local_key key;
};

struct commit {
	struct local_view *view;
	struct local_engine *base;
	const struct ddb_commit *request;
	struct check *checks;
	struct local_table **tables; /* of what is staged, as of the moment */
	unsigned table_count;
	struct store_txn *moment; /* a view of the branch */
	struct local_token token;
	int64_t now;
	struct ddb_arena *arena; /* the response's */
	struct local_conflicts conflicts;
	uint64_t told_bytes; /* of items, with the reasons */
	struct ddb_commit_result result;
	size_t first, end;    /* of the staged items, those of one table */
	uint64_t next_serial; /* of that table, at the moment */
};

static const struct local_staged_list *staged_of(const struct commit *commit)
{
	return &commit->view->staged.items;
}

/* ---- Conditions, before anything ---- */

static enum ddb_code tell_check(struct commit *commit, const struct check *check,
	const struct ddb_error *refusal, struct ddb_error *err)
{
	struct ddb_reason reason = {.code = refusal->code};
	const char *table = check->request->table;
	reason.message = ddb_arena_copy(commit->arena, refusal->message, strlen(refusal->message));
	reason.table = ddb_arena_copy(commit->arena, table, strlen(table));
	enum ddb_code code = ddb_value_copy(commit->arena, &check->request->key, &reason.key, err);
	if (code)
		return code;
	if (!reason.message || !reason.table)
		return ddb_fail_memory(err);
	local_conflict_add(&commit->conflicts, &reason);
	return DDB_OK;
}

static enum ddb_code prepare_check(struct commit *commit, struct check *check, struct ddb_error *err)
{
	struct local_engine *engine = &commit->view->engine;
	enum ddb_code code =
		local_find_table(engine, check->request->table, LOCAL_OF_ITEM, &check->table, err);
	if (!code)
		code = local_key_of_map(engine->store, check->table->table, check->table->space,
			&check->request->key, &check->key, err);
	return code ? code : local_read_table(engine, check->table, err);
}

static enum ddb_code prepare_checks(struct commit *commit, struct ddb_error *err)
{
	size_t count = commit->request->check_count;
	commit->checks = calloc(count + 1, sizeof *commit->checks);
	if (!commit->checks)
		return ddb_fail_memory(err);
	for (size_t i = 0; i < count; i++) {
		struct ddb_error refusal;
		commit->checks[i].request = &commit->request->checks[i];
		enum ddb_code code = prepare_check(commit, &commit->checks[i], &refusal);
		if (code && err)
			*err = refusal;
		if (code == DDB_VALIDATION && tell_check(commit, &commit->checks[i], &refusal, err))
			return DDB_NO_MEMORY;
		if (code)
			return code;
	}
	return DDB_OK;
}

/* ---- What a token stands for: all items that were written, as they will be, and all conditions ---- */

static enum ddb_code digest_item(
	struct commit *commit, const struct local_staged_item *item, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct store_value value;
	bool found;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	enum ddb_code code =
		local_get(commit->moment, &arena, item->key, item->length, true, &value, &found, err);
	if (code)
		return code;
	local_token_add(&commit->token, commit->base->store, item->key, item->length);
	local_token_add(&commit->token, commit->base->store, found ? value.body : NULL,
		found ? value.body_length : 0);
	return DDB_OK;
}

static int compare_checks(const void *a, const void *b)
{
	const struct check *x = a, *y = b;
	int order = ddb_bytes_order(x->key.bytes, x->key.length, y->key.bytes, y->key.length);
	if (order)
		return order;
	return ddb_bytes_order(x->request->text, x->request->length, y->request->text, y->request->length);
}

static enum ddb_code digest(struct commit *commit, struct ddb_error *err)
{
	const struct local_staged_list *staged = staged_of(commit);
	struct store *store = commit->base->store;
	size_t count = commit->request->check_count;
	enum ddb_code code = local_token_init(&commit->token, store, commit->request->token, err);
	if (code || !commit->token.given)
		return code;
	for (size_t i = 0; !code && i < staged->count; i++)
		code = digest_item(commit, &staged->items[i], err);
	qsort(commit->checks, count, sizeof *commit->checks, compare_checks);
	for (size_t i = 0; !code && i < count; i++) {
		const struct check *check = &commit->checks[i];
		local_token_add(&commit->token, store, check->key.bytes, check->key.length);
		local_token_add(&commit->token, store, check->request->text, check->request->length);
	}
	return code;
}

/* ---- Whether everything is as it was ---- */

static enum ddb_code ask_condition(struct commit *commit, const struct check *check, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct local_conflicts *conflicts = &commit->conflicts;
	struct local_found found;
	struct ddb_value item;
	struct ddb_error refusal;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	enum ddb_code code = local_item_find(conflicts->txn, &arena, &check->key, true, &found, err);
	if (!code && found.found)
		code = local_body_decode(&arena, found.body, found.length, &item, err);
	if (code || ddb_predicate_holds(check->request->condition, found.found ? &item : NULL))
		return code;
	local_condition_failed(&refusal);
	size_t told = conflicts->count;
	code = tell_check(commit, check, &refusal, err);
	if (code || !found.found || told == conflicts->count ||
		commit->told_bytes + found.meta.size > DDB_REASONS_ITEMS_MAX)
		return code;
	struct ddb_reason *reason = &conflicts->reasons[told];
	commit->told_bytes += found.meta.size;
	code = ddb_value_copy(commit->arena, &item, &reason->item, err);
	reason->has_item = !code;
	return code;
}

/* The job is the first one since the moment: nothing can have changed, and no range has to be walked. */
static bool is_next(const struct commit *commit)
{
	return store_txn_number(commit->conflicts.txn) == store_branch_number(commit->view->engine.store) + 1;
}

static enum ddb_code judge(struct commit *commit, struct ddb_error *err)
{
	struct local_conflicts *conflicts = &commit->conflicts;
	enum ddb_code code = is_next(commit) ? DDB_OK : local_conflicts_find(conflicts, err);
	for (size_t i = 0; !code && i < commit->request->check_count; i++)
		if (!local_conflict_has_table(conflicts, commit->checks[i].request->table))
			code = ask_condition(commit, &commit->checks[i], err);
	if (code || conflicts->count == 0)
		return code;
	return ddb_reasons_fail(conflicts->reasons, conflicts->count, err);
}

/* ---- Writing ---- */

static enum ddb_code add_change(struct commit *commit, const struct local_table *table,
	const struct ddb_value *item, uint64_t version, struct ddb_error *err)
{
	struct ddb_committed *change = &commit->result.changes[commit->result.change_count];
	const char *name = table->table->name;
	*change = (struct ddb_committed){
		.table = ddb_arena_copy(commit->arena, name, strlen(name)), .version = version};
	if (!change->table)
		return ddb_fail_memory(err);
	enum ddb_code code = local_key_copy(commit->arena, table->table, item, &change->key, err);
	commit->result.change_count += !code;
	return code;
}

/* An item that was there at the moment keeps its serial, also under another key. */
static uint64_t serial_of(struct local_job *job, const struct commit *commit, const struct ddb_meta *staged)
{
	job->counted = true;
	return staged->serial < commit->next_serial ? staged->serial : job->counters.next_serial++;
}

static enum ddb_code put_staged(
	struct local_job *job, struct commit *commit, const struct store_value *value, struct ddb_error *err)
{
	struct ddb_meta meta;
	struct ddb_value decoded;
	struct local_item item;
	struct local_writing writing;
	const uint8_t *copy;
	size_t copy_length;
	bool same = false;
	enum ddb_code code =
		local_head_decode(value->head, value->head_length, &meta, &copy, &copy_length, err);
	if (!code)
		code = local_body_decode(&job->arena, value->body, value->body_length, &decoded, err);
	if (!code)
		code = local_item_prepare(
			job->engine, job->table, &job->arena, &decoded, LOCAL_LIMIT_PUT, &item, err);
	if (!code)
		code = local_writing_begin(&writing, job, &item.key, NULL, false, err);
	if (!code)
		code = local_item_same(job->txn, &job->arena, &item, &writing.old, &same, err);
	if (code)
		return code;
	struct ddb_meta next = same ? writing.old.meta : (struct ddb_meta){.serial = 0};
	if (same && next.mtime_ns == meta.mtime_ns)
		return DDB_OK;
	next.mtime_ns = meta.mtime_ns;
	if (!same)
		next.serial = serial_of(job, commit, &meta);
	if (same)
		code = local_item_write(job->txn, &item.key, &next, item.body, item.length, err);
	else
		code = local_writing_store(&writing, &item, &next, err);
	return code ? code : add_change(commit, job->table, &decoded, next.version, err);
}

/* One item's own refusal, which here can only be of the size of its collection, is a reason. */
static enum ddb_code tell_refusal(struct local_job *job, struct commit *commit,
	const struct store_value *value, const struct ddb_error *refusal, struct ddb_error *err)
{
	const char *name = job->table->table->name;
	struct ddb_value item;
	struct ddb_reason reason = {.code = refusal->code,
		.message = ddb_arena_copy(commit->arena, refusal->message, strlen(refusal->message)),
		.table = ddb_arena_copy(commit->arena, name, strlen(name))};
	enum ddb_code code = local_body_decode(&job->arena, value->body, value->body_length, &item, err);
	if (!code)
		code = local_key_copy(commit->arena, job->table->table, &item, &reason.key, err);
	if (!code && (!reason.message || !reason.table))
		code = ddb_fail_memory(err);
	if (code)
		return code;
	local_conflict_add(&commit->conflicts, &reason);
	return ddb_reasons_fail(commit->conflicts.reasons, commit->conflicts.count, err);
}

static enum ddb_code remove_staged(struct local_job *job, struct commit *commit,
	const struct local_staged_item *staged, struct ddb_error *err)
{
	struct store_value value;
	struct ddb_value item;
	struct local_key key;
	struct local_writing writing;
	bool found;
	enum ddb_code code =
		local_get(job->txn, &job->arena, staged->key, staged->length, true, &value, &found, err);
	if (code || !found)
		return code;
	code = local_body_decode(&job->arena, value.body, value.body_length, &item, err);
	if (!code)
		code = local_key_of_item(
			job->engine->store, job->table->table, job->table->space, &item, &key, err);
	if (!code)
		code = local_writing_begin(&writing, job, &key, NULL, false, err);
	if (!code)
		code = local_writing_remove(&writing, err);
	return code ? code : add_change(commit, job->table, &item, 0, err);
}

static enum ddb_code read_next_serial(struct local_job *job, struct commit *commit, struct ddb_error *err)
{
	uint8_t key[LOCAL_SPACE_BYTES];
	struct store_value value;
	struct local_counters counters;
	local_space_key(LOCAL_COUNTERS, job->table->space, key);
	enum ddb_code code =
		store_branch_get(commit->moment, &job->arena, key, sizeof key, true, &value, err);
	if (!code)
		code = local_counters_decode(&value, &counters, err);
	if (!code)
		commit->next_serial = counters.next_serial;
	return code;
}

static enum ddb_code write_one(struct local_job *job, struct commit *commit,
	const struct local_staged_item *staged, struct ddb_error *err)
{
	struct store_value value;
	bool found;
	ddb_arena_reset(&job->arena);
	enum ddb_code code = local_get(
		commit->moment, &job->arena, staged->key, staged->length, true, &value, &found, err);
	if (code)
		return code;
	if (!found)
		return remove_staged(job, commit, staged, err);
	struct ddb_error refusal;
	code = put_staged(job, commit, &value, &refusal);
	if (code == DDB_ITEM_COLLECTION_TOO_LARGE)
		return tell_refusal(job, commit, &value, &refusal, err);
	if (code && err)
		*err = refusal;
	return code;
}

/* What one table's items become. */
static enum ddb_code write_table(struct local_job *job, void *context, struct ddb_error *err)
{
	struct commit *commit = context;
	enum ddb_code code = read_next_serial(job, commit, err);
	for (size_t i = commit->first; !code && i < commit->end; i++)
		code = write_one(job, commit, &staged_of(commit)->items[i], err);
	return code;
}

static enum ddb_code tell_table(struct commit *commit, const char *name, struct ddb_error *err)
{
	struct local_conflicts *conflicts = &commit->conflicts;
	enum ddb_code code = local_conflict_table(conflicts, name, err);
	return code ? code : ddb_reasons_fail(conflicts->reasons, conflicts->count, err);
}

/* Items of a table lie together, since a table's space is at the begin of their keys. */
static enum ddb_code write_all(struct commit *commit, struct store_txn *txn, struct ddb_error *err)
{
	const struct local_staged_list *staged = staged_of(commit);
	enum ddb_code code = local_take_versions(txn, staged->count, err);
	for (commit->first = 0; !code && commit->first < staged->count; commit->first = commit->end) {
		unsigned table = staged->items[commit->first].table;
		struct local_job job = {.engine = commit->base,
			.txn = txn,
			.table = commit->tables[table],
			.now = commit->now};
		bool stale = false;
		commit->end = commit->first;
		while (commit->end < staged->count && staged->items[commit->end].table == table)
			commit->end++;
		code = local_job_run(&job, write_table, commit, &stale, err);
		if (stale)
			return tell_table(commit, job.table->table->name, err);
	}
	return code;
}

/* ---- The job ---- */

static enum ddb_code commit_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct commit *commit = context;
	commit->conflicts.txn = txn;
	commit->conflicts.count = 0;
	commit->told_bytes = 0;
	commit->result.change_count = 0;
	enum ddb_code code =
		local_token_look(txn, &commit->token, commit->now, &commit->result.repeated, err);
	if (code || commit->result.repeated)
		return code;
	code = judge(commit, err);
	if (!code)
		code = write_all(commit, txn, err);
	return code ? code : local_token_write(txn, &commit->token, commit->now, err);
}

static enum ddb_code read_tables(struct commit *commit, struct ddb_error *err)
{
	const struct local_staged *staged = &commit->view->staged;
	size_t count = staged->items.count;
	enum ddb_code code = DDB_OK;
	commit->tables = calloc(staged->table_count + 1, sizeof *commit->tables);
	commit->result.changes = ddb_arena_array(commit->arena, count + 1, sizeof *commit->result.changes);
	if (!commit->tables || !commit->result.changes)
		return ddb_fail_memory(err);
	commit->table_count = staged->table_count;
	for (unsigned i = 0; !code && i < commit->table_count; i++)
		code = local_catalog_read(commit->moment, staged->tables[i], &commit->tables[i], err);
	return code;
}

/* In a view of the branch. Nobody stages meanwhile. */
static enum ddb_code commit_staged(struct commit *commit, struct ddb_error *err)
{
	enum ddb_code code = store_view(commit->view->engine.store, &commit->moment, err);
	if (code)
		return code;
	commit->conflicts.moment = commit->moment;
	code = read_tables(commit, err);
	if (!code)
		code = digest(commit, err);
	commit->now = local_now();
	if (!code)
		code = local_write_durably(commit->base, commit_job, commit, err);
	store_view_end(commit->moment);
	return code;
}

static enum ddb_code run(struct commit *commit, struct ddb_error *err)
{
	struct local_view *view = commit->view;
	enum ddb_code code = local_conflicts_init(&commit->conflicts, view, NULL, commit->arena, err);
	if (!code)
		code = prepare_checks(commit, err);
	if (code)
		return code;
	pthread_mutex_lock(&view->lock);
	if (view->staged.changed + commit->request->check_count > view->max_items)
		code = local_stage_too_many(DDB_VALIDATION, view->max_items, err);
	if (!code)
		code = commit_staged(commit, err);
	pthread_mutex_unlock(&view->lock);
	return code;
}

static void done(struct commit *commit)
{
	for (size_t i = 0; commit->checks && i < commit->request->check_count; i++)
		local_table_unref(commit->checks[i].table);
	for (unsigned i = 0; commit->tables && i < commit->table_count; i++)
		local_table_unref(commit->tables[i]);
	free(commit->checks);
	free(commit->tables);
}

enum ddb_code local_commit(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_commit *request, struct ddb_commit_result *ret, struct ddb_error *err)
{
	struct local_view *view = local_view_of(engine);
	struct commit commit = {.view = view, .request = request, .arena = arena};
	*ret = (struct ddb_commit_result){0};
	if (!view || view->kind != DDB_TRANSACTION)
		return ddb_fail(err, DDB_VALIDATION, "Only a transaction can be committed");
	commit.base = view->base;
	enum ddb_code code = run(&commit, err);
	done(&commit);
	if (code == DDB_TRANSACTION_CANCELED || code == DDB_VALIDATION) {
		ret->reason_count = commit.conflicts.count;
		ret->reasons = commit.conflicts.reasons;
		return code;
	}
	*ret = commit.result; /* also when it could not be synced, or stored */
	if (!code && request->token)
		local_keeper_sweeps(commit.base);
	return code;
}
