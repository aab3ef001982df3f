/*
 * Open scratch files by name. A reader of `lock` may use the names of files, a writer may change them; each
 * file's own lock makes one change of its bytes after the other, so that what is appended goes behind all
 * that was.
 */
#include "mapping/scratch/scratches.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 256, ORPHAN_NAME = 24, COPY_PIECE = 1 << 20, CLEAR_MEMORY = 1 << 20, CLEAR_PAGE = 100 };

struct map_scratch {
	struct map_scratch *next; /* in its chain; only of files that have a name */
	struct ddb_scratch_name name;
	char *text; /* what name.name points to */
	uint64_t ino;
	unsigned references; /* under the registry's lock, as all above */
	bool orphan, put;
	pthread_mutex_t lock; /* of its bytes */
};

struct map_scratches {
	pthread_rwlock_t lock;
	struct map_scratch *chains[CHAINS];
	uint64_t orphans; /* that were made: their names */
};

/* ---- The registry ---- */

struct map_scratches *map_scratches_new(void)
{
	struct map_scratches *scratches = calloc(1, sizeof(*scratches));
	pthread_rwlockattr_t attributes;
	if (!scratches)
		return NULL;
	scratches->orphans = (uint64_t)map_now_ns(); /* another one than the last mount's */
	/* A writer must not wait for ever for a stream of readers. */
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	int failure = pthread_rwlock_init(&scratches->lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	if (failure) {
		free(scratches);
		return NULL;
	}
	return scratches;
}

void map_scratches_free(struct map_scratches *scratches)
{
	if (!scratches)
		return;
	pthread_rwlock_destroy(&scratches->lock);
	free(scratches);
}

static void use_names(struct map *map)
{
	pthread_rwlock_rdlock(&map->scratches->lock);
}

void map_scratches_lock(struct map *map)
{
	pthread_rwlock_wrlock(&map->scratches->lock);
}

void map_scratches_unlock(struct map *map)
{
	pthread_rwlock_unlock(&map->scratches->lock);
}

static struct map_scratch **chain_of(struct map *map, const struct ddb_scratch_name *name)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (unsigned i = 0; i < DDB_DIRECTORY_ID_BYTES; i++)
		hash = (hash ^ name->directory[i]) * 0x100000001b3u;
	for (const char *c = name->name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
	return &map->scratches->chains[hash % CHAINS];
}

static bool is_named(const struct map_scratch *scratch, const struct ddb_scratch_name *name)
{
	return !memcmp(scratch->name.directory, name->directory, DDB_DIRECTORY_ID_BYTES) &&
	       !strcmp(scratch->name.name, name->name);
}

static struct map_scratch *find(struct map *map, const struct ddb_scratch_name *name)
{
	struct map_scratch *scratch = *chain_of(map, name);
	while (scratch && !is_named(scratch, name))
		scratch = scratch->next;
	return scratch;
}

static void enlist(struct map *map, struct map_scratch *scratch)
{
	struct map_scratch **chain = chain_of(map, &scratch->name);
	scratch->next = *chain;
	*chain = scratch;
}

static void delist(struct map *map, struct map_scratch *scratch)
{
	struct map_scratch **link = chain_of(map, &scratch->name);
	while (*link != scratch)
		link = &(*link)->next;
	*link = scratch->next;
}

static void scratch_free(struct map_scratch *scratch)
{
	pthread_mutex_destroy(&scratch->lock);
	free(scratch->text);
	free(scratch);
}

/* A file's new name, made before anything is changed. */
struct renaming {
	struct ddb_scratch_name name;
	char *text;
};

static void renaming_done(struct renaming *renaming)
{
	free(renaming->text);
}
#define RENAMING_AUTO __attribute__((cleanup(renaming_done)))

static bool renaming_init(struct renaming *ret, const struct ddb_scratch_name *name)
{
	struct renaming renaming = {.name = *name, .text = strdup(name->name)};
	renaming.name.name = renaming.text;
	*ret = renaming;
	return renaming.text;
}

static void give_name(struct map_scratch *scratch, struct renaming *renaming)
{
	free(scratch->text);
	scratch->name = renaming->name;
	scratch->text = renaming->text;
	renaming->text = NULL;
}

static int no_memory(struct ddb_error *err)
{
	return map_errno(ddb_fail_memory(err));
}

/* ---- Orphans ---- */

static bool orphan_init(struct map *map, struct renaming *ret)
{
	char text[ORPHAN_NAME];
	struct ddb_scratch_name name = {.name = text};
	snprintf(text, sizeof(text), "%llu", (unsigned long long)map->scratches->orphans++);
	map_scratch_hidden(MAP_SCRATCH_ORPHANS, 0, name.directory);
	return renaming_init(ret, &name);
}

static void become_orphan(struct map *map, struct map_scratch *scratch, struct renaming *renaming)
{
	delist(map, scratch);
	give_name(scratch, renaming);
	scratch->orphan = true;
}

/* The open file loses its name. */
static int set_aside(struct map *map, struct map_scratch *scratch, struct ddb_error *err)
{
	RENAMING_AUTO struct renaming renaming = {0};
	if (!orphan_init(map, &renaming))
		return no_memory(err);
	enum ddb_code code =
		map->engine->ops->scratch_rename(map->engine, &scratch->name, &renaming.name, false, err);
	if (code)
		return map_errno(code);
	become_orphan(map, scratch, &renaming);
	return 0;
}

static enum ddb_code copy_pieces(struct map *map, const struct ddb_scratch_name *from,
	const struct ddb_scratch_name *to, char *piece, struct ddb_error *err)
{
	const struct ddb_engine_ops *ops = map->engine->ops;
	uint64_t offset = 0;
	for (size_t length = 1; length; offset += length) {
		enum ddb_code code =
			ops->scratch_read(map->engine, from, offset, piece, COPY_PIECE, &length, err);
		if (!code && length)
			code = ops->scratch_write(map->engine, to, offset, piece, length, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

static enum ddb_code copy(struct map *map, const struct ddb_scratch_name *from,
	const struct ddb_scratch_name *to, struct ddb_error *err)
{
	const struct ddb_engine_ops *ops = map->engine->ops;
	struct ddb_scratch_meta meta, copied;
	char *piece = malloc(COPY_PIECE);
	if (!piece)
		return ddb_fail_memory(err);
	enum ddb_code code = ops->scratch_stat(map->engine, from, &meta, err);
	if (!code)
		code = ops->scratch_create(map->engine, to, meta.mode, false, &copied, err);
	if (!code)
		code = copy_pieces(map, from, to, piece, err);
	if (!code)
		code = ops->scratch_set(map->engine, to, meta.mtime_ns, UINT32_MAX, err);
	free(piece);
	return code;
}

/*
 * The name is about to go to another file, in one transaction, so that it leads to one of them whatever dies
 * when. Handles of the old one go on with a copy; *ret is the orphan to be, or empty when nobody has it open.
 */
static int spare(
	struct map *map, const struct ddb_scratch_name *name, struct renaming *ret, struct ddb_error *err)
{
	struct ddb_error dropped;
	if (!find(map, name))
		return 0;
	if (!orphan_init(map, ret))
		return no_memory(err);
	enum ddb_code code = copy(map, name, &ret->name, err);
	if (code)
		(void)map->engine->ops->scratch_remove(map->engine, &ret->name, &dropped);
	return map_errno(code);
}

static void spare_end(
	struct map *map, const struct ddb_scratch_name *name, struct renaming *renaming, bool replaced)
{
	struct ddb_error dropped;
	if (!renaming->text)
		return;
	if (replaced)
		become_orphan(map, find(map, name), renaming);
	else
		(void)map->engine->ops->scratch_remove(map->engine, &renaming->name, &dropped);
}

void map_scratches_clear(struct map *map)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_scratch_page page = {.more = true};
	struct ddb_scratch_name name;
	struct ddb_error err;
	map_scratch_hidden(MAP_SCRATCH_ORPHANS, 0, name.directory);
	while (page.more) {
		ddb_arena_init(&arena, CLEAR_MEMORY);
		if (map->engine->ops->scratch_list(
			    map->engine, &arena, name.directory, NULL, CLEAR_PAGE, &page, &err))
			return; /* the next mount tries again */
		for (size_t i = 0; i < page.count; i++) {
			name.name = page.entries[i].name;
			if (map->engine->ops->scratch_remove(map->engine, &name, &err))
				return;
		}
		ddb_arena_done(&arena);
	}
}

/* ---- Names; the writer's lock is held ---- */

static int check_kind(
	struct map *map, const struct ddb_scratch_name *name, bool directory, struct ddb_error *err)
{
	struct ddb_scratch_meta meta;
	enum ddb_code code = map->engine->ops->scratch_stat(map->engine, name, &meta, err);
	if (code)
		return map_errno(code);
	return meta.directory == directory ? 0 : directory ? ENOTDIR : EISDIR;
}

static int remove_name(
	struct map *map, const struct ddb_scratch_name *name, bool directory, struct ddb_error *err)
{
	struct map_scratch *scratch = find(map, name);
	int number = check_kind(map, name, directory, err);
	if (number)
		return number;
	if (scratch)
		return set_aside(map, scratch, err);
	enum ddb_code code = map->engine->ops->scratch_remove(map->engine, name, err);
	return code == DDB_RESOURCE_IN_USE ? ENOTEMPTY : map_errno(code);
}

int map_scratch_remove(
	struct map *map, const struct ddb_scratch_name *name, bool directory, struct ddb_error *err)
{
	map_scratches_lock(map);
	int number = remove_name(map, name, directory, err);
	map_scratches_unlock(map);
	return number;
}

static int rename_errno(enum ddb_code code)
{
	if (code == DDB_CONDITIONAL_CHECK_FAILED)
		return EEXIST;
	return code == DDB_RESOURCE_IN_USE ? ENOTEMPTY : map_errno(code);
}

/* The target's handles keep their file, the source's follow it. */
static int rename_name(struct map *map, const struct ddb_scratch_name *from,
	const struct ddb_scratch_name *to, bool no_replace, struct ddb_error *err)
{
	RENAMING_AUTO struct renaming renaming = {0}, spared = {0};
	if (!renaming_init(&renaming, to))
		return no_memory(err);
	int number = no_replace ? 0 : spare(map, to, &spared, err);
	if (number)
		return number;
	enum ddb_code code = map->engine->ops->scratch_rename(map->engine, from, to, no_replace, err);
	spare_end(map, to, &spared, !code);
	if (code)
		return rename_errno(code);
	struct map_scratch *scratch = find(map, from);
	if (scratch) {
		delist(map, scratch);
		give_name(scratch, &renaming);
		enlist(map, scratch);
	}
	return 0;
}

int map_scratch_rename(struct map *map, const struct ddb_scratch_name *from,
	const struct ddb_scratch_name *to, bool no_replace, struct ddb_error *err)
{
	bool stays = !memcmp(from->directory, to->directory, DDB_DIRECTORY_ID_BYTES) &&
		     !strcmp(from->name, to->name);
	if (stays)
		return no_replace ? EEXIST : 0;
	map_scratches_lock(map);
	int number = rename_name(map, from, to, no_replace, err);
	map_scratches_unlock(map);
	return number;
}

static int consume_name(struct map *map, const struct ddb_scratch_name *name, map_scratch_change *change,
	void *context, struct ddb_error *err)
{
	RENAMING_AUTO struct renaming renaming = {0};
	struct map_scratch *scratch = find(map, name);
	if (scratch && !orphan_init(map, &renaming))
		return no_memory(err);
	const struct map_consume what = {.name = name, .as = scratch ? &renaming.name : NULL};
	int number = change(context, &what, err);
	if (!number && scratch) {
		scratch->put = true;
		become_orphan(map, scratch, &renaming);
	}
	return number;
}

int map_scratch_consume(struct map *map, const struct ddb_scratch_name *name, map_scratch_change *change,
	void *context, struct ddb_error *err)
{
	map_scratches_lock(map);
	int number = consume_name(map, name, change, context, err);
	map_scratches_unlock(map);
	return number;
}

int map_scratch_spend(struct map *map, const struct ddb_scratch_name *name, map_scratch_change *change,
	void *context, struct ddb_error *err)
{
	struct ddb_error dropped;
	map_scratches_lock(map);
	struct map_scratch *scratch = find(map, name);
	int number = change(context, NULL, err);
	if (!number && scratch)
		scratch->put = true;
	if (!number)
		(void)remove_name(map, name, false, &dropped);
	map_scratches_unlock(map);
	return number;
}

int map_scratch_replace(struct map *map, const struct ddb_scratch_name *name, map_scratch_change *change,
	void *context, struct ddb_error *err)
{
	RENAMING_AUTO struct renaming spared = {0};
	map_scratches_lock(map);
	int number = spare(map, name, &spared, err);
	if (!number) {
		number = change(context, NULL, err);
		spare_end(map, name, &spared, !number);
	}
	map_scratches_unlock(map);
	return number;
}

void map_scratches_refile(struct map *map, const struct ddb_scratch_move *move)
{
	struct map_scratch *moved = NULL;
	for (unsigned i = 0; i < CHAINS; i++) {
		for (struct map_scratch **link = &map->scratches->chains[i]; *link;) {
			struct map_scratch *scratch = *link;
			if (memcmp(scratch->name.directory, move->from, DDB_DIRECTORY_ID_BYTES)) {
				link = &scratch->next;
				continue;
			}
			*link = scratch->next;
			scratch->next = moved;
			moved = scratch;
		}
	}
	for (struct map_scratch *next; moved; moved = next) {
		next = moved->next;
		memcpy(moved->name.directory, move->to, DDB_DIRECTORY_ID_BYTES);
		enlist(map, moved);
	}
}

/* ---- Opening ---- */

static struct map_scratch *scratch_new(const struct ddb_scratch_name *name)
{
	RENAMING_AUTO struct renaming renaming = {0};
	struct map_scratch *scratch = calloc(1, sizeof(*scratch));
	if (!scratch || !renaming_init(&renaming, name) || pthread_mutex_init(&scratch->lock, NULL)) {
		free(scratch);
		return NULL;
	}
	give_name(scratch, &renaming);
	return scratch;
}

static int find_or_make(struct map *map, const struct ddb_scratch_name *name,
	const struct map_scratch_request *request, struct ddb_scratch_meta *ret, struct ddb_error *err)
{
	const struct ddb_engine_ops *ops = map->engine->ops;
	enum ddb_code code = request->create ? ops->scratch_create(map->engine, name, request->mode,
						       request->exclusive, ret, err)
					     : ops->scratch_stat(map->engine, name, ret, err);
	if (!code && ret->directory)
		return EISDIR;
	if (!code && request->truncate && ret->size) {
		code = ops->scratch_truncate(map->engine, name, 0, err);
		if (!code)
			code = ops->scratch_stat(map->engine, name, ret, err);
	}
	return request->create && code == DDB_CONDITIONAL_CHECK_FAILED ? EEXIST : map_errno(code);
}

static int take(struct map *map, const struct ddb_scratch_name *name,
	const struct map_scratch_request *request, struct map_scratch **ret, struct map_attr *ret_attr,
	struct ddb_error *err)
{
	struct ddb_scratch_meta meta;
	struct map_scratch *scratch = find(map, name), *made = NULL;
	if (!scratch) {
		scratch = made = scratch_new(name);
		if (!made)
			return no_memory(err);
	}
	int number = find_or_make(map, name, request, &meta, err);
	if (number) {
		if (made)
			scratch_free(made);
		return number;
	}
	map_attr_of_scratch(&meta, ret_attr);
	if (made) {
		made->ino = ret_attr->ino;
		enlist(map, made);
	}
	scratch->references++;
	*ret = scratch;
	return 0;
}

int map_scratch_take(struct map *map, const struct ddb_scratch_name *name,
	const struct map_scratch_request *request, struct map_scratch **ret, struct map_attr *ret_attr,
	struct ddb_error *err)
{
	map_scratches_lock(map);
	int number = take(map, name, request, ret, ret_attr, err);
	map_scratches_unlock(map);
	return number;
}

void map_scratch_share(struct map *map, struct map_scratch *scratch)
{
	map_scratches_lock(map);
	scratch->references++;
	map_scratches_unlock(map);
}

void map_scratch_close(struct map *map, struct map_scratch *scratch)
{
	struct ddb_error err;
	map_scratches_lock(map);
	bool last = !--scratch->references;
	if (last && !scratch->orphan)
		delist(map, scratch);
	map_scratches_unlock(map);
	if (!last)
		return;
	/* What cannot be removed now the next map clears away. */
	if (scratch->orphan)
		(void)map->engine->ops->scratch_remove(map->engine, &scratch->name, &err);
	scratch_free(scratch);
}

/* ---- Bytes ---- */

/* With the names in use. */
static int look(struct map *map, struct map_scratch *scratch, struct map_attr *ret, struct ddb_error *err)
{
	struct ddb_scratch_meta meta;
	enum ddb_code code = map->engine->ops->scratch_stat(map->engine, &scratch->name, &meta, err);
	if (code)
		return map_errno(code);
	map_attr_of_scratch(&meta, ret);
	ret->ino = scratch->ino;
	return 0;
}

int map_scratch_stat(
	struct map *map, struct map_scratch *scratch, struct map_attr *ret, struct ddb_error *err)
{
	use_names(map);
	int number = look(map, scratch, ret, err);
	map_scratches_unlock(map);
	return number;
}

int map_scratch_read(struct map *map, struct map_scratch *scratch, uint64_t offset, char *buffer, size_t size,
	size_t *ret_length, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	size_t done = 0, length = 1;
	use_names(map);
	while (!code && done < size && length) {
		code = map->engine->ops->scratch_read(
			map->engine, &scratch->name, offset + done, buffer + done, size - done, &length, err);
		done += code ? 0 : length;
	}
	map_scratches_unlock(map);
	if (!code)
		*ret_length = done;
	return map_errno(code);
}

/* The names are in use and the file is this change's alone until the end. */
static int change_begin(struct map *map, struct map_scratch *scratch, struct ddb_error *err)
{
	use_names(map);
	pthread_mutex_lock(&scratch->lock);
	if (!scratch->put)
		return 0;
	ddb_fail(err, DDB_CONDITIONAL_CHECK_FAILED,
		"The file was put as an item: what is written here would not reach it");
	return ESTALE;
}

static int change_end(
	struct map *map, struct map_scratch *scratch, int number, struct map_attr *ret, struct ddb_error *err)
{
	if (!number)
		number = look(map, scratch, ret, err);
	pthread_mutex_unlock(&scratch->lock);
	map_scratches_unlock(map);
	return number;
}

int map_scratch_write(struct map *map, struct map_scratch *scratch, bool append, uint64_t offset,
	const char *bytes, size_t size, struct map_attr *ret, struct ddb_error *err)
{
	struct map_attr before;
	int number = change_begin(map, scratch, err);
	if (!number && append) {
		number = look(map, scratch, &before, err);
		offset = number ? 0 : before.size;
	}
	if (!number)
		number = map_errno(map->engine->ops->scratch_write(
			map->engine, &scratch->name, offset, bytes, size, err));
	return change_end(map, scratch, number, ret, err);
}

int map_scratch_truncate(struct map *map, struct map_scratch *scratch, uint64_t size, struct map_attr *ret,
	struct ddb_error *err)
{
	int number = change_begin(map, scratch, err);
	if (!number)
		number =
			map_errno(map->engine->ops->scratch_truncate(map->engine, &scratch->name, size, err));
	return change_end(map, scratch, number, ret, err);
}

int map_scratch_set_mtime(struct map *map, struct map_scratch *scratch, int64_t mtime_ns,
	struct map_attr *ret, struct ddb_error *err)
{
	int number = change_begin(map, scratch, err);
	if (!number)
		number = map_errno(map->engine->ops->scratch_set(
			map->engine, &scratch->name, mtime_ns, UINT32_MAX, err));
	return change_end(map, scratch, number, ret, err);
}

bool map_scratch_named(struct map *map, const struct map_scratch *scratch)
{
	use_names(map);
	bool named = !scratch->orphan;
	map_scratches_unlock(map);
	return named;
}
