/*
 * The entries of secondary indexes after every kind of operation, on hostile keys, against a naive
 * recomputation; the rules of index keys; bounds; item collections.
 */
#include "local_index_fixture.h"
#include "local_records.h"

static const char wide_definition[] =
	"{\"AttributeDefinitions\":["
	"{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},{\"AttributeName\":\"sk\",\"AttributeType\":"
	"\"B\"},"
	"{\"AttributeName\":\"s\",\"AttributeType\":\"S\"},{\"AttributeName\":\"n\",\"AttributeType\":\"N\"},"
	"{\"AttributeName\":\"b\",\"AttributeType\":\"B\"},{\"AttributeName\":\"t\",\"AttributeType\":\"S\"}]"
	","
	"\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"sk\","
	"\"KeyType\":"
	"\"RANGE\"}],\"BillingMode\":\"PAY_PER_REQUEST\",\"LocalSecondaryIndexes\":["
	"{\"IndexName\":\"local-n\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"
	"{\"AttributeName\":\"n\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}},"
	"{\"IndexName\":\"local-b\",\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"
	"{\"AttributeName\":\"b\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"INCLUDE\","
	"\"NonKeyAttributes\":[\"x\",\"t\"]}}],"
	"\"GlobalSecondaryIndexes\":["
	"{\"IndexName\":\"by-s\",\"KeySchema\":[{\"AttributeName\":\"s\",\"KeyType\":\"HASH\"}],"
	"\"Projection\":{\"ProjectionType\":\"ALL\"}},"
	"{\"IndexName\":\"by-n-sk\",\"KeySchema\":[{\"AttributeName\":\"n\",\"KeyType\":\"HASH\"},"
	"{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}"
	","
	"{\"IndexName\":\"many\",\"KeySchema\":[{\"AttributeName\":\"s\",\"KeyType\":\"HASH\"},"
	"{\"AttributeName\":\"n\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"b\",\"KeyType\":\"RANGE\"},"
	"{\"AttributeName\":\"t\",\"KeyType\":\"RANGE\"},{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],"
	"\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"x\"]}},"
	"{\"IndexName\":\"by-b-s\",\"KeySchema\":[{\"AttributeName\":\"b\",\"KeyType\":\"HASH\"},"
	"{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}]}";

static void create_from(struct fixture *f, const char *name, const char *text)
{
	struct ddb_definition *definition = definition_read(f, text);
	assert_ok(f, OP(f->engine, create_table, name, definition, &f->err));
	ddb_definition_unref(definition);
}

/* ---- Hostile values ---- */

static uint32_t seed;

static unsigned below(unsigned limit)
{
	seed = seed * 1664525 + 1013904223;
	return (unsigned)((uint64_t)(seed >> 8) * limit >> 24);
}

static struct ddb_value bytes_value(struct fixture *f, enum ddb_type type)
{
	static const struct {
		size_t length;
		const char *bytes;
	} values[] = {{1, "\0"}, {2, "\0\0"}, {2, "\0\1"}, {2, "\0\xff"}, {3, "\0\xff\0"}, {1, "\1"},
		{1, "a"}, {2, "a\0"}, {3, "a\0b"}, {3, "a\0\0"}, {2, "a\1"}, {2, "ab"}, {1, "\xff"},
		{2, "\xff\0"}, {2, "\xff\xff"}, {1, "b"}};
	static const char fills[] = {'\0', '\1', 'm', '\xff'};
	unsigned choice = below(20);
	struct ddb_value value;
	if (choice < 16)
		value = ddb_string(ddb_arena_copy(&f->arena, values[choice].bytes, values[choice].length),
			values[choice].length);
	else
		value = filled(&f->arena, 90 + below(3) * 110, fills[choice - 16]);
	value.type = (uint8_t)type;
	for (uint32_t i = 0; type == DDB_S && i < value.count; i++) /* text is UTF-8 */
		if (value.bytes[i] == 0xff)
			return ddb_string("\x7f", 1);
	return value;
}

