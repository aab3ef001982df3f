/*
 * Power loss. What the store writes to its data file and its anchor is recorded here, in place of the C
 * library's functions, so that a disk can be made up as it may be after a power loss at any moment: what was
 * synced, and of the rest any sectors. Each such disk must open, in another boot, as a state that once was:
 * none that was synced may be lost, and no part of a later one may show. The same place makes writes and
 * syncs fail.
 */
#include "engine/store/file.h"
#include "tests/unit/storedir.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* ---- The disk ---- */

enum { SECTOR = 512, IMAGE_MAX = 8 << 20, DISKS_MAX = 48 };
enum file { DATA, ANCHOR, FILES };

struct write_record {
	enum file file;
	size_t offset, length;
	struct write_record *next;
	uint8_t bytes[];
};

struct image {
	uint8_t *bytes;
	size_t size;
};

struct disk { /* after a power loss, and what must be on it */
	struct image files[FILES];
	uint64_t synced, written;
};

static struct recorder {
	pthread_mutex_t lock;
	bool on;
	ino_t inodes[FILES];
	struct image durable[FILES];
	struct write_record *pending, **end;
	uint64_t events, next_disk;
	struct disk disks[DISKS_MAX];
	unsigned disk_count;
	uint64_t synced, written; /* the last change known to be durable; the last one begun */
	/* Failures to come: how many, and what. */
	unsigned fail_sync[FILES], fail_write[FILES], fail_meta, fail_short;
	bool fail_late; /* failing syncs fail after all has got to the disk */
	int failure;
	unsigned random_failures; /* one sync in so many; 0: none */
	unsigned rewritten;       /* bytes, since reset */
} recorder = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t seed;

static uint64_t random_number(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed * UINT64_C(2685821657736338717) >> 16) % below;
}

static void image_write(struct image *image, size_t offset, const void *bytes, size_t length)
{
	if (offset + length > IMAGE_MAX)
		abort();
	if (!image->bytes)
		image->bytes = calloc(1, IMAGE_MAX);
	memcpy(image->bytes + offset, bytes, length);
	if (image->size < offset + length)
		image->size = offset + length;
}

static enum file file_of(int fd)
{
	struct stat status;
	if (!recorder.on || fstat(fd, &status))
		return FILES;
	for (enum file file = DATA; file < FILES; file++)
		if (recorder.inodes[file] == status.st_ino)
			return file;
	return FILES;
}

/* Each sector of the write gets to the disk or not. */
static void image_write_some(struct image *image, const struct write_record *write)
{
	size_t end = write->offset + write->length;
	for (size_t at = write->offset; at < end;) {
		size_t next = (at / SECTOR + 1) * SECTOR;
		next = next < end ? next : end;
		if (random_number(2))
			image_write(image, at, write->bytes + (at - write->offset), next - at);
		at = next;
	}
}

static void take_disk(void)
{
	if (recorder.disk_count == DISKS_MAX)
		return;
	struct disk *disk = &recorder.disks[recorder.disk_count++];
	disk->synced = recorder.synced;
	disk->written = recorder.written;
	for (enum file file = DATA; file < FILES; file++) {
		image_write(&disk->files[file], 0, recorder.durable[file].bytes, recorder.durable[file].size);
		for (struct write_record *write = recorder.pending; write; write = write->next)
			if (write->file == file)
				image_write_some(&disk->files[file], write);
	}
}

/* The disk at the end, for which there is always room. */
static void take_last_disk(void)
{
	if (recorder.disk_count == DISKS_MAX) {
		struct disk *last = &recorder.disks[--recorder.disk_count];
		free(last->files[DATA].bytes);
		free(last->files[ANCHOR].bytes);
		memset(last, 0, sizeof *last);
	}
	take_disk();
}

static void event(void)
{
	if (++recorder.events != recorder.next_disk)
		return;
	take_disk();
	recorder.next_disk += 1 + random_number(60);
}

