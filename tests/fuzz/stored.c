/*
 * What stands in a store beside records: heads of items, tables, partition headers, keys, seals. The first
 * byte says what the rest is taken for (from 0x80 on: what a stream keeps), the second where it is cut into
 * head and body.
 */
#include "engine/local/item.h"
#include "engine/local/partition.h"
#include "engine/local/stream/stream.h"
#include "engine/store/seal.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 16 << 20 };

static void check_head(const uint8_t *bytes, size_t size)
{
	struct ddb_meta meta;
	struct ddb_error err = {0};
	struct local_key key = {0};
	const uint8_t *copy;
	size_t copy_length;
	uint8_t again[LOCAL_ITEM_HEAD_MAX];
	enum ddb_code code = local_head_decode(bytes, size, &meta, &copy, &copy_length, &err);
	if (code) {
		FUZZ_CHECK(code == DDB_DAMAGED);
		fuzz_check_error(code, &err);
		return;
	}
	FUZZ_CHECK((copy != NULL) == (copy_length > 0));
	FUZZ_CHECK(!copy || copy + copy_length == bytes + size);
	if (copy_length > LOCAL_KEY_COPY_MAX)
		return; /* not as it is written */
	key.hash = ddb_binary(copy, copy_length);
	if (!copy_length)
		key.range.type = DDB_S;
	FUZZ_CHECK(local_head_encode(&meta, &key, again) == size && !memcmp(again, bytes, size));
}

static void check_table(const struct store_value *value)
{
	struct local_table *table;
	struct ddb_error err = {0};
	enum ddb_code code = local_catalog_decode("table", value, &table, &err);
	if (code) {
		FUZZ_CHECK(code == DDB_DAMAGED);
		fuzz_check_error(code, &err);
		return;
	}
	const struct ddb_table *inside = table->table;
	FUZZ_CHECK(!strcmp(inside->name, "table") && strlen(inside->uuid) < sizeof inside->uuid);
	FUZZ_CHECK((inside->definition != NULL) == (inside->provisional != DDB_PROVISIONAL));
	local_table_unref(table);
}

static void check_values(const struct store_value *value)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	static const enum ddb_type types[] = {DDB_S, DDB_N, DDB_B};
	struct local_header header;
	struct ddb_value key;
	struct ddb_error err;
	ddb_arena_init(&arena, MEMORY);
	enum ddb_code code = local_header_decode(value, &header, &err);
	if (code)
		fuzz_check_error(code, &err);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		code = local_value_decode(&arena, value, types[i], &key, &err);
		if (code)
			fuzz_check_error(code, &err);
		else
			FUZZ_CHECK(key.type == types[i] && key.count > 0);
		code = local_key_value(types[i], value->body, value->body_length, &key, &err);
		if (code)
			fuzz_check_error(code, &err);
		else
			FUZZ_CHECK(types[i] != DDB_N || ddb_number_valid(key.bytes, key.count));
	}
}

static void check_note(const struct store_value *value)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct local_stream_note note;
	struct ddb_error err;
	ddb_arena_init(&arena, MEMORY);
	enum ddb_code code = local_stream_note_decode(&arena, 7, value, &note, &err);
	if (code) {
		FUZZ_CHECK(code == DDB_DAMAGED);
		fuzz_check_error(code, &err);
		return;
	}
	FUZZ_CHECK(note.space == 7 && strlen(note.table) > 0 && strlen(note.table) < 256);
	FUZZ_CHECK(note.view > DDB_STREAM_NONE && note.view <= DDB_STREAM_BOTH);
	FUZZ_CHECK(note.hash.type && strlen(note.hash.name) == note.hash.name_length);
	FUZZ_CHECK((note.range.type != 0) == (note.range.name_length > 0));
	FUZZ_CHECK((note.until_ns != 0) == (note.last != 0));
}

