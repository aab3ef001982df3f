/*
 * The JSON reader: one step function for every state, none of which recurses or looks ahead, so that a text
 * may come in pieces of any size. The open containers' finished children wait on one heap stack and move to
 * the arena, at their exact size, when their container closes. Strings, literals and numbers are
 * jsontoken.c's. Not for threads.
 */
#include "engine/jsonreader.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_TEXT "Nesting Levels have exceeded supported limits"

/* ---- Refusals ---- */

/* The byte at `at` ends the reading; the reason is at `offset`. */
const char *ddb_reader_refuse_at(
	struct ddb_json *json, const char *at, size_t offset, enum ddb_code code, const char *reason)
{
	ddb_fail(&json->error, code, "%.900s at line %zu, column %zu", reason, json->line,
		offset - json->line_start + 1);
	json->state = REFUSED;
	json->stop = at;
	return NULL;
}

const char *ddb_reader_refuse_as(
	struct ddb_json *json, const char *at, enum ddb_code code, const char *reason)
{
	return ddb_reader_refuse_at(json, at, ddb_reader_offset(json, at), code, reason);
}

const char *ddb_reader_refuse(struct ddb_json *json, const char *at, const char *reason)
{
	return ddb_reader_refuse_as(json, at, DDB_VALIDATION, reason);
}

const char *ddb_reader_refuse_memory(struct ddb_json *json, const char *at)
{
	return ddb_reader_refuse_as(json, at, DDB_NO_MEMORY, "Out of memory");
}

const char *ddb_reader_refuse_byte(struct ddb_json *json, const char *at)
{
	char reason[40];
	unsigned char byte = (unsigned char)*at;
	bool printable = byte > 0x20 && byte < 0x7f;
	snprintf(reason, sizeof(reason), printable ? "Unexpected character '%c'" : "Unexpected byte 0x%02x",
		byte);
	return ddb_reader_refuse(json, at, reason);
}

/* ---- Containers ---- */

static bool stack_room(struct ddb_json *json, size_t size)
{
	if (json->stack_size - json->stack_used >= size)
		return true;
	size_t wanted = json->stack_size ? 2 * json->stack_size : STACK_MIN;
	/* What is on the stack will have to fit into the arena. */
	if (json->stack_used + size > json->arena->max)
		return false;
	char *grown = realloc(json->stack, wanted);
	if (!grown)
		return false;
	json->stack = grown;
	json->stack_size = wanted;
	return true;
}

static bool push(struct ddb_json *json, const void *child, size_t size)
{
	if (!stack_room(json, size))
		return false;
	memcpy(json->stack + json->stack_used, child, size);
	json->stack_used += size;
	return true;
}

/* Puts a complete value where it belongs; `at`: behind it. */
const char *ddb_reader_finish_value(struct ddb_json *json, const char *at, const struct ddb_value *value)
{
	if (!json->depth) {
		json->root = *value;
		json->state = DONE;
		return at;
	}
	struct frame *frame = &json->frames[json->depth - 1];
	struct ddb_attribute attribute = {
		.name = frame->name, .name_length = frame->name_length, .value = *value};
	bool pushed = frame->type == DDB_M ? push(json, &attribute, sizeof(attribute))
					   : push(json, value, sizeof(*value));
	if (!pushed)
		return ddb_reader_refuse_memory(json, at);
	frame->count++;
	json->state = AFTER_VALUE;
	return at;
}

static const char *open_container(struct ddb_json *json, const char *at, enum ddb_type type)
{
	if (json->depth == json->limits.nesting)
		return ddb_reader_refuse(json, at, NESTING_TEXT);
	json->frames[json->depth++] = (struct frame){.type = type, .base = json->stack_used};
	json->state = type == DDB_M ? FIRST_NAME : FIRST_ELEMENT;
	return at + 1;
}