static void record_write(enum file file, off_t offset, const void *bytes, size_t length)
{
	struct write_record *write = malloc(sizeof *write + length);
	write->file = file;
	write->offset = (size_t)offset;
	write->length = length;
	write->next = NULL;
	memcpy(write->bytes, bytes, length);
	*recorder.end = write;
	recorder.end = &write->next;
	event();
}

/* A sync that fails gets some of it to the disk, and the kernel forgets the rest. */
static void settle_pending(enum file file, bool all)
{
	struct write_record **at = &recorder.pending;
	while (*at) {
		struct write_record *write = *at;
		if (write->file != file) {
			at = &write->next;
			continue;
		}
		if (all)
			image_write(&recorder.durable[file], write->offset, write->bytes, write->length);
		else
			image_write_some(&recorder.durable[file], write);
		*at = write->next;
		free(write);
	}
	recorder.end = at;
}

static bool fails(unsigned *count)
{
	if (!*count)
		return false;
	--*count;
	errno = recorder.failure;
	return true;
}

static ssize_t real_pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

static ssize_t disk_write(int fd, const void *bytes, size_t length, off_t offset)
{
	pthread_mutex_lock(&recorder.lock);
	enum file file = file_of(fd);
	ssize_t done = -1;
	bool meta = file == DATA && length < 512 && offset < 8192;
	if (file == FILES)
		done = real_pwrite(fd, bytes, length, offset);
	else if ((!meta || !fails(&recorder.fail_meta)) && (meta || !fails(&recorder.fail_write[file]))) {
		if (!meta && file == DATA && recorder.fail_short && --recorder.fail_short == 0)
			length /= 2;
		done = real_pwrite(fd, bytes, length, offset);
		if (done > 0)
			record_write(file, offset, bytes, (size_t)done);
		recorder.rewritten += (unsigned)length;
	}
	pthread_mutex_unlock(&recorder.lock);
	return done;
}

static ssize_t disk_writev(int fd, const struct iovec *parts, int count)
{
	pthread_mutex_lock(&recorder.lock);
	enum file file = file_of(fd);
	pthread_mutex_unlock(&recorder.lock);
	if (file == FILES)
		return syscall(SYS_writev, fd, parts, count);
	off_t offset = lseek(fd, 0, SEEK_CUR);
	ssize_t total = 0;
	for (int i = 0; i < count; i++) {
		ssize_t done = disk_write(fd, parts[i].iov_base, parts[i].iov_len, offset + total);
		if (done < 0)
			return total ? total : done;
		total += done;
		if ((size_t)done < parts[i].iov_len)
			break;
	}
	lseek(fd, offset + total, SEEK_SET);
	return total;
}

static int disk_sync(int fd)
{
	pthread_mutex_lock(&recorder.lock);
	enum file file = file_of(fd);
	int rc = 0;
	if (file == FILES) {
		rc = (int)syscall(SYS_fdatasync, fd);
	} else if (fails(&recorder.fail_sync[file]) ||
		   (recorder.random_failures && !random_number(recorder.random_failures))) {
		errno = EIO;
		settle_pending(file, recorder.fail_late);
		rc = -1;
	} else {
		event();
		settle_pending(file, true);
		event();
	}
	pthread_mutex_unlock(&recorder.lock);
	return rc;
}

#define IN_PLACE_OF(name) __asm__(name) __attribute__((visibility("default")))
ssize_t test_pwrite(int fd, const void *bytes, size_t length, off_t offset) IN_PLACE_OF("pwrite");
ssize_t test_pwrite64(int fd, const void *bytes, size_t length, off_t offset) IN_PLACE_OF("pwrite64");
ssize_t test_writev(int fd, const struct iovec *parts, int count) IN_PLACE_OF("writev");
int test_fdatasync(int fd) IN_PLACE_OF("fdatasync");

ssize_t test_pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	return disk_write(fd, bytes, length, offset);
}

