/*
 * A map over a local engine in a directory of its own, with tables of every kind that names are looked for
 * in. Made at the first use, kept for the process.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "mapping/file.h"
#include "mapping/tree.h"

struct fuzz_world {
	struct ddb_engine *engine;
	struct map *map;
};

extern const struct map_caller fuzz_caller;

/*
 * Simple (id: S), Both (id: S, at: N), Bytes (id: B, at: B), each with items, one of a long name; New, Loose
 * and Pairs, provisional: of neither kind, simple, with a sort key; scratch files in all of them.
 */
const struct fuzz_world *fuzz_world(void);

/* The document as an item; false: refused. */
bool fuzz_world_item(struct ddb_arena *arena, enum ddb_rendering rendering, const char *text, size_t length,
	struct ddb_value *ret);
/* The whole of a file, to be freed; NULL: it cannot be opened, *ret_length is the errno. */
char *fuzz_world_text(const char *path, size_t *ret_length);
void fuzz_world_write(const char *path, const char *text);

#endif
