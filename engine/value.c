/*
 * Canonical order, equality, sizes and copies of value trees. Recursion follows a tree's nesting, which every
 * reader that makes a tree has bounded. Threads: any, on different trees.
 */
#include "engine/value.h"
#include "engine/base64.h"
#include "engine/order.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CONTAINER_SIZE = 3 }; /* bytes of an L or M in DynamoDB's counting, beside its contents */

const char *ddb_type_name(enum ddb_type type)
{
	static const char names[][5] = {"", "S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"};
	assert((unsigned)type < sizeof(names) / sizeof(names[0]));
	return names[type];
}

static struct ddb_value scalar(enum ddb_type type, const void *bytes, size_t length)
{
	assert(length <= UINT32_MAX);
	return (struct ddb_value){.type = (uint8_t)type, .count = (uint32_t)length, .bytes = bytes};
}

struct ddb_value ddb_string(const char *bytes, size_t length)
{
	return scalar(DDB_S, bytes, length);
}

struct ddb_value ddb_binary(const void *bytes, size_t length)
{
	return scalar(DDB_B, bytes, length);
}

struct ddb_value ddb_number_value(const struct ddb_number *number)
{
	return scalar(DDB_N, number->bytes, number->length);
}

struct ddb_value ddb_bool(bool value)
{
	return (struct ddb_value){.type = DDB_BOOL, .boolean = value};
}

struct ddb_value ddb_null(void)
{
	return (struct ddb_value){.type = DDB_NULL};
}

/* ---- Order ---- */

int ddb_scalar_compare(const struct ddb_value *a, const struct ddb_value *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->type == DDB_S || a->type == DDB_N || a->type == DDB_B)
		return ddb_bytes_order(a->bytes, a->count, b->bytes, b->count);
	return a->boolean - b->boolean;
}

static int compare_names(const struct ddb_attribute *a, const struct ddb_attribute *b)
{
	return ddb_bytes_order(a->name, a->name_length, b->name, b->name_length);
}

static int sort_by_name(const void *a, const void *b)
{
	return compare_names(a, b);
}

static int sort_by_value(const void *a, const void *b)
{
	return ddb_scalar_compare(a, b);
}

const struct ddb_value *ddb_map_get(const struct ddb_value *map, const char *name, size_t length)
{
	size_t low = 0, high = map->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct ddb_attribute *attribute = &map->attributes[middle];
		int order = ddb_bytes_order(name, length, attribute->name, attribute->name_length);
		if (!order)
			return &attribute->value;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The index of the first attribute that is not above the one before it; count if there is none. */
static size_t first_disorder(const struct ddb_attribute *attributes, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (compare_names(&attributes[i - 1], &attributes[i]) >= 0)
			return i;
	}
	return count;
}

enum ddb_code ddb_map_sort(struct ddb_value *map, struct ddb_error *err)
{
	struct ddb_attribute *attributes = map->attributes;
	if (first_disorder(attributes, map->count) == map->count)
		return DDB_OK;
	qsort(attributes, map->count, sizeof(*attributes), sort_by_name);
	size_t twice = first_disorder(attributes, map->count);
	if (twice == map->count)
		return DDB_OK;
	uint32_t length = attributes[twice].name_length;
	return ddb_fail(err, DDB_VALIDATION, "Duplicate attribute name: %.*s",
		length < 255 ? (int)length : 255, attributes[twice].name);
}

/* ---- Sets ---- */

enum { COLLECTION_SHOWN_MAX = 700 }; /* bytes of a refused set in its message */

static void show_element(struct ddb_buffer *out, const struct ddb_value *element)
{
	char number[DDB_NUMBER_TEXT_MAX];
	if (element->type == DDB_N)
		ddb_buffer_add(out, number, ddb_number_write(element->bytes, element->count, number));
	else if (element->type == DDB_B)
		ddb_base64_add(out, element->bytes, element->count, false);
	else
		ddb_buffer_add(out, element->bytes, element->count);
}

