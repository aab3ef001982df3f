/*
 * The local engine's items: put, get, update, delete, move, times, many at once, aliases and partitions,
 * every refusal; and a random run against a model in arrays.
 */
#include "local_fixture.h"

static const char *const kinds[] = {
	"pk:S", "pk:N", "pk:B", "pk:S,sk:S", "pk:N,sk:N", "pk:B,sk:B", "pk:S,sk:N"};

static struct ddb_value key_map(struct fixture *f, const char *kind, const char *hash, const char *range)
{
	char pk[64], sk[64];
	snprintf(pk, sizeof pk, "pk=%c:%s", kind[3], hash);
	if (!kind[4])
		return MAP(pk);
	snprintf(sk, sizeof sk, "sk=%c:%s", kind[8], range);
	return MAP(pk, sk);
}

static struct ddb_value extended(struct fixture *f, struct ddb_value map, const char *name, const char *text)
{
	return with(&f->arena, &map, name, text_value(&f->arena, text));
}

static enum ddb_code put_code(struct fixture *f, const char *table, struct ddb_value item)
{
	struct ddb_put_result result;
	return OP(
		f->engine, put_item, &(struct ddb_put_item){.table = table, .item = item}, &result, &f->err);
}

static void puts_and_gets_every_kind(void **state)
{
	F;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char table[16];
		snprintf(table, sizeof table, "Table%zu", i);
		create(f, table, kinds[i]);
		struct ddb_value key = key_map(f, kinds[i], "12", "-3"),
				 other = key_map(f, kinds[i], "13", "-3");
		struct ddb_value item = extended(f, key, "text", "S:hello");
		struct ddb_put_result first = put(f, table, item);
		assert_false(first.replaced || first.unchanged);
		assert_int_equal(first.meta.serial, 1);
		assert_true(first.meta.version > 0 && first.meta.mtime_ns > 0);
		assert_int_equal(first.meta.size, ddb_item_size(&item));
		struct ddb_get_result got = get(f, table, key);
		assert_true(got.found && ddb_value_equal(&got.entry.item, &item));
		assert_same_meta(&got.entry.meta, &first.meta);
		uint32_t rendered[2];
		measure(NULL, &item, rendered);
		assert_memory_equal(got.entry.meta.rendered, rendered, sizeof rendered);
		assert_false(get(f, table, other).found);
		assert_true(delete (f, table, key));
		assert_false(delete (f, table, key));
		assert_false(get(f, table, key).found);
		assert_int_equal(counts(f, table).items, 0);
		assert_int_equal(counts(f, table).bytes, 0);
	}
}

static void overwrites(void **state)
{
	F;
	create(f, "Users", "id:S");
	struct ddb_put_result first = put(f, "Users", MAP("id=S:a", "n=N:1"));
	struct ddb_put_item request = {.table = "Users", .item = MAP("id=S:a", "n=N:1.0"), .mtime_ns = 77};
	struct ddb_put_result same, changed;
	assert_ok(f, OP(f->engine, put_item, &request, &same, &f->err));
	assert_true(same.replaced && same.unchanged);
	assert_true(same.meta.version == first.meta.version && same.meta.serial == first.meta.serial);
	assert_int_equal(same.meta.mtime_ns, 77);
	assert_int_equal(get(f, "Users", MAP("id=S:a")).entry.meta.mtime_ns, 77);
	request.item = MAP("id=S:a", "n=N:2");
	assert_ok(f, OP(f->engine, put_item, &request, &changed, &f->err));
	assert_true(changed.replaced && !changed.unchanged);
	assert_true(changed.meta.version > first.meta.version && changed.meta.serial == first.meta.serial);
	put(f, "Users", MAP("id=S:a", "longer=S:value"));
	assert_int_equal(counts(f, "Users").items, 1);
	assert_int_equal(counts(f, "Users").bytes, 3 + 11);
	assert_string_equal(text_of(&f->arena, item_at(f, "Users", MAP("id=S:a")), "n"), "(none)");
}

static void meta_alone(void **state)
{
	F;
	create(f, "Users", "id:S");
	struct ddb_put_result result = put(f, "Users", MAP("id=S:a", "n=N:1"));
	struct ddb_get_item request = {.table = "Users", .key = MAP("id=S:a"), .meta_only = true};
	struct ddb_get_result got = {.entry.item = {.type = 99}};
	assert_ok(f, OP(f->engine, get_item, &f->arena, &request, &got, &f->err));
	assert_true(got.found);
	assert_int_equal(got.entry.item.type, 99);
	assert_same_meta(&got.entry.meta, &result.meta);
}

static void keys_compare_by_value(void **state)
{
	F;
	create(f, "Numbers", "id:N");
	put(f, "Numbers", MAP("id=N:1000"));
	assert_true(put(f, "Numbers", MAP("id=N:1e3")).replaced);
	assert_true(get(f, "Numbers", MAP("id=N:1000.00")).found);
}

