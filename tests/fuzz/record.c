/*
 * Records as they lie in a store: bytes that are accepted are the only ones of their value. What a document
 * can say is said by the value's document, too.
 */
#include "engine/record.h"
#include "engine/local/item.h"
#include "mapping/document/document.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

enum { MEMORY = 64 << 20 };

static bool is_ordinary(const struct ddb_value *item)
{
	if (local_item_check(item, NULL) || ddb_item_size(item) > DDB_ITEM_SIZE_MAX)
		return false;
	/* Stand-in keys come last: their names begin with 0xff. */
	return !item->count || item->attributes[item->count - 1].name[0] != '\xff';
}

static void check_document(
	struct ddb_arena *arena, const struct ddb_value *item, enum ddb_rendering rendering)
{
	static struct ddb_table table;
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	struct ddb_value json, again;
	uint32_t measured[2];
	table.provisional = DDB_PROVISIONAL;
	ddb_buffer_init(&text, MEMORY);
	map_document_write(&table, item, rendering, true, &text);
	map_document_measure(&table, item, measured);
	FUZZ_CHECK(!text.failed && text.length == measured[rendering]);
	FUZZ_CHECK(
		!ddb_json_read(arena, map_document_limits(rendering), text.bytes, text.length, &json, NULL));
	FUZZ_CHECK(!map_document_read(arena, &json, rendering, &again, NULL));
	FUZZ_CHECK(ddb_value_equal(item, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0}, small = {0};
	DDB_BUFFER_AUTO struct ddb_buffer again = {0};
	struct ddb_error err = {0};
	struct ddb_value value, item;
	ddb_arena_init(&arena, MEMORY);
	/* Memory is a small multiple of the record's length, whatever its counts claim. */
	ddb_arena_init(&small, 64 * size + (16 << 10));
	enum ddb_code code = ddb_record_read(&arena, bytes, size, &value, &err);
	FUZZ_CHECK(code == ddb_record_read(&small, bytes, size, &value, NULL));
	FUZZ_CHECK(!code == !local_body_decode(&arena, bytes, size, &item, &err) ||
		   (!code && value.type != DDB_M));
	if (code) {
		FUZZ_CHECK(code == DDB_DAMAGED);
		fuzz_check_error(code, &err);
		return 0;
	}
	ddb_buffer_init(&again, MEMORY);
	ddb_record_write(&value, &again);
	FUZZ_CHECK(!again.failed && again.length == size && !memcmp(again.bytes, bytes, size));
	if (value.type != DDB_M || !is_ordinary(&value))
		return 0;
	check_document(&arena, &value, DDB_RENDER_PLAIN);
	check_document(&arena, &value, DDB_RENDER_TYPED);
	return 0;
}
