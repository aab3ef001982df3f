/*
 * Inside wire/: requests about items, one by one (items.c) and many (reads.c). They share one struct, of
 * which each operation's rows fill what it takes, so that what they have in common, expressions above all, is
 * read in one place (expressions.c).
 */
#ifndef DDB_WIRE_ITEMS_H
#define DDB_WIRE_ITEMS_H

#include "engine/wire/call.h"

struct wire_item_request {
	bool given;
	struct member_text table, index;
	struct member_value key, item, start;
	/* Expressions, and what they share. */
	struct member_text condition, update, projection, filter, key_condition;
	struct member_value names, values;
	/* The parameters from before there were expressions. */
	const struct ddb_value *expected, *updates, *key_conditions, *query_filter, *scan_filter;
	struct member_text operator_;
	struct member_list attributes; /* AttributesToGet */
	struct member_text return_values, return_on_failure, capacity, metrics, select;
	enum member_flag consistent, forward;
	struct member_integer limit, segment, segments;
};

/* ---- Expressions ---- */

struct wire_expressions {
	const struct ddb_predicate *condition, *filter;
	const struct ddb_changes *changes;
	const struct ddb_key_condition *key_condition;
	const struct ddb_selection *selection;
};
/* What the service looks at before any expression: that only one kind of parameters is used, the names and
 * values, and then the typed values of the request. `type`: which expressions there might be. */
DDB_MUST_CHECK enum ddb_code wire_expressions_check(
	struct wire_call *call, const struct member_type *type, const struct wire_item_request *request);
DDB_MUST_CHECK enum ddb_code wire_expressions_read(
	struct wire_call *call, const struct wire_item_request *request, struct wire_expressions *ret);
/* AttributesToGet. */
DDB_MUST_CHECK enum ddb_code wire_attributes_read(
	struct wire_call *call, const struct member_list *names, const struct ddb_selection **ret);

/* ---- Responses ---- */

struct wire_written {
	struct ddb_write_answer answer;
	const char *table;
	struct ddb_value collection; /* ItemCollectionKey */
};
struct wire_got {
	bool found;
	struct ddb_value item;
	const char *table;
	struct ddb_capacity capacity;
};
struct wire_found {
	struct ddb_page page;
	const char *table;
};

/* ---- Rows that several types have ---- */

#define WIRE_TABLE_NAME(struct_, field)                                                                      \
	{                                                                                                    \
		MEMBER_ROW(MEMBER_TEXT, struct_, "TableName", field),                                        \
			.required = true, .least = 1, .most = DDB_TABLE_NAME_MAX, .pattern = MEMBER_TABLE    \
	}
#define WIRE_RETURN_CAPACITY(struct_, field)                                                                 \
	{                                                                                                    \
		MEMBER_ROW(MEMBER_TEXT, struct_, "ReturnConsumedCapacity", field),                           \
			.words = wire_capacity_words                                                         \
	}
#define WIRE_RETURN_METRICS(struct_, field)                                                                  \
	{                                                                                                    \
		MEMBER_ROW(MEMBER_TEXT, struct_, "ReturnItemCollectionMetrics", field),                      \
			.words = wire_metrics_words                                                          \
	}
#define WIRE_NAMES(struct_, field)                                                                           \
	{                                                                                                    \
		MEMBER_ROW(MEMBER_NAMES, struct_, "ExpressionAttributeNames", field)                         \
	}
#define WIRE_VALUES(struct_, field)                                                                          \
	{                                                                                                    \
		MEMBER_ROW(MEMBER_VALUES, struct_, "ExpressionAttributeValues", field),                      \
			.refusal = "ExpressionAttributeValues contains invalid value: "                      \
	}
extern const struct member_word wire_failure_words[]; /* of ReturnValuesOnConditionCheckFailure */
extern const struct member_row wire_attribute_name;   /* of AttributesToGet */
#define WIRE_ATTRIBUTES(struct_, field)                                                                      \
	{                                                                                                    \
		MEMBER_ROW(MEMBER_LIST, struct_, "AttributesToGet", field), .least = 1, .most = 255,         \
									    .element = &wire_attribute_name  \
	}

extern const struct member_type wire_put_item_type, wire_get_item_type, wire_update_item_type,
	wire_delete_item_type, wire_query_type, wire_scan_type;
WIRE_HANDLER(wire_put_item);
WIRE_HANDLER(wire_get_item);
WIRE_HANDLER(wire_update_item);
WIRE_HANDLER(wire_delete_item);
WIRE_HANDLER(wire_query);
WIRE_HANDLER(wire_scan);
WIRE_WRITER(wire_write_written);
WIRE_WRITER(wire_write_got);
WIRE_WRITER(wire_write_found);

#endif
