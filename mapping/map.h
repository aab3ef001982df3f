/*
 * The tree that a mount shows: paths in, bytes and errno out. It knows what a table and an item mean and asks
 * an engine for them; it knows no inodes, kernels or FUSE. Paths are relative to the root, without a leading
 * slash; "" is the root. Threads: any call from any thread; one open file or directory may be used by several
 * at once (it locks). Every function returns 0 or an errno value (positive). Each refusal is recorded for
 * /.errors under the caller.
 */
#ifndef MAP_H
#define MAP_H

#include "engine/engine.h"
#include <sys/types.h>

enum { MAP_PATH_MAX = 8192 }; /* bytes, with the NUL */

struct map;
struct map_file;
struct map_dir;

struct map_caller {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

struct map_options {
	bool read_only; /* EROFS for every change */
	bool sync;      /* for .status only: the engine does it */
	const char *mountpoint;
	unsigned txn_max_items;    /* changed items and conditions of a transaction; 0: DynamoDB's limit */
	unsigned txn_idle_seconds; /* after which a transaction is aborted; 0: ten minutes */

	/*
	 * After every committed change of a file's text or of a name's existence, before the call that made
	 * it returns. `version` 0: the name is gone; UINT64_MAX: the name and everything below it may have
	 * changed in any way. `by` is the file that made the change, or NULL. Called once per path that shows
	 * the thing (T/a.json and T/.typed/a.json).
	 */
	void (*changed)(void *context, const char *path, uint64_t version, const struct map_file *by);
	/* Around what the map tells by itself, in a thread of its own: meanwhile no directory is being
	 * renamed. Or NULL. */
	void (*enter)(void *context);
	void (*leave)(void *context);
	/*
	 * There is news that files may have waited for (map_file_waits): from any thread, to be over quickly.
	 * NULL: nobody waits, and such files end where they would.
	 */
	void (*stirred)(void *context);
	/* Adds the front end's members to /.status. */
	void (*status)(void *context, struct ddb_json_out *json);
	void *context;
};

/* `engine` is borrowed for the map's life. NULL: no memory. */
struct map *map_new(struct ddb_engine *engine, const struct map_options *options);
void map_free(struct map *map);
/* Whether items that TTL removes are told of (`changed`). Not any more, when it returns; to be ended before
 * the map and what its options lead to. Of one map of an engine. */
void map_watch(struct map *map, bool watch);
/* Forgets what has lasted long enough (empty partitions and idle transactions after ten minutes); about once
 * in ten seconds. */
void map_tick(struct map *map);

/* The hooks that an engine needs to keep renderings (hooks.c); independent of any map. */
extern const struct ddb_rendering_hooks map_rendering_hooks;

/* ---- What a name is ---- */

struct map_attr {
	bool directory;
	bool stream;    /* length unknown, size 0: to be read by direct I/O */
	bool writable;  /* permission bits are 0644 or 0755, else 0444 or 0555 */
	bool volatile_; /* text made when it is opened, size only known then: not to be cached */
	/* Of a directory: its names come and go without being told of (`changed`), as a query's results do:
	 * each is to be looked up whenever it is used. */
	bool untold;
	/* Of a directory: it comes and goes with all that is below it. Renamed, it leaves that behind. */
	bool whole;
	bool owned; /* by `owner`, whom alone it is for (and root) */
	uid_t owner;
	uint64_t ino;  /* stable; never 0 or 1 (1: the root) */
	uint64_t size; /* bytes of the committed text */
	int64_t mtime_ns;
	uint64_t version; /* changes with the text; 0 for what has none */
	int64_t expires; /* seconds since the epoch: the name is gone then, without being told of; 0: never */
};

/* ENOENT, also for names that are no key's; ENOTDIR; EIO for a damaged record. */
int map_stat(struct map *map, const struct map_caller *caller, const char *path, struct map_attr *ret);

/* ---- Directories ---- */

int map_dir_open(struct map *map, const struct map_caller *caller, const char *path, struct map_dir **ret);
void map_dir_free(struct map_dir *dir);

struct map_dirent {
	const char *name; /* NULL: the end. Valid until the next call on this directory */
	struct map_attr attr;
	uint64_t next; /* the offset behind this entry */
};
/*
 * The entry at `offset`: 0 or a `next` given before. Going on in order, and to any entry of the last
 * thousand, is O(1); entries that are there all the while are seen exactly once, whatever is created or
 * removed meanwhile. "." and ".." are not among them.
 */
int map_dir_entry(struct map_dir *dir, uint64_t offset, struct map_dirent *ret);

/* ---- Changing names ---- */

int map_mkdir(struct map *map, const struct map_caller *caller, const char *path);
int map_rmdir(struct map *map, const struct map_caller *caller, const char *path);
int map_unlink(struct map *map, const struct map_caller *caller, const char *path);
/* mknod(2) of a file. EPERM, but for an item of a table with TTL: `tar --xattrs` makes a file before it sets
 * the attribute that such an item has, and its text comes later. */
int map_make(struct map *map, const struct map_caller *caller, const char *path);
/* flags: RENAME_NOREPLACE, RENAME_EXCHANGE. */
/* A directory that is `whole` may be gone afterwards, whatever it is renamed to. */
int map_rename(
	struct map *map, const struct map_caller *caller, const char *from, const char *to, unsigned flags);

/* version: only when the file still has it (0: always); otherwise nothing happens, without error. */
int map_set_mtime(struct map *map, const struct map_caller *caller, const char *path, int64_t mtime_ns,
	uint64_t version);

/* As getxattr(2) and its family; size 0 asks for the length. ENODATA, ERANGE, EOPNOTSUPP. A name not ours
 * costs a comparison. */
int map_getxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	char *value, size_t size, size_t *ret_length);
int map_setxattr(struct map *map, const struct map_caller *caller, const char *path, const char *name,
	const char *value, size_t size, int flags);
