/* Open files, renames, removals and listings of the same few names from several threads at once. */
#include "tests/unit/files_world.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	WRITERS = 3,
	ROUNDS = 100,
	DOTS_MAX = 9000,
	PIECE = 4096,
	LOOKS = 400, /* at most, by who goes on until the writers are done: a slow machine has other work */
};

/* Two names, so that a rename and a write of the same item meet. */
static const char *const names[] = {"Orders/alice/1.json", "Orders/alice/2.json"};

struct shared {
	struct world world; /* its map tells `told` */
	atomic_uint writing;
	atomic_uint told;
	pthread_mutex_t lock; /* a front end has one, and takes it when it is told */
};

struct worker {
	struct shared *shared;
	unsigned number;
	const char *failure;
	pthread_t thread;
};

static void tell(void *context, const char *path, uint64_t version, const struct map_file *by)
{
	struct shared *shared = context;
	struct map_attr attr;
	(void)version, (void)by;
	pthread_mutex_lock(&shared->lock);
	shared->told++;
	pthread_mutex_unlock(&shared->lock);
	(void)map_stat(shared->world.map, &root, path, &attr);
}

/* ---- Documents: "n" says how long "dots" is ---- */

static size_t document(char *ret, size_t size, unsigned n)
{
	int length = snprintf(ret, size, "{\"n\": %u, \"dots\": \"", n);
	memset(ret + length, '.', n);
	return (size_t)length + n + (size_t)snprintf(ret + length + n, size - (size_t)length - n, "\"}\n");
}

static bool is_whole(const char *text, size_t length)
{
	const char *number = strstr(text, "\"n\": "), *dots = strstr(text, "\"dots\": \"");
	if (!number || !dots || length < 3 || strcmp(text + length - 2, "}\n") != 0)
		return false;
	return strspn(dots + strlen("\"dots\": \""), ".") == strtoul(number + 5, NULL, 10);
}

/* ---- What the threads do ---- */

static void *write_documents(void *context)
{
	struct worker *worker = context;
	char text[DOTS_MAX + 64];
	for (unsigned round = 0; round < ROUNDS && !worker->failure; round++) {
		unsigned n = (round * 997 + worker->number * 1511) % DOTS_MAX;
		size_t length = document(text, sizeof text, n);
		int number = write_pieces(&worker->shared->world, names[round / 2 % 2],
			O_WRONLY | O_CREAT | O_TRUNC, text, length, PIECE);
		if (number)
			worker->failure = strerror(number);
	}
	worker->shared->writing--;
	return NULL;
}

static void *append_attributes(void *context)
{
	struct worker *worker = context;
	for (unsigned i = 0; i < LOOKS && !worker->failure && worker->shared->writing; i++) {
		int number = append_to(&worker->shared->world, names[0], "{\"seen\": true}\n");
		/* A name that is removed between the open and the write is put again, without "n". */
		if (number && number != ESTALE)
			worker->failure = strerror(number);
		number = map_unlink(worker->shared->world.map, &alice, names[0]);
		if (number && number != ENOENT)
			worker->failure = strerror(number);
	}
	return NULL;
}

static const char *look(struct world *world, const char *path)
{
	static _Thread_local char text[DOTS_MAX + 256];
	struct map_file *file;
	struct map_attr attr;
	size_t length = 0, got = 0;
	int number = map_open(world->map, &alice, path, O_RDONLY, &file, &attr);
	if (number)
		return number == ENOENT ? NULL : "a name cannot be opened";
	do {
		number = map_file_read(file, length, text + length,
			sizeof text - 1 - length < PIECE ? sizeof text - 1 - length : PIECE, &got);
		length += got;
	} while (!number && got);
	text[length] = '\0';
	number = number ? number : map_file_flush(file, &alice);
	int released = map_file_release(file, &alice);
	if (number || released)
		return "a read failed";
	if (attr.size != length)
		return "the size of another version";
	if (!strstr(text, "\"n\"")) /* appended to a name that was not there */
		return strstr(text, "\"seen\": true") ? NULL : "an item that nobody wrote";
	return is_whole(text, length) ? NULL : "a mixture of two documents";
}

static void *read_documents(void *context)
{
	struct worker *worker = context;
	for (unsigned i = 0; i < LOOKS && !worker->failure && worker->shared->writing; i++)
		worker->failure = look(&worker->shared->world, names[i % 2]);
	return NULL;
}

static void *rename_items(void *context)
{
	struct worker *worker = context;
	struct map *map = worker->shared->world.map;
	for (unsigned i = 0; i < LOOKS && !worker->failure && worker->shared->writing; i++) {
		int number = map_rename(map, &alice, names[i % 2], names[(i + 1) % 2], 0);
		if (number && number != ENOENT)
			worker->failure = strerror(number);
	}
	return NULL;
}

static void *list_names(void *context)
{
	struct worker *worker = context;
	struct map *map = worker->shared->world.map;
	for (unsigned i = 0; i < LOOKS && !worker->failure && worker->shared->writing; i++) {
		struct map_dir *dir;
		struct map_dirent entry;
		uint64_t offset = 0;
		unsigned count = 0;
		int number = map_dir_open(map, &alice, i % 2 ? "Orders/alice" : "Orders", &dir);
		if (number) {
			worker->failure = strerror(number);
			break;
		}
		while (!map_dir_entry(dir, offset, &entry) && entry.name && ++count <= 2)
			offset = entry.next;
		map_dir_free(dir);
		if (count > 2)
			worker->failure = "more names than there are";
		map_tick(map);
	}
	return NULL;
}

/* Sets the definition's time, by name, while every other thread has the table in hand. */
static void *touch_definition(void *context)
{
	struct worker *worker = context;
	struct map *map = worker->shared->world.map;
	for (int64_t time = 1; time <= LOOKS && !worker->failure && worker->shared->writing; time++) {
		struct map_attr attr;
		if (map_set_mtime(map, &alice, "Orders/.table.json", time, 0) ||
			map_stat(map, &alice, "Orders/.table.json", &attr))
			worker->failure = "the definition";
		else if (attr.mtime_ns != time)
			worker->failure = "another one's time";
	}
	return NULL;
}

static void test_all_at_once(void **state)
{
	struct world *world = *state;
	static void *(*const runs[])(void *) = {write_documents, write_documents, write_documents,
		append_attributes, read_documents, read_documents, rename_items, list_names,
		touch_definition};
	enum { THREADS = sizeof runs / sizeof *runs };
	struct worker workers[THREADS];
	struct shared shared = {.writing = WRITERS, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct map_options options = {.mountpoint = "/mnt/test", .changed = tell, .context = &shared};
	shared.world.map = map_new(world->engine, &options);
	assert_non_null(shared.world.map);
	assert_int_equal(map_mkdir(shared.world.map, &alice, "Orders/alice"), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.shared = &shared, .number = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, runs[i], &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		if (workers[i].failure)
			fail_msg("thread %u: %s", i, workers[i].failure);
	assert_true(shared.told >= WRITERS * ROUNDS);
	assert_null(look(&shared.world, names[0]));
	assert_null(look(&shared.world, names[1]));
	map_free(shared.world.map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(all_at_once)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
