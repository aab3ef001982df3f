/*
 * What the members of a definition must be together: CreateTable's rules, in the service's words, and the way
 * from a draft that passed its constraints to a definition in canonical order. One function a member; each
 * refuses or fills its part.
 */
#include "engine/definition_draft.h"
#include "engine/definition_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INVALID "One or more parameter values were invalid: "

enum {
	RULES_PROJECTED_MAX = 100, /* NonKeyAttributes, over all indexes */
	RULES_NAMES_SHOWN = 700,   /* bytes of a list of names in a message */
};
static const int64_t rules_throughput_max = 1000000000000;

struct rules {
	const struct draft_table *draft;
	struct ddb_definition *definition;
	struct ddb_error *err;
};

static bool same_text(const struct member_text *a, const struct member_text *b)
{
	return a->length == b->length && !memcmp(a->bytes, b->bytes, a->length);
}

static enum ddb_code keep_text(struct rules *rules, const struct member_text *text, const char **ret)
{
	*ret = ddb_arena_copy(&rules->definition->arena, text->bytes, text->length);
	return *ret ? DDB_OK : ddb_fail_memory(rules->err);
}

static enum ddb_code set_table_name(struct rules *rules)
{
	if (!rules->draft->name.bytes)
		return DDB_OK;
	return keep_text(rules, &rules->draft->name, &rules->definition->table_name);
}

/* ---- Throughput ---- */

static enum ddb_code take_throughput(
	struct rules *rules, const struct draft_throughput *draft, struct ddb_throughput *ret)
{
	if (draft->read.value > rules_throughput_max)
		return ddb_fail(rules->err, DDB_VALIDATION,
			"Given value %lld for ReadCapacityUnits is out of bounds",
			(long long)draft->read.value);
	if (draft->write.value > rules_throughput_max)
		return ddb_fail(rules->err, DDB_VALIDATION,
			"Given value %lld for WriteCapacityUnits is out of bounds",
			(long long)draft->write.value);
	*ret = (struct ddb_throughput){draft->read.value, draft->write.value};
	return DDB_OK;
}

/* Unlike the service's PROVISIONED, an unsaid mode follows from whether there is a throughput. */
static enum ddb_code set_billing(struct rules *rules)
{
	const struct draft_table *draft = rules->draft;
	bool provisioned = draft->throughput.given;
	if (draft->billing.bytes)
		provisioned = member_word_value(draft_billings, &draft->billing);
	rules->definition->provisioned = provisioned;
	if (!provisioned && draft->throughput.given)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
				"BillingMode is "
				"PAY_PER_REQUEST");
	if (provisioned && !draft->throughput.given)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID
			"ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is "
			"PROVISIONED");
	return take_throughput(rules, &draft->throughput, &rules->definition->throughput);
}

/* ---- Keys ---- */

static const struct draft_attribute *find_attribute(
	const struct member_list *attributes, const struct member_text *name)
{
	const struct draft_attribute *all = attributes->elements;
	for (uint32_t i = 0; i < attributes->count; i++)
		if (same_text(&all[i].name, name))
			return &all[i];
	return NULL;
}

static enum ddb_code check_attributes(struct rules *rules)
{
	const struct draft_attribute *all = rules->draft->attributes.elements;
	for (uint32_t i = 0; i < rules->draft->attributes.count; i++)
		if (find_attribute(&rules->draft->attributes, &all[i].name) != &all[i])
			return ddb_fail(
				rules->err, DDB_VALIDATION, "Cannot have two attributes with the same name");
	return DDB_OK;
}

static void add_name(struct ddb_buffer *out, const char *name, size_t length)
{
	if (out->length)
		ddb_buffer_add_string(out, ", ");
	ddb_buffer_add(out, name, length);
}

static void add_attributes(struct ddb_buffer *out, const struct member_list *attributes)
{
	const struct draft_attribute *all = attributes->elements;
	for (uint32_t i = 0; i < attributes->count && out->length < RULES_NAMES_SHOWN; i++)
		add_name(out, all[i].name.bytes, all[i].name.length);
}

