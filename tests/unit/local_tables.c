/*
 * The local engine's tables: making, describing, changing, settling, defining and deleting them.
 */
#include "local_fixture.h"

#include "engine/local/local_private.h"

static struct ddb_table *describe(struct fixture *f, const char *name)
{
	struct ddb_table *table = NULL;
	assert_ok(f, OP(f->engine, describe_table, name, &table, &f->err));
	return table;
}

static void creates_and_describes(void **state)
{
	F;
	create(f, "Users", "id:S");
	create(f, "Orders", "pk:N,sk:B");
	DDB_TABLE_AUTO struct ddb_table *users = describe(f, "Users");
	DDB_TABLE_AUTO struct ddb_table *orders = describe(f, "Orders");
	assert_string_equal(users->name, "Users");
	assert_int_equal(users->provisional, DDB_DEFINED);
	assert_string_equal(users->definition->hash.name, "id");
	assert_false(users->definition->has_range);
	assert_int_equal(orders->definition->range.type, DDB_B);
	assert_int_not_equal(users->id, orders->id);
	assert_int_equal(strlen(users->uuid), 36);
	assert_int_equal(users->uuid[14], '4');
	assert_string_not_equal(users->uuid, orders->uuid);
	assert_true(users->created_ns > 0 && users->changed_ns == users->created_ns);
	assert_int_equal(counts(f, "Users").items, 0);
}

static void refuses_names_and_absence(void **state)
{
	F;
	struct ddb_table *table;
	struct ddb_table_counts counted;
	struct ddb_definition *definition = definition_of(f, "id:S");
	char longest[300];
	memset(longest, 'x', sizeof longest);
	longest[255] = '\0';
	create(f, "Users", "id:S");
	create(f, longest, "id:S");
	longest[255] = 'x';
	longest[256] = '\0';
	assert_refused(f, OP(f->engine, create_table, "Users", definition, &f->err), DDB_RESOURCE_IN_USE,
		"Table already exists: Users");
	assert_refused(f, OP(f->engine, create_table, "Users", NULL, &f->err), DDB_RESOURCE_IN_USE,
		"Table already exists: Users");
	assert_code(f, OP(f->engine, create_table, "ab", definition, &f->err), DDB_VALIDATION);
	assert_code(f, OP(f->engine, create_table, "a b c", definition, &f->err), DDB_VALIDATION);
	assert_code(f, OP(f->engine, create_table, longest, definition, &f->err), DDB_VALIDATION);
	static const char missing[] = "Requested resource not found: Table: Nobody not found";
	assert_refused(
		f, OP(f->engine, describe_table, "Nobody", &table, &f->err), DDB_RESOURCE_NOT_FOUND, missing);
	assert_refused(
		f, OP(f->engine, count_table, "Nobody", &counted, &f->err), DDB_RESOURCE_NOT_FOUND, missing);
	assert_refused(
		f, OP(f->engine, delete_table, "Nobody", false, &f->err), DDB_RESOURCE_NOT_FOUND, missing);
	assert_refused(f, OP(f->engine, update_table, "Nobody", NULL, definition, &f->err),
		DDB_RESOURCE_NOT_FOUND, missing);
	assert_refused(f, OP(f->engine, settle_table, "Nobody", DDB_PROVISIONAL_SIMPLE, &f->err),
		DDB_RESOURCE_NOT_FOUND, missing);
	assert_code(f, OP(f->engine, describe_table, longest, &table, &f->err), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, OP(f->engine, describe_table, "", &table, &f->err), DDB_RESOURCE_NOT_FOUND);
	ddb_definition_unref(definition);
}

static void lists_in_pages(void **state)
{
	F;
	char name[16];
	for (unsigned i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "T%02u", (i * 7) % 30);
		create(f, name, i % 2 ? "id:S" : NULL);
	}
	for (uint32_t limit = 0; limit < 33; limit++) {
		const char *after = NULL;
		unsigned seen = 0;
		struct ddb_table_names names = {.more = true};
		while (names.more) {
			assert_ok(f, OP(f->engine, list_tables, &f->arena, after, limit, &names, &f->err));
			assert_true(limit == 0 || names.count <= limit);
			assert_true(names.more == (seen + names.count < 30));
			for (size_t i = 0; i < names.count; i++, seen++) {
				snprintf(name, sizeof name, "T%02u", seen);
				assert_string_equal(names.names[i], name);
			}
			after = names.count ? names.names[names.count - 1] : after;
		}
		assert_int_equal(seen, 30);
	}
	struct ddb_table_names names;
	assert_ok(f, OP(f->engine, list_tables, &f->arena, "T285", 10, &names, &f->err));
	assert_int_equal(names.count, 1);
	assert_string_equal(names.names[0], "T29");
}

