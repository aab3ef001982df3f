/*
 * The components of a query's path: one row for each. See query.h.
 */
#include "mapping/query/query.h"

#include "mapping/name.h"
#include <errno.h>
#include <string.h>

struct reading {
	struct map *map;
	struct ddb_arena *arena;
	const struct ddb_table *table;
	struct ddb_key_schema schema;
	struct map_query *query;
	const char *name;  /* of the component */
	const char *value; /* still encoded */
};

typedef int read_component(struct reading *reading, int detail, struct ddb_error *err);

static int refuse(struct ddb_error *err, const char *what, const char *name)
{
	ddb_fail(err, DDB_VALIDATION, "%s: %s", what, name);
	return EINVAL;
}

/* ---- Key values ---- */

static unsigned types_of(const struct ddb_key_attribute *keys, unsigned count, enum ddb_type *ret)
{
	for (unsigned i = 0; i < count; i++)
		ret[i] = keys[i].type;
	return count;
}

/* Several values as one: agreed upon for struct ddb_key_range. */
static int join_values(struct ddb_arena *arena, const struct ddb_value *values, unsigned count,
	struct ddb_value *ret, struct ddb_error *err)
{
	if (count == 1) {
		*ret = values[0];
		return 0;
	}
	struct ddb_value *elements = ddb_arena_array(arena, count, sizeof(*elements));
	if (!elements)
		return map_errno(ddb_fail_memory(err));
	memcpy(elements, values, count * sizeof(*elements));
	*ret = (struct ddb_value){.type = DDB_L, .count = count, .elements = elements};
	return 0;
}

void map_query_partition_name(const struct ddb_value *partition, char ret[256])
{
	if (partition->type == DDB_L)
		map_name_of_keys(partition->elements, partition->count, false, ret);
	else
		map_name_of_key(partition, false, ret);
}

static int find_long(struct map *map, struct ddb_arena *arena, struct ddb_find_alias *request,
	const char *text, struct ddb_value *ret, bool *ret_found, struct ddb_error *err)
{
	char name[MAP_NAME_MAX + 1];
	struct ddb_value partition;
	enum ddb_code code = map->engine->ops->find_alias(map->engine, arena, request, &partition, err);
	*ret_found = false;
	if (code)
		return code == DDB_RESOURCE_NOT_FOUND ? 0 : map_errno(code);
	map_query_partition_name(&partition, name);
	*ret_found = !strcmp(name, text);
	*ret = partition;
	return 0;
}

int map_query_read_partition(struct map *map, struct ddb_arena *arena, const struct ddb_table *table,
	const struct ddb_index_definition *index, const char *text, bool entry, struct ddb_value *ret,
	bool *ret_found, struct ddb_error *err)
{
	struct ddb_key_schema schema = ddb_key_schema_of(table->definition, index);
	struct ddb_find_alias request = {.table = table->name, .index = index ? index->name : NULL};
	struct ddb_value values[DDB_INDEX_KEY_PARTS_MAX];
	enum ddb_type types[DDB_INDEX_KEY_PARTS_MAX];
	unsigned count = types_of(schema.hash, schema.hash_count, types);
	enum map_name_kind kind =
		entry ? map_name_decode_keys(text, false, types, count, arena, values, request.alias)
		      : map_name_read_keys(text, strlen(text), types, count, arena, values, request.alias);
	switch (kind) {
	case MAP_NAME_NONE:
		break;
	case MAP_NAME_KEY:
		*ret_found = true;
		return join_values(arena, values, count, ret, err);
	case MAP_NAME_LONG:
		return find_long(map, arena, &request, text, ret, ret_found, err);
	}
	return refuse(err, "The value is not the name of a partition key", text);
}

static int read_partition(struct reading *reading, int detail, struct ddb_error *err)
{
	struct map_query *query = reading->query;
	(void)detail;
	int number = map_query_read_partition(reading->map, reading->arena, reading->table, query->index,
		reading->value, false, &query->range.partition, &query->has_partition, err);
	query->nobody = !number && !query->has_partition;
	return number;
}

static unsigned count_parts(const char *text)
{
	unsigned count = 1;
	for (; *text; text++)
		count += *text == '~';
	return count;
}

