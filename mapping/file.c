/*
 * Open files: what all kinds have in common. Opening resolves the path once and lets the row's kind make its
 * part; every later call takes the file's lock and goes to the kind. Files know their paths, not their keys:
 * a table may get its definition while they are open.
 */
#include "mapping/file.h"
#include "mapping/rename.h"
#include "mapping/view/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int map_file_read_text(
	const struct ddb_buffer *text, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	size_t length = 0;

	if (offset < text->length)
		length = text->length - (size_t)offset < size ? text->length - (size_t)offset : size;
	if (length)
		memcpy(buffer, text->bytes + offset, length);
	*ret_length = length;
	return 0;
}

/* What is not there, is there already, or is of another kind is an answer, not a refusal. */
static bool is_answer(int number)
{
	return number == ENOENT || number == ENOTDIR || number == EISDIR || number == EEXIST;
}

static int refuse_open(struct map *map, const struct map_caller *caller, const char *path, int number,
	const struct ddb_error *err)
{
	return is_answer(number) ? number : map_refused(map, caller, path, "open", number, err);
}

int map_file_refuse(const struct map_file *file, const struct map_caller *caller, const char *operation,
	int number, const struct ddb_error *err)
{
	return map_refused(file->map, caller, file->path, operation, number, err);
}

/* ---- Opening ---- */

static void enlist(struct map_file *file)
{
	struct map *map = file->map;

	pthread_mutex_lock(&map->files_lock);
	file->next = map->files;
	file->link = &map->files;
	if (file->next)
		file->next->link = &file->next;
	map->files = file;
	pthread_mutex_unlock(&map->files_lock);
}

static void delist(struct map_file *file)
{
	pthread_mutex_lock(&file->map->files_lock);
	if (file->link)
		*file->link = file->next;
	if (file->next)
		file->next->link = file->link;
	pthread_mutex_unlock(&file->map->files_lock);
}

static void follow(struct map_file *file, const char *from, const char *to)
{
	char *path;

	pthread_mutex_lock(&file->lock);
	if (map_path_follows(file->path, from, to, &path)) {
		if (path)
			free(file->path);
		else
			*file->path = '\0'; /* no memory: better nowhere than where it no longer is */
		file->path = path ? path : file->path;
		if (file->ops->renamed)
			file->ops->renamed(file);
	}
	pthread_mutex_unlock(&file->lock);
}

void map_files_follow(struct map *map, const char *from, const char *to)
{
	pthread_mutex_lock(&map->files_lock);
	for (struct map_file *file = map->files; file; file = file->next)
		follow(file, from, to);
	pthread_mutex_unlock(&map->files_lock);
}

static void file_free(struct map_file *file)
{
	struct map_view *view = file->map->view;

	delist(file);
	if (file->ops && file->ops->done)
		file->ops->done(file);
	pthread_mutex_destroy(&file->lock);
	free(file->path);
	free(file);
	map_view_unref(view); /* and with it, perhaps, the map */
}

static struct map_file *file_new(
	struct map *map, const struct map_caller *caller, const char *path, int flags)
{
	struct map_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	*file = (struct map_file){.map = map, .flags = flags, .opener = *caller};
	file->path = strdup(path);
	if (!file->path || pthread_mutex_init(&file->lock, NULL)) {
		free(file->path);
		free(file);
		return NULL;
	}
	map_view_ref(map->view);
	return file;
}

/* Lets the row open `file`, which is freed on failure. */
static int open_place(const struct map_place *place, struct map_file *file, struct map_file **ret,
	struct map_attr *ret_attr, struct ddb_error *err)
{
	struct map_attr attr;
	int number = place->row->open(file->map, place, file, &attr, err);

	if (number) {
		file_free(file);
		return number;
	}
	file->attr = attr;
	enlist(file);
	*ret = file;
	*ret_attr = attr;
	return 0;
}

static int open_existing(struct map *map, const struct map_caller *caller, const struct map_place *place,
	int flags, struct map_file **ret, struct map_attr *ret_attr, struct ddb_error *err)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;

	if (place->row->directory)
		return EISDIR;
	if (!place->row->open || (writes && !place->row->writable)) {
		ddb_fail(err, DDB_ACCESS_DENIED, "The file is read-only");
		return EACCES;
	}
	if (writes && place->kind == MAP_DEFINITION && map_is_staged(map))
		return map_refuse_staged(map, err);
	struct map_file *file = file_new(map, caller, place->path, flags);
	if (!file) {
		ddb_fail_memory(err);
		return ENOMEM;
	}
	return open_place(place, file, ret, ret_attr, err);
}

