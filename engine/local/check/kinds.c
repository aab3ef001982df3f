/*
 * What the check has to know of each kind of record: one row a kind.
 */
#include "engine/local/check/check.h"

static const struct check_kind kinds[256] = {
	[LOCAL_ALIAS] = {"an alias", LOCAL_PREFIX_BYTES, .spaced = true, .removed = true},
	[LOCAL_BLOCK] = {"a block of a scratch file", 1, .removed = false},
	[LOCAL_COUNTERS] = {"the counters", LOCAL_SPACE_BYTES, .spaced = true, .removed = true},
	[LOCAL_TOMBSTONE] = {"the note of what is to be purged", LOCAL_SPACE_BYTES, .spaced = true,
		.removed = true},
	[LOCAL_ENTRY_ALIAS] = {"an alias of an entry", LOCAL_PREFIX_BYTES, .spaced = true, .removed = true},
	[LOCAL_SCRATCH] = {"a scratch file", 1, .removed = true},
	[LOCAL_COLLECTION] = {"the bytes of an item collection", LOCAL_PREFIX_BYTES, .spaced = true,
		.removed = true},
	[LOCAL_ITEM] = {"an item", LOCAL_PREFIX_BYTES, .spaced = true, .removed = true},
	[LOCAL_PROGRESS] = {"the progress of an index", LOCAL_SPACE_BYTES, .spaced = true, .removed = true},
	[LOCAL_TOTALS] = {"the totals", 1, .removed = true},
	[LOCAL_STREAM] = {"the note of a stream", LOCAL_SPACE_BYTES, .spaced = true, .removed = true},
	[LOCAL_STREAM_RECORD] = {"a stream record", LOCAL_SPACE_BYTES, .spaced = true, .removed = true},
	[LOCAL_TABLE] = {"the record of the table", 1, .removed = false},
	[LOCAL_EXPIRY] = {"an expiry", LOCAL_SPACE_BYTES, .spaced = true, .removed = true},
	[LOCAL_ENTRY] = {"an entry of an index", LOCAL_PREFIX_BYTES, .spaced = true, .removed = true},
	[LOCAL_TOKEN] = {"the token of a transaction", 1, .removed = true},
};

const struct check_kind *check_kind_of(const uint8_t *key, size_t length)
{
	static const struct check_kind unknown = {.name = "a record of no known kind", .shown_from = 1};
	return length > 0 && kinds[key[0]].name ? &kinds[key[0]] : &unknown;
}

bool check_kind_known(uint8_t kind)
{
	return kinds[kind].name != NULL;
}
