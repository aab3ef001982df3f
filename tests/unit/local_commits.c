/*
 * Commits of transactions: conditions, tokens, limits, what is remembered of reads, and what is left when
 * something fails.
 */
#include "local_view_fixture.h"
#include "local_records.h"

#include "engine/local/txn/token.h"
#include "engine/local/txn/view.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define KEY(id) MAP("id=S:" id)
#define ITEM(id, value) MAP("id=S:" id, "v=S:" value)
#define ROW(day, value) MAP("who=S:" day, "at=N:" value)

static int set_up_tables(void **state)
{
	if (set_up(state))
		return -1;
	F;
	create(f, "Acc", "id:S");
	create(f, "Log", "who:S,at:N");
	put(f, "Acc", ITEM("a", "1"));
	put(f, "Acc", ITEM("b", "1"));
	return 0;
}

static struct ddb_value numbered(struct fixture *f, unsigned number, const char *value)
{
	char id[32];
	snprintf(id, sizeof id, "id=S:n%05u", number);
	if (!value)
		return map_of(&f->arena, id, NULL);
	char text[64];
	snprintf(text, sizeof text, "v=S:%s", value);
	return map_of(&f->arena, id, text, NULL);
}

static enum ddb_code try_put(struct fixture *f, struct ddb_engine *engine, struct ddb_value item)
{
	struct ddb_put_result ignored;
	const struct ddb_put_item request = {.table = "Acc", .item = item};
	return OP(engine, put_item, &request, &ignored, &f->err);
}

/* ---- Conditions ---- */

static struct ddb_condition_check check_of(
	struct fixture *f, const char *table, struct ddb_value key, const char *text)
{
	return (struct ddb_condition_check){.table = table,
		.key = key,
		.condition = condition(f, text, "{':1':'1',':2':'2'}"),
		.text = text,
		.length = strlen(text)};
}

static void conditions_hold(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_commit_result result;
	const struct ddb_condition_check checks[] = {
		check_of(f, "Acc", KEY("new"), "attribute_not_exists(id)"),
		check_of(f, "Acc", KEY("a"), "v = :1"),
	};
	/* Asked of the items before the transaction, which makes one and changes the other. */
	IN(view, {
		put(f, "Acc", ITEM("new", "1"));
		put(f, "Acc", ITEM("a", "2"));
	});
	assert_ok(f, commit_with(f, view, (struct ddb_commit){.checks = checks, .check_count = 2}, &result));
	end(view);
	assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "2");
}

static void conditions_alone(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_commit_result result;
	const struct ddb_condition_check check = check_of(f, "Acc", KEY("a"), "attribute_exists(id)");
	assert_ok(f, commit_with(f, view, (struct ddb_commit){.checks = &check, .check_count = 1}, &result));
	assert_int_equal(result.change_count, 0);
	end(view);
}

static void conditions_fail(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_commit_result result;
	const struct ddb_condition_check checks[] = {
		check_of(f, "Acc", KEY("a"), "v = :2"),
		check_of(f, "Acc", KEY("b"), "v = :1"),
		check_of(f, "Acc", KEY("absent"), "attribute_exists(id)"),
	};
	IN(view, put(f, "Acc", ITEM("c", "1")));
	/* It asks the item of now, which nobody has read. */
	put(f, "Acc", ITEM("a", "3"));
	assert_code(f, commit_with(f, view, (struct ddb_commit){.checks = checks, .check_count = 3}, &result),
		DDB_TRANSACTION_CANCELED);
	assert_int_equal(result.reason_count, 2);
	assert_int_equal(result.reasons[0].code, DDB_CONDITIONAL_CHECK_FAILED);
	assert_string_equal(result.reasons[0].message, "The conditional request failed");
	assert_string_equal(result.reasons[0].table, "Acc");
	assert_string_equal(text_of(&f->arena, &result.reasons[0].key, "id"), "a");
	assert_true(result.reasons[0].has_item);
	assert_string_equal(text_of(&f->arena, &result.reasons[0].item, "v"), "3");
	assert_string_equal(text_of(&f->arena, &result.reasons[1].key, "id"), "absent");
	assert_false(result.reasons[1].has_item);
	assert_false(there(f, "Acc", KEY("c")));
	end(view);
}

static void condition_on_nothing(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_commit_result result;
	struct ddb_condition_check check = check_of(f, "Acc", MAP("id=N:1"), "attribute_exists(id)");
	struct ddb_commit request = {.checks = &check, .check_count = 1};
	assert_code(f, commit_with(f, view, request, &result), DDB_VALIDATION);
	assert_int_equal(result.reason_count, 1);
	check = check_of(f, "None", KEY("a"), "attribute_exists(id)");
	assert_code(f, commit_with(f, view, request, &result), DDB_RESOURCE_NOT_FOUND);
	end(view);
}

