/*
 * The end of a transaction: its commit by the engine, what the outer map tells of it, the reasons where it
 * fails, and the rename that asks for it.
 */
#include "mapping/view/committed.h"
#include "mapping/document/document.h"
#include "mapping/file.h"
#include "mapping/holding.h"
#include "mapping/name.h"
#include "mapping/rename.h"
#include "mapping/view/transaction.h"
#include "mapping/view/views.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	COMMIT_MEMORY = 256 << 20, /* keys, conditions and reasons: with a high limit they are many */
	REASONS_MAX = 64 << 20,
};

/* ---- Reasons ---- */

static const char reasons_name[] = ".reasons.json";

static void write_reason(
	struct map_view *view, const struct ddb_reason *reason, bool items, struct ddb_json_out *json)
{
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	const struct ddb_value *hash = NULL;
	char path[MAP_PATH_MAX];
	struct ddb_error err;
	if (reason->table && !view->engine->ops->describe_table(view->engine, reason->table, &table, &err) &&
		reason->key.type == DDB_M)
		hash = map_key_value(table, &reason->key, false);
	ddb_json_open(json, '{');
	if (hash)
		map_key_path(table, hash, map_key_value(table, &reason->key, true), path);
	else
		map_table_to_name(reason->table ? reason->table : "", path);
	ddb_json_member_string(json, "path", path);
	ddb_json_member_string(json, "Code", ddb_reason_name(reason->code));
	if (reason->message)
		ddb_json_member_string(json, "Message", reason->message);
	if (items && reason->has_item && table) {
		ddb_json_name(json, "Item", strlen("Item"));
		map_document_write_object(table, &reason->item, json);
	}
	ddb_json_close(json, '}');
}

static void write_down(const struct map_view *view, struct ddb_json_out *json)
{
	ddb_json_open(json, '{');
	ddb_json_member_string(json, "path", map_taken_down(view->map));
	ddb_json_member_string(json, "Code", ddb_reason_name(DDB_VALIDATION));
	ddb_json_member_string(json, "Message",
		"Tables and definitions cannot be removed in a transaction: it can only be aborted");
	ddb_json_close(json, '}');
}

/* A failure without reasons has its message. */
static void write_failure(const struct ddb_error *err, struct ddb_json_out *json)
{
	ddb_json_open(json, '{');
	ddb_json_member_string(json, "path", "");
	ddb_json_member_string(json, "Code", ddb_reason_name(err->code));
	ddb_json_member_string(json, "Message", err->message);
	ddb_json_close(json, '}');
}

static void write_reasons(struct map_view *view, const struct ddb_commit_result *result,
	const struct ddb_error *err, bool items, struct ddb_buffer *out)
{
	struct ddb_json_out json;
	ddb_json_out_init(&json, out, true);
	ddb_json_open(&json, '[');
	if (map_is_down(view->map))
		write_down(view, &json);
	else if (!result->reason_count)
		write_failure(err, &json);
	for (size_t i = 0; i < result->reason_count; i++)
		write_reason(view, &result->reasons[i], items, &json);
	ddb_json_close(&json, ']');
	ddb_buffer_add_byte(out, '\n');
}

/* Without the items where their text is too long: deep nesting may make thirty bytes of one. */
static void keep_reasons(
	struct map_view *view, const struct ddb_commit_result *result, const struct ddb_error *err)
{
	struct ddb_buffer text;
	ddb_buffer_init(&text, REASONS_MAX);
	write_reasons(view, result, err, true, &text);
	if (text.failed) {
		ddb_buffer_done(&text);
		write_reasons(view, result, err, false, &text);
	}
	bool written = !text.failed;
	if (!written)
		ddb_buffer_done(&text);
	map_reasons_set(view->map, written ? &text : NULL);
	map_tell_path(view->map, reasons_name, written ? MAP_VERSION_SCRATCH : 0, NULL);
}

