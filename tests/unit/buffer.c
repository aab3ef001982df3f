/*
 * What everything else stands on: buffers, arenas, error messages.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/base64.h"
#include "engine/utf8.h"
#include "engine/arena.h"
#include "engine/buffer.h"
#include "engine/error.h"
#include "engine/value.h"
#include <string.h>
#include <strings.h>

static void test_buffer_grows(void **state)
{
	(void)state;
	DDB_BUFFER_AUTO struct ddb_buffer buffer;
	ddb_buffer_init(&buffer, 1 << 20);
	for (int i = 0; i < 10000; i++)
		ddb_buffer_add_byte(&buffer, (char)i);
	ddb_buffer_add_string(&buffer, "tail");
	ddb_buffer_add(&buffer, NULL, 0);
	assert_false(buffer.failed);
	assert_int_equal(buffer.length, 10004);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buffer.bytes[i], (char)i);
	assert_memory_equal(buffer.bytes + 10000, "tail", 4);
	char *room = ddb_buffer_reserve(&buffer, 100);
	assert_ptr_equal(room, buffer.bytes + buffer.length);
	assert_int_equal(buffer.length, 10004);
}

static void test_buffer_shrinks(void **state)
{
	(void)state;
	DDB_BUFFER_AUTO struct ddb_buffer buffer;
	ddb_buffer_init(&buffer, 1000);
	ddb_buffer_shrink(&buffer);
	ddb_buffer_add(&buffer, "head", 4);
	assert_non_null(ddb_buffer_reserve(&buffer, 900));
	ddb_buffer_shrink(&buffer);
	assert_int_equal(buffer.capacity, 4);
	assert_memory_equal(buffer.bytes, "head", 4);
	ddb_buffer_add_byte(&buffer, '!');
	assert_memory_equal(buffer.bytes, "head!", 5);
	ddb_buffer_clear(&buffer);
	ddb_buffer_shrink(&buffer);
	assert_int_equal(buffer.capacity, 0);
	assert_non_null(ddb_buffer_reserve(&buffer, 1000));
	assert_null(ddb_buffer_reserve(&buffer, 1001));
	ddb_buffer_shrink(&buffer);
	assert_true(buffer.failed);
}

static void test_buffer_formats(void **state)
{
	(void)state;
	DDB_BUFFER_AUTO struct ddb_buffer buffer;
	ddb_buffer_init(&buffer, 4096);
	ddb_buffer_add_format(&buffer, "%s-%d", "a", 5);
	assert_memory_equal(buffer.bytes, "a-5", 3);
	ddb_buffer_add_format(&buffer, "%2000d", 7);
	assert_int_equal(buffer.length, 2003);
	assert_int_equal(buffer.bytes[2002], '7');
	ddb_buffer_add_format(&buffer, "%4000d", 7);
	assert_true(buffer.failed);
}

static void test_buffer_maximum(void **state)
{
	(void)state;
	DDB_BUFFER_AUTO struct ddb_buffer buffer;
	ddb_buffer_init(&buffer, 10);
	ddb_buffer_add(&buffer, "0123456789", 10);
	assert_false(buffer.failed);
	assert_int_equal(buffer.length, 10);
	ddb_buffer_add_byte(&buffer, 'x');
	assert_true(buffer.failed);
	assert_int_equal(buffer.length, 10);

	ddb_buffer_clear(&buffer);
	assert_false(buffer.failed);
	ddb_buffer_add(&buffer, "abc", 3);
	ddb_buffer_add(&buffer, "01234567", 8);
	assert_true(buffer.failed);
	/* Though there would be room. */
	ddb_buffer_add_byte(&buffer, 'x');
	ddb_buffer_add(&buffer, "x", 1);
	ddb_buffer_add_format(&buffer, "x");
	assert_null(ddb_buffer_reserve(&buffer, 1));
	assert_int_equal(buffer.length, 3);

	ddb_buffer_clear(&buffer);
	ddb_buffer_add(&buffer, "0123456789", 10);
	assert_false(buffer.failed);
	assert_memory_equal(buffer.bytes, "0123456789", 10);

	DDB_BUFFER_AUTO struct ddb_buffer none;
	ddb_buffer_init(&none, 0);
	assert_non_null(ddb_buffer_reserve(&none, 0));
	ddb_buffer_add_byte(&none, 'x');
	assert_true(none.failed);
	assert_int_equal(none.length, 0);
}