static enum ddb_code key_not_defined(struct rules *rules, const struct member_list *key)
{
	DDB_BUFFER_AUTO struct ddb_buffer keys = {0}, attributes = {0};
	ddb_buffer_init(&keys, 4096);
	ddb_buffer_init(&attributes, 4096);
	const struct draft_key *elements = key->elements;
	for (uint32_t i = 0; i < key->count; i++)
		add_name(&keys, elements[i].name.bytes, elements[i].name.length);
	add_attributes(&attributes, &rules->draft->attributes);
	return ddb_fail(rules->err, DDB_VALIDATION,
		INVALID "Some index key attributes are not defined in AttributeDefinitions. Keys: [%.*s], "
			"AttributeDefinitions: [%.*s]",
		(int)keys.length, keys.length ? keys.bytes : "", (int)attributes.length,
		attributes.length ? attributes.bytes : "");
}

/* The order of roles: `most` HASH at first, then at most as many RANGE. */
static enum ddb_code check_roles(struct rules *rules, const struct member_list *key, unsigned most)
{
	const struct draft_key *elements = key->elements;
	unsigned counts[] = {[DRAFT_HASH] = 0, [DRAFT_RANGE] = 0};
	for (uint32_t i = 0; i < key->count; i++) {
		int role = member_word_value(draft_key_types, &elements[i].type);
		counts[role]++;
		if (!i && role != DRAFT_HASH)
			return ddb_fail(rules->err, DDB_VALIDATION,
				"Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
		if (most == 1 && i && role != DRAFT_RANGE)
			return ddb_fail(rules->err, DDB_VALIDATION,
				"Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
		if (role == DRAFT_HASH && counts[DRAFT_RANGE])
			return ddb_fail(rules->err, DDB_VALIDATION,
				"Invalid KeySchema: A HASH key type follows a RANGE key type");
		if (counts[role] > most)
			return ddb_fail(rules->err, DDB_VALIDATION,
				"Invalid KeySchema: More than %u %s key types", most,
				member_word_name(draft_key_types, role));
	}
	return DDB_OK;
}

static enum ddb_code check_distinct(struct rules *rules, const struct member_list *key)
{
	const struct draft_key *elements = key->elements;
	for (uint32_t i = 0; i < key->count; i++)
		for (uint32_t j = 0; j < i; j++) {
			const struct member_text *name = &elements[i].name;
			if (!same_text(name, &elements[j].name))
				continue;
			if (key->count == 2 &&
				member_word_value(draft_key_types, &elements[1].type) == DRAFT_RANGE)
				return ddb_fail(rules->err, DDB_VALIDATION,
					"Both the Hash Key and the Range Key element in the KeySchema have "
					"the same name");
			return ddb_fail(rules->err, DDB_VALIDATION,
				"Invalid KeySchema: The attribute %.*s occurs more than once",
				(int)name->length, name->bytes);
		}
	return DDB_OK;
}

static enum ddb_code take_key_attribute(
	struct rules *rules, const struct draft_attribute *attribute, struct ddb_key_attribute *ret)
{
	ret->name_length = attribute->name.length;
	ret->type = (enum ddb_type)member_word_value(draft_attribute_types, &attribute->type);
	return keep_text(rules, &attribute->name, &ret->name);
}

/* A key schema into the key parts of *ret, whose other members it leaves alone. */
static enum ddb_code take_key(
	struct rules *rules, const struct member_list *key, unsigned most, struct ddb_index_definition *ret)
{
	enum ddb_code code = check_roles(rules, key, most);
	if (!code)
		code = check_distinct(rules, key);
	const struct draft_key *elements = key->elements;
	for (uint32_t i = 0; !code && i < key->count; i++) {
		const struct draft_attribute *attribute =
			find_attribute(&rules->draft->attributes, &elements[i].name);
		if (!attribute)
			return key_not_defined(rules, key);
		bool hash = member_word_value(draft_key_types, &elements[i].type) == DRAFT_HASH;
		code = take_key_attribute(rules, attribute,
			hash ? &ret->hash[ret->hash_count++] : &ret->range[ret->range_count++]);
	}
	return code;
}

static enum ddb_code set_key(struct rules *rules)
{
	struct ddb_index_definition key = {0};
	enum ddb_code code = take_key(rules, &rules->draft->key, 1, &key);
	if (code)
		return code;
	rules->definition->hash = key.hash[0];
	rules->definition->range = key.range[0];
	rules->definition->has_range = key.range_count > 0;
	return DDB_OK;
}

/* ---- Indexes ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum ddb_code take_projected_names(
	struct rules *rules, const struct member_list *names, struct ddb_index_definition *ret)
{
	if (names->count > RULES_PROJECTED_MAX)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "Number of NonKeyAttributes exceeds the limit of %d for index: %s",
			RULES_PROJECTED_MAX, ret->name);
	ret->include = ddb_arena_array(&rules->definition->arena, names->count, sizeof *ret->include);
	if (!ret->include)
		return ddb_fail_memory(rules->err);
	const struct member_text *texts = names->elements;
	for (uint32_t i = 0; i < names->count; i++) {
		enum ddb_code code = keep_text(rules, &texts[i], &ret->include[i]);
		if (code)
			return code;
	}
	ret->include_count = names->count;
	qsort(ret->include, ret->include_count, sizeof *ret->include, compare_names);
	for (unsigned i = 1; i < ret->include_count; i++)
		if (!strcmp(ret->include[i - 1], ret->include[i]))
			return ddb_fail(rules->err, DDB_VALIDATION,
				INVALID "Duplicate attribute in NonKeyAttributes: %s", ret->include[i]);
	return DDB_OK;
}

static enum ddb_code take_projection(
	struct rules *rules, const struct draft_projection *draft, struct ddb_index_definition *ret)
{
	if (!draft->type.bytes)
		return ddb_fail(rules->err, DDB_VALIDATION, INVALID "Unknown ProjectionType: null");
	ret->projection = (enum ddb_projection)member_word_value(draft_projections, &draft->type);
	if (ret->projection == DDB_PROJECT_INCLUDE && !draft->names.given)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "ProjectionType is INCLUDE, but NonKeyAttributes is not specified");
	if (ret->projection != DDB_PROJECT_INCLUDE && draft->names.given)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "ProjectionType is %s, but NonKeyAttributes is specified",
			member_word_name(draft_projections, (int)ret->projection));
	return ret->projection == DDB_PROJECT_INCLUDE ? take_projected_names(rules, &draft->names, ret)
						      : DDB_OK;
}

static enum ddb_code check_local(struct rules *rules, const struct ddb_index_definition *index)
{
	const struct ddb_definition *table = rules->definition;
	if (!table->has_range)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID
			"Table KeySchema does not have a range key, which is required when specifying a "
			"LocalSecondaryIndex");
	if (!index->range_count)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "Index KeySchema does not have a range key for index: %s", index->name);
	if (strcmp(index->hash[0].name, table->hash.name))
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "Index KeySchema does not have the same leading hash key as table KeySchema "
				"for index: "
				"%s. index hash key: %s, table hash key: %s",
			index->name, index->hash[0].name, table->hash.name);
	return DDB_OK;
}

static enum ddb_code take_index_throughput(
	struct rules *rules, const struct draft_throughput *draft, struct ddb_index_definition *ret)
{
	bool provisioned = rules->definition->provisioned;
	if (draft->given && !provisioned)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID
			"ProvisionedThroughput should not be specified for index: %s when BillingMode is "
			"PAY_PER_REQUEST",
			ret->name);
	if (!draft->given && provisioned)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "ProvisionedThroughput must be specified for index: %s", ret->name);
	return take_throughput(rules, draft, &ret->throughput);
}

static enum ddb_code take_index(
	struct rules *rules, const struct draft_index *draft, bool local, struct ddb_index_definition *ret)
{
	ret->local = local;
	enum ddb_code code = keep_text(rules, &draft->name, &ret->name);
	if (!code)
		code = take_key(rules, &draft->key, local ? 1 : DDB_INDEX_KEY_PARTS_MAX, ret);
	if (!code)
		code = local ? check_local(rules, ret)
			     : take_index_throughput(rules, &draft->throughput, ret);
	if (!code)
		code = take_projection(rules, &draft->projection, ret);
	return code;
}

static int compare_indexes(const void *a, const void *b)
{
	const struct ddb_index_definition *x = a, *y = b;
	if (x->local != y->local)
		return x->local ? -1 : 1;
	return strcmp(x->name, y->name);
}

static enum ddb_code check_index_list(struct rules *rules, const struct member_list *list, const char *name)
{
	if (list->given && !list->count)
		return ddb_fail(rules->err, DDB_VALIDATION, INVALID "List of %s is empty", name);
	return DDB_OK;
}

/* Names are shared between local and global indexes, and the number of projected names between all. */
static enum ddb_code check_indexes(struct rules *rules)
{
	const struct ddb_definition *definition = rules->definition;
	unsigned projected = 0;
	for (unsigned i = 0; i < definition->index_count; i++) {
		const struct ddb_index_definition *index = &definition->indexes[i];
		projected += index->include_count;
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(index->name, definition->indexes[j].name))
				return ddb_fail(rules->err, DDB_VALIDATION,
					INVALID "Duplicate index name: %s", index->name);
	}
	if (projected > RULES_PROJECTED_MAX)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID
			"Number of NonKeyAttributes over all indexes exceeds the per-table limit of %d",
			RULES_PROJECTED_MAX);
	return DDB_OK;
}

