/*
 * File names of keys: the rule's every byte, both directions, its long form and what it must not accept.
 */
#include "engine/utf8.h"
#include "mapping/name.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ddb_value string_key(const char *text)
{
	return ddb_string(text, strlen(text));
}

static struct ddb_value number_key(const char *text, struct ddb_number *number)
{
	assert_int_equal(ddb_number_read(text, strlen(text), number, NULL), DDB_OK);
	return ddb_number_value(number);
}

static void assert_decodes(const char *name, bool item, const struct ddb_value *key)
{
	uint8_t digest[DDB_ALIAS_BYTES];
	struct ddb_value decoded;
	struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	assert_int_equal(map_name_decode(name, item, (enum ddb_type)key->type, &arena, &decoded, digest),
		MAP_NAME_KEY);
	assert_true(ddb_value_equal(&decoded, key));
	ddb_arena_done(&arena);
}

static enum map_name_kind kind_of(const char *name, bool item, enum ddb_type type)
{
	uint8_t digest[DDB_ALIAS_BYTES];
	struct ddb_value decoded;
	struct ddb_arena arena;
	ddb_arena_init(&arena, 1 << 20);
	enum map_name_kind kind = map_name_decode(name, item, type, &arena, &decoded, digest);
	ddb_arena_done(&arena);
	return kind;
}

/* Both forms of a short key's name, and back. */
static void assert_named(const struct ddb_value *key, const char *expected)
{
	char name[MAP_NAME_MAX + 1], suffixed[MAP_NAME_MAX + 16];
	uint8_t digest[DDB_ALIAS_BYTES];
	map_name_of_key(key, false, name);
	assert_string_equal(name, expected);
	assert_false(map_name_is_long(key, false, digest));
	assert_decodes(name, false, key);
	map_name_of_key(key, true, name);
	snprintf(suffixed, sizeof(suffixed), "%s.json", expected);
	assert_string_equal(name, suffixed);
	assert_false(map_name_is_long(key, true, digest));
	assert_decodes(name, true, key);
	DDB_BUFFER_AUTO struct ddb_buffer encoded;
	ddb_buffer_init(&encoded, 1 << 20);
	map_name_encode(key, &encoded);
	assert_false(encoded.failed);
	assert_int_equal(encoded.length, strlen(expected));
	assert_memory_equal(encoded.bytes, expected, encoded.length);
}

