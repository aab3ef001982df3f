/*
 * The check of everything in a store: each seal, pointer and key of both trees, and sub-spaces that nothing
 * leads to. It reads the trees entry by entry as they lie there, so that one bad entry hides no other. Memory
 * does not grow with the store. LMDB trusts its pages: what it asserts about them becomes a finding here, but
 * a page that leads it astray unseen can still do anything.
 */
#include "engine/store/fault.h"
#include "engine/store/inside.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	IDS_IN_MEMORY = 1 << 20, /* of sub-spaces, about, in one pass */
	LMDB_KEY_MAX = 511,
};

static const char doing[] = "the store cannot be checked";
static const char nothing_leads_here[] = "a record that no key leads to";

typedef void damaged_function(void *context, const uint8_t *key, size_t key_length, const char *what);

struct store_verify_guard {
	pthread_t thread;
	jmp_buf out;
	bool armed;
};

struct walk {
	struct store_txn *txn;
	struct store_verify_guard guard;
	damaged_function *damaged;
	void *context;
	uint64_t reached; /* entries of `long` */
	uint8_t key[STORE_LEVELS * STORE_CHUNK];
	bool lost; /* nothing leads here: there is no key to tell */
};

static void report(struct walk *walk, size_t length, const char *what)
{
	walk->damaged(walk->context, walk->lost ? NULL : walk->key, walk->lost ? 0 : length, what);
}

static void report_page(struct walk *walk, int rc)
{
	char text[160];
	snprintf(text, sizeof text, "a page of the store is damaged, its records are lost: %s",
		mdb_strerror(rc));
	walk->damaged(walk->context, NULL, 0, text);
}

/* ---- Going through a tree, past pages that cannot be read ---- */

struct position { /* an LMDB key */
	size_t length;
	uint8_t bytes[LMDB_KEY_MAX];
};

struct scan {
	struct walk *walk;
	MDB_dbi tree;
	MDB_cursor *cursor;   /* NULL: to be opened behind `last` */
	size_t prefix;        /* bytes that all entries share */
	struct position last; /* what was read; at first the prefix */
};

static void scan_init(struct scan *scan, struct walk *walk, MDB_dbi tree, const void *prefix, size_t length)
{
	scan->walk = walk;
	scan->tree = tree;
	scan->cursor = NULL;
	scan->prefix = length;
	scan->last.length = length;
	memcpy(scan->last.bytes, prefix, length);
}

/* Nothing is kept of LMDB while something else is walked. */
static void scan_pause(struct scan *scan)
{
	if (scan->cursor)
		mdb_cursor_close(scan->cursor);
	scan->cursor = NULL;
}

void store_verify_assertion(struct store_verify_guard *guard)
{
	if (guard && guard->armed && pthread_equal(guard->thread, pthread_self()))
		longjmp(guard->out, 1);
}

static int scan_move(struct scan *scan, MDB_val *key, MDB_val *value, MDB_cursor_op operation)
{
	struct store_verify_guard *guard = &scan->walk->guard;
	if (setjmp(guard->out)) {
		guard->armed = false;
		return MDB_CORRUPTED;
	}
	guard->armed = true;
	int rc = mdb_cursor_get(scan->cursor, key, value, operation);
	guard->armed = false;
	return rc;
}

/* To the first entry at `from` or behind it. */
static int scan_seek(struct scan *scan, const struct position *from, MDB_val *key, MDB_val *value)
{
	int rc = 0;
	if (!scan->cursor)
		rc = mdb_cursor_open(scan->walk->txn->mdb, scan->tree, &scan->cursor);
	if (rc)
		return rc;
	*key = (MDB_val){from->length, (void *)(uintptr_t)from->bytes};
	return scan_move(scan, key, value, from->length ? MDB_SET_RANGE : MDB_FIRST);
}

static int scan_step(struct scan *scan, MDB_val *key, MDB_val *value)
{
	if (scan->cursor)
		return scan_move(scan, key, value, MDB_NEXT);
	int rc = scan_seek(scan, &scan->last, key, value);
	if (!rc && key->mv_size == scan->last.length && !memcmp(key->mv_data, scan->last.bytes, key->mv_size))
		rc = scan_move(scan, key, value, MDB_NEXT);
	return rc;
}

