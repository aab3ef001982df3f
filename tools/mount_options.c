#include "tools/mount_options.h"

#include "tools/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_flag(struct mount_options *options, const struct mount_option *row, const char *value)
{
	(void)value;
	*(bool *)((char *)options + row->offset) = true;
	return 0;
}

/* Of an option and its contrary the last one counts. */
static int clear_flag(struct mount_options *options, const struct mount_option *row, const char *value)
{
	(void)value;
	*(bool *)((char *)options + row->offset) = false;
	return 0;
}

static int set_text(struct mount_options *options, const struct mount_option *row, const char *value)
{
	if (!*value)
		return EINVAL;
	*(const char **)((char *)options + row->offset) = value;
	return 0;
}

static int read_number(const char *value, int base, uint64_t max, uint64_t *ret)
{
	char *end;

	if (*value < '0' || *value > '9')
		return EINVAL;
	errno = 0;
	*ret = strtoull(value, &end, base);
	return errno || *end || *ret > max ? EINVAL : 0;
}

static int set_id(struct mount_options *options, const struct mount_option *row, const char *value)
{
	uint64_t number;
	int error = read_number(value, 10, UINT32_MAX - 1, &number);

	if (!error)
		*(uint32_t *)((char *)options + row->offset) = (uint32_t)number;
	return error;
}

static int set_umask(struct mount_options *options, const struct mount_option *row, const char *value)
{
	uint64_t number;
	int error = read_number(value, 8, 0777, &number);

	(void)row;
	if (!error)
		options->umask = (mode_t)number;
	return error;
}

static int set_count(struct mount_options *options, const struct mount_option *row, const char *value)
{
	uint64_t number;
	int error = read_number(value, 10, INT64_MAX, &number);

	if (!error && number < 1)
		error = EINVAL;
	if (!error)
		*(uint64_t *)((char *)options + row->offset) = number;
	return error;
}

/* Bytes, or K, M, G of them. */
static int set_bytes(struct mount_options *options, const struct mount_option *row, const char *value)
{
	static const char units[] = "KMG";
	char *end;
	const char *unit;
	uint64_t number;
	unsigned shift = 0;

	errno = 0;
	if (*value < '0' || *value > '9')
		return EINVAL;
	number = strtoull(value, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
	}
	if (errno || *end || number < 1 || number > (uint64_t)INT64_MAX >> shift)
		return EINVAL;
	*(uint64_t *)((char *)options + row->offset) = number << shift;
	return 0;
}

/* Seconds, or minutes or hours. */
static int set_seconds(struct mount_options *options, const struct mount_option *row, const char *value)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
	uint64_t number, unit = 1;
	char *end;

	errno = 0;
	if (*value < '0' || *value > '9')
		return EINVAL;
	number = strtoull(value, &end, 10);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (*end && *end == units[i].letter) {
			unit = units[i].seconds;
			end++;
			break;
		}
	if (errno || *end || number < 1 || number > UINT32_MAX / unit)
		return EINVAL;
	*(uint64_t *)((char *)options + row->offset) = number * unit;
	return 0;
}

static int set_limit(struct mount_options *options, const struct mount_option *row, const char *value)
{
	uint64_t number;
	int error = read_number(value, 10, 10000000, &number);

	if (!error && number < 1)
		error = EINVAL;
	if (!error)
		*(uint64_t *)((char *)options + row->offset) = number;
	return error;
}

static int pass_on(struct mount_options *options, const struct mount_option *row, const char *value)
{
	size_t length = strlen(options->kernel);

	(void)value;
	if (length + strlen(row->name) + 2 > sizeof options->kernel)
		return E2BIG;
	snprintf(options->kernel + length, sizeof options->kernel - length, "%s%s", length ? "," : "",
		row->name);
	return 0;
}

/* The kernel's part of a mount could be changed, ours could not. */
static int refuse_remount(struct mount_options *options, const struct mount_option *row, const char *value)
{
	(void)options, (void)row, (void)value;
	return EBUSY;
}

static int ignore(struct mount_options *options, const struct mount_option *row, const char *value)
{
	(void)options, (void)row, (void)value;
	return 0;
}

#define MEMBER(name) offsetof(struct mount_options, name)

