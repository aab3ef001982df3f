/*
 * Inside wire/: requests about tables: their making and end (tables.c), what is changed about them
 * (table_update.c, settings.c), and what an account is asked (account.c).
 */
#ifndef DDB_WIRE_TABLES_H
#define DDB_WIRE_TABLES_H

#include "engine/wire/call.h"

struct wire_description {
	const struct ddb_table *table; /* the call's */
	struct ddb_table_counts counts;
};
struct wire_tags {
	unsigned count;
	const struct ddb_tag *tags; /* the table's */
};
struct wire_ttl {
	const char *attribute; /* or NULL: off */
	bool enabled;
};

struct wire_table_request {
	bool given;
	struct member_text table;
};

/* Of the operations on tables: a name must be there. NULL with the refusal in call->err. */
const char *wire_table_name(struct wire_call *call, const struct member_text *text);
/* Describes call->table. */
DDB_MUST_CHECK enum ddb_code wire_describe(
	struct wire_call *call, const char *name, struct wire_description *ret);

/*
 * Changes a table's definition through its canonical form: `edit` gets that as a tree and puts another one in
 * its place. It is asked again when somebody else has changed the table meanwhile. call->table is the table
 * as it was when `edit` was asked last.
 */
typedef enum ddb_code wire_edit(struct wire_call *call, const void *request, struct ddb_value *definition);
DDB_MUST_CHECK enum ddb_code wire_alter(
	struct wire_call *call, const char *name, wire_edit *edit, const void *request);
/* A member of a tree set, or (value NULL) taken away. */
DDB_MUST_CHECK enum ddb_code wire_tree_set(
	struct wire_call *call, struct ddb_value *tree, const char *name, const struct ddb_value *value);
const struct ddb_value *wire_tree_get(const struct ddb_value *tree, const char *name);
/* Whether a member of a tree is that text. */
bool wire_tree_is(const struct ddb_value *tree, const char *name, const char *text, size_t length);
/* A copy of a list with room for one more element, which is not counted yet. NULL: no memory. */
struct ddb_value *wire_tree_list(struct wire_call *call, const struct ddb_value *list);

extern const struct member_type wire_nothing_type, wire_create_table_type, wire_table_name_type,
	wire_list_tables_type, wire_update_table_type, wire_resource_type, wire_untag_type,
	wire_update_ttl_type;
WIRE_HANDLER(wire_nothing);
WIRE_HANDLER(wire_create_table);
WIRE_HANDLER(wire_describe_table);
WIRE_HANDLER(wire_delete_table);
WIRE_HANDLER(wire_list_tables);
WIRE_HANDLER(wire_update_table);
WIRE_HANDLER(wire_tag);
WIRE_HANDLER(wire_untag);
WIRE_HANDLER(wire_list_tags);
WIRE_HANDLER(wire_describe_ttl);
WIRE_HANDLER(wire_update_ttl);
WIRE_HANDLER(wire_describe_backups);
WIRE_WRITER(wire_write_table);
WIRE_WRITER(wire_write_table_description);
WIRE_WRITER(wire_write_deleted_table);
WIRE_WRITER(wire_write_tables);
WIRE_WRITER(wire_write_tags);
WIRE_WRITER(wire_write_ttl);
WIRE_WRITER(wire_write_updated_ttl);
WIRE_WRITER(wire_write_limits);
WIRE_WRITER(wire_write_endpoints);
WIRE_WRITER(wire_write_backups);

#endif
