/*
 * Queries over a large table, and what indexes cost those who write: the engine against LMDB's cursors over
 * the same bytes and against SQLite with the same data and indexes. Nothing is synced here but what closing
 * does.
 *
 *   query [--quick]
 *
 * Each case runs on all in turn, five rounds; the medians are printed as a table in Markdown.
 */
#include "query_orders.h"

#include <ftw.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 5, ALL = 1000000, WRITTEN = 20000 };

struct query_case {
	const char *name;
	unsigned operations;
	size_t (*run)(const struct query_ops *ops, void *subject, uint32_t seed, uint32_t orders);
};

static size_t run_point(const struct query_ops *ops, void *subject, uint32_t seed, uint32_t orders)
{
	return ops->point(subject, (uint32_t)((uint64_t)seed * 7919 % orders));
}

static size_t run_range(const struct query_ops *ops, void *subject, uint32_t seed, uint32_t orders)
{
	return ops->range(subject, (uint32_t)((uint64_t)seed * 7919 % (orders / ORDERS_EACH)), 20, 69);
}

static size_t run_kind(const struct query_ops *ops, void *subject, uint32_t seed, uint32_t orders)
{
	(void)orders;
	return ops->kind(subject, seed * 31 % KINDS);
}

static size_t run_scan(const struct query_ops *ops, void *subject, uint32_t seed, uint32_t orders)
{
	(void)orders;
	return ops->scan(subject, seed % AMOUNTS);
}

static const struct query_case query_cases[] = {
	{"point query", 20000, run_point},
	{"range query, 50 items of a partition", 4000, run_range},
	{"index query, all items of a kind", 40, run_kind},
	{"filtered scan of all items", 1, run_scan},
};
static const struct put_case {
	const char *name;
	unsigned indexes;
	bool stream;
} put_cases[] = {
	{"put over, 0 indexes", 0, false},
	{"put over, 1 index", 1, false},
	{"put over, 5 indexes", 5, false},
	{"put over, 0 indexes, a stream of both images", 0, true},
};
enum {
	CASES = sizeof query_cases / sizeof *query_cases,
	PUTS = sizeof put_cases / sizeof *put_cases,
};

static double samples[CASES + PUTS][QUERY_SUBJECTS][ROUNDS_MAX];

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void must_agree(const char *what, const size_t seen[QUERY_SUBJECTS])
{
	for (unsigned s = 1; s < QUERY_SUBJECTS; s++)
		if (seen[s] != seen[0]) {
			fprintf(stderr, "query: %s: %s has %zu, %s %zu\n", what, query_rows[0].name, seen[0],
				query_rows[s].name, seen[s]);
			exit(1);
		}
}

static void open_all(void *subjects[], const char *directory, unsigned indexes, bool stream, uint32_t orders)
{
	for (unsigned s = 0; s < QUERY_SUBJECTS; s++) {
		char path[512];
		snprintf(path, sizeof path, "%.400s/%s-%u%s", directory, query_rows[s].name, indexes,
			stream ? "-stream" : "");
		if (mkdir(path, 0700)) {
			perror(path);
			exit(1);
		}
		subjects[s] = query_rows[s].open(path, indexes, stream);
		query_rows[s].fill(subjects[s], 0, orders);
	}
}

static void close_all(void *subjects[])
{
	for (unsigned s = 0; s < QUERY_SUBJECTS; s++)
		query_rows[s].close(subjects[s]);
}

static void measure_queries(const char *directory, unsigned rounds, unsigned divisor)
{
	void *subjects[QUERY_SUBJECTS];
	uint32_t orders = ALL / divisor;

	open_all(subjects, directory, 1, false, orders);
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned c = 0; c < CASES; c++) {
			unsigned operations = (query_cases[c].operations + divisor - 1) / divisor;
			size_t seen[QUERY_SUBJECTS] = {0};
			for (unsigned s = 0; s < QUERY_SUBJECTS; s++) {
				double start = now();
				for (unsigned i = 0; i < operations; i++)
					seen[s] += query_cases[c].run(
						&query_rows[s], subjects[s], round * operations + i, orders);
				samples[c][s][round] = (now() - start) / operations;
			}
			must_agree(query_cases[c].name, seen);
		}
	close_all(subjects);
}

static void measure_puts(const char *directory, unsigned rounds, unsigned divisor, unsigned which)
{
	void *subjects[QUERY_SUBJECTS];
	uint32_t orders = WRITTEN / divisor, operations = orders / 4;

	char path[300];
	snprintf(path, sizeof path, "%.250s/puts", directory);
	(void)mkdir(path, 0700);
	open_all(subjects, path, put_cases[which].indexes, put_cases[which].stream, orders);
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned s = 0; s < QUERY_SUBJECTS; s++) {
			double start = now();
			for (uint32_t i = 0; i < operations; i++)
				query_rows[s].put(
					subjects[s], (uint32_t)((uint64_t)i * 7919 % orders), round + 1);
			samples[CASES + which][s][round] = (now() - start) / operations;
		}
	close_all(subjects);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void print_row(const char *name, unsigned row, unsigned rounds)
{
	double medians[QUERY_SUBJECTS];

	printf("| %s |", name);
	for (unsigned s = 0; s < QUERY_SUBJECTS; s++) {
		qsort(samples[row][s], rounds, sizeof samples[row][s][0], compare);
		medians[s] = samples[row][s][rounds / 2];
		printf(" %.1f |", medians[s] * 1e6);
	}
	printf(" %.2f | %.2f |\n", medians[2] / medians[0], medians[2] / medians[1]);
}

static void print(unsigned rounds)
{
	printf("\nMicroseconds for one, and the ratio of the engine's to the others'\n\n|");
	for (unsigned s = 0; s < QUERY_SUBJECTS; s++)
		printf(" | %s", query_rows[s].name);
	printf(" | to LMDB | to SQLite |\n|---|--:|--:|--:|--:|--:|\n");
	for (unsigned c = 0; c < CASES; c++)
		print_row(query_cases[c].name, c, rounds);
	for (unsigned p = 0; p < PUTS; p++)
		print_row(put_cases[p].name, CASES + p, rounds);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {{"quick", no_argument, NULL, 'q'}, {0}};
	const char *temporary = getenv("TMPDIR");
	char directory[256];
	bool quick = false;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == '?')
			return 2;
		quick = true;
	}
	snprintf(
		directory, sizeof directory, "%.200s/dynamount-bench.XXXXXX", temporary ? temporary : "/tmp");
	if (!mkdtemp(directory)) {
		perror(directory);
		return 1;
	}
	unsigned rounds = quick ? 1 : ROUNDS_MAX, divisor = quick ? 100 : 1;
	measure_queries(directory, rounds, divisor);
	for (unsigned p = 0; p < PUTS; p++)
		measure_puts(directory, rounds, divisor, p);
	print(rounds);
	nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
