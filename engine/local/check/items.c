/*
 * The check of one table: its items, the headers of its partitions, its aliases both ways, and its counters.
 * See check.h.
 */
#include "engine/local/check/check.h"
#include "engine/local/index/fill.h"
#include "engine/local/partition.h"

#include <stdlib.h>
#include <string.h>

/* What is being learnt of a table. */
struct table_check {
	struct local_table *table;
	const char *name;
	bool composite;
	bool damaged; /* some of its records are damaged, and told: sums cannot be judged */
	struct local_counters counters, right;
	bool counted; /* there are counters */
	/* The partition that the walk is in. */
	bool within, header_sound;
	uint8_t place[LOCAL_PREFIX_BYTES];
	uint64_t members;
};

/* ---- Serials: the highest is needed before anything can be given a new one ---- */

static enum ddb_code visit_serial(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct table_check *state = context;
	struct store_value value;
	struct ddb_error reason;
	uint64_t serial = 0;
	enum ddb_code code = store_cursor_value(walk->cursor, &check->arena, false, &value, &reason);
	if (!code && state->composite && walk->length == LOCAL_PREFIX_BYTES) {
		struct local_header header = {0};
		code = local_header_decode(&value, &header, &reason);
		serial = header.serial;
	} else if (!code) {
		struct ddb_meta meta = {0};
		const uint8_t *copy;
		size_t copy_length;
		code = local_head_decode(value.head, value.head_length, &meta, &copy, &copy_length, &reason);
		serial = meta.serial;
	}
	if (code == DDB_DAMAGED)
		return DDB_OK;
	if (code && err)
		*err = reason;
	if (!code && serial >= state->right.next_serial)
		state->right.next_serial = serial + 1;
	return code;
}

/* ---- Aliases, from the key ---- */

struct alias_repair {
	const uint8_t *key;
	size_t length;
	const struct ddb_value *value;
};

static enum ddb_code alias_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct alias_repair *repair = context;
	return local_alias_write(txn, repair->key, repair->length, repair->value, err);
}

static enum ddb_code check_alias(struct check *check, struct table_check *state, const struct local_key *key,
	bool range, struct ddb_error *err)
{
	uint8_t place[LOCAL_ALIAS_KEY_MAX];
	const struct ddb_value *value = range ? &key->range : &key->hash;
	size_t length = local_alias_key(check->engine, state->table, key, range, place);
	struct store_value record;
	struct ddb_value told;
	struct ddb_error reason;
	bool found;
	if (length == 0)
		return DDB_OK;
	enum ddb_code code =
		local_get(check->view, &check->arena, place, length, true, &record, &found, &reason);
	if (code == DDB_DAMAGED) /* told already */
		return DDB_OK;
	if (code) {
		if (err)
			*err = reason;
		return code;
	}
	if (found &&
		local_value_decode(&check->arena, &record, (enum ddb_type)value->type, &told, &reason) ==
			DDB_OK &&
		ddb_value_equal(&told, value))
		return DDB_OK;
	check_problem(check, "table %s: a key's alias is %s", state->name, found ? "wrong" : "missing");
	return check_repair(check, alias_job,
		&(struct alias_repair){.key = place, .length = length, .value = value}, err);
}

/* The alias of the item's name in a query's listing. */
static enum ddb_code check_item_alias(
	struct check *check, struct table_check *state, const struct local_key *key, struct ddb_error *err)
{
	uint8_t place[LOCAL_SPACE_ALIAS_BYTES];
	struct local_key_map map;
	struct store_value record;
	struct ddb_value told;
	struct ddb_error reason;
	bool found, due;
	size_t length = local_item_alias_key(check->engine, state->table, key, &map, place);
	if (length == 0)
		return DDB_OK;
	enum ddb_code code = local_fill_collected(check->view, state->table, key, &due, &reason);
	if (!code && due)
		code = local_get(check->view, &check->arena, place, length, true, &record, &found, &reason);
	if (code == DDB_DAMAGED || (!code && !due)) /* told already; or still to be made */
		return DDB_OK;
	if (code) {
		if (err)
			*err = reason;
		return code;
	}
	if (found && local_map_decode(&check->arena, &record, &told, NULL) == DDB_OK &&
		ddb_value_equal(&told, &map.value))
		return DDB_OK;
	check_problem(check, "table %s: the alias of an item's name in listings is %s", state->name,
		found ? "wrong" : "missing");
	return check_repair(check, alias_job,
		&(struct alias_repair){.key = place, .length = length, .value = &map.value}, err);
}

