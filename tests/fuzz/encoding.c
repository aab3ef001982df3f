/*
 * Base64 in both alphabets against libsodium's, and UTF-8 against a naive decoder. Bytes and text are
 * one-to-one.
 */
#include "engine/base64.h"
#include "engine/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference_json.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static int variant(bool url)
{
	return url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING : sodium_base64_VARIANT_ORIGINAL;
}

/* Of other bytes libsodium takes some for digits. */
static bool is_ascii(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}

static void check_text(const char *text, size_t size, bool url)
{
	size_t length = 0, length_there = 0, room = size / 4 * 3 + 3;
	uint8_t *to = malloc(room), *there = malloc(room);
	FUZZ_CHECK(to && there);
	bool valid = ddb_base64_decode(text, size, url, to, &length);
	const char *end;
	bool ascii = is_ascii(text, size);
	bool valid_there =
		ascii &&
		!sodium_base642bin(there, room, text, size, NULL, &length_there, &end, variant(url)) &&
		end == text + size;
	FUZZ_CHECK(valid == valid_there);
	if (valid) {
		DDB_BUFFER_AUTO struct ddb_buffer again = {0};
		FUZZ_CHECK(length == length_there && !memcmp(to, there, length));
		ddb_buffer_init(&again, size + 1);
		ddb_base64_add(&again, to, length, url);
		FUZZ_CHECK(!again.failed && again.length == size);
		FUZZ_CHECK(!size || !memcmp(again.bytes, text, size));
	}
	free(to);
	free(there);
}

static void check_bytes(const uint8_t *bytes, size_t size, bool url)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	DDB_BUFFER_AUTO struct ddb_buffer text = {0}, counted = {0};
	const uint8_t *again;
	size_t length;
	ddb_arena_init(&arena, 4 * size + 4096);
	ddb_buffer_init(&text, 2 * size + 4);
	ddb_buffer_init_counting(&counted);
	ddb_base64_add(&text, bytes, size, url);
	ddb_base64_add(&counted, bytes, size, url);
	FUZZ_CHECK(!text.failed && text.length == counted.length);
	FUZZ_CHECK(ddb_base64_read(&arena, text.bytes, text.length, url, &again, &length));
	FUZZ_CHECK(length == size && !memcmp(again, bytes, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	for (int url = 0; url < 2; url++) {
		check_text((const char *)bytes, size, url);
		check_bytes(bytes, size, url);
	}
	FUZZ_CHECK(ddb_utf8_prefix((const char *)bytes, size) == reference_utf8(bytes, size));
	return 0;
}
