/*
 * The records of tokens. See token.h. Keys are hashes, so that whoever writes a token meets others at random:
 * by looking at the next few, each writer keeps the share of those that are over small, and no order of time
 * is needed.
 */
#include "engine/local/txn/token.h"

#include <string.h>

enum {
	TOKEN_VERSION = 1,
	LOOKED_AT = 4,    /* records behind one's own: a fourth at most of all records is over */
	SWEPT_MAX = 1000, /* removed in one transaction */
};

enum ddb_code local_token_init(
	struct local_token *token, struct store *store, const char *text, struct ddb_error *err)
{
	*token = (struct local_token){.given = text != NULL};
	if (!text)
		return DDB_OK;
	size_t length = strlen(text);
	if (length == 0 || length > DDB_TOKEN_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"1 validation error detected: Value '%s' at 'clientRequestToken' failed to satisfy "
			"constraint: Member must have length %s",
			text, length ? "less than or equal to 36" : "greater than or equal to 1");
	token->key[0] = LOCAL_TOKEN;
	store_hash(store, text, length, token->key + 1);
	return DDB_OK;
}

/* Each half is a hash of the half before, a part's own hash and the half's number. */
void local_token_add(struct local_token *token, struct store *store, const void *bytes, size_t length)
{
	uint8_t chain[LOCAL_DIGEST_BYTES + STORE_HASH_BYTES + 8 + 1];
	memcpy(chain, token->digest, LOCAL_DIGEST_BYTES);
	store_hash(store, bytes, length, chain + LOCAL_DIGEST_BYTES);
	local_write_le(chain + LOCAL_DIGEST_BYTES + STORE_HASH_BYTES, length, 8);
	for (uint8_t half = 0; half < 2; half++) {
		chain[sizeof chain - 1] = half;
		store_hash(store, chain, sizeof chain, token->digest + half * STORE_HASH_BYTES);
	}
}

enum ddb_code local_token_time(const struct store_value *value, int64_t *ret, struct ddb_error *err)
{
	if (value->head_length != LOCAL_TOKEN_HEAD || value->head[0] != TOKEN_VERSION ||
		value->body_length != 0)
		return local_damaged(err, "a token");
	*ret = (int64_t)local_read_le(value->head + 1 + LOCAL_DIGEST_BYTES, 8);
	return DDB_OK;
}

/* A clock that was set back makes no token older. */
static bool is_over(int64_t time_ns, int64_t now)
{
	return now - time_ns >= (int64_t)DDB_TOKEN_SECONDS * 1000000000;
}

enum ddb_code local_token_look(struct store_txn *txn, const struct local_token *token, int64_t now,
	bool *ret_repeated, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct store_value value;
	bool found;
	int64_t time_ns = 0;
	*ret_repeated = false;
	if (!token->given)
		return DDB_OK;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	enum ddb_code code = local_get(txn, &arena, token->key, sizeof token->key, true, &value, &found, err);
	if (!code && found)
		code = local_token_time(&value, &time_ns, err);
	if (code || !found || is_over(time_ns, now))
		return code;
	*ret_repeated = memcmp(value.head + 1, token->digest, sizeof token->digest) == 0;
	if (*ret_repeated)
		return DDB_OK;
	return ddb_fail(err, DDB_IDEMPOTENT_MISMATCH,
		"The request uses the same client token as a previous, but non-identical request. Do not "
		"reuse a client token with different requests, unless the requests are identical");
}

/* ---- Those that are over ---- */

struct over {
	int64_t now;
	uint8_t place[LOCAL_TOKEN_KEY_BYTES + 1]; /* the first key to be looked at */
	size_t place_length;
	unsigned look, limit; /* records to be looked at, and to be listed */
	unsigned count;
	uint8_t (*keys)[LOCAL_TOKEN_KEY_BYTES];
	bool more; /* there are records behind */
};

static enum ddb_code look_at(
	struct store_cursor *cursor, struct over *over, struct ddb_arena *arena, struct ddb_error *err)
{
	const uint8_t *key;
	size_t length;
	struct store_value value;
	int64_t time_ns;
	store_cursor_key(cursor, &key, &length);
	over->more = key[0] == LOCAL_TOKEN;
	if (!over->more || length != LOCAL_TOKEN_KEY_BYTES)
		return DDB_OK;
	memcpy(over->place, key, length);
	over->place[length] = 0;
	over->place_length = length + 1;
	ddb_arena_reset(arena);
	enum ddb_code code = store_cursor_value(cursor, arena, true, &value, err);
	if (!code)
		code = local_token_time(&value, &time_ns, err);
	if (code == DDB_DAMAGED) /* check's to tell and to remove */
		return DDB_OK;
	if (!code && is_over(time_ns, over->now))
		memcpy(over->keys[over->count++], key, length);
	return code;
}

