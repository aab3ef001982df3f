/*
 * What .txn, .txn/committed and .snapshot list: the views that the caller may use, and what was committed.
 * See directory.h.
 */
#include "mapping/view/committed.h"
#include "mapping/directory.h"
#include "mapping/view/views.h"

#include <errno.h>
#include <string.h>

/* Marks are numbers, in the order of which both lists are. */
static uint64_t marked_number(const struct map_fill *fill)
{
	uint64_t number = 0;
	if (fill->mark.bytes)
		memcpy(&number, fill->mark.bytes, sizeof(number));
	return number;
}

static int list_views(struct map_fill *fill, enum ddb_view_kind kind, struct ddb_error *err)
{
	uint64_t number = marked_number(fill);
	struct map_view *next;
	while (map_fill_room(fill) && (next = map_view_next(fill->map, number))) {
		MAP_VIEW_AUTO struct map_view *view = next;
		struct map_attr attr;
		number = view->number;
		if (view->kind != kind || !map_view_admits(view, &fill->caller))
			continue;
		map_view_own_attr(view, &attr);
		int failure = map_fill_add(fill, view->name, &attr, err);
		if (failure)
			return failure;
	}
	return map_fill_room(fill) ? 0 : map_fill_mark(fill, &number, sizeof(number), err);
}

static int transactions(struct map_fill *fill, struct ddb_error *err)
{
	return list_views(fill, DDB_TRANSACTION, err);
}

static int snapshots(struct map_fill *fill, struct ddb_error *err)
{
	return list_views(fill, DDB_SNAPSHOT, err);
}

static int add_committed(struct map_fill *fill, const char *name, struct ddb_error *err)
{
	struct map_place place;
	struct map_attr attr;
	const char *path = map_fill_path(fill, name);
	if (!path)
		return map_errno(ddb_fail_memory(err));
	int number = map_resolve(fill->map, fill->arena, path, &place, err);
	if (!number) {
		number = map_place_stat(fill->map, fill->arena, &place, &attr, err);
		map_place_done(&place);
	}
	if (number)
		return number == ENOENT ? 0 : number;
	return map_fill_add(fill, name, &attr, err);
}

static int committed(struct map_fill *fill, struct ddb_error *err)
{
	size_t room = map_fill_room(fill), count;
	struct map_committed_name *names = ddb_arena_array(fill->arena, room, sizeof(*names));
	if (!names)
		return map_errno(ddb_fail_memory(err));
	count = map_committed_list(fill->map->committed, marked_number(fill), room, names);
	for (size_t i = 0; i < count; i++) {
		int number = add_committed(fill, names[i].name, err);
		if (number)
			return number;
	}
	return count < room ? 0 : map_fill_mark(fill, &names[count - 1].number, sizeof(names->number), err);
}

const struct map_listing map_listing_transactions = {{map_section_fixed, transactions}};
const struct map_listing map_listing_snapshots = {{snapshots}};
const struct map_listing map_listing_committed = {{committed}};
