/*
 * Open files. A handle that reads goes through the kernel's page cache, which belongs to the node and thus to
 * one version of the text; one that writes bypasses it. The two never share a node: who wants to write where
 * others read is sent back (ESTALE) to look the name up again, and finds a new node.
 */
#include "fs/session.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>

enum {
	STORED_MAX = 32 * 1024, /* bytes of text that an open brings along: nearly every item */
	OPEN_TRIES = 4,
};

static struct fs_handle *handle_new(const struct map_caller *caller)
{
	struct fs_handle *handle = calloc(1, sizeof *handle);

	if (handle)
		handle->writer = caller->pid;
	return handle;
}

static bool opens_for_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/* With the nodes' lock held, as the next three. */
static void enlist(struct fs *fs, struct fs_handle *handle)
{
	handle->next_created = fs->created;
	handle->link_created = &fs->created;
	if (fs->created)
		fs->created->link_created = &handle->next_created;
	fs->created = handle;
}

static void delist(struct fs_handle *handle)
{
	if (!handle->link_created)
		return;
	*handle->link_created = handle->next_created;
	if (handle->next_created)
		handle->next_created->link_created = handle->link_created;
	handle->link_created = NULL;
}

static void attach(
	struct fs *fs, struct fs_handle *handle, struct fs_node *node, int flags, const struct map_attr *attr)
{
	handle->next = fs->opened;
	handle->link = &fs->opened;
	if (handle->next)
		handle->next->link = &handle->next;
	fs->opened = handle;
	handle->node = node;
	handle->references = 1;
	handle->version = attr->version;
	handle->mtime_ns = attr->mtime_ns;
	handle->writes = opens_for_writing(flags);
	handle->cached =
		!handle->writes && node->version == attr->version && fs_node_cacheable(&fs->nodes, node);
	fs_node_ref(&fs->nodes, node);
	node->handles++;
	node->readers += handle->cached;
	node->onlookers += !handle->writes && !handle->cached;
	node->writers += handle->writes;
	fs->nodes.handles++;
	map_file_set_owner(handle->file, handle);
}

/* What the kernel is to do with the handle. */
static void tell_open(struct fs_handle *handle, struct fuse_file_info *fi)
{
	struct fs_node *node = handle->node;

	fi->fh = (uintptr_t)handle;
	fi->direct_io = !handle->cached;
	fi->keep_cache = handle->cached && node->cached_version == node->version;
	fi->noflush = !handle->writes;
	if (handle->cached)
		node->cached_version = node->version;
}

/* The last one still settles a pending name while others can find the handle: one of them may take it over.
 */
static bool let_go(struct fs *fs, struct fs_handle *handle, bool last)
{
	pthread_mutex_lock(&fs->nodes.lock);
	bool more = handle->references > 1;
	if (more || last)
		handle->references--;
	if (last)
		delist(handle);
	pthread_mutex_unlock(&fs->nodes.lock);
	return !more;
}

void fs_handle_put(struct fs *fs, struct fs_handle *handle, const struct map_caller *caller)
{
	struct fs_node *node = handle->node;

	if (!let_go(fs, handle, false))
		return;
	/* What close could not report is in /.errors. */
	(void)map_file_flush(handle->file, caller);
	(void)map_file_settle(handle->file, caller);
	fs_handle_settle(fs, handle, false);
	if (!let_go(fs, handle, true))
		return;
	(void)map_file_release(handle->file, caller);

	pthread_mutex_lock(&fs->nodes.lock);
	*handle->link = handle->next;
	if (handle->next)
		handle->next->link = handle->link;
	node->handles--;
	node->readers -= handle->cached;
	node->onlookers -= !handle->writes && !handle->cached;
	node->writers -= handle->writes;
	fs->nodes.handles--;
	if (node->fresh && !node->writers) {
		/* It never became anything. */
		node->fresh = false;
		fs_notify_stale(fs, node);
	}
	fs_node_unref(&fs->nodes, node);
	pthread_mutex_unlock(&fs->nodes.lock);
	free(handle);
}

/*
 * The node shows what this handle has put. Versions of items rise, so that of another handle's put may
 * already be there; where they do not (a definition's is a digest), or the puts crossed, the map says what is
 * true.
 */
