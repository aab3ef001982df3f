/*
 * What the parts of a check share: the view that is read, what is known of the tables, how a finding is told
 * and how it is repaired. Each repair is a small transaction of its own; a new view then shows it to the
 * parts that follow. Not for threads: nobody else uses the engine meanwhile.
 */
#ifndef LOCAL_CHECK_H
#define LOCAL_CHECK_H

#include "engine/local/keys.h"
#include "engine/local/local_private.h"
#include <string.h>

/* A space of a table: its own, one of its indexes', its stream's, that of its expiries. */
struct check_table {
	uint32_t id, space;
	const char *kinds; /* of records that can be in it: CHECK_OF_… */
	bool of_table;     /* not of a stream that no table has any more */
	char *name;
};
#define CHECK_OF_ITEMS "ACEGIJ"
#define CHECK_OF_INDEX "AEJX"
#define CHECK_OF_STREAM "S"
#define CHECK_OF_EXPIRIES "JV"
static inline bool check_is_table(const struct check_table *table)
{
	return strcmp(table->kinds, CHECK_OF_ITEMS) == 0;
}

struct check {
	struct local_engine *engine;
	const struct ddb_check_options *options;
	struct ddb_check_result result;
	struct store_txn *view;
	struct ddb_arena arena; /* of one record */
	size_t table_count, table_room;
	struct check_table *tables; /* by space */
	bool catalog_damaged;       /* there are tables that are not in the list */
	uint32_t highest_id;        /* of tables and spaces, also of dead ones */
	uint64_t highest_scratch, scratch_bytes;
};

/* The space's row, or NULL. */
const struct check_table *check_find_space(const struct check *check, uint32_t space);

/* Of a kind of records. */
struct check_kind {
	const char *name;
	uint8_t shown_from; /* what is before it in a key says nothing to people */
	bool spaced;        /* the key begins with a space */
	/* By --repair when it is damaged: it is lost, or can be told from the rest. Not a table's record,
	 * whose items are not lost yet, and not a block alone, without which its file would read as zeros. */
	bool removed;
};
/* Never NULL: one of no known kind has a row, too. */
const struct check_kind *check_kind_of(const uint8_t *key, size_t length);
bool check_kind_known(uint8_t kind);

/* A finding. Counts it and reports one line. */
void check_problem(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same in the place of a damaged read: other errors are passed on. DDB_OK when the check may go on. */
DDB_MUST_CHECK enum ddb_code check_unreadable(struct check *check, enum ddb_code code,
	const struct ddb_error *reason, const char *what, struct ddb_error *err);

/* After local_fill_…: progress that is damaged was told, and is as none at all (which a repair makes of it).
 */
DDB_MUST_CHECK enum ddb_code check_progress(
	enum ddb_code code, const struct ddb_error *reason, bool *ret, struct ddb_error *err);

/* With `repair`: runs the job and counts a repair. What cannot be repaired for damage is left. */
DDB_MUST_CHECK enum ddb_code check_repair(
	struct check *check, store_job *job, void *context, struct ddb_error *err);
/* A record to be written (head given) or deleted. */
struct check_record {
	const uint8_t *key;
	size_t key_length;
	const uint8_t *head, *body;
	size_t head_length, body_length;
};
DDB_MUST_CHECK enum ddb_code check_repair_record(
	struct check *check, const struct check_record *record, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code check_delete(
	struct check *check, const uint8_t *key, size_t length, struct ddb_error *err);

/* The state of now in place of the view. On failure there is no view. */
DDB_MUST_CHECK enum ddb_code check_refresh(struct check *check, struct ddb_error *err);

/* Calls `visit` for every key with that prefix, in order; it may set *skip_to_length to go on at `skip_to` (a
 * key behind). */
struct check_walk {
	struct store_cursor *cursor;
	const uint8_t *key;
	size_t length;
	uint8_t skip_to[STORE_KEY_MAX + 1];
	size_t skip_to_length;
};
typedef enum ddb_code check_visit(
	struct check *check, struct check_walk *walk, void *context, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code check_each(struct check *check, const uint8_t *prefix, size_t length,
	check_visit *visit, void *context, struct ddb_error *err);
/* The value at the walk's place, in the check's arena; *ret_sound false (and DDB_OK) when it fails its seal,
 * which store_verify has told. */
DDB_MUST_CHECK enum ddb_code check_value(struct check *check, struct check_walk *walk,
	struct store_value *ret, bool *ret_sound, struct ddb_error *err);
/* The same of one record by its key; *ret_found false: there is none. */
DDB_MUST_CHECK enum ddb_code check_look(struct check *check, const uint8_t *key, size_t length,
	struct store_value *ret, bool *ret_found, bool *ret_sound, struct ddb_error *err);

/* What a check of a table's indexes needs of it, and adds to. */
struct check_index_state {
	const struct local_table *table;
	struct local_counters *right; /* its counters as they should be */
	const bool *damaged;          /* some of its items are, and told: sums cannot be judged */
};
DDB_MUST_CHECK enum ddb_code check_index_serials(
	struct check *check, struct check_index_state *state, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code check_indexes(
	struct check *check, struct check_index_state *state, struct ddb_error *err);

/* The parts. */
DDB_MUST_CHECK enum ddb_code check_items(struct check *check, const char *name, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code check_aliases(
	struct check *check, const struct local_table *table, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code check_streams(struct check *check, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code check_expiries(
	struct check *check, const struct local_table *table, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code check_scratch(struct check *check, struct ddb_error *err);

#endif
