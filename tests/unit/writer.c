/*
 * The writer alone: bytes in, documents out, whatever the order and size of the writes. What stands behind it
 * counts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "mapping/writer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct map_caller caller = {.uid = 1000, .gid = 1000, .pid = 42};

/* The document that is "stored": its attribute v as text, and how often it was put. */
struct fake {
	struct map map;
	struct map_file file;
	struct map_writer writer;
	int puts, loads;
	char stored[64];
	const char *present; /* what in-place editing begins with */
	int fail;            /* the errno of the next put */
};

static struct fake *fake_of(struct map_file *file)
{
	return file->part;
}

static int load(struct map_file *file, struct ddb_buffer *out, struct ddb_error *err)
{
	struct fake *fake = fake_of(file);
	(void)err;
	fake->loads++;
	ddb_buffer_add_string(out, fake->present);
	return 0;
}

static int put(struct map_file *file, const struct map_caller *by, struct ddb_arena *arena,
	const struct ddb_value *document, struct ddb_error *err)
{
	struct fake *fake = fake_of(file);
	assert_ptr_equal(by, &caller);
	assert_non_null(ddb_arena_alloc(arena, 100));
	if (fake->fail) {
		int number = fake->fail;
		fake->fail = 0;
		ddb_fail(err, DDB_INTERNAL, "as asked");
		return number;
	}
	const struct ddb_value *value = ddb_map_get(document, "v", 1);
	snprintf(fake->stored, sizeof(fake->stored), "%.*s", value ? (int)value->count : 1,
		value ? (const char *)value->bytes : "-");
	fake->puts++;
	return 0;
}

static const struct map_writer_user user = {.load = load, .put = put};

static int set_up(void **state)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	fake->map.refusals = map_refusals_new();
	pthread_mutex_init(&fake->map.dirs_lock, NULL);
	fake->file.map = &fake->map;
	fake->file.path = strdup("tab/a.json");
	fake->file.flags = O_RDWR;
	fake->file.part = fake;
	fake->present = "{\n  \"v\": \"old\"\n}\n";
	map_writer_init(
		&fake->writer, &fake->file, &user, map_document_limits(DDB_RENDER_PLAIN), 1 << 16, true);
	*state = fake;
	return 0;
}

static int tear_down(void **state)
{
	struct fake *fake = *state;
	map_writer_done(&fake->writer);
	map_refusals_free(fake->map.refusals);
	free(fake->file.path);
	free(fake);
	return 0;
}

static void begin(struct fake *fake, bool sequential)
{
	map_writer_done(&fake->writer);
	map_writer_init(&fake->writer, &fake->file, &user, map_document_limits(DDB_RENDER_PLAIN), 1 << 16,
		sequential);
	fake->puts = fake->loads = 0;
	fake->stored[0] = '\0';
	fake->file.refused = false;
}

static int refusals(struct fake *fake)
{
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, 1 << 24);
	map_refusals_write(fake->map.refusals, 0, &text);
	int lines = 0;
	for (size_t i = 0; i < text.length; i++)
		lines += text.bytes[i] == '\n';
	return lines;
}

static void assert_last_refusal(struct fake *fake, const char *part)
{
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, 1 << 24);
	map_refusals_write(fake->map.refusals, 0, &text);
	ddb_buffer_add_byte(&text, '\0');
	char *last = text.bytes;
	for (char *next; (next = strchr(last, '\n')) && next[1];)
		last = next + 1;
	if (!strstr(last, part))
		fail_msg("%s is not in %s", part, last);
}

static int write_at(struct fake *fake, uint64_t offset, const char *text)
{
	return map_writer_write(&fake->writer, &caller, offset, text, strlen(text));
}

static int write_on(struct fake *fake, const char *text)
{
	return write_at(fake, fake->writer.text.length, text);
}

static int settle(struct fake *fake)
{
	return map_writer_settle(&fake->writer, &caller, "close");
}

static void assert_text(struct fake *fake, const char *text)
{
	assert_int_equal(fake->writer.text.length, strlen(text));
	assert_memory_equal(fake->writer.text.bytes, text, strlen(text));
}

