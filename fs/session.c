#include "fs/session.h"

#include "engine/jsonout.h"

#include <errno.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WORKERS = 16,
	DEFAULT_NODES = 1000000,
};

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fs *fs = userdata;

	/* Our own invalidations are exact; the kernel's guesses by mtime would only cost. */
	conn->want &= ~(unsigned)(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS_AUTO |
				  FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	conn->want |=
		conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_PARALLEL_DIROPS);
	fs->can_prune = conn->proto_minor >= FS_PRUNE_MINOR;
	if (fs->options.ready)
		fs->options.ready(fs->options.context);
}

/* While the rename of a directory changes the paths below it, nobody acts on one. */
#define FILE_INFO struct fuse_file_info *fi
#define SHARED(op, parameters, ...)                                                                          \
	static void shared_##op parameters                                                                   \
	{                                                                                                    \
		struct fs *fs = fs_of(req);                                                                  \
		pthread_rwlock_rdlock(&fs->paths);                                                           \
		fs_op_##op(__VA_ARGS__);                                                                     \
		pthread_rwlock_unlock(&fs->paths);                                                           \
	}

/* clang-format off */
SHARED(lookup, (fuse_req_t req, fuse_ino_t ino, const char *name), req, ino, name)
SHARED(mkdir, (fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode), req, ino, name, mode)
SHARED(mknod, (fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode, dev_t device), req, ino, name, mode, device)
SHARED(rmdir, (fuse_req_t req, fuse_ino_t ino, const char *name), req, ino, name)
SHARED(unlink, (fuse_req_t req, fuse_ino_t ino, const char *name), req, ino, name)
SHARED(getattr, (fuse_req_t req, fuse_ino_t ino, FILE_INFO), req, ino, fi)
SHARED(setattr, (fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, FILE_INFO), req, ino, st, to_set, fi)
SHARED(opendir, (fuse_req_t req, fuse_ino_t ino, FILE_INFO), req, ino, fi)
SHARED(readdir, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, FILE_INFO), req, ino, size, offset, fi)
SHARED(readdirplus, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, FILE_INFO), req, ino, size, offset, fi)
SHARED(fsyncdir, (fuse_req_t req, fuse_ino_t ino, int datasync, FILE_INFO), req, ino, datasync, fi)
SHARED(open, (fuse_req_t req, fuse_ino_t ino, FILE_INFO), req, ino, fi)
SHARED(create, (fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode, FILE_INFO), req, ino, name, mode, fi)
SHARED(read, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, FILE_INFO), req, ino, size, offset, fi)
SHARED(poll, (fuse_req_t req, fuse_ino_t ino, FILE_INFO, struct fuse_pollhandle *told), req, ino, fi, told)
SHARED(write, (fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset, FILE_INFO), req, ino, bytes, size, offset, fi)
SHARED(flush, (fuse_req_t req, fuse_ino_t ino, FILE_INFO), req, ino, fi)
SHARED(fsync, (fuse_req_t req, fuse_ino_t ino, int datasync, FILE_INFO), req, ino, datasync, fi)
SHARED(release, (fuse_req_t req, fuse_ino_t ino, FILE_INFO), req, ino, fi)
SHARED(getxattr, (fuse_req_t req, fuse_ino_t ino, const char *name, size_t size), req, ino, name, size)
SHARED(setxattr, (fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags), req, ino, name, value, size, flags)
SHARED(listxattr, (fuse_req_t req, fuse_ino_t ino, size_t size), req, ino, size)
SHARED(removexattr, (fuse_req_t req, fuse_ino_t ino, const char *name), req, ino, name)
/* clang-format on */

static const struct fuse_lowlevel_ops operations = {
	.init = op_init,
	.lookup = shared_lookup,
	.forget = fs_op_forget,
	.forget_multi = fs_op_forget_multi,
	.getattr = shared_getattr,
	.setattr = shared_setattr,
	.access = fs_op_access,
	.statfs = fs_op_statfs,
	.opendir = shared_opendir,
	.readdir = shared_readdir,
	.readdirplus = shared_readdirplus,
	.releasedir = fs_op_releasedir,
	.fsyncdir = shared_fsyncdir,
	.mkdir = shared_mkdir,
	.rmdir = shared_rmdir,
	.unlink = shared_unlink,
	.rename = fs_op_rename,
	.mknod = shared_mknod,
	.symlink = fs_op_symlink,
	.link = fs_op_link,
	.open = shared_open,
	.create = shared_create,
	.read = shared_read,
	.poll = shared_poll,
	.write = shared_write,
	.flush = shared_flush,
	.fsync = shared_fsync,
	.release = shared_release,
	.getxattr = shared_getxattr,
	.setxattr = shared_setxattr,
	.listxattr = shared_listxattr,
	.removexattr = shared_removexattr,
};

