#include "floor_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHAINS = 1 << 16 };

static struct node *chains[CHAINS];
static ino_t last_ino;
struct tree tree = {.lock = PTHREAD_RWLOCK_INITIALIZER};

/* FNV-1a over the name, begun with the parent's address. */
static uint32_t hash_name(const struct node *parent, const char *name)
{
	uint64_t hash = 1469598103934665603u ^ (uintptr_t)parent;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 1099511628211u;
	return (uint32_t)(hash ^ hash >> 32);
}

static struct node *new_node(mode_t mode, uid_t uid, gid_t gid)
{
	struct node *node = calloc(1, sizeof *node);

	if (!node)
		return NULL;
	node->st = (struct stat){.st_ino = ++last_ino,
		.st_mode = mode,
		.st_nlink = S_ISDIR(mode) ? 2 : 1,
		.st_uid = uid,
		.st_gid = gid,
		.st_blksize = 4096};
	clock_gettime(CLOCK_REALTIME, &node->st.st_mtim);
	node->st.st_atim = node->st.st_ctim = node->st.st_mtim;
	return node;
}

bool tree_init(void)
{
	tree.root = new_node(S_IFDIR | 0755, getuid(), getgid());
	if (tree.root)
		tree.root->linked = true;
	return tree.root;
}

struct node *tree_find(const struct node *parent, const char *name)
{
	uint32_t hash = hash_name(parent, name);
	struct node *node = chains[hash % CHAINS];

	while (node && (node->hash != hash || node->parent != parent || strcmp(node->name, name)))
		node = node->next;
	return node;
}

static bool reserve_slot(struct node *parent)
{
	size_t max = parent->slots_max ? parent->slots_max * 2 : 16;
	struct node **children;

	if (parent->slots < parent->slots_max)
		return true;
	children = realloc(parent->children, max * sizeof *children);
	if (!children)
		return false;
	parent->children = children;
	parent->slots_max = max;
	return true;
}

/* `name` is taken; there is a slot. */
static void link_node(struct node *node, struct node *parent, char *name)
{
	node->name = name;
	node->parent = parent;
	node->hash = hash_name(parent, name);
	node->next = chains[node->hash % CHAINS];
	chains[node->hash % CHAINS] = node;
	node->slot = parent->slots;
	parent->children[parent->slots++] = node;
	parent->count++;
	parent->st.st_nlink += S_ISDIR(node->st.st_mode);
	clock_gettime(CLOCK_REALTIME_COARSE, &parent->st.st_mtim);
	node->linked = true;
}

static void unlink_node(struct node *node)
{
	struct node **link = &chains[node->hash % CHAINS], *parent = node->parent;

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	parent->children[node->slot] = NULL;
	parent->st.st_nlink -= S_ISDIR(node->st.st_mode);
	clock_gettime(CLOCK_REALTIME_COARSE, &parent->st.st_mtim);
	if (!--parent->count)
		parent->slots = 0;
	node->linked = false;
}

static void free_node(struct node *node)
{
	free(node->children);
	free(node->data);
	free(node->name);
	free(node);
}

struct node *tree_add(struct node *parent, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	char *copy = strdup(name);
	struct node *node = copy && reserve_slot(parent) ? new_node(mode, uid, gid) : NULL;

	if (node)
		link_node(node, parent, copy);
	else
		free(copy);
	return node;
}

void tree_remove(struct node *node)
{
	unlink_node(node);
	if (!node->lookups)
		free_node(node);
}

bool tree_move(struct node *node, struct node *parent, const char *name)
{
	char *copy = strdup(name);

	if (!copy || !reserve_slot(parent)) {
		free(copy);
		return false;
	}
	unlink_node(node);
	free(node->name);
	link_node(node, parent, copy);
	return true;
}

bool tree_resize(struct node *node, size_t size)
{
	size_t old = (size_t)node->st.st_size, max = size;
	char *data;

	if (size > node->data_max) {
		/* The first write says what a small file needs; a growing one doubles. */
		if (node->data_max && max < node->data_max * 2)
			max = node->data_max * 2;
		data = realloc(node->data, max);
		if (!data)
			return false;
		node->data = data;
		node->data_max = max;
	}
	if (size > old)
		memset(node->data + old, 0, size - old);
	node->st.st_size = (off_t)size;
	node->st.st_blocks = (blkcnt_t)((size + 511) / 512);
	return true;
}

void tree_forget(struct node *node, uint64_t lookups)
{
	pthread_rwlock_wrlock(&tree.lock);
	node->lookups -= lookups;
	if (!node->lookups && !node->linked)
		free_node(node);
	pthread_rwlock_unlock(&tree.lock);
}

static bool load_file(struct node *parent, int at, const char *name, const struct stat *st)
{
	struct node *node = tree_add(parent, name, st->st_mode, st->st_uid, st->st_gid);
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	size_t size = (size_t)st->st_size, done = 0;
	ssize_t n = 1;

	if (fd < 0)
		return false;
	if (!node || !tree_resize(node, size))
		n = -1;
	while (n > 0 && done < size) {
		n = read(fd, node->data + done, size - done);
		done += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (n > 0) {
		node->st.st_atim = st->st_atim;
		node->st.st_mtim = st->st_mtim;
	}
	return n > 0;
}

static bool load_directory(struct node *parent, int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	struct stat st;
	bool good = dir;

	while (good && (errno = 0, entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		good = !fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW);
		if (good && S_ISREG(st.st_mode)) {
			good = load_file(parent, fd, entry->d_name, &st);
		} else if (good && S_ISDIR(st.st_mode)) {
			struct node *node = tree_add(parent, entry->d_name, st.st_mode, st.st_uid, st.st_gid);
			int below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			good = node && below >= 0 && load_directory(node, below);
		}
	}
	good = good && !errno;
	if (dir)
		closedir(dir);
	return good;
}

bool tree_load(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && load_directory(tree.root, fd);
}
