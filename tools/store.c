/* What the tools share: which kind of thing an argument names, and opening a local store. */
#include "tools/command.h"

#include "engine/local/local.h"
#include "mapping/map.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { FUSE_MAGIC = 0x65735546 };

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

bool is_endpoint(const char *store)
{
	return !strncmp(store, "https://", 8) || !strncmp(store, "http://", 7) || !strncmp(store, "aws:", 4);
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
	if (!ddb_local_open(path, &options, &engine, &error))
		return engine;
	command_failed("%s", error.message);
	return NULL;
}
