/*
 * The JSON reader against a second opinion: what it accepts is JSON, and where it refuses JSON it says which
 * limit was in the way. Whole and in pieces it says the same, about the same place.
 */
#include "engine/json.h"
#include "engine/jsonout.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference_json.h"
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 32 << 20, NESTING = 40, NODES = 300 };

static const struct ddb_json_limits limits = {.nesting = NESTING, .nodes = NODES};

/* Refusals of texts that are JSON. */
static bool is_limit(const struct ddb_error *err)
{
	static const char *const limits_named[] = {
		"Nesting Levels have exceeded",
		"Item size has exceeded",
		"Duplicate attribute name",
		"Number overflow",
		"Number underflow",
		"more than 38 significant digits",
		"A number's text has exceeded",
	};
	for (size_t i = 0; i < sizeof limits_named / sizeof *limits_named; i++)
		if (strstr(err->message, limits_named[i]))
			return true;
	return false;
}

static enum ddb_json_state read_pieces(
	struct ddb_json *json, const char *text, size_t length, struct ddb_error *err)
{
	enum ddb_json_state state = DDB_JSON_MORE;
	struct fuzz_dice dice;
	size_t done = 0, used;
	fuzz_dice_init(&dice, text, length);
	while (done < length && state == DDB_JSON_MORE) {
		size_t size = fuzz_dice_piece(&dice, length - done);
		char *piece = fuzz_copy(text + done, size);
		state = ddb_json_feed(json, piece, size, &used, err);
		free(piece);
		FUZZ_CHECK(used <= size);
		done += used;
	}
	if (state == DDB_JSON_REFUSED) {
		/* It stays so, and takes nothing. */
		struct ddb_error again;
		FUZZ_CHECK(ddb_json_feed(json, " ", 1, &used, &again) == DDB_JSON_REFUSED && !used);
		FUZZ_CHECK(!strcmp(again.message, err->message));
	}
	for (; done < length && state == DDB_JSON_DONE; done++)
		if (!memchr(" \t\r\n", text[done], 4))
			return DDB_JSON_REFUSED;
	return state == DDB_JSON_MORE ? ddb_json_end(json, err) : state;
}

/* Writes the tree, pretty or not, without a wrapper of documents. */
static void write_value(struct ddb_json_out *out, const struct ddb_value *value)
{
	switch ((enum ddb_type)value->type) {
	case DDB_S:
		ddb_json_string(out, (const char *)value->bytes, value->count);
		return;
	case DDB_N:
		ddb_json_number(out, value->bytes, value->count);
		return;
	case DDB_BOOL:
		ddb_json_raw(out, value->boolean ? "true" : "false");
		return;
	case DDB_NULL:
		ddb_json_raw(out, "null");
		return;
	case DDB_L:
		ddb_json_open(out, '[');
		for (uint32_t i = 0; i < value->count; i++)
			write_value(out, &value->elements[i]);
		ddb_json_close(out, ']');
		return;
	case DDB_M:
		ddb_json_open(out, '{');
		for (uint32_t i = 0; i < value->count; i++) {
			ddb_json_name(out, value->attributes[i].name, value->attributes[i].name_length);
			write_value(out, &value->attributes[i].value);
		}
		ddb_json_close(out, '}');
		return;
	case DDB_B:
	case DDB_SS:
	case DDB_NS:
	case DDB_BS:
		break;
	}
	FUZZ_CHECK(!"a type that JSON has");
}

static void check_written(const struct ddb_value *value, bool pretty)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	struct ddb_json_out out;
	struct ddb_value again;
	ddb_arena_init(&arena, MEMORY);
	ddb_buffer_init(&text, MEMORY);
	ddb_json_out_init(&out, &text, pretty);
	write_value(&out, value);
	FUZZ_CHECK(!text.failed);
	FUZZ_CHECK(reference_json(text.bytes, text.length) == REFERENCE_YES);
	FUZZ_CHECK(!ddb_json_read(&arena, &limits, text.bytes, text.length, &again, NULL));
	FUZZ_CHECK(ddb_value_equal(value, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	const char *text = (const char *)bytes;
	struct ddb_error err = {0}, piece_err = {0};
	struct ddb_value value;
	ddb_arena_init(&arena, MEMORY);
	enum ddb_code code = ddb_json_read(&arena, &limits, text, size, &value, &err);
	enum reference_verdict verdict = reference_json(text, size);
	if (code) {
		fuzz_check_error(code, &err);
		FUZZ_CHECK(strstr(err.message, " at line "));
		FUZZ_CHECK(verdict != REFERENCE_YES || is_limit(&err));
	} else {
		FUZZ_CHECK(verdict == REFERENCE_YES);
		check_written(&value, false);
		check_written(&value, true);
	}
	struct ddb_json *json = ddb_json_new(&arena, &limits);
	FUZZ_CHECK(json);
	enum ddb_json_state state = read_pieces(json, text, size, &piece_err);
	FUZZ_CHECK((state == DDB_JSON_DONE) == !code);
	if (state == DDB_JSON_DONE)
		FUZZ_CHECK(ddb_value_equal(ddb_json_value(json), &value));
	else if (piece_err.code)
		FUZZ_CHECK(!strcmp(err.message, piece_err.message));
	ddb_json_free(json);
	return 0;
}
