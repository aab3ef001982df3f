/*
 * The parts of a trigger that need no mount: numbers, the backlog's position, how a batch is divided around
 * what fails, how a record becomes one of an event, and checkpoints.
 */
#include "tools/command.h"
#include "tools/trigger/checkpoint.h"
#include "tools/trigger/event.h"
#include "tools/trigger/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char complaint[1024];

int command_failed(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(complaint, sizeof complaint, format, arguments);
	va_end(arguments);
	return EXIT_FAILED;
}

static struct trigger_position position(unsigned number)
{
	struct trigger_position position = {.time = number};
	snprintf(position.sequence.digits, sizeof position.sequence.digits, "%021u", number);
	return position;
}

static unsigned number_of(const struct trigger_position *at)
{
	return (unsigned)strtoul(at->sequence.digits, NULL, 10);
}

/* ---- Numbers ---- */

static void check_order(const char *a, const char *b, int expected)
{
	struct trigger_sequence left, right;
	assert_true(
		trigger_sequence_read(a, strlen(a), &left) && trigger_sequence_read(b, strlen(b), &right));
	int order = trigger_sequence_compare(&left, &right);
	assert_int_equal((order > 0) - (order < 0), expected);
}

static void test_sequences(void **state)
{
	(void)state;
	struct trigger_sequence sequence;
	check_order("7", "7", 0);
	check_order("000000000000000000007", "7", 0);
	check_order("9", "10", -1);
	check_order("000000000000000000010", "9", 1);
	check_order("0", "00", 0);
	/* More than 64 bits, as the service has them */
	check_order("340282366920938463463374607431768211455", "340282366920938463463374607431768211456", -1);
	assert_true(trigger_sequence_read("000", 3, &sequence) && trigger_sequence_is_zero(&sequence));
	assert_true(trigger_sequence_read("010", 3, &sequence) && !trigger_sequence_is_zero(&sequence));
	for (size_t i = 0; i < 5; i++) {
		static const char *const wrong[] = {
			"", "-1", "1.5", "1e3", "00000000000000000000000000000000000000001"};
		assert_false(trigger_sequence_read(wrong[i], strlen(wrong[i]), &sequence));
	}
}

/* ---- The backlog ---- */

/* Records in any order of being done, some of them unwanted: the position never passes one that is not done.
 */
static void test_backlog(void **state)
{
	(void)state;
	enum { RECORDS = 2000 };
	struct trigger_record *open[RECORDS];
	struct trigger_backlog backlog;
	struct trigger_position zero = position(0);
	bool done[RECORDS + 1] = {true};
	unsigned count = 0, next = 1, passed = 0;
	srandom(7);
	trigger_backlog_init(&backlog, &zero);
	while (next <= RECORDS || count) {
		struct trigger_position at = position(next);
		unsigned before = number_of(&backlog.reached);
		bool moved;
		if (next <= RECORDS && (!count || random() % 2)) {
			if (random() % 4) {
				open[count++] = trigger_backlog_add(&backlog, &at, 0, "text", 4);
				moved = false;
			} else {
				moved = trigger_backlog_pass(&backlog, &at);
				done[next] = true;
			}
			next++;
		} else {
			unsigned which = (unsigned)random() % count;
			done[number_of(&open[which]->position)] = true;
			moved = trigger_backlog_finish(&backlog, open[which]);
			open[which] = open[--count];
		}
		unsigned reached = number_of(&backlog.reached);
		assert_int_equal(moved, reached != before);
		for (; passed <= reached; passed++)
			assert_true(done[passed]);
		/* Nor is it behind: what follows is not done. */
		assert_true(reached + 1 == next || !done[reached + 1]);
	}
	assert_int_equal(number_of(&backlog.reached), RECORDS);
	assert_int_equal(backlog.bytes, 0);
	assert_null(backlog.first);
	trigger_backlog_done(&backlog);
}

/* ---- Batches ---- */

struct play {
	struct trigger_backlog backlog;
	struct trigger_lane lane;
	struct trigger_lane_rules rules;
	int64_t now;
	unsigned attempts, letters;
};

static void play_init(struct play *play, unsigned batch, unsigned retries)
{
	struct trigger_position zero = position(0);
	*play = (struct play){.rules = {.batch = batch, .backoff = 100, .retries = retries}};
	trigger_backlog_init(&play->backlog, &zero);
}

