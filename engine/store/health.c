/*
 * Whether the store is well: what the disk said last to writing and to syncing, and whether the data file is
 * still where it was. The file itself can be written after its directory was removed or its disk detached,
 * and all of that would be lost. So its name is looked at, every 50 ms while there are commits, and before
 * anything is called durable.
 */
#include "engine/store/inside.h"
#include "engine/store/layout.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { LOOK_MS = 50 };

void store_health_init(struct store_health *health, const struct store_options *options)
{
	memset(health, 0, sizeof *health);
	health->notice = options->notice;
	health->notice_context = options->notice_context;
	pthread_mutex_init(&health->lock, NULL);
}

void store_health_done(struct store_health *health)
{
	pthread_mutex_destroy(&health->lock);
}

/* ---- What the disk said ---- */

void store_health_note(
	struct store *store, enum store_health_kind kind, enum ddb_code code, const struct ddb_error *err)
{
	struct store_health *health = &store->health;
	if (!code && !health->failing[kind])
		return;
	pthread_mutex_lock(&health->lock);
	health->failing[kind] = code != DDB_OK;
	if (code)
		health->errors[kind] = *err;
	pthread_mutex_unlock(&health->lock);
}

void store_health_read(struct store *store, enum store_health_kind kind, char ret[DDB_MESSAGE_MAX])
{
	struct store_health *health = &store->health;
	struct ddb_error gone;
	ret[0] = '\0';
	if (store_health_look(store, &gone)) {
		memcpy(ret, gone.message, sizeof gone.message);
		return;
	}
	pthread_mutex_lock(&health->lock);
	if (health->failing[kind])
		memcpy(ret, health->errors[kind].message, DDB_MESSAGE_MAX);
	pthread_mutex_unlock(&health->lock);
}

/* ---- Where it is ---- */

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Who may not look any more, or cannot just now, takes it for where it was. */
static bool is_there(struct store *store)
{
	char path[PATH_MAX];
	struct stat named, open;
	int length = snprintf(path, sizeof path, "%s/%s", store->path, STORE_DATA_NAME);
	if (length >= (int)sizeof path || fstat(store->data, &open))
		return true;
	if (stat(path, &named))
		return errno == EACCES || errno == ENOMEM;
	return named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

void store_health_tell(struct store *store, const char *what)
{
	struct store_health *health = &store->health;
	char text[DDB_MESSAGE_MAX];
	if (!health->notice)
		return;
	snprintf(text, sizeof text, "store %.900s %s", store->path, what);
	health->notice(health->notice_context, text);
}

enum ddb_code store_health_look(struct store *store, struct ddb_error *err)
{
	struct store_health *health = &store->health;
	bool gone = !is_there(store);
	health->looked_ms = now_ms();
	if (atomic_exchange(&health->gone, gone) != gone)
		store_health_tell(store, gone ? "is gone: writing is refused until it is back" : "is back");
	if (!gone)
		return DDB_OK;
	return ddb_fail(err, DDB_INTERNAL, "store %.900s is gone", store->path);
}

enum ddb_code store_health_glance(struct store *store, struct ddb_error *err)
{
	if (now_ms() - store->health.looked_ms < LOOK_MS && !store->health.gone)
		return DDB_OK;
	return store_health_look(store, err);
}
