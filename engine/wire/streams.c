/*
 * ListStreams, DescribeStream, GetShardIterator and GetRecords. A stream has one shard. See streams.h.
 */
#include "engine/wire/streams.h"

#include "engine/definition_parts.h"
#include "engine/table.h"

#include <string.h>
#include <time.h>

enum { STREAMS_MAX = 100, RECORDS_MAX = 1000, ARN_LEAST = 37, ARN_MOST = 1024, SHARD_LEAST = 28 };

/* ---- Rows ---- */

struct list_request {
	bool given;
	struct member_text table, start;
	struct member_integer limit;
};
struct shard_filter {
	bool given;
	struct member_text type, shard;
};
struct describe_request {
	bool given;
	struct member_text arn, start;
	struct member_integer limit;
	struct shard_filter filter;
};
struct place_request {
	bool given;
	struct member_text arn, shard, type, sequence;
};
struct records_request {
	bool given;
	struct member_text iterator;
	struct member_integer limit;
};

enum place { AFTER_SEQUENCE, LATEST, AT_SEQUENCE, TRIM_HORIZON };
static const struct member_word place_words[] = {{"AFTER_SEQUENCE_NUMBER", AFTER_SEQUENCE},
	{"LATEST", LATEST}, {"AT_SEQUENCE_NUMBER", AT_SEQUENCE}, {"TRIM_HORIZON", TRIM_HORIZON}, {NULL, 0}};
static const struct member_word filter_words[] = {{"CHILD_SHARDS", 0}, {NULL, 0}};

#define ARN(struct_, name_, field_)                                                                          \
	MEMBER_ROW(MEMBER_TEXT, struct_, name_, field_), .least = ARN_LEAST, .most = ARN_MOST
#define SHARD(struct_, name_, field_)                                                                        \
	MEMBER_ROW(MEMBER_TEXT, struct_, name_, field_), .least = SHARD_LEAST, .most = DDB_SHARD_ID_MAX
#define LIMIT(struct_, most_) MEMBER_ROW(MEMBER_INTEGER, struct_, "Limit", limit), .least = 1, .most = most_

static const struct member_row list_rows[] = {
	{MEMBER_ROW(MEMBER_TEXT, list_request, "TableName", table), .least = DDB_TABLE_NAME_MIN,
		.most = DDB_TABLE_NAME_MAX, .pattern = MEMBER_TABLE},
	{LIMIT(list_request, STREAMS_MAX)},
	{ARN(list_request, "ExclusiveStartStreamArn", start)},
};
static const struct member_row filter_rows[] = {
	{MEMBER_ROW(MEMBER_TEXT, shard_filter, "Type", type), .words = filter_words},
	{SHARD(shard_filter, "ShardId", shard)},
};
static const struct member_type filter_type = MEMBER_TYPE("ShardFilter", shard_filter, filter_rows);
static const struct member_row describe_rows[] = {
	{ARN(describe_request, "StreamArn", arn), .required = true},
	{LIMIT(describe_request, STREAMS_MAX)},
	{SHARD(describe_request, "ExclusiveStartShardId", start)},
	{MEMBER_ROW(MEMBER_OBJECT, describe_request, "ShardFilter", filter), .type = &filter_type},
};
static const struct member_row place_rows[] = {
	{ARN(place_request, "StreamArn", arn), .required = true},
	{SHARD(place_request, "ShardId", shard), .required = true},
	{MEMBER_ROW(MEMBER_TEXT, place_request, "ShardIteratorType", type), .required = true,
		.words = place_words},
	{MEMBER_ROW(MEMBER_TEXT, place_request, "SequenceNumber", sequence), .least = DDB_SEQUENCE_DIGITS,
		.most = 40},
};
static const struct member_row records_rows[] = {
	{MEMBER_ROW(MEMBER_TEXT, records_request, "ShardIterator", iterator), .required = true, .least = 1,
		.most = WIRE_ITERATOR_MAX},
	{LIMIT(records_request, RECORDS_MAX)},
};
const struct member_type wire_list_streams_type = MEMBER_TYPE("ListStreamsInput", list_request, list_rows);
const struct member_type wire_describe_stream_type =
	MEMBER_TYPE("DescribeStreamInput", describe_request, describe_rows);