static enum ddb_code set_indexes(struct rules *rules)
{
	const struct member_list *locals = &rules->draft->locals, *globals = &rules->draft->globals;
	struct ddb_definition *definition = rules->definition;
	enum ddb_code code = check_index_list(rules, locals, "LocalSecondaryIndexes");
	if (!code)
		code = check_index_list(rules, globals, "GlobalSecondaryIndexes");
	unsigned count = locals->count + globals->count;
	if (code || !count)
		return code;
	definition->indexes = ddb_arena_array(&definition->arena, count, sizeof *definition->indexes);
	if (!definition->indexes)
		return ddb_fail_memory(rules->err);
	memset(definition->indexes, 0, count * sizeof *definition->indexes);
	for (unsigned i = 0; i < count; i++) {
		bool local = i < locals->count;
		const struct draft_index *drafts = local ? locals->elements : globals->elements;
		code = take_index(
			rules, &drafts[local ? i : i - locals->count], local, &definition->indexes[i]);
		if (code)
			return code;
	}
	definition->index_count = count;
	qsort(definition->indexes, count, sizeof *definition->indexes, compare_indexes);
	return check_indexes(rules);
}

/* ---- Every attribute definition is some key's ---- */

/* Keys have been found among the definitions, and those are distinct: equal numbers mean equal sets. */
static enum ddb_code check_attributes_used(struct rules *rules)
{
	struct ddb_key_attributes used;
	ddb_definition_key_attributes(rules->definition, &used);
	if (used.count == rules->draft->attributes.count)
		return DDB_OK;
	if (!rules->definition->index_count)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "Number of attributes in KeySchema does not exactly match number of "
				"attributes defined in "
				"AttributeDefinitions");
	DDB_BUFFER_AUTO struct ddb_buffer keys = {0}, attributes = {0};
	ddb_buffer_init(&keys, 4096);
	ddb_buffer_init(&attributes, 4096);
	for (unsigned i = 0; i < used.count && keys.length < RULES_NAMES_SHOWN; i++)
		add_name(&keys, used.attributes[i]->name, used.attributes[i]->name_length);
	add_attributes(&attributes, &rules->draft->attributes);
	return ddb_fail(rules->err, DDB_VALIDATION,
		INVALID
		"Some AttributeDefinitions are not used. AttributeDefinitions: [%.*s], keys used: [%.*s]",
		(int)attributes.length, attributes.length ? attributes.bytes : "", (int)keys.length,
		keys.length ? keys.bytes : "");
}

