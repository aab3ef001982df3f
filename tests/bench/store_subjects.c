#include "store_subjects.h"

#include "engine/local/item.h"
#include "engine/local/local.h"
#include "engine/record.h"
#include "engine/store/seal.h"
#include "engine/store/store.h"
#include "mapping/map.h"

#include <lmdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	ORDER_DIGITS = 12,
	KEY_BYTES = LOCAL_PREFIX_BYTES + ORDER_DIGITS,
	HEAD_BYTES = LOCAL_ITEM_HEAD_MIN,
	NOTE_BYTES = 385, /* makes a file of some 540 bytes */
	VALUE_MAX = 1024,
	ARENA_MAX = 1 << 20,
	SYNC_MS = 50,
	MAP_GB = 64,
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "store: %s\n", what);
	exit(1);
}

static void partition_and_order(uint32_t item, char partition[16], char order[16])
{
	snprintf(partition, 16, "C%05u", item % PARTITIONS);
	snprintf(order, 16, "2026-%07u", item / PARTITIONS % 10000000);
}

static void path_in(const char *directory, const char *name, char ret[300])
{
	snprintf(ret, 300, "%.250s/%s", directory, name);
}

/* A key as the engine's are: kind and space, a hash of the partition key, the sort key. */
static void make_key(uint32_t item, uint8_t ret[KEY_BYTES])
{
	char partition[16], order[16];
	uint64_t hash = 1469598103934665603u;

	partition_and_order(item, partition, order);
	for (const char *at = partition; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 1099511628211u;
	hash ^= hash >> 29;
	memcpy(ret, "I\0\0\0\1", LOCAL_SPACE_BYTES);
	for (unsigned i = 0; i < STORE_HASH_BYTES; i++)
		ret[LOCAL_SPACE_BYTES + i] = (uint8_t)(hash * (i + 1) >> 8 * (i % 8));
	memcpy(ret + LOCAL_PREFIX_BYTES, order, ORDER_DIGITS);
}

/* The item has some 540 bytes of text, and is made for nothing but a few copies. */
struct prepared {
	char partition[16], order[16], note[NOTE_BYTES];
	struct ddb_attribute attributes[5];
};

static struct ddb_value prepare(struct prepared *to, uint32_t item, uint64_t edition)
{
	static const char *const names[] = {"customer", "note", "order", "paid", "reference"};
	const size_t count = sizeof names / sizeof *names;

	partition_and_order(item, to->partition, to->order);
	memset(to->note, 'a' + (char)(edition % 26), sizeof to->note);
	snprintf(to->note, 24, "%020llu", (unsigned long long)edition);
	to->note[20] = ' ', to->note[21] = to->note[22] = to->note[23] = '-';
	for (size_t i = 0; i < count; i++)
		to->attributes[i] =
			(struct ddb_attribute){.name = names[i], .name_length = (uint32_t)strlen(names[i])};
	to->attributes[0].value = ddb_string(to->partition, strlen(to->partition));
	to->attributes[1].value = ddb_string(to->note, sizeof to->note);
	to->attributes[2].value = ddb_string(to->order, strlen(to->order));
	to->attributes[3].value = ddb_bool(edition % 2);
	to->attributes[4].value = ddb_string("a2692ad29d014273dd12dcd47fe0bf09", 32);
	return (struct ddb_value){.type = DDB_M, .count = (uint32_t)count, .attributes = to->attributes};
}

/* Of an item as the engine encodes it, so that all store the same. */
static size_t body_bytes;

static void measure_body(void)
{
	DDB_BUFFER_AUTO struct ddb_buffer buffer = {0};
	struct prepared prepared;
	struct ddb_value item = prepare(&prepared, 0, 0);

	ddb_buffer_init(&buffer, VALUE_MAX);
	ddb_record_write(&item, &buffer);
	must(!buffer.failed, "ddb_record_write");
	body_bytes = buffer.length;
}

/* ---- LMDB ---- */

struct raw {
	MDB_env *env;
	MDB_dbi dbi;
	pthread_t thread;
	atomic_bool dirty, stop;
	bool pins;
};

/*
 * After a power loss LMDB without sync may be unreadable, since pages of the state that its meta page on the
 * disk leads to have been used again. A reader of the last state that was synced forbids that; what it costs
 * is the store's, too.
 */
static void raw_cycle(const struct raw *raw, MDB_txn **pinned)
{
	MDB_txn *now = NULL;

	if (raw->pins)
		must(!mdb_txn_begin(raw->env, NULL, MDB_RDONLY, &now), "mdb_txn_begin");
	must(!mdb_env_sync(raw->env, 1), "mdb_env_sync");
	if (*pinned)
		mdb_txn_abort(*pinned);
	*pinned = now;
}

static void *raw_sync(void *context)
{
	struct raw *raw = context;
	const struct timespec pause = {.tv_nsec = SYNC_MS * 1000000};
	MDB_txn *pinned = NULL;

	while (!raw->stop) {
		nanosleep(&pause, NULL);
		if (atomic_exchange(&raw->dirty, false))
			raw_cycle(raw, &pinned);
	}
	if (pinned)
		mdb_txn_abort(pinned);
	return NULL;
}

static struct raw *raw_make(const char *directory, const char *name, bool pins)
{
	struct raw *raw = calloc(1, sizeof *raw);
	MDB_txn *txn;
	char path[300];

	measure_body();
	path_in(directory, name, path);
	must(raw && !mkdir(path, 0700), path);
	raw->pins = pins;
	must(!mdb_env_create(&raw->env) && !mdb_env_set_mapsize(raw->env, (size_t)MAP_GB << 30) &&
			!mdb_env_open(raw->env, path, MDB_NOTLS | MDB_NOSYNC, 0600),
		"mdb_env_open");
	must(!mdb_txn_begin(raw->env, NULL, 0, &txn) && !mdb_dbi_open(txn, NULL, 0, &raw->dbi) &&
			!mdb_txn_commit(txn),
		"mdb_dbi_open");
	must(!pthread_create(&raw->thread, NULL, raw_sync, raw), "pthread_create");
	return raw;
}

static void *raw_open(const char *directory)
{
	return raw_make(directory, "raw", false);
}

static void *pinned_open(const char *directory)
{
	return raw_make(directory, "pinned", true);
}

static void raw_close(void *subject)
{
	struct raw *raw = subject;

	raw->stop = true;
	pthread_join(raw->thread, NULL);
	mdb_env_close(raw->env);
	free(raw);
}

static void raw_put(void *subject, const uint32_t *items, size_t count, uint64_t edition, bool durable)
{
	struct raw *raw = subject;
	uint8_t bytes[KEY_BYTES], value_bytes[VALUE_MAX];
	MDB_txn *txn;

	memset(value_bytes, (uint8_t)edition, sizeof value_bytes);
	/* With sync a commit waits for its pages, and then for the meta page that leads to them. */
	must(!mdb_env_set_flags(raw->env, MDB_NOSYNC, !durable), "mdb_env_set_flags");
	must(!mdb_txn_begin(raw->env, NULL, 0, &txn), "mdb_txn_begin");
	for (size_t i = 0; i < count; i++) {
		MDB_val key = {KEY_BYTES, bytes};
		MDB_val value = {store_seal_size(HEAD_BYTES, body_bytes), value_bytes};
		make_key(items[i], bytes);
		must(!mdb_put(txn, raw->dbi, &key, &value, 0), "mdb_put");
	}
	must(!mdb_txn_commit(txn), "mdb_txn_commit");
	raw->dirty = !durable;
}

static void raw_get(void *subject, uint32_t item)
{
	static _Thread_local MDB_txn
		*view; /* a subject at a time has threads, and each ends before the next's */
	struct raw *raw = subject;
	uint8_t bytes[KEY_BYTES], copy[VALUE_MAX];
	MDB_val key = {KEY_BYTES, bytes}, value;

	make_key(item, bytes);
	must(!(view ? mdb_txn_renew(view) : mdb_txn_begin(raw->env, NULL, MDB_RDONLY, &view)), "view");
	must(!mdb_get(view, raw->dbi, &key, &value) && value.mv_size <= sizeof copy, "mdb_get");
	memcpy(copy, value.mv_data, value.mv_size);
	mdb_txn_reset(view);
}

static void raw_sync_now(void *subject)
{
	const struct raw *raw = subject;

	must(!mdb_env_sync(raw->env, 1), "mdb_env_sync");
}

/* ---- engine/store ---- */

static void *plain_open(const char *directory)
{
	struct store *store;
	struct ddb_error err;
	char path[300];

	path_in(directory, "store", path);
	must(!store_open(path, &(struct store_options){0}, &store, &err), err.message);
	return store;
}

static void plain_close(void *subject)
{
	store_close(subject);
}

struct plain_job {
	const uint32_t *items;
	size_t count;
	uint64_t edition;
};

static enum ddb_code plain_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const struct plain_job *job = context;
	uint8_t key[KEY_BYTES], head[HEAD_BYTES] = {0}, body[VALUE_MAX];
	enum ddb_code code = DDB_OK;

	memset(body, (uint8_t)job->edition, sizeof body);
	for (size_t i = 0; i < job->count && !code; i++) {
		make_key(job->items[i], key);
		code = store_put(txn, key, sizeof key, head, sizeof head, body, body_bytes, err);
	}
	return code;
}