const struct member_type wire_shard_iterator_type =
	MEMBER_TYPE("GetShardIteratorInput", place_request, place_rows);
const struct member_type wire_get_records_type =
	MEMBER_TYPE("GetRecordsInput", records_request, records_rows);

/* ---- Streams by ARN ---- */

static enum ddb_code read_arn(
	struct wire_call *call, const struct member_text *arn, struct wire_stream_name *ret)
{
	if (wire_stream_arn_read(arn->bytes, arn->length, ret))
		return DDB_OK;
	return ddb_fail(call->err, DDB_VALIDATION, "Invalid StreamArn: %.*s", (int)arn->length, arn->bytes);
}

static enum ddb_code no_stream(struct wire_call *call, const struct wire_stream_name *name)
{
	char arn[DDB_STREAM_ARN_MAX];
	ddb_stream_arn(DDB_REGION, name->table, name->label, arn);
	return ddb_fail(call->err, DDB_RESOURCE_NOT_FOUND,
		"Requested resource not found: Stream: %.*s not found", DDB_MESSAGE_MAX / 2, arn);
}

static enum ddb_code read_stream(struct wire_call *call, const struct wire_stream_name *name,
	struct ddb_read_stream request, struct ddb_stream_page *ret)
{
	request.table = name->table;
	request.label = name->label;
	enum ddb_code code =
		call->engine->ops->read_stream(call->engine, call->arena, &request, ret, call->err);
	return code == DDB_RESOURCE_NOT_FOUND ? no_stream(call, name) : code;
}

/* A page behind everything is what tells of a stream. */
static enum ddb_code find_stream(struct wire_call *call, const struct wire_stream_name *name,
	const struct ddb_stream **ret, uint64_t *ret_end)
{
	struct ddb_stream_page *page = ddb_arena_alloc(call->arena, sizeof *page);
	if (!page)
		return ddb_fail_memory(call->err);
	enum ddb_code code = read_stream(call, name, (struct ddb_read_stream){.after = UINT64_MAX}, page);
	if (code)
		return code;
	*ret = &page->stream;
	*ret_end = page->next;
	return DDB_OK;
}

/* ---- ListStreams ---- */

WIRE_HANDLER(wire_list_streams)
{
	const struct list_request *asked = request;
	struct wire_streams_listed *listed = response;
	struct wire_stream_name name;
	struct ddb_stream after;
	struct ddb_list_streams list = {
		.limit = asked->limit.given ? (uint32_t)asked->limit.value : STREAMS_MAX};
	if (asked->table.bytes) {
		list.table = wire_name(call, &asked->table);
		if (!list.table)
			return ddb_fail_memory(call->err);
	}
	if (asked->start.bytes) {
		enum ddb_code code = read_arn(call, &asked->start, &name);
		if (code)
			return code;
		after.table = name.table;
		memcpy(after.label, name.label, sizeof after.label);
		list.after = &after;
	}
	return call->engine->ops->list_streams(call->engine, call->arena, &list, &listed->streams, call->err);
}

static void write_arn(struct ddb_json_out *json, const char *member, const struct ddb_stream *stream)
{
	char arn[DDB_STREAM_ARN_MAX];
	ddb_stream_arn(DDB_REGION, stream->table, stream->label, arn);
	ddb_json_member_string(json, member, arn);
}

WIRE_WRITER(wire_write_streams)
{
	const struct ddb_streams *streams = &((const struct wire_streams_listed *)response)->streams;
	(void)request;
	wire_open(json, "Streams", '[');
	for (size_t i = 0; i < streams->count; i++) {
		ddb_json_open(json, '{');
		write_arn(json, "StreamArn", &streams->streams[i]);
		ddb_json_member_string(json, "TableName", streams->streams[i].table);
		ddb_json_member_string(json, "StreamLabel", streams->streams[i].label);
		ddb_json_close(json, '}');
	}
	ddb_json_close(json, ']');
	if (streams->more && streams->count)
		write_arn(json, "LastEvaluatedStreamArn", &streams->streams[streams->count - 1]);
}

