#include "engine/local/index/filler.h"

#include "engine/local/index/fill.h"
#include <string.h>

enum {
	RETRY_FIRST_MS = 250, /* after a failure, such as a full disk; twice as long after each further one */
	RETRY_LAST_MS = 30000,
};

static enum ddb_code step_attempt(
	struct local_engine *engine, struct local_table *table, void *context, struct ddb_error *err)
{
	return local_fill_step(engine, table, context, err);
}

/* Everything of one table; one that is gone meanwhile needs nothing. */
static enum ddb_code fill_table(struct local_engine *engine, const char *name)
{
	bool more = true;
	enum ddb_code code = DDB_OK;
	while (!code && more && !local_worker_stopping(&engine->filler))
		code = local_on_table(engine, name, LOCAL_OF_TABLE, step_attempt, &more, NULL);
	return code == DDB_RESOURCE_NOT_FOUND ? DDB_OK : code;
}

/* All tables once. False: something has failed. */
static bool fill_all(struct local_engine *engine)
{
	char name[DDB_TABLE_NAME_MAX + 1] = "";
	bool found = true, sound = true;
	while (!local_worker_stopping(&engine->filler)) {
		if (local_catalog_next(engine, name, local_catalog_pending, &found, NULL))
			return false;
		if (!found)
			return sound;
		if (fill_table(engine, name))
			sound = false;
	}
	return sound;
}

static int64_t longer(int64_t pause_ms)
{
	return pause_ms * 2 < RETRY_LAST_MS ? pause_ms * 2 : RETRY_LAST_MS;
}

void local_fill(struct local_engine *engine)
{
	int64_t pause_ms = RETRY_FIRST_MS, until;
	do {
		bool sound = fill_all(engine);
		until = sound ? INT64_MAX : local_ticks() + pause_ms * LOCAL_TICKS_MS;
		pause_ms = sound ? RETRY_FIRST_MS : longer(pause_ms);
	} while (local_worker_sleep(&engine->filler, until));
}

void local_filler_begin(struct local_engine *engine)
{
	if (!engine->read_only && local_catalog_any(engine, local_catalog_pending))
		local_worker_wake(&engine->filler);
}
