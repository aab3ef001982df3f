/*
 * An engine that wraps another: forwards every call and appends one JSON line about it to a file, so that a
 * test can tell which engine calls a program has caused.
 * {"operation":"PutItem","table":"T","key":{"id":{"S":"a"}},"result":"ok","replaced":true}: operation is
 * DynamoDB's name of it where there is one; result is ok or the error's name; what follows it only comes with
 * ok (but BatchWriteItem's done). Lines are whole, whatever the number of threads or processes; a line that
 * cannot be written is counted in the status and changes nothing else.
 */
#ifndef DDB_TRACE_H
#define DDB_TRACE_H

#include "engine/engine.h"

/*
 * Closing the trace closes `inner`. On failure (DDB_VALIDATION: the file cannot be opened) inner stays the
 * caller's. The file is made with mode 0600 and appended to.
 */
DDB_MUST_CHECK enum ddb_code ddb_trace_open(struct ddb_engine *inner /* taken */, const char *path,
	struct ddb_engine **ret, struct ddb_error *err);

#endif
