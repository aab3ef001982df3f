/*
 * Inside mapping/: the transactions and snapshots of a map. Each has a name below .txn or .snapshot, an
 * engine of its own, and a map on that engine which shows the same tree; route.c leads paths there. A view
 * lives as long as somebody refers to it: its name, a request under way, an open file or directory. Threads:
 * any. What is waited for, in this order: that a view's commit ends, its transaction's lock, the registry's;
 * nobody is told of changes within a commit or with one of the locks held.
 */
#ifndef MAP_VIEWS_H
#define MAP_VIEWS_H

#include "mapping/tree.h"

enum {
	MAP_VIEWS_MAX = 1000,       /* at once, those that ended and still have a name included */
	MAP_TRANSACTION_IDLE = 600, /* seconds */
};

struct map_transaction; /* transaction.h */

struct map_view {
	struct map *outer, *map;
	struct ddb_engine *engine;
	enum ddb_view_kind kind;
	char *path;       /* in the outer map */
	const char *name; /* its end */
	uid_t uid;        /* who began it */
	int64_t since_ns;
	uint64_t number;                     /* rises from view to view */
	unsigned slot;                       /* the lowest that no other view has; from 1 */
	struct map_transaction *transaction; /* NULL: a snapshot */

	int64_t used_ns; /* atomic */
	bool over;       /* atomic: committed or aborted, nothing more is done in it */
	bool ended;      /* atomic: the engine let it go, and those who knew something of it are told */
	/* A commit is alone in it. While one waits for that, others still enter: who does may have the front
	 * end's locks, for which another one waits who is to leave. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned users;   /* who do something in it */
	unsigned waiting; /* commits that wait until there are none */
	bool committing;

	/* Under the registry's lock. */
	unsigned references;
	bool named;
	struct map_view *next;
};

struct map_views;
struct map_views *map_views_new(void);
/* Ends all: also those that somebody who will not come back still refers to. */
void map_views_free(struct map_views *views);

/* ".txn" or ".snapshot". */
const char *map_view_directory(enum ddb_view_kind kind);
/* What can be the name of one. */
bool map_view_is_name(enum ddb_view_kind kind, const char *name);
/* Begins one: EEXIST; EINVAL for what is no name; EDQUOT. */
int map_view_begin(struct map *map, const struct map_caller *caller, enum ddb_view_kind kind,
	const char *name, struct ddb_error *err);
/* A reference, or NULL. */
struct map_view *map_view_find(struct map *map, enum ddb_view_kind kind, const char *name, size_t length);
/* The one behind `after` in the order of their numbers (0: the first), a reference; NULL: the end. */
struct map_view *map_view_next(struct map *map, uint64_t after);
struct map_view *map_view_ref(struct map_view *view); /* NULL is fine, as in all that follow */
void map_view_unref(struct map_view *view);
static inline void map_view_unrefp(struct map_view **view)
{
	map_view_unref(*view);
}
#define MAP_VIEW_AUTO __attribute__((cleanup(map_view_unrefp)))

/* Around all that is done in a view. ESTALE: it is over or has ended, and map_view_leave must not follow. */
DDB_MUST_CHECK int map_view_enter(struct map_view *view);
void map_view_leave(struct map_view *view);
/* Around a commit: nobody else is in it, nor comes. */
void map_view_enter_alone(struct map_view *view);
void map_view_leave_alone(struct map_view *view);
/* Before what is done with an open file, without locks: a commit that waits goes first, or writers who come
 * one after the other would keep it waiting for ever. */
void map_view_give_way(struct map_view *view);
/* What belongs to the one who began it is nobody else's but root's. */
bool map_view_admits(const struct map_view *view, const struct map_caller *caller);
/* Takes the name away and lets go of what is staged; the name's removal is told. */
void map_view_remove(struct map_view *view, const char *why);
/* The name alone, of a view that is over. False: it had none any more. */
bool map_view_unname(struct map_view *view);

/* Aborts idle transactions, and tells of views that the engine let go. */
void map_views_tick(struct map *map, int64_t now_ns);
/* The members "snapshots" and "transactions" of /.status. */
void map_views_status(struct map *map, struct ddb_json_out *json);

/* Attributes as the outer map gives them: no inode number and no version is another view's. */
void map_view_attr(const struct map_view *view, struct map_attr *attr);
/* And back: the version that the view's map knows. */
uint64_t map_view_version(const struct map_view *view, uint64_t version);
/* The attributes of the view's own directory. */
void map_view_own_attr(const struct map_view *view, struct map_attr *ret);
/* A path of the view's map as the outer one has it. */
void map_view_path(const struct map_view *view, const char *path, char ret[MAP_PATH_MAX]);
/* Records a refusal where everybody looks for it. */
int map_view_refused(struct map_view *view, const struct map_caller *caller, const char *path,
	const char *operation, int number, const struct ddb_error *err);

/* Whether this is a transaction's map: tables and definitions are not changed in it. */
static inline bool map_is_staged(const struct map *map)
{
	return map->view && map->view->kind == DDB_TRANSACTION;
}
/* EPERM there, else 0. */
int map_refuse_staged(const struct map *map, struct ddb_error *err);
/* EROFS, where nothing can be changed, EPERM in a transaction that is being removed, else 0. */
int map_refuse_unwritable(const struct map *map, struct ddb_error *err);

#endif
