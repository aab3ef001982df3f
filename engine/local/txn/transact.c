/*
 * TransactWriteItems: several puts, updates, deletes and conditions on items of any tables, in one
 * transaction of the store. Within it all actions are judged before anything is written: so every reason is
 * told, and who shares the commit need not run again. No two actions are on one item, and so none sees what
 * another does.
 */
#include "engine/local/index/index.h"
#include "engine/local/txn/part.h"
#include "engine/local/txn/token.h"
#include "engine/local/update.h"

#include <string.h>

enum { TRANSACT_ARENA_MAX = LOCAL_ARENA_MAX + DDB_BATCH_BYTES_MAX };

struct action {
	const struct ddb_transact_action *request;
	size_t part;
	const struct local_key *key; /* NULL: it is none */
	struct local_item item;      /* of a put */
	struct ddb_update_item asked;
	struct local_update update;
	struct local_key bare; /* of what only has a key */
	struct ddb_write_terms terms;
	struct ddb_write_answer answer;
};

struct transaction {
	struct local_engine *engine;
	const struct ddb_transact_write *request;
	struct ddb_arena *arena; /* of the attempt */
	struct action *actions;
	struct local_parts parts;
	struct local_token token;
	int64_t now;
	bool stale;
	size_t part_now;     /* the table that the job is at */
	uint64_t told_bytes; /* of items, with the reasons */
	struct ddb_arena *result_arena;
	struct ddb_transact_result result;
};

/* ---- Reasons ---- */

/* What stops an action and not the transaction's work. */
static bool is_reason(enum ddb_code code)
{
	return code == DDB_VALIDATION || code == DDB_ITEM_TOO_LARGE || code == DDB_CONDITIONAL_CHECK_FAILED ||
	       code == DDB_ITEM_COLLECTION_TOO_LARGE;
}

static enum ddb_code give_reason(struct transaction *transaction, size_t position,
	const struct ddb_error *refusal, struct ddb_error *err)
{
	const struct action *action = &transaction->actions[position];
	struct ddb_reason *reason = &transaction->result.reasons[position];
	*reason = (struct ddb_reason){.code = refusal->code,
		.message =
			ddb_arena_copy(transaction->result_arena, refusal->message, strlen(refusal->message)),
		.has_item = action->answer.has_item,
		.item = action->answer.item};
	return reason->message ? DDB_OK : ddb_fail_memory(err);
}

/* DDB_OK: no action has one. */
static enum ddb_code tell_reasons(const struct transaction *transaction, struct ddb_error *err)
{
	const struct ddb_transact_result *result = &transaction->result;
	for (size_t i = 0; i < result->reason_count; i++)
		if (result->reasons[i].code)
			return ddb_reasons_fail(result->reasons, result->reason_count, err);
	return DDB_OK;
}

/* ---- Before the transaction ---- */

static enum ddb_code find_parts(struct transaction *transaction, struct ddb_error *err)
{
	const struct ddb_transact_write *request = transaction->request;
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < request->count; i++) {
		struct action *action = &transaction->actions[i];
		*action = (struct action){.request = &request->actions[i]};
		action->terms = (struct ddb_write_terms){.condition = action->request->condition,
			.return_on_failure = action->request->return_on_failure,
			.arena = transaction->result_arena,
			.answer = &action->answer};
		code = local_parts_find(
			&transaction->parts, transaction->engine, action->request->table, &action->part, err);
	}
	return code;
}

static enum ddb_code prepare_put(struct transaction *transaction, const struct local_table *table,
	struct action *action, struct ddb_error *err)
{
	action->key = &action->item.key;
	return local_item_prepare(transaction->engine, table, transaction->arena, &action->request->value,
		LOCAL_LIMIT_PUT, &action->item, err);
}

static enum ddb_code prepare_update(struct transaction *transaction, const struct local_table *table,
	struct action *action, struct ddb_error *err)
{
	const struct ddb_transact_action *request = action->request;
	action->asked = (struct ddb_update_item){
		.table = request->table, .key = request->value, .changes = request->changes};
	action->update = (struct local_update){.request = &action->asked, .flat = true};
	action->key = &action->update.key;
	return local_update_check(transaction->engine, table, &action->update, err);
}

static enum ddb_code prepare_bare(struct transaction *transaction, const struct local_table *table,
	struct action *action, struct ddb_error *err)
{
	action->key = &action->bare;
	return local_key_of_map(transaction->engine->store, table->table, table->space,
		&action->request->value, &action->bare, err);
}

