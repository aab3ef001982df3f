/*
 * The errno of every error, and the ring behind /.errors: order, bounds, who sees what.
 */
#include "mapping/refusal.h"
#include "engine/base64.h"
#include "engine/utf8.h"
#include "engine/json.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct map_caller alice = {.uid = 1000, .gid = 1000, .pid = 41};
static const struct map_caller bob = {.uid = 1001, .gid = 1001, .pid = 42};

static void knows_every_errno(void **state)
{
	static const struct {
		enum ddb_code code;
		int number;
		const char *name;
	} cases[] = {
		{DDB_OK, 0, "0"},
		{DDB_VALIDATION, EINVAL, "EINVAL"},
		{DDB_ITEM_TOO_LARGE, EFBIG, "EFBIG"},
		{DDB_SERIALIZATION, EINVAL, "EINVAL"},
		{DDB_CONDITIONAL_CHECK_FAILED, ECANCELED, "ECANCELED"},
		{DDB_TRANSACTION_CANCELED, ECANCELED, "ECANCELED"},
		{DDB_TRANSACTION_CONFLICT, EBUSY, "EBUSY"},
		{DDB_RESOURCE_IN_USE, EBUSY, "EBUSY"},
		{DDB_RESOURCE_NOT_FOUND, ENOENT, "ENOENT"},
		{DDB_THROUGHPUT_EXCEEDED, EAGAIN, "EAGAIN"},
		{DDB_THROTTLING, EAGAIN, "EAGAIN"},
		{DDB_REQUEST_LIMIT_EXCEEDED, EAGAIN, "EAGAIN"},
		{DDB_ACCESS_DENIED, EACCES, "EACCES"},
		{DDB_LIMIT_EXCEEDED, EDQUOT, "EDQUOT"},
		{DDB_ITEM_COLLECTION_TOO_LARGE, EDQUOT, "EDQUOT"},
		{DDB_UNKNOWN_OPERATION, EOPNOTSUPP, "EOPNOTSUPP"},
		{DDB_REQUEST_TOO_LARGE, EFBIG, "EFBIG"},
		{DDB_IDEMPOTENT_MISMATCH, EEXIST, "EEXIST"},
		{DDB_EXPIRED_ITERATOR, EINVAL, "EINVAL"},
		{DDB_TRIMMED_DATA, ENODATA, "ENODATA"},
		{DDB_INTERNAL, EIO, "EIO"},
		{DDB_DAMAGED, EIO, "EIO"},
		{DDB_STORE_FULL, ENOSPC, "ENOSPC"},
		{DDB_STORE_READ_ONLY, EROFS, "EROFS"},
		{DDB_NO_MEMORY, ENOMEM, "ENOMEM"},
		{DDB_UNREACHABLE, EHOSTUNREACH, "EHOSTUNREACH"},
		{DDB_TIMED_OUT, ETIMEDOUT, "ETIMEDOUT"},
		{DDB_VIEW_ENDED, ESTALE, "ESTALE"},
	};
	(void)state;
	assert_int_equal(COUNT(cases), DDB_CODES);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(cases[i].code, i);
		assert_int_equal(map_errno(cases[i].code), cases[i].number);
		assert_string_equal(map_errno_name(cases[i].number), cases[i].name);
	}
	assert_string_equal(map_errno_name(EBADMSG), "EBADMSG");
	assert_string_equal(map_errno_name(EROFS), "EROFS");
	assert_string_equal(map_errno_name(12345), "EUNKNOWN");
}

/* What `uid` sees, NUL-terminated. */
static void see(struct map_refusals *refusals, uid_t uid, struct ddb_buffer *out)
{
	ddb_buffer_init(out, 64 << 20);
	map_refusals_write(refusals, uid, out);
	ddb_buffer_add(out, "", 1);
	assert_false(out->failed);
}