/* LMDB gives up a transaction that has met a bad page: a view goes on with a new one. */
static int scan_renew(struct scan *scan)
{
	scan_pause(scan);
	if (scan->walk->txn->writes)
		return MDB_BAD_TXN;
	mdb_txn_reset(scan->walk->txn->mdb);
	return mdb_txn_renew(scan->walk->txn->mdb);
}

/* Steps over what cannot be read, farther each time: behind all keys that begin as the last one, less and
 * less of it. */
static int scan_resume(struct scan *scan, MDB_val *key, MDB_val *value)
{
	struct position next = scan->last;
	while (next.length > scan->prefix) {
		if (!++next.bytes[next.length - 1]) {
			next.length--;
			continue;
		}
		int rc = scan_renew(scan);
		if (rc)
			return rc;
		rc = scan_seek(scan, &next, key, value);
		if (!rc || rc == MDB_NOTFOUND)
			return rc;
		next.length--;
	}
	int rc = scan_renew(scan);
	return rc ? rc : MDB_NOTFOUND;
}

/* The next entry; MDB_NOTFOUND at the end. */
static int scan_next(struct scan *scan, MDB_val *key, MDB_val *value)
{
	int rc = scan_step(scan, key, value);
	if (rc && rc != MDB_NOTFOUND) {
		report_page(scan->walk, rc);
		rc = scan_resume(scan, key, value);
	}
	if (rc)
		return rc;
	if (key->mv_size < scan->prefix || memcmp(key->mv_data, scan->last.bytes, scan->prefix) != 0)
		return MDB_NOTFOUND;
	scan->last.length = key->mv_size < LMDB_KEY_MAX ? key->mv_size : LMDB_KEY_MAX;
	memcpy(scan->last.bytes, key->mv_data, scan->last.length);
	return 0;
}

/* ---- Records and the pointers between them ---- */

enum entry { ENTRY_BAD, ENTRY_RECORD, ENTRY_POINTER };

/* What is behind a sub-space's id in an LMDB key. */
static enum entry entry_kind(const MDB_val *key, size_t prefix, const uint8_t **ret, size_t *ret_length)
{
	if (key->mv_size <= prefix)
		return ENTRY_BAD;
	const uint8_t *bytes = (const uint8_t *)key->mv_data + prefix;
	size_t length = key->mv_size - prefix;
	*ret = bytes;
	*ret_length = length > STORE_CHUNK ? STORE_CHUNK : length;
	if (length < STORE_CHUNK)
		return ENTRY_RECORD;
	if (length != STORE_CHUNK + 1 || bytes[STORE_CHUNK] > STORE_MARK_MORE)
		return ENTRY_BAD;
	return bytes[STORE_CHUNK] == STORE_MARK_MORE ? ENTRY_POINTER : ENTRY_RECORD;
}

static void check_record(struct walk *walk, size_t length, const MDB_val *value)
{
	const struct store_keys *keys = walk->txn->store->keys;
	struct store_sealed sealed;
	if (walk->lost)
		report(walk, 0, nothing_leads_here);
	else if (length > STORE_KEY_MAX)
		report(walk, length, "record with a key that is too long");
	else if (!store_sealed_parse(value->mv_data, value->mv_size, &sealed) ||
		 !store_sealed_head(keys, walk->key, length, &sealed, NULL) ||
		 !store_sealed_body(keys, walk->key, length, &sealed, NULL))
		report(walk, length, "record damaged");
}

static enum ddb_code walk_space(struct walk *walk, unsigned level, const uint8_t id[STORE_ID_BYTES],
	size_t before, uint64_t *ret_entries, struct ddb_error *err);

