#include "engine/local/stream/keeper.h"

#include "engine/local/stream/stream.h"
#include <string.h>

enum {
	ROUND_SECONDS = 60,
	STEP_RECORDS = 256, /* of one transaction, so that no writer waits for long */
	STEP_ARENA_MAX = 4 << 20,
	FOUND_MAX = 256, /* streams with something to be removed, of one walk */
};

/* ---- Who watches ---- */

void local_watch_streams(struct ddb_engine *base, void (*stirred)(void *context), void *context)
{
	struct local_streams *streams = &local_of(base)->streams;
	pthread_rwlock_wrlock(&streams->watching);
	streams->stirred = stirred;
	streams->context = context;
	pthread_rwlock_unlock(&streams->watching);
}

void local_streams_stir(struct local_engine *engine)
{
	struct local_streams *streams = &engine->streams;
	pthread_rwlock_rdlock(&streams->watching);
	if (streams->stirred)
		streams->stirred(streams->context);
	pthread_rwlock_unlock(&streams->watching);
}

/* ---- What is too old ---- */

/* A stream of which something is to be removed. */
struct stale_stream {
	uint32_t space;
	bool over; /* all of it */
};

struct search {
	struct local_engine *engine;
	struct store_txn *view;
	int64_t now;
	uint32_t behind; /* looks at spaces above this one */
	unsigned count;
	struct stale_stream found[FOUND_MAX];
};

/* The oldest record. */
static enum ddb_code first_record(struct store_cursor *cursor, struct ddb_arena *arena, uint32_t space,
	uint64_t *ret_number, struct local_stream_head *ret, bool *ret_found, struct ddb_error *err)
{
	uint8_t prefix[LOCAL_SPACE_BYTES];
	const uint8_t *key;
	size_t length;
	struct store_value value;
	local_space_key(LOCAL_STREAM_RECORD, space, prefix);
	enum ddb_code code = store_cursor_seek(cursor, prefix, sizeof prefix, ret_found, err);
	if (code || !*ret_found)
		return code;
	store_cursor_key(cursor, &key, &length);
	*ret_found = length == LOCAL_STREAM_KEY_BYTES && memcmp(key, prefix, sizeof prefix) == 0;
	if (!*ret_found)
		return DDB_OK;
	*ret_number = local_read_be(key + LOCAL_SPACE_BYTES, 8);
	code = store_cursor_value(cursor, arena, false, &value, err);
	return code ? code : local_stream_head_decode(&value, ret, err);
}

static bool too_old(const struct local_stream_head *head, int64_t now)
{
	return head->time_ns < now - LOCAL_STREAM_KEPT_NS;
}

static enum ddb_code look_at(const struct local_stream_note *note, void *context, struct ddb_error *err)
{
	struct search *search = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct local_stream_head head;
	struct store_cursor *cursor;
	uint64_t number;
	bool found;
	if (search->count == FOUND_MAX || note->space <= search->behind)
		return DDB_OK;
	bool over = local_stream_over(note, search->now);
	if (over) {
		search->found[search->count++] = (struct stale_stream){.space = note->space, .over = true};
		return DDB_OK;
	}
	ddb_arena_init(&arena, STEP_ARENA_MAX);
	enum ddb_code code = store_cursor_open(search->view, &cursor, err);
	if (code)
		return code;
	code = first_record(cursor, &arena, note->space, &number, &head, &found, err);
	store_cursor_close(cursor);
	if (!code && found && too_old(&head, search->now))
		search->found[search->count++] = (struct stale_stream){.space = note->space};
	return code == DDB_DAMAGED ? DDB_OK : code; /* the others are still to be looked at */
}

static enum ddb_code find_stale(struct search *search)
{
	search->count = 0;
	search->now = local_clock(search->engine);
	enum ddb_code code = store_view(search->engine->store, &search->view, NULL);
	if (code)
		return code;
	code = local_stream_notes(search->view, look_at, search, NULL);
	store_view_end(search->view);
	return code;
}

struct trimming {
	uint32_t space;
	int64_t now;
	bool more;
};

