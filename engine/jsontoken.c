/*
 * The tokens of the JSON reader: strings, which grow in the arena as their bytes come, literals, and numbers,
 * whose text is collected and converted exactly when it ends. Not for threads.
 */
#include "engine/jsonreader.h"
#include "engine/word.h"
#include <string.h>

/* ---- Strings ---- */

const char *ddb_reader_begin_string(struct ddb_json *json, const char *at, bool naming)
{
	json->naming = naming;
	json->text = NULL;
	json->text_length = json->text_size = 0;
	json->state = STRING;
	return at + 1;
}

/* Room for `size` more bytes of the string. */
static bool text_room(struct ddb_json *json, size_t size)
{
	size_t needed = json->text_length + size;
	if (needed <= json->text_size)
		return true;
	size_t wanted = 2 * json->text_size > needed ? 2 * json->text_size : needed;
	char *grown = ddb_arena_grow(json->arena, json->text, json->text_size, wanted);
	if (!grown) {
		wanted = needed;
		grown = ddb_arena_grow(json->arena, json->text, json->text_size, wanted);
	}
	if (!grown)
		return false;
	json->text = grown;
	json->text_size = wanted;
	return true;
}

/* False when it refused. */
static bool add_text(struct ddb_json *json, const char *at, const char *bytes, size_t size)
{
	if (!size)
		return true;
	if (size > UINT32_MAX - json->text_length) {
		ddb_reader_refuse_as(json, at, DDB_ITEM_TOO_LARGE, DDB_JSON_SIZE_TEXT);
		return false;
	}
	if (!text_room(json, size)) {
		ddb_reader_refuse_memory(json, at);
		return false;
	}
	memcpy(json->text + json->text_length, bytes, size);
	json->text_length += size;
	return true;
}

static const char *finish_string(struct ddb_json *json, const char *at)
{
	/* Gives back what doubling took too much. */
	const char *text = "";
	if (json->text_length)
		text = ddb_arena_grow(json->arena, json->text, json->text_size, json->text_length);
	if (!json->naming) {
		struct ddb_value value = ddb_string(text, json->text_length);
		return ddb_reader_finish_value(json, at, &value);
	}
	struct frame *frame = &json->frames[json->depth - 1];
	frame->name = text;
	frame->name_length = (uint32_t)json->text_length;
	json->state = COLON;
	return at;
}

static bool all_plain(uint64_t word)
{
	return !((word & DDB_WORD_HIGH) | ddb_word_below(word, 0x20) | ddb_word_equal(word, '"') |
		 ddb_word_equal(word, '\\'));
}

static const char *skip_plain(const char *at, const char *end)
{
	while (end - at >= (ptrdiff_t)sizeof(uint64_t) && all_plain(ddb_word_load(at)))
		at += sizeof(uint64_t);
	while (at < end && (unsigned char)*at - 0x20U < 0x60 && *at != '"' && *at != '\\')
		at++;
	return at;
}

/* The first byte of a character of several: how many follow, and what the next may be. */
static bool begin_character(struct ddb_json *json, unsigned char lead)
{
	if (lead < 0xc2 || lead > 0xf4)
		return false;
	json->trail = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	json->low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	json->high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	return true;
}

static bool continue_character(struct ddb_json *json, unsigned char byte)
{
	if (byte < json->low || byte > json->high)
		return false;
	json->trail--;
	json->low = 0x80;
	json->high = 0xbf;
	return true;
}

/* To the first byte that a string does not hold as it is; NULL when it refused. */
static const char *skip_text(struct ddb_json *json, const char *at, const char *end)
{
	while (at < end) {
		unsigned char byte = (unsigned char)*at;
		bool valid = true;
		if (json->trail)
			valid = continue_character(json, byte);
		else if (byte >= 0x80)
			valid = begin_character(json, byte);
		else if (byte >= 0x20 && byte != '"' && byte != '\\')
			at = skip_plain(at, end) - 1;
		else
			return at;
		if (!valid)
			return ddb_reader_refuse(json, at, "Invalid UTF-8 in a string");
		at++;
	}
	return at;
}