static struct ddb_value number_value(struct fixture *f)
{
	static const char *const numbers[] = {"N:0", "N:-1", "N:1", "N:-10", "N:10", "N:1e125", "N:-1e125",
		"N:0.5", "N:1e-130", "N:99", "N:100"};
	return text_value(&f->arena, numbers[below(sizeof numbers / sizeof *numbers)]);
}

static struct ddb_value key_value(struct fixture *f, unsigned number)
{
	static const char *const keys[] = {"a", "a\1", "b", "partition"};
	struct ddb_value long_key = filled(&f->arena, 700, 'p');
	return number < 4 ? ddb_string(keys[number], strlen(keys[number])) : long_key;
}

static struct ddb_value random_key(struct fixture *f)
{
	struct ddb_value key = {.type = DDB_M};
	key = with(&f->arena, &key, "pk", key_value(f, below(5)));
	return with(&f->arena, &key, "sk", bytes_value(f, DDB_B));
}

/* Each attribute is there, or not. */
static struct ddb_value random_attributes(struct fixture *f, struct ddb_value item)
{
	if (below(4))
		item = with(&f->arena, &item, "s", bytes_value(f, DDB_S));
	if (below(4))
		item = with(&f->arena, &item, "n", number_value(f));
	if (below(4))
		item = with(&f->arena, &item, "b", bytes_value(f, DDB_B));
	if (below(4))
		item = with(&f->arena, &item, "t", bytes_value(f, DDB_S));
	if (below(3))
		item = with(&f->arena, &item, "x", int_value(&f->arena, below(3)));
	if (below(3))
		item = with(&f->arena, &item, "y", ddb_bool(below(2)));
	return item;
}

/* ---- Operations ---- */

static void do_put(struct fixture *f)
{
	put(f, "Wide", random_attributes(f, random_key(f)));
}

static void do_delete(struct fixture *f)
{
	delete (f, "Wide", random_key(f));
}

static void do_update(struct fixture *f)
{
	struct ddb_value set = random_attributes(f, (struct ddb_value){.type = DDB_M});
	const struct ddb_changes *changes = NULL;
	struct ddb_put_result result;
	if (ddb_changes_of_map(&f->arena, &set, &changes, &f->err))
		return;
	struct ddb_update_item request = {.table = "Wide", .key = random_key(f), .changes = changes};
	assert_ok(f, OP(f->engine, update_item, &request, &result, &f->err));
}

static void do_move(struct fixture *f)
{
	struct ddb_move_item request = {
		.table = "Wide", .from = random_key(f), .to = random_key(f), .exchange = below(3) == 0};
	enum ddb_code code = OP(f->engine, move_item, &request, &f->err);
	assert_true(code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND);
}

static void do_move_partition(struct fixture *f)
{
	struct ddb_move_partition request = {
		.table = "Wide", .from = key_value(f, below(5)), .to = key_value(f, below(5))};
	enum ddb_code code = OP(f->engine, move_partition, &request, &f->err);
	assert_true(code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND || code == DDB_CONDITIONAL_CHECK_FAILED);
}

static void do_put_many(struct fixture *f)
{
	struct ddb_value items[20];
	struct ddb_put_many_result result;
	for (unsigned i = 0; i < 20; i++)
		items[i] = random_attributes(f, random_key(f));
	struct ddb_put_many request = {.table = "Wide", .items = items, .count = 20};
	assert_ok(f, OP(f->engine, put_many, &request, &result, &f->err));
}

static void do_touch(struct fixture *f)
{
	struct ddb_set_mtime request = {.table = "Wide", .key = random_key(f), .mtime_ns = 1 + below(1000)};
	enum ddb_code code = OP(f->engine, set_mtime, &request, &f->err);
	assert_true(code == DDB_OK || code == DDB_RESOURCE_NOT_FOUND);
}