static void conditions(void **state)
{
	F;
	struct ddb_put_result result = {.replaced = true};
	create(f, "Users", "id:S");
	struct ddb_put_item request = {.table = "Users", .item = MAP("id=S:a"), .condition = DDB_IF_PRESENT};
	assert_refused(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED,
		"The conditional request failed");
	request.condition = DDB_IF_ABSENT;
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	assert_code(f, OP(f->engine, put_item, &request, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	request.condition = DDB_IF_PRESENT;
	assert_ok(f, OP(f->engine, put_item, &request, &result, &f->err));
	struct ddb_update_item update = {
		.table = "Users", .key = MAP("id=S:b"), .changes = SET("n=N:1"), .condition = DDB_IF_PRESENT};
	assert_code(f, OP(f->engine, update_item, &update, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	update.condition = DDB_IF_ABSENT;
	assert_ok(f, OP(f->engine, update_item, &update, &result, &f->err));
	assert_code(f, OP(f->engine, update_item, &update, &result, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
}

/* ---- Refusals ---- */

static void refuses_items(void **state)
{
	F;
	struct ddb_arena *a = &f->arena;
	struct ddb_value key = MAP("pk=S:a", "sk=B:b"), none = {.type = DDB_M};
	create(f, "Both", "pk:S,sk:B");
	create(f, "Num", "id:N");
	assert_refused(f, put_code(f, "Both", MAP("sk=B:b")), DDB_VALIDATION,
		"One or more parameter values were invalid: Missing the key pk in the item");
	assert_refused(f, put_code(f, "Both", MAP("pk=S:a", "x=S:b")), DDB_VALIDATION,
		"One or more parameter values were invalid: Missing the key sk in the item");
	assert_code(f, put_code(f, "Both", none), DDB_VALIDATION);
	assert_refused(f, put_code(f, "Both", MAP("pk=N:1", "sk=B:b")), DDB_VALIDATION,
		"One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N");
	assert_refused(f, put_code(f, "Both", MAP("pk=S:a", "sk=S:b")), DDB_VALIDATION,
		"One or more parameter values were invalid: Type mismatch for key sk expected: B actual: S");
	assert_refused(f, put_code(f, "Num", MAP("id=S:1")), DDB_VALIDATION,
		"One or more parameter values were invalid: Type mismatch for key id expected: N actual: S");
	assert_refused(f, put_code(f, "Both", MAP("pk=S:", "sk=B:b")), DDB_VALIDATION,
		"One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
		"contain an "
		"empty string value. Key: pk");
	assert_refused(f, put_code(f, "Both", MAP("pk=S:a", "sk=B:")), DDB_VALIDATION,
		"One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
		"contain an "
		"empty binary value. Key: sk");
	assert_ok(f, put_code(f, "Both", with(a, &key, "pk", filled(a, 2048, 'p'))));
	assert_refused(f, put_code(f, "Both", with(a, &key, "pk", filled(a, 2049, 'p'))), DDB_VALIDATION,
		"One or more parameter values were invalid: "
		"Size of hashkey has exceeded the maximum size limit of2048 bytes");
	struct ddb_value longest = filled(a, 1024, 's'), longer = filled(a, 1025, 's');
	longest.type = longer.type = DDB_B;
	assert_ok(f, put_code(f, "Both", with(a, &key, "sk", longest)));
	assert_refused(f, put_code(f, "Both", with(a, &key, "sk", longer)), DDB_VALIDATION,
		"One or more parameter values were invalid: "
		"Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
	assert_refused(f, put_code(f, "Nobody", key), DDB_RESOURCE_NOT_FOUND, "Requested resource not found");
	assert_int_equal(counts(f, "Both").items, 2);
	assert_int_equal(counts(f, "Num").items, 0);
}

static struct ddb_value nested(struct ddb_arena *arena, unsigned levels)
{
	struct ddb_value value = ddb_null();
	for (; levels > 1; levels--) {
		struct ddb_value *element = ddb_arena_copy(arena, &value, sizeof value);
		value = (struct ddb_value){.type = DDB_L, .count = 1, .elements = element};
	}
	return value;
}

static void refuses_shapes(void **state)
{
	F;
	struct ddb_arena *a = &f->arena;
	struct ddb_value key = MAP("id=S:a"), empty = MAP("=S:x"), text = ddb_string("x", 1);
	char *name = ddb_arena_alloc(a, 65536);
	memset(name, 'n', 65536);
	create(f, "Users", "id:S");
	assert_ok(f, put_code(f, "Users", with(a, &key, "deep", nested(a, 32))));
	assert_code(f, put_code(f, "Users", with(a, &key, "deep", nested(a, 33))), DDB_VALIDATION);
	assert_non_null(strstr(f->err.message, "Nesting Levels have exceeded supported limits"));
	assert_code(f, put_code(f, "Users", with(a, &key, "", text)), DDB_VALIDATION);
	assert_code(f, put_code(f, "Users", with(a, &key, "map", empty)), DDB_VALIDATION);
	assert_ok(f, put_code(f, "Users", *ddb_map_with(a, &key, name, 65535, &text)));
	assert_code(f, put_code(f, "Users", *ddb_map_with(a, &key, name, 65536, &text)), DDB_VALIDATION);
	assert_code(f, put_code(f, "Users", text), DDB_VALIDATION);
}

static void limits_sizes(void **state)
{
	F;
	struct ddb_arena *a = &f->arena;
	struct ddb_put_result result;
	struct ddb_value key = MAP("id=S:a"), other = MAP("id=S:b");
	size_t most = DDB_ITEM_SIZE_MAX - 3 - 1; /* "id", "a", "t" */
	create(f, "Users", "id:S");
	assert_ok(f, put_code(f, "Users", with(a, &key, "t", filled(a, most, 'x'))));
	assert_refused(f, put_code(f, "Users", with(a, &key, "t", filled(a, most + 1, 'x'))),
		DDB_ITEM_TOO_LARGE, "Item size has exceeded the maximum allowed size");
	assert_int_equal(get(f, "Users", key).entry.meta.size, DDB_ITEM_SIZE_MAX);
	/* The finished item. */
	struct ddb_update_item update = {.table = "Users", .key = key, .changes = SET("m=S:x")};
	static const char text[] = "Item size to update has exceeded the maximum allowed size";
	assert_refused(f, OP(f->engine, update_item, &update, &result, &f->err), DDB_ITEM_TOO_LARGE, text);
	/* What the update writes: 3, and 19 for each attribute, but not the key. */
	struct ddb_value none = {.type = DDB_M};
	update.key = other;
	struct ddb_value set = with(a, &none, "t", filled(a, DDB_ITEM_SIZE_MAX - 1 - 3 - 19, 'x'));
	update.changes = setting(a, with(a, &set, "id", ddb_string("b", 1)));
	update.lenient_keys = true;
	assert_ok(f, OP(f->engine, update_item, &update, &result, &f->err));
	set = with(a, &none, "t", filled(a, DDB_ITEM_SIZE_MAX - 1 - 3 - 19 + 1, 'x'));
	update.changes = setting(a, set);
	assert_refused(f, OP(f->engine, update_item, &update, &result, &f->err), DDB_ITEM_TOO_LARGE, text);
	/* A longer key is part of the item. */
	struct ddb_move_item move = {.table = "Users", .from = key, .to = MAP("id=S:longer")};
	assert_code(f, OP(f->engine, move_item, &move, &f->err), DDB_ITEM_TOO_LARGE);
	assert_true(get(f, "Users", key).found);
}

static void refuses_keys(void **state)
{
	F;
	struct ddb_get_result got;
	struct ddb_delete_result deleted;
	struct ddb_value bad[] = {MAP("pk=S:a"), MAP("pk=S:a", "sk=S:1"), MAP("pk=S:a", "x=N:1"),
		MAP("pk=S:a", "sk=N:1", "x=N:1"), ddb_string("a", 1)};
	create(f, "Both", "pk:S,sk:N");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		static const char text[] = "The provided key element does not match the schema";
		assert_refused(f,
			OP(f->engine, get_item, &f->arena,
				&(struct ddb_get_item){.table = "Both", .key = bad[i]}, &got, &f->err),
			DDB_VALIDATION, text);
		assert_refused(f,
			OP(f->engine, delete_item, &(struct ddb_delete_item){.table = "Both", .key = bad[i]},
				&deleted, &f->err),
			DDB_VALIDATION, text);
		assert_refused(f,
			OP(f->engine, move_item,
				&(struct ddb_move_item){
					.table = "Both", .from = MAP("pk=S:a", "sk=N:1"), .to = bad[i]},
				&f->err),
			DDB_VALIDATION, text);
		assert_refused(f,
			OP(f->engine, set_mtime, &(struct ddb_set_mtime){.table = "Both", .key = bad[i]},
				&f->err),
			DDB_VALIDATION, text);
	}
	assert_code(f,
		OP(f->engine, get_item, &f->arena,
			&(struct ddb_get_item){.table = "Both", .key = MAP("pk=S:", "sk=N:1")}, &got,
			&f->err),
		DDB_VALIDATION);
	assert_non_null(strstr(f->err.message, "cannot contain an empty string value. Key: pk"));
}

/* ---- Update ---- */

static void updates(void **state)
{
	F;
	struct ddb_put_result result;
	struct ddb_arena *a = &f->arena;
	create(f, "Users", "pk:S,sk:S");
	struct ddb_update_item update = {.table = "Users",
		.key = MAP("pk=S:a", "sk=S:b"),
		.changes = SET("n=N:1", "zz=S:z", "aa=S:a"),
		.lenient_keys = true};
	assert_ok(f, OP(f->engine, update_item, &update, &result, &f->err));
	assert_false(result.replaced);
	uint64_t version = result.meta.version;
	update.changes = SET("n=N:2", "pk=S:a", "extra=S:e");
	assert_ok(f, OP(f->engine, update_item, &update, &result, &f->err));
	assert_true(result.replaced && !result.unchanged && result.meta.version > version);
	struct ddb_value item = get(f, "Users", update.key).entry.item;
	struct ddb_value wanted = MAP("pk=S:a", "sk=S:b", "n=N:2", "zz=S:z", "aa=S:a", "extra=S:e");
	assert_true(ddb_value_equal(&item, &wanted));
	version = result.meta.version;
	int64_t mtime = result.meta.mtime_ns;
	assert_ok(f, OP(f->engine, update_item, &update, &result, &f->err));
	assert_true(result.unchanged && result.meta.version == version && result.meta.mtime_ns > mtime);
	assert_int_equal(get(f, "Users", update.key).entry.meta.mtime_ns, result.meta.mtime_ns);
	update.changes = SET("sk=S:c");
	assert_refused(f, OP(f->engine, update_item, &update, &result, &f->err), DDB_VALIDATION,
		"Cannot update attribute sk. This attribute is part of the key");
	struct ddb_value none = {.type = DDB_M};
	update.changes = setting(a, with(a, &none, "deep", nested(a, 33)));
	assert_code(f, OP(f->engine, update_item, &update, &result, &f->err), DDB_VALIDATION);
	update.changes = NULL;
	update.key = MAP("pk=S:new", "sk=S:b");
	assert_ok(f, OP(f->engine, update_item, &update, &result,
			     &f->err)); /* no changes make an item of the key */
	assert_true(ddb_value_equal(item_at(f, "Users", update.key), &update.key));
}

/* ---- Move ---- */

static enum ddb_code move(struct fixture *f, const char *table, struct ddb_value from, struct ddb_value to,
	bool exchange, bool no_replace)
{
	struct ddb_move_item request = {
		.table = table, .from = from, .to = to, .exchange = exchange, .no_replace = no_replace};
	return OP(f->engine, move_item, &request, &f->err);
}

static void moves(void **state)
{
	F;
	create(f, "Users", "pk:S,sk:S");
	struct ddb_value a1 = MAP("pk=S:a", "sk=S:1"), a2 = MAP("pk=S:a", "sk=S:2"),
			 b1 = MAP("pk=S:b", "sk=S:1");
	struct ddb_value partition = ddb_string("a", 1);
	struct ddb_partition before, after;
	struct ddb_put_result first = put(f, "Users", extended(f, a1, "n", "N:1"));
	assert_ok(f, OP(f->engine, get_partition, "Users", NULL, &partition, &before, &f->err));
	/* Within its partition, which keeps its header. */
	assert_ok(f, move(f, "Users", a1, a2, false, true));
	struct ddb_get_result got = get(f, "Users", a2);
	assert_true(got.found && !get(f, "Users", a1).found);
	assert_string_equal(text_of(&f->arena, &got.entry.item, "sk"), "2");
	assert_string_equal(text_of(&f->arena, &got.entry.item, "n"), "1");
	assert_int_equal(got.entry.meta.serial, first.meta.serial);
	assert_true(got.entry.meta.mtime_ns > first.meta.mtime_ns);
	assert_true(got.entry.meta.version > first.meta.version);
	assert_ok(f, OP(f->engine, get_partition, "Users", NULL, &partition, &after, &f->err));
	assert_int_equal(before.serial, after.serial);
	/* To another, over an item. */
	put(f, "Users", extended(f, b1, "old", "S:gone"));
	assert_code(f, move(f, "Users", a2, b1, false, true), DDB_CONDITIONAL_CHECK_FAILED);
	assert_ok(f, move(f, "Users", a2, b1, false, false));
	assert_string_equal(text_of(&f->arena, item_at(f, "Users", b1), "old"), "(none)");
	assert_int_equal(counts(f, "Users").items, 1);
	assert_code(f, OP(f->engine, get_partition, "Users", NULL, &partition, &after, &f->err),
		DDB_RESOURCE_NOT_FOUND);
	/* Onto itself. */
	struct ddb_meta meta = get(f, "Users", b1).entry.meta;
	assert_ok(f, move(f, "Users", b1, b1, false, false));
	assert_ok(f, move(f, "Users", b1, b1, true, false));
	assert_code(f, move(f, "Users", b1, b1, false, true), DDB_CONDITIONAL_CHECK_FAILED);
	struct ddb_meta unmoved = get(f, "Users", b1).entry.meta;
	assert_same_meta(&unmoved, &meta);
	/* Of nothing. */
	assert_code(f, move(f, "Users", a1, b1, false, false), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, move(f, "Users", b1, a1, true, false), DDB_RESOURCE_NOT_FOUND);
}

static void exchanges(void **state)
{
	F;
	create(f, "Users", "id:S");
	struct ddb_value a = MAP("id=S:a"), b = MAP("id=S:b");
	struct ddb_put_result of_a = put(f, "Users", extended(f, a, "was", "S:a"));
	struct ddb_put_result of_b = put(f, "Users", extended(f, b, "was", "S:bbbb"));
	assert_ok(f, move(f, "Users", a, b, true, false));
	struct ddb_get_result at_a = get(f, "Users", a), at_b = get(f, "Users", b);
	assert_string_equal(text_of(&f->arena, &at_a.entry.item, "was"), "bbbb");
	assert_string_equal(text_of(&f->arena, &at_b.entry.item, "was"), "a");
	assert_int_equal(at_a.entry.meta.serial, of_b.meta.serial);
	assert_int_equal(at_b.entry.meta.serial, of_a.meta.serial);
	assert_true(at_a.entry.meta.version != at_b.entry.meta.version);
	assert_int_equal(counts(f, "Users").bytes, 2 * 3 + 2 * 3 + 1 + 4);
}

static void moves_in_provisional_tables(void **state)
{
	F;
	create(f, "New", NULL);
	assert_ok(f, OP(f->engine, settle_table, "New", DDB_PROVISIONAL_COMPOSITE, &f->err));
	put(f, "New", MAP("\xffpk=S:a", "\xffsk=S:1", "n=N:1"));
	assert_code(f, put_code(f, "New", MAP("\xffpk=S:a", "n=N:1")), DDB_VALIDATION);
	assert_string_equal(
		f->err.message, "One or more parameter values were invalid: Missing the key sk in the item");
	assert_ok(f, move(f, "New", MAP("\xffpk=S:a", "\xffsk=S:1"), MAP("\xffpk=S:b", "\xffsk=S:22"), false,
			     false));
	struct ddb_get_result got = get(f, "New", MAP("\xffpk=S:b", "\xffsk=S:22"));
	assert_true(got.found);
	assert_int_equal(got.entry.meta.size, 3);
}

/* ---- Times ---- */

static void sets_times(void **state)
{
	F;
	create(f, "Users", "id:S");
	struct ddb_put_result first = put(f, "Users", MAP("id=S:a"));
	struct ddb_set_mtime request = {.table = "Users", .key = MAP("id=S:a"), .mtime_ns = -5};
	assert_ok(f, OP(f->engine, set_mtime, &request, &f->err));
	struct ddb_meta meta = get(f, "Users", request.key).entry.meta;
	assert_int_equal(meta.mtime_ns, -5);
	assert_true(meta.version == first.meta.version);
	request.if_version = first.meta.version + 1;
	request.mtime_ns = 9;
	assert_ok(f, OP(f->engine, set_mtime, &request, &f->err));
	assert_int_equal(get(f, "Users", request.key).entry.meta.mtime_ns, -5);
	request.if_version = first.meta.version;
	assert_ok(f, OP(f->engine, set_mtime, &request, &f->err));
	assert_int_equal(get(f, "Users", request.key).entry.meta.mtime_ns, 9);
	request.key = MAP("id=S:b");
	assert_ok(f, OP(f->engine, set_mtime, &request, &f->err));
	request.if_version = 0;
	assert_code(f, OP(f->engine, set_mtime, &request, &f->err), DDB_RESOURCE_NOT_FOUND);
}

/* ---- Many at once ---- */

static void puts_many(void **state)
{
	F;
	struct ddb_put_many_result result;
	struct ddb_value *items = ddb_arena_array(&f->arena, 3000, sizeof *items);
	char text[32];
	create(f, "Users", "id:N");
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof text, "id=N:%d", i);
		items[i] = MAP(text, "x=S:y");
	}
	struct ddb_put_many request = {.table = "Users", .items = items, .count = 3000};
	assert_ok(f, OP(f->engine, put_many, &request, &result, &f->err));
	assert_int_equal(result.done, 3000);
	assert_int_equal(counts(f, "Users").items, 3000);
	/* The same key twice: the later stands. */
	struct ddb_value twice[] = {MAP("id=N:1", "x=S:first"), MAP("id=N:1.0", "x=S:second")};
	request = (struct ddb_put_many){.table = "Users", .items = twice, .count = 2};
	assert_ok(f, OP(f->engine, put_many, &request, &result, &f->err));
	assert_string_equal(text_of(&f->arena, item_at(f, "Users", MAP("id=N:1")), "x"), "second");
	/* None. */
	request.count = 0;
	assert_ok(f, OP(f->engine, put_many, &request, &result, &f->err));
	assert_int_equal(result.done, 0);
	request.table = "Nobody";
	assert_code(f, OP(f->engine, put_many, &request, &result, &f->err), DDB_RESOURCE_NOT_FOUND);
}

static void stops_at_the_first_refused(void **state)
{
	F;
	create(f, "Users", "id:N");
	static const size_t places[] = {0, 1, 1023, 1024, 1500, 2999};
	struct ddb_value *items = ddb_arena_array(&f->arena, 3000, sizeof *items);
	for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
		struct ddb_put_many_result result;
		char text[32], table[16];
		snprintf(table, sizeof table, "Users%zu", k);
		create(f, table, "id:N");
		for (size_t i = 0; i < 3000; i++) {
			snprintf(text, sizeof text, "id=%c:%zu", i == places[k] ? 'S' : 'N', i);
			items[i] = MAP(text);
		}
		struct ddb_put_many request = {.table = table, .items = items, .count = 3000};
		assert_code(f, OP(f->engine, put_many, &request, &result, &f->err), DDB_VALIDATION);
		assert_int_equal(result.done, places[k]);
		assert_non_null(strstr(f->err.message, "Type mismatch for key id"));
		assert_int_equal(counts(f, table).items, places[k]);
	}
}

static void puts_many_large(void **state)
{
	F;
	struct ddb_put_many_result result;
	struct ddb_value *items = ddb_arena_array(&f->arena, 40, sizeof *items);
	struct ddb_value text = filled(&f->arena, 300000, 'x');
	char key[32];
	create(f, "Users", "id:N");
	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof key, "id=N:%d", i);
		struct ddb_value map = MAP(key);
		items[i] = with(&f->arena, &map, "text", text);
	}
	struct ddb_put_many request = {.table = "Users", .items = items, .count = 40};
	assert_ok(f, OP(f->engine, put_many, &request, &result, &f->err));
	assert_int_equal(result.done, 40);
}

/* ---- Partitions and aliases ---- */

static void lists_partitions(void **state)
{
	F;
	bool seen[50];
	struct ddb_partitions all, page;
	create(f, "Orders", "pk:N,sk:S");
	create(f, "Simple", "pk:N");
	for (int i = 0; i < 100; i++) {
		char pk[32], sk[32];
		snprintf(pk, sizeof pk, "pk=N:%d", i % 50 - 25);
		snprintf(sk, sizeof sk, "sk=S:%d", i);
		put(f, "Orders", MAP(pk, sk));
	}
	struct ddb_list_partitions request = {.table = "Orders"};
	assert_ok(f, OP(f->engine, list_partitions, &f->arena, &request, &all, &f->err));
	assert_int_equal(all.count, 50);
	assert_false(all.more);
	for (uint32_t limit = 1; limit <= 51; limit++) {
		size_t at = 0;
		memset(seen, 0, sizeof seen);
		request = (struct ddb_list_partitions){.table = "Orders", .limit = limit};
		do {
			assert_ok(f, OP(f->engine, list_partitions, &f->arena, &request, &page, &f->err));
			for (size_t i = 0; i < page.count; i++, at++) {
				assert_true(
					ddb_value_equal(&page.partitions[i].key, &all.partitions[at].key));
				assert_true(page.partitions[i].serial > 0 && page.partitions[i].mtime_ns > 0);
			}
			assert_true(page.more == (at < 50));
			request.after = &page.partitions[page.count - 1].key;
		} while (page.more);
		assert_int_equal(at, 50);
	}
	/* The partition after which to go on may be gone. */
	struct ddb_value gone = all.partitions[20].key;
	struct ddb_page items =
		query(f, (struct ddb_query){.table = "Orders", .range = PARTITION(gone), .keys_only = true});
	assert_int_equal(items.count, 2);
	for (size_t i = 0; i < items.count; i++)
		assert_true(delete (f, "Orders", items.entries[i].item));
	request = (struct ddb_list_partitions){.table = "Orders", .after = &gone};
	assert_ok(f, OP(f->engine, list_partitions, &f->arena, &request, &page, &f->err));
	assert_int_equal(page.count, 29);
	struct ddb_partition one;
	assert_code(f, OP(f->engine, get_partition, "Orders", NULL, &gone, &one, &f->err),
		DDB_RESOURCE_NOT_FOUND);
	assert_ok(f, OP(f->engine, get_partition, "Orders", NULL, &all.partitions[21].key, &one, &f->err));
	assert_int_equal(one.serial, all.partitions[21].serial);
	struct ddb_value wrong = ddb_string("x", 1);
	request = (struct ddb_list_partitions){.table = "Simple"};
	assert_code(f, OP(f->engine, list_partitions, &f->arena, &request, &page, &f->err), DDB_VALIDATION);
	assert_code(f, OP(f->engine, get_partition, "Simple", NULL, &gone, &one, &f->err), DDB_VALIDATION);
	assert_code(f, OP(f->engine, get_partition, "Orders", NULL, &wrong, &one, &f->err), DDB_VALIDATION);
}

static enum ddb_code find(struct fixture *f, const char *table, const struct ddb_value *partition,
	const struct ddb_value *value, struct ddb_value *ret)
{
	struct ddb_find_alias request = {.table = table, .partition = partition};
	assert_true(alias(NULL, value, partition != NULL, request.alias));
	return OP(f->engine, find_alias, &f->arena, &request, ret, &f->err);
}

static void finds_aliases(void **state)
{
	F;
	struct ddb_arena *a = &f->arena;
	struct ddb_value longer = filled(a, 150, 'k'), other = filled(a, 150, 'o'), found,
			 small = ddb_string("s", 1);
	create(f, "Simple", "id:S");
	create(f, "Both", "pk:S,sk:S");
	struct ddb_value base = MAP("x=S:y");
	struct ddb_value simple = with(a, &base, "id", longer);
	put(f, "Simple", simple);
	assert_ok(f, find(f, "Simple", NULL, &longer, &found));
	assert_true(ddb_value_equal(&found, &longer));
	assert_code(f, find(f, "Simple", NULL, &other, &found), DDB_RESOURCE_NOT_FOUND);
	base = MAP("pk=S:s");
	struct ddb_value from = with(a, &base, "sk", longer), to = with(a, &base, "sk", other);
	struct ddb_value both = with(a, &from, "pk", longer);
	put(f, "Both", from);
	put(f, "Both", both);
	assert_ok(f, find(f, "Both", NULL, &longer, &found));
	assert_ok(f, find(f, "Both", &longer, &longer, &found));
	assert_ok(f, find(f, "Both", &small, &longer, &found));
	assert_true(ddb_value_equal(&found, &longer));
	assert_code(f, find(f, "Both", &small, &other, &found), DDB_RESOURCE_NOT_FOUND);
	assert_ok(f, move(f, "Both", from, to, false, false));
	assert_code(f, find(f, "Both", &small, &longer, &found), DDB_RESOURCE_NOT_FOUND);
	assert_ok(f, find(f, "Both", &small, &other, &found));
	assert_true(delete (f, "Both", both));
	assert_code(f, find(f, "Both", NULL, &longer, &found), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, find(f, "Both", &longer, &longer, &found), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, find(f, "Nobody", NULL, &longer, &found), DDB_RESOURCE_NOT_FOUND);
	assert_code(f, find(f, "Simple", &small, &longer, &found), DDB_VALIDATION);
}

/* ---- A model ---- */

enum { MODEL_HASHES = 6, MODEL_RANGES = 8, MODEL_STEPS = 3000 };

struct model_item {
	bool there;
	int a, b; /* attributes; -1: absent */
	uint64_t serial, version;
};

struct model {
	struct fixture *f;
	unsigned random;
	struct model_item items[MODEL_HASHES][MODEL_RANGES];
};

static unsigned roll(struct model *model, unsigned sides)
{
	model->random = model->random * 1103515245 + 12345;
	return (model->random >> 16) % sides;
}

static struct ddb_value model_key(struct model *model, unsigned hash, unsigned range)
{
	char pk[32];
	snprintf(pk, sizeof pk, "pk=S:hash%u", hash);
	struct ddb_value key = map_of(&model->f->arena, pk, NULL);
	return with(&model->f->arena, &key, "sk", int_value(&model->f->arena, (int)range * 7 - 20));
}

static struct ddb_value model_map(struct model *model, struct ddb_value base, int a, int b)
{
	if (a >= 0)
		base = with(&model->f->arena, &base, "a", int_value(&model->f->arena, a));
	if (b >= 0)
		base = with(&model->f->arena, &base, "b", int_value(&model->f->arena, b));
	return base;
}

static void model_changed(struct model_item *item, const struct ddb_put_result *result)
{
	assert_true(result->replaced == item->there);
	assert_true(!item->there || result->meta.serial == item->serial);
	if (result->unchanged)
		assert_true(result->meta.version == item->version);
	else
		assert_true(result->meta.version > item->version);
	item->there = true;
	item->serial = result->meta.serial;
	item->version = result->meta.version;
}

static void model_put(struct model *model, unsigned h, unsigned r)
{
	struct model_item *item = &model->items[h][r];
	int a = (int)roll(model, 4) - 1, b = (int)roll(model, 4) - 1;
	struct ddb_put_result result = put(model->f, "Model", model_map(model, model_key(model, h, r), a, b));
	assert_true(result.unchanged == (item->there && item->a == a && item->b == b));
	model_changed(item, &result);
	item->a = a;
	item->b = b;
}

static void model_update(struct model *model, unsigned h, unsigned r)
{
	struct model_item *item = &model->items[h][r];
	int a = (int)roll(model, 4) - 1, b = (int)roll(model, 4) - 1;
	struct ddb_value none = {.type = DDB_M};
	struct ddb_put_result result;
	struct ddb_update_item update = {.table = "Model",
		.key = model_key(model, h, r),
		.changes = setting(&model->f->arena, model_map(model, none, a, b))};
	assert_ok(model->f, OP(model->f->engine, update_item, &update, &result, &model->f->err));
	if (!item->there)
		item->a = item->b = -1;
	if (a >= 0)
		item->a = a;
	if (b >= 0)
		item->b = b;
	model_changed(item, &result);
}

static void model_move(struct model *model, unsigned h, unsigned r)
{
	unsigned to_h = roll(model, MODEL_HASHES), to_r = roll(model, MODEL_RANGES);
	struct model_item *from = &model->items[h][r], *to = &model->items[to_h][to_r], old = *to;
	bool exchange_ = roll(model, 2), no_replace = !exchange_ && roll(model, 2);
	enum ddb_code wanted = DDB_OK;
	if (!from->there || (exchange_ && !to->there))
		wanted = DDB_RESOURCE_NOT_FOUND;
	else if (no_replace && to->there)
		wanted = DDB_CONDITIONAL_CHECK_FAILED;
	assert_code(model->f,
		move(model->f, "Model", model_key(model, h, r), model_key(model, to_h, to_r), exchange_,
			no_replace),
		wanted);
	if (wanted || from == to)
		return;
	*to = *from;
	*from = old;
	from->there = exchange_;
	uint64_t version = get(model->f, "Model", model_key(model, to_h, to_r)).entry.meta.version;
	assert_true(version > to->version);
	to->version = version;
	if (exchange_)
		from->version = get(model->f, "Model", model_key(model, h, r)).entry.meta.version;
}

static void model_compare(struct model *model)
{
	struct fixture *f = model->f;
	uint64_t items = 0;
	for (unsigned h = 0; h < MODEL_HASHES; h++) {
		char name[16];
		snprintf(name, sizeof name, "hash%u", h);
		struct ddb_value partition = ddb_string(name, strlen(name));
		struct ddb_page page =
			query(f, (struct ddb_query){.table = "Model", .range = PARTITION(partition)});
		size_t at = 0;
		for (unsigned r = 0; r < MODEL_RANGES; r++) {
			struct model_item *item = &model->items[h][r];
			if (!item->there)
				continue;
			struct ddb_value wanted = model_map(model, model_key(model, h, r), item->a, item->b);
			assert_true(at < page.count && ddb_value_equal(&page.entries[at].item, &wanted));
			assert_int_equal(page.entries[at].meta.serial, item->serial);
			assert_true(page.entries[at++].meta.version == item->version);
		}
		assert_int_equal(at, page.count);
		items += at;
	}
	assert_int_equal(counts(f, "Model").items, items);
}

static void agrees_with_a_model(void **state)
{
	F;
	struct model model = {.f = f, .random = 20240105};
	create(f, "Model", "pk:S,sk:N");
	for (unsigned step = 0; step < MODEL_STEPS; step++) {
		unsigned h = roll(&model, MODEL_HASHES), r = roll(&model, MODEL_RANGES);
		switch (roll(&model, 5)) {
		case 0:
		case 1:
			model_put(&model, h, r);
			break;
		case 2:
			model_update(&model, h, r);
			break;
		case 3:
			model_move(&model, h, r);
			break;
		default:
			assert_true(delete (f, "Model", model_key(&model, h, r)) == model.items[h][r].there);
			model.items[h][r] = (struct model_item){.there = false};
		}
		if (step % 100 == 99) {
			model_compare(&model);
			ddb_arena_reset(&f->arena);
		}
		if (step % 1000 == 999)
			engine_reopen(f);
	}
}

/* ---- Threads ---- */

struct adder {
	struct fixture *f;
	unsigned number;
	pthread_t thread;
	uint64_t versions[100];
};

static void *add(void *context)
{
	struct adder *adder = context;
	struct ddb_arena arena;
	struct ddb_error err;
	ddb_arena_init(&arena, 1 << 20);
	for (unsigned i = 0; i < 100; i++) {
		char text[32];
		struct ddb_put_result result;
		ddb_arena_reset(&arena);
		snprintf(text, sizeof text, "a%u=N:%u", adder->number, i);
		struct ddb_update_item update = {.table = "Users",
			.key = map_of(&arena, "id=S:x", NULL),
			.changes = setting(&arena, map_of(&arena, text, NULL))};
		if (OP(adder->f->engine, update_item, &update, &result, &err))
			abort();
		adder->versions[i] = result.meta.version;
	}
	ddb_arena_done(&arena);
	return NULL;
}

static int compare_versions(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

static void no_update_is_lost(void **state)
{
	F;
	static struct adder adders[4];
	static uint64_t versions[400];
	create(f, "Users", "id:S");
	for (unsigned i = 0; i < 4; i++) {
		adders[i] = (struct adder){.f = f, .number = i};
		assert_int_equal(pthread_create(&adders[i].thread, NULL, add, &adders[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(adders[i].thread, NULL);
		memcpy(versions + (size_t)i * 100, adders[i].versions, sizeof adders[i].versions);
	}
	struct ddb_value item = get(f, "Users", MAP("id=S:x")).entry.item;
	assert_int_equal(item.count, 5);
	for (unsigned i = 1; i < 5; i++)
		assert_string_equal(text_of(&f->arena, &item, (char[]){'a', (char)('0' + i - 1), 0}), "99");
	qsort(versions, 400, sizeof *versions, compare_versions);
	for (unsigned i = 1; i < 400; i++) /* each change has its own */
		assert_true(versions[i] != versions[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(puts_and_gets_every_kind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(overwrites, set_up, tear_down),
		cmocka_unit_test_setup_teardown(meta_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_compare_by_value, set_up, tear_down),
		cmocka_unit_test_setup_teardown(conditions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_items, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_shapes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(updates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(exchanges, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moves_in_provisional_tables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sets_times, set_up, tear_down),
		cmocka_unit_test_setup_teardown(puts_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stops_at_the_first_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(puts_many_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lists_partitions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(finds_aliases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(agrees_with_a_model, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_update_is_lost, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