/* Elements in the order in which they were given, as the service shows them; a long set is cut. */
static enum ddb_code fail_duplicates(const struct ddb_value *set, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer shown = {0};
	ddb_buffer_init(&shown, COLLECTION_SHOWN_MAX);
	for (uint32_t i = 0; i < set->count && !shown.failed; i++) {
		if (i)
			ddb_buffer_add_string(&shown, ", ");
		show_element(&shown, &set->elements[i]);
	}
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: Input collection [%.*s%s] contains duplicates.",
		(int)shown.length, shown.length ? shown.bytes : "", shown.failed ? "..." : "");
}

static enum ddb_code fail_empty(enum ddb_type type, struct ddb_error *err)
{
	const char *kind = type == DDB_SS ? "string" : type == DDB_NS ? "number" : "binary";
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: An %s set  may not be empty", kind);
}

static bool rises(const struct ddb_value *elements, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (ddb_scalar_compare(&elements[i - 1], &elements[i]) >= 0)
			return false;
	}
	return true;
}

enum ddb_code ddb_set_sort(struct ddb_value *set, struct ddb_error *err)
{
	if (!set->count)
		return fail_empty((enum ddb_type)set->type, err);
	if (rises(set->elements, set->count))
		return DDB_OK;
	/* A copy is sorted, because a refusal shows the set as it was given. */
	size_t size = set->count * sizeof(*set->elements);
	struct ddb_value *sorted = malloc(size);
	if (!sorted)
		return ddb_fail_memory(err);
	memcpy(sorted, set->elements, size);
	qsort(sorted, set->count, sizeof(*sorted), sort_by_value);
	bool distinct = rises(sorted, set->count);
	if (distinct)
		memcpy(set->elements, sorted, size);
	free(sorted);
	return distinct ? DDB_OK : fail_duplicates(set, err);
}

/* ---- Copies ---- */

struct ddb_value *ddb_map_with(struct ddb_arena *arena, const struct ddb_value *map, const char *name,
	size_t length, const struct ddb_value *value)
{
	struct ddb_value *copy = ddb_arena_alloc(arena, sizeof(*copy));
	struct ddb_attribute *attributes =
		ddb_arena_array(arena, (size_t)map->count + 1, sizeof(*attributes));
	if (!copy || !attributes)
		return NULL;
	const struct ddb_attribute *from = map->attributes;
	struct ddb_attribute *to = attributes;
	uint32_t i = 0;
	while (i < map->count && ddb_bytes_order(from[i].name, from[i].name_length, name, length) < 0)
		*to++ = from[i++];
	bool present = i < map->count && !ddb_bytes_order(from[i].name, from[i].name_length, name, length);
	if (value) {
		const char *kept = present ? from[i].name : ddb_arena_copy(arena, name, length);
		if (!kept)
			return NULL;
		*to++ = (struct ddb_attribute){
			.name = kept, .name_length = (uint32_t)length, .value = *value};
	}
	if (present)
		i++;
	while (i < map->count)
		*to++ = from[i++];
	*copy = (struct ddb_value){
		.type = DDB_M, .count = (uint32_t)(to - attributes), .attributes = attributes};
	return copy;
}

static bool copy_value(struct ddb_arena *arena, const struct ddb_value *from, struct ddb_value *to);

static bool copy_bytes(struct ddb_arena *arena, const struct ddb_value *from, struct ddb_value *to)
{
	to->bytes = ddb_arena_copy(arena, from->bytes, from->count);
	return to->bytes;
}

static bool copy_elements(struct ddb_arena *arena, const struct ddb_value *from, struct ddb_value *to)
{
	to->elements = ddb_arena_array(arena, from->count, sizeof(*to->elements));
	if (!to->elements)
		return false;
	for (uint32_t i = 0; i < from->count; i++) {
		if (!copy_value(arena, &from->elements[i], &to->elements[i]))
			return false;
	}
	return true;
}

static bool copy_attributes(struct ddb_arena *arena, const struct ddb_value *from, struct ddb_value *to)
{
	to->attributes = ddb_arena_array(arena, from->count, sizeof(*to->attributes));
	if (!to->attributes)
		return false;
	for (uint32_t i = 0; i < from->count; i++) {
		const struct ddb_attribute *source = &from->attributes[i];
		struct ddb_attribute *target = &to->attributes[i];
		target->name_length = source->name_length;
		target->name = ddb_arena_copy(arena, source->name, source->name_length);
		if (!target->name || !copy_value(arena, &source->value, &target->value))
			return false;
	}
	return true;
}

