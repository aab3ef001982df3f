#include "engine/local/index/index.h"

#include "engine/local/index/fill.h"
#include "engine/local/partition.h"
#include "engine/record.h"
#include <string.h>

enum {
	ENTRY_BODY_MAX = 16 << 20, /* bytes, as of an item's record */
	COLLECTION_VERSION = 1,
	COLLECTION_HEAD = 1 + 8,
};

bool local_has_indexes(const struct local_table *table)
{
	return local_index_count(table) > 0;
}

static bool has_local_indexes(const struct local_table *table)
{
	return local_has_indexes(table) && table->table->definition->indexes[0].local; /* local ones first */
}

enum ddb_code local_indexes_check(
	const struct local_table *table, const struct ddb_value *item, struct ddb_error *err)
{
	for (unsigned i = 0; i < local_index_count(table); i++) {
		struct local_index_values values;
		bool indexed;
		enum ddb_code code = local_index_values(
			&table->table->definition->indexes[i], item, &values, &indexed, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

/* ---- What a change does to one index ---- */

/* The entry of an item as it was, or as it will be. */
struct side {
	bool indexed;
	struct local_index_values values;
	struct ddb_value projected;
	size_t size;
};

struct entry_change {
	unsigned position;
	const struct ddb_index_definition *index;
	struct side old, new_;
	bool same_key;
};

struct item_change {
	struct local_job *job;
	const struct local_key *key;
	const struct ddb_meta *meta; /* of the new item, or NULL */
	bool same_item;              /* not one that took another's place */
	unsigned count;
	struct entry_change entries[LOCAL_INDEXES_MAX];
	int64_t collected; /* bytes that the item's collection grows by */
	uint64_t collected_max;
};

/* What cannot be in the index, such as what was there before the index, has no entry. */
static enum ddb_code take_side(struct local_job *job, const struct ddb_index_definition *index,
	const struct ddb_value *item, struct side *ret, struct ddb_error *err)
{
	ret->indexed = false;
	ret->size = 0;
	if (!item || local_index_values(index, item, &ret->values, &ret->indexed, NULL))
		ret->indexed = false;
	if (!ret->indexed)
		return DDB_OK;
	enum ddb_code code = local_entry_project(
		&job->arena, job->table->table->definition, index, item, &ret->projected, err);
	if (!code)
		ret->size = ddb_item_size(&ret->projected);
	return code;
}

static bool same_values(const struct ddb_index_definition *index, const struct local_index_values *a,
	const struct local_index_values *b)
{
	for (unsigned i = 0; i < index->hash_count; i++)
		if (!ddb_value_equal(&a->hash[i], &b->hash[i]))
			return false;
	for (unsigned i = 0; i < index->range_count; i++)
		if (!ddb_value_equal(&a->range[i], &b->range[i]))
			return false;
	return true;
}

/* Adds what changes in that index, if anything. */
static enum ddb_code plan_index(struct item_change *change, unsigned position, const struct ddb_value *old,
	const struct ddb_value *new_, struct ddb_error *err)
{
	struct entry_change *entry = &change->entries[change->count];
	struct side *before = &entry->old, *after = &entry->new_;
	entry->position = position;
	entry->index = &change->job->table->table->definition->indexes[position];
	enum ddb_code code = take_side(change->job, entry->index, old, before, err);
	if (!code)
		code = take_side(change->job, entry->index, new_, after, err);
	if (code || (!before->indexed && !after->indexed))
		return code;
	entry->same_key = before->indexed && after->indexed &&
			  same_values(entry->index, &before->values, &after->values);
	if (entry->same_key && change->same_item && ddb_value_equal(&before->projected, &after->projected))
		return DDB_OK;
	if (entry->index->local)
		change->collected += (int64_t)after->size - (int64_t)before->size;
	change->count++;
	return DDB_OK;
}

static enum ddb_code plan(struct item_change *change, const struct ddb_value *old,
	const struct ddb_value *new_, struct ddb_error *err)
{
	const struct local_table *table = change->job->table;
	for (unsigned i = 0; i < local_index_count(table); i++) {
		bool mine;
		enum ddb_code code = local_fill_passed(change->job->txn, table, i, change->key, &mine, err);
		if (!code && mine)
			code = plan_index(change, i, old, new_, err);
		if (code)
			return code;
	}
	return DDB_OK;
}

/* ---- Item collections ---- */

static void collection_key(const struct local_key *key, uint8_t ret[LOCAL_PREFIX_BYTES])
{
	memcpy(ret, key->bytes, LOCAL_PREFIX_BYTES);
	ret[0] = LOCAL_COLLECTION;
}

enum ddb_code local_collection_bytes(struct store_txn *txn, const struct local_table *table,
	const struct local_key *key, uint64_t *ret, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	uint8_t place[LOCAL_PREFIX_BYTES];
	struct store_value value;
	bool found;
	*ret = 0;
	if (!has_local_indexes(table))
		return DDB_OK;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	collection_key(key, place);
	enum ddb_code code = local_get(txn, &arena, place, sizeof place, false, &value, &found, err);
	if (code || !found)
		return code;
	if (value.head_length != COLLECTION_HEAD || value.head[0] != COLLECTION_VERSION)
		return local_damaged(err, "bytes of an item collection");
	*ret = local_read_le(value.head + 1, 8);
	return DDB_OK;
}

enum ddb_code local_collection_write(
	struct store_txn *txn, const struct local_key *key, uint64_t bytes, struct ddb_error *err)
{
	uint8_t place[LOCAL_PREFIX_BYTES], head[COLLECTION_HEAD] = {COLLECTION_VERSION};
	collection_key(key, place);
	if (bytes == 0)
		return store_delete(txn, place, sizeof place, NULL, err);
	local_write_le(head + 1, bytes, 8);
	return store_put(txn, place, sizeof place, head, sizeof head, NULL, 0, err);
}

enum ddb_code local_collection_add(struct local_job *job, const struct local_key *key, int64_t bytes,
	uint64_t most, struct ddb_error *err)
{
	uint64_t sum;
	if (bytes == 0 || !has_local_indexes(job->table))
		return DDB_OK;
	enum ddb_code code = local_collection_bytes(job->txn, job->table, key, &sum, err);
	if (code)
		return code;
	if (bytes > 0 && sum + (uint64_t)bytes > most)
		return ddb_fail(err, DDB_ITEM_COLLECTION_TOO_LARGE, "Item collection size limit exceeded");
	return local_collection_write(job->txn, key, sum + (uint64_t)bytes, err);
}

/* ---- Entries ---- */

static enum ddb_code write_entry(struct item_change *change, const struct entry_change *entry,
	const struct local_entry_key *place, struct ddb_error *err)
{
	struct local_job *job = change->job;
	const struct ddb_value *projected = &entry->new_.projected;
	uint8_t head[LOCAL_ENTRY_HEAD_MAX];
	struct ddb_meta meta = *change->meta;
	DDB_BUFFER_AUTO struct ddb_buffer body = {0};
	ddb_buffer_init(&body, ENTRY_BODY_MAX);
	ddb_record_write(projected, &body);
	if (body.failed)
		return ddb_fail_memory(err);
	meta.size = (uint32_t)entry->new_.size;
	local_measure(job->engine, job->table->table, projected, meta.rendered);
	size_t head_length = local_entry_head(&meta, &change->key->hash, head);
	return store_put(
		job->txn, place->bytes, place->length, head, head_length, body.bytes, body.length, err);
}

static enum ddb_code enter_aliases(struct item_change *change, const struct entry_change *entry,
	const struct ddb_value *partition, bool new_partition, struct ddb_error *err)
{
	struct local_job *job = change->job;
	uint8_t place[LOCAL_SPACE_ALIAS_BYTES];
	struct ddb_value map;
	size_t length = 0;
	enum ddb_code code = DDB_OK;
	if (new_partition)
		length = local_index_alias_key(job->engine, job->table, entry->position, partition, place);
	if (length > 0)
		code = local_alias_write(job->txn, place, length, partition, err);
	if (!code)
		code = local_entry_key_map(
			&job->arena, job->table, entry->index, &entry->new_.projected, &map, err);
	if (code)
		return code;
	length = local_entry_alias_key(job->engine, job->table, entry->index,
		job->table->indexes[entry->position].space, &map, place);
	return length == 0 ? DDB_OK : local_alias_write(job->txn, place, length, &map, err);
}

static enum ddb_code leave_aliases(struct item_change *change, const struct entry_change *entry,
	const struct ddb_value *partition, bool last, struct ddb_error *err)
{
	struct local_job *job = change->job;
	uint8_t place[LOCAL_SPACE_ALIAS_BYTES];
	struct ddb_value map;
	size_t length = 0;
	if (last)
		length = local_index_alias_key(job->engine, job->table, entry->position, partition, place);
	enum ddb_code code = length == 0 ? DDB_OK : store_delete(job->txn, place, length, NULL, err);
	if (!code)
		code = local_entry_key_map(
			&job->arena, job->table, entry->index, &entry->old.projected, &map, err);
	if (code)
		return code;
	length = local_entry_alias_key(job->engine, job->table, entry->index,
		job->table->indexes[entry->position].space, &map, place);
	return length == 0 ? DDB_OK : store_delete(job->txn, place, length, NULL, err);
}

static void entry_place(const struct item_change *change, const struct entry_change *entry,
	const struct side *side, struct local_entry_key *ret)
{
	local_entry_key_make(change->job->engine->store, entry->index,
		change->job->table->indexes[entry->position].space, &side->values, change->key, ret);
}

/* A new entry, or other attributes in one that stays where it is. */
static enum ddb_code enter_entry(
	struct item_change *change, struct entry_change *entry, struct ddb_error *err)
{
	struct local_job *job = change->job;
	struct local_index_counters *counters = &job->counters.indexes[entry->position];
	struct ddb_value partition = local_index_partition(entry->index, &entry->new_.values);
	struct local_entry_key place;
	bool new_partition;
	entry_place(change, entry, &entry->new_, &place);
	counters->entries += !entry->same_key;
	counters->bytes += entry->new_.size - (entry->same_key ? entry->old.size : 0);
	job->counted = true;
	enum ddb_code code = write_entry(change, entry, &place, err);
	if (code || entry->same_key)
		return code;
	code = local_header_enter(job, place.bytes, &partition, NULL, &new_partition, err);
	return code ? code : enter_aliases(change, entry, &partition, new_partition, err);
}

static enum ddb_code leave_entry(
	struct item_change *change, struct entry_change *entry, struct ddb_error *err)
{
	struct local_job *job = change->job;
	struct local_index_counters *counters = &job->counters.indexes[entry->position];
	struct ddb_value partition = local_index_partition(entry->index, &entry->old.values);
	struct local_entry_key place;
	bool last;
	entry_place(change, entry, &entry->old, &place);
	counters->entries--;
	counters->bytes -= entry->old.size;
	job->counted = true;
	enum ddb_code code = store_delete(job->txn, place.bytes, place.length, NULL, err);
	if (!code)
		code = local_partition_empty(job->txn, place.bytes, &last, err);
	if (!code && last)
		code = store_delete(job->txn, place.bytes, LOCAL_PREFIX_BYTES, NULL, err);
	return code ? code : leave_aliases(change, entry, &partition, last, err);
}

/* The new place is entered before the old one is left, so that a partition that has both keeps its header. */
static enum ddb_code apply_entry(
	struct item_change *change, struct entry_change *entry, struct ddb_error *err)
{
	enum ddb_code code = entry->new_.indexed ? enter_entry(change, entry, err) : DDB_OK;
	if (code || !entry->old.indexed || entry->same_key)
		return code;
	return leave_entry(change, entry, err);
}

static enum ddb_code apply(struct item_change *change, struct ddb_error *err)
{
	enum ddb_code code =
		local_collection_add(change->job, change->key, change->collected, change->collected_max, err);
	for (unsigned i = 0; !code && i < change->count; i++)
		code = apply_entry(change, &change->entries[i], err);
	return code;
}

static void charge(const struct item_change *change, struct local_consumed *consumed)
{
	for (unsigned i = 0; consumed && i < change->count; i++) {
		const struct entry_change *entry = &change->entries[i];
		uint64_t *sum = &consumed->indexes[entry->position];
		if (entry->same_key)
			*sum += local_write_half_units(entry->old.size, entry->new_.size);
		else if (entry->new_.indexed)
			*sum += local_write_half_units(0, entry->new_.size);
		if (!entry->same_key && entry->old.indexed)
			*sum += local_write_half_units(entry->old.size, 0);
	}
}

enum ddb_code local_indexes_change(struct local_job *job, const struct local_key *key,
	const struct ddb_value *old, const struct ddb_meta *old_meta, const struct ddb_value *new_,
	const struct ddb_meta *new_meta, struct local_consumed *consumed, struct ddb_error *err)
{
	struct item_change change = {
		.job = job, .key = key, .meta = new_meta, .collected_max = job->engine->collection_max};
	bool collected = false;
	if (!local_has_indexes(job->table))
		return DDB_OK;
	change.same_item = old && new_ && old_meta->serial == new_meta->serial;
	enum ddb_code code = plan(&change, old, new_, err);
	if (!code && has_local_indexes(job->table))
		code = local_fill_collected(job->txn, job->table, key, &collected, err);
	if (code)
		return code;
	if (collected)
		change.collected +=
			(int64_t)(new_ ? new_meta->size : 0) - (int64_t)(old ? old_meta->size : 0);
	code = apply(&change, err);
	if (!code)
		charge(&change, consumed);
	return code;
}

enum ddb_code local_index_enter(struct local_job *job, unsigned position, const struct local_key *key,
	const struct ddb_value *item, const struct ddb_meta *meta, struct ddb_error *err)
{
	struct item_change change = {.job = job, .key = key, .meta = meta, .collected_max = UINT64_MAX};
	enum ddb_code code = plan_index(&change, position, NULL, item, err);
	return code ? code : apply(&change, err);
}

/* ---- Reading ---- */

enum ddb_code local_index_find(
	const struct local_table *table, const char *name, unsigned *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition = table->table->definition;
	for (unsigned i = 0; i < local_index_count(table); i++) {
		if (strcmp(definition->indexes[i].name, name) != 0)
			continue;
		if (table->indexes[i].state == DDB_INDEX_CREATING)
			return ddb_fail(err, DDB_VALIDATION,
				"Cannot read from backfilling global secondary index: %s", name);
		*ret = i;
		return DDB_OK;
	}
	return ddb_fail(err, DDB_VALIDATION, "The table does not have the specified index: %s", name);
}

enum ddb_code local_index_alive(
	struct store_txn *view, const struct local_table *table, struct ddb_error *err)
{
	struct local_counters counters;
	bool found;
	enum ddb_code code = local_counters_read(view, table->space, &counters, &found, err);
	if (code)
		return code;
	return found && counters.generation == table->generation ? DDB_OK : LOCAL_STALE;
}
