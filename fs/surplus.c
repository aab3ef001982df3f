#include "fs/session.h"

enum {
	BATCH = 512,      /* nodes in one message */
	SHARE = 64,       /* of the limit: so much below it is asked for, too */
	SLACK = 1024,     /* above the limit, before listings come without nodes */
	NOTIFY_PRUNE = 9, /* newer than our headers, as its body */
};

struct notify_prune {
	uint32_t count, padding;
	uint64_t spare;
};

/* Drops the entries of these inodes that nobody uses, whatever they are called; no lock of a directory is
 * needed. A number that is no longer known, or is another node's by now, does no harm. */
static void prune(struct fs *fs, uint64_t *numbers, uint32_t count)
{
	struct notify_prune body = {.count = count};

	(void)fs_transport_notify(fs, NOTIFY_PRUNE, &body, sizeof body, numbers, count * sizeof *numbers);
}

/* How many to ask for: none, or enough for a while. Those that were asked for are on their way. */
static uint64_t surplus(const struct fs *fs)
{
	uint64_t held = fs->nodes.count - fs->nodes.returned, limit = fs->options.nodes;

	return held > limit ? held - limit + limit / SHARE : 0;
}

/* What is in use at the moment stays; its turn comes again. */
static uint32_t take(struct fs *fs, uint64_t wanted, uint64_t numbers[BATCH])
{
	struct fs_node *node;
	uint32_t count = 0;

	while (count < wanted && count < BATCH && (node = fs_node_return(&fs->nodes))) {
		numbers[count++] = fs_number_of(fs, node);
		/* Older kernels are asked by name, which would part a process from its working directory. */
		if (!fs->can_prune && !node->directory)
			fs_notify_entry(fs, node->parent, node->name);
	}
	return count;
}

bool fs_surplus_return(struct fs *fs)
{
	uint64_t numbers[BATCH], wanted;
	uint32_t count;
	bool room;

	pthread_mutex_lock(&fs->nodes.lock);
	wanted = surplus(fs);
	room = fs->nodes.count < (uint64_t)fs->options.nodes + SLACK;
	pthread_mutex_unlock(&fs->nodes.lock);
	for (; wanted; wanted -= count) {
		pthread_mutex_lock(&fs->nodes.lock);
		count = take(fs, wanted, numbers);
		pthread_mutex_unlock(&fs->nodes.lock);
		if (!count)
			break;
		if (fs->can_prune)
			prune(fs, numbers, count);
	}
	return room;
}
