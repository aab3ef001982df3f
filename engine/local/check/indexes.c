/*
 * The check of a table's indexes: every item has its entries and every entry its item, with the item's
 * projection; partitions have headers, names their aliases, collections their bytes. See check.h.
 */
#include "engine/local/check/check.h"
#include "engine/local/index/fill.h"
#include "engine/local/partition.h"
#include "engine/record.h"

#include <string.h>

enum { BODY_MAX = 16 << 20 };

/* ---- Repairs ---- */

struct value_repair {
	const uint8_t *key;
	size_t length;
	const struct ddb_value *value;
	struct local_header header;
};

static enum ddb_code alias_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct value_repair *repair = context;
	return local_alias_write(txn, repair->key, repair->length, repair->value, err);
}

static enum ddb_code header_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct value_repair *repair = context;
	return local_header_write(txn, repair->key, repair->value, &repair->header, err);
}

/* ---- From items to entries ---- */

struct expected {
	struct local_entry_key key;
	uint8_t head[LOCAL_ENTRY_HEAD_MAX];
	size_t head_length;
	struct ddb_buffer body;
	struct ddb_meta meta;
};

struct index_items {
	struct check_index_state *state;
	uint8_t place[LOCAL_PREFIX_BYTES]; /* of the partition that the walk is in */
	bool within;
	uint64_t collected; /* bytes of its collection */
};

/* *ret_indexed false: the item has no entry in that index. */
static enum ddb_code expect(struct check *check, const struct local_table *table, unsigned position,
	const struct local_key *key, const struct ddb_value *item, const struct ddb_meta *meta,
	struct expected *ret, bool *ret_indexed, struct ddb_error *err)
{
	const struct ddb_index_definition *index = &table->table->definition->indexes[position];
	struct local_index_values values;
	struct ddb_value projected;
	if (local_index_values(index, item, &values, ret_indexed, NULL))
		*ret_indexed = false;
	if (!*ret_indexed)
		return DDB_OK;
	enum ddb_code code =
		local_entry_project(&check->arena, table->table->definition, index, item, &projected, err);
	if (code)
		return code;
	local_entry_key_make(
		check->engine->store, index, table->indexes[position].space, &values, key, &ret->key);
	ddb_buffer_clear(&ret->body);
	ddb_record_write(&projected, &ret->body);
	if (ret->body.failed)
		return ddb_fail_memory(err);
	ret->meta = *meta;
	ret->meta.size = (uint32_t)ddb_item_size(&projected);
	if (check->engine->hooks && check->engine->hooks->measure)
		local_measure(check->engine, table->table, &projected, ret->meta.rendered);
	ret->head_length = local_entry_head(&ret->meta, &key->hash, ret->head);
	return DDB_OK;
}

/* Version and time are the entry's own: it may be older than the item is. */
static bool entry_right(struct check *check, struct expected *expected, const struct store_value *value)
{
	struct ddb_meta meta, right = expected->meta;
	const uint8_t *copy;
	size_t copy_length;
	if (local_head_decode(value->head, value->head_length, &meta, &copy, &copy_length, NULL))
		return false;
	if (meta.version == 0 || meta.version > right.version || meta.serial != right.serial ||
		meta.size != right.size)
		return false;
	if (check->engine->hooks && memcmp(meta.rendered, right.rendered, sizeof meta.rendered) != 0)
		return false;
	return value->head_length == expected->head_length &&
	       memcmp(value->head + LOCAL_ITEM_HEAD_MIN, expected->head + LOCAL_ITEM_HEAD_MIN,
		       value->head_length - LOCAL_ITEM_HEAD_MIN) == 0 &&
	       value->body_length == expected->body.length &&
	       memcmp(value->body, expected->body.bytes, value->body_length) == 0;
}

