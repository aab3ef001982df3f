#include "engine/expr/path.h"

#include "engine/order.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct expr_path *expr_path_new(struct ddb_arena *arena, const struct expr_step *steps, unsigned count)
{
	assert(count >= 1 && count <= EXPR_PATH_STEPS_MAX && steps[0].name);
	struct expr_path *path = ddb_arena_alloc(arena, sizeof(*path) + count * sizeof(*steps));
	if (!path)
		return NULL;
	*path = (struct expr_path){.count = count};
	memcpy(path->steps, steps, count * sizeof(*steps));
	return path;
}

int expr_path_compare_step(const struct expr_path *a, const struct expr_path *b, unsigned depth)
{
	const struct expr_step *x = &a->steps[depth], *y = &b->steps[depth];
	if (!x->name != !y->name)
		return x->name ? 1 : -1;
	if (!x->name)
		return (x->index > y->index) - (x->index < y->index);
	return ddb_bytes_order(x->name, x->length, y->name, y->length);
}

static unsigned shared_steps(const struct expr_path *a, const struct expr_path *b)
{
	unsigned depth = 0, least = a->count < b->count ? a->count : b->count;
	while (depth < least && !expr_path_compare_step(a, b, depth))
		depth++;
	return depth;
}

bool expr_path_equal(const struct expr_path *a, const struct expr_path *b)
{
	return a->count == b->count && shared_steps(a, b) == a->count;
}

bool expr_path_begins(const struct expr_path *path, const char *name, size_t length)
{
	return path->steps[0].length == length && !memcmp(path->steps[0].name, name, length);
}

void expr_path_text(const struct expr_path *path, char ret[EXPR_PATH_TEXT_MAX])
{
	size_t at = 0;
	for (unsigned i = 0; i < path->count && at < EXPR_PATH_TEXT_MAX; i++) {
		const struct expr_step *step = &path->steps[i];
		size_t room = EXPR_PATH_TEXT_MAX - at;
		const char *before = i ? ", " : "[";
		int length =
			step->name ? snprintf(ret + at, room, "%s%.*s", before, (int)step->length, step->name)
				   : snprintf(ret + at, room, "%s[%u]", before, step->index);
		at += (size_t)length;
	}
	if (at < EXPR_PATH_TEXT_MAX)
		snprintf(ret + at, EXPR_PATH_TEXT_MAX - at, "]");
}

static const struct ddb_value *find_step(const struct expr_step *step, const struct ddb_value *value)
{
	if (step->name)
		return value->type == DDB_M ? ddb_map_get(value, step->name, step->length) : NULL;
	return value->type == DDB_L && step->index < value->count ? &value->elements[step->index] : NULL;
}

const struct ddb_value *expr_path_find(const struct expr_path *path, const struct ddb_value *item)
{
	for (unsigned i = 0; item && i < path->count; i++)
		item = find_step(&path->steps[i], item);
	return item;
}

/* ---- Sorted arrays ---- */

static int compare_paths(const void *a, const void *b)
{
	const struct expr_path *x = *(const struct expr_path *const *)a,
			       *y = *(const struct expr_path *const *)b;
	unsigned depth = shared_steps(x, y);
	if (depth == x->count || depth == y->count)
		return (x->count > y->count) - (x->count < y->count);
	return expr_path_compare_step(x, y, depth);
}

void expr_paths_sort(const struct expr_path **paths, size_t count)
{
	if (count > 1)
		qsort(paths, count, sizeof(*paths), compare_paths);
}

size_t expr_paths_group(const struct expr_path *const *sorted, size_t begin, size_t end, unsigned depth)
{
	size_t i = begin + 1;
	while (i < end && !expr_path_compare_step(sorted[begin], sorted[i], depth))
		i++;
	return i;
}

/* NULL: the two may stand side by side. */
static const char *trouble(const struct expr_path *a, const struct expr_path *b)
{
	unsigned depth = shared_steps(a, b);
	if (depth == a->count || depth == b->count)
		return "overlap";
	return !a->steps[depth].name != !b->steps[depth].name ? "conflict" : NULL;
}

static enum ddb_code fail_pair(
	const char *what, const struct expr_path *one, const struct expr_path *two, struct ddb_error *err)
{
	char text_one[EXPR_PATH_TEXT_MAX], text_two[EXPR_PATH_TEXT_MAX];
	expr_path_text(one, text_one);
	expr_path_text(two, text_two);
	return ddb_fail(err, DDB_VALIDATION,
		"Two document paths %s with each other; must remove or rewrite one of these paths; "
		"path one: %s, path two: %s",
		what, text_one, text_two);
}