static void test_buffer_counts(void **state)
{
	(void)state;
	DDB_BUFFER_AUTO struct ddb_buffer buffer;
	ddb_buffer_init_counting(&buffer);
	ddb_buffer_add_byte(&buffer, 'x');
	ddb_buffer_add(&buffer, "abc", 3);
	ddb_buffer_add_string(&buffer, "de");
	ddb_buffer_add_format(&buffer, "%1000d", 1);
	assert_int_equal(buffer.length, 1006);
	assert_null(buffer.bytes);
	assert_false(buffer.failed);
}

static void test_arena_allocates(void **state)
{
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 64 << 20);
	unsigned char *blocks[3000];
	for (size_t i = 0; i < 3000; i++) {
		size_t size = i % 100 == 99 ? 20000 : i % 300;
		blocks[i] = ddb_arena_alloc(&arena, size);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		memset(blocks[i], (int)(i & 0xff), size);
	}
	for (size_t i = 0; i < 3000; i++) {
		size_t size = i % 100 == 99 ? 20000 : i % 300;
		for (size_t j = 0; j < size; j++)
			assert_int_equal(blocks[i][j], i & 0xff);
	}
	assert_true(arena.taken < 3000 * 300 + 30 * 20000 + (2 << 20));
	char *copy = ddb_arena_copy(&arena, "a\0b", 3);
	assert_memory_equal(copy, "a\0b\0", 4);
	assert_string_equal(ddb_arena_copy(&arena, NULL, 0), "");
}

static void test_arena_maximum(void **state)
{
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 100000);
	size_t got = 0;
	while (ddb_arena_alloc(&arena, 1000))
		got += 1000;
	assert_true(got > 80000 && got <= 100000);
	assert_true(arena.taken <= 100000);
	/* What is left may still serve something smaller; nothing ever goes over. */
	for (int i = 0; i < 1000; i++)
		(void)!ddb_arena_alloc(&arena, 16);
	assert_true(arena.taken <= 100000);

	volatile size_t huge = SIZE_MAX; /* not for the compiler to see through */
	assert_null(ddb_arena_alloc(&arena, huge));
	assert_null(ddb_arena_alloc(&arena, huge - 10));
	assert_null(ddb_arena_array(&arena, huge / 2, 16));
	assert_null(ddb_arena_copy(&arena, "", huge));

	struct ddb_arena none;
	ddb_arena_init(&none, 0);
	assert_null(ddb_arena_alloc(&none, 1));
	ddb_arena_done(&none);
}

static void test_arena_reset(void **state)
{
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 10 << 20);
	for (int i = 0; i < 1000; i++)
		assert_non_null(ddb_arena_alloc(&arena, 4000));
	ddb_arena_reset(&arena);
	assert_true(arena.taken <= 16384);
	size_t taken = arena.taken;
	assert_non_null(ddb_arena_alloc(&arena, 4000));
	assert_int_equal(arena.taken, taken);
	for (int i = 0; i < 100; i++) {
		ddb_arena_reset(&arena);
		assert_non_null(ddb_arena_alloc(&arena, 9 << 20));
	}
}

