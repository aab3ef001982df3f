/*
 * UpdateTable. Its AttributeDefinitions are a delta: what the table's own key and the indexes that stay need
 * is kept, and what only a dropped index needed goes. See tables.h.
 */
#include "engine/wire/tables.h"

#include "engine/definition_draft.h"

#include <string.h>

#define INVALID "One or more parameter values were invalid: "

/* ---- Rows ---- */

struct index_update {
	bool given;
	struct member_text name;
	struct draft_throughput throughput;
};
struct index_deletion {
	bool given;
	struct member_text name;
};
struct index_change {
	bool given;
	struct draft_index create;
	struct index_update update;
	struct index_deletion delete;
};
struct update_request {
	bool given;
	struct member_text table, billing, table_class;
	struct member_list attributes, indexes;
	struct draft_throughput throughput;
	struct draft_stream stream;
	struct draft_sse sse;
	enum member_flag deletion_protection;
};

#define INDEX_NAME(struct_)                                                                                  \
	{                                                                                                    \
		MEMBER_ROW(MEMBER_TEXT, struct_, "IndexName", name), .required = true, .least = 3,           \
								     .most = 255, .pattern = MEMBER_NAME     \
	}
static const struct member_row index_update_rows[] = {
	INDEX_NAME(index_update),
	{MEMBER_ROW(MEMBER_OBJECT, index_update, "ProvisionedThroughput", throughput), .required = true,
		.type = &draft_throughput_type},
};
static const struct member_type index_update_type =
	MEMBER_TYPE("UpdateGlobalSecondaryIndexAction", index_update, index_update_rows);
static const struct member_row index_deletion_rows[] = {INDEX_NAME(index_deletion)};
static const struct member_type index_deletion_type =
	MEMBER_TYPE("DeleteGlobalSecondaryIndexAction", index_deletion, index_deletion_rows);
static const struct member_row index_change_rows[] = {
	{MEMBER_ROW(MEMBER_OBJECT, index_change, "Create", create), .type = &draft_global_type},
	{MEMBER_ROW(MEMBER_OBJECT, index_change, "Update", update), .type = &index_update_type},
	{MEMBER_ROW(MEMBER_OBJECT, index_change, "Delete", delete), .type = &index_deletion_type},
};
static const struct member_type index_change_type =
	MEMBER_TYPE("GlobalSecondaryIndexUpdate", index_change, index_change_rows);

static const struct member_row update_rows[] = {
	{MEMBER_ROW(MEMBER_TEXT, update_request, "TableName", table), .least = 1, .most = DDB_TABLE_NAME_MAX,
		.pattern = MEMBER_TABLE},
	{MEMBER_ROW(MEMBER_LIST, update_request, "AttributeDefinitions", attributes),
		.type = &draft_attribute_type},
	{MEMBER_ROW(MEMBER_TEXT, update_request, "BillingMode", billing), .words = draft_billings},
	{MEMBER_ROW(MEMBER_OBJECT, update_request, "ProvisionedThroughput", throughput),
		.type = &draft_throughput_type},
	{MEMBER_ROW(MEMBER_LIST, update_request, "GlobalSecondaryIndexUpdates", indexes),
		.type = &index_change_type},
	{MEMBER_ROW(MEMBER_OBJECT, update_request, "StreamSpecification", stream),
		.type = &draft_stream_type},
	{MEMBER_ROW(MEMBER_OBJECT, update_request, "SSESpecification", sse), .type = &draft_sse_type},
	{MEMBER_ROW(MEMBER_TEXT, update_request, "TableClass", table_class), .words = draft_classes},
	{MEMBER_ROW(MEMBER_FLAG, update_request, "DeletionProtectionEnabled", deletion_protection)},
	{.name = "OnDemandThroughput", .kind = MEMBER_IGNORED},
	{.name = "WarmThroughput", .kind = MEMBER_IGNORED},
	{.name = "ReplicaUpdates", .kind = MEMBER_UNSUPPORTED, .refusal = "there are no global tables"},
};
const struct member_type wire_update_table_type =
	MEMBER_TYPE("UpdateTableInput", update_request, update_rows);

/* ---- What the request alone tells ---- */

static bool says_nothing(const struct update_request *request)
{
	return !request->billing.bytes && !request->throughput.given && !request->indexes.count &&
	       !request->stream.given && !request->sse.given && !request->table_class.bytes &&
	       request->deletion_protection == MEMBER_UNSAID;
}

