/*
 * What the tests of secondary indexes share: all indexes of a table, as the store has them, against what a
 * naive recomputation from the table's items says, in membership, order, contents, counts, partitions and
 * aliases.
 */
#ifndef LOCAL_INDEX_FIXTURE_H
#define LOCAL_INDEX_FIXTURE_H

#include "local_fixture.h"

#include "engine/local/index/fill.h"
#include "engine/local/partition.h"

struct items { /* of a table */
	size_t count, room;
	struct ddb_entry *entries;
};

HELPER struct ddb_value key_in(
	struct fixture *f, const struct ddb_definition *definition, struct ddb_value item)
{
	struct ddb_value key = {.type = DDB_M};
	const struct ddb_key_attribute *parts[] = {&definition->hash, &definition->range};
	for (unsigned i = 0; i < 1u + definition->has_range; i++)
		key = with(&f->arena, &key, parts[i]->name,
			*ddb_map_get(&item, parts[i]->name, parts[i]->name_length));
	return key;
}

HELPER struct items all_items(struct fixture *f, const char *table)
{
	struct items all = {.room = 20000};
	struct ddb_page page;
	struct ddb_query request = {.table = table};
	struct ddb_value start;
	DDB_TABLE_AUTO struct ddb_table *shown = NULL;
	assert_ok(f, OP(f->engine, describe_table, table, &shown, &f->err));
	all.entries = ddb_arena_array(&f->arena, all.room, sizeof *all.entries);
	do {
		page = query(f, request);
		for (size_t i = 0; i < page.count; i++)
			all.entries[all.count++] = page.entries[i];
		if (page.more) {
			start = key_in(f, shown->definition, page.entries[page.count - 1].item);
			request.start = &start;
		}
	} while (page.more);
	return all;
}

/* ---- The naive side ---- */

struct wanted { /* an entry, or nothing */
	const struct ddb_entry *item;
	struct ddb_value partition[4], sort[4], projected;
	struct local_key key;
};

HELPER bool fits(const struct ddb_value *value, const struct ddb_key_attribute *attribute)
{
	return value && value->type == attribute->type && value->count > 0;
}

HELPER struct ddb_value naive_projection(struct fixture *f, const struct ddb_definition *definition,
	const struct ddb_index_definition *index, const struct ddb_value *item)
{
	struct ddb_value result = {.type = DDB_M};
	for (uint32_t i = 0; i < item->count; i++) {
		const struct ddb_attribute *attribute = &item->attributes[i];
		char *name = ddb_arena_copy(&f->arena, attribute->name, attribute->name_length);
		bool wanted = index->projection == DDB_PROJECT_ALL || !strcmp(name, definition->hash.name) ||
			      (definition->has_range && !strcmp(name, definition->range.name));
		for (unsigned k = 0; k < index->hash_count; k++)
			wanted |= !strcmp(name, index->hash[k].name);
		for (unsigned k = 0; k < index->range_count; k++)
			wanted |= !strcmp(name, index->range[k].name);
		for (unsigned k = 0; k < index->include_count; k++)
			wanted |= !strcmp(name, index->include[k]);
		if (wanted)
			result = with(&f->arena, &result, name, attribute->value);
	}
	return result;
}

HELPER bool naive_entry(struct fixture *f, const struct local_table *table,
	const struct ddb_index_definition *index, const struct ddb_entry *item, struct wanted *ret)
{
	size_t hash_bytes = 0, range_bytes = 0;
	ret->item = item;
	for (unsigned i = 0; i < index->hash_count; i++) {
		const struct ddb_value *value =
			ddb_map_get(&item->item, index->hash[i].name, index->hash[i].name_length);
		if (!fits(value, &index->hash[i]))
			return false;
		ret->partition[i] = *value;
		hash_bytes += value->count;
	}
	for (unsigned i = 0; i < index->range_count; i++) {
		const struct ddb_value *value =
			ddb_map_get(&item->item, index->range[i].name, index->range[i].name_length);
		if (!fits(value, &index->range[i]))
			return false;
		ret->sort[i] = *value;
		range_bytes += value->count;
	}
	ret->projected = naive_projection(f, table->table->definition, index, &item->item);
	assert_ok(f, local_key_of_item(local_of(f->engine)->store, table->table, table->space, &item->item,
			     &ret->key, &f->err));
	return hash_bytes <= DDB_HASH_KEY_MAX && range_bytes <= DDB_RANGE_KEY_MAX;
}

/* Of two entries of one partition. */
HELPER int naive_order(
	const struct ddb_index_definition *index, const struct wanted *a, const struct wanted *b)
{
	for (unsigned i = 0; i < index->range_count; i++) {
		int order = ddb_scalar_compare(&a->sort[i], &b->sort[i]);
		if (order)
			return order;
	}
	size_t shorter = a->key.length < b->key.length ? a->key.length : b->key.length;
	int order = memcmp(a->key.bytes, b->key.bytes, shorter);
	return order ? order : (a->key.length > b->key.length) - (a->key.length < b->key.length);
}

