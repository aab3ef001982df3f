/*
 * Tags and TimeToLive of a table. Both are parts of its definition. See tables.h.
 */
#include "engine/wire/tables.h"

#include "engine/definition_draft.h"

#include <string.h>

/* ---- Rows ---- */

struct resource_request {
	bool given;
	struct member_text arn;
	struct member_list tags, keys;
};
struct ttl_specification {
	bool given;
	struct member_text attribute;
	enum member_flag enabled;
};
struct ttl_request {
	bool given;
	struct member_text table;
	struct ttl_specification specification;
};

#define RESOURCE_ROW                                                                                         \
	{                                                                                                    \
		MEMBER_ROW(MEMBER_TEXT, resource_request, "ResourceArn", arn), .required = true, .least = 1, \
									       .most = 1283                  \
	}
static const struct member_row tag_key = {
	.kind = MEMBER_TEXT, .required = true, .least = 1, .most = 128, .pattern = MEMBER_TAG};
static const struct member_row resource_rows[] = {
	RESOURCE_ROW,
	{MEMBER_ROW(MEMBER_LIST, resource_request, "Tags", tags), .type = &draft_tag_type},
};
static const struct member_row untag_rows[] = {
	RESOURCE_ROW,
	{MEMBER_ROW(MEMBER_LIST, resource_request, "TagKeys", keys), .required = true, .element = &tag_key},
};
static const struct member_row specification_rows[] = {
	{MEMBER_ROW(MEMBER_TEXT, ttl_specification, "AttributeName", attribute), .required = true, .least = 1,
		.most = DDB_KEY_NAME_MAX},
	{MEMBER_ROW(MEMBER_FLAG, ttl_specification, "Enabled", enabled), .required = true},
};
static const struct member_type specification_type =
	MEMBER_TYPE("TimeToLiveSpecification", ttl_specification, specification_rows);
static const struct member_row ttl_rows[] = {
	{MEMBER_ROW(MEMBER_TEXT, ttl_request, "TableName", table), .least = 1, .most = DDB_TABLE_NAME_MAX,
		.pattern = MEMBER_TABLE},
	{MEMBER_ROW(MEMBER_OBJECT, ttl_request, "TimeToLiveSpecification", specification), .required = true,
		.type = &specification_type},
};
const struct member_type wire_resource_type =
	MEMBER_TYPE("TagResourceInput", resource_request, resource_rows);
const struct member_type wire_untag_type = MEMBER_TYPE("UntagResourceInput", resource_request, untag_rows);
const struct member_type wire_update_ttl_type = MEMBER_TYPE("UpdateTimeToLiveInput", ttl_request, ttl_rows);

/* ---- Tags ---- */

/* The table that the ARN names; NULL with the refusal in call->err. */
static const char *resource_table(struct wire_call *call, const struct resource_request *request)
{
	const struct member_text name = member_table_name(&request->arn);
	const char *copy = ddb_arena_copy(call->arena, name.bytes, name.length);
	if (name.bytes == request->arn.bytes || memchr(name.bytes, '/', name.length)) {
		ddb_fail(call->err, DDB_VALIDATION,
			"Invalid TableArn: Invalid ResourceArn provided as input %.*s",
			(int)request->arn.length, request->arn.bytes);
		return NULL;
	}
	if (!copy)
		ddb_fail_memory(call->err);
	return copy;
}

static enum ddb_code of_resource(
	struct wire_call *call, const struct resource_request *request, enum ddb_code code)
{
	if (code != DDB_RESOURCE_NOT_FOUND)
		return code;
	return ddb_fail(call->err, DDB_RESOURCE_NOT_FOUND,
		"Requested resource not found: ResourcArn: %.*s not found", (int)request->arn.length,
		request->arn.bytes);
}

/* The tags without the one of that key. */
static void drop_tag(struct ddb_value *list, const char *key, size_t length)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < list->count; i++)
		if (!wire_tree_is(&list->elements[i], "Key", key, length))
			list->elements[kept++] = list->elements[i];
	list->count = kept;
}

/* A tag that is there gets the new value. */
static enum ddb_code add_tags(struct wire_call *call, const void *request, struct ddb_value *tree)
{
	const struct resource_request *asked = request;
	const struct draft_tag *tags = asked->tags.elements;
	const struct ddb_value *given = wire_tree_get(call->json, "Tags");
	struct ddb_value *list = wire_tree_list(call, wire_tree_get(tree, "Tags"));
	for (uint32_t i = 0; list && i < given->count; i++) {
		drop_tag(list, tags[i].key.bytes, tags[i].key.length);
		list->elements[list->count++] = given->elements[i];
		list = wire_tree_list(call, list);
	}
	return list ? wire_tree_set(call, tree, "Tags", list) : ddb_fail_memory(call->err);
}

static enum ddb_code drop_tags(struct wire_call *call, const void *request, struct ddb_value *tree)
{
	const struct resource_request *asked = request;
	const struct member_text *keys = asked->keys.elements;
	struct ddb_value *list = wire_tree_list(call, wire_tree_get(tree, "Tags"));
	if (!list)
		return ddb_fail_memory(call->err);
	for (uint32_t i = 0; i < asked->keys.count; i++)
		drop_tag(list, keys[i].bytes, keys[i].length);
	return wire_tree_set(call, tree, "Tags", list->count ? list : NULL);
}

