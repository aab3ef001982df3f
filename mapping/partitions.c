/*
 * The partitions that are remembered: a skip list ordered by table and entry, so that finding, adding and
 * going on from a name cost the logarithm of what is remembered, however many partitions a restore makes.
 */
#include "mapping/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LEVELS = 16,
	TICK_ENTRIES = 2000, /* looked at in one tick, lingering or not */
	ENTRY_BYTES = 256,
};
static const int64_t linger_ns = (int64_t)MAP_LINGER_SECONDS * 1000000000;
static const int64_t fresh_ns = (int64_t)MAP_FRESH_SECONDS * 1000000000;

struct node {
	uint32_t table;
	bool forever;
	unsigned levels;
	int64_t since_ns;
	uint64_t order;
	char *entry, *table_name;
	struct node *next[];
};

struct map_partitions {
	pthread_mutex_t lock;
	struct node *first[LEVELS];
	uint64_t random, order;
	/* Where the next tick goes on. */
	uint32_t tick_table;
	char tick_entry[ENTRY_BYTES];
};

struct map_partitions *map_partitions_new(void)
{
	struct map_partitions *partitions = calloc(1, sizeof(*partitions));
	if (!partitions)
		return NULL;
	if (pthread_mutex_init(&partitions->lock, NULL)) {
		free(partitions);
		return NULL;
	}
	partitions->random = 0x9e3779b97f4a7c15u;
	partitions->order = 1;
	return partitions;
}

void map_partitions_free(struct map_partitions *partitions)
{
	struct node *next;
	if (!partitions)
		return;
	for (struct node *node = partitions->first[0]; node; node = next) {
		next = node->next[0];
		free(node);
	}
	pthread_mutex_destroy(&partitions->lock);
	free(partitions);
}

/* ---- The list; the lock is held ---- */

static int compare(const struct node *node, uint32_t table, const char *entry)
{
	if (node->table != table)
		return node->table < table ? -1 : 1;
	return strcmp(node->entry, entry);
}

/* The links that lead to the first node not before (table, entry), one a level. */
static struct node *seek(
	struct map_partitions *partitions, uint32_t table, const char *entry, struct node **ret_links[LEVELS])
{
	struct node **links = partitions->first;
	for (unsigned level = LEVELS; level-- > 0;) {
		while (links[level] && compare(links[level], table, entry) < 0)
			links = links[level]->next;
		if (ret_links)
			ret_links[level] = &links[level];
	}
	return links[0];
}

static struct node *find(
	struct map_partitions *partitions, uint32_t table, const char *entry, struct node **ret_links[LEVELS])
{
	struct node *node = seek(partitions, table, entry, ret_links);
	return node && !compare(node, table, entry) ? node : NULL;
}

static unsigned random_levels(struct map_partitions *partitions)
{
	uint64_t random = partitions->random;
	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	partitions->random = random;
	unsigned levels = 1 + (unsigned)__builtin_ctzll(random >> 20 | (uint64_t)1 << 40) / 2;
	return levels < LEVELS ? levels : LEVELS;
}

static struct node *node_new(
	struct map_partitions *partitions, const struct ddb_table *table, const char *entry)
{
	unsigned levels = random_levels(partitions);
	size_t links = levels * sizeof(struct node *), size = strlen(entry) + 1;
	size_t name_size = strlen(table->name) + 1;
	struct node *node = malloc(sizeof(*node) + links + size + name_size);
	if (!node)
		return NULL;
	*node = (struct node){.table = table->id, .levels = levels, .order = partitions->order++};
	node->entry = (char *)node->next + links;
	node->table_name = node->entry + size;
	memcpy(node->entry, entry, size);
	memcpy(node->table_name, table->name, name_size);
	return node;
}

static void link_node(struct node *node, struct node **links[LEVELS])
{
	for (unsigned level = 0; level < node->levels; level++) {
		node->next[level] = *links[level];
		*links[level] = node;
	}
}

static void unlink_node(struct node *node, struct node **links[LEVELS])
{
	for (unsigned level = 0; level < node->levels; level++)
		*links[level] = node->next[level];
	free(node);
}