/* ---- The rest ---- */

/* CloudFormation has StreamViewType alone. */
static enum ddb_code set_stream(struct rules *rules)
{
	const struct draft_stream *draft = &rules->draft->stream;
	if (!draft->given)
		return DDB_OK;
	if (draft->enabled == MEMBER_UNSAID && !draft->view.bytes)
		return ddb_fail(rules->err, DDB_VALIDATION,
			"1 validation error detected: Value null at 'streamSpecification.streamEnabled' "
			"failed to satisfy "
			"constraint: Member must not be null");
	if (draft->enabled == MEMBER_FALSE && draft->view.bytes)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "StreamViewType cannot be specified when StreamEnabled is false");
	if (draft->enabled == MEMBER_TRUE && !draft->view.bytes)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "StreamViewType must be specified when StreamEnabled is true");
	if (draft->view.bytes)
		rules->definition->stream =
			(enum ddb_stream_view)member_word_value(draft_views, &draft->view);
	return DDB_OK;
}

/* KMS is what enabling means, so saying it makes no difference. */
static enum ddb_code set_sse(struct rules *rules)
{
	const struct draft_sse *draft = &rules->draft->sse;
	struct ddb_definition *definition = rules->definition;
	if (draft->enabled != MEMBER_UNSAID && draft->sse_enabled != MEMBER_UNSAID)
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID
			"Enabled and SSEEnabled are two names of one member; only one can be specified");
	definition->sse_enabled = draft->enabled == MEMBER_TRUE || draft->sse_enabled == MEMBER_TRUE;
	if (!definition->sse_enabled && (draft->type.bytes || draft->key.bytes))
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "SSEType and KMSMasterKeyId can only be specified when Enabled is true");
	if (draft->type.bytes && member_word_value(draft_sse_types, &draft->type) == 0) {
		if (draft->key.bytes)
			return ddb_fail(rules->err, DDB_VALIDATION,
				INVALID "KMSMasterKeyId can only be specified when SSEType is KMS");
		definition->sse_type = draft_sse_types[0].name;
	}
	return draft->key.bytes ? keep_text(rules, &draft->key, &definition->kms_key) : DDB_OK;
}