static unsigned count_lines(const char *text)
{
	unsigned lines = 0;
	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* A line is one JSON object; returns its members. */
static struct ddb_value read_line(struct ddb_arena *arena, const char *line)
{
	static const struct ddb_json_limits limits = {.nesting = 1, .nodes = 20, .object_only = true};
	struct ddb_error err = {.message = ""};
	struct ddb_value json;
	if (ddb_json_read(arena, &limits, line, strcspn(line, "\n"), &json, &err))
		fail_msg("%s: %s", line, err.message);
	return json;
}

static void assert_member(const struct ddb_value *json, const char *name, const char *expected)
{
	const struct ddb_value *value = ddb_map_get(json, name, strlen(name));
	assert_non_null(value);
	assert_int_equal(value->type, DDB_S);
	assert_int_equal(value->count, strlen(expected));
	assert_memory_equal(value->bytes, expected, value->count);
}

static void writes_one_line(void **state)
{
	struct ddb_error err = {DDB_VALIDATION, "One \"bad\" thing\nat line 1"};
	struct map_refusals *refusals = map_refusals_new();
	DDB_BUFFER_AUTO struct ddb_buffer out;
	struct ddb_arena arena;
	(void)state;
	assert_non_null(refusals);
	struct timespec before, after; /* time(2) may be a tick behind */
	clock_gettime(CLOCK_REALTIME, &before);
	assert_int_equal(map_refuse(refusals, &alice, "T/a.json", "write", EINVAL, &err), EINVAL);
	see(refusals, alice.uid, &out);
	char line[512];
	snprintf(line, sizeof(line),
		"\",\"uid\":1000,\"pid\":41,\"path\":\"T/"
		"a.json\",\"operation\":\"write\",\"errno\":\"EINVAL\","
		"\"type\":\"ValidationException\",\"message\":\"One \\\"bad\\\" thing\\nat line 1\"}\n");
	assert_memory_equal(out.bytes, "{\"time\":\"", 9);
	assert_string_equal(out.bytes + 9 + strlen("2026-01-04T12:34:56.123456789Z"), line);
	struct tm parts;
	memset(&parts, 0, sizeof(parts));
	const char *rest = strptime(out.bytes + 9, "%Y-%m-%dT%H:%M:%S", &parts);
	assert_non_null(rest);
	assert_int_equal(strspn(rest + 1, "0123456789"), 9);
	assert_true(rest[0] == '.' && rest[10] == 'Z');
	time_t when = timegm(&parts);
	clock_gettime(CLOCK_REALTIME, &after);
	assert_true(when >= before.tv_sec && when <= after.tv_sec);
	ddb_arena_init(&arena, 1 << 20);
	read_line(&arena, out.bytes);
	ddb_arena_done(&arena);
	map_refusals_free(refusals);
}

static void shows_each_their_own(void **state)
{
	struct ddb_error err = {DDB_ACCESS_DENIED, "no"};
	struct map_refusals *refusals = map_refusals_new();
	DDB_BUFFER_AUTO struct ddb_buffer none, hers, his, all, stranger;
	(void)state;
	see(refusals, 0, &none);
	assert_string_equal(none.bytes, "");
	map_refuse(refusals, &alice, "first", "open", EACCES, &err);
	map_refuse(refusals, &bob, "second", "open", EACCES, &err);
	map_refuse(refusals, &alice, "third", "open", EACCES, &err);
	see(refusals, alice.uid, &hers);
	see(refusals, bob.uid, &his);
	see(refusals, 0, &all);
	see(refusals, 77, &stranger);
	assert_int_equal(count_lines(hers.bytes), 2);
	assert_int_equal(count_lines(his.bytes), 1);
	assert_int_equal(count_lines(all.bytes), 3);
	assert_string_equal(stranger.bytes, "");
	assert_null(strstr(hers.bytes, "second"));
	assert_non_null(strstr(his.bytes, "second"));
	const char *first = strstr(all.bytes, "first"), *second = strstr(all.bytes, "second");
	assert_true(first && second && first < second && second < strstr(all.bytes, "third"));
	assert_non_null(strstr(all.bytes, "\"type\":\"AccessDeniedException\""));
	map_refusals_free(refusals);
}

static void keeps_the_last_thousand(void **state)
{
	struct ddb_error err = {DDB_VALIDATION, "no"};
	struct map_refusals *refusals = map_refusals_new();
	DDB_BUFFER_AUTO struct ddb_buffer out;
	struct ddb_arena arena;
	(void)state;
	for (unsigned i = 0; i < 2345; i++) {
		char path[32];
		snprintf(path, sizeof(path), "T/%u.json", i);
		map_refuse(refusals, &alice, path, "write", EINVAL, &err);
	}
	see(refusals, alice.uid, &out);
	ddb_arena_init(&arena, 1 << 20);
	const char *line = out.bytes;
	for (unsigned i = 2345 - MAP_REFUSALS_KEPT; i < 2345; i++) {
		char path[32];
		snprintf(path, sizeof(path), "T/%u.json", i);
		struct ddb_value json = read_line(&arena, line);
		assert_member(&json, "path", path);
		line = strchr(line, '\n') + 1;
	}
	assert_string_equal(line, "");
	ddb_arena_done(&arena);
	map_refusals_free(refusals);
}

static void bounds_and_cleans_text(void **state)
{
	struct map_refusals *refusals = map_refusals_new();
	struct ddb_error err = {.code = DDB_VALIDATION};
	DDB_BUFFER_AUTO struct ddb_buffer out;
	struct ddb_arena arena;
	(void)state;
	char *path = test_malloc(MAP_PATH_MAX), operation[200];
	for (size_t i = 0; i + 2 < MAP_PATH_MAX; i += 2)
		memcpy(path + i, "é", 3);
	memset(operation, 'o', sizeof(operation));
	operation[sizeof(operation) - 1] = '\0';
	memset(err.message, 'm', DDB_MESSAGE_MAX);
	err.message[DDB_MESSAGE_MAX - 1] = '\0';
	map_refuse(refusals, &alice, path, operation, EINVAL, &err);
	map_refuse(refusals, &alice, path + 1, "write", EINVAL, &err);
	map_refuse(refusals, &alice, "a\xff/\xc3/\xe2\x82", "write", EINVAL, &err);
	map_refuse(refusals, &alice, "", "", EINVAL, &err);
	see(refusals, alice.uid, &out);
	assert_int_equal(ddb_utf8_prefix(out.bytes, out.length), out.length);
	ddb_arena_init(&arena, 1 << 20);
	struct ddb_value json = read_line(&arena, out.bytes);
	const struct ddb_value *kept = ddb_map_get(&json, "path", 4);
	assert_true(kept->count > 4000 && kept->count < 4096 && kept->count % 2 == 0);
	assert_memory_equal(kept->bytes, path, kept->count);
	assert_int_equal(ddb_map_get(&json, "operation", 9)->count, 63);
	assert_int_equal(ddb_map_get(&json, "message", 7)->count, DDB_MESSAGE_MAX - 1);
	const char *line = strchr(out.bytes, '\n') + 1;
	json = read_line(&arena, line);
	kept = ddb_map_get(&json, "path", 4);
	assert_int_equal(kept->bytes[0], '?');
	assert_memory_equal(kept->bytes + 1, path, kept->count - 1);
	line = strchr(line, '\n') + 1;
	json = read_line(&arena, line);
	assert_member(&json, "path", "a?/?/??");
	line = strchr(line, '\n') + 1;
	json = read_line(&arena, line);
	assert_member(&json, "path", "");
	ddb_arena_done(&arena);
	test_free(path);
	map_refusals_free(refusals);
}

/* Refusals of the tree's own. */
static void fills_in_what_is_not_given(void **state)
{
	static const struct {
		int number;
		const char *type, *message;
	} cases[] = {
		{EINVAL, "ValidationException", "Invalid argument"},
		{EFBIG, "ValidationException", "File too large"},
		{EEXIST, "ValidationException", "File exists"},
		{ENOENT, "ResourceNotFoundException", "No such file or directory"},
		{EACCES, "AccessDeniedException", "Permission denied"},
		{EIO, "InternalServerError", "Input/output error"},
		{12345, "ValidationException", "Unknown error"},
	};
	struct ddb_error empty = {.message = ""};
	struct map_refusals *refusals = map_refusals_new();
	DDB_BUFFER_AUTO struct ddb_buffer out;
	struct ddb_arena arena;
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
			map_refuse(refusals, &alice, "p", "op", cases[i].number, i % 2 ? &empty : NULL),
			cases[i].number);
	see(refusals, 0, &out);
	ddb_arena_init(&arena, 1 << 20);
	const char *line = out.bytes;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ddb_value json = read_line(&arena, line);
		assert_member(&json, "type", cases[i].type);
		assert_member(&json, "message", cases[i].message);
		line = strchr(line, '\n') + 1;
	}
	ddb_arena_done(&arena);
	map_refusals_free(refusals);
	map_refusals_free(NULL);
}