/* ---- Headers ---- */

struct header_repair {
	const struct local_key *key;
	struct local_header header;
};

static enum ddb_code header_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct header_repair *repair = context;
	return local_header_write(txn, repair->key->bytes, &repair->key->hash, &repair->header, err);
}

/* The walk leaves a partition. */
static enum ddb_code close_partition(struct check *check, struct table_check *state, struct ddb_error *err)
{
	if (!state->within || state->members > 0)
		return DDB_OK;
	check_problem(check, "table %s: a partition has a header and no items", state->name);
	return check_delete(check, state->place, sizeof state->place, err);
}

static enum ddb_code open_partition(
	struct check *check, struct table_check *state, const uint8_t *place, struct ddb_error *err)
{
	enum ddb_code code = close_partition(check, state, err);
	state->within = true;
	state->header_sound = false;
	state->members = 0;
	memcpy(state->place, place, sizeof state->place);
	return code;
}

/* Whether the header says what it must of the partition where it is. */
static bool header_right(struct check *check, struct table_check *state, const struct check_walk *walk,
	const struct store_value *value, struct local_key *ret)
{
	const struct ddb_definition *definition = state->table->table->definition;
	struct local_header header;
	struct ddb_value key;
	if (local_header_decode(value, &header, NULL) || header.serial == 0 ||
		local_value_decode(&check->arena, value, definition->hash.type, &key, NULL) ||
		local_key_value_check(&definition->hash, false, &key, NULL))
		return false;
	local_key_make(check->engine->store, state->table->space, &key, NULL, ret);
	return memcmp(ret->bytes, walk->key, LOCAL_PREFIX_BYTES) == 0;
}

static enum ddb_code visit_header(
	struct check *check, struct check_walk *walk, struct table_check *state, struct ddb_error *err)
{
	struct store_value value;
	struct local_key key;
	bool sound;
	enum ddb_code code = open_partition(check, state, walk->key, err);
	if (!code)
		code = check_value(check, walk, &value, &sound, err);
	if (code)
		return code;
	state->header_sound = true; /* a damaged one was told, and cannot be told again as missing */
	if (!sound)
		return DDB_OK;
	if (header_right(check, state, walk, &value, &key))
		return check_alias(check, state, &key, false, err);
	state->header_sound = false; /* the first item will bring a new one */
	return DDB_OK;
}

/* An item has come: its partition must have a header. */
static enum ddb_code require_header(struct check *check, struct table_check *state,
	const struct local_key *key, const struct ddb_meta *meta, struct ddb_error *err)
{
	if (state->header_sound)
		return DDB_OK;
	state->header_sound = true;
	check_problem(check, "table %s: a partition's header is missing or wrong", state->name);
	struct header_repair repair = {
		.key = key, .header = {.serial = state->right.next_serial, .mtime_ns = meta->mtime_ns}};
	if (check->options->repair)
		state->right.next_serial++;
	enum ddb_code code = check_repair(check, header_job, &repair, err);
	return code ? code : check_alias(check, state, key, false, err);
}

/* ---- Items ---- */

struct item_repair {
	struct local_engine *engine;
	const struct local_key *key;
	struct ddb_meta meta; /* version 0: a new one */
	const struct store_value *value;
};

static enum ddb_code item_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct item_repair *repair = context;
	struct ddb_meta meta = repair->meta;
	if (meta.version == 0)
		meta.version = local_next_version(repair->engine, txn);
	return local_item_write(
		txn, repair->key, &meta, repair->value->body, repair->value->body_length, err);
}

/* What the head should say; false (and a line) when it says something else. */
static bool head_right(struct check *check, struct table_check *state, const struct local_key *key,
	const struct ddb_value *item, const struct store_value *value, struct ddb_meta *meta)
{
	struct ddb_meta right = *meta;
	uint8_t head[LOCAL_ITEM_HEAD_MAX];
	right.size = (uint32_t)local_item_size(state->table->table, item);
	if (check->engine->hooks && check->engine->hooks->measure)
		local_measure(check->engine, state->table->table, item, right.rendered);
	if (right.serial == 0)
		right.serial = state->right.next_serial++;
	if (right.version >> LOCAL_VERSION_BITS > store_txn_number(check->view))
		right.version = 0;
	*meta = right;
	return right.version != 0 && local_head_encode(&right, key, head) == value->head_length &&
	       memcmp(head, value->head, value->head_length) == 0;
}