/* The items that are told have a bound together, whatever the number of conditions; all reasons are told. */
static void told_items_are_bounded(void **state)
{
	enum { ITEMS = 30, BYTES = 390000 };
	F;
	struct ddb_condition_check checks[ITEMS];
	struct ddb_commit_result result;
	size_t bytes = 0;
	for (unsigned i = 0; i < ITEMS; i++) {
		struct ddb_value key = numbered(f, i, NULL);
		put(f, "Acc", with(&f->arena, &key, "x", filled(&f->arena, BYTES, 'x')));
		checks[i] = check_of(f, "Acc", key, "attribute_not_exists(id)");
	}
	struct ddb_engine *view = begin(f);
	const struct ddb_commit request = {.checks = checks, .check_count = ITEMS};
	assert_code(f, commit_with(f, view, request, &result), DDB_TRANSACTION_CANCELED);
	assert_int_equal(result.reason_count, ITEMS);
	for (unsigned i = 0; i < ITEMS; i++) {
		assert_int_equal(result.reasons[i].code, DDB_CONDITIONAL_CHECK_FAILED);
		bytes += result.reasons[i].has_item ? ddb_item_size(&result.reasons[i].item) : 0;
	}
	assert_true(bytes <= DDB_REASONS_ITEMS_MAX && bytes + BYTES + 100 > DDB_REASONS_ITEMS_MAX);
	end(view);
}

/* ---- Tokens ---- */

static struct ddb_engine *staging(struct fixture *f, const char *value)
{
	struct ddb_engine *view = begin(f);
	IN(view, {
		put(f, "Acc", ITEM("a", "same"));
		put(f, "Acc", MAP("id=S:t", value));
		delete (f, "Acc", KEY("b"));
	});
	return view;
}

static enum ddb_code commit_token(struct fixture *f, struct ddb_engine *view, const char *token, bool *ret)
{
	struct ddb_commit_result result;
	enum ddb_code code = commit_with(f, view, (struct ddb_commit){.token = token}, &result);
	*ret = !code && result.repeated;
	return code;
}

static void token_repeats(void **state)
{
	F;
	bool repeated;
	struct ddb_engine *view = staging(f, "v=S:1");
	assert_ok(f, commit_token(f, view, "pay-1", &repeated));
	assert_false(repeated);
	/* The same view again: in spite of what it has read being changed by itself. */
	assert_ok(f, commit_token(f, view, "pay-1", &repeated));
	assert_true(repeated);
	end(view);
	engine_reopen(f);
	view = begin(f); /* whose puts are equal to what is there */
	IN(view, {
		put(f, "Acc", MAP("id=S:t", "v=S:1"));
		put(f, "Acc", ITEM("a", "same"));
		put(f, "Acc", ITEM("b", "1"));
		delete (f, "Acc", KEY("b"));
	});
	uint64_t version = get(f, "Acc", KEY("a")).entry.meta.version;
	assert_ok(f, commit_token(f, view, "pay-1", &repeated));
	assert_true(repeated);
	assert_true(get(f, "Acc", KEY("a")).entry.meta.version == version);
	end(view);
}

static void token_of_another(void **state)
{
	F;
	bool repeated;
	struct ddb_engine *view = staging(f, "v=S:1");
	assert_ok(f, commit_token(f, view, "pay-1", &repeated));
	end(view);
	view = begin(f);
	IN(view, put(f, "Acc", MAP("id=S:t", "v=S:2")));
	assert_code(f, commit_token(f, view, "pay-1", &repeated), DDB_IDEMPOTENT_MISMATCH);
	assert_string_equal(value_at(f, "Acc", KEY("t"), "v"), "1");
	assert_ok(f, commit_token(f, view, "pay-2", &repeated));
	assert_false(repeated);
	end(view);
}

static void token_counts_conditions(void **state)
{
	F;
	struct ddb_commit_result result;
	const struct ddb_condition_check one = check_of(f, "Acc", KEY("a"), "v = :1"),
					 two = check_of(f, "Acc", KEY("b"), "v = :1");
	const struct ddb_condition_check forth[] = {one, two}, back[] = {two, one};
	struct ddb_engine *view = begin(f);
	assert_ok(f, commit_with(f, view,
			     (struct ddb_commit){.token = "t", .checks = forth, .check_count = 2}, &result));
	assert_ok(f, commit_with(f, view, (struct ddb_commit){.token = "t", .checks = back, .check_count = 2},
			     &result));
	assert_true(result.repeated);
	assert_code(f,
		commit_with(f, view, (struct ddb_commit){.token = "t", .checks = forth, .check_count = 1},
			&result),
		DDB_IDEMPOTENT_MISMATCH);
	end(view);
}