static void names_strings(void **state)
{
	static const char *const cases[][2] = {
		{"alice", "alice"},
		{"/ % ~ .", "%2F %25 %7E ."},
		{".", "%2E"},
		{"..", "%2E."},
		{"...", "%2E.."},
		{".json", "%2Ejson"},
		{"a.json", "a.json"},
		{"a.b", "a.b"},
		{"%2F", "%252F"},
		{"~~", "%7E%7E"},
		{"a\nb", "a%0Ab"},
		{"\n", "%0A"},
		{"\x01\x1f\x7f", "%01%1F%7F"},
		{" lead and trail ", " lead and trail "},
		{"-rf", "-rf"},
		{"*?[]{}'\"\\$`!&|;<>", "*?[]{}'\"\\$`!&|;<>"},
		{"😀", "😀"},
		{"é/ü", "é%2Fü"},
		{"\xc2\x80", "\xc2\x80"},
		{"\xef\xbf\xbf", "\xef\xbf\xbf"},
		{"2026-01-04T12:34:56Z", "2026-01-04T12:34:56Z"},
		{"Case", "Case"},
		{"042", "042"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ddb_value key = string_key(cases[i][0]);
		assert_named(&key, cases[i][1]);
	}
	struct ddb_value nul = ddb_string("a\0b", 3), only = ddb_string("\0", 1);
	assert_named(&nul, "a%00b");
	assert_named(&only, "%00");
}

static void names_numbers(void **state)
{
	static const char *const cases[][2] = {
		{"42", "42"},
		{"-42", "-42"},
		{"0", "0"},
		{"-0", "0"},
		{"1.10", "1.1"},
		{"1e3", "1000"},
		{".5", "0.5"},
		{"-0.001", "-0.001"},
		{"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
	};
	(void)state;
	struct ddb_number number;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ddb_value key = number_key(cases[i][0], &number);
		assert_named(&key, cases[i][1]);
	}
	/* The longest text of all. */
	struct ddb_value key = number_key("-1.2345678901234567890123456789012345678E-130", &number);
	char name[MAP_NAME_MAX + 1];
	map_name_of_key(&key, true, name);
	assert_true(strlen(name) > 170);
	assert_decodes(name, true, &key);
}

static void names_binaries(void **state)
{
	static const char *const cases[][2] = {
		{"f", "Zg"},
		{"fo", "Zm8"},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg"},
		{"\xff\xff\xff", "____"},
		{"\xfb\xef\xbe", "----"},
		{".json", "Lmpzb24"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ddb_value key = ddb_binary(cases[i][0], strlen(cases[i][0]));
		assert_named(&key, cases[i][1]);
	}
}

static void spell(unsigned byte, bool escaped, char ret[4])
{
	if (escaped)
		snprintf(ret, 4, "%%%02X", byte & 0xff);
	else
		snprintf(ret, 4, "%c", (int)byte);
}

/* Each byte first and not first: escaped if and only if the rule says so. */
static void escapes_exactly(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 0x80; byte++) {
		char text[] = {(char)byte, 'x', (char)byte}, first[4], later[4], expected[16];
		bool always = byte < 0x20 || byte == 0x7f || byte == '/' || byte == '%' || byte == '~';
		spell(byte, always || byte == '.', first);
		spell(byte, always, later);
		snprintf(expected, sizeof(expected), "%sx%s", first, later);
		struct ddb_value key = ddb_string(text, sizeof(text));
		assert_named(&key, expected);
	}
	for (unsigned byte = 0; byte < 0x100; byte++) {
		uint8_t bytes[] = {(uint8_t)byte, 'x', (uint8_t)byte, (uint8_t)byte};
		for (size_t size = 1; size <= sizeof(bytes); size++) {
			struct ddb_value key = ddb_binary(bytes, size);
			char name[MAP_NAME_MAX + 1];
			map_name_of_key(&key, true, name);
			assert_decodes(name, true, &key);
		}
	}
}

static void refuses_other_spellings(void **state)
{
	static const struct {
		enum ddb_type type;
		const char *name;
	} cases[] = {
		{DDB_S, ""},
		{DDB_S, "."},
		{DDB_S, ".."},
		{DDB_S, ".a"},
		{DDB_S, "%"},
		{DDB_S, "%2"},
		{DDB_S, "a%"},
		{DDB_S, "%2f"},
		{DDB_S, "%7e"},
		{DDB_S, "%41"},
		{DDB_S, "a%2E"},
		{DDB_S, "%2E%2E"},
		{DDB_S, "%2G"},
		{DDB_S, "%%"},
		{DDB_S, "%C3%A9"},
		{DDB_S, "a~b"},
		{DDB_S, "a~~b"},
		{DDB_S, "a/b"},
		{DDB_S, "a\nb"},
		{DDB_S, "\x7f"},
		{DDB_S, "\xff"},
		{DDB_S, "\xc3"},
		{DDB_S, "\xc3%25"},
		{DDB_S, "\xed\xa0\x80"},
		{DDB_S, "\xc0\xaf"},
		{DDB_S, "\xf4\x90\x80\x80"},
		{DDB_N, ""},
		{DDB_N, "042"},
		{DDB_N, "1.0"},
		{DDB_N, "+1"},
		{DDB_N, "-0"},
		{DDB_N, "1e3"},
		{DDB_N, ".5"},
		{DDB_N, "5."},
		{DDB_N, " 1"},
		{DDB_N, "1 "},
		{DDB_N, "x"},
		{DDB_N, "0x10"},
		{DDB_N, "--1"},
		{DDB_N, "1%2E5"},
		{DDB_N, "123456789012345678901234567890123456789"},
		{DDB_B, ""},
		{DDB_B, "A"},
		{DDB_B, "Zg=="},
		{DDB_B, "Zh"},
		{DDB_B, "Zm9"},
		{DDB_B, "Zm8+"},
		{DDB_B, "Zm8/"},
		{DDB_B, "Zg.a"},
		{DDB_B, "Z g"},
		{DDB_BOOL, "true"},
		{DDB_L, "a"},
		{(enum ddb_type)0, "a"},
		{(enum ddb_type)99, "a"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char suffixed[64];
		snprintf(suffixed, sizeof(suffixed), "%s.json", cases[i].name);
		assert_int_equal(kind_of(cases[i].name, false, cases[i].type), MAP_NAME_NONE);
		assert_int_equal(kind_of(suffixed, true, cases[i].type), MAP_NAME_NONE);
	}
	static const char *const no_items[] = {
		"a", "", "json", ".json", "a.JSON", "a.json ", "a.jso", "a.json~"};
	for (size_t i = 0; i < COUNT(no_items); i++)
		assert_int_equal(kind_of(no_items[i], true, DDB_S), MAP_NAME_NONE);
}

/* ---- The long form ---- */

/* An independent cut: the longest whole characters and escapes of at most 200 bytes. */
static size_t expected_cut(const char *encoded)
{
	size_t length = 0;
	for (;;) {
		unsigned char byte = (unsigned char)encoded[length];
		size_t next = byte == '%' || byte >> 4 == 14 ? 3 : byte < 0x80 ? 1 : byte >> 4 == 15 ? 4 : 2;
		if (length + next > MAP_LONG_PREFIX)
			return length;
		length += next;
	}
}

static void assert_long(const struct ddb_value *key, bool item)
{
	DDB_BUFFER_AUTO struct ddb_buffer encoded;
	uint8_t digest[DDB_ALIAS_BYTES], found[DDB_ALIAS_BYTES];
	char name[MAP_NAME_MAX + 1];
	struct ddb_value decoded;
	struct ddb_arena arena;
	ddb_buffer_init(&encoded, 1 << 20);
	map_name_encode(key, &encoded);
	assert_true(encoded.length > MAP_NAME_MAX - (item ? 5u : 0));
	size_t cut = expected_cut(encoded.bytes);
	map_name_of_key(key, item, name);
	assert_int_equal(strlen(name), cut + 2 + MAP_DIGEST_TEXT + (item ? 5 : 0));
	assert_memory_equal(name, encoded.bytes, cut);
	assert_memory_equal(name + cut, "~~", 2);
	assert_true(map_name_is_long(key, item, digest));
	ddb_arena_init(&arena, 1 << 20);
	assert_int_equal(map_name_decode(name, item, (enum ddb_type)key->type, &arena, &decoded, found),
		MAP_NAME_LONG);
	assert_memory_equal(digest, found, DDB_ALIAS_BYTES);
	assert_int_equal(map_name_decode(name, item, DDB_N, &arena, &decoded, found), MAP_NAME_NONE);
	assert_true(map_name_plausible(name, item));
	ddb_arena_done(&arena);
}

/* Against b2sum -l 160 and base32. */
static void digests_known_texts(void **state)
{
	static const struct {
		char unit;
		size_t count;
		const char *digits;
	} cases[] = {
		{'/', 1024, "sfnajovauxrnlpwolz2gclt2bsieshkm"},
		{'a', 251, "xrz6ojfoleqju22tatyfcji4sf7h4mzl"},
		{'a', 256, "xpj6ekkfxmm5hek7mudvj26ynzkltza4"},
	};
	char text[1024], name[MAP_NAME_MAX + 1];
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(text, cases[i].unit, cases[i].count);
		struct ddb_value key = ddb_string(text, cases[i].count);
		map_name_of_key(&key, true, name);
		size_t length = strlen(name);
		assert_memory_equal(name + length - 5, ".json", 6);
		assert_memory_equal(name + length - 5 - MAP_DIGEST_TEXT, cases[i].digits, MAP_DIGEST_TEXT);
		assert_long(&key, true);
	}
}

static void is_long_from_the_byte_on(void **state)
{
	char text[300], name[MAP_NAME_MAX + 1];
	uint8_t digest[DDB_ALIAS_BYTES];
	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t size = 245; size < sizeof(text); size++) {
		struct ddb_value key = ddb_string(text, size);
		assert_int_equal(map_name_is_long(&key, true, digest), size > 250);
		assert_int_equal(map_name_is_long(&key, false, digest), size > 255);
		if (size > 255)
			assert_long(&key, false);
		if (size > 250)
			assert_long(&key, true);
		else
			assert_decodes((map_name_of_key(&key, true, name), name), true, &key);
	}
	/* The text counts, not the key: 84 escapes are 252 bytes. */
	memset(text, '%', 85);
	struct ddb_value escapes = ddb_string(text, 84), more = ddb_string(text, 85);
	assert_int_equal(map_name_is_long(&escapes, true, digest), true);
	assert_int_equal(map_name_is_long(&escapes, false, digest), false);
	struct ddb_value fit = ddb_string(text, 83);
	assert_int_equal(map_name_is_long(&fit, true, digest), false);
	assert_int_equal(map_name_is_long(&more, false, digest), false);
	text[85] = 'a';
	struct ddb_value over = ddb_string(text, 86);
	assert_int_equal(map_name_is_long(&over, false, digest), true);
	assert_long(&over, false);
}

