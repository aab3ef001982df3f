#include "tools/source.h"

#include "engine/json.h"
#include "engine/typed.h"
#include "mapping/document/document.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK = 1 << 16 };

enum shape {
	UNKNOWN,
	OBJECTS,     /* one after another */
	ARRAY_FIRST, /* behind '[' */
	ARRAY_MORE,  /* behind an element: ',' or ']' */
	ENDED,
};

struct source {
	gzFile file;
	enum shape shape;
	size_t at, length;
	uint64_t line, item_line; /* here; where the last item began */
	off_t size;               /* of the file as it lies there; 0: unknown */
	char chunk[CHUNK];
};

struct source *source_open(const char *path)
{
	struct source *source = calloc(1, sizeof *source);
	int fd = !strcmp(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (!source || fd < 0)
		goto fail;
	if (!fstat(fd, &st)) {
		if (S_ISDIR(st.st_mode)) {
			errno = EISDIR;
			goto fail;
		}
		source->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	}
	source->line = 1;
	source->file = gzdopen(fd, "rb");
	if (source->file)
		return source;
	errno = ENOMEM;
fail:
	if (fd >= 0)
		close(fd);
	free(source);
	return NULL;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	gzclose(source->file);
	free(source);
}

double source_progress(const struct source *source)
{
	return source->size > 0 ? (double)gzoffset(source->file) / (double)source->size : -1;
}

uint64_t source_line(const struct source *source)
{
	return source->item_line;
}

/* More bytes; *ret_end when there are none. */
static enum ddb_code fill(struct source *source, bool *ret_end, struct ddb_error *err)
{
	int got, code;

	*ret_end = false;
	if (source->at < source->length)
		return DDB_OK;
	got = gzread(source->file, source->chunk, sizeof source->chunk);
	if (got < 0)
		return ddb_fail(err, DDB_VALIDATION, "%s", gzerror(source->file, &code));
	source->at = 0;
	source->length = (size_t)got;
	*ret_end = got == 0;
	/* A gzip file that was cut off ends like any other but for this. */
	if (got == 0 && (gzerror(source->file, &code), code == Z_BUF_ERROR))
		return ddb_fail(err, DDB_VALIDATION, "the gzipped text ends too early");
	return DDB_OK;
}

enum { END = -1 };

/* The next byte that is not white space, not taken, or END. */
static enum ddb_code peek(struct source *source, int *ret, struct ddb_error *err)
{
	bool end;

	for (;;) {
		enum ddb_code code = fill(source, &end, err);
		if (code)
			return code;
		*ret = end ? END : (unsigned char)source->chunk[source->at];
		if (end || !memchr(" \t\r\n", *ret, 4))
			return DDB_OK;
		source->line += *ret == '\n';
		source->at++;
	}
}

static enum ddb_code refuse(const struct source *source, const char *what, struct ddb_error *err)
{
	return ddb_fail(err, DDB_VALIDATION, "line %" PRIu64 ": %s", source->line, what);
}

/* Moves to the first byte of the next object. */
static enum ddb_code find_object(struct source *source, bool *ret_end, struct ddb_error *err)
{
	int byte;
	enum ddb_code code;

	*ret_end = false;
	while (!(code = peek(source, &byte, err))) {
		if (source->shape == UNKNOWN) {
			source->shape = byte == '[' ? ARRAY_FIRST : OBJECTS;
			source->at += byte == '[';
		} else if (source->shape == OBJECTS || source->shape == ENDED) {
			*ret_end = byte == END;
			return byte != END && source->shape == ENDED
				       ? refuse(source, "text behind the array", err)
				       : DDB_OK;
		} else if (byte == ']') {
			source->shape = ENDED;
			source->at++;
		} else if (source->shape == ARRAY_MORE) {
			if (byte != ',')
				return refuse(
					source, "expected ',' or ']' behind an element of the array", err);
			source->at++;
			source->shape = ARRAY_FIRST;
			code = peek(source, &byte, err);
			return !code && byte != '{' ? refuse(source, "expected an object", err) : code;
		} else {
			return DDB_OK;
		}
	}
	return code;
}

static void count_lines(struct source *source, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		source->line += bytes[i] == '\n';
}

/* The object that begins here, whatever it means. */
static enum ddb_code read_object(
	struct source *source, struct ddb_arena *arena, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_json *json = ddb_json_new(arena, &ddb_typed_limits);
	enum ddb_json_state state = DDB_JSON_MORE;
	enum ddb_code code = json ? DDB_OK : ddb_fail_memory(err);
	bool end = false;
	size_t used;

	while (!code && state == DDB_JSON_MORE && !end) {
		code = fill(source, &end, err);
		if (code)
			break;
		state = end ? ddb_json_end(json, err)
			    : ddb_json_feed(json, source->chunk + source->at, source->length - source->at,
				      &used, err);
		if (!end && state != DDB_JSON_REFUSED) {
			count_lines(source, source->chunk + source->at, used);
			source->at += used;
		}
		if (state == DDB_JSON_REFUSED)
			code = err->code;
	}
	if (!code)
		*ret = *ddb_json_value(json);
	ddb_json_free(json);
	return code;
}

/* {"Item": {…}} and nothing else: a line of an S3 export. */
static bool is_exported(const struct ddb_value *object)
{
	const struct ddb_attribute *first = object->attributes;

	return object->count == 1 && first->value.type == DDB_M && first->name_length == 4 &&
	       !memcmp(first->name, "Item", 4);
}

static enum ddb_code read_item(
	struct source *source, struct ddb_arena *arena, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value object;
	enum ddb_code code = read_object(source, arena, &object, err);

	if (code)
		return code;
	if (is_exported(&object))
		return ddb_typed_read_item(arena, &object.attributes[0].value, ret, err);
	return map_document_read(arena, &object, DDB_RENDER_PLAIN, ret, err);
}

enum ddb_code source_next(struct source *source, struct ddb_arena *arena, struct ddb_value *ret,
	bool *ret_end, struct ddb_error *err)
{
	struct ddb_error reason;
	enum ddb_code code = find_object(source, ret_end, err);

	if (code || *ret_end)
		return code;
	source->item_line = source->line;
	code = read_item(source, arena, ret, &reason);
	if (code)
		return ddb_fail(
			err, code, "in the item at line %" PRIu64 ": %s", source->item_line, reason.message);
	if (source->shape == ARRAY_FIRST)
		source->shape = ARRAY_MORE;
	return DDB_OK;
}