static void keeps_entries_through_all_operations(void **state)
{
	F;
	static void (*const operations[])(struct fixture *) = {do_put, do_put, do_put, do_delete, do_update,
		do_update, do_move, do_touch, do_put_many, do_move_partition};
	create_from(f, "Wide", wide_definition);
	seed = 20;
	for (unsigned round = 0; round < 24; round++) {
		for (unsigned i = 0; i < 40; i++)
			operations[below(i % 20 ? 8 : 10)](f);
		assert_indexes(f, "Wide");
	}
	engine_reopen(f);
	assert_indexes(f, "Wide");
	struct items items = all_items(f, "Wide");
	assert_true(items.count > 20);
	for (size_t i = 0; i < items.count; i++)
		delete (f, "Wide",
			key_in(f,
				&(struct ddb_definition){.hash = {"pk", 2, DDB_S},
					.range = {"sk", 2, DDB_B},
					.has_range = true},
				items.entries[i].item));
	assert_indexes(f, "Wide");
}

/* An entry whose projection stays the same keeps its version; any other change gives it the item's. */
static void leaves_unchanged_entries_alone(void **state)
{
	F;
	create_from(f, "Wide", wide_definition);
	put(f, "Wide", MAP("pk=S:p", "sk=B:1", "n=N:5", "s=S:a", "y=S:one"));
	LOCAL_TABLE_AUTO struct local_table *table = find_table(f, "Wide");
	struct stored keys = dump_index(f, table, 1).entries[1], all = dump_index(f, table, 4).entries[1];
	struct ddb_put_result second = put(f, "Wide", MAP("pk=S:p", "sk=B:1", "n=N:5", "s=S:a", "y=S:two"));
	struct stored keys_after = dump_index(f, table, 1).entries[1];
	struct stored all_after = dump_index(f, table, 4).entries[1];
	assert_string_equal(table->table->definition->indexes[1].name, "local-n");
	assert_string_equal(table->table->definition->indexes[4].name, "by-s");
	assert_same_meta(&keys.meta, &keys_after.meta);
	assert_true(all_after.meta.version > all.meta.version);
	assert_int_equal(all_after.meta.version, second.meta.version);
	assert_indexes(f, "Wide");
}

/* ---- The rules ---- */

#define refuse_put(refused_item, text)                                                                       \
	do {                                                                                                 \
		struct ddb_put_item refused = {.table = "Wide", .item = (refused_item)};                     \
		struct ddb_put_result none;                                                                  \
		assert_refused(f, OP(f->engine, put_item, &refused, &none, &f->err), DDB_VALIDATION, text);  \
	} while (0)

static void obeys_the_rules_of_index_keys(void **state)
{
	F;
	create_from(f, "Wide", wide_definition);
	struct ddb_value base = MAP("pk=S:p", "sk=B:1");
	refuse_put(with(&f->arena, &base, "n", ddb_string("5", 1)),
		"One or more parameter values were invalid: Type mismatch for Index Key n Expected: N "
		"Actual: S "
		"IndexName: local-n");
	refuse_put(with(&f->arena, &base, "s", ddb_null()), "One or more parameter values were invalid: Type "
							    "mismatch for Index Key s Expected: S Actual: "
							    "NULL IndexName: by-b-s");
	refuse_put(with(&f->arena, &base, "s", ddb_string("", 0)),
		"One or more parameter values are not valid. A value specified for a secondary index key is "
		"not "
		"supported. The AttributeValue for a key attribute cannot contain an empty string value. "
		"IndexName: by-b-s, IndexKey: s");
	refuse_put(with(&f->arena, &base, "b", ddb_binary("", 0)),
		"One or more parameter values are not valid. A value specified for a secondary index key is "
		"not "
		"supported. The AttributeValue for a key attribute cannot contain an empty binary value. "
		"IndexName: local-b, IndexKey: b");
	refuse_put(with(&f->arena, &base, "s", filled(&f->arena, 1025, 's')),
		"One or more parameter values were invalid: Aggregated size of all range keys has exceeded "
		"the "
		"size limit of 1024 bytes");
	struct ddb_value sums = with(&f->arena, &base, "t", filled(&f->arena, 600, 't'));
	struct ddb_value half = filled(&f->arena, 500, 'b');
	half.type = DDB_B;
	refuse_put(with(&f->arena, &sums, "b", half), "One or more parameter values were invalid: Aggregated "
						      "size of all range keys has exceeded the "
						      "size limit of 1024 bytes");
	assert_int_equal(counts(f, "Wide").items, 0);
	put(f, "Wide", with(&f->arena, &base, "s", filled(&f->arena, 1024, 's')));
	half.count = 423;
	put(f, "Wide", with(&f->arena, &sums, "b", half));
	assert_indexes(f, "Wide");
}

