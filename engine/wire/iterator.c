/*
 * ARN|1|base64: of format 1, whether trimmed records matter 1, place 8, time 8 and checksum 8, little-endian.
 * See iterator.h.
 */
#include "engine/wire/iterator.h"

#include "engine/base64.h"
#include <string.h>

enum {
	ITERATOR_FORMAT = 1,
	ITERATOR_CHECKED = 1 + 1 + 8 + 8,
	ITERATOR_BYTES = ITERATOR_CHECKED + 8,
	ITERATOR_TEXT = (ITERATOR_BYTES + 2) / 3 * 4,
	AHEAD_SECONDS = 60, /* that another clock may be before this one */
};
static const char separator[] = "|1|";

/* ---- ARNs ---- */

/* What stands before `end` is one of the parts between colons. */
static bool take_part(const char **at, const char *end, const char *wanted)
{
	const char *colon = memchr(*at, ':', (size_t)(end - *at));
	if (!colon)
		return false;
	size_t length = (size_t)(colon - *at);
	bool right = !wanted || (length == strlen(wanted) && memcmp(*at, wanted, length) == 0);
	*at = colon + 1;
	return right;
}

static bool take_word(const char **at, const char *end, const char *word)
{
	size_t length = strlen(word);
	if ((size_t)(end - *at) < length || memcmp(*at, word, length) != 0)
		return false;
	*at += length;
	return true;
}

static bool keep_text(const char *text, size_t length, size_t room, char *ret)
{
	if (length == 0 || length >= room || memchr(text, 0, length))
		return false;
	memcpy(ret, text, length);
	ret[length] = '\0';
	return true;
}

bool wire_stream_arn_read(const char *text, size_t length, struct wire_stream_name *ret)
{
	static const char *const parts[] = {"arn", "aws", "dynamodb", NULL, NULL};
	const char *at = text, *end = text + length;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (!take_part(&at, end, parts[i]))
			return false;
	if (!take_word(&at, end, "table/"))
		return false;
	const char *slash = memchr(at, '/', (size_t)(end - at)), *name = at;
	if (!slash)
		return false;
	at = slash;
	return take_word(&at, end, "/stream/") &&
	       keep_text(name, (size_t)(slash - name), sizeof ret->table, ret->table) &&
	       keep_text(at, (size_t)(end - at), sizeof ret->label, ret->label);
}

/* ---- Iterators ---- */

static uint64_t le_read(const uint8_t *from)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)from[i] << 8 * i;
	return value;
}

static void le_write(uint8_t *to, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t sum_add(uint64_t sum, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	for (size_t i = 0; i < length; i++) { /* FNV-1a */
		sum ^= at[i];
		sum *= UINT64_C(1099511628211);
	}
	return sum;
}

static uint64_t checksum(const char *arn, size_t length, const uint8_t *bytes)
{
	uint64_t sum = sum_add(UINT64_C(14695981039346656037), arn, length);
	return sum_add(sum, bytes, ITERATOR_CHECKED);
}

void wire_iterator_write(
	const struct wire_iterator *iterator, const char *region, char ret[WIRE_ITERATOR_MAX + 1])
{
	uint8_t bytes[ITERATOR_BYTES] = {ITERATOR_FORMAT, iterator->kept};
	char arn[DDB_STREAM_ARN_MAX];
	struct ddb_buffer out;
	ddb_stream_arn(region, iterator->stream.table, iterator->stream.label, arn);
	le_write(bytes + 2, iterator->after);
	le_write(bytes + 10, (uint64_t)iterator->made_s);
	le_write(bytes + ITERATOR_CHECKED, checksum(arn, strlen(arn), bytes));
	ddb_buffer_init(&out, WIRE_ITERATOR_MAX);
	ddb_buffer_add_string(&out, arn);
	ddb_buffer_add_string(&out, separator);
	ddb_base64_add(&out, bytes, sizeof bytes, false);
	size_t length = out.failed ? 0 : out.length;
	memcpy(ret, length ? out.bytes : "", length);
	ret[length] = '\0';
	ddb_buffer_done(&out);
}

static bool decode(const char *text, size_t length, struct wire_iterator *ret)
{
	uint8_t bytes[ITERATOR_TEXT];
	size_t decoded, tail = sizeof separator - 1 + ITERATOR_TEXT;
	if (length <= tail || length > WIRE_ITERATOR_MAX)
		return false;
	const char *mark = text + length - tail;
	size_t arn = (size_t)(mark - text);
	if (memcmp(mark, separator, sizeof separator - 1) != 0 ||
		!wire_stream_arn_read(text, arn, &ret->stream) ||
		!ddb_base64_decode(mark + sizeof separator - 1, ITERATOR_TEXT, false, bytes, &decoded) ||
		decoded != ITERATOR_BYTES || bytes[0] != ITERATOR_FORMAT || bytes[1] > 1)
		return false;
	ret->kept = bytes[1];
	ret->after = le_read(bytes + 2);
	ret->made_s = (int64_t)le_read(bytes + 10);
	return le_read(bytes + ITERATOR_CHECKED) == checksum(text, arn, bytes);
}

enum ddb_code wire_iterator_read(
	const char *text, size_t length, int64_t now_s, struct wire_iterator *ret, struct ddb_error *err)
{
	struct wire_iterator iterator;
	if (!decode(text, length, &iterator) || iterator.made_s < 0)
		return ddb_fail(err, DDB_VALIDATION, "Invalid ShardIterator");
	/* One of later was made before the clock was set back. */
	if (iterator.made_s < now_s - WIRE_ITERATOR_SECONDS || iterator.made_s > now_s + AHEAD_SECONDS)
		return ddb_fail(err, DDB_EXPIRED_ITERATOR,
			"The shard iterator has expired and can no longer be used to retrieve stream "
			"records.");
	*ret = iterator;
	return DDB_OK;
}
