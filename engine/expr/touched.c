/*
 * UPDATED_OLD and UPDATED_NEW: the parts of an image that changes name. Indices are those of the list as it
 * was. In the new image an element may stand elsewhere: behind removed ones it moved up, and what was set
 * beyond the end was appended.
 */
#include "engine/expr/change.h"

struct touching {
	const struct ddb_changes *changes;
	struct expr_path **paths; /* copies of the sorted ones */
};

static bool is_removed(const struct touching *touching, size_t at, unsigned depth)
{
	const struct expr_path *path = touching->changes->sorted[at];
	return path->count == depth + 1 && touching->changes->changes[path->position].action == EXPR_REMOVE;
}

/* Whether it counts as one more in the list whose end it is beyond. */
static bool may_append(const struct touching *touching, size_t at, unsigned depth)
{
	return touching->changes->sorted[at]->count == depth + 1 && !is_removed(touching, at, depth);
}

/*
 * How many elements the list had, of which `count` are now. Where that is ambiguous (an element set at its
 * end, or removed there) every element stands in the same place either way.
 */
static uint32_t old_count(
	const struct touching *touching, size_t begin, size_t end, unsigned depth, uint32_t count)
{
	const struct expr_path *const *sorted = touching->changes->sorted;
	uint32_t old = 0, now = 0;
	for (size_t i = begin; i < end; i++)
		now += may_append(touching, i, depth);
	while (now < count) {
		while (begin < end && sorted[begin]->steps[depth].index < old)
			begin++;
		bool named = begin < end && sorted[begin]->steps[depth].index == old;
		now += !named || sorted[begin]->count > depth + 1;
		old++;
	}
	return old;
}

static void place(const struct touching *touching, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *image);

static void place_elements(const struct touching *touching, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *list)
{
	const struct expr_path *const *sorted = touching->changes->sorted;
	uint32_t old = old_count(touching, begin, end, depth, list->count), removed = 0, appended = 0;
	for (size_t next; begin < end; begin = next) {
		uint32_t index = sorted[begin]->steps[depth].index;
		next = expr_paths_group(sorted, begin, end, depth);
		if (is_removed(touching, begin, depth)) {
			removed += index < old;
			continue;
		}
		index = index < old ? index - removed : old - removed + appended++;
		for (size_t i = begin; i < next; i++)
			touching->paths[i]->steps[depth].index = index;
		if (index < list->count)
			place(touching, begin, next, depth + 1, &list->elements[index]);
	}
}

static void place_attributes(const struct touching *touching, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *map)
{
	const struct expr_path *const *sorted = touching->changes->sorted;
	for (size_t next; begin < end; begin = next) {
		const struct expr_step *step = &sorted[begin]->steps[depth];
		const struct ddb_value *value = ddb_map_get(map, step->name, step->length);
		next = expr_paths_group(sorted, begin, end, depth);
		if (value)
			place(touching, begin, next, depth + 1, value);
	}
}

/* Gives the paths of the range the indices that their elements have in the image. As deep as paths are long.
 */
static void place(const struct touching *touching, size_t begin, size_t end, unsigned depth,
	const struct ddb_value *image)
{
	const struct expr_path *first = touching->changes->sorted[begin];
	if (first->count == depth)
		return;
	if (first->steps[depth].name && image->type == DDB_M)
		place_attributes(touching, begin, end, depth, image);
	else if (!first->steps[depth].name && image->type == DDB_L)
		place_elements(touching, begin, end, depth, image);
}

static enum ddb_code select_new(struct ddb_arena *arena, const struct ddb_changes *changes,
	const struct ddb_value *image, struct ddb_value *ret, struct ddb_error *err)
{
	struct touching touching = {.changes = changes};
	touching.paths = ddb_arena_array(arena, changes->count, sizeof(*touching.paths));
	const struct expr_path **kept = ddb_arena_array(arena, changes->count, sizeof(*kept));
	if (!touching.paths || !kept)
		return ddb_fail_memory(err);
	for (size_t i = 0; i < changes->count; i++) {
		const struct expr_path *path = changes->sorted[i];
		touching.paths[i] = expr_path_new(arena, path->steps, path->count);
		if (!touching.paths[i])
			return ddb_fail_memory(err);
	}
	if (changes->count)
		place(&touching, 0, changes->count, 0, image);
	size_t count = 0;
	for (size_t i = 0; i < changes->count; i++) {
		if (changes->changes[changes->sorted[i]->position].action != EXPR_REMOVE)
			kept[count++] = touching.paths[i];
	}
	return expr_paths_select(arena, kept, count, image, ret, err);
}

enum ddb_code ddb_changes_touched(struct ddb_arena *arena, const struct ddb_changes *changes,
	const struct ddb_value *image, enum ddb_image which, struct ddb_value *ret, struct ddb_error *err)
{
	if (which == DDB_IMAGE_NEW)
		return select_new(arena, changes, image, ret, err);
	return expr_paths_select(arena, changes->sorted, changes->count, image, ret, err);
}
