/*
 * The two ways of writing a document. A proper prefix of a JSON object is never an object, so text that comes
 * in order is a document at exactly one byte: the write that brings it puts it and can still answer the
 * refusal, which shells drop at close. Text that was once refused stays refused until the file is truncated:
 * the failed write took nothing, and what follows it would be read as if it did.
 */
#include "mapping/writer.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

enum { LOADED_MAX = 256 << 20 };

_Static_assert(MAP_WRITER_DIGEST == crypto_generichash_BYTES, "the digest is BLAKE2b-256");

void map_writer_init(struct map_writer *writer, struct map_file *file, const struct map_writer_user *user,
	const struct ddb_json_limits *limits, size_t max, bool sequential)
{
	*writer = (struct map_writer){
		.file = file,
		.user = user,
		.limits = limits,
		.mode = sequential ? MAP_WRITER_SEQUENTIAL : MAP_WRITER_IDLE,
	};
	ddb_buffer_init(&writer->text, max);
	ddb_arena_init(&writer->arena, MAP_DOCUMENT_MEMORY);
}

static void drop_reader(struct map_writer *writer)
{
	ddb_json_free(writer->json);
	writer->json = NULL;
	ddb_arena_done(&writer->arena);
}

void map_writer_done(struct map_writer *writer)
{
	drop_reader(writer);
	ddb_buffer_done(&writer->text);
}

bool map_writer_holds_text(const struct map_writer *writer)
{
	return writer->mode != MAP_WRITER_IDLE;
}

bool map_writer_draft(const struct map_writer *writer, uint64_t *ret)
{
	if (writer->mode == MAP_WRITER_IDLE || writer->refused)
		return false;
	if (writer->mode == MAP_WRITER_SEQUENTIAL ? writer->complete : !writer->dirty)
		return false;
	*ret = writer->text.length;
	return true;
}

bool map_writer_untouched(const struct map_writer *writer)
{
	return writer->mode == MAP_WRITER_SEQUENTIAL && !writer->put && !writer->refused &&
	       !(writer->json && ddb_json_started(writer->json));
}

static int refuse(struct map_writer *writer, const struct map_caller *caller, const char *operation,
	int number, const struct ddb_error *err)
{
	return map_file_refuse(writer->file, caller, operation, number, err);
}

static int refuse_code(struct map_writer *writer, const struct map_caller *caller, const char *operation,
	const struct ddb_error *err)
{
	return refuse(writer, caller, operation, map_errno(err->code), err);
}

static int refuse_length(struct map_writer *writer, const struct map_caller *caller, const char *operation)
{
	struct ddb_error err;

	ddb_fail(&err, DDB_ITEM_TOO_LARGE, "The text is longer than %zu bytes", writer->text.max);
	return refuse(writer, caller, operation, EFBIG, &err);
}

static int refuse_memory(struct map_writer *writer, const struct map_caller *caller, const char *operation)
{
	struct ddb_error err;

	ddb_fail_memory(&err);
	return refuse(writer, caller, operation, ENOMEM, &err);
}

static int put(struct map_writer *writer, const struct map_caller *caller, struct ddb_arena *arena,
	const struct ddb_value *document, struct ddb_error *err)
{
	int number = writer->user->put(writer->file, caller, arena, document, err);

	if (!number)
		writer->put = true;
	return number;
}

/* ---- Text in order ---- */

static size_t space_prefix(const char *bytes, size_t size)
{
	size_t length = 0;

	while (length < size && memchr(" \t\r\n", bytes[length], 4))
		length++;
	return length;
}

/* The text can no longer become a document; a new name that never had one is gone. */
static int spoil(struct map_writer *writer, int number)
{
	writer->refused = number;
	if (writer->file->created && !writer->put)
		writer->file->refused = true;
	if (!writer->complete)
		drop_reader(writer);
	return number;
}

/* The last `size` bytes of the text are too much. */
static int refuse_rest(struct map_writer *writer, const struct map_caller *caller, size_t size)
{
	const char *line_start = writer->text.bytes, *rest = line_start + writer->text.length - size;
	struct ddb_error err;
	size_t line = 1;

	for (const char *end; (end = memchr(line_start, '\n', (size_t)(rest - line_start))); line++)
		line_start = end + 1;
	ddb_fail(&err, DDB_VALIDATION, "Unexpected text after the document at line %zu, column %zu", line,
		(size_t)(rest - line_start) + 1);
	return refuse(writer, caller, "write", EINVAL, &err);
}

