/*
 * The registry of views, and what makes their numbers different from those of the tables themselves.
 */
#include "mapping/view/views.h"

#include "engine/jsonout.h"
#include "engine/utf8.h"
#include "mapping/name.h"
#include "mapping/view/transaction.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct map_views {
	pthread_mutex_t lock;
	struct map_view *first, **last; /* all, in the order of their numbers */
	unsigned count;
	uint64_t number; /* of the next */
};

struct map_views *map_views_new(void)
{
	struct map_views *views = calloc(1, sizeof(*views));
	if (!views)
		return NULL;
	if (pthread_mutex_init(&views->lock, NULL)) {
		free(views);
		return NULL;
	}
	views->last = &views->first;
	views->number = 1;
	return views;
}

const char *map_view_directory(enum ddb_view_kind kind)
{
	return kind == DDB_SNAPSHOT ? ".snapshot" : ".txn";
}

/* ---- Making and freeing one ---- */

static void tell_outside(void *context, const char *path, uint64_t version, const struct map_file *by)
{
	const struct map_view *view = context;
	char whole[MAP_PATH_MAX];
	if (!view->outer->options.changed)
		return;
	map_view_path(view, path, whole);
	view->outer->options.changed(view->outer->options.context, whole, version, by);
}

static void view_free(struct map_view *view)
{
	map_free(view->map);
	if (view->engine)
		view->engine->ops->close(view->engine);
	map_transaction_free(view->transaction);
	pthread_cond_destroy(&view->changed);
	pthread_mutex_destroy(&view->lock);
	free(view->path);
	free(view);
}

static char *path_of(enum ddb_view_kind kind, const char *name)
{
	char *path;
	return asprintf(&path, "%s/%s", map_view_directory(kind), name) < 0 ? NULL : path;
}

static struct map_view *view_new(
	struct map *map, const struct map_caller *caller, enum ddb_view_kind kind, const char *name)
{
	struct map_view *view = calloc(1, sizeof(*view));
	if (!view)
		return NULL;
	*view = (struct map_view){.outer = map, .kind = kind, .uid = caller->uid, .references = 1};
	pthread_mutex_init(&view->lock, NULL);
	pthread_cond_init(&view->changed, NULL);
	view->since_ns = view->used_ns = map_now_ns();
	view->path = path_of(kind, name);
	view->name = view->path ? view->path + strlen(map_view_directory(kind)) + 1 : NULL;
	view->transaction = kind == DDB_TRANSACTION ? map_transaction_new() : NULL;
	if (view->path && (kind == DDB_SNAPSHOT || view->transaction))
		return view;
	view_free(view);
	return NULL;
}

/* Its map; the partitions that this mount remembers are there as well. */
static enum ddb_code make_map(struct map_view *view, struct ddb_error *err)
{
	const struct map_options options = {
		.read_only = view->kind == DDB_SNAPSHOT,
		.changed = tell_outside,
		.context = view,
	};
	view->map = map_new_inside(view->engine, &options, view);
	if (!view->map || !map_partitions_copy(view->outer->partitions, view->map->partitions))
		return ddb_fail_memory(err);
	return DDB_OK;
}

static enum ddb_code open_engine(struct map_view *view, struct ddb_error *err)
{
	struct ddb_engine *engine = view->outer->engine;
	const struct ddb_open_view request = {
		.kind = view->kind,
		.max_items = view->outer->options.txn_max_items,
	};
	if (!engine->ops->open_view)
		return ddb_fail(err, DDB_UNKNOWN_OPERATION, "The engine has no transactions and snapshots");
	return engine->ops->open_view(engine, &request, &view->engine, err);
}

/* ---- Names ---- */

static struct map_view *find(
	struct map_views *views, enum ddb_view_kind kind, const char *name, size_t length)
{
	struct map_view *view = views->first;
	while (view && !(view->named && view->kind == kind && !strncmp(view->name, name, length) &&
			       !view->name[length]))
		view = view->next;
	return view;
}

static bool slot_is_free(const struct map_views *views, unsigned slot)
{
	const struct map_view *view = views->first;
	while (view && view->slot != slot)
		view = view->next;
	return !view;
}

