/*
 * The FUSE side: a session on /dev/fuse that serves a map (mapping/map.h) as a mounted filesystem. It knows
 * nodes, handles and the kernel's caches, and nothing of what a table or an item means. One session a
 * process; fs_run uses threads of its own.
 */
#ifndef FS_FS_H
#define FS_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ddb_json_out;
struct fs;
struct map;
struct map_file;

struct fs_options {
	const char *mountpoint; /* an absolute path */
	const char *source;     /* shown as the mount's source */
	const char *data_path;  /* statfs answers for the filesystem that holds it */
	uid_t uid;
	gid_t gid;
	mode_t umask;
	bool allow_other;
	bool read_only;
	bool debug;                   /* libfuse prints every request on stderr */
	uint64_t nodes;               /* above so many nodes the oldest unopened ones are given back */
	const char *mount_options;    /* further options for the kernel, comma-separated; or NULL */
	void (*ready)(void *context); /* called once the mount answers */
	void *context;
};

/* NULL, with a message on stderr, when the mount fails. Strings are borrowed for the session's life. */
struct fs *fs_new(const struct fs_options *options);
/* Serves `map` until the filesystem is unmounted or SIGTERM, SIGINT or SIGHUP comes. 0, or an errno value. */
int fs_run(struct fs *fs, struct map *map);
/* Unmounts if still mounted. */
void fs_free(struct fs *fs);

/* For struct map_options, with the fs as context. */
void fs_changed(void *context, const char *path, uint64_t version, const struct map_file *by);
void fs_enter(void *context);
void fs_leave(void *context);
void fs_stirred(void *context);
void fs_status(void *context, struct ddb_json_out *json);

/* Detaches what a dead process has left at `mountpoint` (access answers ENOTCONN, or ECONNABORTED while it
 * dies). False: something is there that we cannot detach. */
bool fs_detach_dead(const char *mountpoint);

#endif