static enum ddb_code walk_pointer(struct walk *walk, unsigned level, const uint8_t parent[STORE_ID_BYTES],
	size_t before, const MDB_val *value, struct ddb_error *err)
{
	uint8_t id[STORE_ID_BYTES];
	uint64_t entries = 0;
	size_t length = before + STORE_CHUNK;
	if (level + 1 == STORE_LEVELS ||
		!store_sealed_pointer(walk->txn->store->keys, parent, walk->key + before, STORE_CHUNK,
			value->mv_data, value->mv_size, id)) {
		report(walk, length, "pointer damaged: all longer keys that begin so are lost");
		return DDB_OK;
	}
	enum ddb_code code = walk_space(walk, level + 1, id, length, &entries, err);
	if (!code && !entries)
		report(walk, length, "pointer to nothing: all longer keys that begin so are lost");
	return code;
}

/* All entries of a sub-space; level 0 is the top, the tree `data`. */
static enum ddb_code walk_space(struct walk *walk, unsigned level, const uint8_t id[STORE_ID_BYTES],
	size_t before, uint64_t *ret_entries, struct ddb_error *err)
{
	const struct store_environment *environment = &walk->txn->store->environment;
	struct scan scan;
	MDB_val key, value;
	int rc;
	scan_init(
		&scan, walk, level ? environment->longs : environment->data, id, level ? STORE_ID_BYTES : 0);
	while (!(rc = scan_next(&scan, &key, &value))) {
		const uint8_t *part;
		size_t length = 0;
		if (!level && store_environment_is_name(&key))
			continue;
		enum entry kind = entry_kind(&key, scan.prefix, &part, &length);
		++*ret_entries;
		walk->reached += level > 0;
		if (length)
			memcpy(walk->key + before, part, length);
		if (kind == ENTRY_BAD)
			report(walk, before + length, "record with a key of an impossible length");
		if (kind == ENTRY_RECORD)
			check_record(walk, before + length, &value);
		if (kind != ENTRY_POINTER)
			continue;
		uint8_t pointer[STORE_POINTER_BYTES + 1]; /* its page is not to be kept */
		value.mv_size = value.mv_size < sizeof pointer ? value.mv_size : sizeof pointer;
		value.mv_data = memcpy(pointer, value.mv_data, value.mv_size);
		scan_pause(&scan);
		enum ddb_code code = walk_pointer(walk, level, id, before, &value, err);
		if (code)
			return code;
	}
	scan_pause(&scan);
	return rc == MDB_NOTFOUND ? DDB_OK : store_fault(err, rc, doing);
}

/* ---- Sub-spaces that nothing leads to ---- */

struct id_set {
	uint8_t (*ids)[STORE_ID_BYTES];
	size_t count, room;
	uint64_t pass, passes; /* those of one pass only: the rest is another's */
};

static bool set_covers(const struct id_set *set, const uint8_t id[STORE_ID_BYTES])
{
	uint64_t number;
	memcpy(&number, id, sizeof number);
	return number % set->passes == set->pass;
}

static bool set_add(struct id_set *set, const uint8_t id[STORE_ID_BYTES])
{
	if (!set_covers(set, id))
		return true;
	if (set->count == set->room) {
		size_t room = set->room ? 2 * set->room : 1024;
		void *ids = realloc(set->ids, room * sizeof *set->ids);
		if (!ids)
			return false;
		set->ids = ids;
		set->room = room;
	}
	memcpy(set->ids[set->count++], id, STORE_ID_BYTES);
	return true;
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, STORE_ID_BYTES);
}

static bool set_has(const struct id_set *set, const uint8_t id[STORE_ID_BYTES])
{
	return set->count && bsearch(id, set->ids, set->count, sizeof *set->ids, compare_ids);
}

/* A pointer is bound to its place only, so all of them can be found without following any. */
static enum ddb_code collect(
	struct walk *walk, MDB_dbi tree, size_t prefix, struct id_set *set, struct ddb_error *err)
{
	struct scan scan;
	MDB_val key, value;
	int rc;
	scan_init(&scan, walk, tree, "", 0);
	while (!(rc = scan_next(&scan, &key, &value))) {
		const uint8_t *part, *parent = prefix ? key.mv_data : store_keyspace_top;
		uint8_t id[STORE_ID_BYTES];
		size_t length;
		if (entry_kind(&key, prefix, &part, &length) == ENTRY_POINTER &&
			store_sealed_pointer(walk->txn->store->keys, parent, part, STORE_CHUNK, value.mv_data,
				value.mv_size, id) &&
			!set_add(set, id)) {
			scan_pause(&scan);
			return ddb_fail_memory(err);
		}
	}
	scan_pause(&scan);
	return rc == MDB_NOTFOUND ? DDB_OK : store_fault(err, rc, doing);
}

