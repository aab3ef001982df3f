/*
 * Writes JSON text: members and elements in the order given, either compact (no spaces) or in the layout of
 * `jq --indent 2` (nested values expanded, [] and {} when empty; no newline at the end). Failure sticks in
 * the buffer.
 */
#ifndef DDB_JSONOUT_H
#define DDB_JSONOUT_H

#include "engine/buffer.h"
#include "engine/value.h"

struct ddb_json_out {
	struct ddb_buffer *out;
	bool pretty;
	bool fresh; /* nothing in the open container yet */
	bool named; /* a member's name was just written */
	unsigned depth;
};

void ddb_json_out_init(struct ddb_json_out *json, struct ddb_buffer *out, bool pretty);

void ddb_json_open(struct ddb_json_out *json, char bracket /* '{' or '[' */);
void ddb_json_close(struct ddb_json_out *json, char bracket /* '}' or ']' */);
void ddb_json_name(struct ddb_json_out *json, const char *name, size_t length);
void ddb_json_string(struct ddb_json_out *json, const char *bytes, size_t length);
void ddb_json_number(struct ddb_json_out *json, const uint8_t *bytes, size_t length); /* sortable form */
void ddb_json_int(struct ddb_json_out *json, int64_t value);
void ddb_json_raw(struct ddb_json_out *json, const char *text); /* true, false, null, ready-made text */
void ddb_json_base64(struct ddb_json_out *json, const uint8_t *bytes, size_t length);

/* Shorthands for members with constant names. */
void ddb_json_member_string(struct ddb_json_out *json, const char *name, const char *value);
void ddb_json_member_int(struct ddb_json_out *json, const char *name, int64_t value);
void ddb_json_member_bool(struct ddb_json_out *json, const char *name, bool value);

/*
 * Appends `bytes` as a JSON string with quotes. Escapes only ", \, U+0000-001F (\b \f \n \r \t, else \u00xx
 * in lower case) and U+007F.
 */
void ddb_json_add_string(struct ddb_buffer *out, const char *bytes, size_t length);

#endif