static void survives_reopening(void **state)
{
	F;
	create(f, "Users", "id:S");
	create(f, "New", NULL);
	put(f, "Users", MAP("id=S:alice", "n=N:12"));
	struct ddb_table *before = describe(f, "Users");
	engine_reopen(f);
	DDB_TABLE_AUTO struct ddb_table *after = describe(f, "Users");
	DDB_TABLE_AUTO struct ddb_table *new_table = describe(f, "New");
	assert_int_equal(after->id, before->id);
	assert_string_equal(after->uuid, before->uuid);
	assert_true(after->created_ns == before->created_ns && after->changed_ns == before->changed_ns);
	assert_true(ddb_definition_equal(after->definition, before->definition));
	assert_int_equal(new_table->provisional, DDB_PROVISIONAL);
	assert_null(new_table->definition);
	assert_int_equal(counts(f, "Users").items, 1);
	assert_int_equal(counts(f, "Users").bytes, 2 + 5 + 1 + 2);
	ddb_table_unref(before);
	create(f, "Later", "id:S");
	DDB_TABLE_AUTO struct ddb_table *later = describe(f, "Later");
	assert_true(later->id > new_table->id);
}

static void updates(void **state)
{
	F;
	static const char first[] =
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}]}";
	static const char second[] =
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],"
		"\"DeletionProtectionEnabled\":true}";
	struct ddb_definition *plain = definition_read(f, first), *protected = definition_read(f, second);
	struct ddb_definition *other = definition_of(f, "id:N");
	assert_ok(f, OP(f->engine, create_table, "Users", plain, &f->err));
	put(f, "Users", MAP("id=S:alice"));
	DDB_TABLE_AUTO struct ddb_table *before = describe(f, "Users");
	assert_ok(f, OP(f->engine, update_table, "Users", NULL, plain, &f->err));
	DDB_TABLE_AUTO struct ddb_table *equal = describe(f, "Users");
	assert_true(equal->changed_ns == before->changed_ns);
	assert_ok(f, OP(f->engine, update_table, "Users", NULL, protected, &f->err));
	DDB_TABLE_AUTO struct ddb_table *after = describe(f, "Users");
	assert_true(after->changed_ns > before->changed_ns);
	assert_int_equal(after->id, before->id);
	assert_true(after->definition->deletion_protection);
	assert_refused(f, OP(f->engine, delete_table, "Users", false, &f->err), DDB_VALIDATION,
		"Resource cannot be deleted as it is currently protected against deletion. "
		"Disable deletion protection first.");
	assert_code(f, OP(f->engine, update_table, "Users", NULL, other, &f->err), DDB_VALIDATION);
	assert_true(get(f, "Users", MAP("id=S:alice")).found);
	put(f, "Users", MAP("id=S:bob"));
	assert_ok(f, OP(f->engine, update_table, "Users", NULL, plain, &f->err));
	assert_ok(f, OP(f->engine, delete_table, "Users", false, &f->err));
	create(f, "New", NULL);
	assert_code(f, OP(f->engine, update_table, "New", NULL, plain, &f->err), DDB_VALIDATION);
	ddb_definition_unref(plain);
	ddb_definition_unref(protected);
	ddb_definition_unref(other);
}