static enum ddb_code check_entry(struct check *check, struct index_items *items, unsigned position,
	const struct local_key *key, const struct ddb_value *item, const struct ddb_meta *meta,
	struct expected *expected, struct ddb_error *err)
{
	struct check_index_state *state = items->state;
	struct local_index_counters *right = &state->right->indexes[position];
	const struct ddb_index_definition *index = &state->table->table->definition->indexes[position];
	struct store_value value;
	struct ddb_error reason;
	bool due, found = false, sound;
	enum ddb_code code = local_fill_passed(check->view, state->table, position, key, &due, &reason);
	code = check_progress(code, &reason, &due, err);
	if (!code && due)
		code = expect(check, state->table, position, key, item, meta, expected, &due, err);
	if (code || !due)
		return code;
	right->entries++;
	right->bytes += expected->meta.size;
	if (index->local)
		items->collected += expected->meta.size;
	code = check_look(check, expected->key.bytes, expected->key.length, &value, &found, &sound, err);
	if (code || (found && entry_right(check, expected, &value)) || !sound)
		return code;
	check_problem(check, "table %s: an item's entry in index %s is %s", state->table->table->name,
		index->name, found ? "wrong" : "missing");
	return check_repair_record(check,
		&(struct check_record){.key = expected->key.bytes,
			.key_length = expected->key.length,
			.head = expected->head,
			.head_length = expected->head_length,
			.body = (const uint8_t *)expected->body.bytes,
			.body_length = expected->body.length},
		err);
}

static enum ddb_code check_entries(struct check *check, struct index_items *items,
	const struct local_key *key, const struct ddb_value *item, const struct ddb_meta *meta,
	struct ddb_error *err)
{
	struct expected *expected = ddb_arena_alloc(&check->arena, sizeof *expected);
	if (!expected)
		return ddb_fail_memory(err);
	enum ddb_code code = DDB_OK;
	ddb_buffer_init(&expected->body, BODY_MAX);
	for (unsigned i = 0; !code && i < local_index_count(items->state->table); i++)
		code = check_entry(check, items, i, key, item, meta, expected, err);
	ddb_buffer_done(&expected->body);
	return code;
}

/* ---- Item collections ---- */

struct collection_repair {
	struct local_key key;
	uint64_t bytes;
};

static enum ddb_code collection_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct collection_repair *repair = context;
	return local_collection_write(txn, &repair->key, repair->bytes, err);
}

static bool collects(const struct local_table *table)
{
	return local_has_indexes(table) && table->table->definition->indexes[0].local;
}

/* The walk leaves a partition. */
static enum ddb_code close_collection(struct check *check, struct index_items *items, struct ddb_error *err)
{
	struct check_index_state *state = items->state;
	struct collection_repair repair = {.bytes = items->collected};
	uint64_t told;
	struct ddb_error reason;
	if (!items->within || !collects(state->table) || *state->damaged)
		return DDB_OK;
	memcpy(repair.key.bytes, items->place, sizeof items->place);
	enum ddb_code code = local_collection_bytes(check->view, state->table, &repair.key, &told, &reason);
	if (code && code != DDB_DAMAGED) {
		if (err)
			*err = reason;
		return code;
	}
	if (!code && told == items->collected)
		return DDB_OK;
	if (!code)
		check_problem(check,
			"table %s: the bytes of an item collection are wrong: %llu (%llu counted)",
			state->table->table->name, (unsigned long long)told,
			(unsigned long long)items->collected);
	return check_repair(check, collection_job, &repair, err);
}

static enum ddb_code enter_collection(
	struct check *check, struct index_items *items, const uint8_t *place, struct ddb_error *err)
{
	if (items->within && memcmp(items->place, place, sizeof items->place) == 0)
		return DDB_OK;
	enum ddb_code code = close_collection(check, items, err);
	items->within = true;
	items->collected = 0;
	memcpy(items->place, place, sizeof items->place);
	return code;
}

