/*
 * The check of a local store: what is sound has no problems; what breaks each of its rules is found, and
 * repaired where it can be; and bytes changed on the disk are found and never read as data.
 */
#include "local_fixture.h"

#include "engine/local/catalog.h"
#include "engine/local/item.h"
#include "engine/local/keys.h"
#include "engine/local/local_private.h"
#include "engine/local/partition.h"
#include "engine/local/scratch/scratch.h"
#include <fcntl.h>
#include <sys/stat.h>

enum { SIMPLE = 12, COMPOSITE = 20, FILES = 3 };

/* ---- What is in the store ---- */

static struct ddb_value simple_key(struct fixture *f, unsigned number)
{
	char text[160];
	snprintf(text, sizeof text, "id=S:%0*u", number % 4 ? 3 : 120, number);
	return MAP(text);
}

static struct ddb_value simple_item(struct fixture *f, unsigned number)
{
	struct ddb_value key = simple_key(f, number);
	return with(&f->arena, &key, "text", filled(&f->arena, number % 3 ? 40 : 9000, (char)('a' + number)));
}

static struct ddb_value composite_key(struct fixture *f, unsigned number)
{
	char pk[160], sk[64];
	snprintf(pk, sizeof pk, "pk=S:%0*u", number < 3 ? 130 : 2, number / 3);
	snprintf(sk, sizeof sk, "sk=N:%u", number);
	return MAP(pk, sk);
}

static struct ddb_value composite_item(struct fixture *f, unsigned number)
{
	struct ddb_value key = composite_key(f, number);
	return with(&f->arena, &key, "text", filled(&f->arena, 60, (char)('A' + number)));
}

static void fill_store(struct fixture *f)
{
	create(f, "Simple", "id:S");
	create(f, "Both", "pk:S,sk:N");
	create(f, "Texts", "pk:S,sk:S");
	for (unsigned i = 0; i < SIMPLE; i++)
		put(f, "Simple", simple_item(f, i));
	for (unsigned i = 0; i < COMPOSITE; i++)
		put(f, "Both", composite_item(f, i));
	struct ddb_value texts = MAP("pk=S:p");
	put(f, "Texts", with(&f->arena, &texts, "sk", filled(&f->arena, 200, 's')));
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];
		struct ddb_scratch_meta meta;
		snprintf(name, sizeof name, ".file%u", i);
		struct ddb_scratch_name where = scratch(name);
		assert_ok(f, OP(f->engine, scratch_create, &where, 0644, true, &meta, &f->err));
		struct ddb_value text = filled(&f->arena, 70000 * i, 'f');
		assert_ok(f, OP(f->engine, scratch_write, &where, 0, text.bytes, text.count, &f->err));
	}
}

static void sound_stores_have_no_problems(void **state)
{
	F;
	assert_sound(f);
	fill_store(f);
	create(f, "Kindless", NULL);
	create(f, "Settled", NULL);
	assert_ok(f, OP(f->engine, settle_table, "Settled", DDB_PROVISIONAL_SIMPLE, &f->err));
	put(f, "Settled", MAP("\xffpk=S:a"));
	for (unsigned round = 0; round < 2; round++) {
		struct ddb_check_result result = run_check(f, round);
		assert_int_equal(result.problems, 0);
		assert_int_equal(result.repaired, 0);
		assert_int_equal(result.tables, 5);
		assert_int_equal(result.items, SIMPLE + COMPOSITE + 2);
		assert_int_equal(result.scratch_files, FILES);
		engine_reopen(f);
	}
}

/* ---- Breaking rules, with good seals ---- */

struct breakage {
	struct fixture *f;
	struct local_engine *engine;
	struct store_txn *txn;
	struct local_table *simple, *both, *texts;
};