/* Every alignment of every length of character and escape against the cut. */
static void cuts_at_whole_characters(void **state)
{
	static const char *const units[] = {"é", "€", "😀", "%", "\n", "a"};
	char text[2048];
	(void)state;
	for (size_t unit = 0; unit < COUNT(units); unit++) {
		for (size_t shift = 0; shift < 8; shift++) {
			size_t size = strlen(units[unit]), length = shift;
			memset(text, 'x', shift);
			for (; length + size <= 1024; length += size)
				memcpy(text + length, units[unit], size);
			struct ddb_value key = ddb_string(text, length);
			assert_long(&key, true);
			assert_long(&key, false);
		}
	}
}

static void binaries_are_cut(void **state)
{
	uint8_t bytes[2048];
	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t size = 192; size <= sizeof(bytes); size += 29) {
		struct ddb_value key = ddb_binary(bytes, size);
		assert_long(&key, true);
		assert_long(&key, false);
	}
	struct ddb_value fit = ddb_binary(bytes, 187); /* 250 digits */
	uint8_t digest[DDB_ALIAS_BYTES];
	assert_false(map_name_is_long(&fit, true, digest));
}

static void refuses_false_long_forms(void **state)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	char name[512];
	(void)state;
	for (int prefix = 150; prefix < 240; prefix++) {
		snprintf(name, sizeof(name), "%0*d~~%s.json", prefix, 0, digits);
		bool string = prefix >= 197 && prefix <= 200;
		assert_int_equal(kind_of(name, true, DDB_S), string ? MAP_NAME_LONG : MAP_NAME_NONE);
		assert_int_equal(kind_of(name, true, DDB_B), prefix == 200 ? MAP_NAME_LONG : MAP_NAME_NONE);
		assert_int_equal(kind_of(name, true, DDB_N), MAP_NAME_NONE);
		assert_int_equal(map_name_plausible(name, true), string);
	}
	static const char *const tails[] = {
		"~~abcdefghijklmnopqrstuvwxyz23456",
		"~~abcdefghijklmnopqrstuvwxyz2345678",
		"~~abcdefghijklmnopqrstuvwxyz234561",
		"~~abcdefghijklmnopqrstuvwxyz234568",
		"~~ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
		"~~abcdefghijklmnopqrstuvwxyz23456=",
		"~_abcdefghijklmnopqrstuvwxyz234567",
		"~abcdefghijklmnopqrstuvwxyz2345677",
	};
	for (size_t i = 0; i < COUNT(tails); i++) {
		snprintf(name, sizeof(name), "%0200d%s.json", 0, tails[i]);
		assert_int_equal(kind_of(name, true, DDB_S), MAP_NAME_NONE);
		assert_int_equal(kind_of(name, true, DDB_B), MAP_NAME_NONE);
	}
	static const char *const beginnings[] = {".", "~", "%2f", "%41", "\xc3", "\n", "/"};
	for (size_t i = 0; i < COUNT(beginnings); i++) {
		size_t size = strlen(beginnings[i]);
		snprintf(name, sizeof(name), "%s%0*d~~%s.json", beginnings[i], (int)(200 - size), 0, digits);
		assert_int_equal(kind_of(name, true, DDB_S), MAP_NAME_NONE);
		/* and at the cut */
		snprintf(name, sizeof(name), "%0*d%s~~%s.json", (int)(200 - size), 0, beginnings[i], digits);
		assert_int_equal(
			kind_of(name, true, DDB_S), beginnings[i][0] == '.' ? MAP_NAME_LONG : MAP_NAME_NONE);
	}
	snprintf(name, sizeof(name), "%0199d%%~~%s.json", 0, digits);
	assert_int_equal(kind_of(name, true, DDB_S), MAP_NAME_NONE);
	snprintf(name, sizeof(name), "%0199d+~~%s.json", 0, digits);
	assert_int_equal(kind_of(name, true, DDB_B), MAP_NAME_NONE);
	snprintf(name, sizeof(name), "%0200d~~%s", 0, digits);
	assert_int_equal(kind_of(name, true, DDB_S), MAP_NAME_NONE);
	assert_int_equal(kind_of(name, false, DDB_S), MAP_NAME_LONG);
}

