/*
 * The check of indexes: what breaks each of their rules, with good seals, is found; after a repair the store
 * is sound, and the indexes are what a naive recomputation says.
 */
#include "local_index_fixture.h"

static const char definition[] =
	"{\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},{\"AttributeName\":"
	"\"sk\","
	"\"AttributeType\":\"N\"},{\"AttributeName\":\"s\",\"AttributeType\":\"S\"},{\"AttributeName\":\"n\","
	"\"AttributeType\":\"N\"}],\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"
	"{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],\"BillingMode\":\"PAY_PER_REQUEST\","
	"\"LocalSecondaryIndexes\":[{\"IndexName\":\"local-n\",\"KeySchema\":[{\"AttributeName\":\"pk\","
	"\"KeyType\":\"HASH\"},{\"AttributeName\":\"n\",\"KeyType\":\"RANGE\"}],\"Projection\":"
	"{\"ProjectionType\":\"KEYS_ONLY\"}}],\"GlobalSecondaryIndexes\":[{\"IndexName\":\"by-s\","
	"\"KeySchema\":"
	"[{\"AttributeName\":\"s\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"n\",\"KeyType\":\"HASH\"},"
	"{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}]}";

enum { ITEMS = 40, LOCAL_N = 0, BY_S = 1 };

static struct ddb_value numbered(struct fixture *f, unsigned number)
{
	char pk[160], sk[16], s[160];
	snprintf(pk, sizeof pk, "pk=S:%0*u", number % 2 ? 110 : 1, number % 7);
	snprintf(sk, sizeof sk, "sk=N:%u", number);
	snprintf(s, sizeof s, "s=S:%0*u", number % 3 ? 1 : 120, number % 5);
	struct ddb_value item = MAP(pk, sk, s, "x=S:text");
	return number % 6 ? with(&f->arena, &item, "n", int_value(&f->arena, number % 2)) : item;
}

static void fill(struct fixture *f)
{
	struct ddb_definition *made = definition_read(f, definition);
	assert_ok(f, OP(f->engine, create_table, "Table", made, &f->err));
	ddb_definition_unref(made);
	for (unsigned i = 0; i < ITEMS; i++)
		put(f, "Table", numbered(f, i));
}

/* ---- Breakages ---- */

struct breakage {
	struct fixture *f;
	struct store_txn *txn;
	const struct local_table *table;
	struct dump dumps[2]; /* as it was */
};

/* Some entry (or header) of an index; each `skip` another. */
static const struct stored *pick(const struct breakage *b, unsigned position, bool header, unsigned skip)
{
	const struct dump *dump = &b->dumps[position];
	for (size_t i = 0; i < dump->count; i++)
		if (dump->entries[i].header == header && skip-- == 0)
			return &dump->entries[i];
	fail_msg("too few entries");
	return NULL;
}

static struct store_value read_record(struct breakage *b, const uint8_t *key, size_t length)
{
	struct store_value value;
	assert_ok(b->f, store_get(b->txn, &b->f->arena, key, length, true, &value, &b->f->err));
	return value;
}

static void write_record(
	struct breakage *b, const uint8_t *key, size_t length, const struct store_value *value)
{
	assert_ok(b->f, store_put(b->txn, key, length, value->head, value->head_length, value->body,
				value->body_length, &b->f->err));
}

static void delete_record(struct breakage *b, const uint8_t *key, size_t length)
{
	bool existed = false;
	assert_ok(b->f, store_delete(b->txn, key, length, &existed, &b->f->err));
	assert_true(existed);
}

/* The first record of a kind, in one of the table's spaces. */
static const uint8_t *first_of(struct breakage *b, enum local_kind kind, uint32_t space, size_t *ret_length)
{
	uint8_t prefix[LOCAL_SPACE_BYTES];
	struct store_cursor *cursor;
	const uint8_t *key;
	bool found;
	local_space_key(kind, space, prefix);
	assert_ok(b->f, store_cursor_open(b->txn, &cursor, &b->f->err));
	assert_ok(b->f, store_cursor_seek(cursor, prefix, sizeof prefix, &found, &b->f->err));
	assert_true(found);
	store_cursor_key(cursor, &key, ret_length);
	assert_memory_equal(key, prefix, sizeof prefix);
	key = ddb_arena_copy(&b->f->arena, key, *ret_length);
	store_cursor_close(cursor);
	return key;
}

