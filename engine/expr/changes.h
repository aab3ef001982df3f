/*
 * Update expressions: what UpdateItem does to an item. Parsed once, applied to any item; the right-hand sides
 * read the item as it was. Immutable; any thread.
 */
#ifndef DDB_EXPR_CHANGES_H
#define DDB_EXPR_CHANGES_H

#include "engine/expr/scope.h"

struct ddb_changes;

/* DDB_VALIDATION: syntax, and all that needs no item: overlapping and conflicting paths, operand types. */
DDB_MUST_CHECK enum ddb_code ddb_changes_parse(struct ddb_scope *scope, const char *text, size_t length,
	const struct ddb_changes **ret, struct ddb_error *err);
/* SET of each attribute of a map (what appending to an item's file does). */
DDB_MUST_CHECK enum ddb_code ddb_changes_of_map(struct ddb_arena *arena, const struct ddb_value *map,
	const struct ddb_changes **ret, struct ddb_error *err);

/* Whether it writes (SET, REMOVE, ADD or DELETE) a path that begins with that attribute. `ret_value` (may be
 * NULL): the value when it is a plain SET of the whole attribute to one, else NULL. */
bool ddb_changes_write(const struct ddb_changes *changes, const char *name, size_t length,
	const struct ddb_value **ret_value);
/* Whether one of those paths goes into the attribute: it has a part of it, not the whole. */
bool ddb_changes_enter(const struct ddb_changes *changes, const char *name, size_t length);
/* Whether it can bring a missing item into being: not when it only removes. */
bool ddb_changes_create(const struct ddb_changes *changes);

/*
 * The item as it will be. `item` NULL: there is none, and *ret has only what the changes add: the key is the
 * caller's to supply in `item` then. `ret_written`: the bytes that DynamoDB counts beside the finished item
 * (3 + 19 per SET and ADD + 2 per REMOVE and DELETE + what is written). Shares with `item` what it can.
 */
DDB_MUST_CHECK enum ddb_code ddb_changes_apply(struct ddb_arena *arena, const struct ddb_changes *changes,
	const struct ddb_value *item, struct ddb_value *ret, size_t *ret_written, struct ddb_error *err);
/* The part of an image that the changes' paths name: UPDATED_OLD, UPDATED_NEW. Of the new one what was set,
 * where it stands in its list now, and nothing of what was removed. */
enum ddb_image { DDB_IMAGE_OLD, DDB_IMAGE_NEW };
DDB_MUST_CHECK enum ddb_code ddb_changes_touched(struct ddb_arena *arena, const struct ddb_changes *changes,
	const struct ddb_value *image, enum ddb_image which, struct ddb_value *ret, struct ddb_error *err);

#endif