static void test_pieces_of_every_size(void **state)
{
	static const char text[] =
		"\n {\"v\": \"new\", \"list\": [1, 2.50, {\"x\": null}], \"t\": true} \n\n";
	struct fake *fake = *state;
	size_t whole = (size_t)(strrchr(text, '}') - text) + 1;
	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		begin(fake, true);
		for (size_t done = 0; done < sizeof(text) - 1;) {
			size_t size = sizeof(text) - 1 - done < piece ? sizeof(text) - 1 - done : piece;
			assert_int_equal(
				map_writer_write(&fake->writer, &caller, done, text + done, size), 0);
			done += size;
			assert_int_equal(fake->puts, done >= whole);
		}
		assert_string_equal(fake->stored, "new");
		assert_int_equal(settle(fake), 0);
		assert_int_equal(fake->puts, 1);
		assert_text(fake, text);
	}
	assert_int_equal(refusals(fake), 0);
	assert_int_equal(fake->loads, 0);
}

static void test_two_objects(void **state)
{
	struct fake *fake = *state;
	assert_int_equal(write_on(fake, "{\"v\":\"a\"}\n{\"v\":\"b\"}\n"), EINVAL);
	assert_int_equal(fake->puts, 0);
	assert_int_equal(settle(fake), 0);
	begin(fake, true);
	assert_int_equal(write_on(fake, "{\"v\":\"a\"}\n"), 0);
	assert_int_equal(write_on(fake, "{\"v\":\"b\"}\n"), EINVAL);
	assert_int_equal(fake->puts, 1);
	assert_string_equal(fake->stored, "a");
	assert_int_equal(settle(fake), 0);
	assert_int_equal(refusals(fake), 2);
}

static void test_text_behind(void **state)
{
	struct fake *fake = *state;
	assert_int_equal(write_on(fake, "{\"v\":\"a\"} x"), EINVAL);
	assert_int_equal(fake->puts, 0);
	assert_last_refusal(fake, "after the document");
	begin(fake, true);
	assert_int_equal(write_on(fake, "{\"v\":\"a\"} \t\r\n"), 0);
	assert_int_equal(write_on(fake, " \n"), 0);
	assert_int_equal(write_on(fake, "\n]"), EINVAL);
	assert_int_equal(write_on(fake, "\n"), EINVAL);
	assert_int_equal(fake->puts, 1);
	assert_int_equal(refusals(fake), 2);
	assert_false(fake->file.refused);
}

static void test_refused_at_once_and_once(void **state)
{
	struct fake *fake = *state;
	assert_int_equal(write_on(fake, "{\"v\":\n \"a\","), 0);
	assert_int_equal(write_on(fake, " x"), EINVAL);
	assert_last_refusal(fake, "line 2, column");
	assert_last_refusal(fake, "\"operation\":\"write\"");
	assert_text(fake, "{\"v\":\n \"a\","); /* the failed write took nothing */
	/* What follows must not be read as if the refused bytes had never been. */
	assert_int_equal(write_on(fake, "\"w\": 1}"), EINVAL);
	assert_int_equal(write_at(fake, 0, "{}"), EINVAL);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 0);
	assert_int_equal(refusals(fake), 1);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, 3), EINVAL);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, 0), 0);
	assert_int_equal(write_on(fake, "{\"v\":\"b\"}"), 0);
	assert_string_equal(fake->stored, "b");
}

static void test_refused_new_name(void **state)
{
	struct fake *fake = *state;
	fake->file.created = true;
	assert_int_equal(write_on(fake, "[]"), EINVAL);
	assert_true(fake->file.refused);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, 0), EINVAL);
	assert_int_equal(write_on(fake, "{}"), EINVAL);
	assert_false(map_writer_untouched(&fake->writer));
	assert_int_equal(fake->puts, 0);
	/* A name that was put once stays, whatever comes behind. */
	begin(fake, true);
	assert_int_equal(write_on(fake, "{}"), 0);
	assert_int_equal(write_on(fake, "{}"), EINVAL);
	assert_false(fake->file.refused);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, 0), 0);
	assert_int_equal(write_on(fake, "nonsense"), EINVAL);
	assert_false(fake->file.refused);
}

static void test_the_put_is_refused(void **state)
{
	static const int numbers[] = {EINVAL, EFBIG, EEXIST, ENOSPC, EAGAIN, EIO};
	struct fake *fake = *state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		begin(fake, true);
		fake->fail = numbers[i];
		assert_int_equal(write_on(fake, "{\"v\":\"a\"}"), numbers[i]);
		assert_int_equal(write_on(fake, "\n"), numbers[i]);
		assert_int_equal(settle(fake), 0);
		assert_int_equal(fake->puts, 0);
		assert_int_equal(refusals(fake), (int)i + 1);
	}
}

