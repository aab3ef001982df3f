/*
 * Applying changes: first every new value is made from the item as it was, then one walk over the item's
 * tree makes the containers anew that changed paths lead through; everything else is shared.
 */
#include "engine/expr/change.h"

#include <assert.h>
#include <string.h>

struct applying {
	struct ddb_arena *arena;
	const struct ddb_changes *changes;
	const struct ddb_value *item; /* as it was; NULL: there is none */
	struct ddb_value *values;     /* by the change's position; type 0: removed */
	struct ddb_error *err;
};

enum {
	SIZE_BASE = 3,
	SIZE_WRITE = 19, /* per SET and ADD */
	SIZE_REMOVE = 2, /* per REMOVE and DELETE */
};

static enum ddb_code fail_type(const struct applying *applying)
{
	return ddb_fail(applying->err, DDB_VALIDATION,
		applying->changes->legacy ? "Type mismatch for attribute to update"
					  : "An operand in the update expression has an incorrect data type");
}

static enum ddb_code fail_path(const struct applying *applying)
{
	return ddb_fail(applying->err, DDB_VALIDATION,
		"The document path provided in the update expression is invalid for update");
}

/* ---- Right-hand sides ---- */

static enum ddb_code evaluate(
	const struct applying *applying, const struct expr_node *node, struct ddb_value *ret);

static enum ddb_code add_numbers(const struct applying *applying, const struct ddb_value *a,
	const struct ddb_value *b, bool subtract, struct ddb_value *ret)
{
	struct ddb_number x = {.length = (uint8_t)a->count}, y = {.length = (uint8_t)b->count}, sum;
	if (a->type != DDB_N || b->type != DDB_N)
		return fail_type(applying);
	memcpy(x.bytes, a->bytes, a->count);
	memcpy(y.bytes, b->bytes, b->count);
	enum ddb_code code = subtract ? ddb_number_subtract(&x, &y, &sum, applying->err)
				      : ddb_number_add(&x, &y, &sum, applying->err);
	if (code)
		return code;
	*ret = ddb_number_value(&sum);
	ret->bytes = ddb_arena_copy(applying->arena, sum.bytes, sum.length);
	return ret->bytes ? DDB_OK : ddb_fail_memory(applying->err);
}

static enum ddb_code append_lists(const struct applying *applying, const struct ddb_value *a,
	const struct ddb_value *b, struct ddb_value *ret)
{
	struct ddb_value list = {.type = DDB_L, .count = a->count + b->count};
	if (a->type != DDB_L || b->type != DDB_L)
		return fail_type(applying);
	list.elements = ddb_arena_array(applying->arena, list.count, sizeof(*list.elements));
	if (!list.elements)
		return ddb_fail_memory(applying->err);
	for (uint32_t i = 0; i < list.count; i++)
		list.elements[i] = i < a->count ? a->elements[i] : b->elements[i - a->count];
	*ret = list;
	return DDB_OK;
}

static enum ddb_code evaluate_two(
	const struct applying *applying, const struct expr_node *node, struct ddb_value *ret)
{
	struct ddb_value a, b;
	enum ddb_code code = evaluate(applying, node->first, &a);
	if (!code)
		code = evaluate(applying, node->last, &b);
	if (code)
		return code;
	if (node->kind == EXPR_FUNCTION)
		return append_lists(applying, &a, &b, ret);
	return add_numbers(applying, &a, &b, node->kind == EXPR_MINUS, ret);
}

static enum ddb_code evaluate_path(
	const struct applying *applying, const struct expr_node *node, struct ddb_value *ret)
{
	const struct ddb_value *value = expr_path_find(node->path, applying->item);
	if (!value)
		return ddb_fail(applying->err, DDB_VALIDATION,
			"The provided expression refers to an attribute that does not exist in the item");
	*ret = *value;
	return DDB_OK;
}

static enum ddb_code evaluate(
	const struct applying *applying, const struct expr_node *node, struct ddb_value *ret)
{
	if (node->kind == EXPR_PATH)
		return evaluate_path(applying, node, ret);
	if (node->kind != EXPR_VALUE &&
		!(node->kind == EXPR_FUNCTION && node->function == &expr_function_if_not_exists))
		return evaluate_two(applying, node, ret);
	const struct ddb_value *there =
		node->kind == EXPR_VALUE ? node->value : expr_path_find(node->first->path, applying->item);
	if (!there)
		return evaluate(applying, node->last, ret);
	*ret = *there;
	return DDB_OK;
}