static struct local_key place(struct breakage *b, const struct local_table *table, struct ddb_value map)
{
	struct local_key key;
	assert_ok(
		b->f, local_key_of_map(b->engine->store, table->table, table->space, &map, &key, &b->f->err));
	return key;
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

static void no_header(struct breakage *b)
{
	delete_record(b, place(b, b->both, composite_key(b->f, 4)).bytes, LOCAL_PREFIX_BYTES);
}

static void wrong_header(struct breakage *b)
{
	struct local_key key = place(b, b->both, composite_key(b->f, 4)),
			 other = place(b, b->both, composite_key(b->f, 8));
	struct store_value value = read_record(b, other.bytes, LOCAL_PREFIX_BYTES);
	write_record(b, key.bytes, LOCAL_PREFIX_BYTES, &value);
}

static void header_without_items(struct breakage *b)
{
	for (unsigned i = 0; i < 3; i++) {
		struct local_key key = place(b, b->both, composite_key(b->f, i));
		delete_record(b, key.bytes, key.length);
	}
}

static void lost_item(struct breakage *b)
{
	struct local_key key = place(b, b->simple, simple_key(b->f, 4));
	delete_record(b, key.bytes, key.length);
}

static void item_in_a_wrong_place(struct breakage *b)
{
	struct local_key key = place(b, b->simple, simple_key(b->f, 4)),
			 other = place(b, b->simple, simple_key(b->f, 5));
	struct store_value value = read_record(b, other.bytes, other.length);
	write_record(b, key.bytes, key.length, &value);
}

static void item_that_is_none(struct breakage *b)
{
	struct local_key key = place(b, b->both, composite_key(b->f, 4));
	struct store_value value = read_record(b, key.bytes, key.length);
	value.body_length--;
	write_record(b, key.bytes, key.length, &value);
}

static void head_of_a_future_format(struct breakage *b)
{
	struct local_key key = place(b, b->both, composite_key(b->f, 4));
	struct store_value value = read_record(b, key.bytes, key.length);
	uint8_t *head = ddb_arena_copy(&b->f->arena, value.head, value.head_length);
	head[0] = 77;
	value.head = head;
	write_record(b, key.bytes, key.length, &value);
}

static void change_meta(struct breakage *b, void (*change)(struct ddb_meta *meta))
{
	struct local_key key = place(b, b->simple, simple_key(b->f, 4));
	struct local_found found;
	assert_ok(b->f, local_item_find(b->txn, &b->f->arena, &key, true, &found, &b->f->err));
	change(&found.meta);
	assert_ok(b->f, local_item_write(b->txn, &key, &found.meta, found.body, found.length, &b->f->err));
}

static void set_size(struct ddb_meta *meta)
{
	meta->size++;
}

static void set_rendered(struct ddb_meta *meta)
{
	meta->rendered[1] = 1;
}

static void set_no_version(struct ddb_meta *meta)
{
	meta->version = 0;
}

static void set_future_version(struct ddb_meta *meta)
{
	meta->version = UINT64_MAX;
}

static void set_no_serial(struct ddb_meta *meta)
{
	meta->serial = 0;
}

static void set_high_serial(struct ddb_meta *meta)
{
	meta->serial = 1000;
}

static void wrong_size(struct breakage *b)
{
	change_meta(b, set_size);
}

static void wrong_rendering(struct breakage *b)
{
	change_meta(b, set_rendered);
}

static void no_version(struct breakage *b)
{
	change_meta(b, set_no_version);
}

static void future_version(struct breakage *b)
{
	change_meta(b, set_future_version);
}

static void no_serial(struct breakage *b)
{
	change_meta(b, set_no_serial);
}

static void serial_above_the_counter(struct breakage *b)
{
	change_meta(b, set_high_serial);
}

static void wrong_counters(struct breakage *b)
{
	struct local_counters counters;
	bool found;
	assert_ok(b->f, local_counters_read(b->txn, b->both->space, &counters, &found, &b->f->err));
	counters.items++;
	assert_ok(b->f, local_counters_write(b->txn, b->both->space, &counters, &b->f->err));
}

static void no_counters(struct breakage *b)
{
	uint8_t key[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_COUNTERS, b->both->space, key);
	delete_record(b, key, sizeof key);
}

static size_t alias_place(struct breakage *b, uint8_t ret[LOCAL_ALIAS_KEY_MAX])
{
	struct local_key key = place(b, b->simple, simple_key(b->f, 4));
	size_t length = local_alias_key(b->engine, b->simple, &key, false, ret);
	assert_true(length > 0);
	return length;
}

static void no_alias(struct breakage *b)
{
	uint8_t key[LOCAL_ALIAS_KEY_MAX];
	delete_record(b, key, alias_place(b, key));
}

static void no_sort_key_alias(struct breakage *b)
{
	struct ddb_value map = map_of(&b->f->arena, "pk=S:p", NULL);
	struct local_key key =
		place(b, b->texts, with(&b->f->arena, &map, "sk", filled(&b->f->arena, 200, 's')));
	uint8_t alias_key[LOCAL_ALIAS_KEY_MAX];
	size_t length = local_alias_key(b->engine, b->texts, &key, true, alias_key);
	assert_int_equal(length, LOCAL_ALIAS_KEY_MAX);
	delete_record(b, alias_key, length);
}

static void no_partition_alias(struct breakage *b)
{
	struct local_key key = place(b, b->both, composite_key(b->f, 1));
	uint8_t alias_key[LOCAL_ALIAS_KEY_MAX];
	size_t length = local_alias_key(b->engine, b->both, &key, false, alias_key);
	delete_record(b, alias_key, length);
}

static void wrong_alias(struct breakage *b)
{
	uint8_t key[LOCAL_ALIAS_KEY_MAX];
	struct ddb_value other = ddb_string("other", 5);
	size_t length = alias_place(b, key);
	assert_ok(b->f, local_alias_write(b->txn, key, length, &other, &b->f->err));
}

static void alias_of_nothing(struct breakage *b)
{
	uint8_t key[LOCAL_ALIAS_KEY_MAX];
	struct ddb_value gone = filled(&b->f->arena, 150, 'g');
	struct local_key local;
	local_key_make(b->engine->store, b->simple->space, &gone, NULL, &local);
	size_t length = local_alias_key(b->engine, b->simple, &local, false, key);
	assert_ok(b->f, local_alias_write(b->txn, key, length, &gone, &b->f->err));
}

static void wrong_totals(struct breakage *b)
{
	struct local_totals totals;
	assert_ok(b->f, local_totals_read(b->txn, &totals, &b->f->err));
	totals.next_id = 2;
	totals.scratch_bytes = 1;
	assert_ok(b->f, local_totals_write(b->txn, &totals, &b->f->err));
}

static void items_of_no_table(struct breakage *b)
{
	struct local_key key = place(b, b->both, composite_key(b->f, 4));
	struct store_value value = read_record(b, key.bytes, key.length);
	local_write_be(key.bytes + 1, 4000, 4);
	write_record(b, key.bytes, key.length, &value);
}

static void counters_of_no_table(struct breakage *b)
{
	const struct local_counters counters = {.next_serial = 1};
	assert_ok(b->f, local_counters_write(b->txn, 4000, &counters, &b->f->err));
}

static void purge_of_a_living_table(struct breakage *b)
{
	assert_ok(b->f, local_tombstone_write(b->txn, b->both->space, &b->f->err));
}

static void file_place(struct breakage *b, const char *name, uint8_t ret[LOCAL_SCRATCH_KEY_BYTES])
{
	struct ddb_scratch_name where = scratch(name);
	local_scratch_key(b->engine->store, where.directory, name, strlen(name), ret);
}

static void blocks_of_no_file(struct breakage *b)
{
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES];
	file_place(b, ".file2", key);
	delete_record(b, key, sizeof key);
}

