/*
 * Seals: XChaCha20-Poly1305 with random nonces under a key that is derived from the data key, keyed BLAKE2b
 * for pointers and hashes. The body's nonce is the head's with one bit flipped; 192 random bits leave room
 * for that.
 */
#include "engine/store/seal.h"
#include "engine/store/secret.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
	SEAL_VERSION = 1,
	/* The domain, two numbers or a tag, and the key: what a part is bound to. */
	BOUND_MAX = 1 + STORE_TAG_BYTES + STORE_KEY_MAX,
};

struct store_keys {
	uint8_t seal[STORE_SECRET_BYTES];
	uint8_t pointer[STORE_SECRET_BYTES];
	uint8_t hash[STORE_SECRET_BYTES];
	bool locked;
};

static const char kdf_context[crypto_kdf_CONTEXTBYTES] = "dynamnt1";
static const char data_key_bound[] = "dynamount data key 1";

enum ddb_code store_seal_init(struct ddb_error *err)
{
	if (sodium_init() < 0)
		return ddb_fail(err, DDB_INTERNAL, "libsodium does not start");
	return DDB_OK;
}

/* Of what libsodium may leave on the stack: not all that copies a key there wipes it on every processor. */
static void wipe_stack(void)
{
	enum { USED = 16 << 10 };
	sodium_stackzero(USED);
}

static enum ddb_code keys_derive(
	const uint8_t data_key[STORE_SECRET_BYTES], struct store_keys **ret, struct ddb_error *err)
{
	bool locked;
	struct store_keys *keys = store_secret_new(sizeof *keys, &locked);
	if (!keys)
		return ddb_fail_memory(err);
	crypto_kdf_derive_from_key(keys->seal, sizeof keys->seal, 1, kdf_context, data_key);
	crypto_kdf_derive_from_key(keys->pointer, sizeof keys->pointer, 2, kdf_context, data_key);
	crypto_kdf_derive_from_key(keys->hash, sizeof keys->hash, 3, kdf_context, data_key);
	keys->locked = locked;
	sodium_mprotect_readonly(keys);
	*ret = keys;
	return DDB_OK;
}