static enum ddb_code check_tags(struct wire_call *call, const struct member_list *tags)
{
	const struct draft_tag *all = tags->elements;
	if (!tags->count)
		return ddb_fail(call->err, DDB_VALIDATION, "Atleast one Tag needs to be provided as Input.");
	if (tags->count > DDB_TAGS_MAX)
		return ddb_fail(call->err, DDB_VALIDATION,
			"One or more parameter values were invalid: Number of Tags exceeds the per-table "
			"limit of %d",
			DDB_TAGS_MAX);
	for (uint32_t i = 0; i < tags->count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (all[i].key.length == all[j].key.length &&
				!memcmp(all[i].key.bytes, all[j].key.bytes, all[i].key.length))
				return ddb_fail(call->err, DDB_VALIDATION,
					"One or more parameter values were invalid: Duplicate tag key: %.*s",
					(int)all[i].key.length, all[i].key.bytes);
	return DDB_OK;
}

WIRE_HANDLER(wire_tag)
{
	const struct resource_request *asked = request;
	const char *table = resource_table(call, asked);
	(void)response;
	if (!table)
		return call->err->code;
	enum ddb_code code = check_tags(call, &asked->tags);
	return code ? code : of_resource(call, asked, wire_alter(call, table, add_tags, asked));
}

WIRE_HANDLER(wire_untag)
{
	const struct resource_request *asked = request;
	const char *table = resource_table(call, asked);
	(void)response;
	if (!table)
		return call->err->code;
	if (!asked->keys.count)
		return ddb_fail(
			call->err, DDB_VALIDATION, "Atleast one Tag Key needs to be provided as Input.");
	return of_resource(call, asked, wire_alter(call, table, drop_tags, asked));
}

WIRE_HANDLER(wire_list_tags)
{
	const struct resource_request *asked = request;
	struct wire_tags *tags = response;
	const char *table = resource_table(call, asked);
	if (!table)
		return call->err->code;
	enum ddb_code code = of_resource(call, asked, wire_table(call, table, WIRE_DESCRIBE));
	if (code || !call->table->definition)
		return code;
	*tags = (struct wire_tags){call->table->definition->tag_count, call->table->definition->tags};
	return DDB_OK;
}

WIRE_WRITER(wire_write_tags)
{
	const struct wire_tags *tags = response;
	(void)request;
	wire_open(json, "Tags", '[');
	for (unsigned i = 0; i < tags->count; i++) {
		ddb_json_open(json, '{');
		ddb_json_member_string(json, "Key", tags->tags[i].key);
		ddb_json_member_string(json, "Value", tags->tags[i].value);
		ddb_json_close(json, '}');
	}
	ddb_json_close(json, ']');
}

/* ---- TimeToLive ---- */

WIRE_HANDLER(wire_describe_ttl)
{
	const struct wire_table_request *asked = request;
	struct wire_ttl *ttl = response;
	const char *name = wire_table_name(call, &asked->table);
	if (!name)
		return call->err->code;
	enum ddb_code code = wire_table(call, name, WIRE_DESCRIBE);
	if (!code && call->table->definition)
		ttl->attribute = call->table->definition->ttl_attribute;
	return code;
}

static enum ddb_code edit_ttl(struct wire_call *call, const void *request, struct ddb_value *tree)
{
	const struct ttl_specification *asked = &((const struct ttl_request *)request)->specification;
	const char *attribute = call->table->definition->ttl_attribute;
	bool enable = asked->enabled == MEMBER_TRUE, same;
	if (!attribute && !enable)
		return ddb_fail(call->err, DDB_VALIDATION, "TimeToLive is already disabled");
	same = attribute && strlen(attribute) == asked->attribute.length &&
	       !memcmp(attribute, asked->attribute.bytes, asked->attribute.length);
	if (attribute && !same)
		return ddb_fail(call->err, DDB_VALIDATION,
			"TimeToLive is active on a different AttributeName: current AttributeName is %s",
			attribute);
	if (same && enable)
		return ddb_fail(call->err, DDB_VALIDATION, "TimeToLive is already enabled");
	return wire_tree_set(call, tree, "TimeToLiveSpecification",
		enable ? wire_tree_get(call->json, "TimeToLiveSpecification") : NULL);
}

WIRE_HANDLER(wire_update_ttl)
{
	const struct ttl_request *asked = request;
	struct wire_ttl *ttl = response;
	const char *name = wire_table_name(call, &asked->table);
	if (!name)
		return call->err->code;
	ttl->attribute = ddb_arena_copy(
		call->arena, asked->specification.attribute.bytes, asked->specification.attribute.length);
	ttl->enabled = asked->specification.enabled == MEMBER_TRUE;
	if (!ttl->attribute)
		return ddb_fail_memory(call->err);
	return wire_alter(call, name, edit_ttl, asked);
}

WIRE_WRITER(wire_write_ttl)
{
	const struct wire_ttl *ttl = response;
	(void)request;
	wire_open(json, "TimeToLiveDescription", '{');
	ddb_json_member_string(json, "TimeToLiveStatus", ttl->attribute ? "ENABLED" : "DISABLED");
	if (ttl->attribute)
		ddb_json_member_string(json, "AttributeName", ttl->attribute);
	ddb_json_close(json, '}');
}

WIRE_WRITER(wire_write_updated_ttl)
{
	const struct wire_ttl *ttl = response;
	(void)request;
	wire_open(json, "TimeToLiveSpecification", '{');
	ddb_json_member_string(json, "AttributeName", ttl->attribute);
	ddb_json_member_bool(json, "Enabled", ttl->enabled);
	ddb_json_close(json, '}');
}
