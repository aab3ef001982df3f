/*
 * The functions of map.h that take a path. See route.h.
 */
#include "mapping/view/route.h"

#include <errno.h>
#include <string.h>

struct route {
	struct map *map;
	const char *path;
	struct map_view *view; /* entered, a reference; NULL: the path stays in the outer map */
};

static void leave(struct route *route)
{
	map_view_leave(route->view);
	map_view_unref(route->view);
}
#define ROUTE_AUTO __attribute__((cleanup(leave)))

/* ---- Finding the way ---- */

/* The view that a path is in; *ret_rest is what follows its name. */
static struct map_view *view_of(struct map *map, const char *path, const char **ret_rest)
{
	static const struct {
		const char *prefix;
		enum ddb_view_kind kind;
	} directories[] = {{".txn/", DDB_TRANSACTION}, {".snapshot/", DDB_SNAPSHOT}};
	for (size_t i = 0; map->views && i < sizeof(directories) / sizeof(*directories); i++) {
		size_t length = strlen(directories[i].prefix);
		if (strncmp(path, directories[i].prefix, length))
			continue;
		const char *name = path + length;
		*ret_rest = strchrnul(name, '/');
		return map_view_find(map, directories[i].kind, name, (size_t)(*ret_rest - name));
	}
	return NULL;
}

static int refuse(struct map *map, const struct map_caller *caller, const char *path, const char *operation,
	int number, const char *why)
{
	struct ddb_error err;
	ddb_fail(&err, number == ESTALE ? DDB_VIEW_ENDED : DDB_ACCESS_DENIED, "%s", why);
	return map_refused(map, caller, path, operation, number, &err);
}

static int admit(struct map *map, const struct map_view *view, const struct map_caller *caller,
	const char *path, const char *operation)
{
	if (map_view_admits(view, caller))
		return 0;
	return refuse(map, caller, path, operation, EACCES,
		"The transaction is that of the user who began it, and of root");
}

static int refuse_ended(struct map *map, const struct map_view *view, const struct map_caller *caller,
	const char *path, const char *operation)
{
	struct ddb_view_status status;
	view->engine->ops->view_status(view->engine, &status);
	return refuse(
		map, caller, path, operation, ESTALE, status.ended ? status.why : "The transaction is over");
}

/* `own`: the view's own directory is its map's root, and not a name in the outer one. */
static int find(struct map *map, const struct map_caller *caller, const char *path, bool own,
	const char *operation, struct route *ret)
{
	const char *rest;
	MAP_VIEW_AUTO struct map_view *view = view_of(map, path, &rest);
	if (!view || (!*rest && !own))
		return 0;
	int number = admit(map, view, caller, path, operation);
	if (number)
		return number;
	if (map_view_enter(view))
		return refuse_ended(map, view, caller, path, operation);
	*ret = (struct route){.map = view->map, .path = rest + (*rest == '/'), .view = view};
	view = NULL;
	return 0;
}

static inline int route(struct map *map, const struct map_caller *caller, const char *path, bool own,
	const char *operation, struct route *ret)
{
	*ret = (struct route){.map = map, .path = path};
	return *path == '.' ? find(map, caller, path, own, operation, ret) : 0;
}

/* A view's own directory is removed and renamed by those who may use it. */
static int admit_own(
	struct map *map, const struct map_caller *caller, const char *path, const char *operation)
{
	const char *rest;
	if (*path != '.')
		return 0;
	MAP_VIEW_AUTO struct map_view *view = view_of(map, path, &rest);
	return view ? admit(map, view, caller, path, operation) : 0;
}

/* ---- Names ---- */

int map_stat(struct map *map, const struct map_caller *caller, const char *path, struct map_attr *ret)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "stat", &to);
	if (!number)
		number = map_tree_stat(to.map, caller, to.path, ret);
	if (!number)
		map_view_attr(to.view, ret);
	return number;
}

int map_dir_open(struct map *map, const struct map_caller *caller, const char *path, struct map_dir **ret)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, true, "opendir", &to);
	return number ? number : map_tree_dir_open(to.map, caller, to.path, ret);
}