static void play_add(struct play *play, unsigned from, unsigned to, size_t length)
{
	char *text = calloc(1, length);
	for (; from <= to; from++) {
		struct trigger_position at = position(from);
		trigger_lane_add(
			&play->lane, trigger_backlog_add(&play->backlog, &at, play->now, text, length));
	}
	free(text);
}

/* One attempt, which fails if a number divisible by `poison` is in it. Returns its first number. */
static unsigned play_attempt(struct play *play, unsigned poison)
{
	int64_t due = trigger_lane_due(&play->lane, &play->rules, true);
	assert_true(due < INT64_MAX);
	play->now = due > play->now ? due : play->now;
	size_t count = trigger_lane_begin(&play->lane, &play->rules);
	assert_true(count && count <= play->rules.batch && count <= play->lane.count);
	unsigned first = number_of(&play->lane.first->position);
	bool fails = false;
	play->attempts++;
	for (unsigned i = 0; i < count; i++)
		fails |= poison && (first + i) % poison == 0;
	if (!fails) {
		assert_true(trigger_lane_succeed(&play->lane, &play->backlog));
		return first;
	}
	if (trigger_lane_fail(&play->lane, &play->rules, play->now) == TRIGGER_GIVE_UP) {
		assert_int_equal(count, 1);
		assert_int_equal(play->lane.failures, play->rules.retries + 1);
		play->letters++;
		trigger_lane_succeed(&play->lane, &play->backlog);
	}
	return first;
}