static void missing_entry(struct breakage *b)
{
	const struct stored *entry = pick(b, BY_S, false, 3);
	delete_record(b, entry->key, entry->length);
}

static void all_entries_missing(struct breakage *b)
{
	for (size_t i = 0; i < b->dumps[LOCAL_N].count; i++)
		delete_record(b, b->dumps[LOCAL_N].entries[i].key, b->dumps[LOCAL_N].entries[i].length);
}

static void other_contents(struct breakage *b)
{
	const struct stored *entry = pick(b, BY_S, false, 1), *other = pick(b, BY_S, false, 5);
	struct store_value value = read_record(b, entry->key, entry->length),
			   wrong = read_record(b, other->key, other->length);
	value.body = wrong.body;
	value.body_length = wrong.body_length;
	write_record(b, entry->key, entry->length, &value);
}

static void change_head(struct breakage *b, unsigned at)
{
	const struct stored *entry = pick(b, LOCAL_N, false, 2);
	struct store_value value = read_record(b, entry->key, entry->length);
	uint8_t *head = ddb_arena_copy(&b->f->arena, value.head, value.head_length);
	head[at] ^= 0x40;
	value.head = head;
	write_record(b, entry->key, entry->length, &value);
}

static void future_head(struct breakage *b)
{
	change_head(b, 0);
}

static void wrong_serial(struct breakage *b)
{
	change_head(b, 2);
}

static void wrong_version(struct breakage *b)
{
	change_head(b, 10 + 7);
}

static void wrong_size(struct breakage *b)
{
	change_head(b, 26);
}

static void wrong_rendered(struct breakage *b)
{
	change_head(b, 30);
}

static void wrong_copy(struct breakage *b)
{
	change_head(b, LOCAL_ITEM_HEAD_MIN);
}

static void entry_without_item(struct breakage *b)
{
	const struct stored *entry = pick(b, BY_S, false, 0);
	struct store_value value = read_record(b, entry->key, entry->length);
	uint8_t *key = ddb_arena_copy(&b->f->arena, entry->key, entry->length);
	key[entry->length - 1] ^= 1; /* in the item's sort key */
	write_record(b, key, entry->length, &value);
}

static void entry_with_other_values(struct breakage *b)
{
	const struct stored *entry = pick(b, LOCAL_N, false, 4), *header = pick(b, LOCAL_N, true, 0);
	struct store_value value = read_record(b, entry->key, entry->length);
	uint8_t *key = ddb_arena_copy(&b->f->arena, entry->key, entry->length);
	if (memcmp(key, header->key, LOCAL_PREFIX_BYTES) == 0)
		header = pick(b, LOCAL_N, true, 1);
	memcpy(key, header->key, LOCAL_PREFIX_BYTES);
	write_record(b, key, entry->length, &value);
}

static void entry_that_is_none(struct breakage *b)
{
	const struct stored *entry = pick(b, BY_S, false, 0);
	struct store_value value = read_record(b, entry->key, entry->length);
	write_record(b, entry->key, LOCAL_PREFIX_BYTES - 3, &value);
	write_record(b, entry->key, LOCAL_PREFIX_BYTES + 3, &value);
}

static void missing_header(struct breakage *b)
{
	const struct stored *header = pick(b, BY_S, true, 1);
	delete_record(b, header->key, header->length);
}

static void wrong_header(struct breakage *b)
{
	const struct stored *header = pick(b, BY_S, true, 1), *other = pick(b, BY_S, true, 2);
	struct store_value value = read_record(b, other->key, other->length);
	write_record(b, header->key, header->length, &value);
}

