/*
 * Seals and the master key's file: everything that is changed, cut, exchanged or moved must be noticed.
 */
#include "engine/store/masterkey.h"
#include "engine/store/seal.h"
#include "tests/unit/storedir.h"

static uint8_t master[STORE_SECRET_BYTES] = "a master key of just 32 bytes..";
static uint8_t sealed_key[STORE_SEALED_KEY_BYTES];
static struct store_keys *keys, *other_keys;

static int setup(void **state)
{
	uint8_t sealed[STORE_SEALED_KEY_BYTES];
	(void)state;
	if (store_seal_init(NULL) || store_keys_make(master, sealed_key, &keys, NULL))
		return -1;
	return store_keys_make(master, sealed, &other_keys, NULL) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	store_keys_free(keys);
	store_keys_free(other_keys);
	return 0;
}

enum { VALUE_MAX = 1024, KEY = 8 };
static const char key[KEY] = "Xitem/42";

static size_t seal_sample(size_t head_length, size_t body_length, uint8_t ret[VALUE_MAX])
{
	uint8_t head[STORE_HEAD_MAX], body[512];
	memset(head, 'h', sizeof head);
	memset(body, 'b', sizeof body);
	store_seal(keys, key, KEY, head, head_length, body, body_length, ret);
	return store_seal_size(head_length, body_length);
}

/* Whether the value's head (and body) open under a key. */
static bool opens(const struct store_keys *under, const void *name, size_t name_length, const uint8_t *value,
	size_t length, bool with_body)
{
	struct store_sealed sealed;
	uint8_t head[STORE_HEAD_MAX + 1], body[VALUE_MAX];
	if (!store_sealed_parse(value, length, &sealed) ||
		!store_sealed_head(under, name, name_length, &sealed, head))
		return false;
	assert_true(store_sealed_head(under, name, name_length, &sealed, NULL));
	return !with_body || store_sealed_body(under, name, name_length, &sealed, body);
}

static void test_round_trip(void **state)
{
	static const size_t heads[] = {0, 1, 17, STORE_HEAD_MAX}, bodies[] = {0, 1, 16, 17, 400};
	(void)state;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		for (size_t j = 0; j < sizeof bodies / sizeof *bodies; j++) {
			uint8_t value[VALUE_MAX], head[STORE_HEAD_MAX + 1] = {0}, body[512] = {0};
			struct store_sealed sealed;
			size_t length = seal_sample(heads[i], bodies[j], value);
			assert_true(store_sealed_parse(value, length, &sealed));
			assert_int_equal(sealed.head_length, heads[i]);
			assert_int_equal(sealed.body_length, bodies[j]);
			assert_true(store_sealed_head(keys, key, KEY, &sealed, head));
			assert_true(store_sealed_body(keys, key, KEY, &sealed, body));
			for (size_t k = 0; k < heads[i]; k++)
				assert_int_equal(head[k], 'h');
			for (size_t k = 0; k < bodies[j]; k++)
				assert_int_equal(body[k], 'b');
			assert_int_equal(head[heads[i]], 0);
			assert_false(opens(other_keys, key, KEY, value, length, false));
		}
}