static enum ddb_code prepare_action(
	struct transaction *transaction, struct action *action, struct ddb_error *err)
{
	const struct local_table *table = transaction->parts.list[action->part].table;
	switch (action->request->kind) {
	case DDB_TRANSACT_PUT:
		return prepare_put(transaction, table, action, err);
	case DDB_TRANSACT_UPDATE:
		return prepare_update(transaction, table, action, err);
	case DDB_TRANSACT_DELETE:
	case DDB_TRANSACT_CHECK:
	default:
		return prepare_bare(transaction, table, action, err);
	}
}

/* Keys that are none are an action's reason, of which only the first is told; an item that can be nowhere is
 * the whole request's refusal. */
static enum ddb_code prepare_actions(struct transaction *transaction, struct ddb_error *err)
{
	bool told = false;
	for (size_t i = 0; i < transaction->request->count; i++) {
		struct action *action = &transaction->actions[i];
		struct ddb_error refusal;
		enum ddb_code code = DDB_OK;
		if (action->request->kind == DDB_TRANSACT_PUT)
			code = local_item_check(&action->request->value, err);
		if (code)
			return code;
		code = prepare_action(transaction, action, &refusal);
		if (code && code != DDB_VALIDATION) {
			if (err)
				*err = refusal;
			return code;
		}
		if (code && !told && give_reason(transaction, i, &refusal, err))
			return DDB_NO_MEMORY;
		told |= code != DDB_OK;
		if (code)
			action->key = NULL;
	}
	return DDB_OK;
}

/* Items of other tables have other keys: a table's space is in them. */
static bool same_item(const struct action *a, const struct action *b)
{
	const struct local_key *x = a->key, *y = b->key;
	return x && y && x->length == y->length && memcmp(x->bytes, y->bytes, x->length) == 0;
}

static enum ddb_code check_distinct(const struct transaction *transaction, struct ddb_error *err)
{
	for (size_t i = 0; i < transaction->request->count; i++)
		for (size_t k = 0; k < i; k++)
			if (same_item(&transaction->actions[i], &transaction->actions[k]))
				return ddb_fail(err, DDB_VALIDATION,
					"Transaction request cannot include multiple operations on one item");
	return DDB_OK;
}

/* Room for what is answered, before anything is done. */
static enum ddb_code prepare_result(struct transaction *transaction, struct ddb_error *err)
{
	size_t count = transaction->request->count;
	struct ddb_arena *arena = transaction->result_arena;
	struct ddb_transact_result *result = &transaction->result;
	*result = (struct ddb_transact_result){.reason_count = count};
	result->reasons = ddb_arena_array(arena, count, sizeof *result->reasons);
	result->tables = ddb_arena_array(arena, count, sizeof *result->tables);
	result->capacities = ddb_arena_array(arena, count, sizeof *result->capacities);
	result->collection_bytes = ddb_arena_array(arena, count, sizeof *result->collection_bytes);
	transaction->actions = ddb_arena_array(transaction->arena, count, sizeof *transaction->actions);
	if (!result->reasons || !result->tables || !result->capacities || !result->collection_bytes ||
		!transaction->actions)
		return ddb_fail_memory(err);
	memset(result->reasons, 0, count * sizeof *result->reasons);
	return local_parts_init(&transaction->parts, transaction->arena, count, err);
}

static enum ddb_code prepare_token(struct transaction *transaction, struct ddb_error *err)
{
	const struct ddb_transact_write *request = transaction->request;
	struct store *store = transaction->engine->store;
	enum ddb_code code = local_token_init(&transaction->token, store, request->token, err);
	if (!code && request->token)
		local_token_add(&transaction->token, store, request->identity, request->identity_length);
	return code;
}

static enum ddb_code prepare(struct transaction *transaction, struct ddb_error *err)
{
	enum ddb_code code = prepare_token(transaction, err);
	if (!code)
		code = prepare_result(transaction, err);
	if (!code)
		code = find_parts(transaction, err);
	if (!code)
		code = prepare_actions(transaction, err);
	if (!code)
		code = check_distinct(transaction, err);
	return code ? code : tell_reasons(transaction, err);
}

/* ---- Within it: judging ---- */

static enum ddb_code begin_writing(
	struct local_job *job, struct action *action, struct local_writing *ret, struct ddb_error *err)
{
	ddb_arena_reset(&job->arena);
	return local_writing_begin(
		ret, job, action->key, &action->terms, action->request->kind == DDB_TRANSACT_UPDATE, err);
}