/* The document that the reader holds is whole; `rest` is what came behind it. */
static int put_complete(
	struct map_writer *writer, const struct map_caller *caller, const char *rest, size_t size)
{
	struct ddb_error err = {0};
	size_t space = space_prefix(rest, size);

	if (space < size)
		return refuse_rest(writer, caller, size - space);
	int number = put(writer, caller, &writer->arena, ddb_json_value(writer->json), &err);
	if (number)
		return refuse(writer, caller, "write", number, &err);
	writer->complete = true;
	drop_reader(writer);
	return 0;
}

static int feed(struct map_writer *writer, const struct map_caller *caller, const char *bytes, size_t size)
{
	struct ddb_error err = {0};
	size_t used = 0;

	if (writer->complete) {
		size_t space = space_prefix(bytes, size);
		return space < size ? refuse_rest(writer, caller, size - space) : 0;
	}
	if (!writer->json)
		writer->json = ddb_json_new(&writer->arena, writer->limits);
	if (!writer->json)
		return refuse_memory(writer, caller, "write");
	switch (ddb_json_feed(writer->json, bytes, size, &used, &err)) {
	case DDB_JSON_MORE:
		return 0;
	case DDB_JSON_DONE:
		return put_complete(writer, caller, bytes + used, size - used);
	case DDB_JSON_REFUSED:
		break;
	}
	return refuse_code(writer, caller, "write", &err);
}

static int write_in_order(
	struct map_writer *writer, const struct map_caller *caller, const char *bytes, size_t size)
{
	size_t before = writer->text.length;

	if (size > writer->text.max - before)
		return spoil(writer, refuse_length(writer, caller, "write"));
	ddb_buffer_add(&writer->text, bytes, size);
	if (writer->text.failed) {
		writer->text.failed = false;
		return spoil(writer, refuse_memory(writer, caller, "write"));
	}
	int number = feed(writer, caller, bytes, size);
	if (!number)
		return 0;
	writer->text.length = before;
	return spoil(writer, number);
}

/* ---- Editing in place ---- */

static void digest(const struct ddb_buffer *text, uint8_t ret[MAP_WRITER_DIGEST])
{
	crypto_generichash(ret, MAP_WRITER_DIGEST, (const unsigned char *)text->bytes, text->length, NULL, 0);
}

static void remember_committed(struct map_writer *writer)
{
	digest(&writer->text, writer->committed);
	writer->has_committed = true;
}

static bool is_committed(const struct map_writer *writer)
{
	uint8_t now[MAP_WRITER_DIGEST];

	if (!writer->has_committed)
		return false;
	digest(&writer->text, now);
	return !memcmp(now, writer->committed, sizeof(now));
}

/* A text that is there already may be longer than one that can be written. */
static int load(struct map_writer *writer, const struct map_caller *caller, const char *operation)
{
	struct ddb_buffer *text = &writer->text;
	size_t max = text->max;
	struct ddb_error err = {0};

	text->max = LOADED_MAX;
	int number = writer->user->load(writer->file, text, &err);
	text->max = max;
	bool failed = text->failed, too_long = text->length > max;
	if (!number && !failed && !too_long)
		return 0;
	ddb_buffer_done(text);
	if (number)
		return refuse(writer, caller, operation, number, &err);
	return failed ? refuse_memory(writer, caller, operation) : refuse_length(writer, caller, operation);
}

static int begin_in_place(struct map_writer *writer, const struct map_caller *caller, const char *operation)
{
	if (writer->mode == MAP_WRITER_IN_PLACE)
		return 0;
	bool committed = writer->complete;
	if (writer->mode == MAP_WRITER_IDLE) {
		int number = load(writer, caller, operation);
		if (number)
			return number;
		committed = true;
	}
	drop_reader(writer);
	writer->mode = MAP_WRITER_IN_PLACE;
	writer->has_committed = false;
	if (committed)
		remember_committed(writer);
	return 0;
}

/* Holes are filled with NUL, as in any file; no document has one, so they are refused if they stay. */
static int set_length(
	struct map_writer *writer, const struct map_caller *caller, uint64_t length, const char *operation)
{
	struct ddb_buffer *text = &writer->text;

	if (length > text->max)
		return refuse_length(writer, caller, operation);
	if (length <= text->length) {
		text->length = (size_t)length;
		return 0;
	}
	size_t hole = (size_t)length - text->length;
	char *room = ddb_buffer_reserve(text, hole);
	if (!room) {
		text->failed = false;
		return refuse_memory(writer, caller, operation);
	}
	memset(room, 0, hole);
	text->length += hole;
	return 0;
}

