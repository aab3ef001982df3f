/*
 * Conditions are kept as texts, and items as records of their keys: they are read again at each commit, when
 * the tables are looked at anyway. See transaction.h.
 */
#include "mapping/view/transaction.h"

#include "engine/expr/predicate.h"
#include "engine/expr/scope.h"
#include "engine/jsonout.h"
#include "engine/record.h"
#include "engine/utf8.h"
#include "mapping/name.h"
#include "mapping/view/views.h"
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONDITION_MAX = 4096,      /* bytes of an expression */
	CONDITION_MEMORY = 1 << 20 /* an arena in which one is judged */
};

typedef char item_name[2 * MAP_NAME_MAX + DDB_TABLE_NAME_MAX + 8]; /* the path of one */

struct condition {
	struct condition *next, **link; /* in the order in which they were first given */
	struct ddb_buffer key, text;
	const char *path; /* of the item */
	char table[];     /* and the path */
};

struct map_transaction {
	pthread_mutex_t lock;
	struct condition *first, **end;
	void *by_path; /* the same conditions, as a tree */
	unsigned count;
	struct ddb_buffer reasons;
	char *down; /* atomic; never changed again */
	char *gone; /* what was removed last since then */
};

struct map_transaction *map_transaction_new(void)
{
	struct map_transaction *transaction = calloc(1, sizeof(*transaction));
	if (!transaction)
		return NULL;
	if (pthread_mutex_init(&transaction->lock, NULL)) {
		free(transaction);
		return NULL;
	}
	transaction->end = &transaction->first;
	return transaction;
}

static void condition_free(struct condition *condition)
{
	ddb_buffer_done(&condition->key);
	ddb_buffer_done(&condition->text);
	free(condition);
}

static int compare_paths(const void *a, const void *b)
{
	const struct condition *x = a, *y = b;
	return strcmp(x->path, y->path);
}

static bool enter(struct map_transaction *transaction, struct condition *condition)
{
	if (!tsearch(condition, &transaction->by_path, compare_paths))
		return false;
	condition->link = transaction->end;
	*transaction->end = condition;
	transaction->end = &condition->next;
	transaction->count++;
	return true;
}

static void drop(struct map_transaction *transaction, struct condition *condition)
{
	tdelete(condition, &transaction->by_path, compare_paths);
	*condition->link = condition->next;
	*(condition->next ? &condition->next->link : &transaction->end) = condition->link;
	transaction->count--;
	condition_free(condition);
}

void map_transaction_free(struct map_transaction *transaction)
{
	if (!transaction)
		return;
	while (transaction->first)
		drop(transaction, transaction->first);
	ddb_buffer_done(&transaction->reasons);
	pthread_mutex_destroy(&transaction->lock);
	free(transaction->down);
	free(transaction->gone);
	free(transaction);
}

static struct map_transaction *lock(struct map *map)
{
	struct map_transaction *transaction = map->view->transaction;
	pthread_mutex_lock(&transaction->lock);
	return transaction;
}

static void unlock(struct map_transaction *transaction)
{
	pthread_mutex_unlock(&transaction->lock);
}

/* ---- Conditions ---- */

static enum ddb_code parse(struct ddb_arena *arena, const char *text, size_t length,
	const struct ddb_predicate **ret, struct ddb_error *err)
{
	struct ddb_scope scope;
	if (ddb_utf8_prefix(text, length) != length)
		return ddb_fail(err, DDB_VALIDATION, "An expression is UTF-8 text");
	enum ddb_code code = ddb_scope_init(&scope, arena, NULL, NULL, true, err);
	return code ? code : ddb_predicate_parse(&scope, DDB_CONDITION_EXPRESSION, text, length, ret, err);
}

static enum ddb_code judge(const char *text, size_t length, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	const struct ddb_predicate *predicate;
	ddb_arena_init(&arena, CONDITION_MEMORY);
	return parse(&arena, text, length, &predicate, err);
}

/* An item has one path, whichever it was asked about under. */
static void item_path(const struct map_place *place, item_name ret)
{
	char name[MAP_NAME_MAX + 3];
	map_table_to_name(place->table->name, name);
	snprintf(ret, sizeof(item_name), "%s/%s%s%s", name, place->partition ? place->partition : "",
		place->partition ? "/" : "", place->name);
}

static struct condition *find(const struct map_transaction *transaction, const char *path)
{
	const struct condition wanted = {.path = path};
	struct condition *const *found = tfind(&wanted, &transaction->by_path, compare_paths);
	return found ? *found : NULL;
}