static void block_behind_the_end(struct breakage *b)
{
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES];
	file_place(b, ".file2", key);
	struct store_value value = read_record(b, key, sizeof key);
	uint8_t *head = ddb_arena_copy(&b->f->arena, value.head, value.head_length);
	local_write_le(head + 9, 100, 8); /* the size */
	value.head = head;
	write_record(b, key, sizeof key, &value);
}

static void file_of_another_name(struct breakage *b)
{
	uint8_t key[LOCAL_SCRATCH_KEY_BYTES];
	file_place(b, ".file0", key);
	struct store_value value = read_record(b, key, sizeof key);
	value.body = (const uint8_t *)"other";
	value.body_length = 5;
	write_record(b, key, sizeof key, &value);
}

static const struct {
	void (*breaks)(struct breakage *b);
	unsigned lost; /* items, after the repair */
} breakages[] = {
	{.breaks = no_header},
	{.breaks = wrong_header},
	{.breaks = header_without_items, .lost = 3},
	{.breaks = lost_item, .lost = 1},
	{.breaks = item_in_a_wrong_place, .lost = 1},
	{.breaks = item_that_is_none, .lost = 1},
	{.breaks = head_of_a_future_format, .lost = 1},
	{.breaks = wrong_size},
	{.breaks = wrong_rendering},
	{.breaks = no_version},
	{.breaks = future_version},
	{.breaks = no_serial},
	{.breaks = serial_above_the_counter},
	{.breaks = wrong_counters},
	{.breaks = no_counters},
	{.breaks = no_alias},
	{.breaks = no_sort_key_alias},
	{.breaks = no_partition_alias},
	{.breaks = wrong_alias},
	{.breaks = alias_of_nothing},
	{.breaks = wrong_totals},
	{.breaks = items_of_no_table},
	{.breaks = counters_of_no_table},
	{.breaks = purge_of_a_living_table},
	{.breaks = blocks_of_no_file},
	{.breaks = block_behind_the_end},
	{.breaks = file_of_another_name},
};