const struct mount_option mount_option_rows[] = {
	{"keyfile", "FILE", "the master key, if it is not STORE/master.key", set_text, MEMBER(keyfile)},
	{"uid", "N", "owner of everything shown (default: the caller's)", set_id, MEMBER(uid)},
	{"gid", "N", "group of everything shown (default: the caller's)", set_id, MEMBER(gid)},
	{"umask", "OCTAL", "permission bits taken away (default: 022)", set_umask, MEMBER(umask)},
	{"allow_other", NULL, "let other users in, as owner and mode permit", set_flag, MEMBER(allow_other)},
	{"ro", NULL, "nothing is written, and every change refused", set_flag, MEMBER(read_only)},
	{"sync", NULL, "every close survives power loss, not only kill -9", set_flag, MEMBER(sync)},
	{"nodes", "N", "names that the kernel may hold at once (default: 1000000)", set_count, MEMBER(nodes)},
	{"scratch", "SIZE", "bytes of all scratch files, K, M or G (default: 1G)", set_bytes,
		MEMBER(scratch)},
	{"ttl_interval", "N", "seconds within which expired items are removed (default: 60)", set_count,
		MEMBER(ttl_interval)},
	{"hide_expired", NULL, "expired items are not shown while they are there", set_flag,
		MEMBER(hide_expired)},
	{"snapshot_max", "TIME", "how long a snapshot or transaction lasts, s, m or h (default: 1h)",
		set_seconds, MEMBER(snapshot_max)},
	{"txn_max_items", "N", "changed items and conditions of a transaction (default: 100)", set_limit,
		MEMBER(txn_max_items)},
	{"trace", "FILE", "append a JSON line to FILE for each call of the engine", set_text, MEMBER(trace)},
	{"rw", NULL, NULL, clear_flag, MEMBER(read_only)},
	{"async", NULL, NULL, clear_flag, MEMBER(sync)},
	{"noexec", NULL, NULL, pass_on, 0},
	{"exec", NULL, NULL, pass_on, 0},
	{"noatime", NULL, NULL, pass_on, 0},
	{"atime", NULL, NULL, pass_on, 0},
	{"dirsync", NULL, NULL, pass_on, 0},
	{"remount", NULL, NULL, refuse_remount, 0},
	{"nodev", NULL, NULL, ignore, 0},
	{"dev", NULL, NULL, ignore, 0},
	{"nosuid", NULL, NULL, ignore, 0},
	{"suid", NULL, NULL, ignore, 0},
	{"default_permissions", NULL, NULL, ignore, 0},
	{"diratime", NULL, NULL, ignore, 0},
	{"nodiratime", NULL, NULL, ignore, 0},
	{"relatime", NULL, NULL, ignore, 0},
	{"norelatime", NULL, NULL, ignore, 0},
	{"strictatime", NULL, NULL, ignore, 0},
	{"nostrictatime", NULL, NULL, ignore, 0},
	{"lazytime", NULL, NULL, ignore, 0},
	{"nolazytime", NULL, NULL, ignore, 0},
	{"iversion", NULL, NULL, ignore, 0},
	{"noiversion", NULL, NULL, ignore, 0},
	{"mand", NULL, NULL, ignore, 0},
	{"nomand", NULL, NULL, ignore, 0},
	{"silent", NULL, NULL, ignore, 0},
	{"loud", NULL, NULL, ignore, 0},
	{"symfollow", NULL, NULL, ignore, 0},
	{"nosymfollow", NULL, NULL, ignore, 0},
	{"defaults", NULL, NULL, ignore, 0},
	{"auto", NULL, NULL, ignore, 0},
	{"noauto", NULL, NULL, ignore, 0},
	{"user", NULL, NULL, ignore, 0},
	{"users", NULL, NULL, ignore, 0},
	{"nouser", NULL, NULL, ignore, 0},
	{"owner", NULL, NULL, ignore, 0},
	{"group", NULL, NULL, ignore, 0},
	{"_netdev", NULL, NULL, ignore, 0},
	{"nofail", NULL, NULL, ignore, 0},
};
const size_t mount_option_count = sizeof mount_option_rows / sizeof *mount_option_rows;

static const struct mount_option *find(const char *name)
{
	for (size_t i = 0; i < mount_option_count; i++)
		if (!strcmp(mount_option_rows[i].name, name))
			return &mount_option_rows[i];
	return NULL;
}

static bool read_one(struct mount_options *options, char *text)
{
	char *value = strchr(text, '=');
	const struct mount_option *row;

	if (!*text || !strncmp(text, "x-", 2))
		return true;
	if (value)
		*value++ = 0;
	row = find(text);
	if (!row) {
		command_failed("unknown mount option '%s'", text);
		return false;
	}
	if (!row->argument != !value) {
		command_failed("mount option '%s' takes %s value", text, row->argument ? "a" : "no");
		return false;
	}
	switch (row->set(options, row, value)) {
	case 0:
		return true;
	case EBUSY:
		command_failed("mount option '%s': the options of a mount stay: unmount it first", text);
		return false;
	default:
		command_failed("mount option '%s': bad value '%s'", text, value ? value : "");
		return false;
	}
}

bool mount_options_read(struct mount_options *options, char *text)
{
	char *rest = text, *option;

	while ((option = strsep(&rest, ",")))
		if (!read_one(options, option))
			return false;
	return true;
}
