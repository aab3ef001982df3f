/*
 * Open directories: the last pages of a listing, the mark where the next one begins, and thinned marks of
 * older ones. What was read and has become untrue meanwhile is looked up again before it is given out, so
 * that nobody is told of a name that is gone. Memory is bounded whatever the listing's length.
 */
#include "mapping/directory.h"
#include "mapping/rename.h"
#include "mapping/view/route.h"
#include "mapping/view/transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEPT_ENTRIES = 1000,    /* behind the newest page */
	CHECKPOINTS_MAX = 64,   /* then every other one goes */
	PAGE_MEMORY = 1 << 20,  /* of a page's names: 500 of at most 256 bytes */
	FILL_MEMORY = 64 << 20, /* of one section's call */
};

struct checkpoint {
	uint64_t first;
	struct map_mark mark;
};

struct map_dir {
	struct map *map;
	struct map_dir *next, **link; /* among the map's */
	char *path;
	struct map_caller caller;
	uint64_t generation; /* atomic: rises when something that was read may have become untrue */

	pthread_mutex_t lock; /* of what follows */
	struct map_page *oldest, *newest;
	uint64_t end;         /* the number of the first entry that is not read */
	struct map_mark mark; /* where it will be read from */
	bool complete;
	uint64_t order;
	struct map_seen *seen;
	unsigned checkpoint_count;
	struct checkpoint checkpoints[CHECKPOINTS_MAX];
};

/* ---- Pages ---- */

static void page_free(struct map_page *page)
{
	ddb_arena_done(&page->arena);
	free(page);
}

static void drop_pages(struct map_dir *dir)
{
	struct map_page *next;
	for (struct map_page *page = dir->oldest; page; page = next) {
		next = page->next;
		page_free(page);
	}
	dir->oldest = dir->newest = NULL;
}

static void drop_oldest(struct map_dir *dir)
{
	while (dir->oldest != dir->newest && dir->newest->first - dir->oldest->next->first >= KEPT_ENTRIES) {
		struct map_page *oldest = dir->oldest;
		dir->oldest = oldest->next;
		page_free(oldest);
	}
}

static void append(struct map_dir *dir, struct map_page *page)
{
	if (dir->newest)
		dir->newest->next = page;
	else
		dir->oldest = page;
	dir->newest = page;
	drop_oldest(dir);
}

static struct map_page *page_of(const struct map_dir *dir, uint64_t number)
{
	struct map_page *page = dir->oldest;
	while (page && number >= page->first + page->count)
		page = page->next;
	return page && number >= page->first ? page : NULL;
}

/* ---- Marks ---- */

static bool copy_mark(const struct map_mark *mark, struct map_mark *ret)
{
	struct map_mark copy = {.section = mark->section, .length = mark->length};
	if (mark->bytes) {
		copy.bytes = malloc(mark->length ? mark->length : 1);
		if (!copy.bytes)
			return false;
		memcpy(copy.bytes, mark->bytes, mark->length);
	}
	*ret = copy;
	return true;
}

static void thin_checkpoints(struct map_dir *dir)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < dir->checkpoint_count; i++) {
		if (i % 2)
			map_mark_done(&dir->checkpoints[i].mark);
		else
			dir->checkpoints[kept++] = dir->checkpoints[i];
	}
	dir->checkpoint_count = kept;
}

/* Without memory for it there is one less: a seek far back reads more. */
static void keep_checkpoint(struct map_dir *dir)
{
	if (dir->checkpoint_count == CHECKPOINTS_MAX)
		thin_checkpoints(dir);
	struct checkpoint *checkpoint = &dir->checkpoints[dir->checkpoint_count];
	checkpoint->first = dir->end;
	if (dir->end && copy_mark(&dir->mark, &checkpoint->mark))
		dir->checkpoint_count++;
}

static void drop_checkpoints(struct map_dir *dir, unsigned kept)
{
	while (dir->checkpoint_count > kept)
		map_mark_done(&dir->checkpoints[--dir->checkpoint_count].mark);
}

/* ---- Reading ---- */

/* From the beginning, with contents of now. */
static void restart(struct map_dir *dir)
{
	drop_pages(dir);
	drop_checkpoints(dir, 0);
	map_mark_done(&dir->mark);
	dir->mark.section = 0;
	dir->end = 0;
	dir->complete = false;
	dir->order = map_partitions_order(dir->map->partitions);
	memset(dir->seen, 0, sizeof(*dir->seen));
}

/* To the last known mark before that entry; what follows is counted from there. */
static void go_back(struct map_dir *dir, uint64_t number)
{
	unsigned kept = dir->checkpoint_count;
	while (kept && dir->checkpoints[kept - 1].first > number)
		kept--;
	drop_pages(dir);
	drop_checkpoints(dir, kept);
	map_mark_done(&dir->mark);
	dir->mark.section = 0;
	dir->end = 0;
	dir->complete = false;
	if (!kept)
		return;
	struct checkpoint *checkpoint = &dir->checkpoints[--dir->checkpoint_count];
	dir->end = checkpoint->first;
	dir->mark = checkpoint->mark; /* taken */
}