static void token_of_the_api(void **state)
{
	F;
	bool repeated;
	struct ddb_transact_result result;
	const struct ddb_transact_action action = {
		.kind = DDB_TRANSACT_PUT, .table = "Acc", .value = ITEM("t", "1")};
	struct ddb_transact_write request = {
		.count = 1, .actions = &action, .token = "t", .identity = "x", .identity_length = 1};
	assert_ok(f, OP(f->engine, transact_write, &f->arena, &request, &result, &f->err));
	assert_false(result.repeated);
	assert_ok(f, OP(f->engine, transact_write, &f->arena, &request, &result, &f->err));
	assert_true(result.repeated);
	struct ddb_engine *view = begin(f);
	assert_code(f, commit_token(f, view, "t", &repeated), DDB_IDEMPOTENT_MISMATCH);
	assert_code(f, commit_token(f, view, "", &repeated), DDB_VALIDATION);
	assert_code(
		f, commit_token(f, view, "1234567890123456789012345678901234567", &repeated), DDB_VALIDATION);
	assert_ok(f, commit_token(f, view, "123456789012345678901234567890123456", &repeated));
	end(view);
}

static void token_of_a_refused_commit(void **state)
{
	F;
	bool repeated;
	struct ddb_engine *view = staging(f, "v=S:1");
	put(f, "Acc", ITEM("a", "theirs"));
	assert_code(f, commit_token(f, view, "t", &repeated), DDB_TRANSACTION_CANCELED);
	end(view);
	view = begin(f);
	IN(view, put(f, "Acc", ITEM("other", "1")));
	assert_ok(f, commit_token(f, view, "t", &repeated));
	assert_false(repeated);
	end(view);
}

/* ---- Tokens that are over ---- */

struct old_token {
	struct local_token token;
	int64_t time_ns;
};

static enum ddb_code old_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	struct old_token *old = context;
	return local_token_write(txn, &old->token, old->time_ns, err);
}

static void write_token(struct fixture *f, const char *text, int64_t age_seconds)
{
	struct old_token old = {.time_ns = local_now() - age_seconds * 1000000000};
	struct local_engine *engine = local_of(f->engine);
	assert_ok(f, local_token_init(&old.token, engine->store, text, &f->err));
	assert_ok(f, local_write(engine, old_job, &old, &f->err));
}

static void token_is_over(void **state)
{
	F;
	bool repeated;
	write_token(f, "future", -1000);
	write_token(f, "young", DDB_TOKEN_SECONDS - 60);
	write_token(f, "old", DDB_TOKEN_SECONDS);
	struct ddb_engine *view = begin(f);
	IN(view, put(f, "Acc", ITEM("t", "1")));
	assert_code(f, commit_token(f, view, "young", &repeated), DDB_IDEMPOTENT_MISMATCH);
	assert_code(f, commit_token(f, view, "future", &repeated), DDB_IDEMPOTENT_MISMATCH);
	assert_ok(f, commit_token(f, view, "old", &repeated));
	assert_false(repeated);
	end(view);
}

static void tokens_are_removed(void **state)
{
	F;
	char text[16];
	bool repeated;
	for (unsigned i = 0; i < 50; i++) {
		snprintf(text, sizeof text, "old-%u", i);
		write_token(f, text, DDB_TOKEN_SECONDS + 1);
	}
	struct ddb_engine *view = begin(f);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "new-%u", i);
		assert_ok(f, commit_token(f, view, text, &repeated));
	}
	end(view);
	assert_true(count_records(f, LOCAL_TOKEN) < 150); /* each has looked at some others */
	local_tokens_sweep(local_of(f->engine), local_now());
	assert_int_equal(count_records(f, LOCAL_TOKEN), 100);
	local_tokens_sweep(local_of(f->engine), local_now() + (int64_t)DDB_TOKEN_SECONDS * 1000000000);
	assert_int_equal(count_records(f, LOCAL_TOKEN), 0);
}

static enum ddb_code damage_job(struct store_txn *txn, void *context, struct ddb_error *err)
{
	static const uint8_t key[] = {LOCAL_TOKEN, 'x'};
	(void)context;
	return store_put(txn, key, sizeof key, "y", 1, NULL, 0, err);
}