static void test_arena_grows(void **state)
{
	(void)state;
	DDB_ARENA_AUTO struct ddb_arena arena;
	ddb_arena_init(&arena, 10 << 20);
	char *bytes = ddb_arena_grow(&arena, NULL, 0, 100);
	memset(bytes, 'a', 100);
	assert_ptr_equal(ddb_arena_grow(&arena, bytes, 100, 5000), bytes);
	char *other = ddb_arena_alloc(&arena, 1);
	*other = 'o';
	char *moved = ddb_arena_grow(&arena, bytes, 5000, 6000);
	assert_ptr_not_equal(moved, bytes);
	for (int i = 0; i < 100; i++)
		assert_int_equal(moved[i], 'a');
	assert_int_equal(*other, 'o');
	/* The newest one can give back its end. */
	assert_ptr_equal(ddb_arena_grow(&arena, moved, 6000, 16), moved);
	assert_ptr_equal(ddb_arena_alloc(&arena, 1), moved + 16);
	/* Another cannot, but may be cut. */
	assert_ptr_equal(ddb_arena_grow(&arena, moved, 16, 8), moved);
	char *large = ddb_arena_grow(&arena, moved, 16, 1 << 20);
	assert_int_equal(large[0], 'a');
	assert_null(ddb_arena_grow(&arena, large, 1 << 20, 20 << 20));
}

static void test_error_table(void **state)
{
	(void)state;
	for (int code = 0; code < DDB_CODES; code++) {
		const struct ddb_error_row *row = ddb_error_row((enum ddb_code)code);
		assert_non_null(row->name);
		assert_int_equal(row->http_status, code == DDB_OK                  ? 200
						   : strstr(row->name, "Internal") ? 500
						   : strstr(row->name, "TooLarge") ? 413
										   : 400);
		if (code)
			assert_true(row->space[strlen(row->space) - 1] == '#' &&
				    !strcasecmp(row->message, "message"));
		assert_int_equal(*row->name == '\0', code == DDB_OK);
	}
	assert_string_equal(ddb_error_row(DDB_ITEM_TOO_LARGE)->name, "ValidationException");
	assert_string_equal(ddb_error_row(DDB_DAMAGED)->name, "InternalServerError");
}

static void test_error_messages(void **state)
{
	(void)state;
	struct ddb_error err = {0};
	assert_int_equal(ddb_fail(NULL, DDB_INTERNAL, "%d", 1), DDB_INTERNAL);
	assert_int_equal(ddb_fail(&err, DDB_VALIDATION, "bad %s", "key"), DDB_VALIDATION);
	assert_int_equal(err.code, DDB_VALIDATION);
	assert_string_equal(err.message, "bad key");
	ddb_fail(&err, DDB_INTERNAL, "very %s", err.message);
	assert_string_equal(err.message, "very bad key");
	ddb_fail(&err, DDB_INTERNAL, "%s",
		"a\xff\xc3\xa9\xc3"
		"b\xed\xa0\x80");
	assert_string_equal(err.message, "a?\xc3\xa9?b???");
	assert_int_equal(ddb_fail_memory(&err), DDB_NO_MEMORY);
	assert_int_equal(ddb_fail_memory(NULL), DDB_NO_MEMORY);
}

/* Wherever the cut falls in a character of two, three or four bytes, only whole ones stay. */
static void test_error_cut(void **state)
{
	static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	(void)state;
	for (size_t c = 0; c < 3; c++) {
		for (size_t lead = 0; lead < 4; lead++) {
			char text[3000] = "xxxx";
			text[lead] = '\0';
			while (strlen(text) < 2000)
				strcat(text, characters[c]);
			struct ddb_error err;
			ddb_fail(&err, DDB_VALIDATION, "%s", text);
			size_t length = strlen(err.message);
			assert_true(length < DDB_MESSAGE_MAX && length >= DDB_MESSAGE_MAX - 4);
			assert_int_equal(ddb_utf8_prefix(err.message, length), length);
			assert_memory_equal(err.message, text, length);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffer_grows),
		cmocka_unit_test(test_buffer_shrinks),
		cmocka_unit_test(test_buffer_formats),
		cmocka_unit_test(test_buffer_maximum),
		cmocka_unit_test(test_buffer_counts),
		cmocka_unit_test(test_arena_allocates),
		cmocka_unit_test(test_arena_maximum),
		cmocka_unit_test(test_arena_reset),
		cmocka_unit_test(test_arena_grows),
		cmocka_unit_test(test_error_table),
		cmocka_unit_test(test_error_messages),
		cmocka_unit_test(test_error_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