/* ---- DescribeStream ---- */

/* Whether the only shard comes behind the one that was given. */
static bool shard_follows(const struct ddb_stream *stream, const struct member_text *start)
{
	if (!start->bytes)
		return true;
	size_t length = strlen(stream->shard);
	int order = memcmp(stream->shard, start->bytes, length < start->length ? length : start->length);
	return order ? order > 0 : length > start->length;
}

WIRE_HANDLER(wire_describe_stream)
{
	const struct describe_request *asked = request;
	struct wire_stream_described *described = response;
	struct wire_stream_name name;
	uint64_t end;
	const struct shard_filter *filter = &asked->filter;
	if (filter->given && (!filter->type.bytes || !filter->shard.bytes))
		return ddb_fail(call->err, DDB_VALIDATION,
			"One or more parameter values were invalid: ShardFilter must have both Type and "
			"ShardId");
	enum ddb_code code = read_arn(call, &asked->arn, &name);
	if (!code)
		code = find_stream(call, &name, &described->stream, &end);
	/* No shard has children. */
	if (!code)
		described->shard = !filter->given && shard_follows(described->stream, &asked->start);
	return code;
}

static void write_time(struct ddb_json_out *json, const char *member, int64_t time_ns)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	int64_t ms = time_ns / 1000000;
	ddb_buffer_init(&text, 64);
	ddb_buffer_add_format(&text, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
	ddb_buffer_add(&text, "", 1);
	ddb_json_name(json, member, strlen(member));
	ddb_json_raw(json, text.failed ? "0" : text.bytes);
}

static void write_key(struct ddb_json_out *json, const struct ddb_stream *stream)
{
	const struct ddb_index_definition key = {.hash_count = 1,
		.range_count = stream->range.type ? 1 : 0,
		.hash = {stream->hash},
		.range = {stream->range}};
	ddb_index_write_key(&key, json);
}

static void write_sequence(struct ddb_json_out *json, const char *member, uint64_t sequence)
{
	char text[DDB_SEQUENCE_DIGITS + 1];
	ddb_sequence_write(sequence, text);
	ddb_json_member_string(json, member, text);
}

static void write_shard(struct ddb_json_out *json, const struct ddb_stream *stream)
{
	ddb_json_open(json, '{');
	ddb_json_member_string(json, "ShardId", stream->shard);
	wire_open(json, "SequenceNumberRange", '{');
	write_sequence(json, "StartingSequenceNumber", stream->first);
	if (stream->until_ns)
		write_sequence(json, "EndingSequenceNumber", stream->last);
	ddb_json_close(json, '}');
	ddb_json_close(json, '}');
}

WIRE_WRITER(wire_write_stream)
{
	const struct wire_stream_described *described = response;
	const struct ddb_stream *stream = described->stream;
	(void)request;
	wire_open(json, "StreamDescription", '{');
	write_arn(json, "StreamArn", stream);
	ddb_json_member_string(json, "StreamLabel", stream->label);
	ddb_json_member_string(json, "StreamStatus", stream->until_ns ? "DISABLED" : "ENABLED");
	ddb_json_member_string(json, "StreamViewType", ddb_stream_view_name(stream->view));
	write_time(json, "CreationRequestDateTime", stream->since_ns);
	ddb_json_member_string(json, "TableName", stream->table);
	write_key(json, stream);
	wire_open(json, "Shards", '[');
	if (described->shard)
		write_shard(json, stream);
	ddb_json_close(json, ']');
	ddb_json_close(json, '}');
}

/* ---- GetShardIterator ---- */

static enum ddb_code check_place(struct wire_call *call, const struct place_request *asked, bool numbered)
{
	if (numbered == (asked->sequence.bytes != NULL))
		return DDB_OK;
	return ddb_fail(call->err, DDB_VALIDATION,
		"One or more parameter values were invalid: SequenceNumber %s specified when "
		"ShardIteratorType is %.*s",
		numbered ? "must be" : "cannot be", (int)asked->type.length, asked->type.bytes);
}