static const char *close_container(struct ddb_json *json, const char *at)
{
	const struct frame *frame = &json->frames[json->depth - 1];
	struct ddb_value value = {.type = (uint8_t)frame->type, .count = frame->count};
	size_t size = json->stack_used - frame->base;
	void *children = NULL;
	if (size) {
		children = ddb_arena_alloc(json->arena, size);
		if (!children)
			return ddb_reader_refuse_memory(json, at);
		memcpy(children, json->stack + frame->base, size);
	}
	json->stack_used = frame->base;
	json->depth--;
	if (frame->type == DDB_L) {
		value.elements = children;
		return ddb_reader_finish_value(json, at + 1, &value);
	}
	value.attributes = children;
	struct ddb_error err;
	enum ddb_code code = ddb_map_sort(&value, &err);
	if (code)
		return ddb_reader_refuse_as(json, at, code, err.message);
	return ddb_reader_finish_value(json, at + 1, &value);
}

/* ---- Between values ---- */

static const char *skip_space(struct ddb_json *json, const char *at, const char *end)
{
	for (; at < end; at++) {
		if (*at == '\n') {
			json->line++;
			json->line_start = ddb_reader_offset(json, at) + 1;
		} else if (*at != ' ' && *at != '\t' && *at != '\r') {
			break;
		}
	}
	return at;
}

static const char *begin_value(struct ddb_json *json, const char *at)
{
	if (json->nodes == json->limits.nodes)
		return ddb_reader_refuse_as(json, at, DDB_ITEM_TOO_LARGE, DDB_JSON_SIZE_TEXT);
	json->nodes++;
	switch (*at) {
	case '{':
		return open_container(json, at, DDB_M);
	case '[':
		return open_container(json, at, DDB_L);
	case '"':
		return ddb_reader_begin_string(json, at, false);
	case 't':
		return ddb_reader_begin_literal(json, at, "true", ddb_bool(true));
	case 'f':
		return ddb_reader_begin_literal(json, at, "false", ddb_bool(false));
	case 'n':
		return ddb_reader_begin_literal(json, at, "null", ddb_null());
	default:
		return ddb_reader_begin_number(json, at);
	}
}

static const char *step_start(struct ddb_json *json, const char *at, const char *end)
{
	at = skip_space(json, at, end);
	if (at == end)
		return at;
	json->started = true;
	if (json->limits.object_only && *at != '{')
		return ddb_reader_refuse(json, at, "The text must be a JSON object");
	return begin_value(json, at);
}

static const char *step_value(struct ddb_json *json, const char *at, const char *end)
{
	at = skip_space(json, at, end);
	return at == end ? at : begin_value(json, at);
}

static const char *step_first_element(struct ddb_json *json, const char *at, const char *end)
{
	at = skip_space(json, at, end);
	if (at == end)
		return at;
	return *at == ']' ? close_container(json, at) : begin_value(json, at);
}

static const char *step_name(struct ddb_json *json, const char *at, const char *end)
{
	at = skip_space(json, at, end);
	if (at == end)
		return at;
	return *at == '"' ? ddb_reader_begin_string(json, at, true) : ddb_reader_refuse_byte(json, at);
}

static const char *step_first_name(struct ddb_json *json, const char *at, const char *end)
{
	at = skip_space(json, at, end);
	if (at < end && *at == '}')
		return close_container(json, at);
	return step_name(json, at, end);
}

static const char *step_colon(struct ddb_json *json, const char *at, const char *end)
{
	at = skip_space(json, at, end);
	if (at == end)
		return at;
	if (*at != ':')
		return ddb_reader_refuse_byte(json, at);
	json->state = VALUE;
	return at + 1;
}

static const char *step_after_value(struct ddb_json *json, const char *at, const char *end)
{
	at = skip_space(json, at, end);
	if (at == end)
		return at;
	bool object = json->frames[json->depth - 1].type == DDB_M;
	if (*at == ',') {
		json->state = object ? NAME : VALUE;
		return at + 1;
	}
	return *at == (object ? '}' : ']') ? close_container(json, at) : ddb_reader_refuse_byte(json, at);
}

/* ---- The reader ---- */