static void refuses_names_over_255(void **state)
{
	char name[400];
	(void)state;
	for (int length = 250; length < 300; length++) {
		snprintf(name, sizeof(name), "%0*d", length, 0);
		assert_int_equal(kind_of(name, false, DDB_S), length <= 255 ? MAP_NAME_KEY : MAP_NAME_NONE);
		assert_int_equal(map_name_plausible(name, false), length <= 255);
		snprintf(name, sizeof(name), "%0*d.json", length - 5, 0);
		assert_int_equal(kind_of(name, true, DDB_S), length <= 255 ? MAP_NAME_KEY : MAP_NAME_NONE);
		assert_int_equal(map_name_plausible(name, true), length <= 255);
	}
}

/* ---- Random keys ---- */

static uint64_t random_state = 42;

static uint64_t random_number(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static size_t random_string(char *ret, size_t most)
{
	static const char *const pool[] = {"/", "%", "~", ".", ".json", "a", "B", "7", " ", "-", "\n", "\x7f",
		"é", "€", "😀", "\x01", "~~", "%2F", "\xef\xbf\xbd"};
	size_t length = 0, units = 1 + random_number(most);
	for (size_t i = 0; i < units; i++) {
		const char *unit = pool[random_number(COUNT(pool))];
		memcpy(ret + length, unit, strlen(unit));
		length += strlen(unit);
	}
	return length;
}

static void assert_round_trip(const struct ddb_value *key, bool item)
{
	char name[MAP_NAME_MAX + 1];
	uint8_t digest[DDB_ALIAS_BYTES];
	map_name_of_key(key, item, name);
	assert_true(strlen(name) <= MAP_NAME_MAX);
	assert_true(name[0] && name[0] != '.');
	for (const char *at = name; *at; at++)
		assert_true((unsigned char)*at >= 0x20 && *at != 0x7f && *at != '/');
	assert_int_equal(ddb_utf8_prefix(name, strlen(name)), strlen(name));
	assert_true(map_name_plausible(name, item));
	if (map_name_is_long(key, item, digest))
		assert_long(key, item);
	else
		assert_decodes(name, item, key);
}

static void random_keys_come_back(void **state)
{
	char text[4096];
	(void)state;
	for (int round = 0; round < 5000; round++) {
		struct ddb_value key = ddb_string(text, random_string(text, round % 10 ? 20 : 300));
		assert_round_trip(&key, round & 1);
		for (size_t i = 0; i < 300; i++)
			text[i] = (char)random_number(256);
		key = ddb_binary(text, 1 + random_number(300));
		assert_round_trip(&key, round & 1);
	}
}

/* What decodes must encode to the same name, whatever the bytes. */
static void random_names_are_canonical(void **state)
{
	static const char pool[] = "%%%%22FfEe7.~~ab019-_+=/\n\xc3\xa9";
	uint8_t digest[DDB_ALIAS_BYTES];
	char name[64], again[MAP_NAME_MAX + 1];
	unsigned decoded = 0;
	(void)state;
	for (int round = 0; round < 100000; round++) {
		struct ddb_arena arena;
		struct ddb_value key;
		size_t length = 1 + random_number(7);
		for (size_t i = 0; i < length; i++)
			name[i] = pool[random_number(sizeof(pool) - 1)];
		name[length] = '\0';
		ddb_arena_init(&arena, 1 << 20);
		for (int type = DDB_S; type <= DDB_B; type++) {
			if (map_name_decode(name, false, (enum ddb_type)type, &arena, &key, digest) !=
				MAP_NAME_KEY)
				continue;
			decoded++;
			map_name_of_key(&key, false, again);
			assert_string_equal(again, name);
			assert_true(map_name_plausible(name, false));
		}
		ddb_arena_done(&arena);
	}
	assert_true(decoded > 1000);
}

/* ---- The rest ---- */

static void strips_and_judges(void **state)
{
	char text[MAP_NAME_MAX + 1];
	(void)state;
	assert_true(map_name_plausible("a.json", true));
	assert_true(map_name_plausible("%2Ea.json", true));
	assert_true(map_name_plausible("-5", false));
	assert_false(map_name_plausible("a", true));
	assert_false(map_name_plausible(".json", true));
	assert_false(map_name_plausible(".a", false));
	assert_false(map_name_plausible("", false));
	assert_false(map_name_plausible("a~b.json", true));
	assert_false(map_name_plausible("\xff.json", true));
	map_name_strip("%2Ea.json", true, text);
	assert_string_equal(text, "%2Ea");
	map_name_strip("a.json", false, text);
	assert_string_equal(text, "a.json");
	char longest[MAP_NAME_MAX + 1];
	memset(longest, 'a', MAP_NAME_MAX);
	longest[MAP_NAME_MAX] = '\0';
	map_name_strip(longest, false, text);
	assert_string_equal(text, longest);
}

static void reads_texts(void **state)
{
	char text[16];
	size_t length = 99;
	(void)state;
	assert_true(map_name_text("%2E%25%00", 9, text, &length));
	assert_int_equal(length, 3);
	assert_memory_equal(text, ".%\0", 3);
	length = 99;
	assert_false(map_name_text("", 0, text, &length));
	assert_false(map_name_text("a\0", 2, text, &length));
	assert_false(map_name_text("%2E", 2, text, &length));
	assert_int_equal(length, 99);
}

static void survives_a_full_arena(void **state)
{
	uint8_t digest[DDB_ALIAS_BYTES];
	struct ddb_arena arena;
	struct ddb_value key;
	(void)state;
	ddb_arena_init(&arena, 8);
	assert_int_equal(map_name_decode("a", false, DDB_S, &arena, &key, digest), MAP_NAME_NONE);
	assert_int_equal(map_name_decode("1", false, DDB_N, &arena, &key, digest), MAP_NAME_NONE);
	assert_int_equal(map_name_decode("Zg", false, DDB_B, &arena, &key, digest), MAP_NAME_NONE);
	ddb_arena_done(&arena);
	DDB_BUFFER_AUTO struct ddb_buffer small;
	ddb_buffer_init(&small, 3);
	key = ddb_string("abcd", 4);
	map_name_encode(&key, &small);
	assert_true(small.failed);
}

static void names_tables(void **state)
{
	static const char *const cases[][2] = {
		{"Orders", "Orders"},
		{"a.b-c_1", "a.b-c_1"},
		{".git", "%2Egit"},
		{"...", "%2E.."},
	};
	static const char *const refused[] = {"", ".", "..", ".git", "ab", "%2Ea", "%2e..", "a%2Eb",
		"%2E%2Eabc", "a b", "caf\xc3\xa9", "a/b", "%41bc", "%2", "abc~"};
	char name[MAP_NAME_MAX + 3], table[DDB_TABLE_NAME_MAX + 1], longest[DDB_TABLE_NAME_MAX + 2];
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		map_table_to_name(cases[i][0], name);
		assert_string_equal(name, cases[i][1]);
		assert_true(map_name_to_table(name, table));
		assert_string_equal(table, cases[i][0]);
	}
	strcpy(table, "as it was");
	for (size_t i = 0; i < COUNT(refused); i++)
		assert_false(map_name_to_table(refused[i], table));
	memset(longest, 'x', sizeof(longest));
	longest[DDB_TABLE_NAME_MAX + 1] = '\0';
	assert_false(map_name_to_table(longest, table));
	assert_string_equal(table, "as it was");
	longest[DDB_TABLE_NAME_MAX] = '\0';
	longest[0] = '.';
	map_table_to_name(longest, name);
	assert_int_equal(strlen(name), DDB_TABLE_NAME_MAX + 2);
	assert_true(map_name_to_table(name, table));
	assert_string_equal(table, longest);
}

