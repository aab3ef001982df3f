/*
 * Where keys are in memory: only where core dumps and the swap do not reach while a store is open, and
 * nowhere after it was closed, refused, or given another master key.
 */
#include "keyscan.h"
#include "storedir.h"

#include <linux/capability.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { THREADS = 3, RECORDS = 200 };

/* What is found in a process of a sanitizer's depends on the sanitizer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WATCHED 1
#endif
#endif
#ifdef WATCHED
enum { SKIPS = 1 };
#else
enum { SKIPS = 0 };
#endif

static struct storedir dir;
static struct keyscan scan;

static int setup(void **state)
{
	(void)state;
	memset(&scan, 0, sizeof scan);
	storedir_make(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	storedir_done(&dir);
	return 0;
}

/* The keys of a store whose sealed data key is known. */
static void learn(const char *keyfile, const uint8_t sealed[STORE_SEALED_KEY_BYTES])
{
	uint8_t *master = sodium_malloc(KEYSCAN_KEY);
	assert_true(keyscan_read_master(keyfile, master));
	assert_true(keyscan_add_keys(&scan, master, sealed));
	sodium_free(master);
}

static void learn_open(struct store *store, const char *keyfile)
{
	struct store_datakey key;
	assert_int_equal(store_datakey_read(store, &key), 0);
	learn(keyfile, key.sealed);
}

static void assert_nowhere(bool as_dumped)
{
	assert_true(keyscan_process(&scan, "self", as_dumped));
	if (keyscan_found(&scan))
		fail_msg("found: the %s", keyscan_found(&scan));
}

static void *use(void *context)
{
	struct store *store = context;
	char key[600], body[5000];
	uint8_t hash[STORE_HASH_BYTES];
	memset(body, 'b', sizeof body);
	for (unsigned i = 0; i < RECORDS; i++) {
		struct store_txn *view;
		struct ddb_error err;
		memset(key, 'k', sizeof key);
		snprintf(key + (i % 2 ? 0 : 550), 40, "%u-%lu", i, (unsigned long)pthread_self());
		assert_int_equal(storedir_try_put(store, key, "head", body, 1 + i * 20, &err), DDB_OK);
		store_hash(store, body, i, hash);
		assert_int_equal(store_view(store, &view, &err), DDB_OK);
		struct ddb_arena arena;
		struct store_value value;
		ddb_arena_init(&arena, 1 << 20);
		assert_int_equal(store_get(view, &arena, key, strlen(key), true, &value, &err), DDB_OK);
		ddb_arena_done(&arena);
		store_view_end(view);
	}
	return NULL;
}

static void test_open_store(void **state)
{
	char keyfile[120];
	pthread_t threads[THREADS];
	(void)state;
	if (SKIPS)
		skip();
	struct store *store = storedir_open(dir.store);
	snprintf(keyfile, sizeof keyfile, "%s/master.key", dir.store);
	learn_open(store, keyfile);
	assert_nowhere(true);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use, store), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	use(store);
	assert_nowhere(true);

	/* What is used is there, so the search does find things; the others are not even there. */
	assert_true(keyscan_process(&scan, "self", false));
	for (unsigned i = 0; i < scan.count; i++) {
		const struct keyscan_secret *secret = &scan.secrets[i];
		bool used = !strncmp(secret->name, "key of", 6) && secret->length == KEYSCAN_KEY;
		if (used != (secret->found > 0))
			fail_msg("the %s was found %u times", secret->name, secret->found);
	}
	store_close(store);
	assert_nowhere(false);
}