static void plain_put(void *subject, const uint32_t *items, size_t count, uint64_t edition, bool durable)
{
	struct plain_job job = {items, count, edition};
	struct ddb_error err;

	must(!store_write(subject, plain_job, &job, durable, &err), err.message);
}

static void plain_get(void *subject, uint32_t item)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct store_txn *view;
	struct store_value value;
	struct ddb_error err;
	uint8_t key[KEY_BYTES];

	ddb_arena_init(&arena, ARENA_MAX);
	make_key(item, key);
	must(!store_view(subject, &view, &err), err.message);
	must(!store_get(view, &arena, key, sizeof key, true, &value, &err), err.message);
	store_view_end(view);
}

static void plain_sync(void *subject)
{
	struct ddb_error err;

	must(!store_sync(subject, &err), err.message);
}

/* ---- The engine ---- */

static const char table[] = "Orders";
static const char definition_text[] =
	"{\"AttributeDefinitions\": [{\"AttributeName\": \"customer\", \"AttributeType\": \"S\"},"
	" {\"AttributeName\": \"order\", \"AttributeType\": \"S\"}],"
	" \"KeySchema\": [{\"AttributeName\": \"customer\", \"KeyType\": \"HASH\"},"
	" {\"AttributeName\": \"order\", \"KeyType\": \"RANGE\"}]}";

