#include "fs/node.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	FIRST_CHAINS = 1024,
	UNCACHED_SECONDS = 2, /* long against the time between a lookup and its open */
};

bool fs_nodes_init(struct fs_nodes *nodes)
{
	memset(nodes, 0, sizeof *nodes);
	nodes->chains = calloc(FIRST_CHAINS, sizeof *nodes->chains);
	if (!nodes->chains)
		return false;
	nodes->root = calloc(1, sizeof *nodes->root);
	if (!nodes->root) {
		free(nodes->chains);
		return false;
	}
	nodes->chain_count = FIRST_CHAINS;
	pthread_mutex_init(&nodes->lock, NULL);
	nodes->root->attached = nodes->root->directory = nodes->root->writable = true;
	nodes->root->ino = 1;
	nodes->root->references = 1; /* the root is never freed */
	return true;
}

void fs_nodes_done(struct fs_nodes *nodes)
{
	struct fs_node *detached = NULL;

	for (size_t i = 0; i < nodes->chain_count; i++) {
		struct fs_node *next;
		for (struct fs_node *node = nodes->chains[i]; node; node = next) {
			next = node->next;
			node->next = detached;
			detached = node;
		}
	}
	while (detached) {
		struct fs_node *next = detached->next;
		free(detached->name);
		free(detached);
		detached = next;
	}
	free(nodes->root);
	free(nodes->chains);
	pthread_mutex_destroy(&nodes->lock);
}

/* FNV-1a over the name, begun with the parent's address. */
static uint32_t hash_name(const struct fs_node *parent, const char *name)
{
	uint64_t hash = 1469598103934665603u ^ (uintptr_t)parent;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 1099511628211u;
	return (uint32_t)(hash ^ hash >> 32);
}

static struct fs_node **chain_of(struct fs_nodes *nodes, uint32_t hash)
{
	return &nodes->chains[hash & (nodes->chain_count - 1)];
}

static void grow(struct fs_nodes *nodes)
{
	size_t count = nodes->chain_count * 2;
	struct fs_node **chains = calloc(count, sizeof *chains);

	if (!chains)
		return; /* longer chains, but no failure */
	for (size_t i = 0; i < nodes->chain_count; i++) {
		struct fs_node *next;
		for (struct fs_node *node = nodes->chains[i]; node; node = next) {
			next = node->next;
			node->next = chains[node->hash & (count - 1)];
			chains[node->hash & (count - 1)] = node;
		}
	}
	free(nodes->chains);
	nodes->chains = chains;
	nodes->chain_count = count;
}

struct fs_node *fs_node_find(struct fs_nodes *nodes, const struct fs_node *parent, const char *name)
{
	uint32_t hash = hash_name(parent, name);
	struct fs_node *node = *chain_of(nodes, hash);

	while (node && !(node->attached && node->hash == hash && node->parent == parent &&
			       !strcmp(node->name, name)))
		node = node->next;
	return node;
}

static void unlist(struct fs_nodes *nodes, struct fs_node *node)
{
	nodes->returned -= node->returned;
	node->returned = false;
	if (!node->listed)
		return;
	*(node->older ? &node->older->newer : &nodes->oldest) = node->newer;
	*(node->newer ? &node->newer->older : &nodes->newest) = node->older;
	node->listed = false;
}

void fs_node_touch(struct fs_nodes *nodes, struct fs_node *node)
{
	if (node->references || !node->parent)
		return;
	unlist(nodes, node);
	node->older = nodes->newest;
	node->newer = NULL;
	*(nodes->newest ? &nodes->newest->newer : &nodes->oldest) = node;
	nodes->newest = node;
	node->listed = true;
}

struct fs_node *fs_node_return(struct fs_nodes *nodes)
{
	struct fs_node *node = nodes->oldest;

	if (!node)
		return NULL;
	fs_node_touch(nodes, node);
	node->returned = true;
	nodes->returned++;
	return node;
}

void fs_node_set(struct fs_node *node, const struct map_attr *attr)
{
	node->ino = attr->ino;
	node->size = attr->size;
	node->version = attr->version;
	node->mtime_ns = attr->mtime_ns;
	node->directory = attr->directory;
	node->stream = attr->stream;
	node->writable = attr->writable;
	node->volatile_ = attr->volatile_;
	node->untold = attr->untold;
	node->expires = attr->expires > 0 && attr->expires < UINT32_MAX ? (uint32_t)attr->expires : 0;
	node->whole = attr->whole;
	node->owned = attr->owned;
	node->owner = attr->owner;
}