ssize_t test_pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
	return disk_write(fd, bytes, length, offset);
}

ssize_t test_writev(int fd, const struct iovec *parts, int count)
{
	return disk_writev(fd, parts, count);
}

int test_fdatasync(int fd)
{
	return disk_sync(fd);
}

/* From here on, with the files as they are. */
static void record(const char *path)
{
	static const char *const names[FILES] = {"data.mdb", "anchor"};
	static uint8_t bytes[IMAGE_MAX];
	pthread_mutex_lock(&recorder.lock);
	for (enum file file = DATA; file < FILES; file++) {
		char name[200];
		struct stat status;
		size_t length = storedir_read(path, names[file], bytes, sizeof bytes);
		snprintf(name, sizeof name, "%s/%s", path, names[file]);
		assert_int_equal(stat(name, &status), 0);
		recorder.inodes[file] = status.st_ino;
		image_write(&recorder.durable[file], 0, bytes, length);
	}
	recorder.end = &recorder.pending;
	recorder.on = true;
	recorder.next_disk = 1;
	pthread_mutex_unlock(&recorder.lock);
}

static void set_failure(unsigned *count, unsigned times, int failure)
{
	pthread_mutex_lock(&recorder.lock);
	*count = times;
	recorder.failure = failure;
	pthread_mutex_unlock(&recorder.lock);
}

static void stop_recording(void)
{
	pthread_mutex_lock(&recorder.lock);
	recorder.on = false;
	pthread_mutex_unlock(&recorder.lock);
}

/* The seed is the recorder's, too. */
static uint64_t draw(uint64_t below)
{
	pthread_mutex_lock(&recorder.lock);
	uint64_t number = random_number(below);
	pthread_mutex_unlock(&recorder.lock);
	return number;
}

static struct storedir dir;

static int setup(void **state)
{
	(void)state;
	storedir_make(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pthread_mutex_lock(&recorder.lock);
	recorder.on = false;
	recorder.end = &recorder.pending;
	settle_pending(DATA, true);
	settle_pending(ANCHOR, true);
	for (enum file file = DATA; file < FILES; file++) {
		free(recorder.durable[file].bytes);
		for (unsigned i = 0; i < recorder.disk_count; i++)
			free(recorder.disks[i].files[file].bytes);
	}
	pthread_mutex_unlock(&recorder.lock);
	memset(&recorder, 0, sizeof recorder);
	pthread_mutex_init(&recorder.lock, NULL);
	storedir_done(&dir);
	return 0;
}

/* ---- The changes: each makes one state out of the one before, the same in every run ---- */

enum { KEYS = 24 };

static size_t key_of(unsigned number, char ret[800])
{
	size_t length = number % 3 ? 0 : 700; /* some in sub-spaces */
	memset(ret, 'k', length);
	return length + (size_t)sprintf(ret + length, "%u", number);
}

static uint64_t mix(uint64_t number)
{
	number *= UINT64_C(0x9e3779b97f4a7c15);
	return number ^ number >> 29;
}

static enum ddb_code change_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	static uint8_t body[9000];
	uint64_t number = *(uint64_t *)context;
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; i < 1 + mix(number) % 3 && !code; i++) {
		char key[800];
		uint64_t choice = mix(number * 3 + i);
		size_t length = key_of((unsigned)(choice % KEYS), key);
		if (choice >> 8 & 3)
			code = store_put(
				txn, key, length, &number, sizeof number, body, choice % sizeof body, err);
		else
			code = store_delete(txn, key, length, NULL, err);
	}
	return code ? code : store_put(txn, "last", 4, &number, sizeof number, "", 0, err);
}

static void state_at(uint64_t last, uint64_t values[KEYS], size_t bodies[KEYS])
{
	memset(values, 0, KEYS * sizeof *values);
	for (uint64_t number = 1; number <= last; number++)
		for (unsigned i = 0; i < 1 + mix(number) % 3; i++) {
			uint64_t choice = mix(number * 3 + i);
			values[choice % KEYS] = choice >> 8 & 3 ? number : 0;
			bodies[choice % KEYS] = choice % 9000;
		}
}