static bool shows_now(struct fs *fs, const struct fs_node *node, struct map_attr *attr)
{
	struct map_caller nobody = {0};
	char path[MAP_PATH_MAX];

	if (attr->version > node->version || node->fresh)
		return true;
	return fs_node_path(node, NULL, path) && !map_stat(fs->map, &nobody, path, attr);
}

/*
 * The kernel may have opened the name by a node that was overtaken, and goes on with it until it hears of the
 * newer one. Where others read an older text by it, it stays theirs.
 */
static bool shows_own(const struct fs_node *node, const struct map_attr *attr)
{
	return !node->readers && !node->onlookers && attr->version > node->version;
}

void fs_handle_settle(struct fs *fs, struct fs_handle *handle, bool by_write)
{
	struct fs_node *node = handle->node;
	struct map_attr attr;
	bool refused = map_file_refused(handle->file), pending = map_file_pending(handle->file), put;

	map_file_attr(handle->file, &attr);
	pthread_mutex_lock(&fs->nodes.lock);
	if (by_write)
		node->unsized = true;
	/* A put of what is there already changes the time alone. */
	put = handle->writes && !pending && !refused && attr.version &&
	      (attr.version != handle->version || attr.mtime_ns != handle->mtime_ns);
	if (put) {
		handle->version = attr.version;
		handle->mtime_ns = attr.mtime_ns;
	}
	if (!pending || refused)
		delist(handle);
	if (node->attached && refused && node->fresh) {
		node->fresh = false;
		node->refused = true;
		fs_notify_stale(fs, node);
	} else if (put && (node->attached ? shows_now(fs, node, &attr) : shows_own(node, &attr))) {
		uint32_t expires = node->expires;
		fs_node_set(node, &attr);
		node->fresh = false;
		/* The kernel took the name for one that lasts. */
		if (node->expires && node->expires != expires)
			fs_notify_entry(fs, node->parent, node->name);
		if (!by_write)
			fs_notify_attributes(fs, node);
	}
	pthread_mutex_unlock(&fs->nodes.lock);
}

void fs_handles_close(struct fs *fs)
{
	const struct map_caller nobody = {0};

	/* Who made a new name may have been about to write to it. */
	for (struct fs_handle *handle = fs->opened; handle; handle = handle->next)
		map_file_forgo(handle->file);
	while (fs->opened)
		fs_handle_put(fs, fs->opened, &nobody);
}

struct fs_handle *fs_handle_beyond(struct fs *fs, const struct fs_node *node)
{
	struct fs_handle *handle = NULL;

	pthread_mutex_lock(&fs->nodes.lock);
	if (!node->attached && node->handles && !node->version && !node->refused)
		handle = fs->opened;
	/* One that nothing refers to is being released: its file may be gone. */
	while (handle && (handle->node != node || !handle->references || !map_file_outlives(handle->file)))
		handle = handle->next;
	if (handle)
		handle->references++;
	pthread_mutex_unlock(&fs->nodes.lock);
	return handle;
}

struct fs_handle *fs_handle_drafting(
	struct fs *fs, const struct fs_node *node, const struct map_caller *caller)
{
	struct fs_handle *handle = NULL;

	pthread_mutex_lock(&fs->nodes.lock);
	if (node->handles == 1 && node->writers)
		handle = fs->opened;
	while (handle && handle->node != node)
		handle = handle->next;
	if (handle && handle->writes && handle->writer && handle->writer == caller->pid)
		handle->references++;
	else
		handle = NULL;
	pthread_mutex_unlock(&fs->nodes.lock);
	return handle;
}

int fs_settle_created(struct fs *fs, struct fs_node *node, const struct map_caller *caller)
{
	struct fs_handle *handle;
	int error = 0;

	pthread_mutex_lock(&fs->nodes.lock);
	for (handle = fs->created; handle && handle->node != node; handle = handle->next_created)
		;
	if (handle)
		handle->references++;
	pthread_mutex_unlock(&fs->nodes.lock);
	if (!handle)
		return 0;
	error = map_file_settle(handle->file, caller);
	fs_handle_settle(fs, handle, false);
	fs_handle_put(fs, handle, caller);
	return error;
}

/*
 * Whether the node shows, or will show, another version than the one that the handle is about to open, or
 * than others have opened. A detached node shows what it was to who has it open.
 */
static bool clashes(const struct fs_node *node, bool writes)
{
	if (writes)
		return node->readers || (fs_node_of_version(node) && node->onlookers);
	if (!node->attached)
		return node->version && node->handles;
	return fs_node_of_version(node) && node->writers;
}