static void settles(void **state)
{
	F;
	create(f, "Simple", NULL);
	create(f, "Composite", NULL);
	create(f, "Defined", "pk:S,sk:S");
	assert_ok(f, OP(f->engine, settle_table, "Simple", DDB_PROVISIONAL_SIMPLE, &f->err));
	assert_ok(f, OP(f->engine, settle_table, "Simple", DDB_PROVISIONAL_SIMPLE, &f->err));
	assert_ok(f, OP(f->engine, settle_table, "Composite", DDB_PROVISIONAL_COMPOSITE, &f->err));
	assert_ok(f, OP(f->engine, settle_table, "Defined", DDB_PROVISIONAL_COMPOSITE, &f->err));
	assert_code(
		f, OP(f->engine, settle_table, "Simple", DDB_PROVISIONAL_COMPOSITE, &f->err), DDB_VALIDATION);
	assert_code(
		f, OP(f->engine, settle_table, "Composite", DDB_PROVISIONAL_SIMPLE, &f->err), DDB_VALIDATION);
	assert_code(
		f, OP(f->engine, settle_table, "Defined", DDB_PROVISIONAL_SIMPLE, &f->err), DDB_VALIDATION);
	assert_code(f, OP(f->engine, settle_table, "Simple", DDB_PROVISIONAL, &f->err), DDB_VALIDATION);
	engine_reopen(f);
	DDB_TABLE_AUTO struct ddb_table *simple = describe(f, "Simple");
	DDB_TABLE_AUTO struct ddb_table *composite = describe(f, "Composite");
	assert_int_equal(simple->provisional, DDB_PROVISIONAL_SIMPLE);
	assert_string_equal(simple->definition->hash.name, DDB_PROVISIONAL_HASH);
	assert_false(simple->definition->has_range);
	assert_int_equal(composite->provisional, DDB_PROVISIONAL_COMPOSITE);
	assert_string_equal(composite->definition->range.name, DDB_PROVISIONAL_RANGE);
}

static void kindless_holds_nothing(void **state)
{
	F;
	struct ddb_put_result put_result;
	struct ddb_get_result get_result;
	struct ddb_delete_result delete_result;
	struct ddb_page page;
	struct ddb_partitions partitions;
	struct ddb_value key = MAP("\xffpk=S:a"), value = ddb_string("a", 1);
	create(f, "New", NULL);
	assert_code(f,
		OP(f->engine, put_item, &(struct ddb_put_item){.table = "New", .item = key}, &put_result,
			&f->err),
		DDB_VALIDATION);
	assert_non_null(strstr(f->err.message, "New"));
	assert_code(f,
		OP(f->engine, get_item, &f->arena, &(struct ddb_get_item){.table = "New", .key = key},
			&get_result, &f->err),
		DDB_VALIDATION);
	assert_code(f,
		OP(f->engine, delete_item, &(struct ddb_delete_item){.table = "New", .key = key},
			&delete_result, &f->err),
		DDB_VALIDATION);
	assert_code(f,
		OP(f->engine, update_item, &(struct ddb_update_item){.table = "New", .key = key}, &put_result,
			&f->err),
		DDB_VALIDATION);
	assert_code(f,
		OP(f->engine, query, &f->arena,
			&(struct ddb_query){.table = "New", .range = PARTITION(value)}, &page, &f->err),
		DDB_VALIDATION);
	assert_int_equal(query(f, (struct ddb_query){.table = "New"}).count, 0);
	assert_ok(f, OP(f->engine, list_partitions, &f->arena, &(struct ddb_list_partitions){.table = "New"},
			     &partitions, &f->err));
	assert_int_equal(partitions.count, 0);
}

/* ---- Defining ---- */

struct conversion {
	unsigned asked;
	const char *refused; /* the key that is refused, or NULL */
	bool collide;        /* all items get the same key */
	size_t grow;         /* bytes added to each item */
};

static void rename_key(struct ddb_arena *arena, struct ddb_value *item, const char *from,
	const struct ddb_key_attribute *to, bool collide)
{
	const struct ddb_value *old = ddb_map_get(item, from, strlen(from));
	struct ddb_number number;
	struct ddb_value value = *old;
	if (collide)
		value = ddb_string("same", 4);
	if (to->type == DDB_N) {
		assert_int_equal(
			ddb_number_read((const char *)old->bytes, old->count, &number, NULL), DDB_OK);
		value = ddb_number_value(ddb_arena_copy(arena, &number, sizeof number));
	}
	*item = with(arena, item, to->name, value);
	*item = *ddb_map_with(arena, item, from, strlen(from), NULL);
}

