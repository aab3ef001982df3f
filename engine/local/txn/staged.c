/*
 * The writes of a transaction. See staged.h.
 */
#include "engine/local/txn/staged.h"

#include "engine/local/item.h"
#include "engine/local/txn/view.h"
#include "engine/order.h"
#include <stdlib.h>
#include <string.h>

/* ---- Lists ---- */

/* Its position, or where it would be. */
static size_t list_find(
	const struct local_staged_list *list, const uint8_t *key, size_t length, bool *ret_found)
{
	size_t low = 0, high = list->count;
	*ret_found = false;
	while (low < high && !*ret_found) {
		size_t middle = low + (high - low) / 2;
		const struct local_staged_item *item = &list->items[middle];
		int order = ddb_bytes_order(item->key, item->length, key, length);
		*ret_found = order == 0;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return high;
}

static bool list_reserve(struct local_staged_list *list, size_t count)
{
	size_t room = list->room ? list->room : 16;
	while (room < count)
		room *= 2;
	if (room == list->room)
		return true;
	struct local_staged_item *grown = realloc(list->items, room * sizeof *grown);
	if (!grown)
		return false;
	list->items = grown;
	list->room = room;
	return true;
}

/* There is room. */
static void list_insert(struct local_staged_list *list, size_t at, struct local_staged_item item)
{
	memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof *list->items);
	list->items[at] = item;
	list->count++;
}

static void list_clear(struct local_staged_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].key);
	list->count = 0;
}

void local_staged_done(struct local_staged *staged)
{
	list_clear(&staged->items);
	list_clear(&staged->noted);
	free(staged->items.items);
	free(staged->noted.items);
	for (unsigned i = 0; i < staged->table_count; i++)
		free(staged->tables[i]);
	free(staged->tables);
}

/* ---- Noting ---- */

static bool find_table(struct local_staged *staged, const char *name, unsigned *ret)
{
	for (*ret = 0; *ret < staged->table_count; (*ret)++)
		if (strcmp(staged->tables[*ret], name) == 0)
			return true;
	char **grown = realloc(staged->tables, (staged->table_count + 1) * sizeof *grown);
	if (!grown)
		return false;
	staged->tables = grown;
	grown[*ret] = strdup(name);
	staged->table_count += grown[*ret] != NULL;
	return grown[*ret] != NULL;
}

enum ddb_code local_stage_item(struct local_job *job, const struct local_key *key, struct ddb_error *err)
{
	struct local_staged *staged = &job->engine->view->staged;
	struct local_staged_item item = {.length = (uint16_t)key->length};
	bool found;
	size_t at = list_find(&staged->noted, key->bytes, key->length, &found);
	if (found)
		return DDB_OK;
	if (!find_table(staged, job->table->table->name, &item.table) ||
		!list_reserve(&staged->noted, staged->noted.count + 1))
		return ddb_fail_memory(err);
	item.key = malloc(key->length);
	if (!item.key)
		return ddb_fail_memory(err);
	memcpy(item.key, key->bytes, key->length);
	list_insert(&staged->noted, at, item);
	return DDB_OK;
}

void local_stage_move(struct local_job *job)
{
	if (job->engine->view)
		job->engine->view->staged.moving = true;
}

/* ---- What a job comes to ---- */

static enum ddb_code read_now(struct store_txn *txn, struct ddb_arena *arena,
	const struct local_staged_item *item, struct store_value *ret, bool *ret_found, struct ddb_error *err)
{
	return local_get(txn, arena, item->key, item->length, true, ret, ret_found, err);
}

static enum ddb_code read_then(struct store_txn *txn, struct ddb_arena *arena,
	const struct local_staged_item *item, struct store_value *ret, bool *ret_found, struct ddb_error *err)
{
	struct ddb_error reason;
	enum ddb_code code = store_branch_get(txn, arena, item->key, item->length, true, ret, &reason);
	*ret_found = code == DDB_OK;
	if (code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND)
		return DDB_OK;
	if (err)
		*err = reason;
	return code;
}

static enum ddb_code read_head(const struct store_value *value, struct ddb_meta *ret, struct ddb_error *err)
{
	const uint8_t *copy;
	size_t copy_length;
	return local_head_decode(value->head, value->head_length, ret, &copy, &copy_length, err);
}

