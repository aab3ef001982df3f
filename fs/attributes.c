/* Attributes of nodes: stat, the times and sizes that callers set, statfs. */
#include "fs/session.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

void fs_size_told(struct fs_node *node)
{
	if (!node->writers)
		node->unsized = false;
}

double fs_timeout(const struct fs_node *node)
{
	if (node->unsized)
		return 0;
	/* Scratch files have no version and streams no length; the rest changes only with our telling. */
	bool lasting = node->directory || (node->version && !node->volatile_) || node->fresh;
	return lasting ? fs_node_lasts(node, FS_LONG_TIMEOUT) : 0;
}

void fs_stat_of(const struct fs *fs, const struct fs_node *node, struct stat *ret)
{
	mode_t mode = node->directory ? S_IFDIR | (node->writable ? 0777 : 0555)
				      : S_IFREG | (node->writable ? 0666 : 0444);

	memset(ret, 0, sizeof *ret);
	ret->st_ino = node->ino;
	ret->st_mode = node->owned ? mode & ~(mode_t)0077 : mode & ~fs->options.umask;
	ret->st_nlink = node->attached || !node->handles;
	ret->st_uid = node->owned ? node->owner : fs->options.uid;
	ret->st_gid = fs->options.gid;
	ret->st_size = (off_t)node->size;
	ret->st_blocks = (blkcnt_t)((node->size + 511) / 512);
	ret->st_blksize = 4096;
	ret->st_mtim.tv_sec = node->mtime_ns / 1000000000;
	ret->st_mtim.tv_nsec = node->mtime_ns % 1000000000;
	if (ret->st_mtim.tv_nsec < 0) {
		ret->st_mtim.tv_nsec += 1000000000;
		ret->st_mtim.tv_sec--;
	}
	ret->st_atim = ret->st_ctim = ret->st_mtim;
}

/* An item's node tells its attributes by itself: every change of the item changes or detaches it. */
static bool knows_itself(const struct fs_node *node)
{
	return node->version || node->fresh;
}

/* What an open file without a name is now, in its node. */
static void look_beyond(struct fs *fs, struct fs_node *node, const struct map_caller *caller)
{
	struct fs_handle *handle = fs_handle_beyond(fs, node);
	struct map_attr attr;

	if (!handle)
		return;
	if (!map_file_stat(handle->file, &attr)) {
		pthread_mutex_lock(&fs->nodes.lock);
		fs_node_set(node, &attr);
		pthread_mutex_unlock(&fs->nodes.lock);
	}
	fs_handle_put(fs, handle, caller);
}

/*
 * The node's attributes, with the lock taken and left held on success. A detached node that somebody holds
 * open shows what it was; one that nobody does was merely overtaken between a lookup and this question, and
 * answers for its name: ESTALE would be retried once only.
 */
static int look(struct fs *fs, fuse_ino_t ino, const struct map_caller *caller, struct fs_node **ret)
{
	struct fs_node *node = fs_node_of(fs, ino);
	char path[MAP_PATH_MAX];
	struct map_attr attr;
	uint64_t changes = fs->nodes.changes;
	bool gone;
	int error;

	look_beyond(fs, node, caller);
	pthread_mutex_lock(&fs->nodes.lock);
	*ret = node;
	if (node->attached ? knows_itself(node) : node->handles > 0 && !node->refused)
		return 0;
	if (!fs_node_path(node, NULL, path)) {
		pthread_mutex_unlock(&fs->nodes.lock);
		return ESTALE;
	}
	fs_node_ref(&fs->nodes, node);
	pthread_mutex_unlock(&fs->nodes.lock);

	error = map_stat(fs->map, caller, path, &attr);
	pthread_mutex_lock(&fs->nodes.lock);
	error = fs_ask_again(fs, caller, path, changes, error, &attr);
	/* Gone is gone; but where the kernel asks for an open that may create, it must look again. */
	gone = error == ENOENT;
	if (gone && fs->options.allow_other)
		error = ESTALE;
	if (!error && attr.directory != node->directory)
		error = ESTALE;
	if ((gone || error == ESTALE) && node->attached)
		fs_notify_stale(fs, node);
	if (!error && !node->handles)
		fs_node_revive(&fs->nodes, node);
	if (!error && (node->attached || !node->handles))
		fs_node_set(node, &attr);
	fs_node_unref(&fs->nodes, node);
	if (error)
		pthread_mutex_unlock(&fs->nodes.lock);
	return error;
}