/* ---- Several keys in one name ---- */

static const enum ddb_type three[] = {DDB_S, DDB_N, DDB_B};

static void joins_keys(void **state)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct ddb_number number;
	struct ddb_value keys[3], back[3];
	uint8_t digest[DDB_ALIAS_BYTES];
	char name[MAP_NAME_MAX + 1];
	(void)state;
	ddb_arena_init(&arena, 1 << 20);
	assert_int_equal(ddb_number_read("-2.5", 4, &number, NULL), DDB_OK);
	keys[0] = ddb_string(".a~b/", 5);
	keys[1] = ddb_number_value(&number);
	keys[2] = ddb_binary("ABC", 3);
	map_name_of_keys(keys, 3, true, name);
	assert_string_equal(name, "%2Ea%7Eb%2F~-2.5~QUJD.json");
	assert_int_equal(map_name_decode_keys(name, true, three, 3, &arena, back, digest), MAP_NAME_KEY);
	for (unsigned i = 0; i < 3; i++)
		assert_true(ddb_value_equal(&keys[i], &back[i]));
	map_name_of_keys(keys, 2, false, name);
	assert_string_equal(name, "%2Ea%7Eb%2F~-2.5");
	map_name_of_keys(keys, 1, false, name);
	assert_string_equal(name, "%2Ea%7Eb%2F");
	assert_false(map_name_are_long(keys, 3, true, digest));
}

