/*
 * The check of streams: records and notes with good seals that cannot be, each is found, and repaired so that
 * the store is sound again.
 */
#include "local_stream_fixture.h"

struct breakage {
	struct fixture *f;
	struct store_txn *txn;
	struct local_table *table;
	uint64_t first, last; /* numbers of the records: an INSERT and a MODIFY */
	uint32_t closed;      /* the space of the stream that is off */
	size_t row;
};

static void record_key(const struct breakage *b, uint64_t number, uint8_t ret[LOCAL_STREAM_KEY_BYTES])
{
	local_stream_key(b->table->stream.space, number, ret);
}

static struct store_value read_at(struct breakage *b, const uint8_t *key, size_t length)
{
	struct store_value value;
	assert_ok(b->f, store_get(b->txn, &b->f->arena, key, length, true, &value, &b->f->err));
	return value;
}

static void write_at(struct breakage *b, const uint8_t *key, size_t length, const struct store_value *value)
{
	assert_ok(b->f, store_put(b->txn, key, length, value->head, value->head_length, value->body,
				value->body_length, &b->f->err));
}

/* The record under the number `from` goes to `to`, its head or body changed at a place. */
static void copy_record(
	struct breakage *b, uint64_t from, uint64_t to, int head_at, int body_at, uint8_t change)
{
	uint8_t key[LOCAL_STREAM_KEY_BYTES];
	record_key(b, from, key);
	struct store_value value = read_at(b, key, sizeof key);
	if (head_at >= 0)
		((uint8_t *)(uintptr_t)value.head)[head_at] ^= change;
	if (body_at >= 0)
		((uint8_t *)(uintptr_t)value.body)[body_at] ^= change;
	record_key(b, to, key);
	write_at(b, key, sizeof key, &value);
}

/* ---- Records ---- */

static void wrong_version(struct breakage *b)
{
	copy_record(b, b->first, b->first, 0, -1, 0x10);
}

static void wrong_event(struct breakage *b)
{
	copy_record(b, b->first, b->first, 1, -1, 0x01); /* a MODIFY without an old image */
}

static void wrong_size(struct breakage *b)
{
	copy_record(b, b->first, b->first, 10, -1, 0x01);
}

static void wrong_lengths(struct breakage *b)
{
	copy_record(b, b->first, b->first, -1, 0, 0x01);
}

static void wrong_body(struct breakage *b)
{
	copy_record(b, b->first, b->first, -1, 12, 0x40);
}

static void before_the_stream(struct breakage *b)
{
	copy_record(b, b->first, 1, -1, -1, 0);
}

static void in_the_future(struct breakage *b)
{
	copy_record(b, b->first, b->last + (UINT64_C(1) << 50), -1, -1, 0);
}

/* The key of one, the images of the other. */
static void other_key(struct breakage *b)
{
	uint8_t key[LOCAL_STREAM_KEY_BYTES];
	record_key(b, b->first, key);
	struct store_value value = read_at(b, key, sizeof key);
	uint8_t *letter = memchr(value.body + 12, 'a', value.body_length - 12);
	assert_non_null(letter);
	*letter = 'b';
	write_at(b, key, sizeof key, &value);
}

static void short_key(struct breakage *b)
{
	uint8_t key[LOCAL_STREAM_KEY_BYTES];
	record_key(b, b->first, key);
	struct store_value value = read_at(b, key, sizeof key);
	write_at(b, key, sizeof key - 1, &value);
}

static void of_no_stream(struct breakage *b)
{
	uint8_t key[LOCAL_STREAM_KEY_BYTES];
	record_key(b, b->first, key);
	struct store_value value = read_at(b, key, sizeof key);
	local_stream_key(4000, b->first, key);
	write_at(b, key, sizeof key, &value);
}

static void among_items(struct breakage *b)
{
	uint8_t key[LOCAL_STREAM_KEY_BYTES];
	record_key(b, b->first, key);
	struct store_value value = read_at(b, key, sizeof key);
	local_stream_key(b->table->space, b->first, key);
	write_at(b, key, sizeof key, &value);
}

/* ---- Notes ---- */

