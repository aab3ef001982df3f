/*
 * What programs ask before they begin: limits, endpoints, backups. The answers are constants. See tables.h.
 */
#include "engine/wire/tables.h"

struct nothing {
	bool given;
};
const struct member_type wire_nothing_type = {.name = "Input", .size = sizeof(struct nothing)};

WIRE_HANDLER(wire_nothing)
{
	(void)call, (void)request, (void)response;
	return DDB_OK;
}

/* The service's own, for a new account. */
WIRE_WRITER(wire_write_limits)
{
	enum { ACCOUNT_UNITS = 80000, TABLE_UNITS = 40000 };
	(void)request, (void)response;
	ddb_json_member_int(json, "AccountMaxReadCapacityUnits", ACCOUNT_UNITS);
	ddb_json_member_int(json, "AccountMaxWriteCapacityUnits", ACCOUNT_UNITS);
	ddb_json_member_int(json, "TableMaxReadCapacityUnits", TABLE_UNITS);
	ddb_json_member_int(json, "TableMaxWriteCapacityUnits", TABLE_UNITS);
}

WIRE_WRITER(wire_write_endpoints)
{
	enum { CACHED_MINUTES = 1440 };
	(void)request, (void)response;
	wire_open(json, "Endpoints", '[');
	ddb_json_open(json, '{');
	ddb_json_member_string(json, "Address", "dynamodb.local.amazonaws.com");
	ddb_json_member_int(json, "CachePeriodInMinutes", CACHED_MINUTES);
	ddb_json_close(json, '}');
	ddb_json_close(json, ']');
}

WIRE_HANDLER(wire_describe_backups)
{
	const struct wire_table_request *asked = request;
	const char *name = wire_table_name(call, &asked->table);
	(void)response;
	return name ? wire_table(call, name, WIRE_DESCRIBE) : call->err->code;
}

/* A backup is a copy of the tree; there are none of the service's kind. */
WIRE_WRITER(wire_write_backups)
{
	(void)request, (void)response;
	wire_open(json, "ContinuousBackupsDescription", '{');
	ddb_json_member_string(json, "ContinuousBackupsStatus", "DISABLED");
	wire_open(json, "PointInTimeRecoveryDescription", '{');
	ddb_json_member_string(json, "PointInTimeRecoveryStatus", "DISABLED");
	ddb_json_close(json, '}');
	ddb_json_close(json, '}');
}