static bool add(struct map_partitions *partitions, const struct ddb_table *table, const char *entry,
	bool forever, int64_t now_ns)
{
	struct node **links[LEVELS];
	struct node *node = find(partitions, table->id, entry, links);
	if (!node) {
		node = node_new(partitions, table, entry);
		if (!node)
			return false;
		link_node(node, links);
	}
	node->forever |= forever;
	node->since_ns = now_ns;
	return true;
}

/* ---- From outside ---- */

bool map_partitions_add(struct map_partitions *partitions, const struct ddb_table *table, const char *entry,
	bool forever, int64_t now_ns)
{
	if (strlen(entry) >= ENTRY_BYTES)
		return false;
	pthread_mutex_lock(&partitions->lock);
	bool added = add(partitions, table, entry, forever, now_ns);
	pthread_mutex_unlock(&partitions->lock);
	return added;
}

bool map_partitions_find(struct map_partitions *partitions, uint32_t table, const char *entry,
	int64_t *since_ns, uint64_t *order)
{
	pthread_mutex_lock(&partitions->lock);
	const struct node *node = find(partitions, table, entry, NULL);
	if (node && since_ns)
		*since_ns = node->since_ns;
	if (node && order)
		*order = node->order;
	pthread_mutex_unlock(&partitions->lock);
	return node;
}

bool map_partitions_remove(struct map_partitions *partitions, uint32_t table, const char *entry)
{
	struct node **links[LEVELS];
	pthread_mutex_lock(&partitions->lock);
	struct node *node = find(partitions, table, entry, links);
	if (node)
		unlink_node(node, links);
	pthread_mutex_unlock(&partitions->lock);
	return node;
}

void map_partitions_remove_table(struct map_partitions *partitions, uint32_t table)
{
	struct node **links[LEVELS], *node;
	pthread_mutex_lock(&partitions->lock);
	while ((node = seek(partitions, table, "", links)) && node->table == table)
		unlink_node(node, links);
	pthread_mutex_unlock(&partitions->lock);
}

bool map_partitions_next(struct map_partitions *partitions, uint32_t table, const char *after, char ret[256])
{
	pthread_mutex_lock(&partitions->lock);
	const struct node *node = seek(partitions, table, after ? after : "", NULL);
	if (node && after && !compare(node, table, after))
		node = node->next[0];
	bool found = node && node->table == table;
	if (found)
		strcpy(ret, node->entry);
	pthread_mutex_unlock(&partitions->lock);
	return found;
}

bool map_partitions_after(struct map_partitions *partitions, struct map_partition_entry *entry)
{
	pthread_mutex_lock(&partitions->lock);
	const struct node *node = seek(partitions, entry->table, entry->entry, NULL);
	if (node && !compare(node, entry->table, entry->entry))
		node = node->next[0];
	if (node) {
		*entry = (struct map_partition_entry){
			.table = node->table, .forever = node->forever, .since_ns = node->since_ns};
		strcpy(entry->entry, node->entry);
		strcpy(entry->table_name, node->table_name);
	}
	pthread_mutex_unlock(&partitions->lock);
	return node;
}

bool map_partitions_copy(struct map_partitions *from, struct map_partitions *to)
{
	struct map_partition_entry entry = {0};
	while (map_partitions_after(from, &entry)) {
		struct ddb_table table = {.id = entry.table};
		if (entry.entry[0] == '.')
			continue;
		strcpy(table.name, entry.table_name);
		if (!map_partitions_add(to, &table, entry.entry, entry.forever, entry.since_ns))
			return false;
	}
	return true;
}

static bool rename_entry(
	struct map_partitions *partitions, const struct ddb_table *table, const char *from, const char *to)
{
	struct node **links[LEVELS];
	const struct node *node = find(partitions, table->id, from, links);
	if (!node)
		return true;
	if (!add(partitions, table, to, node->forever, node->since_ns))
		return false;
	unlink_node(find(partitions, table->id, from, links), links);
	return true;
}

bool map_partitions_rename(
	struct map_partitions *partitions, const struct ddb_table *table, const char *from, const char *to)
{
	pthread_mutex_lock(&partitions->lock);
	bool renamed = rename_entry(partitions, table, from, to);
	pthread_mutex_unlock(&partitions->lock);
	return renamed;
}