static void takes_the_longest_keys(void **state)
{
	F;
	create_from(f, "Wide", wide_definition);
	static const char fills[] = {'\0', '\xff', 'k'};
	for (unsigned i = 0; i < 3; i++) {
		struct ddb_value item = {.type = DDB_M}, sk = filled(&f->arena, 1024, fills[i]);
		sk.type = DDB_B;
		item = with(&f->arena, &item, "pk", filled(&f->arena, 2048, (char)(fills[i] & 0x7f)));
		item = with(&f->arena, &item, "sk", sk);
		item = with(&f->arena, &item, "n", int_value(&f->arena, i));
		put(f, "Wide", item);
		struct ddb_value b = sk;
		b.count = 1000;
		sk.count = 24;
		item = with(&f->arena, &item, "b", b);
		item = with(&f->arena, &item, "sk", sk);
		item = with(&f->arena, &item, "pk", filled(&f->arena, 2000, (char)(fills[i] & 0x7f)));
		put(f, "Wide", item);
	}
	assert_indexes(f, "Wide");
}

/* ---- Bounds ---- */

static int compare_sort(const struct ddb_value *a, const struct ddb_value *b)
{
	return ddb_scalar_compare(a, b);
}

static bool naive_within(const struct ddb_key_range *range, const struct wanted *entry)
{
	for (unsigned i = 0; i < range->prefix_count; i++)
		if (!ddb_value_equal(&range->prefix[i], &entry->sort[i]))
			return false;
	const struct ddb_value *value = &entry->sort[range->prefix_count];
	if (range->lower.given && compare_sort(value, &range->lower.value) < (range->lower.inclusive ? 0 : 1))
		return false;
	if (range->upper.given &&
		compare_sort(value, &range->upper.value) > (range->upper.inclusive ? 0 : -1))
		return false;
	return !range->has_begins_with ||
	       (value->count >= range->begins_with.count &&
		       memcmp(value->bytes, range->begins_with.bytes, range->begins_with.count) == 0);
}

static bool key_within(const struct local_entry_range *range, const struct stored *entry)
{
	struct local_entry_key key = {.length = entry->length};
	memcpy(key.bytes, entry->key, entry->length);
	const struct local_entry_key *ends[] = {&range->from, &range->to};
	int orders[2];
	for (unsigned i = 0; i < 2; i++) {
		size_t shorter = key.length < ends[i]->length ? key.length : ends[i]->length;
		orders[i] = memcmp(key.bytes, ends[i]->bytes, shorter);
		if (!orders[i])
			orders[i] = (key.length > ends[i]->length) - (key.length < ends[i]->length);
	}
	return orders[0] >= 0 && orders[1] < 0;
}

/* Of the kinds of bounds a random choice; the values mostly those of entries. */
static struct ddb_key_range random_range(
	struct fixture *f, const struct ddb_index_definition *index, const struct wanted *like)
{
	struct ddb_key_range range = {.prefix_count = below(index->range_count + 1)};
	for (unsigned i = 0; i < range.prefix_count; i++)
		range.prefix[i] = like->sort[i];
	if (range.prefix_count == index->range_count)
		return range;
	enum ddb_type type = index->range[range.prefix_count].type;
	struct ddb_value value = type == DDB_N ? number_value(f) : bytes_value(f, type);
	if (below(2))
		value = like->sort[range.prefix_count];
	if (type != DDB_N && below(3) == 0) {
		range.has_begins_with = true;
		range.begins_with = value;
		range.begins_with.count = 1 + below(value.count);
		return range;
	}
	if (below(2))
		range.lower = (struct ddb_bound){.given = true, .inclusive = below(2), .value = value};
	if (!range.lower.given || below(2))
		range.upper = (struct ddb_bound){.given = true, .inclusive = below(2), .value = value};
	return range;
}