/* ---- ADD and DELETE ---- */

static bool is_set(const struct ddb_value *value)
{
	return value->type == DDB_SS || value->type == DDB_NS || value->type == DDB_BS;
}

/* Merges two sorted sets: all elements of both (`both`), or those of `a` that are not in `b`. */
static enum ddb_code merge_sets(const struct applying *applying, const struct ddb_value *a,
	const struct ddb_value *b, bool both, struct ddb_value *ret)
{
	struct ddb_value set = {.type = a->type};
	set.elements = ddb_arena_array(
		applying->arena, (size_t)a->count + (both ? b->count : 0), sizeof(*set.elements));
	if (!set.elements)
		return ddb_fail_memory(applying->err);
	uint32_t i = 0, j = 0;
	while (i < a->count || (both && j < b->count)) {
		int order = i == a->count   ? 1
			    : j == b->count ? -1
					    : ddb_scalar_compare(&a->elements[i], &b->elements[j]);
		if (order < 0 || (!order && both))
			set.elements[set.count++] = a->elements[i];
		else if (order > 0 && both)
			set.elements[set.count++] = b->elements[j];
		i += order <= 0;
		j += order >= 0;
	}
	*ret = set.count ? set : (struct ddb_value){0};
	return DDB_OK;
}

static enum ddb_code evaluate_add(const struct applying *applying, const struct ddb_value *old,
	const struct ddb_value *operand, struct ddb_value *ret)
{
	if (!old) {
		*ret = *operand;
		return DDB_OK;
	}
	if (old->type != operand->type)
		return fail_type(applying);
	if (operand->type == DDB_L)
		return append_lists(applying, old, operand, ret);
	return is_set(operand) ? merge_sets(applying, old, operand, true, ret)
			       : add_numbers(applying, old, operand, false, ret);
}

static enum ddb_code evaluate_delete(const struct applying *applying, const struct ddb_value *old,
	const struct ddb_value *operand, struct ddb_value *ret)
{
	*ret = (struct ddb_value){0};
	if (!old)
		return DDB_OK;
	if (old->type != operand->type)
		return fail_type(applying);
	return merge_sets(applying, old, operand, false, ret);
}

static enum ddb_code evaluate_change(
	const struct applying *applying, const struct expr_change *change, struct ddb_value *ret)
{
	const struct ddb_value *old;
	switch (change->action) {
	case EXPR_SET:
		return evaluate(applying, change->value, ret);
	case EXPR_ADD:
		old = expr_path_find(change->path, applying->item);
		return evaluate_add(applying, old, change->value->value, ret);
	case EXPR_DELETE:
		old = expr_path_find(change->path, applying->item);
		return evaluate_delete(applying, old, change->value->value, ret);
	case EXPR_REMOVE:
	case EXPR_ACTIONS:
		break;
	}
	*ret = (struct ddb_value){0};
	return DDB_OK;
}

/* ---- The new tree ---- */

static enum ddb_code change_value(const struct applying *applying, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *old, struct ddb_value *ret);

/* What one member of a container becomes, of the paths from `begin` to `end` that lead to it. */
static enum ddb_code change_member(const struct applying *applying, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *old, struct ddb_value *ret)
{
	const struct expr_path *path = applying->changes->sorted[begin];
	if (path->count == depth + 1) {
		*ret = applying->values[path->position];
		return DDB_OK;
	}
	return old ? change_value(applying, begin, end, depth + 1, old, ret) : fail_path(applying);
}

/* Before, behind or at the attribute of the map that is next. */
static int compare_step(const struct expr_step *step, const struct ddb_attribute *attribute)
{
	uint32_t common = step->length < attribute->name_length ? step->length : attribute->name_length;
	int order = memcmp(step->name, attribute->name, common);
	return order ? order
		     : (step->length > attribute->name_length) - (step->length < attribute->name_length);
}

static enum ddb_code change_map(const struct applying *applying, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *old, struct ddb_value *ret)
{
	const struct expr_path *const *sorted = applying->changes->sorted;
	struct ddb_value map = {.type = DDB_M};
	uint32_t at = 0;
	map.attributes =
		ddb_arena_array(applying->arena, old->count + (end - begin), sizeof(*map.attributes));
	if (!map.attributes)
		return ddb_fail_memory(applying->err);
	for (size_t next; begin < end; begin = next) {
		const struct expr_step *step = &sorted[begin]->steps[depth];
		struct ddb_attribute made = {.name = step->name, .name_length = step->length};
		int order = -1;
		next = expr_paths_group(sorted, begin, end, depth);
		while (at < old->count && (order = compare_step(step, &old->attributes[at])) > 0)
			map.attributes[map.count++] = old->attributes[at++];
		bool there = at < old->count && !order;
		enum ddb_code code = change_member(
			applying, begin, next, depth, there ? &old->attributes[at].value : NULL, &made.value);
		if (code)
			return code;
		at += there;
		if (made.value.type)
			map.attributes[map.count++] = made;
	}
	while (at < old->count)
		map.attributes[map.count++] = old->attributes[at++];
	*ret = map;
	return DDB_OK;
}

