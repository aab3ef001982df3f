/*
 * The lines of a trace. See call.h.
 */
#include "engine/trace/call.h"

#include "engine/jsonout.h"
#include "engine/typed.h"
#include "engine/utf8.h"
#include <string.h>

/* ---- Writing one detail ---- */

/* Names of files may be any bytes; JSON is UTF-8. */
static void write_bytes(struct ddb_json_out *json, const char *bytes, size_t length)
{
	DDB_BUFFER_AUTO struct ddb_buffer text = {0};
	ddb_buffer_init(&text, TRACE_LINE_MAX);
	while (length) {
		size_t valid = ddb_utf8_prefix(bytes, length);
		ddb_buffer_add(&text, bytes, valid);
		if (valid < length)
			ddb_buffer_add_string(&text, "\xEF\xBF\xBD");
		size_t taken = valid < length ? valid + 1 : valid;
		bytes += taken;
		length -= taken;
	}
	ddb_json_string(json, text.length ? text.bytes : "", text.length);
}

static void write_text(struct ddb_json_out *json, const void *detail)
{
	write_bytes(json, detail, strlen(detail));
}

static void write_value(struct ddb_json_out *json, const void *detail)
{
	ddb_typed_write_value(json, detail);
}

static void write_key(struct ddb_json_out *json, const void *detail)
{
	const struct ddb_value *key = detail;
	ddb_json_open(json, '{');
	for (uint32_t i = 0; key->type == DDB_M && i < key->count; i++) {
		const struct ddb_attribute *attribute = &key->attributes[i];
		/* The stand-ins of a provisional table begin with a byte that is no text. */
		bool stand_in = attribute->name_length && *attribute->name == *DDB_PROVISIONAL_HASH;
		ddb_json_name(json, attribute->name + stand_in, attribute->name_length - stand_in);
		ddb_typed_write_value(json, &attribute->value);
	}
	ddb_json_close(json, '}');
}

static void write_scratch(struct ddb_json_out *json, const void *detail)
{
	const struct ddb_scratch_name *scratch = detail;
	write_text(json, scratch->name);
}

static void write_directory(struct ddb_json_out *json, const void *detail)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *id = detail;
	char text[2 * DDB_DIRECTORY_ID_BYTES];
	for (size_t i = 0; i < DDB_DIRECTORY_ID_BYTES; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	ddb_json_string(json, text, sizeof text);
}

static void write_condition(struct ddb_json_out *json, const void *detail)
{
	static const char *const names[] = {
		[DDB_ALWAYS] = "always", [DDB_IF_ABSENT] = "if_absent", [DDB_IF_PRESENT] = "if_present"};
	write_text(json, names[*(const enum ddb_condition *)detail]);
}

static void write_return_values(struct ddb_json_out *json, const void *detail)
{
	static const char *const names[] = {
		[DDB_RETURN_NONE] = "NONE",
		[DDB_RETURN_ALL_OLD] = "ALL_OLD",
		[DDB_RETURN_UPDATED_OLD] = "UPDATED_OLD",
		[DDB_RETURN_ALL_NEW] = "ALL_NEW",
		[DDB_RETURN_UPDATED_NEW] = "UPDATED_NEW",
	};
	write_text(json, names[*(const enum ddb_return_values *)detail]);
}

static void write_select(struct ddb_json_out *json, const void *detail)
{
	static const char *const names[] = {
		[DDB_SELECT_DEFAULT] = "DEFAULT",
		[DDB_SELECT_ALL] = "ALL_ATTRIBUTES",
		[DDB_SELECT_PROJECTED] = "ALL_PROJECTED_ATTRIBUTES",
		[DDB_SELECT_COUNT] = "COUNT",
	};
	write_text(json, names[*(const enum ddb_select *)detail]);
}

static void write_kind(struct ddb_json_out *json, const void *detail)
{
	static const char *const names[] = {
		[DDB_DEFINED] = "defined",
		[DDB_PROVISIONAL] = "provisional",
		[DDB_PROVISIONAL_SIMPLE] = "simple",
		[DDB_PROVISIONAL_COMPOSITE] = "composite",
	};
	write_text(json, names[*(const enum ddb_provisional *)detail]);
}

