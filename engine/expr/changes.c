#include "engine/expr/change.h"

#include <string.h>

/* ---- Update expressions ---- */

static const char *const sections[EXPR_ACTIONS] = {
	[EXPR_SET] = "SET",
	[EXPR_REMOVE] = "REMOVE",
	[EXPR_ADD] = "ADD",
	[EXPR_DELETE] = "DELETE",
};

struct list {
	struct expr_change *changes;
	size_t count, room;
};

static bool add(struct expr_parser *parser, struct list *list, const struct expr_change *change)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		list->changes = ddb_arena_grow(parser->arena, list->changes,
			list->room * sizeof(*list->changes), room * sizeof(*list->changes));
		if (!list->changes)
			return expr_no_memory(parser);
		list->room = room;
	}
	list->changes[list->count++] = *change;
	return true;
}

/* Their one operand is a value. */
static void check_operand(struct expr_parser *parser, const struct expr_change *change)
{
	static const struct {
		const char *name, *set;
	} types[] = {
		[DDB_S] = {"STRING", NULL},
		[DDB_N] = {"NUMBER", NULL},
		[DDB_B] = {"BINARY", NULL},
		[DDB_BOOL] = {"BOOLEAN", NULL},
		[DDB_NULL] = {"NULL", NULL},
		[DDB_L] = {"LIST", NULL},
		[DDB_M] = {"MAP", NULL},
		[DDB_BS] = {NULL, NULL},
	};
	unsigned type = change->value->type;
	if (!type || !types[type].name || (change->action == EXPR_ADD && type == DDB_N))
		return;
	expr_note(parser, EXPR_TYPES,
		"Incorrect operand type for operator or function; operator: %s, operand type: %s, "
		"typeSet: ALLOWED_FOR_%s_OPERAND",
		sections[change->action], types[type].name, sections[change->action]);
}

static void check_top_level(struct expr_parser *parser, const struct expr_path *path)
{
	char text[EXPR_PATH_TEXT_MAX];
	if (path->count == 1)
		return;
	expr_path_text(path, text);
	expr_note(parser, EXPR_PATHS, "The ADD section can only be used with top-level attributes; path: %s",
		text);
}

static bool parse_change(struct expr_parser *parser, struct expr_change *change)
{
	change->path = expr_parse_path(parser);
	if (!change->path)
		return false;
	if (change->action == EXPR_REMOVE)
		return true;
	if (change->action == EXPR_SET) {
		if (expr_expect(parser, '='))
			change->value = expr_parse_sum(parser);
		return change->value;
	}
	if (!expr_at_value(parser))
		return expr_syntax_error(parser);
	change->value = expr_parse_value(parser);
	if (!change->value)
		return false;
	check_operand(parser, change);
	if (change->action == EXPR_ADD)
		check_top_level(parser, change->path);
	return true;
}

static bool parse_section(struct expr_parser *parser, enum expr_action action, struct list *list)
{
	expr_advance(parser);
	do {
		struct expr_change change = {.action = action};
		if (!parse_change(parser, &change) || !add(parser, list, &change))
			return false;
	} while (expr_skip(parser, ','));
	return true;
}

static enum expr_action section_here(const struct expr_parser *parser)
{
	enum expr_action action = EXPR_SET;
	while (action < EXPR_ACTIONS && !expr_at_word(parser, sections[action]))
		action++;
	return action;
}

static bool parse_sections(struct expr_parser *parser, struct list *list)
{
	bool seen[EXPR_ACTIONS] = {false};
	while (parser->token.kind != EXPR_END) {
		enum expr_action action = section_here(parser);
		if (action == EXPR_ACTIONS)
			return expr_syntax_error(parser);
		if (seen[action])
			expr_note(parser, EXPR_SECTION,
				"The \"%s\" section can only be used once in an update expression;",
				sections[action]);
		seen[action] = true;
		if (!parse_section(parser, action, list))
			return false;
	}
	return true;
}

/* ---- Making them ---- */

struct ddb_changes *expr_changes_new(struct ddb_arena *arena, struct expr_change *changes, size_t count)
{
	struct ddb_changes *made = ddb_arena_alloc(arena, sizeof(*made));
	const struct expr_path **sorted = ddb_arena_array(arena, count, sizeof(*sorted));
	if (!made || !sorted)
		return NULL;
	for (size_t i = 0; i < count; i++)
		sorted[i] = changes[i].path;
	expr_paths_sort(sorted, count);
	*made = (struct ddb_changes){.count = count, .changes = changes, .sorted = sorted};
	return made;
}