static bool copy_value(struct ddb_arena *arena, const struct ddb_value *from, struct ddb_value *to)
{
	*to = *from;
	switch ((enum ddb_type)from->type) {
	case DDB_S:
	case DDB_N:
	case DDB_B:
		return copy_bytes(arena, from, to);
	case DDB_BOOL:
	case DDB_NULL:
		return true;
	case DDB_L:
	case DDB_SS:
	case DDB_NS:
	case DDB_BS:
		return copy_elements(arena, from, to);
	case DDB_M:
		return copy_attributes(arena, from, to);
	}
	return true;
}

enum ddb_code ddb_value_copy(
	struct ddb_arena *arena, const struct ddb_value *value, struct ddb_value *ret, struct ddb_error *err)
{
	struct ddb_value copy;
	if (!copy_value(arena, value, &copy))
		return ddb_fail_memory(err);
	*ret = copy;
	return DDB_OK;
}

/* ---- Equality, sizes, nesting ---- */

static bool equal_elements(const struct ddb_value *a, const struct ddb_value *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (!ddb_value_equal(&a->elements[i], &b->elements[i]))
			return false;
	}
	return true;
}

static bool equal_attributes(const struct ddb_value *a, const struct ddb_value *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (compare_names(&a->attributes[i], &b->attributes[i]))
			return false;
		if (!ddb_value_equal(&a->attributes[i].value, &b->attributes[i].value))
			return false;
	}
	return true;
}

bool ddb_value_equal(const struct ddb_value *a, const struct ddb_value *b)
{
	if (a->type != b->type || a->count != b->count)
		return false;
	switch ((enum ddb_type)a->type) {
	case DDB_S:
	case DDB_N:
	case DDB_B:
		return !a->count || !memcmp(a->bytes, b->bytes, a->count);
	case DDB_BOOL:
		return a->boolean == b->boolean;
	case DDB_NULL:
		return true;
	case DDB_L:
	case DDB_SS:
	case DDB_NS:
	case DDB_BS:
		return equal_elements(a, b);
	case DDB_M:
		return equal_attributes(a, b);
	}
	return false;
}

/* `each`: what an element costs beside itself: 1 in a list, nothing in a set. */
static size_t elements_size(const struct ddb_value *value, size_t each)
{
	size_t size = 0;
	for (uint32_t i = 0; i < value->count; i++)
		size += ddb_value_size(&value->elements[i]) + each;
	return size;
}

size_t ddb_item_size(const struct ddb_value *item)
{
	size_t size = 0;
	for (uint32_t i = 0; i < item->count; i++)
		size += item->attributes[i].name_length + ddb_value_size(&item->attributes[i].value);
	return size;
}

size_t ddb_value_size(const struct ddb_value *value)
{
	switch ((enum ddb_type)value->type) {
	case DDB_S:
	case DDB_B:
		return value->count;
	case DDB_N:
		return ddb_number_size(value->bytes, value->count);
	case DDB_BOOL:
	case DDB_NULL:
		return 1;
	case DDB_L:
		return CONTAINER_SIZE + elements_size(value, 1);
	case DDB_M:
		return CONTAINER_SIZE + ddb_item_size(value) + value->count;
	case DDB_SS:
	case DDB_NS:
	case DDB_BS:
		return elements_size(value, 0);
	}
	return 0;
}

/* `levels`: how many the value and what is in it may have. */
static bool nests_within(const struct ddb_value *value, unsigned levels)
{
	if (!levels)
		return false;
	if (value->type == DDB_L) {
		for (uint32_t i = 0; i < value->count; i++) {
			if (!nests_within(&value->elements[i], levels - 1))
				return false;
		}
	}
	if (value->type == DDB_M) {
		for (uint32_t i = 0; i < value->count; i++) {
			if (!nests_within(&value->attributes[i].value, levels - 1))
				return false;
		}
	}
	return true;
}

bool ddb_value_nesting_ok(const struct ddb_value *item)
{
	return nests_within(item, DDB_NESTING_MAX + 1);
}
