/*
 * What can go wrong, in DynamoDB's terms: a code, its DynamoDB name and a message in DynamoDB's words.
 * The codes are rows of one table (error.c); mapping/ turns a code into an errno, nobody else does.
 * An error is the caller's memory; a function that succeeds leaves it untouched.
 */
#ifndef DDB_ERROR_H
#define DDB_ERROR_H

enum ddb_code {
	DDB_OK = 0,
	DDB_VALIDATION,
	DDB_ITEM_TOO_LARGE, /* a ValidationException that has a code of its own: the tree answers EFBIG */
	DDB_SERIALIZATION,
	DDB_CONDITIONAL_CHECK_FAILED,
	DDB_TRANSACTION_CANCELED,
	DDB_TRANSACTION_CONFLICT,
	DDB_RESOURCE_IN_USE,
	DDB_RESOURCE_NOT_FOUND,
	DDB_THROUGHPUT_EXCEEDED,
	DDB_THROTTLING,
	DDB_REQUEST_LIMIT_EXCEEDED,
	DDB_ACCESS_DENIED,
	DDB_LIMIT_EXCEEDED,
	DDB_ITEM_COLLECTION_TOO_LARGE,
	DDB_UNKNOWN_OPERATION,
	DDB_REQUEST_TOO_LARGE,
	DDB_IDEMPOTENT_MISMATCH, /* a token that was used for another request */
	DDB_EXPIRED_ITERATOR,
	DDB_TRIMMED_DATA, /* stream records that are no longer kept */
	DDB_INTERNAL,
	/* Not DynamoDB's: answered as InternalServerError over the API, but for the read-only disk. */
	DDB_DAMAGED,         /* a record that fails its seal: never data */
	DDB_STORE_FULL,      /* no room on the disk; goes away when there is */
	DDB_STORE_READ_ONLY, /* the disk takes no writes */
	DDB_NO_MEMORY,
	DDB_UNREACHABLE,
	DDB_TIMED_OUT,
	DDB_VIEW_ENDED, /* a snapshot or transaction that was let go */
	DDB_CODES, /* the number of codes */
};

enum { DDB_MESSAGE_MAX = 1024 };

struct ddb_error {
	enum ddb_code code;
	char message[DDB_MESSAGE_MAX]; /* UTF-8, cut at a whole character */
};

/* A row of the error table. `name` is DynamoDB's, such as "ValidationException"; `space` stands before it in
 * an error's body, and `message` is the member that has the text there. */
struct ddb_error_row {
	const char *name;
	int http_status;
	const char *space, *message;
};
const struct ddb_error_row *ddb_error_row(enum ddb_code code);

/* Fills *err (which may be NULL) and returns `code`, so that a refusal is one line: return ddb_fail(…). */
enum ddb_code ddb_fail(struct ddb_error *err, enum ddb_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

enum ddb_code ddb_fail_memory(struct ddb_error *err) __attribute__((cold));

#define DDB_MUST_CHECK __attribute__((warn_unused_result))

#endif
