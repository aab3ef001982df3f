/*
 * JSON text. Nothing is kept but the depth: a container's first member is known by `fresh`, its brackets by
 * the caller.
 */
#include "engine/jsonout.h"
#include "engine/base64.h"
#include "engine/word.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ddb_json_out_init(struct ddb_json_out *json, struct ddb_buffer *out, bool pretty)
{
	*json = (struct ddb_json_out){.out = out, .pretty = pretty, .fresh = true};
}

static void add_line(struct ddb_json_out *json)
{
	static const char spaces[] = "                                                                ";
	ddb_buffer_add_byte(json->out, '\n');
	size_t left = 2 * (size_t)json->depth;
	while (left) {
		size_t part = left < sizeof(spaces) - 1 ? left : sizeof(spaces) - 1;
		ddb_buffer_add(json->out, spaces, part);
		left -= part;
	}
}

/* What stands before a member's name, or before a value that has none. */
static void add_separator(struct ddb_json_out *json)
{
	if (json->named) {
		json->named = false;
		return;
	}
	if (!json->fresh && json->depth)
		ddb_buffer_add_byte(json->out, ',');
	json->fresh = false;
	if (json->pretty && json->depth)
		add_line(json);
}

void ddb_json_open(struct ddb_json_out *json, char bracket)
{
	add_separator(json);
	ddb_buffer_add_byte(json->out, bracket);
	json->depth++;
	json->fresh = true;
}

void ddb_json_close(struct ddb_json_out *json, char bracket)
{
	assert(json->depth && !json->named);
	json->depth--;
	if (!json->fresh && json->pretty)
		add_line(json);
	json->fresh = false;
	ddb_buffer_add_byte(json->out, bracket);
}

void ddb_json_name(struct ddb_json_out *json, const char *name, size_t length)
{
	assert(!json->named);
	add_separator(json);
	ddb_json_add_string(json->out, name, length);
	ddb_buffer_add_byte(json->out, ':');
	if (json->pretty)
		ddb_buffer_add_byte(json->out, ' ');
	json->named = true;
}

void ddb_json_string(struct ddb_json_out *json, const char *bytes, size_t length)
{
	add_separator(json);
	ddb_json_add_string(json->out, bytes, length);
}

void ddb_json_number(struct ddb_json_out *json, const uint8_t *bytes, size_t length)
{
	add_separator(json);
	if (json->out->counting) {
		ddb_buffer_add(json->out, NULL, ddb_number_text_length(bytes, length));
		return;
	}
	char text[DDB_NUMBER_TEXT_MAX];
	ddb_buffer_add(json->out, text, ddb_number_write(bytes, length, text));
}

void ddb_json_int(struct ddb_json_out *json, int64_t value)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%" PRId64, value);
	add_separator(json);
	ddb_buffer_add(json->out, text, (size_t)length);
}

void ddb_json_raw(struct ddb_json_out *json, const char *text)
{
	add_separator(json);
	ddb_buffer_add_string(json->out, text);
}

void ddb_json_base64(struct ddb_json_out *json, const uint8_t *bytes, size_t length)
{
	add_separator(json);
	ddb_buffer_add_byte(json->out, '"');
	ddb_base64_add(json->out, bytes, length, false);
	ddb_buffer_add_byte(json->out, '"');
}

void ddb_json_member_string(struct ddb_json_out *json, const char *name, const char *value)
{
	ddb_json_name(json, name, strlen(name));
	ddb_json_string(json, value, strlen(value));
}

void ddb_json_member_int(struct ddb_json_out *json, const char *name, int64_t value)
{
	ddb_json_name(json, name, strlen(name));
	ddb_json_int(json, value);
}

void ddb_json_member_bool(struct ddb_json_out *json, const char *name, bool value)
{
	ddb_json_name(json, name, strlen(name));
	ddb_json_raw(json, value ? "true" : "false");
}

/* ---- Strings ---- */

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f;
}

static bool all_plain(uint64_t word)
{
	return !(ddb_word_below(word, 0x20) | ddb_word_equal(word, '"') | ddb_word_equal(word, '\\') |
		 ddb_word_equal(word, 0x7f));
}

static size_t plain_prefix(const char *bytes, size_t length)
{
	size_t done = 0;
	while (length - done >= sizeof(uint64_t) && all_plain(ddb_word_load(bytes + done)))
		done += sizeof(uint64_t);
	while (done < length && is_plain((unsigned char)bytes[done]))
		done++;
	return done;
}

static void add_escape(struct ddb_buffer *out, unsigned char byte)
{
	static const char letters[0x80] = {['\b'] = 'b',
		['\f'] = 'f',
		['\n'] = 'n',
		['\r'] = 'r',
		['\t'] = 't',
		['"'] = '"',
		['\\'] = '\\'};
	static const char hex[] = "0123456789abcdef";
	char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
	if (letters[byte])
		escape[1] = letters[byte];
	ddb_buffer_add(out, escape, letters[byte] ? 2 : sizeof(escape));
}

void ddb_json_add_string(struct ddb_buffer *out, const char *bytes, size_t length)
{
	ddb_buffer_add_byte(out, '"');
	for (size_t done = 0; done < length;) {
		size_t plain = plain_prefix(bytes + done, length - done);
		ddb_buffer_add(out, bytes + done, plain);
		done += plain;
		if (done < length)
			add_escape(out, (unsigned char)bytes[done++]);
	}
	ddb_buffer_add_byte(out, '"');
}