static struct condition *condition_new(
	const struct map_place *place, const char *path, const struct ddb_buffer *text)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	const char *table = place->table->name;
	size_t table_size = strlen(table) + 1, path_size = strlen(path) + 1;
	struct condition *condition = malloc(sizeof(*condition) + table_size + path_size);
	struct ddb_value key;
	if (!condition)
		return NULL;
	*condition = (struct condition){.path = condition->table + table_size};
	memcpy(condition->table, table, table_size);
	memcpy(condition->table + table_size, path, path_size);
	ddb_arena_init(&arena, CONDITION_MEMORY);
	ddb_buffer_init(&condition->key, CONDITION_MEMORY);
	ddb_buffer_init(&condition->text, CONDITION_MAX);
	if (!map_place_key(place, &arena, &key, NULL))
		ddb_record_write(&key, &condition->key);
	ddb_buffer_add(&condition->text, text->bytes, text->length);
	if (condition->key.length && !condition->key.failed && !condition->text.failed)
		return condition;
	condition_free(condition);
	return NULL;
}

static unsigned limit_of(const struct map *map)
{
	unsigned max = map->view->outer->options.txn_max_items;
	return max ? max : DDB_TRANSACT_MAX;
}

/* The engine counts what is changed, and both together when they are committed. */
static bool is_full(const struct map *map, const struct map_transaction *transaction)
{
	struct ddb_view_status status;
	map->engine->ops->view_status(map->engine, &status);
	return status.changed_items + transaction->count >= limit_of(map);
}

static enum ddb_code add(struct map *map, struct map_transaction *transaction, const struct map_place *place,
	const char *path, const struct ddb_buffer *text, struct ddb_error *err)
{
	if (is_full(map, transaction))
		return ddb_fail(err, DDB_VALIDATION,
			"1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
			"Member must have length less than or equal to %u",
			limit_of(map));
	struct condition *condition = condition_new(place, path, text);
	if (condition && enter(transaction, condition))
		return DDB_OK;
	if (condition)
		condition_free(condition);
	return ddb_fail_memory(err);
}

/* In parentheses, unless it stands in some: two pairs are refused. */
static void add_operand(const char *text, size_t length, struct ddb_buffer *out)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	const struct ddb_predicate *predicate;
	ddb_arena_init(&arena, CONDITION_MEMORY);
	bool enclosed = !parse(&arena, text, length, &predicate, NULL) && ddb_predicate_enclosed(predicate);
	ddb_buffer_add_format(out, enclosed ? "%.*s" : "(%.*s)", (int)length, text);
}

/* What holds from now on: the condition, or that and the one before, which may be the same. */
static void combine(const struct condition *before, const char *text, size_t length, struct ddb_buffer *out)
{
	bool same = before && before->text.length == length && !memcmp(before->text.bytes, text, length);
	if (!before || same) {
		ddb_buffer_add(out, text, length);
		return;
	}
	add_operand(before->text.bytes, before->text.length, out);
	ddb_buffer_add_string(out, " AND ");
	add_operand(text, length, out);
}

static enum ddb_code set(struct map *map, struct map_transaction *transaction, const struct map_place *place,
	const char *text, size_t length, bool also, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer whole = {0};
	item_name path;
	item_path(place, path);
	struct condition *before = find(transaction, path);
	ddb_buffer_init(&whole, 3 * CONDITION_MAX); /* what is too long is judged as that */
	combine(also ? before : NULL, text, length, &whole);
	if (whole.failed)
		return ddb_fail_memory(err);
	enum ddb_code code = judge(whole.bytes, whole.length, err);
	if (code)
		return code;
	if (!before)
		return add(map, transaction, place, path, &whole, err);
	ddb_buffer_done(&before->text);
	before->text = whole;
	whole = (struct ddb_buffer){0};
	return DDB_OK;
}

/* It is judged by itself first: two halves must not make a whole. */
enum ddb_code map_condition_set(struct map *map, const struct map_place *place, const char *text,
	size_t length, bool also, struct ddb_error *err)
{
	enum ddb_code code = judge(text, length, err);
	if (code)
		return code;
	/* Its keys have no names yet: what asks for them would be true of every item. */
	if (place->table->provisional)
		return ddb_fail(err, DDB_VALIDATION, "A table without a definition has no conditions: %s",
			place->table->name);
	if (!place->has_hash || place->unnamed)
		return ddb_fail(err, DDB_VALIDATION, "The name does not tell the key: %s", place->name);
	struct map_transaction *transaction = lock(map);
	code = set(map, transaction, place, text, length, also, err);
	unlock(transaction);
	return code;
}

bool map_condition_get(struct map *map, const struct map_place *place, struct ddb_buffer *out)
{
	struct map_transaction *transaction = lock(map);
	item_name path;
	item_path(place, path);
	const struct condition *condition = find(transaction, path);
	if (condition)
		ddb_buffer_add(out, condition->text.bytes, condition->text.length);
	unlock(transaction);
	return condition;
}