static enum ddb_code check_item(struct check *check, struct check_walk *walk, struct table_check *state,
	const struct store_value *value, struct ddb_error *err)
{
	struct ddb_value item;
	struct ddb_meta meta;
	struct local_key key;
	struct ddb_error reason;
	const uint8_t *copy;
	size_t copy_length;
	enum ddb_code code =
		local_head_decode(value->head, value->head_length, &meta, &copy, &copy_length, &reason);
	if (!code)
		code = local_body_decode(&check->arena, value->body, value->body_length, &item, &reason);
	if (!code)
		code = local_key_of_item(
			check->engine->store, state->table->table, state->table->space, &item, &key, &reason);
	if (code == DDB_NO_MEMORY)
		return ddb_fail_memory(err);
	if (!code && (key.length != walk->length || memcmp(key.bytes, walk->key, key.length) != 0))
		code = ddb_fail(&reason, DDB_DAMAGED, "It is not stored where its key belongs");
	if (code) {
		check_problem(check, "table %s: an item cannot be read: %s", state->name, reason.message);
		return check_delete(check, walk->key, walk->length, err);
	}
	state->members++;
	state->right.items++;
	check->result.items++;
	if (!head_right(check, state, &key, &item, value, &meta)) {
		check_problem(check, "table %s: sizes, serial or version of an item are wrong", state->name);
		code = check_repair(check, item_job,
			&(struct item_repair){
				.engine = check->engine, .key = &key, .meta = meta, .value = value},
			err);
	}
	state->right.bytes += meta.size;
	if (!code && state->composite)
		code = require_header(check, state, &key, &meta, err);
	if (!code)
		code = check_item_alias(check, state, &key, err);
	return code ? code : check_alias(check, state, &key, state->composite, err);
}

static enum ddb_code visit_item(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	struct table_check *state = context;
	struct store_value value;
	bool sound;
	if (!state->table->table->definition || walk->length < LOCAL_PREFIX_BYTES) {
		check_problem(check, "table %s: a record that cannot be an item", state->name);
		return check_delete(check, walk->key, walk->length, err);
	}
	if (state->composite && walk->length == LOCAL_PREFIX_BYTES)
		return visit_header(check, walk, state, err);
	enum ddb_code code = DDB_OK;
	if (state->composite && (!state->within || memcmp(state->place, walk->key, sizeof state->place) != 0))
		code = open_partition(check, state, walk->key, err);
	if (!code)
		code = check_value(check, walk, &value, &sound, err);
	if (code)
		return code;
	if (sound)
		return check_item(check, walk, state, &value, err);
	state->damaged = true;
	state->members++;
	return DDB_OK;
}

/* ---- Counters ---- */

struct counters_repair {
	uint32_t space;
	struct local_counters counters;
};

static enum ddb_code counters_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct counters_repair *repair = context;
	return local_counters_write(txn, repair->space, &repair->counters, err);
}

static enum ddb_code check_counters(struct check *check, struct table_check *state, struct ddb_error *err)
{
	const struct local_counters *told = &state->counters, *right = &state->right;
	if (state->damaged)
		return DDB_OK;
	if (state->counted && memcmp(told, right, sizeof *told) == 0)
		return DDB_OK;
	if (state->counted)
		check_problem(check,
			"table %s: the counters are wrong: %llu items (%llu counted), %llu bytes (%llu "
			"counted), next "
			"serial %llu (%llu), generation %llu (%llu)",
			state->name, (unsigned long long)told->items, (unsigned long long)right->items,
			(unsigned long long)told->bytes, (unsigned long long)right->bytes,
			(unsigned long long)told->next_serial, (unsigned long long)right->next_serial,
			(unsigned long long)told->generation, (unsigned long long)right->generation);
	else
		check_problem(check, "table %s: the counters are missing", state->name);
	return check_repair(check, counters_job,
		&(struct counters_repair){.space = state->table->space, .counters = *right}, err);
}

static enum ddb_code read_counters(struct check *check, struct table_check *state, struct ddb_error *err)
{
	struct ddb_error reason;
	enum ddb_code code = local_counters_read(
		check->view, state->table->space, &state->counters, &state->counted, &reason);
	state->damaged = code == DDB_DAMAGED; /* told already, and gone if that is to be repaired */
	if (code && !state->damaged && err)
		*err = reason;
	if (code)
		return state->damaged ? DDB_OK : code;
	state->right.next_serial = state->counted ? state->counters.next_serial : 1;
	state->right.generation = state->table->generation;
	return DDB_OK;
}