static void *engine_open(const char *directory)
{
	const struct ddb_local_options options = {.hooks = &map_rendering_hooks};
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_definition *definition;
	struct ddb_engine *engine;
	struct ddb_error err;
	char path[300];

	path_in(directory, "engine", path);
	ddb_arena_init(&arena, ARENA_MAX);
	must(!ddb_local_open(path, &options, &engine, &err), err.message);
	must(!ddb_definition_read(definition_text, sizeof definition_text - 1, &definition, &err),
		err.message);
	must(!engine->ops->create_table(engine, table, definition, &err), err.message);
	return engine;
}

static void engine_close(void *subject)
{
	struct ddb_engine *engine = subject;

	engine->ops->close(engine);
}

static void engine_put(void *subject, const uint32_t *items, size_t count, uint64_t edition, bool durable)
{
	struct ddb_engine *engine = subject;
	struct prepared prepared[100];
	struct ddb_value values[100];
	struct ddb_put_many_result done;
	struct ddb_put_result result;
	struct ddb_error err;

	for (size_t i = 0; i < count; i++)
		values[i] = prepare(&prepared[i], items[i], edition);
	if (count == 1)
		must(!engine->ops->put_item(engine, &(struct ddb_put_item){.table = table, .item = values[0]},
			     &result, &err),
			err.message);
	else
		must(!engine->ops->put_many(engine,
			     &(struct ddb_put_many){.table = table, .items = values, .count = count}, &done,
			     &err),
			err.message);
	if (durable)
		must(!engine->ops->sync(engine, &err), err.message);
}

static void engine_get(void *subject, uint32_t item)
{
	struct ddb_engine *engine = subject;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_get_result result;
	struct ddb_error err;
	char partition[16], order[16];

	ddb_arena_init(&arena, ARENA_MAX);
	partition_and_order(item, partition, order);
	struct ddb_attribute attributes[] = {
		{.name = "customer", .name_length = 8, .value = ddb_string(partition, strlen(partition))},
		{.name = "order", .name_length = 5, .value = ddb_string(order, strlen(order))},
	};
	struct ddb_get_item get = {
		.table = table, .key = {.type = DDB_M, .count = 2, .attributes = attributes}};
	must(!engine->ops->get_item(engine, &arena, &get, &result, &err), err.message);
	must(result.found, "an item is missing");
}

static void engine_sync(void *subject)
{
	struct ddb_engine *engine = subject;
	struct ddb_error err;

	must(!engine->ops->sync(engine, &err), err.message);
}

const struct subject_ops subject_rows[SUBJECTS] = {
	{"LMDB", raw_open, raw_close, raw_put, raw_get, raw_sync_now},
	{"LMDB, pinned", pinned_open, raw_close, raw_put, raw_get, raw_sync_now},
	{"store", plain_open, plain_close, plain_put, plain_get, plain_sync},
	{"engine", engine_open, engine_close, engine_put, engine_get, engine_sync},
};