static struct local_stream_note note_at(struct breakage *b, uint32_t space)
{
	struct local_stream_note note;
	bool found;
	assert_ok(b->f, local_stream_note_read(b->txn, &b->f->arena, space, &note, &found, &b->f->err));
	assert_true(found);
	return note;
}

static void write_note(struct breakage *b, const struct local_stream_note *note)
{
	assert_ok(b->f, local_stream_note_write(b->txn, note, &b->f->err));
}

static void no_note(struct breakage *b)
{
	uint8_t key[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_STREAM, b->table->stream.space, key);
	assert_ok(b->f, store_delete(b->txn, key, sizeof key, NULL, &b->f->err));
}

static void closed_note(struct breakage *b)
{
	struct local_stream_note note = note_at(b, b->table->stream.space);
	note.until_ns = local_now();
	note.last = b->last + 1;
	write_note(b, &note);
}

static void note_of_another(struct breakage *b)
{
	struct local_stream_note note = note_at(b, b->table->stream.space);
	note.table_id++;
	write_note(b, &note);
}

static void note_of_another_name(struct breakage *b)
{
	struct local_stream_note note = note_at(b, b->table->stream.space);
	note.table = "Others";
	write_note(b, &note);
}

static void note_of_another_view(struct breakage *b)
{
	struct local_stream_note note = note_at(b, b->table->stream.space);
	note.view = DDB_STREAM_KEYS_ONLY;
	write_note(b, &note);
}

static void note_of_another_key(struct breakage *b)
{
	struct local_stream_note note = note_at(b, b->table->stream.space);
	note.hash.type = DDB_B;
	write_note(b, &note);
}

static void open_note_of_no_table(struct breakage *b)
{
	struct local_stream_note note = note_at(b, b->closed);
	note.until_ns = 0;
	note.last = 0;
	write_note(b, &note);
}

static void note_that_ends_early(struct breakage *b)
{
	struct local_stream_note note = note_at(b, b->closed);
	note.last = note.first - 1;
	write_note(b, &note);
}

static void note_that_cannot_be_read(struct breakage *b)
{
	uint8_t key[LOCAL_SPACE_BYTES];
	local_space_key(LOCAL_STREAM, b->closed, key);
	struct store_value value = read_at(b, key, sizeof key);
	value.body_length--;
	write_at(b, key, sizeof key, &value);
}

static void note_among_items(struct breakage *b)
{
	struct local_stream_note note = note_at(b, b->closed);
	note.space = b->table->space;
	write_note(b, &note);
}

static void long_note_key(struct breakage *b)
{
	uint8_t key[LOCAL_SPACE_BYTES + 1] = {0};
	local_space_key(LOCAL_STREAM, b->closed, key);
	struct store_value value = read_at(b, key, LOCAL_SPACE_BYTES);
	write_at(b, key, sizeof key, &value);
}

/* What is lost: records of the stream that is on, and of the one that is off. */
static const struct {
	const char *name;
	void (*break_it)(struct breakage *b);
	size_t on, off;
} rows[] = {
#define ROW(name, on, off)                                                                                   \
	{                                                                                                    \
#name, name, on, off                                                                         \
	}
	ROW(wrong_version, 1, 1),
	ROW(wrong_event, 1, 1),
	ROW(wrong_size, 1, 1),
	ROW(wrong_lengths, 1, 1),
	ROW(wrong_body, 1, 1),
	ROW(before_the_stream, 2, 1),
	ROW(in_the_future, 2, 1),
	ROW(other_key, 1, 1),
	ROW(short_key, 2, 1),
	ROW(of_no_stream, 2, 1),
	ROW(among_items, 2, 1),
	ROW(no_note, 2, 1),
	ROW(closed_note, 2, 1),
	ROW(note_of_another, 2, 1),
	ROW(note_of_another_name, 2, 1),
	ROW(note_of_another_view, 2, 1),
	ROW(note_of_another_key, 2, 1),
	ROW(open_note_of_no_table, 2, 0),
	ROW(note_that_ends_early, 2, 0),
	ROW(note_that_cannot_be_read, 2, 0),
	ROW(note_among_items, 2, 1),
	ROW(long_note_key, 2, 1),
};

