/*
 * In which boot of the machine this program runs, as the store believes: whether a store that was not closed
 * is taken as it is or back to its last durable state depends on that. The linker puts boot.c in the place of
 * store_boot_id, and of what tells which mounting of the disk it is.
 */
#ifndef CRASH_BOOT_H
#define CRASH_BOOT_H

void boot_set(const char *id); /* borrowed; NULL: the machine's own */

#endif
