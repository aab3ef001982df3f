/*
 * Files to be imported: the same items, gzipped or not, as the JSON reader finds in the whole text; of a
 * gzipped file that was cut or changed no end is taken for its end.
 */
#include "tools/source.h"

#include "engine/json.h"
#include "engine/record.h"
#include "engine/typed.h"
#include "mapping/document/document.h"
#include "tests/fuzz/fuzz.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

enum { MEMORY = 64 << 20, RECORDS_MAX = 32 << 20 };

/* The records of all items, one behind the other. */
struct outcome {
	enum ddb_code code;
	size_t count;
	struct ddb_buffer records;
};

static void done(struct outcome *outcome)
{
	ddb_buffer_done(&outcome->records);
}
#define OUTCOME_AUTO __attribute__((cleanup(done)))

static void add(struct outcome *outcome, const struct ddb_value *item)
{
	ddb_record_write(item, &outcome->records);
	FUZZ_CHECK(!outcome->records.failed);
	outcome->count++;
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	return fd;
}

static void import(const void *bytes, size_t size, struct outcome *ret)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_error err = {0};
	struct ddb_value item;
	char path[64];
	bool end = false;
	int fd = file_of(bytes, size);
	*ret = (struct outcome){.code = DDB_OK};
	ddb_buffer_init(&ret->records, RECORDS_MAX);
	ddb_arena_init(&arena, MEMORY);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct source *source = source_open(path);
	FUZZ_CHECK(source);
	for (;;) {
		ret->code = source_next(source, &arena, &item, &end, &err);
		if (ret->code || end)
			break;
		add(ret, &item);
		FUZZ_CHECK(source_line(source) >= 1 && source_progress(source) <= 1);
		ddb_arena_reset(&arena);
	}
	if (ret->code)
		fuzz_check_error(ret->code, &err);
	source_close(source);
	close(fd);
}

/* ---- The same by the JSON reader ---- */

static enum ddb_code read_item(struct ddb_arena *arena, const struct ddb_value *json, struct ddb_value *ret)
{
	if (json->type != DDB_M)
		return DDB_VALIDATION;
	const struct ddb_value *inside = ddb_map_get(json, "Item", 4);
	if (inside && json->count == 1 && inside->type == DDB_M)
		return ddb_typed_read_item(arena, inside, ret, NULL);
	return map_document_read(arena, json, DDB_RENDER_PLAIN, ret, NULL);
}

static void read_array(struct ddb_arena *arena, const char *text, size_t size, struct outcome *ret)
{
	static const struct ddb_json_limits limits = {.nesting = 128, .nodes = 3 * DDB_ITEM_SIZE_MAX};
	struct ddb_value array, item;
	ret->code = ddb_json_read(arena, &limits, text, size, &array, NULL);
	for (uint32_t i = 0; !ret->code && i < array.count; i++) {
		ret->code = read_item(arena, &array.elements[i], &item);
		if (!ret->code)
			add(ret, &item);
	}
}

static void read_objects(struct ddb_arena *arena, const char *text, size_t size, struct outcome *ret)
{
	struct ddb_json *json = ddb_json_new(arena, &ddb_typed_limits);
	FUZZ_CHECK(json);
	for (size_t at = 0, used; !ret->code; at += used) {
		struct ddb_value item;
		enum ddb_json_state state = ddb_json_feed(json, text + at, size - at, &used, NULL);
		if (state == DDB_JSON_MORE && !ddb_json_started(json))
			break;
		ret->code = state == DDB_JSON_DONE ? read_item(arena, ddb_json_value(json), &item)
						   : DDB_VALIDATION;
		if (!ret->code)
			add(ret, &item);
		ddb_json_restart(json);
	}
	ddb_json_free(json);
}

static void refer(const char *text, size_t size, struct outcome *ret)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	size_t space = 0;
	*ret = (struct outcome){.code = DDB_OK};
	ddb_buffer_init(&ret->records, RECORDS_MAX);
	ddb_arena_init(&arena, MEMORY);
	while (space < size && memchr(" \t\r\n", text[space], 4))
		space++;
	if (space < size && text[space] == '[')
		read_array(&arena, text, size, ret);
	else
		read_objects(&arena, text, size, ret);
}

/* ---- Gzip ---- */

static size_t compress_text(const uint8_t *bytes, size_t size, uint8_t **ret)
{
	z_stream stream = {0};
	FUZZ_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	size_t room = deflateBound(&stream, size);
	*ret = malloc(room);
	FUZZ_CHECK(*ret);
	stream.next_in = (uint8_t *)bytes;
	stream.avail_in = (unsigned)size;
	stream.next_out = *ret;
	stream.avail_out = (unsigned)room;
	FUZZ_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
	deflateEnd(&stream);
	return stream.total_out;
}

static void check_gzip(const uint8_t *bytes, size_t size, const struct outcome *plain)
{
	OUTCOME_AUTO struct outcome whole = {0}, cut = {0};
	struct fuzz_dice dice;
	uint8_t *zipped;
	size_t length = compress_text(bytes, size, &zipped);
	fuzz_dice_init(&dice, bytes, size);
	import(zipped, length, &whole);
	FUZZ_CHECK(whole.code == plain->code && whole.count == plain->count);
	FUZZ_CHECK(whole.records.length == plain->records.length);
	FUZZ_CHECK(!whole.records.length ||
		   !memcmp(whole.records.bytes, plain->records.bytes, whole.records.length));
	import(zipped, 1 + fuzz_dice_below(&dice, length - 1), &cut);
	FUZZ_CHECK(cut.code != DDB_OK);
	free(zipped);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	OUTCOME_AUTO struct outcome plain = {0}, reference = {0};
	import(bytes, size, &plain);
	if (size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
		return 0;
	refer((const char *)bytes, size, &reference);
	FUZZ_CHECK(!plain.code == !reference.code);
	if (!plain.code) {
		FUZZ_CHECK(plain.count == reference.count);
		FUZZ_CHECK(plain.records.length == reference.records.length);
		FUZZ_CHECK(!plain.count ||
			   !memcmp(plain.records.bytes, reference.records.bytes, plain.records.length));
	}
	check_gzip(bytes, size, &plain);
	return 0;
}