static enum ddb_code find_shard(struct wire_call *call, const struct place_request *asked,
	struct wire_stream_name *ret, const struct ddb_stream **ret_stream, uint64_t *ret_end)
{
	enum ddb_code code = read_arn(call, &asked->arn, ret);
	if (!code)
		code = find_stream(call, ret, ret_stream, ret_end);
	if (code)
		return code;
	const char *shard = (*ret_stream)->shard;
	if (asked->shard.length == strlen(shard) && !memcmp(asked->shard.bytes, shard, asked->shard.length))
		return DDB_OK;
	return ddb_fail(call->err, DDB_RESOURCE_NOT_FOUND,
		"Requested resource not found: Shard: %.*s not found", (int)asked->shard.length,
		asked->shard.bytes);
}

/* The place before (or behind) a record that was in the shard, and still is. */
static enum ddb_code place_at(struct wire_call *call, const struct place_request *asked,
	const struct ddb_stream *stream, uint64_t end, struct wire_iterator *iterator)
{
	struct ddb_stream_page page;
	uint64_t number;
	if (!ddb_sequence_read(asked->sequence.bytes, asked->sequence.length, &number) ||
		number < stream->first || number > end)
		return ddb_fail(call->err, DDB_VALIDATION,
			"Invalid SequenceNumber: %.*s is not within the range of the shard",
			(int)asked->sequence.length, asked->sequence.bytes);
	bool at = member_word_value(place_words, &asked->type) == AT_SEQUENCE;
	iterator->after = at ? number - 1 : number;
	iterator->kept = true;
	return read_stream(call, &iterator->stream,
		(struct ddb_read_stream){.after = iterator->after, .kept = true, .limit = 1}, &page);
}

WIRE_HANDLER(wire_shard_iterator)
{
	const struct place_request *asked = request;
	struct wire_stream_place *found = response;
	struct wire_iterator iterator = {.made_s = time(NULL)};
	const struct ddb_stream *stream;
	uint64_t end;
	int place = member_word_value(place_words, &asked->type);
	bool numbered = place == AT_SEQUENCE || place == AFTER_SEQUENCE;
	enum ddb_code code = check_place(call, asked, numbered);
	if (!code)
		code = find_shard(call, asked, &iterator.stream, &stream, &end);
	if (!code && numbered)
		code = place_at(call, asked, stream, end, &iterator);
	if (code)
		return code;
	if (place == LATEST) {
		iterator.after = end;
		iterator.kept = true;
	}
	wire_iterator_write(&iterator, DDB_REGION, found->iterator);
	return DDB_OK;
}

WIRE_WRITER(wire_write_shard_iterator)
{
	(void)request;
	ddb_json_member_string(json, "ShardIterator", ((const struct wire_stream_place *)response)->iterator);
}

/* ---- GetRecords ---- */

WIRE_HANDLER(wire_get_records)
{
	const struct records_request *asked = request;
	struct wire_stream_records *records = response;
	struct wire_iterator iterator;
	int64_t now_s = time(NULL);
	enum ddb_code code = wire_iterator_read(
		asked->iterator.bytes, asked->iterator.length, now_s, &iterator, call->err);
	if (code)
		return code;
	code = read_stream(call, &iterator.stream,
		(struct ddb_read_stream){.after = iterator.after,
			.kept = iterator.kept,
			.limit = asked->limit.given ? (uint32_t)asked->limit.value : RECORDS_MAX},
		&records->page);
	if (code || records->page.closed)
		return code;
	/* From the beginning, what was trimmed is passed over until there is a record, or none at all. */
	iterator.kept |= records->page.count > 0 || !records->page.more;
	iterator.after = records->page.next;
	iterator.made_s = now_s;
	wire_iterator_write(&iterator, DDB_REGION, records->iterator);
	return DDB_OK;
}

WIRE_WRITER(wire_write_records)
{
	const struct wire_stream_records *records = response;
	const struct ddb_stream_page *page = &records->page;
	(void)request;
	wire_open(json, "Records", '[');
	for (size_t i = 0; i < page->count; i++)
		ddb_stream_write_record(&page->stream, &page->records[i], DDB_REGION, json);
	ddb_json_close(json, ']');
	if (records->iterator[0])
		ddb_json_member_string(json, "NextShardIterator", records->iterator);
}