static void *refuse_often(void *argument)
{
	struct ddb_error err = {DDB_VALIDATION, "no"};
	for (int i = 0; i < 2000; i++)
		map_refuse(argument, i % 2 ? &alice : &bob, "T/a.json", "write", EINVAL, &err);
	return NULL;
}

static void takes_many_threads(void **state)
{
	struct map_refusals *refusals = map_refusals_new();
	pthread_t threads[4];
	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, refuse_often, refusals), 0);
	for (int i = 0; i < 20; i++) {
		DDB_BUFFER_AUTO struct ddb_buffer out;
		see(refusals, alice.uid, &out);
		assert_true(count_lines(out.bytes) <= MAP_REFUSALS_KEPT);
	}
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	DDB_BUFFER_AUTO struct ddb_buffer out;
	see(refusals, 0, &out);
	assert_int_equal(count_lines(out.bytes), MAP_REFUSALS_KEPT);
	map_refusals_free(refusals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_every_errno),
		cmocka_unit_test(writes_one_line),
		cmocka_unit_test(shows_each_their_own),
		cmocka_unit_test(keeps_the_last_thousand),
		cmocka_unit_test(bounds_and_cleans_text),
		cmocka_unit_test(fills_in_what_is_not_given),
		cmocka_unit_test(takes_many_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
