/*
 * Transactions and snapshots: what they see, what others see of them, and which of them fail to commit
 * because they would not fit into any order, one by one.
 */
#include "local_view_fixture.h"

#include "local_stream_fixture.h"

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
	put(f, "Acc", ITEM("c", "1"));
	put(f, "Log", ROW("ann", "1"));
	put(f, "Log", ROW("ann", "5"));
	put(f, "Log", ROW("bob", "1"));
	return 0;
}

/* ---- What is seen ---- */

static void snapshot_stays(void **state)
{
	F;
	struct ddb_engine *view = freeze(f);
	put(f, "Acc", ITEM("a", "2"));
	put(f, "Acc", ITEM("d", "2"));
	delete (f, "Acc", KEY("b"));
	create(f, "New", "id:S");
	IN(view, {
		assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "1");
		assert_true(there(f, "Acc", KEY("b")));
		assert_false(there(f, "Acc", KEY("d")));
		assert_int_equal(query(f, (struct ddb_query){.table = "Acc"}).count, 3);
		assert_int_equal(counts(f, "Acc").items, 3);
		struct ddb_table *table;
		assert_code(f, OP(view, describe_table, "New", &table, &f->err), DDB_RESOURCE_NOT_FOUND);
	});
	end(view);
}

static void snapshot_takes_no_writes(void **state)
{
	F;
	struct ddb_engine *view = freeze(f);
	struct ddb_put_result result;
	const struct ddb_put_item put_request = {.table = "Acc", .item = ITEM("a", "2")};
	assert_code(f, OP(view, put_item, &put_request, &result, &f->err), DDB_STORE_READ_ONLY);
	assert_code(f, OP(view, delete_table, "Acc", false, &f->err), DDB_STORE_READ_ONLY);
	struct ddb_commit_result committed;
	assert_code(f, commit_with(f, view, (struct ddb_commit){0}, &committed), DDB_VALIDATION);
	end(view);
}

static void private_until_committed(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, {
		put(f, "Acc", ITEM("a", "2"));
		put(f, "Acc", ITEM("d", "2"));
		delete (f, "Acc", KEY("b"));
		assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "2");
		assert_int_equal(query(f, (struct ddb_query){.table = "Acc"}).count, 3);
	});
	assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "1");
	assert_true(there(f, "Acc", KEY("b")));
	assert_false(there(f, "Acc", KEY("d")));
	struct ddb_commit_result result = commit(f, view);
	end(view);
	assert_int_equal(result.change_count, 3);
	for (size_t i = 0; i < 3; i++) {
		const char *id = text_of(&f->arena, &result.changes[i].key, "id");
		assert_string_equal(result.changes[i].table, "Acc");
		assert_int_equal(result.changes[i].version == 0, strcmp(id, "b") == 0);
	}
	assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "2");
	assert_false(there(f, "Acc", KEY("b")));
	assert_true(there(f, "Acc", KEY("d")));
	assert_int_equal(counts(f, "Acc").items, 3);
}

static void aborted_leaves_nothing(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	const struct ddb_scratch_name name = scratch("notes");
	struct ddb_scratch_meta meta;
	IN(view, {
		put(f, "Acc", ITEM("a", "2"));
		put(f, "Log", ROW("eve", "1"));
		assert_ok(f, OP(view, scratch_create, &name, 0600, true, &meta, &f->err));
		assert_ok(f, OP(view, scratch_stat, &name, &meta, &f->err));
	});
	end(view);
	assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "1");
	assert_int_equal(list_partitions(f, "Log", NULL), 2);
	assert_code(f, OP(f->engine, scratch_stat, &name, &meta, &f->err), DDB_RESOURCE_NOT_FOUND);
}

