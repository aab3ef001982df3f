/*
 * The canonical form of a definition: members in a fixed order, lists sorted, defaults left out, so that
 * equal definitions give equal bytes and an unchanged table an unchanged file. ddb_definition_read takes it
 * back. Failure sticks in the buffer.
 */
#include "engine/definition_parts.h"

#include "engine/definition_draft.h"

#include <string.h>

static void name(struct ddb_json_out *json, const char *member)
{
	ddb_json_name(json, member, strlen(member));
}

static void open_member(struct ddb_json_out *json, const char *member, char bracket)
{
	name(json, member);
	ddb_json_open(json, bracket);
}

static void write_attribute_name(const struct ddb_key_attribute *attribute, struct ddb_json_out *json)
{
	name(json, "AttributeName");
	ddb_json_string(json, attribute->name, attribute->name_length);
}

void ddb_definition_write_attributes(const struct ddb_definition *definition, struct ddb_json_out *json)
{
	struct ddb_key_attributes keys;
	ddb_definition_key_attributes(definition, &keys);
	open_member(json, "AttributeDefinitions", '[');
	for (unsigned i = 0; i < keys.count; i++) {
		ddb_json_open(json, '{');
		write_attribute_name(keys.attributes[i], json);
		ddb_json_member_string(json, "AttributeType", ddb_type_name(keys.attributes[i]->type));
		ddb_json_close(json, '}');
	}
	ddb_json_close(json, ']');
}

static void write_key_parts(
	const struct ddb_key_attribute *parts, unsigned count, const char *role, struct ddb_json_out *json)
{
	for (unsigned i = 0; i < count; i++) {
		ddb_json_open(json, '{');
		write_attribute_name(&parts[i], json);
		ddb_json_member_string(json, "KeyType", role);
		ddb_json_close(json, '}');
	}
}

static void write_key(const struct ddb_key_attribute *hash, unsigned hash_count,
	const struct ddb_key_attribute *range, unsigned range_count, struct ddb_json_out *json)
{
	open_member(json, "KeySchema", '[');
	write_key_parts(hash, hash_count, "HASH", json);
	write_key_parts(range, range_count, "RANGE", json);
	ddb_json_close(json, ']');
}

void ddb_definition_write_key(const struct ddb_definition *definition, struct ddb_json_out *json)
{
	write_key(&definition->hash, 1, &definition->range, definition->has_range, json);
}

void ddb_index_write_key(const struct ddb_index_definition *index, struct ddb_json_out *json)
{
	write_key(index->hash, index->hash_count, index->range, index->range_count, json);
}

void ddb_index_write_projection(const struct ddb_index_definition *index, struct ddb_json_out *json)
{
	open_member(json, "Projection", '{');
	ddb_json_member_string(
		json, "ProjectionType", member_word_name(draft_projections, (int)index->projection));
	if (index->include_count)
		open_member(json, "NonKeyAttributes", '[');
	for (unsigned i = 0; i < index->include_count; i++)
		ddb_json_string(json, index->include[i], strlen(index->include[i]));
	if (index->include_count)
		ddb_json_close(json, ']');
	ddb_json_close(json, '}');
}

void ddb_definition_write_stream(const struct ddb_definition *definition, struct ddb_json_out *json)
{
	if (definition->stream == DDB_STREAM_NONE)
		return;
	open_member(json, "StreamSpecification", '{');
	ddb_json_member_bool(json, "StreamEnabled", true);
	ddb_json_member_string(
		json, "StreamViewType", member_word_name(draft_views, (int)definition->stream));
	ddb_json_close(json, '}');
}

static void write_throughput(const struct ddb_throughput *throughput, struct ddb_json_out *json)
{
	open_member(json, "ProvisionedThroughput", '{');
	ddb_json_member_int(json, "ReadCapacityUnits", throughput->read);
	ddb_json_member_int(json, "WriteCapacityUnits", throughput->write);
	ddb_json_close(json, '}');
}

static void write_billing(const struct ddb_definition *definition, struct ddb_json_out *json)
{
	if (!definition->provisioned)
		return;
	ddb_json_member_string(json, "BillingMode", member_word_name(draft_billings, true));
	write_throughput(&definition->throughput, json);
}

static void write_index(const struct ddb_index_definition *index, bool provisioned, struct ddb_json_out *json)
{
	ddb_json_open(json, '{');
	ddb_json_member_string(json, "IndexName", index->name);
	ddb_index_write_key(index, json);
	ddb_index_write_projection(index, json);
	if (provisioned && !index->local)
		write_throughput(&index->throughput, json);
	ddb_json_close(json, '}');
}

static void write_indexes(
	const struct ddb_definition *definition, bool local, const char *member, struct ddb_json_out *json)
{
	bool any = false;
	for (unsigned i = 0; i < definition->index_count; i++) {
		if (definition->indexes[i].local != local)
			continue;
		if (!any)
			open_member(json, member, '[');
		any = true;
		write_index(&definition->indexes[i], definition->provisioned, json);
	}
	if (any)
		ddb_json_close(json, ']');
}

static void write_sse(const struct ddb_definition *definition, struct ddb_json_out *json)
{
	if (!definition->sse_enabled)
		return;
	open_member(json, "SSESpecification", '{');
	ddb_json_member_bool(json, "Enabled", true);
	if (definition->sse_type)
		ddb_json_member_string(json, "SSEType", definition->sse_type);
	if (definition->kms_key)
		ddb_json_member_string(json, "KMSMasterKeyId", definition->kms_key);
	ddb_json_close(json, '}');
}

static void write_tags(const struct ddb_definition *definition, struct ddb_json_out *json)
{
	if (!definition->tag_count)
		return;
	open_member(json, "Tags", '[');
	for (unsigned i = 0; i < definition->tag_count; i++) {
		ddb_json_open(json, '{');
		ddb_json_member_string(json, "Key", definition->tags[i].key);
		ddb_json_member_string(json, "Value", definition->tags[i].value);
		ddb_json_close(json, '}');
	}
	ddb_json_close(json, ']');
}

static void write_ttl(const struct ddb_definition *definition, struct ddb_json_out *json)
{
	if (!definition->ttl_attribute)
		return;
	open_member(json, "TimeToLiveSpecification", '{');
	ddb_json_member_string(json, "AttributeName", definition->ttl_attribute);
	ddb_json_member_bool(json, "Enabled", true);
	ddb_json_close(json, '}');
}

void ddb_definition_write(const struct ddb_definition *definition, struct ddb_json_out *json)
{
	ddb_json_open(json, '{');
	ddb_definition_write_attributes(definition, json);
	ddb_definition_write_key(definition, json);
	write_billing(definition, json);
	write_indexes(definition, true, "LocalSecondaryIndexes", json);
	write_indexes(definition, false, "GlobalSecondaryIndexes", json);
	ddb_definition_write_stream(definition, json);
	write_sse(definition, json);
	if (definition->infrequent_access)
		ddb_json_member_string(json, "TableClass", member_word_name(draft_classes, true));
	if (definition->deletion_protection)
		ddb_json_member_bool(json, "DeletionProtectionEnabled", true);
	write_tags(definition, json);
	write_ttl(definition, json);
	ddb_json_close(json, '}');
}
