/*
 * Opens what a power loss leaves, at each point of a recording and in several ways, and has it judged.
 * Usage: replay LOG REAL BOOT
 *        replay LOG DIRECTORY BOOT LOG2 PERCENT
 * REAL is the directory as the recorded programs left it, which the recording must account for; BOOT is the
 * boot that they believed in ("": the machine's). With DYNAMOUNT_LONG every point is taken, else a tenth of
 * them and all of the first, where the store is made, more often. The second form writes one power loss out
 * instead, at that part of the way: a directory, and the log LOG2 that begins with it.
 */
#include "tests/crash/boot.h"
#include "tests/crash/judge.h"

#include "engine/local/local.h"
#include <err.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST = 60, FIRST_ROUNDS = 4, TENTH = 10, GOES_ON = 8, FAILURES_MAX = 10, PATH_SIZE = 256 };

static const struct loss_row {
	const char *name;
	enum disk_fate data, names;
	bool measured, died; /* died: only the process */
} losses[] = {
	{"the process dies", DISK_KEPT, DISK_KEPT, false, true},
	{"nothing unsynced is left", DISK_DROPPED, DISK_DROPPED, true, false},
	{"names are left, data is not", DISK_DROPPED, DISK_KEPT, false, false},
	{"data is left, names are not", DISK_KEPT, DISK_DROPPED, false, false},
	{"all is left", DISK_KEPT, DISK_KEPT, false, false},
	{"the meta pages are left", DISK_HEADS, DISK_KEPT, false, false},
	{"any pages are left", DISK_PAGES, DISK_PAGES, false, false},
	{"any pages are left, and all names", DISK_PAGES, DISK_KEPT, false, false},
	{"any sectors are left", DISK_SECTORS, DISK_PAGES, false, false},
	{"any sectors are left, and all names", DISK_SECTORS, DISK_KEPT, false, false},
};
enum { LOSSES = sizeof losses / sizeof *losses };

static struct {
	struct recording recording;
	struct judge *judge;
	struct disk *disk;
	const char *boot;
	char scratch[PATH_SIZE], root[PATH_SIZE + 8], store[PATH_SIZE + 16];
	size_t count; /* records */
	const struct loss_row *loss;
	unsigned points, stores, failures;
	size_t window_count, window_room;
	int64_t *windows; /* ns of what was lost */
} replay;

/* ---- One store ---- */

static void say_where(void)
{
	printf("FAILED after %zu records: %s\n", replay.count, replay.loss->name);
	replay.failures++;
}

/* LMDB aborts on a page that cannot be, and reads beyond the end of a file that was cut. */
static void on_signal(int number)
{
	say_where();
	printf("died of signal %d; left in %s\n", number, replay.root);
	fflush(stdout);
	_exit(1);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	(void)status, (void)kind, (void)at;
	return remove(path);
}

