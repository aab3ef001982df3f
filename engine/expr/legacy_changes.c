/*
 * AttributeUpdates: {"name": {"Action": PUT|ADD|DELETE, "Value": …}}.
 */
#include "engine/expr/change.h"
#include "engine/expr/legacy.h"
#include "engine/typed.h"

#include <string.h>

#define INVALID "One or more parameter values were invalid: "

enum { SET_TYPES = 1 << DDB_SS | 1 << DDB_NS | 1 << DDB_BS };

static const struct action {
	const char *name;
	enum expr_action action;
	unsigned types;
	const char *text; /* of a value of another type */
} actions[] = {
	{"PUT", EXPR_SET, ~0U, ""},
	{"ADD", EXPR_ADD, SET_TYPES | 1 << DDB_N | 1 << DDB_L, "ADD action is not supported for the type"},
	{"DELETE", EXPR_DELETE, SET_TYPES, "DELETE action with value is not supported for the type"},
};

static enum ddb_code fail_json(const struct ddb_value *json, struct ddb_error *err)
{
	return ddb_fail(err, DDB_SERIALIZATION, "%s",
		json->type == DDB_M   ? "Start of structure or map found where not expected"
		: json->type == DDB_L ? "Start of list found where not expected"
				      : "Unexpected field type");
}

static enum ddb_code read_action(
	const struct ddb_attribute *attribute, const struct action **ret, struct ddb_error *err)
{
	const struct ddb_value *name = ddb_map_get(&attribute->value, "Action", strlen("Action"));
	*ret = &actions[0];
	if (!name || name->type == DDB_NULL)
		return DDB_OK;
	if (name->type != DDB_S)
		return fail_json(name, err);
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		*ret = &actions[i];
		if (name->count == strlen(actions[i].name) &&
			!memcmp(name->bytes, actions[i].name, name->count))
			return DDB_OK;
	}
	return ddb_fail(err, DDB_VALIDATION,
		"1 validation error detected: Value '%.*s' at 'attributeUpdates.%.*s.member.action' failed "
		"to "
		"satisfy constraint: Member must satisfy enum value set: [ADD, DELETE, PUT]",
		(int)name->count, (const char *)name->bytes, (int)attribute->name_length, attribute->name);
}

/* *ret is NULL when there is none. */
static enum ddb_code read_value(struct ddb_arena *arena, const struct ddb_attribute *attribute,
	const struct ddb_value **ret, struct ddb_error *err)
{
	const struct ddb_value *json = ddb_map_get(&attribute->value, "Value", strlen("Value"));
	*ret = NULL;
	if (!json || json->type == DDB_NULL)
		return DDB_OK;
	struct ddb_value *value = ddb_arena_alloc(arena, sizeof(*value));
	if (!value)
		return ddb_fail_memory(err);
	*ret = value;
	return ddb_typed_read_value(arena, json, value, err);
}

static enum ddb_code check_value(
	const struct action *action, const struct ddb_value *value, struct ddb_error *err)
{
	if (!value && action->action != EXPR_DELETE)
		return ddb_fail(err, DDB_VALIDATION,
			INVALID "Only DELETE action is allowed when no attribute value is specified");
	if (value && !(action->types >> value->type & 1))
		return ddb_fail(err, DDB_VALIDATION, INVALID "%s %s", action->text,
			ddb_type_name((enum ddb_type)value->type));
	return DDB_OK;
}

static enum ddb_code read_change(struct ddb_arena *arena, const struct ddb_attribute *attribute,
	unsigned position, struct expr_change *ret, struct ddb_error *err)
{
	const struct action *action = NULL;
	const struct ddb_value *value = NULL;
	if (attribute->value.type != DDB_M)
		return fail_json(&attribute->value, err);
	enum ddb_code code = read_value(arena, attribute, &value, err);
	if (!code)
		code = read_action(attribute, &action, err);
	if (!code)
		code = check_value(action, value, err);
	if (code)
		return code;
	const struct expr_step step = {.name = attribute->name, .length = attribute->name_length};
	struct expr_path *path = expr_path_new(arena, &step, 1);
	struct expr_node *node = value ? expr_node_value(arena, value) : NULL;
	if (!path || (value && !node))
		return ddb_fail_memory(err);
	path->position = position;
	*ret = (struct expr_change){value ? action->action : EXPR_REMOVE, path, node};
	return DDB_OK;
}

enum ddb_code ddb_legacy_changes(struct ddb_arena *arena, const struct ddb_value *json,
	const struct ddb_changes **ret, struct ddb_error *err)
{
	if (json->type != DDB_M)
		return fail_json(json, err);
	struct expr_change *changes = ddb_arena_array(arena, json->count, sizeof(*changes));
	if (!changes)
		return ddb_fail_memory(err);
	for (uint32_t i = 0; i < json->count; i++) {
		enum ddb_code code = read_change(arena, &json->attributes[i], i, &changes[i], err);
		if (code)
			return code;
	}
	struct ddb_changes *made = expr_changes_new(arena, changes, json->count);
	if (!made)
		return ddb_fail_memory(err);
	made->legacy = true;
	*ret = made;
	return DDB_OK;
}
