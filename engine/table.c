/*
 * A table's lifetime, and its description in DescribeTable's terms. Tables are immutable once made: only the
 * reference count changes, atomically.
 */
#include "engine/table.h"

#include "engine/definition_parts.h"
#include "engine/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char account[] = "000000000000";

struct ddb_table *ddb_table_ref(struct ddb_table *table)
{
	__atomic_add_fetch(&table->references, 1, __ATOMIC_RELAXED);
	return table;
}

void ddb_table_unref(struct ddb_table *table)
{
	if (!table || __atomic_sub_fetch(&table->references, 1, __ATOMIC_ACQ_REL))
		return;
	ddb_definition_unref(table->definition);
	free(table);
}

/* ---- The description ---- */

struct describing {
	const struct ddb_table *table;
	const struct ddb_table_counts *counts;
	const struct ddb_definition
		*definition; /* of a provisional table: a made-up one, hash.name NULL while kindless */
	const char *region;
	bool deleted;
	struct ddb_json_out *json;
};

static void open_member(struct ddb_json_out *json, const char *name, char bracket)
{
	ddb_json_name(json, name, strlen(name));
	ddb_json_open(json, bracket);
}

/* An object of one member. */
static void write_summary(struct ddb_json_out *json, const char *name, const char *member, const char *value)
{
	open_member(json, name, '{');
	ddb_json_member_string(json, member, value);
	ddb_json_close(json, '}');
}