static void ranges_hold_what_conditions_say(void **state)
{
	F;
	create_from(f, "Wide", wide_definition);
	seed = 99;
	for (unsigned i = 0; i < 30; i++)
		do_put_many(f);
	LOCAL_TABLE_AUTO struct local_table *table = find_table(f, "Wide");
	struct items items = all_items(f, "Wide");
	struct wanted *wanted = calloc(items.count, sizeof *wanted);
	size_t held = 0, left = 0;
	for (unsigned position = 0; position < local_index_count(table); position++) {
		const struct ddb_index_definition *index = &table->table->definition->indexes[position];
		struct dump dump = dump_index(f, table, position);
		for (size_t at = 0; at < dump.count; at += 1 + (size_t)below(4)) {
			size_t head = at;
			while (!dump.entries[head].header)
				head--;
			struct ddb_value partition = dump.entries[head].value;
			size_t count = wanted_of(f, table, position, &items, &partition, wanted);
			struct ddb_key_range range = random_range(f, index, &wanted[below((unsigned)count)]);
			struct local_entry_range places;
			range.partition = partition;
			assert_ok(f, local_entry_range(local_of(f->engine)->store, index,
					     table->indexes[position].space, &range, &places, &f->err));
			for (size_t i = 0; i < dump.count; i++) {
				bool mine = i > head && i <= head + count;
				bool due = mine && naive_within(&range, &wanted[i - head - 1]);
				assert_int_equal(key_within(&places, &dump.entries[i]), due);
				held += due;
				left += mine && !due;
			}
		}
	}
	free(wanted);
	assert_true(held > 100 && left > 100);
}

/* ---- Definitions ---- */

static enum ddb_code convert_item(void *context, struct ddb_arena *arena,
	const struct ddb_definition *definition, const struct ddb_value *item, struct ddb_value *ret,
	struct ddb_error *err)
{
	(void)context;
	(void)definition;
	struct ddb_value sk = *ddb_map_get(item, DDB_PROVISIONAL_RANGE, 3), made = *item;
	const struct ddb_value pk = *ddb_map_get(item, DDB_PROVISIONAL_HASH, 3);
	sk.type = DDB_B;
	const struct {
		const char *name;
		const struct ddb_value *value;
	} changes[] = {{DDB_PROVISIONAL_HASH, NULL}, {DDB_PROVISIONAL_RANGE, NULL}, {"pk", &pk}, {"sk", &sk}};
	for (unsigned i = 0; i < 4; i++) {
		struct ddb_value *next = ddb_map_with(
			arena, &made, changes[i].name, strlen(changes[i].name), changes[i].value);
		if (!next)
			return ddb_fail_memory(err);
		made = *next;
	}
	*ret = made;
	return DDB_OK;
}

static void a_definition_makes_all_entries(void **state)
{
	F;
	create(f, "Wide", NULL);
	assert_ok(f, OP(f->engine, settle_table, "Wide", DDB_PROVISIONAL_COMPOSITE, &f->err));
	seed = 5;
	for (unsigned i = 0; i < 60; i++) {
		char text[16];
		snprintf(text, sizeof text, "%u", i);
		struct ddb_value item = {.type = DDB_M};
		item = with(&f->arena, &item, DDB_PROVISIONAL_HASH, key_value(f, below(5)));
		item = with(&f->arena, &item, DDB_PROVISIONAL_RANGE,
			ddb_string(ddb_arena_copy(&f->arena, text, strlen(text)), strlen(text)));
		put(f, "Wide", random_attributes(f, item));
	}
	struct ddb_definition *definition = definition_read(f, wide_definition);
	struct ddb_define_table request = {
		.table = "Wide", .definition = definition, .convert = convert_item};
	assert_ok(f, OP(f->engine, define_table, &request, &f->err));
	ddb_definition_unref(definition);
	assert_int_equal(counts(f, "Wide").items, 60);
	assert_true(counts(f, "Wide").indexes[0].entries > 10);
	assert_indexes(f, "Wide");
}

