/*
 * A table as DescribeTable shows it. The table itself is engine.h's.
 */
#ifndef DDB_TABLE_H
#define DDB_TABLE_H

#include "engine/engine.h"

/* What stands for the service's region in ARNs. */
#define DDB_REGION "local"

/*
 * The bare `Table` object: the definition in DescribeTable's terms, and what the engine knows beside it. A
 * provisional table is CREATING; its key shows as pk and sk once its kind is settled. A table
 * of which a global index is being made is UPDATING. Only what is known is shown: indexes without their counts when `counts` has none of them.
 */
void ddb_table_describe(const struct ddb_table *table, const struct ddb_table_counts *counts,
	const char *region, struct ddb_json_out *json);
/* The same of a table that is deleted by now. */
void ddb_table_describe_deleted(const struct ddb_table *table, const struct ddb_table_counts *counts,
	const char *region, struct ddb_json_out *json);

#endif
