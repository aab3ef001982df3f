/* Transactions and snapshots from several threads at once: money is neither made nor lost, whoever looks. */
#include "tree_fixture.h"

#include "mapping/view/views.h"

#include <pthread.h>
#include <sched.h>

enum { ACCOUNTS = 10, BALANCE = 100, WRITERS = 3, ROUNDS = 60 };

struct worker {
	struct fixture *fixture;
	unsigned number, commits;
	bool failed;
};

static atomic_bool over;

static bool read_balance(struct map *map, const char *directory, unsigned account, int *ret)
{
	struct map_file *file;
	struct map_attr attr;
	char path[100], text[200] = "";
	size_t length;
	snprintf(path, sizeof(path), "%s%sBank/%u.json", directory, *directory ? "/" : "", account);
	if (map_open(map, &me, path, O_RDONLY, &file, &attr))
		return false;
	int number = map_file_read(file, 0, text, sizeof(text) - 1, &length);
	map_file_release(file, &me);
	const char *balance = strstr(text, "\"n\": ");
	if (number || !balance)
		return false;
	*ret = atoi(balance + 5);
	return true;
}

static bool write_balance(struct map *map, const char *directory, unsigned account, int balance)
{
	struct map_file *file;
	struct map_attr attr;
	char path[100], text[100];
	snprintf(path, sizeof(path), "%s/Bank/%u.json", directory, account);
	int length = snprintf(text, sizeof(text), "{\"n\":%d}", balance);
	if (map_open(map, &me, path, O_WRONLY | O_APPEND, &file, &attr))
		return false;
	int number = map_file_write(file, &me, 0, text, (size_t)length);
	number |= map_file_flush(file, &me);
	map_file_release(file, &me);
	return !number;
}

static bool transfer(struct worker *worker, const char *name, unsigned from, unsigned to)
{
	struct map *map = worker->fixture->map;
	char directory[40], target[60];
	int a, b;
	snprintf(directory, sizeof(directory), ".txn/%s", name);
	snprintf(target, sizeof(target), ".txn/committed/%s", name);
	if (map_mkdir(map, &me, directory))
		return false;
	bool done = read_balance(map, directory, from, &a) && read_balance(map, directory, to, &b) &&
		    write_balance(map, directory, from, a - 1) && write_balance(map, directory, to, b + 1);
	int number = done ? map_rename(map, &me, directory, target, 0) : EIO;
	worker->commits += !number;
	return !number || (!map_rmdir(map, &me, directory) && number == ECANCELED);
}

static void *write_all(void *context)
{
	struct worker *worker = context;
	char name[20];
	for (unsigned i = 0; i < ROUNDS && !worker->failed; i++) {
		unsigned from = (i * 7 + worker->number) % ACCOUNTS, step = 1 + i % (ACCOUNTS - 1);
		snprintf(name, sizeof(name), "w%u", worker->number);
		worker->failed = !transfer(worker, name, from, (from + step) % ACCOUNTS);
	}
	return NULL;
}

static int sum_of(struct map *map, const char *directory)
{
	int sum = 0, balance;
	for (unsigned i = 0; i < ACCOUNTS; i++)
		sum += read_balance(map, directory, i, &balance) ? balance : 1000000;
	return sum;
}

/* Begins, looks, and ends, with something open; walks over what the others have at any moment. */
static void *look(void *context)
{
	struct worker *worker = context;
	struct map *map = worker->fixture->map;
	while (!over && !worker->failed) {
		struct map_dir *dir, *names;
		struct map_dirent entry;
		struct map_attr attr;
		worker->failed = map_mkdir(map, &me, ".snapshot/s") ||
				 map_dir_open(map, &me, ".snapshot/s/Bank", &dir) ||
				 sum_of(map, ".snapshot/s") != ACCOUNTS * BALANCE ||
				 map_rmdir(map, &me, ".snapshot/s");
		if (worker->failed)
			break;
		worker->failed = map_dir_entry(dir, 0, &entry) != ESTALE;
		map_dir_free(dir);
		worker->failed |= map_dir_open(map, &me, ".txn", &names) != 0;
		if (worker->failed)
			break;
		for (uint64_t at = 0; !map_dir_entry(names, at, &entry) && entry.name; at = entry.next) {
			char path[300];
			snprintf(path, sizeof(path), ".txn/%s/Bank/1.json", entry.name);
			(void)map_stat(map, &me, path, &attr);
		}
		map_dir_free(names);
		char *status = text_of(worker->fixture, ".status");
		free(status);
		map_tick(map);
	}
	return NULL;
}

