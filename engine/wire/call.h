/*
 * Inside wire/: one call on its way. An operation is a row: the type that its request is read by, a handler
 * that asks the engine, and a writer of the response. Everything of a call lives in its arena; one thread.
 */
#ifndef DDB_WIRE_CALL_H
#define DDB_WIRE_CALL_H

#include "engine/engine.h"
#include "engine/jsonout.h"
#include "engine/members.h"

struct wire_operation;

struct wire_call {
	struct ddb_engine *engine;
	struct ddb_arena *arena;
	const struct wire_operation *operation;
	const struct ddb_value *json;   /* the request as it was sent */
	const struct ddb_error *broken; /* the first typed value that broke a rule; code DDB_OK: none */
	struct ddb_table *table;        /* a reference: what wire_table found last */
	const struct ddb_write_answer *answer; /* of a write: may hold the item that a condition refused */
	size_t reason_count;                   /* of a transaction that was cancelled: why, by position */
	const struct ddb_reason *reasons;
	struct ddb_error *err;
};

struct wire_operation {
	const char *name;
	const struct member_type *request;
	size_t response_size;
	enum ddb_code (*handle)(struct wire_call *call, const void *request, void *response /* zeroed */);
	/* Members of the response, into an open object; NULL: the body is empty. */
	void (*write)(const void *request, const void *response, struct ddb_json_out *json);
	bool changes; /* something in the store */
	unsigned target;
};

/* ---- Tables ---- */

/* What a request does to a table decides what becomes of one that is provisional: it cannot be read; what
 * writes or alters it gives it the key that its items are filed by, once it has any. */
enum wire_intent { WIRE_READ, WIRE_WRITE, WIRE_DESCRIBE, WIRE_ALTER };

/* The name, of a name or an ARN. NULL: no memory. */
const char *wire_name(struct wire_call *call, const struct member_text *text);
/* call->table becomes the table of that name. DDB_RESOURCE_NOT_FOUND in the words that belong to the intent.
 */
DDB_MUST_CHECK enum ddb_code wire_table(struct wire_call *call, const char *name, enum wire_intent intent);
/* What an engine answered to a request about items: that the table is not there is said in their words. */
enum ddb_code wire_of_items(struct wire_call *call, enum ddb_code code);

/* ---- What responses share ---- */

enum wire_capacity { WIRE_CAPACITY_NONE, WIRE_CAPACITY_TOTAL, WIRE_CAPACITY_INDEXES };
extern const struct member_word wire_capacity_words[], wire_metrics_words[];

/* The object of one table, as an element or behind a name. `split`: the member that says of transactions
 * which units they are; or NULL. */
void wire_write_consumed(const struct ddb_capacity *capacity, const char *table, bool indexes,
	const char *split, struct ddb_json_out *json);
/* The members ConsumedCapacity and ItemCollectionMetrics. */
void wire_write_capacity(
	const struct ddb_capacity *capacity, const char *table, bool indexes, struct ddb_json_out *json);
/* The object of one collection. */
void wire_write_collected(const struct ddb_value *key, uint64_t bytes, struct ddb_json_out *json);
void wire_write_collection(const struct ddb_value *key, uint64_t bytes, struct ddb_json_out *json);
void wire_open(struct ddb_json_out *json, const char *name, char bracket);
void wire_write_item(struct ddb_json_out *json, const char *name, const struct ddb_value *item);
/* The word's value, or `otherwise` when the text is not given. */
int wire_word(const struct member_word *words, const struct member_text *text, int otherwise);

/* ---- The operations' types and functions ---- */

#define WIRE_HANDLER(name) enum ddb_code name(struct wire_call *call, const void *request, void *response)
#define WIRE_WRITER(name) void name(const void *request, const void *response, struct ddb_json_out *json)

#endif