struct map_caller fs_caller(fuse_req_t req)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);

	return (struct map_caller){.uid = context->uid, .gid = context->gid, .pid = context->pid};
}

int fs_ask_again(struct fs *fs, const struct map_caller *caller, const char *path, uint64_t changes,
	int error, struct map_attr *attr)
{
	return changes == fs->nodes.changes ? error : map_stat(fs->map, caller, path, attr);
}

/*
 * A directory whose name went away by another way than a request for it, and may be there again since. ESTALE
 * makes the kernel look again, but once only: where it would find nothing, that can be said at once.
 */
static int revive(struct fs *fs, struct fs_node *node)
{
	const struct map_caller nobody = {0};
	char path[MAP_PATH_MAX];
	struct map_attr attr;

	if (!node->directory || !*node->name || fs_node_find(&fs->nodes, node->parent, node->name) ||
		!fs_node_path(node, NULL, path))
		return ESTALE;
	int error = map_stat(fs->map, &nobody, path, &attr);
	if (error || !attr.directory)
		return error == ENOENT ? ENOENT : ESTALE;
	fs_node_revive(&fs->nodes, node);
	fs_node_set(node, &attr);
	return 0;
}

bool fs_path(fuse_req_t req, fuse_ino_t ino, const char *name, char ret[MAP_PATH_MAX])
{
	struct fs *fs = fs_of(req);
	struct fs_node *node = fs_node_of(fs, ino);

	pthread_mutex_lock(&fs->nodes.lock);
	int error = node->attached ? 0 : revive(fs, node);
	if (!error && !fs_node_path(node, name, ret))
		error = ENAMETOOLONG;
	pthread_mutex_unlock(&fs->nodes.lock);
	if (error)
		fuse_reply_err(req, error);
	return !error;
}

bool fs_path_of(fuse_req_t req, fuse_ino_t ino, char ret[MAP_PATH_MAX])
{
	struct fs *fs = fs_of(req);
	bool fits;

	pthread_mutex_lock(&fs->nodes.lock);
	fits = fs_node_path(fs_node_of(fs, ino), NULL, ret);
	pthread_mutex_unlock(&fs->nodes.lock);
	if (!fits)
		fuse_reply_err(req, ENAMETOOLONG);
	return fits;
}

/* Everything below but `own` may have changed: files are looked up anew, directories stay what they are by
 * name. */
static void changed_below(struct fs *fs, const struct fs_node *above, const struct fs_node *own)
{
	struct fs_nodes *nodes = &fs->nodes;

	for (size_t i = 0; i < nodes->chain_count; i++)
		for (struct fs_node *node = nodes->chains[i]; node; node = node->next) {
			if (!node->attached || node == own || !fs_node_below(node, above))
				continue;
			if (node->directory)
				fs_notify_attributes(fs, node);
			else
				fs_notify_stale(fs, node);
		}
}

void fs_changed(void *context, const char *path, uint64_t version, const struct map_file *by)
{
	struct fs *fs = context;
	struct fs_handle *handle = by ? map_file_owner(by) : NULL;
	struct fs_node *node;

	pthread_mutex_lock(&fs->nodes.lock);
	fs->nodes.changes++;
	node = fs_node_at(&fs->nodes, path);
	if (node && version == UINT64_MAX) {
		changed_below(fs, node, handle ? handle->node : NULL);
	} else if (node && !node->moving && !(handle && handle->node == node)) {
		fs_notify_stale(fs, node);
		/* What comes and goes as a whole is another one when it is there again. */
		if (node->whole)
			fs_notify_entry(fs, node->parent, node->name);
	}
	pthread_mutex_unlock(&fs->nodes.lock);
}

void fs_enter(void *context)
{
	struct fs *fs = context;

	pthread_rwlock_rdlock(&fs->paths);
}

void fs_leave(void *context)
{
	struct fs *fs = context;

	pthread_rwlock_unlock(&fs->paths);
}

void fs_status(void *context, struct ddb_json_out *json)
{
	struct fs *fs = context;
	uint64_t nodes, handles;

	pthread_mutex_lock(&fs->nodes.lock);
	nodes = fs->nodes.count;
	handles = fs->nodes.handles;
	pthread_mutex_unlock(&fs->nodes.lock);
	ddb_json_member_int(json, "nodes", (int64_t)nodes);
	ddb_json_member_int(json, "handles", (int64_t)handles);
	ddb_json_member_int(json, "waiting", (int64_t)fs_parked_count(&fs->parked));
	fs_transport_status(&fs->counts, json);
}

