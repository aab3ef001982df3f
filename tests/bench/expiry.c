/*
 * What writers notice of expiry: how long their puts take while nothing expires, and while many items do that
 * have come due together; in a table with an index and a stream. Every removal must be told once, and be in
 * the stream once, as the service's.
 *
 *   expiry [--quick] [--items N] [--writers N]
 */
#include "engine/local/local.h"

#include <ftw.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	ROUNDS_MAX = 9,
	WRITERS_MAX = 16,
	SAMPLES_MAX = 1 << 20, /* of one writer in one phase */
	OWN_ITEMS = 1000,      /* that a writer puts again and again */
	BATCH = 100,
	PAUSE_US = 200, /* of a writer between two puts */
	ARENA_MAX = 64 << 20,
};
#define TABLE "Table"

static const char definition_text[] =
	"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"},"
	"{\"AttributeName\":\"kind\",\"AttributeType\":\"S\"}],"
	"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\","
	"\"GlobalSecondaryIndexes\":[{\"IndexName\":\"by-kind\",\"KeySchema\":[{\"AttributeName\":\"kind\","
	"\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}],"
	"\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"KEYS_ONLY\"},"
	"\"TimeToLiveSpecification\":{\"AttributeName\":\"ttl\",\"Enabled\":true}}";

struct bench {
	char path[64];
	struct ddb_engine *engine;
	unsigned items, writers, rounds;
	double idle_seconds;
	atomic_uint expired;
	atomic_bool measuring, stopping;
};

struct writer {
	struct bench *bench;
	unsigned number, count;
	float *samples; /* seconds */
	pthread_t thread;
};

static void fail(const char *what, const struct ddb_error *err)
{
	fprintf(stderr, "%s: %s\n", what, err ? err->message : "");
	exit(1);
}

static double now_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- Items ---- */

enum { ATTRIBUTES = 4 };

/* Of some 540 bytes. `ttl` 0: it never expires. */
static struct ddb_value make_item(struct ddb_attribute attributes[ATTRIBUTES], char id[32], char text[500],
	struct ddb_number *number, int64_t ttl, unsigned edition)
{
	unsigned count = 0;
	memset(text, 'a' + (int)(edition % 26), 500);
	attributes[count++] = (struct ddb_attribute){"id", 2, ddb_string(id, strlen(id))};
	attributes[count++] = (struct ddb_attribute){"kind", 4, ddb_string(ttl ? "gone" : "kept", 4)};
	attributes[count++] = (struct ddb_attribute){"text", 4, ddb_string(text, 500)};
	ddb_number_from_int(ttl, number);
	if (ttl)
		attributes[count++] = (struct ddb_attribute){"ttl", 3, ddb_number_value(number)};
	return (struct ddb_value){.type = DDB_M, .count = count, .attributes = attributes};
}

static void *write_on(void *context)
{
	struct writer *writer = context;
	struct bench *bench = writer->bench;
	struct ddb_attribute attributes[ATTRIBUTES];
	struct ddb_number number;
	char id[32], text[500];
	for (unsigned i = 0; !bench->stopping; i++) {
		struct ddb_put_result result;
		struct ddb_error err;
		snprintf(id, sizeof id, "w%u-%u", writer->number, i * 7919 % OWN_ITEMS);
		struct ddb_put_item request = {
			.table = TABLE, .item = make_item(attributes, id, text, &number, 0, i / OWN_ITEMS)};
		double since = now_seconds();
		if (bench->engine->ops->put_item(bench->engine, &request, &result, &err))
			fail("put", &err);
		if (bench->measuring && writer->count < SAMPLES_MAX)
			writer->samples[writer->count++] = (float)(now_seconds() - since);
		usleep(PAUSE_US);
	}
	return NULL;
}