static enum ddb_code check_change(struct wire_call *call, const struct index_change *change)
{
	int given = change->create.given + change->update.given + change->delete.given;
	if (given == 1)
		return DDB_OK;
	return ddb_fail(call->err, DDB_VALIDATION,
		INVALID "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
			"GlobalSecondaryIndexUpdate.Delete must %s",
		given ? "be specified alone" : "not be null");
}

static const struct member_text *name_of(const struct index_change *change)
{
	return change->create.given   ? &change->create.name
	       : change->update.given ? &change->update.name
				      : &change->delete.name;
}

static bool same_text(const struct member_text *a, const struct member_text *b)
{
	return a->length == b->length && !memcmp(a->bytes, b->bytes, a->length);
}

static enum ddb_code check_changes(struct wire_call *call, const struct update_request *request)
{
	const struct index_change *changes = request->indexes.elements;
	unsigned online = 0;
	for (uint32_t i = 0; i < request->indexes.count; i++) {
		enum ddb_code code = check_change(call, &changes[i]);
		if (code)
			return code;
		online += changes[i].create.given || changes[i].delete.given;
		for (uint32_t j = 0; j < i; j++)
			if (same_text(name_of(&changes[i]), name_of(&changes[j])))
				return ddb_fail(call->err, DDB_VALIDATION,
					INVALID "Only one global secondary index update per index is allowed "
						"simultaneously. Index: %.*s",
					(int)name_of(&changes[i])->length, name_of(&changes[i])->bytes);
	}
	if (online > 1)
		return ddb_fail(call->err, DDB_LIMIT_EXCEEDED,
			"Subscriber limit exceeded: Only 1 online index can be created or deleted "
			"simultaneously per table");
	return DDB_OK;
}

static enum ddb_code check_request(struct wire_call *call, const struct update_request *request)
{
	if (says_nothing(request))
		return ddb_fail(call->err, DDB_VALIDATION,
			"At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
			"GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required");
	return check_changes(call, request);
}

/* ---- Billing ---- */

static enum ddb_code drop_index_throughput(struct wire_call *call, struct ddb_value *tree)
{
	const struct ddb_value *indexes = wire_tree_get(tree, "GlobalSecondaryIndexes");
	if (!indexes)
		return DDB_OK;
	struct ddb_value *list = wire_tree_list(call, indexes);
	if (!list)
		return ddb_fail_memory(call->err);
	for (uint32_t i = 0; i < list->count; i++) {
		enum ddb_code code = wire_tree_set(call, &list->elements[i], "ProvisionedThroughput", NULL);
		if (code)
			return code;
	}
	return wire_tree_set(call, tree, "GlobalSecondaryIndexes", list);
}

static enum ddb_code check_throughput(struct wire_call *call, const struct update_request *request)
{
	const struct ddb_definition *old = call->table->definition;
	int64_t read = request->throughput.read.value, write = request->throughput.write.value;
	if (!old->provisioned || old->throughput.read != read || old->throughput.write != write)
		return DDB_OK;
	return ddb_fail(call->err, DDB_VALIDATION,
		"The provisioned throughput for the table will not change. The requested value equals the "
		"current value. Current ReadCapacityUnits provisioned for the table: %lld. Requested "
		"ReadCapacityUnits: %lld. Current WriteCapacityUnits provisioned for the table: %lld. "
		"Requested WriteCapacityUnits: %lld. Refer to the Amazon DynamoDB Developer Guide for "
		"current limits and how to request higher limits.",
		(long long)old->throughput.read, (long long)read, (long long)old->throughput.write,
		(long long)write);
}

/* The mode is said: an unsaid one would follow from the throughput. */
static enum ddb_code edit_billing(
	struct wire_call *call, const struct update_request *request, struct ddb_value *tree)
{
	bool provisioned = wire_word(draft_billings, &request->billing, call->table->definition->provisioned);
	const char *name = member_word_name(draft_billings, provisioned);
	const struct ddb_value mode = ddb_string(name, strlen(name));
	enum ddb_code code = wire_tree_set(call, tree, "BillingMode", &mode);
	if (!code && !provisioned)
		code = wire_tree_set(call, tree, "ProvisionedThroughput", NULL);
	if (!code && !provisioned)
		code = drop_index_throughput(call, tree);
	if (code || !request->throughput.given)
		return code;
	code = check_throughput(call, request);
	if (code)
		return code;
	return wire_tree_set(
		call, tree, "ProvisionedThroughput", wire_tree_get(call->json, "ProvisionedThroughput"));
}

/* ---- Streams and the rest ---- */

