#include "fs/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char connections[] = "/sys/fs/fuse/connections";

/* Whether it is mounted there or not: who may mount it sees it all the same. */
static int open_connections(void)
{
	int context = fsopen("fusectl", FSOPEN_CLOEXEC), result = -1;

	if (context < 0)
		return -1;
	if (!fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		result = fsmount(context, FSMOUNT_CLOEXEC, 0);
	close(context);
	return result;
}

/* The kernel's file to abort the connection by. It is that connection's for good: the number may be another
 * one's later. */
static int open_abort(const char *mountpoint)
{
	struct statx st;
	char path[64];
	int directory, result;

	/* Nobody answers questions about the root yet. */
	if (statx(AT_FDCWD, mountpoint, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st))
		return -1;
	snprintf(path, sizeof path, "%s/%u/abort", connections, st.stx_dev_minor);
	result = open(path, O_WRONLY | O_CLOEXEC);
	if (result >= 0)
		return result;
	directory = open_connections();
	if (directory < 0)
		return -1;
	snprintf(path, sizeof path, "%u/abort", st.stx_dev_minor);
	result = openat(directory, path, O_WRONLY | O_CLOEXEC);
	close(directory);
	return result;
}

/* All signals are blocked. Of the process that it was forked from it keeps nothing, least of all locks and
 * the mount. */
static void guard(int abort_fd, pid_t guarded)
{
	sigset_t death;

	sigemptyset(&death);
	sigaddset(&death, SIGUSR1);
	prctl(PR_SET_NAME, "mount-guard");
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	dup2(abort_fd, STDIN_FILENO);
	close_range(STDIN_FILENO + 1, ~0U, 0);
	if (chdir("/"))
		_exit(1);
	while (getppid() == guarded && sigwaitinfo(&death, NULL) != SIGUSR1)
		;
	if (write(STDIN_FILENO, "1", 1) < 0)
		_exit(1);
	_exit(0);
}

static pid_t crash_guard; /* a handler of signals is told nothing */

/*
 * A process that dumps its core first waits for its threads, and so for the one that waits in the kernel.
 */
static void on_crash(int number)
{
	fs_guard_abort(crash_guard);
	raise(number); /* back in the kernel's hands */
}

/* What somebody watches already, as sanitizers do, stays theirs. */
static void watch_crashes(void)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
	const struct sigaction watch = {.sa_handler = on_crash, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
	struct sigaction now;

	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		if (!sigaction(fatal[i], NULL, &now) && now.sa_handler == SIG_DFL)
			(void)sigaction(fatal[i], &watch, NULL);
}

pid_t fs_guard_start(const char *mountpoint)
{
	pid_t guarded = getpid(), child;
	sigset_t all, before;
	int abort_fd = open_abort(mountpoint);

	if (abort_fd < 0)
		return 0;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	child = fork();
	if (child == 0)
		guard(abort_fd, guarded);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(abort_fd);
	if (child <= 0)
		return 0;
	crash_guard = child;
	watch_crashes();
	return child;
}

void fs_guard_abort(pid_t guard_pid)
{
	if (guard_pid > 0)
		(void)kill(guard_pid, SIGUSR1);
}

void fs_guard_stop(pid_t guard_pid)
{
	if (guard_pid <= 0)
		return;
	crash_guard = 0;
	kill(guard_pid, SIGKILL);
	while (waitpid(guard_pid, NULL, 0) < 0 && errno == EINTR)
		;
}