static int read_sort(struct reading *reading, int detail, struct ddb_error *err)
{
	const struct ddb_key_schema *schema = &reading->schema;
	struct map_sort_values *sort = &reading->query->sort[detail];
	enum ddb_type types[DDB_INDEX_KEY_PARTS_MAX];
	uint8_t digest[DDB_ALIAS_BYTES];
	unsigned count = count_parts(reading->value);
	if (!schema->range_count)
		return refuse(err, "There is no sort key", reading->name);
	if (count > schema->range_count)
		return refuse(err, "The sort key has fewer attributes", reading->name);
	types_of(schema->range, count, types);
	if (map_name_read_keys(reading->value, strlen(reading->value), types, count, reading->arena,
		    sort->values, digest) != MAP_NAME_KEY)
		return refuse(err, "The value is not the name of a sort key", reading->name);
	if (detail == MAP_SORT_BEGINS_WITH && types[count - 1] == DDB_N)
		return refuse(err, "begins_with takes no number", reading->name);
	sort->count = count;
	return 0;
}

/* ---- Expressions ---- */

/* The text that the component stands for; an empty one is for the parser to refuse. */
static int read_text(struct reading *reading, char **ret, size_t *ret_length, struct ddb_scope *scope,
	struct ddb_error *err)
{
	size_t length = strlen(reading->value);
	char *text = ddb_arena_alloc(reading->arena, length + 1);
	*ret_length = 0;
	*ret = text;
	if (!text)
		return map_errno(ddb_fail_memory(err));
	if (length && !map_name_text(reading->value, length, text, ret_length))
		return refuse(err,
			"An expression is UTF-8 text in which /, %, ~, control bytes and a leading dot, and "
			"nothing else, are written %XX",
			reading->name);
	return map_errno(ddb_scope_init(scope, reading->arena, NULL, NULL, true, err));
}

static int read_filter(struct reading *reading, int detail, struct ddb_error *err)
{
	struct ddb_scope scope;
	char *text;
	size_t length;
	(void)detail;
	int number = read_text(reading, &text, &length, &scope, err);
	return number ? number
		      : map_errno(ddb_predicate_parse(
				&scope, DDB_FILTER_EXPRESSION, text, length, &reading->query->filter, err));
}

static int read_selection(struct reading *reading, int detail, struct ddb_error *err)
{
	struct ddb_scope scope;
	char *text;
	size_t length;
	(void)detail;
	int number = read_text(reading, &text, &length, &scope, err);
	return number ? number
		      : map_errno(ddb_selection_parse(&scope, text, length, &reading->query->selection, err));
}

/* ---- The rest ---- */

static bool read_decimal(const char *text, uint32_t *ret)
{
	uint64_t value = 0;
	if (*text < '1' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9' && value <= UINT32_MAX; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	*ret = (uint32_t)value;
	return !*text && value <= UINT32_MAX;
}

enum { LIMIT, PAGE };

static int read_count(struct reading *reading, int detail, struct ddb_error *err)
{
	struct map_query *query = reading->query;
	if (!read_decimal(reading->value, detail == LIMIT ? &query->limit : &query->page))
		return refuse(err, "The value is not a number from 1 to 4294967295", reading->name);
	return 0;
}

static int read_desc(struct reading *reading, int detail, struct ddb_error *err)
{
	(void)detail, (void)err;
	reading->query->backward = true;
	return 0;
}

static const struct component {
	const char *name;
	bool valueless;
	read_component *read;
	int detail;
} components[] = {
	{"pk", false, read_partition, 0},
	{"sk", false, read_sort, MAP_SORT_EQUAL},
	{"sk.lt", false, read_sort, MAP_SORT_LESS},
	{"sk.le", false, read_sort, MAP_SORT_LESS_EQUAL},
	{"sk.gt", false, read_sort, MAP_SORT_GREATER},
	{"sk.ge", false, read_sort, MAP_SORT_GREATER_EQUAL},
	{"sk.begins_with", false, read_sort, MAP_SORT_BEGINS_WITH},
	{"filter", false, read_filter, 0},
	{"select", false, read_selection, 0},
	{"limit", false, read_count, LIMIT},
	{"page", false, read_count, PAGE},
	{"desc", true, read_desc, 0},
};
enum { COMPONENTS = sizeof(components) / sizeof(components[0]) };

static const struct component *find_component(const char *name)
{
	size_t length = strcspn(name, "=");
	for (size_t i = 0; i < COMPONENTS; i++) {
		const struct component *component = &components[i];
		if (component->valueless == !name[length] && strlen(component->name) == length &&
			!memcmp(component->name, name, length))
			return component;
	}
	return NULL;
}

bool map_query_is_component(const char *name)
{
	return find_component(name);
}

/* ---- All together ---- */

static int contradict(struct ddb_error *err)
{
	ddb_fail(err, DDB_VALIDATION, "The conditions on the sort key contradict each other");
	return EINVAL;
}

static bool begins_alike(const struct ddb_value *a, const struct ddb_value *b, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!ddb_value_equal(&a[i], &b[i]))
			return false;
	return true;
}