static void clear(void)
{
	nftw(replay.root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	if (mkdir(replay.root, 0700))
		err(2, "%s", replay.root);
}

static void report(void *context, const char *line)
{
	(void)context;
	printf("check: %s\n", line);
}

static bool check(struct ddb_engine *engine)
{
	struct ddb_check_options options = {.report = report};
	struct ddb_check_result result;
	struct ddb_error error;
	if (ddb_local_check(engine, &options, &result, &error)) {
		printf("check fails: %s\n", error.message);
		return false;
	}
	return !result.problems;
}

/* With the key that is in the store, or the one beside it: with what a power loss has left. */
static enum ddb_code open_with_a_key(struct ddb_engine **ret, struct ddb_error *error)
{
	char keyfile[PATH_SIZE + 16];
	struct ddb_local_options options = {.hooks = &map_rendering_hooks};
	snprintf(keyfile, sizeof keyfile, "%s/key", replay.root);
	enum ddb_code code = ddb_local_open(replay.store, &options, ret, error);
	if (!code || access(keyfile, F_OK))
		return code;
	options.keyfile = keyfile;
	return ddb_local_open(replay.store, &options, ret, error);
}

static bool open_store(struct ddb_engine **ret, struct map **ret_map)
{
	struct ddb_error error;
	if (open_with_a_key(ret, &error)) {
		printf("the store does not open: %s\n", error.message);
		return false;
	}
	*ret_map = map_new(*ret, &(struct map_options){.read_only = true});
	if (!*ret_map)
		errx(2, "no memory");
	return true;
}

static void close_store(struct ddb_engine *engine, struct map *map)
{
	map_free(map);
	engine->ops->close(engine);
}

/* A store that was taken back takes new writes, on pages that hold nothing of what it shows. */
static bool goes_on(struct ddb_engine *engine)
{
	char text[TREE_TEXT_MAX];
	struct ddb_error error;
	struct ddb_scratch_meta meta;
	for (unsigned i = 0; i < 3; i++) {
		struct ddb_scratch_name name = tree_scratch(i % 2 ? "~other" : "~more");
		size_t length = tree_text(700 + i, text);
		if (engine->ops->scratch_create(engine, &name, 0644, false, &meta, &error) ||
			engine->ops->scratch_write(engine, &name, 0, text, length, &error)) {
			printf("the store cannot be written: %s\n", error.message);
			return false;
		}
	}
	return true;
}

/* Opens the store that lies there and judges it; and once more, when something was written to it. */
static bool judge_store(struct verdict *verdict, bool further)
{
	struct ddb_engine *engine;
	struct map *map;
	if (!open_store(&engine, &map))
		return false;
	judge_tree(replay.judge, replay.count, replay.loss->died, engine, map, verdict);
	bool right = verdict->right;
	right = check(engine) && right;
	right = (!further || goes_on(engine)) && right;
	close_store(engine, map);
	if (!right || !further)
		return right;
	struct verdict again;
	if (!open_store(&engine, &map))
		return false;
	judge_tree(replay.judge, replay.count, replay.loss->died, engine, map, &again);
	right = check(engine) && again.right && !memcmp(again.steps, verdict->steps, sizeof again.steps);
	if (!right)
		printf("so after a write and a close\n");
	close_store(engine, map);
	return right;
}

static struct disk_loss loss_of(const struct loss_row *row, unsigned round)
{
	return (struct disk_loss){row->data, row->names,
		(replay.count * FIRST_ROUNDS + round) * LOSSES + (size_t)(row - losses)};
}

static void lose(const struct loss_row *row, unsigned round)
{
	struct verdict verdict = {.right = false};
	struct disk_loss loss = loss_of(row, round);
	uint64_t seed = loss.seed;
	replay.loss = row;
	replay.stores++;
	clear();
	disk_write(replay.disk, &loss, replay.root);
	boot_set(row->died ? replay.boot : "after");
	if (!judge_store(&verdict, !disk_draw(&seed, GOES_ON)))
		say_where();
	if (!row->measured || !verdict.lost_ns)
		return;
	if (replay.window_count == replay.window_room) {
		replay.window_room = replay.window_room ? 2 * replay.window_room : 1024;
		replay.windows = reallocarray(replay.windows, replay.window_room, sizeof *replay.windows);
		if (!replay.windows)
			err(2, "windows");
	}
	replay.windows[replay.window_count++] = verdict.lost_ns;
}

/* ---- The recording ---- */

/* Without a time: what was there before (disk_record). */
static bool changes_disk(const struct record *record)
{
	return record->time_ns && (record->kind <= RECORD_CUT || record->kind == RECORD_SYNCED);
}

static void apply(size_t at)
{
	const struct record *record = &replay.recording.records[at];
	disk_apply(replay.disk, record);
	if (record->kind == RECORD_SYNCED && !strcmp(disk_name(replay.disk, record->ino), "anchor"))
		judge_cycle(replay.judge, at);
}

static bool is_taken(size_t point, bool whole)
{
	uint64_t seed = point;
	return whole || point < FIRST || !disk_draw(&seed, TENTH);
}

static void lose_at(size_t count, size_t *point, bool whole)
{
	replay.count = count;
	if (!is_taken((*point)++, whole))
		return;
	replay.points++;
	unsigned rounds = *point <= FIRST ? FIRST_ROUNDS : 1;
	for (unsigned i = 0; i < LOSSES; i++)
		for (unsigned round = 0; round < (losses[i].data >= DISK_PAGES ? rounds : 1); round++)
			if (replay.failures < FAILURES_MAX)
				lose(&losses[i], round);
}

static void replay_all(const char *real, bool whole)
{
	size_t point = 0;
	for (size_t i = 0; i < replay.recording.count; i++) {
		if (i && changes_disk(&replay.recording.records[i]))
			lose_at(i, &point, whole);
		apply(i);
	}
	lose_at(replay.recording.count, &point, true);
	if (!disk_compare(replay.disk, real, "lock.mdb")) {
		printf("FAILED: the recording is not whole\n");
		replay.failures++;
	}
}

static int compare_windows(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static const struct record *beginning_of(const struct record *synced)
{
	const struct record *record = synced;
	while (record->kind != RECORD_SYNC || strcmp(record->name, synced->name))
		record--;
	return record;
}

/* What the disk has to do with it. */
static int64_t longest_sync(void)
{
	int64_t longest = 0;
	for (size_t i = 0; i < replay.recording.count; i++) {
		const struct record *record = &replay.recording.records[i];
		if (record->kind != RECORD_SYNCED)
			continue;
		int64_t taken = record->time_ns - beginning_of(record)->time_ns;
		longest = taken > longest ? taken : longest;
	}
	return longest;
}

static void report_all(void)
{
	printf("%zu records, %u points, %u stores, %u failures\n", replay.recording.count, replay.points,
		replay.stores, replay.failures);
	size_t count = replay.window_count;
	if (!count)
		return;
	qsort(replay.windows, count, sizeof *replay.windows, compare_windows);
	size_t late = 0;
	for (size_t i = 0; i < count; i++)
		late += replay.windows[i] > 100000000;
	printf("loss: at %zu of %u points something, the oldest %.1f ms old (median), %.1f (99 %%), %.1f "
	       "(most); ",
		count, replay.points, (double)replay.windows[count / 2] / 1e6,
		(double)replay.windows[count * 99 / 100] / 1e6, (double)replay.windows[count - 1] / 1e6);
	printf("over 100 ms at %zu; the longest sync took %.1f ms\n", late, (double)longest_sync() / 1e6);
}

/* ---- One loss for a further recording ---- */

static void write_loss(const char *directory, const char *log, unsigned percent)
{
	static const struct loss_row *row = &losses[LOSSES - 1];
	struct verdict verdict;
	replay.count = replay.recording.count * percent / 100;
	for (size_t i = 0; i < replay.count; i++)
		apply(i);
	lose(row, 0);
	clear();
	struct disk_loss loss = loss_of(row, 0);
	disk_write(replay.disk, &loss, replay.root);
	if (!judge_store(&verdict, false))
		errx(1, "the store after the loss is not right");
	disk_write(replay.disk, &loss, directory);
	disk_record(directory, log);
	judge_carry(replay.judge, &verdict, log);
}

static void remove_scratch(void)
{
	nftw(replay.scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_scratch(void)
{
	const char *parent = getenv("TMPDIR");
	if (!access("/dev/shm", W_OK))
		parent = "/dev/shm";
	snprintf(
		replay.scratch, sizeof replay.scratch, "%s/dynamount-crash-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(replay.scratch))
		err(2, "%s", replay.scratch);
	atexit(remove_scratch);
	snprintf(replay.root, sizeof replay.root, "%s/disk", replay.scratch);
	snprintf(replay.store, sizeof replay.store, "%s/store", replay.root);
}

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 6)
		errx(2, "usage: replay LOG REAL BOOT | LOG DIRECTORY BOOT LOG2 PERCENT");
	const char *whole = getenv("DYNAMOUNT_LONG");
	recording_read(&replay.recording, argv[1]);
	replay.judge = judge_new(&replay.recording);
	replay.disk = disk_new();
	replay.boot = *argv[3] ? argv[3] : NULL;
	make_scratch();
	signal(SIGSEGV, on_signal);
	signal(SIGBUS, on_signal);
	signal(SIGABRT, on_signal);
	if (argc == 4) {
		replay_all(argv[2], whole && *whole);
		report_all();
	} else {
		write_loss(argv[2], argv[4], (unsigned)strtoul(argv[5], NULL, 10));
	}
	return replay.failures ? 1 : 0;
}