static enum ddb_code set_ttl(struct rules *rules)
{
	const struct draft_ttl *draft = &rules->draft->ttl;
	if (!draft->given || draft->enabled == MEMBER_FALSE)
		return DDB_OK;
	if (!draft->attribute.bytes)
		return ddb_fail(rules->err, DDB_VALIDATION,
			"1 validation error detected: Value null at 'timeToLiveSpecification.attributeName' "
			"failed to "
			"satisfy constraint: Member must not be null");
	return keep_text(rules, &draft->attribute, &rules->definition->ttl_attribute);
}

static int compare_tags(const void *a, const void *b)
{
	const struct ddb_tag *x = a, *y = b;
	return strcmp(x->key, y->key);
}

static enum ddb_code take_tag(struct rules *rules, const struct draft_tag *draft, struct ddb_tag *ret)
{
	if (draft->key.length >= 4 && !strncasecmp(draft->key.bytes, "aws:", 4))
		return ddb_fail(rules->err, DDB_VALIDATION,
			INVALID "Tag keys that start with aws: are reserved: %.*s", (int)draft->key.length,
			draft->key.bytes);
	enum ddb_code code = keep_text(rules, &draft->key, &ret->key);
	return code ? code : keep_text(rules, &draft->value, &ret->value);
}

static enum ddb_code set_tags(struct rules *rules)
{
	const struct member_list *draft = &rules->draft->tags;
	struct ddb_definition *definition = rules->definition;
	if (!draft->count)
		return DDB_OK;
	definition->tags = ddb_arena_array(&definition->arena, draft->count, sizeof *definition->tags);
	if (!definition->tags)
		return ddb_fail_memory(rules->err);
	const struct draft_tag *tags = draft->elements;
	for (uint32_t i = 0; i < draft->count; i++) {
		enum ddb_code code = take_tag(rules, &tags[i], &definition->tags[i]);
		if (code)
			return code;
	}
	definition->tag_count = draft->count;
	qsort(definition->tags, definition->tag_count, sizeof *definition->tags, compare_tags);
	for (unsigned i = 1; i < definition->tag_count; i++)
		if (!strcmp(definition->tags[i - 1].key, definition->tags[i].key))
			return ddb_fail(rules->err, DDB_VALIDATION, INVALID "Duplicate tag key: %s",
				definition->tags[i].key);
	return DDB_OK;
}

static enum ddb_code set_rest(struct rules *rules)
{
	const struct draft_table *draft = rules->draft;
	rules->definition->deletion_protection = draft->deletion_protection == MEMBER_TRUE;
	if (draft->table_class.bytes)
		rules->definition->infrequent_access = member_word_value(draft_classes, &draft->table_class);
	return DDB_OK;
}

enum ddb_code draft_accept(
	const struct draft_table *draft, struct ddb_definition *definition, struct ddb_error *err)
{
	static enum ddb_code (*const steps[])(struct rules *) = {set_table_name, set_billing,
		check_attributes, set_key, set_indexes, check_attributes_used, set_stream, set_sse, set_ttl,
		set_tags, set_rest};
	struct rules rules = {.draft = draft, .definition = definition, .err = err};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		enum ddb_code code = steps[i](&rules);
		if (code)
			return code;
	}
	return DDB_OK;
}
