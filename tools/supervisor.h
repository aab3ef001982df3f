/*
 * The service manager that started us, if one did: it is told of our state by sd_notify(3)'s protocol, a
 * datagram to the socket that the environment names. Without NOTIFY_SOCKET nothing happens.
 */
#ifndef TOOLS_SUPERVISOR_H
#define TOOLS_SUPERVISOR_H

/* `state` is "READY=1", "STOPPING=1" or the like. A failure is told on stderr: the manager may give us up for
 * it. */
void supervisor_tell(const char *state);

#endif
