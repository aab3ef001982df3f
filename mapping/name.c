/*
 * Keys to file names and back. Encoding goes through a small piece on the stack, so that no key, however
 * long, needs memory for its name; the digest of a long name is taken in a second pass that short names never
 * pay for. Decoding accepts exactly what encoding writes. No state; any thread.
 */
#include "mapping/name.h"

#include "engine/typed.h"
#include "engine/base64.h"
#include "engine/utf8.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
	PIECE = 96,             /* source bytes at a time; a multiple of 3, so that base64 pieces join */
	PIECE_TEXT = 3 * PIECE, /* their longest text; longer than any number's */
	LONG_TAIL = 2 + MAP_DIGEST_TEXT,
	LONG_PREFIX_LEAST = MAP_LONG_PREFIX - 3, /* a cut gives up at most three bytes of a character */
	SUFFIX_LENGTH = 5,
};

_Static_assert(PIECE_TEXT >= (int)DDB_NUMBER_TEXT_MAX, "a number is one piece");
_Static_assert(DDB_ALIAS_BYTES * 8 == MAP_DIGEST_TEXT * 5, "base32 without padding");

static const char suffix[] = ".json";
static const char hex_digits[] = "0123456789ABCDEF";
static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- Encoding ---- */

/* Goes through key values one after another, with a tilde between them. */
struct encoder {
	const struct ddb_value *key, *end;
	uint32_t taken; /* of the key's bytes */
};

static bool is_escaped(unsigned char byte, bool first)
{
	return byte < 0x20 || byte == 0x7f || byte == '/' || byte == '%' || byte == '~' ||
	       (first && byte == '.');
}

static size_t encode_string(const uint8_t *bytes, size_t size, bool first, char *ret)
{
	size_t length = 0;
	for (size_t i = 0; i < size; i++) {
		if (!is_escaped(bytes[i], first && i == 0)) {
			ret[length++] = (char)bytes[i];
			continue;
		}
		ret[length++] = '%';
		ret[length++] = hex_digits[bytes[i] >> 4];
		ret[length++] = hex_digits[bytes[i] & 15];
	}
	return length;
}

static size_t encode_binary(const uint8_t *bytes, size_t size, char *ret)
{
	size_t length = 0;
	for (size_t i = 0; i < size; i += 3) {
		size_t have = size - i < 3 ? size - i : 3;
		uint32_t bits = (uint32_t)bytes[i] << 16;
		if (have > 1)
			bits |= (uint32_t)bytes[i + 1] << 8;
		if (have > 2)
			bits |= bytes[i + 2];
		for (size_t digit = 0; digit <= have; digit++)
			ret[length++] = base64url_digits[bits >> (18 - 6 * digit) & 63];
	}
	return length;
}

/* The next piece of one value's encoded text, of whole escapes; 0 at its end. */
static size_t encode_piece(struct encoder *encoder, char ret[PIECE_TEXT])
{
	const struct ddb_value *key = encoder->key;
	const uint8_t *bytes = key->bytes + encoder->taken;
	uint32_t left = key->count - encoder->taken, size = left < PIECE ? left : PIECE;
	bool first = encoder->taken == 0;
	if (!left)
		return 0;
	encoder->taken += size;
	if (key->type == DDB_N)
		return ddb_number_write(key->bytes, key->count, ret);
	return key->type == DDB_B ? encode_binary(bytes, size, ret) : encode_string(bytes, size, first, ret);
}

static size_t encode_next(struct encoder *encoder, char ret[PIECE_TEXT])
{
	size_t length = encode_piece(encoder, ret);
	if (length || encoder->key + 1 >= encoder->end)
		return length;
	encoder->key++;
	encoder->taken = 0;
	ret[0] = '~';
	return 1;
}

static struct encoder encoder_of(const struct ddb_value *keys, unsigned count)
{
	return (struct encoder){.key = keys, .end = keys + count};
}

void map_name_encode(const struct ddb_value *key, struct ddb_buffer *out)
{
	struct encoder encoder = encoder_of(key, 1);
	char piece[PIECE_TEXT];
	size_t length;
	while ((length = encode_next(&encoder, piece)))
		ddb_buffer_add(out, piece, length);
}

