/*
 * Which members a definition may have: CreateTable's, TimeToLiveSpecification, and CloudFormation's
 * spellings. One row a member; read by definition_read.c, checked by definition_constraints.c. Constant data:
 * any thread.
 */
#include "engine/definition_draft.h"

#include <string.h>

#define ROW(kind_, struct_, name_, field_)                                                                   \
	.name = name_, .kind = kind_, .offset = offsetof(struct struct_, field_)
#define TYPE(name_, struct_, rows_)                                                                          \
	{                                                                                                    \
		.name = name_, .size = sizeof(struct struct_), .count = sizeof(rows_) / sizeof *(rows_),     \
		.members = rows_                                                                             \
	}

const struct draft_word draft_attribute_types[] = {{"B", DDB_B}, {"N", DDB_N}, {"S", DDB_S}, {NULL, 0}};
const struct draft_word draft_key_types[] = {{"HASH", DRAFT_HASH}, {"RANGE", DRAFT_RANGE}, {NULL, 0}};
const struct draft_word draft_projections[] = {
	{"ALL", DDB_PROJECT_ALL},
	{"INCLUDE", DDB_PROJECT_INCLUDE},
	{"KEYS_ONLY", DDB_PROJECT_KEYS_ONLY},
	{NULL, 0},
};
const struct draft_word draft_billings[] = {{"PROVISIONED", true}, {"PAY_PER_REQUEST", false}, {NULL, 0}};
const struct draft_word draft_views[] = {
	{"NEW_IMAGE", DDB_STREAM_NEW},
	{"OLD_IMAGE", DDB_STREAM_OLD},
	{"NEW_AND_OLD_IMAGES", DDB_STREAM_BOTH},
	{"KEYS_ONLY", DDB_STREAM_KEYS_ONLY},
	{NULL, 0},
};
const struct draft_word draft_classes[] = {
	{"STANDARD", false}, {"STANDARD_INFREQUENT_ACCESS", true}, {NULL, 0}};
const struct draft_word draft_sse_types[] = {{"AES256", 0}, {"KMS", 1}, {NULL, 0}};

static const struct draft_member attribute_rows[] = {
	{ROW(DRAFT_TEXT, draft_attribute, "AttributeName", name), .required = true, .least = 1,
		.most = DDB_KEY_NAME_MAX},
	{ROW(DRAFT_TEXT, draft_attribute, "AttributeType", type), .required = true,
		.words = draft_attribute_types},
};
static const struct draft_type attribute_type = TYPE("AttributeDefinition", draft_attribute, attribute_rows);

static const struct draft_member key_rows[] = {
	{ROW(DRAFT_TEXT, draft_key, "AttributeName", name), .required = true, .least = 1,
		.most = DDB_KEY_NAME_MAX},
	{ROW(DRAFT_TEXT, draft_key, "KeyType", type), .required = true, .words = draft_key_types},
};
static const struct draft_type key_type = TYPE("KeySchemaElement", draft_key, key_rows);

static const struct draft_member throughput_rows[] = {
	{ROW(DRAFT_INTEGER, draft_throughput, "ReadCapacityUnits", read), .required = true, .least = 1},
	{ROW(DRAFT_INTEGER, draft_throughput, "WriteCapacityUnits", write), .required = true, .least = 1},
};
static const struct draft_type throughput_type =
	TYPE("ProvisionedThroughput", draft_throughput, throughput_rows);

static const struct draft_member projected_name = {
	.kind = DRAFT_TEXT, .required = true, .least = 1, .most = DDB_KEY_NAME_MAX};
static const struct draft_member projection_rows[] = {
	{ROW(DRAFT_TEXT, draft_projection, "ProjectionType", type), .words = draft_projections},
	{ROW(DRAFT_LIST, draft_projection, "NonKeyAttributes", names), .least = 1,
		.element = &projected_name},
};
static const struct draft_type projection_type = TYPE("Projection", draft_projection, projection_rows);