static void test_halving(void **state)
{
	(void)state;
	static const struct {
		unsigned records, batch, retries, poison, letters;
	} cases[] = {{1000, 100, 2, 250, 4}, {1, 1, 0, 1, 1}, {7, 100, 3, 7, 1}, {64, 64, 1, 1, 64},
		{10000, 10000, 0, 9999, 1}, {10001, 10000, 0, 0, 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct play play;
		unsigned last = 0;
		play_init(&play, cases[i].batch, cases[i].retries);
		play_add(&play, 1, cases[i].records, 3);
		while (play.lane.count) {
			unsigned first = play_attempt(&play, cases[i].poison);
			assert_true(first >= last && first <= number_of(&play.backlog.reached) + 1);
			last = first;
		}
		assert_int_equal(play.letters, cases[i].letters);
		assert_int_equal(number_of(&play.backlog.reached), cases[i].records);
		assert_int_equal(play.lane.piece_count, 0);
		assert_int_equal(trigger_lane_due(&play.lane, &play.rules, true), INT64_MAX);
		trigger_backlog_done(&play.backlog);
	}
}

/* One that never succeeds is tried for ever, after pauses that double up to a minute and are never even. */
static void test_pauses(void **state)
{
	(void)state;
	struct play play;
	bool differ = false;
	play_init(&play, 1, TRIGGER_NEVER_GIVE_UP);
	play_add(&play, 1, 1, 3);
	for (unsigned failures = 0; failures < 100; failures++) {
		int64_t most = failures < 10 ? 100 << failures : TRIGGER_PAUSE_MAX;
		most = most > TRIGGER_PAUSE_MAX ? TRIGGER_PAUSE_MAX : most;
		play_attempt(&play, 1);
		int64_t pause = play.lane.pause_until - play.now;
		assert_true(pause >= most / 2 && pause <= most);
		differ |= failures >= 20 && pause != play.lane.pause_until && pause != most;
	}
	assert_true(differ);
	assert_int_equal(play.letters, 0);
	trigger_backlog_done(&play.backlog);
}

/* What cannot be tried is no failure; nor is it tried without a pause, whatever failures may be. */
static void test_rests(void **state)
{
	(void)state;
	struct play play;
	play_init(&play, 1, 2);
	play.rules.backoff = 0;
	play_add(&play, 1, 2, 3);
	for (unsigned rests = 0; rests < 100; rests++) {
		int64_t most = rests < 10 ? TRIGGER_REST_MIN << rests : TRIGGER_PAUSE_MAX;
		most = most > TRIGGER_PAUSE_MAX ? TRIGGER_PAUSE_MAX : most;
		trigger_lane_begin(&play.lane, &play.rules);
		trigger_lane_rest(&play.lane, &play.rules, play.now);
		int64_t pause = trigger_lane_due(&play.lane, &play.rules, true) - play.now;
		assert_true(pause >= most / 2 && pause <= most);
		play.now += pause;
	}
	assert_int_equal(play.lane.failures, 0);
	for (unsigned failures = 0; failures < 3; failures++) {
		int64_t before = play.now;
		play_attempt(&play, 1);
		assert_true(failures == 0 || play.now == before);
	}
	assert_int_equal(play.letters, 1);
	/* A letter that cannot be written: the next attempt fails, too, and waits longer. */
	for (unsigned failures = 0; failures < 5; failures++) {
		int64_t least = (int64_t)TRIGGER_REST_MIN << failures;
		assert_int_equal(trigger_lane_begin(&play.lane, &play.rules), 1);
		trigger_lane_fail(&play.lane, &play.rules, play.now);
		trigger_lane_rest(&play.lane, &play.rules, play.now);
		assert_true(play.lane.pause_until - play.now >= least);
	}
	trigger_backlog_done(&play.backlog);
}

static void test_when_due(void **state)
{
	(void)state;
	struct play play;
	play_init(&play, 3, 0);
	play.rules.window = 1000;
	play.now = 50;
	assert_int_equal(trigger_lane_due(&play.lane, &play.rules, true), INT64_MAX);
	play_add(&play, 1, 2, 3);
	assert_int_equal(trigger_lane_due(&play.lane, &play.rules, false), 1050);
	assert_int_equal(trigger_lane_due(&play.lane, &play.rules, true), 0);
	play.now = 60;
	play_add(&play, 3, 3, 3); /* it is full */
	assert_int_equal(trigger_lane_due(&play.lane, &play.rules, false), 0);
	play.lane.command.pid = 1;
	assert_int_equal(trigger_lane_due(&play.lane, &play.rules, false), INT64_MAX);
	trigger_backlog_done(&play.backlog);
	/* Or it has as many bytes as an event may have; one record is never too large. */
	play_init(&play, 100, 0);
	play.rules.window = 1000;
	play_add(&play, 1, 3, TRIGGER_EVENT_MAX / 2 - 1);
	assert_int_equal(trigger_lane_due(&play.lane, &play.rules, false), 0);
	assert_int_equal(trigger_lane_begin(&play.lane, &play.rules), 2);
	trigger_backlog_done(&play.backlog);
	play_init(&play, 100, 0);
	play_add(&play, 1, 2, TRIGGER_EVENT_MAX + 1);
	assert_int_equal(trigger_lane_begin(&play.lane, &play.rules), 1);
	trigger_backlog_done(&play.backlog);
}

/* ---- Events ---- */

#define CHANGE                                                                                               \
	"\"dynamodb\":{\"ApproximateCreationDateTime\":1700000000.5,\"Keys\":{\"id\":{\"N\":\"%s\"}},"       \
	"\"SequenceNumber\":\"%s\",\"SizeBytes\":3,\"StreamViewType\":\"KEYS_ONLY\"}"

static enum ddb_code read_event(
	const struct trigger_event_rules *rules, const char *line, struct trigger_event *ret, char text[2048])
{
	struct ddb_buffer buffer DDB_BUFFER_AUTO = {0};
	struct ddb_error err;
	ddb_buffer_init(&buffer, 2047);
	enum ddb_code code = trigger_event_read(rules, line, strlen(line), ret, &buffer, &err);
	memcpy(text, buffer.length ? buffer.bytes : "", buffer.length);
	text[buffer.length] = 0;
	return code;
}

static void test_events(void **state)
{
	(void)state;
	static const char filter[] = "{\"userIdentity\":{\"type\":[\"Service\"]}}";
	struct trigger_event_rules rules = {.stream = "arn:x", .hash = "id"};
	struct trigger_event event, other;
	struct pattern *pattern;
	char line[2048], expected[2048], text[2048];
	snprintf(line, sizeof line, "{\"eventName\":\"INSERT\"," CHANGE "}", "12",
		"0000000000000000000000017");
	snprintf(expected, sizeof expected,
		"{" CHANGE ",\"eventName\":\"INSERT\",\"eventSourceARN\":\"arn:x\"}", "12",
		"0000000000000000000000017");
	assert_int_equal(read_event(&rules, line, &event, text), DDB_OK);
	assert_string_equal(text, expected);
	assert_true(event.wanted);
	assert_int_equal(event.position.time, 1700000000);
	assert_string_equal(event.position.sequence.digits, "0000000000000000000000017");

	/* What TTL has removed */
	snprintf(line, sizeof line,
		"{\"eventName\":\"REMOVE\"," CHANGE
		",\"userIdentity\":{\"Type\":\"Service\",\"PrincipalId\":\"dynamodb.amazonaws.com\"}}",
		"12", "18");
	snprintf(expected, sizeof expected,
		"{" CHANGE ",\"eventName\":\"REMOVE\",\"eventSourceARN\":\"arn:x\","
		"\"userIdentity\":{\"principalId\":\"dynamodb.amazonaws.com\",\"type\":\"Service\"}}",
		"12", "18");
	assert_int_equal(read_event(&rules, line, &other, text), DDB_OK);
	assert_string_equal(text, expected);
	assert_true(other.key == event.key);

	/* A filter sees what the event shows; what it does not want has no text. */
	assert_int_equal(pattern_new(filter, strlen(filter), &pattern, NULL), DDB_OK);
	rules.patterns = &pattern;
	rules.pattern_count = 1;
	assert_int_equal(read_event(&rules, line, &other, text), DDB_OK);
	assert_true(other.wanted && *text);
	snprintf(line, sizeof line, "{\"eventName\":\"INSERT\"," CHANGE "}", "13", "19");
	assert_int_equal(read_event(&rules, line, &other, text), DDB_OK);
	assert_true(!other.wanted && !*text && other.key != event.key);
	pattern_free(pattern);

	static const char *const wrong[] = {"", "{}", "[]", "{\"dynamodb\":{}}", "{\"dynamodb\":1}"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(read_event(&rules, wrong[i], &other, text), DDB_VALIDATION);
	snprintf(line, sizeof line, "{" CHANGE "}", "13", "x");
	assert_int_equal(read_event(&rules, line, &other, text), DDB_VALIDATION);
	rules.hash = "other";
	snprintf(line, sizeof line, "{" CHANGE "}", "13", "19");
	assert_int_equal(read_event(&rules, line, &other, text), DDB_VALIDATION);
}

/* ---- Checkpoints ---- */

static void put_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_checkpoints(void **state)
{
	(void)state;
	char directory[] = "/tmp/dynamount-trigger-XXXXXX";
	struct trigger_checkpoint *checkpoint, *second;
	struct trigger_position at = position(17), got;
	char path[4096], table[TRIGGER_TABLE_ID_MAX + 1];
	bool there;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/checkpoint", directory);
	checkpoint = trigger_checkpoint_open(path, "/mnt", "Tab");
	assert_non_null(checkpoint);
	assert_true(trigger_checkpoint_read(checkpoint, &there, table, &got) && !there);
	assert_true(trigger_checkpoint_write(checkpoint, "id", &at));
	assert_true(trigger_checkpoint_read(checkpoint, &there, table, &got) && there);
	assert_string_equal(table, "id");
	assert_int_equal(number_of(&got), 17);
	assert_int_equal(got.time, 17);

	assert_null(trigger_checkpoint_open(path, "/mnt", "Tab"));
	assert_non_null(strstr(complaint, "in use by another trigger, process"));

	/* What is no checkpoint is not taken for the absence of one. */
	static const char *const wrong[] = {"", "{}", "{\"table\":\"id\",\"sequence\":\"1\"}",
		"{\"table\":\"id\",\"sequence\":1,\"time\":0}",
		"{\"table\":\"id\",\"sequence\":\"1\",\"time\":0} x",
		"{\"table\":\"id\",\"sequence\":\"\",\"time\":0}",
		"{\"table\":\"id\",\"sequence\":\"1\",\"ti"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		put_text(path, wrong[i]);
		assert_false(trigger_checkpoint_read(checkpoint, &there, table, &got));
		assert_non_null(strstr(complaint, "this is no checkpoint"));
	}

	/* Commands of one that is gone */
	int guard = trigger_checkpoint_guard(checkpoint), other = trigger_checkpoint_guard(checkpoint);
	assert_true(guard >= 0 && other >= 0);
	trigger_checkpoint_close(checkpoint);
	second = trigger_checkpoint_open(path, "/mnt", "Tab");
	assert_non_null(second);
	assert_true(trigger_checkpoint_is_guarded(second));
	trigger_checkpoint_release(guard);
	assert_true(trigger_checkpoint_is_guarded(second));
	int inherited = dup(other); /* what it left in the background does not count */
	trigger_checkpoint_release(other);
	assert_false(trigger_checkpoint_is_guarded(second));
	close(inherited);
	trigger_checkpoint_close(second);

	assert_int_equal(unlink(path), 0);
	strcat(path, ".lock");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0); /* nothing else was left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sequences), cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_halving), cmocka_unit_test(test_pauses), cmocka_unit_test(test_rests),
		cmocka_unit_test(test_when_due), cmocka_unit_test(test_events),
		cmocka_unit_test(test_checkpoints)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
