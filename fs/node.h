/*
 * Nodes: what the kernel knows by number. A node is a name in a directory together with one version of what
 * the name shows. As long as it is attached, a lookup of the name finds it; a name that comes to show
 * something else while somebody still reads the old text gets a new node, and the old one lives on, detached,
 * until its last reader and the kernel let it go. All functions but init and done want the table's lock held.
 */
#ifndef FS_NODE_H
#define FS_NODE_H

#include "mapping/map.h"
#include <pthread.h>
#include <stdatomic.h>

enum { FS_CONTENDED = 1024 };

struct fs_node {
	struct fs_node *next;          /* in its hash chain */
	struct fs_node *parent;        /* NULL: the root. Holds a reference */
	struct fs_node *older, *newer; /* by last use */
	uint64_t lookups;              /* that the kernel holds */
	uint64_t cached_version;       /* of the text in the kernel's page cache; 0: none */
	uint64_t ino, size, version;   /* as struct map_attr */
	int64_t mtime_ns;
	uint32_t references; /* children, handles, requests under way */
	uint32_t readers;    /* open handles that read through the page cache */
	uint32_t onlookers;  /* open handles that read past it */
	uint32_t handles;    /* all open ones */
	uint32_t writers;    /* those that write */
	uint32_t hash;
	uint32_t expires; /* as struct map_attr; what is later than the year 2105 does not matter */
	bool attached : 1, directory : 1, stream : 1, writable : 1, volatile_ : 1, untold : 1;
	bool whole : 1, owned : 1;
	bool fresh : 1;    /* created and not put yet: only its creator's handle makes it a name */
	bool listed : 1;   /* in the list by last use: only while nothing refers to it */
	bool returned : 1; /* the kernel was asked to give it back, and it was not used since */
	bool refused : 1;  /* a new name whose only text was refused: nothing, though it is open */
	bool storing : 1;  /* its text is on its way into the page cache */
	/* Written to since the kernel asked for its size, which the kernel may take to be what was written; a
	 * size too long is filled with zeros: readers bypass the page cache */
	bool unsized : 1;
	bool moving : 1; /* a rename of it is under way: what the map tells of its names is not news */
	uint16_t name_length;
	uid_t owner; /* if `owned` */
	char *name;
};
_Static_assert(sizeof(struct fs_node) <= 128, "a node, its allocation and its chain take 160 bytes at most");

struct fs_nodes {
	pthread_mutex_t lock;
	struct fs_node **chains;
	size_t chain_count, count; /* count: all nodes but the root */
	size_t returned;           /* those of them that the kernel was asked to give back */
	struct fs_node *root;
	struct fs_node *oldest, *newest;
	uint64_t handles;
	atomic_uint_fast64_t changes; /* that the map has told of; rises under the lock */
	/* By hash of the name (names that share a slot share its fate): till then its readers bypass the page
	 * cache. CLOCK_MONOTONIC seconds */
	uint32_t uncached_until[FS_CONTENDED];
};

/* CLOCK_MONOTONIC, coarse. */
uint32_t fs_now_seconds(void);

bool fs_nodes_init(struct fs_nodes *nodes);
void fs_nodes_done(struct fs_nodes *nodes);

struct fs_node *fs_node_find(struct fs_nodes *nodes, const struct fs_node *parent, const char *name);
/*
 * The attached node for a name that shows `attr`: the present one where it can go on, else a new one (the old
 * one is detached). NULL: no memory.
 */
struct fs_node *fs_node_adopt(
	struct fs_nodes *nodes, struct fs_node *parent, const char *name, const struct map_attr *attr);
/* Always a new one. */
struct fs_node *fs_node_new(
	struct fs_nodes *nodes, struct fs_node *parent, const char *name, const struct map_attr *attr);
/*
 * One of a single opening, to which the name does not lead: it shows a version of its own while another node
 * of the name is written by.
 */
struct fs_node *fs_node_aside(
	struct fs_nodes *nodes, struct fs_node *parent, const char *name, const struct map_attr *attr);
void fs_node_set(struct fs_node *node, const struct map_attr *attr);
/* `seconds`, or what is left until the name expires. */
double fs_node_lasts(const struct fs_node *node, double seconds);
/* Whether the names in a directory are told of when they come and go. */
static inline bool fs_node_told(const struct fs_node *directory)
{
	return !directory || !directory->untold;
}
/* The name no longer leads here. */
void fs_node_detach(struct fs_nodes *nodes, struct fs_node *node);
/* The kernel gave the attached node another name; what was attached there must be detached. False: no memory,
 * nothing changed. */
bool fs_node_move(struct fs_nodes *nodes, struct fs_node *node, struct fs_node *parent, const char *name);
/*
 * The kernel gave the name to another (and, with `exchange`, the other way round): so do the detached nodes
 * that answer for it, for the kernel may know the name by one of them. The attached ones stay. True: there
 * were some.
 */
bool fs_node_move_detached(struct fs_nodes *nodes, struct fs_node *parent, const char *name,
	struct fs_node *new_parent, const char *new_name, bool exchange);
/* A detached node that nobody holds open becomes its name's again, unless the name has another one. */
void fs_node_revive(struct fs_nodes *nodes, struct fs_node *node);
/*
 * Somebody writes to the name while others read it through the page cache (`clash`), or just writes: a name
 * that had a clash is kept out of the page cache till a while after the last writer, so that a writer is sent
 * back to look it up once and not twice.
 */
void fs_node_contend(struct fs_nodes *nodes, const struct fs_node *node, bool clash);
/* Whether a reader may go through the page cache. */
/* An item or the like as the name shows it: an open file has one version of it. */
bool fs_node_of_version(const struct fs_node *node);
bool fs_node_cacheable(const struct fs_nodes *nodes, const struct fs_node *node);
/* The latest in use. One that something refers to comes to the list when the last reference goes. */
void fs_node_touch(struct fs_nodes *nodes, struct fs_node *node);
/* The oldest, or NULL: it counts as given back from now on, and is the latest in the list should it stay. */
struct fs_node *fs_node_return(struct fs_nodes *nodes);

void fs_node_ref(struct fs_nodes *nodes, struct fs_node *node);
void fs_node_unref(struct fs_nodes *nodes, struct fs_node *node); /* may free it */
void fs_node_forget(struct fs_nodes *nodes, struct fs_node *node, uint64_t lookups);

/* The node's path, or with a name below it; false when it does not fit. */
bool fs_node_path(const struct fs_node *node, const char *name, char ret[MAP_PATH_MAX]);
/* The attached node of a path, or NULL. */
struct fs_node *fs_node_at(struct fs_nodes *nodes, const char *path);
bool fs_node_below(const struct fs_node *node, const struct fs_node *above);

#endif
