/*
 * The floor under every filesystem in user space: one that does nothing but serve a tree from memory, with
 * all that the protocol offers to save requests. What it takes for a program's work is the kernel's,
 * libfuse's and the program's own time; what dynamount takes beyond is dynamount's.
 *
 *   floor MOUNTPOINT [-s] [-r] [-x] [--load DIRECTORY]
 *     -s  one thread
 *     -r  read-only: open and opendir are answered ENOSYS once and then never asked
 *     -x  extended attributes: none, instead of not supported; the kernel then asks for each file
 *
 * Stays in the foreground; ends with its mount.
 */
#define FUSE_USE_VERSION 312
#include "floor_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FOREVER 1e6 /* seconds: all changes come through the kernel */

enum { STORED_MAX = 32 * 1024 };

static bool single, read_only, with_xattrs;
static struct fuse_session *session;

static struct node *node_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? tree.root : (struct node *)(uintptr_t)ino;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want &= ~(unsigned)(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS_AUTO |
				  FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	conn->want |=
		conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_PARALLEL_DIROPS);
}

/* With the lock, as it counts a lookup. */
static void entry_of(struct node *node, struct fuse_entry_param *ret)
{
	node->lookups++;
	*ret = (struct fuse_entry_param){
		.ino = (uintptr_t)node, .attr = node->st, .attr_timeout = FOREVER, .entry_timeout = FOREVER};
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {.entry_timeout = FOREVER}; /* of a name that is not there, too */
	struct node *node;

	pthread_rwlock_rdlock(&tree.lock);
	node = tree_find(node_of(parent), name);
	if (node)
		entry_of(node, &entry);
	pthread_rwlock_unlock(&tree.lock);
	fuse_reply_entry(req, &entry);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	if (ino != FUSE_ROOT_ID)
		tree_forget(node_of(ino), lookups);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		if (forgets[i].ino != FUSE_ROOT_ID)
			tree_forget(node_of(forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	pthread_rwlock_rdlock(&tree.lock);
	st = node_of(ino)->st;
	pthread_rwlock_unlock(&tree.lock);
	fuse_reply_attr(req, &st, FOREVER);
}

static void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	struct stat st, *own = &node->st;
	struct timespec now;
	bool good;

	(void)fi;
	clock_gettime(CLOCK_REALTIME, &now);
	pthread_rwlock_wrlock(&tree.lock);
	good = !(to_set & FUSE_SET_ATTR_SIZE) || tree_resize(node, (size_t)attr->st_size);
	if (to_set & FUSE_SET_ATTR_MODE)
		own->st_mode = (own->st_mode & S_IFMT) | (attr->st_mode & 07777);
	if (to_set & FUSE_SET_ATTR_UID)
		own->st_uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		own->st_gid = attr->st_gid;
	if (to_set & FUSE_SET_ATTR_ATIME)
		own->st_atim = to_set & FUSE_SET_ATTR_ATIME_NOW ? now : attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME)
		own->st_mtim = to_set & FUSE_SET_ATTR_MTIME_NOW ? now : attr->st_mtim;
	own->st_ctim = now;
	st = *own;
	pthread_rwlock_unlock(&tree.lock);
	if (good)
		fuse_reply_attr(req, &st, FOREVER);
	else
		fuse_reply_err(req, ENOSPC);
}

