/*
 * Changing the master key: from where to where, what is refused, what remains of the old one, and what the
 * next opening makes of a change that was cut short. Power loss at every step is the crash tests' matter.
 */
#include "engine/store/masterkey.h"
#include "tests/unit/storedir.h"

#include <dirent.h>

#define OLD "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define NEW "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n"
enum { TEXT = 65 };

struct fixture {
	struct storedir dir;
	char old[100], new[100];
	struct ddb_error err;
};

static int setup(void **state)
{
	static struct fixture f;
	memset(&f, 0, sizeof f);
	storedir_make(&f.dir);
	snprintf(f.old, sizeof f.old, "%s/old", f.dir.root);
	snprintf(f.new, sizeof f.new, "%s/new", f.dir.root);
	storedir_write(f.dir.root, "old", OLD, TEXT);
	storedir_write(f.dir.root, "new", NEW, TEXT);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	storedir_done(&f->dir);
	return 0;
}

static enum ddb_code try_open(struct fixture *f, const char *keyfile, bool read_only, struct store **ret)
{
	const struct store_options options = {.keyfile = keyfile, .must_exist = true, .read_only = read_only};
	return store_open(f->dir.store, &options, ret, &f->err);
}

static void make(struct fixture *f, const char *keyfile)
{
	const struct store_options options = {.keyfile = keyfile};
	struct store *store;
	assert_int_equal(store_open(f->dir.store, &options, &store, &f->err), DDB_OK);
	storedir_put(store, "key", "head", "body");
	store_close(store);
}

/* It opens with that key, and has what it had. */
static void assert_opens(struct fixture *f, const char *keyfile)
{
	struct store *store;
	struct store_txn *view;
	for (unsigned read_only = 0; read_only < 2; read_only++) {
		if (try_open(f, keyfile, read_only, &store))
			fail_msg("%s", f->err.message);
		assert_int_equal(store_view(store, &view, &f->err), DDB_OK);
		assert_string_equal(storedir_get_in(view, "key"), "head|body");
		store_view_end(view);
		store_close(store);
	}
}

static void assert_denied(struct fixture *f, const char *keyfile)
{
	struct store *store;
	assert_int_equal(try_open(f, keyfile, false, &store), DDB_ACCESS_DENIED);
	assert_int_equal(try_open(f, keyfile, true, &store), DDB_ACCESS_DENIED);
}

static enum ddb_code change(struct fixture *f, const char *keyfile, const char *new_keyfile, bool made)
{
	const struct store_rekey rekey = {.keyfile = new_keyfile, .make = made};
	const struct store_options options = {.keyfile = keyfile, .must_exist = true, .rekey = &rekey};
	struct store *store;
	enum ddb_code code = store_open(f->dir.store, &options, &store, &f->err);
	if (!code)
		store_close(store);
	return code;
}

static void assert_changed(struct fixture *f, const char *keyfile, const char *new_keyfile, bool made)
{
	if (change(f, keyfile, new_keyfile, made))
		fail_msg("%s", f->err.message);
	assert_false(storedir_has(f->dir.store, STORE_MASTERKEY_NEW));
}

static void assert_refused(struct fixture *f, const char *keyfile, const char *new_keyfile, bool made,
	enum ddb_code code, const char *text)
{
	assert_int_equal(change(f, keyfile, new_keyfile, made), code);
	if (!strstr(f->err.message, text))
		fail_msg("'%s' is not in: %s", text, f->err.message);
	assert_false(storedir_has(f->dir.store, STORE_MASTERKEY_NEW));
}

static void assert_text(const char *directory, const char *name, const char *expected)
{
	char text[TEXT + 1];
	assert_int_equal(storedir_read(directory, name, text, sizeof text), TEXT);
	assert_memory_equal(text, expected, TEXT);
}

static void copy_file(const char *from, const char *name, const char *to, const char *new_name)
{
	char text[1000];
	storedir_write(to, new_name, text, storedir_read(from, name, text, sizeof text));
}

/* ---- Where from, where to ---- */

static void test_in_the_store(void **state)
{
	struct fixture *f = *state;
	struct stat status;
	char path[200];
	make(f, NULL);
	copy_file(f->dir.store, STORE_MASTERKEY_NAME, f->dir.root, "old");
	assert_changed(f, NULL, NULL, false);
	assert_opens(f, NULL);
	assert_denied(f, f->old);
	snprintf(path, sizeof path, "%s/%s", f->dir.store, STORE_MASTERKEY_NAME);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_size, TEXT);
	/* As a key file that happens to be there, too. */
	assert_changed(f, path, NULL, false);
	assert_opens(f, NULL);
}

