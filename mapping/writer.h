/*
 * Inside mapping/: how bytes that are written become one document. Written in order from offset 0 the text is
 * judged as it comes and put by the write that completes it; edited in place it is judged as a whole when it
 * is settled. Knows neither items nor definitions: the file that uses it reads and puts them. Threads: none
 * of its own, the open file's lock covers it.
 */
#ifndef MAP_WRITER_H
#define MAP_WRITER_H

#include "mapping/document/document.h"
#include "mapping/file.h"

enum { MAP_WRITER_DIGEST = 32 };

struct map_writer_user {
	/* Appends the text that in-place editing begins with. */
	int (*load)(struct map_file *file, struct ddb_buffer *out, struct ddb_error *err);
	/* Judges and puts one whole document. The arena is the caller's, for anything that the call needs. */
	int (*put)(struct map_file *file, const struct map_caller *caller, struct ddb_arena *arena,
		const struct ddb_value *document, struct ddb_error *err);
};

enum map_writer_mode {
	MAP_WRITER_IDLE,       /* nothing is written yet; the first write begins to edit in place */
	MAP_WRITER_SEQUENTIAL, /* from offset 0, judged as it comes */
	MAP_WRITER_IN_PLACE,
};

struct map_writer {
	struct map_file *file; /* borrowed, as are user and limits */
	const struct map_writer_user *user;
	const struct ddb_json_limits *limits;
	enum map_writer_mode mode;
	struct ddb_buffer text; /* all that was written, or the edited text */
	struct ddb_arena arena;
	struct ddb_json *json; /* sequential: reads the text as it comes; its tree is in the arena */
	bool complete;         /* sequential: the document of this text is put */
	bool put;              /* something was put through this file */
	bool dirty;            /* in place: edited since it was judged */
	int64_t mtime_ns;      /* in place: set since it was edited last; 0: now */
	bool unfinished_told;  /* sequential: that the text is no document yet was said once */
	int refused;           /* the errno of the write that spoilt the text; each later write has it too */
	bool has_committed;    /* in place: the digest of the text that is put */
	uint8_t committed[MAP_WRITER_DIGEST];
};

/* `sequential`: the file begins empty (opened with truncation, or new). `max`: bytes of text. */
void map_writer_init(struct map_writer *writer, struct map_file *file, const struct map_writer_user *user,
	const struct ddb_json_limits *limits, size_t max, bool sequential);
void map_writer_done(struct map_writer *writer);

/* These record what they refuse. */
int map_writer_write(struct map_writer *writer, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size);
int map_writer_truncate(struct map_writer *writer, const struct map_caller *caller, uint64_t size);
/* At flush, fsync and release: puts what was edited in place; an unfinished document is refused, once for
 * what was written since. */
int map_writer_settle(struct map_writer *writer, const struct map_caller *caller, const char *operation);

/* A time is set: what was edited in place has it when it is put, unless it is edited again. */
void map_writer_set_mtime(struct map_writer *writer, int64_t mtime_ns);

/* Whether the text is the writer's own, to be read from it. */
bool map_writer_holds_text(const struct map_writer *writer);
/* Whether it is not put, or not as it is now: its size. */
bool map_writer_draft(const struct map_writer *writer, uint64_t *ret);
/* Nothing but white space was written and nothing put or refused. */
bool map_writer_untouched(const struct map_writer *writer);

#endif
