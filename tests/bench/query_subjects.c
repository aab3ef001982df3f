#include "query_orders.h"

#include "engine/local/local.h"

#include <lmdb.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>

enum { BATCH = 500, ARENA_MAX = 64 << 20, MAP_GB = 64 };

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "query: %s\n", what);
	exit(1);
}

/* ---- LMDB ---- */

enum {
	RAW_HASH = 16,
	RAW_KEY = 5 + RAW_HASH + 10,
	RAW_ENTRY_KEY = 5 + RAW_HASH + 12 + RAW_HASH + 10,
	RAW_VALUE = 620, /* of a sealed record of an order: head, body, two seals */
};

struct raw {
	MDB_env *env;
	MDB_dbi items, entries, changes;
	unsigned indexes;
	bool stream;
	uint64_t number; /* of the last change */
};

static void raw_hash(const char *text, uint8_t ret[RAW_HASH])
{
	uint64_t hash = 1469598103934665603u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211u;
	for (unsigned i = 0; i < RAW_HASH; i++)
		ret[i] = (uint8_t)((hash ^ hash >> 29) * (i + 1) >> 8 * (i % 8));
}

static void raw_key(const char *customer, const char *date, uint8_t ret[RAW_KEY])
{
	memcpy(ret, "I\0\0\0\1", 5);
	raw_hash(customer, ret + 5);
	memcpy(ret + 5 + RAW_HASH, date, 10);
}

static void raw_entry_key(const struct order *order, unsigned index, uint8_t ret[RAW_ENTRY_KEY])
{
	memcpy(ret, "X\0\0\0", 4);
	ret[4] = (uint8_t)index;
	raw_hash(order->kinds[index], ret + 5);
	memcpy(ret + 5 + RAW_HASH, order->date, 10);
	memset(ret + 5 + RAW_HASH + 10, 0, 2);
	raw_hash(order->customer, ret + 5 + RAW_HASH + 12);
	memcpy(ret + 5 + RAW_HASH + 12 + RAW_HASH, order->date, 10);
}

static void *raw_open(const char *directory, unsigned indexes, bool stream)
{
	struct raw *raw = calloc(1, sizeof *raw);
	MDB_txn *txn;

	must(raw && !mdb_env_create(&raw->env), "mdb_env_create");
	raw->indexes = indexes;
	raw->stream = stream;
	must(!mdb_env_set_mapsize(raw->env, (size_t)MAP_GB << 30) && !mdb_env_set_maxdbs(raw->env, 3) &&
			!mdb_env_open(raw->env, directory, MDB_NOSYNC | MDB_NOMEMINIT, 0600) &&
			!mdb_txn_begin(raw->env, NULL, 0, &txn) &&
			!mdb_dbi_open(txn, "items", MDB_CREATE, &raw->items) &&
			!mdb_dbi_open(txn, "entries", MDB_CREATE, &raw->entries) &&
			!mdb_dbi_open(txn, "changes", MDB_CREATE, &raw->changes) && !mdb_txn_commit(txn),
		"mdb_env_open");
	return raw;
}

static void raw_close(void *subject)
{
	struct raw *raw = subject;

	mdb_env_close(raw->env);
	free(raw);
}

static void raw_store(MDB_txn *txn, MDB_dbi dbi, void *key, size_t key_length, void *value)
{
	MDB_val at = {key_length, key}, data = {RAW_VALUE, value};

	must(!mdb_put(txn, dbi, &at, &data, 0), "mdb_put");
}

static void raw_tell(struct raw *raw, MDB_txn *txn, const void *old, const void *new_)
{
	uint8_t key[8], images[2 * RAW_VALUE];
	MDB_val at = {sizeof key, key}, data = {sizeof images, images};

	raw->number++;
	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(raw->number >> 8 * (7 - i));
	memcpy(images, old, RAW_VALUE);
	memcpy(images + RAW_VALUE, new_, RAW_VALUE);
	must(!mdb_put(txn, raw->changes, &at, &data, MDB_APPEND), "mdb_put");
}

static void raw_write(struct raw *raw, MDB_txn *txn, uint32_t i, uint32_t edition, bool over)
{
	uint8_t key[RAW_KEY], entry[RAW_ENTRY_KEY], value[RAW_VALUE];
	struct order order, old;

	order_make(&order, i, edition);
	memset(value, (int)i, sizeof value);
	memcpy(value, &order.amount, sizeof order.amount);
	raw_key(order.customer, order.date, key);
	if (over) {
		MDB_val at = {sizeof key, key}, data;
		must(!mdb_get(txn, raw->items, &at, &data), "mdb_get");
		if (raw->stream)
			raw_tell(raw, txn, data.mv_data, value);
		order_make(&old, i, edition - 1);
	}
	raw_store(txn, raw->items, key, sizeof key, value);
	for (unsigned k = 0; k < raw->indexes; k++) {
		if (over) {
			MDB_val at = {sizeof entry, entry};
			raw_entry_key(&old, k, entry);
			must(!mdb_del(txn, raw->entries, &at, NULL), "mdb_del");
		}
		raw_entry_key(&order, k, entry);
		raw_store(txn, raw->entries, entry, sizeof entry, value);
	}
}