static uint64_t value_of(struct store_txn *view, const char *key, size_t length, size_t *ret_body)
{
	struct ddb_arena arena;
	struct store_value value;
	uint64_t number = 0;
	struct ddb_error err = {0};
	ddb_arena_init(&arena, 1 << 20);
	enum ddb_code code = store_get(view, &arena, key, length, true, &value, &err);
	if (!code) {
		memcpy(&number, value.head, sizeof number);
		*ret_body = value.body_length;
	} else if (code != DDB_RESOURCE_NOT_FOUND) {
		fail_msg("%s", err.message);
	}
	ddb_arena_done(&arena);
	return number;
}

/* That the store is in one whole state; which. */
static uint64_t check_state(struct store *store)
{
	struct store_txn *view;
	uint64_t values[KEYS];
	size_t bodies[KEYS], body = 0;
	assert_int_equal(storedir_verify(store)->count, 0);
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	uint64_t last = value_of(view, "last", 4, &body);
	state_at(last, values, bodies);
	for (unsigned i = 0; i < KEYS; i++) {
		char key[800];
		size_t length = key_of(i, key);
		assert_int_equal(value_of(view, key, length, &body), values[i]);
		if (values[i])
			assert_int_equal(body, bodies[i]);
	}
	store_view_end(view);
	return last;
}

static enum ddb_code try_change(struct store *store, uint64_t number, bool sync)
{
	pthread_mutex_lock(&recorder.lock);
	recorder.written = number;
	pthread_mutex_unlock(&recorder.lock);
	enum ddb_code code = store_write(store, change_job, &number, sync, NULL);
	if (!code && sync) {
		pthread_mutex_lock(&recorder.lock);
		recorder.synced = number;
		pthread_mutex_unlock(&recorder.lock);
	}
	return code;
}

static void change(struct store *store, uint64_t number, bool sync)
{
	assert_int_equal(try_change(store, number, sync), DDB_OK);
}

static struct store *open_in_boot(const char *path, const char *boot)
{
	static const struct store_options plain;
	struct store *store;
	struct ddb_error err = {0};
	if (store_open_in_boot(path, &plain, boot, &store, &err))
		fail_msg("store_open: %s", err.message);
	return store;
}

static uint64_t number_now(struct store *store)
{
	struct store_txn *view;
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	uint64_t number = store_txn_number(view);
	store_view_end(view);
	return number;
}

/* ---- Boots ---- */

static void test_boots(void **state)
{
	(void)state;
	struct store *store = open_in_boot(dir.store, "one");
	change(store, 1, true);
	change(store, 2, false);
	store_close(store);
	store = open_in_boot(dir.store, "two"); /* a clean end: all is there */
	assert_int_equal(check_state(store), 2);
	change(store, 3, true);
	change(store, 4, false);
	change(store, 5, false);
	uint64_t number = number_now(store);
	store_abandon(store);
	store = open_in_boot(dir.store, "two"); /* the process died: all is there */
	assert_int_equal(check_state(store), 5);
	assert_int_equal(number_now(store), number);
	change(store, 6, true);
	for (uint64_t i = 7; i < 12; i++)
		change(store, i, false);
	number = number_now(store);
	store_abandon(store);
	store = open_in_boot(dir.store, "three"); /* the machine died: what was synced is there */
	uint64_t last = check_state(store);
	assert_in_range(last, 6, 11);
	if (last < 11)
		assert_true(number_now(store) > number); /* no number comes twice */
	change(store, last + 1, false);
	store_abandon(store);
	store = open_in_boot(dir.store, "three");
	assert_int_equal(check_state(store), last + 1);
	store_abandon(store);
	store = open_in_boot(dir.store, ""); /* a boot that is not known equals none */
	last = check_state(store);
	store_abandon(store);
	store = open_in_boot(dir.store, "");
	assert_int_equal(check_state(store), last);
	store_close(store);
}

