/* Threads of the session's own. Signals are for the one that waits for the end: these have them blocked. */
#ifndef FS_THREAD_H
#define FS_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* To be joined. Its name, of up to 15 bytes, is for who looks at the process. False: there is no room for one
 * more. */
bool fs_thread_start(pthread_t *thread, const char *name, void *(*run)(void *context), void *context);

#endif