static void test_between_files(void **state)
{
	struct fixture *f = *state;
	make(f, f->old);
	assert_changed(f, f->old, f->new, false);
	assert_opens(f, f->new);
	assert_denied(f, f->old);
	assert_denied(f, NULL);
	assert_text(f->dir.root, "old", OLD);
	assert_text(f->dir.root, "new", NEW);
}

static void test_out_of_the_store(void **state)
{
	struct fixture *f = *state;
	make(f, NULL);
	assert_changed(f, NULL, f->new, false);
	assert_false(storedir_has(f->dir.store, STORE_MASTERKEY_NAME));
	assert_opens(f, f->new);
	assert_denied(f, NULL);
}

static void test_into_the_store(void **state)
{
	struct fixture *f = *state;
	make(f, f->old);
	assert_false(storedir_has(f->dir.store, STORE_MASTERKEY_NAME));
	assert_changed(f, f->old, NULL, false);
	assert_true(storedir_has(f->dir.store, STORE_MASTERKEY_NAME));
	assert_opens(f, NULL);
	assert_denied(f, f->old);
	assert_text(f->dir.root, "old", OLD);
}

static void test_made(void **state)
{
	struct fixture *f = *state;
	struct stat status;
	make(f, f->old);
	assert_int_equal(unlink(f->new), 0);
	assert_changed(f, f->old, f->new, true);
	assert_int_equal(stat(f->new, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_opens(f, f->new);
	assert_denied(f, f->old);
}

/* ---- What is refused ---- */

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	struct store *store;
	char pid[40], absent[120];
	snprintf(absent, sizeof absent, "%s/no/where", f->dir.root);
	assert_refused(f, f->old, f->new, false, DDB_VALIDATION, "no store");
	make(f, f->old);
	assert_refused(f, f->new, f->new, false, DDB_ACCESS_DENIED, "not that of store");
	assert_refused(f, NULL, f->new, false, DDB_ACCESS_DENIED, STORE_MASTERKEY_NAME);
	assert_refused(f, f->old, f->old, false, DDB_VALIDATION, "is the present one");
	assert_refused(f, f->old, f->new, true, DDB_VALIDATION, "is there already");
	assert_refused(f, f->old, absent, false, DDB_ACCESS_DENIED, "cannot be read");
	assert_refused(f, f->old, absent, true, DDB_INTERNAL, "cannot be written");
	assert_refused(f, f->old, f->dir.root, false, DDB_ACCESS_DENIED, "cannot be read");
	storedir_write(f->dir.root, "short", NEW, 20);
	snprintf(absent, sizeof absent, "%s/short", f->dir.root);
	assert_refused(f, f->old, absent, false, DDB_VALIDATION, "neither 64 hexadecimal digits");

	storedir_write(f->dir.store, STORE_MASTERKEY_NAME, NEW, TEXT);
	assert_refused(f, f->old, NULL, false, DDB_VALIDATION, "must be taken away first");
	assert_text(f->dir.store, STORE_MASTERKEY_NAME, NEW);

	assert_int_equal(try_open(f, f->old, false, &store), DDB_OK);
	snprintf(pid, sizeof pid, "in use by process %ld", (long)getpid());
	assert_refused(f, f->old, f->new, false, DDB_RESOURCE_IN_USE, pid);
	store_close(store);

	assert_opens(f, f->old);
	assert_denied(f, f->new);
	assert_text(f->dir.root, "old", OLD);
	assert_text(f->dir.root, "new", NEW);
}

/* A foreign master.key stays where it is, too, when the key goes from file to file. */
static void test_foreign_own(void **state)
{
	struct fixture *f = *state;
	make(f, f->old);
	storedir_write(f->dir.store, STORE_MASTERKEY_NAME, "somebody's", 10);
	assert_changed(f, f->old, f->new, false);
	assert_opens(f, f->new);
	assert_true(storedir_has(f->dir.store, STORE_MASTERKEY_NAME));
}

/* ---- What remains in the data file ---- */

static struct store_datakey read_datakey(struct fixture *f, const char *keyfile)
{
	struct store *store;
	struct store_datakey key;
	assert_int_equal(try_open(f, keyfile, true, &store), DDB_OK);
	assert_int_equal(store_datakey_read(store, &key), 0);
	store_close(store);
	return key;
}

/* How often the bytes are in the data file. */
static unsigned count_in_data(struct fixture *f, const void *bytes, size_t length)
{
	static uint8_t data[4 << 20];
	size_t size = storedir_read(f->dir.store, "data.mdb", data, sizeof data);
	unsigned count = 0;
	assert_true(size < sizeof data);
	for (const uint8_t *at = data; (at = memmem(at, size - (size_t)(at - data), bytes, length)); at++)
		count++;
	return count;
}

static void test_nothing_remains(void **state)
{
	enum { ROUNDS = 12 };
	struct fixture *f = *state;
	struct store_datakey keys[ROUNDS];
	make(f, NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		keys[i] = read_datakey(f, NULL);
		assert_int_equal(count_in_data(f, keys[i].sealed, sizeof keys[i].sealed), 1);
		if (i % 3) { /* something of another kind in between */
			struct store *store;
			assert_int_equal(try_open(f, NULL, false, &store), DDB_OK);
			storedir_put(store, "other", "head", i % 2 ? "a" : "b");
			store_close(store);
		}
		assert_changed(f, NULL, NULL, false);
		for (unsigned j = 0; j <= i; j++)
			assert_int_equal(
				count_in_data(f, keys[j].sealed + STORE_NONCE_BYTES, STORE_SECRET_BYTES), 0);
	}
	assert_opens(f, NULL);
}

/* Nor what the file of the old key had, wherever in it the key was. */
static void test_wiped_file(void **state)
{
	struct fixture *f = *state;
	char text[300], path[200];
	make(f, NULL);
	memset(text, ' ', sizeof text);
	assert_int_equal(storedir_read(f->dir.store, STORE_MASTERKEY_NAME, text + 200, TEXT + 1), TEXT);
	storedir_write(f->dir.store, STORE_MASTERKEY_NAME, text, 200 + TEXT);
	snprintf(path, sizeof path, "%s/%s", f->dir.store, STORE_MASTERKEY_NAME);
	int file = open(path, O_RDONLY);
	assert_true(file >= 0);
	assert_changed(f, NULL, NULL, false);
	assert_int_equal(pread(file, text, sizeof text, 0), 200 + TEXT);
	for (size_t i = 0; i < 200 + TEXT; i++)
		assert_int_equal(text[i], 0);
	close(file);
}

/* ---- What was cut short ---- */

/* Before the commit. */
static void test_unused_key(void **state)
{
	struct fixture *f = *state;
	make(f, NULL);
	storedir_write(f->dir.store, STORE_MASTERKEY_NEW, NEW, TEXT);
	assert_opens(f, NULL);
	assert_false(storedir_has(f->dir.store, STORE_MASTERKEY_NEW));
	storedir_write(f->dir.store, STORE_MASTERKEY_NEW, NEW, 7); /* torn */
	assert_opens(f, NULL);
	assert_false(storedir_has(f->dir.store, STORE_MASTERKEY_NEW));
	storedir_write(f->dir.store, STORE_MASTERKEY_NEW, NEW, 7);
	assert_changed(f, NULL, NULL, false);
	assert_opens(f, NULL);
}

/* What cannot be read may be the only one. */
static void test_unreadable_key(void **state)
{
	struct fixture *f = *state;
	char path[200], target[100];
	make(f, f->old);
	snprintf(path, sizeof path, "%s/%s", f->dir.store, STORE_MASTERKEY_NEW);
	assert_int_equal(symlink(STORE_MASTERKEY_NEW, path), 0); /* ELOOP, whoever reads */
	assert_opens(f, f->old);
	assert_true(readlink(path, target, sizeof target) > 0);
	assert_int_equal(change(f, f->old, f->new, false), DDB_ACCESS_DENIED);
	assert_int_equal(unlink(path), 0);
	assert_opens(f, f->old);
	assert_changed(f, f->old, f->new, false);
}

/* Between the commit and the new name of the key. */
static void test_unnamed_key(void **state)
{
	struct fixture *f = *state;
	struct store *store;
	make(f, NULL);
	copy_file(f->dir.store, STORE_MASTERKEY_NAME, f->dir.root, "old");
	assert_changed(f, NULL, NULL, false);
	copy_file(f->dir.store, STORE_MASTERKEY_NAME, f->dir.root, "new");
	for (unsigned old = 0; old < 2; old++) { /* with the old key there, and without any */
		copy_file(f->dir.root, "new", f->dir.store, STORE_MASTERKEY_NEW);
		copy_file(f->dir.root, "old", f->dir.store, STORE_MASTERKEY_NAME);
		char path[200];
		snprintf(path, sizeof path, "%s/%s", f->dir.store, STORE_MASTERKEY_NAME);
		if (!old)
			assert_int_equal(unlink(path), 0);
		/* Reading changes nothing. */
		assert_int_equal(try_open(f, NULL, true, &store), DDB_OK);
		store_close(store);
		assert_true(storedir_has(f->dir.store, STORE_MASTERKEY_NEW));
		assert_denied(f, f->old);
		assert_opens(f, NULL);
		assert_false(storedir_has(f->dir.store, STORE_MASTERKEY_NEW));
		assert_opens(f, f->new);
	}
	/* The next change does not lose it either. */
	copy_file(f->dir.root, "new", f->dir.store, STORE_MASTERKEY_NEW);
	copy_file(f->dir.root, "old", f->dir.store, STORE_MASTERKEY_NAME);
	assert_changed(f, NULL, NULL, false);
	assert_opens(f, NULL);
	assert_denied(f, f->old);
	assert_denied(f, f->new);
}

/* Between the commit and the removal of the key in the store. */
static void test_unremoved_key(void **state)
{
	struct fixture *f = *state;
	make(f, NULL);
	copy_file(f->dir.store, STORE_MASTERKEY_NAME, f->dir.root, "old");
	assert_changed(f, NULL, f->new, false);
	copy_file(f->dir.root, "old", f->dir.store, STORE_MASTERKEY_NAME);
	assert_opens(f, f->new);
	assert_false(storedir_has(f->dir.store, STORE_MASTERKEY_NAME));
	/* One that is the store's key may have been put there by its owner. */
	copy_file(f->dir.root, "new", f->dir.store, STORE_MASTERKEY_NAME);
	assert_opens(f, NULL);
	assert_opens(f, f->new);
	assert_text(f->dir.store, STORE_MASTERKEY_NAME, NEW);
}

/* Before the end. */
static void test_unwiped(void **state)
{
	struct fixture *f = *state;
	char path[200];
	make(f, f->old);
	struct store_datakey before = read_datakey(f, f->old);
	assert_changed(f, f->old, f->new, false);
	struct store_datakey after = read_datakey(f, f->new);
	assert_true(after.retired);
	snprintf(path, sizeof path, "%s/data.mdb", f->dir.store);
	for (size_t length = STORE_NONCE_BYTES + 24; length <= sizeof before.sealed; length += 24) {
		int file = open(path, O_WRONLY);
		assert_int_equal(
			pwrite(file, before.sealed, length, (off_t)after.retired_offset), (ssize_t)length);
		close(file);
		assert_int_equal(count_in_data(f, before.sealed, length), 1);
		assert_opens(f, f->new);
		assert_int_equal(count_in_data(f, before.sealed, length), 0);
	}
}

/* An entry that leads elsewhere, into what is in use or nowhere, does no harm. */
static void test_misleading_entry(void **state)
{
	struct fixture *f = *state;
	struct store *store;
	uint64_t place;
	make(f, f->old);
	assert_changed(f, f->old, f->new, false);
	for (unsigned i = 0; i < 4; i++) {
		struct store_datakey key = read_datakey(f, f->new);
		assert_int_equal(try_open(f, f->new, false, &store), DDB_OK);
		assert_int_equal(store_datakey_place(store, &place), 0);
		const uint64_t offsets[] = {0, place, UINT64_MAX, STORE_MAP_BYTES - 10};
		key.retired_offset = offsets[i];
		memcpy(key.retired_nonce, key.sealed, STORE_NONCE_BYTES);
		assert_int_equal(store_datakey_write(store, &key), 0);
		store_sync_committed(store, 1);
		assert_int_equal(store_datakey_place(store, &place), 0);
		if (i == 1) { /* written elsewhere by now */
			key.retired_offset = place;
			assert_int_equal(store_datakey_wipe(store, &key), 0);
		}
		store_close(store);
		assert_opens(f, f->new);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_in_the_store),
		TEST(test_between_files),
		TEST(test_out_of_the_store),
		TEST(test_into_the_store),
		TEST(test_made),
		TEST(test_refusals),
		TEST(test_foreign_own),
		TEST(test_nothing_remains),
		TEST(test_wiped_file),
		TEST(test_unused_key),
		TEST(test_unreadable_key),
		TEST(test_unnamed_key),
		TEST(test_unremoved_key),
		TEST(test_unwiped),
		TEST(test_misleading_entry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
