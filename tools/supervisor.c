#include "tools/supervisor.h"

#include "tools/command.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A path, or with an @ in front an abstract name, which has no end but its length. */
static int read_address(const char *name, struct sockaddr_un *ret, socklen_t *ret_length)
{
	size_t length = strlen(name);

	if ((*name != '/' && *name != '@') || length < 2)
		return EAFNOSUPPORT;
	if (length >= sizeof ret->sun_path)
		return ENAMETOOLONG;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret->sun_path, name, length);
	*ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	if (*name == '@')
		*ret->sun_path = 0;
	else
		(*ret_length)++;
	return 0;
}

static int send_state(const char *name, const char *state)
{
	struct sockaddr_un address;
	socklen_t length;
	int error = read_address(name, &address, &length), fd;

	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, length) < 0)
		error = errno;
	close(fd);
	return error;
}

void supervisor_tell(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int error = name && *name ? send_state(name, state) : 0;

	if (error)
		command_failed("NOTIFY_SOCKET %s: %s", name, strerror(error));
}