static enum ddb_code visit_item(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct index_items *items = context;
	const struct local_table *table = items->state->table;
	struct store_value value;
	struct ddb_value item;
	struct ddb_meta meta;
	struct local_key key;
	const uint8_t *copy;
	size_t copy_length;
	struct ddb_error reason;
	bool sound, counted;
	if (walk->length < LOCAL_PREFIX_BYTES ||
		(local_is_composite(table->table) && walk->length == LOCAL_PREFIX_BYTES))
		return DDB_OK;
	enum ddb_code code = enter_collection(check, items, walk->key, err);
	if (!code)
		code = check_value(check, walk, &value, &sound, err);
	if (code || !sound)
		return code;
	/* What is no item was told by check_items. */
	if (local_head_decode(value.head, value.head_length, &meta, &copy, &copy_length, NULL) ||
		local_body_decode(&check->arena, value.body, value.body_length, &item, NULL) ||
		local_key_of_item(check->engine->store, table->table, table->space, &item, &key, NULL))
		return DDB_OK;
	code = local_fill_collected(check->view, table, &key, &counted, &reason);
	code = check_progress(code, &reason, &counted, err);
	if (code)
		return code;
	items->collected += counted ? meta.size : 0;
	return check_entries(check, items, &key, &item, &meta, err);
}

/* ---- From entries to items ---- */

struct index_entries {
	struct check_index_state *state;
	unsigned position;
	const struct ddb_index_definition *index;
	uint8_t place[LOCAL_PREFIX_BYTES]; /* of the partition that the walk is in */
	bool within, headed;
	uint64_t members;
};

static enum ddb_code close_partition(
	struct check *check, struct index_entries *entries, struct ddb_error *err)
{
	if (!entries->within || entries->members > 0)
		return DDB_OK;
	check_problem(check, "table %s: a partition of index %s has a header and no entries",
		entries->state->table->table->name, entries->index->name);
	return check_delete(check, entries->place, sizeof entries->place, err);
}

static enum ddb_code enter_partition(
	struct check *check, struct index_entries *entries, const uint8_t *place, struct ddb_error *err)
{
	if (entries->within && memcmp(entries->place, place, sizeof entries->place) == 0)
		return DDB_OK;
	enum ddb_code code = close_partition(check, entries, err);
	entries->within = true;
	entries->headed = false;
	entries->members = 0;
	memcpy(entries->place, place, sizeof entries->place);
	return code;
}

static enum ddb_code check_alias(struct check *check, const struct index_entries *entries,
	const uint8_t *place, size_t length, const struct ddb_value *value, struct ddb_error *err)
{
	struct store_value record;
	struct ddb_value told;
	bool found = false, sound;
	if (length == 0)
		return DDB_OK;
	enum ddb_code code = check_look(check, place, length, &record, &found, &sound, err);
	if (code || !sound)
		return code;
	if (found && ddb_record_read(&check->arena, record.body, record.body_length, &told, NULL) == DDB_OK &&
		ddb_value_equal(&told, value))
		return DDB_OK;
	check_problem(check, "table %s: an alias in index %s is %s", entries->state->table->table->name,
		entries->index->name, found ? "wrong" : "missing");
	return check_repair(check, alias_job,
		&(struct value_repair){.key = place, .length = length, .value = value}, err);
}

static enum ddb_code check_partition_alias(struct check *check, const struct index_entries *entries,
	const struct ddb_value *partition, struct ddb_error *err)
{
	uint8_t place[LOCAL_SPACE_ALIAS_BYTES];
	size_t length = local_index_alias_key(
		check->engine, entries->state->table, entries->position, partition, place);
	return check_alias(check, entries, place, length, partition, err);
}

static enum ddb_code visit_header(
	struct check *check, struct check_walk *walk, struct index_entries *entries, struct ddb_error *err)
{
	const struct local_table *table = entries->state->table;
	struct local_index_values values;
	struct store_value value;
	struct local_header header;
	struct ddb_value partition;
	uint8_t place[LOCAL_PREFIX_BYTES];
	bool sound;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code)
		return code;
	entries->headed = true;
	if (!sound)
		return DDB_OK;
	bool right = !local_header_decode(&value, &header, NULL) && header.serial != 0 &&
		     !local_index_header_value(&check->arena, entries->index, &value, &partition, NULL) &&
		     !local_index_partition_values(entries->index, &partition, &values, NULL);
	if (right) {
		local_entry_prefix(check->engine->store, entries->index,
			table->indexes[entries->position].space, &values, place);
		right = memcmp(place, walk->key, sizeof place) == 0;
	}
	entries->headed = right; /* else the first entry will bring a new one */
	return right ? check_partition_alias(check, entries, &partition, err) : DDB_OK;
}