static void keeps_serial_and_time(void **state)
{
	F;
	struct ddb_get_result before = get(f, "Acc", KEY("a"));
	struct ddb_engine *view = begin(f);
	const struct ddb_move_item move = {.table = "Acc", .from = KEY("a"), .to = KEY("z")};
	const struct ddb_set_mtime touch = {.table = "Acc", .key = KEY("c"), .mtime_ns = 12345};
	IN(view, {
		assert_ok(f, OP(view, move_item, &move, &f->err));
		assert_ok(f, OP(view, set_mtime, &touch, &f->err));
		put(f, "Acc", ITEM("a", "new"));
		put(f, "Acc", ITEM("y", "new"));
	});
	put(f, "Acc", ITEM("other", "1")); /* takes a serial meanwhile */
	struct ddb_commit_result result = commit(f, view);
	assert_int_equal(result.change_count, 4);
	end(view);
	assert_true(get(f, "Acc", KEY("z")).entry.meta.serial == before.entry.meta.serial);
	assert_true(get(f, "Acc", KEY("c")).entry.meta.mtime_ns == 12345);
	uint64_t serials[] = {get(f, "Acc", KEY("a")).entry.meta.serial,
		get(f, "Acc", KEY("y")).entry.meta.serial, get(f, "Acc", KEY("other")).entry.meta.serial,
		get(f, "Acc", KEY("z")).entry.meta.serial};
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < i; k++)
			assert_true(serials[i] != serials[k]);
}

static void tables_are_refused(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_definition *definition = definition_of(f, "id:S");
	assert_code(f, OP(view, create_table, "New", definition, &f->err), DDB_VALIDATION);
	assert_code(f, OP(view, update_table, "Acc", NULL, definition, &f->err), DDB_VALIDATION);
	assert_code(f, OP(view, delete_table, "Acc", false, &f->err), DDB_VALIDATION);
	assert_code(f, OP(view, rename_table, "Acc", "Other", &f->err), DDB_VALIDATION);
	assert_code(f, OP(view, settle_table, "Acc", DDB_PROVISIONAL_SIMPLE, &f->err), DDB_VALIDATION);
	const struct ddb_set_mtime touch = {.table = "Acc", .key = {.type = DDB_M}, .mtime_ns = 1};
	assert_code(f, OP(view, set_mtime, &touch, &f->err), DDB_VALIDATION);
	struct ddb_engine *inner;
	const struct ddb_open_view again = {.kind = DDB_SNAPSHOT};
	assert_code(f, OP(view, open_view, &again, &inner, &f->err), DDB_VALIDATION);
	ddb_definition_unref(definition);
	end(view);
}

/* ---- Nothing in the way ---- */

static void unrelated_changes_pass(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, {
		put(f, "Acc", ITEM("a", "2"));
		there(f, "Log", ROW("ann", "1"));
	});
	put(f, "Acc", ITEM("b", "2"));
	put(f, "Log", ROW("ann", "2"));
	create(f, "New", "id:S");
	commit(f, view);
	end(view);
	assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "2");
	assert_string_equal(value_at(f, "Acc", KEY("b"), "v"), "2");
}

static void on_the_way_is_no_read(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_partition partition;
	struct ddb_value ann = ddb_string("ann", 3);
	DDB_TABLE_AUTO struct ddb_table *table = NULL;
	IN(view, {
		assert_ok(f, OP(view, get_partition, "Log", NULL, &ann, &partition, &f->err));
		assert_ok(f, OP(view, describe_table, "Log", &table, &f->err));
		counts(f, "Log");
		put(f, "Acc", ITEM("a", "2"));
	});
	delete (f, "Log", ROW("ann", "1"));
	delete (f, "Log", ROW("ann", "5"));
	commit(f, view);
	end(view);
}

static void empty_commit(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	assert_int_equal(commit(f, view).change_count, 0);
	end(view);
}

/* ---- Something in the way ---- */

static void lost_update(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, put(f, "Acc", ITEM("a", "mine")));
	put(f, "Acc", ITEM("a", "theirs"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Acc", "id", "a");
	assert_string_equal(f->err.message, "Transaction cancelled, please refer cancellation reasons for "
					    "specific reasons [TransactionConflict]");
	assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "theirs");
	conflict(f, view); /* stays as it is */
	IN(view, assert_string_equal(value_at(f, "Acc", KEY("a"), "v"), "mine"));
	end(view);
}