static void refuses_other_joins(void **state)
{
	static const char *const names[] = {"a~1", "a~1~QUJD~", "a~1~QUJD~x", "~1~QUJD", "a~~QUJD", "a~1~",
		"a~01~QUJD", "a~x~QUJD", "a~1~QUJ", "a~1~QUJD=", "a.~1~QUJD ", "a%7e~1~QUJD", ".a~1~QUJD",
		""};
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct ddb_value back[3];
	uint8_t digest[DDB_ALIAS_BYTES];
	(void)state;
	ddb_arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (map_name_decode_keys(names[i], false, three, 3, &arena, back, digest) != MAP_NAME_NONE)
			fail_msg("%s", names[i]);
}

/* As an independent program cuts and digests them. */
static void cuts_joined_keys(void **state)
{
	DDB_ARENA_AUTO struct ddb_arena arena;
	struct ddb_value keys[2], back[2];
	uint8_t digest[DDB_ALIAS_BYTES], told[DDB_ALIAS_BYTES];
	char text[300], name[MAP_NAME_MAX + 1];
	static const enum ddb_type two[] = {DDB_S, DDB_S};
	(void)state;
	ddb_arena_init(&arena, 1 << 20);
	memset(text, 'a', sizeof(text));
	keys[0] = ddb_string(text, 199);
	keys[1] = ddb_string(text, 50);
	map_name_of_keys(keys, 2, true, name);
	assert_int_equal(strlen(name), 255);
	assert_false(map_name_are_long(keys, 2, true, digest));
	keys[1] = ddb_string(text, 51);
	assert_true(map_name_are_long(keys, 2, true, digest));
	assert_false(map_name_are_long(keys, 2, false, told));
	map_name_of_keys(keys, 2, true, name);
	assert_memory_equal(name, text, 199);
	assert_string_equal(name + 199, "~~~fm7fi4ghwcltqgwuza5jpmhhkfy7prag.json");
	assert_int_equal(map_name_decode_keys(name, true, two, 2, &arena, back, told), MAP_NAME_LONG);
	assert_memory_equal(digest, told, DDB_ALIAS_BYTES);
	/* what is no entry is never cut, and may be cut all the same */
	assert_int_equal(map_name_read_keys(text, 300, two, 1, &arena, back, told), MAP_NAME_KEY);
	assert_int_equal(back[0].count, 300);
	name[strlen(name) - 5] = '\0';
	assert_int_equal(map_name_read_keys(name, strlen(name), two, 2, &arena, back, told), MAP_NAME_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_strings),
		cmocka_unit_test(names_numbers),
		cmocka_unit_test(names_binaries),
		cmocka_unit_test(escapes_exactly),
		cmocka_unit_test(refuses_other_spellings),
		cmocka_unit_test(digests_known_texts),
		cmocka_unit_test(is_long_from_the_byte_on),
		cmocka_unit_test(cuts_at_whole_characters),
		cmocka_unit_test(binaries_are_cut),
		cmocka_unit_test(refuses_false_long_forms),
		cmocka_unit_test(refuses_names_over_255),
		cmocka_unit_test(random_keys_come_back),
		cmocka_unit_test(random_names_are_canonical),
		cmocka_unit_test(strips_and_judges),
		cmocka_unit_test(reads_texts),
		cmocka_unit_test(survives_a_full_arena),
		cmocka_unit_test(names_tables),
		cmocka_unit_test(joins_keys),
		cmocka_unit_test(refuses_other_joins),
		cmocka_unit_test(cuts_joined_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