/* An entry has come: its partition must have a header. */
static enum ddb_code require_header(struct check *check, struct index_entries *entries,
	const struct ddb_value *item, const struct ddb_meta *meta, struct ddb_error *err)
{
	struct check_index_state *state = entries->state;
	struct local_index_values values;
	bool indexed;
	if (entries->headed || local_index_values(entries->index, item, &values, &indexed, NULL))
		return DDB_OK;
	entries->headed = true;
	check_problem(check, "table %s: a header of a partition of index %s is missing or wrong",
		state->table->table->name, entries->index->name);
	struct ddb_value partition = local_index_partition(entries->index, &values);
	struct value_repair repair = {.key = entries->place,
		.value = &partition,
		.header = {.serial = state->right->next_serial, .mtime_ns = meta->mtime_ns}};
	if (check->options->repair)
		state->right->next_serial++;
	enum ddb_code code = check_repair(check, header_job, &repair, err);
	return code ? code : check_partition_alias(check, entries, &partition, err);
}

/* Whether the item of that entry is there and has it. Its attributes were compared from the other side. */
static enum ddb_code is_due(struct check *check, const struct check_walk *walk, struct index_entries *entries,
	struct ddb_value *ret_item, struct ddb_meta *ret_meta, bool *ret, bool *ret_sound,
	struct ddb_error *err)
{
	const struct local_table *table = entries->state->table;
	struct local_index_values values;
	struct local_key key;
	struct local_entry_key place;
	struct store_value value;
	const uint8_t *copy;
	size_t copy_length;
	struct ddb_error reason;
	bool found = false, indexed;
	*ret = false;
	*ret_sound = true;
	if (local_entry_item(table, entries->position, walk->key, walk->length, &key, NULL))
		return DDB_OK;
	enum ddb_code code = check_look(check, key.bytes, key.length, &value, &found, ret_sound, err);
	if (code || !found || !*ret_sound)
		return code;
	if (local_head_decode(value.head, value.head_length, ret_meta, &copy, &copy_length, NULL) ||
		local_body_decode(&check->arena, value.body, value.body_length, ret_item, NULL) ||
		local_key_of_item(check->engine->store, table->table, table->space, ret_item, &key, NULL) ||
		local_index_values(entries->index, ret_item, &values, &indexed, NULL) || !indexed)
		return DDB_OK;
	local_entry_key_make(check->engine->store, entries->index, table->indexes[entries->position].space,
		&values, &key, &place);
	if (place.length != walk->length || memcmp(place.bytes, walk->key, place.length) != 0)
		return DDB_OK;
	code = local_fill_passed(check->view, table, entries->position, &key, ret, &reason);
	return check_progress(code, &reason, ret, err);
}

static enum ddb_code visit_entry(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct index_entries *entries = context;
	const struct local_table *table = entries->state->table;
	uint8_t place[LOCAL_SPACE_ALIAS_BYTES];
	struct ddb_value item, map;
	struct ddb_meta meta;
	bool due, sound;
	if (walk->length < LOCAL_PREFIX_BYTES) {
		check_problem(check, "table %s: a record that cannot be an entry of index %s",
			table->table->name, entries->index->name);
		return check_delete(check, walk->key, walk->length, err);
	}
	enum ddb_code code = enter_partition(check, entries, walk->key, err);
	if (code)
		return code;
	if (walk->length == LOCAL_PREFIX_BYTES)
		return visit_header(check, walk, entries, err);
	code = is_due(check, walk, entries, &item, &meta, &due, &sound, err);
	if (code)
		return code;
	entries->members += due || !sound;
	if (!sound)
		return DDB_OK;
	if (!due) {
		check_problem(check, "table %s: an entry of index %s has no item", table->table->name,
			entries->index->name);
		return check_delete(check, walk->key, walk->length, err);
	}
	code = require_header(check, entries, &item, &meta, err);
	if (!code)
		code = local_entry_key_map(&check->arena, table, entries->index, &item, &map, err);
	if (code)
		return code;
	size_t length = local_entry_alias_key(
		check->engine, table, entries->index, table->indexes[entries->position].space, &map, place);
	return check_alias(check, entries, place, length, &map, err);
}