/* The condition. The items that are told when it does not hold have a bound together. */
static enum ddb_code allow(struct transaction *transaction, struct local_writing *writing,
	struct action *action, size_t new_size, struct ddb_error *err)
{
	uint64_t bytes = transaction->told_bytes + writing->old.meta.size;
	action->terms.return_on_failure =
		action->request->return_on_failure && bytes <= DDB_REASONS_ITEMS_MAX;
	enum ddb_code code = local_writing_allow(writing, DDB_ALWAYS, new_size, err);
	if (action->answer.has_item)
		transaction->told_bytes = bytes;
	return code;
}

static enum ddb_code judge(
	struct local_job *job, struct transaction *transaction, struct action *action, struct ddb_error *err)
{
	struct local_part *part = &transaction->parts.list[transaction->part_now];
	struct local_writing writing;
	struct local_item made = {.size = 0};
	bool puts = action->request->kind == DDB_TRANSACT_PUT;
	size_t new_size = puts ? action->item.size : 0;
	enum ddb_code code = begin_writing(job, action, &writing, err);
	if (!code)
		code = allow(transaction, &writing, action, new_size, err);
	if (!code && action->request->kind == DDB_TRANSACT_UPDATE &&
		local_update_makes(&writing, &action->update)) {
		code = local_update_make(&writing, &action->update, &made, err);
		new_size = made.size;
	}
	part->consumed.table +=
		local_write_half_units(writing.old.found ? writing.old.meta.size : 0, new_size);
	return code;
}

/* All actions on one table. */
static enum ddb_code judge_part(struct local_job *job, void *context, struct ddb_error *err)
{
	struct transaction *transaction = context;
	for (size_t i = 0; i < transaction->request->count; i++) {
		struct action *action = &transaction->actions[i];
		struct ddb_error refusal;
		if (action->part != transaction->part_now)
			continue;
		enum ddb_code code = judge(job, transaction, action, &refusal);
		if (code && is_reason(code)) {
			code = give_reason(transaction, i, &refusal, err);
		} else if (code && err) {
			*err = refusal;
		}
		if (code)
			return code;
	}
	return DDB_OK;
}

/* ---- Within it: writing ---- */

static enum ddb_code write_update(struct local_writing *writing, struct action *action, struct ddb_error *err)
{
	struct ddb_put_result ignored;
	struct local_item item;
	if (!local_update_makes(writing, &action->update))
		return DDB_OK;
	enum ddb_code code = local_update_make(writing, &action->update, &item, err);
	return code ? code : local_writing_put(writing, &item, writing->job->now, &ignored, err);
}

static enum ddb_code write_action(
	struct local_job *job, struct local_part *part, struct action *action, struct ddb_error *err)
{
	struct local_writing writing;
	struct ddb_put_result ignored;
	enum ddb_code code = begin_writing(job, action, &writing, err);
	if (code)
		return code;
	switch (action->request->kind) {
	case DDB_TRANSACT_PUT:
		code = local_writing_put(&writing, &action->item, job->now, &ignored, err);
		break;
	case DDB_TRANSACT_UPDATE:
		code = write_update(&writing, action, err);
		break;
	case DDB_TRANSACT_DELETE:
		code = writing.old.found ? local_writing_remove(&writing, err) : DDB_OK;
		break;
	case DDB_TRANSACT_CHECK:
	default:
		break;
	}
	writing.consumed.table = 0; /* was counted when the action was judged */
	local_consumed_add(&part->consumed, &writing.consumed);
	return code;
}

static bool has_collections(const struct local_table *table)
{
	return local_index_count(table) > 0 && table->table->definition->indexes[0].local;
}

static enum ddb_code count_collections(
	struct local_job *job, struct transaction *transaction, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < transaction->request->count; i++) {
		const struct action *action = &transaction->actions[i];
		if (action->part != transaction->part_now)
			continue;
		uint64_t *bytes = &transaction->result.collection_bytes[i];
		*bytes = UINT64_MAX;
		if (has_collections(job->table) && action->request->kind != DDB_TRANSACT_CHECK)
			code = local_collection_bytes(job->txn, job->table, action->key, bytes, err);
	}
	return code;
}

/* A refusal that comes this late is of the size of an item collection. */
static enum ddb_code write_part(struct local_job *job, void *context, struct ddb_error *err)
{
	struct transaction *transaction = context;
	struct local_part *part = &transaction->parts.list[transaction->part_now];
	for (size_t i = 0; i < transaction->request->count; i++) {
		struct ddb_error refusal;
		if (transaction->actions[i].part != transaction->part_now)
			continue;
		enum ddb_code code = write_action(job, part, &transaction->actions[i], &refusal);
		if (code && is_reason(code)) {
			code = give_reason(transaction, i, &refusal, err);
			return code ? code : tell_reasons(transaction, err);
		}
		if (code && err)
			*err = refusal;
		if (code)
			return code;
	}
	return count_collections(job, transaction, err);
}