static void test_unfinished(void **state)
{
	struct fake *fake = *state;
	assert_int_equal(settle(fake), 0); /* a flush before the first write */
	assert_int_equal(write_on(fake, " \n"), 0);
	assert_int_equal(settle(fake), 0);
	assert_true(map_writer_untouched(&fake->writer));
	assert_int_equal(write_on(fake, "{\"v\":"), 0);
	assert_false(map_writer_untouched(&fake->writer));
	assert_int_equal(settle(fake), EINVAL);
	assert_last_refusal(fake, "unfinished: the text ends at line 2, column 6");
	assert_last_refusal(fake, "\"operation\":\"close\"");
	assert_int_equal(settle(fake), 0);
	assert_int_equal(refusals(fake), 1);
	assert_int_equal(write_on(fake, "\"a\""), 0);
	assert_int_equal(settle(fake), EINVAL);
	assert_int_equal(refusals(fake), 2);
	assert_int_equal(write_on(fake, "}"), 0);
	assert_int_equal(fake->puts, 1);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(refusals(fake), 2);
}

static void test_truncation_alone(void **state)
{
	struct fake *fake = *state;
	begin(fake, false);
	assert_false(map_writer_holds_text(&fake->writer));
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, 0), 0);
	assert_true(map_writer_holds_text(&fake->writer));
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 0);
	assert_int_equal(fake->loads, 0);
	/* As vim does: then the text in order, from 0. */
	assert_int_equal(write_at(fake, 0, "{\"v\":\"vim\"}\n"), 0);
	assert_string_equal(fake->stored, "vim");
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, 0), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 1);
	assert_int_equal(refusals(fake), 0);
}

static void test_truncation_forgets_an_edit(void **state)
{
	struct fake *fake = *state;
	begin(fake, false);
	assert_int_equal(write_at(fake, 0, "x"), 0);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, 0), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(refusals(fake), 0);
}

static void test_in_place(void **state)
{
	struct fake *fake = *state;
	begin(fake, false);
	assert_int_equal(write_at(fake, 10, "new"), 0);
	assert_int_equal(fake->puts, 0);
	assert_int_equal(fake->loads, 1);
	assert_text(fake, "{\n  \"v\": \"new\"\n}\n");
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 1);
	assert_string_equal(fake->stored, "new");
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 1);
	/* The text that is put already, and the one from before. */
	assert_int_equal(write_at(fake, 10, "new"), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 1);
	assert_int_equal(write_at(fake, 10, "old"), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 2);
	assert_int_equal(fake->loads, 1);
}

static void test_in_place_equal_changes_nothing(void **state)
{
	struct fake *fake = *state;
	begin(fake, false);
	assert_int_equal(write_at(fake, 0, fake->present), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, strlen(fake->present)), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 0);
}

static void test_in_place_refused(void **state)
{
	struct fake *fake = *state;
	begin(fake, false);
	assert_int_equal(write_at(fake, 0, "["), 0);
	assert_int_equal(settle(fake), EINVAL);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(refusals(fake), 1);
	assert_int_equal(write_at(fake, 1, " "), 0);
	assert_int_equal(settle(fake), EINVAL);
	assert_int_equal(refusals(fake), 2);
	assert_int_equal(write_at(fake, 0, "{"), 0);
	assert_int_equal(write_at(fake, 10, "fix"), 0);
	assert_int_equal(settle(fake), 0);
	assert_string_equal(fake->stored, "fix");
}

static void test_in_place_refused_for_now(void **state)
{
	struct fake *fake = *state;
	begin(fake, false);
	assert_int_equal(write_at(fake, 10, "new"), 0);
	fake->fail = ENOSPC;
	assert_int_equal(settle(fake), ENOSPC);
	assert_int_equal(settle(fake), 0);
	assert_string_equal(fake->stored, "new");
}

static void test_out_of_order(void **state)
{
	struct fake *fake = *state;
	assert_int_equal(write_at(fake, 5, "\"a\"}"), 0);
	assert_int_equal(fake->puts, 0);
	assert_int_equal(write_at(fake, 0, "{\"v\":"), 0);
	assert_int_equal(fake->puts, 0);
	assert_int_equal(settle(fake), 0);
	assert_string_equal(fake->stored, "a");
	assert_int_equal(fake->loads, 0); /* it was truncated */
}