static void data_key_seal(const uint8_t master[STORE_SECRET_BYTES],
	const uint8_t data_key[STORE_SECRET_BYTES], uint8_t ret[STORE_SEALED_KEY_BYTES])
{
	randombytes_buf(ret, STORE_NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(ret + STORE_NONCE_BYTES, NULL, data_key,
		STORE_SECRET_BYTES, (const uint8_t *)data_key_bound, sizeof data_key_bound, NULL, ret,
		master);
}

static bool data_key_open(
	const uint8_t master[STORE_SECRET_BYTES], const uint8_t sealed[STORE_SEALED_KEY_BYTES], uint8_t *ret)
{
	return !crypto_aead_xchacha20poly1305_ietf_decrypt(ret, NULL, NULL, sealed + STORE_NONCE_BYTES,
		STORE_SEALED_KEY_BYTES - STORE_NONCE_BYTES, (const uint8_t *)data_key_bound,
		sizeof data_key_bound, sealed, master);
}

enum ddb_code store_keys_make(const uint8_t master[STORE_SECRET_BYTES],
	uint8_t ret_sealed[STORE_SEALED_KEY_BYTES], struct store_keys **ret, struct ddb_error *err)
{
	STORE_SECRET_AUTO uint8_t *data_key = store_secret_new(STORE_SECRET_BYTES, NULL);
	if (!data_key)
		return ddb_fail_memory(err);
	randombytes_buf(data_key, STORE_SECRET_BYTES);
	enum ddb_code code = keys_derive(data_key, ret, err);
	if (!code)
		data_key_seal(master, data_key, ret_sealed);
	wipe_stack();
	return code;
}

enum ddb_code store_keys_open(const uint8_t master[STORE_SECRET_BYTES],
	const uint8_t sealed[STORE_SEALED_KEY_BYTES], struct store_keys **ret, struct ddb_error *err)
{
	STORE_SECRET_AUTO uint8_t *data_key = store_secret_new(STORE_SECRET_BYTES, NULL);
	if (!data_key)
		return ddb_fail_memory(err);
	if (!data_key_open(master, sealed, data_key))
		return ddb_fail(err, DDB_ACCESS_DENIED, "the master key is not this store's");
	enum ddb_code code = keys_derive(data_key, ret, err);
	wipe_stack();
	return code;
}

void store_keys_free(struct store_keys *keys)
{
	store_secret_free(keys);
}

bool store_keys_locked(const struct store_keys *keys)
{
	return keys->locked;
}

bool store_keys_fit(const uint8_t master[STORE_SECRET_BYTES], const uint8_t sealed[STORE_SEALED_KEY_BYTES])
{
	bool fits = data_key_open(master, sealed, NULL);
	wipe_stack();
	return fits;
}

enum ddb_code store_keys_reseal(const uint8_t master[STORE_SECRET_BYTES],
	const uint8_t sealed[STORE_SEALED_KEY_BYTES], const uint8_t new_master[STORE_SECRET_BYTES],
	uint8_t ret_sealed[STORE_SEALED_KEY_BYTES], struct ddb_error *err)
{
	STORE_SECRET_AUTO uint8_t *data_key = store_secret_new(STORE_SECRET_BYTES, NULL);
	if (!data_key)
		return ddb_fail_memory(err);
	if (!data_key_open(master, sealed, data_key))
		return ddb_fail(err, DDB_ACCESS_DENIED, "the master key is not this store's");
	data_key_seal(new_master, data_key, ret_sealed);
	wipe_stack();
	return DDB_OK;
}

size_t store_seal_size(size_t head_length, size_t body_length)
{
	size_t size = STORE_SEAL_PREFIX + head_length + STORE_TAG_BYTES;
	return body_length ? size + body_length + STORE_TAG_BYTES : size;
}

static size_t head_bound(uint8_t bound[BOUND_MAX], const void *key, size_t key_length, uint64_t body_length)
{
	assert(key_length <= STORE_KEY_MAX);
	bound[0] = 'H';
	for (unsigned i = 0; i < 8; i++)
		bound[1 + i] = (uint8_t)(body_length >> 8 * i);
	memcpy(bound + 9, key, key_length);
	return 9 + key_length;
}

static size_t body_bound(
	uint8_t bound[BOUND_MAX], const void *key, size_t key_length, const uint8_t *head_tag)
{
	assert(key_length <= STORE_KEY_MAX);
	bound[0] = 'B';
	memcpy(bound + 1, head_tag, STORE_TAG_BYTES);
	memcpy(bound + 1 + STORE_TAG_BYTES, key, key_length);
	return 1 + STORE_TAG_BYTES + key_length;
}

static void body_nonce(uint8_t ret[STORE_NONCE_BYTES], const uint8_t nonce[STORE_NONCE_BYTES])
{
	memcpy(ret, nonce, STORE_NONCE_BYTES);
	ret[STORE_NONCE_BYTES - 1] ^= 1;
}

void store_seal(const struct store_keys *keys, const void *key, size_t key_length, const void *head,
	size_t head_length, const void *body, size_t body_length, uint8_t *ret)
{
	assert(head_length <= STORE_HEAD_MAX);
	uint8_t bound[BOUND_MAX], nonce[STORE_NONCE_BYTES];
	uint8_t *sealed_head = ret + STORE_SEAL_PREFIX;
	uint8_t *tag = sealed_head + head_length;

	randombytes_buf(nonce, sizeof nonce);
	ret[0] = SEAL_VERSION;
	ret[1] = (uint8_t)head_length;
	ret[2] = (uint8_t)(head_length >> 8);
	memcpy(ret + 3, nonce, sizeof nonce);
	size_t bound_length = head_bound(bound, key, key_length, body_length);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		sealed_head, NULL, head, head_length, bound, bound_length, NULL, nonce, keys->seal);
	if (!body_length)
		return;
	body_nonce(nonce, ret + 3);
	bound_length = body_bound(bound, key, key_length, tag);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		tag + STORE_TAG_BYTES, NULL, body, body_length, bound, bound_length, NULL, nonce, keys->seal);
}