int map_mkdir(struct map *map, const struct map_caller *caller, const char *path)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "mkdir", &to);
	return number ? number : map_tree_mkdir(to.map, caller, to.path);
}

int map_rmdir(struct map *map, const struct map_caller *caller, const char *path)
{
	ROUTE_AUTO struct route to = {0};
	int number = admit_own(map, caller, path, "rmdir");
	if (!number)
		number = route(map, caller, path, false, "rmdir", &to);
	return number ? number : map_tree_rmdir(to.map, caller, to.path);
}

int map_unlink(struct map *map, const struct map_caller *caller, const char *path)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "unlink", &to);
	return number ? number : map_tree_unlink(to.map, caller, to.path);
}

/* Files are copied from one view to another, as between tables; of directories a copy is not what is meant.
 */
static int rename_between(const struct route *from, const struct map_caller *caller, const char *to)
{
	struct map_attr attr;
	struct map *outer = from->view ? from->view->outer : from->map;
	int number = map_tree_stat(from->map, caller, from->path, &attr);
	if (number || !attr.directory)
		return number ? number : EXDEV;
	return refuse(outer, caller, to, "rename", EPERM,
		"Directories cannot be moved into or out of transactions and snapshots");
}

int map_rename(
	struct map *map, const struct map_caller *caller, const char *from, const char *to, unsigned flags)
{
	ROUTE_AUTO struct route source = {0}, target = {0};
	int number = admit_own(map, caller, from, "rename");
	if (!number)
		number = route(map, caller, from, false, "rename", &source);
	if (!number)
		number = route(map, caller, to, false, "rename", &target);
	if (number)
		return number;
	if (source.view != target.view)
		return rename_between(&source, caller, to);
	return map_tree_rename(source.map, caller, source.path, target.path, flags);
}

int map_set_mtime(struct map *map, const struct map_caller *caller, const char *path, int64_t mtime_ns,
	uint64_t version)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "utimes", &to);
	return number ? number
		      : map_tree_set_mtime(
				to.map, caller, to.path, mtime_ns, map_view_version(to.view, version));
}

/* ---- Attributes ---- */

int map_getxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	char *value, size_t size, size_t *ret_length)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "getxattr", &to);
	return number ? number : map_tree_getxattr(to.map, caller, to.path, name, value, size, ret_length);
}

int map_setxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	const char *value, size_t size, int flags)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "setxattr", &to);
	return number ? number : map_tree_setxattr(to.map, caller, to.path, name, value, size, flags);
}

int map_listxattr(struct map *map, const struct map_caller *caller, const char *path, char *list, size_t size,
	size_t *ret_length)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "listxattr", &to);
	return number ? number : map_tree_listxattr(to.map, caller, to.path, list, size, ret_length);
}

int map_removexattr(struct map *map, const struct map_caller *caller, const char *path, const char *name)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "removexattr", &to);
	return number ? number : map_tree_removexattr(to.map, caller, to.path, name);
}

/* ---- Files ---- */

int map_open(struct map *map, const struct map_caller *caller, const char *path, int flags,
	struct map_file **ret, struct map_attr *ret_attr)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "open", &to);
	if (!number)
		number = map_tree_open(to.map, caller, to.path, flags, ret, ret_attr);
	if (!number)
		map_view_attr(to.view, ret_attr);
	return number;
}

int map_create(struct map *map, const struct map_caller *caller, const char *path, int flags, mode_t mode,
	struct map_file **ret, struct map_attr *ret_attr)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "open", &to);
	if (!number)
		number = map_tree_create(to.map, caller, to.path, flags, mode, ret, ret_attr);
	if (!number)
		map_view_attr(to.view, ret_attr);
	return number;
}

int map_reopen(struct map *map, const struct map_caller *caller, const char *path, int flags,
	struct map_file **ret, struct map_attr *ret_attr)
{
	ROUTE_AUTO struct route to = {0};
	int number = route(map, caller, path, false, "open", &to);
	if (!number)
		number = map_tree_reopen(to.map, caller, to.path, flags, ret, ret_attr);
	if (!number)
		map_view_attr(to.view, ret_attr);
	return number;
}