static void check_finds_bad_tokens(void **state)
{
	F;
	write_token(f, "good", 1);
	assert_sound(f);
	assert_ok(f, local_write(local_of(f->engine), damage_job, NULL, &f->err));
	assert_int_equal(run_check(f, false).problems, 1);
	assert_int_equal(run_check(f, true).repaired, 1);
	assert_sound(f);
	assert_int_equal(count_records(f, LOCAL_TOKEN), 1);
}

/* ---- Limits ---- */

static void too_many_items(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_view_status status;
	for (unsigned i = 0; i < DDB_TRANSACT_MAX; i++)
		assert_ok(f, try_put(f, view, numbered(f, i, "1")));
	assert_refused(f, try_put(f, view, numbered(f, 100, "1")), DDB_VALIDATION,
		"1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member "
		"must have length less than or equal to 100");
	IN(view, {
		assert_false(there(f, "Acc", numbered(f, 100, NULL)));
		assert_string_equal(value_at(f, "Acc", numbered(f, 99, NULL), "v"), "1");
		assert_true(delete (f, "Acc", numbered(f, 0, NULL))); /* is again what it was */
	});
	assert_ok(f, try_put(f, view, numbered(f, 100, "1")));
	assert_ok(f, try_put(f, view, numbered(f, 50, "2"))); /* changed already */
	OP(view, view_status, &status);
	assert_int_equal(status.changed_items, DDB_TRANSACT_MAX);
	assert_int_equal(commit(f, view).change_count, DDB_TRANSACT_MAX);
	end(view);
}

/* What has nothing new but its time is written all the same. */
static void too_many_same(void **state)
{
	F;
	for (unsigned i = 0; i <= DDB_TRANSACT_MAX; i++)
		assert_ok(f, try_put(f, f->engine, numbered(f, i, "1")));
	struct ddb_engine *view = begin(f);
	for (unsigned i = 0; i < DDB_TRANSACT_MAX; i++)
		assert_ok(f, try_put(f, view, numbered(f, i, "1")));
	assert_code(f, try_put(f, view, numbered(f, DDB_TRANSACT_MAX, "1")), DDB_VALIDATION);
	assert_int_equal(commit(f, view).change_count, DDB_TRANSACT_MAX);
	end(view);
}

static void conditions_count(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_commit_result result;
	const struct ddb_condition_check check = check_of(f, "Acc", KEY("a"), "attribute_exists(id)");
	const struct ddb_commit request = {.checks = &check, .check_count = 1};
	for (unsigned i = 0; i < DDB_TRANSACT_MAX; i++)
		assert_ok(f, try_put(f, view, numbered(f, i, "1")));
	assert_code(f, commit_with(f, view, request, &result), DDB_VALIDATION);
	IN(view, delete (f, "Acc", numbered(f, 7, NULL)));
	assert_ok(f, commit_with(f, view, request, &result));
	end(view);
}

static void more_by_option(void **state)
{
	F;
	struct ddb_engine *view =
		view_open(f, (struct ddb_open_view){.kind = DDB_TRANSACTION, .max_items = 300});
	for (unsigned i = 0; i < 300; i++)
		assert_ok(f, try_put(f, view, numbered(f, i, "1")));
	assert_code(f, try_put(f, view, numbered(f, 300, "1")), DDB_VALIDATION);
	commit(f, view);
	end(view);
	assert_int_equal(counts(f, "Acc").items, 302);
}

static void too_many_lines(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_value items[DDB_TRANSACT_MAX + 1];
	struct ddb_put_many_result result;
	for (unsigned i = 0; i <= DDB_TRANSACT_MAX; i++)
		items[i] = numbered(f, i, "1");
	struct ddb_put_many request = {.table = "Acc", .items = items, .count = DDB_TRANSACT_MAX + 1};
	assert_code(f, OP(view, put_many, &request, &result, &f->err), DDB_VALIDATION);
	IN(view, assert_int_equal(counts(f, "Acc").items, 2));
	request.count--;
	assert_ok(f, OP(view, put_many, &request, &result, &f->err));
	end(view);
}

static void too_many_bytes(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_value large = filled(&f->arena, 400000, 'x');
	for (unsigned i = 0; i < 10; i++) {
		struct ddb_value item = numbered(f, i, "1");
		assert_ok(f, try_put(f, view, with(&f->arena, &item, "large", large)));
	}
	struct ddb_value item = numbered(f, 10, "1");
	assert_refused(f, try_put(f, view, with(&f->arena, &item, "large", large)), DDB_VALIDATION,
		"The aggregate size of the items in the transaction cannot exceed 4 MB");
	IN(view, assert_false(there(f, "Acc", numbered(f, 10, NULL))));
	assert_ok(f, try_put(f, view, numbered(f, 3, "small")));
	assert_ok(f, try_put(f, view, with(&f->arena, &item, "large", large)));
	commit(f, view);
	/* What is deleted weighs nothing. */
	put(f, "Acc", with(&f->arena, &item, "large", large));
	end(view);
	view = begin(f);
	IN(view, {
		for (unsigned i = 0; i < 11; i++)
			delete (f, "Acc", numbered(f, i, NULL));
	});
	commit(f, view);
	end(view);
}

