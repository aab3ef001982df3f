#include "tools/trigger/event.h"

#include "engine/json.h"
#include "engine/jsonout.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY_MAX = 512 << 20 };

/* Typed values take two levels each, in an image, in "dynamodb", in the record. */
static const struct ddb_json_limits limits = {
	.nesting = 2 * DDB_NESTING_MAX + 3, .nodes = 8 * (size_t)DDB_ITEM_SIZE_MAX, .object_only = true};

static enum ddb_code refuse(struct ddb_error *err)
{
	return ddb_fail(err, DDB_VALIDATION, "what the stream's file shows is no record of a stream");
}

static const struct ddb_value *member(const struct ddb_value *object, const char *name, enum ddb_type type)
{
	const struct ddb_value *value =
		object && object->type == DDB_M ? ddb_map_get(object, name, strlen(name)) : NULL;

	return value && value->type == type ? value : NULL;
}

static void write_value(struct ddb_json_out *json, const struct ddb_value *value)
{
	switch (value->type) {
	case DDB_M:
		ddb_json_open(json, '{');
		for (uint32_t i = 0; i < value->count; i++) {
			ddb_json_name(json, value->attributes[i].name, value->attributes[i].name_length);
			write_value(json, &value->attributes[i].value);
		}
		ddb_json_close(json, '}');
		break;
	case DDB_L:
		ddb_json_open(json, '[');
		for (uint32_t i = 0; i < value->count; i++)
			write_value(json, &value->elements[i]);
		ddb_json_close(json, ']');
		break;
	case DDB_S:
		ddb_json_string(json, (const char *)value->bytes, value->count);
		break;
	case DDB_N:
		ddb_json_number(json, value->bytes, value->count);
		break;
	case DDB_BOOL:
		ddb_json_raw(json, value->boolean ? "true" : "false");
		break;
	default: /* the reader makes no others */
		ddb_json_raw(json, "null");
		break;
	}
}

/* FNV-1a over the typed value's text, of which equal keys have equal ones. */
static uint64_t hash_key(const struct ddb_value *key)
{
	struct ddb_buffer text DDB_BUFFER_AUTO = {0};
	struct ddb_json_out json;
	uint64_t hash = 14695981039346656037u;

	ddb_buffer_init(&text, 1 << 20);
	ddb_json_out_init(&json, &text, false);
	write_value(&json, key);
	for (size_t i = 0; i < text.length; i++)
		hash = (hash ^ (uint8_t)text.bytes[i]) * 1099511628211u;
	return hash;
}

static enum ddb_code read_change(const struct trigger_event_rules *rules, const struct ddb_value *record,
	struct trigger_event *ret, struct ddb_error *err)
{
	const struct ddb_value *change = member(record, "dynamodb", DDB_M),
			       *keys = member(change, "Keys", DDB_M),
			       *sequence = member(change, "SequenceNumber", DDB_S),
			       *time = member(change, "ApproximateCreationDateTime", DDB_N),
			       *key = member(keys, rules->hash, DDB_M);
	char number[DDB_NUMBER_TEXT_MAX];
	struct trigger_event event = {0};

	if (!key || !time || !sequence ||
		!trigger_sequence_read(
			(const char *)sequence->bytes, sequence->count, &event.position.sequence))
		return refuse(err);
	ddb_number_write(time->bytes, time->count, number);
	event.position.time = strtoll(number, NULL, 10); /* the service's have fractions */
	event.key = hash_key(key);
	*ret = event;
	return DDB_OK;
}

/* {"Type": …, "PrincipalId": …} begin with small letters in events. */
static enum ddb_code make_identity(struct ddb_value *identity, struct ddb_error *err)
{
	for (uint32_t i = 0; i < identity->count; i++) {
		struct ddb_attribute *part = &identity->attributes[i];
		if (part->name_length == strlen("Type") && !memcmp(part->name, "Type", part->name_length))
			part->name = "type";
		else if (part->name_length == strlen("PrincipalId") &&
			 !memcmp(part->name, "PrincipalId", part->name_length))
			part->name = "principalId";
	}
	return ddb_map_sort(identity, err);
}

static enum ddb_code make_event(struct ddb_arena *arena, const struct trigger_event_rules *rules,
	struct ddb_value *record, struct ddb_error *err)
{
	const struct ddb_value *identity = member(record, "userIdentity", DDB_M);
	struct ddb_value arn = ddb_string(rules->stream, strlen(rules->stream)), *made;
	struct ddb_value copy;
	enum ddb_code code;

	if (identity) {
		code = ddb_value_copy(arena, identity, &copy, err);
		code = code ? code : make_identity(&copy, err);
		if (code)
			return code;
		made = ddb_map_with(arena, record, "userIdentity", strlen("userIdentity"), &copy);
		if (!made)
			return ddb_fail_memory(err);
		*record = *made;
	}
	made = ddb_map_with(arena, record, "eventSourceARN", strlen("eventSourceARN"), &arn);
	if (!made)
		return ddb_fail_memory(err);
	*record = *made;
	return DDB_OK;
}

static bool is_wanted(const struct trigger_event_rules *rules, const struct ddb_value *record)
{
	for (size_t i = 0; i < rules->pattern_count; i++)
		if (pattern_matches(rules->patterns[i], record))
			return true;
	return !rules->pattern_count;
}

enum ddb_code trigger_event_read(const struct trigger_event_rules *rules, const char *line, size_t length,
	struct trigger_event *ret, struct ddb_buffer *text, struct ddb_error *err)
{
	struct ddb_arena arena DDB_ARENA_AUTO = {0};
	struct trigger_event event;
	struct ddb_json_out json;
	struct ddb_value record;
	struct ddb_error reason;
	enum ddb_code code;

	ddb_arena_init(&arena, MEMORY_MAX);
	code = ddb_json_read(&arena, &limits, line, length, &record, &reason);
	if (code)
		return code == DDB_NO_MEMORY ? ddb_fail_memory(err) : refuse(err);
	code = read_change(rules, &record, &event, err);
	if (!code)
		code = make_event(&arena, rules, &record, err);
	if (code)
		return code;
	event.wanted = is_wanted(rules, &record);
	if (event.wanted) {
		ddb_json_out_init(&json, text, false);
		write_value(&json, &record);
		if (text->failed)
			return ddb_fail_memory(err);
	}
	*ret = event;
	return DDB_OK;
}