static void write_time(struct ddb_json_out *json, const char *name, int64_t time_ns)
{
	char text[32];
	int64_t ms = time_ns / 1000000;
	snprintf(text, sizeof text, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
	ddb_json_name(json, name, strlen(name));
	ddb_json_raw(json, text);
}

static void write_throughput(struct ddb_json_out *json, const struct ddb_throughput *throughput)
{
	open_member(json, "ProvisionedThroughput", '{');
	ddb_json_member_int(json, "NumberOfDecreasesToday", 0);
	ddb_json_member_int(json, "ReadCapacityUnits", throughput->read);
	ddb_json_member_int(json, "WriteCapacityUnits", throughput->write);
	ddb_json_close(json, '}');
}

static void write_arn(const struct describing *d, const char *member, const char *index)
{
	char arn[1024];
	snprintf(arn, sizeof arn, "arn:aws:dynamodb:%s:%s:table/%s%s%s", d->region, account, d->table->name,
		index ? "/index/" : "", index ? index : "");
	ddb_json_member_string(d->json, member, arn);
}

/* NULL: not known. */
static const struct ddb_index_counts *index_counts(
	const struct describing *d, const struct ddb_index_definition *index)
{
	size_t position = (size_t)(index - d->definition->indexes);
	return position < d->counts->index_count ? &d->counts->indexes[position] : NULL;
}

static bool is_creating(const struct ddb_index_counts *counts)
{
	return counts && counts->state == DDB_INDEX_CREATING;
}

static const char *table_status(const struct describing *d)
{
	if (d->deleted)
		return "DELETING";
	if (d->table->provisional != DDB_DEFINED)
		return "CREATING";
	for (unsigned i = 0; i < d->definition->index_count; i++)
		if (is_creating(index_counts(d, &d->definition->indexes[i])))
			return "UPDATING";
	return "ACTIVE";
}

static void write_index(const struct describing *d, const struct ddb_index_definition *index)
{
	ddb_json_open(d->json, '{');
	ddb_json_member_string(d->json, "IndexName", index->name);
	ddb_index_write_key(index, d->json);
	ddb_index_write_projection(index, d->json);
	const struct ddb_index_counts *counts = index_counts(d, index);
	bool creating = is_creating(counts);
	if (!index->local) {
		ddb_json_member_string(d->json, "IndexStatus", creating ? "CREATING" : "ACTIVE");
		if (creating)
			ddb_json_member_bool(d->json, "Backfilling", true);
		write_throughput(d->json, &index->throughput);
	}
	if (counts) {
		ddb_json_member_int(d->json, "IndexSizeBytes", (int64_t)counts->bytes);
		ddb_json_member_int(d->json, "ItemCount", (int64_t)counts->entries);
	}
	write_arn(d, "IndexArn", index->name);
	ddb_json_close(d->json, '}');
}

static void write_indexes(const struct describing *d, bool local, const char *member)
{
	bool any = false;
	for (unsigned i = 0; i < d->definition->index_count; i++) {
		if (d->definition->indexes[i].local != local)
			continue;
		if (!any)
			open_member(d->json, member, '[');
		any = true;
		write_index(d, &d->definition->indexes[i]);
	}
	if (any)
		ddb_json_close(d->json, ']');
}

static void write_sse(const struct ddb_definition *definition, struct ddb_json_out *json)
{
	if (!definition->sse_enabled)
		return;
	open_member(json, "SSEDescription", '{');
	ddb_json_member_string(json, "Status", "ENABLED");
	ddb_json_member_string(json, "SSEType", definition->sse_type ? definition->sse_type : "KMS");
	/* An id or an alias is no ARN, and which ARN it stands for only AWS knows. */
	if (definition->kms_key && !strncmp(definition->kms_key, "arn:", 4))
		ddb_json_member_string(json, "KMSMasterKeyArn", definition->kms_key);
	ddb_json_close(json, '}');
}

/* Also of a stream that was turned off since. */
static void write_stream(const struct describing *d)
{
	char label[DDB_STREAM_LABEL_MAX], arn[DDB_STREAM_ARN_MAX];
	ddb_definition_write_stream(d->definition, d->json);
	if (!d->table->stream_ns)
		return;
	ddb_stream_label(d->table->stream_ns, label);
	ddb_stream_arn(d->region, d->table->name, label, arn);
	ddb_json_member_string(d->json, "LatestStreamLabel", label);
	ddb_json_member_string(d->json, "LatestStreamArn", arn);
}

static void write_table(const struct describing *d)
{
	const struct ddb_definition *definition = d->definition;
	bool known = definition->hash.name;
	ddb_json_open(d->json, '{');
	if (known)
		ddb_definition_write_attributes(definition, d->json);
	ddb_json_member_string(d->json, "TableName", d->table->name);
	if (known)
		ddb_definition_write_key(definition, d->json);
	ddb_json_member_string(d->json, "TableStatus", table_status(d));
	write_time(d->json, "CreationDateTime", d->table->created_ns);
	write_throughput(d->json, &definition->throughput);
	ddb_json_member_int(d->json, "TableSizeBytes", (int64_t)d->counts->bytes);
	ddb_json_member_int(d->json, "ItemCount", (int64_t)d->counts->items);
	write_arn(d, "TableArn", NULL);
	ddb_json_member_string(d->json, "TableId", d->table->uuid);
	if (!definition->provisioned)
		write_summary(d->json, "BillingModeSummary", "BillingMode", "PAY_PER_REQUEST");
	write_indexes(d, true, "LocalSecondaryIndexes");
	write_indexes(d, false, "GlobalSecondaryIndexes");
	write_stream(d);
	write_sse(definition, d->json);
	if (definition->infrequent_access)
		write_summary(d->json, "TableClassSummary", "TableClass", "STANDARD_INFREQUENT_ACCESS");
	ddb_json_member_bool(d->json, "DeletionProtectionEnabled", definition->deletion_protection);
	ddb_json_close(d->json, '}');
}

static void describe(const struct ddb_table *table, const struct ddb_table_counts *counts, const char *region,
	bool deleted, struct ddb_json_out *json)
{
	static const struct ddb_definition kindless;
	static const struct ddb_definition simple = {.hash = {"pk", 2, DDB_S}};
	static const struct ddb_definition composite = {
		.hash = {"pk", 2, DDB_S}, .range = {"sk", 2, DDB_S}, .has_range = true};
	const struct ddb_definition *const definitions[] = {
		[DDB_DEFINED] = table->definition,
		[DDB_PROVISIONAL] = &kindless,
		[DDB_PROVISIONAL_SIMPLE] = &simple,
		[DDB_PROVISIONAL_COMPOSITE] = &composite,
	};
	write_table(&(struct describing){.table = table,
		.counts = counts,
		.definition = definitions[table->provisional],
		.region = region,
		.deleted = deleted,
		.json = json});
}

void ddb_table_describe(const struct ddb_table *table, const struct ddb_table_counts *counts,
	const char *region, struct ddb_json_out *json)
{
	describe(table, counts, region, false, json);
}

void ddb_table_describe_deleted(const struct ddb_table *table, const struct ddb_table_counts *counts,
	const char *region, struct ddb_json_out *json)
{
	describe(table, counts, region, true, json);
}