enum { NO_DRAFT = -1 };

/*
 * What the only writer has made of a file and not put yet: he sees its size, as on any filesystem. Others see
 * what is put: an item that is being rewritten must not look empty to them.
 */
static int64_t draft_size(struct fs *fs, const struct fs_node *node, const struct map_caller *caller)
{
	struct fs_handle *handle = fs_handle_drafting(fs, node, caller);
	int64_t size = NO_DRAFT;
	uint64_t draft;

	if (!handle)
		return NO_DRAFT;
	if (map_file_draft(handle->file, &draft))
		size = (int64_t)draft;
	fs_handle_put(fs, handle, caller);
	return size;
}

static void show_draft(struct fs_node *node, int64_t size, struct stat *st)
{
	st->st_size = size;
	st->st_blocks = (size + 511) / 512;
	node->unsized = true;
}

/* With the nodes' lock held, which is dropped. */
static void reply_attributes(fuse_req_t req, struct fs *fs, struct fs_node *node, int64_t draft, bool lasting)
{
	struct stat st;
	fs_size_told(node);
	/* A detached node is told of nothing. */
	double timeout = lasting && node->attached ? fs_timeout(node) : 0;

	fs_stat_of(fs, node, &st);
	if (draft != NO_DRAFT)
		show_draft(node, draft, &st);
	pthread_mutex_unlock(&fs->nodes.lock);
	fuse_reply_attr(req, &st, draft == NO_DRAFT ? timeout : 0);
}

void fs_op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	struct fs_node *node;
	int64_t draft = draft_size(fs, fs_node_of(fs, ino), &caller);
	int error = look(fs, ino, &caller, &node);

	(void)fi;
	if (error)
		fuse_reply_err(req, error);
	else
		reply_attributes(req, fs, node, draft, true);
}

/*
 * access(2) on a mount that is its caller's alone: where others are let in the kernel itself judges by owner
 * and mode. Nothing here is a program, and what cannot be opened for writing is not writable to root either.
 */
void fs_op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct fs *fs = fs_of(req);
	struct fs_node *node = fs_node_of(fs, ino);
	bool denied;

	pthread_mutex_lock(&fs->nodes.lock);
	denied = (mask & X_OK && !node->directory) || (mask & W_OK && !node->writable);
	pthread_mutex_unlock(&fs->nodes.lock);
	fuse_reply_err(req, denied ? EACCES : 0);
}

/* A size set by name: open, truncate, close. */
static int truncate_path(struct fs *fs, const char *path, const struct map_caller *caller, uint64_t size)
{
	struct map_file *file;
	struct map_attr attr;
	int error = map_open(fs->map, caller, path, O_RDWR, &file, &attr), later;

	if (error)
		return error;
	error = map_file_truncate(file, caller, size);
	if (!error)
		error = map_file_flush(file, caller);
	later = map_file_release(file, caller);
	return error ? error : later;
}

static int set_size(struct fs *fs, struct fs_handle *handle, const char *path,
	const struct map_caller *caller, uint64_t size)
{
	int error;

	if (!handle || !handle->writes)
		return truncate_path(fs, path, caller, size);
	handle->writer = caller->pid;
	error = map_file_truncate(handle->file, caller, size);
	fs_handle_settle(fs, handle, false);
	return error;
}

/* Of an open file without a name; ESTALE: it is a name's. */
static int set_mtime_beyond(
	struct fs *fs, const struct fs_node *node, const struct map_caller *caller, int64_t mtime_ns)
{
	struct fs_handle *handle = fs_handle_beyond(fs, node);
	int error = ESTALE;

	if (handle) {
		error = map_file_set_mtime(handle->file, caller, mtime_ns);
		fs_handle_put(fs, handle, caller);
	}
	return error;
}

/* The time is also that of the text which its only writer has edited in place. */
static void set_draft_mtime(
	struct fs *fs, const struct fs_node *node, const struct map_caller *caller, int64_t mtime_ns)
{
	struct fs_handle *handle = fs_handle_drafting(fs, node, caller);

	if (!handle)
		return;
	map_file_set_draft_mtime(handle->file, mtime_ns);
	fs_handle_put(fs, handle, caller);
}