static enum ddb_code trim_record(struct store_cursor *cursor, struct store_txn *txn,
	const struct trimming *trimming, struct local_stream_note *note, bool *ret_more,
	struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct local_stream_head head;
	uint8_t key[LOCAL_STREAM_KEY_BYTES];
	uint64_t number;
	ddb_arena_init(&arena, STEP_ARENA_MAX);
	enum ddb_code code = first_record(cursor, &arena, trimming->space, &number, &head, ret_more, err);
	if (code || !*ret_more)
		return code;
	*ret_more = too_old(&head, trimming->now);
	if (!*ret_more)
		return DDB_OK;
	local_stream_key(trimming->space, number, key);
	note->trimmed = number;
	return store_delete(txn, key, sizeof key, NULL, err);
}

static enum ddb_code trim_some(struct store_txn *txn, struct trimming *trimming,
	struct local_stream_note *note, struct ddb_error *err)
{
	struct store_cursor *cursor;
	uint64_t before = note->trimmed;
	enum ddb_code code = store_cursor_open(txn, &cursor, err);
	if (code)
		return code;
	trimming->more = true;
	for (unsigned i = 0; !code && trimming->more && i < STEP_RECORDS; i++)
		code = trim_record(cursor, txn, trimming, note, &trimming->more, err);
	store_cursor_close(cursor);
	return code || note->trimmed == before ? code : local_stream_note_write(txn, note, err);
}

static enum ddb_code trim_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct trimming *trimming = context;
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct local_stream_note note;
	bool found;
	trimming->more = false;
	ddb_arena_init(&arena, STEP_ARENA_MAX);
	enum ddb_code code = local_stream_note_read(txn, &arena, trimming->space, &note, &found, err);
	return code || !found ? code : trim_some(txn, trimming, &note, err);
}

/* The note goes, and the records are purged as a table's are. */
static enum ddb_code end_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	const uint32_t *space = context;
	uint8_t key[LOCAL_SPACE_BYTES];
	bool existed;
	local_space_key(LOCAL_STREAM, *space, key);
	enum ddb_code code = store_delete(txn, key, sizeof key, &existed, err);
	return code || !existed ? code : local_tombstone_write(txn, *space, err);
}

static bool remove_stale(struct local_engine *engine, const struct stale_stream *stale, int64_t now)
{
	struct trimming trimming = {.space = stale->space, .now = now, .more = true};
	uint32_t space = stale->space;
	if (stale->over) {
		if (local_write(engine, end_job, &space, NULL))
			return false;
		local_purge(engine, UINT32_MAX);
		return true;
	}
	while (trimming.more && !local_worker_stopping(&engine->streams.worker))
		if (local_write(engine, trim_job, &trimming, NULL))
			return false;
	return true;
}

bool local_streams_tend(struct local_engine *engine)
{
	struct search search = {.engine = engine, .count = FOUND_MAX};
	bool sound = true;
	while (search.count == FOUND_MAX) {
		if (find_stale(&search))
			return false;
		for (unsigned i = 0; i < search.count && !local_worker_stopping(&engine->streams.worker);
			i++) {
			search.behind = search.found[i].space;
			sound &= remove_stale(engine, &search.found[i], search.now);
		}
		if (local_worker_stopping(&engine->streams.worker))
			return sound;
	}
	return sound;
}

/* ---- The thread ---- */

static void work(struct local_engine *engine)
{
	do
		(void)local_streams_tend(engine); /* what failed is tried again in the next round */
	while (local_worker_rest(
		&engine->streams.worker, local_ticks() + (int64_t)ROUND_SECONDS * LOCAL_TICKS_SECOND));
}

void local_streams_init(struct local_engine *engine)
{
	local_worker_init(&engine->streams.worker, engine, work);
	pthread_rwlock_init(&engine->streams.watching, NULL);
}

void local_streams_done(struct local_engine *engine)
{
	local_worker_done(&engine->streams.worker);
	pthread_rwlock_destroy(&engine->streams.watching);
}

static enum ddb_code note_exists(const struct local_stream_note *note, void *context, struct ddb_error *err)
{
	(void)note, (void)err;
	*(bool *)context = true;
	return DDB_OK;
}

void local_streams_begin(struct local_engine *engine)
{
	struct store_txn *view;
	bool any = false;
	if (engine->read_only || store_view(engine->store, &view, NULL))
		return;
	if (local_stream_notes(view, note_exists, &any, NULL) || any)
		local_worker_wake(&engine->streams.worker);
	store_view_end(view);
}