/* The text's first bytes; returns its length, or anything over MAP_NAME_MAX when it is longer than that. */
static size_t encode_head(const struct ddb_value *keys, unsigned count, char ret[MAP_NAME_MAX])
{
	struct encoder encoder = encoder_of(keys, count);
	char piece[PIECE_TEXT];
	size_t length, total = 0;
	while (total <= MAP_NAME_MAX && (length = encode_next(&encoder, piece))) {
		if (total < MAP_NAME_MAX)
			memcpy(ret + total, piece,
				length < MAP_NAME_MAX - total ? length : MAP_NAME_MAX - total);
		total += length;
	}
	return total;
}

static void encode_digest(const struct ddb_value *keys, unsigned count, uint8_t ret[DDB_ALIAS_BYTES])
{
	struct encoder encoder = encoder_of(keys, count);
	crypto_generichash_state state;
	char piece[PIECE_TEXT];
	size_t length;
	crypto_generichash_init(&state, NULL, 0, DDB_ALIAS_BYTES);
	while ((length = encode_next(&encoder, piece)))
		crypto_generichash_update(&state, (const unsigned char *)piece, length);
	crypto_generichash_final(&state, ret, DDB_ALIAS_BYTES);
}

/* Where a text of more than MAP_LONG_PREFIX bytes is cut: never within a character or an escape. */
static size_t cut(const char *text)
{
	size_t length = MAP_LONG_PREFIX;
	while (length > LONG_PREFIX_LEAST && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	if (text[length - 1] == '%')
		return length - 1;
	if (text[length - 2] == '%')
		return length - 2;
	return length;
}

/* Each five bytes are eight digits. */
static void write_base32(const uint8_t digest[DDB_ALIAS_BYTES], char ret[MAP_DIGEST_TEXT])
{
	for (size_t i = 0; i < DDB_ALIAS_BYTES / 5; i++) {
		uint64_t bits = 0;
		for (size_t j = 0; j < 5; j++)
			bits = bits << 8 | digest[5 * i + j];
		for (size_t j = 0; j < 8; j++)
			ret[8 * i + j] = base32_digits[bits >> (35 - 5 * j) & 31];
	}
}

static size_t longest(bool item)
{
	return item ? MAP_NAME_MAX - SUFFIX_LENGTH : MAP_NAME_MAX;
}

void map_name_of_keys(const struct ddb_value *keys, unsigned count, bool item, char ret[MAP_NAME_MAX + 1])
{
	uint8_t digest[DDB_ALIAS_BYTES];
	size_t length = encode_head(keys, count, ret);
	if (length > longest(item)) {
		encode_digest(keys, count, digest);
		length = cut(ret);
		memset(ret + length, '~', 2);
		write_base32(digest, ret + length + 2);
		length += LONG_TAIL;
	}
	memcpy(ret + length, suffix, item ? SUFFIX_LENGTH : 0);
	ret[length + (item ? SUFFIX_LENGTH : 0)] = '\0';
}

bool map_name_are_long(
	const struct ddb_value *keys, unsigned count, bool item, uint8_t ret_digest[DDB_ALIAS_BYTES])
{
	char head[MAP_NAME_MAX];
	if (encode_head(keys, count, head) <= longest(item))
		return false;
	encode_digest(keys, count, ret_digest);
	return true;
}

void map_name_of_key(const struct ddb_value *key, bool item, char ret[MAP_NAME_MAX + 1])
{
	map_name_of_keys(key, 1, item, ret);
}

bool map_name_is_long(const struct ddb_value *key, bool item, uint8_t ret_digest[DDB_ALIAS_BYTES])
{
	return map_name_are_long(key, 1, item, ret_digest);
}

/* ---- Decoding ---- */

/* The index of `digit` in an alphabet, or -1. */
static int digit_value(const char *digits, char digit)
{
	const char *found = digit ? strchr(digits, digit) : NULL;
	return found ? (int)(found - digits) : -1;
}

/* The byte of an escape that `text` begins with; false when it is none that encoding would write there. */
static bool read_escape(const char *text, size_t length, bool first, char *ret)
{
	if (length < 3)
		return false;
	int high = digit_value(hex_digits, text[1]), low = digit_value(hex_digits, text[2]);
	if (high < 0 || low < 0 || !is_escaped((unsigned char)(high << 4 | low), first))
		return false;
	*ret = (char)(high << 4 | low);
	return true;
}

bool map_name_text(const char *text, size_t length, char *ret, size_t *ret_length)
{
	size_t used = 0;
	for (size_t i = 0; i < length; i++, used++) {
		ret[used] = text[i];
		if (text[i] != '%') {
			if (is_escaped((unsigned char)text[i], i == 0))
				return false;
			continue;
		}
		if (!read_escape(text + i, length - i, i == 0, &ret[used]))
			return false;
		i += 2;
	}
	if (!used || ddb_utf8_prefix(ret, used) != used)
		return false;
	*ret_length = used;
	return true;
}

static bool decode_string(const char *text, size_t length, struct ddb_arena *arena, struct ddb_value *ret)
{
	size_t size;
	char *string = ddb_arena_alloc(arena, length + 1);
	if (!string || !map_name_text(text, length, string, &size))
		return false;
	*ret = ddb_string(string, size);
	return true;
}

static bool decode_number(const char *text, size_t length, struct ddb_arena *arena, struct ddb_value *ret)
{
	char canonical[DDB_NUMBER_TEXT_MAX];
	struct ddb_number number;
	if (length >= DDB_NUMBER_TEXT_MAX || ddb_number_read(text, length, &number, NULL))
		return false;
	if (ddb_number_write(number.bytes, number.length, canonical) != length ||
		memcmp(canonical, text, length))
		return false;
	struct ddb_number *copy = ddb_arena_copy(arena, &number, sizeof(number));
	if (!copy)
		return false;
	*ret = ddb_number_value(copy);
	return true;
}

static bool decode_binary(const char *text, size_t length, struct ddb_arena *arena, struct ddb_value *ret)
{
	const uint8_t *bytes;
	size_t size;
	if (!ddb_base64_read(arena, text, length, true, &bytes, &size) || !size)
		return false;
	*ret = ddb_binary(bytes, size);
	return true;
}

static bool is_string_prefix(const char *text, size_t length)
{
	char string[MAP_NAME_MAX];
	size_t size;
	return map_name_text(text, length, string, &size);
}

/* Base64 has no character that a cut would have to spare. */
static bool is_binary_prefix(const char *text, size_t length)
{
	if (length != MAP_LONG_PREFIX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (digit_value(base64url_digits, text[i]) < 0)
			return false;
	}
	return true;
}

static const struct codec {
	bool (*decode)(const char *text, size_t length, struct ddb_arena *arena, struct ddb_value *ret);
	bool (*is_prefix)(
		const char *text, size_t length); /* of a text that was cut; NULL: none is that long */
} codecs[] = {
	[DDB_S] = {decode_string, is_string_prefix},
	[DDB_N] = {decode_number, NULL},
	[DDB_B] = {decode_binary, is_binary_prefix},
};

static bool read_base32(const char *text, uint8_t ret[DDB_ALIAS_BYTES])
{
	for (size_t i = 0; i < DDB_ALIAS_BYTES / 5; i++) {
		uint64_t bits = 0;
		for (size_t j = 0; j < 8; j++) {
			int value = digit_value(base32_digits, text[8 * i + j]);
			if (value < 0)
				return false;
			bits = bits << 5 | (unsigned)value;
		}
		for (size_t j = 0; j < 5; j++)
			ret[5 * i + j] = (uint8_t)(bits >> (32 - 8 * j));
	}
	return true;
}

static bool decode_tail(const char *text, size_t length, uint8_t ret[DDB_ALIAS_BYTES])
{
	uint8_t digest[DDB_ALIAS_BYTES];
	if (length < LONG_PREFIX_LEAST + LONG_TAIL || length > MAP_LONG_PREFIX + LONG_TAIL)
		return false;
	const char *tail = text + length - LONG_TAIL;
	if (memcmp(tail, "~~", 2) || !read_base32(tail + 2, digest))
		return false;
	memcpy(ret, digest, DDB_ALIAS_BYTES);
	return true;
}

static bool decode_long(
	const char *text, size_t length, const struct codec *codec, uint8_t ret[DDB_ALIAS_BYTES])
{
	uint8_t digest[DDB_ALIAS_BYTES];
	if (!codec->is_prefix || !decode_tail(text, length, digest) ||
		!codec->is_prefix(text, length - LONG_TAIL))
		return false;
	memcpy(ret, digest, DDB_ALIAS_BYTES);
	return true;
}

/* The length of the entry without its suffix; 0 when it cannot be an entry. */
static size_t text_length(const char *name, bool item)
{
	size_t length = strnlen(name, MAP_NAME_MAX + 1);
	if (length > MAP_NAME_MAX)
		return 0;
	if (!item)
		return length;
	if (length <= SUFFIX_LENGTH || memcmp(name + length - SUFFIX_LENGTH, suffix, SUFFIX_LENGTH))
		return 0;
	return length - SUFFIX_LENGTH;
}

enum map_name_kind map_name_decode(const char *name, bool item, enum ddb_type type, struct ddb_arena *arena,
	struct ddb_value *ret_key, uint8_t ret_digest[DDB_ALIAS_BYTES])
{
	size_t length = text_length(name, item);
	if (!length || type < DDB_S || type > DDB_B)
		return MAP_NAME_NONE;
	if (codecs[type].decode(name, length, arena, ret_key))
		return MAP_NAME_KEY;
	return decode_long(name, length, &codecs[type], ret_digest) ? MAP_NAME_LONG : MAP_NAME_NONE;
}

/* No part has a tilde of its own. */
static bool decode_parts(const char *text, size_t length, const enum ddb_type *types, unsigned count,
	struct ddb_arena *arena, struct ddb_value *ret)
{
	const char *end = text + length;
	for (unsigned i = 0; i < count; i++) {
		const char *tilde = memchr(text, '~', (size_t)(end - text));
		const char *part_end = tilde ? tilde : end;
		if ((i + 1 < count) != (tilde != NULL) ||
			!codecs[types[i]].decode(text, (size_t)(part_end - text), arena, &ret[i]))
			return false;
		text = part_end + (tilde != NULL);
	}
	return true;
}

enum map_name_kind map_name_read_keys(const char *text, size_t length, const enum ddb_type *types,
	unsigned count, struct ddb_arena *arena, struct ddb_value *ret_keys,
	uint8_t ret_digest[DDB_ALIAS_BYTES])
{
	if (length && decode_parts(text, length, types, count, arena, ret_keys))
		return MAP_NAME_KEY;
	return decode_tail(text, length, ret_digest) ? MAP_NAME_LONG : MAP_NAME_NONE;
}

enum map_name_kind map_name_decode_keys(const char *name, bool item, const enum ddb_type *types,
	unsigned count, struct ddb_arena *arena, struct ddb_value *ret_keys,
	uint8_t ret_digest[DDB_ALIAS_BYTES])
{
	size_t length = text_length(name, item);
	return length > longest(item)
		       ? MAP_NAME_NONE
		       : map_name_read_keys(name, length, types, count, arena, ret_keys, ret_digest);
}

/* Names of numbers and binaries are names of strings, too. */
bool map_name_plausible(const char *name, bool item)
{
	size_t length = text_length(name, item);
	uint8_t digest[DDB_ALIAS_BYTES];
	return length &&
	       (is_string_prefix(name, length) || decode_long(name, length, &codecs[DDB_S], digest));
}

void map_name_strip(const char *name, bool item, char ret[MAP_NAME_MAX + 1])
{
	size_t length = text_length(name, item);
	memcpy(ret, name, length);
	ret[length] = '\0';
}

/* ---- Tables ---- */

void map_table_to_name(const char *table, char ret[MAP_NAME_MAX + 3])
{
	bool dot = table[0] == '.';
	snprintf(ret, MAP_NAME_MAX + 3, "%s%s", dot ? "%2E" : "", table + dot);
}

bool map_name_to_table(const char *name, char ret[DDB_TABLE_NAME_MAX + 1])
{
	char table[DDB_TABLE_NAME_MAX + 2]; /* one more, so that too long a name is seen as such */
	bool dot = !strncmp(name, "%2E", 3);
	if (name[0] == '.')
		return false;
	snprintf(table, sizeof(table), "%s%s", dot ? "." : "", name + (dot ? 3 : 0));
	size_t length = strlen(table);
	if (ddb_table_name_check(table, length, NULL))
		return false;
	memcpy(ret, table, length + 1);
	return true;
}
