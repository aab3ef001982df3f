/*
 * A definition as somebody wrote it, before the rules: every member given or not, texts as they stand. Its
 * rows (members.h) say which members there are. Private to definition*.c and to
 * requests that change a definition. A draft lives for one reading: it
 * points into the JSON tree and into an arena.
 */
#ifndef DDB_DEFINITION_DRAFT_H
#define DDB_DEFINITION_DRAFT_H

#include "engine/definition.h"
#include "engine/members.h"

struct draft_attribute { /* of AttributeDefinitions */
	bool given;
	struct member_text name, type;
};

struct draft_key { /* a KeySchemaElement */
	bool given;
	struct member_text name, type;
};

struct draft_throughput {
	bool given;
	struct member_integer read, write;
};

struct draft_projection {
	bool given;
	struct member_text type;
	struct member_list names; /* texts */
};

struct draft_index {
	bool given;
	struct member_text name;
	struct member_list key;
	struct draft_projection projection;
	struct draft_throughput throughput;
};

struct draft_stream {
	bool given;
	enum member_flag enabled;
	struct member_text view;
};

struct draft_sse {
	bool given;
	enum member_flag enabled, sse_enabled; /* the API's name and CloudFormation's */
	struct member_text type, key;
};

struct draft_ttl {
	bool given;
	struct member_text attribute;
	enum member_flag enabled;
};

struct draft_tag {
	bool given;
	struct member_text key, value;
};

struct draft_table {
	bool given;
	struct member_text name;
	struct member_list attributes, key, locals, globals, tags;
	struct member_text billing, table_class;
	struct draft_throughput throughput;
	struct draft_stream stream;
	struct draft_sse sse;
	struct draft_ttl ttl;
	enum member_flag deletion_protection;
};

struct draft_resource { /* CloudFormation's */
	bool given;
	struct member_text type;
	struct draft_table properties;
};

extern const struct member_type draft_table_type, draft_resource_type;
/* Parts that UpdateTable and TagResource have, too. */
extern const struct member_type draft_attribute_type, draft_throughput_type, draft_global_type,
	draft_stream_type, draft_sse_type, draft_tag_type;

extern const struct member_word draft_attribute_types[], draft_key_types[], draft_projections[],
	draft_billings[], draft_views[], draft_classes[], draft_sse_types[];
enum { DRAFT_HASH, DRAFT_RANGE };

/* ---- Steps ---- */

/* Fills a zeroed definition with an initialised arena from a draft that members_check has passed. */
DDB_MUST_CHECK enum ddb_code draft_accept(
	const struct draft_table *draft, struct ddb_definition *definition, struct ddb_error *err);

/* An empty definition, its arena ready, with one reference. NULL: no memory. */
struct ddb_definition *ddb_definition_new(void);

#endif
