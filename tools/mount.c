/*
 * dynamount mount: opens the store, mounts, and serves until unmounted. In the background a child does all of
 * that (an LMDB environment must not cross a fork); the parent waits until the mount answers, and exits with
 * the outcome. Only in the foreground a service manager is told: else the environment is that of whoever
 * called us, and the socket in it for him to speak by.
 */
#include "tools/command.h"
#include "tools/mount_options.h"
#include "tools/supervisor.h"

#include "engine/local/local.h"
#include "engine/trace/trace.h"
#include "fs/fs.h"
#include "mapping/map.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOUNT_OPTION, MOUNT_FOREGROUND, MOUNT_DEBUG };

const struct option_row mount_rows[] = {
	[MOUNT_OPTION] = {'o', NULL, "OPT,…", "mount options, see below"},
	[MOUNT_FOREGROUND] = {'f', NULL, NULL, "stay in the foreground"},
	[MOUNT_DEBUG] = {'d', NULL, NULL, "print every request on stderr; implies -f"},
	{0},
};

void mount_details(void)
{
	printf("\nMount options:\n");
	for (size_t i = 0; i < mount_option_count; i++) {
		const struct mount_option *row = &mount_option_rows[i];
		char text[64];
		snprintf(text, sizeof text, "%s%s%s", row->name, row->argument ? "=" : "",
			row->argument ? row->argument : "");
		if (row->help)
			printf("  %-26s %s\n", text, row->help);
	}
	printf("\nUnmount with `umount MOUNTPOINT` or `fusermount3 -u MOUNTPOINT`.\n");
}

struct mount {
	char *store, *mountpoint; /* absolute */
	struct mount_options options;
	char *keyfile, *trace; /* absolute, or NULL */
	bool foreground, debug;
	int ready_fd; /* in the background: told when the mount answers; else -1 */
};

/* The absolute path of something that exists (and answers). */
static char *absolute(const char *path)
{
	char *real = realpath(path, NULL);

	if (!real)
		command_failed("%s: %s", path, strerror(errno));
	return real;
}

/* Of something whose last component may not exist yet. */
static char *absolute_new(const char *path)
{
	char *copy = strdup(path), *slash, *parent, *result = NULL;
	size_t length = copy ? strlen(copy) : 0;

	if (!length) {
		command_failed("'%s': %s", path, strerror(copy ? ENOENT : ENOMEM));
		free(copy);
		return NULL;
	}
	while (length > 1 && copy[length - 1] == '/')
		copy[--length] = 0;
	slash = strrchr(copy, '/');
	if (slash)
		*slash = 0;
	parent = absolute(!slash ? "." : *copy ? copy : "/");
	if (parent &&
		asprintf(&result, "%s/%s", strcmp(parent, "/") ? parent : "", slash ? slash + 1 : copy) < 0)
		result = NULL;
	free(parent);
	free(copy);
	return result;
}

/* Absolute paths; what is the same is below, too. */
static bool is_below(const char *path, const char *above)
{
	size_t length = strcmp(above, "/") ? strlen(above) : 0;

	return !strncmp(path, above, length) && (!path[length] || path[length] == '/');
}

static bool detach_dead(const char *mountpoint)
{
	if (fs_detach_dead(mountpoint))
		return true;
	command_failed("%s: left behind by a dead process, and it cannot be detached", mountpoint);
	return false;
}

static bool find_paths(struct mount *mount, const char *store, const char *mountpoint)
{
	struct stat st;

	if (is_endpoint(store)) {
		command_failed("%s: this version mounts local stores only", store);
		return false;
	}
	if (!detach_dead(mountpoint))
		return false;
	mount->store = stat(store, &st) ? absolute_new(store) : absolute(store);
	mount->mountpoint = mount->store ? absolute(mountpoint) : NULL;
	if (!mount->mountpoint)
		return false;
	if (stat(mount->mountpoint, &st) || !S_ISDIR(st.st_mode)) {
		command_failed("%s: not a directory", mountpoint);
		return false;
	}
	if (is_below(mount->store, mount->mountpoint)) {
		command_failed("%s: the store lies below the mountpoint", store);
		return false;
	}
	return true;
}

static void say_ready(void *context)
{
	struct mount *mount = context;
	int null;

	if (mount->foreground)
		supervisor_tell("READY=1");
	if (mount->ready_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	if (write(mount->ready_fd, "", 1) < 0)
		return; /* the parent is gone: nobody waits */
	close(mount->ready_fd);
	mount->ready_fd = -1;
}

/* Nobody may be told by an error for a long time. */
static void say_notice(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "dynamount: %s\n", text);
}