/*
 * Before the map opens anything. Where others read nobody may write: the name gets a new node, and ESTALE
 * makes the kernel look it up. Where others write nobody may read: he is given a node of his own. Who was
 * sent back once goes on all the same, unless others read through the cache. A writer is counted from here
 * on, so that later readers bypass the cache. *ret_again: he was sent back, and has looked the name up.
 */
static int reserve(struct fs *fs, struct fs_node *node, int flags, pid_t thread, char path[MAP_PATH_MAX],
	bool *ret_again)
{
	bool writes = opens_for_writing(flags);
	int error = 0;

	pthread_mutex_lock(&fs->nodes.lock);
	if (clashes(node, writes) &&
		(fs_clash_begins(&fs->clashes, node, writes, thread) || (writes && node->readers))) {
		if (writes) {
			fs_node_contend(&fs->nodes, node, true);
			fs_notify_stale(fs, node);
		}
		error = ESTALE;
	} else if (!fs_node_path(node, NULL, path)) {
		error = ENAMETOOLONG;
	} else {
		*ret_again = fs_clash_ends(&fs->clashes, thread);
		fs_node_ref(&fs->nodes, node);
		node->writers += writes;
		if (writes)
			fs_node_contend(&fs->nodes, node, false);
	}
	pthread_mutex_unlock(&fs->nodes.lock);
	return error;
}

static void unreserve(struct fs *fs, struct fs_node *node, int flags)
{
	pthread_mutex_lock(&fs->nodes.lock);
	node->writers -= opens_for_writing(flags);
	fs_node_unref(&fs->nodes, node);
	pthread_mutex_unlock(&fs->nodes.lock);
}

/*
 * A small text goes into the page cache with the answer to open: that spares the reader a round trip. Only
 * into an empty cache whose only reader this will be: a page that a read under way has locked would be waited
 * for.
 */
static bool begin_store(struct fs_handle *handle)
{
	struct fs_node *node = handle->node;

	if (!handle->cached || node->cached_version || node->handles > 1 || !node->size ||
		node->size > STORED_MAX)
		return false;
	node->storing = true;
	return true;
}

static void store(struct fs *fs, struct fs_handle *handle, struct fuse_file_info *fi)
{
	struct fs_node *node = handle->node;
	struct fuse_notify_store_out body = {.nodeid = fs_number_of(fs, node)};
	char text[STORED_MAX];
	size_t length;

	if (!map_file_read(handle->file, 0, text, sizeof text, &length)) {
		body.size = (uint32_t)length;
		fi->keep_cache = fs_transport_notify(fs, FUSE_NOTIFY_STORE, &body, sizeof body, text, length);
	}
	pthread_mutex_lock(&fs->nodes.lock);
	node->storing = false;
	pthread_mutex_unlock(&fs->nodes.lock);
}

/*
 * Who wrote may have left a shorter size in the kernel than the text has, and splice(2), sendfile(2) and
 * copy_file_range(2) would end there without asking. A byte stored at the end makes it long enough; one that
 * is too long does no harm. As long as this handle is the only one, and unanswered, no page is locked that
 * could be waited for; who opens the file meanwhile stays out of the page cache.
 */
static bool begin_lengthen(const struct fs_handle *handle)
{
	struct fs_node *node = handle->node;

	if (handle->writes || !node->unsized || node->handles > 1)
		return false;
	node->storing = true;
	return true;
}

static void lengthen(struct fs *fs, const struct fs_handle *handle)
{
	struct fs_node *node = handle->node;
	struct fuse_notify_store_out body = {.nodeid = fs_number_of(fs, node), .size = 1};
	struct map_attr attr;
	size_t length;
	char last;

	map_file_attr(handle->file, &attr);
	body.offset = attr.size - 1;
	if (attr.size && !map_file_read(handle->file, body.offset, &last, 1, &length) && length == 1)
		(void)fs_transport_notify(fs, FUSE_NOTIFY_STORE, &body, sizeof body, &last, 1);
	pthread_mutex_lock(&fs->nodes.lock);
	node->storing = false;
	pthread_mutex_unlock(&fs->nodes.lock);
}

/*
 * Ties an open file to its node. A file holds its own version of the text, so a node that meanwhile shows
 * another one only costs the handle the page cache; nobody else's handle on it, and it comes up to date.
 * False: the node shows another text than the reader was about to get; unless it is the `last` try.
 */