static void header_without_entries(struct breakage *b)
{
	const struct stored *header = pick(b, LOCAL_N, true, 1);
	struct store_value value = read_record(b, header->key, header->length);
	uint8_t *key = ddb_arena_copy(&b->f->arena, header->key, header->length);
	key[LOCAL_PREFIX_BYTES - 1] ^= 1;
	write_record(b, key, LOCAL_PREFIX_BYTES, &value);
}

static void missing_alias(struct breakage *b, enum local_kind kind, uint32_t space)
{
	size_t length;
	const uint8_t *key = first_of(b, kind, space, &length);
	delete_record(b, key, length);
}

static void missing_entry_alias(struct breakage *b)
{
	missing_alias(b, LOCAL_ENTRY_ALIAS, b->table->indexes[BY_S].space);
}

static void missing_partition_alias(struct breakage *b)
{
	missing_alias(b, LOCAL_ALIAS, b->table->indexes[BY_S].space);
}

static void missing_item_alias(struct breakage *b)
{
	missing_alias(b, LOCAL_ENTRY_ALIAS, b->table->space);
}

static void alias_in_a_wrong_place(struct breakage *b, enum local_kind kind, uint32_t space)
{
	size_t length;
	const uint8_t *key = first_of(b, kind, space, &length);
	struct store_value value = read_record(b, key, length);
	uint8_t *other = ddb_arena_copy(&b->f->arena, key, length);
	other[length - 1] ^= 1;
	write_record(b, other, length, &value);
}

static void stray_entry_alias(struct breakage *b)
{
	alias_in_a_wrong_place(b, LOCAL_ENTRY_ALIAS, b->table->indexes[LOCAL_N].space);
}

static void stray_partition_alias(struct breakage *b)
{
	alias_in_a_wrong_place(b, LOCAL_ALIAS, b->table->indexes[BY_S].space);
}

static void stray_item_alias(struct breakage *b)
{
	alias_in_a_wrong_place(b, LOCAL_ENTRY_ALIAS, b->table->space);
}

static void wrong_counters(struct breakage *b)
{
	struct local_counters counters;
	bool found;
	assert_ok(b->f, local_counters_read(b->txn, b->table->space, &counters, &found, &b->f->err));
	counters.indexes[BY_S].bytes--;
	assert_ok(b->f, local_counters_write(b->txn, b->table->space, &counters, &b->f->err));
}

static void missing_counters(struct breakage *b)
{
	uint8_t key[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_COUNTERS, b->table->space, key);
	delete_record(b, key, sizeof key);
}

static void missing_collection(struct breakage *b)
{
	missing_alias(b, LOCAL_COLLECTION, b->table->space);
}

static void wrong_collection(struct breakage *b)
{
	size_t length;
	const uint8_t *key = first_of(b, LOCAL_COLLECTION, b->table->space, &length);
	struct store_value value = read_record(b, key, length);
	uint8_t *head = ddb_arena_copy(&b->f->arena, value.head, value.head_length);
	head[1]++;
	value.head = head;
	write_record(b, key, length, &value);
}

static void collection_without_items(struct breakage *b)
{
	alias_in_a_wrong_place(b, LOCAL_COLLECTION, b->table->space);
}

static void entries_of_no_index(struct breakage *b)
{
	const struct stored *entry = pick(b, BY_S, false, 0);
	struct store_value value = read_record(b, entry->key, entry->length);
	uint8_t *key = ddb_arena_copy(&b->f->arena, entry->key, entry->length);
	local_space_key(LOCAL_ENTRY, 77, key);
	write_record(b, key, entry->length, &value);
}

/* What is under the table's own number must not take the table along. */
static void entries_in_the_tables_space(struct breakage *b)
{
	const struct stored *entry = pick(b, BY_S, false, 0);
	struct store_value value = read_record(b, entry->key, entry->length);
	uint8_t *key = ddb_arena_copy(&b->f->arena, entry->key, entry->length);
	local_space_key(LOCAL_ENTRY, b->table->space, key);
	write_record(b, key, entry->length, &value);
	local_space_key(LOCAL_ITEM, b->table->indexes[BY_S].space, key);
	write_record(b, key, entry->length, &value);
}

