/* Threads of the session's own. Signals are for the one that waits for the end: these have them blocked. */
#ifndef FS_THREAD_H
#define FS_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* To be joined. False: there is no room for one more. */
bool fs_thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

#endif