static enum ddb_code convert(void *context, struct ddb_arena *arena, const struct ddb_definition *definition,
	const struct ddb_value *item, struct ddb_value *ret, struct ddb_error *err)
{
	struct conversion *conversion = context;
	struct ddb_value made = *item;
	const struct ddb_value *key = ddb_map_get(item, DDB_PROVISIONAL_HASH, 3);
	conversion->asked++;
	assert_non_null(key);
	if (conversion->refused && key->count == strlen(conversion->refused) &&
		memcmp(key->bytes, conversion->refused, key->count) == 0)
		return ddb_fail(err, DDB_VALIDATION, "refused: %s", conversion->refused);
	rename_key(arena, &made, DDB_PROVISIONAL_HASH, &definition->hash, conversion->collide);
	if (definition->has_range)
		rename_key(arena, &made, DDB_PROVISIONAL_RANGE, &definition->range, false);
	if (conversion->grow)
		made = with(arena, &made, "grown", filled(arena, conversion->grow, 'g'));
	*ret = made;
	return DDB_OK;
}

static enum ddb_code define(
	struct fixture *f, const char *table, const char *key, struct conversion *conversion)
{
	struct ddb_definition *definition = definition_of(f, key);
	struct ddb_define_table request = {
		.table = table, .definition = definition, .convert = convert, .context = conversion};
	enum ddb_code code = OP(f->engine, define_table, &request, &f->err);
	ddb_definition_unref(definition);
	return code;
}

static void defines_simple(void **state)
{
	F;
	struct conversion conversion = {.asked = 0};
	create(f, "New", NULL);
	assert_ok(f, OP(f->engine, settle_table, "New", DDB_PROVISIONAL_SIMPLE, &f->err));
	struct ddb_put_item one = {.table = "New", .item = MAP("\xffpk=S:1", "n=N:5"), .mtime_ns = 1234567};
	struct ddb_put_result put_result;
	assert_ok(f, OP(f->engine, put_item, &one, &put_result, &f->err));
	assert_int_equal(put_result.meta.size, 1 + 2); /* the stand-in does not count */
	put(f, "New", MAP("\xffpk=S:20"));
	DDB_TABLE_AUTO struct ddb_table *before = describe(f, "New");
	assert_ok(f, define(f, "New", "id:N", &conversion));
	assert_int_equal(conversion.asked, 2);
	DDB_TABLE_AUTO struct ddb_table *after = describe(f, "New");
	assert_int_equal(after->provisional, DDB_DEFINED);
	assert_int_equal(after->id, before->id);
	assert_string_equal(after->uuid, before->uuid);
	assert_true(after->changed_ns > before->changed_ns);
	struct ddb_get_result got = get(f, "New", MAP("id=N:1"));
	assert_true(got.found);
	assert_int_equal(got.entry.meta.serial, put_result.meta.serial);
	assert_int_equal(got.entry.meta.mtime_ns, 1234567);
	assert_true(got.entry.meta.version > put_result.meta.version);
	assert_int_equal(got.entry.meta.size, 1 + 2 + 2 + 2);
	assert_string_equal(text_of(&f->arena, &got.entry.item, "n"), "5");
	assert_null(ddb_map_get(&got.entry.item, DDB_PROVISIONAL_HASH, 3));
	assert_int_equal(counts(f, "New").items, 2);
	struct ddb_put_result later = put(f, "New", MAP("id=N:3"));
	assert_int_equal(later.meta.serial, 3);
	assert_code(f, define(f, "New", "id:N", &conversion), DDB_RESOURCE_IN_USE);
	engine_reopen(f);
	assert_true(get(f, "New", MAP("id=N:20")).found);
}

static void defines_composite_with_its_partitions(void **state)
{
	F;
	struct conversion conversion = {.asked = 0};
	struct ddb_partition before, after;
	struct ddb_value key = ddb_string("a", 1);
	create(f, "New", NULL);
	assert_ok(f, OP(f->engine, settle_table, "New", DDB_PROVISIONAL_COMPOSITE, &f->err));
	put(f, "New", MAP("\xffpk=S:b", "\xffsk=S:1"));
	put(f, "New", MAP("\xffpk=S:a", "\xffsk=S:1"));
	put(f, "New", MAP("\xffpk=S:a", "\xffsk=S:-2"));
	assert_ok(f, OP(f->engine, get_partition, "New", NULL, &key, &before, &f->err));
	assert_ok(f, define(f, "New", "pk:S,sk:N", &conversion));
	assert_ok(f, OP(f->engine, get_partition, "New", NULL, &key, &after, &f->err));
	assert_int_equal(before.serial, after.serial);
	assert_true(before.mtime_ns == after.mtime_ns);
	struct ddb_page page = query(f, (struct ddb_query){.table = "New", .range = PARTITION(key)});
	assert_int_equal(page.count, 2);
	assert_string_equal(text_of(&f->arena, &page.entries[0].item, "sk"), "-2");
	assert_int_equal(put(f, "New", MAP("pk=S:c", "sk=N:1")).meta.serial, 6);
}