static void write_view(struct ddb_json_out *json, const void *detail)
{
	static const char *const names[] = {[DDB_SNAPSHOT] = "snapshot", [DDB_TRANSACTION] = "transaction"};
	write_text(json, names[*(const enum ddb_view_kind *)detail]);
}

static void write_size(struct ddb_json_out *json, const void *detail)
{
	ddb_json_int(json, (int64_t) * (const size_t *)detail);
}

static void write_uint64(struct ddb_json_out *json, const void *detail)
{
	ddb_json_int(json, (int64_t) * (const uint64_t *)detail);
}

static void write_bool(struct ddb_json_out *json, const void *detail)
{
	ddb_json_raw(json, *(const bool *)detail ? "true" : "false");
}

/* ---- Writing a line ---- */

struct detail {
	const char *name;
	size_t place; /* of the pointer, in struct trace_call */
	void (*write)(struct ddb_json_out *json, const void *detail);
};

#define DETAIL(name_, write_)                                                                                \
	{                                                                                                    \
#name_, offsetof(struct trace_call, name_), write_                                           \
	}
static const struct detail asked[] = {
	DETAIL(table, write_text),
	DETAIL(table_to, write_text),
	DETAIL(index, write_text),
	DETAIL(key, write_key),
	DETAIL(to, write_key),
	DETAIL(partition, write_value),
	DETAIL(partition_to, write_value),
	DETAIL(directory, write_directory),
	DETAIL(scratch, write_scratch),
	DETAIL(directory_to, write_directory),
	DETAIL(scratch_to, write_scratch),
	DETAIL(consume, write_scratch),
	DETAIL(consume_as, write_scratch),
	DETAIL(keep, write_scratch),
	DETAIL(condition, write_condition),
	DETAIL(conditional, write_bool),
	DETAIL(return_values, write_return_values),
	DETAIL(kind, write_kind),
	DETAIL(view, write_view),
	DETAIL(provisional, write_bool),
	DETAIL(offset, write_uint64),
	DETAIL(size, write_uint64),
	DETAIL(count, write_size),
	DETAIL(exchange, write_bool),
	DETAIL(exclusive, write_bool),
	DETAIL(no_replace, write_bool),
	DETAIL(meta_only, write_bool),
	DETAIL(keys_only, write_bool),
	DETAIL(backward, write_bool),
	DETAIL(filtered, write_bool),
	DETAIL(projected, write_bool),
	DETAIL(select, write_select),
	DETAIL(consistent, write_bool),
	DETAIL(token, write_bool),
};
static const struct detail reported[] = {DETAIL(done, write_size)};
static const struct detail answered[] = {
	DETAIL(replaced, write_bool),
	DETAIL(unchanged, write_bool),
	DETAIL(found, write_bool),
	DETAIL(existed, write_bool),
	DETAIL(examined, write_size),
	DETAIL(returned, write_size),
	DETAIL(unprocessed, write_size),
	DETAIL(items, write_uint64),
	DETAIL(more, write_bool),
	DETAIL(repeated, write_bool),
};
#define WRITE_DETAILS(json, call, rows) write_details(json, call, rows, sizeof(rows) / sizeof *(rows))

static void write_details(
	struct ddb_json_out *json, const struct trace_call *call, const struct detail *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const void *detail;
		memcpy(&detail, (const char *)call + rows[i].place, sizeof detail);
		if (!detail)
			continue;
		ddb_json_name(json, rows[i].name, strlen(rows[i].name));
		rows[i].write(json, detail);
	}
}

void trace_call_write(const struct trace_call *call, enum ddb_code code, struct ddb_buffer *out)
{
	struct ddb_json_out json;
	ddb_json_out_init(&json, out, false);
	ddb_json_open(&json, '{');
	ddb_json_member_string(&json, "operation", call->operation);
	WRITE_DETAILS(&json, call, asked);
	ddb_json_member_string(&json, "result", code ? ddb_error_row(code)->name : "ok");
	WRITE_DETAILS(&json, call, reported);
	if (!code)
		WRITE_DETAILS(&json, call, answered);
	ddb_json_close(&json, '}');
	ddb_buffer_add_byte(out, '\n');
}