static void test_read_only(void **state)
{
	static const struct store_options reading = {.read_only = true};
	struct ddb_error err = {0};
	uint8_t before[10000], after[10000];
	(void)state;
	struct store *store = open_in_boot(dir.store, "one");
	change(store, 1, true);
	store_abandon(store);
	size_t length = storedir_read(dir.store, "anchor", before, sizeof before);
	assert_int_equal(store_open_in_boot(dir.store, &reading, "two", &store, &err), DDB_ACCESS_DENIED);
	assert_non_null(strstr(err.message, "must be opened for writing"));
	assert_int_equal(store_open_in_boot(dir.store, &reading, "one", &store, &err), DDB_OK);
	assert_int_equal(check_state(store), 1);
	store_close(store);
	assert_int_equal(storedir_read(dir.store, "anchor", after, sizeof after), length);
	assert_memory_equal(before, after, length);
	store = open_in_boot(dir.store, "two");
	assert_int_equal(check_state(store), 1);
	store_close(store);
	assert_int_equal(store_open_in_boot(dir.store, &reading, "three", &store, &err), DDB_OK);
	store_close(store);
}

/* ---- Power loss ---- */

/* Opens one disk. */
static void check_disk(const struct disk *disk)
{
	static const char *const names[] = {"format", "master.key", "owner"};
	assert_int_equal(mkdir(dir.other, 0700), 0);
	for (size_t i = 0; i < 3; i++) {
		char text[6000];
		size_t length = storedir_read(dir.store, names[i], text, sizeof text);
		storedir_write(dir.other, names[i], text, length);
	}
	storedir_write(dir.other, "data.mdb", disk->files[DATA].bytes, disk->files[DATA].size);
	storedir_write(dir.other, "anchor", disk->files[ANCHOR].bytes, disk->files[ANCHOR].size);
	struct store *store = open_in_boot(dir.other, "after");
	uint64_t last = check_state(store);
	assert_in_range(last, disk->synced, disk->written);
	for (uint64_t number = last + 1; number < last + 12; number++)
		change(store, number, number % 5 == 0);
	assert_int_equal(check_state(store), last + 11);
	store_abandon(store);
	store = open_in_boot(dir.other, "after");
	assert_int_equal(check_state(store), last + 11);
	store_close(store);
	storedir_remove_tree(dir.other);
}

static void lose_power(unsigned changes, unsigned random_failures)
{
	struct store *store = open_in_boot(dir.store, "before");
	record(dir.store);
	set_failure(&recorder.random_failures, random_failures, EIO);
	for (uint64_t number = 1; number <= changes; number++) {
		if (try_change(store, number, draw(12) == 0))
			assert_true(random_failures > 0); /* of the sync; the change itself stands */
		if (draw(40) == 0)
			usleep(60000); /* the store's own thread gets to it */
	}
	set_failure(&recorder.random_failures, 0, 0);
	assert_int_equal(store_sync(store, NULL), DDB_OK);
	pthread_mutex_lock(&recorder.lock);
	recorder.synced = changes;
	take_last_disk();
	recorder.on = false;
	pthread_mutex_unlock(&recorder.lock);
	store_abandon(store);
	assert_true(recorder.disk_count > 10);
	for (unsigned i = 0; i < recorder.disk_count; i++)
		check_disk(&recorder.disks[i]);
	assert_int_equal(recorder.disks[recorder.disk_count - 1].synced, changes);
}

static void test_power_loss(void **state)
{
	(void)state;
	lose_power(150, 0);
}

/* As before on a disk whose syncs fail now and then, each time losing what they were to write. */
static void test_power_loss_on_a_bad_disk(void **state)
{
	(void)state;
	lose_power(150, 4);
}

