/*
 * The parameters that say what is wanted of items: expressions, with their names and values, or the legacy
 * parameters; never both. Which of them an operation has, its rows tell. Each ends as one of the things that
 * engine/expr/ makes. No state: any thread.
 */
#include "engine/wire/items.h"

#include "engine/expr/legacy.h"

#include <string.h>

/* ---- Which are given ---- */

enum parameter_kind { EXPRESSION, PROJECTION, LEGACY_TEXT, LEGACY_JSON, LEGACY_LIST };

struct parameter {
	const char *name;
	enum parameter_kind kind;
	size_t offset;
};
#define PARAMETER(name, kind, field)                                                                         \
	{                                                                                                    \
		name, kind, offsetof(struct wire_item_request, field)                                        \
	}

/* In the order in which messages name them. */
static const struct parameter parameters[] = {
	PARAMETER("UpdateExpression", EXPRESSION, update),
	PARAMETER("ProjectionExpression", PROJECTION, projection),
	PARAMETER("FilterExpression", EXPRESSION, filter),
	PARAMETER("KeyConditionExpression", EXPRESSION, key_condition),
	PARAMETER("ConditionExpression", EXPRESSION, condition),
	PARAMETER("AttributesToGet", LEGACY_LIST, attributes),
	PARAMETER("AttributeUpdates", LEGACY_JSON, updates),
	PARAMETER("Expected", LEGACY_JSON, expected),
	PARAMETER("QueryFilter", LEGACY_JSON, query_filter),
	PARAMETER("ScanFilter", LEGACY_JSON, scan_filter),
	PARAMETER("ConditionalOperator", LEGACY_TEXT, operator_),
	PARAMETER("KeyConditions", LEGACY_JSON, key_conditions),
};
enum { PARAMETERS = sizeof parameters / sizeof *parameters };

static bool is_legacy(const struct parameter *parameter)
{
	return parameter->kind != EXPRESSION && parameter->kind != PROJECTION;
}

static bool is_given(const struct wire_item_request *request, const struct parameter *parameter)
{
	const char *place = (const char *)request + parameter->offset;
	switch (parameter->kind) {
	case EXPRESSION:
	case PROJECTION:
	case LEGACY_TEXT:
		return ((const struct member_text *)place)->bytes;
	case LEGACY_LIST:
		return ((const struct member_list *)place)->given;
	case LEGACY_JSON:
		break;
	}
	return *(const struct ddb_value *const *)place;
}

static unsigned add_given(struct ddb_buffer *out, const struct wire_item_request *request, bool legacy)
{
	unsigned count = 0;
	for (size_t i = 0; i < PARAMETERS; i++) {
		if (is_legacy(&parameters[i]) != legacy || !is_given(request, &parameters[i]))
			continue;
		ddb_buffer_add_format(out, "%s%s", count++ ? ", " : "", parameters[i].name);
	}
	ddb_buffer_add_byte(out, '\0');
	return count;
}

/* *ret_any: there is an expression. */
static enum ddb_code check_mixing(
	struct wire_call *call, const struct wire_item_request *request, bool *ret_any)
{
	DDB_BUFFER_AUTO struct ddb_buffer old = {0}, new_ = {0};
	ddb_buffer_init(&old, 1024);
	ddb_buffer_init(&new_, 1024);
	bool legacy = add_given(&old, request, true), expressions = add_given(&new_, request, false);
	if (old.failed || new_.failed)
		return ddb_fail_memory(call->err);
	*ret_any = expressions;
	if (!legacy || !expressions)
		return DDB_OK;
	return ddb_fail(call->err, DDB_VALIDATION,
		"Can not use both expression and non-expression parameters in the same request: "
		"Non-expression parameters: {%s} Expression parameters: {%s}",
		old.bytes, new_.bytes);
}

/* ---- Names and values ---- */

static bool has_row(const struct member_type *type, const char *name)
{
	for (size_t i = 0; i < type->count; i++)
		if (!strcmp(type->members[i].name, name))
			return true;
	return false;
}

/* Values without an expression that could use them; the message names those that the operation has. */
static enum ddb_code values_alone(struct wire_call *call, const struct member_type *type)
{
	char names[256] = "";
	unsigned count = 0;
	for (size_t i = 0; i < PARAMETERS; i++) {
		if (parameters[i].kind != EXPRESSION || !has_row(type, parameters[i].name))
			continue;
		strcat(strcat(names, count++ ? " and " : ""), parameters[i].name);
	}
	return ddb_fail(call->err, DDB_VALIDATION,
		"ExpressionAttributeValues can only be specified when using expressions: %s %s null", names,
		count > 1 ? "are" : "is");
}

static bool uses_values(const struct wire_item_request *request)
{
	for (size_t i = 0; i < PARAMETERS; i++)
		if (parameters[i].kind == EXPRESSION && is_given(request, &parameters[i]))
			return true;
	return false;
}

