#include "fs/session.h"

#include <linux/fuse.h>
#include <sys/uio.h>

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
 * needed.
 */
static void prune(struct fs *fs, uint64_t *numbers, uint32_t count)
{
	struct notify_prune body = {.count = count};
	struct fuse_out_header header = {.error = NOTIFY_PRUNE};
	struct iovec parts[] = {
		{&header, sizeof header}, {&body, sizeof body}, {numbers, count * sizeof *numbers}};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		header.len += (uint32_t)parts[i].iov_len;
	/* A number that is no longer known, or is another node's by now, does no harm. */
	(void)!writev(fuse_session_fd(fs->session), parts, sizeof parts / sizeof *parts);
}

bool fs_surplus_full(struct fs *fs)
{
	bool full;

	pthread_mutex_lock(&fs->nodes.lock);
	full = fs->nodes.count >= (uint64_t)fs->options.nodes + SLACK;
	pthread_mutex_unlock(&fs->nodes.lock);
	return full;
}

/* How many to ask for now, and not one at a time. What was asked for already is on its way. */
static uint64_t surplus(const struct fs *fs)
{
	uint64_t held = fs->nodes.count - fs->nodes.returned, limit = fs->options.nodes;

	return held > limit ? held - limit + limit / SHARE : 0;
}

/* Takes up to BATCH nodes off the list; used again, they come back to it. */
static uint32_t take(struct fs *fs, uint64_t wanted, uint64_t numbers[BATCH])
{
	struct fs_nodes *nodes = &fs->nodes;
	uint32_t count = 0;

	for (; nodes->oldest && count < wanted && count < BATCH; count++) {
		struct fs_node *node = nodes->oldest;
		numbers[count] = fs_number_of(fs, node);
		fs_node_return(nodes, node);
		/* Older kernels are asked by name, which would part a process from its working directory. */
		if (!fs->can_prune && !node->directory)
			fs_notify_entry(fs, node->parent, node->name);
	}
	return count;
}

void fs_surplus_return(struct fs *fs)
{
	uint64_t numbers[BATCH], wanted;
	uint32_t count;

	do {
		pthread_mutex_lock(&fs->nodes.lock);
		wanted = surplus(fs);
		count = take(fs, wanted, numbers);
		pthread_mutex_unlock(&fs->nodes.lock);
		if (count && fs->can_prune)
			prune(fs, numbers, count);
	} while (count && count < wanted);
}