bool map_condition_remove(struct map *map, const struct map_place *place)
{
	struct map_transaction *transaction = lock(map);
	item_name path;
	item_path(place, path);
	struct condition *condition = find(transaction, path);
	bool found = condition;
	if (found)
		drop(transaction, condition);
	unlock(transaction);
	return found;
}

void map_conditions_write(struct map *map, struct ddb_buffer *out)
{
	struct map_transaction *transaction = lock(map);
	for (const struct condition *condition = transaction->first; condition; condition = condition->next) {
		struct ddb_json_out json;
		ddb_json_out_init(&json, out, false);
		ddb_json_open(&json, '{');
		ddb_json_member_string(&json, "path", condition->path);
		ddb_json_name(&json, "condition", strlen("condition"));
		ddb_json_string(&json, condition->text.bytes, condition->text.length);
		ddb_json_close(&json, '}');
		ddb_buffer_add_byte(out, '\n');
	}
	unlock(transaction);
}

static enum ddb_code read_check(struct ddb_arena *arena, const struct condition *condition,
	struct ddb_condition_check *ret, struct ddb_error *err)
{
	const char *key = ddb_arena_copy(arena, condition->key.bytes, condition->key.length);
	ret->table = ddb_arena_copy(arena, condition->table, strlen(condition->table));
	ret->text = ddb_arena_copy(arena, condition->text.bytes, condition->text.length);
	ret->length = condition->text.length;
	if (!key || !ret->table || !ret->text)
		return ddb_fail_memory(err);
	enum ddb_code code =
		ddb_record_read(arena, (const uint8_t *)key, condition->key.length, &ret->key, err);
	return code ? code : parse(arena, ret->text, ret->length, &ret->condition, err);
}

static enum ddb_code list(struct map_transaction *transaction, struct ddb_arena *arena,
	struct map_condition_list *ret, struct ddb_error *err)
{
	struct map_condition_list list = {.count = transaction->count};
	enum ddb_code code = DDB_OK;
	size_t i = 0;
	list.checks = ddb_arena_array(arena, list.count ? list.count : 1, sizeof(*list.checks));
	if (!list.checks)
		return ddb_fail_memory(err);
	for (const struct condition *condition = transaction->first; condition && !code;
		condition = condition->next)
		code = read_check(arena, condition, &list.checks[i++], err);
	if (!code)
		*ret = list;
	return code;
}

enum ddb_code map_conditions_list(
	struct map *map, struct ddb_arena *arena, struct map_condition_list *ret, struct ddb_error *err)
{
	struct map_transaction *transaction = lock(map);
	enum ddb_code code = list(transaction, arena, ret, err);
	unlock(transaction);
	return code;
}

/* ---- Reasons ---- */

bool map_reasons_get(struct map *map, struct ddb_buffer *out)
{
	struct map_transaction *transaction = lock(map);
	bool some = transaction->reasons.length;
	if (some)
		ddb_buffer_add(out, transaction->reasons.bytes, transaction->reasons.length);
	unlock(transaction);
	return some;
}

void map_reasons_set(struct map *map, struct ddb_buffer *text)
{
	struct map_transaction *transaction = lock(map);
	ddb_buffer_done(&transaction->reasons);
	if (text)
		transaction->reasons = *text;
	unlock(transaction);
}

/* ---- Removal ---- */

const char *map_taken_down(const struct map *map)
{
	if (!map_is_staged(map))
		return NULL;
	return __atomic_load_n(&map->view->transaction->down, __ATOMIC_ACQUIRE);
}

bool map_is_down(const struct map *map)
{
	return map_taken_down(map);
}

/* Without memory for the path, what is removed goes on being staged. */
void map_take_down(struct map *map, const char *path)
{
	char *expected = NULL, *copy = strdup(path);
	if (copy && !__atomic_compare_exchange_n(&map->view->transaction->down, &expected, copy, false,
			    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		free(copy);
	map_pass_over(map, path);
}

void map_pass_over(struct map *map, const char *path)
{
	char *copy = strdup(path);
	struct map_transaction *transaction = lock(map);
	char *old = transaction->gone;
	transaction->gone = copy;
	pthread_mutex_unlock(&transaction->lock);
	free(old);
}

bool map_is_passed_over(struct map *map, const char *path)
{
	if (!map_is_down(map))
		return false;
	struct map_transaction *transaction = lock(map);
	bool gone = transaction->gone && !strcmp(transaction->gone, path);
	pthread_mutex_unlock(&transaction->lock);
	return gone;
}