enum ddb_code wire_expressions_check(
	struct wire_call *call, const struct member_type *type, const struct wire_item_request *request)
{
	bool any;
	enum ddb_code code = check_mixing(call, request, &any);
	if (code)
		return code;
	if (request->names.given && !any)
		return ddb_fail(call->err, DDB_VALIDATION,
			"ExpressionAttributeNames can only be specified when using expressions");
	if (request->names.given && !request->names.value.count)
		return ddb_fail(call->err, DDB_VALIDATION, "ExpressionAttributeNames must not be empty");
	if (request->values.given && !uses_values(request))
		return values_alone(call, type);
	if (request->values.given && !request->values.value.count)
		return ddb_fail(call->err, DDB_VALIDATION, "ExpressionAttributeValues must not be empty");
	if (call->broken->code)
		return ddb_fail(call->err, call->broken->code, "%s", call->broken->message);
	return DDB_OK;
}

/* ---- Reading them ---- */

const struct member_row wire_attribute_name = {
	.kind = MEMBER_TEXT, .required = true, .least = 1, .most = DDB_ATTRIBUTE_NAME_MAX};

enum ddb_code wire_attributes_read(
	struct wire_call *call, const struct member_list *names, const struct ddb_selection **ret)
{
	const struct member_text *texts = names->elements;
	struct ddb_value *elements = ddb_arena_array(call->arena, (size_t)names->count + 1, sizeof *elements);
	struct ddb_value *list = ddb_arena_alloc(call->arena, sizeof *list);
	if (!elements || !list)
		return ddb_fail_memory(call->err);
	for (uint32_t i = 0; i < names->count; i++)
		elements[i] = ddb_string(texts[i].bytes, texts[i].length);
	*list = (struct ddb_value){.type = DDB_L, .count = names->count, .elements = elements};
	return ddb_selection_of_names(call->arena, list, ret, call->err);
}

static enum ddb_code read_predicate(struct wire_call *call, struct ddb_scope *scope,
	enum ddb_predicate_use use, const struct member_text *text, const struct ddb_predicate **ret)
{
	if (!text->bytes)
		return DDB_OK;
	return ddb_predicate_parse(scope, use, text->bytes, text->length, ret, call->err);
}

static enum ddb_code read_expressions(
	struct wire_call *call, const struct wire_item_request *request, struct wire_expressions *ret)
{
	struct ddb_scope scope;
	enum ddb_code code =
		ddb_scope_init(&scope, call->arena, request->names.given ? &request->names.value : NULL,
			request->values.given ? &request->values.value : NULL, false, call->err);
	if (!code && request->update.bytes)
		code = ddb_changes_parse(
			&scope, request->update.bytes, request->update.length, &ret->changes, call->err);
	if (!code)
		code = read_predicate(
			call, &scope, DDB_CONDITION_EXPRESSION, &request->condition, &ret->condition);
	if (!code && request->key_condition.bytes)
		code = ddb_key_condition_parse(&scope, request->key_condition.bytes,
			request->key_condition.length, &ret->key_condition, call->err);
	if (!code)
		code = read_predicate(call, &scope, DDB_FILTER_EXPRESSION, &request->filter, &ret->filter);
	if (!code && request->projection.bytes)
		code = ddb_selection_parse(&scope, request->projection.bytes, request->projection.length,
			&ret->selection, call->err);
	return code ? code : ddb_scope_finish(&scope, call->err);
}

static enum ddb_code read_filter(struct wire_call *call, enum ddb_legacy_use use,
	const struct ddb_value *json, const struct ddb_value *operator_, const struct ddb_predicate **ret)
{
	return json ? ddb_legacy_predicate(call->arena, use, json, operator_, ret, call->err) : DDB_OK;
}

static enum ddb_code read_legacy(
	struct wire_call *call, const struct wire_item_request *request, struct wire_expressions *ret)
{
	const struct member_text *text = &request->operator_;
	struct ddb_value value = ddb_string(text->bytes, text->length);
	const struct ddb_value *operator_ = text->bytes ? &value : NULL;
	if (operator_ && !request->expected && !request->query_filter && !request->scan_filter)
		return ddb_fail(call->err, DDB_VALIDATION,
			"One or more parameter values were invalid: ConditionalOperator cannot be used "
			"without "
			"Filter or Expected");
	enum ddb_code code = DDB_OK;
	if (request->updates)
		code = ddb_legacy_changes(call->arena, request->updates, &ret->changes, call->err);
	if (!code)
		code = read_filter(call, DDB_LEGACY_EXPECTED, request->expected, operator_, &ret->condition);
	if (!code && request->key_conditions)
		code = ddb_legacy_key_condition(
			call->arena, request->key_conditions, &ret->key_condition, call->err);
	if (!code)
		code = read_filter(
			call, DDB_LEGACY_QUERY_FILTER, request->query_filter, operator_, &ret->filter);
	if (!code)
		code = read_filter(
			call, DDB_LEGACY_SCAN_FILTER, request->scan_filter, operator_, &ret->filter);
	if (!code && request->attributes.given)
		code = wire_attributes_read(call, &request->attributes, &ret->selection);
	return code;
}

enum ddb_code wire_expressions_read(
	struct wire_call *call, const struct wire_item_request *request, struct wire_expressions *ret)
{
	*ret = (struct wire_expressions){0};
	enum ddb_code code = read_legacy(call, request, ret);
	return code ? code : read_expressions(call, request, ret);
}