static void raw_fill(void *subject, uint32_t from, uint32_t to)
{
	struct raw *raw = subject;

	while (from < to) {
		MDB_txn *txn;
		must(!mdb_txn_begin(raw->env, NULL, 0, &txn), "mdb_txn_begin");
		for (uint32_t end = from + BATCH < to ? from + BATCH : to; from < end; from++)
			raw_write(raw, txn, from, 0, false);
		must(!mdb_txn_commit(txn), "mdb_txn_commit");
	}
}

static void raw_put(void *subject, uint32_t i, uint32_t edition)
{
	struct raw *raw = subject;
	MDB_txn *txn;

	must(!mdb_txn_begin(raw->env, NULL, 0, &txn), "mdb_txn_begin");
	raw_write(raw, txn, i, edition, true);
	must(!mdb_txn_commit(txn), "mdb_txn_commit");
}

/* Values from `from` while the keys have its first `prefix` bytes and are not above `to`. A reader looks at
 * each whole value; `amount`, when not NULL, is what it looks for. */
static size_t raw_walk(struct raw *raw, MDB_dbi dbi, const uint8_t *from, const uint8_t *to, size_t length,
	const uint32_t *amount)
{
	MDB_val key = {length, (void *)from}, data;
	uint8_t copy[RAW_VALUE];
	MDB_cursor *cursor = NULL;
	MDB_txn *txn;
	size_t seen = 0;
	uint32_t found;

	must(!mdb_txn_begin(raw->env, NULL, MDB_RDONLY, &txn) && !mdb_cursor_open(txn, dbi, &cursor),
		"mdb_cursor_open");
	int error = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
	while (!error && (!to || memcmp(key.mv_data, to, length) <= 0)) {
		memcpy(copy, data.mv_data, data.mv_size);
		memcpy(&found, copy, sizeof found);
		seen += !amount || found == *amount;
		error = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return seen;
}

static size_t raw_point(void *subject, uint32_t i)
{
	char customer[16], date[16];
	uint8_t key[RAW_KEY];

	order_key(i, customer, date);
	raw_key(customer, date, key);
	return raw_walk(subject, ((struct raw *)subject)->items, key, key, sizeof key, NULL);
}

static size_t raw_range(void *subject, uint32_t customer, uint32_t first, uint32_t last)
{
	char name[16], date[16];
	uint8_t from[RAW_KEY], to[RAW_KEY];

	order_key(customer * ORDERS_EACH + first, name, date);
	raw_key(name, date, from);
	order_key(customer * ORDERS_EACH + last, name, date);
	raw_key(name, date, to);
	return raw_walk(subject, ((struct raw *)subject)->items, from, to, sizeof from, NULL);
}

static size_t raw_kind(void *subject, uint32_t kind)
{
	uint8_t key[5 + RAW_HASH];
	char name[16];

	snprintf(name, sizeof name, "kind-%04u", kind);
	memcpy(key, "X\0\0\0\0", 5);
	raw_hash(name, key + 5);
	return raw_walk(subject, ((struct raw *)subject)->entries, key, key, sizeof key, NULL);
}

static size_t raw_scan(void *subject, uint32_t amount)
{
	return raw_walk(subject, ((struct raw *)subject)->items, (const uint8_t *)"I", NULL, 1, &amount);
}

/* ---- SQLite ---- */

enum sql_statement {
	SQL_PUT,
	SQL_POINT,
	SQL_RANGE,
	SQL_KIND,
	SQL_SCAN,
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_STATEMENTS
};

static const char *const sql_texts[SQL_STATEMENTS] = {
	[SQL_PUT] = "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[SQL_POINT] = "SELECT * FROM orders WHERE customer = ? AND date = ?",
	[SQL_RANGE] = "SELECT * FROM orders WHERE customer = ? AND date BETWEEN ? AND ? ORDER BY date",
	[SQL_KIND] = "SELECT * FROM orders WHERE kind0 = ? ORDER BY date",
	[SQL_SCAN] = "SELECT * FROM orders WHERE amount = ?",
	[SQL_BEGIN] = "BEGIN",
	[SQL_COMMIT] = "COMMIT",
};

struct sql {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_STATEMENTS];
};

