/* Names: lookup and forget, and the requests that make, remove and move names. */
#include "fs/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int fs_lookup(fuse_req_t req, struct fs_node *parent, const char *name, uint64_t changes, int error,
	struct map_attr *attr, struct fs_node **ret)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	struct fs_node *node;
	char path[MAP_PATH_MAX];

	pthread_mutex_lock(&fs->nodes.lock);
	if (fs_node_path(parent, name, path))
		error = fs_ask_again(fs, &caller, path, changes, error, attr);
	if (!error) {
		node = fs_node_find(&fs->nodes, parent, name);
		*ret = fs_node_adopt(&fs->nodes, parent, name, attr);
		/* Somebody reads the old text: the kernel must not take its attributes for the name's. */
		if (node && node != *ret)
			fs_notify_attributes(fs, node);
		error = *ret ? 0 : ENOMEM;
	} else if (error == ENOENT) {
		*ret = fs_node_find(&fs->nodes, parent, name);
		if (*ret && (*ret)->fresh)
			error = 0;
		else if (*ret)
			fs_notify_stale(fs, *ret);
	}
	if (error)
		pthread_mutex_unlock(&fs->nodes.lock);
	return error;
}

void fs_entry_of(struct fs *fs, struct fs_node *node, struct fuse_entry_param *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->ino = fs_number_of(fs, node);
	fs_size_told(node);
	ret->attr_timeout = fs_timeout(node);
	ret->entry_timeout = fs_node_told(node->parent) ? fs_node_lasts(node, FS_LONG_TIMEOUT) : 0;
	fs_stat_of(fs, node, &ret->attr);
	node->lookups++;
}

/* With the nodes' lock held. */
static void forget(struct fs *fs, fuse_ino_t ino, uint64_t lookups)
{
	if (ino != FUSE_ROOT_ID)
		fs_node_forget(&fs->nodes, fs_node_of(fs, ino), lookups);
}

void fs_forget(struct fs *fs, fuse_ino_t ino, uint64_t lookups)
{
	pthread_mutex_lock(&fs->nodes.lock);
	forget(fs, ino, lookups);
	pthread_mutex_unlock(&fs->nodes.lock);
}

/*
 * Who wants to read and was sent back gets a node of his own, also when nobody writes just now: somebody may
 * before he opens it. The name does not lead there, and the kernel asks again before it uses it a second
 * time.
 */
static struct fs_node *step_aside(struct fs *fs, struct fs_node *node, struct fs_node *parent,
	const char *name, const struct map_attr *attr, pid_t thread)
{
	struct fs_node *aside = NULL;

	fs_clash_looks(&fs->clashes, thread);
	if (fs_node_of_version(node) && fs_clash_of_reader(&fs->clashes, node, thread))
		aside = fs_node_aside(&fs->nodes, parent, name, attr);
	return aside ? aside : node;
}

/*
 * Answers with the name; else an error is the caller's to answer. An absence is an error, which the kernel
 * does not remember: it could not be told soon enough of a name that comes to exist by another path.
 */
static int tell_name(fuse_req_t req, fuse_ino_t parent, const char *name, const char *path)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	struct fuse_entry_param entry;
	struct map_attr attr;
	struct fs_node *node;
	uint64_t changes = fs->nodes.changes;
	int error = map_stat(fs->map, &caller, path, &attr);

	error = fs_lookup(req, fs_node_of(fs, parent), name, changes, error, &attr, &node);
	if (error)
		return error;
	node = step_aside(fs, node, fs_node_of(fs, parent), name, &attr, caller.pid);
	fs_entry_of(fs, node, &entry);
	if (!node->attached)
		entry.attr_timeout = entry.entry_timeout = 0;
	pthread_mutex_unlock(&fs->nodes.lock);
	if (fuse_reply_entry(req, &entry) == -ENOENT)
		fs_forget(fs, entry.ino, 1);
	return 0;
}