/* Calls one section; the mark moves on, to the next section at this one's end. */
static int fill_once(struct map_fill *fill, const struct map_listing *listing, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, FILL_MEMORY);
	fill->arena = &arena;
	fill->more = false;
	int number = listing->sections[fill->mark.section](fill, err);
	if (!number && !fill->more) {
		map_mark_done(&fill->mark);
		fill->mark.section++;
	}
	return number;
}

static int fill_page(struct map_fill *fill, bool *ret_complete, struct ddb_error *err)
{
	const struct map_listing *listing = fill->place.row->listing;
	int number = 0;
	if (!listing) {
		*ret_complete = true;
		return 0;
	}
	while (!number && listing->sections[fill->mark.section] && fill->page->count < MAP_PAGE_ENTRIES)
		number = fill_once(fill, listing, err);
	*ret_complete = !number && !listing->sections[fill->mark.section];
	return number;
}

/* A directory that is gone has no more entries. */
static int resolve_and_fill(struct map_fill *fill, bool *ret_complete, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	ddb_arena_init(&arena, PAGE_MEMORY);
	int number = map_resolve_directory(fill->map, &arena, fill->path, &fill->place, err);
	*ret_complete = number == ENOENT;
	if (number)
		return number == ENOENT ? 0 : number;
	number = fill_page(fill, ret_complete, err);
	map_place_done(&fill->place);
	return number;
}

static struct map_page *page_new(struct map_dir *dir)
{
	struct map_page *page = malloc(sizeof(*page));
	if (!page)
		return NULL;
	page->next = NULL;
	page->first = dir->end;
	page->generation = __atomic_load_n(&dir->generation, __ATOMIC_ACQUIRE);
	page->count = 0;
	ddb_arena_init(&page->arena, PAGE_MEMORY);
	return page;
}

/* The next page; on failure the mark stays and the next call tries again. */
static int read_page(struct map_dir *dir, struct ddb_error *err)
{
	struct map_page *page = page_new(dir);
	struct map_fill fill = {
		.map = dir->map,
		.path = dir->path,
		.order = dir->order,
		.seen = dir->seen,
		.page = page,
		.caller = dir->caller,
	};
	if (!page || !copy_mark(&dir->mark, &fill.mark)) {
		free(page);
		return map_errno(ddb_fail_memory(err));
	}
	int number = resolve_and_fill(&fill, &dir->complete, err);
	if (number) {
		map_mark_done(&fill.mark);
		page_free(page);
		return number;
	}
	keep_checkpoint(dir);
	map_mark_done(&dir->mark);
	dir->mark = fill.mark;
	dir->end += page->count;
	append(dir, page);
	return 0;
}

/* The page with that entry; NULL behind the last one. */
static int find_page(struct map_dir *dir, uint64_t number, struct map_page **ret, struct ddb_error *err)
{
	if (dir->oldest && number < dir->oldest->first)
		go_back(dir, number);
	while (!(*ret = page_of(dir, number)) && !dir->complete) {
		int failure = read_page(dir, err);
		if (failure)
			return failure;
	}
	return 0;
}

/* What the entry shows now, when something has happened since it was read. False: it is gone. */
static bool refresh(struct map_dir *dir, const struct map_listed *entry, struct map_attr *ret)
{
	char path[MAP_PATH_MAX];
	size_t length = strlen(dir->path), name_length = strlen(entry->name);
	if (length + name_length + 2 > sizeof(path))
		return true;
	memcpy(path, dir->path, length);
	path[length] = '/';
	memcpy(path + length + (length > 0), entry->name, name_length + 1);
	int number = map_tree_stat(dir->map, &dir->caller, path, ret);
	if (number == ENOENT || number == ENOTDIR)
		return false;
	if (number)
		*ret = entry->attr;
	return true;
}

static int read_entry(struct map_dir *dir, uint64_t number, struct map_dirent *ret, struct ddb_error *err)
{
	for (;; number++) {
		struct map_page *page;
		int failure = find_page(dir, number, &page, err);
		if (failure)
			return failure;
		if (!page) {
			*ret = (struct map_dirent){.next = number};
			return 0;
		}
		const struct map_listed *entry = &page->entries[number - page->first];
		*ret = (struct map_dirent){.name = entry->name, .attr = entry->attr, .next = number + 1};
		if (page->generation == __atomic_load_n(&dir->generation, __ATOMIC_ACQUIRE) ||
			refresh(dir, entry, &ret->attr))
			return 0;
	}
}

