/*
 * A definition's lifetime, comparisons, and what may become of it. Reading and writing are
 * definition_read.c's and definition_write.c's. Definitions are immutable once made: only the reference count
 * changes, atomically.
 */
#include "engine/definition.h"
#include "engine/utf8.h"

#include "engine/definition_draft.h"
#include "engine/definition_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEFINITION_MEMORY_MAX = 4 << 20 };

#define INVALID "One or more parameter values were invalid: "

/* ---- Lifetime ---- */

struct ddb_definition *ddb_definition_new(void)
{
	struct ddb_definition *definition = calloc(1, sizeof *definition);
	if (!definition)
		return NULL;
	definition->references = 1;
	ddb_arena_init(&definition->arena, DEFINITION_MEMORY_MAX);
	return definition;
}

struct ddb_definition *ddb_definition_ref(struct ddb_definition *definition)
{
	__atomic_add_fetch(&definition->references, 1, __ATOMIC_RELAXED);
	return definition;
}

void ddb_definition_unref(struct ddb_definition *definition)
{
	if (!definition || __atomic_sub_fetch(&definition->references, 1, __ATOMIC_ACQ_REL))
		return;
	ddb_arena_done(&definition->arena);
	free(definition);
}

static bool copy_key(
	struct ddb_definition *definition, const struct ddb_key_attribute *key, struct ddb_key_attribute *ret)
{
	*ret = *key;
	ret->name = ddb_arena_copy(&definition->arena, key->name, key->name_length);
	return ret->name;
}

enum ddb_code ddb_definition_simple(const struct ddb_key_attribute *hash,
	const struct ddb_key_attribute *range, struct ddb_definition **ret, struct ddb_error *err)
{
	struct ddb_definition *definition = ddb_definition_new();
	if (!definition)
		return ddb_fail_memory(err);
	definition->has_range = range;
	if (!copy_key(definition, hash, &definition->hash) ||
		(range && !copy_key(definition, range, &definition->range))) {
		ddb_definition_unref(definition);
		return ddb_fail_memory(err);
	}
	*ret = definition;
	return DDB_OK;
}

/* ---- Key attributes ---- */

static void add_keys(struct ddb_key_attributes *ret, const struct ddb_key_attribute *keys, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned at = 0;
		int order = 1;
		while (at < ret->count && (order = strcmp(ret->attributes[at]->name, keys[i].name)) < 0)
			at++;
		if (at < ret->count && !order)
			continue;
		memmove(&ret->attributes[at + 1], &ret->attributes[at],
			(ret->count - at) * sizeof *ret->attributes);
		ret->attributes[at] = &keys[i];
		ret->count++;
	}
}

void ddb_definition_key_attributes(const struct ddb_definition *definition, struct ddb_key_attributes *ret)
{
	ret->count = 0;
	add_keys(ret, &definition->hash, 1);
	add_keys(ret, &definition->range, definition->has_range);
	for (unsigned i = 0; i < definition->index_count; i++) {
		add_keys(ret, definition->indexes[i].hash, definition->indexes[i].hash_count);
		add_keys(ret, definition->indexes[i].range, definition->indexes[i].range_count);
	}
}

/* ---- Comparisons ---- */