static void test_back_after_the_document(void **state)
{
	struct fake *fake = *state;
	assert_int_equal(write_on(fake, "{\"v\":\"abc\"}"), 0);
	assert_int_equal(write_at(fake, 6, "xyz"), 0);
	assert_string_equal(fake->stored, "abc");
	assert_int_equal(settle(fake), 0);
	assert_string_equal(fake->stored, "xyz");
	assert_int_equal(write_at(fake, 6, "xyz"), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 2);
}

static void test_holes(void **state)
{
	struct fake *fake = *state;
	assert_int_equal(write_at(fake, 3, "{}"), 0);
	assert_int_equal(fake->writer.text.length, 5);
	assert_memory_equal(fake->writer.text.bytes, "\0\0\0{}", 5);
	assert_int_equal(settle(fake), EINVAL);
	begin(fake, false);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, strlen(fake->present) + 3), 0);
	assert_int_equal(settle(fake), EINVAL);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, strlen(fake->present)), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, 4), 0);
	assert_int_equal(settle(fake), EINVAL);
	assert_int_equal(fake->puts, 0);
}

static void test_new_name_in_place(void **state)
{
	struct fake *fake = *state;
	fake->file.created = true;
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, 4), 0);
	assert_false(map_writer_untouched(&fake->writer));
	assert_int_equal(settle(fake), EINVAL);
	assert_int_equal(write_at(fake, 0, "{  }"), 0);
	assert_int_equal(settle(fake), 0);
	assert_int_equal(fake->puts, 1);
}

static void test_too_long(void **state)
{
	struct fake *fake = *state;
	char space[4096];
	memset(space, ' ', sizeof(space));
	assert_int_equal(write_on(fake, "{"), 0);
	int number = 0, writes = 0;
	while (!number && writes < 100) {
		number = map_writer_write(
			&fake->writer, &caller, fake->writer.text.length, space, sizeof(space));
		writes++;
	}
	assert_int_equal(number, EFBIG);
	assert_int_equal(writes, (1 << 16) / 4096);
	assert_int_equal(write_on(fake, "}"), EFBIG);
	assert_int_equal(refusals(fake), 1);
	/* In place the text that is there stays good. */
	begin(fake, false);
	assert_int_equal(write_at(fake, 1 << 16, "x"), EFBIG);
	assert_int_equal(write_at(fake, UINT64_MAX, "xx"), EFBIG);
	assert_int_equal(map_writer_truncate(&fake->writer, &caller, (1 << 16) + 1), EFBIG);
	assert_int_equal(write_at(fake, 10, "new"), 0);
	assert_int_equal(settle(fake), 0);
	assert_string_equal(fake->stored, "new");
}

static void test_too_long_to_begin_with(void **state)
{
	struct fake *fake = *state;
	char *text = malloc((1 << 16) + 2);
	memset(text, ' ', (1 << 16) + 1);
	text[(1 << 16) + 1] = '\0';
	begin(fake, false);
	fake->present = text;
	assert_int_equal(write_at(fake, 0, "x"), EFBIG);
	fake->present = "{}";
	assert_int_equal(write_at(fake, 0, "{"), 0);
	assert_int_equal(settle(fake), 0);
	free(text);
}

static void test_append_ignores_offsets(void **state)
{
	struct fake *fake = *state;
	fake->file.flags = O_WRONLY | O_APPEND | O_TRUNC;
	assert_int_equal(write_at(fake, 700, "{\"v\":"), 0);
	assert_int_equal(write_at(fake, 3, "\"a\"}"), 0);
	assert_string_equal(fake->stored, "a");
}

static void test_empty_write(void **state)
{
	struct fake *fake = *state;
	assert_int_equal(map_writer_write(&fake->writer, &caller, 100, "", 0), 0);
	assert_true(map_writer_untouched(&fake->writer));
	assert_int_equal(fake->writer.text.length, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(pieces_of_every_size),
		TEST(two_objects),
		TEST(text_behind),
		TEST(refused_at_once_and_once),
		TEST(refused_new_name),
		TEST(the_put_is_refused),
		TEST(unfinished),
		TEST(truncation_alone),
		TEST(truncation_forgets_an_edit),
		TEST(in_place),
		TEST(in_place_equal_changes_nothing),
		TEST(in_place_refused),
		TEST(in_place_refused_for_now),
		TEST(out_of_order),
		TEST(back_after_the_document),
		TEST(holes),
		TEST(new_name_in_place),
		TEST(too_long),
		TEST(too_long_to_begin_with),
		TEST(append_ignores_offsets),
		TEST(empty_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