static void a_refused_definition_changes_nothing(void **state)
{
	F;
	struct conversion conversion = {.refused = "2"};
	char text[32];
	create(f, "New", NULL);
	assert_ok(f, OP(f->engine, settle_table, "New", DDB_PROVISIONAL_SIMPLE, &f->err));
	for (unsigned i = 0; i < 5; i++) {
		snprintf(text, sizeof text, "\xffpk=S:%u", i);
		put(f, "New", MAP(text, "n=N:5"));
	}
	assert_refused(f, define(f, "New", "id:S", &conversion), DDB_VALIDATION, "refused: 2");
	assert_int_equal(conversion.asked, 5); /* the others were asked all the same */
	conversion = (struct conversion){.collide = true};
	assert_refused(f, define(f, "New", "id:S", &conversion), DDB_VALIDATION,
		"Provided list of item keys contains duplicates");
	conversion = (struct conversion){.grow = DDB_ITEM_SIZE_MAX};
	assert_refused(f, define(f, "New", "id:S", &conversion), DDB_ITEM_TOO_LARGE,
		"Item size has exceeded the maximum allowed size");
	assert_int_equal(conversion.asked, 5);
	DDB_TABLE_AUTO struct ddb_table *table = describe(f, "New");
	assert_int_equal(table->provisional, DDB_PROVISIONAL_SIMPLE);
	assert_int_equal(counts(f, "New").items, 5);
	assert_true(get(f, "New", MAP("\xffpk=S:2")).found);
	assert_sound(f);
	conversion = (struct conversion){.asked = 0};
	assert_ok(f, define(f, "New", "id:S", &conversion));
}

static void defines_the_kindless(void **state)
{
	F;
	struct conversion conversion = {.asked = 0};
	create(f, "New", NULL);
	assert_ok(f, define(f, "New", "pk:S,sk:S", &conversion));
	assert_int_equal(conversion.asked, 0);
	put(f, "New", MAP("pk=S:a", "sk=S:b"));
	assert_code(f, define(f, "Nobody", "pk:S", &conversion), DDB_RESOURCE_NOT_FOUND);
}

/* ---- Deleting ---- */

static void fill(struct fixture *f, const char *table, unsigned count)
{
	struct ddb_value *items = ddb_arena_array(&f->arena, count, sizeof *items);
	struct ddb_put_many_result done;
	char pk[140], sk[40];
	for (unsigned i = 0; i < count; i++) {
		snprintf(pk, sizeof pk, "pk=S:%0*u", i % 100 ? 1 : 120, i / 3);
		snprintf(sk, sizeof sk, "sk=N:%u", i);
		items[i] = MAP(pk, sk);
	}
	struct ddb_put_many request = {.table = table, .items = items, .count = count};
	assert_ok(f, OP(f->engine, put_many, &request, &done, &f->err));
	assert_int_equal(done.done, count);
}