static void test_flips(void **state)
{
	uint8_t value[VALUE_MAX];
	(void)state;
	size_t length = seal_sample(20, 60, value);
	size_t body_at = STORE_SEAL_PREFIX + 20 + STORE_TAG_BYTES;
	assert_true(opens(keys, key, KEY, value, length, true));
	for (size_t i = 0; i < length * 8; i++) {
		value[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(opens(keys, key, KEY, value, length, true));
		/* A head that is whole can be read whatever became of the body. */
		assert_int_equal(opens(keys, key, KEY, value, length, false), i / 8 >= body_at);
		value[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void test_cut_and_longer(void **state)
{
	uint8_t value[VALUE_MAX];
	(void)state;
	size_t length = seal_sample(20, 60, value);
	for (size_t i = 0; i < length; i++)
		assert_false(opens(keys, key, KEY, value, i, false));
	for (size_t i = 1; i < 40; i++)
		assert_false(opens(keys, key, KEY, value, length + i, false));
	length = seal_sample(20, 0, value);
	assert_false(opens(keys, key, KEY, value, length + 17, false));
}

static void test_moved(void **state)
{
	uint8_t value[VALUE_MAX];
	(void)state;
	size_t length = seal_sample(5, 60, value);
	assert_false(opens(keys, "Xitem/43", KEY, value, length, false));
	assert_false(opens(keys, key, KEY - 1, value, length, false));
	assert_false(opens(keys, "Xitem/42\0", KEY + 1, value, length, false));
}

static void test_exchanged(void **state)
{
	uint8_t one[VALUE_MAX], two[VALUE_MAX], mixed[VALUE_MAX];
	(void)state;
	size_t length = seal_sample(20, 60, one);
	assert_int_equal(seal_sample(20, 60, two), length);
	size_t body_at = STORE_SEAL_PREFIX + 20 + STORE_TAG_BYTES;
	memcpy(mixed, one, body_at); /* the head of one with the body of the other */
	memcpy(mixed + body_at, two + body_at, length - body_at);
	assert_true(opens(keys, key, KEY, mixed, length, false));
	assert_false(opens(keys, key, KEY, mixed, length, true));

	/* Head and body of the same length have the same shape, but cannot stand for each other. */
	length = seal_sample(30, 30, one);
	memcpy(mixed, one, STORE_SEAL_PREFIX);
	memcpy(mixed + STORE_SEAL_PREFIX, one + STORE_SEAL_PREFIX + 46, 46);
	memcpy(mixed + STORE_SEAL_PREFIX + 46, one + STORE_SEAL_PREFIX, 46);
	assert_false(opens(keys, key, KEY, mixed, length, false));
}

static void test_seals_differ(void **state)
{
	uint8_t one[VALUE_MAX], two[VALUE_MAX];
	(void)state;
	size_t length = seal_sample(20, 60, one);
	seal_sample(20, 60, two);
	assert_memory_not_equal(one + 3, two + 3, STORE_NONCE_BYTES);
	assert_memory_not_equal(one + STORE_SEAL_PREFIX, two + STORE_SEAL_PREFIX, length - STORE_SEAL_PREFIX);
}

static void test_pointers(void **state)
{
	static const uint8_t parent[STORE_ID_BYTES] = "parent", elsewhere[STORE_ID_BYTES] = "another";
	static const uint8_t id[STORE_ID_BYTES] = "subspac";
	uint8_t value[STORE_POINTER_BYTES], found[STORE_ID_BYTES];
	(void)state;
	store_seal_pointer(keys, parent, "chunk", 5, id, value);
	assert_true(store_sealed_pointer(keys, parent, "chunk", 5, value, sizeof value, found));
	assert_memory_equal(found, id, sizeof id);
	assert_false(store_sealed_pointer(keys, elsewhere, "chunk", 5, value, sizeof value, found));
	assert_false(store_sealed_pointer(keys, parent, "chunl", 5, value, sizeof value, found));
	assert_false(store_sealed_pointer(keys, parent, "chunk", 4, value, sizeof value, found));
	assert_false(store_sealed_pointer(other_keys, parent, "chunk", 5, value, sizeof value, found));
	assert_false(store_sealed_pointer(keys, parent, "chunk", 5, value, sizeof value - 1, found));
	for (size_t i = 0; i < sizeof value * 8; i++) {
		value[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(store_sealed_pointer(keys, parent, "chunk", 5, value, sizeof value, found));
		value[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void test_data_key(void **state)
{
	struct store_keys *again, *none = NULL;
	uint8_t wrong[STORE_SECRET_BYTES], one[STORE_HASH_BYTES], two[STORE_HASH_BYTES];
	struct ddb_error err = {0};
	(void)state;
	assert_int_equal(store_keys_open(master, sealed_key, &again, NULL), DDB_OK);
	store_keyed_hash(keys, "abc", 3, one);
	store_keyed_hash(again, "abc", 3, two);
	assert_memory_equal(one, two, sizeof one);
	store_keyed_hash(other_keys, "abc", 3, two);
	assert_memory_not_equal(one, two, sizeof one);
	store_keyed_hash(keys, "abd", 3, two);
	assert_memory_not_equal(one, two, sizeof one);
	store_keyed_hash(keys, "", 0, two);
	store_keys_free(again);

	memcpy(wrong, master, sizeof wrong);
	wrong[31] ^= 1;
	assert_int_equal(store_keys_open(wrong, sealed_key, &none, &err), DDB_ACCESS_DENIED);
	for (size_t i = 0; i < sizeof sealed_key; i++) {
		sealed_key[i] ^= 0x10;
		assert_int_equal(store_keys_open(master, sealed_key, &none, NULL), DDB_ACCESS_DENIED);
		sealed_key[i] ^= 0x10;
	}
	assert_null(none);
}

#define DIGITS "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static void test_master_key_file(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		bool good;
	} cases[] = {
		{DIGITS, 64, true},
		{DIGITS "\n", 65, true},
		{"\r\n \t" DIGITS " \n\n", 71, true},
		{"\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\31\32\33\34\35\36\37",
			32, true},
		{"", 0, false},
		{"\n", 1, false},
		{DIGITS, 63, false},
		{DIGITS "0", 65, false},
		{DIGITS "zz", 66, false},
		{"0x" DIGITS, 66, false},
		{"zz0102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F", 64, false},
		{"0001 2030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1Fa", 64, false},
		{"\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\31\32\33\34\35\36\37\n",
			33, false},
		{"0001020304050607", 16, false},
	};
	struct storedir dir;
	char path[200], large[5000];
	(void)state;
	storedir_make(&dir);
	snprintf(path, sizeof path, "%s/k", dir.root);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t read_key[STORE_SECRET_BYTES];
		struct ddb_error err = {0};
		storedir_write(dir.root, "k", cases[i].text, cases[i].length);
		enum ddb_code code = store_masterkey_read(AT_FDCWD, path, read_key, &err);
		assert_int_equal(code, cases[i].good ? DDB_OK : DDB_VALIDATION);
		for (size_t j = 0; j < sizeof read_key && cases[i].good; j++)
			assert_int_equal(read_key[j], j);
		if (!cases[i].good)
			assert_non_null(strstr(err.message, path));
	}
	uint8_t one[STORE_SECRET_BYTES], two[STORE_SECRET_BYTES];
	memset(large, ' ', sizeof large);
	memcpy(large, DIGITS, 64);
	storedir_write(dir.root, "k", large, sizeof large);
	assert_int_equal(store_masterkey_read(AT_FDCWD, path, one, NULL), DDB_VALIDATION);
	assert_int_equal(store_masterkey_read(AT_FDCWD, dir.other, one, NULL), DDB_ACCESS_DENIED);
	assert_int_equal(store_masterkey_read(AT_FDCWD, dir.root, one, NULL), DDB_ACCESS_DENIED);

	int directory = open(dir.root, O_RDONLY | O_DIRECTORY);
	struct stat status;
	assert_int_equal(store_masterkey_make(directory, STORE_MASTERKEY_NAME, one, NULL), DDB_OK);
	assert_int_equal(store_masterkey_read(directory, STORE_MASTERKEY_NAME, two, NULL), DDB_OK);
	assert_memory_equal(one, two, sizeof one);
	assert_int_equal(fstatat(directory, STORE_MASTERKEY_NAME, &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_size, 65);
	close(directory);
	storedir_done(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_cut_and_longer),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_exchanged),
		cmocka_unit_test(test_seals_differ),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_data_key),
		cmocka_unit_test(test_master_key_file),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
