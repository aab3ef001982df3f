/*
 * Inside mapping/: what a directory below .query/ or .index/ asks of its table or index: its path's
 * components (pk=V, sk.ge=V, filter=EXPR …), read one by one and checked together. The same checks say
 * whether an entry of its listing is there. Immutable once it is a place's; it lives in the place's arena and
 * points into the table's definition. Any thread.
 */
#ifndef MAP_QUERY_H
#define MAP_QUERY_H

#include "mapping/tree.h"

enum { MAP_COMPONENT_MAX = 1024 }; /* bytes of a query's component */

/* The components that speak of the sort key. */
enum map_sort_term {
	MAP_SORT_EQUAL,
	MAP_SORT_LESS,
	MAP_SORT_LESS_EQUAL,
	MAP_SORT_GREATER,
	MAP_SORT_GREATER_EQUAL,
	MAP_SORT_BEGINS_WITH,
	MAP_SORT_TERMS,
};
struct map_sort_values {
	unsigned count; /* 0: not given */
	struct ddb_value values[DDB_INDEX_KEY_PARTS_MAX];
};

struct map_query {
	const struct ddb_index_definition *index; /* NULL: the table itself */
	unsigned given;                           /* a bit for each kind of component */
	bool has_partition;
	bool nobody;                /* the partition is named in the long form, and nobody has it */
	struct ddb_key_range range; /* its partition only with has_partition; the rest also of a scan */
	struct map_sort_values sort[MAP_SORT_TERMS]; /* what range was made of */
	const struct ddb_predicate *filter;          /* or NULL */
	const struct ddb_selection *selection;       /* or NULL */
	bool fetches; /* the selection names what a local index lacks: whole items are read, and filtered */
	uint32_t limit, page; /* 0: not given */
	bool backward;
};

/* The query that asks for all of a table or an index; NULL: no memory. */
struct map_query *map_query_new(struct ddb_arena *arena, const struct ddb_index_definition *index);

/*
 * A copy of `query` with one more component. MAP_NOT_MINE for what is no component at all; EINVAL for what is
 * wrong with it, by itself or together with the others.
 */
int map_query_add(struct map *map, struct ddb_arena *arena, const struct ddb_table *table,
	const struct map_query *query, const char *component, const struct map_query **ret,
	struct ddb_error *err);
/* Whether it has the form of a component: a known name, and a value where it takes one. */
bool map_query_is_component(const char *name);

/* EINVAL for what could still become a query by a further component but is none: desc without pk. */
int map_query_check_whole(const struct map_query *query, struct ddb_error *err);

/* Whether the item's key attributes are those that are asked for. */
bool map_query_holds_key(
	const struct map_query *query, const struct ddb_table *table, const struct ddb_value *item);
/* Whether what is asked of the sort key must be asked of each item: a scan cannot be told. */
bool map_query_sifts(const struct map_query *query);

/* The values of a partition, from its name: the value itself, or an L of several. *ret_found is false for a
 * name in the long form that nobody has; EINVAL for what is no partition's name. `entry`: the name is a
 * directory entry; else a component's value, of any length. */
int map_query_read_partition(struct map *map, struct ddb_arena *arena, const struct ddb_table *table,
	const struct ddb_index_definition *index, const char *text, bool entry, struct ddb_value *ret,
	bool *ret_found, struct ddb_error *err);
/* The name of such a partition. */
void map_query_partition_name(const struct ddb_value *partition, char ret[256]);

#endif