/* Alone with its caller, a mount needs no permission checks, which cost a look at the directory for each new
 * name. */
static bool add_options(char **text, const struct fs_options *options)
{
	static const char others[] = "allow_other,default_permissions";
	char source[4200];
	int length = snprintf(source, sizeof source, "fsname=%s", options->source);

	return length > 0 && (size_t)length < sizeof source &&
	       !fuse_opt_add_opt(text, "nosuid,nodev,subtype=dynamount") &&
	       !fuse_opt_add_opt_escaped(text, source) &&
	       (!options->allow_other || !fuse_opt_add_opt(text, others)) &&
	       (!options->read_only || !fuse_opt_add_opt(text, "ro")) &&
	       (!options->mount_options || !fuse_opt_add_opt(text, options->mount_options));
}

static bool add_arguments(struct fuse_args *args, const struct fs_options *options)
{
	char *text = NULL;
	bool good = add_options(&text, options) && !fuse_opt_add_arg(args, "dynamount") &&
		    !fuse_opt_add_arg(args, "-o") && !fuse_opt_add_arg(args, text) &&
		    (!options->debug || !fuse_opt_add_arg(args, "-d"));

	free(text);
	return good;
}

/* Who renames must not wait until nobody else does anything. */
static void init_paths(pthread_rwlock_t *paths)
{
	pthread_rwlockattr_t attributes;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(paths, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

struct fs *fs_new(const struct fs_options *options)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fs *fs = calloc(1, sizeof *fs);

	if (!fs)
		return NULL;
	fs->options = *options;
	if (!fs->options.nodes)
		fs->options.nodes = DEFAULT_NODES;
	if (!fs_nodes_init(&fs->nodes)) {
		free(fs);
		return NULL;
	}
	init_paths(&fs->paths);
	fs_parked_init(&fs->parked);
	if (add_arguments(&args, options))
		fs->session = fuse_session_new(&args, &operations, sizeof operations, fs);
	fuse_opt_free_args(&args);
	/* From here on a signal is an end with an unmounting, if only as soon as the loop begins. */
	fs->handles_signals = fs->session && !fuse_set_signal_handlers(fs->session);
	if (fs->handles_signals && !fuse_session_mount(fs->session, options->mountpoint)) {
		fs->mounted = true;
		fs->guard = fs_guard_start(options->mountpoint);
		if (fs_transport_install(fs))
			return fs;
	}
	fs_free(fs);
	return NULL;
}

int fs_run(struct fs *fs, struct map *map)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	void *frame;
	int result;

	if (!config)
		return ENOMEM;
	fs->map = map;
	/* The end of the loop cancels threads, for which the C library loads another one, and without that it
	 * ends the process. By then there may be no file or memory to be had; a look at the stack loads it
	 * now. */
	(void)backtrace(&frame, 1);
	fuse_loop_cfg_set_max_threads(config, WORKERS);
	if (!fs_notifier_start(fs)) {
		fuse_loop_cfg_destroy(config);
		return EAGAIN;
	}
	map_watch(map, true);
	result = fuse_session_loop_mt(fs->session, config);
	map_watch(map, false);
	fuse_loop_cfg_destroy(config);
	fs_parked_close(fs);
	fs_notifier_stop(fs);
	fs_handles_close(fs);
	/* Positive: the signal that ended it, an end like any other. */
	return result < 0 ? -result : 0;
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	if (fs->mounted)
		fuse_session_unmount(fs->session);
	fs_guard_stop(fs->guard);
	if (fs->handles_signals)
		fuse_remove_signal_handlers(fs->session);
	if (fs->session)
		fuse_session_destroy(fs->session);
	fs_nodes_done(&fs->nodes);
	fs_parked_done(&fs->parked);
	pthread_rwlock_destroy(&fs->paths);
	free(fs);
}

/* statvfs always asks the process behind a mount; stat may be answered from the kernel's memory of it. A
 * question that meets the death itself ends as aborted. */
static bool is_dead(const char *mountpoint)
{
	struct statvfs st;

	return statvfs(mountpoint, &st) && (errno == ENOTCONN || errno == ECONNABORTED);
}

bool fs_detach_dead(const char *mountpoint)
{
	pid_t child;
	int status;

	while (is_dead(mountpoint))
		if (umount2(mountpoint, MNT_DETACH))
			break;
	if (!is_dead(mountpoint))
		return true;
	/* Without the right to unmount there is a program that has it. */
	child = fork();
	if (child == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", mountpoint, (char *)NULL);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}
