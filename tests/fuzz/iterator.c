/*
 * Shard iterators, ARNs of streams and sequence numbers, as requests bring them. What is read is written the
 * same again; and an iterator that is made of the input is read, but not with a byte changed.
 */
#include "engine/wire/iterator.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { NOW = 1700000000 };

static void check_read(const char *text, size_t size, int64_t now)
{
	struct wire_iterator iterator;
	struct ddb_error err = {0};
	char again[WIRE_ITERATOR_MAX + 1];
	enum ddb_code code = wire_iterator_read(text, size, now, &iterator, &err);
	if (code) {
		FUZZ_CHECK(code == DDB_VALIDATION || code == DDB_EXPIRED_ITERATOR);
		fuzz_check_error(code, &err);
		return;
	}
	/* The region is passed over. */
	FUZZ_CHECK(size <= WIRE_ITERATOR_MAX && iterator.made_s + WIRE_ITERATOR_SECONDS >= now);
	wire_iterator_write(&iterator, "local", again);
	struct wire_iterator twin;
	FUZZ_CHECK(!wire_iterator_read(again, strlen(again), now, &twin, &err));
	FUZZ_CHECK(twin.after == iterator.after && twin.kept == iterator.kept &&
		   twin.made_s == iterator.made_s && !strcmp(twin.stream.table, iterator.stream.table) &&
		   !strcmp(twin.stream.label, iterator.stream.label));
}

static void check_arn(const char *text, size_t size)
{
	struct wire_stream_name name;
	char arn[DDB_STREAM_ARN_MAX];
	if (!wire_stream_arn_read(text, size, &name))
		return;
	FUZZ_CHECK(*name.table && *name.label && !strchr(name.table, '/'));
	ddb_stream_arn("local", name.table, name.label, arn);
	struct wire_stream_name twin;
	FUZZ_CHECK(wire_stream_arn_read(arn, strlen(arn), &twin));
	FUZZ_CHECK(!strcmp(twin.table, name.table) && !strcmp(twin.label, name.label));
}

static void check_sequence(const char *text, size_t size)
{
	uint64_t number, twin;
	char again[DDB_SEQUENCE_DIGITS + 1];
	if (!ddb_sequence_read(text, size, &number))
		return;
	ddb_sequence_write(number, again);
	FUZZ_CHECK(strlen(again) == DDB_SEQUENCE_DIGITS);
	FUZZ_CHECK(ddb_sequence_read(again, DDB_SEQUENCE_DIGITS, &twin) && twin == number);
	FUZZ_CHECK(size >= DDB_SEQUENCE_DIGITS &&
		   !memcmp(text + size - DDB_SEQUENCE_DIGITS, again, DDB_SEQUENCE_DIGITS));
}

static void check_made(const uint8_t *bytes, size_t size)
{
	struct wire_iterator made = {.made_s = NOW}, read;
	struct fuzz_dice dice;
	char text[WIRE_ITERATOR_MAX + 1];
	fuzz_dice_init(&dice, bytes, size);
	size_t table = 3 + fuzz_dice_below(&dice, DDB_TABLE_NAME_MAX - 2);
	memset(made.stream.table, (int)('a' + fuzz_dice_below(&dice, 26)), table);
	strcpy(made.stream.label, "2026-01-02T03:04:05.678");
	made.kept = fuzz_dice_below(&dice, 2);
	made.after = (uint64_t)fuzz_dice_below(&dice, 1 << 30) << fuzz_dice_below(&dice, 34);
	wire_iterator_write(&made, "local", text);
	size_t length = strlen(text);
	FUZZ_CHECK(!wire_iterator_read(text, length, NOW, &read, NULL));
	FUZZ_CHECK(read.after == made.after && read.kept == made.kept);
	FUZZ_CHECK(!wire_iterator_read(text, length, NOW + WIRE_ITERATOR_SECONDS, &read, NULL));
	FUZZ_CHECK(wire_iterator_read(text, length, NOW + WIRE_ITERATOR_SECONDS + 1, &read, NULL) ==
		   DDB_EXPIRED_ITERATOR);
	text[fuzz_dice_below(&dice, length)] ^= (char)(1 << fuzz_dice_below(&dice, 7));
	FUZZ_CHECK(wire_iterator_read(text, length, NOW, &read, NULL) == DDB_VALIDATION);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = (char *)fuzz_copy(bytes, size);
	check_read(text, size, NOW);
	check_arn(text, size);
	check_sequence(text, size);
	check_made(bytes, size);
	free(text);
	return 0;
}