static const struct draft_member local_rows[] = {
	{ROW(DRAFT_TEXT, draft_index, "IndexName", name), .required = true, .least = 3, .most = 255,
		.pattern = DRAFT_NAME},
	{ROW(DRAFT_OBJECT, draft_index, "Projection", projection), .required = true,
		.type = &projection_type},
	{ROW(DRAFT_LIST, draft_index, "KeySchema", key), .required = true, .least = 1, .most = 2,
		.type = &key_type},
};
static const struct draft_type local_type = TYPE("LocalSecondaryIndex", draft_index, local_rows);

static const struct draft_member global_rows[] = {
	{ROW(DRAFT_TEXT, draft_index, "IndexName", name), .required = true, .least = 3, .most = 255,
		.pattern = DRAFT_NAME},
	{ROW(DRAFT_OBJECT, draft_index, "Projection", projection), .required = true,
		.type = &projection_type},
	{ROW(DRAFT_LIST, draft_index, "KeySchema", key), .required = true, .least = 1,
		.most = 2 * DDB_INDEX_KEY_PARTS_MAX, .type = &key_type},
	{ROW(DRAFT_OBJECT, draft_index, "ProvisionedThroughput", throughput), .type = &throughput_type},
	{.name = "OnDemandThroughput", .kind = DRAFT_IGNORED},
	{.name = "WarmThroughput", .kind = DRAFT_IGNORED},
	{.name = "ContributorInsightsSpecification", .kind = DRAFT_IGNORED},
};
static const struct draft_type global_type = TYPE("GlobalSecondaryIndex", draft_index, global_rows);

static const char no_resource_policy[] =
	"its permissions would not be granted or denied; use policies of the store";

static const struct draft_member stream_rows[] = {
	{ROW(DRAFT_FLAG, draft_stream, "StreamEnabled", enabled)},
	{ROW(DRAFT_TEXT, draft_stream, "StreamViewType", view), .words = draft_views},
	{.name = "ResourcePolicy", .kind = DRAFT_UNSUPPORTED, .refusal = no_resource_policy},
};
static const struct draft_type stream_type = TYPE("StreamSpecification", draft_stream, stream_rows);

static const struct draft_member sse_rows[] = {
	{ROW(DRAFT_FLAG, draft_sse, "Enabled", enabled)},
	{ROW(DRAFT_FLAG, draft_sse, "SSEEnabled", sse_enabled)},
	{ROW(DRAFT_TEXT, draft_sse, "SSEType", type), .words = draft_sse_types},
	{ROW(DRAFT_TEXT, draft_sse, "KMSMasterKeyId", key), .least = 1, .most = 2048},
};
static const struct draft_type sse_type = TYPE("SSESpecification", draft_sse, sse_rows);

static const struct draft_member ttl_rows[] = {
	{ROW(DRAFT_TEXT, draft_ttl, "AttributeName", attribute), .least = 1, .most = DDB_KEY_NAME_MAX},
	{ROW(DRAFT_FLAG, draft_ttl, "Enabled", enabled), .required = true},
};
static const struct draft_type ttl_type = TYPE("TimeToLiveSpecification", draft_ttl, ttl_rows);

static const struct draft_member tag_rows[] = {
	{ROW(DRAFT_TEXT, draft_tag, "Key", key), .required = true, .least = 1, .most = 128,
		.pattern = DRAFT_TAG},
	{ROW(DRAFT_TEXT, draft_tag, "Value", value), .required = true, .most = 256, .pattern = DRAFT_TAG},
};
static const struct draft_type tag_type = TYPE("Tag", draft_tag, tag_rows);