static step_function *const steps[STEPS] = {
	[START] = step_start,
	[VALUE] = step_value,
	[FIRST_ELEMENT] = step_first_element,
	[FIRST_NAME] = step_first_name,
	[NAME] = step_name,
	[COLON] = step_colon,
	[AFTER_VALUE] = step_after_value,
	[STRING] = ddb_reader_step_string,
	[ESCAPE] = ddb_reader_step_escape,
	[HEX] = ddb_reader_step_hex,
	[LOW_ESCAPE] = ddb_reader_step_low_escape,
	[LOW_LETTER] = ddb_reader_step_low_letter,
	[LITERAL] = ddb_reader_step_literal,
	[NUMBER] = ddb_reader_step_number,
};

struct ddb_json *ddb_json_new(struct ddb_arena *arena, const struct ddb_json_limits *limits)
{
	assert(limits->nesting <= NESTING_MAX);
	struct ddb_json *json = malloc(sizeof(*json));
	if (!json)
		return NULL;
	json->arena = arena;
	json->limits = *limits;
	json->stack = NULL;
	json->stack_size = 0;
	ddb_json_restart(json);
	return json;
}

void ddb_json_free(struct ddb_json *json)
{
	if (!json)
		return;
	free(json->stack);
	free(json);
}

void ddb_json_restart(struct ddb_json *json)
{
	json->state = START;
	json->started = false;
	json->nodes = 0;
	json->offset = json->line_start = 0;
	json->line = 1;
	json->depth = 0;
	json->stack_used = 0;
	json->trail = 0;
	json->high_surrogate = 0;
}

static enum ddb_json_state outcome(const struct ddb_json *json, struct ddb_error *err)
{
	if (json->state == REFUSED && err)
		*err = json->error;
	if (json->state == REFUSED)
		return DDB_JSON_REFUSED;
	return json->state == DONE ? DDB_JSON_DONE : DDB_JSON_MORE;
}

enum ddb_json_state ddb_json_feed(
	struct ddb_json *json, const char *bytes, size_t length, size_t *ret_used, struct ddb_error *err)
{
	const char *at = bytes, *end = length ? bytes + length : bytes; /* NULL with nothing is fine */
	json->feed = bytes;
	while (at < end && json->state < STEPS) {
		const char *next = steps[json->state](json, at, end);
		at = next ? next : json->stop;
	}
	json->offset += (size_t)(at - bytes);
	if (ret_used)
		*ret_used = (size_t)(at - bytes);
	return outcome(json, err);
}

enum ddb_json_state ddb_json_end(struct ddb_json *json, struct ddb_error *err)
{
	static const char nothing[1];
	json->feed = nothing;
	if (json->state == NUMBER && !json->depth && ddb_reader_number_complete(json))
		ddb_reader_finish_number(json, nothing);
	else if (json->state < STEPS)
		ddb_reader_refuse(json, nothing, "Unexpected end of the text");
	return outcome(json, err);
}

bool ddb_json_started(const struct ddb_json *json)
{
	return json->started;
}

void ddb_json_position(const struct ddb_json *json, size_t *ret_line, size_t *ret_column)
{
	*ret_line = json->line;
	*ret_column = json->offset - json->line_start + 1;
}

const struct ddb_value *ddb_json_value(const struct ddb_json *json)
{
	return &json->root;
}

static enum ddb_json_state read_text(
	struct ddb_json *json, const char *text, size_t length, struct ddb_error *err)
{
	size_t used;
	enum ddb_json_state state = ddb_json_feed(json, text, length, &used, err);
	if (state == DDB_JSON_REFUSED)
		return state;
	const char *end = text + length;
	json->feed = text + used;
	const char *rest = skip_space(json, text + used, end);
	if (rest < end)
		ddb_reader_refuse(json, rest, "Unexpected text after the value");
	return ddb_json_end(json, err);
}

enum ddb_code ddb_json_read(struct ddb_arena *arena, const struct ddb_json_limits *limits, const char *text,
	size_t length, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_json *json = ddb_json_new(arena, limits);
	if (!json)
		return ddb_fail_memory(err);
	enum ddb_code code = DDB_OK;
	if (read_text(json, text, length, err) == DDB_JSON_DONE)
		*ret = json->root;
	else
		code = json->error.code;
	ddb_json_free(json);
	return code;
}
