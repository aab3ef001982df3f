/*
 * What Query and Scan must answer, the naive way: items in an array, every one asked. For tests of the local
 * engine. Ties on an index's key have an order of the engine's own, which must be the same in every page, so
 * an answer is compared with the sorted model where that decides, and with the answer in one page elsewhere.
 */
#ifndef QUERY_MODEL_H
#define QUERY_MODEL_H

#include "local_fixture.h"

enum { MODEL_PARTITIONS = 4, MODEL_SLOTS = 48, MODEL_EACH = MODEL_SLOTS / MODEL_PARTITIONS };

struct model {
	struct fixture *f;
	const char *table;
	struct ddb_definition *definition;
	struct ddb_index_definition whole; /* the table as if it were an index */
	bool there[MODEL_SLOTS];
	struct ddb_value items[MODEL_SLOTS];
	uint64_t random;
};

HELPER unsigned model_random(struct model *model, unsigned below)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return (unsigned)(model->random >> 33) % below;
}

HELPER void model_init(
	struct model *model, struct fixture *f, const char *table, const char *definition, uint64_t seed)
{
	*model = (struct model){.f = f, .table = table, .random = seed};
	model->definition = definition_read(f, definition);
	model->whole = (struct ddb_index_definition){.hash_count = 1,
		.range_count = model->definition->has_range,
		.hash = {model->definition->hash},
		.range = {model->definition->range}};
	assert_ok(f, OP(f->engine, create_table, table, model->definition, &f->err));
}

HELPER void model_done(struct model *model)
{
	ddb_definition_unref(model->definition);
}

/* ---- Items ---- */

static const struct {
	const char *bytes;
	size_t length;
} model_bytes[] = {{"a", 1}, {"a\0", 2}, {"a\0\0", 3}, {"a\0b", 3}, {"a\x01", 2}, {"aa", 2}, {"\0", 1},
	{"\xff", 1}, {"\xff\xff", 2}, {"\0\xff", 2}, {"b", 1}};
static const char *const model_numbers[] = {"N:-1e100", "N:-2", "N:-1.5", "N:0", "N:1", "N:1.01", "N:100"};
enum {
	MODEL_BYTES = sizeof model_bytes / sizeof *model_bytes,
	MODEL_NUMBERS = sizeof model_numbers / sizeof *model_numbers,
};

HELPER struct ddb_value model_value(struct model *model, enum ddb_type type)
{
	if (type == DDB_N)
		return text_value(&model->f->arena, model_numbers[model_random(model, MODEL_NUMBERS)]);
	unsigned at = model_random(model, MODEL_BYTES);
	if (type == DDB_B)
		return ddb_binary(model_bytes[at].bytes, model_bytes[at].length);
	return ddb_string(model_bytes[at].length > 1 ? "aab" : "a", 1 + at % 3);
}

HELPER const struct ddb_value *attribute_of(
	const struct ddb_value *item, const struct ddb_key_attribute *attribute)
{
	return ddb_map_get(item, attribute->name, attribute->name_length);
}

/* The key of a slot: pk is S or N, sk (if any) N. */
HELPER struct ddb_value model_key(struct model *model, unsigned slot)
{
	bool composite = model->definition->has_range;
	unsigned number = composite ? slot / MODEL_EACH : slot;
	struct ddb_value key = {.type = DDB_M}, pk = int_value(&model->f->arena, number);
	if (model->definition->hash.type == DDB_S) {
		const char *text = ddb_arena_copy(&model->f->arena, &"abcdefgh"[number], 1);
		pk = ddb_string(text, 1);
	}
	key = with(&model->f->arena, &key, "pk", pk);
	if (composite)
		key = with(&model->f->arena, &key, "sk", int_value(&model->f->arena, slot % MODEL_EACH));
	return key;
}

HELPER unsigned slot_of(struct model *model, const struct ddb_value *item)
{
	for (unsigned slot = 0; slot < MODEL_SLOTS; slot++) {
		struct ddb_value *key = &model->items[slot];
		const struct ddb_definition *definition = model->definition;
		if (!model->there[slot] || !ddb_value_equal(attribute_of(key, &definition->hash),
						   attribute_of(item, &definition->hash)))
			continue;
		if (!definition->has_range || ddb_value_equal(attribute_of(key, &definition->range),
						      attribute_of(item, &definition->range)))
			return slot;
	}
	fail_msg("an item that nobody put");
	return 0;
}