/* More items may have more bytes, in proportion. */
static void many_bytes_of_many_items(void **state)
{
	F;
	struct ddb_engine *view =
		view_open(f, (struct ddb_open_view){.kind = DDB_TRANSACTION, .max_items = 200});
	struct ddb_value large = filled(&f->arena, 400000, 'x'), item = numbered(f, 20, "1");
	for (unsigned i = 0; i < 20; i++) {
		struct ddb_value one = numbered(f, i, "1");
		assert_ok(f, try_put(f, view, with(&f->arena, &one, "large", large)));
	}
	assert_refused(f, try_put(f, view, with(&f->arena, &item, "large", large)), DDB_VALIDATION,
		"The aggregate size of the items in the transaction cannot exceed 8 MB");
	end(view);
}

static void partition_that_is_too_large(void **state)
{
	F;
	char text[32];
	for (unsigned i = 0; i < 51; i++) {
		snprintf(text, sizeof text, "at=N:%u", i);
		put(f, "Log", map_of(&f->arena, "who=S:ann", text, NULL));
	}
	struct ddb_engine *view = begin(f);
	const struct ddb_move_partition request = {
		.table = "Log", .from = ddb_string("ann", 3), .to = ddb_string("bob", 3)};
	assert_code(f, OP(view, move_partition, &request, &f->err), DDB_ITEM_TOO_LARGE);
	IN(view, assert_int_equal(list_partitions(f, "Log", NULL), 1));
	IN(view, {
		delete (f, "Log", ROW("ann", "0"));
		delete (f, "Log", ROW("ann", "1"));
		assert_code(f, OP(view, move_partition, &request, &f->err), DDB_OK);
		assert_code(f, try_put(f, view, ITEM("z", "1")), DDB_VALIDATION);
	});
	end(view);
	/* With what was changed before it is too much. */
	view = begin(f);
	assert_ok(f, try_put(f, view, ITEM("y", "1")));
	assert_ok(f, try_put(f, view, ITEM("z", "1")));
	IN(view, delete (f, "Log", ROW("ann", "0")));
	assert_code(f, OP(view, move_partition, &request, &f->err), DDB_ITEM_TOO_LARGE);
	IN(view, {
		delete (f, "Log", ROW("ann", "1"));
		delete (f, "Log", ROW("ann", "2"));
		delete (f, "Log", ROW("ann", "3"));
	});
	assert_ok(f, OP(view, move_partition, &request, &f->err));
	commit(f, view);
	end(view);
	const struct ddb_value bob = ddb_string("bob", 3);
	assert_int_equal(query(f, (struct ddb_query){.table = "Log", .range = PARTITION(bob)}).count, 47);
	assert_int_equal(list_partitions(f, "Log", NULL), 1);
}

static void too_many_views(void **state)
{
	F;
	struct ddb_engine *views[1000];
	const struct ddb_open_view request = {.kind = DDB_SNAPSHOT};
	unsigned count = 0;
	enum ddb_code code = DDB_OK;
	while (!code && count < 1000) {
		code = OP(f->engine, open_view, &request, &views[count], &f->err);
		count += !code;
	}
	assert_int_equal(code, DDB_LIMIT_EXCEEDED);
	put(f, "Acc", ITEM("a", "2"));
	for (unsigned i = 0; i < count; i++)
		end(views[i]);
}

/* ---- Nothing that changed ---- */

static void back_to_what_it_was(void **state)
{
	F;
	struct ddb_view_status status;
	uint64_t version = get(f, "Acc", KEY("a")).entry.meta.version;
	struct ddb_engine *view = begin(f);
	IN(view, {
		put(f, "Acc", ITEM("a", "2"));
		put(f, "Acc", ITEM("new", "2"));
		put(f, "Acc", ITEM("a", "1"));
		delete (f, "Acc", KEY("new"));
	});
	OP(view, view_status, &status);
	assert_int_equal(status.changed_items, 1); /* a has another time */
	commit(f, view);
	end(view);
	assert_true(get(f, "Acc", KEY("a")).entry.meta.version == version);
	assert_int_equal(counts(f, "Acc").items, 2);
}

/* ---- Reads in bounded memory ---- */

