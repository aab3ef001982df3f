/*
 * What a stream and its records are called, and a record as GetRecords shows it. The API and the files under
 * T/.stream/ both write by this; what a stream is, is engine.h's. Pure functions: any thread.
 */
#ifndef DDB_STREAM_H
#define DDB_STREAM_H

#include "engine/engine.h"
#include "engine/jsonout.h"

enum { DDB_STREAM_ARN_MAX = 2048 }; /* bytes, with the NUL */

/* YYYY-MM-DDThh:mm:ss.fff, of when the stream was turned on. */
void ddb_stream_label(int64_t since_ns, char ret[DDB_STREAM_LABEL_MAX]);
void ddb_stream_arn(const char *region, const char *table, const char *label, char ret[DDB_STREAM_ARN_MAX]);

/* DDB_SEQUENCE_DIGITS digits and a NUL. */
void ddb_sequence_write(uint64_t sequence, char ret[DDB_SEQUENCE_DIGITS + 1]);
/* Of 21 to 40 digits. False when it is none, or one that no record can have. */
bool ddb_sequence_read(const char *text, size_t length, uint64_t *ret);

/* "KEYS_ONLY", … */
const char *ddb_stream_view_name(enum ddb_stream_view view);

/* The object of one record, as an element or a line: attributes in DynamoDB's typed JSON. */
void ddb_stream_write_record(const struct ddb_stream *stream, const struct ddb_stream_record *record,
	const char *region, struct ddb_json_out *json);

#endif
