/*
 * Records. After the version byte comes one value: its type, then for S, N and B a length and bytes, for BOOL
 * one byte, for containers a count and their contents; attributes are a name's length, the name and a value;
 * a set's elements have no type of their own. Lengths and counts are LEB128 in its shortest form. Threads:
 * any.
 */
#include "engine/record.h"
#include "engine/utf8.h"
#include <string.h>

enum {
	VERSION = 1,
	/* A key attribute of a provisional table has a name that no document can hold: it begins with this
	   byte. */
	STAND_IN = 0xff,
};

/* ---- Writing ---- */

static void write_length(struct ddb_buffer *out, uint32_t length)
{
	for (; length >= 0x80; length >>= 7)
		ddb_buffer_add_byte(out, (char)(length | 0x80));
	ddb_buffer_add_byte(out, (char)length);
}

static void write_bytes(struct ddb_buffer *out, const void *bytes, uint32_t length)
{
	write_length(out, length);
	ddb_buffer_add(out, bytes, length);
}

static void write_value(const struct ddb_value *value, struct ddb_buffer *out);

static void write_list(const struct ddb_value *list, struct ddb_buffer *out)
{
	write_length(out, list->count);
	for (uint32_t i = 0; i < list->count; i++)
		write_value(&list->elements[i], out);
}

static void write_map(const struct ddb_value *map, struct ddb_buffer *out)
{
	write_length(out, map->count);
	for (uint32_t i = 0; i < map->count; i++) {
		write_bytes(out, map->attributes[i].name, map->attributes[i].name_length);
		write_value(&map->attributes[i].value, out);
	}
}

static void write_set(const struct ddb_value *set, struct ddb_buffer *out)
{
	write_length(out, set->count);
	for (uint32_t i = 0; i < set->count; i++)
		write_bytes(out, set->elements[i].bytes, set->elements[i].count);
}

static void write_value(const struct ddb_value *value, struct ddb_buffer *out)
{
	ddb_buffer_add_byte(out, (char)value->type);
	switch ((enum ddb_type)value->type) {
	case DDB_S:
	case DDB_N:
	case DDB_B:
		write_bytes(out, value->bytes, value->count);
		return;
	case DDB_BOOL:
		ddb_buffer_add_byte(out, value->boolean);
		return;
	case DDB_NULL:
		return;
	case DDB_L:
		write_list(value, out);
		return;
	case DDB_M:
		write_map(value, out);
		return;
	case DDB_SS:
	case DDB_NS:
	case DDB_BS:
		write_set(value, out);
		return;
	}
}

void ddb_record_write(const struct ddb_value *value, struct ddb_buffer *out)
{
	ddb_buffer_add_byte(out, VERSION);
	write_value(value, out);
}

/* ---- Reading ---- */

struct reader {
	struct ddb_arena *arena;
	const uint8_t *at, *end;
	/*
	 * What the counts still to come may claim, in bytes: every element takes at least one byte of the
	 * record and every attribute two, over all containers together, so that claims which the record
	 * cannot keep take no memory.
	 */
	size_t budget;
	bool no_memory;
};

static bool read_byte(struct reader *reader, uint8_t *ret)
{
	if (reader->at == reader->end)
		return false;
	*ret = *reader->at++;
	return true;
}

static bool read_long_length(struct reader *reader, uint32_t *ret)
{
	uint64_t length = 0;
	uint8_t byte;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		if (!read_byte(reader, &byte))
			return false;
		length |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*ret = (uint32_t)length;
		return length <= UINT32_MAX &&
		       (byte || !shift); /* a last byte of 0 is not the shortest form */
	}
	return false;
}

static bool read_length(struct reader *reader, uint32_t *ret)
{
	if (reader->at < reader->end && *reader->at < 0x80) {
		*ret = *reader->at++;
		return true;
	}
	return read_long_length(reader, ret);
}

static bool read_count(struct reader *reader, size_t least, uint32_t *ret)
{
	if (!read_length(reader, ret) || *ret > reader->budget / least)
		return false;
	reader->budget -= *ret * least;
	return true;
}

static bool read_bytes(struct reader *reader, const uint8_t **ret, uint32_t *ret_length)
{
	uint32_t length;
	if (!read_length(reader, &length) || length > (size_t)(reader->end - reader->at))
		return false;
	*ret = reader->at;
	*ret_length = length;
	reader->at += length;
	return true;
}

static bool take(struct reader *reader, uint32_t count, size_t size, void **ret)
{
	*ret = count ? ddb_arena_array(reader->arena, count, size) : NULL;
	reader->no_memory = count && !*ret;
	return !reader->no_memory;
}

static bool is_text(const void *bytes, uint32_t length)
{
	return ddb_utf8_prefix(bytes, length) == length;
}

static bool read_scalar(struct reader *reader, enum ddb_type type, struct ddb_value *ret)
{
	ret->type = (uint8_t)type;
	if (!read_bytes(reader, &ret->bytes, &ret->count))
		return false;
	if (type == DDB_S)
		return is_text(ret->bytes, ret->count);
	return type == DDB_B || ddb_number_valid(ret->bytes, ret->count);
}