static struct ddb_engine *open_engine(const struct mount *mount)
{
	const struct ddb_local_options options = {.keyfile = mount->keyfile,
		.mountpoint = mount->mountpoint,
		.sync = mount->options.sync,
		.read_only = mount->options.read_only,
		.scratch_max = mount->options.scratch,
		.ttl_interval = mount->options.ttl_interval,
		.hide_expired = mount->options.hide_expired,
		.view_seconds = (unsigned)mount->options.snapshot_max,
		.notice = say_notice,
		.hooks = &map_rendering_hooks};
	struct ddb_engine *engine, *traced;
	struct ddb_error error;

	if (open_patiently(mount->store, &options, &engine, &error)) {
		command_failed("%s", error.message);
		return NULL;
	}
	if (!mount->trace)
		return engine;
	if (!ddb_trace_open(engine, mount->trace, &traced, &error))
		return traced;
	command_failed("%s", error.message);
	engine->ops->close(engine);
	return NULL;
}

static int serve(struct mount *mount, struct ddb_engine *engine)
{
	const struct fs_options fs_options = {.mountpoint = mount->mountpoint,
		.source = mount->store,
		.data_path = mount->store,
		.uid = mount->options.uid,
		.gid = mount->options.gid,
		.umask = mount->options.umask,
		.allow_other = mount->options.allow_other,
		.read_only = mount->options.read_only,
		.debug = mount->debug,
		.nodes = mount->options.nodes,
		.mount_options = *mount->options.kernel ? mount->options.kernel : NULL,
		.ready = say_ready,
		.context = mount};
	struct fs *fs = fs_new(&fs_options);
	struct map_options map_options = {.read_only = mount->options.read_only,
		.sync = mount->options.sync,
		.mountpoint = mount->mountpoint,
		.txn_max_items = (unsigned)mount->options.txn_max_items,
		.changed = fs_changed,
		.enter = fs_enter,
		.leave = fs_leave,
		.stirred = mount->options.read_only ? NULL : fs_stirred, /* nothing will */
		.status = fs_status,
		.context = fs};
	struct map *map = fs ? map_new(engine, &map_options) : NULL;
	int error = map ? fs_run(fs, map) : 0;

	if (map && mount->foreground)
		supervisor_tell("STOPPING=1");
	map_free(map); /* which tells the session of news till then */
	fs_free(fs);
	if (!fs || !map)
		return EXIT_FAILED;
	return error ? command_failed("%s: %s", mount->mountpoint, strerror(error)) : EXIT_OK;
}

static int mount_here(struct mount *mount)
{
	struct ddb_engine *engine = open_engine(mount);
	int status;

	if (!engine)
		return EXIT_FAILED;
	/* Who had the store may have been dying on the same mountpoint while we looked. */
	status = detach_dead(mount->mountpoint) ? serve(mount, engine) : EXIT_FAILED;
	engine->ops->close(engine);
	return status;
}

static int mount_behind(struct mount *mount)
{
	int fds[2];
	char ready;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC))
		return command_failed("pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		return command_failed("fork: %s", strerror(errno));
	if (child > 0) {
		close(fds[1]);
		/* End of file without a byte: the child has said why on stderr. */
		return read(fds[0], &ready, 1) == 1 ? EXIT_OK : EXIT_FAILED;
	}
	close(fds[0]);
	mount->ready_fd = fds[1];
	setsid();
	if (chdir("/"))
		return command_failed("/: %s", strerror(errno));
	return mount_here(mount);
}

/* Files that options name are found from where we started, also after chdir. */
static bool make_absolute(const char *path, char **ret)
{
	*ret = !path ? NULL : *path == '/' ? strdup(path) : absolute_new(path);
	return !path || *ret;
}

static int mount_paths(struct mount *mount, const char *store, const char *mountpoint)
{
	if (!find_paths(mount, store, mountpoint) ||
		!make_absolute(mount->options.keyfile, &mount->keyfile) ||
		!make_absolute(mount->options.trace, &mount->trace))
		return EXIT_FAILED;
	return mount->foreground ? mount_here(mount) : mount_behind(mount);
}

int mount_run(const struct command *command, int argc, char **argv)
{
	struct mount mount = {.ready_fd = -1, .options = {.uid = getuid(), .gid = getgid(), .umask = 022}};
	const char *argument;
	int option, status;

	while ((option = command_option(command, argc, argv, &argument)) >= 0) {
		if (option == MOUNT_OPTION) {
			if (!mount_options_read(&mount.options, optarg))
				return EXIT_USAGE;
		} else {
			mount.foreground = true;
			mount.debug |= option == MOUNT_DEBUG;
		}
	}
	if (argc - optind != 2)
		return command_usage(command, "expected STORE and MOUNTPOINT");
	/* What they tell comes as an error of the write, too, and ends nobody's mount. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	status = mount_paths(&mount, argv[optind], argv[optind + 1]);
	free(mount.store);
	free(mount.mountpoint);
	free(mount.keyfile);
	free(mount.trace);
	return status;
}
