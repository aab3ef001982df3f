/*
 * For tests that need a store: a directory of their own that goes with them, and the shortest way to put and
 * get.
 */
#ifndef DDB_TEST_STOREDIR_H
#define DDB_TEST_STOREDIR_H

#include "engine/store/inside.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct storedir {
	char root[64];
	char store[80]; /* in root; not made yet */
	char other[80];
};

static inline void storedir_make(struct storedir *dir)
{
	snprintf(dir->root, sizeof dir->root, "%.40s/ddb-store-XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(dir->root));
	snprintf(dir->store, sizeof dir->store, "%s/store", dir->root);
	snprintf(dir->other, sizeof dir->other, "%s/other", dir->root);
}

static inline int storedir_remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	(void)status, (void)kind, (void)at;
	return remove(path);
}

static inline void storedir_remove_tree(const char *path)
{
	nftw(path, storedir_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static inline void storedir_done(struct storedir *dir)
{
	storedir_remove_tree(dir->root);
}

static inline void storedir_write(const char *directory, const char *name, const void *bytes, size_t length)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static inline size_t storedir_read(const char *directory, const char *name, void *ret, size_t size)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t length = read(fd, ret, size);
	close(fd);
	assert_true(length >= 0);
	return (size_t)length;
}

static inline bool storedir_has(const char *directory, const char *name)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return !access(path, F_OK);
}

static inline struct store *storedir_open(const char *path)
{
	struct store_options options = {0};
	struct store *store;
	struct ddb_error err = {0};
	if (store_open(path, &options, &store, &err))
		fail_msg("store_open: %s", err.message);
	return store;
}

/* One change of one key. */
struct storedir_change {
	const void *key;
	size_t key_length;
	const void *head, *body; /* head NULL: delete */
	size_t head_length, body_length;
	bool existed;
	uint64_t number;
};

static inline enum ddb_code storedir_change_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct storedir_change *change = context;
	change->number = store_txn_number(txn);
	if (!change->head)
		return store_delete(txn, change->key, change->key_length, &change->existed, err);
	return store_put(txn, change->key, change->key_length, change->head, change->head_length,
		change->body, change->body_length, err);
}

static inline enum ddb_code storedir_try_put(struct store *store, const char *key, const char *head,
	const void *body, size_t body_length, struct ddb_error *err)
{
	struct storedir_change change = {key, strlen(key), head, body, strlen(head), body_length, false, 0};
	return store_write(store, storedir_change_job, &change, false, err);
}

static inline void storedir_put(struct store *store, const char *key, const char *head, const char *body)
{
	struct ddb_error err = {0};
	if (storedir_try_put(store, key, head, body, strlen(body), &err))
		fail_msg("put: %s", err.message);
}

static inline bool storedir_delete(struct store *store, const char *key)
{
	struct ddb_error err = {0};
	struct storedir_change change = {key, strlen(key), NULL, NULL, 0, 0, false, 0};
	if (store_write(store, storedir_change_job, &change, false, &err))
		fail_msg("delete: %s", err.message);
	return change.existed;
}

/* Head and body as one text "head|body" in a static buffer; NULL when there is none. */
static inline const char *storedir_get_in(struct store_txn *txn, const char *key)
{
	static char text[4096];
	struct ddb_arena arena;
	struct store_value value;
	struct ddb_error err = {0};
	ddb_arena_init(&arena, 1 << 26);
	enum ddb_code code = store_get(txn, &arena, key, strlen(key), true, &value, &err);
	if (code == DDB_RESOURCE_NOT_FOUND) {
		ddb_arena_done(&arena);
		return NULL;
	}
	if (code)
		fail_msg("get %s: %s", key, err.message);
	snprintf(text, sizeof text, "%.*s|%.*s", (int)value.head_length, (const char *)value.head,
		(int)value.body_length, (const char *)value.body);
	ddb_arena_done(&arena);
	return text;
}

static inline const char *storedir_get(struct store *store, const char *key)
{
	struct store_txn *view;
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	const char *text = storedir_get_in(view, key);
	store_view_end(view);
	return text;
}

struct storedir_findings {
	unsigned count, keyless;
	char last[256];
	uint8_t key[STORE_KEY_MAX + 200];
	size_t key_length;
};

static inline void storedir_finding(void *context, const uint8_t *key, size_t length, const char *what)
{
	struct storedir_findings *findings = context;
	findings->count++;
	findings->keyless += !key;
	snprintf(findings->last, sizeof findings->last, "%s", what);
	findings->key_length = length;
	if (key)
		memcpy(findings->key, key, length);
}

static inline struct storedir_findings *storedir_verify(struct store *store)
{
	static struct storedir_findings findings;
	struct store_txn *view;
	struct ddb_error err = {0};
	memset(&findings, 0, sizeof findings);
	assert_int_equal(store_view(store, &view, NULL), DDB_OK);
	if (store_verify(view, storedir_finding, &findings, &err))
		fail_msg("verify: %s", err.message);
	store_view_end(view);
	return &findings;
}

#endif