bool store_sealed_parse(const void *value, size_t length, struct store_sealed *ret)
{
	const uint8_t *bytes = value;
	if (length < STORE_SEAL_PREFIX + STORE_TAG_BYTES || bytes[0] != SEAL_VERSION)
		return false;
	size_t head_length = bytes[1] | (size_t)bytes[2] << 8;
	size_t rest = length - STORE_SEAL_PREFIX - STORE_TAG_BYTES;
	if (head_length > STORE_HEAD_MAX || head_length > rest)
		return false;
	rest -= head_length;
	if (rest && rest <= STORE_TAG_BYTES)
		return false;
	ret->nonce = bytes + 3;
	ret->head = bytes + STORE_SEAL_PREFIX;
	ret->head_length = head_length;
	ret->body = ret->head + head_length + STORE_TAG_BYTES;
	ret->body_length = rest ? rest - STORE_TAG_BYTES : 0;
	return true;
}

bool store_sealed_head(const struct store_keys *keys, const void *key, size_t key_length,
	const struct store_sealed *sealed, uint8_t *ret)
{
	uint8_t bound[BOUND_MAX];
	size_t bound_length = head_bound(bound, key, key_length, sealed->body_length);
	return !crypto_aead_xchacha20poly1305_ietf_decrypt_detached(ret, NULL, sealed->head,
		sealed->head_length, sealed->head + sealed->head_length, bound, bound_length, sealed->nonce,
		keys->seal);
}

bool store_sealed_body(const struct store_keys *keys, const void *key, size_t key_length,
	const struct store_sealed *sealed, uint8_t *ret)
{
	if (!sealed->body_length) /* the head's seal has said so */
		return true;
	uint8_t bound[BOUND_MAX], nonce[STORE_NONCE_BYTES];
	size_t bound_length = body_bound(bound, key, key_length, sealed->head + sealed->head_length);
	body_nonce(nonce, sealed->nonce);
	return !crypto_aead_xchacha20poly1305_ietf_decrypt_detached(ret, NULL, sealed->body,
		sealed->body_length, sealed->body + sealed->body_length, bound, bound_length, nonce,
		keys->seal);
}

static void pointer_tag(const struct store_keys *keys, const uint8_t parent[STORE_ID_BYTES],
	const void *chunk, size_t chunk_length, const uint8_t id[STORE_ID_BYTES],
	uint8_t ret[STORE_POINTER_BYTES - STORE_ID_BYTES])
{
	crypto_generichash_state state;
	crypto_generichash_init(
		&state, keys->pointer, sizeof keys->pointer, STORE_POINTER_BYTES - STORE_ID_BYTES);
	crypto_generichash_update(&state, parent, STORE_ID_BYTES);
	crypto_generichash_update(&state, id, STORE_ID_BYTES);
	crypto_generichash_update(&state, chunk, chunk_length);
	crypto_generichash_final(&state, ret, STORE_POINTER_BYTES - STORE_ID_BYTES);
}

void store_seal_pointer(const struct store_keys *keys, const uint8_t parent[STORE_ID_BYTES],
	const void *chunk, size_t chunk_length, const uint8_t id[STORE_ID_BYTES],
	uint8_t ret[STORE_POINTER_BYTES])
{
	memcpy(ret, id, STORE_ID_BYTES);
	pointer_tag(keys, parent, chunk, chunk_length, id, ret + STORE_ID_BYTES);
}

bool store_sealed_pointer(const struct store_keys *keys, const uint8_t parent[STORE_ID_BYTES],
	const void *chunk, size_t chunk_length, const void *value, size_t length,
	uint8_t ret_id[STORE_ID_BYTES])
{
	const uint8_t *bytes = value;
	uint8_t tag[STORE_POINTER_BYTES - STORE_ID_BYTES];
	if (length != STORE_POINTER_BYTES)
		return false;
	pointer_tag(keys, parent, chunk, chunk_length, bytes, tag);
	if (sodium_memcmp(tag, bytes + STORE_ID_BYTES, sizeof tag))
		return false;
	memcpy(ret_id, bytes, STORE_ID_BYTES);
	return true;
}

void store_keyed_hash(
	const struct store_keys *keys, const void *bytes, size_t length, uint8_t ret[STORE_HASH_BYTES])
{
	crypto_generichash(ret, STORE_HASH_BYTES, bytes, length, keys->hash, sizeof keys->hash);
}