void fs_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	char path[MAP_PATH_MAX];
	int error;

	(void)fs_surplus_return(fs_of(req));
	if (!fs_path(req, parent, name, path))
		return;
	error = tell_name(req, parent, name, path);
	if (error)
		fuse_reply_err(req, error);
}

void fs_op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	fs_forget(fs_of(req), ino, lookups);
	fuse_reply_none(req);
}

void fs_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct fs *fs = fs_of(req);

	pthread_mutex_lock(&fs->nodes.lock);
	for (size_t i = 0; i < count; i++)
		forget(fs, forgets[i].ino, forgets[i].nlookup);
	pthread_mutex_unlock(&fs->nodes.lock);
	fuse_reply_none(req);
}

void fs_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	char path[MAP_PATH_MAX];
	int error;

	(void)mode;
	if (!fs_path(req, parent, name, path))
		return;
	error = map_mkdir(fs->map, &caller, path);
	if (!error) {
		error = tell_name(req, parent, name, path);
		if (error) /* nobody is to find what he was told is not there */
			(void)map_rmdir(fs->map, &caller, path);
	}
	if (error)
		fuse_reply_err(req, error);
}

static struct fs_node *hold(struct fs *fs, fuse_ino_t parent, const char *name)
{
	struct fs_node *node = fs_node_find(&fs->nodes, fs_node_of(fs, parent), name);

	if (node) {
		fs_node_ref(&fs->nodes, node);
		node->moving = true;
	}
	return node;
}

static void let_go(struct fs *fs, struct fs_node *node)
{
	if (!node)
		return;
	node->moving = false;
	fs_node_unref(&fs->nodes, node);
}

/* The kernel forgets the name and all below it by itself. Told to, it might do so when there is another one
 * already. */
static struct fs_node *hold_whole(struct fs *fs, fuse_ino_t parent, const char *name)
{
	const struct fs_node *node = fs_node_find(&fs->nodes, fs_node_of(fs, parent), name);

	return node && node->whole ? hold(fs, parent, name) : NULL;
}

void fs_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	char path[MAP_PATH_MAX];
	struct fs_node *node;
	int error;

	if (!fs_path(req, parent, name, path))
		return;
	pthread_mutex_lock(&fs->nodes.lock);
	node = hold_whole(fs, parent, name);
	pthread_mutex_unlock(&fs->nodes.lock);
	error = map_rmdir(fs->map, &caller, path);
	pthread_mutex_lock(&fs->nodes.lock);
	if (node && !error && node->attached)
		fs_node_detach(&fs->nodes, node);
	let_go(fs, node);
	pthread_mutex_unlock(&fs->nodes.lock);
	fuse_reply_err(req, error);
}

void fs_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	char path[MAP_PATH_MAX];
	struct fs_node *node;
	int error;

	if (!fs_path(req, parent, name, path))
		return;
	/* A name that exists only by its creator's handle: it becomes what it would become, and goes. */
	pthread_mutex_lock(&fs->nodes.lock);
	node = fs_node_find(&fs->nodes, fs_node_of(fs, parent), name);
	if (node)
		fs_node_ref(&fs->nodes, node);
	pthread_mutex_unlock(&fs->nodes.lock);
	error = node ? fs_settle_created(fs, node, &caller) : 0;
	if (!error)
		error = map_unlink(fs->map, &caller, path);
	if (node) {
		pthread_mutex_lock(&fs->nodes.lock);
		if (!error && node->attached)
			fs_node_detach(&fs->nodes, node);
		fs_node_unref(&fs->nodes, node);
		pthread_mutex_unlock(&fs->nodes.lock);
	}
	fuse_reply_err(req, error);
}

/*
 * A node goes with the name, as the kernel's entry does. Where somebody reads the old text it is of no more
 * use for the new name, but what the kernel asks of it until it looks again must not lead to the old name.
 */