static void two_thousand_reads(void **state)
{
	F;
	struct ddb_view_status status;
	for (unsigned i = 0; i < 2200; i++)
		put(f, "Acc", numbered(f, i, "1"));
	struct ddb_engine *view = begin(f);
	IN(view, {
		for (unsigned i = 0; i < 2000; i++)
			there(f, "Acc", numbered(f, i, NULL));
		put(f, "Acc", numbered(f, 0, "2"));
	});
	OP(view, view_status, &status);
	assert_true(status.bytes < 1 << 20);
	/* Nothing that was not read is in the way. */
	for (unsigned i = 2000; i < 2200; i++)
		put(f, "Acc", numbered(f, i, "2"));
	commit(f, view);
	end(view);
	view = begin(f);
	IN(view, {
		for (unsigned i = 0; i < 2000; i++)
			there(f, "Acc", numbered(f, i, NULL));
	});
	put(f, "Acc", numbered(f, 1234, "2"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Acc", "id", "n01234");
	end(view);
}

static bool covers(const struct local_span_set *set, const uint8_t *key, size_t length)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct local_span *span = &set->spans[i];
		size_t from = length < span->from_length ? length : span->from_length;
		size_t to = length < span->to_length ? length : span->to_length;
		int above = memcmp(key, span->bytes, from),
		    below = memcmp(key, span->bytes + span->to_at, to);
		if ((above > 0 || (above == 0 && length >= span->from_length)) &&
			(below < 0 || (below == 0 && length < span->to_length)))
			return true;
	}
	return false;
}

static void check_order(const struct local_span_set *set)
{
	size_t bytes = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct local_span *span = &set->spans[i], *next = span + 1;
		bytes += (size_t)span->to_at + span->to_length;
		if (i + 1 == set->count)
			break;
		size_t shorter = span->to_length < next->from_length ? span->to_length : next->from_length;
		int order = memcmp(span->bytes + span->to_at, next->bytes, shorter);
		assert_true(order < 0 || (order == 0 && span->to_length < next->from_length));
	}
	assert_true(bytes <= set->bytes);
}

enum { SPANS = 20000, SPAN_KEY_MAX = 900 };
static uint8_t span_keys[SPANS][SPAN_KEY_MAX + 1];
static uint16_t span_lengths[SPANS];

static void make_key(unsigned i, uint64_t *random, unsigned longest)
{
	span_lengths[i] = (uint16_t)(21 + *random % longest);
	for (unsigned k = 0; k < span_lengths[i]; k++) {
		*random = *random * 6364136223846793005u + 1442695040888963407u;
		span_keys[i][k] = k < 5 ? (uint8_t) "I\0\0\0\1"[k] : (uint8_t)(*random >> 60);
	}
	span_keys[i][span_lengths[i]] = 0;
}

/* Whatever is added stays covered, in bounded memory, and no more is merged than that needs. */
static void spans_widen(unsigned longest)
{
	struct local_span_set set = {.count = 0};
	uint64_t random = longest;
	for (unsigned i = 0; i < SPANS; i++) {
		make_key(i, &random, longest);
		assert_int_equal(local_span_add(&set, span_keys[i], span_lengths[i], span_keys[i],
					 span_lengths[i] + 1u, NULL),
			DDB_OK);
		assert_true(set.count <= LOCAL_SPANS_MAX && set.bytes <= LOCAL_SPAN_BYTES_MAX);
		if (i % 1000 == 0)
			check_order(&set);
	}
	for (unsigned i = 0; i < SPANS; i++)
		assert_true(covers(&set, span_keys[i], span_lengths[i]));
	assert_true(set.count > LOCAL_SPANS_MAX / 8 || set.bytes > LOCAL_SPAN_BYTES_MAX / 4);
	check_order(&set);
	for (size_t i = 0; i < set.count; i++)
		free(set.spans[i].bytes);
	free(set.spans);
}

static void spans_are_bounded(void **state)
{
	(void)state;
	spans_widen(8);
	spans_widen(SPAN_KEY_MAX - 21);
}

static void add_text(struct local_span_set *set, const char *from, const char *to)
{
	assert_int_equal(local_span_add(set, (const uint8_t *)from, strlen(from), (const uint8_t *)to,
				 strlen(to), NULL),
		DDB_OK);
	check_order(set);
}

static void spans_join(void **state)
{
	struct local_span_set set = {.count = 0};
	(void)state;
	add_text(&set, "d", "f");
	add_text(&set, "a", "b");
	add_text(&set, "x", "x");
	assert_int_equal(set.count, 2);
	add_text(&set, "b", "c"); /* touches */
	assert_int_equal(set.count, 2);
	add_text(&set, "dd", "de");
	assert_int_equal(set.count, 2);
	add_text(&set, "e", "g");
	add_text(&set, "h", "i");
	assert_int_equal(set.count, 3);
	assert_false(covers(&set, (const uint8_t *)"c", 1));
	assert_true(covers(&set, (const uint8_t *)"ff", 2));
	add_text(&set, "0", "z");
	assert_int_equal(set.count, 1);
	free(set.spans[0].bytes);
	free(set.spans);
}

