#include "engine/expr/function.h"

#include <assert.h>
#include <string.h>

enum {
	TEXT_TYPES = 1 << DDB_S | 1 << DDB_B,
	SET_TYPES = 1 << DDB_SS | 1 << DDB_NS | 1 << DDB_BS,
	CONTAINER_TYPES = SET_TYPES | 1 << DDB_L,
};

static bool has_type(const struct ddb_value *value, unsigned types)
{
	return value && types >> value->type & 1;
}

/* ---- attribute_exists, attribute_not_exists ---- */

static void note_no_path(struct expr_parser *parser, const struct expr_node *call)
{
	if (call->first->kind != EXPR_PATH)
		expr_note(parser, EXPR_TYPES,
			"Operator or function requires a document path; operator or function: %s",
			call->function->name);
}

static uint8_t check_exists(struct expr_parser *parser, const struct expr_node *call)
{
	note_no_path(parser, call);
	return DDB_BOOL;
}

static bool exists(const struct ddb_value *first, const struct ddb_value *second)
{
	(void)second;
	return first;
}

static bool not_exists(const struct ddb_value *first, const struct ddb_value *second)
{
	(void)second;
	return !first;
}

/* ---- attribute_type ---- */

static bool names_type(const struct ddb_value *value, enum ddb_type type)
{
	const char *name = ddb_type_name(type);
	return value->count == strlen(name) && !memcmp(value->bytes, name, value->count);
}

static bool names_some_type(const struct ddb_value *value)
{
	for (enum ddb_type type = DDB_S; type <= DDB_BS; type++) {
		if (names_type(value, type))
			return true;
	}
	return false;
}

static uint8_t check_type(struct expr_parser *parser, const struct expr_node *call)
{
	const struct expr_node *name = call->last;
	if (name->kind != EXPR_VALUE)
		expr_note(parser, EXPR_TYPES,
			"Incorrect operand type for operator or function; operator or function: "
			"attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
	else if (name->type != DDB_S)
		expr_note_type_unless(parser, call->function->name, 1 << DDB_S, name);
	else if (!names_some_type(name->value))
		expr_note(parser, EXPR_TYPES,
			"Invalid attribute type name found; type: %.*s, "
			"valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
			(int)name->value->count, (const char *)name->value->bytes);
	return DDB_BOOL;
}

static bool is_of_type(const struct ddb_value *first, const struct ddb_value *second)
{
	return first && second && names_type(second, (enum ddb_type)first->type);
}

/* ---- begins_with ---- */

static uint8_t check_begins_with(struct expr_parser *parser, const struct expr_node *call)
{
	expr_note_same(parser, call->function->name, call->first, call->last);
	expr_note_type_unless(parser, call->function->name, TEXT_TYPES, call->first);
	expr_note_type_unless(parser, call->function->name, TEXT_TYPES, call->last);
	return DDB_BOOL;
}

static bool begins_with(const struct ddb_value *first, const struct ddb_value *second)
{
	if (!has_type(first, TEXT_TYPES) || !second || second->type != first->type)
		return false;
	return second->count <= first->count &&
	       (!second->count || !memcmp(first->bytes, second->bytes, second->count));
}

/* ---- contains ---- */

static uint8_t check_contains(struct expr_parser *parser, const struct expr_node *call)
{
	expr_note_same(parser, call->function->name, call->first, call->last);
	expr_note_type_unless(parser, call->function->name, TEXT_TYPES | CONTAINER_TYPES, call->first);
	return DDB_BOOL;
}

static bool contains(const struct ddb_value *first, const struct ddb_value *second)
{
	if (!first || !second)
		return false;
	if (has_type(first, TEXT_TYPES))
		return first->type == second->type &&
		       (!second->count || (first->count && memmem(first->bytes, first->count, second->bytes,
								   second->count)));
	if (!has_type(first, CONTAINER_TYPES))
		return false;
	for (uint32_t i = 0; i < first->count; i++) {
		if (ddb_value_equal(&first->elements[i], second))
			return true;
	}
	return false;
}

/* ---- size ---- */

static uint8_t check_size(struct expr_parser *parser, const struct expr_node *call)
{
	expr_note_type_unless(
		parser, call->function->name, TEXT_TYPES | CONTAINER_TYPES | 1 << DDB_M, call->first);
	return DDB_N;
}

/* A character beyond U+FFFF takes two units, any other one. */
static int64_t utf16_units(const uint8_t *bytes, uint32_t count)
{
	int64_t units = 0;
	for (uint32_t i = 0; i < count; i++)
		units += (bytes[i] & 0xc0) != 0x80 ? 1 + (bytes[i] >= 0xf0) : 0;
	return units;
}

bool expr_size(const struct ddb_value *value, struct ddb_number *ret)
{
	if (!has_type(value, TEXT_TYPES | CONTAINER_TYPES | 1 << DDB_M))
		return false;
	ddb_number_from_int(
		value->type == DDB_S ? utf16_units(value->bytes, value->count) : value->count, ret);
	return true;
}

/* ---- if_not_exists, list_append ---- */

static uint8_t check_if_not_exists(struct expr_parser *parser, const struct expr_node *call)
{
	note_no_path(parser, call);
	return call->last->type;
}

static uint8_t check_list_append(struct expr_parser *parser, const struct expr_node *call)
{
	expr_note_type_unless(parser, call->function->name, 1 << DDB_L, call->first);
	expr_note_type_unless(parser, call->function->name, 1 << DDB_L, call->last);
	return DDB_L;
}

/* ---- The table ---- */

const struct expr_function expr_function_size = {"size", EXPR_CONDITIONS, 1, false, check_size, NULL};
const struct expr_function expr_function_if_not_exists = {
	"if_not_exists", EXPR_UPDATES, 2, false, check_if_not_exists, NULL};
const struct expr_function expr_function_list_append = {
	"list_append", EXPR_UPDATES, 2, false, check_list_append, NULL};

static const struct expr_function conditions[] = {
	{"attribute_exists", EXPR_CONDITIONS, 1, true, check_exists, exists},
	{"attribute_not_exists", EXPR_CONDITIONS, 1, true, check_exists, not_exists},
	{"attribute_type", EXPR_CONDITIONS, 2, true, check_type, is_of_type},
	{"begins_with", EXPR_CONDITIONS, 2, true, check_begins_with, begins_with},
	{"contains", EXPR_CONDITIONS, 2, true, check_contains, contains},
};
static const struct expr_function *const others[] = {
	&expr_function_size, &expr_function_if_not_exists, &expr_function_list_append};

static bool has_name(const struct expr_function *function, const char *name, size_t length)
{
	return strlen(function->name) == length && !memcmp(function->name, name, length);
}

const struct expr_function *expr_function_find(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		if (has_name(&conditions[i], name, length))
			return &conditions[i];
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (has_name(others[i], name, length))
			return others[i];
	}
	return NULL;
}

const struct expr_function *expr_function_named(const char *name)
{
	const struct expr_function *function = expr_function_find(name, strlen(name));
	assert(function);
	return function;
}
