/*
 * Tables: references, and DescribeTable's view of every kind of table.
 */
#include "engine/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct ddb_table *make_table(const char *definition, enum ddb_provisional provisional)
{
	struct ddb_table *table = calloc(1, sizeof *table);
	assert_non_null(table);
	*table = (struct ddb_table){.references = 1,
		.name = "Orders",
		.id = 7,
		.provisional = provisional,
		.created_ns = 1700000000123999999,
		.uuid = "00000000-1111-2222-3333-444444444444"};
	if (definition)
		assert_int_equal(
			ddb_definition_read(definition, strlen(definition), &table->definition, NULL),
			DDB_OK);
	return table;
}

static void check_description(struct ddb_table *table /* taken */, const char *wanted)
{
	DDB_BUFFER_AUTO struct ddb_buffer text;
	ddb_buffer_init(&text, 1 << 20);
	struct ddb_json_out json;
	ddb_json_out_init(&json, &text, false);
	const struct ddb_table_counts counts = {.items = 12, .bytes = 3456};
	ddb_table_describe(table, &counts, "eu-central-1", &json);
	ddb_buffer_add_byte(&text, '\0');
	assert_false(text.failed);
	assert_string_equal(text.bytes, wanted);
	ddb_table_unref(table);
}

#define KEY(name, role) "{\"AttributeName\":\"" name "\",\"KeyType\":\"" role "\"}"
#define ATTRIBUTE(name, type) "{\"AttributeName\":\"" name "\",\"AttributeType\":\"" type "\"}"
#define SIMPLE "\"AttributeDefinitions\":[" ATTRIBUTE("a", "S") "],\"KeySchema\":[" KEY("a", "HASH") "]"
#define UNITS(r, w) "{\"NumberOfDecreasesToday\":0,\"ReadCapacityUnits\":" r ",\"WriteCapacityUnits\":" w "}"
#define ARN "arn:aws:dynamodb:eu-central-1:000000000000:table/Orders"
#define AFTER_KEY(status, r, w)                                                                              \
	"\"TableStatus\":\"" status                                                                          \
	"\",\"CreationDateTime\":1700000000.123,\"ProvisionedThroughput\":" UNITS(                           \
		r, w) ","                                                                                    \
		      "\"TableSizeBytes\":3456,\"ItemCount\":12,\"TableArn\":\"" ARN "\","                   \
		      "\"TableId\":\"00000000-1111-2222-3333-444444444444\","
#define ON_DEMAND "\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"},"

static void test_plain(void **state)
{
	(void)state;
	check_description(make_table("{" SIMPLE "}", DDB_DEFINED),
		"{\"AttributeDefinitions\":[" ATTRIBUTE(
			"a", "S") "],\"TableName\":\"Orders\",\"KeySchema\":[" KEY("a",
			"HASH") "]," AFTER_KEY("ACTIVE", "0", "0") ON_DEMAND
		"\"DeletionProtectionEnabled\":false}");
}