static enum ddb_code edit_stream(
	struct wire_call *call, const struct update_request *request, struct ddb_value *tree)
{
	bool has = call->table->definition->stream != DDB_STREAM_NONE;
	if (!request->stream.given)
		return DDB_OK;
	if (has && request->stream.enabled == MEMBER_TRUE)
		return ddb_fail(call->err, DDB_VALIDATION,
			"Table already has an enabled stream: TableName: %s", call->table->name);
	if (!has && request->stream.enabled == MEMBER_FALSE)
		return ddb_fail(call->err, DDB_VALIDATION,
			"Table is already disabled: stream of TableName: %s", call->table->name);
	return wire_tree_set(
		call, tree, "StreamSpecification", wire_tree_get(call->json, "StreamSpecification"));
}

static enum ddb_code edit_rest(
	struct wire_call *call, const struct update_request *request, struct ddb_value *tree)
{
	static const char *const members[] = {"SSESpecification", "TableClass", "DeletionProtectionEnabled"};
	enum ddb_code code = DDB_OK;
	(void)request;
	for (size_t i = 0; !code && i < sizeof members / sizeof *members; i++) {
		const struct ddb_value *value = wire_tree_get(call->json, members[i]);
		if (value)
			code = wire_tree_set(call, tree, members[i], value);
	}
	return code;
}

/* ---- Indexes ---- */

static uint32_t find_index(const struct ddb_value *list, const struct member_text *name)
{
	uint32_t at = 0;
	while (at < list->count && !wire_tree_is(&list->elements[at], "IndexName", name->bytes, name->length))
		at++;
	return at;
}

static bool is_known(const struct ddb_definition *definition, const struct member_text *name)
{
	for (unsigned i = 0; i < definition->index_count; i++)
		if (strlen(definition->indexes[i].name) == name->length &&
			!memcmp(definition->indexes[i].name, name->bytes, name->length))
			return true;
	return false;
}

static enum ddb_code edit_index(struct wire_call *call, const struct index_change *change,
	const struct ddb_value *json, struct ddb_value *list)
{
	const struct member_text *name = name_of(change);
	uint32_t at = find_index(list, name);
	if (change->create.given && is_known(call->table->definition, name))
		return ddb_fail(
			call->err, DDB_VALIDATION, "Attempting to create an index which already exists");
	if (change->create.given) {
		list->elements[list->count++] = *wire_tree_get(json, "Create");
		return DDB_OK;
	}
	if (at == list->count)
		return ddb_fail(call->err, DDB_RESOURCE_NOT_FOUND,
			"Requested resource not found: Index: %.*s not found", (int)name->length,
			name->bytes);
	if (change->update.given)
		return wire_tree_set(call, &list->elements[at], "ProvisionedThroughput",
			wire_tree_get(wire_tree_get(json, "Update"), "ProvisionedThroughput"));
	list->count--;
	memmove(&list->elements[at], &list->elements[at + 1], (list->count - at) * sizeof *list->elements);
	return DDB_OK;
}

static enum ddb_code edit_indexes(
	struct wire_call *call, const struct update_request *request, struct ddb_value *tree)
{
	const struct index_change *changes = request->indexes.elements;
	const struct ddb_value *json = wire_tree_get(call->json, "GlobalSecondaryIndexUpdates");
	if (!request->indexes.count)
		return DDB_OK;
	/* Only one of the changes adds an index. */
	struct ddb_value *list = wire_tree_list(call, wire_tree_get(tree, "GlobalSecondaryIndexes"));
	if (!list)
		return ddb_fail_memory(call->err);
	for (uint32_t i = 0; i < request->indexes.count; i++) {
		enum ddb_code code = edit_index(call, &changes[i], &json->elements[i], list);
		if (code)
			return code;
	}
	return wire_tree_set(call, tree, "GlobalSecondaryIndexes", list->count ? list : NULL);
}

/* ---- Attributes ---- */

static bool key_uses(const struct ddb_value *keyed, const char *name, size_t length)
{
	const struct ddb_value *key = wire_tree_get(keyed, "KeySchema");
	for (uint32_t i = 0; key && i < key->count; i++)
		if (wire_tree_is(&key->elements[i], "AttributeName", name, length))
			return true;
	return false;
}

static bool tree_uses(const struct ddb_value *tree, const struct ddb_value *name)
{
	static const char *const lists[] = {"LocalSecondaryIndexes", "GlobalSecondaryIndexes"};
	bool used = key_uses(tree, (const char *)name->bytes, name->count);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		const struct ddb_value *list = wire_tree_get(tree, lists[i]);
		for (uint32_t j = 0; list && !used && j < list->count; j++)
			used = key_uses(&list->elements[j], (const char *)name->bytes, name->count);
	}
	return used;
}