HELPER bool same_partition(
	const struct ddb_index_definition *index, const struct wanted *a, const struct wanted *b)
{
	for (unsigned i = 0; i < index->hash_count; i++)
		if (!ddb_value_equal(&a->partition[i], &b->partition[i]))
			return false;
	return true;
}

/* ---- The store's side ---- */

struct stored { /* an entry, or (header) a partition */
	bool header;
	uint8_t *key;
	size_t length;
	struct ddb_value value; /* the projected attributes, or the partition's value */
	struct ddb_meta meta;
	const uint8_t *copy;
	size_t copy_length;
};

struct dump {
	size_t count;
	struct stored *entries;
};

HELPER struct dump dump_index(struct fixture *f, const struct local_table *table, unsigned position)
{
	struct dump dump = {.entries = ddb_arena_array(&f->arena, 20000, sizeof *dump.entries)};
	const struct ddb_index_definition *index = &table->table->definition->indexes[position];
	struct store_txn *view;
	struct store_cursor *cursor;
	uint8_t prefix[LOCAL_SPACE_BYTES];
	bool found;
	local_space_key(LOCAL_ENTRY, table->indexes[position].space, prefix);
	assert_ok(f, store_view(local_of(f->engine)->store, &view, &f->err));
	assert_ok(f, store_cursor_open(view, &cursor, &f->err));
	assert_ok(f, store_cursor_seek(cursor, prefix, sizeof prefix, &found, &f->err));
	while (found) {
		struct stored *entry = &dump.entries[dump.count++];
		struct store_value value;
		const uint8_t *key;
		store_cursor_key(cursor, &key, &entry->length);
		if (entry->length < sizeof prefix || memcmp(key, prefix, sizeof prefix) != 0) {
			dump.count--;
			break;
		}
		entry->key = ddb_arena_copy(&f->arena, key, entry->length);
		entry->header = entry->length == LOCAL_PREFIX_BYTES;
		assert_ok(f, store_cursor_value(cursor, &f->arena, true, &value, &f->err));
		if (entry->header) {
			assert_ok(f,
				local_index_header_value(&f->arena, index, &value, &entry->value, &f->err));
		} else {
			assert_ok(f, local_head_decode(value.head, value.head_length, &entry->meta,
					     &entry->copy, &entry->copy_length, &f->err));
			assert_ok(f, local_body_decode(&f->arena, value.body, value.body_length,
					     &entry->value, &f->err));
		}
		assert_ok(f, store_cursor_next(cursor, &found, &f->err));
	}
	store_cursor_close(cursor);
	store_view_end(view);
	return dump;
}

/* ---- One against the other ---- */

HELPER void assert_aliased(struct fixture *f, struct ddb_find_alias request, const struct ddb_value *wanted)
{
	struct ddb_value told;
	assert_ok(f, OP(f->engine, find_alias, &f->arena, &request, &told, &f->err));
	assert_true(ddb_value_equal(&told, wanted));
}

HELPER void assert_entry(struct fixture *f, const struct local_table *table, unsigned position,
	const struct wanted *wanted, const struct stored *stored, const struct ddb_value *partition)
{
	const struct ddb_index_definition *index = &table->table->definition->indexes[position];
	uint32_t rendered[2];
	struct ddb_value key = {.type = 0}, read = {.type = 0};
	struct local_key item;
	bool known;
	assert_true(ddb_value_equal(&stored->value, &wanted->projected));
	assert_int_equal(stored->meta.serial, wanted->item->meta.serial);
	assert_int_equal(stored->meta.size, ddb_item_size(&wanted->projected));
	assert_true(stored->meta.version > 0 && stored->meta.version <= wanted->item->meta.version);
	measure(table->table, &wanted->projected, rendered);
	assert_memory_equal(stored->meta.rendered, rendered, sizeof rendered);
	assert_ok(f, local_entry_item(table, position, stored->key, stored->length, &item, &f->err));
	assert_int_equal(item.length, wanted->key.length);
	assert_memory_equal(item.bytes, wanted->key.bytes, item.length);
	assert_ok(f, local_entry_key_map(&f->arena, table, index, &stored->value, &key, &f->err));
	assert_ok(f, local_entry_key_read(&f->arena, table, position, partition, stored->key, stored->length,
			     stored->copy, stored->copy_length, &read, &known, &f->err));
	assert_true(known ? ddb_value_equal(&key, &read) : wanted->key.hash.count > LOCAL_ENTRY_COPY_MAX);
	struct local_entry_key place;
	assert_ok(f,
		local_entry_key_of_map(local_of(f->engine)->store, table, position, &key, &place, &f->err));
	assert_int_equal(place.length, stored->length);
	assert_memory_equal(place.bytes, stored->key, place.length);
	struct ddb_find_alias request = {.table = table->table->name, .index = index->name, .entry = true};
	if (entry_alias(table->table, index, &key, request.alias))
		assert_aliased(f, request, &key);
}