static int open_path(struct map *map, const struct map_caller *caller, const char *path, int flags,
	struct map_file **ret, struct map_attr *ret_attr, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct map_place place;

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = (flags & O_ACCMODE) != O_RDONLY ? map_refuse_unwritable(map, err) : 0;
	if (number)
		return number;
	number = map_resolve(map, &arena, path, &place, err);
	if (number)
		return number;
	number = open_existing(map, caller, &place, flags, ret, ret_attr, err);
	map_place_done(&place);
	return number;
}

int map_tree_open(struct map *map, const struct map_caller *caller, const char *path, int flags,
	struct map_file **ret, struct map_attr *ret_attr)
{
	struct ddb_error err;

	err.code = DDB_OK;
	err.message[0] = '\0';
	int number = open_path(map, caller, path, flags, ret, ret_attr, &err);
	return number ? refuse_open(map, caller, path, number, &err) : 0;
}

/* ---- Creating ---- */

static bool can_be_new(enum map_kind kind)
{
	return kind == MAP_ITEM || kind == MAP_SCRATCH || kind == MAP_DEFINITION;
}

static int create_new(struct map *map, const struct map_caller *caller, const struct map_place *place,
	int flags, mode_t mode, struct map_file **ret, struct map_attr *ret_attr, struct ddb_error *err)
{
	struct map_file *file = file_new(map, caller, place->path, flags);

	if (!file) {
		ddb_fail_memory(err);
		return ENOMEM;
	}
	file->mode = mode;
	file->created = true;
	file->exclusive = flags & O_EXCL;
	file->versioned = place->kind != MAP_SCRATCH;
	return open_place(place, file, ret, ret_attr, err);
}

static int create_place(struct map *map, const struct map_caller *caller, struct ddb_arena *arena,
	const struct map_place *place, int flags, mode_t mode, struct map_file **ret,
	struct map_attr *ret_attr, struct ddb_error *err)
{
	struct map_attr attr;
	int number = map_place_stat(map, arena, place, &attr, err);

	if (!number && flags & O_EXCL)
		return EEXIST;
	if (!number)
		return open_existing(map, caller, place, flags, ret, ret_attr, err);
	if (number != ENOENT)
		return number;
	if (place->kind == MAP_DEFINITION && map_is_staged(map))
		return map_refuse_staged(map, err);
	if (!can_be_new(place->kind)) {
		ddb_fail(err, DDB_ACCESS_DENIED, "Nothing can be made in this directory");
		return EACCES;
	}
	return create_new(map, caller, place, flags, mode, ret, ret_attr, err);
}

static int create_path(struct map *map, const struct map_caller *caller, const char *path, int flags,
	mode_t mode, struct map_file **ret, struct map_attr *ret_attr, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct map_place place;

	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_refuse_unwritable(map, err);
	if (number)
		return number;
	number = map_resolve(map, &arena, path, &place, err);
	if (number)
		return map_file_new_errno(number, err);
	number = create_place(map, caller, &arena, &place, flags, mode, ret, ret_attr, err);
	map_place_done(&place);
	return number;
}

int map_tree_create(struct map *map, const struct map_caller *caller, const char *path, int flags,
	mode_t mode, struct map_file **ret, struct map_attr *ret_attr)
{
	struct ddb_error err;

	err.code = DDB_OK;
	err.message[0] = '\0';
	int number = create_path(map, caller, path, flags, mode, ret, ret_attr, &err);
	return number ? refuse_open(map, caller, path, number, &err) : 0;
}

static int reopen_place(struct map *map, const struct map_caller *caller, struct ddb_arena *arena,
	const struct map_place *place, int flags, struct map_file **ret, struct map_attr *ret_attr,
	struct ddb_error *err)
{
	int number = map_place_stat(map, arena, place, ret_attr, err);

	if (!number)
		return open_existing(map, caller, place, flags, ret, ret_attr, err);
	if (number != ENOENT || (place->kind != MAP_ITEM && place->kind != MAP_DEFINITION))
		return number == ENOENT ? ESTALE : number;
	number = create_new(map, caller, place, flags & ~O_EXCL, 0644, ret, ret_attr, err);
	if (!number)
		(*ret)->forgone = true;
	return number;
}