static enum ddb_code report_lost(struct walk *walk, const struct id_set *set, struct ddb_error *err)
{
	struct scan scan;
	MDB_val key, value;
	int rc;
	scan_init(&scan, walk, walk->txn->store->environment.longs, "", 0);
	while (!(rc = scan_next(&scan, &key, &value))) {
		uint8_t id[STORE_ID_BYTES];
		if (key.mv_size <= STORE_ID_BYTES) {
			if (!set->pass)
				report(walk, 0, "record with a key of an impossible length");
			continue;
		}
		memcpy(id, key.mv_data, STORE_ID_BYTES);
		scan_pause(&scan);
		uint64_t entries = 0;
		enum ddb_code code = DDB_OK;
		if (set_covers(set, id) && !set_has(set, id))
			code = walk_space(walk, 1, id, 0, &entries, err);
		if (code)
			return code;
		/* On behind this sub-space: no entry's key is its id and 503 times 0xff. */
		memset(scan.last.bytes + STORE_ID_BYTES, 0xff, LMDB_KEY_MAX - STORE_ID_BYTES);
		scan.last.length = LMDB_KEY_MAX;
	}
	scan_pause(&scan);
	return rc == MDB_NOTFOUND ? DDB_OK : store_fault(err, rc, doing);
}

static void ignore(void *context, const uint8_t *key, size_t key_length, const char *what)
{
	(void)context, (void)key, (void)key_length, (void)what;
}

static enum ddb_code search_lost(struct walk *walk, uint64_t entries, struct ddb_error *err)
{
	const struct store_environment *environment = &walk->txn->store->environment;
	struct id_set set = {.passes = entries / IDS_IN_MEMORY + 1};
	enum ddb_code code = DDB_OK;
	damaged_function *damaged = walk->damaged;
	walk->lost = true;
	for (; set.pass < set.passes && !code; set.pass++) {
		set.count = 0;
		walk->damaged = ignore; /* bad pages have been reported */
		code = collect(walk, environment->data, 0, &set, err);
		if (!code)
			code = collect(walk, environment->longs, STORE_ID_BYTES, &set, err);
		walk->damaged = damaged;
		if (code)
			break;
		if (set.count)
			qsort(set.ids, set.count, sizeof *set.ids, compare_ids);
		code = report_lost(walk, &set, err);
	}
	free(set.ids);
	return code;
}

static enum ddb_code walk_all(struct walk *walk, struct ddb_error *err)
{
	uint64_t entries = 0;
	MDB_stat longs;
	enum ddb_code code = walk_space(walk, 0, store_keyspace_top, 0, &entries, err);
	if (code)
		return code;
	int rc = mdb_stat(walk->txn->mdb, walk->txn->store->environment.longs, &longs);
	if (rc)
		return store_fault(err, rc, doing);
	return longs.ms_entries == walk->reached ? DDB_OK : search_lost(walk, longs.ms_entries, err);
}

enum ddb_code store_verify(
	struct store_txn *txn, damaged_function *damaged, void *context, struct ddb_error *err)
{
	struct store_environment *environment = &txn->store->environment;
	if (txn->store->branch)
		return ddb_fail(err, DDB_INTERNAL, "a view with changes of its own cannot be verified");
	struct walk *walk = calloc(1, sizeof *walk);
	if (!walk)
		return ddb_fail_memory(err);
	walk->txn = txn;
	walk->damaged = damaged;
	walk->context = context;
	walk->guard.thread = pthread_self();
	pthread_mutex_lock(&environment->verifying);
	environment->guard = &walk->guard;
	enum ddb_code code = walk_all(walk, err);
	environment->guard = NULL;
	pthread_mutex_unlock(&environment->verifying);
	free(walk);
	return code;
}
