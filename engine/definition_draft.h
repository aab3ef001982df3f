/*
 * A definition as somebody wrote it, before the rules: every member given or not, texts as they stand. Rows
 * say which members there are, of what type and under which constraints; one reader and one walk over the
 * constraints serve them all. Private to definition*.c. A draft lives for one reading: it points into the
 * JSON tree and into an arena.
 */
#ifndef DDB_DEFINITION_DRAFT_H
#define DDB_DEFINITION_DRAFT_H

#include "engine/definition.h"

struct draft_text {
	const char *bytes; /* NULL: not given */
	uint32_t length;
};

struct draft_integer {
	bool given;
	int64_t value;
};

enum draft_flag { DRAFT_UNSAID, DRAFT_FALSE, DRAFT_TRUE };

struct draft_list {
	bool given;
	uint32_t count;
	void *elements; /* texts, or objects of the row's type */
};

/* Every object begins with `given`: the reader sets it without knowing more. */

struct draft_attribute { /* of AttributeDefinitions */
	bool given;
	struct draft_text name, type;
};

struct draft_key { /* a KeySchemaElement */
	bool given;
	struct draft_text name, type;
};

struct draft_throughput {
	bool given;
	struct draft_integer read, write;
};

struct draft_projection {
	bool given;
	struct draft_text type;
	struct draft_list names; /* texts */
};

struct draft_index {
	bool given;
	struct draft_text name;
	struct draft_list key;
	struct draft_projection projection;
	struct draft_throughput throughput;
};

struct draft_stream {
	bool given;
	enum draft_flag enabled;
	struct draft_text view;
};

struct draft_sse {
	bool given;
	enum draft_flag enabled, sse_enabled; /* the API's name and CloudFormation's */
	struct draft_text type, key;
};

struct draft_ttl {
	bool given;
	struct draft_text attribute;
	enum draft_flag enabled;
};

struct draft_tag {
	bool given;
	struct draft_text key, value;
};

struct draft_table {
	bool given;
	struct draft_text name;
	struct draft_list attributes, key, locals, globals, tags;
	struct draft_text billing, table_class;
	struct draft_throughput throughput;
	struct draft_stream stream;
	struct draft_sse sse;
	struct draft_ttl ttl;
	enum draft_flag deletion_protection;
};

struct draft_resource { /* CloudFormation's */
	bool given;
	struct draft_text type;
	struct draft_table properties;
};

/* ---- Rows ---- */

enum draft_kind {
	DRAFT_TEXT,
	DRAFT_TABLE_NAME, /* a text; in CloudFormation also a function, which is passed over */
	DRAFT_INTEGER,
	DRAFT_FLAG,
	DRAFT_OBJECT,
	DRAFT_LIST,
	DRAFT_IGNORED,     /* known, and without a meaning here */
	DRAFT_UNSUPPORTED, /* known, and passing over it would be a lie: `refusal` says why */
};

enum draft_pattern { DRAFT_ANY, DRAFT_NAME, DRAFT_TAG };

struct draft_word {
	const char *name; /* NULL ends the list */
	int value;
};

struct draft_member {
	const char *name;
	enum draft_kind kind;
	size_t offset;
	bool required;
	enum draft_pattern pattern;
	uint32_t least, most; /* bytes of a text (characters under DRAFT_TAG), elements of a list, an integer;
				 most 0: any */
	const struct draft_word *words;     /* the values of an enumeration */
	const struct draft_type *type;      /* of an object, or of a list's elements */
	const struct draft_member *element; /* of a list of texts: their constraints */
	const char *refusal; /* of a list with more than `most` elements, in place of the constraint's text */
};

struct draft_type {
	const char *name; /* the service's */
	size_t size;
	size_t count;
	const struct draft_member *members;
};

extern const struct draft_type draft_table_type, draft_resource_type;

extern const struct draft_word draft_attribute_types[], draft_key_types[], draft_projections[],
	draft_billings[], draft_views[], draft_classes[], draft_sse_types[];
enum { DRAFT_HASH, DRAFT_RANGE };
/* Of a text that the walk has passed. */
int draft_word_value(const struct draft_word *words, const struct draft_text *text);
const char *draft_word_name(const struct draft_word *words, int value);
const struct draft_word *draft_word_find(const struct draft_word *words, const struct draft_text *text);

/* ---- Places, as the service's messages name them: keySchema.1.member.keyType ---- */

struct draft_path {
	char text[192];
	size_t length;
};
/* Both return the length to give back to draft_path_pop. */
size_t draft_path_push(struct draft_path *path, const char *member);
size_t draft_path_push_element(struct draft_path *path, uint32_t index /* from 0 */);
void draft_path_pop(struct draft_path *path, size_t length);

/* ---- Steps ---- */

/* DDB_VALIDATION naming each constraint that does not hold. */
DDB_MUST_CHECK enum ddb_code draft_check(const struct draft_table *draft, struct ddb_error *err);
/* Fills a zeroed definition with an initialised arena from a draft that draft_check has passed. */
DDB_MUST_CHECK enum ddb_code draft_accept(
	const struct draft_table *draft, struct ddb_definition *definition, struct ddb_error *err);

/* An empty definition, its arena ready, with one reference. NULL: no memory. */
struct ddb_definition *ddb_definition_new(void);

#endif
