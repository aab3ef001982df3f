/*
 * A store with every kind of record that there is, as an image that can be put back; its records as they lie
 * in LMDB, where they can be changed behind the seals' back; and all that an engine shows of it, as digests.
 */
#ifndef TAMPER_WORLD_H
#define TAMPER_WORLD_H

#include "local_stream_fixture.h"

#include "engine/local/catalog.h"
#include "engine/local/index/fill.h"
#include "engine/local/keys.h"
#include "engine/store/inside.h"
#include <fcntl.h>
#include <sys/stat.h>

enum { PAIRS = 8, PLAIN = 6, GROWING = 3, FILES = 3, RAW_MAX = 400, SHOWN_MAX = 200, ARENA_SHOWN = 64 << 20 };

/* ---- Files ---- */

struct image {
	uint8_t *bytes[2];
	size_t lengths[2];
};
static const char *const image_files[2] = {"data.mdb", "anchor"};

HELPER void image_take(const struct fixture *f, struct image *image)
{
	for (unsigned i = 0; i < 2; i++) {
		char path[128];
		struct stat status;
		snprintf(path, sizeof path, "%s/%s", f->path, image_files[i]);
		int file = open(path, O_RDONLY);
		assert_true(file >= 0 && !fstat(file, &status));
		image->lengths[i] = (size_t)status.st_size;
		image->bytes[i] = malloc(image->lengths[i]);
		assert_int_equal(read(file, image->bytes[i], image->lengths[i]), image->lengths[i]);
		close(file);
	}
}

HELPER void image_restore(const struct fixture *f, const struct image *image)
{
	for (unsigned i = 0; i < 2; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", f->path, image_files[i]);
		int file = open(path, O_WRONLY | O_TRUNC);
		assert_true(file >= 0);
		assert_int_equal(write(file, image->bytes[i], image->lengths[i]), image->lengths[i]);
		close(file);
	}
}

HELPER void image_free(struct image *image)
{
	for (unsigned i = 0; i < 2; i++)
		free(image->bytes[i]);
}

/* ---- Records as they lie there ---- */

struct raw {
	uint8_t key[511], *value;
	size_t key_length, length;
};
struct raws {
	size_t count;
	struct raw records[RAW_MAX];
};

HELPER struct store *raw_open(struct fixture *f)
{
	const struct store_options options = {.must_exist = true};
	struct store *store;
	assert_ok(f, store_open(f->path, &options, &store, &f->err));
	return store;
}

HELPER void raw_free(struct raws *raws)
{
	for (size_t i = 0; i < raws->count; i++)
		free(raws->records[i].value);
	raws->count = 0;
}

/* All of a kind, or (0) of all kinds; those with keys that one LMDB key holds. */
HELPER void raw_read(struct fixture *f, uint8_t kind, struct raws *ret)
{
	struct store *store = raw_open(f);
	MDB_txn *txn;
	MDB_cursor *cursor;
	MDB_val key, value;
	ret->count = 0;
	assert_int_equal(mdb_txn_begin(store->environment.mdb, NULL, MDB_RDONLY, &txn), 0);
	assert_int_equal(mdb_cursor_open(txn, store->environment.data, &cursor), 0);
	while (!mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		const uint8_t *bytes = key.mv_data;
		if (store_environment_is_name(&key) || (kind && bytes[0] != kind))
			continue;
		assert_true(ret->count < RAW_MAX && key.mv_size < STORE_CHUNK);
		struct raw *raw = &ret->records[ret->count++];
		memcpy(raw->key, key.mv_data, key.mv_size);
		raw->key_length = key.mv_size;
		raw->length = value.mv_size;
		raw->value = malloc(value.mv_size ? value.mv_size : 1);
		memcpy(raw->value, value.mv_data, value.mv_size);
	}
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	store_close(store);
}