/* Where a bound's value goes; `given` is set when there is one of its kind already. */
static struct ddb_value *place_bound(struct ddb_key_range *range, enum map_sort_term term, bool *ret_given)
{
	if (term == MAP_SORT_BEGINS_WITH) {
		*ret_given = range->has_begins_with || range->lower.given || range->upper.given;
		range->has_begins_with = true;
		return &range->begins_with;
	}
	bool upper = term == MAP_SORT_LESS || term == MAP_SORT_LESS_EQUAL;
	struct ddb_bound *bound = upper ? &range->upper : &range->lower;
	*ret_given = bound->given || range->has_begins_with;
	bound->given = true;
	bound->inclusive = term == MAP_SORT_LESS_EQUAL || term == MAP_SORT_GREATER_EQUAL;
	return &bound->value;
}

static bool has_bound(const struct ddb_key_range *range)
{
	return range->lower.given || range->upper.given || range->has_begins_with;
}

/* A bound applies to the last value it has; those before it are a prefix, which all must share. */
static int add_bound(struct map_query *query, enum map_sort_term term, struct ddb_error *err)
{
	const struct map_sort_values *sort = &query->sort[term];
	struct ddb_key_range *range = &query->range;
	unsigned prefix = sort->count - 1;
	bool given;
	if (range->prefix_count > prefix || (has_bound(range) && range->prefix_count != prefix) ||
		!begins_alike(sort->values, range->prefix, range->prefix_count))
		return contradict(err);
	memcpy(range->prefix, sort->values, prefix * sizeof(*range->prefix));
	range->prefix_count = prefix;
	*place_bound(range, term, &given) = sort->values[prefix];
	return given ? contradict(err) : 0;
}

static int check_bounds(const struct ddb_key_range *range, struct ddb_error *err)
{
	if (!range->lower.given || !range->upper.given)
		return 0;
	int order = ddb_scalar_compare(&range->lower.value, &range->upper.value);
	bool empty = order > 0 || (!order && !(range->lower.inclusive && range->upper.inclusive));
	return empty ? contradict(err) : 0;
}

static int combine_sort(struct map_query *query, struct ddb_error *err)
{
	const struct map_sort_values *equal = &query->sort[MAP_SORT_EQUAL];
	struct ddb_value partition = query->range.partition;
	query->range = (struct ddb_key_range){.partition = partition, .prefix_count = equal->count};
	memcpy(query->range.prefix, equal->values, sizeof(equal->values));
	for (unsigned i = MAP_SORT_EQUAL + 1; i < MAP_SORT_TERMS; i++) {
		int number = query->sort[i].count ? add_bound(query, i, err) : 0;
		if (number)
			return number;
	}
	return check_bounds(&query->range, err);
}

/* DynamoDB's rule for a Query; a Scan may filter by anything. */
static int check_filter(
	const struct map_query *query, const struct ddb_key_schema *schema, struct ddb_error *err)
{
	if (!query->filter || !(query->has_partition || query->nobody))
		return 0;
	for (unsigned i = 0; i < schema->hash_count + schema->range_count; i++) {
		const struct ddb_key_attribute *key =
			i < schema->hash_count ? &schema->hash[i] : &schema->range[i - schema->hash_count];
		if (!ddb_predicate_mentions(query->filter, key->name, key->name_length))
			continue;
		ddb_fail(err, DDB_VALIDATION,
			"Filter Expression can only contain non-primary key attributes: Primary key "
			"attribute: %s",
			key->name);
		return EINVAL;
	}
	return 0;
}

static bool is_one_of(const struct ddb_key_attribute *keys, unsigned count, const struct ddb_value *name)
{
	for (unsigned i = 0; i < count; i++)
		if (keys[i].name_length == name->count && !memcmp(keys[i].name, name->bytes, name->count))
			return true;
	return false;
}

static bool is_projected(const struct ddb_definition *definition, const struct ddb_index_definition *index,
	const struct ddb_value *name)
{
	if (index->projection == DDB_PROJECT_ALL || is_one_of(&definition->hash, 1, name) ||
		is_one_of(&definition->range, definition->has_range, name) ||
		is_one_of(index->hash, index->hash_count, name) ||
		is_one_of(index->range, index->range_count, name))
		return true;
	for (unsigned i = 0; index->projection == DDB_PROJECT_INCLUDE && i < index->include_count; i++)
		if (strlen(index->include[i]) == name->count &&
			!memcmp(index->include[i], name->bytes, name->count))
			return true;
	return false;
}

