/*
 * Document paths (`a.b[0].#c`), and sorted arrays of them. Sorted, with a path before those that go on from
 * it, an array is the tree of its paths: what shares a beginning is a range. Immutable; any thread.
 */
#ifndef DDB_EXPR_PATH_H
#define DDB_EXPR_PATH_H

#include "engine/value.h"

enum {
	EXPR_PATH_STEPS_MAX = DDB_NESTING_MAX,
	EXPR_PATH_TEXT_MAX = 384, /* of a path in a message; a longer one is cut */
	EXPR_INDEX_MAX = INT32_MAX,
};

struct expr_step {
	const char *name; /* NULL: an index */
	uint32_t length;
	uint32_t index;
};

struct expr_path {
	unsigned position; /* among the paths of its expression */
	unsigned count;    /* at least 1; the first step is a name */
	struct expr_step steps[];
};

/* Of steps that are copied, names that are not. NULL: no memory. */
struct expr_path *expr_path_new(struct ddb_arena *arena, const struct expr_step *steps, unsigned count);
bool expr_path_equal(const struct expr_path *a, const struct expr_path *b);
bool expr_path_begins(const struct expr_path *path, const char *name, size_t length);
/* "[a, b, [1]]" */
void expr_path_text(const struct expr_path *path, char ret[EXPR_PATH_TEXT_MAX]);

/* The value there, or NULL. `item` NULL: there is none. */
const struct ddb_value *expr_path_find(const struct expr_path *path, const struct ddb_value *item);

/* Negative when step `depth` of `a` comes first: indices, ascending, then names in byte order. */
int expr_path_compare_step(const struct expr_path *a, const struct expr_path *b, unsigned depth);
void expr_paths_sort(const struct expr_path **paths, size_t count);
/* The end of the range from `begin` whose paths share step `depth` (and, already, those before it). */
size_t expr_paths_group(const struct expr_path *const *sorted, size_t begin, size_t end, unsigned depth);
/*
 * Whether some path of a sorted array is another's beginning or its equal, or goes on with a name where
 * another has an index. DDB_VALIDATION then, with the first such pair in the order of the expression.
 */
DDB_MUST_CHECK enum ddb_code expr_paths_check(
	const struct expr_path *const *sorted, size_t count, struct ddb_error *err);
/* The part of `item` that the paths of a sorted array name; list elements are compacted. */
DDB_MUST_CHECK enum ddb_code expr_paths_select(struct ddb_arena *arena, const struct expr_path *const *sorted,
	size_t count, const struct ddb_value *item, struct ddb_value *ret, struct ddb_error *err);

#endif
