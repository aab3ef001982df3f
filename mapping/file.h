/*
 * Inside mapping/: an open file: a base that the map allocates and the kind's own part behind a table of
 * functions. file.c locks and dispatches; the kinds never lock. Not for fs/.
 */
#ifndef MAP_FILE_H
#define MAP_FILE_H

#include "mapping/tree.h"
#include "engine/buffer.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

struct map_file;
struct map_consume;

struct map_file_ops {
	/* NULL members answer: read EBADF, write EACCES, truncate EACCES, flush and sync 0. */
	int (*read)(struct map_file *file, uint64_t offset, char *buffer, size_t size, size_t *ret_length);
	bool (*ready)(struct map_file *file); /* of those whose read may answer EAGAIN; NULL: true */
	int (*write)(struct map_file *file, const struct map_caller *caller, uint64_t offset,
		const char *bytes, size_t size);
	int (*truncate)(struct map_file *file, const struct map_caller *caller, uint64_t size);
	int (*stat)(struct map_file *file, struct map_attr *ret); /* these three NULL: ESTALE */
	int (*set_mtime)(struct map_file *file, const struct map_caller *caller, int64_t mtime_ns);
	bool (*draft)(const struct map_file *file, uint64_t *ret); /* NULL: false */
	int (*again)(struct map_file *file, struct map_file *ret); /* makes a kind's part of its own */
	int (*flush)(struct map_file *file, const struct map_caller *caller);
	int (*sync)(struct map_file *file, const struct map_caller *caller);
	int (*settle)(
		struct map_file *file, const struct map_caller *caller);  /* of a pending name; NULL: 0 */
	void (*set_draft_mtime)(struct map_file *file, int64_t mtime_ns); /* NULL: nothing */
	int (*release)(struct map_file *file,
		const struct map_caller *caller); /* the last chance to commit; then done is called */
	/* The path has changed, and with it what else the kind knows of the names above; NULL: nothing. */
	void (*renamed)(struct map_file *file);
	void (*done)(struct map_file *file); /* frees the kind's part */
};

struct map_file {
	const struct map_file_ops *ops;
	struct map *map;
	struct map_file *next, **link; /* among the map's open ones */
	char *path;                    /* under the lock, as all that is not set by opening alone */
	int flags;                     /* open(2)'s */
	mode_t mode;                   /* of a new scratch file */
	struct map_caller opener;
	bool created;   /* opened by map_create under a name that did not exist */
	bool exclusive; /* created with O_EXCL */
	bool forgone;   /* untouched, nothing comes of the name */
	bool versioned; /* of a kind whose names exist by what is put */
	bool refused;
	bool closed;  /* a handle was, and nothing was written since */
	bool unheard; /* the last fsync answered EINVAL, and nothing was written or closed since */
	pthread_mutex_t lock;
	struct map_attr attr;
	void *part;  /* the kind's own */
	void *owner; /* the front end's mark */
};

enum {
	MAP_REQUEST_MEMORY = 64 << 20
}; /* bytes that one request's arena may take: an item of 400 KB of the smallest values */

static inline bool map_file_reads(const struct map_file *file)
{
	return (file->flags & O_ACCMODE) != O_WRONLY;
}
static inline bool map_file_writes(const struct map_file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY;
}
/* What making a file is answered with where map_resolve found nothing: *err says why the name cannot be new.
 */
static inline int map_file_new_errno(int number, const struct ddb_error *err)
{
	return number == ENOENT && err->code ? map_errno(err->code) : number;
}
/* A read of a text that is in memory. */
int map_file_read_text(
	const struct ddb_buffer *text, uint64_t offset, char *buffer, size_t size, size_t *ret_length);
/* Puts the pending names that were never written to and whose handle was closed: the kernel tells of their
 * last close when it likes. */
void map_files_settle(struct map *map, const struct map_caller *caller);
/* Records a refusal of this file and returns `number`. */
int map_file_refuse(const struct map_file *file, const struct map_caller *caller, const char *operation,
	int number, const struct ddb_error *err);

/*
 * The kinds' open functions (rows of path.c name them): they set ops, part and attr of `file`; *ret is the
 * same attr. They give an errno, with *err where there is something to say; what they made till then is freed
 * by ops->done.
 */
int map_item_open(struct map *map, const struct map_place *place, struct map_file *file, struct map_attr *ret,
	struct ddb_error *err);
int map_lines_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err);
int map_scan_open(struct map *map, const struct map_place *place, struct map_file *file, struct map_attr *ret,
	struct ddb_error *err);
int map_definition_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err);
int map_text_open(struct map *map, const struct map_place *place, struct map_file *file, struct map_attr *ret,
	struct ddb_error *err); /* .status, .errors, .status.json */
int map_records_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err);
int map_follow_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err);
int map_entry_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err);
int map_tally_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err); /* count, explain */
int map_conditions_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err);
int map_api_open(struct map *map, const struct map_place *place, struct map_file *file, struct map_attr *ret,
	struct ddb_error *err);
int map_scratch_open(struct map *map, const struct map_place *place, struct map_file *file,
	struct map_attr *ret, struct ddb_error *err);

/*
 * Puts `text` as the document of `place` (an item or a definition): what a rename of a scratch file does.
 * `consume` may be NULL. The engine's refusals come through *err, the errno as the return value (EINVAL,
 * EFBIG, EEXIST …); recording them is the caller's, telling the front end of the item or the table is done
 * here. A kindless provisional table is settled.
 */
int map_item_put_text(struct map *map, const struct map_caller *caller, const struct map_place *place,
	const char *text, size_t length, int64_t mtime_ns, bool no_replace, const struct map_consume *consume,
	struct ddb_error *err);
int map_definition_put_text(struct map *map, const struct map_caller *caller, const struct map_place *place,
	const char *text, size_t length, struct ddb_error *err);
/* Gives a provisional table its definition; what would not keep its name is refused, and recorded if there is
 * a map. Nobody is told. */
enum ddb_code map_definition_define(struct ddb_engine *engine, struct map *map,
	const struct map_caller *caller, const struct ddb_table *table, struct ddb_definition *definition,
	struct ddb_error *err);
/* The canonical text of .table.json. */
int map_definition_text(const struct ddb_table *table, struct ddb_buffer *out);
/* The present text of an item, with its meta (may be NULL). ENOENT without a message when there is none. */
int map_item_text(struct map *map, const struct map_place *place, struct ddb_buffer *out,
	struct ddb_meta *ret, struct ddb_error *err);

#endif
