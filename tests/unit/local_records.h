/*
 * How many records of a kind a store has, whatever they belong to.
 */
#ifndef LOCAL_RECORDS_H
#define LOCAL_RECORDS_H

#include "local_fixture.h"

#include "engine/local/keys.h"
#include "engine/local/local_private.h"

HELPER size_t count_records(struct fixture *f, enum local_kind kind)
{
	const uint8_t first[1] = {(uint8_t)kind};
	struct store_txn *view;
	struct store_cursor *cursor;
	const uint8_t *key;
	size_t count = 0, length;
	bool found;
	assert_ok(f, store_view(local_of(f->engine)->store, &view, &f->err));
	assert_ok(f, store_cursor_open(view, &cursor, &f->err));
	assert_ok(f, store_cursor_seek(cursor, first, 1, &found, &f->err));
	for (; found; count++) {
		store_cursor_key(cursor, &key, &length);
		if (key[0] != kind)
			break;
		assert_ok(f, store_cursor_next(cursor, &found, &f->err));
	}
	store_cursor_close(cursor);
	store_view_end(view);
	return count;
}

#endif