int map_listxattr(struct map *map, const struct map_caller *caller, const char *path, char *list, size_t size,
	size_t *ret_length);
int map_removexattr(struct map *map, const struct map_caller *caller, const char *path, const char *name);

/* ---- Open files ---- */

/*
 * flags: open(2)'s O_ACCMODE, O_TRUNC, O_APPEND. A file opened for reading holds the version that it opened
 * until it is released. *ret_attr is that version's. EACCES for writing what is read-only, EISDIR, ENOENT.
 */
int map_open(struct map *map, const struct map_caller *caller, const char *path, int flags,
	struct map_file **ret, struct map_attr *ret_attr);
/*
 * A name that does not exist yet; O_EXCL makes the first put conditional. The name exists for others once it
 * is put. EINVAL: no key's name; EPERM, EACCES.
 */
int map_create(struct map *map, const struct map_caller *caller, const char *path, int flags, mode_t mode,
	struct map_file **ret, struct map_attr *ret_attr);
/*
 * For writing to an item or definition that was there a moment ago and may be gone: as map_open if it is
 * there, else as map_create, but nothing comes of it unless something is written. ESTALE for names of other
 * kinds that are gone.
 */
int map_reopen(struct map *map, const struct map_caller *caller, const char *path, int flags,
	struct map_file **ret, struct map_attr *ret_attr);
/* *ret_length may be short only at the end of the text, or of a line of a file that waits. */
int map_file_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length);
/*
 * Whether a read of the file may answer EAGAIN: what it asks for does not exist yet. Whoever calls again
 * after each `stirred` that came since before he was answered misses nothing. The map itself never waits.
 */
bool map_file_waits(const struct map_file *file);
/* Whether a read would be answered at once that begins where the last one ended, be it with an error. */
bool map_file_ready(struct map_file *file);
/* All of `size` is taken, or an error; see SPEC "Writing" for what each means. */
int map_file_write(struct map_file *file, const struct map_caller *caller, uint64_t offset, const char *bytes,
	size_t size);
int map_file_truncate(struct map_file *file, const struct map_caller *caller, uint64_t size);
/* One close(2) of the handle. */
int map_file_flush(struct map_file *file, const struct map_caller *caller);
/* fsync: commits what is written and makes it durable. */
int map_file_sync(struct map_file *file, const struct map_caller *caller);
/* The last close. Frees the file, whatever it returns. */
int map_file_release(struct map_file *file, const struct map_caller *caller);
/* A new name whose only text was refused: it does not exist and never will through this file. */
bool map_file_refused(const struct map_file *file);
/* Whether the file goes on without its name: of a kind that does not know a file by that alone. */
bool map_file_outlives(const struct map_file *file);
/*
 * For a file that no name leads to any more: what it is now, its time, and one more handle of it. ESTALE: its
 * kind knows a file only by its name.
 */
int map_file_stat(struct map_file *file, struct map_attr *ret);
int map_file_set_mtime(struct map_file *file, const struct map_caller *caller, int64_t mtime_ns);
int map_file_again(struct map_file *file, const struct map_caller *caller, int flags, struct map_file **ret,
	struct map_attr *ret_attr);
/* What the file's name shows now, as far as this file knows: the attributes after its last own commit (or as
 * opened; size 0 for a new name). */
void map_file_attr(const struct map_file *file, struct map_attr *ret);

/* Whether the file has text that is not put, be it empty: its size. */
bool map_file_draft(struct map_file *file, uint64_t *ret);
/* A new name that is not put yet: it exists only through this file. */
bool map_file_pending(const struct map_file *file);
/* Puts a pending name that was never written to as an item of its key attributes; otherwise nothing. */
int map_file_settle(struct map_file *file, const struct map_caller *caller);
/* A time is set: what was edited in place and is not put yet has it when it is, unless it is edited again. */
void map_file_set_draft_mtime(struct map_file *file, int64_t mtime_ns);
/* Unless something is written yet, nothing is to come of a pending name. */
void map_file_forgo(struct map_file *file);
/* The front end's own mark on a file. */
void map_file_set_owner(struct map_file *file, void *owner);
void *map_file_owner(const struct map_file *file);

int map_sync(struct map *map, const struct map_caller *caller);

#endif