static void fill(struct bench *bench)
{
	static struct ddb_attribute attributes[BATCH][ATTRIBUTES];
	static char ids[BATCH][32], texts[BATCH][500];
	static struct ddb_number numbers[BATCH];
	struct ddb_value items[BATCH];
	int64_t ttl = (int64_t)time(NULL) - 10;
	for (unsigned i = 0; i < bench->items; i += BATCH) {
		unsigned count = bench->items - i < BATCH ? bench->items - i : BATCH;
		for (unsigned k = 0; k < count; k++) {
			snprintf(ids[k], sizeof ids[k], "e%u", i + k);
			items[k] = make_item(attributes[k], ids[k], texts[k], &numbers[k], ttl, i);
		}
		struct ddb_put_many request = {.table = TABLE, .items = items, .count = count};
		struct ddb_put_many_result result;
		struct ddb_error err;
		if (bench->engine->ops->put_many(bench->engine, &request, &result, &err))
			fail("fill", &err);
	}
}

/* ---- The engine ---- */

static void on_expired(void *context, const struct ddb_table *table, const struct ddb_value *key)
{
	struct bench *bench = context;
	(void)table, (void)key;
	bench->expired++;
}

static void reopen(struct bench *bench, uint64_t ttl_interval)
{
	const struct ddb_local_options options = {.ttl_interval = ttl_interval};
	struct ddb_error err;
	if (bench->engine)
		bench->engine->ops->close(bench->engine);
	if (ddb_local_open(bench->path, &options, &bench->engine, &err))
		fail("open", &err);
	bench->expired = 0;
	bench->engine->ops->watch_expired(bench->engine, on_expired, bench);
}

static void create(struct bench *bench)
{
	struct ddb_definition *definition;
	struct ddb_error err;
	if (ddb_definition_read(definition_text, sizeof definition_text - 1, &definition, &err) ||
		bench->engine->ops->create_table(bench->engine, TABLE, definition, &err))
		fail("create", &err);
	ddb_definition_unref(definition);
}

/* Removals by the service in the stream behind `after`, each of another item; *ret_last is the stream's end.
 */
static unsigned count_removals(struct bench *bench, uint64_t after, uint64_t *ret_last)
{
	uint8_t *seen = calloc(1, bench->items);
	unsigned count = 0;
	struct ddb_stream_page page = {.next = after, .more = true};
	while (page.more) {
		struct ddb_arena arena;
		struct ddb_error err;
		struct ddb_read_stream request = {.table = TABLE, .after = page.next};
		ddb_arena_init(&arena, ARENA_MAX);
		if (bench->engine->ops->read_stream(bench->engine, &arena, &request, &page, &err))
			fail("read_stream", &err);
		for (size_t i = 0; i < page.count; i++) {
			const struct ddb_stream_record *record = &page.records[i];
			char id[32] = "";
			const struct ddb_value *key = &record->key.attributes[0].value;
			if (record->event != DDB_EVENT_REMOVE)
				continue;
			memcpy(id, key->bytes, key->count);
			unsigned number = (unsigned)strtoul(id + 1, NULL, 10);
			if (!record->service || id[0] != 'e' || number >= bench->items || seen[number]++)
				fail("a removal that is not the service's, or a second one", NULL);
			count++;
		}
		ddb_arena_done(&arena);
	}
	free(seen);
	*ret_last = page.next;
	return count;
}

/* ---- A phase ---- */

struct phase {
	double median, p99, seconds;
	unsigned puts;
};

static int compare(const void *a, const void *b)
{
	float left = *(const float *)a, right = *(const float *)b;
	return (left > right) - (left < right);
}

static struct phase judge(const struct bench *bench, struct writer *writers, double seconds)
{
	size_t count = 0;
	for (unsigned i = 0; i < bench->writers; i++)
		count += writers[i].count;
	float *all = malloc((count ? count : 1) * sizeof *all);
	count = 0;
	for (unsigned i = 0; i < bench->writers; i++) {
		memcpy(all + count, writers[i].samples, writers[i].count * sizeof *all);
		count += writers[i].count;
	}
	qsort(all, count, sizeof *all, compare);
	if (count < 2)
		fail("no puts were measured", NULL);
	struct phase phase = {all[count / 2], all[count * 99 / 100], seconds, (unsigned)count};
	free(all);
	return phase;
}