/* ---- What ends views ---- */

static void assert_ended(struct fixture *f, struct ddb_engine *view, const char *why)
{
	struct ddb_view_status status;
	struct ddb_commit_result result;
	struct ddb_table *table;
	do {
		OP(view, view_status, &status);
		usleep(1000);
	} while (!status.ended);
	assert_non_null(strstr(status.why, why));
	assert_code(f, try_put(f, view, ITEM("a", "2")), DDB_VIEW_ENDED);
	assert_code(f, OP(view, describe_table, "Acc", &table, &f->err), DDB_VIEW_ENDED);
	assert_non_null(strstr(f->err.message, why));
	if (status.kind == DDB_TRANSACTION)
		assert_code(f, commit_with(f, view, (struct ddb_commit){0}, &result), DDB_VIEW_ENDED);
}

static void ended_by_hand(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	assert_ok(f, try_put(f, view, ITEM("a", "2")));
	OP(view, end_view, "No more");
	assert_ended(f, view, "No more");
	OP(view, end_view, "Twice");
	assert_ended(f, view, "No more");
	end(view);
	assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "1");
}

static void ended_by_time(void **state)
{
	F;
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.view_seconds = 1});
	struct ddb_engine *one = begin(f), *other = freeze(f);
	assert_ok(f, try_put(f, one, ITEM("a", "2")));
	assert_ended(f, one, "more than 1 seconds");
	assert_ended(f, other, "more than 1 seconds");
	end(other);
	end(one);
}

static char *status_of(struct fixture *f)
{
	struct ddb_buffer text;
	struct ddb_json_out json;
	ddb_buffer_init(&text, 1 << 20);
	ddb_json_out_init(&json, &text, false);
	ddb_json_open(&json, '{');
	OP(f->engine, status, &json);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(&text, '\0');
	char *copy = ddb_arena_copy(&f->arena, text.bytes, text.length);
	ddb_buffer_done(&text);
	return copy;
}

static void ended_for_room(void **state)
{
	F;
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.view_free_percent = 101});
	struct ddb_engine *one = begin(f), *other = freeze(f);
	assert_ended(f, one, "of the disk is free");
	assert_ended(f, other, "of the disk is free");
	assert_non_null(strstr(status_of(f), "of the disk is free: the snapshot has ended"));
	end(one);
	end(other);
}

static void status_tells(void **state)
{
	F;
	assert_non_null(
		strstr(status_of(f), "\"moments\":{\"snapshots\":0,\"transactions\":0,\"oldest_seconds\":0,"
				     "\"kept_bytes\":0,\"ended\":0,\"last_ended\":null}"));
	struct ddb_engine *one = begin(f), *other = freeze(f);
	for (unsigned i = 0; i < 50; i++)
		put(f, "Acc", numbered(f, i, "1"));
	const char *status = status_of(f);
	assert_non_null(strstr(status, "\"snapshots\":1,\"transactions\":1,"));
	assert_null(strstr(status, "\"kept_bytes\":0,"));
	end(one);
	end(other);
	assert_non_null(strstr(
		status_of(f), "\"snapshots\":0,\"transactions\":0,\"oldest_seconds\":0,\"kept_bytes\":0"));
}

/* ---- When the store fails ---- */

static void read_only(void **state)
{
	F;
	struct ddb_engine *view;
	const struct ddb_open_view transaction = {.kind = DDB_TRANSACTION};
	engine_close(f);
	engine_open_with(f, (struct ddb_local_options){.read_only = true});
	assert_code(f, OP(f->engine, open_view, &transaction, &view, &f->err), DDB_ACCESS_DENIED);
	view = freeze(f);
	IN(view, assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "1"));
	end(view);
	engine_reopen(f);
}