static enum ddb_code list_over(struct store_txn *txn, struct over *over, struct ddb_error *err)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct store_cursor *cursor;
	bool found = false;
	enum ddb_code code = store_cursor_open(txn, &cursor, err);
	if (code)
		return code;
	ddb_arena_init(&arena, LOCAL_ARENA_MAX);
	over->count = 0;
	over->more = true;
	code = store_cursor_seek(cursor, over->place, over->place_length, &found, err);
	for (unsigned i = 0; !code && found && over->more && i < over->look && over->count < over->limit;
		i++) {
		code = look_at(cursor, over, &arena, err);
		if (!code && over->more)
			code = store_cursor_next(cursor, &found, err);
	}
	over->more = over->more && found;
	store_cursor_close(cursor);
	return code;
}

static enum ddb_code remove_over(struct store_txn *txn, const struct over *over, struct ddb_error *err)
{
	enum ddb_code code = DDB_OK;
	for (unsigned i = 0; !code && i < over->count; i++)
		code = store_delete(txn, over->keys[i], LOCAL_TOKEN_KEY_BYTES, NULL, err);
	return code;
}

enum ddb_code local_token_write(
	struct store_txn *txn, const struct local_token *token, int64_t now, struct ddb_error *err)
{
	uint8_t head[LOCAL_TOKEN_HEAD] = {TOKEN_VERSION};
	uint8_t keys[LOOKED_AT][LOCAL_TOKEN_KEY_BYTES];
	struct over over = {.now = now, .look = LOOKED_AT, .limit = LOOKED_AT, .keys = keys};
	if (!token->given)
		return DDB_OK;
	memcpy(over.place, token->key, sizeof token->key);
	over.place_length = sizeof token->key + 1; /* a zero byte is behind it */
	enum ddb_code code = list_over(txn, &over, err);
	if (!code)
		code = remove_over(txn, &over, err);
	memcpy(head + 1, token->digest, LOCAL_DIGEST_BYTES);
	local_write_le(head + 1 + LOCAL_DIGEST_BYTES, (uint64_t)now, 8);
	if (!code)
		code = store_put(txn, token->key, sizeof token->key, head, sizeof head, NULL, 0, err);
	return code;
}

/* ---- All of them ---- */

/* Looks again: one of them may just have been written anew. */
static enum ddb_code sweep_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct over over = *(const struct over *)context;
	enum ddb_code code = list_over(txn, &over, err);
	return code ? code : remove_over(txn, &over, err);
}

static enum ddb_code sweep_some(struct local_engine *engine, struct over *over, struct ddb_error *err)
{
	struct over begin = *over;
	struct store_txn *view;
	enum ddb_code code = store_view(engine->store, &view, err);
	if (code)
		return code;
	code = list_over(view, over, err);
	store_view_end(view);
	return code || over->count == 0 ? code : local_write(engine, sweep_job, &begin, err);
}

void local_tokens_sweep(struct local_engine *engine, int64_t now)
{
	uint8_t keys[SWEPT_MAX][LOCAL_TOKEN_KEY_BYTES];
	struct over over = {.now = now,
		.place = {LOCAL_TOKEN},
		.place_length = 1,
		.look = SWEPT_MAX,
		.limit = SWEPT_MAX,
		.keys = keys,
		.more = true};
	while (over.more && !sweep_some(engine, &over, NULL))
		;
}

bool local_tokens_any(struct local_engine *engine)
{
	static const uint8_t first[1] = {LOCAL_TOKEN};
	struct store_txn *view;
	struct store_cursor *cursor;
	bool found = false;
	if (store_view(engine->store, &view, NULL))
		return false;
	if (!store_cursor_open(view, &cursor, NULL)) {
		if (store_cursor_seek(cursor, first, sizeof first, &found, NULL))
			found = false;
		const uint8_t *key;
		size_t length;
		if (found)
			store_cursor_key(cursor, &key, &length);
		found = found && key[0] == LOCAL_TOKEN;
		store_cursor_close(cursor);
	}
	store_view_end(view);
	return found;
}