static int enter_name(struct map_views *views, struct map_view *view, struct ddb_error *err)
{
	if (find(views, view->kind, view->name, strlen(view->name)))
		return EEXIST;
	if (views->count == MAP_VIEWS_MAX) {
		ddb_fail(err, DDB_LIMIT_EXCEEDED, "At most %d transactions and snapshots can be open",
			MAP_VIEWS_MAX);
		return EDQUOT;
	}
	for (view->slot = 1; !slot_is_free(views, view->slot); view->slot++)
		;
	view->number = views->number++;
	view->named = true;
	*views->last = view;
	views->last = &view->next;
	views->count++;
	return 0;
}

bool map_view_is_name(enum ddb_view_kind kind, const char *name)
{
	size_t length = strlen(name);
	bool printable = true;
	for (size_t i = 0; i < length; i++)
		printable &= (unsigned char)name[i] >= ' ' && name[i] != 0x7f;
	return length && length <= MAP_NAME_MAX && name[0] != '.' && printable &&
	       ddb_utf8_prefix(name, length) == length && (kind == DDB_SNAPSHOT || strcmp(name, "committed"));
}

static bool is_taken(struct map_views *views, enum ddb_view_kind kind, const char *name)
{
	pthread_mutex_lock(&views->lock);
	bool taken = find(views, kind, name, strlen(name));
	pthread_mutex_unlock(&views->lock);
	return taken;
}

int map_view_begin(struct map *map, const struct map_caller *caller, enum ddb_view_kind kind,
	const char *name, struct ddb_error *err)
{
	struct map_views *views = map->views;
	if (!map_view_is_name(kind, name)) {
		ddb_fail(err, DDB_VALIDATION,
			"A transaction's or snapshot's name is UTF-8 without control characters and begins "
			"with no dot");
		return EINVAL;
	}
	if (is_taken(views, kind, name))
		return EEXIST;
	struct map_view *view = view_new(map, caller, kind, name);
	if (!view)
		return map_errno(ddb_fail_memory(err));
	int number = map_errno(open_engine(view, err));
	if (!number)
		number = map_errno(make_map(view, err));
	if (!number) {
		pthread_mutex_lock(&views->lock);
		number = enter_name(views, view, err);
		pthread_mutex_unlock(&views->lock);
	}
	if (number)
		view_free(view);
	else
		map_tell_path(map, view->path, MAP_VERSION_DIRECTORY, NULL);
	return number;
}

struct map_view *map_view_find(struct map *map, enum ddb_view_kind kind, const char *name, size_t length)
{
	struct map_views *views = map->views;
	pthread_mutex_lock(&views->lock);
	struct map_view *view = find(views, kind, name, length);
	if (view)
		view->references++;
	pthread_mutex_unlock(&views->lock);
	return view;
}

struct map_view *map_view_next(struct map *map, uint64_t after)
{
	struct map_views *views = map->views;
	pthread_mutex_lock(&views->lock);
	struct map_view *view = views->first;
	while (view && (view->number <= after || !view->named))
		view = view->next;
	if (view)
		view->references++;
	pthread_mutex_unlock(&views->lock);
	return view;
}

bool map_view_unname(struct map_view *view)
{
	struct map_views *views = view->outer->views;
	pthread_mutex_lock(&views->lock);
	bool named = view->named;
	view->named = false;
	pthread_mutex_unlock(&views->lock);
	if (named)
		map_view_unref(view); /* the name's; the caller has another */
	return named;
}

/* ---- References ---- */

struct map_view *map_view_ref(struct map_view *view)
{
	if (!view)
		return NULL;
	pthread_mutex_lock(&view->outer->views->lock);
	view->references++;
	pthread_mutex_unlock(&view->outer->views->lock);
	return view;
}

static void withdraw(struct map_views *views, struct map_view *view)
{
	struct map_view **link = &views->first;
	while (*link != view)
		link = &(*link)->next;
	*link = view->next;
	if (!*link)
		views->last = link;
	views->count--;
}

void map_view_unref(struct map_view *view)
{
	if (!view)
		return;
	struct map_views *views = view->outer->views;
	pthread_mutex_lock(&views->lock);
	bool last = --view->references == 0;
	if (last)
		withdraw(views, view);
	pthread_mutex_unlock(&views->lock);
	if (last)
		view_free(view);
}

