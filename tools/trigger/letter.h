/*
 * Dead letters: the records that a trigger gives up, as JSON lines in a file. A line is on the disk when the
 * call returns; one that a sudden end has cut keeps to itself. One thread, but others may append to the same
 * file. What fails is printed.
 */
#ifndef TOOLS_TRIGGER_LETTER_H
#define TOOLS_TRIGGER_LETTER_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the file can be appended to; it is made if there is none. */
bool trigger_letter_check(const char *path);
/* `record`: JSON text. */
bool trigger_letter_write(
	const char *path, const char *reason, unsigned attempts, const char *record, size_t length);

#endif