static void a_renamed_table_keeps_them_and_a_deleted_one_leaves_none(void **state)
{
	F;
	create_from(f, "Wide", wide_definition);
	seed = 8;
	for (unsigned i = 0; i < 5; i++)
		do_put_many(f);
	assert_ok(f, OP(f->engine, rename_table, "Wide", "Other", &f->err));
	assert_indexes(f, "Other");
	assert_true(count_records(f, LOCAL_ENTRY) > 0 && count_records(f, LOCAL_COLLECTION) > 0);
	assert_true(count_records(f, LOCAL_ENTRY_ALIAS) > 0);
	assert_ok(f, OP(f->engine, delete_table, "Other", false, &f->err));
	static const uint8_t kinds[] = {LOCAL_ITEM, LOCAL_ENTRY, LOCAL_ALIAS, LOCAL_ENTRY_ALIAS,
		LOCAL_COLLECTION, LOCAL_PROGRESS, LOCAL_COUNTERS, LOCAL_TOMBSTONE};
	for (unsigned i = 0; i < sizeof kinds; i++)
		assert_int_equal(count_records(f, kinds[i]), 0);
}

/* ---- Item collections ---- */

static void a_collection_has_a_limit(void **state)
{
	F;
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.collection_max = 3000});
	create_from(f, "Wide", wide_definition);
	create(f, "Free", "pk:S,sk:B");
	struct ddb_value item = MAP("pk=S:p", "sk=B:1"), other = MAP("pk=S:q", "sk=B:1");
	struct ddb_value second = MAP("pk=S:p", "sk=B:2", "n=N:1");
	put(f, "Wide", with(&f->arena, &item, "x", filled(&f->arena, 2000, 'x')));
	put(f, "Wide", with(&f->arena, &other, "x", filled(&f->arena, 2000, 'x')));
	struct ddb_put_item request = {
		.table = "Wide", .item = with(&f->arena, &second, "y", filled(&f->arena, 980, 'y'))};
	struct ddb_put_result result;
	/* The item alone would fit: its entry makes it too much. */
	assert_refused(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_ITEM_COLLECTION_TOO_LARGE,
		"Item collection size limit exceeded");
	request.item = with(&f->arena, &second, "y", filled(&f->arena, 900, 'y'));
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	struct ddb_value many[] = {MAP("pk=S:z", "sk=B:1"), MAP("pk=S:p", "sk=B:3"), MAP("pk=S:p", "sk=B:4")};
	many[1] = with(&f->arena, &many[1], "x", filled(&f->arena, 900, 'x'));
	struct ddb_put_many puts = {.table = "Wide", .items = many, .count = 3};
	struct ddb_put_many_result done = {.done = 9};
	assert_refused(f, OP(f->engine, put_many, &puts, &done, &f->err), DDB_ITEM_COLLECTION_TOO_LARGE,
		"Item collection size limit exceeded");
	assert_int_equal(done.done, 1);
	delete (f, "Wide", item);
	assert_ok(f, OP(f->engine, put_many, &puts, &done, &f->err));
	request = (struct ddb_put_item){
		.table = "Free", .item = with(&f->arena, &item, "x", filled(&f->arena, 9000, 'x'))};
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	assert_indexes(f, "Wide");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_entries_through_all_operations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(leaves_unchanged_entries_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(obeys_the_rules_of_index_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(takes_the_longest_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ranges_hold_what_conditions_say, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_definition_makes_all_entries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_renamed_table_keeps_them_and_a_deleted_one_leaves_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_collection_has_a_limit, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
