/*
 * DynamoDB's JSON protocol: the text of a request in, the text of a response out. The HTTP server, the files
 * under /.api and `dynamount api` all come through here. Not the transport: headers, signatures and status
 * lines are the caller's. One row of a table per operation. No state: any thread.
 */
#ifndef DDB_WIRE_H
#define DDB_WIRE_H

#include "engine/buffer.h"
#include "engine/engine.h"

enum {
	DDB_WIRE_REQUEST_MAX = 16 << 20,  /* bytes of a request's text */
	DDB_WIRE_RESPONSE_MAX = 96 << 20, /* what the largest response may take as text */
};

/* The name of the operation at that position, in byte order; NULL behind the last. */
const char *ddb_wire_operation(size_t index);
bool ddb_wire_knows(const char *operation);
/* What stands before the operation's name in X-Amz-Target; NULL: there is no such operation. */
const char *ddb_wire_target(const char *operation);

/*
 * Appends the response's JSON to `response`. On failure what is appended is the error's body instead
 * (`__type`, `message`, and what else belongs there), *err says the same, and nothing was changed.
 * DDB_SERIALIZATION, DDB_UNKNOWN_OPERATION, DDB_REQUEST_TOO_LARGE, and whatever the engine refuses with.
 */
enum ddb_code ddb_wire_call(struct ddb_engine *engine, const char *operation, const char *text, size_t length,
	struct ddb_buffer *response, struct ddb_error *err);

#endif