/* Those of the commit before are not why this one has failed. */
static void forget_reasons(struct map_view *view)
{
	map_reasons_set(view->map, NULL);
	map_tell_path(view->map, reasons_name, 0, NULL);
}

/* ---- What the others see ---- */

/* Partitions that the transaction emptied are remembered before they are empty: at no moment are they not
 * there. */
static void remember_emptied(struct map_view *view)
{
	struct map_partition_entry entry = {0};
	while (map_partitions_after(view->map->partitions, &entry)) {
		DDB_ARENA_AUTO struct ddb_arena arena = {0};
		MAP_PLACE_AUTO struct map_place place = {0};
		char name[MAP_NAME_MAX + 3], path[MAP_PATH_MAX];
		struct ddb_error err;
		if (entry.forever || entry.since_ns < view->since_ns)
			continue;
		ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
		map_table_to_name(entry.table_name, name);
		snprintf(path, sizeof(path), "%s/%s", name, entry.entry);
		if (!map_resolve_directory(view->outer, &arena, path, &place, &err) &&
			place.kind == MAP_PARTITION && place.table->id == entry.table)
			map_linger_begin(view->outer, &place);
	}
}

static void tell_gone(struct map *map, const struct ddb_table *table, const struct ddb_value *hash,
	const struct ddb_value *range)
{
	char partition[MAP_NAME_MAX + 1];
	struct map_place place = {.kind = MAP_PARTITION,
		.table = (struct ddb_table *)table,
		.partition = partition,
		.has_hash = true,
		.hash = *hash};
	if (range) {
		map_partition_name(table, hash, partition);
		map_linger(map, &place);
	}
	map_tell_key(map, table, hash, range, false, 0, NULL);
}

static void tell_change(struct map *map, const struct ddb_table *table, const struct ddb_committed *change)
{
	const struct ddb_value *hash = map_key_value(table, &change->key, false);
	const struct ddb_value *range = map_key_value(table, &change->key, true);
	if (!hash)
		return;
	if (!change->version) {
		tell_gone(map, table, hash, range);
		return;
	}
	if (range)
		map_tell_key(map, table, hash, NULL, true, MAP_VERSION_DIRECTORY, NULL);
	map_tell_key(map, table, hash, range, false, change->version, NULL);
}

static void tell_changes(struct map *map, const struct ddb_commit_result *result)
{
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	struct ddb_error err;
	for (size_t i = 0; i < result->change_count; i++) {
		const struct ddb_committed *change = &result->changes[i];
		if (!table || strcmp(table->name, change->table)) {
			ddb_table_unref(table);
			table = NULL;
			if (map->engine->ops->describe_table(map->engine, change->table, &table, &err))
				continue; /* whoever removed it told of that */
		}
		tell_change(map, table, change);
	}
}

/* ---- Commit ---- */

static enum ddb_code commit(struct map_view *view, const char *token, struct ddb_arena *arena,
	struct ddb_commit_result *ret, struct ddb_error *err)
{
	struct map_condition_list conditions;
	struct ddb_commit request = {.token = token};
	if (__atomic_load_n(&view->over, __ATOMIC_ACQUIRE))
		return ddb_fail(err, DDB_VIEW_ENDED, "The transaction is over");
	if (map_is_down(view->map))
		return ddb_fail(err, DDB_TRANSACTION_CANCELED,
			"Tables and definitions cannot be removed in a transaction: it can only be aborted");
	enum ddb_code code = map_conditions_list(view->map, arena, &conditions, err);
	if (code)
		return code;
	request.check_count = conditions.count;
	request.checks = conditions.checks;
	code = view->engine->ops->commit(view->engine, arena, &request, ret, err);
	if (code)
		return code;
	/* Nobody is in it, and what comes now would be lost. */
	__atomic_store_n(&view->over, true, __ATOMIC_RELEASE);
	view->engine->ops->end_view(view->engine, "The transaction was committed");
	return DDB_OK;
}

