/* Reading directories. An open directory is the map's; with READDIRPLUS each entry comes with a node, as if
 * it had been looked up. */
#include "fs/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct open_directory {
	struct map_dir *dir;
	struct fs_node *node; /* a reference */
};

static struct open_directory *directory_of(const struct fuse_file_info *fi)
{
	return (struct open_directory *)(uintptr_t)fi->fh;
}

static void close_directory(struct fs *fs, struct open_directory *directory)
{
	map_dir_free(directory->dir);
	pthread_mutex_lock(&fs->nodes.lock);
	fs_node_unref(&fs->nodes, directory->node);
	fs->nodes.handles--;
	pthread_mutex_unlock(&fs->nodes.lock);
	free(directory);
}

void fs_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	char path[MAP_PATH_MAX];
	struct open_directory *directory;
	int error;

	if (!fs_path(req, ino, NULL, path))
		return;
	directory = calloc(1, sizeof *directory);
	error = directory ? map_dir_open(fs->map, &caller, path, &directory->dir) : ENOMEM;
	if (error) {
		free(directory);
		fuse_reply_err(req, error);
		return;
	}
	pthread_mutex_lock(&fs->nodes.lock);
	directory->node = fs_node_of(fs, ino);
	fs_node_ref(&fs->nodes, directory->node);
	fs->nodes.handles++;
	pthread_mutex_unlock(&fs->nodes.lock);
	fi->fh = (uintptr_t)directory;
	if (fuse_reply_open(req, fi) == -ENOENT)
		close_directory(fs, directory);
}

void fs_op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	close_directory(fs_of(req), directory_of(fi));
	fuse_reply_err(req, 0);
}

void fs_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct map_caller caller = fs_caller(req);

	(void)ino, (void)datasync, (void)fi;
	fuse_reply_err(req, map_sync(fs_of(req)->map, &caller));
}

enum form {
	PLAIN,     /* of READDIR */
	WITH_ROOM, /* of READDIRPLUS: room for a node, and none */
	WITH_NODE,
};

/* An entry as it goes into the reply: its bytes, or more than `room` when it does not fit. */
static size_t add_name(fuse_req_t req, char *to, size_t room, const struct map_dirent *entry, bool plus)
{
	struct fuse_entry_param param = {
		.attr.st_ino = entry->attr.ino, .attr.st_mode = entry->attr.directory ? S_IFDIR : S_IFREG};

	if (plus)
		return fuse_add_direntry_plus(req, to, room, entry->name, &param, (off_t)entry->next);
	return fuse_add_direntry(req, to, room, entry->name, &param.attr, (off_t)entry->next);
}

/* An open listing goes on where a directory was renamed to in its other rendering; its node does not. */
static bool leads_below(struct fs *fs, const struct fs_node *node)
{
	pthread_mutex_lock(&fs->nodes.lock);
	bool attached = node->attached;
	pthread_mutex_unlock(&fs->nodes.lock);
	return attached;
}

static size_t add_node(fuse_req_t req, struct fs_node *parent, char *to, size_t room, uint64_t changes,
	struct map_dirent *entry)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param param = {0};
	struct fs_node *node;
	size_t size = fuse_add_direntry_plus(req, NULL, 0, entry->name, &param, 0);
	int error;

	if (size > room)
		return room + 1;
	if (!leads_below(fs, parent))
		return add_name(req, to, room, entry, true);
	error = fs_lookup(req, parent, entry->name, changes, 0, &entry->attr, &node);
	if (error) /* ENOENT: it went this moment */
		return error == ENOENT ? 0 : room + 1;
	fs_entry_of(fs, node, &param);
	pthread_mutex_unlock(&fs->nodes.lock);
	return fuse_add_direntry_plus(req, to, room, entry->name, &param, (off_t)entry->next);
}

/* "." and "..": the offsets 1 and 2; the map's begin behind them. */
enum { DOTS = 2 };

static size_t add_dot(
	fuse_req_t req, bool plus, char *to, size_t room, uint64_t offset, const struct fs_node *node)
{
	static const char *const names[DOTS] = {".", ".."};
	struct fuse_entry_param param = {.attr = {.st_mode = S_IFDIR}};
	struct fs *fs = fs_of(req);

	pthread_mutex_lock(&fs->nodes.lock);
	param.attr.st_ino = (offset && node->parent ? node->parent : node)->ino;
	pthread_mutex_unlock(&fs->nodes.lock);
	if (plus)
		return fuse_add_direntry_plus(req, to, room, names[offset], &param, (off_t)offset + 1);
	return fuse_add_direntry(req, to, room, names[offset], &param.attr, (off_t)offset + 1);
}

/* Where every name is looked up when it is used, nodes made beforehand would be of no use. */
static bool wants_nodes(struct fs *fs, const struct fuse_file_info *fi)
{
	bool told;

	if (!fs_surplus_return(fs))
		return false;
	pthread_mutex_lock(&fs->nodes.lock);
	told = fs_node_told(directory_of(fi)->node);
	pthread_mutex_unlock(&fs->nodes.lock);
	return told;
}

static void read_directory(
	fuse_req_t req, size_t size, uint64_t offset, const struct fuse_file_info *fi, enum form form)
{
	struct open_directory *directory = directory_of(fi);
	char *reply = malloc(size);
	size_t length = 0, added;
	struct map_dirent entry;
	uint64_t changes;
	int error = reply ? 0 : ENOMEM;

	while (!error) {
		if (offset < DOTS) {
			added = add_dot(
				req, form != PLAIN, reply + length, size - length, offset, directory->node);
			entry.next = offset + 1;
		} else {
			changes = fs_of(req)->nodes.changes;
			error = map_dir_entry(directory->dir, offset - DOTS, &entry);
			if (error || !entry.name)
				break;
			entry.next += DOTS;
			added = form == WITH_NODE ? add_node(req, directory->node, reply + length,
							    size - length, changes, &entry)
						  : add_name(req, reply + length, size - length, &entry,
							    form == WITH_ROOM);
		}
		if (added > size - length)
			break;
		length += added;
		offset = entry.next;
	}
	/* What was added came with a lookup, so it must reach the kernel: an error waits for the next call.
	 */
	if (error && !length)
		fuse_reply_err(req, error);
	else
		fuse_reply_buf(req, reply, length);
	free(reply);
}

void fs_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	(void)ino;
	read_directory(req, size, (uint64_t)offset, fi, PLAIN);
}

void fs_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	(void)ino;
	read_directory(req, size, (uint64_t)offset, fi, wants_nodes(fs_of(req), fi) ? WITH_NODE : WITH_ROOM);
}
