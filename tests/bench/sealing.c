/*
 * What sealing costs: records of several sizes put and got through the store, and as the same sealed bytes in
 * LMDB alone, and the sealing and opening by themselves. Each figure is the best of five runs, in
 * microseconds of this thread for one record.
 * Usage: sealing [--quick]
 */
#include "engine/store/inside.h"

#include <err.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 40, KEY = 40, BATCH = 100, RUNS = 5, BODY_MOST = 400 << 10 };

static const size_t bodies[] = {100, 500, 1 << 10, 4 << 10, 40 << 10, BODY_MOST};

struct bench {
	struct store *store;
	MDB_env *mdb;
	MDB_dbi tree;
	struct store_keys *keys;
	unsigned count;
	size_t body_length, length; /* of a body, of a sealed record */
	uint8_t head[HEAD], *body, *sealed;
};

static double now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* neighbours do not count */
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* In no order, as keyed hashes are. */
static void make_key(unsigned number, uint8_t ret[KEY])
{
	uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	memset(ret, 'k', KEY);
	memcpy(ret + 1, &mixed, sizeof mixed);
}

static void must(bool done, const char *what)
{
	if (!done)
		errx(1, "%s", what);
}

/* ---- The store ---- */

static enum ddb_code put_batch(struct store_txn *txn, void *context, struct ddb_error *error)
{
	struct bench *bench = ((void **)context)[0];
	unsigned from = *(unsigned *)((void **)context)[1];
	enum ddb_code code = DDB_OK;
	for (unsigned i = from; !code && i < from + BATCH && i < bench->count; i++) {
		uint8_t key[KEY];
		make_key(i, key);
		code = store_put(txn, key, KEY, bench->head, HEAD, bench->body, bench->body_length, error);
	}
	return code;
}

static void store_puts(struct bench *bench)
{
	for (unsigned i = 0; i < bench->count; i += BATCH) {
		void *context[2] = {bench, &i};
		must(!store_write(bench->store, put_batch, context, false, NULL), "put");
	}
}

static void store_gets(struct bench *bench)
{
	struct ddb_arena arena;
	struct store_txn *view;
	ddb_arena_init(&arena, 16 << 20);
	must(!store_view(bench->store, &view, NULL), "view");
	for (unsigned i = 0; i < bench->count; i++) {
		struct store_value value;
		uint8_t key[KEY];
		make_key(i, key);
		must(!store_get(view, &arena, key, KEY, true, &value, NULL), "get");
		ddb_arena_reset(&arena);
	}
	store_view_end(view);
	ddb_arena_done(&arena);
}

/* ---- LMDB alone ---- */

static void lmdb_puts(struct bench *bench)
{
	for (unsigned i = 0; i < bench->count; i += BATCH) {
		MDB_txn *txn;
		must(!mdb_txn_begin(bench->mdb, NULL, 0, &txn), "begin");
		for (unsigned k = i; k < i + BATCH && k < bench->count; k++) {
			uint8_t key[KEY];
			MDB_val name = {KEY, key}, value = {bench->length, bench->sealed};
			make_key(k, key);
			must(!mdb_put(txn, bench->tree, &name, &value, 0), "put");
		}
		must(!mdb_txn_commit(txn), "commit");
	}
}

/* A copy, as who reads an item needs one. */
static void lmdb_gets(struct bench *bench)
{
	MDB_txn *txn;
	uint8_t *copy = malloc(bench->length);
	must(copy && !mdb_txn_begin(bench->mdb, NULL, MDB_RDONLY, &txn), "begin");
	for (unsigned i = 0; i < bench->count; i++) {
		uint8_t key[KEY];
		MDB_val name = {KEY, key}, value;
		make_key(i, key);
		must(!mdb_get(txn, bench->tree, &name, &value), "get");
		memcpy(copy, value.mv_data, value.mv_size);
		__asm__ volatile("" : : "r"(copy) : "memory");
	}
	mdb_txn_abort(txn);
	free(copy);
}

/* ---- Seals alone ---- */

