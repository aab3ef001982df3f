/*
 * Inside fs/: the session, what its handlers share, and the reply helpers. A handler takes a fuse_req_t, asks
 * the map without holding the nodes' lock, and answers exactly once.
 */
#ifndef FS_SESSION_H
#define FS_SESSION_H

#define FUSE_USE_VERSION 312

#include "fs/clash.h"
#include "fs/fs.h"
#include "fs/guard.h"
#include "fs/node.h"
#include "fs/notify.h"
#include "fs/parked.h"
#include "fs/surplus.h"
#include "fs/transport.h"
#include "mapping/map.h"

#include <fuse3/fuse_lowlevel.h>

/* The kernel is told of every change, so what it knows may last. */
#define FS_LONG_TIMEOUT 1e6 /* seconds */

struct fs {
	struct fs_options options;
	struct fuse_session *session;
	struct map *map;
	struct fs_nodes nodes;
	struct fs_clashes clashes;
	struct fs_notifier notifier;
	struct fs_parked parked;
	struct fs_counts counts;
	struct fs_handle *opened;  /* all handles; under the nodes' lock */
	struct fs_handle *created; /* those of new names that are not put yet */
	/* Shared by all requests that act on paths; the rename of a directory, which changes those of all
	 * below, has it alone. Taken before all other locks. */
	pthread_rwlock_t paths;
	bool mounted, handles_signals, can_prune;
	pid_t guard;
};

/* An open file, in fuse_file_info.fh. */
struct fs_handle {
	struct fs_node *node; /* a reference */
	struct map_file *file;
	uint32_t references; /* the open file, and whoever settles it; under the nodes' lock */
	uint64_t version;    /* of the text that it opened, or put last */
	int64_t mtime_ns;    /* as the version */
	atomic_int writer;   /* the thread that opened it, or wrote last; 0: it was closed since */
	bool writes, cached;
	struct fs_waiting *polled; /* who waits to tell the kernel that it can be read; under the parked's lock */
	struct fs_handle *next, **link; /* among all */
	struct fs_handle *next_created, **link_created;
};

static inline struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct fs_node *fs_node_of(struct fs *fs, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? fs->nodes.root : (struct fs_node *)(uintptr_t)ino;
}

static inline fuse_ino_t fs_number_of(const struct fs *fs, const struct fs_node *node)
{
	return node == fs->nodes.root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)node;
}

static inline struct fs_handle *fs_handle_of(const struct fuse_file_info *fi)
{
	return (struct fs_handle *)(uintptr_t)fi->fh;
}

struct map_caller fs_caller(fuse_req_t req);

/* The path of a directory (and a name in it) that a request speaks of; what else there is to answer the
 * request is answered, and false comes back. */
bool fs_path(fuse_req_t req, fuse_ino_t ino, const char *name, char ret[MAP_PATH_MAX]);
/* The same of a node itself; one that is detached stands for its name, as it does in getattr. */
bool fs_path_of(fuse_req_t req, fuse_ino_t ino, char ret[MAP_PATH_MAX]);

/* The kernel is being told the node's size; while somebody may write it takes its own. */
void fs_size_told(struct fs_node *node);
/* How long the kernel may keep what it is told of this node. */
double fs_timeout(const struct fs_node *node);
void fs_stat_of(const struct fs *fs, const struct fs_node *node, struct stat *ret);
/* Takes a lookup for the kernel. With the nodes' lock held. */
void fs_entry_of(struct fs *fs, struct fs_node *node, struct fuse_entry_param *ret);
void fs_forget(struct fs *fs, fuse_ino_t ino, uint64_t lookups);
/*
 * What the map says of a path can be put into a node only if no change was told since it was asked: that one
 * would be lost. So who asks the map without the nodes' lock notes `changes` before, and with the lock asks
 * again if they have risen.
 */
int fs_ask_again(struct fs *fs, const struct map_caller *caller, const char *path, uint64_t changes,
	int error, struct map_attr *attr);
/* Looks at what the map said of a name and gives the node; ENOENT. Takes the nodes' lock, and leaves it held
 * on success. */
