/*
 * Keys to file names and back, by the one rule of the tree: S as its text, N in canonical decimal, B in
 * base64url, with %XX for what a name cannot hold; names over 255 bytes cut and completed by a digest. Pure
 * functions; any thread.
 */
#ifndef MAP_NAME_H
#define MAP_NAME_H

#include "engine/buffer.h"
#include "engine/engine.h"

enum {
	MAP_NAME_MAX = 255,    /* bytes of a directory entry */
	MAP_LONG_PREFIX = 200, /* at most so many of the encoded name before "~~" */
	MAP_DIGEST_TEXT = 32,  /* base32 digits behind it */
};

/* One key value's encoded text, without cutting or suffix. Failure (memory) sticks in the buffer. */
void map_name_encode(const struct ddb_value *key, struct ddb_buffer *out);

/* The entry for a key: `item` adds ".json"; cut and completed when over 255 bytes. */
void map_name_of_key(const struct ddb_value *key, bool item, char ret[MAP_NAME_MAX + 1]);

/* Whether that entry needs the long form, and the digest of the full encoded name then. */
bool map_name_is_long(const struct ddb_value *key, bool item, uint8_t ret_digest[DDB_ALIAS_BYTES]);

enum map_name_kind {
	MAP_NAME_NONE, /* no key of this type has this name */
	MAP_NAME_KEY,  /* *ret_key, in `arena` */
	MAP_NAME_LONG, /* well-formed long form: find the key by *ret_digest, then compare map_name_of_key */
};
/*
 * `name` is an entry: with `item` it must end in ".json". Only the one canonical spelling of each key is
 * accepted. Key sizes are not judged. An exhausted arena gives MAP_NAME_NONE.
 */
enum map_name_kind map_name_decode(const char *name, bool item, enum ddb_type type, struct ddb_arena *arena,
	struct ddb_value *ret_key, uint8_t ret_digest[DDB_ALIAS_BYTES]);

/*
 * A provisional table files its items under their entries' own text, still encoded. Whether `name` is the
 * entry of some key of type S, N or B, cut or whole; and the entry without its ".json", which is the stand-in
 * key of such an item.
 */
bool map_name_plausible(const char *name, bool item);
void map_name_strip(const char *name, bool item, char ret[MAP_NAME_MAX + 1]);
/* The string that an encoded text (not cut, without suffix) stands for. `ret` has room for `length` bytes.
 * False: no string's text, `ret` is scratch. */
bool map_name_text(const char *text, size_t length, char *ret, size_t *ret_length);

/*
 * Several key values in one name, joined by '~': partitions and entries of indexes, entries of queries. In
 * the long form the caller must compare the name of the key that the digest leads to with what was asked for.
 */
void map_name_of_keys(const struct ddb_value *keys, unsigned count, bool item, char ret[MAP_NAME_MAX + 1]);
bool map_name_are_long(
	const struct ddb_value *keys, unsigned count, bool item, uint8_t ret_digest[DDB_ALIAS_BYTES]);
/* `types` and `ret_keys` have `count` elements, S, N or B. */
enum map_name_kind map_name_decode_keys(const char *name, bool item, const enum ddb_type *types,
	unsigned count, struct ddb_arena *arena, struct ddb_value *ret_keys,
	uint8_t ret_digest[DDB_ALIAS_BYTES]);
/* The same of a text that is no entry: encoded values of any length, or the long form. */
enum map_name_kind map_name_read_keys(const char *text, size_t length, const enum ddb_type *types,
	unsigned count, struct ddb_arena *arena, struct ddb_value *ret_keys,
	uint8_t ret_digest[DDB_ALIAS_BYTES]);

/* A table's directory name (a leading dot as %2E) and back; false when it is no table's name by DynamoDB's
 * rule. */
void map_table_to_name(const char *table, char ret[MAP_NAME_MAX + 3]);
bool map_name_to_table(const char *name, char ret[DDB_TABLE_NAME_MAX + 1]);

#endif
