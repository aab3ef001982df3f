/*
 * Documents to items: the tree of the JSON reader with its wrappers resolved, brought into canonical order
 * and judged by the model's rules. The reader judged the text; what is refused here has a place in the
 * document instead of a line and column. Recursion ends at DDB_NESTING_MAX levels. No state; any thread.
 */
#include "mapping/document/document.h"

#include "engine/utf8.h"
#include "engine/typed.h"
#include "engine/base64.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	/*
	 * More containers than an item has with a wrapper at every level (2 * 32 + 1), so that nesting is
	 * refused as the service does.
	 */
	CONTAINERS = 128,
	/*
	 * The most values that one byte of an item can be: a set of one empty string within a list, {"$ss":
	 * [""]}, takes one.
	 */
	NODES = 3 * DDB_ITEM_SIZE_MAX,
	PLACE_SHOWN = 200, /* bytes of a place in a message */
	NAME_SHOWN = 40,   /* and of each name within it */
};

#define INVALID "One or more parameter values were invalid: "

const struct ddb_json_limits *map_document_limits(enum ddb_rendering rendering)
{
	static const struct ddb_json_limits plain = {
		.nesting = CONTAINERS, .nodes = NODES, .object_only = true};
	return rendering == DDB_RENDER_TYPED ? &ddb_typed_limits : &plain;
}

/* ---- Refusals ---- */

/* Where a value stands: its container's place and its name or index there. */
struct place {
	const struct place *up;                /* NULL: an attribute of the item */
	const struct ddb_attribute *attribute; /* NULL: an element */
	uint32_t index;
	unsigned level; /* an attribute of the item is level 1 */
};

struct reading {
	struct ddb_arena *arena;
	struct ddb_error *err;
};

static void add_place(struct ddb_buffer *out, const struct place *place)
{
	if (place->up)
		add_place(out, place->up);
	if (!place->attribute) {
		ddb_buffer_add_format(out, "[%u]", place->index);
		return;
	}
	if (place->up)
		ddb_buffer_add_byte(out, '.');
	uint32_t length = place->attribute->name_length, shown = length < NAME_SHOWN ? length : NAME_SHOWN;
	shown = (uint32_t)ddb_utf8_prefix(place->attribute->name, shown);
	ddb_buffer_add(out, place->attribute->name, shown);
	if (shown < length)
		ddb_buffer_add_string(out, "...");
}

/* Passes an error on with the place that it is about; `place` NULL: none is known. */
static enum ddb_code refuse_as(
	const struct reading *reading, const struct place *place, const struct ddb_error *error)
{
	DDB_BUFFER_AUTO struct ddb_buffer shown = {0};
	ddb_buffer_init(&shown, 16384);
	if (place)
		add_place(&shown, place);
	if (!shown.length || error->code == DDB_NO_MEMORY)
		return ddb_fail(reading->err, error->code, "%s", error->message);
	bool cut = shown.length > PLACE_SHOWN;
	size_t length = cut ? ddb_utf8_prefix(shown.bytes, PLACE_SHOWN) : shown.length;
	return ddb_fail(reading->err, error->code, "%.*s (at %.*s%s)", DDB_MESSAGE_MAX - PLACE_SHOWN - 16,
		error->message, (int)length, shown.bytes, cut ? "..." : "");
}

static enum ddb_code refuse(const struct reading *reading, const struct place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));
static enum ddb_code refuse(const struct reading *reading, const struct place *place, const char *format, ...)
{
	struct ddb_error error = {.code = DDB_VALIDATION};
	va_list args;
	va_start(args, format);
	vsnprintf(error.message, sizeof(error.message), format, args);
	va_end(args);
	return refuse_as(reading, place, &error);
}

static enum ddb_code refuse_size(const struct ddb_value *item, struct ddb_error *err)
{
	if (ddb_item_size(item) <= DDB_ITEM_SIZE_MAX)
		return DDB_OK;
	return ddb_fail(err, DDB_ITEM_TOO_LARGE, "Item size has exceeded the maximum allowed size");
}

/* ---- Wrappers ---- */

static enum ddb_code read_value(const struct reading *reading, const struct place *place,
	const struct ddb_value *json, struct ddb_value *ret);
static enum ddb_code read_attributes(const struct reading *reading, const struct place *place,
	const struct ddb_value *json, struct ddb_value *ret);

