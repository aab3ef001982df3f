/*
 * The JSON reader's insides, shared by json.c (containers and what stands between values) and jsontoken.c
 * (strings, literals, numbers). Private to these two.
 */
#ifndef DDB_JSONREADER_H
#define DDB_JSONREADER_H

#include "engine/json.h"

#define DDB_JSON_SIZE_TEXT "Item size has exceeded the maximum allowed size"

enum {
	NESTING_MAX = 128,
	NUMBER_TEXT_MAX = 4096,
	STACK_MIN = 4096, /* bytes */
};

enum state {
	START,
	VALUE,
	FIRST_ELEMENT, /* a value or ] */
	FIRST_NAME,    /* a name or } */
	NAME,
	COLON,
	AFTER_VALUE, /* in a container */
	STRING,
	ESCAPE,
	HEX,
	LOW_ESCAPE, /* the \ of a low surrogate */
	LOW_LETTER, /* its u */
	LITERAL,
	NUMBER,
	STEPS, /* the number of states that take bytes */
	DONE = STEPS,
	REFUSED,
};

struct frame {
	enum ddb_type type;
	uint32_t count;
	size_t base; /* its children on the stack */
	const char *name;
	uint32_t name_length;
};

struct ddb_json {
	struct ddb_arena *arena;
	struct ddb_json_limits limits;
	enum state state;
	bool started;
	size_t nodes;

	size_t offset; /* of the first byte of this feed (between feeds: of the next byte) */
	const char *feed;
	const char *stop; /* the byte that was refused */
	size_t line;
	size_t line_start; /* its offset */

	unsigned depth;
	struct frame frames[NESTING_MAX];
	char *stack;
	size_t stack_used, stack_size; /* bytes */
	struct ddb_value root;

	bool naming; /* the string is a member's name */
	char *text;
	size_t text_length, text_size;
	unsigned trail;          /* bytes still missing of a UTF-8 character */
	unsigned char low, high; /* bounds of the next of them */
	unsigned code_unit, hex; /* of \u: so far, and how many digits */
	unsigned high_surrogate; /* waiting for its other half; 0: none */

	const char *literal; /* what is still to come of it */
	struct ddb_value literal_value;

	uint8_t number_state;
	size_t number_start; /* its offset */
	size_t number_length;
	char number[NUMBER_TEXT_MAX];

	struct ddb_error error; /* once refused */
};

/* A step takes bytes from `at` and answers where it stopped; NULL when it refused. */
typedef const char *step_function(struct ddb_json *json, const char *at, const char *end);

/* All of these answer NULL, so that a step's refusal is one line. `at`: the byte that is refused; `offset`:
 * where the reason is. */
const char *ddb_reader_refuse_at(
	struct ddb_json *json, const char *at, size_t offset, enum ddb_code code, const char *reason);
const char *ddb_reader_refuse_as(
	struct ddb_json *json, const char *at, enum ddb_code code, const char *reason);
const char *ddb_reader_refuse(struct ddb_json *json, const char *at, const char *reason);
const char *ddb_reader_refuse_byte(struct ddb_json *json, const char *at);
const char *ddb_reader_refuse_memory(struct ddb_json *json, const char *at);

static inline size_t ddb_reader_offset(const struct ddb_json *json, const char *at)
{
	return json->offset + (size_t)(at - json->feed);
}

/* Puts a complete value where it belongs; `at`: behind it. */
const char *ddb_reader_finish_value(struct ddb_json *json, const char *at, const struct ddb_value *value);

/* Tokens, from their first byte at `at`. */
const char *ddb_reader_begin_string(struct ddb_json *json, const char *at, bool naming);
const char *ddb_reader_begin_literal(
	struct ddb_json *json, const char *at, const char *literal, struct ddb_value value);
const char *ddb_reader_begin_number(struct ddb_json *json, const char *at);
/* Whether the number might end here, and its end. */
bool ddb_reader_number_complete(const struct ddb_json *json);
const char *ddb_reader_finish_number(struct ddb_json *json, const char *at);

step_function ddb_reader_step_string, ddb_reader_step_escape, ddb_reader_step_hex, ddb_reader_step_low_escape,
	ddb_reader_step_low_letter, ddb_reader_step_literal, ddb_reader_step_number;

#endif