/* The pair that reading the expression meets first: the least second position, then the least first one. */
static enum ddb_code fail_first_pair(
	const struct expr_path *const *sorted, size_t count, struct ddb_error *err)
{
	const struct expr_path *one = NULL, *two = NULL;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			const struct expr_path *a = sorted[i], *b = sorted[j];
			if (a->position >= b->position || (two && b->position > two->position))
				continue;
			if (two && b == two && a->position > one->position)
				continue;
			if (trouble(a, b)) {
				one = a;
				two = b;
			}
		}
	}
	assert(one && two);
	return fail_pair(trouble(one, two), one, two, err);
}

/* Whatever two paths are at odds, some that are neighbours in the sorted array are. */
enum ddb_code expr_paths_check(const struct expr_path *const *sorted, size_t count, struct ddb_error *err)
{
	for (size_t i = 1; i < count; i++) {
		if (trouble(sorted[i - 1], sorted[i]))
			return fail_first_pair(sorted, count, err);
	}
	return DDB_OK;
}

/* ---- Selection ---- */

struct selecting {
	struct ddb_arena *arena;
	const struct expr_path *const *sorted;
};

enum found { NOTHING, FOUND, NO_MEMORY };

static enum found select_range(const struct selecting *selecting, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *value, struct ddb_value *ret);

static size_t count_groups(const struct selecting *selecting, size_t begin, size_t end, unsigned depth)
{
	size_t groups = 0;
	for (; begin < end; groups++)
		begin = expr_paths_group(selecting->sorted, begin, end, depth);
	return groups;
}

/* One group a member: what is found of it goes to *ret_child, and *ret_step is its step. */
static enum found select_child(const struct selecting *selecting, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *value, struct ddb_value *ret_child)
{
	const struct ddb_value *child = find_step(&selecting->sorted[begin]->steps[depth], value);
	return child ? select_range(selecting, begin, end, depth + 1, child, ret_child) : NOTHING;
}

static enum found select_map(const struct selecting *selecting, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *value, struct ddb_value *ret)
{
	size_t groups = count_groups(selecting, begin, end, depth);
	struct ddb_value map = {.type = DDB_M};
	map.attributes = ddb_arena_array(selecting->arena, groups, sizeof(*map.attributes));
	if (!map.attributes)
		return NO_MEMORY;
	for (size_t next; begin < end; begin = next) {
		const struct expr_step *step = &selecting->sorted[begin]->steps[depth];
		struct ddb_attribute *attribute = &map.attributes[map.count];
		next = expr_paths_group(selecting->sorted, begin, end, depth);
		*attribute = (struct ddb_attribute){.name = step->name, .name_length = step->length};
		enum found found = select_child(selecting, begin, next, depth, value, &attribute->value);
		if (found == NO_MEMORY)
			return NO_MEMORY;
		map.count += found == FOUND;
	}
	*ret = map;
	return map.count ? FOUND : NOTHING;
}

static enum found select_list(const struct selecting *selecting, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *value, struct ddb_value *ret)
{
	size_t groups = count_groups(selecting, begin, end, depth);
	struct ddb_value list = {.type = DDB_L};
	list.elements = ddb_arena_array(selecting->arena, groups, sizeof(*list.elements));
	if (!list.elements)
		return NO_MEMORY;
	for (size_t next; begin < end; begin = next) {
		next = expr_paths_group(selecting->sorted, begin, end, depth);
		enum found found =
			select_child(selecting, begin, next, depth, value, &list.elements[list.count]);
		if (found == NO_MEMORY)
			return NO_MEMORY;
		list.count += found == FOUND;
	}
	*ret = list;
	return list.count ? FOUND : NOTHING;
}

static enum found select_range(const struct selecting *selecting, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *value, struct ddb_value *ret)
{
	const struct expr_path *first = selecting->sorted[begin];
	if (first->count == depth) { /* it ends here, and no other path goes on from it */
		*ret = *value;
		return FOUND;
	}
	if (value->type == DDB_M && first->steps[depth].name)
		return select_map(selecting, begin, end, depth, value, ret);
	if (value->type == DDB_L && !first->steps[depth].name)
		return select_list(selecting, begin, end, depth, value, ret);
	return NOTHING;
}

enum ddb_code expr_paths_select(struct ddb_arena *arena, const struct expr_path *const *sorted, size_t count,
	const struct ddb_value *item, struct ddb_value *ret, struct ddb_error *err)
{
	const struct selecting selecting = {arena, sorted};
	struct ddb_value part = {.type = DDB_M};
	if (count && select_map(&selecting, 0, count, 0, item, &part) == NO_MEMORY)
		return ddb_fail_memory(err);
	*ret = part;
	return DDB_OK;
}