HELPER void assert_partition(struct fixture *f, const struct local_table *table,
	const struct ddb_index_definition *index, const struct stored *header)
{
	struct ddb_partition partition;
	assert_ok(f, OP(f->engine, get_partition, table->table->name, index->name, &header->value, &partition,
			     &f->err));
	assert_true(ddb_value_equal(&partition.key, &header->value) && partition.serial > 0);
	struct ddb_find_alias request = {.table = table->table->name, .index = index->name};
	if (index_alias(table->table, index, &header->value, request.alias))
		assert_aliased(f, request, &header->value);
}

/* As many as the store's headers, in their order, whatever the size of the pages. */
HELPER void assert_partitions(struct fixture *f, const struct local_table *table,
	const struct ddb_index_definition *index, const struct dump *dump, uint32_t limit)
{
	struct ddb_list_partitions request = {
		.table = table->table->name, .index = index->name, .limit = limit};
	struct ddb_partitions page = {.count = 0};
	size_t at = 0;
	assert_ok(f, OP(f->engine, list_partitions, &f->arena, &request, &page, &f->err));
	for (size_t i = 0; i < dump->count; i++) {
		if (!dump->entries[i].header)
			continue;
		if (at == page.count) {
			assert_true(page.more);
			request.after = &page.partitions[page.count - 1].key;
			assert_ok(f, OP(f->engine, list_partitions, &f->arena, &request, &page, &f->err));
			at = 0;
		}
		assert_true(at < page.count);
		assert_true(ddb_value_equal(&page.partitions[at++].key, &dump->entries[i].value));
	}
	assert_true(at == page.count && !page.more && page.damaged == 0);
}

/* The entries of `items` that come in this partition, in naive order. */
HELPER size_t wanted_of(struct fixture *f, const struct local_table *table, unsigned position,
	const struct items *items, const struct ddb_value *partition, struct wanted *ret)
{
	const struct ddb_index_definition *index = &table->table->definition->indexes[position];
	size_t count = 0;
	struct wanted like = {.item = NULL};
	for (unsigned i = 0; i < index->hash_count; i++)
		like.partition[i] = index->hash_count == 1 ? *partition : partition->elements[i];
	for (size_t i = 0; i < items->count; i++) {
		struct wanted entry;
		if (!naive_entry(f, table, index, &items->entries[i], &entry) ||
			!same_partition(index, &entry, &like))
			continue;
		size_t at = count++;
		for (; at > 0 && naive_order(index, &ret[at - 1], &entry) > 0; at--)
			ret[at] = ret[at - 1];
		ret[at] = entry;
	}
	return count;
}

HELPER void assert_index(
	struct fixture *f, const struct local_table *table, unsigned position, const struct items *items)
{
	const struct ddb_index_definition *index = &table->table->definition->indexes[position];
	struct dump dump = dump_index(f, table, position);
	struct ddb_table_counts told = counts(f, table->table->name);
	struct wanted *wanted = calloc(items->count + 1, sizeof *wanted);
	size_t due = 0, entries = 0, bytes = 0;
	for (size_t i = 0; i < items->count; i++)
		due += naive_entry(f, table, index, &items->entries[i], wanted);
	for (size_t i = 0; i < dump.count;) {
		const struct stored *header = &dump.entries[i++];
		assert_true(header->header);
		assert_partition(f, table, index, header);
		size_t count = wanted_of(f, table, position, items, &header->value, wanted);
		assert_true(count > 0);
		for (size_t k = 0; k < count; k++, i++) {
			assert_true(i < dump.count && !dump.entries[i].header);
			assert_entry(f, table, position, &wanted[k], &dump.entries[i], &header->value);
			bytes += dump.entries[i].meta.size;
		}
		entries += count;
	}
	free(wanted);
	assert_int_equal(entries, due);
	assert_int_equal(told.indexes[position].entries, entries);
	assert_int_equal(told.indexes[position].bytes, bytes);
	assert_partitions(f, table, index, &dump, 0);
	assert_partitions(f, table, index, &dump, 3);
}

HELPER struct local_table *find_table(struct fixture *f, const char *name)
{
	struct local_table *table = NULL;
	assert_ok(f, local_table_find(local_of(f->engine), name, &table, &f->err));
	return table;
}

/* All of a table. What the arena holds is forgotten at its end. */
HELPER void assert_indexes(struct fixture *f, const char *name)
{
	LOCAL_TABLE_AUTO struct local_table *table = find_table(f, name);
	struct items items = all_items(f, name);
	for (unsigned i = 0; i < local_index_count(table); i++)
		assert_index(f, table, i, &items);
	for (size_t i = 0; i < items.count; i++) {
		struct ddb_value key = key_in(f, table->table->definition, items.entries[i].item);
		struct ddb_find_alias request = {.table = name, .entry = true};
		if (entry_alias(table->table, NULL, &key, request.alias))
			assert_aliased(f, request, &key);
	}
	assert_sound(f);
	ddb_arena_reset(&f->arena);
}

/* Polls until no index of the table is CREATING. */
HELPER void wait_active(struct fixture *f, const char *name)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	for (unsigned tries = 0; tries < 60000; tries++) {
		LOCAL_TABLE_AUTO struct local_table *table = find_table(f, name);
		if (!local_table_pending(table))
			return;
		nanosleep(&pause, NULL);
	}
	fail_msg("the indexes of %s are still being made", name);
}

#endif
