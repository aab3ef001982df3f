/*
 * Whether a Query or Scan may be made of a table or index. See source.h.
 */
#include "engine/local/source.h"

#include "engine/buffer.h"
#include "engine/local/partition.h"
#include <string.h>

enum { LIST_MAX = DDB_MESSAGE_MAX + DDB_ATTRIBUTE_NAME_MAX + 2 }; /* bytes: the message is cut anyway */

/* ---- What an index has ---- */

static bool names(const struct ddb_key_attribute *attributes, unsigned count, const struct ddb_value *name)
{
	for (unsigned i = 0; i < count; i++)
		if (attributes[i].name_length == name->count &&
			memcmp(attributes[i].name, name->bytes, name->count) == 0)
			return true;
	return false;
}

static bool included(const struct ddb_index_definition *index, const struct ddb_value *name)
{
	for (unsigned i = 0; i < index->include_count; i++)
		if (strlen(index->include[i]) == name->count &&
			memcmp(index->include[i], name->bytes, name->count) == 0)
			return true;
	return false;
}

static bool projects(const struct local_source *source, const struct ddb_value *name)
{
	const struct ddb_index_definition *index = source->index;
	const struct ddb_definition *definition = source->definition;
	return index->projection == DDB_PROJECT_ALL || names(index->hash, index->hash_count, name) ||
	       names(index->range, index->range_count, name) || names(&definition->hash, 1, name) ||
	       names(&definition->range, definition->has_range, name) || included(index, name);
}

/* ---- Select ---- */

/* All that a selection names and the index does not project, as a message lists it. */
static size_t list_unprojected(
	const struct local_source *source, const struct ddb_selection *selection, struct ddb_buffer *ret)
{
	const struct ddb_value *wanted;
	size_t count = ddb_selection_names(selection, &wanted), missing = 0;
	for (size_t i = 0; i < count; i++) {
		if (projects(source, &wanted[i]))
			continue;
		if (missing++ > 0 && ret->length < DDB_MESSAGE_MAX)
			ddb_buffer_add(ret, ", ", 2);
		if (ret->length < DDB_MESSAGE_MAX)
			ddb_buffer_add(ret, wanted[i].bytes, wanted[i].count);
	}
	return missing;
}

static enum ddb_code check_selection(
	struct local_source *source, const struct ddb_query *query, struct ddb_error *err)
{
	DDB_BUFFER_AUTO struct ddb_buffer list = {0};
	ddb_buffer_init(&list, LIST_MAX);
	size_t missing = list_unprojected(source, query->selection, &list);
	if (list.failed)
		return ddb_fail_memory(err);
	source->fetches = missing > 0;
	if (missing == 0 || source->index->local)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: Global secondary index %s does not project "
		"[%.*s]",
		source->index->name, (int)list.length, list.bytes);
}

static enum ddb_code check_all(struct local_source *source, struct ddb_error *err)
{
	const struct ddb_index_definition *index = source->index;
	source->fetches = index->projection != DDB_PROJECT_ALL;
	if (!source->fetches || index->local)
		return DDB_OK;
	return ddb_fail(err, DDB_VALIDATION,
		"One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for "
		"global secondary index %s because its projection type is not ALL",
		index->name);
}

static enum ddb_code check_select(
	struct local_source *source, const struct ddb_query *query, struct ddb_error *err)
{
	if (!source->index && query->select == DDB_SELECT_PROJECTED)
		return ddb_fail(err, DDB_VALIDATION,
			"ALL_PROJECTED_ATTRIBUTES can be used only when %s using an IndexName",
			query->range ? "Querying" : "Scanning");
	if (!source->index || query->keys_only)
		return DDB_OK;
	if (query->select == DDB_SELECT_ALL)
		return check_all(source, err);
	return query->selection ? check_selection(source, query, err) : DDB_OK;
}

/* ---- Filters ---- */

static enum ddb_code check_filter(
	const struct local_source *source, const struct ddb_query *query, struct ddb_error *err)
{
	struct ddb_key_schema schema = ddb_key_schema_of(source->definition, source->index);
	if (!query->filter || !query->range)
		return DDB_OK;
	for (unsigned i = 0; i < schema.hash_count + schema.range_count; i++) {
		const struct ddb_key_attribute *attribute =
			i < schema.hash_count ? &schema.hash[i] : &schema.range[i - schema.hash_count];
		if (ddb_predicate_mentions(query->filter, attribute->name, attribute->name_length))
			return ddb_fail(err, DDB_VALIDATION,
				"Filter Expression can only contain non-primary key attributes: "
				"Primary key attribute: %s",
				local_attribute_label(attribute));
	}
	return DDB_OK;
}

/* ---- The source ---- */

static enum ddb_code find_index(
	struct local_source *source, const struct ddb_query *query, struct ddb_error *err)
{
	if (!query->index)
		return DDB_OK;
	enum ddb_code code = local_index_find(source->table, query->index, &source->position, err);
	if (code)
		return code;
	source->index = &source->definition->indexes[source->position];
	if (query->consistent && !source->index->local)
		return ddb_fail(err, DDB_VALIDATION,
			"Consistent reads are not supported on global secondary indexes");
	return DDB_OK;
}

enum ddb_code local_source_of(const struct local_table *table, const struct ddb_query *query,
	struct local_source *ret, struct ddb_error *err)
{
	struct local_source source = {.table = table};
	enum ddb_code code = local_definition(table->table, &source.definition, err);
	if (!code)
		code = find_index(&source, query, err);
	if (!code)
		code = check_select(&source, query, err);
	if (!code)
		code = check_filter(&source, query, err);
	if (code)
		return code;
	source.headers = source.index || local_is_composite(table->table);
	source.single = !source.headers;
	*ret = source;
	return DDB_OK;
}

enum ddb_code local_source_alive(
	struct store_txn *view, const struct local_source *source, struct ddb_error *err)
{
	return source->index ? local_index_alive(view, source->table, err)
			     : local_alive(view, source->table, err);
}
