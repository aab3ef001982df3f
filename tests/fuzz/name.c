/*
 * Keys and file names are one-to-one. The input is once a key, of each type that it can be, and once a name.
 */
#include "mapping/name.h"
#include "engine/utf8.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 1 << 20 };

/* A directory entry that the kernel, `ls` and xargs can live with. */
static void check_entry(const char *name, bool item)
{
	size_t length = strlen(name);
	FUZZ_CHECK(length > 0 && length <= MAP_NAME_MAX && name[0] != '.');
	for (size_t i = 0; i < length; i++)
		FUZZ_CHECK((unsigned char)name[i] >= 0x20 && name[i] != 0x7f && name[i] != '/');
	FUZZ_CHECK(!item || (length > 5 && !strcmp(name + length - 5, ".json")));
}

static void check_key(const struct ddb_value *key, bool item)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	DDB_BUFFER_AUTO struct ddb_buffer whole = {0};
	char name[MAP_NAME_MAX + 1], stripped[MAP_NAME_MAX + 1];
	uint8_t digest[DDB_ALIAS_BYTES], decoded_digest[DDB_ALIAS_BYTES];
	struct ddb_value decoded;
	ddb_arena_init(&arena, MEMORY);
	ddb_buffer_init(&whole, MEMORY);
	map_name_of_key(key, item, name);
	map_name_encode(key, &whole);
	check_entry(name, item);
	bool is_long = map_name_is_long(key, item, digest);
	FUZZ_CHECK(is_long == (whole.length + (item ? 5 : 0) > MAP_NAME_MAX));
	enum map_name_kind kind =
		map_name_decode(name, item, (enum ddb_type)key->type, &arena, &decoded, decoded_digest);
	FUZZ_CHECK(kind == (is_long ? MAP_NAME_LONG : MAP_NAME_KEY));
	FUZZ_CHECK(map_name_plausible(name, item));
	map_name_strip(name, item, stripped);
	FUZZ_CHECK(!strncmp(name, stripped, strlen(stripped)));
	if (is_long) {
		FUZZ_CHECK(!memcmp(digest, decoded_digest, sizeof digest));
		size_t prefix = (size_t)(strstr(name, "~~") - name);
		FUZZ_CHECK(prefix >= MAP_LONG_PREFIX - 3 && prefix <= MAP_LONG_PREFIX);
		FUZZ_CHECK(!memcmp(name, whole.bytes, prefix));
		FUZZ_CHECK(ddb_utf8_prefix(name, prefix) == prefix);
		return;
	}
	FUZZ_CHECK(ddb_value_equal(key, &decoded));
	FUZZ_CHECK(strlen(stripped) == whole.length && !memcmp(stripped, whole.bytes, whole.length));
}

static void check_name(const char *name, bool item, enum ddb_type type)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	char again[MAP_NAME_MAX + 1];
	uint8_t digest[DDB_ALIAS_BYTES], same[DDB_ALIAS_BYTES];
	struct ddb_value key;
	ddb_arena_init(&arena, MEMORY);
	enum map_name_kind kind = map_name_decode(name, item, type, &arena, &key, digest);
	if (type == DDB_S)
		FUZZ_CHECK(map_name_plausible(name, item) == (kind != MAP_NAME_NONE));
	else
		FUZZ_CHECK(kind == MAP_NAME_NONE || map_name_plausible(name, item));
	if (kind == MAP_NAME_NONE)
		return;
	check_entry(name, item);
	if (kind == MAP_NAME_LONG)
		return;
	FUZZ_CHECK(key.type == type && key.count > 0);
	map_name_of_key(&key, item, again);
	FUZZ_CHECK(!strcmp(name, again) && !map_name_is_long(&key, item, same));
}

static void check_table(const char *name)
{
	char table[DDB_TABLE_NAME_MAX + 1], again[MAP_NAME_MAX + 3], same[DDB_TABLE_NAME_MAX + 1];
	if (map_name_to_table(name, table)) {
		FUZZ_CHECK(!ddb_table_name_check(table, strlen(table), NULL));
		map_table_to_name(table, again);
		FUZZ_CHECK(!strcmp(name, again));
	}
	struct ddb_error err;
	enum ddb_code code = ddb_table_name_check(name, strlen(name), &err);
	if (code) {
		fuzz_check_error(code, &err);
		return;
	}
	map_table_to_name(name, again);
	FUZZ_CHECK(again[0] != '.' && map_name_to_table(again, same) && !strcmp(name, same));
}

static void check_text(const char *text, size_t size)
{
	char *decoded = malloc(size ? size : 1);
	size_t length;
	FUZZ_CHECK(decoded);
	if (map_name_text(text, size, decoded, &length)) {
		DDB_BUFFER_AUTO struct ddb_buffer again = {0};
		struct ddb_value key = ddb_string(decoded, length);
		ddb_buffer_init(&again, MEMORY);
		map_name_encode(&key, &again);
		FUZZ_CHECK(again.length == size && !memcmp(again.bytes, text, size));
	}
	free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const enum ddb_type types[] = {DDB_S, DDB_N, DDB_B};
	if (!size || size > DDB_HASH_KEY_MAX)
		return 0;
	char *name = malloc(size + 1);
	FUZZ_CHECK(name);
	memcpy(name, bytes, size);
	name[size] = '\0';
	for (int item = 0; item < 2; item++) {
		struct ddb_value key = ddb_binary(bytes, size);
		check_key(&key, item);
		key.type = DDB_S;
		if (ddb_utf8_prefix((const char *)bytes, size) == size)
			check_key(&key, item);
		key.type = DDB_N;
		if (ddb_number_valid(bytes, size))
			check_key(&key, item);
		for (size_t i = 0; i < sizeof types / sizeof *types; i++)
			check_name(name, item, types[i]);
	}
	check_table(name);
	check_text((const char *)bytes, size);
	free(name);
	return 0;
}