/* `value` NULL: deletes. */
HELPER void raw_write(
	struct fixture *f, const uint8_t *key, size_t key_length, const uint8_t *value, size_t length)
{
	struct store *store = raw_open(f);
	MDB_txn *txn;
	MDB_val name = {key_length, (void *)(uintptr_t)key}, data = {length, (void *)(uintptr_t)value};
	store_writer_enter(&store->writer);
	assert_int_equal(mdb_txn_begin(store->environment.mdb, NULL, 0, &txn), 0);
	assert_int_equal(value ? mdb_put(txn, store->environment.data, &name, &data, 0)
			       : mdb_del(txn, store->environment.data, &name, NULL),
		0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	store_sync_committed(store, length);
	store_writer_leave(&store->writer);
	store_close(store);
}

/* ---- Making it ---- */

static const char pairs_text[] =
	"{\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},"
	"{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"},{\"AttributeName\":\"colour\",\"AttributeType\":"
	"\"S\"},"
	"{\"AttributeName\":\"size\",\"AttributeType\":\"N\"}],"
	"\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"sk\","
	"\"KeyType\":"
	"\"RANGE\"}],\"BillingMode\":\"PAY_PER_REQUEST\","
	"\"LocalSecondaryIndexes\":[{\"IndexName\":\"bySize\",\"KeySchema\":[{\"AttributeName\":\"pk\","
	"\"KeyType\":\"HASH\"},{\"AttributeName\":\"size\",\"KeyType\":\"RANGE\"}],\"Projection\":"
	"{\"ProjectionType\":\"ALL\"}}],"
	"\"GlobalSecondaryIndexes\":[{\"IndexName\":\"byColour\",\"KeySchema\":[{\"AttributeName\":"
	"\"colour\","
	"\"KeyType\":\"HASH\"},{\"AttributeName\":\"size\",\"KeyType\":\"RANGE\"}],\"Projection\":"
	"{\"ProjectionType\":\"ALL\"}}],"
	"\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"},"
	"\"TimeToLiveSpecification\":{\"AttributeName\":\"expires\",\"Enabled\":true}}";

static const char growing_text[] =
	"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"},"
	"{\"AttributeName\":\"colour\",\"AttributeType\":\"S\"}],"
	"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\","
	"\"GlobalSecondaryIndexes\":[{\"IndexName\":\"late\",\"KeySchema\":[{\"AttributeName\":\"colour\","
	"\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}]}";

static const char *const pair_tables[] = {"Pairs", "Twin"};

/* Keys and attributes long enough for an alias, and others. */
HELPER struct ddb_value pair_key(struct fixture *f, unsigned number)
{
	struct ddb_value key = {.type = DDB_M};
	char pk[4] = {'p', (char)('0' + number / 3), 0}, sk[4] = {'s', (char)('0' + number), 0};
	key = with(&f->arena, &key, "pk",
		number < 3 ? filled(&f->arena, 120, 'P')
			   : text_value(&f->arena, (char[]){'S', ':', pk[0], pk[1], 0}));
	return with(&f->arena, &key, "sk",
		number % 2 ? filled(&f->arena, 110, (char)('a' + number))
			   : text_value(&f->arena, (char[]){'S', ':', sk[0], sk[1], 0}));
}

HELPER struct ddb_value pair_item(struct fixture *f, unsigned number, unsigned round)
{
	struct ddb_value item = pair_key(f, number);
	item = with(&f->arena, &item, "colour",
		number % 2 ? filled(&f->arena, 130, 'C') : text_value(&f->arena, "S:red"));
	item = with(&f->arena, &item, "size", int_value(&f->arena, number * 10));
	item = with(&f->arena, &item, "expires", int_value(&f->arena, 4000000000 + number));
	return with(&f->arena, &item, "text", filled(&f->arena, 50 + number + round, (char)('A' + round)));
}

HELPER struct ddb_value plain_key(struct fixture *f, unsigned number)
{
	struct ddb_value key = {.type = DDB_M};
	return with(&f->arena, &key, "id", filled(&f->arena, number % 2 ? 3 : 140, (char)('a' + number)));
}

HELPER struct ddb_value plain_item(struct fixture *f, unsigned number, unsigned round)
{
	struct ddb_value item = plain_key(f, number);
	return with(&f->arena, &item, "text", filled(&f->arena, 40, (char)('A' + round)));
}