/* A new node is NULL for want of memory; with the lock for writing. */
static struct node *make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);

	return tree_add(node_of(parent), name, mode, context->uid, context->gid);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fuse_entry_param entry;
	struct node *node;

	pthread_rwlock_wrlock(&tree.lock);
	node = make(req, parent, name, S_IFDIR | (mode & 07777));
	if (node)
		entry_of(node, &entry);
	pthread_rwlock_unlock(&tree.lock);
	if (node)
		fuse_reply_entry(req, &entry);
	else
		fuse_reply_err(req, ENOSPC);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, bool directory)
{
	struct node *node;
	int error = 0;

	pthread_rwlock_wrlock(&tree.lock);
	node = tree_find(node_of(parent), name);
	if (!node)
		error = ENOENT;
	else if (directory && node->count)
		error = ENOTEMPTY;
	else
		tree_remove(node);
	pthread_rwlock_unlock(&tree.lock);
	fuse_reply_err(req, error);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, false);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, true);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags)
{
	struct node *node, *target;
	int error = 0;

	pthread_rwlock_wrlock(&tree.lock);
	node = tree_find(node_of(parent), name);
	target = tree_find(node_of(new_parent), new_name);
	if (!node)
		error = ENOENT;
	else if (flags & ~(unsigned)RENAME_NOREPLACE)
		error = EINVAL;
	else if (target && flags)
		error = EEXIST;
	else if (target && target->count)
		error = ENOTEMPTY;
	if (!error && target)
		tree_remove(target);
	if (!error && !tree_move(node, node_of(new_parent), new_name))
		error = ENOSPC;
	pthread_rwlock_unlock(&tree.lock);
	fuse_reply_err(req, error);
}

static void tell_open(struct fuse_file_info *fi)
{
	fi->keep_cache = true;
	fi->noflush = true;
}

/* The text of a small file goes into the page cache before the answer to the first open: that saves a READ.
 */
static void store(fuse_ino_t ino)
{
	struct node *node = node_of(ino);
	struct fuse_bufvec text = FUSE_BUFVEC_INIT(0);

	pthread_rwlock_rdlock(&tree.lock);
	text.buf[0].size = (size_t)node->st.st_size;
	text.buf[0].mem = node->data;
	if (text.buf[0].size && text.buf[0].size <= STORED_MAX && !atomic_exchange(&node->stored, true))
		(void)fuse_lowlevel_notify_store(session, ino, 0, &text, 0);
	pthread_rwlock_unlock(&tree.lock);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (read_only) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	if (fi->flags & O_TRUNC) {
		pthread_rwlock_wrlock(&tree.lock);
		(void)tree_resize(node_of(ino), 0);
		pthread_rwlock_unlock(&tree.lock);
	} else if ((fi->flags & O_ACCMODE) == O_RDONLY) {
		store(ino);
	}
	tell_open(fi);
	fuse_reply_open(req, fi);
}

static void op_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param entry;
	struct node *node;

	pthread_rwlock_wrlock(&tree.lock);
	node = make(req, parent, name, S_IFREG | (mode & 07777));
	if (node)
		entry_of(node, &entry);
	pthread_rwlock_unlock(&tree.lock);
	tell_open(fi);
	if (node)
		fuse_reply_create(req, &entry, fi);
	else
		fuse_reply_err(req, ENOSPC);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	const struct node *node = node_of(ino);
	size_t from = (size_t)offset, length;

	(void)fi;
	pthread_rwlock_rdlock(&tree.lock);
	length = (size_t)node->st.st_size;
	if (from > length)
		from = length;
	if (size > length - from)
		size = length - from;
	/* Straight from the tree, hence with its lock. */
	fuse_reply_buf(req, size ? node->data + from : NULL, size);
	pthread_rwlock_unlock(&tree.lock);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	size_t end = (size_t)offset + size;
	bool good;

	(void)fi;
	pthread_rwlock_wrlock(&tree.lock);
	good = end <= (size_t)node->st.st_size || tree_resize(node, end);
	if (good)
		memcpy(node->data + offset, data, size);
	clock_gettime(CLOCK_REALTIME_COARSE, &node->st.st_mtim);
	pthread_rwlock_unlock(&tree.lock);
	if (good)
		fuse_reply_write(req, size);
	else
		fuse_reply_err(req, ENOSPC);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino, (void)fi;
	fuse_reply_err(req, 0);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	if (read_only)
		fuse_reply_err(req, ENOSYS);
	else
		fuse_reply_open(req, fi);
}

/* The offsets 1 and 2 are "." and ".."; those of the children are behind their slots. Returns the entry's
 * length, which is more than `room` if it did not fit. */
