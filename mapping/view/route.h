/*
 * Inside mapping/: where a path leads. Below .txn/NAME and .snapshot/NAME it goes on in the view's own map,
 * with the prefix taken off; all other paths stay here, for the price of a look at their first byte. The
 * functions of map.h are the routed ones (route.c); these are the same for a path of this map alone.
 */
#ifndef MAP_ROUTE_H
#define MAP_ROUTE_H

#include "mapping/view/views.h"

int map_tree_stat(struct map *map, const struct map_caller *caller, const char *path, struct map_attr *ret);
int map_tree_dir_open(
	struct map *map, const struct map_caller *caller, const char *path, struct map_dir **ret);
int map_tree_mkdir(struct map *map, const struct map_caller *caller, const char *path);
int map_tree_rmdir(struct map *map, const struct map_caller *caller, const char *path);
int map_tree_unlink(struct map *map, const struct map_caller *caller, const char *path);
int map_tree_rename(
	struct map *map, const struct map_caller *caller, const char *from, const char *to, unsigned flags);
int map_tree_set_mtime(struct map *map, const struct map_caller *caller, const char *path, int64_t mtime_ns,
	uint64_t version);
int map_tree_getxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	char *value, size_t size, size_t *ret_length);
int map_tree_setxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	const char *value, size_t size, int flags);
int map_tree_listxattr(struct map *map, const struct map_caller *caller, const char *path, char *list,
	size_t size, size_t *ret_length);
int map_tree_removexattr(
	struct map *map, const struct map_caller *caller, const char *path, const char *name);
int map_tree_open(struct map *map, const struct map_caller *caller, const char *path, int flags,
	struct map_file **ret, struct map_attr *ret_attr);
int map_tree_create(struct map *map, const struct map_caller *caller, const char *path, int flags,
	mode_t mode, struct map_file **ret, struct map_attr *ret_attr);
int map_tree_reopen(struct map *map, const struct map_caller *caller, const char *path, int flags,
	struct map_file **ret, struct map_attr *ret_attr);

#endif