static const struct breaking {
	const char *name;
	void (*make)(struct breakage *b);
	unsigned least; /* problems that are found */
} breakings[] = {
	{"missing entry", missing_entry, 1},
	{"all entries missing", all_entries_missing, 30},
	{"other contents", other_contents, 1},
	{"head of a future format", future_head, 1},
	{"wrong serial", wrong_serial, 1},
	{"wrong version", wrong_version, 1},
	{"wrong size", wrong_size, 1},
	{"wrong rendered sizes", wrong_rendered, 1},
	{"wrong copy of the key", wrong_copy, 1},
	{"entry without item", entry_without_item, 1},
	{"entry with other values", entry_with_other_values, 1},
	{"entry that is none", entry_that_is_none, 2},
	{"missing header", missing_header, 1},
	{"wrong header", wrong_header, 1},
	{"header without entries", header_without_entries, 1},
	{"missing alias of an entry", missing_entry_alias, 1},
	{"missing alias of a partition", missing_partition_alias, 1},
	{"missing alias of an item", missing_item_alias, 1},
	{"stray alias of an entry", stray_entry_alias, 1},
	{"stray alias of a partition", stray_partition_alias, 1},
	{"stray alias of an item", stray_item_alias, 1},
	{"wrong counters", wrong_counters, 1},
	{"missing counters", missing_counters, 1},
	{"missing collection", missing_collection, 1},
	{"wrong collection", wrong_collection, 1},
	{"collection without items", collection_without_items, 1},
	{"entries of no index", entries_of_no_index, 1},
	{"entries in the table's space", entries_in_the_tables_space, 2},
};

struct breaking_run {
	struct breakage *b;
	const struct breaking *breaking;
};

static enum ddb_code break_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	(void)err;
	struct breaking_run *run = context;
	run->b->txn = txn;
	run->breaking->make(run->b);
	return DDB_OK;
}

static void break_one(struct fixture *f, const struct breaking *breaking)
{
	LOCAL_TABLE_AUTO struct local_table *table = find_table(f, "Table");
	struct breakage b = {.f = f, .table = table};
	struct breaking_run run = {.b = &b, .breaking = breaking};
	for (unsigned i = 0; i < 2; i++)
		b.dumps[i] = dump_index(f, table, i);
	assert_ok(f, store_write(local_of(f->engine)->store, break_job, &run, false, &f->err));
}

static void finds_and_repairs_what_is_broken(void **state)
{
	F;
	fill(f);
	for (size_t i = 0; i < sizeof breakings / sizeof *breakings; i++) {
		print_message("breaking: %s\n", breakings[i].name);
		assert_indexes(f, "Table");
		break_one(f, &breakings[i]);
		struct ddb_check_result found = run_check(f, false), repaired = run_check(f, true);
		assert_true(found.problems >= breakings[i].least);
		assert_int_equal(found.repaired, 0);
		assert_true(repaired.repaired >= breakings[i].least);
		assert_int_equal(repaired.items, ITEMS);
	}
	assert_indexes(f, "Table");
	assert_int_equal(counts(f, "Table").items, ITEMS);
}

/* All at once, and by name: repairs do not stand in each other's way. */
static void repairs_all_of_it_at_once(void **state)
{
	F;
	fill(f);
	for (size_t i = 0; i < sizeof breakings / sizeof *breakings; i++)
		if (breakings[i].make != all_entries_missing && breakings[i].make != future_head &&
			breakings[i].make != wrong_header && breakings[i].make != missing_collection)
			break_one(f, &breakings[i]);
	assert_true(run_check(f, true).repaired > 15);
	assert_indexes(f, "Table");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_and_repairs_what_is_broken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(repairs_all_of_it_at_once, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