/* A slot of the anchor that was said to have failed may be on the disk all the same: its state must be kept,
 * too. */
static void test_power_loss_with_doubtful_anchor(void **state)
{
	(void)state;
	struct store *store = open_in_boot(dir.store, "before");
	for (uint64_t number = 1; number <= 20; number++)
		change(store, number, number % 7 == 0);
	record(dir.store);
	pthread_mutex_lock(&recorder.lock);
	recorder.next_disk = 0;
	recorder.fail_late = true;
	pthread_mutex_unlock(&recorder.lock);
	set_failure(&recorder.fail_sync[ANCHOR], 1000, EIO);
	for (uint64_t number = 21; number <= 60; number++)
		assert_true(try_change(store, number, number % 8 == 0) == DDB_OK || number % 8 == 0);
	pthread_mutex_lock(&recorder.lock);
	recorder.synced = 14;
	settle_pending(DATA, true); /* the kernel has written it back by itself */
	take_disk();
	recorder.on = false;
	pthread_mutex_unlock(&recorder.lock);
	store_abandon(store);
	check_disk(&recorder.disks[0]);
}

/* ---- Failures ---- */

static void test_failed_sync(void **state)
{
	struct store_status status;
	(void)state;
	struct store *store = open_in_boot(dir.store, "one");
	change(store, 1, true);
	record(dir.store);
	for (enum file file = DATA; file < FILES; file++) {
		set_failure(&recorder.fail_sync[file], 100, EIO);
		assert_int_equal(try_change(store, 2 + file, true), DDB_INTERNAL);
		assert_int_equal(check_state(store), 2 + file);
		store_status(store, &status);
		assert_int_equal(status.synced_commits, 1 + file);
		assert_int_equal(store_sync(store, NULL), DDB_INTERNAL);
		set_failure(&recorder.rewritten, 0, 0);
		set_failure(&recorder.fail_sync[file], 0, 0);
		assert_int_equal(store_sync(store, NULL), DDB_OK);
		if (file == DATA) /* all of it, since the kernel takes what it could not write for written */
			assert_true(recorder.rewritten > 5 * 4096);
		store_status(store, &status);
		assert_int_equal(status.synced_commits, 2 + file);
	}
	set_failure(&recorder.fail_write[ANCHOR], 100, ENOSPC);
	assert_int_equal(try_change(store, 4, true), DDB_STORE_FULL);
	set_failure(&recorder.fail_write[ANCHOR], 0, 0);
	change(store, 5, true);
	stop_recording();
	store_close(store);
	store = open_in_boot(dir.store, "two");
	assert_int_equal(check_state(store), 5);
	store_close(store);
}

/* The thread tries again by itself. */
static void test_failed_sync_heals(void **state)
{
	struct store_status status = {0};
	(void)state;
	struct store *store = open_in_boot(dir.store, "one");
	record(dir.store);
	set_failure(&recorder.fail_sync[DATA], 1, EIO);
	change(store, 1, false);
	for (unsigned i = 0; i < 12000 && status.synced_commits < 1; i++) {
		usleep(5000);
		store_status(store, &status);
	}
	assert_int_equal(status.synced_commits, 1);
	assert_int_equal(recorder.fail_sync[DATA], 0);
	store_close(store);
}

static void test_failed_pages(void **state)
{
	static const struct {
		int failure;
		enum ddb_code code;
	} cases[] = {{ENOSPC, DDB_STORE_FULL}, {EDQUOT, DDB_STORE_FULL}, {EFBIG, DDB_STORE_FULL},
		{EIO, DDB_INTERNAL}};
	uint64_t last = 1;
	(void)state;
	struct store *store = open_in_boot(dir.store, "one");
	change(store, 1, true);
	record(dir.store);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		set_failure(&recorder.fail_write[DATA], 1000, cases[i].failure);
		assert_int_equal(try_change(store, last + 1, false), cases[i].code);
		set_failure(&recorder.fail_write[DATA], 0, 0);
		assert_int_equal(check_state(store), last);
		/* A write that ends early, and then goes on: the disk has nothing to say against it. */
		set_failure(&recorder.fail_short, 1, 0);
		assert_int_equal(try_change(store, last + 1, false), DDB_INTERNAL);
		assert_int_equal(check_state(store), last);
		change(store, ++last, true);
		assert_int_equal(check_state(store), last);
	}
	stop_recording();
	store_close(store);
	store = open_in_boot(dir.store, "two");
	assert_int_equal(check_state(store), last);
	store_close(store);
}