static void seals(struct bench *bench)
{
	for (unsigned i = 0; i < bench->count; i++) {
		uint8_t key[KEY];
		make_key(i, key);
		store_seal(bench->keys, key, KEY, bench->head, HEAD, bench->body, bench->body_length,
			bench->sealed);
	}
}

static void opens(struct bench *bench)
{
	uint8_t key[KEY], head[HEAD], *body = malloc(bench->body_length);
	struct store_sealed sealed;
	make_key(bench->count - 1, key); /* the last that was sealed */
	must(body && store_sealed_parse(bench->sealed, bench->length, &sealed), "parse");
	for (unsigned i = 0; i < bench->count; i++)
		must(store_sealed_head(bench->keys, key, KEY, &sealed, head) &&
				store_sealed_body(bench->keys, key, KEY, &sealed, body),
			"open");
	free(body);
}

/* ---- All ---- */

static double best(struct bench *bench, void (*run)(struct bench *))
{
	double least = 0;
	for (unsigned i = 0; i < RUNS; i++) {
		double start = now_us();
		run(bench);
		double taken = (now_us() - start) / bench->count;
		least = i && least < taken ? least : taken;
	}
	return least;
}

static void measure(struct bench *bench, size_t body_length)
{
	bench->body_length = body_length;
	bench->length = store_seal_size(HEAD, body_length);
	double seal = best(bench, seals), open = best(bench, opens);
	double raw_put = best(bench, lmdb_puts), put = best(bench, store_puts);
	double raw_get = best(bench, lmdb_gets), get = best(bench, store_gets);
	printf("%7zu  %8.2f %8.2f %8.2f %5.0f %%  %8.2f %8.2f %8.2f %5.0f %%\n", body_length, raw_put, put,
		seal, 100 * seal / put, raw_get, get, open, 100 * open / get);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	(void)status, (void)kind, (void)at;
	return remove(path);
}

static void open_all(struct bench *bench, const char *directory)
{
	char path[128];
	uint8_t sealed[STORE_SEALED_KEY_BYTES];
	static const uint8_t master[STORE_SECRET_BYTES] = "the bench's";
	MDB_txn *txn;
	const struct store_options options = {.sync = false};
	snprintf(path, sizeof path, "%s/store", directory);
	must(!store_open(path, &options, &bench->store, NULL), "the store cannot be opened");
	must(!store_keys_make(master, sealed, &bench->keys, NULL), "keys");
	snprintf(path, sizeof path, "%s/lmdb", directory);
	must(!mkdir(path, 0700) && !mdb_env_create(&bench->mdb) &&
			!mdb_env_set_mapsize(bench->mdb, (size_t)16 << 30) &&
			!mdb_env_open(bench->mdb, path, MDB_NOSYNC, 0600) &&
			!mdb_txn_begin(bench->mdb, NULL, 0, &txn) &&
			!mdb_dbi_open(txn, NULL, 0, &bench->tree) && !mdb_txn_commit(txn),
		"LMDB cannot be opened");
}

int main(int argc, char **argv)
{
	static struct bench bench;
	bool quick = argc > 1 && !strcmp(argv[1], "--quick");
	char directory[64];
	const char *parent = getenv("TMPDIR");
	snprintf(directory, sizeof directory, "%.40s/sealing-XXXXXX", parent ? parent : "/tmp");
	must(mkdtemp(directory), "no directory");
	bench.body = calloc(1, BODY_MOST);
	bench.sealed = malloc(store_seal_size(HEAD, BODY_MOST));
	must(bench.body && bench.sealed, "no memory");
	open_all(&bench, directory);
	printf("us a record                         put                                  get\n"
	       "  bytes      LMDB    store  sealing  share      LMDB    store  opening  share\n");
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		size_t most = (quick ? (size_t)1 << 20 : (size_t)100 << 20) / bodies[i];
		bench.count = (unsigned)(most > 20000 ? 20000 : most ? most : 1);
		measure(&bench, bodies[i]);
	}
	store_close(bench.store);
	mdb_env_close(bench.mdb);
	store_keys_free(bench.keys);
	free(bench.body);
	free(bench.sealed);
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}