static bool has_reasons(enum ddb_code code)
{
	return code == DDB_TRANSACTION_CANCELED || code == DDB_VALIDATION || code == DDB_TRANSACTION_CONFLICT;
}

int map_view_commit(
	struct map_view *view, const struct map_caller *caller, const char *token, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_commit_result result = {0};
	ddb_arena_init(&arena, COMMIT_MEMORY);
	if (!map_view_enter(view)) {
		map_files_settle(view->map, caller);
		map_view_leave(view);
	}
	remember_emptied(view);
	map_view_enter_alone(view);
	enum ddb_code code = commit(view, token, &arena, &result, err);
	map_view_leave_alone(view);
	tell_changes(view->outer, &result); /* also of a commit that failed: it may stand all the same */
	if (has_reasons(code))
		keep_reasons(view, &result, err);
	else if (code)
		forget_reasons(view);
	return has_reasons(code) ? ECANCELED : map_errno(code);
}

/* ---- The rename ---- */

/* The name below .txn/committed that a path means: an entry's, or `name` in an entry, where mv puts what it
 * is to move to a directory that is there. False: none. */
static bool committed_name(const char *to, const char *name, char ret[MAP_NAME_MAX + 1])
{
	static const char prefix[] = ".txn/committed/";
	size_t length = strlen(prefix);
	if (strncmp(to, prefix, length))
		return false;
	to += length;
	length = strcspn(to, "/");
	if (!length || length > MAP_NAME_MAX || (to[length] && strcmp(to + length + 1, name)))
		return false;
	memcpy(ret, to, length);
	ret[length] = '\0';
	return true;
}

/* Never EINVAL: mv would talk of subdirectories. */
static int refuse(struct ddb_error *err, int number, const char *why)
{
	ddb_fail(err, number == EPERM ? DDB_ACCESS_DENIED : DDB_VALIDATION, "%s", why);
	return number;
}

static int commit_as(
	struct map_view *view, const struct map_caller *caller, const char *name, struct ddb_error *err)
{
	struct map *map = view->outer;
	const char *token = strcmp(name, view->name) ? name : NULL;
	char path[MAP_PATH_MAX];
	if (token && strlen(token) > DDB_TOKEN_MAX)
		return refuse(err, ENAMETOOLONG,
			"A token has at most 36 characters; without one a transaction is committed under its "
			"own name");
	snprintf(path, sizeof(path), ".txn/committed/%s", name);
	int number = map_view_commit(view, caller, token, err);
	/* Elsewhere EEXIST is an answer; here it needs a word. */
	if (number == EEXIST)
		return map_refused(map, caller, path, "rename", number, err);
	if (number)
		return number;
	map_committed_add(map->committed, name, map_now_ns());
	map_view_unname(view);
	map_tell_path(map, view->path, 0, NULL);
	map_tell_path(map, path, MAP_VERSION_DIRECTORY, NULL);
	return 0;
}

int map_rename_view(struct map *map, const struct map_caller *caller, const struct map_place *from,
	const char *to, unsigned flags, struct ddb_error *err)
{
	char name[MAP_NAME_MAX + 1];
	if (from->kind == MAP_SNAPSHOT)
		return refuse(err, EPERM, "A snapshot keeps its name");
	if (flags & RENAME_EXCHANGE || !committed_name(to, from->name, name))
		return refuse(err, EPERM,
			"A transaction is renamed to be committed, into .txn/committed, and for nothing "
			"else");
	if (!map_view_is_name(DDB_SNAPSHOT, name))
		return refuse(
			err, EBADMSG, "A token is UTF-8 without control characters and begins with no dot");
	MAP_VIEW_AUTO struct map_view *view =
		map_view_find(map, DDB_TRANSACTION, from->name, strlen(from->name));
	if (!view)
		return ENOENT;
	if (flags & RENAME_NOREPLACE && !strchr(to + strlen(".txn/committed/"), '/') &&
		map_committed_find(map->committed, name, NULL))
		return EEXIST;
	return commit_as(view, caller, name, err);
}