static int write_in_place(struct map_writer *writer, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size)
{
	int number = begin_in_place(writer, caller, "write");

	if (number)
		return number;
	uint64_t end;
	if (__builtin_add_overflow(offset, size, &end))
		return refuse_length(writer, caller, "write");
	if (end > writer->text.length)
		number = set_length(writer, caller, end, "write");
	if (number)
		return number;
	memcpy(writer->text.bytes + offset, bytes, size);
	writer->dirty = true;
	writer->mtime_ns = 0;
	return 0;
}

/* A refusal that the same text would meet again. Others (a full disk, a throttle) leave it to be put by the
 * next settling. */
static bool is_final(int number)
{
	return number == EINVAL || number == EFBIG || number == EEXIST;
}

static int put_edited(struct map_writer *writer, const struct map_caller *caller, const char *operation)
{
	struct ddb_error err = {0};
	struct ddb_value document;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};

	ddb_arena_init(&arena, MAP_DOCUMENT_MEMORY);
	if (ddb_json_read(&arena, writer->limits, writer->text.bytes, writer->text.length, &document, &err))
		return refuse_code(writer, caller, operation, &err);
	int number = put(writer, caller, &arena, &document, &err);
	return number ? refuse(writer, caller, operation, number, &err) : 0;
}

static int judge_in_place(struct map_writer *writer, const struct map_caller *caller, const char *operation)
{
	if (!writer->dirty)
		return 0;
	if (is_committed(writer)) {
		writer->dirty = false;
		return 0;
	}
	int number = put_edited(writer, caller, operation);
	if (!number)
		remember_committed(writer);
	if (!number || is_final(number))
		writer->dirty = false;
	return number;
}

void map_writer_set_mtime(struct map_writer *writer, int64_t mtime_ns)
{
	if (writer->mode == MAP_WRITER_IN_PLACE && writer->dirty)
		writer->mtime_ns = mtime_ns;
}

/* ---- The whole ---- */

int map_writer_write(struct map_writer *writer, const struct map_caller *caller, uint64_t offset,
	const char *bytes, size_t size)
{
	if (!size)
		return 0;
	if (writer->refused)
		return writer->refused;
	/* Under O_APPEND the kernel's offsets are those of the committed file: they say nothing about this
	 * text. */
	if (writer->file->flags & O_APPEND)
		offset = writer->text.length;
	writer->unfinished_told = false;
	if (writer->mode == MAP_WRITER_SEQUENTIAL && offset == writer->text.length)
		return write_in_order(writer, caller, bytes, size);
	return write_in_place(writer, caller, offset, bytes, size);
}

static int begin_anew(struct map_writer *writer)
{
	if (writer->refused && writer->file->refused)
		return writer->refused;
	drop_reader(writer);
	ddb_buffer_clear(&writer->text);
	writer->mode = MAP_WRITER_SEQUENTIAL;
	writer->complete = writer->dirty = writer->unfinished_told = false;
	writer->mtime_ns = 0;
	writer->refused = 0;
	return 0;
}

int map_writer_truncate(struct map_writer *writer, const struct map_caller *caller, uint64_t size)
{
	if (!size)
		return begin_anew(writer);
	if (writer->refused)
		return writer->refused;
	if (writer->mode != MAP_WRITER_IDLE && size == writer->text.length)
		return 0;
	int number = begin_in_place(writer, caller, "truncate");
	if (number || size == writer->text.length)
		return number;
	number = set_length(writer, caller, size, "truncate");
	if (number)
		return number;
	writer->dirty = true;
	writer->mtime_ns = 0;
	return 0;
}

static int judge_in_order(struct map_writer *writer, const struct map_caller *caller, const char *operation)
{
	struct ddb_error err;
	size_t line, column;

	if (!writer->json || !ddb_json_started(writer->json) || writer->unfinished_told)
		return 0;
	writer->unfinished_told = true;
	ddb_json_position(writer->json, &line, &column);
	ddb_fail(&err, DDB_VALIDATION, "The document is unfinished: the text ends at line %zu, column %zu",
		line, column);
	return refuse(writer, caller, operation, EINVAL, &err);
}

int map_writer_settle(struct map_writer *writer, const struct map_caller *caller, const char *operation)
{
	if (writer->refused)
		return 0;
	if (writer->mode == MAP_WRITER_IN_PLACE)
		return judge_in_place(writer, caller, operation);
	return judge_in_order(writer, caller, operation);
}