/* Until all have expired, or (idle) for a while. */
static struct phase measure(struct bench *bench, bool idle)
{
	struct writer writers[WRITERS_MAX] = {{.bench = NULL}};
	bench->measuring = bench->stopping = false;
	for (unsigned i = 0; i < bench->writers; i++) {
		writers[i] = (struct writer){
			.bench = bench, .number = i, .samples = malloc(SAMPLES_MAX * sizeof(float))};
		if (!writers[i].samples || pthread_create(&writers[i].thread, NULL, write_on, &writers[i]))
			abort();
	}
	if (idle)
		usleep(500000);
	while (!idle && bench->expired == 0)
		usleep(1000);
	double since = now_seconds();
	bench->measuring = true;
	while (idle ? now_seconds() - since < bench->idle_seconds : bench->expired < bench->items)
		usleep(1000);
	double seconds = now_seconds() - since;
	bench->measuring = false;
	bench->stopping = true;
	for (unsigned i = 0; i < bench->writers; i++)
		pthread_join(writers[i].thread, NULL);
	struct phase phase = judge(bench, writers, seconds);
	for (unsigned i = 0; i < bench->writers; i++)
		free(writers[i].samples);
	return phase;
}

static double ratio_of_round(struct bench *bench, uint64_t *after)
{
	reopen(bench, 24 * 3600);
	fill(bench);
	reopen(bench, 24 * 3600);
	struct phase idle = measure(bench, true);
	reopen(bench, 1);
	struct phase busy = measure(bench, false);
	if (count_removals(bench, *after, after) != bench->items || bench->expired != bench->items)
		fail("not each removal was told once", NULL);
	printf("| %u | %.0f | %.0f | %.0f | %.0f | %.2f | %.0f |\n", idle.puts + busy.puts, idle.median * 1e6,
		idle.p99 * 1e6, busy.median * 1e6, busy.p99 * 1e6, busy.p99 / idle.p99,
		bench->items / busy.seconds);
	fflush(stdout);
	return busy.p99 / idle.p99;
}

/* ---- The whole ---- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int compare_doubles(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

static void run(struct bench *bench)
{
	double ratios[ROUNDS_MAX];
	uint64_t after = 0;
	reopen(bench, 24 * 3600);
	create(bench);
	printf("\n%u items expire, %u writers; microseconds\n\n", bench->items, bench->writers);
	printf("| puts | idle, median | idle, 99%% | busy, median | busy, 99%% | ratio of 99%% | expired/s "
	       "|\n");
	printf("|--:|--:|--:|--:|--:|--:|--:|\n");
	for (unsigned i = 0; i < bench->rounds; i++)
		ratios[i] = ratio_of_round(bench, &after);
	bench->engine->ops->close(bench->engine);
	qsort(ratios, bench->rounds, sizeof *ratios, compare_doubles);
	printf("\nmedian ratio %.2f\n", ratios[bench->rounds / 2]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
		{"items", required_argument, NULL, 'i'}, {"writers", required_argument, NULL, 'w'},
		{"rounds", required_argument, NULL, 'r'}, {0}};
	struct bench bench = {.path = "/tmp/dynamount-bench-XXXXXX",
		.items = 100000,
		.writers = 2,
		.rounds = 3,
		.idle_seconds = 5};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
		unsigned value = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;
		if (option == 'q') {
			bench.items = 2000;
			bench.rounds = 1;
			bench.idle_seconds = 0.3;
		} else if (option == 'i' && value) {
			bench.items = value;
		} else if (option == 'w' && value && value <= WRITERS_MAX) {
			bench.writers = value;
		} else if (option == 'r' && value && value <= ROUNDS_MAX) {
			bench.rounds = value;
		} else {
			fprintf(stderr, "usage: expiry [--quick] [--items N] [--writers N] [--rounds N]\n");
			return 2;
		}
	}
	if (!mkdtemp(bench.path))
		fail(bench.path, NULL);
	run(&bench);
	nftw(bench.path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