static void move_node(struct fs *fs, struct fs_node *node, struct fs_node *parent, const char *name)
{
	struct map_caller nobody = {0};
	char path[MAP_PATH_MAX];
	struct map_attr attr;

	fs_node_detach(&fs->nodes, node);
	if (!fs_node_move(&fs->nodes, node, parent, name))
		*node->name = 0; /* no memory: it leads nowhere */
	node->fresh = false;
	if (node->whole) {
		/* The kernel has what was below under the new name, where there is nothing. */
		fs_notify_entry(fs, parent, name);
		return;
	}
	if (!node->readers && fs_node_path(node, NULL, path) && !map_stat(fs->map, &nobody, path, &attr)) {
		node->attached = true;
		fs_node_set(node, &attr);
		fs_node_touch(&fs->nodes, node);
	} else {
		fs_notify_entry(fs, parent, name);
	}
	fs_notify_attributes(fs, node);
}

/*
 * What was put past the name detached its node, and the kernel may not have looked the name up since: then it
 * is a detached node that has the new name now.
 */
static void move_detached(struct fs *fs, struct fs_node *parent, const char *name, struct fs_node *new_parent,
	const char *new_name, bool exchange)
{
	if (!fs_node_move_detached(&fs->nodes, parent, name, new_parent, new_name, exchange))
		return;
	fs_notify_entry(fs, new_parent, new_name);
	if (exchange)
		fs_notify_entry(fs, parent, name);
}

static void move_names(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	char from[MAP_PATH_MAX], to[MAP_PATH_MAX];
	struct fs_node *source, *target;
	int error = 0;

	if (!fs_path(req, parent, name, from) || !fs_path(req, new_parent, new_name, to))
		return;
	pthread_mutex_lock(&fs->nodes.lock);
	source = hold(fs, parent, name);
	target = hold(fs, new_parent, new_name);
	pthread_mutex_unlock(&fs->nodes.lock);

	if (source)
		error = fs_settle_created(fs, source, &caller);
	if (!error)
		error = map_rename(fs->map, &caller, from, to, flags);

	pthread_mutex_lock(&fs->nodes.lock);
	if (!error && strcmp(from, to))
		move_detached(fs, fs_node_of(fs, parent), name, fs_node_of(fs, new_parent), new_name,
			flags & RENAME_EXCHANGE);
	if (!error && target && target != source) {
		fs_node_detach(&fs->nodes, target);
		fs_notify_attributes(fs, target);
	}
	if (!error && source && target != source)
		move_node(fs, source, fs_node_of(fs, new_parent), new_name);
	if (!error && target && target != source && flags & RENAME_EXCHANGE)
		move_node(fs, target, fs_node_of(fs, parent), name);
	let_go(fs, source);
	let_go(fs, target);
	pthread_mutex_unlock(&fs->nodes.lock);
	fuse_reply_err(req, error);
}

/* What the kernel knows and we do not may be a directory as well. What leaves all below it behind changes no
 * path. */
static bool may_be_directory(struct fs *fs, fuse_ino_t parent, const char *name)
{
	pthread_mutex_lock(&fs->nodes.lock);
	const struct fs_node *node = fs_node_find(&fs->nodes, fs_node_of(fs, parent), name);
	bool directory = !node || (node->directory && !node->whole);
	pthread_mutex_unlock(&fs->nodes.lock);
	return directory;
}

void fs_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags)
{
	struct fs *fs = fs_of(req);

	if (may_be_directory(fs, parent, name))
		pthread_rwlock_wrlock(&fs->paths);
	else
		pthread_rwlock_rdlock(&fs->paths);
	move_names(req, parent, name, new_parent, new_name, flags);
	pthread_rwlock_unlock(&fs->paths);
}

void fs_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	char path[MAP_PATH_MAX];
	int error;

	(void)device;
	if (!S_ISREG(mode)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	if (!fs_path(req, parent, name, path))
		return;
	error = map_make(fs->map, &caller, path);
	if (!error)
		error = tell_name(req, parent, name, path);
	if (error)
		fuse_reply_err(req, error);
}

void fs_op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	(void)link, (void)parent, (void)name;
	fuse_reply_err(req, EPERM);
}

void fs_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino, (void)parent, (void)name;
	fuse_reply_err(req, EPERM);
}
