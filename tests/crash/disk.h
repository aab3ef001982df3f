/*
 * A disk as the kernel and a power loss know it: files, each with what is certainly on the disk and the
 * operations that may be or not, and directories, each with the entries that are there and the changes that
 * may be or not. It follows a recording, record by record; at any point it can be written out as a power loss
 * may leave it. Nothing is assumed beyond POSIX: a sync of a file is no sync of its name, names of one
 * directory do not reach the disk in order, a file's size and its pages are apart. A page reaches the disk as
 * it was after any of the writes to it, or sector by sector.
 */
#ifndef CRASH_DISK_H
#define CRASH_DISK_H

#include "tests/crash/recording.h"

#include <stdbool.h>

enum disk_fate { /* of what was not synced */
	DISK_DROPPED,
	DISK_KEPT,
	DISK_HEADS,   /* of files the first two pages, and no others */
	DISK_PAGES,   /* any versions of the pages */
	DISK_SECTORS, /* any versions of the sectors */
};

struct disk_loss {
	enum disk_fate data, names; /* of names: dropped, kept, or any of them */
	uint64_t seed;
};

struct disk;

struct disk *disk_new(void);
void disk_apply(struct disk *disk, const struct record *record);
/* The file a record of a sync is about: its last name, or "". */
const char *disk_name(const struct disk *disk, uint64_t ino);
/* Writes the disk out into an empty directory. */
void disk_write(const struct disk *disk, const struct disk_loss *loss, const char *path);
/* The same (all kept) as a recording: its beginning, for the directory `path` that it was written into. */
void disk_record(const char *path, const char *log);
/* Whether a real directory is as the disk is when all is kept, but for files named `except`; else says what
 * is not. */
bool disk_compare(const struct disk *disk, const char *path, const char *except);

/* The next number of a sequence that the seed decides. */
uint64_t disk_draw(uint64_t *seed, uint64_t below);

#endif