/* a: S, b: B, n: N, each often absent; x and y: not in any key. */
HELPER void model_put(struct model *model, unsigned slot)
{
	static const struct {
		const char *name;
		enum ddb_type type;
	} rest[] = {{"a", DDB_S}, {"b", DDB_B}, {"n", DDB_N}, {"x", DDB_S}, {"y", DDB_N}};
	struct ddb_arena *arena = &model->f->arena;
	struct ddb_value item = model_key(model, slot);
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		if (model_random(model, 5) > 0)
			item = with(arena, &item, rest[i].name, model_value(model, rest[i].type));
	put(model->f, model->table, item);
	model->there[slot] = true;
	model->items[slot] = item;
}

HELPER void model_delete(struct model *model, unsigned slot)
{
	assert_int_equal(delete (model->f, model->table, model_key(model, slot)), model->there[slot]);
	model->there[slot] = false;
}

/* ---- What is asked ---- */

HELPER const struct ddb_index_definition *model_index(const struct model *model, const char *name)
{
	return name ? ddb_definition_index(model->definition, name) : &model->whole;
}

HELPER bool model_indexed(const struct ddb_index_definition *index, const struct ddb_value *item)
{
	for (unsigned i = 0; i < index->hash_count; i++)
		if (!attribute_of(item, &index->hash[i]))
			return false;
	for (unsigned i = 0; i < index->range_count; i++)
		if (!attribute_of(item, &index->range[i]))
			return false;
	return true;
}

HELPER const struct ddb_value *part_of(
	const struct ddb_index_definition *index, const struct ddb_value *partition, unsigned position)
{
	return index->hash_count == 1 ? partition : &partition->elements[position];
}

HELPER bool model_begins(const struct ddb_value *value, const struct ddb_value *begin)
{
	return value->count >= begin->count && memcmp(value->bytes, begin->bytes, begin->count) == 0;
}

HELPER bool model_matches(const struct ddb_index_definition *index, const struct ddb_key_range *range,
	const struct ddb_value *item)
{
	for (unsigned i = 0; i < index->hash_count; i++)
		if (!ddb_value_equal(
			    attribute_of(item, &index->hash[i]), part_of(index, &range->partition, i)))
			return false;
	for (unsigned i = 0; i < range->prefix_count; i++)
		if (!ddb_value_equal(attribute_of(item, &index->range[i]), &range->prefix[i]))
			return false;
	if (range->prefix_count == index->range_count)
		return true;
	const struct ddb_value *value = attribute_of(item, &index->range[range->prefix_count]);
	int low = range->lower.given ? ddb_scalar_compare(value, &range->lower.value) : 1,
	    high = range->upper.given ? ddb_scalar_compare(value, &range->upper.value) : -1;
	return (low > 0 || (low == 0 && range->lower.inclusive)) &&
	       (high < 0 || (high == 0 && range->upper.inclusive)) &&
	       (!range->has_begins_with || model_begins(value, &range->begins_with));
}

/* A range in which some items may be. */
HELPER struct ddb_key_range model_range(struct model *model, const struct ddb_index_definition *index)
{
	struct ddb_key_range range = {.prefix_count = 0};
	struct ddb_value item = {.type = DDB_M};
	for (unsigned i = 0; i < MODEL_SLOTS && !item.count; i++) {
		unsigned slot = model_random(model, MODEL_SLOTS);
		if (model->there[slot] && model_indexed(index, &model->items[slot]))
			item = model->items[slot];
	}
	struct ddb_value *parts = ddb_arena_array(&model->f->arena, index->hash_count, sizeof *parts);
	for (unsigned i = 0; i < index->hash_count; i++)
		parts[i] = item.count ? *attribute_of(&item, &index->hash[i])
				      : model_value(model, index->hash[i].type);
	range.partition =
		index->hash_count == 1
			? parts[0]
			: (struct ddb_value){.type = DDB_L, .count = index->hash_count, .elements = parts};
	range.prefix_count = model_random(model, 3) ? 0 : model_random(model, index->range_count + 1);
	for (unsigned i = 0; i < range.prefix_count; i++)
		range.prefix[i] = item.count ? *attribute_of(&item, &index->range[i])
					     : model_value(model, index->range[i].type);
	if (range.prefix_count == index->range_count)
		return range;
	enum ddb_type type = index->range[range.prefix_count].type;
	if (model_random(model, 3) == 0)
		range.lower = (struct ddb_bound){true, model_random(model, 2), model_value(model, type)};
	if (model_random(model, 3) == 0)
		range.upper = (struct ddb_bound){true, model_random(model, 2), model_value(model, type)};
	range.has_begins_with = type != DDB_N && model_random(model, 4) == 0;
	if (range.has_begins_with)
		range.begins_with = model_value(model, type);
	return range;
}