int map_tree_reopen(struct map *map, const struct map_caller *caller, const char *path, int flags,
	struct map_file **ret, struct map_attr *ret_attr)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_error err = {0};
	struct map_place place;

	if (map->options.read_only)
		return EROFS;
	ddb_arena_init(&arena, MAP_REQUEST_MEMORY);
	int number = map_resolve(map, &arena, path, &place, &err);
	if (number)
		return number == ENOENT ? ESTALE : number;
	number = reopen_place(map, caller, &arena, &place, flags, ret, ret_attr, &err);
	map_place_done(&place);
	return number && number != ESTALE ? refuse_open(map, caller, path, number, &err) : number;
}

/* ---- What an open file is asked ---- */

/* Of a file in a transaction or snapshot that is over nothing can be had and nothing done. */
static int enter(const struct map_file *file, const struct map_caller *caller, const char *operation)
{
	struct ddb_error err;
	map_view_give_way(file->map->view);
	int number = map_view_enter(file->map->view);

	if (!number)
		return 0;
	ddb_fail(&err, DDB_VIEW_ENDED, "The transaction or snapshot is over");
	return map_file_refuse(file, caller, operation, number, &err);
}

int map_file_read(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length)
{
	if (!file->ops->read || !map_file_reads(file))
		return EBADF;
	int number = enter(file, &file->opener, "read");
	if (number)
		return number;
	pthread_mutex_lock(&file->lock);
	number = file->ops->read(file, offset, buffer, size, ret_length);
	pthread_mutex_unlock(&file->lock);
	map_view_leave(file->map->view);
	return number;
}

bool map_file_waits(const struct map_file *file)
{
	return file->ops->ready;
}

bool map_file_ready(struct map_file *file)
{
	if (!file->ops->ready)
		return true;
	pthread_mutex_lock(&file->lock);
	bool ready = file->ops->ready(file);
	pthread_mutex_unlock(&file->lock);
	return ready;
}

int map_file_write(struct map_file *file, const struct map_caller *caller, uint64_t offset, const char *bytes,
	size_t size)
{
	if (!map_file_writes(file))
		return EBADF;
	if (!file->ops->write)
		return EACCES;
	int number = enter(file, caller, "write");
	if (number)
		return number;
	pthread_mutex_lock(&file->lock);
	file->unheard = file->closed = false;
	number = file->ops->write(file, caller, offset, bytes, size);
	pthread_mutex_unlock(&file->lock);
	map_view_leave(file->map->view);
	return number;
}

int map_file_truncate(struct map_file *file, const struct map_caller *caller, uint64_t size)
{
	if (!map_file_writes(file))
		return EBADF;
	if (!file->ops->truncate)
		return EACCES;
	int number = enter(file, caller, "truncate");
	if (number)
		return number;
	pthread_mutex_lock(&file->lock);
	file->unheard = false;
	number = file->ops->truncate(file, caller, size);
	pthread_mutex_unlock(&file->lock);
	map_view_leave(file->map->view);
	return number;
}

/* Programs like dd and shred take EINVAL from fsync for "cannot be synced" and go on: who asks next hears it
 * again. */
static int repeat_unheard(const struct map_file *file, int number)
{
	return number || !file->unheard ? number : EINVAL;
}

/* Where everything is over, what is not put yet is refused as it always is, by the engine. */
int map_file_flush(struct map_file *file, const struct map_caller *caller)
{
	if (!file->ops->flush || !map_file_writes(file))
		return 0;
	struct map_view *view = map_view_enter(file->map->view) ? NULL : file->map->view;
	pthread_mutex_lock(&file->lock);
	int number = repeat_unheard(file, file->ops->flush(file, caller));
	file->unheard = false;
	file->closed = true;
	pthread_mutex_unlock(&file->lock);
	map_view_leave(view);
	return number;
}

static int commit(struct map_file *file, const struct map_caller *caller)
{
	if (!file->ops->sync || !map_file_writes(file))
		return 0;
	struct map_view *view = map_view_enter(file->map->view) ? NULL : file->map->view;
	pthread_mutex_lock(&file->lock);
	int number = repeat_unheard(file, file->ops->sync(file, caller));
	file->unheard = number == EINVAL;
	pthread_mutex_unlock(&file->lock);
	map_view_leave(view);
	return number;
}

int map_file_sync(struct map_file *file, const struct map_caller *caller)
{
	struct ddb_engine *engine = file->map->engine;
	struct ddb_error err;
	int number = commit(file, caller);

	if (number)
		return number;
	if (engine->ops->sync(engine, &err))
		return map_file_refuse(file, caller, "fsync", map_errno(err.code), &err);
	return 0;
}

