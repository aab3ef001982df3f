/*
 * Tokens of transactions that were committed: the same transaction again is known by its token for ten
 * minutes, also across restarts. A record is written in the transaction's own job:
 *
 *   'Y' hash of the token     version 1, digest 32, nanoseconds since the epoch 8
 *
 * The digest is a keyed hash of what the token stands for. Records that are over are removed by those that
 * come later, and by the keeper. Within the caller's transaction; any thread.
 */
#ifndef LOCAL_TOKEN_H
#define LOCAL_TOKEN_H

#include "engine/local/keys.h"
#include "engine/local/local_private.h"

enum {
	LOCAL_DIGEST_BYTES = 2 * STORE_HASH_BYTES,
	LOCAL_TOKEN_KEY_BYTES = 1 + STORE_HASH_BYTES,
	LOCAL_TOKEN_HEAD = 1 + LOCAL_DIGEST_BYTES + 8,
};

struct local_token {
	bool given;
	uint8_t key[LOCAL_TOKEN_KEY_BYTES];
	uint8_t digest[LOCAL_DIGEST_BYTES];
};

/* `text` NULL: none was given. DDB_VALIDATION for one that is too long or empty. */
DDB_MUST_CHECK enum ddb_code local_token_init(
	struct local_token *token, struct store *store, const char *text, struct ddb_error *err);
/* The digest begins as zeroes and takes in part after part. */
void local_token_add(struct local_token *token, struct store *store, const void *bytes, size_t length);

/* *ret_repeated: the same was committed less than ten minutes ago. DDB_IDEMPOTENT_MISMATCH: another was. */
DDB_MUST_CHECK enum ddb_code local_token_look(struct store_txn *txn, const struct local_token *token,
	int64_t now, bool *ret_repeated, struct ddb_error *err);
/* Also removes some that are over. */
DDB_MUST_CHECK enum ddb_code local_token_write(
	struct store_txn *txn, const struct local_token *token, int64_t now, struct ddb_error *err);

/* The time of a record, whose head must be one. DDB_DAMAGED. */
DDB_MUST_CHECK enum ddb_code local_token_time(
	const struct store_value *value, int64_t *ret, struct ddb_error *err);
bool local_tokens_any(struct local_engine *engine);
/* Removes all that are over, a few at a time. */
void local_tokens_sweep(struct local_engine *engine, int64_t now);

#endif
