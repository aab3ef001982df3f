/*
 * A page of a Query or Scan while it is being filled: what is examined, what the filter keeps and in which
 * form, how full the page is, where it ends. Records are read into memory of one record's life, so that a
 * page holds no more than what it keeps. One request, one thread; within the caller's view.
 */
#ifndef LOCAL_PAGE_H
#define LOCAL_PAGE_H

#include "engine/local/page_key.h"
#include "engine/local/range.h"

enum { LOCAL_PAGE_BYTES = 1 << 20 }; /* in DynamoDB's counting */

enum local_page_form {
	LOCAL_PAGE_COUNT, /* no entries */
	LOCAL_PAGE_KEYS,
	LOCAL_PAGE_WHOLE, /* the record's attributes, or the fetched item's */
	LOCAL_PAGE_PARTS, /* what the selection names */
};

struct local_page {
	struct local_engine *engine;
	struct ddb_arena *arena;  /* the response's */
	struct ddb_arena scratch; /* of one record */
	const struct local_source *source;
	const struct ddb_query *query;
	struct store_txn *view;
	struct store_cursor *cursor;
	enum local_page_form form;
	bool reads_items; /* records' bodies are looked into: for the entry or the filter */
	bool direct;      /* bodies are read into the response's memory */
	bool hides;       /* what has expired is passed over, as by a filter */
	struct local_page_keys keys;
	uint64_t bytes, page_bytes; /* examined, and when to stop */
	uint64_t fetched;           /* half units */
	size_t room;
	struct local_place last; /* of the record examined last */
	struct ddb_page page;
};

/* `range`: what is walked. */
DDB_MUST_CHECK enum ddb_code local_page_init(struct local_page *page, struct local_engine *engine,
	struct ddb_arena *arena, const struct local_source *source, const struct ddb_query *query,
	const struct local_range *range, struct ddb_error *err);
void local_page_done(struct local_page *page);

/* The cursor is at a record of the range. It is passed over, or examined, unless the page is full: `more` is
 * set then. */
DDB_MUST_CHECK enum ddb_code local_page_visit(struct local_page *page, struct ddb_error *err);
/* Nothing more comes: where the page ended, and what it consumed. Moves the cursor. */
DDB_MUST_CHECK enum ddb_code local_page_finish(struct local_page *page, struct ddb_error *err);

#endif
