/*
 * A list in the order of commits, and chains by a hash of the name.
 */
#include "mapping/view/committed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 4096 };

struct entry {
	struct entry *next; /* in its chain */
	struct entry *older, *newer;
	uint64_t number;
	int64_t since_ns;
	char name[];
};

struct map_committed {
	pthread_mutex_t lock;
	struct entry *chains[CHAINS];
	struct entry *oldest, *newest;
	size_t count;
	uint64_t number;
};

struct map_committed *map_committed_new(void)
{
	struct map_committed *committed = calloc(1, sizeof(*committed));
	if (!committed)
		return NULL;
	if (pthread_mutex_init(&committed->lock, NULL)) {
		free(committed);
		return NULL;
	}
	return committed;
}

void map_committed_free(struct map_committed *committed)
{
	struct entry *newer;
	if (!committed)
		return;
	for (struct entry *entry = committed->oldest; entry; entry = newer) {
		newer = entry->newer;
		free(entry);
	}
	pthread_mutex_destroy(&committed->lock);
	free(committed);
}

/* ---- The lock is held ---- */

/* The link that leads to the name, or to the end of its chain. */
static struct entry **find(struct map_committed *committed, const char *name)
{
	uint32_t hash = 2166136261u;
	for (const char *byte = name; *byte; byte++)
		hash = (hash ^ (unsigned char)*byte) * 16777619u;
	struct entry **link = &committed->chains[(hash ^ hash >> 16) % CHAINS];
	while (*link && strcmp((*link)->name, name))
		link = &(*link)->next;
	return link;
}

static void drop(struct map_committed *committed, struct entry **link)
{
	struct entry *entry = *link;
	*link = entry->next;
	*(entry->older ? &entry->older->newer : &committed->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &committed->newest) = entry->older;
	committed->count--;
	free(entry);
}

static struct entry *entry_new(struct map_committed *committed, const char *name, int64_t now_ns)
{
	size_t size = strlen(name) + 1;
	struct entry *entry = malloc(sizeof(*entry) + size);
	if (!entry)
		return NULL;
	*entry =
		(struct entry){.older = committed->newest, .number = ++committed->number, .since_ns = now_ns};
	memcpy(entry->name, name, size);
	return entry;
}

static void add(struct map_committed *committed, const char *name, int64_t now_ns)
{
	struct entry **link = find(committed, name);
	if (*link)
		drop(committed, link);
	if (committed->count == MAP_COMMITTED_MAX)
		drop(committed, find(committed, committed->oldest->name));
	struct entry *entry = entry_new(committed, name, now_ns);
	if (!entry)
		return;
	*find(committed, name) = entry;
	*(entry->older ? &entry->older->newer : &committed->oldest) = entry;
	committed->newest = entry;
	committed->count++;
}

/* ---- From outside ---- */

void map_committed_add(struct map_committed *committed, const char *name, int64_t now_ns)
{
	pthread_mutex_lock(&committed->lock);
	add(committed, name, now_ns);
	pthread_mutex_unlock(&committed->lock);
}

bool map_committed_find(struct map_committed *committed, const char *name, int64_t *ret_since_ns)
{
	pthread_mutex_lock(&committed->lock);
	const struct entry *entry = *find(committed, name);
	if (entry && ret_since_ns)
		*ret_since_ns = entry->since_ns;
	pthread_mutex_unlock(&committed->lock);
	return entry;
}

bool map_committed_remove(struct map_committed *committed, const char *name)
{
	pthread_mutex_lock(&committed->lock);
	struct entry **link = find(committed, name);
	bool found = *link;
	if (found)
		drop(committed, link);
	pthread_mutex_unlock(&committed->lock);
	return found;
}

size_t map_committed_list(
	struct map_committed *committed, uint64_t after, size_t max, struct map_committed_name *ret)
{
	size_t count = 0;
	pthread_mutex_lock(&committed->lock);
	for (const struct entry *entry = committed->oldest; entry && count < max; entry = entry->newer) {
		if (entry->number <= after)
			continue;
		ret[count].number = entry->number;
		strcpy(ret[count++].name, entry->name);
	}
	pthread_mutex_unlock(&committed->lock);
	return count;
}

bool map_committed_expire(struct map_committed *committed, int64_t now_ns, char ret[256])
{
	const int64_t kept_ns = (int64_t)MAP_COMMITTED_SECONDS * 1000000000;
	pthread_mutex_lock(&committed->lock);
	const struct entry *oldest = committed->oldest;
	bool over = oldest && now_ns - oldest->since_ns >= kept_ns;
	if (over) {
		strcpy(ret, oldest->name);
		drop(committed, find(committed, ret));
	}
	pthread_mutex_unlock(&committed->lock);
	return over;
}
