/*
 * Looks for a store's keys in the memory of a process, its own too: as a core dump would have it, and in all
 * of it. What is looked for is kept masked, so that it is not found where it is kept.
 */
#ifndef DDB_TEST_KEYSCAN_H
#define DDB_TEST_KEYSCAN_H

#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	KEYSCAN_KEY = 32,
	KEYSCAN_SEALED = 24 + KEYSCAN_KEY + 16,
	KEYSCAN_MAX = 100, /* bytes of one form of a key */
	KEYSCAN_CHUNK = 1 << 20,
	KEYSCAN_MASK = 0x5c,
	KEYSCAN_SECRETS = 128,
};

struct keyscan_secret {
	const char *name;
	size_t length;
	uint8_t masked[KEYSCAN_MAX];
	unsigned found;
};

struct keyscan {
	unsigned count;
	struct keyscan_secret secrets[KEYSCAN_SECRETS];
};

static inline void keyscan_add(struct keyscan *scan, const char *name, const void *bytes, size_t length)
{
	struct keyscan_secret *secret = &scan->secrets[scan->count++];
	if (scan->count > KEYSCAN_SECRETS || length > KEYSCAN_MAX)
		abort();
	secret->name = name;
	secret->length = length;
	secret->found = 0;
	for (size_t i = 0; i < length; i++)
		secret->masked[i] = ((const uint8_t *)bytes)[i] ^ KEYSCAN_MASK;
}

/* As bytes, as hexadecimal digits of both cases, and in base64. */
static inline void keyscan_add_forms(struct keyscan *scan, const char *name, const uint8_t key[KEYSCAN_KEY])
{
	char *text = sodium_malloc(KEYSCAN_MAX);
	keyscan_add(scan, name, key, KEYSCAN_KEY);
	sodium_bin2hex(text, KEYSCAN_MAX, key, KEYSCAN_KEY);
	keyscan_add(scan, name, text, 2 * KEYSCAN_KEY);
	for (size_t i = 0; i < 2 * KEYSCAN_KEY; i++)
		text[i] = (char)(text[i] >= 'a' ? text[i] - 'a' + 'A' : text[i]);
	keyscan_add(scan, name, text, 2 * KEYSCAN_KEY);
	sodium_bin2base64(text, KEYSCAN_MAX, key, KEYSCAN_KEY, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	keyscan_add(scan, name, text, strlen(text));
	sodium_free(text);
}

/* The master key, the data key that it has sealed, and what is derived from that. False: it has not. */
static inline bool keyscan_add_keys(
	struct keyscan *scan, const uint8_t master[KEYSCAN_KEY], const uint8_t sealed[KEYSCAN_SEALED])
{
	static const char *const names[] = {"key of values", "key of pointers", "key of hashes"};
	static const char bound[] = "dynamount data key 1", context[crypto_kdf_CONTEXTBYTES] = "dynamnt1";
	uint8_t *key = sodium_malloc(KEYSCAN_KEY), *derived = sodium_malloc(KEYSCAN_KEY);
	bool opened = !crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL, sealed + 24,
		KEYSCAN_SEALED - 24, (const uint8_t *)bound, sizeof bound, sealed, master);
	keyscan_add_forms(scan, "master key", master);
	if (opened)
		keyscan_add_forms(scan, "data key", key);
	for (unsigned i = 0; opened && i < sizeof names / sizeof *names; i++) {
		crypto_kdf_derive_from_key(derived, KEYSCAN_KEY, i + 1, context, key);
		keyscan_add_forms(scan, names[i], derived);
	}
	sodium_free(key);
	sodium_free(derived);
	sodium_stackzero(32 << 10);
	return opened;
}