static bool read_bool(struct reader *reader, struct ddb_value *ret)
{
	uint8_t byte;
	if (!read_byte(reader, &byte) || byte > 1)
		return false;
	ret->boolean = byte;
	return true;
}

static bool read_set(struct reader *reader, enum ddb_type type, struct ddb_value *ret)
{
	void *elements;
	if (!read_count(reader, 1, &ret->count) || !ret->count)
		return false;
	if (!take(reader, ret->count, sizeof(*ret->elements), &elements))
		return false;
	ret->elements = elements;
	for (uint32_t i = 0; i < ret->count; i++) {
		ret->elements[i] = (struct ddb_value){0};
		if (!read_scalar(reader, type, &ret->elements[i]))
			return false;
		if (i && ddb_scalar_compare(&ret->elements[i - 1], &ret->elements[i]) >= 0)
			return false;
	}
	return true;
}

static bool read_value(struct reader *reader, unsigned levels, struct ddb_value *ret);

static bool read_list(struct reader *reader, unsigned levels, struct ddb_value *ret)
{
	void *elements;
	if (!read_count(reader, 1, &ret->count) ||
		!take(reader, ret->count, sizeof(*ret->elements), &elements))
		return false;
	ret->elements = elements;
	for (uint32_t i = 0; i < ret->count; i++) {
		if (!read_value(reader, levels - 1, &ret->elements[i]))
			return false;
	}
	return true;
}

static bool read_name(struct reader *reader, bool outermost, struct ddb_attribute *ret)
{
	const uint8_t *name;
	uint32_t length;
	if (!read_bytes(reader, &name, &length) || length > DDB_ATTRIBUTE_NAME_MAX)
		return false;
	ret->name = (const char *)name;
	ret->name_length = length;
	uint32_t stand_in = outermost && length && name[0] == STAND_IN;
	return is_text(name + stand_in, length - stand_in);
}

static bool names_rise(const struct ddb_attribute *a, const struct ddb_attribute *b)
{
	size_t common = a->name_length < b->name_length ? a->name_length : b->name_length;
	int order = memcmp(a->name, b->name, common);
	return order < 0 || (order == 0 && a->name_length < b->name_length);
}

static bool read_map(struct reader *reader, unsigned levels, struct ddb_value *ret)
{
	void *attributes;
	if (!read_count(reader, 2, &ret->count) ||
		!take(reader, ret->count, sizeof(*ret->attributes), &attributes))
		return false;
	ret->attributes = attributes;
	bool outermost = levels == DDB_NESTING_MAX + 1;
	for (uint32_t i = 0; i < ret->count; i++) {
		struct ddb_attribute *attribute = &ret->attributes[i];
		if (!read_name(reader, outermost, attribute))
			return false;
		if (i && !names_rise(attribute - 1, attribute))
			return false;
		if (!read_value(reader, levels - 1, &attribute->value))
			return false;
	}
	return true;
}

/* `levels`: how many the value and what is in it may have. */
static bool read_value(struct reader *reader, unsigned levels, struct ddb_value *ret)
{
	uint8_t type;
	if (!levels || !read_byte(reader, &type))
		return false;
	*ret = (struct ddb_value){.type = type};
	switch ((enum ddb_type)type) {
	case DDB_S:
	case DDB_N:
	case DDB_B:
		return read_scalar(reader, (enum ddb_type)type, ret);
	case DDB_BOOL:
		return read_bool(reader, ret);
	case DDB_NULL:
		return true;
	case DDB_L:
		return read_list(reader, levels, ret);
	case DDB_M:
		return read_map(reader, levels, ret);
	case DDB_SS:
		return read_set(reader, DDB_S, ret);
	case DDB_NS:
		return read_set(reader, DDB_N, ret);
	case DDB_BS:
		return read_set(reader, DDB_B, ret);
	}
	return false;
}

enum ddb_code ddb_record_read(struct ddb_arena *arena, const uint8_t *bytes, size_t length,
	struct ddb_value *ret, struct ddb_error *err)
{
	struct reader reader = {.arena = arena, .at = bytes, .end = bytes + length, .budget = length};
	struct ddb_value value;
	uint8_t version;
	if (!read_byte(&reader, &version))
		return ddb_fail(err, DDB_DAMAGED, "The record is empty");
	if (version != VERSION)
		return ddb_fail(err, DDB_DAMAGED, "The record has the unknown version %u", version);
	/* An item is level 0 of its nesting: its attributes' values are level 1. */
	if (!read_value(&reader, DDB_NESTING_MAX + 1, &value)) {
		if (reader.no_memory)
			return ddb_fail_memory(err);
		return ddb_fail(err, DDB_DAMAGED, "The record is damaged");
	}
	if (reader.at != reader.end)
		return ddb_fail(err, DDB_DAMAGED, "The record is damaged: it goes on behind its value");
	*ret = value;
	return DDB_OK;
}
