/*
 * Puts and point reads of items of some 540 bytes: through the engine, through engine/store alone, and on raw
 * LMDB with keys and values of the same lengths and the same durability, which is: on the disk some 50 ms
 * later, by another thread; or, durable, on the disk when the call returns.
 *
 *   store [--quick] [--only SUBSTRING]
 *
 * Each case runs on all in turn, five rounds; the medians are printed as a table in Markdown. CPU is
 * that of the whole process, so it has the syncing thread's in it.
 */
#include "store_subjects.h"

#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	ROUNDS_MAX = 5,
	THREADS_MAX = 4,
	BATCH = 100,
};

struct bench_case {
	const char *name;
	enum { PUT, PUT_DURABLE, PUT_BATCH, GET } what;
	bool random;
	unsigned threads;
	unsigned operations; /* items, in all threads */
};

static const struct bench_case cases[] = {
	{"put, ascending keys", PUT, false, 1, 5000},
	{"put, random keys", PUT, true, 1, 5000},
	{"put, random keys, 4 threads", PUT, true, 4, 8000},
	{"put, batches of 100, ascending keys", PUT_BATCH, false, 1, 20000},
	{"put, batches of 100, random keys", PUT_BATCH, true, 1, 20000},
	{"durable put, random keys", PUT_DURABLE, true, 1, 200},
	{"durable put, random keys, 4 threads", PUT_DURABLE, true, 4, 200},
	{"get, ascending keys", GET, false, 1, 100000},
	{"get, random keys", GET, true, 1, 100000},
	{"get, random keys, 4 threads", GET, true, 4, 100000},
};
enum { CASES = sizeof cases / sizeof *cases };

struct sample {
	double wall, cpu; /* seconds for one operation */
};

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct work {
	const struct bench_case *bench;
	const struct subject_ops *ops;
	void *subject;
	unsigned thread, operations;
	uint64_t first; /* of its numbers, for ascending keys and new texts */
};

/* A permutation of the preloaded numbers, the same for every subject. */
static uint32_t shuffled(uint64_t i)
{
	return (uint32_t)((i * 7919 + 13) % PRELOADED);
}

static void *work(void *context)
{
	const struct work *work = context;
	const struct bench_case *bench = work->bench;
	uint32_t items[BATCH];
	unsigned step = bench->what == PUT_BATCH ? BATCH : 1;

	for (uint64_t i = 0; i < work->operations; i += step) {
		for (unsigned k = 0; k < step; k++) {
			uint64_t number = work->first + i + k;
			items[k] = bench->random ? shuffled(number) : (uint32_t)number;
		}
		if (bench->what == GET)
			work->ops->get(work->subject, items[0] % PRELOADED);
		else
			work->ops->put(
				work->subject, items, step, work->first + i, bench->what == PUT_DURABLE);
	}
	return NULL;
}

static struct sample run_case(const struct bench_case *bench, const struct subject_ops *ops, void *subject,
	uint64_t first, unsigned operations)
{
	pthread_t threads[THREADS_MAX];
	struct work works[THREADS_MAX];
	unsigned share = operations / bench->threads;
	double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

	for (unsigned i = 0; i < bench->threads; i++) {
		works[i] = (struct work){bench, ops, subject, i, share, first + (uint64_t)i * share};
		if (pthread_create(&threads[i], NULL, work, &works[i]))
			abort();
	}
	for (unsigned i = 0; i < bench->threads; i++)
		pthread_join(threads[i], NULL);
	if (bench->what != GET)
		ops->sync(subject); /* who leaves much unsynced is not the faster */
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	return (struct sample){wall / operations, cpu / operations};
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static struct sample median(const struct sample *samples, unsigned count)
{
	double walls[ROUNDS_MAX], cpus[ROUNDS_MAX];

	for (unsigned i = 0; i < count; i++) {
		walls[i] = samples[i].wall;
		cpus[i] = samples[i].cpu;
	}
	qsort(walls, count, sizeof *walls, compare);
	qsort(cpus, count, sizeof *cpus, compare);
	return (struct sample){walls[count / 2], cpus[count / 2]};
}

static struct sample samples[CASES][SUBJECTS][ROUNDS_MAX];

static void measure(const char *directory, unsigned rounds, unsigned divisor, const char *only)
{
	void *subjects[SUBJECTS];
	uint64_t next = PRELOADED; /* never given twice: ascending keys are new ones */

	for (unsigned s = 0; s < SUBJECTS; s++) {
		uint32_t items[BATCH];
		subjects[s] = subject_rows[s].open(directory);
		for (uint32_t i = 0; i < PRELOADED; i += BATCH) {
			for (uint32_t k = 0; k < BATCH; k++)
				items[k] = i + k;
			subject_rows[s].put(subjects[s], items, BATCH, i, false);
		}
	}
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned c = 0; c < CASES; c++) {
			unsigned operations = cases[c].operations / divisor;
			if (only && !strstr(cases[c].name, only))
				continue;
			for (unsigned s = 0; s < SUBJECTS; s++)
				samples[c][s][round] =
					run_case(&cases[c], &subject_rows[s], subjects[s], next, operations);
			next += operations;
		}
	for (unsigned s = 0; s < SUBJECTS; s++)
		subject_rows[s].close(subjects[s]);
}

/* Speeds, higher is better: 0.8 of LMDB's is what is aimed at. */
static void print(unsigned rounds, const char *only)
{
	printf("\nOperations per second, their ratio to LMDB's, and to LMDB's with the last synced state "
	       "pinned; CPU "
	       "microseconds for one\n\n");
	printf("| | LMDB | pinned | store | engine | store | engine | to pinned: store | engine "
	       "| CPU: LMDB | pinned | store | engine |\n");
	printf("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
	for (unsigned c = 0; c < CASES; c++) {
		struct sample m[SUBJECTS];
		if (only && !strstr(cases[c].name, only))
			continue;
		printf("| %s |", cases[c].name);
		for (unsigned s = 0; s < SUBJECTS; s++) {
			m[s] = median(samples[c][s], rounds);
			printf(" %.0f |", 1 / m[s].wall);
		}
		for (unsigned base = 0; base < 2; base++)
			printf(" %.2f | %.2f |", m[base].wall / m[2].wall, m[base].wall / m[3].wall);
		for (unsigned s = 0; s < SUBJECTS; s++)
			printf(" %.1f |", m[s].cpu * 1e6);
		printf("\n");
	}
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"quick", no_argument, NULL, 'q'}, {"only", required_argument, NULL, 'o'}, {0}};
	const char *temporary = getenv("TMPDIR"), *only = NULL;
	char directory[256];
	bool quick = false;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == '?')
			return 2;
		quick |= option == 'q';
		if (option == 'o')
			only = optarg;
	}
	snprintf(
		directory, sizeof directory, "%.200s/dynamount-bench.XXXXXX", temporary ? temporary : "/tmp");
	if (!mkdtemp(directory)) {
		perror(directory);
		return 1;
	}
	measure(directory, quick ? 1 : ROUNDS_MAX, quick ? 20 : 1, only);
	print(quick ? 1 : ROUNDS_MAX, only);
	nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
