/*
 * A tree of directories and files in memory, as plain as can be: what the floor serves. Not a database and
 * not dynamount: nothing here is shared with it. Threads: callers hold `lock` of the tree, for reading unless
 * a function says otherwise. Nodes that were removed live on until their lookups, which the kernel gives
 * back, are none.
 */
#ifndef FLOOR_TREE_H
#define FLOOR_TREE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct node {
	struct node *parent;
	struct node *next; /* with the same hash */
	char *name;
	struct stat st;
	atomic_uint_least64_t lookups;
	uint32_t hash;
	bool linked;

	char *data; /* a file's */
	size_t data_max;
	atomic_bool stored; /* once in the kernel's page cache, without having been asked */

	struct node **children; /* a directory's; NULL where one was removed, so that offsets stay */
	size_t slots, slots_max, count;
	size_t slot; /* the node's own, in its parent */
};

struct tree {
	pthread_rwlock_t lock;
	struct node *root;
};

extern struct tree tree;

bool tree_init(void);

/* A directory and all below it, from a filesystem into the root. False: errno. */
bool tree_load(const char *directory);

struct node *tree_find(const struct node *parent, const char *name);

/* These four with the lock for writing. NULL, false: out of memory. */
struct node *tree_add(struct node *parent, const char *name, mode_t mode, uid_t uid, gid_t gid);
void tree_remove(struct node *node);
bool tree_move(struct node *node, struct node *parent, const char *name);
bool tree_resize(struct node *node, size_t size);

/* Takes the lock itself. */
void tree_forget(struct node *node, uint64_t lookups);

#endif