/* A process's files may not grow beyond that size: writing fails with an error and a signal. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_store(void **state)
{
	F;
	bool repeated;
	struct stat file;
	char path[96];
	struct ddb_value large = filled(&f->arena, 390000, 'x');
	struct ddb_engine *view = begin(f);
	for (unsigned i = 0; i < 10; i++) {
		struct ddb_value item = numbered(f, i, "1");
		assert_ok(f, try_put(f, view, with(&f->arena, &item, "large", large)));
	}
	snprintf(path, sizeof path, "%s/data.mdb", f->path);
	assert_int_equal(stat(path, &file), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_files((rlim_t)file.st_size + (1 << 20));
	enum ddb_code code = commit_token(f, view, "t", &repeated);
	limit_files(RLIM_INFINITY);
	signal(SIGXFSZ, SIG_DFL);
	assert_true(code == DDB_STORE_FULL || code == DDB_INTERNAL);
	assert_int_equal(counts(f, "Acc").items, 2);
	assert_int_equal(count_records(f, LOCAL_TOKEN), 0);
	assert_ok(f, commit_token(f, view, "t", &repeated));
	assert_false(repeated);
	assert_int_equal(counts(f, "Acc").items, 12);
	end(view);
}

/* ---- Many at once ---- */

enum { WORKERS = 4, ROUNDS = 60 };

struct worker {
	struct ddb_engine *engine;
	pthread_t thread;
	unsigned number, committed;
	struct ddb_arena arena;
};

static int64_t read_counter(struct worker *worker, struct ddb_engine *engine, const char *id)
{
	struct ddb_get_result result = {.found = false};
	const struct ddb_get_item request = {.table = "Acc", .key = map_of(&worker->arena, id, NULL)};
	struct ddb_error err;
	if (OP(engine, get_item, &worker->arena, &request, &result, &err))
		abort();
	return result.found ? atoi(text_of(&worker->arena, &result.entry.item, "n")) : 0;
}

static bool add_one(struct worker *worker, struct ddb_engine *view)
{
	struct ddb_error err;
	struct ddb_put_result ignored;
	struct ddb_commit_result result;
	char text[32];
	int64_t sum = read_counter(worker, view, "id=S:x") + read_counter(worker, view, "id=S:y");
	snprintf(text, sizeof text, "n=N:%d",
		(int)sum + 1 - (int)read_counter(worker, view, worker->number % 2 ? "id=S:y" : "id=S:x"));
	const struct ddb_put_item request = {.table = "Acc",
		.item = map_of(&worker->arena, worker->number % 2 ? "id=S:x" : "id=S:y", text, NULL)};
	if (OP(view, put_item, &request, &ignored, &err))
		abort();
	enum ddb_code code = OP(view, commit, &worker->arena, &(struct ddb_commit){0}, &result, &err);
	if (code && code != DDB_TRANSACTION_CANCELED)
		abort();
	return !code;
}

static void *work(void *context)
{
	struct worker *worker = context;
	const struct ddb_open_view request = {.kind = DDB_TRANSACTION};
	struct ddb_error err;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct ddb_engine *view;
		ddb_arena_reset(&worker->arena);
		if (OP(worker->engine, open_view, &request, &view, &err))
			abort();
		worker->committed += add_one(worker, view);
		end(view);
	}
	return NULL;
}

/* Two counters, of which each is changed by who has read both: their sum is the number of commits. */
static void counters_by_many(void **state)
{
	F;
	struct worker workers[WORKERS];
	unsigned committed = 0;
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.engine = f->engine, .number = i};
		ddb_arena_init(&workers[i].arena, ARENA_MAX);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		committed += workers[i].committed;
	}
	int64_t sum = read_counter(&workers[0], f->engine, "id=S:x") +
		      read_counter(&workers[0], f->engine, "id=S:y");
	assert_true(committed > 0);
	assert_int_equal(sum, committed);
	for (unsigned i = 0; i < WORKERS; i++)
		ddb_arena_done(&workers[i].arena);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up_tables, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(conditions_hold),
		TEST(conditions_alone),
		TEST(conditions_fail),
		TEST(told_items_are_bounded),
		TEST(condition_on_nothing),
		TEST(token_repeats),
		TEST(token_of_another),
		TEST(token_counts_conditions),
		TEST(token_of_the_api),
		TEST(token_of_a_refused_commit),
		TEST(token_is_over),
		TEST(tokens_are_removed),
		TEST(check_finds_bad_tokens),
		TEST(too_many_items),
		TEST(too_many_same),
		TEST(conditions_count),
		TEST(more_by_option),
		TEST(too_many_lines),
		TEST(too_many_bytes),
		TEST(many_bytes_of_many_items),
		TEST(partition_that_is_too_large),
		TEST(too_many_views),
		TEST(back_to_what_it_was),
		TEST(two_thousand_reads),
		cmocka_unit_test(spans_are_bounded),
		cmocka_unit_test(spans_join),
		TEST(ended_by_hand),
		TEST(ended_by_time),
		TEST(ended_for_room),
		TEST(status_tells),
		TEST(read_only),
		TEST(full_store),
		TEST(counters_by_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