static size_t add_entry(
	fuse_req_t req, bool plus, char *to, size_t room, const struct node *dir, size_t *offset)
{
	static const char *const dots[] = {".", ".."};
	bool dot = *offset < 2;
	struct node *node = dot ? NULL : dir->children[*offset - 2];
	struct fuse_entry_param entry = {.attr = {.st_ino = dir->st.st_ino, .st_mode = S_IFDIR}};
	const char *name = dot ? dots[*offset] : node ? node->name : NULL;
	off_t next = (off_t)*offset + 1;
	size_t length;

	if (!name) {
		*offset += 1;
		return 0;
	}
	if (!plus) {
		*offset += 1;
		return fuse_add_direntry(req, to, room, name, node ? &node->st : &entry.attr, next);
	}
	length = fuse_add_direntry_plus(req, NULL, 0, name, NULL, 0);
	if (length > room)
		return length;
	if (node)
		entry_of(node, &entry);
	*offset += 1;
	return fuse_add_direntry_plus(req, to, room, name, &entry, next);
}

static void read_directory(fuse_req_t req, fuse_ino_t ino, size_t size, off_t from, bool plus)
{
	const struct node *dir = node_of(ino);
	char *reply = malloc(size);
	size_t length = 0, added, offset = (size_t)from;

	if (!reply) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	pthread_rwlock_rdlock(&tree.lock);
	while (offset < dir->slots + 2) {
		added = add_entry(req, plus, reply + length, size - length, dir, &offset);
		if (added > size - length)
			break;
		length += added;
	}
	pthread_rwlock_unlock(&tree.lock);
	fuse_reply_buf(req, reply, length);
	free(reply);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	(void)fi;
	read_directory(req, ino, size, offset, false);
}

static void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	(void)fi;
	read_directory(req, ino, size, offset, true);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	(void)ino, (void)name, (void)size;
	fuse_reply_err(req, with_xattrs ? ENODATA : ENOSYS);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = {.f_bsize = 4096, .f_frsize = 4096, .f_blocks = 1 << 20, .f_namemax = 255};

	(void)ino;
	st.f_bfree = st.f_bavail = st.f_blocks;
	fuse_reply_statfs(req, &st);
}

static const struct fuse_lowlevel_ops operations = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.open = op_open,
	.create = op_create,
	.read = op_read,
	.write = op_write,
	.release = op_release,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.getxattr = op_getxattr,
	.statfs = op_statfs,
};

static int serve(const char *mountpoint)
{
	char options[] = "fsname=floor,subtype=floor,nosuid,nodev";
	char *arguments[] = {"floor", "-o", options, read_only ? "-oro" : NULL, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(read_only ? 4 : 3, arguments);
	session = fuse_session_new(&args, &operations, sizeof operations, NULL);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int result = -1;

	if (session && config && !fuse_set_signal_handlers(session) &&
		!fuse_session_mount(session, mountpoint)) {
		result = single ? fuse_session_loop(session) : fuse_session_loop_mt(session, config);
		fuse_session_unmount(session);
	}
	if (session)
		fuse_session_destroy(session);
	fuse_loop_cfg_destroy(config);
	return result < 0;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {{"load", required_argument, NULL, 'l'}, {0}};
	const char *load = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "srx", long_options, NULL)) != -1) {
		if (option == '?')
			return 2;
		single |= option == 's';
		read_only |= option == 'r';
		with_xattrs |= option == 'x';
		if (option == 'l')
			load = optarg;
	}
	if (optind != argc - 1) {
		fputs("usage: floor MOUNTPOINT [-s] [-r] [-x] [--load DIRECTORY]\n", stderr);
		return 2;
	}
	if (!tree_init() || (load && !tree_load(load))) {
		fprintf(stderr, "floor: %s: %s\n", load ? load : "memory", strerror(errno));
		return 1;
	}
	return serve(argv[optind]);
}