static void test_everything(void **state)
{
	(void)state;
	static const char definition[] = "{\"AttributeDefinitions\":[" ATTRIBUTE("b", "N") "," ATTRIBUTE(
		"a", "S") "," ATTRIBUTE("c",
		"B") "],"
		     "\"KeySchema\":[" KEY("a", "HASH") "," KEY("b",
			     "RANGE") "],"
				      "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":1,"
				      "\"WriteCapacityUnits\":2},"
				      "\"LocalSecondaryIndexes\":[{\"IndexName\":\"lll\",\"KeySchema\":[" KEY(
					      "a", "HASH") "," KEY("c",
					      "RANGE") "],"
						       "\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}],"
						       "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"ggg\","
						       "\"KeySchema\":[" KEY("c",
							       "HASH") "],"
								       "\"Projection\":{\"ProjectionType\":"
								       "\"INCLUDE\",\"NonKeyAttributes\":["
								       "\"x\"]},"
								       "\"ProvisionedThroughput\":{"
								       "\"ReadCapacityUnits\":3,"
								       "\"WriteCapacityUnits\":4}}],"
								       "\"StreamSpecification\":{"
								       "\"StreamEnabled\":true,"
								       "\"StreamViewType\":\"KEYS_ONLY\"},"
								       "\"SSESpecification\":{\"Enabled\":"
								       "true,\"KMSMasterKeyId\":\"arn:aws:"
								       "kms:x\"},"
								       "\"TableClass\":\"STANDARD_INFREQUENT_"
								       "ACCESS\","
								       "\"DeletionProtectionEnabled\":true,"
								       "\"Tags\":[{\"Key\":\"k\",\"Value\":"
								       "\"v\"}],"
								       "\"TimeToLiveSpecification\":{"
								       "\"AttributeName\":\"t\",\"Enabled\":"
								       "true}}";
	check_description(make_table(definition, DDB_DEFINED),
		"{\"AttributeDefinitions\":[" ATTRIBUTE("a", "S") "," ATTRIBUTE("b", "N") "," ATTRIBUTE("c",
			"B") "],"
			     "\"TableName\":\"Orders\",\"KeySchema\":[" KEY("a", "HASH") "," KEY(
				     "b", "RANGE") "]," AFTER_KEY("ACTIVE", "1",
				     "2") "\"LocalSecondaryIndexes\":[{\"IndexName\":\"lll\",\"KeySchema\":"
					  "[" KEY("a", "HASH") "," KEY("c",
						  "RANGE") "],"
							   "\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}"
							   ",\"IndexArn\":\"" ARN "/index/lll\"}],"
							   "\"GlobalSecondaryIndexes\":[{\"IndexName\":"
							   "\"ggg\",\"KeySchema\":[" KEY("c",
								   "HASH") "],"
									   "\"Projection\":{"
									   "\"ProjectionType\":\"INCLUDE\","
									   "\"NonKeyAttributes\":[\"x\"]},"
									   "\"IndexStatus\":\"ACTIVE\","
									   "\"ProvisionedThroughput\":" UNITS(
										   "3",
										   "4") ",\"IndexArn\":\"" ARN
											"/index/ggg\"}],"
											"\"StreamSpecificatio"
											"n\":{"
											"\"StreamEnabled\":"
											"true,"
											"\"StreamViewType\":"
											"\"KEYS_ONLY\"},"
											"\"SSEDescription\":{"
											"\"Status\":"
											"\"ENABLED\","
											"\"SSEType\":\"KMS\","
											"\"KMSMasterKeyArn\":"
											"\"arn:aws:kms:x\"},"
											"\"TableClassSummary"
											"\":{\"TableClass\":"
											"\"STANDARD_"
											"INFREQUENT_ACCESS\"}"
											",\"DeletionProtectio"
											"nEnabled\":true}");
}

/* Each index in its state, with its counts; the table is UPDATING while one is being made. */
static void test_indexes(void **state)
{
	(void)state;
	static const char definition[] = "{\"AttributeDefinitions\":[" ATTRIBUTE("a", "S") "," ATTRIBUTE(
		"b", "N") "],\"KeySchema\":[" KEY("a", "HASH") "," KEY("b",
		"RANGE") "],\"LocalSecondaryIndexes\":[{\"IndexName\":\"lll\",\"KeySchema\":[" KEY("a",
		"HASH") "," KEY("b",
		"RANGE") "],\"Projection\":{\"ProjectionType\":\"ALL\"}}],"
			 "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"ggg\",\"KeySchema\":[" KEY(
				 "b", "HASH") "],\"Projection\":{\"ProjectionType\":\"ALL\"}}]}";
	static const struct {
		struct ddb_table_counts counts;
		const char *table, *local, *global;
	} rows[] = {
		{{.index_count = 2, .indexes = {{.entries = 3, .bytes = 40}, {.entries = 5, .bytes = 60}}},
			"\"TableStatus\":\"ACTIVE\"",
			"{\"ProjectionType\":\"ALL\"},\"IndexSizeBytes\":40,\"ItemCount\":3",
			"\"IndexStatus\":\"ACTIVE\",\"ProvisionedThroughput\":" UNITS(
				"0", "0") ",\"IndexSizeBytes\":60,\"ItemCount\":5,\"IndexArn\":\"" ARN
					  "/index/ggg\""},
		{{.index_count = 2,
			 .indexes = {{.entries = 0},
				 {.state = DDB_INDEX_CREATING, .entries = 1, .bytes = 9}}},
			"\"TableStatus\":\"UPDATING\"", "\"IndexSizeBytes\":0,\"ItemCount\":0",
			"\"IndexStatus\":\"CREATING\",\"Backfilling\":true,\"ProvisionedThroughput\":" UNITS(
				"0", "0") ",\"IndexSizeBytes\":9,\"ItemCount\":1"},
	};
	struct ddb_table *table = make_table(definition, DDB_DEFINED);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		DDB_BUFFER_AUTO struct ddb_buffer text;
		ddb_buffer_init(&text, 1 << 20);
		struct ddb_json_out json;
		ddb_json_out_init(&json, &text, false);
		ddb_table_describe(table, &rows[i].counts, "eu-central-1", &json);
		ddb_buffer_add_byte(&text, '\0');
		assert_non_null(strstr(text.bytes, rows[i].table));
		assert_non_null(strstr(text.bytes, rows[i].local));
		assert_non_null(strstr(text.bytes, rows[i].global));
	}
	ddb_table_unref(table);
}

