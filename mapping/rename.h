/*
 * Inside mapping/: the renaming of tables and partitions, and what follows it: open files and directories
 * that are known by their paths.
 */
#ifndef MAP_RENAME_H
#define MAP_RENAME_H

#include "mapping/tree.h"

/*
 * `from` is a table or a partition, as it was resolved; `to` a path other than its own. ENOTEMPTY, ENOTDIR
 * and EEXIST are answers; for all else *err has something to say. EINVAL is only for flags, and EXDEV never
 * the answer: mv would talk of subdirectories, or copy and delete.
 */
int map_rename_directory(struct map *map, struct ddb_arena *arena, const struct map_place *from,
	const char *to, unsigned flags, struct ddb_error *err);

/* `from` is a view's own directory: the commit of a transaction, or EPERM. view/commit.c. */
int map_rename_view(struct map *map, const struct map_caller *caller, const struct map_place *from,
	const char *to, unsigned flags, struct ddb_error *err);

/*
 * Files and directories that are open below `from` (a path) are below `to` from now on. No call on a path
 * below it may be under way.
 */
void map_files_follow(struct map *map, const char *from, const char *to);
void map_dirs_follow(struct map *map, const char *from, const char *to);
/* `path` with `to` in place of `from`, or NULL (no memory), if it is below; false: it is not. */
bool map_path_follows(const char *path, const char *from, const char *to, char **ret);

#endif
