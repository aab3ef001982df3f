#include "engine/base64.h"

static const char alphabets[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

static size_t base64_length(size_t length, bool url)
{
	size_t rest = length % 3;
	if (!rest)
		return length / 3 * 4;
	return length / 3 * 4 + (url ? rest + 1 : 4);
}

static char *encode_base64(char *to, const uint8_t *bytes, size_t length, bool url)
{
	const char *alphabet = alphabets[url];
	for (; length >= 3; length -= 3, bytes += 3) {
		unsigned group = (unsigned)bytes[0] << 16 | (unsigned)bytes[1] << 8 | bytes[2];
		*to++ = alphabet[group >> 18];
		*to++ = alphabet[group >> 12 & 63];
		*to++ = alphabet[group >> 6 & 63];
		*to++ = alphabet[group & 63];
	}
	if (!length)
		return to;
	unsigned group = (unsigned)bytes[0] << 16 | (length == 2 ? (unsigned)bytes[1] << 8 : 0);
	*to++ = alphabet[group >> 18];
	*to++ = alphabet[group >> 12 & 63];
	if (length == 2)
		*to++ = alphabet[group >> 6 & 63];
	else if (!url)
		*to++ = '=';
	if (!url)
		*to++ = '=';
	return to;
}

void ddb_base64_add(struct ddb_buffer *out, const uint8_t *bytes, size_t length, bool url)
{
	size_t text = base64_length(length, url);
	if (out->counting) {
		ddb_buffer_add(out, NULL, text);
		return;
	}
	char *to = ddb_buffer_reserve(out, text);
	if (!to)
		return;
	encode_base64(to, bytes, length, url);
	out->length += text;
}

static int base64_digit(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	return c == (url ? '_' : '/') ? 63 : -1;
}

/* The length without padding; SIZE_MAX when padding is missing or where none belongs. */
static size_t unpadded_length(const char *text, size_t length, bool url)
{
	if (url)
		return length;
	if (length % 4)
		return SIZE_MAX;
	for (int padding = 0; padding < 2 && length && text[length - 1] == '='; padding++)
		length--;
	return length;
}

/* The bits of a last digit that belong to no byte must be 0. */
bool ddb_base64_decode(const char *text, size_t length, bool url, uint8_t *to, size_t *ret_length)
{
	length = unpadded_length(text, length, url);
	if (length == SIZE_MAX || length % 4 == 1)
		return false;
	uint8_t *at = to;
	unsigned group = 0, bits = 0;
	for (size_t i = 0; i < length; i++) {
		int digit = base64_digit(text[i], url);
		if (digit < 0)
			return false;
		group = group << 6 | (unsigned)digit;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		*at++ = (uint8_t)(group >> bits);
		group &= (1U << bits) - 1;
	}
	if (group)
		return false;
	*ret_length = (size_t)(at - to);
	return true;
}

bool ddb_base64_read(struct ddb_arena *arena, const char *text, size_t length, bool url, const uint8_t **ret,
	size_t *ret_length)
{
	uint8_t *bytes = ddb_arena_alloc(arena, length / 4 * 3 + 3);
	if (!bytes || !ddb_base64_decode(text, length, url, bytes, ret_length))
		return false;
	*ret = bytes;
	return true;
}