/* What a global index lacks cannot be had; for a local one it is fetched from the table. */
static int check_selection(
	struct map_query *query, const struct ddb_definition *definition, struct ddb_error *err)
{
	const struct ddb_value *names;
	if (!query->selection || !query->index)
		return 0;
	size_t count = ddb_selection_names(query->selection, &names), i = 0;
	while (i < count && is_projected(definition, query->index, &names[i]))
		i++;
	query->fetches = i < count;
	if (!query->fetches || query->index->local)
		return 0;
	ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: Global secondary index %s does not project "
		"[%.*s]",
		query->index->name, (int)names[i].count, (const char *)names[i].bytes);
	return EINVAL;
}

struct map_query *map_query_new(struct ddb_arena *arena, const struct ddb_index_definition *index)
{
	struct map_query *query = ddb_arena_alloc(arena, sizeof(*query));
	if (query)
		*query = (struct map_query){.index = index};
	return query;
}

static struct map_query *copy_query(struct ddb_arena *arena, const struct map_query *query)
{
	return ddb_arena_copy(arena, query, sizeof(*query));
}

int map_query_add(struct map *map, struct ddb_arena *arena, const struct ddb_table *table,
	const struct map_query *query, const char *component, const struct map_query **ret,
	struct ddb_error *err)
{
	const struct component *row = find_component(component);
	if (!row)
		return MAP_NOT_MINE;
	unsigned bit = 1u << (row - components);
	struct reading reading = {.map = map, .arena = arena, .table = table, .name = row->name};
	if (!table->definition || table->provisional != DDB_DEFINED)
		return refuse(err, "A table without a definition cannot be queried", table->name);
	if (query->given & bit)
		return refuse(err, "The component can be given only once", row->name);
	reading.schema = ddb_key_schema_of(table->definition, query->index);
	reading.value = component + strlen(row->name) + !row->valueless;
	reading.query = copy_query(arena, query);
	if (!reading.query)
		return map_errno(ddb_fail_memory(err));
	reading.query->given |= bit;
	int number = row->read(&reading, row->detail, err);
	if (!number)
		number = combine_sort(reading.query, err);
	if (!number)
		number = check_filter(reading.query, &reading.schema, err);
	if (!number)
		number = check_selection(reading.query, table->definition, err);
	if (!number)
		*ret = reading.query;
	return number;
}

int map_query_check_whole(const struct map_query *query, struct ddb_error *err)
{
	if (!query->backward || query->has_partition || query->nobody)
		return 0;
	return refuse(err, "A scan has no order: the component needs pk=", "desc");
}

/* ---- Whether an item is asked for ---- */

static bool is_above(const struct ddb_bound *bound, const struct ddb_value *value)
{
	int order = bound->given ? ddb_scalar_compare(value, &bound->value) : 1;
	return order > 0 || (!order && bound->inclusive);
}

static bool is_below(const struct ddb_bound *bound, const struct ddb_value *value)
{
	int order = bound->given ? ddb_scalar_compare(value, &bound->value) : -1;
	return order < 0 || (!order && bound->inclusive);
}

static bool begins_with(const struct ddb_value *value, const struct ddb_value *prefix)
{
	return value->count >= prefix->count && !memcmp(value->bytes, prefix->bytes, prefix->count);
}

static const struct ddb_value *key_of(const struct ddb_value *item, const struct ddb_key_attribute *key)
{
	return ddb_map_get(item, key->name, key->name_length);
}

static bool holds_partition(
	const struct ddb_value *partition, const struct ddb_key_schema *schema, const struct ddb_value *item)
{
	for (unsigned i = 0; i < schema->hash_count; i++) {
		const struct ddb_value *value = key_of(item, &schema->hash[i]);
		if (!value || !ddb_value_equal(
				      value, partition->type == DDB_L ? &partition->elements[i] : partition))
			return false;
	}
	return true;
}

static bool holds_sort(
	const struct ddb_key_range *range, const struct ddb_key_schema *schema, const struct ddb_value *item)
{
	for (unsigned i = 0; i < range->prefix_count; i++) {
		const struct ddb_value *value = key_of(item, &schema->range[i]);
		if (!value || !ddb_value_equal(value, &range->prefix[i]))
			return false;
	}
	if (!has_bound(range))
		return true;
	const struct ddb_value *value = key_of(item, &schema->range[range->prefix_count]);
	return value && is_above(&range->lower, value) && is_below(&range->upper, value) &&
	       (!range->has_begins_with || begins_with(value, &range->begins_with));
}

bool map_query_holds_key(
	const struct map_query *query, const struct ddb_table *table, const struct ddb_value *item)
{
	struct ddb_key_schema schema = ddb_key_schema_of(table->definition, query->index);
	if (query->nobody ||
		(query->has_partition && !holds_partition(&query->range.partition, &schema, item)))
		return false;
	return holds_sort(&query->range, &schema, item);
}

bool map_query_sifts(const struct map_query *query)
{
	return !query->has_partition && (query->range.prefix_count || has_bound(&query->range));
}