static struct local_table *table_of(struct fixture *f, const char *name)
{
	struct local_table *table;
	assert_ok(f, local_table_find(local_of(f->engine), name, &table, &f->err));
	return table;
}

struct break_run {
	struct fixture *f;
	void (*breaks)(struct breakage *b);
};

static enum ddb_code break_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct break_run *run = context;
	struct breakage b = {.f = run->f,
		.engine = local_of(run->f->engine),
		.txn = txn,
		.simple = table_of(run->f, "Simple"),
		.both = table_of(run->f, "Both"),
		.texts = table_of(run->f, "Texts")};
	(void)err;
	run->breaks(&b);
	local_table_unref(b.simple);
	local_table_unref(b.both);
	local_table_unref(b.texts);
	return DDB_OK;
}

static void break_store(struct fixture *f, void (*breaks)(struct breakage *b))
{
	struct break_run run = {.f = f, .breaks = breaks};
	assert_ok(f, store_write(local_of(f->engine)->store, break_job, &run, false, &f->err));
}

static void quiet(void *context, const char *line)
{
	(void)context;
	assert_true(strlen(line) > 0);
}

static void finds_and_repairs(void **state)
{
	F;
	for (size_t i = 0; i < sizeof breakages / sizeof *breakages; i++) {
		struct ddb_check_options options = {.report = quiet};
		struct ddb_check_result result;
		fill_store(f);
		break_store(f, breakages[i].breaks);
		assert_ok(f, ddb_local_check(f->engine, &options, &result, &f->err));
		if (result.problems == 0)
			fail_msg("breakage %zu is not found", i);
		assert_int_equal(result.repaired, 0);
		options.repair = true;
		assert_ok(f, ddb_local_check(f->engine, &options, &result, &f->err));
		if (result.repaired == 0)
			fail_msg("breakage %zu is not repaired", i);
		result = run_check(f, false);
		if (result.problems != 0)
			fail_msg("breakage %zu is still there", i);
		assert_int_equal(result.items, SIMPLE + COMPOSITE + 1 - breakages[i].lost);
		assert_int_equal(
			counts(f, "Simple").items + counts(f, "Both").items + counts(f, "Texts").items,
			result.items);
		put(f, "Both", composite_item(f, 1)); /* it works on */
		engine_close(f);
		nftw(f->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
		assert_int_equal(mkdir(f->path, 0700), 0);
		ddb_arena_reset(&f->arena);
		engine_open(f);
	}
}

static void break_catalog(struct breakage *b)
{
	uint8_t key[LOCAL_TABLE_KEY_MAX];
	size_t length;
	assert_true(local_catalog_key("Both", key, &length));
	struct store_value value = read_record(b, key, length);
	value.body_length--;
	write_record(b, key, length, &value);
}

static enum ddb_code mend_catalog(struct store_txn *txn, void *context, struct ddb_error *err)
{
	return local_catalog_write(txn, context, err);
}

static void break_kind(struct breakage *b)
{
	assert_ok(b->f, store_put(b->txn, "\xff\x01", 2, "x", 1, "y", 1, &b->f->err));
	assert_ok(b->f, store_put(b->txn, "Zed", 3, "x", 1, "y", 1, &b->f->err));
}

static void mend_kind(struct breakage *b)
{
	delete_record(b, (const uint8_t *)"\xff\x01", 2);
	delete_record(b, (const uint8_t *)"Zed", 3);
}

/* A table whose record is damaged cannot be repaired, but its items are not thrown away. */
static void keeps_what_it_cannot_repair(void **state)
{
	F;
	struct ddb_check_options options = {.report = quiet, .repair = true};
	struct ddb_check_result result;
	struct ddb_table *table;
	fill_store(f);
	break_store(f, break_kind);
	assert_ok(f, ddb_local_check(f->engine, &options, &result, &f->err));
	assert_int_equal(result.problems, 2);
	assert_int_equal(result.repaired, 0);
	break_store(f, mend_kind);
	break_store(f, break_catalog);
	struct local_table *cached = table_of(f, "Both");
	local_table_forget(local_of(f->engine), "Both");
	assert_code(f, OP(f->engine, describe_table, "Both", &table, &f->err), DDB_DAMAGED);
	assert_ok(f, ddb_local_check(f->engine, &options, &result, &f->err));
	assert_true(result.problems > 0);
	assert_int_equal(result.tables, 2);
	/* With its record again, it is all there. */
	assert_ok(f, store_write(local_of(f->engine)->store, mend_catalog, cached, false, &f->err));
	local_table_unref(cached);
	assert_int_equal(query(f, (struct ddb_query){.table = "Both"}).count, COMPOSITE);
	assert_true(run_check(f, true).problems <=
		    1); /* the number of tables, which was repaired to what could be read */
}

/* ---- Bytes on the disk ---- */

enum { PAGE_HEADER = 16, PAGE_LEAF = 0x02, PAGE_OVERFLOW = 0x04, NODE_HEADER = 8, NODE_NO_DATA = 0x07 };

struct image {
	char path[128];
	uint8_t *bytes;
	size_t length, page;
	size_t *places; /* of bytes within records */
	size_t count, room;
};

static uint16_t word(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static void add_places(struct image *image, size_t from, size_t to)
{
	for (size_t at = from; at < to && at < image->length; at += 5) {
		if (image->count == image->room) {
			image->room = image->room ? image->room * 2 : 1024;
			image->places = realloc(image->places, image->room * sizeof *image->places);
			assert_non_null(image->places);
		}
		image->places[image->count++] = at;
	}
}

/* The values of a leaf page, but not those that are page numbers or trees. */
static void add_leaf(struct image *image, size_t page)
{
	const uint8_t *bytes = image->bytes + page;
	size_t nodes = (size_t)(word(bytes + 12) - PAGE_HEADER) / 2;
	for (size_t i = 0; i < nodes; i++) {
		size_t node = word(bytes + PAGE_HEADER + 2 * i);
		if (node + NODE_HEADER > image->page)
			return;
		size_t size = word(bytes + node) | (size_t)word(bytes + node + 2) << 16;
		size_t key = word(bytes + node + 6), start = node + NODE_HEADER + key;
		if (!(word(bytes + node + 4) & NODE_NO_DATA) && start + size <= image->page)
			add_places(image, page + start, page + start + size);
	}
}

static void load_image(struct fixture *f, struct image *image)
{
	struct stat stat_;
	memset(image, 0, sizeof *image);
	snprintf(image->path, sizeof image->path, "%s/data.mdb", f->path);
	int fd = open(image->path, O_RDONLY);
	assert_true(fd >= 0 && fstat(fd, &stat_) == 0);
	image->length = (size_t)stat_.st_size;
	image->bytes = malloc(image->length);
	assert_int_equal(read(fd, image->bytes, image->length), image->length);
	close(fd);
	image->page = (size_t)sysconf(_SC_PAGESIZE);
	for (size_t page = 2 * image->page; page + image->page <= image->length; page += image->page) {
		const uint8_t *bytes = image->bytes + page;
		if (local_read_le(bytes, 8) != page / image->page)
			continue;
		if (word(bytes + 10) == PAGE_LEAF)
			add_leaf(image, page);
		if (word(bytes + 10) == PAGE_OVERFLOW) {
			size_t pages = local_read_le(bytes + 12, 4);
			add_places(image, page + PAGE_HEADER, page + pages * image->page);
			page += (pages - 1) * image->page;
		}
	}
	assert_true(image->count > 1000);
}

static void write_byte(const struct image *image, size_t place, uint8_t byte)
{
	int fd = open(image->path, O_WRONLY);
	assert_true(fd >= 0 && pwrite(fd, &byte, 1, (off_t)place) == 1);
	close(fd);
}

static bool right_or_damaged(
	struct fixture *f, const char *table, struct ddb_value key, struct ddb_value item)
{
	struct ddb_get_result got = {.found = false};
	struct ddb_get_item request = {.table = table, .key = key};
	enum ddb_code code = OP(f->engine, get_item, &f->arena, &request, &got, &f->err);
	if (code) {
		assert_int_equal(code, DDB_DAMAGED);
		return false;
	}
	assert_true(got.found && ddb_value_equal(&got.entry.item, &item));
	return true;
}

/* Reads everything in every way. Returns whether all was well. */
static bool read_all(struct fixture *f)
{
	bool well = true;
	struct ddb_page page;
	for (unsigned i = 0; i < SIMPLE; i++)
		well &= right_or_damaged(f, "Simple", simple_key(f, i), simple_item(f, i));
	for (unsigned i = 0; i < COMPOSITE; i++)
		well &= right_or_damaged(f, "Both", composite_key(f, i), composite_item(f, i));
	for (unsigned i = 0; i < 4; i++) {
		struct ddb_query request = {.table = i & 1 ? "Simple" : "Both", .keys_only = i & 2};
		enum ddb_code code = OP(f->engine, query, &f->arena, &request, &page, &f->err);
		assert_true(code == DDB_OK || code == DDB_DAMAGED);
		if (!code)
			assert_int_equal(page.count, i & 1 ? SIMPLE : COMPOSITE);
		well &= !code;
	}
	uint8_t *buffer = ddb_arena_alloc(&f->arena, 140000);
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];
		size_t length;
		snprintf(name, sizeof name, ".file%u", i);
		struct ddb_scratch_name where = scratch(name);
		enum ddb_code code = OP(f->engine, scratch_read, &where, 0, buffer, 140000, &length, &f->err);
		assert_true(code == DDB_OK || code == DDB_DAMAGED);
		well &= !code;
		if (code)
			continue;
		assert_int_equal(length, 70000 * i);
		for (size_t k = 0; k < length; k++)
			assert_int_equal(buffer[k], 'f');
	}
	return well;
}