/* ---- Within it: what was consumed ---- */

/* Of the same again: as if all items were read. */
static enum ddb_code read_part(struct local_job *job, void *context, struct ddb_error *err)
{
	struct transaction *transaction = context;
	struct local_part *part = &transaction->parts.list[transaction->part_now];
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < transaction->request->count; i++) {
		struct local_found found;
		if (transaction->actions[i].part != transaction->part_now)
			continue;
		ddb_arena_reset(&job->arena);
		code = local_item_find(
			job->txn, &job->arena, transaction->actions[i].key, false, &found, err);
		if (!code)
			part->consumed.table +=
				local_read_half_units(found.found ? found.meta.size : 0, true);
		transaction->result.collection_bytes[i] = UINT64_MAX;
	}
	return code;
}

static enum ddb_code report(struct transaction *transaction, struct ddb_error *err)
{
	struct ddb_transact_result *result = &transaction->result;
	result->table_count = transaction->parts.count;
	return local_parts_report(
		&transaction->parts, transaction->result_arena, result->tables, result->capacities, err);
}

/* ---- The transaction ---- */

static enum ddb_code each_part(
	struct transaction *transaction, struct store_txn *txn, local_change *change, struct ddb_error *err)
{
	for (size_t i = 0; i < transaction->parts.count; i++) {
		struct local_job job = {.engine = transaction->engine,
			.txn = txn,
			.table = transaction->parts.list[i].table,
			.now = transaction->now};
		transaction->part_now = i;
		enum ddb_code code = local_job_run(&job, change, transaction, &transaction->stale, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

static enum ddb_code judge_and_write(
	struct transaction *transaction, struct store_txn *txn, struct ddb_error *err)
{
	struct ddb_error refusal;
	enum ddb_code code = each_part(transaction, txn, judge_part, err);
	if (code)
		return code;
	code = tell_reasons(transaction, &refusal);
	if (!code)
		code = each_part(transaction, txn, write_part, &refusal);
	if (!code)
		code = local_token_write(txn, &transaction->token, transaction->now, &refusal);
	if (code && err)
		*err = refusal;
	if (code && code != DDB_TRANSACTION_CANCELED)
		return code;
	enum ddb_code reported = report(transaction, err);
	return reported ? reported : code;
}

static enum ddb_code transact_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct transaction *transaction = context;
	struct ddb_transact_result *result = &transaction->result;
	memset(result->reasons, 0, result->reason_count * sizeof *result->reasons);
	transaction->told_bytes = 0;
	for (size_t i = 0; i < transaction->parts.count; i++)
		transaction->parts.list[i].consumed = (struct local_consumed){0};
	enum ddb_code code =
		local_token_look(txn, &transaction->token, transaction->now, &result->repeated, err);
	if (code)
		return code;
	if (!result->repeated)
		return judge_and_write(transaction, txn, err);
	code = each_part(transaction, txn, read_part, err);
	return code ? code : report(transaction, err);
}

static enum ddb_code attempt(struct transaction *transaction, struct ddb_error *err)
{
	transaction->stale = false;
	enum ddb_code code = prepare(transaction, err);
	transaction->now = local_now();
	return code ? code : local_write(transaction->engine, transact_job, transaction, err);
}

static void leave(struct transaction *transaction)
{
	for (size_t i = 0; transaction->stale && i < transaction->parts.count; i++)
		local_table_forget(transaction->engine, transaction->parts.list[i].name);
	local_parts_leave(&transaction->parts);
}

enum ddb_code local_transact_write(struct ddb_engine *engine, struct ddb_arena *arena,
	const struct ddb_transact_write *request, struct ddb_transact_result *ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena own = {0};
	struct transaction transaction = {
		.engine = local_of(engine), .request = request, .arena = &own, .result_arena = arena};
	*ret = (struct ddb_transact_result){0};
	enum ddb_code code = local_parts_allow(request->count, err);
	if (code)
		return code;
	ddb_arena_init(&own, TRANSACT_ARENA_MAX);
	for (unsigned i = 0; i < LOCAL_ATTEMPTS_MAX; i++) {
		code = attempt(&transaction, err);
		leave(&transaction);
		ddb_arena_reset(&own);
		if (!transaction.stale)
			break;
	}
	if (transaction.stale)
		return local_damaged(err, "the counters of a table");
	if (!code || code == DDB_TRANSACTION_CANCELED)
		*ret = transaction.result;
	if (!code)
		ret->reason_count = 0;
	if (!code && request->token)
		local_keeper_sweeps(transaction.engine);
	return code;
}
