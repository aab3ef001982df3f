/*
 * Why a transaction was cancelled, in the service's words.
 */
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

static const char *const names[DDB_CODES] = {
	[DDB_OK] = "None",
	[DDB_VALIDATION] = "ValidationError",
	[DDB_ITEM_TOO_LARGE] = "ValidationError",
	[DDB_CONDITIONAL_CHECK_FAILED] = "ConditionalCheckFailed",
	[DDB_TRANSACTION_CONFLICT] = "TransactionConflict",
	[DDB_ITEM_COLLECTION_TOO_LARGE] = "ItemCollectionSizeLimitExceeded",
	[DDB_THROUGHPUT_EXCEEDED] = "ProvisionedThroughputExceeded",
	[DDB_THROTTLING] = "ThrottlingError",
	[DDB_ACCESS_DENIED] = "AccessDenied",
};

const char *ddb_reason_name(enum ddb_code code)
{
	return names[code] ? names[code] : "InternalServerError";
}

void ddb_reasons_message(const struct ddb_reason *reasons, size_t count, struct ddb_buffer *out)
{
	ddb_buffer_add_string(
		out, "Transaction cancelled, please refer cancellation reasons for specific reasons [");
	for (size_t i = 0; i < count; i++) {
		ddb_buffer_add_string(out, i ? ", " : "");
		ddb_buffer_add_string(out, ddb_reason_name(reasons[i].code));
	}
	ddb_buffer_add_byte(out, ']');
}

enum ddb_code ddb_reasons_fail(const struct ddb_reason *reasons, size_t count, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	ddb_buffer_init(&text, DDB_REASONS_MESSAGE_MAX);
	ddb_reasons_message(reasons, count, &text);
	ddb_buffer_add_byte(&text, '\0');
	return ddb_fail(err, DDB_TRANSACTION_CANCELED, "%s",
		text.failed ? "Transaction cancelled, please refer cancellation reasons for specific reasons"
			    : text.bytes);
}