/*
 * One changed byte: everything reads as it was or as damaged, and the check finds what any read finds. With
 * `repair` what is left is sound. Returns whether the byte mattered.
 */
static bool try_flip(struct fixture *f, const struct image *image, size_t place, bool repair)
{
	const struct ddb_local_options open_options = {.hooks = &hooks};
	struct ddb_check_options options = {.report = quiet};
	struct ddb_check_result result;
	write_byte(image, place, image->bytes[place] ^ 0x10);
	enum ddb_code code = ddb_local_open(f->path, &open_options, &f->engine, &f->err);
	if (code) {
		f->engine = NULL;
		return true;
	}
	bool well = read_all(f);
	assert_ok(f, ddb_local_check(f->engine, &options, &result, &f->err));
	assert_true(well || result.problems > 0);
	if (repair && !well) {
		options.repair = true;
		assert_ok(f, ddb_local_check(f->engine, &options, &result, &f->err));
		result = run_check(f, false);
		assert_true(result.problems == 0 || result.tables < 3);
	}
	engine_close(f);
	return !well;
}

static void restore(const struct image *image)
{
	int fd = open(image->path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0 && write(fd, image->bytes, image->length) == (ssize_t)image->length);
	close(fd);
}

static void changed_bytes_are_never_data(void **state)
{
	F;
	enum { FLIPS = 60, REPAIRS = 12 };
	struct image image;
	unsigned random = 99, mattered = 0;
	fill_store(f);
	engine_close(f);
	load_image(f, &image);
	for (unsigned i = 0; i < FLIPS; i++) {
		random = random * 1103515245 + 12345;
		mattered += try_flip(f, &image, image.places[(random >> 4) % image.count], i < REPAIRS);
		restore(&image);
		ddb_arena_reset(&f->arena);
	}
	assert_true(mattered > FLIPS / 10);
	free(image.bytes);
	free(image.places);
	engine_open(f);
	assert_true(read_all(f));
}