/* What a wrapper's name makes of its contents. */
struct wrapper {
	const char *name;
	enum ddb_code (*read)(const struct reading *reading, const struct place *place,
		const struct wrapper *wrapper, const struct ddb_value *contents, struct ddb_value *ret);
	enum ddb_type type;
	uint8_t json_type;    /* of the contents */
	uint8_t element_type; /* of theirs, in the tree of the JSON reader */
	const char *contents; /* in words */
};

static enum ddb_code refuse_contents(
	const struct reading *reading, const struct place *place, const struct wrapper *wrapper)
{
	return refuse(reading, place, "%s must hold %s", wrapper->name, wrapper->contents);
}

static enum ddb_code read_binary(const struct reading *reading, const struct place *place,
	const struct wrapper *wrapper, const struct ddb_value *contents, struct ddb_value *ret)
{
	const uint8_t *bytes;
	size_t length;
	if (!ddb_base64_read(
		    reading->arena, (const char *)contents->bytes, contents->count, false, &bytes, &length)) {
		/* False is also the answer of a full arena, which then is full for this, too. */
		if (!ddb_arena_alloc(reading->arena, contents->count))
			return ddb_fail_memory(reading->err);
		return refuse_contents(reading, place, wrapper);
	}
	*ret = ddb_binary(bytes, length);
	return DDB_OK;
}

static enum ddb_code read_element(const struct reading *reading, const struct place *place,
	const struct wrapper *wrapper, const struct ddb_value *element, struct ddb_value *ret)
{
	if (element->type != wrapper->element_type)
		return refuse_contents(reading, place, wrapper);
	if (wrapper->type == DDB_BS)
		return read_binary(reading, place, wrapper, element, ret);
	*ret = *element;
	return DDB_OK;
}

static enum ddb_code read_set(const struct reading *reading, const struct place *place,
	const struct wrapper *wrapper, const struct ddb_value *contents, struct ddb_value *ret)
{
	struct ddb_value set = {.type = (uint8_t)wrapper->type, .count = contents->count};
	set.elements = ddb_arena_array(reading->arena, set.count, sizeof(*set.elements));
	if (!set.elements)
		return ddb_fail_memory(reading->err);
	for (uint32_t i = 0; i < set.count; i++) {
		enum ddb_code code =
			read_element(reading, place, wrapper, &contents->elements[i], &set.elements[i]);
		if (code)
			return code;
	}
	struct ddb_error error;
	if (ddb_set_sort(&set, &error))
		return refuse_as(reading, place, &error);
	*ret = set;
	return DDB_OK;
}

/* The contents are a map as it is, also one that looks like a wrapper. */
static enum ddb_code read_wrapped_map(const struct reading *reading, const struct place *place,
	const struct wrapper *wrapper, const struct ddb_value *contents, struct ddb_value *ret)
{
	(void)wrapper;
	return read_attributes(reading, place, contents, ret);
}

static const struct wrapper wrappers[] = {
	{"$binary", read_binary, DDB_B, DDB_S, 0, "a string in base64"},
	{"$ss", read_set, DDB_SS, DDB_L, DDB_S, "an array of strings"},
	{"$ns", read_set, DDB_NS, DDB_L, DDB_N, "an array of numbers"},
	{"$bs", read_set, DDB_BS, DDB_L, DDB_S, "an array of strings in base64"},
	{"$map", read_wrapped_map, DDB_M, DDB_M, 0, "an object"},
};

static const struct wrapper *find_wrapper(const struct ddb_attribute *attribute)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		if (strlen(wrappers[i].name) == attribute->name_length &&
			!memcmp(wrappers[i].name, attribute->name, attribute->name_length))
			return &wrappers[i];
	}
	return NULL;
}

static enum ddb_code read_wrapper(const struct reading *reading, const struct place *place,
	const struct ddb_attribute *attribute, struct ddb_value *ret)
{
	const struct wrapper *wrapper = find_wrapper(attribute);
	if (!wrapper) {
		size_t shown =
			attribute->name_length < 2 * NAME_SHOWN ? attribute->name_length : 2 * NAME_SHOWN;
		shown = ddb_utf8_prefix(attribute->name, shown);
		return refuse(reading, place,
			"An object whose only name begins with $ must be $binary, $ss, $ns, $bs or $map, not "
			"%.*s; "
			"a map with that name is written {\"$map\": {...}}",
			(int)shown, attribute->name);
	}
	if (attribute->value.type != wrapper->json_type)
		return refuse_contents(reading, place, wrapper);
	return wrapper->read(reading, place, wrapper, &attribute->value, ret);
}

/* ---- Plain values ---- */