int fs_lookup(fuse_req_t req, struct fs_node *parent, const char *name, uint64_t changes, int error,
	struct map_attr *attr, struct fs_node **ret);

/*
 * After a call that may have put something through this handle: the node shows it. `by_write`: the kernel
 * forgets the attributes by itself.
 */
void fs_handle_settle(struct fs *fs, struct fs_handle *handle, bool by_write);
/* Drops a reference; the last one releases the file. */
void fs_handle_put(struct fs *fs, struct fs_handle *handle, const struct map_caller *caller);
/* A reference to an open handle of a node without a version that its name no longer leads to: what is asked
 * of it is for the handle's file to answer. NULL: there is none. */
struct fs_handle *fs_handle_beyond(struct fs *fs, const struct fs_node *node);
/*
 * A reference to the only open handle of a node when it is this caller who writes by it: what is not put yet
 * is shown to nobody else. NULL: there is none.
 */
struct fs_handle *fs_handle_drafting(
	struct fs *fs, const struct fs_node *node, const struct map_caller *caller);
/* Releases what is still open when the session is over. */
void fs_handles_close(struct fs *fs);
/* Puts a new name that nobody has written to yet: somebody wants to act on it. */
int fs_settle_created(struct fs *fs, struct fs_node *node, const struct map_caller *caller);

/* Reads and answers. False: there is nothing yet, and no answer. */
bool fs_read_now(fuse_req_t req, struct fs_handle *handle, size_t size, uint64_t offset);

/* The handlers, by file. */
void fs_op_lookup(fuse_req_t, fuse_ino_t, const char *);
void fs_op_forget(fuse_req_t, fuse_ino_t, uint64_t);
void fs_op_forget_multi(fuse_req_t, size_t, struct fuse_forget_data *);
void fs_op_getattr(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void fs_op_access(fuse_req_t req, fuse_ino_t ino, int mask);
void fs_op_setattr(fuse_req_t, fuse_ino_t, struct stat *, int, struct fuse_file_info *);
void fs_op_statfs(fuse_req_t, fuse_ino_t);
void fs_op_opendir(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void fs_op_readdir(fuse_req_t, fuse_ino_t, size_t, off_t, struct fuse_file_info *);
void fs_op_readdirplus(fuse_req_t, fuse_ino_t, size_t, off_t, struct fuse_file_info *);
void fs_op_releasedir(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void fs_op_fsyncdir(fuse_req_t, fuse_ino_t, int, struct fuse_file_info *);
void fs_op_mkdir(fuse_req_t, fuse_ino_t, const char *, mode_t);
void fs_op_rmdir(fuse_req_t, fuse_ino_t, const char *);
void fs_op_unlink(fuse_req_t, fuse_ino_t, const char *);
void fs_op_rename(fuse_req_t, fuse_ino_t, const char *, fuse_ino_t, const char *, unsigned);
void fs_op_mknod(fuse_req_t, fuse_ino_t, const char *, mode_t, dev_t);
void fs_op_symlink(fuse_req_t, const char *, fuse_ino_t, const char *);
void fs_op_link(fuse_req_t, fuse_ino_t, fuse_ino_t, const char *);
void fs_op_open(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void fs_op_create(fuse_req_t, fuse_ino_t, const char *, mode_t, struct fuse_file_info *);
void fs_op_read(fuse_req_t, fuse_ino_t, size_t, off_t, struct fuse_file_info *);
void fs_op_poll(fuse_req_t, fuse_ino_t, struct fuse_file_info *, struct fuse_pollhandle *);
void fs_op_write(fuse_req_t, fuse_ino_t, const char *, size_t, off_t, struct fuse_file_info *);
void fs_op_flush(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void fs_op_fsync(fuse_req_t, fuse_ino_t, int, struct fuse_file_info *);
void fs_op_release(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void fs_op_getxattr(fuse_req_t, fuse_ino_t, const char *, size_t);
void fs_op_setxattr(fuse_req_t, fuse_ino_t, const char *, const char *, size_t, int);
void fs_op_listxattr(fuse_req_t, fuse_ino_t, size_t);
void fs_op_removexattr(fuse_req_t, fuse_ino_t, const char *);

#endif
