#include "engine/stream.h"

#include "engine/definition_draft.h"
#include "engine/typed.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SEQUENCE_DIGITS_MAX = 40 };
static const char account[] = "000000000000";

void ddb_stream_label(int64_t since_ns, char ret[DDB_STREAM_LABEL_MAX])
{
	struct tm tm;
	time_t seconds = since_ns / 1000000000;
	unsigned ms = (unsigned)((uint64_t)since_ns / 1000000 % 1000);
	gmtime_r(&seconds, &tm);
	size_t length = strftime(ret, DDB_STREAM_LABEL_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret + length, DDB_STREAM_LABEL_MAX - length, ".%03u", ms);
}

void ddb_stream_arn(const char *region, const char *table, const char *label, char ret[DDB_STREAM_ARN_MAX])
{
	snprintf(ret, DDB_STREAM_ARN_MAX, "arn:aws:dynamodb:%s:%s:table/%s/stream/%s", region, account, table,
		label);
}

void ddb_sequence_write(uint64_t sequence, char ret[DDB_SEQUENCE_DIGITS + 1])
{
	snprintf(ret, DDB_SEQUENCE_DIGITS + 1, "%0*" PRIu64, DDB_SEQUENCE_DIGITS, sequence);
}

bool ddb_sequence_read(const char *text, size_t length, uint64_t *ret)
{
	uint64_t value = 0;
	if (length < DDB_SEQUENCE_DIGITS || length > SEQUENCE_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = (unsigned)(text[i] - '0');
		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return false;
	}
	*ret = value;
	return true;
}

const char *ddb_stream_view_name(enum ddb_stream_view view)
{
	return member_word_name(draft_views, (int)view);
}

/* ---- A record ---- */

static void open_member(struct ddb_json_out *json, const char *name)
{
	ddb_json_name(json, name, strlen(name));
	ddb_json_open(json, '{');
}

static void write_item(struct ddb_json_out *json, const char *name, const struct ddb_value *item)
{
	ddb_json_name(json, name, strlen(name));
	ddb_typed_write_item(json, item);
}

static void write_change(
	const struct ddb_stream *stream, const struct ddb_stream_record *record, struct ddb_json_out *json)
{
	char sequence[DDB_SEQUENCE_DIGITS + 1];
	ddb_sequence_write(record->sequence, sequence);
	open_member(json, "dynamodb");
	ddb_json_member_int(json, "ApproximateCreationDateTime", record->time_ns / 1000000000);
	write_item(json, "Keys", &record->key);
	if (record->has_new)
		write_item(json, "NewImage", &record->new_image);
	if (record->has_old)
		write_item(json, "OldImage", &record->old_image);
	ddb_json_member_string(json, "SequenceNumber", sequence);
	ddb_json_member_int(json, "SizeBytes", record->size);
	ddb_json_member_string(json, "StreamViewType", ddb_stream_view_name(stream->view));
	ddb_json_close(json, '}');
}

/* The same of the same record whenever it is read, and of no other. */
static void write_id(
	const struct ddb_stream *stream, const struct ddb_stream_record *record, struct ddb_json_out *json)
{
	char id[2 * 16 + 1];
	snprintf(id, sizeof id, "%016" PRIx64 "%016" PRIx64, (uint64_t)stream->since_ns, record->sequence);
	ddb_json_member_string(json, "eventID", id);
}

void ddb_stream_write_record(const struct ddb_stream *stream, const struct ddb_stream_record *record,
	const char *region, struct ddb_json_out *json)
{
	static const char *const events[] = {
		[DDB_EVENT_INSERT] = "INSERT", [DDB_EVENT_MODIFY] = "MODIFY", [DDB_EVENT_REMOVE] = "REMOVE"};
	ddb_json_open(json, '{');
	write_id(stream, record, json);
	ddb_json_member_string(json, "eventName", events[record->event]);
	ddb_json_member_string(json, "eventVersion", "1.1");
	ddb_json_member_string(json, "eventSource", "aws:dynamodb");
	ddb_json_member_string(json, "awsRegion", region);
	write_change(stream, record, json);
	if (record->service) {
		open_member(json, "userIdentity");
		ddb_json_member_string(json, "Type", "Service");
		ddb_json_member_string(json, "PrincipalId", "dynamodb.amazonaws.com");
		ddb_json_close(json, '}');
	}
	ddb_json_close(json, '}');
}
