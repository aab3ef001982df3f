/*
 * Errors to errno, in one place, and the last thousand refusals for /.errors. Threads: any.
 */
#ifndef MAP_REFUSAL_H
#define MAP_REFUSAL_H

#include "mapping/map.h"

enum { MAP_REFUSALS_KEPT = 1000 };

/* SPEC "Errors": the errno of an engine's refusal where no operation asks for another. */
int map_errno(enum ddb_code code);
/* "EINVAL" for EINVAL. */
const char *map_errno_name(int number);

struct map_refusals;
struct map_refusals *map_refusals_new(void);
void map_refusals_free(struct map_refusals *refusals);

/* Records one refusal; strings are copied (path and message bounded). `type` is DynamoDB's error name.
 * Returns `number`, so that a refusal is one line. */
int map_refuse(struct map_refusals *refusals, const struct map_caller *caller, const char *path,
	const char *operation, int number, const struct ddb_error *error);

/* JSON lines {time, uid, pid, path, operation, errno, type, message}, oldest first: those of `uid`, or all
 * for root. */
void map_refusals_write(struct map_refusals *refusals, uid_t uid, struct ddb_buffer *out);

#endif