/* ---- Aliases, back to entries ---- */

/* Whether an item with that key is (or, of an index, may be) there. */
static enum ddb_code map_stands(struct check *check, const struct index_entries *entries,
	const struct ddb_value *map, bool *ret, struct ddb_error *err)
{
	const struct local_table *table = entries->state->table;
	struct local_entry_key place;
	struct local_key key;
	struct store_value value;
	bool sound;
	*ret = false;
	if (entries->index) {
		if (local_entry_key_of_map(check->engine->store, table, entries->position, map, &place, NULL))
			return DDB_OK;
		return check_look(check, place.bytes, place.length, &value, ret, &sound, err);
	}
	if (local_key_of_map(check->engine->store, table->table, table->space, map, &key, NULL))
		return DDB_OK;
	return check_look(check, key.bytes, key.length, &value, ret, &sound, err);
}

static enum ddb_code entry_alias_right(struct check *check, const struct check_walk *walk,
	const struct index_entries *entries, const struct store_value *record, bool *ret,
	struct ddb_error *err)
{
	const struct local_table *table = entries->state->table;
	uint32_t space = entries->index ? table->indexes[entries->position].space : table->space;
	uint8_t place[LOCAL_SPACE_ALIAS_BYTES];
	struct ddb_value map;
	*ret = false;
	if (!table->table->definition || local_map_decode(&check->arena, record, &map, NULL))
		return DDB_OK;
	size_t length = local_entry_alias_key(check->engine, table, entries->index, space, &map, place);
	if (length != walk->length || memcmp(place, walk->key, length) != 0)
		return DDB_OK;
	return map_stands(check, entries, &map, ret, err);
}

static enum ddb_code partition_alias_right(struct check *check, const struct check_walk *walk,
	const struct index_entries *entries, const struct store_value *record, bool *ret,
	struct ddb_error *err)
{
	const struct local_table *table = entries->state->table;
	uint8_t place[LOCAL_PREFIX_BYTES];
	struct local_index_values values;
	struct store_value value;
	struct ddb_value partition;
	bool sound;
	*ret = false;
	if (local_index_header_value(&check->arena, entries->index, record, &partition, NULL) ||
		local_index_partition_values(entries->index, &partition, &values, NULL))
		return DDB_OK;
	size_t length = local_index_alias_key(check->engine, table, entries->position, &partition, place);
	if (length != walk->length || memcmp(place, walk->key, length) != 0)
		return DDB_OK;
	local_entry_prefix(check->engine->store, entries->index, table->indexes[entries->position].space,
		&values, place);
	return check_look(check, place, sizeof place, &value, ret, &sound, err);
}

static enum ddb_code visit_alias(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	const struct index_entries *entries = context;
	struct store_value record;
	bool sound, right;
	enum ddb_code code = check_value(check, walk, &record, &sound, err);
	if (code || !sound)
		return code;
	code = walk->key[0] == LOCAL_ENTRY_ALIAS
		       ? entry_alias_right(check, walk, entries, &record, &right, err)
		       : partition_alias_right(check, walk, entries, &record, &right, err);
	if (code || right)
		return code;
	check_problem(check, "table %s: an alias of an entry stands for nothing",
		entries->state->table->table->name);
	return check_delete(check, walk->key, walk->length, err);
}

