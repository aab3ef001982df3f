/*
 * Inside wire/: TransactWriteItems and TransactGetItems, and the reasons of a transaction that was cancelled.
 */
#ifndef DDB_WIRE_TRANSACTIONS_H
#define DDB_WIRE_TRANSACTIONS_H

#include "engine/wire/call.h"

struct wire_transact_written {
	struct ddb_transact_write request;
	const struct ddb_value *collections; /* ItemCollectionKey of each action */
	struct ddb_transact_result result;
};
struct wire_transact_got {
	struct ddb_transact_get_result result;
};

/* The message and the member CancellationReasons. */
void wire_write_reasons(const struct wire_call *call, const char *message, struct ddb_json_out *json);

extern const struct member_type wire_transact_write_type, wire_transact_get_type;
WIRE_HANDLER(wire_transact_write);
WIRE_HANDLER(wire_transact_get);
WIRE_WRITER(wire_write_transact_written);
WIRE_WRITER(wire_write_transact_got);

#endif
