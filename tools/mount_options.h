/*
 * The options behind -o, as rows of one table that the parser, --help and the manual's check read.
 */
#ifndef TOOLS_MOUNT_OPTIONS_H
#define TOOLS_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mount_options {
	const char *keyfile, *trace;
	uid_t uid;
	gid_t gid;
	mode_t umask;
	bool allow_other, read_only, sync, hide_expired;
	uint64_t nodes, scratch, ttl_interval;
	uint64_t snapshot_max /* seconds */, txn_max_items;
	char kernel[1024]; /* generic options, for the kernel */
};

struct mount_option {
	const char *name;
	const char *argument; /* NULL: a flag */
	const char *help;     /* NULL: accepted, for mount(8)'s sake */
	int (*set)(struct mount_options *options, const struct mount_option *row, const char *value);
	size_t offset; /* of the member that `set` sets */
};
extern const struct mount_option mount_option_rows[];
extern const size_t mount_option_count;

/* The text behind one -o, which is changed; member strings point into it. False, with a message on stderr,
 * for a bad one. */
bool mount_options_read(struct mount_options *options, char *text);

#endif
