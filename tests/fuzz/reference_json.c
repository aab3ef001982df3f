#include "tests/fuzz/reference_json.h"

#include <stdint.h>
#include <string.h>

struct parser {
	const char *at, *end;
	unsigned depth;
	bool deeper;
};

/* ---- UTF-8: decode, and see whether encoding gives the same length ---- */

static size_t character(const unsigned char *bytes, size_t left)
{
	uint32_t code = bytes[0];
	size_t length = code < 0x80 ? 1 : (code & 0xe0) == 0xc0 ? 2 : (code & 0xf0) == 0xe0 ? 3 : 4;
	if (code >= 0xf8 || (code & 0xc0) == 0x80 || length > left)
		return 0;
	static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	code &= masks[length];
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3fu);
	}
	size_t needed = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	return needed == length && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? length : 0;
}

size_t reference_utf8(const unsigned char *bytes, size_t length)
{
	size_t done = 0, size;
	while (done < length && (size = character(bytes + done, length - done)))
		done += size;
	return done;
}

/* ---- JSON ---- */

static void space(struct parser *parser)
{
	while (parser->at < parser->end && memchr(" \t\r\n", *parser->at, 4))
		parser->at++;
}

static bool take(struct parser *parser, const char *text)
{
	size_t length = strlen(text);
	if ((size_t)(parser->end - parser->at) < length || memcmp(parser->at, text, length) != 0)
		return false;
	parser->at += length;
	return true;
}

static bool hex(struct parser *parser, unsigned *ret)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++, parser->at++) {
		if (parser->at == parser->end)
			return false;
		const char *digits = "0123456789abcdefABCDEF";
		const char *digit = *parser->at ? strchr(digits, *parser->at) : NULL;
		if (!digit)
			return false;
		unsigned place = (unsigned)(digit - digits);
		value = value * 16 + (place > 15 ? place - 6 : place);
	}
	*ret = value;
	return true;
}

static bool escape(struct parser *parser)
{
	unsigned unit, low;
	if (parser->at == parser->end)
		return false;
	if (*parser->at != 'u')
		return *parser->at && strchr("\"\\/bfnrt", *parser->at++);
	parser->at++;
	if (!hex(parser, &unit))
		return false;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	return unit < 0xdc00 && take(parser, "\\u") && hex(parser, &low) && low >= 0xdc00 && low <= 0xdfff;
}

static bool string(struct parser *parser)
{
	if (!take(parser, "\""))
		return false;
	while (parser->at < parser->end && *parser->at != '"') {
		if (*parser->at == '\\') {
			parser->at++;
			if (!escape(parser))
				return false;
			continue;
		}
		const unsigned char *bytes = (const unsigned char *)parser->at;
		size_t size = *bytes < 0x20 ? 0 : character(bytes, (size_t)(parser->end - parser->at));
		if (!size)
			return false;
		parser->at += size;
	}
	return take(parser, "\"");
}

static bool digits(struct parser *parser)
{
	const char *from = parser->at;
	while (parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9')
		parser->at++;
	return parser->at > from;
}

static bool number(struct parser *parser)
{
	take(parser, "-");
	if (!take(parser, "0") && !digits(parser))
		return false;
	if (take(parser, ".") && !digits(parser))
		return false;
	if (!take(parser, "e") && !take(parser, "E"))
		return true;
	if (!take(parser, "+"))
		take(parser, "-");
	return digits(parser);
}

static bool value(struct parser *parser);

static bool member(struct parser *parser)
{
	space(parser);
	if (!string(parser))
		return false;
	space(parser);
	return take(parser, ":") && value(parser);
}

static bool container(struct parser *parser, const char *close, bool (*element)(struct parser *parser))
{
	space(parser);
	if (take(parser, close))
		return true;
	do {
		if (!element(parser))
			return false;
		space(parser);
	} while (take(parser, ","));
	return take(parser, close);
}

static bool value(struct parser *parser)
{
	space(parser);
	if (++parser->depth > REFERENCE_DEEP) {
		parser->deeper = true;
		return false;
	}
	bool valid;
	if (take(parser, "{"))
		valid = container(parser, "}", member);
	else if (take(parser, "["))
		valid = container(parser, "]", value);
	else if (parser->at < parser->end && *parser->at == '"')
		valid = string(parser);
	else
		valid = take(parser, "true") || take(parser, "false") || take(parser, "null") ||
			number(parser);
	parser->depth--;
	return valid;
}

enum reference_verdict reference_json(const char *text, size_t length)
{
	struct parser parser = {.at = text, .end = text + length};
	bool valid = value(&parser);
	space(&parser);
	if (parser.deeper)
		return REFERENCE_DEEPER;
	return valid && parser.at == parser.end ? REFERENCE_YES : REFERENCE_NO;
}
