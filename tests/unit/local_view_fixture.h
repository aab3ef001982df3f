/*
 * What the tests of views share: opening one, working in it as if it were the engine, and committing it.
 */
#ifndef LOCAL_VIEW_FIXTURE_H
#define LOCAL_VIEW_FIXTURE_H

#include "local_fixture.h"

#include "local_expressions.h"

HELPER struct ddb_engine *view_open(struct fixture *f, struct ddb_open_view request)
{
	struct ddb_engine *view;
	assert_ok(f, OP(f->engine, open_view, &request, &view, &f->err));
	return view;
}

HELPER struct ddb_engine *begin(struct fixture *f)
{
	return view_open(f, (struct ddb_open_view){.kind = DDB_TRANSACTION});
}

HELPER struct ddb_engine *freeze(struct fixture *f)
{
	return view_open(f, (struct ddb_open_view){.kind = DDB_SNAPSHOT});
}

HELPER void end(struct ddb_engine *view)
{
	view->ops->close(view);
}

/* Runs statements with the view as the fixture's engine. */
#define IN(view, ...)                                                                                        \
	do {                                                                                                 \
		struct ddb_engine *outer = f->engine;                                                        \
		f->engine = (view);                                                                          \
		__VA_ARGS__;                                                                                 \
		f->engine = outer;                                                                           \
	} while (0)

HELPER enum ddb_code commit_with(
	struct fixture *f, struct ddb_engine *view, struct ddb_commit request, struct ddb_commit_result *ret)
{
	return OP(view, commit, &f->arena, &request, ret, &f->err);
}

HELPER struct ddb_commit_result commit(struct fixture *f, struct ddb_engine *view)
{
	struct ddb_commit_result result;
	assert_ok(f, commit_with(f, view, (struct ddb_commit){0}, &result));
	return result;
}

/* A commit that is refused, with its reasons. */
HELPER struct ddb_commit_result conflict(struct fixture *f, struct ddb_engine *view)
{
	struct ddb_commit_result result;
	assert_code(f, commit_with(f, view, (struct ddb_commit){0}, &result), DDB_TRANSACTION_CANCELED);
	assert_true(result.reason_count > 0);
	return result;
}

/* The reasons are just this one. */
HELPER void assert_reason(struct fixture *f, const struct ddb_commit_result *result, const char *table,
	const char *attribute, const char *value)
{
	assert_int_equal(result->reason_count, 1);
	assert_string_equal(ddb_reason_name(result->reasons[0].code), "TransactionConflict");
	assert_string_equal(result->reasons[0].table, table);
	if (!attribute)
		assert_int_equal(result->reasons[0].key.type, 0);
	else
		assert_string_equal(text_of(&f->arena, &result->reasons[0].key, attribute), value);
}

HELPER bool there(struct fixture *f, const char *table, struct ddb_value key)
{
	return get(f, table, key).found;
}

HELPER const char *value_at(struct fixture *f, const char *table, struct ddb_value key, const char *name)
{
	return text_of(&f->arena, item_at(f, table, key), name);
}

HELPER size_t list_partitions(struct fixture *f, const char *table, const char *index)
{
	struct ddb_partitions page;
	const struct ddb_list_partitions request = {.table = table, .index = index};
	assert_ok(f, OP(f->engine, list_partitions, &f->arena, &request, &page, &f->err));
	return page.count;
}

#endif