static void test_bank(void **state)
{
	struct fixture *fixture = *state;
	struct worker workers[WRITERS + 1];
	pthread_t threads[WRITERS + 1];
	unsigned commits = 0;
	char text[100];
	make_table(fixture, "Bank", 'S', '\0');
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		snprintf(text, sizeof(text), "{\"h\":\"%u\",\"n\":%d}", i, BALANCE);
		put(fixture, "Bank", text);
	}
	for (unsigned i = 0; i <= WRITERS; i++) {
		workers[i] = (struct worker){.fixture = fixture, .number = i};
		assert_int_equal(
			pthread_create(&threads[i], NULL, i < WRITERS ? write_all : look, &workers[i]), 0);
	}
	for (unsigned i = 0; i <= WRITERS; i++) {
		if (i == WRITERS)
			over = true;
		pthread_join(threads[i], NULL);
		assert_false(workers[i].failed);
		commits += workers[i].commits;
	}
	assert_true(commits > 0);
	assert_int_equal(sum_of(fixture->map, ""), ACCOUNTS * BALANCE);
	char *names = names_of(fixture, ".txn");
	assert_string_equal(names, "committed\n");
	free(names);
}

/* One transaction, many threads: what is acknowledged before its commit is in it, what comes too late is
 * refused. */
struct appender {
	struct fixture *fixture;
	unsigned number;
	int acknowledged;
};

static void *append(void *context)
{
	struct appender *appender = context;
	int done = 0;
	while (write_balance(appender->fixture->map, ".txn/shared", appender->number, done + 1))
		done++;
	appender->acknowledged = done;
	return NULL;
}

static void test_shared(void **state)
{
	struct fixture *fixture = *state;
	struct appender appenders[WRITERS];
	pthread_t threads[WRITERS];
	int balance;
	make_table(fixture, "Bank", 'S', '\0');
	for (unsigned i = 0; i < WRITERS; i++) {
		char text[100];
		snprintf(text, sizeof(text), "{\"h\":\"%u\",\"n\":0}", i);
		put(fixture, "Bank", text);
	}
	assert_errno(map_mkdir(fixture->map, &me, ".txn/shared"), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		appenders[i] = (struct appender){.fixture = fixture, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, append, &appenders[i]), 0);
	}
	do
		assert_true(read_balance(fixture->map, ".txn/shared", 0, &balance));
	while (balance < 20);
	assert_errno(map_rename(fixture->map, &me, ".txn/shared", ".txn/committed/shared", 0), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		assert_true(read_balance(fixture->map, "", i, &balance));
		assert_int_equal(balance, appenders[i].acknowledged);
	}
}

/* ---- A commit that waits ---- */

static void *commit_one(void *context)
{
	struct fixture *fixture = context;
	return (void *)(intptr_t)map_rename(fixture->map, &me, ".txn/one", ".txn/committed/one", 0);
}

static bool is_waited_for(struct map_view *view)
{
	pthread_mutex_lock(&view->lock);
	bool waited = view->waiting;
	pthread_mutex_unlock(&view->lock);
	return waited;
}

/* Whether the first thread sleeps: where it is kept waiting, or where it waits for this one to end. */
static bool main_sleeps(void)
{
	char state = '?';
	FILE *file = fopen("/proc/self/stat", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
	fclose(file);
	return state == 'S';
}

static void *leave_last(void *context)
{
	while (!main_sleeps())
		sched_yield();
	map_view_leave(context);
	return NULL;
}

/* Who goes on with an open file comes behind it, or it might wait for ever. */
static void test_way(void **state)
{
	struct fixture *fixture = *state;
	struct map_file *file;
	struct map_attr attr;
	pthread_t committer, leaver;
	char text[100];
	size_t length;
	void *answer;
	make_table(fixture, "Bank", 'S', '\0');
	put(fixture, "Bank", "{\"h\":\"0\",\"n\":0}");
	assert_errno(map_mkdir(fixture->map, &me, ".txn/one"), 0);
	assert_errno(map_open(fixture->map, &me, ".txn/one/Bank/0.json", O_RDONLY, &file, &attr), 0);
	assert_errno(map_file_read(file, 0, text, sizeof(text), &length), 0);

	struct map_view *view = map_view_find(fixture->map, DDB_TRANSACTION, "one", 3);
	assert_errno(map_view_enter(view), 0);
	assert_int_equal(pthread_create(&committer, NULL, commit_one, fixture), 0);
	while (!is_waited_for(view))
		sched_yield();
	assert_int_equal(pthread_create(&leaver, NULL, leave_last, view), 0);
	assert_errno(map_file_read(file, 0, text, sizeof(text), &length), ESTALE);
	pthread_join(leaver, NULL);
	pthread_join(committer, &answer);
	assert_errno((int)(intptr_t)answer, 0);
	map_view_unref(view);
	map_file_release(file, &me);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_bank), TEST(test_shared), TEST(test_way)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
