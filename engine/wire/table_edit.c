/*
 * Changing a table's definition: its canonical form becomes a tree, the operation edits that, and what comes
 * out is judged by the rules of definitions like any other. So an operation says only what is different. See
 * tables.h.
 */
#include "engine/wire/tables.h"

#include "engine/json.h"

#include <string.h>

enum {
	ATTEMPTS = 16,
	DEFINITION_NODES_MAX = 1 << 16,
	DEFINITION_NESTING_MAX = 64,
};

enum ddb_code wire_tree_set(
	struct wire_call *call, struct ddb_value *tree, const char *name, const struct ddb_value *value)
{
	const struct ddb_value *changed = ddb_map_with(call->arena, tree, name, strlen(name), value);
	if (!changed)
		return ddb_fail_memory(call->err);
	*tree = *changed;
	return DDB_OK;
}

const struct ddb_value *wire_tree_get(const struct ddb_value *tree, const char *name)
{
	const struct ddb_value *value = ddb_map_get(tree, name, strlen(name));
	return value && value->type != DDB_NULL ? value : NULL;
}

bool wire_tree_is(const struct ddb_value *tree, const char *name, const char *text, size_t length)
{
	const struct ddb_value *value = wire_tree_get(tree, name);
	return value && value->type == DDB_S && value->count == length && !memcmp(value->bytes, text, length);
}

struct ddb_value *wire_tree_list(struct wire_call *call, const struct ddb_value *list)
{
	uint32_t count = list ? list->count : 0;
	struct ddb_value *copy = ddb_arena_alloc(call->arena, sizeof *copy);
	struct ddb_value *elements = ddb_arena_array(call->arena, (size_t)count + 1, sizeof *elements);
	if (!copy || !elements)
		return NULL;
	if (count)
		memcpy(elements, list->elements, count * sizeof *elements);
	*copy = (struct ddb_value){.type = DDB_L, .count = count, .elements = elements};
	return copy;
}

static enum ddb_code read_tree(
	struct wire_call *call, const struct ddb_definition *definition, struct ddb_value *ret)
{
	static const struct ddb_json_limits limits = {
		.nesting = DEFINITION_NESTING_MAX, .nodes = DEFINITION_NODES_MAX, .object_only = true};
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	struct ddb_json_out json;
	ddb_buffer_init(&text, DDB_DEFINITION_TEXT_MAX);
	ddb_json_out_init(&json, &text, false);
	ddb_definition_write(definition, &json);
	if (text.failed)
		return ddb_fail_memory(call->err);
	return ddb_json_read(call->arena, &limits, text.bytes, text.length, ret, call->err);
}

static enum ddb_code alter(struct wire_call *call, const char *name, wire_edit *edit, const void *request)
{
	struct ddb_definition *definition;
	struct ddb_value tree;
	enum ddb_code code = wire_table(call, name, WIRE_ALTER);
	if (!code)
		code = read_tree(call, call->table->definition, &tree);
	if (!code)
		code = edit(call, request, &tree);
	if (!code)
		code = ddb_definition_from_request(&tree, &definition, call->err);
	if (code)
		return code;
	if (!ddb_definition_equal(call->table->definition, definition))
		code = call->engine->ops->update_table(
			call->engine, name, call->table->definition, definition, call->err);
	ddb_definition_unref(definition);
	return code;
}

/* Whether the table is another one by now: then the refusal was only that somebody else came before. */
static bool has_changed(struct wire_call *call, const char *name)
{
	DDB_TABLE_AUTO struct ddb_table *now = NULL;
	struct ddb_error err;
	return !call->engine->ops->describe_table(call->engine, name, &now, &err) &&
	       now->changed_ns != call->table->changed_ns;
}

enum ddb_code wire_alter(struct wire_call *call, const char *name, wire_edit *edit, const void *request)
{
	for (int attempt = 1;; attempt++) {
		enum ddb_code code = alter(call, name, edit, request);
		if (code != DDB_RESOURCE_IN_USE || attempt == ATTEMPTS || !has_changed(call, name))
			return code;
	}
}