/* The kernel counts in ticks, and its clock is not the one by which items expire: that can be set. */
#define EXPIRY_MARGIN 0.025 /* seconds */
#define EXPIRY_LOOK 60.0

double fs_node_lasts(const struct fs_node *node, double seconds)
{
	struct timespec now;
	double left;

	if (!node->expires)
		return seconds;
	clock_gettime(CLOCK_REALTIME, &now);
	left = (double)(node->expires - now.tv_sec) - (double)now.tv_nsec / 1e9 - EXPIRY_MARGIN;
	if (left > EXPIRY_LOOK)
		left = EXPIRY_LOOK;
	return left < 0 ? 0 : left < seconds ? left : seconds;
}

static void insert(struct fs_nodes *nodes, struct fs_node *node)
{
	struct fs_node **chain;

	node->hash = hash_name(node->parent, node->name);
	chain = chain_of(nodes, node->hash);
	node->next = *chain;
	*chain = node;
}

static void withdraw(struct fs_nodes *nodes, struct fs_node *node)
{
	struct fs_node **link = chain_of(nodes, node->hash);

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
}

struct fs_node *fs_node_new(
	struct fs_nodes *nodes, struct fs_node *parent, const char *name, const struct map_attr *attr)
{
	struct fs_node *node = calloc(1, sizeof *node);

	if (!node)
		return NULL;
	node->name = strdup(name);
	if (!node->name) {
		free(node);
		return NULL;
	}
	if (nodes->count >= nodes->chain_count)
		grow(nodes);
	node->name_length = (uint16_t)strlen(name);
	node->parent = parent;
	fs_node_ref(nodes, parent);
	node->attached = true;
	fs_node_set(node, attr);
	insert(nodes, node);
	nodes->count++;
	fs_node_touch(nodes, node);
	return node;
}

struct fs_node *fs_node_aside(
	struct fs_nodes *nodes, struct fs_node *parent, const char *name, const struct map_attr *attr)
{
	struct fs_node *node = fs_node_new(nodes, parent, name, attr);

	if (node)
		fs_node_detach(nodes, node);
	return node;
}

/* Whether the kernel may go on knowing the name by this node, now that it shows `attr`. */
static bool can_go_on(const struct fs_node *node, const struct map_attr *attr)
{
	if (node->directory != attr->directory || node->ino != attr->ino)
		return node->fresh && !attr->directory;
	return node->version == attr->version || node->readers == 0;
}

struct fs_node *fs_node_adopt(
	struct fs_nodes *nodes, struct fs_node *parent, const char *name, const struct map_attr *attr)
{
	struct fs_node *node = fs_node_find(nodes, parent, name);

	if (node && can_go_on(node, attr)) {
		fs_node_set(node, attr);
		fs_node_touch(nodes, node);
		return node;
	}
	if (node)
		fs_node_detach(nodes, node);
	return fs_node_new(nodes, parent, name, attr);
}

void fs_node_detach(struct fs_nodes *nodes, struct fs_node *node)
{
	node->attached = false;
	unlist(nodes, node);
}

bool fs_node_move(struct fs_nodes *nodes, struct fs_node *node, struct fs_node *parent, const char *name)
{
	struct fs_node *old_parent = node->parent;
	char *copy = strdup(name);

	if (!copy)
		return false;
	withdraw(nodes, node);
	free(node->name);
	node->name = copy;
	node->name_length = (uint16_t)strlen(copy);
	fs_node_ref(nodes, parent);
	node->parent = parent;
	insert(nodes, node);
	fs_node_unref(nodes, old_parent);
	return true;
}

/* The detached nodes of a name, out of their chain. */
static struct fs_node *take_detached(struct fs_nodes *nodes, const struct fs_node *parent, const char *name)
{
	struct fs_node **link = chain_of(nodes, hash_name(parent, name)), *taken = NULL;

	while (*link) {
		struct fs_node *node = *link;
		if (node->attached || node->parent != parent || strcmp(node->name, name)) {
			link = &node->next;
			continue;
		}
		*link = node->next;
		node->next = taken;
		taken = node;
	}
	return taken;
}