static void deletes_large_and_small(void **state)
{
	F;
	struct ddb_value key = MAP("pk=S:1", "sk=N:3");
	struct ddb_get_result got;
	create(f, "Small", "pk:S,sk:N");
	create(f, "Large", "pk:S,sk:N");
	create(f, "Other", "pk:S,sk:N");
	fill(f, "Small", 10);
	fill(f, "Large", 9000);
	fill(f, "Other", 100);
	assert_true(get(f, "Large", key).found);
	assert_ok(f, OP(f->engine, delete_table, "Small", false, &f->err));
	assert_ok(f, OP(f->engine, delete_table, "Large", false, &f->err));
	assert_refused(f,
		OP(f->engine, get_item, &f->arena, &(struct ddb_get_item){.table = "Large", .key = key}, &got,
			&f->err),
		DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	create(f, "Large", "pk:S,sk:N");
	assert_false(get(f, "Large", key).found);
	assert_int_equal(counts(f, "Large").items, 0);
	assert_int_equal(counts(f, "Other").items, 100);
	engine_reopen(f);
	assert_true(get(f, "Other", key).found);
	assert_int_equal(query(f, (struct ddb_query){.table = "Large"}).count, 0);
}

/* ---- Threads ---- */

struct worker {
	struct fixture *f;
	unsigned number;
	pthread_t thread;
};

/* Puts into a table that is deleted, made and redefined meanwhile: each put works or finds no table. */
static void *work(void *context)
{
	struct worker *worker = context;
	struct ddb_arena arena;
	struct ddb_error err;
	ddb_arena_init(&arena, 1 << 20);
	for (unsigned i = 0; i < 200; i++) {
		struct ddb_put_result result;
		char text[32];
		ddb_arena_reset(&arena);
		snprintf(text, sizeof text, "id=S:%u.%u", worker->number, i);
		struct ddb_put_item request = {.table = "Busy", .item = map_of(&arena, text, NULL)};
		enum ddb_code code = OP(worker->f->engine, put_item, &request, &result, &err);
		if (code && code != DDB_RESOURCE_NOT_FOUND)
			abort();
	}
	ddb_arena_done(&arena);
	return NULL;
}

static void changes_under_load(void **state)
{
	F;
	struct worker workers[3];
	create(f, "Busy", "id:S");
	for (unsigned i = 0; i < 3; i++) {
		workers[i] = (struct worker){.f = f, .number = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < 20; i++) {
		assert_ok(f, OP(f->engine, delete_table, "Busy", false, &f->err));
		create(f, "Busy", "id:S");
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(workers[i].thread, NULL);
	put(f, "Busy", MAP("id=S:last"));
	uint64_t items = counts(f, "Busy").items;
	assert_true(items >= 1);
	assert_int_equal(query(f, (struct ddb_query){.table = "Busy"}).count, items);
}

/* Reads by the stand-in key until that is no key any more: never is the item not there. */
static void *read_on(void *context)
{
	struct fixture *f = context;
	struct ddb_arena arena;
	struct ddb_error err;
	enum ddb_code code = DDB_OK;
	ddb_arena_init(&arena, 1 << 20);
	while (!code) {
		struct ddb_get_result result;
		ddb_arena_reset(&arena);
		struct ddb_get_item request = {.table = "New", .key = map_of(&arena, "\xffpk=S:7", NULL)};
		code = OP(f->engine, get_item, &arena, &request, &result, &err);
		if (!code && !result.found)
			abort();
	}
	if (code != DDB_VALIDATION)
		abort();
	ddb_arena_done(&arena);
	return NULL;
}

static void reads_while_it_is_defined(void **state)
{
	F;
	struct conversion conversion = {.asked = 0};
	pthread_t thread;
	char text[32];
	create(f, "New", NULL);
	assert_ok(f, OP(f->engine, settle_table, "New", DDB_PROVISIONAL_SIMPLE, &f->err));
	for (unsigned i = 0; i < 500; i++) {
		snprintf(text, sizeof text, "\xffpk=S:%u", i);
		put(f, "New", MAP(text));
	}
	assert_int_equal(pthread_create(&thread, NULL, read_on, f), 0);
	assert_ok(f, define(f, "New", "id:S", &conversion));
	pthread_join(thread, NULL);
	assert_true(get(f, "New", MAP("id=S:7")).found);
}

/* The place in the cache where a table is. */
static struct local_table **cached(struct fixture *f, const char *name)
{
	struct local_cache *cache = &local_of(f->engine)->cache;
	for (unsigned set = 0; set < LOCAL_CACHE_SETS; set++)
		for (unsigned way = 0; way < LOCAL_CACHE_WAYS; way++) {
			struct local_table **place = &cache->sets[set].ways[way];
			if (*place && strcmp((*place)->table->name, name) == 0)
				return place;
		}
	fail_msg("not cached: %s", name);
	return NULL;
}

/*
 * What a request sees that found its table just before that was redefined: the table of then, the records of
 * now. Each must begin again with the table of now, which does not know the stand-in key (or, for a Scan, has
 * the item).
 */
static void notices_a_stale_table(void **state)
{
	F;
	struct conversion conversion = {.asked = 0};
	struct ddb_get_result got;
	struct ddb_put_result result;
	struct ddb_partitions partitions;
	struct ddb_page page;
	struct ddb_table_counts counted;
	struct ddb_partition partition;
	create(f, "New", NULL);
	assert_ok(f, OP(f->engine, settle_table, "New", DDB_PROVISIONAL_COMPOSITE, &f->err));
	struct ddb_value old_key = MAP("\xffpk=S:a", "\xffsk=S:1"), hash = ddb_string("a", 1);
	put(f, "New", old_key);
	get(f, "New", old_key);
	struct local_table **place = cached(f, "New"), *stale = local_table_ref(*place);
	assert_ok(f, define(f, "New", "pk:S,sk:S", &conversion));
	for (unsigned i = 0; i < 6; i++) {
		get(f, "New", MAP("pk=S:a", "sk=S:1"));
		place = cached(f, "New");
		local_table_unref(*place);
		*place = local_table_ref(stale);
		enum ddb_code code = DDB_INTERNAL, wanted = i < 2 ? DDB_VALIDATION : DDB_OK;
		switch (i) {
		case 0:
			code = OP(f->engine, get_item, &f->arena,
				&(struct ddb_get_item){.table = "New", .key = old_key}, &got, &f->err);
			break;
		case 1:
			code = OP(f->engine, put_item,
				&(struct ddb_put_item){.table = "New", .item = old_key}, &result, &f->err);
			break;
		case 2:
			code = OP(f->engine, query, &f->arena, &(struct ddb_query){.table = "New"}, &page,
				&f->err);
			assert_int_equal(page.count, 1);
			break;
		case 3:
			code = OP(f->engine, list_partitions, &f->arena,
				&(struct ddb_list_partitions){.table = "New"}, &partitions, &f->err);
			assert_int_equal(partitions.count, 1);
			break;
		case 4:
			code = OP(f->engine, count_table, "New", &counted, &f->err);
			assert_int_equal(counted.items, 1);
			break;
		default:
			code = OP(f->engine, get_partition, "New", NULL, &hash, &partition, &f->err);
		}
		assert_code(f, code, wanted);
	}
	local_table_unref(stale);
}

static void status_and_options(void **state)
{
	F;
	struct ddb_put_result result;
	DDB_BUFFER_AUTO struct ddb_buffer buffer;
	struct ddb_json_out json;
	ddb_buffer_init(&buffer, 1 << 16);
	ddb_json_out_init(&json, &buffer, false);
	create(f, "Users", "id:S");
	ddb_json_open(&json, '{');
	f->engine->ops->status(f->engine, &json);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(&buffer, '\0');
	assert_non_null(strstr(buffer.bytes, "\"engine\":\"local\""));
	assert_non_null(strstr(buffer.bytes, f->path));
	assert_non_null(strstr(buffer.bytes, "\"tables\":1"));
	assert_non_null(strstr(buffer.bytes, "\"commits\":1,"));
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.sync = true});
	put(f, "Users", MAP("id=S:alice"));
	assert_ok(f, OP(f->engine, sync, &f->err));
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.read_only = true});
	struct ddb_put_item request = {.table = "Users", .item = MAP("id=S:bob")};
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_ACCESS_DENIED);
	assert_code(f, OP(f->engine, create_table, "More", NULL, &f->err), DDB_ACCESS_DENIED);
	assert_code(f, OP(f->engine, delete_table, "Users", false, &f->err), DDB_ACCESS_DENIED);
	assert_true(get(f, "Users", MAP("id=S:alice")).found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(creates_and_describes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_names_and_absence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lists_in_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(survives_reopening, set_up, tear_down),
		cmocka_unit_test_setup_teardown(updates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(settles, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kindless_holds_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(defines_simple, set_up, tear_down),
		cmocka_unit_test_setup_teardown(defines_composite_with_its_partitions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_refused_definition_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(defines_the_kindless, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deletes_large_and_small, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes_under_load, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reads_while_it_is_defined, set_up, tear_down),
		cmocka_unit_test_setup_teardown(notices_a_stale_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(status_and_options, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
