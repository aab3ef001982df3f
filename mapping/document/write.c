/*
 * Items to text, straight into the buffer: no tree, no memory, one pass. The order is the item's own (names
 * in byte order), but for the key attributes, which come first. Typed values are typed.h's. No state; any
 * thread.
 */
#include "mapping/document/document.h"

#include "engine/jsonout.h"
#include "engine/typed.h"
#include "mapping/name.h"
#include <string.h>

static void write_value(struct ddb_json_out *json, const struct ddb_value *value);

/* ---- Plain values ---- */

static void write_binary(struct ddb_json_out *json, const struct ddb_value *value)
{
	ddb_json_open(json, '{');
	ddb_json_name(json, "$binary", 7);
	ddb_json_base64(json, value->bytes, value->count);
	ddb_json_close(json, '}');
}

static void write_list(struct ddb_json_out *json, const struct ddb_value *list)
{
	ddb_json_open(json, '[');
	for (uint32_t i = 0; i < list->count; i++)
		write_value(json, &list->elements[i]);
	ddb_json_close(json, ']');
}

static void write_set(struct ddb_json_out *json, const char *name, const struct ddb_value *set)
{
	ddb_json_open(json, '{');
	ddb_json_name(json, name, 3);
	write_list(json, set);
	ddb_json_close(json, '}');
}

static void write_binary_set(struct ddb_json_out *json, const struct ddb_value *set)
{
	ddb_json_open(json, '{');
	ddb_json_name(json, "$bs", 3);
	ddb_json_open(json, '[');
	for (uint32_t i = 0; i < set->count; i++)
		ddb_json_base64(json, set->elements[i].bytes, set->elements[i].count);
	ddb_json_close(json, ']');
	ddb_json_close(json, '}');
}

static void write_map(struct ddb_json_out *json, const struct ddb_value *map)
{
	const struct ddb_attribute *first = map->attributes;
	bool wrapped = map->count == 1 && first->name_length && first->name[0] == '$';
	if (wrapped) {
		ddb_json_open(json, '{');
		ddb_json_name(json, "$map", 4);
	}
	ddb_json_open(json, '{');
	for (uint32_t i = 0; i < map->count; i++) {
		const struct ddb_attribute *attribute = &map->attributes[i];
		ddb_json_name(json, attribute->name, attribute->name_length);
		write_value(json, &attribute->value);
	}
	ddb_json_close(json, '}');
	if (wrapped)
		ddb_json_close(json, '}');
}

static void write_value(struct ddb_json_out *json, const struct ddb_value *value)
{
	switch ((enum ddb_type)value->type) {
	case DDB_S:
		ddb_json_string(json, (const char *)value->bytes, value->count);
		return;
	case DDB_N:
		ddb_json_number(json, value->bytes, value->count);
		return;
	case DDB_B:
		write_binary(json, value);
		return;
	case DDB_BOOL:
		ddb_json_raw(json, value->boolean ? "true" : "false");
		return;
	case DDB_NULL:
		ddb_json_raw(json, "null");
		return;
	case DDB_L:
		write_list(json, value);
		return;
	case DDB_M:
		write_map(json, value);
		return;
	case DDB_SS:
		write_set(json, "$ss", value);
		return;
	case DDB_NS:
		write_set(json, "$ns", value);
		return;
	case DDB_BS:
		write_binary_set(json, value);
		return;
	}
}

/* ---- Key attributes ---- */

/* What a document begins with, and the attributes that are not written again in their order. */
struct head {
	unsigned count, skipped_count;
	struct {
		const char *name;
		size_t length;
		const struct ddb_value *value;
	} keys[2];
	const struct ddb_value *skipped[4];
	struct ddb_value decoded[2];
	char text[2][MAP_NAME_MAX];
};

static void skip(struct head *head, const struct ddb_value *value)
{
	if (value)
		head->skipped[head->skipped_count++] = value;
}

static void add_key(struct head *head, const char *name, size_t length, const struct ddb_value *value)
{
	head->keys[head->count].name = name;
	head->keys[head->count].length = length;
	head->keys[head->count++].value = value;
}