static int read_at(struct map_dir *dir, uint64_t offset, struct map_dirent *ret, struct ddb_error *err)
{
	pthread_mutex_lock(&dir->lock);
	if (!offset)
		restart(dir);
	int number = read_entry(dir, offset, ret, err);
	pthread_mutex_unlock(&dir->lock);
	if (!number)
		map_view_attr(dir->map->view, &ret->attr);
	return number;
}

int map_dir_entry(struct map_dir *dir, uint64_t offset, struct map_dirent *ret)
{
	struct ddb_error err;
	err.code = DDB_OK;
	err.message[0] = '\0';
	if (map_is_down(dir->map)) {
		*ret = (struct map_dirent){.next = offset};
		return 0;
	}
	int number = map_view_enter(dir->map->view);
	if (number) {
		ddb_fail(&err, DDB_VIEW_ENDED, "The transaction or snapshot is over");
	} else {
		number = read_at(dir, offset, ret, &err);
		map_view_leave(dir->map->view);
	}
	if (number)
		return map_refused(dir->map, &dir->caller, dir->path, "readdir", number, &err);
	return 0;
}

/* ---- Opening ---- */

static void enlist(struct map_dir *dir)
{
	struct map *map = dir->map;
	pthread_mutex_lock(&map->dirs_lock);
	dir->next = map->dirs;
	dir->link = &map->dirs;
	if (dir->next)
		dir->next->link = &dir->next;
	map->dirs = dir;
	pthread_mutex_unlock(&map->dirs_lock);
}

static void delist(struct map_dir *dir)
{
	pthread_mutex_lock(&dir->map->dirs_lock);
	*dir->link = dir->next;
	if (dir->next)
		dir->next->link = dir->link;
	pthread_mutex_unlock(&dir->map->dirs_lock);
}

static struct map_dir *dir_new(struct map *map, const struct map_caller *caller, const char *path)
{
	struct map_dir *dir = calloc(1, sizeof(*dir));
	if (!dir)
		return NULL;
	dir->map = map;
	dir->caller = *caller;
	dir->order = map_partitions_order(map->partitions);
	dir->path = strdup(path);
	dir->seen = calloc(1, sizeof(*dir->seen));
	if (dir->path && dir->seen && !pthread_mutex_init(&dir->lock, NULL)) {
		map_view_ref(map->view);
		enlist(dir);
		return dir;
	}
	free(dir->path);
	free(dir->seen);
	free(dir);
	return NULL;
}

int map_tree_dir_open(
	struct map *map, const struct map_caller *caller, const char *path, struct map_dir **ret)
{
	struct map_attr attr;
	int number = map_tree_stat(map, caller, path, &attr);
	if (number)
		return number;
	if (!attr.directory)
		return ENOTDIR;
	struct map_dir *dir = dir_new(map, caller, path);
	if (!dir)
		return ENOMEM;
	*ret = dir;
	return 0;
}

void map_dir_free(struct map_dir *dir)
{
	if (!dir)
		return;
	struct map_view *view = dir->map->view;
	delist(dir);
	drop_pages(dir);
	drop_checkpoints(dir, 0);
	map_mark_done(&dir->mark);
	pthread_mutex_destroy(&dir->lock);
	free(dir->seen);
	free(dir->path);
	free(dir);
	map_view_unref(view); /* and with it, perhaps, the map */
}

/* ---- Changes ---- */

/* Whether a listing of `dir` may show the thing that changed: its name, or (`deep`) anything below it. */
static bool concerns(const char *dir, const char *path, bool deep)
{
	const char *slash = strrchr(path, '/');
	size_t parent = slash ? (size_t)(slash - path) : 0, length = strlen(path);
	if (strlen(dir) == parent && !memcmp(dir, path, parent))
		return true;
	return deep && !strncmp(dir, path, length) && (!length || !dir[length] || dir[length] == '/');
}

void map_dirs_follow(struct map *map, const char *from, const char *to)
{
	pthread_mutex_lock(&map->dirs_lock);
	for (struct map_dir *dir = map->dirs; dir; dir = dir->next) {
		char *path;
		if (!map_path_follows(dir->path, from, to, &path))
			continue;
		pthread_mutex_lock(&dir->lock);
		if (path)
			free(dir->path);
		dir->path = path ? path : dir->path; /* no memory: it ends where it is */
		__atomic_add_fetch(&dir->generation, 1, __ATOMIC_RELEASE);
		pthread_mutex_unlock(&dir->lock);
	}
	pthread_mutex_unlock(&map->dirs_lock);
}

void map_dirs_tell(struct map *map, const char *path, uint64_t version)
{
	pthread_mutex_lock(&map->dirs_lock);
	for (struct map_dir *dir = map->dirs; dir; dir = dir->next) {
		if (concerns(dir->path, path, version == UINT64_MAX))
			__atomic_add_fetch(&dir->generation, 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&map->dirs_lock);
}