/* 64 hexadecimal digits in a file. */
static inline bool keyscan_read_master(const char *path, uint8_t *ret)
{
	char *text = sodium_malloc(2 * KEYSCAN_KEY);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	bool read_all = file >= 0 && read(file, text, 2 * KEYSCAN_KEY) == 2 * KEYSCAN_KEY &&
			!sodium_hex2bin(ret, KEYSCAN_KEY, text, 2 * KEYSCAN_KEY, NULL, NULL, NULL);
	if (file >= 0)
		close(file);
	sodium_free(text);
	return read_all;
}

static inline void keyscan_bytes(struct keyscan *scan, const uint8_t *bytes, size_t length)
{
	for (unsigned i = 0; i < scan->count; i++) {
		struct keyscan_secret *secret = &scan->secrets[i];
		const uint8_t *at = bytes, *end = bytes + length;
		while ((at = memchr(at, secret->masked[0] ^ KEYSCAN_MASK, (size_t)(end - at)))) {
			size_t same = 0;
			while (same < secret->length && at + same < end &&
				at[same] == (secret->masked[same] ^ KEYSCAN_MASK))
				same++;
			secret->found += same == secret->length;
			at++;
		}
	}
}

static inline void keyscan_region(
	struct keyscan *scan, int memory, uint64_t from, uint64_t to, uint8_t *buffer)
{
	while (from < to) {
		uint64_t length = to - from < KEYSCAN_CHUNK ? to - from : KEYSCAN_CHUNK;
		ssize_t done = pread(memory, buffer, length, (off_t)from);
		if (done <= 0)
			return;
		keyscan_bytes(scan, buffer, (size_t)done);
		sodium_memzero(buffer, (size_t)done);
		if (from + (uint64_t)done >= to || done <= KEYSCAN_MAX)
			return;
		from += (uint64_t)done - KEYSCAN_MAX; /* one may lie across the end */
	}
}

/*
 * All that the process can read but files that are only mapped; `as_dumped`: without what it has excluded
 * from core dumps. False: its memory cannot be read.
 */
static inline bool keyscan_process(struct keyscan *scan, const char *pid, bool as_dumped)
{
	char path[64], line[512], perms[8] = "";
	unsigned long from = 0, to = 0, inode = 0;
	snprintf(path, sizeof path, "/proc/%s/mem", pid);
	int memory = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%s/smaps", pid);
	FILE *maps = fopen(path, "re");
	uint8_t *buffer = malloc(KEYSCAN_CHUNK);
	for (unsigned i = 0; i < scan->count; i++)
		scan->secrets[i].found = 0;
	while (memory >= 0 && maps && buffer && fgets(line, sizeof line, maps)) {
		unsigned long first, end, number;
		if (sscanf(line, "%lx-%lx %7s %*s %*s %lu", &first, &end, perms, &number) == 4) {
			from = first;
			to = end;
			inode = number;
			continue;
		}
		bool taken = perms[0] == 'r' && (!inode || (perms[1] == 'w' && perms[3] == 'p'));
		if (!strncmp(line, "VmFlags:", 8) && taken && !(as_dumped && strstr(line, " dd")))
			keyscan_region(scan, memory, from, to, buffer);
	}
	bool done = memory >= 0 && maps && buffer;
	free(buffer);
	if (maps)
		fclose(maps);
	if (memory >= 0)
		close(memory);
	return done;
}

static inline bool keyscan_file(struct keyscan *scan, const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *buffer = malloc(KEYSCAN_CHUNK);
	off_t size = file < 0 ? -1 : lseek(file, 0, SEEK_END);
	for (unsigned i = 0; i < scan->count; i++)
		scan->secrets[i].found = 0;
	if (size > 0 && buffer)
		keyscan_region(scan, file, 0, (uint64_t)size, buffer);
	free(buffer);
	if (file >= 0)
		close(file);
	return size >= 0;
}

/* What was found by name, or NULL. */
static inline const char *keyscan_found(const struct keyscan *scan)
{
	for (unsigned i = 0; i < scan->count; i++)
		if (scan->secrets[i].found)
			return scan->secrets[i].name;
	return NULL;
}

#endif