static int set_mtime(struct fs *fs, struct fs_node *node, const char *path, const struct map_caller *caller,
	int64_t mtime_ns)
{
	struct fs_node *shown;
	uint64_t version = 0;
	bool attached;
	int error = set_mtime_beyond(fs, node, caller, mtime_ns);

	if (error != ESTALE)
		return error;
	error = fs_settle_created(fs, node, caller);
	if (error)
		return error;
	set_draft_mtime(fs, node, caller, mtime_ns);
	pthread_mutex_lock(&fs->nodes.lock);
	attached = node->attached;
	if (attached)
		version = node->version;
	pthread_mutex_unlock(&fs->nodes.lock);
	/* Without the name any more, the name is meant: the kernel does not say whether it was given a file
	 * or a path that it has not looked up since. */
	error = map_set_mtime(fs->map, caller, path, mtime_ns, version);
	if (error)
		return error == ENOENT && !attached ? 0 : error;
	pthread_mutex_lock(&fs->nodes.lock);
	shown = fs_node_at(&fs->nodes, path);
	if (shown && shown != node)
		fs_notify_stale(fs, shown);
	if (!attached || node->version == version)
		node->mtime_ns = mtime_ns;
	pthread_mutex_unlock(&fs->nodes.lock);
	return 0;
}

/* A time beyond the years 1677 to 2262 becomes the nearest that can be kept, as on other filesystems. */
static int64_t wanted_mtime(const struct stat *st, int to_set)
{
	struct timespec now;
	int64_t ns;

	if (!(to_set & FUSE_SET_ATTR_MTIME_NOW)) {
		if (__builtin_mul_overflow(st->st_mtim.tv_sec, INT64_C(1000000000), &ns) ||
			__builtin_add_overflow(ns, st->st_mtim.tv_nsec, &ns))
			ns = st->st_mtim.tv_sec < 0 ? INT64_MIN : INT64_MAX;
		return ns;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A node that nobody holds open and that was overtaken on the way here answers for its name. */
static int node_path(
	struct fs *fs, struct fs_node *node, const struct map_caller *caller, char ret[MAP_PATH_MAX])
{
	bool overtaken, fits;
	int error;

	pthread_mutex_lock(&fs->nodes.lock);
	overtaken = !node->attached && !node->handles;
	fits = fs_node_path(node, NULL, ret);
	pthread_mutex_unlock(&fs->nodes.lock);
	if (!fits)
		return ENAMETOOLONG;
	if (!overtaken)
		return 0;
	error = look(fs, fs_number_of(fs, node), caller, &node);
	if (!error)
		pthread_mutex_unlock(&fs->nodes.lock);
	return error;
}

/* Owner and mode are the mount's: setting them succeeds and does nothing. */
void fs_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	struct fs_handle *handle = fi ? (struct fs_handle *)(uintptr_t)fi->fh : NULL;
	struct fs_node *node = fs_node_of(fs, ino);
	char path[MAP_PATH_MAX];
	int64_t draft;
	int error;

	/*
	 * The kernel takes the size in our answer as it comes, also when the node has gone on meanwhile: who
	 * opens it from now on must not read by that size.
	 */
	pthread_mutex_lock(&fs->nodes.lock);
	fs_node_contend(&fs->nodes, node, true);
	pthread_mutex_unlock(&fs->nodes.lock);
	error = node_path(fs, node, &caller, path);
	if (!error && to_set & FUSE_SET_ATTR_SIZE)
		error = set_size(fs, handle, path, &caller, (uint64_t)st->st_size);
	if (!error && to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
		error = set_mtime(fs, node, path, &caller, wanted_mtime(st, to_set));
	draft = draft_size(fs, node, &caller);
	if (!error)
		error = look(fs, ino, &caller, &node);
	/*
	 * Other answers the kernel drops when they were overtaken by news; this one it takes in any case.
	 * Should the node by then show another text, to whose readers this size would be its end, they must
	 * ask again.
	 */
	if (error)
		fuse_reply_err(req, error);
	else
		reply_attributes(req, fs, node, draft, handle && handle->writes);
}

void fs_op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	struct statvfs st;

	(void)ino;
	if (statvfs(fs->options.data_path, &st)) {
		fuse_reply_err(req, errno);
		return;
	}
	st.f_namemax = 255;
	fuse_reply_statfs(req, &st);
}