/* ---- What must come ---- */

HELPER bool model_is_key(const struct model *model, const struct ddb_index_definition *index,
	const struct ddb_attribute *attribute)
{
	const struct ddb_definition *definition = model->definition;
	const struct ddb_key_attribute *keys[2 + 2 * DDB_INDEX_KEY_PARTS_MAX] = {&definition->hash};
	unsigned count = 1;
	if (definition->has_range)
		keys[count++] = &definition->range;
	for (unsigned i = 0; i < index->hash_count; i++)
		keys[count++] = &index->hash[i];
	for (unsigned i = 0; i < index->range_count; i++)
		keys[count++] = &index->range[i];
	for (unsigned i = 0; i < count; i++)
		if (keys[i]->name_length == attribute->name_length &&
			memcmp(keys[i]->name, attribute->name, attribute->name_length) == 0)
			return true;
	return false;
}

/* The keys of table and index, and with `projected` what the index has beside. */
HELPER struct ddb_value model_part(struct model *model, const struct ddb_index_definition *index,
	const struct ddb_value *item, bool projected)
{
	struct ddb_value part = {.type = DDB_M};
	for (uint32_t i = 0; i < item->count; i++) {
		const struct ddb_attribute *attribute = &item->attributes[i];
		bool kept = model_is_key(model, index, attribute) ||
			    (projected && index->projection == DDB_PROJECT_ALL);
		for (unsigned k = 0; projected && !kept && k < index->include_count; k++)
			kept = strlen(index->include[k]) == attribute->name_length &&
			       memcmp(index->include[k], attribute->name, attribute->name_length) == 0;
		if (kept) {
			struct ddb_value *made = ddb_map_with(&model->f->arena, &part, attribute->name,
				attribute->name_length, &attribute->value);
			assert_non_null(made);
			part = *made;
		}
	}
	return part;
}

struct answer {
	size_t count;
	unsigned slots[MODEL_SLOTS];
	struct ddb_entry entries[MODEL_SLOTS];
};

HELPER struct answer model_answer(struct model *model, const struct ddb_query *query)
{
	const struct ddb_index_definition *index = model_index(model, query->index);
	struct answer answer = {.count = 0};
	for (unsigned slot = 0; slot < MODEL_SLOTS; slot++) {
		if (!model->there[slot] || !model_indexed(index, &model->items[slot]) ||
			(query->range && !model_matches(index, query->range, &model->items[slot])))
			continue;
		answer.slots[answer.count++] = slot;
	}
	return answer;
}

/* ---- What comes ---- */

/* Page after page; `limit` 0: one after another of a random limit. */
HELPER struct answer paged(struct model *model, struct ddb_query query, uint32_t limit)
{
	const struct ddb_index_definition *index = model_index(model, query.index);
	struct answer answer = {.count = 0};
	struct ddb_page page;
	do {
		query.limit = limit ? limit : 1 + model_random(model, 6);
		assert_ok(model->f,
			OP(model->f->engine, query, &model->f->arena, &query, &page, &model->f->err));
		assert_true(page.examined == page.count && page.count <= query.limit);
		bool restartable = index->range_count || index != &model->whole || !query.range;
		assert_int_equal(page.stopped, page.more || (page.count == query.limit && restartable));
		for (size_t i = 0; i < page.count; i++) {
			assert_true(answer.count < MODEL_SLOTS);
			answer.entries[answer.count] = page.entries[i];
			answer.slots[answer.count++] = slot_of(model, &page.entries[i].item);
		}
		if (!page.stopped)
			break;
		assert_true(page.count > 0);
		struct ddb_value last =
			model_part(model, index, &model->items[answer.slots[answer.count - 1]], false);
		assert_true(ddb_value_equal(&page.last, &last));
		query.start = ddb_arena_copy(&model->f->arena, &page.last, sizeof page.last);
	} while (page.more);
	return answer;
}

#endif
