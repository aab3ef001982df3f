/*
 * What the tests of expiry share: a table with TTL, items that say themselves when they expire, all records
 * of expiries against what the items say, and a clock that a test sets. The engine's thread sleeps for hours.
 */
#ifndef LOCAL_EXPIRY_FIXTURE_H
#define LOCAL_EXPIRY_FIXTURE_H

#include "local_index_fixture.h"

#include "engine/local/ttl/expiry.h"

#define ATTRIBUTE(name, type) "{\"AttributeName\":\"" name "\",\"AttributeType\":\"" type "\"}"
#define KEY(name, type) "{\"AttributeName\":\"" name "\",\"KeyType\":\"" type "\"}"
#define INDEX(name, keys, projection)                                                                        \
	"{\"IndexName\":\"" name "\",\"KeySchema\":[" keys                                                   \
	"],\"Projection\":{\"ProjectionType\":\"" projection "\"}}"
#define TTL(name) ",\"TimeToLiveSpecification\":{\"AttributeName\":\"" name "\",\"Enabled\":true}"
#define STREAM ",\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}"
#define TABLE(more)                                                                                          \
	"{\"AttributeDefinitions\":[" ATTRIBUTE("pk", "S") "," ATTRIBUTE("sk", "N") "," ATTRIBUTE(           \
		"s", "S") "],"                                                                               \
			  "\"KeySchema\":[" KEY("pk", "HASH") "," KEY(                                       \
				  "sk", "RANGE") "],\"BillingMode\":\"PAY_PER_REQUEST\","                    \
						 "\"GlobalSecondaryIndexes\":[" INDEX(                       \
							 "by-s", KEY("s", "HASH"), "KEYS_ONLY") "]" more "}"

static const char without[] = TABLE("");
static const char with_ttl[] = TABLE(TTL("ttl"));
static const char with_other[] = TABLE(TTL("at"));

enum { NOW = 1700000000, YEARS = LOCAL_EXPIRY_PAST, PARTITIONS = 12 };

/* Numbers as they are written, and which time they mean; -1: none. */
static const struct form {
	const char *text;
	int64_t time;
} forms[] = {{"1", 1}, {"0", 0}, {"-0", 0}, {"0.5", 0}, {"-0.5", -1}, {"-1", -1}, {"-1e125", -1},
	{"1234567e1", 12345670}, {"1700000000", NOW}, {"1699999999.999", NOW - 1}, {"1700000000.5", NOW},
	{"1700000001", NOW + 1}, {"17e8", NOW}, {"1700000000.0000000000000000000000000001", NOW},
	{"1542320000", NOW - YEARS}, {"1542319999", NOW - YEARS - 1}, {"1800000000", 1800000000},
	{"999999999999999999", 999999999999999999}, {"1000000000000000000", -1}, {"1e125", -1}, {"1e-130", 0},
	{"99999999999999999999999999999999999999", -1}};
enum { FORMS = sizeof forms / sizeof *forms };

HELPER void open_hiding(struct fixture *f, bool hide)
{
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.ttl_interval = 24 * 3600, .hide_expired = hide});
	local_of(f->engine)->expiry_now = NOW;
}

HELPER void create_from(struct fixture *f, const char *name, const char *text)
{
	struct ddb_definition *definition = definition_read(f, text);
	assert_ok(f, OP(f->engine, create_table, name, definition, &f->err));
	ddb_definition_unref(definition);
}

HELPER void redefine(struct fixture *f, const char *text)
{
	struct ddb_definition *definition = definition_read(f, text);
	assert_ok(f, OP(f->engine, update_table, "Table", NULL, definition, &f->err));
	ddb_definition_unref(definition);
}

HELPER struct ddb_value expiring_key(struct fixture *f, unsigned number)
{
	char pk[160], sk[32];
	snprintf(pk, sizeof pk, "pk=S:%0*u", number % 5 ? 3 : 110, number % PARTITIONS);
	snprintf(sk, sizeof sk, "sk=N:%u", number);
	return MAP(pk, sk);
}