static enum ddb_code break_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct breakage *b = context;
	b->txn = txn;
	rows[b->row].break_it(b);
	(void)err;
	return DDB_OK;
}

static struct breakage fill(struct fixture *f)
{
	struct breakage b = {.f = f};
	create_streamed(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:a"));
	set_stream(f, "Users", false, NULL);
	delete (f, "Users", MAP("id=S:a"));
	set_stream(f, "Users", false, "NEW_AND_OLD_IMAGES");
	put(f, "Users", MAP("id=S:a", "n=N:1"));
	put(f, "Users", MAP("id=S:a", "n=N:2"));
	struct ddb_stream_page page = read_page(f, (struct ddb_read_stream){.table = "Users"});
	b.first = page.records[0].sequence;
	b.last = page.records[1].sequence;
	assert_ok(f, local_table_find(local_of(f->engine), "Users", &b.table, &f->err));
	b.closed = b.table->stream.space - 1;
	return b;
}

static size_t count_records(struct fixture *f, const char *label)
{
	struct ddb_stream_page page;
	const struct ddb_read_stream request = {.table = "Users", .label = label};
	if (OP(f->engine, read_stream, &f->arena, &request, &page, &f->err))
		return 0;
	return page.count;
}

static void test_row(struct fixture *f, size_t row)
{
	struct breakage b = fill(f);
	struct ddb_streams streams = streams_of(f, "Users");
	const char *off = streams.streams[0].label;
	assert_int_equal(streams.count, 2);
	assert_sound(f);
	b.row = row;
	assert_int_equal(store_write(local_of(f->engine)->store, break_job, &b, false, NULL), DDB_OK);
	local_table_unref(b.table);
	print_message("%s\n", rows[row].name);
	assert_true(run_check(f, false).problems > 0);
	assert_true(run_check(f, true).repaired > 0);
	assert_sound(f);
	assert_int_equal(count_records(f, NULL), rows[row].on);
	assert_int_equal(count_records(f, off), rows[row].off);
	/* And it goes on. */
	put(f, "Users", MAP("id=S:b"));
	assert_int_equal(count_records(f, NULL), rows[row].on + 1);
	assert_ok(f, OP(f->engine, delete_table, "Users", false, &f->err));
}

static enum ddb_code spoil_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct breakage *b = context;
	b->txn = txn;
	note_that_cannot_be_read(b);
	b->closed = b->table->stream.space;
	note_that_cannot_be_read(b);
	(void)err;
	return DDB_OK;
}

/* A damaged note costs its stream, and stands in nobody's way. */
static void test_damaged_notes(void **state)
{
	F;
	struct breakage b = fill(f);
	struct ddb_stream_page page;
	const struct ddb_read_stream request = {.table = "Users"};
	create_streamed(f, "Others", false, "KEYS_ONLY");
	put(f, "Others", MAP("id=S:a"));
	assert_int_equal(store_write(local_of(f->engine)->store, spoil_job, &b, false, NULL), DDB_OK);
	local_table_unref(b.table);
	assert_int_equal(streams_of(f, NULL).count, 1);
	assert_int_equal(count_records(f, NULL), 0);
	assert_code(f, OP(f->engine, read_stream, &f->arena, &request, &page, &f->err), DDB_DAMAGED);
	assert_ok(f, OP(f->engine, rename_table, "Others", "Thirds", &f->err));
	assert_string_equal(told(f, "Thirds"), "INSERT {\"id\":{\"S\":\"a\"}} 3\n");
	assert_true(local_streams_tend(local_of(f->engine)));
	put(f, "Users", MAP("id=S:c"));
	assert_ok(f, OP(f->engine, delete_table, "Users", false, &f->err));
	assert_true(run_check(f, true).repaired > 0);
	assert_sound(f);
}

static void test_breakages(void **state)
{
	(void)state;
	for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
		void *own = NULL;
		assert_int_equal(set_up(&own), 0);
		test_row(own, row);
		assert_int_equal(tear_down(&own), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_damaged_notes, set_up, tear_down),
		cmocka_unit_test(test_breakages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
