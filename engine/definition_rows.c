/*
 * Which members a definition may have: CreateTable's, TimeToLiveSpecification, and CloudFormation's
 * spellings. One row a member; read by definition_read.c, checked by definition_constraints.c. Constant data:
 * any thread.
 */
#include "engine/definition_draft.h"

#define ROW MEMBER_ROW
#define TYPE MEMBER_TYPE

const struct member_word draft_attribute_types[] = {{"B", DDB_B}, {"N", DDB_N}, {"S", DDB_S}, {NULL, 0}};
const struct member_word draft_key_types[] = {{"HASH", DRAFT_HASH}, {"RANGE", DRAFT_RANGE}, {NULL, 0}};
const struct member_word draft_projections[] = {
	{"ALL", DDB_PROJECT_ALL},
	{"INCLUDE", DDB_PROJECT_INCLUDE},
	{"KEYS_ONLY", DDB_PROJECT_KEYS_ONLY},
	{NULL, 0},
};
const struct member_word draft_billings[] = {{"PROVISIONED", true}, {"PAY_PER_REQUEST", false}, {NULL, 0}};
const struct member_word draft_views[] = {
	{"NEW_IMAGE", DDB_STREAM_NEW},
	{"OLD_IMAGE", DDB_STREAM_OLD},
	{"NEW_AND_OLD_IMAGES", DDB_STREAM_BOTH},
	{"KEYS_ONLY", DDB_STREAM_KEYS_ONLY},
	{NULL, 0},
};
const struct member_word draft_classes[] = {
	{"STANDARD", false}, {"STANDARD_INFREQUENT_ACCESS", true}, {NULL, 0}};
const struct member_word draft_sse_types[] = {{"AES256", 0}, {"KMS", 1}, {NULL, 0}};

static const struct member_row attribute_rows[] = {
	{ROW(MEMBER_TEXT, draft_attribute, "AttributeName", name), .required = true, .least = 1,
		.most = DDB_KEY_NAME_MAX},
	{ROW(MEMBER_TEXT, draft_attribute, "AttributeType", type), .required = true,
		.words = draft_attribute_types},
};
const struct member_type draft_attribute_type = TYPE("AttributeDefinition", draft_attribute, attribute_rows);

static const struct member_row key_rows[] = {
	{ROW(MEMBER_TEXT, draft_key, "AttributeName", name), .required = true, .least = 1,
		.most = DDB_KEY_NAME_MAX},
	{ROW(MEMBER_TEXT, draft_key, "KeyType", type), .required = true, .words = draft_key_types},
};
static const struct member_type key_type = TYPE("KeySchemaElement", draft_key, key_rows);

static const struct member_row throughput_rows[] = {
	{ROW(MEMBER_LONG, draft_throughput, "ReadCapacityUnits", read), .required = true, .least = 1},
	{ROW(MEMBER_LONG, draft_throughput, "WriteCapacityUnits", write), .required = true, .least = 1},
};
const struct member_type draft_throughput_type =
	TYPE("ProvisionedThroughput", draft_throughput, throughput_rows);

static const struct member_row projected_name = {
	.kind = MEMBER_TEXT, .required = true, .least = 1, .most = DDB_KEY_NAME_MAX};
static const struct member_row projection_rows[] = {
	{ROW(MEMBER_TEXT, draft_projection, "ProjectionType", type), .words = draft_projections},
	{ROW(MEMBER_LIST, draft_projection, "NonKeyAttributes", names), .least = 1,
		.element = &projected_name},
};
static const struct member_type projection_type = TYPE("Projection", draft_projection, projection_rows);

static const struct member_row local_rows[] = {
	{ROW(MEMBER_TEXT, draft_index, "IndexName", name), .required = true, .least = 3, .most = 255,
		.pattern = MEMBER_NAME},
	{ROW(MEMBER_OBJECT, draft_index, "Projection", projection), .required = true,
		.type = &projection_type},
	{ROW(MEMBER_LIST, draft_index, "KeySchema", key), .required = true, .least = 1, .most = 2,
		.type = &key_type},
};
static const struct member_type local_type = TYPE("LocalSecondaryIndex", draft_index, local_rows);

static const struct member_row global_rows[] = {
	{ROW(MEMBER_TEXT, draft_index, "IndexName", name), .required = true, .least = 3, .most = 255,
		.pattern = MEMBER_NAME},
	{ROW(MEMBER_OBJECT, draft_index, "Projection", projection), .required = true,
		.type = &projection_type},
	{ROW(MEMBER_LIST, draft_index, "KeySchema", key), .required = true, .least = 1,
		.most = 2 * DDB_INDEX_KEY_PARTS_MAX, .type = &key_type},
	{ROW(MEMBER_OBJECT, draft_index, "ProvisionedThroughput", throughput), .type = &draft_throughput_type},
	{.name = "OnDemandThroughput", .kind = MEMBER_IGNORED},
	{.name = "WarmThroughput", .kind = MEMBER_IGNORED},
	{.name = "ContributorInsightsSpecification", .kind = MEMBER_IGNORED},
};
const struct member_type draft_global_type = TYPE("GlobalSecondaryIndex", draft_index, global_rows);

static const char no_resource_policy[] =
	"its permissions would not be granted or denied; use policies of the store";

static const struct member_row stream_rows[] = {
	{ROW(MEMBER_FLAG, draft_stream, "StreamEnabled", enabled)},
	{ROW(MEMBER_TEXT, draft_stream, "StreamViewType", view), .words = draft_views},
	{.name = "ResourcePolicy", .kind = MEMBER_UNSUPPORTED, .refusal = no_resource_policy},
};
const struct member_type draft_stream_type = TYPE("StreamSpecification", draft_stream, stream_rows);

