#include "engine/expr/selection.h"
#include "engine/expr/parser.h"

#include <assert.h>

struct ddb_selection {
	size_t count;
	const struct expr_path **sorted;
	size_t name_count;
	struct ddb_value *names;
};

/* ---- Making one ---- */

static enum ddb_code finish(struct ddb_arena *arena, const struct expr_path **paths, size_t count,
	const struct ddb_selection **ret, struct ddb_error *err)
{
	struct ddb_selection *selection = ddb_arena_alloc(arena, sizeof(*selection));
	struct ddb_value *names = ddb_arena_array(arena, count, sizeof(*names));
	if (!selection || !names)
		return ddb_fail_memory(err);
	*selection = (struct ddb_selection){.count = count, .sorted = paths, .names = names};
	for (size_t begin = 0; begin < count; begin = expr_paths_group(paths, begin, count, 0)) {
		const struct expr_step *step = &paths[begin]->steps[0];
		names[selection->name_count++] = ddb_string(step->name, step->length);
	}
	*ret = selection;
	return DDB_OK;
}

struct list {
	const struct expr_path **paths;
	size_t count, room;
};

static bool add(struct expr_parser *parser, struct list *list, const struct expr_path *path)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		list->paths = ddb_arena_grow(parser->arena, list->paths, list->room * sizeof(*list->paths),
			room * sizeof(*list->paths));
		if (!list->paths)
			return expr_no_memory(parser);
		list->room = room;
	}
	list->paths[list->count++] = path;
	return true;
}

static bool parse_paths(struct expr_parser *parser, struct list *list)
{
	do {
		const struct expr_path *path = expr_parse_path(parser);
		if (!path || !add(parser, list, path))
			return false;
	} while (expr_skip(parser, ','));
	return true;
}

enum ddb_code ddb_selection_parse(struct ddb_scope *scope, const char *text, size_t length,
	const struct ddb_selection **ret, struct ddb_error *err)
{
	struct expr_parser parser;
	struct list list = {0};
	struct ddb_error pair;
	enum ddb_code code =
		expr_parser_init(&parser, scope, EXPR_PROJECTIONS, "ProjectionExpression", text, length, err);
	if (code)
		return code;
	if (parse_paths(&parser, &list)) {
		expr_paths_sort(list.paths, list.count);
		if (expr_paths_check(list.paths, list.count, &pair))
			expr_note(&parser, EXPR_PATHS, "%s", pair.message);
	}
	code = expr_parser_finish(&parser);
	return code ? code : finish(scope->arena, list.paths, list.count, ret, err);
}

enum ddb_code ddb_selection_of_names(struct ddb_arena *arena, const struct ddb_value *names,
	const struct ddb_selection **ret, struct ddb_error *err)
{
	const struct expr_path **paths = ddb_arena_array(arena, names->count, sizeof(*paths));
	if (!paths)
		return ddb_fail_memory(err);
	for (uint32_t i = 0; i < names->count; i++) {
		const struct ddb_value *name = &names->elements[i];
		const struct expr_step step = {.name = (const char *)name->bytes, .length = name->count};
		assert(name->type == DDB_S);
		struct expr_path *path = expr_path_new(arena, &step, 1);
		if (!path)
			return ddb_fail_memory(err);
		path->position = i;
		paths[i] = path;
	}
	expr_paths_sort(paths, names->count);
	for (uint32_t i = 1; i < names->count; i++) {
		if (expr_path_equal(paths[i - 1], paths[i]))
			return ddb_fail(err, DDB_VALIDATION,
				"One or more parameter values were invalid: Duplicate value in attribute "
				"name: %.*s",
				(int)paths[i]->steps[0].length, paths[i]->steps[0].name);
	}
	return finish(arena, paths, names->count, ret, err);
}

/* ---- Use ---- */

enum ddb_code ddb_selection_apply(struct ddb_arena *arena, const struct ddb_selection *selection,
	const struct ddb_value *item, struct ddb_value *ret, struct ddb_error *err)
{
	return expr_paths_select(arena, selection->sorted, selection->count, item, ret, err);
}

size_t ddb_selection_names(const struct ddb_selection *selection, const struct ddb_value **ret)
{
	*ret = selection->names;
	return selection->name_count;
}
