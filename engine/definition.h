/*
 * A table's definition: what CreateTable takes (plus TimeToLiveSpecification), checked by DynamoDB's rules
 * and kept in one canonical form. Read from the API's JSON or CloudFormation's spellings of it; written with
 * members in a fixed order, defaults left out, so that equal tables give equal bytes. Immutable and
 * reference-counted: any thread.
 */
#ifndef DDB_DEFINITION_H
#define DDB_DEFINITION_H

#include "engine/jsonout.h"
#include "engine/value.h"

enum {
	DDB_TABLE_NAME_MIN = 3,
	DDB_TABLE_NAME_MAX = 255,
	DDB_LOCAL_INDEXES_MAX = 5,
	DDB_GLOBAL_INDEXES_MAX = 20,
	DDB_INDEX_KEY_PARTS_MAX = 4,
	DDB_TAGS_MAX = 50,
	DDB_DEFINITION_TEXT_MAX = 1 << 20, /* bytes */
};

struct ddb_key_attribute {
	const char *name; /* NUL-terminated */
	uint32_t name_length;
	enum ddb_type type; /* DDB_S, DDB_N or DDB_B */
};

enum ddb_projection { DDB_PROJECT_ALL, DDB_PROJECT_KEYS_ONLY, DDB_PROJECT_INCLUDE };
enum ddb_stream_view {
	DDB_STREAM_NONE,
	DDB_STREAM_KEYS_ONLY,
	DDB_STREAM_NEW,
	DDB_STREAM_OLD,
	DDB_STREAM_BOTH
};

struct ddb_throughput { /* units a second; 0: none given */
	int64_t read, write;
};

struct ddb_index_definition {
	const char *name;
	bool local;
	unsigned hash_count, range_count;
	struct ddb_key_attribute hash[DDB_INDEX_KEY_PARTS_MAX], range[DDB_INDEX_KEY_PARTS_MAX];
	enum ddb_projection projection;
	unsigned include_count;
	const char **include; /* NonKeyAttributes, NUL-terminated names */
	struct ddb_throughput throughput;
};

struct ddb_tag {
	const char *key, *value;
};

struct ddb_definition {
	int references; /* atomic */
	struct ddb_arena arena;
	const char *table_name; /* as given, or NULL */
	struct ddb_key_attribute hash, range;
	bool has_range;
	unsigned index_count; /* local ones first, each kind by name */
	struct ddb_index_definition *indexes;
	bool provisioned; /* BillingMode PROVISIONED; else PAY_PER_REQUEST, the default here */
	struct ddb_throughput throughput;
	enum ddb_stream_view stream;
	bool deletion_protection;
	bool infrequent_access; /* TableClass STANDARD_INFREQUENT_ACCESS */
	bool sse_enabled;
	const char *sse_type, *kms_key; /* or NULL: KMS, and the service's own key */
	const char *ttl_attribute;      /* or NULL: TTL is off */
	unsigned tag_count;             /* by key */
	struct ddb_tag *tags;
};

/*
 * `json`: the request's object, as the JSON reader gave it. DDB_VALIDATION (DDB_SERIALIZATION for wrong JSON
 * types) in the service's words. An unknown member is refused by name; null stands for an absent one. *ret is
 * the caller's reference. Also a whole CloudFormation resource ({"Type": "AWS::DynamoDB::Table",
 * "Properties": {…}}), whose numbers and booleans may be strings. Passed over, being without a meaning here:
 * OnDemandThroughput, WarmThroughput, ContributorInsightsSpecification (also of a global index),
 * PointInTimeRecoverySpecification, and a resource's members beside Type and Properties. Refused, since
 * passing over them would be a lie: ResourcePolicy, KinesisStreamSpecification, ImportSourceSpecification.
 * TableName is kept unchecked: ddb_table_name_check is for who wants it.
 */
DDB_MUST_CHECK enum ddb_code ddb_definition_from_json(
	const struct ddb_value *json, struct ddb_definition **ret, struct ddb_error *err);
/* The same for a request of the API: only the service's form, and what is not known is passed over. */
DDB_MUST_CHECK enum ddb_code ddb_definition_from_request(
	const struct ddb_value *json, struct ddb_definition **ret, struct ddb_error *err);
DDB_MUST_CHECK enum ddb_code ddb_definition_read(
	const char *text, size_t length, struct ddb_definition **ret, struct ddb_error *err);
/* Only the key, PAY_PER_REQUEST, nothing else. `range` may be NULL. Names are copied. */
DDB_MUST_CHECK enum ddb_code ddb_definition_simple(const struct ddb_key_attribute *hash,
	const struct ddb_key_attribute *range, struct ddb_definition **ret, struct ddb_error *err);

struct ddb_definition *ddb_definition_ref(struct ddb_definition *definition);
void ddb_definition_unref(struct ddb_definition *definition); /* NULL is fine */

/* The canonical form: without TableName and defaults. */
void ddb_definition_write(const struct ddb_definition *definition, struct ddb_json_out *json);
bool ddb_definition_equal(const struct ddb_definition *a, const struct ddb_definition *b);
/* The index of that name, or NULL. */
const struct ddb_index_definition *ddb_definition_index(
	const struct ddb_definition *definition, const char *name);
bool ddb_definition_same_key(const struct ddb_definition *a, const struct ddb_definition *b);

/*
 * Whether a table may go from one definition to the other; DDB_VALIDATION when the key, a local index, or the
 * key or projection of a global index that stays would change.
 */
DDB_MUST_CHECK enum ddb_code ddb_definition_update_check(
	const struct ddb_definition *old, const struct ddb_definition *new_, struct ddb_error *err);

/* DynamoDB's rule: 3-255 of A-Za-z0-9_.- ; the error is CreateTable's. */
DDB_MUST_CHECK enum ddb_code ddb_table_name_check(const char *name, size_t length, struct ddb_error *err);

#endif