/* Indices are those of the old list. What is beyond its end is appended, in the order of the indices. */
static enum ddb_code change_list(const struct applying *applying, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *old, struct ddb_value *ret)
{
	const struct expr_path *const *sorted = applying->changes->sorted;
	struct ddb_value list = {.type = DDB_L};
	uint32_t at = 0;
	list.elements = ddb_arena_array(applying->arena, old->count + (end - begin), sizeof(*list.elements));
	if (!list.elements)
		return ddb_fail_memory(applying->err);
	for (size_t next; begin < end; begin = next) {
		uint32_t index = sorted[begin]->steps[depth].index;
		struct ddb_value made;
		next = expr_paths_group(sorted, begin, end, depth);
		while (at < old->count && at < index)
			list.elements[list.count++] = old->elements[at++];
		bool there = at < old->count;
		enum ddb_code code =
			change_member(applying, begin, next, depth, there ? &old->elements[at] : NULL, &made);
		if (code)
			return code;
		at += there;
		if (made.type)
			list.elements[list.count++] = made;
	}
	while (at < old->count)
		list.elements[list.count++] = old->elements[at++];
	*ret = list;
	return DDB_OK;
}

static enum ddb_code change_value(const struct applying *applying, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *old, struct ddb_value *ret)
{
	bool names = applying->changes->sorted[begin]->steps[depth].name;
	if (names && old->type == DDB_M)
		return change_map(applying, begin, end, depth, old, ret);
	if (!names && old->type == DDB_L)
		return change_list(applying, begin, end, depth, old, ret);
	return fail_path(applying);
}

/* ---- What the service counts ---- */

static size_t path_size(const struct expr_path *path)
{
	size_t size = 0;
	for (unsigned i = 0; i < path->count; i++)
		size += path->steps[i].name ? path->steps[i].length : 1;
	return size;
}

static size_t written_size(const struct applying *applying)
{
	size_t size = SIZE_BASE;
	for (size_t i = 0; i < applying->changes->count; i++) {
		const struct expr_change *change = &applying->changes->changes[i];
		if (change->action == EXPR_SET || change->action == EXPR_ADD)
			size += SIZE_WRITE + path_size(change->path) + ddb_value_size(&applying->values[i]);
		else
			size += SIZE_REMOVE;
	}
	return size;
}

static enum ddb_code make_values(struct applying *applying)
{
	const struct ddb_changes *changes = applying->changes;
	enum ddb_code code = DDB_OK;
	applying->values = ddb_arena_array(applying->arena, changes->count, sizeof(*applying->values));
	if (!applying->values)
		return ddb_fail_memory(applying->err);
	for (size_t i = 0; i < changes->count && !code; i++)
		code = evaluate_change(applying, &changes->changes[i], &applying->values[i]);
	return code;
}

/* Values that become whole attributes nest no deeper than they did. */
static bool goes_deeper(const struct ddb_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (changes->sorted[i]->count > 1)
			return true;
	}
	return false;
}

enum ddb_code ddb_changes_apply(struct ddb_arena *arena, const struct ddb_changes *changes,
	const struct ddb_value *item, struct ddb_value *ret, size_t *ret_written, struct ddb_error *err)
{
	static const struct ddb_value none = {.type = DDB_M};
	struct applying applying = {.arena = arena, .changes = changes, .item = item, .err = err};
	struct ddb_value made = item ? *item : none;
	enum ddb_code code = make_values(&applying);
	if (!code && changes->count)
		code = change_value(&applying, 0, changes->count, 0, item ? item : &none, &made);
	if (code)
		return code;
	if (goes_deeper(changes) && !ddb_value_nesting_ok(&made))
		return ddb_fail(err, DDB_VALIDATION, "Nesting Levels have exceeded supported limits");
	*ret = made;
	if (ret_written)
		*ret_written = written_size(&applying);
	return DDB_OK;
}