static enum ddb_code check_kind(struct check *check, enum local_kind kind, uint32_t space, check_visit *visit,
	void *context, struct ddb_error *err)
{
	uint8_t prefix[LOCAL_SPACE_BYTES];
	local_space_key(kind, space, prefix);
	return check_each(check, prefix, sizeof prefix, visit, context, err);
}

static enum ddb_code check_index_aliases(
	struct check *check, struct index_entries *entries, struct ddb_error *err)
{
	const struct local_table *table = entries->state->table;
	const struct ddb_rendering_hooks *hooks = check->engine->hooks;
	uint32_t space = entries->index ? table->indexes[entries->position].space : table->space;
	enum ddb_code code = DDB_OK;
	if (hooks && hooks->entry_alias) /* else nobody can tell */
		code = check_kind(check, LOCAL_ENTRY_ALIAS, space, visit_alias, entries, err);
	if (!code && entries->index && hooks && hooks->index_alias)
		code = check_kind(check, LOCAL_ALIAS, space, visit_alias, entries, err);
	return code;
}

/* ---- The parts ---- */

static enum ddb_code visit_collection(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	const struct local_table *table = ((struct check_index_state *)context)->table;
	uint8_t place[LOCAL_PREFIX_BYTES];
	bool empty = true;
	if (walk->length == sizeof place && collects(table)) {
		memcpy(place, walk->key, sizeof place);
		place[0] = LOCAL_ITEM;
		enum ddb_code code = local_partition_empty(check->view, place, &empty, err);
		if (code || !empty)
			return code;
	}
	check_problem(check, "table %s: an item collection without items", table->table->name);
	return check_delete(check, walk->key, walk->length, err);
}

static enum ddb_code check_index(
	struct check *check, struct check_index_state *state, unsigned position, struct ddb_error *err)
{
	struct index_entries entries = {.state = state,
		.position = position,
		.index = &state->table->table->definition->indexes[position]};
	uint32_t space = state->table->indexes[position].space;
	if (space == 0)
		return DDB_OK;
	enum ddb_code code = check_kind(check, LOCAL_ENTRY, space, visit_entry, &entries, err);
	if (!code)
		code = close_partition(check, &entries, err);
	if (!code)
		code = check_refresh(check, err); /* what was repaired is what aliases must stand for */
	return code ? code : check_index_aliases(check, &entries, err);
}

/* The highest serial of a header is needed before another is given. */
static enum ddb_code visit_serial(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct check_index_state *state = context;
	struct store_value value;
	struct local_header header = {0};
	bool sound;
	if (walk->length != LOCAL_PREFIX_BYTES)
		return DDB_OK;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (!code && sound && !local_header_decode(&value, &header, NULL) &&
		header.serial >= state->right->next_serial)
		state->right->next_serial = header.serial + 1;
	return code;
}

enum ddb_code check_index_serials(struct check *check, struct check_index_state *state, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; !code && i < local_index_count(state->table); i++)
		if (state->table->indexes[i].space)
			code = check_kind(
				check, LOCAL_ENTRY, state->table->indexes[i].space, visit_serial, state, err);
	return code;
}

enum ddb_code check_indexes(struct check *check, struct check_index_state *state, struct ddb_error *err)
{
	struct index_items items = {.state = state};
	struct index_entries of_items = {.state = state};
	enum ddb_code code = check_refresh(check, err);
	if (!code && local_has_indexes(state->table))
		code = check_kind(check, LOCAL_ITEM, state->table->space, visit_item, &items, err);
	if (!code)
		code = close_collection(check, &items, err);
	if (!code)
		code = check_refresh(check, err);
	for (unsigned i = 0; !code && i < local_index_count(state->table); i++)
		code = check_index(check, state, i, err);
	if (!code)
		code = check_index_aliases(check, &of_items, err);
	return code ? code
		    : check_kind(check, LOCAL_COLLECTION, state->table->space, visit_collection, state, err);
}