static void test_changed_key(void **state)
{
	char keyfile[120], old[120], new[120];
	struct store_datakey key;
	const struct store_rekey rekeys[] = {{NULL, false}, {new, true}};
	(void)state;
	if (SKIPS)
		skip();
	snprintf(keyfile, sizeof keyfile, "%s/master.key", dir.store);
	snprintf(old, sizeof old, "%s/old", dir.root);
	snprintf(new, sizeof new, "%s/new", dir.root);
	store_close(storedir_open(dir.store));
	for (unsigned i = 0; i < 2; i++) {
		const struct store_options options = {.must_exist = true, .rekey = &rekeys[i]};
		struct store *store = storedir_open(dir.store);
		struct ddb_error err;
		learn_open(store, keyfile);
		store_close(store);
		assert_int_equal(link(keyfile, old), 0);
		assert_int_equal(store_open(dir.store, &options, &store, &err), DDB_OK);
		assert_int_equal(store_datakey_read(store, &key), 0);
		store_close(store);
		assert_nowhere(false);
		learn(i ? new : keyfile, key.sealed);
		assert_nowhere(false);
		assert_int_equal(unlink(old), 0);
	}
	for (const char *const *name = (const char *const[]){"data.mdb", "anchor", "owner", "format", NULL};
		*name; name++) {
		snprintf(old, sizeof old, "%s/%s", dir.store, *name);
		assert_true(keyscan_file(&scan, old));
		assert_null(keyscan_found(&scan));
	}
	assert_true(keyscan_file(&scan, new)); /* such things are found in files */
	assert_non_null(keyscan_found(&scan));
}

static void test_refused(void **state)
{
	char wrong[120];
	struct store *store;
	struct ddb_error err;
	const struct store_options options = {.keyfile = wrong, .must_exist = true};
	const struct store_rekey rekey = {.keyfile = "/no/where/at/all", .make = true};
	const struct store_options change = {.must_exist = true, .rekey = &rekey};
	(void)state;
	if (SKIPS)
		skip();
	store_close(storedir_open(dir.store));
	store_close(storedir_open(dir.other));
	snprintf(wrong, sizeof wrong, "%s/master.key", dir.other);
	uint8_t *master = sodium_malloc(KEYSCAN_KEY);
	assert_true(keyscan_read_master(wrong, master));
	keyscan_add_forms(&scan, "wrong master key", master);
	sodium_free(master);
	assert_int_equal(store_open(dir.store, &options, &store, &err), DDB_ACCESS_DENIED);
	assert_nowhere(false);
	snprintf(wrong, sizeof wrong, "%s/master.key", dir.store);
	master = sodium_malloc(KEYSCAN_KEY);
	assert_true(keyscan_read_master(wrong, master));
	keyscan_add_forms(&scan, "master key", master);
	sodium_free(master);
	assert_int_not_equal(store_open(dir.store, &change, &store, &err), DDB_OK);
	assert_nowhere(false);
}

/* Where nothing can be locked, all is as else, and it is said. */
static void note(void *context, const char *text)
{
	snprintf(context, DDB_MESSAGE_MAX, "%s", text);
}

static void drop_privilege(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective &= ~(UINT32_C(1) << CAP_IPC_LOCK);
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static void test_unlocked(void **state)
{
	const struct rlimit none = {0, 0};
	char told[DDB_MESSAGE_MAX] = "", keyfile[120];
	const struct store_options options = {.notice = note, .notice_context = told};
	struct store *store;
	struct ddb_error err;
	struct store_status status;
	(void)state;
	if (SKIPS)
		skip();
	assert_int_equal(store_open(dir.store, &options, &store, &err), DDB_OK);
	store_status(store, &status);
	assert_true(status.keys_locked);
	assert_string_equal(told, "");
	store_close(store);
	/* The limit is not root's. The last test, since it cannot be undone. */
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	drop_privilege();
	assert_int_equal(store_open(dir.store, &options, &store, &err), DDB_OK);
	store_status(store, &status);
	assert_false(status.keys_locked);
	assert_non_null(strstr(told, "cannot lock memory for its keys"));
	snprintf(keyfile, sizeof keyfile, "%s/master.key", dir.store);
	learn_open(store, keyfile);
	use(store);
	assert_nowhere(true);
	store_close(store);
	assert_nowhere(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open_store, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unlocked, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