HELPER void file_name(unsigned number, char ret[16])
{
	snprintf(ret, 16, ".file%u", number);
}

/* Everything gets the contents of that round. */
HELPER void world_fill(struct fixture *f, unsigned round)
{
	for (unsigned i = 0; i < PAIRS; i++)
		for (unsigned t = 0; t < 2; t++)
			put(f, pair_tables[t], pair_item(f, i, round));
	for (unsigned i = 0; i < PLAIN; i++)
		put(f, "Plain", plain_item(f, i, round));
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];
		struct ddb_scratch_meta meta;
		file_name(i, name);
		struct ddb_scratch_name where = scratch(name);
		assert_ok(f, OP(f->engine, scratch_create, &where, 0644, false, &meta, &f->err));
		struct ddb_value text = filled(&f->arena, 70000 * i, (char)('f' + round));
		assert_ok(f, OP(f->engine, scratch_write, &where, 0, text.bytes, text.count, &f->err));
	}
	struct ddb_transact_action action = {.kind = DDB_TRANSACT_PUT, .table = "Plain"};
	struct ddb_transact_write request = {.count = 1, .actions = &action};
	for (unsigned i = 0; i < 2; i++) {
		struct ddb_transact_result result;
		action.value = plain_item(f, i, round);
		request.token = i ? "token one" : "token two";
		if (!round) /* the token's record is not written again */
			assert_ok(f, OP(f->engine, transact_write, &f->arena, &request, &result, &f->err));
	}
}

HELPER void make_pair_table(struct fixture *f, const char *name)
{
	struct ddb_definition *definition = definition_read(f, pairs_text);
	assert_ok(f, OP(f->engine, create_table, name, definition, &f->err));
	ddb_definition_unref(definition);
}

/* In memory, if there is such a place: what is synced is not the matter here. */
HELPER int world_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	if (!fixture)
		return -1;
	snprintf(fixture->path, sizeof fixture->path, "%s/ddb-tamper-XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(fixture->path))
		return -1;
	ddb_arena_init(&fixture->arena, ARENA_MAX);
	engine_open(fixture);
	*state = fixture;
	return 0;
}

HELPER void world_make(struct fixture *f)
{
	struct ddb_scratch_meta meta;
	struct ddb_scratch_name directory = scratch(".directory");
	make_pair_table(f, pair_tables[0]);
	make_pair_table(f, pair_tables[1]);
	create(f, "Plain", "id:S");
	create(f, "Growing", "id:S");
	for (unsigned i = 0; i < GROWING; i++)
		put(f, "Growing", plain_item(f, i, 0));
	assert_ok(f, OP(f->engine, scratch_mkdir, &directory, 0755, &meta, &f->err));
	world_fill(f, 0);
}

/* What only lasts for a moment: an index that is being made, and two tables that are being purged. */
struct moment {
	uint32_t dead[2], growing; /* spaces */
};

HELPER enum ddb_code moment_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct moment *moment = context;
	const struct local_progress progress = {.examined = 0};
	enum ddb_code code = local_tombstone_write(txn, moment->dead[0], err);
	if (!code)
		code = local_tombstone_write(txn, moment->dead[1], err);
	if (!code)
		code = local_progress_write(txn, moment->growing, &progress, err);
	return code;
}

HELPER uint32_t dead_space(struct fixture *f, const char *name)
{
	struct local_table *table;
	create(f, name, "id:S");
	assert_ok(f, local_table_find(local_of(f->engine), name, &table, &f->err));
	uint32_t space = table->space;
	local_table_unref(table);
	assert_ok(f, OP(f->engine, delete_table, name, false, &f->err));
	return space;
}

HELPER void world_begin_moment(struct fixture *f)
{
	struct local_engine *engine = local_of(f->engine);
	struct ddb_definition *definition = definition_read(f, growing_text);
	local_worker_stop(&engine->filler);
	engine->filler.stopping = true; /* so that nothing starts it */
	assert_ok(f, OP(f->engine, update_table, "Growing", NULL, definition, &f->err));
	ddb_definition_unref(definition);
	struct local_table *growing;
	struct moment moment = {.dead = {dead_space(f, "One"), dead_space(f, "Two")}};
	assert_ok(f, local_table_find(engine, "Growing", &growing, &f->err));
	moment.growing = growing->indexes[0].space;
	local_table_unref(growing);
	assert_ok(f, store_write(engine->store, moment_job, &moment, false, &f->err));
}