static struct ddb_changes *finish(struct expr_parser *parser, const struct list *list)
{
	struct ddb_error pair;
	/* In the order of the text, as they are numbered: those that operands read are not among them. */
	for (size_t i = 0; i < list->count; i++)
		((struct expr_path *)list->changes[i].path)->position = (unsigned)i;
	struct ddb_changes *changes =
		expr_made(parser, expr_changes_new(parser->arena, list->changes, list->count));
	if (changes && expr_paths_check(changes->sorted, changes->count, &pair))
		expr_note(parser, EXPR_PATHS, "%s", pair.message);
	return changes;
}

enum ddb_code ddb_changes_parse(struct ddb_scope *scope, const char *text, size_t length,
	const struct ddb_changes **ret, struct ddb_error *err)
{
	struct expr_parser parser;
	struct list list = {0};
	struct ddb_changes *changes = NULL;
	enum ddb_code code =
		expr_parser_init(&parser, scope, EXPR_UPDATES, "UpdateExpression", text, length, err);
	if (code)
		return code;
	if (parse_sections(&parser, &list))
		changes = finish(&parser, &list);
	code = expr_parser_finish(&parser);
	if (!code)
		*ret = changes;
	return code;
}

static bool set_attribute(struct ddb_arena *arena, const struct ddb_attribute *attribute, unsigned position,
	struct expr_change *ret)
{
	const struct expr_step step = {.name = attribute->name, .length = attribute->name_length};
	struct expr_path *path = expr_path_new(arena, &step, 1);
	struct expr_node *value = expr_node_value(arena, &attribute->value);
	if (!path || !value)
		return false;
	path->position = position;
	*ret = (struct expr_change){EXPR_SET, path, value};
	return true;
}

enum ddb_code ddb_changes_of_map(struct ddb_arena *arena, const struct ddb_value *map,
	const struct ddb_changes **ret, struct ddb_error *err)
{
	struct expr_change *changes = ddb_arena_array(arena, map->count, sizeof(*changes));
	if (!changes)
		return ddb_fail_memory(err);
	for (uint32_t i = 0; i < map->count; i++) {
		if (!set_attribute(arena, &map->attributes[i], i, &changes[i]))
			return ddb_fail_memory(err);
	}
	struct ddb_changes *made = expr_changes_new(arena, changes, map->count);
	if (!made)
		return ddb_fail_memory(err);
	*ret = made;
	return DDB_OK;
}

/* ---- What they are about ---- */

/* The first path that begins with that name or one behind it. */
static size_t first_of(const struct ddb_changes *changes, const struct expr_step *name)
{
	size_t low = 0, high = changes->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct expr_step *step = &changes->sorted[middle]->steps[0];
		uint32_t common = step->length < name->length ? step->length : name->length;
		int order = memcmp(step->name, name->name, common);
		if (order < 0 || (!order && step->length < name->length))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool ddb_changes_write(const struct ddb_changes *changes, const char *name, size_t length,
	const struct ddb_value **ret_value)
{
	const struct expr_step step = {.name = name, .length = (uint32_t)length};
	size_t at = first_of(changes, &step);
	if (ret_value)
		*ret_value = NULL;
	if (at == changes->count || !expr_path_begins(changes->sorted[at], name, length))
		return false;
	const struct expr_change *change = &changes->changes[changes->sorted[at]->position];
	if (ret_value && change->action == EXPR_SET && change->path->count == 1 &&
		change->value->kind == EXPR_VALUE)
		*ret_value = change->value->value;
	return true;
}

/* Paths that go into one attribute are distinct from a path that is it, or they would overlap. */
bool ddb_changes_enter(const struct ddb_changes *changes, const char *name, size_t length)
{
	const struct expr_step step = {.name = name, .length = (uint32_t)length};
	size_t at = first_of(changes, &step);
	return at < changes->count && expr_path_begins(changes->sorted[at], name, length) &&
	       changes->sorted[at]->count > 1;
}

bool ddb_changes_create(const struct ddb_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (changes->changes[i].action == EXPR_SET || changes->changes[i].action == EXPR_ADD)
			return true;
	}
	return !changes->count;
}