/* ---- The table ---- */

static enum ddb_code check_table(struct check *check, struct table_check *state, struct ddb_error *err)
{
	struct check_index_state indexes = {
		.table = state->table, .right = &state->right, .damaged = &state->damaged};
	uint8_t prefix[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_ITEM, state->table->space, prefix);
	enum ddb_code code = read_counters(check, state, err);
	if (!code)
		code = check_each(check, prefix, sizeof prefix, visit_serial, state, err);
	if (!code)
		code = check_index_serials(check, &indexes, err);
	if (!code)
		code = check_each(check, prefix, sizeof prefix, visit_item, state, err);
	if (!code)
		code = close_partition(check, state, err);
	if (!code)
		code = check_indexes(check, &indexes, err);
	if (!code)
		code = check_counters(check, state, err);
	if (!code)
		code = check_refresh(check, err);
	if (!code)
		code = check_expiries(check, state->table, err);
	return code ? code : check_aliases(check, state->table, err);
}

enum ddb_code check_items(struct check *check, const char *name, struct ddb_error *err)
{
	LOCAL_TABLE_AUTO struct local_table *table = NULL;
	enum ddb_code code = local_catalog_read(check->view, name, &table, err);
	if (code)
		return code;
	struct table_check state = {
		.table = table, .name = table->table->name, .composite = local_is_composite(table->table)};
	return check_table(check, &state, err);
}

/* ---- Aliases, back to the key ---- */

/* Whether the alias is the one of its value, and what it stands for is there. */
static enum ddb_code alias_right(struct check *check, const struct local_table *table,
	const struct check_walk *walk, const struct store_value *record, bool *ret, struct ddb_error *err)
{
	const struct ddb_definition *definition = table->table->definition;
	uint8_t place[LOCAL_ALIAS_KEY_MAX];
	struct local_key key;
	struct store_value value;
	struct ddb_value told;
	bool range = walk->length == LOCAL_ALIAS_KEY_MAX;
	*ret = false;
	if (!definition || (!range && walk->length != LOCAL_SPACE_BYTES + STORE_HASH_BYTES) ||
		(range && !definition->has_range))
		return DDB_OK;
	const struct ddb_key_attribute *attribute = range ? &definition->range : &definition->hash;
	if (local_value_decode(&check->arena, record, attribute->type, &told, NULL) ||
		local_key_value_check(attribute, range, &told, NULL))
		return DDB_OK;
	if (range) { /* the partition's value is not known, but its place is */
		memcpy(key.bytes, walk->key, LOCAL_PREFIX_BYTES);
		key.bytes[0] = LOCAL_ITEM;
		memcpy(key.bytes + LOCAL_PREFIX_BYTES, told.bytes, told.count);
		key.length = LOCAL_PREFIX_BYTES + told.count;
		key.range = told;
	} else {
		local_key_make(check->engine->store, table->space, &told, NULL, &key);
	}
	size_t length = local_alias_key(check->engine, table, &key, range, place);
	if (length != walk->length || memcmp(place, walk->key, length) != 0)
		return DDB_OK;
	return local_get(check->view, &check->arena, key.bytes, key.length, false, &value, ret, err);
}

static enum ddb_code visit_alias(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err)
{
	const struct local_table *table = context;
	struct store_value value;
	struct ddb_error reason;
	bool sound, right;
	enum ddb_code code = check_value(check, walk, &value, &sound, err);
	if (code || !sound)
		return code;
	code = alias_right(check, table, walk, &value, &right, &reason);
	if (code == DDB_DAMAGED) /* what it stands for is there, and was told */
		return DDB_OK;
	if (code && err)
		*err = reason;
	if (code || right)
		return code;
	check_problem(check, "table %s: an alias stands for nothing", table->table->name);
	return check_delete(check, walk->key, walk->length, err);
}

enum ddb_code check_aliases(struct check *check, const struct local_table *table, struct ddb_error *err)
{
	uint8_t prefix[LOCAL_SPACE_BYTES];
	if (!check->engine->hooks || !check->engine->hooks->alias)
		return DDB_OK; /* nobody can tell */
	local_space_key(LOCAL_ALIAS, table->space, prefix);
	return check_each(check, prefix, sizeof prefix, visit_alias, (void *)(uintptr_t)table, err);
}