static const struct ddb_value *find_attribute(const struct ddb_value *list, const struct ddb_value *name)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (wire_tree_is(&list->elements[i], "AttributeName", (const char *)name->bytes, name->count))
			return &list->elements[i];
	return NULL;
}

static void add_name(struct ddb_buffer *out, const struct member_text *name)
{
	ddb_buffer_add_string(out, out->length ? ", " : "");
	ddb_buffer_add(out, name->bytes, name->length);
}

/* The keys of a new index are among the attributes that come with it. */
static enum ddb_code check_new_key(
	struct wire_call *call, const struct member_list *key, const struct member_list *attributes)
{
	const struct draft_key *parts = key->elements;
	const struct draft_attribute *given = attributes->elements;
	DDB_BUFFER_AUTO struct ddb_buffer keys = {0}, names = {0};
	bool missing = false;
	ddb_buffer_init(&keys, 8192);
	ddb_buffer_init(&names, 65536);
	for (uint32_t i = 0; i < attributes->count; i++)
		add_name(&names, &given[i].name);
	for (uint32_t i = 0; i < key->count; i++) {
		bool found = false;
		add_name(&keys, &parts[i].name);
		for (uint32_t j = 0; j < attributes->count; j++)
			found |= same_text(&parts[i].name, &given[j].name);
		missing |= !found;
	}
	if (!missing)
		return DDB_OK;
	return ddb_fail(call->err, DDB_VALIDATION,
		INVALID "Some index key attributes are not defined in AttributeDefinitions. Keys: [%.*s], "
			"AttributeDefinitions: [%.*s]",
		(int)keys.length, keys.bytes, (int)names.length, names.length ? names.bytes : "");
}

static enum ddb_code check_new_keys(struct wire_call *call, const struct update_request *request)
{
	const struct index_change *changes = request->indexes.elements;
	enum ddb_code code = DDB_OK;
	for (uint32_t i = 0; !code && i < request->indexes.count; i++)
		if (changes[i].create.given)
			code = check_new_key(call, &changes[i].create.key, &request->attributes);
	return code;
}

/* What was there and is still used, and what is given; the rules refuse what is neither, and two types. */
static enum ddb_code edit_attributes(
	struct wire_call *call, const struct update_request *request, struct ddb_value *tree)
{
	const struct ddb_value *old = wire_tree_get(tree, "AttributeDefinitions"),
			       *given = wire_tree_get(call->json, "AttributeDefinitions");
	uint32_t count = old->count + (given ? given->count : 0);
	struct ddb_value *elements = ddb_arena_array(call->arena, count, sizeof *elements);
	struct ddb_value list = {.type = DDB_L, .elements = elements};
	enum ddb_code code = check_new_keys(call, request);
	if (code)
		return code;
	if (!elements)
		return ddb_fail_memory(call->err);
	for (uint32_t i = 0; i < old->count; i++)
		if (tree_uses(tree, wire_tree_get(&old->elements[i], "AttributeName")))
			elements[list.count++] = old->elements[i];
	for (uint32_t i = 0; given && i < given->count; i++) {
		const struct ddb_value *attribute = &given->elements[i],
				       *name = wire_tree_get(attribute, "AttributeName"),
				       *same = find_attribute(&list, name);
		if (!same || !ddb_value_equal(same, attribute))
			elements[list.count++] = *attribute;
	}
	return wire_tree_set(call, tree, "AttributeDefinitions", &list);
}

/* ---- The operation ---- */

static enum ddb_code edit(struct wire_call *call, const void *request, struct ddb_value *tree)
{
	static enum ddb_code (*const steps[])(struct wire_call *, const struct update_request *,
		struct ddb_value *) = {edit_billing, edit_stream, edit_rest, edit_indexes, edit_attributes};
	enum ddb_code code = DDB_OK;
	for (size_t i = 0; !code && i < sizeof steps / sizeof *steps; i++)
		code = steps[i](call, request, tree);
	return code;
}

WIRE_HANDLER(wire_update_table)
{
	const struct update_request *asked = request;
	const char *name = wire_table_name(call, &asked->table);
	if (!name)
		return call->err->code;
	enum ddb_code code = check_request(call, asked);
	if (!code)
		code = wire_alter(call, name, edit, asked);
	if (!code)
		code = wire_table(call, name, WIRE_DESCRIBE);
	return code ? code : wire_describe(call, name, response);
}