const char *ddb_reader_step_string(struct ddb_json *json, const char *at, const char *end)
{
	const char *run = at;
	at = skip_text(json, at, end);
	if (!at || !add_text(json, run, run, (size_t)(at - run)))
		return NULL;
	if (at == end)
		return at;
	if (*at == '"')
		return finish_string(json, at + 1);
	if (*at != '\\')
		return ddb_reader_refuse(json, at, "Control character in a string");
	json->state = ESCAPE;
	return at + 1;
}

const char *ddb_reader_step_escape(struct ddb_json *json, const char *at, const char *end)
{
	static const char plain[0x80] = {['"'] = '"',
		['\\'] = '\\',
		['/'] = '/',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t'};
	(void)end;
	if (*at == 'u') {
		json->hex = json->code_unit = 0;
		json->state = HEX;
		return at + 1;
	}
	unsigned char byte = (unsigned char)*at;
	if (byte >= sizeof(plain) || !plain[byte])
		return ddb_reader_refuse(json, at, "Invalid escape in a string");
	json->state = STRING;
	return add_text(json, at, &plain[byte], 1) ? at + 1 : NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *add_character(struct ddb_json *json, const char *at, unsigned character)
{
	char bytes[4];
	size_t size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
	static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = size - 1; i > 0; i--, character >>= 6)
		bytes[i] = (char)(0x80 | (character & 0x3f));
	bytes[0] = (char)(leads[size] | character);
	json->state = STRING;
	return add_text(json, at, bytes, size) ? at + 1 : NULL;
}

static const char *finish_code_unit(struct ddb_json *json, const char *at)
{
	unsigned unit = json->code_unit;
	if (json->high_surrogate) {
		unsigned character = 0x10000 + ((json->high_surrogate & 0x3ff) << 10) + (unit & 0x3ff);
		json->high_surrogate = 0;
		return add_character(json, at, character);
	}
	if (unit < 0xd800 || unit > 0xdbff)
		return add_character(json, at, unit);
	json->high_surrogate = unit;
	json->state = LOW_ESCAPE;
	return at + 1;
}

/* Whether the digits so far may begin what is due here: a low surrogate, or anything but one. */
static bool may_continue(const struct ddb_json *json)
{
	if (json->hex == 1)
		return !json->high_surrogate || json->code_unit == 0xd;
	if (json->hex == 2)
		return (json->code_unit >= 0xdc && json->code_unit <= 0xdf) == (json->high_surrogate != 0);
	return true;
}

const char *ddb_reader_step_hex(struct ddb_json *json, const char *at, const char *end)
{
	for (; at < end; at++) {
		int digit = hex_digit(*at);
		if (digit < 0)
			return ddb_reader_refuse(json, at, "Invalid escape in a string");
		json->code_unit = json->code_unit * 16 + (unsigned)digit;
		json->hex++;
		if (!may_continue(json))
			return ddb_reader_refuse(json, at, "Lone surrogate in a string");
		if (json->hex == 4)
			return finish_code_unit(json, at);
	}
	return at;
}

const char *ddb_reader_step_low_escape(struct ddb_json *json, const char *at, const char *end)
{
	(void)end;
	if (*at != '\\')
		return ddb_reader_refuse(json, at, "Lone surrogate in a string");
	json->state = LOW_LETTER;
	return at + 1;
}

const char *ddb_reader_step_low_letter(struct ddb_json *json, const char *at, const char *end)
{
	(void)end;
	if (*at != 'u')
		return ddb_reader_refuse(json, at, "Lone surrogate in a string");
	json->hex = json->code_unit = 0;
	json->state = HEX;
	return at + 1;
}

/* ---- Literals and numbers ---- */

const char *ddb_reader_begin_literal(
	struct ddb_json *json, const char *at, const char *literal, struct ddb_value value)
{
	json->literal = literal + 1;
	json->literal_value = value;
	json->state = LITERAL;
	return at + 1;
}

const char *ddb_reader_step_literal(struct ddb_json *json, const char *at, const char *end)
{
	for (; at < end && *json->literal; at++, json->literal++) {
		if (*at != *json->literal)
			return ddb_reader_refuse_byte(json, at);
	}
	return *json->literal ? at : ddb_reader_finish_value(json, at, &json->literal_value);
}

/* The states of a number are what its last byte was; 0: no state. */
enum { MINUS = 1, LEADING_ZERO, INTEGER, POINT, FRACTION, LETTER_E, EXPONENT_SIGN, EXPONENT, NUMBER_STATES };
enum { BYTE_OTHER, BYTE_ZERO, BYTE_DIGIT, BYTE_POINT, BYTE_E, BYTE_PLUS, BYTE_MINUS, BYTE_CLASSES };

static unsigned byte_class(char c)
{
	if (c >= '1' && c <= '9')
		return BYTE_DIGIT;
	switch (c) {
	case '0':
		return BYTE_ZERO;
	case '.':
		return BYTE_POINT;
	case 'e':
	case 'E':
		return BYTE_E;
	case '+':
		return BYTE_PLUS;
	case '-':
		return BYTE_MINUS;
	default:
		return BYTE_OTHER;
	}
}

static const uint8_t number_next[NUMBER_STATES][BYTE_CLASSES] = {
	/* The row of no state: how a number begins. */
	[0] = {[BYTE_MINUS] = MINUS, [BYTE_ZERO] = LEADING_ZERO, [BYTE_DIGIT] = INTEGER},
	[MINUS] = {[BYTE_ZERO] = LEADING_ZERO, [BYTE_DIGIT] = INTEGER},
	[LEADING_ZERO] = {[BYTE_POINT] = POINT, [BYTE_E] = LETTER_E},
	[INTEGER] =
		{[BYTE_ZERO] = INTEGER, [BYTE_DIGIT] = INTEGER, [BYTE_POINT] = POINT, [BYTE_E] = LETTER_E},
	[POINT] = {[BYTE_ZERO] = FRACTION, [BYTE_DIGIT] = FRACTION},
	[FRACTION] = {[BYTE_ZERO] = FRACTION, [BYTE_DIGIT] = FRACTION, [BYTE_E] = LETTER_E},
	[LETTER_E] = {[BYTE_PLUS] = EXPONENT_SIGN,
		[BYTE_MINUS] = EXPONENT_SIGN,
		[BYTE_ZERO] = EXPONENT,
		[BYTE_DIGIT] = EXPONENT},
	[EXPONENT_SIGN] = {[BYTE_ZERO] = EXPONENT, [BYTE_DIGIT] = EXPONENT},
	[EXPONENT] = {[BYTE_ZERO] = EXPONENT, [BYTE_DIGIT] = EXPONENT},
};

bool ddb_reader_number_complete(const struct ddb_json *json)
{
	uint8_t state = json->number_state;
	return state == LEADING_ZERO || state == INTEGER || state == FRACTION || state == EXPONENT;
}

const char *ddb_reader_begin_number(struct ddb_json *json, const char *at)
{
	json->number_state = number_next[0][byte_class(*at)];
	if (!json->number_state)
		return ddb_reader_refuse_byte(json, at);
	json->number_start = ddb_reader_offset(json, at);
	json->number[0] = *at;
	json->number_length = 1;
	json->state = NUMBER;
	return at + 1;
}

const char *ddb_reader_finish_number(struct ddb_json *json, const char *at)
{
	struct ddb_number number;
	struct ddb_error err;
	enum ddb_code code = ddb_number_read(json->number, json->number_length, &number, &err);
	if (code)
		return ddb_reader_refuse_at(json, at, json->number_start, code, err.message);
	struct ddb_value value = ddb_number_value(&number);
	value.bytes = ddb_arena_copy(json->arena, number.bytes, number.length);
	if (!value.bytes)
		return ddb_reader_refuse_memory(json, at);
	return ddb_reader_finish_value(json, at, &value);
}

const char *ddb_reader_step_number(struct ddb_json *json, const char *at, const char *end)
{
	for (; at < end; at++) {
		unsigned class = byte_class(*at);
		uint8_t next = number_next[json->number_state][class];
		if (!next) {
			bool digit = class == BYTE_ZERO || class == BYTE_DIGIT;
			return ddb_reader_number_complete(json) && !digit ? ddb_reader_finish_number(json, at)
									  : ddb_reader_refuse_byte(json, at);
		}
		if (json->number_length == NUMBER_TEXT_MAX)
			return ddb_reader_refuse(json, at, "A number's text has exceeded 4096 bytes");
		json->number[json->number_length++] = *at;
		json->number_state = next;
	}
	return at;
}