static const struct draft_member table_rows[] = {
	{ROW(DRAFT_TABLE_NAME, draft_table, "TableName", name)},
	{ROW(DRAFT_LIST, draft_table, "AttributeDefinitions", attributes), .required = true,
		.type = &attribute_type},
	{ROW(DRAFT_LIST, draft_table, "KeySchema", key), .required = true, .least = 1, .most = 2,
		.type = &key_type},
	{ROW(DRAFT_TEXT, draft_table, "BillingMode", billing), .words = draft_billings},
	{ROW(DRAFT_OBJECT, draft_table, "ProvisionedThroughput", throughput), .type = &throughput_type},
	{ROW(DRAFT_LIST, draft_table, "LocalSecondaryIndexes", locals), .most = DDB_LOCAL_INDEXES_MAX,
		.type = &local_type,
		.refusal = "Number of LocalSecondaryIndexes exceeds per-table limit of 5"},
	{ROW(DRAFT_LIST, draft_table, "GlobalSecondaryIndexes", globals), .most = DDB_GLOBAL_INDEXES_MAX,
		.type = &global_type,
		.refusal = "GlobalSecondaryIndex count exceeds the per-table limit of 20"},
	{ROW(DRAFT_OBJECT, draft_table, "StreamSpecification", stream), .type = &stream_type},
	{ROW(DRAFT_OBJECT, draft_table, "SSESpecification", sse), .type = &sse_type},
	{ROW(DRAFT_TEXT, draft_table, "TableClass", table_class), .words = draft_classes},
	{ROW(DRAFT_FLAG, draft_table, "DeletionProtectionEnabled", deletion_protection)},
	{ROW(DRAFT_LIST, draft_table, "Tags", tags), .most = DDB_TAGS_MAX, .type = &tag_type,
		.refusal = "Number of Tags exceeds the per-table limit of 50"},
	{ROW(DRAFT_OBJECT, draft_table, "TimeToLiveSpecification", ttl), .type = &ttl_type},
	{.name = "OnDemandThroughput", .kind = DRAFT_IGNORED},
	{.name = "WarmThroughput", .kind = DRAFT_IGNORED},
	{.name = "ContributorInsightsSpecification", .kind = DRAFT_IGNORED},
	{.name = "PointInTimeRecoverySpecification", .kind = DRAFT_IGNORED},
	{.name = "ResourcePolicy", .kind = DRAFT_UNSUPPORTED, .refusal = no_resource_policy},
	{.name = "KinesisStreamSpecification",
		.kind = DRAFT_UNSUPPORTED,
		.refusal = "no record would reach the stream"},
	{.name = "ImportSourceSpecification",
		.kind = DRAFT_UNSUPPORTED,
		.refusal = "nothing would be imported"},
};
const struct draft_type draft_table_type = TYPE("CreateTableInput", draft_table, table_rows);

static const struct draft_word resource_types[] = {{"AWS::DynamoDB::Table", 0}, {NULL, 0}};
static const struct draft_member resource_rows[] = {
	{ROW(DRAFT_TEXT, draft_resource, "Type", type), .words = resource_types},
	{ROW(DRAFT_OBJECT, draft_resource, "Properties", properties), .type = &draft_table_type},
	/* What CloudFormation does with a resource, not what the table is. */
	{.name = "Condition", .kind = DRAFT_IGNORED},
	{.name = "CreationPolicy", .kind = DRAFT_IGNORED},
	{.name = "DeletionPolicy", .kind = DRAFT_IGNORED},
	{.name = "DependsOn", .kind = DRAFT_IGNORED},
	{.name = "Metadata", .kind = DRAFT_IGNORED},
	{.name = "UpdatePolicy", .kind = DRAFT_IGNORED},
	{.name = "UpdateReplacePolicy", .kind = DRAFT_IGNORED},
};
const struct draft_type draft_resource_type = TYPE("Resource", draft_resource, resource_rows);

const struct draft_word *draft_word_find(const struct draft_word *words, const struct draft_text *text)
{
	for (; words->name; words++)
		if (strlen(words->name) == text->length && !memcmp(words->name, text->bytes, text->length))
			return words;
	return NULL;
}

int draft_word_value(const struct draft_word *words, const struct draft_text *text)
{
	return draft_word_find(words, text)->value;
}

const char *draft_word_name(const struct draft_word *words, int value)
{
	while (words->value != value)
		words++;
	return words->name;
}