/* Gives back the node that has its place now. */
static struct node *rename_node(
	struct map_partitions *partitions, struct node *node, const struct ddb_table *table)
{
	struct node **links[LEVELS];
	struct node *renamed = node_new(partitions, table, node->entry);
	if (!renamed)
		return node;
	renamed->forever = node->forever;
	renamed->since_ns = node->since_ns;
	renamed->order = node->order;
	(void)find(partitions, node->table, node->entry, links);
	unlink_node(node, links);
	(void)find(partitions, renamed->table, renamed->entry, links);
	link_node(renamed, links);
	return renamed;
}

void map_partitions_rename_table(struct map_partitions *partitions, uint32_t table, const char *name)
{
	struct ddb_table renamed = {.id = table};
	snprintf(renamed.name, sizeof(renamed.name), "%s", name);
	pthread_mutex_lock(&partitions->lock);
	struct node *node = seek(partitions, table, "", NULL);
	for (; node && node->table == table; node = node->next[0])
		node = rename_node(partitions, node, &renamed);
	pthread_mutex_unlock(&partitions->lock);
}

uint64_t map_partitions_order(struct map_partitions *partitions)
{
	pthread_mutex_lock(&partitions->lock);
	uint64_t order = partitions->order;
	pthread_mutex_unlock(&partitions->lock);
	return order;
}

/* ---- Time ---- */

/* What one step of a tick looks at: a copy, for judging takes time. */
struct candidate {
	struct map_remembered remembered;
	int64_t since_ns;
	char entry[ENTRY_BYTES], table_name[DDB_TABLE_NAME_MAX + 1];
};

static void describe(const struct node *node, int64_t now_ns, struct candidate *ret)
{
	strcpy(ret->entry, node->entry);
	strcpy(ret->table_name, node->table_name);
	ret->since_ns = node->since_ns;
	ret->remembered = (struct map_remembered){
		.table = node->table,
		.table_name = ret->table_name,
		.entry = ret->entry,
		.lingered = !node->forever && now_ns - node->since_ns >= linger_ns,
		.fresh = now_ns - node->since_ns < fresh_ns,
	};
}

/* The next one behind where the last tick or step was; false at the end, where the next tick begins anew. */
static bool next_candidate(struct map_partitions *partitions, int64_t now_ns, struct candidate *ret)
{
	pthread_mutex_lock(&partitions->lock);
	struct node *node = seek(partitions, partitions->tick_table, partitions->tick_entry, NULL);
	if (node && !compare(node, partitions->tick_table, partitions->tick_entry))
		node = node->next[0];
	partitions->tick_table = node ? node->table : 0;
	strcpy(partitions->tick_entry, node ? node->entry : "");
	if (node) {
		if (node->since_ns > now_ns)
			node->since_ns = now_ns; /* the clock was set back */
		describe(node, now_ns, ret);
	}
	pthread_mutex_unlock(&partitions->lock);
	return node;
}

/* Unless it was added again meanwhile. */
static bool forget(struct map_partitions *partitions, const struct candidate *candidate)
{
	struct node **links[LEVELS];
	pthread_mutex_lock(&partitions->lock);
	struct node *node = find(partitions, candidate->remembered.table, candidate->entry, links);
	bool same = node && node->since_ns == candidate->since_ns;
	if (same)
		unlink_node(node, links);
	pthread_mutex_unlock(&partitions->lock);
	return same;
}

void map_partitions_tick(struct map_partitions *partitions, int64_t now_ns,
	enum map_verdict (*judge)(void *context, const struct map_remembered *remembered),
	void (*gone)(void *context, const struct map_remembered *remembered), void *context)
{
	struct candidate candidate;
	for (unsigned i = 0; i < TICK_ENTRIES && next_candidate(partitions, now_ns, &candidate); i++) {
		enum map_verdict verdict = judge(context, &candidate.remembered);
		if (verdict != MAP_KEEP && forget(partitions, &candidate) && verdict == MAP_FORGET_AND_TELL)
			gone(context, &candidate.remembered);
	}
}