/* ---- What an engine shows ---- */

struct shown {
	char what[80];
	enum ddb_code code;
	uint64_t digest;
};
struct showing {
	struct fixture *f;
	size_t count;
	struct shown all[SHOWN_MAX];
	uint64_t digest; /* of what is being read */
};

HELPER void show_bytes_of(struct showing *showing, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	for (size_t i = 0; i < length; i++)
		showing->digest = (showing->digest ^ from[i]) * 1099511628211u;
	showing->digest = (showing->digest ^ 0x100 ^ length) * 1099511628211u;
}

HELPER void show_item(struct showing *showing, const struct ddb_value *item)
{
	struct ddb_buffer out;
	struct ddb_json_out json;
	ddb_buffer_init(&out, 1 << 20);
	ddb_json_out_init(&json, &out, false);
	ddb_typed_write_item(&json, item);
	assert_false(out.failed);
	show_bytes_of(showing, out.bytes, out.length);
	ddb_buffer_done(&out);
}

HELPER void show(struct showing *showing, enum ddb_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
HELPER void show(struct showing *showing, enum ddb_code code, const char *format, ...)
{
	va_list arguments;
	assert_true(showing->count < SHOWN_MAX);
	struct shown *shown = &showing->all[showing->count++];
	va_start(arguments, format);
	vsnprintf(shown->what, sizeof shown->what, format, arguments);
	va_end(arguments);
	shown->code = code;
	shown->digest = showing->digest;
	showing->digest = 0;
}

HELPER void show_get(struct showing *showing, const char *table, struct ddb_value key, unsigned number)
{
	struct fixture *f = showing->f;
	struct ddb_get_result result = {.found = false};
	struct ddb_get_item request = {.table = table, .key = key};
	enum ddb_code code = OP(f->engine, get_item, &f->arena, &request, &result, &f->err);
	if (!code && result.found)
		show_item(showing, &result.entry.item);
	show(showing, code, "item %u of %s", number, table);
}

HELPER void show_query(struct showing *showing, const char *table, const char *index)
{
	struct fixture *f = showing->f;
	struct ddb_page page = {.count = 0};
	struct ddb_query request = {.table = table, .index = index};
	enum ddb_code code = OP(f->engine, query, &f->arena, &request, &page, &f->err);
	for (size_t i = 0; !code && i < page.count; i++)
		show_item(showing, &page.entries[i].item);
	show(showing, code, "scan of %s %s", table, index ? index : "");
}

HELPER void show_partitions(struct showing *showing, const char *table, const char *index)
{
	struct fixture *f = showing->f;
	struct ddb_partitions page = {.count = 0};
	struct ddb_list_partitions request = {.table = table, .index = index};
	enum ddb_code code = OP(f->engine, list_partitions, &f->arena, &request, &page, &f->err);
	for (size_t i = 0; !code && i < page.count; i++)
		show_bytes_of(showing, page.partitions[i].key.bytes, page.partitions[i].key.count);
	show(showing, !code && page.damaged ? DDB_DAMAGED : code, "partitions of %s %s", table,
		index ? index : "");
}

HELPER void show_alias(struct showing *showing, const char *table, const char *index,
	const struct ddb_value *partition, const struct ddb_value *value)
{
	struct fixture *f = showing->f;
	struct ddb_find_alias request = {.table = table, .index = index, .partition = partition};
	struct ddb_value found = {.count = 0};
	if (!alias(NULL, value, partition != NULL, request.alias))
		return;
	if (index && !index_alias(NULL, NULL, value, request.alias))
		return;
	enum ddb_code code = OP(f->engine, find_alias, &f->arena, &request, &found, &f->err);
	if (!code)
		show_bytes_of(showing, found.bytes, found.count);
	show(showing, code, "alias in %s %s", table, index ? index : "");
}

HELPER void show_table(struct showing *showing, const char *table)
{
	struct fixture *f = showing->f;
	struct ddb_table *described = NULL;
	struct ddb_table_counts count = {.items = 0};
	enum ddb_code code = OP(f->engine, describe_table, table, &described, &f->err);
	if (!code)
		ddb_table_unref(described);
	show(showing, code, "table %s", table);
	code = OP(f->engine, count_table, table, &count, &f->err);
	if (!code)
		show_bytes_of(showing, &count.items, sizeof count.items);
	show(showing, code, "counts of %s", table);
	show_query(showing, table, NULL);
}

HELPER void show_stream(struct showing *showing, const char *table)
{
	struct fixture *f = showing->f;
	const struct ddb_read_stream request = {.table = table};
	struct ddb_stream_page page = {.count = 0};
	enum ddb_code code = OP(f->engine, read_stream, &f->arena, &request, &page, &f->err);
	for (size_t i = 0; !code && i < page.count; i++) {
		show_item(showing, &page.records[i].key);
		if (page.records[i].has_old)
			show_item(showing, &page.records[i].old_image);
		if (page.records[i].has_new)
			show_item(showing, &page.records[i].new_image);
	}
	show(showing, code, "stream of %s", table);
}

HELPER void show_pairs(struct showing *showing, const char *table)
{
	struct fixture *f = showing->f;
	show_table(showing, table);
	show_partitions(showing, table, NULL);
	show_query(showing, table, "bySize");
	show_query(showing, table, "byColour");
	show_partitions(showing, table, "byColour");
	show_stream(showing, table);
	for (unsigned i = 0; i < PAIRS; i++) {
		struct ddb_value key = pair_key(f, i), item = pair_item(f, i, 1);
		const struct ddb_value *pk = ddb_map_get(&key, "pk", 2);
		show_get(showing, table, key, i);
		show_alias(showing, table, NULL, NULL, pk);
		show_alias(showing, table, NULL, pk, ddb_map_get(&key, "sk", 2));
		show_alias(showing, table, "byColour", NULL, ddb_map_get(&item, "colour", 6));
	}
}

HELPER void show_scratch(struct showing *showing)
{
	enum { SIZE = 200000 };
	struct fixture *f = showing->f;
	struct ddb_scratch_page page = {.count = 0};
	struct ddb_scratch_name directory = scratch("");
	uint8_t *bytes = ddb_arena_alloc(&f->arena, SIZE);
	enum ddb_code code =
		OP(f->engine, scratch_list, &f->arena, directory.directory, NULL, 0, &page, &f->err);
	for (size_t i = 0; !code && i < page.count; i++)
		show_bytes_of(showing, page.entries[i].name, strlen(page.entries[i].name));
	show(showing, code, "list of scratch files");
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];
		size_t length = 0;
		file_name(i, name);
		struct ddb_scratch_name where = scratch(name);
		code = OP(f->engine, scratch_read, &where, 0, bytes, SIZE, &length, &f->err);
		if (!code)
			show_bytes_of(showing, bytes, length);
		show(showing, code, "scratch file %s", name);
	}
}

HELPER void show_all(struct fixture *f, struct showing *ret)
{
	struct ddb_table_names names = {.count = 0};
	ret->f = f;
	ret->count = 0;
	ret->digest = 0;
	enum ddb_code code = OP(f->engine, list_tables, &f->arena, NULL, 100, &names, &f->err);
	for (size_t i = 0; !code && i < names.count; i++)
		show_bytes_of(ret, names.names[i], strlen(names.names[i]));
	show(ret, code, "list of tables");
	show_pairs(ret, pair_tables[0]);
	show_pairs(ret, pair_tables[1]);
	show_table(ret, "Plain");
	for (unsigned i = 0; i < PLAIN; i++) {
		struct ddb_value key = plain_key(f, i);
		show_get(ret, "Plain", key, i);
		show_alias(ret, "Plain", NULL, NULL, ddb_map_get(&key, "id", 2));
	}
	show_table(ret, "Growing");
	show_scratch(ret);
}

#endif