/* An item at another time is another one: the commit writes it, and so it counts. */
static enum ddb_code judge(struct store_txn *txn, struct local_staged_item *item, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct store_value now, then;
	struct ddb_meta meta = {.size = 0}, meta_then = {.size = 0};
	bool is, was;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	enum ddb_code code = read_now(txn, &arena, item, &now, &is, err);
	if (!code)
		code = read_then(txn, &arena, item, &then, &was, err);
	if (!code && is)
		code = read_head(&now, &meta, err);
	if (!code && was)
		code = read_head(&then, &meta_then, err);
	if (code)
		return code;
	item->changed = is != was;
	if (is && was)
		item->changed = meta.mtime_ns != meta_then.mtime_ns || now.body_length != then.body_length ||
				memcmp(now.body, then.body, now.body_length) != 0;
	item->bytes = item->changed ? meta.size : 0;
	return DDB_OK;
}

enum ddb_code local_stage_too_many(enum ddb_code code, unsigned most, struct ddb_error *err)
{
	return ddb_fail(err, code,
		"1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
		"Member must have length less than or equal to %u",
		most);
}

/* With what the job has noted, before it is kept. */
static enum ddb_code check_limits(const struct local_view *view, struct store_txn *txn, struct ddb_error *err)
{
	const struct local_staged *staged = &view->staged;
	enum ddb_code refusal = staged->moving ? DDB_ITEM_TOO_LARGE : DDB_VALIDATION;
	size_t changed = staged->changed;
	uint64_t bytes = staged->bytes;
	for (size_t i = 0; i < staged->noted.count; i++) {
		struct local_staged_item *noted = &staged->noted.items[i];
		bool found;
		size_t at = list_find(&staged->items, noted->key, noted->length, &found);
		enum ddb_code code = judge(txn, noted, err);
		if (code)
			return code;
		changed += noted->changed;
		bytes += noted->bytes;
		changed -= found && staged->items.items[at].changed;
		bytes -= found ? staged->items.items[at].bytes : 0;
	}
	if (changed > view->max_items && changed > staged->changed)
		return local_stage_too_many(refusal, view->max_items, err);
	if (bytes > view->max_bytes && bytes > staged->bytes)
		return ddb_fail(err, refusal,
			"The aggregate size of the items in the transaction cannot exceed %llu MB",
			(unsigned long long)(view->max_bytes >> 20));
	return DDB_OK;
}

static void keep_noted(struct local_staged *staged)
{
	for (size_t i = 0; i < staged->noted.count; i++) {
		struct local_staged_item noted = staged->noted.items[i];
		bool found;
		size_t at = list_find(&staged->items, noted.key, noted.length, &found);
		staged->changed += noted.changed;
		staged->bytes += noted.bytes;
		if (!found) {
			list_insert(&staged->items, at, noted);
			continue;
		}
		struct local_staged_item *kept = &staged->items.items[at];
		staged->changed -= kept->changed;
		staged->bytes -= kept->bytes;
		kept->changed = noted.changed;
		kept->bytes = noted.bytes;
		free(noted.key);
	}
	staged->noted.count = 0;
}

/* ---- Jobs ---- */

struct staging {
	struct local_view *view;
	store_job *job;
	void *context;
};

static enum ddb_code staging_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct staging *staging = context;
	struct local_staged *staged = &staging->view->staged;
	list_clear(&staged->noted);
	staged->moving = false;
	enum ddb_code code = staging->job(txn, staging->context, err);
	if (!code && !list_reserve(&staged->items, staged->items.count + staged->noted.count))
		code = ddb_fail_memory(err);
	return code ? code : check_limits(staging->view, txn, err);
}

enum ddb_code local_stage_write(
	struct local_engine *engine, store_job *job, void *context, struct ddb_error *err)
{
	struct local_view *view = engine->view;
	struct staging staging = {view, job, context};
	pthread_mutex_lock(&view->lock);
	enum ddb_code code = store_write(engine->store, staging_job, &staging, false, err);
	if (!code)
		keep_noted(&view->staged);
	pthread_mutex_unlock(&view->lock);
	return code;
}