void map_views_free(struct map_views *views)
{
	if (!views)
		return;
	while (views->first) {
		struct map_view *view = views->first;
		views->first = view->next;
		view_free(view);
	}
	pthread_mutex_destroy(&views->lock);
	free(views);
}

/* ---- Use ---- */

bool map_view_admits(const struct map_view *view, const struct map_caller *caller)
{
	return view->kind == DDB_SNAPSHOT || caller->uid == view->uid || caller->uid == 0;
}

int map_view_enter(struct map_view *view)
{
	if (!view)
		return 0;
	if (__atomic_load_n(&view->ended, __ATOMIC_ACQUIRE))
		return ESTALE;
	pthread_mutex_lock(&view->lock);
	while (view->committing)
		pthread_cond_wait(&view->changed, &view->lock);
	bool over = __atomic_load_n(&view->over, __ATOMIC_ACQUIRE);
	view->users += !over;
	pthread_mutex_unlock(&view->lock);
	if (over)
		return ESTALE;
	__atomic_store_n(&view->used_ns, map_now_ns(), __ATOMIC_RELAXED);
	return 0;
}

void map_view_leave(struct map_view *view)
{
	if (!view)
		return;
	__atomic_store_n(&view->used_ns, map_now_ns(), __ATOMIC_RELAXED);
	pthread_mutex_lock(&view->lock);
	if (!--view->users && view->waiting)
		pthread_cond_broadcast(&view->changed);
	pthread_mutex_unlock(&view->lock);
}

void map_view_give_way(struct map_view *view)
{
	if (!view)
		return;
	pthread_mutex_lock(&view->lock);
	while (view->waiting)
		pthread_cond_wait(&view->changed, &view->lock);
	pthread_mutex_unlock(&view->lock);
}

void map_view_enter_alone(struct map_view *view)
{
	pthread_mutex_lock(&view->lock);
	view->waiting++;
	while (view->users || view->committing)
		pthread_cond_wait(&view->changed, &view->lock);
	view->waiting--;
	view->committing = true;
	pthread_mutex_unlock(&view->lock);
}

void map_view_leave_alone(struct map_view *view)
{
	pthread_mutex_lock(&view->lock);
	view->committing = false;
	pthread_cond_broadcast(&view->changed);
	pthread_mutex_unlock(&view->lock);
}

void map_view_remove(struct map_view *view, const char *why)
{
	if (!map_view_unname(view))
		return;
	__atomic_store_n(&view->over, true, __ATOMIC_RELEASE);
	view->engine->ops->end_view(view->engine, why);
	map_tell_path(view->outer, view->path, 0, NULL);
}

int map_refuse_staged(const struct map *map, struct ddb_error *err)
{
	if (!map_is_staged(map))
		return 0;
	ddb_fail(err, DDB_ACCESS_DENIED, "Tables and definitions cannot be changed in a transaction");
	return EPERM;
}

int map_refuse_unwritable(const struct map *map, struct ddb_error *err)
{
	if (map_is_down(map)) {
		ddb_fail(err, DDB_ACCESS_DENIED,
			"The transaction is being removed: nothing can be changed in it any more");
		return EPERM;
	}
	if (!map->options.read_only)
		return 0;
	ddb_fail(err, DDB_ACCESS_DENIED,
		map->view ? "A snapshot cannot be changed" : "The mount is read-only");
	return EROFS;
}

/* ---- Time ---- */

static bool is_idle(const struct map_view *view, int64_t now_ns)
{
	unsigned seconds = view->outer->options.txn_idle_seconds;
	int64_t idle_ns = (int64_t)(seconds ? seconds : MAP_TRANSACTION_IDLE) * 1000000000;
	return view->kind == DDB_TRANSACTION &&
	       now_ns - __atomic_load_n(&view->used_ns, __ATOMIC_RELAXED) >= idle_ns;
}

/* The name stays, so that one can see why there is nothing below it any more. */
static void look_after(struct map_view *view)
{
	struct ddb_view_status status;
	if (__atomic_load_n(&view->ended, __ATOMIC_ACQUIRE))
		return;
	view->engine->ops->view_status(view->engine, &status);
	if (!status.ended)
		return;
	__atomic_store_n(&view->ended, true, __ATOMIC_RELEASE);
	map_tell_path(view->outer, view->path, UINT64_MAX, NULL);
}

