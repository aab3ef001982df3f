/* What the tools share: which kind of thing an argument names, and opening a local store. */
#include "tools/command.h"

#include "engine/local/local.h"
#include "mapping/map.h"

#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

enum {
	FUSE_MAGIC = 0x65735546,
	PATIENCE = 500, /* times 20 ms */
};

bool is_mount(const char *path)
{
	char status[4096];
	struct statfs filesystem;
	struct stat st;

	if ((size_t)snprintf(status, sizeof status, "%s/.status", path) >= sizeof status)
		return false;
	return !statfs(path, &filesystem) && filesystem.f_type == FUSE_MAGIC && !stat(status, &st) &&
	       S_ISREG(st.st_mode);
}

bool is_view(const char *path)
{
	char *mount = realpath(path, NULL);
	char *name = mount ? strrchr(mount, '/') : NULL, *kind = NULL;
	bool found = false;

	if (name) {
		*name = '\0';
		kind = strrchr(mount, '/');
	}
	if (kind && (!strcmp(kind, "/.txn") || !strcmp(kind, "/.snapshot"))) {
		*kind = '\0';
		found = is_mount(*mount ? mount : "/");
	}
	free(mount);
	return found;
}

bool is_endpoint(const char *store)
{
	return !strncmp(store, "https://", 8) || !strncmp(store, "http://", 7) || !strncmp(store, "aws:", 4);
}

static bool is_mounted(const char *mountpoint)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	bool found = false;

	while (mounts && !found && (entry = getmntent(mounts)))
		found = !strcmp(entry->mnt_type, "fuse.dynamount") && !strcmp(entry->mnt_dir, mountpoint);
	if (mounts)
		endmntent(mounts);
	return found;
}

/* Whether the owner that the message names is on its way out (or in): one that serves its mount, or works on
 * the store without one, is not. */
static bool is_passing(const char *message)
{
	static const char mounted[] = ", mounted at ", process[] = " in use by process ";
	const char *mountpoint = strstr(message, mounted);

	return mountpoint ? !is_mounted(mountpoint + strlen(mounted)) : !strstr(message, process);
}

enum ddb_code try_patiently(const char *path, store_attempt *attempt, void *context, struct ddb_error *err)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000};
	enum ddb_code code;

	for (int tries = 0;; tries++) {
		code = attempt(path, context, err);
		if (code != DDB_RESOURCE_IN_USE || tries == PATIENCE || !is_passing(err->message))
			return code;
		nanosleep(&pause, NULL);
	}
}

struct opening {
	const struct ddb_local_options *options;
	struct ddb_engine *engine;
};

static enum ddb_code try_opening(const char *path, void *context, struct ddb_error *err)
{
	struct opening *opening = context;

	return ddb_local_open(path, opening->options, &opening->engine, err);
}

enum ddb_code open_patiently(const char *path, const struct ddb_local_options *options,
	struct ddb_engine **ret, struct ddb_error *err)
{
	struct opening opening = {options, NULL};
	enum ddb_code code = try_patiently(path, try_opening, &opening, err);

	if (!code)
		*ret = opening.engine;
	return code;
}

struct ddb_engine *open_store(const char *path, const char *keyfile, bool must_exist, bool read_only)
{
	const struct ddb_local_options options = {.keyfile = keyfile,
		.must_exist = must_exist,
		.read_only = read_only,
		.hooks = &map_rendering_hooks};
	struct ddb_engine *engine;
	struct ddb_error error;

	if (is_endpoint(path)) {
		command_failed("%s: this version opens local stores only", path);
		return NULL;
	}
	if (!open_patiently(path, &options, &engine, &error))
		return engine;
	command_failed("%s", error.message);
	return NULL;
}