static enum ddb_code read_list(const struct reading *reading, const struct place *place,
	const struct ddb_value *json, struct ddb_value *ret)
{
	struct ddb_value list = {.type = DDB_L, .count = json->count};
	list.elements = ddb_arena_array(reading->arena, list.count, sizeof(*list.elements));
	if (!list.elements)
		return ddb_fail_memory(reading->err);
	for (uint32_t i = 0; i < list.count; i++) {
		struct place element = {.up = place, .index = i, .level = place->level + 1};
		enum ddb_code code = read_value(reading, &element, &json->elements[i], &list.elements[i]);
		if (code)
			return code;
	}
	*ret = list;
	return DDB_OK;
}

/* `place`: the map's own; NULL: it is the item. */
static enum ddb_code read_attributes(const struct reading *reading, const struct place *place,
	const struct ddb_value *json, struct ddb_value *ret)
{
	struct ddb_value map = {.type = DDB_M, .count = json->count};
	map.attributes = ddb_arena_array(reading->arena, map.count, sizeof(*map.attributes));
	if (!map.attributes)
		return ddb_fail_memory(reading->err);
	for (uint32_t i = 0; i < map.count; i++) {
		const struct ddb_attribute *attribute = &json->attributes[i];
		struct place within = {
			.up = place, .attribute = attribute, .level = place ? place->level + 1 : 1};
		if (!attribute->name_length)
			return refuse(reading, place, INVALID "Attribute name must not be empty");
		if (attribute->name_length > DDB_ATTRIBUTE_NAME_MAX)
			return refuse(reading, &within,
				INVALID "Attribute name is too large, must be less than 65536 bytes");
		map.attributes[i] = *attribute;
		enum ddb_code code =
			read_value(reading, &within, &attribute->value, &map.attributes[i].value);
		if (code)
			return code;
	}
	struct ddb_error error;
	if (ddb_map_sort(&map, &error))
		return refuse_as(reading, place, &error);
	*ret = map;
	return DDB_OK;
}

static enum ddb_code read_map(const struct reading *reading, const struct place *place,
	const struct ddb_value *json, struct ddb_value *ret)
{
	const struct ddb_attribute *first = json->attributes;
	if (json->count == 1 && first->name_length && first->name[0] == '$')
		return read_wrapper(reading, place, first, ret);
	return read_attributes(reading, place, json, ret);
}

static enum ddb_code read_value(const struct reading *reading, const struct place *place,
	const struct ddb_value *json, struct ddb_value *ret)
{
	if (place->level > DDB_NESTING_MAX)
		return refuse(reading, place, "Nesting Levels have exceeded supported limits");
	if (json->type == DDB_L)
		return read_list(reading, place, json, ret);
	if (json->type == DDB_M)
		return read_map(reading, place, json, ret);
	*ret = *json;
	return DDB_OK;
}

static enum ddb_code read_plain(
	const struct reading *reading, const struct ddb_value *json, struct ddb_value *ret)
{
	return read_attributes(reading, NULL, json, ret);
}

/* ---- Typed values ---- */

/* The first attribute that is refused by itself. */
static bool find_refused(const struct reading *reading, const struct ddb_value *json, struct place *ret)
{
	for (uint32_t i = 0; i < json->count; i++) {
		struct ddb_value value;
		if (!ddb_typed_read_value(reading->arena, &json->attributes[i].value, &value, NULL))
			continue;
		*ret = (struct place){.attribute = &json->attributes[i], .level = 1};
		return true;
	}
	return false;
}

static enum ddb_code read_typed(
	const struct reading *reading, const struct ddb_value *json, struct ddb_value *ret)
{
	struct ddb_error error;
	struct place place;
	if (!ddb_typed_read_item(reading->arena, json, ret, &error))
		return DDB_OK;
	if (error.code == DDB_NO_MEMORY)
		return ddb_fail_memory(reading->err);
	return refuse_as(reading, find_refused(reading, json, &place) ? &place : NULL, &error);
}

/* ---- Documents ---- */

enum ddb_code map_document_read(struct ddb_arena *arena, const struct ddb_value *json,
	enum ddb_rendering rendering, struct ddb_value *ret, struct ddb_error *err)
{
	const struct reading reading = {.arena = arena, .err = err};
	struct ddb_value item;
	if (json->type != DDB_M)
		return ddb_fail(err, DDB_SERIALIZATION, "A document must be a JSON object");
	enum ddb_code code = rendering == DDB_RENDER_TYPED ? read_typed(&reading, json, &item)
							   : read_plain(&reading, json, &item);
	if (code)
		return code;
	code = refuse_size(&item, err);
	if (code)
		return code;
	*ret = item;
	return DDB_OK;
}