static void same_value_written_again(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, put(f, "Acc", ITEM("a", "mine")));
	put(f, "Acc", ITEM("a", "2"));
	put(f, "Acc", ITEM("a", "1"));
	conflict(f, view);
	end(view);
}

static void write_skew(void **state)
{
	F;
	struct ddb_engine *one = begin(f), *other = begin(f);
	IN(one, {
		there(f, "Acc", KEY("a"));
		there(f, "Acc", KEY("b"));
		put(f, "Acc", ITEM("a", "off"));
	});
	IN(other, {
		there(f, "Acc", KEY("a"));
		there(f, "Acc", KEY("b"));
		put(f, "Acc", ITEM("b", "off"));
	});
	commit(f, one);
	struct ddb_commit_result result = conflict(f, other);
	assert_reason(f, &result, "Acc", "id", "a");
	end(one);
	end(other);
	assert_string_equal(value_at(f, "Acc", KEY("b"), "v"), "1");
}

static void read_and_nothing_written(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, there(f, "Acc", KEY("a")));
	put(f, "Acc", ITEM("a", "2"));
	conflict(f, view);
	end(view);
}

static void absent_name_came(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, {
		assert_false(there(f, "Acc", KEY("new")));
		put(f, "Acc", ITEM("a", "2"));
	});
	put(f, "Acc", ITEM("new", "1"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Acc", "id", "new");
	end(view);
}

static void refused_write_is_a_read(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_put_result ignored;
	const struct ddb_put_item request = {
		.table = "Acc", .item = ITEM("a", "2"), .condition = DDB_IF_ABSENT};
	assert_code(f, OP(view, put_item, &request, &ignored, &f->err), DDB_CONDITIONAL_CHECK_FAILED);
	IN(view, put(f, "Acc", ITEM("b", "2")));
	delete (f, "Acc", KEY("a"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Acc", "id", "a");
	end(view);
}

static void phantom_in_listed_partition(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_value ann = ddb_string("ann", 3);
	IN(view, query(f, (struct ddb_query){.table = "Log", .range = PARTITION(ann), .keys_only = true}));
	put(f, "Log", ROW("bob", "7"));
	commit(f, view);
	put(f, "Log", ROW("ann", "7"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Log", "at", "7");
	end(view);
}

static void gone_from_listed_table(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, query(f, (struct ddb_query){.table = "Acc", .keys_only = true}));
	delete (f, "Acc", KEY("b"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Acc", "id", "b");
	end(view);
}

/* However far from the begin of what was read it is. */
static void named_far_behind(void **state)
{
	enum { ROWS = 10500, AT_ONCE = 500 };
	F;
	struct ddb_value ann = ddb_string("ann", 3), rows[AT_ONCE];
	char number[20], last[20];
	for (unsigned i = 0; i < ROWS; i += AT_ONCE) {
		struct ddb_put_many_result ignored;
		const struct ddb_put_many request = {.table = "Log", .items = rows, .count = AT_ONCE};
		for (unsigned k = 0; k < AT_ONCE; k++) {
			snprintf(number, sizeof number, "at=N:%u", 10 + i + k);
			rows[k] = map_of(&f->arena, "who=S:ann", number, NULL);
		}
		assert_ok(f, OP(f->engine, put_many, &request, &ignored, &f->err));
	}
	struct ddb_engine *view = begin(f);
	IN(view, query(f, (struct ddb_query){.table = "Log", .range = PARTITION(ann), .keys_only = true}));
	snprintf(number, sizeof number, "at=N:%u", 9 + ROWS);
	snprintf(last, sizeof last, "%u", 9 + ROWS);
	put(f, "Log", MAP("who=S:ann", number, "v=S:2"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Log", "at", last);
	end(view);
}

static void phantom_in_partitions(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, assert_int_equal(list_partitions(f, "Log", NULL), 2));
	put(f, "Log", ROW("ann", "9")); /* no other partition */
	commit(f, view);
	put(f, "Log", ROW("eve", "1"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Log", NULL, NULL);
	end(view);
}

static void part_that_was_walked(void **state)
{
	F;
	struct ddb_value ann = ddb_string("ann", 3);
	for (unsigned backward = 0; backward < 2; backward++) {
		put(f, "Log", ROW("ann", "3"));
		struct ddb_engine *part = begin(f);
		IN(part, {
			struct ddb_page page = query(f, (struct ddb_query){.table = "Log",
								.range = PARTITION(ann),
								.limit = 1,
								.backward = backward});
			assert_int_equal(page.count, 1);
			assert_true(page.more);
		});
		if (backward)
			put(f, "Log", ROW("ann", "2"));
		else
			put(f, "Log", ROW("ann", "4"));
		commit(f, part);
		delete (f, "Log", ROW("ann", "3")); /* showed that there is more */
		conflict(f, part);
		end(part);
		delete (f, "Log", ROW("ann", "4"));
	}
}

static void range_of_a_query(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	struct ddb_value ann = ddb_string("ann", 3);
	struct ddb_value two = int_value(&f->arena, 2), four = int_value(&f->arena, 4);
	IN(view, {
		struct ddb_page page = query(f, (struct ddb_query){.table = "Log",
							.range = PARTITION(ann, .lower = {true, true, two},
								.upper = {true, true, four})});
		assert_int_equal(page.count, 0);
	});
	put(f, "Log", ROW("ann", "5"));
	put(f, "Log", ROW("ann", "1"));
	put(f, "Log", ROW("ann", "10"));
	commit(f, view);
	put(f, "Log", ROW("ann", "4"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Log", "at", "4");
	end(view);
}

/* ---- Indexes ---- */

static void create_indexed(struct fixture *f)
{
	struct ddb_definition *definition = definition_read(f,
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"},"
		"{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"},"
		"{\"AttributeName\":\"color\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],"
		"\"LocalSecondaryIndexes\":[{\"IndexName\":\"mine\",\"KeySchema\":["
		"{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"},"
		"{\"AttributeName\":\"color\",\"KeyType\":\"RANGE\"}],"
		"\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}],"
		"\"GlobalSecondaryIndexes\":[{\"IndexName\":\"colors\",\"KeySchema\":["
		"{\"AttributeName\":\"color\",\"KeyType\":\"HASH\"}],"
		"\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}]}");
	assert_ok(f, OP(f->engine, create_table, "Idx", definition, &f->err));
	ddb_definition_unref(definition);
}

static void phantom_in_an_index(void **state)
{
	F;
	struct ddb_value red = ddb_string("red", 3);
	create_indexed(f);
	put(f, "Idx", MAP("id=S:a", "sk=S:1", "color=S:red"));
	put(f, "Idx", MAP("id=S:a", "sk=S:2", "color=S:blue"));
	struct ddb_engine *view = begin(f);
	IN(view, {
		struct ddb_page page = query(
			f, (struct ddb_query){.table = "Idx", .index = "colors", .range = PARTITION(red)});
		assert_int_equal(page.count, 1);
		assert_int_equal(list_partitions(f, "Idx", "colors"), 2);
	});
	/* What does not change an entry is nothing to a reader of entries. */
	put(f, "Idx", MAP("id=S:a", "sk=S:1", "color=S:red", "other=S:x"));
	put(f, "Idx", MAP("id=S:b", "sk=S:2", "color=S:blue"));
	commit(f, view);
	put(f, "Idx", MAP("id=S:a", "sk=S:2", "color=S:red"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Idx", "sk", "2");
	end(view);
}

static void what_an_index_fetches(void **state)
{
	F;
	struct ddb_value a = ddb_string("a", 1);
	create_indexed(f);
	put(f, "Idx", MAP("id=S:a", "sk=S:1", "color=S:red", "other=S:x"));
	put(f, "Idx", MAP("id=S:a", "sk=S:2", "other=S:x"));
	struct ddb_engine *view = begin(f);
	IN(view, {
		struct ddb_page page = query(f, (struct ddb_query){.table = "Idx",
							.index = "mine",
							.range = PARTITION(a),
							.select = DDB_SELECT_ALL});
		assert_int_equal(page.count, 1);
	});
	put(f, "Idx", MAP("id=S:a", "sk=S:2", "other=S:y")); /* is not in the index */
	commit(f, view);
	put(f, "Idx", MAP("id=S:a", "sk=S:1", "color=S:red", "other=S:y"));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Idx", "sk", "1");
	end(view);
}

static void indexes_are_kept(void **state)
{
	F;
	struct ddb_value red = ddb_string("red", 3);
	create_indexed(f);
	put(f, "Idx", MAP("id=S:a", "sk=S:1", "color=S:red"));
	put(f, "Idx", MAP("id=S:a", "sk=S:2", "color=S:red"));
	struct ddb_engine *view = begin(f);
	const struct ddb_query reds = {.table = "Idx", .index = "colors", .range = PARTITION(red)};
	IN(view, {
		put(f, "Idx", MAP("id=S:a", "sk=S:1", "color=S:blue"));
		put(f, "Idx", MAP("id=S:c", "sk=S:1", "color=S:red"));
		delete (f, "Idx", MAP("id=S:a", "sk=S:2"));
		assert_int_equal(query(f, reds).count, 1);
	});
	assert_int_equal(query(f, reds).count, 2);
	commit(f, view);
	end(view);
	assert_int_equal(query(f, reds).count, 1);
	assert_int_equal(list_partitions(f, "Idx", "colors"), 2);
}

/* ---- Streams ---- */

/* One record for each item that the commit has changed, and none before it. */
static void streams_tell_of_commits(void **state)
{
	F;
	create_streamed(f, "Str", false, "KEYS_ONLY");
	put(f, "Str", ITEM("a", "1"));
	put(f, "Str", ITEM("b", "1"));
	struct ddb_engine *view = begin(f);
	IN(view, {
		put(f, "Str", ITEM("a", "2"));
		put(f, "Str", ITEM("a", "3"));
		delete (f, "Str", KEY("b"));
		put(f, "Str", ITEM("b", "1")); /* is again what it was */
		put(f, "Str", ITEM("c", "1"));
		put(f, "Str", ITEM("d", "1"));
		delete (f, "Str", KEY("d"));
	});
	assert_int_equal(read_page(f, (struct ddb_read_stream){.table = "Str"}).count, 2);
	commit(f, view);
	end(view);
	struct ddb_stream_page page = read_page(f, (struct ddb_read_stream){.table = "Str"});
	unsigned events[] = {0, 0, 0};
	assert_int_equal(page.count, 4);
	for (size_t i = 2; i < 4; i++) {
		const struct ddb_stream_record *record = &page.records[i];
		const char *id = text_of(&f->arena, &record->key, "id");
		assert_string_equal(id, record->event == DDB_EVENT_MODIFY ? "a" : "c");
		assert_true(record->sequence > page.records[i - 1].sequence);
		events[record->event]++;
	}
	assert_true(events[DDB_EVENT_MODIFY] == 1 && events[DDB_EVENT_INSERT] == 1);
}

/* ---- Names ---- */

static void name_that_is_a_digest(void **state)
{
	F;
	struct ddb_value hash = filled(&f->arena, ALIASED_FROM, 'x'), found;
	struct ddb_find_alias request = {.table = "Acc"};
	struct ddb_value item = {.type = DDB_M};
	item = with(&f->arena, &item, "id", hash);
	alias(NULL, &hash, false, request.alias);
	struct ddb_engine *view = begin(f);
	assert_code(f, OP(view, find_alias, &f->arena, &request, &found, &f->err), DDB_RESOURCE_NOT_FOUND);
	commit(f, view);
	put(f, "Acc", item);
	conflict(f, view);
	end(view);
}

/* ---- Tables ---- */

static void table_made_anew(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, {
		put(f, "Acc", ITEM("a", "2"));
		there(f, "Log", ROW("x", "1"));
	});
	assert_ok(f, OP(f->engine, delete_table, "Log", false, &f->err));
	create(f, "Log", "who:S,at:N");
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Log", NULL, NULL);
	end(view);
}

static void table_gone(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, put(f, "Acc", ITEM("new", "2")));
	assert_ok(f, OP(f->engine, delete_table, "Acc", false, &f->err));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Acc", NULL, NULL);
	end(view);
}

static void table_renamed(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, put(f, "Acc", ITEM("a", "2")));
	assert_ok(f, OP(f->engine, rename_table, "Acc", "Other", &f->err));
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Acc", NULL, NULL);
	end(view);
}

static void definition_changed(void **state)
{
	F;
	struct ddb_engine *view = begin(f);
	IN(view, put(f, "Acc", ITEM("a", "2")));
	struct ddb_definition *definition = definition_read(f,
		"{\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],"
		"\"DeletionProtectionEnabled\":true}");
	assert_ok(f, OP(f->engine, update_table, "Acc", NULL, definition, &f->err));
	ddb_definition_unref(definition);
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Acc", NULL, NULL);
	end(view);
}

static void phantom_among_tables(void **state)
{
	F;
	struct ddb_table_names names;
	struct ddb_engine *view = begin(f), *part = begin(f);
	IN(view, assert_ok(f, OP(view, list_tables, &f->arena, NULL, 100, &names, &f->err)));
	assert_int_equal(names.count, 2);
	IN(part, assert_ok(f, OP(part, list_tables, &f->arena, "Acc", 100, &names, &f->err)));
	assert_int_equal(names.count, 1);
	put(f, "Acc", ITEM("new", "1"));
	commit(f, view);
	create(f, "Aaa", "id:S");
	struct ddb_commit_result result = conflict(f, view);
	assert_reason(f, &result, "Aaa", NULL, NULL);
	commit(f, part);
	assert_ok(f, OP(f->engine, delete_table, "Aaa", false, &f->err));
	assert_ok(f, OP(f->engine, delete_table, "Log", false, &f->err));
	result = conflict(f, part);
	assert_reason(f, &result, "Log", NULL, NULL);
	end(view);
	end(part);
}

static void no_key_yet(void **state)
{
	F;
	create(f, "Prov", NULL);
	struct ddb_engine *view = begin(f);
	IN(view, assert_int_equal(query(f, (struct ddb_query){.table = "Prov"}).count, 0));
	assert_ok(f, OP(f->engine, settle_table, "Prov", DDB_PROVISIONAL_SIMPLE, &f->err));
	conflict(f, view);
	end(view);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up_tables, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(snapshot_stays),
		TEST(snapshot_takes_no_writes),
		TEST(private_until_committed),
		TEST(aborted_leaves_nothing),
		TEST(keeps_serial_and_time),
		TEST(tables_are_refused),
		TEST(unrelated_changes_pass),
		TEST(on_the_way_is_no_read),
		TEST(empty_commit),
		TEST(lost_update),
		TEST(same_value_written_again),
		TEST(write_skew),
		TEST(read_and_nothing_written),
		TEST(absent_name_came),
		TEST(refused_write_is_a_read),
		TEST(phantom_in_listed_partition),
		TEST(gone_from_listed_table),
		TEST(named_far_behind),
		TEST(phantom_in_partitions),
		TEST(part_that_was_walked),
		TEST(range_of_a_query),
		TEST(phantom_in_an_index),
		TEST(what_an_index_fetches),
		TEST(indexes_are_kept),
		TEST(streams_tell_of_commits),
		TEST(name_that_is_a_digest),
		TEST(table_made_anew),
		TEST(table_gone),
		TEST(table_renamed),
		TEST(definition_changed),
		TEST(phantom_among_tables),
		TEST(no_key_yet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
