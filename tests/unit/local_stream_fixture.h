/*
 * What the tests of streams share: tables with a stream, its records as lines of text, and a clock that can
 * be set.
 */
#ifndef LOCAL_STREAM_FIXTURE_H
#define LOCAL_STREAM_FIXTURE_H

#include "local_fixture.h"

#include "engine/local/local_private.h"
#include "engine/local/stream/stream.h"
#include "engine/stream.h"
#include "engine/typed.h"

enum { SECOND = 1000000000 };
#define HOUR ((int64_t)3600 * SECOND)

static int64_t test_time; /* atomic */

HELPER int64_t test_clock(void)
{
	return __atomic_load_n(&test_time, __ATOMIC_SEQ_CST);
}

/* The thread stands still then, until another stream comes: it is the test that tends. */
HELPER void set_time(struct fixture *f, int64_t ns)
{
	local_worker_stop(&local_of(f->engine)->streams.worker);
	__atomic_store_n(&test_time, ns, __ATOMIC_SEQ_CST);
	local_of(f->engine)->clock = test_clock;
}

/* `view` NULL: without a stream. */
HELPER struct ddb_definition *streamed(struct fixture *f, bool composite, const char *view)
{
	char text[1024], stream[128] = "";
	if (view)
		snprintf(stream, sizeof stream,
			",\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"%s\"}", view);
	snprintf(text, sizeof text,
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}%s],"
		"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}%s],"
		"\"BillingMode\":\"PAY_PER_REQUEST\"%s}",
		composite ? ",{\"AttributeName\":\"at\",\"AttributeType\":\"N\"}" : "",
		composite ? ",{\"AttributeName\":\"at\",\"KeyType\":\"RANGE\"}" : "", stream);
	return definition_read(f, text);
}

HELPER void create_streamed(struct fixture *f, const char *name, bool composite, const char *view)
{
	struct ddb_definition *definition = streamed(f, composite, view);
	assert_ok(f, OP(f->engine, create_table, name, definition, &f->err));
	ddb_definition_unref(definition);
}

HELPER void set_stream(struct fixture *f, const char *name, bool composite, const char *view)
{
	struct ddb_definition *definition = streamed(f, composite, view);
	assert_ok(f, OP(f->engine, update_table, name, NULL, definition, &f->err));
	ddb_definition_unref(definition);
}

/* The streams of a table (or of all), by label. */
HELPER struct ddb_streams streams_of(struct fixture *f, const char *table)
{
	const struct ddb_list_streams request = {.table = table};
	struct ddb_streams streams;
	assert_ok(f, OP(f->engine, list_streams, &f->arena, &request, &streams, &f->err));
	return streams;
}

HELPER struct ddb_stream_page read_page(struct fixture *f, struct ddb_read_stream request)
{
	struct ddb_stream_page page;
	assert_ok(f, OP(f->engine, read_stream, &f->arena, &request, &page, &f->err));
	return page;
}

HELPER void add_item(struct ddb_buffer *out, const char *before, bool has, const struct ddb_value *item)
{
	struct ddb_json_out json;
	if (!has)
		return;
	ddb_buffer_add_string(out, before);
	ddb_json_out_init(&json, out, false);
	ddb_typed_write_item(&json, item);
}

/* "INSERT {key} -{old image} +{new image} size", a line each. */
HELPER const char *text_of_page(struct fixture *f, const struct ddb_stream_page *page)
{
	static const char *const events[] = {"INSERT", "MODIFY", "REMOVE"};
	struct ddb_buffer out;
	ddb_buffer_init(&out, 64 << 20);
	for (size_t i = 0; i < page->count; i++) {
		const struct ddb_stream_record *record = &page->records[i];
		ddb_buffer_add_format(&out, "%s%s ", events[record->event], record->service ? "!" : "");
		add_item(&out, "", true, &record->key);
		add_item(&out, " -", record->has_old, &record->old_image);
		add_item(&out, " +", record->has_new, &record->new_image);
		ddb_buffer_add_format(&out, " %u\n", record->size);
	}
	assert_false(out.failed);
	const char *text = ddb_arena_copy(&f->arena, out.bytes ? out.bytes : "", out.length);
	ddb_buffer_done(&out);
	return text;
}

/* All that the stream that is on shows. */
HELPER const char *told(struct fixture *f, const char *table)
{
	struct ddb_stream_page page = read_page(f, (struct ddb_read_stream){.table = table});
	uint64_t last = 0;
	for (size_t i = 0; i < page.count; i++) {
		assert_true(page.records[i].sequence > last);
		last = page.records[i].sequence;
	}
	assert_false(page.more);
	return text_of_page(f, &page);
}

#endif
