#include "tools/trigger/command.h"

#include "tools/trigger/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool write_all(int file, const char *bytes, size_t length)
{
	while (length) {
		ssize_t written = write(file, bytes, length);
		if (written < 0 && errno != EINTR)
			return false;
		bytes += written > 0 ? written : 0;
		length -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

/* -1, with errno. */
static int make_input(const char *event, size_t length)
{
	enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
	int file = memfd_create("event", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (file >= 0 && write_all(file, event, length) && !fcntl(file, F_ADD_SEALS, SEALS) &&
		!lseek(file, 0, SEEK_SET))
		return file;
	int number = errno;
	if (file >= 0)
		close(file);
	errno = number;
	return -1;
}

/* Signals are as they are for any program: what the trigger blocks and ignores is its own. */
static int set_signals(posix_spawnattr_t *attributes)
{
	sigset_t none, defaults;
	int error;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	error = posix_spawnattr_setsigmask(attributes, &none);
	error = error ? error : posix_spawnattr_setsigdefault(attributes, &defaults);
	error = error ? error : posix_spawnattr_setpgroup(attributes, 0);
	return error ? error
		     : posix_spawnattr_setflags(attributes,
			       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int spawn(pid_t *ret, char *const *words, int input, int guard)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (!error) {
		error = set_signals(&attributes);
		error = error ? error : posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
		/* To itself: then it is not closed. */
		error = error ? error : posix_spawn_file_actions_adddup2(&actions, guard, guard);
		error = error ? error : posix_spawnp(ret, words[0], &actions, &attributes, words, environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

int trigger_command_start(
	struct trigger_command *command, char *const *words, int guard, const char *event, size_t length)
{
	int input = make_input(event, length), error;
	pid_t pid = 0;

	error = input < 0 ? errno : spawn(&pid, words, input, guard);
	if (input >= 0)
		close(input);
	if (error)
		trigger_checkpoint_release(guard);
	else
		*command = (struct trigger_command){pid, guard};
	return error;
}

bool trigger_command_ended(struct trigger_command *command, int *ret_status)
{
	if (waitpid(command->pid, ret_status, WNOHANG) != command->pid)
		return false;
	trigger_checkpoint_release(command->guard);
	command->pid = 0;
	return true;
}

void trigger_command_kill(const struct trigger_command *command)
{
	kill(-command->pid, SIGKILL);
	kill(command->pid, SIGKILL); /* it may have gone to another group */
}

void trigger_command_describe(int status, char *ret, size_t room)
{
	if (WIFSIGNALED(status))
		snprintf(ret, room, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(ret, room, "exit status %d", WEXITSTATUS(status));
}