static bool join(struct fs *fs, struct fs_node *node, struct fs_handle *handle, const char *path,
	uint64_t changes, const struct map_attr *attr, bool last, struct fuse_file_info *fi)
{
	const struct map_caller nobody = {0};
	struct map_attr now = *attr;
	bool pending = map_file_pending(handle->file), stores, lengthens;

	pthread_mutex_lock(&fs->nodes.lock);
	if (pending && !node->handles) {
		fs_node_revive(&fs->nodes, node);
		fs_node_set(node, attr);
		node->fresh = node->attached;
		fs_notify_attributes(fs, node);
	} else if (!node->handles && !node->fresh && !fs_ask_again(fs, &nobody, path, changes, 0, &now)) {
		bool news = !node->attached || node->version != now.version || node->size != now.size;
		fs_node_revive(&fs->nodes, node);
		if (!node->attached) {
			/* It is this handle's alone. */
			node->unsized |= node->size != attr->size;
			now = *attr;
		}
		fs_node_set(node, &now);
		if (news)
			fs_notify_attributes(fs, node);
	} else if (node->fresh && node->attached && !pending && attr->version) {
		/* Its creator has just put it, and is about to say so. */
		fs_node_set(node, attr);
		node->fresh = false;
		fs_notify_attributes(fs, node);
	}
	if (!last && !opens_for_writing(fi->flags) && fs_node_of_version(node) &&
		node->version != attr->version) {
		pthread_mutex_unlock(&fs->nodes.lock);
		return false;
	}
	attach(fs, handle, node, fi->flags, attr);
	if (pending)
		enlist(fs, handle);
	if (node->attached)
		fs_node_touch(&fs->nodes, node);
	stores = begin_store(handle);
	lengthens = begin_lengthen(handle);
	tell_open(handle, fi);
	pthread_mutex_unlock(&fs->nodes.lock);
	if (stores)
		store(fs, handle, fi);
	if (lengthens)
		lengthen(fs, handle);
	return true;
}

/* Whether there is still the directory that the node was in. */
static bool has_directory(struct fs *fs, const struct fs_node *node, const struct map_caller *caller)
{
	char path[MAP_PATH_MAX];
	struct map_attr attr;

	pthread_mutex_lock(&fs->nodes.lock);
	bool fits = fs_node_path(node->parent, NULL, path);
	pthread_mutex_unlock(&fs->nodes.lock);
	return fits && !map_stat(fs->map, caller, path, &attr);
}

/* A name that only its creator's handle holds: others join in by making it an item first. */
static int open_path(struct fs *fs, struct fs_node *node, const struct map_caller *caller, const char *path,
	int flags, bool again, struct map_file **ret, struct map_attr *attr)
{
	struct fs_handle *beyond = fs_handle_beyond(fs, node);
	int error = ESTALE;

	/* By way of /proc, for the name leads elsewhere. */
	if (beyond) {
		error = map_file_again(beyond->file, caller, flags, ret, attr);
		fs_handle_put(fs, beyond, caller);
	}
	if (error == ESTALE)
		error = map_open(fs->map, caller, path, flags, ret, attr);
	if (error != ENOENT)
		return error;
	error = fs_settle_created(fs, node, caller);
	if (!error)
		error = map_open(fs->map, caller, path, flags, ret, attr);
	if (error != ENOENT)
		return error;
	if (!has_directory(fs, node, caller))
		return ENOENT;
	/*
	 * The kernel knows a name that is gone, or that another handle has not put yet. Who writes goes on
	 * with it as with a new one: the kernel retries once only, and names may come and go faster. Who
	 * reads looks it up again; if he just has, it is gone.
	 */
	if (opens_for_writing(flags))
		return map_reopen(fs->map, caller, path, flags, ret, attr);
	pthread_mutex_lock(&fs->nodes.lock);
	if (!node->fresh) {
		if (!again && fs_clash_begins(&fs->clashes, node, false, caller->pid))
			error = ESTALE;
		if (node->attached)
			fs_notify_stale(fs, node);
	}
	pthread_mutex_unlock(&fs->nodes.lock);
	return error;
}