static const struct member_row sse_rows[] = {
	{ROW(MEMBER_FLAG, draft_sse, "Enabled", enabled)},
	{ROW(MEMBER_FLAG, draft_sse, "SSEEnabled", sse_enabled)},
	{ROW(MEMBER_TEXT, draft_sse, "SSEType", type), .words = draft_sse_types},
	{ROW(MEMBER_TEXT, draft_sse, "KMSMasterKeyId", key), .least = 1, .most = 2048},
};
const struct member_type draft_sse_type = TYPE("SSESpecification", draft_sse, sse_rows);

static const struct member_row ttl_rows[] = {
	{ROW(MEMBER_TEXT, draft_ttl, "AttributeName", attribute), .least = 1, .most = DDB_KEY_NAME_MAX},
	{ROW(MEMBER_FLAG, draft_ttl, "Enabled", enabled), .required = true},
};
static const struct member_type ttl_type = TYPE("TimeToLiveSpecification", draft_ttl, ttl_rows);

static const struct member_row tag_rows[] = {
	{ROW(MEMBER_TEXT, draft_tag, "Key", key), .required = true, .least = 1, .most = 128,
		.pattern = MEMBER_TAG},
	{ROW(MEMBER_TEXT, draft_tag, "Value", value), .required = true, .most = 256, .pattern = MEMBER_TAG},
};
const struct member_type draft_tag_type = TYPE("Tag", draft_tag, tag_rows);

static const struct member_row table_rows[] = {
	{ROW(MEMBER_REFERENCE, draft_table, "TableName", name)},
	{ROW(MEMBER_LIST, draft_table, "AttributeDefinitions", attributes), .required = true,
		.type = &draft_attribute_type},
	{ROW(MEMBER_LIST, draft_table, "KeySchema", key), .required = true, .least = 1, .most = 2,
		.type = &key_type},
	{ROW(MEMBER_TEXT, draft_table, "BillingMode", billing), .words = draft_billings},
	{ROW(MEMBER_OBJECT, draft_table, "ProvisionedThroughput", throughput), .type = &draft_throughput_type},
	{ROW(MEMBER_LIST, draft_table, "LocalSecondaryIndexes", locals), .most = DDB_LOCAL_INDEXES_MAX,
		.type = &local_type,
		.refusal = "Number of LocalSecondaryIndexes exceeds per-table limit of 5"},
	{ROW(MEMBER_LIST, draft_table, "GlobalSecondaryIndexes", globals), .most = DDB_GLOBAL_INDEXES_MAX,
		.type = &draft_global_type,
		.refusal = "GlobalSecondaryIndex count exceeds the per-table limit of 20"},
	{ROW(MEMBER_OBJECT, draft_table, "StreamSpecification", stream), .type = &draft_stream_type},
	{ROW(MEMBER_OBJECT, draft_table, "SSESpecification", sse), .type = &draft_sse_type},
	{ROW(MEMBER_TEXT, draft_table, "TableClass", table_class), .words = draft_classes},
	{ROW(MEMBER_FLAG, draft_table, "DeletionProtectionEnabled", deletion_protection)},
	{ROW(MEMBER_LIST, draft_table, "Tags", tags), .most = DDB_TAGS_MAX, .type = &draft_tag_type,
		.refusal = "Number of Tags exceeds the per-table limit of 50"},
	{ROW(MEMBER_OBJECT, draft_table, "TimeToLiveSpecification", ttl), .type = &ttl_type},
	{.name = "OnDemandThroughput", .kind = MEMBER_IGNORED},
	{.name = "WarmThroughput", .kind = MEMBER_IGNORED},
	{.name = "ContributorInsightsSpecification", .kind = MEMBER_IGNORED},
	{.name = "PointInTimeRecoverySpecification", .kind = MEMBER_IGNORED},
	{.name = "ResourcePolicy", .kind = MEMBER_UNSUPPORTED, .refusal = no_resource_policy},
	{.name = "KinesisStreamSpecification",
		.kind = MEMBER_UNSUPPORTED,
		.refusal = "no record would reach the stream"},
	{.name = "ImportSourceSpecification",
		.kind = MEMBER_UNSUPPORTED,
		.refusal = "nothing would be imported"},
};
const struct member_type draft_table_type = TYPE("CreateTableInput", draft_table, table_rows);

static const struct member_word resource_types[] = {{"AWS::DynamoDB::Table", 0}, {NULL, 0}};
static const struct member_row resource_rows[] = {
	{ROW(MEMBER_TEXT, draft_resource, "Type", type), .words = resource_types},
	{ROW(MEMBER_OBJECT, draft_resource, "Properties", properties), .type = &draft_table_type},
	/* What CloudFormation does with a resource, not what the table is. */
	{.name = "Condition", .kind = MEMBER_IGNORED},
	{.name = "CreationPolicy", .kind = MEMBER_IGNORED},
	{.name = "DeletionPolicy", .kind = MEMBER_IGNORED},
	{.name = "DependsOn", .kind = MEMBER_IGNORED},
	{.name = "Metadata", .kind = MEMBER_IGNORED},
	{.name = "UpdatePolicy", .kind = MEMBER_IGNORED},
	{.name = "UpdateReplacePolicy", .kind = MEMBER_IGNORED},
};
const struct member_type draft_resource_type = TYPE("Resource", draft_resource, resource_rows);