void map_views_tick(struct map *map, int64_t now_ns)
{
	struct map_view *view;
	if (!map->views)
		return;
	for (uint64_t after = 0; (view = map_view_next(map, after)); map_view_unref(view)) {
		after = view->number;
		look_after(view);
		if (is_idle(view, now_ns))
			map_view_remove(view, "The transaction was idle for too long");
		else
			map_tick_at(view->map, now_ns);
	}
}

/* ---- What is shown ---- */

static void write_time(struct ddb_json_out *json, const char *name, int64_t ns)
{
	char text[32] = "";
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm parts;
	if (gmtime_r(&seconds, &parts))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	ddb_json_member_string(json, name, text);
}

static void write_status(const struct map_view *view, struct ddb_json_out *json)
{
	struct ddb_view_status status;
	view->engine->ops->view_status(view->engine, &status);
	ddb_json_open(json, '{');
	ddb_json_member_string(json, "name", view->name);
	ddb_json_member_int(json, "uid", view->uid);
	write_time(json, "since", view->since_ns);
	if (view->kind == DDB_TRANSACTION)
		ddb_json_member_int(json, "changed", (int64_t)status.changed_items);
	ddb_json_member_int(json, "bytes", (int64_t)status.bytes);
	ddb_json_member_bool(json, "ended", status.ended);
	if (status.ended)
		ddb_json_member_string(json, "why", status.why);
	ddb_json_close(json, '}');
}

static void write_kind(
	struct map *map, enum ddb_view_kind kind, const char *member, struct ddb_json_out *json)
{
	struct map_view *view;
	ddb_json_name(json, member, strlen(member));
	ddb_json_open(json, '[');
	for (uint64_t after = 0; (view = map_view_next(map, after)); map_view_unref(view)) {
		after = view->number;
		if (view->kind == kind)
			write_status(view, json);
	}
	ddb_json_close(json, ']');
}

void map_views_status(struct map *map, struct ddb_json_out *json)
{
	write_kind(map, DDB_SNAPSHOT, "snapshots", json);
	write_kind(map, DDB_TRANSACTION, "transactions", json);
}

/*
 * An inode number has its table in the upper 24 bits, and tables are counted from below: the slot goes there
 * mirrored, from above, so that the two do not meet, and the order within a table stays.
 */
enum { TABLE_BITS = 24, TABLE_SHIFT = 40 };
static const uint64_t apart = 0x9e3779b97f4a7c15u;

static uint64_t mirrored(unsigned slot)
{
	uint64_t bits = 0;
	for (unsigned i = 0; i < TABLE_BITS; i++)
		bits |= (uint64_t)(slot >> i & 1) << (TABLE_BITS - 1 - i);
	return bits << TABLE_SHIFT;
}

void map_view_attr(const struct map_view *view, struct map_attr *attr)
{
	if (!view)
		return;
	attr->ino ^= mirrored(view->slot);
	if (attr->ino <= 1)
		attr->ino += 2;
	/* Slots are given again, and so are the versions of what was staged: what the kernel keeps of one
	 * view it must not take for another's. */
	if (attr->version)
		attr->version += view->number * apart;
}

uint64_t map_view_version(const struct map_view *view, uint64_t version)
{
	return view && version ? version - view->number * apart : version;
}

void map_view_own_attr(const struct map_view *view, struct map_attr *ret)
{
	*ret = (struct map_attr){
		.directory = true,
		.writable = true,
		.whole = true,
		.owned = view->kind == DDB_TRANSACTION,
		.owner = view->uid,
		.ino = 1,
		.mtime_ns = view->since_ns,
	};
	map_view_attr(view, ret);
}

void map_view_path(const struct map_view *view, const char *path, char ret[MAP_PATH_MAX])
{
	/* A path that is told has come from outside, or is short. */
	int length = snprintf(ret, MAP_PATH_MAX, "%s%s%s", view->path, *path ? "/" : "", path);
	if (length >= MAP_PATH_MAX)
		ret[MAP_PATH_MAX - 1] = '\0';
}

int map_view_refused(struct map_view *view, const struct map_caller *caller, const char *path,
	const char *operation, int number, const struct ddb_error *err)
{
	char whole[MAP_PATH_MAX];
	map_view_path(view, path, whole);
	return map_refused(view->outer, caller, whole, operation, number, err);
}