static void check_stream_record(const struct store_value *value)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_stream_record record;
	struct local_stream_head head;
	struct ddb_error err;
	ddb_arena_init(&arena, MEMORY);
	enum ddb_code code = local_stream_record_decode(&arena, value, &record, &err);
	if (code) {
		FUZZ_CHECK(code == DDB_DAMAGED);
		fuzz_check_error(code, &err);
		return;
	}
	FUZZ_CHECK(!local_stream_head_decode(value, &head, &err));
	FUZZ_CHECK(head.event == record.event && head.time_ns == record.time_ns && head.size == record.size);
	FUZZ_CHECK(record.event <= DDB_EVENT_REMOVE && record.key.type == DDB_M);
	FUZZ_CHECK(!record.has_old || record.old_image.type == DDB_M);
	FUZZ_CHECK(!record.has_new || record.new_image.type == DDB_M);
}

/* Nothing that was not sealed here opens, and what was opens again, but not with a byte changed. */
static void check_seal(const struct store_value *value, const uint8_t *bytes, size_t size)
{
	static struct store_keys *keys;
	static const uint8_t master[STORE_SECRET_BYTES];
	uint8_t sealed_key[STORE_SEALED_KEY_BYTES];
	struct store_sealed sealed;
	if (!keys)
		FUZZ_CHECK(!store_seal_init(NULL) && !store_keys_make(master, sealed_key, &keys, NULL));
	uint8_t *room = malloc(size + 1);
	FUZZ_CHECK(room);
	if (store_sealed_parse(bytes, size, &sealed)) {
		FUZZ_CHECK(sealed.head_length + sealed.body_length < size);
		FUZZ_CHECK(!store_sealed_head(keys, "k", 1, &sealed, room));
		FUZZ_CHECK(!sealed.body_length || !store_sealed_body(keys, "k", 1, &sealed, room));
	}
	free(room);
	if (value->head_length > STORE_HEAD_MAX)
		return;
	size_t length = store_seal_size(value->head_length, value->body_length);
	uint8_t *text = malloc(length), *opened = malloc(length);
	FUZZ_CHECK(text && opened);
	store_seal(keys, "k", 1, value->head, value->head_length, value->body, value->body_length, text);
	FUZZ_CHECK(store_sealed_parse(text, length, &sealed));
	FUZZ_CHECK(sealed.head_length == value->head_length && sealed.body_length == value->body_length);
	FUZZ_CHECK(store_sealed_head(keys, "k", 1, &sealed, opened));
	FUZZ_CHECK(!memcmp(opened, value->head, value->head_length));
	FUZZ_CHECK(store_sealed_body(keys, "k", 1, &sealed, opened));
	FUZZ_CHECK(!memcmp(opened, value->body, value->body_length));
	struct fuzz_dice dice;
	fuzz_dice_init(&dice, bytes, size);
	text[fuzz_dice_below(&dice, length)] ^= (uint8_t)(1u << fuzz_dice_below(&dice, 8));
	FUZZ_CHECK(!store_sealed_parse(text, length, &sealed) ||
		   !store_sealed_head(keys, "k", 1, &sealed, opened) ||
		   !store_sealed_body(keys, "k", 1, &sealed, opened));
	free(text);
	free(opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size < 2)
		return 0;
	const uint8_t *rest = bytes + 2;
	size -= 2;
	size_t cut = bytes[1] < size ? bytes[1] : size;
	uint8_t *head = fuzz_copy(rest, cut), *body = fuzz_copy(rest + cut, size - cut);
	const struct store_value value = {
		.head = head, .head_length = cut, .body = body, .body_length = size - cut};
	switch (bytes[0] & 0x80 ? 4 + bytes[0] % 2 : bytes[0] % 4) {
	case 4:
		check_note(&value);
		break;
	case 5:
		check_stream_record(&value);
		break;
	case 0:
		check_head(rest, size);
		break;
	case 1:
		check_table(&value);
		break;
	case 2:
		check_values(&value);
		break;
	default:
		check_seal(&value, rest, size);
		break;
	}
	free(head);
	free(body);
	return 0;
}
