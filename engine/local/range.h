/*
 * Which records a Query or Scan goes through: partition, bounds, segment and start key become one half-open
 * range of store keys, of a table or of an index. Nothing here reads the store.
 */
#ifndef LOCAL_RANGE_H
#define LOCAL_RANGE_H

#include "engine/local/source.h"

struct local_place {
	size_t length;
	uint8_t bytes[LOCAL_ENTRY_KEY_MAX + 1];
};
_Static_assert((int)LOCAL_ENTRY_KEY_MAX >= (int)LOCAL_KEY_MAX, "a place of either kind");

/* Store keys from `from` (inclusive) to `to` (exclusive); empty when `to` is not above `from`. */
struct local_range {
	struct local_place from, to;
};

void local_place_set(struct local_place *place, const uint8_t *bytes, size_t length);
int local_place_compare(const struct local_place *place, const uint8_t *bytes, size_t length);
static inline bool local_range_has(const struct local_range *range, const uint8_t *key, size_t length)
{
	return local_place_compare(&range->from, key, length) <= 0 &&
	       local_place_compare(&range->to, key, length) > 0;
}

/* DDB_VALIDATION: values that no key can have, a start key that is none of the request's. */
DDB_MUST_CHECK enum ddb_code local_range_of(struct local_engine *engine, const struct local_source *source,
	const struct ddb_query *query, struct local_range *ret, struct ddb_error *err);

#endif
