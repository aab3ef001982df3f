/*
 * The anchor and the data file's meta pages. The first byte says how the rest is used: as the anchor's bytes,
 * with or without a checksum that holds, or as the data file's. Only a slot whose checksum holds may change
 * the data file, and only to what the slot says.
 */
#include "engine/store/anchor.h"
#include "tests/fuzz/fuzz.h"
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOT = 4096, PAGE = 4096, SUM = 32, DATA = 4 * PAGE };
enum { SUM_FIRST = 1, SUM_SECOND = 2, READ_ONLY = 4, AS_DATA = 8, SAME_BOOT = 16, REAL_SLOT = 32 };

static const char boot[STORE_BOOT_ID_MAX] = "3c1fa7a6-0b43-4f17-a0ab-7ba3fbd00b00";
static const char other_boot[STORE_BOOT_ID_MAX] = "7d2eb8b7-1c54-4a28-b1bc-8cb4acd11c11";

/* A meta page as LMDB 0.9 writes it on this machine. */
static void put_meta(uint8_t page[PAGE], uint64_t number, uint64_t txn)
{
	static const uint32_t magic = 0xBEEFC0DE, version = 1, page_bytes = PAGE;
	const uint16_t meta_flag = 8;
	const uint64_t last_page = 3, map_bytes = DATA;
	memset(page, 0, PAGE);
	memcpy(page, &number, 8);
	memcpy(page + 10, &meta_flag, 2);
	memcpy(page + 16, &magic, 4);
	memcpy(page + 20, &version, 4);
	memcpy(page + 32, &map_bytes, 8);
	memcpy(page + 40, &page_bytes, 4);
	memcpy(page + 16 + 24 + 2 * 48, &last_page, 8);
	memcpy(page + 16 + 24 + 2 * 48 + 8, &txn, 8);
}

static void make_data(uint8_t ret[DATA])
{
	memset(ret, 'd', DATA);
	put_meta(ret, 0, 6);
	put_meta(ret + PAGE, 1, 7);
}

static bool sum_holds(const uint8_t *slot)
{
	uint8_t sum[SUM];
	crypto_generichash(sum, SUM, slot, SLOT - SUM, NULL, 0);
	return !memcmp(sum, slot + SLOT - SUM, SUM);
}

/* Two slots out of the input, over a real one or zeros. */
static void make_anchor(uint8_t ret[2 * SLOT], unsigned flags, const uint8_t *bytes, size_t size)
{
	memset(ret, 0, 2 * SLOT);
	if (flags & REAL_SLOT) {
		struct store_state state;
		struct store_anchor anchor;
		uint8_t data[DATA];
		make_data(data);
		int fd = fuzz_file("data", data, DATA);
		unlinkat(fuzz_directory_fd(), STORE_ANCHOR_NAME, 0);
		FUZZ_CHECK(!store_anchor_make(
			fuzz_directory_fd(), flags & SAME_BOOT ? boot : other_boot, &anchor, NULL));
		FUZZ_CHECK(!store_state_capture(fd, 7, &state, NULL));
		FUZZ_CHECK(!store_anchor_write(&anchor, &state, NULL));
		FUZZ_CHECK(!store_anchor_write(&anchor, &state, NULL));
		FUZZ_CHECK(pread(anchor.file, ret, 2 * SLOT, 0) == 2 * SLOT);
		store_anchor_close(&anchor);
		close(fd);
	}
	/* The input: a place (2 bytes) and a length (1), then bytes, and again. */
	for (size_t at = 0; at + 3 < size;) {
		size_t place = (bytes[at] | (size_t)bytes[at + 1] << 8) % (2 * SLOT), length = bytes[at + 2];
		at += 3;
		if (length > size - at)
			length = size - at;
		if (length > 2 * SLOT - place)
			length = 2 * SLOT - place;
		memcpy(ret + place, bytes + at, length);
		at += length;
	}
	for (int i = 0; i < 2; i++)
		if (flags & (i ? SUM_SECOND : SUM_FIRST))
			crypto_generichash(
				ret + (i + 1) * SLOT - SUM, SUM, ret + i * SLOT, SLOT - SUM, NULL, 0);
}

static void check_anchor(unsigned flags, const uint8_t *bytes, size_t size)
{
	uint8_t data[DATA], now[DATA], slots[2 * SLOT];
	struct store_anchor anchor;
	struct ddb_error err = {0};
	make_anchor(slots, flags, bytes, size);
	/* A file that was cut, too. */
	size_t length = size && bytes[0] > 0xf0 ? (size_t)bytes[0] * 32 : sizeof slots;
	if (length > sizeof slots)
		length = sizeof slots;
	make_data(data);
	int fd = fuzz_file("data", data, DATA);
	close(fuzz_file(STORE_ANCHOR_NAME, slots, length));
	bool read_only = flags & READ_ONLY;
	enum ddb_code code = store_anchor_open(fuzz_directory_fd(), fd, boot, read_only, &anchor, &err);
	if (code)
		fuzz_check_error(code, &err);
	else
		store_anchor_close(&anchor);
	struct stat st;
	FUZZ_CHECK(!fstat(fd, &st) && pread(fd, now, DATA, 0) == DATA);
	bool changed = st.st_size != DATA || memcmp(data, now, DATA) != 0;
	bool trusted =
		(length >= SLOT && sum_holds(slots)) || (length >= 2 * SLOT && sum_holds(slots + SLOT));
	FUZZ_CHECK(!changed || (trusted && !read_only && !code));
	/* Bytes that are not all zero are an anchor or damage. */
	if (!trusted && !sodium_is_zero(slots, length))
		FUZZ_CHECK(code == DDB_DAMAGED);
	if (changed) {
		/* It is the slot's state, and LMDB will find it. */
		FUZZ_CHECK(!memcmp(now + 2 * PAGE, data + 2 * PAGE, DATA - 2 * PAGE) || st.st_size != DATA);
		FUZZ_CHECK(!store_state_extend(fd, true, &err) || err.code == DDB_DAMAGED);
	}
	close(fd);
}

/* Meta pages of any bytes: judged without reading beyond them, and read-only nothing is written. */
static void check_data(unsigned flags, const uint8_t *bytes, size_t size)
{
	struct store_state state;
	struct ddb_error err = {0};
	struct stat before, after;
	uint8_t data[DATA];
	make_data(data);
	if (!(flags & REAL_SLOT))
		memset(data, 0, DATA);
	for (size_t at = 0; at + 2 < size;) {
		size_t place = bytes[at] | (bytes[at] & 128 ? (size_t)PAGE : 0), length = bytes[at + 1] % 16;
		at += 2;
		if (length > size - at)
			length = size - at;
		memcpy(data + place, bytes + at, length);
		at += length;
	}
	int fd = fuzz_file("data", data, flags & SUM_FIRST ? DATA : PAGE + 600);
	FUZZ_CHECK(!fstat(fd, &before));
	enum ddb_code code = store_state_capture(fd, 7, &state, &err);
	if (code)
		fuzz_check_error(code, &err);
	else
		FUZZ_CHECK(state.txn == 7 && !state.clean && state.page_bytes >= 512);
	code = store_state_extend(fd, true, &err);
	FUZZ_CHECK(!fstat(fd, &after) && before.st_size == after.st_size);
	if (code)
		FUZZ_CHECK(code == DDB_DAMAGED);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	FUZZ_CHECK(sodium_init() >= 0);
	if (!size)
		return 0;
	if (bytes[0] & AS_DATA)
		check_data(bytes[0], bytes + 1, size - 1);
	else
		check_anchor(bytes[0], bytes + 1, size - 1);
	return 0;
}