static void test_sse(void **state)
{
	(void)state;
	static const struct {
		const char *specification, *description;
	} rows[] = {
		{"{\"Enabled\":true,\"SSEType\":\"AES256\"}",
			"{\"Status\":\"ENABLED\",\"SSEType\":\"AES256\"}"},
		{"{\"Enabled\":true,\"KMSMasterKeyId\":\"alias/x\"}",
			"{\"Status\":\"ENABLED\",\"SSEType\":\"KMS\"}"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		DDB_BUFFER_AUTO struct ddb_buffer definition, wanted;
		ddb_buffer_init(&definition, 4096);
		ddb_buffer_init(&wanted, 4096);
		ddb_buffer_add_format(
			&definition, "{%s,\"SSESpecification\":%s}%c", SIMPLE, rows[i].specification, 0);
		ddb_buffer_add_format(&wanted,
			"{\"AttributeDefinitions\":[%s],\"TableName\":\"Orders\",\"KeySchema\":[%s],%s%"
			"s\"SSEDescription\":%s,"
			"\"DeletionProtectionEnabled\":false}%c",
			ATTRIBUTE("a", "S"), KEY("a", "HASH"), AFTER_KEY("ACTIVE", "0", "0"), ON_DEMAND,
			rows[i].description, 0);
		check_description(make_table(definition.bytes, DDB_DEFINED), wanted.bytes);
	}
}

/* The stand-in names, which no document can hold, do not show. */
static struct ddb_table *make_provisional(enum ddb_provisional kind)
{
	static const struct ddb_key_attribute hash = {DDB_PROVISIONAL_HASH, sizeof DDB_PROVISIONAL_HASH - 1,
						      DDB_S},
					      range = {DDB_PROVISIONAL_RANGE,
						      sizeof DDB_PROVISIONAL_RANGE - 1, DDB_S};
	struct ddb_table *table = make_table(NULL, kind);
	if (kind != DDB_PROVISIONAL)
		assert_int_equal(
			ddb_definition_simple(&hash, kind == DDB_PROVISIONAL_COMPOSITE ? &range : NULL,
				&table->definition, NULL),
			DDB_OK);
	return table;
}

static void test_provisional(void **state)
{
	(void)state;
	check_description(make_provisional(DDB_PROVISIONAL),
		"{\"TableName\":\"Orders\"," AFTER_KEY("CREATING", "0", "0") ON_DEMAND
		"\"DeletionProtectionEnabled\":false}");
	check_description(make_provisional(DDB_PROVISIONAL_SIMPLE),
		"{\"AttributeDefinitions\":[" ATTRIBUTE(
			"pk", "S") "],\"TableName\":\"Orders\",\"KeySchema\":[" KEY("pk",
			"HASH") "]," AFTER_KEY("CREATING", "0", "0") ON_DEMAND
		"\"DeletionProtectionEnabled\":false}");
	check_description(make_provisional(DDB_PROVISIONAL_COMPOSITE),
		"{\"AttributeDefinitions\":[" ATTRIBUTE("pk", "S") "," ATTRIBUTE("sk",
			"S") "],\"TableName\":\"Orders\","
			     "\"KeySchema\":[" KEY("pk", "HASH") "," KEY("sk", "RANGE") "]," AFTER_KEY(
				     "CREATING", "0", "0") ON_DEMAND "\"DeletionProtectionEnabled\":false}");
}

static void test_references(void **state)
{
	(void)state;
	struct ddb_table *table = make_table("{" SIMPLE "}", DDB_DEFINED);
	struct ddb_definition *definition = ddb_definition_ref(table->definition);
	assert_ptr_equal(ddb_table_ref(table), table);
	ddb_table_unref(table);
	assert_string_equal(table->name, "Orders");
	{
		DDB_TABLE_AUTO struct ddb_table *last = table;
		assert_int_equal(last->references, 1);
	}
	assert_string_equal(definition->hash.name, "a");
	assert_int_equal(definition->references, 1);
	ddb_definition_unref(definition);
	ddb_table_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_sse),
		cmocka_unit_test(test_provisional),
		cmocka_unit_test(test_references),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