int map_file_release(struct map_file *file, const struct map_caller *caller)
{
	int number = 0;

	if (file->ops->release && map_file_writes(file)) {
		struct map_view *view = map_view_enter(file->map->view) ? NULL : file->map->view;
		pthread_mutex_lock(&file->lock);
		number = file->ops->release(file, caller);
		pthread_mutex_unlock(&file->lock);
		map_view_leave(view);
	}
	file_free(file);
	return number;
}

bool map_file_outlives(const struct map_file *file)
{
	return file->ops->again;
}

int map_file_stat(struct map_file *file, struct map_attr *ret)
{
	if (!file->ops->stat)
		return ESTALE;
	pthread_mutex_lock(&file->lock);
	int number = file->ops->stat(file, ret);
	pthread_mutex_unlock(&file->lock);
	if (!number)
		map_view_attr(file->map->view, ret);
	return number;
}

int map_file_set_mtime(struct map_file *file, const struct map_caller *caller, int64_t mtime_ns)
{
	if (!file->ops->set_mtime)
		return ESTALE;
	pthread_mutex_lock(&file->lock);
	int number = file->ops->set_mtime(file, caller, mtime_ns);
	pthread_mutex_unlock(&file->lock);
	return number;
}

int map_file_again(struct map_file *file, const struct map_caller *caller, int flags, struct map_file **ret,
	struct map_attr *ret_attr)
{
	if (!file->ops->again)
		return ESTALE;
	struct map_file *more = file_new(file->map, caller, file->path, flags);
	if (!more)
		return ENOMEM;
	int number = file->ops->again(file, more);
	if (number) {
		file_free(more);
		return number;
	}
	*ret = more;
	*ret_attr = more->attr;
	map_view_attr(more->map->view, ret_attr);
	return 0;
}

bool map_file_refused(const struct map_file *file)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&file->lock; /* every file is born writable */

	pthread_mutex_lock(lock);
	bool refused = file->refused;
	pthread_mutex_unlock(lock);
	return refused;
}

void map_file_attr(const struct map_file *file, struct map_attr *ret)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&file->lock;

	pthread_mutex_lock(lock);
	*ret = file->attr;
	pthread_mutex_unlock(lock);
	map_view_attr(file->map->view, ret);
}

bool map_file_draft(struct map_file *file, uint64_t *ret)
{
	if (!file->ops->draft || !map_file_writes(file))
		return false;
	pthread_mutex_lock(&file->lock);
	bool draft = file->ops->draft(file, ret);
	pthread_mutex_unlock(&file->lock);
	return draft;
}

bool map_file_pending(const struct map_file *file)
{
	struct map_attr attr;

	map_file_attr(file, &attr);
	return file->created && file->versioned && !attr.version;
}

static void settle_closed(struct map_file *file, const struct map_caller *caller)
{
	pthread_mutex_lock(&file->lock);
	if (file->ops->settle && file->closed && file->created && file->versioned && !file->attr.version)
		(void)file->ops->settle(file, caller);
	pthread_mutex_unlock(&file->lock);
}

void map_files_settle(struct map *map, const struct map_caller *caller)
{
	pthread_mutex_lock(&map->files_lock);
	for (struct map_file *file = map->files; file; file = file->next)
		settle_closed(file, caller);
	pthread_mutex_unlock(&map->files_lock);
}

int map_file_settle(struct map_file *file, const struct map_caller *caller)
{
	if (!file->ops->settle || !map_file_pending(file))
		return 0;
	struct map_view *view = map_view_enter(file->map->view) ? NULL : file->map->view;
	pthread_mutex_lock(&file->lock);
	int number = file->ops->settle(file, caller);
	pthread_mutex_unlock(&file->lock);
	map_view_leave(view);
	return number;
}

void map_file_set_draft_mtime(struct map_file *file, int64_t mtime_ns)
{
	if (!file->ops->set_draft_mtime)
		return;
	pthread_mutex_lock(&file->lock);
	file->ops->set_draft_mtime(file, mtime_ns);
	pthread_mutex_unlock(&file->lock);
}

void map_file_forgo(struct map_file *file)
{
	pthread_mutex_lock(&file->lock);
	file->forgone = true;
	pthread_mutex_unlock(&file->lock);
}

void map_file_set_owner(struct map_file *file, void *owner)
{
	file->owner = owner;
}

void *map_file_owner(const struct map_file *file)
{
	return file->owner;
}