/* After a meta page could not be written LMDB takes no more: the store opens it again, unseen. */
static void test_failed_meta(void **state)
{
	struct store_txn *view;
	size_t body;
	(void)state;
	struct store *store = open_in_boot(dir.store, "one");
	change(store, 1, true);
	record(dir.store);
	set_failure(&recorder.fail_meta, 1, EIO);
	assert_int_equal(try_change(store, 2, false), DDB_INTERNAL);
	assert_int_equal(check_state(store), 1);
	change(store, 2, false);
	assert_int_equal(check_state(store), 2);
	set_failure(&recorder.fail_meta, 1, EIO);
	assert_int_equal(try_change(store, 3, false), DDB_INTERNAL);
	assert_int_equal(store_sync(store, NULL), DDB_OK);

	/* Not while somebody reads. */
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	set_failure(&recorder.fail_meta, 1, EIO);
	assert_int_equal(try_change(store, 3, false), DDB_INTERNAL);
	assert_int_equal(try_change(store, 3, false), DDB_INTERNAL);
	assert_int_equal(value_of(view, "last", 4, &body), 2);
	store_view_end(view);
	change(store, 3, true);
	assert_int_equal(check_state(store), 3);

	/* Nor while the disk does not sync; a commit that found no room is told as that. */
	set_failure(&recorder.fail_meta, 1, ENOSPC);
	set_failure(&recorder.fail_sync[DATA], 4, ENOSPC);
	enum ddb_code code = try_change(store, 4, false);
	for (unsigned i = 0; i < 8 && code; i++)
		code = try_change(store, 4, false);
	assert_int_equal(code, DDB_OK);
	assert_int_equal(check_state(store), 4);
	stop_recording();
	store_abandon(store);
	store = open_in_boot(dir.store, "one");
	assert_int_equal(check_state(store), 4);
	store_close(store);
}

/* ---- The file ---- */

