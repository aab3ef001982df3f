/*
 * Inside mapping/: how directories are listed. A listing is a row of sections, read one after another, each a
 * page at a time by key: an open directory holds no view of the store. directory.c keeps the pages, listing.c
 * fills them. A page or a fill belongs to the directory that is locked meanwhile.
 */
#ifndef MAP_DIRECTORY_H
#define MAP_DIRECTORY_H

#include "mapping/tree.h"

enum {
	MAP_PAGE_ENTRIES = 500,
	MAP_SECTIONS_MAX = 4,
	MAP_SEEN_BYTES = 64 << 10,
};

/* Where a listing goes on: in which section, and behind what (no bytes: from the section's beginning). */
struct map_mark {
	unsigned section;
	size_t length;
	uint8_t *bytes; /* on the heap */
};
void map_mark_done(struct map_mark *mark);

struct map_listed {
	const char *name;
	struct map_attr attr;
};

struct map_page {
	struct map_page *next; /* the newer one */
	uint64_t first;        /* the number of its first entry in the listing */
	uint64_t generation;   /* of the directory, before it was read */
	size_t count;
	struct ddb_arena arena; /* of the names */
	struct map_listed entries[MAP_PAGE_ENTRIES];
};

/*
 * Which partitions the engine has given to a listing: answers yes for all of them and, rarely, for another.
 * Only needed for those that lost their last item meanwhile and are remembered instead.
 */
struct map_seen {
	uint8_t bits[MAP_SEEN_BYTES];
};

/* One call of a section: it adds to `page` and moves `mark`. */
struct map_fill {
	struct map *map;
	struct ddb_arena *arena; /* of this call */
	const char *path;
	struct map_place place; /* the directory, resolved for this page */
	uint64_t order;         /* of remembered partitions when the listing began */
	struct map_seen *seen;
	struct map_page *page;
	struct map_mark mark;
	bool more; /* the section goes on behind `mark`; set to false before each call */
	struct map_caller caller;
};

typedef int map_section(struct map_fill *fill, struct ddb_error *err);

struct map_listing {
	map_section *sections[MAP_SECTIONS_MAX + 1]; /* NULL ends them */
};
extern const struct map_listing map_listing_root, map_listing_table, map_listing_partition,
	map_listing_scratch, map_listing_fixed, map_listing_segments, map_listing_operations;
map_section map_section_fixed; /* the names that rows give */
/* view/listing.c */
extern const struct map_listing map_listing_transactions, map_listing_committed, map_listing_snapshots;
/* query/listing.c */
extern const struct map_listing map_listing_indexes, map_listing_index, map_listing_entries;

/* For sections: how many entries the page still takes; an entry more; how far the section has come, when it
 * goes on; the path of a name in the directory (in the call's arena; NULL: no memory); entries that cannot be
 * read. */
uint32_t map_fill_room(const struct map_fill *fill);
int map_fill_add(struct map_fill *fill, const char *name, const struct map_attr *attr, struct ddb_error *err);
int map_fill_mark(struct map_fill *fill, const void *bytes, size_t length, struct ddb_error *err);
const char *map_fill_path(struct map_fill *fill, const char *name);
void map_fill_damaged(struct map_fill *fill, size_t count);

/* Tells the open directories that may have read something that this change has made untrue. */
void map_dirs_tell(struct map *map, const char *path, uint64_t version);

#endif
