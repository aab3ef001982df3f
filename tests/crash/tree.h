/*
 * What a file of the tests' trees says, as one number: its value. A text of value V holds V and, as filling,
 * letters whose number and kind follow from V, so that a mixture of two texts shows. Values: 0 there is no
 * such file, 1 there is one (a directory; a file without V), from 2 on V. The engine's own scratch files,
 * which have no path, are called ~NAME.
 */
#ifndef CRASH_TREE_H
#define CRASH_TREE_H

#include "engine/engine.h"
#include "mapping/map.h"

enum { TREE_TEXT_MAX = 32 << 10 };
#define TREE_DAMAGED UINT64_MAX /* the text is none of ours, or cannot be read */

/* "V letters": the value of attribute v, and of a scratch file. */
size_t tree_text(uint64_t value, char ret[TREE_TEXT_MAX]);

struct ddb_scratch_name tree_scratch(const char *name);

uint64_t tree_value(struct ddb_engine *engine, struct map *map, const char *path);

#endif