static void test_slots(void **state)
{
	struct store_anchor anchor;
	struct store_state at = {.txn = 0};
	uint8_t bytes[8192];
	struct ddb_error err = {0};
	(void)state;
	struct store *store = open_in_boot(dir.store, "one");
	change(store, 1, false);
	store_close(store);
	int directory = open(dir.store, O_RDONLY | O_DIRECTORY);
	int data = openat(directory, "data.mdb", O_RDWR);
	assert_true(directory >= 0 && data >= 0);
	assert_int_equal(store_anchor_open(directory, data, "two", false, &anchor, &err), DDB_OK);
	uint64_t sequence = anchor.sequence;
	for (uint64_t txn = 1; !at.txn && txn < 100; txn++)
		if (!store_state_capture(data, txn, &at, &err))
			assert_int_equal(at.txn, txn);
		else
			assert_int_equal(err.code, DDB_INTERNAL); /* another state than the file is in */
	assert_int_not_equal(at.txn, 0);
	for (unsigned i = 1; i <= 5; i++) {
		unsigned before = anchor.newest;
		assert_int_equal(store_anchor_write(&anchor, &at, &err), DDB_OK);
		assert_int_equal(anchor.newest, !before);
		assert_int_equal(anchor.sequence, sequence + i);
	}
	unsigned newest = anchor.newest;
	store_anchor_close(&anchor);
	/* Whatever byte of the newest slot is wrong, the one before counts. */
	storedir_read(dir.store, "anchor", bytes, sizeof bytes);
	for (size_t i = 0; i < 4096; i += i < 1200 ? 7 : 301) {
		bytes[newest * 4096 + i] ^= 4;
		storedir_write(dir.store, "anchor", bytes, sizeof bytes);
		assert_int_equal(store_anchor_open(directory, data, "two", false, &anchor, &err), DDB_OK);
		assert_int_equal(anchor.sequence, sequence + 4);
		assert_int_equal(anchor.newest, !newest);
		store_anchor_close(&anchor);
		bytes[newest * 4096 + i] ^= 4;
	}
	storedir_write(dir.store, "anchor", bytes, 4096 + 100); /* cut */
	assert_int_equal(store_anchor_open(directory, data, "two", false, &anchor, &err), DDB_OK);
	assert_int_equal(anchor.newest, 0);
	store_anchor_close(&anchor);
	memset(bytes, 'x', sizeof bytes);
	storedir_write(dir.store, "anchor", bytes, sizeof bytes);
	assert_int_equal(store_anchor_open(directory, data, "two", false, &anchor, &err), DDB_DAMAGED);
	memset(bytes, 0, sizeof bytes); /* made, and then nothing more */
	storedir_write(dir.store, "anchor", bytes, sizeof bytes);
	assert_int_equal(store_anchor_open(directory, data, "two", false, &anchor, &err), DDB_OK);
	assert_int_equal(anchor.sequence, 0);
	store_anchor_close(&anchor);
	close(data);
	close(directory);
}

static void test_short_file(void **state)
{
	uint8_t page[4096];
	char path[200];
	struct stat status;
	(void)state;
	struct store *store = open_in_boot(dir.store, "one");
	for (uint64_t i = 1; i < 30; i++)
		change(store, i, false);
	store_close(store);
	snprintf(path, sizeof path, "%s/data.mdb", dir.store);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(truncate(path, status.st_size - 4096), 0);
	int data = open(path, O_RDWR);
	assert_int_equal(store_state_extend(data, true, NULL), DDB_DAMAGED);
	assert_int_equal(store_state_extend(data, false, NULL), DDB_OK);
	assert_int_equal(fstat(data, &status), 0);
	off_t whole = status.st_size;
	assert_int_equal(pread(data, page, sizeof page, whole - 4096), 4096);
	assert_int_equal(store_state_extend(data, true, NULL), DDB_OK);
	/* One meta page is enough to tell, either of them. */
	for (off_t i = 0; i < 2; i++) {
		uint8_t kept[4096];
		assert_int_equal(pread(data, kept, sizeof kept, i * 4096), 4096);
		memset(page, 0, sizeof page);
		assert_int_equal(real_pwrite(data, page, sizeof page, i * 4096), 4096);
		assert_int_equal(store_state_extend(data, true, NULL), DDB_OK);
		assert_int_equal(real_pwrite(data, kept, sizeof kept, i * 4096), 4096);
	}
	assert_int_equal(ftruncate(data, 4096), 0);
	assert_int_equal(store_state_extend(data, true, NULL), DDB_DAMAGED);
	assert_int_equal(ftruncate(data, 100), 0);
	assert_int_equal(store_state_extend(data, false, NULL), DDB_DAMAGED);
	close(data);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_boots),
		CASE(test_read_only),
		CASE(test_power_loss),
		CASE(test_power_loss_on_a_bad_disk),
		CASE(test_power_loss_with_doubtful_anchor),
		CASE(test_failed_sync),
		CASE(test_failed_sync_heals),
		CASE(test_failed_pages),
		CASE(test_failed_meta),
		CASE(test_slots),
		CASE(test_short_file),
	};
	const char *chosen = getenv("DDB_TEST_SEED");
	seed = chosen ? strtoull(chosen, NULL, 0) : UINT64_C(0x2545f4914f6cdd1d);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
