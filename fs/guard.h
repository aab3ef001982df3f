/*
 * What becomes of a mount whose process dies. A thread that tells the kernel of a name waits, without ear for
 * any signal, for the name's directory, which a request may hold that nobody will answer any more; and while
 * the thread waits the kernel believes that somebody is there. So a second process, which does nothing else,
 * hears of the first one's death and aborts the connection.
 */
#ifndef FS_GUARD_H
#define FS_GUARD_H

#include <sys/types.h>

/* For what has just been mounted there; from the process's first thread. 0: the kernel lets nobody abort it,
 * or there is no process to be had. */
pid_t fs_guard_start(const char *mountpoint);
/* Aborts the connection now, as if we had died. */
void fs_guard_abort(pid_t guard);
void fs_guard_stop(pid_t guard);

#endif
