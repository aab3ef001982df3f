/* Extended attributes: what they mean is the map's. */
#include "fs/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Names that every `ls -l` and `cp` asks for and nobody here has: answered without a path, a lock or the map.
 */
static bool nobodys(const char *name)
{
	return strncmp(name, "user.", 5) != 0;
}

static void reply_value(fuse_req_t req, int error, const char *value, size_t size, size_t length)
{
	if (error)
		fuse_reply_err(req, error);
	else if (size)
		fuse_reply_buf(req, value, length);
	else
		fuse_reply_xattr(req, length);
}

void fs_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct map_caller caller = fs_caller(req);
	char path[MAP_PATH_MAX], *value;
	size_t length = 0;
	int error;

	if (nobodys(name)) {
		/* As a filesystem without ACLs and labels says it: `ls -l` then asks once, not for each file.
		 */
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	if (!fs_path_of(req, ino, path))
		return;
	value = malloc(size + 1);
	error = value ? map_getxattr(fs_of(req)->map, &caller, path, name, value, size, &length) : ENOMEM;
	reply_value(req, error, value, size, length);
	free(value);
}

void fs_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct map_caller caller = fs_caller(req);
	char path[MAP_PATH_MAX], *list;
	size_t length = 0;
	int error;

	if (!fs_path_of(req, ino, path))
		return;
	list = malloc(size + 1);
	error = list ? map_listxattr(fs_of(req)->map, &caller, path, list, size, &length) : ENOMEM;
	reply_value(req, error, list, size, length);
	free(list);
}

void fs_op_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct map_caller caller = fs_caller(req);
	char path[MAP_PATH_MAX];

	if (nobodys(name))
		fuse_reply_err(req, EOPNOTSUPP);
	else if (fs_path_of(req, ino, path))
		fuse_reply_err(req, map_setxattr(fs_of(req)->map, &caller, path, name, value, size, flags));
}

void fs_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct map_caller caller = fs_caller(req);
	char path[MAP_PATH_MAX];

	if (nobodys(name))
		fuse_reply_err(req, ENODATA);
	else if (fs_path_of(req, ino, path))
		fuse_reply_err(req, map_removexattr(fs_of(req)->map, &caller, path, name));
}