/* Opens the file and ties it to the node; again when it was changed in between. */
static int open_node(struct fs *fs, struct fs_node *node, const struct map_caller *caller, const char *path,
	bool again, struct fs_handle *handle, struct fuse_file_info *fi)
{
	for (int tries = 1;; tries++) {
		uint64_t changes = fs->nodes.changes;
		struct map_attr attr;
		int error = open_path(fs, node, caller, path, fi->flags, again, &handle->file, &attr);

		if (error || join(fs, node, handle, path, changes, &attr, tries == OPEN_TRIES, fi))
			return error;
		(void)map_file_release(handle->file, caller);
	}
}

void fs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	struct fs_node *node = fs_node_of(fs, ino);
	struct fs_handle *handle;
	char path[MAP_PATH_MAX];
	bool again = false;
	int error;

	error = reserve(fs, node, fi->flags, caller.pid, path, &again);
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	handle = handle_new(&caller);
	error = handle ? open_node(fs, node, &caller, path, again, handle, fi) : ENOMEM;
	unreserve(fs, node, fi->flags);
	if (error) {
		free(handle);
		fuse_reply_err(req, error);
		return;
	}
	if (fuse_reply_open(req, fi) == -ENOENT)
		fs_handle_put(fs, handle, &caller);
}

/* The node of a new name and its first handle. */
static int begin(struct fs *fs, struct fs_node *parent, const char *name, struct fs_handle *handle,
	const struct map_attr *attr, struct fuse_file_info *fi, struct fuse_entry_param *ret)
{
	struct fs_node *node;
	bool pending = map_file_pending(handle->file);

	pthread_mutex_lock(&fs->nodes.lock);
	node = fs_node_find(&fs->nodes, parent, name);
	if (node)
		fs_notify_stale(fs, node);
	node = fs_node_new(&fs->nodes, parent, name, attr);
	if (!node) {
		pthread_mutex_unlock(&fs->nodes.lock);
		return ENOMEM;
	}
	node->fresh = pending;
	attach(fs, handle, node, fi->flags | O_TRUNC, attr);
	if (node->fresh)
		enlist(fs, handle);
	fs_entry_of(fs, node, ret);
	tell_open(handle, fi);
	pthread_mutex_unlock(&fs->nodes.lock);
	return 0;
}

void fs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	struct fuse_entry_param entry;
	struct fs_handle *handle;
	struct map_attr attr;
	char path[MAP_PATH_MAX];
	int error;

	if (!fs_path(req, parent, name, path))
		return;
	handle = handle_new(&caller);
	error = handle ? map_create(fs->map, &caller, path, fi->flags, mode, &handle->file, &attr) : ENOMEM;
	if (!error) {
		error = begin(fs, fs_node_of(fs, parent), name, handle, &attr, fi, &entry);
		if (error) {
			map_file_forgo(handle->file); /* who was not told of the file has not touched it */
			(void)map_file_release(handle->file, &caller);
		}
	}
	if (error) {
		free(handle);
		fuse_reply_err(req, error);
		return;
	}
	if (fuse_reply_create(req, &entry, fi) == -ENOENT) {
		fs_handle_put(fs, handle, &caller);
		fs_forget(fs, entry.ino, 1);
	}
}

void fs_op_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
	struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct map_caller caller = fs_caller(req);
	struct fs_handle *handle = fs_handle_of(fi);

	handle->writer = caller.pid;
	int error = map_file_write(handle->file, &caller, (uint64_t)offset, bytes, size);

	(void)ino;
	fs_handle_settle(fs, handle, true);
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_write(req, size);
}

void fs_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct map_caller caller = fs_caller(req);
	int error = map_file_flush(fs_handle_of(fi)->file, &caller);

	(void)ino;
	/* By others it is closed when they are forked. */
	atomic_compare_exchange_strong(&fs_handle_of(fi)->writer, &(int){caller.pid}, 0);
	fs_handle_settle(fs_of(req), fs_handle_of(fi), false);
	fuse_reply_err(req, error);
}

void fs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct map_caller caller = fs_caller(req);
	int error = map_file_sync(fs_handle_of(fi)->file, &caller);

	(void)ino, (void)datasync;
	fs_handle_settle(fs_of(req), fs_handle_of(fi), false);
	fuse_reply_err(req, error);
}

void fs_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct map_caller caller = fs_caller(req);

	(void)ino;
	if (map_file_waits(fs_handle_of(fi)->file))
		fs_parked_forget(fs_of(req), fs_handle_of(fi));
	fs_handle_put(fs_of(req), fs_handle_of(fi), &caller);
	fuse_reply_err(req, 0);
}