static void give_name(struct fs_nodes *nodes, struct fs_node *taken, struct fs_node *parent, const char *name)
{
	for (struct fs_node *next; taken; taken = next) {
		next = taken->next;
		insert(nodes, taken);
		if (!fs_node_move(nodes, taken, parent, name))
			*taken->name = 0; /* no memory: it leads nowhere */
	}
}

bool fs_node_move_detached(struct fs_nodes *nodes, struct fs_node *parent, const char *name,
	struct fs_node *new_parent, const char *new_name, bool exchange)
{
	struct fs_node *forth = take_detached(nodes, parent, name);
	struct fs_node *back = exchange ? take_detached(nodes, new_parent, new_name) : NULL;

	give_name(nodes, forth, new_parent, new_name);
	give_name(nodes, back, parent, name);
	return forth || back;
}

void fs_node_revive(struct fs_nodes *nodes, struct fs_node *node)
{
	if (node->attached || node->handles || fs_node_find(nodes, node->parent, node->name))
		return;
	node->attached = true;
	fs_node_touch(nodes, node);
}

uint32_t fs_now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)now.tv_sec;
}

static uint32_t slot_of(const struct fs_node *node)
{
	return node->hash % FS_CONTENDED;
}

void fs_node_contend(struct fs_nodes *nodes, const struct fs_node *node, bool clash)
{
	uint32_t *until = &nodes->uncached_until[slot_of(node)];

	if (clash || *until >= fs_now_seconds())
		*until = fs_now_seconds() + UNCACHED_SECONDS;
}

bool fs_node_cacheable(const struct fs_nodes *nodes, const struct fs_node *node)
{
	return node->attached && !node->unsized && node->version && !node->volatile_ && !node->stream &&
	       !node->writers && !node->storing && nodes->uncached_until[slot_of(node)] < fs_now_seconds();
}

void fs_node_ref(struct fs_nodes *nodes, struct fs_node *node)
{
	unlist(nodes, node);
	node->references++;
}

static void free_node(struct fs_nodes *nodes, struct fs_node *node)
{
	withdraw(nodes, node);
	unlist(nodes, node);
	nodes->count--;
	free(node->name);
	free(node);
}

void fs_node_unref(struct fs_nodes *nodes, struct fs_node *node)
{
	while (--node->references == 0) {
		struct fs_node *parent = node->parent;
		if (node->lookups) {
			if (node->attached)
				fs_node_touch(nodes, node);
			return;
		}
		free_node(nodes, node);
		node = parent;
	}
}

void fs_node_forget(struct fs_nodes *nodes, struct fs_node *node, uint64_t lookups)
{
	fs_node_ref(nodes, node);
	node->lookups -= lookups < node->lookups ? lookups : node->lookups;
	fs_node_unref(nodes, node);
}

bool fs_node_of_version(const struct fs_node *node)
{
	return node->attached && node->version && !node->volatile_ && !node->stream && !node->fresh;
}

bool fs_node_path(const struct fs_node *node, const char *name, char ret[MAP_PATH_MAX])
{
	size_t length = name ? strlen(name) : 0, at;
	char *end = ret + MAP_PATH_MAX - 1;

	*end = 0;
	if (length >= MAP_PATH_MAX)
		return false;
	end -= length;
	memcpy(end, name ? name : "", length);
	for (; node->parent; node = node->parent) {
		at = (size_t)(end - ret);
		if (at < (size_t)node->name_length + 1)
			return false;
		if (*end)
			*--end = '/';
		end -= node->name_length;
		memcpy(end, node->name, node->name_length);
	}
	memmove(ret, end, (size_t)(ret + MAP_PATH_MAX - end));
	return true;
}

struct fs_node *fs_node_at(struct fs_nodes *nodes, const char *path)
{
	struct fs_node *node = nodes->root;
	char name[MAP_PATH_MAX];

	while (node && *path) {
		size_t length = strcspn(path, "/");
		memcpy(name, path, length);
		name[length] = 0;
		path += length + (path[length] == '/');
		node = fs_node_find(nodes, node, name);
	}
	return node;
}

bool fs_node_below(const struct fs_node *node, const struct fs_node *above)
{
	for (; node; node = node->parent)
		if (node == above)
			return true;
	return false;
}
