/*
 * The cryptography of a store: sealed values, pointers that cannot be forged, keyed hashes, the sealed data
 * key. Knows nothing of LMDB or files. Stateless but for the keys, which live in locked memory; any thread.
 *
 * A sealed value: version (1) | head's length (2, LE) | nonce (24) | head + tag (16) | body + tag (16), the
 * last part absent when the body is empty. The head is bound to the whole key and the body's length, the body
 * to the key and the head's tag: no part can be changed, cut, exchanged or moved unseen. An older value of
 * the same key can be put back.
 */
#ifndef DDB_STORE_SEAL_H
#define DDB_STORE_SEAL_H

#include "engine/store/store.h"

enum {
	STORE_SECRET_BYTES = 32,
	STORE_NONCE_BYTES = 24,
	STORE_TAG_BYTES = 16,
	STORE_SEAL_PREFIX = 1 + 2 + STORE_NONCE_BYTES,
	STORE_ID_BYTES = 8,
	STORE_POINTER_BYTES = STORE_ID_BYTES + 16,
	STORE_SEALED_KEY_BYTES = STORE_NONCE_BYTES + STORE_SECRET_BYTES + STORE_TAG_BYTES,
};

struct store_keys; /* in secret memory */

/* Must come before anything else here. */
DDB_MUST_CHECK enum ddb_code store_seal_init(struct ddb_error *err);

/* A new random data key, sealed by the master key. */
DDB_MUST_CHECK enum ddb_code store_keys_make(const uint8_t master[STORE_SECRET_BYTES],
	uint8_t ret_sealed[STORE_SEALED_KEY_BYTES], struct store_keys **ret, struct ddb_error *err);
/* DDB_ACCESS_DENIED when the master key is another one. */
DDB_MUST_CHECK enum ddb_code store_keys_open(const uint8_t master[STORE_SECRET_BYTES],
	const uint8_t sealed[STORE_SEALED_KEY_BYTES], struct store_keys **ret, struct ddb_error *err);
void store_keys_free(struct store_keys *keys); /* wipes; NULL is fine */
/* Whether they stay out of the swap. */
bool store_keys_locked(const struct store_keys *keys);
/* Whether the data key was sealed by this master key. */
bool store_keys_fit(const uint8_t master[STORE_SECRET_BYTES], const uint8_t sealed[STORE_SEALED_KEY_BYTES]);
/* Seals the data key anew, by another master key. DDB_ACCESS_DENIED when `master` is not its own. */
DDB_MUST_CHECK enum ddb_code store_keys_reseal(const uint8_t master[STORE_SECRET_BYTES],
	const uint8_t sealed[STORE_SEALED_KEY_BYTES], const uint8_t new_master[STORE_SECRET_BYTES],
	uint8_t ret_sealed[STORE_SEALED_KEY_BYTES], struct ddb_error *err);

size_t store_seal_size(size_t head_length, size_t body_length);
/* `ret` has store_seal_size bytes. The key has at most STORE_KEY_MAX. */
void store_seal(const struct store_keys *keys, const void *key, size_t key_length, const void *head,
	size_t head_length, const void *body, size_t body_length, uint8_t *ret);

struct store_sealed { /* a value's parts; nothing is verified yet */
	const uint8_t *nonce, *head, *body;
	size_t head_length, body_length; /* without tags */
};
/* False when the bytes cannot be a sealed value. Looks at the prefix only. */
bool store_sealed_parse(const void *value, size_t length, struct store_sealed *ret);
/* False when the seal does not hold. `ret` has head_length (body_length) bytes; NULL: only verifies. */
bool store_sealed_head(const struct store_keys *keys, const void *key, size_t key_length,
	const struct store_sealed *sealed, uint8_t *ret);
bool store_sealed_body(const struct store_keys *keys, const void *key, size_t key_length,
	const struct store_sealed *sealed, uint8_t *ret);

/* A pointer leads from a chunk of key within the sub-space `parent` to the sub-space `id`. */
void store_seal_pointer(const struct store_keys *keys, const uint8_t parent[STORE_ID_BYTES],
	const void *chunk, size_t chunk_length, const uint8_t id[STORE_ID_BYTES],
	uint8_t ret[STORE_POINTER_BYTES]);
bool store_sealed_pointer(const struct store_keys *keys, const uint8_t parent[STORE_ID_BYTES],
	const void *chunk, size_t chunk_length, const void *value, size_t length,
	uint8_t ret_id[STORE_ID_BYTES]);

void store_keyed_hash(
	const struct store_keys *keys, const void *bytes, size_t length, uint8_t ret[STORE_HASH_BYTES]);

#endif