static bool same_string(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_names(const struct ddb_key_attribute *a, const struct ddb_key_attribute *b, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (a[i].name_length != b[i].name_length || memcmp(a[i].name, b[i].name, a[i].name_length))
			return false;
	return true;
}

static bool same_keys(const struct ddb_key_attribute *a, const struct ddb_key_attribute *b, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (a[i].type != b[i].type)
			return false;
	return same_names(a, b, count);
}

static bool same_throughput(const struct ddb_throughput *a, const struct ddb_throughput *b)
{
	return a->read == b->read && a->write == b->write;
}

static bool same_index_key(const struct ddb_index_definition *a, const struct ddb_index_definition *b)
{
	return a->hash_count == b->hash_count && a->range_count == b->range_count &&
	       same_keys(a->hash, b->hash, a->hash_count) && same_keys(a->range, b->range, a->range_count);
}

static bool same_projection(const struct ddb_index_definition *a, const struct ddb_index_definition *b)
{
	if (a->projection != b->projection || a->include_count != b->include_count)
		return false;
	for (unsigned i = 0; i < a->include_count; i++)
		if (strcmp(a->include[i], b->include[i]))
			return false;
	return true;
}

static bool same_indexes(const struct ddb_definition *a, const struct ddb_definition *b)
{
	if (a->index_count != b->index_count)
		return false;
	for (unsigned i = 0; i < a->index_count; i++) {
		const struct ddb_index_definition *x = &a->indexes[i], *y = &b->indexes[i];
		if (x->local != y->local || strcmp(x->name, y->name) || !same_index_key(x, y) ||
			!same_projection(x, y) || !same_throughput(&x->throughput, &y->throughput))
			return false;
	}
	return true;
}

static bool same_tags(const struct ddb_definition *a, const struct ddb_definition *b)
{
	if (a->tag_count != b->tag_count)
		return false;
	for (unsigned i = 0; i < a->tag_count; i++)
		if (strcmp(a->tags[i].key, b->tags[i].key) || strcmp(a->tags[i].value, b->tags[i].value))
			return false;
	return true;
}

bool ddb_definition_same_key(const struct ddb_definition *a, const struct ddb_definition *b)
{
	return a->has_range == b->has_range && same_keys(&a->hash, &b->hash, 1) &&
	       same_keys(&a->range, &b->range, a->has_range);
}

bool ddb_definition_equal(const struct ddb_definition *a, const struct ddb_definition *b)
{
	return ddb_definition_same_key(a, b) && same_indexes(a, b) && same_tags(a, b) &&
	       a->provisioned == b->provisioned && same_throughput(&a->throughput, &b->throughput) &&
	       a->stream == b->stream && a->deletion_protection == b->deletion_protection &&
	       a->infrequent_access == b->infrequent_access && a->sse_enabled == b->sse_enabled &&
	       same_string(a->sse_type, b->sse_type) && same_string(a->kms_key, b->kms_key) &&
	       same_string(a->ttl_attribute, b->ttl_attribute);
}

/* ---- Updates ---- */

static const struct ddb_index_definition *find_index(
	const struct ddb_definition *definition, const struct ddb_index_definition *like)
{
	for (unsigned i = 0; i < definition->index_count; i++)
		if (definition->indexes[i].local == like->local &&
			!strcmp(definition->indexes[i].name, like->name))
			return &definition->indexes[i];
	return NULL;
}

static enum ddb_code check_key_update(
	const struct ddb_definition *old, const struct ddb_definition *new_, struct ddb_error *err)
{
	if (ddb_definition_same_key(old, new_))
		return DDB_OK;
	if (old->has_range != new_->has_range || !same_names(&old->hash, &new_->hash, 1) ||
		!same_names(&old->range, &new_->range, old->has_range))
		return ddb_fail(err, DDB_VALIDATION, INVALID "KeySchema cannot be changed");
	const struct ddb_key_attribute *key = old->hash.type != new_->hash.type ? &old->hash : &old->range;
	return ddb_fail(err, DDB_VALIDATION,
		INVALID "AttributeType of the key attribute %s cannot be changed", key->name);
}

static enum ddb_code check_index_update(
	const struct ddb_definition *old, const struct ddb_index_definition *index, struct ddb_error *err)
{
	const struct ddb_index_definition *before = find_index(old, index);
	const char *kind = index->local ? "local" : "global";
	if (!before && index->local)
		return ddb_fail(err, DDB_VALIDATION,
			INVALID "A local secondary index can only be made with its table: %s", index->name);
	if (!before)
		return DDB_OK;
	if (!same_index_key(before, index))
		return ddb_fail(err, DDB_VALIDATION,
			INVALID "KeySchema of a %s secondary index cannot be changed: %s", kind, index->name);
	if (!same_projection(before, index))
		return ddb_fail(err, DDB_VALIDATION,
			INVALID "Projection of a %s secondary index cannot be changed: %s", kind,
			index->name);
	return DDB_OK;
}

enum ddb_code ddb_definition_update_check(
	const struct ddb_definition *old, const struct ddb_definition *new_, struct ddb_error *err)
{
	enum ddb_code code = check_key_update(old, new_, err);
	for (unsigned i = 0; !code && i < old->index_count; i++)
		if (old->indexes[i].local && !find_index(new_, &old->indexes[i]))
			return ddb_fail(err, DDB_VALIDATION,
				INVALID "A local secondary index cannot be dropped: %s",
				old->indexes[i].name);
	for (unsigned i = 0; !code && i < new_->index_count; i++)
		code = check_index_update(old, &new_->indexes[i], err);
	return code;
}

/* ---- Names ---- */

enum ddb_code ddb_table_name_check(const char *name, size_t length, struct ddb_error *err)
{
	if (length < DDB_TABLE_NAME_MIN || length > DDB_TABLE_NAME_MAX)
		return ddb_fail(err, DDB_VALIDATION,
			"TableName must be at least %d characters long and at most %d characters long",
			DDB_TABLE_NAME_MIN, DDB_TABLE_NAME_MAX);
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)name[i];
		if ((byte < 0x80 && isalnum(byte)) || byte == '_' || byte == '.' || byte == '-')
			continue;
		return ddb_fail(err, DDB_VALIDATION,
			"1 validation error detected: Value '%.*s' at 'tableName' failed to satisfy "
			"constraint: Member must "
			"satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
			(int)ddb_utf8_prefix(name, length), name);
	}
	return DDB_OK;
}

const struct ddb_index_definition *ddb_definition_index(
	const struct ddb_definition *definition, const char *name)
{
	for (unsigned i = 0; i < definition->index_count; i++)
		if (!strcmp(definition->indexes[i].name, name))
			return &definition->indexes[i];
	return NULL;
}