static void add_defined(struct head *head, const struct ddb_key_attribute *key, const struct ddb_value *item)
{
	const struct ddb_value *value = ddb_map_get(item, key->name, key->name_length);
	if (!value)
		return;
	skip(head, value);
	add_key(head, key->name, key->name_length, value);
}

/* The key that a stand-in's file name stands for; one that was cut stands for itself. */
static const struct ddb_value *decode(struct head *head, const struct ddb_value *stand_in)
{
	char *text = head->text[head->count];
	struct ddb_value *decoded = &head->decoded[head->count];
	size_t length;
	if (stand_in->type != DDB_S || stand_in->count > MAP_NAME_MAX)
		return stand_in;
	if (!map_name_text((const char *)stand_in->bytes, stand_in->count, text, &length))
		return stand_in;
	*decoded = ddb_string(text, length);
	return decoded;
}

static void add_provisional(
	struct head *head, const char *stand_in_name, const char *shown_name, const struct ddb_value *item)
{
	const struct ddb_value *stand_in = ddb_map_get(item, stand_in_name, strlen(stand_in_name));
	const struct ddb_value *own = ddb_map_get(item, shown_name, strlen(shown_name));
	if (!stand_in)
		return;
	skip(head, stand_in);
	skip(head, own);
	add_key(head, shown_name, strlen(shown_name), own ? own : decode(head, stand_in));
}

static void find_head(const struct ddb_table *table, const struct ddb_value *item, struct head *ret)
{
	ret->count = 0;
	ret->skipped_count = 0;
	if (table->provisional != DDB_DEFINED) {
		add_provisional(ret, DDB_PROVISIONAL_HASH, MAP_SHOWN_HASH, item);
		add_provisional(ret, DDB_PROVISIONAL_RANGE, MAP_SHOWN_RANGE, item);
		return;
	}
	add_defined(ret, &table->definition->hash, item);
	if (table->definition->has_range)
		add_defined(ret, &table->definition->range, item);
}

static bool is_skipped(const struct head *head, const struct ddb_value *value)
{
	for (unsigned i = 0; i < head->skipped_count; i++) {
		if (head->skipped[i] == value)
			return true;
	}
	return false;
}

/* ---- Documents ---- */

static void write_item(const struct head *head, const struct ddb_value *item, enum ddb_rendering rendering,
	struct ddb_json_out *json)
{
	void (*write)(struct ddb_json_out *, const struct ddb_value *) =
		rendering == DDB_RENDER_TYPED ? ddb_typed_write_value : write_value;
	ddb_json_open(json, '{');
	for (unsigned i = 0; i < head->count; i++) {
		ddb_json_name(json, head->keys[i].name, head->keys[i].length);
		write(json, head->keys[i].value);
	}
	for (uint32_t i = 0; i < item->count; i++) {
		const struct ddb_attribute *attribute = &item->attributes[i];
		if (is_skipped(head, &attribute->value))
			continue;
		ddb_json_name(json, attribute->name, attribute->name_length);
		write(json, &attribute->value);
	}
	ddb_json_close(json, '}');
}

void map_document_write_object(
	const struct ddb_table *table, const struct ddb_value *item, struct ddb_json_out *json)
{
	struct head head;
	find_head(table, item, &head);
	write_item(&head, item, DDB_RENDER_PLAIN, json);
}

void map_document_write(const struct ddb_table *table, const struct ddb_value *item,
	enum ddb_rendering rendering, bool pretty, struct ddb_buffer *out)
{
	struct ddb_json_out json;
	struct head head;
	find_head(table, item, &head);
	ddb_json_out_init(&json, out, pretty);
	write_item(&head, item, rendering, &json);
	ddb_buffer_add_byte(out, '\n');
}

void map_document_measure(const struct ddb_table *table, const struct ddb_value *item, uint32_t ret[2])
{
	struct head head;
	find_head(table, item, &head);
	for (int rendering = DDB_RENDER_PLAIN; rendering <= DDB_RENDER_TYPED; rendering++) {
		struct ddb_buffer counting;
		struct ddb_json_out json;
		ddb_buffer_init_counting(&counting);
		ddb_json_out_init(&json, &counting, true);
		write_item(&head, item, (enum ddb_rendering)rendering, &json);
		ddb_buffer_add_byte(&counting, '\n');
		ret[rendering] = (uint32_t)counting.length;
	}
}