/* Some items have no time, some another type. */
HELPER struct ddb_value expiring_item(struct fixture *f, unsigned number, unsigned version)
{
	struct ddb_value item = expiring_key(f, number);
	const struct form *form = &forms[(number + version) % FORMS];
	char text[100];
	snprintf(text, sizeof text, "N:%s", form->text);
	item = with(&f->arena, &item, "x", int_value(&f->arena, version % 7));
	if (number % 3)
		item = with(&f->arena, &item, "s", ddb_string("abc", 1 + number % 3));
	if ((number + version) % 9 == 0)
		return with(&f->arena, &item, "ttl", ddb_string("1700000000", 10));
	if ((number + version) % 9 == 1)
		return item;
	item = with(&f->arena, &item, "ttl", text_value(&f->arena, text));
	return with(&f->arena, &item, "time", int_value(&f->arena, form->time));
}

/* The time that the item says it has; false: none. */
HELPER bool told_time(const struct ddb_value *item, int64_t *ret)
{
	const struct ddb_value *value = ddb_map_get(item, "time", 4);
	return value && ddb_number_to_int(value->bytes, value->count, ret) && *ret >= 0;
}

struct expiries { /* all records, of whatever space, in order */
	size_t count;
	struct {
		const uint8_t *key;
		size_t length;
	} keys[20000];
};

HELPER struct expiries *dump_expiries(struct fixture *f)
{
	struct expiries *all = ddb_arena_alloc(&f->arena, sizeof *all);
	const uint8_t first[1] = {LOCAL_EXPIRY};
	struct store_txn *view;
	struct store_cursor *cursor;
	bool found;
	all->count = 0;
	assert_ok(f, store_view(local_of(f->engine)->store, &view, &f->err));
	assert_ok(f, store_cursor_open(view, &cursor, &f->err));
	assert_ok(f, store_cursor_seek(cursor, first, 1, &found, &f->err));
	while (found) {
		const uint8_t *key;
		size_t length;
		store_cursor_key(cursor, &key, &length);
		if (key[0] != LOCAL_EXPIRY)
			break;
		all->keys[all->count].key = ddb_arena_copy(&f->arena, key, length);
		all->keys[all->count++].length = length;
		assert_ok(f, store_cursor_next(cursor, &found, &f->err));
	}
	store_cursor_close(cursor);
	store_view_end(view);
	return all;
}

HELPER bool has_expiry(const struct expiries *all, const uint8_t *key, size_t length)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->keys[i].length == length && !memcmp(all->keys[i].key, key, length))
			return true;
	return false;
}

/* There is a record for each item that has a time, under that time, and none else. */
HELPER void assert_expiries(struct fixture *f, const char *name)
{
	struct items items = all_items(f, name);
	struct expiries *all = dump_expiries(f);
	LOCAL_TABLE_AUTO struct local_table *table = find_table(f, name);
	size_t wanted = 0;
	for (size_t i = 0; i < items.count; i++) {
		uint8_t place[LOCAL_EXPIRY_KEY_MAX];
		struct local_key key;
		int64_t time;
		if (!table->expiry_space || !told_time(&items.entries[i].item, &time))
			continue;
		assert_ok(f, local_key_of_item(local_of(f->engine)->store, table->table, table->space,
				     &items.entries[i].item, &key, &f->err));
		size_t length = 1 + 4 + 8 + key.length - 5;
		place[0] = 'V';
		local_write_be(place + 1, table->expiry_space, 4);
		local_write_be(place + 5, (uint64_t)time, 8);
		memcpy(place + 13, key.bytes + 5, key.length - 5);
		assert_true(has_expiry(all, place, length));
		wanted++;
	}
	assert_int_equal(all->count, wanted);
}

HELPER void wait_filed(struct fixture *f, const char *name)
{
	for (;;) {
		LOCAL_TABLE_AUTO struct local_table *table = find_table(f, name);
		if (!local_table_pending(table))
			return;
		usleep(1000);
	}
}

#endif
