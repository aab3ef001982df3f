/*
 * The program that a trigger runs: started with an event as its standard input, in a process group of its
 * own, ended by the group. The event is a sealed file in memory, so that a program that reads none of it, or
 * reads it twice, is as good as any. One thread; whoever starts reaps (SIGCHLD).
 */
#ifndef TOOLS_TRIGGER_COMMAND_H
#define TOOLS_TRIGGER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct trigger_command {
	pid_t pid; /* 0: none runs */
	int guard; /* of the checkpoint */
};

/* `guard` becomes the command's. 0, or an errno: it cannot be started, which says nothing about the event. */
int trigger_command_start(struct trigger_command *command, char *const *words, int guard /* taken */,
	const char *event, size_t length);
/* Whether it has ended; *ret_status as from waitpid(2). */
bool trigger_command_ended(struct trigger_command *command, int *ret_status);
void trigger_command_kill(const struct trigger_command *command);
/* "exit status 1", "signal 9 (Killed)" */
void trigger_command_describe(int status, char *ret, size_t room);

#endif
