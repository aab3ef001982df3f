/*
 * The table of errors and the making of messages. A message may quote what a user sent, so whatever is no
 * UTF-8 in it is replaced here, once, and nobody who shows a message needs to look at it again. Threads: any.
 */
#include "engine/error.h"
#include "engine/utf8.h"
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DYNAMODB(name, status)                                                                               \
	{                                                                                                    \
		name, status, "com.amazonaws.dynamodb.v20120810#", "message"                                 \
	}
#define SERVICE(name, status)                                                                                \
	{                                                                                                    \
		name, status, "com.amazon.coral.service#", "Message"                                         \
	}
/* Some of the service's errors spell the member otherwise. */
#define DYNAMODB_CAPITAL(name, status)                                                                       \
	{                                                                                                    \
		name, status, "com.amazonaws.dynamodb.v20120810#", "Message"                                 \
	}
#define VALIDATION                                                                                           \
	{                                                                                                    \
		"ValidationException", 400, "com.amazon.coral.validate#", "message"                          \
	}
#define INTERNAL_SERVER_ERROR DYNAMODB("InternalServerError", 500)

/* clang-format off */
static const struct ddb_error_row rows[DDB_CODES] = {
	[DDB_OK] = {"", 200, "", ""},
	[DDB_VALIDATION] = VALIDATION,
	[DDB_ITEM_TOO_LARGE] = VALIDATION,
	[DDB_SERIALIZATION] = SERVICE("SerializationException", 400),
	[DDB_CONDITIONAL_CHECK_FAILED] = DYNAMODB("ConditionalCheckFailedException", 400),
	[DDB_TRANSACTION_CANCELED] = DYNAMODB_CAPITAL("TransactionCanceledException", 400),
	[DDB_TRANSACTION_CONFLICT] = DYNAMODB("TransactionConflictException", 400),
	[DDB_RESOURCE_IN_USE] = DYNAMODB("ResourceInUseException", 400),
	[DDB_RESOURCE_NOT_FOUND] = DYNAMODB("ResourceNotFoundException", 400),
	[DDB_THROUGHPUT_EXCEEDED] = DYNAMODB("ProvisionedThroughputExceededException", 400),
	[DDB_THROTTLING] = DYNAMODB("ThrottlingException", 400),
	[DDB_REQUEST_LIMIT_EXCEEDED] = DYNAMODB("RequestLimitExceeded", 400),
	[DDB_ACCESS_DENIED] = SERVICE("AccessDeniedException", 400),
	[DDB_LIMIT_EXCEEDED] = DYNAMODB("LimitExceededException", 400),
	[DDB_ITEM_COLLECTION_TOO_LARGE] = DYNAMODB("ItemCollectionSizeLimitExceededException", 400),
	[DDB_UNKNOWN_OPERATION] = SERVICE("UnknownOperationException", 400),
	[DDB_REQUEST_TOO_LARGE] = SERVICE("RequestEntityTooLargeException", 413),
	[DDB_IDEMPOTENT_MISMATCH] = DYNAMODB_CAPITAL("IdempotentParameterMismatchException", 400),
	[DDB_EXPIRED_ITERATOR] = DYNAMODB("ExpiredIteratorException", 400),
	[DDB_TRIMMED_DATA] = DYNAMODB("TrimmedDataAccessException", 400),
	[DDB_INTERNAL] = INTERNAL_SERVER_ERROR,
	[DDB_DAMAGED] = INTERNAL_SERVER_ERROR,
	[DDB_STORE_FULL] = INTERNAL_SERVER_ERROR,
	[DDB_STORE_READ_ONLY] = SERVICE("AccessDeniedException", 400),
	[DDB_NO_MEMORY] = INTERNAL_SERVER_ERROR,
	[DDB_UNREACHABLE] = INTERNAL_SERVER_ERROR,
	[DDB_TIMED_OUT] = INTERNAL_SERVER_ERROR,
	[DDB_VIEW_ENDED] = INTERNAL_SERVER_ERROR,
};
/* clang-format on */

const struct ddb_error_row *ddb_error_row(enum ddb_code code)
{
	assert((unsigned)code < DDB_CODES);
	return &rows[code];
}

/* Copies text as UTF-8: a stray byte becomes '?'; a character that a full buffer's end cut is dropped. */
static void copy_message(char ret[DDB_MESSAGE_MAX], const char *text, size_t length, bool cut)
{
	size_t done = ddb_utf8_prefix(text, length);
	memcpy(ret, text, done);
	while (done < length) {
		if (cut && length - done < 4 && (unsigned char)text[done] >= 0xc2)
			break;
		ret[done++] = '?';
		size_t valid = ddb_utf8_prefix(text + done, length - done);
		memcpy(ret + done, text + done, valid);
		done += valid;
	}
	ret[done] = '\0';
}

enum ddb_code ddb_fail(struct ddb_error *err, enum ddb_code code, const char *format, ...)
{
	if (!err)
		return code;
	/* An argument may be err->message itself, so the text is made beside it. */
	char text[DDB_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	int wanted = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (wanted < 0)
		text[0] = '\0';
	copy_message(err->message, text, strlen(text), wanted >= (int)sizeof(text));
	err->code = code;
	return code;
}

enum ddb_code ddb_fail_memory(struct ddb_error *err)
{
	return ddb_fail(err, DDB_NO_MEMORY, "Out of memory");
}
