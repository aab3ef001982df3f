/*
 * What the files of requests cannot say about streams: iterators that are old, records that are gone, what
 * the service itself has deleted, and under which name an operation is asked for.
 */
#include "local_stream_fixture.h"

#include "engine/wire/iterator.h"
#include "engine/wire/wire.h"
#include <time.h>

static const char *call(struct fixture *f, const char *operation, const char *request, enum ddb_code wanted)
{
	struct ddb_buffer out;
	ddb_buffer_init(&out, 16 << 20);
	enum ddb_code code = ddb_wire_call(f->engine, operation, request, strlen(request), &out, &f->err);
	check_code(f, code, wanted, request, __LINE__);
	const char *text = ddb_arena_copy(&f->arena, out.bytes, out.length);
	ddb_buffer_done(&out);
	return text;
}

static const char *get_records(struct fixture *f, const struct wire_iterator *iterator, enum ddb_code wanted)
{
	char text[WIRE_ITERATOR_MAX + 1], request[WIRE_ITERATOR_MAX + 64];
	wire_iterator_write(iterator, "local", text);
	snprintf(request, sizeof request, "{\"ShardIterator\":\"%s\"}", text);
	return call(f, "GetRecords", request, wanted);
}

static struct wire_iterator iterator_of(const struct ddb_stream *stream)
{
	struct wire_iterator iterator = {.made_s = time(NULL)};
	strcpy(iterator.stream.table, stream->table);
	strcpy(iterator.stream.label, stream->label);
	return iterator;
}

static void test_age(void **state)
{
	F;
	create_streamed(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:a"));
	struct wire_iterator iterator = iterator_of(&streams_of(f, "Users").streams[0]);
	(void)get_records(f, &iterator, DDB_OK);
	iterator.made_s -= WIRE_ITERATOR_SECONDS + 60;
	const char *body = get_records(f, &iterator, DDB_EXPIRED_ITERATOR);
	assert_non_null(strstr(body, "com.amazonaws.dynamodb.v20120810#ExpiredIteratorException"));
	/* The clock was set back since: whoever has it gets a new one as for any that is too old. */
	iterator.made_s += 2 * WIRE_ITERATOR_SECONDS + 600;
	(void)get_records(f, &iterator, DDB_EXPIRED_ITERATOR);
	iterator.made_s = -1;
	(void)get_records(f, &iterator, DDB_VALIDATION);
}

static void test_trimmed(void **state)
{
	F;
	char request[2 * DDB_STREAM_ARN_MAX], number[DDB_SEQUENCE_DIGITS + 1], arn[DDB_STREAM_ARN_MAX];
	set_time(f, 1000 * HOUR);
	create_streamed(f, "Users", false, "KEYS_ONLY");
	put(f, "Users", MAP("id=S:a"));
	struct ddb_stream_page page = read_page(f, (struct ddb_read_stream){.table = "Users"});
	const struct ddb_stream *stream = &page.stream;
	struct wire_iterator iterator = iterator_of(stream);
	iterator.after = page.records[0].sequence - 1;
	iterator.kept = true;
	assert_non_null(strstr(get_records(f, &iterator, DDB_OK), "INSERT"));
	set_time(f, 1025 * HOUR);
	put(f, "Users", MAP("id=S:b"));
	assert_non_null(strstr(get_records(f, &iterator, DDB_TRIMMED_DATA),
		"com.amazonaws.dynamodb.v20120810#TrimmedDataAccessException"));
	/* TRIM_HORIZON passes over it. */
	iterator.after = 0;
	iterator.kept = false;
	assert_non_null(strstr(get_records(f, &iterator, DDB_OK), "\"S\":\"b\""));
	ddb_sequence_write(page.records[0].sequence, number);
	ddb_stream_arn("local", "Users", stream->label, arn);
	snprintf(request, sizeof request,
		"{\"StreamArn\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":\"AT_SEQUENCE_NUMBER\","
		"\"SequenceNumber\":\"%s\"}",
		arn, stream->shard, number);
	(void)call(f, "GetShardIterator", request, DDB_TRIMMED_DATA);
}

static void test_service(void **state)
{
	F;
	const struct ddb_stream stream = {.table = "Users", .view = DDB_STREAM_OLD, .since_ns = 0x1234};
	const struct ddb_stream_record record = {.sequence = 0xabc,
		.event = DDB_EVENT_REMOVE,
		.time_ns = INT64_C(1700000000999999999),
		.service = true,
		.key = MAP("id=S:a"),
		.has_old = true,
		.old_image = MAP("id=S:a", "ttl=N:1"),
		.size = 10};
	DDB_BUFFER_AUTO struct ddb_buffer out = {0};
	struct ddb_json_out json;
	ddb_buffer_init(&out, 4096);
	ddb_json_out_init(&json, &out, false);
	ddb_stream_write_record(&stream, &record, "local", &json);
	ddb_buffer_add(&out, "", 1);
	assert_string_equal(out.bytes,
		"{\"eventID\":\"00000000000012340000000000000abc\",\"eventName\":\"REMOVE\","
		"\"eventVersion\":\"1.1\",\"eventSource\":\"aws:dynamodb\",\"awsRegion\":\"local\","
		"\"dynamodb\":{\"ApproximateCreationDateTime\":1700000000,\"Keys\":{\"id\":{\"S\":\"a\"}},"
		"\"OldImage\":{\"id\":{\"S\":\"a\"},\"ttl\":{\"N\":\"1\"}},"
		"\"SequenceNumber\":\"000000000000000002748\",\"SizeBytes\":10,\"StreamViewType\":\"OLD_"
		"IMAGE\"},"
		"\"userIdentity\":{\"Type\":\"Service\",\"PrincipalId\":\"dynamodb.amazonaws.com\"}}");
}

static void test_targets(void **state)
{
	(void)state;
	assert_string_equal(ddb_wire_target("GetRecords"), "DynamoDBStreams_20120810");
	assert_string_equal(ddb_wire_target("ListStreams"), "DynamoDBStreams_20120810");
	assert_string_equal(ddb_wire_target("DescribeStream"), "DynamoDBStreams_20120810");
	assert_string_equal(ddb_wire_target("GetShardIterator"), "DynamoDBStreams_20120810");
	assert_string_equal(ddb_wire_target("GetItem"), "DynamoDB_20120810");
	assert_null(ddb_wire_target("GetNothing"));
	unsigned streams = 0;
	for (size_t i = 0; ddb_wire_operation(i); i++) {
		streams += strcmp(ddb_wire_target(ddb_wire_operation(i)), "DynamoDB_20120810") != 0;
		assert_true(i == 0 || strcmp(ddb_wire_operation(i - 1), ddb_wire_operation(i)) < 0);
	}
	assert_int_equal(streams, 4);
}

static void test_labels(void **state)
{
	(void)state;
	char label[DDB_STREAM_LABEL_MAX];
	uint64_t number;
	ddb_stream_label(INT64_C(1700000000123456789), label);
	assert_string_equal(label, "2023-11-14T22:13:20.123");
	ddb_stream_label(0, label);
	assert_string_equal(label, "1970-01-01T00:00:00.000");
	assert_true(ddb_sequence_read("000018446744073709551615", 24, &number));
	assert_true(number == UINT64_MAX);
	assert_false(ddb_sequence_read("000018446744073709551616", 24, &number));
	assert_false(ddb_sequence_read("00000000000000000001", 20, &number));
	assert_false(ddb_sequence_read("00000000000000000000000000000000000000001", 41, &number));
	assert_false(ddb_sequence_read("-00000000000000000001", 21, &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_age, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trimmed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_service, set_up, tear_down),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_labels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