/* ---- A crash in the middle of a purge ---- */

static void half_delete(struct breakage *b)
{
	uint8_t key[LOCAL_SPACE_BYTES];
	struct local_totals totals;
	bool rest;
	local_space_key(LOCAL_COUNTERS, b->both->space, key);
	delete_record(b, key, sizeof key);
	assert_ok(b->f, local_catalog_delete(b->txn, "Both", &b->f->err));
	assert_ok(b->f, local_totals_read(b->txn, &totals, &b->f->err));
	totals.tables--;
	assert_ok(b->f, local_totals_write(b->txn, &totals, &b->f->err));
	assert_ok(b->f, local_purge_some(b->txn, b->both->space, 5, &rest, &b->f->err));
	assert_true(rest);
	assert_ok(b->f, local_tombstone_write(b->txn, b->both->space, &b->f->err));
}

static void purges_at_the_next_open(void **state)
{
	F;
	uint8_t prefix[LOCAL_SPACE_BYTES];
	struct store_txn *view;
	struct store_cursor *cursor;
	bool found;
	fill_store(f);
	struct local_table *both = table_of(f, "Both");
	local_space_key(LOCAL_ITEM, both->space, prefix);
	local_table_unref(both);
	break_store(f, half_delete);
	assert_sound(f); /* what is still to be purged is no problem */
	engine_reopen(f);
	assert_ok(f, store_view(local_of(f->engine)->store, &view, &f->err));
	assert_ok(f, store_cursor_open(view, &cursor, &f->err));
	assert_ok(f, store_cursor_seek(cursor, prefix, sizeof prefix, &found, &f->err));
	const uint8_t *key;
	size_t length;
	if (found)
		store_cursor_key(cursor, &key, &length);
	assert_true(!found || memcmp(key, prefix, sizeof prefix) != 0);
	store_cursor_close(cursor);
	store_view_end(view);
	create(f, "Both", "pk:S,sk:N");
	assert_int_equal(query(f, (struct ddb_query){.table = "Both"}).count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sound_stores_have_no_problems, set_up, tear_down),
		cmocka_unit_test_setup_teardown(finds_and_repairs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_what_it_cannot_repair, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changed_bytes_are_never_data, set_up, tear_down),
		cmocka_unit_test_setup_teardown(purges_at_the_next_open, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