static void sql_do(struct sql *sql, const char *text)
{
	must(sqlite3_exec(sql->db, text, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(sql->db));
}

/* A change without an old image is one with nulls for it. */
static const char sql_stream[] =
	"CREATE TABLE changes (number INTEGER PRIMARY KEY, customer TEXT, date TEXT, kind0 TEXT, kind1 TEXT,"
	" kind2 TEXT, kind3 TEXT, kind4 TEXT, note TEXT, amount INTEGER, new_customer TEXT, new_date TEXT,"
	" new_kind0 TEXT, new_kind1 TEXT, new_kind2 TEXT, new_kind3 TEXT, new_kind4 TEXT, new_note TEXT,"
	" new_amount INTEGER);"
	"CREATE TRIGGER told BEFORE INSERT ON orders BEGIN INSERT INTO changes SELECT NULL, old.customer,"
	" old.date, old.kind0, old.kind1, old.kind2, old.kind3, old.kind4, old.note, old.amount, "
	"NEW.customer,"
	" NEW.date, NEW.kind0, NEW.kind1, NEW.kind2, NEW.kind3, NEW.kind4, NEW.note, NEW.amount FROM"
	" (SELECT 1) LEFT JOIN orders AS old ON old.customer = NEW.customer AND old.date = NEW.date; END";

static void *sql_open(const char *directory, unsigned indexes, bool stream)
{
	struct sql *sql = calloc(1, sizeof *sql);
	char text[512];

	snprintf(text, sizeof text, "%.480s/orders", directory);
	must(sql && sqlite3_open(text, &sql->db) == SQLITE_OK, "sqlite3_open");
	sql_do(sql, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA mmap_size = 8000000000;"
		    "CREATE TABLE orders (customer TEXT, date TEXT, kind0 TEXT, kind1 TEXT, kind2 TEXT, "
		    "kind3 TEXT,"
		    " kind4 TEXT, note TEXT, amount INTEGER, PRIMARY KEY (customer, date)) WITHOUT ROWID");
	for (unsigned k = 0; k < indexes; k++) {
		snprintf(text, sizeof text, "CREATE INDEX by_kind%u ON orders (kind%u, date)", k, k);
		sql_do(sql, text);
	}
	if (stream)
		sql_do(sql, sql_stream);
	for (unsigned i = 0; i < SQL_STATEMENTS; i++)
		must(sqlite3_prepare_v2(sql->db, sql_texts[i], -1, &sql->statements[i], NULL) == SQLITE_OK,
			sqlite3_errmsg(sql->db));
	return sql;
}

static void sql_close(void *subject)
{
	struct sql *sql = subject;

	for (unsigned i = 0; i < SQL_STATEMENTS; i++)
		sqlite3_finalize(sql->statements[i]);
	sqlite3_close(sql->db);
	free(sql);
}

/* Runs it to its end; each column of each row is looked at. */
static size_t sql_run(struct sql *sql, enum sql_statement which, const char *const *texts, unsigned count)
{
	sqlite3_stmt *statement = sql->statements[which];
	char copy[NOTE_BYTES];
	size_t rows = 0;
	int state;

	for (unsigned i = 0; i < count; i++)
		sqlite3_bind_text(statement, (int)i + 1, texts[i], -1, SQLITE_STATIC);
	while ((state = sqlite3_step(statement)) == SQLITE_ROW) {
		for (int column = 0; column < sqlite3_column_count(statement); column++) {
			const unsigned char *text = sqlite3_column_text(statement, column);
			memcpy(copy, text, (size_t)sqlite3_column_bytes(statement, column));
		}
		rows++;
	}
	must(state == SQLITE_DONE, sqlite3_errmsg(sql->db));
	sqlite3_reset(statement);
	return rows;
}

static void sql_put(void *subject, uint32_t i, uint32_t edition)
{
	struct sql *sql = subject;
	sqlite3_stmt *statement = sql->statements[SQL_PUT];
	struct order order;

	order_make(&order, i, edition);
	const char *texts[] = {order.customer, order.date, order.kinds[0], order.kinds[1], order.kinds[2],
		order.kinds[3], order.kinds[4]};
	sqlite3_bind_text(statement, 8, order.note, sizeof order.note, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 9, order.amount);
	(void)sql_run(sql, SQL_PUT, texts, 7);
}

static void sql_fill(void *subject, uint32_t from, uint32_t to)
{
	struct sql *sql = subject;

	while (from < to) {
		(void)sql_run(sql, SQL_BEGIN, NULL, 0);
		for (uint32_t end = from + BATCH < to ? from + BATCH : to; from < end; from++)
			sql_put(subject, from, 0);
		(void)sql_run(sql, SQL_COMMIT, NULL, 0);
	}
}

static size_t sql_point(void *subject, uint32_t i)
{
	char customer[16], date[16];

	order_key(i, customer, date);
	return sql_run(subject, SQL_POINT, (const char *const[]){customer, date}, 2);
}

static size_t sql_range(void *subject, uint32_t customer, uint32_t first, uint32_t last)
{
	char name[16], from[16], to[16];

	order_key(customer * ORDERS_EACH + first, name, from);
	order_key(customer * ORDERS_EACH + last, name, to);
	return sql_run(subject, SQL_RANGE, (const char *const[]){name, from, to}, 3);
}

static size_t sql_kind(void *subject, uint32_t kind)
{
	char name[16];

	snprintf(name, sizeof name, "kind-%04u", kind);
	return sql_run(subject, SQL_KIND, (const char *const[]){name}, 1);
}

static size_t sql_scan(void *subject, uint32_t amount)
{
	struct sql *sql = subject;

	sqlite3_bind_int64(sql->statements[SQL_SCAN], 1, amount);
	return sql_run(sql, SQL_SCAN, NULL, 0);
}

/* ---- The engine ---- */

struct prepared {
	struct order order;
	struct ddb_number amount;
	struct ddb_attribute attributes[4 + INDEXES_MAX];
};

static struct ddb_value prepare(struct prepared *to, uint32_t i, uint32_t edition)
{
	static const char *const names[] = {
		"amount", "customer", "date", "kind0", "kind1", "kind2", "kind3", "kind4", "note"};
	enum { COUNT = sizeof names / sizeof *names };

	order_make(&to->order, i, edition);
	ddb_number_from_int(to->order.amount, &to->amount);
	for (size_t k = 0; k < COUNT; k++)
		to->attributes[k] =
			(struct ddb_attribute){.name = names[k], .name_length = (uint32_t)strlen(names[k])};
	to->attributes[0].value = ddb_number_value(&to->amount);
	to->attributes[1].value = ddb_string(to->order.customer, strlen(to->order.customer));
	to->attributes[2].value = ddb_string(to->order.date, strlen(to->order.date));
	for (unsigned k = 0; k < INDEXES_MAX; k++)
		to->attributes[3 + k].value = ddb_string(to->order.kinds[k], strlen(to->order.kinds[k]));
	to->attributes[8].value = ddb_string(to->order.note, sizeof to->order.note);
	return (struct ddb_value){.type = DDB_M, .count = COUNT, .attributes = to->attributes};
}

static void *engine_open(const char *directory, unsigned indexes, bool stream)
{
	struct ddb_local_options options = {0};
	struct ddb_definition *definition = NULL;
	struct ddb_engine *engine;
	struct ddb_error err;
	char text[4096], *at = text;

	at += sprintf(at,
		"{\"AttributeDefinitions\": [{\"AttributeName\": \"customer\", \"AttributeType\": \"S\"},"
		"{\"AttributeName\": \"date\", \"AttributeType\": \"S\"}");
	for (unsigned k = 0; k < indexes; k++)
		at += sprintf(at, ",{\"AttributeName\": \"kind%u\", \"AttributeType\": \"S\"}", k);
	at += sprintf(at, "], \"KeySchema\": [{\"AttributeName\": \"customer\", \"KeyType\": \"HASH\"},"
			  "{\"AttributeName\": \"date\", \"KeyType\": \"RANGE\"}]");
	for (unsigned k = 0; k < indexes; k++)
		at += sprintf(at,
			"%s{\"IndexName\": \"by_kind%u\", \"KeySchema\": [{\"AttributeName\": \"kind%u\","
			"\"KeyType\": \"HASH\"}, {\"AttributeName\": \"date\", \"KeyType\": \"RANGE\"}],"
			"\"Projection\": {\"ProjectionType\": \"ALL\"}}",
			k ? ", " : ", \"GlobalSecondaryIndexes\": [", k, k);
	sprintf(at, "%s%s}", indexes ? "]" : "",
		stream ? ", \"StreamSpecification\": {\"StreamEnabled\": true,"
			 "\"StreamViewType\": \"NEW_AND_OLD_IMAGES\"}"
		       : "");
	must(!ddb_local_open(directory, &options, &engine, &err) &&
			!ddb_definition_read(text, strlen(text), &definition, &err) &&
			!engine->ops->create_table(engine, "Orders", definition, &err),
		err.message);
	ddb_definition_unref(definition);
	return engine;
}

static void engine_close(void *subject)
{
	struct ddb_engine *engine = subject;

	engine->ops->close(engine);
}

static void engine_fill(void *subject, uint32_t from, uint32_t to)
{
	static struct prepared prepared[BATCH];
	static struct ddb_value items[BATCH];
	struct ddb_engine *engine = subject;
	struct ddb_put_many request = {.table = "Orders", .items = items};
	struct ddb_put_many_result result;
	struct ddb_error err;

	for (; from < to; from += (uint32_t)request.count) {
		request.count = to - from < BATCH ? to - from : BATCH;
		for (uint32_t k = 0; k < request.count; k++)
			items[k] = prepare(&prepared[k], from + k, 0);
		must(!engine->ops->put_many(engine, &request, &result, &err), err.message);
	}
}

static void engine_put(void *subject, uint32_t i, uint32_t edition)
{
	struct ddb_engine *engine = subject;
	struct prepared prepared;
	struct ddb_put_item request = {.table = "Orders", .item = prepare(&prepared, i, edition)};
	struct ddb_put_result result;
	struct ddb_error err;

	must(!engine->ops->put_item(engine, &request, &result, &err), err.message);
}

/* All pages. */
static size_t engine_read(struct ddb_engine *engine, struct ddb_query *query)
{
	struct ddb_arena arenas[2]; /* of the page, and of the one whose last key it began with */
	struct ddb_page page = {.more = true};
	struct ddb_error err;
	struct ddb_value start;
	size_t seen = 0;

	for (unsigned at = 0; at < 2; at++)
		ddb_arena_init(&arenas[at], ARENA_MAX);
	for (unsigned at = 0; page.more; at = !at) {
		ddb_arena_reset(&arenas[at]);
		must(!engine->ops->query(engine, &arenas[at], query, &page, &err), err.message);
		seen += page.count;
		start = page.last;
		query->start = &start;
	}
	ddb_arena_done(&arenas[0]);
	ddb_arena_done(&arenas[1]);
	return seen;
}

static struct ddb_value text_value(const char *text)
{
	return ddb_string(text, strlen(text));
}

static size_t engine_point(void *subject, uint32_t i)
{
	char customer[16], date[16];
	struct ddb_key_range range = {.prefix_count = 1};
	struct ddb_query query = {.table = "Orders", .range = &range};

	order_key(i, customer, date);
	range.partition = text_value(customer);
	range.prefix[0] = text_value(date);
	return engine_read(subject, &query);
}

static size_t engine_range(void *subject, uint32_t customer, uint32_t first, uint32_t last)
{
	char name[16], from[16], to[16];
	struct ddb_key_range range = {
		.lower = {.given = true, .inclusive = true}, .upper = {.given = true, .inclusive = true}};
	struct ddb_query query = {.table = "Orders", .range = &range};

	order_key(customer * ORDERS_EACH + first, name, from);
	order_key(customer * ORDERS_EACH + last, name, to);
	range.partition = text_value(name);
	range.lower.value = text_value(from);
	range.upper.value = text_value(to);
	return engine_read(subject, &query);
}

static size_t engine_kind(void *subject, uint32_t kind)
{
	char name[16];
	struct ddb_key_range range = {0};
	struct ddb_query query = {.table = "Orders", .index = "by_kind0", .range = &range};

	snprintf(name, sizeof name, "kind-%04u", kind);
	range.partition = text_value(name);
	return engine_read(subject, &query);
}

static size_t engine_scan(void *subject, uint32_t amount)
{
	DDB_ARENA_AUTO struct ddb_arena arena = {0};
	struct ddb_query query = {.table = "Orders"};
	struct ddb_scope scope;
	struct ddb_error err;
	char text[32];

	snprintf(text, sizeof text, "amount = %u", amount);
	ddb_arena_init(&arena, ARENA_MAX);
	must(!ddb_scope_init(&scope, &arena, NULL, NULL, true, &err) &&
			!ddb_predicate_parse(
				&scope, DDB_FILTER_EXPRESSION, text, strlen(text), &query.filter, &err),
		err.message);
	return engine_read(subject, &query);
}

const struct query_ops query_rows[QUERY_SUBJECTS] = {
	{"LMDB", raw_open, raw_close, raw_fill, raw_put, raw_point, raw_range, raw_kind, raw_scan},
	{"SQLite", sql_open, sql_close, sql_fill, sql_put, sql_point, sql_range, sql_kind, sql_scan},
	{"engine", engine_open, engine_close, engine_fill, engine_put, engine_point, engine_range,
		engine_kind, engine_scan},
};
